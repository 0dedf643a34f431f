"""The virtual loop: time that jumps, and hangs that are said."""

import asyncio
import time
from typing import Any

import pytest

from airpocket.live.clock import Clock
from tests.live.virtual import (
    BEGIN_S,
    START_NS,
    Bench,
    DeadlockError,
    OverrunError,
    VirtualClock,
    run,
)


def test_sleeping_takes_exactly_its_time_and_none_of_ours() -> None:
    async def sleep(bench: Bench) -> tuple[float, int]:
        await asyncio.sleep(0.25)
        await asyncio.sleep(3_600)
        return bench.elapsed_s(), bench.clock.wall_ns()

    began = time.perf_counter()
    elapsed, wall_ns = run(sleep)
    assert elapsed == 3_600.25
    assert wall_ns == START_NS + 3_600_250_000_000
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("hours", [2, pytest.param(24, marks=pytest.mark.slow)])
def test_hours_of_ten_timers_a_second_run_in_seconds(hours: int) -> None:
    async def day(bench: Bench) -> int:
        count = 0

        async def tick() -> None:
            nonlocal count
            for _ in range(hours * 3_600):
                await asyncio.sleep(1)
                count += 1

        await asyncio.gather(*(tick() for _ in range(10)))
        return count

    began = time.process_time()
    assert run(day) == hours * 36_000
    assert time.process_time() - began < hours * 2.5


def test_timeouts_and_deadlines_are_virtual() -> None:
    async def wait(bench: Bench) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.get_running_loop().create_future()
        return bench.elapsed_s()

    assert run(wait) == 30


def test_waiting_for_ever_is_said_with_the_place() -> None:
    async def for_ever(bench: Bench) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError, match=r"1 tasks wait: .*test_virtual\.py:\d+"):
        run(for_ever)


def test_a_run_without_end_is_stopped() -> None:
    async def endless(bench: Bench) -> None:
        while bench.loop.is_running():  # noqa: ASYNC110 - that is the fault
            await asyncio.sleep(60)

    with pytest.raises(OverrunError, match="virtual seconds"):
        run(endless, limit_s=86_400)


def test_an_executor_answers_at_once_with_result_or_error() -> None:
    def fail() -> int:
        raise OSError(28, "No space left on device")

    async def ask(bench: Bench) -> tuple[int, bool]:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, pow, 2, 10)
        was_done = future.done()
        with pytest.raises(OSError, match="No space"):
            await loop.run_in_executor(None, fail)
        return await future + await asyncio.to_thread(int, "1"), was_done

    assert run(ask) == (1025, True)


def test_after_a_suspension_timers_are_late_and_in_order() -> None:
    async def stopped(bench: Bench) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        def note(name: str) -> None:
            seen.append((name, bench.elapsed_s()))

        for name, after_s in (("b", 20.0), ("a", 10.0), ("c", 700.0)):
            bench.loop.call_later(after_s, note, name)
        await asyncio.sleep(5)
        bench.loop.suspend(600)
        await asyncio.sleep(200)
        return seen

    assert run(stopped) == [("a", 605.0), ("b", 605.0), ("c", 700.0)]


def test_setting_the_clock_moves_the_day_and_no_timer() -> None:
    async def step(bench: Bench) -> tuple[int, float, int]:
        clock: Clock = bench.clock
        bench.clock.step(-30_000_000_000)
        await asyncio.sleep(1)
        return clock.wall_ns() - START_NS, bench.elapsed_s(), bench.venue_clock.wall_ns() - START_NS

    assert run(step) == (-29_000_000_000, 1.0, 1_000_000_000)


def test_the_same_seed_draws_the_same() -> None:
    async def draw(bench: Bench) -> list[float]:
        return [bench.rng.random() for _ in range(3)]

    assert run(draw, seed=7) == run(draw, seed=7) != run(draw, seed=8)


def test_an_error_of_the_coroutine_comes_out() -> None:
    async def fail(bench: Bench) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(fail)


def test_a_clock_of_another_day() -> None:
    async def read(bench: Bench) -> tuple[int, float]:
        return VirtualClock(bench.loop, 5).wall_ns(), bench.loop.time()

    assert run(read) == (5, BEGIN_S)
