import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given

from airpocket.errors import InputError
from airpocket.live import health_page
from airpocket.live.health_page import HealthPage, health_json, is_loopback, is_ready
from airpocket.live.metrics import Metrics
from airpocket.live.view import TapeView, WatchView
from tests.live import pictures

METRICS = Metrics(["okx"])
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def served(
    talk: Callable[[HealthPage], Awaitable[Any]], view: Callable[[], WatchView] = pictures.calm
) -> Any:
    async def run() -> Any:
        page = HealthPage(METRICS, view, port=0)
        await page.start()
        try:
            return await talk(page)
        finally:
            await page.stop()

    return asyncio.run(run())


async def ask(
    page: HealthPage, path: str = "/health", method: str = "GET", host: str | None = "localhost"
) -> tuple[int, dict[str, str], bytes]:
    head = "" if host is None else f"Host: {host}\r\n"
    raw = f"{method} {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    return answer(await send(page, raw.encode("latin-1")))


async def send(page: HealthPage, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def answer(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    fields = (line.partition(": ") for line in lines)
    return int(status.split()[1]), {name.lower(): value for name, _, value in fields}, body


def test_health_is_told_in_json() -> None:
    status, fields, body = served(ask, pictures.dead)
    assert (status, fields["content-type"]) == (200, "application/json")
    told = json.loads(body)
    assert told["overall"] == "degraded"
    okx = told["venues"]["okx"]
    assert (okx["state"], okx["last_frame_age_s"], okx["gaps_open"]) == ("dead", 720.0, 5)
    trades = okx["channels"]["trades"]
    assert trades["reason"] == "no connection (HTTP 503)"
    assert trades["since"] == "2026-02-05T21:03:03Z"
    assert told["venues"]["binance"]["channels"]["liquidations"]["coverage"] == "throttled"
    assert told["store"] == {
        "writing": True, "fault": None, "pending_bytes": 812, "last_commit_age_s": 0.02,
    }  # fmt: skip
    assert told["outbox"]["pending"] == 3
    assert told["outbox"]["oldest_age_s"] == 95.0
    assert told["outbox"]["failing"] == ["my_phone"]


def test_ready_is_a_status() -> None:
    async def ready(page: HealthPage) -> tuple[int, bool]:
        status, _, body = await ask(page, "/ready")
        return status, json.loads(body)["ready"]

    assert served(ready) == (200, True)
    assert served(ready, pictures.dead) == (200, True)
    assert served(ready, pictures.first) == (503, False)
    full = pictures.calm(tape=TapeView(fault="the disk is full"))
    assert served(ready, lambda: full) == (503, False)
    assert not is_ready(pictures.calm(venues=()))


def test_figures_are_told() -> None:
    METRICS.received("okx", "trades")

    async def figures(page: HealthPage) -> tuple[int, dict[str, str], bytes]:
        return await ask(page, "/metrics")

    status, fields, body = served(figures)
    assert status == 200
    assert fields["content-type"].startswith("text/plain; version=")
    assert b'airpocket_frames_total{channel="trades",venue="okx"}' in body


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("", "localhost:", "127.0.0.2", "0.0.0.0", "[::1", "localhost:x", "evil@localhost"),  # noqa: S104
        *("localhost, evil.example", "127.0.0.1:123456"),
        None,
    ],
)
def test_a_request_under_another_name_is_refused(host: str | None) -> None:
    for path in ("/health", "/ready", "/metrics", "/other"):

        async def talk(page: HealthPage, path: str = path) -> tuple[int, dict[str, str], bytes]:
            return await ask(page, path, host=host)

        status, _, body = served(talk)
        assert status in {400, 421}
        assert b"binance" not in body


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9464", "[::1]:80", "[::1]"]
)
def test_this_machine_may_be_named_with_any_port(host: str) -> None:
    async def talk(page: HealthPage) -> int:
        return (await ask(page, host=host))[0]

    assert served(talk) == 200


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
)
def test_nothing_can_be_changed(method: str) -> None:
    async def talk(page: HealthPage) -> tuple[int, dict[str, str], bytes]:
        return await ask(page, method=method)

    status, fields, _ = served(talk)
    assert status in {400, 404, 405}
    assert status != 405 or fields["allow"] == "GET, HEAD"


