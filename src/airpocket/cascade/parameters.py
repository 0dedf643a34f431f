"""Parameter sets that a book is compared under, and the TOML files that hold them.

::

    name = "half the depth, closed in parts"
    absorbed = 0.2            # share that a backstop takes off the book
    depth_factor = 0.5        # of the depth that was seen
    fee_rate = 0.005          # liquidation fee
    fund_usd = 5_000_000      # insurance fund
    fee_to_fund = true        # whether it gets the fee
    maintenance_factor = 1.5  # times the present tiers; or `tiers`, rows as in a venue.toml
    tiers = [[0, 300_000, 0.004, 0, 125], [300_000, inf, 0.01, 1800, 50]]

    [partial]                 # all at once, if left out
    share = 0.2               # of positions above `above_usd` first, then the rest
    above_usd = 100_000       # or: tiers_down = 1
"""

import math
import tomllib
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct
from msgspec.structs import replace

from airpocket.cascade.partial import FULL, Partial
from airpocket.errors import InputError
from airpocket.leverage.tiers import Tier, TierTable, TierUnit

__all__ = ["ParameterSet", "read_parameters"]

_FILE_MOST: Final = 1 << 20
_NAME_MOST: Final = 80


class _Range(Struct, frozen=True):
    """Numbers that a key may have."""

    low: float
    high: float
    above: bool = False  # without the lowest
    below: bool = False  # without the highest
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        start = f"above {self.low:g}" if self.above else f"from {self.low:g}"
        end = " and below" if self.below else " to"
        return f"{kind} {start}{end} {self.high:,.10g}"

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if (self.above and value == self.low) or (self.below and value == self.high):
            return False
        return self.low <= value <= self.high


_DOLLARS: Final = _Range(0, 1e15)
_RANGES: Final = {
    "absorbed": _Range(0, 1, below=True),
    "depth_factor": _Range(0, 1000, above=True),
    "fee_rate": _Range(0, 0.5),
    "fund_usd": _DOLLARS,
    "maintenance_factor": _Range(0, 100, above=True),
}
_PARTIAL: Final = {
    "share": _Range(0, 1, above=True),
    "above_usd": _DOLLARS,
    "tiers_down": _Range(0, 63, whole=True),
}
_SAID: Final = {
    **{key: str(value) for key, value in _RANGES.items()},
    "fee_to_fund": "true or false",
    "name": "a text",
    "partial": "a table",
    "tiers": "rows of [above, up_to, rate, deduction, leverage_most]",
}


@final
class ParameterSet(Struct, frozen=True, kw_only=True):
    """What a venue could do otherwise, and how much of the book there is.

    Parameters
    ----------
    name
        Shown beside its figures.
    tiers
        Maintenance tiers instead of the present ones; ``None``: the present ones.
    maintenance_factor
        Times all rates of the tiers (a rate stays at 1 at most).
    partial
        How positions are cut.
    fee_rate
        Liquidation fee, a share of what is closed.
    fund_usd
        Insurance fund; ``None``: none is known.
    fee_to_fund
        Whether the fund gets the liquidation fee, else the venue does.
    absorbed
        Share of forced closes that a backstop takes off the book.
    depth_factor
        Share of the depth that is there.

    Raises
    ------
    InputError
        If a figure is out of its range, or a fee goes to a fund that is not given.
    """

    name: str
    tiers: TierTable | None = None
    maintenance_factor: float = 1.0
    partial: Partial = FULL
    fee_rate: float = 0.0
    fund_usd: float | None = None
    fee_to_fund: bool = False
    absorbed: float = 0.0
    depth_factor: float = 1.0

    def __post_init__(self) -> None:
        for key, allowed in _RANGES.items():
            value = getattr(self, key)
            if not allowed.holds(value) and not (key == "fund_usd" and value is None):
                raise InputError(f"{self.name}: {key} = {value!r} is not {allowed}")
        if self.fee_to_fund and self.fund_usd is None:
            raise InputError(f"{self.name}: fee_to_fund needs the fund: give fund_usd")

    @property
    def changes_positions(self) -> bool:
        """Whether prices or parts of positions change, which a ladder alone cannot follow."""
        return self.tiers is not None or self.maintenance_factor != 1 or not self.partial.is_whole

    def tiers_from(self, present: TierTable) -> TierTable:
        """Give the tiers that hold under this set, of the present ones.

        Raises
        ------
        InputError
            If a rate would be above 1.
        """
        table = present if self.tiers is None else self.tiers
        if self.maintenance_factor == 1:
            return table
        factor = self.maintenance_factor
        scaled = tuple(
            replace(tier, rate=tier.rate * factor, deduction=tier.deduction * factor)
            for tier in table.tiers
        )
        highest = max(tier.rate for tier in scaled)
        if highest > 1:
            raise InputError(
                f"{self.name}: maintenance_factor = {factor:g} makes a rate of {highest:g}, above 1"
            )
        return replace(table, tiers=scaled, source=f"{factor:g} times {table.source}")


