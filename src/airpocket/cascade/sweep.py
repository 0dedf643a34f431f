"""Thousands of shocks on one ladder and one impact law, each settled as it would be alone.

The ladder is laid out once for it: levels of one distance are one, each beside what is forced
before it, and bins of equal width say where to look. Within a bin the level is found by bisection,
so that no width of a bin changes a result.
"""

from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from airpocket.cascade.impact import Curve, Impact
from airpocket.cascade.outcome import StopReason
from airpocket.cascade.prepared import PreparedLadder
from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["STOPS", "SettledMany", "SweepTable", "settle_many", "tabled"]

STOPS: Final = (
    StopReason.SETTLED,
    StopReason.LADDER_EXHAUSTED,
    StopReason.BOOK_EMPTY,
    StopReason.ROUNDS_MAX,
)
"""What the codes of :attr:`SettledMany.stop` point into."""

_BINS_LEAST, _BINS_MOST = 1 << 14, 1 << 20
_BINS_A_LEVEL: Final = 2  # the next power of two above it
_NEAR: Final = 0.95  # share of the levels that the bins cover; those beyond are in the last one


@final
class SweepTable(Struct, frozen=True, kw_only=True, eq=False):
    """One side of a ladder, laid out for many shocks; of :func:`tabled`.

    Parameters
    ----------
    side, first_price, farthest
        Whose positions, the price before any shock, and the farthest distance there is.
    ladder
        Distance of each level and dollars forced before it; the last row holds all dollars. Shape
        (n + 1, 2).
    start, per_unit
        First level of each bin, and bins in a distance of 1.
    """

    side: Side
    first_price: float
    farthest: float
    ladder: NDArray[np.float64]
    start: NDArray[np.int32]
    per_unit: float


@final
class SettledMany(Struct, frozen=True, eq=False):
    """Where each of many shocks ended; columns of one length (s,).

    Parameters
    ----------
    fall
        Distance from the first price at rest, a fraction in the losing direction.
    forced_usd
        Closed by force.
    waves
        How many waves there were, the shock among them.
    stop
        Why it ended: index in :data:`STOPS`.
    """

    fall: NDArray[np.float64]
    forced_usd: NDArray[np.float64]
    waves: NDArray[np.int64]
    stop: NDArray[np.int8]

    @property
    def size(self) -> int:
        """Number of shocks."""
        return int(self.fall.size)

    def reason(self, at: int) -> StopReason:
        """Tell why one of them ended."""
        return STOPS[int(self.stop[at])]


def tabled(prepared: PreparedLadder, width: float = 0.0) -> SweepTable:
    """Lay a prepared ladder out for many shocks: once, some 30 ns a level.

    Parameters
    ----------
    prepared
        Of :func:`airpocket.cascade.prepared.prepare`.
    width
        0: each level stays where it is. Above: levels are put together at the near edge of bins so
        wide (1e-5 is a tenth of a basis point), which is faster where a million levels have a
        price each. Each is then met up to ``width`` too early, so that a shock of x0 ends no nearer
        than it would, and no farther than a shock of x0 + width would, less width.

    Raises
    ------
    InputError
        If the width is negative, or 1 or more.
    """
    if not 0 <= width < 1:
        raise InputError(f"bins of {width!r} of the price: give 0 or a small fraction, as 1e-5")
    distance, forced = prepared.distance, prepared.cumulative_usd
    if width > 0:
        distance = np.minimum(np.floor(distance / width) * width, distance)
    last = np.flatnonzero(np.append(distance[1:] != distance[:-1], [True] * (distance.size > 0)))
    ladder = np.empty((last.size + 1, 2))
    ladder[:-1, 0], ladder[-1, 0] = distance[last], np.inf
    ladder[0, 1], ladder[1:, 1] = 0.0, forced[last + 1]
    start, per_unit = _binned(np.ascontiguousarray(ladder[:-1, 0]))
    return SweepTable(
        side=prepared.side,
        first_price=prepared.first_price,
        farthest=prepared.farthest,
        ladder=ladder,
        start=start,
        per_unit=per_unit,
    )


def settle_many(
    ladder: PreparedLadder | SweepTable,
    impact: Impact,
    moves: ArrayLike = 0.0,
    order_usd: ArrayLike = 0.0,
    absorbed: ArrayLike = 0.0,
    depth_factor: ArrayLike = 1.0,
    *,
    rounds_most: int = 10_000,
) -> SettledMany:
    """Settle many shocks on one ladder under one impact law.

    Each is what :func:`airpocket.cascade.settle.settle` finds for it, with the law
    ``impact.thinned(depth_factor)``; where a factor is not a power of four the two may round their
    dollars differently in the last digit.

    Parameters
    ----------
    ladder
        Prepared, or laid out by :func:`tabled` where it is used more than once.
    impact
        The law, before it is thinned.
    moves
        Moves of the price, signed fractions: ``-0.03`` is a fall of 3 %.
    order_usd
        Market orders in the book, dollars.
    absorbed
        Shares of what is forced that a backstop takes off the book, 0 to below 1.
    depth_factor
        Shares of the depth that are there, above 0.
    rounds_most
        Most waves after a shock.

    Returns
    -------
    SettledMany
        One row a shock. Arrays and single figures are matched as numpy does it.

    Raises
    ------
    InputError
        If lengths do not match, a figure is out of bounds, or a move does not threaten the
        ladder's side.

    Examples
    --------
    >>> from airpocket.cascade.impact import BookWalk
    >>> from airpocket.cascade.prepared import prepare
    >>> from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance, levels_of
    >>> longs = levels_of(Side.LONG, np.array([98.0, 95.0]), np.array([1e6, 1e6]),
    ...     np.array([10_204.0, 10_526.0]))
    >>> waits = Layer(forced=Forced.LIQUIDATION, provenance=Provenance.MEASURED, longs=longs,
    ...     shorts=levels_of(Side.SHORT, np.empty(0), np.empty(0), np.empty(0)), source="made up")
    >>> made = Ladder(venue="x", symbol="X/USDT:USDT", mark_price=100.0, layers=(waits,))
    >>> book = Curve(np.array([2e6]), np.array([0.01]))
    >>> found = settle_many(prepare(made, Side.LONG), BookWalk(book, book), [-0.01, -0.02])
    >>> found.fall.tolist(), found.forced_usd.tolist()
    ([0.01, 0.03], [0.0, 1000000.0])
    """
    table = ladder if isinstance(ladder, SweepTable) else tabled(ladder)
    if rounds_most < 1:
        raise InputError(f"most rounds {rounds_most}: give 1 or more")
    begin, order, off_book, factor = _matched(moves, order_usd, absorbed, depth_factor)
    _refuse(table.side, begin, order, off_book, factor)
    curve = impact.curve(table.side, table.first_price)
    return _settled(table, curve, np.abs(begin), order, 1.0 - off_book, factor, rounds_most)


