"""What works from this machine: each stream and each REST tried once, for a few seconds.

A probe never raises for what the network does: what it found is a :class:`Check`.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from typing import Any, Final, TypeAlias, final
from urllib.parse import urlsplit

from msgspec import Struct

from airpocket.errors import AirpocketError
from airpocket.live.address_guard import AddressError, AddressGuard, look_up
from airpocket.live.channel import printable
from airpocket.live.clock import Clock
from airpocket.live.rest import Rest, open_rest
from airpocket.live.transport import ConnectError, ConnectFault, Connection, Transport
from airpocket.market.stream import Line, StreamRules, Subscription
from airpocket.market.wire import Wire
from airpocket.units import MILLISECOND_NS, SECOND_NS

__all__ = [
    "CONNECT_S",
    "FRAME_S",
    "NAME_S",
    "REST_S",
    "Check",
    "ImpatientThreads",
    "Verdict",
    "probe_line",
    "probe_receiver",
    "probe_rest",
]

Ask: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

NAME_S: Final = 4.0
"""How long a name may take to be resolved."""
CONNECT_S: Final = 5.0
"""How long a connection, its certificate and the upgrade may take together."""
FRAME_S: Final = 5.0
"""How long the first data of a canary may take."""
REST_S: Final = 10.0
"""How long REST may take, with the import of its client."""

_PATIENCE_S: Final = 1.0
_SKEW_WARN_NS: Final = SECOND_NS
_SKEW_FAIL_NS: Final = 30 * SECOND_NS
_BLOCKED: Final = {403, 451}


class Verdict(StrEnum):
    """What a check comes to, in a word that needs no colour."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Struct, frozen=True):
    """One thing that was tried.

    Parameters
    ----------
    about, name
        What was looked at: a venue and its stream, a channel, the disk.
    verdict
        What came of it.
    said
        One line that says so, with figures.
    fault
        Why there was no connection, if that is what failed.
    """

    about: str
    name: str
    verdict: Verdict
    said: str
    fault: str | None = None


