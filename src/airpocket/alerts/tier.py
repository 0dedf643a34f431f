"""What a subscription asks for, and what a tier may be told.

``LIQUIDATION_CASCADE`` on BTC and ETH is on by default: a channel that no subscription names gets
it, whatever its tier, and no tier can be made without it. Notices about our own feeds take a route
of their own: they go to channels kept for them, and nothing else does.
"""

import math
from typing import Final, final

from msgspec import Struct

from airpocket.alerts.alert import PHASES, InformationalAlert, Signal
from airpocket.alerts.fact import FactName
from airpocket.alerts.message import require_channel
from airpocket.alerts.names import EVERYTHING, base_of, instrument_label
from airpocket.errors import InputError

__all__ = ["ALL", "DEFAULT_SYMBOLS", "TIERS", "Subscription", "Tier", "standard"]

ALL: Final = "all"
"""Every symbol, and the market as a whole."""
DEFAULT_SYMBOLS: Final = ("BTC", "ETH")

_SYMBOLS_MOST: Final = 1_000


@final
class Tier(Struct, frozen=True, kw_only=True):
    """What a tier may be told, beyond cascades on BTC and ETH, which every tier is told.

    Notices about the feeds are no matter of tiers.

    Parameters
    ----------
    name
        What subscriptions call it.
    signals
        Signals it may be told of ``symbols``.
    symbols
        Coins, unified symbols, ``"*"`` for the whole market, or ``"all"``.
    subscriptions_most
        How many subscriptions of this tier one channel can have.

    Raises
    ------
    InputError
        If a part cannot be what it is.
    """

    name: str
    signals: tuple[Signal, ...] = (Signal.LIQUIDATION_CASCADE,)
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    subscriptions_most: int = 20

    def __post_init__(self) -> None:
        _require_name("a tier", self.name)
        _require_symbols(f"tier {self.name!a}", self.symbols)
        if self.subscriptions_most < 1:
            raise InputError(f"tier {self.name!a}: subscriptions_most is not 1 or more")

    def allows(self, alert: InformationalAlert) -> bool:
        """Tell whether the tier may be told of an alert."""
        if alert.signal is Signal.FEED_HEALTH:
            return True
        if alert.signal is Signal.LIQUIDATION_CASCADE and _covers(DEFAULT_SYMBOLS, alert.scope):
            return True
        return alert.signal in self.signals and _covers(self.symbols, alert.scope)

    def beyond(self, asked: "Subscription") -> str | None:
        """Say what a subscription asks for that the tier cannot be told, ``None`` if nothing."""
        if Signal.FEED_HEALTH in asked.signals:
            return None
        for signal in asked.signals:
            by_default = DEFAULT_SYMBOLS if signal is Signal.LIQUIDATION_CASCADE else ()
            allowed = (*(self.symbols if signal in self.signals else ()), *by_default)
            for symbol in asked.symbols:
                # The market as a whole is no symbol of a coin: it has to be allowed as such.
                names = (symbol, base_of(symbol))
                if not any(one == ALL or any(_same(one, n) for n in names) for one in allowed):
                    return f"{signal} on {symbol!a}"
        return None


