"""From received bytes to filed alerts: kept first, understood second, told third.

Nothing is concluded from a frame that could still be lost: frames wait beside the tape until the
commit that holds them has returned, and only then are they followed. So every alert can be
recomputed from the tape, and the tape says what the watcher said. The disk does not wait for the
following, within a limit: in a rush frames are safe first and understood later.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, Protocol, final

from msgspec import Struct

from airpocket.alerts.saying import Said
from airpocket.errors import AirpocketError, LimitError, TapeError
from airpocket.live.clock import Clock
from airpocket.live.following import Follower
from airpocket.live.gaps import GapBook
from airpocket.live.reading import Reader
from airpocket.live.receiver import Reading
from airpocket.market.events import Gap, GapCause, Health, RawRef
from airpocket.market.wire import Decoded, Frame

__all__ = ["BEHIND_MOST", "COMMIT_S", "KeepsFrames", "Pipeline", "PipelineEvents", "Tally"]

BEHIND_MOST: Final = 1 << 16
"""Readings that are safe and not followed; beyond it the disk waits, and the tape's limit holds."""

COMMIT_S: Final = 0.05
"""Longest time a frame waits before the disk is asked to keep it."""

_SLICE: Final = 200  # readings followed before other tasks have a turn
_NOT_KEPT: Final = Decoded(control="not_kept")


