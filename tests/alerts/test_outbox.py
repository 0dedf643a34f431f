"""Every filed alert reaches each of its channels: at least once, under one id, in order."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event

from airpocket.alerts import outbox as outbox_module
from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.fact import FactName, fact
from airpocket.alerts.outbox import Due, Outbox
from airpocket.errors import InputError, StateError
from airpocket.store.state import State
from airpocket.store.state_tables import ALERT, OUTBOX, SUSPENDED, WAITING
from airpocket.units import HOUR_NS, MINUTE_NS
from tests.alerts.dying_outbox import TwoTransactions, numbered
from tests.alerts.made import HOUR, SOURCE, alert, full, observed
from tests.store.test_state import fill_the_disk

NOW_NS = HOUR[1]
CHANNELS = ("discord", "log", "telegram")

# What is tried where a statement might be put together from text (S27).
INJECTIONS: Final = (
    "'; DROP TABLE alert; --", '"; DELETE FROM outbox; --', "' OR '1'='1", "1; ATTACH 'x' AS y",
    "') ; PRAGMA writable_schema=1; --", "%", "_", "\\' OR 1=1", "x' UNION SELECT body FROM alert--",
    ":channel_1", "?", "%(channel)s", "{0}", "NULL", "[alert]", "`alert`", "--", "/*", "ｘ＇ ＯＲ １",
    "robert'); DROP TABLE subscription;--", "$(reboot)", "a" * 200,
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "s.db") as state:
        yield state


def of_channel(outbox: Outbox, channel: str, now_ns: int = NOW_NS) -> Due | None:
    return next((due for due in outbox.due(now_ns) if due.channel == channel), None)


def test_an_alert_is_due_on_each_of_its_channels_as_it_was_filed(state: State) -> None:
    outbox, one = Outbox(state), alert(*full())
    assert outbox.file(one, ["telegram", "log", "telegram"], at_ns=NOW_NS, episode=b'{"usd":1}')
    first, second = outbox.due(NOW_NS)
    assert (first.channel, second.channel) == ("telegram", "log")
    assert first.alert == second.alert == one
    assert first.message_id != second.message_id
    assert (first.attempts, first.first_ns) == (0, NOW_NS)
    (episode,) = state.episodes()
    assert (episode.episode_key, episode.body) == (one.alert_id, '{"usd":1}')


def test_filing_again_adds_nothing(state: State) -> None:
    outbox, one = Outbox(state), alert(observed())
    assert outbox.file(one, ["log"], at_ns=NOW_NS, episode=b"1")
    changed = alert(observed(1.0))
    assert not outbox.file(changed, ["log", "telegram"], at_ns=NOW_NS + 1, episode=b"2")
    assert outbox.pending() == {"log": 1}
    assert [due.alert for due in outbox.due(NOW_NS)] == [one]
    assert [row.body for row in state.episodes()] == ["1"]
    outbox.delivered(outbox.due(NOW_NS)[0], NOW_NS)
    assert not outbox.file(one, ["log"], at_ns=NOW_NS + 2)
    assert outbox.due(NOW_NS + 2) == []
    assert outbox.file(alert(stage=Stage.UPDATE, sequence=1), ["log"], at_ns=NOW_NS)
    assert outbox.file(alert(scope="ETH/USDT:USDT"), ["log"], at_ns=NOW_NS)


def test_an_episode_is_kept_as_it_stands_under_its_key(state: State) -> None:
    outbox = Outbox(state)
    for count in range(3):
        body = b'{"usd":%d}' % count
        outbox.file(numbered(count), [], at_ns=NOW_NS + count, episode=body, episode_key="BTC|1")
    outbox.file(numbered(3), [], at_ns=NOW_NS + 3)
    assert [(row.episode_key, row.body) for row in state.episodes()] == [("BTC|1", '{"usd":2}')]


def test_a_channel_gets_its_alerts_in_order_and_holds_up_no_other(state: State) -> None:
    outbox = Outbox(state)
    for count in range(3):
        outbox.file(numbered(count), CHANNELS, at_ns=NOW_NS + count)
    assert [due.alert.sequence for due in outbox.due(NOW_NS + 5)] == [0, 0, 0]
    first = of_channel(outbox, "log")
    assert first is not None
    outbox.failed(first, NOW_NS, retry_ns=NOW_NS + MINUTE_NS, reason="HTTP 503")
    for wanted in (0, 1, 2):
        other = of_channel(outbox, "discord", NOW_NS + 9)
        assert other is not None
        assert other.alert.sequence == wanted
        outbox.delivered(other, NOW_NS + 9)
    assert of_channel(outbox, "log", NOW_NS + MINUTE_NS - 1) is None
    again = of_channel(outbox, "log", NOW_NS + MINUTE_NS)
    assert again is not None
    assert (again.message_id, again.row, again.attempts) == (first.message_id, first.row, 1)


def test_only_so_many_are_due_the_oldest_first(state: State) -> None:
    outbox = Outbox(state)
    for name in ("c", "a", "b"):
        outbox.file(alert(scope=f"{name.upper()}/USDT:USDT"), [name], at_ns=NOW_NS)
    assert [due.channel for due in outbox.due(NOW_NS, 2)] == ["c", "a"]


def test_what_is_refused_is_never_due_again_and_holds_up_nothing(state: State) -> None:
    outbox = Outbox(state)
    for count in range(2):
        outbox.file(numbered(count), ["log"], at_ns=NOW_NS)
    first = outbox.due(NOW_NS)[0]
    outbox.refused(first, NOW_NS, "HTTP 400")
    (second,) = outbox.due(NOW_NS)
    assert second.alert.sequence == 1
    # A verdict that comes late changes nothing.
    outbox.failed(first, NOW_NS, retry_ns=NOW_NS, reason="late")
    outbox.delivered(first, NOW_NS)
    assert outbox.due(NOW_NS) == [second]
    assert outbox.history()[1].refused == ("log",)


def test_a_suspended_channel_is_not_due_until_it_is_resumed_also_after_a_restart(
    tmp_path: Path,
) -> None:
    with State(tmp_path / "s.db") as state:
        outbox = Outbox(state)
        outbox.file(alert(), CHANNELS, at_ns=NOW_NS)
        outbox.suspend("log", "HTTP 410")
        outbox.suspend("log", "HTTP 410 again")
    with State(tmp_path / "s.db") as state:
        outbox = Outbox(state)
        outbox.file(alert(stage=Stage.UPDATE, sequence=1), CHANNELS, at_ns=NOW_NS)
        assert outbox.suspended() == {"log": "HTTP 410 again"}
        assert of_channel(outbox, "log") is None
        assert outbox.pending()["log"] == 2
        for channel in ("discord", "telegram"):
            while (due := of_channel(outbox, channel)) is not None:
                outbox.delivered(due, NOW_NS)
        assert outbox.next_due_ns() is None
        outbox.resume("log")
        outbox.resume("log")
        due = of_channel(outbox, "log")
        assert due is not None
        assert due.alert.sequence == 0
        assert outbox.next_due_ns() == NOW_NS


def test_the_next_moment_is_that_of_the_earliest_head(state: State) -> None:
    outbox = Outbox(state)
    assert outbox.next_due_ns() is None
    outbox.file(numbered(0), ["a", "b"], at_ns=NOW_NS)
    outbox.file(numbered(1), ["a"], at_ns=NOW_NS + 1)
    first, second = outbox.due(NOW_NS)
    outbox.failed(first, NOW_NS, retry_ns=NOW_NS + 60, reason="")
    assert outbox.next_due_ns() == NOW_NS
    outbox.failed(second, NOW_NS, retry_ns=NOW_NS + 30, reason="")
    assert outbox.next_due_ns() == NOW_NS + 30
    outbox.delivered(second, NOW_NS)
    assert outbox.next_due_ns() == NOW_NS + 60  # what stands behind it does not count


def test_an_undelivered_alert_is_kept_for_72_hours_and_more(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["log"], at_ns=NOW_NS)
    now_ns = NOW_NS
    for _ in range(36):
        (due,) = outbox.due(now_ns)
        outbox.failed(due, now_ns, retry_ns=now_ns + 2 * HOUR_NS, reason="HTTP 500")
        now_ns += 2 * HOUR_NS
        assert outbox.give_up(now_ns) == 0
        assert outbox.prune(now_ns) == 0
    (due,) = outbox.due(now_ns)
    assert (due.attempts, due.first_ns) == (36, NOW_NS)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("body", "{}"),
        ("body", "not JSON"),
        ("body", msgspec.json.encode({"entry_price": 65_000}).decode()),
    ],
)
def test_a_row_that_says_no_fact_is_refused_and_holds_up_nothing(
    state: State, change: str, value: str
) -> None:
    outbox = Outbox(state)
    outbox.file(numbered(0), CHANNELS, at_ns=NOW_NS)
    outbox.file(numbered(1), CHANNELS, at_ns=NOW_NS)
    with state.transaction() as connection:
        connection.execute(ALERT.update().where(ALERT.c.place == 1).values({change: value}))
    assert [due.alert.sequence for due in outbox.due(NOW_NS)] == [1, 1, 1]
    with state.transaction() as connection:
        rows = connection.execute(OUTBOX.select().where(OUTBOX.c.alert == 1)).all()
    assert {row.standing for row in rows} == {"refused"}
    assert all("the stored alert cannot be told" in row.reason for row in rows)


def test_a_tampered_fact_is_not_told(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(observed()), ["log"], at_ns=NOW_NS)
    with state.transaction() as connection:
        body = connection.execute(ALERT.select()).one().body
        assert "observed_usd" in body
        advice = body.replace("observed_usd", "target_price").replace("BTC/USDT", "BUY/USDT")
        connection.execute(ALERT.update().values(body=advice))
    assert outbox.due(NOW_NS) == []
    assert outbox.history() == []


@pytest.mark.parametrize("channel", ["", "a\nb", "x" * 201, "\ud800"])
def test_a_channel_without_a_name_is_refused_before_anything_is_filed(
    state: State, channel: str
) -> None:
    outbox = Outbox(state)
    with pytest.raises(InputError, match="is not the name of a channel"):
        outbox.file(alert(), ["log", channel], at_ns=NOW_NS)
    assert outbox.history() == []


@pytest.mark.parametrize(
    "misuse",
    [
        lambda outbox: outbox.file(alert(), ["log"], at_ns=5),
        lambda outbox: outbox.file(alert(), ["log"], at_ns=float(NOW_NS)),
        lambda outbox: outbox.file(alert(), ["log"], at_ns=NOW_NS, episode=b"{"),
        lambda outbox: outbox.file(alert(), ["log"], at_ns=NOW_NS, episode=b'"\xff"'),
        lambda outbox: outbox.file(
            alert(), ["log"], at_ns=NOW_NS, episode=b"{}", episode_key="k" * 201
        ),
        lambda outbox: outbox.failed(a_due(), NOW_NS, retry_ns=MINUTE_NS, reason="a delay"),
        lambda outbox: outbox.failed(a_due(), NOW_NS, retry_ns=NOW_NS - 1, reason="earlier"),
        lambda outbox: outbox.delivered(a_due(), 1 << 70),
    ],
)
def test_what_cannot_be_meant_is_refused(state: State, misuse: Callable[[Outbox], object]) -> None:
    outbox = Outbox(state)
    with pytest.raises(InputError):
        misuse(outbox)
    assert outbox.history() == []


def a_due() -> Due:
    return Due(1, "log", alert(), "id", 0, NOW_NS)


def test_a_full_disk_files_nothing_and_loses_nothing(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(numbered(0), CHANNELS, at_ns=NOW_NS)
    fill_the_disk(state, is_full=True)
    large = b"[%s1]" % (b"1," * 400_000)
    for _ in range(2):
        with pytest.raises(StateError, match="no space left"):
            outbox.file(numbered(1), CHANNELS, at_ns=NOW_NS, episode=large)
    assert outbox.pending() == dict.fromkeys(CHANNELS, 1)
    assert len(outbox.due(NOW_NS)) == 3
    fill_the_disk(state, is_full=False)
    assert outbox.file(numbered(1), CHANNELS, at_ns=NOW_NS, episode=large)
    assert outbox.pending() == dict.fromkeys(CHANNELS, 2)


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_of_strangers_is_never_part_of_a_statement(state: State, text: str) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["bystander"], at_ns=NOW_NS, episode=b"{}", episode_key="bystander")
    odd = alert(scope="ETH/USDT:USDT")
    body = msgspec.json.encode({"symbol": text})
    assert outbox.file(odd, [text], at_ns=NOW_NS, episode=body, episode_key=text)
    assert outbox.pending() == {"bystander": 1, text: 1}
    outbox.suspend(text, text)
    assert outbox.suspended() == {text: text}
    outbox.resume(text)
    due = of_channel(outbox, text)
    assert due is not None
    outbox.failed(due, NOW_NS, retry_ns=NOW_NS, reason=text)
    assert {one.channel: one.reason for one in outbox.waiting()} == {"bystander": None, text: text}
    outbox.refused(due, NOW_NS, text)
    assert outbox.history(symbol=text) == []
    assert outbox.channels_of(text) == ()
    assert outbox.channels_of(odd.alert_id) == (text,)
    assert {row.episode_key: row.body for row in state.episodes()}[text] == body.decode()
    assert outbox.pending() == {"bystander": 1}
    state.close()
    State(state.path).close()  # and the tables are those of a state


def test_names_of_strangers_that_utf_8_cannot_hold_are_written_all_the_same(state: State) -> None:
    outbox = Outbox(state)
    outbox.file(alert(), ["log"], at_ns=NOW_NS, episode=b"{}", episode_key="BTC\ud800")
    (due,) = outbox.due(NOW_NS)
    outbox.failed(due, NOW_NS, retry_ns=NOW_NS, reason="odd \udfff answer\x00")
    assert outbox.history(symbol="\ud800") == []
    assert state.episodes()[0].episode_key == "BTC\\ud800"


def test_what_lies_on_disk_is_names_and_facts(tmp_path: Path) -> None:
    """Every text in the file is one that was passed in, and nothing passed in is an address."""
    with State(tmp_path / "s.db") as state:
        outbox = Outbox(state)
        outbox.file(alert(*full()), CHANNELS, at_ns=NOW_NS, episode=b"{}")
        outbox.suspend("log", "HTTP 410")
    connection = sqlite3.connect(tmp_path / "s.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert "telegram" in dump
    assert all(word not in dump for word in ("://", "whsec_", "token", "secret", "password"))
    columns = {column.name for table in (ALERT, OUTBOX, SUSPENDED) for column in table.columns}
    assert columns.isdisjoint({"url", "address", "headers", "key"})


class CrashError(BaseException):
    """The process ended here."""


class OutboxAgainstLists(RuleBasedStateMachine):
    """An outbox and plain lists that are told the same story, with crashes anywhere.

    A crash leaves the files as they are at that moment; the next process opens a copy of those.
    """

    kind: type[Outbox] = Outbox

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.life = 0
        self.now_ns = NOW_NS
        self.filed: list[tuple[InformationalAlert, tuple[str, ...]]] = []
        self.waits: dict[str, list[InformationalAlert]] = {name: [] for name in CHANNELS}
        self.got: dict[str, list[tuple[str, str, int]]] = {name: [] for name in CHANNELS}
        self.refused: set[tuple[str, str, int]] = set()
        self.retry_ns = dict.fromkeys(CHANNELS, 0)
        self.tries = dict.fromkeys(CHANNELS, 0)
        self.held: set[str] = set()
        self.counts = dict.fromkeys(range(3), 0)
        self.open()

    def open(self) -> None:
        self.state = State(self.path)
        # Crashes are told by what is written, not by what is synced; and that takes a tenth.
        self.state._connection.execute("PRAGMA synchronous=OFF")
        self.outbox = self.kind(self.state)

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / f"{self.life}.db"

    def leave_files(self) -> None:
        """Copy what a process that ends now would leave."""
        left = Path(self.folder.name) / f"{self.life + 1}.db"
        left.write_bytes(self.path.read_bytes())
        log = self.path.with_name(f"{self.path.name}-wal")
        left.with_name(f"{left.name}-wal").write_bytes(log.read_bytes())

    def come_back(self) -> None:
        self.state.close()
        self.life += 1
        self.open()

    @rule(
        cascade=st.integers(0, 2),
        channels=st.lists(st.sampled_from(CHANNELS), unique=True),
        crash=st.none() | st.integers(0, 6),
    )
    def file(self, cascade: int, channels: list[str], crash: int | None) -> None:
        count = self.counts[cascade]
        stage = Stage.UPDATE if count else Stage.OPEN
        one = alert(observed(), onset_ns=HOUR[0] + cascade, sequence=count, stage=stage)
        self.counts[cascade] += 1
        if crash is not None and self.crash_while_filing(one, channels, crash):
            self.come_back()
            self.outbox.file(one, channels, at_ns=self.now_ns, episode=b"{}")
        else:
            assert self.outbox.file(one, channels, at_ns=self.now_ns, episode=b"{}")
        assert not self.outbox.file(one, channels, at_ns=self.now_ns, episode=b"{}")
        self.filed.append((one, tuple(channels)))
        for name in channels:
            self.waits[name].append(one)

    def crash_while_filing(self, one: InformationalAlert, channels: Sequence[str], at: int) -> bool:
        """Crash before the so manyth statement, or once all is done and nobody was told."""
        left = at

        def count_down(*_: Any) -> None:
            nonlocal left
            if left == 0:
                self.leave_files()
                raise CrashError
            left -= 1

        engine = self.state._engine
        event.listen(engine, "before_cursor_execute", count_down)
        try:
            self.outbox.file(one, channels, at_ns=self.now_ns, episode=b"{}")
        except CrashError:
            return True
        finally:
            event.remove(engine, "before_cursor_execute", count_down)
        self.leave_files()
        return True

    @rule(again=st.integers(0, 100))
    @precondition(lambda self: self.filed)
    def file_again(self, again: int) -> None:
        one, channels = self.filed[again % len(self.filed)]
        assert not self.outbox.file(one, (*channels, *CHANNELS), at_ns=self.now_ns)

    @rule(pick=st.integers(0, 5), verdict=st.sampled_from(["ok", "ok", "fail", "refuse", "crash"]))
    def send(self, pick: int, verdict: str) -> None:
        ready = self.outbox.due(self.now_ns)
        if not ready:
            return
        due = ready[pick % len(ready)]
        self.receive(due)
        if verdict == "crash":  # the receiver has it, and nobody noted it
            self.leave_files()
            self.come_back()
        elif verdict == "fail":
            self.retry_ns[due.channel] = self.now_ns + MINUTE_NS
            self.tries[due.channel] += 1
            retry_ns = self.retry_ns[due.channel]
            self.outbox.failed(due, self.now_ns, retry_ns=retry_ns, reason="HTTP 500")
        else:
            self.waits[due.channel].pop(0)
            self.retry_ns[due.channel] = self.tries[due.channel] = 0
            if verdict == "ok":
                self.outbox.delivered(due, self.now_ns)
            else:
                self.refused.add((due.channel, due.alert.alert_id, due.alert.sequence))
                self.outbox.refused(due, self.now_ns, "HTTP 400")

    def receive(self, due: Due) -> None:
        assert self.waits[due.channel], "it was never filed, or is done"
        head = self.waits[due.channel][0]
        assert due.alert == head, "not the oldest of its channel"
        assert due.channel not in self.held
        assert due.attempts == self.tries[due.channel]
        key = (due.message_id, head.alert_id, head.sequence)
        for name, seen in self.got.items():
            for other in seen:
                same = (name, *other[1:]) == (due.channel, *key[1:])
                assert (other[0] == due.message_id) == same, "an id is not that of one message"
        self.got[due.channel].append(key)

    @rule(minutes=st.integers(0, 3))
    def wait(self, minutes: int) -> None:
        self.now_ns += minutes * MINUTE_NS

    @rule(channel=st.sampled_from(CHANNELS), is_held=st.booleans())
    def hold(self, channel: str, *, is_held: bool) -> None:
        if is_held:
            self.outbox.suspend(channel, "HTTP 410")
            self.held.add(channel)
        else:
            self.outbox.resume(channel)
            self.held.discard(channel)

    @rule()
    def restart(self) -> None:
        self.state.close()
        self.open()

    @invariant()
    def due_are_the_heads_whose_time_has_come(self) -> None:
        heads = {name: waits[0] for name, waits in self.waits.items() if waits}
        ready = {
            name: head
            for name, head in heads.items()
            if name not in self.held and self.retry_ns[name] <= self.now_ns
        }
        found = self.outbox.due(self.now_ns)
        assert {due.channel: due.alert for due in found} == ready
        assert len(found) == len(ready)
        counts = {name: len(waits) for name, waits in self.waits.items() if waits}
        assert self.outbox.pending() == counts

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.state.close()
            self.folder.cleanup()

    def drain(self) -> None:
        """Let everybody recover: then everything arrives."""
        for name in CHANNELS:
            self.outbox.resume(name)
        self.held.clear()
        while ready := self.outbox.due(self.now_ns + HOUR_NS):
            for due in ready:
                self.receive(due)
                self.waits[due.channel].pop(0)
                self.tries[due.channel] = 0
                self.outbox.delivered(due, self.now_ns)
        for name, seen in self.got.items():
            wanted = [(one.alert_id, one.sequence) for one, names in self.filed if name in names]
            assert list(dict.fromkeys(key[1:] for key in seen)) == wanted


class TwoTransactionsAgainstLists(OutboxAgainstLists):
    kind = TwoTransactions


BRIEF: Final = settings(
    deadline=None,
    max_examples=25,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=False,
)
THOROUGH: Final = settings(BRIEF, max_examples=100, stateful_step_count=40)
UNTIL_FOUND: Final = settings(BRIEF, max_examples=400, phases=[Phase.generate])  # not shrunk


def test_an_outbox_does_what_plain_lists_would() -> None:
    run_state_machine_as_test(OutboxAgainstLists, settings=BRIEF)


@pytest.mark.slow
def test_an_outbox_does_what_plain_lists_would_for_long() -> None:
    run_state_machine_as_test(OutboxAgainstLists, settings=THOROUGH)


def test_the_lists_find_two_transactions() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TwoTransactionsAgainstLists, settings=UNTIL_FOUND)


def _same_id(connection: Any, one: InformationalAlert) -> bool:
    same = ALERT.select().where(ALERT.c.alert_id == one.alert_id)
    return connection.execute(same).first() is not None


def _all_that_waits() -> Any:
    columns = (OUTBOX.c.place, OUTBOX.c.channel, ALERT.c.body, OUTBOX.c.attempts, OUTBOX.c.filed_ns)
    joint = OUTBOX.join(ALERT, ALERT.c.place == OUTBOX.c.alert)
    return (
        ALERT.select()
        .with_only_columns(*columns)
        .select_from(joint)
        .where(OUTBOX.c.standing == WAITING)
    )


@pytest.mark.parametrize(
    ("name", "bug"),
    [
        ("_is_filed", _same_id),  # the key lacks the sequence
        ("_is_filed", lambda connection, one: False),
        ("message_id", lambda one, channel: f"{one.alert_id}-{channel}"),  # and so does the id
        ("message_id", lambda one, channel: f"{one.alert_id}-{one.sequence}"),
        ("heads", _all_that_waits),  # a channel's later ones do not wait for its first
    ],
)
def test_the_lists_find_planted_bugs(
    monkeypatch: pytest.MonkeyPatch, name: str, bug: Callable[..., Any]
) -> None:
    monkeypatch.setattr(outbox_module, name, bug)
    with pytest.raises((AssertionError, StateError)):
        run_state_machine_as_test(OutboxAgainstLists, settings=UNTIL_FOUND)


def test_notices_about_feeds_are_filed_like_any_alert(state: State) -> None:
    outbox = Outbox(state)
    notice = alert(
        fact(FactName.FEED_STATE, "suspect", source=SOURCE),
        signal=Signal.FEED_HEALTH, scope="*", phase="unknown",
    )  # fmt: skip
    assert outbox.file(notice, ["ops"], at_ns=NOW_NS)
    assert [due.alert for due in outbox.due(NOW_NS)] == [notice]
