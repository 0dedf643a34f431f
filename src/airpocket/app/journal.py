"""What the program says while it runs: one line an event on stderr, and never a secret in it.

People get plain lines, machines one JSON object a line. Symbols and answers of servers are text
that strangers chose: control characters are shown by their codes, so an event is one line whatever
is in it. Secrets are replaced wherever they turn up, in messages of libraries and tracebacks too.
"""

import contextlib
import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, Self, TextIO, final
from urllib.parse import unquote, urlsplit

import structlog

from airpocket.app.printing import plain
from airpocket.app.settings import LogSettings

__all__ = ["HIDDEN", "Journal", "Mask"]

HIDDEN: Final = "[hidden]"

_SECRET_LEAST: Final = 6  # shorter parts of an address are ordinary words
_TEXT_MOST: Final = 2_000
_TRACE_MOST: Final = 16_000
_DEPTH_MOST: Final = 6
_OWN: Final = ("timestamp", "level", "event", "exception")
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# Words of addresses that hide nothing, and would hide too much.
_ORDINARY: Final = frozenset({"services", "webhooks", "webhook", "notify", "discord", "format"})


@final
class Mask:
    """Takes secrets out of text.

    Of an address the parts are secrets too (a token in its path or query), since libraries quote
    parts; the host of an ``https`` address is not.

    Parameters
    ----------
    secrets
        The values, in clear.

    Examples
    --------
    >>> Mask(["https://hooks.example.org/T01/s3cr3t-t0ken"])("POST /T01/s3cr3t-t0ken failed")
    'POST /T01/[hidden] failed'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        parts = {part for secret in secrets for part in _parts(secret)}
        self._parts = sorted(parts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give the text without secrets."""
        for part in self._parts:
            if part in text:
                text = text.replace(part, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Mask({len(self._parts)} hidden)"


def _parts(secret: str) -> Iterable[str]:
    if not secret:
        return
    yield secret
    yield unquote(secret)
    bare = secret.removeprefix("whsec_")
    pieces = {bare}
    if "://" in secret:
        _, _, rest = secret.partition("://")
        with contextlib.suppress(ValueError):
            if urlsplit(secret).scheme in {"http", "https", "json", "jsons"}:
                place, _, after = rest.partition("/")
                rest = f"{place.rpartition('@')[0]}/{after}"
        pieces = set(re.split(r"[/?&=@:#,]", rest))
    for piece in pieces:
        if len(piece) >= _SECRET_LEAST and piece.lower() not in _ORDINARY:
            yield piece
            yield unquote(piece)


@final
class Journal:
    """Sets logging up for the length of a ``with`` block; afterwards all is as it was.

    Modules log with ``structlog.get_logger()``; what libraries say through ``logging`` comes out
    the same way, from warnings on.

    Parameters
    ----------
    log
        Section ``[log]`` of the settings.
    secrets
        Values that may not appear.
    stream
        Where to; stderr by default.

    Examples
    --------
    >>> import io
    >>> told = io.StringIO()
    >>> with Journal(LogSettings(), secrets=["hunter22"], stream=told):
    ...     structlog.get_logger().info("connected", url="wss://x/hunter22")
    >>> json.loads(told.getvalue())["url"]
    'wss://x/[hidden]'
    """

    def __init__(
        self, log: LogSettings, *, secrets: Iterable[str] = (), stream: TextIO | None = None
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._level = _LEVELS[log.level.value]
        self._as_json = not self._stream.isatty() if log.as_json is None else log.as_json
        self._mask = Mask(secrets)
        self._handler: logging.Handler = _Forwarder()
        self._before: tuple[list[logging.Handler], int] = ([], logging.WARNING)

    def __enter__(self) -> Self:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                self._masked,
                self._line,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            logger_factory=structlog.WriteLoggerFactory(self._stream),
            cache_logger_on_first_use=False,
        )
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level)
        root.handlers[:] = [self._handler]
        root.setLevel(max(self._level, logging.WARNING))
        logging.captureWarnings(capture=True)
        self._excepthook = sys.excepthook
        sys.excepthook = self._uncaught
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        root = logging.getLogger()
        root.handlers[:], level = self._before
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        if kind is None:
            # An error on its way out is still told by the hook, or its text would be bare.
            sys.excepthook = self._excepthook

    @property
    def mask(self) -> Mask:
        """For what is printed elsewhere."""
        return self._mask

    def _masked(self, _: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        trace = event.pop("exception", None)
        told = {
            key if key in _OWN else _short(self._mask(str(key))): self._told(value)
            for key, value in event.items()
        }
        if trace is not None:
            told["exception"] = self._mask(str(trace))[-_TRACE_MOST:]  # its end says what happened
        return told

    def _line(self, _: Any, __: str, event: MutableMapping[str, Any]) -> str:
        return _json_line(event) if self._as_json else _plain_line(event)

    def _told(self, value: Any, depth: int = 0) -> Any:
        """Make of any value what JSON can hold, short and without secrets."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) < 2**63 else _short(str(value)[:40])
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, Mapping) and depth < _DEPTH_MOST:
            return {
                _short(self._mask(str(key))): self._told(part, depth + 1)
                for key, part in list(value.items())[:100]
            }
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH_MOST:
            return [self._told(part, depth + 1) for part in list(value)[:100]]
        if isinstance(value, bytes):
            value = value[:_TEXT_MOST].decode("utf-8", "backslashreplace")
        return _short(self._mask(str(value)))

    def _uncaught(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        for row in self._mask(text).splitlines():
            self._stream.write(f"{plain(row)}\n")


@final
class _Forwarder(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            said = str(record.msg)  # a library whose arguments do not fit its format
        log = structlog.get_logger()
        level = "error" if record.levelno >= logging.ERROR else "warning"
        if record.levelno < logging.WARNING:
            level = "info" if record.levelno >= logging.INFO else "debug"
        getattr(log, level)(said, logger=record.name, exc_info=record.exc_info)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_MOST else f"{text[:_TEXT_MOST]}… ({len(text):,} characters)"


def _json_line(event: Mapping[str, Any]) -> str:
    first = {key: event[key] for key in _OWN[:3] if key in event}
    return json.dumps({**first, **event}, allow_nan=False).replace("\x7f", "\\u007f")


def _plain_line(event: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in event.items() if key not in _OWN}
    told = "  ".join(f"{plain(key)}={_value(value)}" for key, value in rest.items())
    line = f"{event['timestamp']} {event['level']:<7} {plain(str(event['event']))}"
    rows = [f"{line}  {told}" if told else line]
    # Rows of a traceback cannot be taken for an event: those begin with a time.
    rows += [f"  | {plain(row)}" for row in str(event.get("exception") or "").splitlines()]
    return "\n".join(rows)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
    shown = plain(text)
    return json.dumps(shown, ensure_ascii=False) if " " in shown or not shown else shown
