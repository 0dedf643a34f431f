"""Many liquidation prices at once are those found one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.solving import leg_of, solve_price
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, table_of
from airpocket.market.instrument import Kind
from tests.leverage.contracts import contract, flat, held, tables

LINEAR = contract("okx", value=0.1)
INVERSE = contract("okx", "BTC/USD:BTC", Kind.INVERSE, 100.0)
STEPS = TierTable(
    "BTC/USDT:USDT", TierUnit.CONTRACTS,
    (Tier(0, 100, 0.004, 0, 50), Tier(100, 1000, 0.01, 0, 25), Tier(1000, 1e4, 0.1, 0, 5)),
    "made up",
)  # fmt: skip


def _one_by_one(
    instrument: Any, table: TierTable, rows: list[tuple[float, bool, float, float]], fee: float
) -> tuple[list[float], list[int]]:
    prices, found_tiers = [], []
    for qty, is_long, entry, ratio in rows:
        one = held(instrument, 1 if is_long else -1, qty, entry, leverage=1)
        leg = leg_of(one, table, fee)
        found = solve_price(one, ratio * leg.size * leg.entry_x, (leg,))
        prices.append(float("nan") if found.price is None else found.price)
        if found.price is None or found.tier is None:
            found_tiers.append(-1)
        else:
            by_size = table.unit is TierUnit.CONTRACTS
            found_tiers.append(table.index_at(qty) if by_size else found.tier)
    return prices, found_tiers


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 9999.0), st.booleans(), st.floats(0.01, 1e5), st.floats(0.011, 1.2)
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([LINEAR, INVERSE]),
    st.one_of(tables(), st.just(STEPS)),
    st.sampled_from([0.0, 0.0005]),
)
def test_many_are_the_same_as_one_by_one(
    rows: list[tuple[float, bool, float, float]], instrument: Any, table: TierTable, fee: float
) -> None:
    qty, is_long, entry, ratio = (np.array(column) for column in zip(*rows, strict=True))
    size = qty * instrument.contract_value
    margin = ratio * (size / entry if instrument is INVERSE else size * entry)
    found = many_liquidation_prices(instrument, table, qty, is_long, entry, margin, fee_rate=fee)
    prices, found_tiers = _one_by_one(instrument, table, rows, fee)
    assert found.price.tolist() == pytest.approx(prices, rel=1e-9, nan_ok=True)
    for index, tier in enumerate(found_tiers):
        # At a bound both tiers say the same, and rounding may name either.
        near_bound = False
        if tier >= 0 and table.unit is TierUnit.NOTIONAL:
            leg_x = 1 / prices[index] if instrument is INVERSE else prices[index]
            value = size[index] * leg_x
            near_bound = any(abs(value / t.up_to - 1) < 1e-9 for t in table.tiers)
        assert near_bound or found.tier[index] == tier


def _columns(**changed: Any) -> dict[str, Any]:
    columns = {
        "qty_raw": np.array([1.0, 2.0]), "is_long": np.array([True, False]),
        "entry_price": np.array([100.0, 100.0]), "margin": np.array([1.0, 1.0]),
    }  # fmt: skip
    return columns | changed


def test_none_is_nan_never_nought() -> None:
    columns = _columns(margin=np.array([11.0, 1e20]))
    found = many_liquidation_prices(LINEAR, flat(0.01), **columns)
    assert np.isnan(found.price).all()
    assert found.tier.tolist() == [-1, -1]
    empty = {name: column[:0] for name, column in _columns().items()}
    assert many_liquidation_prices(LINEAR, flat(0.01), **empty).price.shape == (0,)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"qty_raw": np.array([1.0])}, "differ in length"),
        ({"qty_raw": np.array([1.0, 0.0])}, "qty_raw"),
        ({"entry_price": np.array([1.0, np.nan])}, "entry_price"),
        ({"margin": np.array([1.0, np.inf])}, "margin"),
    ],
)
def test_bad_columns_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        many_liquidation_prices(LINEAR, flat(0.01), **_columns(**changed))


def test_steps_of_notional_and_quanto_are_refused() -> None:
    stepped = table_of("X", [(0, 100, 0.01, 0, 50), (100, 1000, 0.5, 0, 2)], "made up")
    with pytest.raises(InputError, match="a step of 49 at 100"):
        many_liquidation_prices(LINEAR, stepped, **_columns())
    quanto = contract("bitmex", "ETH/USD:BTC", Kind.QUANTO)
    with pytest.raises(InputError, match="quanto"):
        many_liquidation_prices(quanto, flat(0.01), **_columns())
