from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.desk import LONE_SHOCKS, UPDATES_MOST, AlertDesk, is_lone
from airpocket.alerts.episode_facts import facts_of
from airpocket.alerts.fact import FactName
from airpocket.alerts.linter import violations
from airpocket.alerts.names import instrument_label
from airpocket.alerts.render import as_json, headline
from airpocket.detection.episode import (
    Ending,
    Episode,
    Kind,
    Leg,
    Phase,
    Reading,
    Transition,
    Wave,
)
from airpocket.market.events import Coverage, Gap, GapCause, Side
from airpocket.units import EARLIEST_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.app.sayings import AT_NS, READING, episode, leg, transition

N = FactName
GAP = Gap(
    venue="binance", symbol="*", raw_symbol="*", channel="*", from_ns=AT_NS + MINUTE_NS,
    to_ns=None, cause=GapCause.END_OF_RECORDING, proven_by="end of the tape",
)  # fmt: skip


def opening(**changed: Any) -> Transition:
    return transition(Phase.CASCADE, episode=episode(**changed))


def update(minutes: float, phase: Phase = Phase.EXHAUSTED, **changed: Any) -> Transition:
    return transition(phase, at_ns=AT_NS + round(minutes * MINUTE_NS), episode=episode(**changed))


def ending(how: Ending, minutes: int = 30, **changed: Any) -> Transition:
    phase = {Ending.SETTLED: Phase.SETTLED, Ending.FEED_ENDED: Phase.UNKNOWN}[how]
    end_ns = AT_NS + minutes * MINUTE_NS
    settled = end_ns if how is Ending.SETTLED else None
    return transition(phase, at_ns=end_ns, episode=episode(ending=how, end_ns=settled, **changed))


def facts(news: Transition) -> dict[FactName, Any]:
    assert news.episode is not None
    told = facts_of(news, news.episode)
    scope = instrument_label(news.scope)
    return {one.name: one.value for one in told if one.scope in {None, scope}}


class TestStages:
    def test_open_update_end_under_one_id(self) -> None:
        desk = AlertDesk()
        told = desk.take([opening(), update(2), update(4, Phase.SNAPBACK), ending(Ending.SETTLED)])
        assert [alert.stage for alert in told] == [
            Stage.OPEN, Stage.UPDATE, Stage.UPDATE, Stage.ALL_CLEAR,
        ]  # fmt: skip
        assert [alert.sequence for alert in told] == [0, 1, 2, 3]
        assert [alert.phase for alert in told] == ["cascade", "exhausted", "snapback", "settled"]
        assert len({alert.alert_id for alert in told}) == 1
        assert {alert.side for alert in told} == {"longs"}

    def test_a_feed_that_ended_is_no_all_clear(self) -> None:
        opened, ended = AlertDesk().take([opening(), ending(Ending.FEED_ENDED)])
        assert (ended.stage, ended.phase) == (Stage.FEED_ENDED, "unknown")
        assert ended.alert_id == opened.alert_id

    def test_at_most_five_updates_and_the_end_is_never_held_back(self) -> None:
        steps = [update(2 * n, (Phase.EXHAUSTED, Phase.CASCADE)[n % 2]) for n in range(1, 20)]
        told = AlertDesk().take([opening(), *steps, ending(Ending.SETTLED, 60)])
        assert [alert.stage for alert in told].count(Stage.UPDATE) == UPDATES_MOST == 5
        assert told[-1].stage is Stage.ALL_CLEAR

    def test_updates_keep_their_distance(self) -> None:
        steps = [update(n * 0.3) for n in range(1, 20)]
        told = AlertDesk().take([opening(), *steps])
        assert len(told) > 3
        for before, now in pairwise(told):
            assert now.time_ns - before.time_ns >= MINUTE_NS
        assert len(AlertDesk(pause_ns=0).take([opening(), *steps])) == 1 + UPDATES_MOST

    def test_the_end_is_told_however_soon(self) -> None:
        told = AlertDesk().take([opening(), ending(Ending.FEED_ENDED, 0)])
        assert [alert.stage for alert in told] == [Stage.OPEN, Stage.FEED_ENDED]
        assert told[1].time_ns >= told[1].onset_ns

    def test_steps_without_an_episode_are_no_news(self) -> None:
        steps = [transition(phase) for phase in Phase]
        assert AlertDesk().take(steps) == []

    def test_what_was_never_opened_is_never_updated_or_ended(self) -> None:
        assert (
            AlertDesk().take([update(1), ending(Ending.SETTLED), ending(Ending.FEED_ENDED)]) == []
        )

    def test_after_its_end_a_scope_opens_anew(self) -> None:
        later = AT_NS + 2 * HOUR_NS
        again = transition(
            Phase.CASCADE, at_ns=later, episode=episode(onset_ns=later, said_ns=later)
        )
        told = AlertDesk().take([opening(), ending(Ending.FEED_ENDED), again])
        assert [alert.stage for alert in told] == [Stage.OPEN, Stage.FEED_ENDED, Stage.OPEN]
        assert told[0].alert_id != told[2].alert_id
        assert told[2].sequence == 0

    def test_scopes_and_kinds_do_not_mix(self) -> None:
        shock = transition(Phase.CASCADE, episode=episode(kind=Kind.SHOCK))
        other = transition(Phase.CASCADE, episode=episode(scope="ETH/USDT:USDT"))
        told = AlertDesk().take([opening(), shock, other])
        assert [alert.stage for alert in told] == [Stage.OPEN] * 3
        assert len({alert.alert_id for alert in told}) == 3
        assert [alert.alert_id[:3] for alert in told] == ["lc-", "sh-", "lc-"]


