"""REST of the fake venues: what ccxt would ask of them, answered in the time of the run."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, final

import msgspec

from airpocket.live.rest_client import RestError, RestFault
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.rest_rules import Call
from tests.live.fake_venue import FakeVenue, RestReply

__all__ = ["FakeRestClient"]

_TIMEOUT_S: Final = 10.0  # as CcxtClient has it
_BINANCE: Final = {
    "GetTime": "v1/time", "GetDepth": "v1/depth", "GetOpenInterest": "v1/openInterest",
    "GetAggTrades": "v1/aggTrades",
}  # fmt: skip
_PATHS: Final = {
    **{f"{api}Public{name}": f"/{api}/{path}" for api in ("fapi", "dapi")
       for name, path in _BINANCE.items()},
    "publicGetV5MarketTime": "/v5/market/time",
    "publicGetV5MarketRecentTrade": "/v5/market/recent-trade",
    "publicGetPublicTime": "/api/v5/public/time",
    "publicGetMarketHistoryTrades": "/api/v5/market/history-trades",
    "publicPostInfo": "/info",
}  # fmt: skip
_LISTINGS: Final[dict[str, tuple[str, dict[str, str | int]]]] = {
    "binance": ("/fapi/v1/exchangeInfo", {}),
    "bybit": ("/v5/market/instruments-info", {"category": "linear"}),
    "okx": ("/api/v5/public/instruments", {"instType": "SWAP"}),
    "hyperliquid": ("/info", {"type": "metaAndAssetCtxs"}),
}


class _Status(msgspec.Struct):
    """What a venue says beside its answer; Bybit and OKX refuse with HTTP 200."""

    ret_code: int = msgspec.field(name="retCode", default=0)
    code: str | int = "0"


@final
class FakeRestClient:
    """Asks a fake venue (a :class:`airpocket.live.rest_client.RestClient`).

    Parameters
    ----------
    venue
        Whom to ask; its faults and limits answer as well.
    latency_s
        Time that a request takes, and its answer again.

    Attributes
    ----------
    asked
        Loop time and call of each request.
    """

    def __init__(self, venue: FakeVenue, *, latency_s: float = 0.02) -> None:
        self._venue = venue
        self._latency_s = latency_s
        self.asked: list[tuple[float, Call]] = []
        self.is_closed = False

    async def get(self, call: Call) -> bytes:
        """Send a request once and give the body as received."""
        self.asked.append((self._venue.loop.time(), call))
        return await self._answer(_PATHS[call.endpoint], call.params)

    async def markets(self) -> tuple[list[Any], list[str]]:
        """Tell what the world lists, if the venue answers for its listing."""
        path, params = _LISTINGS[self._venue.name]
        self.asked.append((self._venue.loop.time(), Call("markets", params)))
        await self._answer(path, params)
        listed = self._venue.world.of_venue(self._venue.name)
        return [_as_ccxt(market.instrument) for market in listed], []

    async def funding(self) -> list[Any]:
        """Tell no rates: the streams say them."""
        return []

    async def tiers(self, symbol: str) -> list[Any]:
        """Tell no tiers."""
        del symbol
        return []

    async def close(self) -> None:
        """Note that nothing more is asked."""
        self.is_closed = True

    async def _answer(self, path: str, params: Mapping[str, str | int]) -> bytes:
        is_post = path == "/info"
        body = msgspec.json.encode(params) if is_post else b""
        query = {} if is_post else {name: str(value) for name, value in params.items()}
        await asyncio.sleep(self._latency_s)
        reply = self._venue.rest("POST" if is_post else "GET", path, query, body)
        slow_s = self._latency_s + reply.delay_s
        await asyncio.sleep(min(slow_s, _TIMEOUT_S))
        if slow_s > _TIMEOUT_S:
            raise RestError(RestFault.UNAVAILABLE, f"{self._venue.name} {path}: no answer")
        return _checked(self._venue.name, path, reply)


def _checked(venue: str, path: str, reply: RestReply) -> bytes:
    """Give the body, or raise what :class:`airpocket.live.ccxt_client.CcxtClient` would."""
    status = reply.status
    said = f"{venue} {path}: HTTP {status}, {reply.body[:100]!r}"
    if status == 200:
        try:
            told = msgspec.json.decode(reply.body, type=_Status)
        except msgspec.ValidationError:
            return reply.body  # a list
        except msgspec.DecodeError as error:
            raise RestError(RestFault.UNREADABLE, f"{venue} {path}: not JSON") from error
        if told.ret_code or str(told.code) not in {"0", "200"}:
            limited = told.ret_code == 10006 or str(told.code) == "50011"
            raise RestError(RestFault.LIMITED if limited else RestFault.REFUSED, said)
        return reply.body
    after = reply.headers.get("Retry-After")
    pause_s = None if after is None else float(after)
    if status in {418, 429} or (status == 403 and b"frequent" in reply.body):
        fault = RestFault.LIMITED
        pause_s = 600.0 if status == 403 else pause_s
    elif status in {401, 403, 451}:
        fault = RestFault.BLOCKED
    elif status >= 500 or status == 408:
        fault = RestFault.UNAVAILABLE
    else:
        fault = RestFault.REFUSED
    raise RestError(fault, said, status=status, retry_after_s=pause_s)


def _as_ccxt(row: Instrument) -> dict[str, Any]:
    """Write an instrument as a ccxt market."""
    return {
        "id": row.raw_symbol, "baseName": row.raw_symbol, "symbol": row.symbol,
        "base": row.base, "quote": row.quote, "settle": row.settle, "type": "swap",
        "linear": row.kind is Kind.LINEAR, "inverse": row.kind is Kind.INVERSE,
        "contractSize": row.contract_value, "active": True,
        "precision": {"amount": row.lot, "price": row.tick}, "info": {},
    }  # fmt: skip
