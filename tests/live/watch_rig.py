"""A whole watcher on fake venues, in virtual time, with real tapes and a real outbox in a folder."""

import asyncio
import os
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from airpocket.alerts.alert import InformationalAlert, Signal
from airpocket.alerts.health_desk import HealthDesk
from airpocket.alerts.outbox import Outbox
from airpocket.alerts.saying import Said
from airpocket.app.plans import Lining
from airpocket.app.symbols import resolve
from airpocket.live.backfill import Filled
from airpocket.live.filing import Filing
from airpocket.live.following import Follower
from airpocket.live.reading import Reader
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_readings import Offset
from airpocket.live.watcher import VenueToFollow, Watcher, WatcherEvents
from airpocket.market.events import Event, Gap, Health, HealthState
from airpocket.market.stream import Line
from airpocket.market.wire import Frame
from airpocket.store.state import State
from airpocket.store.tape import TapeReader
from airpocket.store.tapes import Tapes
from airpocket.venues import register
from tests.live import virtual
from tests.live.fake_rest import FakeRestClient
from tests.live.rig import Rig

_T = TypeVar("_T")
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - no disk to wait for
_THROTTLED = {"binance", "okx"}
BINANCE = {"binance": ("BTCUSDT", "ETHUSDT")}


class Kept:
    """What the tapes hold, read as a replay would."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.gaps: list[Gap] = []
        self.said: list[Said] = []


class Watch:
    """A running watcher with everything that a test wants to look at."""

    def __init__(
        self,
        rig: Rig,
        folder: Path,
        *,
        depth: bool = False,
        rest: bool = False,
        commit_s: float = 2.0,
        more_lines: Callable[[Sequence[Line]], Sequence[Line]] = lambda _: (),
        words: Sequence[str] = (),
    ) -> None:
        self.rig = rig
        self.bench = rig.bench
        self.folder = folder
        self.said: list[Said] = []
        self.alerts: list[InformationalAlert] = []
        self.healths: list[Health] = []
        self.final = Kept()
        self.last_health: dict[str, dict[str, tuple[HealthState, str]]] = {}
        self.open_sockets = self.tasks = self.tasks_most = 0
        self.frames_kept: Counter[str] = Counter()
        self.quarantined: list[str] = []
        self.at_ns: dict[str, int] = {}  # when a script did something, by our clock
        self.planned: list[Line] = []  # what a script changes, as it was before
        self.notes: dict[str, Any] = {}  # what else a script keeps for what is expected
        self.frames: list[Frame] | None = None  # of the tapes, if a script asks with a list
        self.filled: list[Filled] = []
        self.offsets: list[tuple[str, Offset]] = []
        clock = rig.bench.clock
        self.clients = {name: FakeRestClient(rig[name]) for name in rig.venues if rest}
        self.rests = {
            name: Rest(rest_rules(name), client, clock, random.Random(rig.bench.seed))
            for name, client in self.clients.items()
        }
        self.state = State(folder / "state.db")
        self.outbox = Outbox(self.state)
        self.tapes = Tapes(
            folder / "tapes",
            clock.wall_ns(),
            on_gap=self._follow_gap,
        )
        filing = Filing(
            self.outbox, lambda _: ("log",), clock, filed=lambda _alert, _channels: None,
            trouble=lambda _: None,
        )  # fmt: skip
        self.watcher = Watcher(
            [
                _venue(rig, name, depth=depth, rest=self.rests.get(name), more_lines=more_lines,
                       words=words)
                for name in rig.venues
            ],
            transport=rig.transport, tapes=self.tapes, reader=Reader(), follower=Follower(),
            filing=filing, health_desk=HealthDesk(), clock=clock,
            rng=random.Random(rig.bench.seed),
            events=WatcherEvents(
                said=self.said.append, alert=self.alerts.append, health=self.healths.append,
                filled=self.filled.append,
                offset=lambda venue, offset: self.offsets.append((venue, offset)),
            ),
            commit_s=commit_s,
        )  # fmt: skip

    def _follow_gap(self, gap: Gap) -> None:
        self.watcher.pipeline.follow_gap(gap)

    def market_alerts(self) -> list[InformationalAlert]:
        return [one for one in self.alerts if one.signal is not Signal.FEED_HEALTH]

    def notices(self) -> list[InformationalAlert]:
        return [one for one in self.alerts if one.signal is Signal.FEED_HEALTH]

    def states(self, venue: str, channel: str) -> list[str]:
        return [
            one.state.value for one in self.healths if one.venue == venue and one.channel == channel
        ]

    def note(self, name: str) -> int:
        """Note that a script does something now."""
        self.at_ns[name] = self.bench.clock.wall_ns()
        return self.at_ns[name]

    def look(self) -> None:
        """Note how the watcher is, just before it is stopped."""
        feeds = self.watcher.feeds
        self.last_health = {venue: feed.health() for venue, feed in feeds.items()}
        self.open_sockets = len(self.rig.transport.live)
        self.tasks = len(asyncio.all_tasks())
        # The script, the loop of the rig and of the watcher's parts; six for each line at most:
        # its keeper, its session and a successor with their loops.
        lines = sum(len(feed.statuses) for feed in feeds.values())
        self.tasks_most = 20 + 16 * lines

    def read_back(self) -> None:
        """Read the tapes as a replay would."""
        self.final = kept(self.tapes)
        for path in self.tapes.tapes():
            with TapeReader(path) as tape:
                for frame in tape.frames():
                    self.frames_kept[frame.venue] += 1
                    if self.frames is not None:
                        self.frames.append(frame)
                self.quarantined += [one.reason for one in tape.quarantined()]


def kept(tapes: Tapes) -> Kept:
    """Read the tapes back through a fresh reader and follower."""
    found, reader, follower = Kept(), Reader(), Follower()
    for item in tapes.frames_since(0):
        if isinstance(item, Gap):
            found.gaps.append(item)
            found.said += follower.take_gap(item)
        else:
            reading = reader.read(item)
            found.events += reading.events
            found.said += follower.take(reading)
    return found


def _venue_named(rig: Rig, name: str, words: Sequence[str], rest: Rest | None) -> VenueToFollow:
    """Follow what a person names; when the listing changes, what it means is planned anew."""
    rules, catalogue = register.open_streams(name), register.catalogue_of(name)
    at_ns = rig.bench.clock.wall_ns()
    lining = Lining(rules, tuple(words), catalogue, rig.bench.clock)
    rows = resolve(words, {name: catalogue}, at_ns=at_ns).instruments[name]
    return VenueToFollow(
        rules, lining.lines(rows, at_ns), catalogue, tuple(row.raw_symbol for row in rows),
        is_throttled=name in _THROTTLED, rest=rest, replan=lining.again,
    )  # fmt: skip


def _venue(
    rig: Rig,
    name: str,
    *,
    depth: bool,
    rest: Rest | None,
    more_lines: Callable[[Sequence[Line]], Sequence[Line]],
    words: Sequence[str],
) -> VenueToFollow:
    if words:
        return _venue_named(rig, name, words, rest)
    rules = register.open_streams(name)
    catalogue = register.catalogue_of(name)
    symbols = tuple(market.instrument.raw_symbol for market in rig.world.of_venue(name))
    instruments = [row for row in catalogue if row.raw_symbol in symbols]
    lines = rules.lines(instruments, rig.bench.clock.wall_ns(), depth=depth)
    lines = (*lines, *more_lines(lines))
    return VenueToFollow(
        rules, lines, catalogue, symbols, is_throttled=name in _THROTTLED, rest=rest
    )


def watch(
    script: Callable[[Watch], Awaitable[_T]],
    *,
    symbols: Mapping[str, Sequence[str]] | None = BINANCE,
    seed: int = 1,
    depth: bool = False,
    rest: bool = False,
    commit_s: float = 2.0,
    more_lines: Callable[[Sequence[Line]], Sequence[Line]] = lambda _: (),
    words: Sequence[str] = (),
    **options: Any,
) -> tuple[Watch, _T]:
    """Run a script beside a watcher; the watcher is stopped as a person would stop it.

    ``more_lines`` gives lines of a venue that are followed beside those it plans. ``words`` are
    followed in place of all that the world lists, as a person would name them.
    """

    async def main(bench: virtual.Bench) -> tuple[Watch, _T]:
        rig = Rig(bench, symbols, depth=depth, **options)
        with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
            whole = Watch(
                rig,
                Path(folder),
                depth=depth,
                rest=rest,
                commit_s=commit_s,
                more_lines=more_lines,
                words=words,
            )
            task = asyncio.create_task(whole.watcher.run())
            try:
                told = await script(whole)
                assert not task.done(), task
                whole.look()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                for one in whole.rests.values():
                    await one.close()
                whole.read_back()
                whole.tapes.close()
                whole.state.close()
            return whole, told

    return virtual.run(main, seed=seed)
