"""The same venues behind real sockets: the same frames, and endings that only a kernel makes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest

from airpocket.live.sockets import AiohttpTransport
from airpocket.live.transport import ClosedError, ConnectError, ConnectFault, Connection
from airpocket.market.events import Trade
from tests.live.listening import listen, open_at
from tests.live.loopback import Loopback, LoopbackTransport, real_bench
from tests.live.rig import Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

_T = TypeVar("_T")
STREAM = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
URLS = {
    "binance": ("wss://fstream.binance.com/market/stream", {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1}),
    "bybit": ("wss://stream.bybit.com/v5/public/linear", {"op": "subscribe", "args": ["publicTrade.BTCUSDT"]}),
    "okx": ("wss://ws.okx.com:8443/ws/v5/public", {"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT-SWAP"}]}),
    "hyperliquid": ("wss://api.hyperliquid.xyz/ws", {"method": "subscribe", "subscription": {"type": "trades", "coin": "BTC"}}),
}  # fmt: skip
NAMES = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP", "hyperliquid": "BTC"}
STILL = Rates(
    trades_per_s=None, mark_every_s=None, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


def on_sockets(
    test: Callable[[Rig, Loopback, LoopbackTransport], Awaitable[_T]],
    *,
    venue: str = "binance",
    rates: Rates = STILL,
    tls: Path | None = None,
    trusted: bool = True,
    slice_bytes: int | None = None,
) -> _T:
    """Run a test with real sockets and real time."""

    async def main() -> _T:
        rig = Rig(real_bench(), {venue: (NAMES[venue],)}, rates)
        async with Loopback(rig.venues.values(), tls=tls, slice_bytes=slice_bytes) as server:
            real = AiohttpTransport(trust=server.trust if trusted else None)
            transport = server.attach(rig, real)
            try:
                return await test(rig, server, transport)
            finally:
                rig.world.stop()
                for connection in transport.live:
                    await connection.close()
                await transport.close()

    return asyncio.run(main())


async def take(connection: Connection, count: int) -> list[bytes]:
    async with asyncio.timeout(10):
        return [await connection.receive() for _ in range(count)]


def script(rig: Rig, venue: str) -> None:
    """Let the same twenty trades happen, whatever the time."""
    market = rig.world.market(venue, NAMES[venue])
    for number in range(20):
        trade = market.trade(1_793_534_400_000_000_000 + number * 7_000_000)
        rig.world.tell([trade])


@pytest.mark.parametrize("slice_bytes", [None, 3])
@pytest.mark.parametrize("venue", list(URLS))
def test_loopback_and_memory_give_the_same_frames(venue: str, slice_bytes: int | None) -> None:
    url, request = URLS[venue]

    async def over(rig: Rig) -> list[bytes]:
        connection = await open_at(rig, url, request)
        frames: list[bytes] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):  # greeting, acknowledgement, a past
                while True:
                    frames.append(await connection.receive())
        script(rig, venue)
        return [*frames, *await take(connection, 20)]

    async def memory(bench: Bench) -> list[bytes]:
        return await over(Rig(bench, {venue: (NAMES[venue],)}, STILL))

    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> list[bytes]:
        frames = await over(rig)
        assert all(d.read_s is not None for d in rig[venue].sessions[0].delivered)
        return frames

    one, other = run(memory), on_sockets(sockets, venue=venue, slice_bytes=slice_bytes)
    assert one[-20:] == other[-20:]
    assert len(one) == len(other)


def test_a_reset_is_one_and_what_came_before_is_known() -> None:
    async def sockets(
        rig: Rig, server: Loopback, transport: LoopbackTransport
    ) -> tuple[Any, int, int]:
        connection = await open_at(rig, STREAM)
        script(rig, "binance")
        await take(connection, 20)
        rig["binance"].faults.reset(after_bytes=40)
        with pytest.raises(ClosedError) as caught:
            await take(connection, 1)
        session = rig["binance"].sessions[0]
        assert transport.live == []
        return (
            caught.value.code,
            sum(d.read_s is not None for d in session.delivered),
            len(session.delivered),
        )

    code, read, put = on_sockets(sockets)
    assert code in {None, 1006}
    assert read == put == 20


def test_a_close_frame_carries_its_code() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> int | None:
        connection = await open_at(rig, STREAM)
        script(rig, "binance")
        rig["binance"].faults.close(1012)
        await take(connection, 20)
        with pytest.raises(ClosedError) as caught:
            await take(connection, 1)
        return caught.value.code

    assert on_sockets(sockets) == 1012


def test_a_black_hole_is_silent_and_stays_open() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> bool:
        connection = await open_at(rig, STREAM)
        rig["binance"].faults.black_hole()
        script(rig, "binance")
        assert await listen(connection, 0.3) == []
        assert all(d.cut for d in rig["binance"].sessions[0].delivered)
        await connection.send(b"anybody?")
        return bool(transport.live)

    assert on_sockets(sockets)


@pytest.mark.parametrize("status", [429, 418, 451, 503])
def test_a_handshake_is_refused_with_its_status(status: int) -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> ConnectError:
        rig["binance"].faults.refuse(status, retry_after_s=30)
        with pytest.raises(ConnectError) as caught:
            await open_at(rig, STREAM)
        assert [came for _, _, came in transport.tried] == [str(status)]
        return caught.value

    error = on_sockets(sockets)
    assert (error.fault, error.status, error.retry_after_s) == (ConnectFault.STATUS, status, 30.0)


def test_a_handshake_is_dropped() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> ConnectFault:
        dropped = rig["binance"].faults.cut("handshake", times=100)  # aiohttp asks twice
        with pytest.raises(ConnectError) as caught:
            await open_at(rig, STREAM)
        dropped.end()
        await open_at(rig, STREAM)
        return caught.value.fault

    assert on_sockets(sockets) is ConnectFault.REFUSED


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_trusted_or_it_is_the_end(tmp_path: Path, *, trusted: bool) -> None:
    async def sockets(
        rig: Rig, server: Loopback, transport: LoopbackTransport
    ) -> ConnectFault | int:
        assert server.url(STREAM).startswith("wss://127.0.0.1:")
        try:
            connection = await open_at(rig, STREAM)
        except ConnectError as error:
            return error.fault
        script(rig, "binance")
        return len(await take(connection, 20))

    came = on_sockets(sockets, tls=tmp_path, trusted=trusted)
    assert came == (20 if trusted else ConnectFault.TLS)


def test_a_frame_above_the_limit_is_1009() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> int | None:
        connection = await open_at(rig, STREAM)
        rig["binance"].faults.oversize(3 << 20)
        with pytest.raises(ClosedError) as caught:
            await take(connection, 1)
        return caught.value.code

    assert on_sockets(sockets) == 1009


def test_pings_are_answered_unseen() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> bool:
        connection = await open_at(rig, STREAM)
        session = rig["binance"].sessions[0]
        before_s = session.last_pong_s
        await asyncio.sleep(0.01)
        session.link.ping()
        await listen(connection, 0.3)
        return session.last_pong_s > before_s

    assert on_sockets(sockets)


def test_the_client_that_leaves_is_forgotten() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> list[Any]:
        connection = await open_at(rig, STREAM)
        await connection.close()
        for _ in range(100):
            if not rig["binance"].live:
                break
            await asyncio.sleep(0.01)
        return rig["binance"].live

    assert on_sockets(sockets) == []


def test_rest_is_answered_on_the_same_ports() -> None:
    async def sockets(
        rig: Rig, server: Loopback, transport: LoopbackTransport
    ) -> tuple[int, Any, int]:
        script(rig, "binance")
        url = server.url("https://fapi.binance.com/fapi/v1/aggTrades?symbol=BTCUSDT&limit=5")
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as reply:
                rows, status = msgspec.json.decode(await reply.read()), reply.status
            async with session.get(server.url("https://fapi.binance.com/nothing/at/all")) as reply:
                return status, rows, reply.status

    status, rows, nothing = on_sockets(sockets)
    assert (status, nothing) == (200, 404)
    assert len(rows) == 5


def test_a_thousand_a_second_arrive_in_order() -> None:
    async def sockets(rig: Rig, server: Loopback, transport: LoopbackTransport) -> list[int]:
        connection = await open_at(rig, STREAM)
        total = rig.world.flood("binance", "BTCUSDT", 5_000, 0.5)
        frames = await take(connection, total)
        made = [s.event for s in rig.world.ledger.happened if isinstance(s.event, Trade)]
        assert len(made) == total
        return [msgspec.json.decode(frame)["data"]["a"] for frame in frames]

    ids = on_sockets(sockets)
    assert ids == list(range(ids[0], ids[0] + 2_500))
