"""One connection; what spans several is in test_feed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from airpocket.live.pacing import Pace
from airpocket.live.session import Session, SessionEnd, SessionEvents, Why
from airpocket.market.stream import Subscription
from tests.live import toy, virtual


class Stage:
    """A session and what it told."""

    def __init__(self, bench: virtual.Bench, **limits: Any) -> None:
        self.venue = toy.ToyVenue()
        self.connection = toy.ToyConnection(self.venue, 0)
        self.venue.connections.append(self.connection)
        self.receiver = toy.ToyReceiver(bench.clock)
        self.proven: list[str] = []
        self.stalled: list[str] = []
        self.unreadable: list[tuple[str, int | None, str]] = []
        self.refused: list[str] = []
        events = SessionEvents(
            lambda one, _: self.proven.append(one.topic),
            lambda one, _ns, _said: self.stalled.append(one.topic),
            lambda one, ns, said: self.unreadable.append((one.topic, ns, said)),
            lambda one, _: self.refused.append(one.topic),
            lambda _session, _gap: None,
            lambda _symbol, _ns: None,
        )
        self.session = Session(
            toy.LINE, "main#1", self.connection, toy.ToyRules(**limits), self.receiver, Pace(),
            events, bench.clock.wall_ns,
        )  # fmt: skip


def _play(script: Callable[[Stage], Awaitable[None]], **limits: Any) -> tuple[Stage, SessionEnd]:
    async def main(bench: virtual.Bench) -> tuple[Stage, SessionEnd]:
        stage = Stage(bench, **limits)
        pushing = asyncio.create_task(stage.venue.run())
        running = asyncio.create_task(stage.session.run())
        await script(stage)
        stage.session.close()
        end = await asyncio.wait_for(running, 2.0)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        return stage, end

    return virtual.run(main)


def test_every_topic_is_proven_once() -> None:
    stage, end = _play(lambda _: asyncio.sleep(10))
    assert sorted(stage.proven) == ["forced.BTC", "mark.BTC", "trades.BTC"]
    assert end.why is Why.ENDED
    assert stage.session.proven.is_set()
    assert not stage.connection.is_open


def test_an_acknowledgement_alone_proves_nothing() -> None:
    async def script(stage: Stage) -> None:
        stage.venue.muted = lambda _connection, _topic: True
        await asyncio.sleep(15)

    stage, _ = _play(script)
    assert stage.proven == []
    assert stage.session.is_waiting("liquidations")


def test_trades_beside_it_do_not_prove_a_liquidation_topic() -> None:
    async def script(stage: Stage) -> None:
        stage.venue.muted = lambda _connection, topic: not topic.startswith("trades")
        await asyncio.sleep(15)

    stage, _ = _play(script)
    assert stage.proven == ["trades.BTC"]


def test_data_prove_a_topic_whose_answer_was_lost() -> None:
    async def script(stage: Stage) -> None:
        stage.venue.drops_ack = lambda _connection, _request: True
        await asyncio.sleep(5)

    stage, _ = _play(script)
    assert stage.proven == ["mark.BTC", "trades.BTC"]


def test_the_end_says_how_and_until_when_it_worked() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(10.5)
        stage.connection.drop(1000)
        await asyncio.sleep(1)

    _, end = _play(script)
    assert (end.why, end.said) == (Why.CLOSED, "closed by the venue with 1000")
    assert end.last_wall_ns == virtual.START_NS + 10 * 10**9


def test_a_venue_that_wants_pings_gets_them() -> None:
    stage, _ = _play(lambda _: asyncio.sleep(61), ping_every_s=20.0)
    assert stage.connection.sent.count(b"ping") == 3


def test_heartbeats_are_not_data() -> None:
    async def script(stage: Stage) -> None:
        stage.venue.muted = lambda _connection, _topic: True
        await asyncio.sleep(40)

    _, end = _play(script, ping_every_s=2.0)
    assert end.why is Why.SILENT


def test_what_is_no_longer_wanted_is_not_waited_for() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        stage.session.unsubscribe([toy.MARK, toy.FORCED])
        await asyncio.sleep(60)

    stage, end = _play(script)
    assert stage.stalled == []
    assert end.why is Why.ENDED


def test_a_topic_added_later_is_asked_for() -> None:
    fresh = Subscription(toy.TRADES.channels, "ETH", "trades.ETH")

    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        stage.session.subscribe([fresh])
        await asyncio.sleep(5)

    stage, _ = _play(script)
    assert stage.proven[-1] == "trades.ETH"


def test_an_old_connection_is_ripe_before_the_venue_ends_it() -> None:
    stage, _ = _play(lambda _: asyncio.sleep(980), lifetime_s=1000.0)
    assert stage.session.ripe.is_set()


def _spoil(stage: Stage, topic: str, times: int) -> None:
    """Let a topic's frames be such that nothing of them can be used."""
    for _ in range(times):
        stage.connection.inbox.put_nowait(f'bad "{topic}"'.encode())


def test_a_topic_of_which_nothing_can_be_read_is_hidden_until_it_can() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        stage.venue.muted = lambda _connection, topic: topic == "trades.BTC"
        for _ in range(60):
            _spoil(stage, "trades.BTC", 1)
            await asyncio.sleep(1)
        assert stage.session.is_over is False
        assert stage.proven.count("trades.BTC") == 1
        stage.venue.muted = lambda _connection, _topic: False
        await asyncio.sleep(3)

    stage, _ = _play(script)
    assert [(topic, said) for topic, _, said in stage.unreadable] == [
        ("trades.BTC", "unreadable: trades.BTC: a time that is none")
    ]
    since_ns = stage.unreadable[0][1]
    assert since_ns is not None
    assert 4.0 <= (since_ns - virtual.START_NS) / 1e9 <= 6.0
    assert stage.stalled == []  # it is not silent
    assert stage.proven.count("trades.BTC") == 2


def test_a_bad_frame_among_good_ones_hides_nothing() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        for _ in range(30):
            _spoil(stage, "trades.BTC", 2)
            await asyncio.sleep(1)

    stage, _ = _play(script)
    assert stage.unreadable == []


def test_frames_that_name_nothing_are_no_sign_of_life() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        stage.venue.muted = lambda _connection, _topic: True
        for _ in range(30):
            _spoil(stage, "nothing", 3)
            await asyncio.sleep(1)

    stage, end = _play(script)
    assert end.why is Why.SILENT
    assert stage.unreadable == []


def test_liquidations_that_could_not_be_read_are_proven_by_a_canary_that_can_be_again() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        stage.venue.muted = lambda _connection, _topic: True
        for _ in range(10):
            _spoil(stage, "forced.BTC", 1)
            _spoil(stage, "mark.BTC", 1)
            await asyncio.sleep(1)
        stage.venue.muted = lambda _connection, _topic: False
        await asyncio.sleep(3)

    stage, _ = _play(script)
    assert {topic for topic, _, _ in stage.unreadable} == {"forced.BTC", "mark.BTC"}
    assert stage.proven.count("forced.BTC") == 2


def test_liquidations_that_alone_cannot_be_read_are_proven_by_nothing_else() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        for _ in range(10):
            _spoil(stage, "forced.BTC", 1)
            await asyncio.sleep(1)

    stage, _ = _play(script)
    assert [topic for topic, _, _ in stage.unreadable] == ["forced.BTC"]
    assert stage.proven.count("forced.BTC") == 1
