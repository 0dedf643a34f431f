"""Turning tables of positions into checked columns: what each must hold, and what is refused.

Columns, found by these names or by those that a mapping gives instead:

=====================  ========  ==================================================================
column                 needed    holds
=====================  ========  ==================================================================
``symbol``             yes       ``BTCUSDT`` as the venue says, or unified ``BTC/USDT:USDT``
``side``               yes       ``long`` or ``short`` (also ``buy`` and ``sell``), in any case
``size``               yes       in the venue's own unit (coins, contracts), above 0
``entry_price``        yes       average price of entry, above 0
``venue``              or named  venue id, where the rows are not all of the venue that was named
``margin_mode``        no        ``isolated`` or ``cross``; without the column all are isolated
``margin``             no        settle coin behind an isolated position, at its entry
``leverage``           no        as set at the venue
``liquidation_price``  no        as the source says it
``mark_price``         no        of the instrument when it was so: the median of its rows is kept
=====================  ========  ==================================================================

Empty is not known; 0 never is. Other columns (an account, a time) are passed over. An isolated
position needs its margin, its leverage or its liquidation price.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.position_fields import PositionFields
from airpocket.leverage.swapped_columns import refuse_swapped
from airpocket.market.instrument import Catalogue, Instrument

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = [
    "COLUMNS",
    "NEEDED",
    "ColumnReader",
    "Read",
    "median_marks",
    "named",
]

COLUMNS: Final[Mapping[str, type]] = {
    "symbol": str,
    "side": str,
    "size": float,
    "entry_price": float,
    "venue": str,
    "margin_mode": str,
    "margin": float,
    "leverage": float,
    "liquidation_price": float,
    "mark_price": float,
}
"""Every column that is read, and its type."""

NEEDED: Final = ("symbol", "side", "size", "entry_price")
"""Columns without which there are no positions."""

_NAMES_SHOWN: Final = 12
_NAME_MOST: Final = 40

_SIDES: Final = {"long": True, "buy": True, "short": False, "sell": False}
_MODES: Final = {"isolated": False, "cross": True}


@final
class Read(Struct, frozen=True, eq=False):
    """Checked columns of one length (n,), as :class:`PositionBook` holds them.

    ``marks`` is the mark price of each instrument, NaN where the source does not say it.
    """

    instruments: tuple[Instrument, ...]
    instrument: NDArray[np.int32]
    is_long: NDArray[np.bool_]
    qty_raw: NDArray[np.float64]
    entry_price: NDArray[np.float64]
    margin: NDArray[np.float64]
    leverage: NDArray[np.float64]
    is_cross: NDArray[np.bool_]
    liquidation_price: NDArray[np.float64]
    marks: NDArray[np.float64]
    assumed: tuple[str, ...] = ()


def named(columns: Mapping[str, str] | None, source: str) -> dict[str, str]:
    """Give the name that each column has in the source.

    Parameters
    ----------
    columns
        Canonical name to the source's; those left out have their canonical name.

    Raises
    ------
    InputError
        If a canonical name is none, or one of the source's stands for two.
    """
    given = dict(columns or {})
    for name in given:
        if name not in COLUMNS:
            raise InputError(f"{source}: {name!r} is no column of positions: {', '.join(COLUMNS)}")
    found = {name: given.get(name, name) for name in COLUMNS}
    used = list(given.values())
    twice = sorted({name for name in used if used.count(name) > 1})
    if twice:
        raise InputError(f"{source}: {twice[0]!r} is mapped to two columns of positions")
    taken = set(used)
    return {name: theirs for name, theirs in found.items() if name in given or theirs not in taken}


@final
class ColumnReader:
    """Takes in frames of positions one after the other; :meth:`finish` gives them as columns.

    Parameters
    ----------
    source
        File or feed, for messages.
    catalogue_of
        Gives the instruments of a venue; refuses a venue that it does not know.
    venue
        Of all rows, where there is no column of venues.
    at_ns
        When it was so: instruments are looked up at that time.
    columns
        The source's names of columns, see :func:`named`.
    first_row
        Number of the first row in messages: 1 for a frame, 2 for a file with a header.
    """

    def __init__(
        self,
        source: str,
        catalogue_of: Callable[[str], Catalogue],
        *,
        venue: str | None = None,
        at_ns: int | None = None,
        columns: Mapping[str, str] | None = None,
        first_row: int = 1,
    ) -> None:
        self._source = source
        self._catalogue_of = catalogue_of
        self._venue = venue
        self._at_ns = at_ns
        self._names = named(columns, source)
        self._row = first_row
        self._catalogues: dict[str, Catalogue] = {}
        self._instruments: dict[tuple[str, str], int] = {}
        self._listed: list[Instrument] = []
        self._pieces: list[dict[str, NDArray[Any]]] = []
        self._assumed: set[str] = set()
        if venue is not None:
            self._catalogue(venue)

    def take(self, into: "IntoFrame", rows: NDArray[np.int64] | None = None) -> None:
        """Check the rows of a frame and keep their columns.

        Parameters
        ----------
        into
            Any frame that narwhals knows (polars, pandas, pyarrow, …); a lazy one is collected.
        rows
            Number of each row in messages, shape (n,); ``None``: they are counted.

        Raises
        ------
        InputError
            If a column is missing or a row is bad; the message names source, row and column.
        """
        import narwhals as nw  # noqa: PLC0415 - not at start-up

        try:
            frame = nw.from_native(into)
        except TypeError as error:
            raise InputError(f"{self._source}: {type(into).__name__} is no data frame") from error
        table = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        self.refuse_missing(table.columns)
        piece = PositionFields(
            self._source, table, self._names, self._row if rows is None else rows
        )
        self._row += len(table)
        if len(table):
            self._pieces.append(self._checked(piece))

    def finish(self) -> Read:
        """Join what was taken in.

        Raises
        ------
        InputError
            If there was no row, or columns look swapped.
        """
        if not self._pieces:
            raise InputError(f"{self._source}: holds no position")
        joined: dict[str, NDArray[Any]] = {}
        for name in list(self._pieces[0]):
            parts = [piece.pop(name) for piece in self._pieces]
            joined[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        mark_price = joined.pop("mark_price")
        refuse_swapped(self._source, joined, mark_price)
        marks = median_marks(mark_price, joined["instrument"], len(self._listed))
        return Read(
            tuple(self._listed), **joined, marks=marks, assumed=tuple(sorted(self._assumed))
        )

    def refuse_missing(self, there: list[str]) -> None:
        """Refuse a table that lacks a column that is needed or was named.

        Raises
        ------
        InputError
            If it does; the message lists the columns that are there.
        """
        missing = [name for name in NEEDED if self._names.get(name) not in there]
        mapped = [name for name, theirs in self._names.items() if theirs != name]
        missing += [n for n in mapped if self._names[n] not in there and n not in missing]
        if missing:
            raise InputError(
                f"{self._source}: has no column {', '.join(missing)} (there are: {_shown(there)});"
                f" a table of positions has {', '.join(NEEDED)} at least, parted by commas"
            )

    def _checked(self, piece: "PositionFields") -> dict[str, NDArray[Any]]:
        size = piece.size
        found: dict[str, NDArray[Any]] = {
            "instrument": self._instrument_codes(piece),
            "is_long": piece.words("side", _SIDES),
            "qty_raw": piece.numbers("size"),
            "entry_price": piece.numbers("entry_price"),
            "margin": piece.numbers("margin", may_lack=True),
            "leverage": piece.numbers("leverage", may_lack=True),
            "liquidation_price": piece.numbers("liquidation_price", may_lack=True),
            "mark_price": piece.numbers("mark_price", may_lack=True),
        }
        if piece.has("margin_mode"):
            found["is_cross"] = piece.words("margin_mode", _MODES)
        else:
            found["is_cross"] = np.zeros(size, dtype=np.bool_)
            self._assumed.add("all positions are isolated: the source does not say their mode")
        small = np.flatnonzero(found["leverage"] < 1)
        if small.size:
            raise piece.bad("leverage", int(small[0]), "is below 1")
        bare = np.isnan(found["margin"]) & np.isnan(found["leverage"])
        bare &= np.isnan(found["liquidation_price"]) & ~found["is_cross"]
        if bare.any():
            at = int(np.argmax(bare))
            raise InputError(
                f"{self._source}: row {piece.row(at):,} is isolated and has neither margin nor"
                " leverage nor liquidation_price"
            )
        return found

    def _instrument_codes(self, piece: "PositionFields") -> NDArray[np.int32]:
        if not piece.has("venue"):
            if self._venue is None:
                raise InputError(f"{self._source}: has no column venue: name the venue")
            codes, symbols = piece.coded("symbol")
            return self._looked_up(piece, codes, [(self._venue, name) for name in symbols])
        venue_codes, venues = piece.coded("venue")
        wrong = [at for at, name in enumerate(venues) if self._venue not in {None, name}]
        if wrong:
            at = int(np.argmax(venue_codes == wrong[0]))
            raise piece.bad("venue", at, f"is not {self._venue}, the venue that was named")
        codes, symbols = piece.coded("symbol")
        pairs = venue_codes.astype(np.int64) * len(symbols) + codes
        met, back = np.unique(pairs, return_inverse=True)
        keys = [(venues[int(p) // len(symbols)], symbols[int(p) % len(symbols)]) for p in met]
        return self._looked_up(piece, back.reshape(-1), keys)

    def _looked_up(
        self, piece: "PositionFields", codes: NDArray[Any], keys: list[tuple[str, str]]
    ) -> NDArray[np.int32]:
        places = np.empty(len(keys), dtype=np.int32)
        for at, (venue, symbol) in enumerate(keys):
            place = self._instruments.get((venue, symbol))
            if place is None:
                first = int(np.argmax(codes == at))
                place = self._place(piece, first, venue, symbol)
            places[at] = place
        found: NDArray[np.int32] = places[codes]
        return found

    def _place(self, piece: "PositionFields", first: int, venue: str, symbol: str) -> int:
        try:
            catalogue = self._catalogue(venue)
        except InputError as error:
            raise InputError(f"{self._source}: row {piece.row(first):,}: {error}") from error
        instrument = catalogue.find(symbol, self._at_ns)
        instrument = instrument or catalogue.find_symbol(symbol, self._at_ns)
        if instrument is None:
            raise piece.bad("symbol", first, f"is no instrument of {venue} that airpocket knows")
        if instrument not in self._listed:
            self._listed.append(instrument)
        place = self._listed.index(instrument)
        self._instruments[(venue, symbol)] = place
        return place

    def _catalogue(self, venue: str) -> Catalogue:
        if venue not in self._catalogues:
            self._catalogues[venue] = self._catalogue_of(venue)
        return self._catalogues[venue]


def median_marks(
    mark_price: NDArray[np.float64], instrument: NDArray[np.int32], many: int
) -> NDArray[np.float64]:
    """Take the median mark price of each instrument.

    Parameters
    ----------
    mark_price
        Of each row, NaN where it is not known, shape (n,).
    instrument
        Index of each row's instrument, shape (n,).
    many
        Number of instruments.

    Returns
    -------
    ndarray
        Shape (many,); NaN where no row says it.
    """
    marks = np.full(many, np.nan)
    known = np.flatnonzero(~np.isnan(mark_price))
    if known.size:
        order = known[np.argsort(instrument[known], kind="stable")]
        met, starts = np.unique(instrument[order], return_index=True)
        for place, rows in zip(met, np.split(order, starts[1:]), strict=True):
            marks[place] = np.median(mark_price[rows])
    return marks


def _shown(names: list[str]) -> str:
    """Write the first names of a table, each cut: what is no table may be one long line."""
    cut = [name if len(name) <= _NAME_MOST else f"{name[:_NAME_MOST]}…" for name in names]
    more = ["…"] if len(cut) > _NAMES_SHOWN else []
    return ", ".join(cut[:_NAMES_SHOWN] + more) or "none"
