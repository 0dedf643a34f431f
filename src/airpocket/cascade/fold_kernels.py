"""Where the end of a chain jumps as its shock grows: one sweep. Arrays and scalars in and out.

``law`` is as in ``kernels``: kind (0 steps, 1 lines, 2 square root), coefficient, and the amount
below which a root is a line. What is looked up is looked up in bulk: a call with several arrays
costs more than the rest of a level.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["sweep", "turn"]

_BLOCK_LEAST, _BLOCK_MOST = 256, 8192  # levels that a sweep bounds at once
_ROWS_FEW = 1024  # a table of so many is gone through row by row

_Column: TypeAlias = NDArray[np.float64]
_Number: TypeAlias = Any  # numpy's, or Python's


@numba.njit(cache=True)
def _look_up(
    values: NDArray[np.float64],
    places: _Column,
    results: _Column,
    is_line: bool,  # noqa: FBT001 — kernels take plain scalars
    shift: int,
    beyond: float,
) -> None:
    """Replace each value by what stands at its place; near to the last, as a sweep goes on."""
    rows = places.shape[0]
    row = np.searchsorted(places, values[0])
    for i in range(values.shape[0]):
        value = values[i]
        while row < rows and places[row] < value:
            row += 1
        while row > 0 and places[row - 1] >= value:
            row -= 1
        if value <= 0.0:
            values[i] = 0.0
        elif row >= rows:
            values[i] = beyond
        elif is_line:
            left = places[row - 1] if row > 0 else 0.0
            low = results[row - 1] if row > 0 else 0.0
            values[i] = low + (results[row] - low) * (value - left) / (places[row] - left)
        else:
            values[i] = results[row - shift] if row >= shift else 0.0


@numba.njit(cache=True)
def turn(
    values: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    by_order: bool,  # noqa: FBT001
) -> None:
    """Replace amounts by the falls they cause, or distances by what may be taken before them.

    Beyond the table the fall is that of its last row, and there is no end to what may be taken.
    """
    if law[0] != 2.0:
        if by_order:
            _look_up(values, fall, usd, law[0] == 1.0, 1, math.inf)
        else:
            _look_up(values, usd, fall, law[0] == 1.0, 0, fall[-1])
        return
    line = math.sqrt(law[2])
    for i in range(values.shape[0]):
        value = max(values[i], 0.0)
        if by_order:
            amount = math.inf
            if law[1] > 0.0:
                amount = (value / law[1]) ** 2
            values[i] = amount if amount >= law[2] else value / law[1] * line
        else:
            values[i] = law[1] * (math.sqrt(value) if value >= law[2] else value / line)


@numba.njit(cache=True)
def _tops(
    distance: _Column,
    net: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    kept: float,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    tops: _Column,
) -> None:
    """Write g just before each of some levels."""
    if by_order:
        for i in range(tops.shape[0]):
            tops[i] = distance[i] - begin
        turn(tops, usd, fall, law, True)
        for i in range(tops.shape[0]):
            tops[i] -= kept * net[i]
    else:
        for i in range(tops.shape[0]):
            tops[i] = kept * net[i] + order
        turn(tops, usd, fall, law, False)
        for i in range(tops.shape[0]):
            tops[i] = distance[i] - tops[i]


class _State(NamedTuple):
    """How far a sweep is: next level, place, highest g so far and its place (NaN: none yet)."""

    level: _Number
    here: float
    record: float
    last: float


@numba.njit(cache=True)
def _scan(
    distance: _Column,
    net: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    kept: float,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    least_jump: float,
    state: _State,
    until: int,
    folds: _Column,
    found: int,
) -> tuple[_State, int]:
    """Sweep from a state to a level, level by level."""
    level, here, record, last = state
    tops = np.empty(min(_BLOCK_MOST, until - level))
    while level < until:
        size = min(_BLOCK_MOST, until - level)
        stop = level + size
        _tops(
            distance[level:stop], net[level:stop], usd, fall, law, kept, begin, order, by_order,
            tops[:size],
        )  # fmt: skip
        for i in range(size):
            end = distance[level + i]
            if end > here and tops[i] > record:
                if end - last >= least_jump:
                    found = _note(
                        net[level + i] * kept, here, record, last, usd, fall, law, begin, order,
                        by_order, least_jump, folds, found,
                    )  # fmt: skip
                record, last = tops[i], end
            here = max(here, end)
        level = stop
    return _State(level, here, record, last), found


@numba.njit(cache=True)
def _scan_rows(  # noqa: C901 — one pass for both kinds of shock
    distance: _Column,
    net: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    kept: float,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    least_jump: float,
    state: _State,
    until: int,
    folds: _Column,
    found: int,
) -> tuple[_State, int]:
    """Do as ``_scan`` where ``net`` rises and the table has steps, a row of it at a time.

    For a move, g rises along the levels that leave the book at one row: the last is highest. For an
    order, it falls along those that one row reaches: the first is.
    """
    level, here, record, last = state
    rows, hop = usd.shape[0], 64
    row: _Number = np.searchsorted(usd, kept * net[level] + order)
    if by_order and level < until:
        row = np.searchsorted(fall, distance[level] - begin)
    while level < until:
        stop, at, top = until, level, math.inf
        near = min(level + 2 * hop, until)  # where the row ends is mostly as far as the last one
        if by_order:
            while row < rows and fall[row] < distance[level] - begin:
                row += 1
            if row < rows:
                near = near if distance[near - 1] > begin + fall[row] else until
                stop = level + np.searchsorted(distance[level:near], begin + fall[row], "right")
                stop = max(stop, level + 1)
                top = float((usd[row - 1] if row > 0 else 0.0) - kept * net[level])
        else:
            amount = kept * net[level] + order
            while row < rows and usd[row] < amount:
                row += 1
            if row < rows:
                most = usd[row] if amount > 0.0 else 0.0  # nothing sold is a row of its own
                near = near if kept * net[near - 1] + order > most else until
                stop = level + np.searchsorted(net[level:near], (most - order) / kept, "right")
                stop = max(stop, level + 1)
                while stop > level + 1 and kept * net[stop - 1] + order > most:
                    stop -= 1  # rounding
            at = stop - 1
            top = float(distance[at] - (fall[min(row, rows - 1)] if amount > 0.0 else 0.0))
        end = float(distance[at])
        if end > here and top > record:
            if end - last >= least_jump:
                found = _note(
                    kept * net[at], here, record, last, usd, fall, law, begin, order, by_order,
                    least_jump, folds, found,
                )  # fmt: skip
            record, last = top, end
        level, hop = stop, stop - level
        here = max(here, float(distance[level - 1]))
    return _State(level, here, record, last), found


@numba.njit(cache=True)
def _look(
    distance: _Column,
    net: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    kept: float,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    by_rows: bool,  # noqa: FBT001
    least_jump: float,
    state: _State,
    until: int,
    folds: _Column,
    found: int,
) -> tuple[_State, int]:
    """Sweep from a state to a level, by rows of the table or level by level."""
    if by_rows:
        return _scan_rows(
            distance, net, usd, fall, law, kept, begin, order, by_order, least_jump, state, until,
            folds, found,
        )  # fmt: skip
    return _scan(
        distance, net, usd, fall, law, kept, begin, order, by_order, least_jump, state, until,
        folds, found,
    )  # fmt: skip


@numba.njit(cache=True)
def _note(
    forced: _Number,
    here: float,
    record: float,
    last: float,
    usd: _Column,
    fall: _Column,
    law: _Column,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    least_jump: float,
    folds: _Column,
    found: int,
) -> int:
    """Find where g passes its record again, and write the jump to there if it is long."""
    taken = np.empty(1)
    if by_order:
        taken[0] = np.nextafter(record + forced, math.inf)  # just above the record
    else:
        taken[0] = forced + order
    turn(taken, usd, fall, law, False)
    beyond = taken[0] + (begin if by_order else record)
    return _write(record, last, max(beyond, here), least_jump, folds, found)


@numba.njit(cache=True)
def _write(
    shock: float, before: float, beyond: float, least_jump: float, folds: _Column, found: int
) -> int:
    """Write a jump if it is long; before the first record there is none (``before`` is NaN)."""
    if beyond - before >= least_jump:
        if found < folds.shape[0]:
            folds[found, 0], folds[found, 1], folds[found, 2] = shock, before, beyond
        found += 1
    return found


@numba.njit(cache=True)
def _bounds(
    far: _Number,
    least: _Number,
    most: _Number,
    usd: _Column,
    fall: _Column,
    law: _Column,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
) -> tuple[float, float]:
    """Bound the highest g of levels as far as ``far`` before which least to most is forced."""
    bounds = np.empty(2)
    if by_order:
        bounds[:] = far - begin
        turn(bounds, usd, fall, law, True)
        return bounds[0] - most, bounds[1] - least
    bounds[0], bounds[1] = most + order, least + order
    turn(bounds, usd, fall, law, False)
    return far - bounds[0], far - bounds[1]


@numba.njit(cache=True)
def sweep(
    distance: _Column,
    net: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    kept: float,
    begin: float,
    order: float,
    by_order: bool,  # noqa: FBT001
    is_rising: bool,  # noqa: FBT001
    most: float,
    least_jump: float,
    folds: _Column,
) -> int:
    """Find the shocks at which the end jumps by ``least_jump`` or more, from one sweep.

    A shock s ends at the least x with g(x) >= s, where ``g(x) = x - I(Q(x))`` for a move and
    ``g(x) = C(x - begin) - Q(x)`` for an order (C is the inverse of I). The end follows the running
    maximum of g: while g stays below it from a to b, the end jumps from a to b.

    Where Q only rises, g among some levels lies below what the place of the last and the Q before
    the first give, and above what its own Q gives. A block that surely sets a record near the last
    one ends no long jump; one that surely sets none lies within a jump. Only the rest is looked
    through.

    Parameters
    ----------
    distance
        Distances of the levels, ascending, shape (n,).
    net
        What reaches the book before each level and after the last, before ``kept``; shape (n + 1,).
    usd, fall, law, kept, begin, most
        As for :func:`walk`.
    order
        Taken beside what is forced; of no use if the order itself grows.
    by_order
        Whether the order grows, else the move.
    is_rising
        Whether ``net`` rises throughout: it does if nobody else buys.
    least_jump
        Above 0.
    folds
        Written: shock, end before, end beyond; shape (room, 3).

    Returns
    -------
    int
        How many there are, also of those there is no room for.
    """
    count = distance.shape[0]
    here = begin if by_order else 0.0
    at: _Number = np.searchsorted(distance, here, side="right")
    state, found = _State(at, here, 0.0, math.nan), 0
    high, back, size = 0.0, math.nan, 1024
    by_rows = is_rising and law[0] == 0.0
    if by_rows and usd.shape[0] <= _ROWS_FEW:
        at = count  # no more to look at than there are rows
    while at < count:
        end = min(at + size, count)
        while end < count and distance[end] == distance[end - 1]:
            end += 1
        if is_rising:
            far = distance[end - 1]
            if far - distance[at] < least_jump / 4.0:
                size = min(2 * size, _BLOCK_MOST)
            elif far - distance[at] > least_jump / 2.0:
                size = max(size // 2, _BLOCK_LEAST)
            low, top = _bounds(
                far, kept * net[at], kept * net[end - 1], usd, fall, law, begin, order, by_order
            )
            if low > high and far - back < least_jump:
                # What the record is, is not asked; a later look begins here, from nothing.
                here = distance[at - 1] if at > state.level else state.here
                state = _State(at, here, -math.inf, here)
                high, back, at = top, here, end
                continue
            if state.level == at and top <= state.record:
                state = _State(end, far, state.record, state.last)
                at = end
                continue
        state, found = _look(
            distance, net, usd, fall, law, kept, begin, order, by_order, by_rows, least_jump,
            state, at if state.level < at else end, folds, found,
        )  # fmt: skip
        high, back, at = state.record, state.last, state.level
    state, found = _look(
        distance, net, usd, fall, law, kept, begin, order, by_order, by_rows, least_jump, state,
        count, folds, found,
    )  # fmt: skip
    forced = kept * net[count]
    _low, top = _bounds(most, forced, forced, usd, fall, law, begin, order, by_order)
    if top > state.record:
        return _note(
            forced, state.here, state.record, state.last, usd, fall, law, begin, order, by_order,
            least_jump, folds, found,
        )  # fmt: skip
    beyond = most if most < math.inf else state.last
    return _write(state.record, state.last, beyond, least_jump, folds, found)
