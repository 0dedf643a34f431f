"""How Bybit is asked over REST: its clock and its last 1,000 trades of a symbol.

Books and open interest come over the stream. ``recent-trade`` has no pages: what is older than its
1,000 rows is not served, and stays a gap. Its ``execId`` is the ``i`` of ``publicTrade``.

Sources: bybit-exchange/docs v5/market/recent-trade, v5/market/time, v5/rate-limit, read 2026-11-21.
"""

from collections.abc import Sequence
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct, field

from airpocket.errors import InputError
from airpocket.market.events import Taker, Trade
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, Label, Price, Qty, TimeMs, TimeNs, each_part, why
from airpocket.market.instrument import Catalogue
from airpocket.market.rest_rules import Allowance, Call, TradePage, TradeSpan
from airpocket.units import MILLISECOND_NS
from airpocket.venues.bybit.encoding import encode

__all__ = ["PAGE_ROWS", "BybitRest", "open_rest"]

PAGE_ROWS: Final = 1000
"""Most rows of ``recent-trade``; there is no page behind them."""

_VENUE: Final = "bybit"
_TAKER: Final = {"Buy": Taker.BUY, "Sell": Taker.SELL}


class _Clock(Struct, frozen=True):
    time_ns: TimeNs = field(name="timeNano")


class _Time(Struct, frozen=True):
    result: _Clock


class _Listed(Struct, frozen=True):
    list: list[Raw]


class _Recent(Struct, frozen=True):
    result: _Listed


class _Row(Struct, frozen=True, gc=False):
    exec_id: Label = field(name="execId")
    symbol: Label
    price: Price
    size: Qty
    side: Literal["Buy", "Sell"]
    time: TimeMs


_read_time: Final = msgspec.json.Decoder(_Time, strict=False).decode
_read_recent: Final = msgspec.json.Decoder(_Recent, strict=False).decode
_read_row: Final = msgspec.json.Decoder(_Row, strict=False).decode


@final
class BybitRest:
    """See :class:`~airpocket.market.rest_rules.RestRules`.

    Examples
    --------
    >>> BybitRest().depth("BTCUSDT") is None
    True
    """

    venue: Final = _VENUE
    allowance: Final = Allowance(600.0, 5.0, "bybit-exchange/docs v5/rate-limit: 600 in 5 s an IP")
    listing_weight: Final = 6.0

    def server_time(self) -> Call:
        """Ask for the clock."""
        return Call("publicGetV5MarketTime")

    def read_server_time(self, data: bytes) -> int:
        """Read ``timeNano``."""
        try:
            return _read_time(data).result.time_ns
        except BAD_FRAME as error:
            raise InputError(f"bybit's answer is no server time: {why(error)}") from error

    def depth(self, raw_symbol: str) -> None:  # noqa: ARG002 - the stream sends a snapshot itself
        """Nothing to ask: subscribing brings a snapshot."""
        return

    def depth_frame(self, raw_symbol: str, data: bytes) -> bytes:
        """Refuse: there is no such request."""
        raise InputError(f"bybit sends books of {raw_symbol} over its stream ({len(data)} bytes)")

    def open_interest(self, raw_symbol: str) -> None:  # noqa: ARG002 - tickers say it
        """Nothing to ask: ``tickers`` push it."""
        return

    def trades(self, span: TradeSpan, before: TradePage | None) -> Call | None:
        """Ask once for the newest 1,000."""
        if before is not None:
            return None
        symbol = span.raw_symbol
        category = "linear" if _is_linear(symbol) else "inverse"
        params: dict[str, str | int] = {"category": category, "symbol": symbol, "limit": PAGE_ROWS}
        return Call("publicGetV5MarketRecentTrade", params)

    def read_trades(self, span: TradeSpan, data: bytes) -> TradePage:
        """Read a list, newest first on the wire."""
        try:
            parts = _read_recent(data).result.list
        except BAD_FRAME as error:
            raise InputError(f"bybit's answer is no list of trades: {why(error)}") from error
        rows, rejected = each_part(parts[: 2 * PAGE_ROWS], _read_row)
        trades = [
            Trade(
                venue=_VENUE,
                symbol=None,
                raw_symbol=row.symbol,
                venue_ns=row.time * MILLISECOND_NS,
                price=row.price,
                qty_raw=row.size,
                taker=_TAKER[row.side],
                trade_id=row.exec_id,
            )
            for row in reversed(rows)
            if row.symbol == span.raw_symbol
        ]
        trades.sort(key=lambda trade: trade.venue_ns or 0)
        return TradePage(tuple(trades), rejected, len(parts) >= PAGE_ROWS)

    def covered(self, span: TradeSpan, pages: Sequence[TradePage]) -> tuple[int, int] | None:
        """Tell how far back the rows reach: to the trade before the gap, or not."""
        if not pages:
            return None
        page = pages[0]
        if not page.is_full:
            return span.from_ns, span.to_ns
        oldest = page.trades[0].venue_ns if page.trades else None
        if oldest is None or oldest > span.to_ns:
            return None
        last_id = None if span.last is None else span.last.trade_id
        reaches = last_id is not None and any(one.trade_id == last_id for one in page.trades)
        # Rows of the oldest millisecond may be cut: only what is later is known to be whole.
        from_ns = span.from_ns if reaches or oldest < span.from_ns else oldest + MILLISECOND_NS
        return (from_ns, span.to_ns) if from_ns <= span.to_ns else None

    def wanted(self, span: TradeSpan, trades: Sequence[Trade]) -> list[Trade]:
        """Keep those inside by time, without the edges."""
        found = {trade.trade_id: trade for trade in trades if span.holds(trade)}
        return sorted(found.values(), key=lambda trade: trade.venue_ns or 0)

    def trade_frames(self, trades: Sequence[Trade]) -> list[bytes]:
        """Write ``publicTrade`` messages."""
        return encode(trades, Catalogue(), FeedRules([]))


def open_rest() -> BybitRest:
    """Tell how Bybit is asked."""
    return BybitRest()


def _is_linear(raw_symbol: str) -> bool:
    """Tell linear from inverse by the name: ``BTCUSDT``, ``BTCPERP``, ``BTC-27JUN25`` are linear.

    Examples
    --------
    >>> [_is_linear(name) for name in ("BTCUSDT", "BTCPERP", "BTCUSD", "BTCUSDM25", "BTC-27JUN25")]
    [True, True, False, False, True]
    """
    stem = raw_symbol.partition("-")[0]
    if "-" in raw_symbol or stem.endswith(("USDT", "USDC", "PERP", "USDE")):
        return True
    return "USD" not in stem
