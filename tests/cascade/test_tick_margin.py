"""Contracts in integers, and ticks of many positions beside prices in floating point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.tick_margin import steps_of, tick_prices, tick_tiers
from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.market.instrument import Instrument, Kind
from tests.cascade.crowds import SYMBOL, coin, contract, spare, tier_table

_TIERS = tier_table()


@pytest.mark.parametrize(
    ("tick", "lot", "value"), [(0.1, 0.001, 100), (0.0001, 0.1, 10), (0.00001, 1.0, 10)]
)
def test_a_lot_gains_whole_micro_dollars_by_a_tick(tick: float, lot: float, value: int) -> None:
    assert steps_of(coin(tick=tick, lot=lot)).value_micro == value


@pytest.mark.parametrize(
    ("instrument", "said"),
    [
        (coin(tick=0.0001, lot=0.001), "must be whole"),
        (coin(tick=None), "not known"),
        (coin(lot=None), "not known"),
        (coin(kind=Kind.INVERSE, quote="USD", settle="BTC"), "linear contract in dollars"),
        (coin(quote="EUR", settle="EUR"), "linear contract in dollars"),
    ],
)
def test_other_contracts_are_refused(instrument: Instrument, said: str) -> None:
    with pytest.raises(InputError, match=said):
        steps_of(instrument)


def test_tiers_are_the_table_in_integers() -> None:
    whole = tick_tiers(contract(), _TIERS, fee_rate=0.0005)
    assert whole.up_to[0] == 300_000 * 10**6
    assert whole.rate_ppb[:3].tolist() == [4_500_000, 5_500_000, 7_000_000]
    assert whole.deduction_micro[1] == 300 * 10**6
    assert whole.leverage_milli[0] == 150_000
    endless = TierTable(SYMBOL, TierUnit.NOTIONAL, (Tier(0, float("inf"), 0.01, 0, 50),), "made up")
    assert tick_tiers(contract(), endless).up_to[0] == 1 << 62


def test_tiers_of_contracts_are_bounded_in_lots() -> None:
    table = TierTable(
        SYMBOL,
        TierUnit.CONTRACTS,
        (Tier(0, 0.3, 0.01, 0, 50), Tier(0.3, 9, 0.02, 0, 20)),
        "made up",
    )
    whole = tick_tiers(contract(), table)
    assert whole.by_contracts
    assert whole.up_to.tolist() == [300, 9000]
    prices = tick_prices(
        contract(), table, np.array([True, True]), np.array([300, 301]), np.full(2, 600_000),
        np.array([300, 301]) * 6_000_000,
    )  # fmt: skip
    assert prices.liquidation_tick.tolist() == [545_454, 551_020]  # 540,000 / 0.99 and / 0.98
    assert prices.bankruptcy_tick.tolist() == [540_000, 540_000]


@settings(max_examples=40, database=None, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.0005]))
def test_ticks_are_the_bulk_prices_rounded_away_from_the_entry(seed: int, fee: float) -> None:
    rng = np.random.default_rng(seed)
    count = 200
    lots = np.exp(rng.uniform(0, 13, count)).astype(np.int64)
    entry = rng.integers(300_000, 900_000, count)
    is_long = rng.random(count) < 0.5
    margin = (lots * entry * 100 / rng.uniform(1, 20, count)).astype(np.int64) + 1
    ours = tick_prices(contract(), _TIERS, is_long, lots, entry, margin, fee_rate=fee)
    price = many_liquidation_prices(
        contract(), _TIERS, lots * np.float64(0.001), is_long, entry * np.float64(0.1),
        margin / 10**6, fee_rate=fee,
    ).price  # fmt: skip
    ticks = np.where(is_long, np.nan_to_num(price, nan=0.0), np.nan_to_num(price, nan=2.0**62 / 10))
    moved = np.where(
        is_long, ticks * 10 - ours.liquidation_tick, ours.liquidation_tick - ticks * 10
    )
    assert moved.min() > -1e-6
    assert moved[ours.liquidation_tick < 1 << 60].max() < 1 + 1e-6
    if fee == 0.0:
        for row in range(0, count, 20):
            at = int(ours.liquidation_tick[row])
            if 0 < at < 1 << 62:
                own = (
                    bool(is_long[row]),
                    int(lots[row]),
                    int(entry[row]),
                    int(margin[row]),
                    _TIERS,
                )
                assert spare(at, *own) <= 0 < spare(at + (1 if is_long[row] else -1), *own)
    # Taken before or when nothing is left.
    beyond = np.where(
        is_long,
        ours.liquidation_tick >= ours.bankruptcy_tick,
        ours.liquidation_tick <= ours.bankruptcy_tick,
    )
    assert bool(np.all(beyond[(ours.liquidation_tick < 1 << 62) & (ours.liquidation_tick > 0)]))
