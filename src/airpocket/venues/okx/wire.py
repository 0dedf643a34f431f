"""Frames of OKX's v5 public stream, and of the recordings of its older liquidation lists.

======================== =================== ================= =========== =======================
channel                  side means          price is          size unit   coverage
======================== =================== ================= =========== =======================
``liquidation-orders``   ORDER side (sell    ``bkPx``, the     contracts   not all, says OKX; until
                         closes a long),     price of the                  2026 at most one a
                         ``posSide`` beside  takeover by OKX's             second and contract
                         it unless "net"     liquidation acct.
``liquidations``         the same            ``bkPx``          contracts   polled list, 2021-22
``futures/liquidation``, type 3 closed a     price             contracts   polled list, 2020-21
``swap/liquidation``     long, 4 a short
``trades``               taker               fill              contracts   every trade
``mark-price``           --                  mark              --          200 ms
``funding-rate``         --                  --                --          30-90 s
``open-interest``        --                  --                contracts,  3 s
                                                               coins, USD
``books``, ``books5`` …  --                  level             contracts   400 / 5 levels, 100 ms
``adl-warning``          --                  --                fund's coin 1 s, in state warning
                                                                           or adl only (2026)
======================== =================== ================= =========== =======================

Sources: okx.com/docs-v5, public data and order book websocket (copy of 2026-07-19). ``bkPx`` was
called "bankruptcy price" there, in 2026 "liquidation mark price", each time with "the price of the
transaction with the system's liquidation account": it is given as ``bankruptcy_price``, and it is
no price of a trade on the book.

Every entry of ``data[].details[]`` is an event, in the order written, which is not that of time.
The first push after subscribing repeats an old liquidation. It is skipped, and said so, once a
subscription was acknowledged on this connection; without an acknowledgement (a recording that
starts later, a single frame) nothing is skipped, nor if all of it happened after the
acknowledgement by the clocks.

Contracts become base coins through :class:`~airpocket.market.instrument.Instrument`; in books too,
but for inverse contracts. The stream cannot show how a position was closed (``method`` is
unknown), fill prices or accounts. ``adl-warning`` no longer says the coin of its balance, and then
there is no :class:`~airpocket.market.events.InsuranceFund`, only the warning.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from airpocket.errors import InputError
from airpocket.market.events import Coverage, Event, Liquidation, Method, RawRef, Side
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.market.wire import Decoded, refuse
from airpocket.units import (
    EARLIEST_NS,
    LATEST_NS,
    MILLISECOND_NS,
    SECOND_NS,
    is_plausible_ns,
    ns_from_iso,
)
from airpocket.venues.okx import messages, telling
from airpocket.venues.okx.encoding import encode

__all__ = ["OkxWire", "open_wire"]

_Common: TypeAlias = dict[str, Any]  # venue, local_ns, raw_ref of all events of a frame

# What the busiest loop needs of a rule (until when it holds), and of an instrument (its symbol,
# factor from contracts to base if profit is linear in dollars, dates). Plain tuples unpack fastest.
_Rule: TypeAlias = tuple[Coverage, str, int, int]
_Contract: TypeAlias = tuple[str | None, float | None, int, int, Instrument | None]

_read_closed_frame: Final = messages.read_closed_frame
_LIQUIDATIONS: Final = "liquidation-orders"
_FAST: Final = b'{"arg":{"channel":"liquidation-orders"'
_FAST_END: Final = len(_FAST)
# (posSide, side) that agree; sides that contradict each other are said to be unknown.
_LIQUIDATED: Final = {
    ("long", "sell"): Side.LONG,
    ("net", "sell"): Side.LONG,
    ("", "sell"): Side.LONG,
    ("long", ""): Side.LONG,
    ("short", "buy"): Side.SHORT,
    ("net", "buy"): Side.SHORT,
    ("", "buy"): Side.SHORT,
    ("short", ""): Side.SHORT,
}
_TYPE_3_4: Final = {"3": Side.LONG, "4": Side.SHORT}
_UNKNOWN_METHOD: Final = Method.UNKNOWN
_CLOCKS_APART_NS: Final = 5 * SECOND_NS  # by which OKX's clock may be ahead of ours


@final
class OkxWire:
    """One connection to OKX's public stream.

    It remembers which liquidation subscriptions were acknowledged and still owe their first push.

    Parameters
    ----------
    catalogue
        Instruments; others get ``symbol`` and ``notional_usd`` ``None``, and a note.
    rules
        Rules of the channel ``"liquidations"``, by date.

    Raises
    ------
    InputError
        If the rules leave a time without coverage.

    Examples
    --------
    >>> frame = (b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":'
    ...          b'[{"bkPx":"82655.7","posSide":"long","side":"sell","sz":"8.55",'
    ...          b'"ts":"1791565600771"}],"instId":"BTC-USDT-SWAP"}]}')
    >>> event = open_wire().decode(frame).events[0]
    >>> event.liquidated.value, event.bankruptcy_price, round(event.notional_usd)
    ('long', 82655.7, 7067)
    """

    venue: Final = "okx"

    def __init__(self, catalogue: Catalogue, rules: FeedRules) -> None:
        rules.at("liquidations", EARLIEST_NS)
        self._catalogue = catalogue
        self._rules = rules
        self._rule_at(LATEST_NS - 1)
        self._contracts: dict[str, _Contract] = {}
        self._owed: dict[str, int | None] = {}  # instrument type -> when it was acknowledged

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events; what cannot be used is rejected, never raised."""
        if data[:_FAST_END] == _FAST:
            try:
                frame = _read_closed_frame(data)
            except BAD_FRAME:
                pass  # below, the entries that can be read are kept
            else:
                if frame.arg.channel == _LIQUIDATIONS:  # unless a second "channel" followed
                    said = self._closed(frame.data, (), local_ns, raw_ref)
                    return self._unless_owed(frame.arg.inst_type, said) if self._owed else said
        return self._read(data, local_ns, raw_ref)

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Write events as OKX would send them: see :mod:`airpocket.venues.okx.encoding`.

        Raises
        ------
        InputError
            If OKX has no channel for an event, or the event lacks what its channel needs.
        """
        return encode(events, self._catalogue)

    def _read(self, data: bytes, local_ns: int | None, raw_ref: RawRef | None) -> Decoded:
        if data == b"pong":
            return Decoded(control="heartbeat")
        try:
            envelope = messages.read_envelope(data)
        except BAD_FRAME as error:
            return refuse(f"not a frame of OKX: {why(error)}")
        if envelope.event is not None:
            return self._reply(envelope, envelope.event, local_ns)
        common = {"venue": "okx", "local_ns": local_ns, "raw_ref": raw_ref}
        if envelope.table is not None:
            return self._old_liquidations(envelope, envelope.table, common)
        if envelope.arg is None:
            return refuse("unknown frame: neither arg, event nor table")
        return self._push(envelope, envelope.arg, common)

    def _push(self, envelope: messages.Envelope, arg: messages.Arg, common: _Common) -> Decoded:
        if arg.channel == _LIQUIDATIONS:
            return self._liquidation_orders(envelope, arg, common)
        if arg.channel == "liquidations":
            return self._polled_liquidations(envelope, arg, common)
        tell = telling.CHANNELS.get(arg.channel)
        if tell is None:
            return refuse(f"unknown channel {arg.channel!r}")
        return tell(envelope, arg, self._catalogue, common)

    def _reply(self, envelope: messages.Envelope, event: str, local_ns: int | None) -> Decoded:
        arg = envelope.arg
        about_liquidations = arg is not None and arg.channel == _LIQUIDATIONS
        inst_type = "" if arg is None else arg.inst_type or ""
        if event == "subscribe":
            if about_liquidations:
                self._owed[inst_type] = local_ns
            return Decoded(control="ack")
        if event == "unsubscribe":
            if about_liquidations:
                self._owed.pop(inst_type, None)
            return Decoded(control="ack")
        if event == "channel-conn-count":
            return Decoded(control="ack")
        said = f"{str(envelope.code)[:16]}: {(envelope.msg or 'no reason')[:200]}"
        if event == "notice":
            return Decoded(control="notice", notes=(f"notice {said}",))
        if event in {"error", "channel-conn-count-error"}:
            return refuse(f"{event} {said}")
        return refuse(f"unknown event {event[:64]!r}")

    def _unless_owed(self, inst_type: str, said: Decoded) -> Decoded:
        """Skip the first push that an acknowledged subscription owes: it repeats the past."""
        if inst_type not in self._owed or not said.events:
            return said
        acked_ns = self._owed.pop(inst_type)
        if acked_ns is not None:
            times = [event.venue_ns for event in said.events if event.venue_ns is not None]
            if min(times, default=0) > acked_ns + _CLOCKS_APART_NS:
                return said
        note = f"{len(said.events)} skipped: the first push after subscribing repeats old ones"
        return Decoded(rejected=said.rejected, control="replay", notes=(note,))

    def _liquidation_orders(
        self, envelope: messages.Envelope, arg: messages.Arg, common: _Common
    ) -> Decoded:
        rows, rejected = messages.read_closed(envelope.data)
        wholes = []
        for row in rows:
            details, bad = messages.read_details(row.details)
            rejected += tuple(f"{row.inst_id} {reason}" for reason in bad)
            wholes.append(messages.ClosedWhole(row.inst_id, details))
        said = self._closed(wholes, rejected, common["local_ns"], common["raw_ref"])
        return self._unless_owed(arg.inst_type or "", said)

    def _polled_liquidations(
        self, envelope: messages.Envelope, arg: messages.Arg, common: _Common
    ) -> Decoded:
        if arg.inst_id is None:
            return refuse("liquidations of no instrument: arg lacks instId")
        details, rejected = messages.read_details(envelope.data)
        whole = messages.ClosedWhole(arg.inst_id, details)
        return self._closed([whole], rejected, common["local_ns"], common["raw_ref"])

    def _closed(
        self,
        wholes: list[messages.ClosedWhole],
        rejected: tuple[str, ...],
        local_ns: int | None,
        raw_ref: RawRef | None,
    ) -> Decoded:
        events: list[Event] = []
        notes: dict[str, None] | None = None
        coverage, rule_id, rule_from_ns, rule_to_ns = self._rule
        for whole in wholes:
            raw_symbol = whole.inst_id
            contract = self._contracts.get(raw_symbol)
            for row in whole.details:
                venue_ns = row.ts * MILLISECOND_NS
                qty_raw, price = row.sz, row.bk_px or None
                if not rule_from_ns <= venue_ns < rule_to_ns:
                    coverage, rule_id, rule_from_ns, rule_to_ns = self._rule_at(venue_ns)
                if contract is None or not contract[2] <= venue_ns < contract[3]:
                    contract = self._contract_at(raw_symbol, venue_ns)
                symbol, linear, _, _, instrument = contract
                notional_usd: float | None = None
                qty_base: float | None = None
                if price is None:
                    pass
                elif linear is not None:
                    qty_base = qty_raw * linear
                    notional_usd = qty_base * price
                elif instrument is not None:
                    qty_base = instrument.qty_base(qty_raw, price)
                    notional_usd = instrument.notional_usd(qty_raw, price)
                liquidated = _LIQUIDATED.get((row.pos_side, row.side))
                if notional_usd is None or liquidated is None:
                    notes = notes or {}
                    notes.update(_lacking(raw_symbol, row, instrument))
                events.append(
                    Liquidation(
                        venue="okx",
                        symbol=symbol,
                        raw_symbol=raw_symbol,
                        raw_ref=raw_ref,
                        venue_ns=venue_ns,
                        local_ns=local_ns,
                        liquidated=liquidated,
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
        rule = self._rules.at("liquidations", venue_ns)
        dates = _or(rule.valid_from_ns, EARLIEST_NS), _or(rule.valid_to_ns, LATEST_NS)
        self._rule = rule.coverage, rule.rule_id, *dates
        return self._rule

    def _contract_at(self, raw_symbol: str, venue_ns: int) -> _Contract:
        row = self._catalogue.find(raw_symbol, venue_ns)
        if row is None:  # not remembered: anyone can make up names
            return None, None, venue_ns, venue_ns, None
        in_dollars = row.kind is Kind.LINEAR and row.notional_usd(1.0, 1.0) is not None
        dates = _or(row.valid_from_ns, EARLIEST_NS), _or(row.valid_to_ns, LATEST_NS)
        linear = row.contract_value if in_dollars else None
        contract = self._contracts[raw_symbol] = row.symbol, linear, *dates, row
        return contract

    def _old_liquidations(
        self, envelope: messages.Envelope, table: str, common: _Common
    ) -> Decoded:
        if table not in {"futures/liquidation", "swap/liquidation"}:
            return refuse(f"unknown table {table[:64]!r}")
        rows, rejected = messages.read_old_closed(envelope.data)
        events: list[Event] = []
        notes: dict[str, None] = {}
        for row in rows:
            try:
                venue_ns = _created_ns(row.created_at)
            except InputError as error:
                rejected = (*rejected, f"created_at: {why(error)}")
                continue
            rule = self._rules.at("liquidations", venue_ns)
            sized = telling.sized(
                self._catalogue, row.instrument_id, venue_ns, row.size, row.price, notes
            )
            events.append(
                Liquidation(
                    **common,
                    **sized,
                    liquidated=_TYPE_3_4[row.type],
                    bankruptcy_price=row.price,
                    method=Method.UNKNOWN,
                    coverage=rule.coverage,
                    rule_id=rule.rule_id,
                )
            )
        return Decoded(events, rejected, None, tuple(notes))


def open_wire(catalogue: Catalogue | None = None) -> OkxWire:
    """Open a wire with the shipped instruments and feed rules.

    Parameters
    ----------
    catalogue
        Instruments instead of the shipped ones.
    """
    toml = Path(__file__).with_name("venue.toml")
    known = Catalogue.load(toml) if catalogue is None else catalogue
    return OkxWire(known, FeedRules.load(toml))


def _lacking(
    raw_symbol: str, row: messages.Detail, instrument: Instrument | None
) -> dict[str, None]:
    """Say in words what a liquidation does not say."""
    lacking: dict[str, None] = {}
    if instrument is None:
        lacking[f"unknown instrument {raw_symbol}: no notional"] = None
    if row.bk_px == "":
        lacking[f"{raw_symbol}: no price said, no notional"] = None
    if (row.pos_side, row.side) not in _LIQUIDATED:
        said = f"posSide {row.pos_side!r} with side {row.side!r}"
        lacking[f"{raw_symbol}: {said} does not tell which side was closed"] = None
    return lacking


def _created_ns(text: str) -> int:
    created_ns = ns_from_iso(text)
    if not is_plausible_ns(created_ns):
        raise InputError(f"{text!r} is not a time at which anything was traded")
    return created_ns


def _or(date_ns: int | None, otherwise_ns: int) -> int:
    return otherwise_ns if date_ns is None else date_ns
