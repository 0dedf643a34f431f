"""decode(encode(events)) is what Bybit's stream can show of them."""

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
from airpocket.venues.bybit.wire import open_wire
from tests.venues.bybit.samples import FRAMES

WIRE = open_wire()
prices = st.floats(1e-9, 1e9)
sizes = st.floats(1e-9, 1e12)
rates = st.floats(-1, 1)
symbols = st.sampled_from(["BTCUSDT", "ETHUSD", "NEWUSDT", "币安人生USDT"])
times_ns = st.integers(1_600_000_000_000, 1_900_000_000_000).map(lambda ms: ms * 10**6)
levels = st.lists(st.tuples(prices, st.one_of(st.just(0.0), sizes)), max_size=4)


def said(raw_symbol: str, venue_ns: int) -> dict[str, Any]:
    row = open_wire()._catalogue.find(raw_symbol, venue_ns)
    symbol = None if row is None else row.symbol
    return {"venue": "bybit", "symbol": symbol, "raw_symbol": raw_symbol, "venue_ns": venue_ns}


@st.composite
def liquidation(draw: st.DrawFn) -> Liquidation:
    raw_symbol, venue_ns = draw(symbols), draw(times_ns)
    row = WIRE._catalogue.find(raw_symbol, venue_ns)
    price, qty = draw(prices), draw(sizes)
    census = venue_ns >= 1_740_009_600_000 * 10**6
    polled = venue_ns < 1_631_577_600_000 * 10**6
    old = "bybit-liquidation-polled" if polled else "bybit-liquidation-1-per-s"
    return Liquidation(
        **said(raw_symbol, venue_ns),
        liquidated=draw(st.sampled_from(Side)),
        bankruptcy_price=price,
        qty_raw=qty,
        qty_base=None if row is None else row.qty_base(qty, price),
        notional_usd=None if row is None else row.notional_usd(qty, price),
        method=Method.UNKNOWN,
        coverage=Coverage.CENSUS if census else Coverage.THROTTLED,
        rule_id="bybit-all-liquidation" if census else old,
    )


@st.composite
def trade(draw: st.DrawFn) -> Trade:
    raw_symbol, venue_ns = draw(symbols), draw(times_ns)
    row = WIRE._catalogue.find(raw_symbol, venue_ns)
    price, qty = draw(prices), draw(sizes)
    return Trade(
        **said(raw_symbol, venue_ns),
        price=price,
        qty_raw=qty,
        qty_base=None if row is None else row.qty_base(qty, price),
        notional_usd=None if row is None else row.notional_usd(qty, price),
        taker=draw(st.sampled_from(Taker)),
        trade_id=draw(st.none() | st.text(max_size=64)),
    )


@st.composite
def context(draw: st.DrawFn) -> Event:
    known = said(draw(st.sampled_from(["BTCUSDT", "ETHUSD"])), draw(times_ns))
    either = said(draw(symbols), known["venue_ns"])
    amount = draw(st.floats(-1e9, 1e9))
    coin = draw(st.sampled_from(["USDT", "BTC"]))
    options: list[Event] = [
        Mark(**either, mark_price=draw(prices), index_price=draw(st.none() | prices)),
        Funding(**either, rate=draw(rates), due_ns=draw(st.none() | times_ns)),
        OpenInterest(**known, qty_base=draw(sizes), notional_usd=draw(st.none() | sizes)),
        BookChange(
            **either,
            bids=draw(levels),
            asks=draw(levels),
            is_snapshot=draw(st.booleans()),
            last_update_id=draw(st.integers(2, 2**63 - 1)),
        ),
        InsuranceFund(
            **either,
            coin=coin,
            balance=amount,
            notional_usd=amount if coin == "USDT" else None,
            symbols=(either["raw_symbol"],),
        ),
        AdlWarning(**either, state="equity_adl", coin=coin, balance=-abs(amount), drawdown=0.25),
    ]
    return draw(st.sampled_from(options))


@given(st.lists(liquidation() | trade() | context(), max_size=12))
def test_what_is_written_reads_back(events: list[Event]) -> None:
    back = [WIRE.decode(frame) for frame in WIRE.encode(events)]
    assert not any(one.rejected for one in back)
    assert [event for one in back for event in one.events] == events


@pytest.mark.parametrize("frame", FRAMES[1:7])
def test_what_was_read_is_written_alike(frame: bytes) -> None:
    events = WIRE.decode(frame).events
    again = [event for one in WIRE.encode(events) for event in WIRE.decode(one).events]
    assert again == events


def test_what_the_stream_cannot_show_is_lost() -> None:
    venue_ns = 1_760_130_903_127_372_111
    told = Liquidation(
        **said("BTCUSDT", venue_ns),
        liquidated=Side.LONG,
        order_price=1.0,
        fill_price=2.0,
        bankruptcy_price=3.0,
        qty_raw=4.0,
        method=Method.BACKSTOP,
        coverage=Coverage.CENSUS,
        rule_id="true",
        mark_price=5.0,
        account="a",
        event_id="e",
    )
    (event,) = WIRE.decode(WIRE.encode([told])[0]).events
    assert isinstance(event, Liquidation)
    assert event.venue_ns == 1_760_130_903_127_000_000
    assert event.method is Method.UNKNOWN
    lost = (event.order_price, event.fill_price, event.mark_price, event.account, event.event_id)
    assert lost == (None,) * 5
    assert (event.bankruptcy_price, event.qty_raw, event.liquidated) == (3.0, 4.0, Side.LONG)


def test_liquidations_of_one_symbol_share_a_frame() -> None:
    later = FRAMES[0].replace(b"17395", b"17605")
    one, two = WIRE.decode(later).events
    assert len(WIRE.encode([one, two])) == 1
    assert len(WIRE.encode(WIRE.decode(FRAMES[0]).events)) == 2  # one a frame before 2025-02-20


BASE = said("BTCUSDT", 1_760_130_903_127_000_000)
CLOSE: dict[str, Any] = {
    "qty_raw": 1.0,
    "method": Method.BOOK,
    "coverage": Coverage.CENSUS,
    "rule_id": "",
}


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (Health(**BASE, channel="x", state=HealthState.DEAD, reason=""), "no topic for a Health"),
        (Liquidation(**BASE, **CLOSE, liquidated=None, bankruptcy_price=1.0), "side"),
        (Liquidation(**BASE, **CLOSE, liquidated=Side.LONG), "bankruptcy price"),
        (Trade(**BASE, price=1.0, qty_raw=1.0), "taker"),
        (Mark(venue="bybit", symbol=None, raw_symbol="X", mark_price=1.0), "venue_ns"),
        (BookChange(**BASE, bids=[], asks=[], is_snapshot=True), "its id"),
        (AdlWarning(**BASE, state="x"), "coin, balance and drawdown"),
        (OpenInterest(**{**BASE, "raw_symbol": "Y"}, qty_base=1.0, notional_usd=None), "'Y'"),
    ],
)
def test_what_cannot_be_written_is_refused(event: Event, named: str) -> None:
    with pytest.raises(InputError, match=named):
        WIRE.encode([event])
