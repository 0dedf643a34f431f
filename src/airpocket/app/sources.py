"""Recordings as one stream of observations in order of time, whatever they were written in."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, final

from airpocket.errors import AirpocketError, InputError
from airpocket.market.columns import MISSING_INT, Columns
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
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress, Recording
from airpocket.units import SECOND_NS
from airpocket.venues import register

__all__ = [
    "REORDER_NS",
    "TICK_WIDTH_NS",
    "Group",
    "ProgressOf",
    "gather",
    "groups_of",
    "observations",
    "require_one_extract",
]

TICK_WIDTH_NS: Final = SECOND_NS

REORDER_NS: Final = 10 * SECOND_NS
"""How long a bin of ticks waits for those that were written down late."""

Seen: TypeAlias = Bar | ForcedFlow | Mark | Depth | DepthBands | OpenInterest | Funding | Gap

ProgressOf: TypeAlias = Callable[[Label], Progress | None]
"""Gives the progress callback of one recording (or none)."""

_BESIDE_TAPES: Final = (".", "state.db", "watch.log")
_FLOW_CHANNELS: Final = frozenset({"liquidations", "forced_flow", "trades"})


class Group(NamedTuple):
    """Recordings that one detector can follow together: their bins have one width."""

    width_ns: int
    recordings: tuple[Recording, ...]


def gather(paths: Iterable[Path]) -> tuple[list[Recording], list[str]]:
    """Open all sources named on the command line; of a store's folder, its tapes.

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
    paths = [_with_tapes(path) for path in paths]
    folders = {path.resolve() for path in paths if path.is_dir()}
    known: set[Path] = set()
    for path in paths:
        place = path.resolve()
        if place in known or place.parent in folders:
            left_out.append(f"named twice, read once: {path}")
            continue
        known.add(place)
        inside, notes = register.recordings_in(path)
        opened += inside
        left_out += notes
    return opened, left_out


def _with_tapes(path: Path) -> Path:
    """Give the folder of the tapes where that of a store is named, which holds little else."""
    tapes = path / "tapes"
    if not any(tapes.glob("*.tape")):
        return path
    others = (one for one in path.iterdir() if not one.name.startswith(_BESIDE_TAPES))
    return tapes if all(one.is_dir() for one in others) else path


