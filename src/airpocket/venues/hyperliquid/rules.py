"""Hyperliquid's margin rules: tiers with a deduction, a book first, a vault below two thirds.

Source: docs ``trading/liquidations``, ``margin-tiers``, ``margining``, ``auto-deleveraging``,
``hip-3-builder-deployed-perpetuals``, mirror dzmbs/hyperliquid-docs @14ba3d49 (2026-08-22).

=====================  =========================================================================
equity at mark         what happens
=====================  =========================================================================
≥ maintenance          nothing
below it               market orders to the book; above 100,000 USDC 20 % of the position, then
                       for 30 s every order is for all of it; no clearance fee
below 2/3 of it        the backstop takes position *and* margin (cross: every cross position);
                       nothing is returned
below 0                auto-deleveraging at the previous mark price
=====================  =========================================================================

HIP-3 markets: the dex's own backstop takes only assets with cross margin (page of 2026-08-22; not
before); without one the book is tried until the value is negative. Portfolio-margin accounts
(liquidated at a ratio of 0.95, taken over in fifths) go by other rules, which are not here.
"""

from collections.abc import Iterable
from enum import StrEnum
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
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, deductions
from airpocket.leverage.values import bankruptcy_price_of, profit_at, size_of, value_at
from airpocket.market.instrument import Instrument
from airpocket.units import ns_from_iso

__all__ = [
    "BACKSTOP_SHARE",
    "PARTIAL_ABOVE_USDC",
    "PARTIAL_SHARE",
    "WHOLE_FOR_S",
    "HyperliquidRules",
    "Stage",
    "adl_index",
    "order_share",
    "price_from_raw",
    "product_of",
    "rule_books",
    "rules_at",
    "stage_of",
    "tier_table",
]

BACKSTOP_SHARE: Final = 2 / 3
"""The backstop takes over below this share of the maintenance margin."""

PARTIAL_ABOVE_USDC: Final = 100_000.0
"""Positions of more than this are first closed in part."""

PARTIAL_SHARE: Final = 0.2
"""Share of a large position in its first order."""

WHOLE_FOR_S: Final = 30.0
"""For so long after a partial close every order of that user is for the whole position."""

_PAGE: Final = "Hyperliquid docs, trading/liquidations, mirror of 2026-08-22"
_HIP3_PAGE: Final = "Hyperliquid docs, HIP-3 (Backstop liquidator), mirror of 2026-08-22"
_HIP3_BACKSTOP_NS: Final = ns_from_iso("2026-08-22")


class Stage(StrEnum):
    """What an account's equity calls for."""

    NONE = "none"
    BOOK = "book"
    BACKSTOP = "backstop"
    ADL = "adl"


def stage_of(equity: float, maintenance: float, *, has_backstop: bool = True) -> Stage:
    """Tell the stage of a liquidation.

    Examples
    --------
    >>> [stage_of(equity, 1500.0).value for equity in (1500.0, 1499.0, 999.0, -1.0)]
    ['none', 'book', 'backstop', 'adl']
    """
    if equity >= maintenance:
        return Stage.NONE
    if equity < 0:
        return Stage.ADL
    if has_backstop and equity < BACKSTOP_SHARE * maintenance:
        return Stage.BACKSTOP
    return Stage.BOOK


def order_share(value: float, since_partial_s: float | None = None) -> float:
    """Tell which share of a position its liquidation order is for.

    Parameters
    ----------
    value
        Of the position at the mark, in USDC.
    since_partial_s
        Since any position of the user was closed in part, ``None`` if never.
    """
    if since_partial_s is not None and since_partial_s < WHOLE_FOR_S:
        return 1.0
    return PARTIAL_SHARE if value > PARTIAL_ABOVE_USDC else 1.0


def adl_index(
    mark_price: float, entry_price: float, notional: float, account_value: float
) -> float:
    """Compute the sorting index of auto-deleveraging as it is printed.

    ``(mark_price / entry_price) * (notional_position / account_value)``
    (``trading/auto-deleveraging``).
    """
    return mark_price / entry_price * (notional / account_value)


