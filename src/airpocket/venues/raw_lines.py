"""Recorded frames, one a line: ``<nanoseconds we received it> <the bytes of the frame>``.

The form that hftbacktest's collectors write. The frames go through the venue's wire, so a
recording is read exactly like a live feed.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, final

import numpy as np

from airpocket.market.events import RawRef
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress
from airpocket.market.wire import Wire
from airpocket.store.files import read_lines
from airpocket.units import EARLIEST_NS, LATEST_NS
from airpocket.venues.history import FileRecording, Rejects, SkewMeter

__all__ = ["RawLines"]

_SKEW_ROWS: Final = 1 << 14


@final
class RawLines:
    """Recorded frames of one venue (an :class:`~airpocket.market.source.Archive`).

    Parameters
    ----------
    venue
        Venue id.
    is_frame
        Tells the venue's frames from others by their first bytes.
    open_wire
        Opens the wire that decodes them.
    """

    def __init__(
        self, venue: str, is_frame: Callable[[bytes], bool], open_wire: Callable[[], Wire]
    ) -> None:
        self._venue = venue
        self._is_frame = is_frame
        self._open_wire = open_wire

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the first line: a time in nanoseconds and a frame of the venue."""
        del path
        time_ns, frame = _split(head.partition(b"\n")[0])
        return time_ns is not None and self._is_frame(frame)

    def open(self, path: Path) -> FileRecording:
        """Open one file."""
        label = Label(
            name=path.name,
            kind=f"{self._venue} frames",
            venue=self._venue,
            channels=("frames",),
            note="frames as received; which channels they carry shows when they are read",
        )
        return FileRecording(label, path, partial(self._items, path))

    def _items(self, path: Path, progress: Progress | None) -> Iterator[Item]:
        wire = self._open_wire()
        rejects, skew = Rejects(path.name, self._venue), _Skew()
        notes: dict[str, int] = {}
        for number, line in enumerate(read_lines(path, progress=progress), start=1):
            time_ns, frame = _split(line)
            if time_ns is None:
                rejects.add(number, "does not begin with a time in nanoseconds")
                continue
            said = wire.decode(frame, local_ns=time_ns, raw_ref=RawRef(path.name, number))
            for reason in said.rejected:
                rejects.add(number, reason)
            for note in said.notes:
                notes[note] = notes.get(note, 0) + 1
            for event in said.events:
                skew.add(event.venue_ns, event.local_ns)
                yield event
        yield from rejects.findings()
        yield from skew.findings(path.name, self._venue)
        for note, count in notes.items():
            yield Finding(
                code=FindingCode.ASSUMPTION,
                where=path.name,
                venue=self._venue,
                count=count,
                said=note,
            )


@final
class _Skew:
    """Gathers single events into the blocks that a :class:`SkewMeter` takes."""

    def __init__(self) -> None:
        self._meter = SkewMeter()
        self._pairs: list[tuple[int, int]] = []

    def add(self, venue_ns: int | None, local_ns: int | None) -> None:
        if venue_ns is None or local_ns is None:
            return
        self._pairs.append((venue_ns, local_ns))
        if len(self._pairs) >= _SKEW_ROWS:
            self._flush()

    def findings(self, where: str, venue: str) -> Iterator[Finding]:
        self._flush()
        yield from self._meter.findings(where, venue)

    def _flush(self) -> None:
        if self._pairs:
            clocks = np.array(self._pairs, dtype=np.int64)
            self._meter.add(clocks[:, 0], clocks[:, 1])
            self._pairs.clear()


def _split(line: bytes) -> tuple[int | None, bytes]:
    """Split a line into its time and its frame; no time if it has none.

    Examples
    --------
    >>> _split(b"1723161255030314667 {}")
    (1723161255030314667, b'{}')
    >>> _split(b"{}")[0] is None
    True
    """
    digits, _, frame = line.partition(b" ")
    if len(digits) != 19 or not digits.isdigit():
        return None, line
    time_ns = int(digits)
    return (time_ns if EARLIEST_NS <= time_ns < LATEST_NS else None), frame
