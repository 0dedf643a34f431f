"""Funding of dYdX v4."""

import math

import pytest

from airpocket.errors import InputError
from airpocket.venues.dydx.funding import (
    FundingTerms,
    funding_payment,
    funding_rate,
    impact_notional,
    premium_of,
)

LARGE = FundingTerms(initial_rate=0.02, maintenance_rate=0.012)


def test_the_premium_is_the_rate_up_to_six_times_the_margin_between() -> None:
    assert premium_of(10_100.0, 10_110.0, 10_000.0) == pytest.approx(0.01)
    assert funding_rate(0.01, LARGE) == 0.01  # no interest is added
    assert funding_rate(0.06, LARGE) == pytest.approx(0.048)
    assert funding_rate(-0.06, LARGE) == pytest.approx(-0.048)
    shifted = FundingTerms(initial_rate=0.02, maintenance_rate=0.012, default_8h=0.0001)
    assert funding_rate(0.0, shifted) == 0.0001


def test_an_eighth_accrues_in_an_hour_on_the_oracle() -> None:
    assert funding_payment(2.0, 50_000.0, 0.008, 3_600.0) == pytest.approx(100.0)
    assert funding_payment(-2.0, 50_000.0, 0.008, 3_600.0) == pytest.approx(-100.0)


def test_impact_prices_trade_what_500_usdc_open() -> None:
    assert impact_notional(LARGE) == pytest.approx(25_000.0)


def test_bad_terms_are_refused() -> None:
    with pytest.raises(InputError, match="margins"):
        FundingTerms(initial_rate=0.01, maintenance_rate=0.02)
    with pytest.raises(InputError, match="no number"):
        funding_rate(math.nan, LARGE)
