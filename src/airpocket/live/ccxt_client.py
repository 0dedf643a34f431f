"""Requests sent by ccxt: names and addresses of endpoints, markets of every venue in one shape.

ccxt is imported late (seconds, a hundred megabytes) and in a thread. What airpocket adds: bodies
as received, a limit of their size, the venue's word on when to come back, and one kind of error.
No key is ever set.
"""

import asyncio
import contextvars
import importlib
import ssl
from typing import Any, Final, cast, final
from urllib.parse import urlsplit

import aiohttp

from airpocket.errors import InputError
from airpocket.live.rest_client import RestError, RestFault
from airpocket.live.sockets import retry_after_s
from airpocket.market.fields import why
from airpocket.market.rest_rules import Call

__all__ = ["BODY_BYTES_MOST", "CcxtClient", "open_client"]

BODY_BYTES_MOST: Final = 32 << 20
"""Largest body, inflated; the longest list of instruments has 2 MiB."""

_TIMEOUT_MS: Final = 10_000
_CLASSES: Final = {
    "binance": "binance",
    "bybit": "bybit",
    "okx": "okx",
    "hyperliquid": "hyperliquid",
}
_KINDS: Final = {
    "binance": ["linear", "inverse"],
    "bybit": ["linear", "inverse"],
    "okx": ["swap", "future"],
    "hyperliquid": ["swap", "hip3"],
}
_SAID_BYTES: Final = 160
_TOO_OFTEN_S: Final = 600.0  # Bybit's 403 "access too frequent": leave it alone for ten minutes
_LIMIT_CODES: Final = (b'"retCode":10006', b'"code":"50011"', b'"code":-1003')


class _Answered:
    """What came back for one question, kept beside what ccxt makes of it."""

    __slots__ = ("body", "headers", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = b""


_ANSWERED: contextvars.ContextVar[_Answered | None] = contextvars.ContextVar(
    "airpocket_rest_answered", default=None
)


class _BoundedResponse(aiohttp.ClientResponse):
    """An answer that is not read beyond :data:`BODY_BYTES_MOST`."""

    async def read(self) -> bytes:
        if self._body is None:
            parts: list[bytes] = []
            size = 0
            async for part in self.content.iter_chunked(1 << 16):
                size += len(part)
                if size > BODY_BYTES_MOST:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"more than {BODY_BYTES_MOST} bytes")
                parts.append(part)
            self._body = b"".join(parts)
        answered = _ANSWERED.get()
        if answered is not None:
            answered.status = self.status
            answered.headers = {name.lower(): value for name, value in self.headers.items()}
            answered.body = self._body
        return self._body


