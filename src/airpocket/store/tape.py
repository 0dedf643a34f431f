"""The tape: raw frames as received, kept so that an acknowledged one is never lost.

What it promises
    A frame whose ordinal :meth:`TapeWriter.commit` has returned survives ``kill -9`` and power
    loss (SQLite, write-ahead log, ``synchronous=FULL``), as far as the disk keeps what it said
    it had synced. Ordinals are contiguous from 0, also across restarts. Opening a tape appends.
    There is one writer; readers need no permission. Nothing is parsed, so nothing can be
    rejected: what a wire could not use stays beside its reason (:meth:`TapeWriter.quarantine`).

What it does not
    It has no clock and no thread: the caller decides when to commit. A live feed commits at
    least every 50 ms, in a thread of its own (:meth:`TapeWriter.append` does not wait for a
    commit that the disk holds up). Frames appended and not committed die with the process.
"""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self, final

from airpocket.errors import InputError, TapeError
from airpocket.market.events import Gap
from airpocket.store.tape_buffer import Batch, TapeBuffer, open_end
from airpocket.store.tape_file import damaged, in_words, lock, open_to_write, rows, transaction
from airpocket.store.tape_format import Chunk, DamagedChunkError, count, cut, pack, unpack
from airpocket.store.tape_reader import Hole, Quarantined, StreamAbout, TapeAbout, TapeReader

__all__ = ["Hole", "Quarantined", "StreamAbout", "TapeAbout", "TapeReader", "TapeWriter"]


