"""What every lending protocol's rules answer: health, how much may be closed, what is seized.

A loan is no perpetual position: it has no entry price, its collateral may be several coins, each
with a threshold of its own, and whoever repays the debt takes the collateral. So it has a protocol
of its own beside :class:`~airpocket.leverage.margin.MarginRules`. ``venues/<venue>/rules.py`` holds
the books. Prices are the protocol's oracle, in US dollars.
"""

import math
from typing import Protocol

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.margin import LiquidationPrice

__all__ = ["Collateral", "Debt", "LendingRules", "Loan", "Seizure", "health_of", "price_of_health"]


class Collateral(Struct, frozen=True, kw_only=True):
    """One coin that stands behind a loan.

    Parameters
    ----------
    asset, amount, price
        Coin, how much of it, US dollars of one.
    threshold
        Share of its value that counts against the debt (Aave's liquidation threshold, Compound's
        liquidateCF, one over Maker's liquidation ratio).
    bonus
        Collateral a liquidator takes per dollar repaid, such as 1.05.
    protocol_fee
        Share of the bonus that the protocol keeps.
    liquidation_factor
        Share of its value that is credited when a protocol absorbs it (Compound III).
    """

    asset: str
    amount: float
    price: float
    threshold: float
    bonus: float = 1.0
    protocol_fee: float = 0.0
    liquidation_factor: float = 1.0

    def __post_init__(self) -> None:
        _checked(self.asset, self.amount, self.price)
        for name in ("threshold", "protocol_fee", "liquidation_factor"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{self.asset}: {name} is {getattr(self, name)!r}, not a share from 0 to 1"
                )
        if not 1 <= self.bonus < 2:
            raise InputError(
                f"{self.asset}: bonus is {self.bonus!r}, not from 1 to 2 (1.05 is 5 %)"
            )

    @property
    def value(self) -> float:
        """US dollars of it."""
        return self.amount * self.price


class Debt(Struct, frozen=True, kw_only=True):
    """One coin that is owed, interest included."""

    asset: str
    amount: float
    price: float

    def __post_init__(self) -> None:
        _checked(self.asset, self.amount, self.price)

    @property
    def value(self) -> float:
        """US dollars of it."""
        return self.amount * self.price


class Loan(Struct, frozen=True, kw_only=True):
    """What one account owes and what stands behind it.

    Raises
    ------
    InputError
        If a coin stands twice on one side.
    """

    collateral: tuple[Collateral, ...]
    debts: tuple[Debt, ...]

    def __post_init__(self) -> None:
        for rows in (self.collateral, self.debts):
            names = [row.asset for row in rows]
            if len(set(names)) != len(names):
                raise InputError(f"loan: a coin stands twice among {', '.join(names)}: add them up")

    @property
    def collateral_value(self) -> float:
        """US dollars of all collateral."""
        return sum(row.value for row in self.collateral)

    @property
    def debt_value(self) -> float:
        """US dollars owed."""
        return sum(row.value for row in self.debts)

    def behind(self, asset: str) -> Collateral:
        """Find one coin of the collateral.

        Raises
        ------
        InputError
            If it is not in it.
        """
        for row in self.collateral:
            if row.asset == asset:
                return row
        there = ", ".join(row.asset for row in self.collateral) or "none"
        raise InputError(f"loan: {asset!r} is no collateral of it ({there})")

    def owed(self, asset: str) -> Debt:
        """Find one coin of the debt.

        Raises
        ------
        InputError
            If it is not owed.
        """
        for row in self.debts:
            if row.asset == asset:
                return row
        there = ", ".join(row.asset for row in self.debts) or "none"
        raise InputError(f"loan: {asset!r} is not owed ({there})")


