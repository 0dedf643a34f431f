"""Drawing a crowd: random numbers by key and place, sizes, leverage, entries, orders. Arrays.

A random number is a hash of a stream's key and a place in it (splitmix64; Steele, Lea and Flood,
OOPSLA 2014), so that it does not depend on what else was drawn, nor on how often.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TRIES",
    "Habits",
    "Past",
    "apportion",
    "draw_entries",
    "draw_normal",
    "lay_leverage",
    "place_orders",
    "uniform",
]

TRIES = 64
"""Draws of an entry, before a position is taken to have been opened just now."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _12 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12)
_ONE, _TWO = np.uint64(1), np.uint64(2)
_SCALE = 2.0**-52
_PART = 1 << 16  # parts of a lot in which sizes are shared out
_HALVINGS = 60

_Key: TypeAlias = Any  # np.uint64


class Past(NamedTuple):
    """Past marks in ticks, the present one last, with the lowest and highest from each row on."""

    ticks: NDArray[np.int64]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]


class Habits(NamedTuple):
    """``OrderHabits`` for a kernel: keys, share, and where orders go; ``is_stop`` or profit."""

    key: _Key
    share: float
    is_stop: bool
    distance: float
    round_share: float
    beyond_ticks: float
    spacing: int


@numba.njit(cache=True)
def _mixed(word: _Key) -> _Key:
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)


@numba.njit(cache=True)
def uniform(key: _Key, place: int) -> float:
    """Give the number at a place of a stream, between 0 and 1 and neither."""
    word = _mixed(key + (np.uint64(place) + _ONE) * _GAMMA)
    return (float(word >> _12) + 0.5) * _SCALE


@numba.njit(cache=True)
def _normal(key: _Key, place: int) -> float:
    radius = math.sqrt(-2.0 * math.log(uniform(key, 2 * place)))
    return radius * math.cos(2.0 * math.pi * uniform(key, 2 * place + 1))


@numba.njit(cache=True)
def draw_normal(key: _Key, first: int, values: NDArray[np.float64]) -> None:
    """Write normal numbers from a place on (Box and Muller), shape (n,)."""
    for i in range(values.shape[0]):
        values[i] = _normal(key, first + i)


@numba.njit(cache=True)
def apportion(size: NDArray[np.float64], total: int, most: int, lots: NDArray[np.int64]) -> None:
    """Share ``total`` lots out in proportion to size, at least one each and at most ``most``.

    Sizes are scaled so that they fill the total within those bounds, in parts of a lot; each gets
    the whole lots between its ends when they are laid one after another. The sum is exact, and
    each is within one lot of its share.

    Parameters
    ----------
    size
        Above 0, in any unit, shape (n,).
    total, most
        Lots; ``n <= total <= n * most``.
    lots
        Written, shape (n,).
    """
    count = size.shape[0]
    low, high = 0.0, total / size.sum()
    for _ in range(_HALVINGS):  # up to a scale that is enough
        if _filled(size, high, most) >= total:
            break
        high *= 2.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _filled(size, middle, most) < total:
            low = middle
        else:
            high = middle
    end = most * _PART
    rest = total * _PART
    largest = 0
    for i in range(count):
        part = min(end, max(_PART, int(min(size[i] * high, float(most)) * _PART)))
        lots[i] = part
        rest -= part
        if part < end and (part > lots[largest] or lots[largest] == end):
            largest = i
    # What truncation left, less than a part a position, goes to the largest that has room.
    for i in range(-1, count):
        at = largest if i < 0 else i
        step = min(rest, end - lots[at]) if rest > 0 else max(rest, _PART - lots[at])
        lots[at] += step
        rest -= step
        if rest == 0:
            break
    laid = 0
    for i in range(count):
        until = laid + lots[i]
        lots[i] = until // _PART - laid // _PART
        laid = until


@numba.njit(cache=True)
def _filled(size: NDArray[np.float64], scale: float, most: int) -> float:
    total, top = 0.0, float(most)
    for i in range(size.shape[0]):
        total += min(top, max(1.0, size[i] * scale))
    return total


