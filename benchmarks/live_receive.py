"""What one frame costs from a socket to bytes in our hand: aiohttp, picows and websockets.

A process of its own sends frames as fast as they are taken, each a websocket frame of its own, in
one piece of bytes, so that the sender is never what is measured. The clients run in turn in this
process, window by window, and only this process's time counts. aiohttp is opened and read through
``AiohttpTransport``, as the feeds do it.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from aiohttp import web

from airpocket.live.sockets import AiohttpTransport
from benchmarks import frames
from benchmarks.live_rig import venues_process
from benchmarks.live_venues import framed
from benchmarks.side_by_side import side_by_side

FRAMES = 20_000
WINDOWS = 7


def _data() -> list[bytes]:
    return frames.agg_trades(FRAMES, combined=True).frames


async def with_aiohttp(url: str) -> int:
    """Read as the feeds do."""
    transport = AiohttpTransport()
    connection = await transport.connect(url, frame_bytes_most=1 << 20)
    size = 0
    for _ in range(FRAMES):
        size += len(await connection.receive())
    await connection.close()
    await transport.close()
    return size


async def with_websockets(url: str) -> int:
    """Read with websockets, as bytes."""
    from websockets.asyncio.client import connect  # noqa: PLC0415 - a peer that may be missing

    size = 0
    async with connect(url, compression=None, ping_interval=None) as connection:
        for _ in range(FRAMES):
            size += len(await connection.recv(decode=False))
    return size


async def with_picows(url: str) -> int:
    """Read with picows: a callback a frame, bytes made of each."""
    from picows import WSListener, ws_connect  # noqa: PLC0415 - a peer that may be missing

    done = asyncio.get_running_loop().create_future()

    class Listener(WSListener):
        size = count = 0

        def on_ws_frame(self, transport: Any, frame: Any) -> None:  # noqa: ARG002
            self.size += len(frame.get_payload_as_bytes())
            self.count += 1
            if self.count == FRAMES:
                done.set_result(self.size)

    transport, _ = await ws_connect(Listener, url)
    size: int = await done
    transport.disconnect()
    return size


async def _serve() -> None:
    piece = b"".join(framed(1, frame) for frame in _data())

    async def answer(request: web.Request) -> web.StreamResponse:
        opened = web.WebSocketResponse(compress=False)
        await opened.prepare(request)
        assert request.transport is not None
        request.transport.write(piece)
        async for _ in opened:
            pass
        return opened

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


def receiving() -> list[str]:
    """Measure each client that is installed."""
    ways: dict[str, Callable[[str], Coroutine[Any, Any, int]]] = {
        "aiohttp": with_aiohttp, "picows": with_picows, "websockets": with_websockets,
    }  # fmt: skip
    total = sum(map(len, _data()))
    lines, there = [], {}
    with venues_process("benchmarks.live_receive") as said, asyncio.Runner() as runner:
        url = f"ws://127.0.0.1:{said['port']}/"
        for name, way in ways.items():
            try:
                assert runner.run(way(url)) == total
            except ModuleNotFoundError as error:
                lines.append(f"receiving: not measured: {error.name} is not installed")
                continue
            there[name] = partial(_once, runner, way, url)
        timing = side_by_side(there, windows=WINDOWS)
    lines += [
        f"receiving {total // FRAMES} bytes: {timing.ratio('aiohttp', name):.2f} of {name}'s time;"
        f" {timing.ns('aiohttp', FRAMES) / 1e3:.2f} against"
        f" {timing.ns(name, FRAMES) / 1e3:.2f} µs a frame"
        for name in there
        if name != "aiohttp"
    ]
    return lines


def _once(runner: asyncio.Runner, way: Callable[[str], Coroutine[Any, Any, int]], url: str) -> None:
    runner.run(way(url))


if __name__ == "__main__":
    asyncio.run(_serve())
