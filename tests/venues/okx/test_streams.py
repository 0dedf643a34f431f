"""How OKX is asked for its streams: whole markets, 64 KB, answers topic by topic."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoints
from airpocket.market.events import AdlWarning, Funding, Liquidation
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Answer, Channel
from airpocket.venues.okx import streams as module
from airpocket.venues.okx.streams import OkxStreams, open_streams
from airpocket.venues.register import open_streams as streams_of
from tests.venues.okx.samples import FRAMES, LIQUIDATIONS, REPLIES, written
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


def _swap(coin: str) -> Instrument:
    return contract("okx", f"{coin}-USDT-SWAP")


BTC = _swap("BTC")
INVERSE = contract("okx", "BTC-USD-SWAP", "BTC", Kind.INVERSE)
DATED = contract("okx", "BTC-USDT-261225")


def _topic(**arg: str) -> str:
    return json.dumps(arg, separators=(",", ":"))


def _wanted(rows: list[Instrument], *, depth: bool) -> set[str]:
    wanted = set()
    for row in rows:
        name = row.raw_symbol
        kind = "SWAP" if name.endswith("-SWAP") else "FUTURES"
        channels = ["mark-price", "trades", "open-interest"]
        channels += ["funding-rate"] * (kind == "SWAP") + ["books"] * depth
        wanted |= {_topic(channel=channel, instId=name) for channel in channels}
        wanted |= {_topic(channel=c, instType=kind) for c in ("liquidation-orders", "adl-warning")}
    return wanted


@settings(max_examples=25, deadline=None)
@given(rows=many(_swap, [BTC, INVERSE, DATED]), depth=st.booleans())
def test_every_topic_once_a_canary_on_each_line_and_no_limit_broken(
    rows: list[Instrument], *, depth: bool
) -> None:
    lines = STREAMS.lines(rows, NOW_NS, depth=depth)
    check_lines(STREAMS, lines, _wanted(rows, depth=depth), args_bytes=65_536)
    for line in lines:
        check_requests(STREAMS, line.subscriptions, 1)
        # An hour's requests allow for the topics to be asked for many times over.
        assert 50 * len(STREAMS.subscribe(line.subscriptions, 1)) <= 480
    assert _topic(channel="mark-price", instId="BTC-USDT-SWAP") in topics_of(lines[:1])
    assert len(lines) <= 4


def test_the_whole_market_comes_over_one_topic_of_each_type() -> None:
    def forced(rows: list[Instrument]) -> list[tuple[str, str]]:
        return [
            (one.raw_symbol, json.loads(one.topic)["instType"])
            for line in STREAMS.lines(rows, NOW_NS)
            for one in line.subscriptions
            if Channel.LIQUIDATIONS in one.channels
        ]

    assert forced([BTC]) == [("*", "SWAP")]
    assert forced([DATED]) == [("*", "FUTURES")]
    assert forced([DATED, INVERSE]) == [("*", "SWAP"), ("*", "FUTURES")]
    liquidation = decoded("okx", written(LIQUIDATIONS)).events[0]
    assert isinstance(liquidation, Liquidation)
    assert STREAMS.topic_of(liquidation) == (Channel.LIQUIDATIONS, "*")


def test_topics_are_those_of_the_documents() -> None:
    known = Endpoints.load(Path(module.__file__).with_name("venue.toml"))
    (line,) = STREAMS.lines([BTC, DATED], NOW_NS, depth=True)
    assert (line.route, line.url) == ("public", "wss://ws.okx.com:8443/ws/v5/public")
    channels = {json.loads(one.topic)["channel"] for one in line.subscriptions}
    assert channels == set(known.at("public", NOW_NS).topics)
    dated = [topic for topic in topics_of([line]) if "261225" in topic]
    assert not [topic for topic in dated if "funding-rate" in topic]


def test_requests_as_okx_documents_them() -> None:
    (line,) = STREAMS.lines([BTC], NOW_NS)
    assert STREAMS.subscribe(line.subscriptions[:2], 1512) == [
        b'{"id":"1512","op":"subscribe","args":[%b,%b]}'
        % (b'{"channel":"mark-price","instId":"BTC-USDT-SWAP"}', _FORCED.encode())
    ]
    assert STREAMS.unsubscribe(line.subscriptions[1:2], 2) == [
        b'{"id":"2","op":"unsubscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}'
    ]
    assert STREAMS.subscribe([], 1) == []
    assert STREAMS.ping() == b"ping"
    limits = STREAMS.limits
    assert limits.ping_every_s is not None
    assert limits.idle_close_s is not None
    assert limits.ping_every_s < limits.idle_close_s


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(InputError, match="is of bybit, not of okx"):
        STREAMS.lines([contract("bybit", "X")], NOW_NS)
    with pytest.raises(InputError, match="is spot"):
        STREAMS.lines([contract("okx", "BTC-USDT", kind=Kind.SPOT)], NOW_NS)
    assert STREAMS.lines([], NOW_NS) == ()


_TRADES = _topic(channel="trades", instId="BTC-USDT-SWAP")
_FORCED = _topic(channel="liquidation-orders", instType="SWAP")
_GONE = "channel:trades,instId:NO-USDT-SWAP doesn't exist"
ANSWERS = {
    b"pong": Answer(is_pong=True),
    f'{{"id":"1512","event":"subscribe","arg":{_FORCED},"connId":"a4d3ae55"}}'.encode(): Answer(
        1512, (_FORCED,)
    ),
    b'{"event":"subscribe","arg":{"instId":"BTC-USDT-SWAP","channel":"trades"},"connId":"x"}': Answer(
        None, (_TRADES,)
    ),
    f'{{"event":"unsubscribe","arg":{_TRADES},"connId":"x"}}'.encode(): Answer(None, (_TRADES,)),
    f'{{"event":"error","code":"60018","msg":"{_GONE}","connId":"x"}}'.encode(): Answer(
        None, (_topic(channel="trades", instId="NO-USDT-SWAP"),), f"60018: {_GONE}"
    ),
    b'{"event":"error","code":"60018","msg":"Wrong URL or channel:liquidation-orders,instType:SWAP '
    b"doesn't exist.\"}": Answer(
        None,
        (_FORCED,),
        "60018: Wrong URL or channel:liquidation-orders,instType:SWAP doesn't exist.",
    ),
    b'{"id":"9","event":"error","code":"60012","msg":"Invalid request: {}","connId":"x"}': Answer(
        9, reason="60012: Invalid request: {}"
    ),
}


@pytest.mark.parametrize("data", ANSWERS)
def test_answers(data: bytes) -> None:
    answer = STREAMS.answer(data)
    assert answer == ANSWERS[data]
    said = decoded("okx", data)
    assert not said.events
    assert bool(said.rejected) is (answer is not None and answer.reason is not None)


def test_no_frame_is_taken_for_an_answer_and_none_raises() -> None:
    pushes = [frame for frame in FRAMES if frame.startswith(b'{"arg"')]
    assert len(pushes) > 5
    pushes += [
        b'{"event":"notice","code":"64008","msg":"The connection will soon be closed"}',
        b'{"event":"channel-conn-count","channel":"orders","connCount":"2"}',
        b'{"event":"login","code":"0"}',
        b"ping",
    ]
    check_answers(STREAMS, [*ANSWERS, *map(written, REPLIES)], pushes)


def test_events_name_their_topic() -> None:
    said: Any = {"venue": "okx", "symbol": None, "raw_symbol": "BTC-USDT-SWAP"}
    assert STREAMS.topic_of(Funding(**said, rate=0.1)) == (Channel.FUNDING, "BTC-USDT-SWAP")
    assert STREAMS.topic_of(AdlWarning(**said, state="warning")) is None


def test_the_register_finds_it() -> None:
    assert isinstance(streams_of("okx"), OkxStreams)
