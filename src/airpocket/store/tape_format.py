"""The layout of a tape: tables, and the chunk of frames that is one row.

A chunk is compressed and carries a CRC over its place and its bytes, because SQLite does not
checksum its pages: a flipped bit is found, not replayed. A tape may come from a stranger, so
sizes are checked before anything is inflated.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

__all__ = [
    "APPLICATION_ID",
    "MAX_CHUNK_BYTES",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Chunk",
    "DamagedChunkError",
    "Held",
    "count",
    "cut",
    "is_tape",
    "pack",
    "unpack",
]

APPLICATION_ID: Final = int.from_bytes(b"airp", "big")
SCHEMA_VERSION: Final = 1
SCHEMA: Final = (
    "CREATE TABLE tape (tape_id TEXT NOT NULL, is_closed INTEGER NOT NULL)",
    """CREATE TABLE stream (code INTEGER PRIMARY KEY, venue TEXT NOT NULL, stream TEXT NOT NULL,
    frames INTEGER NOT NULL, bytes INTEGER NOT NULL, first_ns INTEGER, last_ns INTEGER,
    UNIQUE (venue, stream))""",
    """CREATE TABLE chunk (first_ordinal INTEGER PRIMARY KEY, frames INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)""",
    """CREATE TABLE gap (number INTEGER PRIMARY KEY, before_ordinal INTEGER NOT NULL,
    said BLOB NOT NULL)""",
    """CREATE TABLE quarantine (ordinal INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (ordinal, reason)) WITHOUT ROWID""",
)

MAX_CHUNK_BYTES: Final = 256 << 20  # inflated; no frame of a venue comes near it

_CHUNK_BYTES: Final = 1 << 20  # a single frame is read by inflating its chunk
_CHUNK_FRAMES: Final = 1 << 14
_NO_TIME: Final = -(2**63)
_PER_FRAME_BYTES: Final = 4 + 8 + 4  # code, local_ns, length
_LEVEL: Final = 3  # of zlib: JSON shrinks nearly as far as at 6, in half the time

Held: TypeAlias = "tuple[int, int | None, bytes]"
"""One frame inside a chunk: code of its stream, local_ns, data."""


class DamagedChunkError(Exception):
    """A chunk is not what was written; the reader says which file and what to do."""


class Chunk(NamedTuple):
    """One row of ``chunk``, in the order of its columns."""

    first_ordinal: int
    frames: int
    raw_bytes: int
    crc: int
    body: bytes


def pack(first_ordinal: int, held: Sequence[Held]) -> Chunk:
    """Write frames as one chunk: codes, times and lengths as columns, then the bytes.

    Examples
    --------
    >>> unpack(pack(7, [(0, 1_760_130_903_127_372_000, b"{}"), (1, None, b"")]))
    [(0, 1760130903127372000, b'{}'), (1, None, b'')]
    """
    count = len(held)
    columns = struct.pack(
        f"<{count}I{count}q{count}I",
        *[code for code, _, _ in held],
        *[_NO_TIME if local_ns is None else local_ns for _, local_ns, _ in held],
        *[len(data) for _, _, data in held],
    )
    raw = b"".join([columns, *[data for _, _, data in held]])
    body = zlib.compress(raw, _LEVEL)
    return Chunk(first_ordinal, count, len(raw), _crc(first_ordinal, count, len(raw), body), body)


def unpack(chunk: Chunk) -> list[Held]:
    """Read the frames of a chunk.

    Raises
    ------
    DamagedChunkError
        If its CRC, its sizes or its content disagree.
    """
    raw = _inflate(chunk)
    count = chunk.frames
    columns = struct.unpack_from(f"<{count}I{count}q{count}I", raw)
    lengths = columns[2 * count :]
    at = count * _PER_FRAME_BYTES
    if at + sum(lengths) != len(raw):
        raise DamagedChunkError("the lengths of its frames do not add up")
    held: list[Held] = []
    for code, local_ns, length in zip(
        columns[:count], columns[count : 2 * count], lengths, strict=True
    ):
        held.append((code, None if local_ns == _NO_TIME else local_ns, raw[at : at + length]))
        at += length
    return held


def cut(first_ordinal: int, frames: Sequence[Held]) -> Iterator[tuple[int, Sequence[Held]]]:
    """Cut frames into chunks that are worth inflating for a single frame."""
    start, size = 0, 0
    for at, (_, _, data) in enumerate(frames):
        if at > start and (size + len(data) > _CHUNK_BYTES or at - start >= _CHUNK_FRAMES):
            yield first_ordinal + start, frames[start:at]
            start, size = at, 0
        size += len(data)
    if frames:
        yield first_ordinal + start, frames[start:]


def count(
    frames: Sequence[Held], names: Sequence[tuple[int, str, str]]
) -> list[tuple[int, str, str, int, int, int | None, int | None]]:
    """Count what a commit adds to each stream: frames, bytes, first and last ``local_ns``."""
    frames_of: dict[int, int] = {}
    size: dict[int, int] = {}
    times: dict[int, list[int]] = {}
    for code, local_ns, data in frames:
        frames_of[code] = frames_of.get(code, 0) + 1
        size[code] = size.get(code, 0) + len(data)
        if local_ns is not None:
            times.setdefault(code, []).append(local_ns)
    return [
        (
            code,
            venue,
            stream,
            frames_of[code],
            size[code],
            min(times.get(code, ()), default=None),
            max(times.get(code, ()), default=None),
        )
        for code, venue, stream in names
        if code in frames_of
    ]


def is_tape(head: bytes) -> bool:
    """Tell by its first 72 bytes whether a file is a tape.

    Examples
    --------
    >>> is_tape(b"SQLite format 3" + bytes(53) + b"airp"), is_tape(b"venue,price")
    (True, False)
    """
    return head[:16] == b"SQLite format 3\0" and head[68:72] == b"airp"


def _crc(first_ordinal: int, frames: int, raw_bytes: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<3q", first_ordinal, frames, raw_bytes)))


def _inflate(chunk: Chunk) -> bytes:
    if chunk.crc != _crc(*chunk[:3], chunk.body):
        raise DamagedChunkError("its checksum does not fit")
    least_bytes = chunk.frames * _PER_FRAME_BYTES
    if chunk.frames <= 0 or not least_bytes <= chunk.raw_bytes <= MAX_CHUNK_BYTES:
        raise DamagedChunkError(f"{chunk.frames} frames in {chunk.raw_bytes} bytes cannot be")
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(chunk.body, chunk.raw_bytes + 1)
    except zlib.error as error:
        raise DamagedChunkError(str(error)) from error
    if len(raw) != chunk.raw_bytes or not inflater.eof:
        raise DamagedChunkError("it does not inflate to the size it states")
    return raw