def test_a_head_has_no_body_and_there_is_no_admin() -> None:
    async def talk(page: HealthPage) -> list[tuple[int, dict[str, str], bytes]]:
        paths = ("/", "/admin", "/debug", "/config", "/health/", "/../health", "/metrics%00")
        return [await ask(page, method="HEAD"), *[await ask(page, path) for path in paths]]

    first, *others = served(talk)
    assert (first[0], first[2]) == (200, b"")
    assert int(first[1]["content-length"]) > 100
    assert {status for status, _, _ in others} <= {400, 404}


def test_no_answer_names_the_software_or_may_be_kept() -> None:
    async def talk(page: HealthPage) -> list[dict[str, str]]:
        good = [(await ask(page, path))[1] for path in ("/health", "/metrics", "/ready", "/no")]
        bad = answer(await send(page, b"NONSENSE\x00\x1b[2J\r\n\r\n"))
        huge = answer(await send(page, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"))
        assert bad[0] == 400
        assert huge[0] == 400
        return [*good, bad[1], huge[1]]

    fields = served(talk)
    assert all("server" not in one for one in fields)
    assert all("airpocket" not in " ".join(one.values()) for one in fields)
    for one in fields[:4]:
        assert one["cache-control"] == "no-store"
        assert one["x-content-type-options"] == "nosniff"
        assert one["content-security-policy"].startswith("default-src 'none'")


def test_nonsense_is_not_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(page: HealthPage) -> None:
        await send(page, b"GET /\x1b[2J HTTP/9\r\nHost: x\r\n\r\n")
        await ask(page, "/\x1b[2J")

    with caplog.at_level(logging.DEBUG):
        served(talk)
    assert "\x1b" not in caplog.text
    assert not [one for one in caplog.records if one.name.startswith(("aiohttp", "airpocket"))]


def test_a_fault_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> WatchView:
        raise RuntimeError("secret path /root/x")

    status, fields, body = served(ask, broken)
    assert (status, body) == (500, b"internal error\n")
    assert "server" not in fields
    assert "secret path" in caplog.text


def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_page, "_IDLE_S", 0.1)

    async def talk(page: HealthPage) -> tuple[bytes, bytes]:
        return await send(page, b""), await send(page, b"GET /health HTTP/1.1\r\nHo")

    assert served(talk) == (b"", b"")


def test_too_many_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_page, "_CONNECTIONS_MOST", 3)

    async def talk(page: HealthPage) -> int:
        held = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(3)]
        await asyncio.sleep(0)
        status = (await ask(page))[0]
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        return status

    assert served(talk) == 503


def test_stop_is_quick_though_somebody_holds_on() -> None:
    async def run() -> float:
        page = HealthPage(METRICS, pictures.calm, port=0)
        await page.start()
        _, writer = await asyncio.open_connection("127.0.0.1", page.port)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await page.stop()
        await page.stop()
        took = loop.time() - began
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", page.port)
        writer.close()
        return took

    assert asyncio.run(run()) < 1.5


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    async def talk(page: HealthPage) -> str:
        second = HealthPage(METRICS, pictures.calm, port=page.port)
        with pytest.raises(InputError) as refused:
            await second.start()
        return str(refused.value)

    said = served(talk)
    assert said.startswith("server: port ")
    assert "is taken" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "example.com", "", "127.0.0.1.evil.io"],  # noqa: S104
)
def test_an_address_that_others_reach_is_refused(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InputError, match="can be reached from other machines"):
        HealthPage(METRICS, pictures.calm, host=host)


@pictures.SOME
@given(pictures.VIEWS)
def test_any_picture_can_be_told(view: WatchView) -> None:
    body = health_page._json(200, health_json(view)).body
    assert isinstance(body, bytes)
    assert body.decode().rstrip("\n").isprintable()
    json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert is_ready(view) in {True, False}


def test_planted_bugs_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(health_page, "_OURS", re.compile(".*"))
        with pytest.raises(AssertionError):
            test_a_request_under_another_name_is_refused("evil.example")
    with monkeypatch.context() as patch:
        patch.delattr(health_page._Request, "_prepare_hook")
        with pytest.raises(AssertionError):
            test_no_answer_names_the_software_or_may_be_kept()
    with monkeypatch.context() as patch:
        patch.setattr(health_page, "is_loopback", lambda host: True)
        with pytest.raises(pytest.fail.Exception):
            test_an_address_that_others_reach_is_refused("0.0.0.0")  # noqa: S104
