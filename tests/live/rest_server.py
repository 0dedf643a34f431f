"""The four venues' REST on loopback: what they list, say and serve, in the shapes they use.

Field names and figures of the OKX and Binance rows are those that the venues sent in 2026.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.venues import register

__all__ = ["Requests", "listing_of", "serving"]

Requests = list[tuple[str, dict[str, str], dict[str, str]]]
_Reply = Callable[[str, dict[str, Any]], Any]


@asynccontextmanager
async def serving(
    reply: Callable[..., Any], *, raw: bool = False
) -> AsyncIterator[tuple[str, Requests]]:
    """Serve on a free port; yields the address and what was asked: path, query, headers."""
    requests: Requests = []

    async def handle(request: web.Request) -> web.StreamResponse:
        requests.append((request.path, dict(request.query), dict(request.headers)))
        if raw:
            answer: web.StreamResponse = await reply(request)
            return answer
        asked: dict[str, Any] = dict(request.query)
        if request.method == "POST":
            asked |= msgspec.json.decode(await request.read())
        said = reply(request.path, asked)
        if isinstance(said, web.StreamResponse):
            return said
        body = said if isinstance(said, bytes) else msgspec.json.encode(said)
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        await runner.cleanup()


def listing_of(venue: str) -> _Reply:
    """Answer as a venue that lists exactly what its shipped catalogue holds today."""
    rows = _today(register.catalogue_of(venue))
    return {
        "binance": lambda path, _: _binance(path, rows),
        "bybit": lambda _, asked: _bybit(asked, rows),
        "okx": lambda _, asked: _okx(asked, rows),
        "hyperliquid": lambda _, asked: _hyperliquid(asked, rows),
    }[venue]


def _today(catalogue: Catalogue) -> list[Instrument]:
    return [row for row in catalogue if row.kind is not Kind.SPOT and row.holds_at(None)]


def _is_dated(row: Instrument) -> bool:
    return "-" in row.symbol.partition(":")[2]


def _binance(path: str, rows: list[Instrument]) -> dict[str, Any]:
    inverse = path.startswith("/dapi")
    symbols: list[dict[str, Any]] = []
    for row in rows:
        if (row.kind is Kind.INVERSE) is not inverse:
            continue
        said: dict[str, Any] = {
            "symbol": row.raw_symbol, "pair": f"{row.base}{row.quote}",
            "contractType": "CURRENT_QUARTER" if _is_dated(row) else "PERPETUAL",
            "deliveryDate": _expiry_ms(row) or 4133404800000, "onboardDate": 1569398400000,
            "baseAsset": row.base, "quoteAsset": row.quote, "marginAsset": row.settle,
            "filters": [
                {"filterType": "PRICE_FILTER", "maxPrice": "4529764", "minPrice": "0.01",
                 "tickSize": str(row.tick or 0.01)},
                {"filterType": "LOT_SIZE", "maxQty": "1000", "minQty": "0.001",
                 "stepSize": str(row.lot or 0.001)},
            ],
        }  # fmt: skip
        if inverse:
            said |= {"contractStatus": "TRADING", "contractSize": row.contract_value}
        else:
            said["status"] = "TRADING"
        symbols.append(said)
    return {"timezone": "UTC", "serverTime": 1793534400000, "rateLimits": [], "symbols": symbols}


def _bybit(asked: dict[str, Any], rows: list[Instrument]) -> dict[str, Any]:
    inverse = asked.get("category") == "inverse"
    listed = [
        {
            "symbol": row.raw_symbol, "status": "Trading", "baseCoin": row.base,
            "contractType": "InversePerpetual" if inverse else "LinearPerpetual",
            "quoteCoin": row.quote, "settleCoin": row.settle, "launchTime": "1585526400000",
            "deliveryTime": "0", "priceScale": "2", "fundingInterval": 480,
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
            "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": "10" if inverse else "0.001",
                              "qtyStep": "1" if inverse else "0.001"},
        }
        for row in rows
        if (row.kind is Kind.INVERSE) is inverse and asked.get("status") != "PreLaunch"
    ]  # fmt: skip
    result = {"category": asked.get("category"), "list": listed, "nextPageCursor": ""}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1}


def _okx(asked: dict[str, Any], rows: list[Instrument]) -> dict[str, Any]:
    data = [
        {
            "alias": "", "baseCcy": "", "category": "1", "ctMult": "1",
            "ctType": "inverse" if row.kind is Kind.INVERSE else "linear",
            "ctVal": f"{row.contract_value:g}",
            "ctValCcy": "USD" if row.kind is Kind.INVERSE else row.base,
            "expTime": str(_expiry_ms(row) or ""), "instFamily": f"{row.base}-{row.quote}",
            "instId": row.raw_symbol, "instType": asked["instType"], "lever": "100",
            "listTime": "1573557408000", "lotSz": "0.01", "maxLmtSz": "100000000",
            "maxMktSz": "35000", "minSz": "0.01", "optType": "", "quoteCcy": "",
            "settleCcy": row.settle, "state": "live", "stk": "", "tickSz": "0.1",
            "uly": f"{row.base}-{row.quote}",
        }
        for row in rows
        if ("FUTURES" if _is_dated(row) else "SWAP") == asked["instType"]
    ]  # fmt: skip
    return {"code": "0", "msg": "", "data": data}


def _hyperliquid(asked: dict[str, Any], rows: list[Instrument]) -> Any:
    if asked["type"] == "perpDexs":
        return [None, {"name": "xyz", "fullName": "XYZ", "deployer": "0x88", "oracleUpdater": None}]
    if asked["type"] == "spotMeta":
        return {"tokens": [{"name": "USDC", "index": 0}], "universe": []}
    dex = asked.get("dex")
    mine = [row for row in rows if (":" in row.raw_symbol) is (dex is not None)]
    universe = [
        {"szDecimals": 2, "name": row.raw_symbol, "maxLeverage": 10, "marginTableId": 10}
        for row in mine
    ]
    meta: dict[str, Any] = {"universe": universe, "collateralToken": 0}
    context = {
        "dayNtlVlm": "1709813.1", "funding": "0.0000125", "impactPxs": ["2369.3", "2369.6"],
        "markPx": "2369.6", "midPx": "2369.4", "openInterest": "1815.47", "oraclePx": "2367.3",
        "premium": "0.0009", "prevDayPx": "2381.5",
    }  # fmt: skip
    return [meta, [context] * len(mine)]


def _expiry_ms(row: Instrument) -> int | None:
    from datetime import UTC, datetime  # noqa: PLC0415 - used by dated rows only

    date = row.symbol.partition(":")[2].partition("-")[2]
    if not date:
        return None
    return int(datetime.strptime(f"{date} 08", "%y%m%d %H").replace(tzinfo=UTC).timestamp() * 1000)
