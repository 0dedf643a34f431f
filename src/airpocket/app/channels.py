"""From configured channels to what the sinks take: secrets read from their files, nothing shown."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from airpocket.app.config import Settings, check_private
from airpocket.app.settings import Channel
from airpocket.errors import InputError
from airpocket.live.channel import ChannelKind, ChannelSpec, Secret
from airpocket.live.webhook import key_of

__all__ = ["DEFAULT", "channel_specs", "secrets_of"]

DEFAULT: Final = "log"
"""Name of the channel that there is if none is configured: alerts go to the log."""

_FILE_MOST: Final = 64 << 10
_LINE_MOST: Final = 4_096


def channel_specs(settings: Settings) -> tuple[ChannelSpec, ...]:
    """Give every channel, complete.

    If none is configured there is one that logs; if none is for the feeds' health, that goes to
    the log too, so that it is never nowhere.

    Raises
    ------
    InputError
        If a file with a secret is missing, empty or readable by others, a signing secret is none,
        or apprise knows no such service; what is in it is not shown.

    Examples
    --------
    >>> [spec.name for spec in channel_specs(Settings())]
    ['log', 'health_log']
    """
    specs = [_spec(name, channel) for name, channel in settings.channels.items()]
    if not specs:
        specs.append(ChannelSpec(name=DEFAULT, kind=ChannelKind.LOG))
    if not any(spec.is_health_route for spec in specs):
        taken = {spec.name for spec in specs}
        name = next(n for n in ("health_log", "feed_health_log", "own_log") if n not in taken)
        specs.append(ChannelSpec(name=name, kind=ChannelKind.LOG, is_health_route=True))
    return tuple(specs)


def secrets_of(specs: tuple[ChannelSpec, ...]) -> tuple[str, ...]:
    """Give all secrets of some channels, for what hides them."""
    found = [spec.url for spec in specs] + [one for spec in specs for one in spec.secrets]
    return tuple(dict.fromkeys(one.reveal() for one in found if one))


def _spec(name: str, channel: Channel) -> ChannelSpec:
    url = _read(name, "url", channel.url, channel.url_file)
    if channel.kind is ChannelKind.APPRISE:
        # apprise takes half a second to import: only those who send over it pay for it.
        from airpocket.live.apprise_sink import require_service

        require_service(url, name)
    secrets = tuple(Secret(one.get_secret_value()) for one in channel.secrets)
    if channel.secrets_file is not None:
        secrets = tuple(Secret(line) for line in _lines(channel.secrets_file))
    for secret in secrets:
        key_of(secret, f"channels.{name}.secrets")
    return ChannelSpec(
        name=name,
        kind=channel.kind,
        url=url,
        path=None if channel.path is None else str(channel.path),
        secrets=secrets,
        rate_per_min=channel.rate_per_min,
        is_health_route=channel.health,
        allow_private=channel.allow_private,
    )


def _read(name: str, key: str, value: SecretStr | None, file: Path | None) -> Secret:
    if value is not None:
        return Secret(value.get_secret_value())
    if file is None:
        return Secret("")
    lines = _lines(file)
    if len(lines) != 1:
        raise InputError(f"{file}: channels.{name}.{key}_file holds {len(lines)} lines, not one")
    return Secret(lines[0])


def _lines(file: Path) -> list[str]:
    """Read a file with secrets, one a line."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such file to read a secret from")
    check_private(file, "it holds a secret")
    try:
        with file.open("rb") as stream:
            text = stream.read(_FILE_MOST + 1).decode("utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise InputError(f"{file}: a file with a secret is text in UTF-8") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or max(map(len, lines)) > _LINE_MOST:
        raise InputError(f"{file}: it holds no secret (one a line, at most {_LINE_MOST:,} letters)")
    return lines
