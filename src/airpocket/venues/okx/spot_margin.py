"""OKX spot margin, isolated: the price at which a loan is liquidated.

Source: OKX docs, margin trading (read 2026-10): a long is liquidated at
``(liabilities + interest) (1 + MMR) (1 + fee) / assets``. The short is the same rule with coin and
quote exchanged, and derived.
"""

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["SpotMargin"]


class SpotMargin(Struct, frozen=True, kw_only=True):
    """An isolated margin position.

    Parameters
    ----------
    assets
        Coins of a long, quote currency of a short.
    liabilities, interest
        Quote currency of a long, coins of a short.
    maintenance_rate, fee_rate
        As fractions.
    """

    assets: float
    liabilities: float
    maintenance_rate: float
    fee_rate: float
    interest: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) < 1e18:
                raise InputError(f"loan: {name} is {getattr(self, name)!r}, not a number from 0 up")
        if not self.assets or not self.liabilities:
            raise InputError("loan: without assets and liabilities there is nothing to liquidate")

    @property
    def _owed(self) -> float:
        owed = self.liabilities + self.interest
        return owed * (1 + self.maintenance_rate) * (1 + self.fee_rate)

    def long_price(self) -> float:
        """Price below which a bought coin is liquidated."""
        return self._owed / self.assets

    def short_price(self) -> float:
        """Price above which a coin sold short is liquidated."""
        return self.assets / self._owed
