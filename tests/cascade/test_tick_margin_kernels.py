"""Margin in integers against fractions, position by position."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.cascade import tick_margin_kernels as kernels
from airpocket.cascade.tick_margin import tick_tiers
from tests.cascade.crowds import contract, spare, tier_table

_LOTS = st.integers(1, 2_000_000)  # up to 120 M USD: eight tiers
_TICKS = st.integers(300_000, 900_000)
_TIERS = tier_table()
_WHOLE = tick_tiers(contract(), _TIERS)


def _one(value: int | bool) -> NDArray[np.int64]:  # noqa: FBT001
    return np.array([value], dtype=np.int64)


@settings(max_examples=200, database=None, deadline=None)
@given(_TICKS, st.booleans(), _LOTS, _TICKS, st.integers(1, 10**14))
def test_taken_is_equity_at_most_the_exact_requirement(
    tick: int,
    is_long: bool,  # noqa: FBT001
    lots: int,
    entry: int,
    margin: int,
) -> None:
    left = spare(tick, is_long, lots, entry, margin, _TIERS)
    assert kernels.is_taken(tick, is_long, lots, entry, margin, _WHOLE) == (left <= 0)
    # At the bound itself, and a micro-dollar beside it.
    at_bound = margin - int(np.floor(float(left))) if abs(left) < 2**52 else margin
    for other in (at_bound - 1, at_bound, at_bound + 1):
        exact = spare(tick, is_long, lots, entry, other, _TIERS) <= 0
        assert kernels.is_taken(tick, is_long, lots, entry, other, _WHOLE) == exact


def test_the_requirement_is_rounded_down_and_continuous() -> None:
    for bound in (row.up_to for row in _TIERS.tiers[:-3]):
        lots = int(bound * 10**6) // (100 * 614_000)
        below, above = (kernels.required(614_000, size, _WHOLE) for size in (lots, lots + 1))
        assert 0 < above - below <= 61_400 * 1000
    exact = 7 * 614_001 * 100 * Fraction("0.004")
    assert kernels.required(614_001, 7, _WHOLE) == exact // 1


def test_tiers_of_contracts_count_lots() -> None:
    whole = _WHOLE._replace(by_contracts=True, up_to=np.arange(10, 130, 10))
    assert [kernels.tier_at(lots, 10**15, whole) for lots in (1, 10, 11, 500)] == [0, 0, 1, 11]


@settings(max_examples=100, database=None, deadline=None)
@given(st.booleans(), _LOTS, _TICKS, st.integers(2_000, 100_000), st.integers(-3, 3))
def test_the_tick_is_the_first_taken_wherever_the_search_begins(
    is_long: bool,  # noqa: FBT001
    lots: int,
    entry: int,
    leverage: int,
    off: int,
) -> None:
    value = lots * entry * 100
    margin = -(-value * 1000 // leverage)
    if spare(entry, is_long, lots, entry, margin, _TIERS) <= 0:
        return
    near = np.empty(1, dtype=np.int64)
    sides = np.array([is_long])
    columns = (sides, _one(lots), _one(entry), _one(margin))
    about = entry * (1 - 1000 / leverage) if is_long else entry * (1 + 1000 / leverage)
    kernels.liquidation_ticks(np.array([about + off]), *columns, _WHOLE, near)
    found, step = int(near[0]), 1 if is_long else -1

    def is_right(tick: int) -> bool:
        nearer = spare(tick + step, is_long, lots, entry, margin, _TIERS)
        return spare(tick, is_long, lots, entry, margin, _TIERS) <= 0 < nearer

    assert is_right(found)
    assert not is_right(found - 1)  # a planted tick too far
    assert not is_right(found + 1)  # and one too near


def test_what_no_price_takes_has_no_tick() -> None:
    found = np.empty(2, dtype=np.int64)
    kernels.liquidation_ticks(
        np.array([np.nan, np.nan]), np.array([True, False]), np.array([3, 3]),
        np.array([500_000, 500_000]), np.array([3 * 500_000 * 100, 10**15]), _WHOLE, found,
    )  # fmt: skip
    assert found.tolist() == [0, kernels.NEVER]


@settings(max_examples=100, database=None, deadline=None)
@given(st.booleans(), _LOTS, _TICKS, st.integers(1, 10**14))
def test_margin_is_used_up_at_the_bankruptcy_tick_and_not_one_before(
    is_long: bool,  # noqa: FBT001
    lots: int,
    entry: int,
    margin: int,
) -> None:
    found = np.empty(1, dtype=np.int64)
    kernels.bankruptcy_ticks(np.array([is_long]), _one(lots), _one(entry), _one(margin), 100, found)
    moved = entry - int(found[0]) if is_long else int(found[0]) - entry
    assert moved >= 0
    assert margin > (moved - 1) * lots * 100
    assert margin <= moved * lots * 100 or (is_long and found[0] == 0)


_SIDES = st.lists(st.integers(1, 10**7), min_size=1, max_size=30)


def _two_sides(longs: list[int], shorts: list[int]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Both sides with equal lots: the smaller one gets the rest as one more position."""
    rest = sum(longs) - sum(shorts)
    longs, shorts = longs + [-rest] * (rest < 0), shorts + [rest] * (rest > 0)
    lots = np.array(longs + shorts, dtype=np.int64)
    return np.arange(lots.size) < len(longs), lots


