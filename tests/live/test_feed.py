"""A venue followed through its faults: what is noticed, when, and what is said about it."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from airpocket.live.feed import VenueFeed
from airpocket.live.transport import ConnectError, ConnectFault
from airpocket.market.events import GapCause, HealthState
from airpocket.market.stream import Channel, Line, Subscription
from airpocket.units import SECOND_NS
from tests.live import toy, virtual

_T = TypeVar("_T")


class Scene:
    """A feed of the toy venue, in virtual time."""

    def __init__(self, bench: virtual.Bench, line: Line = toy.LINE, **limits: Any) -> None:
        self.bench = bench
        self.venue = toy.ToyVenue()
        self.receiver = toy.ToyReceiver(bench.clock)
        self.feed = VenueFeed(
            toy.ToyRules(**limits), [line], transport=self.venue, receiver=self.receiver,
            clock=bench.clock, rng=random.Random(bench.seed),
        )  # fmt: skip

    def now_s(self) -> float:
        return self.bench.elapsed_s()

    def at(self, second: float) -> int:
        return virtual.START_NS + round(second * SECOND_NS)


def play(
    script: Callable[[Scene], Awaitable[_T]], line: Line = toy.LINE, seed: int = 1, **limits: Any
) -> tuple[Scene, _T]:
    async def main(bench: virtual.Bench) -> tuple[Scene, _T]:
        scene = Scene(bench, line, **limits)
        tasks = [asyncio.create_task(scene.feed.run()), asyncio.create_task(scene.venue.run())]
        try:
            told = await script(scene)
            for task in tasks:
                assert not task.done(), task
            return scene, told
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return virtual.run(main, seed=seed)


async def _wait(scene: Scene, seconds: float = 120.0) -> None:
    await asyncio.sleep(seconds)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - virtual seconds cost nothing
        await asyncio.sleep(1)


def test_a_healthy_venue_is_live_without_a_gap() -> None:
    scene, _ = play(lambda scene: _wait(scene, 6 * 3600))
    assert len(scene.venue.attempts) == 1
    assert scene.receiver.gaps == []
    assert scene.receiver.states("liquidations") == ["live"]


def test_a_break_is_a_gap_from_the_last_word_to_the_first_proof() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60.5)
        scene.venue.connections[0].drop()
        await asyncio.sleep(60)

    scene, _ = play(script)
    assert len(scene.venue.connections) == 2
    for channel in ("trades", "mark", "liquidations"):
        ((start_ns, end_ns),) = scene.receiver.holes(channel)
        assert start_ns == scene.at(60)
        assert end_ns is not None
        assert scene.at(60.5) < end_ns <= scene.at(70.5)
    assert scene.receiver.states("liquidations") == ["live", "dead", "suspect", "live"]


def test_a_mute_socket_whose_pings_are_answered_is_replaced_within_30_s() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60.5)
        scene.venue.muted = lambda connection, _: connection.number == 0
        await asyncio.sleep(60)

    scene, _ = play(script, ping_every_s=5.0)
    assert len(scene.venue.attempts) == 2
    assert scene.venue.attempts[1] - virtual.BEGIN_S <= 60 + 30
    (gap,) = {(gap.channel, gap.cause) for gap in scene.receiver.gaps if gap.channel == "mark"}
    assert gap == ("mark", GapCause.SILENCE)


def test_an_acknowledged_route_that_sends_nothing_is_suspect_within_60_s() -> None:
    async def script(scene: Scene) -> None:
        scene.venue.muted = lambda _connection, topic: not topic.startswith("trades")
        await asyncio.sleep(59)

    scene, _ = play(script)
    assert scene.receiver.states("liquidations") == ["suspect"]
    assert scene.receiver.states("trades") == ["live"]
    ((start_ns, end_ns),) = scene.receiver.holes("liquidations")
    assert (start_ns, end_ns) == (scene.at(0), None)


def test_a_route_that_falls_silent_takes_the_liquidations_with_it_and_gives_them_back() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(100.5)
        scene.venue.muted = lambda _connection, topic: not topic.startswith("trades")
        await asyncio.sleep(59)
        assert scene.feed.health()["liquidations"][0] is HealthState.SUSPECT
        scene.venue.muted = lambda _connection, _topic: False
        await asyncio.sleep(30)

    scene, _ = play(script)
    ((start_ns, end_ns),) = scene.receiver.holes("liquidations")
    assert start_ns == scene.at(100)
    assert end_ns is not None
    assert end_ns <= scene.at(162)
    assert scene.receiver.states("liquidations")[-1] == "live"


def test_one_topic_that_stalls_is_asked_for_again_and_its_siblings_are_left_alone() -> None:
    other = Subscription((Channel.TRADES,), "ETH", "trades.ETH")
    line = Line("main", "wss://toy/main", (*toy.LINE.subscriptions, other))

    async def script(scene: Scene) -> None:
        await asyncio.sleep(900.5)
        scene.venue.muted = lambda _connection, topic: topic == "trades.ETH"
        await asyncio.sleep(59)

    scene, _ = play(script, line)
    assert len(scene.venue.attempts) == 1
    sent = [data.decode().split()[0::2] for data in scene.venue.connections[0].sent]
    assert sent[1:3] == [["end", "trades.ETH"], ["sub", "trades.ETH"]]
    assert [(gap.raw_symbol, gap.from_ns) for gap in scene.receiver.gaps] == [
        ("ETH", scene.at(900))
    ]


def test_a_lost_answer_is_asked_for_again_within_10_s() -> None:
    async def script(scene: Scene) -> None:
        lost: list[str] = []

        def drop(_: toy.ToyConnection, request: str) -> bool:
            lost.append(request)
            return len(lost) == 1

        scene.venue.drops_ack = drop
        scene.venue.muted = lambda _connection, topic: topic != "mark.BTC"
        await asyncio.sleep(11)
        assert scene.feed.health()["liquidations"][0] is HealthState.LIVE

    scene, _ = play(script)
    _, *again = scene.venue.connections[0].sent
    assert again == [b"sub 2 forced.BTC", b"sub 3 trades.BTC"]  # each by itself
    assert scene.receiver.gaps == []


def test_one_unknown_topic_does_not_spoil_the_batch() -> None:
    gone = Subscription((Channel.TRADES,), "GONE", "trades.GONE")
    line = Line("main", "wss://toy/main", (gone, *toy.LINE.subscriptions))

    async def script(scene: Scene) -> None:
        scene.venue.unknown = {"trades.GONE"}
        await asyncio.sleep(10)

    scene, _ = play(script, line)
    assert scene.venue.connections[0].topics == {"mark.BTC", "forced.BTC", "trades.BTC"}
    assert [(gap.channel, gap.raw_symbol) for gap in scene.receiver.gaps] == [("trades", "GONE")]
    assert scene.receiver.states("liquidations") == ["live"]


def test_a_refused_topic_is_asked_for_again_after_five_minutes() -> None:
    async def script(scene: Scene) -> None:
        scene.venue.unknown = {"trades.BTC"}
        await asyncio.sleep(10)
        scene.venue.unknown = set()
        await asyncio.sleep(310)

    scene, _ = play(script)
    assert "trades.BTC" in scene.venue.connections[0].topics
    ((_, end_ns),) = scene.receiver.holes("trades")
    assert end_ns is not None


def test_the_end_of_a_lifetime_is_met_by_a_successor() -> None:
    day_s = 86_400.0

    async def script(scene: Scene) -> None:
        while scene.now_s() < day_s + 600:
            await asyncio.sleep(10)
            for connection in scene.venue.live():
                if asyncio.get_running_loop().time() - connection.opened_s >= day_s:
                    scene.venue.violations.append("closed by the venue")
                    connection.drop(1001)

    scene, _ = play(script, lifetime_s=day_s)
    assert scene.venue.violations == []
    assert len(scene.venue.connections) == 2
    assert scene.receiver.gaps == []
    seen = [data for _, data in scene.receiver.frames if data.startswith(b"trades.BTC")]
    assert len(set(seen)) >= day_s + 590


def test_maintenance_of_90_minutes_is_survived_with_capped_pauses() -> None:
    refused = ConnectError(ConnectFault.REFUSED, "toy: no connection")

    async def script(scene: Scene) -> float:
        await asyncio.sleep(60.5)
        scene.venue.refusals.extend([refused] * 10_000)
        scene.venue.connections[0].drop()
        await asyncio.sleep(90 * 60)
        scene.venue.refusals.clear()
        back_s = scene.now_s()
        await _until(lambda: scene.feed.health()["liquidations"][0] is HealthState.LIVE)
        took_s = scene.now_s() - back_s
        await asyncio.sleep(2)
        return took_s

    scene, took_s = play(script)
    assert took_s <= 70
    assert scene.receiver.states("liquidations") == ["live", "dead", "suspect", "live"]
    assert len(scene.venue.attempts) < 90 * 3


def test_a_storm_of_refusals_is_met_with_patience() -> None:
    refused = ConnectError(ConnectFault.STATUS, "toy: 429", status=429, retry_after_s=30.0)

    async def script(scene: Scene) -> None:
        scene.venue.refusals.extend([refused] * 10_000)
        await asyncio.sleep(3600)

    scene, _ = play(script)
    times = scene.venue.attempts
    for start in times:
        assert sum(start <= other < start + 60.0 for other in times) <= 5
    assert all(later - first >= 30 for first, later in itertools.pairwise(times))


def test_a_block_is_said_as_such_and_retried_slowly() -> None:
    blocked = ConnectError(ConnectFault.STATUS, "toy: the server answers 451", status=451)

    async def script(scene: Scene) -> None:
        scene.venue.refusals.extend([blocked] * 10_000)
        await asyncio.sleep(3600)

    scene, _ = play(script)
    assert scene.receiver.states("liquidations") == ["blocked"]
    assert len(scene.venue.attempts) <= 61
    assert scene.receiver.holes("liquidations") == [(scene.at(0), None)]


def test_a_thousand_breaks_are_a_thousand_reconnects() -> None:
    async def script(scene: Scene) -> None:
        for _ in range(1_000):
            await _until(lambda: bool(scene.venue.live()))
            scene.venue.live()[0].drop()
            await asyncio.sleep(0.01)

    scene, _ = play(script)
    assert len(scene.venue.connections) >= 1_000
    assert len(scene.venue.live()) <= 1


def test_a_frame_beyond_the_limit_does_not_loop() -> None:
    async def script(scene: Scene) -> None:
        for _ in range(600):
            await asyncio.sleep(1)
            for connection in scene.venue.live():
                connection.drop(1009)

    scene, _ = play(script)
    assert len(scene.venue.attempts) <= 600 / 15


def test_an_hour_asleep_is_a_gap_and_no_storm() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60.5)
        scene.bench.loop.suspend(3600)
        await asyncio.sleep(60)

    scene, _ = play(script)
    assert len(scene.venue.attempts) <= 2
    holes = [gap for gap in scene.receiver.gaps if gap.cause is GapCause.SUSPEND]
    assert {gap.channel for gap in holes} == {"trades", "mark", "liquidations"}
    ends = [gap.to_ns - gap.from_ns for gap in holes if gap.to_ns is not None]
    assert all(3599 * SECOND_NS <= length <= 3603 * SECOND_NS for length in ends)


def test_a_clock_that_is_set_changes_no_deadline() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60)
        scene.bench.clock.step(-30 * SECOND_NS)
        await asyncio.sleep(60)
        scene.bench.clock.step(3600 * SECOND_NS)
        await asyncio.sleep(60)

    scene, _ = play(script)
    assert len(scene.venue.attempts) == 1
    assert {gap.cause for gap in scene.receiver.gaps} == {GapCause.SUSPEND}


def test_a_doubt_makes_the_channel_suspect_and_opens_another_connection() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60)
        scene.feed.doubt("liquidations", "none while others showed 4000", scene.at(10))
        await asyncio.sleep(5)
        assert scene.feed.health()["liquidations"][0] is HealthState.SUSPECT
        scene.feed.doubt("liquidations", None, 0)
        await asyncio.sleep(5)

    scene, _ = play(script)
    assert len(scene.venue.connections) == 2
    ((start_ns, end_ns),) = scene.receiver.holes("liquidations")
    assert start_ns == scene.at(10)
    assert end_ns is not None


def test_a_listing_and_a_delisting_touch_nothing_else() -> None:
    fresh = Subscription((Channel.TRADES,), "NEW", "trades.NEW")

    async def script(scene: Scene) -> None:
        await asyncio.sleep(30)
        scene.feed.change([Line("main", "wss://toy/main", (toy.MARK, toy.FORCED, fresh))])
        await asyncio.sleep(30)

    scene, _ = play(script)
    assert len(scene.venue.connections) == 1
    assert scene.venue.connections[0].topics == {"mark.BTC", "forced.BTC", "trades.NEW"}
    assert scene.receiver.gaps == []


def test_a_fault_of_ours_is_seen() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(10)
        scene.receiver.clock = None  # type: ignore[assignment]
        await asyncio.sleep(10)

    with pytest.raises(AssertionError, match="AttributeError"):
        play(script)
