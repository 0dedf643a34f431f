"""What became of a rolled ladder: which levels a later map shows, which moved, which are new.

A map ages: accounts open, close and add margin while nobody looks. Laying a later map beside the
rolled one says how much of it still held.
"""

from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Levels, Provenance
from airpocket.leverage.rolling import Rolled
from airpocket.market.events import Side

__all__ = ["Changes", "EarlierLevel", "LaterLevel", "changes"]

# Two levels whose dollars differ by less are taken for the same positions at another price.
_SAME: Final = 1e-3


@final
class EarlierLevel(Struct, frozen=True, kw_only=True):
    """A level of the earlier map.

    Parameters
    ----------
    side, price, notional_usd
        As it was.
    is_consumed
        Whether the mark reached it meanwhile.
    kept_usd
        Dollars of it that later levels at the same price may hold; 0 for a consumed one.
    moved_to
        Price of a later level elsewhere with the same dollars, ``None`` if there is none. Of a
        consumed level it says that its positions probably lived on, with more margin.
    """

    side: Side
    price: float
    notional_usd: float
    is_consumed: bool
    kept_usd: float
    moved_to: float | None


@final
class LaterLevel(Struct, frozen=True, kw_only=True):
    """A level of the later map: ``kept_usd`` of it may be earlier ones at the same price."""

    side: Side
    price: float
    notional_usd: float
    kept_usd: float
    moved_from: float | None


@final
class Changes(Struct, frozen=True, kw_only=True):
    """Levels of both maps, longs before shorts, nearest first."""

    earlier: tuple[EarlierLevel, ...]
    later: tuple[LaterLevel, ...]

    def consumed_usd(self, side: Side) -> float:
        """Dollars that the mark reached."""
        return sum(x.notional_usd for x in self.earlier if x.side is side and x.is_consumed)

    def survived_usd(self, side: Side) -> float:
        """Dollars that the mark reached, and that stand elsewhere in the later map."""
        return sum(
            x.notional_usd
            for x in self.earlier
            if x.side is side and x.is_consumed and x.moved_to is not None
        )

    def left_usd(self, side: Side) -> float:
        """Dollars that rolling left: what it says the later map should show."""
        return sum(x.notional_usd for x in self.earlier if x.side is side and not x.is_consumed)

    def kept_usd(self, side: Side) -> float:
        """Dollars of those that later levels at the same price may hold."""
        return sum(x.kept_usd for x in self.earlier if x.side is side)

    def moved_usd(self, side: Side) -> float:
        """Dollars of those that stand at another price."""
        return sum(
            x.notional_usd
            for x in self.earlier
            if x.side is side and not x.is_consumed and x.moved_to is not None
        )

    def later_usd(self, side: Side) -> float:
        """Dollars of the later map."""
        return sum(x.notional_usd for x in self.later if x.side is side)


