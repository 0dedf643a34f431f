"""Usable rows of a CoinGlass file. Imports polars: import it when a file is read, not before."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from airpocket.errors import SourceError
from airpocket.market.checks import time_unit_changed
from airpocket.market.feed_rule import FeedRules
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Progress
from airpocket.store.files import csv_blocks
from airpocket.units import EARLIEST_NS, LATEST_NS, MILLISECOND_NS
from airpocket.venues.coinglass.archive import Layout

__all__ = ["VENUE", "Source", "finding", "frozen", "load", "without_frozen"]

VENUE: Final = "coinglass"
_LIMIT: Final = 1 << 28


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file, its arrangement, the coin it speaks of (by its neighbours if a guess), the rules."""

    path: Path
    layout: Layout
    width_ns: int
    coin: str | None
    raw_symbol: str
    is_guess: bool
    rules: FeedRules


def load(source: Source, progress: Progress | None) -> tuple[pl.DataFrame, list[Finding]]:
    """Read the usable rows in order of time, with our names of columns, and what was left out.

    Raises
    ------
    SourceError
        If the file holds no usable row.
    """
    layout = source.layout
    bad: list[int] = []
    columns: dict[str, type] = dict.fromkeys(layout.columns, float)
    columns[next(name for name, ours in layout.columns.items() if ours == "time_ms")] = int
    blocks = csv_blocks(
        source.path,
        columns,
        optional=layout.optional,
        rejected=lambda line, _: bad.append(line),
        limit_bytes=_LIMIT,
        progress=progress,
    )
    frames = list(blocks)
    if not frames:
        raise SourceError(f"{source.path}: holds no usable row")
    rows = pl.concat(frames).rename(dict(layout.columns))
    findings = []
    in_time = pl.col("time_ms").is_between(
        EARLIEST_NS // MILLISECOND_NS, LATEST_NS // MILLISECOND_NS, closed="left"
    )
    other = time_unit_changed(rows["time_ms"].to_numpy(), MILLISECOND_NS).sum()
    if other:
        said = f"{other} rows have a time that is not in milliseconds: left out"
        findings.append(finding(FindingCode.TIME_UNIT_CHANGED, source, said, int(other)))
    height = rows.height - int(other)
    rows = rows.filter(in_time).filter(_sound(rows.columns, layout.kind))
    refused = height - rows.height + len(bad)
    if refused:
        said = f"{refused} rows lack a field or have an impossible one: left out"
        findings.append(finding(FindingCode.REJECTED_ROWS, source, said, refused))
    height = rows.height
    rows = rows.unique([c for c in rows.columns if c != "line"], keep="first", maintain_order=True)
    rows = rows.unique("time_ms", keep="last", maintain_order=True)
    if rows.height < height:
        count = height - rows.height
        said = f"{count} rows repeat the time of another: the last of each is taken"
        findings.append(finding(FindingCode.DUPLICATED_ROWS, source, said, count))
    if rows.is_empty():
        raise SourceError(f"{source.path}: holds no usable row")
    rows = rows.sort("time_ms").with_columns(time_ns=pl.col("time_ms") * MILLISECOND_NS)
    return rows, findings


def _sound(names: list[str], kind: str) -> pl.Expr:
    """Rows whose figures are possible: finite, prices and sizes above 0, low ≤ high."""
    is_sound = pl.lit(value=True)
    for name in names:
        if name in {"time_ms", "line"} or name.startswith("cvd"):
            continue
        is_sound &= pl.col(name).is_finite()
        if name.endswith("_usd") and name != "oi_usd":
            is_sound &= pl.col(name) >= 0
        if name in {"oi_coins", "oi_usd", "oi_open", "oi_close", "bids_qty", "asks_qty"}:
            is_sound &= pl.col(name) > 0
        if name.startswith("funding") or name == "rate":
            is_sound &= pl.col(name).abs() < 100
    if "low" in names:
        lowest = pl.min_horizontal("open", "close")
        highest = pl.max_horizontal("open", "close")
        if kind != "coinglass funding":
            is_sound &= pl.col("low") > 0
        is_sound &= (pl.col("low") <= lowest) & (pl.col("high") >= highest)
    return is_sound


def without_frozen(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Leave out open interest that stands still (said by the remarks): a hole is the truth."""
    if source.layout.kind != "coinglass open interest":
        return rows
    return rows.filter(~pl.Series(frozen(rows)))


def frozen(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Mark bars of open interest that repeat one flat value at least five times running."""
    flat = (rows["high"] == rows["low"]) & (rows["close"] == rows["close"].shift(1)).fill_null(
        value=False
    )
    runs = pl.DataFrame({"flat": flat, "run": flat.rle_id()})
    long_enough = pl.len().over("run") >= 5
    return runs.select(pl.col("flat") & long_enough).to_series().to_numpy()


def finding(
    code: FindingCode,
    source: Source,
    said: str,
    count: int | None = None,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> Finding:
    """Make a finding about a file."""
    return Finding(
        code=code,
        where=source.path.name,
        said=said,
        venue=VENUE,
        symbol=source.coin,
        from_ns=from_ns,
        to_ns=to_ns,
        count=count,
    )
