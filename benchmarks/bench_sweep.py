"""Ten thousand shocks on one ladder of a million positions, beside numpy doing all waves in batches.

The peer is what one writes in numpy: prefix sums once, then for all scenarios that still move one
``searchsorted`` in the ladder and one square root (or one ``searchsorted`` in the book) a wave.
Ours is the public call on a ladder laid out before, as the peer's sums are made before; what laying
out costs is told beside. Where each scenario ends must agree to the last bit; where levels were put
together in bins, it must lie within the bound that is stated for it.
"""

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from airpocket.cascade.impact import BookWalk, Curve, Impact, SquareRoot
from airpocket.cascade.prepared import prepare
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.sweep import SettledMany, settle_many, tabled
from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance, levels_of
from airpocket.market.events import Side
from benchmarks.side_by_side import side_by_side

POSITIONS = 1_000_000
SCENARIOS = 10_000
ALONE = 200
MARK = 60_000.0
GOAL = 8.0
Column = NDArray[np.float64]


def ladder(tick: float | None) -> Ladder:
    """Make a ladder of a million longs within 60 % of the mark."""
    draws = np.random.default_rng(1)
    price = MARK * (1 - draws.uniform(0.0005, 0.6, POSITIONS))
    if tick is not None:
        price = np.round(price / tick) * tick
    usd = draws.lognormal(9.0, 1.2, POSITIONS)
    none = np.empty(0)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=levels_of(Side.LONG, price, usd, usd / price),
        shorts=levels_of(Side.SHORT, none, none, none),
        source="drawn",
    )
    return Ladder(venue="x", symbol="BTC/USDT:USDT", mark_price=MARK, layers=(layer,))


def scenarios() -> tuple[Column, Column, Column]:
    """Draw falls of up to 5 %, absorbed shares and what is left of the depth."""
    draws = np.random.default_rng(2)
    falls = draws.uniform(0.0, 0.05, SCENARIOS)
    return falls, draws.uniform(0.0, 0.5, SCENARIOS), draws.choice([0.25, 1.0], SCENARIOS)


def batched(
    distance: Column,
    forced: Column,
    curve: Curve,
    falls: Column,
    absorbed: Column,
    factors: Column,
) -> tuple[Column, Column]:
    """Settle all scenarios a wave at a time in numpy; those at rest are left out of the next."""
    slope = curve.coefficient * math.sqrt(curve.linear_below_usd)
    x, at = falls.copy(), np.searchsorted(distance, falls, side="right")
    moving = np.arange(falls.size)
    while moving.size:
        taken = (1.0 - absorbed[moving]) * forced[at[moving]]
        share = factors[moving]
        if curve.is_table:
            row = np.searchsorted(curve.usd, taken / share)
            impact = np.where(taken > 0, curve.fall[np.minimum(row, curve.fall.size - 1)], 0.0)
        else:
            below = curve.linear_below_usd
            line = slope * (taken / share / below)
            impact = np.where(
                taken / share < below, line, curve.coefficient * np.sqrt(taken / share)
            )
        then = np.minimum(falls[moving] + impact, 1.0)
        x[moving] = then
        level = np.searchsorted(distance, then, side="right")
        still = level != at[moving]
        at[moving] = level
        moving = moving[still]
    return x, forced[at]


def laws() -> dict[str, Impact]:
    """A square root law, and a book of 2,000 levels."""
    steps = np.full(2_000, 3e-4)
    usd = np.cumsum(np.linspace(2e5, 4e7, 2_000))
    book = Curve(usd, np.cumsum(steps))
    return {
        "square root": SquareRoot(daily_volatility=0.08, daily_volume_usd=17.5e9),
        "book of 2,000 levels": BookWalk(book, book),
    }


def compare(what: str, tick: float | None, width: float = 0.0) -> list[str]:
    """Measure both laws on one ladder, its levels put together in bins of ``width`` if that is."""
    ready = prepare(ladder(tick), Side.LONG)
    tabled(ready, width)  # loads the compiled kernels
    began = time.process_time()
    table = tabled(ready, width)
    laid_s = time.process_time() - began
    falls, absorbed, factors = scenarios()
    moves = -falls
    levels = table.ladder.shape[0] - 1
    lines = [
        f"{what}: {POSITIONS:,} positions, {levels:,} levels, laid out in {laid_s * 1e3:.0f} ms"
    ]
    for name, law in laws().items():
        curve = law.curve(Side.LONG, MARK)

        def ours(law: Impact = law) -> SettledMany:
            return settle_many(table, law, moves, 0.0, absorbed, factors)

        def peer(curve: Curve = curve) -> tuple[Column, Column]:
            return batched(ready.distance, ready.cumulative_usd, curve, falls, absorbed, factors)

        def alone(law: Impact = law) -> float:
            end = 0.0
            for at in range(ALONE):
                shock = Shock.by_move(float(moves[at]), absorbed=float(absorbed[at]))
                end = settle(ready, law.thinned(float(factors[at])), shock).fall
            return end

        told = name
        if width:
            larger = settle_many(ready, law, moves - width, 0.0, absorbed, factors).fall
            found, (exact, _) = ours().fall, peer()
            assert (exact <= found).all(), name
            assert (found <= larger - width + 1e-9).all(), name
            told = f"{name}, up to {(found - exact).max() * 1e4:.2g} bp off"
        lines.append(_line(told, ours, peer, alone, exact=not width))
    return lines


def _line(
    name: str,
    ours: Callable[[], SettledMany],
    peer: Callable[[], tuple[Column, Column]],
    alone: Callable[[], float],
    *,
    exact: bool,
) -> str:
    found, (end, forced) = ours(), peer()
    assert not exact or (found.fall == end).all(), (name, np.abs(found.fall - end).max())
    assert not exact or (found.forced_usd == forced).all(), name
    assert alone() == end[ALONE - 1], name
    timing = side_by_side({"ours": ours, "numpy": peer, "alone": alone})
    ratio = timing.ratio("numpy", "ours")
    each = timing.ratio("alone", "ours") * SCENARIOS / ALONE
    return (
        f"{name}, {found.waves.mean() - 1:.1f} waves: {1e3 / timing.ns('ours', SCENARIOS):.2f} M"
        f" scenarios/s, numpy in batches {1e6 / timing.ns('numpy', SCENARIOS):.0f} k:"
        f" {ratio:.1f} times (goal {GOAL:g}: {'met' if ratio >= GOAL else 'MISSED'});"
        f" settle one by one, with all it tells: {each:,.0f} times the time"
    )


def run() -> list[str]:
    """Measure a ladder on ticks, and one whose every position has a price of its own."""
    return [
        *compare("on ticks of 1 dollar", 1.0),
        *compare("not on ticks, put together in bins of 0.1 bp", None, 1e-5),
        *compare("not on ticks", None),
    ]
