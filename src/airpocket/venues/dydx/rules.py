"""dYdX v4's margin rules: one account, one rate a market, a tenth of a position a block.

Source: dydxprotocol/v4-chain ``x/clob/keeper/liquidations.go``, ``deleveraging.go`` @84d4664b
(2026-03); limits of the mainnet genesis (2023-10-26), margins of its liquidity tiers. What
governance changed since is not known: give other limits and tiers where it did.

Everything in a subaccount is cross margin on the *oracle* price; a market with its own collateral
lives in a subaccount of its own. Open interest raises the initial margin and never the maintenance.
The order of a block goes to the book at the fillable price or better; the rest waits for the next
block. A subaccount with less than nothing whose order did not fill is deleveraged at its bankruptcy
price, against accounts from a random start: nobody is ranked.
"""

from fractions import Fraction
from typing import Final, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.margin import (
    Closing,
    ClosingStep,
    LiquidationPrice,
    Requirement,
    Taker,
    rules_among,
)
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.solving import solve_price
from airpocket.leverage.standing import Standing, behind_of, legs_of, maintenance_at, stand
from airpocket.leverage.tiers import TierTable
from airpocket.leverage.values import bankruptcy_price_of, profit_at, size_of, value_at
from airpocket.market.instrument import Instrument
from airpocket.units import ns_from_iso
from airpocket.venues.dydx.quantums import MAINNET_GENESIS, LiquidationLimits, fillable_price

__all__ = [
    "ATTEMPTS_PER_BLOCK",
    "DELEVERAGINGS_PER_BLOCK",
    "OFFSET_ACCOUNTS_MOST",
    "DydxRules",
    "bankruptcy_price_at",
    "initial_rate",
    "order_share",
    "product_of",
    "rule_books",
    "rules_at",
]

ATTEMPTS_PER_BLOCK: Final = 50
"""Subaccounts tried in a block, from a random start; the farthest below first."""

DELEVERAGINGS_PER_BLOCK: Final = 10
"""Deleveragings tried in a block."""

OFFSET_ACCOUNTS_MOST: Final = 500
"""Accounts on the other side that one deleveraging looks at, from a random start."""

_MILLION: Final = 1_000_000


def initial_rate(base: float, open_notional: float, lower_cap: float, upper_cap: float) -> float:
    """Compute a market's initial margin rate at an open interest, in USDC.

    ``min(base + (open - lower) / (upper - lower) * (1 - base), 1)`` above the lower cap
    (``x/perpetuals/types/liquidity_tier.go``); an upper cap of 0 turns it off.

    Examples
    --------
    >>> round(initial_rate(0.02, 75e6, 50e6, 100e6), 4)
    0.51
    """
    if upper_cap == 0 or open_notional <= lower_cap:
        return base
    if open_notional >= upper_cap:
        return 1.0
    return min(base + (open_notional - lower_cap) / (upper_cap - lower_cap) * (1 - base), 1.0)


def order_share(
    value: float, limits: LiquidationLimits = MAINNET_GENESIS, closed_in_block: float = 0.0
) -> float:
    """Tell which share of a position one block's order is for.

    Parameters
    ----------
    value
        Of the position at the oracle price, in USDC.
    limits
        The chain's.
    closed_in_block
        USDC of the subaccount closed before in the same block (of other markets: one order a
        market and block).

    Examples
    --------
    >>> [order_share(value) for value in (500.0, 50_000.0, 2_000_000.0)]
    [1.0, 0.1, 0.05]
    """
    least = min(limits.position_notional_least / _MILLION, value)
    most = max(least, value * limits.position_portion_ppm / _MILLION)
    left = limits.subaccount_notional_most / _MILLION - closed_in_block
    return max(min(most, left), 0.0) / value


def bankruptcy_price_at(
    position: Position, oracle: float, standing: Standing, maintenance: float
) -> float:
    """Compute the price of closing a position that uses up its share of the account's collateral.

    ``(value - TNC * MMR / TMMR) / size`` of a long: the share is that of its maintenance margin
    ``maintenance``. It depends on the oracle price where the account holds other positions.
    """
    share = standing.equity * maintenance / standing.maintenance
    return oracle - position.sign * share / size_of(position)


