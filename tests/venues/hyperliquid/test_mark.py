"""The mark price of Hyperliquid and its averages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.hyperliquid.mark import (
    BASIS_TAU_S,
    Ema,
    MarkInputs,
    mark_price,
    oracle_price,
    own_price,
    validator_price,
    weighted_median,
)

MIDS = (("binance", 98.0), ("okx", 99.0), ("bybit", 99.5), ("gate", 50.0), ("mexc", 51.0))


def test_the_median_of_three() -> None:
    whole = MarkInputs(
        oracle=100.0, basis=-0.5, bid=97.0, ask=97.2, last=97.1, perp_mids=MIDS, own_average=10.0
    )
    assert own_price(whole) == 97.1
    assert mark_price(whole) == 98.0  # of 99.5, 97.1 and Binance's 98; no 30 s average joins


def test_two_inputs_bring_in_the_average_of_the_own_book() -> None:
    for average, mark in ((97.4, 97.4), (None, (99.5 + 97.1) / 2)):
        inputs = MarkInputs(
            oracle=100.0, basis=-0.5, bid=97.0, ask=97.2, last=97.1, own_average=average
        )
        assert mark_price(inputs) == pytest.approx(mark)


def test_one_input_is_the_mark_and_none_is_refused() -> None:
    assert mark_price(MarkInputs(oracle=100.0, basis=1.0, own_average=5.0)) == 101.0
    with pytest.raises(InputError, match="none of its inputs"):
        mark_price(MarkInputs(oracle=100.0, bid=1.0, ask=2.0, own_average=5.0))


def test_a_fall_abroad_moves_the_mark_here() -> None:
    before = MarkInputs(
        oracle=100.0, basis=0.0, bid=95.0, ask=95.2, last=95.1, perp_mids=(("okx", 99.0),)
    )
    after = MarkInputs(
        oracle=100.0, basis=0.0, bid=95.0, ask=95.2, last=95.1, perp_mids=(("okx", 96.0),)
    )
    assert (mark_price(before), mark_price(after)) == (99.0, 96.0)


def test_weights_count() -> None:
    assert weighted_median([(1.0, 3.0), (2.0, 1.0), (3.0, 1.0)]) == 1.0
    assert weighted_median([(1.0, 1.0), (2.0, 1.0)]) == 1.5
    assert weighted_median([]) is None
    assert oracle_price([(100.0, 5.0), (101.0, 30.0), (500.0, 10.0)]) == 101.0
    assert validator_price([("binance", 100.0), ("okx", 102.0), ("kraken", 90.0)]) == 100.0
    with pytest.raises(InputError, match="'coinbase' has no weight"):
        validator_price([("coinbase", 100.0)])


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.1, 10.0)), min_size=1, max_size=9))
def test_no_more_than_half_of_the_weight_lies_on_either_side(
    rows: list[tuple[float, float]],
) -> None:
    middle = weighted_median(rows)
    assert middle is not None
    half = sum(weight for _, weight in rows) / 2 * (1 + 1e-9)
    assert sum(weight for value, weight in rows if value < middle) <= half
    assert sum(weight for value, weight in rows if value > middle) <= half


def test_the_average_follows_the_printed_formula() -> None:
    first = Ema(BASIS_TAU_S).fed(2.0, 3.0)
    assert (first.numerator, first.denominator) == (6.0, 3.0)
    second = first.fed(-1.0, 6.0)
    kept = math.exp(-6 / 150)
    assert second.value == pytest.approx((6 * kept - 6) / (3 * kept + 6))
    assert Ema(30.0).value is None


def test_a_step_is_followed_with_the_time_constant() -> None:
    average = Ema(BASIS_TAU_S)
    for _ in range(1_000):
        average = average.fed(0.0, 3.0)
    for _ in range(50):  # 150 s
        average = average.fed(1.0, 3.0)
    assert average.value == pytest.approx(1 - math.exp(-1), abs=1e-9)


@pytest.mark.parametrize(
    ("sample", "elapsed"), [(math.nan, 3.0), (1.0, 0.0), (1.0, -1.0), (1.0, math.inf)]
)
def test_samples_that_are_none_are_refused(sample: float, elapsed: float) -> None:
    with pytest.raises(InputError, match="average"):
        Ema(150.0).fed(sample, elapsed)


def test_prices_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="oracle is nan"):
        MarkInputs(oracle=math.nan)
    with pytest.raises(InputError, match="mid of okx"):
        MarkInputs(perp_mids=(("okx", -1.0),))
    with pytest.raises(InputError, match="basis"):
        MarkInputs(basis=math.inf)
