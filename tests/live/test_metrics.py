from hypothesis import given
from hypothesis import strategies as st

from airpocket import __version__
from airpocket.alerts.alert import Signal
from airpocket.alerts.fact import KINDS, FactName
from airpocket.live.channel import Outcome
from airpocket.live.metrics import CONTENT_TYPE, OTHER, Metrics, Reconnect, Sent
from airpocket.live.session import Why
from airpocket.live.transport import ConnectFault
from airpocket.market.events import Gap, GapCause
from tests.alerts.feeds import at, health
from tests.alerts.made import UNHURRIED, alert

VENUES = ("okx", "binance")


def shown(metrics: Metrics) -> dict[str, float]:
    text = metrics.rendered().decode()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name.removeprefix("airpocket_"): float(value) for name, _, value in rows}


def gap(from_s: float, to_s: float | None = None, raw: str = "*", venue: str = "okx") -> Gap:
    return Gap(
        venue=venue, symbol=raw, raw_symbol=raw, channel="trades", cause=GapCause.DISCONNECT,
        from_ns=at(from_s), to_ns=None if to_s is None else at(to_s), proven_by="x",
    )  # fmt: skip


def test_what_comes_in_is_counted_by_venue_and_channel() -> None:
    metrics = Metrics(VENUES)
    metrics.received("okx", "trades", events=3, size_bytes=100)
    metrics.received("okx", "trades", frames=2, events=0, size_bytes=50)
    metrics.received("binance", "liquidations", events=1, size_bytes=9)
    told = shown(metrics)
    assert told['frames_total{channel="trades",venue="okx"}'] == 3
    assert told['events_total{channel="trades",venue="okx"}'] == 3
    assert told['received_bytes_total{channel="trades",venue="okx"}'] == 150
    assert told['events_total{channel="liquidations",venue="binance"}'] == 1


def test_a_gap_is_open_until_it_is_told_with_its_end() -> None:
    metrics = Metrics(VENUES)
    metrics.gap(gap(0))
    metrics.gap(gap(0, raw="BTC"))
    metrics.gap(gap(0))  # told again: still the same one
    assert metrics.gaps_open == 2
    metrics.gap(gap(0, 90))
    metrics.gap(gap(100, 101))  # known only when it was over
    told = shown(metrics)
    of = '{channel="trades",venue="okx"}'
    assert (told[f"gaps_open{of}"], told[f"gaps_total{of}"], told[f"gap_seconds_total{of}"]) == (
        1, 3, 91,
    )  # fmt: skip


def test_health_is_one_state_at_a_time() -> None:
    metrics = Metrics(VENUES)
    metrics.health(health("dead", 0))
    metrics.health(health("live", 1))
    states = {name: value for name, value in shown(metrics).items() if name.startswith("health{")}
    assert len(states) == 5
    assert [name for name, value in states.items() if value] == [
        'health{channel="trades",state="live",venue="okx"}'
    ]


def test_the_rest_is_shown_too() -> None:
    metrics = Metrics(VENUES, sinks=["log", "my_phone"])
    metrics.reconnected("okx", "silent")
    metrics.rejected("okx", records=2, frames=1)
    metrics.repeated("okx", "trades", 4)
    metrics.late("okx")
    metrics.clock_faults("okx", 3)
    metrics.clock_skew("okx", -1.5)
    metrics.committed(0.004)
    metrics.tape(pending_bytes=77, is_up=False)
    metrics.follower_lag(0.25)
    metrics.filed(alert(signal=Signal.FEED_HEALTH, scope="*"))
    metrics.outbox({"my_phone": 3}, oldest_s=12.0)
    metrics.delivery("my_phone", "retry")
    told = shown(metrics)
    assert told['reconnects_total{reason="silent",venue="okx"}'] == 1
    assert told['decode_rejects_total{venue="okx"}'] == 2
    assert told['quarantined_total{venue="okx"}'] == 1
    assert told['repeats_total{channel="trades",venue="okx"}'] == 4
    assert told['late_events_total{venue="okx"}'] == 1
    assert told['clock_faults_total{venue="okx"}'] == 3
    assert told['clock_skew_seconds{venue="okx"}'] == -1.5
    assert told['tape_commit_seconds_bucket{le="0.005"}'] == 1
    assert told['tape_commit_seconds_bucket{le="0.0025"}'] == 0
    assert (told["tape_pending_bytes"], told["tape_up"], told["follower_lag_seconds"]) == (
        77, 0, 0.25,
    )  # fmt: skip
    assert told['alerts_filed_total{signal="FEED_HEALTH",stage="open"}'] == 1
    assert told['outbox_pending{sink="my_phone"}'] == 3
    assert told['outbox_pending{sink="log"}'] == 0
    assert told['deliveries_total{outcome="retry",sink="my_phone"}'] == 1
    assert any(f'version="{__version__}"' in name for name in told)
    metrics.outbox({})
    assert shown(metrics)['outbox_pending{sink="my_phone"}'] == 0  # delivered: not 3 for ever


def test_words_of_sockets_and_sinks_are_known() -> None:
    assert {one.value for one in (*Why, *ConnectFault)} <= {one.value for one in Reconnect}
    assert {one.value for one in Outcome} <= {one.value for one in Sent}


def test_a_secret_in_a_name_is_not_shown() -> None:
    metrics = Metrics(["okx", "https://u:p@ss"], sinks=["tgram://123:secret@chat", "log"])
    metrics.outbox({"tgram://123:secret@chat": 1})
    metrics.delivery("tgram://123:secret@chat", "https://hook/secret")
    metrics.received("https://u:p@ss", "trades")
    text = metrics.rendered().decode()
    assert "secret" not in text
    assert "u:p@ss" not in text
    assert f'outbox_pending{{sink="{OTHER}"}} 1.0' in text


def test_no_series_tells_when_it_was_born() -> None:
    metrics = Metrics(VENUES)
    metrics.received("okx", "trades")
    assert "_created" not in metrics.rendered().decode()
    assert CONTENT_TYPE.startswith("text/plain")


_KNOWN = {*VENUES, "log", *Reconnect, *Sent, *KINDS[FactName.FEED_CHANNEL].words}
_STRANGE = st.text().filter(lambda text: text not in _KNOWN)


def _series(rows: list[tuple[str, str, str]]) -> list[str]:
    metrics = Metrics(VENUES, sinks=["log"])
    for venue, channel, reason in rows:
        metrics.received(venue, channel)
        metrics.reconnected(venue, reason)
        metrics.gap(gap(0, 1, raw=channel, venue=venue))
        metrics.rejected(venue, records=1)
        metrics.outbox({venue: 1})
        metrics.delivery(venue, reason)
    return [line.rpartition(" ")[0] for line in metrics.rendered().decode().splitlines()]


@UNHURRIED
@given(st.lists(st.tuples(_STRANGE, _STRANGE, _STRANGE), min_size=1, max_size=60))
def test_strangers_cannot_make_series(told: list[tuple[str, str, str]]) -> None:
    assert _series(told) == _series([("?", "?", "?")])


def test_memory_of_strangers_is_bounded() -> None:
    metrics = Metrics(VENUES)
    for number in range(2_000):
        metrics.received(f"v{number}", f"c{number}")
        metrics.received("okx", f"c{number}")
    assert len(metrics._streams) == 0
