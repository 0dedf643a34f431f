"""``airpocket watch`` and ``airpocket record``: one process from sockets to delivered alerts."""

import asyncio
import gc
import random
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, final

import stamina.instrumentation
import structlog

from airpocket.alerts.alert import InformationalAlert, Signal
from airpocket.alerts.health_desk import HealthDesk
from airpocket.alerts.outbox import Outbox
from airpocket.alerts.render import headline
from airpocket.alerts.saying import Said
from airpocket.app import config as configuration
from airpocket.app.channels import channel_specs, secrets_of
from airpocket.app.config import Settings
from airpocket.app.journal import Journal
from airpocket.app.plans import Plan, plan
from airpocket.app.routes import open_subscriptions
from airpocket.app.watch_screen import WatchScreen
from airpocket.errors import AirpocketError, InputError
from airpocket.live.channel import ChannelSpec
from airpocket.live.clock import Clock, SystemClock
from airpocket.live.collecting import rare_collections
from airpocket.live.delivery import Deliverer
from airpocket.live.filing import Filing
from airpocket.live.following import Follower
from airpocket.live.health_page import HealthPage
from airpocket.live.metrics import Metrics
from airpocket.live.picture import Picture
from airpocket.live.reading import Reader
from airpocket.live.sinks import open_sinks
from airpocket.live.sockets import AiohttpTransport
from airpocket.live.transport import Transport
from airpocket.live.view import WatchView
from airpocket.live.watcher import Watcher, WatcherEvents
from airpocket.market.events import Gap
from airpocket.store.state import State
from airpocket.store.tapes import Tapes
from airpocket.units import MINUTE_NS, iso

__all__ = ["WARM_UP_NS", "Running", "run"]

WARM_UP_NS: Final = 60 * MINUTE_NS
"""After a restart so much of the tapes is followed again: normals, open episodes, repeats."""

_DRAW_S: Final = 0.25
_SIZE_EVERY: Final = 240  # draws between two looks at the size of the tapes
_TIDY_S: Final = 86_400.0
_LOG_MOST: Final = 20 << 20


def run(
    symbols: Sequence[str],
    *,
    venues: Sequence[str],
    config: Path | None,
    quiet: bool,
    seconds: float | None = None,
    is_recording: bool = False,
) -> None:
    """Follow live feeds until Ctrl-C, SIGTERM or the end of ``seconds``.

    Raises
    ------
    InputError
        If the configuration, a symbol or a venue cannot be used.
    TapeError, StateError
        If another process records here, or the folder cannot be written.
    """
    if seconds is not None and not 0 < seconds < 1e9:
        raise InputError(f"--seconds is {seconds:g}: give a number above 0")
    stamina.instrumentation.set_on_retry_hooks([])  # what fails for good is said; tries are not
    settings = configuration.load(config)
    specs = channel_specs(settings)
    screen = None if quiet else WatchScreen()
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{settings.folder}: cannot be made a folder ({error.strerror}): choose another"
            " [store] folder"
        ) from error
    with (
        _log_stream(settings, screen) as stream,
        Journal(settings.log, secrets=secrets_of(specs), stream=stream),
    ):
        clock, rng = SystemClock(), random.Random()  # noqa: S311 - jitter, no secret
        chosen = plan(settings, symbols, venues, clock=clock, rng=rng)
        running = Running(
                settings, () if is_recording else specs, chosen, clock=clock, rng=rng,
                transport=AiohttpTransport(), is_recording=is_recording,
            )  # fmt: skip
        with rare_collections():
            asyncio.run(_until_told(running, screen, seconds))
    gc.freeze()  # nothing is left to collect, and looking for it would take a second


