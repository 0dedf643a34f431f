"""The compiled loops against plain twins."""

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.market import kernels

TICKS = st.lists(
    st.tuples(
        st.integers(-50, 200),  # time
        st.integers(0, 3),  # stream
        st.one_of(st.just(math.nan), st.integers(1, 9).map(float)),  # price
        st.one_of(st.just(math.nan), st.integers(0, 9).map(float)),  # dollars
        st.booleans(),  # sold
    ),
    max_size=60,
)


def plain_bins(ticks: list[tuple[int, int, float, float, bool]], width: int) -> list[list[Any]]:
    """What ``bin_ticks`` says, in dictionaries."""
    rows: list[list[Any]] = []
    open_row: dict[int, list[Any]] = {}
    for time, key, price, usd, sold in ticks:
        row = open_row.get(key)
        if row is None or row[1] != time // width:
            nan = math.nan
            row = [key, time // width, 0, 0, time, time, time, time, 0.0, 0.0, 0.0] + [nan] * 4
            open_row[key] = row
            rows.append(row)
        row[2] += 1
        row[4], row[5] = min(row[4], time), max(row[5], time)
        if not math.isnan(usd):
            row[3] += 1
            row[8] += usd
            row[9] += usd * usd
            row[10] += usd if sold else 0.0
        if math.isnan(price):
            continue
        if math.isnan(row[11]):
            row[11:14] = [price] * 3
            row[6] = row[7] = time
        if price > row[12]:
            row[12], row[7] = price, time
        if price < row[13]:
            row[13], row[6] = price, time
        row[14] = price
    return rows


@settings(deadline=None)
@given(TICKS, st.integers(1, 60))
def test_ticks_are_binned_as_a_plain_loop_does(
    ticks: list[tuple[int, int, float, float, bool]], width: int
) -> None:
    times, keys, prices, usd, sold = list(zip(*ticks, strict=True)) or [()] * 5
    whole, real, rows = kernels.bin_ticks(
        np.array(times, np.int64), np.array(keys, np.int32), np.array(prices, np.float64),
        np.array(usd, np.float64), np.array(sold, np.bool_), 4, width,
    )  # fmt: skip
    expected = plain_bins(ticks, width)
    assert rows == len(expected)
    np.testing.assert_array_equal(
        whole[:rows], np.array([row[:8] for row in expected]).reshape(-1, 8)
    )
    np.testing.assert_array_equal(
        real[:rows], np.array([row[8:] for row in expected]).reshape(-1, 7)
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 4)), max_size=50))
def test_folded_columns_tell_all_combinations_apart(rows: list[tuple[int, int]]) -> None:
    mixed = np.zeros(len(rows), np.int64)
    for column, size in ((0, 4), (1, 6)):
        kernels.fold(mixed, np.array([row[column] for row in rows], np.int32), size)
    assert mixed.tolist() == [(a + 1) * 6 + b + 1 for a, b in rows]


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=80))
def test_numbers_are_given_in_order_of_first_appearance(values: list[int]) -> None:
    keys, kinds = kernels.number(np.array(values, np.int64), 41)
    assert kinds.tolist() == list(dict.fromkeys(values))
    assert [int(kinds[key]) for key in keys] == values
