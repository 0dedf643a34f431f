from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.market import dedup
from airpocket.market.dedup import RESENT_NS, Dedup
from airpocket.market.events import (
    BookChange,
    Coverage,
    Event,
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    RawRef,
    Side,
    Taker,
    Trade,
)
from airpocket.units import MINUTE_NS, SECOND_NS

T0 = 1_760_130_903_000_000_000


def trade(number: int, *, name: str | None = "", venue: str = "okx", symbol: str = "X") -> Trade:
    return Trade(
        venue=venue, symbol=None, raw_symbol=symbol, venue_ns=T0 + number, price=2.0, qty_raw=1.0,
        taker=Taker.BUY, trade_id=str(number) if name == "" else name,
    )  # fmt: skip


def forced(number: int, *, qty: float = 1.0, at_ns: int | None = None) -> Liquidation:
    return Liquidation(
        venue="bybit", symbol=None, raw_symbol="X", liquidated=Side.LONG, fill_price=5.0,
        venue_ns=T0 + number * 1_000_000 if at_ns is None else at_ns, qty_raw=qty,
        method=Method.UNKNOWN, coverage=Coverage.CENSUS, rule_id="r",
    )  # fmt: skip


def mark(number: int, price: float = 2.0, venue: str = "bybit") -> Mark:
    return Mark(
        venue=venue, symbol=None, raw_symbol="X", venue_ns=T0 + number * SECOND_NS,
        mark_price=price,
    )  # fmt: skip


def let_through(dedup: Dedup, said: Sequence[tuple[str, Event]]) -> list[Event]:
    return [event for stream, event in said for event in dedup.fresh(stream, [event])]


# Nameless events come up to three times in a row: two liquidations may look the same.
@st.composite
def sequences(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["trade", "nameless", "forced", "mark", "interest"]))
        if kind == "trade":
            events.append(trade(number))
        elif kind == "nameless":
            events += [trade(number, name=None)] * draw(st.integers(1, 3))
        elif kind == "forced":
            events += [forced(number, qty=draw(st.sampled_from([1.0, 2.0])))] * draw(
                st.integers(1, 3)
            )
        elif kind == "mark":
            events.append(mark(0, price=float(number + 1)))
        else:
            events.append(
                OpenInterest(
                    venue="okx",
                    symbol=None,
                    raw_symbol="X",
                    venue_ns=T0 + number,
                    qty_base=1.0,
                    notional_usd=None,
                )
            )
    return events


@given(sequences(), st.integers(2, 3), st.data())
def test_any_interleaving_of_copies_gives_each_event_once_and_in_order(
    events: list[Event], copies: int, data: st.DataObject
) -> None:
    order = data.draw(
        st.permutations([copy for copy in range(copies) for _ in events]), label="order"
    )
    copied = [iter(events) for _ in range(copies)]
    said = [(f"connection {copy}", next(copied[copy])) for copy in order]
    assert let_through(Dedup(), said) == events


@given(sequences(), st.integers(0, 40))
def test_a_connection_that_joins_late_adds_only_what_is_new(events: list[Event], at: int) -> None:
    first, second = events[:at], events[max(0, at - 5) :]
    said = [("first", event) for event in first] + [("second", event) for event in second]
    got = let_through(Dedup(), said)
    # A second equal one that only the later connection saw cannot be told from the first.
    assert not Counter(map(repr, got)) - Counter(map(repr, events))
    assert {repr(event) for event in got} == {repr(event) for event in events}


def test_two_equal_liquidations_are_two_and_their_replay_adds_none() -> None:
    """F22: two equal frames in one connection; the same pair again after a reconnect."""
    dedup, pair = Dedup(), [forced(1), forced(1)]
    assert len(dedup.fresh("one", pair)) == 2
    assert dedup.fresh("two", pair) == ()
    assert dedup.fresh("two", [forced(1)]) == (forced(1),), "a third is new wherever it is seen"
    assert dedup.fresh("one", [forced(1)]) == ()


def test_the_same_event_over_two_endpoints_is_one() -> None:
    """F21: also if the catalogue learnt of the instrument between the copies."""
    dedup = Dedup()
    known = replace(forced(1), symbol="X/USDT:USDT", qty_base=1.0, notional_usd=5.0)
    later = replace(known, local_ns=T0 + 9, raw_ref=RawRef("t", 3))
    assert len(dedup.fresh("fstream", [forced(1)])) == 1
    assert dedup.fresh("dstream", [later]) == ()


