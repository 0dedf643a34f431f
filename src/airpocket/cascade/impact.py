"""How far forced orders move the price: two laws, neither of which bounds the other.

A book walk takes what rests in a book that nobody refills; the square root law is what a market
that refills all along shows on average. A cascade is settled under both, and both are told.
"""

import math
from typing import Final, Protocol, final

import numpy as np
from msgspec import Struct
from msgspec.structs import force_setattr, replace
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.events import Depth, DepthBand, DepthBands, Side
from airpocket.market.instrument import Instrument, Kind

__all__ = ["LINEAR_BELOW", "BookWalk", "Curve", "Impact", "SquareRoot"]

LINEAR_BELOW: Final = 5e-6
"""Share of a day's volume below which impact is linear: measurements of the root end there."""

_NO_ROWS: Final = np.empty(0)


class Curve(Struct, frozen=True, eq=False):
    """One side of an impact law as a kernel needs it: a table, or a square root.

    A table without rows and a coefficient of 0 is a market of infinite depth.

    Parameters
    ----------
    usd, fall
        Table, ascending, shape (k,): once more than ``usd[i - 1]`` and up to ``usd[i]`` dollars are
        taken, the price is ``fall[i]`` (a fraction of the first price) away. Empty for a square
        root.
    coefficient, linear_below_usd
        Square root: ``coefficient * sqrt(usd)``, below ``linear_below_usd`` a straight line.
    is_interpolated
        Whether the table is joined by straight lines, from (0, 0) on, instead of steps.

    Examples
    --------
    >>> steps = Curve(np.array([10.0, 30.0]), np.array([0.01, 0.02]))
    >>> steps.at(0.0), steps.at(10.0), steps.at(10.5), steps.at(31.0)
    (0.0, 0.01, 0.02, inf)
    """

    usd: NDArray[np.float64]
    fall: NDArray[np.float64]
    coefficient: float = 0.0
    linear_below_usd: float = 0.0
    is_interpolated: bool = False

    def __post_init__(self) -> None:
        # A kernel is compiled anew, for seconds, for columns that are strided or read-only.
        for name in ("usd", "fall"):
            column = np.require(getattr(self, name), np.float64, ["C", "W"])
            force_setattr(self, name, column)

    @property
    def is_table(self) -> bool:
        """Whether it is a table, which ends where the book in sight does."""
        return self.usd.size > 0

    @property
    def law(self) -> NDArray[np.float64]:
        """Its kind (0 steps, 1 lines, 2 square root) and the two figures of a root, for kernels."""
        kind = (1.0 if self.is_interpolated else 0.0) if self.is_table else 2.0
        return np.array([kind, self.coefficient, self.linear_below_usd])

    def at(self, usd: float) -> float:
        """Tell the fall once ``usd`` dollars are taken; infinite beyond the table."""
        return float(self.falls(np.array([usd]))[0])

    def falls(self, usd: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tell the fall at each of several amounts (below 0: as at 0)."""
        amount = np.maximum(usd, 0.0)
        if not self.is_table:
            below = max(self.linear_below_usd, np.finfo(float).tiny)
            root = np.sqrt(np.maximum(amount, below))
            return self.coefficient * root * (np.minimum(amount, below) / below)
        if self.is_interpolated:
            nought = np.zeros(1)
            return np.interp(
                amount,
                np.concatenate((nought, self.usd)),
                np.concatenate((nought, self.fall)),
                right=math.inf,
            )
        steps = np.concatenate((self.fall, [math.inf]))[np.searchsorted(self.usd, amount)]
        return np.where(amount > 0, steps, 0.0)

    def room(self, fall: float) -> float:
        """Tell the most that can be taken with the price no farther than ``fall``."""
        if fall < 0:
            return 0.0
        if not self.is_table:
            if self.coefficient == 0:
                return math.inf
            usd = (fall / self.coefficient) ** 2
            below = self.linear_below_usd
            return usd if usd >= below else fall / self.coefficient * math.sqrt(below)
        row = int(np.searchsorted(self.fall, fall, side="right"))
        if row == self.fall.size:
            return float(self.usd[-1])
        before = float(self.usd[row - 1]) if row else 0.0
        if not self.is_interpolated:
            return before
        nearer = float(self.fall[row - 1]) if row else 0.0
        share = (fall - nearer) / (float(self.fall[row]) - nearer)
        return before + share * (float(self.usd[row]) - before)


class Impact(Protocol):
    """An impact law: how far taking an amount moves the price. Monotone, and 0 at 0."""

    @property
    def law(self) -> str:
        """Name, such as ``"book_walk"``."""
        ...

    def curve(self, side: Side, first_price: float) -> Curve:
        """Give one side: that which closing positions of ``side`` takes from (longs: the bids)."""
        ...

    def fall(self, usd: float, side: Side, first_price: float) -> float:
        """Tell the fall (for shorts: the rise) after ``usd``; infinite beyond what is in sight."""
        ...

    def thinned(self, factor: float) -> "Impact":
        """Give the law of a market that holds ``factor`` times as much: ``usd / factor`` before."""
        ...


@final
class BookWalk(Struct, frozen=True, eq=False):
    """Impact of walking down a book that nobody refills: the price of the last coin sold.

    Falls are fractions of the book's mid price, so that a book may be laid at another first price.

    Parameters
    ----------
    bids, asks
        Dollars that rest within a distance from the mid; ``None`` if the source has no such side.
    mid_price
        Of the book; ``None`` if the source does not say it.
    factor
        Liquidity factor: share of what is seen that is there when it is needed.

    Examples
    --------
    >>> perp = Instrument(venue="x", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR,
    ...     base="X", quote="USDT", settle="USDT")
    >>> book = Depth(venue="x", symbol=None, raw_symbol="X",
    ...     bids=((99.0, 1.0), (98.0, 5.0)), asks=((101.0, 1.0),))
    >>> walk = BookWalk.of(book, perp)
    >>> [walk.fall(usd, Side.LONG, 100.0) for usd in (50.0, 100.0, 1_000.0)]
    [0.01, 0.02, inf]
    """

    bids: Curve | None
    asks: Curve | None
    mid_price: float | None = None
    factor: float = 1.0

    def __post_init__(self) -> None:
        _refuse_factor(self.factor)

    @classmethod
    def of(cls, depth: Depth, instrument: Instrument, factor: float = 1.0) -> "BookWalk":
        """Take the levels of a book.

        Parameters
        ----------
        depth
            Quantities in base coins, of inverse contracts in contracts.
        instrument
            What a contract is worth.
        factor
            Liquidity factor.

        Raises
        ------
        InputError
            If the instrument is not priced in dollars, the book is crossed or unordered, a level
            has no price or quantity above 0, or the factor is not above 0.
        """
        if instrument.notional_usd(1.0, 1.0) is None:
            raise InputError(f"book of {depth.raw_symbol}: it is not priced in dollars")
        if not depth.bids or not depth.asks:
            raise InputError(f"book of {depth.raw_symbol}: a side is empty")
        bid, ask = depth.bids[0][0], depth.asks[0][0]
        if not bid < ask:
            raise InputError(f"book of {depth.raw_symbol}: bid {bid:g} is not below ask {ask:g}")
        mid = (bid + ask) / 2
        return cls(
            _steps(depth.bids, mid, 1.0, instrument, depth.raw_symbol),
            _steps(depth.asks, mid, -1.0, instrument, depth.raw_symbol),
            mid,
            factor,
        )

    @classmethod
    def of_bands(cls, depth: DepthBands, factor: float = 1.0) -> "BookWalk":
        """Take cumulative depth at fixed distances; between them dollars rest evenly.

        Raises
        ------
        InputError
            If bands hold less farther out, or a figure that is no number above 0.
        """
        bids = tuple(band for band in depth.bands if band.percent < 0)
        asks = tuple(band for band in depth.bands if band.percent > 0)
        return cls(_bands(bids, depth.raw_symbol), _bands(asks, depth.raw_symbol), None, factor)

    @property
    def law(self) -> str:
        """``"book_walk"``."""
        return "book_walk"

    def curve(self, side: Side, first_price: float) -> Curve:  # noqa: ARG002 — falls are fractions
        """Give the bids (longs) or asks (shorts) times the liquidity factor."""
        found = self.bids if side is Side.LONG else self.asks
        if found is None:
            name = "bids" if side is Side.LONG else "asks"
            raise InputError(f"the depth has no {name}: give a source that has them")
        return Curve(found.usd * self.factor, found.fall, is_interpolated=found.is_interpolated)

    def fall(self, usd: float, side: Side, first_price: float) -> float:
        """Tell the price of the last coin taken; infinite beyond the book in sight."""
        return self.curve(side, first_price).at(usd)

    def thinned(self, factor: float) -> "BookWalk":
        """Give the same book with ``factor`` times as much at each level."""
        _refuse_factor(factor)
        return replace(self, factor=self.factor * factor)


@final
class SquareRoot(Struct, frozen=True):
    """The square root law: ``Y σ sqrt(Q / V)``, and a line to 0 where Q / V is below 5e-6.

    It holds for orders worked in a market that refills, of 1e-6 to 1e-2 of a day's volume; beyond
    that it is extrapolated.

    Parameters
    ----------
    daily_volatility
        Standard deviation of a day's return, a fraction.
    daily_volume_usd
        Dollars traded a day on all venues that arbitrage the price.
    y
        Constant of the law, 0.5 to 1.
    factor
        Liquidity factor: it multiplies the volume.

    References
    ----------
    Donier, Bonart, A million metaorder analysis of market impact on the Bitcoin (2015);
    Maitrier, Loeper, Bouchaud, Generating realistic metaorders from public data (2025).

    Examples
    --------
    >>> law = SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9, y=1.0)
    >>> round(law.fall(159e6, Side.LONG, 61_400.0), 6)
    0.002383
    """

    daily_volatility: float
    daily_volume_usd: float
    y: float = 1.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.daily_volatility <= 5:
            raise InputError(
                f"daily volatility {self.daily_volatility!r}: give a fraction above 0, such as 0.03"
            )
        if not 0 < self.daily_volume_usd < 1e18:
            raise InputError(f"daily volume {self.daily_volume_usd!r}: give dollars above 0")
        if not 0.5 <= self.y <= 1:
            raise InputError(f"Y of the square root law is {self.y!r}: give 0.5 to 1")
        _refuse_factor(self.factor)

    @property
    def law(self) -> str:
        """``"square_root"``."""
        return "square_root"

    def curve(self, side: Side, first_price: float) -> Curve:  # noqa: ARG002 — the same for all
        """Give the law; it does not tell the sides apart."""
        volume = self.daily_volume_usd * self.factor
        return Curve(
            _NO_ROWS,
            _NO_ROWS,
            self.y * self.daily_volatility / math.sqrt(volume),
            LINEAR_BELOW * volume,
        )

    def fall(self, usd: float, side: Side, first_price: float) -> float:
        """Tell the fall after ``usd`` dollars."""
        return self.curve(side, first_price).at(usd)

    def thinned(self, factor: float) -> "SquareRoot":
        """Give the law with ``factor`` times the volume."""
        _refuse_factor(factor)
        return replace(self, factor=self.factor * factor)


def _refuse_factor(factor: float) -> None:
    if not 0 < factor < 1e12:
        raise InputError(f"liquidity factor {factor!r}: give a number above 0, such as 0.5")


def _steps(
    levels: tuple[tuple[float, float], ...],
    mid: float,
    sign: float,
    instrument: Instrument,
    name: str,
) -> Curve:
    table = np.array(levels, dtype=np.float64)
    price, qty = table[:, 0], table[:, 1]
    if not bool(np.all((table > 0) & (table < 1e18))):
        raise InputError(f"book of {name}: a level has no price or quantity above 0")
    fall = sign * (mid - price) / mid
    if not bool(np.all(np.diff(fall) > 0)):
        raise InputError(f"book of {name}: levels are not ordered, best first")
    inverse = instrument.kind is Kind.INVERSE
    return Curve(np.cumsum(qty * (instrument.contract_value if inverse else price)), fall)


def _bands(bands: tuple[DepthBand, ...], name: str) -> Curve | None:
    if not bands:
        return None
    rows = np.array(sorted((abs(band.percent) / 100, band.notional_usd) for band in bands))
    fall, usd = rows[:, 0], rows[:, 1]
    if not bool(np.all((rows > 0) & (rows < 1e18))):
        raise InputError(f"depth of {name}: a band holds what is no number above 0")
    if bool(np.any(np.diff(usd) < 0)) or bool(np.any(np.diff(fall) <= 0)):
        raise InputError(f"depth of {name}: a band farther out holds less than one within it")
    return Curve(usd, fall, is_interpolated=True)
