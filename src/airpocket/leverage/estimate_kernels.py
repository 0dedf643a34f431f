"""Compiled inner loop of the estimate: open interest followed bar by bar on a grid of prices."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FADED", "PLACED", "REMOVED", "SWEPT", "UNPLACED", "follow"]

# Places in the balance that `follow` fills.
PLACED, SWEPT, REMOVED, FADED, UNPLACED = 0, 1, 2, 3, 4

_SMALLEST_SCALE = 1e-90

_Floats = NDArray[np.float64]
_Places = NDArray[np.int64]


@njit(cache=True)
def follow(
    change: _Floats,
    levered: _Floats,
    bins: NDArray[np.int32],
    weight: _Floats,
    crossed: _Places,
    beyond: _Places,
    keep: _Floats,
    newest_first: bool,  # noqa: FBT001 - a kernel takes scalars
    reopens: bool,  # noqa: FBT001
    unplaced: float,
    held: _Floats,
    balance: _Floats,
) -> None:
    """Follow one side of the open interest; bins run from the farthest level to the nearest.

    Amounts are kept divided by ``scale``, so that what touches all of them touches one figure.

    Parameters
    ----------
    change
        Open interest gained in each bar, shape (n,).
    levered
        Share of what is opened in a bar that gets a level, shape (n,).
    bins
        Bin of the liquidation price of each leverage in each bar, shape (n, k); -1: none.
    weight
        Share of each leverage, shape (k,).
    crossed, beyond
        First bin that a bar crosses, and the first on the wrong side of its close, shape (n,).
    keep
        What age leaves of the levels from bar to bar, shape (n,).
    newest_first, reopens
        What is closed first; whether what was swept is opened anew where interest stayed.
    unplaced
        Open interest before the first bar.
    held
        Filled: what is left in each bin, shape (m,), zeros.
    balance
        Filled by place: what got a level, was swept, closed, aged away; what has no level.
    """
    scale, total, top, newest = 1.0, 0.0, -1, -1
    swept_in = np.full(held.size, -1, np.int64)
    opened_in = np.zeros(change.size)
    for i in range(change.size):
        swept = _sweep(i, crossed[i], top, held, swept_in)
        top = min(top, crossed[i] - 1)
        total = max(total - swept, 0.0)
        balance[SWEPT] += swept * scale
        faded = total * scale * (1.0 - keep[i])
        balance[FADED] += faded
        unplaced += faded
        net = change[i] + swept * scale
        scale *= keep[i]
        if net < 0.0 and newest_first:
            gone, newest = _close_newest(
                -net / scale, newest, bins, weight, beyond, swept_in, opened_in, held
            )
            total = max(total - gone, 0.0)
            balance[REMOVED] += gone * scale
            unplaced = max(unplaced + net + gone * scale, 0.0)
        elif net < 0.0 and total * scale + unplaced > 0.0:
            part = min(-net / (total * scale + unplaced), 1.0)
            balance[REMOVED] += total * scale * part
            unplaced *= 1.0 - part
            scale *= 1.0 - part
        if scale < _SMALLEST_SCALE:
            held *= scale
            opened_in *= scale
            total, scale = total * scale, 1.0
        opened = max(net if reopens else change[i], 0.0)
        if opened > 0.0:
            newest = i
            opened_in[i] = opened * levered[i] / scale
            placed, top = _open(opened_in[i], bins[i], weight, beyond[i], top, held)
            total += placed
            balance[PLACED] += placed * scale
            unplaced += max(opened - placed * scale, 0.0)
    held *= scale
    balance[UNPLACED] = unplaced


@njit(cache=True)
def _sweep(i: int, first: int, top: int, held: _Floats, swept_in: _Places) -> float:
    swept = 0.0
    for b in range(first, top + 1):
        swept += held[b]
        held[b] = 0.0
        swept_in[b] = i
    return swept


@njit(cache=True)
def _open(
    amount: float,
    bins: NDArray[np.int32],
    weight: _Floats,
    beyond: int,
    top: int,
    held: _Floats,
) -> tuple[float, int]:
    """Lay an amount over leverages; what has no level, or one already passed, is left out."""
    placed = 0.0
    for j in range(weight.size):
        b = bins[j]
        if 0 <= b < beyond:
            held[b] += amount * weight[j]
            placed += amount * weight[j]
            top = max(top, b)
    return placed, top


@njit(cache=True)
def _close_newest(
    closed: float,
    newest: int,
    bins: NDArray[np.int32],
    weight: _Floats,
    beyond: _Places,
    swept_in: _Places,
    opened_in: _Floats,
    held: _Floats,
) -> tuple[float, int]:
    """Close what has a level, the last opened first; give how much, and what is now the last."""
    closed_first = closed
    while closed > 0.0 and newest >= 0:
        alive = 0.0
        for j in range(weight.size):
            b = bins[newest, j]
            if 0 <= b < beyond[newest] and swept_in[b] <= newest:
                alive += weight[j]
        alive *= opened_in[newest]
        if alive <= 0.0:
            newest -= 1
            continue
        part = min(closed / alive, 1.0)
        for j in range(weight.size):
            b = bins[newest, j]
            if 0 <= b < beyond[newest] and swept_in[b] <= newest:
                held[b] = max(held[b] - opened_in[newest] * weight[j] * part, 0.0)
        opened_in[newest] *= 1.0 - part
        if part < 1.0:
            return closed_first, newest
        closed -= alive
        newest -= 1
    return closed_first - max(closed, 0.0), newest
