"""Worth and profit of linear and inverse contracts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.values import (
    bankruptcy_price_of,
    margin_of,
    price_at,
    profit_at,
    sign_along,
    size_of,
    value_at,
    x_of,
)
from airpocket.market.instrument import Kind
from tests.leverage.contracts import contract, held

LINEAR = contract("okx", value=0.01)
INVERSE = contract("okx", "BTC/USD:BTC", Kind.INVERSE, 100.0)


def test_worth_is_in_the_coin_of_the_margin() -> None:
    assert value_at(held(LINEAR, 1, 50.0, 1.0, leverage=1), 60_000.0) == 30_000.0
    assert value_at(held(INVERSE, 1, 50.0, 1.0, leverage=1), 50_000.0) == 0.1
    assert size_of(held(INVERSE, 1, 50.0, 1.0, leverage=1)) == 5000.0


def test_profit_of_an_inverse_long_is_in_coin_and_bends() -> None:
    # BitMEX: 15,000 XBTUSD bought at 750 and sold at 800 earn 1.25 XBT.
    one = held(contract("bitmex", "BTC/USD:BTC", Kind.INVERSE), 1, 15_000.0, 750.0, leverage=1)
    assert profit_at(one, 800.0) == pytest.approx(1.25)
    assert profit_at(one, 700.0) < -1.25


@given(st.sampled_from([1, -1]), st.sampled_from([LINEAR, INVERSE]), st.floats(1.01, 100.0))
def test_the_margin_is_gone_at_the_bankruptcy_price(
    sign: int, instrument: object, leverage: float
) -> None:
    one = held(instrument, sign, 7.0, 30_000.0, leverage=leverage)  # type: ignore[arg-type]
    margin = margin_of(one)
    price = bankruptcy_price_of(one, margin)
    assert price is not None
    assert margin + profit_at(one, price) == pytest.approx(0, abs=1e-9 * margin)
    assert profit_at(one, 30_000.0 * (1 + 0.01 * sign)) > 0


def test_x_turns_round_for_inverse_contracts() -> None:
    long, short = (held(INVERSE, sign, 1.0, 100.0, leverage=1) for sign in (1, -1))
    assert (sign_along(long), sign_along(short)) == (-1, 1)
    assert price_at(long, x_of(long, 80.0)) == pytest.approx(80.0)
    assert sign_along(held(LINEAR, 1, 1.0, 100.0, leverage=1)) == 1


def test_no_price_takes_a_long_that_is_paid_in_full() -> None:
    assert bankruptcy_price_of(held(LINEAR, 1, 1.0, 100.0, leverage=1), 1.0) is None


def test_a_given_margin_goes_before_leverage() -> None:
    assert margin_of(held(LINEAR, 1, 1.0, 100.0, leverage=10, margin=0.5)) == 0.5
    assert margin_of(held(LINEAR, 1, 1.0, 100.0, leverage=10)) == pytest.approx(0.1)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(InputError, match="a price of"):
        value_at(held(INVERSE, 1, 1.0, 100.0, leverage=1), price)


def test_quanto_contracts_are_refused() -> None:
    quanto = contract("bitmex", "ETH/USD:BTC", Kind.QUANTO)
    with pytest.raises(InputError, match="quanto"):
        size_of(held(quanto, 1, 1.0, 100.0, leverage=1))
