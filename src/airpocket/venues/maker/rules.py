"""Maker's liquidation auctions, as the tests of dss state them; a reference, not a rule book.

Source: makerdao/dss ``src/test/clip.t.sol``, ``dog.t.sol`` @fa4f6630. Live figures (chop, step, the
oracle's delay) and the rules for what is too small to auction are not here. Hole and hole cap what
is auctioned at once: the one explicit brake on a cascade among the venues read.
"""

import math

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["Auction", "Taken", "auction_price", "is_unsafe", "start_auction", "take"]


class Auction(Struct, frozen=True):
    """What an auction sells and must raise: collateral, dai with the penalty, first price."""

    lot: float
    tab: float
    top: float


class Taken(Struct, frozen=True):
    """One purchase: dai paid, collateral bought, and what the auction has left of both."""

    owe: float
    slice: float
    lot: float
    tab: float


def is_unsafe(ink: float, spot: float, art: float, rate: float) -> bool:
    """Tell whether a vault may be liquidated: ``ink * spot < art * rate``.

    ``spot`` is the price over the liquidation ratio.
    """
    return ink * spot < art * rate


def start_auction(
    ink: float, art: float, rate: float, price: float, chop: float, buf: float,
    room: float = math.inf,
) -> Auction:  # fmt: skip
    """Start an auction of a vault, or of as much of it as the cap has room for.

    Parameters
    ----------
    ink, art
        Collateral and normalised debt.
    rate, chop, buf
        Debt per ``art``, penalty factor, factor of the first price.
    price
        Of the collateral, by the oracle.
    room
        Dai that may still be auctioned (the lesser of what Hole and hole leave).

    Examples
    --------
    >>> start_auction(40.0, 100.0, 1.0, 4.0, 1.1, 1.25).top
    5.0
    """
    for name, value in (("ink", ink), ("art", art), ("rate", rate), ("price", price)):
        if not 0 < value < math.inf:
            raise InputError(f"maker: {name} is {value!r}, not a number above 0")
    if room <= 0:
        raise InputError("maker: the caps (Hole, hole) have no room for another auction")
    auctioned = min(art, room / rate / chop)
    return Auction(ink * auctioned / art, auctioned * rate * chop, price * buf)


def auction_price(top: float, cut: float, step_s: float, elapsed_s: float) -> float:
    """Compute the price after a time: ``top * cut ** floor(elapsed / step)``."""
    if elapsed_s < 0 or step_s <= 0 or not 0 < cut < 1:
        raise InputError(
            f"maker: cut {cut!r} each {step_s!r} s after {elapsed_s!r} s is no auction"
        )
    return top * cut ** math.floor(elapsed_s / step_s)


def take(lot: float, tab: float, price: float, amount: float) -> Taken:
    """Buy up to ``amount`` of an auction at a price; never more than raises its ``tab``.

    What is left of the lot when ``tab`` is 0 goes back to the vault.

    Examples
    --------
    >>> take(40.0, 110.0, 5.0, 25.0).slice
    22.0
    """
    if not price > 0 or not amount > 0:
        raise InputError(f"maker: {amount!r} at {price!r} is no purchase")
    bought = min(lot, amount)
    owe = bought * price
    if owe > tab:
        owe, bought = tab, tab / price
    return Taken(owe, bought, lot - bought, tab - owe)
