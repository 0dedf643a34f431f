"""What the files of data.binance.vision have in common: a name that says whose they are.

``BTCUSDT-bookDepth-2025-10-10.csv``: the symbol, the kind, the day. Nothing in the files says
which market they are of, so the symbol's form does, and microseconds: spot dumps are written in
microseconds since 2025-01-01, those of futures in milliseconds
(github.com/binance/binance-public-data, README; read 2026-11).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.columns import Columns
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.source import Label

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MILLISECOND_NS", "Dump", "clock_ns", "first_line"]

MILLISECOND_NS: Final = 1_000_000
_TOML: Final = Path(__file__).with_name("venue.toml")


@final
class Dump:
    """One file, with the catalogue and rules of the venue.

    Parameters
    ----------
    path
        The file.
    venue
        ``"binance"`` for futures; ``"binance-spot"``, which has no catalogue here.
    """

    def __init__(self, path: Path, venue: str = "binance") -> None:
        self.path = path
        self.venue = venue
        self.raw_symbol = path.name.partition("-")[0]
        is_known = venue == "binance"
        self.catalogue = Catalogue.load(_TOML) if is_known else Catalogue()
        self.rules = FeedRules.load(_TOML) if is_known else FeedRules(())

    def instrument(self, at_ns: int) -> Instrument | None:
        """Find the instrument that the file's name says."""
        return self.catalogue.find(self.raw_symbol, at_ns)

    def label(
        self,
        kind: str,
        *channels: str,
        width_ns: int | None = None,
        covers_all: bool = True,
        note: str | None = None,
    ) -> Label:
        """Describe the file: its kind and channels, bin width, and whether silence means none."""
        if note is None:
            is_listed = any(row.raw_symbol == self.raw_symbol for row in self.catalogue)
            note = "" if is_listed else f"unknown instrument {self.raw_symbol}: no notional"
        return Label(
            name=self.path.name,
            kind=f"binance {kind}",
            venue=self.venue,
            channels=channels,
            width_ns=width_ns,
            covers_all=covers_all,
            note=note,
        )

    def head_fields(self, at_ns: int) -> dict[str, Any]:
        """Fill in the fields that every event of the file carries."""
        instrument = self.instrument(at_ns)
        return {
            "venue": self.venue,
            "raw_symbol": self.raw_symbol,
            "symbol": None if instrument is None else instrument.symbol,
        }

    def columns(
        self, kind: type[Any], given: dict[str, Any], lines: NDArray[np.int64]
    ) -> Columns[Any]:
        """Make columns whose rows lead back to the file's lines."""
        return Columns(kind, len(lines), given, tape=self.path.name, ordinals=lines)


def clock_ns(texts: "pl.Series") -> NDArray[np.int64]:
    """Read times written as "2025-10-10 15:30:42" (UTC); 0 for what is not one.

    Examples
    --------
    >>> import polars as pl
    >>> clock_ns(pl.Series([" 2025-10-10 15:30:42", "noon"])).tolist()
    [1760110242000000000, 0]
    """
    import polars as pl  # noqa: PLC0415 - loads when a file is read

    times = texts.str.strip_chars().str.to_datetime(
        "%Y-%m-%d %H:%M:%S", strict=False, time_unit="ns", ambiguous="null"
    )
    return times.cast(pl.Int64).fill_null(0).to_numpy()


def first_line(head: bytes) -> list[str]:
    """Split the first line of a file into fields."""
    line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    return [field.strip() for field in line.decode("utf-8", "replace").split(",")]
