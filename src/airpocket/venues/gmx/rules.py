"""GMX v2's margin rules: the whole position, at the oracle price, against the pool.

Source: gmx-io/gmx-synthetics ``contracts/position/PositionUtils.sol`` @a5c0c883 (2026-03-13) and
the production configuration there. There is no book: a liquidation here sells nothing on a market,
so a cascade ends at this venue (the pool's own hedges are another matter and not known).

What must remain is a share of the size *at entry* (``sizeInUsd``), so it does not move with the
price: 1 % by default, 0.5 % on many markets like BTC and ETH, 0.667–0.833 % on others. It comes as
a one-tier table: see :func:`market_table`. Position, borrowing and funding fees that are owed lower
the margin: give it net of them. A profit counts whole here; what the pool caps is
:func:`capped_profit`. How funding adapts is not here.
"""

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
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.leverage.values import margin_of, profit_at, size_of, value_at
from airpocket.market.instrument import Instrument, Kind

__all__ = [
    "MIN_COLLATERAL_USD",
    "GmxRules",
    "PoolLimits",
    "PositionState",
    "capped_profit",
    "is_liquidatable",
    "market_table",
    "product_of",
    "remaining_collateral",
    "rule_books",
    "rules_at",
]

MIN_COLLATERAL_USD: Final = 1.0
"""What must remain of any position."""


class PositionState(Struct, frozen=True, kw_only=True):
    """What the liquidation check looks at, in US dollars at the oracle's lower price.

    Parameters
    ----------
    collateral_usd
        Of the collateral coin at its lower price.
    pnl_usd
        Of the position; capped if it is a profit (:func:`capped_profit`).
    size_usd
        At entry.
    min_factor
        Share of the size that must remain.
    fees
        Owed: position, borrowing, funding, liquidation.
    impact
        Price impact of closing; only its loss counts.
    impact_cap_factor
        Largest loss from impact, as a share of the size; 0 in production.
    """

    collateral_usd: float
    pnl_usd: float
    size_usd: float
    min_factor: float
    fees: float = 0.0
    impact: float = 0.0
    impact_cap_factor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.size_usd < 1e18 or not 0 < self.min_factor <= 1:
            raise InputError(
                f"gmx position: size {self.size_usd!r} and factor {self.min_factor!r}: it wants a"
                " size above 0 and a share up to 1"
            )
        for name in ("collateral_usd", "pnl_usd", "fees", "impact", "impact_cap_factor"):
            if not -1e18 < getattr(self, name) < 1e18:
                raise InputError(f"gmx position: {name} is {getattr(self, name)!r}, not a number")


class PoolLimits(Struct, frozen=True):
    """Profit of one side over the pool: deleveraged above, down to, and what traders get at most.

    The default is that of most markets; synthetic ones have 0.55, 0.50, 0.60 and those of increased
    capacity 0.65, 0.60, 0.70.
    """

    deleverage_above: float = 0.85
    deleverage_to: float = 0.77
    traders_most: float = 0.90

    def excess(self, profit: float, pool: float) -> float:
        """Compute the profit that deleveraging must close, in US dollars; 0 while there is room."""
        if pool <= 0:
            raise InputError(f"gmx pool: {pool!r} USD is no pool")
        return profit - self.deleverage_to * pool if profit > self.deleverage_above * pool else 0.0


def remaining_collateral(state: PositionState) -> float:
    """Compute ``collateral + pnl + impact - fees``; impact only as a loss, and capped."""
    lost = max(min(state.impact, 0.0), -state.impact_cap_factor * state.size_usd)
    return state.collateral_usd + state.pnl_usd + lost - state.fees


def is_liquidatable(state: PositionState) -> bool:
    """Tell whether a keeper may close it: less than 1 USD remains, or less than its share.

    Examples
    --------
    >>> is_liquidatable(PositionState(collateral_usd=2_500.0, pnl_usd=0.0, size_usd=450_000.0,
    ...     min_factor=0.01))
    True
    """
    return remaining_collateral(state) < max(MIN_COLLATERAL_USD, state.size_usd * state.min_factor)


def capped_profit(profit: float, side_profit: float, pool: float, limits: PoolLimits) -> float:
    """Compute what a position's profit counts, by the whole side's profit over the pool.

    Above the cap every winner of the side is cut alike.
    """
    most = limits.traders_most * pool
    if profit <= 0 or side_profit <= most:
        return profit
    return profit * most / side_profit


def market_table(symbol: str, min_factor: float, leverage_most: float, source: str) -> TierTable:
    """Make the table of a market: one tier with its ``minCollateralFactorForLiquidation``."""
    tier = Tier(0.0, float("inf"), min_factor, 0.0, leverage_most)
    return TierTable(symbol, TierUnit.NOTIONAL, (tier,), source)


