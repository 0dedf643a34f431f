"""The messages of Binance's futures streams, as far as airpocket reads them.

Names on the wire are single letters; the fields here say what they hold. Numbers arrive as text
and are checked while they are read. Fields that are not listed are skipped unread.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct, field

from airpocket.market.fields import Label, Qty, QtyOrZero, Rate, Serial, TimeMs

__all__ = [
    "KINDS",
    "LEAST_PRICE",
    "AggTrade",
    "BookTicker",
    "Combined",
    "ContractInfo",
    "DepthUpdate",
    "ForceOrder",
    "MarkPrice",
    "Message",
    "OpenInterestReply",
    "Order",
    "Price",
    "Snapshot",
    "TradePrint",
    "read_bare",
    "read_combined",
    "read_fields",
    "read_message",
    "read_open_interest",
    "read_parts",
    "read_rate",
    "read_snapshot",
    "read_text",
]

LEAST_PRICE: Final = 1e-12
"""Below it, the coins of an inverse contract overflow; no listed price comes near it."""

Price: TypeAlias = Annotated[float, Meta(ge=LEAST_PRICE, lt=1e15)]
_PriceOrZero: TypeAlias = Annotated[float, Meta(ge=0, lt=1e15)]
_Levels: TypeAlias = list[tuple[Price, QtyOrZero]]
_MsOrZero: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]


class Order(Struct, frozen=True, gc=False, kw_only=True):
    """The forced order inside a ``forceOrder`` message.

    ``limit_price`` is the bankruptcy price, ``average_price`` what was paid (0: not said),
    ``filled`` what was closed in all (``l``, the last fill, is only a part of it). The fields
    stand in the order of the wire: they are found faster so.
    """

    symbol: Label = field(name="s")
    side: Literal["BUY", "SELL"] = field(name="S")
    limit_price: Price = field(name="p")
    average_price: _PriceOrZero = field(name="ap", default=0.0)
    status: str = field(name="X", default="")
    filled: QtyOrZero = field(name="z")
    time_ms: TimeMs = field(name="T")
    product: int | None = field(name="st", default=None)


class ForceOrder(Struct, frozen=True, gc=False, tag_field="e", tag="forceOrder"):
    """``<symbol>@forceOrder`` and ``!forceOrder@arr``."""

    order: Order = field(name="o")


class TradePrint(Struct, frozen=True, gc=False, tag_field="e", tag="trade"):
    """``<symbol>@trade``, undocumented for futures; ``mark`` is its ``X``."""

    symbol: Label = field(name="s")
    trade_id: Serial = field(name="t")
    price: _PriceOrZero = field(name="p")
    qty: QtyOrZero = field(name="q")
    time_ms: TimeMs = field(name="T")
    buyer_is_maker: bool = field(name="m")
    mark: str = field(name="X", default="")
    product: int | None = field(name="st", default=None)


class AggTrade(Struct, frozen=True, gc=False, tag_field="e", tag="aggTrade"):
    """``<symbol>@aggTrade``: prints of one taker at one price within 100 ms."""

    symbol: Label = field(name="s")
    trade_id: Serial = field(name="a")
    price: Price = field(name="p")
    qty: Qty = field(name="q")
    time_ms: TimeMs = field(name="T")
    buyer_is_maker: bool = field(name="m")
    product: int | None = field(name="st", default=None)


class MarkPrice(Struct, frozen=True, gc=False, tag_field="e", tag="markPriceUpdate"):
    """``<symbol>@markPrice`` and ``!markPrice@arr``; delivery contracts have no ``rate``."""

    symbol: Label = field(name="s")
    event_ms: TimeMs = field(name="E")
    mark_price: Price = field(name="p")
    index_price: _PriceOrZero | None = field(name="i", default=None)
    rate: str | None = field(name="r", default=None)
    due_ms: _MsOrZero | None = field(name="T", default=None)
    product: int | None = field(name="st", default=None)


class DepthUpdate(Struct, frozen=True, gc=False, tag_field="e", tag="depthUpdate"):
    """``<symbol>@depth…``: a difference, or (``@depth5|10|20``) the top of the book."""

    symbol: Label = field(name="s")
    event_ms: TimeMs = field(name="E")
    first_id: Serial = field(name="U")
    last_id: Serial = field(name="u")
    bids: _Levels = field(name="b")
    asks: _Levels = field(name="a")
    previous_id: Serial | None = field(name="pu", default=None)
    time_ms: TimeMs | None = field(name="T", default=None)
    product: int | None = field(name="st", default=None)


class BookTicker(Struct, frozen=True, gc=False, tag_field="e", tag="bookTicker"):
    """``<symbol>@bookTicker``: best bid and ask (0 where a side is empty)."""

    symbol: Label = field(name="s")
    bid: _PriceOrZero = field(name="b")
    bid_qty: QtyOrZero = field(name="B")
    ask: _PriceOrZero = field(name="a")
    ask_qty: QtyOrZero = field(name="A")
    event_ms: TimeMs | None = field(name="E", default=None)
    time_ms: TimeMs | None = field(name="T", default=None)
    product: int | None = field(name="st", default=None)


class ContractInfo(Struct, frozen=True, gc=False, tag_field="e", tag="contractInfo"):
    """``!contractInfo``: listings and tier changes; not read further."""


Message: TypeAlias = (
    ForceOrder | TradePrint | AggTrade | MarkPrice | DepthUpdate | BookTicker | ContractInfo
)


KINDS: Final = frozenset(
    {
        "forceOrder",
        "trade",
        "aggTrade",
        "markPriceUpdate",
        "depthUpdate",
        "bookTicker",
        "contractInfo",
    }
)
"""Values of ``e`` that are read."""


class Combined(Struct, frozen=True, gc=False):
    """Envelope of the combined stream (``/stream?streams=…``)."""

    data: Message | list[Message]
    stream: str = ""


class Snapshot(Struct, frozen=True, gc=False):
    """REST ``/fapi/v1/depth`` (no symbol in it) and ``/dapi/v1/depth``."""

    last_id: Serial = field(name="lastUpdateId")
    bids: _Levels
    asks: _Levels
    symbol: Label | None = None
    event_ms: TimeMs | None = field(name="E", default=None)
    time_ms: TimeMs | None = field(name="T", default=None)


class OpenInterestReply(Struct, frozen=True, gc=False):
    """REST ``/fapi/v1/openInterest`` (coins) and ``/dapi/v1/openInterest`` (contracts)."""

    symbol: Label
    open_interest: QtyOrZero = field(name="openInterest")
    time_ms: TimeMs = field(name="time")


read_combined: Final = msgspec.json.Decoder(Combined, strict=False).decode
read_bare: Final = msgspec.json.Decoder(Message | list[Message], strict=False).decode
read_message: Final = msgspec.json.Decoder(Message, strict=False).decode
read_snapshot: Final = msgspec.json.Decoder(Snapshot, strict=False).decode
read_open_interest: Final = msgspec.json.Decoder(OpenInterestReply, strict=False).decode
read_parts: Final = msgspec.json.Decoder(list[Raw] | dict[str, Raw]).decode
read_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
read_text: Final = msgspec.json.Decoder(str).decode


def read_rate(text: str) -> float:
    """Read a funding rate from its text.

    Raises
    ------
    msgspec.ValidationError
        If it is not a number between −10 and 10.
    """
    return msgspec.convert(text, Rate, strict=False)
