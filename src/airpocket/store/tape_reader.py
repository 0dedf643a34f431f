"""Reading a tape: replay, single frames by their ``raw_ref``, and what is known to be missing."""

from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar, final

import msgspec
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.events import Gap, RawRef
from airpocket.market.wire import Frame
from airpocket.store.tape_file import damaged, open_to_read, rows
from airpocket.store.tape_format import SCHEMA_VERSION, Chunk, DamagedChunkError, Held, unpack

__all__ = ["Hole", "Quarantined", "StreamAbout", "TapeAbout", "TapeReader"]

_Row = TypeVar("_Row")


class Hole(Struct, frozen=True, gc=False):
    """A gap and its place: just before the frame ``before_ordinal``."""

    before_ordinal: int
    gap: Gap


class Quarantined(Struct, frozen=True, gc=False):
    """Why a frame, or a part of it, could not be used; its bytes are ``frame(ordinal)``."""

    ordinal: int
    reason: str


class StreamAbout(Struct, frozen=True):
    """What one stream of one venue put on the tape; times are ``local_ns``."""

    venue: str
    stream: str
    frames: int
    bytes: int
    first_ns: int | None
    last_ns: int | None


class TapeAbout(Struct, frozen=True):
    """What a tape holds.

    ``frames`` is also the ordinal of the next frame; ``bytes`` as received, not as stored;
    ``first_ns``/``last_ns`` the range of ``local_ns``. ``is_closed`` is false while a writer is
    at work, and for ever if it was killed.
    """

    tape_id: str
    schema_version: int
    frames: int
    bytes: int
    first_ns: int | None
    last_ns: int | None
    streams: tuple[StreamAbout, ...]
    gaps: int
    quarantined: int
    is_closed: bool

    @property
    def venues(self) -> tuple[str, ...]:
        """Venue ids, sorted."""
        return tuple(sorted({stream.venue for stream in self.streams}))


