"""``airpocket inspect``: what recordings hold, and what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from airpocket.alerts.render import escape_terminal
from airpocket.app.printing import Bars, complain, console, json_line, show
from airpocket.app.say import gap_json, saying_json
from airpocket.app.sources import gather
from airpocket.errors import AirpocketError, InputError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Event, Gap, GapCause, event_ns
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Label, Progress, Recording
from airpocket.units import EARLIEST_NS, SECOND_NS, iso

__all__ = ["Contents", "Holding", "contents_of", "run"]


class Contents(Struct):
    """Events of one kind and symbol in one recording."""

    venue: str
    symbol: str | None
    raw_symbol: str
    kind: str
    count: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def see(self, first_ns: int | None, last_ns: int | None, count: int) -> None:
        """Count events and stretch the range."""
        self.count += count
        if first_ns is not None:
            self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        if last_ns is not None:
            self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)


class Holding(Struct):
    """What one recording holds: contents by (kind, venue, raw symbol), gaps and findings.

    ``broken`` is why it could not be read to its end.
    """

    held: dict[tuple[str, str, str], Contents]
    gaps: list[Gap]
    findings: list[Finding]
    broken: AirpocketError | None = None


def run(sources: Sequence[Path], *, as_json: bool) -> None:
    """Print what sources hold.

    Raises
    ------
    InputError
        If no source is given, or one cannot be read.
    AirpocketError
        If a recording breaks off: after all others, and what was read of it, have been told.
    """
    if not sources:
        raise InputError("inspect needs at least one SOURCE: a recording, or a folder of them")
    recordings, left_out = gather(sources)
    for note in left_out:
        complain(note)
    broken: list[AirpocketError] = []
    whole: list[Contents] = []
    with Bars() as bars:
        for recording in recordings:
            holding = contents_of(recording, bars.of(recording.label))
            if holding.broken is not None:
                broken.append(holding.broken)
            whole += holding.held.values()
            with bars.hidden():
                (_print_json if as_json else _print_text)(recording.label, holding)
    if not as_json and len(recordings) > 1:
        _print_sum(whole, len(recordings))
    for another in broken[1:]:
        complain(f"airpocket: {another}")
    if broken:
        raise broken[0]


def contents_of(recording: Recording, progress: Progress | None = None) -> Holding:
    """Read a recording through, as far as it can be read, and count what is in it.

    Parameters
    ----------
    recording
        What to read.
    progress
        Told how far the reading is.
    """
    holding = Holding({}, [], [])
    try:
        for item in recording.read(progress):
            if isinstance(item, Finding):
                holding.findings.append(item)
            elif isinstance(item, Gap):
                holding.gaps.append(item)
            else:
                _count(holding.held, item)
    except AirpocketError as error:
        holding.broken = error
    return holding


def _count(held: dict[tuple[str, str, str], Contents], item: Item) -> None:
    if isinstance(item, Columns):
        _count_columns(held, item)
    elif not isinstance(item, Finding):
        at_ns = event_ns(item)
        _place(held, item, type(item).__name__).see(at_ns, at_ns, 1)


def _place(held: dict[tuple[str, str, str], Contents], event: Event, kind: str) -> Contents:
    key = (kind, event.venue, event.raw_symbol)
    if key not in held:
        held[key] = Contents(event.venue, event.symbol, event.raw_symbol, kind)
    return held[key]


def _count_columns(held: dict[tuple[str, str, str], Contents], columns: Columns[Any]) -> None:
    times, codes = columns.times(), columns["raw_symbol"]
    for code in range(len(columns.words("raw_symbol"))):
        rows = codes == code
        count = int(rows.sum())
        if not count:
            continue
        first = next(columns.take(rows).take(slice(0, 1)).events())
        placed = times[rows]
        placed = placed[placed != MISSING_INT]
        first_ns = int(placed.min()) if placed.size else None
        last_ns = int(placed.max()) if placed.size else None
        _place(held, first, columns.kind.__name__).see(first_ns, last_ns, count)


def _time(at_ns: int | None) -> str | None:
    return None if at_ns is None else iso(at_ns)


def _print_json(label: Label, holding: Holding) -> None:
    json_line(
        {
            "type": "recording", "name": label.name, "kind": label.kind, "venue": label.venue,
            "channels": list(label.channels), "note": label.note,
            "broken": None if holding.broken is None else str(holding.broken),
        }
    )  # fmt: skip
    for place in holding.held.values():
        json_line(
            {
                "type": "contents", "name": label.name, "kind": place.kind, "venue": place.venue,
                "symbol": place.symbol, "raw_symbol": place.raw_symbol, "count": place.count,
                "from": _time(place.first_ns), "to": _time(place.last_ns),
            }
        )  # fmt: skip
    for gap in holding.gaps:
        json_line({"type": "gap", "name": label.name} | gap_json(gap))
    for finding in holding.findings:
        json_line(saying_json(finding))


def _print_text(label: Label, holding: Holding) -> None:
    out = console()
    show(out, f"[bold]{_safe(label.name)}[/]  [dim]{_safe(label.kind)}, {_safe(label.venue)}[/]")
    if label.note:
        show(out, f"  {_safe(label.note)}", hang=2)
    shown = sorted(holding.held.values(), key=lambda place: -place.count)
    for place in shown[:_LINES]:
        name = place.symbol or f"{place.raw_symbol} (unknown instrument)"
        span = _span(place.first_ns, place.last_ns)
        show(out, f"  {place.count:>11,} {place.kind:<12} {_safe(name):<16} {span}", hang=14)
    if len(shown) > _LINES:
        rest = sum(place.count for place in shown[_LINES:])
        show(out, f"  {rest:>11,} more, of {len(shown) - _LINES} symbols and kinds")
    holes = [gap for gap in holding.gaps if not _is_end(gap)]
    if not shown:
        show(out, f"  [yellow]nothing was seen: {'only gaps' if holes else 'no event'}[/]")
    for line in _gaps(holes):
        show(out, f"  {line}", hang=6)
    for finding in holding.findings:
        show(out, f"  [yellow]{finding.code.value}[/] {_safe(finding.said)}", hang=4)
    if holding.broken is not None:
        show(out, f"  [red]breaks off[/] {_safe(str(holding.broken))}", hang=4)
    show(out, "")


def _print_sum(whole: Sequence[Contents], recordings: int) -> None:
    venues = sorted({place.venue for place in whole})
    first_ns = min((p.first_ns for p in whole if p.first_ns is not None), default=None)
    last_ns = max((p.last_ns for p in whole if p.last_ns is not None), default=None)
    symbols = {(place.venue, place.raw_symbol) for place in whole}
    show(
        console(),
        f"{recordings} recordings: {sum(place.count for place in whole):,} events of "
        f"{len(symbols)} symbols on {_safe(', '.join(venues)) or 'no venue'}, "
        f"{_span(first_ns, last_ns)}",
        hang=2,
    )


def _gaps(holes: Sequence[Gap]) -> list[str]:
    """Tell of the first and the last holes, and how many there are; the JSON has all."""
    told = [f"[magenta]gap[/] {_gap(gap)}" for gap in holes]
    if len(told) <= 2 * _GAPS:
        return told
    between = len(told) - 2 * _GAPS
    return [*told[:_GAPS], f"… {between:,} more of {len(told):,} gaps …", *told[-_GAPS:]]


def _is_end(gap: Gap) -> bool:
    """Tell whether a gap only says that the recording is over, which every one is."""
    return gap.to_ns is None and gap.cause is GapCause.END_OF_RECORDING


def _gap(gap: Gap) -> str:
    start = "ever before" if gap.from_ns <= EARLIEST_NS else _stamp(gap.from_ns)
    end = "the end" if gap.to_ns is None else _stamp(gap.to_ns)
    span = f"{start} – {end}" if gap.from_ns > EARLIEST_NS else f"{start} {end}"
    what = f"{gap.venue} {gap.channel} {gap.symbol or gap.raw_symbol}".replace("*", "(all)")
    return _safe(f"{what}: {span}, {gap.cause.value.replace('_', ' ')}, {gap.proven_by}")


def _span(first_ns: int | None, last_ns: int | None) -> str:
    if first_ns is None or last_ns is None:
        return "without times"
    first, last = _stamp(first_ns), _stamp(last_ns)
    return f"{first} – {last[11:] if first[:10] == last[:10] else last} UTC"


def _stamp(at_ns: int) -> str:
    return iso(at_ns - at_ns % SECOND_NS).replace("T", " ").removesuffix("Z")


def _safe(text: str) -> str:
    return escape_terminal(text)


_LINES = 20
_GAPS = 3  # at each end
