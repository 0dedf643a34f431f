"""decode(encode(events)) is what OKX's stream can show of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Coverage,
    Event,
    Funding,
    Health,
    HealthState,
    InsuranceFund,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.venues.okx.wire import open_wire
from tests.venues.okx.samples import FRAMES

WIRE = open_wire()
CATALOGUE = WIRE._catalogue
prices = st.floats(1e-9, 1e9)
sizes = st.floats(1e-9, 1e12)
contracts = st.integers(0, 10**9).map(lambda hundredths: hundredths / 100)
symbols = st.sampled_from(["BTC-USDT-SWAP", "ETH-USD-SWAP", "XRP-USD-230929", "NEW-USDT-SWAP"])
times_ns = st.integers(1_584_000_000_000, 1_900_000_000_000).map(lambda ms: ms * 10**6)


def said(raw_symbol: str, venue_ns: int) -> dict[str, Any]:
    row = CATALOGUE.find(raw_symbol, venue_ns)
    symbol = None if row is None else row.symbol
    return {"venue": "okx", "symbol": symbol, "raw_symbol": raw_symbol, "venue_ns": venue_ns}


def valued(raw_symbol: str, venue_ns: int, qty: float, price: float) -> dict[str, Any]:
    row = CATALOGUE.find(raw_symbol, venue_ns)
    return {
        **said(raw_symbol, venue_ns),
        "qty_raw": qty,
        "qty_base": None if row is None else row.qty_base(qty, price),
        "notional_usd": None if row is None else row.notional_usd(qty, price),
    }


@st.composite
def liquidation(draw: st.DrawFn) -> Liquidation:
    raw_symbol, venue_ns, price, qty = draw(symbols), draw(times_ns), draw(prices), draw(sizes)
    rule = WIRE._rules.at("liquidations", venue_ns)
    return Liquidation(
        **valued(raw_symbol, venue_ns, qty, price),
        liquidated=draw(st.sampled_from(Side)),
        bankruptcy_price=price,
        method=Method.UNKNOWN,
        coverage=rule.coverage,
        rule_id=rule.rule_id,
    )


@st.composite
def trade(draw: st.DrawFn) -> Trade:
    raw_symbol, venue_ns, price, qty = draw(symbols), draw(times_ns), draw(prices), draw(sizes)
    taker, trade_id = draw(st.sampled_from(Taker)), draw(st.none() | st.text(max_size=64))
    sized = valued(raw_symbol, venue_ns, qty, price)
    return Trade(**sized, price=price, taker=taker, trade_id=trade_id)


@st.composite
def book(draw: st.DrawFn) -> BookChange:
    raw_symbol, venue_ns = draw(symbols), draw(times_ns)
    row = CATALOGUE.find(raw_symbol, venue_ns)
    linear = row is not None and row.kind.value == "linear"
    factor = row.contract_value if row is not None and linear else 1.0
    level = st.tuples(prices, contracts.map(lambda qty: qty * factor))
    is_snapshot = draw(st.booleans())
    return BookChange(
        **said(raw_symbol, venue_ns),
        bids=draw(st.lists(level, max_size=4)),
        asks=draw(st.lists(level, max_size=4)),
        is_snapshot=is_snapshot,
        last_update_id=draw(st.integers(0, 2**62)),
        previous_update_id=None if is_snapshot else draw(st.none() | st.integers(0, 2**61)),
    )


@st.composite
def figures(draw: st.DrawFn) -> Event:
    named = said(draw(symbols), draw(times_ns))
    due_ns = draw(st.none() | times_ns)
    hours = draw(st.none() | st.integers(1, 8))
    interval_ns = None if due_ns is None or hours is None else hours * 3600 * 10**9
    rate = draw(st.floats(-1, 1))
    usd, coins = draw(sizes), draw(st.none() | sizes)
    options: list[Event] = [
        Mark(**named, mark_price=draw(prices)),
        Funding(**named, rate=rate, due_ns=due_ns, interval_ns=interval_ns),
        OpenInterest(**named, qty_base=coins, notional_usd=usd),
        AdlWarning(
            **{**named, "symbol": None, "raw_symbol": "BTC-USDT"},
            state=draw(st.sampled_from(["warning", "adl"])),
            balance=draw(st.none() | st.floats(-1e9, 1e9)),
            drawdown=draw(st.none() | st.floats(0, 1)),
        ),
    ]
    return draw(st.sampled_from(options))


@given(st.lists(liquidation() | trade() | book() | figures(), max_size=12))
def test_what_is_written_reads_back(events: list[Event]) -> None:
    back = [WIRE.decode(frame) for frame in WIRE.encode(events)]
    assert not any(one.rejected for one in back)
    assert [event for one in back for event in one.events] == events


@pytest.mark.parametrize("frame", FRAMES[:10])
def test_what_was_read_is_written_alike(frame: bytes) -> None:
    events = WIRE.decode(frame).events
    assert events
    again = [event for one in WIRE.encode(events) for event in WIRE.decode(one).events]
    assert again == events


def test_liquidations_share_frames_and_instruments() -> None:
    (frame,) = WIRE.encode(WIRE.decode(FRAMES[0]).events)
    assert frame.count(b'"details"') == 2
    assert frame.count(b'"bkPx"') == 3


def test_what_the_stream_cannot_show_is_lost() -> None:
    told = Liquidation(
        **said("BTC-USDT-SWAP", 1_760_130_903_127_372_111),
        liquidated=Side.SHORT,
        order_price=1.0,
        fill_price=2.0,
        bankruptcy_price=3.0,
        qty_raw=4.0,
        method=Method.ADL,
        coverage=Coverage.CENSUS,
        rule_id="true",
        mark_price=5.0,
        account="a",
        event_id="e",
    )
    (event,) = WIRE.decode(WIRE.encode([told])[0]).events
    assert isinstance(event, Liquidation)
    assert event.venue_ns == 1_760_130_903_127_000_000
    assert (event.method, event.coverage) == (Method.UNKNOWN, Coverage.THROTTLED)
    lost = (event.order_price, event.fill_price, event.mark_price, event.account, event.event_id)
    assert lost == (None,) * 5
    assert (event.bankruptcy_price, event.qty_raw, event.liquidated) == (3.0, 4.0, Side.SHORT)


BASE = said("BTC-USDT-SWAP", 1_760_130_903_127_000_000)
CLOSE: dict[str, Any] = {
    "qty_raw": 1.0,
    "method": Method.BOOK,
    "coverage": Coverage.CENSUS,
    "rule_id": "",
}


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (Health(**BASE, channel="x", state=HealthState.DEAD, reason=""), "no channel for a Health"),
        (Liquidation(**BASE, **CLOSE, liquidated=None, bankruptcy_price=1.0), "side"),
        (Liquidation(**BASE, **CLOSE, liquidated=Side.LONG), "bankruptcy price"),
        (Trade(**BASE, price=1.0, qty_raw=1.0), "taker"),
        (Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=1.0), "venue_ns"),
        (BookChange(**BASE, bids=[], asks=[], is_snapshot=True), "its id"),
        (InsuranceFund(**BASE, coin="USDT", balance=1.0), "adl-warning"),
    ],
)
def test_what_cannot_be_written_is_refused(event: Event, named: str) -> None:
    with pytest.raises(InputError, match=named):
        WIRE.encode([event])
