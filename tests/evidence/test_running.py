"""Running detectors over a stream: what is an alarm, and when it was said."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.detection.episode import Phase
from airpocket.errors import InputError
from airpocket.evidence.running import known_ns, run, watched
from airpocket.evidence.watch import Alarm
from airpocket.market.events import Event, Mark
from airpocket.units import SECOND_NS
from tests.detection import made as records
from tests.evidence.made import alarm, at_ns, onset


class Scripted:
    """Is in the phase that the script says after each event."""

    def __init__(self, phases: Iterable[str], symbol: str = "A") -> None:
        self._phases = iter(phases)
        self._symbol = symbol
        self._now = "calm"

    def update(self, event: Event, /) -> None:
        self._now = next(self._phases)

    def phase(self, symbol: str, /) -> str:
        return self._now if symbol == self._symbol else "calm"


def marks(times_s: Iterable[float | None], **more: Any) -> list[Event]:
    return [
        Mark(
            venue="okx", symbol="A", raw_symbol="A", mark_price=1.0,
            venue_ns=None if at_s is None else at_ns(at_s), **more,
        )
        for at_s in times_s
    ]  # fmt: skip


def said(phases: list[str], symbol: str = "A") -> list[int]:
    ran = run(Scripted(phases, symbol), marks(range(len(phases))), ["A"])
    return [(one.said_ns - at_ns(0)) // SECOND_NS for one in ran.alarms]


def test_an_alarm_is_the_beginning_of_an_episode() -> None:
    wave = ["calm", "building", "cascade", "cascade", "exhausted", "cascade", "snapback", "settled"]
    assert said(wave) == [2]
    assert said([*wave, "cascade"]) == [2, 8]
    assert said(["cascade", "unknown", "cascade"]) == [0]
    assert said(["cascade", "building", "cascade"]) == [0, 2]
    assert said(["unknown", "cascade"], "*") == [1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([str(phase) for phase in Phase]), max_size=30))
def test_no_two_alarms_without_an_end_between(phases: list[str]) -> None:
    alarms = said(["calm", *phases])
    ends = {"calm", "building", "settled"}
    for first, second in pairwise(alarms):
        assert ends & set(["calm", *phases][first:second])
    assert ("cascade" in phases) == bool(alarms)


def test_time_is_that_of_receipt_and_never_goes_back() -> None:
    late = marks([0], local_ns=at_ns(7)) + marks([9]) + marks([3]) + marks([None])
    ran = run(Scripted(["calm", "calm", "cascade", "calm"]), late, ["A"])
    assert ran.alarms == (alarm(9),)
    assert (ran.from_ns, ran.to_ns, ran.events) == (at_ns(7), at_ns(9), 3)


def test_a_bin_is_known_at_its_end_and_a_hole_when_it_begins() -> None:
    assert known_ns(records.bar(5, [1.0])) == records.at_ns(6)
    assert known_ns(records.forced(5, [1.0], width_s=60)) == records.at_ns(65)
    assert known_ns(records.gap(5)) == records.at_ns(5)
    assert known_ns(marks([None])[0]) is None


def test_a_stream_without_time_and_a_phase_that_is_none_are_refused() -> None:
    with pytest.raises(InputError, match="no time"):
        run(Scripted(["cascade"]), marks([None]), ["A"])
    with pytest.raises(InputError, match=r"Scripted is in phase 'panic'.*cascade"):
        run(Scripted(["panic"]), marks([1]), ["A"])


def test_what_was_said_is_laid_beside_the_truth() -> None:
    ran = run(Scripted(["cascade", "calm", "cascade", "calm"]), marks([0, 5, 60, 90]), ["A"])
    assert [one.said_ns for one in ran.alarms] == [at_ns(0), at_ns(60)]
    one = watched(ran, "tape", [onset(55), onset(91)], warm_up_ns=10 * SECOND_NS)
    assert (one.from_ns, one.to_ns) == (at_ns(10), at_ns(90))
    assert one.onsets == (onset(55),)  # what came after the last event, nobody could see
    assert one.alarms == (Alarm(symbol="A", said_ns=at_ns(60)),)
    with pytest.raises(InputError, match="warm-up"):
        watched(ran, "tape", [], warm_up_ns=-1)
    with pytest.raises(InputError, match="no time"):
        watched(ran, "tape", [], warm_up_ns=90 * SECOND_NS)
    with pytest.raises(InputError, match="onset of B"):
        watched(ran, "tape", [onset(5, "B")])
