"""The fake OKX is as strict as the real one."""

import asyncio
from typing import Any

import msgspec
import pytest

from airpocket.live.transport import ConnectError
from tests.live.fake_okx import topic_of
from tests.live.listening import listen, open_at
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

PUBLIC = "wss://ws.okx.com:8443/ws/v5/public"
BTC = {"channel": "trades", "instId": "BTC-USDT-SWAP"}
FORCED = {"channel": "liquidation-orders", "instType": "SWAP"}
QUIET = Rates(
    trades_per_s=None, mark_every_s=None, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


def new_rig(bench: Bench, rates: Rates | None = None, *, depth: bool = False) -> Rig:
    return Rig(bench, {"okx": SYMBOLS["okx"]}, rates, depth=depth)


def subscribe(*args: dict[str, str], number: str = "1") -> dict[str, Any]:
    return {"id": number, "op": "subscribe", "args": list(args)}


def test_each_topic_has_its_own_answer() -> None:
    async def follow(bench: Bench) -> list[Any]:
        wrong = {"channel": "trades", "instId": "NO-SUCH-SWAP"}
        also = {"channel": "gossip", "instId": "BTC-USDT-SWAP"}
        connection = await open_at(new_rig(bench, QUIET), PUBLIC, subscribe(BTC, wrong, also))
        return [msgspec.json.decode(frame) for frame in await listen(connection, 1)]

    good, wrong, also = run(follow)
    assert (good["event"], good["arg"], good["id"]) == ("subscribe", BTC, "1")
    assert (wrong["event"], wrong["code"], wrong["id"]) == ("error", "60018", "1")
    assert "channel:trades,instId:NO-SUCH-SWAP doesn't exist" in wrong["msg"]
    assert also["code"] == "60018"


def test_the_first_push_of_liquidations_is_an_old_one() -> None:
    async def follow(bench: Bench) -> tuple[list[int], int]:
        rig = new_rig(bench, QUIET)
        await asyncio.sleep(60)
        asked_ms = rig.world.now_ns() // 1_000_000
        connection = await open_at(rig, PUBLIC, subscribe(FORCED))
        await listen(connection, 1)
        rig.world.liquidate("okx", "ETH-USDT-SWAP")
        frames = await listen(connection, 1)
        told = [d.data for d in rig["okx"].sessions[0].delivered if b"bkPx" in d.data]
        assert told[1:] == frames
        whens = [int(msgspec.json.decode(f)["data"][0]["details"][0]["ts"]) for f in told]
        return whens, asked_ms

    whens, asked_ms = run(follow)
    assert whens[0] < asked_ms < whens[1]


def test_30_s_of_silence_are_the_end_and_a_ping_is_none() -> None:
    async def follow(bench: Bench, every_s: float | None) -> tuple[float | None, int | None]:
        rig = new_rig(bench, QUIET)
        connection = await open_at(rig, PUBLIC, subscribe(BTC))
        for _ in range(4):
            await listen(connection, every_s or 25)
            if every_s is not None:
                await connection.send(b"ping")
        session = rig["okx"].sessions[0]
        return session.closed_s, session.close_code

    closed_s, code = run(lambda bench: follow(bench, None))
    assert closed_s == pytest.approx(1_030.05)
    assert code == 4004
    assert run(lambda bench: follow(bench, 25.0)) == (None, None)


def test_pushes_keep_a_connection_alive() -> None:
    async def follow(bench: Bench) -> float | None:
        rig = new_rig(bench)
        mark = {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}
        await listen(await open_at(rig, PUBLIC, subscribe(mark)), 300)
        return rig["okx"].sessions[0].closed_s

    assert run(follow) is None


def test_a_ping_is_answered_in_text_and_nonsense_by_code() -> None:
    async def follow(bench: Bench) -> list[bytes]:
        requests = [b"ping", b"{}", b'{"op":"shout","args":[]}', b'{"op":"subscribe","args":[1]}']
        return await listen(await open_at(new_rig(bench), PUBLIC, *requests), 1)

    pong, *errors = run(follow)
    assert pong == b"pong"
    assert [msgspec.json.decode(error)["code"] for error in errors] == ["60012", "60012", "60013"]


def test_480_requests_an_hour_and_not_one_more() -> None:
    async def follow(bench: Bench) -> tuple[list[str], int | None]:
        rig = new_rig(bench)
        connection = await open_at(rig, PUBLIC)
        for _ in range(481):
            await connection.send(msgspec.json.encode(subscribe(BTC)))
        await listen(connection, 1)
        return rig.violations, rig["okx"].sessions[0].close_code

    violations, code = run(follow)
    assert violations == ["okx: requests: more than 480 requests an hour"]
    assert code == 1008


def test_requests_have_their_size_and_connections_their_pace() -> None:
    async def follow(bench: Bench) -> tuple[list[str], int | None]:
        rig = new_rig(bench)
        for _ in range(2):
            await open_at(rig, PUBLIC)
        big = await open_at(rig, PUBLIC, subscribe(*[BTC] * 2_000))
        await listen(big, 0.5)
        await asyncio.sleep(1.5)
        for _ in range(2):
            await open_at(rig, PUBLIC)
        with pytest.raises(ConnectError) as caught:
            await asyncio.gather(*(open_at(rig, PUBLIC) for _ in range(3)))
        return [one.split(": ")[1] for one in rig.violations], caught.value.status

    violations, status = run(follow)
    assert violations[0] == "request_bytes"
    assert set(violations[1:]) == {"connections"}
    assert status == 429


def test_a_book_begins_with_its_snapshot_and_counts_on() -> None:
    async def follow(bench: Bench) -> list[Any]:
        books = {"channel": "books", "instId": "BTC-USDT-SWAP"}
        connection = await open_at(new_rig(bench, depth=True), PUBLIC, subscribe(books))
        return [msgspec.json.decode(frame) for frame in (await listen(connection, 5))[1:]]

    frames = run(follow)
    assert [frame["action"] for frame in frames] == ["snapshot"] + ["update"] * 10
    seq = [(frame["data"][0]["prevSeqId"], frame["data"][0]["seqId"]) for frame in frames]
    assert seq[0][0] == -1
    assert all(after[0] == before[1] for before, after in zip(seq, seq[1:], strict=False))  # noqa: RUF007 - two at a time


def test_history_is_paged_by_id() -> None:
    async def follow(bench: Bench) -> tuple[list[int], list[int]]:
        rig = new_rig(bench)
        await asyncio.sleep(120)
        query = {"instId": "BTC-USDT-SWAP", "type": "1", "limit": "100"}
        ids: list[int] = []
        for _ in range(20):
            reply = rig["okx"].rest("GET", "/api/v5/market/history-trades", query)
            rows = msgspec.json.decode(reply.body)["data"]
            if not rows:
                break
            ids += [int(row["tradeId"]) for row in rows]
            query["after"] = rows[-1]["tradeId"]
        made = [one.event for one in rig.world.market("okx", "BTC-USDT-SWAP").trades]
        return ids, [int(trade.trade_id or 0) for trade in made if hasattr(trade, "trade_id")]

    ids, made = run(follow)
    assert ids == made[::-1]


def test_topics_are_written_as_the_adapter_writes_them() -> None:
    assert topic_of("liquidation-orders", instType="SWAP") == (
        '{"channel":"liquidation-orders","instType":"SWAP"}'
    )
