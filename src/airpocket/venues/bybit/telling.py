"""What Bybit's frames say beside liquidations: trades, tickers, books, ADL alerts, the pools."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Event,
    Funding,
    InsuranceFund,
    Mark,
    OpenInterest,
    Taker,
    Trade,
)
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue, Kind
from airpocket.market.wire import Decoded, refuse
from airpocket.units import MILLISECOND_NS
from airpocket.venues.bybit import messages
from airpocket.venues.bybit.messages import Envelope

__all__ = ["TOPICS", "sized"]

_Common: TypeAlias = dict[str, Any]  # venue, local_ns, raw_ref of all events of a frame
_Tell: TypeAlias = Callable[[Envelope, Catalogue, _Common], Decoded]

_TAKER: Final = {"Buy": Taker.BUY, "Sell": Taker.SELL}
_INVERSE: Final = Kind.INVERSE
_DOLLAR_COINS: Final = frozenset({"USDT", "USDC", "USD"})


def sized(
    catalogue: Catalogue,
    raw_symbol: str,
    venue_ns: int,
    qty_raw: float,
    price: float,
    notes: dict[str, None],
) -> dict[str, Any]:
    """Fields of an event that follow from its instrument and size.

    Parameters
    ----------
    catalogue, raw_symbol, venue_ns
        Where to look for the instrument, its name, and when.
    qty_raw, price
        Size in Bybit's unit, and the price it is valued at.
    notes
        Gets a line if the instrument is unknown.

    Returns
    -------
    dict
        ``raw_symbol, venue_ns, symbol, qty_raw, qty_base, notional_usd``.
    """
    instrument = catalogue.find(raw_symbol, venue_ns)
    if instrument is None:
        notes[f"unknown instrument {raw_symbol}: no notional"] = None
        symbol = qty_base = notional_usd = None
    else:
        symbol = instrument.symbol
        qty_base = instrument.qty_base(qty_raw, price)
        notional_usd = instrument.notional_usd(qty_raw, price)
    return {
        "raw_symbol": raw_symbol,
        "venue_ns": venue_ns,
        "symbol": symbol,
        "qty_raw": qty_raw,
        "qty_base": qty_base,
        "notional_usd": notional_usd,
    }


def _symbol(catalogue: Catalogue, raw_symbol: str, venue_ns: int) -> str | None:
    instrument = catalogue.find(raw_symbol, venue_ns)
    return None if instrument is None else instrument.symbol


def _trades(envelope: Envelope, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_dealt(envelope.data)
    events: list[Event] = []
    notes: dict[str, None] = {}
    for row in rows:
        said = sized(catalogue, row.s, row.T * MILLISECOND_NS, row.v, row.p, notes)
        trade = Trade(**common, **said, price=row.p, taker=_TAKER[row.S], trade_id=row.i)
        events.append(trade)
    return Decoded(events, rejected, None, tuple(notes))


def _ticker(envelope: Envelope, catalogue: Catalogue, common: _Common) -> Decoded:
    ticker, rejected = messages.read_ticker(envelope.data)
    venue_ns, late = _time_ns(envelope)
    if ticker is None or venue_ns is None:
        return Decoded(rejected=rejected + late)
    instrument = catalogue.find(ticker.symbol, venue_ns)
    symbol = None if instrument is None else instrument.symbol
    said = {**common, "symbol": symbol, "raw_symbol": ticker.symbol, "venue_ns": venue_ns}
    events: list[Event] = []
    notes: tuple[str, ...] = ()
    if ticker.mark_price is not None:
        mark = Mark(**said, mark_price=ticker.mark_price, index_price=ticker.index_price)
        events.append(mark)
    if ticker.funding_rate is not None:
        time = ticker.next_funding_time
        due_ns = None if time is None else time * MILLISECOND_NS
        events.append(Funding(**said, rate=ticker.funding_rate, due_ns=due_ns))
    held, value = ticker.open_interest, ticker.open_interest_value
    if held is not None or value is not None:
        if instrument is None:
            notes = (f"unknown instrument {ticker.symbol}: open interest has no unit",)
        elif instrument.kind is _INVERSE:  # contracts of 1 USD, their value in coins
            usd = None if held is None else held * instrument.contract_value
            events.append(OpenInterest(**said, qty_base=value, notional_usd=usd))
        else:
            events.append(OpenInterest(**said, qty_base=held, notional_usd=value))
    return Decoded(events, rejected, None, notes)


def _book(envelope: Envelope, catalogue: Catalogue, common: _Common) -> Decoded:
    venue_ns, rejected = _time_ns(envelope)
    if venue_ns is None:
        return Decoded(rejected=rejected)
    if envelope.type not in {"snapshot", "delta"}:
        return refuse(f"unknown type of order book {str(envelope.type)[:64]!r}")
    try:
        book = messages.read_book(envelope.data)
    except BAD_FRAME as error:
        return refuse(f"order book: {why(error)}")  # half a change would falsify the book
    change = BookChange(
        **common,
        symbol=_symbol(catalogue, book.s, venue_ns),
        raw_symbol=book.s,
        venue_ns=venue_ns,
        bids=book.b,
        asks=book.a,
        is_snapshot=envelope.type == "snapshot" or book.u == 1,
        last_update_id=book.u,
    )
    return Decoded([change])


def _adl_alert(envelope: Envelope, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_adl_rows(envelope.data)
    venue_ns, late = _time_ns(envelope)
    if venue_ns is None:
        return Decoded(rejected=rejected + late)
    events: list[Event] = [
        AdlWarning(
            **common,
            symbol=_symbol(catalogue, row.s, venue_ns),
            raw_symbol=row.s,
            venue_ns=venue_ns,
            state=messages.adl_state(row),
            coin=row.c,
            balance=row.b,
            peak_balance=row.mb if isinstance(row.mb, float) else None,
            drawdown=0.0 - row.pr,
        )
        for row in rows
    ]
    return Decoded(events, rejected)


def _insurance(envelope: Envelope, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_pools(envelope.data)
    venue_ns, late = _time_ns(envelope)
    if venue_ns is None:
        return Decoded(rejected=rejected + late)
    events: list[Event] = []
    for row in rows:
        at_ns = venue_ns if row.update_time is None else row.update_time * MILLISECOND_NS
        shared = "," in row.symbols
        fund = InsuranceFund(
            **common,
            symbol="*" if shared else _symbol(catalogue, row.symbols, at_ns),
            raw_symbol="*" if shared else row.symbols,
            venue_ns=at_ns,
            coin=row.coin,
            balance=row.balance,
            notional_usd=row.balance if row.coin in _DOLLAR_COINS else None,
            symbols=tuple(row.symbols.split(",")),
        )
        events.append(fund)
    return Decoded(events, rejected)


def _time_ns(envelope: Envelope) -> tuple[int | None, tuple[str, ...]]:
    try:
        time: int = messages.read_time(envelope.ts)
    except BAD_FRAME as error:
        return None, (f"ts: {why(error)}",)
    return time * MILLISECOND_NS, ()


TOPICS: Final[dict[str, _Tell]] = {
    "publicTrade": _trades,
    "tickers": _ticker,
    "orderbook": _book,
    "adlAlert": _adl_alert,
    "insurance": _insurance,
}
"""How to read the data of each topic, by the first word of its name."""