@final
class CcxtClient:
    """A :class:`~airpocket.live.rest_client.RestClient` over one ccxt exchange.

    Parameters
    ----------
    venue
        Venue id.
    exchange
        The ccxt object, without session and key.
    errors
        ccxt's base error.
    session
        Connections; closed by :meth:`close`.
    """

    def __init__(
        self, venue: str, exchange: Any, errors: type[Exception], session: aiohttp.ClientSession
    ) -> None:
        self._venue = venue
        self._exchange = exchange
        self._errors = errors
        self._session = session
        exchange.session = session
        exchange.own_session = False
        exchange.enableRateLimit = False  # our budget knows the weights, and lets bursts through
        exchange.timeout = _TIMEOUT_MS
        exchange.timeout_on_exit = 0
        exchange.options["fetchMarkets"] = {"types": _KINDS[venue]}
        self._unread: list[str] = []
        self._parse_market = exchange.parse_market
        exchange.parse_market = self._market

    async def get(self, call: Call) -> bytes:
        """Send a request once and give the body as received."""
        endpoint = getattr(self._exchange, call.endpoint)
        _, body = await self._answer(call.endpoint, endpoint(dict(call.params)))
        return body

    async def markets(self) -> tuple[list[Any], list[str]]:
        """Ask what the venue lists; a row that ccxt stumbles over does not spoil the others."""
        self._unread = []
        markets, _ = await self._answer("markets", self._exchange.fetch_markets())
        if not isinstance(markets, list):
            raise RestError(RestFault.UNREADABLE, f"{self._venue}: no list of markets")
        self._exchange.set_markets([row for row in markets if _is_named(row)])
        return markets, self._unread

    async def funding(self) -> list[Any]:
        """Ask for funding rates."""
        rates, _ = await self._answer("funding rates", self._exchange.fetch_funding_rates())
        return list(rates.values()) if isinstance(rates, dict) else []

    async def tiers(self, symbol: str) -> list[Any]:
        """Ask for margin tiers."""
        asked = self._exchange.fetch_market_leverage_tiers(symbol)
        tiers, _ = await self._answer(f"tiers of {symbol}", asked)
        return list(tiers) if isinstance(tiers, list) else []

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()
        await self._session.close()
        await asyncio.sleep(0)  # lets transports say goodbye

    def _market(self, row: Any) -> Any:
        try:
            return self._parse_market(row)
        except Exception as error:  # noqa: BLE001 - whatever a hostile row does to ccxt
            self._unread.append(f"{self._venue} instrument cannot be read: {why(error)}")
            return None

    async def _answer(self, name: str, asked: Any) -> tuple[Any, bytes]:
        """Await a question to ccxt; everything that goes wrong becomes one error."""
        answered = _Answered()
        token = _ANSWERED.set(answered)
        try:
            return await asked, answered.body
        except (asyncio.CancelledError, RestError):
            raise
        except self._errors as error:
            raise self._said(name, error, answered) from error
        except Exception as error:  # a hostile answer makes ccxt raise anything
            raise RestError(
                RestFault.UNREADABLE,
                f"{self._venue} {name}: the answer cannot be read ({type(error).__name__})",
                status=answered.status,
            ) from error
        finally:
            _ANSWERED.reset(token)

    def _said(self, name: str, error: Exception, answered: _Answered) -> RestError:
        status = answered.status
        if status is None:
            return self._unreached(name, error)
        said = " ".join(answered.body[:_SAID_BYTES].decode("utf-8", "replace").split())
        message = f"{self._venue} {name}: HTTP {status}, {said!a}"
        pause_s = retry_after_s(answered.headers.get("retry-after"))
        body = answered.body[:512].replace(b" ", b"")
        if status == 403 and b"frequent" in body.lower():
            fault, pause_s = RestFault.LIMITED, max(pause_s or 0.0, _TOO_OFTEN_S)
        elif status in {418, 429} or any(code in body for code in _LIMIT_CODES):
            fault = RestFault.LIMITED
        elif status in {401, 403, 451}:
            fault = RestFault.BLOCKED
        elif status >= 500 or status == 408:
            fault = RestFault.UNAVAILABLE
        else:
            fault = RestFault.REFUSED
        return RestError(fault, message, status=status, retry_after_s=pause_s)

    def _unreached(self, name: str, error: Exception) -> RestError:
        cause = error.__cause__
        where = f"{self._venue} {name}"
        if isinstance(
            cause, (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch)
        ):
            return RestError(
                RestFault.TLS, f"{where}: the certificate is not to be trusted: {cause}"
            )
        if isinstance(cause, aiohttp.ClientPayloadError):
            return RestError(RestFault.UNREADABLE, f"{where}: {cause}")
        reason = why(cause) if cause is not None and str(cause) else type(error).__name__
        return RestError(RestFault.UNAVAILABLE, f"{where}: no answer ({reason})")


async def open_client(
    venue: str, *, url: str | None = None, trust: ssl.SSLContext | None = None
) -> CcxtClient:
    """Import ccxt and make a client of a venue.

    Parameters
    ----------
    venue
        Venue id.
    url
        Another scheme and host for all of its endpoints.
    trust
        Certificates to trust instead of the system's; always verified.

    Raises
    ------
    InputError
        If ``url`` cannot be an address: ``https``, or ``http`` on this machine.
    """
    base = None if url is None else _address(url)
    loop = asyncio.get_running_loop()
    exchange, errors = await loop.run_in_executor(None, _make, venue, base)
    connector = aiohttp.TCPConnector(ssl=True if trust is None else trust, limit_per_host=8)
    session = aiohttp.ClientSession(connector=connector, response_class=_BoundedResponse)
    return CcxtClient(venue, exchange, errors, session)


def _make(venue: str, base: str | None) -> tuple[Any, type[Exception]]:
    module = importlib.import_module("ccxt.async_support")
    exchange = getattr(module, _CLASSES[venue])()
    if base is not None:
        exchange.urls["api"] = _redirected(exchange.urls["api"], base, exchange.hostname or "")
    return exchange, cast("type[Exception]", module.BaseError)


def _redirected(urls: Any, base: str, hostname: str) -> Any:
    """Put another scheme and host into every address, whatever the shape they lie in."""
    if isinstance(urls, dict):
        return {name: _redirected(one, base, hostname) for name, one in urls.items()}
    if isinstance(urls, str):
        return base + urlsplit(urls.replace("{hostname}", hostname)).path
    return urls


def _address(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme not in ({"https", "http"} if is_here else {"https"}) or not parts.hostname:
        raise InputError(f"rest_url {url!r}: give https://…, or http:// on this machine")
    if parts.username is not None or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise InputError(f"rest_url {url!r}: give scheme, host and port, nothing else")
    return f"{parts.scheme}://{parts.netloc}"


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("symbol"), str) and "id" in row
