"""Hostile numbers end in the decoder."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from airpocket.market import fields
from airpocket.units import EARLIEST_NS, LATEST_NS, MILLISECOND_NS


def _read(kind: Any, data: str) -> Any:
    return msgspec.json.Decoder(kind, strict=False).decode(data.encode())


@pytest.mark.parametrize(
    "kind", [fields.Price, fields.Qty, fields.QtyOrZero, fields.SignedQty, fields.Rate]
)
@pytest.mark.parametrize(
    "data",
    ["NaN", '"NaN"', '"nan"', "1e400", '"1e400"', '"1e1000000"', '"inf"', '"-Infinity"', "null",
     '""', '"x"', "[]", "{}", "1e18", "-1e18", '"0x10"'],
)  # fmt: skip
def test_no_figure_is_read_from_what_is_none(kind: Any, data: str) -> None:
    with pytest.raises(fields.BAD_FRAME):
        _read(kind, data)


def test_zero_and_negative_sizes_are_read_where_they_mean_something() -> None:
    for data in ("0", '"-0.0"', "-1"):
        for kind in (fields.Price, fields.Qty):
            with pytest.raises(msgspec.ValidationError):
                _read(kind, data)
    assert _read(fields.QtyOrZero, '"0"') == 0.0
    with pytest.raises(msgspec.ValidationError):
        _read(fields.QtyOrZero, "-1")
    assert _read(fields.SignedQty, '"-1.5"') == -1.5
    assert _read(fields.Rate, '"-0.0001"') == -0.0001


@given(st.floats(1e-12, 1e15, exclude_max=True))
def test_a_price_is_read_exactly_whether_number_or_text(price: float) -> None:
    assert _read(fields.Price, repr(price)) == price
    assert _read(fields.Price, f'"{price!r}"') == price


@given(st.integers(EARLIEST_NS // MILLISECOND_NS, LATEST_NS // MILLISECOND_NS - 1))
def test_a_time_in_another_unit_is_no_time(time_ms: int) -> None:
    assert _read(fields.TimeMs, str(time_ms)) == time_ms
    assert _read(fields.TimeUs, f'"{time_ms * 1_000}"') == time_ms * 1_000
    assert _read(fields.TimeNs, str(time_ms * 10**6)) == time_ms * 10**6
    kinds = {fields.TimeMs: 1, fields.TimeUs: 10**3, fields.TimeNs: 10**6}
    for kind, scale in kinds.items():
        for other in {1, 10**3, 10**6} - {scale}:
            with pytest.raises(msgspec.ValidationError):
                _read(kind, str(time_ms * other))


def test_ids_are_whole_and_not_too_long() -> None:
    assert _read(fields.Serial, str(2**63 - 1)) == 2**63 - 1
    for data in (str(2**63), str(2**64), "-1", "1.5", "true", '"1e1000000"'):
        with pytest.raises(msgspec.ValidationError):
            _read(fields.Serial, data)
    assert _read(fields.Label, '"币安人生USDT"') == "币安人生USDT"
    for data in ('""', f'"{"x" * 65}"'):
        with pytest.raises(msgspec.ValidationError):
            _read(fields.Label, data)


def test_a_bad_part_leaves_its_neighbours_alone() -> None:
    parts = [Raw(b"1"), Raw(b'"x"'), Raw(b"[" * 100_000), Raw(b'"\xff"'), Raw(b"2.5")]
    good, bad = fields.each_part(parts, msgspec.json.Decoder(fields.Price, strict=False).decode)
    assert good == [1.0, 2.5]
    assert [reason.split(":")[0] for reason in bad] == ["part 1", "part 2", "part 3"]


def test_a_reason_is_one_short_line() -> None:
    assert fields.why(ValueError("a\n  b" * 200)) == ("a b" * 200)[:200]
    assert fields.why(RecursionError("whatever")) == "nested too deeply"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_floats_read_back_exactly(value: float) -> None:
    assert msgspec.json.decode(fields.as_json({"x": value}), type=dict[str, float]) == {"x": value}
    assert b" " not in fields.as_json({"x": [value]})
