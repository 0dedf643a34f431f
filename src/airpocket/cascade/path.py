"""How much forced orders feed themselves along a path, and the stretches where it is all of it."""

import math
from itertools import starmap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from airpocket.cascade.impact import Curve, Impact
from airpocket.cascade.outcome import AirPocket
from airpocket.cascade.prepared import PreparedLadder, waiting_of
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError

if TYPE_CHECKING:
    from airpocket.cascade.kernels import Waiting

__all__ = ["air_pockets", "gains_along", "pockets_among"]


def air_pockets(
    ready: PreparedLadder, impact: Impact, reach: float, bin_bps: float = 10.0
) -> tuple[AirPocket, ...]:
    """Find the air-pockets of a ladder under a law, whatever shock leads there.

    Parameters
    ----------
    ready
        One side of a ladder.
    impact
        The law; all that waits on the way is taken to be sold.
    reach
        How far to look, a fraction of the first price.
    bin_bps
        Width of the bins in which m is counted.

    Raises
    ------
    InputError
        If the reach or the width is not above 0.
    """
    if not 0 < reach <= 10 or not 0.01 <= bin_bps <= 1e4:
        raise InputError(
            f"a reach of {reach!r} in bins of {bin_bps!r} basis points: give a fraction up to 10"
            " and 0.01 to 10,000 basis points"
        )
    waiting = waiting_of(ready, Shock(side=ready.side, move=0.0))
    curve = impact.curve(ready.side, ready.first_price)
    _, gain = gains_along(waiting, curve, 0.0, min(reach, ready.farthest), bin_bps / 1e4)
    return pockets_among(gain, bin_bps / 1e4, ready)


def gains_along(
    waiting: "Waiting", curve: Curve, order_usd: float, end: float, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell m in each bin from the first price to ``end``: ends of the bins, and m, shape (k,)."""
    edges = np.arange(math.ceil(end / width - 1e-9) + 1.0) * width
    level = np.searchsorted(waiting.distance, edges, side="right")
    sold = waiting.kept * waiting.cumulative[level] + order_usd
    if waiting.buy_fall.size:
        bought = np.concatenate(([0.0], waiting.buy_usd))
        sold -= bought[np.searchsorted(waiting.buy_fall, edges, side="right")]
    falls = curve.falls(sold)
    falls[0] = 0.0 if math.isinf(falls[0]) else falls[0]
    with np.errstate(invalid="ignore"):  # from beyond the book to beyond the book
        gain = np.diff(falls) / width
    gain[np.isinf(falls[1:])] = np.inf
    return edges[1:], gain


def pockets_among(
    gain: NDArray[np.float64], width: float, ready: PreparedLadder
) -> tuple[AirPocket, ...]:
    """Find the stretches with m ≥ 1 among bins of ``width`` that begin at the first price."""
    inside = np.concatenate(([0], gain >= 1.0, [0]))
    edges = np.flatnonzero(np.diff(inside))
    if not edges.size:
        return ()
    most = np.maximum.reduceat(np.append(gain, 0.0), edges)[::2].tolist()  # of every other stretch
    places = edges.astype(np.float64) * width
    prices = ready.prices_at(places).tolist()
    falls = places.tolist()
    rows = zip(prices[::2], prices[1::2], falls[::2], falls[1::2], most, strict=True)
    return tuple(starmap(AirPocket, rows))
