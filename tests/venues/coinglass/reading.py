"""Reading a whole CoinGlass file, for the tests of this folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from airpocket.market.columns import Columns
from airpocket.market.events import (
    Event,
    Gap,
    GapCause,
)
from airpocket.market.quality import Finding
from airpocket.market.source import Recording
from airpocket.store.files import head
from airpocket.units import ns_from_iso
from airpocket.venues.coinglass.archive import ARCHIVES

_E = TypeVar("_E", bound=Event)


def opened(path: Path) -> Recording:
    first = head(path)
    (archive,) = [archive for archive in ARCHIVES if archive.claims(path, first)]
    return archive.open(path)


def contents(path: Path) -> tuple[list[Event], list[Finding]]:
    events: list[Event] = []
    findings: list[Finding] = []
    for item in opened(path).read():
        if isinstance(item, Columns):
            events.extend(item.events())
        elif isinstance(item, Finding):
            findings.append(item)
        else:
            events.append(item)
    times = [event.venue_ns or 0 for event in events]
    assert times == sorted(times)
    last = events[-1]
    assert isinstance(last, Gap)
    assert last.cause is GapCause.END_OF_RECORDING
    return events, findings


def only(events: Iterable[Event], kind: type[_E]) -> list[_E]:
    return [event for event in events if isinstance(event, kind)]


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def at(iso_time: str, extra: int = 0) -> int:
    return ns_from_iso(iso_time) // 10**6 + extra
