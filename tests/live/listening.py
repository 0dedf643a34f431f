"""The plainest of clients, for tests of the fakes themselves."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from airpocket.live.transport import ClosedError, Connection
from airpocket.market.events import Event
from airpocket.market.stream import Answer, Line
from airpocket.market.wire import Wire
from airpocket.venues.register import open_streams, open_wire
from tests.live.rig import Rig

__all__ = ["Heard", "as_bytes", "follow_all", "listen", "open_at", "read"]


async def open_at(rig: Rig, url: str, *requests: object) -> Connection:
    """Connect, and send some requests."""
    connection = await rig.transport.connect(url, frame_bytes_most=2 << 20)
    for request in requests:
        await connection.send(as_bytes(request))
    return connection


def as_bytes(request: object) -> bytes:
    """Write a request; bytes are left as they are."""
    return request if isinstance(request, bytes) else msgspec.json.encode(request)


async def listen(
    connection: Connection, seconds: float, hear: Callable[[bytes], object] | None = None
) -> list[bytes]:
    """Take what comes within some seconds; the end of the connection ends it."""
    frames = []
    with contextlib.suppress(TimeoutError, ClosedError):
        async with asyncio.timeout(seconds):
            while True:
                frames.append(await connection.receive())
                if hear is not None:
                    hear(frames[-1])
    return frames


def read(venue: str, frames: Sequence[bytes], wire: Wire | None = None) -> list[Event]:
    """Decode frames, none of which may be refused."""
    wire = wire or open_wire(venue)
    said = [wire.decode(frame) for frame in frames]
    assert [one.rejected for one in said if one.rejected] == []
    return [event for one in said for event in one.events]


class Heard:
    """What came over the lines of one venue."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.silent_canaries: list[str] = []

    def counts(self) -> Counter[str]:
        """Number of events by kind."""
        return Counter(type(event).__name__ for event in self.events)


async def follow_all(
    rig: Rig, venue: str, seconds: float, *, depth: bool = False, names: Sequence[str] = ()
) -> Heard:
    """Subscribe the lines that the adapter plans, and listen to all of them for a while."""
    streams = open_streams(venue)
    rows = [rig.world.market(venue, name).instrument for name in names or rig.symbols[venue]]
    heard = Heard()

    async def follow(line: Line) -> None:
        wire = open_wire(venue, rig.world.catalogues[venue])
        events: list[Event] = []

        def hear(frame: bytes) -> None:
            said = wire.decode(frame, local_ns=rig.bench.clock.wall_ns())
            answer = streams.answer(frame)
            if answer is None:
                assert said.rejected == ()
            else:
                heard.answers.append(answer)
            heard.frames.append(frame)
            events.extend(said.events)

        connection = await open_at(rig, line.url)
        for request in streams.subscribe(line.subscriptions, 1):
            await connection.send(request)
            await asyncio.sleep(0.11)
        ping = streams.ping()
        for _ in range(max(1, round(seconds / 15))):
            await listen(connection, min(15.0, seconds), hear)
            if ping is not None:
                with contextlib.suppress(ClosedError):
                    await connection.send(ping)
        await connection.close()
        heard.events += events
        for canary in line.canaries:
            if canary.raw_symbol not in {event.raw_symbol for event in events}:
                heard.silent_canaries.append(canary.topic)

    lines = streams.lines(rows, rig.world.now_ns(), depth=depth)
    await asyncio.gather(*(follow(line) for line in lines))
    return heard
