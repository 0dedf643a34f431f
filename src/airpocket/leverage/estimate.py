"""Where forced orders might wait if only open interest is known: a band, never a line.

Open-interest flow (science.md §5, the method that heatmap tools publish): interest that is gained
in a bar was opened at its price, with leverages nobody sees; interest that is lost was closed; what
the price passes is swept. Every contract has a long and a short. Which leverages were used is an
assumption, so it is made in several ways, and what is given is the range between them. The one
published test of such maps against what was really closed is a null result (science.md §4, study
11): read the band as what might be.

Interest must be counted in what does not move with the price: coins for linear contracts, US
dollars for inverse ones. Dollars of a linear contract rise and fall with the price and would be
taken for positions opened and closed.
"""

import math
from enum import StrEnum
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.interest import InterestBars
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance, levels_of
from airpocket.leverage.leverage_shares import KERNELS, LeverageKernel
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.units import SECOND_NS

__all__ = ["Balance", "Band", "Estimate", "Removal", "estimate"]

_BINS_MOST: Final = 5_000_000
_DUST: Final = 1e-9  # of the open interest: what is left of a level by rounding


class Removal(StrEnum):
    """Which positions close when open interest falls."""

    PROPORTIONAL = "proportional"  # of all alike
    NEWEST = "newest"  # the last opened first


@final
class Balance(Struct, frozen=True):
    """What became of one side's interest, in its own unit.

    ``placed`` got a level; of it ``swept`` was passed by the price, ``removed`` closed, ``faded``
    by age, and ``left`` waits: ``placed = swept + removed + faded + left``. ``unplaced`` is open
    interest without a level: from before the first bar, unlevered, or aged.
    """

    placed: float
    swept: float
    removed: float
    faded: float
    left: float
    unplaced: float


@final
class Band(Struct, frozen=True, eq=False):
    """Dollars that might be forced to close per level: least, middle and most of the kernels.

    Parameters
    ----------
    price
        Middle of each level, nearest to the mark first, shape (m,).
    low_usd, mid_usd, high_usd
        Shape (m,); 0 where a kernel puts nothing.
    """

    price: NDArray[np.float64]
    low_usd: NDArray[np.float64]
    mid_usd: NDArray[np.float64]
    high_usd: NDArray[np.float64]


