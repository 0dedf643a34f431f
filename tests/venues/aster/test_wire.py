"""Aster speaks Binance's dialect under its own name, coins and rules."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.market.events import Coverage, Liquidation, Method, Side, Trade
from airpocket.venues.aster.wire import open_wire
from tests.venues.mutate import mutations

FORCED = (
    b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1584059031426,"o":{'
    b'"s":"BTCUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"0.014","p":"4793.91","ap":"4706.04",'
    b'"X":"FILLED","l":"0.015","z":"0.014","T":1584059031421}}}'
)
TRADE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1791391082024,"a":34,"s":"BTCUSDT",'
    b'"p":"83434.40","q":"0.016","f":1,"l":2,"T":1791391081874,"m":true}}'
)


def liquidation(data: bytes) -> Liquidation:
    said = open_wire().decode(data)
    assert not said.rejected
    (event,) = said.events
    assert isinstance(event, Liquidation)
    return event


def test_a_forced_buy_closes_a_short() -> None:
    event = liquidation(FORCED)
    assert event.venue == "aster"
    assert event.symbol == "BTC/USDT:USDT"
    assert event.liquidated is Side.SHORT
    assert (event.order_price, event.fill_price) == (4793.91, 4706.04)
    assert event.qty_base == 0.014
    assert event.notional_usd == pytest.approx(0.014 * 4706.04)
    assert event.method is Method.BOOK
    assert (event.rule_id, event.coverage) == ("aster-forceorder-1-per-s", Coverage.THROTTLED)


def test_encodes_its_own_events_without_the_keys_of_the_merged_stack() -> None:
    wire = open_wire()
    for sample in (FORCED, FORCED.replace(b"1584059031421", b"1791391081874")):
        event = wire.decode(sample).events[0]
        (frame,) = wire.encode([event])
        assert wire.decode(frame).events == [event] == [wire.shows(event)]
        assert not {"st", "ps"} & set(json.loads(frame)["data"]["o"])


def test_refuses_events_of_binance() -> None:
    trade = open_wire().decode(TRADE).events[0]
    assert isinstance(trade, Trade)
    fields: dict[str, Any] = {name: getattr(trade, name) for name in trade.__struct_fields__}
    with pytest.raises(InputError, match="the aster wire cannot say"):
        open_wire().encode([Trade(**(fields | {"venue": "binance"}))])


def _sound(frame: bytes) -> None:
    said = open_wire_once.decode(frame)
    assert said.events or said.rejected or said.control or said.notes, frame[:200]
    for event in said.events:
        assert event.venue == "aster"
        assert isfinite(getattr(event, "notional_usd", None) or 0.0)


open_wire_once = open_wire()


def test_damaged_frames_never_raise() -> None:
    for frame in mutations([FORCED, TRADE], 1_000, seed=3):
        _sound(frame)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_frames() -> None:
    for frame in mutations([FORCED, TRADE], 100_000, seed=4):
        _sound(frame)


@pytest.mark.data
def test_the_recorded_frame_and_the_vector(data_dir: Path) -> None:
    fixtures = json.loads((data_dir / "frames/tardis_liquidation_fixtures.json").read_bytes())
    (row,) = [r for r in fixtures["fixtures"] if r["exchange"] == "aster-futures"]
    event = liquidation(json.dumps(row["frame"]).encode())
    (known,) = row["expected_liquidations"]
    assert (event.order_price, event.qty_raw) == (known["price"], known["amount"])
    vectors = json.loads((data_dir / "venue_vectors.json").read_bytes())
    rows = vectors if isinstance(vectors, list) else vectors["vectors"]
    (vector,) = [r for r in rows if r["id"] == "feed-aster"]
    event = liquidation(json.dumps(vector["inputs"]["message"]).encode())
    (known,) = vector["expected"]
    assert event.liquidated == known["liquidated"]
    assert (event.order_price, event.fill_price) == (known["price"], known["avg_price"])
    assert (event.qty_raw, event.venue_ns) == (known["qty"], known["ts_ms"] * 10**6)