def require_one_extract(recordings: Iterable[Recording]) -> None:
    """Refuse recordings that are different extracts of the same events: their sums would be wrong.

    Parameters
    ----------
    recordings
        What is to be played or written together.

    Raises
    ------
    InputError
        Naming two files of which one has to be left out.
    """
    first: dict[str, Label] = {}
    for recording in recordings:
        label = recording.label
        if label.extract_of is None:
            continue
        known = first.setdefault(label.extract_of, label)
        if known.kind != label.kind:
            raise InputError(
                f"{known.name} ({known.kind}) and {label.name} ({label.kind}) are two extracts of "
                f"{label.extract_of} with other totals: name only one of them"
            )


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
    AirpocketError
        If a recording breaks off: what was read before, its gaps, and all of the others have been
        yielded.
    """
    streams = []
    for number, recording in enumerate(group.recordings):
        progress = None if progress_of is None else progress_of(recording.label)
        streams.append(_Ordered(recording, group.width_ns, progress, number))
    for placed in heapq.merge(*(stream.items() for stream in streams), key=_place):
        yield placed.item
    for stream in streams:
        if stream.broken is not None:
            raise stream.broken


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
        self.broken: AirpocketError | None = None
        self._recording = recording
        self._progress = progress
        self._number = number
        self._width_ns = width_ns
        self._reorder_ns = max(REORDER_NS, width_ns) if width_ns <= REORDER_NS else 0
        self._binner = FlowBinner(width_ns, reorder_ns=self._reorder_ns)
        self._waiting: list[_Placed] = []
        self._newest_ns = 0
        self._take_from_ns = 0
        self._block_kinds: set[type[Any]] = set()

    def items(self) -> Iterator[_Placed]:
        """Yield everything, holding back what a later item may still precede."""
        try:
            for item in self._recording.read(self._progress):
                if isinstance(item, Columns):
                    yield from self._begin_block(item)
                self._take(item)
                if len(self._waiting) >= _HELD and not self._block_kinds:
                    yield from self._release(self._newest_ns - self._width_ns - self._reorder_ns)
        except AirpocketError as error:
            self.broken = error
        for record in self._binner.finish():
            self._wait(record)
        if self._binner.late:
            self._find(self._late())
        yield from self._release(None)

    def _begin_block(self, columns: Columns[Any]) -> Iterator[_Placed]:
        """Release what no later block can precede.

        A recording with several series yields a block of each for the same stretch of time, one
        after the other; the stretch is over when the first of them comes again.
        """
        if columns.kind in self._block_kinds and columns.size:
            times = columns.times()
            begins_ns = int(times[times != MISSING_INT].min(initial=self._newest_ns))
            yield from self._release(begins_ns - self._reorder_ns)
            self._block_kinds.clear()
        self._block_kinds.add(columns.kind)

    def _late(self) -> Finding:
        name, count = self._recording.label.name, self._binner.late
        ticks = "tick has no time or was" if count == 1 else "ticks have no time or were"
        span = self._reorder_ns // SECOND_NS
        return Finding(
            code=FindingCode.REJECTED_ROWS, where=name, count=count,
            said=f"{count:,} {ticks} written down more than {span} s late: in no bin",
        )  # fmt: skip

    def _take(self, item: Item) -> None:
        if isinstance(item, Finding):
            self._find(item)
        elif isinstance(item, Columns):
            self._take_columns(item)
        elif isinstance(item, Trade | Liquidation):
            self._binner.add(item)
            at_ns = item.venue_ns if item.venue_ns is not None else item.local_ns
            self._newest_ns = max(self._newest_ns, at_ns or 0)
            if self._newest_ns >= self._take_from_ns:
                self._take_bins()
        elif isinstance(item, _SEEN):
            self._wait(item)

    def _take_columns(self, columns: Columns[Any]) -> None:
        if columns.kind in {Trade, Liquidation}:
            self._binner.add_columns(columns)
            if columns.size:
                self._newest_ns = max(self._newest_ns, int(columns.times().max()))
            self._take_bins()
        elif columns.kind in _SEEN:
            for event in columns.events():
                self._wait(event)

    def _take_bins(self) -> None:
        for record in self._binner.take():
            self._wait(record)
        self._take_from_ns = (self._newest_ns // self._width_ns + 1) * self._width_ns

    def _find(self, finding: Finding) -> None:
        self._waiting.append(_Placed(self._newest_ns, 0, self._number, finding))

    def _wait(self, record: Seen) -> None:
        if isinstance(record, Gap):
            # What is binned up to the gap is known before it.
            known_ns = (record.from_ns // self._width_ns + 1) * self._width_ns
            rank = 2
        elif isinstance(record, Bar | ForcedFlow):
            # A bin comes before what is said at the moment of its end: that is the next bin's.
            known_ns, rank = (record.venue_ns or 0) + record.width_ns, 0
        else:
            at_ns = record.venue_ns if record.venue_ns is not None else record.local_ns
            if at_ns is None:
                return  # without any time it cannot be placed
            known_ns, rank = at_ns, 1
        if not isinstance(record, Gap):
            self._newest_ns = max(self._newest_ns, known_ns)
        self._waiting.append(_Placed(known_ns, rank, self._number, record))

    def _release(self, until_ns: int | None) -> Iterator[_Placed]:
        self._waiting.sort(key=_place)
        count = len(self._waiting)
        if until_ns is not None:
            count = bisect_right(self._waiting, until_ns, key=lambda placed: placed.known_ns)
        yield from self._waiting[:count]
        del self._waiting[:count]


_HELD: Final = 4096
_SEEN: Final = (Bar, ForcedFlow, Mark, Depth, DepthBands, OpenInterest, Funding, Gap)
