"""A watcher: feeds, tape, detector and outbox of one process, started and stopped together.

Everything it needs is given to it, so the same watcher follows real venues and fake ones. A part of
it that breaks is said, restarted, and leaves the others alone.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, final

import msgspec
import structlog
from msgspec import Struct

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.feed_wording import OURSELVES
from airpocket.alerts.health_desk import HealthDesk
from airpocket.alerts.saying import Said
from airpocket.detection.episode import Episode, Transition
from airpocket.live.backfill import Backfill, Filled
from airpocket.live.clock import Clock
from airpocket.live.feed import VenueFeed
from airpocket.live.filing import Filing
from airpocket.live.following import Follower
from airpocket.live.pipeline import COMMIT_S, KeepsFrames, Pipeline, PipelineEvents
from airpocket.live.plausible import Plausible
from airpocket.live.polling import Heard, Polling
from airpocket.live.reading import Reader
from airpocket.live.receiver import Reading
from airpocket.live.rest import Rest
from airpocket.live.rest_readings import Listing, Offset
from airpocket.live.tie_out import TieOut
from airpocket.live.transport import Transport
from airpocket.market.events import Gap, Health, HealthState, Liquidation, OpenInterest, Trade
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.stream import INSTRUMENTS_STREAM, Channel, Line, StreamRules
from airpocket.units import SECOND_NS

__all__ = ["VenueToFollow", "Watcher", "WatcherEvents"]

_RESTART_S: Final = 10.0
_TIE_OUT_S: Final = 5.0
_STOP_S: Final = 1.8
_read_instruments: Final = msgspec.json.Decoder(list[Instrument]).decode
_TIED: Final = (Liquidation, OpenInterest, Trade)


class VenueToFollow(Struct, frozen=True):
    """One venue as it is to be followed.

    ``lines`` from :meth:`~airpocket.market.stream.StreamRules.lines`; ``raw_symbols`` those that
    were asked for; ``is_throttled`` whether its liquidation feed shows only a part; ``rest`` for
    books, listings, open interest and back-filled trades (``None``: streams only); ``replan`` gives
    new lines when its listing has changed, ``None`` if they stay.
    """

    rules: StreamRules
    lines: tuple[Line, ...]
    catalogue: Catalogue
    raw_symbols: tuple[str, ...]
    is_throttled: bool = False
    rest: Rest | None = None
    replan: Callable[[Listing], Sequence[Line] | None] = lambda _: None


class WatcherEvents(Struct, frozen=True):
    """What a watcher tells whoever started it; none may wait."""

    said: Callable[[Said], None] = lambda _: None
    alert: Callable[[InformationalAlert], None] = lambda _: None
    health: Callable[[Health], None] = lambda _: None
    gap: Callable[[Gap], None] = lambda _: None
    offset: Callable[[str, Offset], None] = lambda _venue, _offset: None
    filled: Callable[[Filled], None] = lambda _: None


@final
class Watcher:
    """Follows venues until it is stopped.

    Parameters
    ----------
    venues
        What to follow.
    transport
        Opens the sockets.
    tapes
        Where frames are kept.
    reader, follower
        The deterministic part; already fed with the last hours of the tapes after a restart.
    filing
        Files alerts; ``None``: they are only told (``airpocket record``).
    health_desk
        Decides which outages are told.
    clock, rng
        The wall clock, the source of jitter.
    events
        Whom to tell.
    commit_s
        Pause between two commits of the tape.
    """

    def __init__(
        self,
        venues: Sequence[VenueToFollow],
        *,
        transport: Transport,
        tapes: KeepsFrames,
        reader: Reader,
        follower: Follower,
        filing: Filing | None,
        health_desk: HealthDesk,
        clock: Clock,
        rng: random.Random,
        events: WatcherEvents | None = None,
        commit_s: float = COMMIT_S,
    ) -> None:
        self.follower: Final = follower
        self.healths: Final[dict[tuple[str, str], Health]] = {}
        self.heard_ns: Final[dict[str, int]] = {}
        self._venues = tuple(venues)
        self._transport = transport
        self._reader = reader
        self._filing = filing
        self._health_desk = health_desk
        self._clock = clock
        self._rng = rng
        self._events = WatcherEvents() if events is None else events
        self._log = structlog.get_logger("airpocket.watcher")
        self._episodes: dict[str, Episode] = {}
        self._backfills: dict[str, Backfill] = {}
        self._tie_out = TieOut(
            tuple(one.rules.venue for one in venues if _shows_liquidations(one.lines)),
            clock.wall_ns(),
            also=tuple(one.rules.venue for one in venues if not _shows_liquidations(one.lines)),
        )
        self._doubted: set[tuple[str, str, str]] = set()
        self._plausible = Plausible()
        self.pipeline: Final = Pipeline(
            tapes, reader, follower, clock,
            PipelineEvents(
                self._read, self._say, self._note_health, self._events.gap, self._note_disk
            ),
            commit_s=commit_s,
        )  # fmt: skip
        self.feeds: Final = {one.rules.venue: self._open_feed(one) for one in self._venues}
        self._tasks: list[asyncio.Task[None]] = []
        self._feeding: list[asyncio.Task[None]] = []

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow until cancelled, then :meth:`stop`."""
        self._start("the tape", self.pipeline.run, self._tasks)
        if self._filing is not None:
            self._start("the outbox", self._filing.run, self._tasks)
        self._start("health", self._tell_health, self._tasks)
        self._start("the tie-out", self._tie, self._feeding)
        for one in self._venues:
            self._start_venue(one)
        try:
            # Not gather: that would cancel all of them at once, and stop() once more.
            await asyncio.wait([*self._tasks, *self._feeding])
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End within two seconds: sockets first, then what they brought is kept and filed."""
        for task in self._feeding:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S / 2):
                await asyncio.gather(*self._feeding, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._feeding.clear()
        self._tasks.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S / 2):
                await self.pipeline.finish()
                if self._filing is not None:
                    await self._filing.finish()

    def _start_venue(self, one: VenueToFollow) -> None:
        venue = one.rules.venue
        self._start(venue, lambda: self._follow(one), self._feeding)
        if one.rest is None:
            return
        backfill = self._backfills[venue] = Backfill(one.rest, self.pipeline.receive, self._filled)
        self._start(f"{venue} back-fill", backfill.run, self._feeding)
        heard = Heard(
            self._take_polled,
            lambda listing: self._replan(one, listing),
            lambda offset: self._events.offset(venue, offset),
            lambda what, said: self._log.info("rest", venue=venue, about=what, trouble=said),
        )
        polling = Polling(one.rest, one.catalogue, heard, self._rng)
        polling.watch(one.raw_symbols)
        self._start(f"{venue} polling", polling.run, self._feeding)

    async def _follow(self, one: VenueToFollow) -> None:
        await self.feeds[one.rules.venue].run()

    def _start(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
        tasks: list[asyncio.Task[None]],
    ) -> None:
        tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a part; should it break, say so loudly and start it again."""
        while True:
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours in one part
                self._log.exception("part_broke", part=name)
                self._note_health(
                    Health(
                        venue=name if name in self.feeds else OURSELVES, symbol="*",
                        raw_symbol="*", local_ns=self._clock.wall_ns(), channel="*",
                        state=HealthState.DEAD, reason=f"a fault of airpocket: {error!r}"[:300],
                    )
                )  # fmt: skip
                for venue in self._venues:
                    if venue.rules.venue == name:
                        self.feeds[name] = self._open_feed(venue)
            await asyncio.sleep(_RESTART_S)

    def _open_feed(self, one: VenueToFollow) -> VenueFeed:
        venue = one.rules.venue
        pushes_books = one.rest is None or one.rest.rules.depth("X") is None
        return VenueFeed(
            one.rules, one.lines,
            transport=self._transport, receiver=self.pipeline, clock=self._clock, rng=self._rng,
            symbol_of=lambda raw: _symbol_of(one.catalogue, raw), is_throttled=one.is_throttled,
            snapshot=None if pushes_books or one.rest is None else one.rest.depth_snapshot,
            healed=lambda gap: self._heal(one, gap),
            closed=lambda stream: self._reader.close_stream(venue, stream),
        )  # fmt: skip

    # -- what comes in -------------------------------------------------------------------------

    def _read(self, venue: str, stream: str, reading: Reading) -> None:
        self.heard_ns[venue] = reading.local_ns
        if venue not in self.feeds or stream.startswith("backfill"):
            return
        backfill = self._backfills.get(venue)
        for event in reading.events:
            if isinstance(event, _TIED):
                self._tie_out.see(event)
                self._plausible.see(event)
                if backfill is not None and type(event) is Trade:
                    backfill.hear(event)

    def _take_polled(self, venue: str, stream: str, data: bytes) -> object:
        if stream == INSTRUMENTS_STREAM:
            for one in self._venues:
                if one.rules.venue == venue:
                    fresh = one.catalogue.learn(_read_instruments(data))
                    self._log.info("instruments_learnt", venue=venue, count=len(fresh))
        return self.pipeline.receive(venue, stream, data)

    def _heal(self, one: VenueToFollow, gap: Gap) -> None:
        backfill = self._backfills.get(one.rules.venue)
        if backfill is not None and gap.channel == Channel.TRADES:
            names = one.raw_symbols if gap.raw_symbol == "*" else (gap.raw_symbol,)
            backfill.fill(gap, names)

    def _filled(self, filled: Filled) -> None:
        self._events.filled(filled)
        self._log.info(
            "trades_filled", venue=filled.venue, symbol=filled.raw_symbol, trades=filled.trades,
            unfilled_s=sum(end - start for start, end in filled.unfilled) / SECOND_NS,
            reason=filled.reason,
        )  # fmt: skip

    def _replan(self, one: VenueToFollow, listing: Listing) -> None:
        lines = one.replan(listing)
        if lines is not None:
            self.feeds[one.rules.venue].change(lines)

    # -- what goes out -------------------------------------------------------------------------

    def _say(self, said: Said) -> None:
        self._events.said(said)
        if isinstance(said, Transition):
            if said.episode is not None:
                self._episodes[said.scope] = said.episode
        elif isinstance(said, InformationalAlert):
            self._file(said, self._episodes.get(said.scope))

    def _file(self, alert: InformationalAlert, episode: Episode | None) -> None:
        self._events.alert(alert)
        if self._filing is not None:
            self._filing.add(alert, episode)

    def _note_health(self, health: Health) -> None:
        self.healths[health.venue, health.channel] = health
        self._events.health(health)
        for alert in self._health_desk.take(health):
            self._file(alert, None)

    def note_own_fault(self, channel: str, said: str | None) -> None:
        """Say that a part of airpocket itself (``tape``, ``delivery``) fails; ``None``: no more."""
        state = HealthState.LIVE if said is None else HealthState.DEAD
        self._note_health(
            Health(
                venue=OURSELVES, symbol="*", raw_symbol="*", local_ns=self._clock.wall_ns(),
                channel=channel, state=state, reason="alive" if said is None else said[:300],
            )
        )  # fmt: skip

    def _note_disk(self, said: str | None) -> None:
        self.note_own_fault("tape", said)

    async def _tell_health(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for alert in self._health_desk.advance(self._clock.wall_ns()):
                self._file(alert, None)

    async def _tie(self) -> None:
        """Doubt liquidation channels whose silence is not believed, until it ends."""
        while True:
            await asyncio.sleep(_TIE_OUT_S)
            found = self._tie_out.verdicts(self._clock.wall_ns(), self._watched_since_ns)
            verdicts = {(one.venue, one.channel, one.raw_symbol): one for one in found}
            for (venue, channel, raw_symbol), one in verdicts.items():
                feed = self.feeds[venue]
                feed.doubt(channel, one.said, one.since_ns, raw_symbol=raw_symbol)
            for venue, channel, raw_symbol in self._doubted - set(verdicts):
                self.feeds[venue].doubt(channel, None, 0, raw_symbol=raw_symbol)
            self._doubted = set(verdicts)
            wrong = {one.venue: one.said for one in self._plausible.contradictions()}
            for venue, feed in self.feeds.items():
                feed.suspect(Channel.LIQUIDATIONS, wrong.get(venue))

    def _watched_since_ns(self, venue: str, channel: str) -> int | None:
        return self.feeds[venue].watched_since_ns(channel)


def _symbol_of(catalogue: Catalogue, raw_symbol: str) -> str | None:
    row = catalogue.find(raw_symbol)
    return None if row is None else row.symbol


def _shows_liquidations(lines: Sequence[Line]) -> bool:
    return any(Channel.LIQUIDATIONS in one.channels for line in lines for one in line.subscriptions)
