"""What can be done to a frame's bytes, or to an event before it is written."""

import random
import re
from typing import Any, Final

import msgspec
from msgspec import structs

from airpocket.market.events import Liquidation, Side

__all__ = [
    "DAMAGES",
    "damage",
    "hostile",
    "scale_times",
    "shift_clock",
    "shift_times",
    "unknown",
    "with_side",
    "with_size",
    "without",
]

DAMAGES: Final = ("truncated", "not_utf8", "bom", "empty", "html", "flipped")
"""Kinds of :func:`damage`."""

_TIME_MS: Final = re.compile(rb"(?<![\d.])(1[5-9]\d{11})(?![\d.])")
_TIME_NS: Final = re.compile(rb"(?<![\d.])(1[5-9]\d{17})(?![\d.])")
_NUMBER: Final = re.compile(rb'"-?\d+(\.\d+)?"|(?<=[:,\[])-?\d+(\.\d+)?(?=[,}\]])')
_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_HOSTILE: Final = (
    b"NaN", b"1e400", b'"1e1000000"', b"-1", b"0", b"18446744073709551616", b'"NaN"', b"null",
    b"[[[[[[[[", b"9" * 5_000,
)  # fmt: skip


def shift_times(data: bytes, ns: int) -> bytes:
    """Move all times in milliseconds.

    Examples
    --------
    >>> shift_times(b'{"E":1793534400000,"p":"1.5"}', 5_000_000_000)
    b'{"E":1793534405000,"p":"1.5"}'
    """
    return _TIME_MS.sub(lambda found: b"%d" % (int(found[1]) + ns // 1_000_000), data)


def shift_clock(data: bytes, ns: int) -> bytes:
    """Move all times in nanoseconds, as Bybit says its clock.

    Examples
    --------
    >>> shift_clock(b'{"timeNano":"1793534400000000000"}', 5_000_000_000)
    b'{"timeNano":"1793534405000000000"}'
    """
    return _TIME_NS.sub(lambda found: b"%d" % (int(found[1]) + ns), data)


def scale_times(data: bytes, factor: float) -> bytes:
    """Write all times in another unit.

    Examples
    --------
    >>> scale_times(b'{"E":1793534400000}', 0.001), scale_times(b'{"E":1793534400000}', 1000)
    (b'{"E":1793534400}', b'{"E":1793534400000000}')
    """
    return _TIME_MS.sub(lambda found: b"%d" % round(int(found[1]) * factor), data)


def damage(data: bytes, kind: str, rng: random.Random) -> bytes:
    """Damage a frame in one of the ways of :data:`DAMAGES`."""
    match kind:
        case "truncated":
            return data[: rng.randrange(1, max(2, len(data) - 1))]
        case "not_utf8":
            at = data.rfind(b'"')
            return data[:at] + b"\xff\xfe" + data[at:]
        case "bom":
            return b"\xef\xbb\xbf" + data[: len(data) // 2]
        case "empty":
            return b""
        case "html":
            return _HTML
        case _:
            at = data.find(b":")
            return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def unknown(data: bytes, turn: int) -> bytes:
    """Turn a frame into one of a kind that does not exist, in the venue's own form."""
    said = msgspec.json.decode(data)
    if not isinstance(said, dict):
        return b'{"brandNew":true}'
    if "stream" in said:
        said["data"] = {"e": f"brandNew{turn}", "E": 1, "s": "BTCUSDT"}
    elif "topic" in said:
        said["topic"] = f"brandNew.{turn}"
    elif "arg" in said:
        said["arg"] = {"channel": f"brand-new-{turn}", "instId": "BTC-USDT-SWAP"}
    else:
        said["channel"] = f"brandNew{turn}"
    return msgspec.json.encode(said)


def without(data: bytes, field: str) -> bytes:
    """Leave a field out wherever it stands."""
    if b'"' + field.encode() + b'"' not in data:
        return data
    return msgspec.json.encode(_stripped(msgspec.json.decode(data), field))


def hostile(data: bytes, turn: int) -> bytes:
    """Put something terrible in place of a frame's numbers: one after the other."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    at = found[turn // len(_HOSTILE) % len(found)]
    return data[: at.start()] + _HOSTILE[turn % len(_HOSTILE)] + data[at.end() :]


def with_side(event: Liquidation, side: Side | None) -> Liquidation:
    """Say a liquidation of the other side."""
    return structs.replace(event, liquidated=side)


def with_size(event: Liquidation, qty_raw: float) -> Liquidation:
    """Say a liquidation of another size."""
    return structs.replace(event, qty_raw=qty_raw)


def _stripped(said: Any, field: str) -> Any:
    if isinstance(said, dict):
        return {name: _stripped(value, field) for name, value in said.items() if name != field}
    if isinstance(said, list):
        return [_stripped(value, field) for value in said]
    return said
