"""What the commands print: one JSON object a line, or lines for a person at a terminal."""

from typing import Any

import msgspec

from airpocket.alerts import render
from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.names import instrument_label
from airpocket.app.replay import Saying
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Transition
from airpocket.market.events import Event, Side
from airpocket.market.quality import Finding
from airpocket.units import iso, say_duration, say_usd

__all__ = ["event_json", "saying_json", "saying_lines"]

_SIDES = {Side.LONG: "longs", Side.SHORT: "shorts", None: None}
_SIGNALS = {Kind.CASCADE: "LIQUIDATION_CASCADE", Kind.SHOCK: "SHOCK"}
_STYLES = {
    Phase.CASCADE: "bold red",
    Phase.EXHAUSTED: "yellow",
    Phase.SNAPBACK: "cyan",
    Phase.SETTLED: "green",
    Phase.UNKNOWN: "magenta",
    Phase.BUILDING: "dim",
    Phase.CALM: "dim",
}


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


def saying_json(saying: Saying) -> dict[str, Any]:
    """Write what a replay says as a JSON object with ``type`` alert, phase, quality or episode."""
    if isinstance(saying, InformationalAlert):
        return render.as_json(saying)
    if isinstance(saying, Finding):
        return _finding_json(saying)
    if isinstance(saying, Episode):
        return _episode_json(saying)
    return _phase_json(saying)


def saying_lines(saying: Saying, *, verbose: bool = False) -> list[str]:
    """Write what a replay says as lines of rich markup; none for what only machines need."""
    if isinstance(saying, InformationalAlert):
        return _alert_lines(saying)
    if isinstance(saying, Finding):
        said = render.escape_terminal(saying.said)
        return [f"[yellow]data[/] {saying.code.value}: {said}"]
    if isinstance(saying, Transition):
        return _phase_lines(saying, verbose=verbose)
    return _episode_lines(saying)


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
        "side": None if episode is None else _SIDES[episode.side],
        "time": iso(step.said_ns),
        "at": iso(step.at_ns),
        "onset": None if episode is None else iso(episode.onset_ns),
        "reading": msgspec.to_builtins(step.reading),
        "gap": None if step.gap is None else _gap_json(step.gap),
    }


def _gap_json(gap: Any) -> dict[str, Any]:
    return {
        "venue": gap.venue,
        "channel": gap.channel,
        "symbol": gap.symbol,
        "from": iso(gap.from_ns),
        "to": None if gap.to_ns is None else iso(gap.to_ns),
        "cause": gap.cause.value,
        "proven_by": gap.proven_by,
    }


def _episode_json(episode: Episode) -> dict[str, Any]:
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
    told["venues"] = {venue: coverage.value for venue, coverage in episode.venues}
    told["gaps"] = [_gap_json(gap) for gap in episode.gaps]
    return told


def _stage(episode: Episode) -> str:
    return {
        Ending.OPEN: "open",
        Ending.SETTLED: "all_clear",
        Ending.FEED_ENDED: "feed_ended",
    }[episode.ending]


def _alert_lines(alert: InformationalAlert) -> list[str]:
    first, *rest = render.as_text(alert)
    return ["", f"[bold]{first}[/]", *(f"  {line}" for line in rest), ""]


def _phase_lines(step: Transition, *, verbose: bool) -> list[str]:
    quiet = step.after in {Phase.BUILDING, Phase.CALM} and step.before is not Phase.UNKNOWN
    if quiet and not verbose:
        return []
    reading = step.reading
    numbers = [f"flow score {reading.score:.1f} (needs {reading.threshold:g})"]
    if reading.multiple is not None:
        numbers.append(f"{reading.multiple:,.1f} × baseline")
    if reading.move is not None and reading.move_threshold is not None:
        numbers.append(
            f"price {reading.move * 100:+.2f} % (threshold {reading.move_threshold * 100:.2f} %)"
        )
    if reading.coincident is not None:
        numbers.append(f"{reading.coincident} symbols together")
    style = _STYLES[step.after]
    name = "market" if step.scope == "*" else render.escape_terminal(step.scope)
    kind = "shock " if step.kind is Kind.SHOCK else ""
    moved = f"{iso(step.said_ns):<27} {name} {kind}{step.before.value} →"
    return [f"{moved} [{style}]{step.after.value}[/]  [dim]{' · '.join(numbers)}[/]"]


def _episode_lines(episode: Episode) -> list[str]:
    name = "market" if episode.scope == "*" else instrument_label(episode.scope)
    amount = say_usd(episode.usd) if episode.usd is not None else f"{episode.count or 0:,} prints"
    end = "feed ended" if episode.end_ns is None else iso(episode.end_ns)
    lasted = (
        "" if episode.end_ns is None else f" ({say_duration(episode.end_ns - episode.onset_ns)})"
    )
    leg = "" if episode.leg is None else f", price {episode.leg * 100:+.1f} %"
    waves = len(episode.waves)
    span = f"{iso(episode.onset_ns)} – {end}{lasted}"
    said = f"{span}, {amount}, {waves} wave{'s' if waves != 1 else ''}{leg}"
    return [f"[dim]episode[/] {render.escape_terminal(name)}: {said}"]