class TestIds:
    def test_a_replay_repeats_them_and_a_salt_tells_runs_apart(self) -> None:
        ids = [AlertDesk(salt=salt).take([opening()])[0].alert_id for salt in ("", "", "tape-7")]
        assert ids[0] == ids[1] != ids[2]

    def test_an_onset_that_becomes_known_better_keeps_the_id(self) -> None:
        refined = update(2, onset_ns=AT_NS + 137_000_000)
        first, second = AlertDesk().take([opening(), refined])
        assert first.alert_id == second.alert_id
        assert second.onset_ns == AT_NS + 137_000_000


class TestLoneShocks:
    @staticmethod
    def shock(scope: str, watched: int | None) -> Transition:
        reading = replace(READING, watched=watched)
        return transition(
            Phase.CASCADE, episode=episode(kind=Kind.SHOCK, scope=scope), reading=reading
        )

    @pytest.mark.parametrize(
        ("scope", "watched", "alerted"),
        [
            ("A/USD", None, True),
            ("A/USD", LONE_SHOCKS - 1, True),
            ("A/USD", LONE_SHOCKS, False),
            ("A/USD", 500, False),
            ("*", 500, True),
        ],
    )
    def test_one_coin_among_many_is_not_alerted(
        self,
        scope: str,
        watched: int | None,
        alerted: bool,  # noqa: FBT001
    ) -> None:
        news = self.shock(scope, watched)
        assert is_lone(news) is not alerted
        assert bool(AlertDesk().take([news])) is alerted

    def test_a_cascade_of_one_coin_always_is(self) -> None:
        news = transition(Phase.CASCADE, episode=episode(), reading=replace(READING, watched=500))
        assert AlertDesk().take([news])

    def test_the_number_can_be_set(self) -> None:
        news = self.shock("A/USD", 20)
        assert AlertDesk(lone_shocks=21).take([news])
        assert not AlertDesk(lone_shocks=20).take([news])


