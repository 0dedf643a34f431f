"""Lighter: the taker of a liquidation trade is the account that was liquidated."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Method, Side, Taker, Trade
from airpocket.venues.lighter.wire import open_wire

_ROW = {
    "trade_id": 18,
    "trade_id_str": "18",
    "type": "liquidation",
    "market_id": 1,
    "size": "0.5",
    "price": "112000",
    "usd_amount": "56000",
    "ask_account_id": 100,
    "bid_account_id": 200,
    "is_maker_ask": True,
    "timestamp": 1_760_130_903_127,
    "taker_position_size_before": "-0.5",
}
_TRADE = {**_ROW, "type": "trade"}


def _frame(trades: object, liquidations: object, kind: str = "update/trade") -> bytes:
    frame = {"type": kind, "channel": "trade:1", "nonce": 1, "trades": trades}
    return msgspec.json.encode({**frame, "liquidation_trades": liquidations})


FRAMES = (
    _frame([_TRADE], [_ROW, {**_ROW, "is_maker_ask": False}]),
    _frame([_TRADE], [_ROW], "subscribed/trade"),
    b'{"type":"connected","session_id":"x"}',
    b'{"type":"ping"}',
    b'{"error":{"code":30003,"message":"Already Subscribed"}}',
)


@pytest.mark.parametrize(
    ("is_maker_ask", "side", "account"), [(True, Side.SHORT, "200"), (False, Side.LONG, "100")]
)
def test_the_taker_is_liquidated(is_maker_ask: bool, side: Side, account: str) -> None:  # noqa: FBT001 - the field's own type
    (event,) = open_wire().decode(_frame([], [{**_ROW, "is_maker_ask": is_maker_ask}])).events
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.account, event.method) == (side, account, Method.BOOK)
    assert (event.fill_price, event.qty_base, event.notional_usd) == (112_000.0, 0.5, 56_000.0)
    assert (event.symbol, event.raw_symbol, event.event_id) == ("BTC/USDC:USDC", "1", "18")


def test_a_deleveraging_does_not_say_whether_its_taker_was_bankrupt() -> None:
    (event,) = open_wire().decode(_frame([], [{**_ROW, "type": "deleverage"}])).events
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.account, event.method) == (None, None, Method.ADL)


def test_trades_and_liquidations_come_in_one_frame() -> None:
    events = open_wire().decode(FRAMES[0]).events
    assert [type(event) for event in events] == [Trade, Liquidation, Liquidation]
    assert isinstance(events[0], Trade)
    assert events[0].taker is Taker.BUY


@pytest.mark.parametrize("absent", [b'"liquidation_trades":null', b'"fee":1'])
def test_a_list_that_is_null_or_left_out_is_empty(absent: bytes) -> None:
    frame = _frame([_TRADE], []).replace(b'"liquidation_trades":[]', absent)
    said = open_wire().decode(frame)
    assert ([type(event) for event in said.events], said.rejected) == ([Trade], ())


def test_ids_stay_text_and_the_printed_one_wins() -> None:
    row = {**_ROW, "trade_id": 1, "trade_id_str": "18446744073709551616"}
    (event,) = open_wire().decode(_frame([], [row])).events
    assert isinstance(event, Liquidation)
    assert event.event_id == "18446744073709551616"


def test_the_snapshot_of_a_subscription_is_history() -> None:
    said = open_wire().decode(FRAMES[1])
    assert (said.events, said.control) == ([], "subscribed")
    assert "history" in said.notes[0]


def test_a_settlement_is_noted_but_no_event() -> None:
    said = open_wire().decode(_frame([{**_ROW, "type": "market-settlement"}], []))
    assert (said.events, said.rejected) == ([], ())
    assert "settlement" in said.notes[0]


@pytest.mark.parametrize(
    ("frame", "control"), list(zip(FRAMES[2:], ("connected", "ping", "error"), strict=True))
)
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame([], [], "update/order_book"), "unknown message type 'update/order_book'"),
        (_frame([{**_ROW, "type": "gift"}], []), "part 0: unknown trade type 'gift'"),
        (_frame([], [{**_ROW, "size": "0"}]), "part 0: Expected `float`"),
        (b'{"type":"update/trade","channel":"trade:1"}', "neither trades nor"),
        (b"{}", "unknown message type ''"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
