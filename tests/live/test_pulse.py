"""Silence: judged by application data, per topic."""

from airpocket.live.pulse import SILENT_SOCKET_S, Pulse
from airpocket.market.stream import Channel, Subscription

MARK = Subscription((Channel.MARK,), "BTCUSDT", "mark", 20.0)
TRADES = Subscription((Channel.TRADES,), "BTCUSDT", "trades")
QUIET = Subscription((Channel.TRADES,), "DUSKUSDT", "quiet")
FORCED = Subscription((Channel.LIQUIDATIONS,), "BTCUSDT", "forced")


def _pulse(*topics: Subscription) -> Pulse:
    pulse = Pulse(0.0)
    for one in topics:
        pulse.add(one, 0.0)
    return pulse


def _silent(pulse: Pulse, now_s: float) -> list[str]:
    return [beat.subscription.topic for beat in pulse.silent(now_s)]


def test_a_socket_without_data_is_dead_within_its_time() -> None:
    pulse = _pulse(MARK)
    assert not pulse.is_socket_silent(SILENT_SOCKET_S)
    assert pulse.is_socket_silent(SILENT_SOCKET_S + 0.1)
    assert SILENT_SOCKET_S <= 30


def test_a_socket_with_nothing_dense_may_be_silent() -> None:
    assert not _pulse(FORCED).is_socket_silent(1e6)


def test_a_canary_that_stalls_is_found_though_siblings_flow() -> None:
    pulse = _pulse(MARK, TRADES)
    for second in range(60):
        pulse.hear(("trades",), float(second), second)
    assert _silent(pulse, 60.0) == ["mark"]


def test_a_busy_topic_that_pauses_for_45_s_is_silent_and_a_quiet_one_is_not() -> None:
    pulse = _pulse(TRADES, QUIET)
    for tick in range(6000):
        pulse.hear(("trades",), tick / 10, tick)
    pulse.hear(("quiet",), 10.0, 1)
    pulse.hear(("quiet",), 300.0, 1)
    assert _silent(pulse, 640.0) == []
    assert _silent(pulse, 646.0) == ["trades"]


def test_liquidations_are_never_judged_by_their_own_silence() -> None:
    pulse = _pulse(FORCED)
    for second in range(1000):
        pulse.hear(("forced",), float(second), second)
    assert _silent(pulse, 30_000.0) == []


def test_data_of_a_topic_that_cannot_be_told_proves_the_socket_only() -> None:
    pulse = _pulse(MARK)
    pulse.hear((), 25.0, 25)
    assert not pulse.is_socket_silent(30.0)
    assert _silent(pulse, 30.0) == ["mark"]


def test_a_pause_of_ours_is_not_theirs() -> None:
    pulse = _pulse(MARK)
    pulse.hear(("mark",), 1.0, 1)
    pulse.skip(600.0)
    assert not pulse.is_socket_silent(610.0)
    assert _silent(pulse, 610.0) == []


def test_what_was_asked_for_again_is_waited_for_anew() -> None:
    pulse = _pulse(MARK)
    pulse.beats["mark"].restart(100.0)
    assert _silent(pulse, 119.0) == []
    assert _silent(pulse, 121.0) == ["mark"]


def test_the_last_proof_of_a_route_is_its_slowest_canary() -> None:
    other = Subscription((Channel.MARK,), "ETHUSDT", "mark2", 20.0)
    pulse = _pulse(MARK, other)
    assert pulse.canary_wall_ns() is None
    pulse.hear(("mark",), 1.0, 10)
    pulse.hear(("mark2",), 2.0, 20)
    assert pulse.canary_wall_ns() == 10


def test_a_dropped_topic_is_not_waited_for() -> None:
    pulse = _pulse(MARK, TRADES)
    pulse.drop("mark")
    assert _silent(pulse, 1000.0) == []
