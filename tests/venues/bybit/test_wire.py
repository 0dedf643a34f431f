"""Frames of Bybit: stated side, size and price; nothing lost unseen; nothing raises."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from airpocket.errors import InputError
from airpocket.market.events import (
    Coverage,
    Liquidation,
    Method,
    RawRef,
    Side,
    Trade,
)
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.units import is_plausible_ns
from airpocket.venues.bybit.wire import BybitWire, open_wire
from tests.venues.bybit import samples
from tests.venues.bybit.samples import FRAMES, REPLIES, written
from tests.venues.mutate import HOSTILE_FRAMES, mutations

CLOSED_BY = {"sell": Side.LONG, "buy": Side.SHORT}


def liquidations(frame: Any) -> list[Liquidation]:
    said = open_wire().decode(written(frame))
    assert not said.rejected
    assert all(isinstance(event, Liquidation) for event in said.events)
    return [event for event in said.events if isinstance(event, Liquidation)]


def recorded(data_dir: Path) -> list[tuple[Any, list[Any]]]:
    text = (data_dir / "frames" / "tardis_liquidation_fixtures.json").read_text(encoding="utf-8")
    rows = [row for row in json.loads(text)["fixtures"] if row["exchange"] == "bybit"]
    return [(row["frame"], row["expected_liquidations"]) for row in rows]


def captured(data_dir: Path) -> list[Any]:
    text = (data_dir / "frames" / "captured_frames.jsonl").read_text(encoding="utf-8")
    rows = map(json.loads, text.splitlines())
    return [row for row in rows if row["exchange"].startswith("bybit")]


@pytest.mark.data
def test_recorded_frames_give_side_size_and_price(data_dir: Path) -> None:
    rows = recorded(data_dir)
    assert len(rows) == 9
    for frame, expected in rows:
        events = liquidations(frame)
        if not expected:
            # tardis maps this topic from 2025-02-26 on and dates this copy before: the frame
            # itself is whole, and its twin with the later date is expected to give one event.
            assert frame["topic"] == "allLiquidation.PIPPINUSDT"
            assert [event.qty_raw for event in events] == [2846.0]
            continue
        assert [
            (event.raw_symbol, event.liquidated, event.bankruptcy_price, event.qty_raw)
            for event in events
        ] == [(e["symbol"], CLOSED_BY[e["side"]], e["price"], e["amount"]) for e in expected]
        assert [event.event_id for event in events] == [e.get("id") for e in expected]
        assert all(event.notional_usd is not None for event in events)


@pytest.mark.data
def test_captured_frames_mean_what_is_stated(data_dir: Path) -> None:
    rows = captured(data_dir)
    assert len(rows) == 3
    for row in rows:
        events = liquidations(row["frame"])
        assert len(events) == len(row["frame"]["data"])
        assert {event.liquidated for event in events} == {Side(row["meaning"]["liquidated"])}
        assert {event.coverage for event in events} == {Coverage.CENSUS}


@pytest.mark.data
def test_vectors(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    rows = vectors if isinstance(vectors, list) else vectors["vectors"]
    mine = [row for row in rows if row["kind"] == "feed_parse" and row["venue"] == "bybit"]
    assert len(mine) == 2
    for row in mine:
        (event,) = liquidations(row["inputs"]["message"])
        (expected,) = row["expected"]
        assert event.liquidated == Side(expected["liquidated"])
        assert event.bankruptcy_price == expected["price"]
        assert event.qty_base == expected["qty"]
        assert event.venue_ns == expected["ts_ms"] * 10**6


def test_every_row_of_a_frame_becomes_an_event() -> None:
    short, long = liquidations(samples.ALL_LIQUIDATION)
    assert (short.liquidated, long.liquidated) == (Side.SHORT, Side.LONG)
    assert (short.symbol, short.qty_base) == ("ROSE/USDT:USDT", 20000.0)
    assert short.notional_usd == pytest.approx(899.8)
    assert short.fill_price is short.order_price is None
    assert short.method is Method.UNKNOWN


def test_inverse_sizes_are_dollars() -> None:
    row = {"T": 1760130903127, "s": "BTCUSD", "S": "Buy", "v": "5000", "p": "100000"}
    (event,) = liquidations({"topic": "allLiquidation.BTCUSD", "data": [row]})
    assert (event.notional_usd, event.qty_base) == (5000.0, 0.05)


def test_unknown_instrument_has_no_notional_and_says_so() -> None:
    row = {"T": 1760130903127, "s": "币安人生USDT", "S": "Buy", "v": "5000", "p": "0.1"}
    said = open_wire().decode(written({"topic": "allLiquidation.币安人生USDT", "data": [row, row]}))
    event = said.events[0]
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
    assert event.qty_raw == 5000.0
    assert said.notes == ("unknown instrument 币安人生USDT: no notional",)


@pytest.mark.parametrize(
    ("topic", "time", "coverage", "rule_id"),
    [
        ("allLiquidation", 1739502302929, Coverage.CENSUS, "bybit-all-liquidation"),  # docs' own
        ("allLiquidation", 1740009600000, Coverage.CENSUS, "bybit-all-liquidation"),
        ("liquidation", 1740009600000, Coverage.THROTTLED, "bybit-liquidation-1-per-s"),
        ("liquidation", 1608280339753, Coverage.THROTTLED, "bybit-liquidation-polled"),
    ],
)
def test_coverage_follows_topic_and_date(
    topic: str, time: int, coverage: Coverage, rule_id: str
) -> None:
    new = {"T": time, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "2"}
    old = {"time": time, "symbol": "BTCUSDT", "side": "Buy", "qty": "1", "price": "2"}
    data = [new] if topic == "allLiquidation" else old
    (event,) = liquidations({"topic": f"{topic}.BTCUSDT", "data": data})
    assert (event.coverage, event.rule_id) == (coverage, rule_id)


def test_dated_rules_and_contracts_follow_the_time_of_each_row() -> None:
    row = Instrument(
        venue="bybit", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR, base="X",
        quote="USDT", settle="USDT", contract_value=10.0, valid_to_ns=1_700_000_000 * 10**9,
    )  # fmt: skip
    later = replace(row, contract_value=1.0, valid_from_ns=row.valid_to_ns, valid_to_ns=None)
    old = FeedRule(
        rule_id="old", channel="allLiquidation", coverage=Coverage.SAMPLED, said="",
        valid_to_ns=row.valid_to_ns,
    )  # fmt: skip
    new = replace(old, rule_id="new", valid_from_ns=row.valid_to_ns, valid_to_ns=None)
    unused = [replace(old, channel=c, valid_to_ns=None) for c in ("liquidations", "liquidation")]
    wire = BybitWire(Catalogue([row, later]), FeedRules([old, new, *unused]))
    times = (1760130903127, 1608280339753, 1760130903127)
    rows = [{"T": time, "s": "X", "S": "Buy", "v": "1", "p": "2"} for time in times]
    said = wire.decode(written({"topic": "allLiquidation.X", "data": rows})).events
    told = [(e.rule_id, e.qty_base) for e in said if isinstance(e, Liquidation)]
    assert told == [("new", 1.0), ("old", 10.0), ("new", 1.0)]


def test_fast_and_slow_way_agree() -> None:
    frame = samples.ALL_LIQUIDATION
    slow = {"type": "snapshot", "ts": frame["ts"], "data": frame["data"], "topic": frame["topic"]}
    assert liquidations(frame) == liquidations(slow)


def test_a_second_topic_is_the_one_that_counts() -> None:
    bytes_ = written(samples.ALL_LIQUIDATION)
    twice = bytes_.replace(b'"type"', b'"topic":"publicTrade.ROSEUSDT","type"', 1)
    assert [type(event) for event in open_wire().decode(twice).events] == [Trade, Trade]


@pytest.mark.parametrize("bad", ['"NaN"', '"-1"', '"0"', "null", '"1e400"', '"1e1000000"', "[]"])
def test_a_bad_row_does_not_spoil_its_neighbours(bad: str) -> None:
    good = written(samples.ALL_LIQUIDATION)
    spoilt = good.replace(b'"20000"', bad.encode())
    said = open_wire().decode(spoilt, raw_ref=RawRef("t", 7))
    assert [event.raw_ref for event in said.events] == [RawRef("t", 7)]
    assert len(said.rejected) == 1
    assert "part 0" in said.rejected[0]


def test_times_in_another_unit_are_refused() -> None:
    for time in (1739502302, 1739502302929000, 253402300800000):
        frame = written(samples.ALL_LIQUIDATION).replace(b"1739502302929", str(time).encode())
        said = open_wire().decode(frame)
        assert len(said.events) == len(said.rejected) == 1


def test_five_hundred_rows() -> None:
    row = samples.ALL_LIQUIDATION["data"][0]  # type: ignore[index]
    assert len(liquidations({"topic": "allLiquidation.ROSEUSDT", "data": [row] * 500})) == 500


def test_replies() -> None:
    said = [open_wire().decode(written(reply)) for reply in REPLIES]
    assert [one.control for one in said] == ["ack", "heartbeat", "heartbeat", None]
    assert said[3].rejected == ("subscribe failed: error:handler not found",)
    assert not any(one.events for one in said)


@pytest.mark.parametrize(
    "frame",
    [
        {"topic": "kline.5.BTCUSDT", "data": []},
        {"topic": "", "data": []},
        {"op": "auth", "success": True},
        {},
        {"topic": "orderbook.50.BTCUSDT", "type": "new", "ts": 1672304484978, "data": {}},
    ],
)
def test_what_is_unknown_is_refused_by_name(frame: Any) -> None:
    said = open_wire().decode(written(frame))
    assert said.rejected[0].startswith("unknown ")
    assert not said.events
    assert said.control is None


def test_rules_must_cover_all_times() -> None:
    with pytest.raises(InputError, match="liquidations"):
        BybitWire(Catalogue(), FeedRules(()))


@pytest.mark.parametrize("frame", HOSTILE_FRAMES, ids=lambda frame: repr(frame[:20]))
def test_hostile_frames_are_refused(frame: bytes) -> None:
    said = open_wire().decode(frame)
    assert said.rejected
    assert not said.events


def check_mutations(frames: list[bytes], count: int) -> None:
    wire = open_wire()
    for number, frame in enumerate(mutations(frames, count, seed=20251010)):
        said = wire.decode(frame, local_ns=1, raw_ref=RawRef("fuzz", number))
        for event in said.events:
            assert event.raw_ref == RawRef("fuzz", number)
            assert event.venue_ns is not None
            assert is_plausible_ns(event.venue_ns)
            if isinstance(event, Liquidation | Trade):
                assert 0 < event.qty_raw < 1e18
                assert event.notional_usd is None or 0 < event.notional_usd < 1e33
        assert all(0 < len(reason) < 400 for reason in said.rejected)


def test_mutated_frames_never_raise() -> None:
    check_mutations(list(FRAMES), 1_000)


@pytest.mark.slow
@pytest.mark.data
def test_many_mutated_real_frames_never_raise(data_dir: Path) -> None:
    real = [frame for frame, _ in recorded(data_dir)]
    real += [row["frame"] for row in captured(data_dir)]
    check_mutations([*map(written, real), *FRAMES], 100_000)
