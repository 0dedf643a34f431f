"""Keeps one line up: session after session, the next one before the last one ends.

Every hole between what one session proved and what the next one proves is a gap; a session that
is replaced before it ends leaves none.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar, final

from msgspec import Struct

from airpocket.live.gaps import GapBook
from airpocket.live.pacing import Backoff, Pace
from airpocket.live.receiver import Receiver
from airpocket.live.session import Session, SessionEnd, SessionEvents, Why
from airpocket.live.transport import ConnectError, ConnectFault, Transport
from airpocket.market.events import Gap, GapCause
from airpocket.market.stream import Channel, Line, StreamRules, Subscription

__all__ = ["LineKeeper", "LineState", "LineStatus", "Surroundings"]

_T = TypeVar("_T")
_BLOCKED_STATUS: Final = frozenset({401, 403, 451})
_TOO_OFTEN: Final = frozenset({418, 429})
_BLOCKED_FIRST_S: Final = 60.0
_TOO_LARGE_S: Final = 30.0
_STEADY_S: Final = 10.0  # a session that lived so long and was proven begins the back-off anew


class LineState(StrEnum):
    """How a line is."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    BLOCKED = "blocked"


class LineStatus(Struct, frozen=True):
    """How a line is, since when (loop time), why, and how often it had to begin anew."""

    state: LineState
    since_s: float
    said: str
    sessions: int
    last_wall_ns: int | None


class Surroundings(Struct, frozen=True):
    """What the keepers of one venue share."""

    rules: StreamRules
    transport: Transport
    receiver: Receiver
    gaps: GapBook
    rng: random.Random
    wall_ns: Callable[[], int]
    connects: Pace
    whole_venue: Callable[[str], bool]  # whether all of a channel lies on one line
    next_serial: Callable[[], int]
    broken: Callable[[Session, Gap], None]
    healed: Callable[[Gap], None]
    closed: Callable[[str], None]


