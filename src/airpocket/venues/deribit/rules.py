"""Deribit: maintenance that grows with the size, as its page of 11 January 2022 states it.

Source: support.deribit.com 25944826427293, standard margin; nothing later was found, so a time
after the page is answered with the page's figures and its date. Initial margin, bankruptcy and
deleveraging are not on the page and not here: a liquidation price is refused, not guessed.
"""

from typing import Final

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["PAGE", "SizeRule", "size_rule"]

PAGE: Final = "support.deribit.com 25944826427293 (11 January 2022)"


class SizeRule(Struct, frozen=True, kw_only=True):
    """Maintenance of one coin's contracts.

    Parameters
    ----------
    base
        Fraction that the smallest position must hold.
    slope
        What each coin of size adds to it.
    liquidation_fee
        Fraction of what is liquidated.
    """

    coin: str
    base: float
    slope: float
    liquidation_fee: float
    source: str = PAGE

    def maintenance_fraction(self, size: float) -> float:
        """Compute ``base + slope * size`` of a size in coins.

        Raises
        ------
        InputError
            If the size is negative, or so large that more than all would be held.
        """
        fraction = self.base + self.slope * size
        if not 0 <= size < 1e18 or fraction > 1:
            raise InputError(f"deribit {self.coin}: a size of {size!r} is out of range ({PAGE})")
        return fraction


_RULES: Final = (
    SizeRule(coin="BTC", base=0.01, slope=5e-5, liquidation_fee=0.0075),
    SizeRule(coin="ETH", base=0.01, slope=4e-6, liquidation_fee=0.009),
)


def size_rule(coin: str) -> SizeRule:
    """Find the rule of a coin.

    Raises
    ------
    InputError
        If the page does not state one.

    Examples
    --------
    >>> size_rule("BTC").maintenance_fraction(100.0)
    0.015
    """
    for rule in _RULES:
        if rule.coin == coin:
            return rule
    raise InputError(f"deribit {coin}: no margin is stated, only that of BTC and ETH ({PAGE})")
