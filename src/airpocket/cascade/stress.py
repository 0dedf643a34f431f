"""Reverse stress: the smallest shock that does it, and how thin the market may be before it does.

Turned round, settling asks which shock empties a fund, or brings the price to a level. In the
threshold model a larger shock, or a thinner market, ends no nearer (Milgrom and Roberts, Comparing
equilibria, 1994: the least fixed point of a monotone map rises with the map), so that bisection
finds the edge, and "no shock up to this one does" is an answer.
"""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, final

from msgspec import Struct

from airpocket.cascade.goals import EmptiesFund, Goal, ReachesPrice
from airpocket.cascade.impact import Impact
from airpocket.cascade.outcome import Cascade, StopReason
from airpocket.cascade.prepared import PreparedLadder
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Buying, Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = [
    "Grows",
    "LargestFactor",
    "SmallestShock",
    "Stress",
    "frontier",
    "largest_depth_factor",
    "smallest_shock",
]

_MOVE_PRECISION: Final = 1e-7  # a thousandth of a basis point
_ORDER_PRECISION: Final = 1e-6  # of the order; a cent is enough
_CENT: Final = 0.01
_FACTOR_PRECISION: Final = 1e-6  # of a depth factor, relative


class Grows(StrEnum):
    """What is made larger until it does."""

    MOVE = "move"  # a move of the price, a fraction
    ORDER = "order"  # a market order in the book, dollars


@final
class Stress(Struct, frozen=True, kw_only=True, eq=False):
    """What is asked, of which ladder, under which law.

    Parameters
    ----------
    ready
        One side of a ladder, prepared.
    impact
        The law, before it is thinned.
    goal
        What is to come about.
    grows
        Whether a move or an order is searched for.
    most
        Largest that is tried: a fraction (below 1 for a fall), or dollars.
    absorbed, buying
        As of :class:`~airpocket.cascade.shock.Shock`.
    payers
        Who bears losses; the fund is the goal's, if it has one.

    Raises
    ------
    InputError
        If ``most`` is out of bounds, the price to be reached does not lie in the losing direction,
        margin or fees flow to the fund, or a fund is to be emptied by positions none of which says
        where its margin ends.
    """

    ready: PreparedLadder
    impact: Impact
    goal: Goal
    grows: Grows = Grows.MOVE
    most: float = 0.5
    absorbed: float = 0.0
    buying: Buying | None = None
    payers: Payers = Payers()

    def __post_init__(self) -> None:
        falls = self.ready.side is Side.LONG
        ends = 1.0 if falls and self.grows is Grows.MOVE else 1e18
        if not 0 < self.most < ends:
            kind = "fraction above 0 and below 1" if ends == 1.0 else "number above 0"
            raise InputError(f"largest {self.grows.value} {self.most!r}: give a {kind}")
        if isinstance(self.goal, ReachesPrice):
            beyond = self.ready.first_price - self.goal.price
            if (beyond > 0) is not falls or beyond == 0:
                way = "below" if falls else "above"
                raise InputError(
                    f"a price of {self.goal.price:g} is not {way} the first one,"
                    f" {self.ready.first_price:g}: closing {self.ready.side.value}s cannot reach it"
                )
        if self.payers.margin_left_to_fund or self.payers.fee_to_fund:
            raise InputError(
                "reverse stress needs a fund that only pays: with margin or fees flowing into it,"
                " a larger shock need not leave less"
            )
        lost = self.ready.levels.bankruptcy_price
        if isinstance(self.goal, EmptiesFund) and (
            lost is None or not bool((lost == lost).any())  # noqa: PLR0124 — NaN is not itself
        ):
            raise InputError(
                f"{self.ready.symbol}: no level says at which price its margin ends, so what a fund"
                " would pay is not known; give positions with their margin or leverage"
            )

    def cascade(self, size: float, depth_factor: float = 1.0) -> Cascade:
        """Settle a shock of one size."""
        sign = -1.0 if self.ready.side is Side.LONG else 1.0
        by_move = self.grows is Grows.MOVE
        shock = Shock(
            side=self.ready.side,
            move=sign * size if by_move else None,
            order_usd=None if by_move else size,
            absorbed=self.absorbed,
            buying=self.buying,
        )
        law = self.impact if depth_factor == 1 else self.impact.thinned(depth_factor)
        return settle(self.ready, law, shock, payers=self.goal.payers(self.payers))


