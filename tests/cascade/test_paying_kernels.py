"""Shares, deleveraging and bookings in whole numbers, against twins in Python's own integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.cascade.paying_kernels import (
    book_sides,
    by_min_max,
    by_pro_rata,
    by_queue,
    pay_funding,
    share_of,
)

_MANY = settings(max_examples=60, deadline=None, database=None)


def _ints(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


@_MANY
@given(st.integers(0, 2**62), st.integers(1, 2**50), st.data())
def test_a_share_is_exact_beyond_64_bits(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    assert tuple(map(int, share_of(amount, part, whole))) == divmod(amount * part, whole)


@_MANY
@given(st.integers(0, 2**56), st.integers(1, 2**56), st.data())
def test_a_share_of_large_totals_is_exact(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    assert tuple(map(int, share_of(amount, part, whole))) == divmod(amount * part, whole)


def test_a_share_in_floats_alone_would_be_wrong() -> None:
    amount, part, whole = 2**62 - 1, 2**50 - 3, 2**50 - 1
    right = amount * part // whole
    assert int(float(amount) * float(part) / float(whole)) != right
    assert int(share_of(amount, part, whole)[0]) == right


_WINNERS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=8
)


def _drawn(
    rows: list[tuple[int, int, int]], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    lots, value = _ints([row[0] for row in rows]), _ints([row[1] for row in rows])
    total = int((lots * value).sum())
    assume(total > 0)
    return lots, value, round(share * total), total


@_MANY
@given(_WINNERS, st.floats(0, 1), st.booleans())
def test_queue_is_its_twin(
    rows: list[tuple[int, int, int]],
    share: float,
    whole: bool,  # noqa: FBT001
) -> None:
    lots, value, budget, _total = _drawn(rows, share)
    order = np.argsort(_ints([row[2] for row in rows]), kind="stable")
    left, twin = budget, [0] * len(rows)
    for row in order.tolist():
        n, v = rows[row][:2]
        while left > 0 and v and twin[row] < n:
            twin[row], left = twin[row] + 1, left - v
        if whole and twin[row]:
            left -= (n - twin[row]) * v
            twin[row] = n
    assert by_queue(order, lots, value, budget, whole).tolist() == twin


@_MANY
@given(_WINNERS, st.floats(0, 1))
def test_pro_rata_is_its_twin(rows: list[tuple[int, int, int]], share: float) -> None:
    lots, value, budget, total = _drawn(rows, share)
    quota = [Fraction(budget * n, total) if v else Fraction(0) for n, v, _ in rows]
    twin = [int(one) for one in quota]
    left = budget - sum(n * v for n, (_, v, _) in zip(twin, rows, strict=True))
    for row in sorted(range(len(rows)), key=lambda i: (twin[i] - quota[i], i)):
        if left <= 0:
            break
        if rows[row][1]:
            twin[row], left = twin[row] + 1, left - rows[row][1]
    assert by_pro_rata(lots, value, budget, total).tolist() == twin


def _least_largest_share(lots: list[int], value: list[int], budget: int) -> Fraction:
    shares = sorted({Fraction(k, n) for n in lots if n for k in range(n + 1)} | {Fraction(0)})
    for share in shares:
        if sum(int(share * n) * v for n, v in zip(lots, value, strict=True)) >= budget:
            return share
    raise AssertionError


@_MANY
@given(_WINNERS, st.floats(0, 1))
def test_min_max_is_the_smallest_there_can_be(
    rows: list[tuple[int, int, int]], share: float
) -> None:
    lots, value, budget, total = _drawn(rows, share)
    taken = by_min_max(lots, value, budget, total)
    assert (taken >= 0).all()
    assert (taken <= lots).all()
    assert int((taken * value).sum()) >= budget
    largest = max((Fraction(int(k), int(n)) for k, n in zip(taken, lots, strict=True) if n))
    best = _least_largest_share(lots.tolist(), value.tolist(), budget)
    assert best <= largest <= best + Fraction(1, total)


@pytest.mark.parametrize("rule", [by_pro_rata, by_min_max])
def test_large_sums_are_shared_to_the_last_one(rule: object) -> None:
    generator = np.random.default_rng(5)
    lots = (generator.pareto(0.8, 5_000) * 1e8).clip(0, 2**40).astype(np.int64)
    total = int(lots.sum())
    budget = total // 7 + 3
    taken = rule(lots, np.ones_like(lots), budget, total)  # type: ignore[operator]
    assert int(taken.sum()) == budget
    exact = [budget * n // total for n in lots.tolist()]
    assert int((taken - _ints(exact)).min()) == 0


_SIDES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-40, 40).filter(bool), st.integers(0, 10**6)),
    max_size=25,
)


def _booked(sides: list[tuple[int, int, int]], unit: int) -> dict[int, tuple[int, int, int]]:
    books = dict.fromkeys(range(4), (0, 0, 0))
    for row, wanted, price in sides:
        (held, cost, realised), change = books[row], wanted
        while change:  # what closes first, then what opens
            if held * change < 0:
                closed = min(abs(change), abs(held))
                released = abs(cost) * closed // abs(held) * (1 if cost >= 0 else -1)
                sign = 1 if held > 0 else -1
                realised += sign * closed * price * unit - released
                cost, held, change = cost - released, held - sign * closed, change + sign * closed
            else:
                cost, held, change = cost + change * price * unit, held + change, 0
        books[row] = (held, cost, realised)
    return books


@_MANY
@given(_SIDES, st.integers(1, 10**6))
def test_bookings_are_their_twin_and_only_money_that_was_paid_moves(
    sides: list[tuple[int, int, int]], unit: int
) -> None:
    lots, cost, realised = (np.zeros(4, np.int64) for _ in range(3))
    columns = [_ints([side[i] for side in sides]) for i in range(3)]
    assert book_sides(lots, cost, realised, columns[0], columns[1], columns[2], unit) == len(sides)
    twin = _booked(sides, unit)
    for row in range(4):
        assert (int(lots[row]), int(cost[row]), int(realised[row])) == twin[row]
        paid = sum(change * price * unit for who, change, price in sides if who == row)
        assert int(cost[row]) - int(realised[row]) == paid
        assert int(cost[row]) * int(lots[row]) >= 0


def test_what_does_not_fit_is_not_booked() -> None:
    lots, cost, realised = (np.zeros(1, np.int64) for _ in range(3))
    rows, price = _ints([0, 0, 0]), _ints([10**6] * 3)
    assert book_sides(lots, cost, realised, rows, _ints([1, 2**40, 1]), price, 10**6) == 1
    assert (lots[0], cost[0]) == (1, 10**12)


@_MANY
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=20),
    st.integers(-(10**9) + 1, 10**9 - 1),
    st.integers(0, 10**12),
)
def test_funding_leaves_less_than_one_each(held: list[int], rate: int, mark: int) -> None:
    held.append(-sum(held))
    cash = np.zeros(len(held), np.int64)
    left = int(pay_funding(cash, _ints(held), mark, rate))
    assert -int(cash.sum()) == left
    assert 0 <= left < len(held)
    for lots, moved in zip(held, cash.tolist(), strict=True):
        assert -moved == -((-lots * mark * rate) // 10**9)
