"""Funding of Hyperliquid."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.hyperliquid.funding import (
    CAP_PER_HOUR,
    ImpactPrices,
    funding_payment,
    funding_rate,
    impact_notional,
    premium,
)


def test_the_example_of_the_page() -> None:
    found = premium(ImpactPrices(impact_bid=10_100.0, impact_ask=10_110.0, oracle=10_000.0))
    assert found == pytest.approx(0.01)
    rate = funding_rate(found)
    assert rate.rate_8h == pytest.approx(0.0095)
    assert rate.hourly == pytest.approx(0.0011875)


def test_below_the_oracle_shorts_pay_and_between_nobody_does() -> None:
    assert premium(ImpactPrices(impact_bid=98.0, impact_ask=99.0, oracle=100.0)) == pytest.approx(
        -0.01
    )
    assert premium(ImpactPrices(impact_bid=99.0, impact_ask=101.0, oracle=100.0)) == 0.0


def test_markets_of_builders_take_the_middle() -> None:
    given_prices = ImpactPrices(impact_bid=99.0, impact_ask=102.0, oracle=100.0, is_hip3=True)
    assert premium(given_prices) == pytest.approx(0.005)


@given(st.floats(-0.0004, 0.0006))
def test_a_small_premium_pays_the_interest(mean: float) -> None:
    assert funding_rate(mean).rate_8h == pytest.approx(0.0001, abs=1e-12)


@given(st.floats(-10.0, 10.0))
def test_an_hour_pays_an_eighth_up_to_the_cap(mean: float) -> None:
    rate = funding_rate(mean)
    assert CAP_PER_HOUR == 0.04
    assert abs(rate.hourly) <= CAP_PER_HOUR
    if abs(rate.rate_8h) < 8 * CAP_PER_HOUR:
        assert rate.hourly == pytest.approx(rate.rate_8h / 8)


def test_payment_is_on_the_oracle_and_peer_to_peer() -> None:
    assert funding_payment(10.0, 10_000.0, 0.0011875) == pytest.approx(118.75)
    assert funding_payment(-10.0, 10_000.0, 0.0011875) == -funding_payment(
        10.0, 10_000.0, 0.0011875
    )
    assert (impact_notional("BTC"), impact_notional("SOL")) == (20_000.0, 6_000.0)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="sides swapped"):
        ImpactPrices(impact_bid=101.0, impact_ask=100.0, oracle=100.0)
    with pytest.raises(InputError, match="oracle is 0"):
        ImpactPrices(impact_bid=99.0, impact_ask=100.0, oracle=0.0)
    with pytest.raises(InputError, match="no numbers"):
        funding_rate(math.nan)
