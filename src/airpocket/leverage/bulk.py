"""Liquidation prices of many isolated positions at once, the same as one by one."""

from typing import final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.market.instrument import Instrument, Kind

__all__ = ["ManyPrices", "many_liquidation_prices"]

# A step between notional tiers of more than this share of the requirement is no rounding.
_ROUNDING = 1e-9


@final
class ManyPrices(Struct, frozen=True):
    """Prices (NaN: none within the tiers) and the tier at each (-1: none)."""

    price: NDArray[np.float64]
    tier: NDArray[np.int64]


def many_liquidation_prices(
    instrument: Instrument,
    tiers: TierTable,
    qty_raw: NDArray[np.float64],
    is_long: NDArray[np.bool_],
    entry_price: NDArray[np.float64],
    margin: NDArray[np.float64],
    *,
    fee_rate: float = 0.0,
) -> ManyPrices:
    """Find the liquidation prices of isolated positions of one instrument.

    The price is that of :func:`airpocket.leverage.solving.solve_price`: for venues whose
    requirement is the tier's, with ``fee_rate`` on the value beside it where there is one.

    Parameters
    ----------
    instrument
        Linear or inverse.
    tiers
        Continuous, or by contracts.
    qty_raw, is_long, entry_price, margin
        One position each: size in the venue's unit, side, entry, margin in the settle coin.
    fee_rate
        What the requirement holds besides the tier's rate.

    Raises
    ------
    InputError
        If columns differ in length, a figure is not finite and above 0 (a margin may be anything
        finite), tiers of notional have steps, or the contract is neither linear nor inverse.
    """
    # Only who computes in bulk pays for loading the compiled kernel.
    from airpocket.leverage.kernels import liquidation_prices  # noqa: PLC0415

    if instrument.kind not in {Kind.LINEAR, Kind.INVERSE}:
        raise InputError(f"{instrument.symbol}: {instrument.kind.value} is not linear or inverse")
    shape = qty_raw.shape
    if len(shape) != 1 or {is_long.shape, entry_price.shape, margin.shape} != {shape}:
        raise InputError(f"{instrument.symbol}: columns of positions differ in length")
    for name, column in (("qty_raw", qty_raw), ("entry_price", entry_price)):
        if not bool(np.all((column > 0) & (column < 1e18))):
            raise InputError(f"{instrument.symbol}: {name} holds what is no number above 0")
    if not bool(np.all(np.isfinite(margin))):
        raise InputError(f"{instrument.symbol}: margin holds what is no number")
    _refuse_steps(tiers)
    found = ManyPrices(np.empty(shape), np.empty(shape, dtype=np.int64))
    liquidation_prices(
        qty_raw * instrument.contract_value,
        is_long,
        entry_price,
        margin,
        qty_raw,
        instrument.kind is Kind.INVERSE,
        np.array([tier.up_to for tier in tiers.tiers]),
        np.array([tier.rate + fee_rate for tier in tiers.tiers]),
        np.array([tier.deduction for tier in tiers.tiers]),
        tiers.unit is TierUnit.CONTRACTS,
        found.price,
        found.tier,
    )
    return found


def _refuse_steps(tiers: TierTable) -> None:
    if tiers.unit is TierUnit.CONTRACTS:
        return
    for below, above in zip(tiers.tiers, tiers.tiers[1:], strict=False):
        step = above.up_to if above.above == 0 else above.above
        gap = step * (above.rate - below.rate) - (above.deduction - below.deduction)
        if abs(gap) > _ROUNDING * max(1.0, step * above.rate):
            raise InputError(
                f"{tiers.symbol}: maintenance has a step of {gap:g} at {step:g}, which is found"
                " for one position at a time only"
            )
