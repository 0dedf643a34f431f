"""Books are repaired soon, within a budget, and never in a loop."""

import asyncio
import itertools
from collections.abc import Sequence

from airpocket.live.book_repair import BookRepair
from tests.live import virtual


def _storm(
    symbols: int,
    minutes: int,
    windows: Sequence[tuple[int, float]] = ((20, 60.0),),
    together: int = 1,
) -> list[tuple[float, tuple[str, ...]]]:
    """Break every book ten times a second and look what is asked for."""

    async def main(_: virtual.Bench) -> list[tuple[float, tuple[str, ...]]]:
        loop, asked = asyncio.get_running_loop(), []

        async def ask(raw_symbols: Sequence[str]) -> None:
            asked.append((loop.time(), tuple(raw_symbols)))

        repair = BookRepair(ask, windows, together=together)
        for _turn in range(minutes * 600):
            for number in range(symbols):
                repair.note_broken(f"S{number}")
            await repair.step()
            await asyncio.sleep(0.1)
        return asked

    return virtual.run(main)


def test_a_broken_book_is_asked_for_at_once() -> None:
    asked = _storm(1, 1)
    assert asked[0] == (virtual.BEGIN_S, ("S0",))
    assert len(asked) >= 3


def test_a_storm_stays_within_the_budget_and_everybody_has_a_turn() -> None:
    asked = _storm(50, 10)
    times = [at_s for at_s, _ in asked]
    for start in times:
        assert sum(start <= other < start + 60.0 for other in times) <= 20
    assert len({name for _, names in asked for name in names}) == 50


def test_every_window_holds() -> None:
    times = [at_s for at_s, _ in _storm(50, 90, ((12, 60.0), (80, 3600.0)), together=50)]
    for start in times:
        assert sum(start <= other < start + 60.0 for other in times) <= 12
        assert sum(start <= other < start + 3600.0 for other in times) <= 80


def test_books_that_break_together_are_asked_for_in_one_request() -> None:
    asked = _storm(50, 1, together=30)
    assert [len(names) for at_s, names in asked if at_s == virtual.BEGIN_S] == [30, 20]


def test_one_book_that_breaks_again_and_again_is_asked_for_less_and_less() -> None:
    times = [at_s for at_s, _ in _storm(1, 30)]
    pauses = [later - first for first, later in itertools.pairwise(times)]
    assert pauses[0] >= 5.0
    assert pauses == sorted(pauses)
    assert 30.0 <= pauses[-1] < 31.0  # and never later: its trouble may be over
