"""Liquidation prices of the positions of one instrument, from the source or by the venue's rules.

=================================  ============================================================
position                           its price is
=================================  ============================================================
the source says one                that one
the source says there is none      none: no price takes it
isolated, the source says nothing  computed by the venue's rules and tiers
cross, the source says nothing     not known without its account: left out, or taken as isolated
=================================  ============================================================
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import MarginMode, Position
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.market.events import Side
from airpocket.market.instrument import Kind

__all__ = [
    "Priced",
    "WithoutAccount",
    "bankruptcy_prices",
    "margin_behind",
    "prices_of",
    "refuse_above_cap",
]

_CHUNK: Final = 1 << 20  # computed at a time, so that little is held beside the book
_SAMPLE: Final = 16  # positions computed both ways
_SAME: Final = 1e-9


class WithoutAccount(StrEnum):
    """What becomes of a cross position whose price the source does not say."""

    LEFT_OUT = "left_out"
    AS_ISOLATED = "as_isolated"  # as if value / leverage were all that stands behind it


@final
class Priced(Struct, frozen=True, eq=False):
    """Prices of positions, shape (n,) each.

    Parameters
    ----------
    price
        At which each is taken; NaN where none takes it, or it is not known.
    is_left_out
        Cross ones whose price is not known.
    is_as_isolated
        Cross ones that were computed as if isolated.
    assumed
        Where the prices are from, a sentence each.
    """

    price: NDArray[np.float64]
    is_left_out: NDArray[np.bool_]
    is_as_isolated: NDArray[np.bool_]
    assumed: tuple[str, ...]


def prices_of(
    book: PositionBook,
    *,
    tiers: TierTable | None = None,
    rules: MarginRules | None = None,
    fee_rate: float = 0.0,
    without_account: WithoutAccount = WithoutAccount.LEFT_OUT,
) -> Priced:
    """Find the liquidation price of each position of one instrument.

    Parameters
    ----------
    book
        Of one instrument (:meth:`PositionBook.of`).
    tiers, rules, fee_rate, without_account
        As for :func:`~airpocket.leverage.position_ladder.ladder_of`.

    Raises
    ------
    InputError
        If prices must be computed and there are no tiers, or as ``many_liquidation_prices``.
    """
    unsaid = np.isnan(book.liquidation_price)
    cross = unsaid & book.is_cross
    left_out = cross
    if without_account is WithoutAccount.AS_ISOLATED:
        left_out = cross & np.isnan(book.margin) & np.isnan(book.leverage)
    wanted = unsaid & ~left_out
    price = book.liquidation_price.copy()
    price[np.isinf(price)] = np.nan
    many, said = int(wanted.sum()), book.size - int(unsaid.sum())
    assumed = (
        [f"{said:,} of {book.size:,} liquidation prices are as the source says"] if said else []
    )
    if many:
        if tiers is None:
            raise InputError(
                f"{book.source}: {many:,} positions of {book.instruments[0].symbol} have no"
                " liquidation price: give its tiers to have them computed"
            )
        how = _compute(book, price, wanted, tiers, rules, fee_rate)
        assumed.append(f"{many:,} of {book.size:,} liquidation prices computed {how}")
    return Priced(price, left_out, cross & ~left_out, tuple(assumed))


def margin_behind(book: PositionBook, part: slice) -> NDArray[np.float64]:
    """Compute what stands behind each position at its entry: its margin, else value / leverage."""
    margin = book.margin[part]
    if not np.isnan(margin).any():
        return margin
    return np.where(np.isnan(margin), _value_at_entry(book, part) / book.leverage[part], margin)


def bankruptcy_prices(book: PositionBook) -> NDArray[np.float64]:
    """Compute the prices at which what stands behind each position is used up.

    ``entry - sign * margin / size`` (linear), in ``1 / price`` for inverse ones. NaN where it is
    not known, and of cross positions that no margin of their own stands behind; where no price
    above 0 does, too.
    """
    instrument = book.instruments[0]
    is_inverse = instrument.kind is Kind.INVERSE
    found = np.empty(book.size)
    for start in range(0, book.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        entry, size = book.entry_price[part], book.qty_raw[part] * instrument.contract_value
        moved = margin_behind(book, part) / size
        # An inverse long gains as 1 / price falls.
        at = (1 / entry if is_inverse else entry) + np.where(
            book.is_long[part] != is_inverse, -moved, moved
        )
        at[~(at > 0)] = np.nan
        found[part] = 1 / at if is_inverse else at
    return found


def refuse_above_cap(book: PositionBook, tiers: TierTable, number: Callable[[int], int]) -> None:
    """Refuse a leverage that the tiers do not allow, or a value that they do not reach.

    Parameters
    ----------
    book
        Of one instrument.
    tiers
        Its tiers; the tier is that of the value at entry.
    number
        Turns the index of a position into what it is called in the message.

    Raises
    ------
    InputError
        Naming the first.
    """
    by_size = tiers.unit is TierUnit.CONTRACTS
    ends = np.array([tier.up_to for tier in tiers.tiers])
    most = np.array([*(tier.leverage_most for tier in tiers.tiers), np.nan])
    for start in range(0, book.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        size = book.qty_raw[part] if by_size else _value_at_entry(book, part)
        tier = np.searchsorted(ends, size, side="left")
        wrong = (tier == ends.size) | (book.leverage[part] > most[tier])
        if not wrong.any():
            continue
        at = int(np.argmax(wrong))
        value = f"{size[at]:,.0f} {tiers.unit.value}"
        place = f"{book.source}: position {number(start + at):,} ({tiers.symbol})"
        if tier[at] == ends.size:
            raise InputError(
                f"{place}: {value} is beyond the last tier, which ends at {ends[-1]:,.0f}"
                f" ({tiers.source})"
            )
        raise InputError(
            f"{place}: leverage {book.leverage[start + at]:g} is above {most[tier[at]]:g}, the most"
            f" for {value} ({tiers.source})"
        )


def _value_at_entry(book: PositionBook, part: slice) -> NDArray[np.float64]:
    """Value at entry in the coin that margin is counted in."""
    size = book.qty_raw[part] * book.instruments[0].contract_value
    entry = book.entry_price[part]
    return size / entry if book.instruments[0].kind is Kind.INVERSE else size * entry


def _compute(
    book: PositionBook,
    price: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    tiers: TierTable,
    rules: MarginRules | None,
    fee_rate: float,
) -> str:
    """Write the prices that are wanted; say by what."""
    if rules is not None and not _bulk_is_right(book, wanted, tiers, rules, fee_rate):
        rows = np.flatnonzero(wanted)
        price[rows] = _one_by_one(book, rows, tiers, rules)
        return f"one by one by {rules.rule_id} ({tiers.source})"
    for start in range(0, book.size, _CHUNK):
        part = slice(start, min(start + _CHUNK, book.size))
        if wanted[part].all():
            price[part] = _in_bulk(book, part, tiers, fee_rate)
        elif wanted[part].any():
            rows = np.flatnonzero(wanted[part]) + start
            price[rows] = _in_bulk(book.rows(rows), slice(None), tiers, fee_rate)
    return f"by {'its tiers' if rules is None else rules.rule_id} ({tiers.source})"


def _in_bulk(
    book: PositionBook, part: slice, tiers: TierTable, fee_rate: float
) -> NDArray[np.float64]:
    return many_liquidation_prices(
        book.instruments[0],
        tiers,
        book.qty_raw[part],
        book.is_long[part],
        book.entry_price[part],
        margin_behind(book, part),
        fee_rate=fee_rate,
    ).price


def _bulk_is_right(
    book: PositionBook,
    wanted: NDArray[np.bool_],
    tiers: TierTable,
    rules: MarginRules,
    fee_rate: float,
) -> bool:
    """Tell whether the bulk formula is the venue's, on positions of every size and both sides."""
    rows = np.flatnonzero(wanted)
    by_size = rows[np.argsort(book.qty_raw[rows], kind="stable")] if rows.size < _CHUNK else rows
    picked = np.unique(
        np.concatenate(
            [
                ours[np.linspace(0, ours.size - 1, min(_SAMPLE, ours.size)).astype(np.intp)]
                for ours in (by_size[book.is_long[by_size]], by_size[~book.is_long[by_size]])
                if ours.size
            ]
        )
    )
    try:
        bulk = _in_bulk(book.rows(picked), slice(None), tiers, fee_rate)
    except InputError:
        return False
    truth = _one_by_one(book, picked, tiers, rules)
    return bool(np.allclose(bulk, truth, rtol=_SAME, atol=0.0, equal_nan=True))


def _one_by_one(
    book: PositionBook, rows: Sequence[int] | NDArray[np.intp], tiers: TierTable, rules: MarginRules
) -> NDArray[np.float64]:
    found = np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        margin, leverage = float(book.margin[row]), float(book.leverage[row])
        position = Position(
            instrument=book.instruments[0],
            side=Side.LONG if book.is_long[row] else Side.SHORT,
            qty_raw=float(book.qty_raw[row]),
            entry_price=float(book.entry_price[row]),
            mode=MarginMode.ISOLATED,
            margin=None if np.isnan(margin) else margin,
            leverage=None if np.isnan(leverage) else leverage,
        )
        price = rules.liquidation_price(position, tiers).price
        if price is not None:
            found[place] = price
    return found