def tier_table(
    symbol: str, floors: Iterable[float], leverages: Iterable[float], source: str
) -> TierTable:
    """Make the tiers of a coin of its margin table: lower bounds in USDC and largest leverages.

    ``rate = 1 / (2 leverage)``; the deduction makes the margin continuous (``margin-tiers``). A
    margin table with an id below 50 is one tier with that leverage.

    Examples
    --------
    >>> tier_table("X", [0, 150e6], [40, 20], "made up").tiers[1].deduction
    1875000.0
    """
    lows, most = list(floors), list(leverages)
    rates = [1 / (2 * leverage) for leverage in most]
    highs = [*lows[1:], float("inf")]
    taken = deductions(lows, rates)
    rows = zip(lows, highs, rates, taken, most, strict=True)
    return TierTable(symbol, TierUnit.NOTIONAL, tuple(Tier(*row) for row in rows), source)


def price_from_raw(signed_size: float, raw_usd: float, table: TierTable) -> float | None:
    """Compute the liquidation price of an isolated position of a clearinghouse state.

    Parameters
    ----------
    signed_size
        ``szi``: negative for a short.
    raw_usd
        ``leverage.rawUsd``: margin less what was paid for the position. It alone holds what
        funding and added margin did, which ``entryPx`` does not.
    table
        Tiers of the coin.

    Returns
    -------
    float or None
        ``-(rawUsd + deduction) / (szi - |szi| rate)``, in the tier of the value at that price;
        ``None`` if no price above 0 takes it.
    """
    size = abs(signed_size)
    for tier in table.tiers:
        price = -(raw_usd + tier.deduction) / (signed_size - size * tier.rate)
        if tier.above < size * price <= tier.up_to:
            return price
    return None


def product_of(instrument: Instrument) -> str:
    """Tell the product: ``"perp"``, or ``"hip3"`` for a builder's market (``"dex:COIN"``)."""
    return "hip3" if ":" in instrument.raw_symbol else "perp"


