"""A draft fills in what all events carry and keeps what could not be used."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from airpocket.errors import InputError
from airpocket.market.draft import Draft, decode_only, side_closed_by
from airpocket.market.events import Coverage, Liquidation, RawRef, Side, Taker, Trade
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.market.instrument import Catalogue, Instrument, Kind

_RULES = FeedRules(
    [FeedRule(rule_id="x-all", channel="liq", coverage=Coverage.CENSUS, said="", valid_from_ns=10)]
)


def _catalogue(kind: Kind, contract_value: float = 1.0) -> Catalogue:
    return Catalogue(
        [
            Instrument(
                venue="x",
                raw_symbol="A",
                symbol="A/USD:A",
                kind=kind,
                base="A",
                quote="USD",
                settle="A",
                contract_value=contract_value,
            )
        ]
    )


def _draft(catalogue: Catalogue | None = None, local_ns: int | None = 99) -> Draft:
    return Draft("x", catalogue or Catalogue(), _RULES, local_ns=local_ns, raw_ref=RawRef("t", 3))


def _liquidation(draft: Draft) -> Liquidation:
    (event,) = draft.done().events
    assert isinstance(event, Liquidation)
    return event


def test_a_forced_sell_closes_a_long_and_a_forced_buy_a_short() -> None:
    assert side_closed_by(Taker.SELL) is Side.LONG
    assert side_closed_by(Taker.BUY) is Side.SHORT


def test_decode_only_names_the_venue_and_the_way_out() -> None:
    with pytest.raises(InputError, match=r"deribit is decode-only in this version.*binance"):
        decode_only("deribit", ())


def test_every_event_carries_both_clocks_and_where_its_bytes_lie() -> None:
    draft = _draft(_catalogue(Kind.LINEAR, 0.001))
    draft.trade("A", venue_ns=50, price=200.0, qty_raw=3.0, taker=Taker.BUY, trade_id="7")
    (trade,) = draft.done("ack").events
    assert trade == Trade(
        venue="x",
        symbol="A/USD:A",
        raw_symbol="A",
        raw_ref=RawRef("t", 3),
        venue_ns=50,
        local_ns=99,
        price=200.0,
        qty_raw=3.0,
        qty_base=0.003,
        notional_usd=0.6,
        taker=Taker.BUY,
        trade_id="7",
    )


def test_notional_is_at_the_fill_price_else_the_bankruptcy_price_else_the_order_price() -> None:
    prices: dict[str, Any] = {"fill_price": 10.0, "bankruptcy_price": 20.0, "order_price": 30.0}
    for expected in (10.0, 20.0, 30.0):
        draft = _draft(_catalogue(Kind.LINEAR))
        draft.liquidation(
            "A", channel="liq", venue_ns=50, liquidated=Side.LONG, qty_raw=1.0, **prices
        )
        assert _liquidation(draft).notional_usd == expected
        prices.pop(next(iter(prices)))


@pytest.mark.parametrize(
    ("kind", "qty_base"), [(Kind.LINEAR, 2.0), (Kind.SPOT, 2.0), (Kind.INVERSE, None)]
)
def test_without_a_price_there_is_no_notional_but_coins_stay_coins(
    kind: Kind, qty_base: float | None
) -> None:
    draft = _draft(_catalogue(kind))
    draft.liquidation("A", channel="liq", venue_ns=50, liquidated=None, qty_raw=2.0)
    event = _liquidation(draft)
    assert (event.qty_base, event.notional_usd) == (qty_base, None)


def test_an_unknown_instrument_and_a_quanto_are_said_so_once() -> None:
    draft = _draft(_catalogue(Kind.QUANTO))
    for raw_symbol in ("A", "B", "B"):
        draft.trade(raw_symbol, venue_ns=50, price=1.0, qty_raw=1.0, taker=None)
    said = draft.done()
    assert said.notes == (
        "A is quanto in USD: no notional",
        "unknown instrument B: no notional",
    )
    assert [e.notional_usd for e in said.events if isinstance(e, Trade)] == [None, None, None]


def test_the_rule_is_looked_up_by_our_clock_where_the_venue_gives_none() -> None:
    draft = _draft(local_ns=11)
    draft.liquidation("A", channel="liq", venue_ns=None, liquidated=None, qty_raw=1.0)
    assert _liquidation(draft).rule_id == "x-all"
    with pytest.raises(InputError, match="no rule is stated"):
        _draft(local_ns=9).liquidation(
            "A", channel="liq", venue_ns=None, liquidated=None, qty_raw=1.0
        )


def test_a_size_beyond_all_measure_is_refused() -> None:
    draft = _draft(_catalogue(Kind.INVERSE))
    with pytest.raises(InputError, match="beyond all measure"):
        draft.trade("A", venue_ns=50, price=1e-310, qty_raw=1e17, taker=None)


@given(st.lists(st.one_of(st.integers(1, 9), st.text(max_size=3), st.none())))
def test_a_bad_part_does_not_spoil_its_neighbours(values: list[int | str | None]) -> None:
    draft = _draft()
    decode = msgspec.json.Decoder(int).decode

    def tell(number: int) -> None:
        if number == 5:
            raise InputError("five is right out")
        draft.trade(str(number), venue_ns=50, price=1.0, qty_raw=1.0, taker=None)

    draft.parts(Raw(msgspec.json.encode(values)), decode, tell)
    said = draft.done()
    good = [str(value) for value in values if isinstance(value, int) and value != 5]
    assert [event.raw_symbol for event in said.events] == good
    assert len(said.rejected) == len(values) - len(good)


@pytest.mark.parametrize("array", [b"", b"null", b"{}", b"[1,", b"[" * 100_000])
def test_what_is_no_list_is_rejected_whole(array: bytes) -> None:
    draft = _draft()
    draft.parts(Raw(array), msgspec.json.Decoder(int).decode, lambda _: None)
    (reason,) = draft.done().rejected
    assert reason.startswith("no list of parts: ")


def test_what_a_reader_raises_is_a_rejection_beside_what_it_told() -> None:
    def read(draft: Draft, data: bytes) -> str | None:
        draft.trade("A", venue_ns=50, price=1.0, qty_raw=1.0, taker=None)
        if data == b"ack":
            return "ack"
        raise InputError("unknown frame")

    assert _draft().read(b"ack", read).control == "ack"
    said = _draft().read(b"", read)
    assert (len(said.events), said.rejected, said.control) == (1, ("unknown frame",), None)
