"""Kept first, understood second: what the disk does decides what is followed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from airpocket.alerts.saying import Said
from airpocket.errors import TapeError
from airpocket.live import pipeline
from airpocket.live.following import Follower
from airpocket.live.pipeline import Pipeline, PipelineEvents
from airpocket.live.reading import Reader
from airpocket.live.receiver import Reading
from airpocket.market.events import Gap, GapCause, Health, RawRef
from airpocket.venues.register import open_wire
from tests.live import virtual

PONG = b"pong"


class Tape:
    """Tapes that fail on command."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes] | Gap] = []
        self.safe = 0
        self.room = 10**9
        self.is_broken = False
        self.reasons: list[str] = []
        self.commits = 0

    def append(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> RawRef:
        if len(self.taken) - self.safe >= self.room:
            raise TapeError("too much waits for a commit")
        self.taken.append((stream, data))
        return RawRef("t", len(self.taken) - 1)

    def commit(self) -> object:
        self.commits += 1
        if self.is_broken:
            raise TapeError("the disk is full")
        self.safe = len(self.taken)
        return None

    def record_gap(self, gap: Gap) -> None:
        if self.is_broken and len(self.taken) - self.safe >= self.room:
            raise TapeError("too much waits for a commit")
        self.taken.append(gap)

    def quarantine(self, raw_ref: RawRef, reason: str) -> None:
        self.reasons.append(reason)


class Stage:
    """A pipeline over such a tape."""

    def __init__(self, bench: virtual.Bench) -> None:
        self.tape = Tape()
        self.read: list[Reading] = []
        self.said: list[Said] = []
        self.disk: list[str | None] = []
        self.gaps: list[Gap] = []
        self.healths: list[Health] = []
        self.follower = Follower()
        self.followed = 0
        self.pipeline = Pipeline(
            self.tape, Reader(), self.follower, bench.clock,
            PipelineEvents(
                lambda _venue, _stream, reading: self.read.append(reading),
                self.said.append, self.healths.append, self.gaps.append, self.disk.append,
            ),
        )  # fmt: skip


def _play(script: Callable[[Stage], Awaitable[None]]) -> Stage:
    async def main(bench: virtual.Bench) -> Stage:
        stage = Stage(bench)
        task = asyncio.create_task(stage.pipeline.run())
        await script(stage)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return stage

    return virtual.run(main)


def _gap(channel: str = "trades") -> Gap:
    return Gap(
        venue="okx", symbol="*", raw_symbol="*", channel=channel, from_ns=virtual.START_NS,
        to_ns=None, cause=GapCause.DISCONNECT, proven_by="x",
    )  # fmt: skip


def _trade(bench_ns: int, number: int) -> bytes:
    return (
        b'{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP",'
        b'"tradeId":"%d","px":"84000","sz":"1","side":"buy","ts":"%d"}]}'
    ) % (number, bench_ns // 10**6)


def test_what_is_received_is_durable_within_a_tick() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(1)
        stage.pipeline.receive("okx", "public#1", PONG)
        await asyncio.sleep(0.06)
        assert stage.tape.safe == 1
        assert stage.pipeline.waiting == 0

    _play(script)


def test_nothing_is_followed_that_is_not_durable() -> None:
    async def script(stage: Stage) -> None:
        stage.tape.is_broken = True
        for number in range(10):
            stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, number))
            await asyncio.sleep(1)
        assert stage.follower.now_ns == 0
        assert stage.pipeline.waiting == 10
        stage.tape.is_broken = False
        await asyncio.sleep(3)
        assert stage.follower.now_ns > 0
        assert stage.pipeline.waiting == 0

    stage = _play(script)
    assert stage.disk == ["the disk is full", None]


def test_the_disk_does_not_wait_for_what_is_followed_slowly() -> None:
    async def main(bench: virtual.Bench) -> None:
        stage = Stage(bench)
        take = stage.follower.take

        def slowly(reading: Reading) -> list[Said]:
            bench.loop.suspend(0.001)
            return take(reading)

        stage.follower.take = slowly  # type: ignore[method-assign]
        task = asyncio.create_task(stage.pipeline.run())
        for number in range(5_000):
            stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, number))
        await asyncio.sleep(0.5)
        stage.pipeline.receive("okx", "public#1", PONG)
        await asyncio.sleep(0.5)
        assert stage.tape.safe == 5_001
        assert stage.pipeline.waiting > 3_000
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtual.run(main)


