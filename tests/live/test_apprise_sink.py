import asyncio
import json
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apprise import NotifyFormat
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from airpocket.alerts.linter import violations
from airpocket.alerts.names import instrument_label
from airpocket.alerts.render import as_html, as_markdown, escape_html, escape_markdown, headline
from airpocket.errors import InputError
from airpocket.live import apprise_sink
from airpocket.live.address_guard import AddressError, AddressGuard
from airpocket.live.apprise_sink import AppriseSink, require_service
from airpocket.live.channel import Delivery, Outcome, Secret
from airpocket.live.clock import SystemClock
from tests.alerts.made import alert, full
from tests.live.alert_receiver import AlertReceiver, Answer, Request, always
from tests.live.certificate import made_certificate
from tests.live.outgoing import due

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports what Python will drop
    from apprise.plugins.email.base import NotifyEmail

TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/-100123456"
DISCORD = (
    "discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU344Qpgv7YT"
)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"
HOSTILE = "@everyone <!channel> <@123> <a href=x>b</a> `code` **bold** [x](y) &amp;"
SCHEMES = [TELEGRAM, DISCORD, SLACK]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_certificate(tmp_path_factory.mktemp("tls"))


def made(url: str, **more: Any) -> AppriseSink:
    guard = more.pop("guard", AddressGuard(allow_private=True))
    return AppriseSink(Secret(url), clock=SystemClock(), guard=guard, **more)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("tgramm://s3cr3t/1", "apprise knows no service tgramm://: did you mean tgram://?"),
        ("zzzqqq://s3cr3t", "apprise knows no service zzzqqq://: see https://appriseit.com"),
        ("s3cr3t", "its url is not one of apprise's"),
    ],
)
def test_a_service_that_there_is_not_is_refused_by_name(url: str, told: str) -> None:
    for refused in (lambda: require_service(Secret(url), "phone"), lambda: made(url)):
        with pytest.raises(InputError) as error:
            refused()
        assert told in str(error.value)
        assert "s3cr3t" not in str(error.value)
    assert [require_service(Secret(one), "x") for one in SCHEMES] == ["tgram", "discord", "slack"]


def deliver(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer | Callable[[Request], Answer] | None = None,
    **more: Any,
) -> tuple[Delivery, list[Request]]:
    """Send one alert over a service whose address is a receiver of ours."""
    answering = answer if callable(answer) else always(answer or Answer(body=b"ok"))
    one = more.pop("one", None) or alert(*full())

    async def go() -> tuple[Delivery, list[Request]]:
        async with AlertReceiver(answering) as receiver:
            monkeypatch.setattr(NotifyTelegram, "notify_url", receiver.url + "/bot")
            monkeypatch.setattr(NotifyDiscord, "notify_url", receiver.url + "/api")
            monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url + "/api")
            sink = made(url.replace("PORT", str(receiver.port)), **more)
            try:
                return await sink.send(due(one)), receiver.requests
            finally:
                await sink.close()

    return asyncio.run(go())


def sole(requests: list[Request]) -> Any:
    (request,) = requests
    assert request.method == "POST"
    return json.loads(request.body)


def test_telegram_gets_html_with_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, requests = deliver(TELEGRAM, monkeypatch, Answer(body=b'{"ok":true}'))
    assert delivery.outcome is Outcome.DELIVERED
    told = sole(requests)
    assert told["parse_mode"] == "HTML"
    assert told["chat_id"] in {-100123456, "-100123456"}
    assert told["text"] == as_html(alert(*full())).replace("&quot;", '"')
    assert violations(told) == ()


def test_discord_gets_markdown_and_may_call_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, requests = deliver(DISCORD, monkeypatch, Answer(204, body=b""))
    assert delivery.outcome is Outcome.DELIVERED
    told = sole(requests)
    assert told["content"] == as_markdown(alert(*full()))
    assert told["allowed_mentions"] == {"parse": []}
    assert len(told["content"]) <= 2_000
    assert violations(told) == ()


