"""Chains in whole ticks and lots: cases, the engines that settle them, and a plain twin with bugs.

A case is settled by a loop that anyone can check, by ``settle_ticks``, and by ``settle`` for longs
and for shorts at a first price of 2^20 ticks, where every fraction is exact. All must agree to the
last tick. ``bug`` plants a mistake in the plain loop, to show that a law notices it.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.ticks import settle_ticks
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance
from airpocket.market.events import Side

FIRST_TICKS = 1 << 20


class Case(NamedTuple):
    """Levels (ticks away, lots), a book (lots at each distance), a move, an order."""

    levels: tuple[tuple[int, int], ...]
    book: tuple[tuple[int, int], ...]
    move: int
    order: int = 0


class Rest(NamedTuple):
    """How far it fell, and how many lots were forced."""

    fall: int
    lots: int


Engine: TypeAlias = Callable[[Case], Rest]


def plain_fall(case: Case, lots: int) -> int:
    """Walk the book level by level; what it does not hold ends at its last."""
    fall = 0
    for ticks, held in case.book:
        if lots <= 0:
            break
        fall, lots = ticks, lots - held
    return fall


def plain(case: Case, bug: str = "") -> Rest:  # noqa: C901, PLR0912 — a branch a bug
    """Iterate upward from the shock over all levels, again and again."""
    levels = case.levels
    if bug == "equal levels once":
        levels = tuple(dict(levels).items())
    fall = max((ticks for ticks, _ in levels), default=0) if bug == "from above" else case.move
    if bug == "move of nothing sells":
        fall += 1
    for _ in range(len(levels) + len(case.book) + 2):
        lots = 0
        for ticks, held in levels:
            if bug == "jumped over" and ticks < case.move:
                continue
            if bug == "at the trigger" and ticks == fall:
                continue
            if ticks <= fall:
                lots += held
            elif bug == "as they come":
                break
        amount = lots + case.order
        if bug == "all of open interest":
            amount = amount * 2 - sum(held for _, held in levels) // 4
        if bug == "whole fours":
            amount -= amount % 4
        impact = plain_fall(case, amount)
        if bug == "empty book holds" and amount > sum(held for _, held in case.book):
            impact = 0
        if case.move + impact == fall:
            break
        fall = case.move + impact
        if bug == "one wave":
            break
    return Rest(fall, sum(held for ticks, held in levels if ticks <= fall))


def by_ticks(case: Case) -> Rest:
    """Settle by the compiled kernel in integers."""
    settled = settle_ticks(*columns(case), shock_ticks=case.move, order_lots=case.order)
    assert settled.is_at_rest
    return Rest(settled.fall_ticks, settled.forced_lots)


def columns(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lay a case out as ``settle_ticks`` takes it, nearest first."""
    levels = np.array(sorted(case.levels), dtype=np.int64).reshape(-1, 2)
    book = np.array(case.book, dtype=np.int64).reshape(-1, 2)
    return levels[:, 0].copy(), levels[:, 1].copy(), np.cumsum(book[:, 1]), book[:, 0].copy()


def by_dollars(case: Case, side: Side) -> Rest:
    """Settle by the public call, a lot being a dollar."""
    ladder, walk = laid_out(case)
    sign = -1.0 if side is Side.LONG else 1.0
    shock = Shock(side=side, move=sign * case.move / FIRST_TICKS, order_usd=float(case.order))
    settled = settle(ladder, walk, shock)
    fall = settled.fall * FIRST_TICKS
    assert fall == int(fall)
    assert settled.forced_usd == int(settled.forced_usd)
    return Rest(int(fall), int(settled.forced_usd))


def by_longs(case: Case) -> Rest:
    """Settle a fall."""
    return by_dollars(case, Side.LONG)


def by_shorts(case: Case) -> Rest:
    """Settle the mirrored rise: p becomes 2 P0 - p."""
    return by_dollars(case, Side.SHORT)


def laid_out(case: Case) -> tuple[Ladder, BookWalk]:
    """Give longs below and their mirror image above, and a book that is the same on both sides."""
    ticks, lots, book_lots, book_ticks = columns(case)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=_levels(FIRST_TICKS - ticks, lots),
        shorts=_levels(FIRST_TICKS + ticks, lots),
        source="made up",
    )
    ladder = Ladder(venue="x", symbol="X/USDT:USDT", mark_price=float(FIRST_TICKS), layers=(layer,))
    curve = Curve(book_lots.astype(float), book_ticks / FIRST_TICKS)
    return ladder, BookWalk(curve, curve)


def _levels(price: np.ndarray, lots: np.ndarray) -> Levels:
    return Levels(price.astype(float), lots.astype(float), lots / price)


ENGINES: dict[str, Engine] = {
    "plain": plain,
    "ticks": by_ticks,
    "longs": by_longs,
    "shorts": by_shorts,
}

LEVELS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 9)), max_size=20).map(tuple)
BOOKS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 12)), min_size=1, max_size=15).map(
    lambda steps: tuple(
        zip(np.cumsum([gap for gap, _ in steps]).tolist(), [held for _, held in steps], strict=True)
    )
)
CASES = st.builds(Case, LEVELS, BOOKS, st.integers(0, 40), st.integers(0, 20))
