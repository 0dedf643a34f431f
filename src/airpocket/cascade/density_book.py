"""The order book of one simulated venue: opened around a price, and the terms it lives by."""

from typing import TYPE_CHECKING, Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.cascade.depth_profile import DepthProfile
from airpocket.errors import InputError

if TYPE_CHECKING:
    from airpocket.cascade.density_kernels import Book
    from airpocket.cascade.makers_kernels import Aim, Gains, Retreat

__all__ = [
    "NO_FILLS", "BookTerms", "RestingLevels", "Withdrawal", "copied", "levels_of", "open_book",
]  # fmt: skip

NO_FILLS: Final = np.empty((0, 3), dtype=np.int64)  # for ``take``, where nobody asks by level

_NS: Final = 1e9
_DAY_S: Final = 86_400.0
_MOST_USD: Final = 1e13  # of one side: sums of ticks times lots stay far inside 64 bits


def _kept(elapsed_ns: int, half_life_s: float) -> float:
    return float(0.5 ** (elapsed_ns / _NS / half_life_s))


def _refuse_below(what: str, figures: dict[str, float], least: float, most: float) -> None:
    for name, figure in figures.items():
        if not least <= figure <= most:  # also what is no number
            raise InputError(f"{what}, {name} of {figure!r}: give {least:g} to {most:g}")


