"""Aster's frames: the dialect of Binance's USD-M streams, on another host.

==============  ====================  =============================  ============  ===============
channel         side                  price                          unit of size  covers
==============  ====================  =============================  ============  ===============
``forceOrder``  ``S`` is the ORDER:   ``p`` limit = bankruptcy,      base coins    1 a symbol and
                SELL closes a long    ``ap`` average fill            (``z``)       second
the others      as on Binance (:mod:`airpocket.venues.binance.wire`)
==============  ====================  =============================  ============  ===============

There is no COIN-M, and no ``st`` or ``ps``. Whether the one order a second is the latest or the
largest is not said. Sources: tardis-node fixture ``aster-futures``; Aster API documents,
*Liquidation Order Streams* (a snapshot each 1000 ms), read 2026-10.
"""

from pathlib import Path

from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.venues.binance.wire import BinanceWire

__all__ = ["AsterWire", "open_wire"]

AsterWire = BinanceWire
"""Aster speaks Binance's dialect; :func:`open_wire` gives it Aster's name, coins and rules."""


def open_wire() -> BinanceWire:
    """Open a connection's wire with the shipped catalogue and rules.

    Examples
    --------
    >>> open_wire().venue
    'aster'
    """
    toml = Path(__file__).with_name("venue.toml")
    return BinanceWire(Catalogue.load(toml), FeedRules.load(toml), venue="aster", merged_ns=None)
