"""A ladder as a table of polars, and back."""

import numpy as np
import polars as pl
import pytest

from airpocket.errors import InputError
from airpocket.leverage.ladder_table import COLUMNS, table_levels, table_of, table_schema
from airpocket.market.events import Side
from tests.leverage.ladders import ladder, levels


def test_rows_are_longs_before_shorts_with_what_they_belong_to() -> None:
    table = table_of(ladder([(80.0, 2.0, 1.0), (90.0, 1.0, 1.0)], [(110.0, 3.0, 1.0)]))
    assert table.schema == table_schema()
    assert tuple(table.columns) == COLUMNS
    assert table.select("side", "price", "notional_usd").rows() == [
        ("long", 90.0, 1.0), ("long", 80.0, 2.0), ("short", 110.0, 3.0),
    ]  # fmt: skip
    assert set(table["forced"]) == {"liquidation"}
    assert table["at"].null_count() == table["count"].null_count() == 3


def test_no_levels_are_no_rows_of_the_same_columns() -> None:
    assert table_of(ladder([])).schema == table_schema()
    assert table_of(ladder([])).height == 0


def test_one_side_may_be_empty() -> None:
    row = [(105.0, 1.0, 1.0)]
    assert table_of(ladder(row)).select("side", "price").rows() == [("long", 105.0)]
    assert table_of(ladder([], row)).select("side", "price").rows() == [("short", 105.0)]
    assert table_of(ladder([], row)).schema == table_schema()


def test_what_is_unknown_comes_back_as_unknown() -> None:
    rows = pl.DataFrame(
        {
            "price": [90.0, 80.0], "notional_usd": [1.0, 1.0], "qty_base": [1.0, 1.0],
            "count": [2, None], "bankruptcy_price": [None, 79.0],
        }
    )  # fmt: skip
    found = table_levels(Side.LONG, rows)
    assert found.count is None
    assert found.bankruptcy_price is not None
    assert np.array_equal(found.bankruptcy_price, [np.nan, 79.0], equal_nan=True)
    known = table_levels(Side.LONG, rows.head(1))
    assert known.count is not None
    assert known.count.tolist() == [2]
    assert known.bankruptcy_price is None
    expected = levels(Side.LONG, [(90.0, 1.0, 1.0)])
    assert known.price.tolist() == expected.price.tolist()


def test_a_row_that_is_no_level_is_refused() -> None:
    rows = table_of(ladder([(90.0, 1.0, 1.0)])).with_columns(pl.lit(-1.0).alias("price"))
    with pytest.raises(InputError, match="price"):
        table_levels(Side.LONG, rows)
