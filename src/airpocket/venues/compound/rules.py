"""Compound III's liquidations: the protocol absorbs the whole account and sells it afterwards.

Source: compound-finance/comet ``Comet.sol`` @d5a30b0a (2026-05-29). Absorbing puts nothing on a
market: the debt is gone at once, the collateral waits in the protocol, and whoever pays base coins
takes it at a discount as long as reserves are below their target.
"""

from typing import final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.lending import Loan, Seizure, health_of, price_of_health
from airpocket.leverage.margin import LiquidationPrice, rules_among

__all__ = [
    "CompoundRules",
    "has_shortfall",
    "is_for_sale",
    "quote_collateral",
    "rule_books",
    "rules_at",
    "sale_price",
]


def has_shortfall(base_value: float, counted: float) -> bool:
    """Tell whether an account is liquidatable: ``base < 0`` and ``base + counted < 0``.

    ``base_value`` is the base balance in US dollars (negative: owed), ``counted`` the sum of
    collateral times its liquidateCF (``isLiquidatable``).
    """
    return base_value < 0 and base_value + counted < 0


def sale_price(price: float, storefront: float, liquidation_factor: float) -> float:
    """Compute the price at which absorbed collateral is sold.

    ``price * (1 - storefront * (1 - liquidation_factor))``: buyers get part of the penalty.

    Raises
    ------
    InputError
        If a factor is not a share or the price is none.
    """
    if not 0 < price < 1e18 or not 0 <= storefront <= 1 or not 0 <= liquidation_factor <= 1:
        raise InputError(
            f"storefront: price {price!r} with factors {storefront!r} and {liquidation_factor!r}:"
            " it wants a price above 0 and shares from 0 to 1"
        )
    return price * (1 - storefront * (1 - liquidation_factor))


def quote_collateral(
    base_amount: float, price: float, storefront: float, liquidation_factor: float
) -> float:
    """Compute the collateral that base coins buy (``quoteCollateral``), with a base coin at 1 USD.

    Examples
    --------
    >>> quote_collateral(200.0, 200.0, 0.5, 0.6)
    1.25
    """
    return base_amount / sale_price(price, storefront, liquidation_factor)


def is_for_sale(reserves: float, target: float) -> bool:
    """Tell whether absorbed collateral may be bought: reserves below their target."""
    return reserves < target


@final
class CompoundRules(Struct, frozen=True, kw_only=True):
    """Rules of one version of Compound; a loan has one debt, the base coin."""

    product: str
    rule_id: str
    source: str
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "compound"

    def health_factor(self, loan: Loan) -> float:
        """Compute ``sum(collateral * liquidateCF) / debt``."""
        self._check(loan)
        return health_of(loan)

    def is_liquidatable(self, loan: Loan) -> bool:
        """Tell whether what counts as collateral is less than the debt."""
        self._check(loan)
        counted = sum(row.value * row.threshold for row in loan.collateral)
        return has_shortfall(-loan.debt_value, counted)

    def liquidation_price(self, loan: Loan, asset: str) -> LiquidationPrice:
        """Find the price of one coin at which the health factor is 1, other prices held."""
        self._check(loan)
        return price_of_health(loan, asset)

    def closable(self, loan: Loan, debt: str, collateral: str) -> float:
        """Compute how much is closed: all of it, once it is liquidatable."""
        loan.behind(collateral)
        return loan.owed(debt).amount if self.is_liquidatable(loan) else 0.0

    def seizure(
        self, loan: Loan, debt: str, collateral: str, repaid: float | None = None
    ) -> Seizure:
        """Compute an absorption: every collateral is taken, whichever was named.

        The account is credited ``value * liquidationFactor``; what that has over the debt it keeps
        in base coins, what it lacks the reserves bear.

        Raises
        ------
        InputError
            If the loan is healthy, or part of a debt is to be repaid.
        """
        owed = loan.owed(debt)
        loan.behind(collateral)
        if not self.is_liquidatable(loan):
            health = self.health_factor(loan)
            raise InputError(f"{self.rule_id}: a health factor of {health:.6g} is not below 1")
        if repaid is not None and repaid != owed.amount:
            raise InputError(
                f"{self.rule_id}: {repaid!r} {debt} of {owed.amount!r}: an account is absorbed"
                " whole"
            )
        credited = sum(row.value * row.liquidation_factor for row in loan.collateral)
        return Seizure(
            repaid=((debt, owed.amount),),
            seized=tuple((row.asset, row.amount) for row in loan.collateral),
            bad_debt=max(loan.debt_value - credited, 0.0),
            returned=max(credited - loan.debt_value, 0.0),
        )

    def _check(self, loan: Loan) -> None:
        if len(loan.debts) > 1:
            names = ", ".join(row.asset for row in loan.debts)
            raise InputError(f"{self.rule_id}: debts in {names}: a market lends one base coin")


def rule_books() -> tuple[CompoundRules, ...]:
    """Give every rule book of Compound."""
    return (
        CompoundRules(
            product="v3",
            rule_id="compound-iii",
            source="compound-finance/comet Comet.sol @d5a30b0a (2026-05-29)",
        ),
    )


def rules_at(product: str = "v3", at_ns: int | None = None) -> CompoundRules:
    """Pick the rule book of a version at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is none; the message names the versions.
    """
    return rules_among(rule_books(), product, at_ns)
