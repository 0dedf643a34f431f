"""The misbehaviour that a fake venue is capable of, by name.

A fault is switched on by a method of :class:`Faults` and works until its :meth:`Fault.end`, or
for ``for_s`` seconds. ``fired`` counts how often it did something: a test of a fault that never
fired proves nothing.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, final

from tests.live import spoiling
from tests.live.fault import (
    Change,
    Fault,
    Filter,
    Kind,
    Parcel,
    Said,
    Where,
    break_off,
    concerns_topic,
    flip,
    grow,
    lose,
    skip,
    spoil,
    swallow,
    thin,
    twice,
)

if TYPE_CHECKING:
    from tests.live.fake_venue import FakeVenue, RestReply, Session

__all__ = ["Fault", "Faults", "Kind", "Parcel"]


@final
class Faults:
    """The misbehaviour of one venue.

    ``where`` limits a fault to some connections: ``lambda session: session.route == "market"``.
    Patterns of topics are those of a shell (``"*@forceOrder"``), as the venue writes topics.
    """

    def __init__(self, venue: "FakeVenue") -> None:
        self._venue = venue
        self._rng = random.Random(f"{venue.world.seed}:faults:{venue.name}")
        self.all: list[Fault] = []
        self._refusals: list[tuple[Fault, int, float | None]] = []
        self._rest: list[tuple[Fault, str, RestReply | None, float]] = []
        self._handshakes: list[tuple[Fault, str, float]] = []
        self._topics: list[tuple[Fault, str]] = []
        self._repeats: list[tuple[Fault, str, dict[tuple[str, str], RestReply]]] = []
        self._shifts: list[tuple[Fault, int]] = []
        self._at_open: list[Fault] = []
        self._replays: list[tuple[Fault, str, int]] = []

    # --- Called by the venue and the transports ---

    def pass_on(self, parcel: Parcel) -> None:
        """Send a frame through all faults, and what is left of it to the client."""
        self._forward(parcel, [fault for fault in self.all if fault.is_on and fault.filter])

    def change(self, said: list[Said]) -> list[Said]:
        """Change what is said before it is written."""
        for fault in self.all:
            if fault.is_on and fault.change is not None:
                said = [new for event, sent in said for new in fault.change(fault, event, sent)]
        return said

    def refusal(self) -> tuple[int, float | None] | None:
        """Status and ``Retry-After`` with which to refuse a handshake."""
        for fault, status, retry_after_s in self._refusals:
            if fault.is_on:
                fault.fired += 1
                return status, retry_after_s
        return None

    def handshake(self) -> tuple[str, float] | None:
        """What is to happen to a new connection before the venue sees it, and for how long."""
        for fault, what, seconds in self._handshakes:
            if fault.is_on and (fault.times is None or fault.fired < fault.times):
                fault.fired += 1
                return what, seconds
        return None

    def refuses(self, topic: str) -> bool:
        """Tell whether a topic is to be refused."""
        for fault, pattern in self._topics:
            if fault.is_on and fnmatchcase(topic, pattern):
                fault.fired += 1
                return True
        return False

    def subscribed(self, session: "Session", topic: str) -> None:
        """Let a new subscription have what it is owed by a fault."""
        for fault, pattern, count in self._replays:
            if fault.concerns(session) and fnmatchcase(topic, pattern):
                for data, events in self._venue.dialect.replay(topic, count):
                    fault.fired += 1
                    session.send(data, Kind.PUSH, topic=topic, events=events, replayed=True)

    def opened(self, session: "Session") -> None:
        """Do to a new connection what was ordered."""
        for fault in self._at_open:
            if fault.concerns(session) and (fault.times is None or fault.fired < fault.times):
                fault.fired += 1
                session.close(None, "told to break off")

    def rest(self, path: str) -> "RestReply | None":
        """Answer for the venue over HTTP."""
        for fault, pattern, reply, _ in self._rest:
            if fault.is_on and reply is not None and fnmatchcase(path, pattern):
                fault.fired += 1
                return reply
        return None

    def rest_again(self, path: str, about: str, reply: "RestReply") -> "RestReply":
        """Answer as before, if a fault wants so; ``about`` is what keeps questions apart."""
        for fault, pattern, first in self._repeats:
            if fault.is_on and fnmatchcase(path, pattern):
                fault.fired += (path, about) in first
                return first.setdefault((path, about), reply)
        return reply

    def rest_body(self, data: bytes) -> bytes:
        """Write an answer over HTTP by the clock that the venue has."""
        for fault, ns in self._shifts:
            if fault.is_on:
                data = spoiling.shift_clock(spoiling.shift_times(data, ns), ns)
        return data

    def rest_delay_s(self, path: str) -> float:
        """How much later an answer comes."""
        slow = 0.0
        for fault, pattern, reply, seconds in self._rest:
            if fault.is_on and reply is None and fnmatchcase(path, pattern):
                fault.fired += 1
                slow += seconds
        return slow

    # --- Silence ---

    def mute(self, pattern: str = "*", *, for_s: float | None = None, where: Where = None) -> Fault:
        """F01, F04: acknowledge topics and send nothing for them."""

        return self._filter("mute", swallow(pattern), for_s, where)

    def mute_socket(self, *, for_s: float | None = None, where: Where = None) -> Fault:
        """F02: answer pings and requests, send nothing of the market."""
        return self.mute("*", for_s=for_s, where=where)

    def only_heartbeats(
        self, *, every_s: float = 5.0, for_s: float | None = None, where: Where = None
    ) -> Fault:
        """F03: nothing of the market, but a heartbeat every few seconds."""
        fault = self.mute("*", for_s=for_s, where=where)

        def beat() -> None:
            if fault.is_on:
                for session in self._venue.live:
                    if fault.concerns(session):
                        session.send(self._venue.dialect.heartbeat(), Kind.PONG)
                self._venue.loop.call_later(every_s, beat)

        beat()
        return fault

    def black_hole(
        self, *, for_s: float | None = None, where: Where = None, connects: bool = False
    ) -> Fault:
        """F05: the peer is gone without a word; ``connects``: new connections hang too."""
        fault = self._new("black_hole", for_s, where)
        for session in self._venue.live:
            if fault.concerns(session):
                fault.fired += 1
                session.link.black_hole()
        if connects:
            self._handshakes.append((fault, "hang", 0.0))
        return fault

    # --- Connections ---

    def close(self, code: int | None = 1001, *, where: Where = None) -> Fault:
        """F08: close live connections now; ``None``: without a close frame."""
        fault = self._new("close", 0.0, where)
        for session in self._venue.live:
            if where is None or where(session):
                fault.fired += 1
                session.close(code, "told to close")
        return fault

    def reset(self, after_bytes: int = 0, *, where: Where = None) -> Fault:
        """F09: reset live connections; what the client has not read is lost."""
        fault = self._new("reset", 0.0, where)
        for session in self._venue.live:
            if where is None or where(session):
                fault.fired += 1
                session.reset(after_bytes)
        return fault

    def cut(self, edge: str, *, times: int = 1) -> Fault:
        """F10: break off at an edge: ``handshake``, ``open``, ``ack`` or ``push``, some times."""
        fault = self._new("cut", None, None)
        if edge == "handshake":
            self._handshakes.append((_counted(fault, times), "drop", 0.0))
        elif edge == "open":
            self._at_open.append(_counted(fault, times))
        else:
            wanted = Kind.ACK if edge == "ack" else Kind.PUSH
            fault.filter = break_off(wanted, times)
        return fault

    def delay_handshake(self, seconds: float, *, times: int = 1) -> Fault:
        """F11: answer handshakes late."""
        fault = self._new("delay_handshake", None, None)
        self._handshakes.append((_counted(fault, times), "delay", seconds))
        return fault

    def refuse(
        self, status: int, *, retry_after_s: float | None = None, for_s: float | None = None
    ) -> Fault:
        """F13, F14, F16: answer handshakes with a status (429, 418, 451, 503, …)."""
        fault = self._new("refuse", for_s, None)
        self._refusals.append((fault, status, retry_after_s))
        return fault

    def unreachable(self, what: str, *, for_s: float | None = None) -> Fault:
        """F14, F16: no connection at all: ``dns``, ``tls``, ``port`` (closed) or ``hang``."""
        fault = self._new("unreachable", for_s, None)
        self._handshakes.append((fault, what, 0.0))
        return fault

    # --- Subscriptions ---

    def drop_ack(self, count: int = 1) -> Fault:
        """F12: lose the next answers to requests; what was asked for is done."""

        return self._filter("drop_ack", lose(Kind.ACK, count), None, None)

    def refuse_topic(self, pattern: str, *, for_s: float | None = None) -> Fault:
        """F12, F35: refuse some topics."""
        fault = self._new("refuse_topic", for_s, None)
        self._topics.append((fault, pattern))
        return fault

    def resend_last(self, count: int, *, pattern: str = "*", for_s: float | None = None) -> Fault:
        """F20: on each subscription say the latest trades (or liquidations) once more."""
        fault = self._new("resend_last", for_s, None)
        self._replays.append((fault, pattern, count))
        return fault

    # --- Order and number ---

    def skip_update(self, raw_symbol: str, *, count: int = 1, every: int = 1) -> Fault:
        """F17, F18: leave out changes of a book: ``count`` of them, each ``every``-th one."""
        return self._change("skip_update", skip(raw_symbol, count, every), None)

    def send_twice(self, pattern: str = "*", *, for_s: float | None = None) -> Fault:
        """F21: each frame of some topics comes twice on the same connection."""

        return self._filter("send_twice", twice(pattern), for_s, None)

    def shuffle(
        self, within_s: float = 2.0, *, pattern: str = "*", for_s: float | None = None
    ) -> Fault:
        """F23: each frame is late by its own part of ``within_s``."""

        def scatter(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
            if not concerns_topic(parcel, pattern):
                return (parcel,)
            fault.fired += 1
            late_s = self._rng.uniform(0.0, within_s)
            self._venue.loop.call_later(late_s, self._let_go, fault, [parcel])
            return ()

        return self._filter("shuffle", scatter, for_s, None)

    def delay_first(
        self, seconds: float, *, pattern: str = "*", for_s: float | None = None
    ) -> Fault:
        """F19: the first frame of a subscription (the snapshot of a book) comes behind others."""
        began_s = self._venue.loop.time()
        begun: set[tuple[int, str, float]] = set()

        def detain(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
            topic, session = parcel.topic, parcel.session
            key = (session.number, topic, session.topics.get(topic, 0.0))
            wanted = parcel.kind is Kind.PUSH and fnmatchcase(topic, pattern)
            if not wanted or key in begun or key[2] < began_s:
                return (parcel,)
            begun.add(key)
            fault.fired += 1
            self._venue.loop.call_later(seconds, self._let_go, fault, [parcel])
            return ()

        return self._filter("delay_first", detain, for_s, None)

    def hold(self, seconds: float, *, pattern: str = "*", where: Where = None) -> Fault:
        """F24: hold the market back for a while, then send all of it at once."""
        held: list[Parcel] = []

        def keep(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
            if not concerns_topic(parcel, pattern):
                return (parcel,)
            fault.fired += 1
            held.append(parcel)
            return ()

        fault = self._filter("hold", keep, seconds, where)
        fault.on_end = lambda: self._let_go(fault, held)
        return fault

    def batch(self, count: int, *, pattern: str = "*", wait_s: float = 1.0) -> Fault:
        """F31: several events of a topic in one frame, ``count`` at most, after ``wait_s``."""
        waiting: dict[tuple[int, str], list[Parcel]] = {}

        def release(fault: Fault, key: tuple[int, str]) -> None:
            parcels = waiting.pop(key, [])
            if parcels:
                first = parcels[0]
                data = self._venue.dialect.join([parcel.data for parcel in parcels])
                events = tuple(sent for parcel in parcels for sent in parcel.events)
                joined = Parcel(first.session, data, Kind.PUSH, first.topic, events)
                joined.altered = any(parcel.altered for parcel in parcels)
                joined.replayed = first.replayed
                self._let_go(fault, [joined])

        def gather(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
            if not concerns_topic(parcel, pattern):
                return (parcel,)
            fault.fired += 1
            key = parcel.session.number, parcel.topic
            if key not in waiting:
                self._venue.loop.call_later(wait_s, release, fault, key)
            waiting.setdefault(key, []).append(parcel)
            if len(waiting[key]) >= count:
                release(fault, key)
            return ()

        fault = self._filter("batch", gather, None, None)

        def release_all() -> None:
            for key in tuple(waiting):
                release(fault, key)

        fault.on_end = release_all
        return fault

    # --- Meaning ---

    def shift_time(self, ns: int, *, for_s: float | None = None) -> Fault:
        """F25: the venue's clock is ahead (or behind), over REST too."""
        fault = self._respell("shift_time", lambda data: spoiling.shift_times(data, ns), for_s)
        self._shifts.append((fault, ns))
        return fault

    def scale_time(self, factor: float, *, for_s: float | None = None) -> Fault:
        """F26: times in another unit: 1000 for microseconds, 0.001 for seconds."""
        return self._respell("scale_time", lambda data: spoiling.scale_times(data, factor), for_s)

    def flip_side(self, *, for_s: float | None = None) -> Fault:
        """F33: the side of liquidations means the other one."""

        return self._change("flip_side", flip, for_s)

    def multiply(self, factor: float = 100.0, *, for_s: float | None = None) -> Fault:
        """F33: sizes of liquidations are in another unit."""

        return self._change("multiply", grow(factor), for_s)

    def throttle(self, per_s: float = 1.0, *, for_s: float | None = None) -> Fault:
        """F37: of the liquidations of a symbol only so many a second are said, the first."""
        return self._change("throttle", thin(per_s, self._venue.loop.time), for_s)

    # --- Bytes ---

    def corrupt(
        self,
        every: int = 100,
        *,
        kinds: Sequence[str] = spoiling.DAMAGES,
        instead: bool = True,
        for_s: float | None = None,
    ) -> Fault:
        """F28: each so-many-th frame is damaged; ``instead=False``: comes beside the good one."""

        def damage(parcel: Parcel, turn: int) -> bytes:
            return spoiling.damage(parcel.data, kinds[turn % len(kinds)], self._rng)

        return self._spoil("corrupt", every, damage, instead, for_s)

    def unknown_type(self, every: int = 100, *, for_s: float | None = None) -> Fault:
        """F29: frames of a kind that nobody has heard of, beside the others."""

        def unknown(parcel: Parcel, turn: int) -> bytes:
            return spoiling.unknown(parcel.data, turn)

        return self._spoil("unknown_type", every, unknown, False, for_s)

    def withdraw(
        self, field: str, *, every: int = 1, pattern: str = "*", for_s: float | None = None
    ) -> Fault:
        """F29, F36: a field vanishes."""

        def without(data: bytes) -> bytes:
            return spoiling.without(data, field)

        return self.rewrite(without, every=every, pattern=pattern, for_s=for_s)

    def rewrite(
        self,
        spell: Callable[[bytes], bytes],
        *,
        every: int = 1,
        pattern: str = "*",
        for_s: float | None = None,
    ) -> Fault:
        """F29: frames of some topics are written otherwise."""

        def other(parcel: Parcel, turn: int) -> bytes:
            return spell(parcel.data) if fnmatchcase(parcel.topic, pattern) else parcel.data

        return self._spoil("rewrite", every, other, True, for_s)

    def hostile_numbers(self, every: int = 100, *, for_s: float | None = None) -> Fault:
        """F30: numbers that are none, or would be a machine's end, beside the good frames."""

        def hostile(parcel: Parcel, turn: int) -> bytes:
            return spoiling.hostile(parcel.data, turn)

        return self._spoil("hostile_numbers", every, hostile, False, for_s)

    def oversize(self, size: int, *, where: Where = None) -> Fault:
        """F32: one frame of so many bytes on each live connection, now."""
        fault = self._new("oversize", 0.0, where)
        data = b'{"padding":"' + b"x" * max(0, size - 14) + b'"}'
        for session in self._venue.live:
            if where is None or where(session):
                fault.fired += 1
                session.send(data, Kind.OTHER)
        return fault

    # --- REST ---

    def delay_snapshot(self, seconds: float, *, for_s: float | None = None) -> Fault:
        """F19: books over REST come late, as they were when asked for."""
        return self.slow_rest("*depth*", seconds, for_s=for_s)

    def slow_rest(self, pattern: str, seconds: float, *, for_s: float | None = None) -> Fault:
        """Answer some paths late."""
        fault = self._new("slow_rest", for_s, None)
        self._rest.append((fault, pattern, None, seconds))
        return fault

    def break_rest(self, pattern: str, reply: "RestReply", *, for_s: float | None = None) -> Fault:
        """F39: answer some paths with something else."""
        fault = self._new("break_rest", for_s, None)
        self._rest.append((fault, pattern, reply, 0.0))
        return fault

    def repeat_rest(self, pattern: str, *, for_s: float | None = None) -> Fault:
        """F39: each question is answered with the first answer of its path, whatever it asks."""
        fault = self._new("repeat_rest", for_s, None)
        self._repeats.append((fault, pattern, {}))
        return fault

    def end_all(self) -> None:
        """Behave again."""
        for fault in tuple(self.all):
            fault.end()

    # --- How it works ---

    def _new(self, name: str, for_s: float | None, where: Where) -> Fault:
        fault = Fault(name, where)
        self.all.append(fault)
        if for_s is not None:
            self._venue.loop.call_later(for_s, fault.end)
        return fault

    def _filter(self, name: str, work: Filter, for_s: float | None, where: Where) -> Fault:
        fault = self._new(name, for_s, where)
        fault.filter = work
        return fault

    def _change(self, name: str, work: Change, for_s: float | None) -> Fault:
        fault = self._new(name, for_s, None)
        fault.change = work
        return fault

    def _respell(self, name: str, spell: Callable[[bytes], bytes], for_s: float | None) -> Fault:
        return self._spoil(name, 1, lambda parcel, _: spell(parcel.data), True, for_s)

    def _spoil(
        self,
        name: str,
        every: int,
        spell: Callable[[Parcel, int], bytes],
        instead: bool,  # noqa: FBT001 - in place of the good frame, or beside it
        for_s: float | None,
    ) -> Fault:
        return self._filter(name, spoil(every, spell, instead=instead), for_s, None)

    def _forward(self, parcel: Parcel, faults: list[Fault]) -> None:
        for index, fault in enumerate(faults):
            if fault.filter is not None and fault.concerns(parcel.session):
                for one in fault.filter(fault, parcel):
                    self._forward(one, faults[index + 1 :])
                return
        parcel.session.put(parcel)

    def _let_go(self, fault: Fault, parcels: list[Parcel]) -> None:
        """Send on what a fault held back."""
        after = self.all[self.all.index(fault) + 1 :]
        rest = [one for one in after if one.is_on and one.filter]
        for parcel in parcels:
            self._forward(parcel, rest)
        parcels.clear()


def _counted(fault: Fault, times: int) -> Fault:
    """Let a fault happen so many times."""
    fault.times = times
    return fault
