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

_LANES = 128
# What is kept of the scenario in each lane, a row each.
_BEGIN, _ORDER, _KEPT, _FACTOR, _ROOT, _BELOW, _X, _AMOUNT, _IMPACT = range(9)
_ROWS = 9
_FEW = 4  # rows that are looked through one by one


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


@numba.njit(cache=True, error_model="numpy")
def _find_levels(
    lanes: NDArray[np.float64],
    live: int,
    ladder: NDArray[np.float64],
    start: NDArray[np.int32],
    per_unit: float,
    found: NDArray[np.int64],
    size: NDArray[np.int64],
) -> None:
    """Find how many levels each lane has passed."""
    last_bin = float(start.shape[0] - 2)
    for i in range(live):
        number = int(min(lanes[_X, i] * per_unit, last_bin))
        found[i] = start[number]
        size[i] = start[number + 1] - start[number]
    for i in range(live):
        x, at, left = lanes[_X, i], found[i], size[i]
        while left > _FEW:
            half = left >> 1
            if ladder[at + half, 0] <= x:
                at += half + 1
                left -= half + 1
            else:
                left = half
        while ladder[at, 0] <= x:  # ends at the last row at the latest, which is at infinity
            at += 1
        found[i] = at


@numba.njit(cache=True, error_model="numpy")
def _take_roots(lanes: NDArray[np.float64], live: int) -> None:
    """Write the impact of each lane's amount under a square root law."""
    for i in range(live):
        amount, below, root = lanes[_AMOUNT, i], lanes[_BELOW, i], lanes[_ROOT, i]
        if amount >= below:
            lanes[_IMPACT, i] = root * math.sqrt(amount)
        else:
            lanes[_IMPACT, i] = root * math.sqrt(below) * (max(amount, 0.0) / below)


@numba.njit(cache=True, error_model="numpy")
def _take_rows(
    lanes: NDArray[np.float64],
    live: int,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    is_lines: bool,  # noqa: FBT001 — kernels take plain scalars
    usd_start: NDArray[np.int32],
) -> None:
    """Write the impact of each lane's amount under a table."""
    rows, last_bin = usd.shape[0], float(usd_start.shape[0] - 2)
    for i in range(live):
        amount, factor = lanes[_AMOUNT, i], lanes[_FACTOR, i]
        if amount <= 0.0 or rows == 0:
            lanes[_IMPACT, i] = 0.0
            continue
        if amount > usd[rows - 1] * factor:
            lanes[_IMPACT, i] = fall[rows - 1]
            continue
        number = int(min(amount * lanes[_ROOT, i], last_bin))
        row, left = usd_start[number], usd_start[number + 1] - usd_start[number]
        while left > _FEW:
            half = left >> 1
            if usd[row + half] * factor < amount:
                row += half + 1
                left -= half + 1
            else:
                left = half
        # The bin is that of a rounded product: the row may be a neighbour's.
        while row > 0 and usd[row - 1] * factor >= amount:
            row -= 1
        while usd[row] * factor < amount:
            row += 1
        lanes[_IMPACT, i] = fall[row]
        if is_lines:
            before_usd = usd[row - 1] * factor if row > 0 else 0.0
            before = fall[row - 1] if row > 0 else 0.0
            width = usd[row] * factor - before_usd
            lanes[_IMPACT, i] = before + (fall[row] - before) * (amount - before_usd) / width


@numba.njit(cache=True, error_model="numpy")
def _fill(
    lane: NDArray[np.float64],
    law: NDArray[np.float64],
    usd_per_unit: float,
    begin: float,
    order: float,
    kept: float,
    factor: float,
) -> None:
    """Lay a scenario into a lane, before its shock."""
    lane[_BEGIN], lane[_ORDER], lane[_KEPT], lane[_FACTOR] = begin, order, kept, factor
    lane[_ROOT] = law[1] / math.sqrt(factor) if law[0] == 2.0 else usd_per_unit / factor
    lane[_BELOW] = law[2] * factor
    lane[_X], lane[_AMOUNT] = -1.0, order


@numba.njit(cache=True, error_model="numpy")
def _move(
    lanes: NDArray[np.float64],
    rounds: NDArray[np.int64],
    live: int,
    most: float,
    rounds_most: int,
) -> None:
    """Let each lane's price go where its impact brings it, if it may still."""
    for i in range(live):
        target = min(lanes[_BEGIN, i] + lanes[_IMPACT, i], most)
        if target > lanes[_X, i] and rounds[i] < rounds_most:
            lanes[_X, i] = target
            rounds[i] += 1
        elif rounds[i] == rounds_most:
            rounds[i] += 1  # one that is not taken: a mark that it did not come to rest


@numba.njit(cache=True, error_model="numpy")
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
    lanes, state = np.zeros((_ROWS, _LANES)), np.zeros((5, _LANES), np.int64)
    scenario, level, rounds, found, size = state
    live, following, is_root = 0, 0, law[0] == 2.0
    while live > 0 or following < begin.shape[0]:
        while live < _LANES and following < begin.shape[0]:
            s = following
            scenario[live], level[live], rounds[live] = s, -1, -1
            _fill(lanes[:, live], law, usd_per_unit, begin[s], order[s], kept[s], factor[s])
            live += 1
            following += 1
        if is_root:
            _take_roots(lanes, live)
        else:
            _take_rows(lanes, live, usd, curve, law[0] == 1.0, usd_start)
        _move(lanes, rounds, live, most, rounds_most)
        _find_levels(lanes, live, ladder, start, per_unit, found, size)
        i = 0
        while i < live:
            at = found[i]
            if at != level[i] and rounds[i] <= rounds_most:
                level[i] = at
                lanes[_AMOUNT, i] = lanes[_KEPT, i] * ladder[at, 1] + lanes[_ORDER, i]
                i += 1
                continue
            s = scenario[i]
            end[s], passed[s] = lanes[_X, i], at
            at_rest[s] = rounds[i] <= rounds_most
            waves[s] = min(rounds[i], rounds_most)
            live -= 1
            lanes[:, i], state[:, i] = lanes[:, live], state[:, live]
