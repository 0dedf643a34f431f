"""Two maps side by side: what is paired off is the most that can be, what moved is found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.errors import InputError
from airpocket.leverage import ladder_changes
from airpocket.leverage.ladder import Ladder, Levels, Provenance
from airpocket.leverage.ladder_changes import changes
from airpocket.leverage.rolling import roll
from airpocket.market.events import Side
from tests.leverage.ladders import Row, ladder, levels

UNITS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4)), max_size=6)


def _most_pairs(one: list[tuple[int, int]], other: list[tuple[int, int]], reach: int) -> int:
    """Match single dollars by augmenting paths: slow, and the most there are."""
    left = [price for price, usd in one for _ in range(usd)]
    right = [price for price, usd in other for _ in range(usd)]
    partner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j, price in enumerate(right):
            if j not in seen and abs(price - left[i]) <= reach:
                seen.add(j)
                if j not in partner or place(partner[j], seen):
                    partner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(left)))


def _laid(side: Side, rows: list[tuple[int, int]]) -> Levels:
    return levels(side, [(100.0 + price, float(usd), 1.0) for price, usd in rows])


@settings(max_examples=60)
@given(UNITS, UNITS, st.integers(0, 6), st.sampled_from(list(Side)))
def test_no_way_of_pairing_finds_more(
    one: list[tuple[int, int]], other: list[tuple[int, int]], reach: int, side: Side
) -> None:
    kept = ladder_changes._paired(side, _laid(side, one), _laid(side, other), float(reach))
    assert [part.sum() for part in kept] == [_most_pairs(one, other, reach)] * 2


def _story(side: Side) -> ladder_changes.Changes:
    """Tell one story below the mark, or mirrored above it."""

    def at(distance: float) -> float:
        return 100 - distance if side is Side.LONG else 100 + distance

    def lay(rows: list[Row], mark: float) -> Ladder:
        there = [(at(distance), usd, coins) for distance, usd, coins in rows]
        return ladder(there, mark=mark) if side is Side.LONG else ladder([], there, mark=mark)

    before = lay(
        [(2, 5.0, 1.0), (3, 700.0, 1.0), (10, 40.0, 1.0), (20, 300.0, 1.0), (30, 9.0, 1.0)], 100.0
    )
    after = lay([(11, 25.0, 1.0), (26, 300.1, 1.0), (40, 700.0, 1.0), (41, 1.0, 1.0)], at(4))
    return changes(roll(before, np.array([at(4)])), after, half_width=0.006)


@pytest.mark.parametrize("side", list(Side))
def test_each_level_has_its_fate(side: Side) -> None:
    found = _story(side)
    sign = -1 if side is Side.LONG else 1

    def away(price: float | None) -> float | None:
        return None if price is None else round(sign * (price - 100), 9)

    earlier = [(away(x.price), x.is_consumed, x.kept_usd, away(x.moved_to)) for x in found.earlier]
    assert earlier == [
        (2, True, 0.0, None), (3, True, 0.0, 40), (10, False, 25.0, None), (20, False, 0.0, 26),
        (30, False, 0.0, None),
    ]  # fmt: skip
    later = [(away(x.price), x.kept_usd, away(x.moved_from)) for x in found.later]
    assert later == [(11, 25.0, None), (26, 0.0, 20), (40, 0.0, 3), (41, 0.0, None)]
    other = Side.SHORT if side is Side.LONG else Side.LONG
    assert {x.side for x in found.earlier} | {x.side for x in found.later} == {side}
    assert found.consumed_usd(side) == 705.0
    assert found.survived_usd(side) == 700.0
    assert found.left_usd(side) == 349.0
    assert found.kept_usd(side) == 25.0
    assert found.moved_usd(side) == 300.0
    assert found.later_usd(side) == pytest.approx(1026.1)
    for total in ("consumed_usd", "survived_usd", "left_usd", "kept_usd", "moved_usd", "later_usd"):
        assert getattr(found, total)(other) == 0


def test_the_same_map_is_kept_whole() -> None:
    same = ladder([(90.0, 2.0, 1.0), (89.9, 3.0, 1.0)], [(110.0, 4.0, 1.0)])
    for width in (0.0, 0.01):
        found = changes(roll(same, np.array([100.0])), same, half_width=width)
        assert [x.kept_usd for x in found.earlier] == [2.0, 3.0, 4.0]
        assert [x.kept_usd for x in found.later] == [2.0, 3.0, 4.0]


def test_one_later_level_is_no_two_earlier_ones() -> None:
    before = ladder([(90.0, 7.0, 1.0), (80.0, 7.0, 1.0)])
    after = ladder([(60.0, 7.0, 1.0)])
    found = changes(roll(before, np.array([99.0])), after)
    assert [x.moved_to for x in found.earlier] == [60.0, None]


def test_what_is_left_comes_before_what_was_reached_in_finding_its_dollars_again() -> None:
    before = ladder([(95.0, 7.0, 1.0), (80.0, 7.0, 1.0)])
    after = ladder([(60.0, 7.0, 1.0)], mark=94.0)
    found = changes(roll(before, np.array([94.0])), after)
    assert [(x.is_consumed, x.moved_to) for x in found.earlier] == [(True, None), (False, 60.0)]


def test_only_one_provenance_is_compared() -> None:
    before = ladder([(90.0, 7.0, 1.0)])
    found = changes(roll(before, np.empty(0)), before, provenance=Provenance.ESTIMATED)
    assert not found.earlier
    assert not found.later


def test_maps_of_different_instruments_are_refused() -> None:
    before = ladder([(90.0, 7.0, 1.0)])
    for other in (replace(before, symbol="ETH/USDT:USDT"), replace(before, venue="bybit")):
        with pytest.raises(InputError, match="cannot be compared"):
            changes(roll(before, np.empty(0)), other)


@pytest.mark.parametrize("width", [-0.1, 1.0, np.nan])
def test_a_width_that_is_none_is_refused(width: float) -> None:
    before = ladder([])
    with pytest.raises(InputError, match="half_width"):
        changes(roll(before, np.empty(0)), before, half_width=width)
