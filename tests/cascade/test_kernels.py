"""The walk against a twin that visits every level and every step of others' buying in turn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.impact import Impact
from airpocket.cascade.kernels import Waiting, fall_of, walk
from airpocket.market.events import Side
from tests.cascade.laws import LAWS, LEVELS

_BUYING = st.lists(st.tuples(st.floats(0.0, 0.9), st.floats(1e3, 1e7)), max_size=6)


def least_rest(
    levels: list[tuple[float, float]],
    buying: list[tuple[float, float]],
    law: Impact,
    begin: float,
    order: float,
    kept: float,
) -> tuple[float, float]:
    """Go from place to place and rest where the price that the sales so far give is reached."""
    curve = law.curve(Side.LONG, 1.0)
    last = float(curve.fall[-1]) if curve.is_table else math.inf
    places = sorted(
        {begin, *(x for x, _ in levels if x > begin), *(x for x, _ in buying if x > begin)}
    )
    for here, after in zip(places, [*places[1:], math.inf], strict=True):
        forced = sum(usd for x, usd in levels if x <= here)
        bought = sum(usd for x, usd in buying if x <= here)
        target = min(begin + min(curve.at(kept * forced + order - bought), last), 1.0)
        if target < after:
            return max(here, target), forced
    raise AssertionError("the last place has no end")


def _columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)
    return table[:, 0].copy(), np.cumsum(table[:, 1])


@settings(max_examples=150, database=None)
@given(LEVELS, _BUYING, LAWS, st.floats(0.0, 0.5), st.floats(0.0, 1e7), st.floats(0.1, 1.0))
def test_it_rests_at_the_least_place_there_is(
    levels: list[tuple[float, float]],
    buying: list[tuple[float, float]],
    law: Impact,
    begin: float,
    order: float,
    kept: float,
) -> None:
    distance, forced = _columns(levels)
    buy_fall, buy_usd = _columns(buying)
    curve = law.curve(Side.LONG, 1.0)
    waiting = Waiting(distance, np.concatenate(([0.0], forced)), buy_fall, buy_usd, kept, 1.0)
    ends, passed = np.empty(300), np.empty(300, dtype=np.int64)
    waves, at_rest, _ = walk(
        waiting, curve.usd, curve.fall, curve.law, begin, begin, order, 250, ends, passed
    )
    assert at_rest
    fall, usd = least_rest(levels, buying, law, begin, order, kept)
    assert ends[waves] == pytest.approx(fall, rel=1e-9, abs=1e-12)
    assert waiting.cumulative[passed[waves]] == pytest.approx(usd, rel=1e-9)
    assert np.all(np.diff(ends[: waves + 1]) >= 0)
    assert np.all(np.diff(passed[: waves + 1]) >= 0)


def test_what_there_is_no_room_for_overwrites_the_last_row() -> None:
    distance = np.arange(1.0, 51.0)
    waiting = Waiting(distance, np.arange(51.0), np.empty(0), np.empty(0), 1.0, math.inf)
    one_each = np.arange(1.0, 60.0)
    law = np.array([0.0, 0.0, 0.0])
    whole, short = np.full(60, -1.0), np.full(4, -1.0)
    rows, few = np.empty(60, dtype=np.int64), np.empty(4, dtype=np.int64)
    waves, at_rest, held = walk(waiting, one_each, one_each, law, 1.0, 1.0, 0.0, 99, whole, rows)
    assert (waves, at_rest, held) == (50, True, False)
    again, _, _ = walk(waiting, one_each, one_each, law, 1.0, 1.0, 0.0, 99, short, few)
    assert again == 50
    assert short.tolist() == [*whole[:3], whole[50]]
    assert few.tolist() == [*rows[:3], rows[50]]


def test_integers_stay_integers() -> None:
    """Sums above 2^53, where floats lose the last lot."""
    large = 1 << 60
    usd, fall = np.array([large, large + 1, large + 2]), np.array([1, 2, 3])
    assert [fall_of(large + k, usd, fall, None) for k in range(4)] == [1, 2, 3, 3]
    assert isinstance(fall_of(large, usd, fall, None), int)
    floats = usd.astype(float), fall.astype(float), np.array([0.0, 0.0, 0.0])
    assert fall_of(float(large + 1), *floats) == 1.0
