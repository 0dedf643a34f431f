"""Tests of airpocket.venues.tardis.rows."""

import polars as pl
import pytest

from airpocket.market.quality import FindingCode
from airpocket.venues.tardis.rows import TICK_COLUMNS, Rows, coded, times_ns

AT_US = 1_760_129_100_071_000


def frame(
    *rows: tuple[str, int, str | None, str | None, float, float], line: int = 2
) -> pl.DataFrame:
    """Rows of (symbol, time offset in µs, id, side, price, amount)."""
    table = [
        ("okex-swap", symbol, AT_US + us, AT_US + us + 5_000, number, side, price, amount, line + i)
        for i, (symbol, us, number, side, price, amount) in enumerate(rows)
    ]
    return pl.DataFrame(table, schema={**TICK_COLUMNS, "line": int}, orient="row")


def reader() -> Rows:
    return Rows("x.csv", "okx", "okex-swap")


def test_usable_rows_come_through_as_they_are() -> None:
    rows = reader()
    block = rows.ticks(frame(("A", 0, "7", "buy", 2.0, 3.0), ("B", 9, None, "sell", 4.0, 5.0)))
    assert block.lines.tolist() == [2, 3]
    assert block.venue_ns.tolist() == [AT_US * 1000, (AT_US + 9) * 1000]
    assert [block.words[code] for code in block.symbols] == ["A", "B"]
    assert block.sides.tolist() == [0, 1]
    words = block.id_words()
    assert words is not None
    assert (words[0].tolist(), words[1][0]) == ([0, -1], "7")
    assert list(rows.findings()) == []


@pytest.mark.parametrize(
    ("price", "amount"),
    [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0), (1.0, float("inf")), (1e16, 1.0)],
)
def test_hostile_numbers_are_left_out_and_told(price: float, amount: float) -> None:
    rows = reader()
    block = rows.ticks(frame(("A", 0, "1", "buy", price, amount), ("A", 1, "2", "buy", 1.0, 1.0)))
    assert block.lines.tolist() == [3]
    (finding,) = rows.findings()
    assert (finding.code, finding.count) == (FindingCode.REJECTED_ROWS, 1)
    assert "line 2" in finding.said


@pytest.mark.parametrize("scale", [1000, 1 / 1000, 1 / 1_000_000])
def test_a_change_of_unit_is_left_out_and_told_as_such(scale: float) -> None:
    rows = reader()
    changed = frame(("A", 0, "1", "buy", 1.0, 1.0), ("A", 1, "2", "buy", 1.0, 1.0)).with_columns(
        timestamp=pl.when(pl.col("line") == 3)
        .then((pl.col("timestamp") * scale).cast(int))
        .otherwise("timestamp")
    )
    assert rows.ticks(changed).lines.tolist() == [2]
    codes = [finding.code for finding in rows.findings()]
    assert codes == [FindingCode.TIME_UNIT_CHANGED, FindingCode.REJECTED_ROWS]


def test_rows_of_another_exchange_are_left_out() -> None:
    rows = reader()
    mixed = frame(("A", 0, "1", "buy", 1.0, 1.0)).with_columns(exchange=pl.lit("deribit"))
    assert len(rows.ticks(mixed).lines) == 0
    assert [finding.code for finding in rows.findings()] == [FindingCode.REJECTED_ROWS]


def test_repeats_are_found_within_a_block_and_across_two() -> None:
    rows = reader()
    first = [("A", i, str(100 + i), "buy", 1.0, 1.0) for i in range(5)]
    assert len(rows.ticks(frame(*first)).lines) == 5
    again = frame(first[3], first[4], ("A", 5, "105", "buy", 1.0, 1.0), line=7)
    assert rows.ticks(again).lines.tolist() == [9]
    within = frame(("A", 6, "106", "buy", 1.0, 1.0), ("A", 6, "106", "buy", 1.0, 1.0), line=10)
    assert rows.ticks(within).lines.tolist() == [10]
    (finding,) = rows.findings()
    assert (finding.code, finding.count) == (FindingCode.DUPLICATED_ROWS, 3)


def test_what_only_looks_alike_is_kept() -> None:
    rows = reader()
    same_id = frame(
        ("A", 0, "1", "buy", 1.0, 1.0),
        ("A", 0, "1", "buy", 2.0, 1.0),  # another price: not the same row
        ("B", 0, "1", "buy", 1.0, 1.0),  # ids of two instruments
        ("A", 0, None, "buy", 1.0, 1.0),
        ("A", 0, None, "buy", 1.0, 1.0),  # no id: two liquidations may look alike
    )
    assert len(rows.ticks(same_id).lines) == 5
    assert list(rows.findings()) == []


def test_sides_that_a_venue_does_not_say_are_unknown() -> None:
    block = reader().ticks(frame(("A", 0, "1", "unknown", 1.0, 1.0), ("A", 1, "2", None, 1.0, 1.0)))
    assert block.sides.tolist() == [-1, -1]
    assert block.id_words() is not None


def test_words_are_coded_in_order() -> None:
    codes, words = coded(pl.Series(["b", "a", "b"]))
    assert [words[code] for code in codes] == ["b", "a", "b"]
    assert times_ns(pl.DataFrame({"t": [2]}), "t").tolist() == [2000]
