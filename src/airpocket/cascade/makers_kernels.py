"""How much makers want to quote, how they thin it under stress, and what they own.

Arrays and scalars in and out.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["Aim", "Gains", "Retreat", "aim", "makers_equity", "offset_of", "willingness"]


class Aim(NamedTuple):
    """What makers would quote if nothing troubled them.

    Parameters
    ----------
    goals
        Lots up to each distance in ticks, cumulative, bids and asks, shape (2, reach + 1).
    aimed
        Reference for which they hold, shape (1,); 0 if for none yet.
    """

    goals: NDArray[np.float64]
    aimed: NDArray[np.int64]


class Gains(NamedTuple):
    """What share of a lack or an excess is made good by one refill.

    Parameters
    ----------
    quick_share
        Share of a level's goal that comes back at the quick rate; the rest at the slow one.
    quick, slow, withdrawn
        Shares of the quick lack, of the slow lack, and of an excess, in [0, 1].
    """

    quick_share: float
    quick: float
    slow: float
    withdrawn: float


class Retreat(NamedTuple):
    """How makers withdraw; see ``Withdrawal``.

    Parameters
    ----------
    steepness, floor, quick_share
        Exponent k, least factor, share of a lack that heals quickly.
    quick_kept, slow_kept
        Share of each lack that is left after one step of time.
    """

    steepness: float
    floor: float
    quick_share: float
    quick_kept: float
    slow_kept: float


@numba.njit(cache=True)
def aim(
    target: Aim,
    curve: NDArray[np.float64],
    reference: int,
    nearest: int,
    usd_per_tick_lot: float,
    tolerance: float,
) -> bool:
    """Turn a profile in dollars into lots around a reference, if that has moved enough.

    Parameters
    ----------
    target
        Changed.
    curve
        Two power laws a side: knee (fraction of the price), dollars up to it, exponent nearer,
        exponent beyond; shape (2, 4).
    reference
        Tick; bids begin at it, asks one above.
    nearest
        Distance of the first level with lots, in ticks, 1 or more. What is due nearer is quoted
        there.
    usd_per_tick_lot
        Dollars of one lot at a price of one tick.
    tolerance
        Move of the reference, as a fraction, below which the goals are left as they are.
    """
    goals, aimed = target
    if aimed[0] > 0 and abs(reference - aimed[0]) <= tolerance * aimed[0]:
        return False
    middle = reference + 0.5
    for side in range(2):
        knee, usd, near, beyond = curve[side]
        before = 0.0
        goals[side, :nearest] = 0.0
        for j in range(nearest, goals.shape[1]):
            tick = reference + 1 - j if side == 0 else reference + j
            if tick < 1:
                goals[side, j] = goals[side, j - 1]
                continue
            far = j / middle / knee
            until = usd * far ** (near if far <= 1.0 else beyond)
            goals[side, j] = goals[side, j - 1] + (until - before) / (tick * usd_per_tick_lot)
            before = until
    aimed[0] = reference
    return True


@numba.njit(cache=True)
def willingness(
    lacks: NDArray[np.float64], volatility_ratio: float, capital_ratio: float, how: Retreat
) -> float:
    """Tell the share of their goals that makers quote, one step of time later.

    phi* = clip(exp(-k * (sigma/sigma_ref - 1)+) * (W/W0)+, floor, 1). It is followed down at once;
    on the way up one part of the lack heals quickly and one slowly.

    Parameters
    ----------
    lacks
        Quick and slow lack, changed, shape (2,); zeros for makers who lack nothing.
    volatility_ratio, capital_ratio
        Volatility of the last minute over its reference; makers' capital over what they began
        with.
    how
        See :class:`Retreat`.
    """
    asked = math.exp(-how.steepness * max(volatility_ratio - 1.0, 0.0)) * max(capital_ratio, 0.0)
    lack = 1.0 - min(max(asked, how.floor), 1.0)
    lacks[0] = max(lacks[0] * how.quick_kept, how.quick_share * lack)
    lacks[1] = max(lacks[1] * how.slow_kept, (1.0 - how.quick_share) * lack)
    phi: float = min(max(1.0 - lacks[0] - lacks[1], how.floor), 1.0)
    return phi


@numba.njit(cache=True)
def makers_equity(
    inventory_lots: int, cash_tick_lots: int, capital_micro: int, mark_tick: int, micro: int
) -> int:
    """Tell what makers own, in micro-dollars.

    Parameters
    ----------
    inventory_lots, cash_tick_lots
        What they hold, and ticks times lots that they were paid: ``INVENTORY`` and ``CASH`` of a
        book's figures.
    capital_micro, mark_tick, micro
        What they began with; price; micro-dollars of one tick on one lot.
    """
    return capital_micro + (cash_tick_lots + inventory_lots * mark_tick) * micro


@numba.njit(cache=True)
def offset_of(seed: int, counter: int) -> float:
    """Draw from [0, 1) by seed and counter: splitmix64 (Steele, Lea and Flood, 2014)."""
    z = np.uint64(seed) + np.uint64(counter + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
