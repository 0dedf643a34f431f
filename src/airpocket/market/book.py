"""One order book of one instrument: a snapshot and the differences that follow it.

A book is either proven whole or it says nothing. What proves it differs by venue and is stated as
a :class:`SequenceRule`; a missing update, a crossed result or an update before any snapshot makes
the book invalid in the same call, and it stays invalid until a snapshot that the updates seen
since then follow without a hole.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Final, final

from airpocket.errors import InputError
from airpocket.market.events import BookChange, Depth, Gap, GapCause, event_ns
from airpocket.market.sequence import SequenceRule
from airpocket.units import EARLIEST_NS

__all__ = ["LEVELS_MAX", "WAITING_LEVELS_MAX", "Book"]

LEVELS_MAX: Final = 100_000
"""Levels a side may hold. Recorded books hold up to 5,000; more is an attack on our memory."""

WAITING_LEVELS_MAX: Final = 200_000
"""Levels of updates kept while a snapshot is awaited; beyond it the oldest are forgotten."""

_INF: Final = float("inf")
_UNNUMBERED = SequenceRule.UNNUMBERED  # every change asks; through the enum costs 0.1 µs


@final
class Book:
    """Order book of one instrument, fed with changes in the order they were received.

    It is as deep as its last snapshot and what changed since: where the price travels beyond the
    levels of that snapshot, levels that never changed are not in it.

    Parameters
    ----------
    rule
        How the venue numbers its updates.
    channel
        Name that a :class:`Gap` of this book carries.

    Examples
    --------
    >>> book = Book(SequenceRule.COUNTED)
    >>> def change(number, bids, asks, whole=False):
    ...     return BookChange(venue="bybit", symbol=None, raw_symbol="BTCUSDT", local_ns=number,
    ...         bids=bids, asks=asks, is_snapshot=whole, last_update_id=number)
    >>> book.apply(change(7, [(99.0, 1.0)], [(101.0, 2.0)], whole=True))
    >>> book.apply(change(8, [(100.0, 3.0)], []))
    >>> book.depth().bids
    ((100.0, 3.0), (99.0, 1.0))
    >>> book.apply(change(10, [(100.0, 0.0)], [])).proven_by
    'update 10 does not follow 8'
    >>> book.depth() is None
    True
    """

    __slots__ = (
        "_after_snapshot", "_ask_order", "_asks", "_bid_order", "_bids", "_channel", "_gap",
        "_last_id", "_latest", "_newest_ns", "_rule", "_valid", "_waiting", "_waiting_levels",
    )  # fmt: skip

    def __init__(self, rule: SequenceRule, *, channel: str = "book") -> None:
        self._rule = rule
        self._channel = channel
        self._valid = False
        self._gap: Gap | None = None
        self._latest: BookChange | None = None  # last change that was applied or kept waiting
        self._last_id: int | None = None  # its number: of the book, or of the waiting updates
        self._newest_ns: int | None = None  # latest venue time seen
        self._after_snapshot = False
        self._waiting: deque[BookChange] = deque()  # follow each other without a hole
        self._waiting_levels = 0
        self._clear()

    @property
    def is_valid(self) -> bool:
        """Whether the book is proven whole."""
        return self._valid

    @property
    def gap(self) -> Gap | None:
        """The hole that is open, with its first proof; ``None`` before any change and if valid."""
        return self._gap

    def apply(self, change: BookChange) -> Gap | None:
        """Take one change.

        Returns
        -------
        Gap | None
            Why the book is invalid, in the call that made it so or that refused a snapshot for
            it. ``None`` else: the change was applied, or it is older than a valid book and was
            left out, or the hole was told before.

        Raises
        ------
        InputError
            If the change is of another instrument than the ones before.
        """
        latest = self._latest
        if latest is not None and (
            change.raw_symbol != latest.raw_symbol or change.venue != latest.venue
        ):
            raise InputError(
                f"a change of {change.venue} {change.raw_symbol} given to the book of"
                f" {latest.venue} {latest.raw_symbol}: keep one Book an instrument"
            )
        if change.is_snapshot:
            return self._begin(change)
        if not self._valid:
            return self._wait(change)
        last_id = self._last_id
        if self._rule is not _UNNUMBERED and not (
            last_id is not None
            and self._rule.joins(change, last_id, after_snapshot=self._after_snapshot)
        ):
            if self._is_past(change, strictly=False):
                return None
            return self._lose_to(change, f"{_said(change)} does not follow {last_id}")
        reason = self._write(change)
        if reason:
            return self._lose_to(change, reason)
        self._after_snapshot = False
        self._note(change)
        return None

    def lose(self, gap: Gap) -> None:
        """Make the book invalid for a reason from outside: a closed connection, a silence.

        Nothing seen before is believed after it, neither levels nor numbers.
        """
        self._invalidate(gap)
        self._forget_waiting()
        self._last_id = self._newest_ns = None

    def best(self) -> tuple[float, float] | None:
        """Best bid and ask; ``None`` while the book is invalid or a side is empty."""
        if not (self._valid and self._bid_order and self._ask_order):
            return None
        return self._bid_order[-1], -self._ask_order[-1]

    def depth(self, levels: int | None = None) -> Depth | None:
        """Return the book, best first; ``None`` while it is invalid or a side is empty.

        Parameters
        ----------
        levels
            At most so many a side; ``None``: all.

        Raises
        ------
        InputError
            If ``levels`` is below 1.
        """
        if levels is not None and levels < 1:
            raise InputError(f"depth of {levels} levels: give 1 or more, or None for all")
        latest = self._latest
        if latest is None or not (self._valid and self._bid_order and self._ask_order):
            return None
        start = None if levels is None else -levels
        bids = [(price, self._bids[price]) for price in self._bid_order[start:]]
        asks = [(-price, self._asks[-price]) for price in self._ask_order[start:]]
        return Depth(
            venue=latest.venue,
            symbol=latest.symbol,
            raw_symbol=latest.raw_symbol,
            raw_ref=latest.raw_ref,
            venue_ns=latest.venue_ns,
            local_ns=latest.local_ns,
            bids=tuple(reversed(bids)),
            asks=tuple(reversed(asks)),
        )

    def _begin(self, snapshot: BookChange) -> Gap | None:
        """Take a snapshot, and after it the waiting updates that follow it."""
        numbered = self._rule is not _UNNUMBERED
        if self._is_past(snapshot, strictly=True) and (self._valid or not numbered):
            return None if self._valid else self._refuse(snapshot, "snapshot is older than updates")
        last_id = snapshot.last_update_id
        if numbered and last_id is None:
            return self._refuse(snapshot, "snapshot without an update number")
        following = [] if last_id is None else self._following(snapshot, last_id)
        if following is None:
            return self._refuse(snapshot, f"snapshot {last_id} is older than updates seen")
        self._clear()
        for change in (snapshot, *following):
            reason = self._write(change)
            if reason:
                return self._refuse(snapshot, reason)
        self._valid, self._gap, self._after_snapshot = True, None, not following
        self._forget_waiting()
        for change in (snapshot, *following):
            self._note(change)
        return None

    def _following(self, snapshot: BookChange, last_id: int) -> list[BookChange] | None:
        """Find the waiting updates that the snapshot lacks; ``None`` if some are missing."""
        waiting = list(self._waiting)
        for index, change in enumerate(waiting):
            if self._rule.joins(change, last_id, after_snapshot=True):
                return waiting[index:]
        if waiting and self._is_past(snapshot, strictly=True):
            return None
        return []

    def _wait(self, change: BookChange) -> Gap | None:
        """Keep an update for the snapshot to come, as long as they follow each other."""
        gap = None
        if self._gap is None:
            gap = self._open(change, f"{_said(change)} before any snapshot")
            self._gap = gap
        if self._rule is _UNNUMBERED or change.last_update_id is None:
            self._latest = change
            return gap
        last_id = self._last_id
        if (
            self._waiting
            and last_id is not None
            and not self._rule.joins(change, last_id, after_snapshot=False)
        ):
            if self._is_past(change, strictly=False):
                return gap
            self._forget_waiting()
        self._keep(change)
        return gap

    def _keep(self, change: BookChange) -> None:
        self._waiting.append(change)
        self._waiting_levels += len(change.bids) + len(change.asks)
        while self._waiting_levels > WAITING_LEVELS_MAX:
            oldest = self._waiting.popleft()
            self._waiting_levels -= len(oldest.bids) + len(oldest.asks)
        self._note(change)

    def _is_past(self, change: BookChange, *, strictly: bool) -> bool:
        """Tell whether a change is older than what was seen, by number and by the venue's clock.

        A lower number at a later time is no repeat: the venue began to count anew.
        """
        now_ns, newest_ns = change.venue_ns, self._newest_ns
        if self._rule is _UNNUMBERED:
            return now_ns is not None and newest_ns is not None and now_ns < newest_ns
        number, last_id = change.last_update_id, self._last_id
        if number is None or last_id is None or number > last_id:
            return False
        if strictly and number == last_id:
            return False
        return now_ns is None or newest_ns is None or now_ns <= newest_ns

    def _write(self, change: BookChange) -> str:
        """Change levels; returns what is wrong with the result, or nothing."""
        bids, asks = self._bid_order, self._ask_order
        if not (
            _set(self._bids, bids, change.bids, 1.0) and _set(self._asks, asks, change.asks, -1.0)
        ):
            return "a level has no positive price or no quantity"
        if bids and asks and bids[-1] >= -asks[-1]:
            return f"bid {bids[-1]:g} is not below ask {-asks[-1]:g}"
        if len(bids) > LEVELS_MAX or len(asks) > LEVELS_MAX:
            return f"more than {LEVELS_MAX} levels on a side"
        return ""

    def _note(self, change: BookChange) -> None:
        self._latest = change
        self._last_id = change.last_update_id
        now_ns = change.venue_ns
        if now_ns is not None and (self._newest_ns is None or now_ns > self._newest_ns):
            self._newest_ns = now_ns

    def _lose_to(self, change: BookChange, why: str) -> Gap:
        """Become invalid by an update, which then is the first to wait for a snapshot."""
        gap = self._invalidate(self._open(change, why))
        if self._rule is not _UNNUMBERED and change.last_update_id is not None:
            self._keep(change)
        return gap

    def _refuse(self, snapshot: BookChange, why: str) -> Gap:
        gap = self._invalidate(self._open(snapshot, why))
        if self._latest is None:
            self._latest = snapshot
        return gap

    def _invalidate(self, gap: Gap) -> Gap:
        self._valid = False
        self._clear()
        self._gap = gap
        return gap

    def _open(self, change: BookChange, why: str) -> Gap:
        """Describe the hole: it began after the last change that was applied."""
        from_ns = None if self._gap is None else self._gap.from_ns
        if from_ns is None and self._latest is not None:
            from_ns = event_ns(self._latest)
        if from_ns is None:
            from_ns = event_ns(change)
        return Gap(
            venue=change.venue,
            symbol=change.symbol,
            raw_symbol=change.raw_symbol,
            raw_ref=change.raw_ref,
            venue_ns=change.venue_ns,
            local_ns=change.local_ns,
            channel=self._channel,
            from_ns=EARLIEST_NS if from_ns is None else from_ns,  # no clock: since ever
            to_ns=None,
            cause=GapCause.SEQUENCE,
            proven_by=why,
        )

    def _clear(self) -> None:
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_order: list[float] = []  # prices, ascending: the best is last
        self._ask_order: list[float] = []  # negated prices, ascending: the best is last

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_levels = 0


def _said(change: BookChange) -> str:
    return f"update {change.last_update_id}" if change.last_update_id is not None else "an update"


def _set(
    held: dict[float, float], order: list[float], levels: list[tuple[float, float]], sign: float
) -> bool:
    """Write levels of one side; False if one of them cannot be a level."""
    for price, qty in levels:
        if 0.0 < qty < _INF:
            if price not in held:
                if not 0.0 < price < _INF:
                    return False
                insort(order, sign * price)
            held[price] = qty
        elif qty != 0.0:
            return False
        elif price in held:
            del held[price]
            del order[bisect_left(order, sign * price)]
    return True
