"""Events as frames of Bybit's v5 public stream: the inverse of :mod:`airpocket.venues.bybit.wire`.

Decoding what was encoded gives the events back, less what the stream cannot show: times are cut
to milliseconds; a liquidation keeps side, bankruptcy price and size; a trade loses nothing; funding
loses its interval; ``adlAlert`` its state, which is concluded from its figures. Liquidations before
2025-02-20 go to the topic of that time, one a frame; later ones share a frame as long as the
symbol stays the same. Nothing is throttled or batched here: that is the observation operator's.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from airpocket.errors import InputError
from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Coverage,
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
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import as_json
from airpocket.market.instrument import Catalogue, Kind
from airpocket.units import MILLISECOND_NS

__all__ = ["encode"]

_ROW: Final = "row"  # one of several that a frame may hold


def encode(events: Iterable[Event], catalogue: Catalogue, rules: FeedRules) -> list[bytes]:
    """Write events as frames, in order.

    Parameters
    ----------
    events
        Each needs ``venue_ns``; liquidations a side and a bankruptcy price; trades a taker; book
        changes ``last_update_id``; open interest a known instrument.
    catalogue
        Tells linear from inverse, whose fields of open interest are swapped.
    rules
        Tell which liquidation topic there was at a time.

    Returns
    -------
    list of bytes
        Frames as Bybit would send them.

    Raises
    ------
    InputError
        If an event lacks one of these, or Bybit has no topic for it.

    Examples
    --------
    >>> mark = Mark(venue="bybit", symbol=None, raw_symbol="X", venue_ns=1673272861686000000,
    ...             mark_price=2.5)
    >>> encode([mark], Catalogue(), FeedRules([]))[0][:62]
    b'{"topic":"tickers.X","type":"delta","ts":1673272861686,"data":'
    """
    written: list[dict[str, Any]] = []
    for event in events:
        topic, kind, data = _told(event, catalogue, rules)
        time = _time_ms(event)
        if kind is not _ROW:
            written.append({"topic": topic, "type": kind, "ts": time, "data": data})
        elif written and written[-1]["topic"] == topic:
            written[-1]["data"].append(data)
            written[-1]["ts"] = max(time, written[-1]["ts"])
        else:
            written.append({"topic": topic, "type": "snapshot", "ts": time, "data": [data]})
    return [as_json(frame) for frame in written]


def _told(
    event: Event, catalogue: Catalogue, rules: FeedRules
) -> tuple[str, str, dict[str, Any] | list[dict[str, Any]]]:
    """Topic, type and data of an event."""
    raw_symbol = event.raw_symbol
    told: tuple[str, str, dict[str, Any] | list[dict[str, Any]]]
    match event:
        case Liquidation():
            told = _liquidation(event, rules)
        case Trade():
            told = f"publicTrade.{raw_symbol}", _ROW, _trade(event)
        case Mark() | Funding() | OpenInterest():
            told = f"tickers.{raw_symbol}", "delta", _ticker(event, catalogue)
        case BookChange():
            kind = "snapshot" if event.is_snapshot else "delta"
            told = f"orderbook.200.{raw_symbol}", kind, _book(event)
        case AdlWarning():
            told = f"adlAlert.{_group(event.coin)}", "snapshot", [_adl_row(event)]
        case InsuranceFund():
            told = f"insurance.{_group(event.coin)}", "delta", [_pool(event)]
        case _:
            raise InputError(f"bybit has no topic for a {type(event).__name__}")
    return told


def _liquidation(event: Liquidation, rules: FeedRules) -> tuple[str, str, dict[str, Any]]:
    if event.liquidated is None or event.bankruptcy_price is None:
        lacking = "side" if event.liquidated is None else "bankruptcy price"
        raise InputError(f"bybit says the {lacking} of every liquidation; an event lacks it")
    side = "Buy" if event.liquidated is Side.LONG else "Sell"
    price, size, time = _text(event.bankruptcy_price), _text(event.qty_raw), _time_ms(event)
    if rules.at("liquidations", event.venue_ns).coverage is Coverage.CENSUS:
        row = {"T": time, "s": event.raw_symbol, "S": side, "v": size, "p": price}
        return f"allLiquidation.{event.raw_symbol}", _ROW, row
    old = {"updatedTime": time, "symbol": event.raw_symbol, "side": side}
    return f"liquidation.{event.raw_symbol}", "snapshot", {**old, "size": size, "price": price}


def _trade(event: Trade) -> dict[str, Any]:
    if event.taker is None:
        raise InputError(f"bybit says the taker of every trade; one of {event.raw_symbol} lacks it")
    side = "Buy" if event.taker is Taker.BUY else "Sell"
    row = {"T": _time_ms(event), "s": event.raw_symbol, "S": side}
    row |= {"v": _text(event.qty_raw), "p": _text(event.price)}
    return row if event.trade_id is None else {**row, "i": event.trade_id}


def _ticker(event: Mark | Funding | OpenInterest, catalogue: Catalogue) -> dict[str, str]:
    figures: dict[str, float | None]
    if isinstance(event, Mark):
        figures = {"markPrice": event.mark_price, "indexPrice": event.index_price}
    elif isinstance(event, Funding):
        due_ms = None if event.due_ns is None else event.due_ns // MILLISECOND_NS
        figures = {"nextFundingTime": due_ms, "fundingRate": event.rate}
    else:
        figures = _open_interest(event, catalogue)
    said = {name: _text(figure) for name, figure in figures.items() if figure is not None}
    return {"symbol": event.raw_symbol, **said}


def _open_interest(event: OpenInterest, catalogue: Catalogue) -> dict[str, float | None]:
    instrument = catalogue.find(event.raw_symbol, event.venue_ns)
    if instrument is None:
        raise InputError(f"bybit: unknown instrument {event.raw_symbol!r}, no unit to write")
    if instrument.kind is not Kind.INVERSE:
        return {"openInterest": event.qty_base, "openInterestValue": event.notional_usd}
    usd = event.notional_usd
    contracts = None if usd is None else usd / instrument.contract_value
    return {"openInterest": contracts, "openInterestValue": event.qty_base}


def _book(event: BookChange) -> dict[str, Any]:
    if event.last_update_id is None:
        raise InputError(f"bybit numbers book changes; one of {event.raw_symbol} lacks its id")
    return {
        "s": event.raw_symbol,
        "b": [[_text(price), _text(qty)] for price, qty in event.bids],
        "a": [[_text(price), _text(qty)] for price, qty in event.asks],
        "u": event.last_update_id,
        "seq": event.last_update_id,
    }


def _adl_row(event: AdlWarning) -> dict[str, Any]:
    """Row with the thresholds that Bybit's page shows as constants (read 2026-11-21)."""
    if event.coin is None or event.balance is None or event.drawdown is None:
        raise InputError("bybit's adlAlert says coin, balance and drawdown; a warning lacks one")
    return {
        "c": event.coin,
        "s": event.raw_symbol,
        "b": _text(event.balance),
        "mb": "" if event.peak_balance is None else _text(event.peak_balance),
        "i_pr": "-0.3",
        "pr": _text(0.0 - event.drawdown),
        "adl_tt": "10000",
        "adl_sr": "-0.25",
    }


def _pool(event: InsuranceFund) -> dict[str, Any]:
    symbols = ",".join(event.symbols) or event.raw_symbol
    pool = {"coin": event.coin, "symbols": symbols, "balance": _text(event.balance)}
    return {**pool, "updateTime": str(_time_ms(event))}


def _group(coin: str | None) -> str:
    return coin if coin in {"USDT", "USDC"} else "inverse"


def _time_ms(event: Event) -> int:
    if event.venue_ns is None:
        raise InputError(f"bybit dates every frame; a {type(event).__name__} lacks venue_ns")
    return event.venue_ns // MILLISECOND_NS


def _text(figure: float) -> str:
    """Write a figure as Bybit does: decimal digits, no exponent, all that read back exactly."""
    text = repr(figure)
    if "e" in text:
        return f"{Decimal(text):f}"
    return text.removesuffix(".0")
