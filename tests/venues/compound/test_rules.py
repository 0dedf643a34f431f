"""Compound III: absorbed whole, sold later at a discount."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.lending import Collateral, Debt, Loan
from airpocket.venues.compound import rules

BOOK: Final = rules.rules_at()


def loan(owed: float, *rows: tuple[float, float]) -> Loan:
    """Collateral as (value, liquidateCF), credited at 95 %."""
    return Loan(
        collateral=tuple(
            Collateral(
                asset=f"C{index}", amount=value, price=1.0, threshold=factor,
                liquidation_factor=0.95,
            )
            for index, (value, factor) in enumerate(rows)
        ),
        debts=(Debt(asset="USDC", amount=owed, price=1.0),) if owed else (),
    )  # fmt: skip


def answer(vector: dict[str, Any]) -> Any:
    inputs = vector["inputs"]
    if vector["kind"] == "quote_collateral":
        return rules.quote_collateral(
            inputs["base_amount"], inputs["px"], inputs["storefront"], inputs["liq_factor"]
        )
    assert vector["kind"] == "is_liquidatable"
    by_value = rules.has_shortfall(
        inputs["base_value"], sum(value * factor for value, factor in inputs["collateral"])
    )
    owed = max(-inputs["base_value"], 0.0)
    assert BOOK.is_liquidatable(loan(owed, *inputs["collateral"])) == by_value
    return by_value


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "compound_v3"]
    assert len(ours) == 5
    for vector in ours:
        limit = vector["tolerance"].get("abs", 0.0)
        assert answer(vector) == pytest.approx(vector["expected"], rel=0, abs=limit), vector["id"]


@pytest.mark.parametrize(
    ("base", "price", "storefront", "factor", "amount"),
    [(200.0, 200.0, 0.5, 0.6, 1.25), (810.0, 9.0, 0.5, 0.8, 100.0), (200.0, 200.0, 0.0, 0.6, 1.0)],
)
def test_what_base_coins_buy(
    base: float, price: float, storefront: float, factor: float, amount: float
) -> None:
    assert rules.quote_collateral(base, price, storefront, factor) == pytest.approx(amount)


def test_a_shortfall_needs_a_debt_and_is_strict() -> None:
    assert rules.has_shortfall(-100_000.0, 95_000.0)
    assert not rules.has_shortfall(-100_000.0, 100_000.0)
    assert not rules.has_shortfall(100.0, 0.0)
    assert not BOOK.is_liquidatable(loan(0.0, (10.0, 0.8)))


def test_an_account_is_absorbed_whole() -> None:
    held = loan(80_000.0, (60_000.0, 0.85), (30_000.0, 0.8))  # 75,000 counts
    assert BOOK.health_factor(held) == pytest.approx(75 / 80)
    assert BOOK.closable(held, "USDC", "C1") == 80_000.0
    seized = BOOK.seizure(held, "USDC", "C1")
    assert seized.seized == (("C0", 60_000.0), ("C1", 30_000.0))
    assert seized.repaid == (("USDC", 80_000.0),)
    assert seized.returned == pytest.approx(90_000 * 0.95 - 80_000)
    assert seized.bad_debt == 0.0
    deep = BOOK.seizure(loan(95_000.0, (60_000.0, 0.85), (30_000.0, 0.8)), "USDC", "C0")
    assert [deep.returned, deep.bad_debt] == pytest.approx([0.0, 95_000 - 85_500])
    with pytest.raises(InputError, match="absorbed whole"):
        BOOK.seizure(held, "USDC", "C1", 10.0)
    with pytest.raises(InputError, match="not below 1"):
        BOOK.seizure(loan(10.0, (100.0, 0.8)), "USDC", "C0")


def test_a_market_lends_one_coin() -> None:
    two = Loan(
        collateral=(), debts=tuple(Debt(asset=name, amount=1.0, price=1.0) for name in ("A", "B"))
    )
    with pytest.raises(InputError, match="one base coin"):
        BOOK.is_liquidatable(two)


@given(value=st.floats(1.0, 1e9), owed=st.floats(1.0, 1e9), factor=st.floats(0.1, 0.95))
def test_credit_and_shortfall_tie_out(value: float, owed: float, factor: float) -> None:
    held = loan(owed, (value, factor))
    if BOOK.is_liquidatable(held):
        seized = BOOK.seizure(held, "USDC", "C0")
        assert value * 0.95 - owed == pytest.approx(seized.returned - seized.bad_debt)
        assert BOOK.liquidation_price(held, "C0").price == pytest.approx(owed / (value * factor))
    else:
        assert value * factor >= owed


@given(storefront=st.floats(0.0, 1.0), factor=st.floats(0.5, 1.0))
def test_the_sale_is_never_below_what_was_credited(storefront: float, factor: float) -> None:
    assert factor * 100 - 1e-9 <= rules.sale_price(100.0, storefront, factor) <= 100.0


def test_for_sale_until_the_target_and_bad_factors() -> None:
    assert rules.is_for_sale(4.9, 5.0)
    assert not rules.is_for_sale(5.0, 5.0)
    with pytest.raises(InputError, match="shares from 0 to 1"):
        rules.sale_price(100.0, 1.5, 0.9)
