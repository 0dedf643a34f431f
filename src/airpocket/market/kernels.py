"""Hot loops over market events. Arrays and scalars in and out."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["bin_ticks"]


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
    n = times.shape[0]
    room = max(64, n // 16)
    whole = np.empty((room, 8), np.int64)
    real = np.empty((room, 7), np.float64)
    open_row = np.full(key_count, -1, np.int64)
    rows = 0
    for i in range(n):
        time, key = times[i], keys[i]
        step = time // width_ns
        row = open_row[key]
        if row < 0 or whole[row, 1] != step:
            if rows == room:
                room *= 2
                grown_whole = np.empty((room, 8), np.int64)
                grown_whole[:rows] = whole[:rows]
                whole = grown_whole
                grown_real = np.empty((room, 7), np.float64)
                grown_real[:rows] = real[:rows]
                real = grown_real
            row = rows
            rows += 1
            open_row[key] = row
            whole[row, 0], whole[row, 1], whole[row, 2], whole[row, 3] = key, step, 0, 0
            whole[row, 4], whole[row, 5] = time, time
            whole[row, 6], whole[row, 7] = time, time
            real[row, 0], real[row, 1], real[row, 2] = 0.0, 0.0, 0.0
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
