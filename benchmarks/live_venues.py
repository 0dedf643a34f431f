"""The venues of the live benchmark: a process of its own, speaking real frames over real sockets.

Handshakes, subscriptions, answers and limits are those of the fake venues of the tests
(``tests/live``); what comes after is either a stream of frames that were written beforehand with
``Wire.encode``, each sent at its time (``paced``), or the made-up markets themselves (``world``).

It is started by ``bench_live`` with a plan in JSON as its argument. It says, one JSON line each:
where it listens and when it begins; what it has sent when all is sent (a digest of every
connection, so that nothing lost or altered goes unseen). It ends when its stdin is closed.
"""

import asyncio
import hashlib
import json
import random
import struct
import sys
import time
from functools import partial
from typing import Any, NamedTuple, final

import aiohttp
from aiohttp import web
from tests.live.fake_binance import FakeBinance
from tests.live.fake_bybit import FakeBybit
from tests.live.fake_hyperliquid import FakeHyperliquid
from tests.live.fake_okx import FakeOkx
from tests.live.fake_venue import FakeVenue, Refusal, Session
from tests.live.ledger import Delivery
from tests.live.loopback import real_bench
from tests.live.market import Market
from tests.live.world import Rates, World

from airpocket.market.events import Event, Liquidation, Mark, Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.register import open_streams, open_wire

