"""What can be set, with its bounds: the sections of ``airpocket.toml``.

Data, never code: each value has a type and a range, and a key that is not listed here is refused.
No secret has a default. Files and environment are read in :mod:`airpocket.app.config`.
"""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from airpocket.alerts.alert import PHASES, Signal
from airpocket.alerts.tier import DEFAULT_SYMBOLS
from airpocket.live.channel import ChannelKind
from airpocket.venues.register import LIVE

__all__ = [
    "SECRET_KEYS",
    "Channel",
    "Hidden",
    "LogLevel",
    "LogSettings",
    "Name",
    "OwnPath",
    "Phase",
    "Section",
    "ServerSettings",
    "StoreSettings",
    "SubscriptionSettings",
    "Text",
    "Texts",
    "TierSettings",
    "Venue",
    "VenueSettings",
    "WatchSettings",
    "is_loopback",
]

SECRET_KEYS: Final = frozenset({"url", "secrets"})
"""Keys whose values are shown nowhere."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NAME_MOST: Final = 32
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}")


def _words(value: Any) -> Any:
    """Take ``"BTC, ETH"`` for a list, as the environment writes one."""
    if isinstance(value, str):
        return tuple(word for word in (part.strip() for part in value.split(",")) if word)
    return value


def _venue(name: str) -> str:
    if name not in LIVE:
        raise ValueError(f"it cannot be followed live: {', '.join(LIVE)} can")
    return name


def _name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _NAME_MOST:
        raise ValueError(
            f"a name is up to {_NAME_MOST} small letters and digits, parted by single underscores"
        )
    return name


def _phase(name: str) -> str:
    if name not in PHASES:
        raise ValueError(f"there is no such phase: {', '.join(sorted(PHASES))}")
    return name


def _own_path(path: Path) -> Path:
    if "\0" in str(path) or not path.name:
        raise ValueError("it names no file or folder")
    return path.expanduser()


Name = Annotated[str, AfterValidator(_name)]
Venue = Annotated[str, AfterValidator(_venue)]
Phase = Annotated[str, AfterValidator(_phase)]
Text = Annotated[str, Field(min_length=1, max_length=64)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_words), Field(max_length=1_000)]
OwnPath = Annotated[Path, AfterValidator(_own_path)]
Hidden = Annotated[SecretStr, Field(min_length=1, max_length=4_096)]


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and nothing else.

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


def _base_url(url: str, safe: str, plain: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {safe, plain} or not _HOST.fullmatch(host):
        raise ValueError(f"it is not an address that begins with {safe}://")
    if parts.scheme == plain and not is_loopback(host):
        raise ValueError(f"{plain}:// is for this machine only: use {safe}://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("no key is needed: an address without user and password")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it is a scheme, a host and a port: the venue's own paths stay")
    if parts.port is not None and not 1 <= parts.port <= 65_535:
        raise ValueError("its port is not 1 to 65535")
    return url.rstrip("/")


class Section(BaseModel):
    """What all sections share: unknown keys are refused, nothing changes, no infinite figures."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=True,
    )


class WatchSettings(Section):
    """``[watch]``: what is followed."""

    symbols: Annotated[Texts, Field(description="coins or unified symbols")] = ("BTC", "ETH")
    venues: Annotated[tuple[Venue, ...], BeforeValidator(_words), Field(min_length=1)] = LIVE
    depth: Annotated[bool, Field(description="follow order books too")] = True


class VenueSettings(Section):
    """``[venues.NAME]``: other addresses, for a proxy or a test; the path of a stream stays."""

    ws_url: Annotated[str, AfterValidator(lambda url: _base_url(url, "wss", "ws"))] | None = None
    rest_url: Annotated[str, AfterValidator(lambda url: _base_url(url, "https", "http"))] | None = (
        None
    )


class StoreSettings(Section):
    """``[store]``: what is kept, where, for how long."""

    folder: OwnPath | None = None
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 30
    retention_gb: Annotated[float, Field(ge=0.1, le=1_000_000)] = 20.0
    commit_ms: Annotated[int, Field(ge=1, le=1_000)] = 50


class Channel(Section):
    """``[channels.NAME]``: one way out for alerts."""

    kind: ChannelKind
    url: Hidden | None = None
    url_file: OwnPath | None = None
    path: OwnPath | None = None
    secrets: Annotated[tuple[Hidden, ...], BeforeValidator(_words), Field(max_length=8)] = ()
    secrets_file: OwnPath | None = None
    rate_per_min: Annotated[int, Field(ge=1, le=6_000)] | None = None
    health: bool = False
    allow_private: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        addressed = self.kind in {ChannelKind.WEBHOOK, ChannelKind.APPRISE}
        if addressed and (self.url is None) == (self.url_file is None):
            raise ValueError(f"a channel of kind {self.kind} needs url_file, or url (one of them)")
        if not addressed and (self.url is not None or self.url_file is not None):
            raise ValueError(f"a channel of kind {self.kind} has no url")
        if (self.kind is ChannelKind.JSONL) != (self.path is not None):
            raise ValueError("a channel of kind jsonl needs a path, and no other kind has one")
        signed = self.kind is ChannelKind.WEBHOOK
        if signed and bool(self.secrets) == (self.secrets_file is not None):
            raise ValueError(
                "a webhook is signed: it needs secrets_file, or secrets (one of them; none is made"
                " up)"
            )
        if not signed and (self.secrets or self.secrets_file is not None):
            raise ValueError("only a channel of kind webhook has secrets")
        return self


class SubscriptionSettings(Section):
    """``[[subscriptions]]``: who gets what over which channel."""

    name: Text
    channel: Name
    tier: Name = "free"
    signals: Annotated[tuple[Signal, ...], BeforeValidator(_words), Field(min_length=1)] = (
        Signal.LIQUIDATION_CASCADE,
    )
    symbols: Annotated[Texts, Field(min_length=1)] = DEFAULT_SYMBOLS
    phases: Annotated[tuple[Phase, ...], BeforeValidator(_words)] = ()
    least_usd: Annotated[float, Field(ge=0, le=1e15)] = 0.0
    with_updates: bool = True
    is_on: bool = True


class TierSettings(Section):
    """``[tiers.NAME]``: what a tier may be told, beyond cascades on BTC and ETH."""

    signals: Annotated[tuple[Signal, ...], BeforeValidator(_words)] = (Signal.LIQUIDATION_CASCADE,)
    symbols: Annotated[Texts, Field(min_length=1)] = DEFAULT_SYMBOLS
    subscriptions_most: Annotated[int, Field(ge=1, le=1_000)] = 20


class ServerSettings(Section):
    """``[server]``: figures and health over HTTP, for this machine only."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 9_464

    @model_validator(mode="after")
    def _loopback(self) -> Self:
        if not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!a} can be reached from other machines, and nobody would be asked"
                " for a key: use 127.0.0.1 (and a proxy that asks)"
            )
        return self


class LogLevel(StrEnum):
    """From which severity on events are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(Section):
    """``[log]``: events on stderr; ``json`` unset: JSON where stderr is not a terminal."""

    level: LogLevel = LogLevel.INFO
    as_json: Annotated[bool | None, Field(alias="json")] = None