def changes(
    rolled: Rolled,
    later: Ladder,
    *,
    half_width: float = 0.0,
    provenance: Provenance = Provenance.MEASURED,
) -> Changes:
    """Lay a rolled ladder beside a map of the time that it was rolled to.

    Dollars are *kept* as far as earlier and later levels that may hold the same price can be paired
    off: an upper bound, since others may have taken the place. Of levels without such a partner,
    two of the same dollars (to 0.1 %) are taken for one that *moved*.

    Parameters
    ----------
    rolled
        The earlier map, rolled along the mark.
    later
        The map it is compared with, of the same instrument.
    half_width
        How far positions may lie from their level, in both maps, as a fraction of the map's mark
        price: half a bin where positions were binned.
    provenance
        What is compared.

    Raises
    ------
    InputError
        If the maps are of different instruments, or the width is not within 0 and 1.
    """
    before = rolled.consumed  # around the mark price that the earlier map was made at
    if (before.venue, before.symbol) != (later.venue, later.symbol):
        raise InputError(
            f"{before.symbol} on {before.venue} cannot be compared with {later.symbol} on"
            f" {later.venue}"
        )
    if not 0 <= half_width < 1:
        raise InputError(f"half_width {half_width!r} is not a fraction within 0 and 1")
    reach = half_width * (before.mark_price + later.mark_price)
    earlier_rows: list[EarlierLevel] = []
    later_rows: list[LaterLevel] = []
    for side in Side:
        gone = rolled.consumed.side(side, provenance)
        left = rolled.ladder.side(side, provenance)
        now = later.side(side, provenance)
        kept_left, kept_now = _paired(side, left, now, reach)
        moved_left = _moved(left, kept_left, now, kept_now, is_taken=np.zeros(now.size, dtype=bool))
        is_taken = np.isin(now.price, moved_left)
        moved_gone = _moved(gone, np.zeros(gone.size), now, kept_now, is_taken=is_taken)
        earlier_rows += _earlier(side, gone, np.zeros(gone.size), moved_gone, is_consumed=True)
        earlier_rows += _earlier(side, left, kept_left, moved_left, is_consumed=False)
        later_rows += _later(side, now, kept_now, (gone, moved_gone), (left, moved_left))
    return Changes(earlier=tuple(earlier_rows), later=tuple(later_rows))


def _paired(
    side: Side, one: Levels, other: Levels, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pair off the most dollars of levels at most ``reach`` apart; give what is paired of each.

    Both are in order of price and all reach equally far, so taking the nearest that is left to
    each in turn is the best that can be done.
    """
    outward = -1.0 if side is Side.LONG else 1.0
    free_one, free_other = one.notional_usd.copy(), other.notional_usd.copy()
    i = j = 0
    while i < one.size and j < other.size:
        apart = outward * (other.price[j] - one.price[i])
        if abs(apart) <= reach:
            paired = min(free_one[i], free_other[j])
            free_one[i] -= paired
            free_other[j] -= paired
            i, j = (i + 1, j) if free_one[i] <= free_other[j] else (i, j + 1)
        elif apart > 0:
            i += 1
        else:
            j += 1
    return one.notional_usd - free_one, other.notional_usd - free_other


def _moved(
    one: Levels,
    kept_one: NDArray[np.float64],
    other: Levels,
    kept_other: NDArray[np.float64],
    *,
    is_taken: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Find for each level without partner the price of one with the same dollars, else NaN."""
    is_taken = is_taken | (kept_other > 0)
    found = np.full(one.size, np.nan)
    for i in np.flatnonzero(kept_one == 0):
        apart = np.abs(other.notional_usd - one.notional_usd[i])
        apart[is_taken] = np.inf
        if apart.size and apart.min() <= _SAME * one.notional_usd[i]:
            best = int(apart.argmin())
            is_taken[best] = True
            found[i] = other.price[best]
    return found


def _earlier(
    side: Side,
    levels: Levels,
    kept: NDArray[np.float64],
    moved: NDArray[np.float64],
    *,
    is_consumed: bool,
) -> list[EarlierLevel]:
    rows = zip(
        levels.price.tolist(), levels.notional_usd.tolist(), kept.tolist(), moved.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        EarlierLevel(
            side=side,
            price=price,
            notional_usd=usd,
            is_consumed=is_consumed,
            kept_usd=kept_usd,
            moved_to=None if np.isnan(to) else to,
        )
        for price, usd, kept_usd, to in rows
    ]


def _later(
    side: Side,
    levels: Levels,
    kept: NDArray[np.float64],
    *moves: tuple[Levels, NDArray[np.float64]],
) -> list[LaterLevel]:
    origin = {
        float(to): float(price)
        for before, moved in moves
        for price, to in zip(before.price, moved, strict=True)
        if not np.isnan(to)
    }
    return [
        LaterLevel(
            side=side,
            price=price,
            notional_usd=usd,
            kept_usd=kept_usd,
            moved_from=origin.get(price),
        )
        for price, usd, kept_usd in zip(
            levels.price.tolist(), levels.notional_usd.tolist(), kept.tolist(), strict=True
        )
    ]
