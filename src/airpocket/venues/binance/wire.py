"""Binance futures frames, both ways: USD-M and COIN-M under the one venue id ``"binance"``.

==================  ======================  =========================  ===================  =======
channel             side                    price                      unit of size         covers
==================  ======================  =========================  ===================  =======
``forceOrder``      ``S`` is the ORDER:     ``p`` limit = bankruptcy,  ``z`` filled: coins  by date
                    SELL closes a long      ``ap`` average fill        (UM), contracts (CM)
``@trade`` ``X``    not said                ``p``, off the book: may   same                 every
INSURANCE_FUND,ADL                          be far from the market                          print
``@trade`` else     ``m``: buyer is maker,  ``p``                      same                 every
``@aggTrade``       so the taker sold                                                       print
``@markPrice``      --                      ``p`` mark, ``i`` index    ``r`` fraction       1-3 s
``@depth``, REST    --                      levels                     coins / contracts    all
openInterest        --                      --                         coins / contracts    polled
==================  ======================  =========================  ===================  =======

*Coverage of ``forceOrder``.* Every order until 2021-04-27; then at most the latest one a symbol
and second; from 2026-04-10 the documents disagree whether it is the latest or the largest
(change log of 2026-04-10 against the API reference). Dated in ``venue.toml``.

*Off-book prints.* ``X`` = INSURANCE_FUND says the fund took a position over, ADL that it was
closed against a winner, both at the bankruptcy price, which may lie far from the market
(ETHUSDT 2366.55 in July 2020, market near 320). Such a print is a ``Liquidation`` whose
``fill_price`` is that price, never a ``Trade``, and never for a chart. The stream does not say
whose side was closed (``liquidated`` is ``None``), nor is it documented: seen by tardis-node and
aggr-server (2026-05). ``X`` = NA with price and size 0 is a placeholder, thousands a day.

*Times.* ``T``, when it happened, is ``venue_ns``; ``E``, when it was sent, is up to a second
later for ``forceOrder`` (935 ms in a frame of 2026-10-09).

*Merged stack.* Since 2026-06-30 both products arrive on ``fstream``, told apart by ``st``
(1 = UM, 2 = CM) and the symbol's form (``…USD_PERP``, ``…USD_yymmdd``). If ``st`` contradicts the
catalogue, the instrument counts as unknown.

Sources: Binance, *Liquidation Order Streams* (USD-M, COIN-M); venue notes of 2026-10.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, final

from airpocket.errors import InputError
from airpocket.market.events import Event, RawRef
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded, refuse
from airpocket.units import ns_from_iso
from airpocket.venues.binance.encoding import frames, shown
from airpocket.venues.binance.listing import Listings
from airpocket.venues.binance.messages import (
    KINDS,
    AggTrade,
    ForceOrder,
    TradePrint,
    read_bare,
    read_combined,
    read_fields,
    read_message,
    read_open_interest,
    read_parts,
    read_snapshot,
    read_text,
)
from airpocket.venues.binance.telling import Answer, Teller, is_plain

__all__ = ["MERGED_NS", "BinanceWire", "open_wire"]

MERGED_NS: Final = ns_from_iso("2026-06-30")
"""From here on ``st`` and ``ps`` are sent: COIN-M moved onto the stack of USD-M."""

_HEAD: Final = b'{"stream"'


@final
class BinanceWire:
    """One connection to Binance futures, or to a venue that speaks its dialect.

    Parameters
    ----------
    catalogue, rules
        Instruments and dated feed rules, see ``venue.toml``.
    venue
        Venue id that the events carry.
    merged_ns
        Since when ``st`` and ``ps`` are sent; ``None``: never.

    Examples
    --------
    >>> frame = (b'{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT",'
    ...     b'"f":"IOC","q":"0.014","p":"9910","ap":"9905","X":"FILLED","l":"0.014","z":"0.014",'
    ...     b'"T":1568014460893}}')
    >>> order = open_wire().decode(frame).events[0]
    >>> order.liquidated.value, order.qty_base, round(order.notional_usd, 2)
    ('long', 0.014, 138.67)
    """

    def __init__(
        self,
        catalogue: Catalogue,
        rules: FeedRules,
        *,
        venue: str = "binance",
        merged_ns: int | None = MERGED_NS,
    ) -> None:
        self._venue = venue
        self._rules = rules
        self._merged_ns = merged_ns
        self._listings = Listings(catalogue)
        self._steady = self._listings.steady
        self._teller = Teller(venue, self._listings, rules)
        self._liquidation = self._teller.liquidation
        self._trade = self._teller.trade

    @property
    def venue(self) -> str:
        """Venue id that the events carry."""
        return self._venue

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events; the module says what each channel means.

        ``control`` is ``"ack"`` (reply to a request), ``"contract_info"`` or ``"placeholder"``
        (a print that declares no trade).
        """
        try:
            if data[:9] == _HEAD:
                frame = read_combined(data)
                message, stream = frame.data, frame.stream
            else:
                message, stream = read_bare(data), ""
            # What a cascade brings by the thousand says its one event at once; anything odd about
            # it (no size, unknown instrument, off the book) takes the long way below.
            if type(message) is ForceOrder:
                order = message.order
                listing = self._steady.get(order.symbol)
                if listing is not None and order.filled > 0 and order.product in listing.products:
                    return Decoded([self._liquidation(order, listing, local_ns, raw_ref)])
            elif type(message) is AggTrade or type(message) is TradePrint:
                listing = self._steady.get(message.symbol)
                if listing is not None and is_plain(message, listing):
                    return Decoded([self._trade(message, listing, local_ns, raw_ref)])
        except BAD_FRAME:
            return self._decode_parts(data, local_ns, raw_ref)
        except InputError as error:
            return refuse(why(error))
        answer = Answer(stream, local_ns, raw_ref)
        for part in message if isinstance(message, list) else (message,):
            self._teller.tell(part, answer)
        if message == []:
            answer.rejected.append("an empty list")
        return answer.decoded()

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Write events as frames of the combined stream.

        ``Liquidation`` → ``forceOrder`` (book, unknown) or ``@trade`` with ``X`` (backstop, ADL);
        ``Trade`` → ``@trade``; ``Mark`` and the ``Funding`` after it → ``markPriceUpdate``;
        ``BookChange`` → ``depthUpdate`` or a depth snapshot; ``OpenInterest`` → the REST reply.

        Raises
        ------
        InputError
            If no channel can say an event, or it lacks what its frame needs.
        """
        return frames(events, self._venue, self._listings, self._merged_ns)

    def shows(self, event: Event) -> Event:
        """Tell what remains of an event once this feed has said it.

        ``decode`` of ``encode([event])`` gives exactly this: times in milliseconds, no local
        clock, no mark price or account, one price for limit and bankruptcy, sizes by the
        catalogue.

        Raises
        ------
        InputError
            If no channel shows this kind of event.
        """
        return shown(event, self._listings, self._rules)

    def _decode_parts(self, data: bytes, local_ns: int | None, raw_ref: RawRef | None) -> Decoded:
        """Read a frame that is unusual or bad, part by part: the good ones get through."""
        answer = Answer("", local_ns, raw_ref)
        whole: Any = data
        try:
            shape = read_parts(whole)
            if isinstance(shape, dict) and "data" in shape and "e" not in shape:
                answer.stream = read_text(shape["stream"]) if "stream" in shape else ""
                whole = shape["data"]
                shape = read_parts(whole)
        except BAD_FRAME as error:
            return refuse(why(error))
        if isinstance(shape, dict):
            self._read_part(whole, answer, "")
        else:
            for index, part in enumerate(shape):
                self._read_part(part, answer, f"part {index}: ")
            if not shape:
                answer.rejected.append("an empty list")
        return answer.decoded()

    def _read_part(self, part: Any, answer: Answer, where: str) -> None:
        try:
            fields = read_fields(part)
            if "e" not in fields:
                self._read_untyped(part, fields, answer, where)
                return
            kind = read_text(fields["e"])
            if kind in KINDS:
                self._teller.tell(read_message(part), answer)
            else:
                answer.rejected.append(f"{where}unknown message type {kind[:40]!r}")
        except BAD_FRAME as error:
            answer.rejected.append(where + why(error))

    def _read_untyped(self, part: Any, fields: dict[str, Any], answer: Answer, where: str) -> None:
        """Read what has no ``e``: REST replies, and answers to what we asked."""
        if "lastUpdateId" in fields:
            self._teller.snapshot(read_snapshot(part), answer)
        elif "openInterest" in fields:
            self._teller.open_interest(read_open_interest(part), answer)
        elif "error" in fields or ("code" in fields and "msg" in fields):
            said = bytes(fields.get("error", part))[:160].decode("utf-8", "replace")
            answer.rejected.append(f"{where}the venue refused a request: {said}")
        elif "result" in fields:
            answer.control = "ack"
        else:
            names = ", ".join(sorted(name[:20] for name in list(fields)[:6]))
            answer.rejected.append(f"{where}unknown frame with the fields: {names or 'none'}")


def open_wire(catalogue: Catalogue | None = None) -> BinanceWire:
    """Open a connection's wire with the shipped catalogue and rules.

    Parameters
    ----------
    catalogue
        Instruments instead of the shipped ones.
    """
    toml = Path(__file__).with_name("venue.toml")
    known = Catalogue.load(toml) if catalogue is None else catalogue
    return BinanceWire(known, FeedRules.load(toml))
