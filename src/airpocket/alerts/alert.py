"""Alerts: facts under one id, and, for other signals only, a plan that needs a licence.

:class:`InformationalAlert` has no field that could hold an entry, a stop, a target, a size or a
direction to trade, and its facts have a closed set of names. A liquidation cascade can be told in
no other way: :class:`PlanAlert` takes a :class:`~airpocket.alerts.licence.PlanSignal`, of which the
cascade is not a member.
"""

import hashlib
import itertools
import math
import re
from enum import StrEnum
from typing import Any, Final, NoReturn, final

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from airpocket.alerts.fact import Fact, FactName, Value
from airpocket.alerts.licence import Licence, PlanSignal
from airpocket.alerts.linter import violations
from airpocket.alerts.names import EVERYTHING, is_instrument
from airpocket.errors import FactsOnlyError, InputError
from airpocket.market.events import Coverage
from airpocket.units import SECOND_NS, is_plausible_ns, iso

__all__ = [
    "PHASES",
    "InformationalAlert",
    "PlanAlert",
    "Signal",
    "Stage",
    "alert_id",
    "rechecked",
]


class Signal(StrEnum):
    """What an alert is about."""

    LIQUIDATION_CASCADE = "LIQUIDATION_CASCADE"  # forced closes, seen or counted
    SHOCK = "SHOCK"  # a violent move in trades, where no liquidation feed was seen
    FEED_HEALTH = "FEED_HEALTH"  # we see less than we should


class Stage(StrEnum):
    """Where an alert stands in the life of its id."""

    OPEN = "open"
    UPDATE = "update"
    ALL_CLEAR = "all_clear"  # over, and proven by what was seen afterwards
    FEED_ENDED = "feed_ended"  # nothing more is known; never an all-clear


PHASES: Final = frozenset(
    {"calm", "building", "cascade", "exhausted", "snapback", "settled", "unknown"}
)

_ID: Final = re.compile(r"(lc|sh|fh)-[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_PREFIX: Final = {
    Signal.LIQUIDATION_CASCADE: "lc",
    Signal.SHOCK: "sh",
    Signal.FEED_HEALTH: "fh",
}
# Sums that are lower bounds unless the feed is documented to show every event.
_SUMS: Final = frozenset(
    {
        FactName.OBSERVED_USD,
        FactName.OBSERVED_COUNT,
        FactName.PEAK_MINUTE_USD,
        FactName.WAVE_PEAK_USD,
        FactName.ADL_USD,
        FactName.ADL_COUNT,
    }
)
# What only a liquidation feed can know.
_SEEN_LIQUIDATIONS: Final = _SUMS | {
    FactName.LARGEST_LIQUIDATION_USD,
    FactName.LIQUIDATED_SIDE,
    FactName.ADL_STARTED,
}


def alert_id(signal: Signal, scope: str, onset_ns: int, *salt: str) -> str:
    """Make the id of an alert: one for a cascade from its opening to its end.

    Parameters
    ----------
    signal, scope, onset_ns
        As in :class:`InformationalAlert`, at the opening.
    salt
        What else tells two of them apart (a tape's id, a venue and channel). Only hashed.

    Returns
    -------
    str
        Kind, onset to the second, and 8 hexadecimal digits of a SHA-256: the same every time.

    Examples
    --------
    >>> alert_id(Signal.LIQUIDATION_CASCADE, "BTC/USDT:USDT", 1_760_130_903_127_372_000)
    'lc-20251010T211503-0ea5e1e8'
    """
    second = iso(onset_ns - onset_ns % SECOND_NS)
    moment = second.replace("-", "").replace(":", "").removesuffix("Z")
    stem = f"{_PREFIX[signal]}-{moment}-"
    parts = (signal.value, scope, str(onset_ns), *salt)
    # Eight digits can spell a word that no alert may say (4dca…, 5e11…): then the next hash counts.
    turns = (f"{stem}{_digest(parts, turn)}" for turn in itertools.count())
    return next(name for name in turns if not violations(name))


def _digest(parts: tuple[str, ...], turn: int) -> str:
    digest = hashlib.sha256()
    for part in (*parts, *([str(turn)] if turn else [])):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:8]


