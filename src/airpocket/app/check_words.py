"""What ``airpocket check`` was asked: figures within bounds, one instrument and its rules."""

import math
import time
from typing import Final

from msgspec import Struct

from airpocket.app.check_command import Asked
from airpocket.app.symbols import resolve
from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import MarginMode, Position
from airpocket.leverage.standing import tier_at
from airpocket.leverage.tiers import TierTable, TierTables, TierUnit
from airpocket.market.events import Side
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.units import iso, ns_from_iso
from airpocket.venues import register

__all__ = [
    "Market",
    "day_of",
    "fraction_of",
    "market_of",
    "mode_of",
    "move_of",
    "refuse_leverage",
    "side_of",
    "sized",
    "tier_words",
]

_MARGIN_ORDER: Final = ("USDT", "USDC", "USD")


class Market(Struct, frozen=True, kw_only=True):
    """One instrument with the rules and tiers it is under.

    ``at_ns`` is the time asked for (``None``: today); ``assumed`` what the symbol was taken for.
    """

    instrument: Instrument
    rules: MarginRules
    tiers: TierTable
    at_ns: int | None
    assumed: tuple[str, ...] = ()


def sized(name: str, value: float | None, *, least: float = 0.0) -> float | None:
    """Let a figure pass that is above ``least`` and finite.

    Raises
    ------
    InputError
        Naming the option and the figure.
    """
    if value is not None and not least < value < 1e18:
        most = " and below 1e18" if value > least else ""
        raise InputError(f"--{name} is {value:g}: it must be a number above {least:g}{most}")
    return value


def fraction_of(name: str, word: str | None) -> float | None:
    """Read ``8%``, ``-0.08`` or ``0.0001`` as a fraction; above 1 it needs its percent sign.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> fraction_of("survive", "-8%"), fraction_of("survive", "-0.08")
    (-0.08, -0.08)
    """
    if word is None:
        return None
    text = word.strip().replace("−", "-")
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        raise InputError(f"--{name} is {word!a}: write a share such as 8% or 0.08") from None
    if not math.isfinite(value):
        raise InputError(f"--{name} is {word!a}: it must be a finite share such as 8% or 0.08")
    if percent:
        return value / 100
    if abs(value) >= 1:
        raise InputError(
            f"--{name} is {word!a}: give it with a percent sign, or below 1 as in 0.08"
        )
    return value


def move_of(word: str | None, side: Side) -> float | None:
    """Read the move that a position is to survive, which must be one against it.

    Raises
    ------
    InputError
        If it is none, goes the position's way, or falls by all of the price.
    """
    move = fraction_of("survive", word)
    if move is None:
        return None
    falls = side is Side.LONG
    if move == 0 or (move < 0) is not falls:
        way = "a fall, such as -8%" if falls else "a rise, such as +8%"
        raise InputError(f"--survive is {word!a}: what a {side.value} has to survive is {way}")
    if move <= -1:
        raise InputError(f"--survive is {word!a}: a price falls by less than 100 %")
    return move


def side_of(word: str | None) -> Side:
    """Read the side of the position.

    Raises
    ------
    InputError
        If it is missing or neither.
    """
    if word is None:
        raise InputError("--side is missing: long or short")
    try:
        return Side(word.strip().lower())
    except ValueError:
        raise InputError(f"--side is {word!a}: it is long or short") from None


def mode_of(word: str) -> MarginMode:
    """Read the margin mode.

    Raises
    ------
    InputError
        If it is neither.
    """
    try:
        return MarginMode(word.strip().lower())
    except ValueError:
        raise InputError(f"--margin-mode is {word!a}: it is isolated or cross") from None


