"""Maintenance by size: a venue's tiers, with a deduction that makes them continuous, or a step."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from airpocket.errors import InputError

__all__ = ["Tier", "TierTable", "TierUnit", "deductions", "table_of"]


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
