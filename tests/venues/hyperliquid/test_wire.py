"""What Hyperliquid's frames mean, both ways."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.events import (
    BookChange,
    Coverage,
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
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.units import HOUR_NS, MILLISECOND_NS, ns_from_iso
from airpocket.venues.hyperliquid import wire as module
from airpocket.venues.hyperliquid.wire import HyperliquidWire, open_wire
from tests.venues.mutate import mutations

TOML = Path(module.__file__).with_name("venue.toml")
CATALOGUE, RULES = Catalogue.load(TOML), FeedRules.load(TOML)
VICTIM, OTHER = "0x5ef843ccf26810073ee689a954f6d05f5b48fccb", "0xa775d1bd91ee2cc4cae6113e5fd9c0c1"
MARK = {"liquidatedUser": VICTIM, "markPx": "72.149", "method": "market"}
BACKSTOP = {**MARK, "method": "backstop"}


def _wire() -> HyperliquidWire:
    return HyperliquidWire(CATALOGUE, RULES)


def _leg(**fields: Any) -> dict[str, Any]:
    """A fill as nodes and the API write it; the numbers are those of a captured one."""
    leg = {
        "coin": "SOL",
        "px": "72.153",
        "sz": "0.58",
        "side": "A",
        "time": 1782636233257,
        "startPosition": "-162.6",
        "dir": "Open Short",
        "closedPnl": "0.0",
        "hash": "0xdc25",
        "oid": 481702553903,
        "crossed": False,
        "fee": "-0.001255",
        "tid": 340554939716632,
        "liquidation": MARK,
        "feeToken": "USDC",
        "twapId": None,
        **fields,
    }
    return {name: value for name, value in leg.items() if value is not ...}


def _own(**fields: Any) -> dict[str, Any]:
    return _leg(**{"side": "B", "dir": "Close Short", "crossed": True, **fields})


def _bytes(frame: Any) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


def _block(*legs: tuple[str, dict[str, Any]], **fields: Any) -> bytes:
    clocks = {
        "local_time": "2026-06-28T08:43:53.687645997",
        "block_time": "2026-06-28T08:43:53.257028820",
    }
    return _bytes({**clocks, "block_number": 1, **fields, "events": [list(leg) for leg in legs]})


def _only(wire: HyperliquidWire, frame: bytes) -> Event:
    said = wire.decode(frame)
    assert said.rejected == ()
    (event,) = said.events
    return event


# What frames mean


def test_a_makers_leg_tells_of_the_other_side() -> None:
    frame = _block((OTHER, _leg()))
    ref = RawRef("tape", 3)
    (event,) = _wire().decode(frame, raw_ref=ref).events
    assert event == Liquidation(
        venue="hyperliquid",
        symbol="SOL/USDC:USDC",
        raw_symbol="SOL",
        raw_ref=ref,
        venue_ns=ns_from_iso("2026-06-28T08:43:53.257028820"),
        local_ns=ns_from_iso("2026-06-28T08:43:53.687645997"),
        liquidated=Side.SHORT,
        fill_price=72.153,
        qty_raw=0.58,
        qty_base=0.58,
        notional_usd=0.58 * 72.153,
        method=Method.BOOK,
        coverage=Coverage.CENSUS,
        rule_id="hyperliquid-node-fills",
        mark_price=72.149,
        account=VICTIM,
        event_id="340554939716632",
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_both_legs_of_a_trade_are_one_event(reverse: bool) -> None:  # noqa: FBT001
    legs = [(VICTIM, _own()), (OTHER, _leg())]
    event = _only(_wire(), _block(*(legs[::-1] if reverse else legs)))
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.method, event.account) == (Side.SHORT, Method.BOOK, VICTIM)


def test_a_second_leg_in_a_later_frame_is_dropped() -> None:
    wire = _wire()
    assert len(wire.decode(_bytes([VICTIM, _own()])).events) == 1
    assert wire.decode(_bytes([OTHER, _leg()])).events == []
    assert len(wire.decode(_bytes([OTHER, _leg(coin="BTC")])).events) == 1
    assert len(wire.decode(_bytes([OTHER, _leg(time=1782636233258)])).events) == 1


def test_an_adl_is_told_from_a_takeover_by_the_counterpartys_leg() -> None:
    loser = (VICTIM, _leg(dir="Liquidated Cross Long", crossed=True, liquidation=BACKSTOP))
    winner = (OTHER, _leg(side="B", dir="Auto-Deleveraging", crossed=True, liquidation=BACKSTOP))
    for legs in ([loser, winner], [winner, loser], [winner]):
        event = _only(_wire(), _block(*legs))
        assert isinstance(event, Liquidation)
        assert (event.method, event.liquidated) == (Method.ADL, Side.LONG)
    takeover = _only(_wire(), _block(loser))
    assert isinstance(takeover, Liquidation)
    assert takeover.method is Method.BACKSTOP


def test_an_adl_that_is_known_too_late_is_said() -> None:
    wire = _wire()
    loser = _leg(dir="Liquidated Cross Long", liquidation=BACKSTOP)
    winner = _leg(side="B", dir="Auto-Deleveraging", liquidation=BACKSTOP)
    wire.decode(_bytes([VICTIM, loser]))
    said = wire.decode(_bytes([OTHER, winner]))
    assert said.events == []
    assert "was an auto-deleveraging" in said.notes[0]
    assert wire.decode(_bytes([OTHER, winner])).notes == ()  # said once


def test_an_adl_as_recorded_on_2025_10_10() -> None:
    winner = {
        "coin": "AVAX", "px": "22.075", "sz": "28.53", "side": "B", "time": 1760130964831,
        "startPosition": "-28.53", "dir": "Auto-Deleveraging", "closedPnl": "194.275035",
        "oid": 194018286846, "crossed": True, "fee": "0.0", "tid": 771334864158847,
        "liquidation": {
            "liquidatedUser": "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14",
            "markPx": "22.025", "method": "backstop",
        },
    }  # fmt: skip
    event = _only(
        _wire(),
        _block((OTHER, winner), block_time="2025-10-10T21:16:04.831874687", local_time=None),
    )
    assert isinstance(event, Liquidation)
    assert (event.method, event.liquidated) == (Method.ADL, Side.LONG)
    assert event.venue_ns == 1760130964831874687


def test_without_trade_ids_nothing_can_be_joined() -> None:
    row = _bytes(_leg(tid=..., dir="Liquidated Cross Long", liquidation=BACKSTOP))
    wire = _wire()
    events = [_only(wire, row), _only(wire, row)]
    assert all(isinstance(e, Liquidation) and e.event_id is None for e in events)


def test_ordinary_fills_are_trades_once_a_trade() -> None:
    maker = _leg(liquidation=..., crossed=False)
    taker = _leg(liquidation=..., crossed=True, side="B")
    for legs in ([(OTHER, maker), (VICTIM, taker)], [(VICTIM, taker), (OTHER, maker)]):
        event = _only(_wire(), _block(*legs))
        assert isinstance(event, Trade)
        assert (event.taker, event.trade_id, event.qty_base) == (Taker.BUY, "340554939716632", 0.58)
    unknown = _only(_wire(), _bytes(_leg(liquidation=..., crossed=...)))
    assert isinstance(unknown, Trade)
    assert unknown.taker is None


def test_fills_of_known_accounts_are_a_sample() -> None:
    frame = {"channel": "userFills", "data": {"user": OTHER, "isSnapshot": True, "fills": [_leg()]}}
    said = _wire().decode(_bytes(frame))
    (event,) = said.events
    assert isinstance(event, Liquidation)
    assert (event.coverage, event.liquidated) == (Coverage.SAMPLED, Side.SHORT)
    assert event.venue_ns == 1782636233257 * MILLISECOND_NS
    assert said.notes == ("snapshot: fills from before the subscription",)


@pytest.mark.parametrize("channel", ["user", "userEvents"])
def test_user_events_hold_fills_or_news_of_the_account(channel: str) -> None:
    event = _only(_wire(), _bytes({"channel": channel, "data": {"fills": [_own()]}}))
    assert isinstance(event, Liquidation)
    assert event.liquidated is Side.SHORT
    closed = {"lid": 1, "liquidator": "0x1", "liquidated_user": VICTIM,
              "liquidated_ntl_pos": "12345.6", "liquidated_account_value": "1"}  # fmt: skip
    said = _wire().decode(_bytes({"channel": channel, "data": {"liquidation": closed}}))
    assert (said.events, said.control) == ([], "account")
    assert said.notes == (
        f"account {VICTIM!r} was liquidated over 12,346 USD of all its coins: no event",
    )
    news: Any
    for news in ({"funding": {"coin": "BTC"}}, {"nonUserCancel": []}):
        assert _wire().decode(_bytes({"channel": channel, "data": news})).control == "account"


def test_the_stream_of_trades_never_tells_of_liquidations() -> None:
    row = {"coin": "BTC", "side": "A", "px": "64159.0", "sz": "0.13722", "time": 1787047504010,
           "hash": "0x292f", "tid": 1016897150094344, "users": ["0x07fd", "0x4a8a"]}  # fmt: skip
    for frame in ({"channel": "trades", "data": [row]}, row, [row]):
        event = _only(_wire(), _bytes(frame))
        assert isinstance(event, Trade)
        assert (event.taker, event.symbol, event.price) == (Taker.SELL, "BTC/USDC:USDC", 64159.0)


def test_trades_that_come_again_after_a_subscription_are_skipped_and_counted() -> None:
    row = {"coin": "BTC", "side": "B", "px": "1", "sz": "1", "time": 1787047504010, "tid": 5}
    frame = _bytes({"channel": "trades", "data": [row, {**row, "tid": 6}]})
    wire = _wire()
    assert len(wire.decode(frame).events) == 2
    assert wire.decode(frame).notes == ("2 trades had come before",)


def test_a_forced_trade_is_not_hidden_by_its_row_among_the_trades() -> None:
    wire = _wire()
    row = {"coin": "SOL", "side": "B", "px": "72.153", "sz": "0.58", "time": 1782636233257,
           "tid": 340554939716632, "users": [VICTIM, OTHER]}  # fmt: skip
    assert isinstance(_only(wire, _bytes({"channel": "trades", "data": [row]})), Trade)
    assert isinstance(_only(wire, _block((OTHER, _leg()))), Liquidation)


def test_figures_of_a_market() -> None:
    ctx = {"funding": "0.0000052974", "openInterest": "36295.80812", "prevDayPx": "77759.0",
           "dayNtlVlm": "4490636699.32", "premium": "-0.00055", "oraclePx": "80684.7",
           "markPx": "80640.0", "midPx": None, "impactPxs": None}  # fmt: skip
    frame = _bytes({"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": ctx}})
    mark, funding, interest = _wire().decode(frame, local_ns=9).events
    assert isinstance(mark, Mark)
    assert (mark.mark_price, mark.index_price, mark.venue_ns, mark.local_ns) == (
        80640.0,
        80684.7,
        None,
        9,
    )
    assert isinstance(funding, Funding)
    assert (funding.rate, funding.interval_ns, funding.due_ns) == (5.2974e-06, HOUR_NS, None)
    assert isinstance(interest, OpenInterest)
    assert interest.qty_base == 36295.80812
    assert interest.notional_usd == pytest.approx(36295.80812 * 80640.0)


def test_a_spot_pair_has_a_mark_only() -> None:
    frame = {"channel": "activeSpotAssetCtx", "data": {"coin": "@107", "ctx": {"markPx": "92.7"}}}
    event = _only(_wire(), _bytes(frame))
    assert isinstance(event, Mark)
    assert (event.raw_symbol, event.symbol, event.mark_price) == ("@107", None, 92.7)


def test_a_book_is_always_whole() -> None:
    levels = [[{"px": "100.5", "sz": "2", "n": 1}], [{"px": "101", "sz": "3.5", "n": 9}]]
    data = {"coin": "BTC", "time": 1737918843542, "levels": levels}
    event = _only(_wire(), _bytes({"channel": "l2Book", "data": data}))
    assert isinstance(event, BookChange)
    assert event.is_snapshot
    assert (event.bids, event.asks) == ([(100.5, 2.0)], [(101.0, 3.5)])


def test_an_unknown_coin_passes_without_a_notional() -> None:
    said = _wire().decode(_block((OTHER, _leg(coin="flx:NEW")), (OTHER, _leg(coin="@107"))))
    assert [e.symbol for e in said.events] == [None, None]
    assert all(isinstance(e, Liquidation) and e.notional_usd is None for e in said.events)
    assert said.notes == (
        "unknown instrument flx:NEW: no notional",
        "unknown instrument @107: no notional",
    )


@pytest.mark.parametrize(
    ("coin", "symbol"),
    [("kPEPE", "KPEPE/USDC:USDC"), ("xyz:CRWV", "XYZ-CRWV/USDC:USDC"), ("HYPE", "HYPE/USDC:USDC")],
)
def test_notional_is_size_times_price_for_every_kind_of_coin(coin: str, symbol: str) -> None:
    event = _only(_wire(), _block((OTHER, _leg(coin=coin, px="0.0125", sz="80000"))))
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base) == (symbol, 80000.0)
    assert event.notional_usd == pytest.approx(1000.0)


def test_frames_of_the_protocol_are_not_events() -> None:
    wire = _wire()
    ack = {"channel": "subscriptionResponse", "data": {"method": "subscribe"}}
    assert wire.decode(_bytes(ack)).control == "ack"
    assert wire.decode(b'{"channel":"pong"}').control == "heartbeat"
    assert wire.decode(b"Websocket connection established.\n").control == "greeting"
    refused = wire.decode(b'{"channel":"error","data":"Invalid subscription"}')
    assert refused.rejected == ("the venue refused a request: 'Invalid subscription'",)
    assert refused.control is None


def test_a_bad_part_does_not_spoil_its_neighbours() -> None:
    frame = _block((OTHER, _leg()), (OTHER, _leg(px="-1", tid=8)), (OTHER, _leg(tid=9)))
    said = _wire().decode(frame)
    assert [e.event_id for e in said.events if isinstance(e, Liquidation)] == [
        "340554939716632",
        "9",
    ]
    assert len(said.rejected) == 1


def test_a_block_whose_clock_disagrees_with_its_fills_keeps_their_milliseconds() -> None:
    for block_time in ("2026-06-28T08:44:53.257", "yesterday", "0001-01-01T00:00:00.000000000", 7):
        frame = _block((OTHER, _leg()), block_time=block_time, local_time=None)
        (event,) = _wire().decode(frame).events
        assert event.venue_ns == 1782636233257 * MILLISECOND_NS


def test_our_clock_wins_over_the_nodes() -> None:
    (event,) = _wire().decode(_block((OTHER, _leg())), local_ns=5).events
    assert event.local_ns == 5


# There and back

_PRICE = st.floats(1e-9, 1e9, allow_subnormal=False)
_QTY = st.floats(1e-9, 1e12, allow_subnormal=False)
_NS = st.integers(1_690_000_000 * 10**9, 1_900_000_000 * 10**9)
_COIN = st.sampled_from(["BTC", "kPEPE", "xyz:CRWV", "@107", "NOT:LISTED"])


def _carried(venue_ns: int, coin: str) -> dict[str, Any]:
    instrument = CATALOGUE.find(coin)
    return {
        "venue": "hyperliquid",
        "symbol": instrument and instrument.symbol,
        "raw_symbol": coin,
        "venue_ns": venue_ns,
    }


def _sums(coin: str, qty: float, price: float) -> dict[str, Any]:
    if CATALOGUE.find(coin) is None:
        return {"qty_base": None, "notional_usd": None}
    return {"qty_base": qty, "notional_usd": qty * price}


@st.composite
def _liquidations(draw: st.DrawFn) -> Liquidation:
    coin, qty, price = draw(_COIN), draw(_QTY), draw(_PRICE)
    coverage = draw(st.sampled_from([Coverage.CENSUS, Coverage.SAMPLED]))
    is_node = coverage is Coverage.CENSUS
    venue_ns = draw(_NS)
    return Liquidation(
        **_carried(venue_ns if is_node else venue_ns // 10**6 * 10**6, coin),
        local_ns=draw(st.none() | _NS) if is_node else None,
        liquidated=draw(st.sampled_from(Side)),
        fill_price=price,
        qty_raw=qty,
        **_sums(coin, qty, price),
        method=draw(st.sampled_from([Method.BOOK, Method.BACKSTOP, Method.ADL])),
        coverage=coverage,
        rule_id=RULES.at("node_fills" if is_node else "user_fills", None).rule_id,
        mark_price=draw(st.none() | _PRICE),
        account=draw(
            st.sampled_from([VICTIM, "0x" + "0" * 40, "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14"])
        ),
        event_id=str(draw(st.integers(0, 2**50))),
    )


@st.composite
def _trades(draw: st.DrawFn) -> Trade:
    coin, qty, price = draw(_COIN), draw(_QTY), draw(_PRICE)
    return Trade(
        **_carried(draw(_NS) // 10**6 * 10**6, coin),
        price=price,
        qty_raw=qty,
        **_sums(coin, qty, price),
        taker=draw(st.sampled_from(Taker)),
        trade_id=str(draw(st.integers(0, 2**50))),
    )


_SIDE = st.lists(st.tuples(_PRICE, _QTY), max_size=3)


@st.composite
def _books(draw: st.DrawFn) -> BookChange:
    carried = _carried(draw(_NS) // 10**6 * 10**6, draw(_COIN))
    return BookChange(**carried, bids=draw(_SIDE), asks=draw(_SIDE), is_snapshot=True)


@st.composite
def _figures(draw: st.DrawFn) -> list[Event]:
    coin = draw(st.sampled_from(["BTC", "kPEPE"]))
    carried = {**_carried(0, coin), "venue_ns": None}
    mark = draw(_PRICE)
    coins = draw(st.floats(0, 1e12, allow_subnormal=False))
    events: list[Event] = [
        Mark(**carried, mark_price=mark, index_price=draw(st.none() | _PRICE)),
        Funding(**carried, rate=draw(st.floats(-0.04, 0.04)), interval_ns=HOUR_NS),
        OpenInterest(**carried, qty_base=coins, notional_usd=coins * mark),
    ]
    return events[: draw(st.integers(1, 3))]


def _key(event: Event) -> object:
    if isinstance(event, Liquidation):
        return (event.raw_symbol, event.event_id, (event.venue_ns or 0) // 10**6)
    if isinstance(event, Trade):
        return (event.raw_symbol, event.trade_id, event.venue_ns, "trade")
    return object()


@given(
    st.lists(
        st.one_of(_liquidations().map(lambda e: [e]), _trades().map(lambda e: [e]),
                  _books().map(lambda e: [e]), _figures()), max_size=8,
    ).map(lambda lists: [event for events in lists for event in events])
)  # fmt: skip
def test_decode_after_encode_gives_what_the_feed_can_show(events: list[Event]) -> None:
    seen: set[object] = set()
    events = [e for e in events if not ((key := _key(e)) in seen or seen.add(key))]  # type: ignore[func-returns-value]
    wire = _wire()
    back: list[Event] = []
    for frame in wire.encode(events):
        said = wire.decode(frame)
        assert said.rejected == ()
        back += said.events
    assert back == events


# Damage

FRAMES = [
    _block((VICTIM, _own()), (OTHER, _leg()), (OTHER, _leg(tid=5, liquidation=...))),
    _bytes(["0xab", _leg()]),
    _bytes(_leg(dir="Liquidated Cross Long", liquidation=BACKSTOP)),
    _bytes([_leg(), _own(tid=4)]),
    _bytes({"channel": "userFills", "data": {"user": OTHER, "isSnapshot": True, "fills": [_leg()]}}),
    _bytes({"channel": "user", "data": {"fills": [_own()]}}),
    _bytes({"channel": "user", "data": {"liquidation": {"lid": 1, "liquidated_user": "0x1", "liquidated_ntl_pos": "1"}}}),
    b'{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"64159.0","sz":"0.1","time":1787047504010,"tid":1}]}',
    b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000125","openInterest":"1000","markPx":"65001","oraclePx":"65002"}}}',
    b'{"channel":"l2Book","data":{"coin":"BTC","time":1737918843542,"levels":[[{"px":"1","sz":"2","n":1}],[{"px":"2","sz":"2","n":1}]]}}',
    b'{"channel":"subscriptionResponse","data":{"method":"subscribe"}}',
    b'{"channel":"error","data":"Invalid subscription"}',
]  # fmt: skip


def _survives(count: int, seed: int) -> None:
    wire = _wire()
    told = 0
    for frame in mutations(FRAMES, count, seed):
        said = wire.decode(frame, local_ns=7)
        assert said.events or said.rejected or said.control or said.notes or _is_hollow(frame), (
            frame
        )
        for event in said.events:
            told += 1
            msgspec.json.encode(event)
            if isinstance(event, Liquidation | Trade):
                assert event.qty_raw > 0
                assert event.notional_usd is None or 0 < event.notional_usd < 1e34
    assert told > count // 20


def _is_hollow(frame: bytes) -> bool:
    """A list of nothing, a repeat, or a message without its optional figures: no reason needed."""
    return b"[]" in frame or b"tid" in frame or b"ctx" in frame or b"fills" in frame


def test_nothing_a_frame_holds_can_raise() -> None:
    _survives(1_000, seed=11)


@pytest.mark.slow
def test_nothing_a_hundred_thousand_frames_hold_can_raise() -> None:
    _survives(100_000, seed=12)


# The recordings


@pytest.mark.data
def test_captured_frames_give_the_stated_sides(data_dir: Path) -> None:
    lines = (data_dir / "frames" / "captured_frames.jsonl").read_bytes().splitlines()
    rows = [row for row in map(json.loads, lines) if row["exchange"] == "hyperliquid"]
    assert len(rows) == 5
    for row in rows:
        event = _only(open_wire(), _bytes(row["frame"]))
        assert event.symbol is not None
        if row["meaning"]["liquidated"] is None:
            assert isinstance(event, Trade)
            assert event.taker is Taker.SELL
        else:
            assert isinstance(event, Liquidation)
            assert event.liquidated == row["meaning"]["liquidated"]
            assert event.notional_usd == pytest.approx(
                float(row["frame"]["px"]) * float(row["frame"]["sz"])
                if "px" in row["frame"]
                else 0.58 * 72.153
            )


@pytest.mark.data
def test_all_coins_of_the_recordings_are_listed(data_dir: Path) -> None:
    table = (data_dir / "hl_oct10_adl" / "combined_impact_by_ticker.csv").read_text().splitlines()
    coins = {line.split(",")[0] for line in table[1:]}
    assert len(coins) == 171
    assert all(CATALOGUE.find(coin) is not None for coin in coins)
