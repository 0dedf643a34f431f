"""Binance futures: margin, liquidation and deleveraging, dated. USD-M and COIN-M alike.

Margin and liquidation price: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93; liquidation protocol:
FAQ 360033525271; COIN-M maintenance amounts: FAQ ceccfcfb…; deleveraging rank: dev.binance.vision
17801; mark price and funding: announcement effective 2025-09-18 08:01 UTC and FAQ 360033525031.
COIN-M is the same algebra along the inverse of the price, with tiers in coin.
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
from airpocket.leverage.marks import FundingInput, MarkInput, funding_rate, median_mark
from airpocket.leverage.opening import initial_margin_of, refuse_others
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.solving import kept_share, solve_price
from airpocket.leverage.standing import behind_of, legs_of, maintenance_at, stand
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
from airpocket.units import ns_from_iso

__all__ = ["FuturesRules", "adl_terms", "funding_cap", "product_of", "rule_books", "rules_at"]

# Mark price and funding changed; margin did not.
_CHANGED_NS: Final = ns_from_iso("2025-09-18T08:01:00Z")


@final
class FuturesRules(Struct, frozen=True, kw_only=True):
    """Margin rules of one product between two dates.

    Parameters
    ----------
    product, kind
        ``"usdm"`` (linear) or ``"coinm"`` (inverse).
    basis_window_s
        How long the mark price averages the basis. 30 min in 2020, then 2.5 min, then 1 min, on
        days that were not found: before 2025-09-18 the last one is given.
    funding_by_interval
        Whether funding is divided by 8 / N hours.
    fees
        Liquidation clearance fee by unified symbol, on what is liquidated (``exchangeInfo``).

    Examples
    --------
    >>> rules_at("usdm").basis_window_s
    30.0
    """

    product: str
    kind: Kind
    rule_id: str
    source: str
    basis_window_s: float
    funding_by_interval: bool
    fees: tuple[tuple[str, float], ...]
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "binance"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute value at entry over leverage.

        Raises
        ------
        InputError
            If the leverage is unknown or above what the tier of that value allows.
        """
        self._check(position)
        return initial_margin_of(position, tiers, self.rule_id)

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute ``value * rate - amount`` by the tier of the value at the mark."""
        self._check(position)
        held, index = maintenance_at(position, mark_price, tiers)
        return Requirement(held, position.instrument.settle, tiers.tiers[index].rate, index)

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the mark price at which the margin ratio is 100 %.

        Isolated: by its own margin. Cross: by the wallet, with the profit and the maintenance of
        the other contracts at their marks; in hedge mode both legs of a contract share one price.
        The tier is that of the value at the price found, not that at entry.
        """
        self._check(position)
        return solve_price(
            position, behind_of(position, account), legs_of(position, tiers, account)
        )

    def bankruptcy_price(self, position: Position) -> float | None:
        """Find where an isolated margin is used up; ``None`` for cross: the account decides."""
        self._check(position)
        if position.mode is MarginMode.CROSS:
            return None
        return bankruptcy_price_of(position, margin_of(position))

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,
        *,
        since_partial_s: float | None = None,  # noqa: ARG002 — Binance does not wait
    ) -> Closing:
        """Say what happens at a mark price: one order, then the fund, then deleveraging.

        The size of the one order is not published. What is given is the smallest that restores
        the margin if it fills at the mark and pays the fee, and all of it for the first tier
        ("small positions are nearly always fully liquidated") and where the fee is not known.
        """
        self._check(position)
        standing = stand(position, mark_price, tiers, account)
        if not standing.is_liquidatable:
            return Closing((), is_liquidatable=False, is_bankrupt=False)
        value = value_at(position, mark_price)
        index = tiers.index_at(value)
        rate = dict(self.fees).get(position.instrument.symbol)
        kept = 0.0
        if index > 0 and rate is not None:
            kept = kept_share(value, standing.spare, tiers.tiers, rate)
        bust = x_of(position, mark_price) - sign_along(position) * standing.equity / size_of(
            position
        )
        price = price_at(position, bust) if bust > 0 else None
        fee = None if rate is None else rate * value
        ordered = None if fee is None else fee * (1 - kept)
        steps = (
            ClosingStep(
                Taker.BOOK, 1 - kept, limit_price=price, fee=ordered,
                said="all orders cancelled, then one large order, immediate or cancelled",
            ),
            ClosingStep(
                Taker.FUND, 1.0, price=price, fee=fee,
                said="the insurance fund takes the rest at the bankruptcy price",
            ),
            ClosingStep(
                Taker.COUNTERPARTY, 1.0, price=price,
                said="if the fund cannot, ranked counterparties take it, without a fee",
            ),
        )  # fmt: skip
        return Closing(steps, is_liquidatable=True, is_bankrupt=standing.is_bankrupt)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:
        """Rank by profit over wallet times margin ratio (dev.binance.vision 17801).

        Raises
        ------
        InputError
            If the account does not carry the tiers of the position.
        """
        self._check(position)
        if account is None:
            raise InputError(
                f"{self.rule_id}: the rank needs the account: its wallet and the tiers it holds"
            )
        standing = stand(position, mark_price, account.table_of(position), account)
        isolated = position.mode is MarginMode.ISOLATED
        wallet = margin_of(position) if isolated else account.wallet
        ratio = standing.ratio if standing.equity > 0 else 0.0
        return adl_terms(profit_at(position, mark_price), wallet, ratio)[1]

    def mark_price(self, given: MarkInput) -> float:
        """Compute the mark: a median of three (``basis_mean`` over ``basis_window_s``)."""
        return median_mark(given)

    def funding_rate(self, given: FundingInput) -> float:
        """Compute the funding rate of one interval."""
        return funding_rate(given, by_interval=self.funding_by_interval)

    def _check(self, position: Position) -> None:
        refuse_others(position, self.venue, self.kind, self.rule_id, self.source)


