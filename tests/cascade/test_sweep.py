import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.cascade.impact import Impact, SquareRoot
from airpocket.cascade.outcome import StopReason
from airpocket.cascade.prepared import prepare
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.sweep import STOPS, settle_many, tabled
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.cascade.laws import LAWS, LEVELS, SIDES, book, ladder_at

# A power of four divides dollars and their root without rounding.
EXACT_FACTORS = [1.0, 0.25, 4.0, 0.0625]
SCENARIO = st.tuples(
    st.floats(0, 0.9), st.sampled_from([0.0, 1e5, 3e6, 8e7]), st.floats(0, 0.95),
    st.sampled_from(EXACT_FACTORS),
)  # fmt: skip


@given(LEVELS, SIDES, LAWS, st.lists(SCENARIO, min_size=1, max_size=90))
@settings(deadline=None, max_examples=60)
def test_each_scenario_is_what_settle_finds_for_it_alone(
    levels: list[tuple[float, float]],
    side: Side,
    law: Impact,
    scenarios: list[tuple[float, float, float, float]],
) -> None:
    ready = prepare(ladder_at([row[0] for row in levels], [row[1] for row in levels], side), side)
    sign = -1.0 if side is Side.LONG else 1.0
    moves, orders, absorbed, factors = np.array(scenarios).T
    found = settle_many(tabled(ready), law, sign * moves, orders, absorbed, factors)
    for at, (move, order, off_book, factor) in enumerate(scenarios):
        shock = Shock(side=side, move=sign * move, order_usd=order or None, absorbed=off_book)
        alone = settle(ready, law.thinned(factor), shock)
        assert found.fall[at] == alone.fall
        assert found.forced_usd[at] == alone.forced_usd
        assert found.waves[at] == alone.waves_count
        assert found.reason(at) is alone.stop


@given(LEVELS, SIDES, LAWS, st.floats(0.01, 0.3), st.floats(0.05, 3))
@settings(deadline=None, max_examples=60)
def test_any_factor_is_the_thinned_law_but_for_the_last_digit(
    levels: list[tuple[float, float]], side: Side, law: Impact, move: float, factor: float
) -> None:
    ready = prepare(ladder_at([row[0] for row in levels], [row[1] for row in levels], side), side)
    signed = -move if side is Side.LONG else move
    found = settle_many(ready, law, signed, depth_factor=factor)
    alone = settle(ready, law.thinned(factor), Shock(side=side, move=signed))
    assert found.fall[0] == pytest.approx(alone.fall, rel=1e-12)
    assert found.forced_usd[0] == pytest.approx(alone.forced_usd, rel=1e-12)


@given(LEVELS, SIDES, LAWS, st.floats(0.001, 0.5), st.sampled_from([1e-5, 1e-3, 0.02]))
@settings(deadline=None, max_examples=60)
def test_levels_put_together_end_between_the_shock_and_one_larger_by_a_bin(
    levels: list[tuple[float, float]], side: Side, law: Impact, move: float, width: float
) -> None:
    ready = prepare(ladder_at([row[0] for row in levels], [row[1] for row in levels], side), side)
    sign = -1.0 if side is Side.LONG else 1.0
    together = settle_many(tabled(ready, width), law, sign * move).fall[0]
    exact = settle_many(ready, law, sign * np.array([move, move + width * (1 + 1e-9)])).fall
    assert exact[0] <= together
    # A price that is at its farthest stays there, whatever is taken off the shock.
    assert together <= exact[1] - width + 1e-9 or exact[1] == ready.farthest


@pytest.mark.parametrize("width", [-1e-5, 1.0, math.nan])
def test_a_width_that_is_none_is_refused(width: float) -> None:
    ready = prepare(ladder_at([0.01], [1e6], Side.LONG), Side.LONG)
    with pytest.raises(InputError, match="of the price: give 0 or a small fraction"):
        tabled(ready, width)


