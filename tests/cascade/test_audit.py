"""Conservation, exactly: any sequence of bookings leaves nothing over, and planted bugs are found.

Invariants I01 to I07 and I09, in integers, with no tolerance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade import paying_kernels
from airpocket.cascade.audit import audit
from airpocket.cascade.deleveraging import DeleveragingRule, Winners, allocate, winners_of
from airpocket.cascade.insurance import FundRule, InsuranceFund
from airpocket.cascade.ledger import FUND, Ledger
from airpocket.errors import InputError

_ACCOUNTS, _UNITS = 6, (1_000, 7)
_RULES = (None, FundRule(drawdown_ppm=300_000, recovered_ppm=250_000, window_ns=20))


def _pay_with_profit(ledger: Ledger, instrument: int, loser: int, mark: int, now: int) -> None:
    """A round of deleveraging by haircut: both sides' winners, pro rata, micro-dollar by micro."""
    lots, cost = ledger.lots[instrument], ledger.cost[instrument]
    profit = np.maximum(lots * (ledger.fund.units[instrument] * mark) - cost, 0)
    owed = ledger.owed_micro.get(loser, 0)
    done = allocate(Winners(profit), owed, DeleveragingRule.PRO_RATA)
    left = ledger.haircut(instrument, done.lots, loser, mark, now)
    assert left == owed - done.taken


def _close_winners(ledger: Ledger, instrument: int, loser: int, mark: int, now: int) -> None:
    """A round of deleveraging in contracts, at the mark, against the loser's whole position."""
    held = int((ledger.fund.lots if loser == FUND else ledger.lots[:, loser])[instrument])
    if held == 0:
        return
    lots, cost = ledger.lots[instrument], ledger.cost[instrument]
    unit = ledger.fund.units[instrument]
    winners = winners_of(lots, cost, mark, unit, is_long=held < 0)
    score = np.arange(_ACCOUNTS, dtype=np.float64)
    ranked = Winners(np.where(winners.value > 0, winners.lots, 0), score=score)
    done = allocate(ranked, abs(held), DeleveragingRule.QUEUE)
    before = ledger.realised.copy()
    ledger.deleverage(instrument, loser, done.lots, mark, now, is_by_rule=True)
    touched = done.lots > 0
    assert (ledger.realised[touched] >= before[touched]).all()  # I07: what is closed is profit


def _lose(ledger: Ledger, loser: int, mark: list[int], now: int) -> None:
    """What an account without positions lost: fund, winners of both instruments, bad debt."""
    if loser != FUND and (ledger.lots[:, loser].any() or ledger.wealth_micro(loser) >= 0):
        return
    ledger.settle_loss(loser, now)
    if ledger.owed_micro.get(loser):
        # I07: winners only once the fund is at the end of what its rule lets it pay.
        assert ledger.fund.payable_micro(now) == 0
    for i in range(2):
        if ledger.owed_micro.get(loser):
            _pay_with_profit(ledger, i, loser, mark[i], now)
    ledger.write_off(loser, now)
    if loser != FUND:
        assert ledger.wealth_micro(loser) == 0
    else:
        assert ledger.fund.shortfall_micro == 0


