"""GMX v2: all of it, at the oracle price, against the pool."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules, Taker
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.gmx import rules

BOOK: Final = rules.rules_at()
TABLE: Final = rules.market_table("ETH/USD:USDC", 0.01, 100.0, "test config")


def position(
    qty: float, entry: float, margin: float | None = None, settle: str = "USDC", **more: Any
) -> Position:
    instrument = Instrument(
        venue="gmx", raw_symbol="ETH/USD", symbol=f"ETH/USD:{settle}", kind=Kind.LINEAR,
        base="ETH", quote="USD", settle=settle,
    )  # fmt: skip
    more.setdefault("side", Side.LONG)
    return Position(instrument=instrument, qty_raw=qty, entry_price=entry, margin=margin, **more)


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "gmx_v2"]
    assert len(ours) == 4
    for vector in ours:
        state = rules.PositionState(**vector["inputs"])
        expected, limit = vector["expected"], vector["tolerance"]["abs"]
        assert rules.remaining_collateral(state) == pytest.approx(expected["remaining"], abs=limit)
        assert rules.is_liquidatable(state) is expected["liquidatable"], vector["id"]


def test_the_protocol_s_own_cases() -> None:
    held = position(40.0, 5_000.0, 10.0, settle="ETH")  # 10 ETH behind a long of 200,000
    safe, gone = BOOK.closing(held, 4_200.0, TABLE), BOOK.closing(held, 4_000.0, TABLE)
    assert not safe.is_liquidatable  # 42,000 - 32,000 = 10,000 remain of 2,000
    assert gone.is_bankrupt
    (step,) = gone.steps
    assert (step.taker, step.share, step.price, step.fee) == (Taker.FUND, 1.0, 4_000.0, 400.0)
    assert BOOK.bankruptcy_price(held) == pytest.approx(4_000.0)
    assert BOOK.liquidation_price(held, TABLE).price == pytest.approx(202_000 / 50)


def test_fees_and_only_the_loss_of_impact_count() -> None:
    def state(**more: float) -> rules.PositionState:
        return rules.PositionState(
            collateral_usd=10_000.0, pnl_usd=0.0, size_usd=200_000.0, min_factor=0.01, **more
        )

    assert rules.remaining_collateral(state(fees=8_001.0)) == 1_999.0
    assert rules.is_liquidatable(state(fees=8_001.0))
    assert not rules.is_liquidatable(state(fees=8_000.0))
    assert rules.remaining_collateral(state(impact=500.0)) == 10_000.0
    assert (
        rules.remaining_collateral(state(impact=-5_000.0)) == 10_000.0
    )  # the cap is 0 in production
    assert rules.remaining_collateral(state(impact=-5_000.0, impact_cap_factor=0.01)) == 8_000.0
    tiny = rules.PositionState(collateral_usd=0.99, pnl_usd=0.0, size_usd=10.0, min_factor=0.01)
    assert rules.is_liquidatable(tiny)  # less than a dollar


@given(
    qty=st.floats(0.01, 1e3), entry=st.floats(10.0, 1e5), leverage=st.floats(1.1, 60.0),
    side=st.sampled_from(Side), settle=st.sampled_from(["ETH", "USDC"]),
)  # fmt: skip
def test_at_the_liquidation_price_what_remains_is_what_must(
    qty: float, entry: float, leverage: float, side: Side, settle: str
) -> None:
    in_coin = settle == "ETH"
    margin = qty / leverage if in_coin else qty * entry / leverage
    held = position(qty, entry, margin, settle, side=side)
    assume(qty * entry * 0.01 > 1)
    price = BOOK.liquidation_price(held, TABLE).price
    assume(price is not None)
    assert price is not None
    remains = margin * (price if in_coin else 1) + held.sign * qty * (price - entry)
    needed = BOOK.maintenance_margin(held, price, TABLE).amount
    assert remains == pytest.approx(needed, abs=qty * max(entry, price) * 1e-9)
    step = price * 1e-6
    assert BOOK.closing(held, price - held.sign * step, TABLE).is_liquidatable
    assert not BOOK.closing(held, price + held.sign * step, TABLE).is_liquidatable


def test_the_requirement_does_not_move_with_the_price() -> None:
    held = position(10.0, 2_000.0, 2_000.0)
    amounts = {BOOK.maintenance_margin(held, price, TABLE).amount for price in (1_000.0, 3_000.0)}
    assert amounts == {200.0}
    small = position(0.01, 2_000.0, 5.0)
    assert BOOK.maintenance_margin(small, 2_000.0, TABLE).amount == 1.0


def test_prices_that_there_are_not() -> None:
    covered = BOOK.liquidation_price(position(1.0, 2_000.0, 2_100.0), TABLE)
    assert covered.price is None
    assert "covers every price" in covered.reason
    sunk = BOOK.liquidation_price(position(1.0, 2_000.0, -2_100.0, side=Side.SHORT), TABLE)
    assert "below its requirement" in sunk.reason


def test_deleveraging_of_a_side_whose_profit_is_too_much_for_the_pool() -> None:
    limits = rules.PoolLimits()
    assert limits.excess(84.0, 100.0) == 0.0
    assert limits.excess(86.0, 100.0) == pytest.approx(9.0)  # down to 77 %
    assert rules.capped_profit(10.0, 80.0, 100.0, limits) == 10.0
    assert rules.capped_profit(10.0, 180.0, 100.0, limits) == pytest.approx(5.0)
    assert rules.capped_profit(-10.0, 180.0, 100.0, limits) == -10.0
    with pytest.raises(InputError, match="no pool"):
        limits.excess(1.0, 0.0)
    held = position(1.0, 2_000.0, 100.0)
    assert BOOK.adl_score(held, 2_100.0, None) > BOOK.adl_score(held, 1_900.0, None)


def test_initial_margin_and_refusals() -> None:
    found = BOOK.initial_margin(position(10.0, 2_000.0, leverage=50.0), TABLE)
    assert found.amount == 400.0
    with pytest.raises(InputError, match="1 to 100"):
        BOOK.initial_margin(position(10.0, 2_000.0, leverage=101.0), TABLE)
    with pytest.raises(InputError, match="no cross margin"):
        BOOK.liquidation_price(
            position(1.0, 2_000.0, mode=MarginMode.CROSS), TABLE, Account(wallet=1.0)
        )
    with pytest.raises(InputError, match="a size above 0"):
        rules.PositionState(collateral_usd=1.0, pnl_usd=0.0, size_usd=0.0, min_factor=0.01)
    with pytest.raises(InputError, match="pnl_usd is nan"):
        rules.PositionState(collateral_usd=1.0, pnl_usd=float("nan"), size_usd=1.0, min_factor=0.01)


def test_the_books_are_margin_rules() -> None:
    books: tuple[MarginRules, ...] = rules.rule_books()
    assert [rules.rules_at(name).liquidation_fee for name in ("v2", "v2-single")] == [0.002, 0.003]
    assert len(books) == 2
