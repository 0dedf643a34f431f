"""From ticks to bins of time: forced flow per side, and bars.

The detector eats bins. Sources that only know counts or hourly sums yield them directly; ticks
are binned here, one by one as they arrive (:meth:`FlowBinner.add`) or in bulk
(:meth:`FlowBinner.add_columns`), with the same result.
"""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import (
    Bar,
    Coverage,
    ForcedFlow,
    Liquidation,
    Method,
    Side,
    Taker,
    Trade,
)

__all__ = ["FlowBinner"]

_BLOCK: Final = 1 << 17  # rows binned at a time: what is made on the way stays in the cache
_NAMES: Final = ("venue", "raw_symbol", "symbol")
_FORCED_NAMES: Final = ("liquidated", "method", "coverage")
_NEVER: Final = 1 << 62  # later than any time
_SELL: Final = Taker.SELL  # read once: an attribute of an enum class is slow


_Key: TypeAlias = tuple[str, str, str | None, bool, Side | None, Method | None, Coverage | None]
"""A :class:`_Stream` without its names: a plain tuple is made four times faster."""


class _Stream(NamedTuple):
    """What a bin belongs to: trades of a symbol, or forced closes of one side and method."""

    venue: str
    raw_symbol: str
    symbol: str | None
    forced: bool
    side: Side | None
    method: Method | None
    coverage: Coverage | None


class _Sums:
    """Running sums of one (stream, bin)."""

    __slots__ = (
        "close", "count", "first_ns", "high", "high_ns", "known", "last_ns", "low", "low_ns",
        "open", "sell_usd", "usd", "usd_squared",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.known = 0
        self.usd = self.usd_squared = self.sell_usd = 0.0
        self.open = self.high = self.low = self.close = float("nan")
        self.first_ns, self.last_ns = _NEVER, -_NEVER
        self.low_ns = self.high_ns = 0

    def add(self, time_ns: int, price: float | None, usd: float | None) -> None:
        """Count one tick; dollars sold are counted by the caller."""
        # Not min() and max(): their calls would cost as much as all the rest.
        if time_ns < self.first_ns:  # noqa: PLR1730 - see above
            self.first_ns = time_ns
        if time_ns > self.last_ns:  # noqa: PLR1730 - see above
            self.last_ns = time_ns
        self.count += 1
        if usd is not None:
            self.known += 1
            self.usd += usd
            self.usd_squared += usd * usd
        if price is not None:
            if price > self.high:
                self.high, self.high_ns = price, time_ns
            elif price < self.low:
                self.low, self.low_ns = price, time_ns
            elif not self.open > 0:
                self.open = self.high = self.low = price
                self.low_ns = self.high_ns = time_ns
            self.close = price

    def merge(self, whole: list[int], real: list[float]) -> None:
        """Add the sums of later ticks of the same bin (a row of ``kernels.bin_ticks``)."""
        _, _, count, known, first_ns, last_ns, low_ns, high_ns = whole
        usd, usd_squared, sell_usd, opened, high, low, close = real
        self.first_ns = min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)
        self.count += count
        self.known += known
        self.usd += usd
        self.usd_squared += usd_squared
        self.sell_usd += sell_usd
        if not opened > 0:
            return
        if not self.open > 0:
            self.open, self.high, self.low = opened, high, low
            self.low_ns, self.high_ns = low_ns, high_ns
        if high > self.high:
            self.high, self.high_ns = high, high_ns
        if low < self.low:
            self.low, self.low_ns = low, low_ns
        self.close = close


