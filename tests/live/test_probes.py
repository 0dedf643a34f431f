"""One try of a stream, of REST and of a receiver: what works, and which sentence says what not."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airpocket.live.address_guard import AddressGuard
from airpocket.live.clock import Clock
from airpocket.live.probes import (
    CONNECT_S,
    FRAME_S,
    NAME_S,
    REST_S,
    Ask,
    Check,
    ImpatientThreads,
    Verdict,
    probe_line,
    probe_receiver,
    probe_rest,
)
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_client import RestError, RestFault
from airpocket.live.transport import ClosedError, ConnectError, ConnectFault, Connection
from airpocket.market.events import Mark
from airpocket.market.rest_rules import Call
from airpocket.market.stream import Line
from airpocket.units import ns_from_iso
from airpocket.venues.register import LIVE, catalogue_of, open_streams, open_wire
from tests.live.scripted_client import ScriptedClient
from tests.live.virtual import START_NS, Bench, run

NOW_NS = ns_from_iso("2026-11-20T00:00:00Z")


async def known(host: str, port: int) -> list[str]:
    assert port > 0
    await asyncio.sleep(0.01)
    return ["192.0.2.1"]


async def unknown(host: str, port: int) -> list[str]:
    raise OSError(-2, "Name or service not known")


async def hanging(host: str, port: int) -> list[str]:
    await asyncio.sleep(1e6)
    return []


class Scripted:
    """A transport and its one connection: gives what it is told to, notes what it is sent."""

    def __init__(self, *frames: bytes | Exception, refuse: Exception | float | None = None) -> None:
        self.frames = list(frames)
        self.refuse = refuse
        self.sent: list[bytes] = []
        self.closed = False

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        await asyncio.sleep(self.refuse if isinstance(self.refuse, float) else 0.05)
        if isinstance(self.refuse, Exception):
            raise self.refuse
        return self

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive(self) -> bytes:
        await asyncio.sleep(0.1)
        if not self.frames:
            await asyncio.sleep(1e6)
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def close(self) -> None:
        self.closed = True


def line_of(venue: str) -> Line:
    catalogue = catalogue_of(venue)
    row = next(row for row in catalogue if row.base == "BTC" and row.holds_at(NOW_NS))
    return open_streams(venue).lines([row], NOW_NS)[0]


def tried(venue: str, transport: Scripted, ask: Ask = known) -> tuple[Check, float]:
    async def attempt(bench: Bench) -> tuple[Check, float]:
        check = await probe_line(
            line_of(venue), open_streams(venue), open_wire(venue), transport=transport, ask=ask
        )
        return check, bench.elapsed_s()

    return run(attempt)


def mark_of(venue: str) -> bytes:
    row = next(row for row in catalogue_of(venue) if row.base == "BTC" and row.holds_at(NOW_NS))
    mark = Mark(
        venue=venue, symbol=row.symbol, raw_symbol=row.raw_symbol, venue_ns=NOW_NS,
        mark_price=90_000.0, index_price=90_000.0,
    )  # fmt: skip
    (frame,) = open_wire(venue).encode([mark])
    return frame


@pytest.mark.parametrize("venue", LIVE)
def test_silence_after_the_subscription_is_found_on_every_venue(venue: str) -> None:
    transport = Scripted()
    check, took_s = tried(venue, transport)
    assert check.verdict is Verdict.FAIL
    assert f"no data came within {FRAME_S:g} s" in check.said
    assert took_s < CONNECT_S + FRAME_S
    assert transport.closed
    (canary, *_) = line_of(venue).canaries
    assert transport.sent == open_streams(venue).subscribe([canary], 1)


@pytest.mark.parametrize("venue", LIVE)
def test_data_of_the_canary_prove_a_stream(venue: str) -> None:
    transport = Scripted(mark_of(venue))
    check, _ = tried(venue, transport)
    assert check.verdict is Verdict.OK, check.said
    assert check.said == "name 10 ms, connected 50 ms, first data 100 ms"
    assert (check.about, check.name) == (venue, f"stream {line_of(venue).route}")
    assert transport.closed


def test_answers_and_unreadable_frames_are_passed_over() -> None:
    ack = b'{"event":"subscribe","id":"1","arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"connId":"a"}'
    check, _ = tried("okx", Scripted(ack, b"not json", mark_of("okx")))
    assert check.said.endswith("first data 300 ms")


def test_data_of_another_topic_prove_nothing() -> None:
    trade = b'{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"1","px":"90000","sz":"1","side":"buy","ts":"1795000000000"}]}'
    assert open_wire("okx").decode(trade).events
    check, _ = tried("okx", Scripted(*[trade] * 3))
    assert check.verdict is Verdict.FAIL
    assert "no data came" in check.said


def test_a_refused_subscription_is_told_in_one_line() -> None:
    frame = b'{"event":"error","id":"1","code":"60018","msg":"Wrong URL\\n\\u001b[2J or channel","connId":"a"}'
    check, _ = tried("okx", Scripted(frame))
    assert "refuses the subscription" in check.said
    assert check.said.isprintable()


def test_a_connection_that_ends_at_once() -> None:
    check, _ = tried("okx", Scripted(ClosedError("closed by the venue with 1008", code=1008)))
    assert check.said == "connected, then closed by the venue with 1008"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ConnectError(ConnectFault.REFUSED, "wss://x: no connection (Connection refused)"),
            "refused",
        ),
        (
            ConnectError(ConnectFault.TLS, "wss://x: its certificate cannot be trusted"),
            "certificate",
        ),
        (
            ConnectError(ConnectFault.STATUS, "wss://x: answers 451", status=451),
            "does not serve this",
        ),
        (ConnectError(ConnectFault.STATUS, "wss://x: answers 502", status=502), "answers 502"),
        (ConnectError(ConnectFault.ADDRESS, "'x' is not an address"), "is not an address"),
    ],
)
def test_why_there_is_no_connection(error: ConnectError, told: str) -> None:
    check, _ = tried("okx", Scripted(refuse=error))
    assert check.verdict is Verdict.FAIL
    assert told in check.said
    assert check.fault == error.fault.value
    assert ("this address or country" in check.said) is (error.status == 451)


@pytest.mark.parametrize(
    ("ask", "transport", "told", "most_s"),
    [
        (unknown, Scripted(), "cannot be resolved", 0.1),
        (hanging, Scripted(), f"not resolved within {NAME_S:g} s", NAME_S + 0.1),
        (known, Scripted(refuse=1e6), f"no websocket within {CONNECT_S:g} s", CONNECT_S + 0.1),
    ],
)
def test_every_step_has_its_limit(ask: Ask, transport: Scripted, told: str, most_s: float) -> None:
    check, took_s = tried("okx", transport, ask)
    assert told in check.said
    assert took_s <= most_s
    assert check.fault in {"dns", "timeout"}


def rest_of(
    answer: Callable[[Call], bytes], clients: list[ScriptedClient], venue: str = "bybit"
) -> Callable[..., Any]:
    async def opened(_: str, clock: Clock, rng: random.Random, *, url: str | None) -> Rest:
        client = ScriptedClient(answer)
        clients.append(client)
        return Rest(rest_rules(venue), client, clock, rng)

    return opened


def asked(answer: Callable[[Call], bytes]) -> tuple[Check, int | None, float]:
    clients: list[ScriptedClient] = []

    async def attempt(bench: Bench) -> tuple[Check, int | None, float]:
        check, ahead_ns = await probe_rest(
            "bybit", clock=bench.clock, rng=bench.rng, open_=rest_of(answer, clients)
        )
        return check, ahead_ns, bench.elapsed_s()

    found = run(attempt)
    assert all(client.is_closed for client in clients)
    return found


def clock_at(ahead_ms: int) -> Callable[[Call], bytes]:
    now_ms = START_NS // 1_000_000 + 25 + ahead_ms
    return lambda _: b'{"retCode":0,"result":{"timeSecond":"1","timeNano":"%d"}}' % (now_ms * 10**6)


@pytest.mark.parametrize(
    ("ahead_ms", "verdict", "told"),
    [
        (0, Verdict.OK, "answers in 50 ms, its clock is 0 ms ahead of ours"),
        (400, Verdict.OK, "400 ms ahead of ours"),
        (-5_000, Verdict.WARN, "5,000 ms behind ours: set this machine's clock"),
        (3_600_000, Verdict.FAIL, "3,600,000 ms ahead of ours: set this machine's clock"),
    ],
)
def test_clocks_are_compared(ahead_ms: int, verdict: Verdict, told: str) -> None:
    check, ahead_ns, _ = asked(clock_at(ahead_ms))
    assert check.verdict is verdict
    assert told in check.said
    assert ahead_ns == ahead_ms * 10**6


@pytest.mark.parametrize(
    "error",
    [
        RestError(RestFault.UNAVAILABLE, "bybit time: no answer"),
        RestError(RestFault.BLOCKED, "bybit time: HTTP 451\n\x1b[2J", status=451),
        RestError(RestFault.LIMITED, "bybit time: HTTP 429", status=429, retry_after_s=3_600.0),
    ],
)
def test_rest_that_fails_is_told_within_its_time(error: RestError) -> None:
    def answer(_: Call) -> bytes:
        raise error

    check, ahead_ns, took_s = asked(answer)
    assert check.verdict is Verdict.FAIL
    assert ahead_ns is None
    assert check.said.isprintable()
    assert took_s <= REST_S + 0.1


def test_an_answer_that_is_no_time() -> None:
    check, ahead_ns, _ = asked(lambda _: b"<html>")
    assert (check.verdict, ahead_ns) == (Verdict.FAIL, None)
    assert "no server time" in check.said


def test_rest_that_cannot_be_opened_in_time() -> None:
    async def never(*_: Any, **__: Any) -> Rest:
        await asyncio.sleep(1e6)
        raise AssertionError

    async def attempt(bench: Bench) -> tuple[Check, int | None]:
        return await probe_rest("okx", clock=bench.clock, rng=bench.rng, open_=never)

    check, _ = run(attempt)
    assert check.said == f"no answer within {REST_S:g} s"


def looked_at(url: str, answers: Sequence[str] | None, *, allow_private: bool = False) -> Check:
    async def ask(_: str, __: int) -> list[str]:
        if answers is None:
            await asyncio.sleep(1e6)
        if not answers:
            raise OSError(-2, "Name or service not known")
        return list(answers)

    guard = AddressGuard(allow_private=allow_private, ask=ask)
    return run(lambda _: probe_receiver("desk", url, guard=guard))


@pytest.mark.parametrize(
    ("url", "answers", "verdict", "told"),
    [
        ("https://hooks.example.org/s3cr3t", ["93.184.215.14"], Verdict.OK, "leads to 1 allowed"),
        ("https://hooks.example.org/s3cr3t", ["10.0.0.1"], Verdict.FAIL, "private"),
        ("https://hooks.example.org/s3cr3t", [], Verdict.FAIL, "cannot be resolved"),
        ("https://hooks.example.org/s3cr3t", None, Verdict.FAIL, "not resolved within"),
        ("http://hooks.example.org/s3cr3t", ["93.184.215.14"], Verdict.FAIL, "https"),
    ],
)
def test_receivers_are_looked_at_and_not_named_in_full(
    url: str, answers: Sequence[str] | None, verdict: Verdict, told: str
) -> None:
    check = looked_at(url, answers)
    assert check.verdict is verdict
    assert told in check.said
    assert "s3cr3t" not in check.said


def test_nobody_waits_for_an_impatient_thread() -> None:
    release = asyncio.run(_left_alone())
    release()


async def _left_alone() -> Callable[[], None]:
    import threading  # noqa: PLC0415

    stop = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ImpatientThreads())
    assert await loop.run_in_executor(None, pow, 2, 5) == 32
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, lambda: 1 // 0)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await loop.run_in_executor(None, stop.wait, 60)
    assert time.monotonic() - begun < 30
    return stop.set
