"""Loans: health, and the price of one coin at which it is 1."""

import math
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.lending import (
    Collateral,
    Debt,
    LendingRules,
    Loan,
    health_of,
    price_of_health,
)
from airpocket.venues.aave import rules as aave
from airpocket.venues.compound import rules as compound


def coin(asset: str, amount: float, price: float, threshold: float = 0.8) -> Collateral:
    return Collateral(asset=asset, amount=amount, price=price, threshold=threshold)


def owes(asset: str, amount: float, price: float = 1.0) -> Debt:
    return Debt(asset=asset, amount=amount, price=price)


def at_price(loan: Loan, asset: str, price: float) -> Loan:
    return Loan(
        collateral=tuple(
            coin(row.asset, row.amount, price if row.asset == asset else row.price, row.threshold)
            for row in loan.collateral
        ),
        debts=tuple(
            owes(row.asset, row.amount, price if row.asset == asset else row.price)
            for row in loan.debts
        ),
    )


amounts = st.floats(0.01, 1e5)
prices = st.floats(0.01, 1e5)
shares = st.floats(0.1, 0.95)


@given(
    first=st.tuples(amounts, prices, shares),
    second=st.tuples(amounts, prices, shares),
    owed=st.floats(1.0, 1e9),
)
def test_at_the_price_found_the_health_is_one(
    first: tuple[float, float, float], second: tuple[float, float, float], owed: float
) -> None:
    loan = Loan(collateral=(coin("A", *first), coin("B", *second)), debts=(owes("USD", owed),))
    found = price_of_health(loan, "A")
    counted = second[0] * second[1] * second[2]
    if found.price is None:
        assert counted >= owed
        assert "covers every price" in found.reason
        return
    assume(owed - counted > owed * 1e-6)
    assert health_of(at_price(loan, "A", found.price)) == pytest.approx(1.0, rel=1e-6)
    assert health_of(at_price(loan, "A", found.price * 0.99)) < 1
    assert health_of(at_price(loan, "A", found.price * 1.01)) > 1


def test_a_coin_on_both_sides() -> None:
    loop = Loan(
        collateral=(coin("stETH", 100.0, 2_000.0, 0.9), coin("ETH", 10.0, 2_000.0)),
        debts=(owes("ETH", 80.0, 2_000.0),),
    )
    found = price_of_health(loop, "ETH")  # 180,000 against 72 ETH net: a rise takes it
    assert found.price == pytest.approx(2_500.0)
    assert health_of(at_price(loop, "ETH", 2_600.0)) < 1 < health_of(at_price(loop, "ETH", 2_400.0))
    assert price_of_health(loop, "stETH").price == pytest.approx((80 - 8) * 2_000 / 90)


def test_debt_coins_are_liquidated_by_a_rise() -> None:
    loan = Loan(
        collateral=(coin("USDC", 10_000.0, 1.0, 0.75),), debts=(owes("BTC", 0.1, 60_000.0),)
    )
    assert price_of_health(loan, "BTC").price == pytest.approx(75_000.0)


def test_no_price_helps_and_none_harms() -> None:
    sunk = Loan(collateral=(coin("A", 1.0, 1.0),), debts=(owes("B", 1.0), owes("USD", 5.0)))
    assert "makes it healthy" in price_of_health(sunk, "B").reason
    free = Loan(collateral=(coin("A", 1.0, 1.0),), debts=())
    assert health_of(free) == math.inf
    assert "covers every price" in price_of_health(free, "A").reason
    with pytest.raises(InputError, match="neither side"):
        price_of_health(free, "B")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: coin("A", -1.0, 1.0), "A: amount is -1.0"),
        (lambda: coin("A", 1.0, 0.0), "A: price is 0.0"),
        (lambda: coin("A", 1.0, math.nan), "A: price is nan"),
        (lambda: coin("A", 1.0, 1.0, 83.0), "threshold is 83.0"),
        (lambda: Collateral(asset="A", amount=1.0, price=1.0, threshold=0.8, bonus=0.05), "bonus is 0.05"),
        (lambda: owes("A", math.inf), "A: amount is inf"),
        (lambda: Loan(collateral=(coin("A", 1.0, 1.0), coin("A", 1.0, 1.0)), debts=()), "stands twice"),
        (lambda: Loan(collateral=(), debts=()).behind("A"), "no collateral of it"),
        (lambda: Loan(collateral=(), debts=()).owed("A"), "is not owed"),
    ],
)  # fmt: skip
def test_bad_loans_are_refused(build: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build()


def test_the_books_are_lending_rules() -> None:
    books: tuple[LendingRules, ...] = (*aave.rule_books(), *compound.rule_books())
    assert {book.venue for book in books} == {"aave", "compound"}
