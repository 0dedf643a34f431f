"""Events written as Hyperliquid would send them, for simulated feeds and round-trip tests."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import groupby
from math import isfinite
from typing import Any, Final

from airpocket.errors import InputError
from airpocket.market.events import (
    BookChange,
    Coverage,
    Event,
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.market.fields import as_json
from airpocket.units import HOUR_NS, MILLISECOND_NS, iso
from airpocket.venues.hyperliquid.fills import ADL_DIR

__all__ = ["LIQUIDATOR_VAULT", "encode_frames"]

LIQUIDATOR_VAULT: Final = "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14"
_NOBODY: Final = "0x" + "0" * 40
_NO_HASH: Final = "0x" + "0" * 64  # what the venue prints for trades without a transaction
_METHODS: Final = {Method.BOOK: "market", Method.BACKSTOP: "backstop", Method.ADL: "backstop"}
_FIGURES: Final = (Mark, Funding, OpenInterest)


def encode_frames(events: Iterable[Event]) -> list[bytes]:
    """Write events as stream messages and node lines.

    Neighbours that the venue would send together come in one frame: trades of one coin, forced
    closes of one block, mark, funding and open interest of one coin. A ``Liquidation`` with
    coverage CENSUS becomes a node line with both legs, one with SAMPLED a ``userFills`` message
    of the counterparty. Times of stream messages are cut to milliseconds.

    Raises
    ------
    InputError
        If Hyperliquid has no channel for an event, or the event lacks what its frame needs.

    Examples
    --------
    >>> trade = Trade(venue="hyperliquid", symbol=None, raw_symbol="BTC", price=64159.0,
    ...     qty_raw=0.13722, taker=Taker.SELL, trade_id="7", venue_ns=1_787_047_504_010_000_000)
    >>> encode_frames([trade])[0][:67]
    b'{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"64159.0"'
    """
    frames: list[bytes] = []
    for key, group in groupby(events, _together):
        frames.extend(_WRITERS[key[0]](list(group)))
    return frames


def _together(event: Event) -> tuple[Any, ...]:
    """Key under which neighbours share a frame."""
    if isinstance(event, Trade):
        return (Trade, event.raw_symbol)
    if isinstance(event, Liquidation):
        if event.coverage is Coverage.CENSUS:
            return (Liquidation, event.venue_ns, event.local_ns)
        return (Coverage,)
    if isinstance(event, BookChange):
        return (BookChange,)
    if isinstance(event, _FIGURES):
        return (Mark, event.raw_symbol)
    raise InputError(f"Hyperliquid has no channel for {type(event).__name__} records")


def _trade_frames(trades: list[Any]) -> list[bytes]:
    rows = [
        {
            "coin": event.raw_symbol,
            "side": "A" if _needed(event, "taker") is Taker.SELL else "B",
            "px": _text(event, "price"),
            "sz": _text(event, "qty_raw"),
            "time": _ms(event),
            "hash": _NO_HASH,
            "tid": _number(event, "trade_id"),
            "users": [_NOBODY, _NOBODY],
        }
        for event in trades
    ]
    return [as_json({"channel": "trades", "data": rows})]


def _node_frames(forced: list[Any]) -> list[bytes]:
    legs = [leg for event in forced for leg in _legs(event)]
    block: dict[str, Any] = {"block_time": iso(_needed(forced[0], "venue_ns")).rstrip("Z")}
    if forced[0].local_ns is not None:
        block = {"local_time": iso(forced[0].local_ns).rstrip("Z"), **block}
    return [as_json({**block, "block_number": 0, "events": legs})]


def _user_frames(forced: list[Any]) -> list[bytes]:
    frames = []
    for event in forced:
        if event.coverage is not Coverage.SAMPLED:
            raise InputError(f"Hyperliquid has no {event.coverage.value} feed of liquidations")
        _, (user, fill) = _legs(event)
        data = {"isSnapshot": False, "user": user, "fills": [fill]}
        frames.append(as_json({"channel": "userFills", "data": data}))
    return frames


def _legs(event: Liquidation) -> tuple[tuple[str, Any], tuple[str, Any]]:
    """Leg of the liquidated account and leg of its counterparty."""
    side: Side = _needed(event, "liquidated")
    account: str = _needed(event, "account")
    if event.method not in _METHODS:
        raise InputError(
            f"Hyperliquid names no method {event.method.value!r} for {event.raw_symbol}"
        )
    mark: dict[str, Any] = {"liquidatedUser": account, "method": _METHODS[event.method]}
    if event.mark_price is not None:
        mark["markPx"] = _text(event, "mark_price")
    common = {
        "coin": event.raw_symbol,
        "px": _text(event, "fill_price"),
        "sz": _text(event, "qty_raw"),
        "time": _ms(event),
        "startPosition": "0.0",
        "closedPnl": "0.0",
        "hash": _NO_HASH,
        "oid": 0,
        "fee": "0.0",
        "tid": _number(event, "event_id"),
        "liquidation": mark,
        "feeToken": "USDC",
        "twapId": None,
    }
    name = side.value.capitalize()
    own_dir, other_dir = f"Liquidated Cross {name}", f"Liquidated Cross {name}"
    if event.method is Method.BOOK:
        own_dir, other_dir = f"Close {name}", f"Open {name}"
    elif event.method is Method.ADL:
        other_dir = ADL_DIR
    sells, buys = ("A", "B") if side is Side.LONG else ("B", "A")
    off_book = event.method is not Method.BOOK
    return (
        (account, {**common, "side": sells, "dir": own_dir, "crossed": True}),
        (_counterparty(event), {**common, "side": buys, "dir": other_dir, "crossed": off_book}),
    )


def _counterparty(event: Liquidation) -> str:
    taken_over = event.method is Method.BACKSTOP and event.account != LIQUIDATOR_VAULT
    if taken_over:
        return LIQUIDATOR_VAULT
    return _NOBODY if event.account != _NOBODY else LIQUIDATOR_VAULT


def _book_frames(books: list[Any]) -> list[bytes]:
    frames = []
    for event in books:
        if not event.is_snapshot:
            raise InputError("Hyperliquid sends whole books only, not a difference")
        levels = [
            [{"px": _decimal(px, event), "sz": _decimal(sz, event), "n": 1} for px, sz in side]
            for side in (event.bids, event.asks)
        ]
        data = {"coin": event.raw_symbol, "time": _ms(event), "levels": levels}
        frames.append(as_json({"channel": "l2Book", "data": data}))
    return frames


def _figure_frames(figures: list[Any]) -> list[bytes]:
    frames: list[bytes] = []
    ctx: dict[str, str] = {}
    last = -1
    for event in figures:
        rank = _FIGURES.index(type(event))
        if rank <= last:
            frames.append(_figure_frame(event.raw_symbol, ctx))
            ctx = {}
        last = rank
        ctx.update(_figure(event))
    frames.append(_figure_frame(figures[0].raw_symbol, ctx))
    return frames


def _figure(event: Mark | Funding | OpenInterest) -> dict[str, str]:
    if isinstance(event, Mark):
        mark = {"markPx": _text(event, "mark_price")}
        return (
            mark if event.index_price is None else {**mark, "oraclePx": _text(event, "index_price")}
        )
    if isinstance(event, OpenInterest):
        return {"openInterest": _decimal(_needed(event, "qty_base"), event, may_be_zero=True)}
    if event.interval_ns not in {None, HOUR_NS}:
        raise InputError("Hyperliquid pays funding every hour: interval_ns is another")
    return {"funding": _decimal(event.rate, event, signed=True)}


def _figure_frame(coin: str, ctx: dict[str, str]) -> bytes:
    return as_json({"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": ctx}})


_WRITERS: Final[dict[Any, Callable[[list[Any]], list[bytes]]]] = {
    Trade: _trade_frames,
    Liquidation: _node_frames,
    Coverage: _user_frames,
    BookChange: _book_frames,
    Mark: _figure_frames,
}


def _needed(event: Event, field: str) -> Any:
    value = getattr(event, field)
    if value is None:
        kind = type(event).__name__
        raise InputError(f"a {kind} of {event.raw_symbol} needs {field} to be written")
    return value


def _text(event: Event, field: str) -> str:
    return _decimal(_needed(event, field), event)


def _decimal(value: float, event: Event, *, may_be_zero: bool = False, signed: bool = False) -> str:
    """Write a number as the venue does: plain digits that read back exactly."""
    usable = value > 0 or signed or (may_be_zero and value == 0)
    if not (isfinite(value) and abs(value) < 1e15 and usable):
        raise InputError(f"{value} cannot be written for {event.raw_symbol}: not a venue's number")
    return format(Decimal(repr(float(value))), "f")


def _number(event: Event, field: str) -> int:
    text = str(_needed(event, field))
    if not (text.isascii() and text.isdecimal() and int(text) < 2**63):
        raise InputError(f"{field} {text!r} of {event.raw_symbol} is not a number, as tid must be")
    return int(text)


def _ms(event: Event) -> int:
    time_ns: int = _needed(event, "venue_ns")
    return time_ns // MILLISECOND_NS
