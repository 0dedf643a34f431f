"""Requests and their answers."""

import asyncio
from collections.abc import Awaitable, Callable

from airpocket.live.asking import ACK_S, Asking
from airpocket.live.pacing import Pace
from airpocket.market.stream import Answer, Channel, Subscription
from tests.live import toy, virtual

TOPICS = [Subscription((Channel.TRADES,), f"S{n}", f"trades.S{n}") for n in range(5)]
WANTED = {one.topic: one for one in TOPICS}


def _asked(script: Callable[[Asking], Awaitable[None]], most: int = 100) -> list[str]:
    async def main(_: virtual.Bench) -> list[str]:
        sent: list[str] = []

        async def send(data: bytes) -> None:
            sent.append(data.decode())

        asking = Asking(toy.ToyRules(topics_per_request=most), Pace(), send)
        task = asyncio.create_task(asking.run())
        await script(asking)
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sent

    return virtual.run(main)


def test_each_request_has_a_number_of_its_own() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:2])
        asking.end(TOPICS[:1])

    assert _asked(script) == ["sub 1 trades.S0,trades.S1", "end 2 trades.S0"]


def test_a_batch_that_needs_several_requests_is_halved_until_each_is_one() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS)
        await asyncio.sleep(1)
        settled = asking.settle(Answer(1), WANTED)
        assert [one.topic for one in settled.acknowledged] == ["trades.S0", "trades.S1"]

    assert _asked(script, most=2) == [
        "sub 1 trades.S0,trades.S1", "sub 2 trades.S2", "sub 3 trades.S3,trades.S4",
    ]  # fmt: skip


def test_a_venue_may_answer_topic_by_topic() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:3])
        await asyncio.sleep(1)
        for one in TOPICS[:3]:
            settled = asking.settle(Answer(topics=(one.topic,)), WANTED)
            assert settled.acknowledged == [one]
        await asyncio.sleep(ACK_S + 1)
        asking.look(WANTED)

    assert len(_asked(script)) == 1


def test_an_answer_without_number_or_name_is_that_of_the_oldest_request() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:1])
        asking.begin(TOPICS[1:2])
        await asyncio.sleep(1)
        assert asking.settle(Answer(), WANTED).acknowledged == TOPICS[:1]
        assert asking.settle(Answer(reason="unknown"), WANTED).refused == TOPICS[1:2]

    _asked(script)


def test_a_refused_batch_is_asked_for_one_by_one_and_a_refusal_is_told_once() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:2])
        await asyncio.sleep(1)
        assert asking.settle(Answer(1, reason="bad"), WANTED).refused == []
        await asyncio.sleep(1)
        assert asking.settle(Answer(2, reason="bad"), WANTED).refused == TOPICS[:1]
        assert asking.settle(Answer(3), WANTED).acknowledged == TOPICS[1:2]
        await asyncio.sleep(301)
        asking.look({TOPICS[0].topic: TOPICS[0]})
        await asyncio.sleep(1)
        assert asking.settle(Answer(4, reason="still bad"), WANTED).refused == []

    sent = _asked(script)
    assert sent[1:] == ["sub 2 trades.S0", "sub 3 trades.S1", "sub 4 trades.S0"]


def test_what_is_not_answered_is_asked_for_again_unless_it_proved_itself() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:2])
        await asyncio.sleep(ACK_S + 1)
        asking.look({TOPICS[1].topic: TOPICS[1]})

    assert _asked(script) == ["sub 1 trades.S0,trades.S1", "sub 2 trades.S1"]


def test_a_ping_is_a_message_like_any_other() -> None:
    async def script(asking: Asking) -> None:
        await asking.ping()

    assert _asked(script) == ["ping"]


def test_an_answer_to_an_end_settles_nothing() -> None:
    async def script(asking: Asking) -> None:
        asking.end(TOPICS[:1])
        await asyncio.sleep(1)
        settled = asking.settle(Answer(1, reason="no such subscription"), WANTED)
        assert (settled.acknowledged, settled.refused) == ([], [])
        assert asking.refused == {}

    _asked(script)


def test_what_is_refused_is_asked_for_soon_and_then_less_and_less_often() -> None:
    async def script(asking: Asking) -> None:
        asking.begin(TOPICS[:1])
        for second in range(3_600):
            await asyncio.sleep(1)
            asking.settle(Answer(reason="bad"), WANTED)
            asking.look({TOPICS[0].topic: TOPICS[0]})
            if second == 12:
                times.append(len(asking.refused))

    times: list[int] = []
    asked = len(_asked(script))
    assert times == [1]
    assert 14 <= asked <= 18
