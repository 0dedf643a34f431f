"""Many positions at once, as columns: from a file, a data frame, or a venue's own answer."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from airpocket.errors import InputError, SourceError
from airpocket.leverage.position_columns import COLUMNS, NEEDED, ColumnReader, Read, named
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.store import files

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = ["PositionBook", "read_positions"]

_PARQUET: Final = b"PAR1"
_HEAD_BYTES: Final = 1 << 16


@final
class PositionBook(Struct, frozen=True, eq=False):
    """Open positions, one a row, as numpy columns of one length (n,).

    Ten million of them fill 460 MB.

    Parameters
    ----------
    instruments
        What ``instrument`` points into.
    instrument
        Index of each position's instrument.
    is_long
        Long or short.
    qty_raw
        Size in the venue's own unit (coins, contracts, US dollars), above 0.
    entry_price
        Average price of entry.
    margin
        Settle coin behind an isolated position at its entry; NaN where it is not known.
    leverage
        As set at the venue; NaN where it is not known.
    is_cross
        Whether the whole account stands behind it.
    liquidation_price
        As the source says it; NaN where it says nothing, infinite where it says that there is
        none.
    source
        File, feed or page.
    assumed
        What had to be assumed, a sentence each.
    at_ns
        When it was so; ``None`` if not said.
    marks
        Mark price of each instrument as the source says it, shape (len(instruments),), NaN where
        it says none; ``None`` if it says none at all.

    Raises
    ------
    InputError
        If columns differ in length.
    """

    instruments: tuple[Instrument, ...]
    instrument: NDArray[np.int32]
    is_long: NDArray[np.bool_]
    qty_raw: NDArray[np.float64]
    entry_price: NDArray[np.float64]
    margin: NDArray[np.float64]
    leverage: NDArray[np.float64]
    is_cross: NDArray[np.bool_]
    liquidation_price: NDArray[np.float64]
    source: str
    assumed: tuple[str, ...] = ()
    at_ns: int | None = None
    marks: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in _ARRAYS}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise InputError(f"{self.source}: columns of positions differ in length")
        if self.marks is not None and self.marks.shape != (len(self.instruments),):
            raise InputError(f"{self.source}: it takes one mark price an instrument")

    @property
    def size(self) -> int:
        """Number of positions."""
        return int(self.qty_raw.size)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Unified symbols that are in it."""
        return tuple(dict.fromkeys(row.symbol for row in self.instruments))

    def rows(self, at: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "PositionBook":
        """Take some of the positions, in their order."""
        return structs.replace(self, **{name: getattr(self, name)[at] for name in _ARRAYS})

    def of(self, symbol: str, venue: str | None = None) -> "PositionBook":
        """Take the positions of one instrument, by its unified or the venue's name.

        Raises
        ------
        InputError
            If there are none, or several venues have one of that name and none is named.
        """
        place = self._place(symbol, venue)
        if len(self.instruments) == 1:
            return self
        ours = self.instrument == place
        if not ours.any():
            raise InputError(f"{self.source}: holds no position of {symbol}")
        book = self.rows(ours)
        return structs.replace(
            book,
            instruments=(self.instruments[place],),
            instrument=np.zeros(book.size, dtype=np.int32),
            marks=None if self.marks is None else self.marks[place : place + 1],
        )

    def mark_of(self, symbol: str, venue: str | None = None) -> float | None:
        """Give the mark price of an instrument as the source says it; ``None`` if it does not.

        Raises
        ------
        InputError
            As :meth:`of`.
        """
        place = self._place(symbol, venue)
        if self.marks is None or np.isnan(self.marks[place]):
            return None
        return float(self.marks[place])

    @classmethod
    def from_frame(
        cls,
        frame: "IntoFrame",
        *,
        catalogue_of: Callable[[str], Catalogue],
        venue: str | None = None,
        at_ns: int | None = None,
        columns: Mapping[str, str] | None = None,
        source: str = "frame",
    ) -> "PositionBook":
        """Take positions from a data frame.

        Parameters
        ----------
        frame
            Of any kind that narwhals knows: polars, pandas, pyarrow and others, lazy or not.
        catalogue_of
            Gives the instruments of a venue (``venues.register.catalogue_of``).
        venue
            Of all rows, where there is no column of venues.
        at_ns
            When it was so.
        columns
            Canonical name to the frame's own, where they differ: ``{"size": "positionAmt"}``. The
            canonical ones are those of :mod:`airpocket.leverage.position_columns`.
        source
            Said in messages and in what is made of the book.

        Raises
        ------
        InputError
            If a column is missing or swapped, or a row is bad; the message names row (from 1) and
            column.
        """
        reader = ColumnReader(source, catalogue_of, venue=venue, at_ns=at_ns, columns=columns)
        reader.take(frame)
        return _book(reader.finish(), source, at_ns)

    def _place(self, symbol: str, venue: str | None) -> int:
        found = [
            at
            for at, row in enumerate(self.instruments)
            if symbol in {row.symbol, row.raw_symbol} and venue in {None, row.venue}
        ]
        if not found:
            there = ", ".join(self.symbols[:12]) + (" …" if len(self.symbols) > 12 else "")
            raise InputError(f"{self.source}: holds no position of {symbol} (there are: {there})")
        if len(found) > 1:
            venues = ", ".join(self.instruments[at].venue for at in found)
            raise InputError(f"{self.source}: {symbol} is there for {venues}: name the venue")
        return found[0]


_ARRAYS: Final = (
    "instrument", "is_long", "qty_raw", "entry_price", "margin", "leverage", "is_cross",
    "liquidation_price",
)  # fmt: skip


def _book(read: Read, source: str, at_ns: int | None) -> PositionBook:
    return PositionBook(
        instruments=read.instruments,
        instrument=read.instrument,
        is_long=read.is_long,
        qty_raw=read.qty_raw,
        entry_price=read.entry_price,
        margin=read.margin,
        leverage=read.leverage,
        is_cross=read.is_cross,
        liquidation_price=read.liquidation_price,
        source=source,
        assumed=read.assumed,
        at_ns=at_ns,
        marks=read.marks,
    )


def read_positions(
    path: Path,
    *,
    catalogue_of: Callable[[str], Catalogue],
    venue: str | None = None,
    at_ns: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> PositionBook:
    """Read positions from a CSV file (plain, gzip or zip) or a Parquet file.

    Parameters
    ----------
    path
        With the columns of :mod:`airpocket.leverage.position_columns`, in any order.
    catalogue_of, venue, at_ns, columns
        As for :meth:`PositionBook.from_frame`.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or swapped, or a row is bad; the message
        names file, row (a CSV's header is row 1) and column. Nothing is half read.
    """
    source = str(path)
    reader = ColumnReader(source, catalogue_of, venue=venue, at_ns=at_ns, columns=columns)
    names = named(columns, source)
    head = files.head(path, _HEAD_BYTES)
    if head.startswith(_PARQUET):
        for batch in files.parquet_batches(path, _parquet_columns(path, names)):
            reader.take(batch)
        return _book(reader.finish(), source, at_ns)
    there = _csv_header(head)
    reader.refuse_missing(there)
    kinds = {theirs: COLUMNS[name] for name, theirs in names.items() if theirs in there}
    optional = [theirs for name, theirs in names.items() if name not in NEEDED and theirs in there]
    for block in files.csv_blocks(path, kinds, optional=optional):
        reader.take(block, block["line"].to_numpy())
    return _book(reader.finish(), source, at_ns)


def _csv_header(head: bytes) -> list[str]:
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
    return [name.strip() for name in next(csv.reader([first.rstrip("\r")]), [])]


def _parquet_columns(path: Path, names: Mapping[str, str]) -> list[str]:
    import polars as pl  # noqa: PLC0415 - not at start-up

    try:
        there = list(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise SourceError(f"{path}: not a readable parquet file ({error})") from error
    return [theirs for theirs in names.values() if theirs in there] or there[:1]
