"""What every venue's margin rules owe, asked of all of them alike."""

import importlib
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.leverage.values import value_at
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues import register
from airpocket.venues.register import LENDING, MARGINED, open_lending_rules, rules_for, tiers_of
from tests.leverage.contracts import contract, flat, held, tables

SIGNS = st.sampled_from([1, -1])


class Case(NamedTuple):
    """One rule book and an instrument it is for."""

    rules: Any  # a MarginRules with its product and its dates
    instrument: Instrument

    def __str__(self) -> str:
        return str(self.rules.rule_id)

    @property
    def has_cross(self) -> bool:
        return self.rules.venue != "gmx" and getattr(self.rules, "allows_cross", True)

    @property
    def price_bound(self) -> bool:
        """Whether a tier follows from the value at the mark (GMX and the old Bybit: at entry)."""
        return self.rules.venue != "gmx" and getattr(self.rules, "on_mark", True)


def _instrument(rules: Any) -> Instrument:
    kind = getattr(rules, "kind", Kind.LINEAR)
    if kind is Kind.INVERSE:
        return contract(rules.venue, "BTC/USD:BTC", kind)
    raw = "dex:BTC" if rules.product.startswith("hip3") else "BTC"
    one = contract(rules.venue, "BTC/USD:USDC" if rules.venue == "dydx" else "BTC/USDC:USDC")
    fields = {name: getattr(one, name) for name in one.__struct_fields__}
    return Instrument(**(fields | {"raw_symbol": raw}))


def _cases() -> list[Case]:
    found = []
    for venue in MARGINED:
        module = importlib.import_module(f"airpocket.venues.{venue}.rules")
        found += [Case(book, _instrument(book)) for book in module.rule_books()]
    return found


CASES = _cases()
BOTH = [pytest.param(case, id=case.rules.rule_id) for case in CASES]


def _table(case: Case, drawn: TierTable) -> TierTable:
    """GMX has one tier a market; the others take any."""
    tiers = drawn.tiers
    if case.rules.venue == "gmx":
        tiers = (Tier(0.0, float("inf"), tiers[0].rate, 0.0, 100.0),)
    return TierTable(case.instrument.symbol, drawn.unit, tiers, drawn.source)


class Drawn(NamedTuple):
    position: Position
    table: TierTable
    account: Account | None


def _draw(data: st.DataObject, case: Case, *, sign: int | None = None) -> Drawn:
    """Draw a position that is not liquidated where it was opened."""
    table = _table(case, data.draw(tables(case.instrument.symbol)))
    entry = data.draw(st.floats(0.1, 1e5))
    # A quarter of the table's end: a mark may double and still lie within it.
    end = min(table.tiers[-1].up_to, 1e9) / 4
    value = data.draw(st.floats(2e3, 1e6).filter(lambda drawn: drawn < end))
    inverse = case.instrument.kind is Kind.INVERSE
    qty = value * entry if inverse else value / entry
    sign = data.draw(SIGNS) if sign is None else sign
    cross = case.has_cross and data.draw(st.booleans())
    bare = held(case.instrument, sign, qty, entry, margin=value)
    need = case.rules.maintenance_margin(bare, entry, table).amount / value
    # A fee of closing is no part of what some pages call maintenance: 0.2 % leaves room for it.
    margin = value * data.draw(st.floats((need + 0.002) * 1.2, 1.5))
    if cross:
        position = held(case.instrument, sign, qty, entry, mode=MarginMode.CROSS)
        return Drawn(position, table, Account(wallet=margin, tables=(table,)))
    return Drawn(held(case.instrument, sign, qty, entry, margin=margin), table, None)


@pytest.mark.parametrize("case", BOTH)
@settings(max_examples=25)
@given(data=st.data())
def test_a_requirement_is_a_positive_share_of_the_value(case: Case, data: st.DataObject) -> None:
    drawn = _draw(data, case)
    need = case.rules.maintenance_margin(drawn.position, drawn.position.entry_price, drawn.table)
    assert 0 < need.amount < value_at(drawn.position, drawn.position.entry_price)
    assert 0 <= need.tier < len(drawn.table.tiers)
    assert need.coin in {case.instrument.settle, "USD"}


