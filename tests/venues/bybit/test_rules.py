"""Bybit's rules before and after maintenance moved to the mark, and its worked examples."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules, Taker
from airpocket.leverage.marks import MarkInput
from airpocket.leverage.position import Account, MarginMode
from airpocket.leverage.tiers import TierTable, TierTables
from airpocket.leverage.values import margin_of, profit_at, value_at
from airpocket.market.instrument import Kind
from airpocket.units import ns_from_iso
from airpocket.venues.bybit import rules as bybit
from airpocket.venues.bybit.rules import rule_books, rules_at
from tests.leverage.contracts import assert_met, contract, flat, held, tables
from tests.venues.vectors import near, vectors_of

_OLD_NS = ns_from_iso("2026-05-26T23:59:59Z")
LINEAR, INVERSE = rules_at("linear"), rules_at("inverse")
OLD_LINEAR, OLD_INVERSE = rules_at("linear", _OLD_NS), rules_at("inverse", _OLD_NS)
BTC = contract("bybit")
BTC_USD = contract("bybit", "BTC/USD:BTC", Kind.INVERSE)
SHIPPED = TierTables.load(Path(bybit.__file__).parent / "venue.toml")
CROSS: dict[str, Any] = {"mode": MarginMode.CROSS}
SIGNS = st.sampled_from([1, -1])


def _answer(vector: dict[str, Any]) -> object:
    given = vector["inputs"]
    match vector["formula"]:
        case "bybit_usdt_iso_legacy":
            one = held(BTC, given["side"], given["size"], given["ep"], margin=given["im"])
            rate = given["mm"] / given["size"] / given["ep"]
            return OLD_LINEAR.liquidation_price(one, flat(rate)).price
        case "Q/(PV+IM-MM)":
            entry = given["size_usd"] / given["pv"]
            one = held(BTC_USD, 1, given["size_usd"], entry, margin=given["im"])
            return OLD_INVERSE.liquidation_price(one, flat(given["mm"] / given["pv"])).price
        case "bybit_inverse_iso_2026":
            one = held(
                BTC_USD, given["side"], given["size_usd"], given["ep"], leverage=given["lev"]
            )
            return INVERSE.liquidation_price(one, flat(given["mmr"])).price
        case "inverse cross (see inputs)":
            rules = msgspec.structs.replace(OLD_INVERSE, taker_rate=given["taker"])
            one = held(BTC_USD, 1, given["qty_usd"], given["ep"], **CROSS)
            account = Account(wallet=given["balance"])
            found = rules.liquidation_price(one, flat(given["mmr"]), account).price
            return [rules.cross_bankruptcy_price(one, account), found]
        case "bankruptcy_linear":
            one = held(BTC, given["side"], 1.0, given["ep"], leverage=given["lev"])
            return LINEAR.bankruptcy_price(one)
    raise AssertionError(vector["formula"])


def test_every_vector_is_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "bybit")
    ours = {name: vector for name, vector in found.items() if vector["kind"] != "adl_trigger"}
    assert len(ours) == 11
    for name, vector in ours.items():
        assert _answer(vector) == near(vector), name


def test_the_examples_of_the_pages() -> None:
    one = held(BTC, 1, 1.0, 20_000.0, leverage=50)
    assert OLD_LINEAR.liquidation_price(one, flat(0.005)).price == pytest.approx(19_700)
    inverse = held(BTC_USD, 1, 5000.0, 7890.08, leverage=50)
    assert INVERSE.bankruptcy_price(inverse) == pytest.approx(7735.372549, abs=1e-6)
    large = held(BTC_USD, 1, 60_000.0, 50_000.0, leverage=10)
    old = OLD_INVERSE.liquidation_price(large, flat(0.005)).price
    new = INVERSE.liquidation_price(large, flat(0.005)).price
    assert old == pytest.approx(45_662.10045662101, rel=1e-12)
    assert new == pytest.approx(45_681.818181818184, rel=1e-12)


def test_the_older_inverse_cross_example() -> None:
    """Balance 0.5 BTC, 10,000 USD at 8000, fee 0.075 %: the page prints 5718.57 and 5739.5."""
    rules = msgspec.structs.replace(OLD_INVERSE, taker_rate=0.00075)
    one, account = held(BTC_USD, 1, 10_000.0, 8000.0, **CROSS), Account(wallet=0.5)
    bust = rules.cross_bankruptcy_price(one, account)
    assert bust == pytest.approx(10_000 * 1.00075 / 1.75, rel=1e-12)
    found = rules.liquidation_price(one, flat(0.005), account).price
    assert found == pytest.approx(5739.08, abs=0.005)


def test_added_margin_of_an_inverse_position_is_less_its_fee() -> None:
    # 60,000 (1 + .005) / (1.2 + 0.12 + 0.01 / 1.00055), and the mirror for a short.
    more: dict[str, Any] = {"leverage": 10, "margin": 0.13}
    long, short = (held(BTC_USD, sign, 60_000.0, 50_000.0, **more) for sign in (1, -1))
    assert INVERSE.liquidation_price(long, flat(0.005)).price == pytest.approx(
        60_000 * 1.005 / (1.2 + 0.12 + 0.01 / 1.00055), rel=1e-12
    )
    assert INVERSE.liquidation_price(short, flat(0.005)).price == pytest.approx(
        60_000 * 0.995 / (1.2 - 0.12 - 0.01 / 0.99945), rel=1e-12
    )


@given(
    SIGNS, st.floats(0.01, 40.0), st.floats(1.2, 50.0), tables(),
    st.sampled_from(["linear", "inverse"]),
)  # fmt: skip
def test_equity_meets_maintenance_at_the_price(
    sign: int, qty: float, leverage: float, table: TierTable, product: str
) -> None:
    instrument = BTC if product == "linear" else BTC_USD
    one = held(instrument, sign, qty, 50_000.0, leverage=leverage)
    assert_met(rules_at(product), one, table)


@given(
    SIGNS, st.floats(0.01, 20.0), SIGNS, st.floats(0.1, 300.0), st.floats(10.0, 1e6), tables(),
    tables("ETH/USDT:USDT"),
)  # fmt: skip
def test_cross_equity_meets_maintenance_and_fee_at_the_price(
    sign: int, qty: float, other_sign: int, other_qty: float, wallet: float, table: TierTable,
    other_table: TierTable,
) -> None:  # fmt: skip
    one = held(BTC, sign, qty, 50_000.0, **CROSS)
    other = held(contract("bybit", "ETH/USDT:USDT"), other_sign, other_qty, 2000.0, **CROSS)
    account = Account(
        wallet=wallet, positions=((one, 1.0), (other, 2010.0)), tables=(table, other_table)
    )
    assert_met(LINEAR, one, table, account, fee_rate=0.00055)


@given(
    SIGNS, st.floats(0.01, 20.0), st.floats(1.2, 50.0), st.floats(0.002, 0.01),
    st.sampled_from(["linear", "inverse"]),
)  # fmt: skip
def test_under_the_older_rules_equity_meets_the_maintenance_of_entry(
    sign: int, qty: float, leverage: float, rate: float, product: str
) -> None:
    instrument = BTC if product == "linear" else BTC_USD
    one = held(instrument, sign, qty, 50_000.0, leverage=leverage)
    price = rules_at(product, _OLD_NS).liquidation_price(one, flat(rate)).price
    assert price is not None
    entry_value = value_at(one, 50_000.0)
    equity = margin_of(one) + profit_at(one, price)
    assert equity == pytest.approx(rate * entry_value, abs=1e-9 * entry_value)


@given(st.floats(0.1, 20.0), st.floats(1.5, 50.0), st.floats(0.002, 0.015))
def test_a_mark_below_entry_asks_less_of_a_linear_long(
    qty: float, leverage: float, rate: float
) -> None:
    """The change of 2026-05-27: the value at the mark is lower, so the long is taken later."""
    one = held(BTC, 1, qty, 50_000.0, leverage=leverage)
    old = OLD_LINEAR.liquidation_price(one, flat(rate)).price
    new = LINEAR.liquidation_price(one, flat(rate)).price
    assert old is not None
    assert new is not None
    assert new < old or leverage * rate > 1


def test_rules_follow_each_other_without_a_hole() -> None:
    books: tuple[MarginRules, ...] = rule_books()
    assert len({book.rule_id for book in books}) == 6
    for product in ("linear", "inverse"):
        ours = [book for book in rule_books() if book.product == product]
        assert (ours[0].valid_from_ns, ours[-1].valid_to_ns) == (None, None)
        assert all(a.valid_to_ns == b.valid_from_ns for a, b in pairwise(ours))
    assert not rules_at("linear", ns_from_iso("2025-12-18")).by_drawdown
    assert rules_at("linear", ns_from_iso("2025-12-19")).by_drawdown
    assert not rules_at("linear", _OLD_NS).on_mark
    assert rules_at("linear", ns_from_iso("2026-05-27")).on_mark


@pytest.mark.parametrize("rules", [LINEAR, OLD_LINEAR])
def test_the_first_tier_is_taken_over_at_once(rules: MarginRules) -> None:
    one = held(BTC, 1, 10.0, 100_000.0, leverage=20)
    table = SHIPPED.find("BTC/USDT:USDT")
    assert not rules.closing(one, 96_000.0, table).is_liquidatable
    closing = rules.closing(one, 95_200.0, table)
    assert [step.taker for step in closing.steps] == [Taker.FUND, Taker.COUNTERPARTY]
    assert [step.price for step in closing.steps] == pytest.approx([95_000.0, 95_000.0])
    assert not closing.is_bankrupt
    assert rules.closing(one, 94_999.0, table).is_bankrupt


def test_a_larger_one_goes_down_one_tier_first() -> None:
    one = held(BTC, -1, 30.0, 100_000.0, leverage=20)
    table = SHIPPED.find("BTC/USDT:USDT")
    closing = LINEAR.closing(one, 104_500.0, table)
    first, rest, _ = closing.steps
    assert first.taker is Taker.BOOK
    # 30 coins at the mark are 3.135 M; what stays is 2 M.
    assert 30.0 * (1 - first.share) * 104_500.0 == pytest.approx(2_000_000)
    assert first.limit_price == rest.price == pytest.approx(105_000.0)
    assert first.fee == pytest.approx(0.00055 * 1_135_000)
    # By the older rules the value at entry, 3 M, says the tier and the part.
    old = OLD_LINEAR.closing(one, 104_500.0, table).steps[0]
    assert 30.0 * (1 - old.share) * 100_000.0 == pytest.approx(2_000_000)


def test_a_position_beyond_the_known_tiers_is_refused() -> None:
    with pytest.raises(InputError, match="notice of about 2022"):
        LINEAR.maintenance_margin(
            held(BTC, 1, 50.0, 100_000.0, leverage=10), 100_000.0, SHIPPED.find("BTC/USDT:USDT")
        )


def test_older_rules_do_not_guess_several_cross_contracts() -> None:
    one, other = (
        held(BTC, 1, 1.0, 100.0, **CROSS),
        held(contract("bybit", "ETH/USDT:USDT"), 1, 1.0, 100.0, **CROSS),
    )
    account = Account(wallet=10.0, positions=((one, 100.0), (other, 100.0)))
    with pytest.raises(InputError, match="bybit-linear-2025-12: no formula was published"):
        OLD_LINEAR.liquidation_price(one, flat(0.01), account)
    with pytest.raises(InputError, match="needs the account"):
        OLD_LINEAR.liquidation_price(one, flat(0.01))


def test_a_cross_position_holds_the_fee_of_closing_too() -> None:
    one = held(BTC, 1, 1.0, 100.0, **CROSS)
    assert LINEAR.maintenance_margin(one, 100.0, flat(0.01)).amount == pytest.approx(1.055)
    assert OLD_LINEAR.maintenance_margin(one, 90.0, flat(0.01)).amount == pytest.approx(1.0)
    account = Account(wallet=10.0, positions=((one, 90.5),))
    assert not LINEAR.closing(one, 91.0, flat(0.01), account).is_liquidatable
    assert LINEAR.closing(one, 90.9, flat(0.01), account).is_liquidatable
    assert LINEAR.bankruptcy_price(one) is None


def test_the_rank_is_higher_with_leverage_and_profit() -> None:
    def score(leverage: float, mark: float) -> float:
        one = held(BTC, 1, 1.0, 100.0, leverage=leverage)
        return LINEAR.adl_score(one, mark, None)

    assert score(20, 110.0) > score(10, 110.0) > score(10, 105.0) > 0 > score(10, 95.0)
    one = held(BTC, 1, 1.0, 100.0, **CROSS)
    other = held(contract("bybit", "ETH/USDT:USDT"), 1, 1.0, 100.0, **CROSS)
    account = Account(wallet=12.0, positions=((one, 1.0), (other, 1.0)))
    assert LINEAR.adl_score(one, 110.0, account) == pytest.approx(0.1 * 110 / 22)


def test_the_mark_is_a_median_over_five_minutes() -> None:
    assert LINEAR.basis_window_s == 300.0
    given = MarkInput(
        index=100.0, funding_rate=0.0, hours_to_funding=4.0, basis_mean=-2.0, last=97.0
    )
    assert LINEAR.mark_price(given) == 98.0


def test_others_are_refused() -> None:
    with pytest.raises(InputError, match="bybit-linear-2026-05: bybit BTC/USD:BTC is inverse"):
        LINEAR.initial_margin(held(BTC_USD, 1, 1.0, 100.0, leverage=2), flat(0.01))
    with pytest.raises(InputError, match="a leverage of 101"):
        LINEAR.initial_margin(held(BTC, 1, 1.0, 100.0, leverage=101), SHIPPED.find("BTC/USDT:USDT"))
