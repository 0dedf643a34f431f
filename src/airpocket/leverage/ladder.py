"""Where forced orders wait: price to notional and coins that are closed when the mark gets there.

A ladder holds layers. Each says what waits (liquidations, stop orders), how it is known
(measured on positions, or estimated from open interest) and what share of the open interest it
stands for. Layers of different provenance are never added up: an estimate of the whole holds the
measured part too.
"""

from enum import StrEnum
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["Forced", "Ladder", "Layer", "Levels", "Provenance", "levels_of", "merged"]

_NO_LEVELS: Final = np.empty(0)


class Provenance(StrEnum):
    """How a layer is known."""

    MEASURED = "measured"  # computed or read from positions that were seen
    ESTIMATED = "estimated"  # concluded from open interest and assumptions


class Forced(StrEnum):
    """What kind of order waits."""

    LIQUIDATION = "liquidation"
    STOP = "stop"


@final
class Levels(Struct, frozen=True, eq=False):
    """Forced orders of one side by price, the nearest to the mark first.

    Parameters
    ----------
    price
        Mark prices at which they are set off, shape (n,): falling for longs, rising for shorts.
    notional_usd
        Dollars that are closed there, at that price, shape (n,).
    qty_base
        Base coins that are closed there, shape (n,).
    count
        Positions or orders, shape (n,); ``None`` where it is not known.
    bankruptcy_price
        Average over a level's coins of the price at which margin is used up, shape (n,); NaN where
        it is not known; ``None`` if it is known nowhere.
    """

    price: NDArray[np.float64]
    notional_usd: NDArray[np.float64]
    qty_base: NDArray[np.float64]
    count: NDArray[np.int64] | None = None
    bankruptcy_price: NDArray[np.float64] | None = None

    @property
    def size(self) -> int:
        """Number of levels."""
        return int(self.price.size)

    @property
    def total_usd(self) -> float:
        """Dollars of all levels."""
        return float(self.notional_usd.sum())

    def rows(self, at: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Levels":
        """Take some of the levels, in their order."""
        return Levels(
            self.price[at],
            self.notional_usd[at],
            self.qty_base[at],
            None if self.count is None else self.count[at],
            None if self.bankruptcy_price is None else self.bankruptcy_price[at],
        )


class Layer(Struct, frozen=True, kw_only=True, eq=False):
    """Forced orders of one kind and one provenance.

    Parameters
    ----------
    forced
        Liquidations or stop orders.
    provenance
        Measured or estimated.
    longs, shorts
        Below the mark, forced sells; above it, forced buys.
    share_of_oi
        Share of the venue's open interest that it was measured on; ``None`` if not known. For an
        estimate: the share that it stands for.
    source
        File, feed or page, with its time.
    assumed
        What had to be assumed, a sentence each.

    Raises
    ------
    InputError
        If the share is not within 0 and 1.
    """

    forced: Forced
    provenance: Provenance
    longs: Levels
    shorts: Levels
    source: str
    share_of_oi: float | None = None
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.share_of_oi is not None and not 0 <= self.share_of_oi <= 1:
            raise InputError(
                f"{self.source}: share of open interest {self.share_of_oi!r} is not within 0 and 1"
                " (open interest counts a contract once, not on both sides)"
            )

    def side(self, side: Side) -> Levels:
        """Give the levels of one side."""
        return self.longs if side is Side.LONG else self.shorts


class Ladder(Struct, frozen=True, kw_only=True, eq=False):
    """Everything known to wait around one instrument's mark price.

    Parameters
    ----------
    venue, symbol
        Of the instrument; ``venue`` is ``"*"`` where several are meant.
    mark_price
        Price that the levels lie around.
    at_ns
        When it was so; ``None`` if not said.
    layers
        At most one of each kind and provenance.

    Raises
    ------
    InputError
        If the mark price is not above 0, or two layers are of one kind and provenance.
    """

    venue: str
    symbol: str
    mark_price: float
    layers: tuple[Layer, ...]
    at_ns: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.mark_price < 1e18:
            raise InputError(f"ladder of {self.symbol}: mark price {self.mark_price!r} is none")
        kinds = [(layer.forced, layer.provenance) for layer in self.layers]
        if len(set(kinds)) != len(kinds):
            raise InputError(f"ladder of {self.symbol}: two layers of one kind and provenance")

    def side(self, side: Side, provenance: Provenance = Provenance.MEASURED) -> Levels:
        """Merge liquidations and stops of one side and one provenance, nearest first."""
        found = [layer.side(side) for layer in self.layers if layer.provenance is provenance]
        return merged(found, side)

    def has(self, provenance: Provenance) -> bool:
        """Tell whether anything of a provenance is in it."""
        return any(layer.provenance is provenance for layer in self.layers)


def levels_of(
    side: Side,
    price: NDArray[np.float64],
    notional_usd: NDArray[np.float64],
    qty_base: NDArray[np.float64],
    count: NDArray[np.int64] | None = None,
    bankruptcy_price: NDArray[np.float64] | None = None,
) -> Levels:
    """Order levels from the nearest to the farthest, as they are given for one side.

    Raises
    ------
    InputError
        If columns differ in length, a price or size is not a number above 0, a count is below 1,
        or a bankruptcy price is infinite.
    """
    columns = (price, notional_usd, qty_base, count, bankruptcy_price)
    shapes = {column.shape for column in columns if column is not None}
    if len(price.shape) != 1 or shapes != {price.shape}:
        raise InputError("levels: columns differ in length")
    for name, column in (
        ("price", price),
        ("notional_usd", notional_usd),
        ("qty_base", qty_base),
    ):
        if not bool(np.all((column > 0) & (column < 1e18))):
            raise InputError(f"levels: {name} holds what is no number above 0")
    if count is not None and not bool(np.all(count >= 1)):
        raise InputError("levels: count holds what is below 1")
    if bankruptcy_price is not None and bool(np.isinf(bankruptcy_price).any()):
        raise InputError("levels: bankruptcy_price holds an infinite one (NaN where not known)")
    levels = Levels(price, notional_usd, qty_base, count, bankruptcy_price)
    order = np.argsort(-price if side is Side.LONG else price, kind="stable")
    return levels.rows(order)


def merged(parts: list[Levels], side: Side) -> Levels:
    """Lay several groups of levels of one side over each other, nearest first.

    Counts are kept only if all have them; where a bankruptcy price is unknown it is NaN.
    """
    if not parts:
        return Levels(_NO_LEVELS, _NO_LEVELS, _NO_LEVELS)
    if len(parts) == 1:
        return parts[0]
    counts = [part.count for part in parts if part.count is not None]
    lost = [
        np.full(part.size, np.nan) if part.bankruptcy_price is None else part.bankruptcy_price
        for part in parts
    ]
    return levels_of(
        side,
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.notional_usd for part in parts]),
        np.concatenate([part.qty_base for part in parts]),
        np.concatenate(counts) if len(counts) == len(parts) else None,
        np.concatenate(lost) if any(part.bankruptcy_price is not None for part in parts) else None,
    )
