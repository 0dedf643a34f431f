import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airpocket.cascade.goals import EmptiesFund, Goal, ReachesPrice
from airpocket.cascade.impact import Impact, SquareRoot
from airpocket.cascade.outcome import Cascade, StopReason
from airpocket.cascade.prepared import prepare
from airpocket.cascade.stress import (
    Grows,
    Stress,
    _Search,
    frontier,
    largest_depth_factor,
    smallest_shock,
)
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.cascade.laws import FIRST, LAWS, SIDES, book, ladder_at

LEVELS = st.lists(
    st.tuples(st.floats(0.001, 0.6), st.floats(1e4, 1e7), st.floats(0.001, 0.02)),
    min_size=1, max_size=25,
)  # fmt: skip
Rows = list[tuple[float, float, float]]
GROWS = st.sampled_from(list(Grows))


def _asked(
    rows: Rows, side: Side, law: Impact, goal: Goal, grows: Grows = Grows.MOVE, most: float = 0.7
) -> Stress:
    falls, usd, margin = zip(*rows, strict=True)
    lost = [fall + behind for fall, behind in zip(falls, margin, strict=True)]
    ladder = ladder_at(list(falls), list(usd), side, lost)
    return Stress(
        ready=prepare(ladder, side), impact=law, goal=goal, grows=grows,
        most=most if grows is Grows.MOVE else 1e8, payers=Payers(has_adl=True),
    )  # fmt: skip


def _price(side: Side, fall: float) -> float:
    return FIRST * (1 - fall if side is Side.LONG else 1 + fall)


@given(LEVELS, SIDES, LAWS, GROWS, st.floats(0.01, 0.65))
@settings(deadline=None, max_examples=60)
def test_the_shock_does_it_and_a_smaller_one_does_not(
    rows: Rows, side: Side, law: Impact, grows: Grows, fall: float
) -> None:
    asked = _asked(rows, side, law, ReachesPrice(_price(side, fall)), grows)
    found = smallest_shock(asked)
    if found.shock is None:
        assert not asked.goal.met(found.cascade)
        for share in np.linspace(0.05, 1, 15):
            assert not asked.goal.met(asked.cascade(share * asked.most))
        return
    assert asked.goal.met(found.cascade)
    assert found.cascade.fall == asked.cascade(found.shock).fall
    for share in np.linspace(0.05, 0.9999, 15):
        size = share * (found.shock - found.within)
        if size > 0:
            assert not asked.goal.met(asked.cascade(size))
    for share in np.linspace(0.1, 1, 8):  # I22: what a shock does, larger ones do
        assert asked.goal.met(asked.cascade(found.shock + share * (asked.most - found.shock)))


@given(LEVELS, SIDES, LAWS, GROWS, st.floats(0.03, 3.0))
@settings(deadline=None, max_examples=60)
def test_a_fund_is_emptied_by_the_smallest_shock_and_by_all_larger_ones(
    rows: Rows, side: Side, law: Impact, grows: Grows, share: float
) -> None:
    fund = share * 0.01 * sum(row[1] for row in rows)
    asked = _asked(rows, side, law, EmptiesFund(fund), grows)
    found = smallest_shock(asked)
    sizes = np.linspace(0.02, 1, 20) * asked.most
    emptied = [asked.goal.met(asked.cascade(float(size))) for size in sizes]
    if found.shock is None:
        assert not any(emptied)
        return
    assert found.cascade.waterfall.fund_before_usd == fund
    for size, does in zip(sizes, emptied, strict=True):
        if not found.shock - found.within < size < found.shock:
            assert does is bool(size >= found.shock)


@given(LEVELS, SIDES, LAWS, st.floats(0.02, 0.5), st.floats(0.05, 1), st.floats(0.05, 1))
@settings(deadline=None, max_examples=60)
def test_a_thinner_market_ends_no_nearer_and_forces_no_less(
    rows: Rows, side: Side, law: Impact, move: float, one: float, other: float
) -> None:
    """I24, on which the search for a depth factor rests."""
    thin, deep = sorted((one, other))
    asked = _asked(rows, side, law, ReachesPrice(_price(side, 0.6)))
    in_thin, in_deep = asked.cascade(move, thin), asked.cascade(move, deep)
    assert in_thin.fall >= in_deep.fall
    assert in_thin.forced_usd >= in_deep.forced_usd


@given(LEVELS, SIDES, LAWS, st.floats(0.05, 0.6), st.floats(0.01, 0.3))
@settings(deadline=None, max_examples=40)
def test_the_largest_depth_factor_is_the_edge_of_what_holds(
    rows: Rows, side: Side, law: Impact, fall: float, move: float
) -> None:
    assume(move < fall)
    asked = _asked(rows, side, law, ReachesPrice(_price(side, fall)))
    found = largest_depth_factor(asked, move)
    factors = np.geomspace(found.least, found.most, 25)
    does = [asked.goal.met(asked.cascade(move, float(factor))) for factor in factors]
    if found.depth_factor is None:
        assert not any(does)
        return
    assert asked.goal.met(asked.cascade(move, found.depth_factor))
    for factor, did in zip(factors, does, strict=True):
        if not found.depth_factor < factor < found.depth_factor * (1 + 2e-6):
            assert did is bool(factor <= found.depth_factor)


