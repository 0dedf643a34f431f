"""What starts a chain: a move of the price, or an order; and who stands against it."""

from typing import Final, final

import numpy as np
from msgspec import Struct
from msgspec.structs import force_setattr
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["Buying", "Shock"]

_DIRECTION: Final = {Side.LONG: "fall", Side.SHORT: "rise"}


@final
class Buying(Struct, frozen=True, eq=False):
    """What others take against forced orders: cumulative dollars once the price is that far away.

    For forced buys (shorts) it is what others sell.

    Parameters
    ----------
    fall
        Distances from the first price, fractions, ascending, shape (k,).
    usd
        Dollars taken up to there, ascending, shape (k,).

    Examples
    --------
    >>> buyers = Buying(np.array([0.02, 0.05]), np.array([1e6, 5e6]))
    >>> buyers.at(0.01), buyers.at(0.02), buyers.at(0.2)
    (0.0, 1000000.0, 5000000.0)
    """

    fall: NDArray[np.float64]
    usd: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.fall.ndim != 1 or self.fall.shape != self.usd.shape:
            raise InputError("buying of others: distances and dollars differ in length")
        for name, column in (("distances", self.fall), ("dollars", self.usd)):
            if not bool(np.all((column >= 0) & (column < 1e18))):
                raise InputError(f"buying of others: {name} hold what is no number of 0 or more")
            if bool(np.any(np.diff(column) <= 0)):
                raise InputError(f"buying of others: {name} do not ascend")
        for field in ("fall", "usd"):  # as kernels are compiled for
            force_setattr(self, field, np.require(getattr(self, field), np.float64, ["C", "W"]))

    def at(self, fall: float) -> float:
        """Tell the dollars taken once the price is ``fall`` away."""
        row = int(np.searchsorted(self.fall, fall, side="right"))
        return float(self.usd[row - 1]) if row else 0.0


class Shock(Struct, frozen=True, kw_only=True, eq=False):
    """What happens first, to whose positions, and what does not reach the book.

    Parameters
    ----------
    side
        Whose positions it threatens: longs by a fall or a sale, shorts by a rise or a purchase.
    move
        Move of the price as a signed fraction: ``-0.03`` is a fall of 3 %.
    order_usd
        Dollars of a market order in the book: a sale if longs are threatened, else a purchase.
    absorbed
        Share of what is forced that a backstop takes off the book, from 0 to below 1.
    buying
        What others take against it as the price moves.

    Raises
    ------
    InputError
        If neither move nor order is given, a figure is none, or a sign contradicts the side.

    Examples
    --------
    >>> Shock.by_move(-0.03).side, Shock.by_purchase(50e6).side
    (<Side.LONG: 'long'>, <Side.SHORT: 'short'>)
    """

    side: Side
    move: float | None = None
    order_usd: float | None = None
    absorbed: float = 0.0
    buying: Buying | None = None

    def __post_init__(self) -> None:
        if self.move is None and self.order_usd is None:
            raise InputError("a shock needs a move of the price or an order")
        if self.move is not None:
            _refuse_move(self.move, self.side)
        if self.order_usd is not None and not 0 <= self.order_usd < 1e18:
            raise InputError(
                f"a market order of {self.order_usd!r} dollars: give 0 or more; the side says"
                " whether it sells or buys"
            )
        if not 0 <= self.absorbed < 1:
            raise InputError(
                f"absorbed share {self.absorbed!r}: give 0 or more and below 1, such as 0.6"
            )

    @classmethod
    def by_move(
        cls, move: float, *, absorbed: float = 0.0, buying: Buying | None = None
    ) -> "Shock":
        """Shock by a move: down threatens longs, up threatens shorts."""
        if move == 0:
            raise InputError("a move of 0 threatens nobody: give a fall below 0 or a rise above it")
        side = Side.SHORT if move > 0 else Side.LONG
        return cls(side=side, move=move, absorbed=absorbed, buying=buying)

    @classmethod
    def by_sale(cls, usd: float, *, absorbed: float = 0.0, buying: Buying | None = None) -> "Shock":
        """Shock by a market order that sells, which threatens longs."""
        return cls(side=Side.LONG, order_usd=usd, absorbed=absorbed, buying=buying)

    @classmethod
    def by_purchase(
        cls, usd: float, *, absorbed: float = 0.0, buying: Buying | None = None
    ) -> "Shock":
        """Shock by a market order that buys, which threatens shorts."""
        return cls(side=Side.SHORT, order_usd=usd, absorbed=absorbed, buying=buying)

    @property
    def fall(self) -> float:
        """The move as a distance in the losing direction, 0 if there is none."""
        return 0.0 if self.move is None else float(abs(self.move))


def _refuse_move(move: float, side: Side) -> None:
    if not -1 < move < 1e6:
        raise InputError(
            f"a move of {move!r}: give a fraction above -1 (a price cannot fall by all of it),"
            " such as -0.03"
        )
    if move != 0 and (move > 0) is (side is Side.LONG):
        raise InputError(
            f"a move of {move:+g} does not threaten {side.value}s: give a {_DIRECTION[side]}"
        )
