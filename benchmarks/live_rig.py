"""A whole watcher beside the venues of ``live_venues``, with a stopwatch at its seams.

Nothing is replaced: aiohttp's sockets, ``Watcher``, ``Pipeline``, ``Tapes`` on disk, ``Follower``,
``Filing`` and ``Outbox`` are those of ``airpocket watch``. The stopwatches note when a commit
returned, which frame made the follower say an alert, and when the outbox had it.
"""

import asyncio
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from tests.live.market import Coin, Market

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.health_desk import HealthDesk
from airpocket.alerts.outbox import Outbox
from airpocket.live.clock import SystemClock
from airpocket.live.filing import Filing
from airpocket.live.following import Follower
from airpocket.live.reading import Reader
from airpocket.live.receiver import Reading
from airpocket.live.sockets import AiohttpTransport
from airpocket.live.transport import Connection, Transport
from airpocket.live.watcher import VenueToFollow, Watcher, WatcherEvents
from airpocket.market.events import Event, Gap, HealthState, Side
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.market.wire import Wire
from airpocket.store.state import State
from airpocket.store.tape import TapeReader
from airpocket.store.tapes import Tapes
from airpocket.units import SECOND_NS
from airpocket.venues import register
from benchmarks.live_venues import SEED, made_up, mark_of

PAST = "past#1"
ROOT = Path(__file__).parents[1]
_PAGE_BYTES = resource.getpagesize()


def rss_mb() -> float:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE_BYTES / 1e6


def load() -> str:
    """Say how busy the machine is beside us."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


@final
class Leading(Transport):
    """Leads the addresses of venues to their servers here, through the real transport."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports  # by host
        self._to = AiohttpTransport()

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        parts = urlsplit(url)
        place = f"127.0.0.1:{self.ports[parts.hostname or '']}"
        here = urlunsplit(("ws", place, parts.path, parts.query, ""))
        return await self._to.connect(here, frame_bytes_most=frame_bytes_most)

    async def close(self) -> None:
        await self._to.close()


