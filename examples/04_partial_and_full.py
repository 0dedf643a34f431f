"""The same book under full and under partial liquidation, figure by figure.

Run it anywhere, it reads only what lies beside it:

    python examples/04_partial_and_full.py

positions.csv holds some 200 made-up positions on Hyperliquid's bitcoin perpetual; 04_whole.toml and
04_in_parts.toml the two sets of parameters. The command line does the same:

    airpocket stress examples/positions.csv --compare examples/04_whole.toml \
        examples/04_in_parts.toml --move -3% --daily-volume 1bn --daily-volatility 4% --y 1

What it prints is committed beside it as 04_partial_and_full.md.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from airpocket.cascade.comparison import Comparison, Held, compare
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.parameters import read_parameters
from airpocket.cascade.shock import Shock
from airpocket.leverage.position_book import read_positions
from airpocket.venues import register

HERE = Path(__file__).parent
SYMBOL = "BTC/USDC:USDC"
FALLS = (-0.02, -0.03, -0.04)
LAW = SquareRoot(daily_volatility=0.04, daily_volume_usd=1e9, y=1.0)
SHOWN = (
    ("forced_usd", "forced to close, USD"),
    ("loss_usd", "lost in closing, USD"),
    ("fund_paid_usd", "paid by the fund, USD"),
    ("fund_after_usd", "left in the fund, USD"),
    ("adl_notional_usd", "closed against winners, USD"),
    ("bad_debt_usd", "borne by nobody, USD"),
    ("last_price", "price at rest"),
    ("waves", "waves, the shock among them"),
)


def held() -> Held:
    """Read the positions and the rules that they are held under today."""
    book = read_positions(HERE / "positions.csv", catalogue_of=register.catalogue_of)
    mark = book.mark_of(SYMBOL)
    if mark is None:
        sys.exit("positions.csv does not say the mark price")
    ours = book.of(SYMBOL)
    return Held(
        book=ours,
        mark_price=mark,
        tiers=register.tiers_of("hyperliquid").find(SYMBOL),
        rules=register.rules_for(ours.instruments[0]),
    )


def table(found: Comparison) -> Iterator[str]:
    """Lay both sets and their difference side by side."""
    names = found.first.parameters.name, found.second.parameters.name
    yield f"| | {names[0]} | {names[1]} | difference |"
    yield "|---|---:|---:|---:|"
    rows = {row.key: row for row in found.rows}
    for key, called in SHOWN:
        row = rows[key]
        figures = (row.first, row.second, row.difference)
        told = ("not known" if one is None else f"{one:,.0f}" for one in figures)
        yield f"| {called} | {' | '.join(told)} |"


def main() -> None:
    """Compare under falls of several sizes."""
    waits = held()
    sets = [read_parameters(HERE / name) for name in ("04_whole.toml", "04_in_parts.toml")]
    print(f"# {waits.book.size} made-up positions on {SYMBOL}, whole and in parts\n")
    for fall in FALLS:
        found = compare(waits, LAW, Shock.by_move(fall), sets[0], sets[1])
        print(f"A fall of {-fall:.0%}:\n")
        print(*table(found), "", sep="\n")
    print("Assumed:\n")
    print(*(f"- {said}" for said in found.assumed), sep="\n")


if __name__ == "__main__":
    main()