def read_parameters(path: Path) -> ParameterSet:
    """Read one parameter set from a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, or a key in it is unknown, of another kind or out of its range;
        the message names file, key, value and what is allowed.
    """
    return _set_of(_parsed(path), path)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MOST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > _FILE_MOST:
        raise InputError(f"{path}: is larger than 1 MiB, which no parameter set is")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: is not TOML ({error})") from error


def _set_of(told: dict[str, Any], path: Path) -> ParameterSet:
    for key, value in told.items():
        if key not in _SAID:
            known = ", ".join(sorted(_SAID))
            raise InputError(
                f"{path}: {key!a} = {_short(value)} is no parameter; there are {known}"
            )
        if key in _RANGES and not _RANGES[key].holds(value):
            raise InputError(f"{path}: {key} = {_short(value)} is not {_RANGES[key]}")
    name = told.get("name", path.stem)
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_MOST:
        raise InputError(f"{path}: name = {_short(name)} is not a text of 1 to {_NAME_MOST} marks")
    given = {key: told[key] for key in (*_RANGES, "fee_to_fund") if key in told}
    if not isinstance(given.get("fee_to_fund", False), bool):
        raise InputError(
            f"{path}: fee_to_fund = {_short(given['fee_to_fund'])} is not true or false"
        )
    tiers, partial = _tiers(told, path), _partial(told, path)
    try:
        return ParameterSet(name=name, tiers=tiers, partial=partial, **given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _partial(told: dict[str, Any], path: Path) -> Partial:
    part = told.get("partial", {})
    if not isinstance(part, dict):
        raise InputError(f"{path}: partial = {_short(part)} is not a table; write [partial]")
    for key, value in part.items():
        if key not in _PARTIAL:
            known = ", ".join(f"{name} ({span})" for name, span in _PARTIAL.items())
            raise InputError(
                f"{path}: partial.{key} = {_short(value)} is no parameter; there are {known}"
            )
        if not _PARTIAL[key].holds(value):
            raise InputError(f"{path}: partial.{key} = {_short(value)} is not {_PARTIAL[key]}")
    try:
        return Partial(**part)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _tiers(told: dict[str, Any], path: Path) -> TierTable | None:
    rows = told.get("tiers")
    if rows is None:
        return None
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: tiers = {_short(rows)} is not {_SAID['tiers']}")
    made = []
    for number, row in enumerate(rows, 1):
        numbers = isinstance(row, list) and len(row) == 5 and all(_is_number(x) for x in row)
        if not numbers:
            raise InputError(
                f"{path}: tiers, row {number}: {_short(row)} is not"
                " [above, up_to, rate, deduction, leverage_most]"
            )
        made.append(Tier(*map(float, row)))
    try:
        return TierTable(told.get("name", path.stem), TierUnit.NOTIONAL, tuple(made), str(path))
    except InputError as error:
        raise InputError(f"{path}: tiers: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _NAME_MOST else f"{text[:_NAME_MOST]}…"
