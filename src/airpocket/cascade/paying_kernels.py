"""Who pays, in whole numbers: shares, deleveraging, bookings. Arrays and scalars in and out.

Money is in micro-dollars, positions are in lots, prices in ticks; all are 64-bit integers, and
what is divided leaves no remainder behind.
"""
# mypy: disallow-untyped-decorators=False

from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["book_sides", "by_min_max", "by_pro_rata", "by_queue", "pay_funding", "share_of"]

_Column: TypeAlias = NDArray[np.int64]
_Whole: TypeAlias = Any  # a 64-bit integer: numpy's, or Python's

_MOST_MICRO = 1 << 61
_MOST_LOTS = 1 << 50
_BILLION = 1_000_000_000


@numba.njit(cache=True)
def share_of(amount: _Whole, part: _Whole, whole: _Whole) -> tuple[_Whole, _Whole]:
    """Compute ``amount * part / whole`` rounded down, and the remainder, though 128 bits are due.

    A quotient in floats is off by so little that the remainder fits 64 bits, so that its low 64
    bits are all of it. This needs ``0 <= part <= whole`` and either ``whole <= 2**50`` with
    ``amount <= 2**62`` or both up to ``2**56``.
    """
    guess = np.int64(np.float64(amount) * np.float64(part) / np.float64(whole))
    low = np.uint64(amount) * np.uint64(part) - np.uint64(guess) * np.uint64(whole)
    rest = np.int64(low)
    return guess + rest // whole, rest % whole


@numba.njit(cache=True)
def by_queue(
    order: _Column,
    lots: _Column,
    value: _Column,
    budget: _Whole,
    is_whole: bool,  # noqa: FBT001 — kernels take plain scalars
) -> _Column:
    """Take from the first in the order all that is needed, then from the next.

    Parameters
    ----------
    order
        Rows, first to be taken first, shape (n,).
    lots, value
        Lots that each has and what one of them is worth, shape (n,); a worth of 0 is passed over.
    budget
        Worth that is to be taken.
    is_whole
        Whether the last one touched loses all of its lots too.

    Returns
    -------
    array of int64
        Lots taken of each, worth the budget or less than one lot (one position) more; all there
        is, if that is less.
    """
    taken = np.zeros(lots.shape[0], np.int64)
    left = budget
    for row in order:
        if left <= 0:
            break
        if value[row] > 0:
            needed = (left + value[row] - 1) // value[row]
            taken[row] = lots[row] if is_whole else min(lots[row], needed)
            left -= taken[row] * value[row]
    return taken


@numba.njit(cache=True)
def _up_to(
    level: _Whole, lots: _Column, value: _Column, total: _Whole, taken: _Column, rest: _Column
) -> _Whole:
    """Take the share ``level / total`` of everyone's lots, rounded down; tell what it is worth."""
    worth = np.int64(0)
    for row in range(lots.shape[0]):
        taken[row], rest[row] = share_of(level, lots[row], total) if value[row] > 0 else (0, 0)
        worth += taken[row] * value[row]
    return worth


@numba.njit(cache=True)
def by_pro_rata(lots: _Column, value: _Column, budget: _Whole, total: _Whole) -> _Column:
    """Take the same share of everyone; what rounding leaves goes by the largest remainder.

    Parameters
    ----------
    lots, value, budget
        As for :func:`by_queue`.
    total
        What all lots are worth: at least the budget, and at most ``2**56``.
    """
    taken, rest = np.empty_like(lots), np.empty_like(lots)
    left = budget - _up_to(budget, lots, value, total, taken, rest)
    if left > 0:
        # One lot more of everyone with a remainder is worth the budget, so one each is enough.
        for row in np.argsort(-rest, kind="mergesort"):
            if left <= 0:
                break
            if value[row] > 0:
                taken[row] += 1
                left -= value[row]
    return taken