DIALECTS = {
    "binance": FakeBinance,
    "bybit": FakeBybit,
    "okx": FakeOkx,
    "hyperliquid": FakeHyperliquid,
}
LIQUIDATIONS = 0.02  # of the events, the rest are trades; marks come once a second beside them
_NOTHING = Rates(
    trades_per_s=None, mark_every_s=None, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip
SEED = 1
_TEXT, _PING, _PONG, _CLOSE = 1, 9, 10, 8
_CONNECT_S = 6.0  # between the last frame that is prepared and the first that is sent


def framed(kind: int, data: bytes) -> bytes:
    """Write one websocket frame of a server."""
    head = bytes([0x80 | kind])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + b"\x7e" + struct.pack("!H", len(data)) + data
    return head + b"\x7f" + struct.pack("!Q", len(data)) + data


def made_up(venue: str, count: int) -> list[Instrument]:
    """List coins that nobody has heard of, named as the venue names its perpetuals."""
    form = {"binance": "{}USDT", "bybit": "{}USDT", "okx": "{}-USDT-SWAP", "hyperliquid": "{}"}
    quote = "USDC" if venue == "hyperliquid" else "USDT"
    names = [f"C{number:03d}" for number in range(count)]
    return [
        Instrument(
            venue=venue, raw_symbol=form[venue].format(name), symbol=f"{name}/{quote}:{quote}",
            kind=Kind.LINEAR, base=name, quote=quote, settle=quote, source="a benchmark",
        )
        for name in names
    ]  # fmt: skip


class Due(NamedTuple):
    """A frame that is to be sent, and when: seconds after the beginning."""

    at_s: float
    topic: str
    frame: bytes  # of the websocket
    text: bytes


@final
class Link:
    """One client, as :class:`tests.live.fake_venue.Link`: written to at once, and counted."""

    def __init__(self, venue: str, transport: asyncio.WriteTransport) -> None:
        self.venue = venue
        self.transport = transport
        self.frames = 0
        self.is_over = False
        self.unsent_most = 0
        self.digest = hashlib.sha256()

    def push(self, delivery: Delivery) -> None:
        self.send(framed(_TEXT, delivery.data), delivery.data)

    def send(self, frame: bytes, text: bytes) -> None:
        if self.is_over:
            return  # counted already: not even a pong
        self.transport.write(frame)
        self.frames += 1
        self.digest.update(b"%d:" % len(text) + text)

    def ping(self) -> None:
        self.transport.write(framed(_PING, b""))

    def close(self, code: int | None, reason: str) -> None:
        self.transport.write(framed(_CLOSE, struct.pack("!H", code or 1000) + reason.encode()))

    def reset(self, after_bytes: int) -> None:
        raise AssertionError(f"no faults here ({after_bytes})")

    def black_hole(self) -> None:
        raise AssertionError("no faults here")

    def look(self) -> int:
        waits = self.transport.get_write_buffer_size()
        self.unsent_most = max(self.unsent_most, waits)
        return waits


@final
class Venues:
    """The servers of all venues."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        bench = real_bench(seed=SEED, start_ns=time.time_ns())
        rates = Rates(**plan["rates"]) if "rates" in plan else _NOTHING
        self.world = World(bench, plan["symbols"], rates, keep=False)
        for venue in plan["symbols"]:
            for instrument in made_up(venue, plan.get("made_up", 0)):
                self.world.list_symbol(instrument)
        self.venues = {
            name: FakeVenue(name, self.world, DIALECTS[name]) for name in plan["symbols"]
        }
        self.links: list[Link] = []
        self.late_s: list[float] = []
        self.unheard = 0

    async def listen(self) -> dict[str, int]:
        ports = {}
        for name, venue in self.venues.items():
            app = web.Application()
            app.router.add_get("/{path:.*}", partial(self._answer, venue))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            ports[name] = runner.addresses[0][1]
        return ports

    async def _answer(self, venue: FakeVenue, request: web.Request) -> web.StreamResponse:
        outcome = venue.knock(venue.dialect.hosts[0], request.path, request.query_string)
        if isinstance(outcome, Refusal):
            return web.Response(status=outcome.status, text=outcome.said)
        opened = web.WebSocketResponse(autoping=False, autoclose=False, compress=False)
        await opened.prepare(request)
        assert request.transport is not None
        link = Link(venue.name, request.transport)
        self.links.append(link)
        session = venue.open(outcome, request.path, request.query_string, link)
        await _read(opened, session)
        session.gone(opened.close_code)
        return opened

    def said(self) -> dict[str, Any]:
        """Tell what was sent, and send no more."""
        for link in self.links:
            link.is_over = True
        late = sorted(self.late_s)
        return {
            "links": [[one.venue, one.frames, one.digest.hexdigest()] for one in self.links],
            "late_ms": [1e3 * late[int(len(late) * part)] for part in (0.5, 0.99)] if late else [],
            "late_most_ms": 1e3 * late[-1] if late else 0.0,
            "unsent_most": max(one.unsent_most for one in self.links),
            "unheard": self.unheard,
            "events": self.world.ledger.count,
            "violations": [one.said for v in self.venues.values() for one in v.violations],
        }

    # -- frames written beforehand -------------------------------------------------------------

    def prepare(self) -> tuple[int, list[tuple[str, Due]]]:
        """Write all frames; gives the wall time of the beginning, which they are stamped with."""
        pace_s = 20e-6
        count = sum(round(phase["rate"] * phase["seconds"]) for phase in self.plan["phases"])
        while True:
            begun_s = time.monotonic()
            begin_ns = time.time_ns() + int((1.5 * pace_s * count + _CONNECT_S) * 1e9)
            dues = self._write(begin_ns // 1_000_000 * 1_000_000)
            if time.time_ns() < begin_ns - _CONNECT_S / 2 * 1e9:
                return begin_ns // 1_000_000 * 1_000_000, dues
            pace_s = (time.monotonic() - begun_s) / count  # the machine is busy: more time for it

    def _write(self, begin_ns: int) -> list[tuple[str, Due]]:
        draws = random.Random(5)  # noqa: S311 - not a secret
        topics = {name: _topics(self.world, name, begin_ns) for name in self.venues}
        wires = {name: open_wire(name, self.world.catalogues[name]) for name in self.venues}
        markets = list(self.world.markets.values())
        dues: list[tuple[str, Due]] = []

        def write(at_s: float, market: Market, events: list[Event]) -> None:
            venue = market.instrument.venue
            (frame,) = wires[venue].encode(events)
            place = _RULES[venue].topic_of(events[0])
            found = topics[venue]
            topic = found.get(place) or found[place[0], "*"]
            dues.append((venue, Due(at_s, topic, framed(_TEXT, frame), frame)))

        from_s = 0.0
        for phase in self.plan["phases"]:
            for second in range(int(phase["seconds"])):
                for number, market in enumerate(markets):
                    at_s = from_s + second + number / len(markets)
                    write(at_s, market, mark_of(market, begin_ns + int(at_s * 1e9)))
            marks = int(phase["seconds"]) * len(markets)
            rest = max(0, round(phase["rate"] * phase["seconds"]) - marks)
            for number in range(rest):
                at_s = from_s + number / rest * phase["seconds"]
                market = markets[draws.randrange(len(markets))]
                write(at_s, market, [_happening(market, begin_ns + int(at_s * 1e9), draws)])
            from_s += phase["seconds"]
        dues.sort(key=lambda one: one[1].at_s)
        return dues

    async def send(self, begin_ns: int, dues: list[tuple[str, Due]]) -> None:
        """Send each frame at its time, one write each, to whoever is subscribed."""
        begin_s = time.perf_counter() + (begin_ns - time.time_ns()) / 1e9
        at, perf = 0, time.perf_counter
        looked_s = 0.0
        while at < len(dues):
            now_s = perf() - begin_s
            while at < len(dues) and dues[at][1].at_s <= now_s:
                venue, due = dues[at]
                at += 1
                sessions = self.venues[venue].listeners(due.topic)
                if not sessions:
                    self.unheard += 1
                for session in sessions:
                    session.link.send(due.frame, due.text)
                self.late_s.append(perf() - begin_s - due.at_s)
                if at % 200 == 0:
                    await asyncio.sleep(0)
            if now_s - looked_s > 0.25:
                looked_s = now_s
                for link in self.links:
                    link.look()
            await asyncio.sleep(0.001)
        await self._empty()

    async def _empty(self) -> None:
        """Wait until the kernel has all that was written."""
        while any(link.look() for link in self.links if not link.transport.is_closing()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    # -- made-up markets -----------------------------------------------------------------------

    async def play(self) -> None:
        """Let the markets live, with a cascade of one coin after the other."""
        plan, world = self.plan, self.world
        world.start()
        for number in range(plan["cascades"]):
            world.cascade(
                plan["calm_s"] + plan["every_s"] * number, coin=struck(number),
                usd=plan["usd"], seconds=plan["cascade_s"], count=plan["count"],
            )  # fmt: skip
        end_s = time.monotonic() + plan["seconds"]
        while (now_s := time.monotonic()) < end_s:
            await asyncio.sleep(0.1)
            self.late_s.append(time.monotonic() - now_s - 0.1)  # how late this process acts
            for link in self.links:
                link.look()
        world.stop()
        await self._empty()


_RULES = {name: open_streams(name) for name in DIALECTS}


def struck(number: int) -> str:
    """Name the coin of a cascade."""
    return f"C{number * 7:03d}"


def _topics(world: World, venue: str, at_ns: int) -> dict[tuple[str, str], str]:
    rows = [market.instrument for market in world.of_venue(venue)]
    return {
        (channel, one.raw_symbol): one.topic
        for line in _RULES[venue].lines(rows, at_ns)
        for one in line.subscriptions
        for channel in one.channels
    }


def mark_of(market: Market, at_ns: int) -> list[Event]:
    said: Mark = market.mark(at_ns)
    return [said, market.funding(at_ns)] if market.instrument.venue == "binance" else [said]


def _happening(market: Market, at_ns: int, draws: random.Random) -> Event:
    if draws.random() < LIQUIDATIONS and market.instrument.venue != "hyperliquid":
        side = draws.choice((Side.LONG, Side.SHORT))
        forced: Liquidation = market.liquidation(at_ns, side, draws.lognormvariate(8, 1))
        return forced
    return market.trade(at_ns)


async def _read(opened: web.WebSocketResponse, session: Session) -> None:
    async for message in opened:
        if message.type is aiohttp.WSMsgType.TEXT:
            session.on_message(str(message.data).encode())
        elif message.type is aiohttp.WSMsgType.BINARY:
            session.on_message(bytes(message.data))
        elif message.type is aiohttp.WSMsgType.PING:
            session.link.transport.write(framed(_PONG, bytes(message.data)))
        elif message.type is aiohttp.WSMsgType.PONG:
            session.ponged()
        else:
            return


def _say(**said: Any) -> None:
    print(json.dumps(said), flush=True)


async def main(plan: dict[str, Any]) -> None:
    """Serve one plan."""
    venues = Venues(plan)
    loop = asyncio.get_running_loop()
    closed = loop.run_in_executor(None, sys.stdin.read)
    if "phases" in plan:
        begin_ns, dues = venues.prepare()
        _say(ports=await venues.listen(), begin_ns=begin_ns)
        await venues.send(begin_ns, dues)
    else:
        begin_ns = time.time_ns() + int(_CONNECT_S * 1e9)
        _say(ports=await venues.listen(), begin_ns=begin_ns)
        await asyncio.sleep(_CONNECT_S)
        await venues.play()
    _say(**venues.said())
    await closed


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
