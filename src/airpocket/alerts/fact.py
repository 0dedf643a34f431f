"""One fact: a named figure with its unit, window and source, and whether it is a lower bound.

The names are a closed set, and each has its units and its kind of value: a number, a time, a name,
or a word from a closed list. There is no name for an entry, a stop, a target, a size or a direction
to trade, so no alert can carry one. ``None`` means "not measured" and is said so; it is never 0.
"""

import math
import operator
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeAlias, final

from msgspec import Struct
from msgspec.structs import force_setattr

from airpocket.alerts.names import EVERYTHING, is_instrument, is_source, is_venue
from airpocket.errors import InputError
from airpocket.market.events import Coverage, GapCause, HealthState
from airpocket.market.quality import FindingCode
from airpocket.units import is_plausible_ns

__all__ = ["KINDS", "Fact", "FactName", "Kind", "Unit", "Value", "fact"]

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | None


class Unit(StrEnum):
    """What a value counts."""

    USD = "usd"
    COINS = "coins"
    PRICE = "price"  # quote currency per coin
    FRACTION = "fraction"  # 0.05 is 5 %
    MULTIPLE = "multiple"  # 61 is 61 times
    SCORE = "score"
    COUNT = "count"
    SECONDS = "seconds"
    UTC = "utc"  # int of nanoseconds since 1970; rendered as ISO 8601
    YES_NO = "yes_no"
    WORD = "word"  # one word of the closed list of its name
    WORDS = "words"
    SYMBOLS = "symbols"
    VENUES = "venues"


class FactName(StrEnum):
    """Everything an alert can speak of, in the order in which a person reads it."""

    OBSERVED_USD = "observed_usd"  # forced closes seen, notional
    OBSERVED_COUNT = "observed_count"
    LARGEST_LIQUIDATION_USD = "largest_liquidation_usd"
    LIQUIDATED_SIDE = "liquidated_side"
    COVERAGE = "coverage"
    INFERRED = "inferred"  # concluded (a side, a flow), not seen in a liquidation feed
    ONSET = "onset"
    DURATION = "duration"
    LAST_EVENT = "last_event"  # nothing is known after it
    PEAK_MINUTE_USD = "peak_minute_usd"
    WAVES = "waves"
    WAVE_PEAK_USD = "wave_peak_usd"
    MULTIPLE_OF_BASELINE = "multiple_of_baseline"
    BASELINE_USD_PER_BIN = "baseline_usd_per_bin"
    BIN_WIDTH = "bin_width"
    HISTORY_LENGTH = "history_length"
    PROVISIONAL = "provisional"  # the baseline rests on a short history
    ONE_SIDED_FLOW_USD = "one_sided_flow_usd"  # takers on one side of ordinary trades, less other
    SEVERITY = "severity"
    PRICE_CONFIRMATION = "price_confirmation"
    PRICE_LEG = "price_leg"  # signed fraction, reference to extreme
    PRICE_REFERENCE = "price_reference"
    PRICE_EXTREME = "price_extreme"
    PRICE_EXTREME_TIME = "price_extreme_time"
    SNAPBACK_SHARE = "snapback_share"  # of the price leg, taken back
    DEPTH_SHARE_OF_NORMAL = "depth_share_of_normal"
    SPREAD = "spread"
    OPEN_INTEREST_CHANGE_COINS = "open_interest_change_coins"
    OPEN_INTEREST_CHANGE_USD = "open_interest_change_usd"
    FUNDING_BEFORE = "funding_before"
    ADL_STARTED = "adl_started"
    ADL_USD = "adl_usd"
    ADL_COUNT = "adl_count"
    INSURANCE_FUND = "insurance_fund"
    INSURANCE_FUND_DRAWDOWN = "insurance_fund_drawdown"
    SYMBOLS_IN_MOVE = "symbols_in_move"
    SYMBOLS_WATCHED = "symbols_watched"
    VENUES_LIVE = "venues_live"
    VENUES_THROTTLED = "venues_throttled"
    VENUES_SILENT = "venues_silent"
    FEED_STATE = "feed_state"
    FEED_VENUES = "feed_venues"  # whose feed a notice is about
    FEED_CHANNEL = "feed_channel"
    FEED_CHANNELS = "feed_channels"
    FEED_CHANNELS_BACK = "feed_channels_back"
    FEED_SYMBOLS = "feed_symbols"  # where single instruments are concerned, not the whole channel
    FEED_CAUSE = "feed_cause"
    FEED_DROPS = "feed_drops"
    FEED_GAP = "feed_gap"
    FEED_GAP_FROM = "feed_gap_from"
    FEED_GAP_TO = "feed_gap_to"
    QUALITY = "quality"  # defects found in the data behind these facts
    ALL_CLEAR_PROOF = "all_clear_proof"
    REWARD_TO_RISK = "reward_to_risk"  # share of past moves of this size inside the noise floor
    NOISE_FLOOR = "noise_floor"  # max of k x ATR and c x (spread + fees), as configured
    PAST_CASCADES = "past_cascades"  # episodes behind the study lines