@final
class TimedTapes:
    """Tapes that note when each frame was safe: ``safe_ns[ordinal]``, by the wall clock."""

    def __init__(self, tapes: Tapes) -> None:
        self._tapes = tapes
        self._count = 0
        self.safe_ns = array("q")
        self.commit_s: list[float] = []
        self.record_gap = tapes.record_gap
        self.quarantine = tapes.quarantine

    def append(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> Any:
        raw_ref = self._tapes.append(venue, stream, local_ns, data)
        self._count += 1
        return raw_ref

    def commit(self) -> object:
        count, begun_s = self._count, time.perf_counter()
        done = self._tapes.commit()
        self.commit_s.append(time.perf_counter() - begun_s)
        self.safe_ns.extend([time.time_ns()] * (count - len(self.safe_ns)))
        return done


class Filed(NamedTuple):
    """One alert in the outbox: receipt of the frame that it needed last, and its commit."""

    alert: InformationalAlert
    needed_ns: int
    filed_ns: int


@final
class TimedFollower:
    """A follower that notes which frame made it say what."""

    def __init__(self) -> None:
        self._follower = Follower()
        self.needed_ns: dict[tuple[str, int], int] = {}
        for name in (
            "take_gap", "finish", "resume", "open_alerts", "phases", "late", "seen", "feeds",
        ):  # fmt: skip
            setattr(self, name, getattr(self._follower, name))

    def take(self, reading: Reading) -> list[Any]:
        told = self._follower.take(reading)
        for said in told:
            if isinstance(said, InformationalAlert):
                self.needed_ns[said.alert_id, said.sequence] = reading.local_ns
        return told


@final
class Bench:
    """A running watcher, and what was measured of it."""

    def __init__(self, folder: Path, venues: list[VenueToFollow], transport: Transport) -> None:
        clock = SystemClock()
        self.state = State(folder / "state.db")
        self.real = Tapes(folder / "tapes", clock.wall_ns(), on_gap=self._follow_gap)
        self.tapes = TimedTapes(self.real)
        self.follower = TimedFollower()
        self.filed: list[Filed] = []
        reader = Reader()
        self.history = self._warm_up(reader)
        self.gaps: list[Gap] = []
        self._own = 0
        filing = Filing(
            Outbox(self.state), lambda _: ("log",), clock, filed=lambda alert, _: self._note_filed(alert),
            trouble=lambda said: print("outbox:", said, file=sys.stderr),
            transaction=self.state.transaction,
        )  # fmt: skip
        self.watcher = Watcher(
            venues, transport=transport, tapes=self.tapes, reader=reader,
            follower=self.follower, filing=filing, health_desk=HealthDesk(), clock=clock,
            rng=random.Random(1), events=WatcherEvents(gap=self.gaps.append),  # noqa: S311
        )  # fmt: skip

    @property
    def received(self) -> int:
        """Frames received from the venues."""
        return sum(one.frames for one in self.watcher.pipeline.tally.values()) - self._own

    @property
    def events(self) -> int:
        """Events read."""
        return sum(one.events for one in self.watcher.pipeline.tally.values())

    def is_live(self) -> bool:
        """Tell whether all sockets are open and all is asked for."""
        return all(
            state is not HealthState.DEAD and "connecting" not in said
            for feed in self.watcher.feeds.values()
            for state, said in feed.health().values()
        )

    def learn(self, venue: str, count: int) -> None:
        """Tell the watcher what a venue lists, as its polling would."""
        listed = msgspec.json.encode(made_up(venue, count))
        self.watcher.pipeline.receive(venue, INSTRUMENTS_STREAM, listed)
        self._own += 1

    def _warm_up(self, reader: Reader) -> int:
        """Follow what is on the tapes again, as a start does; tells how many frames."""
        frames = 0
        for item in self.real.frames_since(0):
            if isinstance(item, Gap):
                self.follower.take_gap(item)
            else:
                self.follower.take(reader.read(item))
                frames += 1
        self.follower.needed_ns.clear()
        return frames

    def _follow_gap(self, gap: Gap) -> None:
        self.watcher.pipeline.follow_gap(gap)

    def _note_filed(self, alert: InformationalAlert) -> None:
        needed_ns = self.follower.needed_ns.get((alert.alert_id, alert.sequence))
        if needed_ns is not None and alert.signal is not Signal.FEED_HEALTH:
            self.filed.append(Filed(alert, needed_ns, time.time_ns()))

    def opened(self) -> set[str]:
        """Scopes of cascades that were opened."""
        return {
            one.alert.scope
            for one in self.filed
            if one.alert.stage is Stage.OPEN and one.alert.signal is Signal.LIQUIDATION_CASCADE
        }


def to_follow(symbols: dict[str, list[str]], count: int) -> list[VenueToFollow]:
    """Plan the connections, as ``airpocket watch`` does, without REST and books."""
    venues = []
    for venue, names in symbols.items():
        catalogue = register.catalogue_of(venue)
        catalogue.learn(made_up(venue, count))
        wanted = {*names, *(row.raw_symbol for row in made_up(venue, count))}
        now_ns = time.time_ns()
        rows = [row for row in catalogue if row.raw_symbol in wanted and row.holds_at(now_ns)]
        rules = register.open_streams(venue)
        lines = rules.lines(rows, now_ns)
        throttled = venue in {"binance", "okx"}
        venues.append(VenueToFollow(rules, lines, catalogue, tuple(wanted), is_throttled=throttled))
    return venues


def write_history(folder: Path, count: int, coins: list[str], seconds: int) -> None:
    """Put a calm past of some coins on the tapes: what a watcher finds when it is started again.

    The prices are those at which the venues' markets will begin: the same seed, another process.
    """
    draws, now_ns = random.Random(3), time.time_ns()  # noqa: S311 - not a secret
    from_ns = now_ns - (seconds + 5) * SECOND_NS
    with Tapes(folder / "tapes", from_ns) as tapes:
        for venue in ("binance", "bybit", "okx"):
            rows = made_up(venue, count)
            tapes.append(venue, INSTRUMENTS_STREAM, from_ns, msgspec.json.encode(rows))
            catalogue = register.catalogue_of(venue)
            catalogue.learn(rows)
            wire = register.open_wire(venue, catalogue)
            markets = [
                Market(row, Coin(row.base, f"{SEED}:{row.base}"), f"past:{venue}:{row.base}")
                for row in rows
                if row.base in coins
            ]
            for second in range(seconds):
                at_ns = from_ns + second * SECOND_NS
                for market in markets:
                    said: list[list[Event]] = [mark_of(market, at_ns), [market.trade(at_ns)]]
                    if draws.random() < 0.03:
                        said.append([market.liquidation(at_ns, Side.LONG, 3_000.0)])
                    for events in said:
                        for data in wire.encode(events):
                            tapes.append(venue, PAST, at_ns + 20_000_000, data)
                if second % 20 == 0:
                    tapes.commit()


@final
class Child:
    """The process of the venues."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> dict[str, Any]:
        """Read what it says next."""
        assert self._process.stdout is not None
        said = await self._process.stdout.readline()
        assert said, "the venues ended without a word"
        told: dict[str, Any] = json.loads(said)
        return told

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def venues_of(plan: dict[str, Any]) -> Any:
    """Start the venues in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live_venues", json.dumps(plan), cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    child = Child(process)
    try:
        yield child
    finally:
        await child.end()


@contextmanager
def venues_process(module: str) -> Iterator[dict[str, Any]]:
    """Start a server that needs no plan; gives the line that it begins with."""
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def kept(tapes: Path) -> dict[str, dict[str, tuple[int, str]]]:
    """Count and digest the frames of each connection on the tapes, as the venues do."""
    counts: dict[tuple[str, str], int] = {}
    digests: dict[tuple[str, str], Any] = {}
    for path in sorted(tapes.glob("????-??-??*.tape")):
        with TapeReader(path) as tape:
            for frame in tape.frames():
                if frame.stream in {INSTRUMENTS_STREAM, PAST}:
                    continue
                key = frame.venue, frame.stream
                counts[key] = counts.get(key, 0) + 1
                digests.setdefault(key, hashlib.sha256()).update(
                    b"%d:" % len(frame.data) + frame.data
                )
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for (venue, stream), count in counts.items():
        found.setdefault(venue, {})[stream] = count, digests[venue, stream].hexdigest()
    return found


def lost(sent: list[list[Any]], tapes: Path) -> tuple[int, int, bool]:
    """Compare what was sent with the tapes: frames sent, frames lost, whether to the byte."""
    there = kept(tapes)
    have = sorted((venue, *one) for venue, streams in there.items() for one in streams.values())
    said = sorted((venue, count, digest) for venue, count, digest in sent)
    count = sum(one[1] for one in said)
    return count, count - sum(one[1] for one in have), have == said


Delays = list[tuple[int, float]]


def delays_ms(tapes: Path, safe_ns: "array[int]", *, skip: int = 0) -> tuple[Delays, Delays]:
    """Milliseconds from receipt to durable, and from the venue's own time to durable.

    Each with the moment from which it was counted; ``skip`` frames were there before.
    """
    received, happened = [], []
    wires: dict[tuple[str, str], Wire] = {}
    ordinal = -skip
    for path in sorted(tapes.glob("????-??-??*.tape")):
        with TapeReader(path) as tape:
            for frame in tape.frames():
                assert frame.local_ns is not None
                ordinal += 1
                if ordinal <= 0:
                    continue
                safe = safe_ns[ordinal - 1]
                received.append((frame.local_ns, (safe - frame.local_ns) / 1e6))
                wire = wires.get((frame.venue, frame.stream))
                if wire is None:
                    wire = wires[frame.venue, frame.stream] = register.open_wire(frame.venue)
                events = wire.decode(frame.data).events
                if events and events[0].venue_ns is not None:
                    at_ns = events[0].venue_ns
                    happened.append((at_ns, (safe - at_ns) / 1e6))
    return received, happened