@final
class GmxRules(Struct, frozen=True, kw_only=True):
    """Margin rules of GMX v2; ``mark_price`` is the oracle price.

    An instrument that settles in its own base coin has its margin in that coin (the collateral
    falls with the position); any other settle coin counts as one US dollar.
    """

    product: str
    rule_id: str
    source: str
    liquidation_fee: float = 0.002
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "gmx"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute size over leverage, in US dollars."""
        self._check(position)
        (tier,) = tiers.tiers
        if position.leverage is None or not 1 <= position.leverage <= tier.leverage_most:
            raise InputError(
                f"{self.rule_id}: leverage {position.leverage} is not within 1 to"
                f" {tier.leverage_most:g} of {tiers.symbol} ({tiers.source})"
            )
        size = value_at(position, position.entry_price)
        return Requirement(size / position.leverage, "USD", 1 / position.leverage, 0)

    def maintenance_margin(
        self,
        position: Position,
        mark_price: float,  # noqa: ARG002 - it does not move with the price
        tiers: TierTable,
    ) -> Requirement:
        """Compute ``max(1, size at entry * factor)``, in US dollars."""
        self._check(position)
        (tier,) = tiers.tiers
        held = value_at(position, position.entry_price) * tier.rate
        return Requirement(max(MIN_COLLATERAL_USD, held), "USD", tier.rate, 0)

    def liquidation_price(
        self,
        position: Position,
        tiers: TierTable,
        account: Account | None = None,  # noqa: ARG002 - every position stands alone
    ) -> LiquidationPrice:
        """Find the oracle price at which what remains is what must."""
        needed = self.maintenance_margin(position, position.entry_price, tiers).amount
        return _price_where(position, needed)

    def bankruptcy_price(self, position: Position) -> float | None:
        """Find the oracle price at which nothing remains."""
        self._check(position)
        return _price_where(position, 0.0).price

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,  # noqa: ARG002 - every position stands alone
        *,
        since_partial_s: float | None = None,  # noqa: ARG002 - always all of it
    ) -> Closing:
        """Say what a keeper does at an oracle price: closes all of it there, against the pool."""
        needed = self.maintenance_margin(position, mark_price, tiers).amount
        remains = _margin_usd(position, mark_price) + profit_at(position, mark_price)
        if remains >= needed and remains > 0:
            return Closing((), is_liquidatable=False, is_bankrupt=False)
        fee = self.liquidation_fee * value_at(position, position.entry_price)
        said = "a keeper closes it against the pool; no order reaches a book"
        step = ClosingStep(Taker.FUND, 1.0, price=mark_price, fee=fee, said=said)
        return Closing((step,), is_liquidatable=True, is_bankrupt=remains <= 0)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:  # noqa: ARG002 - no rank
        """Give every position in profit the same rank: keepers choose, no order is stated."""
        self._check(position)
        return 1.0 if profit_at(position, mark_price) > 0 else 0.0

    def _check(self, position: Position) -> None:
        instrument = position.instrument
        if instrument.venue != self.venue or instrument.kind is not Kind.LINEAR:
            raise InputError(
                f"{self.rule_id}: {instrument.venue} {instrument.raw_symbol} is not a GMX market"
            )
        if position.mode is MarginMode.CROSS:
            raise InputError(f"{self.rule_id}: GMX has no cross margin; give the position's own")


def _margin_usd(position: Position, price: float) -> float:
    margin = margin_of(position)
    if position.margin is None or position.instrument.settle != position.instrument.base:
        return margin
    return margin * price


def _price_where(position: Position, needed: float) -> LiquidationPrice:
    """Find where margin and profit are ``needed``: both are straight in the price."""
    size, sign = size_of(position), position.sign
    in_coin = position.margin is not None and position.instrument.settle == position.instrument.base
    slope = sign * size + (margin_of(position) if in_coin else 0.0)
    rest = -sign * size * position.entry_price + (0.0 if in_coin else margin_of(position))
    if slope == 0 or not 0 < (needed - rest) / slope < 1e18:
        if rest < needed and slope <= 0:
            return LiquidationPrice(None, None, "it is below its requirement at every price")
        return LiquidationPrice(None, None, "what stands behind it covers every price")
    return LiquidationPrice((needed - rest) / slope, 0)


def product_of(instrument: Instrument) -> str:  # noqa: ARG001 - a name does not say the pool
    """Tell the product: ``"v2"``, of markets whose pool holds two coins.

    Markets of one coin and synthetic ones (``"v2-single"``) have the higher liquidation fee; the
    name of a market does not say which it is.
    """
    return "v2"


def rule_books() -> tuple[GmxRules, ...]:
    """Give every rule book of GMX v2: two-token markets, and those of one token or synthetic."""
    source = "gmx-io/gmx-synthetics @a5c0c883 (2026-03-13), PositionUtils.sol and production config"
    return (
        GmxRules(product="v2", rule_id="gmx-v2", source=source),
        GmxRules(
            product="v2-single", rule_id="gmx-v2-single", source=source, liquidation_fee=0.003
        ),
    )


def rules_at(product: str = "v2", at_ns: int | None = None) -> GmxRules:
    """Pick the rule book of a product at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is none; the message names the products.
    """
    return rules_among(rule_books(), product, at_ns)
