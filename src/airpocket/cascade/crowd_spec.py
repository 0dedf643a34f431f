"""What a crowd of positions is drawn from: leverage, sizes, entries and orders beside them."""

import math
from enum import StrEnum
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.leverage_shares import (
    BITMEX_LIKE,
    HYPERLIQUID_LIKE,
    RETAIL_LIKE,
    LeverageKernel,
)

__all__ = [
    "BITMEX_CROWD",
    "HYPERLIQUID_CROWD",
    "MIXES",
    "RETAIL_CROWD",
    "CrowdMix",
    "CrowdSpec",
    "LogNormalEntries",
    "OrderHabits",
    "PathEntries",
    "Weighting",
    "leverage_around",
]

_SIGMA: Final = 2.15  # fits P95 and P99 of Bybit's BTC liquidations within 11 % (February 2026)
_LONG_SHARE: Final = 0.56  # 55-57 % of those liquidations were of longs


def _within(key: str, value: float, low: float, high: float, *, is_open: bool = False) -> None:
    if not (low < value < high if is_open else low <= value <= high):
        bounds = "strictly between" if is_open else "within"
        raise InputError(f"{key} of {value!r}: give one {bounds} {low:g} and {high:g}")


class Weighting(StrEnum):
    """What the shares of a leverage kernel are shares of."""

    NOTIONAL = "notional"  # open interest
    COUNT = "count"  # positions


@final
class CrowdMix(Struct, frozen=True, kw_only=True):
    """Who is there: distributions of leverage and size.

    Parameters
    ----------
    name
        Short.
    leverage
        Of both sides, or of longs where ``leverage_of_shorts`` is given.
    weighting
        Whether the shares are of open interest or of positions.
    source
        Where the figures are from, and what of them is assumed.
    leverage_of_shorts
        ``None``: as of longs.
    size_sigma
        Standard deviation of the logarithm of size: 2.1 to 2.4 as measured. The exponent of the
        tail between the 95th and 99th percentile is ``2.36 / size_sigma``: 1.12 to 0.98.
    long_share
        Share of positions that are long. Open interest is half long whatever it is.
    size_leverage_correlation
        Of the normal scores of size and leverage: below 0, small positions have the higher
        leverage. 0: leverage says nothing of size, but for what tiers allow.

    Raises
    ------
    InputError
        Naming the key, its value and the range allowed.
    """

    name: str
    leverage: LeverageKernel
    weighting: Weighting
    source: str
    leverage_of_shorts: LeverageKernel | None = None
    size_sigma: float = _SIGMA
    long_share: float = _LONG_SHARE
    size_leverage_correlation: float = 0.0

    def __post_init__(self) -> None:
        _within("size_sigma", self.size_sigma, 0, 4)
        _within("long_share", self.long_share, 0, 1, is_open=True)
        _within("size_leverage_correlation", self.size_leverage_correlation, -1, 1)


@final
class LogNormalEntries(Struct, frozen=True):
    """Entries log-normal around the mark: ``mark * exp(spread * z)``.

    Among those entries at which a position is not taken at the mark.
    """

    spread: float = 0.05

    def __post_init__(self) -> None:
        _within("spread", self.spread, 0, 1)


@final
class PathEntries(Struct, frozen=True, eq=False):
    """Entries on a past path of mark prices; who would have been taken on the way is not there.

    Parameters
    ----------
    prices
        One a row, oldest first, up to now; the mark itself is put after the last. Shape (n,).
    half_life
        Rows after which half as many positions are still open; ``None``: every row counts alike.

    Raises
    ------
    InputError
        If a price is no number above 0, there is none, or the half-life is not above 0.
    """

    prices: NDArray[np.float64]
    half_life: float | None = None

    def __post_init__(self) -> None:
        if self.prices.ndim != 1 or not self.prices.size:
            raise InputError("prices: entries on a past path take one price a row, at least one")
        bad = ~((self.prices > 0) & (self.prices < math.inf))
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(
                f"prices: row {row + 1} of the past path is {self.prices[row]}, not above 0"
            )
        if self.half_life is not None:
            _within("half_life", self.half_life, 0, 1e12, is_open=True)


