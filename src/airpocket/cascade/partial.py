"""Positions closed in steps: each step a level of the ladder, the rest a position further on.

A venue that closes a large position in part leaves a smaller one with what margin is left. In a
ladder that is one level for each step. The rest's price follows from the venue's own requirement:
it is the liquidation price of a position entered at the step's price with the equity left there.

What is approximated: every step is closed at the mark that set it off, so that the rest keeps all
equity but the fee (a step that is closed at a worse price brings the rest nearer, by at most that
loss over the rest's size); the rest is not touched before its own price comes, however little time
has passed; and who takes a step (the book, or a fund off the book) is said by the absorbed share of
the shock, not here.
"""

import itertools
from typing import Final, final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.ladder import Levels, levels_of
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind

__all__ = ["FULL", "Partial", "Parts", "closed_in_parts", "levels_of_parts", "prices_under"]

_TIERS_MOST: Final = 63  # no table has more


class Partial(Struct, frozen=True, kw_only=True):
    """How a venue cuts what no longer meets its requirement; all of it at once by default.

    Parameters
    ----------
    share
        Share of a position that its first order is for, above 0 up to 1; the rest goes whole
        (Hyperliquid: 0.2).
    above_usd
        Positions up to this value are closed whole (Hyperliquid: 100,000).
    tiers_down
        0, or: a position is cut to the top of the tier so many below its own, again and again,
        and closed whole in the lowest (Bybit 1, OKX 2).

    Raises
    ------
    InputError
        If a figure is out of bounds, or both a share and tiers are given.
    """

    share: float = 1.0
    above_usd: float = 0.0
    tiers_down: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"partial: share is {self.share!r}, not above 0 and up to 1")
        if not 0 <= self.above_usd < 1e18:
            raise InputError(f"partial: above_usd is {self.above_usd!r}, not 0 or more dollars")
        if not 0 <= self.tiers_down <= _TIERS_MOST:
            raise InputError(f"partial: tiers_down is {self.tiers_down!r}, not 0 to 63")
        if self.tiers_down and (self.share < 1 or self.above_usd > 0):
            raise InputError("partial: either a share above a value, or tiers_down, not both")

    @property
    def is_whole(self) -> bool:
        """Whether everything is closed at once."""
        return self.share == 1 and self.tiers_down == 0


FULL: Final = Partial()
"""Everything at once."""


@final
class Parts(Struct, frozen=True, eq=False):
    """Parts of positions and where each is closed; columns of one length.

    Parameters
    ----------
    position
        Index of the position that a part is of.
    step
        0 for what is closed first, 1 for the next, ….
    price
        Mark price that sets it off.
    qty_raw
        Size in the venue's unit.
    bankruptcy_price
        Where what stood behind the position at that step is used up; NaN where no price does.
    """

    position: NDArray[np.int64]
    step: NDArray[np.int64]
    price: NDArray[np.float64]
    qty_raw: NDArray[np.float64]
    bankruptcy_price: NDArray[np.float64]

    def rows(self, at: NDArray[np.bool_]) -> "Parts":
        """Take some of the parts."""
        return Parts(
            self.position[at],
            self.step[at],
            self.price[at],
            self.qty_raw[at],
            self.bankruptcy_price[at],
        )


class _Open(Struct, frozen=True):
    """Positions at the price that takes them, with their equity there and the tier they are in.

    A short that was cut to the top of a tier is above it again at the next, higher price: it counts
    as within it, or it would be cut without end.
    """

    position: NDArray[np.int64]
    is_long: NDArray[np.bool_]
    qty_raw: NDArray[np.float64]
    price: NDArray[np.float64]
    equity: NDArray[np.float64]
    tier: NDArray[np.int64]

    def rows(self, at: NDArray[np.bool_]) -> "_Open":
        return _Open(
            self.position[at],
            self.is_long[at],
            self.qty_raw[at],
            self.price[at],
            self.equity[at],
            self.tier[at],
        )


