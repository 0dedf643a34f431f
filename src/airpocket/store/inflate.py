"""Inflating untrusted files piece by piece, with limits that a decompression bomb meets early.

Nothing is unpacked to disk and nothing is inflated ahead of the reader. The reader is told how
much was read when a file turns out to be cut off, and keeps what it got until then.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, final

from airpocket.errors import LimitError, SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["GZIP", "ZIP", "Inflated", "gzip_pieces", "zip_pieces"]

GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"

_PIECE: Final = 1 << 20  # inflated at a time: what the memory of a reader is bounded by
_COMPRESSED: Final = 1 << 16
# Deflate cannot exceed 1,032:1, market data stay below 50:1. Short stretches of zeros are innocent,
# so the ratio is only judged once this much has come out.
_RATIO_FREE_BYTES: Final = 64 << 20
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_SIZE: Final = 22


class _Pieces(Protocol):
    """Where inflated bytes come from: at most ``_PIECE`` a call, none at the end."""

    def __call__(self) -> bytes: ...


@final
class Inflated(io.RawIOBase):
    """Inflated bytes of one file, counted against two limits while they are read.

    Parameters
    ----------
    path
        Named in errors.
    file
        The compressed file, whose position says how much of it was read; closed with this.
    size
        Compressed bytes in all.
    pieces
        Gives the next inflated bytes, ``b""`` at the end.
    limit_bytes, ratio_limit
        Inflated bytes in all, and for each compressed byte once 64 MiB are inflated.
    progress
        Called with compressed bytes read and in all, after each piece.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        size: int,
        pieces: _Pieces,
        *,
        limit_bytes: int,
        ratio_limit: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._path = path
        self._file = file
        self._size = size
        self._pieces = pieces
        self._limit_bytes = limit_bytes
        self._ratio_limit = ratio_limit
        self._progress = progress
        self._held = memoryview(b"")
        self._bytes = 0
        self._failure: SourceError | None = None

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer with the next inflated bytes.

        Raises
        ------
        SourceError
            If the file is corrupt or cut off; all that came before has been given.
        LimitError
            If a limit is passed.
        """
        if not self._held:
            self._held = memoryview(self._next())
        room = memoryview(buffer).cast("B")
        count = min(len(room), len(self._held))
        room[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def _next(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            piece = self._pieces()
        except (zlib.error, zipfile.BadZipFile, EOFError, OSError) as error:
            self._failure = SourceError(
                f"{self._path}: cut off or corrupt after {self._bytes:,} inflated bytes ({error})"
            )
            raise self._failure from error
        self._bytes += len(piece)
        read = min(self._file.tell(), self._size) if piece else self._size
        if self._progress is not None:
            self._progress(read, self._size)
        self._check(read)
        return piece

    def _check(self, read: int) -> None:
        if self._bytes > self._limit_bytes:
            raise LimitError(
                f"{self._path}: inflates to more than {self._limit_bytes:,} bytes; "
                "raise limit_bytes if that is meant"
            )
        if self._bytes > _RATIO_FREE_BYTES and self._bytes > self._ratio_limit * read:
            raise LimitError(
                f"{self._path}: {self._bytes:,} bytes came out of {read:,}, more than "
                f"{self._ratio_limit:g}:1; raise ratio_limit if that is meant"
            )

    def close(self) -> None:
        """Close the compressed file too."""
        self._file.close()
        super().close()


def gzip_pieces(file: BinaryIO) -> _Pieces:
    """Inflate gzip from the start of a file; several members in a row are one stream."""
    inflater = zlib.decompressobj(31)
    waiting = b""
    is_fresh = True  # nothing of the present member was read

    def member() -> bytes:
        """Next bytes of the present member; ``b""`` if it needs more input or has ended."""
        nonlocal waiting, is_fresh
        piece = inflater.decompress(waiting, _PIECE)
        is_fresh = is_fresh and not waiting
        waiting = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        return piece

    def pieces() -> bytes:
        nonlocal inflater, waiting, is_fresh
        while True:
            if inflater.eof:
                inflater, is_fresh = zlib.decompressobj(31), True
            if is_fresh:
                waiting = waiting.lstrip(b"\0")  # gzip allows zeros as padding after a member
            if not waiting:
                waiting = file.read(_COMPRESSED)
            if not waiting:
                # A member's last bytes may still be inside the inflater.
                piece = inflater.decompress(b"", _PIECE) if not is_fresh else b""
                if piece or is_fresh or inflater.eof:
                    return piece
                raise EOFError("the file ends inside its compressed data")
            piece = member()
            if piece:
                return piece

    return pieces


def zip_pieces(path: Path, file: BinaryIO, size: int) -> _Pieces:
    """Inflate the one member of a zip file.

    Raises
    ------
    SourceError
        Unless it holds exactly one regular, unencrypted, stored or deflated file with a plain
        relative name.
    """
    _refuse_many(path, file, size)
    try:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SourceError(f"{path}: not a readable zip file ({error})") from error
    if len(entries) != 1:
        raise SourceError(f"{path}: holds {len(entries)} entries; one file is expected")
    entry = entries[0]
    reason = _refused(entry)
    if reason:
        raise SourceError(f"{path}: its entry {entry.filename[:80]!r} {reason}")
    try:
        member = archive.open(entry)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{path}: not a readable zip file ({error})") from error
    return lambda: member.read(_PIECE // 4)  # zipfile reads as many compressed bytes ahead


def _refuse_many(path: Path, file: BinaryIO, size: int) -> None:
    """Refuse by the count in the end record, before a directory of 100,000 entries is parsed."""
    tail_size = min(size, 65_535 + _ZIP_END_SIZE)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    file.seek(0)
    at = tail.rfind(_ZIP_END)
    if at < 0 or at + _ZIP_END_SIZE > len(tail):
        raise SourceError(f"{path}: not a readable zip file (its end is missing)")
    (count,) = struct.unpack_from("<H", tail, at + 10)
    if count != 1:
        raise SourceError(f"{path}: holds {count} entries; one file is expected")


def _refused(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.replace("\\", "/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or (kind and not stat.S_ISREG(kind)):
        return "is not a regular file"
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        return "has a path that leads outside"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is compressed by a method other than deflate"
    if name.lower().endswith((".zip", ".gz")):
        return "is itself compressed"
    return ""
