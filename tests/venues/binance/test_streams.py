"""How Binance is asked for its streams: routes by date, canaries, limits, answers."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoints
from airpocket.market.events import AdlWarning, Mark, Trade
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Answer, Channel, Line
from airpocket.units import ns_from_iso
from airpocket.venues.binance import streams as module
from airpocket.venues.binance.streams import BinanceStreams, open_streams
from airpocket.venues.register import open_streams as streams_of
from airpocket.venues.register import open_wire
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
BEFORE_SPLIT_NS = ns_from_iso("2026-04-22T23:59:59")
SPLIT_NS = ns_from_iso("2026-04-23")
MERGED_NS = ns_from_iso("2026-06-30")


def _usd(coin: str) -> Instrument:
    return contract("binance", f"{coin}USDT")


def _coin(coin: str) -> Instrument:
    return contract("binance", f"{coin}USD_PERP", coin, Kind.INVERSE)


BESIDES = [
    _usd("BTC"),
    _usd("ETH"),
    _coin("BTC"),
    _coin("ETH"),
    contract("binance", "币安人生USDT"),
]


def _wanted(rows: list[Instrument], lines: tuple[Line, ...], *, depth: bool) -> set[str]:
    """Topics that must be there: by symbol, or of the whole market if that is on a line."""
    planned = topics_of(lines)
    names = [row.raw_symbol.lower() for row in rows]
    wanted = {f"{name}@aggTrade" for name in names}
    if depth:
        wanted |= {f"{name}@depth@100ms" for name in names}
    if "!forceOrder@arr" in planned:
        wanted |= {"!forceOrder@arr"}
    else:
        wanted |= {f"{name}@forceOrder" for name in names}
    if "!markPrice@arr@1s" in planned:
        names = [name for name in names if name.endswith("usd_perp")]
        wanted |= {"!markPrice@arr@1s"}
    return wanted | {f"{name}@markPrice@1s" for name in names}


@settings(max_examples=25, deadline=None)
@given(
    rows=many(_usd, BESIDES),
    depth=st.booleans(),
    at_ns=st.sampled_from([NOW_NS, BEFORE_SPLIT_NS, SPLIT_NS]),
)
def test_every_topic_once_a_canary_on_each_line_and_no_limit_broken(
    rows: list[Instrument], *, depth: bool, at_ns: int
) -> None:
    lines = STREAMS.lines(rows, at_ns, depth=depth)
    shared = [rows]
    if at_ns != NOW_NS:  # each product has its own host, and its own array
        coin_m = [row for row in rows if row.kind is Kind.INVERSE]
        shared = [[row for row in rows if row not in coin_m], coin_m]
        parts = [STREAMS.lines(part, at_ns, depth=depth) for part in shared]
        assert (*parts[0], *parts[1]) == lines
    for part in shared:
        planned = STREAMS.lines(part, at_ns, depth=depth)
        check_lines(STREAMS, planned, _wanted(part, planned, depth=depth))
    for line in lines:
        check_requests(STREAMS, line.subscriptions, 41)
        books = {Channel.DEPTH in one.channels for one in line.subscriptions}
        assert len(books) == 1, "books and prices are on routes of their own"
        if at_ns == NOW_NS:
            assert line.route == ("public" if True in books else "market")


@settings(max_examples=25, deadline=None)
@given(many(_usd, BESIDES))
def test_the_whole_market_is_followed_only_if_its_symbols_do_not_fit(
    rows: list[Instrument],
) -> None:
    lines = STREAMS.lines(rows, NOW_NS)
    planned = topics_of(lines)
    is_whole = 3 * len(rows) > 200
    assert ("!forceOrder@arr" in planned) is is_whole
    assert any("@forceOrder" in topic for topic in planned) is not is_whole
    if not is_whole:
        assert len(lines) == 1
    if is_whole:
        line = next(one for one in lines if "!forceOrder@arr" in topics_of([one]))
        stars = {one.raw_symbol for one in line.subscriptions if one.topic.startswith("!")}
        assert stars == {"*"}
        # An array of marks beside a symbol's own mark could not be told apart by its first entry.
        own = [one for one in line.canaries if one.topic.endswith("usd_perp@markPrice@1s")]
        assert "!markPrice@arr@1s" not in topics_of([line]) or not own


def test_six_hundred_symbols_stay_within_every_limit() -> None:
    rows = [_usd(f"C{index}") for index in range(600)]
    lines = STREAMS.lines(rows, NOW_NS, depth=True)
    check_lines(STREAMS, lines, _wanted(rows, lines, depth=True))
    assert len(lines) == 8
    assert sum(len(STREAMS.subscribe(line.subscriptions, 1)) for line in lines) <= 20


def test_addresses_are_dated() -> None:
    rows = [_usd("BTC"), _coin("BTC")]

    def urls(at_ns: int, *, depth: bool = True) -> list[tuple[str, str]]:
        return [(line.route, line.url) for line in STREAMS.lines(rows, at_ns, depth=depth)]

    old, coin = "wss://fstream.binance.com/stream", "wss://dstream.binance.com/stream"
    market, public = (f"wss://fstream.binance.com/{one}/stream" for one in ("market", "public"))
    assert urls(BEFORE_SPLIT_NS) == [("usdm", old)] * 2 + [("coinm", coin)] * 2
    between = [("market", market), ("public", public), ("coinm", coin), ("coinm", coin)]
    assert urls(SPLIT_NS) == urls(MERGED_NS - 1) == between
    assert urls(MERGED_NS) == urls(NOW_NS) == [("market", market), ("public", public)]
    assert urls(NOW_NS, depth=False) == [("market", market)]
    both = STREAMS.lines(rows, NOW_NS)[0]
    assert {"btcusdt@forceOrder", "btcusd_perp@forceOrder"} <= set(topics_of([both]))


@pytest.mark.parametrize("at_ns", [BEFORE_SPLIT_NS, SPLIT_NS, NOW_NS])
@pytest.mark.parametrize("count", [1, 300])
def test_every_topic_is_documented_for_its_route(at_ns: int, count: int) -> None:
    rows = [_usd(f"C{index}") for index in range(count)] + [_coin("BTC")]
    known = Endpoints.load(Path(module.__file__).with_name("venue.toml"))
    for line in STREAMS.lines(rows, at_ns, depth=True):
        forms = known.at(line.route, at_ns).topics
        for one in line.subscriptions:
            form = re.sub(r"^[^!@]+@", "<symbol>@", one.topic)
            assert form in forms, f"{form} is not stated for {line.route}"


def test_a_book_line_is_watched_by_a_book_that_never_rests() -> None:
    quiet = STREAMS.lines([_usd("QUIET")], NOW_NS, depth=True)[1]
    assert [one.topic for one in quiet.canaries] == ["btcusdt@depth5@500ms"]
    busy = STREAMS.lines([_usd("QUIET"), _usd("BTC")], NOW_NS, depth=True)[1]
    assert [one.topic for one in busy.canaries] == ["btcusdt@depth@100ms"]
    top = decoded(
        "binance",
        b'{"stream":"btcusdt@depth5@500ms","data":{"e":"depthUpdate","E":1794960000000,'
        b'"T":1794960000000,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["90000","1"]],'
        b'"a":[["90001","1"]]}}',
    ).events
    assert STREAMS.topic_of(top[0]) == (Channel.DEPTH, "BTCUSDT")


def test_prints_off_the_book_are_not_asked_for() -> None:
    lines = STREAMS.lines([_usd(f"C{index}") for index in range(300)], NOW_NS, depth=True)
    assert not [topic for topic in topics_of(lines) if topic.endswith("@trade")]


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(InputError, match="'X' is of okx, not of binance"):
        STREAMS.lines([contract("okx", "X")], NOW_NS)
    with pytest.raises(InputError, match="'X' is spot"):
        STREAMS.lines([contract("binance", "X", kind=Kind.SPOT)], NOW_NS)
    assert STREAMS.lines([], NOW_NS, depth=True) == ()
    twice = STREAMS.lines([_usd("BTC"), _usd("BTC")], NOW_NS)
    assert max(topics_of(twice).values()) == 1


def test_requests_as_binance_documents_them() -> None:
    line = STREAMS.lines([_usd("BTC")], NOW_NS)[0]
    assert STREAMS.subscribe(line.subscriptions[:2], 3) == [
        b'{"method":"SUBSCRIBE","params":["btcusdt@markPrice@1s","btcusdt@forceOrder"],"id":3}'
    ]
    assert STREAMS.unsubscribe(line.subscriptions[1:2], 312) == [
        b'{"method":"UNSUBSCRIBE","params":["btcusdt@forceOrder"],"id":312}'
    ]
    assert STREAMS.subscribe([], 1) == []
    assert STREAMS.ping() is None


ANSWERS = {
    b'{"result":null,"id":1}': Answer(1),
    b'{"result":null,"id":"7"}': Answer(7),
    b'{"result":["btcusdt@aggTrade"],"id":3}': Answer(3),
    b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}': Answer(
        4, reason="2: Invalid request: invalid stream"
    ),
    b'{"code":2,"msg":"Invalid request: unknown variant","id":5}': Answer(
        5, reason="2: Invalid request: unknown variant"
    ),
    b'{"code":0,"msg":"Unknown property"}': Answer(reason="0: Unknown property"),
    b'{"error":"too many","id":6}': Answer(6, reason="too many"),
    b'{"id":5}': None,
    b'{"code":-1003}': None,
    b"pong": None,
}


@pytest.mark.parametrize("data", ANSWERS)
def test_answers(data: bytes) -> None:
    answer = STREAMS.answer(data)
    assert answer == ANSWERS[data]
    if answer is not None:  # the wire hands over only what holds no event
        said = decoded("binance", data)
        assert not said.events
        assert bool(said.rejected) is (answer.reason is not None) or said.control == "ack"


def test_no_frame_is_taken_for_an_answer_and_none_raises() -> None:
    wire = open_wire("binance")
    mark = Mark(venue="binance", symbol=None, raw_symbol="BTCUSDT", mark_price=1.0, venue_ns=NOW_NS)
    check_answers(STREAMS, list(ANSWERS), [*wire.encode([mark]), b"[]", b'{"e":"forceOrder"}'])


def test_events_name_their_topic() -> None:
    said: Any = {"venue": "binance", "symbol": None, "raw_symbol": "BTCUSDT"}
    assert STREAMS.topic_of(Mark(**said, mark_price=1.0)) == (Channel.MARK, "BTCUSDT")
    trade = Trade(**said, price=1.0, qty_raw=1.0)
    assert STREAMS.topic_of(trade) == (Channel.TRADES, "BTCUSDT")
    assert STREAMS.topic_of(AdlWarning(**said, state="x")) is None


def test_the_register_finds_it() -> None:
    assert isinstance(streams_of("binance"), BinanceStreams)
    assert streams_of("binance").limits.frame_bytes_most > 800 * 250  # !markPrice@arr
