"""A chain of forced orders against an impact law. Arrays and scalars in and out.

Everything is of one type: floats (fractions, dollars) or 64-bit integers (ticks, lots), in which
it is exact. ``law`` is ``None`` for a plain table of steps, which integers need, or three floats:
kind (0 steps, 1 lines, 2 square root), coefficient, and the amount below which a root is a line.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["Waiting", "fall_of", "walk"]

_Number: TypeAlias = Any  # a float or an integer, as it is compiled for
_Row: TypeAlias = Any  # an index: numpy's, or Python's
_Column: TypeAlias = NDArray[Any]
_Law: TypeAlias = NDArray[np.float64]


class Waiting(NamedTuple):
    """What waits, and what others buy.

    Parameters
    ----------
    distance
        Distances of the levels, ascending, shape (n,).
    cumulative
        What is forced by the first i levels, shape (n + 1,).
    buy_fall, buy_usd
        What others bought once the price is that far, cumulative, shape (b,).
    kept
        What reaches the book of each unit forced.
    most
        Farthest distance there is (a price of 0).
    """

    distance: _Column
    cumulative: _Column
    buy_fall: _Column
    buy_usd: _Column
    kept: _Number
    most: _Number


@numba.njit(cache=True)
def _fall_in(amount: _Number, row: _Row, usd: _Column, fall: _Column, law: _Law | None) -> _Number:
    """Tell the fall once ``amount`` is taken, which ends in a row of the table."""
    zero, rows = fall.dtype.type(0), usd.shape[0]
    if amount <= 0:
        return zero
    if law is not None:  # noqa: SIM102 — numba leaves it out for integers only if it stands alone
        if law[0] == 2.0:
            if amount < law[2]:
                return law[1] * math.sqrt(law[2]) * (amount / law[2])
            return law[1] * math.sqrt(amount)
    if row >= rows:
        return fall[rows - 1] if rows > 0 else zero
    if law is not None:  # noqa: SIM102
        if law[0] == 1.0:
            usd_before = usd[row - 1] if row > 0 else 0.0
            before = fall[row - 1] if row > 0 else 0.0
            return before + (fall[row] - before) * (amount - usd_before) / (usd[row] - usd_before)
    return fall[row]


@numba.njit(cache=True)
def fall_of(amount: _Number, usd: _Column, fall: _Column, law: _Law | None) -> _Number:
    """Tell the fall once ``amount`` is taken; beyond the table it is that of its last row."""
    return _fall_in(amount, np.searchsorted(usd, amount), usd, fall, law)


@numba.njit(cache=True)
def _net(cumulative: _Column, buy_usd: _Column, kept: _Number, level: _Row, step: _Row) -> _Number:
    """Tell what reaches the book once the first levels and steps are passed."""
    amount = kept * cumulative[level]
    if step > 0:
        amount -= buy_usd[step - 1]
    return amount


@numba.njit(cache=True)
def walk(
    levels: Waiting,
    usd: _Column,
    fall: _Column,
    law: _Law | None,
    begin: _Number,
    first: _Number,
    order: _Number,
    rounds_most: int,
    ends: _Column,
    passed: NDArray[np.int64],
) -> tuple[int, bool, bool]:
    """Follow the waves upward from ``first`` to the least price at rest.

    Rest is the least x with ``x >= begin + I(kept * L(x) + order - F(x))``. Between two steps of
    what others buy the right side only grows with x, so going to it never passes that x; a step
    is therefore a stop on the way.

    Parameters
    ----------
    levels
        What waits.
    usd, fall, law
        Impact.
    begin, first, order
        Move of the price; where the shock alone ends; what is taken beside what is forced.
    rounds_most
        Most waves after the shock.
    ends, passed
        Written: end of each wave and levels passed there, as many as there is room for; the last
        row holds the last wave.

    Returns
    -------
    tuple of int, bool, bool
        Waves after the shock; whether it is at rest; whether a step of others' buying held it.
    """
    distance, cumulative, buy_fall, buy_usd, kept, most = levels
    steps, room = buy_fall.shape[0], ends.shape[0]
    x = first
    level = np.searchsorted(distance, x, side="right")
    step = np.searchsorted(buy_fall, x, side="right")
    ends[0], passed[0] = x, level
    rounds, at_rest, held, on_step = 0, False, False, False
    while rounds < rounds_most:
        amount = _net(cumulative, buy_usd, kept, level, step) + order
        target = min(begin + fall_of(amount, usd, fall, law), most)
        if target <= x:
            at_rest, held = True, on_step
            break
        on_step = step < steps and buy_fall[step] <= target
        if on_step:
            target = buy_fall[step]
            step += 1
        x = target
        before = level
        level += np.searchsorted(distance[level:], x, side="right")
        rounds += 1
        row = min(rounds, room - 1)
        ends[row], passed[row] = x, level
        if level == before and not on_step:
            at_rest = True
            break
    return rounds, at_rest, held