def closed_in_parts(
    instrument: Instrument,
    tiers: TierTable,
    is_long: NDArray[np.bool_],
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
    partial: Partial = FULL,
    *,
    fee_rate: float = 0.0,
) -> Parts:
    """Split positions of one instrument into the parts that are closed one after the other.

    At its liquidation price a position's equity is what its tier requires: size, side and that
    price are all that is needed, for isolated and for cross margin (other marks held).

    Parameters
    ----------
    instrument
        Linear or inverse.
    tiers
        Its maintenance tiers.
    is_long, qty_raw, price
        Side, size in the venue's unit and liquidation price of each position, shape (n,). A price
        of NaN is never reached: such a position has no parts.
    partial
        How it is cut.
    fee_rate
        Fee on what is closed, paid from the position's equity.

    Raises
    ------
    InputError
        If columns differ in length or hold what is no size or price, or a size is beyond the last
        tier.

    Examples
    --------
    >>> from airpocket.leverage.tiers import table_of
    >>> coin = Instrument(venue="hyperliquid", raw_symbol="BTC", symbol="BTC/USDC:USDC",
    ...     kind=Kind.LINEAR, base="BTC", quote="USDC", settle="USDC")
    >>> table = table_of("BTC/USDC:USDC", [(0, 1e9, 0.01, 0, 50)], "made up")
    >>> parts = closed_in_parts(coin, table, np.array([True]), np.array([10.0]),
    ...     np.array([50_000.0]), Partial(share=0.2, above_usd=100_000.0))
    >>> [float(x) for x in parts.qty_raw], [round(float(x), 1) for x in parts.price]
    ([2.0, 8.0], [50000.0, 49873.7])
    """
    _refuse_columns(instrument, is_long, qty_raw, price)
    at = ~np.isnan(price)
    index = _tier_index(instrument, tiers, qty_raw[at], price[at])
    equity = _equity(instrument, tiers, qty_raw[at], price[at])
    still = _Open(np.flatnonzero(at), is_long[at], qty_raw[at], price[at], equity, index)
    found: list[Parts] = []
    for step in itertools.count():  # each step is the last, or ends in a lower tier
        if still.position.size == 0:
            break
        share = _share(instrument, tiers, still, partial, step)
        found.append(
            Parts(
                still.position,
                np.full(still.position.size, step, dtype=np.int64),
                still.price,
                still.qty_raw * share,
                _bankruptcy(instrument, still),
            )
        )
        cut_to = np.maximum(still.tier - partial.tiers_down, 0)
        still = _rest(instrument, tiers, replace(still, tier=cut_to), share, fee_rate)
    return _joined(found)


