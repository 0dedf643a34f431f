"""A ladder and a book on one price axis: dollars in buckets of a round width, both sides."""

import math
from collections.abc import Mapping
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.app.depth_sources import SeenDepth
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.outcome import AirPocket
from airpocket.errors import InputError
from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance
from airpocket.market.events import Side

__all__ = [
    "Bucket",
    "LadderMap",
    "MapSide",
    "buckets_of",
    "decimals_of",
    "is_in_pocket",
    "say_price",
]

_ROWS: Final = 14  # buckets a side, at most
_SHOWN: Final = 0.9  # of the dollars, if they are not farther away than _REACH_MOST
_REACH_LEAST: Final = 0.02
_REACH_MOST: Final = 0.35
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


class Bucket(Struct, frozen=True):
    """Dollars between two prices.

    Parameters
    ----------
    low, high
        Prices; the one that bounds it towards the mark may be the mark itself.
    liquidations_usd, stops_usd
        Measured.
    estimated_usd
        Estimated, of both kinds; never added to what is measured.
    count
        Measured positions and orders; ``None`` where it is not known.
    depth_usd
        What the book in sight holds there; ``None`` where it does not reach, or if none is given.
    """

    low: float
    high: float
    liquidations_usd: float
    stops_usd: float
    estimated_usd: float
    count: int | None
    depth_usd: float | None

    @property
    def measured_usd(self) -> float:
        """Liquidations and stops that were measured."""
        return self.liquidations_usd + self.stops_usd


@final
class MapSide(Struct, frozen=True):
    """One side of a map: buckets from the mark outward, and what lies beyond them.

    ``beyond_usd`` and ``beyond_estimated_usd`` lie farther out than the last bucket;
    ``book_ends`` is the price at which the book in sight does.
    """

    side: Side
    buckets: tuple[Bucket, ...]
    measured_usd: float
    estimated_usd: float
    beyond_usd: float
    beyond_estimated_usd: float
    air_pockets: tuple[AirPocket, ...] = ()
    book_ends: float | None = None


@final
class LadderMap(Struct, frozen=True, kw_only=True):
    """A ladder against depth, ready to be drawn.

    Parameters
    ----------
    ladder
        What waits.
    step
        Width of a bucket in price.
    longs, shorts
        Below and above the mark.
    depth
        The book beside it, if one is given.
    assumed
        Of ladder and book together, a sentence each.
    """

    ladder: Ladder
    step: float
    longs: MapSide
    shorts: MapSide
    depth: SeenDepth | None = None
    assumed: tuple[str, ...] = ()

    @property
    def pockets(self) -> tuple[tuple[Side, AirPocket], ...]:
        """Air-pockets of both sides, the nearest to the mark first."""
        found = [
            (one.side, pocket) for one in (self.longs, self.shorts) for pocket in one.air_pockets
        ]
        return tuple(sorted(found, key=lambda row: row[1].trigger))

    @property
    def most_usd(self) -> float:
        """Most dollars that wait in one bucket, measured or estimated."""
        return max(
            (
                max(b.measured_usd, b.estimated_usd)
                for b in (*self.longs.buckets, *self.shorts.buckets)
            ),
            default=0.0,
        )


def buckets_of(
    ladder: Ladder,
    *,
    seen: SeenDepth | None = None,
    walk: BookWalk | None = None,
    air_pockets: Mapping[Side, tuple[AirPocket, ...]] | None = None,
    within: float | None = None,
    rows: int = _ROWS,
) -> LadderMap:
    """Sort a ladder and the book beside it into buckets.

    Parameters
    ----------
    ladder
        What waits.
    seen, walk
        The book as it was read, and as it is walked; both or none.
    air_pockets
        Of each side, by the book walk.
    within
        Fraction of the mark that is shown to both sides; ``None``: as far as nine tenths of the
        dollars reach, from 2 to 35 %.
    rows
        Buckets a side, at most.

    Raises
    ------
    InputError
        If the ladder holds nothing, or nothing can be shown within the distance.
    """
    if not any(layer.side(side).size for layer in ladder.layers for side in Side):
        raise InputError(
            f"nothing is known to wait around {ladder.symbol} at {ladder.mark_price:,.6g}: the "
            "source holds no level on either side of that price"
        )
    if within is not None and not 0 < within < 1:
        raise InputError(f"a distance of {within:g} is none to show: give 1% to 99%")
    reach = _reach(ladder) if within is None else within
    step = _step(ladder.mark_price * reach / rows)
    pockets = air_pockets or {}
    sides = {side: _side(ladder, side, step, reach, walk, pockets.get(side, ())) for side in Side}
    assumed = [] if seen is None else [*seen.assumed]
    assumed += [said for layer in ladder.layers for said in layer.assumed]
    return LadderMap(
        ladder=ladder,
        step=step,
        longs=sides[Side.LONG],
        shorts=sides[Side.SHORT],
        depth=seen,
        assumed=tuple(dict.fromkeys(assumed)),
    )


