"""From files that people have to one ladder: positions, accounts, clusters, loans, ladder files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from airpocket.app.depth_sources import coin_of
from airpocket.app.printing import complain
from airpocket.errors import InputError, SourceError
from airpocket.leverage.ladder import Ladder
from airpocket.store import files
from airpocket.units import iso
from airpocket.venues import register

if TYPE_CHECKING:
    from airpocket.leverage.position_book import PositionBook
    from airpocket.leverage.tiers import TierTable

__all__ = ["Wanted", "read_ladders"]

_FAR: Final = 0.5  # a price so far from the source's own is a slip or another instrument
_TWO_MARKS: Final = 0.01
_NAMED: Final = 12
_REJECTS: Final = 5
_HEAD_BYTES: Final = 1 << 16
_PARQUET: Final = b"PAR1"


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be read out of the sources.

    Parameters
    ----------
    symbol
        Unified symbol, the venue's name, or a coin; may be left out where only one is there.
    venue
        Of positions whose file does not say it.
    price
        Mark price; the source's own if left out.
    at_ns
        When, where a source holds several times or does not say its own.
    open_interest_usd
        Of the venue: gives the share that measured positions stand for.
    is_cross_isolated
        Take cross positions of which nothing more is known as if they were isolated.
    """

    symbol: str | None = None
    venue: str | None = None
    price: float | None = None
    at_ns: int | None = None
    open_interest_usd: float | None = None
    is_cross_isolated: bool = False

    def __post_init__(self) -> None:
        for name, value in (("price", self.price), ("open interest", self.open_interest_usd)):
            if value is not None and not 0 < value < 1e18:
                raise InputError(f"{name} {value!r} is not a number above 0")


class _Opened(Protocol):
    """A source that is open: what it holds, and the ladder of one of them."""

    def listed(self) -> list[tuple[str, str, str]]:
        """Give venue, unified symbol and the venue's name of each instrument."""
        ...

    def ladder(self, venue: str, symbol: str, wanted: Wanted) -> Ladder:
        """Lay one of them out."""
        ...


def read_ladders(paths: Sequence[Path], wanted: Wanted) -> Ladder:
    """Read one instrument's ladder from all sources together.

    Parameters
    ----------
    paths
        Positions (CSV, Parquet), Hyperliquid clearinghouse states and tables of positions,
        clusters of its largest traders, open loans on Aave (beside them a file of daily prices),
        and ladders that airpocket wrote. Several are laid over each other, a layer each.
    wanted
        Which instrument, around which price.

    Raises
    ------
    SourceError
        If a file cannot be read or is no such source.
    InputError
        If the symbol is not there or must be named, the price is far from the source's or not
        known, or two sources hold the same kind of layer.
    """
    if not paths:
        raise InputError("name at least one SOURCE: positions, clusters, or a ladder's file")
    opened = _opened(paths, wanted)
    chosen = [_chosen(one, path, wanted) for one, path in opened]
    places = {(venue, symbol) for venue, symbol in chosen}
    if len({coin_of(symbol) for _, symbol in places}) > 1:
        named = ", ".join(sorted(symbol for _, symbol in places))
        raise InputError(f"the sources are of several instruments ({named}): name one, --symbol")
    ladders = [
        _named_shortly(one.ladder(venue, symbol, wanted), path)
        for (one, path), (venue, symbol) in zip(opened, chosen, strict=True)
    ]
    return _laid_over(ladders, [path for _, path in opened])


def _opened(paths: Sequence[Path], wanted: Wanted) -> list[tuple[_Opened, Path]]:
    """Open each source by what it says of itself; prices of loans go with the loans."""
    from airpocket.venues.aave import open_loans

    opened: list[tuple[_Opened, Path]] = []
    loans: list[Path] = []
    prices: list[Path] = []
    for path in dict.fromkeys(paths):
        if path.is_dir():
            raise SourceError(f"{path}: a folder is no source of a ladder, name its files")
        head = files.head(path, _HEAD_BYTES)
        columns = _columns(path, head)
        if open_loans.claims(columns):
            loans.append(path)
        elif columns == _PRICE_COLUMNS:
            prices.append(path)
        else:
            opened.append((_open(path, head, wanted), path))
    if prices and not loans:
        raise InputError(f"{prices[0]}: daily prices alone hold nothing that is forced")
    opened += [(_Loans(path, prices), path) for path in loans]
    return opened


