"""What a recording says of itself before it is read."""

import typing

import pytest
from msgspec import ValidationError, convert

from airpocket.market.columns import Columns
from airpocket.market.events import Event
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Label


def test_a_label_claims_a_census_of_ticks_unless_it_says_otherwise() -> None:
    label = Label(name="a.csv", kind="trades", venue="x", channels=("trades",))
    assert (label.width_ns, label.covers_all, label.note) == (None, True, "")
    with pytest.raises(AttributeError, match="immutable"):
        label.covers_all = False  # type: ignore[misc]


def test_a_label_needs_its_names() -> None:
    with pytest.raises(ValidationError, match="channels"):
        convert({"name": "a", "kind": "b", "venue": "x"}, Label)


def test_items_are_events_columns_and_findings() -> None:
    hints = typing.get_type_hints(type("T", (), {"__annotations__": {"item": Item}}), globals())
    kinds = {typing.get_origin(part) or part for part in typing.get_args(hints["item"])}
    assert kinds == {*typing.get_args(Event), Columns, Finding}
