"""A folder of tapes: one a day, kept for so long and so large, read back as one recording.

What it promises
    A frame is appended without waiting for the disk, and is safe once :meth:`Tapes.commit` has
    returned its reference. A new day (UTC, by ``local_ns``) begins a new tape at the next commit,
    and loses nothing. A restart on the same day appends to its tape. One process records into a
    folder at a time. Where nothing was recorded because nobody was there, a gap says so, placed
    before the first frame after it, and ends the holes that were left open.

What it does not
    It has no clock and no thread, as a single tape has none. It deletes only whole tapes that it
    named itself, never the one being written.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self, final

from msgspec.structs import replace

from airpocket.errors import AirpocketError, InputError, TapeError
from airpocket.market.events import Gap, GapCause, RawRef
from airpocket.market.wire import Frame
from airpocket.store.file_lock import hold
from airpocket.store.tape import TapeReader, TapeWriter
from airpocket.store.tape_file import in_words
from airpocket.store.tape_folder import (
    TapeName,
    delete_tape,
    is_own_end,
    read_tapes,
    tapes_in,
    tapes_to_drop,
)
from airpocket.units import DAY_NS

__all__ = ["Tapes"]

_CHECK_BYTES: Final = 16 << 20  # appended between two looks at the size of the folder
_TRIES: Final = 99
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@final
class Tapes:
    """Records into a folder of daily tapes.

    Parameters
    ----------
    folder
        Where they lie; made if missing.
    now_ns
        Today: the tape of this day is opened at once.
    keep_days
        Tapes of so many days are kept, counting those on which something was recorded; ``None``:
        all.
    keep_bytes
        The oldest tapes are deleted while all together are larger; ``None``: no limit. The last
        one is kept, whatever its size.
    max_pending_bytes
        Hard limit of what may wait for a commit.
    on_gap
        Told each gap that the folder itself records, before the frame that it precedes.

    Raises
    ------
    InputError
        If a limit is below 1.
    TapeError
        If another process records here, or the folder or today's tape cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Tapes(folder.name, 1_760_130_903_127_372_000) as tapes:
    ...     str(tapes.append("okx", "public#1", 1_760_130_903_127_372_000, b"{}"))
    ...     str(tapes.commit())
    '2025-10-10#0'
    '2025-10-10#0'
    >>> folder.cleanup()
    """

    def __init__(
        self,
        folder: Path | str,
        now_ns: int,
        *,
        keep_days: int | None = None,
        keep_bytes: int | None = None,
        max_pending_bytes: int = 64 << 20,
        on_gap: Callable[[Gap], None] | None = None,
    ) -> None:
        for name, limit in (("keep_days", keep_days), ("keep_bytes", keep_bytes)):
            if limit is not None and limit < 1:
                raise InputError(f"{name} is {limit}: give 1 or more, or nothing to keep all")
        self._folder = Path(folder)
        self._keep_days = keep_days
        self._keep_bytes = keep_bytes
        self._max_pending_bytes = max_pending_bytes
        self._on_gap = on_gap
        self.notes: list[str] = []
        """What was found wrong with older tapes, one sentence each."""
        self._guard = threading.Lock()  # of what frames go to; held for microseconds
        self._committing = threading.Lock()
        self._retiring: list[TapeWriter] = []  # of the day before, until the commit after next
        self._reading: list[Path] = []
        self._unchecked_bytes = 0
        self._acknowledged: RawRef | None = None
        self._lock = self._take_folder()
        try:
            known = tapes_in(self._folder)
            self._left_open: dict[str, list[Gap]] = {}
            self._silent_since = self._last_heard(known)
            self._name, self._writer = self._open_day(_first_name(now_ns, known))
            self._newest_day = self._name.day
            self._prune()
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        finally:
            self.abandon()

    @property
    def acknowledged(self) -> RawRef | None:
        """The last frame that is safe, ``None`` before the first commit of one."""
        return self._acknowledged

    @property
    def pending_bytes(self) -> int:
        """Memory that waits for a commit."""
        with self._guard:
            writers = [*self._retiring, self._writer]
        return sum(writer.pending_bytes for writer in writers)

    @property
    def folder(self) -> Path:
        """Where the tapes lie."""
        return self._folder

    def tapes(self) -> tuple[Path, ...]:
        """Paths of the tapes, oldest first."""
        return tuple(name.path(self._folder) for name in tapes_in(self._folder))

    def append(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> RawRef:
        """Take a frame; it is safe once :meth:`commit` has returned its reference or a later one.

        Parameters and errors are those of :meth:`airpocket.store.tape.TapeWriter.append`. May be
        called from one thread while another is inside :meth:`commit`.
        """
        if local_ns is not None and venue in self._silent_since:
            self._tell_interruption(venue, local_ns)
        with self._guard:
            ordinal = self._writer.append(venue, stream, local_ns, data)
            raw_ref = RawRef(self._writer.tape_id, ordinal)
            self._unchecked_bytes += len(data)
        if local_ns is not None and local_ns // DAY_NS > self._newest_day:
            self._newest_day = local_ns // DAY_NS
        return raw_ref

    def record_gap(self, gap: Gap) -> None:
        """Keep a gap, placed before the next frame; it is safe after the next commit.

        Errors are those of :meth:`airpocket.store.tape.TapeWriter.record_gap`.
        """
        with self._guard:
            self._writer.record_gap(gap)

    def quarantine(self, raw_ref: RawRef, reason: str) -> None:
        """Keep why a frame, just appended, or a part of it was rejected.

        Raises
        ------
        InputError
            If there is no such frame, or its tape was finished with a commit ago.
        TapeError
            If too much waits for a commit.
        """
        with self._guard:
            for writer in (self._writer, *self._retiring):
                if writer.tape_id == raw_ref.tape:
                    writer.quarantine(raw_ref.ordinal, reason)
                    return
        raise InputError(f"{raw_ref} is on no tape that is being written: quarantine it at once")

    def commit(self) -> RawRef | None:
        """Write all that waits to the disk, and begin the tape of a new day if one has come.

        Returns
        -------
        RawRef or None
            The last frame that is safe; ``None`` if there is none.

        Raises
        ------
        TapeError
            If the disk is full or fails: what waits still waits, and the next commit tries again.
        """
        with self._committing:
            with self._guard:
                retired, current = self._retiring[:], self._writer
            for writer in retired:
                self._note_safe(writer, writer.commit())
                writer.close()
                with self._guard:
                    self._retiring.remove(writer)
            self._note_safe(current, current.commit())
            if self._newest_day > self._name.day:
                self._turn_to(self._newest_day)
            if self._unchecked_bytes > _CHECK_BYTES:
                self._prune()
            return self._acknowledged

    def close(self) -> None:
        """Commit and release the folder. That the recording has ended is not told: it may go on.

        Raises
        ------
        TapeError
            If the disk is full or fails: the tapes stay open and ``close`` can be called again.
        """
        with self._committing:
            for writer in [*self._retiring, self._writer]:
                self._note_safe(writer, -1 if not writer.is_open else writer.commit())
                writer.close()
            self._lock.close()

    def abandon(self) -> None:
        """Release the folder without committing what waits."""
        with self._committing:
            for writer in [*self._retiring, self._writer]:
                writer.abandon()
            self._lock.close()

    def frames_since(self, local_ns: int) -> Iterator[Frame | Gap]:
        """Yield what the tapes hold from a time on, gaps at their place.

        Holes that were open by then come first. Frames committed later than this is called are not
        yielded. A damaged tape is left where it breaks off, and :attr:`notes` says so.

        Parameters
        ----------
        local_ns
            By ``local_ns`` of the frames.
        """
        with self._guard:
            until = {self._name.path(self._folder): self._writer.acknowledged + 1}
        return self._read(self.tapes(), local_ns, until)

    def _read(
        self, paths: tuple[Path, ...], since_ns: int, until: dict[Path, int]
    ) -> Iterator[Frame | Gap]:
        self._reading += paths
        try:
            yield from read_tapes(paths, since_ns=since_ns, until=until, on_damage=self._note)
        finally:
            for path in paths:
                self._reading.remove(path)

    # -- one tape after the other --------------------------------------------------------------

    def _take_folder(self) -> sqlite3.Connection:
        folder = self._folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TapeError(f"{folder}: cannot be made a folder ({error.strerror})") from error
        with in_words(folder):
            holder = hold(folder / "recorder.tape")
        if holder is None:
            raise TapeError(
                f"{folder}: another airpocket records into it: stop that one, or choose another"
                " [store] folder"
            )
        return holder

    def _open_day(self, name: TapeName) -> tuple[TapeName, TapeWriter]:
        """Open the tape of a day; one that is damaged is kept and another one begun."""
        for number in range(name.number, name.number + _TRIES):
            wanted = TapeName(name.day, number)
            path = wanted.path(self._folder)
            is_new = not path.exists()
            try:
                writer = TapeWriter(
                    path,
                    wanted.tape_id if is_new else None,
                    max_pending_bytes=self._max_pending_bytes,
                    is_part=True,
                )
            except TapeError as error:
                if is_new or not _is_damage(error):
                    raise
                self._note(error)
                continue
            return wanted, writer
        raise TapeError(f"{self._folder}: {_TRIES} tapes of {name.tape_id} are damaged")

    def _turn_to(self, day: int) -> None:
        name, writer = self._open_day(TapeName(day, 1))
        with self._guard:
            self._retiring.append(self._writer)
            self._name, self._writer = name, writer
        self._prune()

    def _note_safe(self, writer: TapeWriter, ordinal: int) -> None:
        if ordinal >= 0:
            self._acknowledged = RawRef(writer.tape_id, ordinal)

    def _last_heard(self, known: list[TapeName]) -> dict[str, int]:
        """Find out when each venue was last heard, and the holes that nobody has closed."""
        heard: dict[str, int] = {}
        holes: dict[tuple[str, str, str, int], Gap] = {}
        for name in known:
            try:
                with TapeReader(name.path(self._folder)) as tape:
                    streams, gaps = tape.about().streams, tape.gaps()
            except AirpocketError as error:
                self._note(error)
                continue
            for stream in streams:
                if stream.last_ns is not None:
                    heard[stream.venue] = max(stream.last_ns, heard.get(stream.venue, 0))
            for gap in (hole.gap for hole in gaps if not is_own_end(hole.gap)):
                holes[gap.venue, gap.channel, gap.raw_symbol, gap.from_ns] = gap
        for gap in holes.values():
            if gap.to_ns is None:
                self._left_open.setdefault(gap.venue, []).append(gap)
        return heard

    def _tell_interruption(self, venue: str, local_ns: int) -> None:
        since_ns = self._silent_since.pop(venue)
        gap = Gap(
            venue=venue, symbol="*", raw_symbol="*", local_ns=local_ns, channel="*",
            from_ns=since_ns, to_ns=max(since_ns, local_ns), cause=GapCause.DISCONNECT,
            proven_by="nothing was being recorded",
        )  # fmt: skip
        # Holes that were open when the recorder stopped end here as well: who records now opens
        # its own for what it does not hear.
        left = [
            replace(one, to_ns=max(one.from_ns, local_ns)) for one in self._left_open.pop(venue, ())
        ]
        for one in (gap, *left):
            self.record_gap(one)
            if self._on_gap is not None:
                self._on_gap(one)

    def _prune(self) -> None:
        self._unchecked_bytes = 0
        kept_open = {self._name.path(self._folder), *self._reading}
        kept_open |= {self._folder / f"{writer.tape_id}.tape" for writer in self._retiring}
        for path in tapes_to_drop(
            self._folder, keep_days=self._keep_days, keep_bytes=self._keep_bytes
        ):
            if path not in kept_open:
                delete_tape(path)

    def _note(self, error: AirpocketError) -> None:
        said = str(error)
        if said not in self.notes and len(self.notes) < _TRIES:
            self.notes.append(said)


def _first_name(now_ns: int, known: list[TapeName]) -> TapeName:
    """Name the tape to go on with: today's, or a newer one if our clock was a little ahead."""
    today = now_ns // DAY_NS
    last = known[-1] if known else TapeName(today, 1)
    if today <= last.day <= today + 1:
        return last
    return max((name for name in known if name.day == today), default=TapeName(today, 1))


def _is_damage(error: TapeError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
    return "is being written" not in str(error)
