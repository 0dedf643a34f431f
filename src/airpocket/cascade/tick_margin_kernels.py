"""Isolated margin in integers: who is taken at which tick, and funding. Arrays and scalars.

Prices in ticks, sizes in lots, money in micro-dollars (millionths of a dollar), each a 64-bit
integer. What is compared is exact: nothing here rounds but what says so.
"""
# mypy: disallow-untyped-decorators=False

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NEVER",
    "TickTiers",
    "bankruptcy_ticks",
    "funding_payments",
    "is_taken",
    "liquidation_ticks",
    "open_positions",
    "required",
    "tier_at",
]

NEVER = 1 << 62
"""Liquidation tick of a short that no price takes (of such a long: 0)."""

_BILLION = 1_000_000_000


class TickTiers(NamedTuple):
    """Tiers of one linear contract, in integers.

    ``value_micro`` is what a lot gains by a tick. ``up_to`` counts micro-dollars, or lots where
    ``by_contracts``; ``rate_ppb`` billionths of the value, ``deduction_micro`` micro-dollars,
    ``leverage_milli`` thousandths, the highest leverage allowed; shape (k,) each.
    """

    value_micro: int
    by_contracts: bool
    up_to: NDArray[np.int64]
    rate_ppb: NDArray[np.int64]
    deduction_micro: NDArray[np.int64]
    leverage_milli: NDArray[np.int64]


@numba.njit(cache=True)
def tier_at(lots: int, value: int, tiers: TickTiers) -> int:
    """Find the tier of a position of ``lots`` worth ``value`` micro-dollars (the last beyond)."""
    size = lots if tiers.by_contracts else value
    k = 0
    while k + 1 < tiers.up_to.shape[0] and size > tiers.up_to[k]:
        k += 1
    return k


