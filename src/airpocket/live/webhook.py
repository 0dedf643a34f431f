"""Signed webhooks, as the Standard Webhooks specification describes them.

Every try carries ``webhook-id`` (the same for every try: a receiver that has seen it may drop the
message), ``webhook-timestamp`` (of this try) and ``webhook-signature``: ``v1,`` and the base64 of
HMAC-SHA256 over ``id.timestamp.body``, one a secret, so that a secret can be changed without a
message that only the old or only the new one opens. ``examples/receive_webhook.py`` verifies them.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ssl
from email.utils import parsedate_to_datetime
from typing import Final, final

import aiohttp
import msgspec
from yarl import URL

from airpocket.alerts.render import as_json
from airpocket.errors import FactsOnlyError, InputError
from airpocket.live.address_guard import AddressError, AddressGuard, PinnedResolver
from airpocket.live.channel import DELIVERED, Delivery, Outcome, Outgoing, Secret
from airpocket.live.clock import Clock
from airpocket.live.sockets import retry_after_s
from airpocket.units import SECOND_NS

__all__ = ["TIMEOUT_S", "WebhookSink", "judge", "key_of", "retry_after", "sign"]

TIMEOUT_S: Final = 20.0
"""Longest wait for name, connection, certificate and the head of the answer together."""

_PREFIX: Final = "whsec_"
_AGENT: Final = "airpocket"
# About this one message, not about the receiver's state.
_ABOUT_THE_MESSAGE: Final = frozenset({400, 413, 415, 422})


def key_of(secret: Secret, field: str = "secrets") -> bytes:
    """Read the key of a signing secret.

    Parameters
    ----------
    secret
        ``whsec_`` and the base64 of 24 to 64 bytes.
    field
        What to call it in the error.

    Raises
    ------
    InputError
        If it is anything else; the message does not show it.
    """
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError(
            f"{field}: a webhook's secret is {_PREFIX} and the base64 of 24 to 64 random bytes"
            f" (echo {_PREFIX}$(openssl rand -base64 32))"
        )
    return key


def sign(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Sign one try.

    Examples
    --------
    >>> sign(b"0" * 24, "msg_1", 1_760_130_903, b"{}")
    'v1,lI7DwjWoMFfGuOpDOyHXd7P7PWMwoUPBu7iX87MUzfA='
    """
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def retry_after(value: str | None, now_ns: int) -> float | None:
    """Read a ``Retry-After`` header, in seconds or as a date; ``None`` if it says neither.

    Examples
    --------
    >>> retry_after("7", 0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 0), retry_after("?", 0)
    (7.0, 60.0, None)
    """
    seconds = retry_after_s(value)
    if seconds is not None or value is None or len(value) > 40:
        return seconds
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, moment - now_ns / SECOND_NS)


def judge(status: int, after_s: float | None = None) -> Delivery:
    """Say what the status of an answer means.

    Parameters
    ----------
    status
        HTTP status; redirects are not followed, so they are failures.
    after_s
        ``Retry-After`` in seconds, if it was there.
    """
    if 200 <= status < 300:
        return DELIVERED
    said = f"the receiver answers {status}"
    if 300 <= status < 400:
        return Delivery(Outcome.RETRY, f"{said}: redirects are not followed", after_s)
    if status == 410:
        return Delivery(Outcome.GONE, f"{said}: it wants nothing more")
    outcome = Outcome.REFUSED if status in _ABOUT_THE_MESSAGE else Outcome.RETRY
    return Delivery(outcome, said, after_s)


@final
class WebhookSink:
    """Posts alerts as JSON, signed.

    Parameters
    ----------
    url
        Where to.
    secrets
        Signing secrets, at least one.
    clock
        For the timestamp.
    guard
        Says which addresses may be connected to.
    windows
        Rates that the receiver bears; any, if none is given.
    name
        Of the channel, for error messages.
    timeout_s
        Longest wait for an answer's head.
    trust
        Other certificates to trust, for a receiver of one's own; ``None``: those of the system.

    Raises
    ------
    InputError
        If a secret or the address cannot be used, or ``trust`` verifies nothing.
    """

    def __init__(
        self,
        url: Secret,
        secrets: tuple[Secret, ...],
        *,
        clock: Clock,
        guard: AddressGuard,
        windows: tuple[tuple[int, float], ...] = (),
        name: str = "webhook",
        timeout_s: float = TIMEOUT_S,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        if not secrets:
            raise InputError(f"channel {name!r}: a webhook is signed: give it secrets")
        if trust is not None and not (
            trust.check_hostname and trust.verify_mode & ssl.CERT_REQUIRED
        ):
            raise InputError(
                f"channel {name!r}: trust does not verify certificates: use one that does"
            )
        self.windows = windows
        self._timeout_s = timeout_s
        self._trust = trust
        self._keys = [key_of(one, f"channel {name!r}, secrets") for one in secrets]
        try:
            guard.check(url.reveal())
        except AddressError as error:
            raise AddressError(f"channel {name!r}: {error}") from None
        self._url = url
        self._clock = clock
        self._guard = guard
        self._told = "", b""

    async def send(self, due: Outgoing) -> Delivery:
        """Post one alert."""
        if self._told[0] != due.message_id:  # a retry says what was said, byte by byte
            try:
                self._told = due.message_id, msgspec.json.encode(as_json(due.alert))
            except FactsOnlyError as error:
                return Delivery(Outcome.REFUSED, str(error))
        body = self._told[1]
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(due.message_id, body)
        except TimeoutError:
            return Delivery(Outcome.RETRY, f"no answer within {self._timeout_s:g} s")
        except AddressError as error:
            return Delivery(Outcome.RETRY, str(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Delivery(Outcome.RETRY, _told(error))

    async def _post(self, message_id: str, body: bytes) -> Delivery:
        place = self._guard.check(self._url.reveal())
        # A connection for one message: its name is looked up anew, and nothing is shared.
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(self._guard, place), use_dns_cache=False, force_close=True
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            ) as session,
            session.post(
                URL(self._url.reveal()),
                data=body,
                headers=self._headers(message_id, body),
                allow_redirects=False,
                ssl=True if self._trust is None else self._trust,
            ) as answer,
        ):
            asked = retry_after(answer.headers.get("Retry-After"), self._clock.wall_ns())
            # The answer's body is not read: nobody needs it, and it could be endless.
            answer.close()
            return judge(answer.status, asked)

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp_s = self._clock.wall_ns() // SECOND_NS
        signatures = [sign(key, message_id, timestamp_s, body) for key in self._keys]
        return {
            "content-type": "application/json",
            "user-agent": _AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": " ".join(signatures),
        }

    async def close(self) -> None:
        """Nothing is held between messages."""


def _told(error: Exception) -> str:
    """Say what failed in our own words: an error's own text may hold the address."""
    for kind, said in (
        (aiohttp.ClientConnectorDNSError, "the receiver's name cannot be resolved"),
        (aiohttp.ClientSSLError, "the receiver's certificate cannot be trusted"),
        (aiohttp.ClientConnectorError, "no connection to the receiver"),
        (aiohttp.ServerDisconnectedError, "the receiver hung up before it answered"),
        (ConnectionError, "the connection was reset before the answer"),
        (aiohttp.ClientOSError, "the connection broke before the answer"),
        (aiohttp.ClientPayloadError, "the answer broke off"),
    ):
        if isinstance(error, kind):
            return said
    return f"the delivery failed ({type(error).__name__})"
