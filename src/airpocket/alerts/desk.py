"""From what the detector says to what people are told: one id an episode, and not too often.

An episode is opened once, updated at most five times, and ended once: by an all-clear if its end
was seen, by "feed ended" if it was not. The desk decides that something is news; it has no
clock and sends nothing.
"""

from collections.abc import Iterable
from typing import Any, Final, final

from airpocket.alerts.alert import InformationalAlert, Signal, Stage, alert_id
from airpocket.alerts.fact import Fact, FactName, fact
from airpocket.alerts.names import EVERYTHING, instrument_label, is_venue, source_of
from airpocket.detection.episode import Ending, Episode, Kind, Leg, Phase, Transition
from airpocket.errors import InputError
from airpocket.market.events import Coverage, Side
from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["LONE_SHOCKS", "UPDATES_MOST", "AlertDesk", "facts_of", "is_lone"]

UPDATES_MOST: Final = 5
LONE_SHOCKS: Final = 5

_SIGNALS: Final = {Kind.CASCADE: Signal.LIQUIDATION_CASCADE, Kind.SHOCK: Signal.SHOCK}
_PHASES: Final = {Stage.ALL_CLEAR: "settled", Stage.FEED_ENDED: "unknown"}
_MOVED: Final = 0.005  # the least move that confirms a flow (DetectorConfig.move_least)
_LEGS_MOST: Final = 30  # an alert holds 200 facts
_SYMBOLS_MOST: Final = 500
_VENUES_MOST: Final = 24
_N = FactName


class _Told:
    """What has been said of one open episode."""

    __slots__ = ("alert_id", "sequence", "time_ns", "updates")

    def __init__(self, alert_id: str) -> None:
        self.alert_id = alert_id
        self.sequence = -1
        self.updates = 0
        self.time_ns = 0


@final
class AlertDesk:
    """Turn transitions into alerts.

    Parameters
    ----------
    salt
        Tells apart two runs that see the same cascade and must not share its id (a tape's id);
        none by default, so that a replay repeats the ids of what it replays.
    lone_shocks
        From so many watched price streams on, a shock of one symbol alone is written down as an
        episode but not alerted: the market has its own.
    pause_ns
        Two updates of one episode are at least so far apart (the opening and the end are not
        held back).

    Examples
    --------
    >>> AlertDesk().take(())
    []
    """

    def __init__(
        self, *, salt: str = "", lone_shocks: int = LONE_SHOCKS, pause_ns: int = MINUTE_NS
    ) -> None:
        self._salt = (salt,) if salt else ()
        self._lone_shocks = lone_shocks
        self._pause_ns = pause_ns
        self._open: dict[tuple[str, Kind, Side | None], _Told] = {}

    def take(
        self, transitions: tuple[Transition, ...] | list[Transition]
    ) -> list[InformationalAlert]:
        """Alerts that some transitions give rise to, in order."""
        said = []
        for transition in transitions:
            stage = self._stage(transition)
            if stage is not None and transition.episode is not None:
                said.append(self._tell(transition, transition.episode, stage))
        return said

    def _stage(self, news: Transition) -> Stage | None:
        """Why a transition is news, or ``None`` if it is not."""
        key = (news.scope, news.kind, news.side)
        episode = news.episode
        if episode is None:
            return None
        if key not in self._open:
            return (
                Stage.OPEN
                if news.after is Phase.CASCADE and not is_lone(news, self._lone_shocks)
                else None
            )
        if episode.ending is Ending.SETTLED:
            return Stage.ALL_CLEAR
        if episode.ending is Ending.FEED_ENDED:
            return Stage.FEED_ENDED
        told = self._open[key]
        if told.updates >= UPDATES_MOST or news.said_ns - told.time_ns < self._pause_ns:
            return None
        return Stage.UPDATE

    def _tell(self, news: Transition, episode: Episode, stage: Stage) -> InformationalAlert:
        key, signal = (news.scope, news.kind, news.side), _SIGNALS[news.kind]
        told = self._open.get(key)
        if told is None:
            onset = episode.onset_ns
            sides = (news.side.value,) if news.side is not None else ()
            name = alert_id(signal, news.scope, onset, *sides, *self._salt)
            told = self._open[key] = _Told(name)
        told.sequence += 1
        told.time_ns = news.said_ns
        told.updates += stage is Stage.UPDATE
        if stage in {Stage.ALL_CLEAR, Stage.FEED_ENDED}:
            del self._open[key]
        side = None if news.kind is Kind.SHOCK else _SIDES[episode.side]
        return InformationalAlert(
            alert_id=told.alert_id, signal=signal, stage=stage,
            phase=_PHASES.get(stage, news.after.value),
            scope=instrument_label(news.scope), side=side,
            time_ns=max(news.said_ns, episode.onset_ns), onset_ns=episode.onset_ns,
            sequence=told.sequence, facts=facts_of(news, episode),
        )  # fmt: skip


