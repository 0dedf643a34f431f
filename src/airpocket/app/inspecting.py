"""``airpocket inspect``: what recordings hold, and what is wrong with them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from airpocket.alerts.render import escape_terminal
from airpocket.app.printing import Bars, console, json_line
from airpocket.app.say import saying_json
from airpocket.app.sources import gather
from airpocket.errors import InputError, SourceError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Event, Gap, event_ns
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Progress, Recording
from airpocket.units import iso

__all__ = ["Contents", "contents_of", "run"]


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


def run(sources: Sequence[Path], *, as_json: bool) -> None:
    """Print what sources hold.

    Raises
    ------
    InputError
        If no source is given, or one cannot be read.
    """
    if not sources:
        raise InputError("inspect needs at least one SOURCE: a recording, or a folder of them")
    recordings, left_out = gather(sources)
    for note in left_out:
        print(note, file=sys.stderr)
    broken: SourceError | None = None
    with Bars() as bars:
        for recording in recordings:
            held, gaps, findings = {}, [], []  # type: ignore[var-annotated]
            try:
                held, gaps, findings = contents_of(recording, bars.of(recording.label))
            except SourceError as error:
                broken = error
            (_print_json if as_json else _print_text)(recording, held, gaps, findings)
    if broken is not None:
        raise broken


def contents_of(
    recording: Recording, progress: Progress | None = None
) -> tuple[dict[tuple[str, str, str], Contents], list[Gap], list[Finding]]:
    """Read a recording through and count what is in it.

    Returns
    -------
    tuple
        Contents by (kind, venue, raw symbol), the gaps, the findings.
    """
    held: dict[tuple[str, str, str], Contents] = {}
    gaps: list[Gap] = []
    findings: list[Finding] = []
    for item in recording.read(progress):
        if isinstance(item, Finding):
            findings.append(item)
        elif isinstance(item, Gap):
            gaps.append(item)
        else:
            _count(held, item)
    return held, gaps, findings


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


def _print_json(
    recording: Recording, held: dict[tuple[str, str, str], Contents], gaps: list[Gap],
    findings: list[Finding],
) -> None:  # fmt: skip
    label = recording.label
    json_line(
        {
            "type": "recording", "name": label.name, "kind": label.kind, "venue": label.venue,
            "channels": list(label.channels), "note": label.note,
        }
    )  # fmt: skip
    for place in held.values():
        json_line(
            {
                "type": "contents", "name": label.name, "kind": place.kind, "venue": place.venue,
                "symbol": place.symbol, "raw_symbol": place.raw_symbol, "count": place.count,
                "from": _time(place.first_ns), "to": _time(place.last_ns),
            }
        )  # fmt: skip
    for gap in gaps:
        json_line(
            {
                "type": "gap", "name": label.name, "venue": gap.venue, "channel": gap.channel,
                "symbol": gap.symbol, "raw_symbol": gap.raw_symbol, "from": iso(gap.from_ns),
                "to": _time(gap.to_ns), "cause": gap.cause.value, "proven_by": gap.proven_by,
            }
        )  # fmt: skip
    for finding in findings:
        json_line(saying_json(finding))


def _print_text(
    recording: Recording, held: dict[tuple[str, str, str], Contents], gaps: list[Gap],
    findings: list[Finding],
) -> None:  # fmt: skip
    out, label = console(), recording.label
    out.print(f"[bold]{escape_terminal(label.name)}[/]  [dim]{label.kind}, {label.venue}[/]")
    if label.note:
        out.print(f"  {escape_terminal(label.note)}")
    shown = sorted(held.values(), key=lambda place: -place.count)
    for place in shown[:_LINES]:
        name = escape_terminal(place.symbol or f"{place.raw_symbol} (unknown instrument)")
        span = f"{_time(place.first_ns)} – {_time(place.last_ns)}"
        out.print(f"  {place.count:>10,} {place.kind:<12} {place.venue:<12} {name:<22} {span}")
    if len(shown) > _LINES:
        rest = sum(place.count for place in shown[_LINES:])
        out.print(f"  {rest:>10,} more, of {len(shown) - _LINES} symbols and kinds")
    inner = [gap for gap in gaps if gap.to_ns is not None]
    out.print(f"  gaps: {len(inner)} within, ends: {len(gaps) - len(inner)}")
    for finding in findings:
        said = escape_terminal(finding.said)
        out.print(f"  [yellow]{finding.code.value}[/] {escape_terminal(finding.where)}: {said}")
    out.print()


_LINES = 20