@numba.njit(cache=True)
def lay_leverage(
    order: NDArray[np.intp],
    weight: NDArray[np.int64],
    by_weight: bool,  # noqa: FBT001 — kernels take plain scalars
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    share: NDArray[np.float64],
    leverage: NDArray[np.int32],
) -> None:
    """Lay positions along a kernel of leverage in the order given, each at its middle.

    So every share is met to within a position, whatever the tail of sizes.

    Parameters
    ----------
    order
        Positions from the lowest leverage to the highest, shape (n,).
    weight, by_weight
        Lots, shape (n,), and whether shares are of them (else of positions).
    low, high, share
        Ranges of the kernel, ascending, log-uniform within; shape (k,).
    leverage
        Written, thousandths rounded down, shape (n,).
    """
    last = low.shape[0] - 1
    total = float(weight.sum()) if by_weight else float(order.shape[0])
    laid, k, before = 0.0, 0, 0.0
    for at in order:
        own = float(weight[at]) if by_weight else 1.0
        place = (laid + 0.5 * own) / total
        laid += own
        while k < last and place > before + share[k]:
            before += share[k]
            k += 1
        inside = min(1.0, max(0.0, (place - before) / share[k]))
        figure = low[k] * (high[k] / low[k]) ** inside
        leverage[at] = int(figure * 1000.0 + 1e-6)


@numba.njit(cache=True)
def draw_entries(
    key: _Key,
    attempt: int,
    rows: NDArray[np.int64],
    past: Past,
    decay: float,
    spread: float,
    is_long: NDArray[np.bool_],
    tick: NDArray[np.int64],
    worst: NDArray[np.int64],
) -> None:
    """Draw an entry for some positions, and the worst mark since.

    Parameters
    ----------
    key, attempt
        Of the stream, and which draw for these positions it is, below 64; a place a position and
        draw. From 64 on the entry is the present mark.
    rows
        Positions to draw for, shape (m,).
    past
        Marks in ticks; the present one alone where entries are log-normal around it.
    decay
        Natural logarithms that a row's weight loses to the next older one; 0: all rows alike.
    spread
        Of the logarithm of a log-normal entry around the mark; below 0: entries are on ``past``.
    is_long
        Side of every position, shape (n,).
    tick, worst
        Written: the entry, and the lowest mark since (longs) or the highest (shorts), shape (m,).
    """
    last = past.ticks.shape[0] - 1
    mark = past.ticks[last]
    span = -math.expm1(-decay * (last + 1))
    for j in range(rows.shape[0]):
        i = rows[j]
        row, at = last, mark
        if attempt >= TRIES:
            pass
        elif spread >= 0.0:
            at = max(1, round(mark * math.exp(spread * _normal(key, i * TRIES + attempt))))
        else:
            draw = uniform(key, i * TRIES + attempt)
            age = draw * (last + 1) if decay == 0.0 else -math.log1p(-draw * span) / decay
            row = max(0, last - int(age))
            at = past.ticks[row]
        tick[j] = at
        worst[j] = past.lowest[row] if is_long[i] else past.highest[row]


@numba.njit(cache=True)
def place_orders(
    habits: Habits,
    mark: int,
    is_long: NDArray[np.bool_],
    entry: NDArray[np.int64],
    taken_at: NDArray[np.int64],
    tick: NDArray[np.int64],
) -> int:
    """Draw the order that stands beside each position, in ticks; 0 where there is none.

    Parameters
    ----------
    habits
        Whether stops or take-profits, and where they go.
    mark
        In ticks.
    is_long, entry, taken_at
        Positions and their liquidation ticks, shape (n,). A stop lies between the mark and that
        tick, a take-profit beyond both the mark and the entry; one that would not is left out.
    tick
        Written, shape (n,).

    Returns
    -------
    int
        How many there are.
    """
    count = 0
    for i in range(is_long.shape[0]):
        tick[i] = 0
        if uniform(habits.key, 4 * i) >= habits.share:
            continue
        down = is_long[i] == habits.is_stop
        away = -math.log(uniform(habits.key, 4 * i + 1)) * habits.distance * mark
        if away > 4.0 * mark:
            continue
        steps = max(1, int(away))
        at = mark - steps if down else mark + steps
        if uniform(habits.key, 4 * i + 2) < habits.round_share:
            at = at // habits.spacing if down else -(-at // habits.spacing)
            at *= habits.spacing
            if habits.is_stop:
                further = -math.log(uniform(habits.key, 4 * i + 3)) * habits.beyond_ticks
                at = at - 1 - int(further) if down else at + 1 + int(further)
        if habits.is_stop:
            holds = taken_at[i] < at < mark if down else mark < at < taken_at[i]
        else:
            holds = 0 < at < min(mark, entry[i]) if down else at > max(mark, entry[i])
        if holds and at > 0:
            tick[i] = at
            count += 1
    return count
