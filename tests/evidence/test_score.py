"""Scores: a figure with its N, the same in any order, best for the perfect detector."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence import score as scoring
from airpocket.evidence.intervals import poisson_interval
from airpocket.evidence.matching import Rule, match
from airpocket.evidence.score import Score, grade, lines_of
from airpocket.evidence.watch import Watch
from airpocket.units import DAY_NS
from tests.evidence.made import at_ns, by_chance, onset, verdicts, watch, watches

DAY_S = 86_400


def named(tapes: list[Watch]) -> list[Watch]:
    return [msgspec.structs.replace(one, tape=f"t{n}") for n, one in enumerate(tapes)]


def test_by_hand() -> None:
    first = watch([1000, 5000, onset(DAY_S + 9000, end_s=DAY_S + 9400)],
                  [900, 1007, 1080, 5050, DAY_S + 9300, DAY_S + 50_000], to_s=2 * DAY_S)  # fmt: skip
    quiet = watch([], [], tape="b", from_s=0, to_s=DAY_S / 2)
    score = grade("mine", [first, quiet])
    assert (score.tapes, score.days, score.symbol_days) == (2, 3, 2.5)
    assert (score.events, score.hits) == (3, 2)
    assert [(one.within_s, one.hits, one.events) for one in score.recall] == [
        (10, 1, 3), (30, 1, 3), (60, 2, 3), (120, 2, 3),
    ]  # fmt: skip
    assert (score.delays.median_s, score.delays.p90_s, score.delays.misses) == (50.0, None, 1)
    assert (score.alarms, score.duplicates, score.folded) == (6, 1, 0)
    assert (score.false_alarms, score.early, score.late) == (3, 1, 1)
    assert score.false_per_day == pytest.approx(1.2)
    assert score.false_interval == poisson_interval(3, 2.5)
    assert score.recall_by_day is not None
    assert score.false_by_day is not None
    assert score.recall_by_day.low <= 2 / 3 <= score.recall_by_day.high
    assert score.false_by_day.low <= 1.2 <= score.false_by_day.high
    assert score.recall_at(60).share == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="there is 10, 30, 60, 120 s"):
        score.recall_at(90)


def test_every_line_says_of_how_many() -> None:
    lines = lines_of(grade("mine", [watch([1000, 5000], [1007, 9000])]))
    share = "50.0% (1 of 2; 95%: 1.3% to 98.7%)"
    assert lines[0].startswith("mine: 2 events on 1 tape, 1 day, 1 symbol-days; an alarm counts")
    assert lines[0].endswith("within 120 s of the onset, dead time 60 s")
    assert lines[1:5] == tuple(f"recall within {within} s: {share}" for within in (10, 30, 60, 120))
    assert lines[5] == (
        "delay: median 7 s, 90 % beyond 120 s (2 events, 1 without an alarm, censored)"
    )
    assert lines[6].startswith("false alarms per symbol-day: 1 (1 on 1; 95%: 0.0253 to 5.57);")
    assert lines[6].endswith("of them early 0, late 0, repeated 0")
    assert lines[7].startswith("of 2 alarms: 0 duplicates ignored, 0 within events not asked for;")
    assert len(lines) == 8
    nothing = lines_of(grade("mine", [watch([], [])]))
    assert nothing[1] == "recall within 10 s: not known (0 of 0; 95%: 0.0% to 100.0%)"
    assert "median beyond not known" in nothing[5]


def test_a_score_is_plain_data() -> None:
    score = grade("mine", [watch([1000, DAY_S + 5], [1007, 9000], to_s=2 * DAY_S)])
    told = json.loads(msgspec.json.encode(score))
    assert told["events"] == 2
    assert told["delays"]["p90_s"] is None
    assert told["median_by_day"]["high_s"] is None  # a draw of the second day alone: no alarm
    assert msgspec.json.decode(msgspec.json.encode(score), type=Score) == score


@settings(deadline=None, max_examples=25)
@given(st.lists(watches(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_tapes_makes_no_difference(tapes: list[Watch], random: Any) -> None:
    tapes = named(tapes)
    score = grade("mine", tapes, draws=20)
    random.shuffle(tapes)
    assert grade("mine", tapes, draws=20) == score
    parts = [grade("mine", [one], draws=0) for one in tapes]
    for name in ("events", "hits", "alarms", "folded", "false_alarms", "early", "late", "apart"):
        assert getattr(score, name) == sum(getattr(part, name) for part in parts)


@settings(deadline=None, max_examples=25)
@given(st.lists(watches(), min_size=1, max_size=4), st.integers(-9000, 9000))
def test_a_shift_of_whole_days_makes_no_difference(tapes: list[Watch], days: int) -> None:
    moved = [
        msgspec.structs.replace(
            one, from_ns=one.from_ns + days * DAY_NS, to_ns=one.to_ns + days * DAY_NS,
            onsets=tuple(
                msgspec.structs.replace(
                    event, onset_ns=event.onset_ns + days * DAY_NS,
                    end_ns=None if event.end_ns is None else event.end_ns + days * DAY_NS,
                )
                for event in one.onsets
            ),
            alarms=tuple(
                msgspec.structs.replace(said, said_ns=said.said_ns + days * DAY_NS)
                for said in one.alarms
            ),
        )
        for one in tapes
    ]  # fmt: skip
    assert grade("mine", named(moved), draws=20) == grade("mine", named(tapes), draws=20)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(121, 900), min_size=1, max_size=6))
def test_the_perfect_detector_scores_one(gaps_s: list[int]) -> None:
    times_s = np.cumsum(gaps_s).tolist()
    score = grade("perfect", [watch(times_s, times_s)])
    assert [one.share for one in score.recall] == [1.0] * 4
    assert (score.delays.median_s, score.delays.p90_s, score.false_alarms) == (0.0, 0.0, 0)
    # and none is better: silence recalls nothing
    silent = grade("silent", [watch(times_s, [])])
    assert [one.share for one in silent.recall] == [0.0] * 4
    assert silent.delays.median_s is None


def test_sums_of_days_are_sums_of_tapes() -> None:
    """All days drawn once give the figures themselves; a planted day that is lost does not."""
    tapes = named(list(by_chance(12)))
    matched = [match(one, Rule()) for one in tapes]
    days = scoring._Days(matched)
    once = np.ones(days.count, np.int64)
    score = grade("mine", tapes, draws=0)
    assert days.count == score.days == 12
    assert days.recall(once) == score.recall_at(60).share
    assert days.false_per_day(once) == pytest.approx(score.false_per_day)
    assert days.median_s(once) == score.delays.median_s
    once[np.argmax([verdicts(one).count("hit") for one in matched])] = 0
    assert days.recall(once) != score.recall_at(60).share


def test_days_part_at_midnight_and_by_tape() -> None:
    late = watch([], [], from_s=DAY_S / 2, to_s=2.5 * DAY_S)
    other = msgspec.structs.replace(late, tape="b")
    assert grade("mine", [late], draws=0).days == 3
    assert grade("mine", [late, other], draws=0).days == 6
    until_midnight = watch([onset(DAY_S)], [DAY_S], to_s=DAY_S)
    assert grade("mine", [until_midnight], draws=0).days == 1


def test_a_shorter_window_asks_for_no_more() -> None:
    rule = Rule(window_ns=30 * 10**9)
    assert [one.within_s for one in grade("mine", [watch([5], [7])], rule).recall] == [10, 30]


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(InputError, match="nothing was watched"):
        grade("mine", [])
    one = watch([], [], to_s=100)
    with pytest.raises(InputError, match="tape a: the same time is given twice"):
        grade("mine", [one, one])
    after = msgspec.structs.replace(one, from_ns=at_ns(100), to_ns=at_ns(200))
    assert grade("mine", [one, after]).tapes == 1
    assert grade("mine", [one, msgspec.structs.replace(one, symbols=("B",))]).tapes == 1
