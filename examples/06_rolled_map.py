"""A map of liquidations rolled through a crash, beside the map that was published afterwards.

Run it with the folder of recordings (default ../shared/data, or AIRPOCKET_DATA):

    python examples/06_rolled_map.py [FOLDER]

The bitcoin map of 2026-02-05 14:35 is rolled along the price to 18:33. Which levels did the mark
reach, and what does the map of 18:33 still show of the others? The same is then done for every two
maps that follow each other while five-minute prices are known. What it prints is committed beside
it as 06_rolled_map.md.
"""

import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from airpocket.leverage.ladder_changes import Changes, changes
from airpocket.leverage.rolling import Rolled, roll
from airpocket.market.columns import Columns
from airpocket.market.events import OpenInterest, Side
from airpocket.store.files import head
from airpocket.units import HOUR_NS, iso, ns_from_iso
from airpocket.venues.coinglass.archive import ARCHIVES
from airpocket.venues.hyperliquid.clusters import ClusterMap, read_clusters

SYMBOL = "BTC/USDC:USDC"
MAPS = "feb2026/hl_top_traders_liq_clusters_20260126_20260222.jsonl.gz"
PRICES = "feb2026/BTC_oi_5m_20260128_20260208.csv.gz"
BEFORE, AFTER = "2026-02-05T14:35", "2026-02-05T18:33"
CLOSE_BY = 0.10  # of the price: how far away levels are looked at in the second part

Prices = tuple[NDArray[np.int64], NDArray[np.float64]]


def five_minute_prices(path: Path) -> Prices:
    """Read prices out of open interest, which is given in dollars and in coins every 5 minutes."""
    archive = next(one for one in ARCHIVES if one.claims(path, head(path)))
    columns = next(
        item
        for item in archive.open(path).read()
        if isinstance(item, Columns) and item.kind is OpenInterest
    )
    return columns["venue_ns"], columns["notional_usd"] / columns["qty_base"]


def rolled_to(before: ClusterMap, after: ClusterMap, prices: Prices) -> Rolled:
    """Roll a map along the prices between it and a later one, and to the later one's price."""
    at_ns, price = prices
    start_ns, end_ns = before.ladder.at_ns or 0, after.ladder.at_ns or 0
    between = price[(at_ns > start_ns) & (at_ns < end_ns)]
    path = np.array([before.ladder.mark_price, *between, after.ladder.mark_price])
    return roll(before.ladder, path, at_ns=end_ns)


def compared(rolled: Rolled, before: ClusterMap, after: ClusterMap) -> Changes:
    """Compare with the later map, as exactly as the bins of both allow."""
    width = max(before.half_width or 0.0, after.half_width or 0.0)
    return changes(rolled, after.ladder, half_width=width)


def table(found: Changes) -> Iterator[str]:
    """Lay out both maps' levels of 0.1 M USD and more."""
    yield "| side | level | M USD | rolled | later map |"
    yield "|---|---:|---:|---|---|"
    for one in found.earlier:
        if one.notional_usd >= 1e5:
            if one.moved_to is not None:
                fate = f"the same dollars at {one.moved_to:,.0f}"
            elif one.is_consumed:
                fate = "gone"
            else:
                fate = f"{one.kept_usd / 1e6:.1f} M within its bin" if one.kept_usd else "not there"
            said = "reached" if one.is_consumed else "left"
            yield (
                f"| {one.side.value} | {one.price:,.0f} | {one.notional_usd / 1e6:.1f} | {said} |"
                f" {fate} |"
            )
    for new in found.later:
        if new.notional_usd >= 1e5 and new.moved_from is None:
            fresh = new.notional_usd - new.kept_usd
            if fresh >= 1e5:
                yield (
                    f"| {new.side.value} | {new.price:,.0f} | {new.notional_usd / 1e6:.1f} | – |"
                    f" {fresh / 1e6:.1f} M new |"
                )


def totals(found: Changes) -> Iterator[str]:
    """Sum up both sides in millions."""
    yield "| side | reached | of it moved | left | kept at most | moved | later map |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for side in Side:
        figures = (
            found.consumed_usd(side), found.survived_usd(side), found.left_usd(side),
            found.kept_usd(side), found.moved_usd(side), found.later_usd(side),
        )  # fmt: skip
        yield f"| {side.value} | " + " | ".join(f"{one / 1e6:.1f}" for one in figures) + " |"


def kept_shares(maps: list[ClusterMap], prices: Prices) -> Iterator[tuple[float, float, float]]:
    """Yield hours, share of what rolling left that is kept, share of the later map it explains."""
    for before, after in pairwise(maps):
        start_ns, end_ns = before.ladder.at_ns or 0, after.ladder.at_ns or 0
        if not prices[0][0] <= start_ns < end_ns <= prices[0][-1]:
            continue
        found = compared(rolled_to(before, after, prices), before, after)
        left = kept = later = 0.0
        for one in found.earlier:
            near = abs(one.price / after.ladder.mark_price - 1) <= CLOSE_BY
            if near and not one.is_consumed:
                left, kept = left + one.notional_usd, kept + one.kept_usd
        for new in found.later:
            if abs(new.price / after.ladder.mark_price - 1) <= CLOSE_BY:
                later += new.notional_usd
        if left and later:
            yield (end_ns - start_ns) / HOUR_NS, kept / left, min(kept / later, 1.0)


def at_minute(maps: list[ClusterMap], minute: str) -> ClusterMap:
    """Find the map of a minute."""
    start_ns = ns_from_iso(minute)
    return next(one for one in maps if 0 <= (one.ladder.at_ns or 0) - start_ns < 60 * 10**9)


def main(folder: Path) -> int:
    """Print both parts."""
    if not (folder / MAPS).is_file():
        print(f"{folder / MAPS}: not there; name the folder of recordings", file=sys.stderr)
        return 2
    maps = list(read_clusters(folder / MAPS, symbol=SYMBOL))
    prices = five_minute_prices(folder / PRICES)
    before, after = at_minute(maps, BEFORE), at_minute(maps, AFTER)
    rolled = rolled_to(before, after, prices)
    found = compared(rolled, before, after)
    print(f"# {SYMBOL} on Hyperliquid: the map of {BEFORE} rolled to {AFTER}\n")
    print(
        f"Price {before.ladder.mark_price:,.0f} to {after.ladder.mark_price:,.0f}, lowest"
        f" {rolled.lowest:,.0f}, highest {rolled.highest:,.0f} (the maps' own prices, and between"
        " them open interest in dollars over coins, every 5 minutes).\n"
    )
    print(*table(found), "", "In millions of dollars:\n", *totals(found), sep="\n")
    print("\nAssumed:\n")
    print(*(f"- {text}" for text in rolled.ladder.layers[0].assumed), sep="\n")
    shares = list(kept_shares(maps, prices))
    hours, kept, explained = (median(column) for column in zip(*shares, strict=True))
    print(
        f"\n{len(shares)} pairs of maps, {iso(int(prices[0][0]))[:10]} to"
        f" {iso(int(prices[0][-1]))[:10]}, levels within {CLOSE_BY:.0%} of the price, both sides,"
        f" medians: {hours:.1f} h apart, at most {kept:.0%} of the dollars that rolling left are"
        f" still there, and they are {explained:.0%} of the later map."
    )
    return 0


if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("AIRPOCKET_DATA", "../shared/data")
    sys.exit(main(Path(named)))
