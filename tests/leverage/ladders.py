"""Levels and ladders to test with."""

import numpy as np
from hypothesis import strategies as st

from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance, levels_of
from airpocket.market.events import Side

Row = tuple[float, float, float]
"""Price, dollars, coins."""


def levels(side: Side, rows: list[Row], **more: object) -> Levels:
    """Make levels of rows in any order."""
    columns = [np.array(column, dtype=float) for column in zip(*rows, strict=True)] or [
        np.empty(0)
    ] * 3
    return levels_of(side, *columns, **more)  # type: ignore[arg-type]


def ladder(
    longs: list[Row],
    shorts: list[Row] | None = None,
    *,
    mark: float = 100.0,
    forced: Forced = Forced.LIQUIDATION,
    provenance: Provenance = Provenance.MEASURED,
) -> Ladder:
    """Make a ladder of one layer."""
    layer = Layer(
        forced=forced,
        provenance=provenance,
        longs=levels(Side.LONG, longs),
        shorts=levels(Side.SHORT, shorts or []),
        source="made up",
    )
    return Ladder(venue="okx", symbol="BTC/USDT:USDT", mark_price=mark, layers=(layer,))


def rows_between(low: float, high: float) -> st.SearchStrategy[list[Row]]:
    """Draw rows whose prices lie within bounds."""
    size = st.floats(0.01, 1e6)
    return st.lists(st.tuples(st.floats(low, high), size, size), max_size=12)
