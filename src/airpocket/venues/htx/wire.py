"""HTX, decode only: topics ``public.<contract>.liquidation_orders`` of the three notify streams.

==================  ======================  ==========  ====================  ========
topic               direction says          price is    size is               coverage
==================  ======================  ==========  ====================  ========
liquidation_orders  the order that closes:  bankruptcy  ``volume`` contracts  census
                    sell = long                         (``amount`` is base)
==================  ======================  ==========  ====================  ========

Frames come gzipped off the socket and plain from recordings: both are read, up to 1 MiB inflated.
``offset`` is ``close`` in hedge mode and ``both`` in one-way mode. Sources: HTX API pages
"Subscribe Liquidation Orders" (``price`` "bankruptcy price", ``volume`` "cont", ``amount``
"token"; read 2026-10); the page's own example, 173 contracts at 17,102.9 = 1.01152 BTC, proves
100 USD a contract; tardis-node ``huobi.ts`` @63defc89 (direction).
"""

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct

from airpocket.errors import InputError
from airpocket.market.draft import Draft, decode_only, side_closed_by
from airpocket.market.events import Event, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty, TimeMs
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS

__all__ = ["HtxWire", "open_wire"]

_VENUE: Final = "htx"
_CHANNEL: Final = "liquidation_orders"
_CONTROL: Final = frozenset({"sub", "unsub", "ping", "pong", "auth", "close", "error"})
_GZIP: Final = b"\x1f\x8b"
_INFLATED_MAX: Final = 1 << 20  # bytes; a push of this topic holds a few hundred


class _Frame(Struct):
    op: Label
    topic: str = ""
    data: Raw = Raw()


class _Row(Struct):
    contract_code: Label
    direction: Literal["buy", "sell"]
    offset: Literal["close", "both"]
    volume: Qty
    price: Price
    created_at: TimeMs


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class HtxWire:
    """One connection to a notify stream of HTX."""

    def __init__(self, catalogue: Catalogue, rules: FeedRules) -> None:
        self._catalogue = catalogue
        self._rules = rules

    @property
    def venue(self) -> str:
        """Venue id."""
        return _VENUE

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events. Never raises for what the bytes hold."""
        draft = Draft(_VENUE, self._catalogue, self._rules, local_ns=local_ns, raw_ref=raw_ref)
        return draft.read(data, _read)

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Refuse: this venue is decode-only in this version."""
        decode_only(_VENUE, events)


def _read(draft: Draft, data: bytes) -> str | None:
    frame = _FRAME.decode(_inflated(data) if data.startswith(_GZIP) else data)
    if frame.op in _CONTROL:
        return frame.op
    if frame.op != "notify":
        raise InputError(f"unknown op {frame.op!r}")
    if not frame.topic.endswith(f".{_CHANNEL}"):
        raise InputError(f"unknown topic {frame.topic[:64]!r}")
    draft.parts(frame.data, _ROW.decode, lambda row: _tell(draft, row))
    return None


def _tell(draft: Draft, row: _Row) -> None:
    draft.liquidation(
        row.contract_code,
        channel=_CHANNEL,
        venue_ns=row.created_at * MILLISECOND_NS,
        liquidated=side_closed_by(Taker(row.direction)),
        qty_raw=row.volume,
        bankruptcy_price=row.price,
    )


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        inflated = stream.decompress(data, _INFLATED_MAX)
    except zlib.error as error:
        raise InputError(f"broken gzip: {error}") from error
    if not stream.eof:
        raise InputError("gzip is cut short, or holds more than 1 MiB")
    return inflated


def open_wire() -> HtxWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return HtxWire(Catalogue.load(toml), FeedRules.load(toml))
