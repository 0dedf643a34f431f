"""Mark prices and funding rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.marks import (
    FundingInput,
    MarkInput,
    funding_rate,
    impact_notional,
    index_and_basis,
    median_mark,
    premium_of,
    weighted_premium,
)


def _mark(basis: float, last: float) -> MarkInput:
    return MarkInput(
        index=100_000.0, funding_rate=0.0001, hours_to_funding=4.0, basis_mean=basis, last=last
    )


def test_the_median_is_the_basis_leg_first_and_the_last_trade_after() -> None:
    assert median_mark(_mark(-50.0, 99_700.0)) == 99_950.0
    assert median_mark(_mark(-400.0, 99_700.0)) == 99_700.0
    assert median_mark(_mark(400.0, 100_900.0)) == 100_400.0
    assert index_and_basis(_mark(-50.0, 1.0)) == 99_950.0


@given(st.floats(-0.0004, 0.0006))
def test_inside_the_band_funding_is_the_interest(premium: float) -> None:
    assert funding_rate(FundingInput(mean_premium=premium, cap=0.003)) == pytest.approx(0.0001)


@given(st.floats(-0.1, 0.1), st.floats(0, 0.01), st.sampled_from([1.0, 2.0, 4.0, 8.0]))
def test_funding_rises_with_the_premium_and_stays_within_its_cap(
    premium: float, more: float, hours: float
) -> None:
    low, high = (
        funding_rate(FundingInput(mean_premium=p, cap=0.003, interval_h=hours))
        for p in (premium, premium + more)
    )
    assert -0.003 <= low <= high + 1e-15
    assert high <= 0.003


def test_a_floor_may_differ_from_the_cap() -> None:
    given_ = FundingInput(mean_premium=-0.1, cap=0.003, floor=-0.02)
    assert funding_rate(given_) == -0.02


@pytest.mark.parametrize("hours", [0.0, 9.0, float("nan")])
def test_an_interval_out_of_range_is_refused(hours: float) -> None:
    with pytest.raises(InputError, match="interval"):
        funding_rate(FundingInput(mean_premium=0.0, cap=0.003, interval_h=hours))


def test_premiums() -> None:
    assert premium_of(101.0, 102.0, 100.0) == pytest.approx(0.01)
    assert premium_of(98.0, 99.0, 100.0) == pytest.approx(-0.01)
    assert premium_of(99.0, 101.0, 100.0) == 0.0
    assert weighted_premium([0.006, 0.0, 0.0]) == pytest.approx(0.001)
    assert impact_notional(125.0) == 25_000.0
    with pytest.raises(InputError, match="no premium"):
        weighted_premium([])
