"""The fake venues behind real sockets: websockets and REST on 127.0.0.1, with or without TLS.

The same :class:`~tests.live.fake_venue.FakeVenue` objects answer, so that limits, faults and the
ledger are those of the transport in memory. What only a kernel can do is done here: resets,
frames in pieces, a peer that stops reading.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final, cast, final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from airpocket.live.transport import ClosedError, ConnectError, Connection, Transport
from tests.live.certificate import write_certificate
from tests.live.fake_transport import FakeTransport
from tests.live.fake_venue import FakeVenue, Refusal, Session
from tests.live.ledger import Delivery
from tests.live.rig import Rig
from tests.live.virtual import START_NS, Bench, VirtualLoop

__all__ = ["Loopback", "LoopbackTransport", "real_bench"]

_MARK: Final = "airpocket-rig="  # names a connection in its address; no venue sees it
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_BUFFER_BYTES: Final = 1 << 20
_LINGER_0: Final = struct.pack("ii", 1, 0)  # close with RST


def real_bench(seed: int = 1, start_ns: int = START_NS) -> Bench:
    """Make a bench on the running loop: real time, beginning at a made-up date."""
    loop = asyncio.get_running_loop()
    return Bench(cast("VirtualLoop", loop), start_ns, seed, loop.time())


@final
class Loopback:
    """Servers for the hosts of some venues; an asynchronous context manager.

    Parameters
    ----------
    venues
        Who answers.
    tls
        Folder for a self-signed certificate: then ``wss`` and ``https``.
    slice_bytes
        Send frames in pieces of at most so many bytes.
    """

    def __init__(
        self,
        venues: Iterable[FakeVenue],
        *,
        tls: Path | None = None,
        slice_bytes: int | None = None,
    ) -> None:
        self._venues = {host: venue for venue in venues for host in venue.dialect.hosts}
        self._tls = tls
        self._runners: list[web.AppRunner] = []
        self._ports: dict[str, int] = {}
        self.slice_bytes = slice_bytes
        self.links: dict[str, _SocketLink] = {}
        self.trust: ssl.SSLContext | None = None

    async def __aenter__(self) -> "Loopback":
        context = None
        if self._tls is not None:
            certificate, key = write_certificate(self._tls)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
            self.trust = ssl.create_default_context(cafile=str(certificate))
        for host in self._venues:
            app = web.Application(client_max_size=1 << 20)
            app.router.add_route("*", "/{path:.*}", partial(self._answer, host))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            self._runners.append(runner)
            self._ports[host] = runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for link in self.links.values():
            link.drop()
        for runner in self._runners:
            await runner.cleanup()

    def url(self, real: str) -> str:
        """Lead an address of a venue to its server here."""
        parts = urlsplit(real)
        secure = "s" if self._tls is not None else ""
        scheme = ("ws" if parts.scheme.startswith("ws") else "http") + secure
        place = f"127.0.0.1:{self._ports[parts.hostname or '']}"
        return urlunsplit((scheme, place, parts.path, parts.query, ""))

    def attach(self, rig: Rig, to: Transport) -> "LoopbackTransport":
        """Let a rig connect through real sockets from now on."""
        transport = LoopbackTransport(self, to)
        rig.transport = cast("FakeTransport", transport)
        return transport

    async def _answer(self, host: str, request: web.Request) -> web.StreamResponse:
        venue = self._venues[host]
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await _rest(venue, request)
        what, seconds = venue.faults.handshake() or ("", 0.0)
        if what == "hang":
            await asyncio.sleep(3_600)
        if what == "delay":
            await asyncio.sleep(seconds)
        elif what:
            _reset(request)
            return web.Response(status=503)  # nobody gets it
        query, number = _unmarked(request.query_string)
        outcome = venue.knock(host, request.path, query)
        if isinstance(outcome, Refusal):
            headers = {}
            if outcome.retry_after_s is not None:
                headers["Retry-After"] = f"{outcome.retry_after_s:g}"
            return web.Response(status=outcome.status, text=outcome.said, headers=headers)
        opened = web.WebSocketResponse(autoping=False, autoclose=False, compress=False)
        await opened.prepare(request)
        link = _SocketLink(request, self)
        self.links[number or f"unmarked {len(self.links)}"] = link
        link.session = venue.open(outcome, request.path, query, link)
        writer = asyncio.ensure_future(link.write())
        try:
            await _read(opened, link, link.session)
        finally:
            link.session.gone(opened.close_code)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            link.drop()
        return opened


@final
class _SocketLink:
    """A real websocket, from the venue's side (a :class:`tests.live.fake_venue.Link`)."""

    def __init__(self, request: web.Request, server: Loopback) -> None:
        assert request.transport is not None
        self._request = request
        self._transport = request.transport
        self._server = server
        self._leaving: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._is_dark = False
        self._is_over = False
        self._unsent_bytes = 0
        self.unread: deque[Delivery] = deque()  # in the order in which they will be read
        self.session: Session | None = None
        self.buffer_bytes_most = 32 << 20

    def push(self, delivery: Delivery) -> None:
        """Send a frame."""
        if self._is_dark or self._is_over:
            delivery.cut = True
            return
        self.unread.append(delivery)
        self._unsent_bytes += len(delivery.data)
        self._leaving.put_nowait((_TEXT, delivery.data))
        if self._unsent_bytes > self.buffer_bytes_most and self.session is not None:
            self.session.close(1008, "slow consumer")

    def ping(self) -> None:
        """Send a ping."""
        self._leaving.put_nowait((_PING, b""))

    def pong(self, data: bytes) -> None:
        """Answer a ping."""
        if not self._is_dark:
            self._leaving.put_nowait((_PONG, data))

    def close(self, code: int | None, reason: str) -> None:
        """Close after what is on its way; without a code only the socket."""
        data = b"" if code is None else struct.pack("!H", code) + reason.encode()[:120]
        self._leaving.put_nowait((_CLOSE, data))

    def reset(self, after_bytes: int) -> None:
        """Send a part of the next frame, if told to, and an RST."""
        if after_bytes and not self._transport.is_closing():
            self._transport.write(_framed(_TEXT, b"x" * (after_bytes + 10))[:after_bytes])
        self._is_over = True
        for delivery in self.unread:
            delivery.cut = delivery.read_s is None
        _reset(self._request)

    def black_hole(self) -> None:
        """Neither read nor write any more."""
        self._is_dark = True
        with contextlib.suppress(RuntimeError):
            self._transport.pause_reading()

    @property
    def is_dark(self) -> bool:
        """Whether nothing passes."""
        return self._is_dark

    def drop(self) -> None:
        """End it with the test."""
        self._is_over = True
        self._transport.abort()

    async def write(self) -> None:
        """Send what is waiting, in order."""
        while not self._transport.is_closing():
            kind, data = await self._leaving.get()
            if self._is_dark:
                continue
            if kind == _CLOSE and not data:
                self._transport.close()
                return
            await self._send(_framed(kind, data))
            if kind == _TEXT:
                self._unsent_bytes -= len(data)
            elif kind == _CLOSE:
                return

    async def _send(self, raw: bytes) -> None:
        size = self._server.slice_bytes or len(raw)
        for at in range(0, len(raw), size):
            self._transport.write(raw[at : at + size])
            if size < len(raw):
                await asyncio.sleep(0)
        while self._transport.get_write_buffer_size() > _BUFFER_BYTES:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)  # the client does not read


