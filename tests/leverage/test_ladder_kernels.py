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
    sums = np.zeros((41, 4))
    kernels.bin_levels(*columns, 1.0, -1.0, 80.0, sums)
    assert sums.tolist() == _twin(columns, 41)


def test_what_lies_beyond_the_table_is_set_apart_and_found_again() -> None:
    columns = _positions(5000)
    sums = np.zeros((11, 4))
    kernels.bin_levels(*columns, 1.0, -1.0, 80.0, sums)
    plain = _twin(columns, 41)
    assert sums[:10].tolist() == plain[:10]
    assert sums[10, 3] == sum(row[3] for row in plain[10:])
    beyond = [i for i, price in enumerate(columns[0].tolist()) if 80 - int(price // 1) >= 10]
    rows, index = kernels.positions_beyond(columns[0], 1.0, -1.0, 80.0, 10)
    assert rows.tolist() == beyond
    assert index.tolist() == [80 - int(columns[0][i] // 1) for i in beyond]


def test_unknown_bankruptcy_prices_are_left_out() -> None:
    columns = _positions(50)
    sums = np.zeros((40, 4))
    kernels.bin_levels(*columns[:3], NONE, 1.0, -1.0, 80.0, sums)
    assert not sums[:, 2].any()
    assert sums[:, 3].sum() == 50


def _told(levels: Column) -> list[tuple[float, list[float]]]:
    """Tell the tick of each level, and its sums in the order of the twin."""
    return [(tick, [usd, qty, lost, count]) for tick, usd, qty, count, lost in levels.T.tolist()]


def test_adding_up_ordered_positions_is_the_plain_twin() -> None:
    columns = _positions(500)
    rows = np.arange(0, 500, 2)
    index = (80 - np.floor(columns[0][rows])).astype(np.int64)
    order = np.argsort(index, kind="stable")
    distinct = sorted(set(index.tolist()))
    assert kernels.count_ordered(order, index) == len(distinct)
    levels = np.full((5, len(distinct)), np.nan)
    kernels.bin_ordered(order, rows, index, *columns[1:], levels)
    price, usd, qty, lost = columns
    plain = _twin((price[rows], usd[rows], qty[rows], lost[rows]), 40)
    assert _told(levels) == [(level, plain[level]) for level in distinct]


def test_nothing_ordered_is_no_level() -> None:
    none = np.empty(0, dtype=np.int64)
    assert kernels.count_ordered(none, none) == 0


def test_ticks_that_hold_positions_are_written_down_in_order() -> None:
    sums = np.zeros((7, 4))
    sums[1], sums[4], sums[5] = (1.0, 2.0, 3.0, 1.0), (4.0, 5.0, 6.0, 2.0), (7.0, 8.0, 9.0, 3.0)
    sums[6] = 100.0  # what lies beyond
    levels = np.full((5, 3), np.nan)
    kernels.bin_counted(sums, levels)
    assert _told(levels) == [(1, [1, 2, 3, 1]), (4, [4, 5, 6, 2]), (5, [7, 8, 9, 3])]


@pytest.mark.parametrize("way", ["counted", "ordered"])
def test_bankruptcy_prices_have_no_row_where_none_are_known(way: str) -> None:
    levels = np.full((4, 1), np.nan)
    if way == "counted":
        kernels.bin_counted(np.ones((2, 4)), levels)
    else:
        zero, one = np.zeros(1, dtype=np.int64), np.ones(1)
        kernels.bin_ordered(zero, zero, zero, one, one, NONE, levels)
    assert levels.tolist() == [[0], [1], [1], [1]]


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
