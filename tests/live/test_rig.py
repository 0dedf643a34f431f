"""All fakes together: what their adapters plan is served, and a run repeats itself."""

import asyncio
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from airpocket.market.events import BookChange, Liquidation, OpenInterest, Side, Trade
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.books import open_book
from airpocket.venues.register import LIVE
from tests.live.ledger import EventKey, event_key
from tests.live.listening import Heard, follow_all, open_at
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

BUSY = Rates(liquidations_per_h=1_200.0, book_every_s=0.5)
KINDS = {
    "binance": {"Trade", "Mark", "Funding", "Liquidation", "BookChange"},
    "bybit": {"Trade", "Mark", "Funding", "OpenInterest", "Liquidation", "BookChange"},
    "okx": {"Trade", "Mark", "Funding", "OpenInterest", "Liquidation", "BookChange"},
    "hyperliquid": {"Trade", "Mark", "Funding", "OpenInterest", "BookChange"},
}


@pytest.mark.parametrize("venue", LIVE)
def test_the_lines_of_the_adapter_are_served_whole(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[Heard, Rig]:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, BUSY)
        heard = await follow_all(rig, venue, 90, depth=True)
        return heard, rig

    heard, rig = run(follow)
    assert set(heard.counts()) == KINDS[venue]
    assert heard.silent_canaries == []
    assert [answer.reason for answer in heard.answers if answer.reason] == []
    assert rig.violations == []


@pytest.mark.parametrize("venue", LIVE)
def test_what_was_read_is_what_the_ledger_says_was_sent(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[Heard, Rig]:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, BUSY)
        return await follow_all(rig, venue, 60), rig

    heard, rig = run(follow)
    for kind in (Trade, Liquidation):
        got = Counter(event_key(event) for event in heard.events if type(event) is kind)
        sent = [one for one in rig.world.ledger.sent(venue) if type(one.event) is kind]
        told = Counter(one.key for one in sent if one.was_read)
        assert told - got == Counter()
        assert set(got - told) <= _replayed(rig, venue)
        assert len(sent) - sum(told.values()) <= 3  # still on their way at the end
    assert sum(got.values()) == 0 if venue == "hyperliquid" else sum(got.values()) > 20


def _replayed(rig: Rig, venue: str) -> set[EventKey]:
    """What connections said of the time before them."""
    frames = [one for session in rig[venue].sessions for one in session.delivered if one.replayed]
    return {sent.key for frame in frames for sent in frame.events}


@pytest.mark.parametrize("venue", LIVE)
def test_the_same_seed_gives_the_same_bytes(venue: str) -> None:
    async def follow(bench: Bench) -> list[bytes]:
        return (
            await follow_all(Rig(bench, {venue: SYMBOLS[venue]}, BUSY), venue, 30, depth=True)
        ).frames

    one = run(follow, seed=3)
    assert one == run(follow, seed=3)
    assert one != run(follow, seed=4)
    assert len(one) > 200


@pytest.mark.parametrize("venue", [name for name in LIVE if name != "binance"])
def test_books_in_the_stream_begin_whole_and_stay_whole(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[Heard, Rig]:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, BUSY)
        heard = await follow_all(rig, venue, 30, depth=True, names=rig.symbols[venue][:1])
        rig.world.stop()
        return heard, rig

    heard, rig = run(follow)
    name = rig.symbols[venue][0]
    book = open_book(venue)
    for event in heard.events:
        if isinstance(event, BookChange) and event.raw_symbol == name:
            book.apply(event)
            assert book.depth() is not None
    depth = book.depth()
    assert depth is not None
    assert len(depth.bids) == (20 if venue == "hyperliquid" else 25)


