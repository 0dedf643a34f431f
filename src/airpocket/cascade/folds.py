"""Shocks at which a chain's end jumps: the smallest of them is the critical shock."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from airpocket.cascade.impact import Curve
from airpocket.cascade.outcome import Fold
from airpocket.cascade.shock import Shock

if TYPE_CHECKING:
    from airpocket.cascade.kernels import Waiting

__all__ = ["folds_of"]

_MOST: Final = 1_000


def folds_of(waiting: "Waiting", curve: Curve, shock: Shock, least_jump: float) -> tuple[Fold, ...]:
    """Find the jumps of the end as a shock of this kind grows.

    Where the shock has an order, the order grows and its move stays; else the move grows.

    Parameters
    ----------
    waiting, curve
        What waits, and the impact law.
    shock
        Its size does not matter, except for the move beside an order.
    least_jump
        Smaller ones are left out, a fraction of the first price above 0.
    """
    from airpocket.cascade.fold_kernels import sweep  # noqa: PLC0415 — loads numba

    found = np.empty((_MOST, 3))
    by_order = shock.order_usd is not None
    begin = shock.fall if by_order else 0.0
    distance, net, kept = waiting.distance, waiting.cumulative, waiting.kept
    if shock.buying is not None:
        distance, net, kept = *_with_buying(waiting), 1.0
    count = sweep(
        distance,
        net,
        curve.usd,
        curve.fall,
        curve.law,
        kept,
        begin,
        0.0,
        by_order,
        shock.buying is None,
        waiting.most,
        least_jump,
        found,
    )
    rows = found[: min(count, _MOST)].tolist()
    if not by_order:
        return tuple(Fold(*row) for row in rows)
    return tuple(
        Fold(min(begin + curve.at(usd), waiting.most), before, beyond, usd)
        for usd, before, beyond in rows
    )


def _with_buying(waiting: "Waiting") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lay what others buy among the levels: places, and what reaches the book before each."""
    place = np.concatenate((waiting.distance, waiting.buy_fall))
    added = np.concatenate(
        (waiting.kept * np.diff(waiting.cumulative), -np.diff(waiting.buy_usd, prepend=0.0))
    )
    order = np.argsort(place, kind="stable")
    return place[order], np.concatenate(([0.0], np.cumsum(added[order])))
