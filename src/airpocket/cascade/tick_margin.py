"""A linear contract and its tiers in integers, and the ticks at which positions are taken."""

from fractions import Fraction
from typing import TYPE_CHECKING, Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.market.instrument import Instrument, Kind

if TYPE_CHECKING:
    from airpocket.cascade.tick_margin_kernels import TickTiers

__all__ = ["Steps", "TickPrices", "steps_of", "tick_prices", "tick_tiers"]

_MICRO: Final = 1_000_000
_BILLION: Final = 1_000_000_000
_MOST: Final = 1 << 62
_CHUNK: Final = 1 << 17  # computed at a time, so that little is held beside the columns


@final
class Steps(Struct, frozen=True):
    """Steps of price and size of a linear contract, and what one of each is worth.

    ``tick`` in quote, ``lot`` in the venue's unit of size, ``value_micro`` micro-dollars that a
    lot gains by a tick.
    """

    tick: float
    lot: float
    value_micro: int


@final
class TickPrices(Struct, frozen=True, eq=False):
    """Ticks at which positions are taken and are worth nothing, shape (n,) each.

    A long is taken at and below its liquidation tick (0: at no price), a short at and above it
    (``1 << 62``: at no price).
    """

    liquidation_tick: NDArray[np.int64]
    bankruptcy_tick: NDArray[np.int64]


def steps_of(instrument: Instrument) -> Steps:
    """Find what a lot gains by a tick, in whole micro-dollars.

    Raises
    ------
    InputError
        If the contract is not linear and in dollars, has no tick or lot, or a lot does not gain
        whole micro-dollars by a tick.

    Examples
    --------
    >>> steps_of(Instrument(venue="x", raw_symbol="BTCUSDT", symbol="BTC/USDT:USDT",
    ...     kind=Kind.LINEAR, base="BTC", quote="USDT", settle="USDT", tick=0.1, lot=0.001)
    ...     ).value_micro
    100
    """
    name = f"{instrument.venue} {instrument.symbol}"
    if instrument.kind is not Kind.LINEAR or instrument.notional_usd(1.0, 1.0) is None:
        raise InputError(
            f"{name}: {instrument.kind.value} in {instrument.quote}; margin in micro-dollars takes"
            " a linear contract in dollars"
        )
    if not instrument.tick or not instrument.lot:
        raise InputError(f"{name}: its tick or lot is not known; give an instrument with both")
    # What is written down is meant: 0.1 is a tenth, not the nearest binary fraction.
    tick, lot, contract = (
        Fraction(repr(float(figure)))
        for figure in (instrument.tick, instrument.lot, instrument.contract_value)
    )
    value = tick * lot * contract * _MICRO
    if value.denominator != 1 or value <= 0:
        raise InputError(
            f"{name}: a lot gains {float(value):g} micro-dollars by a tick, which must be whole;"
            " take a larger tick or lot"
        )
    return Steps(float(tick), float(lot), int(value))


def tick_tiers(instrument: Instrument, tiers: TierTable, *, fee_rate: float = 0.0) -> "TickTiers":
    """Put tiers into integers.

    Rates are rounded to billionths, deductions to micro-dollars, bounds to what is below them.

    Parameters
    ----------
    instrument
        Linear, in dollars.
    tiers
        Of notional or of contracts.
    fee_rate
        What the requirement holds besides the tier's rate.

    Raises
    ------
    InputError
        As :func:`steps_of`.
    """
    from airpocket.cascade.tick_margin_kernels import TickTiers  # noqa: PLC0415 — loads numba

    steps = steps_of(instrument)
    by_contracts = tiers.unit is TierUnit.CONTRACTS
    unit = 1 / Fraction(repr(steps.lot)) if by_contracts else Fraction(_MICRO)

    def bound(up_to: float) -> int:
        return _MOST if up_to >= float(_MOST / unit) else int(Fraction(repr(float(up_to))) * unit)

    def column(figures: list[int]) -> NDArray[np.int64]:
        return np.array(figures, dtype=np.int64)

    rows = tiers.tiers
    return TickTiers(
        value_micro=steps.value_micro,
        by_contracts=by_contracts,
        up_to=column([bound(row.up_to) for row in rows]),
        rate_ppb=column([round((row.rate + fee_rate) * _BILLION) for row in rows]),
        deduction_micro=column([round(row.deduction * _MICRO) for row in rows]),
        leverage_milli=column([int(min(row.leverage_most, 1e6) * 1000) for row in rows]),
    )


def tick_prices(
    instrument: Instrument,
    tiers: TierTable,
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    entry_tick: NDArray[np.int64],
    margin_micro: NDArray[np.int64],
    *,
    fee_rate: float = 0.0,
) -> TickPrices:
    """Find the liquidation and bankruptcy ticks of isolated positions.

    Prices are those of :func:`~airpocket.leverage.bulk.many_liquidation_prices`, moved to the tick
    that exact integer arithmetic names. Both ticks lie away from the entry: the liquidation price
    is not passed before its tick is reached, and margin is used up at the bankruptcy tick.

    Parameters
    ----------
    instrument, tiers, fee_rate
        As for :func:`tick_tiers`; tiers of notional must be continuous.
    is_long, lots, entry_tick, margin_micro
        One position each, shape (n,); above 0.

    Raises
    ------
    InputError
        As :func:`steps_of` and ``many_liquidation_prices``.
    """
    from airpocket.cascade.tick_margin_kernels import (  # noqa: PLC0415 — loads numba
        bankruptcy_ticks,
        liquidation_ticks,
    )

    steps = steps_of(instrument)
    whole = tick_tiers(instrument, tiers, fee_rate=fee_rate)
    found = TickPrices(np.empty(lots.size, np.int64), np.empty(lots.size, np.int64))
    for start in range(0, lots.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        prices = many_liquidation_prices(
            instrument,
            tiers,
            lots[part] * np.float64(steps.lot),
            is_long[part],
            entry_tick[part] * np.float64(steps.tick),
            margin_micro[part] / _MICRO,
            fee_rate=fee_rate,
        ).price
        columns = (is_long[part], lots[part], entry_tick[part], margin_micro[part])
        liquidation_ticks(prices / steps.tick, *columns, whole, found.liquidation_tick[part])
        bankruptcy_ticks(*columns, steps.value_micro, found.bankruptcy_tick[part])
    return found
