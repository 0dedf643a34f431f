"""One venue, followed: its lines kept up, its holes marked, its health told.

The feed knows what the venue's documents promise and believes none of it: a channel is alive while
data prove it, and everything else is a gap.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, final

from airpocket.live.book_mending import BookMending, Snapshot
from airpocket.live.clock import Clock
from airpocket.live.gaps import GapBook
from airpocket.live.line_keeper import LineKeeper, LineState, LineStatus, Surroundings
from airpocket.live.pacing import Pace
from airpocket.live.receiver import Receiver
from airpocket.live.session import Session
from airpocket.live.transport import Transport
from airpocket.market.events import Gap, GapCause, Health, HealthState
from airpocket.market.stream import Channel, Line, StreamRules

__all__ = ["VenueFeed"]

_TICK_S: Final = 1.0
_ASLEEP_NS: Final = 5_000_000_000
_CLOCK_STEP_NS: Final = 5_000_000_000
_DOUBT_FIRST_S: Final = 60.0
_DOUBT_S: Final = 600.0
_CONNECTING: Final = "connecting"
_SUBSCRIBED: Final = "subscribed, not proven yet"
_BEGINNING: Final = frozenset({_CONNECTING, _SUBSCRIBED})


@final
class VenueFeed:
    """Follows one venue until cancelled.

    Parameters
    ----------
    rules
        How its streams are asked for.
    lines
        What to follow (:meth:`~airpocket.market.stream.StreamRules.lines`).
    transport, receiver, clock, rng
        Sockets, where frames go, the wall clock, the source of jitter.
    symbol_of
        Unified symbol of a raw one.
    is_throttled
        Whether the venue's liquidation feed shows only a part (a dated rule says so).
    snapshot
        Fetches a book's snapshot by REST, as the venue's wire reads it, for venues that send none
        over their stream (``None`` if it cannot be had now).
    healed
        Told of each gap when it ends, so that trades can be back-filled.
    closed
        Told the stream name of each connection that is over.

    Examples
    --------
    A feed needs a running loop::

        feed = VenueFeed(rules, rules.lines(instruments, now_ns), transport=…, receiver=…, …)
        await feed.run()
    """

    def __init__(
        self,
        rules: StreamRules,
        lines: Sequence[Line],
        *,
        transport: Transport,
        receiver: Receiver,
        clock: Clock,
        rng: random.Random,
        symbol_of: Callable[[str], str | None] = lambda _: None,
        is_throttled: bool = False,
        snapshot: Snapshot | None = None,
        healed: Callable[[Gap], None] = lambda _: None,
        closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.venue: Final = rules.venue
        self._clock = clock
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._is_throttled = is_throttled
        self._symbol_of = symbol_of
        self._gaps = GapBook(rules.venue, receiver.record_gap, symbol_of)
        self._books = BookMending(snapshot, rules.limits)
        self._serial = 0
        self._around = Surroundings(
            rules, transport, receiver, self._gaps, rng, clock.wall_ns, _connect_pace(rules),
            self._is_on_one_line, self._next_serial, self._note_broken, healed, closed,
        )  # fmt: skip
        self._keepers = [LineKeeper(line, self._around) for line in lines]
        self._running: dict[LineKeeper, asyncio.Task[None]] = {}
        self._told: dict[str, tuple[HealthState, str]] = {}
        self._begun_s = self._loop.time()
        self._doubts: dict[tuple[str, str], tuple[str, float]] = {}  # and when to act again
        self._suspicions: dict[str, str] = {}

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the venue until cancelled."""
        try:
            for keeper in self._keepers:
                self._running[keeper] = asyncio.create_task(keeper.run())
            await self._watch()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self._books.close()
            self._running.clear()

    def change(self, lines: Sequence[Line]) -> None:
        """Follow other instruments: lines of the same route go on, others come or go."""
        old: dict[tuple[str, str], list[LineKeeper]] = {}
        for keeper in self._keepers:
            old.setdefault((keeper.line.route, keeper.line.url), []).append(keeper)
        kept: list[LineKeeper] = []
        for line in lines:
            before = old.get((line.route, line.url))
            if before:
                keeper = before.pop(0)
                if keeper.line != line:
                    keeper.change(line)
            else:
                keeper = LineKeeper(line, self._around)
                self._running[keeper] = asyncio.create_task(keeper.run())
            kept.append(keeper)
        self._keepers = kept
        for keeper in (keeper for left in old.values() for keeper in left):
            self._running.pop(keeper).cancel()
            keeper.forget()
        followed = {one.raw_symbol for line in lines for one in line.subscriptions}
        for channel, raw_symbol in list(self._doubts):
            if raw_symbol not in {"*", *followed}:
                self.doubt(channel, None, 0, raw_symbol=raw_symbol)

    def doubt(
        self, channel: str, said: str | None, since_ns: int, *, raw_symbol: str = "*"
    ) -> None:
        """Say that a channel is silent against all likelihood; ``None`` ends the doubt.

        A topic is asked for again; what that does not help, and a whole channel, needs another
        connection.
        """
        key, now_s = (channel, raw_symbol), self._loop.time()
        if said is None:
            if self._doubts.pop(key, None) is not None:
                now_ns = self._clock.wall_ns()
                ended = self._gaps.close(channel, raw_symbol, now_ns, firm=True)
                if ended is not None:
                    self._around.healed(ended)
            return
        known = self._doubts.get(key)
        if known is None:
            proof = f"acknowledged but silent: {said}"
            self._gaps.open(channel, raw_symbol, since_ns, GapCause.SILENCE, proof, firm=True)
        elif now_s < known[1]:
            return
        is_first = known is None and raw_symbol != "*"
        self._doubts[key] = said, now_s + (_DOUBT_FIRST_S if is_first else _DOUBT_S)
        for keeper in self._keepers:
            if keeper.session is not None and _carries(keeper.line, channel):
                if is_first:
                    keeper.session.ask_again(keeper.session.topics(channel, raw_symbol))
                else:
                    keeper.session.ripe.set()

    def suspect(self, channel: str, said: str | None) -> None:
        """Say that what a channel says is not believed, though it flows; ``None`` ends that."""
        if said is None:
            self._suspicions.pop(channel, None)
        else:
            self._suspicions[channel] = said

    def watched_since_ns(self, channel: str) -> int | None:
        """Tell since when a channel is watched without a hole; ``None``: it is not."""
        return self._gaps.watched_since_ns(channel)

    @property
    def statuses(self) -> tuple[tuple[Line, LineStatus], ...]:
        """How each line is."""
        return tuple((keeper.line, keeper.status) for keeper in self._keepers)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that are followed."""
        named = {
            channel.value
            for keeper in self._keepers
            for one in keeper.line.subscriptions
            for channel in one.channels
        }
        return tuple(sorted(named))

    def health(self) -> dict[str, tuple[HealthState, str]]:
        """State of each channel, with its reason."""
        return {channel: self._health_of(channel) for channel in self.channels}

    # -- every second --------------------------------------------------------------------------

    async def _watch(self) -> None:
        last_s, last_ns = self._loop.time(), self._clock.wall_ns()
        while True:
            await asyncio.sleep(_TICK_S)
            now_s, now_ns = self._loop.time(), self._clock.wall_ns()
            passed_ns = int((now_s - last_s) * 1e9)
            asleep = passed_ns > _ASLEEP_NS
            # A machine that sleeps stops the loop's clock and not the wall's; a clock that is set
            # looks the same, and in both cases what lies between was not watched as it should be.
            jumped = now_ns - last_ns - passed_ns > _CLOCK_STEP_NS
            if asleep or jumped:
                self._note_pause(last_ns, now_ns, "asleep" if asleep else "clock")
            last_s, last_ns = now_s, now_ns
            for task in self._running.values():
                if task.done() and not task.cancelled():
                    task.result()  # a keeper never ends by itself: let the fault be seen
            await self._books.step()
            self._tell_health(now_ns)

    def _note_pause(self, from_ns: int, to_ns: int, what: str) -> None:
        said = {
            "asleep": "this process did not run (suspended or stopped)",
            "clock": "the wall clock jumped ahead (the machine slept, or its clock was set)",
        }[what]
        for channel in self.channels:
            if not self._gaps.is_open(channel, "*"):
                self._gaps.open(channel, "*", from_ns, GapCause.SUSPEND, said)
                self._gaps.close(channel, "*", to_ns)

    def _tell_health(self, now_ns: int) -> None:
        for channel, (state, reason) in self.health().items():
            known = self._told.get(channel)
            if known is not None and known[0] is state:
                continue
            if known is None and reason in _BEGINNING:
                continue
            self._told[channel] = (state, reason)
            self._receiver.record_health(
                Health(
                    venue=self.venue, symbol="*", raw_symbol="*", local_ns=now_ns,
                    channel=channel, state=state, reason=reason,
                )
            )  # fmt: skip

    def _health_of(self, channel: str) -> tuple[HealthState, str]:
        keepers = [keeper for keeper in self._keepers if _carries(keeper.line, channel)]
        fault = self._fault_of(channel, [keeper.status for keeper in keepers])
        if fault is not None:
            return fault
        if any(keeper.status.state is LineState.CONNECTING for keeper in keepers):
            return HealthState.SUSPECT, _CONNECTING
        if any(keeper.session and keeper.session.is_waiting(channel) for keeper in keepers):
            return HealthState.SUSPECT, _SUBSCRIBED
        if channel == Channel.LIQUIDATIONS and self._is_throttled:
            return HealthState.THROTTLED, "alive; the venue shows only a part, sums are least sums"
        return HealthState.LIVE, "alive"

    def _fault_of(self, channel: str, statuses: list[LineStatus]) -> tuple[HealthState, str] | None:
        """Say what is wrong with a channel, the worst first; ``None``: nothing is known to be."""
        for status in statuses:
            if status.state is LineState.BLOCKED:
                return HealthState.BLOCKED, status.said
        downs = [status for status in statuses if status.state is LineState.DOWN]
        if downs and len(downs) == len(statuses):
            return HealthState.DEAD, downs[0].said
        for (name, _), (said, _) in self._doubts.items():
            if name == channel:
                return HealthState.SUSPECT, said
        gaps = self._gaps.of(channel)
        if gaps or downs:
            return HealthState.SUSPECT, gaps[0].proven_by if gaps else downs[0].said
        if channel in self._suspicions:
            return HealthState.SUSPECT, self._suspicions[channel]
        return None

    # -- books ---------------------------------------------------------------------------------

    def _note_broken(self, session: Session, gap: Gap) -> None:
        self._gaps.open(Channel.DEPTH, gap.raw_symbol, gap.from_ns, gap.cause, gap.proven_by)
        self._books.note_broken(session, gap.raw_symbol)

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _is_on_one_line(self, channel: str) -> bool:
        return sum(_carries(keeper.line, channel) for keeper in self._keepers) == 1


def _carries(line: Line, channel: str) -> bool:
    return any(channel in one.channels for one in line.subscriptions)


def _connect_pace(rules: StreamRules) -> Pace:
    limits = rules.limits
    windows = []
    if limits.connections_per_s is not None:
        windows.append((max(1, int(limits.connections_per_s)), 1.0))
    if limits.connections_per_5_min is not None:
        windows.append((max(1, int(limits.connections_per_5_min * 0.8)), 300.0))
    return Pace(*(windows or [(2, 1.0)]))
