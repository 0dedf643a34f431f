import itertools
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import Phase as Runs
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.alerts.alert import Stage
from airpocket.alerts.fact import FactName
from airpocket.detection.episode import Kind, Phase, Transition
from airpocket.live import following
from airpocket.live.following import REORDER_NS, WIDTH_NS, Follower
from airpocket.live.receiver import Reading
from airpocket.market.dedup import Dedup
from airpocket.market.events import (
    Depth,
    Event,
    Funding,
    Gap,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from tests.live.recorded import (
    ONSET_S,
    START_NS,
    alerts,
    feed,
    follow,
    gap,
    market,
    readings_of,
    watched,
    written,
)

N = FactName
EVENTS = market()
READINGS = readings_of(EVENTS)
SAID = follow(READINGS)
BYTES = written(SAID)
WATCHED = written(watched(READINGS))


# A failing example of two hours of events cannot be made smaller in reasonable time.
FEW = settings(max_examples=4, phases=[Runs.explicit, Runs.generate])


def shuffled(seed: int) -> list[Reading]:
    """All events, each received up to 1.9 s late."""
    rng = random.Random(seed)
    late = sorted(
        ((event.venue_ns or 0) + rng.randrange(1900) * MILLISECOND_NS, number)
        for number, event in enumerate(EVENTS)
    )
    return [feed(EVENTS[number], local_ns) for local_ns, number in late]


def at(second: float) -> int:
    return START_NS + round(second * SECOND_NS)


def index(second: float) -> int:
    return next(n for n, one in enumerate(READINGS) if one.local_ns >= at(second))


class TestWhatIsSaid:
    def test_a_cascade_is_opened_followed_and_ended_under_one_id(self) -> None:
        told = alerts(SAID)
        assert [told[0].stage, told[-1].stage] == [Stage.OPEN, Stage.FEED_ENDED]
        assert alerts(watched(READINGS))[-1].stage is Stage.ALL_CLEAR
        forced = [one for one in told if one.signal.value == "LIQUIDATION_CASCADE"]
        assert len({one.alert_id for one in forced}) == 1
        assert 0 <= forced[0].onset_ns - at(ONSET_S) < 2 * SECOND_NS

    def test_a_quiet_market_is_told_nothing_of(self) -> None:
        assert alerts(follow(readings_of(market(cascade=False)))) == []

    def test_it_is_said_two_seconds_after_its_bin(self) -> None:
        follower = Follower()
        for reading in READINGS:
            for one in follower.take(reading):
                assert isinstance(one, Transition)
                waited_ns = reading.local_ns - one.at_ns
                assert REORDER_NS <= waited_ns < REORDER_NS + 2 * WIDTH_NS
                return
        pytest.fail("nothing was said")

    def test_what_was_not_kept_is_not_followed(self) -> None:
        refused = [
            replace(one, kept=False, events=(), said=Decoded())
            if isinstance(one.events[0], Liquidation)
            else one
            for one in READINGS
        ]
        assert not [a for a in alerts(follow(refused)) if a.signal.value == "LIQUIDATION_CASCADE"]

    def test_symbols_are_followed_as_asked_and_noted(self) -> None:
        follower = Follower(symbols=frozenset({"ETH/USDT:USDT"}))
        said = follow(READINGS, follower)
        assert not [one for one in alerts(said) if one.scope != "*"]
        assert follower.seen == {"BTC/USDT:USDT"}

    def test_time_passes_with_frames_that_say_nothing(self) -> None:
        """A canary proves the silence: the end of a cascade needs no later liquidation."""
        follower = Follower()
        for reading in READINGS[: index(ONSET_S + 30)]:
            follower.take(reading)
        assert follower.phases()["BTC/USDT:USDT", Kind.CASCADE] is Phase.CASCADE
        for second in range(ONSET_S + 30, ONSET_S + 300):
            follower.take(Reading(at(second), (), Decoded(control="heartbeat")))
        assert follower.now_ns == at(ONSET_S + 299)
        assert follower.closed_ns == at(ONSET_S + 297)
        assert follower.phases()["BTC/USDT:USDT", Kind.CASCADE] is not Phase.CASCADE


class TestTheSameBytes:
    def test_again(self) -> None:
        assert written(follow(READINGS)) == BYTES

    @FEW
    @given(st.lists(st.integers(0, len(READINGS)), max_size=40))
    def test_in_any_chunks(self, cuts: list[int]) -> None:
        """Frames that hold many events say what frames of one event say, if time is the same."""
        said = []
        follower = Follower()
        places = [0, *sorted(cuts), len(READINGS)]
        for first, last in itertools.pairwise(places):
            for reading in READINGS[first:last]:
                said += follower.take(reading)
        assert written(said + follower.finish()) == BYTES

    @FEW
    @given(st.integers(0, 1 << 30))
    def test_shuffled_within_two_seconds(self, seed: int) -> None:
        """F23: what each event says counts, not which of them came first."""
        late = shuffled(seed)
        assert [one.events[0].venue_ns for one in late] != [one.venue_ns for one in EVENTS]
        assert written(watched(late)) == WATCHED

    def test_a_shuffle_changes_bins_that_do_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The law above can fail: without the window it does."""
        monkeypatch.setattr(following, "REORDER_NS", 0)
        assert written(watched(shuffled(1))) != WATCHED

    @FEW
    @given(st.integers(0, len(EVENTS)), st.integers(0, 400), st.integers(0, 900))
    def test_overlapped_connections_are_as_one(self, first: int, overlap: int, lag_ms: int) -> None:
        """F08, F21: the second connection repeats what the first one said, somewhat later."""
        one = [(r.local_ns, 0, r) for r in readings_of(EVENTS[: first + overlap])]
        delay_ns = (80 + lag_ms) * MILLISECOND_NS
        two = [(r.local_ns, 1, r) for r in readings_of(EVENTS[first:], delay_ns=delay_ns)]
        dedup = Dedup()
        merged = [
            replace(reading, events=dedup.fresh(str(stream), reading.events))
            for _, stream, reading in sorted([*one, *two], key=lambda row: row[:2])
        ]
        assert written(watched(merged)) == WATCHED

    def test_a_duplicate_that_is_not_dropped_is_heard(self) -> None:
        twice = [one for reading in READINGS for one in (reading, reading)]
        assert written(follow(twice)) != BYTES


class TestLate:
    def test_what_comes_too_late_is_counted_and_stays_out(self) -> None:
        """F23: later than two seconds."""
        place = index(1000)
        extra = feed(EVENTS[place - 100], at(1000))
        assert (extra.events[0].venue_ns or 0) < at(1000) - 3 * SECOND_NS
        follower = Follower()
        assert written(follow([*READINGS[:place], extra, *READINGS[place:]], follower)) == BYTES
        assert follower.late == {"bybit": 1}

    def test_a_sum_that_lacks_a_liquidation_is_no_census(self) -> None:
        lost = next(
            n
            for n, one in enumerate(READINGS)
            if isinstance(one.events[0], Liquidation) and one.local_ns > at(ONSET_S + 2)
        )
        late = replace(READINGS[lost], local_ns=at(ONSET_S + 8))
        items = [*READINGS[:lost], *READINGS[lost + 1 :], late]
        items.sort(key=lambda one: one.local_ns)
        follower = Follower()
        told = alerts(follow(items, follower))
        assert follower.late == {"bybit": 1}
        assert alerts(SAID)[-1].value(N.COVERAGE) == "census"
        assert told[-1].value(N.COVERAGE) == "sampled"
        assert told[-1].value(N.VENUES_SILENT) == ("bybit",), "it has ended"
        assert told[0].value(N.VENUES_SILENT) == ()

    def test_a_backlog_that_is_flushed_is_no_burst(self) -> None:
        """F24: a minute of liquidations held back and delivered at once."""
        calm = market(cascade=False, seconds=1600)
        steady = [e for e in calm if isinstance(e, Trade | Mark)]
        # Two forced closes a second, as always on this venue: no cascade, however they arrive.
        closes = [
            replace(e, venue_ns=at(s) + n * 400 * MILLISECOND_NS, qty_raw=1.0 + s / 10_000)
            for e in [next(e for e in EVENTS if isinstance(e, Liquidation))]
            for s in range(1600)
            for n in range(2)
        ]
        even: list[Event] = [*steady, *closes]
        even.sort(key=lambda e: e.venue_ns or 0)
        assert alerts(follow(readings_of(even))) == []
        held = [
            feed(e, max((e.venue_ns or 0) + 80 * MILLISECOND_NS, at(1560)))
            if at(1500) <= (e.venue_ns or 0) < at(1560)
            else feed(e, (e.venue_ns or 0) + 80 * MILLISECOND_NS)
            for e in even
        ]
        held.sort(key=lambda one: one.local_ns)
        canary = [Reading(at(s), (), Decoded(control="heartbeat")) for s in range(1500, 1560)]
        follower = Follower()
        both = [*held, *canary]
        both.sort(key=lambda one: one.local_ns)
        told = follow(both, follower)
        assert alerts(told) == []
        assert follower.late["bybit"] > 300
        assert follower.clock_faults() == {}

    def test_states_that_are_asked_for_may_be_old(self) -> None:
        follower = Follower()
        old: list[Event] = [
            OpenInterest(
                venue="bybit", symbol="X", raw_symbol="X", venue_ns=at(-300), qty_base=1.0,
                notional_usd=None,
            ),
            Funding(venue="bybit", symbol="X", raw_symbol="X", venue_ns=at(-300), rate=1e-4),
        ]  # fmt: skip
        follower.take(Reading(at(0), (), Decoded()))
        for event in old:
            follower.take(feed(event, at(1)))
        follower.finish()
        assert (follower.seen, follower.late) == ({"X"}, {})

    def test_events_without_a_time_count_from_their_receipt(self) -> None:
        bare = [
            feed(replace(event, venue_ns=None), event.venue_ns or 0)
            if isinstance(event, Liquidation)
            else feed(event, event.venue_ns or 0)
            for event in EVENTS
        ]
        prompt = [feed(event, event.venue_ns or 0) for event in EVENTS]
        assert written(follow(bare)) == written(follow(prompt))


class TestClocks:
    @pytest.mark.parametrize("ahead_s", [5.0, 3600.0])
    def test_a_venue_whose_clock_is_ahead_is_followed_all_the_same(self, ahead_s: float) -> None:
        """F25: stored, no crash, flagged beyond a minute, and no alert of it."""
        shift_ns = round(ahead_s * SECOND_NS)
        wild = [
            feed(replace(e, venue_ns=(e.venue_ns or 0) + shift_ns), (e.venue_ns or 0) + 80_000_000)
            for e in EVENTS
        ]
        follower = Follower()
        told = alerts(follow(wild, follower))
        assert [one.stage for one in told] == [one.stage for one in alerts(SAID)]
        assert abs(told[0].onset_ns - alerts(SAID)[0].onset_ns) < 2 * SECOND_NS
        assert bool(follower.clock_faults()) is (ahead_s > 60)
        assert set(follower.clock_offsets_ns()) == {"bybit"}

    def test_a_venue_clock_that_jumps_causes_no_alert(self) -> None:
        calm = market(cascade=False)
        for jump_s in (5, -5, 3600, -3600):
            jumped = [
                feed(
                    replace(e, venue_ns=(e.venue_ns or 0) + jump_s * SECOND_NS)
                    if (e.venue_ns or 0) > at(1200)
                    else e,
                    (e.venue_ns or 0) + 80_000_000,
                )
                for e in calm
            ]
            assert alerts(follow(jumped)) == []

    @pytest.mark.parametrize("step_s", [-30, 3600])
    def test_our_clock_may_be_set(self, step_s: int) -> None:
        """F27: no alert of it, and what happens afterwards is followed."""
        shift_ns = step_s * SECOND_NS
        stepped = [
            feed(
                e, (e.venue_ns or 0) + 80_000_000 + (shift_ns if (e.venue_ns or 0) > at(900) else 0)
            )
            for e in EVENTS
        ]
        follower = Follower()
        told = alerts(follow(stepped, follower))
        assert [one.stage for one in told][:1] == [Stage.OPEN]
        assert len({one.alert_id for one in told}) == len({one.alert_id for one in alerts(SAID)})
        if step_s < 0:
            assert (follower.late, follower.clock_offsets_ns()) == ({}, {}), "now is not set back"
        assert follower.late["bybit"] < 300 * 4 / 3
        calm = [
            feed(
                e, (e.venue_ns or 0) + 80_000_000 + (shift_ns if (e.venue_ns or 0) > at(900) else 0)
            )
            for e in market(cascade=False)
        ]
        assert alerts(follow(calm)) == []


class TestFeeds:
    def both(self, items: Sequence[Reading | Gap]) -> dict[FactName, object]:
        opened = alerts(follow(items))[0]
        return {one.name: one.value for one in opened.facts if one.scope in {None, opened.scope}}

    def with_okx(self) -> list[Reading]:
        """Bybit as before, and OKX with nothing but trades."""
        okx: list[Event] = [
            e for e in market(venues=("okx",), seed=9) if not isinstance(e, Liquidation)
        ]
        every = sorted([*EVENTS, *okx], key=lambda e: e.venue_ns or 0)
        return readings_of(every)

    def put(self, items: list[Reading], hole: Gap, second: float) -> list[Reading | Gap]:
        place = next(n for n, one in enumerate(items) if one.local_ns >= at(second))
        return [*items[:place], hole, *items[place:]]

    def test_a_venue_without_liquidations_is_live(self) -> None:
        facts = self.both(self.with_okx())
        assert facts[N.VENUES_LIVE] == ("bybit", "okx")
        assert facts[N.VENUES_SILENT] == ()
        assert facts[N.COVERAGE] == "census"

    def test_a_venue_with_an_open_hole_is_silent_and_nothing_is_a_census(self) -> None:
        items = self.put(self.with_okx(), gap("okx", 1400), 1410)
        facts = self.both(items)
        assert facts[N.VENUES_LIVE] == ("bybit",)
        assert facts[N.VENUES_SILENT] == ("okx",)
        assert facts[N.COVERAGE] == "sampled"

    def test_a_hole_that_was_closed_is_over(self) -> None:
        items = self.put(self.with_okx(), gap("okx", 1400), 1410)
        place = next(
            n for n, one in enumerate(items) if isinstance(one, Reading) and one.local_ns > at(1430)
        )
        facts = self.both([*items[:place], gap("okx", 1400, 1430), *items[place:]])
        assert facts[N.VENUES_LIVE] == ("bybit", "okx")
        assert facts[N.COVERAGE] == "census"

    def test_a_hole_of_trades_is_none_of_liquidations(self) -> None:
        facts = self.both(self.put(self.with_okx(), gap("okx", 1400, channel="trades"), 1410))
        assert facts[N.VENUES_SILENT] == ()

    def test_a_hole_in_the_episode_makes_its_sum_a_lower_bound(self) -> None:
        items = self.put(self.with_okx(), gap("okx", ONSET_S + 1), ONSET_S + 2)
        place = items.index(gap("okx", ONSET_S + 1))
        later = next(
            n
            for n, one in enumerate(items)
            if n > place and isinstance(one, Reading) and one.local_ns > at(ONSET_S + 4)
        )
        closed = gap("okx", ONSET_S + 1, ONSET_S + 4)
        last = alerts(follow([*items[:later], closed, *items[later:]]))[-1]
        assert last.value(N.COVERAGE) == "sampled"

    def test_a_venue_that_went_quiet_is_not_called_live(self) -> None:
        cut = [one for one in self.with_okx() if one.events[0].venue == "bybit"]
        early = [
            one
            for one in self.with_okx()
            if one.events[0].venue == "okx" and one.local_ns < at(1300)
        ]
        heard = [*cut, *early]
        heard.sort(key=lambda one: one.local_ns)
        facts = self.both(heard)
        assert facts[N.VENUES_LIVE] == ("bybit",)

    def test_a_hole_told_later_than_it_began_does_not_move_time(self) -> None:
        """Taken at 1,000 s, begun at 990 s: bins in between are closed, and are not closed again."""
        hole = gap("bybit", 990, 1001, channel="trades")
        place = index(1000)
        with_hole = follow([*READINGS[:place], hole, *READINGS[place:]])
        assert [a.stage for a in alerts(with_hole)] == [a.stage for a in alerts(SAID)]

    @pytest.mark.parametrize("after", [1.0, 2.0, 3.0, 6.0])
    def test_a_hole_that_has_only_just_begun_waits_for_its_bin(self, after: float) -> None:
        """Not one tick of the seconds before it may be pushed into a later bin."""
        second = ONSET_S + after
        hole = gap("okx", second, channel="depth")
        place = index(second + 0.2)
        items: list[Reading | Gap] = [*READINGS[:place], hole, *READINGS[place:]]
        assert written(follow(items)) == BYTES, "it concerns nothing that is said"


class TestRestart:
    def test_an_open_alert_goes_on_under_its_id(self) -> None:
        cut = index(ONSET_S + 30)
        first = Follower()
        told = [a for one in READINGS[:cut] for a in alerts(first.take(one))]
        (known,) = [one for one in first.open_alerts() if one.signal.value == "LIQUIDATION_CASCADE"]
        assert (known.alert_id, known.sequence) == (told[-1].alert_id, told[-1].sequence)
        # Another process reads the last ten minutes again, sees another onset, and goes on.
        second = Follower(salt="another id")
        for one in READINGS[index(ONSET_S - 600) : cut]:
            second.take(one)
        assert second.open_alerts()[0].alert_id != known.alert_id
        assert second.resume(first.open_alerts()) == []
        rest = [a for one in READINGS[cut:] for a in alerts(second.take(one))]
        rest += alerts(second.finish())
        assert rest
        assert {a.alert_id for a in rest if a.signal is known.signal} == {known.alert_id}
        numbers = [a.sequence for a in rest if a.signal is known.signal]
        assert numbers == list(range(known.sequence + 1, known.sequence + 1 + len(numbers)))

    def test_an_opening_that_nobody_was_told_is_told(self) -> None:
        follower = Follower()
        said = [a for one in READINGS[: index(ONSET_S + 30)] for a in alerts(follower.take(one))]
        assert follower.resume(()) == [one for one in said if one.stage is Stage.OPEN]

    def test_an_end_that_nobody_was_told_is_told_under_the_id_it_had(self) -> None:
        first = Follower()
        for one in READINGS[: index(ONSET_S + 30)]:
            first.take(one)
        open_then = first.open_alerts()
        second = Follower(salt="another id")
        watched(READINGS, second)
        ended = alerts(second.resume(open_then))
        assert [(one.alert_id, one.sequence) for one in ended] == [
            (one.alert_id, one.sequence + 1) for one in open_then
        ]
        assert {one.stage for one in ended} == {Stage.ALL_CLEAR}

    def test_what_nobody_sees_any_more_is_ended_and_not_all_clear(self) -> None:
        first = Follower()
        for one in READINGS[: index(ONSET_S + 30)]:
            first.take(one)
        second = Follower()
        second.take(Reading(at(ONSET_S + 60), (), Decoded()))
        assert second.resume(first.open_alerts()) == []
        assert second.open_alerts() == first.open_alerts()
        said = []
        for minute in range(90):
            said += second.take(Reading(at(ONSET_S + 60) + minute * MINUTE_NS, (), Decoded()))
        assert [one.stage for one in alerts(said)] == [Stage.FEED_ENDED] * len(first.open_alerts())
        assert second.open_alerts() == ()


class TestSpeed:
    def test_twenty_thousand_events_a_second(self) -> None:
        """On one core, by CPU time; measured well above it, and shared machines are slow."""
        events = [
            Trade(
                venue="bybit", symbol=f"C{n % 100}/USDT:USDT", raw_symbol=f"C{n % 100}USDT",
                venue_ns=START_NS + n * 100_000, price=100.0 + n % 7, qty_raw=1.0, qty_base=1.0,
                notional_usd=100.0, trade_id=str(n),
            )
            for n in range(60_000)
        ]  # fmt: skip
        readings = [feed(event, (event.venue_ns or 0) + 1_000_000) for event in events]
        follower = Follower()
        follower.take(readings[0])
        begun = time.process_time()
        for reading in readings:
            follower.take(reading)
        took = time.process_time() - begun
        assert len(readings) / took > 10_000, f"{len(readings) / took:,.0f} a second"


class TestStates:
    def test_of_a_book_only_the_last_of_a_second_counts(self) -> None:
        told: list[Depth] = []
        follower = Follower()
        real = follower._detector.update
        follower._detector.update = lambda one: (  # type: ignore[method-assign, assignment]
            told.append(one) or real(one)  # type: ignore[func-returns-value, arg-type]
        )
        for tenth in range(40):
            book = Depth(
                venue="okx", symbol="X", raw_symbol="X", venue_ns=at(tenth / 10),
                bids=((1.0 + tenth, 1.0),), asks=((100.0, 1.0),),
            )  # fmt: skip
            follower.take(feed(book, at(tenth / 10)))
        follower.finish()
        books = [one for one in told if isinstance(one, Depth)]
        assert [one.bids[0][0] for one in books] == [10.0, 20.0, 30.0, 40.0]

    def test_an_hour_of_nothing_passes_at_once(self) -> None:
        follower = Follower()
        follower.take(READINGS[0])
        follower.take(Reading(at(3600), (), Decoded()))
        assert follower.closed_ns == at(3600) - REORDER_NS
