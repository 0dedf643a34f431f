"""What makers want, how they thin it, what they own; and draws by counter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.density_book import BookTerms, Withdrawal, open_book
from airpocket.cascade.density_kernels import (
    ASK,
    BID,
    BOOK,
    CASH,
    INVENTORY,
    NO_ASK,
    NO_BID,
    Book,
    recentre,
    take,
)
from airpocket.cascade.depth_profile import DepthProfile
from airpocket.cascade.makers_kernels import Aim, aim, makers_equity, offset_of, willingness

_MINUTE = 60 * 10**9
_NONE = np.empty((0, 3), dtype=np.int64)


def _equity(book: Book, capital: int, mark: int, micro: int) -> int:
    figures = book.figures[BOOK]
    return makers_equity(int(figures[INVENTORY]), int(figures[CASH]), capital, mark, micro)


@settings(max_examples=50, database=None, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(-1.0, 2.0)), min_size=1, max_size=30),
    st.integers(1, 10**13),
)
def test_willingness_is_the_plain_one(steps: list[tuple[float, float]], elapsed_ns: int) -> None:
    how, lacks = Withdrawal(steepness=0.7).retreat(elapsed_ns), np.zeros(2)
    quick = slow = 0.0
    for volatility, capital in steps:
        asked = math.exp(-0.7 * max(volatility - 1.0, 0.0)) * max(capital, 0.0)
        asked = min(max(asked, 0.02), 1.0)
        quick = max(quick * 0.5 ** (elapsed_ns / 1e9 / 420.0), 0.7 * (1.0 - asked))
        slow = max(slow * 0.5 ** (elapsed_ns / 1e9 / (180 * 86_400.0)), 0.3 * (1.0 - asked))
        phi = willingness(lacks, volatility, capital, how)
        assert phi == pytest.approx(min(max(1.0 - quick - slow, 0.02), 1.0), rel=1e-9)
        assert 0.02 <= phi <= asked + 1e-12


def test_withdrawal_is_at_once_and_comes_back_in_minutes_and_in_months() -> None:
    how, lacks = Withdrawal().retreat(_MINUTE), np.zeros(2)
    assert willingness(lacks, 1.0, 1.0, how) == 1.0
    assert willingness(lacks, 9.0, 1.0, how) == pytest.approx(0.02)
    path = [willingness(lacks, 1.0, 1.0, how) for _ in range(60)]
    half = next(i + 1 for i, phi in enumerate(path) if phi >= 0.5)
    assert 5 <= half <= 15
    assert np.all(np.diff(path) >= 0)
    month = Withdrawal().retreat(30 * 24 * 60 * _MINUTE)
    assert willingness(lacks, 1.0, 1.0, month) == pytest.approx(0.70, abs=0.1)


def test_capital_that_is_lost_thins_the_book() -> None:
    how = Withdrawal().retreat(_MINUTE)
    phis = [willingness(np.zeros(2), 1.0, share, how) for share in (1.5, 1.0, 0.5, 0.0, -1.0)]
    assert phis == pytest.approx([1.0, 1.0, 0.5, 0.02, 0.02])


def test_makers_who_bought_what_falls_lose_it_to_the_micro_dollar() -> None:
    terms = BookTerms(micro_per_tick_lot=1_000, width=1024)
    book, _ = open_book(DepthProfile.published(), terms, 61_400)
    sold = take(book, False, 50_000, NO_BID, _NONE)
    assert _equity(book, 10**12, sold.last_tick, 1_000) <= 10**12
    for mark in (61_400, 60_000, 1):
        seller = sold.tick_lots - 50_000 * mark
        assert _equity(book, 10**12, mark, 1_000) - 10**12 == -seller * 1_000
    bought = take(book, True, 50_000, NO_ASK, _NONE)
    gain = (bought.tick_lots - sold.tick_lots) * 1_000
    assert _equity(book, 0, 5, 1_000) == _equity(book, 0, 9**9, 1_000)
    assert _equity(book, 0, 5, 1_000) == gain > 0


@pytest.mark.parametrize("nearest", [1, 5])
def test_goals_are_the_profile_in_lots(nearest: int) -> None:
    profile, target = DepthProfile.published(), Aim(np.zeros((2, 3001)), np.zeros(1, np.int64))
    assert aim(target, profile.table(), 61_400, nearest, 0.001, 0.01)
    for side, law in ((BID, profile.bid), (ASK, profile.ask)):
        ticks = 61_401 - np.arange(3001) if side == BID else 61_400 + np.arange(3001)
        each = np.diff(target.goals[side])
        assert not each[: nearest - 1].any()
        usd = np.cumsum(each * ticks[1:] * 0.001)
        for j in (nearest, 123, 614, 1228, 3000):
            assert usd[j - 1] == pytest.approx(law.usd_within(j / 61_400.5), rel=1e-9)


def test_goals_are_worked_out_anew_only_where_the_price_has_moved() -> None:
    table, target = DepthProfile.published().table(), Aim(np.zeros((2, 99)), np.zeros(1, np.int64))
    assert aim(target, table, 10_000, 1, 0.001, 0.01)
    before = target.goals.copy()
    assert not aim(target, table, 10_100, 1, 0.001, 0.01)
    assert np.array_equal(target.goals, before)
    assert aim(target, table, 10_101, 1, 0.001, 0.01)
    # Lower prices: the same distance in ticks is farther, and a dollar is more lots.
    assert aim(target, table, 5_000, 1, 0.001, 0.01)
    assert np.all(target.goals[:, 1:] > before[:, 1:])
    # No level below one tick.
    assert aim(target, table, 10, 1, 0.001, 0.01)
    assert np.all(np.diff(target.goals[BID])[10:] == 0.0)


def test_draws_are_the_published_generator() -> None:
    """First outputs of splitmix64 with seed 1234567, as its reference implementation gives them."""
    whole = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [offset_of(1234567, i) for i in range(3)] == [(z >> 11) * 2.0**-53 for z in whole]
    many = np.array([offset_of(-3, i) for i in range(20_000)])
    assert 0.0 <= many.min() < 0.001
    assert 0.999 < many.max() < 1.0
    assert abs(many.mean() - 0.5) < 4 * math.sqrt(1 / 12 / many.size)


def test_the_window_moves_without_makers_losing_a_lot() -> None:
    book, _ = open_book(
        DepthProfile.published(), BookTerms(micro_per_tick_lot=100, width=64), 6_000
    )
    before = [column.tobytes() for column in book]
    low = int(book.figures[BOOK, 0])
    assert recentre(book, low - 20)
    assert [column.tobytes() for column in book] != before
    assert recentre(book, low)
    assert [column.tobytes() for column in book] == before
