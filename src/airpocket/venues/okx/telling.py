"""What OKX's frames say beside liquidations: trades, marks, funding, interest, books, the fund."""

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
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.market.wire import Decoded, refuse
from airpocket.units import MILLISECOND_NS
from airpocket.venues.okx import messages
from airpocket.venues.okx.messages import Arg, Envelope

__all__ = ["CHANNELS", "sized"]

_Common: TypeAlias = dict[str, Any]  # venue, local_ns, raw_ref of all events of a frame
_Tell: TypeAlias = Callable[[Envelope, Arg, Catalogue, _Common], Decoded]

_TAKER: Final = {"buy": Taker.BUY, "sell": Taker.SELL}
_DOLLAR_COINS: Final = frozenset({"USDT", "USDC", "USD"})
_WHOLE_BOOKS: Final = frozenset({"books5", "bbo-tbt"})  # each push replaces the one before
_CHANGING_BOOKS: Final = frozenset({"books", "books-l2-tbt", "books50-l2-tbt"})


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
        Contracts, and the price they are valued at.
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


def _named(catalogue: Catalogue, raw_symbol: str, time_ms: int | None, common: _Common) -> _Common:
    venue_ns = None if time_ms is None else time_ms * MILLISECOND_NS
    instrument = catalogue.find(raw_symbol, venue_ns)
    symbol = None if instrument is None else instrument.symbol
    return {**common, "symbol": symbol, "raw_symbol": raw_symbol, "venue_ns": venue_ns}


def _trades(envelope: Envelope, _arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_dealt(envelope.data)
    events: list[Event] = []
    notes: dict[str, None] = {}
    for row in rows:
        said = sized(catalogue, row.inst_id, row.ts * MILLISECOND_NS, row.sz, row.px, notes)
        taker = _TAKER[row.side]
        events.append(Trade(**common, **said, price=row.px, taker=taker, trade_id=row.trade_id))
    return Decoded(events, rejected, None, tuple(notes))


def _marks(envelope: Envelope, _arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_marked(envelope.data)
    events: list[Event] = [
        Mark(**_named(catalogue, row.inst_id, row.ts, common), mark_price=row.mark_px)
        for row in rows
    ]
    return Decoded(events, rejected)


def _funding(envelope: Envelope, _arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_funding(envelope.data)
    events: list[Event] = []
    for row in rows:
        due_ms, next_ms, time_ms = _said(row.funding_time), _said(row.next_funding_time), row.ts
        ordered = due_ms is not None and next_ms is not None and next_ms > due_ms
        named = _named(catalogue, row.inst_id, _said(time_ms), common)
        funding = Funding(
            **named,
            rate=row.funding_rate,
            interval_ns=(next_ms - due_ms) * MILLISECOND_NS if ordered else None,
            due_ns=None if due_ms is None else due_ms * MILLISECOND_NS,
        )
        events.append(funding)
    return Decoded(events, rejected)


def _open_interest(envelope: Envelope, _arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_held(envelope.data)
    events: list[Event] = []
    notes: dict[str, None] = {}
    for row in rows:
        instrument = catalogue.find(row.inst_id, row.ts * MILLISECOND_NS)
        qty_base, notional_usd = _said(row.oi_ccy), _said(row.oi_usd)
        contracts = _said(row.oi)
        if contracts is not None and instrument is not None:
            value = contracts * instrument.contract_value
            if instrument.kind is Kind.INVERSE:
                notional_usd = value if notional_usd is None else notional_usd
            elif instrument.kind is Kind.LINEAR:
                qty_base = value if qty_base is None else qty_base
        if qty_base is None and notional_usd is None:
            notes[f"unknown instrument {row.inst_id}: open interest has no unit"] = None
            continue
        named = _named(catalogue, row.inst_id, row.ts, common)
        events.append(OpenInterest(**named, qty_base=qty_base, notional_usd=notional_usd))
    return Decoded(events, rejected, None, tuple(notes))


def _books(envelope: Envelope, arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    raw_symbol = arg.inst_id
    if raw_symbol is None:
        return refuse("order book of no instrument: arg lacks instId")
    whole = arg.channel in _WHOLE_BOOKS
    if not whole and envelope.action not in {"snapshot", "update"}:
        return refuse(f"unknown action of order book {str(envelope.action)[:64]!r}")
    rows, rejected = messages.read_books(envelope.data)
    events: list[Event] = []
    notes: dict[str, None] = {}
    for row in rows:
        instrument = catalogue.find(raw_symbol, row.ts * MILLISECOND_NS)
        if instrument is None:
            notes[f"unknown instrument {raw_symbol}: sizes in contracts"] = None
        factor = _base_per_contract(instrument)
        after = row.prev_seq_id
        change = BookChange(
            **_named(catalogue, raw_symbol, row.ts, common),
            bids=[(level.price, level.qty * factor) for level in row.bids],
            asks=[(level.price, level.qty * factor) for level in row.asks],
            is_snapshot=whole or envelope.action == "snapshot",
            last_update_id=row.seq_id,
            previous_update_id=None if after is None or after < 0 or whole else after,
        )
        events.append(change)
    return Decoded(events, rejected, None, tuple(notes))


def _base_per_contract(instrument: Instrument | None) -> float:
    if instrument is None or instrument.kind in {Kind.INVERSE, Kind.QUANTO}:
        return 1.0  # left in contracts, as BookChange says
    return instrument.contract_value


def _adl_warning(envelope: Envelope, arg: Arg, catalogue: Catalogue, common: _Common) -> Decoded:
    rows, rejected = messages.read_adl(envelope.data)
    events: list[Event] = []
    notes: dict[str, None] = {}
    for row in rows:
        family = row.inst_family or arg.inst_family or "*"
        named = _named(catalogue, family, row.ts, common)
        if arg.inst_type == "SWAP":
            swap = catalogue.find(f"{family}-SWAP", named["venue_ns"])
            named["symbol"] = None if swap is None else swap.symbol
        balance, coin = _said(row.bal), row.ccy or None
        warning = AdlWarning(
            **named,
            state=row.state,
            coin=coin,
            balance=balance,
            peak_balance=_said(row.max_bal),
            drawdown=_said(row.dec_rate),
        )
        events.append(warning)
        if balance is None:
            continue
        if coin is None:
            notes[f"{family}: the coin of the fund is not said"] = None
            continue
        usd = balance if coin in _DOLLAR_COINS else None
        events.append(
            InsuranceFund(**named, coin=coin, balance=balance, notional_usd=usd, symbols=(family,))
        )
    return Decoded(events, rejected, None, tuple(notes))


def _said(figure: Any) -> Any:
    """Give ``None`` for the empty text that OKX writes for what it does not say."""
    return None if figure == "" else figure


CHANNELS: Final[dict[str, _Tell]] = {
    "trades": _trades,
    "trades-all": _trades,
    "mark-price": _marks,
    "funding-rate": _funding,
    "open-interest": _open_interest,
    "adl-warning": _adl_warning,
    **dict.fromkeys(_WHOLE_BOOKS | _CHANGING_BOOKS, _books),
}
"""How to read the rows of each channel."""
