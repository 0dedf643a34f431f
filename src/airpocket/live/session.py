"""One connection from its opening to its end: subscribe, listen, answer, notice silence.

A session never comes back: what follows it is another session with another number. So nothing
that was begun on one socket can ever act on the next (an old handshake, a late acknowledgement, a
delayed snapshot).
"""

import asyncio
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, final

from msgspec import Struct

from airpocket.live.asking import Asking
from airpocket.live.legibility import Legibility
from airpocket.live.pacing import Pace
from airpocket.live.pulse import SILENT_SOCKET_S, Pulse
from airpocket.live.receiver import Reading, Receiver
from airpocket.live.transport import ClosedError, Connection
from airpocket.market.events import Depth, Gap
from airpocket.market.stream import Channel, Line, StreamRules, Subscription

__all__ = ["Session", "SessionEnd", "SessionEvents", "Why"]

_TICK_S: Final = 1.0
_ASLEEP_S: Final = 5.0  # a second that took so long: the process was stopped
_ASK_AGAIN_FIRST_S: Final = 60.0
_ASK_AGAIN_CAP_S: Final = 600.0


class Why(StrEnum):
    """How a session ended."""

    CLOSED = "closed"  # by the venue, or broken off
    SILENT = "silent"  # nothing came although something is dense
    TOO_LARGE = "too_large"  # a frame above the limit
    ENDED = "ended"  # by us


class SessionEnd(Struct, frozen=True):
    """Why a session is over, and until when it is proven to have worked."""

    why: Why
    said: str
    last_wall_ns: int | None


class SessionEvents(Struct, frozen=True):
    """What a session tells its keeper, synchronously.

    ``proven`` a topic is acknowledged and data flowed after it (wall time of that data);
    ``stalled`` a topic is silent though its siblings flow (wall time of its last word);
    ``unreadable`` its frames come and cannot be used (wall time of the last data that could);
    ``refused`` the venue will not serve a topic; ``broken`` a book lacks an update; ``whole`` it
    is proven again (wall time).
    """

    proven: Callable[[Subscription, int], None]
    stalled: Callable[[Subscription, int | None, str], None]
    unreadable: Callable[[Subscription, int | None, str], None]
    refused: Callable[[Subscription, str], None]
    broken: Callable[["Session", Gap], None]
    whole: Callable[[str, int], None]