@final
class Estimate(Struct, frozen=True, kw_only=True, eq=False):
    """One estimated layer a kernel, and the band between them.

    Parameters
    ----------
    instrument
        Whose open interest it is.
    mark_price, at_ns
        Close and time of the last bar.
    layers
        By the kernel's name.
    balances
        By the kernel's name: of longs and of shorts.
    longs, shorts
        The band on either side.
    """

    instrument: Instrument
    mark_price: float
    at_ns: int
    layers: dict[str, Layer]
    balances: dict[str, tuple[Balance, Balance]]
    longs: Band
    shorts: Band

    def ladder(self, kernel: str) -> Ladder:
        """Give the ladder of one kernel.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        if kernel not in self.layers:
            raise InputError(f"no estimate by {kernel!r}: there are {', '.join(self.layers)}")
        return Ladder(
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            mark_price=self.mark_price,
            layers=(self.layers[kernel],),
            at_ns=self.at_ns,
        )


class _Plan(Struct, frozen=True, kw_only=True, eq=False):
    """What all kernels and both sides share."""

    bars: InterestBars
    instrument: Instrument
    tiers: TierTable
    step: float
    bins: int
    position_usd: float
    fee_rate: float
    newest_first: bool
    reopens: bool
    keep: NDArray[np.float64]
    change: NDArray[np.float64]
    levered: tuple[NDArray[np.float64], NDArray[np.float64]]


def estimate(
    bars: InterestBars,
    instrument: Instrument,
    tiers: TierTable,
    *,
    kernels: tuple[LeverageKernel, ...] = KERNELS,
    step: float | None = None,
    removal: Removal = Removal.PROPORTIONAL,
    tilt: float = 0.5,
    half_life_s: float | None = None,
    reopens: bool = True,
    position_usd: float = 50_000.0,
    fee_rate: float = 0.0,
) -> Estimate:
    """Estimate where forced orders might wait from the flow of open interest.

    Parameters
    ----------
    bars
        Open interest and prices.
    instrument, tiers
        Of what is traded: they give liquidation prices and the leverage allowed.
    kernels
        Assumptions about leverage, at least three for a band.
    step
        Width of a level in price; a thousandth of the last close if left out.
    removal
        Which positions close when interest falls.
    tilt
        How far takers' share decides which side is levered: 0 not at all, 1 in full. The side that
        takers did not choose is then partly held without leverage, by makers and hedgers.
    half_life_s
        Time in which half of what is left is given up (closed and opened elsewhere); ``None``:
        never.
    reopens
        Whether interest that stayed while levels were swept was opened anew at the bar's price.
    position_usd
        Size of one position, which decides its tier.
    fee_rate
        What the venue's requirement holds besides the tier's rate.

    Returns
    -------
    Estimate
        Layers are ESTIMATED; ``share_of_oi`` is what has a level on either side.

    Raises
    ------
    InputError
        If fewer than three kernels or two of one name are given, or a parameter is out of bounds.
    """
    _check(kernels, tilt, half_life_s, position_usd, fee_rate)
    mark = float(bars.close[-1])
    width = mark / 1_000 if step is None else step
    if not 0 < width < mark:
        raise InputError(f"estimate: levels of {width!r} in price are none at a mark of {mark:g}")
    highest = 2.5 * float(bars.high.max())
    if highest / width > _BINS_MOST:
        raise InputError(f"estimate: levels of {width:g} are too many, {_BINS_MOST:,} at most")
    plan = _Plan(
        bars=bars,
        instrument=instrument,
        tiers=tiers,
        step=width,
        bins=math.ceil(highest / width),
        position_usd=position_usd,
        fee_rate=fee_rate,
        newest_first=removal is Removal.NEWEST,
        reopens=reopens,
        keep=_kept(bars, half_life_s),
        change=np.diff(bars.open_interest, prepend=bars.open_interest[0]),
        levered=_levered(bars, tilt),
    )
    layers: dict[str, Layer] = {}
    balances: dict[str, tuple[Balance, Balance]] = {}
    sides: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
    for kernel in kernels:
        long, of_longs = _side(plan, kernel, Side.LONG)
        short, of_shorts = _side(plan, kernel, Side.SHORT)
        sides[0].append(long)
        sides[1].append(short)
        balances[kernel.name] = (of_longs, of_shorts)
        layers[kernel.name] = _layer(plan, kernel, long, short)
    return Estimate(
        instrument=instrument,
        mark_price=mark,
        at_ns=int(bars.at_ns[-1]),
        layers=layers,
        balances=balances,
        longs=_band(plan, sides[0], Side.LONG),
        shorts=_band(plan, sides[1], Side.SHORT),
    )


def _check(
    kernels: tuple[LeverageKernel, ...],
    tilt: float,
    half_life_s: float | None,
    position_usd: float,
    fee_rate: float,
) -> None:
    names = [kernel.name for kernel in kernels]
    if len(names) < 3 or len(set(names)) != len(names):
        raise InputError(
            f"estimate: {len(set(names))} leverage kernels of different names: a band needs three"
        )
    if not 0 <= tilt <= 1:
        raise InputError(f"estimate: a tilt of {tilt!r} is not from 0 to 1")
    if half_life_s is not None and not 0 < half_life_s < math.inf:
        raise InputError(f"estimate: a half-life of {half_life_s!r} s is none")
    if not 0 < position_usd < 1e12:
        raise InputError(f"estimate: a position of {position_usd!r} USD is none")
    if not 0 <= fee_rate < 0.1:
        raise InputError(f"estimate: a fee of {fee_rate!r} of the value is none")


def _kept(bars: InterestBars, half_life_s: float | None) -> NDArray[np.float64]:
    if half_life_s is None:
        return np.ones(bars.at_ns.size)
    passed_s = np.diff(bars.at_ns, prepend=bars.at_ns[0]) / SECOND_NS
    return np.maximum(np.exp2(-passed_s / half_life_s), 1e-60)


def _levered(bars: InterestBars, tilt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of what is opened that is levered: of longs and of shorts, never more than all."""
    n = bars.at_ns.size
    share = np.full(n, 0.5) if bars.taker_buy_share is None else bars.taker_buy_share
    lean = tilt * (2 * share - 1)
    return np.minimum(1 + lean, 1.0), np.minimum(1 - lean, 1.0)


