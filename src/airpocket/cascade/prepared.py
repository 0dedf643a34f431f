"""One side of a ladder, summed up once for any number of shocks."""

import math
from typing import TYPE_CHECKING, Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.cascade.shock import Buying, Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Levels, Provenance
from airpocket.market.events import Side

if TYPE_CHECKING:
    from airpocket.cascade.kernels import Waiting

__all__ = ["PreparedLadder", "prepare", "waiting_of"]

_NOBODY: Final = Buying(np.empty(0), np.empty(0))


@final
class PreparedLadder(Struct, frozen=True, kw_only=True, eq=False):
    """One side of a ladder with its sums.

    Parameters
    ----------
    symbol, side, first_price, provenance
        What it is of.
    levels
        Nearest first, as they were.
    distance
        Of each level from the first price, a fraction in the losing direction, shape (n,).
    cumulative_usd, cumulative_qty
        Dollars and coins forced by the first i levels, shape (n + 1,).
    cumulative_count
        Positions, likewise; ``None`` where they are not known.
    """

    symbol: str
    side: Side
    first_price: float
    provenance: Provenance
    levels: Levels
    distance: NDArray[np.float64]
    cumulative_usd: NDArray[np.float64]
    cumulative_qty: NDArray[np.float64]
    cumulative_count: NDArray[np.int64] | None

    @property
    def farthest(self) -> float:
        """Farthest a price can go: all of it for a fall, any distance for a rise."""
        return 1.0 if self.side is Side.LONG else math.inf

    def price_at(self, fall: float) -> float:
        """Give the price that lies so far in the losing direction."""
        return self.first_price * (1.0 - fall if self.side is Side.LONG else 1.0 + fall)

    def prices_at(self, falls: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the prices that lie so far in the losing direction."""
        sign = 1.0 if self.side is Side.LONG else -1.0
        return self.first_price * (1.0 - sign * falls)


def prepare(
    ladder: Ladder, side: Side, provenance: Provenance = Provenance.MEASURED
) -> PreparedLadder:
    """Sum one side of a ladder up, so that each shock costs no more than its waves.

    Parameters
    ----------
    ladder
        What waits around a mark price.
    side
        Whose positions: longs wait below the mark, shorts above it.
    provenance
        Measured or estimated levels: the two are never added up.

    Returns
    -------
    PreparedLadder
        Levels that the mark has passed already count as met at any shock.

    Raises
    ------
    InputError
        If levels are not ordered, nearest first.
    """
    levels = ladder.side(side, provenance)
    first = ladder.mark_price
    away = first - levels.price if side is Side.LONG else levels.price - first
    distance = away / first
    if not bool(np.all(distance[1:] >= distance[:-1])):
        raise InputError(f"ladder of {ladder.symbol}: {side.value}s are not ordered, nearest first")
    counts = None if levels.count is None else np.concatenate(([0], np.cumsum(levels.count)))
    return PreparedLadder(
        symbol=ladder.symbol,
        side=side,
        first_price=first,
        provenance=provenance,
        levels=levels,
        distance=distance,
        cumulative_usd=np.concatenate(([0.0], np.cumsum(levels.notional_usd))),
        cumulative_qty=np.concatenate(([0.0], np.cumsum(levels.qty_base))),
        cumulative_count=counts,
    )


def waiting_of(ready: PreparedLadder, shock: Shock) -> "Waiting":
    """Lay out what waits and what others buy as the kernels take it."""
    # Only who settles something pays for loading the compiled kernels.
    from airpocket.cascade.kernels import Waiting  # noqa: PLC0415

    buying = shock.buying or _NOBODY
    return Waiting(
        ready.distance,
        ready.cumulative_usd,
        buying.fall,
        buying.usd,
        1.0 - shock.absorbed,
        ready.farthest,
    )
