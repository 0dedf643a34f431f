"""From events to Binance's frames, and what of an event such a frame still shows."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
from msgspec import structs

from airpocket.errors import InputError
from airpocket.market.events import (
    BookChange,
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
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import Qty, Rate, TimeMs, as_json, why
from airpocket.venues.binance.listing import COIN_M, Listing, Listings, pair_of, product_of
from airpocket.venues.binance.messages import (
    DepthUpdate,
    ForceOrder,
    MarkPrice,
    OpenInterestReply,
    Price,
    Snapshot,
    TradePrint,
)

__all__ = ["frames", "shown"]

_MS: Final = 1_000_000
_MARKS: Final = {Method.BACKSTOP: "INSURANCE_FUND", Method.ADL: "ADL"}
_T = TypeVar("_T")
_N = TypeVar("_N", int, float)


def frames(
    events: Iterable[Event], venue: str, listings: Listings, merged_ns: int | None
) -> list[bytes]:
    """Write events as frames of the combined stream.

    Raises
    ------
    InputError
        If no channel can say an event, or it lacks what its frame needs.
    """
    pen = _Pen(venue, listings, merged_ns)
    return [as_json(pen.frame(event, funding)) for event, funding in _with_funding(events)]


def shown(event: Event, listings: Listings, rules: FeedRules) -> Event:
    """Tell what a frame shows of an event: ``decode(encode([event]))`` without encoding it.

    Raises
    ------
    InputError
        If no channel shows this kind of event.
    """
    at_ns = None if event.venue_ns is None else event.venue_ns // _MS * _MS
    listing = listings.find(event.raw_symbol, at_ns)
    head: dict[str, Any] = {
        "symbol": None if listing is None else listing.symbol,
        "raw_ref": None,
        "venue_ns": at_ns,
        "local_ns": None,
    }
    if isinstance(event, Liquidation):
        return _shown_liquidation(event, head, listing, rules)
    if isinstance(event, Trade):
        qty_base, usd = _sized(listing, event.qty_raw, event.price)
        return structs.replace(event, **head, qty_base=qty_base, notional_usd=usd)
    if isinstance(event, Mark):
        return structs.replace(event, **head)
    if isinstance(event, Funding):
        due_ns = event.due_ns // _MS * _MS if event.due_ns else None
        return structs.replace(event, **head, interval_ns=None, due_ns=due_ns)
    if isinstance(event, OpenInterest):
        return structs.replace(event, **head, **_open_interest(event, listing)[1])
    if isinstance(event, BookChange):
        if event.is_snapshot:
            head |= {"first_update_id": None, "previous_update_id": None}
        return structs.replace(event, **head)
    raise InputError(f"Binance has no channel here for a {type(event).__name__}")


def _shown_liquidation(
    event: Liquidation, head: dict[str, Any], listing: Listing | None, rules: FeedRules
) -> Liquidation:
    off_book = event.method in _MARKS
    rule = rules.at("trade" if off_book else "forceOrder", head["venue_ns"])
    limit = None if off_book else _limit(event)
    price = event.fill_price if event.fill_price is not None else limit
    if price is None:
        raise InputError(f"a {event.method} liquidation of {event.raw_symbol} without a price")
    qty_base, notional_usd = _sized(listing, event.qty_raw, price)
    return structs.replace(
        event,
        **head,
        liquidated=None if off_book else event.liquidated,
        order_price=limit,
        bankruptcy_price=limit,
        qty_base=qty_base,
        notional_usd=notional_usd,
        method=event.method if off_book else Method.BOOK,
        coverage=rule.coverage,
        rule_id=rule.rule_id,
        mark_price=None,
        account=None,
        event_id=event.event_id if off_book else None,
    )


def _sized(
    listing: Listing | None, qty_raw: float, price: float
) -> tuple[float | None, float | None]:
    return (None, None) if listing is None else listing.sized(qty_raw, price)


def _limit(event: Liquidation) -> float | None:
    return event.bankruptcy_price if event.order_price is None else event.order_price


def _with_funding(events: Iterable[Event]) -> Iterator[tuple[Event, Funding | None]]:
    """Pair each mark with the funding that follows it: one message says both."""
    held: Mark | None = None
    for event in events:
        if held is not None:
            if (
                isinstance(event, Funding)
                and event.raw_symbol == held.raw_symbol
                and event.venue_ns == held.venue_ns
            ):
                yield held, event
                held = None
                continue
            yield held, None
            held = None
        if isinstance(event, Mark):
            held = event
        elif isinstance(event, Funding):
            raise InputError(
                f"the funding of {event.raw_symbol} needs the mark of the same time before it: "
                "a markPriceUpdate says both"
            )
        else:
            yield event, None
    if held is not None:
        yield held, None


class _Pen:
    """Writes one event as the combined-stream frame of its channel."""

    def __init__(self, venue: str, listings: Listings, merged_ns: int | None) -> None:
        self._venue = venue
        self._listings = listings
        self._merged_ns = merged_ns

    def frame(self, event: Event, funding: Funding | None) -> dict[str, Any]:
        raw = event.raw_symbol
        if event.venue != self._venue:
            raise InputError(f"the {self._venue} wire cannot say an event of {event.venue!r}")
        if not raw or len(raw) > 64 or "@" in raw or "*" in raw or raw.lower().upper() != raw:
            raise InputError(f"{raw[:70]!r} is not a symbol that {self._venue} could have")
        if isinstance(event, Liquidation):
            if event.method in _MARKS:
                return self._off_book(event)
            return self._force_order(event)
        if isinstance(event, Trade):
            return self._trade(event)
        if isinstance(event, Mark):
            return self._mark(event, funding)
        if isinstance(event, BookChange):
            return self._snapshot(event) if event.is_snapshot else self._depth_update(event)
        if isinstance(event, OpenInterest):
            return self._open_interest(event)
        raise InputError(f"{self._venue} has no channel here for a {type(event).__name__}")

    def _force_order(self, event: Liquidation) -> dict[str, Any]:
        limit = _limit(event)
        if event.liquidated is None or limit is None:
            raise InputError(
                f"a forceOrder of {event.raw_symbol} says a side and a limit price: give "
                "liquidated and order_price or bankruptcy_price"
            )
        time_ms = _time_ms(event)
        qty = _text(_number(event.qty_raw, Qty, "qty_raw", event))
        fill = event.fill_price
        order: dict[str, Any] = {
            "s": event.raw_symbol,
            "S": "SELL" if event.liquidated is Side.LONG else "BUY",
            "o": "LIMIT",
            "f": "IOC",
            "q": qty,
            "p": _text(_number(limit, Price, "order_price", event)),
            "ap": "0" if fill is None else _text(_number(fill, Price, "fill_price", event)),
            "X": "FILLED",
            "l": qty,
            "z": qty,
            "T": time_ms,
        }
        order |= self._pair(event) | self._product(event)
        data = {"e": "forceOrder", "E": time_ms, "o": order}
        return _enveloped(event, "forceOrder", _fitting(data, ForceOrder, event))

    def _off_book(self, event: Liquidation) -> dict[str, Any]:
        if event.fill_price is None:
            raise InputError(f"a print of {event.raw_symbol} has a price: give fill_price")
        seller_is_taker = event.liquidated is not Side.SHORT
        return self._print(
            event, event.event_id, event.fill_price, _MARKS[event.method], seller_is_taker
        )

    def _trade(self, event: Trade) -> dict[str, Any]:
        if event.taker is None:
            raise InputError(f"a print of {event.raw_symbol} says who crossed: give taker")
        seller_is_taker = event.taker is Taker.SELL
        return self._print(event, event.trade_id, event.price, "MARKET", seller_is_taker)

    def _print(
        self,
        event: Trade | Liquidation,
        trade_id: str | None,
        price: float,
        mark: str,
        seller_is_taker: bool,  # noqa: FBT001 - named at each of its two calls
    ) -> dict[str, Any]:
        if trade_id is None or not trade_id.isdecimal() or str(_whole(trade_id)) != trade_id:
            raise InputError(
                f"a print of {event.raw_symbol} has a whole number as id, not {trade_id!r:.70}"
            )
        time_ms = _time_ms(event)
        data = {
            "e": "trade",
            "E": time_ms,
            "T": time_ms,
            "s": event.raw_symbol,
            "t": _whole(trade_id),
            "p": _text(_number(price, Price, "price", event)),
            "q": _text(_number(event.qty_raw, Qty, "qty_raw", event)),
            "X": mark,
            "m": seller_is_taker,
        } | self._product(event)
        return _enveloped(event, "trade", _fitting(data, TradePrint, event))

    def _mark(self, event: Mark, funding: Funding | None) -> dict[str, Any]:
        data: dict[str, Any] = {
            "e": "markPriceUpdate",
            "E": _time_ms(event),
            "s": event.raw_symbol,
            "p": _text(event.mark_price),
        }
        if event.index_price is not None:
            data["i"] = _text(_number(event.index_price, Price, "index_price", event))
        data["r"] = "" if funding is None else _text(_number(funding.rate, Rate, "rate", event))
        due_ns = None if funding is None else funding.due_ns
        data["T"] = 0 if due_ns is None else _number(due_ns // _MS, TimeMs, "due_ns", event)
        data |= self._product(event)
        return _enveloped(event, "markPrice@1s", _fitting(data, MarkPrice, event))

    def _depth_update(self, event: BookChange) -> dict[str, Any]:
        if event.first_update_id is None or event.last_update_id is None:
            raise InputError(
                f"a depthUpdate of {event.raw_symbol} has ids: give first_update_id and "
                "last_update_id"
            )
        time_ms = _time_ms(event)
        data: dict[str, Any] = {
            "e": "depthUpdate",
            "E": time_ms,
            "T": time_ms,
            "s": event.raw_symbol,
            **self._pair(event),
            "U": event.first_update_id,
            "u": event.last_update_id,
        }
        if event.previous_update_id is not None:
            data["pu"] = event.previous_update_id
        data |= {"b": _levels(event.bids), "a": _levels(event.asks)} | self._product(event)
        return _enveloped(event, "depth@100ms", _fitting(data, DepthUpdate, event))

    def _snapshot(self, event: BookChange) -> dict[str, Any]:
        data: dict[str, Any] = {"lastUpdateId": event.last_update_id}
        if event.venue_ns is not None:
            data |= {"E": _time_ms(event), "T": _time_ms(event)}
        if product_of(event.raw_symbol) == COIN_M:
            data |= {"symbol": event.raw_symbol, "pair": pair_of(event.raw_symbol)}
        data |= {"bids": _levels(event.bids), "asks": _levels(event.asks)}
        return _enveloped(event, "depthSnapshot", _fitting(data, Snapshot, event))

    def _open_interest(self, event: OpenInterest) -> dict[str, Any]:
        time_ms = _time_ms(event)
        listing = self._listings.find(event.raw_symbol, time_ms * _MS)
        size, _ = _open_interest(event, listing)
        data: dict[str, Any] = {"symbol": event.raw_symbol}
        if product_of(event.raw_symbol) == COIN_M:
            data["pair"] = pair_of(event.raw_symbol)
        data |= {"openInterest": _text(size), "time": time_ms}
        return _fitting(data, OpenInterestReply, event)

    def _pair(self, event: Event) -> dict[str, str]:
        if product_of(event.raw_symbol) == COIN_M or self._is_merged(event):
            return {"ps": pair_of(event.raw_symbol)}
        return {}

    def _product(self, event: Event) -> dict[str, int]:
        if not self._is_merged(event):
            return {}
        listing = self._listings.find(event.raw_symbol, event.venue_ns)
        product = product_of(event.raw_symbol) if listing is None else listing.products[1]
        return {"st": product}

    def _is_merged(self, event: Event) -> bool:
        return (
            self._merged_ns is not None
            and event.venue_ns is not None
            and event.venue_ns >= self._merged_ns
        )


def _open_interest(
    event: OpenInterest, listing: Listing | None
) -> tuple[float, dict[str, float | None]]:
    """Size as the REST reply says it, and what is read back from it."""
    if listing is None:
        raise InputError(
            f"{event.raw_symbol} is not listed: the unit of its open interest is unknown"
        )
    known = event.notional_usd if listing.is_inverse else event.qty_base
    if known is None:
        unit = "notional_usd" if listing.is_inverse else "qty_base"
        raise InputError(f"open interest of {event.raw_symbol} is said in contracts: give {unit}")
    size = known / listing.contract_value
    back = size * listing.contract_value
    if listing.is_inverse:
        return size, {"qty_base": None, "notional_usd": back}
    return size, {"qty_base": back, "notional_usd": None}


def _enveloped(event: Event, channel: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": f"{event.raw_symbol.lower()}@{channel}", "data": data}


def _fitting(data: dict[str, Any], kind: type[_T], event: Event) -> dict[str, Any]:
    """Return ``data`` if our own reader would take it, so that nothing unreadable is written."""
    try:
        msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(
            f"a {type(event).__name__} of {event.raw_symbol} cannot be said: {why(error)}"
        ) from error
    return data


def _number(value: _N, kind: Any, name: str, event: Event) -> _N:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{name} of a {type(event).__name__} of {event.raw_symbol} is {value!r}: {why(error)}"
        ) from error
    return value


def _time_ms(event: Event) -> int:
    if event.venue_ns is None:
        raise InputError(f"a {type(event).__name__} of {event.raw_symbol} needs venue_ns")
    return event.venue_ns // _MS


def _whole(text: str) -> int:
    return int(text) if len(text) < 20 else -1


def _text(value: float) -> str:
    """Write a number as plain decimals that read back exactly.

    Examples
    --------
    >>> _text(0.0000123), _text(3.0), _text(82651.9)
    ('0.0000123', '3', '82651.9')
    """
    text = repr(float(value))
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def _levels(levels: list[tuple[float, float]]) -> list[list[str]]:
    return [[_text(price), _text(qty)] for price, qty in levels]
