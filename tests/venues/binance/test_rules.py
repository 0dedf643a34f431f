"""Binance futures rules against the venue's own worked examples, and laws they cannot break."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import Closing, MarginRules, Taker
from airpocket.leverage.marks import FundingInput, MarkInput, impact_notional
from airpocket.leverage.position import Account, MarginMode
from airpocket.leverage.standing import stand
from airpocket.leverage.tiers import TierTable, TierTables, deductions, table_of
from airpocket.leverage.values import profit_at
from airpocket.market.instrument import Kind
from airpocket.units import ns_from_iso
from airpocket.venues.binance import rules as binance
from airpocket.venues.binance.rules import adl_terms, funding_cap, rule_books, rules_at
from tests.leverage.contracts import assert_met, contract, flat, held, tables
from tests.venues.vectors import near, vectors_of

USDM, COINM = rules_at("usdm"), rules_at("coinm")
BTC = contract("binance")
ETH = contract("binance", "ETH/USDT:USDT")
BTC_COIN = contract("binance", "BTC/USD:BTC", Kind.INVERSE, 100.0)
SHIPPED = TierTables.load(Path(binance.__file__).parent / "venue.toml")
CROSS: dict[str, Any] = {"mode": MarginMode.CROSS}
SIGNS = st.sampled_from([1, -1])


def _usdm_price(given: dict[str, Any]) -> float | None:
    behind = given["wb"] - given.get("tmm1", 0.0) + given.get("upnl1", 0.0)
    one = held(BTC, given["side1"], given["pos1"], given["ep1"], margin=behind)
    return USDM.liquidation_price(one, flat(given["mmr1"], given["cum1"])).price


def _usdm_vector(vector: dict[str, Any]) -> object:  # noqa: C901, PLR0911 — a kind each
    given = vector["inputs"]
    match vector["kind"]:
        case "liquidation_price":
            return _usdm_price(given)
        case "liquidation_price_tiered":
            one = held(BTC, given["side"], given["pos"], given["ep"], margin=given["wb"])
            return USDM.liquidation_price(one, SHIPPED.find(given["tiers"])).price
        case "maintenance_margin" if "notional" in given:
            one = held(BTC, 1, given["notional"] / 100.0, 100.0, leverage=1)
            return USDM.maintenance_margin(one, 100.0, SHIPPED.find("BTC/USDT:USDT")).amount
        case "maintenance_margin":
            one = held(BTC, 1, given["qty"], given["mark"], leverage=1)
            table = flat(given["rate"], given["cum"])
            return USDM.maintenance_margin(one, given["mark"], table).amount
        case "tier_deductions":
            return list(deductions(given["floors"], given["rates"]))
        case "unrealised_pnl":
            one = held(BTC, given["side"], given["qty"], given["entry"], leverage=1)
            return profit_at(one, given["mark"])
        case "adl_rank":
            return list(adl_terms(given["upnl"], given["wallet"], given["margin_ratio"]))
        case "mark_price":
            return USDM.mark_price(
                MarkInput(
                    index=given["index"], funding_rate=given["last_funding"],
                    hours_to_funding=given["hours_to_funding"],
                    basis_mean=given["basis_ma_30s"], last=given["contract"],
                )
            )  # fmt: skip
        case "funding_rate":
            return USDM.funding_rate(
                FundingInput(
                    mean_premium=given["avg_premium"], interval_h=given["interval_hours"],
                    cap=given["cap"],
                )
            )  # fmt: skip
        case "funding_cap":
            return funding_cap(given["mmr"])
        case "impact_margin_notional":
            return impact_notional(1 / given["imr"])
    raise AssertionError(vector["kind"])


def test_every_vector_of_usdm_is_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "binance_usdm")
    assert len(found) == 31
    for vector in found.values():
        assert _usdm_vector(vector) == near(vector), vector["id"]


def _coinm_vector(vector: dict[str, Any]) -> object:
    given = vector["inputs"]
    match vector["kind"]:
        case "tier_deduction":
            below = deductions([0, given["floor"]], [given["rate_prev"], given["rate"]])
            return given["cum_prev"] + below[1]
        case "initial_margin":
            one = held(BTC_COIN, 1, given["contracts"], given["price"], leverage=given["leverage"])
            return COINM.initial_margin(one, flat(0.01)).amount
        case "liquidation_price":
            contracts = given["contracts_usd"] / 100.0
            one = held(BTC_COIN, given["side"], contracts, given["ep"], margin=given["wallet_coin"])
            return COINM.liquidation_price(one, flat(given["mmr"], given["cum_coin"])).price
    raise AssertionError(vector["kind"])


def test_every_vector_of_coinm_is_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "binance_coinm")
    assert len(found) == 4
    for vector in found.values():
        assert _coinm_vector(vector) == near(vector), vector["id"]


# The official example: one wallet, BTC and ETH long, each liquidated with the other at its mark.
_BTC_TABLE = flat(0.025, 16_300.0)
_ETH_TABLE = flat(0.1, 135_365.0, "ETH/USDT:USDT")
_WALLET = 1_535_443.01


def test_the_official_example_of_two_contracts() -> None:
    btc, eth = held(BTC, 1, 109.488, 32_481.98, **CROSS), held(ETH, 1, 3683.979, 1456.84, **CROSS)
    account = Account(
        wallet=_WALLET, positions=((btc, 31_967.27), (eth, 1335.18)),
        tables=(_BTC_TABLE, _ETH_TABLE),
    )  # fmt: skip
    assert USDM.liquidation_price(eth, _ETH_TABLE, account).price == pytest.approx(
        1153.26, abs=0.005
    )
    assert USDM.liquidation_price(btc, _BTC_TABLE, account).price == pytest.approx(
        26_316.89, abs=0.005
    )
    alone = held(BTC, 1, 109.488, 32_481.98, margin=_WALLET)
    assert USDM.liquidation_price(alone, _BTC_TABLE).price == pytest.approx(18_778.73, abs=0.005)


def test_the_tier_is_that_of_the_value_at_the_price_found() -> None:
    table = SHIPPED.find("BTC/USDT:USDT")
    one = held(BTC, 1, 20.0, 100_000.0, margin=20_000.0)
    found = USDM.liquidation_price(one, table)
    assert found.price == pytest.approx(99_572.21942627075, rel=1e-12)
    assert found.tier == 2
    # 3.1 M at entry is the fourth tier; at the price found it is the third.
    larger = held(BTC, 1, 31.0, 100_000.0, leverage=20.0)
    assert USDM.maintenance_margin(larger, 100_000.0, table).tier == 3
    assert USDM.liquidation_price(larger, table).tier == 2
    assert_met(USDM, larger, table)


def test_hedged_legs_share_one_price() -> None:
    table = SHIPPED.find("BTC/USDT:USDT")
    long = held(BTC, 1, 30.0, 100_000.0, **CROSS)
    short = held(BTC, -1, 10.0, 98_000.0, **CROSS)
    account = Account(
        wallet=300_000.0, positions=((long, 99_000.0), (short, 99_000.0)), tables=(table,)
    )
    ours = USDM.liquidation_price(long, table, account)
    other = USDM.liquidation_price(short, table, account)
    assert ours.price == other.price
    assert ours.price is not None
    # Binance's own formula, with the tiers at that price (2.57 M and 0.86 M: both the third).
    cum, rate = 1500.0, 0.0065
    by_hand = (300_000 + 2 * cum - 30 * 100_000 + 10 * 98_000) / (40 * rate - 30 + 10)
    assert ours.price == pytest.approx(by_hand, rel=1e-12)
    at = stand(long, ours.price, table, account)
    assert at.equity == pytest.approx(at.maintenance, rel=1e-9)
    # The short leg alone would have been liquidated above its entry, not below.
    lone = Account(wallet=300_000.0, positions=((short, 99_000.0),), tables=(table,))
    above = USDM.liquidation_price(short, table, lone).price
    assert above is not None
    assert above > 98_000


@given(
    SIGNS, st.floats(0.01, 200.0), st.floats(1.0, 1e5), st.floats(1.01, 100.0), tables(),
    st.sampled_from(["usdm", "coinm"]),
)  # fmt: skip
def test_equity_meets_maintenance_at_the_price(
    sign: int, qty: float, entry: float, leverage: float, table: TierTable, product: str
) -> None:
    rules, instrument = (USDM, BTC) if product == "usdm" else (COINM, BTC_COIN)
    one = held(instrument, sign, qty, entry, leverage=leverage)
    assert_met(rules, one, table)


@given(
    SIGNS, st.floats(0.01, 50.0), SIGNS, st.floats(0.1, 500.0), st.floats(0.9, 1.1),
    st.floats(1.0, 1e7), tables(), tables("ETH/USDT:USDT"),
)  # fmt: skip
def test_cross_equity_meets_maintenance_at_the_price(
    sign: int, qty: float, other_sign: int, other_qty: float, moved: float, wallet: float,
    table: TierTable, other_table: TierTable,
) -> None:  # fmt: skip
    one = held(BTC, sign, qty, 50_000.0, **CROSS)
    other = held(ETH, other_sign, other_qty, 2000.0, **CROSS)
    account = Account(
        wallet=wallet, positions=((one, 50_000.0), (other, 2000.0 * moved)),
        tables=(table, other_table),
    )  # fmt: skip
    assert_met(USDM, one, table, account)


@given(
    st.floats(0.01, 50.0), st.floats(0.01, 50.0), st.floats(0.9, 1.1), st.floats(10.0, 1e6),
    tables(),
)  # fmt: skip
def test_a_hedged_pair_meets_its_maintenance_at_its_one_price(
    qty: float, other_qty: float, moved: float, wallet: float, table: TierTable
) -> None:
    long = held(BTC, 1, qty, 50_000.0, **CROSS)
    short = held(BTC, -1, other_qty, 50_000.0 * moved, **CROSS)
    account = Account(wallet=wallet, positions=((long, 1.0), (short, 1.0)))
    ours, others = (USDM.liquidation_price(leg, table, account) for leg in (long, short))
    assert (ours.price is None) == (others.price is None)
    if ours.price is None:
        return
    assert others.price == pytest.approx(ours.price, rel=1e-12)
    at = stand(long, ours.price, table, account)
    scale = (qty + other_qty) * ours.price
    assert at.equity == pytest.approx(at.maintenance, abs=1e-9 * (scale + wallet))


@given(SIGNS, st.floats(0.01, 100.0), st.floats(1.5, 50.0), st.floats(1.01, 2.0), tables())
def test_more_leverage_is_nearer_and_more_margin_is_farther(
    sign: int, qty: float, leverage: float, more: float, table: TierTable
) -> None:
    def distance(leverage: float) -> float:
        one = held(BTC, sign, qty, 50_000.0, leverage=leverage)
        price = USDM.liquidation_price(one, table).price
        return 1.0 if price is None else sign * (1 - price / 50_000.0)

    assert distance(leverage * more) < distance(leverage) or distance(leverage) == 1.0
    assert distance(leverage) <= 1 / leverage


@given(SIGNS, st.floats(0.1, 50.0), st.floats(1e3, 1e6), st.floats(1.01, 3.0), tables())
def test_more_margin_and_a_fuller_wallet_are_farther(
    sign: int, qty: float, behind: float, more: float, table: TierTable
) -> None:
    def moved(amount: float, **mode: Any) -> float:
        one = held(BTC, sign, qty, 50_000.0, **mode)
        account = Account(wallet=amount, positions=((one, 1.0),))
        price = USDM.liquidation_price(one, table, account).price
        return float("inf") if price is None else -sign * (price - 50_000.0)

    for amount in (behind, behind * more):
        # A lone cross position stands on the wallet as an isolated one on its margin.
        assert moved(amount, **CROSS) == moved(amount, margin=amount)
    near_by, far = moved(behind, **CROSS), moved(behind * more, **CROSS)
    assert far > near_by or far == near_by == float("inf")


@given(st.floats(0.02, 50.0), st.floats(2.0, 50.0), st.floats(0.002, 0.02))
def test_a_linear_long_is_the_dual_of_an_inverse_short(
    qty: float, leverage: float, rate: float
) -> None:
    entry = 50_000.0
    linear = held(BTC, 1, qty, entry, leverage=leverage)
    inverse = held(BTC_COIN, -1, qty, entry, leverage=leverage)
    a = USDM.liquidation_price(linear, flat(rate)).price
    b = COINM.liquidation_price(inverse, flat(rate)).price
    assert a is not None
    assert b == pytest.approx(entry * entry / a, rel=1e-9)


def test_linear_longs_and_shorts_are_no_mirrors() -> None:
    long = USDM.liquidation_price(held(BTC, 1, 1.0, 100.0, leverage=10), flat(0.005)).price
    short = USDM.liquidation_price(held(BTC, -1, 1.0, 100.0, leverage=10), flat(0.005)).price
    assert long == pytest.approx(100 - 9.548, abs=5e-4)
    assert short == pytest.approx(100 + 9.453, abs=5e-4)


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "DOGE/USDT:USDT"])
def test_maintenance_has_no_step_at_an_edge(symbol: str) -> None:
    table = SHIPPED.find(symbol)
    for tier in table.tiers[:-1]:
        below, above = (table.maintenance(tier.up_to * k) for k in (1, 1 + 1e-12))
        assert above == pytest.approx(below, rel=1e-10)


def _closing(qty: float, mark: float, **more: Any) -> Closing:
    one = held(BTC, 1, qty, 100_000.0, **more)
    return USDM.closing(one, mark, SHIPPED.find("BTC/USDT:USDT"))


def test_a_safe_position_is_left_alone() -> None:
    assert _closing(1.0, 99_000.0, leverage=20) == Closing((), False, False)


def test_a_small_position_is_closed_whole_then_taken_then_deleveraged() -> None:
    closing = _closing(1.0, 95_200.0, leverage=20)
    assert [step.taker for step in closing.steps] == [Taker.BOOK, Taker.FUND, Taker.COUNTERPARTY]
    book, fund, others = closing.steps
    assert book.share == 1.0
    assert book.limit_price == fund.price == others.price == pytest.approx(95_000.0)
    assert book.fee == pytest.approx(0.0125 * 95_200.0)
    assert others.fee == 0.0
    assert closing.is_liquidatable
    assert not closing.is_bankrupt
    assert _closing(1.0, 94_900.0, leverage=20).is_bankrupt


def test_a_large_position_is_cut_to_what_its_margin_carries() -> None:
    # 60 M at 2 %: closing pays 1.25 % and frees more, so a part is enough.
    table = SHIPPED.find("BTC/USDT:USDT")
    one = held(BTC, 1, 600.0, 100_000.0, margin=1_060_000.0)
    price = USDM.liquidation_price(one, table).price
    assert price is not None
    mark = price * 0.99999
    closing = USDM.closing(one, mark, table)
    book = closing.steps[0]
    assert 0 < book.share < 1
    assert book.fee is not None
    left = held(BTC, 1, 600.0 * (1 - book.share), mark, leverage=1)
    equity = 1_060_000.0 + profit_at(one, mark) - book.fee
    assert USDM.maintenance_margin(left, mark, table).amount == pytest.approx(equity, rel=1e-9)


def test_a_fee_that_is_not_known_is_not_nought() -> None:
    table = SHIPPED.find("ETH/USDT:USDT")
    one = held(ETH, -1, 10.0, 2000.0, leverage=20)
    steps = USDM.closing(one, 2200.0, table).steps
    assert (steps[0].fee, steps[0].share) == (None, 1.0)


def test_the_rank_is_profit_share_times_margin_ratio() -> None:
    table = flat(0.01)
    one = held(BTC, 1, 1.0, 100.0, margin=10.0)
    account = Account(wallet=0.0, tables=(table,))
    # Profit 20 on 10; maintenance 1.2 of equity 30.
    assert USDM.adl_score(one, 120.0, account) == pytest.approx(2.0 * 1.2 / 30.0)
    assert USDM.adl_score(one, 95.0, account) == 0.0
    with pytest.raises(InputError, match="needs the account"):
        USDM.adl_score(one, 120.0, None)
    with pytest.raises(InputError, match="no tiers of BTC"):
        USDM.adl_score(one, 120.0, Account(wallet=1.0))


def test_bankruptcy_is_where_the_margin_is_gone() -> None:
    assert USDM.bankruptcy_price(held(BTC, 1, 2.0, 10_000.0, leverage=50)) == pytest.approx(9800)
    assert USDM.bankruptcy_price(held(BTC, 1, 2.0, 10_000.0, leverage=1)) is None
    assert USDM.bankruptcy_price(held(BTC, 1, 2.0, 10_000.0, **CROSS)) is None
    one = held(BTC_COIN, -1, 10.0, 50_000.0, leverage=10)
    bust = COINM.bankruptcy_price(one)
    assert bust is not None
    assert profit_at(one, bust) == pytest.approx(-1000 / 50_000 / 10)


def test_leverage_above_the_tier_is_refused_by_name() -> None:
    table = SHIPPED.find("BTC/USDT:USDT")
    assert USDM.initial_margin(held(BTC, 1, 1.0, 100_000.0, leverage=150), table).tier == 0
    with pytest.raises(InputError, match=r"binance-usdm-2025-09.*101.*BTC.*freqtrade 2026"):
        USDM.initial_margin(held(BTC, 1, 4.0, 100_000.0, leverage=101), table)
    with pytest.raises(InputError, match="not within"):
        USDM.initial_margin(held(BTC, 1, 4.0, 100_000.0, margin=1e4), table)


@pytest.mark.parametrize("wrong", [BTC_COIN, contract("okx")])
def test_positions_of_other_products_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="these are the rules of binance for linear"):
        USDM.maintenance_margin(held(wrong, 1, 1.0, 100.0, leverage=2), 100.0, flat(0.01))


def test_a_cross_position_needs_its_account() -> None:
    with pytest.raises(InputError, match="needs the account"):
        USDM.liquidation_price(held(BTC, 1, 1.0, 100.0, **CROSS), flat(0.01))


def test_rules_follow_each_other_without_a_hole() -> None:
    books = rule_books()
    for product in ("usdm", "coinm"):
        ours = [book for book in books if book.product == product]
        assert ours[0].valid_from_ns is None
        assert ours[-1].valid_to_ns is None
        for before, after in pairwise(ours):
            assert before.valid_to_ns == after.valid_from_ns
    crash = ns_from_iso("2025-10-10T21:15:00Z")
    assert rules_at("usdm", crash).basis_window_s == 30.0
    assert rules_at("usdm", ns_from_iso("2025-09-18T08:00:59Z")).basis_window_s == 60.0
    with pytest.raises(InputError, match="'options' has no margin rules"):
        rules_at("options")
    typed: tuple[MarginRules, ...] = books
    assert len({book.rule_id for book in typed}) == len(typed)


def test_funding_was_not_divided_before() -> None:
    given = FundingInput(mean_premium=0.001, interval_h=4, cap=0.003)
    assert USDM.funding_rate(given) == pytest.approx(0.00025)
    old = rules_at("usdm", ns_from_iso("2025-01-01"))
    assert old.funding_rate(given) == pytest.approx(0.0005)


def test_tiers_of_a_symbol_that_is_not_shipped_are_refused() -> None:
    with pytest.raises(InputError, match="PEPE"):
        SHIPPED.find("PEPE/USDT:USDT")
    with pytest.raises(InputError, match="not known for 2025-10-10"):
        SHIPPED.find("BTC/USDT:USDT", ns_from_iso("2025-10-10"))


@given(st.floats(1e4, 1.7e9), st.floats(1.5, 40.0), SIGNS)
def test_the_shipped_tiers_obey_the_law(value: float, leverage: float, sign: int) -> None:
    one = held(BTC, sign, value / 60_000.0, 60_000.0, leverage=leverage)
    table = SHIPPED.find("BTC/USDT:USDT")
    assume(stand(one, 60_000.0, table).is_liquidatable is False)
    assert_met(USDM, one, table)


def test_a_price_beyond_the_last_tier_is_said_not_guessed() -> None:
    table = table_of("BTC/USDT:USDT", [(0, 1000, 0.01, 0, 10)], "made up")
    found = USDM.liquidation_price(held(BTC, -1, 1.0, 900.0, leverage=2), table)
    assert found.price is None
    assert "covered up to 1000, where its tiers end" in found.reason
