"""Shapes of Bybit's frames, as its pages of 2026-07 and the recordings since 2020 show them.

Field names are the venue's; bounds come from :mod:`airpocket.market.fields`, so nothing that was
read needs another check.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

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
    why,
)

__all__ = [
    "AdlRow",
    "Book",
    "Closed",
    "ClosedFrame",
    "Dealt",
    "Envelope",
    "OldClosed",
    "Pool",
    "Ticker",
    "adl_state",
    "read_adl_rows",
    "read_book",
    "read_closed",
    "read_closed_frame",
    "read_dealt",
    "read_envelope",
    "read_old_closed",
    "read_pools",
    "read_ticker",
    "read_time",
]

_Id: TypeAlias = Annotated[str, Meta(max_length=64)]
_Read: TypeAlias = Callable[[bytes | Raw], Any]
_Rows: TypeAlias = tuple[list[Any], tuple[str, ...]]


class Closed(Struct, gc=False):
    """Row of ``allLiquidation``: time, symbol, side of the position, size, bankruptcy price."""

    T: TimeMs
    s: Label
    S: Literal["Buy", "Sell"]
    v: Qty
    p: Price


class ClosedFrame(Struct, gc=False):
    """A whole ``allLiquidation`` frame, read in one step."""

    topic: str
    data: list[Closed]


class OldClosed(Struct, gc=False, rename="camel"):
    """Row of ``liquidation`` in its shapes (2020 polled lists, 2021 qty/time, 2023 size)."""

    symbol: Label
    side: Literal["Buy", "Sell"]
    price: Price
    qty: Qty | UnsetType = UNSET
    size: Qty | UnsetType = UNSET
    time: TimeMs | UnsetType = UNSET
    updated_time: TimeMs | UnsetType = UNSET
    id: int | _Id | None = None


class Dealt(Struct, gc=False):
    """Row of ``publicTrade``: ``S`` is the taker's side, ``i`` the id."""

    T: TimeMs
    s: Label
    S: Literal["Buy", "Sell"]
    v: Qty
    p: Price
    i: _Id | None = None


class Ticker(Struct, gc=False, rename="camel"):
    """The part of ``tickers`` that is used; a field that is missing has not changed."""

    symbol: Label
    mark_price: Price | None = None
    index_price: Price | None = None
    funding_rate: Rate | None = None
    next_funding_time: TimeMs | None = None
    open_interest: QtyOrZero | None = None
    open_interest_value: QtyOrZero | None = None


class Book(Struct, gc=False):
    """``orderbook``: bids, asks, update id."""

    s: Label
    b: list[tuple[Price, QtyOrZero]]
    a: list[tuple[Price, QtyOrZero]]
    u: Serial


class AdlRow(Struct, gc=False):
    """Row of ``adlAlert``: coin, symbol, balance, drawdown, three thresholds, 8 h maximum.

    ``mb`` is announced as deprecated and then empty.
    """

    c: Label
    s: Label
    b: SignedQty
    pr: SignedQty
    i_pr: SignedQty
    adl_tt: SignedQty
    adl_sr: SignedQty
    mb: SignedQty | Literal[""] | None = None


class Pool(Struct, gc=False, rename="camel"):
    """Row of ``insurance``; the ``symbols`` of a pool are separated by commas."""

    coin: Label
    symbols: Annotated[str, Meta(min_length=1, max_length=100_000)]
    balance: SignedQty
    update_time: TimeMs | None = None


class Envelope(Struct, gc=False):
    """Any frame: pushes have a ``topic``, replies an ``op``."""

    topic: str | None = None
    type: str | None = None
    ts: Raw = Raw(b"null")
    data: Raw = Raw(b"null")
    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None


def _reader(shape: Any) -> _Read:
    return msgspec.json.Decoder(shape, strict=False).decode


def _rows_reader(row: Any) -> Callable[[Raw], _Rows]:
    """Read a list at once; if that fails, row by row; a single row is a list of one."""
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
_read_fields: Final = _reader(dict[str, Raw])
_read_whole_ticker: Final = _reader(Ticker)
_read_label: Final = _reader(Label)
read_envelope: Final = _reader(Envelope)
read_closed_frame: Final = _reader(ClosedFrame)
read_book: Final = _reader(Book)
read_time: Final = _reader(TimeMs)
read_closed: Final = _rows_reader(Closed)
read_old_closed: Final = _rows_reader(OldClosed)
read_dealt: Final = _rows_reader(Dealt)
read_adl_rows: Final = _rows_reader(AdlRow)
read_pools: Final = _rows_reader(Pool)

_FIGURES: Final[dict[str, tuple[str, _Read]]] = {
    "markPrice": ("mark_price", _reader(Price)),
    "indexPrice": ("index_price", _reader(Price)),
    "fundingRate": ("funding_rate", _reader(Rate)),
    "nextFundingTime": ("next_funding_time", read_time),
    "openInterest": ("open_interest", _reader(QtyOrZero)),
    "openInterestValue": ("open_interest_value", _reader(QtyOrZero)),
}
_NOT_SAID: Final = {b'""', b"null"}


def read_ticker(data: Raw) -> tuple[Ticker | None, tuple[str, ...]]:
    """Read a ticker; if one figure is empty or bad, figure by figure.

    Dated futures have an empty funding rate and ``"0"`` for its time: neither is said.

    Returns
    -------
    tuple
        The ticker (``None`` if it names no symbol) and one reason for each bad figure.
    """
    try:
        return _read_whole_ticker(data), ()
    except BAD_FRAME:
        pass
    try:
        fields = _read_fields(data)
        ticker = Ticker(symbol=_read_label(fields.get("symbol", Raw(b"null"))))
    except BAD_FRAME as error:
        return None, (f"data: {why(error)}",)
    bad: list[str] = []
    for name, (field, read) in _FIGURES.items():
        text = bytes(fields.get(name, b"null"))
        if text in _NOT_SAID or (read is read_time and text == b'"0"'):
            continue
        try:
            setattr(ticker, field, read(text))
        except BAD_FRAME as error:
            bad.append(f"{name}: {why(error)}")
    return ticker, tuple(bad)


def adl_state(row: AdlRow) -> str:
    """Name what Bybit's published rule says of one row of ``adlAlert``, which has no word for it.

    Parameters
    ----------
    row
        Balance ``b``, drawdown ``pr`` of the symbol within 8 hours, and the three thresholds.

    Returns
    -------
    str
        ``"equity_adl"`` (balance at or below 0), ``"drawdown_adl"`` (balance above ``adl_tt`` and
        drawdown below ``i_pr``), ``"stopped"`` (drawdown above ``adl_sr``), or
        ``"between_thresholds"``: running if it was running, by a rule with hysteresis.
        Source: bybit-exchange/docs ``docs/v5/market/adl-alert``, 2026-07.
    """
    if row.b <= 0:
        return "equity_adl"
    if row.b > row.adl_tt and row.pr < row.i_pr:
        return "drawdown_adl"
    return "stopped" if row.pr > row.adl_sr else "between_thresholds"
