"""Laws of rolling: nothing is lost, two stretches are one, what the mark does not reach stays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.errors import InputError
from airpocket.leverage import rolling
from airpocket.leverage.ladder import Forced, Ladder, Levels, Provenance
from airpocket.leverage.rolling import ROLLED, first_reached, roll
from airpocket.market.events import Side
from tests.leverage.ladders import Row, ladder, rows_between

MARK = 100.0
PATHS = st.lists(st.floats(50.0, 150.0), max_size=8).map(np.array)


def _three_layers(longs: list[Row], shorts: list[Row]) -> Ladder:
    """Lay liquidations, stops and an estimate, so that layers are told apart."""
    measured = ladder(longs, shorts, mark=MARK)
    stops = ladder(longs[::2], shorts[::2], forced=Forced.STOP)
    estimate = ladder(shorts and longs, shorts[1:], provenance=Provenance.ESTIMATED)
    return replace(measured, layers=measured.layers + stops.layers + estimate.layers)


LADDERS = st.builds(_three_layers, rows_between(50.0, 99.0), rows_between(101.0, 150.0))


def _columns(levels: Levels) -> list[tuple[float, float, float]]:
    return list(
        zip(
            levels.price.tolist(), levels.notional_usd.tolist(), levels.qty_base.tolist(),
            strict=True,
        )
    )  # fmt: skip


def _told(whole: Ladder) -> Any:
    """Tell everything of a ladder in comparable form."""
    return (
        whole.venue, whole.symbol, whole.mark_price, whole.at_ns,
        [
            (layer.forced, layer.provenance, layer.source, layer.assumed, _columns(layer.longs),
             _columns(layer.shorts))
            for layer in whole.layers
        ],
    )  # fmt: skip


def _levels_of(whole: Ladder) -> list[list[tuple[float, float, float]]]:
    return [_columns(layer.side(side)) for layer in whole.layers for side in Side]


@given(LADDERS, PATHS)
def test_consumed_and_left_are_what_was_there(before: Ladder, path: Any) -> None:
    rolled = roll(before, path)
    left, gone = _levels_of(rolled.ladder), _levels_of(rolled.consumed)
    for whole, here, there in zip(_levels_of(before), left, gone, strict=True):
        assert sorted(here + there) == sorted(whole)


@given(LADDERS, PATHS)
def test_a_level_goes_exactly_if_the_mark_reaches_it(before: Ladder, path: Any) -> None:
    rolled = roll(before, path)
    for layer in rolled.ladder.layers:
        assert not any(mark <= price for price in layer.longs.price for mark in path)
        assert not any(mark >= price for price in layer.shorts.price for mark in path)
    for layer in rolled.consumed.layers:
        assert all((path <= price).any() for price in layer.longs.price)
        assert all((path >= price).any() for price in layer.shorts.price)


@given(LADDERS, PATHS, PATHS)
def test_two_stretches_are_one(before: Ladder, first: Any, second: Any) -> None:
    once = roll(before, np.concatenate([first, second]))
    half = roll(before, first)
    twice = roll(half.ladder, second)
    assert _told(twice.ladder) == _told(once.ladder)
    for whole, one, two in zip(
        _levels_of(once.consumed), _levels_of(half.consumed), _levels_of(twice.consumed),
        strict=True,
    ):  # fmt: skip
        assert sorted(one + two) == sorted(whole)


@given(LADDERS, PATHS)
def test_rolling_again_changes_nothing(before: Ladder, path: Any) -> None:
    once = roll(before, path)
    again = roll(once.ladder, path)
    assert _told(again.ladder) == _told(once.ladder)
    assert not any(_levels_of(again.consumed))


@given(LADDERS, st.lists(st.floats(99.5, 100.5), max_size=5).map(np.array))
def test_within_the_gap_nothing_is_consumed(before: Ladder, path: Any) -> None:
    rolled = roll(before, path)
    assert not any(_levels_of(rolled.consumed))
    assert _levels_of(rolled.ladder) == _levels_of(before)


@given(
    st.lists(st.tuples(st.integers(1, 99), st.floats(1.0, 9.0), st.floats(1.0, 9.0)), max_size=9),
    st.lists(st.integers(-99, 99), max_size=6),
)
def test_shorts_mirror_longs(rows: list[Row], steps: list[int]) -> None:
    """Exactly, in whole numbers: below the mark along a path, above it along its mirror."""
    longs = ladder([(100 - row[0], *row[1:]) for row in rows])
    shorts = ladder([], [(100 + row[0], *row[1:]) for row in rows])
    down = roll(longs, np.array([100.0 - step for step in steps]))
    up = roll(shorts, np.array([100.0 + step for step in steps]))
    for one, other in ((down.ladder, up.ladder), (down.consumed, up.consumed)):
        mirrored = [(200 - row[0], *row[1:]) for row in _columns(one.side(Side.LONG))]
        assert mirrored == _columns(other.side(Side.SHORT))


@given(rows_between(50.0, 150.0), PATHS)
def test_the_first_step_that_reaches_a_level(rows: list[Row], path: Any) -> None:
    price = np.array([row[0] for row in rows])
    for side in Side:
        plain = [
            next(
                (
                    step for step, mark in enumerate(path)
                    if (mark <= one if side is Side.LONG else mark >= one)
                ),
                -1,
            )
            for one in price
        ]  # fmt: skip
        assert first_reached(side, price, path).tolist() == plain


def test_the_rolled_ladder_lies_around_the_last_mark_and_says_what_is_assumed() -> None:
    before = replace(ladder([(90.0, 1.0, 1.0)], [(110.0, 1.0, 1.0)]), at_ns=5)
    rolled = roll(before, np.array([95.0, 105.0, 103.0]), at_ns=9)
    assert (rolled.ladder.mark_price, rolled.ladder.at_ns) == (103.0, 9)
    assert (rolled.lowest, rolled.highest) == (95.0, 105.0)
    assert (rolled.consumed.mark_price, rolled.consumed.at_ns) == (MARK, 5)
    assert rolled.ladder.layers[0].assumed == (ROLLED,)
    assert roll(rolled.ladder, np.array([103.0])).ladder.layers[0].assumed == (ROLLED,)


def test_a_path_of_nothing_leaves_the_ladder_as_it_is() -> None:
    before = ladder([(90.0, 1.0, 1.0)])
    rolled = roll(before, np.empty(0))
    assert rolled.ladder is before
    assert not any(_levels_of(rolled.consumed))
    assert (rolled.lowest, rolled.highest) == (MARK, MARK)


def test_counts_and_losses_go_with_their_levels() -> None:
    before = ladder([])
    levels = Levels(
        np.array([95.0, 90.0]), np.ones(2), np.ones(2), np.array([3, 4]), np.array([94.0, 89.0])
    )
    before = replace(before, layers=(replace(before.layers[0], longs=levels),))
    rolled = roll(before, np.array([92.0]))
    gone, left = rolled.consumed.layers[0].longs, rolled.ladder.layers[0].longs
    for found, count, lost in ((gone, 3, 94.0), (left, 4, 89.0)):
        assert found.count is not None
        assert found.bankruptcy_price is not None
        assert (found.count.tolist(), found.bankruptcy_price.tolist()) == ([count], [lost])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_path_that_holds_no_price_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="path of BTC/USDT:USDT: it holds what is no price"):
        roll(ladder([]), np.array([99.0, bad]))
    with pytest.raises(InputError):
        roll(ladder([]), np.ones((2, 2)))


def test_the_law_catches_a_level_that_is_only_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: a level on which the mark stands still is left."""

    def late(side: Side, price: Any, path: Any) -> Any:
        return first_reached(side, price * (0.999 if side is Side.LONG else 1.001), path)

    law = test_a_level_goes_exactly_if_the_mark_reaches_it.hypothesis.inner_test  # type: ignore[attr-defined]
    before, path = ladder([(95.0, 1.0, 1.0)], [(105.0, 1.0, 1.0)]), np.array([105.0, 95.0])
    law(before, path)
    monkeypatch.setattr(rolling, "first_reached", late)
    with pytest.raises(AssertionError):
        law(before, path)
