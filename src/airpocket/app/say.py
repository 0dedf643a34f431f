"""What the commands print for machines: one JSON object for each event and saying."""

from typing import Any

import msgspec

from airpocket.alerts import render
from airpocket.alerts.alert import InformationalAlert
from airpocket.app.replay import Saying
from airpocket.detection.episode import Ending, Episode, Kind, Transition
from airpocket.market.events import Event, Gap, Side
from airpocket.market.quality import Finding
from airpocket.units import EARLIEST_NS, iso

__all__ = ["event_json", "gap_json", "saying_json"]

_SIDES = {Side.LONG: "longs", Side.SHORT: "shorts", None: None}
_SIGNALS = {Kind.CASCADE: "LIQUIDATION_CASCADE", Kind.SHOCK: "SHOCK"}


def event_json(event: Event) -> dict[str, Any]:
    """Write an event as a JSON object; times as ISO 8601, missing as null.

    Examples
    --------
    >>> from airpocket.market.events import Mark
    >>> event_json(Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=2.0))["venue_time"]
    """
    told: dict[str, Any] = msgspec.to_builtins(event)
    told.pop("raw_ref", None)
    venue_ns, local_ns = told.pop("venue_ns"), told.pop("local_ns")
    told["venue_time"] = None if venue_ns is None else iso(venue_ns)
    told["local_time"] = None if local_ns is None else iso(local_ns)
    told["raw_ref"] = None if event.raw_ref is None else str(event.raw_ref)
    return told


def saying_json(saying: Saying, *, known_ns: int | None = None) -> dict[str, Any]:
    """Write what a replay says as a JSON object with ``type`` alert, phase, quality or episode.

    ``time`` is when a thing could be said: of an episode its beginning, ``known`` is then its end.

    Parameters
    ----------
    saying
        What was said.
    known_ns
        When the end of an episode was known, which the episode itself does not hold: its last
        transition said so. ``None``: its end, or the last thing known of it.
    """
    if isinstance(saying, InformationalAlert):
        return render.as_json(saying)
    if isinstance(saying, Finding):
        return _finding_json(saying)
    if isinstance(saying, Episode):
        return _episode_json(saying, known_ns)
    return _phase_json(saying)


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "type": "quality",
        "code": finding.code.value,
        "where": finding.where,
        "venue": finding.venue,
        "symbol": finding.symbol,
        "time": None if finding.from_ns is None else iso(finding.from_ns),
        "from": None if finding.from_ns is None else iso(finding.from_ns),
        "to": None if finding.to_ns is None else iso(finding.to_ns),
        "count": finding.count,
        "said": finding.said,
    }


def _phase_json(step: Transition) -> dict[str, Any]:
    episode = step.episode
    return {
        "type": "phase",
        "signal": _SIGNALS[step.kind],
        "symbol": step.scope,
        "before": step.before.value,
        "phase": step.after.value,
        "side": _SIDES[step.side if episode is None else episode.side],
        "time": iso(step.said_ns),
        "at": iso(step.at_ns),
        "onset": None if episode is None else iso(episode.onset_ns),
        "reading": msgspec.to_builtins(step.reading),
        "gap": None if step.gap is None else gap_json(step.gap),
    }


def gap_json(gap: Gap) -> dict[str, Any]:
    """Write a gap; ``from`` is null if it was there from the beginning of time."""
    return {
        "venue": gap.venue,
        "channel": gap.channel,
        "symbol": gap.symbol,
        "raw_symbol": gap.raw_symbol,
        "from": None if gap.from_ns <= EARLIEST_NS else iso(gap.from_ns),
        "to": None if gap.to_ns is None else iso(gap.to_ns),
        "cause": gap.cause.value,
        "proven_by": gap.proven_by,
    }


def _episode_json(episode: Episode, known_ns: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "episode", "signal": _SIGNALS[episode.kind]}
    told |= msgspec.to_builtins(episode)
    told["symbol"] = told.pop("scope")
    told["side"] = _SIDES[episode.side]
    told["stage"] = _stage(episode)
    for name in ("onset", "said", "end", "peak", "adl_first"):
        at_ns = told.pop(f"{name}_ns")
        key = {"peak": "peak_time", "said": "time", "adl_first": "adl_first_time"}.get(name, name)
        told[key] = None if at_ns is None else iso(at_ns)
    told["waves"] = [
        {
            "from": iso(wave.from_ns),
            "peak_time": iso(wave.peak_ns),
            "to": iso(wave.to_ns),
            "peak": wave.peak,
            "total": wave.total,
        }
        for wave in episode.waves
    ]
    for leg, said in zip(told["legs"], episode.legs, strict=True):
        leg["extreme_time"] = iso(said.extreme_ns)
        del leg["extreme_ns"]
    last_ns = max((gap.from_ns for gap in episode.gaps), default=episode.said_ns)
    told["known"] = iso(known_ns or episode.end_ns or max(last_ns, episode.said_ns))
    told["venues"] = {venue: coverage.value for venue, coverage in episode.venues}
    told["gaps"] = [gap_json(gap) for gap in episode.gaps]
    return told


def _stage(episode: Episode) -> str:
    return {
        Ending.OPEN: "open",
        Ending.SETTLED: "all_clear",
        Ending.FEED_ENDED: "feed_ended",
    }[episode.ending]
