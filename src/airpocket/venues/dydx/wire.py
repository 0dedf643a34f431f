"""dYdX v4, decode only: the indexer's ``v4_trades`` channel.

===========  ===============================  ==============  =========  ========
type         side says                        price is        size is    coverage
===========  ===============================  ==============  =========  ========
LIMIT        taker: a ``Trade``               fill            base coin  census
LIQUIDATED   taker = order that closes: sell  fill            base coin  census
             closes a long
DELEVERAGED  the same, method ADL             fill, off book  base coin  census
===========  ===============================  ==============  =========  ========

A trade is one event: a liquidated one is a ``Liquidation`` and no ``Trade`` beside it. A
deleveraged position counts once: the offsetting side is no row of its own. ``subscribed`` carries
the latest trades before the subscription: history, so no events. ``TWAP_SUBORDER`` is an ordinary
taker. Sources: dydxprotocol/v4-chain, indexer ``trade-types.ts`` and ``fill-types.ts`` (types and
that DELEVERAGED is "set to taker"; read 2026-10); tardis-node ``dydxv4.ts`` @06926774.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct

from airpocket.errors import InputError
from airpocket.market.draft import HISTORY, Draft, decode_only, side_closed_by
from airpocket.market.events import Event, Method, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import is_plausible_ns, ns_from_iso

__all__ = ["DydxWire", "open_wire"]

_VENUE: Final = "dydx"
_CHANNEL: Final = "v4_trades"
_CONTROL: Final = frozenset({"connected", "unsubscribed", "pong", "error"})
_FORCED: Final = {"LIQUIDATED": Method.BOOK, "DELEVERAGED": Method.ADL}


class _Frame(Struct):
    type: Label
    channel: str = ""
    id: str = ""
    contents: Raw = Raw()


class _Contents(Struct):
    trades: Raw


class _Row(Struct, rename="camel"):
    side: Literal["BUY", "SELL"]
    size: Qty
    price: Price
    created_at: str
    type: Label
    id: Label | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)
_CONTENTS: Final = msgspec.json.Decoder(_Contents)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class DydxWire:
    """One connection to the dYdX v4 indexer."""

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
    if frame.type in _CONTROL:
        return frame.type
    if frame.channel != _CHANNEL:
        raise InputError(f"unknown channel {frame.channel[:64]!r} in {frame.type!r}")
    if frame.type == "subscribed":
        draft.note(HISTORY)
        return "subscribed"
    if not 0 < len(frame.id) <= 64:
        raise InputError("a trades frame without a market id")

    def tell(contents: _Contents) -> None:
        draft.parts(contents.trades, _ROW.decode, lambda row: _tell(draft, frame.id, row))

    if frame.type == "channel_data":
        tell(_CONTENTS.decode(frame.contents))
    elif frame.type == "channel_batch_data":
        draft.parts(frame.contents, _CONTENTS.decode, tell)
    else:
        raise InputError(f"unknown message type {frame.type!r}")
    return None


def _tell(draft: Draft, market: str, row: _Row) -> None:
    venue_ns = ns_from_iso(row.created_at)
    if not is_plausible_ns(venue_ns):
        raise InputError(f"createdAt {row.created_at!r} is no time of an exchange")
    taker = Taker.BUY if row.side == "BUY" else Taker.SELL
    if row.type in _FORCED:
        method = _FORCED[row.type]
        draft.liquidation(
            market,
            channel=_CHANNEL,
            venue_ns=venue_ns,
            liquidated=side_closed_by(taker),
            qty_raw=row.size,
            fill_price=row.price,
            method=method,
            event_id=row.id,
        )
    elif row.type in {"LIMIT", "TWAP_SUBORDER"}:
        draft.trade(
            market,
            venue_ns=venue_ns,
            price=row.price,
            qty_raw=row.size,
            taker=taker,
            trade_id=row.id,
        )
    else:
        raise InputError(f"unknown trade type {row.type!r}")


def open_wire() -> DydxWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return DydxWire(Catalogue.load(toml), FeedRules.load(toml))