@final
class DydxRules(Struct, frozen=True, kw_only=True):
    """Margin rules of dYdX v4; ``mark_price`` is the oracle price throughout.

    Parameters
    ----------
    limits
        The chain's liquidation limits.
    """

    product: str
    rule_id: str
    source: str
    limits: LiquidationLimits = MAINNET_GENESIS
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "dydx"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute value times the market's rate, or times ``1 / leverage`` where that is more.

        Of the base rate: see :func:`initial_rate` for what open interest adds.
        """
        self._check(position)
        value = value_at(position, position.entry_price)
        index = tiers.index_at(value)
        most = tiers.tiers[index].leverage_most
        leverage = most if position.leverage is None else position.leverage
        if leverage > most:
            raise InputError(
                f"{self.rule_id}: leverage {leverage:g} is above the {most:g} of {tiers.symbol}"
                f" ({tiers.source})"
            )
        return Requirement(value / leverage, position.instrument.settle, 1 / leverage, index)

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute ``|value| * rate``; open interest plays no part."""
        self._check(position)
        amount, index = maintenance_at(position, mark_price, tiers)
        return Requirement(amount, position.instrument.settle, tiers.tiers[index].rate, index)

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the oracle price at which net collateral meets the maintenance requirement."""
        self._check(position)
        legs = legs_of(position, tiers, account)
        if len(legs) > 1:
            raise InputError(
                f"{self.rule_id}: the account holds {tiers.symbol} on both sides; a subaccount nets"
                " them"
            )
        return solve_price(position, behind_of(position, account), legs)

    def bankruptcy_price(self, position: Position, account: Account | None = None) -> float | None:
        """Find the oracle price at which net collateral is 0 (cross: with ``account`` only).

        :func:`bankruptcy_price_at` is the one the chain closes at; both agree where the position is
        the account's only one.
        """
        self._check(position)
        if position.mode is MarginMode.ISOLATED:
            return bankruptcy_price_of(position, behind_of(position))
        if account is None:
            return None
        others = sum(
            profit_at(other, mark)
            for other, mark in account.positions
            if other.mode is MarginMode.CROSS
            and other.instrument.symbol != position.instrument.symbol
        )
        return bankruptcy_price_of(position, account.wallet + others)

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,
        *,
        since_partial_s: float | None = None,  # noqa: ARG002 - every block looks anew
    ) -> Closing:
        """Say what one block does at an oracle price.

        The fee is that of a fill at the worst price: up to 1.5 % of the fill goes to the insurance
        fund from what is above the bankruptcy price; below it the fund pays.
        """
        self._check(position)
        standing = stand(position, mark_price, tiers, account)
        if not standing.equity < standing.maintenance:
            return Closing((), is_liquidatable=False, is_bankrupt=standing.equity < 0)
        own, _ = maintenance_at(position, mark_price, tiers)
        bust = bankruptcy_price_at(position, mark_price, standing, own)
        worst = self._worst_price(position, mark_price, standing, own)
        value, size = value_at(position, mark_price), size_of(position)
        share = order_share(value, self.limits)
        above = position.sign * (worst - bust)
        fee = min(self.limits.fee_most_ppm / _MILLION * worst, max(above, 0.0)) * share * size
        paid = "" if above >= 0 else "; the insurance fund pays what is below the bankruptcy price"
        steps = [
            ClosingStep(
                Taker.BOOK,
                share,
                limit_price=worst,
                fee=fee,
                said=f"immediate-or-cancel, once a block and market{paid}",
            )
        ]
        if standing.equity < 0:
            said = "if nothing filled: offset from a random start, not ranked; withdrawals wait"
            steps.append(ClosingStep(Taker.COUNTERPARTY, 1.0, price=bust, said=said))
        return Closing(tuple(steps), is_liquidatable=True, is_bankrupt=standing.equity <= 0)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:  # noqa: ARG002 - nobody is ranked
        """Give every position the same rank: deleveraging starts at a random account."""
        self._check(position)
        return 0.0

    def _worst_price(
        self, position: Position, oracle: float, standing: Standing, maintenance: float
    ) -> float:
        value = Fraction(value_at(position, oracle)) * position.sign
        size = Fraction(size_of(position)) * position.sign
        tnc, tmmr = Fraction(standing.equity), Fraction(standing.maintenance)
        return float(fillable_price(value, Fraction(maintenance), size, tnc, tmmr, self.limits))

    def _check(self, position: Position) -> None:
        if position.instrument.venue != self.venue:
            raise InputError(
                f"{self.rule_id}: {position.instrument.venue} {position.instrument.raw_symbol} is"
                " not of dYdX v4"
            )


def product_of(instrument: Instrument) -> str:  # noqa: ARG001 - the chain has one product
    """Tell the product: ``"perp"``, whatever the market."""
    return "perp"


def rule_books() -> tuple[DydxRules, ...]:
    """Give every rule book of dYdX v4."""
    return (
        DydxRules(
            product="perp",
            rule_id="dydx-v4-genesis",
            source="dydxprotocol/v4-chain @84d4664b (2026-03); mainnet genesis 2023-10-26",
            valid_from_ns=ns_from_iso("2023-10-26"),
        ),
    )


def rules_at(product: str = "perp", at_ns: int | None = None) -> DydxRules:
    """Pick the rule book that holds at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is none: before 2023-10-26 the chain did not run.

    Examples
    --------
    >>> rules_at().limits.position_portion_ppm
    100000
    """
    return rules_among(rule_books(), product, at_ns)
