"""The trades around a hole: which was the last one before it, which the first one after it."""

from collections import deque
from typing import Final, final

from airpocket.market.events import Gap, Trade
from airpocket.market.rest_rules import TradeSpan
from airpocket.units import EARLIEST_NS, MILLISECOND_NS, SECOND_NS

__all__ = ["MARGIN_NS", "TradeEdges"]

MARGIN_NS: Final = 2 * SECOND_NS
"""How far two clocks may be apart where only ours bounds a hole."""

_PAUSE_NS: Final = 200 * MILLISECOND_NS
_PAUSES_KEPT: Final = 32


@final
class TradeEdges:
    """Remembers, for every instrument of a venue, the trades on both sides of its pauses.

    Examples
    --------
    >>> def trade(second: int) -> Trade:
    ...     return Trade(venue="okx", symbol=None, raw_symbol="X", price=1.0, qty_raw=1.0,
    ...                  trade_id=str(second), local_ns=second * SECOND_NS + EARLIEST_NS,
    ...                  venue_ns=second * SECOND_NS + EARLIEST_NS)
    >>> edges = TradeEdges()
    >>> for second in (1, 2, 40, 41):
    ...     edges.hear(trade(second))
    >>> last, first = edges.around("X", 3 * SECOND_NS + EARLIEST_NS, 39 * SECOND_NS + EARLIEST_NS)
    >>> last.trade_id, first.trade_id
    ('2', '40')
    """

    def __init__(self) -> None:
        self._newest: dict[str, Trade] = {}
        self._pauses: dict[str, deque[tuple[Trade, Trade]]] = {}

    def hear(self, trade: Trade) -> None:
        """Note a trade as the stream brought it, in order of receipt."""
        raw_symbol = trade.raw_symbol
        before = self._newest.get(raw_symbol)
        self._newest[raw_symbol] = trade
        if before is None or trade.local_ns is None or before.local_ns is None:
            return
        if trade.local_ns - before.local_ns >= _PAUSE_NS:
            kept = self._pauses.get(raw_symbol)
            if kept is None:
                kept = self._pauses[raw_symbol] = deque(maxlen=_PAUSES_KEPT)
            kept.append((before, trade))

    def around(
        self, raw_symbol: str, from_ns: int, to_ns: int
    ) -> tuple[Trade | None, Trade | None]:
        """Find the trades on both sides of a stretch of our time; ``None`` where none is known."""
        # What was missed lies inside the pauses that overlap the hole; several of them if a trade
        # or two came through in between.
        pauses = [
            (before, after)
            for before, after in self._pauses.get(raw_symbol, ())
            if _local(before) < to_ns and _local(after) > from_ns
        ]
        if pauses:
            return pauses[0][0], pauses[-1][1]
        newest = self._newest.get(raw_symbol)
        if newest is not None and _local(newest) <= to_ns:
            return newest, None
        return None, None

    def span(self, gap: Gap, raw_symbol: str) -> TradeSpan | None:
        """Say what must be asked for to fill a hole; ``None`` while it has no end."""
        if gap.to_ns is None:
            return None
        last, first = self.around(raw_symbol, gap.from_ns, gap.to_ns)
        from_ns, to_ns = gap.from_ns - MARGIN_NS, gap.to_ns + MARGIN_NS
        if last is not None and last.venue_ns is not None:
            from_ns = last.venue_ns
        if first is not None and first.venue_ns is not None:
            to_ns = first.venue_ns
        return TradeSpan(raw_symbol, max(from_ns, EARLIEST_NS), max(to_ns, from_ns), last, first)


def _local(trade: Trade) -> int:
    return EARLIEST_NS if trade.local_ns is None else trade.local_ns
