"""Lighter: what a printed liquidation says about its maintenance. Its rules were not found.

Source: a captured ``liquidation_trades`` message (tardis-node test/mappers.test.ts @c1d73fb5): the
equity at the fill was 1.204 % of the notional, which agrees with 1.2 % at an initial margin of 2 %.
"""

from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["observed_fraction"]


def observed_fraction(
    side: Side, size: float, price: float, entry_quote: float, margin: float
) -> float:
    """Compute the equity that was left at a liquidation's fill, as a fraction of its notional.

    Parameters
    ----------
    side
        Of the position.
    size
        Base coins closed.
    price
        Of the fill.
    entry_quote
        What the position cost, in quote currency (entry price times size).
    margin
        Allocated to it.

    Raises
    ------
    InputError
        If size or price is not above 0.
    """
    if not (size > 0 and price > 0):
        raise InputError(f"lighter: a fill of {size!r} at {price!r} is none")
    sign = 1 if side is Side.LONG else -1
    notional = size * price
    return (margin + sign * (notional - entry_quote)) / notional