@given(LEVELS, SIDES, LAWS, st.floats(0.02, 0.5))
@settings(deadline=None, max_examples=40)
def test_the_frontier_falls_as_the_market_thins(
    rows: Rows, side: Side, law: Impact, fall: float
) -> None:
    asked = _asked(rows, side, law, ReachesPrice(_price(side, fall)))
    factors = [0.5, 1.0, 0.1, 0.25]
    found = frontier(asked, factors)
    assert [one.depth_factor for one in found] == factors
    ordered = sorted(found, key=lambda one: one.depth_factor)
    shocks = [math.inf if one.shock is None else one.shock for one in ordered]
    assert shocks == sorted(shocks)
    for one in found:  # what is known of deeper markets only shortens the search
        alone = smallest_shock(asked, one.depth_factor)
        assert (alone.shock is None) is (one.shock is None)
        if alone.shock is not None and one.shock is not None:
            assert one.shock == pytest.approx(alone.shock, abs=3e-7)


def test_by_hand_one_position_one_step_of_the_book() -> None:
    """1 M at 2 % down falls on a book of one step of 1 %; its margin ends at 2.5 %."""
    rows = [(0.02, 1e6, 0.005)]
    walk = book([2e6], [0.01])
    price = smallest_shock(_asked(rows, Side.LONG, walk, ReachesPrice(97.0)))
    assert price.shock == pytest.approx(0.02, abs=2e-7)
    assert price.book_ends_at is None
    alone = smallest_shock(_asked(rows, Side.LONG, walk, ReachesPrice(96.5)))
    assert alone.shock == pytest.approx(0.025, abs=2e-7)  # 2.5 % and a step of 1 %
    nothing = smallest_shock(_asked(rows, Side.LONG, walk, ReachesPrice(20.0)))
    assert nothing.shock is None
    assert nothing.most == 0.7
    assert nothing.cascade.last_price == pytest.approx(29.0)
    factor = largest_depth_factor(
        _asked(rows, Side.LONG, book([1e6, 5e6], [0.01, 0.02]), ReachesPrice(95.0)), 0.02
    )
    # Only where the first step no longer holds 1 M does the second one, 3 % away, do it.
    assert factor.depth_factor == pytest.approx(1.0, abs=2e-6)
    assert factor.depth_factor is not None
    assert factor.depth_factor < 1.0


def test_where_the_book_in_sight_ends_first_it_is_said() -> None:
    rows = [(0.02, 1e6, 0.005), (0.03, 9e6, 0.005)]
    walk = book([2e6], [0.02])
    found = smallest_shock(_asked(rows, Side.LONG, walk, ReachesPrice(90.0)))
    assert found.shock == pytest.approx(0.08, abs=2e-7)
    assert found.book_ends_at == pytest.approx(0.02, abs=2e-7)
    none = smallest_shock(_asked(rows, Side.LONG, walk, ReachesPrice(20.0)))
    assert none.shock is None
    assert none.cascade.stop is StopReason.BOOK_EMPTY
    assert none.book_ends_at == pytest.approx(0.02, abs=2e-7)


def test_a_search_that_gives_the_wrong_end_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _asked([(0.02, 1e6, 0.005)], Side.LONG, book([2e6], [0.01]), ReachesPrice(97.0))
    edge = _Search.edge

    def other_end(
        search: _Search, most: float, last: Cascade, does: Callable[[Cascade], bool]
    ) -> tuple[float, Cascade, Cascade | None]:
        size, found, before = edge(search, most, last, does)
        return size - search.within(size), found, before

    monkeypatch.setattr(_Search, "edge", other_end)
    found = smallest_shock(asked)
    assert found.shock is not None
    assert not asked.goal.met(asked.cascade(found.shock))


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"most": 1.0}, "largest move 1.0: give a fraction above 0 and below 1"),
        ({"most": 0.0}, "largest move 0.0"),
        ({"most": math.nan}, "largest move nan"),
        ({"grows": Grows.ORDER, "most": -1.0}, "largest order -1.0: give a number above 0"),
        ({"goal": ReachesPrice(101.0)}, "a price of 101 is not below the first one, 100"),
        ({"goal": ReachesPrice(100.0)}, "is not below"),
        ({"payers": Payers(fund_usd=1.0, fee_to_fund=True)}, "a fund that only pays"),
    ],
)
def test_what_cannot_be_asked_is_refused(figures: dict[str, object], told: str) -> None:
    ready = prepare(ladder_at([0.02], [1e6], Side.LONG, [0.03]), Side.LONG)
    law = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    asked = {"ready": ready, "impact": law, "goal": ReachesPrice(90.0), **figures}
    with pytest.raises(InputError, match=told):
        Stress(**asked)  # type: ignore[arg-type]


def test_a_fund_needs_positions_whose_end_is_known() -> None:
    law = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    unknown = prepare(ladder_at([0.02], [1e6], Side.LONG), Side.LONG)
    with pytest.raises(InputError, match="no level says at which price its margin ends"):
        Stress(ready=unknown, impact=law, goal=EmptiesFund(1e6))


def test_factors_and_shocks_out_of_bounds_are_refused() -> None:
    law = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    asked = _asked([(0.02, 1e6, 0.01)], Side.LONG, law, ReachesPrice(90.0))
    with pytest.raises(InputError, match="no depth factor"):
        frontier(asked, [])
    with pytest.raises(InputError, match="depth factor 0"):
        frontier(asked, [1.0, 0.0])
    with pytest.raises(InputError, match="depth factor nan"):
        largest_depth_factor(asked, 0.1, least=math.nan)
    with pytest.raises(InputError, match="give them in order"):
        largest_depth_factor(asked, 0.1, least=1.0, most=0.5)
    with pytest.raises(InputError, match=r"a move of 0\.9: give one up to 0\.7"):
        largest_depth_factor(asked, 0.9)