def _step(ledger: Ledger, what: str, one: int, other: int, size: int, price: int, now: int) -> None:
    i, mark = one % 2, [price, price + 3]
    held = int(ledger.lots[i, one])
    part = min(size, abs(held))
    if what == "trade":
        ledger.trade(i, one, other, size, price)
        ledger.charge([one, other], [-(-size * price // 3), 1], time_ns=now, to_fund=price % 2 == 0)
    elif what == "funding":
        ledger.pay_funding(i, price, (size - 25) * 1_000_003, now)
    elif what == "liquidate" and part and one != other:
        ledger.liquidate(i, one, other, part, price, now)
        assert int(ledger.lots[i, one]) * held >= 0  # I09
    elif what == "take over" and part:
        ledger.liquidate(i, one, FUND, part, price, now)
    elif what == "unwind":
        ledger.unwind(i, one, ledger.fund.due_lots(i, now), price, now)
    elif what == "close winners":
        _close_winners(ledger, i, FUND if size % 2 else one, mark[i], now)
    elif what == "hand over" and not ledger.lots[:, one].any():
        ledger.hand_over(one, now)
    elif what == "lose":
        _lose(ledger, one, mark, now)
    _lose(ledger, FUND, mark, now)


_KINDS = ("trade", "trade", "funding", "liquidate", "take over", "unwind", "close winners",
          "hand over", "lose")  # fmt: skip
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(_KINDS), st.integers(0, 5), st.integers(0, 5), st.integers(1, 50),
        st.integers(1, 200),
    ),
    max_size=40,
)  # fmt: skip


def _run(steps: list[tuple[str, int, int, int, int]], rule: FundRule | None) -> list[str]:
    ledger = Ledger(_ACCOUNTS, InsuranceFund(50_000, _UNITS, rule))
    faults: list[str] = []
    for row in range(_ACCOUNTS):
        ledger.deposit(row, 100_000)
    for now, step in enumerate(steps):
        _step(ledger, *step, now)
        for row in range(_ACCOUNTS):
            _lose(ledger, row, [step[4], step[4] + 3], now)
        # Which mark makes no difference.
        faults += audit(ledger, [step[4], 77]).faults
        faults += audit(ledger, [0, 10**12]).faults
    return faults


@pytest.mark.parametrize("rule", _RULES)
@settings(max_examples=40, deadline=None, database=None)
@given(_STEPS)
def test_nothing_is_made_and_nothing_is_lost(
    rule: FundRule | None, steps: list[tuple[str, int, int, int, int]]
) -> None:
    assert _run(steps, rule) == []


def _many(seed: int = 3, count: int = 400) -> list[tuple[str, int, int, int, int]]:
    draw = np.random.default_rng(seed)
    rows = draw.integers((0, 0, 0, 1, 1), (len(_KINDS), 6, 6, 51, 201), (count, 5)).tolist()
    return [(_KINDS[a], b, c, d, e) for a, b, c, d, e in rows]


def test_a_long_run_meets_every_kind_of_loss() -> None:
    """The laws above would be empty if nobody ever lost more than margin."""
    ledger = Ledger(_ACCOUNTS, InsuranceFund(50_000, _UNITS))
    for row in range(_ACCOUNTS):
        ledger.deposit(row, 100_000)
    for now, step in enumerate(_many()):
        _step(ledger, *step, now)
        for row in range(_ACCOUNTS):
            _lose(ledger, row, [step[4], step[4] + 3], now)
    said = audit(ledger, [100, 100])
    assert said.faults == ()
    assert min(said.fund_paid, said.winners_paid, said.bad_debt, said.fees, said.rounding) > 0
    assert said.venue == -said.bad_debt
    assert said.deficits == said.fund_paid + said.winners_paid + said.bad_debt


def _lossy_booking(right: Callable[..., int]) -> Callable[..., int]:
    """Plant a bug: the remainder of a shared cost is dropped instead of staying with the rest."""

    def booked(lots: Any, cost: Any, realised: Any, rows: Any, *rest: Any) -> int:
        before = lots[rows].copy()
        done = right(lots, cost, realised, rows, *rest)
        cut = (np.abs(lots[rows]) < np.abs(before)) & (lots[rows] != 0)
        cost[rows[cut]] -= 1
        return done

    return booked


def _one_sided(right: Callable[..., int]) -> Callable[..., int]:
    """Plant a bug: the last side of every booking of several is forgotten."""

    def booked(lots: Any, cost: Any, realised: Any, rows: Any, *rest: Any) -> int:
        if rows.size < 2:
            return right(lots, cost, realised, rows, *rest)
        change, price, unit = rest
        return 1 + right(lots, cost, realised, rows[:-1], change[:-1], price[:-1], unit)

    return booked


def _funding_to_nobody(right: Callable[..., int]) -> Callable[..., int]:
    """Plant a bug: what rounding leaves is not told."""
    return lambda *columns: right(*columns) * 0


@pytest.mark.parametrize(
    ("kernel", "bug", "found"),
    [
        ("book_sides", _lossy_booking, {"I02", "I03"}),
        ("book_sides", _one_sided, {"I01", "I02", "I03"}),
        ("pay_funding", _funding_to_nobody, {"I02"}),
    ],
)
def test_a_planted_bug_is_found(
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    bug: Callable[[Callable[..., int]], Callable[..., int]],
    found: set[str],
) -> None:
    monkeypatch.setattr(paying_kernels, kernel, bug(getattr(paying_kernels, kernel)))
    ledger = Ledger(3, InsuranceFund(0, _UNITS))
    ledger.trade(0, [0, 1, 2], [1, 2, 0], [7, 5, 4], [101, 97, 89])
    ledger.trade(0, [0, 1], [2, 0], [3, 2], [97, 33])
    ledger.trade(0, 2, 0, 2, 55)
    ledger.pay_funding(0, 101, 1_234_567)
    said = audit(ledger, [100, 100])
    assert {fault[:3] for fault in said.faults} == found


@pytest.mark.parametrize(
    ("bug", "found"),
    [
        (lambda b: setattr(b, "fees_micro", b.fees_micro - 1), "I02 1 micro"),  # not received
        (lambda b: setattr(b.fund, "cash_micro", b.fund.cash_micro - 5), "I02 5 micro"),
        (lambda b: setattr(b, "fund_paid_micro", b.fund_paid_micro + 1), "I06 of"),
        (
            lambda b: b._owed.clear(),
            "1 accounts owe 99990 and nobody was asked: the first is account 0",
        ),
        (lambda b: b.lots.__setitem__((0, 0), 1), "I01 instrument 0"),
        (lambda b: b.realised.__setitem__(0, 0), "I03 profits"),
        (lambda b: b.cost.__setitem__((1, 0), 9), "I09 a position is closed"),
    ],
)
def test_an_account_that_is_off_by_little_is_named(
    bug: Callable[[Ledger], object], found: str
) -> None:
    ledger = Ledger(3, InsuranceFund(10, _UNITS))
    ledger.trade(0, 0, 1, 10, 100)
    ledger.charge(1, 50)
    ledger.liquidate(0, 0, 2, 10, 90)
    ledger.settle_loss(0, 1)
    assert audit(ledger, [90, 1]).faults == ()
    bug(ledger)
    assert any(found in fault for fault in audit(ledger, [90, 1]).faults)


def test_winners_are_not_asked_while_the_fund_has_money() -> None:
    ledger = Ledger(3, InsuranceFund(10**9, _UNITS))
    ledger.trade(0, 0, 1, 10, 100)
    with pytest.raises(InputError, match="while the fund can pay"):
        ledger.deleverage(0, 0, np.array([0, 10, 0]), 90, 1)
    ledger.liquidate(0, 0, 2, 10, 90)
    assert ledger.settle_loss(0, 1).uncovered_micro == 0
    with pytest.raises(InputError, match="owes nothing beyond the fund"):
        ledger.haircut(0, np.array([0, 1, 0]), 0, 90, 1)