@final
class Kind(Struct, frozen=True):
    """What a fact of one name may hold: its units (first is usual), label, words and bounds."""

    units: tuple[Unit, ...]
    label: str
    words: frozenset[str] = frozenset()
    signed: bool = False
    most: float = 1e18


def _words(*words: str) -> frozenset[str]:
    return frozenset(str.__str__(word) for word in words)


_CHANNELS: Final = _words(
    *("liquidations", "trades", "mark", "funding", "open_interest", "depth", "bars"),
    *("instruments", "clock", "tape", "network", "other"),
)
_N, _U = FactName, Unit
KINDS: Final[dict[FactName, Kind]] = {
    _N.OBSERVED_USD: Kind((_U.USD,), "Liquidated"),
    _N.OBSERVED_COUNT: Kind((_U.COUNT,), "Forced closes"),
    _N.LARGEST_LIQUIDATION_USD: Kind((_U.USD,), "Largest single one"),
    _N.LIQUIDATED_SIDE: Kind((_U.WORD,), "Side closed", _words("longs", "shorts")),
    _N.COVERAGE: Kind((_U.WORD,), "Feed shows", _words(*Coverage)),
    _N.INFERRED: Kind((_U.YES_NO,), "Inferred"),
    _N.ONSET: Kind((_U.UTC,), "Onset"),
    _N.DURATION: Kind((_U.SECONDS,), "Lasted"),
    _N.LAST_EVENT: Kind((_U.UTC,), "Last event seen"),
    _N.PEAK_MINUTE_USD: Kind((_U.USD,), "Peak minute"),
    _N.WAVES: Kind((_U.COUNT,), "Waves"),
    _N.WAVE_PEAK_USD: Kind((_U.USD,), "Peak of the largest wave"),
    _N.MULTIPLE_OF_BASELINE: Kind((_U.MULTIPLE,), "Against its normal"),
    _N.BASELINE_USD_PER_BIN: Kind((_U.USD,), "Normal flow per bin"),
    _N.BIN_WIDTH: Kind((_U.SECONDS,), "Bin"),
    _N.HISTORY_LENGTH: Kind((_U.SECONDS,), "History behind normal"),
    _N.PROVISIONAL: Kind((_U.YES_NO,), "Normal is provisional"),
    _N.ONE_SIDED_FLOW_USD: Kind((_U.USD,), "One-sided flow in trades"),
    _N.SEVERITY: Kind((_U.SCORE,), "Severity score"),
    _N.PRICE_CONFIRMATION: Kind(
        (_U.WORD,), "Price move", _words("confirmed", "unconfirmed", "against_the_flow")
    ),
    _N.PRICE_LEG: Kind((_U.FRACTION,), "Price leg", signed=True),
    _N.PRICE_REFERENCE: Kind((_U.PRICE,), "Price before"),
    _N.PRICE_EXTREME: Kind((_U.PRICE,), "Price extreme"),
    _N.PRICE_EXTREME_TIME: Kind((_U.UTC,), "Price extreme at"),
    _N.SNAPBACK_SHARE: Kind((_U.FRACTION,), "Price leg taken back", signed=True),
    _N.DEPTH_SHARE_OF_NORMAL: Kind((_U.FRACTION,), "Book depth, of its normal"),
    _N.SPREAD: Kind((_U.FRACTION,), "Spread"),
    _N.OPEN_INTEREST_CHANGE_COINS: Kind(
        (_U.FRACTION, _U.COINS), "Open interest in coins", signed=True
    ),
    _N.OPEN_INTEREST_CHANGE_USD: Kind(
        (_U.FRACTION, _U.USD), "Open interest in dollars", signed=True
    ),
    _N.FUNDING_BEFORE: Kind((_U.FRACTION,), "Funding before", signed=True),
    _N.ADL_STARTED: Kind((_U.UTC,), "Auto-deleveraging since"),
    _N.ADL_USD: Kind((_U.USD,), "Auto-deleveraged"),
    _N.ADL_COUNT: Kind((_U.COUNT,), "Auto-deleveraging fills"),
    _N.INSURANCE_FUND: Kind((_U.USD, _U.COINS), "Insurance fund", signed=True),
    _N.INSURANCE_FUND_DRAWDOWN: Kind(
        (_U.FRACTION,), "Insurance fund, fall from its peak", most=1.0
    ),
    _N.SYMBOLS_IN_MOVE: Kind((_U.SYMBOLS,), "Symbols in the move"),
    _N.SYMBOLS_WATCHED: Kind((_U.COUNT,), "Symbols watched"),
    _N.VENUES_LIVE: Kind((_U.VENUES,), "Venues live"),
    _N.VENUES_THROTTLED: Kind((_U.VENUES,), "Venues throttled"),
    _N.VENUES_SILENT: Kind((_U.VENUES,), "Venues silent"),
    _N.FEED_STATE: Kind((_U.WORD,), "Feed", _words(*HealthState)),
    _N.FEED_VENUES: Kind((_U.VENUES,), "Feed of"),
    _N.FEED_CHANNEL: Kind((_U.WORD,), "Channel", _CHANNELS),
    _N.FEED_CHANNELS: Kind((_U.WORDS,), "Channels", _CHANNELS),
    _N.FEED_CHANNELS_BACK: Kind((_U.WORDS,), "Channels back", _CHANNELS),
    _N.FEED_SYMBOLS: Kind((_U.SYMBOLS,), "Instruments concerned"),
    _N.FEED_CAUSE: Kind(
        (_U.WORD,),
        "Cause",
        _words(
            *("address", "certificate", "clock_skew", "disconnected", "disk_full", "forbidden"),
            *("implausible", "name_unknown", "no_answer", "no_names", "rate_limited", "refused"),
            *("region", "silent", "suspended", "test", "unavailable", "unreadable"),
        ),
    ),
    _N.FEED_DROPS: Kind((_U.COUNT,), "Interruptions"),
    _N.FEED_GAP: Kind((_U.WORD,), "Gap in the feed", _words(*GapCause)),
    _N.FEED_GAP_FROM: Kind((_U.UTC,), "Gap from"),
    _N.FEED_GAP_TO: Kind((_U.UTC,), "Gap to"),
    _N.QUALITY: Kind((_U.WORDS,), "Defects in the data", _words(*FindingCode)),
    _N.ALL_CLEAR_PROOF: Kind(
        (_U.WORDS,),
        "Back to normal",
        _words("forced_flow", "price_range", "depth", "later_events"),
    ),
    _N.REWARD_TO_RISK: Kind((_U.FRACTION,), "Reward to risk", most=1.0),
    _N.NOISE_FLOOR: Kind((_U.FRACTION,), "Noise floor"),
    _N.PAST_CASCADES: Kind((_U.COUNT,), "Past cascades studied"),
}


