"""A tape read as a recording: each frame through the wire of its venue.

One wire is opened for each (venue, stream) of the tape, because a wire is the memory of one
connection. The holes that the tape recorded come out as the ``Gap`` records they are.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from airpocket.market.events import Gap, GapCause
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Archive, Item, Label, Progress, Recording
from airpocket.market.wire import Wire
from airpocket.store.tape import TapeReader
from airpocket.store.tape_format import is_tape
from airpocket.venues import register

__all__ = ["ARCHIVES", "TapeArchive", "TapeRecording"]


@final
class TapeRecording:
    """One tape, opened anew for each reading.

    Parameters
    ----------
    path
        The tape's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with TapeReader(path) as tape:
            about = tape.about()
        self._frames = sum(stream.frames for stream in about.streams)
        self._label = Label(
            name=path.name,
            kind="airpocket tape",
            venue=", ".join(about.venues),
            channels=("liquidations", "trades"),
            note=f"tape {about.tape_id!r}, {self._frames} frames",
        )

    @property
    def label(self) -> Label:
        """What it is."""
        return self._label

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield events frame by frame, holes where they lie, then the end of every venue."""
        wires: dict[tuple[str, str], Wire] = {}
        rejected: Counter[str] = Counter()
        last: dict[str, int] = {}
        with TapeReader(self._path) as tape:
            holes = list(tape.gaps())
            for frame in tape.frames():
                key = (frame.venue, frame.stream)
                if key not in wires:
                    wires[key] = register.open_wire(frame.venue)
                said = wires[key].decode(frame.data, local_ns=frame.local_ns, raw_ref=frame.raw_ref)
                for reason in said.rejected:
                    rejected[f"{frame.venue}: {reason}"] += 1
                for event in said.events:
                    at_ns = event.venue_ns or event.local_ns
                    if at_ns is not None:
                        last[event.venue] = max(at_ns, last.get(event.venue, at_ns))
                    yield event
                if progress is not None and frame.raw_ref is not None:
                    progress(frame.raw_ref.ordinal + 1, self._frames)
            for hole in holes:
                yield hole.gap
        yield from self._rejections(rejected)
        for venue, at_ns in sorted(last.items()):
            yield Gap(
                venue=venue, symbol="*", raw_symbol="*", venue_ns=at_ns, channel="*",
                from_ns=at_ns, to_ns=None, cause=GapCause.END_OF_RECORDING,
                proven_by=f"end of {self._path.name}",
            )  # fmt: skip

    def _rejections(self, rejected: Counter[str]) -> Iterator[Finding]:
        for reason, count in sorted(rejected.items()):
            yield Finding(
                code=FindingCode.REJECTED_ROWS,
                where=self._path.name,
                said=f"{count} frames or parts were not used: {reason}",
                count=count,
            )


@final
class TapeArchive:
    """Tapes, known by their first bytes."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the file is a tape."""
        return not path.is_dir() and is_tape(head)

    def open(self, path: Path) -> Recording:
        """Open a tape for reading.

        Raises
        ------
        TapeError
            If it is damaged or written by a newer version.
        """
        return TapeRecording(path)


ARCHIVES: Final[tuple[Archive, ...]] = (TapeArchive(),)
