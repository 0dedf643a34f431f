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
from itertools import starmap
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from airpocket.cascade.folds import folds_of
from airpocket.cascade.impact import Curve, Impact
from airpocket.cascade.outcome import Cascade, RangeOfLaws, StopReason, Wave
from airpocket.cascade.path import gains_along, pockets_among
from airpocket.cascade.prepared import PreparedLadder, prepare, waiting_of
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers, pour_losses
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance

if TYPE_CHECKING:
    from airpocket.cascade.kernels import Waiting

__all__ = ["PreparedLadder", "prepare", "settle", "settle_both"]

_WAVES_SHOWN: Final = 1_000
_NOTHING: Final = np.empty(0)


class _Rest(NamedTuple):
    """Where the walk ended: waves after the shock, and each one's end and levels passed."""

    waves: int
    at_rest: bool
    held: bool
    ends: NDArray[np.float64]
    passed: NDArray[np.int64]

    @property
    def fall(self) -> float:
        return float(self.ends[-1])

    @property
    def level(self) -> int:
        return int(self.passed[-1])


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
    >>> from airpocket.market.events import Side
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
    ready = _ready(ladder, shock, provenance)
    _refuse(rounds_most, bin_bps, jump_bps)
    curve = impact.curve(shock.side, ready.first_price)
    waiting, width = waiting_of(ready, shock), bin_bps / 1e4
    alone = shock.fall
    if shock.order_usd:
        alone = _walk(waiting._replace(distance=_NOTHING), curve, shock, alone, rounds_most).fall
    rest = _walk(waiting, curve, shock, alone, rounds_most)
    level, end, counts = rest.level, rest.fall, ready.cumulative_count
    path_fall, path_m = gains_along(waiting, curve, shock.order_usd or 0.0, end, width)
    folds = folds_of(waiting, curve, shock, jump_bps / 1e4)
    return Cascade(
        law=impact.law,
        side=shock.side,
        first_price=ready.first_price,
        shocked_price=ready.price_at(alone),
        last_price=ready.price_at(end),
        shock=alone,
        fall=end,
        waves=_waves(ready, rest),
        waves_count=rest.waves + 1,
        forced_usd=float(ready.cumulative_usd[level]),
        forced_qty_base=float(ready.cumulative_qty[level]),
        forced_count=None if counts is None else int(counts[level]),
        bought_usd=_bought(ready, curve, shock, rest),
        path_fall=path_fall,
        path_m=path_m,
        folds=folds,
        critical_shock=folds[0].shock if folds else None,
        critical_order_usd=folds[0].order_usd if folds else None,
        air_pockets=pockets_among(path_m, width, ready),
        waterfall=pour_losses(ready, level, curve, shock, payers, end),
        stop=_stop(ready, curve, shock, rest),
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
    ready = _ready(ladder, shock, provenance)
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


def _ready(ladder: Ladder | PreparedLadder, shock: Shock, provenance: Provenance) -> PreparedLadder:
    if isinstance(ladder, Ladder):
        return prepare(ladder, shock.side, provenance)
    if ladder.side is not shock.side:
        raise InputError(
            f"the shock threatens {shock.side.value}s, the ladder was prepared for"
            f" {ladder.side.value}s"
        )
    return ladder


def _refuse(rounds_most: int, bin_bps: float, jump_bps: float) -> None:
    if rounds_most < 1:
        raise InputError(f"most rounds {rounds_most}: give 1 or more")
    for name, measure in (("bins", bin_bps), ("jumps", jump_bps)):
        if not 0.01 <= measure <= 1e4:
            raise InputError(f"{name} of {measure!r} basis points: give 0.01 to 10,000")


def _walk(waiting: "Waiting", curve: Curve, shock: Shock, first: float, rounds_most: int) -> _Rest:
    from airpocket.cascade.kernels import walk  # noqa: PLC0415 — loads numba

    room = min(rounds_most, _WAVES_SHOWN) + 1
    ends, passed = np.empty(room), np.empty(room, dtype=np.int64)
    waves, at_rest, held = walk(
        waiting,
        curve.usd,
        curve.fall,
        curve.law,
        shock.fall,
        first,
        float(shock.order_usd or 0.0),
        rounds_most,
        ends,
        passed,
    )
    shown = min(waves + 1, room)
    return _Rest(waves, at_rest, held, ends[:shown], passed[:shown])


def _waves(ready: PreparedLadder, rest: _Rest) -> tuple[Wave, ...]:
    """Tell the first waves; those that there was no room for are in the totals only."""
    shown = min(rest.waves + 1, _WAVES_SHOWN)
    passed, falls = rest.passed[:shown], rest.ends[:shown].tolist()
    usd = _steps(ready.cumulative_usd[passed].tolist())
    qty = _steps(ready.cumulative_qty[passed].tolist())
    counts: list[int | None] = [None] * shown
    if ready.cumulative_count is not None:
        counts = [int(step) for step in _steps(ready.cumulative_count[passed].tolist())]
    prices = [ready.first_price, *ready.prices_at(rest.ends[:shown]).tolist()]
    rows = zip(range(shown), prices[:-1], prices[1:], falls, usd, qty, counts, strict=True)
    return tuple(starmap(Wave, rows))


def _steps(sums: list[float]) -> list[float]:
    """Take sums apart again."""
    return [now - before for before, now in zip([0, *sums], sums, strict=False)]


def _supply(ready: PreparedLadder, shock: Shock, rest: _Rest) -> float:
    """Tell what is sold: the order, and what is forced and not absorbed."""
    forced = float(ready.cumulative_usd[rest.level])
    return (1.0 - shock.absorbed) * forced + (shock.order_usd or 0.0)


def _bought(ready: PreparedLadder, curve: Curve, shock: Shock, rest: _Rest) -> float:
    """Tell what others bought: all they would, all there was, or what held the price."""
    if shock.buying is None:
        return 0.0
    supply = _supply(ready, shock, rest)
    most = min(shock.buying.at(rest.fall), supply)
    if not rest.held:
        return most
    before = shock.buying.at(math.nextafter(rest.fall, 0.0))
    taken = curve.room(rest.fall - shock.fall)
    return max(min(before, supply), min(most, supply - taken))


def _stop(ready: PreparedLadder, curve: Curve, shock: Shock, rest: _Rest) -> StopReason:
    if not rest.at_rest:
        return StopReason.ROUNDS_MAX
    supply = _supply(ready, shock, rest)
    bought = 0.0 if shock.buying is None else shock.buying.at(rest.fall)
    if curve.is_table and supply - bought > curve.usd[-1]:
        return StopReason.BOOK_EMPTY
    if supply > 0 and (rest.held or bought >= supply):
        return StopReason.BUYERS_ABSORBED
    if rest.level and rest.level == ready.distance.size:
        return StopReason.LADDER_EXHAUSTED
    return StopReason.SETTLED
