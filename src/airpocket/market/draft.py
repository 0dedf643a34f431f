"""What one frame says, while a wire is reading it.

Every venue's wire does the same three things with each part of a frame: fill in what all events
carry, look the instrument and the feed's rule up, and keep a sentence about what could not be
used. They stand here once.
"""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Final, NoReturn, TypeVar, final

import msgspec
from msgspec import Raw

from airpocket.errors import InputError
from airpocket.market.events import Event, Liquidation, Method, RawRef, Side, Taker, Trade
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue, Kind
from airpocket.market.wire import Decoded

__all__ = ["HISTORY", "Draft", "decode_only", "side_closed_by"]

HISTORY: Final = "what was before this subscription is history, not live: it gives no events"
"""Note of wires that are sent a snapshot of the past on subscribing."""

_T = TypeVar("_T")
_PARTS: Final = msgspec.json.Decoder(list[Raw])


def side_closed_by(order: Taker) -> Side:
    """Side of the position that a forced order closes: a forced sell closes a long.

    Examples
    --------
    >>> side_closed_by(Taker.SELL)
    <Side.LONG: 'long'>
    """
    return Side.LONG if order is Taker.SELL else Side.SHORT


def decode_only(venue: str, events: Iterable[Event]) -> NoReturn:
    """Refuse to write frames of a venue that airpocket only reads.

    Raises
    ------
    InputError
        Always.
    """
    del events
    raise InputError(
        f"{venue} is decode-only in this version: encode for binance, bybit, okx or hyperliquid"
    )


