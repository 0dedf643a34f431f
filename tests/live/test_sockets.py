"""Real websockets on the loopback interface: what each fault of a connection is called."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from airpocket.errors import InputError
from airpocket.live.sockets import AiohttpTransport, retry_after_s
from airpocket.live.transport import ClosedError, ConnectError, ConnectFault

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _served(handler: Handler, use: Callable[[AiohttpTransport, str], Awaitable[Any]]) -> Any:
    """Serve a handler on loopback, and let ``use`` connect to it."""

    async def main() -> Any:
        app = web.Application()
        app.router.add_get("/ws", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        transport = AiohttpTransport()
        try:
            return await use(transport, f"ws://127.0.0.1:{port}/ws")
        finally:
            await transport.close()
            await runner.cleanup()

    return asyncio.run(main())


def _script(steps: Callable[[web.WebSocketResponse], Awaitable[None]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        await steps(opened)
        return opened

    return handle


async def _until_closed(transport: AiohttpTransport, url: str) -> tuple[list[bytes], ClosedError]:
    connection = await transport.connect(url, frame_bytes_most=1000)
    frames = []
    try:
        while True:
            frames.append(await connection.receive())
    except ClosedError as error:
        return frames, error
    finally:
        await connection.close()


def test_frames_come_as_bytes_and_the_close_code_is_told() -> None:
    async def steps(opened: web.WebSocketResponse) -> None:
        await opened.send_str("é")
        await opened.send_bytes(b"\x00\xff")
        await opened.close(code=1001)

    frames, error = _served(_script(steps), _until_closed)
    assert frames == ["é".encode(), b"\x00\xff"]
    assert (error.code, str(error)) == (1001, "closed by the venue with 1001")


def test_text_that_is_no_text_is_a_frame_and_not_the_end() -> None:
    async def steps(opened: web.WebSocketResponse) -> None:
        await opened.send_frame(b"\xff{", aiohttp.WSMsgType.TEXT)
        await opened.send_str("{}")
        await opened.close()

    frames, _ = _served(_script(steps), _until_closed)
    assert frames == [b"\xff{", b"{}"]


def test_a_frame_above_the_limit_ends_the_connection_with_its_code() -> None:
    async def steps(opened: web.WebSocketResponse) -> None:
        await opened.send_str("x" * 2_000)
        await opened.receive()

    frames, error = _served(_script(steps), _until_closed)
    assert frames == []
    assert error.code == 1009


def test_what_is_sent_arrives() -> None:
    async def steps(opened: web.WebSocketResponse) -> None:
        message = await opened.receive()
        await opened.send_str(message.data.upper())
        await opened.close()

    async def use(transport: AiohttpTransport, url: str) -> bytes:
        connection = await transport.connect(url, frame_bytes_most=1000)
        await connection.send(b"hello")
        said = await connection.receive()
        await connection.close()
        with pytest.raises(ClosedError):
            await connection.send(b"too late")
        return said

    assert _served(_script(steps), use) == b"HELLO"


def test_a_reset_is_an_end_without_a_word() -> None:
    async def steps(opened: web.WebSocketResponse) -> None:
        raw = opened.get_extra_info("socket")
        assert raw is not None
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        transport = opened._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()

    _, error = _served(_script(steps), _until_closed)
    assert error.code in {None, 1006}


async def _refused(transport: AiohttpTransport, url: str) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        await transport.connect(url, frame_bytes_most=1000)
    return caught.value


@pytest.mark.parametrize(("status", "header"), [(429, "30"), (418, None), (451, None), (503, "5")])
def test_an_answer_that_is_no_websocket_says_its_status(status: int, header: str | None) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Retry-After": header} if header else None)

    error = _served(handle, _refused)
    assert (error.fault, error.status) == (ConnectFault.STATUS, status)
    assert error.retry_after_s == (None if header is None else float(header))
    assert str(status) in str(error)


def _failing(url: str) -> ConnectError:
    async def main() -> ConnectError:
        transport = AiohttpTransport()
        try:
            return await _refused(transport, url)
        finally:
            await transport.close()

    return asyncio.run(main())


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = _failing(f"ws://127.0.0.1:{port}/ws")
    assert error.fault is ConnectFault.REFUSED
    assert "no connection" in str(error)


def test_a_name_that_nobody_knows() -> None:
    assert _failing("wss://venue.invalid/ws").fault is ConnectFault.DNS


@pytest.mark.parametrize("url", ["wss://", "not an address", "wss://host:port/"])
def test_an_address_that_is_none(url: str) -> None:
    assert _failing(url).fault is ConnectFault.ADDRESS


def test_a_context_that_does_not_verify_is_refused() -> None:
    open_door = ssl.create_default_context()
    open_door.check_hostname = False
    open_door.verify_mode = ssl.CERT_NONE
    with pytest.raises(InputError, match="does not verify"):
        AiohttpTransport(trust=open_door)


def test_retry_after_is_read_or_left() -> None:
    dates = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert [retry_after_s(value) for value in ("0", "1.5", dates, "nan", "１")] == [
        0.0, 1.5, None, None, None,
    ]  # fmt: skip