@final
class FlowBinner:
    """Sum trades into bars and liquidations into forced flow, bin by bin.

    Parameters
    ----------
    width_ns
        Bin width.
    reorder_ns
        How long a bin stays open after its end for ticks that arrive late. What comes later
        still is counted in :attr:`late` and left out.

    Examples
    --------
    >>> binner = FlowBinner(1_000_000_000)
    >>> trade = Trade(venue="okx", symbol=None, raw_symbol="X", venue_ns=5, price=2.0, qty_raw=1.0)
    >>> binner.add(trade)
    >>> [bar.close for bar in binner.take(until_ns=1_000_000_000)]
    [2.0]
    """

    def __init__(self, width_ns: int, *, reorder_ns: int = 0) -> None:
        if width_ns <= 0 or reorder_ns < 0:
            raise InputError(
                f"bin width {width_ns} ns and reorder {reorder_ns} ns: need > 0 and >= 0"
            )
        self.width_ns: Final = width_ns
        self.reorder_ns: Final = reorder_ns
        self.late = 0
        self._bins: dict[int, dict[_Key, _Sums]] = {}
        self._done = -_NEVER  # last bin that was taken
        self._newest_ns = -_NEVER
        # The bin of the last tick: the next one most likely belongs to it.
        self._open: dict[_Key, _Sums] = {}
        self._open_from_ns = self._open_to_ns = 0

    def add(self, event: Trade | Liquidation) -> None:
        """Count one trade or liquidation; one without any time cannot be placed and is late."""
        time_ns = event.venue_ns if event.venue_ns is not None else event.local_ns
        if time_ns is None or (
            not self._open_from_ns <= time_ns < self._open_to_ns and not self._opens(time_ns)
        ):
            self.late += 1
            return
        if time_ns > self._newest_ns:  # noqa: PLR1730 - as in _Sums.add
            self._newest_ns = time_ns
        usd = event.notional_usd
        if isinstance(event, Trade):
            price: float | None = event.price
            is_sold = event.taker is _SELL
            key: _Key = event.venue, event.raw_symbol, event.symbol, False, None, None, None
        else:
            price = event.fill_price
            is_sold = False
            key = (
                event.venue, event.raw_symbol, event.symbol, True,
                event.liquidated, event.method, event.coverage,
            )  # fmt: skip
        sums = self._open.get(key)
        if sums is None:
            sums = self._open[key] = _Sums()
        sums.add(time_ns, price, usd)
        if is_sold and usd is not None:
            sums.sell_usd += usd

    def add_columns(self, columns: Columns[Trade] | Columns[Liquidation]) -> None:
        """Count many trades or liquidations at once; the same sums as :meth:`add` one by one."""
        for first in range(0, columns.size, _BLOCK):
            rows = slice(first, first + _BLOCK)
            self._add_block(columns if columns.size <= _BLOCK else columns.take(rows))

    def _add_block(self, columns: Columns[Any]) -> None:
        from airpocket.market import kernels  # noqa: PLC0415 — Numba costs 0.7 s, only bulk pays

        times = columns.times()
        # In time from the end of the last bin that was taken; without any time: the least integer.
        first_ns = max((self._done + 1) * self.width_ns, MISSING_INT + 1)
        if times.min() < first_ns:
            placed = times >= first_ns
            self.late += int(len(placed) - placed.sum())
            columns, times = columns.take(placed), times[placed]
            if not columns.size:
                return
        keys, streams = _streams_of(columns)
        forced = columns.kind is Liquidation
        sold = np.zeros(columns.size, np.bool_)
        if not forced and "sell" in (words := columns.words("taker")):
            sold = columns["taker"] == words.index("sell")
        whole, real, rows = kernels.bin_ticks(
            times, keys, np.ascontiguousarray(columns["fill_price" if forced else "price"]),
            np.ascontiguousarray(columns["notional_usd"]), sold, len(streams), self.width_ns,
        )  # fmt: skip
        for sums, reals in zip(whole[:rows].tolist(), real[:rows].tolist(), strict=True):
            self._bins.setdefault(sums[1], {}).setdefault(streams[sums[0]], _Sums()).merge(
                sums, reals
            )
        self._newest_ns = max(self._newest_ns, int(times.max()))

    def take(self, until_ns: int | None = None) -> Iterator[Bar | ForcedFlow]:
        """Take the finished bins, in order of time.

        Parameters
        ----------
        until_ns
            Every bin that ends at or before it is finished. ``None``: what the ticks seen so far
            and ``reorder_ns`` allow.
        """
        if until_ns is None:
            until_ns = self._newest_ns - self.reorder_ns
        self._open_from_ns = self._open_to_ns = 0  # what is taken is not to be added to
        last = until_ns // self.width_ns - 1
        for step in sorted(step for step in self._bins if step <= last):
            streams = self._bins.pop(step)
            for key in sorted(streams, key=_order):
                yield _record(_Stream(*key), streams[key], step * self.width_ns, self.width_ns)
        self._done = max(self._done, last)

    def finish(self) -> Iterator[Bar | ForcedFlow]:
        """Take everything: the recording has ended, its last bin may be incomplete."""
        yield from self.take((max(self._bins, default=self._done) + 1) * self.width_ns)

    def _opens(self, time_ns: int) -> bool:
        """Turn to the bin of a time, unless that was taken already."""
        step = time_ns // self.width_ns
        if step <= self._done:
            return False
        self._open = self._bins.setdefault(step, {})
        self._open_from_ns = step * self.width_ns
        self._open_to_ns = self._open_from_ns + self.width_ns
        return True