def test_the_disk_waits_when_too_much_is_to_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BEHIND_MOST", 1_000)

    async def main(bench: virtual.Bench) -> None:
        stage = Stage(bench)
        take = stage.follower.take

        def slowly(reading: Reading) -> list[Said]:
            bench.loop.suspend(0.01)
            return take(reading)

        stage.follower.take = slowly  # type: ignore[method-assign]
        task = asyncio.create_task(stage.pipeline.run())
        for number in range(3_000):
            stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, number))
        await asyncio.sleep(1.0)
        stage.pipeline.receive("okx", "public#1", PONG)
        await asyncio.sleep(5.0)
        assert stage.tape.safe == 3_000
        await asyncio.sleep(30.0)
        assert stage.tape.safe == 3_001
        assert stage.pipeline.waiting == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtual.run(main)


def test_a_fault_in_what_follows_ends_the_run_and_is_seen() -> None:
    async def main(bench: virtual.Bench) -> None:
        stage = Stage(bench)

        def broken(reading: Reading) -> list[Said]:
            raise ZeroDivisionError

        stage.follower.take = broken  # type: ignore[method-assign]
        stage.pipeline.receive("okx", "public#1", PONG)
        with pytest.raises(ZeroDivisionError):
            await stage.pipeline.run()
        assert stage.tape.safe == 1

    virtual.run(main)


def test_a_full_disk_is_not_asked_twenty_times_a_second() -> None:
    async def script(stage: Stage) -> None:
        stage.tape.is_broken = True
        stage.pipeline.receive("okx", "public#1", PONG)
        await asyncio.sleep(60)

    assert _play(script).tape.commits <= 62


def test_what_has_no_room_is_a_gap_and_room_ends_it() -> None:
    async def script(stage: Stage) -> None:
        stage.tape.room = 5
        stage.tape.is_broken = True
        for number in range(20):
            reading = stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, number))
            assert reading.kept == (number < 5)
            await asyncio.sleep(1)
        stage.tape.is_broken = False
        await asyncio.sleep(3)
        stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, 99))
        await asyncio.sleep(1)

    stage = _play(script)
    gaps = [item for item in stage.tape.taken if isinstance(item, Gap)]
    assert [(gap.cause, gap.to_ns is None) for gap in gaps] == [
        (GapCause.OVERFLOW, True), (GapCause.OVERFLOW, False),
    ]  # fmt: skip
    assert gaps[0].from_ns == virtual.START_NS + 5 * 10**9
    assert stage.pipeline.tally["okx"].refused == 15


def test_gaps_keep_their_place_among_the_frames() -> None:
    async def script(stage: Stage) -> None:
        stage.pipeline.receive("okx", "public#1", PONG)
        stage.pipeline.record_gap(_gap())
        stage.pipeline.receive("okx", "public#1", PONG)
        await asyncio.sleep(1)

    stage = _play(script)
    assert [isinstance(item, Gap) for item in stage.tape.taken] == [False, True, False]


def test_what_could_not_be_read_is_kept_with_its_reason() -> None:
    async def script(stage: Stage) -> None:
        stage.pipeline.receive("okx", "public#1", b"<html>")
        await asyncio.sleep(1)

    stage = _play(script)
    assert stage.tape.taken == [("public#1", b"<html>")]
    assert len(stage.tape.reasons) == 1
    assert stage.pipeline.tally["okx"].rejected == 1


def test_the_end_keeps_what_waits() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(1)
        for number in range(100):
            stage.pipeline.receive("okx", "public#1", _trade(virtual.START_NS, number))
        assert await stage.pipeline.finish()
        assert stage.tape.safe == 100
        assert stage.pipeline.waiting == 0

    _play(script)


def test_repeats_are_counted_and_kept() -> None:
    async def script(stage: Stage) -> None:
        for stream in ("public#1", "public#2"):
            stage.pipeline.receive("okx", stream, _trade(virtual.START_NS, 7))

    stage = _play(script)
    assert stage.pipeline.tally["okx"].repeats == 1
    assert [len(reading.events) for reading in stage.read] == [1, 0]
    assert len(stage.tape.taken) == 2


def test_the_wire_of_the_test_is_real() -> None:
    assert len(open_wire("okx").decode(_trade(virtual.START_NS, 1)).events) == 1
