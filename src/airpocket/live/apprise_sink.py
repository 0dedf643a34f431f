"""Telegram, Discord, Slack, e-mail, ntfy and the other services that apprise speaks.

apprise shapes the message of a service, and is held on a leash for the rest
(:mod:`airpocket.live.apprise_http`). What a service gets is one message to one receiver: a channel
with several receivers could reach some and not others, and would then tell those twice.

What is pinned and what is not: services over HTTP connect to the very address that was checked.
E-mail is spoken by ``smtplib``, which looks names up by itself: the server's address is checked
before every message, and could change in the instant between. Other protocols are refused.
"""

import asyncio
import difflib
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, final

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.common import OverflowMode, PersistentStoreMode
from apprise.manager_plugins import NotificationManager
from apprise.plugins import NotifyBase
from msgspec import Struct

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.linter import require_facts_only
from airpocket.alerts.render import as_html, as_markdown, headline
from airpocket.errors import FactsOnlyError, InputError
from airpocket.live.address_guard import AddressError, AddressGuard, Place, look_up
from airpocket.live.apprise_http import Passage, guard_service, hush
from airpocket.live.channel import Delivery, Outcome, Outgoing, Secret
from airpocket.live.clock import Clock
from airpocket.live.webhook import TIMEOUT_S, judge

__all__ = ["AppriseSink", "require_service"]

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]{1,20})://", re.IGNORECASE)
_MAIL: Final = "apprise.plugins.email.base"
# A deleted webhook answers so; who goes on asking is banned.
_GONE: Final = frozenset({("discord", 404)})
# Windows that a service bears where none is configured: (at most, within seconds).
_WINDOWS: Final[dict[str, tuple[tuple[int, float], ...]]] = {
    "tgram": ((1, 1.0), (20, 60.0)),
    "discord": ((5, 2.5), (30, 60.0)),
    "slack": ((1, 1.0),),
}
_ANY: Final = ((1, 1.0), (30, 60.0))


def _html(alert: InformationalAlert) -> str:
    # Readers of HTML take a line's end for a space.
    return as_html(alert).replace("\n", "<br/>\n")


class _Form(Struct, frozen=True):
    """How a service is told: what renders the body, in which format."""

    render: Callable[[InformationalAlert], str]
    format: NotifyFormat
    has_subject: bool = False


_BRIEF: Final = _Form(headline, NotifyFormat.TEXT)
_FORMS: Final = {
    "tgram": _Form(_html, NotifyFormat.HTML),
    "mailto": _Form(_html, NotifyFormat.HTML, has_subject=True),
    "mailtos": _Form(_html, NotifyFormat.HTML, has_subject=True),
    "discord": _Form(as_markdown, NotifyFormat.MARKDOWN),
}


