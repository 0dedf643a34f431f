"""What an alert states of an episode: figures with their source; what was not measured, as such."""

from collections.abc import Iterable
from typing import Any, Final

from airpocket.alerts.fact import Fact, FactName, fact
from airpocket.alerts.feeds import FeedState
from airpocket.alerts.names import EVERYTHING, instrument_label, is_venue, source_of
from airpocket.detection.episode import Ending, Episode, Kind, Leg, Transition
from airpocket.errors import InputError
from airpocket.market.events import Coverage, Side
from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["facts_of", "figure", "told_side"]

_MOVED: Final = 0.005  # the least move that confirms a flow (DetectorConfig.move_least)
_LEGS_MOST: Final = 30  # an alert holds 200 facts
_SYMBOLS_MOST: Final = 500
_VENUES_MOST: Final = 24
_N = FactName
_SIDES: Final = {Side.LONG: "longs", Side.SHORT: "shorts", None: None}


def told_side(episode: Episode) -> str | None:
    """Name the side whose positions were closed, as an alert names it; of a shock none is known."""
    return None if episode.kind is Kind.SHOCK else _SIDES[episode.side]


def facts_of(
    news: Transition, episode: Episode, state: FeedState | None = None
) -> tuple[Fact, ...]:
    """Facts of an episode as it stands at a transition.

    Parameters
    ----------
    news
        The transition that made them worth saying.
    episode
        Its episode; only what was measured is stated as a figure, the rest as not measured.
    state
        Which venues are heard; ``None``: concluded from the episode alone.
    """
    is_cascade = episode.kind is Kind.CASCADE
    heard = [venue for venue, _ in episode.venues] or [leg.venue for leg in episode.legs]
    flow = _source("liquidations" if is_cascade else "trades", heard)
    window = (episode.onset_ns, max(episode.end_ns or news.at_ns, episode.onset_ns))
    facts = [
        *(_forced(episode, flow, window, state) if is_cascade else ()),
        *_normal(news, episode, flow),
        *_price(episode, news),
        *_context(episode),
        *_coverage(news, episode, flow, state),
    ]
    if episode.end_ns is not None:
        lasted = (episode.end_ns - episode.onset_ns) / SECOND_NS
        facts.append(figure(_N.DURATION, lasted, source=flow))
    return tuple(facts)


def figure(name: FactName, value: Any, **more: Any) -> Fact:
    """Make a fact; what cannot be a measurement (a price of 0, no number) was not measured.

    Parameters
    ----------
    name, value
        What is stated.
    more
        Source, window, scope and whether it is a lower bound.
    """
    try:
        return fact(name, value, **more)
    except InputError:
        return fact(name, None, scope=more.get("scope"))


def _source(channel: str, venues: Iterable[str]) -> str:
    named = list(dict.fromkeys(venue for venue in venues if is_venue(venue)))
    return source_of(channel, *(named[:_VENUES_MOST] or ["airpocket"]))


def _forced(
    episode: Episode, source: str, window: tuple[int, int], state: FeedState | None
) -> list[Fact]:
    coverage = _joint(episode, state)
    least = coverage is not Coverage.CENSUS
    facts = [
        figure(_N.OBSERVED_USD, episode.usd, source=source, window_ns=window, at_least=least),
        figure(_N.OBSERVED_COUNT, episode.count, source=source, window_ns=window, at_least=least),
        figure(_N.WAVES, len(episode.waves), source=source),
    ]
    if episode.side is not None:
        facts.append(figure(_N.LIQUIDATED_SIDE, _SIDES[episode.side], source=source))
    if episode.peak is not None and episode.unit == "usd" and episode.peak_ns is not None:
        name = _N.PEAK_MINUTE_USD if episode.peak_width_ns == MINUTE_NS else _N.WAVE_PEAK_USD
        peak = (episode.peak_ns, episode.peak_ns + episode.peak_width_ns)
        facts.append(figure(name, episode.peak, source=source, window_ns=peak, at_least=least))
    if episode.adl_first_ns is not None:
        facts += [
            figure(_N.ADL_STARTED, episode.adl_first_ns, source=source),
            figure(_N.ADL_USD, episode.adl_usd, source=source, at_least=least),
            figure(_N.ADL_COUNT, episode.adl_count, source=source, at_least=least),
        ]
    return facts


def _normal(news: Transition, episode: Episode, source: str) -> list[Fact]:
    # Before its first full wave bin an episode is measured by what made it news.
    multiple = episode.multiple if episode.multiple is not None else news.reading.multiple
    history = episode.history_ns / SECOND_NS
    facts = [
        figure(_N.MULTIPLE_OF_BASELINE, multiple, source=source),
        figure(_N.HISTORY_LENGTH, history, source=source),
        figure(_N.PROVISIONAL, episode.provisional, source=source),
        figure(_N.BIN_WIDTH, episode.bin_ns / SECOND_NS, source=source),
        figure(_N.SEVERITY, episode.severity, source=source_of("detector", "airpocket")),
        figure(_N.ONSET, episode.onset_ns, source=source),
    ]
    if episode.unit == "usd" and episode.baseline_per_bin is not None:
        facts.append(figure(_N.BASELINE_USD_PER_BIN, episode.baseline_per_bin, source=source))
    return facts