def _side(plan: _Plan, kernel: LeverageKernel, side: Side) -> tuple[NDArray[np.float64], Balance]:
    """Follow one side; give what is left by bin of price, in the unit of the interest."""
    # Only who estimates pays for loading the compiled kernel.
    from airpocket.leverage import estimate_kernels as compiled  # noqa: PLC0415

    bars, is_long = plan.bars, side is Side.LONG
    bins, weight = _bins(plan, kernel, is_long=is_long)
    # A level lies at the middle of its bin: the first (longs) and last (shorts) one that is passed.
    if is_long:
        crossed = np.ceil(bars.low / plan.step - 0.5)
        beyond = np.ceil(bars.close / plan.step - 0.5)
    else:
        crossed = plan.bins - 1 - np.floor(bars.high / plan.step - 0.5)
        beyond = plan.bins - 1 - np.floor(bars.close / plan.step - 0.5)
        bins = np.where(bins >= 0, plan.bins - 1 - bins, bins)
    held, balance = np.zeros(plan.bins), np.zeros(5)
    compiled.follow(
        plan.change,
        plan.levered[0 if is_long else 1],
        bins.astype(np.int32),
        weight,
        np.clip(crossed, 0, plan.bins).astype(np.int64),
        np.clip(beyond, 0, plan.bins).astype(np.int64),
        plan.keep,
        plan.newest_first,
        plan.reopens,
        float(bars.open_interest[0]),
        held,
        balance,
    )
    became = Balance(
        placed=float(balance[compiled.PLACED]),
        swept=float(balance[compiled.SWEPT]),
        removed=float(balance[compiled.REMOVED]),
        faded=float(balance[compiled.FADED]),
        left=float(held.sum()),
        unplaced=float(balance[compiled.UNPLACED]),
    )
    return held if is_long else held[::-1], became


def _bins(
    plan: _Plan, kernel: LeverageKernel, *, is_long: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bin of the liquidation price of each leverage opened in each bar; -1 where there is none."""
    bars, instrument = plan.bars, plan.instrument
    entry = bars.close if bars.vwap is None else bars.vwap
    inverse = instrument.kind is Kind.INVERSE
    value = plan.position_usd / entry if inverse else np.full(entry.size, plan.position_usd)
    qty = plan.position_usd / instrument.contract_value / (1.0 if inverse else entry)
    qty = np.broadcast_to(qty, entry.shape)
    most = _leverage_most(plan, value, qty)
    leverage, weight = kernel.points(most)
    shape = (entry.size, leverage.size)

    def spread(column: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(np.broadcast_to(column[:, None], shape).ravel())

    found = many_liquidation_prices(
        instrument,
        plan.tiers,
        spread(qty),
        np.full(entry.size * leverage.size, is_long),
        spread(entry),
        (value[:, None] / leverage[None, :]).ravel(),
        fee_rate=plan.fee_rate,
    )
    price = found.price.reshape(shape)
    known = np.isfinite(price) & (price < plan.bins * plan.step)
    return np.where(known, np.floor(np.where(known, price, 0.0) / plan.step), -1).astype(
        np.int64
    ), weight


def _leverage_most(plan: _Plan, value: NDArray[np.float64], qty: NDArray[np.float64]) -> float:
    by_size = plan.tiers.unit is TierUnit.CONTRACTS
    size = float((qty if by_size else value).max())
    return plan.tiers.tiers[plan.tiers.index_at(size)].leverage_most


def _middles(plan: _Plan) -> NDArray[np.float64]:
    """Price of each bin."""
    return (np.arange(plan.bins, dtype=np.float64) + 0.5) * plan.step


def _usd(
    plan: _Plan, held: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Price, dollars and coins of each bin."""
    price = _middles(plan)
    if plan.instrument.kind is Kind.INVERSE:
        return price, held, held / price
    return price, held * price, held


def _layer(
    plan: _Plan, kernel: LeverageKernel, long: NDArray[np.float64], short: NDArray[np.float64]
) -> Layer:
    bars = plan.bars
    interest = float(bars.open_interest[-1])

    def levels(side: Side, held: NDArray[np.float64]) -> Levels:
        price, usd, coins = _usd(plan, held)
        there = held > _DUST * interest
        return levels_of(side, price[there], usd[there], coins[there])

    assumed = (
        f"leverage as in {kernel.name}: {kernel.source}",
        "interest gained in a bar was opened at its price, by longs and shorts alike",
        "interest lost was closed "
        + ("from the newest on" if plan.newest_first else "by all in proportion"),
        f"every position is of {plan.position_usd:,.0f} USD and isolated",
    )
    return Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.ESTIMATED,
        longs=levels(Side.LONG, long),
        shorts=levels(Side.SHORT, short),
        source=bars.source,
        share_of_oi=min(float(long.sum() + short.sum()) / (2 * interest), 1.0),
        assumed=assumed,
    )


def _band(plan: _Plan, sides: list[NDArray[np.float64]], side: Side) -> Band:
    price = _middles(plan)
    dust = np.full(plan.bins, _DUST * float(plan.bars.open_interest[-1]))
    stacked = np.stack([_usd(plan, held)[1] for held in sides])
    stacked = np.where(stacked > _usd(plan, dust)[1], stacked, 0.0)
    there = np.flatnonzero(stacked.max(axis=0) > 0)
    at = there[::-1] if side is Side.LONG else there
    return Band(
        price[at],
        stacked.min(axis=0)[at],
        np.median(stacked, axis=0)[at],
        stacked.max(axis=0)[at],
    )
