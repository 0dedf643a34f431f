import dataclasses
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings

from airpocket.alerts import health_desk, outages
from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.desk import UPDATES_MOST
from airpocket.alerts.fact import FactName
from airpocket.alerts.feed_cause import channel_word
from airpocket.alerts.health_desk import HealthDesk
from airpocket.alerts.render import as_html, as_json, as_markdown, as_text, headline
from airpocket.errors import InputError
from airpocket.market.events import Health
from airpocket.units import SECOND_NS
from tests.alerts.feeds import DNS, at, health, healths, whole_venues
from tests.alerts.made import UNHURRIED

N = FactName
CHANNELS = ("liquidations", "trades", "mark")


def run(told: Iterable[Health], until_s: float, desk: HealthDesk | None = None) -> list[str]:
    return [headline(one) for one in play(told, until_s, desk)]


def play(
    told: Iterable[Health], until_s: float, desk: HealthDesk | None = None
) -> list[InformationalAlert]:
    desk = desk or HealthDesk()
    said = [alert for one in told for alert in desk.take(one)]
    return said + desk.advance(at(until_s))


def flapping(down_s: float, up_s: float, rounds: int) -> list[Health]:
    told = []
    for number in range(rounds):
        start = number * (down_s + up_s)
        told += [health("dead", start), health("live", start + down_s)]
    return told


def stages(said: Iterable[InformationalAlert]) -> list[str]:
    return [one.stage.value for one in said]


def test_maintenance_of_90_minutes_is_one_notice_and_one_all_clear() -> None:
    told = [health("live", 0, name) for name in CHANNELS]
    told += [health("dead", 60, name) for name in CHANNELS]
    for minute in range(2, 91):  # every attempt fails, and says so
        told += [health("dead", 60 * minute, name, reason="HTTP 503") for name in CHANNELS]
    told += [health("live", 60 * 91, name) for name in CHANNELS]
    said = play(told, 3 * 3_600)
    assert stages(said) == ["open", "all_clear"]
    assert len({one.alert_id for one in said}) == 1
    assert [one.time_ns for one in said] == [at(70), at(60 * 91 + 30)]
    assert headline(said[0]).startswith(
        "Feed health: okx (all channels) dead since 20:01 UTC: the connection is lost. "
        "What happens there is not seen."
    )
    assert headline(said[1]).startswith(
        "Feed back: okx liquidations, mark, trades live again, "
        "after a gap from 20:01 UTC to 21:31 UTC (90 min). What happened in the gap was not seen."
    )


def test_what_heals_within_seconds_is_counted_and_not_told() -> None:
    desk = HealthDesk()
    assert play([health("dead", 0), health("live", 9.9)], 3_600, desk) == []
    assert desk.held_down == 1
    assert stages(play([health("dead", 4_000), health("live", 4_010.1)], 8_000, desk)) == [
        "open",
        "all_clear",
    ]


@pytest.mark.parametrize(("down_s", "up_s"), [(5.0, 5.0), (8.0, 25.0), (15.0, 15.0), (20.0, 40.0)])
def test_a_feed_that_comes_and_goes_is_told_of_once(down_s: float, up_s: float) -> None:
    rounds = 60
    said = play(flapping(down_s, up_s, rounds), 24 * 3_600)
    assert stages(said)[-3:].count("all_clear") >= 1
    assert len(said) <= 2 + 2 + UPDATES_MOST  # at most one short notice before the long one
    last = [one for one in said if one.stage is Stage.ALL_CLEAR][-1]
    drops = last.value(N.FEED_DROPS)
    assert isinstance(drops, int)
    assert drops >= rounds - 2
    assert f"{drops} interruptions in all" in headline(last)


def test_a_blink_now_and_then_becomes_one_notice_before_long() -> None:
    said = play(flapping(20.0, 280.0, 200), 48 * 3_600)
    assert stages(said).count("open") <= 6


def test_flaps_too_short_to_be_news_are_news_together() -> None:
    assert play(flapping(4.0, 6.0, 2), 3_600) == []
    said = play(flapping(4.0, 6.0, 10), 95)
    assert stages(said)[0] == "open"
    assert said[0].time_ns == at(20)  # the third drop
    assert "3 interruptions so far" in headline(said[0])


def test_what_goes_out_soon_after_joins_the_notice() -> None:
    told = [health("live", 0, name) for name in CHANNELS]
    told += [health("dead", 10, "trades"), health("suspect", 50, "liquidations")]
    said = play(told, 600)
    assert stages(said) == ["open", "update"]
    assert said[0].value(N.FEED_CHANNEL) == "trades"
    assert said[1].value(N.FEED_CHANNELS) == ("liquidations", "trades")
    assert said[1].time_ns == at(120)
    assert headline(said[1]).startswith(
        "Feed health: okx liquidations, trades still dead since 20:00:10 UTC"
    )