def prices_under(
    instrument: Instrument,
    present: TierTable,
    other: TierTable,
    is_long: NDArray[np.bool_],
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find where positions would be taken under other tiers.

    Parameters
    ----------
    instrument
        Linear or inverse.
    present, other
        Tiers under which ``price`` holds, and those that are asked about.
    is_long, qty_raw, price
        Side, size and present liquidation price of each position, shape (n,); NaN: none.

    Returns
    -------
    NDArray
        Prices, NaN where none takes a position. One that would be taken before the mark came there
        lies beyond its mark.

    Raises
    ------
    InputError
        As :func:`closed_in_parts`, and for notional tiers with steps.
    """
    _refuse_columns(instrument, is_long, qty_raw, price)
    at = ~np.isnan(price)
    found = np.full(price.size, np.nan)
    if at.any():
        equity = _equity(instrument, present, qty_raw[at], price[at])
        found[at] = many_liquidation_prices(
            instrument, other, qty_raw[at], is_long[at], price[at], equity
        ).price
    return found


def levels_of_parts(
    instrument: Instrument, parts: Parts, is_long: NDArray[np.bool_], side: Side
) -> Levels:
    """Make the levels of one side of parts; each part is one order.

    Parameters
    ----------
    instrument
        Of the positions.
    parts
        Of :func:`closed_in_parts`.
    is_long
        Side of each position, shape (n,), as it was given there.
    side
        Whose levels.
    """
    ours = parts.rows(is_long[parts.position] == (side is Side.LONG))
    size = ours.qty_raw * instrument.contract_value
    if instrument.kind is Kind.INVERSE:
        notional, coins = size, size / ours.price
    else:
        notional, coins = size * ours.price, size
    count = np.ones(ours.price.size, dtype=np.int64)  # of orders, as a part is one
    return levels_of(side, ours.price, notional, coins, count, ours.bankruptcy_price)


def _refuse_columns(
    instrument: Instrument,
    is_long: NDArray[np.bool_],
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> None:
    if instrument.kind not in {Kind.LINEAR, Kind.INVERSE}:
        raise InputError(f"{instrument.symbol}: {instrument.kind.value} is not linear or inverse")
    if len(qty_raw.shape) != 1 or {is_long.shape, price.shape} != {qty_raw.shape}:
        raise InputError(f"{instrument.symbol}: columns of positions differ in length")
    if not bool(np.all((qty_raw > 0) & (qty_raw < 1e18))):
        raise InputError(f"{instrument.symbol}: qty_raw holds what is no number above 0")
    if not bool(np.all(np.isnan(price) | ((price > 0) & (price < 1e18)))):
        raise InputError(f"{instrument.symbol}: price holds what is neither above 0 nor unknown")


def _along(instrument: Instrument, price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn prices into what value is straight in, and back."""
    return 1 / price if instrument.kind is Kind.INVERSE else price


def _value(
    instrument: Instrument, qty_raw: NDArray[np.float64], price: NDArray[np.float64]
) -> NDArray[np.float64]:
    return qty_raw * instrument.contract_value * _along(instrument, price)


def _measured(
    instrument: Instrument,
    tiers: TierTable,
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Size in the unit of the tiers' bounds."""
    if tiers.unit is TierUnit.CONTRACTS:
        return qty_raw
    return _value(instrument, qty_raw, price)


def _equity(
    instrument: Instrument,
    tiers: TierTable,
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute what positions must hold, which is what they have where they are taken."""
    index = _tier_index(instrument, tiers, qty_raw, price)
    rate = np.array([tier.rate for tier in tiers.tiers])
    deduction = np.array([tier.deduction for tier in tiers.tiers])
    value = _value(instrument, qty_raw, price)
    needed: NDArray[np.float64] = value * rate[index] - deduction[index]
    return needed


def _tier_index(
    instrument: Instrument,
    tiers: TierTable,
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> NDArray[np.int64]:
    up_to = np.array([tier.up_to for tier in tiers.tiers])
    size = _measured(instrument, tiers, qty_raw, price)
    # A value that is a bound but for rounding is within it.
    index = np.searchsorted(up_to * (1 + 1e-12), size)
    if size.size and index.max() == up_to.size:
        raise InputError(
            f"{tiers.symbol}: a position of {size.max():,.0f} {tiers.unit.value} is beyond the last"
            f" tier, which ends at {up_to[-1]:,.0f} ({tiers.source})"
        )
    return index.astype(np.int64)


def _share(
    instrument: Instrument, tiers: TierTable, still: _Open, partial: Partial, step: int
) -> NDArray[np.float64]:
    """Share of each position that this step closes."""
    whole = np.ones(still.position.size)
    if partial.is_whole:
        return whole
    if partial.tiers_down:
        up_to = np.array([tier.up_to for tier in tiers.tiers])
        kept = up_to[np.maximum(still.tier - partial.tiers_down, 0)]
        kept = kept / _measured(instrument, tiers, still.qty_raw, still.price)
        return np.where(still.tier >= partial.tiers_down, 1 - kept, whole)
    if step > 0:
        return whole
    dollars = still.qty_raw * instrument.contract_value
    if instrument.kind is not Kind.INVERSE:
        dollars = dollars * still.price
    return np.where(dollars > partial.above_usd, partial.share, whole)


def _bankruptcy(instrument: Instrument, still: _Open) -> NDArray[np.float64]:
    sign = np.where(still.is_long != (instrument.kind is Kind.INVERSE), 1.0, -1.0)
    size = still.qty_raw * instrument.contract_value
    at = _along(instrument, still.price) - sign * still.equity / size
    return _along(instrument, np.where(at > 0, at, np.nan))


def _rest(
    instrument: Instrument,
    tiers: TierTable,
    still: _Open,
    share: NDArray[np.float64],
    fee_rate: float,
) -> _Open:
    """Keep what a step leaves, at the price that takes it; no part, if no price does."""
    at = share < 1
    before, part = still.rows(at), share[at]
    qty = before.qty_raw * (1 - part)
    paid = fee_rate * part * _value(instrument, before.qty_raw, before.price)
    margin = before.equity - paid
    if qty.size == 0:
        return replace(before, qty_raw=qty, equity=margin)
    found = many_liquidation_prices(
        instrument, tiers, qty, before.is_long, before.price, margin
    ).price
    # What does not meet the requirement even after the step goes at once, at the same mark.
    nearer = np.where(before.is_long, found > before.price, found < before.price)
    next_price = np.where(nearer, before.price, found)
    sign = np.where(before.is_long != (instrument.kind is Kind.INVERSE), 1.0, -1.0)
    moved = _along(instrument, next_price) - _along(instrument, before.price)
    equity = margin + sign * qty * instrument.contract_value * moved
    rest = _Open(before.position, before.is_long, qty, next_price, equity, before.tier)
    rest = rest.rows(~np.isnan(next_price))
    now = _tier_index(instrument, tiers, rest.qty_raw, rest.price)
    return replace(rest, tier=np.minimum(rest.tier, now))


def _joined(found: list[Parts]) -> Parts:
    if not found:
        none, counted = np.empty(0), np.empty(0, dtype=np.int64)
        return Parts(counted, counted, none, none, none)
    return Parts(
        np.concatenate([part.position for part in found]),
        np.concatenate([part.step for part in found]),
        np.concatenate([part.price for part in found]),
        np.concatenate([part.qty_raw for part in found]),
        np.concatenate([part.bankruptcy_price for part in found]),
    )
