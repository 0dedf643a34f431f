"""A made-up day on several venues, the same for the same seed whatever a client does.

The world says what happens and when; the fake venues (its outlets) say it as the real ones would,
to whoever is subscribed. Everything lands in :attr:`World.ledger`.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count as counting
from typing import Final, Protocol, TypeAlias, final

from msgspec import Struct

from airpocket.market.events import Event, Liquidation, Side, Taker, Trade
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.venues.register import catalogue_of
from tests.live.ledger import Ledger, Sent
from tests.live.market import Coin, Market
from tests.live.virtual import BEGIN_S, Bench

__all__ = ["Outlet", "Rates", "World"]

_MS: Final = 1_000_000
_Act: TypeAlias = Callable[[int], object]  # given the time of it, in nanoseconds


class Rates(Struct, frozen=True, kw_only=True):
    """How busy a market is; ``None``: that never happens."""

    trades_per_s: float | None = 2.0
    mark_every_s: float | None = 1.0
    open_interest_every_s: float | None = 3.0
    funding_every_s: float | None = 30.0
    book_every_s: float | None = None
    liquidations_per_h: float | None = 12.0


class Outlet(Protocol):
    """A venue, as the world sees it."""

    @property
    def funding_with_mark(self) -> bool:
        """Whether each mark is said together with the funding."""
        ...

    def publish(self, sents: Sequence[Sent]) -> None:
        """Say what happened at one moment in one market."""
        ...

    def listing_changed(self, raw_symbol: str) -> None:
        """Take note that an instrument was listed or delisted."""
        ...


@final
class World:
    """Markets on venues.

    Parameters
    ----------
    bench
        Loop, venues' clock and seed.
    symbols
        Raw symbols by venue.
    rates
        How busy the markets are.
    keep
        Whether the ledger keeps every event (not for days).
    """

    def __init__(
        self,
        bench: Bench,
        symbols: Mapping[str, Sequence[str]],
        rates: Rates | None = None,
        *,
        keep: bool = True,
    ) -> None:
        self.bench = bench
        self.loop: asyncio.AbstractEventLoop = bench.loop
        self.seed = bench.seed
        self.rates = rates or Rates()
        self.ledger = Ledger(keep=keep)
        self.catalogues = {venue: catalogue_of(venue) for venue in symbols}
        self.markets: dict[tuple[str, str], Market] = {}
        self.outlets: dict[str, Outlet] = {}
        self.coins: dict[str, Coin] = {}
        self._agenda = _Agenda(self.loop, bench.venue_clock.wall_ns() // _MS * _MS)
        self._running: set[tuple[str, str, str]] = set()
        self._is_running = False
        for venue, names in symbols.items():
            for name in names:
                self._open(_listed(self.catalogues[venue], venue, name, self._agenda.now_ns()))

    @property
    def sent(self) -> list[Sent]:
        """Events that were put on at least one connection."""
        return self.ledger.sent()

    @property
    def happened(self) -> list[Sent]:
        """All events, heard or not."""
        return self.ledger.happened

    def now_ns(self) -> int:
        """Venues' time, in whole milliseconds: when what happens now was due."""
        return self._agenda.now_ns()

    def start(self) -> None:
        """Let time begin, at this moment of the loop."""
        self._is_running = True
        for coin in self.coins.values():
            self._step(coin)
        for market in self.markets.values():
            self._remember(market)
            self._begin(market)

    def stop(self) -> None:
        """Let nothing happen any more."""
        self._is_running = False
        self._running.clear()
        self._agenda.clear()

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something in a while, in the world's own order."""
        self._agenda.add(self._agenda.now_ms() + round(seconds * 1_000), lambda _: act())

    def market(self, venue: str, raw_symbol: str) -> Market:
        """Find a market.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self.markets[venue, raw_symbol]

    def of_venue(self, venue: str) -> list[Market]:
        """Listed markets of a venue."""
        return [m for (where, _), m in self.markets.items() if where == venue and m.is_listed]

    def tell(self, events: Sequence[Event]) -> list[Sent]:
        """Let something happen in one market now."""
        market = self.markets[events[0].venue, events[0].raw_symbol]
        at_s = BEGIN_S + (self.now_ns() - self.bench.start_ns) / 1e9
        sents = [self.ledger.write(event, at_s) for event in events]
        for sent in sents:
            if isinstance(sent.event, Trade):
                market.trades.append(sent)
            elif isinstance(sent.event, Liquidation):
                market.forced.append(sent)
        outlet = self.outlets.get(events[0].venue)
        if outlet is not None:
            outlet.publish(sents)
        return sents

    def list_symbol(self, instrument: Instrument) -> Market:
        """List an instrument; odd names are welcome."""
        self.catalogues.setdefault(instrument.venue, Catalogue()).learn([instrument])
        market = self._open(instrument)
        if self._is_running:
            self._remember(market)
            self._begin(market)
        self._announce(instrument.venue, instrument.raw_symbol)
        return market

    def delist(self, venue: str, raw_symbol: str) -> None:
        """End a market."""
        self.markets[venue, raw_symbol].is_listed = False
        self._running = {key for key in self._running if key[1:] != (venue, raw_symbol)}
        self._announce(venue, raw_symbol)

    def liquidate(
        self,
        venue: str,
        raw_symbol: str,
        *,
        side: Side = Side.LONG,
        usd: float = 50_000.0,
        alike: int = 1,
    ) -> list[Sent]:
        """Close somebody by force now, with the trade that does it; ``alike`` times the same."""
        market = self.market(venue, raw_symbol)
        forced = market.liquidation(self.now_ns(), side, usd)
        said = []
        for _ in range(alike):
            self.tell([_forced_trade(market, forced)])
            said += self.tell([forced])
        self._closed(market, forced)
        return said

    def flood(self, venue: str, raw_symbol: str, rate: float, seconds: float) -> int:
        """Let trades happen at a rate, in slices of 10 ms; tells how many it will be."""
        market = self.market(venue, raw_symbol)
        total = round(rate * seconds)
        slices = max(1, round(seconds * 100))
        for at in range(slices):
            count = total * (at + 1) // slices - total * at // slices
            self.after(at / 100, partial(self._burst, market, count))
        return total

    def cascade(
        self,
        at_s: float,
        *,
        coin: str = "BTC",
        side: Side = Side.LONG,
        usd: float = 40e6,
        seconds: float = 30.0,
        move: float = 0.06,
        count: int = 60,
    ) -> None:
        """Let positions of a coin be liquidated in a chain, on every venue.

        Parameters
        ----------
        at_s
            Seconds from now.
        coin, side
            Whose positions.
        usd, count
            Closed notional and number of liquidations, on each market of the coin.
        seconds
            How long it lasts; most of it happens in the middle.
        move
            Part of the price that is lost (or won, if shorts are closed); a third comes back.
        """
        rng = random.Random(f"{self.seed}:cascade:{coin}:{at_s}")
        sign = -1.0 if side is Side.LONG else 1.0
        steps = 40
        for step in range(steps):
            share = (1.0 + sign * move) ** (1.0 / steps)
            when = at_s + seconds * (step + 0.5) / steps
            self.after(when, partial(self.coins[coin].push, share))
        for step in range(10):
            back = (1.0 - sign * move / 3) ** (1.0 / 10)
            when = at_s + seconds * (1.1 + step / 40)
            self.after(when, partial(self.coins[coin].push, back))
        for market in self.markets.values():
            if market.coin.base != coin:
                continue
            sizes = [rng.lognormvariate(0.0, 1.2) for _ in range(count)]
            for size in sizes:
                when = at_s + seconds * rng.betavariate(2.0, 2.5)
                self.after(when, partial(self._force, market, side, usd * size / sum(sizes)))
            for _ in range(count * 4):
                when = at_s + seconds * rng.betavariate(2.0, 2.5)
                taker = Taker.SELL if side is Side.LONG else Taker.BUY
                self.after(when, partial(self._trade, market, taker, rng.lognormvariate(9.5, 1)))

    def _open(self, instrument: Instrument) -> Market:
        coin = self.coins.get(instrument.base)
        if coin is None:
            coin = self.coins[instrument.base] = Coin(
                instrument.base, f"{self.seed}:{instrument.base}"
            )
            if self._is_running:
                self._step(coin)
        seed = f"{self.seed}:{instrument.venue}:{instrument.raw_symbol}"
        market = Market(instrument, coin, seed)
        self.markets[instrument.venue, instrument.raw_symbol] = market
        return market

    def _announce(self, venue: str, raw_symbol: str) -> None:
        if venue in self.outlets:
            self.outlets[venue].listing_changed(raw_symbol)

    def _remember(self, market: Market) -> None:
        """Give a market a past, that nobody was told of: snapshots and replays show it."""
        now_ns = self.now_ns()
        for back in range(20, 0, -1):
            at_ns = now_ns - back * 1_700 * _MS
            market.trades.append(Sent(0, market.trade(at_ns), 0.0))
        for back in (3, 2, 1):
            at_ns = now_ns - back * 97_000 * _MS
            market.forced.append(Sent(0, market.liquidation(at_ns, Side.LONG, 9e3 * back), 0.0))

    def _begin(self, market: Market) -> None:
        rates, name = self.rates, (market.instrument.venue, market.instrument.raw_symbol)

        def rng(kind: str) -> random.Random:
            return random.Random(f"{self.seed}:{kind}:{name}")

        outlet = self.outlets.get(name[0])
        with_mark = outlet is not None and outlet.funding_with_mark
        if rates.trades_per_s:
            turns = _poisson(rng("trade"), 1_000 / rates.trades_per_s)
            self._repeat(("trade", *name), turns, lambda ns: self.tell([market.trade(ns)]))
        if rates.mark_every_s:
            turns = _every(round(1_000 * rates.mark_every_s))
            self._repeat(("mark", *name), turns, lambda ns: self._mark(market, ns, with_mark))
        if rates.open_interest_every_s:
            turns = _every(round(1_000 * rates.open_interest_every_s))
            self._repeat(("oi", *name), turns, lambda ns: self.tell([market.open_interest(ns)]))
        if rates.funding_every_s and not with_mark:
            turns = _every(round(1_000 * rates.funding_every_s))
            self._repeat(("funding", *name), turns, lambda ns: self.tell([market.funding(ns)]))
        if rates.book_every_s:
            turns = _every(round(1_000 * rates.book_every_s))
            self._repeat(("book", *name), turns, lambda ns: self.tell([market.book_change(ns)]))
        if rates.liquidations_per_h:
            draws = rng("liquidation")
            turns = _poisson(draws, 3_600_000 / rates.liquidations_per_h)
            self._repeat(("force", *name), turns, lambda _: self._force(
                market, draws.choice((Side.LONG, Side.SHORT)), draws.lognormvariate(9, 1.2)
            ))  # fmt: skip

    def _mark(self, market: Market, at_ns: int, with_funding: bool) -> None:  # noqa: FBT001
        said: list[Event] = [market.mark(at_ns)]
        self.tell([*said, market.funding(at_ns)] if with_funding else said)

    def _trade(self, market: Market, taker: Taker, usd: float) -> None:
        if market.is_listed:
            self.tell([market.trade(self.now_ns(), taker=taker, usd=usd)])

    def _burst(self, market: Market, count: int) -> None:
        for _ in range(count):
            self.tell([market.trade(self.now_ns())])

    def _force(self, market: Market, side: Side, usd: float) -> None:
        if market.is_listed:
            raw = market.instrument
            self.liquidate(raw.venue, raw.raw_symbol, side=side, usd=usd)

    def _closed(self, market: Market, forced: Liquidation) -> None:
        market.open_coins = max(0.0, round(market.open_coins - (forced.qty_base or 0.0), 3))

    def _step(self, coin: Coin) -> None:
        self._repeat(("coin", "", coin.base), _every(1_000), lambda _: coin.step())

    def _repeat(self, key: tuple[str, str, str], turns: Iterator[int], act: _Act) -> None:
        """Do something at the milliseconds that ``turns`` yields, counted from now."""
        begin_ms = self._agenda.now_ms()
        self._running.add(key)

        def turn(at_ns: int) -> None:
            if key in self._running:  # not delisted meanwhile
                act(at_ns)
                self._agenda.add(begin_ms + next(turns), turn)

        self._agenda.add(begin_ms + next(turns), turn)


@final
class _Agenda:
    """What is to happen, by millisecond; what falls on the same one keeps its order.

    One timer of the loop, and an order of its own: the loop's heap would let the timers of a
    client decide which of two events of one moment comes first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, from_ns: int) -> None:
        self._loop = loop
        self._from_s, self._from_ns = loop.time(), from_ns
        self._heap: list[tuple[int, int, _Act]] = []
        self._order = counting()
        self._timer: asyncio.TimerHandle | None = None
        self._at_ms: int | None = None  # while acting: what was due

    def now_ms(self) -> int:
        if self._at_ms is not None:
            return self._at_ms
        return round((self._loop.time() - self._from_s) * 1_000)

    def now_ns(self) -> int:
        return self._from_ns + self.now_ms() * _MS

    def add(self, at_ms: int, act: _Act) -> None:
        heapq.heappush(self._heap, (at_ms, next(self._order), act))
        if self._at_ms is None and self._heap[0][2] is act:
            self._wind()

    def clear(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._heap:
            self._timer = self._loop.call_at(self._from_s + self._heap[0][0] / 1_000, self._act)

    def _act(self) -> None:
        due_ms = round((self._loop.time() - self._from_s) * 1_000)
        at_ms = min(due_ms, self._heap[0][0])
        try:
            while self._heap and self._heap[0][0] <= at_ms:  # one moment a turn of the loop
                self._at_ms = max(at_ms, self._heap[0][0])
                _, _, act = heapq.heappop(self._heap)
                act(self._from_ns + self._at_ms * _MS)
        finally:
            self._at_ms = None
        self._wind()


def _every(step_ms: int) -> Iterator[int]:
    at_ms = 0
    while True:
        at_ms += step_ms
        yield at_ms


def _poisson(rng: random.Random, mean_ms: float) -> Iterator[int]:
    at_ms = 0
    while True:
        at_ms += max(1, round(rng.expovariate(1.0 / mean_ms)))
        yield at_ms


def _listed(catalogue: Iterable[Instrument], venue: str, raw_symbol: str, at_ns: int) -> Instrument:
    for row in catalogue:
        if row.raw_symbol == raw_symbol and row.holds_at(at_ns):
            return row
    raise KeyError(f"{venue} does not list {raw_symbol}: give the world an Instrument of it")


def _forced_trade(market: Market, forced: Liquidation) -> Event:
    taker = Taker.SELL if forced.liquidated is Side.LONG else Taker.BUY
    price = forced.fill_price or market.price
    return market.trade_at(forced.venue_ns or 0, taker, price, forced.qty_raw)