@final
class InformationalAlert(Struct, frozen=True, kw_only=True):
    """What was observed, and nothing else.

    Checked however it comes to be: constructed, decoded, converted or replaced.

    Parameters
    ----------
    alert_id
        Of :func:`alert_id`; the same from the opening to the end.
    signal, stage
        What it is about, and where it stands.
    phase
        Phase of the detector, one of :data:`PHASES`.
    scope
        Unified symbol, or ``"*"`` for the whole market
        (:func:`airpocket.alerts.names.instrument_label`).
    side
        Whose positions were closed, ``"longs"`` or ``"shorts"``; ``None`` if unknown. Never a side
        to take. A ``SHOCK`` has none: no position was seen to be closed.
    time_ns, onset_ns
        When this was known, and when it began.
    sequence
        0 for the opening, then counting up.
    facts
        Each name at most once a scope.

    Raises
    ------
    InputError
        If a part is not what it must be; if a sum claims to be exact without a feed that shows
        everything; if an all-clear lacks its proof, or an ended feed its gap; if a ``SHOCK`` claims
        liquidations.
    """

    alert_id: str
    signal: Signal
    stage: Stage
    phase: str
    scope: str
    side: str | None
    time_ns: int
    onset_ns: int
    sequence: int
    facts: tuple[Fact, ...]

    def __post_init__(self) -> None:
        for name, kind in (("signal", Signal), ("stage", Stage), ("facts", tuple)):
            if type(getattr(self, name)) is not kind:
                raise InputError(f"alert: {name} is {getattr(self, name)!r}, not a {kind.__name__}")
        for name in ("alert_id", "phase", "scope", "side"):
            force_setattr(self, name, _bare(name, getattr(self, name)))
        for name in ("time_ns", "onset_ns", "sequence"):
            if type(getattr(self, name)) is not int:
                raise InputError(f"alert: {name} is {getattr(self, name)!r}, not an int")
        _check_head(self)
        _check_facts(self)

    def __init_subclass__(cls, **_: object) -> NoReturn:
        raise TypeError("InformationalAlert is final: a subclass could add what is not a fact")

    def value(self, name: FactName) -> Value:
        """Give the value of a fact of the alert's own scope; ``None`` if it was not measured."""
        found = self.find(name)
        return None if found is None else found.value

    def find(self, name: FactName) -> Fact | None:
        """Find the fact of a name that speaks for the alert's own scope."""
        for one in self.facts:
            if one.name is name and one.scope in {None, self.scope}:
                return one
        return None


@final
class PlanAlert(Struct, frozen=True, kw_only=True):
    """A plan for a signal with a licensed edge. No channel renders it, and today none can exist.

    Published evidence shows no robust edge net of costs, so the shipped
    :class:`~airpocket.alerts.licence.LicenceStore` is empty. No plan means no entry and no targets
    anywhere. ``signal`` cannot be a liquidation cascade, by type and at run time.

    Raises
    ------
    FactsOnlyError
        If the signal is not a :class:`~airpocket.alerts.licence.PlanSignal`, or the licence is not
        the very object that a store issued, for this signal and symbol.
    """

    signal: PlanSignal
    symbol: str
    licence: Licence
    entry_price: float
    stop_price: float
    target_price: float

    def __post_init__(self) -> None:
        if type(self.signal) is not PlanSignal:
            raise FactsOnlyError(f"{self.signal!r} is told in facts only: it can carry no plan")
        if type(self.licence) is not Licence or not self.licence.is_genuine():
            raise FactsOnlyError("a plan needs a licence that a licence store issued")
        report = self.licence.report
        if (report.signal, report.symbol) != (self.signal, self.symbol):
            raise FactsOnlyError(f"the licence is for {report.signal} on {report.symbol!a}")
        for price in (self.entry_price, self.stop_price, self.target_price):
            if not (type(price) is float and math.isfinite(price) and price > 0):
                raise InputError(f"plan: {price!r} is not a price")

    def __init_subclass__(cls, **_: object) -> NoReturn:
        raise TypeError("PlanAlert is final: a subclass could leave out its licence")