@final
class TapeReader:
    """Reads a tape, also while it is being written; never writes to it.

    Iterating is asynchronous and gives the frames as a live feed would
    (:class:`~airpocket.market.wire.FrameStream`); :meth:`frames` gives the same, synchronously.

    Parameters
    ----------
    path
        The tape's file.

    Raises
    ------
    SourceError
        If there is no such file.
    TapeError
        If the file is no tape, was written by a newer airpocket, or is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._connection = open_to_read(self._path)
        ((self.tape_id,),) = self._rows(tuple[str], "SELECT tape_id FROM tape")
        self._names: dict[int, tuple[str, str]] = {}
        self._opened: tuple[int, list[Held]] = (0, [])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def frames(
        self,
        from_ordinal: int = 0,
        to_ordinal: int | None = None,
        *,
        venues: Collection[str] | None = None,
        streams: Collection[str] | None = None,
    ) -> Iterator[Frame]:
        """Yield frames in the order of their ordinals.

        On a tape that grows, the end is where it ends when it is reached.

        Parameters
        ----------
        from_ordinal, to_ordinal
            First frame, and the one before which to stop (``None``: the end).
        venues, streams
            Only these; ``None`` means all.

        Raises
        ------
        TapeError
            At a damaged stretch; the message says which ordinal to read on from.
        """
        for first_ordinal, held in self._chunks(from_ordinal, to_ordinal):
            wanted: dict[int, tuple[str, str] | None] = {}
            for ordinal, (code, local_ns, data) in enumerate(held, first_ordinal):
                if code not in wanted:
                    venue, stream = self._name(code)
                    is_wanted = (venues is None or venue in venues) and (
                        streams is None or stream in streams
                    )
                    wanted[code] = (venue, stream) if is_wanted else None
                name = wanted[code]
                if name is not None:
                    yield Frame(*name, local_ns, data, RawRef(self.tape_id, ordinal))

    async def replay(
        self,
        from_ordinal: int = 0,
        to_ordinal: int | None = None,
        *,
        venues: Collection[str] | None = None,
        streams: Collection[str] | None = None,
    ) -> AsyncIterator[Frame]:
        """Yield what :meth:`frames` yields, letting other tasks run between chunks."""
        import asyncio  # noqa: PLC0415 - only who replays has a loop; the others save 30 ms

        at = from_ordinal
        for first_ordinal, held in self._chunks(from_ordinal, to_ordinal):
            at = first_ordinal + len(held)
            for frame in self.frames(first_ordinal, at, venues=venues, streams=streams):
                yield frame
            await asyncio.sleep(0)

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self.replay()

    def frame(self, ordinal: int) -> Frame:
        """Return one frame.

        Raises
        ------
        InputError
            If the tape has no such ordinal.
        TapeError
            If the frame is damaged.
        """
        for frame in self.frames(ordinal, ordinal + 1):
            return frame
        raise InputError(f"{self._path} has no frame {ordinal}: it ends before {self._end()}")

    def bytes_of(self, raw_ref: RawRef) -> bytes:
        """Return the bytes that an event was read from.

        Raises
        ------
        InputError
            If the reference is to another tape or beyond the end.
        TapeError
            If the frame is damaged.
        """
        if raw_ref.tape != self.tape_id:
            raise InputError(f"{raw_ref} is not on {self._path}, which is tape {self.tape_id}")
        return self.frame(raw_ref.ordinal).data

    def gaps(self) -> list[Hole]:
        """Return the gaps in the order they were recorded, each with its place."""
        query = "SELECT before_ordinal, said FROM gap ORDER BY number"
        found = self._rows(tuple[int, bytes], query)
        try:
            return [Hole(before, msgspec.json.decode(said, type=Gap)) for before, said in found]
        except (msgspec.MsgspecError, RecursionError) as error:
            raise damaged(self._path, f"a gap cannot be read ({error})") from error

    def quarantined(self) -> list[Quarantined]:
        """Return the reasons for which frames were rejected, by ordinal."""
        query = "SELECT ordinal, reason FROM quarantine ORDER BY ordinal, reason"
        return [Quarantined(*row) for row in self._rows(tuple[int, str], query)]

    def about(self) -> TapeAbout:
        """Say what the tape holds, without reading its frames."""
        query = "SELECT venue, stream, frames, bytes, first_ns, last_ns FROM stream ORDER BY code"
        shape: Any = tuple[str, str, int, int, int | None, int | None]
        streams = tuple(StreamAbout(*row) for row in self._rows(shape, query))
        firsts = [stream.first_ns for stream in streams if stream.first_ns is not None]
        lasts = [stream.last_ns for stream in streams if stream.last_ns is not None]
        ((gaps, quarantined, is_closed),) = self._rows(
            tuple[int, int, int],
            "SELECT (SELECT count(*) FROM gap), (SELECT count(*) FROM quarantine), is_closed"
            " FROM tape",
        )
        return TapeAbout(
            tape_id=self.tape_id,
            schema_version=SCHEMA_VERSION,
            frames=self._end(),
            bytes=sum(stream.bytes for stream in streams),
            first_ns=min(firsts, default=None),
            last_ns=max(lasts, default=None),
            streams=streams,
            gaps=gaps,
            quarantined=quarantined,
            is_closed=bool(is_closed),
        )

    def check(self) -> None:
        """Read everything and compare it with what the tape says of itself.

        Raises
        ------
        TapeError
            If anything is damaged or missing.
        """
        ((verdict,),) = self._rows(tuple[str], "PRAGMA integrity_check(1)")
        if verdict != "ok":
            raise damaged(self._path, verdict)
        counted: dict[tuple[str, str], int] = {}
        for _, held in self._chunks(0, None):
            for code, _, _ in held:
                name = self._name(code)
                counted[name] = counted.get(name, 0) + 1
        stated = {(said.venue, said.stream): said.frames for said in self.about().streams}
        if counted != stated:
            raise damaged(self._path, "the frames of its streams are not as many as it states")
        self.gaps()
        self.quarantined()

    def _chunks(
        self, from_ordinal: int, to_ordinal: int | None
    ) -> Iterator[tuple[int, list[Held]]]:
        """Yield the frames in question chunk by chunk.

        Each chunk is its own read: a replay that takes hours must not hold a snapshot, or the
        writer's log could not be folded into the file.
        """
        if from_ordinal < 0:
            raise InputError(f"ordinals begin at 0, not at {from_ordinal}")
        at = from_ordinal
        while to_ordinal is None or at < to_ordinal:
            first_ordinal, held = self._opened
            if not first_ordinal <= at < first_ordinal + len(held):
                found = self._load(at)
                if found is None:
                    return
                first_ordinal, held = self._opened = found
            end = first_ordinal + len(held)
            stop = end if to_ordinal is None else min(end, to_ordinal)
            yield at, held[at - first_ordinal : stop - first_ordinal]
            at = stop

    def _load(self, ordinal: int) -> tuple[int, list[Held]] | None:
        row = self._row("WHERE first_ordinal <= ? ORDER BY first_ordinal DESC", ordinal)
        if row is not None and ordinal < row.first_ordinal + row.frames:
            try:
                return row.first_ordinal, unpack(row)
            except DamagedChunkError as error:
                at, until = row.first_ordinal, row.first_ordinal + row.frames
                raise damaged(
                    self._path, f"frames {at} to {until - 1}: {error} (read on from {until})"
                ) from error
        after = self._row("WHERE first_ordinal > ? ORDER BY first_ordinal", ordinal)
        if after is not None:
            until = after.first_ordinal
            raise damaged(
                self._path, f"frames {ordinal} to {until - 1} are missing (read on from {until})"
            )
        return None

    def _row(self, where: str, ordinal: int) -> Chunk | None:
        query = f"SELECT * FROM chunk {where} LIMIT 1"  # noqa: S608 - two literals
        for chunk in self._rows(Chunk, query, ordinal):
            return chunk
        return None

    def _rows(self, shape: type[_Row], query: str, *values: int) -> list[_Row]:
        return rows(self._path, self._connection, shape, query, *values)

    def _name(self, code: int) -> tuple[str, str]:
        if code not in self._names:  # streams may join while the tape is written
            found = self._rows(tuple[int, str, str], "SELECT code, venue, stream FROM stream")
            self._names = {number: (venue, stream) for number, venue, stream in found}
        if code not in self._names:
            raise damaged(self._path, f"it does not say what stream {code} is")
        return self._names[code]

    def _end(self) -> int:
        row = self._row("WHERE first_ordinal >= ? ORDER BY first_ordinal DESC", 0)
        return 0 if row is None else row.first_ordinal + row.frames
