"""What holds a position through a move: found by the rules, and it truly holds."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from airpocket.errors import InputError
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.surviving import holds_at, survival
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.market.instrument import Kind
from airpocket.venues.register import MARGINED, open_rules, tiers_of
from tests.leverage.contracts import contract, flat, held, tables

PRODUCTS = {
    "binance": "usdm", "bybit": "linear", "dydx": "perp", "gmx": "v2", "hyperliquid": "perp",
    "okx": "linear",
}  # fmt: skip
USDM = open_rules("binance", "usdm")
BTC = contract("binance")
SHIPPED = tiers_of("binance").find("BTC/USDT:USDT")


def test_every_venue_is_tried() -> None:
    assert set(PRODUCTS) == set(MARGINED)


def _one(venue: str, sign: int, qty: float, entry: float, **more: Any) -> Position:
    # The venue's own name: on Hyperliquid a colon in it is a builder's market.
    named = structs.replace(contract(venue, "BTC/USDC:USDC"), raw_symbol="BTC")
    return held(named, sign, qty, entry, **more)


def _table(venue: str, drawn: TierTable) -> TierTable:
    tiers = drawn.tiers
    if venue == "gmx":
        tiers = (Tier(0.0, float("inf"), tiers[0].rate, 0.0, 50.0),)
    return TierTable("BTC/USDC:USDC", drawn.unit, tiers, drawn.source)


@pytest.mark.parametrize("venue", MARGINED)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_found_holds_and_one_step_more_does_not(venue: str, data: st.DataObject) -> None:
    rules = open_rules(venue, PRODUCTS[venue])
    table = _table(venue, data.draw(tables()))
    sign = data.draw(st.sampled_from([1, -1]))
    value = data.draw(st.floats(2e3, 1e6).filter(lambda drawn: drawn < table.tiers[-1].up_to / 8))
    entry = data.draw(st.floats(1.0, 1e5))
    position = _one(venue, sign, value / entry, entry, leverage=1)
    price = entry * (1 - sign * data.draw(st.floats(0.01, 0.6)))
    found = survival(rules, position, table, price)

    def at(**more: Any) -> bool:
        one = _one(venue, sign, value / entry, entry, **more)
        return holds_at(rules, one, table, price)

    if found.leverage_most is not None:
        assert at(leverage=found.leverage_most)
        if found.leverage_most < found.leverage_cap:
            assert not at(leverage=found.leverage_most + 0.01)
        whole = found.whole_leverage_most
        assert whole is not None
        assert whole == int(found.leverage_most)
    else:
        assert not at(leverage=1)
    assert at(leverage=1, margin=found.margin_least)
    assert not at(leverage=1, margin=found.margin_least - 0.01)
    assert found.holds is at(leverage=1)


def test_a_margin_that_only_meets_the_requirement_does_not_hold() -> None:
    """At 92,000 what must be held is 8,000 of loss and 368 of maintenance: one cent more holds."""
    position = held(BTC, 1, 1.0, 100_000.0, leverage=20)
    found = survival(USDM, position, SHIPPED, 92_000.0)
    assert found.margin_least == 8_368.01
    assert not holds_at(USDM, held(BTC, 1, 1.0, 100_000.0, margin=8_368.0), SHIPPED, 92_000.0)
    assert not found.holds
    # 100,000 / L > 8,368 leaves L < 11.9502…
    assert (found.leverage_most, found.whole_leverage_most) == (11.95, 11)


def test_the_tier_at_the_price_reached_counts_not_that_at_entry() -> None:
    """A short of 780,000 rises into the tier above 800,000, where more is required."""
    position = held(BTC, -1, 7.8, 100_000.0, leverage=10)
    found = survival(USDM, position, SHIPPED, 108_000.0)
    needed = 7.8 * 8_000 + 842_400 * 0.0065 - 1_500
    assert found.margin_least == pytest.approx(needed, abs=0.011)
    assert found.margin_least > needed


def test_a_cap_is_said_as_one() -> None:
    position = held(BTC, 1, 1.0, 100_000.0, leverage=5)
    found = survival(USDM, position, SHIPPED, 99_900.0)
    assert found.leverage_most == found.leverage_cap == 150.0
    assert found.holds


def test_not_even_one_may_hold() -> None:
    found = survival(USDM, held(BTC, -1, 1.0, 100_000.0, leverage=5), SHIPPED, 250_000.0)
    assert (found.leverage_most, found.whole_leverage_most) == (None, None)
    assert found.margin_least > 150_000


def test_a_profit_needs_no_margin() -> None:
    """Bought at 50,000, at 92,000 it has gained more than it must hold."""
    found = survival(USDM, held(BTC, 1, 1.0, 50_000.0, leverage=1), SHIPPED, 92_000.0)
    assert found.margin_least == 0.0


def test_in_cross_the_wallet_is_varied() -> None:
    position = held(BTC, 1, 1.0, 100_000.0, mode=MarginMode.CROSS, leverage=20)
    account = Account(wallet=5_000.0, tables=(SHIPPED,))
    found = survival(USDM, position, SHIPPED, 92_000.0, account)
    assert found.leverage_most is None
    assert found.margin_least == 8_368.01
    assert not found.holds
    rich = Account(wallet=found.margin_least, tables=(SHIPPED,))
    assert survival(USDM, position, SHIPPED, 92_000.0, rich).holds


def test_coins_are_rounded_finer() -> None:
    coin = contract("binance", "BTC/USD:BTC", Kind.INVERSE, 100.0)
    rules, table = open_rules("binance", "coinm"), flat(0.004, symbol="BTC/USD:BTC")
    position = held(coin, 1, 1_000.0, 100_000.0, leverage=20)
    found = survival(rules, position, table, 92_000.0, margin_step=1e-8)
    needed = 100_000 / 92_000 - 1 + 0.004 * 100_000 / 92_000
    assert 0 < found.margin_least - needed < 2e-8


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(InputError, match="is none"):
        survival(USDM, held(BTC, 1, 1.0, 100_000.0, leverage=5), SHIPPED, price)


@pytest.mark.parametrize("step", [0.0, -0.01, float("nan")])
def test_a_step_that_is_none_is_refused(step: float) -> None:
    with pytest.raises(InputError, match="in steps of"):
        survival(USDM, held(BTC, 1, 1.0, 100_000.0, leverage=5), SHIPPED, 9e4, margin_step=step)


def test_beyond_the_tiers_the_rules_refuse() -> None:
    short = TierTable("BTC/USDT:USDT", TierUnit.NOTIONAL, (Tier(0, 1e5, 0.01, 0, 50),), "page")
    position = held(BTC, -1, 1.0, 95_000.0, leverage=5)
    with pytest.raises(InputError, match="page"):
        survival(USDM, position, short, 120_000.0)


@settings(max_examples=25)
@given(st.floats(0.01, 0.5), st.floats(0.01, 0.5), st.sampled_from([1, -1]))
def test_a_larger_move_allows_no_more_leverage(one: float, other: float, sign: int) -> None:
    assume(one < other)
    position = held(BTC, sign, 1.0, 100_000.0, leverage=1)
    near, far = (
        survival(USDM, position, SHIPPED, 100_000.0 * (1 - sign * move)) for move in (one, other)
    )
    assert (near.leverage_most or 0.0) >= (far.leverage_most or 0.0)
    assert near.margin_least <= far.margin_least