@settings(max_examples=150, database=None, deadline=None)
@given(_SIDES, _SIDES, _TICKS, st.integers(-7_500_000, 7_500_000))
def test_funding_sums_to_zero_exactly(  # I05
    longs: list[int],
    shorts: list[int],
    mark: int,
    rate: int,
) -> None:
    is_long, lots = _two_sides(longs, shorts)
    order = np.random.default_rng(lots.size).permutation(lots.size)
    for rows in (np.arange(lots.size), order):
        paid = np.empty(lots.size, dtype=np.int64)
        kernels.funding_payments(is_long[rows], lots[rows], mark, 100, rate, paid)
        assert paid.sum() == 0
        for got, own, size in zip(
            paid.tolist(), is_long[rows].tolist(), lots[rows].tolist(), strict=True
        ):
            exact = Fraction(size * mark * 100 * rate, 10**9) * (1 if own else -1)
            assert abs(got - exact) < 1


def test_funding_rounded_one_by_one_would_lose_micro_dollars() -> None:
    is_long, lots = _two_sides([1] * 999, [500, 499])
    alone = np.where(is_long, 1, -1) * (lots * 614_003 * 100 * 12_345 // 10**9)
    assert alone.sum() != 0
    paid = np.empty(lots.size, dtype=np.int64)
    kernels.funding_payments(is_long, lots, 614_003, 100, 12_345, paid)
    assert paid.sum() == 0
    assert bool(np.all(paid[is_long] > 0))  # longs pay


@pytest.mark.parametrize(("worst", "opened"), [(600_000, True), (590_000, False)])
def test_who_would_have_been_taken_since_is_not_opened(worst: int, opened: bool) -> None:  # noqa: FBT001
    rows, lots, leverage = np.array([1, 0]), np.array([40, 7]), np.array([90_000, 30_000], np.int32)
    entry, margin = np.zeros(2, np.int64), np.zeros(2, np.int64)
    left, cut = kernels.open_positions(
        rows, np.array([614_000, 604_000]), np.array([worst, 604_000]), np.array([True, True]),
        lots, _WHOLE, 1 << 50, leverage, entry, margin,
    )  # fmt: skip
    assert (left, cut) == ((0, 0) if opened else (1, 0))
    if not opened:
        assert rows[0] == 1
    assert entry.tolist() == [604_000, 614_000 if opened else 0]
    assert margin[0] == -(-40 * 604_000 * 100 * 1000 // 90_000)


def test_leverage_is_cut_to_the_tier_and_large_values_are_not_opened() -> None:
    lots = np.array([100_000, 400_000])  # 6 and 25 M USD
    leverage = np.array([90_000, 90_000], np.int32)
    entry, margin = np.zeros(2, np.int64), np.zeros(2, np.int64)
    left, cut = kernels.open_positions(
        np.array([0, 1]), np.full(2, 614_000), np.full(2, 614_000), np.array([True, False]), lots,
        _WHOLE, 10**13, leverage, entry, margin,
    )  # fmt: skip
    assert (left, cut) == (1, 1)
    assert leverage.tolist() == [50_000, 90_000]
