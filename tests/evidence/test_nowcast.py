"""The project's own detector as a scored one: from ticks or bins, in any order of receipt."""

from typing import Any

import msgspec
import pytest

from airpocket.errors import InputError
from airpocket.evidence.nowcast import Nowcast
from airpocket.evidence.running import run, watched
from airpocket.evidence.score import grade
from airpocket.evidence.watch import Alarm, Onset
from airpocket.market.events import (
    Bar,
    BookChange,
    Coverage,
    Event,
    ForcedFlow,
    Gap,
    Liquidation,
    Method,
    Trade,
)
from airpocket.units import SECOND_NS
from tests.detection.made import AAA, Shape, at_ns, gap, play, tape

SHORT = Shape(quiet_s=700, burst_s=30, after_s=10)
ONSET_NS = at_ns(SHORT.quiet_s)


def binned(shape: Shape = SHORT) -> list[Event]:
    return list(tape(shape))


def ticks(shape: Shape = SHORT) -> list[Event]:
    """What those bins would have been made of: trades and single liquidations."""
    events: list[Event] = []
    for record in tape(shape):
        who: dict[str, Any] = {
            "venue": record.venue,
            "symbol": record.symbol,
            "raw_symbol": record.raw_symbol,
        }
        start_ns = record.venue_ns or 0
        if isinstance(record, Bar):
            prices = [record.open, record.low, record.high, record.close]
            events += [
                Trade(**who, venue_ns=start_ns + 10 + n, price=price, qty_raw=1.0)
                for n, price in enumerate(prices)
            ]
        elif isinstance(record, ForcedFlow):
            sizes = [20_000.0] * 10 if (record.usd or 0) > 10_000 else []
            sizes += [(record.usd or 0.0) - sum(sizes)] * (record.count != len(sizes))
            events += [
                Liquidation(
                    **who,
                    venue_ns=start_ns + 5 + n,
                    liquidated=record.side,
                    qty_raw=1.0,
                    notional_usd=usd,
                    method=Method.BOOK,
                    coverage=Coverage.CENSUS,
                    rule_id="made",
                )
                for n, usd in enumerate(sizes)
            ]
    return sorted(events, key=lambda event: event.venue_ns or 0)


@pytest.fixture(scope="module")
def prompt() -> Alarm:
    """What is said of the ticks, received as they happen."""
    (said,) = run(Nowcast(), ticks(), [AAA]).alarms
    return said


def test_it_says_what_the_detector_says_when_a_watcher_could() -> None:
    (opened,) = [one for one in play(tape(SHORT)) if one.scope == AAA and one.after == "cascade"]
    ran = run(Nowcast(), binned(), [AAA])
    (said,) = ran.alarms
    assert said.symbol == AAA
    # As soon as the bin that opened it has waited for what is received late.
    assert 0 <= said.said_ns - (opened.at_ns + 2 * SECOND_NS) <= SECOND_NS
    score = grade("own", [watched(ran, "a", [Onset(symbol=AAA, onset_ns=ONSET_NS)])])
    assert score.recall_at(30).share == 1.0
    assert score.false_alarms == 0


def test_ticks_lead_to_the_same_alarm(prompt: Alarm) -> None:
    (said,) = run(Nowcast(), binned(), [AAA]).alarms
    assert abs(said.said_ns - prompt.said_ns) <= SECOND_NS  # a bin is known at its end


def test_the_order_of_receipt_within_the_wait_makes_no_difference(prompt: Alarm) -> None:
    events = ticks()
    pairs = [*zip(events[::2], events[1::2], strict=False)]
    swapped = [event for first, second in pairs for event in (second, first)]
    nowcast = Nowcast()
    (said,) = run(nowcast, swapped, [AAA]).alarms
    assert abs(said.said_ns - prompt.said_ns) < 1000  # another tick of the same second proves it
    assert nowcast.late == 0
    # Without the wait, what comes late is lost: the law above is not empty.
    hasty = Nowcast(reorder_ns=0)
    run(hasty, swapped, [AAA])
    assert hasty.late > 0


def test_what_comes_too_late_is_counted_and_changes_nothing(prompt: Alarm) -> None:
    events = ticks()
    old = events[1]
    late = [*events[:1500], old, *events[1500:]]
    nowcast = Nowcast()
    assert run(nowcast, late, [AAA]).alarms == (prompt,)
    assert nowcast.late == 1
    held = Nowcast()
    records = binned()
    for event in (records[500], records[0]):
        held.update(event)
    assert held.late == 1


def test_a_delayed_feed_delays_the_alarm(prompt: Alarm) -> None:
    delayed = [
        msgspec.structs.replace(event, local_ns=(event.venue_ns or 0) + 9 * SECOND_NS)
        for event in ticks()
    ]
    (late,) = run(Nowcast(reorder_ns=11 * SECOND_NS), delayed, [AAA]).alarms
    # A bin waits 11 s for what comes 9 s late, instead of 2 s for what does not.
    assert late.said_ns - prompt.said_ns == pytest.approx(9 * SECOND_NS, abs=SECOND_NS)


def test_a_stricter_one_says_less() -> None:
    weak = Shape(quiet_s=700, after_s=10, sizes_usd=(20_000.0,) * 3)
    alarms = [len(run(Nowcast(strictness=by), binned(weak), [AAA]).alarms) for by in (1.0, 1000.0)]
    assert alarms == [1, 0]


def test_a_hole_makes_it_unknown_and_other_records_are_let_pass() -> None:
    nowcast = Nowcast()
    for event in binned()[:400]:
        nowcast.update(event)
    hole: Gap = gap(500)
    book = BookChange(
        venue="okx", symbol=AAA, raw_symbol=AAA, venue_ns=at_ns(500), bids=[], asks=[],
        is_snapshot=False,
    )  # fmt: skip
    nowcast.update(book)
    nowcast.update(hole)
    nowcast.update(msgspec.structs.replace(book, venue_ns=at_ns(510)))
    assert nowcast.phase(AAA) == "unknown"
    assert nowcast.phase("another") == "calm"


def test_records_without_time_wait_for_one() -> None:
    nowcast = Nowcast()
    event = ticks()[0]
    nowcast.update(msgspec.structs.replace(event, venue_ns=None))
    assert nowcast.phase(AAA) == "calm"


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="strictness"):
        Nowcast(strictness=0.0)
    with pytest.raises(InputError, match="waiting"):
        Nowcast(reorder_ns=-1)
