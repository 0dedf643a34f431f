"""``airpocket subscribe`` and ``airpocket subscriptions``: who is told what, over which channel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airpocket.alerts.alert import Signal
from airpocket.alerts.names import EVERYTHING
from airpocket.alerts.render import escape_terminal
from airpocket.alerts.tier import ALL, DEFAULT_SYMBOLS, Subscription
from airpocket.app.channels import channel_specs
from airpocket.app.config import Settings, load
from airpocket.app.printing import complain, console, json_line, show
from airpocket.app.routes import configured_subscriptions, open_subscriptions, told_by_default
from airpocket.app.symbols import resolve
from airpocket.errors import InputError
from airpocket.live.channel import ChannelSpec
from airpocket.live.clock import SystemClock
from airpocket.store.state import State
from airpocket.venues import register

__all__ = ["add", "remove", "show_all"]


def add(
    name: str,
    *,
    channel: str | None,
    tier: str,
    signals: Sequence[str],
    symbols: Sequence[str],
    phases: Sequence[str],
    least_usd: float,
    with_updates: bool,
    replace: bool,
    config: Path | None,
) -> None:
    """Add a subscription to the state.

    Raises
    ------
    InputError
        If it cannot be granted as asked for.
    StateError
        If the state is in use or cannot be written.
    """
    settings = load(config)
    specs = channel_specs(settings)
    if channel is None:
        fitting = [spec.name for spec in specs if not spec.is_health_route]
        if len(fitting) != 1:
            raise InputError(f"name a --channel: {', '.join(fitting) or 'none is configured'}")
        (channel,) = fitting
    _require_listed(symbols)
    asked = Subscription(
        name=name,
        channel=channel,
        tier=tier,
        signals=_signals(signals),
        symbols=tuple(symbols) or DEFAULT_SYMBOLS,
        phases=tuple(phases),
        least_usd=least_usd,
        with_updates=with_updates,
    )
    with _open(settings) as state:
        subscriptions = open_subscriptions(state, settings, specs)
        subscriptions.add(asked, SystemClock().wall_ns(), replace=replace)
    show(console(), f"{_safe(name)}: {_told(asked)}", hang=2)


def remove(name: str, *, config: Path | None) -> None:
    """Take a subscription out of the state.

    Raises
    ------
    InputError
        If there is none of that name, or it stands in the configuration.
    StateError
        If the state is in use or cannot be written.
    """
    settings = load(config)
    specs = channel_specs(settings)
    with _open(settings) as state:
        subscriptions = open_subscriptions(state, settings, specs)
        if not subscriptions.remove(name):
            known = ", ".join(one.name for one in subscriptions.all()) or "there is none"
            raise InputError(f"there is no subscription {name!a}: {known}")
    show(console(), f"{_safe(name)} is removed")


def show_all(*, as_json: bool, config: Path | None) -> None:
    """Print every subscription, and what channels are told that none names.

    Raises
    ------
    InputError
        If a configured subscription cannot be granted.
    StateError
        If the state cannot be read.
    """
    settings = load(config)
    specs = channel_specs(settings)
    problems: tuple[str, ...] = ()
    if settings.state_file.exists():
        with State(settings.state_file, read_only=True) as state:
            subscriptions = open_subscriptions(state, settings, specs)
            named, problems = subscriptions.all(), subscriptions.problems()
    else:
        named = configured_subscriptions(settings)
        _require_granted(settings, specs)
    configured = {one.name for one in configured_subscriptions(settings)}
    for one in named:
        _print(one, "configured" if one.name in configured else "added", as_json=as_json)
    for one in told_by_default(specs, named):
        _print(one, "default", as_json=as_json)
    for problem in problems:
        complain(f"airpocket: {problem}")


def _require_listed(symbols: Sequence[str]) -> None:
    """Refuse a symbol that no venue lists: its subscription would be silent for ever."""
    named = [symbol for symbol in symbols if symbol not in {ALL, EVERYTHING}]
    if named:
        catalogues = {venue: register.catalogue_of(venue) for venue in register.LIVE}
        resolve(named, catalogues, at_ns=SystemClock().wall_ns())


def _require_granted(settings: Settings, specs: Sequence[ChannelSpec]) -> None:
    """Check configured subscriptions although there is no state yet."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, State(Path(folder) / "state.db") as state:
        open_subscriptions(state, settings, specs)


def _open(settings: Settings) -> State:
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{settings.folder}: the folder of the store cannot be made ({error.strerror})"
        ) from error
    return State(settings.state_file)


def _signals(words: Sequence[str]) -> tuple[Signal, ...]:
    known = {signal.value: signal for signal in Signal}
    found = []
    for word in words:
        name = word.upper().replace("-", "_")
        if name not in known:
            raise InputError(f"{word!a} is not a signal: {', '.join(known)}")
        found.append(known[name])
    return tuple(dict.fromkeys(found)) or (Signal.LIQUIDATION_CASCADE,)


def _print(one: Subscription, origin: str, *, as_json: bool) -> None:
    if as_json:
        json_line({"type": "subscription", "origin": origin, **_fields(one)})
        return
    name = "(by default)" if origin == "default" else one.name
    show(console(), f"{_safe(name):<20} {_told(one)} [dim]· {origin}[/]", hang=21)


def _fields(one: Subscription) -> dict[str, Any]:
    return {
        "name": one.name,
        "channel": one.channel,
        "tier": one.tier,
        "signals": [signal.value for signal in one.signals],
        "symbols": None if one.is_health else list(one.symbols),
        "phases": list(one.phases) or None,
        "least_usd": one.least_usd,
        "with_updates": one.with_updates,
        "is_on": one.is_on,
    }


def _told(one: Subscription) -> str:
    """Say a subscription in one line, as rich markup."""
    parts = [f"{_safe(one.channel)} gets {', '.join(signal.value for signal in one.signals)}"]
    if not one.is_health:
        parts.append(f"on {_safe(', '.join(one.symbols))}")
    if one.phases:
        parts.append(f"in {', '.join(one.phases)}")
    if one.least_usd:
        parts.append(f"from {one.least_usd:,.0f} USD on")
    if not one.with_updates:
        parts.append("without updates")
    if not one.is_on:
        parts.append("(off)")
    return f"{' '.join(parts)}, tier {_safe(one.tier)}"


def _safe(text: str) -> str:
    return escape_terminal(text)
