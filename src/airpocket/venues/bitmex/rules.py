"""BitMEX, historical: fair price, funding, and the rank that the others took over.

Source: BitMEX docs (auto-deleveraging, funding, liquidation), archived. The venue closed on
2026-09-23 04:00 UTC; its risk limits were not found, so no liquidation price is given. Its
engine placed a limit order at the bankruptcy price and, where that did not fill, deleveraged at it:
see :mod:`airpocket.leverage.ranks` for rank, percentiles and allocation.
"""

from typing import Final

from airpocket.errors import InputError
from airpocket.leverage.position import Position
from airpocket.leverage.ranks import leveraged_return
from airpocket.leverage.values import margin_of, profit_at, value_at
from airpocket.units import iso, ns_from_iso

__all__ = [
    "CLOSED_NS",
    "adl_score",
    "fair_price",
    "funding_payment",
    "funding_rate",
    "refuse_after_close",
]

CLOSED_NS: Final = ns_from_iso("2026-09-23T04:00:00Z")


def refuse_after_close(at_ns: int) -> None:
    """Refuse a time after the venue's close.

    Raises
    ------
    InputError
        Naming the day.
    """
    if at_ns >= CLOSED_NS:
        raise InputError(f"bitmex: it closed on {iso(CLOSED_NS)}; no rules hold at {iso(at_ns)}")


def fair_price(index: float, funding: float, time_fraction: float) -> float:
    """Compute the mark: ``index (1 + funding * time to funding / interval)``.

    Raises
    ------
    InputError
        If the fraction of the interval is not within 0 to 1.
    """
    if not 0 <= time_fraction <= 1:
        raise InputError(f"bitmex: {time_fraction!r} of an interval is not within 0 to 1")
    return index * (1 + funding * time_fraction)


def funding_rate(interest_quote: float, interest_base: float, times_per_day: int = 3) -> float:
    """Compute the interest part of funding: ``(quote - base) / times a day``."""
    return (interest_quote - interest_base) / times_per_day


def funding_payment(position: Position, price: float, rate: float) -> float:
    """Compute what a position pays: its value at the mark times the rate; a short receives it."""
    return position.sign * value_at(position, price) * rate


def adl_score(position: Position, price: float) -> float:
    """Rank an isolated position by profit and effective leverage."""
    profit = profit_at(position, price)
    return leveraged_return(
        profit,
        value_at(position, position.entry_price),
        value_at(position, price),
        margin_of(position) + profit,
    )
