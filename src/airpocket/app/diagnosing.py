"""``airpocket doctor``: what works from this machine, on one screen and within seconds."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import Final

import stamina.instrumentation

from airpocket.alerts.render import escape_terminal
from airpocket.app.channels import channel_specs, secrets_of
from airpocket.app.config import Settings, find, load
from airpocket.app.disk_checks import check_disk, check_state
from airpocket.app.journal import Journal, Mask
from airpocket.app.planning import lines_of
from airpocket.app.printing import console, json_line, show
from airpocket.app.settings import LogLevel, LogSettings
from airpocket.app.symbols import resolve
from airpocket.app.testing_alert import send_trial
from airpocket.errors import AirpocketError
from airpocket.live.address_guard import AddressGuard
from airpocket.live.channel import ChannelKind, ChannelSpec
from airpocket.live.clock import Clock, SystemClock
from airpocket.live.probes import (
    Check,
    ImpatientThreads,
    Verdict,
    probe_line,
    probe_receiver,
    probe_rest,
)
from airpocket.live.sinks import open_sink
from airpocket.live.sockets import AiohttpTransport
from airpocket.live.transport import Transport
from airpocket.venues import register

__all__ = ["diagnose", "run", "summed_up"]

_ALL_S: Final = 14.0
_MARKS: Final = {
    Verdict.OK: "[green]ok  [/]",
    Verdict.WARN: "[yellow]warn[/]",
    Verdict.FAIL: "[bold red]FAIL[/]",
}
_NO_NETWORK: Final = frozenset({"dns", "refused", "timeout"})


def run(*, config: Path | None, as_json: bool, send: bool) -> None:
    """Print what works and what does not.

    Raises
    ------
    InputError
        If the configuration cannot be used.
    SystemExit
        With 1 if a check failed.
    """
    settings = load(config)
    specs = channel_specs(settings)
    file = find(config, os.environ)
    said = "no file: all is as shipped" if file is None else f"{file} is read"
    stamina.instrumentation.set_on_retry_hooks([])  # what fails for good is said; tries are not
    # What libraries have to say of a failing network is said below, in a sentence each.
    log = settings.log if send else LogSettings(level=LogLevel.ERROR)
    with Journal(log, secrets=secrets_of(specs)) as journal:
        found = [Check("config", "file", Verdict.OK, said)]
        found += asyncio.run(_patient(settings, specs, send=send))
    _print(found, as_json=as_json, mask=journal.mask)
    sys.stdout.flush()
    if any(check.verdict is Verdict.FAIL for check in found):
        raise SystemExit(1)


async def _patient(settings: Settings, specs: Sequence[ChannelSpec], *, send: bool) -> list[Check]:
    # A name that nobody answers holds its thread longer than anybody wants to wait.
    asyncio.get_running_loop().set_default_executor(ImpatientThreads())
    transport = AiohttpTransport()
    try:
        return await diagnose(settings, specs, send=send, transport=transport, clock=SystemClock())
    finally:
        await transport.close()


async def diagnose(
    settings: Settings,
    specs: Sequence[ChannelSpec],
    *,
    send: bool,
    transport: Transport,
    clock: Clock,
) -> list[Check]:
    """Try everything at once, each for a few seconds.

    Parameters
    ----------
    settings, specs
        The configuration and its channels.
    send
        Whether channels are sent a test message, or only looked at.
    transport, clock
        Sockets and the wall clock.
    """
    loop = asyncio.get_running_loop()
    jobs: list[tuple[str, Awaitable[list[Check]]]] = [
        ("disk", loop.run_in_executor(None, check_disk, settings)),
        ("store", loop.run_in_executor(None, check_state, settings)),
    ]
    jobs += [
        (venue, _venue(venue, settings, transport=transport, clock=clock))
        for venue in settings.watch.venues
    ]
    jobs.append(("channels", _sent(specs, clock) if send else _looked_at(specs, clock)))
    done = await asyncio.gather(*(_limited(about, job) for about, job in jobs))
    return [check for checks in (*done, _health_route(settings)) for check in checks]


async def _limited(about: str, job: Awaitable[list[Check]]) -> list[Check]:
    try:
        async with asyncio.timeout(_ALL_S):
            return await job
    except TimeoutError:
        return [Check(about, "in all", Verdict.FAIL, f"not done within {_ALL_S:g} s")]
    except AirpocketError as error:
        return [Check(about, "in all", Verdict.FAIL, str(error))]


async def _venue(
    venue: str, settings: Settings, *, transport: Transport, clock: Clock
) -> list[Check]:
    """Try the streams and the REST of a venue."""
    addresses = settings.venues.get(venue)
    rules = register.open_streams(venue)
    at_ns = clock.wall_ns()
    found = resolve(("BTC",), {venue: register.catalogue_of(venue)}, at_ns=at_ns)
    lines = lines_of(
        rules,
        found.instruments[venue],
        at_ns=at_ns,
        depth=settings.watch.depth,
        base=None if addresses is None else addresses.ws_url,
    )
    rest = probe_rest(
        venue,
        clock=clock,
        rng=random.Random(),  # noqa: S311 - jitter
        url=None if addresses is None else addresses.rest_url,
    )
    streams = asyncio.gather(
        *(probe_line(line, rules, register.open_wire(venue), transport=transport) for line in lines)
    )
    found_rest, found_streams = await asyncio.gather(rest, streams)
    return [*found_streams, found_rest[0]]


def _health_route(settings: Settings) -> list[Check]:
    """Warn where alerts go out, but that a feed is out would be read by nobody."""
    channels = settings.channels.values()
    if any(one.health for one in channels) or all(one.kind is ChannelKind.LOG for one in channels):
        return []
    said = "no channel has health = true: that a feed is out goes to the log and nowhere else"
    return [Check("channels", "feed health", Verdict.WARN, said)]


async def _sent(specs: Sequence[ChannelSpec], clock: Clock) -> list[Check]:
    return [
        Check(
            one.channel,
            "channel",
            Verdict.OK if one.is_delivered else Verdict.FAIL,
            "a test message was delivered" if one.is_delivered else one.delivery.reason,
        )
        for one in await send_trial(specs, clock=clock)
    ]


async def _looked_at(specs: Sequence[ChannelSpec], clock: Clock) -> list[Check]:
    return list(await asyncio.gather(*(_look(spec, clock) for spec in specs)))


async def _look(spec: ChannelSpec, clock: Clock) -> Check:
    loop = asyncio.get_running_loop()
    try:
        sink = await loop.run_in_executor(None, lambda: open_sink(spec, clock=clock))
    except AirpocketError as error:
        return Check(spec.name, "channel", Verdict.FAIL, str(error))
    await sink.close()
    if spec.kind is ChannelKind.WEBHOOK:
        guard = AddressGuard(allow_private=spec.allow_private)
        return await probe_receiver(spec.name, spec.url.reveal(), guard=guard)
    said = {
        ChannelKind.LOG: "alerts are lines of the log",
        ChannelKind.JSONL: f"alerts are lines of {spec.path}",
    }.get(spec.kind, "complete; nothing was sent (--send sends a test message)")
    return Check(spec.name, "channel", Verdict.OK, said)


def summed_up(found: Iterable[Check]) -> str:
    """Say in one line what the checks come to.

    Examples
    --------
    >>> summed_up([Check("disk", "room", Verdict.OK, "")])
    '1 check: all ok'
    """
    checks = list(found)
    counts = Counter(check.verdict for check in checks)
    total = f"{len(checks)} check{'s' if len(checks) != 1 else ''}"
    if counts[Verdict.OK] == len(checks):
        return f"{total}: all ok"
    told = f"{total}: {counts[Verdict.OK]} ok, {counts[Verdict.WARN]} to look at"
    told += f", {counts[Verdict.FAIL]} failed"
    streams = [check for check in checks if check.name.startswith("stream")]
    if streams and all(check.fault in _NO_NETWORK for check in streams):
        told += "; no venue can be reached: this machine seems to have no network, or no DNS"
    return told


def _print(found: Sequence[Check], *, as_json: bool, mask: Mask) -> None:
    if as_json:
        for check in found:
            json_line(
                {
                    "type": "check",
                    "about": check.about,
                    "name": check.name,
                    "verdict": check.verdict.value,
                    "said": mask(check.said),
                }
            )
        json_line({"type": "summary", "said": summed_up(found)})
        return
    out = console()
    for check in found:
        row = f"{_MARKS[check.verdict]} {_safe(check.about):<12} {_safe(check.name):<16}"
        show(out, f"{row} {_safe(mask(check.said))}", hang=35)
    show(out, summed_up(found))


def _safe(text: str) -> str:
    return escape_terminal(text)