def market_of(asked: Asked) -> Market:
    """Find the instrument that was named, its rules and its tiers.

    A coin (``BTC``), a pair (``BTC/USDT``), a contract (``BTC/USDT:USDT``) and the venue's own name
    (``BTCUSDT``) are understood. Of a coin's contracts the one margined in USDT is meant, else the
    one in USDC, else the inverse one.

    Raises
    ------
    InputError
        If venue, symbol, rules or tiers are not known.
    """
    venue = asked.venue.strip().lower()
    if venue not in register.MARGINED:
        register.open_rules(venue, "")  # says what is wrong with it
    at_ns = None if asked.rules_of is None else _time("rules-of", asked.rules_of)
    tables = register.tiers_of(venue)
    rows = list(register.catalogue_of(venue)) if venue in register.VENUES else []
    if asked.tiers is not None:
        given = list(Catalogue.load(asked.tiers))
        strange = [row.venue for row in given if row.venue != venue]
        if strange:
            raise InputError(f"{asked.tiers}: its instruments are of {strange[0]}, not of {venue}")
        rows = [*given, *rows]
        tables = TierTables(venue, [*TierTables.load(asked.tiers), *tables])
    if not rows:
        raise InputError(
            f"{venue}: none of its markets is shipped; give one with --tiers FILE, a TOML with"
            " [[instruments]] and [[tiers]] as in the venue.toml of the others"
        )
    instrument, assumed = _instrument(asked.symbol, venue, rows, at_ns)
    return Market(
        instrument=instrument,
        rules=register.rules_for(instrument, at_ns),
        tiers=tables.find(instrument.symbol, at_ns),
        at_ns=at_ns,
        assumed=assumed,
    )


def _time(name: str, word: str) -> int:
    try:
        return ns_from_iso(word)
    except ValueError:
        raise InputError(f"--{name} is {word!a}: write a day such as 2025-10-10") from None


def _instrument(
    word: str, venue: str, rows: list[Instrument], at_ns: int | None
) -> tuple[Instrument, tuple[str, ...]]:
    now_ns = time.time_ns() if at_ns is None else at_ns
    name = word.strip().upper()
    there = [row for row in rows if row.kind is not Kind.SPOT and row.holds_at(now_ns)]
    named = [row for row in there if row.raw_symbol.upper() == name]
    if named:
        return named[0], ()
    # BTCUSDT is the perpetual of BTC/USDT also where the venue writes it otherwise.
    pairs = (f"{row.base}/{row.quote}" for row in there if f"{row.base}{row.quote}".upper() == name)
    meant = next(pairs, word)
    found = resolve([meant], {venue: Catalogue(rows)}, at_ns=now_ns).instruments[venue]
    first, *others = sorted(found, key=_rank)
    if not others:
        return first, ()
    beside = ", ".join(row.symbol for row in others)
    return first, (f"{word} is taken for {first.symbol} (there are also {beside})",)


def _rank(row: Instrument) -> tuple[bool, int]:
    known = row.settle in _MARGIN_ORDER
    order = _MARGIN_ORDER.index(row.settle) if known else len(_MARGIN_ORDER)
    return row.kind is not Kind.LINEAR, order


def refuse_leverage(position: Position, market: Market) -> None:
    """Refuse a leverage above what the tier of the position's value at entry allows.

    Raises
    ------
    InputError
        Naming tier, rule and dates.
    """
    index = tier_at(position, position.entry_price, market.tiers)
    most = market.tiers.tiers[index].leverage_most
    leverage = position.leverage
    if leverage is None or 1 <= leverage <= most:
        return
    since = day_of(market.rules.valid_from_ns)
    dated = f" of {since}" if since else ""
    raise InputError(
        f"--leverage is {leverage:g}: from 1 to {most:g} is allowed in"
        f" {tier_words(market, index)} of {market.instrument.symbol} under"
        f" {market.rules.rule_id}{dated} ({market.tiers.source})"
    )


def tier_words(market: Market, index: int) -> str:
    """Name a tier by its number, from 1, and its bounds."""
    tiers = market.tiers.tiers
    tier = tiers[index]
    coin = market.instrument.settle
    unit = "contracts" if market.tiers.unit is TierUnit.CONTRACTS else coin
    ends = f"up to {tier.up_to:,.10g} {unit}" if math.isfinite(tier.up_to) else "without end"
    if tier.above > 0 and not math.isfinite(tier.up_to):
        ends = f"above {tier.above:,.10g} {unit}"
    return f"tier {index + 1} of {len(tiers)} ({ends})"


def day_of(at_ns: int | None) -> str | None:
    """Give the day of a time, ``None`` for an open end."""
    return None if at_ns is None else iso(at_ns)[:10]
