"""Between apprise and the network: the guard, the limits and the ears that apprise lacks.

apprise calls ``requests.post`` and says "yes" or "no". What a channel needs to know (status,
``Retry-After``) and must not do (follow redirects, trust proxies of the environment, connect to an
address that nobody checked, wait for ever, skip certificates) is decided here: the modules of the
services that are used are given :data:`GUARDED` under the name ``requests``. Outside of a
:class:`Passage` nothing is sent.
"""

import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import ModuleType
from typing import Any, Final, final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from airpocket.live.address_guard import Address, AddressError, AddressGuard, Place
from airpocket.live.webhook import retry_after

__all__ = ["GUARDED", "Passage", "guard_service", "hush"]

_ANSWER_MAX: Final = 65_536
_CONNECT_S: Final = 5.0
_READ_S: Final = 15.0
_TOO_MANY: Final = 429
_passage: ContextVar["Passage | None"] = ContextVar("airpocket_passage", default=None)


def _ask(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@final
class Passage:
    """One try to send over a service: what it may do, and what the service said.

    Parameters
    ----------
    guard
        Says which addresses may be connected to.
    now_ns
        Wall time, to read a ``Retry-After`` that is a date.
    amend
        Changes the JSON that a service is sent, if it must.
    ask
        How a name is looked up (blocking).
    """

    def __init__(
        self,
        guard: AddressGuard,
        now_ns: int,
        *,
        amend: Callable[[dict[str, Any]], None] | None = None,
        ask: Callable[[str, int], list[str]] = _ask,
    ) -> None:
        self._guard = guard
        self._now_ns = now_ns
        self._amend = amend
        self._ask = ask
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_over = False
        self.status: int | None = None
        self.after_s: float | None = None
        self.refusal: str | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the requests of this thread pass through here."""
        token = _passage.set(self)
        try:
            yield
        finally:
            _passage.reset(token)
            self.abandon()

    def check(self, url: str) -> None:
        """Check an address before a request.

        Raises
        ------
        requests.RequestException
            If it may not be sent to; :attr:`refusal` says why.
        """
        try:
            self._guard.check(url)
        except AddressError as error:
            self.refusal = str(error)
            raise requests.exceptions.InvalidURL(str(error)) from None

    def addresses(self, scheme: str, host: str, port: int) -> list[Address]:
        """Look a host up and give the checked addresses.

        Raises
        ------
        OSError
            If it cannot be resolved, or may not be sent to (:attr:`refusal` says why).
        """
        place = Place(scheme, host.lower(), port)
        try:
            self._guard.check_place(scheme, place.host, port)
            return self._guard.checked(place, self._ask(host, port))
        except AddressError as error:
            self.refusal = str(error)
            raise OSError(str(error)) from None

    def hold(self, connected: socket.socket) -> None:
        """Remember a connection, so that :meth:`abandon` can end it from another thread."""
        with self._lock:
            if self._is_over:
                connected.close()
                raise OSError("the time for this delivery is over")
            self._held.append(connected.dup())

    def abandon(self) -> None:
        """End what is still connected; a thread that waits there goes on at once."""
        with self._lock:
            self._is_over = True
            for connected in self._held:
                with suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)
                connected.close()
            self._held.clear()

    def amended(self, words: dict[str, Any]) -> dict[str, Any]:
        """Change the JSON of a request, where the service needs it."""
        data = words.get("data")
        if self._amend is None or not isinstance(data, str):
            return words
        told = json.loads(data)
        self._amend(told)
        return {**words, "data": json.dumps(told)}

    def heard(self, answer: requests.Response) -> None:
        """Note what an answer asks for.

        Raises
        ------
        requests.RequestException
            If it says "too many": a service would wait in its thread, we wait elsewhere.
        """
        self.status = answer.status_code
        asked = retry_after(answer.headers.get("Retry-After"), self._now_ns)
        if answer.status_code == _TOO_MANY:
            self.after_s = asked if asked is not None else _asked_in(answer)
            raise requests.RequestException("too many requests")
        if answer.headers.get("X-RateLimit-Remaining") == "0":
            asked = retry_after(answer.headers.get("X-RateLimit-Reset-After"), self._now_ns)
        self.after_s = asked


def _asked_in(answer: requests.Response) -> float | None:
    """Read ``retry_after`` in the JSON of an answer, as Telegram and Discord write it."""
    try:
        told = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    inner = told.get("parameters") if isinstance(told, dict) else None
    for part in (inner, told):
        value = part.get("retry_after") if isinstance(part, dict) else None
        if isinstance(value, int | float) and 0 <= value < 1e7:
            return float(value)
    return None


class _Pinned:
    """Connects to a checked address of its host; certificates are still those of the host."""

    host: str
    port: int
    scheme: str

    def _new_conn(self) -> socket.socket:
        passage = _passage.get()
        if passage is None:
            raise OSError("no delivery is going on")
        failure: OSError | None = None
        for address in passage.addresses(self.scheme, self.host, self.port):
            try:
                connected = create_connection((str(address), self.port), timeout=_CONNECT_S)
            except OSError as error:
                failure = error
                continue
            passage.hold(connected)
            return connected
        raise failure or OSError("no address")


@final
class _PlainConnection(_Pinned, HTTPConnection):
    scheme = "http"


@final
class _TlsConnection(_Pinned, HTTPSConnection):
    scheme = "https"


@final
class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


@final
class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


@final
class _PinnedAdapter(HTTPAdapter):
    """Connects through :class:`_Pinned`."""

    def init_poolmanager(self, *args: Any, **words: Any) -> None:
        super().init_poolmanager(*args, **words)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


@final
class _GuardedSession(requests.Session):
    """A session without redirects, proxies, endless answers and unchecked addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        for scheme in ("https://", "http://"):
            self.mount(scheme, _PinnedAdapter())

    def get_redirect_target(self, _: requests.Response) -> None:
        """Know of no redirects: even one that is not followed would be read to its end."""

    def request(self, method: Any, url: Any, *args: Any, **words: Any) -> requests.Response:
        passage = _passage.get()
        if passage is None:
            raise requests.RequestException("no delivery is going on")
        passage.check(str(url))
        words = passage.amended(words) | {
            "allow_redirects": False,
            "stream": True,
            "timeout": (_CONNECT_S, _READ_S),
            "verify": True,
            "proxies": None,
        }
        answer = super().request(method, url, *args, **words)
        try:
            answer._content = _bounded(answer)  # noqa: SLF001 - as `content` would, with a limit
            answer._content_consumed = True  # noqa: SLF001
        finally:
            answer.close()
        passage.heard(answer)
        return answer


def _bounded(answer: requests.Response) -> bytes:
    """Read an answer up to a limit; the rest is never asked for."""
    parts, room = [], _ANSWER_MAX
    while room > 0:
        part = answer.raw.read1(room, decode_content=True)
        if not part:
            break
        parts.append(part)
        room -= len(part)
    return b"".join(parts)[:_ANSWER_MAX]


@final
class _Guarded(ModuleType):
    """The module ``requests``, with guarded sessions for those who send."""

    Session = _GuardedSession

    def __init__(self) -> None:
        super().__init__("requests")

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def request(self, method: str, url: str, **words: Any) -> requests.Response:
        with _GuardedSession() as session:
            return session.request(method, url, **words)

    def get(self, url: str, params: Any = None, **words: Any) -> requests.Response:
        return self.request("GET", url, params=params, **words)

    def post(self, url: str, data: Any = None, **words: Any) -> requests.Response:
        return self.request("POST", url, data=data, **words)

    def put(self, url: str, data: Any = None, **words: Any) -> requests.Response:
        return self.request("PUT", url, data=data, **words)

    def patch(self, url: str, data: Any = None, **words: Any) -> requests.Response:
        return self.request("PATCH", url, data=data, **words)

    def delete(self, url: str, **words: Any) -> requests.Response:
        return self.request("DELETE", url, **words)

    def head(self, url: str, **words: Any) -> requests.Response:
        return self.request("HEAD", url, **words)


GUARDED: Final = _Guarded()
"""Stands for ``requests`` in the modules of apprise's services."""


def guard_service(module: str) -> bool:
    """Give a service's module, and those of its package, the guarded ``requests``.

    Parameters
    ----------
    module
        Name of the module that its class was defined in.

    Returns
    -------
    bool
        Whether it sends with ``requests`` at all.
    """
    package = sys.modules[module].__package__ or module
    family = package if package != "apprise.plugins" else module
    found = False
    for name, one in list(sys.modules.items()):
        if name != family and not name.startswith(f"{family}."):
            continue
        if getattr(one, "requests", None) in {requests, GUARDED}:
            vars(one)["requests"] = GUARDED
            found = True
    return found


class _Hushed(logging.Filter):
    """Drops what a library logs about a delivery: its lines hold addresses with tokens."""

    def __init__(self, *, always: bool) -> None:
        super().__init__()
        self._always = always

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - whatever it says
        return not (self._always or _passage.get() is not None)


_HUSHED: Final = {
    "apprise": _Hushed(always=True),
    "urllib3.connectionpool": _Hushed(always=False),
    "urllib3.connection": _Hushed(always=False),
    "urllib3.util.retry": _Hushed(always=False),
}


def hush() -> None:
    """Keep apprise's log lines, and urllib3's about its requests, out of every log."""
    for name, silent in _HUSHED.items():
        logging.getLogger(name).addFilter(silent)  # once, however often it is asked for
