"""Frames are taken in one after the other, and columns have the names they are given."""

import numpy as np
import polars as pl
import pytest

from airpocket.errors import InputError
from airpocket.leverage.position_columns import (
    COLUMNS,
    NEEDED,
    ColumnReader,
    median_marks,
    named,
)
from tests.leverage.frames import BTC, ETH, catalogue_of, frame


def _reader(**columns: str) -> ColumnReader:
    return ColumnReader("made up", catalogue_of, venue="x", columns=columns)


def test_what_is_needed_is_a_column() -> None:
    assert set(NEEDED) <= set(COLUMNS)


def test_frames_one_after_the_other_are_one() -> None:
    reader, whole = _reader(), _reader()
    table = frame()
    reader.take(table[:1])
    reader.take(table[:0])
    reader.take(table[1:])
    whole.take(table)
    found, expected = reader.finish(), whole.finish()
    assert found.instruments == expected.instruments == (BTC, ETH)
    np.testing.assert_array_equal(found.instrument, expected.instrument)
    np.testing.assert_array_equal(found.qty_raw, expected.qty_raw)


def test_rows_are_counted_over_frames() -> None:
    reader = _reader()
    reader.take(frame())
    with pytest.raises(InputError, match="made up: row 4: size 0"):
        reader.take(frame(size=[1.0, 0.0]))


def test_nothing_is_refused() -> None:
    reader = _reader()
    reader.take(frame()[:0])
    with pytest.raises(InputError, match="made up: holds no position"):
        reader.finish()


def test_categories_are_words() -> None:
    reader = _reader()
    reader.take(frame().cast({"side": pl.Categorical}))
    assert reader.finish().is_long.tolist() == [True, False]


def test_a_mode_that_is_said_is_not_assumed() -> None:
    reader = _reader()
    reader.take(frame(margin_mode=["cross", "Isolated"]))
    found = reader.finish()
    assert found.is_cross.tolist() == [True, False]
    assert found.assumed == ()


def test_names_of_columns() -> None:
    assert named(None, "s")["size"] == "size"
    assert named({"size": "qty"}, "s")["size"] == "qty"
    # A column that stands for another is not also its own.
    assert "leverage" not in named({"margin": "leverage"}, "s")
    with pytest.raises(InputError, match="s: 'qty' is no column of positions"):
        named({"qty": "size"}, "s")
    with pytest.raises(InputError, match="s: 'a' is mapped to two columns"):
        named({"size": "a", "margin": "a"}, "s")


def test_a_column_that_was_named_must_be_there() -> None:
    with pytest.raises(InputError, match="has no column margin"):
        _reader(margin="isolatedMargin").take(frame())


def test_what_is_no_table_is_not_shown_whole() -> None:
    with pytest.raises(InputError) as caught:
        _reader().refuse_missing([f"{{{'x' * 500}", *"abcdefghijklmnop"])
    said = str(caught.value)
    assert len(said) < 300
    assert ", …); a table of positions has symbol, side, size, entry_price at least" in said
    with pytest.raises(InputError, match="at least, parted by commas"):
        _reader().refuse_missing(["symbol;side;size;entry_price"])


def test_medians_of_marks() -> None:
    marks = np.array([1.0, 3.0, np.nan, 8.0, 2.0])
    found = median_marks(marks, np.array([0, 0, 1, 2, 0], dtype=np.int32), 4)
    np.testing.assert_array_equal(found, [2.0, np.nan, 8.0, np.nan])
