"""Bitfinex, decode only: channel ``status``, key ``liq:global``.

=================  ====================  ======================  =========  ======================
index 8            amount (5) says       price                   size is    coverage
=================  ====================  ======================  =========  ======================
0: trigger         > 0: a long, the      11 PRICE_ACQUIRED, or   base coin  census of triggers
                   POSITION              not said (null)
1: match           the same              what it was sold at     base coin  skipped: a part of its
                                                                            trigger, again
=================  ====================  ======================  =========  ======================

**Index 6, BASE_PRICE, is "the price at which user entered the position"**, not where it was
closed: it is no price of the liquidation (tardis prints it as one), and valuing a long at it would
say more dollars than were closed. It is only noted; a trigger without index 11 has coins but no
notional. Index 9 says whether the position was sold on the market (1) or taken over by the system
(0: backstop). The first payload after the ack of a subscription repeats the past (a recorded one
is 12 hours old; aggr-server skips it too): history, no events. Sources: docs.bitfinex.com,
rest-public-liquidations and ws-public-status (read 2026-10); tardis-node ``bitfinex.ts``
@bfd0cc9a (trigger and match); aggr-server ``bitfinex.js`` @927c72e1.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, final

import msgspec
from msgspec import Meta, Raw, Struct

from airpocket.errors import InputError
from airpocket.market.draft import HISTORY, Draft, decode_only
from airpocket.market.events import Event, Method, RawRef, Side
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Serial, SignedQty
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import EARLIEST_NS, LATEST_NS

__all__ = ["BitfinexWire", "open_wire"]

_VENUE: Final = "bitfinex"
_KEY: Final = "liq:global"
_CONTROL: Final = frozenset({"info", "conf", "pong", "error", "unsubscribed"})
_CHANNELS_MAX: Final = 1_000  # a connection may hold 30


class _Message(Struct, rename="camel"):
    event: Label
    chan_id: int | None = None
    key: str = ""
    channel: str = ""


class _Update(Struct, array_like=True):
    channel: int
    payload: Raw


class _Row(Struct, array_like=True):
    kind: Literal["pos"]
    position: Serial
    # The documented example has a fraction of a millisecond: 1574697680828.2002.
    time_ms: Annotated[float, Meta(ge=EARLIEST_NS / 10**6, lt=LATEST_NS / 10**6)]
    _3: Raw
    symbol: Label
    amount: SignedQty
    base_price: Price | None
    _7: Raw
    is_match: Literal[0, 1]
    is_market_sold: Literal[0, 1]
    _10: Raw = Raw()
    price_acquired: Price | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_UPDATE: Final = msgspec.json.Decoder(_Update)
_ROW: Final = msgspec.json.Decoder(_Row)


@final
class BitfinexWire:
    """One connection to Bitfinex; it remembers what each channel is, and whether it has spoken."""

    def __init__(self, catalogue: Catalogue, rules: FeedRules) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._others: dict[int, str] = {}
        self._silent: set[int] = set()  # acknowledged, no payload yet

    @property
    def venue(self) -> str:
        """Venue id."""
        return _VENUE

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events. Never raises for what the bytes hold."""
        draft = Draft(_VENUE, self._catalogue, self._rules, local_ns=local_ns, raw_ref=raw_ref)
        return draft.read(data, self._read)

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Refuse: this venue is decode-only in this version."""
        decode_only(_VENUE, events)

    def _read(self, draft: Draft, data: bytes) -> str | None:
        if data.lstrip().startswith(b"{"):
            message = _MESSAGE.decode(data)
            if message.event == "subscribed":
                self._remember(message)
            elif message.event not in _CONTROL:
                raise InputError(f"unknown event {message.event!r}")
            return message.event
        frame = _UPDATE.decode(data)
        if bytes(frame.payload) == b'"hb"':
            return "heartbeat"
        if frame.channel in self._others:
            raise InputError(f"unknown channel {self._others[frame.channel]!r}")
        if frame.channel in self._silent:
            self._silent.discard(frame.channel)
            draft.note(HISTORY)
            return "snapshot"
        draft.parts(frame.payload, _ROW.decode, lambda row: _tell(draft, row))
        return None

    def _remember(self, message: _Message) -> None:
        if message.chan_id is None or len(self._others) + len(self._silent) >= _CHANNELS_MAX:
            return
        if message.key == _KEY:
            self._others.pop(message.chan_id, None)
            self._silent.add(message.chan_id)
        else:
            self._others[message.chan_id] = (message.key or message.channel)[:64]


def _tell(draft: Draft, row: _Row) -> None:
    if row.amount == 0:
        raise InputError("amount 0: no side and no size")
    if row.is_match:
        draft.note(f"match of position {row.position} skipped: its trigger has been counted")
        return
    draft.liquidation(
        row.symbol,
        channel=_KEY,
        venue_ns=int(row.time_ms * 1_000) * 1_000,
        liquidated=Side.LONG if row.amount > 0 else Side.SHORT,
        qty_raw=abs(row.amount),
        fill_price=row.price_acquired,
        entry_price=row.base_price,
        method=Method.BOOK if row.is_market_sold else Method.BACKSTOP,
        event_id=str(row.position),
    )


def open_wire() -> BitfinexWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return BitfinexWire(Catalogue.load(toml), FeedRules.load(toml))