def test_a_replay_after_subscribing_again_on_the_same_connection_adds_none() -> None:
    """F20: what lies well behind the newest time of its connection is a repeat."""
    dedup = Dedup()
    news: list[Event] = [forced(1), forced(1), mark(10)]
    assert len(dedup.fresh("one", news)) == 3
    assert dedup.fresh("one", [forced(1), forced(1), forced(1)]) == ()
    fresh = forced(0, at_ns=T0 + 10 * SECOND_NS - RESENT_NS)
    assert len(dedup.fresh("one", [fresh, fresh])) == 2, "not yet so far behind"
    assert len(dedup.fresh("one", [forced(2)])) == 1, "late, and never said before"


def test_a_clock_gone_wild_does_not_make_repeats_of_news() -> None:
    dedup = Dedup()
    wild = replace(mark(3600), local_ns=T0)
    pair = [replace(forced(1), local_ns=T0 + 1)] * 2
    assert len(dedup.fresh("one", [wild, *pair])) == 3


def test_a_replay_of_named_trades_adds_none_however_old() -> None:
    dedup = Dedup(span_ns=SECOND_NS)
    quiet = [trade(number) for number in range(200)]
    loud = [trade(number, symbol="Y") for number in range(5000)]
    dedup.fresh("one", quiet)
    dedup.fresh("one", [replace(one, venue_ns=T0 + MINUTE_NS) for one in loud])
    assert dedup.fresh("one", quiet) == ()


def test_names_are_of_an_instrument_and_a_kind() -> None:
    dedup = Dedup()
    liquidation = replace(forced(7), venue="okx", event_id="7")
    several: list[Event] = [trade(7), trade(7, symbol="Y"), trade(7, venue="bybit"), liquidation]
    assert len(dedup.fresh("one", several)) == 4
    assert dedup.fresh("two", several) == ()


def test_a_state_said_again_is_no_news_but_a_state_without_time_may_last() -> None:
    dedup = Dedup()
    assert len(dedup.fresh("one", [mark(1), mark(1), mark(1, price=3.0), mark(2)])) == 3
    timeless = replace(mark(1), venue_ns=None)
    assert len(dedup.fresh("one", [timeless, timeless])) == 2
    rate = Funding(venue="okx", symbol=None, raw_symbol="X", venue_ns=T0, rate=1e-4)
    assert len(dedup.fresh("one", [rate, rate])) == 1


def test_books_pass_untouched() -> None:
    change = BookChange(
        venue="okx", symbol=None, raw_symbol="X", venue_ns=T0, bids=[], asks=[], is_snapshot=False
    )
    assert len(Dedup().fresh("one", [change, change])) == 2


def test_nameless_events_without_a_time_are_counted_too() -> None:
    dedup, one = Dedup(), replace(forced(1), venue_ns=None, local_ns=T0)
    assert len(dedup.fresh("one", [one, one])) == 2
    assert dedup.fresh("two", [replace(one, local_ns=T0 + 5)]) == ()


def test_memory_is_bounded_by_count_and_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "_INSTRUMENTS_MOST", 4)
    guarded = Dedup(span_ns=SECOND_NS, state_span_ns=SECOND_NS)
    for number in range(100_000):
        guarded.is_new("one", replace(trade(number), venue_ns=T0 + number * 10_000_000))
    for number in range(2000):
        guarded.is_new("one", mark(number))
    for number in range(50):
        guarded.is_new(f"stream {number}", trade(1, symbol=f"S{number}"))
        guarded.is_new("one", replace(forced(1), raw_symbol=f"S{number}"))
    held = [len(m.young) + len(m.old) for m in guarded._trades.values()]
    states = [len(m.young) + len(m.old) for m in guarded._others.values()]
    assert len(held) <= 4
    assert len(states) <= 4
    assert len(guarded._newest_ns) <= 4
    assert max(held) <= 600
    assert max(states) <= 20


def test_within_its_memory_nothing_is_forgotten() -> None:
    guarded = Dedup(span_ns=MINUTE_NS)
    spread = [replace(trade(n), venue_ns=T0 + n * 10_000_000) for n in range(20_000)]
    assert len(guarded.fresh("one", spread)) == 20_000
    last_minute = [one for one in spread if one.venue_ns > spread[-1].venue_ns - MINUTE_NS]  # type: ignore[operator]
    assert len(last_minute) == 6000
    assert guarded.fresh("two", last_minute) == ()
    marks = [mark(number) for number in range(200)]
    steady = Dedup(state_span_ns=30 * SECOND_NS)
    assert len(steady.fresh("one", marks)) == 200
    assert steady.fresh("two", marks[-30:]) == ()


def test_a_closed_connection_is_forgotten_its_events_are_not() -> None:
    guarded = Dedup()
    guarded.fresh("one", [forced(1), mark(100)])
    guarded.close_stream("bybit", "one")
    guarded.close_stream("bybit", "never opened")
    assert guarded.fresh("two", [forced(1)]) == ()