async def _read(opened: web.WebSocketResponse, link: _SocketLink, session: Session) -> None:
    """Take what the client sends, until it is gone."""
    while True:
        message = await opened.receive()
        if link.is_dark:
            await asyncio.sleep(3_600)
        if message.type is aiohttp.WSMsgType.TEXT:
            session.on_message(str(message.data).encode())
        elif message.type is aiohttp.WSMsgType.BINARY:
            session.on_message(bytes(message.data))
        elif message.type is aiohttp.WSMsgType.PING:
            link.pong(bytes(message.data))
        elif message.type is aiohttp.WSMsgType.PONG:
            session.ponged()
        else:
            if message.type is aiohttp.WSMsgType.CLOSE and session.is_open:
                link.close(int(message.data or 1000), "")
                await asyncio.sleep(0.01)
            return


def _unmarked(query: str) -> tuple[str, str]:
    """Take the mark out of a query, and tell the number in it."""
    parts = [part for part in query.split("&") if part]
    marks = [part.removeprefix(_MARK) for part in parts if part.startswith(_MARK)]
    return "&".join(part for part in parts if not part.startswith(_MARK)), "".join(marks)


async def _rest(venue: FakeVenue, request: web.Request) -> web.Response:
    query = dict(request.query)
    reply = venue.rest(request.method, request.path, query, await request.read())
    if reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    headers = {"Content-Type": "application/json", **reply.headers}
    return web.Response(status=reply.status, body=reply.body, headers=headers)


def _reset(request: web.Request) -> None:
    """Close with RST."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        transport.abort()


def _framed(kind: int, data: bytes) -> bytes:
    """Write one frame of a server: whole, unmasked."""
    head = bytes([0x80 | kind])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + b"\x7e" + struct.pack("!H", len(data)) + data
    return head + b"\x7f" + struct.pack("!Q", len(data)) + data


@final
class LoopbackTransport:
    """Leads the addresses of venues to their servers here, through a real transport.

    It notes in the ledger what was read, because frames arrive in the order in which they were
    sent. ``tried`` and ``live`` are those of :class:`~tests.live.fake_transport.FakeTransport`.
    """

    def __init__(self, server: Loopback, to: Transport) -> None:
        self._server = server
        self._to = to
        self.tried: list[tuple[float, str, str]] = []
        self.connections: list[_Noting] = []
        self._numbers = itertools.count(1)

    @property
    def live(self) -> list["_Noting"]:
        """Connections that the client has not closed and knows no end of."""
        return [one for one in self.connections if one.is_open]

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        """Open a websocket to where the venue is here.

        Raises
        ------
        ConnectError
            As the transport says.
        """
        began_s = asyncio.get_running_loop().time()
        number = str(next(self._numbers))
        marked = url + ("&" if "?" in url else "?") + _MARK + number
        try:
            opened = await self._to.connect(
                self._server.url(marked), frame_bytes_most=frame_bytes_most
            )
        except ConnectError as error:
            self.tried.append((began_s, url, str(error.status or error.fault.value)))
            raise
        self.tried.append((began_s, url, "open"))
        noting = _Noting(opened, self._server.links[number])
        self.connections.append(noting)
        return noting

    async def close(self) -> None:
        """Release the real one."""
        await self._to.close()


@final
class _Noting:
    """A connection that notes what was read."""

    def __init__(self, opened: Connection, link: _SocketLink) -> None:
        self._opened = opened
        self._link = link
        self.is_open = True

    async def send(self, data: bytes) -> None:
        try:
            await self._opened.send(data)
        except ClosedError:
            self.is_open = False
            raise

    async def receive(self) -> bytes:
        try:
            data = await self._opened.receive()
        except ClosedError:
            self.is_open = False
            raise
        if self._link.unread:
            delivery = self._link.unread.popleft()
            assert delivery.data == data, "frames arrive in the order in which they were sent"
            delivery.read_s = asyncio.get_running_loop().time()
        return data

    async def close(self) -> None:
        self.is_open = False
        await self._opened.close()
