"""Bookings of a venue: what each does, and what is refused before anything is booked."""

from collections.abc import Callable

import numpy as np
import pytest

from airpocket.cascade.audit import audit
from airpocket.cascade.insurance import FundRule, InsuranceFund
from airpocket.cascade.ledger import FUND, Ledger, exact_sum
from airpocket.errors import InputError

_UNIT = 1_000


def books(fund_micro: int = 0, rule: FundRule | None = None) -> Ledger:
    """Account 0 is long 10 at 100 against 1; account 2 looks on."""
    ledger = Ledger(3, InsuranceFund(fund_micro, (_UNIT,), rule))
    for row, money in enumerate((100_000, 1_000_000, 1_000_000)):
        ledger.deposit(row, money)
    ledger.trade(0, 0, 1, 10, 100)
    return ledger


def test_sums_beyond_64_bits() -> None:
    assert exact_sum(np.full(9, (1 << 62) + 1)) == 9 * ((1 << 62) + 1)
    assert exact_sum(np.full(9, -(1 << 62) - 1)) == -9 * ((1 << 62) + 1)


def test_one_side_realises_while_the_other_opens() -> None:
    ledger = books()
    ledger.trade(0, 2, 0, 10, 130)
    assert ledger.realised.tolist() == [300_000, 0, 0]
    said = audit(ledger, [90])
    assert (said.realised, said.unrealised, said.faults) == (300_000, -300_000, ())


def test_a_loss_goes_from_margin_to_fund_to_winners_to_nobody() -> None:
    """Sold at 80, 200,000 are lost: 100,000 margin, 40,000 fund, 30,000 winners, the rest bad."""
    ledger = books(40_000)
    ledger.liquidate(0, 0, 2, 10, 80)
    payment = ledger.settle_loss(0, 1)
    assert (payment.paid_micro, payment.uncovered_micro) == (40_000, 60_000)
    taken = np.array([0, 30_000, 0])
    assert ledger.haircut(0, taken, 0, 80, 2) == 30_000
    assert ledger.wealth_micro(1, [80]) == 1_000_000 + 200_000 - 30_000
    assert ledger.write_off(0, 3) == 30_000
    assert ledger.wealth_micro(0) == 0
    said = audit(ledger, [77])
    assert said.faults == ()
    assert (said.deficits, said.fund_paid, said.winners_paid, said.bad_debt, said.owed) == (
        100_000, 40_000, 30_000, 30_000, 0,
    )  # fmt: skip
    assert (said.venue, said.fund) == (-30_000, 0)


def test_profit_that_was_taken_cannot_be_taken_again() -> None:
    ledger = books()
    ledger.liquidate(0, 0, 2, 10, 70)  # 300,000 lost, 100,000 of margin
    ledger.settle_loss(0, 1)
    ledger.haircut(0, np.array([0, 150_000, 0]), 0, 70, 2)
    with pytest.raises(InputError, match="unrealised profit is 150000: principal"):
        ledger.haircut(0, np.array([0, 150_001, 0]), 0, 70, 3)


def test_what_is_taken_beyond_the_loss_goes_to_the_fund() -> None:
    ledger = books()
    ledger.liquidate(0, 0, 2, 10, 80)
    ledger.settle_loss(0, 1)
    assert ledger.haircut(0, np.array([0, 150_000, 0]), 0, 80, 2) == 0
    assert ledger.fund.balance_micro == 50_000
    assert audit(ledger, [80]).faults == ()


def test_the_fund_takes_over_sells_and_owes_what_it_cannot() -> None:
    ledger = books(20_000)
    ledger.liquidate(0, 0, FUND, 10, 90)  # at bankruptcy: nothing is left, nothing is owed
    assert (ledger.wealth_micro(0), ledger.fund.lots.tolist()) == (0, [10])
    assert ledger.unwind(0, 2, -10, 86, 10**9) == 20_000
    assert audit(ledger, [80]).faults == ("I06 the fund is short of 20000 and has not said so",)
    assert ledger.settle_loss(FUND, 10**9).uncovered_micro == 20_000
    assert audit(ledger, [80]).faults == ()
    ledger.charge(2, 5_000, time_ns=10**9, to_fund=True)
    assert ledger.haircut(0, np.array([0, 15_000, 0]), FUND, 86, 10**9) == 0
    assert ledger.fund.balance_micro == 0
    assert audit(ledger, [80]).faults == ()


def test_inventory_is_closed_against_winners() -> None:
    ledger = books()
    ledger.liquidate(0, 0, FUND, 10, 90)
    ledger.deleverage(0, FUND, np.array([0, 4, 0]), 88, 1)
    assert (ledger.fund.lots.tolist(), ledger.lots[0].tolist()) == ([6], [0, -6, 0])
    assert ledger.fund.shortfall_micro == 8_000
    ledger.settle_loss(FUND, 1)
    assert audit(ledger, [88]).faults == ()