def test_what_goes_out_much_later_is_another_notice() -> None:
    told = [health("dead", 0, "trades"), health("dead", 600, "liquidations")]
    said = play(told, 1_200)
    assert stages(said) == ["open", "open"]
    assert len({one.alert_id for one in said}) == 2


def test_a_part_that_is_back_is_told_while_the_rest_is_out() -> None:
    told = [health("dead", 0, name) for name in CHANNELS]
    told += [health("live", 100, "trades"), health("live", 101, "mark")]
    said = play(told, 3_600)
    assert stages(said) == ["open", "update"]
    assert said[1].value(N.FEED_CHANNEL) == "liquidations"
    assert said[1].value(N.FEED_CHANNELS_BACK) == ("mark", "trades")
    assert "Back: mark, trades." in headline(said[1])


def test_blocked_is_said_as_such() -> None:
    said = run([health("blocked", 0, "liquidations", reason="wss://x: HTTP 451")], 60)
    assert said[0].startswith(
        "Feed health: okx liquidations blocked since 20:00 UTC: "
        "the venue refuses this region (HTTP 451)."
    )
    later = [health("dead", 0), health("blocked", 300, reason="certificate expired")]
    said = run(later, 3_600)
    assert len(said) == 2
    assert "okx trades still blocked" in said[1]
    assert "its certificate cannot be trusted" in said[1]


def test_a_throttled_feed_is_no_outage() -> None:
    told = [health("throttled", 0, "liquidations"), health("dead", 50, "trades")]
    said = play(told, 3_600)
    assert stages(said) == ["open"]
    assert said[0].value(N.VENUES_THROTTLED) == ("okx",)
    assert said[0].value(N.VENUES_SILENT) == ()


def test_single_instruments_are_named_under_a_name_that_gives_no_orders() -> None:
    told = [
        health("suspect", 0, symbol="BTC/USDT:USDT", raw_symbol="BTC"),
        health("suspect", 1, symbol=None, raw_symbol="<b>BUY NOW\x1b[2J"),
    ]
    (said,) = play(told, 60)
    names = said.value(N.FEED_SYMBOLS)
    assert isinstance(names, tuple)
    assert names[0] == "BTC/USDT:USDT"
    assert names[1].startswith("instrument-")
    assert "Instruments concerned: BTC/USDT:USDT, instrument-" in headline(said)


def test_venues_are_told_apart() -> None:
    told = [
        health(state, 0, name, venue=venue)
        for venue, state in (("okx", "dead"), ("bybit", "dead"), ("binance", "live"))
        for name in CHANNELS
    ]
    said = play(told, 60)
    assert stages(said) == ["open", "open"]
    assert [one.value(N.FEED_VENUES) for one in said] == [("bybit",), ("okx",)]
    assert said[0].value(N.VENUES_SILENT) == ("bybit", "okx")
    assert said[0].value(N.VENUES_LIVE) == ("binance",)
    assert "No data from okx either." in headline(said[0])


VENUES = ("binance", "bybit", "hyperliquid", "okx")


def lost(seconds: float, *venues: str, state: str = "dead") -> list[Health]:
    """Venues whose names are not found, each a little later than the one before."""
    return [
        health(state, seconds + 0.5 * place, name, venue=venue, reason=DNS)
        for place, venue in enumerate(venues)
        for name in CHANNELS
    ]


def test_names_that_are_all_lost_at_once_are_one_notice_about_ourselves() -> None:
    said = play([*lost(0, *VENUES), *lost(600, *VENUES, state="live")], 3_600)
    assert stages(said) == ["open", "all_clear"]
    assert {one.value(N.FEED_VENUES) for one in said} == {("airpocket",)}
    assert said[0].value(N.VENUES_SILENT) == VENUES
    assert said[0].value(N.FEED_GAP_FROM) == said[0].onset_ns == at(0)
    assert [one.time_ns for one in said] == [at(10), at(630)]
    assert headline(said[0]).startswith(
        "Feed health: our own network dead since 20:00 UTC: no venue's name is found (DNS). What"
        " happens on the venues is not seen. No data from binance, bybit, hyperliquid, okx. fh-"
    )
    assert headline(said[1]).startswith(
        "Feed back: our own network live again, after a gap from 20:00 UTC to 20:10 UTC (10 min)."
        " What happened in the gap was not seen. Live: binance, bybit, hyperliquid, okx."
    )


