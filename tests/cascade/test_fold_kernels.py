"""The sweep: blocks against level by level, and both against settling every shock."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.fold_kernels import sweep
from airpocket.cascade.impact import Curve, SquareRoot
from airpocket.market.events import Side
from tests.cascade.plain import CASES, Case, by_ticks, columns


def _swept(
    case: Case, least: float, *, by_order: bool = False, in_blocks: bool = True
) -> list[list[float]]:
    ticks, lots, book_lots, book_ticks = columns(case)
    found = np.empty((200, 3))
    count = sweep(
        ticks.astype(float),
        np.concatenate(([0.0], np.cumsum(lots))),
        book_lots.astype(float),
        book_ticks.astype(float),
        np.zeros(3),
        1.0,
        float(case.move) if by_order else 0.0,
        0.0 if by_order else float(case.order),
        by_order,
        in_blocks,
        math.inf,
        least,
        found,
    )
    rows: list[list[float]] = found[:count].tolist()
    return rows


@settings(max_examples=20, database=None)
@given(CASES, st.integers(1, 5))
def test_jumps_of_a_move_are_those_that_settling_shows(case: Case, least: int) -> None:
    # Half ticks show the end just before a shock.
    fine = Case(
        tuple((2 * ticks, lots) for ticks, lots in case.levels),
        tuple((2 * ticks, lots) for ticks, lots in case.book),
        0,
        case.order,
    )
    ends = [by_ticks(fine._replace(move=move)).fall for move in range(2 * 62)]
    jumps = [
        [shock, (ends[2 * shock - 1] + 1) / 2, ends[2 * shock] / 2]
        for shock in range(1, 62)
        if ends[2 * shock] - ends[2 * shock - 1] - 1 >= 2 * least
    ]
    assert _swept(case._replace(move=0), float(least)) == jumps


@settings(max_examples=25, database=None)
@given(CASES, st.integers(1, 5))
def test_jumps_of_an_order_are_those_that_settling_shows(case: Case, least: int) -> None:
    ends = [by_ticks(case._replace(order=lots)).fall for lots in range(130)]
    found = [row for row in _swept(case, float(least), by_order=True) if row[0] < 129]
    for lots, before, beyond in found:
        assert ends[int(lots)] <= before <= beyond - least
        assert ends[int(lots) + 1] == beyond
    # And none is missed: where the end grows by more, the book itself has the gap.
    book = [0, *(ticks for ticks, _ in case.book)]
    gap = max(after - before for before, after in pairwise(book))
    jumped = {int(lots) for lots, _, _ in found}
    for lots in range(1, 129):
        if ends[lots + 1] - ends[lots] >= least + gap:
            assert lots in jumped


def _ladder(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Clusters on an even ground: some stretches with m far below 1, some far above."""
    chance = np.random.default_rng(seed)
    even = chance.uniform(0.001, 0.6, count // 2)
    centres = chance.uniform(0.02, 0.5, 6)
    clusters = np.abs(
        chance.choice(centres, count - even.size) + chance.normal(0, 2e-3, count - even.size)
    )
    distance = np.sort(np.round(np.concatenate((even, clusters)), 5))  # ties
    return distance, np.concatenate(([0.0], np.cumsum(chance.lognormal(8, 1.5, count))))


@pytest.mark.parametrize("by_order", [False, True])
@pytest.mark.parametrize("law", ["steps", "many steps", "lines", "root"])
@pytest.mark.parametrize("seed", range(4))
def test_blocks_find_what_going_level_by_level_finds(seed: int, law: str, by_order: bool) -> None:  # noqa: FBT001
    distance, net = _ladder(seed, 30_000)
    if law == "root":
        root = SquareRoot(daily_volatility=0.2, daily_volume_usd=float(net[-1]) / (1 + seed))
        curve = root.curve(Side.LONG, 1.0)
    else:
        rows = 3_000 if law == "many steps" else 700
        depth = np.linspace(0, float(net[-1]) * (0.4 + 0.4 * seed), rows)[1:]
        curve = Curve(depth, np.linspace(0, 0.6, rows)[1:], is_interpolated=law == "lines")
    found = np.empty((2, 300, 3))
    counts = [
        sweep(
            distance, net, curve.usd, curve.fall, curve.law, 0.8, 0.0, 0.0, by_order, in_blocks,
            1.0, 0.003, found[int(in_blocks)],
        )
        for in_blocks in (False, True)
    ]  # fmt: skip
    assert counts[0] == counts[1] > 0
    assert found[0, : counts[0]].tolist() == found[1, : counts[1]].tolist()


def test_more_than_there_is_room_for_are_counted() -> None:
    case = Case(tuple((10 * k, 3) for k in range(1, 9)), tuple((k, 1) for k in range(1, 30)), 0)
    rows = _swept(case, 1.0)
    few = np.empty((2, 3))
    ticks, lots, book_lots, book_ticks = (column.astype(float) for column in columns(case))
    count = sweep(
        ticks, np.concatenate(([0.0], np.cumsum(lots))), book_lots, book_ticks, np.zeros(3), 1.0,
        0.0, 0.0, False, True, math.inf, 1.0, few,
    )  # fmt: skip
    assert count == len(rows) > 2
    assert few.tolist() == rows[:2]