@pytest.mark.parametrize("case", BOTH)
@settings(max_examples=40)
@given(data=st.data())
def test_a_liquidation_lies_between_entry_and_bankruptcy(case: Case, data: st.DataObject) -> None:
    drawn = _draw(data, case)
    position, rules = drawn.position, case.rules
    found = rules.liquidation_price(position, drawn.table, drawn.account)
    if found.price is None:
        assert found.reason
        return
    assert found.tier is not None
    assert 0 <= found.tier < len(drawn.table.tiers)
    assert position.sign * (position.entry_price - found.price) > 0
    bust = rules.bankruptcy_price(position)
    if bust is not None:
        assert position.sign * (found.price - bust) > 0


@pytest.mark.parametrize("case", BOTH)
@settings(max_examples=40)
@given(data=st.data())
def test_it_is_taken_there_and_not_before(case: Case, data: st.DataObject) -> None:
    drawn = _draw(data, case)
    position, rules = drawn.position, case.rules
    found = rules.liquidation_price(position, drawn.table, drawn.account)
    assume(found.price is not None and found.price > 1e-6 * position.entry_price)

    def taken(away: float) -> bool:
        price = found.price * (1 + position.sign * away)
        closing = rules.closing(position, price, drawn.table, drawn.account)
        assert bool(closing.steps) or not closing.is_liquidatable
        return bool(closing.is_liquidatable)

    assert not taken(1e-6)
    assert taken(-1e-6)


@pytest.mark.parametrize("case", BOTH)
@settings(max_examples=25)
@given(data=st.data())
def test_more_margin_never_brings_it_nearer(case: Case, data: st.DataObject) -> None:
    drawn = _draw(data, case)
    assume(drawn.account is None)
    one = drawn.position
    assert one.margin is not None
    factor = data.draw(st.floats(1.0, 3.0))
    more = held(case.instrument, one.sign, one.qty_raw, one.entry_price, margin=one.margin * factor)
    first, second = (case.rules.liquidation_price(each, drawn.table).price for each in (one, more))
    if first is None:
        assert second is None
    elif second is not None:
        assert one.sign * (first - second) >= -1e-9 * one.entry_price


PAIRS = [
    (one, other)
    for one in CASES
    for other in CASES
    if one.rules.venue == other.rules.venue
    and one.instrument.kind is Kind.LINEAR
    and other.instrument.kind is Kind.INVERSE
    and one.rules.valid_from_ns == other.rules.valid_from_ns
]
TWINS = [pytest.param(one, other, id=one.rules.rule_id) for one, other in PAIRS]


def test_three_venues_have_both_kinds() -> None:
    assert {linear.rules.venue for linear, _ in PAIRS} == {"binance", "bybit", "okx"}


