"""How far a shock runs: forced orders move the price to where more of them wait, until it rests.

The mark falls by x0 (or an order is sold); what waits up to there is sold, which moves the price
to where more waits, and so on. The end is the least fixed point of

    x = x0 + I(((1 - a) L(x) - F(x) + order)+),

iterated upward from the shock, never from above: each iteration is a wave. L is what waits up to a
distance x, I the impact law, a what a backstop absorbs, F what others buy. Everything is counted in
the losing direction, so shorts are settled by the same code as longs.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.cascade.impact import Curve, Impact
from airpocket.cascade.outcome import Cascade, Fold, RangeOfLaws, StopReason, Wave
from airpocket.cascade.path import pockets_among
from airpocket.cascade.shock import Buying, Shock
from airpocket.cascade.waterfall import Payers, pour
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Levels, Provenance
from airpocket.market.events import Side

__all__ = ["PreparedLadder", "prepare", "settle", "settle_both"]

_WAVES_SHOWN: Final = 1_000
_FOLDS_SHOWN: Final = 1_000
_NOBODY: Final = Buying(np.empty(0), np.empty(0))


@final
class PreparedLadder(Struct, frozen=True, kw_only=True, eq=False):
    """One side of a ladder with its sums, made once for any number of shocks.

    Parameters
    ----------
    symbol, side, first_price, provenance
        What it is of.
    levels
        Nearest first, as they were.
    distance
        Of each level from the first price, a fraction in the losing direction, shape (n,).
    cumulative_usd, cumulative_qty
        Dollars and coins forced by the first i levels, shape (n + 1,).
    cumulative_count
        Positions, likewise; ``None`` where they are not known.
    """

    symbol: str
    side: Side
    first_price: float
    provenance: Provenance
    levels: Levels
    distance: NDArray[np.float64]
    cumulative_usd: NDArray[np.float64]
    cumulative_qty: NDArray[np.float64]
    cumulative_count: NDArray[np.int64] | None

    @property
    def farthest(self) -> float:
        """Farthest a price can go: all of it for a fall, any distance for a rise."""
        return 1.0 if self.side is Side.LONG else math.inf


class _Rest(NamedTuple):
    waves: int
    at_rest: bool
    held: bool
    ends: NDArray[np.float64]
    passed: NDArray[np.int64]


def prepare(
    ladder: Ladder, side: Side, provenance: Provenance = Provenance.MEASURED
) -> PreparedLadder:
    """Sum one side of a ladder up, so that each shock costs no more than its waves.

    Parameters
    ----------
    ladder
        What waits around a mark price.
    side
        Whose positions: longs wait below the mark, shorts above it.
    provenance
        Measured or estimated levels: the two are never added up.

    Returns
    -------
    PreparedLadder
        Levels that the mark has passed already count as met at any shock.
    """
    levels = ladder.side(side, provenance)
    first = ladder.mark_price
    away = first - levels.price if side is Side.LONG else levels.price - first
    distance = away / first
    if distance.size and not bool(np.all(distance[1:] >= distance[:-1])):
        raise InputError(f"ladder of {ladder.symbol}: {side.value}s are not ordered, nearest first")
    return PreparedLadder(
        symbol=ladder.symbol,
        side=side,
        first_price=first,
        provenance=provenance,
        levels=levels,
        distance=distance,
        cumulative_usd=np.concatenate((np.zeros(1), np.cumsum(levels.notional_usd))),
        cumulative_qty=np.concatenate((np.zeros(1), np.cumsum(levels.qty_base))),
        cumulative_count=None
        if levels.count is None
        else np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(levels.count))),
    )


def settle(
    ladder: Ladder | PreparedLadder,
    impact: Impact,
    shock: Shock,
    *,
    payers: Payers | None = None,
    provenance: Provenance = Provenance.MEASURED,
    rounds_most: int = 10_000,
    bin_bps: float = 10.0,
    jump_bps: float = 50.0,
) -> Cascade:
    """Settle one shock under one impact law.

    Parameters
    ----------
    ladder
        What waits; prepare it first where several shocks are settled.
    impact
        The law.
    shock
        What happens first.
    payers
        Who bears losses; ``None``: losses are not worked out.
    provenance
        Which levels of a ladder that is not prepared.
    rounds_most
        Most waves after the shock.
    bin_bps
        Width of the bins in which m is told, basis points of the first price.
    jump_bps
        Least jump of the end, as the shock grows, that counts as a fold.

    Returns
    -------
    Cascade
        Waves, end, m along the path, folds, who pays, and why it ended. With
        ``StopReason.BOOK_EMPTY`` all of it is "at least".

    Raises
    ------
    InputError
        If the shock threatens the other side, or a measure is not above 0.

    Examples
    --------
    >>> from airpocket.cascade.impact import BookWalk
    >>> from airpocket.leverage.ladder import Forced, Layer, levels_of
    >>> longs = levels_of(Side.LONG, np.array([98.0, 95.0]), np.array([1e6, 1e6]),
    ...     np.array([10_204.0, 10_526.0]))
    >>> waits = Layer(forced=Forced.LIQUIDATION, provenance=Provenance.MEASURED, longs=longs,
    ...     shorts=levels_of(Side.SHORT, np.empty(0), np.empty(0), np.empty(0)), source="made up")
    >>> ladder = Ladder(venue="x", symbol="X/USDT:USDT", mark_price=100.0, layers=(waits,))
    >>> book = Curve(np.array([2e6]), np.array([0.01]))
    >>> settled = settle(ladder, BookWalk(book, book), Shock.by_move(-0.02))
    >>> settled.fall, settled.forced_usd, settled.stop
    (0.03, 1000000.0, <StopReason.SETTLED: 'settled'>)
    """
    ready = (
        ladder if isinstance(ladder, PreparedLadder) else prepare(ladder, shock.side, provenance)
    )
    _refuse(ready, shock, rounds_most, bin_bps, jump_bps)
    curve = impact.curve(shock.side, ready.first_price)
    buying = shock.buying or _NOBODY
    alone = _alone(ready, curve, shock, buying, rounds_most)
    rest = _walk(ready.distance, ready.cumulative_usd, ready, curve, shock, buying, alone,
        rounds_most)  # fmt: skip
    level, end = int(rest.passed[-1]), float(rest.ends[-1])
    path_fall, path_m = _path(ready, curve, shock, buying, end, bin_bps / 1e4)
    folds = _folds(ready, curve, shock, buying, jump_bps / 1e4)
    forced = float(ready.cumulative_usd[level])
    return Cascade(
        law=impact.law,
        side=shock.side,
        first_price=ready.first_price,
        shocked_price=_price(ready, alone),
        last_price=_price(ready, end),
        shock=alone,
        fall=end,
        waves=_waves(ready, rest),
        waves_count=rest.waves + 1,
        forced_usd=forced,
        forced_qty_base=float(ready.cumulative_qty[level]),
        forced_count=None if ready.cumulative_count is None else int(ready.cumulative_count[level]),
        bought_usd=_bought(forced, curve, shock, buying, end, held=rest.held),
        path_fall=path_fall,
        path_m=path_m,
        folds=folds,
        critical_shock=folds[0].shock if folds else None,
        critical_order_usd=folds[0].order_usd if folds else None,
        air_pockets=pockets_among(path_m, bin_bps / 1e4, ready.first_price, shock.side),
        waterfall=pour(ready.levels, level, curve, shock, payers, ready.first_price, end),
        stop=_stop(ready, curve, shock, buying, rest),
    )


def settle_both(
    ladder: Ladder | PreparedLadder,
    impacts: Iterable[Impact],
    shock: Shock,
    *,
    payers: Payers | None = None,
    provenance: Provenance = Provenance.MEASURED,
    rounds_most: int = 10_000,
    bin_bps: float = 10.0,
    jump_bps: float = 50.0,
) -> RangeOfLaws:
    """Settle one shock under several laws; parameters as of :func:`settle`.

    Raises
    ------
    InputError
        If no law is given, or as :func:`settle` does.
    """
    ready = (
        ladder if isinstance(ladder, PreparedLadder) else prepare(ladder, shock.side, provenance)
    )
    cascades = tuple(
        settle(
            ready,
            impact,
            shock,
            payers=payers,
            rounds_most=rounds_most,
            bin_bps=bin_bps,
            jump_bps=jump_bps,
        )
        for impact in impacts
    )
    if not cascades:
        raise InputError("no impact law is given: give at least one")
    return RangeOfLaws(cascades)


def _refuse(
    ready: PreparedLadder, shock: Shock, rounds_most: int, bin_bps: float, jump_bps: float
) -> None:
    if ready.side is not shock.side:
        raise InputError(
            f"the shock threatens {shock.side.value}s, the ladder was prepared for"
            f" {ready.side.value}s"
        )
    if rounds_most < 1:
        raise InputError(f"most rounds {rounds_most}: give 1 or more")
    for name, measure in (("bins", bin_bps), ("jumps", jump_bps)):
        if not 0.01 <= measure <= 1e4:
            raise InputError(f"{name} of {measure!r} basis points: give 0.01 to 10,000")


def _price(ready: PreparedLadder, fall: float) -> float:
    sign = 1.0 if ready.side is Side.LONG else -1.0
    return ready.first_price * (1.0 - sign * fall)


def _alone(
    ready: PreparedLadder, curve: Curve, shock: Shock, buying: Buying, rounds_most: int
) -> float:
    """Find where the shock ends if nothing is forced."""
    if not shock.order_usd:
        return shock.fall
    nothing = np.empty(0), np.zeros(1)
    return float(_walk(*nothing, ready, curve, shock, buying, shock.fall, rounds_most).ends[-1])


def _walk(
    distance: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    ready: PreparedLadder,
    curve: Curve,
    shock: Shock,
    buying: Buying,
    first: float,
    rounds_most: int,
) -> _Rest:
    from airpocket.cascade.kernels import walk  # noqa: PLC0415 — loads numba

    room = min(rounds_most, _WAVES_SHOWN) + 1
    ends, passed = np.empty(room), np.empty(room, dtype=np.int64)
    waves, at_rest, held = walk(
        distance,
        cumulative,
        curve.usd,
        curve.fall,
        curve.law,
        buying.fall,
        buying.usd,
        shock.fall,
        first,
        float(shock.order_usd or 0.0),
        1.0 - shock.absorbed,
        ready.farthest,
        rounds_most,
        ends,
        passed,
    )
    shown = min(waves + 1, room)
    return _Rest(waves, at_rest, held, ends[:shown], passed[:shown])


def _waves(ready: PreparedLadder, rest: _Rest) -> tuple[Wave, ...]:
    """Tell the first waves; those that there was no room for are in the totals only."""
    shown = min(rest.waves + 1, _WAVES_SHOWN)
    usd = np.diff(ready.cumulative_usd[rest.passed[:shown]], prepend=0.0).tolist()
    qty = np.diff(ready.cumulative_qty[rest.passed[:shown]], prepend=0.0).tolist()
    counts = (
        [None] * shown
        if ready.cumulative_count is None
        else np.diff(ready.cumulative_count[rest.passed[:shown]], prepend=0).tolist()
    )
    falls = rest.ends[:shown].tolist()
    prices = [ready.first_price, *(_price(ready, fall) for fall in falls)]
    return tuple(
        Wave(number, prices[number], prices[number + 1], falls[number], usd[number], qty[number],
            counts[number])
        for number in range(shown)
    )  # fmt: skip


def _path(
    ready: PreparedLadder, curve: Curve, shock: Shock, buying: Buying, end: float, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from airpocket.cascade.kernels import gains  # noqa: PLC0415 — loads numba

    bins = math.ceil(end / width - 1e-9)
    gain = np.empty(bins)
    gains(
        ready.distance,
        ready.cumulative_usd,
        curve.usd,
        curve.fall,
        curve.law,
        buying.fall,
        buying.usd,
        float(shock.order_usd or 0.0),
        1.0 - shock.absorbed,
        width,
        gain,
    )
    return np.arange(1, bins + 1) * width, gain


def _folds(
    ready: PreparedLadder, curve: Curve, shock: Shock, buying: Buying, least: float
) -> tuple[Fold, ...]:
    from airpocket.cascade.kernels import sweep  # noqa: PLC0415 — loads numba

    found = np.empty((_FOLDS_SHOWN, 3))
    by_order = shock.order_usd is not None
    count = sweep(
        ready.distance,
        ready.cumulative_usd,
        curve.usd,
        curve.fall,
        curve.law,
        buying.fall,
        buying.usd,
        shock.fall,
        0.0,
        1.0 - shock.absorbed,
        by_order,
        ready.farthest,
        least,
        found,
    )
    rows = found[: min(count, _FOLDS_SHOWN)].tolist()
    if not by_order:
        return tuple(Fold(*row) for row in rows)
    return tuple(
        Fold(min(shock.fall + curve.at(usd), ready.farthest), before, beyond, usd)
        for usd, before, beyond in rows
    )


def _bought(
    forced: float, curve: Curve, shock: Shock, buying: Buying, end: float, *, held: bool
) -> float:
    """Tell what others bought: all that they had, or what was needed to hold the price."""
    supply = (1.0 - shock.absorbed) * forced + (shock.order_usd or 0.0)
    most = min(buying.at(end), supply)
    if not held:
        return most
    from airpocket.cascade.kernels import capacity_of  # noqa: PLC0415 — loads numba

    room = capacity_of(math.nextafter(end - shock.fall, math.inf), curve.usd, curve.fall, curve.law)
    least = buying.at(math.nextafter(end, 0.0))
    return max(least, min(most, supply - room))


def _stop(
    ready: PreparedLadder, curve: Curve, shock: Shock, buying: Buying, rest: _Rest
) -> StopReason:
    level, end = int(rest.passed[-1]), float(rest.ends[-1])
    supply = (1.0 - shock.absorbed) * float(ready.cumulative_usd[level]) + (shock.order_usd or 0.0)
    amount = supply - buying.at(end)
    if not rest.at_rest:
        return StopReason.ROUNDS_MAX
    if curve.is_table and amount > curve.usd[-1]:
        return StopReason.BOOK_EMPTY
    if supply > 0 and buying.fall.size and (rest.held or amount <= 0):
        return StopReason.BUYERS_ABSORBED
    if level and level == ready.distance.size:
        return StopReason.LADDER_EXHAUSTED
    return StopReason.SETTLED
