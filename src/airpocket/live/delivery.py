"""Delivery: what the outbox holds goes out, however the receivers behave.

Each channel has a lane of its own, with one message under way at most: a receiver that hangs holds
up nobody else, and a channel's messages arrive in the order they were filed in. A message counts
only once the outbox has noted it, so a crash in between sends it again, under the same id.

A channel that failed is tried again after 5 s, 30 s, 2 min, and so on up to every two hours, for
three days. An alert that is filed meanwhile does not wait for that: it brings the next try forward.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar, final

import structlog
from msgspec import Struct

from airpocket.alerts.outbox import Due
from airpocket.errors import AirpocketError
from airpocket.live.channel import Delivery, Outcome, Sink, printable
from airpocket.live.clock import Clock
from airpocket.live.pacing import Pace
from airpocket.units import HOUR_NS, SECOND_NS

__all__ = ["KEEP_TRYING_NS", "SCHEDULE_S", "ChannelCounts", "Deliverer", "DueAlerts", "pause_s"]

SCHEDULE_S: Final = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0)
"""Pauses after the first, second, … failed try; the last one from then on."""
KEEP_TRYING_NS: Final = 75 * HOUR_NS
"""A message is tried so long, then it is given up, and that is said."""

_AFTER_MOST_S: Final = 7_200.0
_URGENT_S: Final = 30.0  # news do not make us knock more often than this
_LOOK_S: Final = 60.0
_POLL_S: Final = 600.0
_LEAST_S: Final = 0.002  # clocks round: a moment too early is not asked about again and again
_REFUSALS_MOST: Final = 3
_STOP_S: Final = 1.5
_LAST_NOTE_S: Final = 0.3
_AHEAD_NS: Final = 24 * HOUR_NS  # no retry lies further ahead
_MOST: Final = 200
_UNKNOWN_S: Final = 3_600.0
_T = TypeVar("_T")


class DueAlerts(Protocol):
    """What the deliverer needs of :class:`airpocket.alerts.outbox.Outbox`."""

    def due(self, now_ns: int, most: int = 100) -> list[Due]: ...  # noqa: D102
    def delivered(self, due: Due, at_ns: int) -> None: ...  # noqa: D102
    def failed(self, due: Due, at_ns: int, *, retry_ns: int, reason: str) -> None: ...  # noqa: D102
    def refused(self, due: Due, at_ns: int, reason: str) -> None: ...  # noqa: D102
    def suspend(self, channel: str, reason: str) -> None: ...  # noqa: D102
    def next_due_ns(self) -> int | None: ...  # noqa: D102
    def give_up(self, now_ns: int, *, after_ns: int = ...) -> int: ...  # noqa: D102


class ChannelCounts(Struct):
    """What a channel did since the start, for metrics.

    ``delay_ns`` is how long after its filing the last message arrived; ``last_reason`` why the last
    try failed, ``None`` once one succeeds.
    """

    delivered: int = 0
    failed: int = 0
    refused: int = 0
    is_suspended: bool = False
    last_delivered_ns: int | None = None
    delay_ns: int | None = None
    last_reason: str | None = None


class _Lane:
    """What is remembered of one channel while the process lives."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.pace = Pace(*sink.windows)
        self.counts = ChannelCounts()
        self.task: asyncio.Task[None] | None = None
        self.is_sending = False
        self.rest_until_s = 0.0  # what the receiver asked for
        self.quiet_until_s = 0.0  # before this, news bring nothing forward
        self.retry_ns: int | None = None
        self.refusals = 0


