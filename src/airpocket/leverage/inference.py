"""A coin's maintenance rate and largest leverage, concluded from positions whose price is said.

An isolated position whose margin, size, entry and liquidation price are all known leaves one
unknown, the maintenance rate ``l`` of ``margin + sign * size * (price - entry) = l * size * price``
(linear; in ``1 / price`` for inverse contracts). Where a venue's maintenance margin is a fixed
share of the initial margin at the largest leverage (a half on Hyperliquid), ``l = 1 / (2 *
leverage)``, and as the largest leverage is a whole number one position suffices to tell it.

This holds for positions in the first tier, without a fee beside the rate.
"""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.market.instrument import Kind

__all__ = ["Inferred", "implied_rates", "inferred_tiers", "largest_leverages"]

_SAME: Final = 1e-3  # what a rounded size or price may do to an implied leverage


@final
class Inferred(Struct, frozen=True, eq=False):
    """The largest leverage of one instrument, as its positions say.

    Parameters
    ----------
    symbol
        Unified symbol.
    leverage
        That most rows agree on.
    rate
        Maintenance rate of it.
    rows
        How many isolated positions told it.
    worst
        Largest relative difference of an agreeing row's implied leverage from it.
    exceptions
        Places in the book of the rows that imply another one.
    """

    symbol: str
    leverage: int
    rate: float
    rows: int
    worst: float
    exceptions: NDArray[np.intp]


def implied_rates(book: PositionBook) -> NDArray[np.float64]:
    """Compute the maintenance rate that each isolated position implies.

    Returns
    -------
    ndarray
        Shape (n,); NaN for cross positions and where margin or liquidation price is not known.

    Examples
    --------
    >>> from airpocket.market.instrument import Instrument
    >>> perp = Instrument(venue="x", raw_symbol="A", symbol="A/USDC:USDC", kind=Kind.LINEAR,
    ...     base="A", quote="USDC", settle="USDC")
    >>> no, ten = np.array([False]), np.array([10.0])
    >>> one = PositionBook((perp,), np.array([0], np.int32), ~no, np.array([2.0]),
    ...     np.array([100.0]), np.array([20.0]), ten, no, np.array([90 / 0.95]), "made up")
    >>> round(float(implied_rates(one)[0]), 9)
    0.05
    """
    kinds = [row.kind for row in book.instruments]
    if not set(kinds) <= {Kind.LINEAR, Kind.INVERSE}:
        raise InputError(f"{book.source}: holds instruments that are neither linear nor inverse")
    is_inverse = np.array([kind is Kind.INVERSE for kind in kinds])[book.instrument]
    value = np.array([row.contract_value for row in book.instruments])[book.instrument]
    known = ~book.is_cross & np.isfinite(book.liquidation_price)
    price = np.where(known, book.liquidation_price, np.nan)
    at = np.where(is_inverse, 1 / price, price)
    entry = np.where(is_inverse, 1 / book.entry_price, book.entry_price)
    sign = np.where(book.is_long != is_inverse, 1.0, -1.0)
    size = book.qty_raw * value
    rates: NDArray[np.float64] = (book.margin + sign * size * (at - entry)) / (size * at)
    return rates


def largest_leverages(
    book: PositionBook, *, maintenance_share: float = 0.5
) -> Mapping[str, Inferred]:
    """Conclude each instrument's largest leverage from its isolated positions.

    Parameters
    ----------
    book
        Positions with margins and liquidation prices.
    maintenance_share
        Maintenance over initial margin at the largest leverage: a half on Hyperliquid.

    Returns
    -------
    mapping
        Unified symbol to what was found; instruments without such a position are not in it.

    Raises
    ------
    InputError
        If the share is not within 0 to 1, or an instrument is neither linear nor inverse.
    """
    if not 0 < maintenance_share <= 1:
        raise InputError(f"maintenance share {maintenance_share!r} is not above 0 and at most 1")
    with np.errstate(divide="ignore"):
        leverage = maintenance_share / implied_rates(book)
    told = np.flatnonzero(np.isfinite(leverage) & (leverage > 1 - _SAME))
    found: dict[str, Inferred] = {}
    if not told.size:
        return found
    order = told[np.argsort(book.instrument[told], kind="stable")]
    places, starts = np.unique(book.instrument[order], return_index=True)
    for place, rows in zip(places, np.split(order, starts[1:]), strict=True):
        symbol = book.instruments[place].symbol
        found[symbol] = _agreed(symbol, rows, leverage[rows], maintenance_share)
    return found


def _agreed(
    symbol: str, rows: NDArray[np.intp], leverage: NDArray[np.float64], share: float
) -> Inferred:
    whole, many = np.unique(np.rint(leverage).astype(np.int64), return_counts=True)
    most = int(whole[np.argmax(many)])
    off = np.abs(leverage / most - 1)
    agrees = off <= _SAME
    return Inferred(
        symbol=symbol,
        leverage=most,
        rate=share / most,
        rows=int(rows.size),
        worst=float(off[agrees].max(initial=0.0)),
        exceptions=rows[~agrees],
    )


def inferred_tiers(found: Inferred, source: str) -> TierTable:
    """Make a table of one tier of what was inferred.

    Parameters
    ----------
    found
        Of one instrument.
    source
        What it was inferred from, with its date.
    """
    said = f"inferred from {found.rows} isolated positions of {source}"
    if found.exceptions.size:
        said += f", of which {found.exceptions.size} say otherwise"
    tier = Tier(0.0, np.inf, found.rate, 0.0, float(found.leverage))
    return TierTable(found.symbol, TierUnit.NOTIONAL, (tier,), said)
