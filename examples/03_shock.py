"""What a fall of 2 % sets off: the chain wave by wave, under two laws of impact, and who pays.

Run it anywhere, it reads only what lies beside it (positions.csv and book.raw, both made up):

    python examples/03_shock.py

The command line does the same:

    airpocket shock examples/positions.csv --move -2% --depth examples/book.raw \
        --daily-volume 1bn --daily-volatility 4% --fund 250k --fee 0.1%

What it prints is committed beside it as 03_shock.md.
"""

from pathlib import Path

from airpocket.app.depth_sources import read_depth
from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.app.mapping import bin_bps_of, walk_of
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.settle import settle_both
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers

HERE = Path(__file__).parent
FALLS = (-0.01, -0.02, -0.03)
PAYERS = Payers(fund_usd=250_000.0, fee_rate=0.001, has_adl=True)
PAYING = (
    ("margin_lost_usd", "lost by the margin of those closed"),
    ("fee_usd", "liquidation fees"),
    ("fund_paid_usd", "paid by the fund"),
    ("adl_usd", "borne by winners"),
)


def chain(one: Cascade) -> None:
    """Print the waves of one chain."""
    print(f"| {one.law.replace('_', ' ')} | from | to | forced, USD | positions |")
    print("|---:|---:|---:|---:|---:|")
    for wave in one.waves:
        name = "shock" if wave.number == 0 else wave.number
        print(
            f"| {name} | {wave.from_price:,.0f} | {wave.to_price:,.0f} | "
            f"{wave.notional_usd:,.0f} | {wave.count} |"
        )
    print(f"\nIt ended: {one.stop.value.replace('_', ' ')}, at {one.last_price:,.0f}.")
    if one.critical_shock is not None:
        first = one.folds[0]
        print(
            f"Critical shock: {one.critical_shock:.2%}, where the end jumps from "
            f"{first.before:.2%} to {first.beyond:.2%}."
        )
    for pocket in one.air_pockets:
        print(f"Air-pocket: {pocket.trigger_price:,.0f} to {pocket.exhaustion_price:,.0f}.")
    paid = [f"{getattr(one.waterfall, key):,.0f} {said}" for key, said in PAYING]
    print(f"Who pays, USD: {', '.join(paid)}.\n")


def main() -> None:
    """Settle falls of several sizes, and tell the one of 2 % wave by wave."""
    ladder = read_ladders([HERE / "positions.csv"], Wanted())
    walk = walk_of(read_depth(HERE / "book.raw", symbol=ladder.symbol))
    laws = (walk, SquareRoot(daily_volatility=0.04, daily_volume_usd=1e9, y=1.0))
    width = bin_bps_of(ladder, walk)
    print(f"# A shock on {ladder.symbol}, made up\n")
    print("| fall | book walk ends at | square root ends at | forced, USD |")
    print("|---:|---:|---:|---:|")
    for move in FALLS:
        down, root = settle_both(ladder, laws, Shock.by_move(move), payers=PAYERS).cascades
        forced = sorted((down.forced_usd, root.forced_usd))
        print(
            f"| {move:.0%} | {-down.fall:.2%} | {-root.fall:.2%} | "
            f"{forced[0]:,.0f} to {forced[1]:,.0f} |"
        )
    print("\nNeither law is a bound: the truth may lie outside. A fall of 2 %, wave by wave:\n")
    told = settle_both(ladder, laws, Shock.by_move(-0.02), payers=PAYERS, bin_bps=width)
    for one in told.cascades:
        chain(one)


if __name__ == "__main__":
    main()