@final
class TapeWriter:
    """Appends frames to a tape, and says up to which ordinal they are safe.

    Parameters
    ----------
    path
        The tape's file; it is created if missing, and appended to if there.
    tape_id
        Name that the ``raw_ref`` of every event read from this tape will carry; 1 to 120 printable
        characters. Needed for a new tape. For an existing one it is compared if given.
    max_pending_bytes
        Hard limit of what may wait for a commit.
    is_part
        Whether the tape is one of a series: then where the recording was interrupted and where it
        ended is not told by this tape, but by who keeps the series
        (:class:`~airpocket.store.tapes.Tapes`).

    Raises
    ------
    InputError
        If a new tape has no or an unusable ``tape_id``, or the limit is out of range.
    TapeError
        If another writer is at work, the file is no tape, a newer or a damaged one, has another
        id, or cannot be made durable.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with TapeWriter(f"{folder.name}/a.tape", "demo") as tape:
    ...     tape.append("okx", "liquidation-orders", 1_760_130_903_127_372_000, b"{}")
    ...     tape.commit()
    0
    0
    >>> with TapeReader(f"{folder.name}/a.tape") as tape:
    ...     [(str(frame.raw_ref), frame.data) for frame in tape.frames()]
    [('demo#0', b'{}')]
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: Path | str,
        tape_id: str | None = None,
        *,
        max_pending_bytes: int = 64 << 20,
        is_part: bool = False,
    ) -> None:
        if tape_id is not None and not (0 < len(tape_id) <= 120 and tape_id.isprintable()):
            raise InputError(f"tape_id {tape_id!r:.130} is not 1 to 120 printable characters")
        self._path = Path(path).resolve()  # one file has one lock, by whatever name it is reached
        self._committing = threading.Lock()  # of the connection; held while the disk works
        self._is_open = True
        self._is_part = is_part
        self._lock = lock(self._path)
        try:
            self._connection = open_to_write(self._path, tape_id)
        except BaseException:
            self._lock.close()
            raise
        try:
            self._buffer = self._resume(tape_id, max_pending_bytes)
        except BaseException:
            self.abandon()
            raise

    def _resume(self, tape_id: str | None, max_pending_bytes: int) -> TapeBuffer:
        path, connection = self._path, self._connection
        ((found, is_closed),) = rows(path, connection, tuple[str, int], "SELECT * FROM tape")
        query = "SELECT code, venue, stream, frames FROM stream ORDER BY code"
        streams = rows(path, connection, tuple[int, str, str, int], query)
        self._read_last()
        next_ordinal = self._stored()
        if tape_id not in {None, found}:
            raise TapeError(
                f"{path} is tape {found!r}, not {tape_id!r}: leave tape_id out to append to it, or"
                " choose another path"
            )
        if sum(frames for *_, frames in streams) != next_ordinal:
            raise damaged(path, "it has more or fewer frames than it states")
        if [code for code, *_ in streams] != list(range(len(streams))):
            raise damaged(path, "a stream is missing")
        self.tape_id = found
        self._is_marked_closed = bool(is_closed)
        return TapeBuffer(
            max_pending_bytes,
            next_ordinal,
            self._gap_count(),
            {(venue, stream): code for code, venue, stream, _ in streams},
            {} if self._is_part else dict(self._last_heard()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        finally:
            self.abandon()

    @property
    def is_open(self) -> bool:
        """Whether it can be appended to."""
        return self._is_open

    @property
    def next_ordinal(self) -> int:
        """Ordinal that the next frame will get."""
        return self._buffer.next_ordinal

    @property
    def acknowledged(self) -> int:
        """Ordinal of the last frame that is safe, −1 if none is."""
        return self._buffer.first_ordinal - 1

    @property
    def pending_bytes(self) -> int:
        """Memory that waits for a commit."""
        return self._buffer.pending_bytes

    def append(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> int:
        """Take a frame; it is safe once :meth:`commit` has returned its ordinal.

        May be called from one thread while another is inside :meth:`commit`.

        Parameters
        ----------
        venue, stream
            Venue id, and what the frame came over (connection, route, topic or file).
        local_ns
            When it was received, ``None`` if that was not recorded.
        data
            The frame as received.

        Returns
        -------
        int
            Its ordinal.

        Raises
        ------
        LimitError
            If the frame alone is larger than ``max_pending_bytes``.
        TapeError
            If too much waits for a commit: the frame was *not* taken; record a gap.
        """
        self._require_open()
        return self._buffer.take_frame(venue, stream, local_ns, data)

    def record_gap(self, gap: Gap) -> None:
        """Keep a gap, placed before the next frame; it is safe after the next commit.

        A gap that was open (``to_ns`` is ``None``) is closed by recording it again with its end.

        Raises
        ------
        InputError
            If its text cannot be written as UTF-8.
        TapeError
            If too much waits for a commit.
        """
        self._require_open()
        self._buffer.take_gap(gap)

    def quarantine(self, ordinal: int, reason: str) -> None:
        """Keep why a frame or a part of it was rejected; it is safe after the next commit.

        The same reason twice for the same frame is kept once.

        Raises
        ------
        InputError
            If there is no such frame.
        TapeError
            If too much waits for a commit.
        """
        self._require_open()
        self._buffer.take_rejection(ordinal, reason)

    def commit(self) -> int:
        """Write all that waits to the disk and return once the disk has it.

        Returns
        -------
        int
            Ordinal of the last frame that is safe, −1 if there is none.

        Raises
        ------
        TapeError
            If the disk is full or fails: nothing was acknowledged, what waits still waits, and
            the next commit tries again.
        """
        with self._committing:
            self._require_open()
            batch = self._buffer.batch()
            if any(batch):
                with in_words(self._path):
                    self._write(batch)
                self._is_marked_closed = False
                self._buffer.let_go(batch)
            return self.acknowledged

    def close(self) -> None:
        """Commit, mark the end of the recording of each venue, and release the file.

        The end is a ``Gap`` without an end, from the last ``local_ns`` of the venue on; venues
        without any receipt time get none, since only their wires know when they ended, and a part
        of a series has none. A closed tape is one file (beside it lies its empty lock).

        Raises
        ------
        TapeError
            If the disk is full or fails: the tape stays open and ``close`` can be called again.
        """
        if not self._is_open:
            return
        self.commit()
        with self._committing:
            if not self._is_marked_closed:
                with in_words(self._path):
                    self._mark_end()
            # While a reader is there, the log has to stay beside the tape.
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA journal_mode=DELETE")
            self._release()

    def abandon(self) -> None:
        """Release the file without committing what waits and without marking an end."""
        with self._committing:
            self._release()

    def _release(self) -> None:
        self._is_open = False
        self._connection.close()
        self._lock.close()

    def _require_open(self) -> None:
        if not self._is_open:
            raise TapeError(f"{self._path} was closed: open it again to append")

    def _write(self, batch: Batch) -> None:
        # A commit that was interrupted after the disk had it must not be written twice: what the
        # file holds decides, not what this process remembers.
        stored = self._stored()
        waiting = stored - self._buffer.first_ordinal
        if not 0 <= waiting <= len(batch.frames):
            raise damaged(self._path, "its frames were changed from under the writer")
        fresh = batch.frames[waiting:]
        chunks = [pack(first, part) for first, part in cut(stored, fresh)]
        with transaction(self._connection) as connection:
            connection.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?, ?)", chunks)
            connection.executemany(
                "INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET"
                " frames = frames + excluded.frames, bytes = bytes + excluded.bytes,"
                " first_ns = coalesce(min(first_ns, excluded.first_ns), first_ns,"
                " excluded.first_ns),"
                " last_ns = coalesce(max(last_ns, excluded.last_ns), last_ns, excluded.last_ns)",
                count(fresh, self._buffer.names()),
            )
            connection.executemany("INSERT OR IGNORE INTO gap VALUES (?, ?, ?)", batch.gaps)
            connection.executemany("INSERT OR IGNORE INTO quarantine VALUES (?, ?)", batch.rejected)
            if self._is_marked_closed:
                connection.execute("UPDATE tape SET is_closed = 0")

    def _mark_end(self) -> None:
        with transaction(self._connection) as connection:
            heard = [] if self._is_part else self._last_heard()
            for number, (venue, last_ns) in enumerate(heard, self._gap_count()):
                said = open_end(venue, last_ns, None, "the tape was closed")
                row = (number, self.next_ordinal, said)
                connection.execute("INSERT INTO gap VALUES (?, ?, ?)", row)
            connection.execute("UPDATE tape SET is_closed = 1")
        self._is_marked_closed = True

    def _last_heard(self) -> list[tuple[str, int]]:
        query = "SELECT venue, max(last_ns) FROM stream WHERE last_ns IS NOT NULL GROUP BY venue"
        return rows(self._path, self._connection, tuple[str, int], query)

    def _gap_count(self) -> int:
        query = "SELECT coalesce(max(number) + 1, 0) FROM gap"
        return rows(self._path, self._connection, tuple[int], query)[0][0]

    def _stored(self) -> int:
        """Return how many frames the file has."""
        query = "SELECT first_ordinal + frames FROM chunk ORDER BY first_ordinal DESC LIMIT 1"
        found = rows(self._path, self._connection, tuple[int], query)
        return found[0][0] if found else 0

    def _read_last(self) -> None:
        """Make sure that what new frames will follow can be read."""
        query = "SELECT * FROM chunk ORDER BY first_ordinal DESC LIMIT 1"
        for chunk in rows(self._path, self._connection, Chunk, query):
            try:
                unpack(chunk)
            except DamagedChunkError as error:
                what = f"its last chunk, from frame {chunk.first_ordinal} on: {error}"
                raise damaged(self._path, what) from error
