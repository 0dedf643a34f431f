"""How OKX is asked over REST: its clock and past trades, page by page into the past.

Books and open interest come over the stream. One trap: the ``trades`` channel says one message for
each taker order and price, with ``count`` matches in it and the *last* of their ids, while REST
lists every match. A match that is part of such a message must not be taken again, so the trade at
each edge must be known, and matches that belong to the later one are left out.

Sources: okx.com/docs-v5, *Get trades history* (20 requests in 2 s, 100 rows), *Trades channel*
(aggregation), *Get system time*, copy of 2026-07-21.
"""

from collections.abc import Sequence
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct, field

from airpocket.errors import InputError
from airpocket.market.events import Taker, Trade
from airpocket.market.fields import BAD_FRAME, Label, Price, Qty, Serial, TimeMs, each_part, why
from airpocket.market.instrument import Catalogue
from airpocket.market.rest_rules import Allowance, Call, TradePage, TradeSpan
from airpocket.units import MILLISECOND_NS
from airpocket.venues.okx.encoding import encode

__all__ = ["PAGE_ROWS", "OkxRest", "open_rest"]

PAGE_ROWS: Final = 100
"""Most rows of one answer of ``history-trades``."""

_VENUE: Final = "okx"
_TAKER: Final = {"buy": Taker.BUY, "sell": Taker.SELL}


class _Data(Struct, frozen=True):
    data: list[Raw]


class _Clock(Struct, frozen=True):
    ts: TimeMs


class _Row(Struct, frozen=True, gc=False):
    inst_id: Label = field(name="instId")
    trade_id: Serial = field(name="tradeId")
    px: Price
    sz: Qty
    side: Literal["buy", "sell"]
    ts: TimeMs


_read_data: Final = msgspec.json.Decoder(_Data).decode
_read_clock: Final = msgspec.json.Decoder(_Clock, strict=False).decode
_read_row: Final = msgspec.json.Decoder(_Row, strict=False).decode


@final
class OkxRest:
    """See :class:`~airpocket.market.rest_rules.RestRules`.

    Examples
    --------
    >>> OkxRest().trades(TradeSpan("BTC-USDT-SWAP", 0, 1), None) is None
    True
    """

    venue: Final = _VENUE
    allowance: Final = Allowance(20.0, 2.0, "okx.com/docs-v5: 20 requests in 2 s an IP")
    listing_weight: Final = 2.0

    def server_time(self) -> Call:
        """Ask for the clock."""
        return Call("publicGetPublicTime")

    def read_server_time(self, data: bytes) -> int:
        """Read ``ts``."""
        try:
            rows = _read_data(data).data
            if not rows:
                raise InputError("okx's answer is no server time: it is empty")
            return _read_clock(rows[0]).ts * MILLISECOND_NS
        except BAD_FRAME as error:
            raise InputError(f"okx's answer is no server time: {why(error)}") from error

    def depth(self, raw_symbol: str) -> None:  # noqa: ARG002 - the stream sends a snapshot itself
        """Nothing to ask: subscribing brings a snapshot."""
        return

    def depth_frame(self, raw_symbol: str, data: bytes) -> bytes:
        """Refuse: there is no such request."""
        raise InputError(f"okx sends books of {raw_symbol} over its stream ({len(data)} bytes)")

    def open_interest(self, raw_symbol: str) -> None:  # noqa: ARG002 - a channel says it
        """Nothing to ask: a channel pushes it."""
        return

    def trades(self, span: TradeSpan, before: TradePage | None) -> Call | None:
        """Go back from the trade after the gap; nothing if an edge is not known."""
        first, last = _edges(span)
        if first is None or last is None or first <= last + 1:
            return None
        oldest = first
        if before is not None:
            if not before.trades or not before.is_full:
                return None
            oldest = _serial(before.trades[0]) or 0
            if oldest <= last + 1:
                return None
        params: dict[str, str | int] = {
            "instId": span.raw_symbol, "type": "1", "after": str(oldest), "limit": PAGE_ROWS,
        }  # fmt: skip
        return Call("publicGetMarketHistoryTrades", params)

    def read_trades(self, span: TradeSpan, data: bytes) -> TradePage:
        """Read a list, newest first on the wire."""
        try:
            parts = _read_data(data).data
        except BAD_FRAME as error:
            raise InputError(f"okx's answer is no list of trades: {why(error)}") from error
        rows, rejected = each_part(parts[: 2 * PAGE_ROWS], _read_row)
        trades = [
            Trade(
                venue=_VENUE,
                symbol=None,
                raw_symbol=row.inst_id,
                venue_ns=row.ts * MILLISECOND_NS,
                price=row.px,
                qty_raw=row.sz,
                taker=_TAKER[row.side],
                trade_id=str(row.trade_id),
            )
            for row in sorted(rows, key=lambda row: row.trade_id)
            if row.inst_id == span.raw_symbol
        ]
        return TradePage(tuple(trades), rejected, len(parts) >= PAGE_ROWS)

    def covered(self, span: TradeSpan, pages: Sequence[TradePage]) -> tuple[int, int] | None:
        """Tell how far back the pages came."""
        first, last = _edges(span)
        if first is not None and last is not None and first <= last + 1:
            return span.from_ns, span.to_ns  # their ids follow each other: nothing was missed
        if not pages or last is None:
            return None
        oldest = next((page.trades[0] for page in reversed(pages) if page.trades), None)
        if not pages[-1].is_full or (oldest is not None and (_serial(oldest) or 0) <= last + 1):
            return span.from_ns, span.to_ns
        if oldest is None or oldest.venue_ns is None:
            return None
        from_ns = oldest.venue_ns + MILLISECOND_NS
        return (from_ns, span.to_ns) if from_ns <= span.to_ns else None

    def wanted(self, span: TradeSpan, trades: Sequence[Trade]) -> list[Trade]:
        """Keep those between the edges' ids that are no part of the message after the gap."""
        first, last = _edges(span)
        if first is None or last is None or span.first is None:
            return []
        found = {
            serial: trade
            for trade in trades
            if (serial := _serial(trade)) is not None and last < serial < first
        }
        order = sorted(found)
        while order and order[-1] == first - 1 and _is_one_order(found[order[-1]], span.first):
            first = order.pop()
        return [found[serial] for serial in order]

    def trade_frames(self, trades: Sequence[Trade]) -> list[bytes]:
        """Write messages of the ``trades`` channel."""
        return encode(trades, Catalogue())


def open_rest() -> OkxRest:
    """Tell how OKX is asked."""
    return OkxRest()


def _edges(span: TradeSpan) -> tuple[int | None, int | None]:
    """Ids of the trades after and before the span."""
    return (
        None if span.first is None else _serial(span.first),
        None if span.last is None else _serial(span.last),
    )


def _serial(trade: Trade) -> int | None:
    text = trade.trade_id or ""
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _is_one_order(trade: Trade, streamed: Trade) -> bool:
    """Tell whether a match is part of an aggregated message: same time, side and price."""
    return (trade.venue_ns, trade.taker, trade.price) == (
        streamed.venue_ns, streamed.taker, streamed.price,
    )  # fmt: skip
