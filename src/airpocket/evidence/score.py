"""A detector's score: recall and delay beside false alarms, each with its N and its interval."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.evidence.delays import (
    WITHIN_S,
    DelayInterval,
    Delays,
    RecallWithin,
    Survival,
    delays_of,
    recall_within,
    waits_of,
)
from airpocket.evidence.intervals import Interval, bootstrap_by_day, poisson_interval
from airpocket.evidence.matching import Matched, Outcome, Rule, Verdict, match
from airpocket.evidence.watch import Watch
from airpocket.units import DAY_NS, SECOND_NS

__all__ = ["Score", "grade", "lines_of"]

_NAMED_S: Final = 60.0  # the delay whose recall is also told with an interval by day


class Score(Struct, frozen=True, kw_only=True):
    """How one detector did on a set of tapes.

    Parameters
    ----------
    detector
        Name.
    rule
        What was credited.
    tapes, days, symbol_days
        What was watched: tapes, days of UTC on them (a day of another tape is another day), and
        watched time summed over symbols.
    events, hits
        True onsets asked for; those with an alarm within D.
    recall
        Share told of within 10, 30, 60, 120 s, with exact intervals.
    recall_by_day
        Interval of the recall within 60 s when whole days are drawn again; ``None`` where days are
        too few to tell.
    delays
        Median and 90 % delay, misses censored.
    median_by_day
        As ``recall_by_day``, for the median delay.
    alarms
        Alarms that stand (dead time applied): hits, duplicates, apart and false ones.
    folded, duplicates, apart
        Alarms within a dead time; ignored within an event that was told of; within one not asked
        for.
    false_alarms
        Of which ``early``, ``late`` and ``repeated`` are told apart.
    false_per_day, false_interval, false_by_day
        False alarms per symbol-day; exact Poisson interval; interval when days are drawn again.
    """

    detector: str
    rule: Rule
    tapes: int
    days: int
    symbol_days: float
    events: int
    hits: int
    recall: tuple[RecallWithin, ...]
    recall_by_day: Interval | None
    delays: Delays
    median_by_day: DelayInterval | None
    alarms: int
    folded: int
    duplicates: int
    apart: int
    false_alarms: int
    early: int
    late: int
    repeated: int
    false_per_day: float
    false_interval: Interval
    false_by_day: Interval | None

    def recall_at(self, within_s: float) -> RecallWithin:
        """Recall within a delay that was asked for.

        Raises
        ------
        InputError
            If it was not.
        """
        for recall in self.recall:
            if recall.within_s == within_s:
                return recall
        told = ", ".join(f"{recall.within_s:g}" for recall in self.recall)
        raise InputError(f"recall within {within_s:g} s was not scored; there is {told} s")


def grade(
    detector: str,
    watches: Iterable[Watch],
    rule: Rule | None = None,
    *,
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> Score:
    """Score what a detector said of a set of tapes.

    Parameters
    ----------
    detector
        Its name.
    watches
        Tapes with their truth and its alarms, in any order.
    rule
        What is credited; the usual one if not given.
    seed, draws
        Of the intervals by day; 0 draws leave them out.
    level
        Of all intervals.

    Raises
    ------
    InputError
        If there is no tape, or the same time of one tape is given twice.

    Examples
    --------
    >>> from airpocket.evidence.watch import Alarm, Onset
    >>> s = 1_000_000_000
    >>> watch = Watch(tape="a", from_ns=0, to_ns=86_400 * s, symbols=("X",),
    ...               onsets=(Onset(symbol="X", onset_ns=100 * s),),
    ...               alarms=(Alarm(symbol="X", said_ns=107 * s), Alarm(symbol="X", said_ns=0)))
    >>> score = grade("mine", [watch])
    >>> score.recall_at(10).share, score.delays.median_s, score.false_per_day, score.early
    (1.0, 7.0, 1.0, 1)
    """
    rule = Rule() if rule is None else rule
    ordered = sorted(watches, key=lambda watch: (watch.tape, watch.from_ns, watch.symbols))
    if not ordered:
        raise InputError("nothing was watched: a score needs at least one tape")
    for first, second in pairwise(ordered):
        overlaps = first.tape == second.tape and second.from_ns < first.to_ns
        if overlaps and set(first.symbols) & set(second.symbols):
            raise InputError(f"tape {first.tape}: the same time is given twice")
    matched = [match(watch, rule) for watch in ordered]
    outcomes = [outcome for one in matched for outcome in one.outcomes]
    symbol_days = math.fsum(watch.symbol_days for watch in ordered)
    counts = {verdict: sum(one.count(verdict) for one in matched) for verdict in Verdict}
    false_alarms = sum(one.false_alarms for one in matched)
    days = _Days(matched)
    again = _again(days.count, seed, draws, level)
    return Score(
        detector=detector, rule=rule, tapes=len({watch.tape for watch in ordered}),
        days=days.count, symbol_days=symbol_days,
        events=len(outcomes), hits=counts[Verdict.HIT],
        recall=tuple(
            recall_within(outcomes, within_s, level)
            for within_s in WITHIN_S
            if within_s * SECOND_NS <= rule.window_ns
        ),
        recall_by_day=again(days.recall), delays=delays_of(outcomes),
        median_by_day=_finite(again(days.median_s)),
        alarms=sum(counts.values()) - counts[Verdict.FOLDED], folded=counts[Verdict.FOLDED],
        duplicates=counts[Verdict.DUPLICATE], apart=counts[Verdict.APART],
        false_alarms=false_alarms, early=counts[Verdict.EARLY], late=counts[Verdict.LATE],
        repeated=counts[Verdict.REPEATED], false_per_day=false_alarms / symbol_days,
        false_interval=poisson_interval(false_alarms, symbol_days, level),
        false_by_day=again(days.false_per_day),
    )  # fmt: skip


def lines_of(score: Score) -> tuple[str, ...]:
    """Say a score in lines of text, N beside each figure.

    Parameters
    ----------
    score
        What :func:`grade` found.
    """
    rule, delays, false = score.rule, score.delays, score.false_interval
    beyond = f"beyond {_seconds(delays.waited_most_s)}"
    level = f"{false.level:.0%}"
    watched = (
        f"{score.detector}: {_many(score.events, 'event')} on {_many(score.tapes, 'tape')},"
        f" {_many(score.days, 'day')}, {score.symbol_days:.4g} symbol-days; an alarm counts within"
        f" {rule.window_ns / SECOND_NS:g} s of the onset, dead time"
        f" {rule.dead_ns / SECOND_NS:g} s"
    )
    delay = (
        f"delay: median {_seconds(delays.median_s, beyond)}, 90 % {_seconds(delays.p90_s, beyond)}"
        f" ({_many(delays.events, 'event')}, {delays.misses} without an alarm, censored)"
    )
    wrong = (
        f"false alarms per symbol-day: {score.false_per_day:.3g} ({score.false_alarms} on"
        f" {score.symbol_days:.4g}; {level}: {false.low:.3g} to {false.high:.3g});"
        f" of them early {score.early}, late {score.late}, repeated {score.repeated}"
    )
    rest = (
        f"of {_many(score.alarms, 'alarm')}: {_many(score.duplicates, 'duplicate')} ignored,"
        f" {score.apart} within events not asked for; {score.folded} more folded by dead time"
    )
    return watched, *(_recall_line(one) for one in score.recall), delay, wrong, rest


def _recall_line(recall: RecallWithin) -> str:
    share = "not known" if recall.share is None else f"{recall.share:.1%}"
    found = recall.interval
    return (
        f"recall within {recall.within_s:g} s: {share} ({recall.hits} of {recall.events};"
        f" {found.level:.0%}: {found.low:.1%} to {found.high:.1%})"
    )


class _Days:
    """Sums of each day of each tape, of which days are drawn again."""

    def __init__(self, matched: Sequence[Matched]) -> None:
        numbers: dict[tuple[str, int], int] = {}

        def day(tape: str, time_ns: int) -> int:
            return numbers.setdefault((tape, time_ns // DAY_NS), len(numbers))

        exposure: list[tuple[int, float]] = []
        outcomes: list[Outcome] = []
        days: list[int] = []
        false: list[int] = []
        for one in matched:
            watch = one.watch
            for first_ns, last_ns in _by_day(watch.from_ns, watch.to_ns):
                share = len(watch.symbols) * (last_ns - first_ns) / DAY_NS
                exposure.append((day(watch.tape, first_ns), share))
            # What comes at the very end belongs to the last day that was watched.
            outcomes += one.outcomes
            onsets = (outcome.onset.onset_ns for outcome in one.outcomes)
            days += [day(watch.tape, min(onset_ns, watch.to_ns - 1)) for onset_ns in onsets]
            false += [
                day(watch.tape, min(judged.alarm.said_ns, watch.to_ns - 1))
                for judged in one.judged
                if judged.verdict.is_false
            ]
        self.count = len(numbers)
        self._symbol_days = np.zeros(self.count)
        np.add.at(self._symbol_days, [n for n, _ in exposure], [share for _, share in exposure])
        self._false = np.bincount(np.array(false, np.int64), minlength=self.count)
        self._day = np.array(days, np.int64)
        self._waited_s, self._told = waits_of(outcomes)
        looked_s = np.array([one.looked_ns for one in outcomes], np.float64) / SECOND_NS
        asked = looked_s >= _NAMED_S
        hit = asked & self._told & (self._waited_s <= _NAMED_S)
        self._asked = np.bincount(self._day[asked], minlength=self.count)
        self._hit = np.bincount(self._day[hit], minlength=self.count)

    def recall(self, drawn: NDArray[np.int64]) -> float | None:
        """Tell the recall within 60 s of the days drawn."""
        asked = int(drawn @ self._asked)
        return int(drawn @ self._hit) / asked if asked else None

    def false_per_day(self, drawn: NDArray[np.int64]) -> float | None:
        """Count false alarms per symbol-day of the days drawn."""
        return float(drawn @ self._false) / float(drawn @ self._symbol_days)

    def median_s(self, drawn: NDArray[np.int64]) -> float | None:
        """Tell the median delay of the days drawn; infinite if it was not reached."""
        weights = drawn[self._day]
        if not weights.any():
            return None
        median_s = Survival.of(self._waited_s, self._told, weights).quantile(0.5)
        return math.inf if median_s is None else median_s


def _by_day(from_ns: int, to_ns: int) -> Iterable[tuple[int, int]]:
    """Part a stretch of time at midnight UTC."""
    while from_ns < to_ns:
        until_ns = min(to_ns, (from_ns // DAY_NS + 1) * DAY_NS)
        yield from_ns, until_ns
        from_ns = until_ns


def _again(
    days: int, seed: int, draws: int, level: float
) -> Callable[[Callable[[NDArray[np.int64]], float | None]], Interval | None]:
    def interval(statistic: Callable[[NDArray[np.int64]], float | None]) -> Interval | None:
        if not draws:
            return None
        return bootstrap_by_day(days, statistic, seed=seed, draws=draws, level=level)

    return interval


def _finite(found: Interval | None) -> DelayInterval | None:
    if found is None:
        return None
    low_s, high_s = (None if math.isinf(end) else end for end in (found.low, found.high))
    return DelayInterval(low_s, high_s, found.level)


def _seconds(seconds: float | None, otherwise: str = "not known") -> str:
    return otherwise if seconds is None else f"{seconds:.3g} s"


def _many(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
