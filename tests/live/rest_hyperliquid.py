"""Hyperliquid's ``/info``."""

from collections import deque
from typing import Any, Final, final

import msgspec

from airpocket.market.events import Trade
from airpocket.market.fields import BAD_FRAME, as_json
from tests.live.fake_venue import FakeVenue, RestReply
from tests.live.market import Market

__all__ = ["HyperliquidRestDesk"]

_WEIGHT_MOST: Final = 1_200
_LIGHT: Final = ("l2Book", "allMids", "clearinghouseState", "exchangeStatus")  # 2, others 20
_read: Final = msgspec.json.Decoder(dict[str, Any]).decode


@final
class HyperliquidRestDesk:
    """Answers for ``api.hyperliquid.xyz``."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._spent: deque[tuple[float, int]] = deque()

    def answer(self, method: str, path: str, body: bytes) -> RestReply:
        """Answer one request."""
        if method != "POST" or path != "/info":
            return RestReply(404, b"")
        try:
            request = _read(body)
        except BAD_FRAME:
            return RestReply(422, b"Failed to deserialize the JSON body into the target type")
        kind = str(request.get("type"))
        now_s = self._venue.loop.time()
        while self._spent and self._spent[0][0] <= now_s - 60.0:
            self._spent.popleft()
        self._spent.append((now_s, 2 if kind in _LIGHT else 20))
        if sum(weight for _, weight in self._spent) > _WEIGHT_MOST:
            self._venue.violate("rest_weight", f"more than {_WEIGHT_MOST} a minute")
            return RestReply(429, b"null")
        status, said = self._said(kind, request)
        return RestReply(status, as_json(said))

    def _said(self, kind: str, request: dict[str, Any]) -> tuple[int, object]:
        markets = self._venue.world.of_venue("hyperliquid")
        now_ns = self._venue.world.now_ns()
        found = [m for m in markets if m.instrument.raw_symbol == request.get("coin")]
        said: object
        match kind:
            case "exchangeStatus":
                said = {"time": now_ns // 1_000_000, "specialStatuses": None}
            case "meta":
                said = _meta(markets)
            case "metaAndAssetCtxs":
                said = [_meta(markets), [_context(market, now_ns) for market in markets]]
            case "perpDexs":
                said = [None]
            case "spotMeta":
                said = {"tokens": [], "universe": []}
            case "allMids":
                said = {m.instrument.raw_symbol: _text(m.price) for m in markets}
            case "recentTrades" if found:
                past = [one.event for one in list(found[0].trades)[-10:]]
                said = [_print(trade) for trade in past if isinstance(trade, Trade)]
            case "l2Book" if found:
                said = _book(found[0], now_ns)
            case "recentTrades" | "l2Book":
                return 500, None
            case _:
                return 422, "Failed to deserialize the JSON body into the target type"
        return 200, said


def _book(market: Market, now_ns: int) -> dict[str, Any]:
    whole = market.book_snapshot(now_ns, 20)
    levels = [
        [{"px": _text(p), "sz": _text(q), "n": 1} for p, q in side]
        for side in (whole.bids, whole.asks)
    ]
    coin = market.instrument.raw_symbol
    return {"coin": coin, "time": now_ns // 1_000_000, "levels": levels}


def _text(figure: float) -> str:
    return format(figure, ".12g")


def _print(trade: Trade) -> dict[str, Any]:
    return {
        "coin": trade.raw_symbol, "side": "A" if trade.taker == "sell" else "B",
        "px": _text(trade.price), "sz": _text(trade.qty_raw),
        "time": (trade.venue_ns or 0) // 1_000_000, "hash": "0x" + "0" * 64,
        "tid": int(trade.trade_id or 0), "users": ["0x" + "0" * 40] * 2,
    }  # fmt: skip


def _meta(markets: list[Market]) -> dict[str, Any]:
    return {
        "universe": [
            {
                "name": market.instrument.raw_symbol, "szDecimals": 5, "maxLeverage": 40,
                "marginTableId": 56,
            }
            for market in markets
        ],
        "marginTables": [
            [56, {"description": "tiered 40x",
                  "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}]}]
        ],
        "collateralToken": 0,
    }  # fmt: skip


def _context(market: Market, now_ns: int) -> dict[str, Any]:
    funding = market.funding(now_ns, is_new=False)
    price = _text(market.price)
    return {
        "funding": format(funding.rate, ".8f"), "openInterest": _text(market.open_coins),
        "prevDayPx": price, "dayNtlVlm": "1000000.0", "premium": "0.0", "markPx": price,
        "oraclePx": _text(market.coin.price), "midPx": price, "impactPxs": [price, price],
        "dayBaseVlm": "1000.0",
    }  # fmt: skip
