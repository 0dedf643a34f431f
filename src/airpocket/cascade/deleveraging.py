"""Auto-deleveraging as an allocation: which winners bear what neither margin nor fund can.

In each round there is a deficit and a budget, a share of it; a winner can lose unrealised profit
and nothing else (Chitra and others, arXiv 2602.15182, section 3). The rules share out exactly what
is asked. What makes a queue overshoot is that it closes whole positions, and that a venue asks for
more than its closing in the book would have cost; both can be asked for here, and are told apart.
"""

from enum import StrEnum
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["DeleveragingRule", "Round", "Winners", "allocate", "queue_score", "winners_of"]

_MILLION: Final = 1_000_000
_MOST: Final = 1 << 56  # micro-dollars: 72 billion dollars of profit, which the kernels can share

_Int: Final = np.int64


class DeleveragingRule(StrEnum):
    """Who loses what."""

    QUEUE = "queue"  # by score, each as far as is needed
    WHOLE_QUEUE = "whole_queue"  # by score, whole positions, the last one too
    PRO_RATA = "pro_rata"  # the same share of all profits; rounding by the largest remainder
    MIN_MAX = "min_max"  # the largest share that anyone loses is the smallest there can be


@final
class Winners(Struct, frozen=True, eq=False):
    """What can be taken from whom.

    Parameters
    ----------
    lots
        Lots that each holds on the side that wins, 0 or more, shape (n,).
    profit_per_lot
        Unrealised profit of one lot, in micro-dollars, 0 or more; ``None``: 1 each, so that
        ``lots`` is what is shared: micro-dollars of profit, or contracts.
    score
        Place in the queue, the largest first (:func:`queue_score`, or the venue's own);
        those with equal scores go by their row. ``None`` where no queue is asked for.

    Raises
    ------
    InputError
        If columns differ in length or kind, a figure is below 0 or not a number, or all of it is
        worth more than ``2**56``.
    """

    lots: NDArray[np.int64]
    profit_per_lot: NDArray[np.int64] | None = None
    score: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name, column in (("lots", self.lots), ("profit_per_lot", self.profit_per_lot)):
            if column is None:
                continue
            if column.dtype != _Int or column.shape != (self.lots.size,):
                raise InputError(f"winners: {name} must be 64-bit integers, one for each row")
            if column.size and int(column.min()) < 0:
                row = int(np.argmin(column))
                raise InputError(f"winners: {name} of row {row} is {column[row]}: give 0 or more")
        worth = float(np.dot(self.lots.astype(float), self.value.astype(float)))
        if worth > 0.999 * _MOST:
            raise InputError(f"winners: profits of {worth:.3g} in all: give less than 2**56")
        if self.score is not None:
            if self.score.shape != self.lots.shape:
                raise InputError("winners: score must have one figure for each row")
            if np.isnan(self.score).any():
                row = int(np.argmax(np.isnan(self.score)))
                raise InputError(f"winners: the score of row {row} is not a number")

    @property
    def value(self) -> NDArray[np.int64]:
        """Worth of one lot of each."""
        return np.ones_like(self.lots) if self.profit_per_lot is None else self.profit_per_lot

    @property
    def capacity(self) -> NDArray[np.int64]:
        """What each can lose."""
        return self.lots * self.value


@final
class Round(Struct, frozen=True, eq=False):
    """One round of deleveraging.

    Parameters
    ----------
    rule
        How it was shared out.
    deficit
        What was missing.
    budget
        What was asked of winners: the deficit times the severity, rounded up.
    lots
        Lots taken of each, shape (n,).
    taken
        What they are worth.
    overshoot
        What was taken beyond the budget: less than one lot, or one position in a queue of whole
        ones.
    uncovered
        Deficit that no winner covers: capacity was less, or severity below one. Somebody else
        bears it, or it is bad debt.
    largest_share
        Largest share of its capacity that anyone lost.
    touched
        How many lost anything.
    """

    rule: DeleveragingRule
    deficit: int
    budget: int
    lots: NDArray[np.int64]
    taken: int
    overshoot: int
    uncovered: int
    largest_share: float
    touched: int


