"""Aave v3.7: half near the edge, all below it or if small, and no dust."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.lending import Collateral, Debt, Loan, health_of
from airpocket.venues.aave import rules

BOOK: Final = rules.rules_at()


def loan(
    eth: float, usdc: float, price: float = 2_500.0, threshold: float = 0.83, fee: float = 0.0,
    more: tuple[Collateral, ...] = (), debts: tuple[Debt, ...] = (),
) -> Loan:  # fmt: skip
    ether = Collateral(
        asset="ETH", amount=eth, price=price, threshold=threshold, bonus=1.05, protocol_fee=fee
    )
    return Loan(
        collateral=(ether, *more), debts=(Debt(asset="USDC", amount=usdc, price=1.0), *debts)
    )


def answer(vector: dict[str, Any]) -> float:
    inputs = vector["inputs"]
    if vector["kind"] == "health_factor":
        rows = tuple(
            Collateral(asset=f"C{index}", amount=value, price=1.0, threshold=threshold)
            for index, (value, threshold) in enumerate(inputs["collateral"])
        )
        held = Loan(collateral=rows, debts=(Debt(asset="D", amount=inputs["debt"], price=1.0),))
        return BOOK.health_factor(held)
    if vector["kind"] == "collateral_seized":
        return rules.collateral_for(inputs["debt_covered"], inputs["bonus"], inputs["price"])
    assert vector["kind"] == "max_debt_to_cover"
    return rules.max_debt_to_cover(
        inputs["hf"], inputs["total_debt"], inputs["reserve_debt"], inputs["reserve_collateral"]
    )


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "aave_v3"]
    assert len(ours) == 6
    for vector in ours:
        limit = vector["tolerance"]["abs"]
        assert answer(vector) == pytest.approx(vector["expected"], rel=0, abs=limit), vector["id"]


@pytest.mark.parametrize(
    ("health", "total", "debt", "collateral", "most"),
    [
        (0.97, 100_000.0, 100_000.0, 103_000.0, 50_000.0),
        (0.94, 100_000.0, 100_000.0, 101_000.0, 100_000.0),
        (0.95, 100_000.0, 100_000.0, 101_000.0, 100_000.0),  # at the threshold: all
        (0.97, 100_000.0, 100_000.0, 1_999.0, 100_000.0),
        (0.97, 100_000.0, 100_000.0, 2_000.0, 50_000.0),
        (0.97, 1_500.0, 1_500.0, 5_000.0, 1_500.0),
        (0.97, 100_000.0, 30_000.0, 103_000.0, 30_000.0),  # half of the total is more
        (0.97, 100_000.0, 60_000.0, 103_000.0, 50_000.0),
    ],
)
def test_how_much_may_be_closed(
    health: float, total: float, debt: float, collateral: float, most: float
) -> None:
    assert rules.max_debt_to_cover(health, total, debt, collateral) == most


def test_half_of_a_loan_near_the_edge() -> None:
    held = loan(40.0, 85_000.0)  # 83,000 counts: 0.976
    assert BOOK.health_factor(held) == pytest.approx(0.97647, abs=1e-5)
    assert BOOK.closable(held, "USDC", "ETH") == 42_500.0
    seized = BOOK.seizure(held, "USDC", "ETH")
    assert seized.repaid == (("USDC", 42_500.0),)
    assert seized.seized[0][1] == pytest.approx(42_500 * 1.05 / 2_500)
    assert (seized.bad_debt, seized.protocol_fee, seized.returned) == (0.0, 0.0, 0.0)
    some = BOOK.seizure(held, "USDC", "ETH", 10_000.0)
    assert some.repaid == (("USDC", 10_000.0),)
    capped = BOOK.seizure(held, "USDC", "ETH", 1e9)
    assert capped == seized


def test_the_protocol_s_fee_is_of_the_bonus() -> None:
    seized = BOOK.seizure(loan(40.0, 85_000.0, fee=0.1), "USDC", "ETH")
    bonus = 42_500 * 0.05 / 2_500
    assert seized.protocol_fee == pytest.approx(bonus * 0.1)
    assert seized.seized[0][1] == pytest.approx(
        42_500 * 1.05 / 2_500
    )  # the borrower loses the same


def test_what_nothing_is_left_behind_becomes_a_deficit() -> None:
    held = loan(40.0, 110_000.0)  # 100,000 of collateral
    seized = BOOK.seizure(held, "USDC", "ETH")
    assert seized.seized == (("ETH", 40.0),)
    assert seized.repaid[0][1] == pytest.approx(100_000 / 1.05)
    assert seized.bad_debt == pytest.approx(110_000 - 100_000 / 1.05)
    other = Collateral(asset="BTC", amount=0.1, price=60_000.0, threshold=0.78)
    assert BOOK.seizure(loan(40.0, 116_000.0, more=(other,)), "USDC", "ETH").bad_debt == 0.0


def test_a_call_may_not_leave_dust() -> None:
    # Total 83,000; in USDC 41,700: half of the total, 41,500, would leave 200.
    more = (Debt(asset="DAI", amount=41_300.0, price=1.0),)
    held = loan(39.5, 41_700.0, debts=more)
    assert BOOK.closable(held, "USDC", "ETH") == 41_500.0
    with pytest.raises(InputError, match="MustNotLeaveDust"):
        BOOK.seizure(held, "USDC", "ETH", 41_500.0)
    largest = BOOK.seizure(held, "USDC", "ETH")
    assert largest.repaid[0][1] == pytest.approx(40_700.0)  # leaves 1,000
    assert not rules.leaves_dust(0.0, 5.0)
    assert not rules.leaves_dust(5.0, 0.0)
    assert not rules.leaves_dust(1_000.0, 1_000.0)
    assert rules.leaves_dust(999.0, 1e9)
    assert rules.leaves_dust(1e9, 999.0)


def test_collateral_dust_is_no_better() -> None:
    held = loan(4.0, 9_400.0, price=2_500.0)  # health 0.883: all may be repaid, 130 would be left
    seized = BOOK.seizure(held, "USDC", "ETH")
    assert seized.repaid[0][1] == pytest.approx(9_400.0)  # no debt is left: allowed
    with pytest.raises(InputError, match="MustNotLeaveDust"):
        BOOK.seizure(held, "USDC", "ETH", 9_000.0)


def test_the_largest_call_keeps_what_collateral_must_stay() -> None:
    other = Collateral(asset="BTC", amount=0.2, price=60_000.0, threshold=0.78)
    held = loan(4.4, 19_000.0, more=(other,))  # 11,000 of ETH; health 0.973, half is 9,500
    assert BOOK.closable(held, "USDC", "ETH") == 9_500.0
    with pytest.raises(InputError, match="MustNotLeaveDust"):
        BOOK.seizure(loan(4.3, 19_000.0, more=(other,)), "USDC", "ETH", 9_500.0)
    seized = BOOK.seizure(loan(4.3, 19_000.0, more=(other,)), "USDC", "ETH")
    assert seized.repaid[0][1] == pytest.approx((10_750 - 1_000) / 1.05)


def test_the_fee_counts_as_left_as_the_contract_counts_it() -> None:
    other = Collateral(asset="BTC", amount=0.2, price=60_000.0, threshold=0.78)
    held = loan(4.38, 19_000.0, fee=0.2, more=(other,))  # 10,950 less 9,975; the fee is 95
    assert BOOK.seizure(held, "USDC", "ETH", 9_500.0).repaid == (("USDC", 9_500.0),)
    with pytest.raises(InputError, match="MustNotLeaveDust"):
        BOOK.seizure(loan(4.38, 19_000.0, more=(other,)), "USDC", "ETH", 9_500.0)


def test_the_edge_is_strict() -> None:
    held = loan(40.0, 83_000.0)
    assert BOOK.health_factor(held) == 1.0
    assert not BOOK.is_liquidatable(held)
    assert BOOK.closable(held, "USDC", "ETH") == 0.0
    with pytest.raises(InputError, match="is not below 1"):
        BOOK.seizure(held, "USDC", "ETH")
    found = BOOK.liquidation_price(held, "ETH")
    assert found.price == pytest.approx(2_500.0)
    with pytest.raises(InputError, match="no amount"):
        BOOK.seizure(loan(40.0, 85_000.0), "USDC", "ETH", -5.0)
    with pytest.raises(InputError, match="'v2' has no margin rules"):
        rules.rules_at("v2")


@given(
    eth=st.floats(0.1, 1e4), health=st.floats(0.3, 0.999), fee=st.floats(0.0, 0.5),
    share=st.none() | st.floats(0.01, 1.0),
)  # fmt: skip
def test_value_is_neither_made_nor_lost(
    eth: float, health: float, fee: float, share: float | None
) -> None:
    usdc = eth * 2_500 * 0.83 / health
    held = loan(eth, usdc, fee=fee)
    assume(held.debt_value > 1.0)
    try:
        seized = BOOK.seizure(held, "USDC", "ETH", None if share is None else share * usdc)
    except InputError as error:
        assume("MustNotLeaveDust" not in str(error))
        raise
    paid, taken = seized.repaid[0][1], seized.seized[0][1] * 2_500
    assert 0 < paid <= BOOK.closable(held, "USDC", "ETH") * (1 + 1e-12)
    assert taken == pytest.approx(min(paid * 1.05, held.collateral_value))
    assert taken <= held.collateral_value * (1 + 1e-12)
    left_debt, left_collateral = usdc - paid, held.collateral_value - taken
    if seized.bad_debt:
        assert left_collateral == pytest.approx(0.0, abs=held.collateral_value * 1e-8)
        assert seized.bad_debt == pytest.approx(left_debt)
    kept = seized.protocol_fee * 2_500
    assert 0 <= kept <= taken - taken / 1.05 + 1e-9
    small = left_debt < 999.99 or left_collateral < 999.99
    gone = left_debt < usdc * 1e-9 or left_collateral < held.collateral_value * 1e-8
    assert gone or not small or left_collateral + kept >= 999.99


@given(eth=st.floats(1.0, 1e4), health=st.floats(0.96, 0.999))
def test_a_partial_call_heals_a_loan_whose_threshold_times_bonus_is_below_one(
    eth: float, health: float
) -> None:
    usdc = eth * 2_500 * 0.83 / health
    assume(usdc > 10_000)
    held = loan(eth, usdc)
    seized = BOOK.seizure(held, "USDC", "ETH")
    after = loan(eth - seized.seized[0][1], usdc - seized.repaid[0][1])
    assert health_of(after) > health_of(held)
