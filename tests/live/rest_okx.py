"""OKX's v5 REST: public and market data."""

from collections.abc import Mapping
from typing import Any, Final, final

from airpocket.market.events import Trade
from airpocket.market.fields import as_json
from tests.live.fake_venue import FakeVenue, Gate, RestReply
from tests.live.market import Market

__all__ = ["OkxRestDesk"]

_PER_2_S: Final = {"history-trades": 20, "trades": 100, "instruments": 20, "books": 40}


@final
class OkxRestDesk:
    """Answers for ``www.okx.com``."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._gates = {name: Gate(most, 2.0) for name, most in _PER_2_S.items()}

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> RestReply:
        """Answer one request."""
        name = path.rpartition("/")[2]
        if method != "GET" or not path.startswith(("/api/v5/public/", "/api/v5/market/")):
            return RestReply(404, as_json({"code": "404", "msg": "Not Found", "data": []}))
        gate = self._gates.get(name)
        if gate is not None and not gate.passes(self._venue.loop.time()):
            self._venue.violate("rest_requests", f"more than {gate.most} {name} in 2 s")
            return RestReply(429, as_json({"code": "50011", "msg": "Too Many Requests"}))
        code, said, rows = self._rows(name, query)
        return RestReply(200, as_json({"code": code, "msg": said, "data": rows}))

    def _rows(self, name: str, query: Mapping[str, str]) -> tuple[str, str, list[Any]]:
        now_ms = self._venue.world.now_ns() // 1_000_000
        if name == "time":
            return "0", "", [{"ts": str(now_ms)}]
        wanted, inst_id = query.get("instType"), query.get("instId")
        markets = [
            market
            for market in self._venue.world.of_venue("okx")
            if (wanted is None or _type_of(market) == wanted)
            and (inst_id is None or market.instrument.raw_symbol == inst_id)
        ]
        if inst_id is not None and not markets:
            return "51001", f"Instrument ID, {inst_id} doesn't exist.", []
        if name in {"trades", "history-trades"}:
            return "0", "", _trades(markets[0], query, 100 if name == "history-trades" else 500)
        if name in {"books", "books-full"}:
            return "0", "", [_book(markets[0], now_ms, int(query.get("sz", "1")))]
        write = {
            "instruments": _listing, "open-interest": _open_interest, "mark-price": _mark,
            "funding-rate": _funding, "position-tiers": _tier,
        }.get(name)  # fmt: skip
        if write is None:
            return "50014", f"no such path {name}", []
        return "0", "", [write(market, now_ms) for market in markets]


def _type_of(market: Market) -> str:
    return "SWAP" if market.instrument.raw_symbol.endswith("-SWAP") else "FUTURES"


def _trades(market: Market, query: Mapping[str, str], most: int) -> list[dict[str, str]]:
    """Newest first; ``after`` pages to older ones, by id (type 1) or by time (type 2)."""
    past = [one.event for one in market.trades if isinstance(one.event, Trade)]
    by_time = query.get("type") == "2"

    def place(trade: Trade) -> int:
        return (trade.venue_ns or 0) // 1_000_000 if by_time else int(trade.trade_id or 0)

    if "after" in query:
        past = [trade for trade in past if place(trade) < int(query["after"])]
    if "before" in query:
        past = [trade for trade in past if place(trade) > int(query["before"])]
    rows = past[-min(most, int(query.get("limit", str(most)))) :]
    return [
        {
            "instId": trade.raw_symbol, "tradeId": trade.trade_id or "",
            "px": format(trade.price, ".12g"), "sz": format(trade.qty_raw, ".12g"),
            "side": trade.taker or "buy", "ts": str((trade.venue_ns or 0) // 1_000_000),
            "source": "0",
        }
        for trade in reversed(rows)
    ]  # fmt: skip


def _book(market: Market, now_ms: int, levels: int) -> dict[str, Any]:
    whole = market.book_snapshot(now_ms * 1_000_000, levels)
    size = market.instrument.contract_value if not market.is_inverse else 1.0
    return {
        "asks": [[format(p, ".12g"), format(q / size, ".12g"), "0", "1"] for p, q in whole.asks],
        "bids": [[format(p, ".12g"), format(q / size, ".12g"), "0", "1"] for p, q in whole.bids],
        "ts": str(now_ms), "seqId": whole.last_update_id,
    }  # fmt: skip


def _open_interest(market: Market, now_ms: int) -> dict[str, str]:
    said = market.open_interest(now_ms * 1_000_000, is_new=False)
    row = market.instrument
    held = (said.notional_usd if market.is_inverse else said.qty_base) or 0.0
    return {
        "instId": row.raw_symbol, "instType": _type_of(market),
        "oi": format(held / row.contract_value, ".12g"),
        "oiCcy": format(said.qty_base or 0.0, ".12g"),
        "oiUsd": format(said.notional_usd or 0.0, ".12g"), "ts": str(now_ms),
    }  # fmt: skip


def _mark(market: Market, now_ms: int) -> dict[str, str]:
    return {
        "instId": market.instrument.raw_symbol, "instType": _type_of(market),
        "markPx": format(market.price, ".12g"), "ts": str(now_ms),
    }  # fmt: skip


def _funding(market: Market, now_ms: int) -> dict[str, str]:
    said = market.funding(now_ms * 1_000_000, is_new=False)
    due_ms = (said.due_ns or 0) // 1_000_000
    return {
        "instId": market.instrument.raw_symbol, "instType": "SWAP",
        "fundingRate": format(said.rate, ".8f"), "fundingTime": str(due_ms),
        "nextFundingTime": str(due_ms + 8 * 3_600_000), "nextFundingRate": "",
        "method": "current_period", "settState": "settled", "ts": str(now_ms),
    }  # fmt: skip


def _tier(market: Market, now_ms: int) -> dict[str, str]:
    return {
        "baseMaxLoan": "", "imr": "0.01", "instFamily": _family(market), "instId": "",
        "maxLever": "100", "maxSz": "500", "minSz": "0", "mmr": "0.004", "optMgnFactor": "0",
        "quoteMaxLoan": "", "tier": "1", "uly": _family(market),
    }  # fmt: skip


def _family(market: Market) -> str:
    return "-".join(market.instrument.raw_symbol.split("-")[:2])


def _listing(market: Market, now_ms: int) -> dict[str, str]:
    row = market.instrument
    name = row.raw_symbol
    return {
        "instId": name, "instType": _type_of(market), "instFamily": _family(market),
        "uly": _family(market), "baseCcy": "", "quoteCcy": "", "settleCcy": row.settle,
        "ctVal": format(row.contract_value, ".12g"), "ctMult": "1",
        "ctType": "inverse" if market.is_inverse else "linear",
        "ctValCcy": "USD" if market.is_inverse else row.base,
        "tickSz": format(market.tick, ".12g"), "lotSz": format(market.lot, ".12g"),
        "minSz": format(market.lot, ".12g"), "lever": "100", "state": "live", "category": "1",
        "listTime": "1573557408000", "expTime": "", "alias": "", "optType": "", "stk": "",
        "maxLmtSz": "100000000", "maxMktSz": "10000", "ruleType": "normal",
    }  # fmt: skip
