"""Delay against false alarms over a threshold, and recall at the budgets fixed in advance."""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.evidence.matching import Rule
from airpocket.evidence.score import Score, grade
from airpocket.evidence.watch import Watch

__all__ = ["BUDGETS", "AtBudget", "Curve", "CurvePoint", "at_budget", "curve_over"]

BUDGETS: Final = (0.1, 0.5, 1.0, 2.0)
"""False alarms per symbol-day that detectors are compared at."""


class CurvePoint(Struct, frozen=True, kw_only=True):
    """The score at one threshold."""

    threshold: float
    score: Score


class AtBudget(Struct, frozen=True, kw_only=True):
    """What a detector does for a budget of false alarms per symbol-day.

    ``point`` is the loosest threshold that keeps it, with all stricter ones keeping it, too
    (``None``: not even the strictest does). ``is_shown``: the upper end of its exact interval keeps
    it as well; otherwise too little was watched to say so.
    """

    budget: float
    point: CurvePoint | None
    is_shown: bool


class Curve(Struct, frozen=True, kw_only=True):
    """Scores of one detector over its threshold, strictest first, and at fixed budgets."""

    detector: str
    points: tuple[CurvePoint, ...]
    budgets: tuple[AtBudget, ...]


def curve_over(
    detector: str,
    thresholds: Iterable[float],
    watches_at: Callable[[float], Iterable[Watch]],
    rule: Rule | None = None,
    *,
    budgets: Iterable[float] = BUDGETS,
) -> Curve:
    """Score a detector at each threshold.

    Parameters
    ----------
    detector
        Its name.
    thresholds
        To try; a higher one is a stricter one.
    watches_at
        Gives the tapes with what a fresh detector of that threshold said: each is run anew, since
        what a detector says depends on what it said before.
    rule
        What is credited.
    budgets
        False alarms per symbol-day.

    Raises
    ------
    InputError
        If there is no threshold, or one is given twice.
    """
    wanted = sorted(thresholds, reverse=True)
    if not wanted or len(set(wanted)) != len(wanted):
        raise InputError(f"thresholds {wanted}: give at least one, and each once")
    points = tuple(
        CurvePoint(threshold=threshold, score=grade(detector, watches_at(threshold), rule, draws=0))
        for threshold in wanted
    )
    at_budgets = tuple(at_budget(points, budget) for budget in budgets)
    return Curve(detector=detector, points=points, budgets=at_budgets)


def at_budget(points: Iterable[CurvePoint], budget: float) -> AtBudget:
    """Choose the loosest threshold that keeps a budget, by false alarms alone.

    Recall has no say: a threshold that was chosen for its recall would look better than it is.

    Parameters
    ----------
    points
        Scores over the threshold, in any order.
    budget
        False alarms per symbol-day.
    """
    if not budget > 0:
        raise InputError(f"a budget of {budget!r} false alarms per symbol-day: give more than 0")
    kept: CurvePoint | None = None
    for point in sorted(points, key=lambda point: -point.threshold):
        if point.score.false_per_day > budget:
            break
        kept = point
    is_shown = kept is not None and kept.score.false_interval.high <= budget
    return AtBudget(budget=budget, point=kept, is_shown=is_shown)
