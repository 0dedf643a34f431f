"""Frames as four streams send them, with other prices, sizes and symbols in each."""

import random
from typing import NamedTuple

COINS = {"BTC": 82_000.0, "ETH": 3_900.0, "SOL": 190.0, "XRP": 2.5, "DOGE": 0.2}
FIRST_MS = 1_791_565_600_000


class Sample(NamedTuple):
    """Frames of one stream, in the order of their times, and the events in each."""

    name: str
    frames: list[bytes]
    events_each: int


def _draws() -> random.Random:
    return random.Random(7)  # noqa: S311 - not a secret


def _price(draws: random.Random, coin: str) -> str:
    return f"{COINS[coin] * (0.9 + 0.2 * draws.random()):.4f}"


def _qty(draws: random.Random) -> str:
    return f"{0.001 + 9 * draws.random():.3f}"


def force_orders(count: int, *, combined: bool, rate: int = 1_000) -> Sample:
    """Forced orders of Binance; ``combined`` adds the envelope of ``/stream?streams=…``."""
    draws = _draws()
    frames = []
    for number in range(count):
        coin = draws.choice(list(COINS))
        at_ms = FIRST_MS + number * 1_000 // rate
        side = draws.choice(("SELL", "BUY"))
        qty = _qty(draws)
        frame = (
            f'{{"e":"forceOrder","E":{at_ms + 35},"o":{{"s":"{coin}USDT","S":"{side}",'
            f'"o":"LIMIT","f":"IOC","q":"{qty}","p":"{_price(draws, coin)}",'
            f'"ap":"{_price(draws, coin)}","X":"FILLED","l":"{qty}","z":"{qty}","T":{at_ms},'
            f'"ps":"{coin}USDT","st":1}}}}'
        )
        if combined:
            frame = f'{{"stream":"{coin.lower()}usdt@forceOrder","data":{frame}}}'
        frames.append(frame.encode())
    return Sample("Binance forceOrder", frames, 1)


def agg_trades(count: int, *, combined: bool) -> Sample:
    """Trades of Binance."""
    draws = _draws()
    frames = []
    for number in range(count):
        coin = draws.choice(list(COINS))
        at_ms = FIRST_MS + number
        frame = (
            f'{{"e":"aggTrade","E":{at_ms + 5},"a":{2_600_000_000 + number},"s":"{coin}USDT",'
            f'"p":"{_price(draws, coin)}","q":"{_qty(draws)}","f":{7_000_000_000 + number},'
            f'"l":{7_000_000_002 + number},"T":{at_ms},"m":{draws.choice(("true", "false"))},'
            f'"st":1}}'
        )
        if combined:
            frame = f'{{"stream":"{coin.lower()}usdt@aggTrade","data":{frame}}}'
        frames.append(frame.encode())
    return Sample("Binance aggTrade", frames, 1)


def all_liquidations(count: int, rows: int) -> Sample:
    """Liquidations of Bybit: every 500 ms a frame with all rows of a symbol."""
    draws = _draws()
    frames = []
    for number in range(count):
        coin = draws.choice(list(COINS))
        at_ms = FIRST_MS + 500 * number
        said = ",".join(
            f'{{"T":{at_ms + row},"s":"{coin}USDT","S":"{draws.choice(("Buy", "Sell"))}",'
            f'"v":"{_qty(draws)}","p":"{_price(draws, coin)}"}}'
            for row in range(rows)
        )
        frames.append(
            f'{{"topic":"allLiquidation.{coin}USDT","type":"snapshot","ts":{at_ms + 500},'
            f'"data":[{said}]}}'.encode()
        )
    return Sample(f"Bybit allLiquidation, {rows} rows", frames, rows)


def liquidation_orders(count: int) -> Sample:
    """Liquidations of OKX, one a frame as most are."""
    draws = _draws()
    frames = []
    for number in range(count):
        coin = draws.choice(list(COINS))
        side, position = draws.choice((("sell", "long"), ("buy", "short")))
        frames.append(
            f'{{"arg":{{"channel":"liquidation-orders","instType":"SWAP"}},"data":[{{"details":['
            f'{{"bkLoss":"0","bkPx":"{_price(draws, coin)}","ccy":"","posSide":"{position}",'
            f'"side":"{side}","sz":"{_qty(draws)}","ts":"{FIRST_MS + number}"}}],'
            f'"instFamily":"{coin}-USDT","instId":"{coin}-USDT-SWAP","instType":"SWAP",'
            f'"uly":"{coin}-USDT"}}]}}'.encode()
        )
    return Sample("OKX liquidation-orders", frames, 1)
