"""Bybit's insurance pools, and when they hand losses to the winners.

Source: bybit-exchange/docs v5/market/adl-alert.mdx @072c197d (2026-07-24). Pools were regrouped
from 2025-12-19; before that only an empty pool started deleveraging.
"""

from typing import Final

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["DRAWDOWN_START", "DRAWDOWN_STOP", "Pool"]

DRAWDOWN_START: Final = -0.3
DRAWDOWN_STOP: Final = -0.25


class Pool(Struct, frozen=True, kw_only=True):
    """An insurance pool and one symbol in it.

    Parameters
    ----------
    balance
        Of the pool now; ``balance_most`` its maximum over eight hours.
    profit
        What the symbol has won or lost for the pool; ``profit_most`` its maximum over eight hours.
    threshold
        The drawdown counts only while the balance is above it (1 in the page's examples, 10,000 in
        its sample message).
    """

    balance: float
    balance_most: float
    profit: float
    profit_most: float
    threshold: float = 1.0

    def __post_init__(self) -> None:
        if self.balance_most < self.balance or self.profit_most < self.profit:
            raise InputError(
                "insurance pool: a maximum over eight hours is below what is there now"
            )

    @property
    def drawdown(self) -> float:
        """``(profit - profit_most) / balance_most``, 0 or below.

        Raises
        ------
        InputError
            If the pool was empty for eight hours: there is nothing to compare with.
        """
        if not self.balance_most > 0:
            raise InputError("insurance pool: it held nothing for eight hours")
        return (self.profit - self.profit_most) / self.balance_most

    def deleverages(self, *, is_on: bool = False, by_drawdown: bool = True) -> bool:
        """Tell whether winners are deleveraged now.

        Parameters
        ----------
        is_on
            Whether they were a moment ago: a drawdown starts it at -30 % and ends above -25 %.
            The page writes "below -0.3" and deleverages at exactly -0.3 in its second example.
        by_drawdown
            False for the rules before 2025-12-19.
        """
        if self.balance <= 0:
            return True
        if not by_drawdown or self.balance <= self.threshold:
            return False
        return self.drawdown <= (DRAWDOWN_STOP if is_on else DRAWDOWN_START)

    @property
    def loss_of_winners(self) -> float:
        """What goes to the winners: the loss beyond 30 % of the pool."""
        return max(0.0, (DRAWDOWN_START - self.drawdown) * self.balance_most)
