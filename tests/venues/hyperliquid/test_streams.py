"""How Hyperliquid is asked for its streams: one line, a thousand topics, no liquidations."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoints
from airpocket.market.events import Coverage, Liquidation, Mark, Method
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Answer, Channel
from airpocket.venues.hyperliquid import streams as module
from airpocket.venues.hyperliquid.streams import HyperliquidStreams, open_streams
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


def _coin(coin: str) -> Instrument:
    return contract("hyperliquid", coin, "USDC")


def _topic(kind: str, coin: str) -> str:
    return json.dumps({"type": kind, "coin": coin}, separators=(",", ":"))


def _wanted(rows: list[Instrument], *, depth: bool) -> set[str]:
    kinds = ["trades", "activeAssetCtx", *(["l2Book"] if depth else [])]
    return {_topic(kind, row.raw_symbol) for kind in kinds for row in rows}


@settings(max_examples=25, deadline=None)
@given(rows=many(_coin, [_coin("BTC"), _coin("kPEPE"), _coin("xyz:TSLA")]), depth=st.booleans())
def test_every_topic_once_or_named_as_left_out(rows: list[Instrument], *, depth: bool) -> None:
    lines = STREAMS.lines(rows, NOW_NS, depth=depth)
    left_out = {one.topic for one in STREAMS.left_out(rows, depth=depth)}
    wanted = _wanted(rows, depth=depth)
    assert left_out <= wanted
    check_lines(STREAMS, lines, wanted - left_out)
    (line,) = lines
    check_requests(STREAMS, line.subscriptions, 1)
    assert len(line.subscriptions) <= 1000
    assert not left_out or len(line.subscriptions) == 1000, "room was left unused"
    assert not any(json.loads(topic)["type"] == "trades" for topic in left_out)
    if any(json.loads(topic)["type"] == "activeAssetCtx" for topic in left_out):
        assert not any("l2Book" in topic for topic in topics_of(lines)), "books before figures"
    assert [one.topic for one in line.canaries] == [_topic("activeAssetCtx", "BTC")]
    assert line.subscriptions[0] == line.canaries[0]


def test_there_is_no_topic_of_liquidations() -> None:
    lines = STREAMS.lines([_coin("BTC"), _coin("ETH")], NOW_NS, depth=True)
    channels = {channel for line in lines for one in line.subscriptions for channel in one.channels}
    assert channels == set(Channel) - {Channel.LIQUIDATIONS}
    forced = Liquidation(
        venue="hyperliquid",
        symbol=None,
        raw_symbol="BTC",
        liquidated=None,
        qty_raw=1.0,
        method=Method.BOOK,
        coverage=Coverage.SAMPLED,
        rule_id="x",
    )
    assert STREAMS.topic_of(forced) is None


def test_more_coins_than_topics_are_refused_with_the_way_out() -> None:
    rows = [_coin(f"C{index}") for index in range(1000)]
    assert len(STREAMS.lines(rows[:999], NOW_NS)[0].subscriptions) == 1000
    with pytest.raises(InputError, match="the trades of 1000 instruments do not fit; watch 999"):
        STREAMS.lines(rows, NOW_NS)
    with pytest.raises(InputError, match="is of okx"):
        STREAMS.lines([contract("okx", "X")], NOW_NS)
    with pytest.raises(InputError, match="is spot"):
        STREAMS.lines([contract("hyperliquid", "@107", kind=Kind.SPOT)], NOW_NS)
    assert STREAMS.lines([], NOW_NS) == ()
    assert STREAMS.left_out([]) == ()


def test_address_topics_and_requests_are_those_of_the_documents() -> None:
    known = Endpoints.load(Path(module.__file__).with_name("venue.toml"))
    (line,) = STREAMS.lines([_coin("BTC")], NOW_NS, depth=True)
    assert line.url == "wss://api.hyperliquid.xyz/ws"
    forms = known.at(line.route, NOW_NS).topics
    assert all(one.topic.replace('"BTC"', "COIN") in forms for one in line.subscriptions)
    books = line.subscriptions[-1:]
    assert STREAMS.subscribe(books, 5) == [
        b'{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}'
    ]
    assert STREAMS.unsubscribe(books, 5) == [
        b'{"method":"unsubscribe","subscription":{"type":"l2Book","coin":"BTC"}}'
    ]
    assert STREAMS.ping() == b'{"method":"ping"}'


_TRADES = _topic("trades", "ETH")
_ASKED = '{\\"type\\":\\"trades\\",\\"coin\\":\\"ETH\\"}'
_WHOLE = '{\\"method\\":\\"subscribe\\",\\"subscription\\":' + _ASKED + "}"
ANSWERS = {
    b'{"channel":"pong"}': Answer(is_pong=True),
    b'{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":'
    b'{"type":"trades","coin":"ETH"}}}': Answer(None, (_TRADES,)),
    b'{"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":'
    b'{"type":"l2Book","coin":"ETH","nSigFigs":null,"mantissa":null}}}': Answer(
        None, (_topic("l2Book", "ETH"),)
    ),
    f'{{"channel":"error","data":"Already subscribed: {_ASKED}"}}'.encode(): Answer(
        None, (_TRADES,)
    ),
    f'{{"channel":"error","data":"Already unsubscribed: {_ASKED}"}}'.encode(): Answer(
        None, (_TRADES,)
    ),
    f'{{"channel":"error","data":"Invalid subscription {_ASKED}"}}'.encode(): Answer(
        None, (_TRADES,), f"Invalid subscription {_TRADES}"
    ),
    f'{{"channel":"error","data":"Error parsing JSON into valid websocket request: {_WHOLE}"}}'.encode(): Answer(
        None,
        (_TRADES,),
        "Error parsing JSON into valid websocket request: "
        f'{{"method":"subscribe","subscription":{_TRADES}}}',
    ),
    b'{"channel":"error","data":"Cannot subscribe to more than 1000 channels."}': Answer(
        reason="Cannot subscribe to more than 1000 channels."
    ),
    b'{"channel":"error","data":{"code":7}}': Answer(reason='{"code":7}'),
    b'{"channel":"error"}': Answer(reason="no reason given"),
}


@pytest.mark.parametrize("data", ANSWERS)
def test_answers(data: bytes) -> None:
    answer = STREAMS.answer(data)
    assert answer == ANSWERS[data]
    said = decoded("hyperliquid", data)
    assert not said.events
    assert bool(said.rejected) is (b'"error"' in data)


def test_no_frame_is_taken_for_an_answer_and_none_raises() -> None:
    pushes = [
        b'{"channel":"trades","data":[]}',
        b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"markPx":"1"}}}',
        b'{"channel":"subscriptionResponse","data":null}',
        b"Websocket connection established.",
    ]
    check_answers(STREAMS, list(ANSWERS), pushes)


def test_events_name_their_topic() -> None:
    said: Any = {"venue": "hyperliquid", "symbol": None, "raw_symbol": "BTC"}
    assert STREAMS.topic_of(Mark(**said, mark_price=1.0)) == (Channel.MARK, "BTC")


def test_the_register_finds_it() -> None:
    assert isinstance(streams_of("hyperliquid"), HyperliquidStreams)
    assert streams_of("hyperliquid").limits.connections_most == 10
