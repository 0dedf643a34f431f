"""How much rests how far from the price: two power laws a side, fitted to published depth."""

import math
from typing import Final, Self, final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = [
    "PUBLISHED_ASK_USD", "PUBLISHED_BANDS", "PUBLISHED_BID_USD", "DepthProfile", "SideProfile",
]  # fmt: skip

# Binance USD-M BTCUSDT bookDepth, 2026-07-03 00:00:04 UTC, cumulative dollars within each fraction.
PUBLISHED_BANDS: Final = (0.002, 0.01, 0.02, 0.03, 0.04, 0.05)
PUBLISHED_BID_USD: Final = (22.0e6, 159.7e6, 352.4e6, 416.9e6, 456.1e6, 480.8e6)
PUBLISHED_ASK_USD: Final = (21.9e6, 128.3e6, 379.8e6, 455.9e6, 484.1e6, 505.2e6)

_KNEES: Final = 200  # places tried for the knee


@final
class SideProfile(Struct, frozen=True):
    """Depth of one side: ``usd * (x / knee) ** near`` up to the knee, ``** beyond`` from there.

    Parameters
    ----------
    knee
        Distance at which the law changes, a fraction of the price.
    usd
        Dollars that rest up to it.
    near, beyond
        Exponents.
    """

    knee: float
    usd: float
    near: float
    beyond: float

    def __post_init__(self) -> None:
        """Refuse what is no profile."""
        for name in ("knee", "usd", "near", "beyond"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise InputError(f"depth profile, {name} of {value!r}: give a figure above 0")
        if self.knee >= 1.0:
            raise InputError(f"depth profile, knee of {self.knee!r}: give a fraction below 1")

    def usd_within(self, fraction: float) -> float:
        """Tell the dollars that rest up to a distance.

        Examples
        --------
        >>> SideProfile(0.02, 100.0, 1.0, 0.5).usd_within(0.01)
        50.0
        >>> SideProfile(0.02, 100.0, 1.0, 0.5).usd_within(0.08)
        200.0
        """
        far = fraction / self.knee
        return float(self.usd * far ** (self.near if far <= 1.0 else self.beyond))

    @classmethod
    def fitted(cls, bands: tuple[float, ...], usd: tuple[float, ...]) -> Self:
        """Fit by least squares of logarithms, the knee at the best of a grid of places.

        Parameters
        ----------
        bands, usd
            Distances as fractions, and cumulative dollars; four or more, both ascending.

        Raises
        ------
        InputError
            If they are too few, not above 0, or do not ascend.
        """
        x, y = np.array(bands, dtype=np.float64), np.array(usd, dtype=np.float64)
        if x.size != y.size or x.size < 4:
            raise InputError(f"depth of {x.size} bands and {y.size} sums: give 4 or more of each")
        for name, column in (("bands", x), ("sums", y)):
            rises = bool(np.all(np.isfinite(column)) and column[0] > 0.0)
            if not (rises and bool(np.all(np.diff(column) > 0.0))):
                raise InputError(f"depth, {name}: give figures above 0 that ascend")
        knees, wanted = np.geomspace(x[1], x[-2], _KNEES), np.log(y)
        far = np.log(x / knees[:, None])
        basis = np.stack((np.ones_like(far), np.minimum(far, 0.0), np.maximum(far, 0.0)), axis=2)
        squares = np.einsum("kni,knj->kij", basis, basis)
        products = np.einsum("kni,n->ki", basis, wanted)
        terms = np.linalg.solve(squares, products[:, :, None])[:, :, 0]
        miss = np.sum((np.einsum("kni,ki->kn", basis, terms) - wanted) ** 2, axis=1)
        miss[(terms[:, 1] <= 0.0) | (terms[:, 2] <= 0.0)] = np.inf
        best = int(np.argmin(miss))
        if not np.isfinite(miss[best]):
            raise InputError("depth that no two power laws follow: give the profile itself")
        level, near, beyond = (float(term) for term in terms[best])
        return cls(float(knees[best]), math.exp(level), near, beyond)


@final
class DepthProfile(Struct, frozen=True):
    """Depth of both sides in calm times.

    Parameters
    ----------
    bid, ask
        Each side.

    Examples
    --------
    >>> round(DepthProfile.published().bid.usd_within(0.05) / 1e6)
    488
    """

    bid: SideProfile
    ask: SideProfile

    @classmethod
    def published(cls) -> Self:
        """Fit the published depth of Binance BTCUSDT, 2026-07-03 (``PUBLISHED_BID_USD``)."""
        return cls(
            SideProfile.fitted(PUBLISHED_BANDS, PUBLISHED_BID_USD),
            SideProfile.fitted(PUBLISHED_BANDS, PUBLISHED_ASK_USD),
        )

    def scaled(self, factor: float) -> Self:
        """Make every sum ``factor`` times as large."""
        return type(self)(
            replace(self.bid, usd=self.bid.usd * factor),
            replace(self.ask, usd=self.ask.usd * factor),
        )

    def table(self) -> NDArray[np.float64]:
        """Give knee, dollars and exponents of bids and asks for a kernel, shape (2, 4)."""
        return np.array(
            [[s.knee, s.usd, s.near, s.beyond] for s in (self.bid, self.ask)], dtype=np.float64
        )
