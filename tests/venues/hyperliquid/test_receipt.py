"""One frame's events share clock, bytes and notes."""

from airpocket.market.events import Mark, OpenInterest, RawRef
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.venues.hyperliquid.messages import CoinFigures, Figures, Print
from airpocket.venues.hyperliquid.receipt import Receipt

ROW = Instrument(
    venue="hyperliquid",
    raw_symbol="BTC",
    symbol="BTC/USDC:USDC",
    kind=Kind.LINEAR,
    base="BTC",
    quote="USDC",
    settle="USDC",
)


def test_notes_name_each_unknown_coin_once_after_what_was_noted_before() -> None:
    at = Receipt(Catalogue([ROW]), 5, RawRef("t", 1))
    at.notes.append("first")
    events = [at.trade(Print(c, "A", 1.0, 1.0, 1, 1), 7, None) for c in ("X", "BTC", "X")]
    said = at.done(list(events))
    assert said.notes == ("first", "unknown instrument X: no notional")
    assert [(e.local_ns, e.raw_ref) for e in events] == [(5, RawRef("t", 1))] * 3
    assert [e.notional_usd for e in events] == [None, 1.0, None]


def test_open_interest_of_an_unknown_coin_is_left_out_not_said_as_nothing() -> None:
    at = Receipt(Catalogue([ROW]), 5, None)
    (only,) = at.figures(CoinFigures("X", Figures(mark_px=2.0, open_interest=3.0)))
    assert isinstance(only, Mark)
    (held,) = at.figures(CoinFigures("BTC", Figures(open_interest=3.0)))
    assert isinstance(held, OpenInterest)
    assert (held.qty_base, held.notional_usd) == (3.0, None)  # no mark beside it
