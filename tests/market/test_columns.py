"""Events become columns and come back as they were."""

import enum
import types
import typing

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import (
    BookChange,
    Coverage,
    Event,
    InsuranceFund,
    Liquidation,
    Mark,
    Method,
    RawRef,
    Side,
    Trade,
)

_NESTED = {"BookChange", "Depth", "DepthBands", "InsuranceFund"}
_FLAT = [kind for kind in typing.get_args(Event) if kind.__name__ not in _NESTED]
_REFS = st.builds(RawRef, st.sampled_from(["a.tape", "b.tape"]), st.integers(0, 2**40))


def _values(hint: object) -> st.SearchStrategy[object]:
    """Draw values of a field's type; NaN and the smallest integer stand for missing."""
    if isinstance(hint, types.UnionType):
        return st.one_of(*map(_values, typing.get_args(hint)))
    if hint is type(None):
        return st.none()
    if hint is float:
        return st.floats(allow_nan=False)
    if hint is int:
        return st.integers(MISSING_INT + 1, 2**63 - 1)
    if hint is str:
        return st.text(max_size=5)
    assert isinstance(hint, enum.EnumType)
    return st.sampled_from(list(hint))


def _events(kind: type) -> st.SearchStrategy[Event]:
    fields = {
        name: st.none() if name == "raw_ref" else _values(hint)
        for name, hint in typing.get_type_hints(kind).items()
        if not name.startswith("__")
    }
    return st.builds(kind, **fields)


_SAME_KIND = st.sampled_from(_FLAT).flatmap(lambda kind: st.lists(_events(kind), min_size=1))


@given(_SAME_KIND)
def test_events_come_back_as_they_were(events: list[Event]) -> None:
    columns = Columns.gather(events)
    assert (len(columns), columns.kind) == (len(events), type(events[0]))
    assert list(columns.events()) == events


@given(_SAME_KIND, st.data())
def test_rows_are_taken_by_slice_mask_and_index(events: list[Event], data: st.DataObject) -> None:
    columns = Columns.gather(events)
    mask = data.draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    index = data.draw(st.lists(st.integers(0, len(events) - 1), max_size=5))
    assert list(columns.take(slice(1, None, 2)).events()) == events[1::2]
    chosen = [event for event, wanted in zip(events, mask, strict=True) if wanted]
    assert list(columns.take(np.array(mask, np.bool_)).events()) == chosen
    by_index = columns.take(np.array(index, np.int64))
    assert list(by_index.events()) == [events[i] for i in index]
    assert len(by_index) == len(index)


def _mark(**said: object) -> Mark:
    base = Mark(venue="x", symbol=None, raw_symbol="X", mark_price=1.0)
    return msgspec.structs.replace(base, **said)


@given(st.lists(st.one_of(st.none(), _REFS), min_size=1))
def test_where_the_bytes_lie_is_kept_if_all_lie_on_one_tape(refs: list[RawRef | None]) -> None:
    columns = Columns.gather([_mark(raw_ref=ref) for ref in refs])
    back = [event.raw_ref for event in columns.take(slice(0, 3)).events()]
    one_tape = None not in refs and len({ref.tape for ref in refs if ref}) == 1
    assert back == (refs[:3] if one_tape else [None] * len(refs[:3]))


def test_what_is_missing_has_a_mark_in_every_kind_of_column() -> None:
    event = Liquidation(
        venue="x", symbol=None, raw_symbol="X", liquidated=None, qty_raw=1.0,
        method=Method.BOOK, coverage=Coverage.CENSUS, rule_id="r",
    )  # fmt: skip
    columns = Columns.gather([event, msgspec.structs.replace(event, liquidated=Side.SHORT)])
    assert np.isnan(columns["notional_usd"]).all()
    assert (columns["venue_ns"] == MISSING_INT).all()
    assert columns["liquidated"].tolist() == [-1, 0]
    assert columns.words("liquidated") == ("short",)
    assert {"venue", "symbol", "liquidated", "method", "event_id"} <= columns.worded()
    assert "price" not in columns.names()
    assert columns.names()[:3] == ("venue", "symbol", "raw_symbol")


def test_times_are_the_venue_s_else_ours() -> None:
    marks = [_mark(venue_ns=5, local_ns=6), _mark(local_ns=7), _mark()]
    assert Columns.gather(marks).times().tolist() == [5, 7, MISSING_INT]


def test_one_value_stands_for_all_rows_and_no_array_can_be_written() -> None:
    columns = Columns(Mark, 3, {"venue": "x", "raw_symbol": "X", "mark_price": 2.0})
    assert [mark.mark_price for mark in columns.events()] == [2.0] * 3
    prices = np.array([1.0, 2.0])
    columns = Columns(Mark, 2, {"venue": "x", "raw_symbol": "X", "mark_price": prices})
    for array in (columns["mark_price"], columns["venue"], columns["index_price"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    prices[0] = 7.0  # the giver's array stays the giver's


def test_what_cannot_be_columns_is_refused() -> None:
    book = BookChange(
        venue="x", symbol=None, raw_symbol="X", bids=[], asks=[], is_snapshot=True
    )  # fmt: skip
    fund = InsuranceFund(venue="x", symbol=None, raw_symbol="*", coin="USDT", balance=1.0)
    trade = Trade(venue="x", symbol=None, raw_symbol="X", price=1.0, qty_raw=1.0)
    mixed: list[Event] = [_mark(), trade]
    with pytest.raises(InputError, match="no events to gather"):
        Columns.gather([])
    with pytest.raises(InputError, match="one kind"):
        Columns.gather(mixed)
    with pytest.raises(InputError, match=r"BookChange.bids nests values"):
        Columns.gather([book])
    with pytest.raises(InputError, match=r"InsuranceFund.symbols nests values"):
        Columns.gather([fund])
    with pytest.raises(InputError, match=r"Mark has no fields \['color'\]"):
        Columns(Mark, 1, {"color": 1})
    with pytest.raises(InputError, match=r"Mark.mark_price has shape \(2,\), the table has 3 rows"):
        Columns(Mark, 3, {"mark_price": np.ones(2)})
