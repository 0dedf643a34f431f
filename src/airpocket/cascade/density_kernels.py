"""The book of one simulated venue: lots a tick, in integers. Arrays and scalars in and out.

A tick holds bids or asks, never both: what rests at or below the best bid is bid, what rests at or
above the best ask is asked. Ticks of the window lie in a ring (row = tick modulo width), so that
the window moves in the time of the ticks it moves. Bids below the window and asks above it wait on
two stacks, nearest on top, and come back as they left. Equal books are equal bytes.

At one tick there are two queues: makers' lots, which ``refill`` adds and withdraws, and lots that
others joined; ``ahead`` of the makers' lots came before the others.

Whole lots are dealt out by one drawn offset a refill: of the sum of what is due up to a level, the
whole part has been moved. So any number of levels together is within one lot of what is due, and
on average over offsets each level is exactly it.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ASK", "BEST", "BID", "BOOK", "CANCELLED", "CASH", "FAR", "FAR_MAKERS", "INVENTORY", "JOINED",
    "LOW", "MAKERS_FILLED", "NO_ASK", "NO_BID", "OTHERS_FILLED", "QUOTED", "REFERENCE",
    "RESTING", "STACKED", "WITHDRAWN", "Book", "Filled", "cancel", "change_level",
    "join", "next_tick", "recentre", "refill", "take",
]  # fmt: skip

_Ints: TypeAlias = NDArray[np.int64]
_Gains: TypeAlias = tuple[float, float, float, float]

BID, ASK, BOOK = 0, 1, 2  # rows of ``figures``; the first two also of ``stacks``
NO_BID, NO_ASK = 0, 1 << 62  # best of an empty side: below, and above, every price

# Figures of a side: best tick; levels on the stack; lots there, makers' and all; lots in all.
BEST, STACKED, FAR_MAKERS, FAR, RESTING = 0, 1, 2, 3, 4
# Its ledger, in lots since the beginning.
QUOTED, WITHDRAWN, MAKERS_FILLED, JOINED, CANCELLED, OTHERS_FILLED = 5, 6, 7, 8, 9, 10
# Figures of the book: lowest tick of the window, makers' reference, lots that makers hold, and
# ticks times lots that they were paid.
LOW, REFERENCE, INVENTORY, CASH = 0, 1, 2, 3

_MAKERS, _OTHERS, _AHEAD, _TICK = 0, 1, 2, 3  # columns of ``levels``; ``stacks`` have the tick too


class Book(NamedTuple):
    """Everything that persists; copy the arrays and the book can be gone back to.

    Parameters
    ----------
    levels
        Lots at each tick of the window: makers', others', those of the makers' that are ahead;
        shape (width, 3), width a power of two.
    stacks
        Levels outside the window: the same, and the tick; shape (2, capacity, 4).
    figures
        What is summed up, shape (3, 11): bids, asks, and the book as a whole; see the names above.
    """

    levels: _Ints
    stacks: _Ints
    figures: _Ints


class Filled(NamedTuple):
    """What a market order met.

    Parameters
    ----------
    lots, tick_lots
        Lots filled, and the exact sum of tick times lots (their ratio is the average price).
    last_tick
        Worst price paid; 0 if nothing was filled.
    makers_lots, makers_tick_lots
        Of that, with makers; the rest is with others who had joined.
    rows
        Levels written into ``fills``.
    """

    lots: int
    tick_lots: int
    last_tick: int
    makers_lots: int
    makers_tick_lots: int
    rows: int


@numba.njit(cache=True)
def next_tick(book: Book, side: int, tick: int) -> int:
    """Tell the nearest tick of a side, away from its best, from ``tick`` on (itself included).

    No lots of that side may rest nearer than ``tick``.
    """
    levels, stacks, figures = book
    low, mask, step = figures[BOOK, LOW], levels.shape[0] - 1, 1 if side == ASK else -1
    if figures[side, RESTING] > figures[side, FAR]:
        tick = max(tick, low) if side == ASK else min(tick, low + mask)
        while levels[tick & mask, _MAKERS] + levels[tick & mask, _OTHERS] == 0:
            tick += step
        return tick
    if figures[side, STACKED] > 0:
        return stacks[side, figures[side, STACKED] - 1, _TICK]  # type: ignore[no-any-return]
    return NO_ASK if side == ASK else NO_BID


@numba.njit(cache=True)
def _entry(book: Book, side: int, tick: int) -> tuple[int, bool]:
    """Tell where on a stack a tick is or belongs, and whether it is there."""
    stack, first, after = book.stacks[side], 0, book.figures[side, STACKED]
    sign = 1 if side == ASK else -1
    while first < after:
        middle = (first + after) >> 1
        if sign * stack[middle, _TICK] > sign * tick:
            first = middle + 1
        else:
            after = middle
    found = first < book.figures[side, STACKED] and stack[first, _TICK] == tick
    return first, found


@numba.njit(cache=True)
def _change(level: _Ints, makers: int, others: int) -> None:
    """Change the two queues of one level."""
    if others > 0 and level[_OTHERS] == 0:
        level[_AHEAD] = level[_MAKERS]
    level[_MAKERS] += makers
    level[_OTHERS] += others
    level[_AHEAD] = min(level[_AHEAD], level[_MAKERS]) if level[_OTHERS] > 0 else 0


@numba.njit(cache=True)
def change_level(book: Book, side: int, tick: int, makers: int, others: int) -> bool:
    """Add lots to a level, or take them away; makers' go from behind the others first.

    The best and the ledger are the caller's to keep. False if there is no room outside the window.
    """
    width, low, figures = book.levels.shape[0], book.figures[BOOK, LOW], book.figures[side]
    if low <= tick < low + width:
        _change(book.levels[tick & (width - 1)], makers, others)
    else:
        entry, found = _entry(book, side, tick)
        stack = book.stacks[side]
        if not found:
            if figures[STACKED] == stack.shape[0]:
                return False
            for i in range(figures[STACKED], entry, -1):
                stack[i] = stack[i - 1]
            stack[entry] = 0
            stack[entry, _TICK] = tick
            figures[STACKED] += 1
        _change(stack[entry], makers, others)
        figures[FAR_MAKERS] += makers
        figures[FAR] += makers + others
        if stack[entry, _MAKERS] + stack[entry, _OTHERS] == 0:
            for i in range(entry, figures[STACKED] - 1):
                stack[i] = stack[i + 1]
            figures[STACKED] -= 1
            stack[figures[STACKED]] = 0
    figures[RESTING] += makers + others
    return True


@numba.njit(cache=True)
def recentre(book: Book, low: int) -> bool:
    """Move the window so that ``low`` is its lowest tick. No lot appears or disappears.

    It stops where it would leave the best ask below it or the best bid above it. False, and
    nothing has changed, if the stacks have no room for what would leave.
    """
    width, before = book.levels.shape[0], book.figures[BOOK, LOW]
    low = max(min(low, book.figures[ASK, BEST]), book.figures[BID, BEST] - width + 1)
    if low == before:
        return True
    mask, rising = width - 1, low > before
    leaving, entering = (BID, ASK) if rising else (ASK, BID)
    step, edge = (1, before) if rising else (-1, before + width - 1)
    many = min(abs(low - before), width)
    stack, figures, new = book.stacks[leaving], book.figures[leaving], 0
    if figures[RESTING] > figures[FAR]:
        for i in range(many):
            level = book.levels[(edge + step * i) & mask]
            new += level[_MAKERS] + level[_OTHERS] > 0
    if figures[STACKED] + new > stack.shape[0]:
        return False
    for i in range(many if new else 0):
        level = book.levels[(edge + step * i) & mask]
        if level[_MAKERS] + level[_OTHERS] > 0:
            stack[figures[STACKED], :_TICK] = level
            stack[figures[STACKED], _TICK] = edge + step * i
            figures[STACKED] += 1
            figures[FAR_MAKERS] += level[_MAKERS]
            figures[FAR] += level[_MAKERS] + level[_OTHERS]
            level[:] = 0
    book.figures[BOOK, LOW] = low
    stack, figures = book.stacks[entering], book.figures[entering]
    while figures[STACKED] > 0:
        entry = stack[figures[STACKED] - 1]
        tick = entry[_TICK]
        if tick < low or tick >= low + width:
            break
        book.levels[tick & mask] = entry[:_TICK]
        figures[FAR_MAKERS] -= entry[_MAKERS]
        figures[FAR] -= entry[_MAKERS] + entry[_OTHERS]
        figures[STACKED] -= 1
        entry[:] = 0
    return True


@numba.njit(cache=True)
def take(book: Book, is_buy: bool, lots: int, limit_tick: int, fills: _Ints) -> Filled:  # noqa: FBT001
    """Walk the book with a market order.

    Parameters
    ----------
    book, is_buy, lots
        Changed; the order.
    limit_tick
        Worst price it takes; ``NO_ASK`` for a buy, ``NO_BID`` for a sell, if any will do.
    fills
        Written: tick, makers' lots and others' lots of each level, shape (room, 3). Without room
        left the walk stops there; with no room at all nothing is written.
    """
    levels, stacks, figures = book
    side, sign = (ASK, 1) if is_buy else (BID, -1)
    low, mask, room, rows = figures[BOOK, LOW], levels.shape[0] - 1, fills.shape[0], 0
    left, paid, by_makers, makers_paid, last = lots, 0, 0, 0, 0
    tick = figures[side, BEST]
    while left > 0 and figures[side, RESTING] > 0 and sign * tick <= sign * limit_tick:
        if 0 < room == rows:
            break
        # Scalars, one by one: to take a level as an array costs more than the rest.
        inside = low <= tick <= low + mask
        row = tick & mask if inside else figures[side, STACKED] - 1
        makers = levels[row, _MAKERS] if inside else stacks[side, row, _MAKERS]
        others = levels[row, _OTHERS] if inside else stacks[side, row, _OTHERS]
        ahead = levels[row, _AHEAD] if inside else stacks[side, row, _AHEAD]
        taken = min(left, makers + others)
        first = min(taken, ahead)
        of_others = min(taken - first, others)
        of_makers = taken - of_others
        ahead = ahead - first if of_others < others else 0
        figures[side, RESTING] -= taken
        if inside:
            levels[row, _MAKERS], levels[row, _OTHERS] = makers - of_makers, others - of_others
            levels[row, _AHEAD] = ahead
        else:
            stacks[side, row, _MAKERS] = makers - of_makers
            stacks[side, row, _OTHERS] = others - of_others
            stacks[side, row, _AHEAD] = ahead
            figures[side, FAR_MAKERS] -= of_makers
            figures[side, FAR] -= taken
            if taken == makers + others:
                stacks[side, row, _TICK], figures[side, STACKED] = 0, row
        if rows < room:
            fills[rows, 0], fills[rows, 1], fills[rows, 2] = tick, of_makers, of_others
            rows += 1
        left -= taken
        paid += taken * tick
        by_makers += of_makers
        makers_paid += of_makers * tick
        last = tick
        if taken == makers + others:
            tick = next_tick(book, side, tick)
    figures[side, BEST] = tick
    figures[side, MAKERS_FILLED] += by_makers
    figures[side, OTHERS_FILLED] += lots - left - by_makers
    figures[BOOK, INVENTORY] -= sign * by_makers
    figures[BOOK, CASH] += sign * makers_paid
    return Filled(lots - left, paid, last, by_makers, makers_paid, rows)


@numba.njit(cache=True)
def join(book: Book, is_bid: bool, tick: int, lots: int) -> bool:  # noqa: FBT001
    """Let lots of others rest at a tick, behind what is there.

    False, and nothing has changed, if the order would trade, has no lots or no price, or if
    there is no room for a level outside the window.
    """
    side, low, mask = BID if is_bid else ASK, book.figures[BOOK, LOW], book.levels.shape[0] - 1
    opposite = book.figures[1 - side, BEST]
    if lots <= 0 or tick <= NO_BID or tick >= NO_ASK:
        return False
    if tick >= opposite if is_bid else tick <= opposite:
        return False
    low = max(low, tick - mask) if is_bid else min(low, tick)
    if low != book.figures[BOOK, LOW] and not recentre(book, low):
        return False
    if not change_level(book, side, tick, 0, lots):
        return False
    best = book.figures[side, BEST]
    book.figures[side, BEST] = max(best, tick) if is_bid else min(best, tick)
    book.figures[side, JOINED] += lots
    return True


@numba.njit(cache=True)
def cancel(book: Book, is_bid: bool, tick: int, lots: int) -> int:  # noqa: FBT001
    """Take away up to ``lots`` that others joined at a tick; return how many."""
    side = BID if is_bid else ASK
    mask, low, best = book.levels.shape[0] - 1, book.figures[BOOK, LOW], book.figures[side, BEST]
    if lots <= 0 or (tick > best if is_bid else tick < best):
        return 0
    if low <= tick <= low + mask:
        there = book.levels[tick & mask, _OTHERS]
    else:
        entry, found = _entry(book, side, tick)
        there = book.stacks[side, entry, _OTHERS] if found else 0
    gone = min(lots, there)
    if gone > 0:
        change_level(book, side, tick, 0, -gone)
        book.figures[side, CANCELLED] += gone
        if tick == best:
            book.figures[side, BEST] = next_tick(book, side, tick)
    return gone  # type: ignore[no-any-return]


@numba.njit(cache=True)
def _pull(book: Book, reference: int) -> None:
    """Withdraw all that makers have outside the window, and on the wrong side of the reference."""
    for side in (BID, ASK):
        figures, sign = book.figures[side], 1 if side == ASK else -1
        entry = figures[STACKED] - 1
        while figures[FAR_MAKERS] > 0:
            makers = book.stacks[side, entry, _MAKERS]
            if makers > 0:
                change_level(book, side, book.stacks[side, entry, _TICK], -makers, 0)
                book.figures[side, WITHDRAWN] += makers
            entry -= 1
        mask, low, best = book.levels.shape[0] - 1, book.figures[BOOK, LOW], figures[BEST]
        if side == ASK:
            first, end = max(best, low), min(reference, low + mask) + 1
        else:
            first, end = min(best, low + mask), max(reference + 1, low) - 1
        for tick in range(first, end, sign):
            makers = book.levels[tick & mask, _MAKERS]
            if makers > 0:
                change_level(book, side, tick, -makers, 0)
                book.figures[side, WITHDRAWN] += makers
        figures[BEST] = next_tick(book, side, best)


@numba.njit(cache=True)
def _refill_side(
    book: Book, side: int, goals: NDArray[np.float64], phi: float, gains: _Gains, offset: float
) -> None:
    """Bring the makers' lots of one side nearer to their goal, from the reference outward."""
    share, quick, slow, withdrawn = gains
    levels, sign, reach = book.levels, 1 if side == ASK else -1, goals.shape[0] - 1
    mask = levels.shape[0] - 1
    low, opposite = book.figures[BOOK, LOW], book.figures[1 - side, BEST]
    if side == ASK:
        origin = book.figures[BOOK, REFERENCE]
        first, end = max(origin + 1, opposite + 1, low), low + mask + 1
    else:
        origin = book.figures[BOOK, REFERENCE] + 1
        first, end = min(origin - 1, opposite - 1, low + mask), max(low, NO_BID + 1) - 1
    due, moved, quoted, gone = 0.0, 0, 0, 0
    nearest, found = NO_ASK if side == ASK else NO_BID, False
    before = math.floor(phi * goals[min(abs(first - origin) - 1, reach)] + 0.5)
    for tick in range(first, end, sign):
        row = tick & mask
        here = levels[row, _MAKERS]
        until = math.floor(phi * goals[min(abs(tick - origin), reach)] + 0.5)
        goal = until - before
        before = until
        if here != goal:
            if here > goal:
                due -= withdrawn * (here - goal)
            else:
                due += quick * max(share * goal - here, 0.0)
                due += slow * (goal - max(share * goal, float(here)))
            change = max(math.floor(due + offset) - moved, -here)
            moved += change
            here += change
            levels[row, _MAKERS] = here
            levels[row, _AHEAD] = min(levels[row, _AHEAD], here)
            quoted += max(change, 0)
            gone += max(-change, 0)
        if not found and here + levels[row, _OTHERS] > 0:
            nearest, found = tick, True
    book.figures[side, QUOTED] += quoted
    book.figures[side, WITHDRAWN] += gone
    figures = book.figures[side]
    figures[RESTING] += quoted - gone
    # Others' lots on the wrong side of the reference lie nearer than anything refilled.
    if sign * figures[BEST] >= sign * first:
        figures[BEST] = next_tick(book, side, nearest)


@numba.njit(cache=True)
def refill(
    book: Book,
    goals: NDArray[np.float64],
    reference: int,
    phi: float,
    gains: _Gains,
    offset: float,
) -> bool:
    """Let makers requote around a reference: bids at it and below, asks above it.

    They pull at once what lies on the wrong side of it, and what the window has left behind; of
    what lacks or is too much they make good the shares of ``gains``.

    Parameters
    ----------
    book
        Changed.
    goals
        Lots wanted up to each distance, cumulative, bids and asks, shape (2, reach + 1); distance
        1 is the reference itself for bids and the tick above it for asks.
    reference, phi, gains
        Tick; factor on the goals; what is made good, see ``makers_kernels.Gains``.
    offset
        Drawn from [0, 1) for each refill, see ``makers_kernels.offset_of``.

    Returns
    -------
    bool
        False if others' lots left no room to move the window there; the rest was done.
    """
    _pull(book, reference)
    moved = recentre(book, reference + 1 - book.levels.shape[0] // 2)
    _pull(book, reference)
    book.figures[BOOK, REFERENCE] = reference
    for side in (BID, ASK):
        _refill_side(book, side, goals[side], phi, gains, offset)
    return moved
