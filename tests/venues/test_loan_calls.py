"""The shape every extract of calls is brought into, and what is left out of it."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.events import Coverage, GapCause, Liquidation, Method, Side
from airpocket.market.quality import FindingCode
from airpocket.units import HOUR_NS, SECOND_NS
from airpocket.venues.loan_calls import (
    CALLS,
    columns_of,
    end_of,
    finding,
    shaped,
    truncations,
    units_of,
    usable,
    without_twins,
    word_codes,
)

T0 = 1_700_000_000


def calls(*rows: dict[str, Any]) -> pl.DataFrame:
    whole = {"collateral": "WBTC", "collateral_raw": 2.0, "time_s": T0}
    table = [{"row": n} | whole | row for n, row in enumerate(rows)]
    return shaped(pl.DataFrame(table, infer_schema_length=None))


def events(frame: pl.DataFrame) -> list[Liquidation]:
    bulk = columns_of(frame, venue="aave", rule_id="r", coverage=Coverage.CENSUS, tape="t")
    return list(bulk.events())


def test_long_measured_by_collateral_short_by_debt() -> None:
    both = {"collateral_qty": 2.0, "collateral_usd": 90.0, "debt_qty": 4.0, "debt_usd": 80.0}
    frame = calls(
        both | {"debt": "USDC", "debt_raw": 9.0, "account": "a", "event_id": "e"},
        both | {"collateral": "USDC", "debt": "YFI", "debt_raw": 7.0},
    )
    long, short = events(frame)
    assert (long.symbol, long.liquidated, long.qty_base, long.notional_usd) == (
        "BTC/USD",
        Side.LONG,
        2.0,
        90.0,
    )
    assert (long.qty_raw, long.mark_price, long.account, long.event_id) == (2.0, 45.0, "a", "e")
    assert (short.symbol, short.liquidated, short.qty_base, short.notional_usd) == (
        "YFI/USD",
        Side.SHORT,
        4.0,
        80.0,
    )
    assert (short.qty_raw, short.mark_price, short.account) == (7.0, 20.0, None)
    assert {long.method, short.method} == {Method.BACKSTOP}
    assert long.fill_price is None
    assert str(long.raw_ref) == "t#0"


def test_unknown_dollars_are_missing_not_zero() -> None:
    (event,) = events(calls({"collateral": "ODD"}))
    assert (event.qty_raw, event.qty_base, event.notional_usd, event.mark_price) == (
        2.0,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("raw", [0.0, -1.0, math.nan, math.inf, None])
def test_impossible_sizes_are_left_out_and_said(raw: float | None) -> None:
    kept, found = usable(calls({"collateral_raw": raw}, {}), "f", "aave")
    assert kept["row"].to_list() == [1]
    assert [(f.code, f.count) for f in found] == [(FindingCode.REJECTED_ROWS, 1)]


@pytest.mark.parametrize(
    ("time_s", "code"),
    [
        (T0 * 1000, FindingCode.TIME_UNIT_CHANGED),
        (T0 * 10**9, FindingCode.TIME_UNIT_CHANGED),
        (12, FindingCode.REJECTED_ROWS),
        (None, FindingCode.REJECTED_ROWS),
    ],
)
def test_times_in_another_unit_are_left_out_and_said(time_s: int | None, code: FindingCode) -> None:
    kept, found = usable(calls({"time_s": time_s}, {}), "f", "aave")
    assert kept["row"].to_list() == [1]
    assert [(f.code, f.count) for f in found] == [(code, 1)]


@given(st.lists(st.integers(T0, T0 + 50), min_size=1, max_size=30))
def test_calls_come_in_order_of_time_then_row(times: list[int]) -> None:
    kept, found = usable(calls(*({"time_s": t} for t in times)), "f", "aave")
    assert not found
    assert kept["row"].to_list() == sorted(range(len(times)), key=lambda n: (times[n], n))


def test_an_extract_that_ends_amid_an_event_says_so() -> None:
    quiet = np.arange(0, 2_000) * HOUR_NS * 10
    crowd = quiet[-1] + np.arange(1, 21) * SECOND_NS
    times = np.concatenate([quiet, crowd])
    (found,) = truncations(times, "f", "aave")
    assert (found.code, found.count, found.from_ns) == (FindingCode.TRUNCATED, 21, int(times[-1]))
    (first,) = truncations(times[-1] - times[::-1], "f", "aave")
    assert "begins" in first.said
    assert not truncations(quiet, "f", "aave")
    assert not truncations(quiet[:1], "f", "aave")


def test_the_end_is_a_gap() -> None:
    gap = end_of("liquidations", "aave", 5)
    assert (gap.cause, gap.from_ns, gap.to_ns) == (GapCause.END_OF_RECORDING, 5, None)


def test_units_are_null_for_tokens_of_unknown_decimals() -> None:
    frame = pl.DataFrame({"token": ["wBTC", "GUSD", "ODD"]})
    assert frame.select(units_of("token"))["token"].to_list() == [1e8, 100.0, None]


def test_twins_are_counted() -> None:
    frame = pl.DataFrame({"a": [1, 1, 2], "b": [1, 1, 1]})
    once, found = without_twins(frame, ["a", "b"], "f", "aave")
    assert (once.height, found[0].count) == (2, 1)
    assert without_twins(once, ["a"], "f", "aave")[1] == []


@given(st.lists(st.none() | st.sampled_from("abc"), max_size=8))
def test_word_codes_read_back(words: list[str | None]) -> None:
    codes, known = word_codes(pl.Series(words, dtype=pl.String))
    assert [None if code < 0 else known[code] for code in codes] == words
    assert len(set(known)) == len(known)  # a word has one code, or one stream would be two


def test_shape_is_complete_and_findings_carry_the_venue() -> None:
    assert calls({}).columns == list(CALLS)
    assert finding(FindingCode.ASSUMPTION, "f", "s", venue="aave").venue == "aave"
