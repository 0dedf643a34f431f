"""Through ccxt to a venue on loopback: what it lists, what goes wrong, and nothing left open."""

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from airpocket.errors import InputError
from airpocket.live import ccxt_client
from airpocket.live.ccxt_client import CcxtClient, open_client
from airpocket.live.clock import SystemClock
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_client import RestError, RestFault
from airpocket.live.rest_readings import Listing
from airpocket.market.rest_rules import Call, TradeSpan
from airpocket.venues import register
from tests.live.rest_server import Requests, listing_of, serving

DEPTH = Call("fapiPublicGetDepth", {"symbol": "BTCUSDT", "limit": 1000}, 20.0)


def _asking(
    reply: Any, ask: Callable[[CcxtClient], Awaitable[Any]], venue: str = "binance", **kind: bool
) -> tuple[Any, Requests]:
    async def main() -> tuple[Any, Requests]:
        async with serving(reply, **kind) as (url, requests):
            client = await open_client(venue, url=url)
            try:
                return await ask(client), requests
            finally:
                await client.close()

    return asyncio.run(main())


def _failing(reply: Any, venue: str = "binance", call: Call = DEPTH, **kind: bool) -> RestError:
    async def ask(client: CcxtClient) -> RestError:
        with pytest.raises(RestError) as caught:
            await client.get(call)
        return caught.value

    failure: RestError = _asking(reply, ask, venue, **kind)[0]
    return failure


def _listing(venue: str, reply: Any) -> Listing:
    async def main() -> Listing:
        async with serving(reply) as (url, _):
            client = await open_client(venue, url=url)
            rest = Rest(rest_rules(venue), client, SystemClock(), random.Random(1))
            try:
                return await rest.instruments()
            finally:
                await rest.close()

    return asyncio.run(main())


@pytest.mark.parametrize("venue", register.LIVE)
def test_the_shipped_catalogue_and_ccxt_agree_on_every_symbol(venue: str) -> None:
    listing = _listing(venue, listing_of(venue))
    known = register.catalogue_of(venue)
    assert listing.rejected == ()
    compared = 0
    for row in listing.instruments:
        shipped = known.find(row.raw_symbol)
        assert shipped is not None, row
        assert (row.symbol, row.kind, row.contract_value, row.base, row.quote, row.settle) == (
            shipped.symbol, shipped.kind, shipped.contract_value, shipped.base, shipped.quote,
            shipped.settle,
        )  # fmt: skip
        compared += 1
    assert compared >= {"binance": 218, "bybit": 20, "okx": 23, "hyperliquid": 180}[venue]


def test_contract_sizes_come_from_the_venue() -> None:
    """OKX rows as sent on 2026-09-25, and a multiplier that ccxt passes over."""

    def reply(_: str, asked: dict[str, Any]) -> dict[str, Any]:
        common = {
            "instType": "SWAP",
            "state": "live",
            "tickSz": "0.1",
            "expTime": "",
            "ctMult": "1",
        }
        linear = {"ctType": "linear", "settleCcy": "USDT"} | common
        rows: list[dict[str, Any]] = [
            {"instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "ctVal": "0.01", "ctValCcy": "BTC",
             "lotSz": "0.01"} | linear,
            {"instId": "DOGE-USDT-SWAP", "uly": "DOGE-USDT", "ctVal": "1000", "ctValCcy": "DOGE",
             "lotSz": "0.01"} | linear | {"ctMult": "10"},
            {"instId": "BTC-USD-SWAP", "uly": "BTC-USD", "ctVal": "100", "ctValCcy": "USD",
             "settleCcy": "BTC", "ctType": "inverse", "lotSz": "0.1"} | common,
            {"instId": "XAU-USDT-SWAP", "uly": "XAU-USDT", "ctVal": "", "lotSz": "1"} | linear,
            {"instId": "OLD-USDT-SWAP", "uly": "OLD-USDT", "ctVal": "1", "lotSz": "1"} | linear
            | {"state": "suspend"},
        ]  # fmt: skip
        return {"code": "0", "msg": "", "data": rows if asked["instType"] == "SWAP" else []}

    listing = _listing("okx", reply)
    found = {row.raw_symbol: row for row in listing.instruments}
    btc, inverse = found["BTC-USDT-SWAP"], found["BTC-USD-SWAP"]
    assert (btc.contract_value, btc.tick, btc.lot) == (0.01, 0.1, 0.01)
    assert (inverse.contract_value, inverse.kind.value, inverse.lot) == (100.0, "inverse", 0.1)
    assert found["DOGE-USDT-SWAP"].contract_value == 10_000.0
    assert listing.halted == ("OLD-USDT-SWAP",)
    assert len(listing.rejected) == 1
    assert "XAU" in listing.rejected[0]


