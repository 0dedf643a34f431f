"""Tests of airpocket.store.csv_rows: the fast way and the slow way say the same."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import SourceError
from airpocket.store.csv_rows import CsvRows

COLUMNS: dict[str, type] = {"a": int, "b": float, "c": str}


def parsed(
    *blocks: bytes, header: bool | None = False, optional: tuple[str, ...] = ()
) -> tuple[list[tuple[object, ...]], list[int]]:
    told: list[int] = []
    rows = CsvRows(
        Path("x"),
        COLUMNS,
        header=header,
        optional=optional,
        rejected=lambda line, _: told.append(line),
    )
    frames = [frame for block in blocks for frame in rows.parse(block)]
    rows.finish()
    return (pl.concat(frames).rows() if frames else []), told


@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(10**12), 10**12).map(str),
            st.floats(-1e9, 1e9).map(repr),
            st.sampled_from(["x", "a b", " y ", "=1+1"]),
        ),
        min_size=1,
        max_size=12,
    ),
    bad=st.sampled_from(["", "no", "1,2", "x,1,y", "1,x,y", "1,2,3,4"]),
)
def test_one_bad_line_changes_nothing_for_the_others(
    rows: list[tuple[str, str, str]], bad: str
) -> None:
    lines = [",".join(row) for row in rows]
    fast, _ = parsed("".join(line + "\n" for line in lines).encode())
    slow, told = parsed("".join(line + "\n" for line in [bad, *lines]).encode())
    assert [row[:3] for row in slow] == [row[:3] for row in fast]
    assert [row[3] for row in slow] == [int(str(row[3])) + 1 for row in fast]
    assert told == ([] if not bad else [1])  # an empty line is no row, and no bad one


def test_lines_are_counted_across_blocks_and_the_header() -> None:
    rows, told = parsed(b"c,a,b\nx,1,1\n", b"y,2,2\nbad\n", b"z,3,3\n", header=True)
    assert rows == [(1, 1.0, "x", 2), (2, 2.0, "y", 3), (3, 3.0, "z", 5)]
    assert told == [4]


def test_empty_fields_are_null_only_where_they_may_be() -> None:
    block = b"1,,x\n2,3,y\n"
    assert parsed(block) == ([(2, 3.0, "y", 2)], [1])
    assert parsed(block, optional=("b",)) == ([(1, None, "x", 1), (2, 3.0, "y", 2)], [])
    # What cannot be read is bad even where it may be empty.
    assert parsed(b"1,no,x\n2,3,y\n", optional=("b",)) == ([(2, 3.0, "y", 2)], [1])


def test_short_rows_are_not_filled_up() -> None:
    assert parsed(b"1,2,x\n2,3\n", optional=("c",)) == ([(1, 2.0, "x", 1)], [2])
    assert parsed(b'1,2,"x"\n2,3\n', optional=("c",)) == ([(1, 2.0, "x", 1)], [2])


def test_a_header_is_needed_where_it_is_said_to_be() -> None:
    with pytest.raises(SourceError, match="names a column twice"):
        parsed(b"a,b,c,c\n1,2,x,y\n", header=True)
    with pytest.raises(SourceError, match="lacks the columns"):
        parsed(b"1,2,x\n", header=True)
    with pytest.raises(SourceError, match="empty"):
        parsed(header=True)
