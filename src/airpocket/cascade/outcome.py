"""What a shock sets off, as one frozen result: waves, stop reason, who paid."""

from enum import StrEnum
from typing import final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.market.events import Side

__all__ = [
    "AirPocket",
    "Cascade",
    "Fold",
    "RangeOfLaws",
    "StopReason",
    "Waterfall",
    "Wave",
]


class StopReason(StrEnum):
    """Why a chain ended."""

    SETTLED = "settled"  # the last wave's impact reached no further level
    BUYERS_ABSORBED = "buyers_absorbed"  # others bought all that was forced to sell
    LADDER_EXHAUSTED = "ladder_exhausted"  # no level is left
    BOOK_EMPTY = "book_empty"  # the book in sight does not hold what is forced
    ROUNDS_MAX = "rounds_max"  # not at rest after the most rounds that were allowed


class Wave(Struct, frozen=True):
    """One wave: the mark went from ``from_price`` to ``to_price`` and set off ``notional_usd``.

    ``number`` counts from 0, which is the shock itself; ``count`` is ``None`` where the levels do
    not say how many positions they are; ``fall`` is the distance from the first price at its end,
    a fraction.
    """

    number: int
    from_price: float
    to_price: float
    fall: float
    notional_usd: float
    qty_base: float
    count: int | None


class Fold(Struct, frozen=True):
    """A jump: at a shock of ``shock`` (fraction) the end leaves ``before`` and lies at ``beyond``.

    ``before`` is the level that the jump starts from: smaller shocks end there or nearer. For a
    shock by an order, ``order_usd`` is the order above which it happens, and ``shock`` what that
    order does alone.
    """

    shock: float
    before: float
    beyond: float
    order_usd: float | None = None


class AirPocket(Struct, frozen=True):
    """A stretch of the path with m ≥ 1: it begins at its trigger and ends exhausted.

    Prices, and the same as fractions of the first price; ``m_most`` the largest m within.
    """

    trigger_price: float
    exhaustion_price: float
    trigger: float
    exhaustion: float
    m_most: float


class Waterfall(Struct, frozen=True, kw_only=True):
    """Who pays, in dollars: every forced dollar is accounted for.

    Where bankruptcy prices are known, ``margin_before = margin_handed + margin_left + margin_lost +
    fee``, ``loss = margin_lost + fund_paid + adl + bad_debt``, and the fund changes by what it gets
    less what it paid.

    Parameters
    ----------
    forced_usd
        Closed by force, at the prices that set it off.
    absorbed_usd
        Of it, taken off the book by a backstop.
    margin_left_usd
        What margin was left to the owners after closing (it goes to the fund where the venue's rule
        says so).
    margin_lost_usd
        Losses that the positions' own margin bore.
    fee_usd
        Liquidation fees, as far as margin could pay them.
    fund_before_usd, fund_paid_usd
        The insurance fund, and what it paid of the losses beyond margin.
    adl_usd
        Losses beyond margin and fund that winners bear by auto-deleveraging.
    adl_notional_usd
        Notional that is closed against winners for it.
    bad_debt_usd
        What nobody is there to bear (lending, or no winners named).
    unknown_usd
        Forced notional whose bankruptcy price is not known (all of it, where nobody was named to
        pay): its losses are in none of the above.
    margin_before_usd
        Margin behind the positions when they were set off.
    margin_handed_usd
        Of it, what went to the backstop with the positions that it took.
    loss_usd
        What was lost between setting off and closing in the book, and beyond margin before.
    fund_after_usd
        The insurance fund at the end.
    """

    forced_usd: float
    absorbed_usd: float = 0.0
    margin_left_usd: float = 0.0
    margin_lost_usd: float = 0.0
    fee_usd: float = 0.0
    fund_before_usd: float | None = None
    fund_paid_usd: float = 0.0
    adl_usd: float = 0.0
    adl_notional_usd: float = 0.0
    bad_debt_usd: float = 0.0
    unknown_usd: float = 0.0
    margin_before_usd: float = 0.0
    margin_handed_usd: float = 0.0
    loss_usd: float = 0.0
    fund_after_usd: float | None = None


@final
class Cascade(Struct, frozen=True, kw_only=True, eq=False):
    """What one shock sets off under one impact law.

    Parameters
    ----------
    law
        Name of the impact law.
    side
        Whose positions are closed.
    first_price, shocked_price, last_price
        Before the shock, after it, at rest.
    shock, fall
        The same as fractions of the first price, both above 0 (a rise, if shorts are closed).
    waves
        In order; number 0 is the shock.
    waves_count
        How many there were (``waves`` may hold only the first thousand).
    forced_usd, forced_qty_base, forced_count
        All that was closed by force; the count is ``None`` where it is not known.
    bought_usd
        What others bought against it.
    path_fall, path_m
        Ends of the ladder's bins along the path and m in each, shape (k,); m is infinite where the
        book in sight does not hold what is forced.
    folds
        All jumps of the end, of at least the least jump asked for, as the shock grows (the first
        thousand), ascending: the move at no order, or the order at the given move.
    critical_shock
        Smallest shock whose end jumps by at least the least jump asked for; ``None``: none does.
    critical_order_usd
        The same as an order, for a shock by an order.
    air_pockets
        Stretches of the path with m ≥ 1.
    waterfall
        Who pays.
    stop
        Why it ended.
    """

    law: str
    side: Side
    first_price: float
    shocked_price: float
    last_price: float
    shock: float
    fall: float
    waves: tuple[Wave, ...]
    waves_count: int
    forced_usd: float
    forced_qty_base: float
    forced_count: int | None
    bought_usd: float
    path_fall: NDArray[np.float64]
    path_m: NDArray[np.float64]
    folds: tuple[Fold, ...]
    critical_shock: float | None
    air_pockets: tuple[AirPocket, ...]
    waterfall: Waterfall
    stop: StopReason
    critical_order_usd: float | None = None

    @property
    def amplification(self) -> float | None:
        """Fall over shock; ``None`` without a shock in price."""
        return self.fall / self.shock if self.shock > 0 else None


class RangeOfLaws(Struct, frozen=True, eq=False):
    """The same shock under several laws. Neither is a bound: the truth may lie outside."""

    cascades: tuple[Cascade, ...]

    @property
    def falls(self) -> tuple[float, float]:
        """Smallest and largest fall."""
        falls = [one.fall for one in self.cascades]
        return min(falls), max(falls)
