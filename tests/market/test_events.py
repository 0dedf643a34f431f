"""The records keep what they were given, and nothing else."""

import typing
from typing import Any

import msgspec
import pytest

from airpocket.market import events
from airpocket.market.events import Bar, Event, Mark, RawRef, event_ns

_KINDS: tuple[type[Any], ...] = typing.get_args(Event)


@pytest.mark.parametrize("kind", _KINDS)
def test_every_record_carries_the_same_six_fields_and_its_own_tag(kind: type[Any]) -> None:
    names = [field.name for field in msgspec.structs.fields(kind)]
    assert names[:6] == ["venue", "symbol", "raw_symbol", "raw_ref", "venue_ns", "local_ns"]
    assert len(names) > 6
    config = kind.__struct_config__
    assert config.frozen
    assert sum(other.__struct_config__.tag == config.tag for other in _KINDS) == 1


def test_all_records_are_events_and_listed() -> None:
    records = {
        value.__name__
        for value in vars(events).values()
        if isinstance(value, type) and issubclass(value, events._Said) and value is not events._Said
    }
    assert {kind.__name__ for kind in _KINDS} == records
    assert records <= set(events.__all__)


def test_records_do_not_change() -> None:
    mark = Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=1.0)
    with pytest.raises(AttributeError, match="immutable"):
        mark.mark_price = 2.0  # type: ignore[misc]


def test_what_is_not_said_is_none_and_never_zero() -> None:
    for kind in _KINDS:
        for field in msgspec.structs.fields(kind):
            assert field.default in {msgspec.NODEFAULT, None, ()}, (kind, field.name)


def test_the_venue_s_clock_goes_first() -> None:
    bar = Bar(
        venue="x", symbol=None, raw_symbol="X", width_ns=1, open=1.0, high=1.0, low=1.0, close=1.0
    )
    both = msgspec.structs.replace(bar, venue_ns=0, local_ns=9)
    assert event_ns(both) == 0
    assert event_ns(msgspec.structs.replace(both, venue_ns=None)) == 9
    assert event_ns(bar) is None


def test_a_raw_ref_says_where_the_bytes_lie() -> None:
    assert str(RawRef("day.tape", 12)) == "day.tape#12"


def test_a_record_is_read_back_from_json_as_what_it_was() -> None:
    mark = Mark(venue="x", symbol=None, raw_symbol="X", raw_ref=RawRef("t", 1), mark_price=0.1)
    data = msgspec.json.encode(mark)
    assert b'"type":"mark"' in data
    assert msgspec.json.decode(data, type=Event) == mark
