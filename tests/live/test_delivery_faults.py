"""F48 and F49 over real sockets: a receiver that fails and heals, and one whose answer is lost."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airpocket.alerts.outbox import Outbox
from airpocket.live.address_guard import AddressGuard
from airpocket.live.channel import Secret
from airpocket.live.clock import SystemClock
from airpocket.live.delivery import Deliverer
from airpocket.live.webhook import WebhookSink
from airpocket.store.state import State
from tests.live.alert_receiver import AlertReceiver, Answer, Request
from tests.live.outgoing import numbered
from tests.live.test_webhook import NEW

OK = Answer(204, body=b"")


class Script:
    """Answers one after the other; then well."""

    def __init__(self, *answers: Answer, taken: Callable[[Answer], bool]) -> None:
        self._answers = list(answers)
        self._taken = taken
        self.accepted: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        answer = self._answers.pop(0) if self._answers else OK
        if answer is OK or self._taken(answer):
            self.accepted.append(request)
        return answer


def deliver(tmp_path: Path, script: Script, alerts: int = 5) -> list[Request]:
    """Send some alerts over one webhook until nothing waits; give every request."""

    async def go() -> list[Request]:
        async with AlertReceiver(script) as receiver:
            hook = WebhookSink(
                Secret(receiver.url + "/hook"), (Secret(NEW),), clock=SystemClock(),
                guard=AddressGuard(allow_private=True), timeout_s=0.5,
            )  # fmt: skip
            with State(tmp_path / "state.db") as state:
                outbox = Outbox(state)
                deliverer = Deliverer(
                    outbox, {"hook": hook}, clock=SystemClock(), rng=random.Random(1),
                    schedule_s=(0.01, 0.02),
                )  # fmt: skip
                running = asyncio.create_task(deliverer.run())
                for number in range(alerts):
                    outbox.file(numbered(number), ["hook"], at_ns=time.time_ns())
                    deliverer.wake("hook")
                async with asyncio.timeout(60):
                    while outbox.pending():  # noqa: ASYNC110 - it is the disk that is asked
                        await asyncio.sleep(0.02)
                await deliverer.stop()
                await running
        return receiver.requests

    return asyncio.run(go())


FAULTS = {
    "429": [Answer(429, {"Retry-After": "1"})],
    "500 twenty times": [Answer(500)] * 20,
    "hang": [Answer(hang=True)] * 2,
    "reset": [Answer(reset=True)] * 5,
    "all": [Answer(429), Answer(500), Answer(hang=True), Answer(reset=True), OK, Answer(503)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_f48_what_failed_arrives_once_the_receiver_heals_in_order(
    tmp_path: Path, fault: str
) -> None:
    script = Script(*FAULTS[fault], taken=lambda _: False)
    requests = deliver(tmp_path, script)
    told = [request.json()["id"] for request in script.accepted]
    assert told == [numbered(number).alert_id for number in range(5)]  # each once, in order
    bad = sum(answer is not OK for answer in FAULTS[fault])
    assert len(requests) == 5 + bad
    assert len({request.headers["webhook-id"] for request in requests}) == 5


def test_f48_retry_after_is_waited_for(tmp_path: Path) -> None:
    script = Script(Answer(429, {"Retry-After": "1"}), taken=lambda _: False)
    first, second = deliver(tmp_path, script, alerts=1)
    stamps = [int(one.headers["webhook-timestamp"]) for one in (first, second)]
    assert stamps[1] - stamps[0] >= 1


@pytest.mark.parametrize("lost", [Answer(reset=True), Answer(hang=True)])
def test_f49_an_answer_that_is_lost_is_asked_for_again_under_the_same_id(
    tmp_path: Path, lost: Answer
) -> None:
    script = Script(lost, taken=lambda _: True)
    deliver(tmp_path, script, alerts=2)
    told = [(one.json()["id"], one.headers["webhook-id"]) for one in script.accepted]
    assert len(told) == 3
    assert told[0] == told[1] != told[2]
    assert script.accepted[0].body == script.accepted[1].body


def test_f49_a_success_whose_body_breaks_off_is_a_success(tmp_path: Path) -> None:
    script = Script(Answer(200, body=b"x" * 99, cut=True), taken=lambda _: True)
    assert len(deliver(tmp_path, script, alerts=2)) == 2
