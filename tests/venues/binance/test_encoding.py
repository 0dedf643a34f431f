"""What is written reads back as what the feed can show of it: exactly, for both products."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from airpocket.errors import InputError
from airpocket.market.events import (
    BookChange,
    Coverage,
    Depth,
    Event,
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    RawRef,
    Side,
    Taker,
    Trade,
)
from airpocket.units import ns_from_iso
from airpocket.venues.binance.wire import open_wire

SYMBOLS = ["BTCUSDT", "BTCUSD_PERP", "1000SHIBUSDT", "币安人生USDT", "AAVEUSD_PERP", "NOVELUSDT"]
symbols = st.sampled_from(SYMBOLS)
prices = st.floats(1e-12, 1e14, exclude_min=True)
sizes = st.floats(0, 1e17, exclude_min=True)
times = st.integers(ns_from_iso("2019-09-01"), ns_from_iso("2027-01-01"))
ids = st.integers(0, 2**63 - 1)
levels = st.lists(st.tuples(prices, st.floats(0, 1e17)), max_size=5)


def heads(venue_ns: Any = times) -> dict[str, Any]:
    return {
        "venue": st.just("binance"),
        "symbol": st.sampled_from([None, "any"]),
        "raw_symbol": symbols,
        "raw_ref": st.sampled_from([None, RawRef("t", 1)]),
        "venue_ns": venue_ns,
        "local_ns": st.sampled_from([None, 5]),
    }


forced = st.builds(
    Liquidation,
    **heads(),
    liquidated=st.sampled_from(Side),
    order_price=prices,
    fill_price=st.none() | prices,
    bankruptcy_price=st.none() | prices,
    qty_raw=sizes,
    qty_base=st.none() | sizes,
    notional_usd=st.none() | sizes,
    method=st.sampled_from([Method.BOOK, Method.UNKNOWN]),
    coverage=st.sampled_from(Coverage),
    rule_id=st.just("any"),
    mark_price=st.none() | prices,
    account=st.sampled_from([None, "0x1"]),
    event_id=st.sampled_from([None, "7"]),
)
off_book = st.builds(
    Liquidation,
    **heads(),
    liquidated=st.none() | st.sampled_from(Side),
    order_price=st.none() | prices,
    fill_price=prices,
    qty_raw=sizes,
    method=st.sampled_from([Method.BACKSTOP, Method.ADL]),
    coverage=st.sampled_from(Coverage),
    rule_id=st.just("any"),
    event_id=ids.map(str),
)
trades = st.builds(
    Trade,
    **heads(),
    price=prices,
    qty_raw=sizes,
    taker=st.sampled_from(Taker),
    trade_id=ids.map(str),
)
marks = st.builds(Mark, **heads(), mark_price=prices, index_price=st.none() | prices)
changes = st.builds(
    BookChange,
    **heads(),
    bids=levels,
    asks=levels,
    is_snapshot=st.just(False),
    first_update_id=ids,
    last_update_id=ids,
    previous_update_id=st.none() | ids,
)
snapshots = st.builds(
    BookChange,
    **heads(st.none() | times),
    bids=levels,
    asks=levels,
    is_snapshot=st.just(True),
    first_update_id=st.none() | ids,
    last_update_id=ids,
)
interests = st.builds(
    OpenInterest,
    **(heads() | {"raw_symbol": st.sampled_from(SYMBOLS[:-1])}),
    qty_base=st.floats(0, 1e16),
    notional_usd=st.floats(0, 1e16),
)


@given(st.one_of(forced, off_book, trades, marks, changes, snapshots, interests))
def test_what_is_written_reads_back_as_what_the_feed_shows(event: Event) -> None:
    wire = open_wire_once
    (frame,) = wire.encode([event])
    said = wire.decode(frame)
    assert said.rejected == ()
    assert said.events == [wire.shows(event)]


open_wire_once = open_wire()


@given(forced | off_book | trades | marks | changes | interests)
def test_showing_twice_shows_the_same(event: Event) -> None:
    shown = open_wire_once.shows(event)
    if not (isinstance(event, Liquidation) and event.method in {Method.BACKSTOP, Method.ADL}):
        assert open_wire_once.shows(shown) == shown
    assert open_wire_once.encode([shown])


@given(marks, st.floats(-9.9, 9.9), st.none() | times)
def test_mark_and_funding_share_a_frame(mark: Mark, rate: float, due_ns: int | None) -> None:
    funding = Funding(
        venue="binance",
        symbol=None,
        raw_symbol=mark.raw_symbol,
        venue_ns=mark.venue_ns,
        rate=rate,
        interval_ns=1,
        due_ns=due_ns,
    )
    (frame,) = open_wire_once.encode([mark, funding])
    shown = [open_wire_once.shows(mark), open_wire_once.shows(funding)]
    assert open_wire_once.decode(frame).events == shown


FORCED = Liquidation(
    venue="binance",
    symbol="BTC/USDT:USDT",
    raw_symbol="BTCUSDT",
    venue_ns=1791565602120 * 10**6,
    liquidated=Side.LONG,
    order_price=82338.3,
    fill_price=82651.9,
    qty_raw=0.19,
    method=Method.BOOK,
    coverage=Coverage.THROTTLED,
    rule_id="any",
)
TRADE = Trade(
    venue="binance",
    symbol=None,
    raw_symbol="BTCUSDT",
    venue_ns=1791565602120 * 10**6,
    price=5.0,
    qty_raw=1.0,
    taker=Taker.SELL,
    trade_id="7",
)
MARK = Mark(venue="binance", symbol=None, raw_symbol="BTCUSDT", venue_ns=10**18 * 2, mark_price=1.0)
FUNDING = Funding(venue="binance", symbol=None, raw_symbol="BTCUSDT", venue_ns=10**18 * 2, rate=0.1)
CHANGE = BookChange(
    venue="binance",
    symbol=None,
    raw_symbol="BTCUSD_PERP",
    venue_ns=10**18 * 2,
    bids=[(1.0, 3.0)],
    asks=[],
    is_snapshot=False,
    first_update_id=1,
    last_update_id=2,
)
INTEREST = OpenInterest(
    venue="binance",
    symbol=None,
    raw_symbol="BTCUSD_PERP",
    venue_ns=10**18 * 2,
    qty_base=None,
    notional_usd=1500.0,
)


def test_a_forced_order_is_written_as_binance_writes_it() -> None:
    (frame,) = open_wire().encode([FORCED])
    assert json.loads(frame) == {
        "stream": "btcusdt@forceOrder",
        "data": {
            "e": "forceOrder",
            "E": 1791565602120,
            "o": {
                "s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.19",
                "p": "82338.3", "ap": "82651.9", "X": "FILLED", "l": "0.19", "z": "0.19",
                "T": 1791565602120, "ps": "BTCUSDT", "st": 1,
            },
        },
    }  # fmt: skip


def test_product_and_pair_are_said_since_the_merge_and_the_pair_of_coin_m_always() -> None:
    before = structs.replace(FORCED, venue_ns=ns_from_iso("2026-06-29"))
    (frame,) = open_wire().encode([before])
    assert not {"st", "ps"} & set(json.loads(frame)["data"]["o"])
    (frame,) = open_wire().encode([structs.replace(before, raw_symbol="BTCUSD_PERP")])
    order = json.loads(frame)["data"]["o"]
    assert order["ps"] == "BTCUSD"
    assert "st" not in order
    (frame,) = open_wire().encode([structs.replace(FORCED, raw_symbol="NOVELUSD_260925")])
    order = json.loads(frame)["data"]["o"]
    assert (order["ps"], order["st"]) == ("NOVELUSD", 2)


def test_numbers_are_plain_decimals() -> None:
    (frame,) = open_wire().encode([structs.replace(TRADE, price=1.23e-7, qty_raw=1e17)])
    data = json.loads(frame)["data"]
    assert (data["p"], data["q"]) == ("0.000000123", "100000000000000000")


def test_marks_stay_apart_from_funding_of_another_symbol_or_time() -> None:
    wire = open_wire()
    other = structs.replace(MARK, raw_symbol="ETHUSDT")
    frames = wire.encode([MARK, other, FUNDING.__class__(**_of(FUNDING, raw_symbol="ETHUSDT"))])
    assert [len(wire.decode(frame).events) for frame in frames] == [1, 2]
    with pytest.raises(InputError, match="needs the mark of the same time before it"):
        wire.encode([MARK, structs.replace(FUNDING, venue_ns=10**18 * 3)])


def _of(event: Funding, **more: Any) -> dict[str, Any]:
    return structs.asdict(event) | more


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (structs.replace(FORCED, venue="okx"), "the binance wire cannot say an event of 'okx'"),
        (structs.replace(FORCED, raw_symbol="*"), "'\\*' is not a symbol"),
        (structs.replace(FORCED, raw_symbol="btcusdt"), "'btcusdt' is not a symbol"),
        (structs.replace(FORCED, raw_symbol="A" * 65), "is not a symbol"),
        (structs.replace(FORCED, raw_symbol="A@B"), "is not a symbol"),
        (structs.replace(FORCED, venue_ns=None), "needs venue_ns"),
        (structs.replace(FORCED, venue_ns=1791565602120), "cannot be said: Expected `int`"),
        (structs.replace(FORCED, liquidated=None), "says a side and a limit price"),
        (structs.replace(FORCED, order_price=None), "says a side and a limit price"),
        (structs.replace(FORCED, order_price=0.0), "order_price of a Liquidation of BTCUSDT is"),
        (structs.replace(FORCED, fill_price=float("nan")), "fill_price of a Liquidation"),
        (structs.replace(FORCED, qty_raw=0.0), "qty_raw of a Liquidation"),
        (structs.replace(FORCED, qty_raw=float("inf")), "qty_raw of a Liquidation"),
        (
            structs.replace(FORCED, method=Method.ADL, event_id="7", fill_price=None),
            "a print of BTCUSDT has a price",
        ),
        (structs.replace(FORCED, method=Method.ADL), "has a whole number as id, not None"),
        (structs.replace(TRADE, trade_id="x7"), "has a whole number as id, not 'x7'"),
        (structs.replace(TRADE, trade_id="07"), "has a whole number as id"),
        (structs.replace(TRADE, trade_id="9" * 5000), "has a whole number as id"),
        (structs.replace(TRADE, trade_id=str(2**63)), "cannot be said"),
        (structs.replace(TRADE, taker=None), "says who crossed: give taker"),
        (structs.replace(TRADE, price=-1.0), "price of a Trade of BTCUSDT is -1.0"),
        (structs.replace(MARK, mark_price=float("inf")), "a Mark of BTCUSDT cannot be said"),
        (structs.replace(MARK, index_price=0.0), "index_price of a Mark"),
        (FUNDING, "needs the mark of the same time before it"),
        (structs.replace(CHANGE, first_update_id=None), "has ids: give first_update_id"),
        (structs.replace(CHANGE, last_update_id=-1), "a BookChange of BTCUSD_PERP cannot be said"),
        (structs.replace(CHANGE, bids=[(1.0, -1.0)]), "a BookChange of BTCUSD_PERP cannot be"),
        (structs.replace(CHANGE, is_snapshot=True, last_update_id=None), "cannot be said"),
        (structs.replace(INTEREST, notional_usd=None), "is said in contracts: give notional_usd"),
        (structs.replace(INTEREST, raw_symbol="BTCUSDT"), "is said in contracts: give qty_base"),
        (structs.replace(INTEREST, raw_symbol="NOVELUSDT"), "the unit of its open interest is"),
        (
            Depth(
                venue="binance",
                symbol=None,
                raw_symbol="BTCUSDT",
                bids=((1.0, 1.0),),
                asks=((2.0, 1.0),),
            ),
            "binance has no channel here for a Depth",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(event: Event, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        open_wire().encode([event])


def test_a_rate_beyond_all_measure_is_refused() -> None:
    with pytest.raises(InputError, match="rate"):
        open_wire().encode([MARK, structs.replace(FUNDING, rate=11.0)])
    with pytest.raises(InputError, match="due_ns"):
        open_wire().encode([MARK, structs.replace(FUNDING, due_ns=7 * 10**6)])
