"""A chain of forced orders against an impact law. Arrays and scalars in and out.

Everything is of one type: floats (fractions, dollars) or 64-bit integers (ticks, lots), in which
it is exact. ``law`` is ``None`` for a plain table of steps, which integers need, or three floats:
kind (0 steps, 1 lines, 2 square root), coefficient, and the amount below which a root is a line.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["capacity_of", "fall_of", "gains", "sweep", "walk"]

_BLOCK = 256  # levels that a sweep passes at once where nothing can jump


@numba.njit(cache=True)
def _fall_in_row(
    amount: float,
    row: int,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64] | None,
) -> float:
    """Tell the fall within a row of the table, by a step or by a line."""
    if law is not None:  # left out when compiled for integers
        if law[0] == 1.0:
            usd_before = usd[row - 1] if row > 0 else 0.0
            before = fall[row - 1] if row > 0 else 0.0
            return before + (fall[row] - before) * (amount - usd_before) / (usd[row] - usd_before)
    return fall[row]


@numba.njit(cache=True)
def fall_of(
    amount: float,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64] | None,
) -> float:
    """Tell the fall once ``amount`` is taken; beyond the table it is that of its last row."""
    zero = fall.dtype.type(0)
    if amount <= 0:
        return zero
    if law is not None:
        if law[0] == 2.0:
            if amount < law[2]:
                return law[1] * math.sqrt(law[2]) * (amount / law[2])
            return law[1] * math.sqrt(amount)
    rows = usd.shape[0]
    if rows == 0:
        return zero
    if amount > usd[rows - 1]:
        return fall[rows - 1]
    return _fall_in_row(amount, np.searchsorted(usd, amount), usd, fall, law)


@numba.njit(cache=True)
def _fall_near(
    amount: float,
    row: int,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64],
) -> tuple[float, int]:
    """Do as :func:`fall_of`, looking from the row of the amount before: a sweep goes in steps."""
    rows = usd.shape[0]
    if amount <= 0 or rows == 0 or amount > usd[rows - 1]:
        return fall_of(amount, usd, fall, law), row
    while amount > usd[row]:
        row += 1
    while row > 0 and amount <= usd[row - 1]:
        row -= 1
    return _fall_in_row(amount, row, usd, fall, law), row


@numba.njit(cache=True)
def capacity_of(
    distance: float,
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64],
) -> float:
    """Tell the most that can be taken with a fall still below ``distance``; infinite beyond all."""
    if distance <= 0:
        return 0.0
    rows = usd.shape[0]
    if law[0] == 2.0 or rows == 0:
        if law[1] == 0.0:
            return math.inf
        amount = (distance / law[1]) ** 2
        if amount < law[2]:
            return distance / (law[1] * math.sqrt(law[2])) * law[2]
        return amount
    row = np.searchsorted(fall, distance)
    if row == rows:
        return math.inf
    before_usd = usd[row - 1] if row > 0 else 0.0
    if law[0] == 0.0:
        return before_usd
    before = fall[row - 1] if row > 0 else 0.0
    return before_usd + (usd[row] - before_usd) * (distance - before) / (fall[row] - before)


@numba.njit(cache=True)
def walk(
    distance: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64] | None,
    buy_fall: NDArray[np.float64],
    buy_usd: NDArray[np.float64],
    begin: float,
    first: float,
    order: float,
    kept: float,
    most: float,
    rounds_most: int,
    ends: NDArray[np.float64],
    passed: NDArray[np.int64],
) -> tuple[int, bool, bool]:
    """Follow the waves upward from ``first`` to the least price at rest.

    Rest is the least x with ``x >= begin + I(kept * L(x) + order - F(x))``. Between two steps of
    what others buy the right side only grows with x, so going to it never passes that x; a step
    is therefore a stop on the way.

    Parameters
    ----------
    distance
        Distances of the levels, ascending, shape (n,).
    cumulative
        What is forced by the first i levels, shape (n + 1,).
    usd, fall, law
        Impact, see :func:`fall_of`.
    buy_fall, buy_usd
        What others bought once the price is that far, cumulative, shape (b,).
    begin, first
        Move of the price; where the shock alone ends.
    order, kept
        Taken beside what is forced; what reaches the book of each unit forced.
    most
        Farthest distance there is (a price of 0).
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
    levels, steps, room = distance.shape[0], buy_fall.shape[0], ends.shape[0]
    x = first
    level = np.searchsorted(distance, x, side="right")
    step = np.searchsorted(buy_fall, x, side="right")
    ends[0], passed[0] = x, level
    rounds, at_rest, held, on_step = 0, False, False, False
    while rounds < rounds_most:
        amount = kept * cumulative[level] + order
        if step > 0:
            amount -= buy_usd[step - 1]
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
        level += np.searchsorted(distance[level:levels], x, side="right")
        rounds += 1
        row = min(rounds, room - 1)
        ends[row], passed[row] = x, level
        if level == before and not on_step:
            at_rest = True
            break
    return rounds, at_rest, held


