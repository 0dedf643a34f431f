"""Deribit, decode only: the ``trades.*`` channels, whose rows carry a ``liquidation`` flag.

==============  ===========================  =====  =============================  ========
flag            liquidated                   price  size (``amount``)              coverage
==============  ===========================  =====  =============================  ========
T               the taker: sell closes long  fill   USD (inverse), else base coin  census
M               the maker: buy closes long   fill   the same                       census
MT              both: two events             fill   the same                       census
none            nobody: a ``Trade``          fill   the same                       census
==============  ===========================  =====  =============================  ========

A trade is one event: a flagged one gives ``Liquidation`` and no ``Trade`` beside it. Bare rows, as
REST replies hold them, are read too. Sources: docs.deribit.com, ``trades.{instrument_name}`` and
the ``amount`` field ("For perpetual and inverse futures the amount is in USD units. For options
and linear futures it is the underlying base currency coin"; read 2026-10); tardis-node
``deribit.ts`` @bfd0cc9a.
"""

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

__all__ = ["DeribitWire", "open_wire"]

_VENUE: Final = "deribit"
_CHANNEL: Final = "trades"
_ABSENT: Final = Raw()


class _Params(Struct):
    channel: str = ""
    data: Raw = Raw()


class _Frame(Struct):
    method: str | None = None
    params: _Params | None = None
    result: Raw = _ABSENT
    error: Raw = _ABSENT
    instrument_name: str | None = None


class _Row(Struct):
    instrument_name: Label
    direction: Literal["buy", "sell"]
    price: Price
    amount: Qty
    timestamp: TimeMs
    trade_id: Label
    liquidation: Literal["M", "T", "MT", "none"] | None = None
    mark_price: Price | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)
_ROW: Final = msgspec.json.Decoder(_Row, strict=False)


@final
class DeribitWire:
    """One connection to Deribit."""

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
    if frame.instrument_name is not None:
        _tell(draft, _ROW.decode(data))
    elif frame.method == "subscription" and frame.params is not None:
        if not frame.params.channel.startswith("trades."):
            raise InputError(f"unknown channel {frame.params.channel[:64]!r}")
        draft.parts(frame.params.data, _ROW.decode, lambda row: _tell(draft, row))
    elif frame.method == "heartbeat":
        return "heartbeat"
    elif frame.error != _ABSENT:
        return "error"
    elif frame.result != _ABSENT:
        return "ack"
    else:
        raise InputError(f"unknown method {(frame.method or '')[:64]!r}")
    return None


def _tell(draft: Draft, row: _Row) -> None:
    taker = Taker(row.direction)
    maker = Taker.SELL if taker is Taker.BUY else Taker.BUY
    venue_ns = row.timestamp * MILLISECOND_NS
    if row.liquidation is None or row.liquidation == "none":
        draft.trade(
            row.instrument_name,
            venue_ns=venue_ns,
            price=row.price,
            qty_raw=row.amount,
            taker=taker,
            trade_id=row.trade_id,
        )
        return
    for flag, order in (("T", taker), ("M", maker)):
        if flag in row.liquidation:
            draft.liquidation(
                row.instrument_name,
                channel=_CHANNEL,
                venue_ns=venue_ns,
                liquidated=side_closed_by(order),
                qty_raw=row.amount,
                fill_price=row.price,
                mark_price=row.mark_price,
                event_id=row.trade_id,
            )


def open_wire() -> DeribitWire:
    """Open one connection's memory with the shipped catalogue and rules."""
    toml = Path(__file__).with_name("venue.toml")
    return DeribitWire(Catalogue.load(toml), FeedRules.load(toml))
