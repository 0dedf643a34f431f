"""The same in integers: ticks and lots, exact, for what must agree to the last one."""

from typing import final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["TickCascade", "settle_ticks"]

_MOST = 1 << 62


@final
class TickCascade(Struct, frozen=True, eq=False):
    """Where a chain rests.

    Parameters
    ----------
    fall_ticks
        Distance from the first price.
    forced_lots, levels
        Lots that were forced, of how many levels.
    wave_ticks
        Ends of the waves, the shock first, shape (waves + 1,).
    is_at_rest
        False after the most rounds allowed.
    is_book_empty
        Whether the book does not hold what was forced: the fall is at least this.
    """

    fall_ticks: int
    forced_lots: int
    levels: int
    wave_ticks: NDArray[np.int64]
    is_at_rest: bool
    is_book_empty: bool


def settle_ticks(
    distance_ticks: NDArray[np.int64],
    lots: NDArray[np.int64],
    book_lots: NDArray[np.int64],
    book_ticks: NDArray[np.int64],
    *,
    shock_ticks: int = 0,
    order_lots: int = 0,
    farthest_ticks: int = _MOST,
    rounds_most: int = 10_000,
) -> TickCascade:
    """Settle a chain by the kernel that settles it in fractions, compiled for integers.

    Parameters
    ----------
    distance_ticks, lots
        Levels, nearest first: how far away, and what is forced there; shape (n,).
    book_lots, book_ticks
        The book: lots that rest up to each distance, cumulative, and the distance; shape (k,).
        Without rows nothing moves the price.
    shock_ticks, order_lots
        Move of the price, and market order.
    farthest_ticks
        Distance of a price of 0, for a fall.
    rounds_most
        Most waves after the shock.

    Raises
    ------
    InputError
        If columns differ in length, are not 64-bit integers, or are not ordered, or a figure is
        below 0.

    Examples
    --------
    >>> one = np.array([10], dtype=np.int64)
    >>> settle_ticks(one, one, np.array([5, 50]), np.array([1, 4]), shock_ticks=10).fall_ticks
    14
    """
    from airpocket.cascade.kernels import Waiting, walk  # noqa: PLC0415 — loads numba

    _refuse(distance_ticks, lots, book_lots, book_ticks)
    for name, figure in (("shock", shock_ticks), ("order", order_lots)):
        if not 0 <= figure < _MOST:
            raise InputError(f"{name} of {figure!r}: give 0 or more")
    none = np.empty(0, dtype=np.int64)
    cumulative = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lots)))
    ends = np.empty(rounds_most + 1, dtype=np.int64)
    passed = np.empty(rounds_most + 1, dtype=np.int64)
    alone = shock_ticks
    for levels in (distance_ticks[:0], distance_ticks):
        waiting = Waiting(levels, cumulative, none, none, 1, farthest_ticks)
        waves, at_rest, _ = walk(
            waiting, book_lots, book_ticks, None, shock_ticks, alone, order_lots, rounds_most, ends,
            passed,
        )  # fmt: skip
        alone = int(ends[waves])
    forced = int(cumulative[passed[waves]])
    return TickCascade(
        fall_ticks=alone,
        forced_lots=forced,
        levels=int(passed[waves]),
        wave_ticks=ends[: waves + 1].copy(),
        is_at_rest=at_rest,
        is_book_empty=bool(book_lots.size and forced + order_lots > book_lots[-1]),
    )


def _refuse(
    distance: NDArray[np.int64],
    lots: NDArray[np.int64],
    book_lots: NDArray[np.int64],
    book_ticks: NDArray[np.int64],
) -> None:
    columns = (distance, lots, book_lots, book_ticks)
    if any(column.dtype != np.int64 or column.ndim != 1 for column in columns):
        raise InputError("a chain in ticks: give columns of 64-bit integers")
    if distance.size != lots.size or book_lots.size != book_ticks.size:
        raise InputError("a chain in ticks: columns differ in length")
    if bool(np.any(np.diff(distance) < 0)) or bool(np.any(lots < 0)):
        raise InputError("a chain in ticks: levels are not ordered, or a size is below 0")
    for column in (book_lots, book_ticks):
        if bool(np.any(column < 0)) or bool(np.any(np.diff(column) <= 0)):
            raise InputError("a chain in ticks: the book does not ascend")
