"""How Bybit is asked for its streams: two routes, pools, limits, answers."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoints
from airpocket.market.events import AdlWarning, Liquidation, OpenInterest
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Answer, Channel, Line
from airpocket.venues.bybit import streams as module
from airpocket.venues.bybit.streams import BybitStreams, open_streams
from airpocket.venues.register import open_streams as streams_of
from tests.venues.plans import (
    NOW_NS,
    check_answers,
    check_lines,
    check_requests,
    contract,
    decoded,
    many,
    topics_of,
)

STREAMS = open_streams()
ENDPOINTS = Endpoints.load(Path(module.__file__).with_name("venue.toml"))


def _usdt(coin: str) -> Instrument:
    return contract("bybit", f"{coin}USDT")


BTC = _usdt("BTC")
BTC_USDC = contract("bybit", "BTCPERP", "USDC")
BTC_INVERSE = contract("bybit", "BTCUSD", "BTC", Kind.INVERSE)
ETH_INVERSE = contract("bybit", "ETHUSDZ26", "ETH", Kind.INVERSE)


def _wanted(rows: list[Instrument], *, depth: bool) -> set[str]:
    names = ["tickers", "allLiquidation", "publicTrade", *(["orderbook.200"] if depth else [])]
    pools = {"inverse" if row.kind is Kind.INVERSE else row.settle for row in rows}
    return {f"{name}.{row.raw_symbol}" for name in names for row in rows} | {
        f"{name}.{pool}" for name in ("adlAlert", "insurance") for pool in pools
    }


@settings(max_examples=25, deadline=None)
@given(rows=many(_usdt, [BTC, BTC_USDC, BTC_INVERSE, ETH_INVERSE]), depth=st.booleans())
def test_every_topic_once_a_canary_on_each_line_and_no_limit_broken(
    rows: list[Instrument], *, depth: bool
) -> None:
    lines = STREAMS.lines(rows, NOW_NS, depth=depth)
    check_lines(STREAMS, lines, _wanted(rows, depth=depth), args_bytes=21_000)
    for line in lines:
        check_requests(STREAMS, line.subscriptions, 1)
        ours = {one.raw_symbol for one in line.subscriptions}
        inverse = {row.raw_symbol for row in rows if row.kind is Kind.INVERSE} | {"BTCUSD", "*"}
        assert (ours <= inverse) is (line.route == "inverse")


def test_routes_and_their_topics_are_those_of_the_documents() -> None:
    lines = STREAMS.lines([BTC, BTC_USDC, BTC_INVERSE, ETH_INVERSE], NOW_NS, depth=True)
    assert [(line.route, line.url) for line in lines] == [
        ("linear", "wss://stream.bybit.com/v5/public/linear"),
        ("inverse", "wss://stream.bybit.com/v5/public/inverse"),
    ]
    for line in lines:
        forms = ENDPOINTS.at(line.route, NOW_NS).topics
        for one in line.subscriptions:
            symbol = re.escape(one.raw_symbol)
            assert re.sub(rf"\.{symbol}$", ".{symbol}", one.topic) in forms
    assert "adlAlert.USDC" in topics_of(lines[:1])
    assert "adlAlert.inverse" in topics_of(lines[1:])


def test_only_a_ticker_that_never_rests_is_a_canary() -> None:
    def canaries(rows: list[Instrument]) -> list[list[str]]:
        return [[one.topic for one in line.canaries] for line in STREAMS.lines(rows, NOW_NS)]

    assert canaries([_usdt("QUIET")]) == [["tickers.BTCUSDT"]]
    assert canaries([BTC, _usdt("QUIET")]) == [["tickers.BTCUSDT"]]
    assert canaries([ETH_INVERSE]) == [["tickers.BTCUSD"]]
    many_lines = canaries([_usdt(f"C{index}") for index in range(600)])
    assert len(many_lines) > 1
    assert set(map(tuple, many_lines)) == {("tickers.BTCUSDT",)}


def test_what_belongs_to_no_channel_is_asked_for_alone() -> None:
    line = STREAMS.lines([BTC, BTC_USDC], NOW_NS)[0]
    first, *others = STREAMS.subscribe(line.subscriptions, 10)
    assert first == (
        b'{"req_id":"10","op":"subscribe","args":["tickers.BTCUSDT","allLiquidation.BTCUSDT",'
        b'"allLiquidation.BTCPERP","publicTrade.BTCUSDT","tickers.BTCPERP","publicTrade.BTCPERP"]}'
    )
    assert others == [
        b'{"req_id":"11","op":"subscribe","args":["adlAlert.USDT"]}',
        b'{"req_id":"12","op":"subscribe","args":["insurance.USDT"]}',
        b'{"req_id":"13","op":"subscribe","args":["adlAlert.USDC"]}',
        b'{"req_id":"14","op":"subscribe","args":["insurance.USDC"]}',
    ]
    assert STREAMS.unsubscribe(line.subscriptions[1:2], 9) == [
        b'{"req_id":"9","op":"unsubscribe","args":["allLiquidation.BTCUSDT"]}'
    ]
    assert STREAMS.subscribe([], 1) == []


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(InputError, match="is of okx, not of bybit"):
        STREAMS.lines([contract("okx", "X")], NOW_NS)
    with pytest.raises(InputError, match="is spot"):
        STREAMS.lines([contract("bybit", "X", kind=Kind.SPOT)], NOW_NS)
    assert STREAMS.lines([], NOW_NS) == ()


_UNKNOWN = "error:handler not found,topic:tickers.NOPEUSDT"
ANSWERS = {
    b'{"success":true,"ret_msg":"","conn_id":"2324d924","req_id":"7","op":"subscribe"}': Answer(7),
    b'{"success":true,"ret_msg":"subscribe","conn_id":"x","op":"subscribe"}': Answer(),
    b'{"success":true,"ret_msg":"","conn_id":"x","req_id":"3","op":"unsubscribe"}': Answer(3),
    f'{{"success":false,"ret_msg":"{_UNKNOWN}","conn_id":"x","req_id":"7","op":"subscribe"}}'.encode(): Answer(
        7, reason=_UNKNOWN
    ),
    f'{{"success":false,"ret_msg":"{_UNKNOWN}","conn_id":"x","op":"subscribe"}}'.encode(): Answer(
        None, ("tickers.NOPEUSDT",), _UNKNOWN
    ),
    b'{"success":false,"ret_msg":"Invalid symbol :[tickers.NO]","req_id":"","op":"subscribe"}': Answer(
        None, ("tickers.NO",), "Invalid symbol :[tickers.NO]"
    ),
    b'{"success":false,"ret_msg":"error:already subscribed,topic:tickers.X","req_id":"7","op":'
    b'"subscribe"}': Answer(7, ("tickers.X",)),
    b'{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"}': Answer(
        is_pong=True
    ),
    b'{"req_id":"2","op":"pong","args":["1757405570352"],"conn_id":"x"}': Answer(is_pong=True),
}


@pytest.mark.parametrize("data", ANSWERS)
def test_answers(data: bytes) -> None:
    answer = STREAMS.answer(data)
    assert answer == ANSWERS[data]
    said = decoded("bybit", data)
    assert not said.events
    assert bool(said.rejected) is (b'"success":false' in data)


def test_no_frame_is_taken_for_an_answer_and_none_raises() -> None:
    pushes = [
        b'{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1786014947330,"data":[]}',
        b'{"type":"delta","topic":"tickers.BTCUSDT","data":{},"success":true,"op":"subscribe"}',
        b'{"op":"subscribe"}',
        b'{"op":"auth","success":true}',
        b"[]",
    ]
    check_answers(STREAMS, list(ANSWERS), pushes)
    assert STREAMS.ping() == b'{"op":"ping"}'
    assert STREAMS.limits.ping_every_s == 20.0


def test_events_name_their_topic() -> None:
    said: Any = {"venue": "bybit", "symbol": None, "raw_symbol": "BTCUSDT"}
    held = OpenInterest(**said, qty_base=1.0, notional_usd=None)
    assert STREAMS.topic_of(held) == (Channel.OPEN_INTEREST, "BTCUSDT")
    frame = (
        b'{"topic":"allLiquidation.ADAUSDT","type":"snapshot","ts":1786014947330,"data":'
        b'[{"T":1786014946933,"s":"ADAUSDT","S":"Sell","v":"13248","p":"0.1915"}]}'
    )
    forced = decoded("bybit", frame).events[0]
    assert isinstance(forced, Liquidation)
    assert STREAMS.topic_of(forced) == (Channel.LIQUIDATIONS, "ADAUSDT")
    assert STREAMS.topic_of(AdlWarning(**said, state="x")) is None


def test_the_register_finds_it() -> None:
    assert isinstance(streams_of("bybit"), BybitStreams)
    line: Line = streams_of("bybit").lines([BTC], NOW_NS)[0]
    assert line.canaries[0].channels == (Channel.MARK, Channel.FUNDING, Channel.OPEN_INTEREST)
