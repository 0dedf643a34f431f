"""Ladders and laws that the tests of sweeps, reverse stress and comparisons draw."""

import numpy as np
from hypothesis import strategies as st

from airpocket.cascade.impact import BookWalk, Curve, Impact, SquareRoot
from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance, levels_of
from airpocket.market.events import Side

FIRST = 100.0


def ladder_at(
    falls: list[float], usd: list[float], side: Side, lost: list[float] | None = None
) -> Ladder:
    """One side of levels at distances from 100; ``lost`` are bankruptcy distances."""
    sign = 1.0 if side is Side.LONG else -1.0
    price = FIRST * (1 - sign * np.array(falls, dtype=np.float64))
    dollars = np.array(usd, dtype=np.float64)
    bankrupt = None if lost is None else FIRST * (1 - sign * np.array(lost))
    ours = levels_of(side, price, dollars, dollars / price, None, bankrupt)
    none = np.empty(0)
    other = levels_of(Side.LONG, none, none, none)
    longs, shorts = (ours, other) if side is Side.LONG else (other, ours)
    layer = Layer(
        forced=Forced.LIQUIDATION, provenance=Provenance.MEASURED, longs=longs, shorts=shorts,
        source="made up",
    )  # fmt: skip
    return Ladder(venue="x", symbol="X/USDT:USDT", mark_price=FIRST, layers=(layer,))


def book(usd: list[float], falls: list[float], *, lines: bool = False) -> BookWalk:
    """A book of the same depth on both sides."""
    curve = Curve(np.cumsum(usd), np.cumsum(falls), is_interpolated=lines)
    return BookWalk(curve, curve)


SIDES = st.sampled_from([Side.LONG, Side.SHORT])
LEVELS = st.lists(st.tuples(st.floats(0.001, 0.9), st.floats(1e4, 1e7)), min_size=0, max_size=40)
LAWS: st.SearchStrategy[Impact] = st.one_of(
    st.builds(
        book,
        st.lists(st.floats(1e4, 1e7), min_size=12, max_size=12),
        st.lists(st.floats(1e-4, 0.05), min_size=12, max_size=12),
        lines=st.booleans(),
    ),
    st.builds(
        SquareRoot,
        daily_volatility=st.floats(0.005, 0.1),
        daily_volume_usd=st.floats(1e6, 1e10),
        y=st.floats(0.5, 1.0),
    ),
)
