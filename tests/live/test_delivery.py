import asyncio
import itertools
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.alerts.message import message_id
from airpocket.alerts.outbox import Due, Outbox
from airpocket.errors import StateError
from airpocket.live.channel import DELIVERED, Delivery, Outcome, Outgoing
from airpocket.live.clock import SystemClock
from airpocket.live.delivery import KEEP_TRYING_NS, SCHEDULE_S, Deliverer, pause_s
from airpocket.store.state import State
from airpocket.units import HOUR_NS, SECOND_NS
from tests.live.outgoing import numbered
from tests.live.virtual import Bench, run

FAILED = Delivery(Outcome.RETRY, "the receiver answers 500")


class Scripted:
    """A sink that does what it is told, message by message, and notes when."""

    def __init__(
        self,
        *script: Delivery | float | type[Exception],
        windows: tuple[tuple[int, float], ...] = (),
    ) -> None:
        self.windows = windows
        self.script = list(script)
        self.sent: list[tuple[float, str]] = []
        self.arrived: list[str] = []
        self.is_closed = False

    async def send(self, due: Outgoing) -> Delivery:
        self.sent.append((asyncio.get_running_loop().time(), due.message_id))
        step = self.script.pop(0) if self.script else DELIVERED
        if isinstance(step, float):
            await asyncio.sleep(step)
            step = DELIVERED
        if isinstance(step, type):
            raise step
        if step.outcome is Outcome.DELIVERED:
            self.arrived.append(due.message_id)
        return step

    async def close(self) -> None:
        self.is_closed = True

    @property
    def gaps_s(self) -> list[float]:
        times = [when for when, _ in self.sent]
        return [later - sooner for sooner, later in itertools.pairwise(times)]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state.db") as opened:
        yield opened


class Rig:
    """A deliverer at work, in virtual time."""

    def __init__(self, state: State, bench: Bench, **sinks: Scripted) -> None:
        self.outbox, self.bench, self.sinks = Outbox(state), bench, sinks
        self.notices: list[tuple[str, str]] = []
        self.deliverer = Deliverer(
            self.outbox, sinks, clock=bench.clock, rng=bench.rng,
            notice=lambda *said: self.notices.append(said),
        )  # fmt: skip
        self.number = 0

    def file(self, *channels: str) -> str:
        self.number += 1
        one = numbered(self.number)
        assert self.outbox.file(one, channels, at_ns=self.bench.clock.wall_ns())
        self.deliverer.wake(*channels)
        return message_id(one, channels[0])


def deliver(
    state: State,
    go: Callable[[Rig], Awaitable[None]],
    *,
    limit_s: float = 10 * 86_400.0,
    **sinks: Scripted,
) -> Rig:
    async def main(bench: Bench) -> Rig:
        rig = Rig(state, bench, **sinks)
        running = asyncio.create_task(rig.deliverer.run())
        await asyncio.sleep(1.0)
        await go(rig)
        await rig.deliverer.stop()
        await running
        return rig

    return run(main, limit_s=limit_s)


def waiting_in(state: State) -> dict[str, int]:
    return Outbox(state).pending()


def waiting(rig: Rig) -> dict[str, int]:
    return rig.outbox.pending()


def test_an_alert_leaves_at_once_on_every_channel(state: State) -> None:
    one, two = Scripted(), Scripted()

    async def go(rig: Rig) -> None:
        rig.file("one", "two")
        filed_s = rig.bench.loop.time()
        await asyncio.sleep(10)
        assert [when - filed_s for sink in (one, two) for when, _ in sink.sent] == [0.0, 0.0]

    rig = deliver(state, go, one=one, two=two)
    assert waiting(rig) == {}
    assert rig.deliverer.counts["one"].delivered == 1
    assert rig.deliverer.counts["one"].delay_ns == 0
    assert one.is_closed
    assert one.sent[0][1] != two.sent[0][1]  # each channel has its own id


def test_what_is_filed_without_a_word_is_found_all_the_same(state: State) -> None:
    sink = Scripted()

    async def go(rig: Rig) -> None:
        rig.outbox.file(numbered(1), ["a"], at_ns=rig.bench.clock.wall_ns())
        await asyncio.sleep(601)

    deliver(state, go, a=sink)
    assert len(sink.arrived) == 1


def test_retries_follow_the_schedule_under_one_id_for_three_days(state: State) -> None:
    sink = Scripted(*[FAILED] * 500)

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(72 * 3_600)
        assert waiting(rig) == {"a": 1}
        assert rig.deliverer.counts["a"].last_reason == FAILED.reason
        sink.script.clear()  # it heals
        await asyncio.sleep(2.5 * 3_600)
        assert waiting(rig) == {}

    deliver(state, go, a=sink)
    assert len({name for _, name in sink.sent}) == 1
    for gap, planned in zip(sink.gaps_s, (*SCHEDULE_S, *[SCHEDULE_S[-1]] * 500), strict=False):
        assert 0.8 * planned <= gap <= 1.2 * planned + 0.001
    assert sink.gaps_s[0] <= 6
    assert 30 < len(sink.sent) < 60


