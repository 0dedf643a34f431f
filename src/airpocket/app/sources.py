"""Recordings as one stream of observations in order of time, whatever they were written in."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, final

from airpocket.errors import SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import (
    Bar,
    Depth,
    DepthBands,
    ForcedFlow,
    Funding,
    Gap,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.flow import FlowBinner
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Label, Progress, Recording
from airpocket.units import SECOND_NS
from airpocket.venues import register

__all__ = ["TICK_WIDTH_NS", "Group", "ProgressOf", "gather", "groups_of", "observations"]

TICK_WIDTH_NS: Final = SECOND_NS

Seen: TypeAlias = Bar | ForcedFlow | Mark | Depth | DepthBands | OpenInterest | Funding | Gap

ProgressOf: TypeAlias = Callable[[Label], Progress | None]
"""Gives the progress callback of one recording (or none)."""

_FLOW_CHANNELS: Final = frozenset({"liquidations", "forced_flow", "trades"})


class Group(NamedTuple):
    """Recordings that one detector can follow together: their bins have one width."""

    width_ns: int
    recordings: tuple[Recording, ...]


def gather(paths: Iterable[Path]) -> tuple[list[Recording], list[str]]:
    """Open all sources named on the command line.

    Returns
    -------
    tuple
        The recordings, and a sentence for each file under a folder that was left out.

    Raises
    ------
    SourceError
        If a named source is missing or no recording.
    """
    opened: list[Recording] = []
    left_out: list[str] = []
    for path in paths:
        inside, notes = register.recordings_in(path)
        opened += inside
        left_out += notes
    return opened, left_out


def groups_of(recordings: Iterable[Recording]) -> list[Group]:
    """Sort recordings by the width of their bins; context goes with every group.

    A source of ticks is followed in seconds, one of hourly sums in hours. Prices, open interest,
    funding and depth that come alone are context for all.
    """
    flows: dict[int, list[Recording]] = {}
    context: list[Recording] = []
    for recording in recordings:
        label = recording.label
        if _FLOW_CHANNELS.intersection(label.channels):
            flows.setdefault(label.width_ns or TICK_WIDTH_NS, []).append(recording)
        else:
            context.append(recording)
    if not flows:
        widths = [r.label.width_ns for r in context if r.label.width_ns is not None]
        return [Group(min(widths, default=TICK_WIDTH_NS), tuple(context))] if context else []
    return [Group(width, (*flows[width], *context)) for width in sorted(flows)]


def observations(group: Group, progress_of: ProgressOf | None = None) -> Iterator[Seen | Finding]:
    """Merge the recordings of a group in the order in which things could be known.

    Ticks are binned; a bin, bar or sum is known at its end. A finding comes when it is made.

    Raises
    ------
    SourceError
        If a recording breaks off (what was read before has been yielded, with its gaps).
    """
    streams = []
    for number, recording in enumerate(group.recordings):
        progress = None if progress_of is None else progress_of(recording.label)
        streams.append(_Ordered(recording, group.width_ns, progress, number).items())
    for placed in heapq.merge(*streams, key=_place):
        yield placed.item


class _Placed(NamedTuple):
    """An item with its place in the merged order."""

    known_ns: int
    rank: int
    recording: int
    item: Seen | Finding


def _place(placed: _Placed) -> tuple[int, int, int]:
    return placed[:3]


@final
class _Ordered:
    """One recording as placed observations in order of time."""

    def __init__(
        self, recording: Recording, width_ns: int, progress: Progress | None, number: int
    ) -> None:
        self._recording = recording
        self._progress = progress
        self._number = number
        self._width_ns = width_ns
        self._binner = FlowBinner(width_ns)
        self._waiting: list[_Placed] = []
        self._newest_ns = 0

    def items(self) -> Iterator[_Placed]:
        """Yield everything, holding back what a later item may still precede."""
        broken: SourceError | None = None
        try:
            for item in self._recording.read(self._progress):
                self._take(item)
                if len(self._waiting) >= 4096 or isinstance(item, Columns):
                    yield from self._release(self._newest_ns - self._width_ns)
        except SourceError as error:
            broken = error
        for record in self._binner.finish():
            self._wait(record, record)
        yield from self._release(None)
        if broken is not None:
            raise broken

    def _take(self, item: Item) -> None:
        if isinstance(item, Finding):
            self._waiting.append(_Placed(self._newest_ns, 0, self._number, item))
        elif isinstance(item, Columns):
            self._take_columns(item)
        elif isinstance(item, Trade | Liquidation):
            self._binner.add(item)
            at_ns = item.venue_ns if item.venue_ns is not None else item.local_ns
            self._newest_ns = max(self._newest_ns, at_ns or 0)
            if len(self._waiting) % 512 == 0:
                for record in self._binner.take():
                    self._wait(record, record)
        elif isinstance(item, _SEEN):
            self._wait(item, item)

    def _take_columns(self, columns: Columns[Any]) -> None:
        if columns.kind in {Trade, Liquidation}:
            self._binner.add_columns(columns)
            if columns.size:
                self._newest_ns = max(self._newest_ns, int(columns.times().max()))
            for record in self._binner.take():
                self._wait(record, record)
        elif columns.kind in _SEEN:
            for event in columns.events():
                self._wait(event, event)

    def _wait(self, record: Any, item: Seen) -> None:
        if isinstance(record, Gap):
            # What is binned up to the gap is known before it.
            known_ns = (record.from_ns // self._width_ns + 1) * self._width_ns
            rank = 2
        elif isinstance(record, Bar | ForcedFlow):
            # A bin comes before what is said at the moment of its end: that belongs to the next.
            known_ns, rank = (record.venue_ns or 0) + record.width_ns, 0
        else:
            at_ns = record.venue_ns if record.venue_ns is not None else record.local_ns
            if at_ns is None:
                return  # without any time it cannot be placed
            known_ns, rank = at_ns, 1
        if not isinstance(record, Gap):
            self._newest_ns = max(self._newest_ns, known_ns)
        self._waiting.append(_Placed(known_ns, rank, self._number, item))

    def _release(self, until_ns: int | None) -> Iterator[_Placed]:
        self._waiting.sort(key=_place)
        count = len(self._waiting)
        if until_ns is not None:
            count = sum(placed.known_ns <= until_ns for placed in self._waiting)
        yield from self._waiting[:count]
        del self._waiting[:count]


_SEEN: Final = (Bar, ForcedFlow, Mark, Depth, DepthBands, OpenInterest, Funding, Gap)
