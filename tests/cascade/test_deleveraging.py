"""Auto-deleveraging: what every allocation must hold, and what queues overshoot by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.cascade import paying_kernels
from airpocket.cascade.deleveraging import (
    DeleveragingRule,
    Round,
    Winners,
    allocate,
    queue_score,
    winners_of,
)
from airpocket.errors import InputError

_RULES = st.sampled_from(list(DeleveragingRule))
_ROWS = st.lists(
    st.tuples(st.integers(0, 10**4), st.integers(0, 10**9), st.floats(-5, 50)),
    min_size=1,
    max_size=20,
)
_MANY = settings(max_examples=60, deadline=None, database=None)


def _winners(rows: list[tuple[int, int, float]]) -> Winners:
    lots, value, score = (list(column) for column in zip(*rows, strict=True))
    return Winners(np.array(lots, np.int64), np.array(value, np.int64), np.array(score))


@_MANY
@given(_ROWS, st.floats(0, 1.3), st.integers(0, 1_000_000), _RULES)
def test_laws_of_a_round(
    rows: list[tuple[int, int, float]], share: float, severity: int, rule: DeleveragingRule
) -> None:
    winners = _winners(rows)
    capacity = int(winners.capacity.sum())
    deficit = round(share * capacity)
    done = allocate(winners, deficit, rule, severity_ppm=severity)
    worth = done.lots * winners.value
    assert ((done.lots >= 0) & (done.lots <= winners.lots)).all()
    assert (done.lots[winners.value == 0] == 0).all()  # no profit, nothing to lose
    assert int(worth.sum()) == done.taken
    assert done.taken >= min(done.budget, capacity)
    assert done.taken + done.uncovered == max(deficit, done.taken)
    last = winners.capacity if rule is DeleveragingRule.WHOLE_QUEUE else winners.value
    assert done.overshoot < max(int(last.max()), 1)
    if winners.lots.max() and capacity <= done.budget:
        assert done.taken == capacity


@_MANY
@given(_ROWS, st.floats(0, 1), st.sampled_from(["queue", "whole_queue"]))
def test_nobody_is_touched_before_a_higher_score_is_used_up(
    rows: list[tuple[int, int, float]], share: float, rule: str
) -> None:
    winners = _winners(rows)
    assert winners.score is not None
    done = allocate(winners, round(share * int(winners.capacity.sum())), DeleveragingRule(rule))
    assert _is_in_order(winners, done)


def _is_in_order(winners: Winners, done: Round) -> bool:
    assert winners.score is not None
    has = winners.value * winners.lots > 0
    touched, spared = has & (done.lots > 0), has & (done.lots < winners.lots)
    if not touched.any() or not spared.any():
        return True
    return bool(winners.score[touched].min() >= winners.score[spared].max())


def test_a_queue_from_the_wrong_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    winners = _winners([(10, 5, 3.0), (10, 5, 1.0), (10, 5, 2.0)])
    assert _is_in_order(winners, allocate(winners, 60, DeleveragingRule.QUEUE))
    right = paying_kernels.by_queue
    monkeypatch.setattr(
        paying_kernels, "by_queue", lambda order, *rest: right(order[::-1].copy(), *rest)
    )
    assert not _is_in_order(winners, allocate(winners, 60, DeleveragingRule.QUEUE))


@_MANY
@given(_ROWS, st.floats(0, 1))
def test_no_rule_touches_anyone_less_than_min_max(
    rows: list[tuple[int, int, float]], share: float
) -> None:
    winners = _winners(rows)
    capacity = int(winners.capacity.sum())
    deficit = round(share * capacity)
    best = allocate(winners, deficit, DeleveragingRule.MIN_MAX).largest_share
    for rule in DeleveragingRule:
        assert allocate(winners, deficit, rule).largest_share >= best - 1e-12 - 1 / max(capacity, 1)


@_MANY
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30), st.floats(0, 1))
def test_pro_rata_of_money_is_exact_and_even(profit: list[int], share: float) -> None:
    """Micro-dollars: the sum is the budget, and nobody is further than one from an even share."""
    winners = Winners(np.array(profit, np.int64))
    budget = round(share * sum(profit))
    done = allocate(winners, budget, DeleveragingRule.PRO_RATA)
    assert (done.taken, done.overshoot, done.uncovered) == (budget, 0, 0)
    for taken, one in zip(done.lots.tolist(), profit, strict=True):
        assert abs(taken * sum(profit) - budget * one) < max(sum(profit), 1)


def test_scores_and_winners_of_a_side() -> None:
    lots = np.array([10, -10, 4, -4, 0], np.int64)
    cost = np.array([1_000, -1_000, 480, -300, 0], np.int64)
    longs = winners_of(lots, cost, 110, 1, is_long=True)
    assert longs.capacity.tolist() == [100, 0, 0, 0, 0]
    shorts = winners_of(lots, cost, 70, 1, is_long=False)
    assert shorts.capacity.tolist() == [0, 300, 0, 20, 0]
    uneven = winners_of(np.array([3]), np.array([100]), 40, 1, is_long=True)
    assert uneven.capacity.tolist() == [18]  # of 20: never more than there is
    with pytest.raises(InputError, match="above 0"):
        queue_score(lots, np.zeros(5, np.int64), np.ones(5))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Winners(np.array([1.0])), "64-bit integers"),
        (lambda: Winners(np.array([1, -2])), "row 1 is -2"),
        (lambda: Winners(np.array([1]), np.array([1, 2])), "profit_per_lot"),
        (lambda: Winners(np.array([1 << 55, 1 << 55])), r"less than 2\*\*56"),
        (lambda: Winners(np.array([1]), score=np.array([np.nan])), "row 0 is not a number"),
        (lambda: Winners(np.array([1]), score=np.ones(2)), "one figure for each"),
        (lambda: allocate(Winners(np.array([1])), -1, DeleveragingRule.PRO_RATA), "deficit of -1"),
        (lambda: allocate(Winners(np.array([1])), 1, DeleveragingRule.QUEUE), "goes by scores"),
        (
            lambda: allocate(Winners(np.array([1])), 1, DeleveragingRule.MIN_MAX, severity_ppm=-1),
            "severity of -1",
        ),
        (
            lambda: winners_of(np.array([1 << 40]), np.array([0]), 1 << 30, 1, is_long=True),
            "61 bits",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(build: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build()  # type: ignore[operator]


def test_none_and_nothing() -> None:
    none = Winners(np.empty(0, np.int64), score=np.empty(0))
    for rule in DeleveragingRule:
        done = allocate(none, 7, rule)
        assert (done.taken, done.uncovered, done.touched, done.largest_share) == (0, 7, 0, 0.0)


_NEEDED_USD, _ROUNDS, _ACCOUNTS = 15.1e6, 16, 19_337


def _overshoot(seed: int, rule: DeleveragingRule, accounts: int = _ACCOUNTS) -> float:
    """Winners as on 10 October 2025: how many, and how concentrated (tail 0.8); 16 rounds.

    What is needed is that day's; how profits are spread over rounds, and leverage over accounts,
    is drawn. A winner that was closed has nothing left in the next round.
    """
    draw = np.random.default_rng(seed)
    notional = 1e3 * (1 + draw.pareto(0.8, accounts)).clip(max=1e5)
    profit = draw.lognormal(-0.7, 0.8, accounts)  # of the entry: median 50 %
    leverage = draw.lognormal(-1.6, 1.2, accounts)  # median 0.2
    value: NDArray[np.int64] = np.maximum(profit * 100 * 1e6, 1).astype(np.int64)  # lots of $100
    lots = np.maximum(notional / 100, 1).astype(np.int64)
    needed = draw.lognormal(0.0, 1.0, _ROUNDS)
    needed *= _NEEDED_USD * 1e6 / needed.sum()
    taken = 0
    for budget in needed.astype(np.int64).tolist():
        done = allocate(Winners(lots, value, profit * leverage), budget, rule)
        lots = lots - done.lots
        taken += done.taken
        assert done.uncovered == 0
    return taken / int(needed.astype(np.int64).sum())


def test_b22_overshoot_of_queues_and_of_shares() -> None:
    """Published for a queue of whole positions: 60.1 taken of 15.1 needed, a ratio of 4.0.

    This is no fit: the ratio follows from the concentration, and one draw of it says little. Over
    150 seeds: median 2.2, quartiles 1.6 and 4.1, 5 to 95 % 1.3 to 9.6, mean 3.9; 48 % of the
    seeds lie in B22's 2 to 8. Rules that may close a part of a position stay within its 1.3.
    """
    whole = [_overshoot(seed, DeleveragingRule.WHOLE_QUEUE) for seed in range(16)]
    assert 1.05 < min(whole) < 60.1 / 15.1 < max(whole)
    for rule in (DeleveragingRule.PRO_RATA, DeleveragingRule.MIN_MAX, DeleveragingRule.QUEUE):
        assert 1.0 <= _overshoot(1, rule, 4_000) < 1.3