def test_a_venue_that_stays_out_when_the_network_is_back_is_told_then() -> None:
    told = [*lost(0, *VENUES), *lost(600, "binance", "bybit", "okx", state="live")]
    told += [
        health("blocked", 604, one, venue="hyperliquid", reason="HTTP 451") for one in CHANNELS
    ]
    said = play(told, 3_600)
    assert [(one.stage.value, one.value(N.FEED_VENUES)) for one in said] == [
        ("open", ("airpocket",)), ("open", ("hyperliquid",)), ("all_clear", ("airpocket",)),
    ]  # fmt: skip
    assert said[1].time_ns == at(610)
    assert said[1].value(N.FEED_GAP_FROM) == at(1), "since it was not seen, whoever's fault it was"
    assert said[1].value(N.FEED_CAUSE) == "region"


def test_what_was_told_before_stays_told_and_the_rest_is_folded() -> None:
    said = play([*lost(0, "okx"), *lost(20, "binance", "bybit")], 3_600)
    assert [one.value(N.FEED_VENUES) for one in said] == [("okx",), ("airpocket",)]
    assert stages(said) == ["open", "open"]
    said = play([*lost(20, "binance", "bybit"), *lost(25, "okx")], 3_600)
    assert [one.value(N.FEED_VENUES) for one in said] == [("airpocket",)]


@pytest.mark.parametrize(
    "other",
    [
        health("live", 5, venue="okx"),
        health("dead", 5, venue="okx", reason="closed with 1006"),
        health("suspect", 5, venue="okx", reason="silent"),
    ],
)
def test_while_one_venue_is_seen_or_fails_otherwise_the_fault_is_not_ours(other: Health) -> None:
    said = play([other, *lost(6, "binance", "bybit")], 600)
    assert ("airpocket",) not in {one.value(N.FEED_VENUES) for one in said}
    assert {("binance",), ("bybit",)} <= {one.value(N.FEED_VENUES) for one in said}


def test_of_one_venue_alone_nobody_can_tell() -> None:
    (said,) = play(lost(0, "okx"), 600)
    assert said.value(N.FEED_VENUES) == ("okx",)


def test_a_restart_amid_it_ends_it_under_its_id() -> None:
    (opened,) = play(lost(0, *VENUES), 600)
    desk = HealthDesk()
    assert desk.resume([opened], venues=VENUES, now_ns=at(700)) == []
    said = play([*lost(710, *VENUES), *lost(800, *VENUES, state="live")], 3_600, desk)
    assert stages(said) == ["all_clear"]
    assert said[0].alert_id == opened.alert_id
    assert desk.open_ids == ()


def test_a_full_disk_is_told_as_ours() -> None:
    told = [health("dead", 0, "tape", venue="airpocket", reason="no space left on device")]
    (said,) = run(told, 60)
    assert said.startswith("Feed health: airpocket tape dead since 20:00 UTC: the disk is full.")


def test_a_clock_that_steps_back_does_no_harm() -> None:
    desk = HealthDesk()
    desk.advance(at(100))
    assert desk.take(health("dead", 50)) == []
    (said,) = desk.advance(at(110))
    assert (said.onset_ns, said.time_ns) == (at(100), at(110))


def test_a_record_without_a_time_or_with_a_strange_venue_is_refused() -> None:
    with pytest.raises(InputError, match="not a time"):
        HealthDesk().take(health("dead", 0, local_ns=None))
    with pytest.raises(InputError, match="not a time"):
        HealthDesk().take(health("dead", 0, local_ns=12))
    with pytest.raises(InputError, match="not the id of a venue"):
        HealthDesk().take(health("dead", 0, venue="<b>"))
    with pytest.raises(InputError, match="not a time"):
        HealthDesk().advance(0)


def test_a_restart_ends_what_an_earlier_run_opened_under_its_id() -> None:
    first = HealthDesk()
    told = [health("dead", 0, name) for name in CHANNELS] + [health("live", 50, "mark")]
    said = play(told, 600, first)
    assert stages(said) == ["open", "update"]
    second = HealthDesk()
    assert second.resume(said[-1:], venues=("okx",), now_ns=at(700)) == []
    assert second.open_ids == first.open_ids == (said[0].alert_id,)
    again = play([health("live", 710, "liquidations"), health("live", 720)], 3_600, second)
    assert stages(again)[-1] == "all_clear"
    assert {one.alert_id for one in again} == {said[0].alert_id}
    assert again[0].sequence == 2
    assert again[-1].value(N.FEED_CHANNELS) == ("liquidations", "mark", "trades")


