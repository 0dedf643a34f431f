"""The peers' own paths from a frame to an event, without their sockets.

ccxt.pro: ``Client.handle_text_or_binary_message``, as its receive loop calls it: JSON (orjson,
which ccxt prefers and the bench environment has), ``handle_message``, the exchange's handler, its
cache. cryptofeed: ``message_handler`` of the exchange, awaited, up to the user's callback. Both get
text, as their sockets give it, and markets put in by hand instead of from REST.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.frames import COINS

BINANCE = "binance"
BYBIT = "bybit"
OKX = "okx"

_CCXT = {
    BINANCE: ("binanceusdm", "{coin}USDT", "wss://localhost/market/ws"),
    BYBIT: ("bybit", "{coin}USDT", "wss://localhost/v5/public/linear"),
    OKX: ("okx", "{coin}-USDT-SWAP", "wss://localhost/ws/v5/public"),
}


class Seen(NamedTuple):
    """Last event of a peer, to check that both did the same work."""

    count: int
    price: float
    qty: float


class Peer(NamedTuple):
    """A peer that reads one venue: give it frames, ask what it saw last."""

    name: str
    feed: Callable[[list[str]], None]
    seen: Callable[[], Seen]


def _market(raw_symbol: str, coin: str) -> dict[str, Any]:
    return {
        "id": raw_symbol, "lowercaseId": raw_symbol.lower(), "symbol": f"{coin}/USDT:USDT",
        "base": coin, "quote": "USDT", "settle": "USDT", "baseId": coin, "quoteId": "USDT",
        "settleId": "USDT", "type": "swap", "subType": "linear", "spot": False, "margin": False,
        "swap": True, "future": False, "option": False, "contract": True, "linear": True,
        "inverse": False, "active": True, "contractSize": 1.0, "limits": {},
        "precision": {"price": 0.0001, "amount": 0.001}, "info": {"instFamily": f"{coin}-USDT"},
    }  # fmt: skip


@contextmanager
def ccxt(venue: str) -> Iterator[Peer]:
    """Open the venue's exchange of ccxt.pro."""
    from ccxt import pro  # noqa: PLC0415 - a peer that may be missing

    name, form, url = _CCXT[venue]
    loop = asyncio.new_event_loop()

    async def opened() -> Any:
        exchange = getattr(pro, name)({"enableRateLimit": False})
        exchange.set_markets([_market(form.format(coin=coin), coin) for coin in COINS])
        return exchange, exchange.client(url)

    exchange, client = loop.run_until_complete(opened())
    handle = client.handle_text_or_binary_message

    def feed(frames: list[str]) -> None:
        for frame in frames:
            handle(frame)

    def seen() -> Seen:
        if exchange.liquidations:
            last = exchange.liquidations[-1]
            return Seen(len(exchange.liquidations), last["price"], last["contracts"])
        trades = [cache[-1] for cache in exchange.trades.values()]
        last = max(trades, key=lambda trade: trade["timestamp"])
        count = sum(map(len, exchange.trades.values()))
        return Seen(count, last["price"], last["amount"])

    try:
        yield Peer(f"ccxt.pro {pro.__version__}", feed, seen)
    finally:
        loop.run_until_complete(exchange.close())
        loop.close()


@contextmanager
def cryptofeed(channel: str) -> Iterator[Peer]:
    """Open cryptofeed's Binance futures with one channel: ``liquidations`` or ``trades``."""
    from importlib.metadata import version  # noqa: PLC0415

    from cryptofeed.exchanges import BinanceFutures  # noqa: PLC0415 - a peer that may be missing
    from cryptofeed.symbols import Symbols  # noqa: PLC0415

    logging.getLogger("feedhandler").setLevel(logging.ERROR)
    symbols = {f"{coin}-USDT-PERP": f"{coin}USDT" for coin in COINS}
    Symbols.set(BinanceFutures.id, symbols, {"instrument_type": {}})
    last: list[Any] = [0, None]

    async def take(event: Any, _receipt: float) -> None:
        last[0] += 1
        last[1] = event

    exchange = BinanceFutures(symbols=list(symbols), channels=[channel], callbacks={channel: take})
    handler = exchange.message_handler

    async def read(frames: list[str]) -> None:
        for frame in frames:
            await handler(frame, None, 0.0)

    def feed(frames: list[str]) -> None:
        _finish(read(frames))

    def seen() -> Seen:
        event = last[1]
        qty = getattr(event, "quantity", None) or event.amount
        return Seen(last[0], float(event.price), float(qty))

    yield Peer(f"cryptofeed {version('cryptofeed')}", feed, seen)


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("a handler waited for something")
