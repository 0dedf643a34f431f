"""OKX: tiers that are steps, a fee inside the requirement, and a cut by two tiers.

Liquidation price and margin ratio: reproduced to 11 digits from a captured ``/account/positions``
(ccxt 4.5.90, fetch_position); procedure and deleveraging: help pages on mandatory liquidation, read
2026-10, and docs mirror of 2026-07-19; mark price: index and mean basis; rank: copies of the
help page on deleveraging (help page of 2025-03-06 and others). The pages carry no day on which
their rules began, so there is one book, open on both ends.
"""

from typing import Final, final

from msgspec import Struct

from airpocket.leverage.margin import (
    Closing,
    ClosingStep,
    LiquidationPrice,
    Requirement,
    Taker,
    rules_among,
)
from airpocket.leverage.marks import FundingInput, MarkInput, funding_rate, index_and_basis
from airpocket.leverage.opening import initial_margin_of, refuse_others
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.solving import solve_price
from airpocket.leverage.standing import (
    behind_of,
    legs_of,
    maintenance_at,
    stand,
    tier_at,
)
from airpocket.leverage.tiers import TierTable
from airpocket.leverage.values import (
    bankruptcy_price_of,
    margin_of,
    price_at,
    profit_at,
    sign_along,
    size_of,
    value_at,
    x_of,
)
from airpocket.market.instrument import Instrument, Kind

__all__ = [
    "RECHECK_S",
    "OkxRules",
    "adl_is_on",
    "margin_ratio",
    "product_of",
    "rule_books",
    "rules_at",
]

RECHECK_S: Final = 60.0
"""About how long after a cut the account is looked at again."""


def margin_ratio(equity: float, maintenance: float, fee: float) -> float:
    """Compute ``equity / (maintenance + liquidation fee)``: liquidated at 1 or below.

    Cross: equity is balance and profit less what open orders, options and isolated positions need.
    """
    return equity / (maintenance + fee)


def adl_is_on(balance: float, balance_most: float) -> bool:
    """Tell whether the insurance fund hands over: empty, or 30 % below its peak of eight hours.

    Liquidation orders then stop going to the market and meet ranked counterparties at the mark.

    Examples
    --------
    >>> adl_is_on(71.0, 100.0), adl_is_on(70.0, 100.0)
    (False, True)
    """
    return balance <= 0 or balance <= 0.7 * balance_most


