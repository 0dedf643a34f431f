"""What stands across the whole screen: a cascade, its all-clear, what is not seen or not kept.

An all-clear is as large as the alarm was. Nothing is called calm that is not seen.
"""

import math
from typing import Final

from msgspec import Struct

from airpocket.app.watch_words import (
    amount,
    clock,
    count,
    duration,
    figures,
    name_of,
    percent,
    short,
)
from airpocket.live.view import EpisodeView, ScopeView, VenueView, WatchView
from airpocket.market.events import HealthState
from airpocket.units import MINUTE_NS

__all__ = ["DOWN", "NEWS_NS", "Banner", "banners", "calm_line", "outages_of"]

DOWN: Final = frozenset({HealthState.SUSPECT, HealthState.DEAD, HealthState.BLOCKED})
NEWS_NS: Final = 15 * MINUTE_NS
"""An all-clear stands on the screen for so long."""

_UNSEEN_STYLE: Final = "bold black on yellow"
_LOST_STYLE: Final = "bold white on magenta"
_OPEN: Final = {
    "cascade": ("CASCADE", "bold white on red"),
    "exhausted": ("FADED, NOT OVER", "bold black on yellow"),
    "snapback": ("SNAP-BACK, NOT OVER", "bold black on yellow"),
    "unknown": ("OUTCOME UNKNOWN", _LOST_STYLE),
}
_RANKS: Final = {phase: rank for rank, phase in enumerate(_OPEN)}
_NAMED_MOST: Final = 4
_RANKS_DOWN: Final = {HealthState.SUSPECT: 0, HealthState.DEAD: 1, HealthState.BLOCKED: 2}


class Banner(Struct, frozen=True):
    """One thing across the screen: a word that cannot be missed, whom it is about, figures."""

    word: str
    about: str
    detail: str
    style: str


def banners(view: WatchView) -> list[Banner]:
    """Give the banners of a moment, the most pressing first; none where all is calm and seen."""
    return [*_not_kept(view), *_open(view), *_unseen(view), *_ended(view)]


def calm_line(view: WatchView) -> str:
    """Say that nothing is going on, or what has not come yet."""
    waiting = [one.venue for one in view.venues if one.last_frame_ns is None]
    if waiting:
        names = ", ".join(short(name, 24) for name in waiting[:8])
        return f"connecting: no data yet from {names}"
    watched = [one for one in view.scopes if one.symbol != "*" and one.seen]
    if not watched:
        return "connected: no symbol seen yet"
    return f"calm: no cascade in {count(len(watched), 'symbol')} that are seen".replace(
        "1 symbol that are", "1 symbol that is"
    )


def outages_of(venue: VenueView) -> list[tuple[HealthState, str, int | None, tuple[str, ...]]]:
    """Give what of a venue is out: state, reason, since when, and channels; the worst first."""
    found: dict[tuple[HealthState, str], tuple[int | None, tuple[str, ...]]] = {}
    for one in venue.channels:
        if one.state in DOWN and one.state is not None:
            since_ns, names = found.get((one.state, one.reason), (one.since_ns, ()))
            begun = [at_ns for at_ns in (since_ns, one.since_ns) if at_ns is not None]
            found[one.state, one.reason] = (min(begun, default=None), (*names, one.channel))
    ranked = sorted(found.items(), key=lambda part: (-_RANKS_DOWN[part[0][0]], part[0][1]))
    return [(state, reason, *rest) for (state, reason), rest in ranked]


def _not_kept(view: WatchView) -> list[Banner]:
    if view.tape.fault is None:
        return []
    return [Banner("NOT KEPT", short(view.tape.fault), "what is received is lost", _LOST_STYLE)]


def _open(view: WatchView) -> list[Banner]:
    found = [one for one in view.scopes if one.phase in _OPEN]
    phases = sorted({one.phase for one in found}, key=_RANKS.__getitem__)
    return [
        _of_phase(view, phase, [one for one in found if one.phase == phase]) for phase in phases
    ]


def _of_phase(view: WatchView, phase: str, scopes: list[ScopeView]) -> Banner:
    word, style = _OPEN[phase]
    first, *others = sorted(scopes, key=_weight)
    if first.kind == "shock":
        word = "PRICE SHOCK" if phase == "cascade" else f"PRICE SHOCK {word}"
    about = _who(first)
    if others:
        named = ", ".join(_who(one) for one in others[:_NAMED_MOST])
        more = len(others) - _NAMED_MOST
        about += f", {named}" + (f" and {more} more" if more > 0 else "")
    detail = figures(view, first)
    if others:
        detail = f"{name_of(first.symbol)}: {detail}"
    return Banner(word, about, detail, style)


def _weight(scope: ScopeView) -> tuple[bool, bool, float, str]:
    """Order open scopes: cascades before shocks, the market first, then the largest."""
    usd = scope.usd if scope.usd is not None and math.isfinite(scope.usd) else 0.0
    return scope.kind == "shock", scope.symbol != "*", -usd, scope.symbol


def _who(scope: ScopeView | EpisodeView) -> str:
    side = short(scope.side, 12) if scope.side else ""
    return f"{name_of(scope.symbol)} {side}".strip()


def _unseen(view: WatchView) -> list[Banner]:
    told, oldest = [], []
    for venue in view.venues:
        outages = outages_of(venue)
        out = sum(len(names) for *_, names in outages)
        for state, _, since_ns, names in outages:
            whole = out == len(venue.channels) and len(outages) == 1
            what = "" if whole else f" {', '.join(short(name, 24) for name in names)}"
            told.append(f"{short(venue.venue, 24)}{what.replace('_', ' ')} {state.value}")
            oldest += [since_ns] if since_ns is not None else []
    if not told:
        return []
    since = f"since {clock(oldest[0])} · " if len(told) == len(oldest) == 1 else ""
    detail = f"{since}what happens there is not seen: silence there is not calm"
    return [Banner("NOT SEEN", " · ".join(told), detail, _UNSEEN_STYLE)]


def _ended(view: WatchView) -> list[Banner]:
    told = []
    for one in view.episodes:
        if one.end_ns is None or not 0 <= view.now_ns - one.end_ns <= NEWS_NS:
            continue
        what = "price shock" if one.kind == "shock" else "cascade"
        start = f"{what} of {clock(one.onset_ns)}"
        if one.ending == "settled":
            about = f"{_who(one)}, {start} over since {clock(one.end_ns)}"
            told.append(Banner("ALL CLEAR", about, _total(one), "bold black on green"))
        elif one.ending == "feed_ended":
            about = f"{_who(one)}, {start}: the feed ended"
            detail = f"this is not an all-clear · {_total(one)}"
            told.append(Banner("OUTCOME UNKNOWN", about, detail, _LOST_STYLE))
    return told[:3]


def _total(one: EpisodeView) -> str:
    lasted = None if one.end_ns is None else one.end_ns - one.onset_ns
    parts = [f"lasted {duration(lasted)}" if lasted is not None else ""]
    if one.kind != "shock":
        parts.append(amount(one.usd, at_least=one.at_least))
    parts.append(percent(one.move))
    if one.waves is not None and one.waves > 1:
        parts.append(count(one.waves, "wave"))
    return " · ".join(part for part in parts if part)