@final
class ImpatientThreads(ThreadPoolExecutor):
    """An executor that nobody waits for when the program ends.

    A name that is looked up without a network keeps its thread for up to half a minute; the
    diagnosis is over before that.

    Examples
    --------
    >>> ImpatientThreads().submit(pow, 2, 3).result()
    8
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **words: Any) -> "Future[Any]":
        """Run a call in a thread of its own."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # from here on it cannot be called off

        def run() -> None:
            try:
                result = fn(*args, **words)
            except BaseException as error:  # noqa: BLE001 - handed on, as executors do
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, daemon=True, name="airpocket-probe").start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Wait for nothing."""


async def probe_line(
    line: Line, rules: StreamRules, wire: Wire, *, transport: Transport, ask: Ask = look_up
) -> Check:
    """Try one stream: name, connection, certificate, upgrade, subscription, first data.

    Parameters
    ----------
    line
        The connection; its first canary is what is subscribed to.
    rules, wire
        How the venue is asked and read.
    transport
        Opens the connection.
    ask
        How a name is looked up.
    """
    name = f"stream {line.route}"
    loop = asyncio.get_running_loop()
    begun = loop.time()
    problem = await _resolve(line.url, ask)
    if problem is not None:
        return Check(rules.venue, name, Verdict.FAIL, problem, ConnectFault.DNS.value)
    named = loop.time()
    try:
        async with asyncio.timeout(CONNECT_S):
            connection = await transport.connect(
                line.url, frame_bytes_most=rules.limits.frame_bytes_most
            )
    except TimeoutError:
        said = f"{line.url}: no websocket within {CONNECT_S:g} s"
        return Check(rules.venue, name, Verdict.FAIL, said, ConnectFault.TIMEOUT.value)
    except ConnectError as error:
        return Check(rules.venue, name, Verdict.FAIL, _refusal(error), error.fault.value)
    connected = loop.time()
    try:
        problem = await _first_data(connection, line, rules, wire)
    finally:
        await connection.close()
    if problem is not None:
        return Check(rules.venue, name, Verdict.FAIL, problem)
    said = f"name {_ms(named - begun)}, connected {_ms(connected - named)}"
    if line.canaries:
        said += f", first data {_ms(loop.time() - connected)}"
    return Check(rules.venue, name, Verdict.OK, said)


async def probe_rest(
    venue: str,
    *,
    clock: Clock,
    rng: random.Random,
    url: str | None = None,
    open_: Callable[..., Awaitable[Rest]] = open_rest,
) -> tuple[Check, int | None]:
    """Ask a venue for its clock over REST.

    Parameters
    ----------
    venue
        Venue id.
    clock, rng
        Our clock; source of jitter.
    url
        Another address of it.
    open_
        How its REST is opened.

    Returns
    -------
    tuple
        The check, and by how many nanoseconds the venue's clock is ahead of ours, if it answered.
    """
    try:
        async with asyncio.timeout(REST_S):
            rest = await open_(venue, clock, rng, url=url)
            try:
                asked_ns = clock.wall_ns()
                data = await rest.ask(rest.rules.server_time(), patience_s=_PATIENCE_S)
                round_trip_ns = clock.wall_ns() - asked_ns
                venue_ns = rest.rules.read_server_time(data)
            finally:
                await rest.close()
    except TimeoutError:
        said = f"no answer within {REST_S:g} s"
        return Check(venue, "rest", Verdict.FAIL, said, ConnectFault.TIMEOUT.value), None
    except AirpocketError as error:
        return Check(venue, "rest", Verdict.FAIL, printable(str(error), 300)), None
    ahead_ns = venue_ns - (asked_ns + round_trip_ns // 2)
    off = max(abs(ahead_ns) - round_trip_ns // 2, 0)
    verdict = Verdict.FAIL if off > _SKEW_FAIL_NS else Verdict.OK
    verdict = Verdict.WARN if _SKEW_WARN_NS < off <= _SKEW_FAIL_NS else verdict
    side = "ahead of" if ahead_ns >= 0 else "behind"
    said = (
        f"answers in {round_trip_ns // MILLISECOND_NS:,} ms, its clock is"
        f" {abs(ahead_ns) / MILLISECOND_NS:,.0f} ms {side} ours"
    )
    if verdict is not Verdict.OK:
        said += ": set this machine's clock (NTP)"
    return Check(venue, "rest", verdict, said), ahead_ns


async def probe_receiver(name: str, url: str, *, guard: AddressGuard) -> Check:
    """Look at the address of a channel: how it is written, and where its name leads.

    Parameters
    ----------
    name
        The channel.
    url
        Its address; not told, but for its host.
    guard
        Says what may be sent to.
    """
    try:
        place = guard.check(url)
        async with asyncio.timeout(NAME_S):
            found = await guard.addresses(place)
    except TimeoutError:
        said = f"the receiver's name is not resolved within {NAME_S:g} s: no network, or no DNS"
        return Check(name, "channel", Verdict.FAIL, said, ConnectFault.DNS.value)
    except AddressError as error:
        return Check(name, "channel", Verdict.FAIL, printable(str(error), 300))
    except OSError:
        said = "the receiver's name cannot be resolved"
        return Check(name, "channel", Verdict.FAIL, said, ConnectFault.DNS.value)
    said = f"complete; {place.host} leads to {len(found)} allowed addresses; nothing was sent"
    return Check(name, "channel", Verdict.OK, said)


async def _resolve(url: str, ask: Ask) -> str | None:
    """Look a host up; say what is wrong, ``None`` if nothing is."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(NAME_S):
            await ask(host, parts.port or 443)
    except TimeoutError:
        return f"the name {host} is not resolved within {NAME_S:g} s: no network, or no DNS"
    except (OSError, UnicodeError):
        return f"the name {host} cannot be resolved: no network, or no such name"
    return None


async def _first_data(
    connection: Connection, line: Line, rules: StreamRules, wire: Wire
) -> str | None:
    """Subscribe to the canary and wait for what it says; say what is wrong, if anything is."""
    if not line.canaries:
        return None
    canary = line.canaries[0]
    try:
        async with asyncio.timeout(FRAME_S):
            for request in rules.subscribe([canary], 1):
                await connection.send(request)
            return await _heard(connection, canary, rules, wire)
    except TimeoutError:
        return (
            f"connected and subscribed to {canary.topic}, but no data came within {FRAME_S:g} s:"
            " the address may be retired"
        )
    except AirpocketError as error:
        return f"connected, then {printable(str(error))}"


async def _heard(
    connection: Connection, canary: Subscription, rules: StreamRules, wire: Wire
) -> str | None:
    while True:
        data = await connection.receive()
        answer = rules.answer(data)
        if answer is not None:
            if answer.reason is not None:
                return f"refuses the subscription to {canary.topic}: {printable(answer.reason)}"
            continue
        for event in wire.decode(data).events:
            topic = rules.topic_of(event)
            if topic is not None and topic[0] in canary.channels:
                return None


def _refusal(error: ConnectError) -> str:
    if error.status in _BLOCKED:
        return f"{printable(str(error), 300)}: the venue does not serve this address or country"
    return printable(str(error), 300)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms"
