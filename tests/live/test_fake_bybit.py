"""The fake Bybit is as strict as the real one."""

import asyncio
from typing import Any

import msgspec
import pytest

from airpocket.live.transport import ConnectError
from airpocket.market.events import Liquidation
from tests.live.listening import listen, open_at, read
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates

LINEAR = "wss://stream.bybit.com/v5/public/linear"
INVERSE = "wss://stream.bybit.com/v5/public/inverse"
QUIET = Rates(
    trades_per_s=None, mark_every_s=None, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


def new_rig(bench: Bench, rates: Rates | None = None) -> Rig:
    return Rig(bench, {"bybit": SYMBOLS["bybit"]}, rates)


def subscribe(*topics: str, number: str = "1") -> dict[str, Any]:
    return {"op": "subscribe", "req_id": number, "args": list(topics)}


@pytest.mark.parametrize(
    ("url", "topics", "wrong"),
    [
        (LINEAR, ["publicTrade.BTCUSDT"], ""),
        (LINEAR, ["adlAlert.USDT", "insurance.USDT"], ""),
        (LINEAR, ["publicTrade.BTCUSDT", "publicTrade.NOSUCH"], "Invalid symbol :[publicTrade.NOSUCH]"),
        (LINEAR, ["nothing.BTCUSDT"], "error:handler not found,topic:nothing.BTCUSDT"),
        (LINEAR, ["orderbook.7.BTCUSDT"], "error:handler not found,topic:orderbook.7.BTCUSDT"),
        (LINEAR, ["tickers.BTCUSD"], "Invalid symbol :[tickers.BTCUSD]"),
        (INVERSE, ["tickers.BTCUSD"], ""),
        (INVERSE, ["adlAlert.USDT"], "Invalid symbol :[adlAlert.USDT]"),
    ],
)  # fmt: skip
def test_one_wrong_topic_fails_its_request(url: str, topics: list[str], wrong: str) -> None:
    async def follow(bench: Bench) -> tuple[Any, int]:
        rig = new_rig(bench)
        connection = await open_at(rig, url, subscribe(*topics, number="9"))
        answer = msgspec.json.decode(await connection.receive())
        return answer, len(rig["bybit"].sessions[0].topics)

    answer, topics_held = run(follow)
    assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (not wrong, wrong, "9")
    assert topics_held == (0 if wrong else len(topics))


def test_what_is_subscribed_already_fails_the_others() -> None:
    async def follow(bench: Bench) -> tuple[Any, Any]:
        rig = new_rig(bench)
        one, two = "publicTrade.BTCUSDT", "publicTrade.ETHUSDT"
        connection = await open_at(rig, LINEAR, subscribe(one), subscribe(one, two))
        answers = [f for f in await listen(connection, 1) if b"ret_msg" in f]
        return msgspec.json.decode(answers[1]), list(rig["bybit"].sessions[0].topics)

    answer, topics = run(follow)
    assert answer["ret_msg"] == "error:already subscribed,topic:publicTrade.BTCUSDT"
    assert topics == ["publicTrade.BTCUSDT"]


def test_pings_and_nonsense_are_answered() -> None:
    async def follow(bench: Bench) -> list[Any]:
        requests = [{"op": "ping", "req_id": "3"}, {"op": "dance"}, b"{", {"op": "subscribe"}]
        connection = await open_at(new_rig(bench), LINEAR, *requests)
        return [msgspec.json.decode(frame) for frame in await listen(connection, 1)]

    said = [(one["success"], one["ret_msg"]) for one in run(follow)]
    assert said == [
        (True, "pong"),
        (False, "error:invalid op"),
        (False, "error:invalid request"),
        (False, "error:invalid args"),
    ]


def test_liquidations_come_each_half_second_in_one_frame() -> None:
    async def follow(bench: Bench) -> tuple[list[bytes], float]:
        rig = new_rig(bench, QUIET)
        connection = await open_at(rig, LINEAR, subscribe("allLiquidation.BTCUSDT"))
        await listen(connection, 0.6)
        for _ in range(4):
            rig.world.liquidate("bybit", "BTCUSDT")
        frames = await listen(connection, 0.6)
        return frames, rig["bybit"].sessions[0].delivered[-1].at_s % 0.5

    frames, phase_s = run(follow)
    assert len(frames) == 1
    assert phase_s == pytest.approx(0.0)
    events = read("bybit", frames)
    assert len({(e.qty_raw, e.venue_ns) for e in events if isinstance(e, Liquidation)}) == 4


def test_a_ticker_begins_whole_and_goes_on_with_what_changed() -> None:
    async def follow(bench: Bench) -> list[Any]:
        connection = await open_at(new_rig(bench), LINEAR, subscribe("tickers.BTCUSDT"))
        return [msgspec.json.decode(frame) for frame in (await listen(connection, 10))[1:]]

    frames = run(follow)
    assert [frame["type"] for frame in frames] == ["snapshot"] + ["delta"] * (len(frames) - 1)
    assert {"markPrice", "indexPrice", "fundingRate", "openInterest"} <= set(frames[0]["data"])
    assert all("fundingRate" not in frame["data"] for frame in frames[1:])


def test_topics_have_their_room() -> None:
    async def follow(bench: Bench) -> tuple[list[str], int | None]:
        rig = new_rig(bench)
        topics = [f"tickers.{'X' * 60}{number}" for number in range(320)]
        connection = await open_at(rig, LINEAR, subscribe(*topics))
        await listen(connection, 1)
        return rig.violations, rig["bybit"].sessions[0].close_code

    violations, code = run(follow)
    assert [one.split(": ")[1] for one in violations] == ["args_bytes"]
    assert code == 1008


def test_ten_minutes_without_a_word_are_the_end() -> None:
    async def follow(bench: Bench, ping: bool) -> float | None:  # noqa: FBT001 - two cases
        rig = new_rig(bench, QUIET)
        connection = await open_at(rig, LINEAR, subscribe("allLiquidation.BTCUSDT"))
        await listen(connection, 300)
        if ping:
            await connection.send(b'{"op":"ping"}')
        await listen(connection, 400)
        return rig["bybit"].sessions[0].closed_s

    closed_s = run(lambda bench: follow(bench, False))
    assert closed_s == pytest.approx(1_000.0 + 0.04 + 0.01 + 600)
    assert run(lambda bench: follow(bench, True)) is None


def test_too_many_connections_are_forbidden() -> None:
    async def follow(bench: Bench) -> int | None:
        rig = new_rig(bench)
        for _ in range(500):
            rig["bybit"].knock("stream.bybit.com", "/v5/public/linear", "")
        with pytest.raises(ConnectError) as caught:
            await open_at(rig, LINEAR)
        await asyncio.sleep(301)
        await open_at(rig, LINEAR)
        return caught.value.status

    assert run(follow) == 403


def test_rest_serves_what_was_traded() -> None:
    async def follow(bench: Bench) -> tuple[list[str], list[str]]:
        rig = new_rig(bench)
        await asyncio.sleep(60)
        query = {"category": "linear", "symbol": "BTCUSDT", "limit": "1000"}
        reply = rig["bybit"].rest("GET", "/v5/market/recent-trade", query)
        rows = msgspec.json.decode(reply.body)["result"]["list"]
        trades = rig.world.market("bybit", "BTCUSDT").trades
        return [row["execId"] for row in rows], [str(one.event.trade_id) for one in trades]  # type: ignore[union-attr]

    served, made = run(follow)
    assert served == made[::-1]
    assert len(served) > 80


def test_rest_refuses_the_impatient() -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = new_rig(bench)
        return [rig["bybit"].rest("GET", "/v5/market/time", {}).status for _ in range(601)]

    statuses = run(follow)
    assert statuses[:600] == [200] * 600
    assert statuses[600] == 403
