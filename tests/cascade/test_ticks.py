"""Chains in integers: exact, also where floats are not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.ticks import settle_ticks
from airpocket.errors import InputError
from tests.cascade.plain import CASES, Case, by_ticks, columns, plain

_BIG = 1 << 52


@settings(max_examples=150, database=None)
@given(CASES)
def test_it_is_its_plain_twin(case: Case) -> None:
    assert by_ticks(case) == plain(case)


@settings(max_examples=60, database=None)
@given(CASES, st.integers(0, 6))
def test_no_lot_is_lost_in_sums_beyond_what_floats_hold(case: Case, odd: int) -> None:
    large = Case(
        tuple((ticks, lots * _BIG + odd) for ticks, lots in case.levels),
        tuple((ticks, lots * _BIG + 1) for ticks, lots in case.book),
        case.move,
        case.order * _BIG,
    )
    assert by_ticks(large) == plain(large)


def test_waves_and_ends_by_hand() -> None:
    levels = np.array([10, 12, 40]), np.array([5, 5, 9])
    book = np.array([5, 10, 100]), np.array([2, 3, 8])
    settled = settle_ticks(*levels, *book, shock_ticks=10)
    assert settled.wave_ticks.tolist() == [10, 12, 13]
    assert (settled.fall_ticks, settled.forced_lots, settled.levels) == (13, 10, 2)
    assert settled.is_at_rest
    assert not settled.is_book_empty
    cut = settle_ticks(*levels, *book, shock_ticks=10, rounds_most=1)
    assert (cut.fall_ticks, cut.is_at_rest) == (12, False)
    floor = settle_ticks(*levels, *book, shock_ticks=10, farthest_ticks=11)
    assert (floor.fall_ticks, floor.forced_lots) == (11, 5)
    empty = settle_ticks(*levels, *book, shock_ticks=40, order_lots=82)
    assert (empty.fall_ticks, empty.is_book_empty) == (48, True)
    deep = settle_ticks(*levels, book[0][:0], book[1][:0], shock_ticks=40)
    assert (deep.fall_ticks, deep.is_book_empty) == (40, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: [c[0].astype(float), *c[1:]], "64-bit integers"),
        (lambda c: [c[0][:1], *c[1:]], "differ in length"),
        (lambda c: [*c[:3], c[3][:1]], "differ in length"),
        (lambda c: [c[0][::-1], *c[1:]], "not ordered"),
        (lambda c: [c[0], -c[1], *c[2:]], "below 0"),
        (lambda c: [*c[:2], c[2][::-1], c[3]], "does not ascend"),
        (lambda c: [*c[:3], c[3] * 0], "does not ascend"),
    ],
)
def test_bad_columns_are_refused(
    change: Callable[[list[np.ndarray]], list[np.ndarray]], said: str
) -> None:
    case = list(columns(Case(((3, 1), (5, 1)), ((1, 2), (2, 2)), 1)))
    with pytest.raises(InputError, match=said):
        settle_ticks(*change(case))
    with pytest.raises(InputError, match="shock of -1: give 0 or more"):
        settle_ticks(*case, shock_ticks=-1)
    with pytest.raises(InputError, match="order of -1: give 0 or more"):
        settle_ticks(*case, order_lots=-1)
