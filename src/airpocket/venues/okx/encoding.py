"""Events as frames of OKX's v5 public stream: the inverse of :mod:`airpocket.venues.okx.wire`.

Decoding what was encoded gives the events back, less what the stream cannot show: times are cut
to milliseconds; a liquidation keeps side, bankruptcy price and contracts; marks lose the index;
book changes lose ``first_update_id``. No subscription is acknowledged here, so the reader skips
nothing. Nothing is throttled either: that is the observation operator's.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from airpocket.errors import InputError
from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Event,
    Funding,
    InsuranceFund,
    Liquidation,
    Mark,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.market.fields import as_json
from airpocket.market.instrument import Catalogue, Kind
from airpocket.units import MILLISECOND_NS

__all__ = ["encode"]


def encode(events: Iterable[Event], catalogue: Catalogue) -> list[bytes]:
    """Write events as frames, in order.

    Liquidations that follow each other share a frame while their instrument type stays the same,
    trades while their instrument does.

    Parameters
    ----------
    events
        Each needs ``venue_ns``; liquidations a side and a bankruptcy price; trades a taker; book
        changes ``last_update_id``. An insurance fund must follow the warning that holds it.
    catalogue
        Turns base coins into contracts.

    Returns
    -------
    list of bytes
        Frames as OKX would send them.

    Raises
    ------
    InputError
        If an event lacks one of these, or OKX has no channel for it.

    Examples
    --------
    >>> mark = Mark(venue="okx", symbol=None, raw_symbol="X-USDT-SWAP", mark_price=2.5,
    ...             venue_ns=1673272861686000000)
    >>> encode([mark], Catalogue())[0][:60]
    b'{"arg":{"channel":"mark-price","instId":"X-USDT-SWAP"},"data'
    """
    written: list[dict[str, Any]] = []
    before: Event | None = None
    for event in events:
        if isinstance(event, InsuranceFund):
            _check_fund(event, before)
        elif isinstance(event, Liquidation):
            _add_liquidation(event, written)
        elif isinstance(event, BookChange):
            written.append(_book(event, catalogue))
        else:
            arg, row = _row(event, catalogue)
            if isinstance(event, Trade) and written and written[-1]["arg"] == arg:
                written[-1]["data"].append(row)
            else:
                written.append({"arg": arg, "data": [row]})
        before = event
    return [as_json(frame) for frame in written]


def _add_liquidation(event: Liquidation, written: list[dict[str, Any]]) -> None:
    if event.liquidated is None or event.bankruptcy_price is None:
        lacking = "side" if event.liquidated is None else "bankruptcy price"
        raise InputError(f"okx says the {lacking} of every liquidation; an event lacks it")
    arg = {"channel": "liquidation-orders", "instType": _inst_type(event.raw_symbol)}
    detail = {
        "bkLoss": "0",
        "bkPx": _text(event.bankruptcy_price),
        "ccy": "",
        "posSide": event.liquidated.value,
        "side": "sell" if event.liquidated is Side.LONG else "buy",
        "sz": _text(event.qty_raw),
        "ts": _time(event),
    }
    family = event.raw_symbol.rpartition("-")[0]
    if not written or written[-1]["arg"] != arg:
        written.append({"arg": arg, "data": []})
    data = written[-1]["data"]
    if not data or data[-1]["instId"] != event.raw_symbol:
        names = {"instId": event.raw_symbol, "instType": arg["instType"], "uly": family}
        data.append({"details": [], "instFamily": family, **names})
    data[-1]["details"].append(detail)


def _row(event: Event, catalogue: Catalogue) -> tuple[dict[str, str], dict[str, str]]:
    raw_symbol = event.raw_symbol
    row: dict[str, str]
    match event:
        case Trade():
            channel, row = "trades", _trade(event)
        case Mark():
            channel, row = "mark-price", {"markPx": _text(event.mark_price)}
        case Funding():
            channel, row = "funding-rate", _funding(event)
        case OpenInterest():
            channel, row = "open-interest", _open_interest(event, catalogue)
        case AdlWarning():
            return _adl(event)
        case _:
            raise InputError(f"okx has no channel for a {type(event).__name__}")
    arg = {"channel": channel, "instId": raw_symbol}
    return arg, {"instId": raw_symbol, **row, "ts": _time(event)}


def _trade(event: Trade) -> dict[str, str]:
    if event.taker is None:
        raise InputError(f"okx says the taker of every trade; one of {event.raw_symbol} lacks it")
    side = "buy" if event.taker is Taker.BUY else "sell"
    row = {"px": _text(event.price), "sz": _text(event.qty_raw), "side": side}
    return row if event.trade_id is None else {"tradeId": event.trade_id, **row}


def _funding(event: Funding) -> dict[str, str]:
    due_ms = None if event.due_ns is None else event.due_ns // MILLISECOND_NS
    following = ""
    if due_ms is not None and event.interval_ns is not None:
        following = str(due_ms + event.interval_ns // MILLISECOND_NS)
    return {
        "fundingRate": _text(event.rate),
        "fundingTime": "" if due_ms is None else str(due_ms),
        "nextFundingTime": following,
    }


def _open_interest(event: OpenInterest, catalogue: Catalogue) -> dict[str, str]:
    instrument = catalogue.find(event.raw_symbol, event.venue_ns)
    held = None
    if instrument is not None:
        inverse = instrument.kind is Kind.INVERSE
        held = event.notional_usd if inverse else event.qty_base
    if instrument is not None and held is not None:
        held /= instrument.contract_value
    said = {"oi": held, "oiCcy": event.qty_base, "oiUsd": event.notional_usd}
    return {name: "" if figure is None else _text(figure) for name, figure in said.items()}


def _book(event: BookChange, catalogue: Catalogue) -> dict[str, Any]:
    if event.last_update_id is None:
        raise InputError(f"okx numbers book changes; one of {event.raw_symbol} lacks its id")
    instrument = catalogue.find(event.raw_symbol, event.venue_ns)
    in_contracts = instrument is None or instrument.kind in {Kind.INVERSE, Kind.QUANTO}
    factor = 1.0 if in_contracts or instrument is None else instrument.contract_value
    before = event.previous_update_id
    row = {
        "asks": [_level(level, factor) for level in event.asks],
        "bids": [_level(level, factor) for level in event.bids],
        "ts": _time(event),
        "checksum": 0,
        "seqId": event.last_update_id,
        "prevSeqId": -1 if before is None else before,
    }
    arg = {"channel": "books", "instId": event.raw_symbol}
    return {"arg": arg, "action": "snapshot" if event.is_snapshot else "update", "data": [row]}


def _level(level: tuple[float, float], base_per_contract: float) -> list[str]:
    price, qty = level
    if base_per_contract != 1.0:
        qty = float(f"{qty / base_per_contract:.12g}")  # the contracts it came from, exactly
    return [_text(price), _text(qty), "0", "1"]


def _adl(event: AdlWarning) -> tuple[dict[str, str], dict[str, str]]:
    inst_type = "FUTURES" if event.symbol is None else "SWAP"
    names = {"instType": inst_type, "instFamily": event.raw_symbol}
    figures = {"bal": event.balance, "maxBal": event.peak_balance, "decRate": event.drawdown}
    said = {name: "" if figure is None else _text(figure) for name, figure in figures.items()}
    row = {**names, "state": event.state, **said, "ccy": event.coin or "", "ts": _time(event)}
    return {"channel": "adl-warning", **names}, row


def _check_fund(event: InsuranceFund, before: Event | None) -> None:
    """Let a fund pass only if the warning before it holds the same figures."""
    held = isinstance(before, AdlWarning) and (
        before.raw_symbol,
        before.coin,
        before.balance,
        before.venue_ns,
    ) == (event.raw_symbol, event.coin, event.balance, event.venue_ns)
    if not held:
        raise InputError("okx says the balance of a fund only in an adl-warning: write that first")


def _inst_type(raw_symbol: str) -> str:
    return "SWAP" if raw_symbol.endswith("-SWAP") else "FUTURES"


def _time(event: Event) -> str:
    if event.venue_ns is None:
        raise InputError(f"okx dates every row; a {type(event).__name__} lacks venue_ns")
    return str(event.venue_ns // MILLISECOND_NS)


def _text(figure: float) -> str:
    """Write a figure as OKX does: decimal digits, no exponent, all that read back exactly."""
    text = repr(figure)
    if "e" in text:
        return f"{Decimal(text):f}"
    return text.removesuffix(".0")