@final
class HyperliquidRules(Struct, frozen=True, kw_only=True):
    """Margin rules of one product between two dates; see :func:`rule_books`.

    A maintenance margin is half of the initial margin at the largest leverage of its tier. Equity
    is the isolated margin (or the cross account value) with unrealised profit at the mark price.
    """

    product: str
    rule_id: str
    source: str
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    has_backstop: bool = True
    allows_cross: bool = True
    venue: str = "hyperliquid"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute ``size * price / leverage`` (``trading/margining``).

        Raises
        ------
        InputError
            If the leverage is not known, not whole, or above that of the tier.
        """
        self._check(position)
        value = value_at(position, position.entry_price)
        index = tiers.index_at(value)
        most, leverage = tiers.tiers[index].leverage_most, position.leverage
        if leverage is None:
            raise InputError(
                f"{self.rule_id}: an initial margin needs the leverage set (1 to {most:g})"
            )
        if not 1 <= leverage <= most or leverage != int(leverage):
            raise InputError(
                f"{self.rule_id}: leverage {leverage:g} is not a whole number from 1 to {most:g},"
                f" the most for {value:,.0f} USDC of {tiers.symbol} ({tiers.source})"
            )
        return Requirement(value / leverage, position.instrument.settle, 1 / leverage, index)

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute ``value * rate - deduction`` at a mark price (``trading/margin-tiers``)."""
        self._check(position)
        amount, index = maintenance_at(position, mark_price, tiers)
        return Requirement(amount, position.instrument.settle, tiers.tiers[index].rate, index)

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the mark price at which equity meets maintenance, other marks held.

        ``price - side * margin_available / size / (1 - l * side)``, with ``l`` of the tier at that
        price (``trading/liquidations``).
        """
        self._check(position)
        legs = legs_of(position, tiers, account)
        if len(legs) > 1:
            raise InputError(
                f"{self.rule_id}: the account holds {tiers.symbol} on both sides; Hyperliquid nets"
                " them"
            )
        return solve_price(position, behind_of(position, account), legs)

    def bankruptcy_price(self, position: Position, account: Account | None = None) -> float | None:
        """Find the price at which equity is 0, other marks held (cross: with ``account`` only)."""
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
        since_partial_s: float | None = None,
    ) -> Closing:
        """Say what is done at a mark price; each step on what the one before left.

        ``since_partial_s`` is since *any* position of the user was closed in part.
        """
        self._check(position)
        standing = stand(position, mark_price, tiers, account)
        stage = stage_of(standing.equity, standing.maintenance, has_backstop=self.has_backstop)
        steps: tuple[ClosingStep, ...] = ()
        if stage is Stage.BOOK:
            steps = _book_steps(value_at(position, mark_price), since_partial_s)
        elif stage is Stage.BACKSTOP:
            steps = (self._backstop_step(position, mark_price, standing, account),)
        elif stage is Stage.ADL:
            said = "closed against users in profit at the mark price before this one"
            steps = (ClosingStep(Taker.COUNTERPARTY, 1.0, price=mark_price, said=said),)
        return Closing(steps, stage is not Stage.NONE, standing.equity <= 0)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:
        """Rank a position for auto-deleveraging; 0 for one that is not in profit.

        :func:`adl_index`; of a short the first factor is turned round (``entry / mark``). The page
        prints one formula for both sides, under which the more a short wins the later it comes,
        against its own words ("ranked by unrealized pnl and leverage used"). An isolated position
        is measured against its own value.
        """
        self._check(position)
        gained = profit_at(position, mark_price)
        if position.mode is MarginMode.ISOLATED:
            value = behind_of(position) + gained
        elif account is None:
            raise InputError(f"{self.rule_id}: the rank of a cross position needs its account")
        else:
            value = (
                account.wallet
                + gained
                + sum(
                    profit_at(other, mark)
                    for other, mark in account.positions
                    if other.mode is MarginMode.CROSS
                    and other.instrument.symbol != position.instrument.symbol
                )
            )
        if gained <= 0 or value <= 0:
            return 0.0
        prices = (mark_price, position.entry_price)
        over, under = prices if position.sign > 0 else prices[::-1]
        return adl_index(over, under, value_at(position, mark_price), value)

    def _backstop_step(
        self, position: Position, mark_price: float, standing: Standing, account: Account | None
    ) -> ClosingStep:
        shared = account is not None and any(
            other.mode is MarginMode.CROSS and other.instrument.symbol != position.instrument.symbol
            for other, _ in account.positions
        )
        if position.mode is MarginMode.CROSS and shared:
            said = "the backstop takes every cross position and all cross margin, as one"
            return ClosingStep(Taker.FUND, 1.0, said=said)
        # Taking the margin with the position is closing it where nothing would be left.
        price = mark_price - position.sign * standing.equity / size_of(position)
        said = "the backstop takes the position and its margin; nothing is returned"
        return ClosingStep(Taker.FUND, 1.0, price=price, said=said)

    def _check(self, position: Position) -> None:
        if (
            position.instrument.venue != self.venue
            or product_of(position.instrument) != (self.product.partition("-")[0])
        ):
            raise InputError(
                f"{self.rule_id}: {position.instrument.venue} {position.instrument.raw_symbol} is"
                f" not of this product ({self.product})"
            )
        if position.mode is MarginMode.CROSS and not self.allows_cross:
            raise InputError(
                f"{self.rule_id}: {position.instrument.raw_symbol} has no cross margin; give the"
                " position's own margin"
            )


def _book_steps(value: float, since_partial_s: float | None) -> tuple[ClosingStep, ...]:
    share = order_share(value, since_partial_s)
    whole = ClosingStep(Taker.BOOK, 1.0, said="market order for all that is left")
    if share == 1.0:
        return (whole,)
    said = f"market order for {share:.0%}: above {PARTIAL_ABOVE_USDC:,.0f} USDC"
    return (ClosingStep(Taker.BOOK, share, said=said), whole)


def rule_books() -> tuple[HyperliquidRules, ...]:
    """Give every rule book of Hyperliquid.

    ``"perp"`` are the markets the validators run; ``"hip3"`` builders' markets with cross margin;
    ``"hip3-isolated"`` those without ("no cross" or strictly isolated).
    """
    return (
        HyperliquidRules(product="perp", rule_id="hyperliquid-perp-2026-08", source=_PAGE),
        HyperliquidRules(
            product="hip3",
            rule_id="hyperliquid-hip3-before-backstop",
            source=_HIP3_PAGE,
            valid_to_ns=_HIP3_BACKSTOP_NS,
            has_backstop=False,
        ),
        HyperliquidRules(
            product="hip3",
            rule_id="hyperliquid-hip3-2026-08",
            source=_HIP3_PAGE,
            valid_from_ns=_HIP3_BACKSTOP_NS,
        ),
        HyperliquidRules(
            product="hip3-isolated",
            rule_id="hyperliquid-hip3-isolated",
            source=_HIP3_PAGE,
            has_backstop=False,
            allows_cross=False,
        ),
    )


def rules_at(product: str, at_ns: int | None = None) -> HyperliquidRules:
    """Pick the rule book of a product at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is none; the message names the products.

    Examples
    --------
    >>> rules_at("hip3", ns_from_iso("2026-01-01")).has_backstop
    False
    """
    return rules_among(rule_books(), product, at_ns)
