from airpocket.alerts.outages import DOWN, ChannelWatch, worse
from airpocket.market.events import HealthState
from airpocket.units import MINUTE_NS, SECOND_NS
from tests.alerts.feeds import at, health

BASE = 30 * SECOND_NS


def test_what_shows_a_part_is_not_out() -> None:
    assert HealthState.THROTTLED not in DOWN
    assert HealthState.LIVE not in DOWN
    watch = ChannelWatch()
    assert not watch.note(health("throttled", 0), at(0))
    assert watch.state is HealthState.THROTTLED
    assert watch.outage is None


def test_an_outage_counts_its_drops() -> None:
    watch = ChannelWatch()
    assert watch.note(health("dead", 0), at(0))
    assert not watch.note(health("dead", 1), at(1))
    assert not watch.note(health("live", 5), at(5))
    assert watch.outage is not None
    assert (watch.outage.up_ns, watch.outage.drops) == (at(5), 1)
    assert watch.note(health("suspect", 9), at(9))
    assert (watch.outage.onset_ns, watch.outage.down_ns, watch.outage.up_ns) == (at(0), at(9), None)
    assert watch.outage.drops == 2
    assert watch.outage.state is HealthState.SUSPECT


def test_becoming_worse_is_told_and_better_is_not() -> None:
    watch = ChannelWatch()
    watch.note(health("dead", 0, reason="a"), at(0))
    assert not watch.note(health("suspect", 1, reason="b"), at(1))
    assert watch.outage is not None
    assert watch.outage.reason == "a"
    assert watch.note(health("blocked", 2, reason="c"), at(2))
    assert (watch.outage.state, watch.outage.reason) == (HealthState.BLOCKED, "c")
    assert not watch.note(health("blocked", 3, reason="d"), at(3))
    assert watch.outage.reason == "d"


def test_single_instruments_are_named_until_the_whole_channel_is_out() -> None:
    watch = ChannelWatch()
    watch.note(health("suspect", 0, symbol="BTC/USDT:USDT", raw_symbol="BTC"), at(0))
    watch.note(health("suspect", 1, symbol=None, raw_symbol="X"), at(1))
    assert list(watch.instruments) == ["BTC/USDT:USDT", "X"]
    watch.note(health("live", 2, symbol=None, raw_symbol="X"), at(2))
    assert list(watch.instruments) == ["BTC/USDT:USDT"]
    watch.note(health("dead", 3), at(3))
    assert list(watch.instruments) == []
    watch.note(health("live", 4), at(4))
    assert not watch.is_down


def test_the_more_often_it_dropped_the_longer_it_must_hold() -> None:
    watch = ChannelWatch()
    held = []
    for round_ in range(8):
        watch.note(health("dead", 2 * round_), at(2 * round_))
        watch.note(health("live", 2 * round_ + 1), at(2 * round_ + 1))
        held.append(watch.steady_ns(BASE) // SECOND_NS)
    assert held == [30, 60, 120, 240, 480, 600, 600, 600]
    later = 3 * 3_600
    watch.note(health("dead", later), at(later))
    assert watch.steady_ns(BASE) == BASE  # what is an hour ago is forgotten
    assert watch.steady_ns(20 * MINUTE_NS) == 20 * MINUTE_NS


def test_the_worse_of_two_states() -> None:
    assert worse(HealthState.DEAD, HealthState.BLOCKED) is HealthState.BLOCKED
    assert worse(HealthState.DEAD, HealthState.SUSPECT) is HealthState.DEAD
