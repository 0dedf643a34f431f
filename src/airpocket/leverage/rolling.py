"""What is left of a ladder after the mark has moved: levels that it reached are gone."""

from typing import Final, final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Layer, Levels
from airpocket.market.events import Side

__all__ = ["ROLLED", "Rolled", "first_reached", "roll"]

ROLLED: Final = (
    "rolled along the mark price: each level that it reached is closed whole, and nothing else was"
    " opened, closed or moved since"
)


@final
class Rolled(Struct, frozen=True, kw_only=True, eq=False):
    """A ladder before and after a stretch of the mark's path.

    Parameters
    ----------
    ladder
        What is left, around the last mark price.
    consumed
        What was reached, layer by layer, around the mark price that the path left from.
    lowest, highest
        Of the path; the ladder's own mark price where the path is empty.
    """

    ladder: Ladder
    consumed: Ladder
    lowest: float
    highest: float


def first_reached(
    side: Side, price: NDArray[np.float64], path: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Find where a path first reaches each level.

    Parameters
    ----------
    side
        Of the positions: longs are reached from above, shorts from below.
    price
        Levels, in any order, shape (n,).
    path
        Mark prices in order of time, shape (m,).

    Returns
    -------
    ndarray
        Index in the path, -1 where it is never reached, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> path = np.array([99.0, 95.0, 97.0, 90.0])
    >>> first_reached(Side.LONG, np.array([96.0, 95.0, 90.0, 89.0]), path).tolist()
    [1, 1, 3, -1]
    """
    # Seen from the side that loses, both are one: a level at -price, a mark that climbs to it.
    outward = -1.0 if side is Side.LONG else 1.0
    farthest = np.maximum.accumulate(outward * path)
    found = np.searchsorted(farthest, outward * price, side="left")
    return np.where(found < path.size, found, -1)


def roll(ladder: Ladder, path: NDArray[np.float64], *, at_ns: int | None = None) -> Rolled:
    """Take away the levels that the mark reaches along a path.

    Nothing is put in their place: who opened, closed or moved a position meanwhile is not known.
    What is consumed and what is left are together what was there; rolling along two stretches is
    rolling along both, and rolling along the same one again changes nothing.

    Parameters
    ----------
    ladder
        Before.
    path
        Mark prices in order of time, shape (n,). From bars, low and high will do: only the
        lowest and the highest count.
    at_ns
        Time of the last one.

    Raises
    ------
    InputError
        If the path holds what is no price.

    Examples
    --------
    >>> import numpy as np
    >>> from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance
    >>> longs = Levels(np.array([95.0, 90.0]), np.array([2e6, 3e6]), np.array([2e4, 3e4]))
    >>> layer = Layer(
    ...     forced=Forced.LIQUIDATION,
    ...     provenance=Provenance.MEASURED,
    ...     longs=longs,
    ...     shorts=longs.rows(slice(0)),
    ...     source="an example",
    ... )
    >>> before = Ladder(venue="okx", symbol="BTC/USDT:USDT", mark_price=100.0, layers=(layer,))
    >>> rolled = roll(before, np.array([97.0, 94.0, 98.0]))
    >>> rolled.ladder.mark_price, rolled.ladder.side(Side.LONG).price.tolist()
    (98.0, [90.0])
    >>> rolled.consumed.side(Side.LONG).total_usd
    2000000.0
    """
    if path.ndim != 1 or not bool(np.all((path > 0) & (path < 1e18))):
        raise InputError(f"path of {ladder.symbol}: it holds what is no price above 0")
    if path.size == 0:
        nothing = tuple(_split(layer, path)[0] for layer in ladder.layers)
        consumed = replace(ladder, layers=nothing)
        mark = ladder.mark_price
        return Rolled(ladder=ladder, consumed=consumed, lowest=mark, highest=mark)
    parts = [_split(layer, path) for layer in ladder.layers]
    left = replace(
        ladder,
        mark_price=float(path[-1]),
        layers=tuple(_marked(part) for _, part in parts),
        at_ns=at_ns,
    )
    return Rolled(
        ladder=left,
        consumed=replace(ladder, layers=tuple(part for part, _ in parts)),
        lowest=float(path.min()),
        highest=float(path.max()),
    )


def _split(layer: Layer, path: NDArray[np.float64]) -> tuple[Layer, Layer]:
    """Part the levels that the path reaches from the others."""
    reached: dict[Side, tuple[Levels, Levels]] = {}
    for side in Side:
        levels = layer.side(side)
        is_reached = first_reached(side, levels.price, path) >= 0
        reached[side] = levels.rows(is_reached), levels.rows(~is_reached)
    (long_gone, long_left), (short_gone, short_left) = reached[Side.LONG], reached[Side.SHORT]
    return (
        replace(layer, longs=long_gone, shorts=short_gone),
        replace(layer, longs=long_left, shorts=short_left),
    )


def _marked(layer: Layer) -> Layer:
    """Say once what rolling assumes."""
    if ROLLED in layer.assumed:
        return layer
    return replace(layer, assumed=(*layer.assumed, ROLLED))