@pytest.mark.parametrize(("linear", "inverse"), TWINS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_linear_position_mirrors_an_inverse_one_the_other_way(
    linear: Case, inverse: Case, data: st.DataObject
) -> None:
    """Under ``p -> 1/p`` with the same tiers: a linear long is an inverse short (DESIGN §4)."""
    drawn = _draw(data, linear)
    one = drawn.position
    more: dict[str, Any] = {"margin": one.margin}
    if drawn.account is not None:
        more = {"mode": MarginMode.CROSS}
    twin = held(inverse.instrument, -one.sign, one.qty_raw, 1 / one.entry_price, **more)
    table = _table(inverse, drawn.table)
    account = drawn.account and Account(wallet=drawn.account.wallet, tables=(table,))
    price = linear.rules.liquidation_price(one, drawn.table, drawn.account).price
    other = inverse.rules.liquidation_price(twin, table, account).price
    assert (price is None) == (other is None)
    if price is not None:
        assert 1 / other == pytest.approx(price, rel=1e-9)


@pytest.mark.parametrize("venue", MARGINED)
def test_books_of_a_product_follow_each_other_without_overlap(venue: str) -> None:
    module = importlib.import_module(f"airpocket.venues.{venue}.rules")
    books = module.rule_books()
    assert len({book.rule_id for book in books}) == len(books)
    for product in {book.product for book in books}:
        ours = [book for book in books if book.product == product]
        for before, after in pairwise(ours):
            assert before.valid_to_ns == after.valid_from_ns is not None
            assert module.rules_at(product, after.valid_from_ns) is not before
            assert module.rules_at(product, after.valid_from_ns - 1).rule_id == before.rule_id
        assert module.rules_at(product).rule_id == ours[-1].rule_id
        assert ours[-1].valid_to_ns is None
        if ours[0].valid_from_ns is not None:
            with pytest.raises(InputError, match=r"\d{4}-\d\d-\d\d"):
                module.rules_at(product, ours[0].valid_from_ns - 1)


@pytest.mark.parametrize("case", BOTH)
def test_every_book_names_itself_and_its_source(case: Case) -> None:
    rules: MarginRules = case.rules
    assert rules.rule_id.startswith(rules.venue)
    assert len(rules.source) > 10
    # A page is dated by the day it was read, code by its commit and day.
    assert re.search(r"\b20\d\d\b", rules.source)


@pytest.mark.parametrize("case", BOTH)
def test_what_is_not_of_the_book_is_refused(case: Case) -> None:
    table = _table(case, flat(0.01, symbol=case.instrument.symbol))
    stranger = held(contract("nowhere"), 1, 1.0, 100.0, leverage=2)
    with pytest.raises(InputError, match=case.rules.rule_id):
        case.rules.liquidation_price(stranger, table)
    with pytest.raises(InputError, match=case.rules.rule_id):
        case.rules.bankruptcy_price(stranger)
    over = held(case.instrument, 1, 1.0, 100.0, leverage=126)
    with pytest.raises(InputError, match="leverage"):
        case.rules.initial_margin(over, table)
    cross = held(case.instrument, 1, 1.0, 100.0, mode=MarginMode.CROSS)
    with pytest.raises(InputError):
        case.rules.liquidation_price(cross, table)


@pytest.mark.parametrize("case", [case for case in CASES if case.price_bound], ids=str)
def test_a_size_beyond_the_tiers_is_refused(case: Case) -> None:
    tiers = (Tier(0.0, 1_000.0, 0.01, 0.0, 50.0),)
    table = TierTable(case.instrument.symbol, TierUnit.NOTIONAL, tiers, "page of 2026-01-01")
    huge = held(case.instrument, 1, 1e6, 1.0, leverage=2)
    with pytest.raises(InputError, match="page of 2026-01-01"):
        case.rules.maintenance_margin(huge, 1.0, table)


@pytest.mark.parametrize("venue", MARGINED)
def test_shipped_tiers_are_of_listed_instruments_and_dated(venue: str) -> None:
    if venue not in register.VENUES:
        assert list(tiers_of(venue)) == []  # GMX: a market's figures are given with it
        return
    tables_there = list(tiers_of(venue))
    assert tables_there
    catalogue = register.catalogue_of(venue)
    unlisted = set()
    for table in tables_there:
        assert re.search(r"\b20\d\d\b", table.source)
        instrument = catalogue.find_symbol(table.symbol)
        if instrument is None:
            unlisted.add(table.symbol)
        else:
            assert rules_for(instrument).venue == venue
    # Their tiers were read, what a contract of theirs is worth was not.
    assert unlisted <= {"MKR/USDC:USDC", "AAVE/USDT:USDT", "ADA/USDT:USDT"}


def test_every_rules_module_is_told_of() -> None:
    folder = Path(register.__file__).parent
    there = {path.parent.name for path in folder.glob("*/rules.py")}
    assert there == {*MARGINED, *LENDING, *register._UNSTATED}


@pytest.mark.parametrize("venue", LENDING)
def test_lending_books_stand_apart(venue: str) -> None:
    rules = open_lending_rules(venue)
    assert rules.venue == venue
    assert rules.rule_id.startswith(venue)
    assert len(rules.source) > 10
    with pytest.raises(InputError, match="lends"):
        register.open_rules(venue, "v3")
