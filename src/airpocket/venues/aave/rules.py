"""Aave v3.7's liquidations: half of the debt near the edge, all of it below or if small.

Source: aave-dao/aave-v3-origin ``LiquidationLogic.sol`` @fd1fbd91 (2026-06-19; its constants 0.95,
2,000 and 2,000 / 2 re-checked there). Amounts are exact numbers here; the contracts round each
product to the unit of a token. Thresholds and bonuses are each market's, and eMode's where the
borrower is in one: give those that hold for the loan. Versions before the 2,000 rule are not here.
"""

from typing import Final, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.lending import Collateral, Loan, Seizure, health_of, price_of_health
from airpocket.leverage.margin import LiquidationPrice, rules_among

__all__ = [
    "CLOSE_FACTOR",
    "FULL_CLOSE_AT_HEALTH",
    "FULL_CLOSE_BELOW_USD",
    "LEFTOVER_LEAST_USD",
    "AaveRules",
    "collateral_for",
    "leaves_dust",
    "max_debt_to_cover",
    "rule_books",
    "rules_at",
]

CLOSE_FACTOR: Final = 0.5
"""Share of the *total* debt that one call may repay of a loan near the edge."""

FULL_CLOSE_AT_HEALTH: Final = 0.95
"""At this health factor or below, all of a reserve's debt may be repaid."""

FULL_CLOSE_BELOW_USD: Final = 2_000.0
"""Where the collateral or the debt of the reserves named is worth less, all may be repaid."""

LEFTOVER_LEAST_USD: Final = FULL_CLOSE_BELOW_USD / 2
"""What a call leaves of either is nothing or at least this (``MustNotLeaveDust``)."""

_ROUNDING: Final = 1e-9


def max_debt_to_cover(
    health: float, total_debt: float, reserve_debt: float, reserve_collateral: float
) -> float:
    """Compute the most of a reserve's debt that one call may repay, in US dollars.

    Parameters
    ----------
    health
        Health factor, below 1.
    total_debt
        Of the account.
    reserve_debt, reserve_collateral
        Of the account in the two reserves that the call names.

    Examples
    --------
    >>> max_debt_to_cover(0.97, 100_000.0, 100_000.0, 103_000.0)
    50000.0
    >>> max_debt_to_cover(0.97, 100_000.0, 100_000.0, 1_999.0)
    100000.0
    """
    small = min(reserve_collateral, reserve_debt) < FULL_CLOSE_BELOW_USD
    if small or health <= FULL_CLOSE_AT_HEALTH:
        return reserve_debt
    return min(reserve_debt, total_debt * CLOSE_FACTOR)


def collateral_for(debt_value: float, bonus: float, price: float) -> float:
    """Compute the coins taken for repaying US dollars of debt: ``debt * bonus / price``.

    Examples
    --------
    >>> collateral_for(50_000.0, 1.05, 2_500.0)
    21.0
    """
    return debt_value * bonus / price


def leaves_dust(debt_left: float, collateral_left: float) -> bool:
    """Tell whether a call may not be made because of what it would leave, in US dollars.

    It may leave no debt, or no collateral, or at least 1,000 of both.
    """
    if debt_left <= 0 or collateral_left <= 0:
        return False
    return min(debt_left, collateral_left) < LEFTOVER_LEAST_USD * (1 - _ROUNDING)