def adl_terms(profit: float, wallet: float, margin_ratio: float) -> tuple[float, float]:
    """Compute profit over wallet and its product with the margin ratio, which ranks.

    Examples
    --------
    >>> [round(term, 2) for term in adl_terms(40.2, 4.27, 0.1342)]
    [9.41, 1.26]
    """
    share = max(0.0, profit) / max(1.0, wallet)
    return share, share * margin_ratio


def funding_cap(rate: float) -> float:
    """Compute the cap of listed majors from the maintenance rate of the first tier.

    Examples
    --------
    >>> funding_cap(0.004)
    0.003
    """
    return 0.75 * rate


def product_of(instrument: Instrument) -> str:
    """Tell the product: ``"usdm"`` of linear contracts, ``"coinm"`` of inverse ones."""
    return "coinm" if instrument.kind is Kind.INVERSE else "usdm"


def rule_books() -> tuple[FuturesRules, ...]:
    """Give every rule book of Binance futures, the earlier first."""
    usdm = (("BTC/USDT:USDT", 0.0125),)
    coinm = (("BTC/USD:BTC", 0.015),)
    source = "Binance FAQ b3c689c1f50a44cabb3a84e663b81d93, 360033525271; read 2026-10"
    books = []
    for product, kind, fees in (("usdm", Kind.LINEAR, usdm), ("coinm", Kind.INVERSE, coinm)):
        before = FuturesRules(
            product=product, kind=kind, rule_id=f"binance-{product}-to-2025-09", source=source,
            basis_window_s=60.0, funding_by_interval=False, fees=fees, valid_to_ns=_CHANGED_NS,
        )  # fmt: skip
        since = FuturesRules(
            product=product, kind=kind, rule_id=f"binance-{product}-2025-09", source=source,
            basis_window_s=30.0, funding_by_interval=True, fees=fees, valid_from_ns=_CHANGED_NS,
        )  # fmt: skip
        books += [before, since]
    return tuple(books)


def rules_at(product: str, at_ns: int | None = None) -> FuturesRules:
    """Pick the rules of ``"usdm"`` or ``"coinm"`` that hold at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is no such product.
    """
    return rules_among(rule_books(), product, at_ns)
