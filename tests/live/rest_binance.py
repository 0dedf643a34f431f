"""Binance's REST: what it still knows of trades and books, and the weight it lets one ask."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, final

from airpocket.market.events import Trade
from airpocket.market.fields import as_json
from airpocket.venues.binance.listing import COIN_M, pair_of, product_of
from tests.live.fake_venue import FakeVenue, RestReply
from tests.live.market import Market

__all__ = ["BinanceRestDesk"]

_WEIGHT_MOST: Final = 2_400
_BANNED_AFTER: Final = 20  # requests sent in spite of 429
_FAR_MS: Final = 4_133_404_800_000


@final
class BinanceRestDesk:
    """Answers for ``fapi`` and ``dapi``."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._spent: deque[tuple[float, int]] = deque()
        self._ignored = 0
        self._banned_until_s = 0.0

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> RestReply:
        """Answer one request."""
        _, api, _, name = [*path.split("/", 3), "", "", ""][:4]
        if method != "GET" or api not in {"fapi", "dapi"}:
            return RestReply(404, b"<html>404 Not Found</html>", {"Content-Type": "text/html"})
        used = self._charge(_weight(name, query))
        if isinstance(used, RestReply):
            return used
        headers = {"X-MBX-USED-WEIGHT-1M": str(used), "Content-Type": "application/json"}
        status, body = self._body(api, name, query)
        return RestReply(status, as_json(body), headers)

    def _charge(self, weight: int) -> int | RestReply:
        now_s = self._venue.loop.time()
        if now_s < self._banned_until_s:
            wait = {"Retry-After": str(round(self._banned_until_s - now_s))}
            return RestReply(418, as_json({"code": -1003, "msg": "Way too many requests"}), wait)
        while self._spent and self._spent[0][0] <= now_s - 60.0:
            self._spent.popleft()
        used = sum(one for _, one in self._spent) + weight
        if used <= _WEIGHT_MOST:
            self._spent.append((now_s, weight))
            return used
        self._ignored += 1
        self._venue.violate("rest_weight", f"{used} of {_WEIGHT_MOST} a minute")
        if self._ignored > _BANNED_AFTER:
            self._banned_until_s = now_s + 120.0
        wait = {"Retry-After": str(max(1, round(60.0 - (now_s - self._spent[0][0]))))}
        return RestReply(429, as_json({"code": -1003, "msg": "Too many requests"}), wait)

    def _body(self, api: str, name: str, query: Mapping[str, str]) -> tuple[int, object]:
        now_ms = self._venue.world.now_ns() // 1_000_000
        match name:
            case "ping":
                said: object = {}
            case "time":
                said = {"serverTime": now_ms}
            case "exchangeInfo":
                said = self._info(api, now_ms)
            case "fundingInfo":
                said = []
            case "leverageBracket" | "historicalTrades":
                return 401, {"code": -2014, "msg": "API-key format invalid."}
            case "premiumIndex" if "symbol" not in query:
                said = [_premium(market, now_ms) for market in self._of(api)]
            case _:
                return self._of_symbol(api, name, query, now_ms)
        return 200, said

    def _of_symbol(
        self, api: str, name: str, query: Mapping[str, str], now_ms: int
    ) -> tuple[int, object]:
        market = self._market(api, query.get("symbol", ""))
        if market is None:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        match name:
            case "depth":
                return 200, self._depth(market, int(query.get("limit", "500")))
            case "openInterest":
                return 200, _envelope_free(self._venue, market, now_ms)
            case "premiumIndex":
                one = _premium(market, now_ms)
                return 200, [one] if api == "dapi" else one
            case "aggTrades" | "trades":
                return self._trades(name, market, query)
            case _:
                return 404, {"code": -1000, "msg": f"no such path: {name}"}

    def _of(self, api: str) -> list[Market]:
        wanted = 2 if api == "dapi" else 1
        return [
            market
            for market in self._venue.world.of_venue("binance")
            if product_of(market.instrument.raw_symbol) == wanted
        ]

    def _market(self, api: str, symbol: str) -> Market | None:
        return next((m for m in self._of(api) if m.instrument.raw_symbol == symbol), None)

    def _depth(self, market: Market, limit: int) -> object:
        snapshot = market.book_snapshot(self._venue.world.now_ns(), limit)
        said: dict[str, Any] = {
            "lastUpdateId": snapshot.last_update_id,
            "E": (snapshot.venue_ns or 0) // 1_000_000,
            "T": (snapshot.venue_ns or 0) // 1_000_000,
            "bids": [[format(p, ".12g"), format(q, ".12g")] for p, q in snapshot.bids],
            "asks": [[format(p, ".12g"), format(q, ".12g")] for p, q in snapshot.asks],
        }
        raw_symbol = market.instrument.raw_symbol
        if product_of(raw_symbol) == COIN_M:
            said |= {"symbol": raw_symbol, "pair": pair_of(raw_symbol)}
        return said

    def _trades(
        self, name: str, market: Market, query: Mapping[str, str]
    ) -> tuple[int, list[dict[str, Any]]]:
        limit = min(1_000, int(query.get("limit", "500")))
        past = [sent.event for sent in market.trades if isinstance(sent.event, Trade)]
        if name == "trades":
            return 200, [_print(trade) for trade in past[-limit:]]
        if "fromId" in query:
            first = int(query["fromId"])
            chosen = [trade for trade in past if int(trade.trade_id or 0) >= first][:limit]
        elif "startTime" in query:
            first_ns = int(query["startTime"]) * 1_000_000
            last_ns = int(query.get("endTime", str(2**53))) * 1_000_000
            chosen = [t for t in past if first_ns <= (t.venue_ns or 0) <= last_ns][:limit]
        else:
            chosen = past[-limit:]
        return 200, [_aggregate(trade) for trade in chosen]

    def _info(self, api: str, now_ms: int) -> object:
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": _WEIGHT_MOST,
                }
            ],
            "exchangeFilters": [],
            "assets": [],
            "symbols": [_listing(market, api) for market in self._of(api)],
        }