@final
class OrderHabits(Struct, frozen=True, kw_only=True):
    """Stop orders just beyond round numbers, take-profits at them (Osler 2003); shares assumed.

    An order closes its whole position, if that is not taken first.

    Parameters
    ----------
    stop_share, take_profit_share
        Share of positions that want one.
    distance
        Mean distance from the mark, a fraction; exponential.
    round_share
        Share of orders that go to a round number: the next one away from the mark. Others stay
        where they are.
    beyond
        Mean distance of a stop behind its round number, a fraction of the mark, exponential; one
        tick at the least.
    round_ticks
        Spacing of round numbers in ticks; ``None``: the 1, 2 or 5 with zeros that is next below
        1 % of the mark.

    Raises
    ------
    InputError
        Naming the key, its value and the range allowed.
    """

    stop_share: float = 0.2
    take_profit_share: float = 0.0
    distance: float = 0.03
    round_share: float = 0.7
    beyond: float = 0.0002
    round_ticks: int | None = None

    def __post_init__(self) -> None:
        for key in ("stop_share", "take_profit_share", "round_share"):
            _within(key, getattr(self, key), 0, 1)
        _within("distance", self.distance, 0, 1, is_open=True)
        _within("beyond", self.beyond, 0, 0.1)
        if self.round_ticks is not None:
            _within("round_ticks", self.round_ticks, 2, 10**12)

    def spacing(self, mark_tick: int) -> int:
        """Give the spacing of round numbers in ticks.

        Examples
        --------
        >>> OrderHabits().spacing(614_000)
        5000
        """
        if self.round_ticks is not None:
            return self.round_ticks
        most = max(2, mark_tick // 100)
        ten = int("1" + "0" * (len(str(most)) - 1))
        return max(2, *(step * ten for step in (1, 2, 5) if step * ten <= most))


@final
class CrowdSpec(Struct, frozen=True, kw_only=True):
    """How many, how much open interest, and what positions are drawn from.

    Parameters
    ----------
    mix
        Distributions of leverage and size.
    positions
        Longs and shorts together.
    open_interest_usd
        One side's, at the mark; rounded down to whole lots.
    entries
        Where positions were entered.
    orders
        Orders beside them; ``None``: none.
    fee_rate
        What a requirement holds besides its tier's rate.

    Raises
    ------
    InputError
        Naming the key, its value and the range allowed.
    """

    mix: CrowdMix
    positions: int
    open_interest_usd: float
    entries: LogNormalEntries | PathEntries = LogNormalEntries()
    orders: OrderHabits | None = None
    fee_rate: float = 0.0

    def __post_init__(self) -> None:
        _within("positions", self.positions, 2, 200_000_000)
        _within("open_interest_usd", self.open_interest_usd, 0, 1e12, is_open=True)
        _within("fee_rate", self.fee_rate, 0, 0.1)

    @property
    def longs(self) -> int:
        """Number of long positions: at least one, and not all."""
        return min(max(round(self.positions * self.mix.long_share), 1), self.positions - 1)


def leverage_around(leverage: float, factor: float = 1.0) -> LeverageKernel:
    """Make a kernel about one leverage: concentrated with a factor of 1, else dispersed.

    Log-uniform from ``leverage / factor`` to ``leverage * factor``, from 1 up.

    Examples
    --------
    >>> leverage_around(10.0, 5.0).ranges
    ((2.0, 50.0, 1.0),)
    """
    _within("leverage", leverage, 1, 1000)
    _within("factor", factor, 1, 100)
    low, high = max(1.0, leverage / factor), leverage * factor
    name = f"{leverage:g}x" if factor == 1 else f"{low:g}x to {high:g}x"
    return LeverageKernel(name=name, ranges=((low, high, 1.0),), source="made up")


HYPERLIQUID_CROWD: Final = CrowdMix(
    name="hyperliquid",
    leverage=HYPERLIQUID_LIKE,
    weighting=Weighting.NOTIONAL,
    source=f"leverage: {HYPERLIQUID_LIKE.source}; sizes as of Bybit's BTC liquidations, 2026-02",
)
"""Leverage by open interest, as on Hyperliquid."""

RETAIL_CROWD: Final = CrowdMix(
    name="retail",
    leverage=RETAIL_LIKE,
    weighting=Weighting.COUNT,
    source=f"leverage: {RETAIL_LIKE.source}; sizes as of Bybit's BTC liquidations, 2026-02",
)
"""Leverage by positions, at round figures."""

BITMEX_CROWD: Final = CrowdMix(
    name="bitmex",
    leverage=BITMEX_LIKE,
    weighting=Weighting.NOTIONAL,
    source=f"leverage: {BITMEX_LIKE.source}; sizes as of Bybit's BTC liquidations, 2026-02",
)
"""Leverage by open interest, as BitMEX published it."""

MIXES: Final = {mix.name: mix for mix in (HYPERLIQUID_CROWD, RETAIL_CROWD, BITMEX_CROWD)}
"""The three by name."""