@final
class Subscription(Struct, frozen=True, kw_only=True):
    """What one channel is told.

    Parameters
    ----------
    name
        What it is listed and removed by.
    channel
        Name of the channel.
    tier
        Name of a tier.
    signals
        Feed health and others do not mix: its route is another.
    symbols
        Coins (``"BTC"``: all its contracts), unified symbols, ``"*"`` for the whole market, or
        ``"all"``. Of no meaning for feed health.
    phases
        Phases of the detector; none: all.
    least_usd
        Least forced flow seen so far. What was not measured passes: it is not known to be small.
        A cascade that grows is told once it is large enough.
    with_updates
        Whether updates are told beside openings and ends.
    is_on
        Off, it keeps its channel from the default and tells nothing.

    Raises
    ------
    InputError
        If a part cannot be what it is.

    Examples
    --------
    >>> Subscription(name="mine", channel="telegram").symbols
    ('BTC', 'ETH')
    """

    name: str
    channel: str
    tier: str = "free"
    signals: tuple[Signal, ...] = (Signal.LIQUIDATION_CASCADE,)
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    phases: tuple[str, ...] = ()
    least_usd: float = 0.0
    with_updates: bool = True
    is_on: bool = True

    def __post_init__(self) -> None:
        _require_name("a subscription", self.name)
        _require_name("a tier", self.tier)
        require_channel(self.channel)
        about = f"subscription {self.name!a:.60}"
        _require_symbols(about, self.symbols)
        if not self.signals or any(type(one) is not Signal for one in self.signals):
            raise InputError(f"{about}: signals are some of {', '.join(Signal)}")
        if Signal.FEED_HEALTH in self.signals and len(set(self.signals)) > 1:
            raise InputError(
                f"{about}: FEED_HEALTH takes a route of its own: make a second subscription for it"
            )
        unknown = set(self.phases) - PHASES
        if unknown:
            raise InputError(
                f"{about}: {min(unknown)!a:.60} is not a phase: {', '.join(sorted(PHASES))}"
            )
        if not (math.isfinite(self.least_usd) and self.least_usd >= 0):
            raise InputError(f"{about}: least_usd is {self.least_usd}, not dollars from 0")

    @property
    def is_health(self) -> bool:
        """Whether it is about our own feeds."""
        return Signal.FEED_HEALTH in self.signals

    def wants(self, alert: InformationalAlert) -> bool:
        """Tell whether it asks for an alert; of its tier nothing is known here."""
        if not self.is_on or alert.signal not in self.signals:
            return False
        if alert.stage == "update" and not self.with_updates:
            return False
        if self.is_health:
            return True
        usd = alert.value(FactName.OBSERVED_USD)
        is_small = isinstance(usd, float) and usd < self.least_usd
        return (
            not is_small
            and (not self.phases or alert.phase in self.phases)
            and _covers(self.symbols, alert.scope)
        )


def standard(channel: str, *, is_health: bool = False) -> Subscription:
    """Make what a channel is told if no subscription names it.

    Parameters
    ----------
    channel
        Its name.
    is_health
        Whether it is kept for notices about our own feeds.

    Examples
    --------
    >>> standard("telegram").signals[0].value, standard("ops", is_health=True).signals[0].value
    ('LIQUIDATION_CASCADE', 'FEED_HEALTH')
    """
    signal = Signal.FEED_HEALTH if is_health else Signal.LIQUIDATION_CASCADE
    return Subscription(name="default", channel=channel, signals=(signal,))


def _covers(symbols: tuple[str, ...], scope: str) -> bool:
    coin = base_of(scope)
    return any(
        symbol == ALL
        or instrument_label(symbol) == scope
        or (scope != EVERYTHING and "/" not in symbol and _same(symbol, coin))
        for symbol in symbols
    )


def _same(symbol: str, other: str) -> bool:
    """Tell whether two mean one coin or contract; ``"ALL"`` is a coin, ``"all"`` is not."""
    return symbol.casefold() == other.casefold() and (symbol == ALL) == (other == ALL)


def _require_name(what: str, name: str) -> None:
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise InputError(f"{name!a:.60} cannot name {what}: 1 to 100 printable characters")


def _require_symbols(about: str, symbols: tuple[str, ...]) -> None:
    if not 0 < len(symbols) <= _SYMBOLS_MOST:
        raise InputError(f"{about}: {len(symbols)} symbols, not 1 to {_SYMBOLS_MOST}")
    for symbol in symbols:
        if not (0 < len(symbol) <= 64 and symbol.isprintable()):
            raise InputError(f"{about}: {symbol!a:.60} is no symbol: 1 to 64 printable characters")


TIERS: Final = (
    Tier(name="free"),
    Tier(name="pro", signals=(Signal.LIQUIDATION_CASCADE, Signal.SHOCK), symbols=(ALL,)),
)
"""Tiers there are if none is configured."""
