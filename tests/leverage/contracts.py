"""Contracts, positions and tables for tests, and the law every liquidation price obeys."""

from typing import Any

import pytest
from hypothesis import strategies as st

from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import Account, Position
from airpocket.leverage.standing import stand
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, deductions
from airpocket.leverage.values import x_of
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind

__all__ = ["assert_met", "contract", "flat", "held", "tables"]


def contract(
    venue: str, symbol: str = "BTC/USDT:USDT", kind: Kind = Kind.LINEAR, value: float = 1.0
) -> Instrument:
    """A contract by its unified symbol."""
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    return Instrument(
        venue=venue, raw_symbol=symbol, symbol=symbol, kind=kind, base=base, quote=quote,
        settle=settle, contract_value=value,
    )  # fmt: skip


def held(instrument: Instrument, sign: int, qty: float, entry: float, **more: Any) -> Position:
    """A position: +1 long, -1 short."""
    side = Side.LONG if sign > 0 else Side.SHORT
    return Position(instrument=instrument, side=side, qty_raw=qty, entry_price=entry, **more)


def flat(rate: float, deduction: float = 0.0, symbol: str = "BTC/USDT:USDT") -> TierTable:
    """One tier for every size."""
    tier = Tier(0.0, 1e17, rate, deduction, 125.0)
    return TierTable(symbol, TierUnit.NOTIONAL, (tier,), "made up")


@st.composite
def tables(draw: st.DrawFn, symbol: str = "BTC/USDT:USDT") -> TierTable:
    """Continuous tables of up to seven tiers."""
    widths = draw(st.lists(st.floats(1e3, 1e6), max_size=6))
    rates = [draw(st.floats(0.003, 0.01))]
    floors = [0.0]
    for width in widths:
        floors.append(floors[-1] + width)
        rates.append(min(0.5, rates[-1] + draw(st.floats(0.0, 0.05))))
    ends = [*floors[1:], 1e12]
    cums = deductions(floors, rates)
    rows = zip(floors, ends, rates, cums, strict=True)
    return TierTable(symbol, TierUnit.NOTIONAL, tuple(Tier(*row, 50.0) for row in rows), "made up")


def assert_met(
    rules: MarginRules,
    position: Position,
    tiers: TierTable,
    account: Account | None = None,
    fee_rate: float = 0.0,
) -> float | None:
    """Equity is the requirement at the liquidation price, safe beside it, short beyond it."""
    price = rules.liquidation_price(position, tiers, account).price
    if price is None:
        return None
    at = stand(position, price, tiers, account, fee_rate)
    scale = position.qty_raw * position.instrument.contract_value * x_of(position, price)
    assert at.equity == pytest.approx(at.maintenance, abs=1e-8 * (scale + abs(at.maintenance)))
    safe, short = price * (1 + 1e-6 * position.sign), price * (1 - 1e-6 * position.sign)
    assert not stand(position, safe, tiers, account, fee_rate).is_liquidatable
    assert stand(position, short, tiers, account, fee_rate).is_liquidatable
    return price
