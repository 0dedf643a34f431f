"""No window, wherever it begins, holds more than the share."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.budget import Budget
from airpocket.market.rest_rules import Allowance
from tests.live import virtual


def _spend(
    weights: list[float], pauses: list[float], allowance: Allowance, share: float
) -> list[tuple[float, float]]:
    async def main(_: virtual.Bench) -> list[tuple[float, float]]:
        budget, loop = Budget(allowance, share=share), asyncio.get_running_loop()
        spent: list[tuple[float, float]] = []
        for weight, pause_s in zip(weights, pauses, strict=True):
            await asyncio.sleep(pause_s)
            await budget.spend(weight)
            spent.append((loop.time(), weight))
        assert budget.spent == sum(weights)
        return spent

    return virtual.run(main)


@given(
    st.lists(st.tuples(st.floats(0.1, 40.0), st.floats(0.0, 30.0)), min_size=1, max_size=80),
    st.floats(0.3, 1.0),
)
def test_no_window_holds_more_than_the_share(
    spending: list[tuple[float, float]], share: float
) -> None:
    allowance = Allowance(300.0, 60.0)
    spent = _spend([one for one, _ in spending], [two for _, two in spending], allowance, share)
    for start, _ in spent:
        inside = sum(weight for at_s, weight in spent if start <= at_s < start + 60.0)
        assert inside <= 300.0 * share + 1e-6


def test_the_first_burst_does_not_wait() -> None:
    spent = _spend([20.0] * 48, [0.0] * 48, Allowance(2400.0, 60.0), 0.8)
    assert spent[-1][0] == virtual.BEGIN_S


def test_what_is_heavier_than_the_bucket_waits_for_a_full_one() -> None:
    async def main(_: virtual.Bench) -> tuple[float, float]:
        budget, loop = Budget(Allowance(10.0, 10.0), share=1.0), asyncio.get_running_loop()
        await budget.spend(5.0)
        await budget.spend(1_000.0)
        return loop.time() - virtual.BEGIN_S, budget.spent

    assert virtual.run(main) == (10.0, 10.0)


def test_first_come_first_served() -> None:
    async def main(_: virtual.Bench) -> list[str]:
        budget, order = Budget(Allowance(2.0, 2.0), share=1.0), []

        async def one(name: str, weight: float) -> None:
            await budget.spend(weight)
            order.append(name)

        await asyncio.gather(one("a", 1.0), one("heavy", 1.0), one("light", 0.1))
        return order

    assert virtual.run(main) == ["a", "heavy", "light"]
