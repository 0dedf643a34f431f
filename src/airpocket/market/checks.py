"""Is a recording what it claims to be? Checks over whole columns, each a function of arrays.

They say where something is wrong and how often; whoever reads the file makes a
:class:`~airpocket.market.quality.Finding` of it.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.market.columns import MISSING_INT
from airpocket.market.feed_rule import FeedRule
from airpocket.units import EARLIEST_NS, LATEST_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS

__all__ = [
    "Skew",
    "Stretch",
    "bars_without_trades",
    "clock_skew",
    "crossed_book",
    "duplicated_rows",
    "frozen_side",
    "is_doubled",
    "plausible_times",
    "regime_breaks",
    "time_unit_changed",
    "time_unit_ns",
]

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]
_Mask: TypeAlias = NDArray[np.bool_]

_UNITS_NS: Final = (SECOND_NS, MILLISECOND_NS, 1_000, 1)
_JOIN_NS: Final = 30 * MINUTE_NS
_FEWEST: Final = 5
_LATE_NS: Final = 60 * SECOND_NS


class Stretch(Struct, frozen=True):
    """A stretch of time with something wrong: its first and last row, and the rows concerned."""

    from_ns: int
    to_ns: int
    count: int


class Skew(Struct, frozen=True):
    """Local minus venue time of rows that carry both clocks.

    ``ahead`` counts rows that were received before they happened (the clocks disagree), ``late``
    those received more than a minute after (delay of the venue or of the recorder).
    """

    median_ns: int
    low_ns: int
    high_ns: int
    ahead: int
    late: int


def frozen_side(
    time_ns: _Ints,
    side: _Floats,
    other: _Floats,
    *,
    join_ns: int = _JOIN_NS,
    fewest: int = _FEWEST,
) -> tuple[Stretch, ...]:
    """Find where one side of a book stands still while the other moves.

    A row is frozen if its value is bit for bit that of the row before or after, while the other
    side's differs. Frozen rows less than ``join_ns`` apart are one stretch, because a ghost level
    shows through whenever the live ones leave the band; stretches of fewer than ``fewest`` rows
    are chance.

    Parameters
    ----------
    time_ns
        Times of the snapshots, ascending.
    side, other
        A price that moves with every change of that side (the average price of a band); NaN
        where the side is missing.
    join_ns, fewest
        See above.

    Examples
    --------
    >>> times = np.arange(8) * SECOND_NS
    >>> stuck = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    >>> frozen_side(times, stuck, np.arange(8.0))
    (Stretch(from_ns=2000000000, to_ns=7000000000, count=6),)
    """
    held = (np.diff(side) == 0) & (np.diff(other) != 0) & ~np.isnan(np.diff(other))
    is_frozen = np.zeros(len(time_ns), dtype=np.bool_)
    is_frozen[1:] |= held
    is_frozen[:-1] |= held
    return _stretches(time_ns, is_frozen, join_ns, fewest)


def crossed_book(
    time_ns: _Ints,
    bid: _Floats,
    ask: _Floats,
    *,
    join_ns: int = _JOIN_NS,
    fewest: int = _FEWEST,
) -> tuple[Stretch, ...]:
    """Find where bids stand above asks, which no matching engine allows to last.

    Parameters
    ----------
    time_ns
        Times of the snapshots, ascending.
    bid, ask
        Best prices, or average prices of the nearest bands; NaN where a side is missing.
    join_ns, fewest
        As for :func:`frozen_side`.

    Examples
    --------
    >>> crossed_book(np.arange(6), np.full(6, 101.0), np.full(6, 100.0))
    (Stretch(from_ns=0, to_ns=5, count=6),)
    """
    return _stretches(time_ns, np.asarray(bid > ask), join_ns, fewest)


def bars_without_trades(close: _Floats, volume: _Floats) -> int:
    """Count the bars of a series that never traded though its price moved, else 0.

    Such "klines" are those of a mark or an index price.

    Examples
    --------
    >>> bars_without_trades(np.array([1.0, 2.0]), np.zeros(2))
    2
    >>> bars_without_trades(np.array([1.0, 2.0]), np.array([0.0, 3.0]))
    0
    """
    if len(close) < 2 or np.any(volume != 0):
        return 0
    return len(close) if np.any(np.diff(close) != 0) else 0


def clock_skew(venue_ns: _Ints, local_ns: _Ints) -> Skew | None:
    """Compare the two clocks of rows that carry both; ``None`` if none does.

    Examples
    --------
    >>> clock_skew(np.array([10, 20]), np.array([15, 19])).ahead
    1
    """
    both = (venue_ns != MISSING_INT) & (local_ns != MISSING_INT)
    if not both.any():
        return None
    late = local_ns[both] - venue_ns[both]
    return Skew(
        median_ns=int(np.median(late)),
        low_ns=int(late.min()),
        high_ns=int(late.max()),
        ahead=int(np.count_nonzero(late < 0)),
        late=int(np.count_nonzero(late > _LATE_NS)),
    )


def duplicated_rows(*columns: NDArray[Any]) -> _Mask:
    """Mark rows that say in every column what an earlier row said.

    Examples
    --------
    >>> duplicated_rows(np.array([7, 8, 7, 7]), np.array([1.0, 1.0, 1.0, 2.0])).tolist()
    [False, False, True, False]
    """
    order = np.lexsort(columns)  # stable: of equal rows the first stays first
    is_same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for column in columns:
        is_same &= column[order[1:]] == column[order[:-1]]
    repeats = np.zeros(len(order), dtype=np.bool_)
    repeats[order[1:][is_same]] = True
    return repeats


def is_doubled(*columns: NDArray[Any]) -> bool:
    """Tell whether every row occurs an even number of times: a file that says all things twice.

    Examples
    --------
    >>> is_doubled(np.array([5, 5, 6, 6])), is_doubled(np.array([5, 5, 6]))
    (True, False)
    """
    if not len(columns[0]):
        return False
    order = np.lexsort(columns)
    is_new = np.zeros(len(order), dtype=np.bool_)
    is_new[0] = True
    for column in columns:
        is_new[1:] |= column[order[1:]] != column[order[:-1]]
    counts = np.diff(np.append(np.flatnonzero(is_new), len(order)))
    return bool(np.all(counts % 2 == 0))


def plausible_times(times: _Ints, unit_ns: int) -> _Mask:
    """Mark times that fall between 2009 and 2100 if they count units of ``unit_ns``.

    Examples
    --------
    >>> plausible_times(np.array([1_760_130_903_127, 1_760_130_903]), MILLISECOND_NS).tolist()
    [True, False]
    """
    return (times >= EARLIEST_NS // unit_ns) & (times < LATEST_NS // unit_ns)


def time_unit_ns(time: int) -> int | None:
    """Find the only unit that makes a plausible date of a time, in ns; ``None`` if none does.

    Examples
    --------
    >>> time_unit_ns(1_760_130_903_127), time_unit_ns(7)
    (1000000, None)
    """
    for unit_ns in _UNITS_NS:
        if EARLIEST_NS // unit_ns <= time < LATEST_NS // unit_ns:
            return unit_ns
    return None


def time_unit_changed(times: _Ints, unit_ns: int) -> _Mask:
    """Mark times that are no date in their documented unit but one in another (fault F26).

    Examples
    --------
    >>> time_unit_changed(np.array([1_760_130_903_127, 1_760_130_903, 5]), MILLISECOND_NS).tolist()
    [False, True, False]
    """
    is_other = np.zeros(len(times), dtype=np.bool_)
    for other in _UNITS_NS:
        if other != unit_ns:
            is_other |= plausible_times(times, other)
    return ~plausible_times(times, unit_ns) & is_other


def regime_breaks(rules: Iterable[FeedRule], from_ns: int, to_ns: int) -> tuple[FeedRule, ...]:
    """Find the rules of one channel that begin inside a stretch of time.

    Figures before and after such a moment are not comparable.

    Examples
    --------
    >>> from airpocket.market.events import Coverage
    >>> rule = FeedRule(rule_id="x", channel="liquidations", coverage=Coverage.THROTTLED, said="",
    ...                 valid_from_ns=50)
    >>> len(regime_breaks([rule], 0, 100)), len(regime_breaks([rule], 50, 100))
    (1, 0)
    """
    return tuple(
        rule
        for rule in rules
        if rule.valid_from_ns is not None and from_ns < rule.valid_from_ns <= to_ns
    )


def _stretches(time_ns: _Ints, is_bad: _Mask, join_ns: int, fewest: int) -> tuple[Stretch, ...]:
    rows = np.flatnonzero(is_bad)
    if not len(rows):
        return ()
    times = time_ns[rows]
    parts = np.split(times, np.flatnonzero(np.diff(times) > join_ns) + 1)
    return tuple(
        Stretch(int(part[0]), int(part[-1]), len(part)) for part in parts if len(part) >= fewest
    )