def test_a_venue_that_is_no_longer_followed_is_not_called_back() -> None:
    (opened,) = play([health("dead", 0)], 60)
    desk = HealthDesk()
    (ended,) = desk.resume([opened], venues=("bybit",), now_ns=at(900))
    assert ended.stage is Stage.FEED_ENDED
    assert (ended.alert_id, ended.sequence) == (opened.alert_id, 1)
    assert "This is not an all-clear." in headline(ended)
    assert desk.resume([ended], venues=("okx",), now_ns=at(901)) == []
    assert desk.open_ids == ()


def laws(said: list[InformationalAlert]) -> None:
    """What must hold of anything that the desk says."""
    by_id = defaultdict(list)
    for one in said:
        by_id[one.alert_id].append(one)
        assert one.signal is Signal.FEED_HEALTH
        text = headline(one)
        assert "go long" not in text
        assert "<b>" not in text
    for render in (as_json, as_html, as_markdown, as_text):  # slow: the last of all will do
        assert [render(one) for one in said[-1:]] or not said
    for alerts in by_id.values():
        told = stages(alerts)
        assert told[0] == "open"
        assert told.count("open") == 1
        assert told.count("update") <= UPDATES_MOST
        assert told.count("all_clear") <= 1
        assert "all_clear" not in told[:-1]
        assert [one.sequence for one in alerts] == list(range(len(alerts)))
        assert [one.time_ns for one in alerts] == sorted(one.time_ns for one in alerts)


@settings(deadline=None, max_examples=40)
@given(healths() | whole_venues())
def test_any_story_is_one_opening_few_updates_one_end(told: list[Health]) -> None:
    desk = HealthDesk()
    end_s = (told[-1].local_ns or 0) / SECOND_NS - at(0) / SECOND_NS if told else 0.0
    said = play(told, end_s + 3_600, desk)
    laws(said)
    # Nothing stays out unsaid for longer than the hold, and nothing that is back stays open.
    down = {(one.venue, one.channel) for one in told if _is_out(told, one)}
    assert bool(down) == bool(desk.open_ids)
    ours = desk._venues["airpocket"]
    for venue, channel in down:
        notice = desk._venues[venue].notice_of(channel_word(channel))
        assert notice is not None or ours.channels["network"].is_down
    if ours.channels["network"].is_down:
        assert ours.notice_of("network") is not None
        assert all(_is_out(told, one) for one in told if one.venue != "airpocket")


def _is_out(told: list[Health], last: Health) -> bool:
    """Whether the channel of a record is out at the end, worked out another way."""
    out: set[str] = set()
    for one in told:
        same = one.channel == last.channel and one.venue == last.venue
        if not same:
            continue
        if one.raw_symbol == "*":
            out = set()
        if one.state in outages.DOWN:
            out.add(one.raw_symbol)
        else:
            out.discard(one.raw_symbol)
    return bool(out)


@UNHURRIED
@given(healths() | whole_venues())
def test_what_is_said_does_not_depend_on_how_often_one_asks(told: list[Health]) -> None:
    often, patience = HealthDesk(), random.Random(7)
    said = []
    for one in told:
        assert one.local_ns is not None
        while patience.random() < 0.5:
            said += often.advance(max(one.local_ns - patience.randrange(20 * SECOND_NS), at(0)))
        said += often.take(one)
    assert said + often.advance(at(10**5)) == play(told, 10**5)


@dataclasses.dataclass(frozen=True)
class Bug:
    """A change that a test above has to notice."""

    name: str
    where: object
    value: object
    broken: tuple[str, ...]


BUGS = (
    Bug(
        "is_out",
        health_desk,
        lambda _: False,
        ("test_names_that_are_all_lost_at_once_are_one_notice_about_ourselves",),
    ),
    Bug("FLAPS", health_desk, 10_000, ("test_flaps_too_short_to_be_news_are_news_together",)),
    Bug("_TOGETHER_NS", health_desk, 0, ("test_what_goes_out_soon_after_joins_the_notice",)),
    Bug(
        "UPDATES_MOST", health_desk, 0, ("test_a_part_that_is_back_is_told_while_the_rest_is_out",)
    ),
    Bug(
        "_STEADY_MOST_NS", outages, 1, ("test_a_blink_now_and_then_becomes_one_notice_before_long",)
    ),
    Bug(
        "DOWN",
        outages,
        frozenset({*outages.DOWN, "throttled"}),
        ("test_a_throttled_feed_is_no_outage",),
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted_bugs_are_noticed(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bug.where, bug.name, bug.value)
    for name in bug.broken:
        with pytest.raises((AssertionError, IndexError, ValueError)):
            globals()[name]()
