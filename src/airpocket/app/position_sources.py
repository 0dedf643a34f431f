"""Positions themselves, where what is asked needs more than the ladder that they make."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airpocket.app.ladder_sources import Wanted
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder
from airpocket.store import files
from airpocket.venues import register

if TYPE_CHECKING:
    from airpocket.cascade.comparison import Held
    from airpocket.leverage.position_book import PositionBook
    from airpocket.leverage.tiers import TierTable

__all__ = ["held_in"]

_HEAD_BYTES: Final = 1 << 16
_NO_POSITIONS: Final = frozenset({"aave", "*"})  # loans; several venues


def held_in(paths: Sequence[Path], ladder: Ladder, wanted: Wanted) -> "Held | None":
    """Read the positions behind a ladder.

    Parameters
    ----------
    paths
        What the ladder was read from.
    ladder
        Of :func:`~airpocket.app.ladder_sources.read_ladders`: it names the instrument and the mark.
    wanted
        As it was read.

    Returns
    -------
    Held or None
        ``None`` if the source holds levels, clusters or loans, or there are several.

    Raises
    ------
    InputError
        If the present tiers of the instrument are not known.
    """
    from airpocket.cascade.comparison import Held
    from airpocket.leverage.position_prices import WithoutAccount

    is_one = len(set(paths)) == 1 and ladder.venue not in _NO_POSITIONS
    book = _book(paths[0], wanted) if is_one else None
    if book is None:
        return None
    ours = book.of(ladder.symbol, ladder.venue)
    cross = WithoutAccount.AS_ISOLATED if wanted.is_cross_isolated else WithoutAccount.LEFT_OUT
    return Held(
        book=ours,
        mark_price=ladder.mark_price,
        tiers=_tiers(book, ladder.venue, ladder.symbol),
        rules=register.rules_for(ours.instruments[0], book.at_ns or wanted.at_ns),
        without_account=cross,
    )


def _book(path: Path, wanted: Wanted) -> "PositionBook | None":
    from airpocket.leverage import ladder_file
    from airpocket.leverage.position_book import read_positions
    from airpocket.venues.hyperliquid import clearinghouse, clusters, positions

    head = files.head(path, _HEAD_BYTES)
    if ladder_file.is_ladder_file(path, head) or clusters.is_clusters(head):
        return None
    if clearinghouse.claims(head):
        return clearinghouse.read_states(path)
    if positions.claims(head):
        return positions.read_table(path, at_ns=wanted.at_ns)
    return read_positions(
        path, catalogue_of=register.catalogue_of, venue=wanted.venue, at_ns=wanted.at_ns
    )


def _tiers(book: "PositionBook", venue: str, symbol: str) -> "TierTable":
    """Find the shipped tiers, or on Hyperliquid those that the coin's own positions imply."""
    from airpocket.leverage.inference import inferred_tiers, largest_leverages

    try:
        return register.tiers_of(venue).find(symbol, book.at_ns)
    except InputError:
        found = largest_leverages(book).get(symbol) if venue == "hyperliquid" else None
        if found is None:
            raise
        return inferred_tiers(found, Path(book.source).name)
