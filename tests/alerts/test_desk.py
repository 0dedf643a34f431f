from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.desk import ADOPTED_NS, LONE_SHOCKS, UPDATES_MOST, AlertDesk, is_lone
from airpocket.alerts.episode_facts import facts_of
from airpocket.alerts.fact import FactName
from airpocket.alerts.feeds import Feeds
from airpocket.alerts.linter import violations
from airpocket.alerts.names import instrument_label
from airpocket.alerts.open_alert import OpenAlert
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
from tests.app.sayings import AT_NS, READING, episode, transition

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


class TestRestart:
    def told(self) -> tuple[AlertDesk, tuple[OpenAlert, ...]]:
        desk = AlertDesk()
        desk.take([opening(), update(2)])
        return desk, desk.open_alerts()

    def test_open_alerts_say_how_far_they_were_told(self) -> None:
        desk, (known,) = self.told()
        assert (known.sequence, known.updates, known.side) == (1, 1, "longs")
        assert (known.scope, known.signal) == ("BTC/USDT:USDT", Signal.LIQUIDATION_CASCADE)
        assert (known.onset_ns, known.time_ns) == (AT_NS, AT_NS + 2 * MINUTE_NS)
        desk.take([ending(Ending.SETTLED)])
        assert desk.open_alerts() == ()

    def test_a_desk_that_sees_it_open_goes_on_under_its_id(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk(salt="other")
        desk.take([opening()])
        assert desk.resume([known]) == []
        assert desk.open_alerts() == (known,)
        (said,) = desk.take([update(4)])
        assert (said.alert_id, said.sequence, said.stage) == (known.alert_id, 2, Stage.UPDATE)
        (end,) = desk.take([ending(Ending.SETTLED)])
        assert (end.alert_id, end.sequence) == (known.alert_id, 3)

    def test_updates_are_counted_over_the_restart(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk()
        desk.take([opening()])
        desk.resume([replace(known, updates=UPDATES_MOST)])
        assert desk.take([update(4), update(8)]) == []

    def test_an_end_seen_meanwhile_is_told_now(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk(salt="other")
        desk.take([opening(), ending(Ending.SETTLED)])
        (end,) = desk.resume([known])
        assert (end.alert_id, end.sequence, end.stage) == (known.alert_id, 2, Stage.ALL_CLEAR)
        assert desk.open_alerts() == ()

    def test_an_end_of_before_its_last_word_is_not_its_end(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk(salt="other")
        desk.take([opening(), ending(Ending.SETTLED, minutes=1)])
        assert desk.resume([known]) == []
        assert desk.open_alerts() == (known,)

    def test_the_next_episode_of_the_scope_takes_up_what_is_left(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk()
        assert desk.resume([known]) == []
        (said,) = desk.take([opening(onset_ns=AT_NS + HOUR_NS)])
        assert (said.alert_id, said.sequence, said.stage) == (known.alert_id, 2, Stage.UPDATE)
        assert len(desk.open_alerts()) == 1
        (end,) = desk.take([ending(Ending.SETTLED)])
        assert (end.alert_id, end.sequence) == (known.alert_id, 3)

    def test_one_that_has_had_its_updates_is_taken_up_in_silence(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk()
        desk.resume([replace(known, updates=UPDATES_MOST)])
        assert desk.take([opening()]) == []
        (end,) = desk.take([ending(Ending.SETTLED)])
        assert end.alert_id == known.alert_id

    def test_another_side_is_another_alert(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk()
        desk.resume([known])
        (said,) = desk.take([replace(opening(side=Side.SHORT), side=Side.SHORT)])
        assert said.stage is Stage.OPEN
        assert said.alert_id != known.alert_id
        assert len(desk.open_alerts()) == 2

    def test_what_nobody_takes_up_ends_after_an_hour_and_is_no_all_clear(self) -> None:
        _, (known,) = self.told()
        desk = AlertDesk()
        desk.resume([known])
        assert desk.end_adopted(known.time_ns + ADOPTED_NS) == []
        (end,) = desk.end_adopted(known.time_ns + ADOPTED_NS + 1)
        assert (end.alert_id, end.sequence, end.stage) == (known.alert_id, 2, Stage.FEED_ENDED)
        assert end.value(N.FEED_GAP_FROM) == known.time_ns
        assert violations(as_json(end)) == ()
        assert (desk.open_alerts(), desk.end_adopted(1 << 62)) == ((), [])

    def test_an_opening_that_was_never_told_is_told_and_goes_on(self) -> None:
        desk = AlertDesk()
        opened, *_ = desk.take([opening(), update(2)])
        assert desk.resume([]) == [opened]
        (said,) = desk.take([update(4)])
        assert (said.alert_id, said.sequence) == (opened.alert_id, 1)


def test_feeds_are_said_in_every_alert() -> None:
    feeds = Feeds()
    for venue in ("binance", "okx", "bybit"):
        feeds.hear(venue, AT_NS)
    feeds.take_gap(replace(GAP, venue="okx", from_ns=AT_NS - MINUTE_NS))
    (said,) = AlertDesk().take([opening()], feeds)
    assert said.value(N.VENUES_LIVE) == ("bybit",)
    assert said.value(N.VENUES_THROTTLED) == ("binance",)
    assert said.value(N.VENUES_SILENT) == ("okx",)
