"""One position on several venues: what it must hold, when it is taken, and what is done with it.

Run it anywhere, it needs no data:

    python examples/01_one_position.py

What it prints is committed beside it as 01_one_position.md.
"""

import sys
from collections.abc import Iterator

from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import Position
from airpocket.leverage.tiers import TierTable
from airpocket.market.events import Side
from airpocket.units import iso
from airpocket.venues import register

COINS, ENTRY, LEVERAGE = 20.0, 60_000.0, 10.0
PLACES = (
    ("binance", "BTC/USDT:USDT"),
    ("bybit", "BTC/USDT:USDT"),
    ("hyperliquid", "BTC/USDC:USDC"),
)


def opened(venue: str, symbol: str) -> tuple[Position, MarginRules, TierTable]:
    """Open the position at a venue, under the rules and tiers that airpocket ships."""
    instrument = register.catalogue_of(venue).find_symbol(symbol)
    if instrument is None:
        sys.exit(f"{symbol} is not among the instruments of {venue}")
    position = Position(
        instrument=instrument,
        side=Side.LONG,
        qty_raw=COINS / instrument.contract_value,
        entry_price=ENTRY,
        leverage=LEVERAGE,
    )
    return position, register.rules_for(instrument), register.tiers_of(venue).find(symbol)


def at(price: float | None) -> str:
    """Say a price and how far from the entry it is; some positions are taken at none."""
    return "never" if price is None else f"{price:,.1f} ({price / ENTRY - 1:+.2%})"


def row(venue: str, symbol: str) -> str:
    """Say what the rules answer, as one row of a table."""
    position, rules, tiers = opened(venue, symbol)
    initial = rules.initial_margin(position, tiers)
    held = rules.maintenance_margin(position, ENTRY, tiers)
    taken = rules.liquidation_price(position, tiers)
    lost = rules.bankruptcy_price(position)
    since = "" if rules.valid_from_ns is None else f" (since {iso(rules.valid_from_ns)[:10]})"
    return (
        f"| {venue} | {initial.amount:,.0f} | {held.amount:,.0f} | {at(taken.price)} |"
        f" {at(lost)} | {rules.rule_id}{since} |"
    )


def steps(venue: str, symbol: str) -> Iterator[str]:
    """Say what the venue does a tenth of a percent below the liquidation price."""
    position, rules, tiers = opened(venue, symbol)
    taken = rules.liquidation_price(position, tiers)
    if taken.price is None:
        return
    closing = rules.closing(position, taken.price * 0.999, tiers)
    for number, step in enumerate(closing.steps, 1):
        price = "" if step.price is None else f" at {step.price:,.1f}"
        yield f"{number}. {step.taker.value}, {step.share:.0%} of what is left{price}: {step.said}"


def main() -> None:
    """Print the table, then the steps of each venue."""
    print(f"# A long of {COINS:g} BTC at {ENTRY:,.0f}, {LEVERAGE:g}x, isolated\n")
    print("| venue | initial margin | maintenance | liquidated at | bankrupt at | rules |")
    print("|---|---:|---:|---:|---:|---|")
    for place in PLACES:
        print(row(*place))
    for venue, symbol in PLACES:
        print(f"\nWhat {venue} does then:\n")
        print(*steps(venue, symbol), sep="\n")


if __name__ == "__main__":
    main()
