"""The flow statistic of all streams for one bin of time. Arrays and scalars in and out."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["flow_step", "price_step"]


@numba.njit(cache=True)
def flow_step(  # noqa: C901, PLR0912, PLR0915 — one loop over the streams, split by comments
    values: NDArray[np.float64],
    squares: NDArray[np.float64],
    live: NDArray[np.bool_],
    frozen: NDArray[np.bool_],
    windows: NDArray[np.int64],
    recent_bins: int,
    guard_bins: int,
    mean_decay: float,
    spread_decay: float,
    ring: NDArray[np.float64],
    ring_squares: NDArray[np.float64],
    ring_usable: NDArray[np.bool_],
    ring_sums: NDArray[np.float64],
    seen: NDArray[np.int64],
    absorbed: NDArray[np.int64],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Advance every live stream by one bin and score all windows that end in it.

    The score is the quasi-Poisson generalised likelihood ratio of science.md §2.1–2.2,
    ``S = max over w of (N log(N/B) − (N − B)) / phi_w`` for ``N > B``, with N the window's sum,
    B the baseline's, and phi_w the larger of the running Fano factor of the window's sums and the
    size-weighted mean print (within the window and in the baseline): a compound Poisson sum has
    variance over mean E[u²]/E[u], so one huge print counts as one event, not as a cascade.

    Parameters
    ----------
    values, squares
        Sum of the bin and sum of its squared prints (NaN: prints unknown), shape (n,).
    live, frozen
        Streams to advance; streams whose bin must not enter the baseline.
    windows
        Window lengths in bins, ascending, shape (k,).
    recent_bins
        Length of the window whose plain sum is returned for the end rules.
    guard_bins
        The baseline lags by this much (less while history is short).
    mean_decay, spread_decay
        Decay of the baseline's mean and Fano factors per absorbed bin.
    ring, ring_squares, ring_usable
        Past bins, shape (n, length), length > the longest window and guard.
    ring_sums
        Past window sums, shape (n, length, k).
    seen, absorbed
        Bins seen and bins taken into the baseline, shape (n,).
    mean
        Decayed [sum, weight, squares, values with squares], and bins absorbed, shape (n, 5).
    spread
        Decayed [sum, sum of squares, weight] of window sums, shape (n, k, 3).
    out
        Written: [score, window index, N, baseline mean a bin, recent sum, baseline bins],
        shape (n, 6).
    """
    length = ring.shape[1]
    kinds = windows.shape[0]
    for i in range(values.shape[0]):
        if not live[i]:
            continue
        time = seen[i]
        slot = time % length
        ring[i, slot] = values[i]
        ring_squares[i, slot] = squares[i]
        ring_usable[i, slot] = not frozen[i]
        seen[i] = time + 1

        # Sums of all windows that end here, in one pass backwards.
        longest = min(windows[kinds - 1], time + 1)
        recent, total, kind = 0.0, 0.0, 0
        place = slot + 1
        for back in range(max(longest, min(recent_bins, time + 1))):
            place = place - 1 if place > 0 else length - 1  # a remainder would cost most of all
            total += ring[i, place]
            if back + 1 == recent_bins:
                recent = total
            if kind < kinds and back + 1 == windows[kind]:
                ring_sums[i, slot, kind] = total
                kind += 1
        if time + 1 < recent_bins:
            recent = total
        complete = kind  # windows that fit into what was seen

        # Bins older than the guard enter the baseline, unless an episode was open.
        guard = min(guard_bins, max(1, time // 3))
        while absorbed[i] <= time - guard:
            past = absorbed[i]
            absorbed[i] = past + 1
            place = past % length
            if not ring_usable[i, place]:
                continue
            mean[i, 0] = mean[i, 0] * mean_decay + ring[i, place]
            mean[i, 1] = mean[i, 1] * mean_decay + 1.0
            mean[i, 4] += 1.0
            if not math.isnan(ring_squares[i, place]):
                mean[i, 2] = mean[i, 2] * mean_decay + ring_squares[i, place]
                mean[i, 3] = mean[i, 3] * mean_decay + ring[i, place]
            for k in range(kinds):
                if past + 1 < windows[k]:
                    break
                sums = ring_sums[i, place, k]
                spread[i, k, 0] = spread[i, k, 0] * spread_decay + sums
                spread[i, k, 1] = spread[i, k, 1] * spread_decay + sums * sums
                spread[i, k, 2] = spread[i, k, 2] * spread_decay + 1.0

        # Score the windows.
        print_size = mean[i, 2] / mean[i, 3] if mean[i, 3] > 0.0 else 0.0
        best, best_kind, best_sum = 0.0, 0, ring_sums[i, slot, 0]
        phi, in_window, with_prints = 0.0, 0.0, 0.0
        reached = 0
        place = slot + 1
        for k in range(complete):
            for _ in range(reached, windows[k]):
                place = place - 1 if place > 0 else length - 1
                if not math.isnan(ring_squares[i, place]):
                    in_window += ring_squares[i, place]
                    with_prints += ring[i, place]
            reached = windows[k]
            n = ring_sums[i, slot, k]
            if n <= 0.0:
                continue
            weight = spread[i, k, 2]
            if weight > 3.0 * windows[k] and spread[i, k, 0] > 0.0:
                m = spread[i, k, 0] / weight
                phi = max(phi, (spread[i, k, 1] / weight - m * m) / m)
            window_print = in_window / with_prints if with_prints > 0.0 else 0.0
            typical = print_size if print_size > 0.0 else window_print
            scale = max(phi, print_size, window_print)
            if scale <= 0.0:
                continue  # nothing known of sizes or spread: no statement yet
            # One typical print more than was seen: a silent history is not a rate of zero.
            expected = windows[k] * (mean[i, 0] + typical) / (mean[i, 1] + 1.0)
            if n > expected > 0.0:
                score = (n * math.log(n / expected) - (n - expected)) / scale
                if score > best:
                    best, best_kind, best_sum = score, k, n
        out[i, 0], out[i, 1], out[i, 2] = best, best_kind, best_sum
        out[i, 3] = (mean[i, 0] + print_size) / (mean[i, 1] + 1.0)
        out[i, 4], out[i, 5] = recent, mean[i, 4]


@numba.njit(cache=True)
def price_step(
    time: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    close: NDArray[np.float64],
    frozen: NDArray[np.bool_],
    horizon_bins: int,
    guard_bins: int,
    decay: float,
    ring: NDArray[np.float64],
    ring_low: NDArray[np.float64],
    ring_high: NDArray[np.float64],
    ring_usable: NDArray[np.bool_],
    spread: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Close one bin of all prices; measure their moves over the horizon and their spread.

    Parameters
    ----------
    time
        Index of the bin since the bank began.
    low, high
        Extremes of the bin, NaN where nothing traded, shape (n,); reset to NaN.
    close
        Last known price, NaN before the first.
    frozen
        Rows whose moves must not enter the spread.
    horizon_bins, guard_bins, decay
        Length of a move; lag and decay of the spread.
    ring, ring_low, ring_high, ring_usable
        Past bins, shape (n, length).
    spread
        Decayed [sum of absolute moves, weight], shape (n, 2).
    out
        Written: [fall, rise, sigma], NaN where not known, shape (n, 3).
    """
    length = ring.shape[1]
    slot = time % length
    past = time - min(guard_bins, max(1, time // 3))
    before = past - horizon_bins
    reach = min(horizon_bins, time)
    for i in range(ring.shape[0]):
        seen = not math.isnan(low[i])
        ring_low[i, slot] = low[i] if seen else close[i]
        ring_high[i, slot] = high[i] if seen else close[i]
        ring[i, slot] = close[i]
        ring_usable[i, slot] = not frozen[i]
        low[i] = high[i] = math.nan

        if before >= 0 and before > time - length and ring_usable[i, past % length]:
            move = abs(ring[i, past % length] / ring[i, before % length] - 1.0)
            if not math.isnan(move):
                spread[i, 0] = spread[i, 0] * decay + move
                spread[i, 1] = spread[i, 1] * decay + 1.0

        out[i, 0] = out[i, 1] = out[i, 2] = math.nan
        if spread[i, 1] >= 1.0:
            # The mean absolute move is less swayed by single jumps than the variance; for a
            # normal law it is sigma * sqrt(2 / pi).
            out[i, 2] = spread[i, 0] / spread[i, 1] * math.sqrt(math.pi / 2.0)
        base = ring[i, (time - reach) % length]
        if reach < 1 or math.isnan(base):
            continue
        lowest, highest = base, base
        place = slot + 1
        for _ in range(reach):
            place = place - 1 if place > 0 else length - 1
            lowest = min(lowest, ring_low[i, place])
            highest = max(highest, ring_high[i, place])
        out[i, 0], out[i, 1] = lowest / base - 1.0, highest / base - 1.0
