"""A venue as its clients meet it: connections, topics, limits that bite, and faults on command.

:class:`FakeVenue` is what all venues share; a :class:`Dialect` is what each does in its own way.
A transport (in memory or over loopback) knocks, opens a session and carries frames.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, final

from msgspec import Struct

from airpocket.market.events import Event
from airpocket.market.wire import Decoded
from airpocket.venues.register import open_wire
from tests.live.faults import Faults, Kind, Parcel
from tests.live.ledger import Delivery, Sent
from tests.live.world import World

__all__ = [
    "Dialect",
    "FakeVenue",
    "Gate",
    "Link",
    "Refusal",
    "RestReply",
    "Said",
    "Session",
    "Violation",
]

Said: TypeAlias = tuple[Event, Sent]
"""An event as the venue says it now (a fault may have changed it), and what really happened."""

_SETTLED_S: Final = 1e-6


class Violation(Struct, frozen=True):
    """A limit of the venue that the client did not keep."""

    rule: str
    said: str
    at_s: float
    connection: int | None = None


class Refusal(Struct, frozen=True):
    """A handshake that the venue does not answer with a websocket."""

    status: int
    retry_after_s: float | None = None
    said: str = ""


class RestReply(Struct, frozen=True):
    """An answer over HTTP; ``delay_s`` later than usual."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    delay_s: float = 0.0


class Link(Protocol):
    """The way to one client, as its transport makes it."""

    def push(self, delivery: Delivery) -> None:
        """Carry one text frame."""
        ...

    def ping(self) -> None:
        """Send a ping of the protocol; the answer arrives at :meth:`Session.ponged`."""
        ...

    def close(self, code: int | None, reason: str) -> None:
        """End it: with a close frame, or (``None``) without a word."""
        ...

    def reset(self, after_bytes: int) -> None:
        """Break off; what the client has not read is lost, but for the next ``after_bytes``."""
        ...

    def black_hole(self) -> None:
        """Carry nothing any more, in neither direction, and say nothing of it."""
        ...


@final
class Gate:
    """At most so many in so long."""

    def __init__(self, most: int, per_s: float) -> None:
        self.most = most
        self.per_s = per_s
        self._times: deque[float] = deque()

    def passes(self, now_s: float) -> bool:
        """Count one; tell whether it is still within the limit."""
        while self._times and self._times[0] <= now_s - self.per_s:
            self._times.popleft()
        self._times.append(now_s)
        return len(self._times) <= self.most


@final
class Session:
    """One connection, seen from the venue."""

    def __init__(self, venue: "FakeVenue", number: int, route: str, link: Link) -> None:
        self.venue = venue
        self.number = number
        self.route = route
        self.link = link
        self.topics: dict[str, float] = {}
        self.opened_s = self.last_client_s = self.last_push_s = venue.loop.time()
        self.last_put_s = self.opened_s
        self.last_pong_s = self.last_ping_s = self.opened_s
        self.closed_s: float | None = None
        self.close_code: int | None = None
        self.closed_by: str | None = None
        self.received: list[tuple[float, bytes]] = []
        self.delivered: list[Delivery] = []
        self.memory: dict[str, Any] = {}  # of the dialect

    @property
    def is_open(self) -> bool:
        """Whether the venue takes it to be open."""
        return self.closed_s is None

    def on_message(self, data: bytes) -> None:
        """Take a frame of the client."""
        if not self.is_open:
            return
        now_s = self.venue.loop.time()
        self.last_client_s = now_s
        self.received.append((now_s, data))
        self.venue.dialect.received(self, data)

    def ponged(self) -> None:
        """Take the client's answer to a ping of the protocol."""
        self.last_pong_s = self.venue.loop.time()

    def gone(self, code: int | None) -> None:
        """Take note that the client left."""
        self.venue.forget(self, code, "client")

    def send(
        self,
        data: bytes,
        kind: Kind = Kind.OTHER,
        *,
        topic: str = "",
        events: tuple[Sent, ...] = (),
        altered: bool = False,
        replayed: bool = False,
    ) -> None:
        """Send a frame, if no fault takes it."""
        parcel = Parcel(self, data, kind, topic, events)
        parcel.altered, parcel.replayed = altered, replayed
        self.venue.faults.pass_on(parcel)

    def put(self, parcel: Parcel) -> None:
        """Put a frame on the connection, past all faults."""
        if not self.is_open:
            return
        now_s = self.venue.loop.time()
        delivery = Delivery(self.number, parcel.topic, parcel.data, parcel.events, now_s)
        delivery.altered, delivery.replayed = parcel.altered, parcel.replayed
        self.last_put_s = now_s
        if parcel.kind is Kind.PUSH:
            self.last_push_s = now_s
        if self.venue.world.ledger.keep:
            self.delivered.append(delivery)
        self.venue.world.ledger.put(delivery)
        self.link.push(delivery)

    def close(self, code: int | None, reason: str) -> None:
        """End it from the venue's side."""
        if self.is_open:
            self.venue.forget(self, code, "venue")
            self.link.close(code, reason)

    def reset(self, after_bytes: int = 0) -> None:
        """Break it off."""
        if self.is_open:
            self.venue.forget(self, None, "reset")
            self.link.reset(after_bytes)


