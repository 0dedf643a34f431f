"""Which venues and archives there are. Nothing of them is imported before it is asked for."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from airpocket.errors import AirpocketError, InputError, SourceError
from airpocket.leverage.lending import LendingRules
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.tiers import TierTables
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.source import Archive, Recording
from airpocket.market.stream import StreamRules
from airpocket.market.wire import Wire
from airpocket.store import files

__all__ = [
    "LENDING",
    "LIVE",
    "MARGINED",
    "VENUES",
    "archives",
    "catalogue_of",
    "open_lending_rules",
    "open_recording",
    "open_rules",
    "open_streams",
    "open_wire",
    "recordings_in",
    "rules_for",
    "tiers_of",
]

VENUES: Final[dict[str, str]] = {
    "aster": "aster",
    "binance": "binance",
    "bitfinex": "bitfinex",
    "bitget": "bitget",
    "bitmex": "bitmex",
    "bybit": "bybit",
    "deribit": "deribit",
    "dydx": "dydx",
    "htx": "htx",
    "hyperliquid": "hyperliquid",
    "kraken-futures": "kraken_futures",
    "lighter": "lighter",
    "okx": "okx",
}
"""Venue ids with a wire, and their folder."""

LIVE: Final = ("binance", "bybit", "okx", "hyperliquid")
"""Venues that can be followed live: those whose folder has ``streams``."""

MARGINED: Final = ("binance", "bybit", "dydx", "gmx", "hyperliquid", "okx")
"""Venues whose margin rules are known: those whose ``rules`` has rule books of positions."""

LENDING: Final = ("aave", "compound")
"""Lending protocols: those whose ``rules`` has rule books of loans."""

# What the other venues with a ``rules`` module state, and why no position is asked of them.
_UNSTATED: Final = {
    "bitmex": "it closed on 2026-09-23 and its risk limits were not found",
    "deribit": "its page of 2022-01-11 states a maintenance margin by size and no more",
    "drift": "its program was drained on 2026-04-01 and its margin requirements are not here",
    "lighter": "its rules were not found",
    "maker": "a vault is no position: only its auctions are stated",
}

_BESIDE_TAPE: Final = (".tape-lock", ".tape-wal", ".tape-shm", ".tape-journal")
_ARCHIVES: Final = ("tape", "hyperliquid", "binance", "tardis", "aave", "compound", "coinglass")


def open_wire(venue: str, catalogue: Catalogue | None = None) -> Wire:
    """Open the wire of a venue: the memory of one new connection.

    Parameters
    ----------
    venue
        One of :data:`VENUES`.
    catalogue
        Instruments instead of the shipped ones, for venues in :data:`LIVE`.

    Raises
    ------
    InputError
        If there is no such venue; the message lists those there are.

    Examples
    --------
    >>> open_wire("okx").venue
    'okx'
    """
    folder = VENUES.get(venue)
    if folder is None:
        raise InputError(f"{venue!r} is not a venue airpocket reads: {', '.join(sorted(VENUES))}")
    module = importlib.import_module(f"airpocket.venues.{folder}.wire")
    return cast("Wire", module.open_wire() if catalogue is None else module.open_wire(catalogue))


def open_streams(venue: str) -> StreamRules:
    """Tell how a venue is followed live.

    Raises
    ------
    InputError
        If it cannot be; the message lists those that can.

    Examples
    --------
    >>> open_streams("okx").venue
    'okx'
    """
    if venue not in LIVE:
        raise InputError(f"{venue!r} cannot be followed live: {', '.join(sorted(LIVE))} can")
    module = importlib.import_module(f"airpocket.venues.{VENUES[venue]}.streams")
    return cast("StreamRules", module.open_streams())


def catalogue_of(venue: str) -> Catalogue:
    """Load the shipped instruments of a venue, as a catalogue that may learn.

    Raises
    ------
    InputError
        If there is no such venue.

    Examples
    --------
    >>> catalogue_of("okx").find("BTC-USDT-SWAP").contract_value
    0.01
    """
    if venue not in VENUES:
        raise InputError(f"{venue!r} is not a venue airpocket reads: {', '.join(sorted(VENUES))}")
    return Catalogue.load(Path(__file__).parent / VENUES[venue] / "venue.toml")


def tiers_of(venue: str) -> TierTables:
    """Load the shipped tiers of a venue; empty where none are shipped.

    Raises
    ------
    InputError
        If there is no such venue.

    Examples
    --------
    >>> tiers_of("binance").find("BTC/USDT:USDT").tiers[0].leverage_most
    150.0
    """
    if venue not in VENUES and venue not in MARGINED:
        known = sorted({*VENUES, *MARGINED})
        raise InputError(f"{venue!r} is not a venue airpocket knows: {', '.join(known)}")
    toml = Path(__file__).parent / VENUES.get(venue, venue) / "venue.toml"
    return TierTables.load(toml) if toml.is_file() else TierTables(venue)


def open_rules(venue: str, product: str, at_ns: int | None = None) -> MarginRules:
    """Open the margin rules of a venue's product that hold at a time.

    Parameters
    ----------
    venue
        One of :data:`MARGINED`.
    product
        A product of the venue (``"usdm"``, ``"linear"``, ``"perp"``), or the unified symbol of an
        instrument it ships (``"BTC/USDT:USDT"``).
    at_ns
        When; ``None`` is today.

    Raises
    ------
    InputError
        If the venue states no margin rules, has no such product, or none at that time.

    Examples
    --------
    >>> open_rules("binance", "usdm").rule_id
    'binance-usdm-2025-09'
    >>> open_rules("okx", "BTC/USDT:USDT").rule_id
    'okx-linear'
    """
    module = _rules_module(venue, MARGINED)
    if "/" not in product:
        return cast("MarginRules", module.rules_at(product, at_ns))
    found = catalogue_of(venue).find_symbol(product, at_ns) if venue in VENUES else None
    if found is None:
        raise InputError(f"{venue}: {product!r} is not among the instruments that are shipped")
    return rules_for(found, at_ns)


def rules_for(instrument: Instrument, at_ns: int | None = None) -> MarginRules:
    """Open the margin rules that an instrument is under at a time (``None``: today).

    Raises
    ------
    InputError
        If its venue states none, none for its product, or none at that time.
    """
    module = _rules_module(instrument.venue, MARGINED)
    return cast("MarginRules", module.rules_at(module.product_of(instrument), at_ns))


def open_lending_rules(venue: str, at_ns: int | None = None) -> LendingRules:
    """Open the rules of a lending protocol that hold at a time (``None``: today).

    Raises
    ------
    InputError
        If it is none of :data:`LENDING`, or has none at that time.

    Examples
    --------
    >>> open_lending_rules("aave").rule_id
    'aave-v3.7'
    """
    module = _rules_module(venue, LENDING)
    (product,) = {book.product for book in module.rule_books()}
    return cast("LendingRules", module.rules_at(product, at_ns))


def _rules_module(venue: str, known: tuple[str, ...]) -> ModuleType:
    """Import the rules of a venue, or say why there are none to ask."""
    if venue in known:
        return importlib.import_module(f"airpocket.venues.{venue}.rules")
    there = f"there are those of {', '.join(known)}"
    if venue in LENDING:
        raise InputError(f"{venue} lends: a loan has a health factor and no margin rules; {there}")
    if venue in _UNSTATED:
        raise InputError(f"{venue}: no margin rules are known ({_UNSTATED[venue]}); {there}")
    if venue in VENUES or venue in MARGINED:
        kind = "lending" if known is LENDING else "margin"
        raise InputError(f"{venue}: no {kind} rules are known; {there}")
    raise InputError(f"{venue!r} is not a venue whose rules airpocket knows; {there}")


def archives() -> Iterator[Archive]:
    """Go through the formats of history files, the most particular first."""
    for folder in _ARCHIVES:
        module = importlib.import_module(f"airpocket.venues.{folder}.archive")
        yield from cast("tuple[Archive, ...]", module.ARCHIVES)


def open_recording(path: Path) -> Recording | None:
    """Open a history file or folder; ``None`` if no archive claims it.

    Raises
    ------
    SourceError
        If it is missing, unreadable, or not what it claims to be.
    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    head = b"" if path.is_dir() else files.head(path)
    for archive in archives():
        if archive.claims(path, head):
            return archive.open(path)
    return None


