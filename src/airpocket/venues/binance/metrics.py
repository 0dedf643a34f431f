"""``metrics`` dumps: open interest of one contract every five minutes.

``create_time, symbol, sum_open_interest, sum_open_interest_value`` and four ratios that are not
read. USD-M: coins and dollars. COIN-M: contracts and coins (as in ``openInterestHist``:
developers.binance.com, read 2026-11). A 0 is a hole in the dump, not the end of all positions.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.events import OpenInterest
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.source import Item, Progress
from airpocket.store.files import csv_blocks
from airpocket.units import MINUTE_NS
from airpocket.venues.binance.dump import Dump, clock_ns, first_line
from airpocket.venues.history import FileRecording, Rejects

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Metrics"]

_COLUMNS: Final[dict[str, type]] = {
    "create_time": str,
    "symbol": str,
    "sum_open_interest": float,
    "sum_open_interest_value": float,
}


@final
class Metrics:
    """The format (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the header."""
        del path
        return first_line(head)[:4] == list(_COLUMNS)

    def open(self, path: Path) -> FileRecording:
        """Open one file."""
        dump = Dump(path)
        label = dump.label("metrics", "open_interest", width_ns=5 * MINUTE_NS)
        return FileRecording(label, path, partial(_items, dump))


def _items(dump: Dump, progress: Progress | None) -> Iterator[Item]:
    rejects = Rejects(dump.path.name, dump.venue)
    for block in csv_blocks(dump.path, _COLUMNS, rejected=rejects.add, progress=progress):
        usable = _usable(block, dump, rejects)
        if not usable.height:
            continue
        venue_ns = usable["venue_ns"].to_numpy()
        first_ns = int(venue_ns[0])
        size = usable["sum_open_interest"].to_numpy()
        value = usable["sum_open_interest_value"].to_numpy()
        columns = {
            **dump.head_fields(first_ns),
            **_sizes(dump.instrument(first_ns), size, value),
            "venue_ns": venue_ns,
        }
        yield dump.columns(OpenInterest, columns, usable["line"].to_numpy())
    yield from rejects.findings()


def _usable(block: "pl.DataFrame", dump: Dump, rejects: Rejects) -> "pl.DataFrame":
    lines, times = block["line"].to_numpy(), clock_ns(block["create_time"])
    size = block["sum_open_interest"].to_numpy()
    value = block["sum_open_interest_value"].to_numpy()
    is_time = times > 0
    is_own = (block["symbol"] == dump.raw_symbol).to_numpy()
    is_size = (size > 0) & (size < 1e18) & (value > 0) & (value < 1e18)
    rejects.add_rows(lines, ~is_time, "create_time is no date")
    rejects.add_rows(lines, is_time & ~is_own, f"another symbol than {dump.raw_symbol}")
    rejects.add_rows(lines, is_time & is_own & ~is_size, "open interest must be positive")
    return block.with_columns(venue_ns=times).filter(is_time & is_own & is_size)


def _sizes(
    instrument: Instrument | None, size: NDArray[np.float64], value: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Coins and dollars; nothing for an unknown instrument."""
    if instrument is None:
        return {}
    if instrument.kind is Kind.INVERSE:
        return {"qty_base": value, "notional_usd": size * instrument.contract_value}
    return {"qty_base": size * instrument.contract_value, "notional_usd": value}