@numba.njit(cache=True)
def required(tick: int, lots: int, tiers: TickTiers) -> int:
    """Compute the maintenance margin in micro-dollars, rounded down.

    Whole equity is at most a requirement exactly if it is at most the requirement rounded down,
    so the comparison is not rounded.
    """
    value = lots * tick * tiers.value_micro
    k = tier_at(lots, value, tiers)
    rate = tiers.rate_ppb[k]
    # A value times a rate in billionths does not fit 64 bits at once.
    whole = (value // _BILLION) * rate + (value % _BILLION) * rate // _BILLION
    return int(whole - tiers.deduction_micro[k])


@numba.njit(cache=True)
def is_taken(
    tick: int,
    is_long: bool,  # noqa: FBT001 — kernels take plain scalars
    lots: int,
    entry: int,
    margin: int,
    tiers: TickTiers,
) -> bool:
    """Tell whether margin and profit at a mark are no more than what must be held."""
    gain = (tick - entry) * lots * tiers.value_micro
    equity = margin + gain if is_long else margin - gain
    return bool(equity <= required(tick, lots, tiers))


@numba.njit(cache=True)
def open_positions(
    rows: NDArray[np.int64],
    tick: NDArray[np.int64],
    worst: NDArray[np.int64],
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    tiers: TickTiers,
    largest_micro: int,
    leverage: NDArray[np.int32],
    entry: NDArray[np.int64],
    margin: NDArray[np.int64],
) -> tuple[int, int]:
    """Open those of some positions that are not taken at their entry nor at a worse mark.

    Parameters
    ----------
    rows
        Positions to open, shape (m,). Written: those that are not, at the front.
    tick, worst
        Entry of each, and the worst mark since, shape (m,).
    is_long, lots
        Of every position, shape (n,).
    tiers
        Of the contract.
    largest_micro
        Value at entry above which a position is not opened.
    leverage
        Thousandths, shape (n,). Written: cut to what the tier at entry allows.
    entry, margin
        Written: ticks, and value over leverage in micro-dollars, rounded up; shape (n,).

    Returns
    -------
    tuple of int
        Positions that were not opened; those whose leverage was cut.
    """
    left, cut = 0, 0
    for j in range(rows.shape[0]):
        i = rows[j]
        value = lots[i] * tick[j] * tiers.value_micro
        is_open = value <= largest_micro
        if is_open:
            allowed = tiers.leverage_milli[tier_at(lots[i], value, tiers)]
            figure = min(np.int64(leverage[i]), allowed)
            behind = (value * 1000 + figure - 1) // figure
            # The entry is no past mark where it is drawn around the present one.
            for at in (worst[j], tick[j]):
                if is_taken(at, is_long[i], lots[i], tick[j], behind, tiers):
                    is_open = False
        if is_open:
            cut += figure < leverage[i]
            leverage[i], entry[i], margin[i] = figure, tick[j], behind
        else:
            rows[left] = i
            left += 1
    return left, cut


@numba.njit(cache=True)
def liquidation_ticks(
    near: NDArray[np.float64],
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    entry: NDArray[np.int64],
    margin: NDArray[np.int64],
    tiers: TickTiers,
    found: NDArray[np.int64],
) -> None:
    """Find the first tick, seen from where a position is safe, at which it is taken.

    Parameters
    ----------
    near
        Price in ticks found in floating point, NaN where none takes it; shape (n,). The tick is
        sought from there, so that it only costs time where it is off.
    is_long, lots, entry, margin
        Positions, shape (n,) each.
    tiers
        Of the contract.
    found
        Written: a long is taken at and below it (0: at no price), a short at and above it
        (:data:`NEVER`: at no price); shape (n,).
    """
    for i in range(lots.shape[0]):
        at = near[i]
        if is_long[i]:
            tick = 0 if np.isnan(at) else int(np.floor(at))
            while tick > 0 and not is_taken(tick, True, lots[i], entry[i], margin[i], tiers):
                tick -= 1
            while tick < entry[i] and is_taken(tick + 1, True, lots[i], entry[i], margin[i], tiers):
                tick += 1
        elif np.isnan(at):
            tick = NEVER
        else:
            tick = int(np.ceil(at))
            while not is_taken(tick, False, lots[i], entry[i], margin[i], tiers):
                tick += 1
            while tick > entry[i] and is_taken(
                tick - 1, False, lots[i], entry[i], margin[i], tiers
            ):
                tick -= 1
        found[i] = tick


@numba.njit(cache=True)
def bankruptcy_ticks(
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    entry: NDArray[np.int64],
    margin: NDArray[np.int64],
    value_micro: int,
    found: NDArray[np.int64],
) -> None:
    """Find the ticks at which margins are used up, rounded away from the entry; 0 at the least.

    A position closed there has lost its margin and less than a tick's worth more; one tick nearer
    to its entry it has not.
    """
    for i in range(lots.shape[0]):
        step = lots[i] * value_micro
        moved = (margin[i] + step - 1) // step
        found[i] = max(0, entry[i] - moved) if is_long[i] else entry[i] + moved


@numba.njit(cache=True)
def funding_payments(
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    mark: int,
    value_micro: int,
    rate_ppb: int,
    paid: NDArray[np.int64],
) -> None:
    """Share out one funding: what each position pays (below 0: gets), in micro-dollars.

    Each side's payments are the steps of one function of its lots counted so far, rounded down:
    sides that hold the same lots pay and get the same to the micro-dollar, and each position's
    is within one of its exact amount.

    Parameters
    ----------
    is_long, lots
        Positions, shape (n,).
    mark, value_micro
        Mark price in ticks, and what a lot gains by a tick.
    rate_ppb
        Funding rate in billionths; above 0 longs pay.
    paid
        Written, shape (n,).
    """
    size, sign = abs(rate_ppb), 1 if rate_ppb >= 0 else -1
    counted = np.zeros(2, dtype=np.int64)
    before = np.zeros(2, dtype=np.int64)
    for i in range(lots.shape[0]):
        side = 1 if is_long[i] else 0
        counted[side] += lots[i]
        value = counted[side] * mark * value_micro
        total = (value // _BILLION) * size + (value % _BILLION) * size // _BILLION
        step = total - before[side]
        before[side] = total
        paid[i] = sign * step if is_long[i] else -sign * step