class Dialect(Protocol):
    """What one venue does in its own way."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names, of websockets and REST."""
        ...

    @property
    def funding_with_mark(self) -> bool:
        """Whether each mark is said together with the funding."""
        ...

    def route(self, host: str, path: str, query: str) -> str | None:
        """Name the route of an address; ``None``: there is nothing (404)."""
        ...

    def knocked(self, now_s: float) -> Refusal | None:
        """Count a handshake; refuse it if it breaks a limit."""
        ...

    def opened(self, session: Session, path: str, query: str) -> None:
        """Greet a new connection."""
        ...

    def received(self, session: Session, data: bytes) -> None:
        """Answer a frame of a client."""
        ...

    def keep(self, session: Session, now_s: float) -> float:
        """Do what is due for a connection (pings, closing the idle); tell when to look again."""
        ...

    def publish(self, said: Sequence[Said]) -> None:
        """Say what happened at one moment in one market to whoever listens."""
        ...

    def replay(self, topic: str, count: int) -> list[tuple[bytes, tuple[Sent, ...]]]:
        """Write the latest trades (or liquidations) of a topic once more, oldest first."""
        ...

    def listing_changed(self, raw_symbol: str) -> None:
        """Take note that an instrument was listed or delisted."""
        ...

    def heartbeat(self) -> bytes:
        """Write what is data-less noise of this venue (a pong)."""
        ...

    def join(self, frames: Sequence[bytes]) -> bytes:
        """Write several frames of one topic as one."""
        ...

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> RestReply:
        """Answer over HTTP."""
        ...


