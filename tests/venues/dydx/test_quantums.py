"""dYdX v4's arithmetic in quantums: the chain's own test cases."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.dydx.quantums import (
    LiquidationLimits,
    LiquidationOrder,
    bankruptcy_quote,
    fillable_price,
    insurance_delta,
    is_liquidatable,
    notional_bounds,
    order_size,
    sorted_orders,
)

USDC: Final = 1_000_000


def exact(number: float) -> Fraction:
    return Fraction(str(number))


def micro(number: float) -> int:
    found = exact(number) * USDC
    assert found.denominator == 1
    return int(found)


def answer(vector: dict[str, Any]) -> Any:
    """What the arithmetic says of a vector, by its kind."""
    inputs = vector["inputs"]
    match vector["kind"]:
        case "bankruptcy_price_quote_quantums":
            return bankruptcy_quote(**{k: v for k, v in inputs.items() if k != "description"})
        case "fillable_price":
            limits = LiquidationLimits(
                bankruptcy_adjustment_ppm=micro(inputs["bankruptcy_adjustment"]),
                spread_to_maintenance_ppm=micro(inputs["spread_to_mmr"]),
            )
            given_numbers = {
                name.removesuffix("_usd"): exact(number)
                for name, number in inputs.items()
                if name in {"pnnv_usd", "pmmr_usd", "size", "tnc", "tmmr"}
            }
            return float(fillable_price(limits=limits, **given_numbers))
        case "insurance_fund_delta":
            fill, bust = micro(inputs["fill_quote"]), micro(inputs["bankruptcy_quote"])
            return insurance_delta(fill, bust, inputs["max_liq_fee_ppm"]) / USDC
        case "min_max_liquidatable_notional":
            limits = LiquidationLimits(
                position_portion_ppm=micro(inputs["portion"]),
                position_notional_least=micro(inputs["min_notional"]),
            )
            return [
                each / USDC for each in notional_bounds(micro(inputs["position_notional"]), limits)
            ]
        case "is_liquidatable":
            value = exact(inputs["position_notional"])
            tnc, tmmr = value + exact(inputs["usdc"]), value * exact(inputs["mmr"])
            return is_liquidatable(int(tnc * USDC), int(tmmr * USDC))
        case "liquidation_order":
            orders = [
                LiquidationOrder(side == "buy", exact(size), exact(price), inputs["oracle"])
                for side, size, price in inputs["orders"]
            ]
            return [
                ["buy" if o.is_buy else "sell", float(o.size), float(o.price)]
                for o in sorted_orders(orders)
            ]
        case kind:
            raise AssertionError(kind)


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [v for v in vectors if v["venue"] == "dydx_v4" and v["kind"] != "feed_parse"]
    assert len(ours) == 30
    for vector in ours:
        found, limit = answer(vector), vector["tolerance"]
        if limit.get("exact"):
            assert found == vector["expected"], vector["id"]
        else:
            assert found == pytest.approx(vector["expected"], rel=0, abs=limit["abs"]), vector["id"]


@pytest.mark.parametrize(
    ("numbers", "quote"),
    [
        ((499_000_000, 500_000_000, -5_000_000_000, 500_000_000), 4_501_000_000),
        ((0, 500_000_000, -2_500_000_000, 250_000_000), 2_500_000_000),
        ((49_987_000_000, 5_000_000_000, -10_673_500, 1_067_350), 2_776),  # rounded up
        ((-49_987_000_000, 5_000_000_000, 10_673_500, 1_067_350), -2_775),  # of a short, up too
        ((-100_000_000, 500_000_000, 5_000_000_000, 500_000_000), -4_900_000_000),
    ],
)
def test_bankruptcy_is_rounded_for_the_fund(numbers: tuple[int, int, int, int], quote: int) -> None:
    tnc, tmmr, dnnv, dmmr = numbers
    exact_quote = -dnnv - Fraction(tnc * dmmr, tmmr)
    found = bankruptcy_quote(tnc, tmmr, dnnv, dmmr)
    assert exact_quote <= found < exact_quote + 1
    assert found == quote


@given(
    tnc=st.integers(-(10**15), 10**15), tmmr=st.integers(1, 10**14),
    dnnv=st.integers(-(10**15), 10**15), dmmr=st.integers(0, 10**14),
)  # fmt: skip
def test_a_fill_at_the_bankruptcy_price_costs_the_fund_nothing(
    tnc: int, tmmr: int, dnnv: int, dmmr: int
) -> None:
    bust = bankruptcy_quote(tnc, tmmr, dnnv, dmmr)
    assert insurance_delta(bust, bust, 15_000) == 0
    assert bust >= -dnnv - Fraction(tnc * dmmr, tmmr)
    assert insurance_delta(bust - 1, bust, 15_000) == -1


@given(tnc=st.integers(-(10**9), 600), size=st.integers(1, 10**6))
def test_the_chain_never_sells_lower_than_the_oracle_less_its_spread(tnc: int, size: int) -> None:
    oracle, rate = 50_000, Fraction(12, 1000)
    value = oracle * size
    price = fillable_price(value, value * rate, size, tnc, 600)
    assert oracle * (1 - rate * Fraction(3, 2)) <= price <= oracle
    mirrored = fillable_price(-value, value * rate, -size, tnc, 600)
    assert mirrored - oracle == oracle - price  # a short is as far above


def test_fillable_price_of_the_chain_s_cases() -> None:
    tenth, limits = Fraction(1, 10), LiquidationLimits(spread_to_maintenance_ppm=100_000)
    assert fillable_price(5000, 500, tenth, 499, 500, limits) == 49_999
    assert fillable_price(5000, 500, tenth, 0, 500, limits) == 49_500
    assert fillable_price(-5000, 500, -tenth, 499, 500, limits) == 50_001
    with pytest.raises(InputError, match="no position"):
        fillable_price(0, 0, 0, 0, 0)


def test_the_insurance_fund_takes_up_to_the_fee_and_pays_all_below() -> None:
    assert insurance_delta(5_610 * USDC, 5_100 * USDC, 5_000) == 28_050_000
    assert insurance_delta(5_049 * USDC, 5_100 * USDC, 5_000) == -51 * USDC
    assert insurance_delta(-4_410 * USDC, -4_900 * USDC, 25_000) == 110_250_000
    assert insurance_delta(199, 0, 5_000) == 0  # rounded down


def test_an_order_is_a_tenth_and_at_most_100_000_usdc_a_subaccount() -> None:
    coin, step = 10**10, 10**6
    value = 50_000 * USDC
    assert notional_bounds(value) == (1_000 * USDC, 5_000 * USDC)
    assert order_size(coin, value, step) == coin // 10
    assert order_size(-100 * coin, 100 * value, step) == 2 * coin  # 100,000 of 5,000,000
    assert order_size(100 * coin, 100 * value, step, already_closed=60_000 * USDC) == 8 * coin // 10
    assert order_size(coin // 50, value // 50, step) == coin // 50  # 1,000 USDC at once
    assert order_size(coin // 40, value // 40, step) == coin // 50  # the least, not a tenth
    half = LiquidationLimits(position_portion_ppm=500_000)
    assert notional_bounds(value, half)[1] == 25_000 * USDC
    assert order_size(step, value, step) == step
    assert order_size(7 * step, value, 5 * step) == 5 * step  # a step is the least


def test_who_comes_first_in_a_block() -> None:
    orders = [
        LiquidationOrder(False, 1, 49_500, 50_000, b"b"),
        LiquidationOrder(False, 1, 49_500, 50_000, b"a"),
        LiquidationOrder(True, 2, 50_500, 50_000, b"z"),
        LiquidationOrder(True, 1, 3_100, 3_000, b"c"),
    ]
    assert [order.order_hash for order in sorted_orders(orders)] == [b"c", b"z", b"a", b"b"]


def test_a_subaccount_that_holds_nothing_is_never_liquidated() -> None:
    assert not is_liquidatable(-5, 0)
    assert is_liquidatable(499, 500)
    assert not is_liquidatable(500, 500)
    with pytest.raises(InputError, match="no position"):
        bankruptcy_quote(1, 0, 1, 1)
