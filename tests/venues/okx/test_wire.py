"""Frames of OKX: stated side, size and price; nothing lost unseen; nothing raises."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.market.events import Coverage, Liquidation, Method, RawRef, Side, Trade
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.units import is_plausible_ns
from airpocket.venues.okx.wire import OkxWire, open_wire
from tests.venues.mutate import HOSTILE_FRAMES, mutations
from tests.venues.okx import samples
from tests.venues.okx.samples import ACK, FRAMES, LIQUIDATIONS, REPLIES, written

CLOSED_BY = {"sell": Side.LONG, "buy": Side.SHORT}
ACKED_NS = 1_692_266_434_000 * 10**6


def liquidations(frame: Any) -> list[Liquidation]:
    said = open_wire().decode(written(frame))
    assert not said.rejected
    return [event for event in said.events if isinstance(event, Liquidation)]


def recorded(data_dir: Path) -> list[tuple[Any, list[Any]]]:
    text = (data_dir / "frames" / "tardis_liquidation_fixtures.json").read_text(encoding="utf-8")
    rows = [row for row in json.loads(text)["fixtures"] if row["exchange"].startswith("okex")]
    return [(row["frame"], row["expected_liquidations"]) for row in rows]


def captured(data_dir: Path) -> list[Any]:
    text = (data_dir / "frames" / "captured_frames.jsonl").read_text(encoding="utf-8")
    return [row for row in map(json.loads, text.splitlines()) if row["exchange"] == "okx"]


@pytest.mark.data
def test_recorded_frames_give_side_size_and_price(data_dir: Path) -> None:
    rows = recorded(data_dir)
    assert len(rows) == 8
    for frame, expected in rows:
        events = liquidations(frame)
        if not expected:
            # tardis drops the first push of a connection whatever it is. Here no subscription was
            # acknowledged, so nothing says that it repeats: test_first_push_is_skipped_once.
            assert [event.qty_raw for event in events] == [39.0]
            continue
        assert [
            (event.raw_symbol, event.liquidated, event.bankruptcy_price, event.qty_raw)
            for event in events
        ] == [(e["symbol"], CLOSED_BY[e["side"]], e["price"], e["amount"]) for e in expected]
        assert all(event.notional_usd is not None for event in events)


@pytest.mark.data
def test_captured_frames_mean_what_is_stated(data_dir: Path) -> None:
    rows = captured(data_dir)
    assert len(rows) == 3
    for row in rows:
        (event,) = liquidations(row["frame"])
        assert event.liquidated == Side(row["meaning"]["liquidated"])
    (bitcoin,) = liquidations(rows[0]["frame"])
    assert bitcoin.qty_base == pytest.approx(0.0855)
    assert bitcoin.notional_usd == pytest.approx(7067, abs=1)


@pytest.mark.data
def test_vectors(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    rows = vectors if isinstance(vectors, list) else vectors["vectors"]
    (row,) = [row for row in rows if row["kind"] == "feed_parse" and row["venue"] == "okx"]
    (event,) = liquidations(row["inputs"]["message"])
    (expected,) = row["expected"]
    assert event.liquidated == Side(expected["liquidated"])
    assert (event.bankruptcy_price, event.qty_raw) == (expected["price"], expected["qty"])
    assert event.venue_ns == expected["ts_ms"] * 10**6


def test_every_detail_becomes_an_event_in_the_order_written() -> None:
    short, long, inverse = liquidations(LIQUIDATIONS)
    assert [event.liquidated for event in (short, long, inverse)] == [
        Side.SHORT,
        Side.LONG,
        Side.LONG,
    ]
    assert (short.qty_raw, short.qty_base) == (13.0, 13_000.0)
    assert short.notional_usd == pytest.approx(101.803)
    assert inverse.notional_usd == 200.0
    assert inverse.qty_base == pytest.approx(200 / 30_000)
    assert short.method is Method.UNKNOWN
    assert short.venue_ns is not None
    assert long.venue_ns is not None
    assert long.venue_ns < short.venue_ns


@pytest.mark.parametrize(
    ("pos_side", "side", "closed"),
    [
        ("long", "sell", Side.LONG),
        ("short", "buy", Side.SHORT),
        ("net", "sell", Side.LONG),
        ("net", "buy", Side.SHORT),
        ("", "buy", Side.SHORT),
        ("short", "", Side.SHORT),
        ("long", "buy", None),  # they contradict each other
        ("short", "sell", None),
        ("net", "", None),
    ],
)
def test_side(pos_side: str, side: str, closed: Side | None) -> None:
    frame = copy.deepcopy(LIQUIDATIONS)
    detail = {"bkPx": "2", "posSide": pos_side, "side": side, "sz": "1", "ts": "1692266434010"}
    frame["data"] = [{"instId": "BTC-USDT-SWAP", "details": [detail]}]
    said = open_wire().decode(written(frame))
    (event,) = said.events
    assert isinstance(event, Liquidation)
    assert event.liquidated is closed
    assert ("does not tell" in "".join(said.notes)) == (closed is None)


def test_contract_values_are_dated() -> None:
    row = {"size": "100", "price": "5000", "type": "4", "instrument_id": "BTC-USDT-SWAP"}
    times = ("2020-03-20T07:59:59Z", "2020-03-20T08:00:00Z")
    frame = {"table": "swap/liquidation", "data": [{**row, "created_at": time} for time in times]}
    before, after = liquidations(frame)
    assert before.qty_base == pytest.approx(0.01)
    assert after.qty_base == pytest.approx(1.0)
    wire = open_wire()
    late = wire.decode(written({**frame, "data": frame["data"][1:]})).events
    assert late == [after]


def test_a_liquidation_without_price_has_no_notional() -> None:
    detail = {"bkPx": "", "posSide": "net", "side": "sell", "sz": "1", "ts": "1692266434010"}
    data = [{"instId": "BTC-USDT-SWAP", "details": [detail]}]
    said = open_wire().decode(written({**LIQUIDATIONS, "data": data}))
    (event,) = said.events
    assert isinstance(event, Liquidation)
    assert (event.bankruptcy_price, event.notional_usd, event.qty_base) == (None, None, None)
    assert said.notes == ("BTC-USDT-SWAP: no price said, no notional",)


def test_unknown_instrument_has_no_notional_and_says_so() -> None:
    frame = written(LIQUIDATIONS).replace(b"IOST-USDT-SWAP", b"<img onerror>")
    said = open_wire().decode(frame)
    event = said.events[0]
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
    assert (event.raw_symbol, event.qty_raw) == ("<img onerror>", 13.0)
    assert said.notes == ("unknown instrument <img onerror>: no notional",)


@pytest.mark.parametrize(
    ("time", "coverage", "rule_id"),
    [
        (1640140211925, Coverage.THROTTLED, "okx-liquidation-polled"),
        (1680173247614, Coverage.THROTTLED, "okx-liquidation-1-per-s"),
        (1784419199999, Coverage.THROTTLED, "okx-liquidation-1-per-s"),
        (1784419200000, Coverage.SAMPLED, "okx-liquidation-not-total"),
    ],
)
def test_coverage_follows_the_date(time: int, coverage: Coverage, rule_id: str) -> None:
    detail = {"bkPx": "2", "posSide": "net", "side": "sell", "sz": "1", "ts": str(time)}
    data = [{"instId": "BTC-USDT-SWAP", "details": [detail]}]
    (event,) = liquidations({**LIQUIDATIONS, "data": data})
    assert (event.coverage, event.rule_id) == (coverage, rule_id)


def test_type_3_closes_a_long_and_4_a_short() -> None:
    (long,) = liquidations(samples.OLD)
    short_frame = json.loads(json.dumps(samples.OLD).replace('"3"', '"4"'))
    (short,) = liquidations(short_frame)
    assert (long.liquidated, short.liquidated) == (Side.LONG, Side.SHORT)
    assert long.venue_ns == 1_608_251_468_794_000_000


@pytest.mark.parametrize("time", ["", "yesterday", "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])
def test_old_rows_with_a_bad_time_are_refused(time: str) -> None:
    frame = written(samples.OLD).replace(b"2020-12-18T00:31:08.794Z", time.encode())
    said = open_wire().decode(frame)
    assert not said.events
    assert said.rejected[0].startswith("created_at: ")


def test_first_push_is_skipped_once() -> None:
    wire = open_wire()
    assert len(wire.decode(written(LIQUIDATIONS)).events) == 3  # nothing acknowledged yet
    assert wire.decode(written(ACK)).control == "ack"
    first = wire.decode(written(LIQUIDATIONS))
    assert first.events == []
    assert first.notes == ("3 skipped: the first push after subscribing repeats old ones",)
    assert len(wire.decode(written(LIQUIDATIONS)).events) == 3


def test_each_instrument_type_owes_its_own_first_push() -> None:
    wire = open_wire()
    wire.decode(written(ACK))
    futures = written(LIQUIDATIONS).replace(b'"instType":"SWAP"}', b'"instType":"FUTURES"}', 1)
    assert len(wire.decode(futures).events) == 3
    assert wire.decode(written(LIQUIDATIONS)).events == []


def test_the_slow_way_skips_too() -> None:
    wire = open_wire()
    wire.decode(written(ACK))
    slow = {"data": LIQUIDATIONS["data"], "arg": LIQUIDATIONS["arg"]}
    assert wire.decode(written(slow)).events == []
    assert len(wire.decode(written(slow)).events) == 3


def test_an_unsubscribed_channel_owes_nothing() -> None:
    wire = open_wire()
    wire.decode(written(ACK))
    wire.decode(written({**ACK, "event": "unsubscribe"}))
    assert len(wire.decode(written(LIQUIDATIONS)).events) == 3


@pytest.mark.parametrize(("acked_s_ago", "skipped"), [(4, True), (6, False)])
def test_a_first_push_that_is_surely_new_is_kept(
    acked_s_ago: int,
    skipped: bool,  # noqa: FBT001 - parametrised
) -> None:
    wire = open_wire()
    wire.decode(written(ACK), local_ns=ACKED_NS - acked_s_ago * 10**9)
    assert (wire.decode(written(LIQUIDATIONS)).events == []) == skipped


def test_fast_and_slow_way_agree() -> None:
    slow = {"data": LIQUIDATIONS["data"], "arg": LIQUIDATIONS["arg"]}
    assert liquidations(LIQUIDATIONS) == liquidations(slow)


def test_a_second_channel_is_the_one_that_counts() -> None:
    twice = written(LIQUIDATIONS).replace(b'"instType"', b'"channel":"status","instType"', 1)
    assert open_wire().decode(twice).rejected == ("unknown channel 'status'",)


@pytest.mark.parametrize("bad", ['"NaN"', '"-1"', '"0"', "null", '"1e400"', '"1e1000000"', "[]"])
def test_a_bad_detail_does_not_spoil_its_neighbours(bad: str) -> None:
    spoilt = written(LIQUIDATIONS).replace(b'"13"', bad.encode())
    said = open_wire().decode(spoilt, raw_ref=RawRef("t", 7))
    assert [event.raw_ref for event in said.events] == [RawRef("t", 7)] * 2
    assert len(said.rejected) == 1
    assert said.rejected[0].startswith("IOST-USDT-SWAP part 0: ")


def test_times_in_another_unit_are_refused() -> None:
    for time in (b"1692266434", b"1692266434010000", b"253402300800000"):
        said = open_wire().decode(written(LIQUIDATIONS).replace(b"1692266434010", time))
        assert len(said.events) == 2
        assert len(said.rejected) == 1


def test_five_hundred_details() -> None:
    detail = LIQUIDATIONS["data"][0]["details"][0]  # type: ignore[index]
    data = [{"instId": "IOST-USDT-SWAP", "details": [detail] * 250}] * 2
    assert len(liquidations({**LIQUIDATIONS, "data": data})) == 500


def test_replies() -> None:
    said = [open_wire().decode(written(reply)) for reply in REPLIES]
    assert [one.control for one in said] == ["ack", "ack", "ack", "notice", None]
    assert said[3].notes == ("notice 64008: The connection will soon be closed.",)
    assert said[4].rejected == ("error 60012: Invalid request",)
    assert open_wire().decode(b"pong").control == "heartbeat"


def test_reasons_stay_short() -> None:
    frame = {"event": "error", "code": "9" * 5000, "msg": "x" * 5000}
    assert len(open_wire().decode(written(frame)).rejected[0]) < 300


@pytest.mark.parametrize(
    "frame",
    [
        {"arg": {"channel": "tickers", "instId": "X"}, "data": []},
        {"event": "login", "code": "0"},
        {"table": "swap/trade", "data": []},
        {"data": []},
    ],
)
def test_what_is_unknown_is_refused_by_name(frame: Any) -> None:
    said = open_wire().decode(written(frame))
    assert said.rejected[0].startswith("unknown ")
    assert not said.events
    assert said.control is None


def test_polled_rows_need_an_instrument() -> None:
    said = open_wire().decode(written({**samples.POLLED, "arg": {"channel": "liquidations"}}))
    assert said.rejected == ("liquidations of no instrument: arg lacks instId",)


def test_rules_must_cover_all_times() -> None:
    with pytest.raises(InputError, match="liquidations"):
        OkxWire(Catalogue(), FeedRules(()))


@pytest.mark.parametrize(
    "frame", [one for one in HOSTILE_FRAMES if one != b"pong"], ids=lambda frame: repr(frame[:20])
)
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
            assert event.venue_ns is None or is_plausible_ns(event.venue_ns)
            if isinstance(event, Liquidation | Trade):
                assert 0 < event.qty_raw < 1e18
                assert event.notional_usd is None or 0 < event.notional_usd < 1e36
        assert all(0 < len(reason) < 400 for reason in said.rejected)


def test_mutated_frames_never_raise() -> None:
    check_mutations(list(FRAMES), 1_000)


@pytest.mark.slow
@pytest.mark.data
def test_many_mutated_real_frames_never_raise(data_dir: Path) -> None:
    real = [frame for frame, _ in recorded(data_dir)]
    real += [row["frame"] for row in captured(data_dir)]
    check_mutations([*map(written, real), *FRAMES], 100_000)
