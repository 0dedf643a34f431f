"""An event loop whose time is made up: what waits is never waited for.

When nothing is ready the time jumps to the next timer. There is no selector, no thread and no
machine clock, so a day of a feed runs in seconds and the same seed gives the same run. What would
hang says so: nothing ready and no timer is a deadlock, time that does not pass is a spin.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, final

__all__ = [
    "BEGIN_S",
    "START_NS",
    "Bench",
    "DeadlockError",
    "OverrunError",
    "SpinError",
    "VirtualClock",
    "VirtualLoop",
    "run",
]

BEGIN_S: Final = 1_000.0
"""Loop time at the start: not 0, so that nobody takes it for "never"."""

START_NS: Final = 1_793_534_400_000_000_000
"""Wall time at the start: 2026-11-01T12:00:00Z."""

_T = TypeVar("_T")
_SPINS: Final = 3_000_000  # turns of the loop at one and the same time


class DeadlockError(RuntimeError):
    """Nothing is ready and no timer is set: the program would wait for ever."""


class SpinError(RuntimeError):
    """The loop turns and turns, and no time passes."""


class OverrunError(RuntimeError):
    """The run takes longer, in its own time, than it was allowed."""


@final
class _Jumps:
    """Stands where the selector is: instead of waiting it moves the time."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None or timeout > 0:
            self._loop.jump()
        else:
            self._loop.turn()
        return []

    def close(self) -> None:
        """Hold nothing, so close nothing."""


@final
class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. ``run_in_executor`` runs the function at once, in this thread.

    Parameters
    ----------
    limit_s
        Virtual seconds after which a run is taken to be endless.

    Raises
    ------
    DeadlockError, SpinError, OverrunError
        Out of ``run_until_complete``, where the program would hang.
    """

    def __init__(self, *, limit_s: float = 40 * 86_400.0) -> None:
        super().__init__()
        self._selector = _Jumps(self)
        self._clock_resolution = 1e-9
        self._now_s = BEGIN_S
        self._limit_s = BEGIN_S + limit_s
        self._turns = 0
        self.suspended_s = 0.0

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self._now_s

    def suspend(self, seconds: float) -> None:
        """Let time pass in which nothing of this process ran, as after SIGSTOP and SIGCONT."""
        self._now_s += seconds
        self.suspended_s += seconds

    def jump(self) -> None:
        """Go to the next timer."""
        if not self._scheduled:  # type: ignore[attr-defined]
            raise DeadlockError(_waiting(self))
        next_s: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        if next_s > self._limit_s:
            raise OverrunError(f"not over after {self._now_s - BEGIN_S:,.0f} virtual seconds")
        self._now_s = max(self._now_s, next_s)
        self._turns = 0

    def turn(self) -> None:
        """Count a turn in which no time passed."""
        self._turns += 1
        if self._turns > _SPINS:
            raise SpinError(f"{_SPINS:,} turns at {self._now_s - BEGIN_S:.3f} s: {_waiting(self)}")

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., _T], *args: Any
    ) -> "asyncio.Future[_T]":
        """Run a function now; its future is done."""
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to who awaits
            done.set_exception(error)
        return done

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else is there to wake this loop."""


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    said = []
    for task in tasks[:8]:
        stack = task.get_stack(limit=1)
        where = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "not begun"
        said.append(f"{task.get_name()} at {where}")
    return f"nothing is ready and no timer is set; {len(tasks)} tasks wait: {'; '.join(said)}"


@final
class VirtualClock:
    """Wall time of a machine: the loop's time, and what somebody did to the clock.

    Parameters
    ----------
    loop
        Whose time passes.
    start_ns
        Wall time at the loop's beginning.
    begin_s
        Time of the loop at its beginning.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        start_ns: int = START_NS,
        begin_s: float = BEGIN_S,
    ) -> None:
        self._loop = loop
        self._start_ns = start_ns
        self._begin_s = begin_s
        self.offset_ns = 0

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as this machine believes."""
        return self._start_ns + round((self._loop.time() - self._begin_s) * 1e9) + self.offset_ns

    def step(self, ns: int) -> None:
        """Set the clock forward, or back (negative)."""
        self.offset_ns += ns


@final
class Bench:
    """What a virtual run is given: the loop, our clock, the venues' clock and a seeded random."""

    def __init__(
        self, loop: VirtualLoop, start_ns: int, seed: int, begin_s: float = BEGIN_S
    ) -> None:
        self.loop = loop
        self.seed = seed
        self.start_ns = start_ns
        self.begin_s = begin_s
        self.clock = VirtualClock(loop, start_ns, begin_s)
        self.venue_clock = VirtualClock(loop, start_ns, begin_s)
        self.rng = random.Random(seed)

    def elapsed_s(self) -> float:
        """Virtual seconds since the beginning."""
        return self.loop.time() - self.begin_s


def run(
    coro_factory: Callable[[Bench], Coroutine[Any, Any, _T]],
    *,
    start_ns: int = START_NS,
    seed: int = 1,
    limit_s: float = 40 * 86_400.0,
) -> _T:
    """Run a coroutine in virtual time, from a fresh loop to a closed one.

    Parameters
    ----------
    coro_factory
        Makes the coroutine from its bench.
    start_ns
        Wall time at the beginning.
    seed
        Of ``bench.rng``.
    limit_s
        Virtual seconds after which the run is stopped with an error.
    """
    loop = VirtualLoop(limit_s=limit_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coro_factory(Bench(loop, start_ns, seed)))
