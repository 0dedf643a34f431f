"""Where settings come from: a TOML file, and above it the environment (``AIRPOCKET_…__…``).

What is not a setting is refused by its name, in the file and in the environment: a typo that is
passed over silently would be a watcher that watches something else. The file is data; nothing in
it is ever executed, and nothing in it needs a key of an exchange.
"""

import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from airpocket.app.config_errors import Origin, refusal
from airpocket.app.settings import (
    SECRET_KEYS,
    Channel,
    LogSettings,
    Name,
    ServerSettings,
    StoreSettings,
    SubscriptionSettings,
    TierSettings,
    Venue,
    VenueSettings,
    WatchSettings,
)
from airpocket.errors import InputError

__all__ = [
    "FILE_NAME",
    "PREFIX",
    "Settings",
    "check_private",
    "config_folder",
    "data_folder",
    "find",
    "load",
]

FILE_NAME: Final = "airpocket.toml"
PREFIX: Final = "AIRPOCKET_"

_NOT_SETTINGS: Final = frozenset({"AIRPOCKET_DATA", "AIRPOCKET_DATA_REQUIRED"})  # of the tests
_FILE_MOST: Final = 1 << 20
_DEPTH_MOST: Final = 4  # channels → name → key, and one to spare for the refusal
# Names under which people keep the keys that can trade, written any way.
_TRADING: Final = re.compile(
    r"apikey|apisecret|apipass|apitoken|accesskey|secretkey|privatekey|signingkey|passphrase"
    r"|mnemonic|seedphrase|tradingkey|walletkey"
)


class Settings(BaseSettings):
    """All settings, checked; sections as in ``airpocket.toml``.

    Secrets are ``SecretStr``: no representation shows them.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        case_sensitive=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    watch: WatchSettings = WatchSettings()
    venues: dict[Venue, VenueSettings] = Field(default_factory=dict)
    store: StoreSettings = StoreSettings()
    channels: dict[Name, Channel] = Field(default_factory=dict)
    subscriptions: tuple[SubscriptionSettings, ...] = ()
    tiers: dict[Name, TierSettings] = Field(default_factory=dict)
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else; :func:`load` reads file and environment."""
        return (init_settings,)

    @property
    def folder(self) -> Path:
        """Where tapes and state are kept."""
        return self.store.folder or data_folder()

    @property
    def tapes_folder(self) -> Path:
        """Where the tapes are kept."""
        return self.folder / "tapes"

    @property
    def state_file(self) -> Path:
        """Where alerts, outbox and subscriptions are kept."""
        return self.folder / "state.db"