@final
class AppriseSink:
    """Sends alerts over one service of apprise's to one receiver.

    Parameters
    ----------
    url
        apprise's URL of the service. It holds tokens.
    clock
        To read a ``Retry-After`` that is a date.
    guard
        Says which addresses may be connected to.
    windows
        Rates in place of the service's own.
    name
        Of the channel, for error messages.

    Raises
    ------
    InputError
        If apprise does not know the service, or it cannot be used here.
    """

    def __init__(
        self,
        url: Secret,
        *,
        clock: Clock,
        guard: AddressGuard,
        windows: tuple[tuple[int, float], ...] = (),
        name: str = "apprise",
    ) -> None:
        hush()
        self._clock = clock
        self._guard = guard
        self._service = _service_of(url, name)
        self._scheme = str(self._service.schema)
        self._is_mail = type(self._service).__module__ == _MAIL
        if not guard_service(type(self._service).__module__) and not self._is_mail:
            raise InputError(
                f"channel {name!r}: {self._scheme} is not spoken over HTTP, and cannot be kept from"
                " addresses inside your network: use another service"
            )
        self._check_server(name)
        self.windows = windows or _WINDOWS.get(self._scheme, _ANY)
        self._thread = ThreadPoolExecutor(1, f"airpocket-{self._scheme}")

    def _check_server(self, name: str) -> None:
        """Check what can be checked of the address before anything is sent."""
        if self._is_mail:
            try:
                self._guard.check_place("https", self._mail_server().host, None)
            except AddressError as error:
                raise AddressError(f"channel {name!r}: {error}") from None

    def _mail_server(self) -> Place:
        service: Any = self._service
        return Place("smtp", str(service.smtp_host), int(service.port))

    async def send(self, due: Outgoing) -> Delivery:
        """Send one alert."""
        form = _FORMS.get(self._scheme, _BRIEF)
        try:
            body = form.render(due.alert)
            subject = headline(due.alert) if form.has_subject else ""
            require_facts_only([subject, body])
        except FactsOnlyError as error:
            return Delivery(Outcome.REFUSED, str(error))
        passage = Passage(self._guard, self._clock.wall_ns(), amend=self._amends())
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if self._is_mail:
                    await self._check_mail_server()
                sent = await loop.run_in_executor(
                    self._thread, self._speak, passage, subject, body, form.format
                )
        except TimeoutError:
            return Delivery(Outcome.RETRY, f"no answer within {TIMEOUT_S:g} s")
        except AddressError as error:
            return Delivery(Outcome.RETRY, str(error))
        except OSError:
            return Delivery(Outcome.RETRY, "the receiver's name cannot be resolved")
        finally:
            passage.abandon()
        return self._judged(passage, is_sent=sent)

    async def _check_mail_server(self) -> None:
        server = self._mail_server()
        self._guard.checked(server, await look_up(server.host, server.port))

    def _speak(
        self, passage: Passage, subject: str, body: str, body_format: NotifyFormat
    ) -> bool | None:
        """Let apprise send, in its thread; ``None`` if it failed in a way of its own."""
        service: Any = self._service
        service.ratelimit_remaining = 1.0  # Discord's would sleep here; we rest elsewhere
        with passage.opened():
            try:
                sent = service.notify(
                    body=body, title=subject, notify_type=NotifyType.INFO, body_format=body_format
                )
            except Exception:  # noqa: BLE001 - 170 services; its text may hold the address
                return None
        return bool(sent)

    def _amends(self) -> Callable[[dict[str, Any]], None] | None:
        """Say what must be changed in the JSON that a service is sent."""
        if self._scheme == "tgram":
            return _with_plain_line_ends
        if self._scheme != "discord":
            return None
        pings = bool(getattr(self._service, "ping", None))

        def amend(told: dict[str, Any]) -> None:
            # Whatever a text says: nobody is called who was not named in the channel's own URL.
            asked = told.pop("allow_mentions", None)
            told["allowed_mentions"] = asked if pings and asked else {"parse": []}

        return amend

    def _judged(self, passage: Passage, *, is_sent: bool | None) -> Delivery:
        if is_sent:
            return Delivery(Outcome.DELIVERED, after_s=passage.after_s)
        if passage.refusal is not None:
            return Delivery(Outcome.RETRY, passage.refusal)
        if passage.status is None:
            said = "failed inside apprise" if is_sent is None else "no answer from the service"
            return Delivery(Outcome.RETRY, said)
        if (self._scheme, passage.status) in _GONE:
            return Delivery(Outcome.GONE, f"the service answers {passage.status}: it is deleted")
        if passage.status >= 300:
            return judge(passage.status, passage.after_s)
        return Delivery(Outcome.RETRY, f"apprise does not take the answer ({passage.status})")

    async def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _with_plain_line_ends(told: dict[str, Any]) -> None:
    if isinstance(told.get("text"), str):
        told["text"] = told["text"].replace("\r\n", "\n")


def require_service(url: Secret, name: str) -> str:
    """Give the scheme of a URL, which has to be a service's that apprise knows.

    Parameters
    ----------
    url
        As configured; of the rest of it nothing is read.
    name
        Of the channel, for error messages.

    Raises
    ------
    InputError
        If it is none; near ones are named.

    Examples
    --------
    >>> require_service(Secret("tgram://token/chat"), "phone")
    'tgram'
    """
    scheme = _SCHEME.match(url.reveal())
    if scheme is None:
        raise InputError(f"channel {name!r}: its url is not one of apprise's (service://…)")
    word = scheme[1].lower()
    services: Any = NotificationManager
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all its services are imported, old ones too
        known = services().schemas()
    if word not in known:
        near = difflib.get_close_matches(word, sorted(known), n=1)
        hint = f"did you mean {near[0]}://?" if near else "see https://appriseit.com for those"
        raise InputError(f"channel {name!r}: apprise knows no service {word}://: {hint}")
    return word


def _service_of(url: Secret, name: str) -> NotifyBase:
    """Let apprise read a URL; its errors quote the URL, so they are not repeated."""
    text, scheme = url.reveal(), require_service(url, name)
    asset = AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY, allow_templates=False, async_mode=False
    )
    asset.app_id = "airpocket"
    asset.app_desc = "airpocket"
    asset.app_url = ""
    asset.image_url_mask = ""
    asset.image_url_logo = ""
    asset.http_redirects = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all its services are imported, old ones too
            service = Apprise.instantiate(text, asset=asset, suppress_exceptions=False)
    except Exception:  # noqa: BLE001 - whatever it is, it may quote the URL
        service = None
    if not isinstance(service, NotifyBase):
        raise InputError(
            f"channel {name!r}: apprise cannot read its {scheme}:// url: see"
            " https://appriseit.com for how this service's is written"
        )
    targets = getattr(service, "targets", None)
    if len(service) != 1 or (targets is not None and len(targets) > 1):
        raise InputError(
            f"channel {name!r}: its url names several receivers: make a channel for each"
        )
    if getattr(service, "template", None):
        raise InputError(f"channel {name!r}: its url names a template: what is sent is airpocket's")
    if getattr(service, "detect_owner", False) and not targets:
        raise InputError(f"channel {name!r}: its url names no chat: add the chat's id at its end")
    service.request_rate_per_sec = 0
    service.overflow_mode = OverflowMode.UPSTREAM
    return service
