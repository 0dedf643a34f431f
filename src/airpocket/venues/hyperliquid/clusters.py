"""Published maps of where large Hyperliquid accounts are liquidated: a line a snapshot.

::

    {"commit": …, "snapshot": {"lastUpdated": …, "tradersCount": 200, "data": {"BTC": {
        "currentPrice": 70328.0, "positionCount": 67, "longLiquidations": [
            {"price": 69062.1, "value": 25429184.8, "cumulative": …, "10x": 0, …, "50x": …}, …],
        "shortLiquidations": […]}, …}}}

The positions of the venue's top traders (100 or 200 accounts) are counted into bins of 1.2 % of the
current price; ``price`` is the middle of a bin, rounded to cents. Longs are listed below the price
only, shorts above it only, both up to 30 % away. Each bin's dollars are split by leverage.

A file is untrusted: a bin, coin or line that cannot be is left out with its reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import msgspec
import numpy as np
from msgspec import Raw, Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.errors import InputError, SourceError
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance, levels_of
from airpocket.market.events import Side
from airpocket.market.fields import BAD_FRAME, Price, Qty, QtyOrZero, Serial, why
from airpocket.market.instrument import Catalogue
from airpocket.store.files import Reject, read_lines
from airpocket.units import is_plausible_ns, iso, ns_from_iso
from airpocket.venues.hyperliquid.receipt import VENUE

__all__ = ["BIN_WIDTH", "LEVERAGES", "ClusterMap", "clusters_at", "is_clusters", "read_clusters"]

BIN_WIDTH: Final = 0.012
"""Width of a bin as a fraction of the current price, found in every map of 2026-01/02."""

LEVERAGES: Final = (10, 25, 50, 100)
"""Up to which leverage each column of dollars counts: 1-10, 11-25, 26-50, 51-100."""

_CENT: Final = 0.01
_MIDDLES: Final = (
    "a level is the middle of a bin 1.2 % of the price wide: a position lies up to 0.6 % from it"
)
_DOLLARS: Final = (
    "dollars are those of the file: they stay the same to the cent while the price moves, so they"
    " are not valued at it; coins are dollars over the price of the level"
)
_FAR_SIDE: Final = "longs above and shorts below the price of the map are not listed"


class _Bin(Struct, frozen=True, gc=False):
    price: Price
    value: Qty
    to_10: QtyOrZero = field(default=0.0, name="10x")
    to_25: QtyOrZero = field(default=0.0, name="25x")
    to_50: QtyOrZero = field(default=0.0, name="50x")
    to_100: QtyOrZero = field(default=0.0, name="100x")

    @property
    def parts(self) -> tuple[float, ...]:
        return self.to_10, self.to_25, self.to_50, self.to_100


class _Coin(Struct, frozen=True, rename="camel"):
    current_price: Price
    long_liquidations: list[Raw]
    short_liquidations: list[Raw]
    position_count: Serial | None = None


class _Snapshot(Struct, frozen=True, rename="camel"):
    last_updated: str
    data: dict[str, Raw]
    traders_count: Serial | None = None


class _Line(Struct, frozen=True):
    snapshot: _Snapshot


@final
class ClusterMap(Struct, frozen=True, kw_only=True, eq=False):
    """Where the counted accounts of one coin were liquidated at one time.

    Parameters
    ----------
    line
        In the file, from 1.
    coin
        As the venue names it.
    ladder
        Measured liquidations around the price; a level is the middle of a bin.
    half_width
        How far a position may lie from its level, as a fraction of the mark price; ``None`` if the
        levels are not the middles of bins of :data:`BIN_WIDTH`.
    long_leverage_usd, short_leverage_usd
        Dollars of each level by :data:`LEVERAGES`, shape (levels, 4); NaN where not said.
    traders
        Accounts that were looked at.
    positions
        Positions that were counted, both sides.
    """

    line: int
    coin: str
    ladder: Ladder
    half_width: float | None
    long_leverage_usd: NDArray[np.float64]
    short_leverage_usd: NDArray[np.float64]
    traders: int | None
    positions: int | None


def is_clusters(head: bytes) -> bool:
    """Tell by the first bytes whether a file is such a map."""
    first = head.partition(b"\n")[0]
    return b'"longLiquidations"' in first and b'"currentPrice"' in first


def read_clusters(
    path: Path, *, symbol: str | None = None, rejected: Reject | None = None
) -> Iterator[ClusterMap]:
    """Yield the maps of a file in its order, each coin of a snapshot by itself.

    Parameters
    ----------
    path
        Plain or gzip, a snapshot a line.
    symbol
        Unified name of the only coin wanted.
    rejected
        Told of each line, coin or bin that cannot be used; it is left out. ``None``: it raises.

    Raises
    ------
    SourceError
        If the file cannot be read, breaks off, or a row cannot be used and nobody is told.
    LimitError
        If it inflates to more than it should.
    """
    told = _raising(path) if rejected is None else rejected
    known = Catalogue.load(Path(__file__).with_name("venue.toml"))
    before_ns = -1
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            snapshot = msgspec.json.decode(line, type=_Line).snapshot
            at_ns = ns_from_iso(snapshot.last_updated)
        except (*BAD_FRAME, InputError) as error:
            told(number, why(error))
            continue
        if not is_plausible_ns(at_ns) or at_ns <= before_ns:
            told(number, f"its time {snapshot.last_updated[:40]!r} is not after the line before")
            continue
        before_ns = at_ns
        for name, raw in snapshot.data.items():
            instrument = known.find(name, at_ns)
            if instrument is None:
                told(number, f"coin {name[:20]!r} is not among the venue's instruments")
            elif symbol is None or instrument.symbol == symbol:
                page = _Page(path.name, number, name, instrument.symbol, at_ns, told)
                found = page.read(raw, snapshot.traders_count)
                if found is not None:
                    yield found


def clusters_at(
    path: Path, symbol: str, at_ns: int | None = None, *, rejected: Reject | None = None
) -> ClusterMap:
    """Give the last map of a coin at or before a time, or the last of all.

    Raises
    ------
    InputError
        If there is none, with the times that there are; and as :func:`read_clusters`.
    """
    found = first = None
    for one in read_clusters(path, symbol=symbol, rejected=rejected):
        first = one if first is None else first
        if at_ns is not None and (one.ladder.at_ns or 0) > at_ns:
            break
        found = one
    if first is None:
        raise InputError(f"{path}: no map of {symbol} is in it")
    if found is None:
        raise InputError(
            f"{path}: the first map of {symbol} is of {iso(first.ladder.at_ns or 0)}, none is of"
            f" {iso(at_ns or 0)} or before"
        )
    return found


def _raising(path: Path) -> Reject:
    def reject(line: int, reason: str) -> None:
        raise SourceError(f"{path}: line {line:,}: {reason}")

    return reject


@final
class _Page(Struct, frozen=True):
    """One coin of one line while it is read."""

    file: str
    line: int
    coin: str
    symbol: str
    at_ns: int
    told: Reject

    def read(self, raw: Raw, traders: int | None) -> ClusterMap | None:
        try:
            said = msgspec.json.decode(raw, type=_Coin)
        except BAD_FRAME as error:
            self._reject(why(error))
            return None
        mark = said.current_price
        longs = self._bins(Side.LONG, said.long_liquidations, mark)
        shorts = self._bins(Side.SHORT, said.short_liquidations, mark)
        is_binned = _are_middles([*longs, *shorts], mark)
        layer = Layer(
            forced=Forced.LIQUIDATION,
            provenance=Provenance.MEASURED,
            longs=_levels(Side.LONG, longs),
            shorts=_levels(Side.SHORT, shorts),
            source=f"{self.file}, line {self.line}, of {iso(self.at_ns)}",
            assumed=_assumed(traders, is_binned=is_binned),
        )
        return ClusterMap(
            line=self.line,
            coin=self.coin,
            ladder=Ladder(
                venue=VENUE,
                symbol=self.symbol,
                mark_price=mark,
                layers=(layer,),
                at_ns=self.at_ns,
            ),
            half_width=BIN_WIDTH / 2 + _CENT / 2 / mark if is_binned else None,
            long_leverage_usd=_by_leverage(longs),
            short_leverage_usd=_by_leverage(shorts),
            traders=traders,
            positions=said.position_count,
        )

    def _bins(self, side: Side, rows: list[Raw], mark: float) -> list[_Bin]:
        """Read the bins of one side, the nearest first."""
        outward = -1.0 if side is Side.LONG else 1.0
        found: list[_Bin] = []
        seen: set[_Bin | float] = set()
        # Bins of a coin worth cents may share a price, and rounding may carry one over the mark.
        are_told_apart = BIN_WIDTH * mark > _CENT
        for raw in rows:
            try:
                one = msgspec.json.decode(raw, type=_Bin)
            except BAD_FRAME as error:
                self._reject(f"{side.value}s: {why(error)}")
                continue
            parts = sum(one.parts)
            name = one.price if are_told_apart else one
            beside = outward * (mark - one.price)
            if beside > _CENT / 2:
                self._reject(f"{side.value}s at {one.price:g} are on the wrong side of {mark:g}")
            elif name in seen:
                self._reject(f"{side.value}s at {one.price:g} are listed twice")
            elif parts and abs(parts - one.value) > 1e-6 * one.value:
                self._reject(
                    f"{side.value}s at {one.price:g}: {one.value:g} is not the sum {parts:g} of its"
                    " leverages"
                )
            else:
                seen.add(name)
                found.append(one if beside <= 0 else replace(one, price=mark))
        return sorted(found, key=lambda one: outward * one.price)

    def _reject(self, reason: str) -> None:
        self.told(self.line, f"{self.coin[:20]}: {reason}")


def _levels(side: Side, bins: list[_Bin]) -> Levels:
    price = np.array([one.price for one in bins], dtype=float)
    value = np.array([one.value for one in bins], dtype=float)
    return levels_of(side, price, value, value / price)


def _by_leverage(bins: list[_Bin]) -> NDArray[np.float64]:
    parts = [one.parts if any(one.parts) else (np.nan,) * len(LEVERAGES) for one in bins]
    return np.array(parts, dtype=float).reshape(len(bins), len(LEVERAGES))


def _are_middles(bins: list[_Bin], mark: float) -> bool:
    """Tell whether every price is the middle of a bin, as far as it is rounded to cents."""
    slack = _CENT / 2 * 1.01 / (BIN_WIDTH * mark) + 1e-9
    return all(abs(abs((one.price / mark - 1) / BIN_WIDTH) % 1 - 0.5) <= slack for one in bins)


def _assumed(traders: int | None, *, is_binned: bool) -> tuple[str, ...]:
    accounts = "top accounts" if traders is None else f"top {traders} accounts"
    counted = f"only the venue's {accounts} are counted; their share of the open interest is unsaid"
    return (counted, *([_MIDDLES] if is_binned else []), _DOLLARS, _FAR_SIDE)
