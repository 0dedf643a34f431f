from msgspec.structs import replace

from airpocket.alerts.alert import Signal
from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.episode_facts import facts_of, figure, told_side
from airpocket.alerts.feeds import FeedState
from airpocket.detection.episode import Ending, Kind
from airpocket.market.events import Coverage, Side
from airpocket.units import EARLIEST_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.alerts.test_desk import GAP, N, ending, facts, opening, update
from tests.app.sayings import AT_NS, READING, episode, leg


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


class TestFeedState:
    WHOLE = FeedState(alive=("bybit", "okx"), throttled=("binance",), silent=(), is_whole=True)

    def told(self, state: FeedState, **changed: object) -> dict[str, object]:
        news = opening(**changed)
        assert news.episode is not None
        return {one.name: one for one in facts_of(news, news.episode, state)}

    def value(self, state: FeedState, name: str, **changed: object) -> object:
        one = self.told(state, **changed)[name]
        return one.value  # type: ignore[attr-defined]

    def test_venues_without_an_event_are_live_all_the_same(self) -> None:
        assert self.value(self.WHOLE, N.VENUES_LIVE) == ("bybit", "okx")
        assert self.value(self.WHOLE, N.VENUES_THROTTLED) == ("binance",)
        assert self.value(self.WHOLE, N.VENUES_SILENT) == ()

    def test_a_silent_venue_is_not_live_whatever_it_said_before(self) -> None:
        state = FeedState(alive=("okx",), throttled=(), silent=("binance",), is_whole=False)
        assert self.value(state, N.VENUES_LIVE) == ("okx",)
        assert self.value(state, N.VENUES_SILENT) == ("binance",)
        assert self.value(state, N.VENUES_THROTTLED) == ()

    def test_with_a_hole_no_sum_is_a_census(self) -> None:
        census = (("okx", Coverage.CENSUS),)
        assert self.value(self.WHOLE, N.COVERAGE, venues=census) == "census"
        holed = replace(self.WHOLE, is_whole=False)
        told = self.told(holed, venues=census)
        assert told[N.COVERAGE].value == "sampled"  # type: ignore[attr-defined]
        assert told[N.OBSERVED_USD].at_least  # type: ignore[attr-defined]

    def test_a_hole_makes_a_weaker_feed_no_better(self) -> None:
        holed = replace(self.WHOLE, is_whole=False)
        for coverage in (Coverage.THROTTLED, Coverage.SAMPLED, Coverage.INFERRED):
            assert self.value(holed, N.COVERAGE, venues=(("okx", coverage),)) == coverage.value


def test_sides_are_named_and_a_shock_has_none() -> None:
    assert told_side(episode()) == "longs"
    assert told_side(episode(side=Side.SHORT)) == "shorts"
    assert told_side(episode(kind=Kind.SHOCK)) is None
    assert figure(N.DURATION, float("nan")).value is None
