"""Many scenarios on one ladder: the waves of all at once, with tables for where to look.

A single scenario waits for memory at every wave: the next place in the ladder is known only once
the last has been read. Several are therefore followed side by side, one wave of each in turn, so
that the machine fetches for all of them together.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["bin_starts", "settle_scenarios"]

_LANES = 64


@numba.njit(cache=True)
def bin_starts(value: NDArray[np.float64], per_unit: float, start: NDArray[np.int32]) -> None:
    """Write where each bin begins: bin ``int(value * per_unit)``, the last holds all beyond.

    Parameters
    ----------
    value
        Ascending, of 0 or more, shape (n,).
    per_unit
        Bins in a unit of ``value``.
    start
        Written: index of the first value of each bin, and n behind them; shape (bins + 1,).
    """
    bins, size, at = start.shape[0] - 1, value.shape[0], 0
    for number in range(bins):
        while at < size and value[at] * per_unit < number:
            at += 1
        start[number] = at
    start[bins] = size


@numba.njit(cache=True)
def _row_of(
    amount: float,
    factor: float,
    usd: NDArray[np.float64],
    usd_start: NDArray[np.int32],
    usd_per_unit: float,
) -> int:
    """Find the row of a table that holds ``amount``, of which there is no more than all."""
    number = min(int(amount / factor * usd_per_unit), usd_start.shape[0] - 2)
    row, size = usd_start[number], usd_start[number + 1] - usd_start[number]
    while size > 0:
        half = size >> 1
        if usd[row + half] * factor < amount:
            row += half + 1
            size -= half + 1
        else:
            size = half
    # The bin was found by a quotient: where that was rounded the row is a neighbour's.
    while row > 0 and usd[row - 1] * factor >= amount:
        row -= 1
    while usd[row] * factor < amount:
        row += 1
    return int(row)


@numba.njit(cache=True)
def _impact(
    amount: float,
    factor: float,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64],
    usd_start: NDArray[np.int32],
    usd_per_unit: float,
) -> float:
    """Tell the fall of ``amount`` where ``factor`` of the depth is there."""
    rows = usd.shape[0]
    if amount <= 0.0 or (law[0] != 2.0 and rows == 0):
        return 0.0
    if law[0] == 2.0:
        below = law[2] * factor
        if amount < below:
            return float(law[1] / math.sqrt(factor) * math.sqrt(below) * (amount / below))
        return float(law[1] / math.sqrt(factor) * math.sqrt(amount))
    if amount > usd[rows - 1] * factor:
        return float(fall[rows - 1])
    row = _row_of(amount, factor, usd, usd_start, usd_per_unit)
    if law[0] == 0.0:
        return float(fall[row])
    before_usd = usd[row - 1] * factor if row > 0 else 0.0
    before = fall[row - 1] if row > 0 else 0.0
    width = usd[row] * factor - before_usd
    return float(before + (fall[row] - before) * (amount - before_usd) / width)


@numba.njit(cache=True)
def settle_scenarios(
    ladder: NDArray[np.float64],
    start: NDArray[np.int32],
    per_unit: float,
    usd: NDArray[np.float64],
    curve: NDArray[np.float64],
    law: NDArray[np.float64],
    usd_start: NDArray[np.int32],
    usd_per_unit: float,
    begin: NDArray[np.float64],
    order: NDArray[np.float64],
    kept: NDArray[np.float64],
    factor: NDArray[np.float64],
    most: float,
    rounds_most: int,
    end: NDArray[np.float64],
    passed: NDArray[np.int64],
    waves: NDArray[np.int64],
    at_rest: NDArray[np.bool_],
) -> None:
    """Settle each scenario as :func:`airpocket.cascade.kernels.walk` does, without other buying.

    Parameters
    ----------
    ladder
        Distance of each level and what is forced before it, ascending and each distance once; the
        last row, behind all levels, holds what all force. Shape (n + 1, 2).
    start, per_unit
        Bins of the distances, see :func:`bin_starts`.
    usd, curve, law, usd_start, usd_per_unit
        Impact: table, its falls, its kind, and bins of its dollars.
    begin, order, kept, factor
        Move, order, share of what is forced that reaches the book, share of the depth that is
        there; shape (s,).
    most
        Farthest distance there is.
    rounds_most
        Most waves after the shock.
    end, passed, waves, at_rest
        Written: where each ends, levels passed there, waves after the shock; shape (s,).
    """
    lane, x = np.empty(_LANES, np.int64), np.empty(_LANES)
    level, round_of = np.empty(_LANES, np.int64), np.empty(_LANES, np.int64)
    found, behind = np.empty(_LANES, np.int64), np.empty(_LANES, np.int64)
    live, following, last_bin = 0, 0, start.shape[0] - 2
    while live > 0 or following < begin.shape[0]:
        while live < _LANES and following < begin.shape[0]:
            s = following
            shock = _impact(order[s], factor[s], usd, curve, law, usd_start, usd_per_unit)
            lane[live], x[live], level[live] = s, min(begin[s] + shock, most), -1
            round_of[live] = 0
            live += 1
            following += 1
        for i in range(live):
            number = int(min(x[i] * per_unit, last_bin))
            found[i], behind[i] = start[number], start[number + 1]
        for i in range(live):
            at, size = found[i], behind[i] - found[i]
            while size > 0:
                half = size >> 1
                if ladder[at + half, 0] <= x[i]:
                    at += half + 1
                    size -= half + 1
                else:
                    size = half
            found[i] = at
        i = 0
        while i < live:
            s, at = lane[i], found[i]
            amount = kept[s] * ladder[at, 1] + order[s]
            rests = at == level[i]
            if not rests and round_of[i] < rounds_most:
                shock = _impact(amount, factor[s], usd, curve, law, usd_start, usd_per_unit)
                target = min(begin[s] + shock, most)
                rests = target <= x[i]
                if not rests:
                    x[i], level[i] = target, at
                    round_of[i] += 1
                    i += 1
                    continue
            end[s], passed[s], waves[s], at_rest[s] = x[i], at, round_of[i], rests
            live -= 1
            lane[i], x[i], level[i] = lane[live], x[live], level[live]
            round_of[i], found[i] = round_of[live], found[live]
