"""Which alarm is credited to which true onset: one to one, in time, and what becomes of the rest.

An alarm counts for an onset of its symbol if it comes within ``[onset, onset + D]``. Before it, an
alarm is false (and listed apart as early); so is one that comes later (listed as late). Never is a
whole stretch of time credited because one alarm touched it: by such a rule a coin does well
(point-adjusted F1, science.md §6).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Final, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.evidence.watch import EVERYTHING, Alarm, Onset, Watch, onset_order
from airpocket.units import SECOND_NS

__all__ = [
    "Judged",
    "Matched",
    "Outcome",
    "Rule",
    "Verdict",
    "match",
]


class Rule(Struct, frozen=True, kw_only=True):
    """What is credited; fixed before anything is scored.

    Parameters
    ----------
    window_ns
        D: how long after its onset an event may be told of.
    dead_ns
        After an alarm, further ones of the same symbol are folded into it for so long, as a pager
        would do; the clock starts anew only with the next alarm that is not folded.
    early_ns
        An alarm at most so long before an onset is listed as early. It is false all the same.
    duplicates
        Alarms within an event beside the credited one that cost nothing; further ones are false.
    least_move
        Events with a smaller effect on the price (fraction) are set apart: not asked for, and an
        alarm for one is neither credited nor false, but counted.
    """

    window_ns: int = 120 * SECOND_NS
    dead_ns: int = 60 * SECOND_NS
    early_ns: int = 120 * SECOND_NS
    duplicates: int = 1
    least_move: float = 0.0

    def __post_init__(self) -> None:
        if self.window_ns <= 0:
            raise InputError(f"window of {self.window_ns} ns: it must be positive")
        for name in ("dead_ns", "early_ns", "duplicates"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} = {getattr(self, name)}: it cannot be negative")
        if not 0 <= self.least_move < 1:
            raise InputError(f"least_move = {self.least_move!r}: give a fraction, such as 0.02")


class Verdict(StrEnum):
    """What one alarm was."""

    HIT = "hit"
    APART = "apart"  # within an event that is not asked for
    DUPLICATE = "duplicate"  # within an event that was told of: ignored
    FOLDED = "folded"  # within the dead time of the alarm before: part of it
    EARLY = "early"  # false: shortly before an onset
    LATE = "late"  # false: within an event, after its window
    REPEATED = "repeated"  # false: within an event, beyond the duplicates that are ignored
    FALSE = "false"  # false: nothing was there

    @property
    def is_false(self) -> bool:
        """Tell whether it counts as a false alarm."""
        return self in {Verdict.EARLY, Verdict.LATE, Verdict.REPEATED, Verdict.FALSE}


class Judged(Struct, frozen=True, kw_only=True):
    """One alarm, of one symbol, with its verdict and the onset it belongs to, if any."""

    alarm: Alarm
    verdict: Verdict
    onset_ns: int | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """One onset that was asked for: its delay (``None``: no alarm), and how long one looked for it.

    ``looked_ns`` is D, or what was left of the watched time if that is less.
    """

    onset: Onset
    delay_ns: int | None
    looked_ns: int


class Matched(Struct, frozen=True, kw_only=True):
    """All onsets and alarms of one tape, each with what became of it, in order of time."""

    watch: Watch
    outcomes: tuple[Outcome, ...]
    judged: tuple[Judged, ...]

    def count(self, verdict: Verdict) -> int:
        """Alarms of one verdict."""
        return sum(1 for judged in self.judged if judged.verdict is verdict)

    @property
    def false_alarms(self) -> int:
        """Alarms that count as false."""
        return sum(1 for judged in self.judged if judged.verdict.is_false)


def match(watch: Watch, rule: Rule) -> Matched:
    """Credit alarms to onsets, one to one: the earliest alarm to the earliest onset in reach.

    With windows of one length this credits as many onsets as can be credited at all.

    Parameters
    ----------
    watch
        Truth and alarms of one tape, in any order.
    rule
        What is credited.

    Examples
    --------
    >>> s = 1_000_000_000
    >>> watch = Watch(tape="a", from_ns=0, to_ns=600 * s, symbols=("X",),
    ...               onsets=(Onset(symbol="X", onset_ns=100 * s),),
    ...               alarms=(Alarm(symbol="X", said_ns=107 * s),))
    >>> match(watch, Rule()).outcomes[0].delay_ns
    7000000000
    """
    outcomes: list[Outcome] = []
    judged: list[Judged] = []
    said: defaultdict[str, list[int]] = defaultdict(list)
    for alarm in watch.alarms:
        spoken_for = watch.symbols if alarm.symbol == EVERYTHING else (alarm.symbol,)
        for symbol in spoken_for:
            said[symbol].append(alarm.said_ns)
    truth: defaultdict[str, list[Onset]] = defaultdict(list)
    for onset in watch.onsets:
        truth[onset.symbol].append(onset)
    for symbol in sorted(watch.symbols):
        onsets = sorted(truth[symbol], key=onset_order)
        found, verdicts = _match_symbol(symbol, onsets, sorted(said[symbol]), watch, rule)
        outcomes += found
        judged += verdicts
    outcomes.sort(key=lambda outcome: onset_order(outcome.onset))
    judged.sort(key=lambda one: (one.alarm.said_ns, one.alarm.symbol))
    return Matched(watch=watch, outcomes=tuple(outcomes), judged=tuple(judged))


def _match_symbol(
    symbol: str, onsets: list[Onset], said: list[int], watch: Watch, rule: Rule
) -> tuple[list[Outcome], list[Judged]]:
    times, folded = _fold(said, rule.dead_ns)
    free = [True] * len(times)
    events = [_Event(onset, watch, rule) for onset in onsets]
    owner: dict[int, tuple[Verdict, int]] = {}  # alarm -> verdict, onset
    outcomes = []
    for event in sorted(events, key=lambda event: not event.is_asked):  # those apart get the rest
        found = _first_free(times, free, event.onset_ns, rule)
        event.is_told_of = found is not None
        if found is not None:
            owner[found] = (Verdict.HIT if event.is_asked else Verdict.APART, event.onset_ns)
        if event.is_asked:
            delay_ns = None if found is None else times[found] - event.onset_ns
            looked_ns = min(rule.window_ns, watch.to_ns - event.onset_ns)
            outcomes.append(Outcome(onset=event.onset, delay_ns=delay_ns, looked_ns=looked_ns))
    rest = _Rest(events, rule)
    judged = []
    for number, said_ns in enumerate(times):
        verdict, onset_ns = owner.get(number) or rest.judge(said_ns)
        alarm = Alarm(symbol=symbol, said_ns=said_ns)
        judged.append(Judged(alarm=alarm, verdict=verdict, onset_ns=onset_ns))
    for said_ns in folded:
        alarm = Alarm(symbol=symbol, said_ns=said_ns)
        judged.append(Judged(alarm=alarm, verdict=Verdict.FOLDED))
    return outcomes, judged


@final
class _Event:
    """An onset with what is known of it while alarms are judged."""

    def __init__(self, onset: Onset, watch: Watch, rule: Rule) -> None:
        is_large = onset.move is None or abs(onset.move) >= rule.least_move
        window_ends_ns = onset.onset_ns + rule.window_ns
        self.onset: Final = onset
        self.onset_ns: Final = onset.onset_ns
        self.is_asked: Final = is_large and onset.onset_ns >= watch.from_ns
        self.end_ns: Final = max(
            window_ends_ns, window_ends_ns if onset.end_ns is None else onset.end_ns
        )
        self.is_told_of = False
        self.ignored = 0


@final
class _Rest:
    """Judges alarms, in order of time, that are credited to no onset."""

    def __init__(self, events: Sequence[_Event], rule: Rule) -> None:
        self._events = events
        self._starts = [event.onset_ns for event in events]
        # When all events up to each one are over: nothing before need be looked at.
        self._over = list(accumulate((event.end_ns for event in events), max))
        self._asked = [event.onset_ns for event in events if event.is_asked]
        self._rule = rule

    def judge(self, said_ns: int) -> tuple[Verdict, int | None]:
        number = bisect_right(self._starts, said_ns) - 1
        while number >= 0 and self._over[number] >= said_ns:
            event = self._events[number]
            if event.end_ns >= said_ns:
                return self._within(event), event.onset_ns
            number -= 1
        ahead = bisect_left(self._asked, said_ns)
        if ahead < len(self._asked) and self._asked[ahead] - said_ns <= self._rule.early_ns:
            return Verdict.EARLY, self._asked[ahead]
        return Verdict.FALSE, None

    def _within(self, event: _Event) -> Verdict:
        if not event.is_told_of:
            return Verdict.LATE if event.is_asked else Verdict.APART
        event.ignored += 1
        is_ignored = event.ignored <= self._rule.duplicates
        return Verdict.DUPLICATE if is_ignored else Verdict.REPEATED


def _fold(said: Sequence[int], dead_ns: int) -> tuple[list[int], list[int]]:
    """Part alarms that stand from those within the dead time of one that stands."""
    stand: list[int] = []
    folded: list[int] = []
    for said_ns in said:
        if stand and (said_ns - stand[-1] < dead_ns or said_ns == stand[-1]):
            folded.append(said_ns)
        else:
            stand.append(said_ns)
    return stand, folded


def _first_free(times: list[int], free: list[bool], onset_ns: int, rule: Rule) -> int | None:
    """Take the first alarm within the window that nobody has."""
    last = bisect_right(times, onset_ns + rule.window_ns)
    for number in range(bisect_left(times, onset_ns), last):
        if free[number]:
            free[number] = False
            return number
    return None