def test_what_never_arrives_is_given_up_and_said(state: State) -> None:
    sink = Scripted(*[FAILED] * 500)

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(KEEP_TRYING_NS / SECOND_NS + 2 * 3_600)
        assert waiting(rig) == {}
        (told,) = rig.outbox.history()
        assert told.refused == ("a",)

    with structlog.testing.capture_logs() as lines:
        deliver(state, go, a=sink)
    assert [line["count"] for line in lines if line["event"] == "alerts_given_up"] == [1]


def test_after_a_long_stop_an_old_alert_is_tried_before_it_is_given_up(state: State) -> None:
    sink = Scripted()

    async def main(bench: Bench) -> None:
        outbox = Outbox(state)
        outbox.file(numbered(1), ["a"], at_ns=bench.clock.wall_ns() - 100 * HOUR_NS)
        deliverer = Deliverer(outbox, {"a": sink}, clock=bench.clock, rng=bench.rng)
        running = asyncio.create_task(deliverer.run())
        await asyncio.sleep(5)
        await deliverer.stop()
        await running

    run(main)
    assert len(sink.arrived) == 1


def test_retry_after_is_kept_to(state: State) -> None:
    sink = Scripted(Delivery(Outcome.RETRY, "429", 90.0))

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(40)
        rig.file("a")  # news do not knock before the time
        await asyncio.sleep(200)

    deliver(state, go, a=sink)
    assert 90 <= sink.gaps_s[0] <= 99.1
    assert len(sink.arrived) == 2


def test_a_receiver_that_asks_for_a_year_gets_two_hours(state: State) -> None:
    sink = Scripted(Delivery(Outcome.RETRY, "429", 3e7))

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(3 * 3_600)

    deliver(state, go, a=sink)
    assert 7_200 <= sink.gaps_s[0] <= 7_200 * 1.1 + 1


def test_a_rest_that_a_success_asks_for_is_kept_to(state: State) -> None:
    sink = Scripted(Delivery(Outcome.DELIVERED, after_s=12.0))

    async def go(rig: Rig) -> None:
        rig.file("a")
        rig.file("a")
        await asyncio.sleep(60)

    deliver(state, go, a=sink)
    assert sink.gaps_s == [pytest.approx(12.0, abs=0.01)]


def test_news_bring_a_late_retry_forward_but_not_too_often(state: State) -> None:
    sink = Scripted(*[FAILED] * 9)

    async def go(rig: Rig) -> None:
        first = rig.file("a")
        await asyncio.sleep(9_000)
        assert len(sink.sent) >= 6  # the next pause is an hour or more
        sink.script.clear()
        filed_s = rig.bench.loop.time()
        second = rig.file("a")
        await asyncio.sleep(31)
        assert sink.arrived == [first, second]
        assert sink.sent[-1][0] - filed_s <= 31

    deliver(state, go, a=sink)