@final
class FakeVenue:
    """One venue.

    Parameters
    ----------
    name
        Venue id.
    world
        What happens there.
    dialect
        Makes its dialect.
    """

    def __init__(self, name: str, world: World, dialect: Callable[["FakeVenue"], Dialect]) -> None:
        self.name = name
        self.world = world
        self.loop: asyncio.AbstractEventLoop = world.loop
        self.wire = open_wire(name, world.catalogues[name])
        self.sessions: list[Session] = []
        self.violations: list[Violation] = []
        self.knocks: list[tuple[float, str, str]] = []  # when, address, what came of it
        self.asked: list[tuple[float, str, int]] = []  # REST: when, path and query, status
        self._listeners: dict[str, dict[int, Session]] = {}
        self.faults = Faults(self)
        self.dialect = dialect(self)
        world.outlets[name] = self

    @property
    def funding_with_mark(self) -> bool:
        """See :class:`Dialect`."""
        return self.dialect.funding_with_mark

    @property
    def live(self) -> list[Session]:
        """Connections that the venue takes to be open."""
        return [session for session in self.sessions if session.is_open]

    def knock(self, host: str, path: str, query: str) -> str | Refusal:
        """Ask for a websocket: its route, or why not."""
        now_s = self.loop.time()
        outcome = self._admit(host, path, query, now_s)
        said = outcome if isinstance(outcome, str) else f"{outcome.status}"
        self.knocks.append((now_s, f"{host}{path}", said))
        return outcome

    def open(self, route: str, path: str, query: str, link: Link) -> Session:
        """Begin a connection."""
        session = Session(self, len(self.sessions) + 1, route, link)
        self.sessions.append(session)
        self.dialect.opened(session, path, query)
        self._keep(session)
        self.faults.opened(session)
        return session

    def forget(self, session: Session, code: int | None, by: str) -> None:
        """End a connection in the books."""
        if not session.is_open:
            return
        session.closed_s, session.close_code, session.closed_by = self.loop.time(), code, by
        for topic in session.topics:
            self._listeners.get(topic, {}).pop(session.number, None)

    def violate(
        self, rule: str, said: str, session: Session | None = None, *, code: int | None = 1008
    ) -> None:
        """Count an offence; the offender's connection is closed."""
        number = None if session is None else session.number
        self.violations.append(Violation(rule, said, self.loop.time(), number))
        if session is not None:
            session.close(code, said)

    def subscribe(self, session: Session, topic: str) -> None:
        """Send a topic to a connection from now on."""
        session.topics[topic] = self.loop.time()
        self._listeners.setdefault(topic, {})[session.number] = session

    def unsubscribe(self, session: Session, topic: str) -> bool:
        """End a topic; tell whether there was one."""
        self._listeners.get(topic, {}).pop(session.number, None)
        return session.topics.pop(topic, None) is not None

    def hears(self, topic: str) -> bool:
        """Tell whether somebody is subscribed."""
        return bool(self._listeners.get(topic))

    def listeners(self, topic: str) -> tuple[Session, ...]:
        """Connections that are subscribed to a topic."""
        return tuple(self._listeners.get(topic, {}).values())

    def push(self, topic: str, data: bytes, said: Sequence[Said] = ()) -> None:
        """Send a frame to all who are subscribed to a topic."""
        sents = tuple(sent for _, sent in said)
        altered = any(event is not sent.event for event, sent in said)
        for session in self.listeners(topic):
            session.send(data, Kind.PUSH, topic=topic, events=sents, altered=altered)

    def publish(self, sents: Sequence[Sent]) -> None:
        """Say what happened (called by the world)."""
        said = self.faults.change([(sent.event, sent) for sent in sents])
        if said:
            self.dialect.publish(said)

    def encode(self, events: Sequence[Event]) -> list[bytes]:
        """Write events as the venue does."""
        return self.wire.encode(events)

    def read(self, frames: Iterable[bytes]) -> list[Decoded]:
        """Read frames as a connection would that hears nothing else."""
        wire = open_wire(self.name, self.world.catalogues[self.name])
        return [wire.decode(data) for data in frames]

    def listing_changed(self, raw_symbol: str) -> None:
        """Take note that an instrument was listed or delisted (called by the world)."""
        self.wire = open_wire(self.name, self.world.catalogues[self.name])
        self.dialect.listing_changed(raw_symbol)

    def rest(
        self, method: str, path: str, query: Mapping[str, str], body: bytes = b""
    ) -> RestReply:
        """Answer a request over HTTP."""
        reply = self.faults.rest(path) or self.dialect.rest(method, path, query, body)
        about = query.get("symbol", query.get("instId", ""))
        reply = self.faults.rest_again(path, about, reply)
        asked = path if not query else path + "?" + "&".join(f"{k}={v}" for k, v in query.items())
        self.asked.append((self.loop.time(), asked, reply.status))
        delay_s = reply.delay_s + self.faults.rest_delay_s(path)
        return RestReply(reply.status, self.faults.rest_body(reply.body), reply.headers, delay_s)

    def _admit(self, host: str, path: str, query: str, now_s: float) -> str | Refusal:
        fault = self.faults.refusal()
        if fault is not None:
            return Refusal(fault[0], fault[1], "told to refuse")
        broken = self.dialect.knocked(now_s)
        if broken is not None:
            self.violate("connections", broken.said)
            return broken
        route = self.dialect.route(host, path, query)
        return route if route is not None else Refusal(404, None, "no such path")

    def _keep(self, session: Session) -> None:
        if session.is_open:
            now_s = self.loop.time()
            next_s = max(self.dialect.keep(session, now_s), now_s + _SETTLED_S)
            if session.is_open:
                self.loop.call_at(next_s, self._keep, session)
