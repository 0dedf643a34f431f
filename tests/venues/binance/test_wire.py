"""What Binance's frames mean: real frames, the documents' samples, and damaged ones."""

import gzip
import json
import time
import tomllib
from collections import Counter
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import pytest

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
    event_ns,
)
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue, Kind
from airpocket.units import ns_from_iso
from airpocket.venues.binance.wire import BinanceWire, open_wire
from tests.venues.mutate import mutations

# The sample of Binance's documents, with the fields of a frame captured on 2026-10-09 in `MERGED`.
FORCED = (
    b'{"e":"forceOrder","E":1568014460999,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC",'
    b'"q":"0.014","p":"9910","ap":"9905","X":"FILLED","l":"0.004","z":"0.014","T":1568014460893}}'
)
MERGED = (
    b'{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1791565603055,"o":{"s":"BTCUSDT",'
    b'"S":"SELL","o":"LIMIT","f":"IOC","q":"0.190","p":"82338.30","ap":"82651.90","X":"FILLED",'
    b'"l":"0.155","z":"0.190","T":1791565602120,"ps":"BTCUSDT","st":1}}}'
)
COIN_M = (
    b'{"e":"forceOrder","E":1594622954023,"o":{"s":"BTCUSD_200925","ps":"BTCUSD","S":"BUY",'
    b'"o":"LIMIT","f":"IOC","q":"3","p":"9314.5","ap":"9352.7","X":"FILLED","l":"3","z":"3",'
    b'"T":1594622954021}}'
)
TRADE = (
    b'{"stream":"btcusd_perp@trade","data":{"e":"trade","E":1723161257687,"T":1723161257679,'
    b'"s":"BTCUSD_PERP","t":849714402,"p":"61804.8","q":"4","X":"MARKET","m":false}}'
)
TAKEOVER = (
    b'{"e":"trade","E":1596034530241,"T":1596034530235,"s":"ETHUSDT","t":73701056,"p":"2366.55",'
    b'"q":"0.070","X":"INSURANCE_FUND","m":true}'
)
PLACEHOLDER = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1790371725749,"T":1790371725748,'
    b'"s":"BTCUSDT","t":3488255295,"p":"0","q":"0","X":"NA","m":true,"st":1}}'
)
AGG_TRADE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1791391082024,"a":3478018549,'
    b'"s":"BTCUSDT","p":"83434.40","q":"0.016","nq":"0.016","f":8154045700,"l":8154045704,'
    b'"T":1791391081874,"m":true,"st":1}}'
)
MARK = (
    b'{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000",'
    b'"i":"11784.62659091","P":"11784.25641265","r":"-0.00038167","T":1562306400000}'
)
DELIVERY_MARK = (
    b'{"e":"markPriceUpdate","E":1596095725000,"s":"BTCUSD_200925","p":"10934.62615417",'
    b'"P":"10962.17178236","r":"","T":0}'
)
DEPTH = (
    b'{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257440,'
    b'"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631260,"u":1007198631565,'
    b'"pu":1007198631198,"b":[["61773.6","1001"],["61778.7","0"]],"a":[["61801.4","0"]]}}'
)
TOP = (
    b'{"stream":"btcusdt@depth5@100ms","data":{"e":"depthUpdate","E":1787592539515,'
    b'"T":1787592539514,"s":"BTCUSDT","ps":"BTCUSDT","U":113,"u":117,"pu":112,'
    b'"b":[["78562.70","0.775"],["78562.60","5.128"]],"a":[["78562.80","1.848"]],"st":1}}'
)
TICKER = (
    b'{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker",'
    b'"s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645",'
    b'"T":1723161257465,"E":1723161257476}}'
)
SNAPSHOT = (
    b'{"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,'
    b'"bids":[["61800.20","2.909"]],"asks":[["61800.30","1.5"]]}'
)
INTEREST = b'{"openInterest":"10659.509","symbol":"BTCUSDT","time":1589437530011}'
COIN_INTEREST = (
    b'{"symbol":"BTCUSD_PERP","pair":"BTCUSD","openInterest":"15004",'
    b'"contractType":"PERPETUAL","time":1591261042378}'
)
INFO = b'{"e":"contractInfo","E":1669647330375,"s":"IOTAUSDT","ps":"IOTAUSDT","ct":"PERPETUAL"}'
ACK = b'{"result":null,"id":1}'
ALL = [
    FORCED, MERGED, COIN_M, TRADE, TAKEOVER, PLACEHOLDER, AGG_TRADE, MARK, DELIVERY_MARK, DEPTH,
    TOP, TICKER, SNAPSHOT, INTEREST, COIN_INTEREST, INFO, ACK, b"[" + FORCED + b"," + COIN_M + b"]",
]  # fmt: skip


