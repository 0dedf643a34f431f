"""Sessions in a row; most of it is seen through the feed (test_feed)."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from airpocket.live.gaps import GapBook
from airpocket.live.line_keeper import LineKeeper, LineState, Surroundings
from airpocket.live.pacing import Pace
from airpocket.live.transport import ConnectError, ConnectFault
from tests.live import toy, virtual


class Stage:
    """A keeper with its surroundings."""

    def __init__(self, bench: virtual.Bench) -> None:
        self.venue = toy.ToyVenue()
        self.receiver = toy.ToyReceiver(bench.clock)
        self.gaps = GapBook("toy", self.receiver.record_gap, lambda _: None)
        self.closed: list[str] = []
        serials = iter(range(1, 10_000))
        self.keeper = LineKeeper(
            toy.LINE,
            Surroundings(
                toy.ToyRules(lifetime_s=1000.0), self.venue, self.receiver, self.gaps,
                random.Random(bench.seed), bench.clock.wall_ns, Pace(), lambda _: True,
                lambda: next(serials), lambda _session, _gap: None, lambda _: None,
                self.closed.append,
            ),
        )  # fmt: skip


def _play(script: Callable[[Stage], Awaitable[None]], seed: int = 1) -> Stage:
    async def main(bench: virtual.Bench) -> Stage:
        stage = Stage(bench)
        tasks = [asyncio.create_task(stage.keeper.run()), asyncio.create_task(stage.venue.run())]
        await script(stage)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return stage

    return virtual.run(main, seed=seed)


def test_no_two_connections_share_a_name() -> None:
    async def script(stage: Stage) -> None:
        for _ in range(20):
            await asyncio.sleep(5)
            stage.venue.connections[-1].drop()

    stage = _play(script)
    names = {stream for stream, _ in stage.receiver.frames}
    assert len(names) == len([c for c in stage.venue.connections if c.sent])
    assert len(stage.closed) == len(set(stage.closed))


def test_a_successor_that_fails_leaves_the_old_one_alone() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(960)
        stage.venue.refusals.extend([ConnectError(ConnectFault.REFUSED, "no")] * 3)
        await asyncio.sleep(30)
        assert stage.keeper.status.state is LineState.UP
        assert len(stage.venue.connections) == 2

    assert _play(script).receiver.gaps == []


def test_an_old_one_that_ends_before_its_successor_is_proven_leaves_a_gap_that_closes() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(960)
        stage.venue.refusals.extend([ConnectError(ConnectFault.REFUSED, "no")] * 3)
        await asyncio.sleep(11.5)
        stage.venue.connections[0].drop(1001)
        await asyncio.sleep(60)

    stage = _play(script)
    assert len(stage.gaps) == 0
    for channel in ("trades", "mark", "liquidations"):
        holes = stage.receiver.holes(channel)
        assert len(holes) == 1
        assert holes[0][1] is not None


@pytest.mark.parametrize("seed", range(20))
def test_a_drop_at_any_moment_ends_in_one_live_connection(seed: int) -> None:
    async def script(stage: Stage) -> None:
        rng = random.Random(seed)
        for _ in range(60):
            await asyncio.sleep(rng.choice([0.0, 0.0, 0.5, 1.0, 3.0, 970.0 / 60, 40.0]))
            if rng.random() < 0.3:
                stage.venue.refusals.append(
                    ConnectError(ConnectFault.STATUS, "503", status=503, retry_after_s=2.0)
                )
            for connection in stage.venue.live():
                if rng.random() < 0.6:
                    connection.drop(rng.choice([1000, 1001, 1006, None]))
        stage.venue.refusals.clear()
        await asyncio.sleep(200)
        assert len(stage.venue.live()) == 1
        assert stage.keeper.status.state is LineState.UP

    stage = _play(script, seed)
    assert len(stage.gaps) == 0


def test_a_line_that_is_no_longer_wanted_leaves_no_hole_open() -> None:
    async def script(stage: Stage) -> None:
        stage.venue.refusals.extend([ConnectError(ConnectFault.REFUSED, "no")] * 99)
        await asyncio.sleep(30)
        assert len(stage.gaps) > 0

    stage = _play(script)
    stage.keeper.forget()
    assert {gap.to_ns is None for gap in stage.receiver.gaps} == {True, False}
