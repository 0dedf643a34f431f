"""Prices are the source's, or those of the rules one by one, or not known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import LiquidationPrice, MarginRules
from airpocket.leverage.position import Position
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_prices import (
    WithoutAccount,
    bankruptcy_prices,
    margin_behind,
    prices_of,
    refuse_above_cap,
)
from airpocket.leverage.solving import leg_of, solve_price
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, table_of
from airpocket.leverage.values import bankruptcy_price_of, margin_of
from airpocket.market.instrument import Instrument
from tests.leverage.contracts import contract, held, tables
from tests.leverage.frames import BTC, INVERSE

NAN = float("nan")
INF = float("inf")
TIERS = table_of(BTC.symbol, [(0, 1e6, 0.005, 0, 50), (1e6, 1e9, 0.01, 5_000, 20)], "made up")


def book_of(
    *rows: tuple[bool, float, float, float, float, bool, float], at: Instrument = BTC
) -> PositionBook:
    """Long, size, entry, margin, leverage, cross, said price."""
    columns = list(zip(*rows, strict=True))
    numbers = {at: np.array(columns[at], dtype=np.float64) for at in (1, 2, 3, 4, 6)}
    return PositionBook(
        (at,), np.zeros(len(rows), dtype=np.int32), np.array(columns[0]), numbers[1], numbers[2],
        numbers[3], numbers[4], np.array(columns[5]), numbers[6], "made up",
    )  # fmt: skip


class _Shifted:
    """Rules whose prices the bulk formula does not know: a fifth of a dollar off."""

    rule_id = "shifted"

    def liquidation_price(self, position: Position, tiers: TierTable) -> LiquidationPrice:
        found = solve_price(position, margin_of(position), (leg_of(position, tiers, 0.0),))
        return LiquidationPrice(None if found.price is None else found.price + 0.2, found.tier)


class _Plain(_Shifted):
    """Rules that the bulk formula is."""

    rule_id = "plain"

    def liquidation_price(self, position: Position, tiers: TierTable) -> LiquidationPrice:
        return solve_price(position, margin_of(position), (leg_of(position, tiers, 0.0),))


def _rules(made_up: Any) -> MarginRules:
    return made_up  # type: ignore[no-any-return]


def test_whose_price_it_is() -> None:
    book = book_of(
        (True, 1.0, 100.0, NAN, 10.0, False, 91.5),  # said
        (True, 1.0, 100.0, NAN, 10.0, False, INF),  # said that there is none
        (True, 1.0, 100.0, NAN, 10.0, False, NAN),  # computed
        (True, 1.0, 100.0, NAN, 10.0, True, NAN),  # cross, not known
        (True, 1.0, 100.0, NAN, 10.0, True, 70.0),  # cross, said
    )
    found = prices_of(book, tiers=TIERS)
    np.testing.assert_allclose(found.price, [91.5, NAN, 90 / 0.995, NAN, 70.0])
    assert found.is_left_out.tolist() == [False, False, False, True, False]
    assert found.assumed == (
        "3 of 5 liquidation prices are as the source says",
        "1 of 5 liquidation prices computed by its tiers (made up)",
    )
    found = prices_of(book, tiers=TIERS, without_account=WithoutAccount.AS_ISOLATED)
    assert found.price[3] == found.price[2]
    assert found.is_as_isolated.tolist() == [False, False, False, True, False]
    assert not found.is_left_out.any()


def test_a_cross_position_of_which_nothing_is_known_stays_out() -> None:
    book = book_of((True, 1.0, 100.0, NAN, NAN, True, NAN))
    found = prices_of(book, tiers=TIERS, without_account=WithoutAccount.AS_ISOLATED)
    assert found.is_left_out.all()
    assert np.isnan(found.price).all()


def test_tiers_are_needed_only_where_prices_are_computed() -> None:
    prices_of(book_of((True, 1.0, 100.0, NAN, 10.0, False, 91.5)))
    with pytest.raises(InputError, match="1 positions of BTC/USDT:USDT have no liquidation price"):
        prices_of(book_of((True, 1.0, 100.0, NAN, 10.0, False, NAN)))


@pytest.mark.parametrize(("made_up", "how"), [(_Plain(), "by plain"), (_Shifted(), "one by one")])
@given(table=tables())
def test_rules_are_kept_whatever_the_bulk_formula_says(
    made_up: Any, how: str, table: TierTable
) -> None:
    rows = [
        (at % 2 == 0, 0.1 + 37.0 * at**2, 100.0 + at, NAN, 5.0 + at, False, NAN) for at in range(40)
    ]
    book = book_of(*rows)
    found = prices_of(book, tiers=table, rules=_rules(made_up))
    alone = [
        made_up.liquidation_price(
            held(BTC, 1 if one[0] else -1, one[1], one[2], leverage=one[4]), table
        ).price
        for one in rows
    ]
    expected = np.array([NAN if price is None else price for price in alone])
    np.testing.assert_allclose(found.price, expected, rtol=1e-9)
    assert how in found.assumed[-1]


def test_rules_where_the_bulk_formula_cannot_be_used() -> None:
    steps = table_of(BTC.symbol, [(0, 1e3, 0.005, 0, 50), (1e3, 1e9, 0.02, 0, 20)], "a step")
    book = book_of((True, 1.0, 100.0, NAN, 10.0, False, NAN))
    with pytest.raises(InputError, match="a step"):
        prices_of(book, tiers=steps)
    found = prices_of(book, tiers=steps, rules=_rules(_Plain()))
    assert found.price[0] == pytest.approx(90 / 0.995)


@given(
    st.sampled_from([1, -1]), st.floats(0.01, 1e4), st.floats(0.1, 1e5), st.floats(1.0, 100.0),
    st.sampled_from([BTC, INVERSE, contract("x", value=0.01)]),
)  # fmt: skip
def test_bankruptcy_prices_are_those_one_by_one(
    sign: int, qty: float, entry: float, leverage: float, instrument: Instrument
) -> None:
    book = book_of((sign > 0, qty, entry, NAN, leverage, False, NAN), at=instrument)
    one = held(instrument, sign, qty, entry, leverage=leverage)
    alone = bankruptcy_price_of(one, margin_of(one))
    found = bankruptcy_prices(book)[0]
    if alone is None or alone > 1e12 or alone < entry * 1e-9:  # where rounding decides
        return
    assert found == pytest.approx(alone, rel=1e-9)
    assert margin_behind(book, slice(None))[0] == pytest.approx(margin_of(one))


def test_bankruptcy_is_not_known_without_a_margin() -> None:
    found = bankruptcy_prices(
        book_of(
            (True, 1.0, 100.0, NAN, NAN, True, 50.0),
            (True, 1.0, 100.0, 120.0, NAN, False, NAN),  # more than it is worth
            (False, 1.0, 100.0, 20.0, 2.0, False, NAN),  # a margin goes before a leverage
        )
    )
    np.testing.assert_array_equal(found, [NAN, NAN, 120.0])


def test_leverage_above_the_cap() -> None:
    good = book_of((True, 1e4, 100.0, NAN, 50.0, False, NAN))
    refuse_above_cap(good, TIERS, lambda at: at)
    bad = book_of(
        (True, 1.0, 100.0, NAN, 50.0, False, NAN), (True, 10_001.0, 100.0, NAN, 50.0, False, NAN)
    )
    with pytest.raises(InputError) as caught:
        refuse_above_cap(bad, TIERS, lambda at: at + 40)
    assert str(caught.value) == (
        "made up: position 41 (BTC/USDT:USDT): leverage 50 is above 20, the most for 1,000,100"
        " notional (made up)"
    )
    big = book_of((True, 1e8, 100.0, NAN, 2.0, False, NAN))
    with pytest.raises(InputError, match=r"10,000,000,000 notional is beyond the last tier"):
        refuse_above_cap(big, TIERS, lambda at: at)
    refuse_above_cap(book_of((True, 1.0, 100.0, 5.0, NAN, False, NAN)), TIERS, lambda at: at)


def test_the_cap_of_tiers_by_contracts() -> None:
    table = TierTable(
        BTC.symbol, TierUnit.CONTRACTS, (Tier(0, 10, 0.004, 0, 50), Tier(10, 99, 0.01, 0, 25)),
        "made up",
    )  # fmt: skip
    refuse_above_cap(book_of((True, 10.0, 1e5, NAN, 50.0, False, NAN)), table, lambda at: at)
    with pytest.raises(InputError, match="leverage 26 is above 25, the most for 11 contracts"):
        refuse_above_cap(book_of((True, 11.0, 1e5, NAN, 26.0, False, NAN)), table, lambda at: at)
