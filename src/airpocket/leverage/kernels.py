"""Liquidation prices of many isolated positions under one table of tiers. Arrays in and out."""

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["liquidation_prices"]


@numba.njit(cache=True)
def liquidation_prices(
    size: NDArray[np.float64],
    is_long: NDArray[np.bool_],
    entry: NDArray[np.float64],
    margin: NDArray[np.float64],
    contracts: NDArray[np.float64],
    is_inverse: bool,  # noqa: FBT001 — kernels take plain scalars
    up_to: NDArray[np.float64],
    rate: NDArray[np.float64],
    deduction: NDArray[np.float64],
    by_contracts: bool,  # noqa: FBT001
    price: NDArray[np.float64],
    tier: NDArray[np.int64],
) -> None:
    """Find the price at which each position's margin and profit are what it must hold.

    Along the price (linear) or its inverse the value V at that point solves
    ``margin ± (V - V_entry) = V rate - deduction``; with continuous tiers both sides of it are
    ordered by tier, so that the first tier whose end is not passed holds the answer.

    Parameters
    ----------
    size
        Base coins (linear) or US dollars (inverse), shape (n,).
    is_long, entry, margin
        Side, entry price, margin in the settle coin, shape (n,).
    contracts
        Size in the table's unit where the bounds count contracts, else unused; shape (n,).
    is_inverse
        Whether profit is in the base coin.
    up_to, rate, deduction
        Tiers, ascending and continuous (or by contracts), shape (k,); ``rate`` with the fee, if
        the requirement has one.
    by_contracts
        Whether the bounds count contracts.
    price, tier
        Written: the price, NaN where none takes the position within its tiers, and the tier there,
        -1 where none; shape (n,).
    """
    last = up_to.shape[0] - 1
    for i in range(size.shape[0]):
        gains_up = is_long[i] != is_inverse
        value = size[i] / entry[i] if is_inverse else size[i] * entry[i]
        # Rising x takes what gains downward: V (1 + rate) - deduction; falling x the others.
        owed = value - margin[i] if gains_up else value + margin[i]
        turn = -1.0 if gains_up else 1.0
        price[i] = np.nan
        tier[i] = -1
        if owed <= 0.0:
            continue
        k = 0
        if by_contracts:
            while k < last and contracts[i] > up_to[k]:
                k += 1
            if contracts[i] > up_to[k]:
                continue
        else:
            while k < last and up_to[k] * (1.0 + turn * rate[k]) - turn * deduction[k] < owed:
                k += 1
        at = (owed + turn * deduction[k]) / (1.0 + turn * rate[k])
        if at <= 0.0 or (not by_contracts and at > up_to[k]):
            continue
        price[i] = size[i] / at if is_inverse else at / size[i]
        tier[i] = k
