"""Who pays, level by level in the order in which they were forced. Arrays and scalars in and out.

``law`` is as in ``kernels``: kind (0 steps, 1 lines, 2 square root), coefficient, and the amount
below which a root is a line.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["Borne", "Forced", "pour"]

_Column: TypeAlias = NDArray[np.float64]


class Forced(NamedTuple):
    """Levels that were forced, shape (n,), in their order; see ``Levels``."""

    distance: _Column
    notional_usd: _Column
    qty_base: _Column
    bankruptcy_price: _Column


class Borne(NamedTuple):
    """Dollars; see ``Waterfall``."""

    margin_before: float
    margin_handed: float
    margin_left: float
    margin_lost: float
    fee: float
    fund: float
    fund_paid: float
    adl: float
    adl_notional: float
    bad_debt: float
    loss: float
    unknown: float


@numba.njit(cache=True)
def _sold_at(  # noqa: C901, PLR0912 — one pass, without calls that take arrays
    levels: Forced,
    buy_fall: _Column,
    buy_usd: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    begin: float,
    order: float,
    kept: float,
    end: float,
) -> _Column:
    """Tell how far away each level was sold on average.

    The curve is walked in the order of the levels: each takes its stretch of it, and pays the mean
    over the stretch. No level is sold before its trigger, nor beyond the end.
    """
    distance, notional, _qty, _lost = levels
    rows, steps, kind = usd.shape[0], buy_fall.shape[0], law[0]
    areas = np.zeros(rows + 1)  # integral of the fall up to each row
    for j in range(rows):
        left, low = (usd[j - 1], fall[j - 1]) if j > 0 else (0.0, 0.0)
        mean = (low + fall[j]) / 2.0 if kind == 1.0 else fall[j]
        areas[j + 1] = areas[j] + (usd[j] - left) * mean
    line = math.sqrt(law[2])
    corner = law[1] * line * law[2] / 6.0
    sold = np.empty(distance.shape[0])
    row, step, supply = 0, 0, order
    area_before, amount_before = 0.0, 0.0
    for i in range(-1, distance.shape[0]):  # before the first level stands the order
        if i >= 0:
            supply += kept * notional[i]
            while step < steps and buy_fall[step] <= distance[i]:
                step += 1
        amount = max(supply - (buy_usd[step - 1] if step > 0 else 0.0), 0.0)
        if kind == 2.0:
            at = law[1] * (math.sqrt(amount) if amount >= law[2] else amount / line)
            # Half of the line's triangle; beyond it two thirds of the root.
            area = at * amount / 2.0 if amount < law[2] else at * amount / 1.5 - corner
        else:
            while row < rows and usd[row] < amount:
                row += 1
            while row > 0 and usd[row - 1] >= amount:
                row -= 1
            left, low = (usd[row - 1], fall[row - 1]) if row > 0 else (0.0, 0.0)
            if row == rows or amount == 0.0:
                at = low
            elif kind == 1.0:
                at = low + (fall[row] - low) * (amount - left) / (usd[row] - left)
            else:
                at = fall[row]
            area = areas[row] + (amount - left) * ((low + at) / 2.0 if kind == 1.0 else at)
        if i >= 0:
            mean = at
            if amount > amount_before:
                mean = (area - area_before) / (amount - amount_before)
            sold[i] = min(max(begin + mean, distance[i]), max(end, distance[i]))
        area_before, amount_before = area, amount
    return sold


@numba.njit(cache=True)
def pour(
    levels: Forced,
    buy_fall: _Column,
    buy_usd: _Column,
    usd: _Column,
    fall: _Column,
    law: _Column,
    begin: float,
    order: float,
    kept: float,
    end: float,
    first_price: float,
    sign: float,
    fee_rate: float,
    fund: float,
    margin_left_to_fund: bool,  # noqa: FBT001 — kernels take plain scalars
    fee_to_fund: bool,  # noqa: FBT001
    has_adl: bool,  # noqa: FBT001
) -> Borne:
    """Split losses between margin, fund, winners and nobody.

    Parameters
    ----------
    levels
        What was forced.
    buy_fall, buy_usd, usd, fall, law, begin, order, kept
        What moved the price, as for ``kernels.walk``.
    end
        Where it came to rest.
    first_price, sign
        Price that distances are fractions of; +1 for longs, -1 for shorts.
    fee_rate, fund, margin_left_to_fund, fee_to_fund, has_adl
        Who stands behind; ``fund`` is what it holds at first.

    Returns
    -------
    Borne
        ``fund`` is what it holds at last.
    """
    distance, notional, qty, bankruptcy = levels
    sold = _sold_at(levels, buy_fall, buy_usd, usd, fall, law, begin, order, kept, end)
    margin_before, handed, left_over, lost, fees = 0.0, 0.0, 0.0, 0.0, 0.0
    paid, adl, adl_notional, bad, losses, unknown = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(distance.shape[0]):
        broke = bankruptcy[i]
        if math.isnan(broke):
            unknown += notional[i]
            continue
        price = first_price * (1.0 - sign * distance[i])
        exit_price = first_price * (1.0 - sign * sold[i])
        on_book = kept * qty[i]
        margin = max(sign * (price - broke), 0.0)
        margin_before += margin * qty[i]
        handed += margin * (qty[i] - on_book)
        equity = sign * on_book * (exit_price - broke)
        left, beyond = max(equity, 0.0), max(-equity, 0.0)
        lost += margin * on_book - left
        losses += margin * on_book - left + beyond
        fee = min(fee_rate * on_book * exit_price, left)
        left -= fee
        fees += fee
        left_over += left
        fund += (left if margin_left_to_fund else 0.0) + (fee if fee_to_fund else 0.0)
        from_fund = min(fund, beyond)
        fund -= from_fund
        paid += from_fund
        rest = beyond - from_fund
        if rest > 0.0 and has_adl:
            adl += rest
            adl_notional += rest / beyond * on_book * broke
        elif rest > 0.0:
            bad += rest
    return Borne(
        margin_before, handed, left_over, lost, fees, fund, paid, adl, adl_notional, bad, losses,
        unknown,
    )  # fmt: skip
