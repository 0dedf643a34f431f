"""Kraken Futures, decode only: feed ``trade``, whose rows carry a type.

===========  =============================  =====  =================================  ========
type         side says                      price  qty is                             coverage
===========  =============================  =====  =================================  ========
fill         taker: a ``Trade``             fill   USD (PI_, FI_), base (PF_)         census
liquidation  taker = order that closes:     fill   the same                           census
             sell = long
termination  taker; whose position ended    fill   the same; method unknown, side     census
             is not said                           unknown
block        off the book: no event, noted
===========  =============================  =====  =================================  ========

``trade_snapshot`` is sent on subscribing and holds trades of before: history, no events. Source:
docs.kraken.com/api/docs/futures-api/websocket/trade ("termination if it is a result of a user
being terminated"; read 2026-10); tardis-node ``cryptofacilities.ts`` @bfd0cc9a.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.draft import HISTORY, Draft, decode_only, side_closed_by
from airpocket.market.events import Event, Method, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty, TimeMs
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS

__all__ = ["KrakenFuturesWire", "open_wire"]

_VENUE: Final = "kraken-futures"
_CHANNEL: Final = "trade"
_CONTROL: Final = frozenset(
    {"info", "subscribed", "subscribed_failed", "unsubscribed", "unsubscribed_failed"}
    | {"alert", "error", "pong", "challenge"}
)


class _Frame(Struct):
    event: str | None = None
    feed: str = ""


class _Row(Struct):
    product_id: Label
    side: Literal["buy", "sell"]
    type: Label
    time: TimeMs
    qty: Qty
    price: Price
    uid: Label | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class KrakenFuturesWire:
    """One connection to Kraken Futures."""

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
    frame = _FRAME.decode(data)
    if frame.event is not None:
        event = frame.event.strip()  # the documented answer says "subscribed "
        if event not in _CONTROL:
            raise InputError(f"unknown event {event[:64]!r}")
        return event
    if frame.feed == "heartbeat":
        return "heartbeat"
    if frame.feed == "trade_snapshot":
        draft.note(HISTORY)
        return "snapshot"
    if frame.feed != _CHANNEL:
        raise InputError(f"unknown feed {frame.feed[:64]!r}")
    _tell(draft, _ROW.decode(data))
    return None


def _tell(draft: Draft, row: _Row) -> None:
    taker = Taker(row.side)
    venue_ns = row.time * MILLISECOND_NS
    if row.type == "fill":
        draft.trade(
            row.product_id,
            venue_ns=venue_ns,
            price=row.price,
            qty_raw=row.qty,
            taker=taker,
            trade_id=row.uid,
        )
    elif row.type in {"liquidation", "termination"}:
        on_book = row.type == "liquidation"
        draft.liquidation(
            row.product_id,
            channel=_CHANNEL,
            venue_ns=venue_ns,
            liquidated=side_closed_by(taker) if on_book else None,
            qty_raw=row.qty,
            fill_price=row.price,
            method=Method.BOOK if on_book else Method.UNKNOWN,
            event_id=row.uid,
        )
    elif row.type == "block":
        draft.note("a block trade is agreed off the book: it gives no event")
    else:
        raise InputError(f"unknown trade type {row.type!r}")


def open_wire() -> KrakenFuturesWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return KrakenFuturesWire(Catalogue.load(toml), FeedRules.load(toml))
