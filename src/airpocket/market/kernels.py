"""Hot loops over market events. Arrays and scalars in and out."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["bin_ticks", "fold", "number"]


@numba.njit(cache=True)
def bin_ticks(
    times: NDArray[np.int64],
    keys: NDArray[np.int32],
    prices: NDArray[np.float64],
    usd: NDArray[np.float64],
    sold: NDArray[np.bool_],
    key_count: int,
    width_ns: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Sum ticks into bins of time, one row a (key, bin) in order of first appearance.

    A key whose time steps back opens a second row for the same bin; the caller merges rows.

    Parameters
    ----------
    times
        Event times, shape (n,), nanoseconds.
    keys
        Stream of each event, 0 … key_count − 1.
    prices, usd
        Price (NaN: none) and notional (NaN: unknown) of each event.
    sold
        Whether the taker sold.
    key_count, width_ns
        Number of streams; bin width.

    Returns
    -------
    tuple
        ``whole`` int64 (rows, 8): key, bin, count, known, first_ns, last_ns, low_ns, high_ns;
        ``real`` float64 (rows, 7): usd, usd², sell_usd, open, high, low, close; number of rows.
    """
    # Rows are counted first: an array that grows within the loop makes it six times slower.
    rows, row_of = _rows_of(times, keys, key_count, width_ns)
    whole = np.zeros((rows, 8), np.int64)
    real = np.zeros((rows, 7), np.float64)
    for i in range(times.shape[0]):
        row = np.uint32(row_of[i])  # unsigned: no wrap-around to check
        time = times[i]
        if whole[row, 2] == 0:
            whole[row, 0], whole[row, 1] = keys[i], time // width_ns
            whole[row, 4] = whole[row, 5] = whole[row, 6] = whole[row, 7] = time
            real[row, 3] = real[row, 4] = real[row, 5] = real[row, 6] = math.nan
        whole[row, 2] += 1
        whole[row, 4] = min(whole[row, 4], time)
        whole[row, 5] = max(whole[row, 5], time)
        value = usd[i]
        if not math.isnan(value):
            whole[row, 3] += 1
            real[row, 0] += value
            real[row, 1] += value * value
            if sold[i]:
                real[row, 2] += value
        price = prices[i]
        if not math.isnan(price):
            if math.isnan(real[row, 3]):
                real[row, 3] = real[row, 4] = real[row, 5] = price
                whole[row, 6] = whole[row, 7] = time
            if price > real[row, 4]:
                real[row, 4] = price
                whole[row, 7] = time
            if price < real[row, 5]:
                real[row, 5] = price
                whole[row, 6] = time
            real[row, 6] = price
    return whole, real, rows


@numba.njit(cache=True)
def _rows_of(
    times: NDArray[np.int64], keys: NDArray[np.int32], key_count: int, width_ns: int
) -> tuple[int, NDArray[np.int32]]:
    """Count the rows that ticks fall into, and say which row each falls into."""
    row_of = np.empty(times.shape[0], np.int32)
    open_row = np.full(key_count, -1, np.int32)
    open_from = np.zeros(key_count, np.int64)
    rows = 0
    for i in range(times.shape[0]):
        time, key = times[i], np.uint32(keys[i])
        # Whether the bin is still the same is asked without a division, which would cost most.
        if open_row[key] < 0 or not open_from[key] <= time < open_from[key] + width_ns:
            open_row[key] = rows
            open_from[key] = time // width_ns * width_ns
            rows += 1
        row_of[i] = open_row[key]
    return rows, row_of


@numba.njit(cache=True)
def fold(mixed: NDArray[np.int64], codes: NDArray[np.int32], size: int) -> None:
    """Mix one more column of codes, −1 … size − 2, into numbers that tell them all apart.

    Parameters
    ----------
    mixed
        Numbers of the columns before; overwritten.
    codes, size
        The column, and how many values it can have.
    """
    for i in range(mixed.shape[0]):
        mixed[i] = mixed[i] * size + codes[i] + 1


@numba.njit(cache=True)
def number(mixed: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give each value that occurs a number, in order of first appearance, without a sort.

    Parameters
    ----------
    mixed, bound
        Values, 0 … bound − 1.

    Returns
    -------
    tuple
        The number of each value, and the values in order of their numbers.
    """
    keys = np.empty(mixed.shape[0], np.int32)
    number_of = np.full(bound, -1, np.int32)
    kinds = np.empty(min(bound, mixed.shape[0]), np.int64)
    count = 0
    for i in range(mixed.shape[0]):
        kind = np.uint64(mixed[i])
        if number_of[kind] < 0:
            number_of[kind] = count
            kinds[count] = mixed[i]
            count += 1
        keys[i] = number_of[kind]
    return keys, kinds[:count]
