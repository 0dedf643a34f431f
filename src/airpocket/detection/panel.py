"""Everything the detector measures with, in one place: the banks of gauges and their rows."""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any, Final, NamedTuple, final

import numpy as np

from airpocket.detection.config import DetectorConfig
from airpocket.detection.gauges import DepthGauge, FlowBank, InterestGauge
from airpocket.detection.prices import PriceBank
from airpocket.market.events import Bar, Side

__all__ = ["MARKET", "Hit", "Move", "Panel", "coin_of", "median_onset"]

MARKET: Final = "*"

Source = tuple[str, str]  # (venue, symbol)


class Move(NamedTuple):
    """Price confirmation of a scope: signed move, its threshold, whether it passes."""

    fraction: float
    threshold: float
    passes: bool


class Hit(NamedTuple):
    """When a stream last passed the coincidence score, and where its burst began."""

    at_bin: int
    onset_bin: int


@final
class Panel:
    """Flow, price and context gauges of all symbols.

    Parameters
    ----------
    config
        Windows, lags and half-lives.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.config: Final = config
        shared: dict[str, Any] = {
            "recent_bins": config.bins(config.recent_ns),
            "guard_bins": config.bins(config.guard_ns),
            "mean_half_life_bins": config.bins(config.mean_half_life_ns),
            "spread_half_life_bins": config.bins(config.spread_half_life_ns),
        }
        self.forced: Final = FlowBank(config.windows, **shared)
        self.traded: Final = FlowBank(config.windows, **shared)
        self.prices: Final = PriceBank(
            horizon_bins=config.bins(config.horizon_ns),
            reference_bins=config.bins(config.reference_ns),
            guard_bins=shared["guard_bins"],
            half_life_bins=shared["mean_half_life_bins"],
            reach_bins=config.windows[-1] + config.bins(config.horizon_ns),
        )
        self.trade_rows: Final[dict[Source, int]] = {}
        self.depth: Final[dict[str, DepthGauge]] = defaultdict(DepthGauge)
        self.interest: Final[dict[str, InterestGauge]] = defaultdict(InterestGauge)
        self.funding: Final[dict[str, float]] = {}
        self.forced_hits: Final[dict[int, Hit]] = {}
        self.trade_hits: Final[dict[int, Hit]] = {}
        self._price_rows: dict[Source, int] = {}  # trades or bars of our own width
        self._mark_rows: dict[Source, int] = {}  # marks and wider bars
        self._speaking: dict[str, dict[Source, int]] = {}  # scope -> prices that speak for it

    def take_bar(self, bar: Bar, source: Source) -> bool:
        """Take prices in; true if the bar is as fine as our bins (else it only marks prices)."""
        if bar.width_ns > max(self.config.horizon_ns, self.config.bin_ns):
            return False  # too coarse to confirm or deny anything
        fine = bar.width_ns <= self.config.bin_ns
        rows = self._price_rows if fine else self._mark_rows
        self._put(rows, source, bar.low, bar.high, bar.close)
        if fine and bar.trades is not None:
            row = self.trade_rows.get(source)
            if row is None:
                row = self.trade_rows[source] = self.traded.row(source)
            self.traded.put(row, bar.trades, bar.trades)
        return fine

    def take_mark(self, price: float, source: Source) -> None:
        """Take a mark price in: it speaks for its symbol where no trades are seen."""
        self._put(self._mark_rows, source, price, price, price)

    def is_marked(self, source: Source) -> bool:
        """Tell whether marks are the price of a source: no trades of it are seen."""
        return source not in self._price_rows

    def lose_trades(self, source: Source) -> None:
        """Stop believing a price and its trades: they are no longer observed."""
        self.traded.set_live(self.trade_rows[source], live=False)
        self.prices.drop(self._price_rows[source])

    def is_observed(self) -> bool:
        """Tell whether any flow is observed: if not, time passes unseen."""
        return self.forced.any_live() or self.traded.any_live()

    def skip(self, bins: int) -> None:
        """Let bins pass in which no flow is observed."""
        if bins > 0:
            self.forced.skip(bins)
            self.traded.skip(bins)
            self.prices.skip(bins)

    def step(self, now: int) -> None:
        """Close bin ``now`` of all gauges."""
        self.forced.step()
        self.traded.step()
        self.prices.step()
        self._note_hits(self.forced, self.forced_hits, now)
        self._note_hits(self.traded, self.trade_hits, now)

    def coincident(self, rows: dict[str, int], now: int) -> list[Hit] | None:
        """Hits of the last seconds if enough symbols' forced flow passed together.

        Parameters
        ----------
        rows
            Best row of each symbol that is watched.
        now
            Index of the bin just closed.
        """
        live = {name: [row] for name, row in rows.items() if self.forced.is_live(row)}
        return self._together(live, self.forced_hits, now)

    def coincident_trades(self, rows: dict[Source, int], now: int) -> list[Hit] | None:
        """Hits of the last seconds if the trades of enough symbols passed together.

        A symbol that trades on several venues counts once.
        """
        by_symbol: dict[str, list[int]] = defaultdict(list)
        for (_, symbol), row in rows.items():
            by_symbol[symbol].append(row)
        return self._together(by_symbol, self.trade_hits, now)

    def _together(
        self, rows: dict[str, list[int]], hits: dict[int, Hit], now: int
    ) -> list[Hit] | None:
        needed = max(self.config.together_least, int(self.config.together_share * len(rows)))
        span = self.config.bins(self.config.together_ns)
        recent = []
        for streams in rows.values():
            fresh = [hits[row] for row in streams if row in hits and now - hits[row].at_bin < span]
            if fresh:
                recent.append(min(fresh, key=lambda hit: hit.onset_bin))
        return recent if len(recent) >= needed else None

    def move(self, scope: str, side: Side | None) -> Move | None:
        """Median move of the scope's prices in the flow's direction, against its threshold."""
        known = [
            move
            for row in self.legs_of(scope).values()
            if (move := self.prices.move(row)) is not None
        ]
        if not known:
            return None
        fall = median(move.fall for move in known)
        rise = median(move.rise for move in known)
        sigma = median([move.sigma for move in known if not math.isnan(move.sigma)] or [0.0])
        threshold = max(self.config.move_least, self.config.move_sigmas * sigma)
        if side is Side.LONG or (side is None and -fall >= rise):
            return Move(fall, threshold, -fall >= threshold)
        return Move(rise, threshold, rise >= threshold)

    def is_price_calm(self, scope: str) -> bool | None:
        """Tell whether the range of the settling time is a random walk's; ``None``: no price."""
        bins = self.config.bins(self.config.settled_ns)
        steps = bins / self.config.bins(self.config.horizon_ns)
        calm = []
        for row in self.legs_of(scope).values():
            span, sigma = self.prices.span(row, bins), self.prices.sigma(row)
            if span is not None and sigma > 0.0:
                calm.append(span <= self.config.settled_sigmas * sigma * steps**0.5)
        return None if not calm else sum(calm) * 2 >= len(calm)

    def legs_of(self, scope: str) -> dict[Source, int]:
        """Prices that speak for a scope: its own trades, else its marks, else its coin's."""
        if scope == MARKET:
            return self._price_rows
        found = self._speaking.get(scope)
        if found is None:
            found = self._speaking[scope] = self._find_legs(scope)
        return found

    def _find_legs(self, scope: str) -> dict[Source, int]:
        for rows in (self._price_rows, self._mark_rows):
            own = {source: row for source, row in rows.items() if source[1] == scope}
            if own:
                return own
        coin = coin_of(scope)
        return {src: row for src, row in self._price_rows.items() if coin_of(src[1]) == coin}

    def _put(
        self, rows: dict[Source, int], source: Source, low: float, high: float, close: float
    ) -> None:
        row = rows.get(source)
        if row is None:
            row = rows[source] = self.prices.row((*source, rows is self._price_rows))
            self._speaking.clear()
        self.prices.put(row, low, high, close)

    def _note_hits(self, bank: FlowBank, hits: dict[int, Hit], now: int) -> None:
        for row in np.flatnonzero(bank.scores() >= self.config.score_together).tolist():
            before = hits.get(row)
            if before is not None and before.at_bin == now - 1:
                hits[row] = Hit(now, before.onset_bin)
            else:
                hits[row] = Hit(now, now + 1 - bank.read(row).window_bins)


def coin_of(symbol: str) -> str:
    """Coin a unified symbol is about.

    Examples
    --------
    >>> coin_of("BTC/USDT:USDT"), coin_of("BTC")
    ('BTC', 'BTC')
    """
    return symbol.partition("/")[0]


def median_onset(hits: Iterable[Hit]) -> int:
    """Bin at which the bursts began, for half of the streams at the latest."""
    onsets = sorted(hit.onset_bin for hit in hits)
    return onsets[len(onsets) // 2]