@final
class OkxRules(Struct, frozen=True, kw_only=True):
    """Margin rules of linear or inverse contracts.

    Parameters
    ----------
    product, kind
        ``"linear"`` or ``"inverse"``.
    fee_rate
        Fee of liquidation inside the requirement; it follows the account's fee level, 0.05 % is
        that of the captured position.
    cuts_to_first_tier
        An older, undated text: a position of the third tier or above is cut to the first at once.
    """

    product: str
    kind: Kind
    rule_id: str
    source: str = "OKX help, mandatory liquidation, read 2026-10; docs-v5 mirror of 2026-07-19"
    fee_rate: float = 0.0005
    cuts_to_first_tier: bool = False
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "okx"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute value at entry over leverage, refused above the tier's cap."""
        self._check(position)
        return initial_margin_of(position, tiers, self.rule_id)

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute value at the mark times the rate of the whole position's tier, without the fee.

        One contract more may raise it by a quarter or by half: a step, nothing is taken off.
        """
        self._check(position)
        held, index = maintenance_at(position, mark_price, tiers)
        return Requirement(held, position.instrument.settle, tiers.tiers[index].rate, index)

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the mark price at which the margin ratio, with the liquidation fee, is 100 %.

        For an isolated inverse long OKX prints one tick more, and takes it that much earlier (seen
        in a captured position; no other case was seen). It is added where the tick is known.
        """
        self._check(position)
        behind = behind_of(position, account, self.fee_rate)
        legs = legs_of(position, tiers, account, self.fee_rate)
        found = solve_price(position, behind, legs)
        if found.price is None:
            return found
        price = found.price
        tick = position.instrument.tick
        isolated_long = position.mode is MarginMode.ISOLATED and position.sign > 0
        if tick is not None and isolated_long and self.kind is Kind.INVERSE:
            price += tick
        # A leg of contracts is laid out with its own tier alone: its number is asked here.
        return LiquidationPrice(price, tier_at(position, price, tiers))

    def bankruptcy_price(self, position: Position) -> float | None:
        """Find where an isolated margin is used up; ``None`` for cross: the account decides."""
        self._check(position)
        if position.mode is MarginMode.CROSS:
            return None
        return bankruptcy_price_of(position, margin_of(position))

    def cut(self, contracts: float, tiers: TierTable) -> float:
        """Compute how many contracts a position of the third tier or above is cut by.

        To the top of the tier two below; by the older text to the top of the first tier.

        Examples
        --------
        >>> from airpocket.leverage.tiers import Tier, TierUnit
        >>> tiers = tuple(Tier(k * 10.0, (k + 1) * 10.0, 0.01, 0, 10) for k in range(5))
        >>> rules_at("linear").cut(45.0, TierTable("X", TierUnit.CONTRACTS, tiers, "made up"))
        15.0
        """
        index = tiers.index_at(contracts)
        if index < 2:
            return 0.0
        kept = tiers.tiers[0 if self.cuts_to_first_tier else index - 2].up_to
        return contracts - kept

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,
        *,
        since_partial_s: float | None = None,
    ) -> Closing:
        """Say what happens: a cut by two tiers and a minute's wait, or a takeover.

        Third tier and above: orders slightly better than the market, then another look after
        about a minute. First and second tier, or when the equity does not carry even the first
        tier's rate: taken over at the bankruptcy price; the engine then posts the position at an
        "entrusted price" of its own. While :func:`adl_is_on`, counterparties take it at the mark.
        """
        self._check(position)
        standing = stand(position, mark_price, tiers, account, self.fee_rate)
        if not standing.is_liquidatable:
            return Closing((), is_liquidatable=False, is_bankrupt=False)
        waits = since_partial_s is not None and since_partial_s < RECHECK_S
        first_need = value_at(position, mark_price) * (tiers.tiers[0].rate + self.fee_rate)
        part = self.cut(position.qty_raw, tiers)
        if part and standing.spare >= first_need:
            share = part / position.qty_raw
            fee = self.fee_rate * share * value_at(position, mark_price)
            step = ClosingStep(
                Taker.BOOK, share, fee=fee, then_wait_s=RECHECK_S,
                said="orders slightly better than the market cut it by two tiers",
            )  # fmt: skip
            steps = () if waits else (step,)
            return Closing(steps, is_liquidatable=True, is_bankrupt=False)
        bust = x_of(position, mark_price)
        bust -= sign_along(position) * standing.equity / size_of(position)
        price = price_at(position, bust) if bust > 0 else None
        takeover = ClosingStep(
            Taker.FUND, 1.0, price=price,
            fee=self.fee_rate * value_at(position, mark_price),
            said="taken over at the bankruptcy price, then posted at an entrusted price",
        )  # fmt: skip
        others = ClosingStep(
            Taker.COUNTERPARTY, 1.0, price=mark_price,
            said="ranked counterparties take it at the mark once the fund is down",
        )  # fmt: skip
        return Closing((takeover, others), is_liquidatable=True, is_bankrupt=standing.is_bankrupt)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:
        """Rank by return over margin, divided by the margin ratio if won, times it if lost.

        The account must carry the tiers of the position, for the ratio.

        Raises
        ------
        InputError
            If it does not.
        """
        self._check(position)
        shared = Account(wallet=0.0) if account is None else account
        standing = stand(position, mark_price, shared.table_of(position), account, self.fee_rate)
        if position.mode is MarginMode.ISOLATED:
            margin = margin_of(position)
        else:
            margin = value_at(position, position.entry_price) / (position.leverage or 1.0)
        gained = profit_at(position, mark_price) / margin
        ratio = margin_ratio(standing.equity, standing.maintenance, 0.0)
        if ratio <= 0:
            return float("-inf")
        return gained / ratio if gained > 0 else gained * ratio

    def mark_price(self, given: MarkInput) -> float:
        """Compute index and mean basis; how long the mean runs is not published."""
        return index_and_basis(given)

    def funding_rate(self, given: FundingInput) -> float:
        """Compute the funding rate of one interval (third-party survey of 2026-07)."""
        return funding_rate(given)

    def _check(self, position: Position) -> None:
        refuse_others(position, self.venue, self.kind, self.rule_id, self.source)


def product_of(instrument: Instrument) -> str:
    """Tell the product: ``"linear"`` or ``"inverse"``."""
    return instrument.kind.value


def rule_books() -> tuple[OkxRules, ...]:
    """Give the rule books of linear and inverse contracts."""
    return tuple(
        OkxRules(product=kind.value, kind=kind, rule_id=f"okx-{kind.value}")
        for kind in (Kind.LINEAR, Kind.INVERSE)
    )


def rules_at(product: str, at_ns: int | None = None) -> OkxRules:
    """Pick the rules of ``"linear"`` or ``"inverse"``.

    Raises
    ------
    InputError
        If there is no such product.
    """
    return rules_among(rule_books(), product, at_ns)