def test_odd_symbols_are_listed_and_impossible_ones_are_not() -> None:
    def reply(path: str, _: dict[str, Any]) -> dict[str, Any]:
        if path.startswith("/dapi"):
            return {"symbols": []}
        names = ["币安人生", "1000SHIB", "<img onerror>", "*", "A@B", "X\nY", "", "Z" * 70]
        rows: list[Any] = [
            {"symbol": f"{name}USDT" if name not in {"*", ""} else name, "baseAsset": name or "N",
             "contractType": "PERPETUAL", "deliveryDate": 4133404800000, "status": "TRADING",
             "quoteAsset": "USDT", "marginAsset": "USDT", "filters": []}
            for name in names
        ]  # fmt: skip
        rows += [None, 7, {"baseAsset": "NOSYMBOL", "contractType": "PERPETUAL"}, {"symbol": ["x"]}]
        return {"symbols": rows}

    listing = _listing("binance", reply)
    assert [row.raw_symbol for row in listing.instruments] == [
        "币安人生USDT", "1000SHIBUSDT", "<img onerror>USDT",
    ]  # fmt: skip
    assert len(listing.rejected) >= 5


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"<html>maintenance</html>", b'{"symbols":{"a":1}}', b"[" * 100_000,
     b'{"symbols":[{"symbol":"X","contractType":"PERPETUAL","baseAsset":1e999}]}'],
)  # fmt: skip
@pytest.mark.parametrize("venue", register.LIVE)
def test_a_hostile_listing_is_refused_with_a_sentence(venue: str, body: bytes) -> None:
    with pytest.raises(RestError) as caught:
        _listing(venue, lambda _, __: body)
    assert caught.value.fault in {RestFault.UNREADABLE, RestFault.REFUSED}
    assert venue in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_bodies_come_as_received() -> None:
    sent = b'{"lastUpdateId":18446744073709551616, "bids":[["1e-7","2"]],"asks":[]}\n'
    body, _ = _asking(lambda *_: sent, lambda client: client.get(DEPTH))
    assert body == sent


def test_no_key_is_sent_and_the_address_is_ours() -> None:
    _, requests = _asking(lambda *_: {}, lambda client: client.get(DEPTH))
    ((path, query, headers),) = requests
    assert path == "/fapi/v1/depth"
    assert query == {"symbol": "BTCUSDT", "limit": "1000"}
    assert not [name for name in headers if "key" in name.lower() or "sign" in name.lower()]
    assert not {"signature", "timestamp", "apiKey"} & set(query)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (429, b"{}", RestFault.LIMITED),
        (418, b'{"code":-1003,"msg":"Way too many requests; IP banned"}', RestFault.LIMITED),
        (403, b"access too frequent", RestFault.LIMITED),
        (403, b"<html>CloudFront</html>", RestFault.BLOCKED),
        (
            451,
            b'{"code":0,"msg":"Service unavailable from a restricted location"}',
            RestFault.BLOCKED,
        ),
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', RestFault.REFUSED),
        (404, b"", RestFault.REFUSED),
        (500, b"oops", RestFault.UNAVAILABLE),
        (503, b"<html>", RestFault.UNAVAILABLE),
    ],
)
def test_what_a_refusal_means(status: int, body: bytes, fault: RestFault) -> None:
    async def reply(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Retry-After": "30"})

    failure = _failing(reply, raw=True)
    assert (failure.fault, failure.status) == (fault, status)
    assert failure.retry_after_s == (600.0 if body.startswith(b"access") else 30.0)
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("venue", "call", "body"),
    [
        ("bybit", Call("publicGetV5MarketTime"), b'{"retCode":10006,"retMsg":"Too many visits!"}'),
        (
            "okx",
            Call("publicGetPublicTime"),
            b'{"code":"50011","data":[],"msg":"Too Many Requests"}',
        ),
    ],
)
def test_a_refusal_that_calls_itself_200_is_one(venue: str, call: Call, body: bytes) -> None:
    assert _failing(lambda *_: body, venue, call).fault is RestFault.LIMITED


def test_a_venue_that_says_no_is_not_asked_again_for_nothing() -> None:
    body = b'{"code":"51001","data":[],"msg":"Instrument ID does not exist."}'
    call = Call("publicGetMarketHistoryTrades", {"instId": "X"})
    failure = _failing(lambda *_: body, "okx", call)
    assert failure.fault is RestFault.REFUSED
    assert "51001" in str(failure)


