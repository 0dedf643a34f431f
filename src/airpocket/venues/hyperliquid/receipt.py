"""One received frame of Hyperliquid while it is read: it turns parts into events."""

from typing import Final, final

from airpocket.market.events import (
    BookChange,
    Event,
    Funding,
    Liquidation,
    Mark,
    OpenInterest,
    RawRef,
    Side,
    Taker,
    Trade,
)
from airpocket.market.feed_rule import FeedRule
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.wire import Decoded
from airpocket.units import HOUR_NS, MILLISECOND_NS
from airpocket.venues.hyperliquid.fills import Fill, method_of
from airpocket.venues.hyperliquid.messages import CoinBook, CoinFigures, Print

__all__ = ["VENUE", "Receipt"]

VENUE: Final = "hyperliquid"


@final
class Receipt:
    """What all events of one frame share, and the notes about them.

    Parameters
    ----------
    catalogue
        Instruments by coin.
    local_ns, raw_ref
        As given to :meth:`airpocket.market.wire.Wire.decode`.
    """

    __slots__ = ("_catalogue", "_unknown", "local_ns", "notes", "raw_ref")

    def __init__(self, catalogue: Catalogue, local_ns: int | None, raw_ref: RawRef | None) -> None:
        self._catalogue = catalogue
        self._unknown: dict[str, None] = {}
        self.local_ns = local_ns
        self.raw_ref = raw_ref
        self.notes: list[str] = []

    def done(self, events: list[Event]) -> Decoded:
        """Hand over events with the notes about them."""
        if not self.notes and not self._unknown:
            return Decoded(events)
        notes = [*self.notes, *(f"unknown instrument {c}: no notional" for c in self._unknown)]
        return Decoded(events, (), None, tuple(notes))

    def trade(self, row: Print | Fill, venue_ns: int, taker: Taker | None) -> Trade:
        """Say a trade of the book (size in coins)."""
        instrument = self._instrument(row.coin, venue_ns)
        symbol = qty_base = notional_usd = None
        if instrument is not None:
            symbol = instrument.symbol
            qty_base = instrument.qty_base(row.sz, row.px)
            notional_usd = instrument.notional_usd(row.sz, row.px)
        return Trade(
            venue=VENUE,
            symbol=symbol,
            raw_symbol=row.coin,
            raw_ref=self.raw_ref,
            venue_ns=venue_ns,
            local_ns=self.local_ns,
            price=row.px,
            qty_raw=row.sz,
            qty_base=qty_base,
            notional_usd=notional_usd,
            taker=taker,
            trade_id=None if row.tid is None else str(row.tid),
        )

    def liquidation(
        self, fill: Fill, side: Side | None, venue_ns: int, rule: FeedRule
    ) -> Liquidation:
        """Say a forced close, as far as one leg of it tells."""
        instrument = self._instrument(fill.coin, venue_ns)
        symbol = qty_base = notional_usd = None
        if instrument is not None:
            symbol = instrument.symbol
            qty_base = instrument.qty_base(fill.sz, fill.px)
            notional_usd = instrument.notional_usd(fill.sz, fill.px)
        mark = fill.liquidation
        return Liquidation(
            venue=VENUE,
            symbol=symbol,
            raw_symbol=fill.coin,
            raw_ref=self.raw_ref,
            venue_ns=venue_ns,
            local_ns=self.local_ns,
            liquidated=side,
            fill_price=fill.px,
            qty_raw=fill.sz,
            qty_base=qty_base,
            notional_usd=notional_usd,
            method=method_of(fill),
            coverage=rule.coverage,
            rule_id=rule.rule_id,
            mark_price=None if mark is None else mark.mark_px,
            account=None if mark is None else mark.liquidated_user,
            event_id=None if fill.tid is None else str(fill.tid),
        )

    def book(self, said: CoinBook) -> BookChange:
        """Say a whole book."""
        venue_ns = said.time * MILLISECOND_NS
        instrument = self._instrument(said.coin, venue_ns)
        bids, asks = said.levels
        return BookChange(
            venue=VENUE,
            symbol=None if instrument is None else instrument.symbol,
            raw_symbol=said.coin,
            raw_ref=self.raw_ref,
            venue_ns=venue_ns,
            local_ns=self.local_ns,
            bids=[(level.px, level.sz) for level in bids],
            asks=[(level.px, level.sz) for level in asks],
            is_snapshot=True,
        )

    def figures(self, said: CoinFigures) -> list[Event]:
        """Say mark, funding and open interest, each if it is there.

        The message has no time, so the events have our clock only. Open interest of an unknown
        instrument is noted and left out: it would hold no figure.
        """
        instrument = self._instrument(said.coin, self.local_ns)
        symbol = None if instrument is None else instrument.symbol
        ctx, events = said.ctx, list[Event]()
        if ctx.mark_px is not None:
            events.append(
                Mark(
                    venue=VENUE,
                    symbol=symbol,
                    raw_symbol=said.coin,
                    raw_ref=self.raw_ref,
                    local_ns=self.local_ns,
                    mark_price=ctx.mark_px,
                    index_price=ctx.oracle_px,
                )
            )
        if ctx.funding is not None:
            events.append(
                Funding(
                    venue=VENUE,
                    symbol=symbol,
                    raw_symbol=said.coin,
                    raw_ref=self.raw_ref,
                    local_ns=self.local_ns,
                    rate=ctx.funding,
                    interval_ns=HOUR_NS,
                )
            )
        if ctx.open_interest is not None and instrument is not None:
            coins, price = ctx.open_interest, ctx.mark_px
            events.append(
                OpenInterest(
                    venue=VENUE,
                    symbol=symbol,
                    raw_symbol=said.coin,
                    raw_ref=self.raw_ref,
                    local_ns=self.local_ns,
                    qty_base=coins * instrument.contract_value,
                    notional_usd=None if price is None else instrument.notional_usd(coins, price),
                )
            )
        return events

    def _instrument(self, coin: str, at_ns: int | None) -> Instrument | None:
        found = self._catalogue.find(coin, at_ns)
        if found is None:
            self._unknown[coin] = None
        return found
