"""The messages of OKX's public stream, as far as airpocket reads them.

Field names are the venue's; bounds come from :mod:`airpocket.market.fields`, so nothing that was
read needs another check. OKX writes what it does not say as an empty text.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from airpocket.market.fields import (
    BAD_FRAME,
    Label,
    Price,
    Qty,
    QtyOrZero,
    Rate,
    Serial,
    SignedQty,
    TimeMs,
    each_part,
)

__all__ = [
    "AdlRow",
    "Arg",
    "Book",
    "Closed",
    "ClosedFrame",
    "ClosedWhole",
    "Dealt",
    "Detail",
    "Envelope",
    "FundingRow",
    "Held",
    "Level",
    "Marked",
    "OldClosed",
    "read_adl",
    "read_books",
    "read_closed",
    "read_closed_frame",
    "read_dealt",
    "read_details",
    "read_envelope",
    "read_funding",
    "read_held",
    "read_marked",
    "read_old_closed",
]

_Read: TypeAlias = Callable[[bytes | Raw], Any]
_Rows: TypeAlias = tuple[list[Any], tuple[str, ...]]
_NotSaid: TypeAlias = Literal[""]
_Id: TypeAlias = Annotated[str, Meta(max_length=64)]
_Text: TypeAlias = Annotated[str, Meta(max_length=64)]


class Detail(Struct, gc=False, rename="camel"):
    """One liquidation: ``side`` of the order, ``pos_side`` of the position or "net", contracts.

    Also a row of the ``liquidations`` recordings, whose instrument stands in ``arg``.
    """

    sz: Qty
    ts: TimeMs
    bk_px: Price | _NotSaid = ""
    side: Literal["buy", "sell", ""] = ""
    pos_side: Literal["long", "short", "net", ""] = ""


class Closed(Struct, gc=False, rename="camel"):
    """Part of ``liquidation-orders``: the liquidations of one instrument, still to be read."""

    inst_id: Label
    details: Raw


class ClosedWhole(Struct, gc=False, rename="camel"):
    """Part of ``liquidation-orders`` that was read at once."""

    inst_id: Label
    details: list[Detail]


class Arg(Struct, gc=False, rename="camel"):
    """What was subscribed to."""

    channel: Label
    inst_id: Label | None = None
    inst_type: Label | None = None
    inst_family: Label | None = None


class _ClosedArg(Struct, gc=False, rename="camel"):
    channel: str
    inst_type: str = ""


class ClosedFrame(Struct, gc=False):
    """A whole ``liquidation-orders`` frame, read in one step."""

    arg: _ClosedArg
    data: list[ClosedWhole]


class OldClosed(Struct, gc=False):
    """Row of ``futures/liquidation`` and ``swap/liquidation``: 3 closed a long, 4 a short."""

    instrument_id: Label
    size: Qty
    price: Price
    created_at: _Text
    type: Literal["3", "4"]


class Dealt(Struct, gc=False, rename="camel"):
    """Row of ``trades``: ``side`` is the taker's."""

    inst_id: Label
    px: Price
    sz: Qty
    side: Literal["buy", "sell"]
    ts: TimeMs
    trade_id: _Id | None = None


class Marked(Struct, gc=False, rename="camel"):
    """Row of ``mark-price``."""

    inst_id: Label
    mark_px: Price
    ts: TimeMs


class FundingRow(Struct, gc=False, rename="camel"):
    """Row of ``funding-rate``: due at ``funding_time``, then again at ``next_funding_time``."""

    inst_id: Label
    funding_rate: Rate
    funding_time: TimeMs | _NotSaid | None = None
    next_funding_time: TimeMs | _NotSaid | None = None
    ts: TimeMs | _NotSaid | None = None


class Held(Struct, gc=False, rename="camel"):
    """Row of ``open-interest``: contracts, coins, and (in newer frames) dollars."""

    inst_id: Label
    ts: TimeMs
    oi: QtyOrZero | _NotSaid = ""
    oi_ccy: QtyOrZero | _NotSaid = ""
    oi_usd: QtyOrZero | _NotSaid = ""


class Level(Struct, gc=False, array_like=True):
    """Price and contracts; a deprecated zero and the number of orders follow and are not read."""

    price: Price
    qty: QtyOrZero


class Book(Struct, gc=False, rename="camel"):
    """``books`` and its kin; ``checksum`` is 0 since 2026-06 and is not read."""

    asks: list[Level]
    bids: list[Level]
    ts: TimeMs
    seq_id: Serial | None = None
    prev_seq_id: Annotated[int, Meta(ge=-1, lt=2**62)] | None = None


class AdlRow(Struct, gc=False, rename="camel"):
    """Row of ``adl-warning``; but for state, balance and time all is empty since 2026."""

    state: Annotated[str, Meta(min_length=1, max_length=64)]
    ts: TimeMs
    inst_family: Label | None = None
    bal: SignedQty | _NotSaid = ""
    ccy: _Text = ""
    max_bal: SignedQty | _NotSaid = ""
    dec_rate: SignedQty | _NotSaid = ""


class Envelope(Struct, gc=False):
    """Any frame: pushes have ``arg`` and ``data``, replies ``event``, old recordings ``table``."""

    arg: Arg | None = None
    data: Raw = Raw(b"null")
    action: str | None = None
    event: str | None = None
    code: str | int | None = None
    msg: str | None = None
    table: str | None = None


def _reader(shape: Any) -> _Read:
    return msgspec.json.Decoder(shape, strict=False).decode


def _rows_reader(row: Any) -> Callable[[Raw], _Rows]:
    """Read a list at once; if that fails, row by row, keeping the good ones."""
    read_all, read_one = _reader(list[row]), _reader(row)

    def read(data: Raw) -> _Rows:
        try:
            return read_all(data), ()
        except BAD_FRAME:
            pass
        try:
            parts = _read_parts(data)
        except BAD_FRAME:
            parts = [data]
        return each_part(parts, read_one)

    return read


_read_parts: Final = _reader(list[Raw])
read_envelope: Final = _reader(Envelope)
read_closed_frame: Final = _reader(ClosedFrame)
read_closed: Final = _rows_reader(Closed)
read_details: Final = _rows_reader(Detail)
read_old_closed: Final = _rows_reader(OldClosed)
read_dealt: Final = _rows_reader(Dealt)
read_marked: Final = _rows_reader(Marked)
read_funding: Final = _rows_reader(FundingRow)
read_held: Final = _rows_reader(Held)
read_books: Final = _rows_reader(Book)
read_adl: Final = _rows_reader(AdlRow)