def is_lone(news: Transition, least: int = LONE_SHOCKS) -> bool:
    """Tell whether a shock is that of one symbol among many: the market's own speaks for all.

    Parameters
    ----------
    news
        The transition that opens it.
    least
        Watched symbols from which on the market has a shock of its own.
    """
    watched = news.reading.watched or 0
    return news.kind is Kind.SHOCK and news.scope != "*" and watched >= least


_SIDES: Final = {Side.LONG: "longs", Side.SHORT: "shorts", None: None}


def facts_of(news: Transition, episode: Episode) -> tuple[Fact, ...]:
    """Facts of an episode as it stands at a transition.

    Parameters
    ----------
    news
        The transition that made them worth saying.
    episode
        Its episode; only what was measured is stated as a figure, the rest as not measured.
    """
    is_cascade = episode.kind is Kind.CASCADE
    heard = [venue for venue, _ in episode.venues] or [leg.venue for leg in episode.legs]
    flow = _source("liquidations" if is_cascade else "trades", heard)
    window = (episode.onset_ns, max(episode.end_ns or news.at_ns, episode.onset_ns))
    facts = [
        *(_forced(episode, flow, window) if is_cascade else ()),
        *_normal(news, episode, flow),
        *_price(episode, news),
        *_context(episode),
        *_coverage(news, episode, flow),
    ]
    if episode.end_ns is not None:
        lasted = (episode.end_ns - episode.onset_ns) / SECOND_NS
        facts.append(_figure(_N.DURATION, lasted, source=flow))
    return tuple(facts)


def _figure(name: FactName, value: Any, **more: Any) -> Fact:
    """Make a fact; what cannot be a measurement (a price of 0, no number) was not measured."""
    try:
        return fact(name, value, **more)
    except InputError:
        return fact(name, None, scope=more.get("scope"))


def _source(channel: str, venues: Iterable[str]) -> str:
    named = list(dict.fromkeys(venue for venue in venues if is_venue(venue)))
    return source_of(channel, *(named[:_VENUES_MOST] or ["airpocket"]))


def _forced(episode: Episode, source: str, window: tuple[int, int]) -> list[Fact]:
    coverage = _joint(episode)
    least = coverage is not Coverage.CENSUS
    facts = [
        _figure(_N.OBSERVED_USD, episode.usd, source=source, window_ns=window, at_least=least),
        _figure(_N.OBSERVED_COUNT, episode.count, source=source, window_ns=window, at_least=least),
        _figure(_N.WAVES, len(episode.waves), source=source),
    ]
    if episode.side is not None:
        facts.append(_figure(_N.LIQUIDATED_SIDE, _SIDES[episode.side], source=source))
    if episode.peak is not None and episode.unit == "usd" and episode.peak_ns is not None:
        name = _N.PEAK_MINUTE_USD if episode.peak_width_ns == MINUTE_NS else _N.WAVE_PEAK_USD
        peak = (episode.peak_ns, episode.peak_ns + episode.peak_width_ns)
        facts.append(_figure(name, episode.peak, source=source, window_ns=peak, at_least=least))
    if episode.adl_first_ns is not None:
        facts += [
            _figure(_N.ADL_STARTED, episode.adl_first_ns, source=source),
            _figure(_N.ADL_USD, episode.adl_usd, source=source, at_least=least),
            _figure(_N.ADL_COUNT, episode.adl_count, source=source, at_least=least),
        ]
    return facts


