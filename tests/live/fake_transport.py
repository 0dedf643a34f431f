"""A transport without sockets: connects to fake venues by the host of an address.

It keeps what a network does to a client: latency, an order of arrival, buffers that fill up, and
endings with and without a word.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, final
from urllib.parse import urlsplit

from airpocket.live.sockets import HANDSHAKE_S
from airpocket.live.transport import ClosedError, ConnectError, ConnectFault, Connection
from tests.live.fake_venue import FakeVenue, Refusal, Session
from tests.live.ledger import Delivery

__all__ = ["FakeConnection", "FakeTransport"]

_FAULTS: Final = {
    "dns": (ConnectFault.DNS, "its name cannot be resolved"),
    "tls": (ConnectFault.TLS, "its certificate cannot be trusted (self-signed certificate)"),
    "port": (ConnectFault.REFUSED, "no connection (Connection refused)"),
    "drop": (ConnectFault.REFUSED, "no connection (Connection reset by peer)"),
}


@final
class FakeTransport:
    """Opens connections to fake venues (an :class:`airpocket.live.transport.Transport`).

    Parameters
    ----------
    venues
        Found by their host names.
    latency_s
        Time that a frame takes, in each direction; a handshake takes four times as long.
    buffer_bytes_most
        What may wait unread between venue and client; beyond it the venue closes (1008).
    """

    def __init__(
        self,
        venues: Iterable[FakeVenue],
        *,
        latency_s: float = 0.01,
        buffer_bytes_most: int = 32 << 20,
    ) -> None:
        self._venues = {host: venue for venue in venues for host in venue.dialect.hosts}
        self.latency_s = latency_s
        self.buffer_bytes_most = buffer_bytes_most
        self.connections: list[FakeConnection] = []
        self.tried: list[tuple[float, str, str]] = []  # when, address, what came of it
        self.is_closed = False

    @property
    def live(self) -> list["FakeConnection"]:
        """Connections that the client has not closed and knows no end of."""
        return [one for one in self.connections if one.is_open]

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        """Open a websocket.

        Raises
        ------
        ConnectError
            As a real one would.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            opened = await self._connect(url, frame_bytes_most)
        except ConnectError as error:
            self.tried.append((began_s, url, str(error.status or error.fault.value)))
            raise
        except asyncio.CancelledError:
            self.tried.append((began_s, url, "cancelled"))
            raise
        self.tried.append((began_s, url, "open"))
        self.connections.append(opened)
        return opened

    async def close(self) -> None:
        """End what is still open."""
        self.is_closed = True
        for one in self.live:
            await one.close()

    async def _connect(self, url: str, frame_bytes_most: int) -> "FakeConnection":
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ConnectError(ConnectFault.ADDRESS, f"{url!r} is not an address of a websocket")
        venue = self._venues.get(parts.hostname)
        if venue is None:
            raise ConnectError(ConnectFault.DNS, f"{url}: its name cannot be resolved")
        what, seconds = venue.faults.handshake() or ("", 0.0)
        answer_s = 4 * self.latency_s + (seconds if what == "delay" else 0.0)
        if what == "hang" or answer_s > HANDSHAKE_S:
            await asyncio.sleep(HANDSHAKE_S)
            said = f"{url}: timed out, no websocket within {HANDSHAKE_S:g} s"
            raise ConnectError(ConnectFault.TIMEOUT, said)
        await asyncio.sleep(answer_s)
        if what in _FAULTS:
            fault, said = _FAULTS[what]
            raise ConnectError(fault, f"{url}: {said}")
        outcome = venue.knock(parts.hostname, parts.path, parts.query)
        if isinstance(outcome, Refusal):
            raise ConnectError(
                ConnectFault.STATUS,
                f"{url}: the server answers {outcome.status} instead of a websocket",
                status=outcome.status,
                retry_after_s=outcome.retry_after_s,
            )
        opened = FakeConnection(self.latency_s, frame_bytes_most, self.buffer_bytes_most)
        opened.session = venue.open(outcome, parts.path, parts.query, _Link(opened))
        return opened


@final
class _Link:
    """The venue's end (a :class:`tests.live.fake_venue.Link`)."""

    def __init__(self, to: "FakeConnection") -> None:
        self.push = to.carry
        self.ping = to.pinged
        self.close = to.closed
        self.reset = to.broken
        self.black_hole = to.darkened


