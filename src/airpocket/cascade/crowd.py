"""A crowd of positions at one venue, drawn from distributions, in whole ticks, lots and dollars.

Long and short lots are equal to the last one, nobody is liquidatable, and no leverage is above
what the tiers allow. Every number is a hash of seed, stream and position: the same seed gives the
same crowd, and one stream more or less leaves the others as they are.
"""

import hashlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.cascade.crowd_spec import (
    CrowdMix,
    CrowdSpec,
    LogNormalEntries,
    OrderHabits,
    PathEntries,
    Weighting,
)
from airpocket.cascade.tick_margin import Steps, steps_of, tick_prices, tick_tiers
from airpocket.errors import InputError
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.tiers import TierTable
from airpocket.market.instrument import Instrument

if TYPE_CHECKING:
    from airpocket.cascade.crowd_kernels import Past
    from airpocket.cascade.tick_margin_kernels import TickTiers

__all__ = ["ConditionalOrders", "Crowd", "draw_crowd", "stream_key"]

_MICRO: Final = 1_000_000
_LARGEST_MICRO: Final = 1 << 50  # a position at the mark, 1.1 bn USD: products fit 64 bits
_LOTS_MOST: Final = 1 << 46  # parts of them fit 64 bits

_Keys: TypeAlias = Callable[[str], np.uint64]


@final
class ConditionalOrders(Struct, frozen=True, eq=False):
    """Orders that close a position when the price comes to them, by position; shape (m,) each.

    Parameters
    ----------
    position
        Row of the crowd. The order closes all of it: it sells a long, buys a short back.
    tick
        Where it waits.
    is_stop
        A stop (a market order once it is reached), or a take-profit (it rests in the book).
    """

    position: NDArray[np.int64]
    tick: NDArray[np.int64]
    is_stop: NDArray[np.bool_]


@final
class Crowd(Struct, frozen=True, eq=False):
    """Isolated positions of one linear contract, longs first; columns of shape (n,).

    Parameters
    ----------
    instrument, steps
        The contract, and what its tick and lot are worth.
    mark_tick
        Mark price in ticks.
    is_long, lots, entry_tick
        Side, size, entry.
    leverage_milli
        Thousandths, rounded down.
    margin_micro
        Value at entry over leverage, in micro-dollars, rounded up.
    liquidation_tick
        A long is taken at and below it (0: at no price), a short at and above it (``1 << 62``: at
        no price): the exact price rounded away from the mark.
    bankruptcy_tick
        Where the margin is used up, rounded away from the entry.
    orders
        Beside the positions.
    cut
        Positions whose leverage was cut to their tier's.
    at_mark
        Positions entered at the mark because no other entry was found that they would have
        survived.
    source
        What it was drawn from, and the seed.
    """

    instrument: Instrument
    steps: Steps
    mark_tick: int
    is_long: NDArray[np.bool_]
    lots: NDArray[np.int64]
    entry_tick: NDArray[np.int64]
    leverage_milli: NDArray[np.int32]
    margin_micro: NDArray[np.int64]
    liquidation_tick: NDArray[np.int64]
    bankruptcy_tick: NDArray[np.int64]
    orders: ConditionalOrders
    cut: int
    at_mark: int
    source: str

    @property
    def size(self) -> int:
        """Number of positions."""
        return int(self.lots.size)

    @property
    def open_interest_lots(self) -> int:
        """Lots that are long, which are as many as are short."""
        return int(self.lots[self.is_long].sum())

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        columns = (getattr(self, name) for name in self.__struct_fields__)
        ours = sum(column.nbytes for column in columns if isinstance(column, np.ndarray))
        orders = self.orders
        return ours + orders.position.nbytes + orders.tick.nbytes + orders.is_stop.nbytes

    def book(self) -> PositionBook:
        """Give the positions as a book in the venue's units, prices of liquidation left unsaid."""
        return PositionBook(
            instruments=(self.instrument,),
            instrument=np.zeros(self.size, dtype=np.int32),
            is_long=self.is_long,
            qty_raw=self.lots * np.float64(self.steps.lot),
            entry_price=self.entry_tick * np.float64(self.steps.tick),
            margin=self.margin_micro / _MICRO,
            leverage=self.leverage_milli / 1000,
            is_cross=np.zeros(self.size, dtype=np.bool_),
            liquidation_price=np.full(self.size, np.nan),
            source=self.source,
            assumed=(f"drawn from distributions, not observed: {self.source}",),
            marks=np.array([self.mark_tick * self.steps.tick]),
        )


