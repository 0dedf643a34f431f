"""Bitget, decode only: topic ``liquidation`` of the unified trading account's public stream.

===========  ================================  =====================  ===========  ==============
topic        side says                         price is               amount is    coverage
===========  ================================  =====================  ===========  ==============
liquidation  the POSITION: buy = a long was    not said which; kept   quote coins  throttled: the
             liquidated                        as the order's price                largest long
                                                                                   and the largest
                                                                                   short a symbol
                                                                                   and second
===========  ================================  =====================  ===========  ==============

Base coins are ``amount / price``; the notional is ``amount``. Only USDT and USDC futures are in
the catalogue: the page does not say what the quote coin of coin-margined ones is. Sources:
Bitget UTA Liquidation-Channel page (read 2026-10); tardis-node ``bitget.ts`` @972892ba (side,
quote coin).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct

from airpocket.errors import InputError
from airpocket.market.draft import Draft, decode_only
from airpocket.market.events import Event, Method, RawRef, Side
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty, TimeMs
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS

__all__ = ["BitgetWire", "open_wire"]

_VENUE: Final = "bitget"
_CHANNEL: Final = "liquidation"
_CONTROL: Final = frozenset({"subscribe", "unsubscribe", "error", "login"})


class _Arg(Struct, frozen=True):
    topic: str = ""


class _Frame(Struct):
    event: str | None = None
    action: str = ""
    arg: _Arg = _Arg()
    data: Raw = Raw()


class _Row(Struct):
    symbol: Label
    side: Literal["buy", "sell"]
    price: Price
    amount: Qty
    ts: TimeMs


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class BitgetWire:
    """One connection to Bitget's unified account stream."""

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
    if frame.event is not None:
        if frame.event not in _CONTROL:
            raise InputError(f"unknown event {frame.event!r}")
        return frame.event
    if frame.arg.topic != _CHANNEL:
        raise InputError(f"unknown topic {frame.arg.topic[:64]!r}")
    if frame.action not in {"update", "snapshot"}:
        raise InputError(f"unknown action {frame.action[:64]!r}")
    draft.parts(frame.data, _ROW.decode, lambda row: _tell(draft, row))
    return None


def _tell(draft: Draft, row: _Row) -> None:
    draft.liquidation(
        row.symbol,
        channel=_CHANNEL,
        venue_ns=row.ts * MILLISECOND_NS,
        liquidated=Side.LONG if row.side == "buy" else Side.SHORT,
        qty_raw=row.amount,
        units=row.amount / row.price,
        order_price=row.price,
        method=Method.UNKNOWN,
    )


def open_wire() -> BitgetWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return BitgetWire(Catalogue.load(toml), FeedRules.load(toml))
