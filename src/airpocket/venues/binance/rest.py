"""How Binance futures are asked over REST: book snapshots, open interest, past trades.

Aggregated trades carry the ids of the ``@aggTrade`` stream and are consecutive for a symbol, so
what a gap swallowed is asked for by id. Insurance-fund and ADL prints are in neither. A snapshot of
USD-M names no symbol: it is put into the envelope of a combined stream, which does.

Sources: Binance, *Compressed/Aggregate Trades List*, *Order Book*, *Open Interest*, *Check Server
Time* (USD-M and COIN-M), read 2026-11; weights as printed there.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, final

import msgspec
from msgspec import Raw, Struct, field

from airpocket.errors import InputError
from airpocket.market.events import Taker, Trade
from airpocket.market.fields import (
    BAD_FRAME,
    Price,
    Qty,
    Serial,
    TimeMs,
    as_json,
    each_part,
    why,
)
from airpocket.market.rest_rules import Allowance, Call, TradePage, TradeSpan
from airpocket.units import MILLISECOND_NS
from airpocket.venues.binance.listing import COIN_M, product_of

__all__ = ["PAGE_ROWS", "BinanceRest", "open_rest"]

PAGE_ROWS: Final = 1000
"""Most rows of one answer of ``aggTrades``."""

_DEPTH_LEVELS: Final = 1000
_VENUE: Final = "binance"


class _ServerTime(Struct, frozen=True):
    server_time: TimeMs = field(name="serverTime")


class _AggRow(Struct, frozen=True, gc=False):
    """Row of ``aggTrades``: id, price, size, time, whether the buyer was the maker."""

    a: Serial
    p: Price
    q: Qty
    T: TimeMs
    m: bool


_read_time: Final = msgspec.json.Decoder(_ServerTime, strict=False).decode
_read_rows: Final = msgspec.json.Decoder(list[Raw]).decode
_read_row: Final = msgspec.json.Decoder(_AggRow, strict=False).decode


@final
class BinanceRest:
    """See :class:`~airpocket.market.rest_rules.RestRules`.

    Examples
    --------
    >>> BinanceRest().depth("BTCUSD_PERP").endpoint
    'dapiPublicGetDepth'
    """

    venue: Final = _VENUE
    allowance: Final = Allowance(2400.0, 60.0, "rateLimits of /fapi/v1/exchangeInfo")
    listing_weight: Final = 12.0

    def server_time(self) -> Call:
        """Ask for the clock of USD-M."""
        return Call("fapiPublicGetTime")

    def read_server_time(self, data: bytes) -> int:
        """Read ``serverTime``."""
        try:
            return _read_time(data).server_time * MILLISECOND_NS
        except BAD_FRAME as error:
            raise InputError(f"binance's answer is no server time: {why(error)}") from error

    def depth(self, raw_symbol: str) -> Call:
        """Ask for 1,000 levels a side, as its own guide to keeping a book does."""
        params: dict[str, str | int] = {"symbol": raw_symbol, "limit": _DEPTH_LEVELS}
        return Call(f"{_api(raw_symbol)}GetDepth", params, 20.0)

    def depth_frame(self, raw_symbol: str, data: bytes) -> bytes:
        """Name the symbol around the snapshot, which does not."""
        stream = as_json(f"{raw_symbol.lower()}@depthSnapshot")
        return b'{"stream":' + stream + b',"data":' + data.strip() + b"}"

    def open_interest(self, raw_symbol: str) -> Call:
        """Ask for one symbol; its answer is a frame that the wire knows."""
        return Call(f"{_api(raw_symbol)}GetOpenInterest", {"symbol": raw_symbol})

    def trades(self, span: TradeSpan, before: TradePage | None) -> Call | None:
        """Go forward by id; the first page begins at a time if no id is known."""
        params: dict[str, str | int] = {"symbol": span.raw_symbol, "limit": PAGE_ROWS}
        if before is None:
            last = None if span.last is None else _serial(span.last)
            if last is None:
                params["startTime"] = span.from_ns // MILLISECOND_NS
            else:
                params["fromId"] = last + 1
        else:
            if not before.trades or not before.is_full or _is_past(span, before.trades[-1]):
                return None
            params["fromId"] = (_serial(before.trades[-1]) or 0) + 1
        return Call(f"{_api(span.raw_symbol)}GetAggTrades", params, 20.0)

    def read_trades(self, span: TradeSpan, data: bytes) -> TradePage:
        """Read a list of aggregated trades."""
        try:
            parts = _read_rows(data)
        except BAD_FRAME as error:
            raise InputError(f"binance's answer is no list of trades: {why(error)}") from error
        rows, rejected = each_part(parts[: 2 * PAGE_ROWS], _read_row)
        trades = [
            Trade(
                venue=_VENUE,
                symbol=None,
                raw_symbol=span.raw_symbol,
                venue_ns=row.T * MILLISECOND_NS,
                price=row.p,
                qty_raw=row.q,
                taker=Taker.SELL if row.m else Taker.BUY,
                trade_id=str(row.a),
            )
            for row in sorted(rows, key=lambda row: row.a)
        ]
        return TradePage(tuple(trades), rejected, len(parts) >= PAGE_ROWS)

    def covered(self, span: TradeSpan, pages: Sequence[TradePage]) -> tuple[int, int] | None:
        """Tell how far forward the pages came; the end of the list is the present."""
        if not pages:
            return None
        newest = next((page.trades[-1] for page in reversed(pages) if page.trades), None)
        if not pages[-1].is_full or (newest is not None and _is_past(span, newest)):
            return span.from_ns, span.to_ns
        if newest is None or newest.venue_ns is None:
            return None
        return span.from_ns, min(newest.venue_ns, span.to_ns)

    def wanted(self, span: TradeSpan, trades: Sequence[Trade]) -> list[Trade]:
        """Keep those between the edges' ids, or inside by time."""
        lowest = None if span.last is None else _serial(span.last)
        highest = None if span.first is None else _serial(span.first)
        found: dict[int, Trade] = {}
        for trade in trades:
            serial = _serial(trade)
            if serial is None or (lowest is not None and serial <= lowest):
                continue
            if (highest is not None and serial >= highest) or not span.holds(trade):
                continue
            found.setdefault(serial, trade)
        return [found[serial] for serial in sorted(found)]

    def trade_frames(self, trades: Sequence[Trade]) -> list[bytes]:
        """Write ``aggTrade`` messages: the ids are those of aggregates, not of prints."""
        return [_frame(trade) for trade in trades]