def rechecked(alert: InformationalAlert) -> InformationalAlert:
    """Check an alert and its facts once more, as every channel does before it renders one.

    Raises
    ------
    FactsOnlyError
        If it is anything but an :class:`InformationalAlert` of :class:`Fact`.
    InputError
        If a part of it was changed behind its back.
    """
    if type(alert) is not InformationalAlert:
        raise FactsOnlyError(f"{type(alert).__name__} is not rendered: only facts are")
    facts = tuple(msgspec.structs.replace(one) if type(one) is Fact else one for one in alert.facts)
    return msgspec.structs.replace(alert, facts=facts)


def _bare(name: str, value: Any) -> str | None:
    if value is None and name == "side":
        return None
    if not isinstance(value, str) or len(value) > 200:
        raise InputError(f"alert: {name} is {type(value).__name__}, not a short text")
    return str.__str__(value)  # the bare text of a subclass, whatever the subclass would print


def _check_head(alert: InformationalAlert) -> None:
    found = _ID.fullmatch(alert.alert_id)
    if found is None or found[1] != _PREFIX[alert.signal]:
        raise InputError(f"alert: {alert.alert_id!a} is not an id of a {alert.signal}")
    if alert.phase not in PHASES:
        raise InputError(f"alert: {alert.phase!a} is not a phase: {', '.join(sorted(PHASES))}")
    if alert.scope != EVERYTHING and not is_instrument(alert.scope):
        raise InputError(
            f"alert: {alert.scope!a} may not be named in an alert: use names.instrument_label"
        )
    if alert.side not in {None, "longs", "shorts"}:
        raise InputError(f"alert: side is {alert.side!a}, not 'longs', 'shorts' or None")
    if not (is_plausible_ns(alert.onset_ns) and is_plausible_ns(alert.time_ns)):
        raise InputError("alert: onset_ns and time_ns are nanoseconds since 1970")
    if alert.onset_ns > alert.time_ns:
        raise InputError(
            f"alert: begins at {iso(alert.onset_ns)}, after it was known at {iso(alert.time_ns)}"
        )
    if not 0 <= alert.sequence < 1_000:
        raise InputError(f"alert: sequence is {alert.sequence}, not 0 to 999")


def _check_facts(alert: InformationalAlert) -> None:
    if len(alert.facts) > 200 or any(type(one) is not Fact for one in alert.facts):
        raise InputError("alert: facts are up to 200 of airpocket.alerts.fact.Fact, nothing else")
    places = [(one.name, one.scope or alert.scope) for one in alert.facts]
    if len(set(places)) < len(places):
        raise InputError("alert: a fact is stated twice for one scope")
    _check_claims(alert)
    if alert.stage is Stage.ALL_CLEAR:
        if alert.phase not in {"settled", "calm"}:
            raise InputError(f"alert: an all-clear in phase {alert.phase!r}")
        if alert.signal is not Signal.FEED_HEALTH and not alert.value(FactName.ALL_CLEAR_PROOF):
            raise InputError("alert: an all-clear needs its proof (FactName.ALL_CLEAR_PROOF)")
    if alert.stage is Stage.FEED_ENDED:
        if alert.phase != "unknown":
            raise InputError(f"alert: the feed has ended, so the phase is not {alert.phase!r}")
        if alert.value(FactName.FEED_GAP) is None:
            raise InputError("alert: an ended feed needs its gap (FactName.FEED_GAP)")


def _check_claims(alert: InformationalAlert) -> None:
    """Refuse claims that go beyond what the feed can show."""
    said = {one.name for one in alert.facts if one.value is not None}
    if alert.signal is Signal.SHOCK and (alert.side is not None or said & _SEEN_LIQUIDATIONS):
        raise InputError("alert: a SHOCK was seen in trades: it has no side and no liquidations")
    if alert.value(FactName.LIQUIDATED_SIDE) not in {None, alert.side}:
        raise InputError(f"alert: its side is {alert.side!a}, its fact says another")
    if alert.value(FactName.COVERAGE) == Coverage.CENSUS.value:
        return
    for one in alert.facts:
        if one.name in _SUMS and one.value is not None and not one.at_least:
            raise InputError(
                f"alert: {one.name} is a lower bound unless its coverage is census: say at_least"
            )