@final
class LineKeeper:
    """One line and its sessions.

    Parameters
    ----------
    line
        What is to be followed.
    around
        What it shares with the other lines of its venue.
    """

    def __init__(self, line: Line, around: Surroundings) -> None:
        self.line = line
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(around.rng)
        self._opened = 0
        self._session: Session | None = None
        self._successor: Session | None = None
        self._refused: dict[str, str] = {}
        self._status = LineStatus(LineState.CONNECTING, self._loop.time(), "connecting", 0, None)
        self._first_try_ns = around.wall_ns()

    @property
    def status(self) -> LineStatus:
        """How the line is."""
        return self._status

    @property
    def session(self) -> Session | None:
        """The session that counts, if one is open."""
        return self._session

    @property
    def refused(self) -> dict[str, str]:
        """Topics that the venue will not serve, with its reason."""
        return dict(self._refused)

    def change(self, line: Line) -> None:
        """Follow other topics on the same connection: what was listed, what was delisted."""
        old = {one.topic: one for one in self.line.subscriptions}
        new = {one.topic: one for one in line.subscriptions}
        self.line = line
        gone = [one for topic, one in old.items() if topic not in new]
        for session in (self._session, self._successor):
            if session is not None:
                session.unsubscribe(gone)
                session.subscribe(one for topic, one in new.items() if topic not in old)
        now_ns = self._around.wall_ns()
        left = {(channel, one.raw_symbol) for one in new.values() for channel in one.channels}
        for one in gone:
            self._refused.pop(one.topic, None)
            for channel in one.channels:
                if (channel, one.raw_symbol) not in left:
                    self._around.gaps.close(channel, one.raw_symbol, now_ns)
                is_left = any(channel == other for other, _ in left)
                if not is_left or (self._session is not None and not self._waits(channel)):
                    self._around.gaps.close(channel, self._place(channel, one), now_ns)

    def forget(self) -> None:
        """Close the holes of a line that is no longer asked for."""
        now_ns = self._around.wall_ns()
        for one in self.line.subscriptions:
            for channel in one.channels:
                self._around.gaps.close(channel, one.raw_symbol, now_ns)
                self._around.gaps.close(channel, "*", now_ns)

    async def run(self) -> None:
        """Keep the line up until cancelled."""
        while True:
            session = await self._connect_somehow()
            self._session = session
            self._say(LineState.UP, "connected")
            await self._keep(session)
            self._session = None

    # -- opening -------------------------------------------------------------------------------

    async def _connect_somehow(self) -> Session:
        while True:
            try:
                return await self._connect()
            except ConnectError as error:
                await asyncio.sleep(self._note_failure(error))

    async def _connect(self) -> Session:
        around = self._around
        await around.connects.turn()
        connection = await around.transport.connect(
            self.line.url, frame_bytes_most=around.rules.limits.frame_bytes_most
        )
        around.connects.go_on()
        self._opened += 1
        # The moment tells apart the sessions of two runs on one tape.
        stream = f"{self.line.route}#{around.next_serial()}@{around.wall_ns() // 1_000_000_000}"
        events = SessionEvents(
            self._proven, self._stalled, self._unreadable, self._topic_refused, around.broken,
            self._whole,
        )  # fmt: skip
        return Session(
            self.line, stream, connection, around.rules, around.receiver,
            _request_pace(around.rules), events, around.wall_ns,
        )  # fmt: skip

    def _note_failure(self, error: ConnectError) -> float:
        """Say why there is no connection, and how long to wait."""
        blocked = error.fault is ConnectFault.TLS or error.status in _BLOCKED_STATUS
        pause_s = self._backoff.next_s(status=error.status, retry_after_s=error.retry_after_s)
        if error.status in _TOO_OFTEN:
            self._around.connects.rest(pause_s)  # it is our address that is refused, not this line
        if blocked:
            pause_s = max(pause_s, _BLOCKED_FIRST_S * self._around.rng.uniform(1.0, 1.2))
        if self._session is None:
            self._say(LineState.BLOCKED if blocked else LineState.DOWN, str(error))
            if not self._opened:
                self._lose(None, GapCause.DISCONNECT, str(error))
        return pause_s

    # -- keeping -------------------------------------------------------------------------------

    async def _keep(self, session: Session) -> None:
        """Stay with a session and its successors until none of them lives."""
        runner = asyncio.create_task(session.run())
        try:
            while True:
                ripe = asyncio.create_task(session.ripe.wait())
                try:
                    await asyncio.wait({runner, ripe}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    ripe.cancel()
                if runner.done():
                    await asyncio.sleep(self._lost(session, runner.result()))
                    return
                session, runner = await self._succeed(session, runner)
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)

    async def _succeed(
        self, old: Session, old_runner: "asyncio.Task[SessionEnd]"
    ) -> "tuple[Session, asyncio.Task[SessionEnd]]":
        """Open a successor beside a session that lives; end the old one once the new is proven.

        Should the old one end before, the successor takes its place as it is.
        """
        while True:
            new = await self._or_dead(self._connect_somehow, old, old_runner)
            self._successor = new
            runner = asyncio.create_task(new.run())
            try:
                await _first_of(runner, old_runner, new.proven)
            except asyncio.CancelledError:
                runner.cancel()
                await asyncio.gather(runner, return_exceptions=True)
                raise
            finally:
                self._successor = None
            if runner.done():
                self._around.closed(new.stream)
                if self._session is None:  # else the old one still does its work
                    self._say_end(runner.result())
                await self._or_dead(partial(asyncio.sleep, self._backoff.next_s()), old, old_runner)
                continue
            is_lost = self._session is None
            if not old_runner.done():
                old.close()
                await asyncio.gather(old_runner, return_exceptions=True)
            elif not is_lost and not new.proven.is_set():
                self._lost(old, old_runner.result(), beside=new)
                is_lost = True
            if not is_lost:
                self._around.closed(old.stream)
                self._backoff.reset()
            self._session = new
            self._say(LineState.UP, "replaced before it ended" if not is_lost else "connected")
            return new, runner

    async def _or_dead(
        self,
        work: Callable[[], Awaitable[_T]],
        old: Session,
        old_runner: "asyncio.Task[SessionEnd]",
    ) -> _T:
        """Connect, or rest; should the old session end meanwhile, its holes open at once."""
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait({task, old_runner}, return_when=asyncio.FIRST_COMPLETED)
            if old_runner.done() and not task.done() and self._session is not None:
                self._session = None
                self._lost(old, old_runner.result())
            return await task
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    def _lost(self, session: Session, end: SessionEnd, *, beside: Session | None = None) -> float:
        """Open the holes that the end of a session leaves; return the pause before the next.

        What a session ``beside`` it has proven already leaves none.
        """
        lived_s = self._loop.time() - session.opened_s
        if session.proven.is_set() and lived_s >= _STEADY_S:
            self._backoff.reset()
        self._around.closed(session.stream)
        cause = GapCause.SILENCE if end.why is Why.SILENT else GapCause.DISCONNECT
        self._lose(end.last_wall_ns or session.opened_wall_ns, cause, end.said, beside=beside)
        self._say_end(end)
        pause_s = self._backoff.next_s()
        return max(pause_s, _TOO_LARGE_S) if end.why is Why.TOO_LARGE else pause_s

    def _say_end(self, end: SessionEnd) -> None:
        self._say(LineState.DOWN, end.said, end.last_wall_ns)

    def _say(self, state: LineState, said: str, last_wall_ns: int | None = None) -> None:
        now_s = self._loop.time()
        since_s = self._status.since_s if state is self._status.state else now_s
        last = self._status.last_wall_ns if last_wall_ns is None else last_wall_ns
        self._status = LineStatus(state, since_s, said[:300], self._opened, last)

    # -- what sessions tell --------------------------------------------------------------------

    def _lose(
        self, from_ns: int | None, cause: GapCause, said: str, *, beside: Session | None = None
    ) -> None:
        """Open a hole for every topic of the line."""
        start_ns = self._first_try_ns if from_ns is None else from_ns
        for one in self.line.subscriptions:
            if beside is not None and beside.is_proven(one.topic):
                continue
            for channel in one.channels:
                self._around.gaps.open(channel, self._place(channel, one), start_ns, cause, said)

    def _proven(self, one: Subscription, wall_ns: int) -> None:
        self._refused.pop(one.topic, None)
        for channel in one.channels:
            places = {one.raw_symbol: None, self._place(channel, one): None}
            if one.raw_symbol != "*" and self._waits(channel):
                places.pop("*", None)  # the hole of the whole channel ends with its last topic
            if channel == Channel.DEPTH and self._lacks(one.raw_symbol):
                places.pop(one.raw_symbol)  # that of a book ends with its snapshot
            for place in places:
                ended = self._around.gaps.close(channel, place, wall_ns)
                if ended is not None:
                    self._around.healed(ended)

    def _waits(self, channel: str) -> bool:
        """Tell whether a topic of a channel is still to be proven."""
        session = self._successor or self._session
        return session is not None and session.is_waiting(channel)

    def _lacks(self, raw_symbol: str) -> bool:
        """Tell whether a book is broken."""
        session = self._successor or self._session
        return session is not None and session.is_broken(raw_symbol)

    def _stalled(self, one: Subscription, last_wall_ns: int | None, said: str) -> None:
        self._hide(one, last_wall_ns, GapCause.SILENCE, said)

    def _unreadable(self, one: Subscription, last_wall_ns: int | None, said: str) -> None:
        self._hide(one, last_wall_ns, GapCause.UNREADABLE, said)

    def _hide(
        self, one: Subscription, last_wall_ns: int | None, cause: GapCause, said: str
    ) -> None:
        session = self._successor or self._session
        opened_ns = self._first_try_ns if session is None else session.opened_wall_ns
        from_ns = opened_ns if last_wall_ns is None else last_wall_ns
        for channel in one.channels:
            if not self._around.gaps.is_open(channel, "*"):
                self._around.gaps.open(channel, one.raw_symbol, from_ns, cause, said)

    def _topic_refused(self, one: Subscription, reason: str) -> None:
        self._refused[one.topic] = reason
        said = f"the venue refuses {one.topic}: {reason[:160]}"
        now_ns = self._around.wall_ns()
        for channel in one.channels:
            if not self._around.gaps.is_open(channel, "*"):
                self._around.gaps.open(channel, one.raw_symbol, now_ns, GapCause.DISCONNECT, said)

    def _whole(self, raw_symbol: str, wall_ns: int) -> None:
        self._around.gaps.close("depth", raw_symbol, wall_ns)

    def _place(self, channel: str, one: Subscription) -> str:
        """Name what a hole of a topic hides: the whole venue, if all of the channel is here."""
        return "*" if self._around.whole_venue(channel) else one.raw_symbol


async def _first_of(
    runner: "asyncio.Task[SessionEnd]",
    old_runner: "asyncio.Task[SessionEnd]",
    proven: asyncio.Event,
) -> None:
    """Wait until a successor is over or proven, or the old session is over."""
    if old_runner.done():
        return
    task = asyncio.create_task(proven.wait())
    try:
        await asyncio.wait({runner, old_runner, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()


def _request_pace(rules: StreamRules) -> Pace:
    limits = rules.limits
    windows = []
    if limits.requests_per_s is not None:
        windows.append((max(1, int(limits.requests_per_s * 0.6)), 1.0))
    if limits.requests_per_hour is not None:
        windows.append((max(1, int(limits.requests_per_hour * 0.9)), 3600.0))
    return Pace(*windows)