def open_rest() -> BinanceRest:
    """Tell how Binance futures are asked."""
    return BinanceRest()


def _api(raw_symbol: str) -> str:
    return "dapiPublic" if product_of(raw_symbol) == COIN_M else "fapiPublic"


def _serial(trade: Trade) -> int | None:
    text = trade.trade_id or ""
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _is_past(span: TradeSpan, trade: Trade) -> bool:
    """Tell whether a trade lies at or after the end of the span."""
    edge = None if span.first is None else _serial(span.first)
    serial = _serial(trade)
    if edge is not None and serial is not None:
        return serial >= edge - 1
    return trade.venue_ns is not None and trade.venue_ns > span.to_ns


def _frame(trade: Trade) -> bytes:
    if trade.venue_ns is None or trade.trade_id is None or trade.taker is None:
        raise InputError(f"an aggTrade of {trade.raw_symbol} has a time, an id and a taker")
    time_ms = trade.venue_ns // MILLISECOND_NS
    data = {
        "e": "aggTrade",
        "E": time_ms,
        "s": trade.raw_symbol,
        "a": int(trade.trade_id),
        "p": f"{Decimal(repr(trade.price)):f}",
        "q": f"{Decimal(repr(trade.qty_raw)):f}",
        "T": time_ms,
        "m": trade.taker is Taker.SELL,
    }
    return as_json({"stream": f"{trade.raw_symbol.lower()}@aggTrade", "data": data})