def _batched(
    distance: NDArray[np.float64], forced: NDArray[np.float64], law: SquareRoot,
    moves: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """The plain twin: numpy, all scenarios a wave at a time, no tables."""
    curve = law.curve(Side.LONG, 1.0)
    at = np.searchsorted(distance, moves, side="right")
    x = moves.copy()
    while True:
        taken = forced[at]
        root = curve.coefficient * np.sqrt(taken)
        line = (
            curve.coefficient * math.sqrt(curve.linear_below_usd) * (taken / curve.linear_below_usd)
        )
        x = np.minimum(moves + np.where(taken < curve.linear_below_usd, line, root), 1.0)
        then = np.searchsorted(distance, x, side="right")
        if (then == at).all():
            return x, taken
        at = then


@pytest.mark.parametrize("spread", [0.5, 8.0])
def test_a_long_ladder_with_far_levels_is_equal_to_the_last_bit(spread: float) -> None:
    draws = np.random.default_rng(3)
    side = Side.LONG if spread < 1 else Side.SHORT
    falls = np.round(draws.lognormal(-3, spread / 4, 20_000), 5)
    falls = falls[(falls > 0) & (falls < 0.99)] if side is Side.LONG else falls
    usd = draws.lognormal(9, 1.5, falls.size)
    ready = prepare(ladder_at(falls.tolist(), usd.tolist(), side), side)
    table = tabled(ready)
    assert table.ladder.shape[0] - 1 == np.unique(ready.distance).size
    law = SquareRoot(daily_volatility=0.04, daily_volume_usd=2e8)
    sign = -1.0 if side is Side.LONG else 1.0
    moves = draws.uniform(0, 0.2, 500)
    found = settle_many(table, law, sign * moves)
    end, forced = _batched(ready.distance, ready.cumulative_usd, law, moves)
    if side is Side.LONG:
        assert (found.fall == end).all()
    else:
        assert (found.fall >= end).all()
    assert (found.forced_usd >= forced).all()
    for at in range(0, 500, 25):
        alone = settle(ready, law, Shock(side=side, move=sign * moves[at]))
        assert (found.fall[at], found.forced_usd[at]) == (alone.fall, alone.forced_usd)


def test_a_level_that_is_met_one_too_late_would_be_seen() -> None:
    """A planted bug: the dollars of a level count only at the next one."""
    draws = np.random.default_rng(5)
    falls, usd = np.sort(draws.uniform(0.005, 0.3, 200)), draws.lognormal(14, 1, 200)
    ready = prepare(ladder_at(falls.tolist(), usd.tolist(), Side.LONG), Side.LONG)
    law = SquareRoot(daily_volatility=0.05, daily_volume_usd=1e9)
    moves = np.linspace(0.01, 0.2, 50)
    table = tabled(ready)
    late = table.ladder.copy()
    late[1:, 1] = table.ladder[:-1, 1]
    right = settle_many(table, law, -moves)
    wrong = settle_many(replace(table, ladder=late), law, -moves)
    assert (right.fall >= wrong.fall).all()
    assert (right.forced_usd > wrong.forced_usd).all()


def test_all_stop_reasons_and_the_most_rounds() -> None:
    ready = prepare(ladder_at([0.01, 0.02, 0.03], [1e6, 1e6, 1e6], Side.LONG), Side.LONG)
    walk = book([1e6, 1e6, 2e6], [0.01, 0.01, 0.01])
    found = settle_many(ready, walk, [-0.005, -0.01, -0.01], depth_factor=[1.0, 1.0, 0.1])
    reasons = [found.reason(at) for at in range(found.size)]
    assert reasons == [StopReason.SETTLED, StopReason.LADDER_EXHAUSTED, StopReason.BOOK_EMPTY]
    cut = settle_many(ready, walk, -0.01, rounds_most=1)
    assert cut.reason(0) is StopReason.ROUNDS_MAX
    assert cut.waves[0] == 2
    assert set(STOPS) == set(StopReason) - {StopReason.BUYERS_ABSORBED}


def test_an_empty_ladder_and_no_scenario() -> None:
    ready = prepare(ladder_at([], [], Side.LONG), Side.LONG)
    law = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    found = settle_many(ready, law, [-0.1, 0.0], order_usd=[0.0, 1e6])
    assert found.fall[0] == 0.1
    assert found.fall[1] == law.fall(1e6, Side.LONG, 100.0)
    assert found.forced_usd.tolist() == [0.0, 0.0]
    assert settle_many(ready, law, []).size == 0


@pytest.mark.parametrize(
    ("given_columns", "told"),
    [
        ({"moves": [-0.1, 0.1]}, r"scenario 2: moves is 0.1: give one that threatens longs"),
        ({"moves": [-1.0]}, r"moves is -1.0: give a fraction above -1"),
        ({"moves": [math.nan]}, r"moves is nan"),
        ({"order_usd": [0.0, -5.0]}, r"scenario 2: order_usd is -5.0"),
        ({"order_usd": math.inf}, r"order_usd is inf"),
        ({"absorbed": 1.0}, r"absorbed is 1.0: give 0 or more and below 1"),
        ({"depth_factor": 0.0}, r"depth_factor is 0.0: give a number above 0"),
        ({"moves": [-0.1, -0.2], "absorbed": [0.1, 0.2, 0.3]}, r"columns do not match"),
        ({"moves": [["x"]]}, r"columns do not match"),
        ({"moves": [[-0.1]]}, r"one dimension"),
        ({"rounds_most": 0}, r"most rounds 0"),
    ],
)
def test_bad_scenarios_are_refused_by_number(given_columns: dict[str, object], told: str) -> None:
    ready = prepare(ladder_at([0.01], [1e6], Side.LONG), Side.LONG)
    law = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    with pytest.raises(InputError, match=told):
        settle_many(ready, law, **given_columns)  # type: ignore[arg-type]