@final
class Session:
    """One websocket of one line.

    Parameters
    ----------
    line
        What is subscribed.
    stream
        Name of the connection on the tape; never used twice.
    connection
        Just opened.
    rules
        How the venue is talked to.
    receiver
        Takes the frames.
    requests
        Pace of our requests on this connection.
    events
        Whom to tell.
    wall_ns
        Reads the wall clock.
    """

    def __init__(
        self,
        line: Line,
        stream: str,
        connection: Connection,
        rules: StreamRules,
        receiver: Receiver,
        requests: Pace,
        events: SessionEvents,
        wall_ns: Callable[[], int],
    ) -> None:
        self.line = line
        self.stream = stream
        self.proven = asyncio.Event()
        self.ripe = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.opened_s = self._loop.time()
        self.opened_wall_ns = wall_ns()
        self.pulse = Pulse(self.opened_s)
        self._connection = connection
        self._rules = rules
        self._receiver = receiver
        self._events = events
        self._asking = Asking(rules, requests, self._send)
        self._over = asyncio.Event()
        self._end: SessionEnd | None = None
        self._wanted: dict[str, Subscription] = {}
        self._wanted_s: dict[str, float] = {}  # since when each is asked for
        self._by_place: dict[tuple[str, str], tuple[str, ...]] = {}
        self._unproven: dict[str, Subscription] = {}
        self._stalled: set[str] = set()  # only their own data proves them again
        self._overdue: set[str] = set()  # told as never proven
        self._broken_books: set[str] = set()
        self._legibility = Legibility()
        self._asked_again: dict[str, tuple[float, float]] = {}  # topic -> (not before, pause)

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> SessionEnd:
        """Live until the connection ends or :meth:`close` is called."""
        self.subscribe(self.line.subscriptions)
        tasks = [
            asyncio.create_task(work)
            for work in (self._listen(), self._asking.run(), self._watch(), self._over.wait())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # what was not foreseen must not pass unseen
        finally:
            for task in tasks:
                task.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:  # whoever is in such a hurry that he cancels twice
                await self._connection.close()
        why, said = (self._end.why, self._end.said) if self._end else (Why.CLOSED, "over")
        return SessionEnd(why, said, self.pulse.last_wall_ns)

    def close(self) -> None:
        """End the session; :meth:`run` returns soon after."""
        self._finish(Why.ENDED, "ended by us")

    def _finish(self, why: Why, said: str) -> None:
        if self._end is None:
            self._end = SessionEnd(why, said, self.pulse.last_wall_ns)
            self._over.set()

    # -- what is wanted ------------------------------------------------------------------------

    def subscribe(self, topics: Iterable[Subscription]) -> None:
        """Ask for some topics."""
        asked = list(topics)
        now_s = self._loop.time()
        for one in asked:
            self._wanted_s.setdefault(one.topic, now_s)
            self._wanted[one.topic] = self._unproven[one.topic] = one
            beat = self.pulse.beats.get(one.topic)
            if beat is None:
                self.pulse.add(one, now_s)
            else:
                beat.restart(now_s)
        self._by_place = _places(self._wanted.values())
        self._legibility.begin(asked)
        self._asking.begin(asked)

    def unsubscribe(self, topics: Iterable[Subscription]) -> None:
        """End some topics."""
        ended = [one for one in topics if self._wanted.pop(one.topic, None) is not None]
        for one in ended:
            self.pulse.drop(one.topic)
            self._wanted_s.pop(one.topic, None)
            self._unproven.pop(one.topic, None)
        self._by_place = _places(self._wanted.values())
        self._legibility.end(ended)
        self._asking.end(ended)

    def ask_again(self, topics: Iterable[Subscription]) -> None:
        """End and begin some topics anew: a stalled one, or a book that needs its snapshot."""
        again = [one for one in topics if one.topic in self._wanted]
        self._asking.end(again)
        self.subscribe(again)

    @property
    def is_over(self) -> bool:
        """Whether it has ended: nothing that was asked for it counts any more."""
        return self._end is not None

    def is_broken(self, raw_symbol: str) -> bool:
        """Tell whether the book of an instrument lacks something."""
        return raw_symbol in self._broken_books

    def hear_reply(self, data: bytes) -> None:
        """Take a REST reply that belongs to this connection (the snapshot of a book)."""
        if not self.is_over:
            self._hear(self._receiver.receive(self._rules.venue, self.stream, data), data)

    def book_topics(self, raw_symbol: str) -> list[Subscription]:
        """Find the topics that carry the book of an instrument."""
        return self.topics(Channel.DEPTH, raw_symbol)

    def topics(self, channel: str, raw_symbol: str) -> list[Subscription]:
        """Find the topics that carry a channel of an instrument."""
        return [
            one
            for one in self._wanted.values()
            if channel in one.channels and one.raw_symbol == raw_symbol
        ]

    def is_proven(self, topic: str) -> bool:
        """Tell whether a topic is proven to flow here."""
        return topic in self._wanted and topic not in self._unproven

    def is_waiting(self, channel: str) -> bool:
        """Tell whether a topic of a channel is still to be proven, beside those known to fail."""
        return any(
            channel in one.channels
            and topic not in self._asking.refused
            and topic not in self._stalled
            for topic, one in self._unproven.items()
        )

    # -- the loops -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        receive, stream, venue = self._receiver.receive, self.stream, self._rules.venue
        try:
            while self._end is None:
                data = await self._connection.receive()
                self._hear(receive(venue, stream, data), data)
        except ClosedError as error:
            why = Why.TOO_LARGE if error.code == 1009 else Why.CLOSED
            self._finish(why, str(error))

    def _hear(self, reading: Reading, data: bytes) -> None:
        said = reading.said
        if said.events or not (said.rejected or said.control in {"ack", "heartbeat", "greeting"}):
            self._hear_data(reading)  # a replay or a placeholder is application data too
        elif not self._hear_answer(data) and said.rejected:
            self._hear_unreadable(reading, data)
        for gap in reading.broken:
            self._broken_books.add(gap.raw_symbol)
            self._events.broken(self, gap)
        if self._broken_books:
            for event in reading.events:
                if isinstance(event, Depth) and event.raw_symbol in self._broken_books:
                    self._broken_books.discard(event.raw_symbol)
                    self._events.whole(event.raw_symbol, reading.local_ns)

    def _hear_data(self, reading: Reading) -> None:
        topics: tuple[str, ...] = ()
        # The whole of what the frame said, repeats too: they prove the topic as well.
        for event in reading.said.events[:1]:
            place = self._rules.topic_of(event)
            if place is not None:
                topics = self._by_place.get(place) or self._by_place.get((place[0], "*"), ())
        self.pulse.hear(topics, self._loop.time(), reading.local_ns)
        back = self._legibility.read(topics)
        if any(self._wanted[topic].silent_after_s is not None for topic in back):
            self._release_rare()
        if self._unproven:
            self._prove(topics, reading.local_ns)

    def _prove(self, topics: tuple[str, ...], wall_ns: int) -> None:
        """Conclude from data what is proven: what spoke, and what may be silent beside a canary."""
        unproven, beats = self._unproven, self.pulse.beats
        proven = [topic for topic in topics if topic in unproven]
        if any(self._wanted[topic].silent_after_s is not None for topic in topics):
            proven += [
                topic
                for topic, one in unproven.items()
                if one.silent_after_s is None
                and topic not in self._stalled
                and topic not in topics
                and beats[topic].acked_s is not None
            ]
        for topic in proven:
            one, beat = unproven[topic], beats[topic]
            if beat.acked_s is None:
                beat.acked_s = self._loop.time()  # its data came: the answer was lost
            del unproven[topic]
            self._stalled.discard(topic)
            self._overdue.discard(topic)
            self._asked_again.pop(topic, None)
            self._events.proven(one, wall_ns)
        self._note_proven()

    def _note_proven(self) -> None:
        if self._unproven.keys() <= self._asking.refused.keys():
            self.proven.set()

    def _hear_unreadable(self, reading: Reading, data: bytes) -> None:
        """Take a frame that cannot be used: its topics are alive, and hidden if all are so."""
        topics = self._legibility.named_in(data)
        if not topics:
            return  # it may be anything: no sign of life
        last_ns = self.pulse.last_wall_ns
        self.pulse.stir(topics, self._loop.time())
        for topic in topics:
            hidden = self._legibility.reject(topic, last_ns, reading.said.rejected[0])
            if hidden is not None:
                self._unproven[topic] = self._wanted[topic]
                self._stalled.add(topic)  # only its own data prove it again
                self._events.unreadable(self._wanted[topic], *hidden)

    def _release_rare(self) -> None:
        """Let a canary that can be read again prove the liquidations that could not be, either.

        They may say nothing for hours. If they alone are still unreadable, they will show it.
        """
        for topic in sorted(self._legibility.hidden):
            if Channel.LIQUIDATIONS in self._wanted[topic].channels:
                self._legibility.read([topic])
                self._stalled.discard(topic)

    def _hear_answer(self, data: bytes) -> bool:
        """Take an answer to what was asked; false if it is none."""
        answer = self._rules.answer(data)
        if answer is None:
            return False
        if answer.is_pong:
            return True
        settled = self._asking.settle(answer, self._wanted)
        for one in settled.acknowledged:
            beat = self.pulse.beats.get(one.topic)
            if beat is not None:
                beat.acked_s = self._loop.time()
        for one in settled.refused:
            self._events.refused(one, settled.reason)
            self._note_proven()
        return True

    async def _send(self, data: bytes) -> None:
        try:
            await self._connection.send(data)
        except ClosedError as error:
            self._finish(Why.CLOSED, str(error))

    async def _watch(self) -> None:
        limits = self._rules.limits
        last_s = last_ping_s = self._loop.time()
        while self._end is None:
            await asyncio.sleep(_TICK_S)
            now_s = self._loop.time()
            if now_s - last_s > _ASLEEP_S:
                self.pulse.skip(now_s)  # it was we who were asleep
            last_s = now_s
            if limits.ping_every_s is not None and now_s - last_ping_s >= limits.ping_every_s:
                last_ping_s = now_s
                await self._asking.ping()
            self._look(self._loop.time())
            if limits.lifetime_s is not None and now_s - self.opened_s > 0.97 * limits.lifetime_s:
                self.ripe.set()

    # -- silence -------------------------------------------------------------------------------

    def _look(self, now_s: float) -> None:
        """Find what is overdue: the whole connection, an answer, a topic."""
        if self.pulse.is_socket_silent(now_s):
            pause_s = now_s - self.pulse.last_s
            self._finish(Why.SILENT, f"no data for {pause_s:.0f} s, though pings may be answered")
            return
        self._asking.look(self._unproven)
        for beat in self.pulse.silent(now_s):
            one = beat.subscription
            not_before_s, pause_s = self._asked_again.get(one.topic, (0.0, _ASK_AGAIN_FIRST_S))
            if now_s < not_before_s or one.topic in self._asking.refused:
                continue
            if one.topic in self._asked_again and one.silent_after_s is not None:
                self.ripe.set()  # asking again did not help: another connection may
            later_s = min(2.0 * pause_s, _ASK_AGAIN_CAP_S)
            self._asked_again[one.topic] = (now_s + pause_s, later_s)
            since_s = now_s - (beat.last_s if beat.last_s is not None else beat.sent_s)
            said = f"{one.topic} is silent for {since_s:.0f} s while the connection is not"
            self._stalled.add(one.topic)
            self._events.stalled(one, beat.last_wall_ns, said)
            self.ask_again([one])
        self._look_beside_canaries()
        self._look_for_unproven(now_s)

    def _look_beside_canaries(self) -> None:
        """Doubt the liquidation topics when every canary beside them is silent."""
        canaries = [beat for beat in self.pulse.beats.values() if beat.subscription.silent_after_s]
        if not canaries or any(beat.subscription.topic not in self._stalled for beat in canaries):
            return
        heard = [beat.last_wall_ns for beat in canaries if beat.last_wall_ns is not None]
        for topic, one in self._wanted.items():
            if Channel.LIQUIDATIONS in one.channels and topic not in self._unproven:
                self._unproven[topic] = one
                self._overdue.add(topic)
                said = f"{topic} is silent and so is every canary beside it"
                self._events.stalled(one, max(heard, default=None), said)

    def _look_for_unproven(self, now_s: float) -> None:
        for topic, one in self._unproven.items():
            waited_s = now_s - self._wanted_s[topic]
            known = topic in self._overdue or topic in self._stalled
            if waited_s > SILENT_SOCKET_S and not known and topic not in self._asking.refused:
                self._overdue.add(topic)
                said = f"{topic} is silent: asked for {waited_s:.0f} s ago, not proven to work"
                self._events.stalled(one, None, said)


def _places(subscriptions: Iterable[Subscription]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Find topics by what their events say: channel and raw symbol."""
    places: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in subscriptions:
        for channel in one.channels:
            key = (channel.value, one.raw_symbol)
            places[key] = (*places.get(key, ()), one.topic)
    return places