def stream_key(seed: int, name: str) -> np.uint64:
    """Make the key of a named stream of random numbers.

    Examples
    --------
    >>> bool(stream_key(1, "sizes") == stream_key(1, "entries"))
    False
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def draw_crowd(
    spec: CrowdSpec, instrument: Instrument, tiers: TierTable, *, mark_tick: int, seed: int
) -> Crowd:
    """Draw positions of one venue and contract.

    Parameters
    ----------
    spec
        How many, and what they are drawn from.
    instrument
        Linear, in dollars, with tick and lot.
    tiers
        Its tiers: continuous ones of notional, or of contracts.
    mark_tick
        Mark price in ticks.
    seed
        Any whole number. Streams are named by venue, symbol and what is drawn.

    Raises
    ------
    InputError
        If the open interest is fewer lots than positions on a side or more than the tiers let
        them hold, a leverage that the tiers allow is taken at its own entry, or as
        :func:`~airpocket.cascade.tick_margin.steps_of`.
    """
    steps = steps_of(instrument)
    if not 0 < mark_tick < 1 << 40:
        raise InputError(f"mark_tick of {mark_tick!r}: give one within 1 and {(1 << 40) - 1}")
    whole = tick_tiers(instrument, tiers, fee_rate=spec.fee_rate)
    lot_micro = steps.value_micro * mark_tick
    total = int(spec.open_interest_usd * _MICRO / lot_micro)
    most = _lots_most(whole, lot_micro)
    named = f"{instrument.venue}/{instrument.symbol}"

    def key_of(drawn: str) -> np.uint64:
        return stream_key(seed, f"{named}/{drawn}")

    source = f"{spec.mix.name} crowd of {spec.positions:,}, seed {seed} ({named})"
    is_long = np.arange(spec.positions) < spec.longs
    lots = np.empty(spec.positions, dtype=np.int64)
    leverage = np.empty(spec.positions, dtype=np.int32)
    for side in (slice(0, spec.longs), slice(spec.longs, spec.positions)):
        _refuse_total(total, most, side, instrument, tiers)
        _draw_side(spec.mix, side, total, most, key_of, lots[side], leverage[side])
    entry, margin, cut, at_mark = _enter(
        spec, mark_tick, steps, whole, key_of("entries"), is_long, lots, leverage
    )
    prices = tick_prices(instrument, tiers, is_long, lots, entry, margin, fee_rate=spec.fee_rate)
    return Crowd(
        instrument=instrument,
        steps=steps,
        mark_tick=mark_tick,
        is_long=is_long,
        lots=lots,
        entry_tick=entry,
        leverage_milli=leverage,
        margin_micro=margin,
        liquidation_tick=prices.liquidation_tick,
        bankruptcy_tick=prices.bankruptcy_tick,
        orders=_orders(spec.orders, mark_tick, key_of, is_long, entry, prices.liquidation_tick),
        cut=cut,
        at_mark=at_mark,
        source=source,
    )


def _lots_most(tiers: "TickTiers", lot_micro: int) -> int:
    """Lots of the largest position: half the last tier, so that a rising value stays within."""
    end = int(tiers.up_to[-1])
    by_value = _LARGEST_MICRO // lot_micro
    return min(_LOTS_MOST, by_value, end if tiers.by_contracts else end // 2 // lot_micro)


def _refuse_total(
    total: int, most: int, side: slice, instrument: Instrument, tiers: TierTable
) -> None:
    count = side.stop - side.start
    if count <= total <= min(count * most, _LOTS_MOST):
        return
    raise InputError(
        f"open_interest_usd is {total:,} lots of {instrument.symbol} a side: {count:,} positions"
        f" can hold {count:,} to {min(count * most, _LOTS_MOST):,} ({tiers.source})"
    )


def _draw_side(
    mix: CrowdMix,
    side: slice,
    total: int,
    most: int,
    key_of: _Keys,
    lots: NDArray[np.int64],
    leverage: NDArray[np.int32],
) -> None:
    """Write sizes and wanted leverages of one side."""
    from airpocket.cascade import crowd_kernels  # noqa: PLC0415 — loads numba

    score = np.empty(lots.size)
    crowd_kernels.draw_normal(key_of("sizes"), side.start, score)
    size = np.exp(mix.size_sigma * score)
    crowd_kernels.apportion(size, total, most, lots)
    own = size  # its memory
    crowd_kernels.draw_normal(key_of("leverage"), side.start, own)
    bound = mix.size_leverage_correlation
    own *= math.sqrt(1 - bound * bound)
    score *= bound
    own += score
    kernel = mix.leverage
    if side.start and mix.leverage_of_shorts is not None:
        kernel = mix.leverage_of_shorts
    low, high, share = np.array(sorted(kernel.ranges)).T.copy()
    # Stable: equal scores must not fall as the machine's sort likes.
    order = np.argsort(own, kind="stable")
    is_by_lots = mix.weighting is Weighting.NOTIONAL
    crowd_kernels.lay_leverage(order, lots, is_by_lots, low, high, share, leverage)


def _enter(
    spec: CrowdSpec,
    mark_tick: int,
    steps: Steps,
    tiers: "TickTiers",
    key: np.uint64,
    is_long: NDArray[np.bool_],
    lots: NDArray[np.int64],
    leverage: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Draw entries until every position has one at which it would not have been taken."""
    from airpocket.cascade.crowd_kernels import TRIES, draw_entries  # noqa: PLC0415 — loads numba
    from airpocket.cascade.tick_margin_kernels import open_positions  # noqa: PLC0415

    entry, margin = np.empty(lots.size, np.int64), np.empty(lots.size, np.int64)
    law = spec.entries
    spread = law.spread if isinstance(law, LogNormalEntries) else -1.0
    life = law.half_life if isinstance(law, PathEntries) else None
    decay = math.log(2) / life if life else 0.0
    past = _past(law, mark_tick, steps)
    largest = (
        _LARGEST_MICRO if tiers.by_contracts else min(_LARGEST_MICRO, int(tiers.up_to[-1] // 2))
    )
    rows = np.arange(lots.size)
    tick, worst = np.empty(lots.size, np.int64), np.empty(lots.size, np.int64)
    cut = at_mark = 0
    for attempt in range(TRIES + 1):
        at_mark = rows.size
        draw_entries(key, attempt, rows, past, decay, spread, is_long, tick, worst)
        left, more = open_positions(
            rows, tick, worst, is_long, lots, tiers, largest, leverage, entry, margin
        )
        cut, rows = cut + more, rows[:left]
        if not left:
            break
    if rows.size:
        raise InputError(
            f"{spec.mix.name}: {rows.size:,} positions are taken at their own entry, the first at a"
            f" leverage of {leverage[rows[0]] / 1000:g}: the tiers allow a leverage that their"
            " maintenance does not"
        )
    return entry, margin, cut, at_mark if attempt == TRIES else 0


def _past(law: LogNormalEntries | PathEntries, mark_tick: int, steps: Steps) -> "Past":
    from airpocket.cascade.crowd_kernels import Past  # noqa: PLC0415 — loads numba

    ticks = np.array([mark_tick], dtype=np.int64)
    if isinstance(law, PathEntries):
        before = np.rint(law.prices / steps.tick)
        if before.min() < 1 or before.max() > 100 * mark_tick:
            raise InputError(
                f"prices: the past path goes from {law.prices.min():g} to {law.prices.max():g},"
                f" which a mark of {mark_tick * steps.tick:g} and a tick of {steps.tick:g} do not"
                " fit"
            )
        ticks = np.append(before.astype(np.int64), ticks)
    lowest = np.minimum.accumulate(ticks[::-1])[::-1].copy()
    highest = np.maximum.accumulate(ticks[::-1])[::-1].copy()
    return Past(ticks, lowest, highest)


def _orders(
    habits: OrderHabits | None,
    mark_tick: int,
    key_of: _Keys,
    is_long: NDArray[np.bool_],
    entry: NDArray[np.int64],
    taken_at: NDArray[np.int64],
) -> ConditionalOrders:
    from airpocket.cascade.crowd_kernels import Habits, place_orders  # noqa: PLC0415 — loads numba

    rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    ticks: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    counts = [0, 0]
    shares = () if habits is None else (habits.take_profit_share, habits.stop_share)
    for is_stop, share in enumerate(shares):
        if habits is None or not share:
            continue
        tick = np.empty(is_long.size, np.int64)
        kernel = Habits(
            key_of("stops" if is_stop else "take-profits"), share, bool(is_stop),
            habits.distance, habits.round_share, habits.beyond * mark_tick,
            habits.spacing(mark_tick),
        )  # fmt: skip
        counts[is_stop] = place_orders(kernel, mark_tick, is_long, entry, taken_at, tick)
        rows.append(np.flatnonzero(tick))
        ticks.append(tick[rows[-1]])
    is_stop_column = np.repeat(np.array([False, True]), counts)
    return ConditionalOrders(np.concatenate(rows), np.concatenate(ticks), is_stop_column)