def _price(episode: Episode, news: Transition) -> list[Fact]:
    if not episode.legs:
        return [
            figure(_N.PRICE_LEG, None),
            figure(_N.PRICE_CONFIRMATION, "unconfirmed", source=source_of("detector", "airpocket")),
        ]
    channel = "bars" if episode.bin_ns >= MINUTE_NS else "trades"
    source = _source(channel, (leg.venue for leg in episode.legs))
    window = (episode.onset_ns, max(news.at_ns, episode.onset_ns))
    word = "confirmed" if episode.confirmed else "unconfirmed"
    facts = [
        figure(_N.PRICE_CONFIRMATION, word, source=source),
        figure(_N.PRICE_LEG, episode.leg, source=source, window_ns=window),
        figure(_N.SNAPBACK_SHARE, episode.snapback, source=source),
    ]
    if episode.scope == "*":
        # A symbol with several prices is told by the one that moved furthest.
        ranked = sorted(episode.legs, key=lambda leg: abs(leg.fraction))
        named = {instrument_label(leg.symbol): leg for leg in ranked if leg.symbol != EVERYTHING}
        moved = tuple(sorted(name for name, leg in named.items() if _has_moved(leg, episode.leg)))
        facts.append(figure(_N.SYMBOLS_IN_MOVE, moved[:_SYMBOLS_MOST], source=source))
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
        figure(_N.PRICE_LEG, leg.fraction, source=source, scope=scope),
        figure(_N.PRICE_REFERENCE, leg.reference, source=source, scope=scope),
        figure(_N.PRICE_EXTREME, leg.extreme, source=source, scope=scope),
        figure(_N.PRICE_EXTREME_TIME, leg.extreme_ns, source=source, scope=scope),
    ]


def _context(episode: Episode) -> list[Fact]:
    source = source_of("detector", "airpocket")
    return [
        figure(_N.DEPTH_SHARE_OF_NORMAL, episode.depth_share, source=source),
        figure(_N.OPEN_INTEREST_CHANGE_COINS, episode.oi_change_coins, source=source),
        figure(_N.OPEN_INTEREST_CHANGE_USD, episode.oi_change_usd, source=source),
        figure(_N.FUNDING_BEFORE, episode.funding_before, source=source),
        # The studies these lines need have not been run: said, not left out.
        figure(_N.REWARD_TO_RISK, None),
        figure(_N.PAST_CASCADES, None),
    ]


def _coverage(
    news: Transition, episode: Episode, source: str, state: FeedState | None
) -> list[Fact]:
    heard = {venue for venue, _ in episode.venues} | {leg.venue for leg in episode.legs}
    throttled = {venue for venue, shown in episode.venues if shown is Coverage.THROTTLED}
    if state is None:
        silent = {gap.venue for gap in episode.gaps if gap.to_ns is None or gap.to_ns > news.at_ns}
    else:
        silent, heard = set(state.silent), {*state.alive, *state.throttled}
        throttled = (throttled | set(state.throttled)) & heard
    inferred = episode.side_inferred or episode.kind is Kind.SHOCK
    facts = [
        figure(_N.COVERAGE, _joint(episode, state).value, source=source),
        figure(_N.INFERRED, inferred, source=source),
    ]
    for name, venues in (
        (_N.VENUES_LIVE, heard - throttled - silent),
        (_N.VENUES_THROTTLED, throttled - silent),
        (_N.VENUES_SILENT, silent),
    ):
        told = tuple(filter(is_venue, sorted(venues)))
        facts.append(figure(name, told if heard or silent else None, source=source))
    if news.reading.watched is not None:
        facts.append(figure(_N.SYMBOLS_WATCHED, news.reading.watched, source=source))
    facts += _gap(news, episode, source)
    if episode.ending is Ending.SETTLED:
        facts.append(figure(_N.ALL_CLEAR_PROOF, _proof(episode), source=source))
    return facts


def _gap(news: Transition, episode: Episode, source: str) -> list[Fact]:
    """State the hole that matters now; nothing was seen after it only while it is open."""
    gap = news.gap or (episode.gaps[-1] if episode.gaps else None)
    if gap is None:
        if episode.ending is not Ending.FEED_ENDED:
            return []
        return [
            figure(_N.FEED_GAP, "end_of_recording", source=source),
            figure(_N.FEED_GAP_FROM, news.at_ns, source=source),
        ]
    facts = [
        figure(_N.FEED_GAP, gap.cause.value, source=source),
        figure(_N.FEED_GAP_FROM, gap.from_ns, source=source),
    ]
    if gap.to_ns is not None:
        facts.append(figure(_N.FEED_GAP_TO, gap.to_ns, source=source))
    elif gap.from_ns >= episode.onset_ns:
        facts.append(figure(_N.LAST_EVENT, gap.from_ns, source=source))
    return facts


def _proof(episode: Episode) -> tuple[str, ...]:
    proof = ["forced_flow"] if episode.kind is Kind.CASCADE else []
    if episode.legs:
        proof.append("price_range")
    if episode.depth_share is not None:
        proof.append("depth")
    return (*proof, "later_events")


def _joint(episode: Episode, state: FeedState | None = None) -> Coverage:
    """Coverage of a sum over venues: that of the weakest of them; with a hole in it, no census."""
    if episode.kind is Kind.SHOCK:
        return Coverage.INFERRED
    ranked = (Coverage.INFERRED, Coverage.SAMPLED, Coverage.THROTTLED, Coverage.CENSUS)
    seen = {coverage for _, coverage in episode.venues}
    joint = next((coverage for coverage in ranked if coverage in seen), Coverage.SAMPLED)
    if joint is Coverage.CENSUS and state is not None and not state.is_whole:
        return Coverage.SAMPLED
    return joint
