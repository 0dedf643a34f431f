import asyncio
import base64
import importlib.util
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.linter import violations
from airpocket.alerts.render import as_json
from airpocket.errors import InputError
from airpocket.live.address_guard import AddressError, AddressGuard
from airpocket.live.channel import Delivery, Outcome, Secret
from airpocket.live.webhook import WebhookSink, judge, key_of, retry_after, sign
from airpocket.units import SECOND_NS
from tests.live.alert_receiver import AlertReceiver, Answer, Request, always
from tests.live.certificate import made_certificate
from tests.live.outgoing import due
from tests.live.virtual import START_NS

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = (f"whsec_{base64.b64encode(bytes([part]) * 32).decode()}" for part in (1, 2))
OWN = AddressGuard(allow_private=True)


class Stopped:
    """A clock that stands, and moves when told."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def wall_ns(self) -> int:
        return self.now_ns


@pytest.fixture(scope="module")
def sample() -> Any:
    """The receiver that we show people."""
    path = ROOT / "examples" / "receive_webhook.py"
    spec = importlib.util.spec_from_file_location("receive_webhook", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sink(url: str, *secrets: str, guard: AddressGuard = OWN, **more: Any) -> WebhookSink:
    chosen = tuple(Secret(one) for one in secrets or (NEW,))
    clock = more.pop("clock", Stopped())
    return WebhookSink(Secret(url), chosen, clock=clock, guard=guard, **more)


def with_receiver(
    go: Callable[[AlertReceiver], Awaitable[Any]], answer: Answer | None = None, **more: Any
) -> AlertReceiver:
    async def run() -> AlertReceiver:
        async with AlertReceiver(always(answer or Answer()), **more) as receiver:
            await go(receiver)
        return receiver

    return asyncio.run(run())


def sent_to(answer: Answer, **more: Any) -> Delivery:
    found: list[Delivery] = []

    async def go(receiver: AlertReceiver) -> None:
        found.append(await sink(receiver.url + "/hook", **more).send(due()))

    with_receiver(go, answer)
    return found[0]


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks specification and its libraries.
    key = key_of(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "secret", "whsec_!!!!", base64.b64encode(b"1" * 32).decode(), "whsec_YWJj"],
)
def test_a_weak_or_broken_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(InputError) as caught:
        sink("http://127.0.0.1/", secret)
    assert "whsec_" in str(caught.value)
    assert not secret or len(secret) < 8 or secret not in str(caught.value)


def test_no_secret_no_webhook() -> None:
    with pytest.raises(InputError, match="signed"):
        WebhookSink(Secret("http://127.0.0.1/"), (), clock=Stopped(), guard=OWN)


def test_a_message_is_verified_by_the_sample_receiver(sample: Any) -> None:
    async def go(receiver: AlertReceiver) -> None:
        outcome = await sink(receiver.url + "/hook?a=1").send(due())
        assert outcome.outcome is Outcome.DELIVERED

    (request,) = with_receiver(go).requests
    now_s = START_NS / SECOND_NS
    message_id, told = sample.verify(request.headers, request.body, [NEW], now_s)
    assert message_id == due().message_id
    assert told == as_json(due().alert)
    assert (request.method, request.path) == ("POST", "/hook?a=1")
    assert request.headers["content-type"] == "application/json"
    assert violations(request.body) == ()
    for headers, body, secrets, at_s in (
        (request.headers, request.body + b" ", [NEW], now_s),
        (request.headers, request.body, [OLD], now_s),
        (request.headers, request.body, [NEW], now_s + 301),
        (request.headers, request.body, [NEW], now_s - 301),
        (request.headers | {"webhook-id": "other"}, request.body, [NEW], now_s),
        (request.headers | {"webhook-timestamp": f"{now_s + 9:.0f}"}, request.body, [NEW], now_s),
        (request.headers | {"webhook-signature": ""}, request.body, [NEW], now_s),
        (request.headers | {"webhook-signature": "v1,x v2,y"}, request.body, [NEW], now_s),
        ({}, request.body, [NEW], now_s),
    ):
        with pytest.raises(sample.NotGenuineError):
            sample.verify(headers, body, secrets, at_s)
    assert sample.verify(request.headers, request.body, [NEW], now_s + 299)


def test_while_secrets_rotate_both_open_the_message(sample: Any) -> None:
    async def go(receiver: AlertReceiver) -> None:
        await sink(receiver.url, NEW, OLD).send(due())

    (request,) = with_receiver(go).requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in (NEW, OLD):
        assert sample.verify(request.headers, request.body, [secret], START_NS / SECOND_NS)


def test_every_try_has_its_own_time_and_the_same_id_and_body() -> None:
    clock = Stopped()

    async def go(receiver: AlertReceiver) -> None:
        for _ in range(3):
            await sink(receiver.url, clock=clock).send(due())
            clock.now_ns += 90 * SECOND_NS

    requests = with_receiver(go, Answer(503)).requests
    assert len({one.headers["webhook-id"] for one in requests}) == 1
    assert len({one.body for one in requests}) == 1
    assert [int(one.headers["webhook-timestamp"]) - START_NS // SECOND_NS for one in requests] == [
        *(0, 90, 180)
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "after_s"),
    [
        (Answer(200), Outcome.DELIVERED, None),
        (Answer(204, body=b""), Outcome.DELIVERED, None),
        (Answer(429, {"Retry-After": "7"}), Outcome.RETRY, 7.0),
        (Answer(429), Outcome.RETRY, None),
        (Answer(503, {"Retry-After": "Sun, 01 Nov 2026 12:02:00 GMT"}), Outcome.RETRY, 120.0),
        (Answer(503, {"Retry-After": "soon"}), Outcome.RETRY, None),
        (Answer(500), Outcome.RETRY, None),
        (Answer(401), Outcome.RETRY, None),
        (Answer(404), Outcome.RETRY, None),
        (Answer(422), Outcome.REFUSED, None),
        (Answer(410), Outcome.GONE, None),
        (Answer(reset=True), Outcome.RETRY, None),
    ],
)
def test_what_an_answer_means(answer: Answer, outcome: Outcome, after_s: float | None) -> None:
    delivery = sent_to(answer)
    assert (delivery.outcome, delivery.after_s) == (outcome, after_s)
    assert bool(delivery.reason) == (outcome is not Outcome.DELIVERED)


def test_an_answer_that_never_comes_is_a_try_that_failed() -> None:
    delivery = sent_to(Answer(hang=True), timeout_s=0.05)
    assert delivery.outcome is Outcome.RETRY
    assert "no answer" in delivery.reason


def test_nothing_of_the_answer_is_repeated_or_read_to_its_end() -> None:
    body = b"canary " * 3_000_000
    delivery = sent_to(Answer(500, body=body))
    assert delivery == Delivery(Outcome.RETRY, "the receiver answers 500")


def test_a_redirect_is_not_followed() -> None:
    async def go() -> None:
        async with AlertReceiver() as inside:
            elsewhere = always(Answer(302, {"Location": inside.url + "/admin"}))
            async with AlertReceiver(elsewhere) as receiver:
                delivery = await sink(receiver.url).send(due())
            assert delivery.outcome is Outcome.RETRY
            assert "redirect" in delivery.reason
            assert inside.connections == 0

    asyncio.run(go())


def test_a_name_that_turns_inward_gets_nothing() -> None:
    """DNS rebinding: public when the channel is made, private when it is sent to."""

    async def go(receiver: AlertReceiver) -> None:
        async def ask(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        url = f"https://hooks.example.org:{receiver.port}/"
        delivery = await sink(url, guard=AddressGuard(ask=ask)).send(due())
        assert delivery.outcome is Outcome.RETRY
        assert "loopback" in delivery.reason

    assert with_receiver(go).connections == 0


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked = []

    async def go(receiver: AlertReceiver) -> None:
        async def ask(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        guard = AddressGuard(allow_private=True, ask=ask)
        hook = sink(f"http://hooks.example.org:{receiver.port}/", guard=guard)
        for _ in range(2):
            assert (await hook.send(due())).outcome is Outcome.DELIVERED

    receiver = with_receiver(go)
    assert asked == ["hooks.example.org"] * 2  # anew for each message, once for each
    assert receiver.connections == 2
    assert receiver.requests[0].headers["host"] == f"hooks.example.org:{receiver.port}"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with AlertReceiver() as proxy, AlertReceiver() as receiver:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            assert (await sink(receiver.url).send(due())).outcome is Outcome.DELIVERED
            assert (proxy.connections, receiver.connections) == (0, 1)

    asyncio.run(go())


def test_without_the_flag_http_and_loopback_are_refused_when_the_channel_is_made() -> None:
    for url in ("http://hooks.example.org/", "https://127.0.0.1/", "https://[::1]/canary"):
        with pytest.raises(AddressError) as caught:
            sink(url, guard=AddressGuard(), name="mine")
        assert "mine" in str(caught.value)
        assert "canary" not in str(caught.value)


def test_an_unknown_name_and_a_closed_port_are_tries_that_failed() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def go() -> None:
        async with AlertReceiver() as receiver:
            port = receiver.port
        for ask, said in ((unknown, "cannot be resolved"), (here, "no connection")):
            guard = AddressGuard(allow_private=True, ask=ask)
            delivery = await sink(f"http://hooks.example.org:{port}/canary", guard=guard).send(
                due()
            )
            assert delivery.outcome is Outcome.RETRY
            assert said in delivery.reason
            assert "canary" not in delivery.reason

    asyncio.run(go())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_certificate(tmp_path_factory.mktemp("tls"))


def _over_tls(certificate: Path, host: str, *, trusted: bool) -> tuple[Delivery, list[Request]]:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trust = ssl.create_default_context(cafile=f"{certificate}.crt") if trusted else None
    found: list[Delivery] = []

    async def go(receiver: AlertReceiver) -> None:
        async def ask(name: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        guard = AddressGuard(allow_private=True, ask=ask)
        url = f"https://{host}:{receiver.port}/"
        found.append(await sink(url, guard=guard, trust=trust).send(due()))

    requests = with_receiver(go, tls=served).requests
    return found[0], requests


@pytest.mark.parametrize(
    ("host", "trust", "arrived"),
    [
        ("hooks.example.org", "its own", 1),
        ("hooks.example.org", "the system's", 0),  # signed by nobody we know
        ("other.example.org", "its own", 0),  # the certificate of somebody else
    ],
)
def test_certificates_are_those_of_the_name_though_the_address_is_pinned(
    certificate: Path, host: str, trust: str, arrived: int
) -> None:
    delivery, requests = _over_tls(certificate, host, trusted=trust == "its own")
    assert len(requests) == arrived
    assert delivery.outcome is (Outcome.DELIVERED if arrived else Outcome.RETRY)


def test_a_context_that_trusts_everybody_is_refused() -> None:
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    with pytest.raises(InputError, match="verify"):
        sink("https://hooks.example.org/", trust=blind)


@given(st.integers(100, 599))
def test_only_success_is_success(status: int) -> None:
    assert (judge(status).outcome is Outcome.DELIVERED) == (200 <= status < 300)


@given(st.text(max_size=60))
def test_no_retry_after_breaks_us(value: str) -> None:
    found = retry_after(value, START_NS)
    assert found is None or found >= 0
