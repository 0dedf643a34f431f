"""Bitget: the side is the position's and the amount is in quote coins."""

import msgspec
import pytest

from airpocket.market.events import Coverage, Liquidation, Method, Side
from airpocket.venues.bitget.wire import open_wire

_ROW = {
    "symbol": "BTCUSDT",
    "side": "buy",
    "price": "112000",
    "amount": "5600",
    "ts": "1760130903127",
}


def _frame(*rows: object, topic: str = "liquidation", action: str = "update") -> bytes:
    arg = {"instType": "usdt-futures", "topic": topic}
    return msgspec.json.encode({"action": action, "arg": arg, "data": rows, "ts": 1})


FRAMES = (
    _frame(_ROW, {**_ROW, "side": "sell"}),
    b'{"event":"subscribe","arg":{"instType":"usdt-futures","topic":"liquidation"},"connId":"x"}',
    b'{"event":"error","arg":{"topic":"liquidations"},"code":"30001","msg":"no such topic"}',
    b"pong",
)


@pytest.mark.parametrize(("side", "liquidated"), [("buy", Side.LONG), ("sell", Side.SHORT)])
def test_the_side_is_the_positions(side: str, liquidated: Side) -> None:
    (event,) = open_wire().decode(_frame({**_ROW, "side": side})).events
    assert isinstance(event, Liquidation)
    assert event.liquidated is liquidated


def test_the_amount_is_in_quote_coins() -> None:
    (event,) = open_wire().decode(_frame(_ROW)).events
    assert isinstance(event, Liquidation)
    assert (event.qty_raw, event.qty_base) == (5_600.0, 0.05)
    assert event.notional_usd == pytest.approx(5_600.0, rel=1e-12)
    assert (event.order_price, event.fill_price) == (112_000.0, None)


def test_the_feed_is_a_lower_bound_and_says_so() -> None:
    (event,) = open_wire().decode(_frame(_ROW)).events
    assert isinstance(event, Liquidation)
    assert (event.coverage, event.method) == (Coverage.THROTTLED, Method.UNKNOWN)
    assert event.rule_id == "bitget-uta-top-long-top-short-per-s"


def test_a_bad_row_does_not_spoil_its_neighbours() -> None:
    said = open_wire().decode(_frame(_ROW, {**_ROW, "amount": "0"}, {**_ROW, "side": "both"}, _ROW))
    assert (len(said.events), len(said.rejected)) == (2, 2)


@pytest.mark.parametrize(
    ("frame", "control"), list(zip(FRAMES[1:], ("subscribe", "error", "pong"), strict=True))
)
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_ROW, topic="publicTrade"), "unknown topic 'publicTrade'"),
        (_frame(_ROW, action="delete"), "unknown action 'delete'"),
        (b'{"event":"party"}', "unknown event 'party'"),
        (b"{}", "unknown topic ''"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