@final
class FakeConnection:
    """A websocket: the client's end, and what the venue's end does to it."""

    def __init__(self, latency_s: float, frame_bytes_most: int, buffer_bytes_most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._latency_s = latency_s
        self._frame_bytes_most = frame_bytes_most
        self._buffer_bytes_most = buffer_bytes_most
        self._arriving: deque[tuple[float, Delivery]] = deque()
        self._leaving: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ending: tuple[float, ClosedError] | None = None
        self._is_dark = False
        self._unread_bytes = 0
        self._left_bytes: int | None = None  # after a reset: what may still be read
        self.session: Session | None = None
        self.is_open = True
        self.most_unread_bytes = 0

    # --- The client's end ---

    async def send(self, data: bytes) -> None:
        """Send a frame."""
        if not self.is_open:
            raise ClosedError("cannot send: the connection is closed")
        if self._ending is not None and self._ending[0] <= self._loop.time():
            raise self._ending[1]
        if self._is_dark:
            return
        self._leaving.append(data)
        self._loop.call_later(self._latency_s, self._arrive)

    async def receive(self) -> bytes:
        """Wait for the next frame, or for the end."""
        while True:
            if not self.is_open:
                raise self._ending[1] if self._ending else ClosedError("closed by ourselves")
            now_s = self._loop.time()
            if self._arriving and self._arriving[0][0] <= now_s:
                return self._take(now_s)
            if not self._arriving and self._ending is not None and self._ending[0] <= now_s:
                self.is_open = False
                raise self._ending[1]
            await self._wait()

    async def close(self) -> None:
        """Close it; a venue that is gone does not hear of it."""
        if self.is_open:
            self.is_open = False
            self._wake()
            if self.session is not None and not self._is_dark:
                self.session.gone(1000)

    # --- The venue's end ---

    def carry(self, delivery: Delivery) -> None:
        """Carry one frame to the client."""
        if self._is_dark or not self.is_open or self._ending is not None:
            delivery.cut = True
            return
        self._arriving.append((self._loop.time() + self._latency_s, delivery))
        self._unread_bytes += len(delivery.data)
        self.most_unread_bytes = max(self.most_unread_bytes, self._unread_bytes)
        self._wake()
        if self._unread_bytes > self._buffer_bytes_most and self.session is not None:
            self.session.close(1008, "slow consumer")

    def pinged(self) -> None:
        """Let the client's library answer, as it does unseen."""
        if not self._is_dark and self.is_open and self.session is not None:
            self._loop.call_later(2 * self._latency_s, self._pong, self.session)

    def closed(self, code: int | None, reason: str) -> None:
        """End it after what is already on its way."""
        if self._is_dark or self._ending is not None:
            return
        said = f"closed by the venue with {code}: {reason}"
        if code is None:
            said = "broke off without a word (1006)"
        self._end(ClosedError(said, code=code))

    def broken(self, after_bytes: int) -> None:
        """Break off: what is unread is lost, but for some bytes."""
        kept: deque[tuple[float, Delivery]] = deque()
        for due_s, delivery in self._arriving:
            after_bytes -= len(delivery.data)
            if after_bytes >= 0:
                kept.append((due_s, delivery))
            else:
                delivery.cut = True
        self._arriving = kept
        if not self._is_dark:
            self._end(ClosedError("broke off: Connection reset by peer"))

    def darkened(self) -> None:
        """Carry nothing any more; what has not arrived is lost."""
        self._is_dark = True
        now_s = self._loop.time()
        for due_s, delivery in self._arriving:
            delivery.cut = due_s > now_s
        self._arriving = deque(one for one in self._arriving if not one[1].cut)

    # --- Between them ---

    def _take(self, now_s: float) -> bytes:
        _, delivery = self._arriving.popleft()
        self._unread_bytes -= len(delivery.data)
        if len(delivery.data) > self._frame_bytes_most:
            self.is_open = False
            if self.session is not None:
                self.session.gone(1009)
            said = f"a frame is larger than {self._frame_bytes_most:,} bytes"
            self._ending = now_s, ClosedError(said, code=1009)
            raise self._ending[1]
        delivery.read_s = now_s
        return delivery.data

    async def _wait(self) -> None:
        due_s = self._arriving[0][0] if self._arriving else None
        if due_s is None and self._ending is not None:
            due_s = self._ending[0]
        self._waiter = self._loop.create_future()
        timer = None if due_s is None else self._loop.call_at(due_s, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arrive(self) -> None:
        data = self._leaving.popleft()
        if self.session is not None and not self._is_dark:
            self.session.on_message(data)

    def _pong(self, session: Session) -> None:
        if not self._is_dark and self.is_open:
            session.ponged()

    def _end(self, error: ClosedError) -> None:
        self._ending = self._loop.time() + self._latency_s, error
        self._wake()
