"""Reading history files that somebody else wrote: plain, ``.gz`` or a ``.zip`` of one file.

Files are known by their first bytes, not their names. All readers stream: memory is bounded by a
block, and by limits on inflated bytes and on the ratio of inflated to compressed bytes.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from airpocket.errors import LimitError, SourceError
from airpocket.market.source import Progress
from airpocket.store.inflate import GZIP, ZIP, Inflated, gzip_pieces, zip_pieces

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "DEFAULT_LIMIT",
    "DEFAULT_RATIO",
    "Reject",
    "csv_blocks",
    "head",
    "open_binary",
    "parquet_batches",
    "read_lines",
]

DEFAULT_LIMIT: Final = 16 << 30
DEFAULT_RATIO: Final = 250.0  # market data in text stay below 50:1, bombs come near 1,030:1
_LINE_LIMIT: Final = 32 << 20
_BLOCK: Final = 16 << 20
_BATCH_ROWS: Final = 1 << 17

Reject: TypeAlias = Callable[[int, str], None]
"""Told of each row that cannot be read: its line in the inflated file (from 1), and why."""


def head(path: Path, size: int = 4096) -> bytes:
    """Read the first bytes of a file, inflated; fewer if it is shorter or breaks off.

    Raises
    ------
    SourceError
        If the file cannot be opened, or is a zip file of anything but one regular file.
    """
    with open_binary(path) as stream:
        first = b""
        try:
            while len(first) < size:
                piece = stream.read1(size - len(first))
                if not piece:
                    break
                first += piece
        except SourceError:
            pass  # whoever reads the file is told where it breaks off
        return first


def open_binary(
    path: Path,
    *,
    limit_bytes: int = DEFAULT_LIMIT,
    ratio_limit: float = DEFAULT_RATIO,
    progress: Progress | None = None,
) -> io.BufferedReader:
    """Open a plain, gzip or single-file zip file as a stream of its inflated bytes.

    Parameters
    ----------
    path
        A regular file.
    limit_bytes
        Most inflated bytes that are read.
    ratio_limit
        Most inflated bytes for each compressed one, judged beyond 64 MiB.
    progress
        Called with compressed bytes read and in all, about once a MiB.

    Raises
    ------
    SourceError
        Here if the file cannot be opened or is a refused kind of zip; while reading, if it is
        corrupt or cut off. The message says after how many bytes; they have been given.
    LimitError
        While reading, if a limit is passed.
    """
    if not path.is_file():  # a pipe or device would block, a folder is another kind of recording
        raise SourceError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        size = path.stat().st_size
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(GZIP):
            pieces = gzip_pieces(file)
        elif magic == ZIP:
            pieces = zip_pieces(path, file, size)
        else:
            ratio_limit = max(ratio_limit, 1.0)
            pieces = lambda: file.read(1 << 20)  # noqa: E731 - the plain twin of the two above
        raw = Inflated(
            path,
            file,
            size,
            pieces,
            limit_bytes=limit_bytes,
            ratio_limit=ratio_limit,
            progress=progress,
        )
    except BaseException:
        file.close()
        raise
    return io.BufferedReader(raw, buffer_size=1 << 20)


def read_lines(
    path: Path,
    *,
    limit_bytes: int = DEFAULT_LIMIT,
    ratio_limit: float = DEFAULT_RATIO,
    progress: Progress | None = None,
    max_line_bytes: int = _LINE_LIMIT,
) -> Iterator[bytes]:
    r"""Yield the lines of a file without their ends (``\n`` or ``\r\n``).

    A last line that breaks off with the file is not yielded.

    Raises
    ------
    SourceError
        As :func:`open_binary`, after the last whole line was yielded.
    LimitError
        As :func:`open_binary`, or if a line is longer than ``max_line_bytes``.
    """
    with open_binary(
        path, limit_bytes=limit_bytes, ratio_limit=ratio_limit, progress=progress
    ) as stream:
        while line := stream.readline(max_line_bytes + 2):
            if len(line) > max_line_bytes and not line.endswith(b"\n"):
                raise LimitError(f"{path}: a line is longer than {max_line_bytes:,} bytes")
            yield line.rstrip(b"\r\n")


def csv_blocks(
    path: Path,
    columns: Mapping[str, type],
    *,
    header: bool | None = True,
    optional: Sequence[str] = (),
    rejected: Reject | None = None,
    block_bytes: int = _BLOCK,
    limit_bytes: int = DEFAULT_LIMIT,
    ratio_limit: float = DEFAULT_RATIO,
    progress: Progress | None = None,
) -> "Iterator[pl.DataFrame]":
    """Yield the rows of a comma-separated file in blocks, as typed columns.

    Parameters
    ----------
    path
        The file; fields may be quoted but hold no line ends.
    columns
        Names and types (``int``, ``float``, ``str``). With a header they are found by name and
        other columns are skipped; without one they are all columns, in the order of the file.
    header
        Whether the first line is one; ``None`` to look: it is, if its first field is a name
        in ``columns``.
    optional
        Columns that may be empty (null) in a row or, with a header, missing from the file.
    rejected
        Told of each row that cannot be read or lacks a field; it is left out.
        ``None``: such a row raises.
    block_bytes
        Inflated bytes parsed at a time.
    limit_bytes, ratio_limit, progress
        As for :func:`open_binary`.

    Yields
    ------
    polars.DataFrame
        The columns, and ``line``: the row's line in the inflated file, from 1.

    Raises
    ------
    SourceError
        If columns are missing, a row is bad and nobody is told, or as :func:`open_binary`: then
        after the whole rows before it were yielded.
    LimitError
        As :func:`open_binary`.
    """
    from airpocket.store.csv_rows import CsvRows  # noqa: PLC0415 - polars loads when it is needed

    rows = CsvRows(path, columns, header=header, optional=optional, rejected=rejected)
    with open_binary(
        path, limit_bytes=limit_bytes, ratio_limit=ratio_limit, progress=progress
    ) as stream:
        failure: SourceError | None = None
        rest = b""
        while failure is None:
            piece, failure = _read_block(stream, block_bytes)
            held = rest + piece
            if not piece:  # the end: a last line need not be ended, unless the file breaks off
                if held and failure is None:
                    yield from rows.parse(held + b"\n")
                break
            cut = held.rfind(b"\n") + 1
            rest = held[cut:]
            if len(rest) > max(block_bytes, _LINE_LIMIT):
                raise LimitError(f"{path}: a line is longer than {_LINE_LIMIT:,} bytes")
            if cut:
                yield from rows.parse(held[:cut])
        if failure is not None:
            raise failure
    rows.finish()


def _read_block(stream: io.BufferedReader, size: int) -> tuple[bytes, SourceError | None]:
    """Read up to ``size`` bytes, and if the stream breaks, what it gave and the error."""
    pieces: list[bytes] = []
    held = 0
    while held < size:
        try:
            piece = stream.read1(size - held)  # never more than one piece can be lost
        except SourceError as error:
            return b"".join(pieces), error
        if not piece:
            break
        pieces.append(piece)
        held += len(piece)
    return b"".join(pieces), None


def parquet_batches(
    path: Path,
    columns: Sequence[str],
    *,
    batch_rows: int = _BATCH_ROWS,
    limit_bytes: int = DEFAULT_LIMIT,
    progress: Progress | None = None,
) -> "Iterator[pl.DataFrame]":
    """Yield the rows of a parquet file in batches.

    Parameters
    ----------
    path
        The file.
    columns
        Columns to read; all must be there.
    batch_rows
        Rows read at a time.
    limit_bytes
        Most bytes that the columns may fill, reckoned as 8 a value.
    progress
        Called with bytes read and in all, as the share of rows read.

    Raises
    ------
    SourceError
        If the file is not parquet, is corrupt or lacks a column.
    LimitError
        If it claims more rows than the limit allows.
    """
    import polars as pl  # noqa: PLC0415 - not at start-up

    with open_binary(path) as stream:
        if stream.read(4) != b"PAR1":
            raise SourceError(f"{path}: not a parquet file")
    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
    try:
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        names = table.collect_schema().names()
        count = int(table.select(pl.len()).collect().item())
    except broken as error:
        raise SourceError(f"{path}: not a readable parquet file ({error})") from error
    missing = [name for name in columns if name not in names]
    if missing:
        raise SourceError(f"{path}: lacks the columns {missing}; it has {names[:40]}")
    if count * len(columns) * 8 > limit_bytes:
        raise LimitError(f"{path}: claims {count:,} rows, more than {limit_bytes:,} bytes hold")
    size = path.stat().st_size
    for start in range(0, count, batch_rows):
        try:
            batch = table.select(columns).slice(start, batch_rows).collect()
        except broken as error:
            raise SourceError(f"{path}: corrupt after {start:,} rows ({error})") from error
        if progress is not None:
            progress(size * (start + batch.height) // count, size)
        yield batch
