"""Alarms and onsets, one to one: what is credited, what is false, and laws of it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence import matching
from airpocket.evidence.matching import Matched, Rule, Verdict, match
from airpocket.evidence.watch import Watch
from airpocket.units import SECOND_NS
from tests.evidence.made import (
    LONG_S,
    accounts_for_all,
    alarm,
    at_ns,
    by_chance,
    credits_all_it_can,
    is_one_to_one,
    onset,
    verdicts,
    watch,
    watches,
)

AWAKE = Rule(dead_ns=0)


def test_one_event_by_hand() -> None:
    # Early, credited, ignored once, false; then after its window, and far from everything.
    said = [1000 - 120, 1000 + 7, 1000 + 70, 1000 + 135, 1000 + 200, 1700]
    matched = match(watch([onset(1000, end_s=1150)], list(said)), Rule())
    assert verdicts(matched) == ["early", "hit", "duplicate", "repeated", "false", "false"]
    assert matched.judged[0].onset_ns == at_ns(1000)
    (outcome,) = matched.outcomes
    assert (outcome.delay_ns, outcome.looked_ns) == (7 * SECOND_NS, 120 * SECOND_NS)
    assert matched.false_alarms == 4


def test_the_window_holds_its_ends_and_no_more() -> None:
    for said, verdict in ((0, "hit"), (120, "hit"), (-1, "early"), (121, "false"), (-121, "false")):
        assert verdicts(match(watch([1000], [1000 + said]), Rule())) == [verdict]
    late = match(watch([onset(1000, end_s=1300)], [1121, 1301]), AWAKE)
    assert verdicts(late) == ["late", "false"]
    assert late.outcomes[0].delay_ns is None


def test_dead_time_folds_as_a_pager_does() -> None:
    # 0 stands, 40 is folded into it, 61 stands (40 did not start the clock anew).
    matched = match(watch([], [0, 40, 61, 61, 120.5, 121]), Rule())
    assert verdicts(matched) == ["false", "folded", "false", "folded", "folded", "false"]
    # An early alarm silences the one that would have been in time: that is what dead time costs.
    assert verdicts(match(watch([100], [95, 110]), Rule())) == ["early", "folded"]
    assert verdicts(match(watch([100], [95, 110]), AWAKE)) == ["early", "hit"]


def test_an_alarm_of_the_market_speaks_for_every_symbol() -> None:
    both = watch([onset(100, "A")], [alarm(105, "*")], symbols=("A", "B"))
    matched = match(both, Rule())
    assert [(one.alarm.symbol, one.verdict.value) for one in matched.judged] == [
        ("A", "hit"), ("B", "false"),
    ]  # fmt: skip
    # Said of the symbol and of the market: one alarm.
    twice = watch([onset(100, "A")], [alarm(105, "*"), alarm(105, "A")], symbols=("A",))
    assert verdicts(match(twice, AWAKE)) == ["hit", "folded"]


def test_events_not_asked_for_are_neither_credit_nor_blame() -> None:
    rule = Rule(least_move=0.02)
    small, large, unknown = onset(100, move=-0.01), onset(1000, move=0.03), onset(2000)
    matched = match(watch([small, large, unknown], [110, 1010, 2010, 3000]), rule)
    assert verdicts(matched) == ["apart", "hit", "hit", "false"]
    assert [one.onset for one in matched.outcomes] == [large, unknown]
    # An onset before the watched time explains an alarm after it.
    before = watch([onset(-30, end_s=300)], [20, 200, 290, 600])
    assert verdicts(match(before, Rule())) == ["apart", "duplicate", "repeated", "false"]
    untold = watch([onset(-30, end_s=300)], [200])
    assert verdicts(match(untold, Rule())) == ["apart"]


def test_what_was_left_of_the_watched_time() -> None:
    (outcome,) = match(watch([90], [], to_s=100), Rule()).outcomes
    assert (outcome.delay_ns, outcome.looked_ns) == (None, 10 * SECOND_NS)


@pytest.mark.parametrize(
    "change",
    [{"window_ns": 0}, {"dead_ns": -1}, {"early_ns": -1}, {"duplicates": -1}, {"least_move": 1.0}],
)
def test_a_rule_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change)).removesuffix("_ns")):
        Rule(**change)


# -- laws --------------------------------------------------------------------------------------

RULES = st.builds(
    Rule,
    window_ns=st.sampled_from([SECOND_NS, 60 * SECOND_NS, 120 * SECOND_NS]),
    dead_ns=st.sampled_from([0, 60 * SECOND_NS]),
    duplicates=st.integers(0, 2),
)


@settings(deadline=None, max_examples=150)
@given(watches(), RULES)
def test_one_to_one_as_many_as_can_be_and_all_accounted_for(one: Watch, rule: Rule) -> None:
    matched = match(one, rule)
    assert is_one_to_one(matched, rule)
    assert credits_all_it_can(matched, rule)
    assert accounts_for_all(matched)


@settings(deadline=None, max_examples=60)
@given(watches(), RULES, st.randoms(use_true_random=False))
def test_order_makes_no_difference(one: Watch, rule: Rule, random: Any) -> None:
    onsets, alarms, symbols = list(one.onsets), list(one.alarms), list(one.symbols)
    for shuffled in (onsets, alarms, symbols):
        random.shuffle(shuffled)
    again = msgspec.structs.replace(
        one, onsets=tuple(onsets), alarms=tuple(alarms), symbols=tuple(symbols)
    )
    assert told(match(again, rule)) == told(match(one, rule))


@settings(deadline=None, max_examples=60)
@given(watches(), RULES, st.integers(-(10**18) * 2, 10**18))
def test_a_shift_of_all_times_shifts_all_that_is_told(one: Watch, rule: Rule, by: int) -> None:
    moved = match(shifted(one, by), rule)
    assert moved == Matched(
        watch=shifted(one, by),
        outcomes=tuple(
            msgspec.structs.replace(outcome, onset=shifted_onset(outcome.onset, by))
            for outcome in match(one, rule).outcomes
        ),
        judged=moved.judged,
    )
    assert [(j.alarm.said_ns - by, j.verdict) for j in moved.judged] == [
        (j.alarm.said_ns, j.verdict) for j in match(one, rule).judged
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(121, 400), max_size=9), RULES)
def test_a_perfect_detector_is_credited_for_everything(gaps_s: list[int], rule: Rule) -> None:
    times_s = [sum(gaps_s[: n + 1]) for n in range(len(gaps_s))]
    matched = match(watch(list(times_s), list(times_s), to_s=LONG_S), rule)
    assert [outcome.delay_ns for outcome in matched.outcomes] == [0] * len(times_s)
    assert matched.false_alarms == 0
    assert set(verdicts(matched)) <= {"hit"}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 240), min_size=1, max_size=8), st.integers(1, 239), st.data())
def test_a_later_alarm_is_never_better(late_s: list[int], by_s: int, data: st.DataObject) -> None:
    # Events 500 s apart, an alarm for each: no alarm can turn into one for the next event.
    onsets_s = [500 * n for n in range(len(late_s))]
    which = data.draw(st.integers(0, len(late_s) - 1))
    later_s = [late + by_s * (n == which) for n, late in enumerate(late_s)]
    before, after = (
        match(watch(list(onsets_s), [o + late for o, late in zip(onsets_s, lates, strict=True)]),
              AWAKE)
        for lates in (late_s, later_s)
    )  # fmt: skip
    for first, second in zip(before.outcomes, after.outcomes, strict=True):
        if second.delay_ns is not None:
            assert first.delay_ns is not None
            assert first.delay_ns <= second.delay_ns
    assert before.false_alarms <= after.false_alarms


@settings(deadline=None, max_examples=60)
@given(watches(), st.integers(0, LONG_S))
def test_a_further_alarm_never_costs_credit_where_no_time_is_dead(one: Watch, at_s: int) -> None:
    more = msgspec.structs.replace(one, alarms=(*one.alarms, alarm(at_s)))
    before, after = match(one, AWAKE), match(more, AWAKE)
    assert after.count(Verdict.HIT) >= before.count(Verdict.HIT)


# -- planted bugs ------------------------------------------------------------------------------


def _credits_one_alarm_twice(
    times: list[int], free: list[bool], onset_ns: int, rule: Rule
) -> int | None:
    first = bisect_left(times, onset_ns)
    return first if first < bisect_right(times, onset_ns + rule.window_ns) else None


def _credits_what_came_before(
    times: list[int], free: list[bool], onset_ns: int, rule: Rule
) -> int | None:
    return _taking(times, free, onset_ns - rule.window_ns, onset_ns + rule.window_ns)


def _credits_without_end(
    times: list[int], free: list[bool], onset_ns: int, rule: Rule
) -> int | None:
    return _taking(times, free, onset_ns, times[-1] if times else 0)


def _credits_the_last(times: list[int], free: list[bool], onset_ns: int, rule: Rule) -> int | None:
    inside = range(bisect_left(times, onset_ns), bisect_right(times, onset_ns + rule.window_ns))
    for number in reversed(inside):
        if free[number]:
            free[number] = False
            return number
    return None


def _taking(times: list[int], free: list[bool], first_ns: int, last_ns: int) -> int | None:
    for number in range(bisect_left(times, first_ns), bisect_right(times, last_ns)):
        if free[number]:
            free[number] = False
            return number
    return None


@pytest.mark.parametrize(
    "planted",
    [
        _credits_one_alarm_twice, _credits_what_came_before, _credits_without_end,
        _credits_the_last,
    ],
)  # fmt: skip
def test_planted_ways_to_match_break_a_law(
    planted: Callable[..., int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeps_all() -> bool:
        found = [match(one, AWAKE) for one in by_chance(60)]
        return all(is_one_to_one(one, AWAKE) and credits_all_it_can(one, AWAKE) for one in found)

    assert keeps_all()
    monkeypatch.setattr(matching, "_first_free", planted)
    assert not keeps_all()


def test_a_planted_loss_of_folded_alarms_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = matching._fold
    monkeypatch.setattr(matching, "_fold", lambda said, dead_ns: (fold(said, dead_ns)[0], []))
    assert not all(accounts_for_all(match(one, Rule())) for one in by_chance(20))


def told(matched: Matched) -> Any:
    return matched.outcomes, matched.judged


def shifted_onset(event: Any, by: int) -> Any:
    end_ns = None if event.end_ns is None else event.end_ns + by
    return msgspec.structs.replace(event, onset_ns=event.onset_ns + by, end_ns=end_ns)


def shifted(one: Watch, by: int) -> Watch:
    return msgspec.structs.replace(
        one, from_ns=one.from_ns + by, to_ns=one.to_ns + by,
        onsets=tuple(shifted_onset(event, by) for event in one.onsets),
        alarms=tuple(
            msgspec.structs.replace(said, said_ns=said.said_ns + by) for said in one.alarms
        ),
    )  # fmt: skip