def test_a_loser_is_closed_against_winners_at_one_price() -> None:
    ledger = books()
    ledger.trade(0, 0, 2, 6, 101)
    ledger.deleverage(0, 0, np.array([0, 10, 6]), 93, 1)
    assert not ledger.lots.any()
    assert ledger.wealth_micro(0) == 100_000 - 70_000 - 48_000
    assert ledger.settle_loss(0, 1).uncovered_micro == 18_000
    assert ledger.write_off(0, 1) == 18_000
    assert audit(ledger, [1]).faults == ()


def test_margin_that_is_left_goes_to_the_fund() -> None:
    ledger = books()
    ledger.liquidate(0, 0, FUND, 10, 95)
    assert ledger.hand_over(0, 1) == 50_000
    assert (ledger.wealth_micro(0), ledger.fund.balance_micro) == (0, 50_000)
    assert audit(ledger, [95]).faults == ()


def test_money_that_comes_later_makes_the_debt_smaller() -> None:
    ledger = books()
    ledger.liquidate(0, 0, 2, 10, 80)
    ledger.settle_loss(0, 1)
    ledger.deposit(0, 60_000)
    assert ledger.write_off(0, 1) == 40_000
    said = audit(ledger, [80])
    assert (said.deficits, said.bad_debt, said.faults) == (40_000, 40_000, ())


def test_funding_and_fees_reach_somebody() -> None:
    ledger = books(1_000)
    ledger.liquidate(0, 0, FUND, 3, 100)
    left = ledger.pay_funding(0, 101, 123_457)
    assert 0 <= left < 3
    ledger.charge(np.array([0, 1, 1]), np.array([7, 8, -2]))
    assert ledger.fees_micro == 13
    said = audit(ledger, [101])
    assert (said.rounding, said.faults) == (left, ())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda b: b.trade(0, 0, 1, 0, 100), "trade of 0 lots"),
        (lambda b: b.trade(0, 0, 1, 1.5, 100), "whole numbers"),
        (lambda b: b.trade(0, 0, 1, 1, -1), "price of -1"),
        (lambda b: b.trade(0, 0, 3, 1, 1), "account 3: give 0 to 2"),
        (lambda b: b.trade(0, 0, FUND, 1, 1), "account -1"),
        (lambda b: b.trade(0, 0, 1, 1 << 45, 1 << 20), "61 bits"),
        (lambda b: b.deposit(FUND, 1), "account -1"),
        (lambda b: b.charge(FUND, 1), "account -1"),
        (lambda b: b.liquidate(0, 0, 2, 11, 90), "holds 10: a liquidation never turns"),
        (lambda b: b.liquidate(0, 2, 0, 1, 90), "holds 0"),
        (lambda b: b.liquidate(0, 0, FUND, 8, 90), "room for 5 of 8"),
        (lambda b: b.unwind(0, 2, -1, 90, 1), "holds 0 lots"),
        (lambda b: b.settle_loss(0, 1), "holds positions"),
        (lambda b: b.haircut(0, np.zeros(3, np.int64), 2, 90, 1), "owes nothing beyond"),
        (lambda b: b.deleverage(0, 0, np.array([0, 1, 0]), 90, 1), "while the fund can pay 9 "),
        (lambda b: _by_rule(b, [0, 11, 0], 90), "deleveraging of 11 lots against 10"),
        (lambda b: _by_rule(b, [0, 0, 1], 90), "opposite sides only"),
        (lambda b: _by_rule(b, [0, -1, 0], 90), "opposite sides only"),
        (lambda b: _by_rule(b, [0, 1, 0], 101), "row 1 would close at a loss"),
        (lambda b: b.pay_funding(0, 100, 10**9), "give less than one"),
        (lambda b: Ledger(0, b.fund), "0 accounts"),
    ],
)
def test_what_is_refused_books_nothing(wrong: Callable[[Ledger], object], said: str) -> None:
    ledger = books(9, FundRule(inventory_most_lots=5))
    before = [column.copy() for column in (ledger.cash, ledger.lots, ledger.cost, ledger.realised)]
    with pytest.raises(InputError, match=said):
        wrong(ledger)
    after = [ledger.cash, ledger.lots, ledger.cost, ledger.realised]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert ledger.fund.balance_micro == 9
    assert audit(ledger, [100]).faults == ()


def _by_rule(ledger: Ledger, lots: list[int], price: int) -> None:
    ledger.deleverage(0, 0, np.array(lots), price, 1, is_by_rule=True)


def test_a_fund_with_inventory_has_no_other_side() -> None:
    fund = InsuranceFund(0, (1,))
    fund.take_over(0, 1, 1, 0)
    with pytest.raises(InputError, match="other side"):
        Ledger(1, fund)