class TestFacts:
    def test_sums_of_a_throttled_feed_are_lower_bounds(self) -> None:
        news = opening()
        assert news.episode is not None
        told = {one.name: one for one in facts_of(news, news.episode)}
        assert told[N.OBSERVED_USD].at_least
        assert told[N.OBSERVED_USD].source == "binance:liquidations"
        assert told[N.OBSERVED_USD].window_ns == (AT_NS, AT_NS + SECOND_NS)
        assert facts(news)[N.COVERAGE] == "throttled"

    def test_a_sum_is_covered_as_its_weakest_part(self) -> None:
        mixed = (("okx", Coverage.CENSUS), ("bybit", Coverage.SAMPLED))
        assert facts(opening(venues=mixed))[N.COVERAGE] == "sampled"
        whole = opening(venues=(("okx", Coverage.CENSUS),))
        assert facts(whole)[N.COVERAGE] == "census"
        assert whole.episode is not None
        assert not any(one.at_least for one in facts_of(whole, whole.episode))

    def test_what_was_not_measured_is_not_a_figure(self) -> None:
        bare = opening(
            usd=None, count=None, leg=None, legs=(), snapback=None, multiple=None, severity=None,
            baseline_per_bin=None, peak=None, peak_ns=None, waves=(), side=None,
        )  # fmt: skip
        told = facts(replace(bare, reading=replace(READING, multiple=None)))
        for name in (
            N.OBSERVED_USD, N.PRICE_LEG, N.MULTIPLE_OF_BASELINE, N.SEVERITY, N.REWARD_TO_RISK,
            N.PAST_CASCADES, N.OPEN_INTEREST_CHANGE_COINS, N.FUNDING_BEFORE,
        ):  # fmt: skip
            assert told[name] is None
        assert told[N.PRICE_CONFIRMATION] == "unconfirmed"
        assert N.LIQUIDATED_SIDE not in told

    def test_an_inferred_side_is_said_so(self) -> None:
        assert facts(opening(side_inferred=True))[N.INFERRED] is True
        assert facts(opening())[N.INFERRED] is False
        assert facts(opening(kind=Kind.SHOCK))[N.INFERRED] is True

    def test_a_shock_claims_no_liquidations(self) -> None:
        told = facts(opening(kind=Kind.SHOCK))
        assert not {N.OBSERVED_USD, N.OBSERVED_COUNT, N.LIQUIDATED_SIDE, N.ADL_USD} & told.keys()
        assert told[N.COVERAGE] == "inferred"
        (alert,) = AlertDesk().take([opening(kind=Kind.SHOCK)])
        assert (alert.signal, alert.side) == (Signal.SHOCK, None)

    def test_auto_deleveraging_is_told_where_it_was_seen(self) -> None:
        assert N.ADL_STARTED not in facts(opening())
        told = facts(opening(adl_first_ns=AT_NS + 61, adl_usd=2e9, adl_count=34_983))
        assert (told[N.ADL_STARTED], told[N.ADL_USD], told[N.ADL_COUNT]) == (
            AT_NS + 61, 2e9, 34_983,
        )  # fmt: skip

    def test_the_peak_is_named_by_its_width(self) -> None:
        assert facts(opening())[N.PEAK_MINUTE_USD] == 4e6
        hourly = facts(opening(peak_width_ns=HOUR_NS))
        assert (hourly[N.WAVE_PEAK_USD], N.PEAK_MINUTE_USD in hourly) == (4e6, False)
        counted = facts(opening(unit="count"))
        assert not {N.PEAK_MINUTE_USD, N.WAVE_PEAK_USD, N.BASELINE_USD_PER_BIN} & counted.keys()

    def test_feeds_are_live_throttled_or_silent(self) -> None:
        three = (
            ("binance", Coverage.THROTTLED), ("bybit", Coverage.CENSUS), ("okx", Coverage.CENSUS),
        )  # fmt: skip
        silent = replace(GAP, venue="okx")
        told = facts(update(5, venues=three, gaps=(silent,), legs=()))
        assert told[N.VENUES_LIVE] == ("bybit",)
        assert told[N.VENUES_THROTTLED] == ("binance",)
        assert told[N.VENUES_SILENT] == ("okx",)
        back = replace(silent, to_ns=AT_NS + 2 * MINUTE_NS)
        told = facts(update(5, venues=three, gaps=(back,), legs=()))
        assert (told[N.VENUES_LIVE], told[N.VENUES_SILENT]) == (("bybit", "okx"), ())

    def test_nothing_was_seen_after_a_hole_only_while_it_is_open(self) -> None:
        told = facts(update(5, gaps=(GAP,)))
        assert told[N.LAST_EVENT] == told[N.FEED_GAP_FROM] == GAP.from_ns
        closed = facts(update(5, gaps=(replace(GAP, to_ns=AT_NS + 2 * MINUTE_NS),)))
        assert N.LAST_EVENT not in closed
        assert closed[N.FEED_GAP_TO] == AT_NS + 2 * MINUTE_NS
        ever = facts(update(5, gaps=(replace(GAP, from_ns=EARLIEST_NS),)))
        assert N.LAST_EVENT not in ever

    def test_an_end_without_a_gap_says_when(self) -> None:
        told = facts(ending(Ending.FEED_ENDED))
        assert told[N.FEED_GAP] == "end_of_recording"
        assert told[N.FEED_GAP_FROM] == AT_NS + 30 * MINUTE_NS

    def test_an_all_clear_has_its_proof(self) -> None:
        assert facts(ending(Ending.SETTLED))[N.ALL_CLEAR_PROOF] == (
            "forced_flow", "price_range", "later_events",
        )  # fmt: skip
        bare = facts(ending(Ending.SETTLED, kind=Kind.SHOCK, legs=(), depth_share=0.8))
        assert bare[N.ALL_CLEAR_PROOF] == ("depth", "later_events")
        assert facts(ending(Ending.SETTLED))[N.DURATION] == 30 * 60

    def test_symbols_in_the_move_are_those_that_moved_with_it(self) -> None:
        legs = (
            leg("A/USD", -0.05), leg("B/USD", -0.004), leg("C/USD", 0.05), leg("D/USD", -0.005),
            leg("A/USD", -0.02, venue="okx"),
        )  # fmt: skip
        news = opening(scope="*", legs=legs, leg=-0.01)
        assert facts(news)[N.SYMBOLS_IN_MOVE] == ("A/USD", "D/USD")
        assert news.episode is not None
        told = [one for one in facts_of(news, news.episode) if one.name is N.PRICE_LEG]
        apart = {one.scope: (one.value, one.source) for one in told if one.scope is not None}
        assert apart["A/USD"] == (-0.05, "binance:trades")
        assert apart["B/USD"] == (-0.004, "binance:trades")

    def test_a_market_of_any_size_fits_into_an_alert(self) -> None:
        legs = tuple(leg(f"C{n}/USD", -n / 1000) for n in range(1, 700))
        (alert,) = AlertDesk().take([opening(scope="*", legs=legs, leg=-0.3)])
        assert len(alert.facts) <= 200
        named = {one.scope for one in alert.facts if one.scope is not None}
        assert "C699/USD" in named
        assert "C1/USD" not in named
        moved = alert.value(N.SYMBOLS_IN_MOVE)
        assert isinstance(moved, tuple)
        assert len(moved) == 500

    def test_a_figure_that_cannot_be_is_not_measured(self) -> None:
        odd = replace(leg(), reference=0.0, extreme=-1.0, extreme_ns=0)
        told = facts(opening(legs=(odd,), multiple=float("inf"), usd=float("nan"), count=-1))
        for name in (
            N.PRICE_REFERENCE, N.PRICE_EXTREME, N.PRICE_EXTREME_TIME, N.MULTIPLE_OF_BASELINE,
            N.OBSERVED_USD, N.OBSERVED_COUNT,
        ):  # fmt: skip
            assert told[name] is None

    def test_a_venue_that_cannot_be_named_is_not(self) -> None:
        venues = (("BUY NOW", Coverage.CENSUS), ("okx", Coverage.CENSUS))
        told = facts(opening(venues=venues, legs=()))
        assert told[N.VENUES_LIVE] == ("okx",)


