"""Bybit: margin, liquidation and deleveraging of linear and inverse contracts, dated.

Until 2026-05-27 maintenance is counted on the value at *entry* (help page of liquidation prices,
before that day; 360039261334 for the cross example). From the page of 2026-05-27 it is counted on
the value at the *mark*, with the estimated fee of closing in cross. Bankruptcy price and
procedure: help centre; mark price: page of 2024-10-16; pools: :mod:`airpocket.venues.bybit.pool`.
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
from airpocket.leverage.marks import MarkInput, median_mark
from airpocket.leverage.opening import initial_margin_of, refuse_others
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.ranks import leveraged_return
from airpocket.leverage.solving import solve_price
from airpocket.leverage.standing import (
    Standing,
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
from airpocket.units import ns_from_iso

__all__ = ["BybitRules", "product_of", "rule_books", "rules_at"]

_POOLS_NS: Final = ns_from_iso("2025-12-19")
_MARK_NS: Final = ns_from_iso("2026-05-27")


@final
class BybitRules(Struct, frozen=True, kw_only=True):
    """Margin rules of one product between two dates.

    Parameters
    ----------
    product, kind
        ``"linear"`` or ``"inverse"``.
    on_mark
        Whether maintenance is counted on the value at the mark.
    by_drawdown
        Whether a pool deleverages by its drawdown, with money left (``Pool.deleverages``).
    taker_rate
        Fee of closing, of the account asked about; 0.055 % is that of the page's example.
    basis_window_s
        How long the mark price averages the basis: ten times Binance's.
    """

    product: str
    kind: Kind
    rule_id: str
    source: str
    on_mark: bool
    by_drawdown: bool
    taker_rate: float = 0.00055
    basis_window_s: float = 300.0
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    venue: str = "bybit"

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute value at entry over leverage, refused above the tier's cap."""
        self._check(position)
        return initial_margin_of(position, tiers, self.rule_id)

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute ``value * rate - deduction``; in cross since 2026-05-27 plus the closing fee."""
        self._check(position)
        at = mark_price if self.on_mark else position.entry_price
        held, index = maintenance_at(position, at, tiers, self._fee_rate(position))
        return Requirement(held, position.instrument.settle, tiers.tiers[index].rate, index)

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the mark price at which the position is taken.

        Since 2026-05-27: where equity meets the maintenance of the value there; margin added to an
        isolated inverse position counts ``extra / (1 + taker)`` for a long and
        ``extra / (1 - taker)`` for a short. Before: ``entry - (margin - maintenance) / size`` with
        maintenance of the value at entry, along the inverse of the price for inverse contracts,
        and in cross less the fee of closing at the bankruptcy price.

        Raises
        ------
        InputError
            If a cross position of the older rules shares its account with other contracts: the
            older pages give no formula for it.
        """
        self._check(position)
        if self.on_mark:
            fee = self._fee_rate(position)
            if position.mode is MarginMode.CROSS:
                behind = behind_of(position, account, fee)
            else:
                behind = self._margin(position)
            return solve_price(position, behind, legs_of(position, tiers, account, fee))
        spare = self._behind(position, account) - self._held_at_entry(position, tiers, account)
        entry_x, size = x_of(position, position.entry_price), size_of(position)
        x = entry_x - sign_along(position) * spare / size
        if x <= 0:
            return LiquidationPrice(None, None, "what stands behind it covers every price")
        return LiquidationPrice(price_at(position, x), self._tier(position, 0.0, tiers))

    def bankruptcy_price(self, position: Position) -> float | None:
        """Find where the margin is gone: ``entry (1 -/+ 1/leverage)``, or its inverse.

        ``None`` for cross: the account decides, see :meth:`cross_bankruptcy_price`.
        """
        self._check(position)
        if position.mode is MarginMode.CROSS:
            return None
        return bankruptcy_price_of(position, margin_of(position))

    def cross_bankruptcy_price(self, position: Position, account: Account) -> float | None:
        """Find where a lone cross position and the fee of closing it use up the wallet.

        ``Q (1 + taker) / (Q/entry + wallet)`` for an inverse long (help.bybit.com 360039261334).
        """
        self._check(position)
        sign, size = sign_along(position), size_of(position)
        owed = sign * size * x_of(position, position.entry_price) - self._behind(position, account)
        x = owed / (size * (sign - self.taker_rate))
        return price_at(position, x) if x > 0 else None

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,
        *,
        since_partial_s: float | None = None,  # noqa: ARG002 — the next look is at once
    ) -> Closing:
        """Say what happens: down one tier by fill-or-kill, the pool at the bankruptcy price.

        In the first tier the pool takes the position at once. What is left of the margin goes to
        the pool. Deleveraging begins when :meth:`~airpocket.venues.bybit.pool.Pool.deleverages`.
        """
        self._check(position)
        standing = self._standing(position, mark_price, tiers, account)
        if not standing.is_liquidatable:
            return Closing((), is_liquidatable=False, is_bankrupt=False)
        bust = x_of(position, mark_price)
        bust -= sign_along(position) * standing.equity / size_of(position)
        price = price_at(position, bust) if bust > 0 else None
        index = self._tier(position, mark_price, tiers)
        steps: list[ClosingStep] = []
        if index > 0:
            at = mark_price if self.on_mark else position.entry_price
            share = 1 - tiers.tiers[index - 1].up_to / value_at(position, at)
            fee = share * value_at(position, mark_price) * self.taker_rate
            said = "orders cancelled; one order, filled whole or not at all, down to the next tier"
            steps.append(ClosingStep(Taker.BOOK, share, limit_price=price, fee=fee, said=said))
        steps += [
            ClosingStep(
                Taker.FUND, 1.0, price=price,
                said="the pool takes the rest, with its margin, at the bankruptcy price",
            ),
            ClosingStep(
                Taker.COUNTERPARTY, 1.0, price=price,
                said="ranked counterparties take it while the pool deleverages",
            ),
        ]  # fmt: skip
        return Closing(tuple(steps), is_liquidatable=True, is_bankrupt=standing.is_bankrupt)

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:
        """Rank by profit and effective leverage (help.bybit.com 900000031623, in words).

        Cross: leverage over the wallet and this position's own profit.
        """
        self._check(position)
        profit = profit_at(position, mark_price)
        return leveraged_return(
            profit,
            value_at(position, position.entry_price),
            value_at(position, mark_price),
            self._behind(position, account, alone=False) + profit,
        )

    def mark_price(self, given: MarkInput) -> float:
        """Compute the mark: a median of three (``basis_mean`` over ``basis_window_s``)."""
        return median_mark(given)

    def _check(self, position: Position) -> None:
        refuse_others(position, self.venue, self.kind, self.rule_id, self.source)

    def _fee_rate(self, position: Position) -> float:
        return self.taker_rate if self.on_mark and position.mode is MarginMode.CROSS else 0.0

    def _tier(self, position: Position, mark_price: float, tiers: TierTable) -> int:
        return tier_at(position, mark_price if self.on_mark else position.entry_price, tiers)

    def _margin(self, position: Position) -> float:
        """Margin of an isolated position, what was added to it less its share of the fee."""
        margin = margin_of(position)
        if position.leverage is None or self.kind is not Kind.INVERSE or not self.on_mark:
            return margin
        own = value_at(position, position.entry_price) / position.leverage
        return own + (margin - own) / (1 + position.sign * self.taker_rate)

    def _behind(self, position: Position, account: Account | None, *, alone: bool = True) -> float:
        if position.mode is MarginMode.ISOLATED:
            return self._margin(position)
        if account is None:
            raise InputError(f"{self.rule_id}: a cross position needs the account behind it")
        shared = [other for other, _ in account.positions if other.mode is MarginMode.CROSS]
        if alone and any(other != position for other in shared):
            raise InputError(
                f"{self.rule_id}: no formula was published for several cross contracts, only for"
                f" one ({self.source})"
            )
        return account.wallet

    def _held_at_entry(
        self, position: Position, tiers: TierTable, account: Account | None
    ) -> float:
        held, _ = maintenance_at(position, position.entry_price, tiers)
        if position.mode is MarginMode.ISOLATED or account is None:
            return held
        bust = self.cross_bankruptcy_price(position, account)
        return held + (0.0 if bust is None else self.taker_rate * value_at(position, bust))

    def _standing(
        self, position: Position, mark_price: float, tiers: TierTable, account: Account | None
    ) -> Standing:
        if self.on_mark and position.mode is MarginMode.CROSS:
            return stand(position, mark_price, tiers, account, self.taker_rate)
        equity = self._behind(position, account) + profit_at(position, mark_price)
        if self.on_mark:
            held, _ = maintenance_at(position, mark_price, tiers)
        else:
            held = self._held_at_entry(position, tiers, account)
        return Standing(equity, held, equity)


