import asyncio
import logging
import socket
import sys
import threading
from types import ModuleType

import pytest
import requests

from airpocket.live.address_guard import AddressGuard
from airpocket.live.apprise_http import GUARDED, Passage, guard_service, hush
from tests.live.alert_receiver import AlertReceiver, Answer, always
from tests.live.virtual import START_NS

OWN = AddressGuard(allow_private=True)


def ask(_: str, __: int) -> list[str]:
    return ["127.0.0.1"]


def fetch(answer: Answer, method: str = "post", path: str = "/x") -> tuple[Passage, list[str]]:
    """Ask a receiver, as a service would in its thread."""
    passage = Passage(OWN, START_NS, ask=ask)
    said: list[str] = []

    async def go() -> None:
        async with AlertReceiver(always(answer)) as receiver:

            def speak() -> None:
                with passage.opened():
                    try:
                        url = f"http://hooks.example.org:{receiver.port}{path}"
                        said.append(getattr(GUARDED, method)(url).text)
                    except requests.RequestException as error:
                        said.append(type(error).__name__)

            await asyncio.get_running_loop().run_in_executor(None, speak)
            if receiver.requests:
                said.append(receiver.requests[0].method)

    asyncio.run(go())
    return passage, said


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_every_way_to_ask_is_guarded(method: str) -> None:
    passage, said = fetch(Answer(body=b"hello"), method)
    assert said == ["hello", method.upper()]
    assert passage.status == 200


def test_an_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = fetch(Answer(body=b"x" * 5_000_000))
    assert len(said[0]) == 65_536


def test_a_redirect_is_an_answer_and_no_order() -> None:
    passage, said = fetch(Answer(302, {"Location": "/inside"}, b"away" * 99_999))
    assert [len(said[0]), said[1]] == [65_536, "POST"]
    assert passage.status == 302


def test_what_asks_for_patience_does_not_wait_in_the_services_thread() -> None:
    passage, said = fetch(Answer(429, {"Retry-After": "5"}))
    assert said == ["RequestException", "POST"]
    assert (passage.status, passage.after_s) == (429, 5.0)


def test_outside_of_a_delivery_nothing_is_sent() -> None:
    with pytest.raises(requests.RequestException, match="no delivery"):
        GUARDED.post("http://127.0.0.1:1/")
    with GUARDED.Session() as session, pytest.raises(requests.RequestException):
        session.get("http://127.0.0.1:1/")


def test_a_refused_address_is_said_and_not_asked() -> None:
    passage = Passage(AddressGuard(), START_NS)
    with passage.opened(), pytest.raises(requests.RequestException):
        GUARDED.post("https://169.254.169.254/canary")
    assert passage.refusal is not None
    assert "link-local" in passage.refusal
    assert "canary" not in passage.refusal


def test_a_passage_that_is_over_lets_nothing_through() -> None:
    passage = Passage(OWN, START_NS)
    passage.abandon()
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(OSError, match="over"):
        passage.hold(ours)
    assert ours.fileno() == -1


def test_a_thread_that_waits_goes_on_when_it_is_abandoned() -> None:
    passage = Passage(OWN, START_NS)
    ours, theirs = socket.socketpair()
    got: list[bytes] = []
    with ours, theirs:
        passage.hold(ours)
        waiting = threading.Thread(target=lambda: got.append(ours.recv(1)))
        waiting.start()
        passage.abandon()
        waiting.join(5)
        assert got == [b""]


def test_only_services_that_speak_http_are_guarded() -> None:
    speaks, other = ModuleType("apprise.plugins.a_test"), ModuleType("apprise.plugins.b_test")
    vars(speaks)["requests"] = requests
    for module in (speaks, other):
        module.__package__ = "apprise.plugins"
        sys.modules[module.__name__] = module
    try:
        assert guard_service(speaks.__name__)
        assert guard_service(speaks.__name__)  # again, for a second channel
        assert vars(speaks)["requests"] is GUARDED
        assert not guard_service(other.__name__)
    finally:
        del sys.modules[speaks.__name__], sys.modules[other.__name__]


def test_what_a_service_needs_of_requests_is_there() -> None:
    assert GUARDED.codes.ok == 200
    assert GUARDED.RequestException is requests.RequestException
    assert GUARDED.exceptions is requests.exceptions


def test_apprise_is_hushed_and_the_rest_is_not(caplog: pytest.LogCaptureFixture) -> None:
    hush()
    hush()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").error("canary")
    logging.getLogger("urllib3.connectionpool").warning("of others")
    with Passage(OWN, START_NS).opened():
        logging.getLogger("urllib3.connectionpool").warning("canary")
    assert [record.getMessage() for record in caplog.records] == ["of others"]
