import json
import typing
from enum import StrEnum
from types import UnionType
from typing import Any

import msgspec
import pytest

from airpocket.app.say import event_json, gap_json, saying_json
from airpocket.detection.episode import Ending, Kind, Phase
from airpocket.market.events import (
    Coverage,
    Event,
    Gap,
    GapCause,
    Liquidation,
    Mark,
    Method,
    RawRef,
    Side,
)
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import EARLIEST_NS, MINUTE_NS
from tests.app.sayings import AT_NS, episode, transition

GAP = Gap(
    venue="okx", symbol=None, raw_symbol="X", channel="trades", from_ns=EARLIEST_NS, to_ns=AT_NS,
    cause=GapCause.DISCONNECT, proven_by="a close frame",
)  # fmt: skip


def _made(kind: type, *, full: bool) -> Any:
    """Make an event with every optional field missing, or with what the type allows."""
    values: dict[str, Any] = {"venue": "okx", "symbol": None, "raw_symbol": "X"}
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in values:
            continue
        hint = hints[field.name]
        options = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if type(None) in options and not full:
            values[field.name] = None
        else:
            values[field.name] = _value(options[0])
    return kind(**values)


def _value(option: Any) -> Any:
    origin = typing.get_origin(option) or option
    if origin in {list, tuple}:
        return origin()
    if issubclass(origin, StrEnum):
        return next(iter(origin))
    return {str: "x", int: AT_NS, bool: True, float: 2.5, RawRef: RawRef("tape", 7)}[origin]


@pytest.mark.parametrize("kind", typing.get_args(Event))
@pytest.mark.parametrize("full", [False, True])
def test_every_kind_of_event_is_json(kind: type, full: bool) -> None:  # noqa: FBT001
    event = _made(kind, full=full)
    told = event_json(event)
    line = json.dumps(told, allow_nan=False)
    assert json.dumps(json.loads(line)) == line
    assert list(told)[:4] == ["type", "venue", "symbol", "raw_symbol"]
    assert told["type"] == kind.__struct_config__.tag  # type: ignore[attr-defined]
    assert {"venue_time", "local_time", "raw_ref"} <= told.keys()
    assert not {"venue_ns", "local_ns"} & told.keys()
    assert told["raw_ref"] == (None if event.raw_ref is None else "tape#7")


def test_sides_are_words_and_missing_is_null() -> None:
    event = Liquidation(
        venue="okx", symbol=None, raw_symbol="X", liquidated=Side.SHORT, qty_raw=1.0,
        method=Method.ADL, coverage=Coverage.CENSUS, rule_id="r",
    )  # fmt: skip
    told = event_json(event)
    assert (told["liquidated"], told["method"], told["coverage"]) == ("short", "adl", "census")
    assert event_json(msgspec.structs.replace(event, liquidated=None))["liquidated"] is None
    assert told["venue_time"] is None


def test_times_lose_no_nanosecond() -> None:
    mark = Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=1.0, venue_ns=AT_NS + 1)
    assert event_json(mark)["venue_time"] == "2026-03-02T09:00:00.000000001Z"


def test_a_gap_from_the_beginning_of_time_has_no_beginning() -> None:
    told = gap_json(GAP)
    assert (told["from"], told["to"]) == (None, "2026-03-02T09:00:00Z")
    assert gap_json(msgspec.structs.replace(GAP, from_ns=AT_NS, to_ns=None))["to"] is None


def test_a_finding() -> None:
    finding = Finding(code=FindingCode.BOTH_LEGS, where="a.csv", said="twice", from_ns=AT_NS)
    told = saying_json(finding)
    assert (told["type"], told["code"], told["said"]) == ("quality", "both_legs", "twice")
    assert (told["time"], told["to"], told["count"]) == ("2026-03-02T09:00:00Z", None, None)


def test_a_phase() -> None:
    told = saying_json(transition(Phase.CASCADE, episode=episode(side=Side.SHORT), gap=GAP))
    assert told["type"] == "phase"
    assert (told["before"], told["phase"], told["side"]) == ("calm", "cascade", "shorts")
    assert told["reading"]["score"] == 50.0
    assert told["gap"]["cause"] == "disconnect"
    assert json.loads(json.dumps(told)) == told
    assert saying_json(transition(Phase.BUILDING))["onset"] is None


@pytest.mark.parametrize(
    ("ending", "stage"),
    [
        (Ending.OPEN, "open"),
        (Ending.SETTLED, "all_clear"),
        (Ending.FEED_ENDED, "feed_ended"),
    ],
)
def test_an_episode(ending: Ending, stage: str) -> None:
    whole = episode(
        ending=ending, gaps=(GAP,), end_ns=AT_NS + MINUTE_NS if stage == "all_clear" else None
    )
    told = saying_json(whole, known_ns=AT_NS + 7_000_000_000)
    assert (told["type"], told["stage"], told["symbol"]) == ("episode", stage, "BTC/USDT:USDT")
    assert told["known"] == "2026-03-02T09:00:07Z"
    assert told["venues"] == {"binance": "throttled"}
    assert told["waves"][0]["peak"] == 7.0
    assert told["legs"][0]["extreme_time"] == "2026-03-02T09:00:00Z"
    assert not [key for key in told if key.endswith("_ns") and key not in _SPANS]
    line = json.dumps(told, allow_nan=False)
    assert json.dumps(json.loads(line)) == line
    assert saying_json(whole)["known"] >= told["time"]


_SPANS = {"history_ns", "bin_ns", "peak_width_ns"}


def test_a_shock_has_its_own_signal() -> None:
    assert saying_json(episode(kind=Kind.SHOCK))["signal"] == "SHOCK"
