"""How fast we ask, and how long we wait."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.pacing import Backoff, Pace
from tests.live import virtual


def _passed(pace_of: tuple[tuple[int, float], ...], count: int) -> list[float]:
    async def main(_: virtual.Bench) -> list[float]:
        pace, loop, times = Pace(*pace_of), asyncio.get_running_loop(), []
        for _turn in range(count):
            await pace.turn()
            times.append(loop.time())
        return times

    return virtual.run(main)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0.5, 50.0)), min_size=1, max_size=3),
    st.integers(1, 40),
)
def test_no_window_ever_holds_more_than_it_may(
    windows: list[tuple[int, float]], count: int
) -> None:
    times = _passed(tuple(windows), count)
    for most, within_s in windows:
        for first, later in zip(times, times[most:], strict=False):
            assert later - first >= within_s


def test_without_a_window_nobody_waits() -> None:
    times = _passed((), 5)
    assert len(set(times)) == 1


def test_callers_are_served_in_order() -> None:
    async def main(_: virtual.Bench) -> list[int]:
        pace, served = Pace((1, 1.0)), []

        async def one(number: int) -> None:
            await pace.turn()
            served.append(number)

        await asyncio.gather(*(one(number) for number in range(5)))
        return served

    assert virtual.run(main) == [0, 1, 2, 3, 4]


def test_who_is_in_a_hurry_waits_for_short_windows_only() -> None:
    async def main(_: virtual.Bench) -> list[float]:
        pace, loop, times = Pace((2, 1.0), (3, 3600.0)), asyncio.get_running_loop(), []
        for _turn in range(3):
            await pace.turn()
        waiting = asyncio.create_task(pace.turn())  # for an hour
        begun_s = loop.time()
        for _turn in range(3):
            await pace.hurry()
            times.append(loop.time() - begun_s)
        assert not waiting.done()
        waiting.cancel()
        return times

    times = virtual.run(main)
    assert times[-1] <= 3.0


def test_who_is_refused_for_haste_comes_one_at_a_time() -> None:
    async def main(_: virtual.Bench) -> list[float]:
        pace, loop, times = Pace((10, 1.0)), asyncio.get_running_loop(), []
        begun_s = loop.time()

        async def one() -> None:
            await pace.turn()
            times.append(loop.time() - begun_s)
            if len(times) < 4:
                pace.rest(30.0)
            else:
                pace.go_on()

        pace.rest(30.0)
        await asyncio.gather(*(one() for _ in range(6)))
        return times

    times = virtual.run(main)
    assert times[:4] == [30.0, 60.0, 90.0, 120.0]
    assert times[5] - times[3] <= 15.0


def test_pauses_grow_to_the_cap_and_never_stop() -> None:
    pauses = Backoff(random.Random(0))
    told = [pauses.next_s() for _ in range(200)]
    assert told[0] <= 1.0
    assert all(30.0 <= pause <= 60.0 for pause in told[8:])


def test_a_server_that_says_when_is_obeyed() -> None:
    for seed in range(50):
        assert 30.0 <= Backoff(random.Random(seed)).next_s(status=429, retry_after_s=30.0) <= 33.0
        assert Backoff(random.Random(seed)).next_s(status=418) >= 120.0


def test_refusals_stay_below_five_a_minute() -> None:
    for seed in range(50):
        pauses, at_s, tries = Backoff(random.Random(seed)), 0.0, []
        while at_s < 600.0:
            tries.append(at_s)
            at_s += pauses.next_s(status=429)
        for start in tries:
            assert sum(start <= other < start + 60.0 for other in tries) <= 5


def test_what_is_proven_begins_anew() -> None:
    pauses = Backoff(random.Random(0))
    for _ in range(10):
        pauses.next_s()
    pauses.reset()
    assert pauses.next_s() <= 1.0


def test_an_absurd_retry_after_is_cut_to_a_day() -> None:
    assert Backoff(random.Random(0)).next_s(retry_after_s=1e7) <= 86_400 * 1.1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_jitter_is_that_of_its_seed(seed: int) -> None:
    first, second = Backoff(random.Random(seed)), Backoff(random.Random(seed))
    assert [first.next_s() for _ in range(5)] == [second.next_s() for _ in range(5)]
