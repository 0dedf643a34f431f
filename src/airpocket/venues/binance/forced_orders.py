"""Files of forced orders: ``liquidationSnapshot`` dumps, and recorded ``forceOrder`` events.

============================  ===================================================================
``liquidationSnapshot``       ``time, side, order_type, time_in_force, original_quantity, price,
                              average_price, order_status, last_fill_quantity,
                              accumulated_fill_quantity``, sometimes ``symbol``; milliseconds.
                              Every row stands twice in the dumps (binance-public-data #259): a
                              file that says all things twice is read once. Ended 2024-03-31
                              (USD-M) and 2024-10-14 (COIN-M).
recorded ``forceOrder``       the fields of the stream in a row without a header, then a dollar
                              amount: ``symbol`` is a bare coin (USDT left out), the average
                              price is missing
============================  ===================================================================

``side`` is the order's: SELL closes a long. Size is the filled one; notional is at the average
price, else at the order's. What the stream leaves out (one order a symbol and second) is left out
of both: see the rule of channel ``forceOrder``.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.checks import duplicated_rows, is_doubled
from airpocket.market.events import Liquidation, Method, Side
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Progress
from airpocket.store.files import csv_blocks
from airpocket.venues.binance.dump import MILLISECOND_NS, Dump, first_line
from airpocket.venues.history import FileRecording, Rejects
from airpocket.venues.valuation import ruled, valued

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LiquidationSnapshot", "RecordedForceOrders"]

_CHANNEL: Final = "forceOrder"
_SIDES: Final = {"SELL": 0, "BUY": 1}
_POSITIONS: Final = (Side.LONG.value, Side.SHORT.value)
_SNAPSHOT: Final[dict[str, type]] = {
    "time": int,
    "side": str,
    "order_type": str,
    "time_in_force": str,
    "original_quantity": float,
    "price": float,
    "average_price": float,
    "order_status": str,
    "last_fill_quantity": float,
    "accumulated_fill_quantity": float,
    "symbol": str,
}
_RECORDED: Final[dict[str, type]] = {
    "symbol": str,
    "side": str,
    "order_type": str,
    "time_in_force": str,
    "original_quantity": float,
    "price": float,
    "average_price": str,
    "order_status": str,
    "order_last_filled_quantity": float,
    "order_filled_accumulated_quantity": float,
    "order_trade_time": int,
    "usd_size": float,
}
# Letters of any alphabet (币安人生USDT is a symbol), digits, _ and -: no spaces, no text.
_SYMBOL: Final = re.compile(r"[\w-]{1,32}")
_MILLION: Final = 1e6
_NOTE: Final = "at most one order a symbol and second: sums are lower bounds"


@final
class LiquidationSnapshot:
    """Dumps of forced orders (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the header."""
        del path
        return {"time", *tuple(_SNAPSHOT)[4:10]} <= set(first_line(head))

    def open(self, path: Path) -> FileRecording:
        """Open one file."""
        dump = Dump(path)
        label = dump.label("liquidationSnapshot", "liquidations", covers_all=False)
        return FileRecording(label, path, partial(_snapshot_items, dump))


@final
class RecordedForceOrders:
    """Recordings of the stream without a header (an ``Archive``)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by a row, one of the first few, with the fields of a forced order."""
        del path
        return any(_is_recorded(first_line(line)) for line in head.splitlines()[:5])

    def open(self, path: Path) -> FileRecording:
        """Open one file."""
        dump = Dump(path)
        label = dump.label("forceOrder recording", "liquidations", covers_all=False, note=_NOTE)
        return FileRecording(label, path, partial(_recorded_items, dump))


def _is_recorded(fields: list[str]) -> bool:
    return (
        len(fields) == len(_RECORDED)
        and fields[1] in _SIDES
        and fields[3].isupper()
        and fields[10].isdigit()
    )


def _snapshot_items(dump: Dump, progress: Progress | None) -> Iterator[Item]:
    import polars as pl  # noqa: PLC0415 - loads when a file is read

    rejects = Rejects(dump.path.name, dump.venue)
    blocks = csv_blocks(
        dump.path,
        _SNAPSHOT,
        optional=("symbol", "order_type", "time_in_force", "last_fill_quantity"),
        rejected=rejects.add,
        progress=progress,
    )
    usable = [_usable(block, "time", "accumulated_fill_quantity", rejects) for block in blocks]
    yield from rejects.findings()
    rows = pl.concat(usable) if usable else None
    if rows is None or not rows.height:
        return
    rows = rows.with_columns(pl.col("symbol").fill_null(dump.raw_symbol))
    rows, finding = _once(rows, dump)
    if finding is not None:
        yield finding
    codes, words = _coded(rows["symbol"])
    average = rows["average_price"].to_numpy()
    fill = np.where(average > 0, average, np.nan)
    size = rows["accumulated_fill_quantity"].to_numpy()
    venue_ns = rows["time"].to_numpy() * MILLISECOND_NS
    value_price = np.where(average > 0, average, rows["price"].to_numpy())
    columns = {
        **_shared(dump, rows, venue_ns, size),
        **valued(dump.catalogue, codes, words, venue_ns, size, value_price),
        "fill_price": fill,
    }
    yield dump.columns(Liquidation, columns, rows["line"].to_numpy())


def _once(rows: "pl.DataFrame", dump: Dump) -> "tuple[pl.DataFrame, Finding | None]":
    """Read a file that says all things twice once; other look-alikes are kept, and counted."""
    told = tuple(
        (rows[name].hash() if rows[name].dtype == str else rows[name]).to_numpy()
        for name in (
            "symbol",
            "time",
            "side",
            "price",
            "average_price",
            "accumulated_fill_quantity",
        )
    )
    repeats = int(np.count_nonzero(duplicated_rows(*told)))
    if not repeats:
        return rows, None
    said = f"{repeats:,} rows look like an earlier one; kept, because orders may look alike"
    if is_doubled(*told):
        order = np.lexsort(told)  # equal rows stand together: every second one is a copy
        rows = rows[np.sort(order[::2])]
        repeats = rows.height
        said = f"every row stands twice in the file; the {repeats:,} copies are left out"
    finding = Finding(
        code=FindingCode.DUPLICATED_ROWS,
        where=dump.path.name,
        venue=dump.venue,
        count=repeats,
        said=said,
    )
    return rows, finding


def _recorded_items(dump: Dump, progress: Progress | None) -> Iterator[Item]:
    rejects = Rejects(dump.path.name, dump.venue)
    assumed = in_millions = 0
    blocks = csv_blocks(
        dump.path,
        _RECORDED,
        header=None,
        optional=("average_price", "order_last_filled_quantity", "usd_size"),
        rejected=rejects.add,
        progress=progress,
    )
    for block in blocks:
        rows = _usable(block, "order_trade_time", "order_filled_accumulated_quantity", rejects)
        is_sound, scaled = _agrees(rows, rejects)
        in_millions += scaled
        rows = rows.filter(is_sound)
        if rows.height:
            assumed += int((~rows["symbol"].is_in(_listed(dump))).sum())
            yield _recorded_columns(dump, rows)
    yield from rejects.findings()
    yield from _recorded_findings(dump, assumed, in_millions)


def _agrees(rows: "pl.DataFrame", rejects: Rejects) -> tuple[NDArray[np.bool_], int]:
    """Check the file's dollars against price times size; count those written in millions."""
    expected = rows["price"].to_numpy() * rows["order_filled_accumulated_quantity"].to_numpy()
    said = rows["usd_size"].fill_null(float("nan")).to_numpy()
    is_same = np.isnan(said) | np.isclose(said, expected, rtol=0.01)
    in_millions = np.isclose(said * _MILLION, expected, rtol=0.01)
    is_sound = is_same | in_millions
    lines = rows["line"].to_numpy()
    rejects.add_rows(lines, ~is_sound, "the dollars are not price times quantity")
    return is_sound, int(np.count_nonzero(in_millions & ~is_same))


def _recorded_columns(dump: Dump, rows: "pl.DataFrame") -> Item:
    import polars as pl  # noqa: PLC0415 - loads when a file is read

    written, words = _coded(rows["symbol"])
    listed = _listed(dump)
    meant = tuple(word if word in listed else _with_tether(word) for word in words)
    size = rows["order_filled_accumulated_quantity"].to_numpy()
    average = rows["average_price"].cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
    venue_ns = rows["order_trade_time"].to_numpy() * MILLISECOND_NS
    price = rows["price"].to_numpy()
    value = valued(
        dump.catalogue, written, meant, venue_ns, size, np.where(average > 0, average, price)
    )
    columns = {
        **_shared(dump, rows, venue_ns, size),
        **value,
        "raw_symbol": (written, words),
        "fill_price": np.where(average > 0, average, np.nan),
    }
    return dump.columns(Liquidation, columns, rows["line"].to_numpy())


def _recorded_findings(dump: Dump, assumed: int, in_millions: int) -> Iterator[Finding]:
    if assumed:
        yield Finding(
            code=FindingCode.ASSUMPTION,
            where=dump.path.name,
            venue=dump.venue,
            count=assumed,
            said=(
                f"{assumed:,} symbols are bare coins: taken for the contract in USDT, as "
                "BTC for BTCUSDT"
            ),
        )
    if in_millions:
        yield Finding(
            code=FindingCode.TWO_AMOUNT_SCHEMAS,
            where=dump.path.name,
            venue=dump.venue,
            count=in_millions,
            said=(
                f"{in_millions:,} rows give their dollars in millions, the others in dollars; "
                "notional is reckoned from price and quantity instead"
            ),
        )


def _usable(block: "pl.DataFrame", time: str, size: str, rejects: Rejects) -> "pl.DataFrame":
    """Keep rows that name a symbol, a side, a date, a positive price and a filled size."""
    lines = block["line"].to_numpy()
    names, sides = block["symbol"].to_list(), block["side"].is_in(list(_SIDES)).to_numpy()
    is_name = np.array([n is None or bool(_SYMBOL.fullmatch(n)) for n in names], dtype=np.bool_)
    rejects.add_rows(lines, ~is_name, "the symbol is no symbol")
    rejects.add_rows(lines, is_name & ~sides, "side is neither BUY nor SELL")
    is_good = is_name & sides
    is_good &= rejects.check_times(lines, block[time].to_numpy(), MILLISECOND_NS, time, is_good)
    price, quantity = block["price"].to_numpy(), block[size].to_numpy()
    is_size = (price > 0) & (price < 1e15) & (quantity > 0) & (quantity < 1e18)
    rejects.add_rows(lines, is_good & ~is_size, "price and filled quantity must be positive")
    return block.filter(is_good & is_size)


def _shared(
    dump: Dump, rows: "pl.DataFrame", venue_ns: NDArray[np.int64], size: NDArray[np.float64]
) -> dict[str, Any]:
    sides = rows["side"].replace_strict(_SIDES).to_numpy().astype(np.int32)
    return {
        "venue": dump.venue,
        "venue_ns": venue_ns,
        "liquidated": (sides, _POSITIONS),
        "order_price": rows["price"].to_numpy(),
        "qty_raw": size,
        "method": Method.BOOK.value,
        **ruled(dump.rules, _CHANNEL, venue_ns),
    }


def _coded(texts: "pl.Series") -> tuple[NDArray[np.int32], tuple[str, ...]]:
    words = tuple(texts.unique(maintain_order=True).to_list())
    places = {word: place for place, word in enumerate(words)}
    return texts.replace_strict(places).to_numpy().astype(np.int32), words


def _listed(dump: Dump) -> list[str]:
    return [row.raw_symbol for row in dump.catalogue]


def _with_tether(symbol: str) -> str:
    """Put back the USDT that the recorder took away, also before a date.

    Examples
    --------
    >>> _with_tether("BTC"), _with_tether("ETH_250627")
    ('BTCUSDT', 'ETHUSDT_250627')
    """
    coin, dash, date = symbol.partition("_")
    return f"{coin}USDT{dash}{date}"