class FullDisk:
    """An outbox whose disk is full for a while: it can be read, not written."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.is_full = True
        self.refused_writes = 0

    def __getattr__(self, name: str) -> Any:
        if name in {"delivered", "failed", "refused", "suspend"} and self.is_full:
            return self._refuse
        return getattr(self._outbox, name)

    def _refuse(self, *_: object, **__: object) -> None:
        self.refused_writes += 1
        raise StateError("the disk is full")


def test_news_right_after_a_failed_try_wait_half_a_minute_not_an_hour(state: State) -> None:
    sink = Scripted(*[FAILED] * 6)

    async def go(rig: Rig) -> None:
        rig.file("a")
        for _ in range(10_000):
            await asyncio.sleep(1 if len(sink.sent) < 6 else 0)
        await asyncio.sleep(10)
        rig.file("a")
        await asyncio.sleep(30)
        assert len(sink.arrived) == 2
        assert 29 < sink.gaps_s[5] < 35

    deliver(state, go, a=sink)


def test_what_is_noted_while_the_outbox_is_asked_is_not_sent_again(state: State) -> None:
    """The outbox says what is due, and before we look at it, it is no longer so."""
    sent = threading.Event()

    class Slow(FullDisk):
        calls = 0

        def due(self, now_ns: int, most: int = 100) -> list[Due]:
            found = self._outbox.due(now_ns, most)
            self.calls += 1
            if self.calls == 3:  # while the message is under way
                asked.set()
                assert sent.wait(10)
            if self.calls in {
                3,
                4,
            }:  # its note stands in line behind the one, is heard before the other
                threading.Event().wait(0.1)
            return found

    asked = threading.Event()

    class Sends(Scripted):
        async def send(self, due: Outgoing) -> Delivery:
            deliverer.wake("a")
            await asyncio.to_thread(asked.wait, 10)
            delivery = await super().send(due)
            sent.set()
            return delivery

    sink = Sends()
    outbox = Slow(Outbox(state))
    outbox.is_full = False
    deliverer = Deliverer(outbox, {"a": sink}, clock=SystemClock(), rng=random.Random(1))

    async def main() -> None:
        Outbox(state).file(numbered(1), ["a"], at_ns=SystemClock().wall_ns())
        running = asyncio.create_task(deliverer.run())
        async with asyncio.timeout(20):
            while waiting_in(state):  # noqa: ASYNC110 - it is the disk that is asked
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await deliverer.stop()
        await running

    asyncio.run(main())
    assert len(sink.sent) == 1


def test_many_news_do_not_hammer_a_receiver_that_is_down(state: State) -> None:
    sink = Scripted(*[FAILED] * 500)

    async def go(rig: Rig) -> None:
        for _ in range(100):
            rig.file("a")
            await asyncio.sleep(1)

    deliver(state, go, a=sink)
    assert len(sink.sent) <= 7
    assert min(sink.gaps_s) >= 4


def test_a_channel_that_hangs_holds_up_no_other(state: State) -> None:
    hanging, well = Scripted(*[20.0] * 50), Scripted()

    async def go(rig: Rig) -> None:
        for _ in range(20):
            rig.file("hanging", "well")
        await asyncio.sleep(1.0)
        assert len(well.arrived) == 20
        assert len(hanging.sent) == 1  # one at a time
        await asyncio.sleep(500)
        assert len(hanging.sent) == 20

    deliver(state, go, hanging=hanging, well=well)


def test_a_retry_of_one_channel_is_on_time_while_another_hangs(state: State) -> None:
    hanging, failing = Scripted(*[600.0] * 3), Scripted(FAILED)

    async def go(rig: Rig) -> None:
        rig.file("hanging", "failing")
        await asyncio.sleep(60)
        assert failing.gaps_s[0] <= 6.6
        assert len(failing.arrived) == 1

    deliver(state, go, hanging=hanging, failing=failing)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), fails=st.lists(st.booleans(), min_size=1, max_size=10))
def test_order_is_kept_whatever_fails(
    tmp_path_factory: pytest.TempPathFactory, seed: int, fails: list[bool]
) -> None:
    sink = Scripted(*(FAILED if fail else DELIVERED for fail in fails))
    filed: list[str] = []

    async def go(rig: Rig) -> None:
        rng = random.Random(seed)
        for _ in range(6):
            filed.append(rig.file("a"))
            await asyncio.sleep(rng.choice([0.0, 0.5, 40.0]))
        for _ in range(48):
            await asyncio.sleep(3_600 if waiting(rig) else 0)

    with State(tmp_path_factory.mktemp("state") / "state.db") as state:
        deliver(state, go, a=sink)
    assert sink.arrived == filed


def test_rates_are_kept_to(state: State) -> None:
    sink = Scripted(windows=((1, 1.0), (20, 60.0)))

    async def go(rig: Rig) -> None:
        for _ in range(50):
            rig.file("a")
        await asyncio.sleep(300)

    deliver(state, go, a=sink)
    assert len(sink.arrived) == 50
    assert min(sink.gaps_s) >= 1.0
    times = [when for when, _ in sink.sent]
    assert max(sum(1 for one in times if start <= one < start + 60) for start in times) <= 20


def test_gone_suspends_once_and_is_said_once(state: State) -> None:
    gone = Scripted(Delivery(Outcome.GONE, "the receiver answers 410"))

    async def go(rig: Rig) -> None:
        for _ in range(3):
            rig.file("a")
            await asyncio.sleep(100)
        await asyncio.sleep(86_400)
        assert waiting(rig) == {"a": 3}  # kept, not lost
        assert rig.deliverer.counts["a"].is_suspended
        rig.outbox.resume("a")
        rig.deliverer.wake("a")
        await asyncio.sleep(5)
        assert len(gone.arrived) == 3
        assert not rig.deliverer.counts["a"].is_suspended

    rig = deliver(state, go, a=gone)
    assert rig.notices == [("a", "the receiver answers 410")]
    assert len(gone.sent) == 4


def test_a_message_that_is_refused_three_times_makes_room(state: State) -> None:
    refused = Delivery(Outcome.REFUSED, "the receiver answers 422")
    sink = Scripted(FAILED, refused, FAILED, refused, refused, refused)

    async def go(rig: Rig) -> None:
        rig.file("a")
        second = rig.file("a")
        await asyncio.sleep(86_400)
        assert sink.arrived == [second]
        assert waiting(rig) == {}

    rig = deliver(state, go, a=sink)
    assert rig.deliverer.counts["a"].refused == 1
    assert [name for _, name in sink.sent].count(sink.sent[0][1]) == 6  # three in a row


def test_a_sink_that_breaks_is_a_try_that_failed(state: State) -> None:
    sink = Scripted(RuntimeError, KeyError)

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(120)

    rig = deliver(state, go, a=sink)
    assert len(sink.arrived) == 1
    assert rig.deliverer.counts["a"].failed == 2


def test_a_channel_that_is_no_longer_configured_holds_nothing_up(state: State) -> None:
    sink = Scripted()

    async def go(rig: Rig) -> None:
        rig.file("old")
        rig.file("a")
        await asyncio.sleep(7_200)
        assert len(sink.arrived) == 1
        assert waiting(rig) == {"old": 1}

    with structlog.testing.capture_logs() as lines:
        deliver(state, go, a=sink)
    assert sum(line["event"] == "channel_unknown" for line in lines) <= 4


def test_stopping_takes_less_than_two_seconds_and_loses_nothing(state: State) -> None:
    sink, other = Scripted(60.0), Scripted(windows=((1, 900.0),))

    async def go(rig: Rig) -> None:
        rig.file("a", "b")
        rig.file("a", "b")
        await asyncio.sleep(0.5)
        begun_s = rig.bench.loop.time()
        await rig.deliverer.stop()
        assert rig.bench.loop.time() - begun_s < 2
        assert waiting(rig) == {"a": 2, "b": 1}

    deliver(state, go, a=sink, b=other)
    again = Scripted()

    async def later(rig: Rig) -> None:
        await asyncio.sleep(1)
        assert waiting(rig) == {}

    deliver(state, later, a=again, b=Scripted())
    assert again.arrived[0] == sink.sent[0][1]  # under the id that it was sent under


def test_what_is_nearly_done_is_finished_before_the_stop(state: State) -> None:
    sink = Scripted(1.0)

    async def go(rig: Rig) -> None:
        rig.file("a")
        await asyncio.sleep(0.2)
        await rig.deliverer.stop()
        assert waiting(rig) == {}

    deliver(state, go, a=sink)


def test_what_cannot_be_noted_is_not_sent_again_and_again(state: State) -> None:
    sink = Scripted()

    async def main(bench: Bench) -> None:
        disk = FullDisk(Outbox(state))
        deliverer = Deliverer(disk, {"a": sink}, clock=bench.clock, rng=bench.rng)
        for number in range(3):
            Outbox(state).file(numbered(number), ["a"], at_ns=bench.clock.wall_ns())
        running = asyncio.create_task(deliverer.run())
        await asyncio.sleep(3_600)
        assert len(sink.sent) == 1
        assert 10 < disk.refused_writes < 200
        disk.is_full = False
        await asyncio.sleep(60)
        assert len(sink.sent) == 3
        await deliverer.stop()
        await running

    run(main)


def test_an_outbox_that_cannot_be_read_is_asked_again(state: State) -> None:
    sink = Scripted()

    class Unreadable(FullDisk):
        def due(self, now_ns: int, most: int = 100) -> list[Due]:
            if self.is_full:
                self._refuse()
            return self._outbox.due(now_ns, most)

    async def main(bench: Bench) -> None:
        outbox = Unreadable(Outbox(state))
        deliverer = Deliverer(outbox, {"a": sink}, clock=bench.clock, rng=bench.rng)
        Outbox(state).file(numbered(1), ["a"], at_ns=bench.clock.wall_ns())
        running = asyncio.create_task(deliverer.run())
        await asyncio.sleep(300)
        outbox.is_full = False
        await asyncio.sleep(61)
        assert len(sink.arrived) == 1
        await deliverer.stop()
        await running

    run(main)


@given(st.integers(1, 10**6), st.floats(0, 1e9), st.integers(0, 99))
def test_a_pause_is_never_shorter_than_asked_nor_endless(
    attempts: int, after_s: float, seed: int
) -> None:
    rng = random.Random(seed)
    pause = pause_s(attempts, rng, after_s=after_s)
    assert min(after_s, 7_200) <= pause <= 7_200 * 1.2
    assert pause_s(1, rng) <= 6


def test_the_schedule_lasts_three_days() -> None:
    assert KEEP_TRYING_NS >= 72 * HOUR_NS
    assert list(SCHEDULE_S) == sorted(SCHEDULE_S)
