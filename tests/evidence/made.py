"""Tapes made by hand and by chance, and laws that any way of matching must keep."""

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from airpocket.evidence.matching import Matched, Rule, Verdict
from airpocket.evidence.watch import Alarm, Onset, Watch
from airpocket.units import DAY_NS, SECOND_NS, ns_from_iso

START_NS = ns_from_iso("2026-03-01T00:00:00Z")
LONG_S = 4000
NAMES = ("A", "B")


def at_ns(at_s: float) -> int:
    return START_NS + round(at_s * SECOND_NS)


def onset(at_s: float, symbol: str = "A", end_s: float | None = None, **more: float) -> Onset:
    end_ns = None if end_s is None else at_ns(end_s)
    return Onset(symbol=symbol, onset_ns=at_ns(at_s), end_ns=end_ns, **more)


def alarm(at_s: float, symbol: str = "A") -> Alarm:
    return Alarm(symbol=symbol, said_ns=at_ns(at_s))


def watch(
    onsets_s: Sequence[float | Onset],
    alarms_s: Sequence[float | Alarm],
    *,
    tape: str = "a",
    symbols: tuple[str, ...] = ("A",),
    from_s: float = 0,
    to_s: float = DAY_NS // SECOND_NS,
) -> Watch:
    return Watch(
        tape=tape, from_ns=at_ns(from_s), to_ns=at_ns(to_s), symbols=symbols,
        onsets=tuple(one if isinstance(one, Onset) else onset(one) for one in onsets_s),
        alarms=tuple(one if isinstance(one, Alarm) else alarm(one) for one in alarms_s),
    )  # fmt: skip


def verdicts(matched: Matched) -> list[str]:
    return [one.verdict.value for one in matched.judged]


_TIMES_S = st.integers(0, LONG_S)


@st.composite
def watches(draw: st.DrawFn) -> Watch:
    """Two symbols, events and alarms close enough to meet."""
    onsets = draw(st.lists(st.tuples(st.sampled_from(NAMES), _TIMES_S, st.integers(0, 500))))
    alarms = draw(st.lists(st.tuples(st.sampled_from((*NAMES, "*")), _TIMES_S), max_size=20))
    return watch(
        [onset(at_s, name, at_s + lasts_s) for name, at_s, lasts_s in onsets],
        [alarm(at_s, name) for name, at_s in alarms],
        symbols=NAMES, to_s=LONG_S,
    )  # fmt: skip


def by_chance(count: int, seed: int = 0) -> Iterator[Watch]:
    """The same without hypothesis: what a planted bug must trip over."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        onsets = rng.integers(0, LONG_S, rng.integers(1, 8)).tolist()
        near = [at_s + d for at_s in onsets for d in rng.integers(-150, 250, 2).tolist()]
        alarms = [min(max(at_s, 0), LONG_S) for at_s in near]
        yield watch(
            [onset(at_s, end_s=at_s + int(rng.integers(0, 500))) for at_s in onsets],
            alarms, to_s=LONG_S,
        )  # fmt: skip


def is_one_to_one(matched: Matched, rule: Rule) -> bool:
    """Each credited alarm has one onset, each credited onset one alarm, in its window."""
    hits = [one for one in matched.judged if one.verdict is Verdict.HIT]
    credited = sorted((one.alarm.symbol, one.alarm.said_ns) for one in hits)
    told = [one for one in matched.outcomes if one.delay_ns is not None]
    return (
        len(set(credited)) == len(credited)
        and credited == sorted((o.onset.symbol, o.onset.onset_ns + (o.delay_ns or 0)) for o in told)
        and all(0 <= (one.delay_ns or 0) <= rule.window_ns for one in told)
    )


def most_that_can_be_credited(matched: Matched, rule: Rule) -> int:
    """Largest matching there is of standing alarms and onsets, by augmenting paths."""
    standing = [one.alarm for one in matched.judged if one.verdict is not Verdict.FOLDED]
    onsets = [one.onset for one in matched.outcomes]
    holder: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        event = onsets[number]
        for index, said in enumerate(standing):
            late_ns = said.said_ns - event.onset_ns
            fits = said.symbol == event.symbol and 0 <= late_ns <= rule.window_ns
            if fits and index not in tried:
                tried.add(index)
                if index not in holder or place(holder[index], tried):
                    holder[index] = number
                    return True
        return False

    return sum(place(number, set()) for number in range(len(onsets)))


def credits_all_it_can(matched: Matched, rule: Rule) -> bool:
    return matched.count(Verdict.HIT) == most_that_can_be_credited(matched, rule)


def accounts_for_all(matched: Matched) -> bool:
    """Every alarm has one verdict; one of the market has one for each symbol."""
    symbols = matched.watch.symbols
    expected = sorted(
        (name, one.said_ns)
        for one in matched.watch.alarms
        for name in (symbols if one.symbol == "*" else (one.symbol,))
    )
    return expected == sorted((one.alarm.symbol, one.alarm.said_ns) for one in matched.judged)
