"""The compiled loop does what a plain one over cohorts does."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.leverage.estimate_kernels import (
    FADED,
    PLACED,
    REMOVED,
    SWEPT,
    UNPLACED,
    follow,
)

M = 24  # bins


class Given(NamedTuple):
    change: NDArray[np.float64]
    levered: NDArray[np.float64]
    bins: NDArray[np.int32]
    weight: NDArray[np.float64]
    crossed: NDArray[np.int64]
    beyond: NDArray[np.int64]
    keep: NDArray[np.float64]
    newest_first: bool
    reopens: bool
    unplaced: float


@st.composite
def runs(draw: st.DrawFn) -> Given:
    n = draw(st.integers(1, 14))
    k = draw(st.integers(1, 4))
    interest = [draw(st.floats(5.0, 50.0)) for _ in range(n + 1)]
    weight = np.array([draw(st.floats(0.05, 1.0)) for _ in range(k)])
    bins = np.array([[draw(st.integers(-1, M - 1)) for _ in range(k)] for _ in range(n)], np.int32)
    beyond = np.array([draw(st.integers(0, M)) for _ in range(n)])
    crossed = np.array([draw(st.integers(0, int(last))) for last in beyond])
    fades = draw(st.booleans())
    keep = np.array([draw(st.floats(0.2, 1.0)) if fades else 1.0 for _ in range(n)])
    return Given(
        np.diff(interest), np.array([draw(st.floats(0.0, 1.0)) for _ in range(n)]), bins,
        weight / weight.sum(), crossed, beyond, keep, draw(st.booleans()), draw(st.booleans()),
        interest[0],
    )  # fmt: skip


def compiled(run: Given) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    held, balance = np.zeros(M), np.zeros(5)
    follow(*run, held, balance)
    return held, balance


def plain(run: Given) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # noqa: C901
    """Every cohort by itself: (bar, bin, amount)."""
    cohorts: list[list[Any]] = []
    balance = np.zeros(5)
    loose = run.unplaced
    for i, change in enumerate(run.change):
        swept = sum(one[2] for one in cohorts if one[1] >= run.crossed[i])
        cohorts = [one for one in cohorts if one[1] < run.crossed[i]]
        balance[SWEPT] += swept
        for one in cohorts:
            faded = one[2] * (1 - run.keep[i])
            one[2] -= faded
            loose += faded
            balance[FADED] += faded
        net = change + swept
        if net < 0:
            if run.newest_first:
                left = -net
                for bar in sorted({one[0] for one in cohorts}, reverse=True):
                    ours = [one for one in cohorts if one[0] == bar]
                    there = sum(one[2] for one in ours)
                    part = 1.0 if left >= there else left / there
                    for one in ours:
                        balance[REMOVED] += one[2] * part
                        one[2] *= 1 - part
                    left -= there * part
                loose = max(loose - max(left, 0.0), 0.0)
            else:
                there = sum(one[2] for one in cohorts) + loose
                part = 1.0 if -net >= there else -net / there
                for one in cohorts:
                    balance[REMOVED] += one[2] * part
                    one[2] *= 1 - part
                loose *= 1 - part
        opened = max(net if run.reopens else change, 0.0)
        loose += opened * (1 - run.levered[i])
        for place, share in zip(run.bins[i], run.weight, strict=True):
            amount = opened * run.levered[i] * share
            if 0 <= place < run.beyond[i]:
                cohorts.append([i, int(place), amount])
                balance[PLACED] += amount
            else:
                loose += amount
    held = np.zeros(M)
    for _, place, amount in cohorts:
        held[place] += amount
    balance[UNPLACED] = loose
    return held, balance


@settings(max_examples=150)
@given(runs())
def test_it_is_the_plain_one(run: Given) -> None:
    held, balance = compiled(run)
    expected, accounted = plain(run)
    assert held == pytest.approx(expected, abs=1e-9)
    assert balance == pytest.approx(accounted, abs=1e-8)


@settings(max_examples=80)
@given(runs())
def test_every_coin_is_accounted_for(run: Given) -> None:
    held, balance = compiled(run)
    gone = balance[SWEPT] + balance[REMOVED] + balance[FADED]
    assert balance[PLACED] == pytest.approx(gone + held.sum(), abs=1e-8)
    assert (held >= 0).all()
    if run.reopens:  # each side is the open interest, whatever was swept
        now = run.unplaced + run.change.sum()
        assert held.sum() + balance[UNPLACED] == pytest.approx(now, abs=1e-8)


@settings(max_examples=80)
@given(runs())
def test_nothing_is_left_where_the_price_is(run: Given) -> None:
    """Bins that the last bar crossed hold at most what it opened itself, below its close."""
    held, _ = compiled(run)
    assert (held[run.beyond[-1] :] == 0).all()


def test_a_fault_in_sweeping_is_seen() -> None:
    """The law above is no empty one: without sweeping it does not hold."""
    run = Given(
        np.array([5.0, 1.0]), np.ones(2), np.array([[10], [2]], np.int32), np.ones(1),
        np.array([M, 4]), np.array([M, 4]), np.ones(2), False, True, 10.0,
    )  # fmt: skip
    assert (compiled(run)[0][4:] == 0).all()
    blind = run._replace(crossed=np.array([M, M]))
    assert (compiled(blind)[0][4:] > 0).any()


def test_the_newest_are_closed_first() -> None:
    bins = np.array([[1], [2], [3], [0]], np.int32)
    run = Given(
        np.array([5.0, 5.0, 5.0, -7.0]), np.ones(4), bins, np.ones(1),
        np.full(4, M), np.full(4, M), np.ones(4), True, True, 10.0,
    )  # fmt: skip
    held, balance = compiled(run)
    assert held[:5].tolist() == [0.0, 5.0, 3.0, 0.0, 0.0]
    assert balance[UNPLACED] == 10.0
    shared, _ = compiled(run._replace(newest_first=False))
    assert shared[1:4] == pytest.approx(5.0 * (1 - 7 / 25))


def test_all_of_it_may_close_and_be_opened_again() -> None:
    run = Given(
        np.array([5.0, -14.999999, 8.0]), np.ones(3), np.array([[1], [2], [3]], np.int32),
        np.ones(1), np.full(3, M), np.full(3, M), np.ones(3), False, True, 10.0,
    )  # fmt: skip
    held, balance = compiled(run)
    assert held[3] == pytest.approx(8.0)
    assert held.sum() + balance[UNPLACED] == pytest.approx(8.000001)


def test_the_scale_does_not_run_out() -> None:
    """Hundreds of bars that each leave a tenth: 1e-300 of the first is no division by nought."""
    n = 600
    change = np.where(np.arange(n) % 2 == 0, 9.0, -9.0)
    run = Given(
        change, np.ones(n), np.tile(np.array([[1]], np.int32), (n, 1)), np.ones(1),
        np.full(n, M), np.full(n, M), np.full(n, 0.01), False, True, 1.0,
    )  # fmt: skip
    held, balance = compiled(run)
    assert np.isfinite(held).all()
    assert np.isfinite(balance).all()
    assert held.sum() + balance[UNPLACED] == pytest.approx(1.0, rel=1e-6)
