"""Maintenance by size: a venue's tiers, with a deduction that makes them continuous, or a step."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.units import iso, ns_from_iso

__all__ = ["Tier", "TierTable", "TierTables", "TierUnit", "deductions", "table_of"]


class TierUnit(StrEnum):
    """What the bounds of tiers count."""

    NOTIONAL = "notional"  # in the coin that margin is counted in
    CONTRACTS = "contracts"  # the whole position at its tier's rate: a step at each bound


class Tier(Struct, frozen=True):
    """One tier: sizes above ``above`` up to ``up_to``.

    ``rate`` is the maintenance margin rate, ``deduction`` the maintenance amount that is taken off
    (0 for steps), ``leverage_most`` the highest leverage allowed.
    """

    above: float
    up_to: float
    rate: float
    deduction: float
    leverage_most: float


class TierTable(Struct, frozen=True):
    """The tiers of one instrument between two dates.

    Parameters
    ----------
    symbol
        Unified symbol.
    unit
        What the bounds count.
    tiers
        Without a hole, from 0.
    source
        Page or capture, with its date.
    valid_from_ns, valid_to_ns
        Half-open; ``None`` is open.

    Raises
    ------
    InputError
        If the tiers leave a hole, overlap, fall in rate, or have figures out of bounds.

    Examples
    --------
    >>> table = TierTable("X", TierUnit.NOTIONAL, (Tier(0, 300, 0.004, 0, 150),
    ...     Tier(300, 800, 0.005, 0.3, 100)), "made up")
    >>> round(table.maintenance(500.0), 6)
    2.2
    """

    symbol: str
    unit: TierUnit
    tiers: tuple[Tier, ...]
    source: str
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[0].above != 0:
            raise InputError(f"{self.symbol}: its tiers do not begin at 0")
        end, rate = 0.0, 0.0
        for tier in self.tiers:
            if tier.above != end or tier.up_to <= tier.above:
                raise InputError(f"{self.symbol}: a tier begins at {tier.above:g}, not at {end:g}")
            if not rate <= tier.rate <= 1 or tier.deduction < 0 or tier.leverage_most < 1:
                raise InputError(f"{self.symbol}: the tier from {tier.above:g} is out of bounds")
            end, rate = tier.up_to, tier.rate

    def index_at(self, size: float) -> int:
        """Find the tier of a size, given in the table's unit.

        Raises
        ------
        InputError
            If the size is negative or beyond the last tier.
        """
        if not 0 <= size <= self.tiers[-1].up_to:
            raise InputError(
                f"{self.symbol}: {size:g} is not within 0 to {self.tiers[-1].up_to:g}"
                f" {self.unit.value} ({self.source})"
            )
        return next(index for index, tier in enumerate(self.tiers) if size <= tier.up_to)

    def maintenance(self, size: float, notional: float | None = None) -> float:
        """Compute the maintenance margin of a position.

        Parameters
        ----------
        size
            In the table's unit.
        notional
            Value that the rate applies to; ``size`` itself where bounds are notional.
        """
        tier = self.tiers[self.index_at(size)]
        value = size if notional is None else notional
        return value * tier.rate - tier.deduction

    def holds_at(self, at_ns: int | None) -> bool:
        """Tell whether this table is the valid one at a time (``None``: the latest)."""
        if at_ns is None:
            return self.valid_to_ns is None
        after = self.valid_from_ns is None or at_ns >= self.valid_from_ns
        return after and (self.valid_to_ns is None or at_ns < self.valid_to_ns)


@final
class TierTables:
    """The tiers of one venue, found by unified symbol and date.

    Parameters
    ----------
    venue
        Venue id, for messages.
    tables
        Several may share a symbol if their dates do not overlap.
    """

    def __init__(self, venue: str, tables: Iterable[TierTable] = ()) -> None:
        self.venue = venue
        self._tables: dict[str, tuple[TierTable, ...]] = {}
        for table in tables:
            self._tables[table.symbol] = (*self._tables.get(table.symbol, ()), table)

    @classmethod
    def load(cls, toml: Path) -> "TierTables":
        """Read the ``[[tiers]]`` of a ``venue.toml``.

        Each has ``symbol``, ``source``, ``rows`` of ``[above, up_to, rate, deduction, leverage]``,
        ``unit`` (``"notional"`` if left out), ``valid_from`` and ``valid_to`` (ISO dates).

        Raises
        ------
        InputError
            If the file cannot be read, or a table in it is none; the message names the symbol.
        """
        try:
            parsed = tomllib.loads(toml.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{toml}: not a readable venue.toml ({error})") from error
        rows = parsed.get("tiers", ())
        return cls(parsed.get("venue", toml.parent.name), (_table(row, toml) for row in rows))

    def find(self, symbol: str, at_ns: int | None = None) -> TierTable:
        """Find the tiers of a symbol that hold at a time (``None``: the latest).

        Raises
        ------
        InputError
            If none are known: another symbol's tiers are no substitute.
        """
        known = self._tables.get(symbol, ())
        for table in known:
            if table.holds_at(at_ns):
                return table
        if known and at_ns is not None:
            raise InputError(f"{self.venue} {symbol}: its tiers are not known for {iso(at_ns)}")
        there = ", ".join(sorted(self._tables)) or "none"
        raise InputError(
            f"{self.venue} {symbol}: its tiers are not known (there are: {there}); give a table"
            " from the venue's own list of risk limits (check takes one with --tiers FILE)"
        )

    def __iter__(self) -> Iterator[TierTable]:
        for tables in self._tables.values():
            yield from tables


def _table(row: dict[str, Any], toml: Path) -> TierTable:
    symbol = row.get("symbol")
    try:
        dates = [row.get(name) for name in ("valid_from", "valid_to")]
        begins, ends = (None if date is None else ns_from_iso(str(date)) for date in dates)
        return TierTable(
            row["symbol"],
            TierUnit(row.get("unit", "notional")),
            tuple(Tier(*map(float, line)) for line in row["rows"]),
            row["source"],
            begins,
            ends,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{toml}: the tiers of {symbol!r} cannot be used ({error})") from error


def deductions(floors: Sequence[float], rates: Sequence[float]) -> tuple[float, ...]:
    """Compute the deductions that make tiers continuous.

    ``cum_n = cum_{n-1} + floor_n (rate_n - rate_{n-1})`` (Binance, FAQ b3c689c1…; Bybit calls it
    mmDeduction).

    Examples
    --------
    >>> deductions([0, 300_000, 800_000], [0.004, 0.005, 0.0065])
    (0.0, 300.0, 1500.0)
    """
    found: list[float] = []
    for index, (floor, rate) in enumerate(zip(floors, rates, strict=True)):
        before = found[-1] + floor * (rate - rates[index - 1]) if index else 0.0
        found.append(round(before, 9))
    return tuple(found)


def table_of(symbol: str, rows: Iterable[Sequence[float]], source: str) -> TierTable:
    """Make a table of rows ``(above, up_to, rate, deduction, leverage_most)`` of notional."""
    return TierTable(symbol, TierUnit.NOTIONAL, tuple(Tier(*row) for row in rows), source)