@final
class Fact(Struct, frozen=True):
    """One figure that was measured, or one that was not.

    Checked however it comes to be: constructed, decoded, converted or replaced.

    Parameters
    ----------
    name
        What the figure is.
    value
        Of the kind that the name asks for (:data:`KINDS`); ``None`` is "not measured". Times are
        integers of nanoseconds, lists are tuples of names or words.
    unit
        One of the name's units.
    window_ns
        Half-open stretch of time it was measured over, ``(from, to)``; ``None`` for an instant.
    source
        What it was computed from, ``"binance:liquidations, okx:liquidations"``
        (:func:`airpocket.alerts.names.source_of`). Only an unmeasured fact may lack it.
    at_least
        True for a lower bound: the feed shows less than happened.
    scope
        Symbol or venue it speaks for, where that is not the alert's own scope.

    Raises
    ------
    InputError
        If a part is not what the name asks for.

    Examples
    --------
    >>> fact(FactName.OBSERVED_USD, 134.3e6, source="binance:liquidations", at_least=True).unit
    <Unit.USD: 'usd'>
    """

    name: FactName
    value: Value
    unit: Unit
    window_ns: tuple[int, int] | None = None
    source: str | None = None
    at_least: bool = False
    scope: str | None = None

    def __post_init__(self) -> None:
        if type(self.name) is not FactName:
            raise InputError(f"{self.name!r} is not a FactName: facts have a closed set of names")
        kind = KINDS[self.name]
        if type(self.unit) is not Unit or self.unit not in kind.units:
            raise InputError(f"{self.name}: the unit is {self.unit!r}, not one of {kind.units}")
        if type(self.at_least) is not bool:
            raise InputError(f"{self.name}: at_least is {self.at_least!r}, not True or False")
        force_setattr(self, "value", _checked(self.name, kind, self.unit, self.value))
        force_setattr(self, "window_ns", _window(self.name, self.window_ns))
        if self.source is not None:
            force_setattr(self, "source", _text(self.name, self.source))
        if self.source is None and self.value is not None:
            raise InputError(f"{self.name}: a measured fact needs a source")
        if self.source is not None and not is_source(self.source):
            raise InputError(f"{self.name}: the source {self.source!a} is not 'venue:channel, …'")
        if self.scope is not None:
            force_setattr(self, "scope", _text(self.name, self.scope))
            if not (self.scope == EVERYTHING or is_instrument(self.scope) or is_venue(self.scope)):
                raise InputError(f"{self.name}: the scope {self.scope!a} names nothing known")

    def __init_subclass__(cls, **_: object) -> NoReturn:
        raise TypeError("Fact is final: a subclass could add what is not a fact")


