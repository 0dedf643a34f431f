from airpocket.alerts.alert import Signal, Stage, alert_id
from airpocket.alerts.fact import FactName
from airpocket.alerts.feed_notice import Notice, coverage_facts, end_facts, open_facts, resumed
from airpocket.alerts.outages import ChannelWatch
from tests.alerts.feeds import at, health
from tests.alerts.made import alert

N = FactName


def watched(state: str, channel: str = "trades", **more: str) -> ChannelWatch:
    watch = ChannelWatch()
    watch.note(health(state, 0, channel, **more), at(0))
    return watch


def notice(**watches: ChannelWatch) -> Notice:
    made = Notice("okx", alert_id(Signal.FEED_HEALTH, "*", at(0), "okx"), at(0))
    made.join({name: one.outage for name, one in watches.items() if one.outage is not None})
    return made


def test_the_worst_of_its_channels_is_said_and_why() -> None:
    watches = {
        "trades": watched("suspect", reason="silent for 60 s"),
        "liquidations": watched("dead", reason="closed with 1006"),
    }
    facts = {one.name: one.value for one in open_facts(notice(**watches), watches)}
    assert facts[N.FEED_STATE] == "dead"
    assert facts[N.FEED_CAUSE] == "disconnected"
    assert facts[N.FEED_GAP] == "disconnect"
    assert facts[N.FEED_CHANNELS] == ("liquidations", "trades")
    assert facts[N.FEED_DROPS] == 1  # both went out at once


def test_silence_is_a_gap_by_silence_and_an_unknown_reason_is_not_measured() -> None:
    watches = {"trades": watched("suspect", reason="")}
    facts = {one.name: one.value for one in open_facts(notice(**watches), watches)}
    assert facts[N.FEED_GAP] == "silence"
    assert facts[N.FEED_CAUSE] is None
    assert facts[N.FEED_CHANNEL] == "trades"


def test_an_end_has_its_time_and_a_feed_cut_off_has_none() -> None:
    made = notice(trades=watched("dead"))
    made.ended_ns = at(60)
    told = {one.name: one.value for one in end_facts(made)}
    assert told[N.FEED_GAP_TO] == at(60)
    assert N.FEED_GAP not in told
    cut = {one.name: one.value for one in end_facts(made, cut_off=True)}
    assert cut[N.FEED_GAP] == "end_of_recording"
    assert N.FEED_GAP_TO not in cut


def test_a_venue_is_silent_only_if_all_its_channels_are() -> None:
    venues = {
        "okx": {"trades": watched("dead"), "mark": watched("live")},
        "bybit": {"trades": watched("dead")},
        "binance": {"liquidations": watched("throttled"), "trades": watched("live")},
        "airpocket": {"tape": watched("dead")},
    }
    told = {one.name: one.value for one in coverage_facts(venues)}
    assert told == {
        N.VENUES_LIVE: ("okx",),
        N.VENUES_THROTTLED: ("binance",),
        N.VENUES_SILENT: ("bybit",),
    }


def test_a_notice_counts_its_alerts_and_can_be_taken_up_again() -> None:
    watches = {"trades": watched("dead"), "mark": watched("dead")}
    made = notice(**watches)
    made.change(at(5))
    made.change(at(9))
    assert (made.changed_ns, made.updates) == (at(5), 0)
    opened = made.say(Stage.OPEN, at(10), open_facts(made, watches))
    assert (made.changed_ns, made.updates) == (None, 0)
    update = made.say(Stage.UPDATE, at(70), open_facts(made, watches))
    assert [opened.sequence, update.sequence, made.updates] == [0, 1, 1]
    again = resumed(update)
    assert again is not None
    assert again.say(Stage.ALL_CLEAR, at(90), end_facts(again)).sequence == 2
    assert (again.alert_id, again.onset_ns, again.updates) == (made.alert_id, at(0), 1)
    assert list(again.out) == ["mark", "trades"]


def test_what_is_over_or_about_a_market_leaves_nothing_open() -> None:
    made = notice(trades=watched("dead"))
    assert resumed(made.say(Stage.ALL_CLEAR, at(90), end_facts(made))) is None
    assert resumed(alert()) is None
    assert resumed(alert(signal=Signal.FEED_HEALTH, scope="*")) is None