class Seizure(Struct, frozen=True, kw_only=True):
    """One liquidation of a loan.

    Parameters
    ----------
    repaid
        Coins of debt and how much of each is repaid.
    seized
        Coins of collateral and how much of each leaves the borrower, fee included.
    protocol_fee
        How much of the seized collateral the protocol keeps, in the (one) coin seized.
    bad_debt
        US dollars of debt that nothing is left behind.
    returned
        US dollars that the borrower is left with besides (Compound III: credited in the base coin).
    """

    repaid: tuple[tuple[str, float], ...]
    seized: tuple[tuple[str, float], ...]
    protocol_fee: float = 0.0
    bad_debt: float = 0.0
    returned: float = 0.0


class LendingRules(Protocol):
    """The rules of one lending protocol between two dates."""

    @property
    def venue(self) -> str:
        """Venue id."""
        ...

    @property
    def product(self) -> str:
        """Version, such as ``"v3.7"``."""
        ...

    @property
    def rule_id(self) -> str:
        """Name of the rule book."""
        ...

    @property
    def valid_from_ns(self) -> int | None:
        """Since when it holds."""
        ...

    @property
    def valid_to_ns(self) -> int | None:
        """Until when."""
        ...

    @property
    def source(self) -> str:
        """Code with its commit and date."""
        ...

    def health_factor(self, loan: Loan) -> float:
        """Compute what counts behind the debt over the debt: liquidatable below 1."""
        ...

    def is_liquidatable(self, loan: Loan) -> bool:
        """Tell whether anyone may liquidate it."""
        ...

    def liquidation_price(self, loan: Loan, asset: str) -> LiquidationPrice:
        """Find the price of one coin at which the health factor is 1, other prices held."""
        ...

    def closable(self, loan: Loan, debt: str, collateral: str) -> float:
        """Compute how much of a debt one call may repay, in its coin; 0 while it is healthy."""
        ...

    def seizure(
        self, loan: Loan, debt: str, collateral: str, repaid: float | None = None
    ) -> Seizure:
        """Compute one call: ``repaid`` of a debt (``None``: the most allowed) for a collateral."""
        ...


def health_of(loan: Loan) -> float:
    """Compute the sum of value times threshold over the debt; infinite without debt.

    Examples
    --------
    >>> health_of(Loan(collateral=(Collateral(asset="ETH", amount=10.0, price=2_000.0,
    ...     threshold=0.83),), debts=(Debt(asset="USDC", amount=16_600.0, price=1.0),)))
    1.0
    """
    owed = loan.debt_value
    counted = sum(row.value * row.threshold for row in loan.collateral)
    return counted / owed if owed > 0 else math.inf


def price_of_health(loan: Loan, asset: str) -> LiquidationPrice:
    """Find the price of one coin at which :func:`health_of` is 1, other prices held.

    The coin may stand on both sides; where more of it is owed than counts as collateral, the loan
    is liquidated by a rise. There are no tiers: ``tier`` is ``None``.

    Raises
    ------
    InputError
        If the loan does not hold the coin on either side.
    """
    ours = [row for row in loan.collateral if row.asset == asset]
    owed = [row for row in loan.debts if row.asset == asset]
    if not ours and not owed:
        raise InputError(f"loan: {asset!r} stands on neither side of it")
    slope = sum(row.amount * row.threshold for row in ours) - sum(row.amount for row in owed)
    rest = sum(row.value * row.threshold for row in loan.collateral if row.asset != asset)
    rest -= sum(row.value for row in loan.debts if row.asset != asset)
    if slope != 0 and -rest / slope > 0:
        return LiquidationPrice(-rest / slope, None)
    if rest >= 0 and slope >= 0:
        return LiquidationPrice(None, None, f"what stands behind it covers every price of {asset}")
    return LiquidationPrice(None, None, f"no price of {asset} alone makes it healthy")


def _checked(asset: str, amount: float, price: float) -> None:
    if not 0 <= amount < 1e18:
        raise InputError(f"{asset}: amount is {amount!r}, not a number from 0")
    if not 0 < price < 1e18:
        raise InputError(f"{asset}: price is {price!r}, not a number above 0")