@final
class SmallestShock(Struct, frozen=True, kw_only=True, eq=False):
    """The smallest shock that does it where ``depth_factor`` of the depth is there.

    Parameters
    ----------
    depth_factor
        Share of the depth that was there.
    grows
        What ``shock`` counts.
    shock
        Smallest that does it; ``None``: none up to ``most`` does.
    most
        Largest that was tried.
    within
        How much smaller it may be.
    cascade
        What it sets off; if none does it, what the largest one sets off.
    book_ends_at
        Smallest shock that empties the book in sight, where that comes first: from there on the
        price is taken to stay at the book's last one, and what is asked may come about earlier than
        ``shock`` says. ``None``: the book in sight suffices.
    tried
        How many shocks were settled.
    """

    depth_factor: float
    grows: Grows
    shock: float | None
    most: float
    within: float
    cascade: Cascade
    book_ends_at: float | None
    tried: int


@final
class LargestFactor(Struct, frozen=True, kw_only=True, eq=False):
    """The largest depth factor with which a shock does it: a market no thinner would hold.

    Parameters
    ----------
    shock, grows
        The shock, and what it counts.
    depth_factor
        Largest with which it does it; ``None``: it does not even with ``least``.
    least, most
        Smallest and largest that were tried.
    cascade
        What is set off with it; with ``least``, if it does not do it.
    tried
        How many factors were settled.
    """

    shock: float
    grows: Grows
    depth_factor: float | None
    least: float
    most: float
    cascade: Cascade
    tried: int


def smallest_shock(
    stress: Stress, depth_factor: float = 1.0, *, at_most: float | None = None
) -> SmallestShock:
    """Find the smallest shock that does what is asked, or that none up to the largest does.

    Parameters
    ----------
    stress
        What is asked.
    depth_factor
        Share of the depth that is there.
    at_most
        A shock that is known to do it, to begin below; ``stress.most`` if left out.

    Returns
    -------
    SmallestShock
        Found by bisection: it does it, and one smaller by ``within`` does not.

    Examples
    --------
    >>> import numpy as np
    >>> from airpocket.cascade.goals import ReachesPrice
    >>> from airpocket.cascade.impact import BookWalk, Curve
    >>> from airpocket.cascade.prepared import prepare
    >>> from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance, levels_of
    >>> longs = levels_of(Side.LONG, np.array([98.0]), np.array([1e6]), np.array([10_204.0]))
    >>> waits = Layer(forced=Forced.LIQUIDATION, provenance=Provenance.MEASURED, longs=longs,
    ...     shorts=levels_of(Side.SHORT, np.empty(0), np.empty(0), np.empty(0)), source="made up")
    >>> made = Ladder(venue="x", symbol="X/USDT:USDT", mark_price=100.0, layers=(waits,))
    >>> book = Curve(np.array([2e6]), np.array([0.01]))
    >>> asked = Stress(ready=prepare(made, Side.LONG), impact=BookWalk(book, book),
    ...     goal=ReachesPrice(97.0))
    >>> found = smallest_shock(asked)
    >>> round(found.shock, 6), round(found.cascade.last_price, 4)
    (0.02, 97.0)
    """
    most = stress.most if at_most is None else min(at_most, stress.most)
    search = _Search(stress, depth_factor)
    last = search.settled(most)
    shock: float | None = None
    before: Cascade | None = last
    if stress.goal.met(last):
        shock, last, before = search.edge(most, last, stress.goal.met)
    ends_at: float | None = None
    if before is not None and before.stop is StopReason.BOOK_EMPTY:
        ends_at, _, _ = search.edge(most if shock is None else shock, before, _empties_book)
    return SmallestShock(
        depth_factor=depth_factor, grows=stress.grows, shock=shock, most=stress.most,
        within=search.within(most if shock is None else shock), cascade=last,
        book_ends_at=ends_at, tried=search.tried,
    )  # fmt: skip


