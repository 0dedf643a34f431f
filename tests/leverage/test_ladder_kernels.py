"""The kernels of a ladder against plain loops."""

import numpy as np
import pytest
from numpy.typing import NDArray

from airpocket.leverage import ladder_kernels as kernels

Column = NDArray[np.float64]
Columns = tuple[Column, Column, Column, Column]
NONE = np.empty(0)


def _positions(count: int) -> Columns:
    """Draw prices, dollars, coins, bankruptcy prices."""
    draws = np.random.default_rng(11)
    price = draws.integers(100, 160, count) / 2
    usd, qty, lost = draws.exponential(5.0, (3, count))
    return price, usd, qty, lost


def _twin(columns: Columns, ticks: int) -> list[list[float]]:
    """Longs by whole ticks of 1 below 80, of prices in halves."""
    sums = [[0.0] * 4 for _ in range(ticks)]
    for price, usd, qty, lost in zip(*(column.tolist() for column in columns), strict=True):
        tick = 80 - int(price // 1)
        for column, added in enumerate((usd, qty, qty * lost, 1.0)):
            sums[tick][column] += added
    return sums


@pytest.mark.parametrize("count", [1, 4095, 4096, 4097, 10_000])  # blocks hold 4096
def test_counting_is_the_plain_twin(count: int) -> None:
    columns = _positions(count)
    sums = np.zeros((40, 4))
    kernels.bin_levels(*columns, 1.0, -1.0, 80.0, sums)
    assert sums.tolist() == _twin(columns, 40)


def test_unknown_bankruptcy_prices_are_left_out() -> None:
    columns = _positions(50)
    sums = np.zeros((40, 4))
    kernels.bin_levels(*columns[:3], NONE, 1.0, -1.0, 80.0, sums)
    assert not sums[:, 2].any()
    assert sums[:, 3].sum() == 50


def test_adding_up_sorted_rows_is_the_plain_twin() -> None:
    columns = _positions(500)
    index = (80 - np.floor(columns[0])).astype(np.int64)
    levels = sorted(set(index.tolist()))
    ticks, sums = np.empty(len(levels), dtype=np.int64), np.zeros((len(levels), 4))
    kernels.bin_levels_sorted(np.argsort(index, kind="stable"), index, *columns[1:], ticks, sums)
    plain = _twin(columns, 40)
    assert ticks.tolist() == levels
    assert sums.tolist() == [plain[level] for level in levels]


def test_compacting_keeps_the_ticks_that_hold_positions_in_order() -> None:
    sums = np.zeros((6, 4))
    sums[1], sums[4], sums[5] = (1.0, 2.0, 3.0, 1.0), (4.0, 5.0, 6.0, 2.0), (7.0, 8.0, 9.0, 3.0)
    ticks = np.empty(3, dtype=np.int64)
    kernels.compact(sums, ticks)
    assert ticks.tolist() == [1, 4, 5]
    assert sums[:3].tolist() == [[1.0, 2.0, 3.0, 1.0], [4.0, 5.0, 6.0, 2.0], [7.0, 8.0, 9.0, 3.0]]


@pytest.mark.parametrize(
    ("price", "outward", "tick"),
    [
        (9.97, -1.0, 99.0), (9.97, 1.0, 100.0), (0.3, -1.0, 3.0), (0.1 + 0.2, 1.0, 3.0),
        (0.04, -1.0, 1.0), (1e12 + 0.1, -1.0, 1e13 + 1), (1e12 + 0.1, 1.0, 1e13 + 1),
    ],
)  # fmt: skip
def test_the_tick_of_a_price(price: float, outward: float, tick: float) -> None:
    assert kernels.tick_indexes(np.array([price]), 10.0, outward).tolist() == [tick]


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, 1e18])
def test_the_first_row_that_cannot_be_used(bad: float) -> None:
    for column in range(3):
        columns = _positions(9)[:3]
        columns[column][[4, 7]] = bad
        assert kernels.first_unusable(*columns, 1e18, np.empty(2)) == 4


def test_the_lowest_and_the_highest_price() -> None:
    columns, extremes = _positions(9)[:3], np.empty(2)
    assert kernels.first_unusable(*columns, 1e18, extremes) == -1
    assert extremes.tolist() == [columns[0].min(), columns[0].max()]
