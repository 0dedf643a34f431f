"""Tests of airpocket.market.checks: each finds what is planted and nothing where nothing is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.market import checks
from airpocket.market.columns import MISSING_INT
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRule
from airpocket.units import MILLISECOND_NS, MINUTE_NS, SECOND_NS

TIMES = np.arange(200, dtype=np.int64) * 30 * SECOND_NS


def walk(seed: int, start: float = 100.0) -> NDArray[np.float64]:
    return start + np.cumsum(np.random.default_rng(seed).normal(0, 0.1, len(TIMES)))


def test_a_frozen_side_is_found_where_it_is_planted() -> None:
    bid, ask = walk(1), walk(2)
    bid[80:120] = bid[80]
    assert checks.frozen_side(TIMES, bid, ask) == (
        checks.Stretch(int(TIMES[80]), int(TIMES[119]), 40),
    )
    assert checks.frozen_side(TIMES, ask, bid) == ()


def test_a_ghost_that_shows_through_at_times_is_one_stretch() -> None:
    bid, ask = walk(1), walk(2)
    for start in (50, 60, 75):  # 5 and 7.5 minutes apart
        bid[start : start + 3] = 121.36
    (stretch,) = checks.frozen_side(TIMES, bid, ask)
    assert stretch == checks.Stretch(int(TIMES[50]), int(TIMES[77]), 9)
    assert checks.frozen_side(TIMES, bid, ask, join_ns=MINUTE_NS) == ()


@pytest.mark.parametrize("case", ["both still", "side missing", "other missing", "moving", "empty"])
def test_no_frozen_side_where_there_is_none(case: str) -> None:
    bid, ask = walk(1), walk(2)
    if case == "both still":  # nothing happens: a quiet market, not a ghost
        bid[50:90], ask[50:90] = 100, 101
    elif case == "side missing":
        bid[50:90] = np.nan
    elif case == "other missing":
        bid[50:90], ask[50:90] = 100, np.nan
    elif case == "empty":
        bid, ask = bid[:0], ask[:0]
    assert checks.frozen_side(TIMES[: len(bid)], bid, ask) == ()


def test_a_crossed_book_is_found_and_a_moment_is_not_enough() -> None:
    ask = walk(3)
    bid = ask - 1
    assert checks.crossed_book(TIMES, bid, ask) == ()
    bid[10:13] += 5
    assert checks.crossed_book(TIMES, bid, ask) == ()
    bid[100:] += 5
    assert checks.crossed_book(TIMES, bid, ask) == (
        checks.Stretch(int(TIMES[100]), int(TIMES[-1]), 100),
    )
    bid[:] = np.nan
    assert checks.crossed_book(TIMES, bid, ask) == ()


def test_bars_without_trades() -> None:
    price, volume = walk(4), np.zeros(len(TIMES))
    assert checks.bars_without_trades(price, volume) == len(TIMES)
    assert checks.bars_without_trades(np.full(9, 5.0), np.zeros(9)) == 0  # simply nothing traded
    volume[7] = 0.001
    assert checks.bars_without_trades(price, volume) == 0
    assert checks.bars_without_trades(price[:0], volume[:0]) == 0


def test_clock_skew_names_rows_from_the_future_and_late_ones() -> None:
    local = TIMES + 5 * MILLISECOND_NS
    assert checks.clock_skew(TIMES, local) == checks.Skew(5_000_000, 5_000_000, 5_000_000, 0, 0)
    local[3] -= SECOND_NS
    local[4] += 61 * SECOND_NS
    local[5] = MISSING_INT
    found = checks.clock_skew(TIMES, local)
    assert found == checks.Skew(5_000_000, -995_000_000, 61_005_000_000, 1, 1)
    assert checks.clock_skew(TIMES, np.full(len(TIMES), MISSING_INT)) is None


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_duplicates_are_what_a_set_says(rows: list[tuple[int, int]]) -> None:
    seen: set[tuple[int, int]] = set()
    expected = []
    for row in rows:
        expected.append(row in seen)
        seen.add(row)
    columns: list[NDArray[Any]] = [np.array([r[i] for r in rows], dtype=np.int64) for i in (0, 1)]
    assert checks.duplicated_rows(*columns).tolist() == expected
    is_even = bool(rows) and all(rows.count(row) % 2 == 0 for row in rows)
    assert checks.is_doubled(*columns) is is_even


@pytest.mark.parametrize("unit", [SECOND_NS, MILLISECOND_NS, 1_000, 1])
@pytest.mark.parametrize("other", [SECOND_NS, MILLISECOND_NS, 1_000, 1])
def test_a_change_of_time_unit_is_seen_at_its_row(unit: int, other: int) -> None:
    moment = 1_760_130_903_127_372_000
    times = np.full(10, moment // unit, dtype=np.int64)
    times[4] = moment // other
    changed = checks.time_unit_changed(times, unit)
    assert np.flatnonzero(changed).tolist() == ([] if unit == other else [4])
    assert checks.time_unit_ns(int(times[4])) == other
    times[4] = 12  # no date in any unit is another fault
    assert not checks.time_unit_changed(times, unit).any()
    assert np.flatnonzero(~checks.plausible_times(times, unit)).tolist() == [4]


def test_regime_breaks_lie_inside_the_stretch() -> None:
    rules = [
        FeedRule(
            rule_id=str(start),
            channel="liquidations",
            coverage=Coverage.THROTTLED,
            said="",
            valid_from_ns=start,
        )
        for start in (None, 100, 200)
    ]
    assert [rule.rule_id for rule in checks.regime_breaks(rules, 100, 300)] == ["200"]
    assert checks.regime_breaks(rules, 120, 180) == ()
