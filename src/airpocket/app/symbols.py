"""From what a person types to the instruments of each venue.

``BTC`` is a coin: on every venue its perpetuals margined in USDT or USDC, and the one margined in
the coin itself, because forced orders in any of them move the same price. ``BTC/USDT`` is the
perpetual of that pair, ``BTC/USDT:USDT`` and ``BTC/USDT:USDT-261225`` are one contract each.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.units import iso

__all__ = ["Resolved", "resolve"]

_WORD_MOST: Final = 64
_WORDS_MOST: Final = 2_000
_EXPIRY: Final = re.compile(r"-([0-9]{6})(?:-|$)")
_THOUSANDS: Final = re.compile(r"^10{3,6}(?=[A-Z])")
_MARGINS: Final = frozenset({"USDT", "USDC", "USD"})


class Resolved(Struct, frozen=True):
    """What is to be followed.

    ``instruments``
        By venue, in the order of the words; a venue that lists none of them is not in it.
    ``absent``
        (venue, word) for each word that another venue lists and this one does not.
    """

    instruments: dict[str, tuple[Instrument, ...]]
    absent: tuple[tuple[str, str], ...]


def resolve(words: Sequence[str], catalogues: Mapping[str, Catalogue], *, at_ns: int) -> Resolved:
    """Find what some words mean on each venue.

    Parameters
    ----------
    words
        Coins or unified symbols, in any case.
    catalogues
        What each venue lists: shipped, and learned from the venue where it could be asked.
    at_ns
        Now: expired contracts and outdated rows are not found.

    Raises
    ------
    InputError
        If a word means nothing on any of the venues; the message has near ones.

    Examples
    --------
    >>> perp = Instrument(venue="okx", raw_symbol="BTC-USDT-SWAP", symbol="BTC/USDT:USDT",
    ...     kind=Kind.LINEAR, base="BTC", quote="USDT", settle="USDT")
    >>> found = resolve(["btc"], {"okx": Catalogue([perp])}, at_ns=0)
    >>> [one.symbol for one in found.instruments["okx"]]
    ['BTC/USDT:USDT']
    """
    if not words:
        raise InputError("name at least one symbol: a coin (BTC) or a contract (BTC/USDT:USDT)")
    if len(words) > _WORDS_MOST:
        raise InputError(f"{len(words):,} symbols: at most {_WORDS_MOST:,} can be named")
    listed = {
        venue: [row for row in catalogue if _is_open(row, at_ns)]
        for venue, catalogue in catalogues.items()
    }
    found: dict[str, dict[str, Instrument]] = {venue: {} for venue in catalogues}
    absent: list[tuple[str, str]] = []
    for word in dict.fromkeys(words):
        by_venue = {venue: _meant(word, rows) for venue, rows in listed.items()}
        if not any(by_venue.values()):
            raise InputError(_unknown(word, listed))
        for venue, rows in by_venue.items():
            found[venue] |= {row.raw_symbol: row for row in rows}
            if not rows:
                absent.append((venue, word))
    instruments = {venue: tuple(rows.values()) for venue, rows in found.items() if rows}
    return Resolved(instruments, tuple(absent))


def _is_open(row: Instrument, at_ns: int) -> bool:
    """Tell whether a row holds now and its contract has not expired."""
    expiry = _EXPIRY.search(row.symbol.partition(":")[2])
    today = iso(at_ns)[2:10].replace("-", "")
    return row.holds_at(at_ns) and (expiry is None or expiry[1] >= today)


def _meant(word: str, rows: Iterable[Instrument]) -> list[Instrument]:
    name = word.strip().upper()
    if ":" in name:
        return [row for row in rows if row.symbol.upper() == name]
    perpetuals = [row for row in rows if _is_perpetual(row)]
    if "/" in name:
        return [row for row in perpetuals if f"{row.base}/{row.quote}".upper() == name]
    return [row for row in perpetuals if name in _coins(row) and row.quote in _MARGINS]


def _coins(row: Instrument) -> set[str]:
    """Names of the coin; 1000SHIB and Hyperliquid's kSHIB are SHIB, counted by the thousand."""
    base = row.base.upper()
    by_thousand = row.raw_symbol == f"k{base[1:]}"
    return {base, _THOUSANDS.sub("", base), base[1:] if by_thousand else base}


def _is_perpetual(row: Instrument) -> bool:
    margin = row.symbol.partition(":")[2]
    return row.kind is not Kind.SPOT and bool(margin) and "-" not in margin


def _unknown(word: str, listed: Mapping[str, Sequence[Instrument]]) -> str:
    shown = word if len(word) <= _WORD_MOST else f"{word[:_WORD_MOST]}…"
    names: dict[str, str] = {}
    for rows in listed.values():
        for row in rows:
            names[row.symbol.upper()] = row.symbol
            names[row.raw_symbol.upper()] = row.symbol
            names[row.base.upper()] = row.base
    exact = names.get(word[:_WORD_MOST].strip().upper())
    if exact is not None:
        return f"{shown!a} is a name of one venue: did you mean {exact}?"
    close = difflib.get_close_matches(word[:_WORD_MOST].upper(), names, n=4, cutoff=0.6)
    near = list(dict.fromkeys(names[name] for name in close))
    venues = ", ".join(listed)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{shown!a} is not listed on {venues or 'any venue'}{hint}"
