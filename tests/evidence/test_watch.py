"""Truth and alarms of one tape: what is refused, and what falls together."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence.watch import as_market, clustered
from airpocket.units import SECOND_NS
from tests.evidence.made import alarm, at_ns, onset, watch, watches


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"to_ns": at_ns(0)}, "no time"),
        ({"symbols": ()}, "each once"),
        ({"symbols": ("A", "A")}, "each once"),
        ({"onsets": (onset(5, "Z"),)}, "onset of Z"),
        ({"onsets": (onset(101),)}, "after the watched time"),
        ({"onsets": (onset(5, end_s=4),)}, "ends before it begins"),
        ({"alarms": (alarm(5, "Z"),)}, "alarm for Z"),
        ({"alarms": (alarm(-1),)}, "outside the watched time"),
        ({"alarms": (alarm(101),)}, "outside the watched time"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], says: str) -> None:
    good = watch([5], [7], to_s=100)
    with pytest.raises(InputError, match=f"tape a: .*{says}"):
        msgspec.structs.replace(good, **change)


def test_symbol_days() -> None:
    assert watch([], [], symbols=("A", "B"), to_s=43_200).symbol_days == 1.0


def test_onsets_that_follow_each_other_are_one_event() -> None:
    many = [
        onset(300, move=-0.01), onset(100, end_s=110, move=-0.02, forced_usd=5.0),
        onset(150, end_s=400, move=0.01, forced_usd=7.0), onset(120, "B"),
    ]  # fmt: skip
    first, other, last = clustered(many, 60 * SECOND_NS)
    assert (first.onset_ns, first.end_ns) == (at_ns(100), at_ns(400))
    assert (first.move, first.forced_usd) == (-0.02, 12.0)
    assert other == onset(120, "B")
    assert last == onset(300, move=-0.01)


@settings(deadline=None, max_examples=60)
@given(watches(), st.integers(0, 300))
def test_clusters_lie_further_apart_than_they_reach(one: Any, within_s: int) -> None:
    whole = clustered(one.onsets, within_s * SECOND_NS)
    assert clustered(reversed(one.onsets), within_s * SECOND_NS) == whole
    for symbol in one.symbols:
        starts = [event.onset_ns for event in whole if event.symbol == symbol]
        members = sorted(event.onset_ns for event in one.onsets if event.symbol == symbol)
        # An onset begins an event exactly if none lies within reach before it.
        assert starts == [
            at
            for number, at in enumerate(members)
            if number == 0 or at - members[number - 1] > within_s * SECOND_NS
        ]


def test_a_market_that_falls_together_is_one_event() -> None:
    both = watch(
        [onset(100, "A"), onset(103, "B")], [alarm(110, "A"), alarm(110, "B"), alarm(115, "*")],
        symbols=("A", "B"),
    )  # fmt: skip
    market = as_market(both, 10 * SECOND_NS)
    assert market.symbols == ("*",)
    assert [event.onset_ns for event in market.onsets] == [at_ns(100)]
    assert [said.said_ns for said in market.alarms] == [at_ns(110), at_ns(115)]
    assert market.symbol_days == both.symbol_days / 2
