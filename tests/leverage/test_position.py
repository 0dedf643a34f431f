"""Positions that make no sense are refused by name."""

from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind

PERP = Instrument(
    venue="binance", raw_symbol="BTCUSDT", symbol="BTC/USDT:USDT", kind=Kind.LINEAR, base="BTC",
    quote="USDT", settle="USDT",
)  # fmt: skip
GOOD: dict[str, Any] = {
    "instrument": PERP, "side": Side.LONG, "qty_raw": 1.0, "entry_price": 100.0, "leverage": 10.0,
}  # fmt: skip


def test_a_long_is_plus_and_a_short_is_minus() -> None:
    assert Position(**GOOD).sign == 1
    assert Position(**GOOD | {"side": Side.SHORT}).sign == -1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("qty_raw", -1.0), ("qty_raw", float("nan")), ("entry_price", 0.0),
        ("entry_price", float("inf")), ("leverage", 0.0), ("margin", float("nan")),
    ],
)  # fmt: skip
def test_a_figure_out_of_bounds_is_named(field: str, value: float) -> None:
    with pytest.raises(InputError, match=field):
        Position(**GOOD | {field: value})


def test_an_isolated_position_needs_something_behind_it() -> None:
    bare = GOOD | {"leverage": None}
    with pytest.raises(InputError, match="margin or its leverage"):
        Position(**bare)
    assert Position(**bare, mode=MarginMode.CROSS).margin is None


def test_a_wallet_is_a_number() -> None:
    with pytest.raises(InputError, match="wallet"):
        Account(wallet=float("nan"))