@final
class Running:
    """Everything that one watching process holds; opened and closed by :meth:`opened`.

    Parameters
    ----------
    settings, specs
        The configuration, and its channels.
    chosen
        What is followed.
    clock, rng, transport
        Wall clock, jitter, sockets.
    is_recording
        Whether only frames are kept: nothing is told.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[ChannelSpec],
        chosen: Plan,
        *,
        clock: Clock,
        rng: random.Random,
        transport: Transport,
        is_recording: bool = False,
    ) -> None:
        self._settings = settings
        self._specs = tuple(specs)
        self._plan = chosen
        self._clock = clock
        self._rng = rng
        self._transport = transport
        self._is_recording = is_recording
        self._log = structlog.get_logger("airpocket.watch")
        self._draws = 0
        self._waiting: dict[str, int] = {}
        self._size_bytes: int | None = None
        names = [one.rules.venue for one in chosen.venues]
        self.metrics: Final = Metrics(names, [spec.name for spec in specs])
        self.picture: Final = Picture(clock, self.metrics, str(settings.folder), chosen.coverage)
        self.picture.notes += chosen.notes
        self.watcher: Watcher
        self.outbox: Outbox | None = None
        self._deliverer: Deliverer | None = None
        self._tapes: Tapes

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Watcher]:
        """Open the stores, take up what an earlier run left, and listen on the health page."""
        folder, store = self._settings.folder, self._settings.store
        async with AsyncExitStack() as stack:
            self._tapes = stack.enter_context(
                Tapes(
                    folder / "tapes", self._clock.wall_ns(), keep_days=store.retention_days,
                    keep_bytes=int(store.retention_gb * 1e9), on_gap=self._follow_gap,
                )
            )  # fmt: skip
            for note in self._tapes.notes:
                self._log.warning("tape_damaged", said=note)
            stack.push_async_callback(self._transport.close)
            for one in self._plan.venues:
                if one.rest is not None:
                    stack.push_async_callback(one.rest.close)
            filing = None if self._is_recording else self._open_filing(stack)
            follower, reader = Follower(), Reader()
            self._log.info(
                "watching", venues=[one.rules.venue for one in self._plan.venues],
                symbols=list(self._plan.symbols), folder=str(folder),
            )  # fmt: skip
            for note in self._plan.notes:
                self._log.info("note", said=note)
            await self._warm_up(reader, follower)
            desk = HealthDesk()
            self.watcher = Watcher(
                self._plan.venues, transport=self._transport, tapes=self._tapes, reader=reader,
                follower=follower, filing=filing, health_desk=desk, clock=self._clock,
                rng=self._rng, commit_s=store.commit_ms / 1000,
                events=WatcherEvents(
                    said=self._note_said, alert=self._note_alert, health=self.picture.note_health,
                    gap=self.picture.note_gap, offset=self.picture.note_offset,
                ),
            )  # fmt: skip
            self._resume(desk, filing)
            if self._settings.server.enabled:
                await self._open_page(stack)
            if self._deliverer is not None:
                delivering = asyncio.create_task(self._deliverer.run())
                stack.push_async_callback(_ended, delivering)
                stack.push_async_callback(self._deliverer.stop)
                tidying = asyncio.create_task(self._tidy())
                stack.push_async_callback(_ended, tidying)
                stack.callback(tidying.cancel)
            yield self.watcher

    def view(self) -> WatchView:
        """Draw the picture of the moment."""
        if self._draws % _SIZE_EVERY == 0:
            self._size_bytes = sum(_size(path) for path in self._tapes.tapes())
        self._draws += 1
        return self.picture.view(
            self.watcher,
            pending_bytes=self._tapes.pending_bytes,
            size_bytes=self._size_bytes,
            outbox=self._pending(),
            sent=None if self._deliverer is None else self._deliverer.counts,
        )

    # -- opening -------------------------------------------------------------------------------

    def _open_filing(self, stack: AsyncExitStack) -> Filing:
        state = stack.enter_context(State(self._settings.state_file))
        self.outbox = Outbox(state)
        subscriptions = open_subscriptions(state, self._settings, self._specs)
        for problem in subscriptions.problems():
            self._log.warning("subscription", problem=problem)
            self.picture.notes.append(problem)
        sinks = open_sinks(self._specs, clock=self._clock)
        self._deliverer = Deliverer(
            self.outbox, sinks, clock=self._clock, rng=self._rng, notice=self._channel_gone
        )
        return Filing(
            self.outbox, subscriptions.route, self._clock, filed=self._filed,
            trouble=lambda said: self._log.error("outbox", trouble=said),
            transaction=state.transaction,
        )  # fmt: skip

    async def _warm_up(self, reader: Reader, follower: Follower) -> None:
        """Follow the last hour of the tapes again; what it says was said before."""
        since_ns = self._clock.wall_ns() - WARM_UP_NS
        frames = 0
        for item in self._tapes.frames_since(since_ns):
            if isinstance(item, Gap):
                follower.take_gap(item)
                continue
            follower.take(reader.read(item))
            frames += 1
            if frames % 2_000 == 0:
                await asyncio.sleep(0)
        if frames:
            self._log.info("tapes_read_again", frames=frames, since=iso(since_ns))

    def _resume(self, desk: HealthDesk, filing: Filing | None) -> None:
        if self.outbox is None or filing is None:
            return
        for said in self.watcher.follower.resume(self.outbox.open_alerts()):
            if isinstance(said, InformationalAlert):
                self._note_alert(said)
                filing.add(said)
        now_ns = self._clock.wall_ns()
        notices = self.outbox.last_of_open(Signal.FEED_HEALTH)
        for notice in notices:  # told before, under an id that goes on: no second message
            self._log.warning("still_out", told=headline(notice))
        for alert in desk.resume(notices, venues=self.watcher.feeds, now_ns=now_ns):
            self._note_alert(alert)
            filing.add(alert)

    async def _open_page(self, stack: AsyncExitStack) -> None:
        server = self._settings.server
        page = HealthPage(self.metrics, self.view, host=server.host, port=server.port)
        try:
            await page.start()
        except InputError as error:
            # A second watcher on this machine has its own folder, and no page: it is not stopped.
            self._log.warning("no_health_page", reason=str(error))
            self.picture.notes.append(f"no health page: {error}")
            return
        stack.push_async_callback(page.stop)

    async def _tidy(self) -> None:
        """Forget, once a day, what was delivered long ago."""
        loop = asyncio.get_running_loop()
        while self.outbox is not None:
            await asyncio.sleep(_TIDY_S)
            try:
                gone = await loop.run_in_executor(None, self.outbox.prune, self._clock.wall_ns())
            except AirpocketError as error:
                self._log.error("not_tidied", reason=str(error))
            else:
                self._log.info("tidied", forgotten=gone)

    # -- what is told --------------------------------------------------------------------------

    def _follow_gap(self, gap: Gap) -> None:
        self.watcher.pipeline.follow_gap(gap)

    def _channel_gone(self, channel: str, reason: str) -> None:
        said = f"channel {channel} takes nothing more: {reason}"
        self.picture.notes.append(said)
        self.watcher.note_own_fault("delivery", said)

    def _note_said(self, said: Said) -> None:
        self.picture.note_said(said)

    def _note_alert(self, alert: InformationalAlert) -> None:
        self.picture.note_alert(alert)

    def _filed(self, alert: InformationalAlert, channels: tuple[str, ...]) -> None:
        del alert
        if self._deliverer is not None:
            self._deliverer.wake(*channels)

    def _pending(self) -> dict[str, int]:
        if self.outbox is None or self._draws % 8 != 1:
            return self._waiting
        self._waiting = self.outbox.pending()
        return self._waiting


async def _until_told(running: Running, screen: WatchScreen | None, seconds: float | None) -> None:
    """Run until a signal or the end of the time, then stop within two seconds."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or a thread
            loop.add_signal_handler(name, told.set)
    async with running.opened() as watcher:
        following = asyncio.create_task(watcher.run())
        with screen if screen is not None else nullcontext():
            drawing = asyncio.create_task(_draw(running, screen))
            waiting = asyncio.create_task(told.wait())
            tasks: set[asyncio.Task[Any]] = {following, drawing, waiting}
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
            drawing.cancel()
            waiting.cancel()
        begun_s = loop.time()
        following.cancel()
        await asyncio.gather(following, drawing, waiting, return_exceptions=True)
    took_s = round(loop.time() - begun_s, 3)
    structlog.get_logger("airpocket.watch").info("stopped", took_s=took_s)


async def _draw(running: Running, screen: WatchScreen | None) -> None:
    while True:
        view = running.view()  # also without a screen: it brings the figures up to date
        if screen is not None:
            screen.update(view)
        await asyncio.sleep(_DRAW_S)


async def _ended(task: "asyncio.Task[None]") -> None:
    await asyncio.gather(task, return_exceptions=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _log_stream(settings: Settings, screen: WatchScreen | None) -> Any:
    """Send the log to a file while the screen is drawn, to stderr otherwise."""
    if screen is None or not screen.is_screen:
        return nullcontext(sys.stderr)
    path = settings.folder / "watch.log"
    if _size(path) > _LOG_MOST:
        path.replace(path.with_suffix(".log.1"))
    return path.open("a", encoding="utf-8")
