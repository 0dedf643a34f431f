"""What is asked now and then: nothing of it can stop or spoil anything else."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from airpocket.live.polling import OPEN_INTEREST_STREAM, Every, Heard, Polling
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_client import RestError, RestFault
from airpocket.live.rest_readings import Listing, Offset
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.rest_rules import Call
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.units import MINUTE_NS
from tests.live import virtual
from tests.live.scripted_client import ScriptedClient


def _market(base: str, **other: Any) -> dict[str, Any]:
    return {
        "id": f"{base}USDT", "symbol": f"{base}/USDT:USDT", "base": base, "quote": "USDT",
        "settle": "USDT", "type": "swap", "linear": True, "inverse": False, "contractSize": 1.0,
        "active": True,
    } | other  # fmt: skip


class _World:
    """A venue, and everything that was told of it with its time in seconds."""

    def __init__(self, bench: virtual.Bench, venue: str = "binance") -> None:
        self.bench = bench
        self.client = ScriptedClient(self._answer)
        self.client.listing = lambda: ([_market("BTC")], [])
        self.refused: set[str] = set()
        self.frames: list[tuple[float, str, bytes]] = []
        self.listings: list[tuple[float, Listing]] = []
        self.offsets: list[Offset] = []
        self.troubles: list[tuple[str, str | None]] = []
        self.catalogue = Catalogue([])
        self.rest = Rest(rest_rules(venue), self.client, bench.clock, bench.rng)
        heard = Heard(self._receive, self._listed, self.offsets.append, self._trouble)
        self.polling = Polling(self.rest, self.catalogue, heard, bench.rng)

    def _answer(self, call: Call) -> bytes:
        if call.endpoint.endswith("GetTime"):
            return b'{"serverTime":%d}' % (self.bench.clock.wall_ns() // 10**6)
        symbol = str(call.params["symbol"])
        if symbol in self.refused:
            raise RestError(RestFault.REFUSED, f"HTTP 400: {symbol}", status=400)
        return msgspec.json.encode({"symbol": symbol, "openInterest": "5", "time": 1793534400000})

    def _receive(self, venue: str, stream: str, frame: bytes) -> None:
        assert venue == self.rest.venue
        self.frames.append((self.bench.elapsed_s(), stream, frame))
        if stream == INSTRUMENTS_STREAM:
            self.catalogue.learn(msgspec.json.decode(frame, type=list[Instrument]))

    def _listed(self, listing: Listing) -> None:
        self.listings.append((self.bench.elapsed_s(), listing))

    def _trouble(self, name: str, said: str | None) -> None:
        self.troubles.append((name, said))

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.polling.run())
        await asyncio.sleep(seconds)
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def of(self, stream: str) -> list[tuple[float, bytes]]:
        return [(at_s, frame) for at_s, name, frame in self.frames if name == stream]


def _play(play: Callable[[_World], Any], venue: str = "binance") -> _World:
    async def main(bench: virtual.Bench) -> _World:
        world = _World(bench, venue)
        await play(world)
        return world

    return virtual.run(main)


def test_a_new_symbol_is_told_within_five_minutes_and_once_f35() -> None:
    async def play(world: _World) -> None:
        async def list_another() -> None:
            await asyncio.sleep(1_000.0)
            world.client.listing = lambda: ([_market("BTC"), _market("币安人生")], [])

        task = asyncio.create_task(list_another())
        await world.run_for(3_600.0)
        await task

    world = _play(play)
    told = [
        (at_s, [row.raw_symbol for row in msgspec.json.decode(frame, type=list[Instrument])])
        for at_s, frame in world.of(INSTRUMENTS_STREAM)
    ]
    assert [names for _, names in told] == [["BTCUSDT"], ["币安人生USDT"]]
    assert told[0][0] < 1.0
    assert 1_000.0 <= told[1][0] <= 1_300.0
    assert world.troubles == []


def test_a_delisted_symbol_does_not_spoil_the_batch_f35() -> None:
    async def play(world: _World) -> None:
        world.polling.watch(["BTCUSDT", "GONEUSDT", "ETHUSDT"])
        world.refused = {"GONEUSDT"}
        rows = [_market("BTC"), _market("GONE", active=False), _market("ETH", contractSize=None)]
        world.client.listing = lambda: (rows, [])
        await world.run_for(1_800.0)

    world = _play(play)
    said = [msgspec.json.decode(frame)["symbol"] for _, frame in world.of(OPEN_INTEREST_STREAM)]
    assert set(said) == {"BTCUSDT", "ETHUSDT"}
    assert said.count("BTCUSDT") >= 1_800 / 60
    gone = [call for _, call in world.client.asked if call.params.get("symbol") == "GONEUSDT"]
    assert len(gone) <= 4  # every ten minutes: it may come back
    assert [name for name, _ in world.troubles] == ["open interest of GONEUSDT"]
    _, listing = world.listings[-1]
    assert (listing.halted, len(listing.instruments), len(listing.rejected)) == (
        ("GONEUSDT",), 1, 1,
    )  # fmt: skip


def test_every_watched_symbol_has_its_turn_every_minute() -> None:
    async def play(world: _World) -> None:
        names = [f"S{number}USDT" for number in range(600)]
        world.polling.watch(names)
        await world.run_for(300.0)

    world = _play(play)
    times: dict[str, list[float]] = {}
    for at_s, frame in world.of(OPEN_INTEREST_STREAM):
        times.setdefault(msgspec.json.decode(frame)["symbol"], []).append(at_s)
    assert len(times) == 600
    assert all(later - first <= 120.0 for seen in times.values() for first, later in pairwise(seen))


def test_a_venue_that_is_down_for_an_hour_is_one_trouble_and_one_relief() -> None:
    async def play(world: _World) -> None:
        serve, listing = world.client.answer, world.client.listing

        def down(*_: object) -> Any:
            raise RestError(RestFault.UNAVAILABLE, "HTTP 503", status=503)

        world.client.answer, world.client.listing = down, down
        world.polling.watch(["BTCUSDT"])

        async def mend() -> None:
            await asyncio.sleep(3_600.0)
            world.client.answer, world.client.listing = serve, listing

        task = asyncio.create_task(mend())
        await world.run_for(4_500.0)
        await task

    world = _play(play)
    said = sorted((name, reason is None) for name, reason in world.troubles)
    assert said == sorted(
        (name, relief)
        for name in ("instruments", "clock", "open interest of BTCUSDT")
        for relief in (False, True)
    )
    assert world.of(INSTRUMENTS_STREAM)
    asked = [at_s for at_s, _ in world.client.asked if at_s < virtual.BEGIN_S + 3_600.0]
    assert len(asked) < 60 * 20  # a few a minute of each kind


def test_a_bug_of_ours_or_of_ccxt_does_not_end_it() -> None:
    async def play(world: _World) -> None:
        def broken() -> Any:
            raise KeyError("contractSize")

        world.client.listing = broken
        await world.run_for(1_000.0)

    world = _play(play)
    assert world.troubles == [("instruments", "KeyError('contractSize')")]
    assert len(world.offsets) >= 5


def test_open_interest_is_not_asked_where_it_is_pushed() -> None:
    async def play(world: _World) -> None:
        world.client.answer = lambda _: msgspec.json.encode(
            {"code": "0", "data": [{"ts": str(world.bench.clock.wall_ns() // 10**6)}]}
        )
        world.polling.watch(["BTC-USDT-SWAP"])
        await world.run_for(600.0)

    world = _play(play, "okx")
    assert world.of(OPEN_INTEREST_STREAM) == []
    assert {call.endpoint for _, call in world.client.asked} == {"markets", "publicGetPublicTime"}
    assert all(abs(one.ahead_ns) < 100_000_000 for one in world.offsets)


def test_watching_others_takes_effect_at_once_and_nobody_is_watched_at_first() -> None:
    async def play(world: _World) -> None:
        task = asyncio.create_task(world.polling.run())
        await asyncio.sleep(100.0)
        assert world.of(OPEN_INTEREST_STREAM) == []
        world.polling.watch(["BTCUSDT", "BTCUSDT"])
        await asyncio.sleep(5.0)
        assert len(world.of(OPEN_INTEREST_STREAM)) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    _play(play)


def test_the_listing_is_asked_for_more_often_than_every_five_minutes() -> None:
    assert Every().listing_s * 10**9 < 5 * MINUTE_NS
