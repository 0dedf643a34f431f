"""How each venue numbers the updates of its books, by its own documents."""

from types import MappingProxyType
from typing import Final

from airpocket.errors import InputError
from airpocket.market.book import Book
from airpocket.market.sequence import SequenceRule

__all__ = ["BOOK_RULES", "open_book"]

BOOK_RULES: Final = MappingProxyType(
    {
        # "each new event's pu should be equal to the previous event's u": developers.binance.com,
        # How to manage a local order book correctly, USD-M and COIN-M, read 2026-11.
        "binance": SequenceRule.LINKED,
        "aster": SequenceRule.LINKED,  # speaks Binance's dialect
        # prevSeqId: "sequence ID of the last sent message": OKX, Order book channel, read 2026-11.
        # Its checksum is no longer filled (0 on every frame): numbers alone prove.
        "okx": SequenceRule.LINKED,
        # "u … is consecutive": bybit-exchange/docs, websocket/public/full-ob, read 2026-11.
        "bybit": SequenceRule.COUNTED,
        # l2Book is a whole book each time and has no number.
        "hyperliquid": SequenceRule.UNNUMBERED,
    }
)
"""Sequence rule by venue id, for the venues whose wires read books."""


def open_book(venue: str) -> Book:
    """Open a book for one instrument of a venue.

    Raises
    ------
    InputError
        If no book of that venue is read; the message lists those that are.

    Examples
    --------
    >>> open_book("bybit").depth() is None
    True
    """
    rule = BOOK_RULES.get(venue)
    if rule is None:
        raise InputError(f"no order book of {venue!r} is read: {', '.join(sorted(BOOK_RULES))}")
    return Book(rule)
