"""What was filed can be looked at, gone on with after a restart, and forgotten in time."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.filed import (
    channels_of,
    forget,
    history,
    last_of_open,
    open_alerts,
    read,
    waiting,
)
from airpocket.alerts.outbox import KEEP_LEAST_NS, KEEP_NS, Outbox
from airpocket.errors import AirpocketError, InputError
from airpocket.store.state import State
from airpocket.units import HOUR_NS
from tests.alerts.made import HOUR, UNHURRIED, alert, alerts, full, observed

NOW_NS = HOUR[1]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "s.db") as state:
        yield state


@UNHURRIED
@given(alerts())
def test_any_alert_is_read_as_it_was_written(one: InformationalAlert) -> None:
    assert read(msgspec.json.encode(one).decode()) == one


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '{"entry_price": 1}', "\x00"])
def test_what_is_no_alert_is_not_read(body: str) -> None:
    with pytest.raises((msgspec.DecodeError, AirpocketError)):
        read(body)


def test_an_alert_that_was_given_advice_is_not_read() -> None:
    body = msgspec.json.encode(alert(observed())).decode()
    assert read(body) == alert(observed())
    for found, planted in (
        ("observed_usd", "entry_price"),
        ("BTC/USDT:USDT", "BUY NOW"),
        ("longs", "go long"),
        ('"open"', '"buy"'),
        ("binance:liquidations", "my friend"),
    ):
        assert found in body
        with pytest.raises((msgspec.DecodeError, AirpocketError)):
            read(body.replace(found, planted))


def test_history_is_the_newest_first_by_signal_and_symbol(state: State) -> None:
    outbox = Outbox(state)
    btc = alert(observed())
    quarterly = alert(observed(), scope="BTC/USD:BTC-251226")
    shock = alert(signal=Signal.SHOCK, scope="*")
    odd = alert(observed(), scope="BTCDOM/USDT:USDT")
    for count, one in enumerate((btc, quarterly, shock, odd)):
        assert outbox.file(one, ["log"], at_ns=NOW_NS + count)
    assert [told.alert for told in history(state)] == [odd, shock, quarterly, btc]
    assert [told.alert for told in history(state, 2)] == [odd, shock]
    assert [told.alert for told in history(state, symbol="BTC")] == [quarterly, btc]
    assert [told.alert for told in history(state, symbol="BTC/USDT:USDT")] == [btc]
    assert [told.alert for told in history(state, symbol="*")] == [shock]
    assert [told.alert for told in history(state, signal=Signal.SHOCK)] == [shock]
    assert history(state, symbol="BTC/", signal=Signal.SHOCK) == []


def test_history_says_how_far_an_alert_got(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["a", "b", "c", "d"], at_ns=NOW_NS)
    first, second, third, _ = outbox.due(NOW_NS)
    outbox.delivered(first, NOW_NS)
    outbox.refused(second, NOW_NS, "no")
    outbox.delivered(third, NOW_NS)
    (told,) = history(state)
    assert (told.delivered, told.waiting, told.refused) == (("a", "c"), ("d",), ("b",))
    assert told.filed_ns == NOW_NS


def test_what_is_open_is_known_after_a_restart(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(*full()), ["log"], at_ns=NOW_NS, episode=b"{}", episode_key="BTC|longs")
    for count in (1, 2):
        update = alert(observed(), stage=Stage.UPDATE, sequence=count, time_ns=NOW_NS + count)
        outbox.file(update, ["log"], at_ns=NOW_NS + count, episode=b"{}", episode_key="BTC|longs")
    over = alert(scope="ETH/USDT:USDT")
    outbox.file(over, [], at_ns=NOW_NS)
    outbox.file(alert(scope="ETH/USDT:USDT", stage=Stage.ALL_CLEAR, sequence=1), [], at_ns=NOW_NS)
    notice = alert(signal=Signal.FEED_HEALTH, scope="*", phase="unknown")
    outbox.file(notice, [], at_ns=NOW_NS)
    (known,) = outbox.open_alerts()
    assert known.alert_id == alert().alert_id
    assert (known.sequence, known.updates, known.time_ns) == (2, 2, NOW_NS + 2)
    assert (known.scope, known.side, known.onset_ns) == ("BTC/USDT:USDT", "longs", HOUR[0])
    assert known.episode_key == "BTC|longs"
    assert [one.alert_id for one in outbox.open_alerts(Signal.FEED_HEALTH)] == [notice.alert_id]
    assert outbox.last_of_open(Signal.FEED_HEALTH) == [notice]
    assert last_of_open(state) == [update, notice]
    assert len(open_alerts(state)) == 2


def test_an_ended_feed_is_no_longer_open(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), [], at_ns=NOW_NS)
    assert len(open_alerts(state)) == 1
    outbox.file(alert(stage=Stage.FEED_ENDED, sequence=1), [], at_ns=NOW_NS)
    assert open_alerts(state) == []


def test_the_onset_is_that_of_the_opening(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), [], at_ns=NOW_NS)
    later = alert(stage=Stage.UPDATE, sequence=1, alert_id=alert().alert_id, onset_ns=HOUR[0] + 5)
    outbox.file(later, [], at_ns=NOW_NS)
    assert open_alerts(state)[0].onset_ns == HOUR[0]


def test_channels_are_those_that_got_anything_of_an_id(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["b"], at_ns=NOW_NS)
    outbox.file(alert(stage=Stage.UPDATE, sequence=1), ["a", "b"], at_ns=NOW_NS)
    outbox.file(alert(scope="ETH/USDT:USDT"), ["c"], at_ns=NOW_NS)
    assert channels_of(state, alert().alert_id) == ("b", "a")
    assert channels_of(state, "lc-20260205T200000-00000000") == ()


def test_what_waits_is_told_by_channel(state: State) -> None:
    outbox = Outbox(state)
    for count in range(3):
        stage = Stage.UPDATE if count else Stage.OPEN
        outbox.file(alert(stage=stage, sequence=count), ["a", "b", "c"], at_ns=NOW_NS + count)
    first, _, third = outbox.due(NOW_NS)
    outbox.failed(first, NOW_NS, retry_ns=NOW_NS + HOUR_NS, reason="answered 500")
    outbox.suspend("b", "answered 410")
    outbox.delivered(third, NOW_NS)
    told = {one.channel: one for one in waiting(state)}
    assert (told["a"].count, told["a"].oldest_ns, told["a"].attempts) == (3, NOW_NS, 1)
    assert (told["a"].reason, told["a"].is_suspended) == ("answered 500", False)
    assert (told["b"].reason, told["b"].is_suspended) == ("answered 410", True)
    assert (told["c"].count, told["c"].oldest_ns, told["c"].reason) == (2, NOW_NS + 1, None)
    assert outbox.waiting() == list(told.values())
    assert outbox.pending() == {"a": 3, "b": 3, "c": 2}


def test_only_what_is_done_over_and_old_is_forgotten(state: State) -> None:
    outbox = Outbox(state)
    ended, waits = alert(), alert(scope="ETH/USDT:USDT")
    opened, recent = alert(scope="SOL/USDT:USDT"), alert(scope="XRP/USDT:USDT")
    for one, channels in ((ended, ["a"]), (waits, ["b"]), (opened, [])):
        outbox.file(one, channels, at_ns=NOW_NS, episode=b"{}")
    for one in (ended, waits):
        end = alert(scope=one.scope, stage=Stage.ALL_CLEAR, sequence=1)
        outbox.file(end, ["a"] if one is ended else ["b"], at_ns=NOW_NS)
    while due := [one for one in outbox.due(NOW_NS) if one.channel == "a"]:
        outbox.delivered(due[0], NOW_NS)
    later_ns = NOW_NS + KEEP_NS + 1
    outbox.file(recent, [], at_ns=later_ns)
    outbox.file(alert(scope=recent.scope, stage=Stage.ALL_CLEAR, sequence=1), [], at_ns=later_ns)
    assert outbox.prune(later_ns - 2) == 0
    assert outbox.prune(later_ns) == 1
    left = {told.alert.scope for told in history(state)}
    assert left == {waits.scope, opened.scope, recent.scope}
    assert {row.episode_key for row in state.episodes()} == {waits.alert_id, opened.alert_id}
    assert outbox.pending() == {"b": 2}
    assert forget(state, later_ns) == 0


def test_nothing_is_given_up_or_forgotten_within_72_hours(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["a"], at_ns=NOW_NS)
    assert KEEP_LEAST_NS == 72 * HOUR_NS
    for short in (outbox.give_up, outbox.prune):
        name = "after_ns" if short == outbox.give_up else "keep_ns"
        with pytest.raises(InputError, match="at least 72 hours"):
            short(NOW_NS, **{name: KEEP_LEAST_NS - 1})
    assert outbox.give_up(NOW_NS + KEEP_LEAST_NS) == 0
    assert outbox.give_up(NOW_NS + KEEP_LEAST_NS + 1) == 1
    (told,) = history(state)
    assert told.refused == ("a",)
    assert outbox.due(NOW_NS + KEEP_LEAST_NS + 1) == []


def test_what_can_no_longer_be_read_is_left_out(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), [], at_ns=NOW_NS)
    outbox.file(alert(scope="ETH/USDT:USDT"), [], at_ns=NOW_NS)
    with state.transaction() as connection:
        connection.exec_driver_sql("UPDATE alert SET body = '{}' WHERE place = 1")
    assert [told.alert.scope for told in history(state)] == ["ETH/USDT:USDT"]
    assert [known.scope for known in open_alerts(state)] == ["ETH/USDT:USDT"]
    assert [one.scope for one in last_of_open(state)] == ["ETH/USDT:USDT"]