TIMES = st.integers(AT_NS, AT_NS + 10 * HOUR_NS)
FIGURES = st.none() | st.floats() | st.floats(0, 1e12)
WORDS = st.sampled_from(["okx", "binance", "kraken-futures", "BUY NOW", "", "x" * 40, "a\nb"])
SYMBOLS = st.sampled_from(
    ["BTC/USDT:USDT", "BTC", "*", "BUY/USD", "", "[red]", "x" * 300]
) | st.text(max_size=12)
COUNTS = st.none() | st.integers(-3, 10**19)
GAPS = st.builds(
    Gap, venue=WORDS, symbol=SYMBOLS, raw_symbol=SYMBOLS, channel=WORDS,
    from_ns=TIMES | st.just(EARLIEST_NS), to_ns=st.none() | TIMES,
    cause=st.sampled_from(GapCause), proven_by=st.text(max_size=10),
)  # fmt: skip
LEGS = st.builds(
    Leg, venue=WORDS, symbol=SYMBOLS, reference=st.floats(), extreme=st.floats(),
    extreme_ns=st.integers(-5, 2**63), fraction=st.floats(), regained=st.floats(),
)  # fmt: skip
WAVES = st.builds(
    Wave, from_ns=TIMES, peak_ns=TIMES, to_ns=TIMES, peak=st.floats(), total=st.floats()
)
EPISODES = st.builds(
    Episode, scope=SYMBOLS, kind=st.sampled_from(Kind), side=st.none() | st.sampled_from(Side),
    side_inferred=st.booleans(), onset_ns=TIMES, said_ns=TIMES, end_ns=st.none() | TIMES,
    ending=st.sampled_from(Ending), confirmed=st.none() | st.booleans(),
    provisional=st.booleans(), history_ns=st.integers(0, HOUR_NS),
    unit=st.sampled_from(["usd", "count"]), bin_ns=st.sampled_from([SECOND_NS, HOUR_NS]),
    baseline_per_bin=FIGURES, usd=FIGURES, count=COUNTS, adl_count=COUNTS, adl_usd=FIGURES,
    adl_first_ns=st.none() | TIMES, peak_ns=st.none() | TIMES, peak=FIGURES,
    peak_width_ns=st.sampled_from([MINUTE_NS, HOUR_NS]), multiple=FIGURES, severity=FIGURES,
    waves=st.lists(WAVES, max_size=2).map(tuple), legs=st.lists(LEGS, max_size=4).map(tuple),
    leg=FIGURES, snapback=FIGURES, depth_share=FIGURES, oi_change_coins=FIGURES,
    oi_change_usd=FIGURES, funding_before=FIGURES,
    venues=st.lists(
        st.tuples(WORDS, st.sampled_from(Coverage)), max_size=4, unique_by=lambda pair: pair[0]
    ).map(tuple),
    gaps=st.lists(GAPS, max_size=3).map(tuple),
)  # fmt: skip
READINGS = st.builds(
    Reading, score=st.floats(), threshold=st.floats(), window_ns=st.integers(0, HOUR_NS),
    multiple=FIGURES, move=FIGURES, move_threshold=FIGURES, history_ns=st.integers(0, HOUR_NS),
    coincident=COUNTS, watched=COUNTS,
)  # fmt: skip