def only(data: bytes) -> Event:
    said = open_wire().decode(data)
    assert not said.rejected
    assert len(said.events) == 1
    return said.events[0]


def liquidation(data: bytes) -> Liquidation:
    event = only(data)
    assert isinstance(event, Liquidation)
    return event


def test_a_forced_sell_closes_a_long() -> None:
    event = liquidation(MERGED)
    assert event.venue == "binance"
    assert (event.symbol, event.raw_symbol) == ("BTC/USDT:USDT", "BTCUSDT")
    assert event.liquidated is Side.LONG
    assert (event.order_price, event.bankruptcy_price) == (82338.3, 82338.3)
    assert event.fill_price == 82651.9
    assert (event.qty_raw, event.qty_base) == (0.19, 0.19)  # z, not the last fill l
    assert event.notional_usd == pytest.approx(0.19 * 82651.9)
    assert event.method is Method.BOOK
    assert event.venue_ns == 1791565602120 * 10**6  # T, not E
    assert (event.mark_price, event.account, event.event_id) == (None, None, None)


def test_a_forced_buy_of_coin_margined_contracts_closes_a_short() -> None:
    event = liquidation(COIN_M)
    assert event.symbol == "BTC/USD:BTC-200925"
    assert event.liquidated is Side.SHORT
    assert (event.qty_raw, event.notional_usd) == (3.0, 300.0)
    assert event.qty_base == pytest.approx(300.0 / 9352.7)


