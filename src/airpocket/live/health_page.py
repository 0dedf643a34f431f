"""Figures and health over HTTP, for this machine only.

``/health`` says in JSON what is seen, kept and delivered; ``/ready`` whether that is enough to
rely on (200 or 503); ``/metrics`` is for Prometheus. Nothing can be changed through it. There are
no keys yet, so it is bound to loopback, and a request must name this machine too: a web page in a
browser that runs here cannot read it under a name of its own (DNS rebinding).
"""

import asyncio
import errno
import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import msgspec
from aiohttp import web

from airpocket.errors import InputError
from airpocket.live.metrics import CONTENT_TYPE, Metrics
from airpocket.live.view import ChannelView, Overall, VenueView, WatchView, overall, venue_state
from airpocket.units import SECOND_NS, iso

__all__ = ["HealthPage", "health_json", "is_loopback", "is_ready"]

_IDLE_S: Final = 10.0
_ANSWER_S: Final = 5.0
_STOP_S: Final = 1.0
_CONNECTIONS_MOST: Final = 32
_HEAD_BYTES_MOST: Final = 8_190
_TEXT_MOST: Final = 300
_OURS: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOG: Final = logging.getLogger(__name__)
# What is wrong with a stranger's request is his affair, and his bytes do not belong into a log.
_SILENT: Final = logging.getLogger(f"{__name__}.protocol")
_SILENT.setLevel(logging.CRITICAL + 1)


@final
class HealthPage:
    """A small HTTP server on loopback.

    Parameters
    ----------
    metrics
        What ``/metrics`` tells.
    view
        Gives the picture of the moment, which ``/health`` and ``/ready`` tell; it must be quick.
    host, port
        Where to listen; port 0 lets the system choose (:attr:`port` says which).

    Raises
    ------
    InputError
        If the host can be reached from other machines.

    Examples
    --------
    It needs a running loop::

        page = HealthPage(metrics, pipeline.view, port=9464)
        await page.start()
        …
        await page.stop()
    """

    def __init__(
        self,
        metrics: Metrics,
        view: Callable[[], WatchView],
        *,
        host: str = "127.0.0.1",
        port: int = 9_464,
    ) -> None:
        if not is_loopback(host):
            raise InputError(
                f"server host {host!a} can be reached from other machines, and there are no keys"
                " yet: use 127.0.0.1"
            )
        self._metrics = metrics
        self._view = view
        self._host = "127.0.0.1" if host == "localhost" else host.strip("[]")
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._server: web.Server | None = None
        self._pages: Mapping[str, Callable[[], web.Response]] = {
            "/health": self._health,
            "/metrics": self._figures,
            "/ready": self._ready,
        }

    @property
    def port(self) -> int:
        """Port that is listened on."""
        return self._port

    async def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        InputError
            If the port is taken, or may not be used.
        """
        self._server = web.Server(
            self._answer, request_factory=_without_banner, access_log=None, logger=_SILENT,
            keepalive_timeout=_IDLE_S, max_line_size=_HEAD_BYTES_MOST, lingering_time=0.0,
            max_field_size=_HEAD_BYTES_MOST, handler_cancellation=True,
        )  # fmt: skip
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_STOP_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self.stop()
            raise InputError(f"server: {self._refusal(error)}") from error
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more; answers under way have a second."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _refusal(self, error: Exception) -> str:
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            return (
                f"port {self._port} of {self._host} is taken (another airpocket?): set another port"
            )
        if number == errno.EACCES:
            return f"port {self._port} may not be used by this user: set one above 1023"
        said = getattr(error, "strerror", None) or error
        return f"cannot listen on port {self._port} of {self._host} ({said}): set another"

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = self._page(request)
        except Exception:  # noqa: BLE001 - a fault of ours is logged, and never told
            _LOG.exception("a page failed")
            response = _text(500, "internal error")
        try:
            async with asyncio.timeout(_ANSWER_S):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:  # the client does not read
            if request.transport is not None:
                request.transport.abort()
        return response

    def _page(self, request: web.BaseRequest) -> web.Response:
        if self._server is not None and len(self._server.connections) > _CONNECTIONS_MOST:
            refused = _text(503, "too many connections")
            refused.force_close()
            return refused
        if not _is_ours(request.headers.getall("Host", [])):
            return _text(421, "not served under this name")
        page = self._pages.get(request.path)
        if page is None:
            return _text(404, "there is no such page: /health, /ready, /metrics")
        if request.method not in {"GET", "HEAD"}:
            return _text(405, "pages can only be read", Allow="GET, HEAD")
        return page()

    def _health(self) -> web.Response:
        return _json(200, health_json(self._view()))

    def _ready(self) -> web.Response:
        view = self._view()
        ready = is_ready(view)
        told = {"ready": ready, "overall": overall(view).value, "time": iso(view.now_ns)}
        return _json(200 if ready else 503, told)

    def _figures(self) -> web.Response:
        headers = {**_HEADERS, "Content-Type": CONTENT_TYPE}
        return web.Response(body=self._metrics.rendered(), headers=headers)


def is_loopback(host: str) -> bool:
    """Tell whether an address is this machine and nothing else.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("a.io")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_ready(view: WatchView) -> bool:
    """Tell whether something is seen and kept: at least one channel is up, and the tape writes."""
    return overall(view) in {Overall.OK, Overall.DEGRADED} and any(
        one.state is not None and one.state.value in {"live", "throttled"}
        for venue in view.venues
        for one in venue.channels
    )


