"""From many positions to the levels of a ladder: added up by price tick, without sorting them."""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.ladder import Levels
from airpocket.market.events import Side

__all__ = ["levels_from_prices"]

_MOST: Final = 1e18
# Beyond this a price over a tick is no longer told from its neighbours.
_TICKS_MOST: Final = float(1 << 47)
# A table of ticks takes 32 bytes each, a position 24: it has up to half as many ticks as there are
# positions, and the few that lie beyond it are sorted. Small tables cost nothing.
_TABLE_FREE: Final = 1 << 12
_TABLE_MOST: Final = (1 << 31) - 1  # ticks are numbered in 32 bits
_NOTHING: Final = np.empty(0)
_Column: TypeAlias = NDArray[np.float64]


def levels_from_prices(
    side: Side,
    price: NDArray[np.float64],
    notional_usd: NDArray[np.float64],
    qty_base: NDArray[np.float64],
    *,
    tick: float,
    mark_price: float,
    bankruptcy_price: NDArray[np.float64] | None = None,
) -> Levels:
    """Add positions of one side up by the tick of the mark price that sets them off.

    A mark price moves from tick to tick: a long is set off on the first tick at or below its
    liquidation price, a short on the first at or above it. What the mark has passed already is set
    off where the mark is. Dollars and coins are conserved. Ten million positions on a few hundred
    thousand ticks take one pass and no sort. Only what lies farther from the nearest one than half
    as many ticks as there are positions is sorted, with the same result.

    Parameters
    ----------
    side
        Of the positions.
    price
        Liquidation prices, shape (n,).
    notional_usd, qty_base
        What is closed there, in dollars and in base coins, shape (n,).
    tick
        Price step of the levels, usually the instrument's.
    mark_price
        Mark price now.
    bankruptcy_price
        Price at which each position's margin is used up, shape (n,); NaN where it is not known: it
        is then not known of its level either.

    Returns
    -------
    Levels
        Nearest first, with the number of positions of each.

    Raises
    ------
    InputError
        If columns differ in length, a figure is not above 0, a bankruptcy price is infinite, or
        the tick is too fine to tell prices apart.

    Examples
    --------
    >>> import numpy as np
    >>> from airpocket.market.events import Side
    >>> prices, usd, coins = np.array([90.07, 95.0, 90.0]), np.full(3, 9e3), np.full(3, 100.0)
    >>> levels = levels_from_prices(Side.LONG, prices, usd, coins, tick=0.1, mark_price=100.0)
    >>> levels.price.tolist(), levels.notional_usd.tolist()
    ([95.0, 90.0], [9000.0, 18000.0])
    """
    lowest, highest = _extremes(price, notional_usd, qty_base, bankruptcy_price)
    for name, one in (("tick", tick), ("mark_price", mark_price)):
        if not 0 < one < _MOST:
            raise InputError(f"levels: {name} {one!r} is not above 0")
    if price.size == 0:
        return Levels(_NOTHING, _NOTHING, _NOTHING, np.empty(0, dtype=np.int64))
    if max(highest, mark_price) / tick > _TICKS_MOST:
        raise InputError(f"levels: tick {tick:g} is too fine for prices of {highest:g}")
    outward = -1.0 if side is Side.LONG else 1.0
    grid, span = _grid(outward, tick, mark_price, lowest, highest)
    lost = _NOTHING if bankruptcy_price is None else bankruptcy_price
    at, usd, qty, count, *rest = _binned(grid, span, price, (notional_usd, qty_base, lost))
    at *= outward
    at += grid.first
    if grid.per_tick >= 1.0:
        at /= grid.per_tick  # 3 / 10 is 0.3, 3 * 0.1 is not
    else:
        at *= tick
    return Levels(at, usd, qty, count.astype(np.int64), rest[0] / qty if rest else None)


class _Grid(NamedTuple):
    """Ticks numbered outward from the nearest."""

    per_tick: float
    outward: float
    first: float


def _grid(
    outward: float, tick: float, mark_price: float, lowest: float, highest: float
) -> tuple[_Grid, int]:
    """Lay ticks over the prices, and count them."""
    # Only who computes in bulk pays for loading the compiled kernels.
    from airpocket.leverage.ladder_kernels import tick_indexes  # noqa: PLC0415

    per_tick = 1.0 / tick
    if abs(per_tick - round(per_tick)) < 1e-9 * per_tick:
        per_tick = float(round(per_tick))
    ends = np.array([mark_price, *((highest, lowest) if outward < 0 else (lowest, highest))])
    mark, nearest, farthest = tick_indexes(ends, per_tick, outward).tolist()
    first = min(nearest, mark) if outward < 0 else max(nearest, mark)
    return _Grid(per_tick, outward, first), max(int(outward * (farthest - first)), 0) + 1


def _binned(
    grid: _Grid, span: int, price: _Column, figures: tuple[_Column, _Column, _Column]
) -> _Column:
    """Add up near positions by counting and far ones by sorting: a row for each column."""
    from airpocket.leverage import ladder_kernels as kernels  # noqa: PLC0415

    window = min(span, max(price.size // 2, _TABLE_FREE), _TABLE_MOST)
    sums = np.zeros((window + 1, 4))
    kernels.bin_levels(price, *figures, *grid, sums)
    near = far = int(np.count_nonzero(sums[:window, 3]))
    order = rows = index = np.empty(0, dtype=np.int64)
    if span > window:
        rows, index = kernels.positions_beyond(price, *grid, window)
        order = np.argsort(index, kind="stable")
        far += kernels.count_ordered(order, index)
    found = np.empty((5 if figures[2].size else 4, far))
    kernels.bin_counted(sums, found[:, :near])
    kernels.bin_ordered(order, rows, index, *figures, found[:, near:])
    return found


def _extremes(
    price: NDArray[np.float64],
    notional_usd: NDArray[np.float64],
    qty_base: NDArray[np.float64],
    bankruptcy_price: NDArray[np.float64] | None,
) -> tuple[float, float]:
    """Refuse what is no figure of a position; give the lowest and the highest price."""
    from airpocket.leverage.ladder_kernels import first_unusable  # noqa: PLC0415

    lost = price if bankruptcy_price is None else bankruptcy_price
    if price.ndim != 1 or {notional_usd.shape, qty_base.shape, lost.shape} != {price.shape}:
        raise InputError("levels: columns differ in length")
    extremes = np.empty(2)
    bad = first_unusable(price, notional_usd, qty_base, _MOST, extremes)
    if bad >= 0:
        row = (price[bad], notional_usd[bad], qty_base[bad])
        names = ("price", "notional_usd", "qty_base")
        name, one = next(
            (n, float(v)) for n, v in zip(names, row, strict=True) if not 0 < v < _MOST
        )
        raise InputError(f"levels: {name} {one!r} of position {bad:,} is no number above 0")
    if bankruptcy_price is not None and bool(np.isinf(bankruptcy_price).any()):
        at = int(np.isinf(bankruptcy_price).argmax())
        raise InputError(f"levels: bankruptcy_price of position {at:,} is infinite")
    return float(extremes[0]), float(extremes[1])
