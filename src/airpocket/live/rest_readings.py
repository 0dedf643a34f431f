"""ccxt's words for what a venue lists, checked like everything else that a venue says."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from airpocket.market.events import Funding
from airpocket.market.fields import BAD_FRAME, Label, Qty, Rate, TimeMs, why
from airpocket.market.instrument import Instrument, Kind
from airpocket.units import HOUR_NS, MILLISECOND_NS

__all__ = ["Listing", "Offset", "Tier", "read_funding", "read_listing", "read_tiers"]

_ROWS_MOST: Final = 20_000
_Step = Annotated[float, Meta(gt=0, lt=1e15)]
_Leverage = Annotated[float, Meta(gt=0, le=10_000)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Size = Annotated[float, Meta(ge=0, lt=1e18)]


class Listing(Struct, frozen=True):
    """What a venue lists today.

    ``instruments`` can be traded; ``halted`` are raw symbols that are listed and cannot; a sentence
    in ``rejected`` for each row that is not usable.
    """

    instruments: tuple[Instrument, ...]
    halted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


class Offset(Struct, frozen=True):
    """How far the venue's clock is ahead of ours, and how long the question took."""

    ahead_ns: int
    round_trip_ns: int


class Tier(Struct, frozen=True):
    """One margin tier: position sizes ``above … upto``, in ``unit``.

    ``unit`` is ``"contracts"`` on OKX (ccxt calls its contracts a notional), else ``"quote"``: the
    quote coin of linear, the base coin of inverse contracts.
    """

    above: float
    upto: float | None
    unit: str
    maintenance_rate: float
    leverage_most: float | None = None


class _Steps(Struct):
    amount: _Step | None = None
    price: _Step | None = None


class _Market(Struct):
    """The part of a ccxt market that is used."""

    id: Label
    symbol: Label
    base: Label
    quote: Label
    settle: Label
    type: str
    linear: bool
    inverse: bool
    contract_size: Qty = field(name="contractSize")
    active: bool | None = None
    precision: _Steps = field(default_factory=_Steps)


class _Rate(Struct):
    symbol: Label
    rate: Rate = field(name="fundingRate")
    due_ms: TimeMs | None = field(name="fundingTimestamp", default=None)
    interval: str | None = None


class _Tier(Struct, kw_only=True):
    above: _Size = field(name="minNotional", default=0.0)
    upto: _Size | None = field(name="maxNotional", default=None)
    maintenance: _Fraction = field(name="maintenanceMarginRate")
    leverage: _Leverage | None = field(name="maxLeverage", default=None)


def read_listing(venue: str, markets: Iterable[Any]) -> Listing:
    """Make instruments of ccxt's markets.

    Parameters
    ----------
    venue
        Venue id that they get.
    markets
        ccxt market structures; spot and options are passed over.

    Returns
    -------
    Listing
        One bad row does not spoil the others.
    """
    found: dict[str, Instrument] = {}
    halted: list[str] = []
    rejected: list[str] = []
    for index, row in enumerate(markets):
        if index >= _ROWS_MOST:
            rejected.append(
                f"{venue} lists more than {_ROWS_MOST} instruments: the rest is not read"
            )
            break
        if not isinstance(row, Mapping) or row.get("type") not in ("swap", "future"):
            continue
        try:
            raw_symbol, market = _raw_symbol(venue, row), msgspec.convert(row, _Market)
            instrument = _instrument(venue, raw_symbol, market, row)
        except (TypeError, ValueError, *BAD_FRAME) as error:
            rejected.append(f"{venue} instrument {str(row.get('symbol'))[:40]!r}: {why(error)}")
            continue
        if market.active is False:
            halted.append(raw_symbol)
        elif raw_symbol in found:
            rejected.append(f"{venue} lists {raw_symbol!r} twice")
        else:
            found[raw_symbol] = instrument
    return Listing(tuple(found.values()), tuple(halted), tuple(rejected))


