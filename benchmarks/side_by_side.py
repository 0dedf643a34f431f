"""Time several ways of doing the same work, in turn, in one process."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping

WINDOWS = 15


class Timing:
    """Seconds of each way in each window, and the ratios between them.

    A ratio is taken window by window, between neighbours in time, and its median given: on a
    shared machine the absolute times of a run may double in the middle of it.
    """

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self._seconds = seconds

    def ns(self, name: str, units: int) -> float:
        """Return the median time of a unit of work, in nanoseconds."""
        return statistics.median(self._seconds[name]) / units * 1e9

    def ratio(self, name: str, other: str) -> float:
        """Return the median of ``name`` over ``other``."""
        pairs = zip(self._seconds[name], self._seconds[other], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def side_by_side(
    ways: Mapping[str, Callable[[], object]],
    *,
    windows: int = WINDOWS,
    clock: Callable[[], float] = time.process_time,
) -> Timing:
    """Run every way once to warm up, then all in turn, window by window.

    ``clock`` counts the time of this process alone by default: what other processes take does not
    count. Give ``time.perf_counter`` where a way uses threads or other processes.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(windows):
        for name, way in ways.items():
            gc.collect()
            began = clock()
            way()
            seconds[name].append(clock() - began)
    return Timing(seconds)


def verdict(value: float, goal: float, *, text: str) -> str:
    """Say a figure with its goal, and whether it is met."""
    return f"{text} (goal {goal:.3g}: {'met' if value <= goal else 'MISSED'})"