def _settled(
    table: SweepTable,
    curve: Curve,
    begin: NDArray[np.float64],
    order: NDArray[np.float64],
    kept: NDArray[np.float64],
    factor: NDArray[np.float64],
    rounds_most: int,
) -> SettledMany:
    from airpocket.cascade.sweep_kernels import settle_scenarios  # noqa: PLC0415 — loads numba

    usd_start, usd_per_unit = _binned(curve.usd)
    count = begin.size
    end, passed, waves = np.empty(count), np.empty(count, np.int64), np.empty(count, np.int64)
    at_rest = np.empty(count, np.bool_)
    settle_scenarios(
        table.ladder,
        table.start,
        table.per_unit,
        curve.usd,
        curve.fall,
        curve.law,
        usd_start,
        usd_per_unit,
        begin,
        order,
        kept,
        factor,
        table.farthest,
        rounds_most,
        end,
        passed,
        waves,
        at_rest,
    )
    forced = table.ladder[passed, 1]
    stop = _stops(table, curve, passed, kept * forced + order, factor, at_rest)
    return SettledMany(end, forced, waves + 1, stop)


def _binned(value: NDArray[np.float64]) -> tuple[NDArray[np.int32], float]:
    """Lay bins of equal width over ascending values; the few far ones share the last."""
    from airpocket.cascade.sweep_kernels import bin_starts  # noqa: PLC0415 — loads numba

    bins = _BINS_LEAST
    while bins < min(_BINS_A_LEVEL * value.size, _BINS_MOST):
        bins *= 2
    span = float(value[int(_NEAR * (value.size - 1))]) if value.size else 0.0
    per_unit = (bins - 1) / span if span > 0 else 0.0
    start = np.empty(bins + 1, dtype=np.int32)
    bin_starts(value, per_unit, start)
    return start, per_unit


def _matched(*given: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    try:
        columns = [np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in given]
        matched = np.broadcast_arrays(*columns)
    except ValueError as error:
        raise InputError(f"scenarios: columns do not match ({error})") from error
    if matched[0].ndim != 1:
        raise InputError(f"scenarios: give columns of one dimension, not {matched[0].ndim}")
    return tuple(np.ascontiguousarray(one) for one in matched)


def _refuse(
    side: Side,
    moves: NDArray[np.float64],
    order_usd: NDArray[np.float64],
    absorbed: NDArray[np.float64],
    depth_factor: NDArray[np.float64],
) -> None:
    """Refuse what a shock or a law would refuse, naming the first of them."""
    signed = moves if side is Side.LONG else -moves
    rules = (
        ("moves", moves, (moves > -1) & (moves < 1e6), "a fraction above -1, such as -0.03"),
        ("moves", moves, ~(signed > 0), f"one that threatens {side.value}s"),
        ("order_usd", order_usd, (order_usd >= 0) & (order_usd < 1e18), "dollars, 0 or more"),
        ("absorbed", absorbed, (absorbed >= 0) & (absorbed < 1), "0 or more and below 1"),
        (
            "depth_factor",
            depth_factor,
            (depth_factor > 0) & (depth_factor < 1e12),
            "a number above 0",
        ),
    )
    for name, column, good, wanted in rules:
        if not bool(good.all()):
            at = int(np.argmin(good))
            raise InputError(f"scenario {at + 1:,}: {name} is {float(column[at])!r}: give {wanted}")


def _stops(
    table: SweepTable,
    curve: Curve,
    passed: NDArray[np.int64],
    amount: NDArray[np.float64],
    factor: NDArray[np.float64],
    at_rest: NDArray[np.bool_],
) -> NDArray[np.int8]:
    stop = np.full(passed.size, STOPS.index(StopReason.SETTLED), dtype=np.int8)
    levels = table.ladder.shape[0] - 1
    if levels:
        stop[passed == levels] = STOPS.index(StopReason.LADDER_EXHAUSTED)
    if curve.is_table:
        stop[amount > curve.usd[-1] * factor] = STOPS.index(StopReason.BOOK_EMPTY)
    stop[~at_rest] = STOPS.index(StopReason.ROUNDS_MAX)
    return stop