def _reach(ladder: Ladder) -> float:
    """Find how far from the mark most of the dollars wait, of what is measured and estimated."""
    reach = _REACH_LEAST
    for known in Provenance:
        sides = [ladder.side(side, known) for side in Side]
        distance = np.concatenate([np.abs(one.price / ladder.mark_price - 1) for one in sides])
        if not distance.size:
            continue
        order = np.argsort(distance)
        filled = np.cumsum(np.concatenate([one.notional_usd for one in sides])[order])
        at = int(np.searchsorted(filled, _SHOWN * filled[-1]))
        reach = max(reach, float(distance[order][at]) * (1 + 1e-6))  # with the level itself
    return min(reach, _REACH_MOST)


def _step(width: float) -> float:
    """Round a width up to 1, 2, 2.5 or 5 times a power of ten.

    Examples
    --------
    >>> _step(431.0), _step(0.0021)
    (500.0, 0.0025)
    """
    power = 10.0 ** math.floor(math.log10(width))
    factor = next(one for one in _ROUND if one * power >= width * (1 - 1e-12))
    return float(f"{factor * power:.3g}")


def _side(
    ladder: Ladder,
    side: Side,
    step: float,
    reach: float,
    walk: BookWalk | None,
    pockets: tuple[AirPocket, ...],
) -> MapSide:
    waits = any(layer.side(side).size for layer in ladder.layers)
    edges = _edges(ladder.mark_price, side, step, reach if waits else 0.0)
    sums = {
        (layer.forced, layer.provenance): _binned(layer, side, edges)[0] for layer in ladder.layers
    }
    none = np.zeros(edges.size - 1)
    liquidations = sums.get((Forced.LIQUIDATION, Provenance.MEASURED), none)
    stops = sums.get((Forced.STOP, Provenance.MEASURED), none)
    estimated = sum(
        (held for (_, known), held in sums.items() if known is Provenance.ESTIMATED), none
    )
    counts = _counts(ladder, side, edges)
    curve = _curve(walk, side, ladder.mark_price)
    depth = _depth(curve, edges, ladder.mark_price)
    total = {
        known: ladder.side(side, known).total_usd if ladder.has(known) else 0.0
        for known in Provenance
    }
    measured, guessed = total[Provenance.MEASURED], total[Provenance.ESTIMATED]
    sign = -1.0 if side is Side.LONG else 1.0
    shown = _shown(ladder, side, edges, depth)
    return MapSide(
        side=side,
        buckets=tuple(
            Bucket(
                low=float(min(edges[at], edges[at + 1])),
                high=float(max(edges[at], edges[at + 1])),
                liquidations_usd=float(liquidations[at]),
                stops_usd=float(stops[at]),
                estimated_usd=float(estimated[at]),
                count=None if counts is None else int(counts[at]),
                depth_usd=None if math.isnan(depth[at]) else float(depth[at]),
            )
            for at in range(shown)
        ),
        measured_usd=measured,
        estimated_usd=guessed,
        beyond_usd=max(measured - float((liquidations + stops).sum()), 0.0),
        beyond_estimated_usd=max(guessed - float(estimated.sum()), 0.0),
        air_pockets=pockets,
        book_ends=(
            None if curve is None else ladder.mark_price * (1 + sign * float(curve.fall[-1]))
        ),
    )


