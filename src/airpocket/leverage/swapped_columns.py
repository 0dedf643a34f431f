"""Telling columns of positions that are swapped.

Two columns that are swapped can be told apart only by a price that says which of them is one: a
mark price or a liquidation price. Size and entry are told by it over all rows, not row by row;
liquidation price and entry by the side that most of at least five isolated rows are liquidated on.
A margin and a leverage that are swapped show only where tiers say which leverage there can be.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["refuse_swapped"]

_NEAR: Final = math.log(3.0)  # a size that is so near to a price is one
_FAR: Final = math.log(10.0)  # an entry that is so far from a price is none
_LOOKED_AT: Final = 1 << 15  # rows: a median and a majority do not need millions
_MOST_OF: Final = 5  # a single one may be past its price by what it paid in funding


def refuse_swapped(
    source: str, columns: Mapping[str, NDArray[Any]], mark_price: NDArray[np.float64] | float
) -> None:
    """Refuse columns that look swapped, as far as a price of each row tells.

    Parameters
    ----------
    columns
        ``qty_raw``, ``entry_price``, ``liquidation_price``, ``is_long``, ``is_cross``.
    mark_price
        Of each row, NaN where it is not known, or of all.

    Raises
    ------
    InputError
        If the median row has a size near to its mark (or liquidation) price and an entry far from
        it, or most of at least five isolated rows would be liquidated by a move in their favour.
    """
    part = slice(None, None, max(1, columns["qty_raw"].size // _LOOKED_AT))
    entry, qty = columns["entry_price"][part], columns["qty_raw"][part]
    said = columns["liquidation_price"][part]
    marks = mark_price if isinstance(mark_price, float) else mark_price[part]
    price = np.where(np.isnan(marks), said, marks)
    known = np.isfinite(price)
    if known.any():
        off = float(np.median(np.abs(np.log(entry[known] / price[known]))))
        near = float(np.median(np.abs(np.log(qty[known] / price[known]))))
        if off > _FAR and near < _NEAR:
            raise InputError(
                f"{source}: size and entry_price look swapped: against the prices beside them the"
                f" median entry is off by a factor of {math.exp(off):,.0f}, the median size by"
                f" {math.exp(near):.2f}"
            )
    known = np.isfinite(said) & ~columns["is_cross"][part]
    wrong = known & ((said > entry) == columns["is_long"][part])
    if int(known.sum()) >= _MOST_OF and 2 * int(wrong.sum()) > int(known.sum()):
        raise InputError(
            f"{source}: entry_price and liquidation_price, or the sides, look swapped: of"
            f" {int(known.sum()):,} isolated positions with a liquidation price"
            f" {int(wrong.sum()):,} would be liquidated by a move in their favour"
        )
