"""Deribit: the flag on a trade says whether its taker, its maker or both were liquidated."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Side, Taker, Trade
from airpocket.venues.deribit.wire import open_wire

_ROW = {
    "trade_seq": 1,
    "trade_id": "900",
    "timestamp": 1_760_130_903_127,
    "price": 112_000.5,
    "mark_price": 112_010.0,
    "instrument_name": "BTC-PERPETUAL",
    "direction": "sell",
    "amount": 11_200.0,
}


def _frame(*rows: object, channel: str = "trades.BTC-PERPETUAL.100ms") -> bytes:
    params = {"channel": channel, "data": rows}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


FRAMES = (
    _frame(_ROW, {**_ROW, "liquidation": "T"}, {**_ROW, "liquidation": "MT"}),
    msgspec.json.encode({**_ROW, "liquidation": "M"}),
    b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
    b'{"jsonrpc":"2.0","id":1,"result":["trades.BTC-PERPETUAL.100ms"]}',
    b'{"jsonrpc":"2.0","id":1,"error":{"code":10009,"message":"not_enough_funds"}}',
)


@pytest.mark.parametrize(
    ("flag", "direction", "sides"),
    [
        ("T", "sell", [Side.LONG]),
        ("T", "buy", [Side.SHORT]),
        ("M", "sell", [Side.SHORT]),
        ("M", "buy", [Side.LONG]),
        ("MT", "sell", [Side.LONG, Side.SHORT]),
        ("MT", "buy", [Side.SHORT, Side.LONG]),
    ],
)
def test_the_flag_and_the_direction_say_who_was_closed(
    flag: str, direction: str, sides: list[Side]
) -> None:
    row = {**_ROW, "liquidation": flag, "direction": direction}
    for frame in (_frame(row), msgspec.json.encode(row)):
        events = open_wire().decode(frame).events
        assert [e.liquidated for e in events if isinstance(e, Liquidation)] == sides


def test_the_amount_of_an_inverse_contract_is_in_dollars() -> None:
    (event,) = open_wire().decode(_frame({**_ROW, "liquidation": "T"})).events
    assert isinstance(event, Liquidation)
    assert (event.qty_raw, event.notional_usd) == (11_200.0, 11_200.0)
    assert event.qty_base == pytest.approx(11_200 / 112_000.5)
    assert (event.fill_price, event.mark_price) == (112_000.5, 112_010.0)


@pytest.mark.parametrize("flag", [None, "none"])
def test_a_trade_without_the_flag_is_a_trade(flag: str | None) -> None:
    (event,) = open_wire().decode(_frame({**_ROW, "liquidation": flag})).events
    assert isinstance(event, Trade)
    assert (event.taker, event.trade_id) == (Taker.SELL, "900")


def test_an_option_is_an_unknown_instrument_not_a_wrong_notional() -> None:
    row = {**_ROW, "instrument_name": "BTC-27DEC24-70000-C", "liquidation": "T", "price": 0.02}
    said = open_wire().decode(_frame(row))
    (event,) = said.events
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
    assert said.notes == ("unknown instrument BTC-27DEC24-70000-C: no notional",)


@pytest.mark.parametrize(
    ("frame", "control"), list(zip(FRAMES[2:], ("heartbeat", "ack", "error"), strict=True))
)
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_ROW, channel="ticker.BTC-PERPETUAL.raw"), "unknown channel 'ticker."),
        (_frame({**_ROW, "liquidation": "X"}), "part 0: Invalid enum value 'X'"),
        (_frame({**_ROW, "timestamp": 1_760_130_903}), "part 0: Expected `int` >="),
        (b'{"method":"public/hello"}', "unknown method 'public/hello'"),
        (b"{}", "unknown method ''"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
