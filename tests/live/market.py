"""One made-up market: its price, trades, open interest, funding and book.

Every draw comes from the market's own random numbers, so that nothing a client does (or another
market) changes what happens here.
"""

import math
import random
from collections import deque
from typing import Final, final

from airpocket.market.events import (
    BookChange,
    Coverage,
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.market.instrument import Instrument, Kind
from airpocket.units import HOUR_NS
from tests.live.ledger import Sent

__all__ = ["Coin", "Market"]

_USUAL: Final = {"BTC": 64_000.0, "ETH": 2_600.0, "SOL": 150.0, "XRP": 0.6, "DOGE": 0.15}
_LEVELS: Final = 25
_RECENT: Final = 20_000

# What the venue calls its trades, and by how much its book's numbers may jump at most.
_TRADE_IDS: Final = {"binance": 7_000_000_000, "okx": 900_000_000, "hyperliquid": 480_000_000_000}
_UPDATE_IDS: Final = {"binance": 9_400_000_000_000, "okx": 41_000_000_000, "bybit": 1_800_000}
_JUMPS: Final = {"binance": 40, "okx": 9, "bybit": 1}


@final
class Coin:
    """The price of a coin, the same on all venues up to each market's basis."""

    def __init__(self, base: str, seed: str) -> None:
        self.base = base
        self._rng = random.Random(seed)
        start = _USUAL.get(base.removeprefix("1000").removeprefix("k"))
        self.price = start if start is not None else round(10 ** self._rng.uniform(-2, 2), 6)
        self.volatility = 0.0002  # a second

    def step(self) -> None:
        """Let a second pass."""
        self.price *= math.exp(self._rng.gauss(0.0, self.volatility))

    def push(self, factor: float) -> None:
        """Move the price at once."""
        self.price *= factor


@final
class Market:
    """One instrument of one venue.

    Parameters
    ----------
    instrument
        Whose contract the sizes are in.
    coin
        Its price.
    seed
        Of its own random numbers.
    """

    def __init__(self, instrument: Instrument, coin: Coin, seed: str) -> None:
        self.instrument = instrument
        self.coin = coin
        self.rng = random.Random(seed)
        self.is_listed = True
        self.is_inverse = instrument.kind is Kind.INVERSE
        self._basis = 1.0 + self.rng.gauss(0.0, 2e-4)
        self.tick = instrument.tick or 10.0 ** (math.floor(math.log10(coin.price)) - 4)
        self.lot = instrument.lot or self._usual_lot()
        self.open_coins = round(4e8 / coin.price, 3)
        self.rate = round(self.rng.gauss(1e-4, 3e-5), 8)
        self.trades: deque[Sent] = deque(maxlen=_RECENT)  # what REST still serves
        self.forced: deque[Sent] = deque(maxlen=200)
        self._trade_id = _TRADE_IDS.get(instrument.venue, 0) + self.rng.randrange(1_000_000)
        self.update_id = _UPDATE_IDS.get(instrument.venue, 0) + self.rng.randrange(100_000)
        self._jump = _JUMPS.get(instrument.venue, 1)
        self._said: set[tuple[int, float, float]] = set()
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self._fill_book()

    @property
    def price(self) -> float:
        """Middle of the market, on its tick."""
        return self.on_tick(self.coin.price * self._basis)

    def on_tick(self, price: float) -> float:
        """Round a price as the venue does."""
        return float(f"{max(1, round(price / self.tick)) * self.tick:.12g}")

    def lots(self, usd: float, price: float) -> float:
        """Size in the venue's units of some dollars, at least a lot."""
        raw = self.instrument.qty_raw(usd / price, price)
        size = 1.0 if raw is None else raw
        return float(f"{max(1, round(size / self.lot)) * self.lot:.12g}")

    def trade(self, at_ns: int, *, taker: Taker | None = None, usd: float | None = None) -> Trade:
        """Let somebody trade."""
        rng = self.rng
        side = taker or (Taker.BUY if rng.random() < 0.5 else Taker.SELL)
        away = abs(rng.gauss(0.0, 2e-5)) * (1 if side is Taker.BUY else -1)
        price = self.on_tick(self.price * (1.0 + away))
        return self.trade_at(
            at_ns, side, price, self.lots(usd or rng.lognormvariate(7, 1.5), price)
        )

    def trade_at(self, at_ns: int, taker: Taker, price: float, qty_raw: float) -> Trade:
        """Print a trade under the next id."""
        self._trade_id += 1
        raw = self.instrument
        return Trade(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            price=price, qty_raw=qty_raw, qty_base=raw.qty_base(qty_raw, price),
            notional_usd=raw.notional_usd(qty_raw, price), taker=taker,
            trade_id=self._trade_name(),
        )  # fmt: skip

    def liquidation(self, at_ns: int, side: Side, usd: float) -> Liquidation:
        """Close somebody by force; no two look alike unless asked to."""
        fill = self.on_tick(self.price * (0.9995 if side is Side.LONG else 1.0005))
        limit = self.on_tick(self.price * (0.995 if side is Side.LONG else 1.005))
        qty = self.lots(usd, fill)
        while (at_ns // 1_000_000, qty, limit) in self._said:
            qty = float(f"{qty + self.lot:.12g}")
        self._said.add((at_ns // 1_000_000, qty, limit))
        raw = self.instrument
        return Liquidation(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            liquidated=side, order_price=limit, fill_price=fill, bankruptcy_price=limit,
            qty_raw=qty, qty_base=raw.qty_base(qty, fill), notional_usd=raw.notional_usd(qty, fill),
            method=Method.BOOK, coverage=Coverage.CENSUS, rule_id="world",
        )  # fmt: skip

    def mark(self, at_ns: int, *, is_new: bool = True) -> Mark:
        """Say the mark; nearly always another one than before."""
        noise = self.rng.gauss(0.0, 1e-5) if is_new else 0.0
        price = float(f"{self.price * (1.0 + noise):.9g}")
        index = float(f"{self.coin.price:.9g}")
        raw = self.instrument
        return Mark(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            mark_price=price, index_price=index,
        )  # fmt: skip

    def funding(self, at_ns: int, *, is_new: bool = True) -> Funding:
        """Say the funding of the running interval."""
        if is_new:
            self.rate = round(self.rate + self.rng.gauss(0.0, 2e-6), 8)
        hours = 1 if self.instrument.venue == "hyperliquid" else 8
        due_ns = (at_ns // (hours * HOUR_NS) + 1) * hours * HOUR_NS
        raw = self.instrument
        return Funding(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            rate=self.rate, interval_ns=hours * HOUR_NS, due_ns=due_ns,
        )  # fmt: skip

    def open_interest(self, at_ns: int, *, is_new: bool = True) -> OpenInterest:
        """Say the open contracts."""
        if is_new:
            self.open_coins = round(self.open_coins * (1.0 + self.rng.gauss(0.0, 1e-4)), 3)
        raw = self.instrument
        usd = float(f"{self.open_coins * self.price:.12g}")
        if self.is_inverse:
            usd = round(usd / raw.contract_value) * raw.contract_value
        return OpenInterest(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            qty_base=self.open_coins, notional_usd=usd,
        )  # fmt: skip

    def book_change(self, at_ns: int) -> BookChange:
        """Change some levels, and number the change as the venue does."""
        before = dict(self.bids), dict(self.asks)
        self._fill_book()
        changed = []
        for old, new in zip(before, (self.bids, self.asks), strict=True):
            gone = [(price, 0.0) for price in sorted(old) if price not in new]
            changed.append(gone + [(p, q) for p, q in sorted(new.items()) if old.get(p) != q])
        previous = self.update_id
        self.update_id += self.rng.randint(1, self._jump)
        raw = self.instrument
        return BookChange(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            bids=changed[0], asks=changed[1], is_snapshot=False, first_update_id=previous + 1,
            last_update_id=self.update_id, previous_update_id=previous,
        )  # fmt: skip

    def book_snapshot(self, at_ns: int, levels: int = _LEVELS) -> BookChange:
        """Say the whole book."""
        raw = self.instrument
        return BookChange(
            venue=raw.venue, symbol=raw.symbol, raw_symbol=raw.raw_symbol, venue_ns=at_ns,
            bids=sorted(self.bids.items(), reverse=True)[:levels],
            asks=sorted(self.asks.items())[:levels],
            is_snapshot=True, last_update_id=self.update_id,
        )  # fmt: skip

    def _fill_book(self) -> None:
        """Move the levels to the price; those that stay keep their size, but for a few."""
        rng, middle = self.rng, self.price
        step = max(self.tick, middle * 2e-5)
        for side, sign in ((self.bids, -1), (self.asks, 1)):
            wanted = [
                self.on_tick(middle + sign * (self.tick + level * step)) for level in range(_LEVELS)
            ]
            inside = {price for price in side if (price - middle) * sign > 0}
            kept = {price: side[price] for price in sorted(inside & set(wanted))}
            for price in wanted:
                if price not in kept or rng.random() < 0.1:
                    kept[price] = self._book_size(rng.lognormvariate(9, 1), price)
            side.clear()
            side.update(kept)

    def _book_size(self, usd: float, price: float) -> float:
        """Size as books say it: coins, or contracts of an inverse one."""
        raw = self.lots(usd, price)
        return raw if self.is_inverse else float(f"{raw * self.instrument.contract_value:.12g}")

    def _trade_name(self) -> str:
        if self.instrument.venue == "bybit":  # a UUID, of which only the number differs
            return f"{self._trade_id:08x}-7a1c-5e0b-9d2f-3c4b5a697888"
        return str(self._trade_id)

    def _usual_lot(self) -> float:
        if self.is_inverse or self.instrument.contract_value != 1.0:
            return 1.0 if self.is_inverse else 0.01
        exponent = math.floor(math.log10(self.coin.price))
        return float(10.0 ** min(0, -exponent + 1))
