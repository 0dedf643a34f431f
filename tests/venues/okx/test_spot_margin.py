"""OKX spot margin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.okx.spot_margin import SpotMargin


def test_a_long_by_hand() -> None:
    loan = SpotMargin(assets=0.05, liabilities=1000.0, maintenance_rate=0.03, fee_rate=0.001)
    assert loan.long_price() == pytest.approx(20_620.6)


@given(st.floats(0.01, 100.0), st.floats(1.0, 1e5), st.floats(0.0, 10.0))
def test_what_is_held_is_what_is_owed_with_margin_and_fee(
    coins: float, quote: float, interest: float
) -> None:
    rates = {"maintenance_rate": 0.03, "fee_rate": 0.001}
    long = SpotMargin(assets=coins, liabilities=quote, interest=interest, **rates)
    assert long.long_price() * coins == pytest.approx((quote + interest) * 1.03 * 1.001)
    short = SpotMargin(assets=quote, liabilities=coins, interest=interest, **rates)
    assert short.short_price() * (coins + interest) * 1.03 * 1.001 == pytest.approx(quote)


@pytest.mark.parametrize("field", ["assets", "liabilities", "interest", "fee_rate"])
def test_what_is_no_number_is_refused(field: str) -> None:
    good = {"assets": 1.0, "liabilities": 1.0, "maintenance_rate": 0.03, "fee_rate": 0.001}
    with pytest.raises(InputError, match=field):
        SpotMargin(**good | {field: -1.0})
    with pytest.raises(InputError, match="nothing to liquidate"):
        SpotMargin(**good | {"assets": 0.0})
