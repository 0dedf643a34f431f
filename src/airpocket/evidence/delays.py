"""How late alarms are, and how many come in time: misses are waited for, never left out.

Half of all events caught after 5 s and half missed is no median delay of 5 s. A miss was waited
for as long as one looked: it is censored there (Kaplan and Meier 1958), and a quantile that was not
reached is said to be beyond that.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from airpocket.errors import InputError
from airpocket.evidence.intervals import Interval, share_interval
from airpocket.evidence.matching import Outcome
from airpocket.units import SECOND_NS

__all__ = [
    "WITHIN_S",
    "DelayInterval",
    "Delays",
    "RecallWithin",
    "Survival",
    "delays_of",
    "recall_within",
    "waits_of",
]

WITHIN_S: Final = (10, 30, 60, 120)
"""Delays that recall is told at, in seconds."""


class RecallWithin(Struct, frozen=True, kw_only=True):
    """Share of ``events`` told of within ``within_s``: those that were watched for so long."""

    within_s: float
    hits: int
    events: int
    share: float | None
    interval: Interval


class Survival(Struct, frozen=True, eq=False):
    """Share of events not told of yet, ``not_yet``, after ``at_s`` seconds each (ascending).

    Examples
    --------
    >>> seen = Survival.of([3.0, 5.0, 120.0, 9.0], [True, True, False, True])
    >>> seen.quantile(0.5), seen.quantile(0.75), seen.quantile(0.9)
    (5.0, 9.0, None)
    """

    at_s: NDArray[np.float64]
    not_yet: NDArray[np.float64]

    @classmethod
    def of(
        cls, waited_s: ArrayLike, told: ArrayLike, weights: ArrayLike | None = None
    ) -> "Survival":
        """Estimate from how long each event was waited for, and whether an alarm ended it.

        Parameters
        ----------
        waited_s
            Seconds, shape (n,): the delay, or how long one looked in vain.
        told
            Whether an alarm came, shape (n,).
        weights
            How often each event counts, shape (n,); ``None``: once.
        """
        waited, is_told = np.asarray(waited_s, np.float64), np.asarray(told, np.bool_)
        if waited.ndim != 1 or waited.shape != is_told.shape:
            raise InputError("delays: times and whether an alarm came differ in length")
        if not bool(np.all((waited >= 0) & np.isfinite(waited))):
            raise InputError("delays: a time that was waited is no number of 0 or more")
        weight = np.ones(len(waited)) if weights is None else np.asarray(weights, np.float64)
        at_s, rows = np.unique(waited, return_inverse=True)
        ended = np.bincount(rows, weight * is_told, minlength=len(at_s))
        gone = np.bincount(rows, weight, minlength=len(at_s))
        at_risk = np.cumsum(gone[::-1])[::-1]  # those censored at a time were still at risk then
        steps = ended > 0
        at_s = at_s[steps]
        not_yet = np.cumprod((at_risk[steps] - ended[steps]) / at_risk[steps])
        return cls(at_s, np.asarray(not_yet, np.float64))

    def quantile(self, share: float) -> float | None:
        """Seconds until a share of the events was told of; ``None`` if it never came to that."""
        if not 0 < share < 1:
            raise InputError(f"a quantile at {share!r}: give a share between 0 and 1")
        reached = np.flatnonzero(1.0 - self.not_yet >= share - 1e-12)
        return float(self.at_s[reached[0]]) if reached.size else None


class DelayInterval(Struct, frozen=True):
    """Where a delay lies, in seconds, at a level; ``None``: beyond what was waited."""

    low_s: float | None
    high_s: float | None
    level: float


class Delays(Struct, frozen=True, kw_only=True):
    """Delay over ``events``, of which ``misses`` were never told of (censored at what was waited).

    ``median_s`` and ``p90_s`` are ``None`` where fewer events than that were told of: the delay is
    beyond ``waited_most_s``, the longest that was looked for one.
    """

    events: int
    misses: int
    median_s: float | None
    p90_s: float | None
    waited_most_s: float | None


def delays_of(outcomes: Sequence[Outcome]) -> Delays:
    """Median and 90 % delay over all events, misses among them."""
    waited_s, told = waits_of(outcomes)
    survival = Survival.of(waited_s, told)
    return Delays(
        events=len(outcomes),
        misses=int(np.count_nonzero(~told)),
        median_s=survival.quantile(0.5),
        p90_s=survival.quantile(0.9),
        waited_most_s=float(waited_s.max()) if outcomes else None,
    )


def waits_of(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Seconds that each event was waited for, and whether an alarm ended it."""
    waits = [one.looked_ns if one.delay_ns is None else one.delay_ns for one in outcomes]
    told = [one.delay_ns is not None for one in outcomes]
    return np.array(waits, np.float64) / SECOND_NS, np.array(told, np.bool_)


def recall_within(
    outcomes: Sequence[Outcome], within_s: float, level: float = 0.95
) -> RecallWithin:
    """Share of events told of within so many seconds.

    Events so near the end of the watched time that an alarm in time could not be seen do not count,
    be they told of or not.

    Parameters
    ----------
    outcomes
        What became of each event.
    within_s
        Seconds, at most the D of the rule: nothing is credited beyond it.
    level
        Of the interval.
    """
    if not 0 < within_s < math.inf:
        raise InputError(f"recall within {within_s!r} s: give a positive number of seconds")
    within_ns = within_s * SECOND_NS
    asked = [outcome for outcome in outcomes if outcome.looked_ns >= within_ns]
    hits = sum(1 for one in asked if one.delay_ns is not None and one.delay_ns <= within_ns)
    return RecallWithin(
        within_s=within_s,
        hits=hits,
        events=len(asked),
        share=hits / len(asked) if asked else None,
        interval=share_interval(hits, len(asked), level),
    )
