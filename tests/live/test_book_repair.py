"""Books are repaired one by one, within a budget."""

import asyncio
import itertools

from airpocket.live.book_repair import BookRepair
from tests.live import virtual


def _storm(symbols: int, minutes: int, per_minute: int = 20) -> list[tuple[float, str]]:
    """Break every book ten times a second and look what is asked for."""

    async def main(_: virtual.Bench) -> list[tuple[float, str]]:
        loop, asked = asyncio.get_running_loop(), []

        async def ask(raw_symbol: str) -> None:
            asked.append((loop.time(), raw_symbol))

        repair = BookRepair(ask, per_minute=per_minute)
        for _turn in range(minutes * 600):
            for number in range(symbols):
                repair.note_broken(f"S{number}")
            await repair.step()
            await asyncio.sleep(0.1)
        return asked

    return virtual.run(main)


def test_a_broken_book_is_asked_for_at_once() -> None:
    asked = _storm(1, 1)
    assert asked[0] == (virtual.BEGIN_S, "S0")
    assert len(asked) >= 3


def test_a_storm_stays_within_the_budget_and_everybody_has_a_turn() -> None:
    asked = _storm(50, 10)
    times = [at_s for at_s, _ in asked]
    for start in times:
        assert sum(start <= other < start + 60.0 for other in times) <= 20
    assert len({name for _, name in asked}) == 50


def test_one_book_that_breaks_again_and_again_is_asked_for_less_and_less() -> None:
    times = [at_s for at_s, _ in _storm(1, 30)]
    pauses = [later - first for first, later in itertools.pairwise(times)]
    assert pauses[0] >= 5.0
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 200.0
