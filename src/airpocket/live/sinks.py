"""The sinks: a line in the log, a line in a file, a signed webhook, or a service of apprise's."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any, Final, Protocol, final

import msgspec
import structlog

from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.feed_wording import is_trial
from airpocket.alerts.render import as_json
from airpocket.errors import FactsOnlyError, InputError
from airpocket.live.address_guard import AddressGuard
from airpocket.live.channel import (
    DELIVERED,
    ChannelKind,
    ChannelSpec,
    Delivery,
    Outcome,
    Outgoing,
    Sink,
    printable,
)
from airpocket.live.clock import Clock, SystemClock
from airpocket.live.webhook import WebhookSink

__all__ = ["JsonLinesSink", "LogSink", "open_sink", "open_sinks"]

_TAIL_BYTES: Final = 1 << 20


class _Logger(Protocol):
    def info(self, event: str, **words: Any) -> Any: ...

    def warning(self, event: str, **words: Any) -> Any: ...


@final
class LogSink:
    """Tells alerts to the log, a line each; that a feed is out is a warning.

    Parameters
    ----------
    logger
        A structlog logger; the program's if not given.
    """

    windows: tuple[tuple[int, float], ...] = ()

    def __init__(self, logger: _Logger | None = None) -> None:
        self._logger: _Logger = logger or structlog.get_logger("airpocket.alerts")

    async def send(self, due: Outgoing) -> Delivery:
        """Write the line."""
        try:
            told = as_json(due.alert)
        except FactsOnlyError as error:
            return Delivery(Outcome.REFUSED, str(error))
        words = {key: told[key] for key in ("id", "signal", "stage", "phase", "symbol", "side")}
        is_out = due.alert.signal is Signal.FEED_HEALTH and due.alert.stage is not Stage.ALL_CLEAR
        tell = self._logger.warning if is_out else self._logger.info
        tell(
            "test alert" if is_trial(due.alert) else "alert",
            told=printable(told["headline"], 400),
            message_id=printable(due.message_id),
            time=told["time"],
            **{key: one if one is None else printable(str(one)) for key, one in words.items()},
        )
        return DELIVERED

    async def close(self) -> None:
        """Hold nothing."""


@final
class JsonLinesSink:
    """Appends alerts to a file, a JSON object a line, each safe on the disk before it counts.

    A line that a crash cut short is taken off before the next is written: its alert comes again.

    Parameters
    ----------
    path
        The file; it is created if missing, its folder is not.

    Raises
    ------
    InputError
        If there is no folder to write it to, or it is no plain file.
    """

    windows: tuple[tuple[int, float], ...] = ()

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise InputError(f"{self._path}: its folder does not exist")
        if self._path.exists() and not self._path.is_file():
            raise InputError(f"{self._path} is not a plain file: choose another path")

    async def send(self, due: Outgoing) -> Delivery:
        """Append one line."""
        try:
            line = msgspec.json.encode({**as_json(due.alert), "message_id": due.message_id})
        except FactsOnlyError as error:
            return Delivery(Outcome.REFUSED, str(error))
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, self._append, line + b"\n")
        except OSError as error:
            return Delivery(Outcome.RETRY, f"{self._path}: {error.strerror or 'cannot be written'}")
        return DELIVERED

    def _append(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o644)
        try:
            start = _end_of_lines(descriptor)
            try:
                _write_whole(descriptor, line)
            except OSError:
                os.ftruncate(descriptor, start)
                raise
        finally:
            os.close(descriptor)

    async def close(self) -> None:
        """Hold nothing between lines."""


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _end_of_lines(descriptor: int) -> int:
    """Take off the line that a crash cut short; give the size that is left."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, min(size, _TAIL_BYTES), max(0, size - _TAIL_BYTES))
    if not tail or tail.endswith(b"\n"):
        return size
    cut = tail[tail.rfind(b"\n") + 1 :]
    if cut.startswith(b'{"type":"alert"'):  # ours; anything else is not ours to take off
        os.ftruncate(descriptor, size - len(cut))
        return size - len(cut)
    return size + os.write(descriptor, b"\n")


def open_sink(spec: ChannelSpec, *, clock: Clock | None = None) -> Sink:
    """Make the sink of a channel; nothing is sent and no name is looked up.

    Parameters
    ----------
    spec
        The channel.
    clock
        For timestamps; the machine's if not given.

    Raises
    ------
    InputError
        If the channel cannot be used as it is configured; the message names it, and holds no
        secret.
    """
    clock = clock or SystemClock()
    guard = AddressGuard(allow_private=spec.allow_private)
    if spec.rate_per_min is not None and not 1 <= spec.rate_per_min <= 6_000:
        raise InputError(
            f"channel {spec.name!r}: rate_per_min is {spec.rate_per_min}, not 1 to 6000"
        )
    windows = () if spec.rate_per_min is None else ((spec.rate_per_min, 60.0),)
    if spec.kind is ChannelKind.LOG:
        return LogSink()
    if spec.kind is ChannelKind.JSONL:
        if spec.path is None:
            raise InputError(f"channel {spec.name!r}: a jsonl channel needs the path of its file")
        return JsonLinesSink(spec.path)
    if not spec.url:
        raise InputError(f"channel {spec.name!r}: a {spec.kind} channel needs its url")
    if spec.kind is ChannelKind.WEBHOOK:
        return WebhookSink(
            spec.url, spec.secrets, clock=clock, guard=guard, windows=windows, name=spec.name
        )
    # apprise takes half a second to import: only those who send over it pay for it.
    from airpocket.live.apprise_sink import AppriseSink  # noqa: PLC0415

    return AppriseSink(spec.url, clock=clock, guard=guard, windows=windows, name=spec.name)


def open_sinks(
    specs: tuple[ChannelSpec, ...] | list[ChannelSpec], *, clock: Clock | None = None
) -> dict[str, Sink]:
    """Make the sinks of all channels, by name.

    Raises
    ------
    InputError
        If a channel cannot be used, or two have one name.
    """
    sinks: dict[str, Sink] = {}
    for spec in specs:
        if spec.name in sinks:
            raise InputError(f"two channels are called {spec.name!r}: give one another name")
        sinks[spec.name] = open_sink(spec, clock=clock)
    return sinks