def product_of(instrument: Instrument) -> str:
    """Tell the product: ``"linear"`` or ``"inverse"``."""
    return instrument.kind.value


def rule_books() -> tuple[BybitRules, ...]:
    """Give every rule book, by product, the earlier first."""
    old = "Bybit help, liquidation price (USDT and inverse), before 2026-05-27"
    new = "Bybit help, liquidation price, page of 2026-05-27"
    books = []
    for kind in (Kind.LINEAR, Kind.INVERSE):
        name = kind.value
        books += [
            BybitRules(
                product=name, kind=kind, rule_id=f"bybit-{name}-to-2025-12", source=old,
                on_mark=False, by_drawdown=False, valid_to_ns=_POOLS_NS,
            ),
            BybitRules(
                product=name, kind=kind, rule_id=f"bybit-{name}-2025-12", source=old,
                on_mark=False, by_drawdown=True, valid_from_ns=_POOLS_NS, valid_to_ns=_MARK_NS,
            ),
            BybitRules(
                product=name, kind=kind, rule_id=f"bybit-{name}-2026-05", source=new,
                on_mark=True, by_drawdown=True, valid_from_ns=_MARK_NS,
            ),
        ]  # fmt: skip
    return tuple(books)


def rules_at(product: str, at_ns: int | None = None) -> BybitRules:
    """Pick the rules of ``"linear"`` or ``"inverse"`` that hold at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is no such product.
    """
    return rules_among(rule_books(), product, at_ns)
