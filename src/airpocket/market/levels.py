"""Many changes of one order book as arrays, and their replay in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.book import LEVELS_MAX, WAITING_LEVELS_MAX
from airpocket.market.columns import MISSING_INT
from airpocket.market.events import BookChange
from airpocket.market.sequence import SequenceRule

__all__ = ["BestQuotes", "LevelColumns", "replay"]

_I64 = NDArray[np.int64]
_F64 = NDArray[np.float64]
_RULES: Final = (SequenceRule.LINKED, SequenceRule.COUNTED, SequenceRule.UNNUMBERED)


@final
class LevelColumns:
    """The changes of one order book, level by level, in the order they were received.

    Made once and replayed often; :meth:`gather` makes it from events. Memory follows from the
    number of levels alone, whatever the prices are.

    Parameters
    ----------
    prices, qtys
        Of each level, shape (n,); quantity 0 removes the level.
    begins, middles
        Levels of change i: its bids are ``begins[i]:middles[i]``, its asks follow up to
        ``begins[i + 1]``. Shapes (m + 1,) and (m,).
    snapshots
        Whether change i is a snapshot, shape (m,).
    ids
        First, last and previous update number of each change, shape (m, 3); missing is
        ``MISSING_INT``.
    venue_ns
        The venue's time of each change, shape (m,); missing is ``MISSING_INT``.

    Raises
    ------
    InputError
        If shapes do not fit, or a level has no positive price or a negative quantity.

    Examples
    --------
    >>> levels = LevelColumns(
    ...     prices=np.array([99.0, 101.0, 100.0]), qtys=np.array([1.0, 1.0, 2.0]),
    ...     begins=np.array([0, 2, 3]), middles=np.array([1, 3]),
    ...     snapshots=np.array([True, False]), ids=np.full((2, 3), MISSING_INT),
    ...     venue_ns=np.array([1, 2]))
    >>> replay(levels, SequenceRule.UNNUMBERED).bids
    array([ 99., 100.])
    """

    def __init__(
        self,
        *,
        prices: _F64,
        qtys: _F64,
        begins: _I64,
        middles: _I64,
        snapshots: NDArray[np.bool_],
        ids: _I64,
        venue_ns: _I64,
    ) -> None:
        changes = len(snapshots)
        fits = (
            prices.shape == qtys.shape == (len(prices),)
            and begins.shape == (changes + 1,)
            and middles.shape == venue_ns.shape == (changes,)
            and ids.shape == (changes, 3)
            and begins[0] == 0
            and begins[-1] == len(prices)
            and bool(np.all((begins[:-1] <= middles) & (middles <= begins[1:])))
        )
        if not fits:
            raise InputError(
                f"levels of {changes} changes: begins {begins.shape}, middles {middles.shape},"
                f" ids {ids.shape} and times {venue_ns.shape} do not fit {len(prices)} levels"
            )
        bad = ~((prices > 0) & (prices < np.inf) & (qtys >= 0) & (qtys < np.inf))
        if bad.any():
            where = int(bad.argmax())
            raise InputError(
                f"level {where} is {qtys[where]} at {prices[where]}: a price is above 0,"
                " a quantity 0 or above"
            )
        self.qtys: Final = np.ascontiguousarray(qtys, np.float64)
        self.begins: Final = np.ascontiguousarray(begins, np.int64)
        self.middles: Final = np.ascontiguousarray(middles, np.int64)
        self.snapshots: Final = np.ascontiguousarray(snapshots, np.bool_)
        self.ids: Final = np.ascontiguousarray(ids, np.int64)
        self.venue_ns: Final = np.ascontiguousarray(venue_ns, np.int64)
        distinct, ranks = np.unique(prices, return_inverse=True)
        self.prices: Final[_F64] = distinct
        is_ask = np.repeat(
            np.tile([False, True], changes),
            np.diff(np.column_stack([self.begins[:-1], self.middles]).ravel(), append=len(prices)),
        )
        self.ranks: Final = np.where(is_ask, len(distinct) - 1 - ranks, ranks).astype(np.int32)

    @classmethod
    def gather(cls, changes: Sequence[BookChange]) -> Self:
        """Turn the changes of one instrument into columns.

        Raises
        ------
        InputError
            If they are of several instruments, or a level cannot be one.
        """
        books = {(change.venue, change.raw_symbol) for change in changes}
        if len(books) > 1:
            raise InputError(f"changes of {len(books)} instruments, one of them {min(books)}")
        counts = np.array(
            [(len(change.bids), len(change.asks)) for change in changes], np.int64
        ).reshape(-1, 2)
        ends = counts.ravel().cumsum()
        size = int(counts.sum())
        sides = chain.from_iterable((change.bids, change.asks) for change in changes)
        pairs = chain.from_iterable(chain.from_iterable(sides))
        flat = np.fromiter(pairs, np.float64, count=2 * size).reshape(size, 2)
        ids = [
            (c.first_update_id, c.last_update_id, c.previous_update_id) for c in changes
        ]  # fmt: skip
        return cls(
            prices=flat[:, 0],
            qtys=flat[:, 1],
            begins=np.concatenate([np.zeros(1, np.int64), ends[1::2]]),
            middles=ends[0::2],
            snapshots=np.array([change.is_snapshot for change in changes], np.bool_),
            ids=_or_missing([number for three in ids for number in three]).reshape(-1, 3),
            venue_ns=_or_missing([change.venue_ns for change in changes]),
        )

    def __len__(self) -> int:
        return len(self.qtys)


@final
@dataclass(frozen=True, slots=True)
class BestQuotes:
    """Best bid and ask along a replay.

    Attributes
    ----------
    bids, asks
        After each change; NaN while the book is invalid or a side is empty.
    told
        Whether ``Book.apply`` would have returned a gap for the change.
    level_bids, level_asks
        After each level, for ``each_level``; empty otherwise. Within a change the book is half
        written (bids come first), so a best bid may pass a best ask there; within a snapshot
        only the last level has quotes.
    """

    bids: _F64
    asks: _F64
    told: NDArray[np.bool_]
    level_bids: _F64
    level_asks: _F64


def replay(levels: LevelColumns, rule: SequenceRule, *, each_level: bool = False) -> BestQuotes:
    """Replay the changes of a book in bulk: what :class:`Book` gives, one change after another.

    Parameters
    ----------
    levels
        The changes.
    rule
        How the venue numbers its updates.
    each_level
        Whether quotes after every single level are wanted too.
    """
    from airpocket.market import book_kernels  # noqa: PLC0415 - Numba costs 0.7 s, only bulk pays

    quotes, level_quotes, told = book_kernels.replay_changes(
        levels.begins, levels.middles, levels.ranks, levels.qtys, levels.prices,
        levels.snapshots, levels.ids, levels.venue_ns,
        _RULES.index(rule), LEVELS_MAX, WAITING_LEVELS_MAX, each_level,
    )  # fmt: skip
    return BestQuotes(quotes[0], quotes[1], told, level_quotes[0], level_quotes[1])


def _or_missing(values: Sequence[Any]) -> _I64:
    return np.array([MISSING_INT if value is None else value for value in values], np.int64)