class KeepsFrames(Protocol):
    """What the pipeline needs of the tapes."""

    def append(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> RawRef:
        """Take a frame; ``TapeError`` if too much waits."""
        ...

    def commit(self) -> object:
        """Make all that was taken durable; called in a thread."""
        ...

    def record_gap(self, gap: Gap) -> None:
        """Take a gap."""
        ...

    def quarantine(self, raw_ref: RawRef, reason: str) -> None:
        """Take the reason for which a frame was rejected."""
        ...


class PipelineEvents(Struct, frozen=True):
    """What the pipeline tells its owner, in the loop; none may wait.

    ``reading`` each frame as it was read, before it is durable; ``said`` what the detector led to,
    after; ``health`` each change of a channel; ``gap`` each hole, opened or ended; ``disk`` a
    sentence when the tape cannot be written, ``None`` when it can again.
    """

    reading: Callable[[str, str, Reading], None]
    said: Callable[[Said], None]
    health: Callable[[Health], None]
    gap: Callable[[Gap], None]
    disk: Callable[[str | None], None]


class Tally(Struct):
    """What was counted since the start.

    ``frames``, ``events``, ``size_bytes`` received; ``rejected`` parts that could not be used;
    ``repeats`` events that had been seen; ``refused`` frames that the tape did not take.
    """

    frames: int = 0
    events: int = 0
    size_bytes: int = 0
    rejected: int = 0
    repeats: int = 0
    refused: int = 0


@final
class Pipeline:
    """Keeps, reads and follows what feeds receive (:class:`~airpocket.live.receiver.Receiver`).

    Parameters
    ----------
    tapes
        Where frames are kept.
    reader, follower
        What makes sense of them.
    clock
        The wall clock.
    events
        Whom to tell.
    commit_s
        Pause between two commits.
    executor
        Where commits run; ``None``: the loop's own threads.
    """

    def __init__(
        self,
        tapes: KeepsFrames,
        reader: Reader,
        follower: Follower,
        clock: Clock,
        events: PipelineEvents,
        *,
        commit_s: float = COMMIT_S,
        executor: Executor | None = None,
    ) -> None:
        self.tally: Final[dict[str, Tally]] = {}
        self.commit_took_s = 0.0
        self._tapes = tapes
        self._reader = reader
        self._follower = follower
        self._clock = clock
        self._events = events
        self._commit_s = commit_s
        self._executor = executor
        self._waiting: deque[Reading | Gap] = deque()  # for a commit
        self._safe: deque[Reading | Gap] = deque()  # to be followed
        self._overflow: dict[str, GapBook] = {}
        self._unrecorded: deque[Gap] = deque()
        self._full: set[str] = set()
        self._trouble: str | None = None
        self._work = asyncio.Event()
        self._has_safe = asyncio.Event()

    # -- Receiver ------------------------------------------------------------------------------

    def receive(self, venue: str, stream: str, data: bytes) -> Reading:
        """Take one frame: keep it, read it, and let it wait for its commit."""
        local_ns = self._clock.wall_ns()
        tally = self.tally.get(venue)
        if tally is None:
            tally = self.tally[venue] = Tally()
        tally.frames += 1
        tally.size_bytes += len(data)
        try:
            raw_ref = self._tapes.append(venue, stream, local_ns, data)
        except (TapeError, LimitError) as error:
            tally.refused += 1
            self._note_full(venue, local_ns, str(error))
            return Reading(local_ns, (), _NOT_KEPT, kept=False)
        reading = self._reader.read(Frame(venue, stream, local_ns, data, raw_ref))
        said = reading.said
        tally.events += len(reading.events)
        if said.rejected:
            tally.rejected += len(said.rejected)
            self._quarantine(raw_ref, said.rejected)
        if len(said.events) > len(reading.events):
            tally.repeats += len(said.events) - len(reading.events)
        self._waiting.append(reading)
        if venue in self._full:
            self._note_room(venue, local_ns)  # behind the frame, as it lies on the tape
        self._work.set()
        self._events.reading(venue, stream, reading)
        return reading

    def record_gap(self, gap: Gap) -> None:
        """Keep a hole, and let it be followed in its place among the frames."""
        self._events.gap(gap)
        try:
            self._tapes.record_gap(gap)
        except TapeError:
            self._unrecorded.append(gap)  # told as soon as there is room: never forgotten
        else:
            self._waiting.append(gap)
        self._work.set()

    def follow_gap(self, gap: Gap) -> None:
        """Follow a hole that the tapes record by themselves, in its place among the frames."""
        self._events.gap(gap)
        self._waiting.append(gap)
        self._work.set()

    def record_health(self, health: Health) -> None:
        """Pass on how a channel is."""
        self._events.health(health)

    # -- running -------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Readings and gaps that are not followed yet."""
        return len(self._waiting) + len(self._safe)

    async def run(self) -> None:
        """Commit and follow until cancelled; then :meth:`finish`."""
        tasks = [asyncio.create_task(work) for work in (self._keep_on(), self._follow_on())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # neither ends by itself: let the fault be seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_on(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if not await self._commit():
                self._work.set()  # the disk does not take it: again
            await asyncio.sleep(self._commit_s if self._trouble is None else 1.0)
            while len(self._safe) > BEHIND_MOST:  # noqa: ASYNC110 - rare, and no hurry
                await asyncio.sleep(self._commit_s)

    async def _follow_on(self) -> None:
        while True:
            await self._has_safe.wait()
            await self._follow()

    async def _commit(self) -> bool:
        """Commit once; false if the disk did not take it."""
        while self._unrecorded:
            try:
                self._tapes.record_gap(self._unrecorded[0])
            except TapeError:
                break
            self._waiting.append(self._unrecorded.popleft())
        count = len(self._waiting)  # all of this is with the tape when the commit begins
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            await loop.run_in_executor(self._executor, self._tapes.commit)
        except (TapeError, OSError) as error:
            self._tell_trouble(str(error))
            return False
        self.commit_took_s = loop.time() - begun_s
        self._tell_trouble(None)
        if count:
            self._safe.extend([self._waiting.popleft() for _ in range(count)])
            self._has_safe.set()
        return True

    async def _follow(self) -> None:
        """Follow all that is safe."""
        number = 0
        while self._safe:
            item = self._safe.popleft()
            told = (
                self._follower.take_gap(item)
                if isinstance(item, Gap)
                else self._follower.take(item)
            )
            for said in told:
                self._events.said(said)
            number += 1
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        self._has_safe.clear()

    async def finish(self) -> bool:
        """Commit what waits, at the end; false if the disk did not take it."""
        done = await self._commit()
        while done and (self._waiting or self._unrecorded):
            done = await self._commit()
        await self._follow()
        return done

    # -- what does not fit ---------------------------------------------------------------------

    def _quarantine(self, raw_ref: RawRef, reasons: tuple[str, ...]) -> None:
        for reason in reasons[:20]:
            try:
                self._tapes.quarantine(raw_ref, reason)
            except AirpocketError:
                return  # the frame itself is kept; replay finds the reason again

    def _note_full(self, venue: str, local_ns: int, said: str) -> None:
        if venue in self._full:
            return
        self._full.add(venue)
        book = self._overflow.get(venue)
        if book is None:
            book = self._overflow[venue] = GapBook(venue, self.record_gap, lambda _: None)
        book.open("*", "*", local_ns, GapCause.OVERFLOW, said[:300])

    def _note_room(self, venue: str, local_ns: int) -> None:
        self._full.discard(venue)
        self._overflow[venue].close("*", "*", local_ns)

    def _tell_trouble(self, said: str | None) -> None:
        if said != self._trouble and (said is None) != (self._trouble is None):
            self._events.disk(said)
        self._trouble = said