def _shown(
    ladder: Ladder, side: Side, edges: NDArray[np.float64], depth: NDArray[np.float64]
) -> int:
    """Count the buckets up to the last that holds a level or some of the book."""
    held = ~np.isnan(depth)
    for layer in ladder.layers:
        at = _binned(layer, side, edges)[1]
        if bool((at >= held.size).any()):
            return held.size  # what lies beyond them is told, beyond the last
        held[at[at >= 0]] = True
    return int(np.flatnonzero(held)[-1]) + 1 if held.any() else 0


def _edges(mark: float, side: Side, step: float, reach: float) -> NDArray[np.float64]:
    """Lay edges from the mark outward on multiples of the step, as far as the reach or zero."""
    if side is Side.LONG:
        nearest, last = math.ceil(mark / step) - 1, math.floor(mark * (1 - reach) / step + 1e-9)
        steps = np.arange(nearest, max(last, 0) - 1, -1)
    else:
        nearest, last = math.floor(mark / step) + 1, math.ceil(mark * (1 + reach) / step - 1e-9)
        steps = np.arange(nearest, last + 1)
    if reach == 0.0:
        steps = steps[:0]  # a side on which nothing waits has no buckets
    return np.concatenate([[mark], np.round(steps * step, 12)])


def _binned(
    layer: Layer, side: Side, edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sum the dollars of a layer between edges; also tell the bucket of each of its levels."""
    levels = layer.side(side)
    sign = -1.0 if side is Side.LONG else 1.0
    # Nearest to the mark first on both sides; a level on an edge belongs to the bucket that the
    # price enters there.
    at = np.searchsorted(sign * edges, sign * levels.price, side="right") - 1
    inside = (at >= 0) & (at < edges.size - 1)
    sums = np.bincount(at[inside], levels.notional_usd[inside], edges.size - 1)
    return sums.astype(np.float64), at


def _counts(ladder: Ladder, side: Side, edges: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Count measured positions between edges, if all layers know them."""
    found = np.zeros(edges.size - 1, dtype=np.int64)
    for layer in ladder.layers:
        if layer.provenance is not Provenance.MEASURED:
            continue
        count = layer.side(side).count
        if count is None:
            return None
        at = _binned(layer, side, edges)[1]
        inside = (at >= 0) & (at < edges.size - 1)
        found += np.bincount(at[inside], count[inside], edges.size - 1).astype(np.int64)
    return found


def _curve(walk: BookWalk | None, side: Side, mark: float) -> Curve | None:
    """Give the side of the book that forced orders take from; ``None`` if it is not known."""
    if walk is None or (walk.bids if side is Side.LONG else walk.asks) is None:
        return None
    return walk.curve(side, mark)


def _depth(curve: Curve | None, edges: NDArray[np.float64], mark: float) -> NDArray[np.float64]:
    """Sum the book between edges; NaN in buckets that it does not reach into."""
    if curve is None:
        return np.full(edges.size - 1, np.nan)
    away = np.abs(edges / mark - 1)
    if curve.is_interpolated:
        held = np.interp(away, np.append(0.0, curve.fall), np.append(0.0, curve.usd))
    else:
        held = np.append(0.0, curve.usd)[np.searchsorted(curve.fall, away, side="right")]
    depth: NDArray[np.float64] = np.diff(held)
    depth[away[:-1] >= curve.fall[-1]] = np.nan
    return depth


def is_in_pocket(bucket: Bucket, side: MapSide) -> bool:
    """Tell whether an air-pocket reaches into a bucket."""
    return any(
        min(one.trigger_price, one.exhaustion_price) < bucket.high
        and max(one.trigger_price, one.exhaustion_price) > bucket.low
        for one in side.air_pockets
    )


def decimals_of(step: float) -> int:
    """Tell how many decimals a price on an axis of that step needs.

    Examples
    --------
    >>> decimals_of(500.0), decimals_of(2.5), decimals_of(0.0025)
    (0, 1, 4)
    """
    text = f"{step:.10f}".rstrip("0")
    return len(text.partition(".")[2])


def say_price(price: float, step: float) -> str:
    """Say a price as finely as the axis.

    Examples
    --------
    >>> say_price(69062.45, 500.0), say_price(1.23456, 0.01)
    ('69,062', '1.23')
    """
    return f"{price:,.{decimals_of(step)}f}"
