"""The sentences of an alert: fixed templates over facts, with no free text from outside.

Written for a trader at night: what was seen and on which venues first, then how unusual it is, then
the price, then what is not known. What was not measured is said to be so.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.fact import KINDS, Fact, FactName, Unit, fact
from airpocket.alerts.feed_wording import feed_sentences, is_trial
from airpocket.alerts.names import EVERYTHING, base_of
from airpocket.alerts.phrases import cut_off, listed, say_clock, say_names
from airpocket.market.events import Coverage
from airpocket.units import SECOND_NS, iso, say_duration, say_usd

__all__ = ["NOT_MEASURED", "NO_PLAN", "STANDING", "completed", "lines", "say", "sentences"]

NOT_MEASURED: Final = "not measured"
NO_PLAN: Final = (
    "Facts only. Published and open studies disagree in sign; after costs none gives a robust edge."
)

_N = FactName
_FEEDS: Final = (_N.VENUES_LIVE, _N.VENUES_THROTTLED, _N.VENUES_SILENT)
_BRIEF: Final = {
    _N.PRICE_LEG: "price",
    _N.PRICE_REFERENCE: "before",
    _N.PRICE_EXTREME: "extreme",
    _N.PRICE_EXTREME_TIME: "at",
}
_STUDY: Final = (_N.REWARD_TO_RISK, _N.PAST_CASCADES)
# Shown in every full message of a signal, measured or not.
STANDING: Final[dict[Signal, tuple[FactName, ...]]] = {
    Signal.LIQUIDATION_CASCADE: (
        _N.OBSERVED_USD,
        _N.WAVES,
        _N.MULTIPLE_OF_BASELINE,
        _N.PRICE_LEG,
        _N.DEPTH_SHARE_OF_NORMAL,
        _N.OPEN_INTEREST_CHANGE_COINS,
        _N.FUNDING_BEFORE,
        *_FEEDS,
        *_STUDY,
    ),
    Signal.SHOCK: (
        _N.ONE_SIDED_FLOW_USD,
        _N.MULTIPLE_OF_BASELINE,
        _N.PRICE_LEG,
        _N.DEPTH_SHARE_OF_NORMAL,
        *_FEEDS,
        *_STUDY,
    ),
    Signal.FEED_HEALTH: _FEEDS,
}
_TOLD_SHARE: Final = 0.01  # less of a leg taken back is not worth a sentence
_ORDER: Final = {name: place for place, name in enumerate(FactName)}


def say(one: Fact) -> str:
    """Say the value of a fact: with its bound and window, or that it was not measured.

    Examples
    --------
    >>> from airpocket.alerts.fact import fact
    >>> say(fact(FactName.PRICE_LEG, -0.0824, source="okx:mark"))
    '−8.2 %'
    >>> say(fact(FactName.OBSERVED_USD, None))
    'not measured'
    """
    if one.value is None:
        return NOT_MEASURED
    said = _SAID[one.unit](one.value)
    bound = f"at least {said}" if one.at_least else said
    return f"{bound} in {_span(one.window_ns)}" if one.window_ns else bound


def completed(alert: InformationalAlert) -> list[Fact]:
    """Give the facts of an alert in the order of :class:`FactName`, with those that were missed.

    Facts that stand in every message of its signal are there even if nobody measured them; a test
    message has none that could be measured.
    """
    own = {one.name for one in alert.facts if one.scope in {None, alert.scope}}
    standing = () if is_trial(alert) else STANDING[alert.signal]
    absent = [fact(name, None) for name in standing if name not in own]
    return sorted((*alert.facts, *absent), key=lambda one: (_ORDER[one.name], one.scope or ""))


def lines(alert: InformationalAlert) -> list[tuple[str, str, str]]:
    """Give the :func:`completed` facts of an alert as label, value and source.

    What is told of single symbols or venues stands after the rest, a line each, those whose price
    moved furthest first.
    """
    told, apart = [], defaultdict[tuple[str, str], list[Fact]](list)
    for one in completed(alert):
        if one.scope not in {None, alert.scope}:
            apart[one.scope or "", one.source or ""].append(one)
        else:
            told.append((KINDS[one.name].label, _study(one) or say(one), one.source or ""))
    for (scope, source), facts in sorted(apart.items(), key=_furthest):
        said = [one for one in facts if one.value is not None]
        value = ", ".join(f"{_brief(one)} {_study(one) or _at(one, alert)}" for one in said)
        told.append((scope, value or NOT_MEASURED, source))
    return told


def _furthest(part: tuple[tuple[str, str], list[Fact]]) -> tuple[float, tuple[str, str]]:
    key, facts = part
    legs = [one.value for one in facts if one.name is _N.PRICE_LEG]
    return -max((abs(leg) for leg in legs if isinstance(leg, float)), default=0.0), key


def _at(one: Fact, alert: InformationalAlert) -> str:
    """Say a value; a time of the day on which it all began without its date."""
    if one.name is not _N.PRICE_EXTREME_TIME or not isinstance(one.value, int):
        return say(one)
    same_day = iso(one.value)[:10] == iso(alert.onset_ns)[:10]
    return say_clock(one.value) if same_day else say(one)


def _brief(one: Fact) -> str:
    label = KINDS[one.name].label
    return _BRIEF.get(one.name, f"{label[0].lower()}{label[1:]}")


def sentences(alert: InformationalAlert) -> list[str]:
    """Sentences of an alert, the most telling first; the first one must be shown."""
    told = _TOLD[alert.signal](alert)
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in told if sentence]


def _cascade(alert: InformationalAlert) -> list[str]:
    seen, since = _seen(alert), f"since {_began(alert)}"
    if alert.stage is Stage.ALL_CLEAR:
        return [
            f"all clear: {_who(alert)}, cascade of {_began(alert)} over{_after(alert)}",
            f"{seen}{_waves(alert)}",
            *_back(alert),
        ]
    if alert.stage is Stage.FEED_ENDED:
        return [
            f"feed ended, outcome unknown: {_who(alert)}, {seen} {since}",
            *cut_off(alert),
            _price(alert),
            _auto_deleveraging(alert),
            _multiple(alert),
        ]
    return [
        f"{_state(alert)}: {_who(alert)}, {seen}, {since}",
        _multiple(alert),
        _price(alert),
        _taken_back(alert) if alert.stage is Stage.UPDATE else "",
        _silent(alert),
        _depth(alert),
        _auto_deleveraging(alert),
        _open_interest(alert),
        listed(alert, _N.VENUES_THROTTLED, "throttled"),
    ]


def _shock(alert: InformationalAlert) -> list[str]:
    where, start = _where(alert), _began(alert)
    if alert.stage is Stage.ALL_CLEAR:
        return [
            f"all clear: {where}, price shock of {start} over{_after(alert)}",
            *_back(alert),
        ]
    leg = alert.find(_N.PRICE_LEG)
    moved = f"{where} {say(leg)}" if leg and leg.value is not None else f"{where}, {NOT_MEASURED}"
    inferred = "inferred from trades: no liquidation feed seen"
    if alert.stage is Stage.FEED_ENDED:
        return [
            f"feed ended, outcome unknown: price shock, {moved}, since {start}",
            *cut_off(alert),
            inferred,
        ]
    still = "price shock" if alert.stage is Stage.OPEN else "price shock, update"
    return [
        f"{still}: {moved}, since {start}",
        inferred,
        _multiple(alert, "trading "),
        _taken_back(alert) if alert.stage is Stage.UPDATE else "",
        _depth(alert),
        _silent(alert),
    ]


def _state(alert: InformationalAlert) -> str:
    if alert.stage is Stage.OPEN:
        inferred = alert.value(_N.COVERAGE) == Coverage.INFERRED.value
        return "liquidations, inferred" if inferred else "real liquidations"
    waves = alert.value(_N.WAVES)
    return {
        "cascade": f"wave {waves} of the cascade"
        if isinstance(waves, int) and waves > 1
        else "cascade goes on",
        "exhausted": "forced flow has faded, not over yet",
        "snapback": "snap-back, not over yet",
        "unknown": "feed interrupted, outcome unknown",
    }.get(alert.phase, "cascade, update")


def _who(alert: InformationalAlert) -> str:
    if alert.side is None:
        return f"{_where(alert)}, side unknown"
    inferred = " (side inferred)" if alert.value(_N.INFERRED) else ""
    if alert.scope == EVERYTHING:
        return f"{alert.side}{inferred}, {_where(alert)}"
    return f"{_where(alert)} {alert.side}{inferred}"


def _where(alert: InformationalAlert) -> str:
    if alert.scope != EVERYTHING:
        return base_of(alert.scope)
    symbols = alert.value(_N.SYMBOLS_IN_MOVE)
    return f"{len(symbols)} symbols" if isinstance(symbols, tuple) and symbols else "whole market"


def _seen(alert: InformationalAlert) -> str:
    for name in (_N.OBSERVED_USD, _N.OBSERVED_COUNT):
        one = alert.find(name)
        if one is not None and one.value is not None:
            told = f"{'at least ' if one.at_least else ''}{_SAID[one.unit](one.value)}"
            if name is _N.OBSERVED_COUNT:
                told += " forced closes"
            if alert.stage is Stage.ALL_CLEAR:
                return f"{told} liquidated" if name is _N.OBSERVED_USD else told
            span = f" in {_span(one.window_ns)}" if one.window_ns else ""
            return f"{told}{span} ({_venues(one)})"
    return f"amount {NOT_MEASURED}"


def _venues(one: Fact) -> str:
    venues = dict.fromkeys(part.partition(":")[0] for part in (one.source or "").split(", "))
    return say_names(tuple(venues), shown=3)


def _multiple(alert: InformationalAlert, what: str = "") -> str:
    one = alert.find(_N.MULTIPLE_OF_BASELINE)
    if one is None or one.value is None:
        return f"{what}against its normal: {NOT_MEASURED}"
    said = f"{what}{_SAID[one.unit](one.value)} its normal"
    if not alert.value(_N.PROVISIONAL):
        return said
    history = alert.find(_N.HISTORY_LENGTH)
    behind = f": {say(history)} of history" if history and history.value is not None else ""
    return f"{said} (provisional{behind})"


def _price(alert: InformationalAlert) -> str:
    leg, word = alert.find(_N.PRICE_LEG), alert.value(_N.PRICE_CONFIRMATION)
    doubt = {"unconfirmed": "unconfirmed", "against_the_flow": "against the flow"}.get(str(word))
    if leg is None or leg.value is None:
        return f"price {doubt or NOT_MEASURED}"
    return f"price {_SAID[leg.unit](leg.value)}" + (f", {doubt}" if doubt else "")


def _taken_back(alert: InformationalAlert) -> str:
    one = alert.find(_N.SNAPBACK_SHARE)
    if one is None or not isinstance(one.value, float) or one.value < _TOLD_SHARE:
        return ""
    return f"{say(one)} of the price leg taken back"


def _back(alert: InformationalAlert) -> list[str]:
    return [
        _proof(alert),
        _price(alert),
        _taken_back(alert),
        _auto_deleveraging(alert),
        _open_interest(alert),
        _silent(alert),
    ]


def _proof(alert: InformationalAlert) -> str:
    proof = alert.value(_N.ALL_CLEAR_PROOF)
    words = proof if isinstance(proof, tuple) else ()
    back = tuple(word for word in words if word != "later_events")
    later = "later events show it" if back != words else ""
    if not back:
        return later
    return f"back to normal: {say_names(back)}" + (f" ({later})" if later else "")


def _auto_deleveraging(alert: InformationalAlert) -> str:
    start, usd = alert.value(_N.ADL_STARTED), alert.find(_N.ADL_USD)
    if not isinstance(start, int):
        return ""
    amount = f", {say(usd)}" if usd and usd.value is not None else ""
    return f"auto-deleveraging since {say_clock(start)}{amount}"


def _depth(alert: InformationalAlert) -> str:
    one = alert.find(_N.DEPTH_SHARE_OF_NORMAL)
    return f"book at {say(one)} of its normal depth" if one and one.value is not None else ""


def _open_interest(alert: InformationalAlert) -> str:
    one = alert.find(_N.OPEN_INTEREST_CHANGE_COINS)
    return f"open interest {say(one)} in coins" if one and one.value is not None else ""


def _silent(alert: InformationalAlert) -> str:
    return listed(alert, _N.VENUES_SILENT, "no data from")


def _waves(alert: InformationalAlert) -> str:
    waves = alert.value(_N.WAVES)
    if not isinstance(waves, int) or isinstance(waves, bool) or waves < 1:
        return ""
    return f" in {waves} wave{'s' if waves > 1 else ''}"


def _after(alert: InformationalAlert) -> str:
    lasted = alert.value(_N.DURATION)
    return f" after {_seconds(lasted)}" if isinstance(lasted, float) else ""


def _study(one: Fact) -> str | None:
    if one.name is not _N.REWARD_TO_RISK or one.value is None:
        return None
    return f"moves of this size stayed inside the noise floor in {say(one)} of past cases"


def _span(window_ns: tuple[int, int] | None) -> str:
    return say_duration(window_ns[1] - window_ns[0]) if window_ns else ""


def _began(alert: InformationalAlert) -> str:
    """Say the onset: with its date where the day has changed since."""
    day, today = iso(alert.onset_ns)[:10], iso(alert.time_ns)[:10]
    clock = say_clock(alert.onset_ns)
    return clock if day == today else f"{day} {clock}"


def _percent(value: float) -> str:
    percent = abs(value) * 100
    digits = 0 if percent >= 100 else 1 if percent >= 1 else 2 if percent >= 0.1 else 4
    said = f"{percent:,.{digits}f}"
    said = said.rstrip("0").rstrip(".") if digits else said
    return f"{'−' if value < 0 and said != '0' else ''}{said} %"


def _signed_usd(value: float) -> str:
    return f"{'−' if value < 0 else ''}{say_usd(abs(value))}"


def _seconds(value: float) -> str:
    return say_duration(round(value * SECOND_NS))


_SAID: Final[dict[Unit, Callable[..., str]]] = {
    Unit.USD: _signed_usd,
    Unit.COINS: lambda value: f"{value:,.6g} coins".replace("-", "−", 1),
    Unit.PRICE: lambda value: f"{value:,.8g}",
    Unit.FRACTION: _percent,
    Unit.MULTIPLE: lambda value: f"{value:,.0f} ×" if value >= 10 else f"{value:.1f} ×",
    Unit.SCORE: lambda value: f"{value:,.3g}" if value < 1_000 else f"{value:,.0f}",
    Unit.COUNT: lambda value: f"{value:,}",
    Unit.SECONDS: _seconds,
    Unit.UTC: lambda value: f"{iso(value)[:10]} {iso(value)[11:23].rstrip('Z')} UTC",
    Unit.YES_NO: lambda value: "yes" if value else "no",
    Unit.WORD: lambda value: value.replace("_", " "),
    Unit.WORDS: lambda value: say_names(value, shown=20) or "none",
    Unit.SYMBOLS: lambda value: say_names(value, shown=8) or "none",
    Unit.VENUES: lambda value: say_names(value, shown=20) or "none",
}
_TOLD: Final[dict[Signal, Callable[[InformationalAlert], list[str]]]] = {
    Signal.LIQUIDATION_CASCADE: _cascade,
    Signal.SHOCK: _shock,
    Signal.FEED_HEALTH: feed_sentences,
}