def recordings_in(source: Path) -> tuple[list[Recording], list[str]]:
    """Open a file, or everything that can be read under a folder.

    Parameters
    ----------
    source
        A file, a folder that is one recording, or a folder of recordings.

    Returns
    -------
    tuple
        The recordings in order of name, and one sentence for each file that was left out.

    Raises
    ------
    SourceError
        If a named file is no recording, or a folder holds none.
    """
    whole = open_recording(source)
    if whole is not None:
        return [whole], []
    if not source.is_dir():
        known = ", ".join(_ARCHIVES)
        raise SourceError(f"{source}: no archive knows this format (there are {known})")
    found: list[Recording] = []
    left_out: list[str] = []
    for path in _inside(source):
        try:
            inside = open_recording(path)
        except (AirpocketError, OSError) as error:
            left_out.append(f"left out: {error}")
            continue
        if inside is not None:
            found.append(inside)
        elif path.is_dir():
            left_out.append(f"left out: {path}: a folder, name it to have it read")
        else:
            left_out.append(f"left out: {path}: no archive knows this format")
    if not found:
        raise SourceError(f"{source}: holds no recording that airpocket can read")
    return found, left_out


def _inside(folder: Path) -> list[Path]:
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror})") from error
    return sorted(path for path in names if not path.name.endswith(_BESIDE_TAPE))
