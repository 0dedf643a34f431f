"""BitMEX, decode only and historical: table ``liquidation`` (the venue closed on 2026-09-23).

=======  ==========================  =======================  ====================  ============
action   side says                   price is                 size is               coverage
=======  ==========================  =======================  ====================  ============
insert   the ORDER: Buy closes a     limit of the order, the  ``leavesQty``         census; no
         short                       bankruptcy price         contracts (XBTUSD: 1  time in the
                                                              USD each)             frame
update,  follow an order inserted before: no events
delete
partial  orders open at the time of subscribing: history, no events
=======  ==========================  =======================  ====================  ============

The table carries no timestamp, so ``venue_ns`` is ``None`` and events are ordered by our clock.
Sources: BitMEX/api-connectors @2ecc9fc3 (table and actions); BitMEX liquidation page (the engine
places a limit order at the bankruptcy price); tardis-node ``bitmex.ts`` @5f736a4c.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct, field

from airpocket.errors import InputError
from airpocket.market.draft import HISTORY, Draft, decode_only, side_closed_by
from airpocket.market.events import Event, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded

__all__ = ["BitmexWire", "open_wire"]

_VENUE: Final = "bitmex"
_CHANNEL: Final = "liquidation"
_ABSENT: Final = Raw()


class _Frame(Struct):
    table: str | None = None
    action: str = ""
    data: Raw = Raw()
    info: Raw = _ABSENT
    success: Raw = _ABSENT
    error: Raw = _ABSENT


class _Row(Struct):
    order_id: Label = field(name="orderID")
    symbol: Label
    side: Literal["Buy", "Sell"]
    price: Price
    leaves_qty: Qty = field(name="leavesQty")


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class BitmexWire:
    """One recorded connection to BitMEX."""

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
    if data == b"pong":
        return "pong"
    frame = _FRAME.decode(data)
    if frame.table is None:
        for control in ("error", "success", "info"):
            if getattr(frame, control) != _ABSENT:
                return control
        raise InputError("unknown message: neither a table nor an answer")
    if frame.table != _CHANNEL:
        raise InputError(f"unknown table {frame.table[:64]!r}")
    if frame.action == "insert":
        draft.parts(frame.data, _ROW.decode, lambda row: _tell(draft, row))
        return None
    if frame.action == "partial":
        draft.note(HISTORY)
    elif frame.action not in {"update", "delete"}:
        raise InputError(f"unknown action {frame.action[:64]!r}")
    return frame.action


def _tell(draft: Draft, row: _Row) -> None:
    draft.liquidation(
        row.symbol,
        channel=_CHANNEL,
        venue_ns=None,
        liquidated=side_closed_by(Taker(row.side.lower())),
        qty_raw=row.leaves_qty,
        order_price=row.price,
        bankruptcy_price=row.price,
        event_id=row.order_id,
    )


def open_wire() -> BitmexWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return BitmexWire(Catalogue.load(toml), FeedRules.load(toml))
