"""A toy venue of a few words, for what the feed decides by itself.

The real formats are the fake venues'; here a topic is one word and every behaviour is a line.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from airpocket.live.clock import Clock
from airpocket.live.receiver import Reading
from airpocket.live.transport import ClosedError, ConnectError
from airpocket.market.events import (
    Coverage,
    Event,
    Gap,
    Health,
    Liquidation,
    Mark,
    Method,
    Side,
    Trade,
)
from airpocket.market.instrument import Instrument
from airpocket.market.stream import Answer, Channel, Limits, Line, Subscription
from airpocket.market.wire import Decoded

MARK: Final = Subscription((Channel.MARK,), "BTC", "mark.BTC", 20.0)
TRADES: Final = Subscription((Channel.TRADES,), "BTC", "trades.BTC")
FORCED: Final = Subscription((Channel.LIQUIDATIONS,), "BTC", "forced.BTC")
LINE: Final = Line("main", "wss://toy/main", (MARK, FORCED, TRADES))


class ToyRules:
    """Requests are ``sub 1 a,b``; answers ``ok 1`` or ``no 1 why``; data ``mark.BTC 5``."""

    venue = "toy"

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)

    def lines(
        self, instruments: Sequence[Instrument], at_ns: int, *, depth: bool = False
    ) -> tuple[Line, ...]:
        return (LINE,)

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        return self._write("sub", topics, request_id)

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        return self._write("end", topics, request_id)

    def _write(self, verb: str, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        most = self.limits.topics_per_request or 100
        parts = [topics[at : at + most] for at in range(0, len(topics), most)]
        return [
            f"{verb} {request_id + number} {','.join(one.topic for one in part)}".encode()
            for number, part in enumerate(parts)
        ]

    def answer(self, data: bytes) -> Answer | None:
        verb, _, rest = data.decode().partition(" ")
        if verb == "pong":
            return Answer(is_pong=True)
        number, _, why = rest.partition(" ")
        return Answer(int(number), reason=why or None) if verb in {"ok", "no"} else None

    def ping(self) -> bytes | None:
        return b"ping"

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        kinds = {Mark: Channel.MARK, Trade: Channel.TRADES, Liquidation: Channel.LIQUIDATIONS}
        return kinds[type(event)], event.raw_symbol


class ToyReceiver:
    """Reads the toy's words and remembers gaps and health."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.frames: list[tuple[str, bytes]] = []
        self.gaps: list[Gap] = []
        self.healths: list[Health] = []

    def receive(self, venue: str, stream: str, data: bytes) -> Reading:
        self.frames.append((stream, data))
        now_ns = self.clock.wall_ns()
        verb, _, number = data.decode().partition(" ")
        if verb in {"ok", "pong"}:
            return Reading(now_ns, (), Decoded(control="ack" if verb == "ok" else "heartbeat"))
        if verb == "no":
            return Reading(now_ns, (), Decoded(rejected=("the venue refused a request",)))
        if verb == "bad":
            return Reading(now_ns, (), Decoded(rejected=("a time that is none",)))
        events: list[Event] = [_event(verb, now_ns, float(number or 1))]
        return Reading(now_ns, tuple(events), Decoded(events))

    def record_gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def record_health(self, health: Health) -> None:
        self.healths.append(health)

    def states(self, channel: str) -> list[str]:
        return [one.state.value for one in self.healths if one.channel == channel]

    def holes(self, channel: str) -> list[tuple[int, int | None]]:
        """Give each hole of a channel once, as it stands at last."""
        last = {(g.raw_symbol, g.from_ns): g.to_ns for g in self.gaps if g.channel == channel}
        return [(start, end) for (_, start), end in last.items()]


def _event(topic: str, now_ns: int, number: float) -> Event:
    kind, _, raw_symbol = topic.partition(".")
    head: dict[str, Any] = {
        "venue": "toy", "symbol": None, "raw_symbol": raw_symbol, "venue_ns": now_ns,
        "local_ns": now_ns,
    }  # fmt: skip
    if kind == "mark":
        return Mark(**head, mark_price=number)
    if kind == "trades":
        return Trade(**head, price=number, qty_raw=1.0)
    return Liquidation(
        **head, liquidated=Side.LONG, qty_raw=1.0, method=Method.BOOK, coverage=Coverage.CENSUS,
        rule_id="toy",
    )  # fmt: skip


class ToyConnection:
    """One connection, with the venue's side of it."""

    def __init__(self, venue: "ToyVenue", number: int) -> None:
        self.venue = venue
        self.number = number
        self.opened_s = asyncio.get_running_loop().time()
        self.inbox: asyncio.Queue[bytes | ClosedError] = asyncio.Queue()
        self.sent: list[bytes] = []
        self.topics: set[str] = set()
        self.is_open = True

    async def send(self, data: bytes) -> None:
        if not self.is_open:
            raise ClosedError("cannot send: closed")
        self.sent.append(data)
        self.venue.answer(self, data.decode())

    async def receive(self) -> bytes:
        item = await self.inbox.get()
        if isinstance(item, ClosedError):
            self.is_open = False
            raise item
        return item

    async def close(self) -> None:
        self.is_open = False

    def drop(self, code: int | None = 1006) -> None:
        self.inbox.put_nowait(ClosedError(f"closed by the venue with {code}", code=code))


class ToyVenue:
    """Serves every subscribed topic once a second, unless told otherwise."""

    def __init__(self) -> None:
        self.connections: list[ToyConnection] = []
        self.attempts: list[float] = []
        self.refusals: deque[ConnectError] = deque()
        self.muted: Callable[[ToyConnection, str], bool] = lambda _connection, _topic: False
        self.drops_ack: Callable[[ToyConnection, str], bool] = lambda _connection, _request: False
        self.unknown: set[str] = set()
        self.violations: list[str] = []

    async def connect(self, url: str, *, frame_bytes_most: int) -> ToyConnection:
        self.attempts.append(asyncio.get_running_loop().time())
        if self.refusals:
            raise self.refusals.popleft()
        connection = ToyConnection(self, len(self.connections))
        self.connections.append(connection)
        return connection

    async def close(self) -> None:
        """Hold nothing."""

    def answer(self, connection: ToyConnection, request: str) -> None:
        verb, _, rest = request.partition(" ")
        if verb == "ping":
            connection.inbox.put_nowait(b"pong")
            return
        number, _, names = rest.partition(" ")
        topics = names.split(",")
        bad = [topic for topic in topics if topic in self.unknown]
        if verb == "sub" and bad:
            connection.inbox.put_nowait(f"no {number} unknown {bad[0]}".encode())
            return
        if verb == "sub":
            connection.topics.update(topics)
        else:
            connection.topics.difference_update(topics)
        if not self.drops_ack(connection, request):
            connection.inbox.put_nowait(f"ok {number}".encode())

    async def run(self) -> None:
        """Push data, once a second, forced orders every hundred."""
        second = 0
        while True:
            await asyncio.sleep(1.0)
            second += 1
            for connection in self.live():
                for topic in sorted(connection.topics):
                    dense = not topic.startswith("forced") or second % 100 == 0
                    if dense and not self.muted(connection, topic):
                        connection.inbox.put_nowait(f"{topic} {second}".encode())

    def live(self) -> list[ToyConnection]:
        return [connection for connection in self.connections if connection.is_open]
