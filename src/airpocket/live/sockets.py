"""Websockets over aiohttp: the one place of the feeds that opens a connection.

Certificates are always verified, and there is no switch that turns this off. Frames come as bytes:
text that is no UTF-8 is a bad frame of the venue, not the end of a connection.
"""

import asyncio
import socket
import ssl
from typing import Final, final

import aiohttp

from airpocket.errors import InputError
from airpocket.live.transport import ClosedError, ConnectError, ConnectFault, Connection

__all__ = ["HANDSHAKE_S", "AiohttpTransport", "retry_after_s"]

HANDSHAKE_S: Final = 10.0
"""Longest wait for name, connection, certificate and upgrade together."""

_CLOSE_S: Final = 1.0
_SEND_S: Final = 10.0


def retry_after_s(value: str | None) -> float | None:
    """Read a ``Retry-After`` header given in seconds; ``None`` if there is none to be used.

    Examples
    --------
    >>> retry_after_s("30"), retry_after_s("soon"), retry_after_s("-1")
    (30.0, None, None)
    """
    if value is None or len(value) > 8 or not value.strip().isascii():
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e7 else None


@final
class AiohttpTransport:
    """Opens websockets with one session for all feeds.

    Parameters
    ----------
    trust
        Other certificates to trust, for a proxy of one's own; ``None``: those of the system.

    Raises
    ------
    InputError
        If ``trust`` does not verify certificates and host names.
    """

    def __init__(self, *, trust: ssl.SSLContext | None = None) -> None:
        if trust is not None and not (
            trust.check_hostname and trust.verify_mode & ssl.CERT_REQUIRED
        ):
            raise InputError(
                "trust: this TLS context does not verify certificates: use one that does"
            )
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        """Open a websocket.

        Raises
        ------
        ConnectError
            Saying what failed: name, connection, certificate, time or HTTP status.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=HANDSHAKE_S),
            )
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                opened = await self._session.ws_connect(
                    url,
                    autoclose=True,
                    autoping=True,
                    compress=0,
                    max_msg_size=frame_bytes_most + 1,  # aiohttp refuses from this size on
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                    ssl=True if self._trust is None else self._trust,
                )
        except TimeoutError as error:
            said = f"{url}: timed out, no websocket within {HANDSHAKE_S:g} s"
            raise ConnectError(ConnectFault.TIMEOUT, said) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _told(url, error) from error
        return _Socket(opened, frame_bytes_most)

    async def close(self) -> None:
        """Close the session with all its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@final
class _Socket:
    """One websocket."""

    def __init__(
        self, opened: "aiohttp.ClientWebSocketResponse[bool]", frame_bytes_most: int
    ) -> None:
        self._opened = opened
        self._frame_bytes_most = frame_bytes_most

    async def send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._opened.send_frame(data, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError, RuntimeError, TimeoutError) as error:
            raise ClosedError(f"cannot send: {error or type(error).__name__}") from error

    async def receive(self) -> bytes:
        message = await self._opened.receive()
        kind = message.type
        if kind in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            data: bytes = message.data
            return data
        if kind is aiohttp.WSMsgType.ERROR:
            code = self._opened.close_code
            if code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                said = f"a frame is larger than {self._frame_bytes_most:,} bytes"
                raise ClosedError(said, code=code)
            raise ClosedError(f"closed, broken off: {message.data}", code=code)
        raise ClosedError(_why(self._opened.close_code), code=self._opened.close_code)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._opened.close()
        except (TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
            pass


def _why(code: int | None) -> str:
    if code is None or code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE:
        return "closed without a word (1006)"
    return f"closed by the venue with {code}"


def _told(url: str, error: Exception) -> ConnectError:
    """Say in one sentence why there is no connection."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        said = None if error.headers is None else error.headers.get("Retry-After")
        return ConnectError(
            ConnectFault.STATUS,
            f"{url}: the server answers {error.status} instead of a websocket",
            status=error.status,
            retry_after_s=retry_after_s(said),
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return ConnectError(ConnectFault.DNS, f"{url}: its name is not known (DNS)")
    if isinstance(error, aiohttp.ClientSSLError):
        reason = str(error.__cause__ or error)[:200]
        return ConnectError(
            ConnectFault.TLS, f"{url}: its certificate cannot be trusted ({reason})"
        )
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionError):
        reason = getattr(error, "strerror", None) or str(error)
        return ConnectError(ConnectFault.REFUSED, f"{url}: no connection ({reason[:200]})")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return ConnectError(ConnectFault.ADDRESS, f"{url!r} is not an address of a websocket")
    reason = str(error)[:200] or type(error).__name__
    return ConnectError(ConnectFault.REFUSED, f"{url}: no connection ({reason})")
