"""The fake Binance is as strict as the real one, and says what its wire reads."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from airpocket.live.transport import ClosedError, ConnectError, ConnectFault, Connection
from airpocket.market.events import BookChange, Funding, Mark
from airpocket.units import ns_from_iso
from airpocket.venues.books import open_book
from tests.live import listening
from tests.live.fake_venue import Refusal
from tests.live.ledger import event_key
from tests.live.listening import listen
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

MARKET = "wss://fstream.binance.com/market/stream"
PUBLIC = "wss://fstream.binance.com/public/stream"
LEGACY = "wss://fstream.binance.com/stream"
BUSY = Rates(liquidations_per_h=1_200.0)


def new_rig(bench: Bench, rates: Rates | None = None, *, depth: bool = False) -> Rig:
    return Rig(bench, {"binance": SYMBOLS["binance"]}, rates, depth=depth)


async def open_at(rig: Rig, url: str = MARKET, *topics: str) -> Connection:
    connection = await listening.open_at(rig, url)
    if topics:
        await ask(connection, "SUBSCRIBE", topics)
    return connection


async def ask(connection: Connection, method: str, params: Any, number: int = 1) -> None:
    await connection.send(
        msgspec.json.encode({"method": method, "params": list(params), "id": number})
    )


def read(frames: list[bytes]) -> list[Any]:
    return list(listening.read("binance", frames))


def test_what_is_subscribed_arrives_and_is_what_happened() -> None:
    async def follow(bench: Bench) -> tuple[list[Any], list[Any], list[str]]:
        rig = new_rig(bench, rates=BUSY)
        topics = ("btcusdt@markPrice@1s", "btcusdt@aggTrade", "btcusdt@forceOrder")
        connection = await open_at(rig, MARKET, *topics)
        frames = await listen(connection, 120)
        got = [event_key(event) for event in read(frames[1:])]
        sent = [one.key for one in rig.world.sent if one.was_read]
        return got, sent, rig.violations

    got, sent, violations = run(follow)
    kinds = {key[1] for key in got}
    assert kinds == {"Trade", "Mark", "Funding", "Liquidation"}
    assert sorted(map(str, got)) == sorted(map(str, sent))
    assert all(key[2] == "BTCUSDT" for key in got)
    assert len(got) > 400
    assert violations == []


def test_an_acknowledgement_comes_first_and_carries_the_id() -> None:
    async def follow(bench: Bench) -> bytes:
        connection = await open_at(new_rig(bench), MARKET)
        await ask(connection, "SUBSCRIBE", ["btcusdt@aggTrade"], 7)
        return await connection.receive()

    assert run(follow) == b'{"result":null,"id":7}'


@pytest.mark.parametrize(
    ("url", "topic", "is_sent"),
    [
        (MARKET, "btcusdt@aggTrade", True),
        (MARKET, "btcusdt@depth@100ms", False),
        (PUBLIC, "btcusdt@depth@100ms", True),
        (PUBLIC, "btcusdt@markPrice@1s", False),
        (LEGACY, "btcusdt@depth@100ms", True),
        (LEGACY, "btcusdt@aggTrade", False),
        (LEGACY, "btcusdt@markPrice@1s", False),
        (LEGACY, "!forceOrder@arr", False),
        (MARKET, "nosuchusdt@aggTrade", False),
    ],
)
def test_the_wrong_route_acknowledges_and_stays_silent(
    url: str, topic: str, *, is_sent: bool
) -> None:
    async def follow(bench: Bench) -> list[bytes]:
        return await listen(await open_at(new_rig(bench, depth=True), url, topic), 30)

    frames = run(follow)
    assert frames[0] == b'{"result":null,"id":1}'
    assert bool(frames[1:]) is is_sent


def test_before_the_routes_the_old_address_sent_everything() -> None:
    async def follow(bench: Bench) -> list[bytes]:
        return await listen(await open_at(new_rig(bench), LEGACY, "btcusdt@aggTrade"), 30)

    assert len(run(follow, start_ns=ns_from_iso("2026-04-01"))) > 10


def test_a_forced_order_is_the_latest_of_its_second() -> None:
    async def follow(bench: Bench) -> tuple[list[Any], list[Any]]:
        rig = new_rig(
            bench, rates=Rates(trades_per_s=None, mark_every_s=None, liquidations_per_h=None)
        )
        connection = await open_at(rig, MARKET, "!forceOrder@arr")
        await asyncio.sleep(0.5)
        made = []
        for _ in range(30):
            made.append(rig.world.liquidate("binance", "BTCUSDT")[0].key)
            await asyncio.sleep(0.1)
        frames = await listen(connection, 5)
        return [event_key(event) for event in read(frames[1:])], made

    got, made = run(follow)
    assert got == [made[4], made[14], made[24], made[29]]


def test_the_arrays_hold_every_symbol() -> None:
    async def follow(bench: Bench) -> list[Any]:
        rig = new_rig(bench)
        return read((await listen(await open_at(rig, MARKET, "!markPrice@arr@1s"), 10))[1:])

    events = run(follow)
    assert {event.raw_symbol for event in events} == {"BTCUSDT", "ETHUSDT"}
    assert {type(event) for event in events} == {Mark, Funding}


def test_a_book_can_be_kept_with_the_snapshot_of_rest() -> None:
    async def follow(bench: Bench) -> tuple[int, int]:
        rig = new_rig(bench, depth=True)
        connection = await open_at(rig, PUBLIC, "btcusdt@depth@100ms")
        await asyncio.sleep(3)
        reply = rig["binance"].rest("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"})
        snapshot = b'{"stream":"btcusdt@depthSnapshot","data":' + reply.body + b"}"
        changes = read([*(await listen(connection, 20))[1:], snapshot])
        book = open_book("binance")
        for change in changes:
            assert isinstance(change, BookChange)
            book.apply(change)
        depth = book.depth()
        assert depth is not None
        market = rig.world.market("binance", "BTCUSDT")
        assert depth.bids[0] == max(market.bids.items())
        assert depth.asks[0] == min(market.asks.items())
        return len(depth.bids), len(changes)

    assert run(follow) == (25, 47)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"not json", 3),
        (b'{"method":"SHOUT","params":[],"id":1}', 2),
        (b'{"method":"SUBSCRIBE","params":"btcusdt@aggTrade","id":1}', 2),
        (b'{"method":"SUBSCRIBE","params":["a@b"],"id":1,"more":1}', 0),
    ],
)
def test_malformed_requests_are_refused_by_code(request_: bytes, code: int) -> None:
    async def follow(bench: Bench) -> Any:
        connection = await open_at(new_rig(bench))
        await connection.send(request_)
        return msgspec.json.decode(await connection.receive())

    assert run(follow)["error"]["code"] == code


def test_more_than_ten_messages_a_second_are_the_end() -> None:
    async def follow(bench: Bench, pause_s: float) -> tuple[list[str], int | None]:
        rig = new_rig(bench)
        connection = await open_at(rig)
        with contextlib.suppress(ClosedError):
            for number in range(12):
                await asyncio.sleep(pause_s)
                await ask(connection, "SUBSCRIBE", ["btcusdt@forceOrder"], number)
        await listen(connection, 5)
        return rig.violations, rig["binance"].sessions[0].close_code

    assert run(lambda bench: follow(bench, 0.11)) == ([], None)
    violations, code = run(lambda bench: follow(bench, 0.05))
    assert violations == ["binance: messages: more than 10 messages a second"]
    assert code == 1008


def test_too_many_topics_are_the_end_and_too_long_requests_get_no_answer() -> None:
    async def follow(bench: Bench) -> tuple[list[bytes], list[str]]:
        rig = new_rig(bench)
        connection = await open_at(rig)
        await ask(connection, "SUBSCRIBE", [f"x{i}usdt@forceOrder" for i in range(200)])
        long = await listen(connection, 2)
        for part in range(3):
            names = [f"x{i}@forceOrder" for i in range(part * 70, part * 70 + 70)]
            await ask(connection, "SUBSCRIBE", names, part)
        return long + await listen(connection, 2), rig.violations

    frames, violations = run(follow)
    assert frames == [b'{"result":null,"id":0}', b'{"result":null,"id":1}']
    assert [one.split(": ")[1] for one in violations] == ["request_bytes", "topics"]


def test_a_connection_lives_24_hours_and_pings_are_answered_unseen() -> None:
    async def follow(bench: Bench) -> tuple[float, int | None]:
        rig = new_rig(bench, rates=Rates(trades_per_s=None, mark_every_s=3_600.0))
        connection = await open_at(rig, MARKET, "btcusdt@markPrice@1s")
        await listen(connection, 90_000)
        session = rig["binance"].sessions[0]
        assert session.closed_s is not None
        return session.closed_s - session.opened_s, session.close_code

    assert run(follow) == (86_400.0, 1001)


def test_a_peer_that_is_gone_is_closed_ten_minutes_after_its_last_pong() -> None:
    async def follow(bench: Bench) -> tuple[float, int | None, bool]:
        rig = new_rig(bench, rates=Rates(trades_per_s=None))
        connection = await open_at(rig, MARKET, "btcusdt@markPrice@1s")
        await asyncio.sleep(200)
        rig["binance"].faults.black_hole()
        await listen(connection, 1_000)
        session = rig["binance"].sessions[0]
        assert session.closed_s is not None
        return session.closed_s - session.opened_s, session.close_code, rig.transport.live != []

    closed_after_s, code, client_believes = run(follow)
    assert closed_after_s == pytest.approx(180.02 + 600)
    assert code == 1008
    assert client_believes


def test_connections_are_counted() -> None:
    async def follow(bench: Bench) -> tuple[Any, list[str]]:
        rig = new_rig(bench)
        knocks = [
            rig["binance"].knock("fstream.binance.com", "/market/stream", "") for _ in range(301)
        ]
        return knocks[-1], rig.violations

    refusal, violations = run(follow)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 429
    assert len(violations) == 1


def test_other_paths_and_hosts_are_not_there() -> None:
    async def follow(bench: Bench) -> list[ConnectError]:
        rig = new_rig(bench)
        errors = []
        for url in ("wss://fstream.binance.com/nothing", "wss://no.such.host/ws", "ftp://x/"):
            with pytest.raises(ConnectError) as caught:
                await rig.transport.connect(url, frame_bytes_most=1)
            errors.append(caught.value)
        return errors

    wrong, unknown, address = run(follow)
    assert (wrong.fault, wrong.status) == (ConnectFault.STATUS, 404)
    assert unknown.fault is ConnectFault.DNS
    assert address.fault is ConnectFault.ADDRESS


def test_trades_are_served_by_id_without_a_hole() -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = new_rig(bench)
        await asyncio.sleep(60)
        query = {"symbol": "BTCUSDT", "limit": "1000"}
        rows = msgspec.json.decode(rig["binance"].rest("GET", "/fapi/v1/aggTrades", query).body)
        query["fromId"] = str(rows[3]["a"])
        rest = msgspec.json.decode(rig["binance"].rest("GET", "/fapi/v1/aggTrades", query).body)
        assert rest == rows[3:]
        return [row["a"] for row in rows]

    ids = run(follow)
    assert len(ids) > 60
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_rest_has_its_weight_and_a_ban() -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = new_rig(bench)
        query = {"symbol": "BTCUSDT", "limit": "1000"}
        replies = [rig["binance"].rest("GET", "/fapi/v1/aggTrades", query) for _ in range(145)]
        assert int(replies[120].headers["Retry-After"]) >= 1
        return [reply.status for reply in replies]

    statuses = run(follow)
    assert statuses[:120] == [200] * 120
    assert statuses[120] == 429
    assert statuses[-1] == 418


def test_the_same_seed_gives_the_same_bytes_whatever_the_client_does() -> None:
    async def follow(bench: Bench, late_s: float, *, extra: bool) -> list[bytes]:
        rig = new_rig(bench, rates=BUSY, depth=True)
        if extra:
            other = await open_at(rig, PUBLIC, "ethusdt@depth@100ms", "btcusdt@depth5@500ms")
            await listen(other, 2.5)
            await other.close()
        topics = ("btcusdt@markPrice@1s", "btcusdt@aggTrade", "btcusdt@forceOrder")
        await asyncio.sleep(late_s)
        connection = await open_at(rig, MARKET, *topics)
        frames = await listen(connection, 100 - bench.elapsed_s())
        rig.world.stop()
        return [frame for frame in frames if frame.startswith(b'{"stream"')]

    one = run(lambda bench: follow(bench, 0.0, extra=False), seed=5)
    again = run(lambda bench: follow(bench, 0.0, extra=False), seed=5)
    later = run(lambda bench: follow(bench, 7.37, extra=True), seed=5)
    other = run(lambda bench: follow(bench, 0.0, extra=False), seed=6)
    assert one == again
    assert len(later) > 250
    assert one[-len(later) :] == later
    assert one != other
