"""BitMEX: inserts are liquidations without a time; what follows an order is no new one."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Side, event_ns
from airpocket.venues.bitmex.wire import open_wire

_ROW = {
    "orderID": "dd9cea25",
    "symbol": "XBTUSD",
    "side": "Sell",
    "price": 10_000.0,
    "leavesQty": 25_000,
}


def _frame(*rows: object, action: str = "insert", table: str = "liquidation") -> bytes:
    return msgspec.json.encode({"table": table, "action": action, "data": rows})


FRAMES = (
    _frame(_ROW, {**_ROW, "side": "Buy"}),
    _frame({"orderID": "dd9cea25", "symbol": "XBTUSD", "leavesQty": 5}, action="update"),
    _frame({"orderID": "dd9cea25", "symbol": "XBTUSD"}, action="delete"),
    _frame(_ROW, action="partial"),
    b'{"success":true,"subscribe":"liquidation","request":{"op":"subscribe"}}',
    b'{"info":"Welcome to the BitMEX Realtime API.","version":"1"}',
    b'{"status":400,"error":"Unknown table: liquidations"}',
    b"pong",
)


@pytest.mark.parametrize(("side", "liquidated"), [("Sell", Side.LONG), ("Buy", Side.SHORT)])
def test_the_side_is_that_of_the_order(side: str, liquidated: Side) -> None:
    (event,) = open_wire().decode(_frame({**_ROW, "side": side}), local_ns=7).events
    assert isinstance(event, Liquidation)
    assert event.liquidated is liquidated
    assert (event.order_price, event.bankruptcy_price) == (10_000.0, 10_000.0)
    assert (event.qty_base, event.notional_usd, event.event_id) == (2.5, 25_000.0, "dd9cea25")


def test_the_table_has_no_clock_so_ours_orders_the_events() -> None:
    (event,) = open_wire().decode(_frame(_ROW), local_ns=7).events
    assert (event.venue_ns, event.local_ns, event_ns(event)) == (None, 7, 7)


def test_a_quanto_contract_has_no_notional_and_says_so() -> None:
    said = open_wire().decode(_frame({**_ROW, "symbol": "ETHUSD", "price": 200.0}))
    (event,) = said.events
    assert isinstance(event, Liquidation)
    assert (event.symbol, event.qty_base, event.notional_usd) == ("ETH/USD:BTC", None, None)
    assert said.notes == ("ETHUSD is quanto in USD: no notional",)


@pytest.mark.parametrize(
    ("frame", "control"),
    list(
        zip(
            FRAMES[1:],
            ("update", "delete", "partial", "success", "info", "error", "pong"),
            strict=True,
        )
    ),
)
def test_what_follows_an_order_and_protocol_give_no_events(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)
    assert ("history" in " ".join(said.notes)) is (control == "partial")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_ROW, table="trade"), "unknown table 'trade'"),
        (_frame(_ROW, action="upsert"), "unknown action 'upsert'"),
        (_frame({**_ROW, "price": 0}), "part 0: Expected `float`"),
        (_frame({**_ROW, "side": ""}), "part 0: Invalid enum value ''"),
        (b"{}", "unknown message"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