def _order(key: _Key) -> tuple[str, ...]:
    return tuple(map(str, key))


def _streams_of(columns: Columns[Any]) -> tuple[NDArray[np.int32], list[_Stream]]:
    """Give each event the number of its stream, named as :meth:`FlowBinner.add` does."""
    from airpocket.market import kernels  # noqa: PLC0415 - as above

    forced = columns.kind is Liquidation
    fixed: dict[str, str | None] = {}
    mixed = np.zeros(columns.size, np.int64)
    sizes: dict[str, int] = {}
    for name in (*_NAMES, *(_FORCED_NAMES if forced else ())):
        codes, words = columns[name], columns.words(name)
        if codes.strides == (0,):  # one word for all
            fixed[name] = words[codes[0]] if codes[0] >= 0 else None
            continue
        sizes[name] = len(words) + 1
        kernels.fold(mixed, codes, sizes[name])
    keys, kinds = _numbered(mixed, math.prod(sizes.values()))
    streams = []
    for kind in kinds.tolist():
        found = dict(fixed)
        for name in reversed(sizes):
            kind, code = divmod(kind, sizes[name])  # noqa: PLW2901
            found[name] = columns.words(name)[code - 1] if code else None
        side, method, coverage = (found.get(name) for name in _FORCED_NAMES)
        streams.append(
            _Stream(
                str(found["venue"]), str(found["raw_symbol"]), found["symbol"], forced,
                Side(side) if side else None, Method(method) if method else None,
                Coverage(coverage) if coverage else None,
            )
        )  # fmt: skip
    return keys, streams


def _numbered(mixed: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give each value that occurs (0 … bound − 1) a number; say which value has which."""
    from airpocket.market import kernels  # noqa: PLC0415 - as above

    if bound <= 8 * len(mixed) + 4096:
        return kernels.number(mixed, bound)
    kinds, keys = np.unique(mixed, return_inverse=True)  # a sort costs less than so large a table
    return keys.astype(np.int32), kinds


def _record(stream: _Stream, sums: _Sums, start_ns: int, width_ns: int) -> Bar | ForcedFlow:
    usd = sums.usd if sums.known else None
    usd_squared = sums.usd_squared if sums.known else None
    if stream.forced:
        return ForcedFlow(
            venue=stream.venue, symbol=stream.symbol, raw_symbol=stream.raw_symbol,
            venue_ns=start_ns, width_ns=width_ns, side=stream.side, count=sums.count, usd=usd,
            usd_squared=usd_squared, method=stream.method,
            coverage=stream.coverage or Coverage.SAMPLED,
            first_ns=sums.first_ns, last_ns=sums.last_ns,
        )  # fmt: skip
    return Bar(
        venue=stream.venue, symbol=stream.symbol, raw_symbol=stream.raw_symbol,
        venue_ns=start_ns, width_ns=width_ns, open=sums.open, high=sums.high, low=sums.low,
        close=sums.close, trades=sums.count, usd=usd, usd_squared=usd_squared,
        sell_usd=sums.sell_usd if sums.known else None, low_ns=sums.low_ns, high_ns=sums.high_ns,
    )  # fmt: skip
