"""Assumptions about leverage: which share of notional stands at which leverage, and who says so."""

import math
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["BITMEX_LIKE", "HYPERLIQUID_LIKE", "KERNELS", "RETAIL_LIKE", "LeverageKernel"]

_SPACING: Final = 0.01  # of 1 / leverage, between the points that stand for a range of leverages
_POINTS_LEAST: Final = 4


@final
class LeverageKernel(Struct, frozen=True, kw_only=True):
    """An assumption about leverage: shares of notional by ranges, log-uniform within each.

    Parameters
    ----------
    name
        Short.
    ranges
        (lowest leverage, highest, share of notional); a range may be one figure.
    source
        Where the shares were read, and what of them is assumed.

    Raises
    ------
    InputError
        If a range is none, or the shares do not add up to 1.
    """

    name: str
    ranges: tuple[tuple[float, float, float], ...]
    source: str

    def __post_init__(self) -> None:
        for low, high, share in self.ranges:
            if not 1 <= low <= high < 1e4 or not 0 < share <= 1:
                raise InputError(
                    f"leverage kernel {self.name}: {low:g}–{high:g} with a share of {share:g} is"
                    " no range from 1 up"
                )
        if not math.isclose(sum(share for _, _, share in self.ranges), 1.0, abs_tol=1e-9):
            raise InputError(f"leverage kernel {self.name}: its shares do not add up to 1")

    @property
    def mean(self) -> float:
        """Mean leverage by notional."""
        return sum(
            share * ((high - low) / math.log(high / low) if high > low else low)
            for low, high, share in self.ranges
        )

    def points(self, most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give leverages and the share of each; what lies above ``most`` counts at ``most``."""
        leverages: list[float] = []
        shares: list[float] = []
        for low, high, share in self.ranges:
            if low == high:
                leverages.append(low)
                shares.append(share)
                continue
            count = max(_POINTS_LEAST, math.ceil((1 / low - 1 / high) / _SPACING))
            edges = 1 / np.linspace(1 / low, 1 / high, count + 1)
            inside = 2 / (1 / edges[:-1] + 1 / edges[1:])
            leverages += inside.tolist()
            shares += (np.log(edges[1:] / edges[:-1]) * share / math.log(high / low)).tolist()
        return np.minimum(np.array(leverages), most), np.array(shares)


HYPERLIQUID_LIKE: Final = LeverageKernel(
    name="hyperliquid",
    ranges=((1, 3, 0.36), (3, 7, 0.49), (7, 15, 0.09), (15, 40, 0.05), (40, 50, 0.01)),
    source="Hyperliquid, late 2025, 7.63 bn USD: 36 % to 3x, 48.5 % to 7x; the rest is assumed",
)
"""By notional, as measured on Hyperliquid: low leverages carry the money."""

RETAIL_LIKE: Final = LeverageKernel(
    name="retail",
    ranges=((5, 5, 0.15), (10, 10, 0.30), (25, 25, 0.25), (50, 50, 0.20), (100, 100, 0.10)),
    source="weights of gptprojectmanager/liquidations (an open heatmap), not measured",
)
"""The round leverages that heatmap tools assume."""

BITMEX_LIKE: Final = LeverageKernel(
    name="bitmex",
    ranges=((1, 50, 0.80), (50, 100, 0.20)),
    source="BitMEX, April 2019: 80 % of longs up to 54x, of shorts up to 47x, means of 22x and 30x;"
    " log-uniform within, which has a mean of 24x",
)
"""The distribution that BitMEX published."""

KERNELS: Final = (HYPERLIQUID_LIKE, RETAIL_LIKE, BITMEX_LIKE)
"""The three that a band is drawn between."""