@st.composite
def news(draw: st.DrawFn) -> Transition:
    whole = draw(EPISODES)
    return Transition(
        scope=whole.scope, kind=whole.kind, before=draw(st.sampled_from(Phase)),
        after=draw(st.sampled_from(Phase)), at_ns=draw(TIMES), said_ns=draw(TIMES),
        reading=draw(READINGS), episode=whole, gap=draw(st.none() | GAPS),
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(news(), max_size=3))
def test_whatever_the_detector_says_can_be_told(steps: list[Transition]) -> None:
    """No episode, however odd its figures, loses its alert, and none makes one claim too much."""
    told: list[InformationalAlert] = []
    desk = AlertDesk(pause_ns=0)
    for step in steps:
        told += desk.take([replace(step, after=Phase.CASCADE), step])
    for alert in told:
        assert alert.onset_ns <= alert.time_ns
        assert len(headline(alert)) <= 280
        assert violations(as_json(alert)) == ()
    ended = {Stage.ALL_CLEAR, Stage.FEED_ENDED}
    for one in {alert.alert_id for alert in told}:
        life = [alert.stage for alert in told if alert.alert_id == one]
        assert life[0] is Stage.OPEN
        assert life.count(Stage.UPDATE) <= UPDATES_MOST * life.count(Stage.OPEN)
        assert not ended & set(life[:-1]) or life.count(Stage.OPEN) > 1


@settings(deadline=None, max_examples=150)
@given(news())
def test_facts_never_say_more_than_the_episode_knows(step: Transition) -> None:
    whole = step.episode
    assert whole is not None
    told = {one.name: one for one in facts_of(step, whole) if one.scope is None}
    for name, value in (
        (N.OBSERVED_USD, whole.usd), (N.OBSERVED_COUNT, whole.count), (N.PRICE_LEG, whole.leg),
        (N.SNAPBACK_SHARE, whole.snapback), (N.SEVERITY, whole.severity),
        (N.DEPTH_SHARE_OF_NORMAL, whole.depth_share), (N.FUNDING_BEFORE, whole.funding_before),
    ):  # fmt: skip
        if name in told:
            assert told[name].value in {None, value}
    assert told[N.REWARD_TO_RISK].value is None
    assert told[N.PAST_CASCADES].value is None
    assert told[N.INFERRED].value is (whole.side_inferred or whole.kind is Kind.SHOCK)
    named = {venue for venue, _ in whole.venues} | {one.venue for one in whole.legs}
    named |= {gap.venue for gap in whole.gaps}
    for name in (N.VENUES_LIVE, N.VENUES_THROTTLED, N.VENUES_SILENT):
        feeds = told[name].value
        assert feeds is None or (isinstance(feeds, tuple) and set(feeds) <= named)
    if whole.kind is Kind.SHOCK:
        assert N.OBSERVED_USD not in told
    elif told[N.OBSERVED_USD].value is not None:
        covered = {coverage for _, coverage in whole.venues}
        assert told[N.OBSERVED_USD].at_least is (covered != {Coverage.CENSUS})
