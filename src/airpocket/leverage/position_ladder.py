"""The ladder of many positions: where each is taken, and what it is worth there."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.binning import levels_from_prices
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_prices import (
    Priced,
    WithoutAccount,
    bankruptcy_prices,
    prices_of,
    refuse_above_cap,
)
from airpocket.leverage.swapped_columns import refuse_swapped
from airpocket.leverage.tiers import TierTable
from airpocket.market.events import Side
from airpocket.market.instrument import Kind
from airpocket.units import say_usd

__all__ = ["ladder_of"]

_OI_SLACK: Final = 1.01  # positions and open interest are rarely of one instant
_LOOKED_AT: Final = ("qty_raw", "entry_price", "liquidation_price", "is_long", "is_cross")
_LEFT_OUT: Final = "cross, with neither a liquidation price nor an account: left out"
_PAST: Final = "past their liquidation price at the mark: left out"
_AS_ISOLATED: Final = (
    "cross without an account: isolated-margin approximation (value / leverage behind each)"
)
_IN_FULL: Final = (
    "each position counts in full at its price: where a venue first closes a part, less is sold"
)


def ladder_of(
    book: PositionBook,
    symbol: str,
    mark_price: float,
    *,
    venue: str | None = None,
    tiers: TierTable | None = None,
    rules: MarginRules | None = None,
    fee_rate: float = 0.0,
    open_interest_usd: float | None = None,
    tick: float | None = None,
    without_account: WithoutAccount = WithoutAccount.LEFT_OUT,
) -> Ladder:
    """Lay positions out by the mark price at which each is force-closed.

    What was computed, left out or taken for something stands in the layer's ``assumed``.

    Parameters
    ----------
    book
        Positions of any instruments.
    symbol, venue
        The instrument that is meant.
    mark_price
        At which the ladder is looked at.
    tiers
        Of the instrument; needed where the source does not say every price.
    rules
        The venue's. Prices are found in bulk as by
        :func:`~airpocket.leverage.bulk.many_liquidation_prices`, compared with the rules on a
        sample, and found one by one (some 20 µs each) where they differ. ``None``: in bulk.
    fee_rate
        What the requirement holds besides the tier's rate.
    open_interest_usd
        Of the venue. The ladder's share of it is half of the dollars whose price is known (or
        known to be none), as a contract has two sides.
    tick
        Width of a level in price; ``None``: a level a position.
    without_account
        What to do with cross positions whose price the source does not say.

    Returns
    -------
    Ladder
        One measured layer of liquidations; a position counts in full at its price.

    Raises
    ------
    InputError
        If there is no such position, tiers are needed, a leverage is above the cap or a value
        beyond the tiers, size and entry look swapped at this mark, or the open interest is less
        than the positions.

    Examples
    --------
    >>> from airpocket.leverage.tiers import table_of
    >>> from airpocket.market.instrument import Instrument
    >>> perp = Instrument(venue="x", raw_symbol="A", symbol="A/USDT:USDT", kind=Kind.LINEAR,
    ...     base="A", quote="USDT", settle="USDT")
    >>> nan, no = np.array([np.nan]), np.array([False])
    >>> one = PositionBook((perp,), np.array([0], np.int32), ~no, np.array([2.0]),
    ...     np.array([100.0]), nan, np.array([10.0]), no, nan, "made up")
    >>> table = table_of("A/USDT:USDT", [(0, 1e9, 0.005, 0, 50)], "made up")
    >>> longs = ladder_of(one, "A", 100.0, tiers=table).side(Side.LONG)
    >>> [round(float(x), 4) for x in (*longs.price, *longs.bankruptcy_price)]
    [90.4523, 90.0]
    """
    if not 0 < mark_price < 1e18:
        raise InputError(f"mark price {mark_price!r} is not a number above 0")
    ours = book.of(symbol, venue)
    instrument = ours.instruments[0]
    if instrument.notional_usd(1.0, mark_price) is None:
        raise InputError(f"{instrument.symbol}: its contracts have no value in US dollars")
    refuse_swapped(
        book.source, {name: getattr(ours, name) for name in _LOOKED_AT}, float(mark_price)
    )
    if tiers is not None:
        refuse_above_cap(ours, tiers, lambda at: _number(book, ours, at))
    priced = prices_of(
        ours, tiers=tiers, rules=rules, fee_rate=fee_rate, without_account=without_account
    )
    price = priced.price
    assumed = (*book.assumed, *priced.assumed, *_said_of(ours, priced, mark_price), _IN_FULL)
    share = _share(ours, priced.is_left_out, mark_price, open_interest_usd)
    lost = bankruptcy_prices(ours)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=_levels(ours, price, lost, mark_price, Side.LONG, tick),
        shorts=_levels(ours, price, lost, mark_price, Side.SHORT, tick),
        source=book.source,
        share_of_oi=share,
        assumed=assumed,
    )
    return Ladder(
        venue=instrument.venue,
        symbol=instrument.symbol,
        mark_price=mark_price,
        layers=(layer,),
        at_ns=book.at_ns,
    )


def _levels(
    book: PositionBook,
    price: NDArray[np.float64],
    lost: NDArray[np.float64],
    mark_price: float,
    side: Side,
    tick: float | None,
) -> Levels:
    """Take the positions of one side whose price lies beyond the mark."""
    if side is Side.LONG:
        rows = np.flatnonzero(book.is_long & (price < mark_price))
    else:
        rows = np.flatnonzero(~book.is_long & (price > mark_price))
    if tick is None:
        away = price[rows]
        # Put in order before the columns are taken: sorted after, each is held twice.
        rows = rows[np.argsort(-away if side is Side.LONG else away, kind="stable")]
    instrument = book.instruments[0]
    at = price[rows]
    qty = book.qty_raw[rows] * instrument.contract_value
    usd = qty.copy() if instrument.kind is Kind.INVERSE else qty * at
    if instrument.kind is Kind.INVERSE:
        qty /= at
    if tick is None:
        return Levels(at, usd, qty, np.ones(rows.size, dtype=np.int64), lost[rows])
    return levels_from_prices(
        side, at, usd, qty, tick=tick, mark_price=mark_price, bankruptcy_price=lost[rows]
    )


def _number(book: PositionBook, ours: PositionBook, at: int) -> int:
    """Say where a position stands in the whole book, from 1."""
    if book is ours:
        return at + 1
    place = book.instruments.index(ours.instruments[0])
    return int(np.flatnonzero(book.instrument == place)[at]) + 1


def _said_of(book: PositionBook, priced: Priced, mark_price: float) -> tuple[str, ...]:
    """Say how much was taken for something, or left out."""
    price = priced.price
    past = np.where(book.is_long, price >= mark_price, price <= mark_price)
    found = []
    for rows, what in (
        (priced.is_as_isolated, _AS_ISOLATED),
        (priced.is_left_out, _LEFT_OUT),
        (past, _PAST),
    ):
        many = int(rows.sum())
        if many:
            usd = say_usd(_usd(book, rows, mark_price))
            found.append(f"{many:,} positions of {usd} at the mark: {what}")
    return tuple(found)


def _usd(book: PositionBook, rows: NDArray[np.bool_], price: float) -> float:
    """US dollars of some positions at a price."""
    each = book.instruments[0].notional_usd(1.0, price) or 0.0
    return float(book.qty_raw.sum(where=rows)) * each


def _share(
    book: PositionBook,
    is_left_out: NDArray[np.bool_],
    mark_price: float,
    open_interest_usd: float | None,
) -> float | None:
    if open_interest_usd is None:
        return None
    symbol = book.instruments[0].symbol
    if not 0 < open_interest_usd < 1e18:
        raise InputError(f"{symbol}: open interest {open_interest_usd!r} is not a number above 0")
    share = _usd(book, ~is_left_out, mark_price) / 2 / open_interest_usd
    if share > _OI_SLACK:
        raise InputError(
            f"{symbol}: the positions are {share:.2f} times the open interest of"
            f" {say_usd(open_interest_usd)}: one of the two is of another time, venue or unit"
        )
    return min(share, 1.0)