@final
class BookTerms(Struct, frozen=True, kw_only=True):
    """How a book is laid out, and how fast it fills.

    Parameters
    ----------
    micro_per_tick_lot
        Micro-dollars that one lot gains by one tick (linear contracts).
    width
        Ticks of the window, a power of two; makers quote to half of it on each side.
    capacity
        Levels that may wait outside the window, on each side.
    nearest_ticks
        Distance of makers' first level from the reference; with 1 the spread is one tick.
    quick_share
        Share of a level's goal that comes back with the quick half-life; the rest comes with the
        slow one.
    quick_half_life_s, slow_half_life_s, withdrawal_half_life_s
        Of the two, and of what is quoted above the goal. No half-life of a perpetual's book is
        published; these lie inside 5 to 20 s for calm and 5 to 20 minutes for a crisis.
    tolerance
        Move of the reference, as a fraction, at which goals are worked out anew.
    """

    micro_per_tick_lot: int
    width: int = 8192
    capacity: int = 8192
    nearest_ticks: int = 1
    quick_share: float = 0.5
    quick_half_life_s: float = 10.0
    slow_half_life_s: float = 600.0
    withdrawal_half_life_s: float = 1.0
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what no book can live by."""
        if not 4 <= self.width <= 1 << 24 or self.width & (self.width - 1):
            raise InputError(f"book, width of {self.width!r} ticks: give a power of two from 4")
        _refuse_below("book", {"micro_per_tick_lot": self.micro_per_tick_lot}, 1, 10**12)
        _refuse_below("book", {"capacity": self.capacity}, 1, 1 << 24)
        _refuse_below("book", {"nearest_ticks": self.nearest_ticks}, 1, self.width // 2)
        shares = {"quick_share": self.quick_share, "tolerance": self.tolerance}
        _refuse_below("book", shares, 0.0, 1.0)
        lives = {
            name: getattr(self, name)
            for name in ("quick_half_life_s", "slow_half_life_s", "withdrawal_half_life_s")
        }
        _refuse_below("book", lives, 1e-9, 1e12)

    @property
    def usd_per_tick_lot(self) -> float:
        """Dollars of one lot at a price of one tick."""
        return self.micro_per_tick_lot / 1e6

    def gains(self, elapsed_ns: int) -> "Gains":
        """Tell what a refill makes good after so long.

        Examples
        --------
        >>> BookTerms(micro_per_tick_lot=100).gains(10_000_000_000).quick
        0.5
        """
        from airpocket.cascade.makers_kernels import Gains  # noqa: PLC0415 — loads numba

        return Gains(
            self.quick_share,
            1.0 - _kept(elapsed_ns, self.quick_half_life_s),
            1.0 - _kept(elapsed_ns, self.slow_half_life_s),
            1.0 - _kept(elapsed_ns, self.withdrawal_half_life_s),
        )


@final
class Withdrawal(Struct, frozen=True, kw_only=True):
    """How makers thin a book under stress (Brunnermeier and Pedersen 2009).

    phi* = clip(exp(-steepness * (sigma_1m / sigma_ref - 1)+) * (W / W0)+, floor, 1), followed
    down at once. On the way back ``quick_share`` of the lack heals quickly, the rest slowly: with
    the figures given here from 0.02 to a half in 13 minutes, and to 0.7 in a month (10 October
    2025: 1 % depth of BTC was still 30 % short a month later).

    Parameters
    ----------
    steepness, floor
        k, and the least share of the depth that stays.
    quick_share, quick_half_life_s, slow_half_life_s
        Of the lack.
    """

    steepness: float = 1.0
    floor: float = 0.02
    quick_share: float = 0.7
    quick_half_life_s: float = 420.0
    slow_half_life_s: float = 180 * _DAY_S

    def __post_init__(self) -> None:
        """Refuse what is no withdrawal."""
        _refuse_below("withdrawal", {"steepness": self.steepness}, 0.0, 1e6)
        shares = {"floor": self.floor, "quick_share": self.quick_share}
        _refuse_below("withdrawal", shares, 0.0, 1.0)
        lives = {
            "quick_half_life_s": self.quick_half_life_s,
            "slow_half_life_s": self.slow_half_life_s,
        }
        _refuse_below("withdrawal", lives, 1e-9, 1e12)

    def retreat(self, elapsed_ns: int) -> "Retreat":
        """Give the figures of one step of time to ``makers_kernels.willingness``."""
        from airpocket.cascade.makers_kernels import Retreat  # noqa: PLC0415 — loads numba

        return Retreat(
            self.steepness,
            self.floor,
            self.quick_share,
            _kept(elapsed_ns, self.quick_half_life_s),
            _kept(elapsed_ns, self.slow_half_life_s),
        )


@final
class RestingLevels(Struct, frozen=True, eq=False):
    """What rests on one side, nearest first.

    Parameters
    ----------
    ticks, makers_lots, others_lots
        Price, makers' lots and others' lots of each level, shape (n,).
    """

    ticks: NDArray[np.int64]
    makers_lots: NDArray[np.int64]
    others_lots: NDArray[np.int64]

    @property
    def lots(self) -> NDArray[np.int64]:
        """Lots of both, shape (n,)."""
        return self.makers_lots + self.others_lots


def open_book(profile: DepthProfile, terms: BookTerms, reference: int) -> "tuple[Book, Aim]":
    """Open a book that holds its goals to the lot, around a reference.

    Parameters
    ----------
    profile
        Depth in calm times.
    terms
        Layout and money.
    reference
        Tick of the best bid; the best ask is one above it where makers quote that near.

    Returns
    -------
    tuple of Book, Aim
        State for ``density_kernels``, and goals for its ``refill``.

    Raises
    ------
    InputError
        If the reference is no price, or the depth too large for 64-bit sums.

    Examples
    --------
    >>> terms = BookTerms(micro_per_tick_lot=1_000, width=4096)
    >>> book, _ = open_book(DepthProfile.published(), terms, 61_400)
    >>> bids = levels_of(book, is_bid=True)
    >>> int(bids.ticks[0]), bids.ticks.size
    (61400, 2048)
    """
    from airpocket.cascade.density_kernels import (  # noqa: PLC0415 — loads numba
        ASK,
        BEST,
        BOOK,
        LOW,
        NO_ASK,
        REFERENCE,
        Book,
        refill,
    )  # fmt: skip
    from airpocket.cascade.makers_kernels import Aim, Gains, aim  # noqa: PLC0415 — the same

    if not 1 <= reference < 1 << 40:
        raise InputError(f"book, reference of {reference!r} ticks: give 1 to {(1 << 40) - 1}")
    for name, side in (("bid", profile.bid), ("ask", profile.ask)):
        far = terms.width / 2 / (reference + 0.5)
        lots = side.usd_within(far) / terms.usd_per_tick_lot  # at a price of one tick: the most
        if not lots < 1e18:
            raise InputError(f"book, {name} depth of {side.usd!r} dollars: too many lots to count")
        if side.usd_within(far) > _MOST_USD:
            raise InputError(f"book, {name} depth of {side.usd!r} dollars: give less than 1e13")
    book = Book(
        np.zeros((terms.width, 3), dtype=np.int64),
        np.zeros((2, terms.capacity, 4), dtype=np.int64),
        np.zeros((3, 11), dtype=np.int64),
    )
    book.figures[ASK, BEST] = NO_ASK
    book.figures[BOOK, LOW], book.figures[BOOK, REFERENCE] = (
        reference + 1 - terms.width // 2,
        reference,
    )
    target = Aim(np.zeros((2, terms.width // 2 + 1)), np.zeros(1, dtype=np.int64))
    aim(target, profile.table(), reference, terms.nearest_ticks, terms.usd_per_tick_lot, 0.0)
    refill(book, target.goals, reference, 1.0, Gains(1.0, 1.0, 1.0, 1.0), 0.5)
    return book, target


def copied(book: "Book") -> "Book":
    """Copy a book, to come back to it."""
    return type(book)(*(column.copy() for column in book))


def levels_of(book: "Book", *, is_bid: bool) -> RestingLevels:
    """Give the levels of one side, those outside the window too, nearest first."""
    from airpocket.cascade.density_kernels import BEST, BOOK, LOW, STACKED  # noqa: PLC0415 — loads numba

    side, sign = (0, -1) if is_bid else (1, 1)
    width, low, best = (
        book.levels.shape[0],
        int(book.figures[BOOK, LOW]),
        int(book.figures[side, BEST]),
    )
    ticks = np.arange(low, low + width, dtype=np.int64)
    ticks = ticks[ticks <= best] if is_bid else ticks[ticks >= best]
    ticks = ticks[::sign]
    window = book.levels[ticks & (width - 1)]
    stack = book.stacks[side, : book.figures[side, STACKED]][::-1]
    rows = np.concatenate((window, stack[:, :3]))
    ticks = np.concatenate((ticks, stack[:, 3]))
    there = rows[:, 0] + rows[:, 1] > 0
    return RestingLevels(ticks[there], rows[there, 0], rows[there, 1])