def test_slack_gets_the_headline(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, requests = deliver(SLACK, monkeypatch)
    assert delivery.outcome is Outcome.DELIVERED
    told = sole(requests)
    assert headline(alert(*full())) in json.dumps(told, ensure_ascii=False)
    assert violations(told) == ()


@pytest.mark.parametrize("url", SCHEMES)
def test_no_picture_of_a_stranger_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (request,) = deliver(url, monkeypatch)[1]
    assert b"http" not in request.body
    assert b"github" not in request.body
    assert "apprise" not in request.headers["user-agent"].lower()


def _saying(monkeypatch: pytest.MonkeyPatch, scheme: str, body: str, form: NotifyFormat) -> None:
    """Let a service be told what a renderer would never give: a stranger's text, escaped."""
    forms = {**apprise_sink._FORMS, scheme: apprise_sink._Form(lambda _: body, form)}
    monkeypatch.setattr(apprise_sink, "_FORMS", forms)


def test_hostile_text_is_escaped_once_for_telegram(monkeypatch: pytest.MonkeyPatch) -> None:
    """S12: what arrives shows the text as it was, with no tag and no mention in it."""
    _saying(monkeypatch, "tgram", escape_html(HOSTILE), NotifyFormat.HTML)
    text = sole(deliver(TELEGRAM, monkeypatch)[1])["text"]
    assert "<" not in text
    assert "@" not in text
    assert "&lt;a href=x&gt;b&lt;/a&gt;" in text
    assert text.endswith("&amp;amp;")  # the stranger's own, once


@pytest.mark.parametrize(
    "query", ["", "?format=markdown", "?format=text", "?fields=yes&footer=yes"]
)
def test_hostile_text_calls_nobody_on_discord(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _saying(monkeypatch, "discord", escape_markdown(HOSTILE), NotifyFormat.MARKDOWN)
    told = sole(deliver(DISCORD + query, monkeypatch)[1])
    shown = json.dumps(told)
    assert "@everyone" not in shown
    assert "<@" not in shown
    assert told["allowed_mentions"] == {"parse": []}
    assert "allow_mentions" not in told


def test_even_a_mention_that_slipped_through_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    _saying(monkeypatch, "discord", "@everyone <@&42>", NotifyFormat.MARKDOWN)
    for query in ("", "?format=markdown"):
        told = sole(deliver(DISCORD + query, monkeypatch)[1])
        assert told["allowed_mentions"] == {"parse": []}


def test_a_mention_in_the_channels_own_url_is_the_owners_wish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = sole(deliver(DISCORD + "?ping=<@%2642>", monkeypatch)[1])
    assert told["allowed_mentions"].get("roles") == ["42"]


@pytest.mark.parametrize("url", SCHEMES)
def test_an_alert_about_a_hostile_name_carries_an_alias(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("@everyone", "<a>", "`x`", "BUY NOW", "\u202eevil", "a\n\x1b[2J"):
        one = alert(*full(), scope=instrument_label(name))
        (request,) = deliver(url, monkeypatch, one=one)[1]
        told = json.loads(request.body)
        assert violations(told) == ()
        assert name not in request.body.decode("unicode-escape", "replace").replace("\\", "")


@pytest.mark.parametrize(
    ("url", "answer", "outcome", "after_s"),
    [
        (TELEGRAM, Answer(429, body=b'{"ok":false,"parameters":{"retry_after":31}}'), "retry", 31),
        (DISCORD, Answer(429, body=b'{"retry_after": 0.75, "global": false}'), "retry", 0.75),
        (DISCORD, Answer(429, {"Retry-After": "9"}, b'{"retry_after": 3}'), "retry", 9),
        (SLACK, Answer(429, {"Retry-After": "30"}), "retry", 30),
        (SLACK, Answer(429, body=b"[" * 90_000), "retry", None),
        (TELEGRAM, Answer(502), "retry", None),
        (TELEGRAM, Answer(403), "retry", None),
        (TELEGRAM, Answer(400), "refused", None),
        (TELEGRAM, Answer(reset=True), "retry", None),
        (DISCORD, Answer(404), "gone", None),
        (SLACK, Answer(410), "gone", None),
        (DISCORD, Answer(302, {"Location": "http://127.0.0.1:1/"}), "retry", None),
        (
            DISCORD,
            Answer(204, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, b""),
            "delivered",
            1.5,
        ),
    ],
)
def test_what_a_service_answers_is_heard(
    url: str, answer: Answer, outcome: str, after_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, requests = deliver(url, monkeypatch, answer)
    assert (delivery.outcome.value, delivery.after_s) == (outcome, after_s)
    assert len(requests) == 1  # nothing is tried twice in the service's own thread
    assert "hijklmnop" not in delivery.reason


def test_a_service_that_never_answers_is_left_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_sink, "TIMEOUT_S", 0.3)

    async def go() -> None:
        async with AlertReceiver(always(Answer(hang=True))) as receiver:
            sink = made(f"json://127.0.0.1:{receiver.port}/x")
            for _ in range(3):  # its one thread is free again each time
                begun = time.monotonic()
                delivery = await sink.send(due())
                assert delivery == Delivery(Outcome.RETRY, "no answer within 0.3 s")
                assert time.monotonic() - begun < 5
            assert len(receiver.requests) == 3
            await sink.close()

    asyncio.run(go())


def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, _ = deliver(
        "json://127.0.0.1:PORT/x", monkeypatch, Answer(500, body=b"x" * 30_000_000)
    )
    assert delivery == Delivery(Outcome.RETRY, "the receiver answers 500")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    delivery, _ = deliver("json://127.0.0.1:PORT/x", monkeypatch)
    assert delivery.outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    "url",
    [
        *("json://127.0.0.1:PORT/x", "jsons://localhost:PORT/x", "gotify://10.0.0.1/token"),
        *("ntfy://169.254.169.254/topic", "jsons://2130706433:PORT/x", "jsons://[::1]:PORT/x"),
        *("matrix://u:p@192.168.0.9/#r", "xmls://intranet/x", "json://hooks.example.org/x"),
        "jsons://127.0.0.1:PORT/x?verify=no&redirect=yes",
    ],
)
def test_services_of_ones_own_need_the_flag(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        delivery, requests = deliver(url, monkeypatch, guard=AddressGuard())
    except InputError:
        return  # refused when the channel is made
    assert delivery.outcome is Outcome.RETRY
    assert requests == []


def test_a_name_that_turns_inward_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the very address that was checked is connected to, or none."""
    monkeypatch.setattr(
        "airpocket.live.apprise_http.socket.getaddrinfo",
        lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 0))],
    )
    delivery, requests = deliver(
        "jsons://hooks.example.org:PORT/x", monkeypatch, guard=AddressGuard()
    )
    assert delivery.outcome is Outcome.RETRY
    assert "loopback" in delivery.reason
    assert requests == []


@pytest.mark.filterwarnings("ignore")  # urllib3's about a connection that must not be made
def test_certificates_cannot_be_waved_through(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)

    async def go() -> None:
        async with AlertReceiver(tls=served) as receiver:
            sink = made(f"jsons://localhost:{receiver.port}/x?verify=no")
            delivery = await sink.send(due())
            assert delivery.outcome is Outcome.RETRY
            assert receiver.requests == []
            await sink.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    "url",
    [
        "tgram://123456789:abcdefg_hijklmnop/-1/-2",  # two chats: one could get it, one not
        "tgram://123456789:abcdefg_hijklmnop",  # whoever wrote to the bot first
        *("syslog://", "irc://chat.example.org/room", "rsyslog://logs.example.org"),
        *("discord://", "nonsense", "://", "mailtos://a:canary@localhost?to=b@example.org"),
        DISCORD + "?template=/etc/passwd",
    ],
)
def test_what_cannot_be_kept_in_order_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        made(url, guard=AddressGuard(), name="mine")
    assert "mine" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_mail_is_checked_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    def send(self: Any, **words: Any) -> bool:
        sent.append(words)
        return True

    async def look_up(host: str, port: int) -> list[str]:
        return [next(answers)]

    answers = iter(["93.184.216.34", "10.0.0.1"])
    monkeypatch.setattr(NotifyEmail, "send", send)
    monkeypatch.setattr(apprise_sink, "look_up", look_up)

    async def go() -> None:
        sink = made(
            "mailtos://me:pw@example.org?to=a@example.org&smtp=mail.example.org",
            guard=AddressGuard(),
        )
        assert (await sink.send(due())).outcome is Outcome.DELIVERED
        refused = await sink.send(due())
        assert refused.outcome is Outcome.RETRY
        assert "10.0.0.1" in refused.reason
        await sink.close()

    asyncio.run(go())
    (mail,) = sent
    assert mail["title"] == headline(due().alert)
    assert "<br" in mail["body"]
    assert violations([mail["title"], mail["body"]]) == ()


def test_address_errors_are_input_errors() -> None:
    assert issubclass(AddressError, InputError)