@numba.njit(cache=True)
def gains(
    distance: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64] | None,
    buy_fall: NDArray[np.float64],
    buy_usd: NDArray[np.float64],
    order: float,
    kept: float,
    width: float,
    gain: NDArray[np.float64],
) -> None:
    """Write m of each bin of ``width`` from 0 on: impact gained over it by its width.

    It is infinite where the table does not hold what is forced.
    """
    rows = usd.shape[0]
    before, level, step = 0.0, 0, 0
    for i in range(gain.shape[0] + 1):
        x = i * width
        level += np.searchsorted(distance[level:], x, side="right")
        step += np.searchsorted(buy_fall[step:], x, side="right")
        amount = kept * cumulative[level] + order
        if step > 0:
            amount -= buy_usd[step - 1]
        now = fall_of(amount, usd, fall, law)
        if i > 0:
            gain[i - 1] = (now - before) / width
            if rows > 0 and amount > usd[rows - 1]:
                gain[i - 1] = math.inf
        before = now


@numba.njit(cache=True)
def _scan(
    distance: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64],
    buy_fall: NDArray[np.float64],
    buy_usd: NDArray[np.float64],
    begin: float,
    order: float,
    kept: float,
    by_order: bool,  # noqa: FBT001 — kernels take plain scalars
    most: float,
    least_jump: float,
    state: tuple[int, float, float, float],
    until: int,
    folds: NDArray[np.float64],
    found: int,
) -> tuple[tuple[int, float, float, float], int]:
    """Sweep from a state (level, place, record, place of the record) until a level, exactly."""
    level, here, record, last = state
    levels, steps = distance.shape[0], buy_fall.shape[0]
    step = np.searchsorted(buy_fall, here, side="right")
    row = 0
    while level < until or until > levels:
        forced = kept * cumulative[level]
        if step > 0:
            forced -= buy_usd[step - 1]
        end = most
        if level < levels:
            end = min(end, distance[level])
        if step < steps:
            end = min(end, buy_fall[step])
        if end > here:
            taken = 0.0
            if by_order:
                top = capacity_of(end - begin, usd, fall, law) - forced
            else:
                taken, row = _fall_near(forced + order, row, usd, fall, law)
                top = end - taken
            if top > record:
                if by_order:
                    beyond = begin + fall_of(record + forced, usd, fall, law)
                else:
                    beyond = record + taken
                beyond = max(beyond, here)
                if beyond - last >= least_jump:  # not if there is no record yet: last is NaN
                    if found < folds.shape[0]:
                        folds[found, 0], folds[found, 1], folds[found, 2] = record, last, beyond
                    found += 1
                record, last = top, end
        here = max(here, end)
        if end >= most:
            break
        while level < levels and distance[level] <= end:
            level += 1
        while step < steps and buy_fall[step] <= end:
            step += 1
    return (level, here, record, last), found


@numba.njit(cache=True)
def sweep(
    distance: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    usd: NDArray[np.float64],
    fall: NDArray[np.float64],
    law: NDArray[np.float64],
    buy_fall: NDArray[np.float64],
    buy_usd: NDArray[np.float64],
    begin: float,
    order: float,
    kept: float,
    by_order: bool,  # noqa: FBT001
    most: float,
    least_jump: float,
    folds: NDArray[np.float64],
) -> int:
    """Find the shocks at which the end jumps by ``least_jump`` or more, from one sweep.

    A shock s ends at the least x with g(x) >= s, where ``g(x) = x - I(Q(x))`` for a move and
    ``g(x) = C(x - begin) - Q(x)`` for an order (C is the inverse of I). The end follows the running
    maximum of g: while g stays below it from a to b, the end jumps from a to b.

    Without others' buying Q only grows, so that g within a block of levels lies below what the
    block's end and its first Q give. A block whose end lies above all before it, and is near, ends
    no long jump; one that stays below the record is within a jump. Only the rest is looked through.

    Parameters
    ----------
    by_order
        Whether the order grows (the move being ``begin``), else the move (the order being
        ``order``).
    folds
        Written: shock, end before, end beyond; shape (room, 3). Others see :func:`walk`.

    Returns
    -------
    int
        How many there are, also of those there is no room for.
    """
    levels = distance.shape[0]
    here = begin if by_order else 0.0
    state = (np.searchsorted(distance, here, side="right"), here, 0.0, math.nan)
    found = 0
    low, high, back = 0.0, 0.0, math.nan
    at = levels if buy_fall.shape[0] > 0 else state[0]
    while at < levels:
        end = min(at + _BLOCK, levels)
        far, first, final = distance[end - 1], kept * cumulative[at], kept * cumulative[end - 1]
        if by_order:
            room = capacity_of(far - begin, usd, fall, law)
            top, least = room - first, room - final
        else:
            top = far - fall_of(first + order, usd, fall, law)
            least = far - fall_of(final + order, usd, fall, law)
        if least > high and far - back < least_jump:
            # The record lies in this block: to know it, the block is looked through from nothing.
            here = distance[at - 1] if at > 0 else state[1]
            state = (at, here, -math.inf, here)
            low, high, back = least, top, here
            at = end
            continue
        if top <= low and state[0] == at:
            state = (end, far, state[2], state[3])
            at = end
            continue
        until = at if top <= low else end
        state, found = _scan(
            distance, cumulative, usd, fall, law, buy_fall, buy_usd, begin, order, kept, by_order,
            most, least_jump, state, until, folds, found,
        )  # fmt: skip
        low, high, back, at = state[2], state[2], state[3], state[0]
    state, found = _scan(
        distance, cumulative, usd, fall, law, buy_fall, buy_usd, begin, order, kept, by_order,
        most, least_jump, state, levels + 1, folds, found,
    )  # fmt: skip
    if most < math.inf and most - state[3] >= least_jump:
        if found < folds.shape[0]:
            folds[found, 0], folds[found, 1], folds[found, 2] = state[2], state[3], most
        found += 1
    return found