def _normal(news: Transition, episode: Episode, source: str) -> list[Fact]:
    # Before its first full wave bin an episode is measured by what made it news.
    multiple = episode.multiple if episode.multiple is not None else news.reading.multiple
    history = episode.history_ns / SECOND_NS
    facts = [
        _figure(_N.MULTIPLE_OF_BASELINE, multiple, source=source),
        _figure(_N.HISTORY_LENGTH, history, source=source),
        _figure(_N.PROVISIONAL, episode.provisional, source=source),
        _figure(_N.BIN_WIDTH, episode.bin_ns / SECOND_NS, source=source),
        _figure(_N.SEVERITY, episode.severity, source=source_of("detector", "airpocket")),
        _figure(_N.ONSET, episode.onset_ns, source=source),
    ]
    if episode.unit == "usd" and episode.baseline_per_bin is not None:
        facts.append(_figure(_N.BASELINE_USD_PER_BIN, episode.baseline_per_bin, source=source))
    return facts


def _price(episode: Episode, news: Transition) -> list[Fact]:
    if not episode.legs:
        return [
            _figure(_N.PRICE_LEG, None),
            _figure(
                _N.PRICE_CONFIRMATION, "unconfirmed", source=source_of("detector", "airpocket")
            ),
        ]
    channel = "bars" if episode.bin_ns >= MINUTE_NS else "trades"
    source = _source(channel, (leg.venue for leg in episode.legs))
    window = (episode.onset_ns, max(news.at_ns, episode.onset_ns))
    word = "confirmed" if episode.confirmed else "unconfirmed"
    facts = [
        _figure(_N.PRICE_CONFIRMATION, word, source=source),
        _figure(_N.PRICE_LEG, episode.leg, source=source, window_ns=window),
        _figure(_N.SNAPBACK_SHARE, episode.snapback, source=source),
    ]
    if episode.scope == "*":
        # A symbol with several prices is told by the one that moved furthest.
        ranked = sorted(episode.legs, key=lambda leg: abs(leg.fraction))
        named = {instrument_label(leg.symbol): leg for leg in ranked if leg.symbol != EVERYTHING}
        moved = tuple(sorted(name for name, leg in named.items() if _has_moved(leg, episode.leg)))
        facts.append(_figure(_N.SYMBOLS_IN_MOVE, moved[:_SYMBOLS_MOST], source=source))
        shown = list(named.items())[-_LEGS_MOST:]
        facts += [part for name, leg in shown for part in _leg(leg, name, channel)]
    elif len(episode.legs) == 1:
        facts += [
            one for one in _leg(episode.legs[0], None, channel) if one.name is not _N.PRICE_LEG
        ]
    return facts


def _has_moved(leg: Leg, whole: float | None) -> bool:
    """Tell whether a price went along: the way of the median, by the least move that counts."""
    return abs(leg.fraction) >= _MOVED and (leg.fraction < 0) == ((whole or 0.0) < 0)


def _leg(leg: Leg, scope: str | None, channel: str) -> list[Fact]:
    source = _source(channel, [leg.venue])
    return [
        _figure(_N.PRICE_LEG, leg.fraction, source=source, scope=scope),
        _figure(_N.PRICE_REFERENCE, leg.reference, source=source, scope=scope),
        _figure(_N.PRICE_EXTREME, leg.extreme, source=source, scope=scope),
        _figure(_N.PRICE_EXTREME_TIME, leg.extreme_ns, source=source, scope=scope),
    ]


