"""The fake Hyperliquid is as strict as the real one."""

import asyncio
from typing import Any

import msgspec
import pytest

from airpocket.live.transport import ConnectError
from tests.live.listening import listen, open_at
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

URL = "wss://api.hyperliquid.xyz/ws"
GREETING = b"Websocket connection established."
QUIET = Rates(
    trades_per_s=None, mark_every_s=None, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


def new_rig(bench: Bench, rates: Rates | None = None, *, depth: bool = False) -> Rig:
    return Rig(bench, {"hyperliquid": SYMBOLS["hyperliquid"]}, rates, depth=depth)


def subscribe(kind: str, coin: str, method: str = "subscribe") -> dict[str, Any]:
    return {"method": method, "subscription": {"type": kind, "coin": coin}}


def test_trades_begin_with_the_latest_ones_in_one_frame() -> None:
    async def follow(bench: Bench) -> tuple[list[bytes], list[int]]:
        rig = new_rig(bench)
        await asyncio.sleep(30)
        connection = await open_at(rig, URL, subscribe("trades", "BTC"))
        frames = await listen(connection, 20)
        past = rig.world.market("hyperliquid", "BTC").trades
        made = [int(getattr(one.event, "trade_id", 0)) for one in past]
        return frames, made

    frames, made = run(follow)
    assert frames[0] == GREETING
    assert msgspec.json.decode(frames[1]) == {
        "channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": {"type": "trades", "coin": "BTC"}},
    }
    ids = [[row["tid"] for row in msgspec.json.decode(frame)["data"]] for frame in frames[2:]]
    assert len(ids[0]) == 10
    assert all(len(one) == 1 for one in ids[1:])
    joined = [one for part in ids for one in part]
    assert joined == made[made.index(joined[0]) : made.index(joined[-1]) + 1]


def test_errors_are_sentences() -> None:
    async def follow(bench: Bench) -> list[str]:
        requests = [
            subscribe("trades", "BTC"), subscribe("trades", "BTC"), subscribe("trades", "NOPE"),
            subscribe("rumours", "BTC"), b"hello", subscribe("l2Book", "BTC", "unsubscribe"),
        ]  # fmt: skip
        frames = await listen(await open_at(new_rig(bench, QUIET), URL, *requests), 1)
        whole = [msgspec.json.decode(frame) for frame in frames[1:]]
        return [one["data"] for one in whole if one["channel"] == "error"]

    already, unknown, rumours, parse, unsubscribed = run(follow)
    assert already == 'Already subscribed: {"type":"trades","coin":"BTC"}'
    assert unknown == 'Invalid subscription {"type":"trades","coin":"NOPE"}'
    assert rumours.startswith("Invalid subscription")
    assert parse.startswith("Error parsing JSON into valid websocket request: hello")
    assert unsubscribed.startswith("Already unsubscribed")


def test_figures_come_together_and_books_whole() -> None:
    async def follow(bench: Bench) -> list[Any]:
        requests = [subscribe("activeAssetCtx", "BTC"), subscribe("l2Book", "BTC")]
        connection = await open_at(new_rig(bench, depth=True), URL, *requests)
        return [msgspec.json.decode(f) for f in (await listen(connection, 40))[1:]]

    frames = run(follow)
    figures = [one["data"]["ctx"] for one in frames if one["channel"] == "activeAssetCtx"]
    assert set(figures[0]) == set(figures[-1]) == {"markPx", "oraclePx", "funding", "openInterest"}
    books = [one["data"]["levels"] for one in frames if one["channel"] == "l2Book"]
    assert len(books) > 70
    assert all(len(side) == 20 for levels in books for side in levels)


def test_a_minute_without_a_word_to_us_is_the_end() -> None:
    async def follow(bench: Bench, *, ping: bool) -> Any:
        rig = new_rig(bench, QUIET)
        connection = await open_at(rig, URL, subscribe("trades", "BTC"))
        for _ in range(3):
            await listen(connection, 40)
            if ping:
                await connection.send(b'{"method":"ping"}')
        session = rig["hyperliquid"].sessions[0]
        return session.closed_s, session.close_code

    assert run(lambda bench: follow(bench, ping=False)) == (pytest.approx(1_060.05), 1000)
    assert run(lambda bench: follow(bench, ping=True)) == (None, None)


def test_ten_connections_and_thirty_new_ones_a_minute() -> None:
    async def follow(bench: Bench) -> tuple[int, int]:
        rig = new_rig(bench)
        held = [await open_at(rig, URL) for _ in range(10)]
        with pytest.raises(ConnectError):
            await open_at(rig, URL)
        for one in held:
            await one.close()
        opened = 0
        for _ in range(25):
            try:
                await (await open_at(rig, URL)).close()
                opened += 1
            except ConnectError:
                break
        return opened, len(rig.violations)

    assert run(follow) == (19, 2)


def test_a_thousand_topics_of_an_address() -> None:
    async def follow(bench: Bench) -> tuple[int, list[bytes]]:
        rig = new_rig(bench, QUIET)
        for number in range(1_000):
            rig["hyperliquid"].world.markets["hyperliquid", f"C{number}"] = rig.world.market(
                "hyperliquid", "BTC"
            )
        one, two = await open_at(rig, URL), await open_at(rig, URL)
        for number in range(1_001):
            to = one if number < 600 else two
            await to.send(msgspec.json.encode(subscribe("trades", f"C{number % 1_000}")))
        frames = await listen(one, 1) + await listen(two, 1)
        topics = sum(len(session.topics) for session in rig["hyperliquid"].live)
        return topics, [frame for frame in frames if b'"error"' in frame]

    topics, refused = run(follow)
    assert topics == 1_000
    assert refused == [b'{"channel":"error","data":"Cannot subscribe to more than 1000 channels."}']


def test_messages_of_an_address_are_counted() -> None:
    async def follow(bench: Bench) -> tuple[bytes, list[str]]:
        rig = new_rig(bench, QUIET)
        connection = await open_at(rig, URL)
        for _ in range(2_001):
            await connection.send(b'{"method":"ping"}')
        return (await listen(connection, 1))[-1], rig.violations

    last, violations = run(follow)
    assert b"Cannot send more than 2000 messages per minute." in last
    assert len(violations) == 1


def test_info_is_asked_by_post_within_its_weight() -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = new_rig(bench)
        venue = rig["hyperliquid"]
        meta = venue.rest("POST", "/info", {}, b'{"type":"metaAndAssetCtxs"}')
        names = [row["name"] for row in msgspec.json.decode(meta.body)[0]["universe"]]
        assert names == ["BTC", "ETH"]
        statuses = [venue.rest("GET", "/info", {}).status]
        asked = b'{"type":"recentTrades","coin":"BTC"}'
        return statuses + [venue.rest("POST", "/info", {}, asked).status for _ in range(60)]

    assert run(follow) == [404] + [200] * 59 + [429]