def test_nobody_there() -> None:
    async def main() -> RestError:
        async with serving(lambda *_: {}) as (url, _):
            gone = url
        client = await open_client("binance", url=gone)
        try:
            with pytest.raises(RestError) as caught:
                await client.get(DEPTH)
            return caught.value
        finally:
            await client.close()

    failure = asyncio.run(main())
    assert (failure.fault, failure.status) == (RestFault.UNAVAILABLE, None)


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt_client, "BODY_BYTES_MOST", 1 << 20)
    bomb = gzip.compress(b" " * (8 << 20))

    async def reply(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    failure = _failing(reply, raw=True)
    assert failure.fault is RestFault.UNREADABLE
    assert "1048576 bytes" in str(failure)


def test_the_venues_clocks_are_read() -> None:
    said: dict[str, Any] = {
        "binance": {"serverTime": 1793534400123},
        "bybit": {"retCode": 0, "retMsg": "OK", "time": 1793534400123,
                  "result": {"timeSecond": "1793534400", "timeNano": "1793534400123456789"}},
        "okx": {"code": "0", "msg": "", "data": [{"ts": "1793534400123"}]},
        "hyperliquid": {"specialStatuses": None, "time": 1793534400123},
    }  # fmt: skip
    for venue, body in said.items():
        rules = rest_rules(venue)
        call = rules.server_time()

        async def ask(client: CcxtClient, call: Call = call) -> bytes:
            return await client.get(call)

        def reply(*_: object, body: Any = body) -> Any:
            return body

        data, _ = _asking(reply, ask, venue)
        assert rules.read_server_time(data) // 1_000_000 == 1793534400123


def test_tiers_of_bybit_and_okx() -> None:
    listings = {venue: listing_of(venue) for venue in ("bybit", "okx")}

    def reply(path: str, asked: dict[str, Any]) -> Any:
        if path == "/v5/market/risk-limit":
            rows = [
                {"id": 1, "symbol": "BTCUSDT", "riskLimitValue": "2000000", "initialMargin": "0.01",
                 "maintenanceMargin": "0.005", "isLowestRisk": 1, "maxLeverage": "100.00"},
                {"id": 2, "symbol": "BTCUSDT", "riskLimitValue": "4000000", "initialMargin": "0.015",
                 "maintenanceMargin": "0.01", "isLowestRisk": 0, "maxLeverage": "66.67"},
            ]  # fmt: skip
            return {"retCode": 0, "result": {"category": "linear", "list": rows}}
        if path == "/api/v5/public/position-tiers":
            common = {"imr": "0.01", "instFamily": "BTC-USDT", "instId": "", "uly": "BTC-USDT"}
            data = [
                {"maxLever": "100", "maxSz": "1000", "minSz": "0", "mmr": "0.004", "tier": "1"}
                | common,
                {"maxLever": "75", "maxSz": "2000", "minSz": "1000", "mmr": "0.005", "tier": "2"}
                | common,
            ]
            return {"code": "0", "msg": "", "data": data}
        return listings["bybit" if path.startswith("/v5") else "okx"](path, asked)

    async def tiers(venue: str, raw_symbol: str) -> Any:
        async with serving(reply) as (url, _):
            client = await open_client(venue, url=url)
            rest = Rest(rest_rules(venue), client, SystemClock(), random.Random(1))
            try:
                listing = await rest.instruments()
                row = next(one for one in listing.instruments if one.raw_symbol == raw_symbol)
                return await rest.tiers(row)
            finally:
                await rest.close()

    bybit = asyncio.run(tiers("bybit", "BTCUSDT"))
    assert [(one.upto, one.unit, one.maintenance_rate) for one in bybit] == [
        (2e6, "quote", 0.005), (4e6, "quote", 0.01),
    ]  # fmt: skip
    okx = asyncio.run(tiers("okx", "BTC-USDT-SWAP"))
    assert [(one.above, one.upto, one.unit) for one in okx] == [
        (0.0, 1000.0, "contracts"), (1000.0, 2000.0, "contracts"),
    ]  # fmt: skip


def test_binance_serves_past_trades_under_the_ids_of_its_stream() -> None:
    row = {"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27781,
           "T": 1498793709153, "m": True}  # fmt: skip
    rules = rest_rules("binance")
    span = TradeSpan("BTCUSDT", 1498793709000000000, 1498793710000000000)
    call = rules.trades(span, None)
    assert call is not None
    data, requests = _asking(lambda *_: [row], lambda client: client.get(call))
    assert requests[0][0] == "/fapi/v1/aggTrades"
    page = rules.read_trades(span, data)
    wire = register.open_wire("binance")
    (frame,) = rules.trade_frames(page.trades)
    (said,) = wire.decode(frame).events
    streamed = (
        b'{"e":"aggTrade","E":1498793709160,"s":"BTCUSDT","a":26129,"p":"0.01633102",'
        b'"q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true}'
    )
    assert said == register.open_wire("binance").decode(streamed).events[0]

    async def named(client: CcxtClient) -> str:
        trade = client._exchange.parse_trade(row)
        return str(trade["id"])

    assert _asking(lambda *_: {}, named)[0] == "26129"


@pytest.mark.parametrize(
    "url",
    ["http://fapi.binance.com", "ftp://127.0.0.1", "https://", "127.0.0.1:80", "https://u:p@x.org",
     "https://x.org/path", "https://x.org?a=1", "http://127.0.0.1.evil.org"],
)  # fmt: skip
def test_addresses_that_cannot_be_one(url: str) -> None:
    with pytest.raises(InputError, match="rest_url"):
        asyncio.run(open_client("okx", url=url))
