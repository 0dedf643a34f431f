"""Stretches of a path on which forced orders feed themselves."""

import numpy as np
from numpy.typing import NDArray

from airpocket.cascade.outcome import AirPocket
from airpocket.market.events import Side

__all__ = ["pockets_among"]


def pockets_among(
    m: NDArray[np.float64], width: float, first_price: float, side: Side
) -> tuple[AirPocket, ...]:
    """Find the stretches with m ≥ 1 among bins that begin at the first price.

    Parameters
    ----------
    m
        Of each bin: what the orders forced in it add to the fall, by its width; shape (k,).
    width
        Of a bin, a fraction of the first price.
    first_price, side
        Where the bins begin, and whose positions wait.

    Examples
    --------
    >>> found = pockets_among(np.array([0.2, 1.5, 3.0, 0.1]), 0.01, 100.0, Side.LONG)
    >>> [(pocket.trigger_price, pocket.exhaustion_price, pocket.m_most) for pocket in found]
    [(99.0, 97.0, 3.0)]
    """
    inside = np.concatenate(([False], m >= 1.0, [False]))
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2).tolist()
    sign = 1.0 if side is Side.LONG else -1.0
    return tuple(
        AirPocket(
            trigger_price=first_price * (1.0 - sign * begin * width),
            exhaustion_price=first_price * (1.0 - sign * end * width),
            trigger=begin * width,
            exhaustion=end * width,
            m_most=float(m[begin:end].max()),
        )
        for begin, end in edges
    )
