"""Random numbers, sizes, leverage, entries and orders of a crowd, each against a plain twin."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.cascade import crowd_kernels as kernels

_MASK = (1 << 64) - 1
_KEY = np.uint64(20_251_010)


def _splitmix(state: int) -> tuple[int, int]:
    """Step the generator as its authors write it."""
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    word = state
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return state, word ^ (word >> 31)


def test_numbers_are_those_of_splitmix64() -> None:
    state, words = 1234567, []
    for _ in range(3):
        state, word = _splitmix(state)
        words.append(word)
    # The published check values of this seed.
    assert words == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for place, word in enumerate(words):
        assert kernels.uniform(np.uint64(1234567), place) == ((word >> 12) + 0.5) * 2.0**-52


def test_numbers_are_within_0_and_1_at_the_ends_of_the_range() -> None:
    assert 0 < 0.5 * 2.0**-52 < ((_MASK >> 12) + 0.5) * 2.0**-52 < 1


def test_normal_numbers_are_normal_and_do_not_depend_on_where_they_begin() -> None:
    drawn = np.empty(40_000)
    kernels.draw_normal(_KEY, 0, drawn)
    later = np.empty(100)
    kernels.draw_normal(_KEY, 39_900, later)
    assert later.tolist() == drawn[-100:].tolist()
    ordered = np.sort(drawn)
    expected = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in ordered])
    distance = np.abs(expected - (np.arange(drawn.size) + 0.5) / drawn.size).max()
    assert distance * math.sqrt(drawn.size) < 1.95  # Kolmogorov, p = 0.001
    assert abs(float(np.corrcoef(drawn[1:], drawn[:-1])[0, 1])) < 4 / math.sqrt(drawn.size)


_SIZES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)


def _apportion(size: NDArray[np.float64], total: int, most: int) -> NDArray[np.int64]:
    lots = np.empty(size.size, dtype=np.int64)
    kernels.apportion(size, total, most, lots)
    return lots


def _filled(size: NDArray[np.float64], total: int, most: int) -> NDArray[np.float64]:
    """Shares of the total within bounds, found by halving a ratio in floating point."""
    share = np.empty(size.size)
    low, high = 0.0, 4.0 * total * most / float(size.min())
    for _ in range(400):
        scale = math.sqrt(low * high) if low > 0 else high / 2**60
        share = np.clip(size * scale, 1, most)
        low, high = (scale, high) if share.sum() < total else (low, scale)
    return share


@settings(max_examples=150, database=None, deadline=None)
@given(_SIZES, st.floats(0, 1), st.integers(2, 10**7))
def test_lots_sum_exactly_and_each_is_within_one_of_its_share(
    sizes: list[float], fill: float, most: int
) -> None:
    size = np.array(sizes)
    total = size.size + int(fill * size.size * (most - 1))
    lots = _apportion(size, total, most)
    assert int(lots.sum()) == total
    assert lots.min() >= 1
    assert lots.max() <= most
    # Beside the rest of the truncation, a part of a lot each, which one of them gets.
    assert np.abs(lots - _filled(size, total, most)).max() < 2.01


def test_lots_rounded_one_by_one_would_miss_the_total() -> None:
    size = np.exp(np.random.default_rng(3).normal(0, 2.15, 5000))
    total = 800_000
    alone = np.maximum(1, np.rint(size * total / size.sum())).astype(np.int64)
    assert alone.sum() != total
    lots = _apportion(size, total, total)
    assert lots.sum() == total
    # I18, where no size is held up by the least of one lot: twice the total, twice the lots.
    total *= 1000
    twice = _apportion(size, 2 * total, 2 * total)
    assert np.abs(twice - 2 * _apportion(size, total, total)).max() <= 3


def test_order_of_positions_changes_a_size_by_a_lot_at_most() -> None:  # I19
    rng = np.random.default_rng(4)
    size = np.exp(rng.normal(0, 2.15, 3000))
    order = rng.permutation(size.size)
    lots = _apportion(size, 10**6, 10**6)
    assert np.abs(_apportion(size[order], 10**6, 10**6) - lots[order]).max() <= 1


@pytest.mark.parametrize("by_weight", [True, False])
def test_leverages_meet_the_shares_of_a_kernel(by_weight: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(5)
    lots = np.exp(rng.normal(8, 2.15, 20_000)).astype(np.int64) + 1
    order = rng.permutation(lots.size)
    ranges = ((1.0, 3.0, 0.36), (3.0, 7.0, 0.49), (7.0, 7.0, 0.15))
    low, high, share = np.array(ranges).T.copy()
    leverage = np.empty(lots.size, dtype=np.int32)
    kernels.lay_leverage(order, lots, by_weight, low, high, share, leverage)
    assert bool(np.all(np.diff(leverage[order]) >= 0))
    weight = lots / lots.sum() if by_weight else np.full(lots.size, 1 / lots.size)
    largest = float(weight.max())
    for bottom, top, part in ranges:
        inside = (leverage >= 1000 * bottom) & (leverage < max(1000 * top, 1000 * bottom + 1))
        assert abs(weight[inside].sum() - part) <= largest
        if bottom < top:  # half of a log-uniform range lies below its geometric middle
            half = inside & (leverage < 1000 * math.sqrt(bottom * top))
            assert abs(weight[half].sum() - part / 2) <= largest + 3e-4  # rounded to thousandths
    other = np.empty(lots.size, dtype=np.int32)
    kernels.lay_leverage(order, lots, not by_weight, low, high, share, other)
    assert not np.array_equal(other, leverage)  # planted: the other weighting is noticed


def _past(ticks: list[int]) -> kernels.Past:
    column = np.array(ticks, dtype=np.int64)
    lowest = np.array([min(ticks[row:]) for row in range(len(ticks))])
    highest = np.array([max(ticks[row:]) for row in range(len(ticks))])
    return kernels.Past(column, lowest, highest)


def _entries(
    past: kernels.Past, count: int, *, decay: float = 0.0, spread: float = -1.0, attempt: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    is_long = np.arange(count) % 2 == 0
    tick, worst = np.empty(count, np.int64), np.empty(count, np.int64)
    kernels.draw_entries(_KEY, attempt, np.arange(count), past, decay, spread, is_long, tick, worst)
    return tick, worst, is_long


def test_entries_on_a_path_come_with_the_worst_mark_since() -> None:
    past = _past([500, 510, 460, 530, 520, 515])
    tick, worst, is_long = _entries(past, 30_000)
    rows = np.searchsorted(np.sort(past.ticks), tick)
    assert np.bincount(rows) / tick.size == pytest.approx(np.full(6, 1 / 6), abs=0.01)
    for price, low, high in zip(past.ticks, past.lowest, past.highest, strict=True):
        assert set(worst[is_long & (tick == price)].tolist()) == {low}
        assert set(worst[~is_long & (tick == price)].tolist()) == {high}


def test_a_half_life_halves_weights() -> None:
    past = _past(list(range(1000, 1010)))
    tick, _, _ = _entries(past, 40_000, decay=math.log(2))
    share = np.bincount(tick - 1000, minlength=10) / tick.size
    exact = 0.5 ** np.arange(9, -1, -1.0)
    assert share == pytest.approx(exact / exact.sum(), abs=0.01)


def test_log_normal_entries_and_the_mark_as_the_last_resort() -> None:
    past = _past([600_000])
    tick, worst, _ = _entries(past, 40_000, spread=0.05)
    away = np.log(tick / 600_000)
    assert (away.mean(), away.std()) == pytest.approx((0, 0.05), abs=0.001)
    assert set(worst.tolist()) == {600_000}
    again, _, _ = _entries(past, 40_000, spread=0.05, attempt=1)
    assert abs(float(np.corrcoef(tick, again)[0, 1])) < 0.02
    assert set(_entries(past, 100, spread=0.05, attempt=kernels.TRIES)[0].tolist()) == {600_000}


_MARK, _ROUND = 614_000, 5000


def _orders(
    *, is_stop: bool, round_share: float = 1.0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    count = 40_000
    is_long = np.arange(count) < count // 2
    taken_at = np.where(is_long, 550_000, 680_000)
    entry = np.where(is_long, 620_000, 600_000)  # both at a loss
    tick = np.empty(count, dtype=np.int64)
    habits = kernels.Habits(_KEY, 0.5, is_stop, 0.03, round_share, 60.0, _ROUND)
    found = kernels.place_orders(habits, _MARK, is_long, entry, taken_at, tick)
    assert found == np.count_nonzero(tick)
    assert 0.2 * count < found < 0.5 * count  # some of the half that wants one have no room for it
    return tick, is_long


def test_stops_lie_just_beyond_round_numbers_between_mark_and_liquidation() -> None:
    tick, is_long = _orders(is_stop=True)
    below, above = tick[is_long & (tick > 0)], tick[~is_long & (tick > 0)]
    assert 550_000 < below.min() < below.max() < _MARK
    assert _MARK < above.min() < above.max() < 680_000
    behind = np.concatenate((-below % _ROUND, above % _ROUND))
    assert behind.min() == 1
    assert np.median(behind) == pytest.approx(60 * math.log(2), abs=4)
    assert np.mean(behind < 600) > 0.99


def test_take_profits_lie_on_round_numbers_beyond_entry_and_mark() -> None:
    tick, is_long = _orders(is_stop=False)
    there = tick[tick > 0]
    assert set((there % _ROUND).tolist()) == {0}
    assert tick[is_long & (tick > 0)].min() > 620_000
    assert tick[~is_long & (tick > 0)].max() < 600_000


def test_orders_that_go_to_no_round_number_are_spread() -> None:
    tick, _ = _orders(is_stop=True, round_share=0.0)
    behind = tick[tick > 0] % _ROUND
    assert np.mean(behind < 600) == pytest.approx(600 / _ROUND, abs=0.03)


def test_a_share_of_0_places_nothing() -> None:
    tick = np.ones(10, dtype=np.int64)
    habits = kernels.Habits(_KEY, 0.0, True, 0.03, 0.5, 60.0, _ROUND)
    columns = (np.ones(10, np.bool_), np.full(10, _MARK), np.ones(10, np.int64))
    assert kernels.place_orders(habits, _MARK, *columns, tick) == 0
    assert not tick.any()
