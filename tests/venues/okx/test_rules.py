"""OKX's rules: steps, the fee inside the requirement, the tick, the cut by two tiers."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules, Taker
from airpocket.leverage.marks import FundingInput, MarkInput
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.tiers import Tier, TierTable, TierTables, TierUnit
from airpocket.leverage.values import profit_at, value_at
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.okx import rules as okx
from airpocket.venues.okx.rules import (
    RECHECK_S,
    OkxRules,
    adl_is_on,
    margin_ratio,
    rule_books,
    rules_at,
)
from airpocket.venues.okx.spot_margin import SpotMargin
from tests.leverage.contracts import assert_met, contract, flat, held, tables
from tests.venues.vectors import near, vectors_of

LINEAR, INVERSE = rules_at("linear"), rules_at("inverse")
ETH = contract("okx", "ETH/USDT:USDT", value=0.1)
FUTURE = msgspec.structs.replace(
    contract("okx", "ETH/USD:ETH-210430", Kind.INVERSE, 10.0), tick=0.01
)
SHIPPED = TierTables.load(Path(okx.__file__).parent / "venue.toml")
CROSS: dict[str, Any] = {"mode": MarginMode.CROSS}
SIGNS = st.sampled_from([1, -1])


def _charging(rules: OkxRules, rate: float) -> OkxRules:
    return msgspec.structs.replace(rules, fee_rate=rate)


def _by_contracts(instrument: Instrument, rows: list[list[float]]) -> TierTable:
    ends = [0.0, *(row[1] for row in rows)]
    tiers = tuple(Tier(ends[i], row[1], row[2], 0.0, 10.0) for i, row in enumerate(rows))
    return TierTable(instrument.symbol, TierUnit.CONTRACTS, tiers, "made up")


def _answer(vector: dict[str, Any]) -> object:
    given = vector["inputs"]
    match vector["kind"]:
        case "liquidation_price" if "face" in given:
            one = held(FUTURE, given["side"], given["n"], given["avg_px"], margin=given["margin"])
            return _charging(INVERSE, given["fee"]).liquidation_price(one, flat(given["mmr"])).price
        case "liquidation_price":
            swap = contract("okx", "ETH/USDT:USDT")
            one = held(
                swap, given["side"], given["amount"], given["open_px"], margin=given["margin"]
            )
            rules = _charging(LINEAR, 0.0006)
            return rules.liquidation_price(one, flat(given["rate"] - 0.0006)).price
        case "margin_ratio":
            fee = given["fee"] * given["maintenance"] / given["mmr"]
            return margin_ratio(given["margin"] + given["upl"], given["maintenance"], fee)
        case "partial_liquidation":
            rows = [[0, given["tier1_max"], 0.01], [0, 10_000, 0.02], [0, 20_000, 0.03]]
            older = msgspec.structs.replace(LINEAR, cuts_to_first_tier=True)
            return older.cut(given["position"], _by_contracts(ETH, rows))
        case "spot_margin_liquidation_price":
            return SpotMargin(
                assets=given["assets"], liabilities=given["liab"], interest=given["interest"],
                maintenance_rate=given["mmr"], fee_rate=given["fee"],
            ).long_price()  # fmt: skip
        case "maintenance_margin_step":
            table = _by_contracts(ETH, given["tiers"])
            swap = contract("okx", "ETH/USDT:USDT", value=given["ct_val"])
            return [
                LINEAR.maintenance_margin(
                    held(swap, 1, qty, 1.0, leverage=1), given["px"], table
                ).amount
                for qty in given["qty"]
            ]
    raise AssertionError(vector["kind"])


def test_every_vector_is_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "okx")
    assert len(found) == 9
    for name, vector in found.items():
        assert _answer(vector) == near(vector), name


def _captured(**more: Any) -> Position:
    return held(FUTURE, 1, 1.0, 2566.31, margin=0.0003896645377994, **more)


def test_the_captured_position_is_met_to_eleven_digits() -> None:
    found = INVERSE.liquidation_price(_captured(), flat(0.008)).price
    assert found == pytest.approx(2352.8496681818233, rel=1e-11)
    bare = msgspec.structs.replace(
        _captured(), instrument=msgspec.structs.replace(FUTURE, tick=None)
    )
    plain = INVERSE.liquidation_price(bare, flat(0.008)).price
    assert plain == pytest.approx(2352.8396681818, rel=1e-11)


def test_the_captured_margin_ratio() -> None:
    fee = 0.0005 * 3.11811092368e-05 / 0.008
    equity = 0.0003896645377994 - 9.932766034e-07
    assert margin_ratio(equity, 3.11811092368e-05, fee) == pytest.approx(
        11.731726509588816, rel=1e-12
    )


def test_a_linear_price_by_hand() -> None:
    rules = _charging(LINEAR, 0.0006)
    swap = contract("okx", "ETH/USDT:USDT")
    short = rules.liquidation_price(held(swap, -1, 1.0, 10.0, leverage=5), flat(0.01)).price
    assert short == pytest.approx(11.87413417771621, rel=1e-12)


def test_one_contract_more_is_a_step() -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    need = [
        LINEAR.maintenance_margin(held(ETH, 1, qty, 1.0, leverage=1), 2000.0, table).amount
        for qty in (3000, 3001, 6000, 6001)
    ]
    assert need == pytest.approx([2400.0, 3001.0, 6000.0, 12_002.0])
    # The step moves the price of the whole position.
    under, over = (
        LINEAR.liquidation_price(held(ETH, 1, qty, 2000.0, leverage=50), table).price
        for qty in (6000.0, 6001.0)
    )
    assert under is not None
    assert over is not None
    assert over - under > 9


@given(SIGNS, st.floats(1.0, 12_000.0), st.floats(1.2, 60.0), st.floats(100.0, 5000.0))
def test_equity_meets_maintenance_and_fee_at_the_price(
    sign: int, contracts: float, leverage: float, entry: float
) -> None:
    one = held(ETH, sign, contracts, entry, leverage=leverage)
    assert_met(LINEAR, one, SHIPPED.find("ETH/USDT:USDT"), fee_rate=LINEAR.fee_rate)


@given(SIGNS, st.floats(1.0, 1e5), st.floats(1.2, 60.0), st.floats(0.003, 0.01))
def test_an_inverse_long_is_one_tick_early_and_a_short_is_not(
    sign: int, contracts: float, leverage: float, rate: float
) -> None:
    one = held(FUTURE, sign, contracts, 2500.0, leverage=leverage)
    price = INVERSE.liquidation_price(one, flat(rate)).price
    if price is None:
        return
    exact = price - 0.01 if sign > 0 else price
    value = value_at(one, exact)
    margin = value_at(one, 2500.0) / leverage
    equity = margin + profit_at(one, exact)
    assert equity == pytest.approx((rate + 0.0005) * value, rel=1e-7, abs=1e-9 * value)


@given(
    SIGNS, st.floats(1.0, 12_000.0), SIGNS, st.floats(0.1, 300.0), st.floats(10.0, 1e6),
    tables(),
)  # fmt: skip
def test_cross_equity_meets_maintenance_and_fee_at_the_price(
    sign: int, contracts: float, other_sign: int, other_qty: float, wallet: float,
    other_table: TierTable,
) -> None:  # fmt: skip
    table = SHIPPED.find("ETH/USDT:USDT")
    one = held(ETH, sign, contracts, 2000.0, **CROSS)
    other = held(contract("okx"), other_sign, other_qty, 100.0, **CROSS)
    account = Account(
        wallet=wallet, positions=((one, 1.0), (other, 101.0)), tables=(table, other_table)
    )
    assert_met(LINEAR, one, table, account, fee_rate=LINEAR.fee_rate)


@given(SIGNS, st.floats(1.5, 40.0), st.floats(1.01, 2.0))
def test_more_leverage_is_nearer(sign: int, leverage: float, more: float) -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    near_by, far = (
        LINEAR.liquidation_price(held(ETH, sign, 10.0, 2000.0, leverage=used), table).price
        for used in (leverage * more, leverage)
    )
    assert near_by is not None
    assert far is not None
    assert sign * (near_by - far) > 0


def _large(mark_loss: float) -> Position:
    return held(ETH, 1, 9000.0, 2000.0, margin=9000.0 * 0.1 * mark_loss)


def test_the_third_tier_is_cut_by_two_and_looked_at_again() -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    one = _large(60.0)
    price = LINEAR.liquidation_price(one, table).price
    assert price is not None
    closing = LINEAR.closing(one, price - 0.01, table)
    (step,) = closing.steps
    assert (step.taker, step.then_wait_s) == (Taker.BOOK, RECHECK_S)
    assert 9000.0 * (1 - step.share) == pytest.approx(3000.0)
    waiting = LINEAR.closing(one, price - 0.01, table, since_partial_s=59.0)
    assert waiting.steps == ()
    assert waiting.is_liquidatable
    assert LINEAR.closing(one, price - 0.01, table, since_partial_s=60.0) == closing
    assert not LINEAR.closing(one, price + 0.01, table).is_liquidatable


def test_what_the_first_tier_does_not_carry_is_taken_over() -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    # 60 USDT a coin behind it: gone at 1940; the first tier's need is 0.45 % of it.
    mark = 1945.0
    closing = LINEAR.closing(_large(60.0), mark, table)
    fund, others = closing.steps
    assert (fund.taker, others.taker) == (Taker.FUND, Taker.COUNTERPARTY)
    assert fund.price == pytest.approx(1940.0)
    assert others.price == mark
    assert not closing.is_bankrupt
    assert LINEAR.closing(_large(60.0), 1939.0, table).is_bankrupt


def test_small_positions_are_taken_over_at_once() -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    one = held(ETH, -1, 4000.0, 2000.0, leverage=50)
    closing = LINEAR.closing(one, 2035.0, table)
    assert [step.taker for step in closing.steps] == [Taker.FUND, Taker.COUNTERPARTY]
    assert closing.steps[0].price == pytest.approx(2040.0)
    assert LINEAR.bankruptcy_price(one) == pytest.approx(2040.0)


def test_the_older_text_cuts_to_the_first_tier() -> None:
    rows = [[0, 2000, 0.01], [0, 6000, 0.02], [0, 10_000, 0.03], [0, 20_000, 0.04]]
    table = _by_contracts(ETH, rows)
    older = msgspec.structs.replace(LINEAR, cuts_to_first_tier=True)
    assert older.cut(15_000, table) == 13_000
    assert LINEAR.cut(15_000, table) == 9000
    assert LINEAR.cut(6000, table) == 0


def test_a_size_beyond_the_tiers_found_is_refused() -> None:
    with pytest.raises(InputError, match="notice of 2021-06-11"):
        LINEAR.maintenance_margin(
            held(ETH, 1, 12_001.0, 2000.0, leverage=1), 2000.0, SHIPPED.find("ETH/USDT:USDT")
        )
    with pytest.raises(InputError, match="okx BTC/USDT:USDT: its tiers are not known"):
        SHIPPED.find("BTC/USDT:USDT")


def test_the_rank_needs_the_tiers_and_grows_with_profit() -> None:
    one = held(ETH, 1, 10.0, 2000.0, leverage=10)
    account = Account(wallet=0.0, tables=(SHIPPED.find("ETH/USDT:USDT"),))
    at = [LINEAR.adl_score(one, mark, account) for mark in (2200.0, 2100.0, 1950.0)]
    assert at[0] > at[1] > 0 > at[2]
    keener = held(ETH, 1, 10.0, 2000.0, leverage=20)
    assert LINEAR.adl_score(keener, 2100.0, account) > at[1]
    assert LINEAR.adl_score(one, 1700.0, account) == float("-inf")
    with pytest.raises(InputError, match="no tiers of ETH"):
        LINEAR.adl_score(one, 2100.0, None)


def test_the_fund_hands_over_at_thirty_percent_below_its_peak() -> None:
    assert adl_is_on(70.0, 100.0)
    assert not adl_is_on(70.1, 100.0)
    assert adl_is_on(0.0, 0.0)


def test_mark_and_funding() -> None:
    mark = MarkInput(
        index=100.0, funding_rate=0.01, hours_to_funding=4.0, basis_mean=-2.0, last=1.0
    )
    assert LINEAR.mark_price(mark) == 98.0
    rate = LINEAR.funding_rate(FundingInput(mean_premium=0.01, cap=0.003, interval_h=2.0))
    assert rate == pytest.approx(0.0095 / 4)


def test_positions_of_others_are_refused() -> None:
    with pytest.raises(InputError, match="okx-inverse: okx ETH/USDT:USDT is linear"):
        INVERSE.initial_margin(held(ETH, 1, 1.0, 100.0, leverage=2), flat(0.01))
    typed: tuple[MarginRules, ...] = rule_books()
    assert [book.rule_id for book in typed] == ["okx-linear", "okx-inverse"]
    need = LINEAR.initial_margin(
        held(ETH, 1, 10.0, 2000.0, leverage=100), SHIPPED.find("ETH/USDT:USDT")
    )
    assert need.amount == pytest.approx(20.0)
    assert LINEAR.bankruptcy_price(held(ETH, 1, 10.0, 2000.0, **CROSS)) is None