def _open(path: Path, head: bytes, wanted: Wanted) -> _Opened:
    from airpocket.leverage import ladder_file
    from airpocket.leverage.position_book import read_positions
    from airpocket.venues.hyperliquid import clearinghouse, clusters, positions

    if ladder_file.is_ladder_file(path, head):
        return _Ready(ladder_file.read_ladder(path))
    if clusters.is_clusters(head):
        return _Clusters(path, wanted.at_ns)
    if clearinghouse.claims(head):
        return _Positions(clearinghouse.read_states(path))
    if positions.claims(head):
        return _Positions(positions.read_table(path, at_ns=wanted.at_ns))
    if head[:1] in {b"{", b"["}:
        raise SourceError(
            f"{path}: JSON that is no ladder, no clearinghouseState and no map of clusters"
        )
    venue = None if "venue" in _columns(path, head) else wanted.venue
    return _Positions(
        read_positions(path, catalogue_of=register.catalogue_of, venue=venue, at_ns=wanted.at_ns)
    )


_PRICE_COLUMNS: Final = frozenset({"date", "symbol", "price_usd"})


def _columns(path: Path, head: bytes) -> frozenset[str]:
    """Name the columns of a table."""
    if not head.startswith(_PARQUET):
        first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
        return frozenset(name.strip(' \r"') for name in first.split(","))
    import polars as pl

    try:
        return frozenset(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise SourceError(f"{path}: not a readable parquet file ({error})") from error


def _chosen(opened: _Opened, path: Path, wanted: Wanted) -> tuple[str, str]:
    """Find the instrument that is meant, or list those there are."""
    listed = opened.listed()
    if wanted.venue is not None:
        listed = [row for row in listed if row[0] in {wanted.venue, "*"}] or listed
    several = len({symbol for _, symbol, _ in listed}) < len(listed)
    names = [f"{symbol} on {venue}" if several else symbol for venue, symbol, _ in listed]
    holds = ", ".join(names[:_NAMED])
    holds += ", …" if len(listed) > _NAMED else ""
    if wanted.symbol is None:
        if len(listed) == 1:
            return listed[0][:2]
        by = "--symbol and --venue" if several else "--symbol"
        raise InputError(f"{path}: holds {len(listed)} instruments, name one, {by}: {holds}")
    word = wanted.symbol.strip().casefold()
    meant = [row for row in listed if row[1].casefold() == word]
    meant = meant or [row for row in listed if row[2].casefold() == word]
    meant = meant or [row for row in listed if coin_of(row[1]) == coin_of(word)]
    if not meant:
        raise InputError(f"{path}: {wanted.symbol} is not in it; it holds {holds}")
    if len(meant) > 1:
        named = ", ".join(f"{symbol} on {venue}" for venue, symbol, _ in meant[:_NAMED])
        raise InputError(f"{path}: {wanted.symbol} is {named}: name one, --symbol and --venue")
    return meant[0][:2]


def _priced(symbol: str, own: float | None, path: str, wanted: Wanted) -> float:
    """Find the mark price: as it was given, else as the source says it."""
    if wanted.price is None:
        if own is None:
            raise InputError(f"{path}: does not say the mark price of {symbol}: give --price")
        return own
    if own is not None and abs(wanted.price / own - 1) > _FAR:
        raise InputError(
            f"--price {wanted.price:,.8g} is {abs(wanted.price / own - 1):.0%} from the mark price "
            f"{own:,.8g} that {path} says for {symbol}: is another symbol or unit meant?"
        )
    return wanted.price


@final
class _Positions:
    """Positions of one or many instruments."""

    def __init__(self, book: "PositionBook") -> None:
        self._book = book

    def listed(self) -> list[tuple[str, str, str]]:
        """List instruments, those with most positions first."""
        count = np.bincount(self._book.instrument, minlength=len(self._book.instruments))
        rows = [self._book.instruments[at] for at in np.argsort(-count, kind="stable")]
        return [(row.venue, row.symbol, row.raw_symbol) for row in rows]

    def ladder(self, venue: str, symbol: str, wanted: Wanted) -> Ladder:
        """Lay the positions of one instrument out."""
        from airpocket.leverage.position_ladder import ladder_of
        from airpocket.leverage.position_prices import WithoutAccount

        book = self._book
        ours = book.of(symbol, venue)
        name = Path(book.source).name
        own = book.mark_of(symbol, venue)
        if own is None and wanted.price is not None:
            _refuse_far_from_entries(ours, wanted.price, name)
        price = _priced(symbol, own, name, wanted)
        tiers, rules = None, None
        if np.isnan(ours.liquidation_price).any():
            tiers = _tiers(book, venue, symbol)
            rules = register.rules_for(ours.instruments[0], book.at_ns or wanted.at_ns)
        cross = WithoutAccount.AS_ISOLATED if wanted.is_cross_isolated else WithoutAccount.LEFT_OUT
        return ladder_of(
            ours, symbol, price, venue=venue, tiers=tiers, rules=rules,
            open_interest_usd=wanted.open_interest_usd, without_account=cross,
        )  # fmt: skip


def _tiers(book: "PositionBook", venue: str, symbol: str) -> "TierTable":
    """Find the shipped tiers, or on Hyperliquid those that other positions of the coin imply."""
    from airpocket.leverage.inference import inferred_tiers, largest_leverages

    try:
        return register.tiers_of(venue).find(symbol, book.at_ns)
    except InputError:
        if venue != "hyperliquid":
            raise
        found = largest_leverages(book).get(symbol)
        if found is None:
            raise
        return inferred_tiers(found, Path(book.source).name)


def _refuse_far_from_entries(book: "PositionBook", price: float, name: str) -> None:
    """Refuse a price that nobody in the source can have traded near."""
    entry = float(np.median(book.entry_price))
    if not 1 / 3 < price / entry < 3:
        raise InputError(
            f"--price {price:,.8g} is far from where the positions of {book.instruments[0].symbol} "
            f"in {name} were opened ({entry:,.8g} in the median): is another symbol or unit meant?"
        )


@final
class _Ready:
    """A ladder as it was written."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder

    def listed(self) -> list[tuple[str, str, str]]:
        """List the one instrument."""
        return [(self._ladder.venue, self._ladder.symbol, self._ladder.symbol)]

    def ladder(self, venue: str, symbol: str, wanted: Wanted) -> Ladder:
        """Give it, rolled to another price if one is wanted."""
        del venue
        own = self._ladder.mark_price
        return _rolled(self._ladder, _priced(symbol, own, "the ladder", wanted), wanted)


def _rolled(ladder: Ladder, price: float, wanted: Wanted) -> Ladder:
    """Look at a ladder from another price: what lies between has been met."""
    if price == ladder.mark_price:
        return ladder
    from airpocket.leverage.rolling import roll

    left = roll(ladder, np.array([price]), at_ns=wanted.at_ns).ladder
    when = "at a time not said" if ladder.at_ns is None else iso(ladder.at_ns)
    said = (
        f"levels were seen {when} around {ladder.mark_price:,.8g}, and are shown from {price:,.8g}"
    )
    layers = tuple(replace(one, assumed=(*one.assumed, said)) for one in left.layers)
    return replace(left, layers=layers)


@final
class _Clusters:
    """Maps of where large accounts are liquidated: the last of each coin up to a time."""

    def __init__(self, path: Path, at_ns: int | None) -> None:
        from airpocket.venues.hyperliquid.clusters import read_clusters

        rejects: list[str] = []
        self._ladders: dict[str, Ladder] = {}
        first_ns: int | None = None
        for one in read_clusters(path, rejected=lambda line, why: rejects.append(f"{line}: {why}")):
            seen_ns = one.ladder.at_ns or 0
            first_ns = seen_ns if first_ns is None else first_ns
            if at_ns is None or seen_ns <= at_ns:
                self._ladders[one.ladder.symbol] = one.ladder
        for reject in rejects[:_REJECTS]:
            complain(f"{path.name}: left out: line {reject}")
        if len(rejects) > _REJECTS:
            complain(f"{path.name}: and {len(rejects) - _REJECTS:,} more were left out")
        if first_ns is None:
            raise SourceError(f"{path}: holds no map of clusters that can be used")
        if not self._ladders:
            raise InputError(
                f"{path}: its first map is of {iso(first_ns)}, none is of {iso(at_ns or 0)} or "
                "before: name another --at TIME"
            )

    def listed(self) -> list[tuple[str, str, str]]:
        """List the coins."""
        return [
            (one.venue, symbol, symbol.partition("/")[0]) for symbol, one in self._ladders.items()
        ]

    def ladder(self, venue: str, symbol: str, wanted: Wanted) -> Ladder:
        """Give the map of a coin, rolled to another price if one is wanted."""
        del venue
        found = self._ladders[symbol]
        return _rolled(found, _priced(symbol, found.mark_price, "the map", wanted), wanted)


@final
class _Loans:
    """Open loans against BTC."""

    def __init__(self, path: Path, prices: Sequence[Path]) -> None:
        self._path = path
        self._prices = prices

    def listed(self) -> list[tuple[str, str, str]]:
        """List bitcoin, the only collateral that is in it."""
        return [("aave", "BTC/USD", "BTC")]

    def ladder(self, venue: str, symbol: str, wanted: Wanted) -> Ladder:
        """Lay the loans out by the price of BTC."""
        del venue
        from airpocket.venues.aave.open_loans import daily_prices, read_loans
        from airpocket.venues.aave.positions import lending_ladder

        prices: dict[str, float] = {}
        for path in self._prices:
            prices |= daily_prices(path)
        own = next((prices[name] for name in _BITCOIN if name in prices), None)
        price = _priced(symbol, own, self._path.name, wanted)
        loans = read_loans(self._path, price, prices)
        return lending_ladder(loans, price, at_ns=wanted.at_ns)


_BITCOIN: Final = ("BTC", "WBTC", "cbBTC", "tBTC")


def _named_shortly(ladder: Ladder, path: Path) -> Ladder:
    """Say the name of a file, not where it lies on somebody's disk."""
    layers = tuple(
        replace(
            one,
            source=one.source.replace(str(path), path.name),
            assumed=tuple(said.replace(str(path), path.name) for said in one.assumed),
        )
        for one in ladder.layers
    )
    return replace(ladder, layers=layers)


def _laid_over(ladders: Sequence[Ladder], paths: Sequence[Path]) -> Ladder:
    """Lay ladders of one coin over each other, a layer each."""
    first = ladders[0]
    if len(ladders) == 1:
        return first
    kinds: dict[tuple[str, str], Path] = {}
    for ladder, path in zip(ladders, paths, strict=True):
        beside = abs(ladder.mark_price / first.mark_price - 1)
        if beside > _TWO_MARKS:
            raise InputError(
                f"{path}: its mark price {ladder.mark_price:,.8g} is {beside:.1%} from the "
                f"{first.mark_price:,.8g} of {paths[0]}: give sources of one time, or --price"
            )
        for layer in ladder.layers:
            kind = (layer.provenance.value, layer.forced.value)
            if kind in kinds:
                raise InputError(
                    f"{kinds[kind]} and {path} both hold {kind[0]} {kind[1]}s, which may be the "
                    "same positions: name one of them"
                )
            kinds[kind] = path
    venues = {ladder.venue for ladder in ladders}
    symbols = {ladder.symbol for ladder in ladders}
    times = {ladder.at_ns for ladder in ladders if ladder.at_ns is not None}
    return Ladder(
        venue=first.venue if len(venues) == 1 else "*",
        symbol=first.symbol if len(symbols) == 1 else coin_of(first.symbol),
        mark_price=first.mark_price,
        layers=tuple(layer for ladder in ladders for layer in ladder.layers),
        at_ns=max(times, default=None),
    )
