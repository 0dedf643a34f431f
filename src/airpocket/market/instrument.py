"""What one contract is worth: tick, lot, contract value, linear or inverse, and when.

The catalogue of a venue is shipped in its ``venue.toml`` and dated, because venues change
contract sizes. A symbol that is not listed has no notional: ``None``, never a guess.
"""

import tomllib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.units import ns_from_iso

__all__ = ["Catalogue", "Instrument", "Kind"]


class Kind(StrEnum):
    """How profit follows price."""

    LINEAR = "linear"  # contract_value base coins a contract, profit in quote
    INVERSE = "inverse"  # contract_value US dollars a contract, profit in base coin
    QUANTO = "quanto"  # profit in a third coin at a fixed rate: no dollar value without it
    SPOT = "spot"  # no contract: the coin itself


_INVERSE = Kind.INVERSE  # 0.1 µs to reach through the enum, and every event asks
_QUANTO = Kind.QUANTO


class Instrument(Struct, frozen=True, kw_only=True):
    """One instrument of one venue between two dates.

    Parameters
    ----------
    venue, raw_symbol, symbol
        Venue id, the venue's name of it, unified name (``"BTC/USDT:USDT"``).
    kind
        Linear, inverse, quanto or spot.
    base, quote, settle
        Coins. USD, USDT, USDC, USDE, FDUSD and BUSD as ``quote`` count as one US dollar.
    contract_value
        Base coins (linear, spot) or US dollars (inverse) of one unit of the venue's size field.
    tick, lot
        Steps of price and size in the venue's units; ``None`` if not verified.
    valid_from_ns, valid_to_ns
        Half-open range of time for which this row holds; ``None`` means open.
    source
        Where the figures were read.
    """

    venue: str
    raw_symbol: str
    symbol: str
    kind: Kind
    base: str
    quote: str
    settle: str
    contract_value: float = 1.0
    tick: float | None = None
    lot: float | None = None
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    source: str = ""

    def qty_base(self, qty_raw: float, price: float) -> float | None:
        """Size in base coins of ``qty_raw`` venue units at ``price``.

        Examples
        --------
        >>> perp = Instrument(venue="binance", raw_symbol="BTCUSD_PERP", symbol="BTC/USD:BTC",
        ...     kind=Kind.INVERSE, base="BTC", quote="USD", settle="BTC", contract_value=100.0)
        >>> perp.qty_base(3, 10_000.0)
        0.03
        """
        if self.kind is _INVERSE:
            return qty_raw * self.contract_value / price
        if self.kind is _QUANTO:
            return None
        return qty_raw * self.contract_value

    def notional_usd(self, qty_raw: float, price: float) -> float | None:
        """US dollars of ``qty_raw`` venue units at ``price``; ``None`` if not in dollars.

        Examples
        --------
        >>> swap = Instrument(venue="okx", raw_symbol="BTC-USDT-SWAP", symbol="BTC/USDT:USDT",
        ...     kind=Kind.LINEAR, base="BTC", quote="USDT", settle="USDT", contract_value=0.01)
        >>> round(swap.notional_usd(8.55, 82655.7))
        7067
        """
        if self.kind is _INVERSE:
            return qty_raw * self.contract_value
        if self.kind is _QUANTO or self.quote not in _DOLLARS:
            return None
        return qty_raw * self.contract_value * price

    def qty_raw(self, qty_base: float, price: float) -> float | None:
        """Size in the venue's units of ``qty_base`` coins at ``price`` (inverse of qty_base)."""
        if self.kind is _INVERSE:
            return qty_base * price / self.contract_value
        if self.kind is _QUANTO:
            return None
        return qty_base / self.contract_value

    def holds_at(self, at_ns: int | None) -> bool:
        """Tell whether this row is the valid one at a time (``None``: any time)."""
        if at_ns is None:
            return self.valid_to_ns is None
        after = self.valid_from_ns is None or at_ns >= self.valid_from_ns
        return after and (self.valid_to_ns is None or at_ns < self.valid_to_ns)


_DOLLARS = frozenset({"USD", "USDT", "USDC", "USDE", "FDUSD", "BUSD"})


@final
class Catalogue:
    """The instruments of one venue, found by the venue's name of them.

    Parameters
    ----------
    instruments
        Rows; several may share a raw symbol if their dates do not overlap.

    Examples
    --------
    >>> Catalogue([]).find("BTCUSDT") is None
    True
    """

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._rows: dict[str, tuple[Instrument, ...]] = {}
        for row in instruments:
            self._rows[row.raw_symbol] = (*self._rows.get(row.raw_symbol, ()), row)

    @classmethod
    def load(cls, toml: Path) -> "Catalogue":
        """Read the ``[[instruments]]`` of a ``venue.toml``.

        A row gives ``raw_symbol, symbol, kind`` and what differs from the defaults; base, quote
        and settle follow from the unified symbol. ``valid_from``/``valid_to`` are ISO dates.

        Raises
        ------
        InputError
            If the file is not such a catalogue; the message names the row and the field.
        """
        try:
            table = tomllib.loads(toml.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{toml}: not a readable venue.toml ({error})") from error
        venue = table.get("venue", toml.parent.name)
        return cls(_instrument(venue, row, toml) for row in table.get("instruments", ()))

    def learn(self, instruments: Iterable[Instrument]) -> tuple[Instrument, ...]:
        """Take in what a venue says of its instruments today.

        What is known stays: a shipped row is dated and sourced. The wires that hold this catalogue
        know the new ones from their next frame on.

        Returns
        -------
        tuple of Instrument
            The rows that are new.
        """
        fresh = tuple(row for row in instruments if row.raw_symbol not in self._rows)
        for row in fresh:
            self._rows[row.raw_symbol] = (row,)
        return fresh

    def find(self, raw_symbol: str, at_ns: int | None = None) -> Instrument | None:
        """Find the row that holds at a time, or ``None``: an unknown instrument."""
        rows = self._rows.get(raw_symbol)
        if rows is None:
            return None
        for row in rows:
            if row.holds_at(at_ns):
                return row
        return None

    def find_symbol(self, symbol: str, at_ns: int | None = None) -> Instrument | None:
        """Find a row by its unified name."""
        return next((r for r in self if r.symbol == symbol and r.holds_at(at_ns)), None)

    def __iter__(self) -> Iterator[Instrument]:
        for rows in self._rows.values():
            yield from rows

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))


def _instrument(venue: str, row: dict[str, Any], toml: Path) -> Instrument:
    try:
        symbol = row["symbol"]
        pair, _, settle = symbol.partition(":")
        base, _, quote = pair.partition("/")
        return Instrument(
            venue=venue,
            raw_symbol=row["raw_symbol"],
            symbol=symbol,
            kind=Kind(row["kind"]),
            base=base,
            quote=quote,
            settle=settle.partition("-")[0] or quote,
            contract_value=float(row.get("contract_value", 1.0)),
            tick=row.get("tick"),
            lot=row.get("lot"),
            valid_from_ns=_date_ns(row.get("valid_from")),
            valid_to_ns=_date_ns(row.get("valid_to")),
            source=row.get("source", ""),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{toml}: instrument {row!r} cannot be used ({error!r})") from error


def _date_ns(date: object) -> int | None:
    return None if date is None else ns_from_iso(str(date))
