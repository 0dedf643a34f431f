"""What the detector measures, bin by bin: flow, price, depth, open interest, funding.

Each gauge is a bank: one row a stream, advanced together, so that 600 symbols cost one call.
"""

import math
from collections.abc import Hashable
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.events import Depth, DepthBands, OpenInterest

__all__ = ["DepthGauge", "FlowBank", "FlowScore", "InterestGauge", "PriceBank", "PriceMove"]

_Floats = NDArray[np.float64]


class FlowScore(NamedTuple):
    """Reading of one stream after a bin."""

    score: float  # quasi-Poisson likelihood ratio of the best window
    window_bins: int  # length of that window
    total: float  # flow within it
    baseline: float  # mean flow of a bin in the lagged, frozen baseline
    recent: float  # flow of the last `recent_bins`
    history_bins: float  # bins that the baseline has taken in


@final
class FlowBank:
    """Quasi-Poisson GLR over all windows, for many streams (see ``kernels.flow_step``).

    Parameters
    ----------
    windows
        Window lengths in bins, ascending.
    recent_bins, guard_bins
        Window of the end rules; lag of the baseline.
    mean_half_life_bins, spread_half_life_bins
        Half-lives of the baseline's mean and Fano factors.
    """

    def __init__(
        self,
        windows: tuple[int, ...],
        *,
        recent_bins: int,
        guard_bins: int,
        mean_half_life_bins: float,
        spread_half_life_bins: float,
    ) -> None:
        self.windows: Final = np.array(windows, dtype=np.int64)
        self._widths = tuple(windows)
        self._recent_bins = recent_bins
        self._guard_bins = guard_bins
        self._mean_decay = 0.5 ** (1.0 / mean_half_life_bins)
        self._spread_decay = 0.5 ** (1.0 / spread_half_life_bins)
        self._length = max(windows[-1], guard_bins, recent_bins) + 1
        self._rows: dict[Hashable, int] = {}
        self._time = 0
        self._grow(16)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, key: Hashable) -> int:
        """Row of a stream; a new stream starts with no history."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows)
            if row >= len(self._live):
                self._grow(2 * row)
        return row

    def put(self, row: int, value: float, squares: float | None) -> None:
        """Add to the current bin of a row; ``squares`` None: single prints are unknown."""
        self._values[row] += value
        self._squares[row] += math.nan if squares is None else squares
        if not self._live[row]:
            self.set_live(row, live=True)

    def set_live(self, row: int, *, live: bool) -> None:
        """Say whether a stream is observed; an unobserved bin is not a zero.

        A stream that comes back has a hole in its past: bins hours apart are not adjacent, and
        what was not seen is not learnt.
        """
        if self._live[row] and not live:
            self._lost_at[row] = self._time
            self._out[row, 0] = 0.0
        elif live and not self._live[row] and self._seen[row]:
            missed = min(self._time - int(self._lost_at[row]), self._length)
            holes = np.arange(self._seen[row], self._seen[row] + missed) % self._length
            for ring in (self._ring, self._ring_squares, self._ring_sums, self._ring_usable):
                ring[row, holes] = 0
            self._seen[row] += missed
            self._absorbed[row] = max(self._absorbed[row], self._seen[row] - self._length + 1)
        self._live[row] = live

    def set_frozen(self, row: int, *, frozen: bool, since_bins: int = 0) -> None:
        """Keep the coming bins, and the last ``since_bins``, out of the baseline."""
        self._frozen[row] = frozen
        if frozen:
            _forbid(self._ring_usable[row], int(self._seen[row]), since_bins)

    def skip(self, bins: int) -> None:
        """Let bins pass in which no stream is observed."""
        self._time += bins

    def is_live(self, row: int) -> bool:
        """Tell whether a stream is observed."""
        return bool(self._live[row])

    def any_live(self) -> bool:
        """Tell whether any stream is observed: if not, time passes unseen."""
        return bool(self._live.any())

    def step(self) -> None:
        """Close the bin of all live streams and score them."""
        from airpocket.detection import kernels  # noqa: PLC0415 — Numba costs 0.7 s at import

        kernels.flow_step(
            self._values, self._squares, self._live, self._frozen, self.windows,
            self._recent_bins, self._guard_bins, self._mean_decay, self._spread_decay,
            self._ring, self._ring_squares, self._ring_usable, self._ring_sums,
            self._seen, self._absorbed, self._mean, self._spread, self._out,
        )  # fmt: skip
        self._values[:] = 0.0
        self._squares[:] = 0.0
        self._time += 1

    def scores(self) -> _Floats:
        """Scores of all rows, shape (rows,)."""
        return self._out[: len(self._rows), 0]

    def read(self, row: int) -> FlowScore:
        """Read one row."""
        score, kind, total, baseline, recent, history = self._out[row].tolist()
        return FlowScore(score, self._widths[int(kind)], total, baseline, recent, history)

    def read_many(self, rows: list[int]) -> list[FlowScore]:
        """Read rows at once, which costs a third of reading each."""
        widths = self._widths
        return [
            FlowScore(score, widths[int(kind)], total, baseline, recent, history)
            for score, kind, total, baseline, recent, history in self._out[rows].tolist()
        ]

    def _grow(self, room: int) -> None:
        kinds, length = len(self.windows), self._length
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "_values": ((room,), np.float64), "_squares": ((room,), np.float64),
            "_live": ((room,), np.bool_), "_frozen": ((room,), np.bool_),
            "_ring": ((room, length), np.float64), "_ring_squares": ((room, length), np.float64),
            "_ring_usable": ((room, length), np.bool_),
            "_ring_sums": ((room, length, kinds), np.float64),
            "_seen": ((room,), np.int64), "_absorbed": ((room,), np.int64),
            "_lost_at": ((room,), np.int64),
            "_mean": ((room, 5), np.float64), "_spread": ((room, kinds, 3), np.float64),
            "_out": ((room, 6), np.float64),
        }  # fmt: skip
        for name, (shape, dtype) in shapes.items():
            grown = np.zeros(shape, dtype)
            old = getattr(self, name, None)
            if old is not None:
                grown[: len(old)] = old
            setattr(self, name, grown)

    _values: _Floats
    _squares: _Floats
    _live: NDArray[np.bool_]
    _frozen: NDArray[np.bool_]
    _ring: _Floats
    _ring_squares: _Floats
    _ring_usable: NDArray[np.bool_]
    _ring_sums: _Floats
    _seen: NDArray[np.int64]
    _absorbed: NDArray[np.int64]
    _lost_at: NDArray[np.int64]
    _mean: _Floats
    _spread: _Floats
    _out: _Floats


class PriceMove(NamedTuple):
    """How far a price moved over the confirmation horizon."""

    fall: float  # lowest low against the close before, ≤ 0
    rise: float  # highest high against the close before, ≥ 0
    sigma: float  # robust spread of the horizon's close-to-close move


@final
class PriceBank:
    """Closes, lows and highs of the recent past of many prices.

    Parameters
    ----------
    horizon_bins
        Over which a move is measured (60 s of ticks, one bar of hourly data).
    reference_bins
        Whose median close before an onset is the reference of its price leg.
    guard_bins, half_life_bins
        Lag and half-life of the spread.
    reach_bins
        How far back an onset may lie.
    """

    def __init__(
        self,
        *,
        horizon_bins: int,
        reference_bins: int,
        guard_bins: int,
        half_life_bins: float,
        reach_bins: int,
    ) -> None:
        self._horizon = horizon_bins
        self._reference = reference_bins
        self._guard = guard_bins
        self._decay = 0.5 ** (1.0 / half_life_bins)
        self._length = max(reach_bins + reference_bins, guard_bins + horizon_bins) + 2
        self._rows: dict[Hashable, int] = {}
        self._time = 0
        self._room = 0
        self._grow(16)

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self) -> list[Hashable]:
        """Names of the rows, in row order."""
        return list(self._rows)

    def row(self, key: Hashable) -> int:
        """Row of a price; a new one starts with no history."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows)
            if row >= self._room:
                self._grow(2 * row)
        return row

    def put(self, row: int, low: float, high: float, close: float) -> None:
        """Give the prices of the current bin (later calls extend it)."""
        self._low[row] = low if math.isnan(self._low[row]) else min(self._low[row], low)
        self._high[row] = high if math.isnan(self._high[row]) else max(self._high[row], high)
        self._close[row] = close

    def drop(self, row: int) -> None:
        """Forget a price that is no longer observed."""
        self._close[row] = math.nan

    def set_frozen(self, row: int, *, frozen: bool, since_bins: int = 0) -> None:
        """Keep the coming moves, and those of the last ``since_bins``, out of the spread."""
        self._frozen[row] = frozen
        if frozen:
            _forbid(self._ring_usable[row], self._time, since_bins)

    def skip(self, bins: int) -> None:
        """Let bins pass in which nothing is observed: prices that are believed stay."""
        for _ in range(min(bins, self._length)):
            self.step()
        self._time += max(0, bins - self._length)

    def step(self) -> None:
        """Close the bin: a price that was not seen stays where it was."""
        from airpocket.detection import kernels  # noqa: PLC0415 — Numba costs 0.7 s at import

        kernels.price_step(
            self._time, self._low, self._high, self._close, self._frozen, self._horizon,
            self._guard, self._decay, self._ring, self._ring_low, self._ring_high,
            self._ring_usable, self._spread, self._out,
        )  # fmt: skip
        self._time += 1

    def move(self, row: int) -> PriceMove | None:
        """Move over the horizon that ends now, ``None`` while the price or its past is unknown."""
        fall, rise, sigma = self._out[row].tolist()
        return None if math.isnan(fall) else PriceMove(fall, rise, sigma)

    def sigma(self, row: int) -> float:
        """Spread of the close-to-close move over the horizon; NaN before anything is known."""
        return float(self._out[row, 2])

    def reference(self, row: int, bins_ago: int) -> float | None:
        """Median close of the minutes before ``bins_ago``; the oldest known close if none."""
        first = max(0, self._time - bins_ago - self._reference, self._time - self._length + 1)
        last = self._time - bins_ago
        closes = self._ring[row, np.arange(first, max(last, first + 1)) % self._length]
        closes = closes[~np.isnan(closes)]
        if closes.size:
            return float(np.median(closes))
        since = self._ring[row, np.arange(max(0, last), self._time) % self._length]
        since = since[~np.isnan(since)]
        return float(since[0]) if since.size else None

    def extremes(self, row: int, bins_ago: int) -> tuple[float, int, float, int] | None:
        """Lowest low and highest high of the last ``bins_ago`` bins, each with its bins ago."""
        span = min(bins_ago, self._time, self._length - 1)
        slots = np.arange(self._time - span, self._time) % self._length
        low, high = self._ring_low[row, slots], self._ring_high[row, slots]
        if span == 0 or np.isnan(low).all():
            return None
        lowest, highest = int(np.nanargmin(low)), int(np.nanargmax(high))
        return float(low[lowest]), span - lowest, float(high[highest]), span - highest

    def last(self, row: int) -> float | None:
        """Last known price."""
        close = float(self._close[row])
        return None if math.isnan(close) else close

    def span(self, row: int, bins: int) -> float | None:
        """Range (high − low) / close of the last bins."""
        found = self.extremes(row, bins)
        close = self.last(row)
        return None if found is None or close is None else (found[2] - found[0]) / close

    def _grow(self, room: int) -> None:
        for name in ("_low", "_high", "_close"):
            self._extend(name, (room,), math.nan)
        for name in ("_ring", "_ring_low", "_ring_high"):
            self._extend(name, (room, self._length), math.nan)
        self._extend("_ring_usable", (room, self._length), False)
        self._extend("_frozen", (room,), False)
        self._extend("_spread", (room, 2), 0.0)
        self._extend("_out", (room, 3), math.nan)
        self._room = room

    def _extend(self, name: str, shape: tuple[int, ...], fill: float | bool) -> None:  # noqa: FBT001
        grown = np.full(shape, fill)
        old = getattr(self, name, None)
        if old is not None:
            grown[: len(old)] = old
        setattr(self, name, grown)

    _low: _Floats
    _high: _Floats
    _close: _Floats
    _ring: _Floats
    _ring_low: _Floats
    _ring_high: _Floats
    _ring_usable: NDArray[np.bool_]
    _frozen: NDArray[np.bool_]
    _spread: _Floats
    _out: _Floats


