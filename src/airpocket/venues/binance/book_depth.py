"""``bookDepth`` dumps: volume that rests within 1 to 5 % of the mid price, twice a minute.

``timestamp, percentage, depth, notional`` and in some editions ``weighted_avg_price``. Bands are
cumulative from the mid; negative percentages are bids; ``depth`` is in base coins and ``notional``
in US dollars (USD-M). The bid side can be a ghost: on 2025-10-10 from 15:30:42 a level far above
the market stayed in the book that the dump was made from. A side found frozen is said so and left
out: a false depth is worse than none.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.checks import Stretch, crossed_book, frozen_side
from airpocket.market.events import DepthBand, DepthBands, RawRef
from airpocket.market.instrument import Kind
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Progress
from airpocket.store.files import csv_blocks
from airpocket.units import iso
from airpocket.venues.binance.dump import Dump, clock_ns, first_line
from airpocket.venues.history import FileRecording, Rejects, stretch_finding

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BookDepth"]

_Snapshot: TypeAlias = tuple[int, int, tuple[DepthBand, ...]]  # time, line of its first row, bands

_COLUMNS: Final[dict[str, type]] = {
    "timestamp": str,
    "percentage": float,
    "depth": float,
    "notional": float,
    "weighted_avg_price": float,
}


@final
class BookDepth:
    """The format (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the header."""
        del path
        return first_line(head)[:4] == list(_COLUMNS)[:4]

    def open(self, path: Path) -> FileRecording:
        """Open one file."""
        dump = Dump(path)
        return FileRecording(dump.label("bookDepth", "depth"), path, partial(_items, dump))


def _items(dump: Dump, progress: Progress | None) -> Iterator[Item]:
    """Read the whole day first: what is wrong with it must be known before any of it is told."""
    rejects = Rejects(dump.path.name, dump.venue)
    blocks = csv_blocks(
        dump.path,
        _COLUMNS,
        optional=("weighted_avg_price",),
        rejected=rejects.add,
        progress=progress,
    )
    snapshots = _snapshots([_usable(block, rejects) for block in blocks])
    yield from rejects.findings()
    if snapshots:
        yield from _told(dump, snapshots)


def _usable(block: "pl.DataFrame", rejects: Rejects) -> "pl.DataFrame":
    """Keep rows with a time, a distance and sizes that can be."""
    times = clock_ns(block["timestamp"])
    percent, depth, notional = (
        block[name].to_numpy() for name in ("percentage", "depth", "notional")
    )
    lines = block["line"].to_numpy()
    is_time = times > 0
    is_size = (
        (np.abs(percent) > 0) & (np.abs(percent) < 100) & (depth >= 0) & (notional >= 0)
        & (depth < 1e15) & (notional < 1e15)
    )  # fmt: skip
    rejects.add_rows(lines, ~is_time, "timestamp is no date")
    rejects.add_rows(lines, is_time & ~is_size, "percentage, depth or notional cannot be")
    return block.with_columns(time_ns=times).filter(is_time & is_size)


def _snapshots(blocks: "list[pl.DataFrame]") -> list[_Snapshot]:
    """Gather the rows of each time, in the order of their distance."""
    held: dict[int, dict[float, DepthBand]] = {}
    lines: dict[int, int] = {}
    for block in blocks:
        names = ("time_ns", "line", "percentage", "depth", "notional", "weighted_avg_price")
        for time_ns, line, percent, depth, notional, average in block.select(names).iter_rows():
            if average is None and depth > 0:
                average = notional / depth  # noqa: PLW2901 - editions without the column
            lines.setdefault(time_ns, line)
            held.setdefault(time_ns, {})[percent] = DepthBand(percent, depth, notional, average)
    return [
        (
            time_ns,
            lines[time_ns],
            tuple(held[time_ns][percent] for percent in sorted(held[time_ns])),
        )
        for time_ns in sorted(held)
    ]


def _told(dump: Dump, snapshots: list[_Snapshot]) -> Iterator[Item]:
    times = np.array([time_ns for time_ns, _, _ in snapshots])
    bid, ask = _nearest(snapshots, -1), _nearest(snapshots, 1)
    label = dump.label("bookDepth", "depth")
    where = dump.path.name
    ghosts: dict[int, tuple[Stretch, ...]] = {
        -1: frozen_side(times, bid, ask),
        1: frozen_side(times, ask, bid),
    }
    for sign, name in ((-1, "bid"), (1, "ask")):
        for ghost in ghosts[sign]:
            said = (
                f"the {name} side stands still in {ghost.count:,} snapshots from "
                f"{iso(ghost.from_ns)} while the other moves: a ghost; its bands are left out"
            )
            yield stretch_finding(FindingCode.FROZEN_SIDE, ghost, said, where=where, label=label)
    for crossed in crossed_book(times, bid, ask):
        said = (
            f"bids stand above asks in {crossed.count:,} snapshots from {iso(crossed.from_ns)}: "
            "no book of a running market"
        )
        yield stretch_finding(FindingCode.CROSSED_BOOK, crossed, said, where=where, label=label)
    yield from _assumed(dump, int(times[0]))
    for time_ns, line, bands in snapshots:
        is_ghost = {sign: _is_within(time_ns, ghosts[sign]) for sign in (-1, 1)}
        kept = tuple(band for band in bands if not is_ghost[-1 if band.percent < 0 else 1])
        if kept:
            yield DepthBands(
                **dump.head_fields(time_ns),
                raw_ref=RawRef(where, line),
                venue_ns=time_ns,
                bands=kept,
            )


def _nearest(snapshots: list[_Snapshot], sign: int) -> NDArray[np.float64]:
    """Average price of the band next to the mid price, NaN where there is none."""
    prices: list[float] = []
    for _, _, bands in snapshots:
        side = [band for band in bands if band.percent * sign > 0]
        price = min(side, key=lambda band: abs(band.percent)).average_price if side else None
        prices.append(float("nan") if price is None else price)
    return np.array(prices)


def _is_within(time_ns: int, stretches: tuple[Stretch, ...]) -> bool:
    return any(stretch.from_ns <= time_ns <= stretch.to_ns for stretch in stretches)


def _assumed(dump: Dump, at_ns: int) -> Iterator[Finding]:
    instrument = dump.instrument(at_ns)
    if instrument is not None and instrument.kind is Kind.INVERSE:
        yield Finding(
            code=FindingCode.ASSUMPTION,
            where=dump.path.name,
            venue=dump.venue,
            symbol=instrument.symbol,
            said="the file does not say its units; depth in coins and notional in dollars assumed",
        )