@final
class AaveRules(Struct, frozen=True, kw_only=True):
    """Rules of one version of Aave; amounts in coins, values in US dollars at the oracle."""

    product: str
    rule_id: str
    source: str
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "aave"

    def health_factor(self, loan: Loan) -> float:
        """Compute ``sum(collateral * threshold) / debt``."""
        return health_of(loan)

    def is_liquidatable(self, loan: Loan) -> bool:
        """Tell whether the health factor is below 1."""
        return self.health_factor(loan) < 1

    def liquidation_price(self, loan: Loan, asset: str) -> LiquidationPrice:
        """Find the price of one coin at which the health factor is 1, other prices held."""
        return price_of_health(loan, asset)

    def closable(self, loan: Loan, debt: str, collateral: str) -> float:
        """Compute how much of a debt one call may repay, in its coin.

        The close factor's; what may not be left over can make it less (:meth:`seizure`).
        """
        owed, behind = loan.owed(debt), loan.behind(collateral)
        if not self.is_liquidatable(loan):
            return 0.0
        most = max_debt_to_cover(
            self.health_factor(loan), loan.debt_value, owed.value, behind.value
        )
        return most / owed.price

    def seizure(
        self, loan: Loan, debt: str, collateral: str, repaid: float | None = None
    ) -> Seizure:
        """Compute one liquidation call.

        Where the collateral does not suffice, all of it is taken and the repayment shrinks to
        what it is worth without the bonus. If that leaves the account no collateral at all, what
        it still owes becomes the protocol's deficit.

        Parameters
        ----------
        loan
            Liquidatable.
        debt, collateral
            The two coins that the call names.
        repaid
            Coins of debt; capped at what is closable. ``None`` is the most that leaves no dust.

        Raises
        ------
        InputError
            If the loan is healthy, or the call would leave dust.
        """
        owed, behind = loan.owed(debt), loan.behind(collateral)
        if not self.is_liquidatable(loan):
            health = self.health_factor(loan)
            raise InputError(f"{self.rule_id}: a health factor of {health:.6g} is not below 1")
        if repaid is not None and not 0 < repaid < float("inf"):
            raise InputError(f"{self.rule_id}: {repaid!r} {debt} is no amount to repay")
        closable = self.closable(loan, debt, collateral) * owed.price
        wished = closable if repaid is None else min(repaid * owed.price, closable)
        if repaid is None:
            wished = self._largest_without_dust(loan, debt, collateral, wished)
        paid, taken, fee = _taken(behind, wished)
        if leaves_dust(owed.value - paid, _left(behind.value, taken, fee)):
            raise InputError(
                f"{self.rule_id}: repaying {paid:,.2f} USD would leave less than"
                f" {LEFTOVER_LEAST_USD:,.0f} of debt or collateral (MustNotLeaveDust); repay all"
                " or less"
            )
        emptied = loan.collateral_value - taken <= loan.collateral_value * _ROUNDING
        return Seizure(
            repaid=((debt, paid / owed.price),),
            seized=((collateral, taken / behind.price),),
            protocol_fee=fee / behind.price,
            bad_debt=max(loan.debt_value - paid, 0.0) if emptied else 0.0,
        )

    def _largest_without_dust(self, loan: Loan, debt: str, collateral: str, most: float) -> float:
        """Find the largest repayment up to ``most`` that may be made."""
        owed, behind = loan.owed(debt), loan.behind(collateral)
        kept = behind.bonus - (behind.bonus - 1) * behind.protocol_fee
        by_debt = owed.value - LEFTOVER_LEAST_USD
        by_collateral = (behind.value - LEFTOVER_LEAST_USD) / kept
        for wished in sorted({most, by_debt, by_collateral}, reverse=True):
            if not 0 < wished <= most:
                continue
            paid, taken, fee = _taken(behind, wished)
            if not leaves_dust(owed.value - paid, _left(behind.value, taken, fee)):
                return wished
        raise InputError(
            f"{self.rule_id}: no repayment of {debt} for {collateral} leaves either nothing or"
            f" {LEFTOVER_LEAST_USD:,.0f} USD of both (MustNotLeaveDust)"
        )


def _taken(behind: Collateral, wished: float) -> tuple[float, float, float]:
    """US dollars repaid, of collateral taken, and of those the protocol's fee."""
    paid, taken = wished, wished * behind.bonus
    if taken > behind.value:
        paid, taken = behind.value / behind.bonus, behind.value
    return paid, taken, (taken - taken / behind.bonus) * behind.protocol_fee


def _left(value: float, taken: float, fee: float) -> float:
    """Collateral left as the dust check counts it: nothing if all is taken, the fee otherwise."""
    rest = value - taken
    return 0.0 if rest <= value * _ROUNDING else rest + fee


def rule_books() -> tuple[AaveRules, ...]:
    """Give every rule book of Aave."""
    return (
        AaveRules(
            product="v3.7",
            rule_id="aave-v3.7",
            source="aave-dao/aave-v3-origin LiquidationLogic.sol @fd1fbd91 (2026-06-19)",
        ),
    )


def rules_at(product: str = "v3.7", at_ns: int | None = None) -> AaveRules:
    """Pick the rule book of a version at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is none; the message names the versions.
    """
    return rules_among(rule_books(), product, at_ns)