@pytest.mark.parametrize(
    ("time", "rule_id", "coverage"),
    [
        ("2021-04-26T23:59:59", "binance-forceorder-all", Coverage.CENSUS),
        ("2021-04-27", "binance-forceorder-latest-1-per-s", Coverage.THROTTLED),
        ("2026-04-09T23:59:59", "binance-forceorder-latest-1-per-s", Coverage.THROTTLED),
        ("2026-04-10", "binance-forceorder-1-per-s", Coverage.THROTTLED),
    ],
)
def test_what_the_feed_covers_depends_on_the_date(
    time: str, rule_id: str, coverage: Coverage
) -> None:
    wire = open_wire()
    wire.decode(MERGED)  # another rule was in force before
    ms = str(ns_from_iso(time) // 10**6).encode()
    event = wire.decode(FORCED.replace(b"1568014460893", ms)).events[0]
    assert isinstance(event, Liquidation)
    assert (event.rule_id, event.coverage) == (rule_id, coverage)


def test_the_frame_carries_clocks_and_bytes() -> None:
    ref = RawRef("tape", 7)
    for frame in ALL:
        for event in open_wire().decode(frame, local_ns=5, raw_ref=ref).events:
            assert (event.local_ns, event.raw_ref) == (5, ref)


@pytest.mark.parametrize(
    "envelope",
    [
        b"%b",
        b"[%b]",
        b'{"stream":"!forceOrder@arr","data":%b}',
        b'{"stream":"!forceOrder@arr","data":[%b]}',
        b'{"data":%b,"stream":"!forceOrder@arr"}',
        b' { "stream" : "x" , "data" : %b }',
        b'{"data":%b}',
    ],
)
def test_envelope_and_array_change_nothing(envelope: bytes) -> None:
    assert only(envelope % FORCED) == only(FORCED)


def test_five_hundred_orders_in_one_frame_are_five_hundred_events() -> None:
    said = open_wire().decode(b"[" + b",".join([FORCED] * 500) + b"]")
    assert len(said.events) == 500


def test_a_partial_fill_counts_what_filled() -> None:
    event = liquidation(FORCED.replace(b'"FILLED"', b'"PARTIALLY_FILLED"'))
    assert event.qty_raw == 0.014


def test_an_order_that_filled_nothing_closed_nothing() -> None:
    empty = FORCED.replace(b'"z":"0.014"', b'"z":"0"')
    said = open_wire().decode(empty.replace(b'"FILLED"', b'"EXPIRED"'))
    assert (said.events, said.rejected) == ([], ())
    assert said.notes == ("forceOrder of BTCUSDT (EXPIRED) closed nothing",)
    said = open_wire().decode(empty)
    assert said.events == []
    assert said.rejected == ("forceOrder of BTCUSDT is FILLED with a size of 0",)


def test_without_an_average_price_the_limit_values_the_order() -> None:
    event = liquidation(FORCED.replace(b'"ap":"9905",', b""))
    assert event.fill_price is None
    assert event.notional_usd == pytest.approx(0.014 * 9910)


@pytest.mark.parametrize("symbol", ["1000SHIBUSDT", "币安人生USDT", "BTCUSDT_250627", "ETHUSDC"])
def test_odd_symbols_are_listed(symbol: str) -> None:
    event = liquidation(FORCED.replace(b"BTCUSDT", symbol.encode()))
    assert event.raw_symbol == symbol
    assert event.symbol is not None
    assert event.notional_usd == pytest.approx(0.014 * 9905)


def test_an_unknown_instrument_has_no_notional_and_says_so() -> None:
    said = open_wire().decode(FORCED.replace(b"BTCUSDT", b"<img onerror>"))
    event = said.events[0]
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
    assert (event.raw_symbol, event.qty_raw) == ("<img onerror>", 0.014)
    assert said.notes == ("unknown instrument <img onerror>: no notional",)


def test_a_product_that_contradicts_the_catalogue_has_no_notional() -> None:
    said = open_wire().decode(MERGED.replace(b'"st":1', b'"st":2'))
    event = said.events[0]
    assert isinstance(event, Liquidation)
    assert event.notional_usd is None
    assert said.notes == ("BTCUSDT with st 2 is not the one listed: no notional",)
    agreed = COIN_M.replace(b'"ps"', b'"st":2,"ps"')
    assert liquidation(agreed) == liquidation(COIN_M)


def test_a_print_on_the_book_is_a_trade() -> None:
    event = only(TRADE)
    assert isinstance(event, Trade)
    assert (event.price, event.qty_raw, event.notional_usd) == (61804.8, 4.0, 400.0)
    assert event.taker is Taker.BUY
    assert event.trade_id == "849714402"
    assert only(TRADE.replace(b"MARKET", b"RPI")) == event
    assert only(TRADE.replace(b"MARKET", b"NA")) == event
    assert only(TRADE.replace(b'"X":"MARKET",', b"")) == event
    sold = only(AGG_TRADE)
    assert isinstance(sold, Trade)
    assert sold.taker is Taker.SELL
    assert sold.trade_id == "3478018549"


def test_a_print_off_the_book_is_a_liquidation_of_unknown_side() -> None:
    event = liquidation(TAKEOVER)
    assert event.method is Method.BACKSTOP
    assert event.liquidated is None
    assert (event.fill_price, event.order_price, event.bankruptcy_price) == (2366.55, None, None)
    assert (event.qty_raw, event.event_id) == (0.07, "73701056")
    assert event.notional_usd == pytest.approx(0.07 * 2366.55)
    assert event.coverage is Coverage.INFERRED
    assert liquidation(TAKEOVER.replace(b"INSURANCE_FUND", b"ADL")).method is Method.ADL


def test_a_print_without_a_trade_is_a_placeholder() -> None:
    said = open_wire().decode(PLACEHOLDER)
    assert (said.events, said.rejected, said.control) == ([], (), "placeholder")
    said = open_wire().decode(PLACEHOLDER.replace(b'"NA"', b'"MARKET"'))
    assert (said.events, said.control) == ([], None)
    assert said.rejected == ("trade of BTCUSDT without price or size",)


def test_an_unknown_kind_of_print_is_rejected() -> None:
    said = open_wire().decode(TRADE.replace(b"MARKET", b"NOVEL"))
    assert said.events == []
    assert said.rejected == ("unknown kind of trade X='NOVEL'",)


def test_the_mark_stream_says_mark_and_funding() -> None:
    mark, funding = open_wire().decode(MARK).events
    assert isinstance(mark, Mark)
    assert isinstance(funding, Funding)
    assert (mark.mark_price, mark.index_price) == (11794.15, 11784.62659091)
    assert (funding.rate, funding.interval_ns) == (-0.00038167, None)
    assert funding.due_ns == 1562306400000 * 10**6
    assert mark.venue_ns == funding.venue_ns == 1562305380000 * 10**6


def test_a_delivery_contract_has_no_funding() -> None:
    event = only(DELIVERY_MARK)
    assert isinstance(event, Mark)
    assert event.index_price is None


def test_one_bad_mark_does_not_spoil_the_array() -> None:
    bad = MARK.replace(b'"11794.15000000"', b'"NaN"')
    said = open_wire().decode(b"[" + MARK + b"," + bad + b",null," + DELIVERY_MARK + b"]")
    assert len(said.events) == 3
    assert len(said.rejected) == 2
    assert said.rejected[0].startswith("part 1: ")


def test_open_interest_is_coins_or_dollars_by_product() -> None:
    linear, inverse = only(INTEREST), only(COIN_INTEREST)
    assert isinstance(linear, OpenInterest)
    assert isinstance(inverse, OpenInterest)
    assert (linear.qty_base, linear.notional_usd) == (10659.509, None)
    assert (inverse.qty_base, inverse.notional_usd) == (None, 1_500_400.0)


def test_a_depth_update_is_a_change_with_its_ids() -> None:
    event = only(DEPTH)
    assert isinstance(event, BookChange)
    assert event.bids == [(61773.6, 1001.0), (61778.7, 0.0)]
    assert event.asks == [(61801.4, 0.0)]
    assert not event.is_snapshot
    assert event.first_update_id == 1007198631260
    assert event.last_update_id == 1007198631565
    assert event.previous_update_id == 1007198631198
    assert event.venue_ns == 1723161257432 * 10**6


def test_the_top_of_a_book_is_depth_and_no_change_to_another() -> None:
    event = only(TOP)
    assert isinstance(event, Depth)
    assert event.bids == ((78562.7, 0.775), (78562.6, 5.128))
    assert event.asks == ((78562.8, 1.848),)
    ticker = only(TICKER)
    assert isinstance(ticker, Depth)
    assert (ticker.bids, ticker.asks) == (((61804.7, 35.0),), ((61804.8, 1645.0),))


def test_a_ticker_that_is_crossed_or_one_sided_is_no_depth() -> None:
    said = open_wire().decode(TICKER.replace(b'"61804.8"', b'"61804.7"'))
    assert (said.events, said.rejected) == ([], ("book of BTCUSD_PERP is crossed",))
    said = open_wire().decode(TICKER.replace(b'"61804.8"', b'"0"'))
    assert (said.events, said.notes) == ([], ("book of BTCUSD_PERP has an empty side",))


def test_the_book_with_rpi_orders_is_not_mixed_with_the_other() -> None:
    said = open_wire().decode(DEPTH.replace(b"@depth@0ms", b"@rpiDepth@500ms"))
    assert said.events == []
    assert said.rejected == ("stream @rpiDepth is another book and is not read",)


def test_a_snapshot_takes_its_symbol_from_what_names_it() -> None:
    wire = open_wire()
    assert wire.decode(SNAPSHOT).rejected[0].startswith("a depth snapshot without a symbol")
    wrapped = b'{"stream":"btcusdt@depthSnapshot","generated":true,"data":' + SNAPSHOT + b"}"
    event = only(wrapped)
    assert isinstance(event, BookChange)
    assert event.is_snapshot
    assert event.raw_symbol == "BTCUSDT"
    assert (event.first_update_id, event.last_update_id) == (None, 5123107852948)
    wire.decode(DEPTH)
    said = wire.decode(SNAPSHOT)
    assert said.events[0].raw_symbol == "BTCUSD_PERP"
    assert said.notes == ("snapshot names no symbol: taken as BTCUSD_PERP, the only book seen",)
    wire.decode(DEPTH.replace(b'"BTCUSD_PERP"', b'"ETHUSD_PERP"'))
    assert wire.decode(SNAPSHOT).rejected


@pytest.mark.parametrize(
    ("frame", "control"),
    [(ACK, "ack"), (b'{"result":["btcusdt@trade"],"id":3}', "ack"), (INFO, "contract_info")],
)
def test_what_belongs_to_the_protocol_is_control(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', "the venue refused a request: "),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "the venue refused a request: "),
        (b'{"e":"24hrTicker","s":"BTCUSDT"}', "unknown message type '24hrTicker'"),
        (b'{"foo":1,"bar":2}', "unknown frame with the fields: bar, foo"),
        (b"{}", "unknown frame with the fields: none"),
        (b"[]", "an empty list"),
        (b"", "Input data was truncated"),
        (b"<html>502</html>", "JSON is malformed"),
        (b"\xef\xbb\xbf" + FORCED, "JSON is malformed"),
        (FORCED[:-10], "Input data was truncated"),
        (b"[" * 100_000, "nested too deeply"),
        (FORCED.replace(b'"9910"', b"NaN"), "JSON is malformed"),
        (FORCED.replace(b'"9910"', b"1e400"), "Number out of range"),
        (FORCED.replace(b'"9910"', b'"1e1000000"'), "Number out of range"),
        (FORCED.replace(b'"9910"', b'"0"'), "Expected `float` >= 1e-12"),
        (FORCED.replace(b'"z":"0.014"', b'"z":"-1"'), "Expected `float` >= 0.0"),
        (FORCED.replace(b"1568014460893", b"1568014460"), "Expected `int` >= 1230940800000"),
        (FORCED.replace(b"1568014460893", b"1568014460893000"), "Expected `int` <="),
        (FORCED.replace(b'"SELL"', b'"LONG"'), "Invalid enum value 'LONG'"),
        (FORCED.replace(b'"s":"BTCUSDT",', b""), "Object missing required field `s`"),
        (TRADE.replace(b"849714402", b"18446744073709551616"), "Expected `int`"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert said.events == []
    assert len(said.rejected) == 1
    assert said.rejected[0].startswith(reason)


def test_a_price_that_would_overflow_coins_is_no_price() -> None:
    said = open_wire().decode(COIN_M.replace(b'"9314.5"', b'"5e-324"'))
    assert said.events == []
    event = liquidation(COIN_M.replace(b'"9352.7"', b'"5e-324"'))
    assert event.fill_price is None


def test_rules_that_do_not_cover_a_time_reject_the_frame_and_do_not_raise() -> None:
    wire = BinanceWire(Catalogue.load(TOML), FeedRules(()))
    for frame in (FORCED, TAKEOVER, FORCED.replace(b"BTCUSDT", b"NOVEL")):
        said = wire.decode(frame)
        assert said.events == []
        assert said.rejected[0].startswith("no rule is stated")


def _sound(frame: bytes, wire: BinanceWire) -> None:
    begun = time.process_time()
    said = wire.decode(frame)
    took = time.process_time() - begun
    assert took < 0.1, frame[:200]
    assert said.events or said.rejected or said.control or said.notes, frame[:200]
    for event in said.events:
        at_ns = event_ns(event)
        assert at_ns is None or at_ns > 10**18
        for value in msgspec.structs.astuple(event):
            assert not isinstance(value, float) or isfinite(value), frame[:200]
        if isinstance(event, Liquidation):
            assert event.qty_raw > 0
            assert event.notional_usd is None or event.notional_usd > 0
        if isinstance(event, Trade):
            assert event.qty_raw > 0
            assert event.price > 0


def test_damaged_frames_never_raise_nor_hang() -> None:
    wire = open_wire()
    for frame in mutations(ALL, 1_000, seed=1):
        _sound(frame, wire)


@pytest.mark.slow
@pytest.mark.data
def test_a_hundred_thousand_damaged_frames(data_dir: Path) -> None:
    wire = open_wire()
    for frame in mutations([*ALL, *_frames_on_file(data_dir)], 100_000, seed=2):
        _sound(frame, wire)


def _frames_on_file(data_dir: Path) -> list[bytes]:
    fixtures = json.loads((data_dir / "frames/tardis_liquidation_fixtures.json").read_bytes())
    captured = (data_dir / "frames/captured_frames.jsonl").read_bytes().splitlines()
    rows = [*fixtures["fixtures"], *map(json.loads, captured)]
    return [json.dumps(r["frame"]).encode() for r in rows if r["exchange"].startswith("binance")]


@pytest.mark.data
def test_the_recorded_frames_say_what_they_are_known_to_say(data_dir: Path) -> None:
    fixtures = json.loads((data_dir / "frames/tardis_liquidation_fixtures.json").read_bytes())
    seen = 0
    for row in fixtures["fixtures"]:
        if row["exchange"] not in {"binance-futures", "binance-delivery"}:
            continue
        event = liquidation(json.dumps(row["frame"]).encode())
        (known,) = row["expected_liquidations"]
        assert event.raw_symbol == known["symbol"]
        assert event.order_price == known["price"]
        assert event.qty_raw == known["amount"]
        assert event.liquidated is (Side.LONG if known["side"] == "sell" else Side.SHORT)
        assert event.venue_ns == ns_from_iso(known["timestamp"].replace("Z", "+00:00"))
        seen += 1
    for line in (data_dir / "frames/captured_frames.jsonl").read_bytes().splitlines():
        row = json.loads(line)
        if not row["exchange"].startswith("binance"):
            continue
        event = liquidation(json.dumps(row["frame"]).encode())
        meaning = row["meaning"]
        assert event.liquidated == meaning["liquidated"]
        assert (event.fill_price, event.qty_raw) == (meaning["price"], meaning["qty"])
        seen += 1
    assert seen == 3


@pytest.mark.data
def test_the_vectors_are_reproduced(data_dir: Path) -> None:
    vectors: Any = json.loads((data_dir / "venue_vectors.json").read_bytes())
    rows = vectors if isinstance(vectors, list) else vectors["vectors"]
    kinds = {"insurance_fund_trade": Method.BACKSTOP, "adl_trade": Method.ADL}
    seen = 0
    for row in rows:
        if row["kind"] != "feed_parse" or not row["venue"].startswith("binance"):
            continue
        event = liquidation(json.dumps(row["inputs"]["message"]).encode())
        (known,) = row["expected"]
        assert event.raw_symbol == known["symbol"]
        assert event.qty_raw == known["qty"]
        assert event.venue_ns == known["ts_ms"] * 10**6
        if "event" in known:
            assert event.method is kinds[known["event"]]
            assert (event.fill_price, event.liquidated) == (known["price"], None)
        else:
            assert event.liquidated == known["liquidated"]
            assert (event.order_price, event.fill_price) == (known["price"], known["avg_price"])
        seen += 1
    assert seen == 4


TOML = Path(open_wire.__code__.co_filename).with_name("venue.toml")


def test_every_contract_is_worth_what_its_product_says() -> None:
    for row in Catalogue.load(TOML):
        if row.raw_symbol.startswith("BTCUSD_"):
            assert (row.kind, row.contract_value) == (Kind.INVERSE, 100.0)
        elif "USD_" in row.raw_symbol:
            assert (row.kind, row.contract_value) == (Kind.INVERSE, 10.0)
        else:
            assert (row.kind, row.contract_value) == (Kind.LINEAR, 1.0)
            assert row.raw_symbol.startswith(row.base + row.quote)


def test_the_streams_moved_and_the_old_addresses_ended() -> None:
    endpoints = tomllib.loads(TOML.read_text(encoding="utf-8"))["endpoints"]
    streams = {row["url"]: row for row in endpoints if row["url"].startswith("wss")}
    assert streams["wss://fstream.binance.com"]["valid_to"] == "2026-04-23"
    assert streams["wss://dstream.binance.com"]["valid_to"] == "2026-06-30"
    now = [url for url, row in streams.items() if "valid_to" not in row]
    assert now == [f"wss://fstream.binance.com/{path}" for path in ("market", "public", "private")]
    assert "!forceOrder@arr" in streams["wss://fstream.binance.com/market"]["topics"]


@pytest.mark.data
def test_every_symbol_of_the_recordings_is_listed(data_dir: Path) -> None:
    names: set[str] = set()
    for path in sorted((data_dir / "oct10_market").glob("binance-delivery_trades_*.csv.gz")):
        names.add("_".join(path.name.removesuffix(".csv.gz").split("_")[-2:]))
    for path in sorted((data_dir / "binance_force_orders").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as rows:
            for row in rows:
                coin, _, expiry = row.partition(",")[0].partition("_")
                if not coin.isalnum():
                    continue  # a remark that its recorder glued to one row
                name = coin if coin.endswith("USDC") else f"{coin}USDT"
                names.add(f"{name}_{expiry}" if expiry else name)
    assert len(names) > 130
    listed = {row.raw_symbol for row in Catalogue.load(TOML)}
    assert names <= listed


@pytest.mark.data
def test_six_recorded_minutes_of_both_products_decode_whole(data_dir: Path) -> None:
    counts = {}
    for name in ("um_btcusdt", "cm_btcusd_perp"):
        wire = open_wire()
        count: Counter[str] = Counter()
        with gzip.open(data_dir / f"l2_book/binance_{name}_20240808_2354-2400.raw.gz") as lines:
            for line in lines:
                local_ns, _, frame = line.partition(b" ")
                said = wire.decode(frame, local_ns=int(local_ns))
                assert not said.rejected
                assert len(said.events) == 1
                event = said.events[0]
                assert event.symbol is not None
                is_snapshot = isinstance(event, BookChange) and event.is_snapshot
                count["snapshot" if is_snapshot else type(event).__name__] += 1
        counts[name] = dict(count)
    assert counts == {
        "um_btcusdt": {"BookChange": 6551, "snapshot": 1, "Trade": 21313, "Depth": 66089},
        "cm_btcusd_perp": {"BookChange": 26847, "snapshot": 1, "Trade": 2286, "Depth": 19136},
    }