@pytest.mark.parametrize("venue", LIVE)
def test_a_cascade_is_heard_with_its_price_move(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[Heard, float]:
        rig = Rig(bench, {venue: SYMBOLS[venue]})
        before = rig.world.coins["BTC"].price
        rig.world.cascade(20, coin="BTC", side=Side.LONG, usd=40e6, seconds=30, move=0.06)
        heard = await follow_all(rig, venue, 60)
        return heard, rig.world.coins["BTC"].price / before

    heard, moved = run(follow)
    assert moved == pytest.approx(0.94 * 1.02, rel=0.01)
    forced = [e for e in heard.events if isinstance(e, Liquidation) and "BTC" in e.raw_symbol]
    trades = [e for e in heard.events if isinstance(e, Trade) and "BTC" in e.raw_symbol]
    assert min(t.price for t in trades) < 0.96 * trades[0].price
    if venue == "hyperliquid":
        assert forced == []
        return
    longs = [one for one in forced if one.liquidated is Side.LONG]
    usd = sum(one.notional_usd or 0.0 for one in longs)
    if venue == "binance":  # one a second
        assert 15 <= len(longs) <= 31
        assert usd < 35e6
    else:
        assert len(longs) >= 60
        assert usd == pytest.approx(40e6, rel=0.1)


def test_open_interest_falls_by_what_is_closed() -> None:
    async def follow(bench: Bench) -> list[float]:
        rig = Rig(bench, {"okx": SYMBOLS["okx"]})
        rig.world.cascade(10, usd=100e6, seconds=10)
        heard = await follow_all(rig, "okx", 40)
        held = [e for e in heard.events if isinstance(e, OpenInterest)]
        return [e.qty_base or 0.0 for e in held if e.raw_symbol == "BTC-USDT-SWAP"]

    held = run(follow)
    assert min(held) < 0.9 * held[0]


@pytest.mark.parametrize(
    "name", ["币安人生USDT", "1000SHIBUSDT", "<img onerror=x>USDT", "ABCDUSDE"]
)
def test_odd_symbols_are_listed_and_heard(name: str) -> None:
    async def follow(bench: Bench) -> list[Any]:
        rig = Rig(bench, {"bybit": ("BTCUSDT",)})
        base, quote = name[:-4], name[-4:]
        rig.world.list_symbol(
            Instrument(
                venue="bybit",
                raw_symbol=name,
                symbol=f"{base}/{quote}:{quote}",
                kind=Kind.LINEAR,
                base=base,
                quote=quote,
                settle=quote,
            )
        )
        heard = await follow_all(rig, "bybit", 30, names=["BTCUSDT", name])
        return [event for event in heard.events if event.raw_symbol == name]

    assert len(run(follow)) > 30


def test_a_delisted_symbol_falls_silent_and_is_refused() -> None:
    async def follow(bench: Bench) -> tuple[list[bytes], list[bytes]]:
        rig = Rig(bench, {"okx": ("BTC-USDT-SWAP", "ETH-USDT-SWAP")})
        await follow_all(rig, "okx", 20)
        rig.world.delist("okx", "ETH-USDT-SWAP")
        await asyncio.sleep(1)
        heard = await follow_all(rig, "okx", 20, names=["BTC-USDT-SWAP", "ETH-USDT-SWAP"])
        about = [frame for frame in heard.frames if b"ETH-USDT-SWAP" in frame]
        about = [frame for frame in about if b'"bkPx"' not in frame]  # an old one, once
        refused = [frame for frame in about if b'"60018"' in frame]
        return [f for f in about if f not in refused], refused

    about, refused = run(follow)
    assert about == []
    assert len(refused) == 4


def test_a_flood_is_numbered_without_a_hole() -> None:
    async def follow(bench: Bench) -> tuple[list[int], int]:
        rig = Rig(bench, {"okx": ("BTC-USDT-SWAP",)}, Rates(trades_per_s=None))
        asyncio.get_running_loop().call_later(
            5, lambda: rig.world.flood("okx", "BTC-USDT-SWAP", 2_000, 5)
        )
        heard = await follow_all(rig, "okx", 30)
        return [int(e.trade_id or 0) for e in heard.events if isinstance(e, Trade)], (
            rig.transport.connections[0].most_unread_bytes
        )

    ids, most_unread = run(follow)
    assert len(ids) == 10_000
    assert ids == list(range(ids[0], ids[0] + 10_000))
    assert most_unread < 1 << 20


def test_after_a_suspension_the_venue_has_gone_on() -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = Rig(bench, {"bybit": ("BTCUSDT",)})
        asyncio.get_running_loop().call_later(10, lambda: bench.loop.suspend(300))
        heard = await follow_all(rig, "bybit", 30)
        return [(e.venue_ns or 0) // 1_000_000 for e in heard.events if isinstance(e, Trade)]

    times = run(follow)
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 10_000  # no hole there
    assert times[-1] - times[0] > 300_000


@pytest.mark.slow
def test_a_day_on_four_venues_runs_in_a_minute() -> None:
    async def follow(bench: Bench) -> int:
        rates = Rates(trades_per_s=0.5, mark_every_s=5.0, open_interest_every_s=10.0)
        symbols = dict.fromkeys(("binance", "bybit"), ("BTCUSDT",))
        symbols |= {"okx": ("BTC-USDT-SWAP",), "hyperliquid": ("BTC",)}
        rig = Rig(bench, symbols, rates, keep=False)
        url = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
        connection = await open_at(rig, url)
        bench.loop.call_later(86_000, lambda: asyncio.ensure_future(connection.close()))
        await asyncio.sleep(86_400)
        return rig.world.ledger.count

    began = time.process_time()
    assert run(follow) > 200_000
    assert time.process_time() - began < 90