def queue_score(
    profit: NDArray[np.int64], entry_value: NDArray[np.int64], leverage: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the score of the common queue: profit as a share of the entry, times leverage.

    Parameters
    ----------
    profit, entry_value
        Unrealised profit, and what the position was opened at (above 0), in micro-dollars.
    leverage
        Of each; how a venue counts it (effective, or margin ratio) is its own: such a venue's
        score is passed to :class:`Winners` as it is.

    Examples
    --------
    >>> queue_score(np.array([5, 50]), np.array([100, 100]), np.array([20.0, 1.0])).tolist()
    [1.0, 0.5]
    """
    if entry_value.size and int(entry_value.min()) <= 0:
        raise InputError("score: entry values must be above 0")
    return profit / entry_value * leverage


def winners_of(
    lots: NDArray[np.int64],
    cost: NDArray[np.int64],
    mark_ticks: int,
    micro_per_tick_lot: int,
    *,
    is_long: bool,
    score: NDArray[np.float64] | None = None,
) -> Winners:
    """Count what can be taken from the positions of one side of one instrument.

    Profit per lot is rounded down, so nobody is asked for more than the profit; losers and the
    other side can lose nothing.

    Parameters
    ----------
    lots, cost
        Positions, shorts below 0, and what they cost in micro-dollars, as the ledger holds them.
    mark_ticks, micro_per_tick_lot
        The mark, and what a lot is worth at one tick.
    is_long
        Which side wins.
    score
        See :class:`Winners`.

    Examples
    --------
    >>> bought, at = np.array([10, -10]), np.array([1000, -1000])
    >>> winners_of(bought, at, 130, 1, is_long=True).capacity.tolist()
    [300, 0]
    """
    sign = 1 if is_long else -1
    ours = np.maximum(sign * lots, 0)
    if float(ours.max(initial=0)) * mark_ticks * micro_per_tick_lot > 1 << 61:
        raise InputError(f"positions at {mark_ticks} ticks do not fit 61 bits of micro-dollars")
    profit = sign * ours * mark_ticks * micro_per_tick_lot - np.where(ours > 0, cost, 0)
    return Winners(ours, np.maximum(profit, 0) // np.maximum(ours, 1), score)


def allocate(
    winners: Winners,
    deficit: int,
    rule: DeleveragingRule,
    *,
    severity_ppm: int = _MILLION,
) -> Round:
    """Share a deficit out over winners.

    Parameters
    ----------
    winners
        Who can lose what; a queue needs scores.
    deficit
        What is missing, in the unit of the winners' capacity.
    rule
        How to share it.
    severity_ppm
        Parts per million of the deficit that are asked of winners.

    Raises
    ------
    InputError
        If the deficit or severity is out of range, or a queue has no scores.

    Examples
    --------
    >>> three = Winners(np.array([100, 200, 700]), score=np.array([9.0, 3.0, 1.0]))
    >>> [allocate(three, 251, rule).lots.tolist() for rule in DeleveragingRule]
    [[100, 151, 0], [100, 200, 0], [25, 50, 176], [25, 50, 176]]
    """
    from airpocket.cascade import paying_kernels  # noqa: PLC0415 — loads numba

    if deficit < 0:
        raise InputError(f"a deficit of {deficit}: give 0 or more")
    if not 0 <= severity_ppm <= _MILLION:
        raise InputError(f"a severity of {severity_ppm} ppm: give 0 to {_MILLION}")
    lots, value, capacity = winners.lots, winners.value, winners.capacity
    total, budget = int(capacity.sum()), -(-deficit * severity_ppm // _MILLION)
    asked = min(budget, total)
    if rule in {DeleveragingRule.QUEUE, DeleveragingRule.WHOLE_QUEUE}:
        if winners.score is None:
            raise InputError("a queue goes by scores: give the winners theirs")
        order = np.argsort(-winners.score, kind="stable")
        is_whole = rule is DeleveragingRule.WHOLE_QUEUE
        taken = paying_kernels.by_queue(order, lots, value, asked, is_whole)
    elif total == 0:
        taken = np.zeros_like(lots)
    elif rule is DeleveragingRule.PRO_RATA:
        taken = paying_kernels.by_pro_rata(lots, value, asked, total)
    else:
        taken = paying_kernels.by_min_max(lots, value, asked, total)
    worth = int((taken * value).sum())
    hit = taken > 0
    return Round(
        rule=rule,
        deficit=deficit,
        budget=budget,
        lots=taken,
        taken=worth,
        overshoot=max(worth - budget, 0),
        uncovered=max(deficit - worth, 0),
        largest_share=float(np.max(taken[hit] / lots[hit], initial=0.0)),
        touched=int(hit.sum()),
    )
