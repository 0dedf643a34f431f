"""The small market of ``airpocket demo``: an hour of two coins on three venues, with a cascade.

Written by hand to show every phase; it is *not* the simulator, proves nothing about markets, and is
not used to grade anything. Same seed, same events.
"""

import math
import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from airpocket.market.events import Coverage, Liquidation, Method, Side, Taker, Trade
from airpocket.units import MILLISECOND_NS, SECOND_NS, ns_from_iso

__all__ = ["START_NS", "STREAMS", "events"]

START_NS: Final = ns_from_iso("2026-11-02T13:00:00Z")
_LENGTH_S: Final = 70 * 60
_ONSET_S: Final = 38 * 60
STREAMS: Final = {"binance": "market", "bybit": "public-linear", "okx": "public"}


class _Coin(NamedTuple):
    symbol: str
    raw: dict[str, str]
    price: float
    tick: float
    trade_usd: float
    forced_usd: float


_COINS: Final = (
    _Coin(
        "BTC/USDT:USDT",
        {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP"},
        84_000.0, 0.1, 9_000.0, 9_000.0,
    ),
    _Coin(
        "ETH/USDT:USDT",
        {"binance": "ETHUSDT", "bybit": "ETHUSDT", "okx": "ETH-USDT-SWAP"},
        2_900.0, 0.01, 5_000.0, 6_000.0,
    ),
)  # fmt: skip
_CONTRACTS: Final = {("okx", "BTC"): 0.01, ("okx", "ETH"): 0.1}


def events(seed: int = 7) -> Iterator[Trade | Liquidation]:
    """Yield trades and liquidations in order of time.

    Parameters
    ----------
    seed
        Of the random numbers; the story is the same for every seed.
    """
    rng = random.Random(seed)  # noqa: S311 — a story, not a secret
    noise = dict.fromkeys((coin.symbol for coin in _COINS), 0.0)
    serial = 1_000
    for second in range(_LENGTH_S):
        batch: list[Trade | Liquidation] = []
        for coin in _COINS:
            noise[coin.symbol] = 0.98 * noise[coin.symbol] + rng.gauss(0.0, 6e-5)
            price = coin.price * math.exp(_story(second) + noise[coin.symbol])
            for venue in STREAMS:
                serial += 1
                batch += _second(rng, coin, venue, second, price, serial)
        yield from sorted(batch, key=lambda event: event.venue_ns or 0)


def _story(second: int) -> float:
    """Log price of the story: calm, two falls, a snap-back, calm at a lower level."""
    after = second - _ONSET_S
    if after < 0:
        return 0.0
    fall = -0.034 * min(1.0, after / 70.0) - 0.031 * min(1.0, max(0.0, (after - 330) / 80.0))
    back = 0.033 * (1.0 - math.exp(-max(0.0, after - 430) / 90.0))
    return fall + back


def _forced_rate(second: int) -> float:
    """Give the forced closes a second, for one coin on one venue."""
    after = second - _ONSET_S
    first = 9.0 * math.exp(-(((after - 40) / 26.0) ** 2)) if 0 <= after < 150 else 0.0
    second_wave = 14.0 * math.exp(-(((after - 375) / 30.0) ** 2)) if after >= 310 else 0.0
    return 0.004 + first + second_wave


def _second(
    rng: random.Random, coin: _Coin, venue: str, second: int, price: float, serial: int
) -> Iterator[Trade | Liquidation]:
    start_ns = START_NS + second * SECOND_NS
    forced = _forced_rate(second)
    base = coin.symbol.partition("/")[0]
    step = _CONTRACTS.get((venue, base), 1.0)
    raw_symbol = coin.raw[venue]
    for number in range(_poisson(rng, 0.8 + 3.0 * forced)):
        traded = _on_tick(price * (1.0 + rng.gauss(0.0, 3e-5)), coin.tick)
        raw = _size(rng, coin.trade_usd, traded, step)
        sells = 0.5 + (0.35 if forced > 1.0 else 0.0)
        yield Trade(
            venue=venue, symbol=coin.symbol, raw_symbol=raw_symbol,
            venue_ns=start_ns + rng.randrange(1000) * MILLISECOND_NS, price=traded,
            qty_raw=raw, qty_base=raw * step, notional_usd=raw * step * traded,
            taker=Taker.SELL if rng.random() < sells else Taker.BUY,
            trade_id=str(serial * 1_000 + number),
        )  # fmt: skip
    closes = _poisson(rng, forced)
    if venue == "binance":
        closes = min(closes, 1)  # its stream shows at most one a symbol and second
    for _ in range(closes):
        filled = _on_tick(price * (1.0 - abs(rng.gauss(0.0, 4e-4))), coin.tick)
        bankrupt = _on_tick(filled * 0.996, coin.tick)
        raw = _size(rng, coin.forced_usd, filled, step)
        worth = filled if venue == "binance" else bankrupt
        yield Liquidation(
            venue=venue, symbol=coin.symbol, raw_symbol=raw_symbol,
            venue_ns=start_ns + rng.randrange(1000) * MILLISECOND_NS,
            liquidated=Side.LONG if second > _ONSET_S or rng.random() < 0.5 else Side.SHORT,
            order_price=bankrupt if venue == "binance" else None,
            fill_price=filled if venue == "binance" else None, bankruptcy_price=bankrupt,
            qty_raw=raw, qty_base=raw * step, notional_usd=raw * step * worth,
            method=Method.BOOK if venue == "binance" else Method.UNKNOWN,
            coverage=Coverage.THROTTLED, rule_id="demo",
        )  # fmt: skip


def _poisson(rng: random.Random, mean: float) -> int:
    """Draw a Poisson number (Knuth's product of uniforms; means here are small)."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _size(rng: random.Random, usd: float, price: float, step: float) -> float:
    """Draw a log-normal size in the venue's unit, of whole contracts or thousandths of a coin."""
    coins = usd * math.exp(rng.gauss(0.0, 1.2)) / price
    if step != 1.0:
        return float(max(1, round(coins / step)))
    return max(1, round(coins * 1000)) / 1000


def _on_tick(price: float, tick: float) -> float:
    return round(round(price / tick) * tick, 2)