def fact(
    name: FactName,
    value: Any,
    *,
    source: str | None = None,
    window_ns: tuple[int, int] | None = None,
    at_least: bool = False,
    unit: Unit | None = None,
    scope: str | None = None,
) -> Fact:
    """Make a fact in the usual unit of its name (see :class:`Fact` for the parameters)."""
    usual = KINDS[name].units[0] if unit is None else unit
    return Fact(name, value, usual, window_ns, source, at_least, scope)


def _checked(name: FactName, kind: Kind, unit: Unit, value: Any) -> Value:
    """Give the value as an exact built-in of the kind that its unit asks for."""
    if value is None:
        return None
    if unit is Unit.YES_NO:
        if type(value) is not bool:
            raise InputError(f"{name}: {value!r} is neither True nor False")
        return value
    if unit in {Unit.WORD, Unit.WORDS, Unit.SYMBOLS, Unit.VENUES}:
        return _named(name, kind, unit, value)
    if unit in {Unit.COUNT, Unit.UTC}:
        return _whole(name, unit, value)
    return _number(name, kind, unit, value)


def _named(name: FactName, kind: Kind, unit: Unit, value: Any) -> str | tuple[str, ...]:
    if unit is Unit.WORD:
        word = _text(name, value)
        if word not in kind.words:
            raise InputError(f"{name}: {word!a} is not one of {', '.join(sorted(kind.words))}")
        return word
    if type(value) not in {tuple, list}:
        raise InputError(f"{name}: a list of names is a tuple, not {type(value).__name__}")
    names = tuple(_text(name, part) for part in value)
    if len(names) > 500 or len(set(names)) < len(names):
        raise InputError(f"{name}: more than 500 names, or one of them twice")
    for part in names:
        known = {
            Unit.WORDS: part in kind.words,
            Unit.SYMBOLS: unit is Unit.SYMBOLS and is_instrument(part),
            Unit.VENUES: unit is Unit.VENUES and is_venue(part),
        }[unit]
        if not known:
            raise InputError(f"{name}: {part!a} may not be named in an alert")
    return names


def _whole(name: FactName, unit: Unit, value: Any) -> int:
    try:
        whole = operator.index(value)
    except TypeError:
        whole = -1
    whole = int.__int__(whole)
    if isinstance(value, bool) or not 0 <= whole < 2**63:
        raise InputError(f"{name}: {value!r} is not a whole number from 0")
    if unit is Unit.UTC and not is_plausible_ns(whole):
        raise InputError(f"{name}: {whole} is not a time in nanoseconds since 1970")
    return whole


def _number(name: FactName, kind: Kind, unit: Unit, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name}: {value!a} is not a number")
    number = float.__float__(value) if isinstance(value, float) else int.__float__(value)
    if not math.isfinite(number) or abs(number) >= 1e18:
        raise InputError(f"{name}: {number} is not a figure that can be measured")
    if (number < 0 and not kind.signed) or number > kind.most:
        raise InputError(f"{name}: {number} is out of bounds")
    if unit is Unit.PRICE and number == 0:
        raise InputError(f"{name}: a price is above 0")
    return number + 0.0  # -0.0 would be said as "-0"


def _text(name: FactName, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 2_000:
        raise InputError(f"{name}: {type(value).__name__} where a short text is wanted")
    return str.__str__(value)  # the bare text of a subclass, whatever the subclass would print


def _window(name: FactName, window_ns: Any) -> tuple[int, int] | None:
    if window_ns is None:
        return None
    if type(window_ns) is not tuple or len(window_ns) != 2:
        raise InputError(f"{name}: a window is (from, to) in nanoseconds, not {window_ns!r}")
    start, end = (_whole(name, Unit.UTC, edge) for edge in window_ns)
    if end < start:
        raise InputError(f"{name}: the window ends ({end}) before it begins ({start})")
    return start, end
