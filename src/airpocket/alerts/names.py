"""The only free text an alert can carry: names of instruments and venues, and sources made of them.

Exchange data is untrusted, and a symbol is text that a stranger chose. So a name has a narrow
shape, and passes the linter, or it is replaced by an alias (``instrument-3f2a9c71``): an alert
about a coin called BUY is sent all the same, under a name that gives no orders.
"""

import hashlib
import re
from typing import Final

from airpocket.alerts.linter import violations
from airpocket.errors import InputError

__all__ = [
    "CHANNELS",
    "EVERYTHING",
    "alias_of",
    "base_of",
    "instrument_label",
    "is_instrument",
    "is_source",
    "is_venue",
    "source_of",
]

# A record or alert that speaks for the whole market, as in :mod:`airpocket.market.events`.
EVERYTHING: Final = "*"

# What a figure was computed from.
CHANNELS: Final = frozenset(
    {
        "adl",
        "bars",
        "clock",
        "depth",
        "detector",
        "forced_flow",
        "funding",
        "health",
        "insurance_fund",
        "lending_calls",
        "liquidations",
        "mark",
        "open_interest",
        "positions",
        "study",
        "trades",
    }
)

# Such as BTC/USDT:USDT-241227, kPEPE/USDC:USDC, XYZ-TSLA/USDC:USDC and 币安人生/USDT:USDT.
_UNIFIED: Final = re.compile(
    r"[A-Za-z0-9\u4e00-\u9fff]{1,24}(?:[.-][A-Za-z0-9]{1,12})?"
    r"/[A-Z0-9]{1,12}(?::[A-Z0-9]{1,12}(?:-[0-9]{6})?)?"
)
# A coin alone: sums over all its contracts, as CoinGlass publishes them.
_COIN: Final = re.compile(r"[A-Z0-9]{2,12}")
_ALIAS: Final = re.compile(r"instrument-[0-9a-f]{8}")
_VENUE: Final = re.compile(r"[a-z0-9]{1,16}(?:-[a-z0-9]{1,16}){0,3}")


def is_instrument(text: str) -> bool:
    """Tell whether a text may name an instrument in an alert.

    Examples
    --------
    >>> is_instrument("BTC/USDT:USDT"), is_instrument("BUY/USDT:USDT"), is_instrument("@everyone")
    (True, False, False)
    >>> is_instrument("BTC"), is_instrument("BUY"), is_instrument("TP")
    (True, False, False)
    """
    if _ALIAS.fullmatch(text):
        return True
    shaped = _UNIFIED.fullmatch(text) or _COIN.fullmatch(text)
    return bool(shaped) and not violations(text) and not violations(base_of(text))


def instrument_label(symbol: str | None) -> str:
    """Name an instrument so that an alert may carry the name: itself, or an alias for it.

    Parameters
    ----------
    symbol
        Unified symbol, or whatever the venue wrote. ``None`` and ``"*"`` mean the whole market.

    Examples
    --------
    >>> instrument_label("ETH/USD:ETH"), instrument_label("<a href=x>BUY NOW")
    ('ETH/USD:ETH', 'instrument-2733355b')
    """
    if symbol is None or symbol == EVERYTHING:
        return EVERYTHING
    return symbol if is_instrument(symbol) else alias_of(symbol)


def alias_of(symbol: str) -> str:
    """Give the alias of a symbol: stable, and nothing of its text in it."""
    digest = hashlib.sha256(symbol.encode("utf-8", "surrogatepass")).hexdigest()
    aliases = (f"instrument-{digest[at : at + 8]}" for at in range(len(digest) - 8))
    return next((alias for alias in aliases if not violations(alias)), "instrument-00000000")


def base_of(symbol: str) -> str:
    """Name a person uses for an instrument: ``"BTC"`` of ``"BTC/USDT:USDT"``."""
    return symbol.partition("/")[0]


def is_venue(text: str) -> bool:
    """Tell whether a text may name a venue in an alert.

    Examples
    --------
    >>> is_venue("kraken-futures"), is_venue("buy-now"), is_venue("Binance")
    (True, False, False)
    """
    return bool(_VENUE.fullmatch(text)) and not violations(text)


def is_source(text: str) -> bool:
    """Tell whether a text is a list of sources, ``"venue:channel, venue:channel"``, up to 24.

    Examples
    --------
    >>> is_source("binance:liquidations, okx:liquidations"), is_source("my friend")
    (True, False)
    """
    parts = text.split(", ")
    return len(parts) <= 24 and all(
        is_venue(venue) and channel in CHANNELS
        for venue, _, channel in (part.partition(":") for part in parts)
    )


def source_of(channel: str, *venues: str) -> str:
    """Write the source of a figure that was computed from one channel of some venues.

    Parameters
    ----------
    channel
        One of :data:`CHANNELS`.
    venues
        Venue ids; ``"airpocket"`` for what was computed here.

    Raises
    ------
    InputError
        If a venue or the channel cannot be named.

    Examples
    --------
    >>> source_of("liquidations", "binance", "okx")
    'binance:liquidations, okx:liquidations'
    """
    source = ", ".join(f"{venue}:{channel}" for venue in dict.fromkeys(venues))
    if not is_source(source):
        raise InputError(f"{source!r} is not a source: name 1 to 24 venues and a known channel")
    return source