def pause_s(
    attempts: int,
    rng: random.Random,
    *,
    after_s: float | None = None,
    schedule_s: tuple[float, ...] = SCHEDULE_S,
) -> float:
    """Give the pause before the next try, in seconds.

    Parameters
    ----------
    attempts
        Tries that failed, this one included.
    rng
        Source of the jitter: a fifth up or down.
    after_s
        What the receiver asked for; kept to, up to two hours.
    schedule_s
        Pauses after the first, second, … try.

    Examples
    --------
    >>> [round(pause_s(tries, random.Random(3))) for tries in (1, 2, 3, 9)]
    [4, 27, 107, 6445]
    >>> pause_s(1, random.Random(3), after_s=60.0) >= 60
    True
    """
    planned_s = schedule_s[min(attempts, len(schedule_s)) - 1] * rng.uniform(0.8, 1.2)
    if after_s is None:
        return planned_s
    return max(planned_s, min(after_s, _AFTER_MOST_S) * rng.uniform(1.0, 1.1))


@final
class Deliverer:
    """Sends what is due, until it is told to stop.

    Parameters
    ----------
    outbox
        What is due, and where it is noted. Called from one thread of the deliverer's own, because
        the disk may hold it up.
    sinks
        How each channel is sent over.
    clock
        The wall clock, by which things are due. Pauses are the loop's.
    rng
        Source of the jitter.
    notice
        Called with channel and reason when a channel is suspended: once, since nothing more is due
        for it then.
    schedule_s
        Pauses after failed tries.

    Notes
    -----
    ``run()`` is a task of the caller's; ``wake()`` tells it that something was filed, ``stop()``
    ends it within two seconds: a message under way is finished or left to the next start.
    """

    def __init__(
        self,
        outbox: DueAlerts,
        sinks: Mapping[str, Sink],
        *,
        clock: Clock,
        rng: random.Random,
        notice: Callable[[str, str], None] | None = None,
        schedule_s: tuple[float, ...] = SCHEDULE_S,
    ) -> None:
        self._outbox = outbox
        self._lanes = {name: _Lane(sink) for name, sink in sinks.items()}
        self._clock = clock
        self._rng = rng
        self._notice = notice
        self._schedule_s = schedule_s
        self._log = structlog.get_logger("airpocket.delivery")
        self._news = asyncio.Event()
        self._urgent = set(self._lanes)  # a start tries everything: something may have been mended
        self._is_stopping = False
        self._is_over = asyncio.Event()
        self._is_over.set()
        self._swept_s: float | None = None
        self._asked_s = -_POLL_S
        self._thread = ThreadPoolExecutor(1, "airpocket-outbox")

    @property
    def counts(self) -> dict[str, ChannelCounts]:
        """What each channel did since the start."""
        return {name: lane.counts for name, lane in self._lanes.items()}

    def wake(self, *channels: str) -> None:
        """Say that something was filed for these channels; it is sent at once.

        Called from the loop's thread, after the filing has returned.
        """
        self._urgent.update(channels)
        self._news.set()

    async def run(self) -> None:
        """Deliver until :meth:`stop`."""
        self._is_over.clear()
        try:
            while not self._is_stopping:
                self._news.clear()
                next_ns, most_s = await self._offer()
                await self._rest(next_ns, most_s)
        finally:
            await self._end()
            self._is_over.set()

    async def stop(self) -> None:
        """End within two seconds; what did not arrive stays due."""
        self._is_stopping = True
        self._news.set()
        await self._is_over.wait()

    async def _rest(self, next_ns: int | None, most_s: float) -> None:
        """Wait for news, a moment of the wall clock, or so many seconds, whatever comes first."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + most_s
        while not self._news.is_set() and (left_s := end_s - loop.time()) > 0:
            if next_ns is not None:
                # The wall clock is looked at between: it jumps where a machine was asleep.
                left_s = min(left_s, (next_ns - self._clock.wall_ns()) / SECOND_NS)
                if left_s <= 0:
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(max(min(left_s, _LOOK_S), _LEAST_S)):
                    await self._news.wait()

    async def _offer(self) -> tuple[int | None, float]:
        """Start the lanes that have something to do.

        Returns
        -------
        tuple of int or None, float
            The wall time at which more is due, and the seconds after which to ask again anyway.
        """
        try:
            await self._sweep()
            asked_ns = self._clock.wall_ns()
            if self._knows_all(asked_ns):
                return self._next_retry_ns(asked_ns), _LOOK_S
            # A lane that works while we ask may be done with what we are told is due.
            idle = {name for name, lane in self._lanes.items() if lane.task is None}
            due = await self._in_thread(self._outbox.due, asked_ns, _MOST)
            hasty, quiet_s = self._hasty()
            if hasty:
                heads = await self._in_thread(self._outbox.due, asked_ns + _AHEAD_NS, _MOST)
                due += [one for one in heads if one.channel in hasty]
            for one in due:
                if one.channel in idle or one.channel not in self._lanes:
                    await self._start(one)
            if all(lane.task is None for lane in self._lanes.values()):
                return await self._in_thread(self._outbox.next_due_ns), quiet_s
        except AirpocketError as error:
            self._log.error("outbox_unreadable", reason=printable(str(error)))
            return None, _LOOK_S
        # The outbox would name what is under way. A lane at work says when it is done; others may
        # be due before that.
        return self._next_retry_ns(asked_ns), min(quiet_s, _LOOK_S)

    def _next_retry_ns(self, after_ns: int) -> int | None:
        retries = (lane.retry_ns for lane in self._lanes.values() if lane.task is None)
        return min((one for one in retries if one is not None and one > after_ns), default=None)

    def _knows_all(self, now_ns: int) -> bool:
        """Tell whether every channel is at work or rests after a try that failed."""
        now_s = asyncio.get_running_loop().time()
        if self._urgent or now_s >= self._asked_s + _POLL_S:
            self._asked_s = now_s
            return False
        return all(
            lane.task is not None or (lane.retry_ns is not None and lane.retry_ns > now_ns)
            for lane in self._lanes.values()
        )

    def _hasty(self) -> tuple[set[str], float]:
        """Channels whose next try news bring forward, and in how many seconds there are more."""
        now_s = asyncio.get_running_loop().time()
        lanes = {name: self._lanes[name] for name in self._urgent if name in self._lanes}
        hasty = {name for name, lane in lanes.items() if lane.quiet_until_s <= now_s}
        self._urgent = set(lanes) - hasty
        later = [lanes[name].quiet_until_s - now_s for name in self._urgent]
        return hasty, min(later, default=_POLL_S)

    async def _start(self, due: Due) -> None:
        lane = self._lanes.get(due.channel)
        if lane is None:
            at_ns = self._clock.wall_ns()
            reason = "no channel of this name is configured"
            later_ns = at_ns + round(_UNKNOWN_S * SECOND_NS)
            self._log.warning("channel_unknown", channel=printable(due.channel))
            await self._in_thread(
                lambda: self._outbox.failed(due, at_ns, retry_ns=later_ns, reason=reason)
            )
        elif lane.task is None and not self._is_stopping:
            lane.counts.is_suspended = False
            lane.retry_ns = None
            lane.task = asyncio.create_task(self._deliver(lane, due), name=f"send {due.channel}")

    async def _deliver(self, lane: _Lane, due: Due) -> None:
        try:
            await self._when_allowed(lane)
            lane.is_sending = True
            delivery = await _tried(lane.sink.send(due))
            await self._note(lane, due, delivery)
        finally:
            lane.is_sending = False
            lane.task = None
            self._news.set()

    async def _when_allowed(self, lane: _Lane) -> None:
        rest_s = lane.rest_until_s - asyncio.get_running_loop().time()
        if rest_s > 0:
            await asyncio.sleep(rest_s)
        await lane.pace.turn()

    async def _note(self, lane: _Lane, due: Due, delivery: Delivery) -> None:
        """Write down what came of a try, as often as it takes: until then it is not sent again."""
        write = self._outcome(lane, due, delivery)
        pause = 1.0
        while True:
            try:
                await asyncio.shield(self._in_thread(write))
            except AirpocketError as error:
                self._log.error(
                    "outbox_unwritable", channel=due.channel, reason=printable(str(error))
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LOOK_S)
            else:
                return

    def _outcome(self, lane: _Lane, due: Due, delivery: Delivery) -> Callable[[], None]:
        at_ns, now_s = self._clock.wall_ns(), asyncio.get_running_loop().time()
        counts, reason = lane.counts, printable(delivery.reason)
        if delivery.outcome is Outcome.DELIVERED:
            lane.refusals = 0
            lane.quiet_until_s = 0.0
            lane.rest_until_s = now_s + min(delivery.after_s or 0.0, _AFTER_MOST_S)
            counts.delivered += 1
            counts.last_delivered_ns, counts.delay_ns = at_ns, at_ns - due.first_ns
            counts.last_reason = None
            return lambda: self._outbox.delivered(due, at_ns)
        counts.failed += 1
        counts.last_reason = reason
        if delivery.outcome is Outcome.GONE:
            return self._suspension(lane, due, reason)
        lane.refusals = lane.refusals + 1 if delivery.outcome is Outcome.REFUSED else 0
        if lane.refusals >= _REFUSALS_MOST:
            lane.refusals = 0
            counts.refused += 1
            self._log.error("alert_refused", **_about(due), reason=reason)
            return lambda: self._outbox.refused(due, at_ns, reason)
        pause = pause_s(
            due.attempts + 1, self._rng, after_s=delivery.after_s, schedule_s=self._schedule_s
        )
        asked_s = min(delivery.after_s or 0.0, _AFTER_MOST_S)
        lane.rest_until_s = now_s + asked_s
        lane.quiet_until_s = now_s + max(asked_s, min(_URGENT_S, pause))
        lane.retry_ns = retry_ns = at_ns + round(pause * SECOND_NS)
        self._log.warning(
            "delivery_failed", **_about(due), reason=reason, again_in_s=round(pause, 1)
        )
        return lambda: self._outbox.failed(due, at_ns, retry_ns=retry_ns, reason=reason)

    def _suspension(self, lane: _Lane, due: Due, reason: str) -> Callable[[], None]:
        lane.counts.is_suspended = True
        self._log.error("channel_suspended", **_about(due), reason=reason)
        if self._notice is not None:
            self._notice(due.channel, reason)
        return lambda: self._outbox.suspend(due.channel, reason)

    async def _sweep(self) -> None:
        """Once an hour, give up what has been tried for three days; not at once after a start."""
        now_s = asyncio.get_running_loop().time()
        if self._swept_s is None:
            self._swept_s = now_s
        if now_s - self._swept_s < HOUR_NS / SECOND_NS:
            return
        self._swept_s = now_s
        now_ns = self._clock.wall_ns()
        lost = await self._in_thread(lambda: self._outbox.give_up(now_ns, after_ns=KEEP_TRYING_NS))
        if lost:
            self._log.error("alerts_given_up", count=lost, after_h=KEEP_TRYING_NS // HOUR_NS)

    async def _in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def _end(self) -> None:
        """Let what is under way finish, for a moment; leave the rest to the next start."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for lane in self._lanes.values():
            if lane.task is not None and not lane.is_sending:
                lane.task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            await lane.sink.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_NOTE_S):
                await self._in_thread(_nothing)
        self._thread.shutdown(wait=False)


def _nothing() -> None:
    """Come after what the thread is doing."""


async def _tried(sending: Awaitable[Delivery]) -> Delivery:
    try:
        return await sending
    except Exception as error:  # noqa: BLE001 - a sink that breaks is a try that failed
        return Delivery(Outcome.RETRY, f"the sink broke ({type(error).__name__})")


def _about(due: Due) -> dict[str, object]:
    return {
        "channel": printable(due.channel),
        "message_id": printable(due.message_id),
        "attempt": due.attempts + 1,
    }
