"""What the detector measures, bin by bin: flow, depth, open interest (prices: ``prices.py``).

Each gauge is a bank: one row a stream, advanced together, so that 600 symbols cost one call.
"""

import math
from collections.abc import Hashable
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.events import Depth, DepthBands, OpenInterest

__all__ = ["DepthGauge", "FlowBank", "FlowScore", "InterestGauge", "forbid"]

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
            forbid(self._ring_usable[row], int(self._seen[row]), since_bins)

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


def forbid(usable: NDArray[np.bool_], time: int, bins: int) -> None:
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