def health_json(view: WatchView) -> dict[str, Any]:
    """Tell a picture as JSON: times in ISO 8601, ages in seconds, what is not known as null.

    Examples
    --------
    >>> health_json(WatchView(now_ns=10**18, started_ns=10**18))["overall"]
    'starting'
    """
    tape, outbox = view.tape, view.outbox
    return {
        "overall": overall(view).value,
        "time": iso(view.now_ns),
        "up_s": _age(view.now_ns, view.started_ns),
        "venues": {_safe(one.venue): _venue_json(view, one) for one in view.venues},
        "store": {
            "writing": tape.fault is None,
            "fault": None if tape.fault is None else _safe(tape.fault),
            "pending_bytes": tape.pending_bytes,
            "last_commit_age_s": _age(view.now_ns, tape.committed_ns),
        },
        "detector": {"lag_s": view.lag_s},
        "outbox": {
            "pending": outbox.pending,
            "oldest_age_s": _age(view.now_ns, outbox.oldest_ns),
            "failing": [_safe(name) for name, _ in outbox.failing],
            "fault": None if outbox.fault is None else _safe(outbox.fault),
        },
    }


def _venue_json(view: WatchView, venue: VenueView) -> dict[str, Any]:
    state = venue_state(venue)
    return {
        "state": None if state is None else state.value,
        "last_frame_age_s": _age(view.now_ns, venue.last_frame_ns),
        "frames_per_s": venue.frames_per_s,
        "gaps_open": venue.gaps_open,
        "channels": {_safe(one.channel): _channel_json(view, one) for one in venue.channels},
    }


def _channel_json(view: WatchView, channel: ChannelView) -> dict[str, Any]:
    return {
        "state": None if channel.state is None else channel.state.value,
        "reason": _safe(channel.reason),
        "since": None if channel.since_ns is None else iso(channel.since_ns),
        "coverage": None if channel.coverage is None else channel.coverage.value,
        "last_event_age_s": _age(view.now_ns, channel.last_event_ns),
        "gaps_open": channel.gaps_open,
    }


def _age(now_ns: int, then_ns: int | None) -> float | None:
    return None if then_ns is None else round((now_ns - then_ns) / SECOND_NS, 3)


def _safe(text: str) -> str:
    """Show a text on one line, without control codes, not too long."""
    cut = text if len(text) <= _TEXT_MOST else f"{text[: _TEXT_MOST - 1]}…"
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in cut)


def _is_ours(hosts: list[str]) -> bool:
    """Tell whether a request names this machine, whatever the port (it may be forwarded)."""
    return len(hosts) == 1 and _OURS.fullmatch(hosts[0]) is not None


def _json(status: int, told: dict[str, Any]) -> web.Response:
    headers = {**_HEADERS, "Content-Type": "application/json"}
    return web.Response(status=status, body=msgspec.json.encode(told) + b"\n", headers=headers)


def _text(status: int, said: str, **headers: str) -> web.Response:
    told = {**_HEADERS, "Content-Type": "text/plain; charset=utf-8", **headers}
    return web.Response(status=status, body=f"{said}\n".encode(), headers=told)


class _Request(web.BaseRequest):
    """A request whose answer does not name the server's software, not even if it was nonsense."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


def _without_banner(
    message: Any, payload: Any, protocol: Any, writer: Any, task: "asyncio.Task[None]"
) -> web.BaseRequest:
    return _Request(message, payload, protocol, writer, task, asyncio.get_running_loop())
