"""The liquidation price under tiers, against a slow search and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.leverage.position import Position
from airpocket.leverage.solving import kept_share, leg_of, solve_price
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, table_of
from airpocket.market.instrument import Kind
from tests.leverage.contracts import contract, flat, held, tables

LINEAR = contract("okx")
INVERSE = contract("okx", "BTC/USD:BTC", Kind.INVERSE, 100.0)


def _found(one: Position, behind: float, table: TierTable) -> float | None:
    return solve_price(one, behind, (leg_of(one, table),)).price


def _slow(one: Position, behind: float, table: TierTable) -> float | None:
    """Bisect equity less requirement over the price, knowing nothing of pieces."""
    leg = leg_of(one, table)

    def short(price: float) -> bool:
        x = 1 / price if one.instrument.kind is Kind.INVERSE else price
        value = leg.size * x
        tier = next(tier for tier in table.tiers if value <= tier.up_to)
        gained = leg.sign * leg.size * (x - leg.entry_x)
        return behind + gained <= value * tier.rate - tier.deduction

    safe, taken = one.entry_price, one.entry_price * (1e-6 if one.sign > 0 else 1e4)
    if short(safe) or not short(taken):
        return None
    for _ in range(200):
        middle = (safe + taken) / 2
        safe, taken = (safe, middle) if short(middle) else (middle, taken)
    return taken


@given(
    st.sampled_from([1, -1]), st.sampled_from([LINEAR, INVERSE]), st.floats(0.1, 30.0),
    st.floats(1.2, 30.0), tables(),
)  # fmt: skip
def test_the_price_is_that_of_a_slow_search(
    sign: int, instrument: object, qty: float, leverage: float, table: TierTable
) -> None:
    one = held(instrument, sign, qty, 40_000.0, leverage=leverage)  # type: ignore[arg-type]
    leg = leg_of(one, table)
    behind = leg.size * leg.entry_x / leverage
    slow = _slow(one, behind, table)
    if slow is not None:
        assert _found(one, behind, table) == pytest.approx(slow, rel=1e-9)


def test_tiers_of_contracts_do_not_move_with_the_price() -> None:
    tiers = (Tier(0, 10, 0.01, 0, 50), Tier(10, 20, 0.02, 0, 25))
    table = TierTable("X", TierUnit.CONTRACTS, tiers, "made up")
    ten, eleven = (
        held(LINEAR, 1, 10.0, 100.0, leverage=10),
        held(LINEAR, 1, 11.0, 100.0, leverage=10),
    )
    assert _found(ten, 100.0, table) == pytest.approx(900 / (10 * 0.99))
    assert _found(eleven, 110.0, table) == pytest.approx(990 / (11 * 0.98))


def test_what_must_be_held_in_full_has_no_price_without_end() -> None:
    # Rate 1: equity and requirement run side by side for ever.
    table = table_of("X", [(0, float("inf"), 1.0, 0, 1)], "made up")
    one = held(LINEAR, 1, 1.0, 100.0, leverage=1)
    assert solve_price(one, 101.0, (leg_of(one, table),)).reason.endswith("covers every price")
    assert "below its requirement" in solve_price(one, 99.0, (leg_of(one, table),)).reason


def test_a_step_of_value_is_the_price_itself() -> None:
    # Safe below 100, short above: the whole value at the tier's rate, without a deduction.
    table = table_of("X", [(0, 100, 0.01, 0, 50), (100, 1000, 0.5, 0, 2)], "made up")
    assert _found(held(LINEAR, -1, 1.0, 90.0, leverage=2), 45.0, table) == 100.0


def test_a_hedged_pair_has_the_price_of_its_net_side() -> None:
    table = flat(0.01)
    long, short = held(LINEAR, 1, 3.0, 100.0, leverage=1), held(LINEAR, -1, 1.0, 100.0, leverage=1)
    legs = (leg_of(long, table), leg_of(short, table))
    # 20 + 2 (p - 100) = 0.04 p
    assert solve_price(long, 20.0, legs).price == pytest.approx(180 / 1.96)
    even = (leg_of(held(LINEAR, 1, 1.0, 90.0, leverage=1), table), legs[1])
    # 20 - 10 + 20 = 0.02 p: only the growth of maintenance takes a pair that is even.
    above = solve_price(long, 20.0, even)
    assert above.price == pytest.approx((20 + 10) / 0.02)


def test_of_two_prices_of_a_hedged_pair_that_of_the_net_side_is_given() -> None:
    # 1.2 against 1: the maintenance of both, 20 % above a value of 300, outgrows the profit.
    table = table_of("X", [(0, 300, 0.01, 0, 50), (300, 1e4, 0.2, 57, 5)], "made up")
    long, short = (held(LINEAR, s, q, 100.0, leverage=1) for s, q in ((1, 1.2), (-1, 1.0)))
    legs = (leg_of(long, table), leg_of(short, table))
    # 8 + 0.2 (p - 100) = 0.022 p below 250.
    assert solve_price(long, 8.0, legs).price == pytest.approx(12 / 0.178)
    # Net short: 60 - 0.2 p = 0.24 p - 57 + 0.01 p between 250 and 300.
    turned = (
        leg_of(held(LINEAR, -1, 1.2, 100.0, leverage=1), table),
        leg_of(held(LINEAR, 1, 1.0, 100.0, leverage=1), table),
    )
    above = solve_price(short, 40.0, turned).price
    assert above == pytest.approx(117 / 0.45)


@pytest.mark.parametrize(
    ("sign", "behind", "said"),
    [(1, 200.0, "covers every price"), (-1, -200.0, "below its requirement")],
)
def test_no_price_has_its_reason(sign: int, behind: float, said: str) -> None:
    one = held(LINEAR, sign, 1.0, 100.0, leverage=1)
    found = solve_price(one, behind, (leg_of(one, flat(0.01)),))
    assert found.price is None
    assert said in found.reason


@given(st.floats(1e3, 1e7), st.floats(-0.1, 0.3), st.floats(0.0, 0.02), tables())
def test_what_is_kept_is_the_most_that_is_compliant(
    value: float, ratio: float, fee: float, table: TierTable
) -> None:
    spare = value * ratio

    def compliant(kept: float) -> bool:
        return spare - fee * (value - kept) >= table.maintenance(kept) - 1e-7 * value

    kept = kept_share(value, spare, table.tiers, fee) * value
    assert 0 <= kept <= value * (1 + 1e-12)
    if kept > 0:
        assert compliant(min(kept, value))
    for step in range(1, 50):
        more = kept + (value - kept) * step / 49
        if more > kept + 1e-5 * value:
            assert not (spare - fee * (value - more) > table.maintenance(more) + 1e-7 * value)


def test_a_long_that_is_paid_in_full_is_covered_and_not_short_everywhere() -> None:
    """At 1x equity is the value itself: above what must be held at every price, 0 at 0."""
    one = held(LINEAR, 1, 1.5, 100_000.0, leverage=1)
    found = solve_price(one, 150_000.0, (leg_of(one, flat(0.004)),))
    assert found.price is None
    assert found.reason == "what stands behind it covers every price"
    lacking = solve_price(one, 149_999.0, (leg_of(one, flat(0.004)),))
    assert lacking.price == pytest.approx(1 / 1.5 / 0.996)
