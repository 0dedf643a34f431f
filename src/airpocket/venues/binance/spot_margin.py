"""Binance cross margin (spot): the margin level, its call at 1.3 and its liquidation at 1.1.

Source: Binance, cross margin FAQ (level = assets over liabilities and interest), read 2026-10.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["CALL_LEVEL", "LIQUIDATION_LEVEL", "LevelState", "SpotLoan", "margin_level", "state_of"]

CALL_LEVEL: Final = 1.3
LIQUIDATION_LEVEL: Final = 1.1


class LevelState(StrEnum):
    """What a margin level calls for."""

    SAFE = "safe"
    CALL = "call"
    LIQUIDATED = "liquidated"


def margin_level(assets: float, liabilities: float, interest: float = 0.0) -> float:
    """Compute assets over liabilities and interest, all in one coin; infinite without debt.

    Examples
    --------
    >>> margin_level(11_000.0, 10_000.0)
    1.1
    """
    owed = liabilities + interest
    if assets < 0 or owed < 0:
        raise InputError(f"margin level: assets {assets:g} and debt {owed:g} cannot be negative")
    return assets / owed if owed else float("inf")


def state_of(level: float) -> LevelState:
    """Say what a margin level calls for.

    Examples
    --------
    >>> state_of(1.2).value
    'call'
    """
    if level <= LIQUIDATION_LEVEL:
        return LevelState.LIQUIDATED
    return LevelState.CALL if level <= CALL_LEVEL else LevelState.SAFE


class SpotLoan(Struct, frozen=True, kw_only=True):
    """A loan behind a coin: what is held and owed in the coin and in the quote currency.

    A leveraged buyer holds ``held`` coins and owes ``owed_quote``; a short seller holds
    ``held_quote`` and owes ``owed`` coins. Interest counts as owed.
    """

    held: float = 0.0
    held_quote: float = 0.0
    owed: float = 0.0
    owed_quote: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) < 1e18:
                raise InputError(f"loan: {name} is {getattr(self, name)!r}, not a number from 0 up")

    def level_at(self, price: float) -> float:
        """Compute the margin level at a price of the coin."""
        owed = self.owed_quote + self.owed * price
        return margin_level(self.held_quote + self.held * price, owed)

    def price_of(self, level: float = LIQUIDATION_LEVEL) -> float | None:
        """Find the price of the coin at which the level is reached; ``None`` if none does.

        Examples
        --------
        >>> SpotLoan(held=1.0, owed_quote=10_000.0).price_of()
        11000.0
        """
        slope = self.held - level * self.owed
        if not slope:
            return None
        price = (level * self.owed_quote - self.held_quote) / slope
        return price if price > 0 else None
