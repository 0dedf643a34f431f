"""Typed rows out of blocks of comma-separated text, bad ones told instead of silently nulled."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from airpocket.errors import SourceError
from airpocket.store.files import Reject

__all__ = ["CsvRows"]

_BOM: Final = b"\xef\xbb\xbf"
_TYPES: Final[Mapping[type, type[pl.DataType]]] = {
    int: pl.Int64,
    float: pl.Float64,
    str: pl.String,
}


@final
class CsvRows:
    """One comma-separated file while it is read (parameters: see ``files.csv_blocks``).

    A block is parsed by polars in one go. If that fails, or could hide a bad row, the block is
    gone through line by line: slower, but it names each bad row and keeps its neighbours.
    """

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, type],
        *,
        header: bool | None,
        optional: Sequence[str],
        rejected: Reject | None,
    ) -> None:
        self._path = path
        self._wanted = {name: _TYPES[kind] for name, kind in columns.items()}
        self._header = header
        self._optional = frozenset(optional)
        self._rejected = rejected
        self._file_columns: tuple[str, ...] | None = None
        self._line = 1

    def parse(self, block: bytes) -> Iterator[pl.DataFrame]:
        """Yield the rows of a block of whole lines (one frame, or none)."""
        if self._file_columns is None:
            block = self._begin(block)
            if not block:
                return
        lines = _count(block, b"\n")
        frame = self._at_once(block, lines)
        if frame is None:
            frame = self._one_by_one(block)
        self._line += lines
        if frame.height:
            yield frame

    def finish(self) -> None:
        """Check at the end of the file that its columns were seen."""
        if self._file_columns is None and self._header:
            raise SourceError(f"{self._path}: empty, not even a header")

    def _begin(self, block: bytes) -> bytes:
        block = block.removeprefix(_BOM)
        first, _, rest = block.partition(b"\n")
        fields = _split(first.decode("utf-8", "replace"))
        is_header = self._header
        if is_header is None:
            is_header = bool(fields) and fields[0].strip() in self._wanted
        if not is_header:
            self._file_columns = tuple(self._wanted)
            return block
        self._line += 1
        names = tuple(field.strip() for field in fields)
        missing = [n for n in self._wanted if n not in names and n not in self._optional]
        if missing or len(set(names)) != len(names):
            said = f"lacks the columns {missing}" if missing else "names a column twice"
            raise SourceError(f"{self._path}: its header {said}; it reads {first[:200]!r}")
        self._file_columns = names
        return rest

    def _schema(self) -> dict[str, type[pl.DataType]]:
        return {name: self._wanted.get(name, pl.String) for name in self._file_columns or ()}

    def _at_once(self, block: bytes, lines: int) -> pl.DataFrame | None:
        schema = self._schema()
        if b'"' not in block and _count(block, b",") != lines * (len(schema) - 1):
            return None  # polars fills short rows with nulls
        try:
            # All columns are parsed: asked for some, polars lets rows with too many fields pass.
            frame = pl.read_csv(block, has_header=False, schema=schema)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
        last = frame.columns[-1]
        if b'"' in block and frame[last].null_count():
            return None
        frame = frame.select([name for name in schema if name in self._wanted])
        needed = [name for name in frame.columns if name not in self._optional]
        if frame.height != lines or any(frame[name].null_count() for name in needed):
            return None
        return self._shaped(frame, np.arange(self._line, self._line + lines))

    def _one_by_one(self, block: bytes) -> pl.DataFrame:
        schema = self._schema()
        kept: list[list[str]] = []
        numbers: list[int] = []
        for offset, line in enumerate(block.split(b"\n")[:-1]):
            number = self._line + offset
            try:
                fields = _split(line.decode())
            except (UnicodeDecodeError, csv.Error) as error:
                self._reject(number, f"is not UTF-8 text with commas ({error})")
                continue
            if not fields:
                continue  # an empty line is not a row
            if len(fields) != len(schema):
                self._reject(number, f"has {len(fields)} fields instead of {len(schema)}")
                continue
            kept.append(fields)
            numbers.append(number)
        return self._typed(kept, np.array(numbers, dtype=np.int64))

    def _typed(self, rows: list[list[str]], numbers: NDArray[np.int64]) -> pl.DataFrame:
        schema = self._schema()
        text = pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")
        text = text.select([name for name in schema if name in self._wanted])
        typed = text.select(_cast(name, self._wanted[name]) for name in text.columns)
        is_bad = np.zeros(len(rows), dtype=bool)
        for name in text.columns:
            is_null = typed[name].is_null().to_numpy()
            if name in self._optional:
                is_null = is_null & (text[name] != "").to_numpy()
            for row in np.flatnonzero(is_null & ~is_bad):
                said = text[name][int(row)][:60]
                self._reject(int(numbers[row]), f"{name} cannot be {said!r}")
            is_bad |= is_null
        return self._shaped(typed.filter(~is_bad), numbers[~is_bad])

    def _shaped(self, frame: pl.DataFrame, numbers: NDArray[np.int64]) -> pl.DataFrame:
        absent = [name for name in self._wanted if name not in frame.columns]
        return frame.with_columns(
            *(pl.lit(None, dtype=self._wanted[name]).alias(name) for name in absent),
            pl.Series("line", numbers, dtype=pl.Int64),
        ).select(*self._wanted, "line")

    def _reject(self, line: int, reason: str) -> None:
        if self._rejected is None:
            raise SourceError(f"{self._path}: line {line:,} {reason}")
        self._rejected(line, reason)


def _split(line: str) -> list[str]:
    """Split one line into fields; ``[]`` for an empty one."""
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(",") if line.strip() else []
    return next(csv.reader([line]), [])


def _count(block: bytes, letter: bytes) -> int:
    """Count a letter; bytes.count looks for it one by one and takes five times as long."""
    return int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == letter[0]))


def _cast(name: str, kind: type[pl.DataType]) -> pl.Expr:
    column = pl.col(name) if kind is pl.String else pl.col(name).str.strip_chars()
    return column.replace("", None).cast(kind, strict=False)