@final
class _Search:
    """Bisection over shocks of one size axis."""

    def __init__(self, stress: Stress, depth_factor: float) -> None:
        self._stress = stress
        self._factor = depth_factor
        self.tried = 0

    def within(self, size: float) -> float:
        """Tell how closely a size is searched."""
        if self._stress.grows is Grows.MOVE:
            return _MOVE_PRECISION
        return max(_CENT, _ORDER_PRECISION * size)

    def settled(self, size: float) -> Cascade:
        """Settle a shock and count it."""
        self.tried += 1
        return self._stress.cascade(size, self._factor)

    def edge(
        self, most: float, last: Cascade, does: Callable[[Cascade], bool]
    ) -> tuple[float, Cascade, Cascade | None]:
        """Find the smallest that does it, what that sets off, and what the next smaller one does.

        ``last`` is what ``most`` sets off; ``None`` is a shock of 0, which is not tried.
        """
        low, high = 0.0, most
        before: Cascade | None = None
        while high - low > self.within(high):
            middle = (low + high) / 2
            cascade = self.settled(middle)
            if does(cascade):
                high, last = middle, cascade
            else:
                low, before = middle, cascade
        return high, last, before


def _empties_book(cascade: Cascade) -> bool:
    return cascade.stop is StopReason.BOOK_EMPTY


def frontier(stress: Stress, depth_factors: Sequence[float]) -> tuple[SmallestShock, ...]:
    """Find the smallest shock for each depth factor: the edge of what holds.

    Parameters
    ----------
    stress
        What is asked.
    depth_factors
        Shares of the depth that is there, above 0.

    Returns
    -------
    tuple of SmallestShock
        One each, in the order given. A thinner market needs no larger shock.

    Raises
    ------
    InputError
        If none is given, or one is not above 0.
    """
    if not depth_factors:
        raise InputError("no depth factor is given: give at least one, such as 1")
    for factor in depth_factors:
        _refuse_factor(factor)
    found: dict[float, SmallestShock] = {}
    at_most: float | None = None
    for factor in sorted(set(depth_factors), reverse=True):
        one = smallest_shock(stress, factor, at_most=at_most)
        found[factor] = one
        at_most = one.shock if one.shock is not None else at_most
    return tuple(found[factor] for factor in depth_factors)


def largest_depth_factor(
    stress: Stress, shock: float, *, least: float = 1e-3, most: float = 1.0
) -> LargestFactor:
    """Find how much of the depth may be there for a shock still to do it.

    Parameters
    ----------
    stress
        What is asked.
    shock
        Fraction or dollars, as ``stress.grows`` says.
    least, most
        Factors that the search goes between.

    Raises
    ------
    InputError
        If the factors are not above 0 and in order, or the shock is out of bounds.
    """
    _refuse_factor(least)
    _refuse_factor(most)
    if not least < most:
        raise InputError(f"depth factors from {least:g} to {most:g}: give them in order")
    if not 0 < shock <= stress.most:
        raise InputError(f"a {stress.grows.value} of {shock!r}: give one up to {stress.most:g}")
    tried = 0

    def settled(factor: float) -> Cascade:
        nonlocal tried
        tried += 1
        return stress.cascade(shock, factor)

    factor, cascade = _largest(settled, stress.goal, least, most)
    return LargestFactor(
        shock=shock, grows=stress.grows, depth_factor=factor, least=least, most=most,
        cascade=cascade, tried=tried,
    )  # fmt: skip


def _largest(
    settled: Callable[[float], Cascade], goal: Goal, least: float, most: float
) -> tuple[float | None, Cascade]:
    full = settled(most)
    if goal.met(full):
        return most, full
    cascade = settled(least)
    if not goal.met(cascade):
        return None, cascade
    low, high = least, most
    while high / low > 1 + _FACTOR_PRECISION:
        middle = math.sqrt(low * high)
        then = settled(middle)
        if goal.met(then):
            low, cascade = middle, then
        else:
            high = middle
    return low, cascade


def _refuse_factor(factor: float) -> None:
    if not 0 < factor < 1e12:
        raise InputError(f"depth factor {factor!r}: give a number above 0, such as 0.5")
