"""A published table of Hyperliquid positions: one row a position, its margin as it is at the mark.

Columns that are read: ``coin, direction, size, entry_price, liquidation_price, position_value,
leverage_type, leverage_value, margin_used``. The table has no time: it is the file's name that
says the day. ``position_value / size`` is the mark price. ``margin_used`` of an isolated position
is its margin with its unrealised profit, so its margin at entry is
``margin_used - sign * size * (mark - entry)``; of a cross one it is a share of the account and not
kept. An empty liquidation price means that no price of this coin alone takes the position.
"""

from pathlib import Path
from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from airpocket.leverage.position_book import PositionBook, read_positions
from airpocket.leverage.position_columns import median_marks
from airpocket.market.instrument import Catalogue
from airpocket.store import files

__all__ = ["claims", "read_table"]

_BESIDE: Final = ("position_value", "margin_used")
_NAMES: Final = {
    "symbol": "coin",
    "side": "direction",
    "margin_mode": "leverage_type",
    "leverage": "leverage_value",
}


def claims(head: bytes) -> bool:
    """Tell by its first line whether a file is such a table."""
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
    needed = {*_NAMES.values(), *_BESIDE, "size", "entry_price", "liquidation_price"}
    return needed <= set(first.strip().split(","))


def read_table(path: Path, *, at_ns: int | None = None) -> PositionBook:
    """Read a table of positions.

    Parameters
    ----------
    path
        CSV, plain or gzip.
    at_ns
        When it was taken; the table does not say.

    Raises
    ------
    InputError
        If the file cannot be read or a row is bad; the message names line and column.
    """
    book = read_positions(
        path,
        catalogue_of=lambda _: Catalogue.load(Path(__file__).with_name("venue.toml")),
        venue="hyperliquid",
        at_ns=at_ns,
        columns=_NAMES,
    )
    kept: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _BESIDE}
    for block in files.csv_blocks(path, dict.fromkeys(_BESIDE, float)):
        for name, parts in kept.items():
            parts.append(block[name].to_numpy())
    value, used = (np.concatenate(kept[name]) for name in _BESIDE)
    mark_price = value / book.qty_raw
    sign = np.where(book.is_long, 1.0, -1.0)
    gained = sign * book.qty_raw * (mark_price - book.entry_price)
    margin = np.where(book.is_cross, np.nan, used - gained)
    said = book.liquidation_price
    return structs.replace(
        book,
        margin=margin,
        liquidation_price=np.where(np.isnan(said), np.inf, said),
        marks=median_marks(mark_price, book.instrument, len(book.instruments)),
    )