def _forbid(usable: NDArray[np.bool_], time: int, bins: int) -> None:
    """Mark the last bins of a ring as not to be learnt."""
    usable[np.arange(max(0, time - bins, time - len(usable)), time) % len(usable)] = False


@final
class DepthGauge:
    """Depth near the price, each side against its own normal.

    A side that repeats the same value again and again while the other moves is a ghost and is
    not believed (the bid side of Binance's bookDepth file on 2025-10-10 stood still for hours).

    Parameters
    ----------
    reach
        Distance from the mid within which depth is counted, as a fraction.
    half_life_updates
        Half-life of the normal, in updates.
    """

    _GHOST_UPDATES = 10

    def __init__(self, *, reach: float = 0.01, half_life_updates: float = 240.0) -> None:
        self._reach = reach
        self._decay = 0.5 ** (1.0 / half_life_updates)
        self._now = [math.nan, math.nan]
        self._normal = [0.0, 0.0]
        self._weight = [0.0, 0.0]
        self._repeats = [0, 0]

    def update(self, event: Depth | DepthBands, *, frozen: bool) -> None:
        """Take a book in; ``frozen`` keeps it out of the normal."""
        for side, value in enumerate(_near(event, self._reach)):
            if value is None:
                continue
            self._repeats[side] = self._repeats[side] + 1 if value == self._now[side] else 0
            self._now[side] = value
            if not frozen and not self._is_ghost(side):
                self._normal[side] = self._normal[side] * self._decay + value
                self._weight[side] = self._weight[side] * self._decay + 1.0

    def share(self) -> float | None:
        """Present depth over normal depth of the thinner side; ``None`` if not known."""
        shares = [
            self._now[side] / (self._normal[side] / self._weight[side])
            for side in (0, 1)
            if self._weight[side] >= 1.0 and not self._is_ghost(side) and self._normal[side] > 0.0
        ]
        return min(shares) if shares else None

    def _is_ghost(self, side: int) -> bool:
        return self._repeats[side] >= self._GHOST_UPDATES


def _near(event: Depth | DepthBands, reach: float) -> tuple[float | None, float | None]:
    """Notional within reach of the mid: bids, asks."""
    if isinstance(event, DepthBands):
        found: list[float | None] = []
        for sign in (-1.0, 1.0):
            inside = [
                band for band in event.bands if 0.0 < sign * band.percent <= reach * 100.0 + 1e-9
            ]
            widest = max(inside, key=lambda band: abs(band.percent), default=None)
            found.append(None if widest is None else widest.notional_usd)
        return found[0], found[1]
    mid = (event.bids[0][0] + event.asks[0][0]) / 2.0
    bids = sum(price * qty for price, qty in event.bids if price >= mid * (1.0 - reach))
    asks = sum(price * qty for price, qty in event.asks if price <= mid * (1.0 + reach))
    return bids, asks


@final
class InterestGauge:
    """Open interest since a moment, in coins and in dollars: the smallest seen against then."""

    def __init__(self) -> None:
        self.coins: float | None = None
        self.usd: float | None = None

    def update(self, event: OpenInterest) -> None:
        """Take the latest reading in."""
        if event.qty_base is not None:
            self.coins = event.qty_base
        if event.notional_usd is not None:
            self.usd = event.notional_usd
