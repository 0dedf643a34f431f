"""Which venues and archives there are. Nothing of them is imported before it is asked for."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from airpocket.errors import AirpocketError, InputError, SourceError
from airpocket.market.instrument import Catalogue
from airpocket.market.source import Archive, Recording
from airpocket.market.stream import StreamRules
from airpocket.market.wire import Wire
from airpocket.store import files

__all__ = [
    "LIVE",
    "VENUES",
    "archives",
    "catalogue_of",
    "open_recording",
    "open_streams",
    "open_wire",
    "recordings_in",
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
