"""The open holes of one venue: each is told once when it opens and once when it closes."""

from collections.abc import Callable, Iterable
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

    def open(
        self, channel: str, raw_symbol: str, from_ns: int, cause: GapCause, proven_by: str
    ) -> None:
        """Open a hole, unless it is open: then the first cause stands."""
        key = (channel, raw_symbol)
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

    def close(self, channel: str, raw_symbol: str, to_ns: int) -> Gap | None:
        """Close a hole at the first proven message after it; ``None`` if none was open."""
        gap = self._open.pop((channel, raw_symbol), None)
        if gap is None:
            return None
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

    def drop(self, keys: Iterable[tuple[str, str]], to_ns: int) -> None:
        """Close the holes of what is no longer asked for."""
        for channel, raw_symbol in list(keys):
            self.close(channel, raw_symbol, to_ns)

    def __len__(self) -> int:
        return len(self._open)