class _Environment(PydanticBaseSettingsSource):
    """Every variable with our prefix, known or not: what is not a setting is then refused."""

    def __init__(self, settings: type[BaseSettings], table: dict[str, Any]) -> None:
        super().__init__(settings)
        self._table = table

    def get_field_value(self, _field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Look one field up (the whole table is given at once, so this is not asked)."""
        return self._table.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._table


def load(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    path
        The file (``--config``). ``None``: ``./airpocket.toml``, else the one in the user's
        configuration folder, else none.
    environ
        Variables that override the file, ``AIRPOCKET_STORE__RETENTION_DAYS=7``; those of this
        process by default.

    Raises
    ------
    InputError
        In one sentence with file (or variable), key, value and what is allowed; the values of
        secrets and of unknown keys are not repeated.

    Examples
    --------
    >>> load(environ={"AIRPOCKET_WATCH__SYMBOLS": "BTC, SOL"}).watch.symbols
    ('BTC', 'SOL')
    """
    environ = os.environ if environ is None else environ
    file = find(path, environ)
    table = {} if file is None else _table(file)
    origin = Origin(file, _variables(environ))
    overrides = _nested(origin.variables)
    for keys in (*_keys(table), *_keys(overrides)):
        if _is_trading_key(keys):
            raise InputError(
                f"{origin.place(keys)} looks like a key of an exchange account: airpocket reads"
                " public feeds and needs none, so remove it (and keep it out of files)"
            )
    if file is not None:
        _check_secrecy(file, table)

    class Reading(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            environment = _Environment(settings_cls, overrides)
            return environment, InitSettingsSource(settings_cls, table)

    try:
        read = Reading()
    except ValidationError as error:
        raise InputError(refusal(error, Settings, origin)) from None
    sections = {name: getattr(read, name) for name in Settings.model_fields}
    folder = read.store.folder or data_folder(environ)
    sections["store"] = read.store.model_copy(update={"folder": folder})
    return Settings(**sections)


def find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Find the file that would be read; ``None`` if there is none.

    Raises
    ------
    InputError
        If a named file is not there.
    """
    if path is not None:
        if not path.is_file():
            raise InputError(f"{path}: there is no such configuration file")
        return path
    folders = (Path(), config_folder(environ))
    return next((f / FILE_NAME for f in folders if (f / FILE_NAME).is_file()), None)


def config_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Give the user's folder for configuration, as the system has it."""
    return _user_folder(environ, "XDG_CONFIG_HOME", ".config", "APPDATA")


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Give the user's folder for data, as the system has it: where tapes lie by default."""
    return _user_folder(environ, "XDG_DATA_HOME", ".local/share", "LOCALAPPDATA")


def _user_folder(
    environ: Mapping[str, str] | None, variable: str, usual: str, on_windows: str
) -> Path:
    environ = os.environ if environ is None else environ
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        return Path(environ.get(on_windows) or home) / "airpocket"
    if sys.platform == "darwin" and variable not in environ:
        return home / "Library" / "Application Support" / "airpocket"
    named = Path(environ.get(variable) or "")
    return (named if named.is_absolute() else home / usual) / "airpocket"


def _table(file: Path) -> dict[str, Any]:
    """Read a TOML file of bounded size."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_FILE_MOST + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    if len(data) > _FILE_MOST:
        raise InputError(f"{file}: larger than {_FILE_MOST:,} bytes, which no configuration is")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: not TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{file}: nested deeper than any configuration") from None


def _variables(environ: Mapping[str, str]) -> dict[tuple[str, ...], tuple[str, str]]:
    """Give (variable, value) by the keys of the setting that a variable names."""
    found = {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS:
            keys = tuple(name.removeprefix(PREFIX).lower().split("__", _DEPTH_MOST))
            found[keys] = (name, value)
    return found


def _nested(variables: Mapping[tuple[str, ...], tuple[str, str]]) -> dict[str, Any]:
    """Write variables as tables in tables."""
    table: dict[str, Any] = {}
    for keys, (name, value) in sorted(variables.items()):
        place = table
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                whole = PREFIX + "__".join(keys[:-1]).upper()
                raise InputError(f"environment: {name} and {whole} cannot both be set")
        place[keys[-1]] = value
    return table


def _keys(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Go through the keys of tables in tables; those in lists too."""
    for key, value in table.items():
        yield (*above, key)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping) and len(above) < _DEPTH_MOST:
                yield from _keys(part, (*above, key))


def _is_trading_key(keys: tuple[str, ...]) -> bool:
    bare = re.sub(r"[^a-z]", "", keys[-1].lower())
    if _TRADING.search(bare):
        return True
    inside = keys[0] in {"venues", "watch"} and len(keys) > 1
    return inside and bool(re.search(r"key|secret|token|passw", bare))


def _check_secrecy(file: Path, table: Mapping[str, Any]) -> None:
    """Refuse a file that holds a secret and that others may read."""
    channels = table.get("channels")
    inside = channels.values() if isinstance(channels, Mapping) else ()
    if any(isinstance(one, Mapping) and SECRET_KEYS & one.keys() for one in inside):
        check_private(file, "holds a secret (url or secrets of a channel)")


def check_private(file: Path, why: str) -> None:
    """Refuse a file that others than its owner may read or write.

    Raises
    ------
    InputError
        With the command that helps.
    """
    if os.name != "posix":
        return
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise InputError(
            f"{file}: {why}, and others may read it (mode {mode:04o}): chmod 600 {file}"
        )
