"""Which shock empties the insurance fund, and how thin the market may be before one does.

Run it anywhere, it reads only what lies beside it (positions.csv, made up):

    python examples/05_reverse_stress.py

The command line does the same:

    airpocket stress examples/positions.csv --empties-fund 500k --move -4% \
        --daily-volume 1bn --daily-volatility 4%

What it prints is committed beside it as 05_reverse_stress.md.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from airpocket.cascade.goals import EmptiesFund, Goal, ReachesPrice
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.prepared import prepare
from airpocket.cascade.stress import Stress, frontier, largest_depth_factor
from airpocket.cascade.sweep import settle_many, tabled
from airpocket.leverage.ladder import Ladder
from airpocket.leverage.position_book import read_positions
from airpocket.leverage.position_ladder import ladder_of
from airpocket.market.events import Side
from airpocket.venues import register

HERE = Path(__file__).parent
SYMBOL = "BTC/USDC:USDC"
FUND_USD = 500_000.0
DEPTH_FACTORS = (1.0, 0.5, 0.25, 0.1, 0.05)
LAW = SquareRoot(daily_volatility=0.04, daily_volume_usd=1e9, y=1.0)


def waiting() -> Ladder:
    """Lay the positions out by the price at which each is taken."""
    book = read_positions(HERE / "positions.csv", catalogue_of=register.catalogue_of)
    mark = book.mark_of(SYMBOL)
    if mark is None:
        sys.exit("positions.csv does not say the mark price")
    tiers = register.tiers_of("hyperliquid").find(SYMBOL)
    return ladder_of(book, SYMBOL, mark, tiers=tiers)


def edge(ladder: Ladder, goal: Goal) -> Iterator[str]:
    """Find the smallest fall for each share of the depth."""
    asked = Stress(ready=prepare(ladder, Side.LONG), impact=LAW, goal=goal, most=0.10)
    yield "| depth | smallest fall | price at rest | forced, M USD |"
    yield "|---:|---:|---:|---:|"
    for one in frontier(asked, DEPTH_FACTORS):
        if one.shock is None:
            yield f"| {one.depth_factor:.0%} | none up to {one.most:.0%} does | | |"
            continue
        yield (
            f"| {one.depth_factor:.0%} | {one.shock:.2%} | {one.cascade.last_price:,.0f} |"
            f" {one.cascade.forced_usd / 1e6:.1f} |"
        )
    for fall in (0.01, 0.02, 0.04):
        found = largest_depth_factor(asked, fall)
        if found.depth_factor is None:
            yield f"\nA fall of {fall:.0%} does not, even with {found.least:.1%} of the depth."
        else:
            yield f"\nA fall of {fall:.0%} does with up to {found.depth_factor:.1%} of the depth."


def swept(ladder: Ladder) -> str:
    """Settle a grid of falls and depths at once, as a risk team would: 10,000 shocks."""
    table = tabled(prepare(ladder, Side.LONG))
    falls, depths = np.meshgrid(np.linspace(0.001, 0.1, 100), np.linspace(0.05, 1.0, 100))
    found = settle_many(table, LAW, -falls.ravel(), depth_factor=depths.ravel())
    twice = float((found.fall > 2 * falls.ravel()).mean())
    return (
        f"Of {found.size:,} shocks (falls of 0.1 % to 10 %, 5 % to 100 % of the depth) {twice:.1%}"
        f" end more than twice as far as they began; the longest chain has"
        f" {int(found.waves.max()) - 1} waves."
    )


def main() -> None:
    """Ask for the fund, then for a price, then sweep."""
    ladder = waiting()
    print(f"# Reverse stress of made-up positions on {SYMBOL} at {ladder.mark_price:,.0f}\n")
    print(f"What empties a fund of {FUND_USD:,.0f} USD?\n")
    print(*edge(ladder, EmptiesFund(FUND_USD)), sep="\n")
    print("\nWhat brings the price to 55,000?\n")
    print(*edge(ladder, ReachesPrice(55_000.0)), sep="\n")
    print(f"\n{swept(ladder)}")


if __name__ == "__main__":
    main()
