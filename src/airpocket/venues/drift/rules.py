"""Drift v2's liquidation arithmetic, as its own tests state it; a reference, not a rule book.

Source: drift-labs/protocol-v2 ``programs/drift/src/math/liquidation`` @0ae3e3b1. The program was
drained on 2026-04-01; margin requirements, oracle guards and the time ramp are not here.
"""

import math
from typing import Final

from airpocket.errors import InputError

__all__ = ["INSURANCE_SHARE", "base_to_cover", "insurance_fee", "socialised_loss"]

INSURANCE_SHARE: Final = 0.95
"""Share of the spare margin that the insurance fund's fee may take."""


def base_to_cover(
    shortage: float,
    price: float,
    margin_ratio: float,
    liquidation_fee: float = 0.0,
    insurance: float = 0.0,
    quote_price: float = 1.0,
) -> float:
    """Compute the base coins whose transfer covers a margin shortage.

    ``shortage / (price * quote_price * (margin_ratio - liquidation_fee - insurance))``.

    Raises
    ------
    InputError
        If the fees eat the margin ratio: no size covers the shortage.

    Examples
    --------
    >>> round(base_to_cover(10.0, 100.0, 0.1, 0.01, 0.01), 9)
    1.25
    """
    _finite(shortage=shortage, price=price, quote_price=quote_price)
    freed = margin_ratio - liquidation_fee - insurance
    if not freed > 0:
        raise InputError(
            f"drift: fees of {liquidation_fee + insurance:g} leave nothing of a margin ratio of"
            f" {margin_ratio:g}: no size covers a shortage"
        )
    return shortage / (price * quote_price * freed)


def insurance_fee(
    shortage: float, base: float, price: float, margin_ratio: float, liquidation_fee: float,
    fee_most: float,
) -> float:  # fmt: skip
    """Compute the insurance fund's fee rate of a liquidation.

    ``clamp(0.95 * (margin_ratio - liquidation_fee - shortage / (base * price)), 0, fee_most)``.
    """
    _finite(shortage=shortage, base=base, price=price)
    if not base > 0:
        raise InputError(f"drift: a base of {base!r} is no position")
    spare = margin_ratio - liquidation_fee - shortage / (base * price)
    return min(max(INSURANCE_SHARE * spare, 0.0), fee_most)


def socialised_loss(loss: float, longs: float, shorts: float) -> float:
    """Compute the loss per base coin that all positions bear: ``loss / (longs + |shorts|)``."""
    _finite(loss=loss, longs=longs, shorts=shorts)
    total = longs + abs(shorts)
    if not total > 0:
        raise InputError("drift: nobody holds a position that could bear the loss")
    return loss / total


def _finite(**figures: float) -> None:
    for name, value in figures.items():
        if not math.isfinite(value) or (name.endswith("price") and value <= 0):
            raise InputError(f"drift: {name} is {value!r}")
