"""The contract that crowds of the tests are drawn for, and exact margin in fractions."""

from fractions import Fraction
from typing import Final

from airpocket.leverage.tiers import TierTable, table_of
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.register import catalogue_of, tiers_of

SYMBOL: Final = "BTC/USDT:USDT"
MARK_TICK: Final = 614_000


def contract() -> Instrument:
    found = catalogue_of("binance").find_symbol(SYMBOL)
    assert found is not None
    return found


def tier_table() -> TierTable:
    return tiers_of("binance").find(SYMBOL)


def one_tier(rate: float = 0.005, leverage_most: float = 100.0) -> TierTable:
    return table_of(SYMBOL, [(0, 1e12, rate, 0, leverage_most)], "made up")


def coin(*, tick: float | None = 0.1, lot: float | None = 0.001, kind: Kind = Kind.LINEAR,
         settle: str = "USDT", quote: str = "USDT", contract_value: float = 1.0) -> Instrument:  # fmt: skip
    return Instrument(
        venue="x", raw_symbol="BTCUSDT", symbol=SYMBOL, kind=kind, base="BTC", quote=quote,
        settle=settle, tick=tick, lot=lot, contract_value=contract_value,
    )  # fmt: skip


def spare(
    tick: int,
    is_long: bool,  # noqa: FBT001
    lots: int,
    entry: int,
    margin: int,
    tiers: TierTable,
) -> Fraction:
    """Equity less maintenance at a tick, in micro-dollars, of a contract of 100 a lot and tick."""
    gain = (tick - entry) * lots * 100
    value = Fraction(lots * tick * 100)
    tier = next((row for row in tiers.tiers if value <= row.up_to * 10**6), tiers.tiers[-1])
    must = value * Fraction(repr(tier.rate)) - Fraction(repr(tier.deduction)) * 10**6
    return margin + (gain if is_long else -gain) - must
