"""Frames of Bybit's v5 public stream (linear and inverse), and of its older liquidation topic.

======================= ================= ================ ================== ====================
topic                   side means        price is         size unit          coverage
======================= ================= ================ ================== ====================
``allLiquidation.{s}``  POSITION side:    bankruptcy price base; inverse: USD every liquidation,
                        Buy = a long was  (no trade price)                    500 ms batches,
                        liquidated                                            since 2025-02-20
``liquidation.{s}``     POSITION side     bankruptcy price base; inverse: USD one a second and
                                                                              symbol; deprecated
``publicTrade.{s}``     taker             fill             base; inverse: USD every trade
``tickers.{s}``         --                mark, index      base; inverse: USD changes, 100 ms
``orderbook.{n}.{s}``   --                level            base; inverse: USD n levels, 20-200 ms
``adlAlert.{c}``        --                --               coin of the pool   every symbol, 1 s
``insurance.{c}``       --                --               coin of the pool   isolated pools, 1 s
======================= ================= ================ ================== ====================

Sources: bybit-exchange/docs, ``docs/v5/websocket/public/*`` (read 2026-11-21). The page of the
deprecated topic called its side "order side" and its price "executed price"; Bybit corrected that
in public ("when side is Buy, a long position was liquidated", quoted by tardis-node), and the
page of its successor names the bankruptcy price.

The stream cannot show how a position was closed (``method`` is unknown), fill prices, accounts or
the funding interval. ``tickers`` deltas carry changed fields only and nothing is remembered here:
an index price or a funding time that changed alone makes no event, because the mark price or the
rate beside it was not said. Update ids ``u`` are documented as "a sequence", not as gapless, so
``previous_update_id`` stays ``None``; ``u`` = 1 is a snapshot after a restart of the service.
``adlAlert`` has no word for its state; see :func:`airpocket.venues.bybit.messages.adl_state`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from msgspec import UNSET

from airpocket.market.events import Coverage, Event, Liquidation, Method, RawRef, Side
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.market.wire import Decoded, refuse
from airpocket.units import EARLIEST_NS, LATEST_NS, MILLISECOND_NS
from airpocket.venues.bybit import messages, telling
from airpocket.venues.bybit.encoding import encode

__all__ = ["BybitWire", "open_wire"]

_Common: TypeAlias = dict[str, Any]  # venue, local_ns, raw_ref of all events of a frame

# What the busiest loop needs of a rule (until when it holds), and of an instrument (its symbol,
# factor from raw to base size if profit is linear in dollars, dates). Plain tuples unpack fastest.
_Rule: TypeAlias = tuple[Coverage, str, int, int]
_Contract: TypeAlias = tuple[str | None, float | None, int, int, Instrument | None]

_read_closed_frame: Final = messages.read_closed_frame
_FAST: Final = b'{"topic":"allLiquidation.'
_LIQUIDATED: Final = {"Buy": Side.LONG, "Sell": Side.SHORT}
_UNKNOWN_METHOD: Final = Method.UNKNOWN


@final
class BybitWire:
    """One connection to Bybit's public stream. It has nothing to remember.

    Parameters
    ----------
    catalogue
        Instruments; others get ``symbol`` and ``notional_usd`` ``None``, and a note.
    rules
        Rules of the two liquidation topics, and of ``"liquidations"``: which was the best when.

    Raises
    ------
    InputError
        If the rules leave a time without coverage.

    Examples
    --------
    >>> frame = (b'{"topic":"allLiquidation.ADAUSDT","type":"snapshot","ts":1786014947330,"data":'
    ...          b'[{"T":1786014946933,"s":"ADAUSDT","S":"Sell","v":"13248","p":"0.1915"}]}')
    >>> event = open_wire().decode(frame).events[0]
    >>> event.liquidated.value, event.bankruptcy_price, round(event.notional_usd)
    ('short', 0.1915, 2537)
    """

    venue: Final = "bybit"

    def __init__(self, catalogue: Catalogue, rules: FeedRules) -> None:
        for channel in ("liquidations", "allLiquidation", "liquidation"):
            for at_ns in (EARLIEST_NS, LATEST_NS):
                rules.at(channel, at_ns)
        self._catalogue = catalogue
        self._rules = rules
        self._rule_at(LATEST_NS - 1)
        self._contracts: dict[str, _Contract] = {}

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events; what cannot be used is rejected, never raised."""
        if data[:25] == _FAST:
            try:
                frame = _read_closed_frame(data)
            except BAD_FRAME:
                pass  # below, the rows that can be read are kept
            else:
                if frame.topic[:15] == "allLiquidation.":  # unless a second "topic" followed
                    return self._closed(frame.data, (), local_ns, raw_ref)
        try:
            envelope = messages.read_envelope(data)
        except BAD_FRAME as error:
            return refuse(f"not a frame of Bybit: {why(error)}")
        if envelope.topic is None:
            return _reply(envelope)
        common = {"venue": "bybit", "local_ns": local_ns, "raw_ref": raw_ref}
        return self._push(envelope, envelope.topic, common)

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Write events as Bybit would send them: see :mod:`airpocket.venues.bybit.encoding`.

        Raises
        ------
        InputError
            If Bybit has no topic for an event, or the event lacks what its topic needs.
        """
        return encode(events, self._catalogue, self._rules)

    def _push(self, envelope: messages.Envelope, topic: str, common: _Common) -> Decoded:
        name = topic.partition(".")[0]
        if name == "allLiquidation":
            return self._all_liquidation(envelope, common)
        if name == "liquidation":
            return self._old_liquidation(envelope, common)
        tell = telling.TOPICS.get(name)
        if tell is None:
            return refuse(f"unknown topic {topic[:64]!r}")
        return tell(envelope, self._catalogue, common)

    def _all_liquidation(self, envelope: messages.Envelope, common: _Common) -> Decoded:
        rows, rejected = messages.read_closed(envelope.data)
        return self._closed(rows, rejected, common["local_ns"], common["raw_ref"])

    def _closed(
        self,
        rows: list[messages.Closed],
        rejected: tuple[str, ...],
        local_ns: int | None,
        raw_ref: RawRef | None,
    ) -> Decoded:
        events: list[Event] = []
        notes: dict[str, None] | None = None
        qty_base: float | None
        notional_usd: float | None
        coverage, rule_id, rule_from_ns, rule_to_ns = self._rule
        for row in rows:
            venue_ns = row.T * MILLISECOND_NS
            raw_symbol, qty_raw, price = row.s, row.v, row.p
            if not rule_from_ns <= venue_ns < rule_to_ns:
                coverage, rule_id, rule_from_ns, rule_to_ns = self._rule_at(venue_ns)
            contract = self._contracts.get(raw_symbol)
            if contract is None or not contract[2] <= venue_ns < contract[3]:
                contract = self._contract_at(raw_symbol, venue_ns)
            symbol, linear, _, _, instrument = contract
            if linear is not None:
                qty_base = qty_raw * linear
                notional_usd = qty_base * price
            elif instrument is not None:
                qty_base = instrument.qty_base(qty_raw, price)
                notional_usd = instrument.notional_usd(qty_raw, price)
            else:
                qty_base = notional_usd = None
                notes = notes or {}
                notes[f"unknown instrument {raw_symbol}: no notional"] = None
            events.append(
                Liquidation(
                    venue="bybit",
                    symbol=symbol,
                    raw_symbol=raw_symbol,
                    raw_ref=raw_ref,
                    venue_ns=venue_ns,
                    local_ns=local_ns,
                    liquidated=_LIQUIDATED[row.S],
                    bankruptcy_price=price,
                    qty_raw=qty_raw,
                    qty_base=qty_base,
                    notional_usd=notional_usd,
                    method=_UNKNOWN_METHOD,
                    coverage=coverage,
                    rule_id=rule_id,
                )
            )
        return Decoded(events, rejected, None, tuple(notes) if notes else ())

    def _rule_at(self, venue_ns: int) -> _Rule:
        rule = self._rules.at("allLiquidation", venue_ns)
        dates = _or(rule.valid_from_ns, EARLIEST_NS), _or(rule.valid_to_ns, LATEST_NS)
        self._rule = rule.coverage, rule.rule_id, *dates
        return self._rule

    def _contract_at(self, raw_symbol: str, venue_ns: int) -> _Contract:
        row = self._catalogue.find(raw_symbol, venue_ns)
        if row is None:  # not remembered: anyone can make up names
            return None, None, EARLIEST_NS, LATEST_NS, None
        in_dollars = row.kind is Kind.LINEAR and row.notional_usd(1.0, 1.0) is not None
        dates = _or(row.valid_from_ns, EARLIEST_NS), _or(row.valid_to_ns, LATEST_NS)
        linear = row.contract_value if in_dollars else None
        contract = self._contracts[raw_symbol] = row.symbol, linear, *dates, row
        return contract

    def _old_liquidation(self, envelope: messages.Envelope, common: _Common) -> Decoded:
        rows, rejected = messages.read_old_closed(envelope.data)
        events: list[Event] = []
        notes: dict[str, None] = {}
        for row in rows:
            qty_raw = row.size if row.qty is UNSET else row.qty
            time = row.updated_time if row.time is UNSET else row.time
            if qty_raw is UNSET or time is UNSET:
                rejected = (*rejected, f"{row.symbol}: neither qty nor size, or no time")
                continue
            venue_ns = time * MILLISECOND_NS
            rule = self._rules.at("liquidation", venue_ns)
            sized = telling.sized(self._catalogue, row.symbol, venue_ns, qty_raw, row.price, notes)
            events.append(
                Liquidation(
                    **common,
                    **sized,
                    liquidated=_LIQUIDATED[row.side],
                    bankruptcy_price=row.price,
                    method=Method.UNKNOWN,
                    coverage=rule.coverage,
                    rule_id=rule.rule_id,
                    event_id=None if row.id is None else str(row.id),
                )
            )
        return Decoded(events, rejected, None, tuple(notes))


def open_wire(catalogue: Catalogue | None = None) -> BybitWire:
    """Open a wire with the shipped instruments and feed rules.

    Parameters
    ----------
    catalogue
        Instruments instead of the shipped ones.
    """
    toml = Path(__file__).with_name("venue.toml")
    known = Catalogue.load(toml) if catalogue is None else catalogue
    return BybitWire(known, FeedRules.load(toml))


def _reply(envelope: messages.Envelope) -> Decoded:
    if envelope.op is None:
        return refuse("unknown frame: neither topic nor op")
    if envelope.success is False:
        return refuse(f"{envelope.op[:64]} failed: {(envelope.ret_msg or 'no reason')[:200]}")
    if envelope.op in {"ping", "pong"}:
        return Decoded(control="heartbeat")
    if envelope.op in {"subscribe", "unsubscribe"}:
        return Decoded(control="ack")
    return refuse(f"unknown op {envelope.op[:64]!r}")


def _or(date_ns: int | None, otherwise_ns: int) -> int:
    return otherwise_ns if date_ns is None else date_ns
