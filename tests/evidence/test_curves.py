"""Curves over a threshold, and what is chosen for a budget of false alarms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence.curves import BUDGETS, CurvePoint, at_budget, curve_over
from airpocket.evidence.score import grade
from airpocket.evidence.watch import Watch
from tests.evidence.made import watch

DAY_S = 86_400
EVENTS_S = [10_000.0, 30_000.0, 50_000.0, 70_000.0]


def noisy(threshold: float, days: int = 4) -> list[Watch]:
    """Alarms with scores: events score 4 to 7, noise 0 to 9 (more of it low)."""
    rng = np.random.default_rng(7)
    noise_s = rng.uniform(0, DAY_S, (days, 40))
    scores = rng.exponential(1.5, (days, 40))
    return [
        watch(
            list(EVENTS_S),
            [at_s + 5 for n, at_s in enumerate(EVENTS_S) if 4 + n >= threshold]
            + noise_s[day][scores[day] >= threshold].tolist(),
            tape=f"t{day}",
        )
        for day in range(days)
    ]


def test_budgets_by_hand() -> None:
    curve = curve_over("noisy", [1.0, 2.0, 3.0, 4.5, 5.5, 7.5, 12.0], noisy)
    strict = [point.threshold for point in curve.points]
    assert strict == sorted(strict, reverse=True)
    rates = [point.score.false_per_day for point in curve.points]
    assert rates == sorted(rates)
    assert tuple(found.budget for found in curve.budgets) == BUDGETS
    for found in curve.budgets:
        assert found.point is not None
        assert found.point.score.false_per_day <= found.budget
        looser = [point for point in curve.points if point.threshold < found.point.threshold]
        assert looser[0].score.false_per_day > found.budget
    recalls = [found.point.score.recall_at(60).hits for found in curve.budgets if found.point]
    assert recalls == sorted(recalls)
    assert recalls[-1] > recalls[0]
    # Four days cannot show a tenth of a false alarm a day, whatever was counted.
    assert not curve.budgets[0].is_shown


def test_a_budget_is_shown_only_by_enough_time() -> None:
    long = CurvePoint(threshold=1.0, score=grade("quiet", [watch([], [], to_s=40 * DAY_S)]))
    short = CurvePoint(threshold=1.0, score=grade("quiet", [watch([], [], to_s=10 * DAY_S)]))
    assert at_budget([long], 0.1).is_shown
    assert at_budget([short], 0.1).point is short
    assert not at_budget([short], 0.1).is_shown


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 6), st.integers(0, 1))
def test_recall_has_no_say_in_the_choice(counts: list[int], budget: int, credited: int) -> None:
    # The same false alarms, with and without credit: the same threshold is chosen.
    points = [
        CurvePoint(
            threshold=float(-number),
            score=grade(
                "x",
                [watch([100.0 + number], [100.0 + number] * credited
                       + [1000.0 * (n + 1) for n in range(count)])],
                draws=0,
            ),
        )
        for number, count in enumerate(counts)
    ]  # fmt: skip
    found = at_budget(reversed(points), float(budget))
    over = next((n for n, count in enumerate(counts) if count > budget), len(counts))
    expected = points[over - 1] if over else None
    assert found.point == expected
    # A looser threshold that happens to keep the budget beyond one that does not: not chosen.
    if expected is not None:
        assert all(count <= budget for count in counts[:over])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        curve_over("x", [], noisy)
    with pytest.raises(InputError, match="each once"):
        curve_over("x", [1.0, 1.0], noisy)
    with pytest.raises(InputError, match="budget"):
        at_budget([], 0.0)
    assert at_budget([], 1.0).point is None