def _weight(name: str, query: Mapping[str, str]) -> int:
    if name == "depth":
        limit = int(query.get("limit", "500"))
        return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
    if name == "premiumIndex":
        return 1 if "symbol" in query else 10
    return {"aggTrades": 20, "trades": 5}.get(name, 1)


def _envelope_free(venue: FakeVenue, market: Market, now_ms: int) -> object:
    """Say open interest as the wire writes it: it comes without an envelope."""
    from msgspec.json import decode  # noqa: PLC0415 - of one answer

    said = market.open_interest(now_ms * 1_000_000, is_new=False)
    return decode(venue.encode([said])[0])


def _print(trade: Trade) -> dict[str, Any]:
    return {
        "id": int(trade.trade_id or 0), "price": format(trade.price, ".12g"),
        "qty": format(trade.qty_raw, ".12g"), "time": (trade.venue_ns or 0) // 1_000_000,
        "isBuyerMaker": trade.taker == "sell",
    }  # fmt: skip


def _aggregate(trade: Trade) -> dict[str, Any]:
    number = int(trade.trade_id or 0)
    return {
        "a": number, "p": format(trade.price, ".12g"), "q": format(trade.qty_raw, ".12g"),
        "f": number, "l": number, "T": (trade.venue_ns or 0) // 1_000_000,
        "m": trade.taker == "sell",
    }  # fmt: skip


def _premium(market: Market, now_ms: int) -> dict[str, Any]:
    funding = market.funding(now_ms * 1_000_000, is_new=False)
    return {
        "symbol": market.instrument.raw_symbol,
        "pair": pair_of(market.instrument.raw_symbol),
        "markPrice": format(market.price, ".12g"),
        "indexPrice": format(market.coin.price, ".9g"),
        "estimatedSettlePrice": format(market.price, ".12g"),
        "lastFundingRate": format(funding.rate, ".8f"),
        "interestRate": "0.00010000",
        "nextFundingTime": (funding.due_ns or 0) // 1_000_000,
        "time": now_ms,
    }


def _listing(market: Market, api: str) -> dict[str, Any]:
    row = market.instrument
    said: dict[str, Any] = {
        "symbol": row.raw_symbol, "pair": pair_of(row.raw_symbol), "contractType": "PERPETUAL",
        "deliveryDate": _FAR_MS, "onboardDate": 1_569_398_400_000,
        "baseAsset": row.base, "quoteAsset": row.quote, "marginAsset": row.settle,
        "pricePrecision": 8, "quantityPrecision": 8, "baseAssetPrecision": 8, "quotePrecision": 8,
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
        "underlyingType": "COIN", "underlyingSubType": [], "triggerProtect": "0.0500",
        "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": format(market.tick, ".12g"),
             "maxPrice": "1000000000", "tickSize": format(market.tick, ".12g")},
            {"filterType": "LOT_SIZE", "minQty": format(market.lot, ".12g"),
             "maxQty": "1000000000", "stepSize": format(market.lot, ".12g")},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }  # fmt: skip
    if api == "dapi":
        return said | {"contractStatus": "TRADING", "contractSize": row.contract_value}
    return said | {"status": "TRADING"}
