"""Lighter, decode only: ``trade`` channels, whose frames list ``liquidation_trades`` apart.

=================  =========================  =====  =========  ========
row type           taker is                   price  size is    coverage
=================  =========================  =====  =========  ========
trade              ``is_maker_ask``: a buyer  fill   base coin  census
liquidation        the liquidated account:    fill   base coin  census
                   a buyer closes a short
deleverage         of a bankrupt or of a      fill   base coin  census; method ADL, side not said
                   winner: not said
market-settlement  no trade: no event, noted
=================  =========================  =====  =========  ========

``subscribed/trade`` repeats what was before (``liquidation_trades`` may be an hour old): history,
no events. ``raw_symbol`` is the market id as text, as the venue prints it. Sources:
apidocs.lighter.xyz/docs/websocket-reference (read 2026-10); tardis-node ``lighter.ts`` @0754441c
(row types, taker); captured frames of 2026-04-20, where the taker of a liquidation pays a fee of
1 % and held the position that is closed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from airpocket.errors import InputError
from airpocket.market.draft import HISTORY, Draft, decode_only, side_closed_by
from airpocket.market.events import Event, Method, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Label, Price, Qty, Serial, TimeMs
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS

__all__ = ["LighterWire", "open_wire"]

_VENUE: Final = "lighter"
_CHANNEL: Final = "trade"
_ABSENT: Final = Raw()
_NULL: Final = Raw(b"null")  # an empty list, as Go writes it
_CONTROL: Final = frozenset({"connected", "ping", "pong", "unsubscribed"})


class _Frame(Struct):
    type: str = ""
    error: Raw = _ABSENT
    trades: Raw = _ABSENT
    liquidation_trades: Raw = _ABSENT


class _Row(Struct):
    type: Label
    market_id: Serial
    size: Qty
    price: Price
    is_maker_ask: bool
    timestamp: TimeMs
    trade_id: int
    trade_id_str: Label | None = None
    ask_account_id: int | None = None
    bid_account_id: int | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class LighterWire:
    """One connection to Lighter."""

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
    if frame.error != _ABSENT:
        return "error"
    if frame.type in _CONTROL:
        return frame.type
    if frame.type == "subscribed/trade":
        draft.note(HISTORY)
        return "subscribed"
    if frame.type != "update/trade":
        raise InputError(f"unknown message type {frame.type[:64]!r}")
    lists = (frame.trades, frame.liquidation_trades)
    if all(rows == _ABSENT for rows in lists):
        raise InputError("a trade frame with neither trades nor liquidation_trades")
    for rows in lists:
        if rows not in (_ABSENT, _NULL):
            draft.parts(rows, _ROW.decode, lambda row: _tell(draft, row))
    return None


def _tell(draft: Draft, row: _Row) -> None:
    taker = Taker.BUY if row.is_maker_ask else Taker.SELL
    raw_symbol = str(row.market_id)
    venue_ns = row.timestamp * MILLISECOND_NS
    row_id = row.trade_id_str or str(row.trade_id)
    if row.type == "trade":
        draft.trade(
            raw_symbol,
            venue_ns=venue_ns,
            price=row.price,
            qty_raw=row.size,
            taker=taker,
            trade_id=row_id,
        )
    elif row.type in {"liquidation", "deleverage"}:
        on_book = row.type == "liquidation"
        account = row.bid_account_id if row.is_maker_ask else row.ask_account_id
        draft.liquidation(
            raw_symbol,
            channel=_CHANNEL,
            venue_ns=venue_ns,
            liquidated=side_closed_by(taker) if on_book else None,
            qty_raw=row.size,
            fill_price=row.price,
            method=Method.BOOK if on_book else Method.ADL,
            account=None if account is None or not on_book else str(account),
            event_id=row_id,
        )
    elif row.type == "market-settlement":
        draft.note("a market settlement is no trade: it gives no event")
    else:
        raise InputError(f"unknown trade type {row.type!r}")


def open_wire() -> LighterWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return LighterWire(Catalogue.load(toml), FeedRules.load(toml))
