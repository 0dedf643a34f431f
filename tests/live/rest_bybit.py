"""Bybit's v5 REST: market data of both kinds of contracts."""

from collections.abc import Mapping
from typing import Any, Final, final

from airpocket.market.events import Trade
from airpocket.market.fields import as_json
from tests.live.fake_venue import FakeVenue, Gate, RestReply
from tests.live.market import Market

__all__ = ["BybitRestDesk"]

_REQUESTS: Final = (600, 5.0)  # of one address; then 403


@final
class BybitRestDesk:
    """Answers for ``api.bybit.com``."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._gate = Gate(*_REQUESTS)

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> RestReply:
        """Answer one request."""
        if not self._gate.passes(self._venue.loop.time()):
            self._venue.violate("rest_requests", "more than 600 requests in 5 s")
            return RestReply(403, b"403, access too frequent")
        if method != "GET" or not path.startswith("/v5/market/"):
            return RestReply(404, b"404 page not found")
        now_ms = self._venue.world.now_ns() // 1_000_000
        code, said, result = self._result(path.removeprefix("/v5/market/"), query, now_ms)
        whole = {"retCode": code, "retMsg": said, "result": result, "retExtInfo": {}}
        return RestReply(200, as_json({**whole, "time": now_ms}))

    def _result(
        self, name: str, query: Mapping[str, str], now_ms: int
    ) -> tuple[int, str, dict[str, Any]]:
        category = query.get("category", "")
        if name == "time":
            return 0, "OK", {"timeSecond": str(now_ms // 1_000), "timeNano": f"{now_ms}000000"}
        if category not in {"linear", "inverse"}:
            return 10001, "params error: category", {}
        if name in {"instruments-info", "tickers", "risk-limit"} and "symbol" not in query:
            write = {"instruments-info": _listing, "tickers": _ticker, "risk-limit": _risk}[name]
            rows = [write(market, now_ms) for market in self._of(category)]
            return 0, "OK", {"category": category, "list": rows, "nextPageCursor": ""}
        market = next(
            (m for m in self._of(category) if m.instrument.raw_symbol == query.get("symbol")), None
        )
        if market is None:
            return 10001, "params error: symbol invalid", {}
        return self._of_symbol(name, market, query, now_ms)

    def _of_symbol(
        self, name: str, market: Market, query: Mapping[str, str], now_ms: int
    ) -> tuple[int, str, dict[str, Any]]:
        limit = int(query.get("limit", "500"))
        head = {"category": query["category"]}
        match name:
            case "recent-trade":
                past = [one.event for one in market.trades if isinstance(one.event, Trade)]
                rows = [_print(trade) for trade in reversed(past[-min(limit, 1_000) :])]
                return 0, "OK", {**head, "list": rows}
            case "orderbook":
                return 0, "OK", _book(market, now_ms, limit)
            case "open-interest":
                size = _size(market)
                row = {"openInterest": format(size, ".12g"), "timestamp": str(now_ms)}
                symbol = {"symbol": market.instrument.raw_symbol}
                return 0, "OK", {**head, **symbol, "list": [row], "nextPageCursor": ""}
            case "instruments-info" | "tickers" | "risk-limit":
                write = {"instruments-info": _listing, "tickers": _ticker, "risk-limit": _risk}
                rows = [write[name](market, now_ms)]
                return 0, "OK", {**head, "list": rows, "nextPageCursor": ""}
            case _:
                return 10001, f"no such path {name}", {}

    def _of(self, category: str) -> list[Market]:
        return [
            market
            for market in self._venue.world.of_venue("bybit")
            if market.is_inverse == (category == "inverse")
        ]


def _size(market: Market) -> float:
    said = market.open_interest(0, is_new=False)
    return (said.notional_usd if market.is_inverse else said.qty_base) or 0.0


def _print(trade: Trade) -> dict[str, Any]:
    return {
        "execId": trade.trade_id, "symbol": trade.raw_symbol,
        "price": format(trade.price, ".12g"), "size": format(trade.qty_raw, ".12g"),
        "side": "Buy" if trade.taker == "buy" else "Sell",
        "time": str((trade.venue_ns or 0) // 1_000_000), "isBlockTrade": False,
        "isRPITrade": False, "seq": "1",
    }  # fmt: skip


def _book(market: Market, now_ms: int, limit: int) -> dict[str, Any]:
    whole = market.book_snapshot(now_ms * 1_000_000, limit)
    return {
        "s": market.instrument.raw_symbol,
        "b": [[format(p, ".12g"), format(q, ".12g")] for p, q in whole.bids],
        "a": [[format(p, ".12g"), format(q, ".12g")] for p, q in whole.asks],
        "ts": now_ms, "u": whole.last_update_id, "seq": whole.last_update_id,
    }  # fmt: skip


def _ticker(market: Market, now_ms: int) -> dict[str, Any]:
    funding = market.funding(now_ms * 1_000_000, is_new=False)
    price = format(market.price, ".12g")
    return {
        "symbol": market.instrument.raw_symbol, "lastPrice": price, "markPrice": price,
        "indexPrice": format(market.coin.price, ".9g"),
        "openInterest": format(_size(market), ".12g"), "fundingRate": format(funding.rate, ".8f"),
        "nextFundingTime": str((funding.due_ns or 0) // 1_000_000), "fundingIntervalHour": "8",
        "bid1Price": price, "ask1Price": price, "turnover24h": "1000000", "volume24h": "1000",
    }  # fmt: skip


def _risk(market: Market, now_ms: int) -> dict[str, Any]:
    return {
        "id": 1, "symbol": market.instrument.raw_symbol, "riskLimitValue": "2000000",
        "maintenanceMargin": "0.005", "initialMargin": "0.01", "isLowestRisk": 1,
        "maxLeverage": "100.00", "mmDeduction": "",
    }  # fmt: skip


def _listing(market: Market, now_ms: int) -> dict[str, Any]:
    row = market.instrument
    tick, lot = format(market.tick, ".12g"), format(market.lot, ".12g")
    return {
        "symbol": row.raw_symbol,
        "contractType": "InversePerpetual" if market.is_inverse else "LinearPerpetual",
        "status": "Trading", "baseCoin": row.base, "quoteCoin": row.quote,
        "settleCoin": row.settle, "launchTime": "1585526400000", "deliveryTime": "0",
        "deliveryFeeRate": "", "priceScale": "2", "unifiedMarginTrade": True,
        "fundingInterval": 480, "copyTrading": "both", "isPreListing": False,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "9999999", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1000000", "minOrderQty": lot, "qtyStep": lot,
            "postOnlyMaxOrderQty": "1000000", "maxMktOrderQty": "1000000",
            "minNotionalValue": "5",
        },
    }  # fmt: skip