def read_funding(
    venue: str, raw_symbols: Mapping[str, str], rates: Iterable[Any], local_ns: int
) -> tuple[Funding, ...]:
    """Make funding events of ccxt's rates; what is not usable or not listed is left out.

    Parameters
    ----------
    venue
        Venue id.
    raw_symbols
        Raw symbol of each unified one.
    rates
        ccxt funding-rate structures.
    local_ns
        When they were received.
    """
    said: list[Funding] = []
    for row in rates:
        try:
            rate = msgspec.convert(dict(row), _Rate, strict=False)
        except (TypeError, ValueError, *BAD_FRAME):
            continue
        raw_symbol = raw_symbols.get(rate.symbol)
        if raw_symbol is None:
            continue
        said.append(
            Funding(
                venue=venue,
                symbol=rate.symbol,
                raw_symbol=raw_symbol,
                local_ns=local_ns,
                rate=rate.rate,
                interval_ns=_hours(rate.interval),
                due_ns=None if rate.due_ms is None else rate.due_ms * MILLISECOND_NS,
            )
        )
    return tuple(said)


def read_tiers(venue: str, rows: Iterable[Any]) -> tuple[Tier, ...]:
    """Make tiers of ccxt's; lowest first.

    Raises
    ------
    ValueError
        If a row is not usable, or they do not follow each other.
    """
    unit = "contracts" if venue == "okx" else "quote"
    tiers: list[Tier] = []
    for row in rows:
        known = {key: value for key, value in dict(row).items() if value is not None}
        said = msgspec.convert(known, _Tier)
        tiers.append(Tier(said.above, said.upto, unit, said.maintenance, said.leverage))
    tiers.sort(key=lambda tier: tier.above)
    for lower, upper in pairwise(tiers):
        if lower.upto is None or upper.above < lower.above or upper.upto == lower.upto:
            raise ValueError(f"the tier from {upper.above:g} does not follow the one before it")
    return tuple(tiers)


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _raw_symbol(venue: str, row: Mapping[str, Any]) -> str:
    """Find the name that the venue's stream uses: on Hyperliquid the coin, not ccxt's number."""
    raw = row.get("baseName" if venue == "hyperliquid" else "id")
    if not isinstance(raw, str) or not 0 < len(raw) <= 64:
        raise ValueError("it has no name of 1 to 64 characters")
    if not raw.isprintable() or "*" in raw or "@" in raw:  # they have a meaning in our records
        raise ValueError(f"its name {ascii(raw)[:60]} cannot be one")
    return raw


def _instrument(venue: str, raw_symbol: str, market: _Market, row: Mapping[str, Any]) -> Instrument:
    if market.linear is market.inverse:
        raise ValueError("it is neither linear nor inverse: no dollar value without its rules")
    value = market.contract_size
    info = row.get("info")
    multiplier = (info if isinstance(info, Mapping) else _NOTHING).get("ctMult")
    if venue == "okx" and multiplier:  # ccxt passes over it; it is 1 for all but options so far
        value *= msgspec.convert(multiplier, Qty, strict=False)
    if venue == "bybit":  # ccxt says the least order of an inverse one; sizes are coins or dollars
        value = 1.0
    for coin in (market.base, market.quote, market.settle, market.symbol):
        if not coin.isprintable() or "*" in coin:
            raise ValueError(f"{ascii(coin)[:60]} is no coin")
    return Instrument(
        venue=venue,
        raw_symbol=raw_symbol,
        symbol=market.symbol,
        kind=Kind.LINEAR if market.linear else Kind.INVERSE,
        base=market.base,
        quote=market.quote,
        settle=market.settle,
        contract_value=value,
        # Hyperliquid rounds to five significant figures: ccxt's step is that of today's price.
        tick=None if venue == "hyperliquid" else market.precision.price,
        lot=market.precision.amount,
        source=f"{venue} REST, through ccxt",
    )


def _hours(interval: str | None) -> int | None:
    """Read ccxt's ``"8h"``.

    Examples
    --------
    >>> _hours("8h"), _hours("soon"), _hours("0h")
    (28800000000000, None, None)
    """
    if interval is None or not interval.endswith("h") or not interval[:-1].isdecimal():
        return None
    hours = int(interval[:-1]) if len(interval) < 6 else 0
    return hours * HOUR_NS if 0 < hours <= 24 * 31 else None
