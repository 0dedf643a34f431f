"""Prices of the recent past: how far they moved, and how far they usually do."""

import math
from collections.abc import Hashable
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from airpocket.detection.gauges import forbid

__all__ = ["PriceBank", "PriceMove"]

_Floats = NDArray[np.float64]


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
            forbid(self._ring_usable[row], self._time, since_bins)

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