@final
class Draft:
    """Collects the events, rejections and notes of one frame.

    Parameters
    ----------
    venue
        Venue id of the wire.
    catalogue, rules
        The venue's instruments and feed rules.
    local_ns, raw_ref
        As given to :meth:`airpocket.market.wire.Wire.decode`.

    Examples
    --------
    >>> draft = Draft("x", Catalogue(), FeedRules(()), local_ns=None, raw_ref=None)
    >>> draft.trade("BTC", venue_ns=None, price=2.0, qty_raw=1.0, taker=Taker.BUY)
    >>> said = draft.done()
    >>> said.events[0].notional_usd, said.notes
    (None, ('unknown instrument BTC: no notional',))
    """

    def __init__(
        self,
        venue: str,
        catalogue: Catalogue,
        rules: FeedRules,
        *,
        local_ns: int | None,
        raw_ref: RawRef | None,
    ) -> None:
        self._venue = venue
        self._catalogue = catalogue
        self._rules = rules
        self._local_ns = local_ns
        self._raw_ref = raw_ref
        self._events: list[Event] = []
        self._rejected: list[str] = []
        self._notes: dict[str, None] = {}  # a set that keeps its order: the same note once

    def parts(self, array: Raw, decode: Callable[[Raw], _T], tell: Callable[[_T], None]) -> None:
        """Hand each part of a JSON array to ``tell``; a bad one does not spoil its neighbours.

        Parameters
        ----------
        array
            The undecoded array.
        decode
            ``msgspec.json.Decoder(...).decode`` of one part.
        tell
            Adds the part to this draft; what it raises as ``InputError`` is kept as a rejection.
        """
        try:
            parts = _PARTS.decode(array)
        except BAD_FRAME as error:
            self.reject(f"no list of parts: {why(error)}")
            return
        for index, part in enumerate(parts):
            try:
                tell(decode(part))
            except (*BAD_FRAME, InputError) as error:
                self.reject(f"part {index}: {why(error)}")

    def trade(
        self,
        raw_symbol: str,
        *,
        venue_ns: int | None,
        price: float,
        qty_raw: float,
        taker: Taker | None,
        trade_id: str | None = None,
    ) -> None:
        """Add a trade (``price`` in quote currency, ``qty_raw`` in the venue's own unit).

        Raises
        ------
        InputError
            If price and size together are beyond all measure.
        """
        carried = self._carried(raw_symbol, venue_ns, qty_raw, price)
        self._events.append(
            Trade(**carried, price=price, qty_raw=qty_raw, taker=taker, trade_id=trade_id)
        )

    def liquidation(
        self,
        raw_symbol: str,
        *,
        channel: str,
        venue_ns: int | None,
        liquidated: Side | None,
        qty_raw: float,
        order_price: float | None = None,
        fill_price: float | None = None,
        bankruptcy_price: float | None = None,
        entry_price: float | None = None,
        units: float | None = None,
        method: Method = Method.BOOK,
        mark_price: float | None = None,
        account: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Add a forced close; fields as in :class:`~airpocket.market.events.Liquidation`.

        Parameters
        ----------
        channel
            Channel of the feed, as its rules call it.
        units
            Size in the instrument's unit where the venue prints it in another (Bitget prints
            quote coins); ``None``: ``qty_raw`` is in the instrument's unit.

        Raises
        ------
        InputError
            If no rule is stated for the channel at that time, or price and size together are
            beyond all measure.
        """
        rule = self._rules.at(channel, self._local_ns if venue_ns is None else venue_ns)
        price = fill_price or bankruptcy_price or order_price  # a price is never 0
        size = qty_raw if units is None else units
        carried = self._carried(raw_symbol, venue_ns, size, price)
        self._events.append(
            Liquidation(
                **carried,
                liquidated=liquidated,
                order_price=order_price,
                fill_price=fill_price,
                bankruptcy_price=bankruptcy_price,
                entry_price=entry_price,
                qty_raw=qty_raw,
                method=method,
                coverage=rule.coverage,
                rule_id=rule.rule_id,
                mark_price=mark_price,
                account=account,
                event_id=event_id,
            )
        )

    def read(self, data: bytes, read: Callable[["Draft", bytes], str | None]) -> Decoded:
        """Let ``read`` fill this draft from a frame; what it raises is kept as a rejection.

        Parameters
        ----------
        data
            The frame.
        read
            Returns the name of a protocol frame, or ``None``; raises ``InputError`` for a frame
            that cannot be used, or what msgspec raises. What it told before stays.
        """
        try:
            control = read(self, data)
        except (*BAD_FRAME, InputError) as error:
            self.reject(why(error))
            control = None
        return self.done(control)

    def reject(self, reason: str) -> None:
        """Keep one sentence about a part that could not be used."""
        self._rejected.append(reason)

    def note(self, said: str) -> None:
        """Keep one sentence that the reader should know."""
        self._notes[said] = None

    def done(self, control: str | None = None) -> Decoded:
        """Hand over what the frame said."""
        return Decoded(self._events, tuple(self._rejected), control, tuple(self._notes))

    def _carried(
        self, raw_symbol: str, venue_ns: int | None, size: float, price: float | None
    ) -> dict[str, Any]:
        """Fields that trades and liquidations share, with the size in coins and dollars."""
        at_ns = self._local_ns if venue_ns is None else venue_ns
        instrument = self._catalogue.find(raw_symbol, at_ns)
        qty_base = notional_usd = None
        if instrument is None:
            self.note(f"unknown instrument {raw_symbol}: no notional")
        elif price is not None:
            qty_base = instrument.qty_base(size, price)
            notional_usd = instrument.notional_usd(size, price)
            if not isfinite((qty_base or 0.0) + (notional_usd or 0.0)):
                raise InputError(f"size {size} at price {price} is beyond all measure")
            if notional_usd is None:
                self.note(f"{raw_symbol} is {instrument.kind} in {instrument.quote}: no notional")
        elif instrument.kind in {Kind.LINEAR, Kind.SPOT}:
            qty_base = size * instrument.contract_value
            self.note(f"{raw_symbol}: the venue gives no closing price, so no notional")
        return {
            "venue": self._venue,
            "symbol": None if instrument is None else instrument.symbol,
            "raw_symbol": raw_symbol,
            "raw_ref": self._raw_ref,
            "venue_ns": venue_ns,
            "local_ns": self._local_ns,
            "qty_base": qty_base,
            "notional_usd": notional_usd,
        }
