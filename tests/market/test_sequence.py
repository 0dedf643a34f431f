"""How updates follow each other, by the words of the venues' documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.sequence import SequenceRule
from tests.market.books import change

_IDS = st.one_of(st.none(), st.integers(0, 20))


@pytest.mark.parametrize(
    ("first", "last", "previous", "joins"),
    [
        (90, 110, 80, True),  # U <= lastUpdateId <= u
        (100, 110, 99, True),
        (90, 100, 80, True),
        (105, 110, 100, True),  # pu names the snapshot itself
        (105, 110, 95, True),  # the snapshot lies in the hole of numbers before U
        (90, 99, 80, False),  # u < lastUpdateId: the snapshot holds it
        (105, 110, 101, False),  # one is missing between the snapshot and this
    ],
)
def test_the_first_linked_update_covers_the_number_of_the_snapshot(
    *, first: int, last: int, previous: int, joins: bool
) -> None:
    update = change(last, first=first, previous=previous)
    assert SequenceRule.LINKED.joins(update, 100, after_snapshot=True) is joins


def test_a_later_linked_update_names_the_one_before_even_where_numbers_begin_anew() -> None:
    rule = SequenceRule.LINKED
    assert rule.joins(change(7, previous=100), 100, after_snapshot=False)
    assert rule.joins(change(100, previous=100), 100, after_snapshot=False)  # OKX: nothing new
    assert not rule.joins(change(110, previous=99), 100, after_snapshot=False)
    assert not rule.joins(change(110, first=90), 100, after_snapshot=False)


def test_counted_updates_begin_one_above_the_last() -> None:
    rule = SequenceRule.COUNTED
    assert rule.joins(change(101), 100, after_snapshot=False)
    assert rule.joins(change(105, first=101), 100, after_snapshot=False)
    assert not rule.joins(change(102), 100, after_snapshot=False)
    assert not rule.joins(change(105, first=99), 100, after_snapshot=False)
    assert rule.joins(change(105, first=99), 100, after_snapshot=True)
    assert not rule.joins(change(100, first=99), 100, after_snapshot=True)


@given(first=_IDS, last=_IDS, previous=_IDS, seen=st.integers(0, 20), after_snapshot=st.booleans())
def test_without_numbers_nothing_can_be_missing_and_with_them_a_number_is_needed(
    *, first: int | None, last: int | None, previous: int | None, seen: int, after_snapshot: bool
) -> None:
    update = change(last, first=first, previous=previous)
    assert SequenceRule.UNNUMBERED.joins(update, seen, after_snapshot=after_snapshot)
    if last is None:
        assert not SequenceRule.LINKED.joins(update, seen, after_snapshot=after_snapshot)
        assert not SequenceRule.COUNTED.joins(update, seen, after_snapshot=after_snapshot)
    for rule in SequenceRule:
        if rule.joins(update, seen, after_snapshot=False):
            assert rule.joins(update, seen, after_snapshot=True)