def _context(episode: Episode) -> list[Fact]:
    source = source_of("detector", "airpocket")
    return [
        _figure(_N.DEPTH_SHARE_OF_NORMAL, episode.depth_share, source=source),
        _figure(_N.OPEN_INTEREST_CHANGE_COINS, episode.oi_change_coins, source=source),
        _figure(_N.OPEN_INTEREST_CHANGE_USD, episode.oi_change_usd, source=source),
        _figure(_N.FUNDING_BEFORE, episode.funding_before, source=source),
        # The studies these lines need have not been run: said, not left out.
        _figure(_N.REWARD_TO_RISK, None),
        _figure(_N.PAST_CASCADES, None),
    ]


def _coverage(news: Transition, episode: Episode, source: str) -> list[Fact]:
    silent = {gap.venue for gap in episode.gaps if gap.to_ns is None or gap.to_ns > news.at_ns}
    throttled = {venue for venue, shown in episode.venues if shown is Coverage.THROTTLED}
    heard = {venue for venue, _ in episode.venues} | {leg.venue for leg in episode.legs}
    inferred = episode.side_inferred or episode.kind is Kind.SHOCK
    facts = [
        _figure(_N.COVERAGE, _joint(episode).value, source=source),
        _figure(_N.INFERRED, inferred, source=source),
    ]
    for name, venues in (
        (_N.VENUES_LIVE, heard - throttled - silent),
        (_N.VENUES_THROTTLED, throttled - silent),
        (_N.VENUES_SILENT, silent),
    ):
        told = tuple(filter(is_venue, sorted(venues)))
        facts.append(_figure(name, told if heard or silent else None, source=source))
    if news.reading.watched is not None:
        facts.append(_figure(_N.SYMBOLS_WATCHED, news.reading.watched, source=source))
    facts += _gap(news, episode, source)
    if episode.ending is Ending.SETTLED:
        facts.append(_figure(_N.ALL_CLEAR_PROOF, _proof(episode), source=source))
    return facts


def _gap(news: Transition, episode: Episode, source: str) -> list[Fact]:
    """State the hole that matters now; nothing was seen after it only while it is open."""
    gap = news.gap or (episode.gaps[-1] if episode.gaps else None)
    if gap is None:
        if episode.ending is not Ending.FEED_ENDED:
            return []
        return [
            _figure(_N.FEED_GAP, "end_of_recording", source=source),
            _figure(_N.FEED_GAP_FROM, news.at_ns, source=source),
        ]
    facts = [
        _figure(_N.FEED_GAP, gap.cause.value, source=source),
        _figure(_N.FEED_GAP_FROM, gap.from_ns, source=source),
    ]
    if gap.to_ns is not None:
        facts.append(_figure(_N.FEED_GAP_TO, gap.to_ns, source=source))
    elif gap.from_ns >= episode.onset_ns:
        facts.append(_figure(_N.LAST_EVENT, gap.from_ns, source=source))
    return facts


def _proof(episode: Episode) -> tuple[str, ...]:
    proof = ["forced_flow"] if episode.kind is Kind.CASCADE else []
    if episode.legs:
        proof.append("price_range")
    if episode.depth_share is not None:
        proof.append("depth")
    return (*proof, "later_events")


def _joint(episode: Episode) -> Coverage:
    """Coverage of a sum over venues: that of the weakest of them."""
    if episode.kind is Kind.SHOCK:
        return Coverage.INFERRED
    ranked = (Coverage.INFERRED, Coverage.SAMPLED, Coverage.THROTTLED, Coverage.CENSUS)
    seen = {coverage for _, coverage in episode.venues}
    return next((coverage for coverage in ranked if coverage in seen), Coverage.SAMPLED)
