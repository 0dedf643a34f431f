"""A tape read as a recording: each frame through the wire of its venue.

Each connection on the tape has its wire, and an event that several of them said comes out once
(:class:`~airpocket.venues.hearing.Hearing`). The holes that the tape recorded come out as the
``Gap`` records they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, final

from airpocket.errors import TapeError
from airpocket.market.events import Event, Gap, GapCause, event_ns
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Archive, Item, Label, Progress, Recording
from airpocket.market.wire import Frame
from airpocket.store.tape import TapeReader
from airpocket.store.tape_folder import is_own_end
from airpocket.store.tape_format import is_tape
from airpocket.venues.hearing import Hearing

__all__ = ["ARCHIVES", "Rejections", "TapeArchive", "TapeRecording"]

_REASONS_MOST = 100


@final
class TapeRecording:
    """One tape, opened anew for each reading.

    ``first_ns`` and ``last_ns`` are the range of its ``local_ns``, ``None`` if it has none.

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
        self.first_ns = about.first_ns
        self.last_ns = about.last_ns
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

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    @property
    def frames(self) -> int:
        """How many frames it holds."""
        return self._frames

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield events frame by frame, holes where they lie, then the end of every venue.

        Raises
        ------
        TapeError
            If the tape turns out to be damaged: after what was read before, and gaps from there on.
        """
        reading = _Reading(self._path, self._frames)
        try:
            yield from reading.items(progress)
        except TapeError as error:
            yield from reading.findings()
            yield from reading.ends(GapCause.UNREADABLE, str(error))
            raise
        yield from reading.findings()
        yield from reading.ends(GapCause.END_OF_RECORDING, f"end of {self._path.name}")


@final
class Rejections:
    """Counts what could not be used, by venue and reason.

    Parameters
    ----------
    where
        Name of the recording.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._counts: Counter[str] = Counter()

    def note(self, venue: str, reasons: Iterable[str]) -> None:
        """Count the reasons of one frame."""
        for reason in reasons:
            said = f"{venue}: {reason}"
            known = said in self._counts or len(self._counts) < _REASONS_MOST
            self._counts[said if known else "for other reasons"] += 1

    def findings(self) -> Iterator[Finding]:
        """Say which frames could not be used."""
        for reason, count in sorted(self._counts.items()):
            parts = "frame or part was" if count == 1 else "frames or parts were"
            yield Finding(
                code=FindingCode.REJECTED_ROWS,
                where=self._where,
                said=f"{count:,} {parts} not used: {reason}",
                count=count,
            )


@final
class _Reading:
    """One pass over a tape: what is remembered of each stream, and when a venue was last heard."""

    def __init__(self, path: Path, frames: int) -> None:
        self._path = path
        self._frames = frames
        self._hearing = Hearing()
        self._last: dict[str, int] = {}
        self._rejected = Rejections(path.name)

    def items(self, progress: Progress | None) -> Iterator[Item]:
        """Yield events, and each hole before the frame that came after it."""
        with TapeReader(self._path) as tape:
            holes = [hole for hole in tape.gaps() if not is_own_end(hole.gap)]
            for ordinal, frame in enumerate(tape.frames()):
                while holes and holes[0].before_ordinal <= ordinal:
                    yield holes.pop(0).gap
                yield from self._decoded(frame)
                if progress is not None:
                    progress(ordinal + 1, self._frames)
            for hole in holes:
                yield hole.gap

    def _decoded(self, frame: Frame) -> Iterator[Event]:
        if frame.local_ns is not None:
            self._hear(frame.venue, frame.local_ns)
        heard = self._hearing.hear(frame)
        self._rejected.note(frame.venue, heard.said.rejected)
        for event in heard.fresh:
            at_ns = event_ns(event)
            if at_ns is not None:
                self._hear(event.venue, at_ns)
            yield event

    def _hear(self, venue: str, at_ns: int) -> None:
        self._last[venue] = max(at_ns, self._last.get(venue, at_ns))

    def findings(self) -> Iterator[Finding]:
        """Say which frames could not be used."""
        yield from self._rejected.findings()

    def ends(self, cause: GapCause, proven_by: str) -> Iterator[Gap]:
        """Say from when on nothing is known of each venue."""
        for venue, at_ns in sorted(self._last.items()):
            yield Gap(
                venue=venue, symbol="*", raw_symbol="*", venue_ns=at_ns, channel="*",
                from_ns=at_ns, to_ns=None, cause=cause, proven_by=proven_by,
            )  # fmt: skip


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
