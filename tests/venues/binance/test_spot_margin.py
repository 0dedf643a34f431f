"""Binance cross margin: its level and what it calls for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.binance.spot_margin import (
    CALL_LEVEL,
    LevelState,
    SpotLoan,
    margin_level,
    state_of,
)
from tests.venues.vectors import vectors_of


def test_the_vector_is_met(data_dir: Path) -> None:
    (vector,) = vectors_of(data_dir, "binance_cross_margin").values()
    level = margin_level(**vector["inputs"])
    assert level == pytest.approx(vector["expected"]["level"], abs=1e-12)
    assert (state_of(level) is LevelState.LIQUIDATED) is vector["expected"]["liquidated"]


@pytest.mark.parametrize(
    ("level", "state"),
    [
        (1.1, LevelState.LIQUIDATED), (1.1000001, LevelState.CALL), (1.3, LevelState.CALL),
        (1.3000001, LevelState.SAFE), (float("inf"), LevelState.SAFE),
    ],
)  # fmt: skip
def test_the_edges_belong_to_the_worse_state(level: float, state: LevelState) -> None:
    assert state_of(level) is state


def test_interest_is_owed_too() -> None:
    assert margin_level(11_000.0, 9_000.0, 1_000.0) == 1.1
    assert margin_level(1.0, 0.0) == float("inf")
    with pytest.raises(InputError, match="cannot be negative"):
        margin_level(-1.0, 1.0)


@given(st.floats(0.1, 100.0), st.floats(1.0, 1e5), st.sampled_from([1, -1]), st.floats(1.5, 3.0))
def test_the_level_is_reached_at_the_price(
    coins: float, quote: float, sign: int, level: float
) -> None:
    if sign > 0:
        loan = SpotLoan(held=coins, owed_quote=quote)
    else:
        loan = SpotLoan(owed=coins, held_quote=quote)
    for target in (1.1, CALL_LEVEL, level):
        price = loan.price_of(target)
        assert price is not None
        assert loan.level_at(price) == pytest.approx(target, rel=1e-9)
        worse = price * (1 - 0.001 * sign)
        assert loan.level_at(worse) < target


def test_a_loan_that_no_price_takes_has_none() -> None:
    assert SpotLoan(held_quote=100.0, owed_quote=50.0).price_of() is None
    assert SpotLoan(held=1.0, held_quote=100.0, owed_quote=50.0).price_of() is None
    with pytest.raises(InputError, match="held_quote"):
        SpotLoan(held_quote=float("nan"))