@numba.njit(cache=True)
def by_min_max(lots: _Column, value: _Column, budget: _Whole, total: _Whole) -> _Column:
    """Keep the largest share that anyone loses of its lots as small as it can be.

    The least share is found to one part in ``total``; who loses one lot more within that part goes
    by the share which that lot brings. Parameters are those of :func:`by_pro_rata`.
    """
    taken, rest = np.empty_like(lots), np.empty_like(lots)
    low = budget  # rounding down at the budget's own share is worth no more than the budget
    lots_each = np.int64(0)  # one lot of everyone
    for row in range(lots.shape[0]):
        lots_each += value[row]
    high = min(total, budget + lots_each)
    while low < high:
        middle = (low + high) // 2
        if _up_to(middle, lots, value, total, taken, rest) >= budget:
            high = middle
        else:
            low = middle + 1
    if low == 0:
        return np.zeros_like(lots)
    left = budget - _up_to(low - 1, lots, value, total, taken, rest)
    more = np.empty(lots.shape[0], np.int64)
    share = np.empty(lots.shape[0])
    count = 0
    for row in range(lots.shape[0]):
        if value[row] > 0 and rest[row] + lots[row] >= total:
            more[count], share[count] = row, (taken[row] + 1) / lots[row]
            count += 1
    for place in np.argsort(share[:count], kind="mergesort"):
        if left <= 0:
            break
        taken[more[place]] += 1
        left -= value[more[place]]
    return taken


@numba.njit(cache=True)
def book_sides(
    lots: _Column,
    cost: _Column,
    realised: _Column,
    rows: _Column,
    change: _Column,
    price_ticks: _Column,
    unit: _Whole,
) -> _Whole:
    """Book sides of trades: what opens goes to cost, what closes takes its share of the cost.

    ``cost - realised`` changes by what the side paid and by nothing else, so that it sums to zero
    over both sides of a trade whatever rounding does.

    Parameters
    ----------
    lots, cost, realised
        Of everyone: lots held (a short's are below 0), what they cost in all (of the same sign),
        and profit that was made by closing; changed in place.
    rows, change, price_ticks
        Sides in their order: whose, by how many lots, at which price; shape (m,).
    unit
        Micro-dollars of one lot at a price of one tick.

    Returns
    -------
    int
        How many sides were booked: less than all if the next would not fit 61 bits.
    """
    for side in range(rows.shape[0]):
        row, wanted, price = rows[side], change[side], price_ticks[side]
        held = lots[row]
        if abs(np.float64(wanted) * np.float64(price) * np.float64(unit)) > _MOST_MICRO:
            return side
        left, gain, closed, released = cost[row], np.int64(0), np.int64(0), np.int64(0)
        if held != 0 and (held > 0) != (wanted > 0):
            closed = min(abs(wanted), abs(held))
            released = share_of(abs(left), closed, abs(held))[0]
            if left < 0:
                released = -released
            gain = (closed if held > 0 else -closed) * price * unit - released
        sign = np.int64(1) if wanted > 0 else np.int64(-1)
        left += (wanted - sign * closed) * price * unit - released
        after = held + wanted
        is_large = abs(after) > _MOST_LOTS or abs(left) > _MOST_MICRO
        if is_large or abs(realised[row] + gain) > _MOST_MICRO:
            return side
        lots[row], cost[row] = after, left
        realised[row] += gain
    return rows.shape[0]


@numba.njit(cache=True)
def pay_funding(
    cash: _Column, lots: _Column, notional_per_lot: _Whole, rate_billionths: _Whole
) -> _Whole:
    """Let longs pay shorts (or the reverse, at a rate below 0) a share of what they hold.

    Who pays pays rounded up, who gets gets rounded down.

    Parameters
    ----------
    cash, lots
        Of everyone; cash is changed in place, shape (n,).
    notional_per_lot
        Micro-dollars of one lot at the mark, at most ``2**61`` over the largest position.
    rate_billionths
        Billionths of the notional, below a billion in size.

    Returns
    -------
    int
        Cash that left everyone and reached nobody: 0 up to one micro-dollar each.
    """
    missing = np.int64(0)
    for row in range(lots.shape[0]):
        if lots[row] != 0:
            notional = lots[row] * notional_per_lot
            # Both parts fit: neither 2**61 / 1e9 nor 1e9, times a rate below 1e9, passes 2**61.
            whole, rest = notional // _BILLION, notional % _BILLION
            paid = whole * rate_billionths - (-(rest * rate_billionths)) // _BILLION
            cash[row] -= paid
            missing += paid
    return missing
