"""The open holes of one venue: each is told once when it opens and once when it closes."""

from collections.abc import Callable
from typing import final

from airpocket.market.events import Gap, GapCause

__all__ = ["GapBook"]


@final
class GapBook:
    """Keeps what of a venue is not being observed, by channel and raw symbol.

    Parameters
    ----------
    venue
        Venue id.
    record
        Takes each gap when it opens and again when it has its end.
    symbol_of
        Unified symbol of a raw one, ``None`` if unknown.

    Examples
    --------
    >>> told = []
    >>> book = GapBook("okx", told.append, lambda raw: None)
    >>> book.open("trades", "*", 5, GapCause.DISCONNECT, "closed with 1006")
    >>> book.close("trades", "*", 9)
    >>> [(gap.from_ns, gap.to_ns) for gap in told]
    [(5, None), (5, 9)]
    """

    def __init__(
        self, venue: str, record: Callable[[Gap], None], symbol_of: Callable[[str], str | None]
    ) -> None:
        self._venue = venue
        self._record = record
        self._symbol_of = symbol_of
        self._open: dict[tuple[str, str], Gap] = {}
        self._firm: set[tuple[str, str]] = set()
        self._ended_ns: dict[str, int] = {}

    def open(
        self,
        channel: str,
        raw_symbol: str,
        from_ns: int,
        cause: GapCause,
        proven_by: str,
        *,
        firm: bool = False,
    ) -> None:
        """Open a hole, unless it is open: then the first cause stands.

        ``firm``: it ends only by a :meth:`close` that is firm too. A canary proves a route, and so
        ends what a route hides; it does not end a doubt about what it cannot prove.
        """
        key = (channel, raw_symbol)
        if firm:
            self._firm.add(key)
        if key in self._open:
            return
        gap = Gap(
            venue=self._venue,
            symbol="*" if raw_symbol == "*" else self._symbol_of(raw_symbol),
            raw_symbol=raw_symbol,
            local_ns=from_ns,
            channel=channel,
            from_ns=from_ns,
            to_ns=None,
            cause=cause,
            proven_by=proven_by,
        )
        self._open[key] = gap
        self._record(gap)

    def close(self, channel: str, raw_symbol: str, to_ns: int, *, firm: bool = False) -> Gap | None:
        """Close a hole at the first proven message after it; ``None`` if none was open."""
        key = (channel, raw_symbol)
        if firm:
            self._firm.discard(key)
        gap = None if key in self._firm else self._open.pop(key, None)
        if gap is None:
            return None
        self._ended_ns[channel] = max(to_ns, self._ended_ns.get(channel, 0))
        ended = Gap(
            venue=gap.venue, symbol=gap.symbol, raw_symbol=gap.raw_symbol, local_ns=gap.local_ns,
            channel=gap.channel, from_ns=gap.from_ns, to_ns=max(to_ns, gap.from_ns),
            cause=gap.cause, proven_by=gap.proven_by,
        )  # fmt: skip
        self._record(ended)
        return ended

    def is_open(self, channel: str, raw_symbol: str) -> bool:
        """Tell whether a hole is open."""
        return (channel, raw_symbol) in self._open

    def of(self, channel: str) -> tuple[Gap, ...]:
        """Give the open holes of a channel."""
        return tuple(gap for (name, _), gap in self._open.items() if name == channel)

    def watched_since_ns(self, channel: str) -> int | None:
        """Tell since when a channel has no hole; ``None`` if it has one that is no mere doubt."""
        if any(name == channel and (name, raw) not in self._firm for name, raw in self._open):
            return None
        return self._ended_ns.get(channel, 0)

    def __len__(self) -> int:
        return len(self._open)
