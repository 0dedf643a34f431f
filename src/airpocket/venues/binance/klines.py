"""``klines`` dumps: bars of trades, and what only looks like them.

``open_time, open, high, low, close, volume, close_time, quote_volume, count, taker_buy_volume,
taker_buy_quote_volume, ignore``, with a header since about 2022, in milliseconds (futures) or
microseconds (spot, since 2025-01-01). USD-M: ``volume`` in coins, ``quote_volume`` in dollars.
COIN-M: ``volume`` in contracts, ``quote_volume`` in coins.

A file whose ``volume`` is 0 in every row while its price moves has no trades in it: it is the
series of a mark or index price (``count`` then counts its updates). It comes out as ``Mark``
events, never as bars, and with a finding.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.checks import bars_without_trades, duplicated_rows, time_unit_ns
from airpocket.market.events import Bar, Mark
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Progress
from airpocket.store.files import csv_blocks, head
from airpocket.venues.binance.dump import MILLISECOND_NS, Dump, first_line
from airpocket.venues.history import FileRecording, Rejects

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Klines"]

_COLUMNS: Final[dict[str, type]] = {
    "open_time": int,
    "open": float,
    "high": float,
    "low": float,
    "close": float,
    "volume": float,
    "close_time": int,
    "quote_volume": float,
    "count": int,
    "taker_buy_volume": float,
    "taker_buy_quote_volume": float,
    "ignore": str,
}
_PRICES: Final = ("open", "high", "low", "close")
_PRICE_LIMIT: Final = 1e15
_SIZE_LIMIT: Final = 1e18


@final
class Klines:
    """The format (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the header, or by twelve numbers that make a bar."""
        del path
        fields = first_line(head)
        return fields == list(_COLUMNS) or _bar_span(fields) is not None

    def open(self, path: Path) -> FileRecording:
        """Open one file; its first bar says the unit of time and the width.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        lines = head(path).splitlines()
        spans = (_bar_span(first_line(line)) for line in lines[:2])
        unit_ns, width_ns = next(filter(None, spans), (MILLISECOND_NS, None))
        dump = Dump(path, "binance" if unit_ns == MILLISECOND_NS else "binance-spot")
        label = dump.label("klines", "bars", "marks", width_ns=width_ns)
        return FileRecording(label, path, partial(_items, dump, unit_ns))


def _bar_span(fields: list[str]) -> tuple[int, int] | None:
    """Read unit of time and width (ns) from the fields of a bar; ``None`` if it is none."""
    if len(fields) != len(_COLUMNS) or not (fields[0].isdigit() and fields[6].isdigit()):
        return None
    begin, end = int(fields[0][:20]), int(fields[6][:20])
    unit_ns = time_unit_ns(begin)
    if unit_ns is None or end <= begin or time_unit_ns(end) != unit_ns:
        return None
    return unit_ns, (end - begin + 1) * unit_ns


def _items(dump: Dump, unit_ns: int, progress: Progress | None) -> Iterator[Item]:
    rejects = Rejects(dump.path.name, dump.venue)
    repeated = 0
    blocks = csv_blocks(
        dump.path,
        _COLUMNS,
        header=None,
        optional=("ignore",),
        rejected=rejects.add,
        progress=progress,
    )
    for block in blocks:
        usable = _usable(block, unit_ns, rejects)
        is_repeat = duplicated_rows(usable["open_time"].to_numpy())
        repeated += int(np.count_nonzero(is_repeat))
        usable = usable.filter(~is_repeat)
        if usable.height:
            yield from _told(dump, usable, unit_ns)
    yield from rejects.findings()
    if repeated:
        yield Finding(
            code=FindingCode.DUPLICATED_ROWS,
            where=dump.path.name,
            venue=dump.venue,
            count=repeated,
            said=f"{repeated:,} bars begin when another does; left out",
        )


def _usable(block: "pl.DataFrame", unit_ns: int, rejects: Rejects) -> "pl.DataFrame":
    """Keep bars whose times are dates in the unit of the file and whose prices make a bar."""
    lines = block["line"].to_numpy()
    is_good = np.ones(block.height, dtype=np.bool_)
    for name in ("open_time", "close_time"):
        is_good &= rejects.check_times(lines, block[name].to_numpy(), unit_ns, name, is_good)
    price = {name: block[name].to_numpy() for name in _PRICES}
    is_bar = (
        (price["low"] > 0)
        & (price["high"] < _PRICE_LIMIT)
        & (price["low"] <= np.minimum(price["open"], price["close"]))
        & (price["high"] >= np.maximum(price["open"], price["close"]))
        & (block["close_time"].to_numpy() > block["open_time"].to_numpy())
        & (block["volume"].to_numpy() >= 0)
        & (block["volume"].to_numpy() < _SIZE_LIMIT)
        & (block["quote_volume"].to_numpy() >= 0)
        & (block["quote_volume"].to_numpy() < _SIZE_LIMIT)
        & (block["taker_buy_volume"].to_numpy() >= 0)
        & (block["taker_buy_quote_volume"].to_numpy() >= 0)
        & (block["count"].to_numpy() >= 0)
    )
    rejects.add_rows(lines, is_good & ~is_bar, "prices, volume and times make no bar")
    return block.filter(is_good & is_bar)


def _told(dump: Dump, block: "pl.DataFrame", unit_ns: int) -> Iterator[Item]:
    open_ns = block["open_time"].to_numpy() * unit_ns
    close_ns = (block["close_time"].to_numpy() + 1) * unit_ns
    lines, close = block["line"].to_numpy(), block["close"].to_numpy()
    shared = dump.head_fields(int(open_ns[0]))
    without = bars_without_trades(close, block["volume"].to_numpy())
    if without:
        yield Finding(
            code=FindingCode.BARS_WITHOUT_TRADES,
            where=dump.path.name,
            venue=dump.venue,
            symbol=shared["symbol"],
            from_ns=int(open_ns[0]),
            to_ns=int(close_ns[-1]),
            count=without,
            said=(
                f"volume is 0 in all {without:,} bars while the price moves: the series of a mark "
                "or index price; given as marks, not as bars of trades"
            ),
        )
        yield dump.columns(Mark, {**shared, "venue_ns": close_ns, "mark_price": close}, lines)
        return
    instrument = dump.instrument(int(open_ns[0]))
    bars = {
        **shared,
        **{name: block[name].to_numpy() for name in _PRICES},
        **_notional(block, instrument),
        "venue_ns": open_ns,
        "width_ns": close_ns - open_ns,
        "trades": block["count"].to_numpy(),
    }
    yield dump.columns(Bar, bars, lines)


def _notional(
    block: "pl.DataFrame", instrument: Instrument | None
) -> dict[str, NDArray[np.float64]]:
    """Traded dollars, and those whose taker sold; nothing for an unknown instrument."""
    if instrument is None or instrument.notional_usd(1.0, 1.0) is None:
        return {}
    unit, total, bought = 1.0, "quote_volume", "taker_buy_quote_volume"
    if instrument.kind is Kind.INVERSE:
        unit, total, bought = instrument.contract_value, "volume", "taker_buy_volume"
    usd = block[total].to_numpy() * unit
    return {"usd": usd, "sell_usd": np.maximum(usd - block[bought].to_numpy() * unit, 0.0)}
