"""Tests of airpocket.venues.valuation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.columns import Columns
from airpocket.market.events import Coverage, Trade
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.venues.valuation import NO_RULE, ruled, valued


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ABCD"), st.integers(0, 20), st.integers(1, 50)),
        min_size=1,
        max_size=20,
    )
)
def test_values_in_bulk_are_those_of_single_events(rows: list[tuple[str, int, int]]) -> None:
    catalogue = Catalogue(
        [
            instrument("A", Kind.LINEAR, 0.5, valid_to_ns=10),
            instrument("A", Kind.LINEAR, 2.0, valid_from_ns=10),
            instrument("B", Kind.INVERSE, 100.0),
            instrument("C", Kind.QUANTO, 1.0),
        ]
    )
    words = ("A", "B", "C", "D")
    codes = np.array([words.index(row[0]) for row in rows], dtype=np.int32)
    times, sizes = np.array([row[1] for row in rows]), np.array([float(row[2]) for row in rows])
    price = sizes * 3.0
    columns = valued(catalogue, codes, words, times, sizes, price)
    trades = Columns(
        Trade,
        len(rows),
        {"venue": "okx", "price": price, "qty_raw": sizes, "venue_ns": times, **columns},
    )
    for trade, (word, at_ns, size) in zip(trades.events(), rows, strict=True):
        found = catalogue.find(word, at_ns)
        assert trade.symbol == (None if found is None else found.symbol)
        expected = None if found is None else found.notional_usd(size, size * 3.0)
        assert trade.notional_usd == expected
        assert trade.qty_base == (None if found is None else found.qty_base(size, size * 3.0))


def instrument(
    raw: str,
    kind: Kind,
    contract_value: float,
    *,
    valid_from_ns: int | None = None,
    valid_to_ns: int | None = None,
) -> Instrument:
    return Instrument(
        venue="okx",
        raw_symbol=raw,
        symbol=f"{raw}/USD:USD",
        kind=kind,
        base=raw,
        quote="USD",
        settle="USD",
        contract_value=contract_value,
        valid_from_ns=valid_from_ns,
        valid_to_ns=valid_to_ns,
    )


def rule(rule_id: str, start: int | None, end: int | None) -> FeedRule:
    return FeedRule(
        rule_id=rule_id,
        channel="liquidations",
        coverage=Coverage.THROTTLED,
        said="",
        valid_from_ns=start,
        valid_to_ns=end,
    )


def test_each_row_has_the_rule_of_its_time() -> None:
    rules = FeedRules([rule("a", 10, 20), rule("b", 20, 30), rule("c", 40, None)])
    times = np.array([5, 10, 19, 20, 35, 41])
    for chosen in (times, times[::-1], times[2:]):
        columns = ruled(rules, "liquidations", chosen)
        codes, words = columns["rule_id"]
        coverage_codes, coverages = columns["coverage"]
        found = dict(zip(chosen.tolist(), (words[code] for code in codes), strict=True))
        expected = {5: NO_RULE, 10: "a", 19: "a", 20: "b", 35: NO_RULE, 41: "c"}
        assert found == {at_ns: expected[at_ns] for at_ns in found}
        said = [coverages[code] for code in coverage_codes]
        assert said == [
            "sampled" if expected[at_ns] == NO_RULE else "throttled" for at_ns in chosen.tolist()
        ]
