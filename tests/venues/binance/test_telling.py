"""The teller and its answer; what the messages mean is tested through the wire."""

from pathlib import Path

from airpocket.market.events import Method, Trade
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.venues.binance import wire
from airpocket.venues.binance.listing import Listings
from airpocket.venues.binance.messages import TradePrint
from airpocket.venues.binance.telling import OFF_BOOK, Answer, Teller

TOML = Path(wire.__file__).with_name("venue.toml")
PRINT = TradePrint(
    symbol="NOVEL", trade_id=1, price=2.0, qty=3.0, time_ms=1_600_000_000_000, buyer_is_maker=True
)


def teller() -> Teller:
    return Teller("v", Listings(Catalogue.load(TOML)), FeedRules.load(TOML))


def test_an_answer_keeps_order_and_says_a_note_once() -> None:
    answer = Answer("", 5, None)
    for said in ("b", "a", "b"):
        answer.note(said)
    answer.rejected.append("bad")
    decoded = answer.decoded()
    assert decoded.notes == ("b", "a")
    assert (decoded.rejected, decoded.control, decoded.events) == (("bad",), None, [])


def test_ten_thousand_unknown_instruments_of_one_frame_are_one_note() -> None:
    answer = Answer("", None, None)
    for _ in range(10_000):
        teller_once.tell(PRINT, answer)
    assert len(answer.events) == 10_000
    assert len(answer.decoded().notes) == 1


teller_once = teller()


def test_a_message_is_told_under_the_venue_and_clock_of_the_answer() -> None:
    answer = Answer("", 5, None)
    teller().tell(PRINT, answer)
    (event,) = answer.events
    assert isinstance(event, Trade)
    assert (event.venue, event.local_ns, event.notional_usd) == ("v", 5, None)


def test_prints_off_the_book_are_takeovers_and_deleveraging() -> None:
    assert OFF_BOOK == {"INSURANCE_FUND": Method.BACKSTOP, "ADL": Method.ADL}
