"""Kraken Futures: the type of a trade says whether it was a liquidation."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Method, Side, Taker, Trade
from airpocket.venues.kraken_futures.wire import open_wire

_ROW = {
    "feed": "trade",
    "product_id": "PI_XBTUSD",
    "uid": "caa9c653",
    "side": "sell",
    "type": "liquidation",
    "seq": 7,
    "time": 1_760_130_903_127,
    "qty": 11_200.0,
    "price": 112_000.0,
}


def _frame(**changes: object) -> bytes:
    return msgspec.json.encode({**_ROW, **changes})


FRAMES = (
    _frame(),
    _frame(type="fill", product_id="PF_XBTUSD", qty=0.1),
    msgspec.json.encode({"feed": "trade_snapshot", "product_id": "PI_XBTUSD", "trades": [_ROW]}),
    b'{"event":"subscribed ","feed":"trade","product_ids":["PI_XBTUSD"]}',
    b'{"feed":"heartbeat","time":1760130903127}',
)


@pytest.mark.parametrize(
    ("product", "qty", "qty_base", "notional_usd"),
    [("PI_XBTUSD", 11_200.0, 0.1, 11_200.0), ("PF_XBTUSD", 0.1, 0.1, 11_200.0)],
)
@pytest.mark.parametrize(("side", "liquidated"), [("sell", Side.LONG), ("buy", Side.SHORT)])
def test_a_liquidation(
    side: str, liquidated: Side, product: str, qty: float, qty_base: float, notional_usd: float
) -> None:
    (event,) = open_wire().decode(_frame(side=side, product_id=product, qty=qty)).events
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.method) == (liquidated, Method.BOOK)
    assert event.qty_base == pytest.approx(qty_base)
    assert event.notional_usd == pytest.approx(notional_usd)
    assert (event.fill_price, event.event_id) == (112_000.0, "caa9c653")


def test_a_termination_does_not_say_whose_position_ended() -> None:
    (event,) = open_wire().decode(_frame(type="termination")).events
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.method) == (None, Method.UNKNOWN)


def test_a_fill_is_a_trade() -> None:
    (event,) = open_wire().decode(_frame(type="fill", side="buy")).events
    assert isinstance(event, Trade)
    assert (event.taker, event.trade_id) == (Taker.BUY, "caa9c653")


def test_a_block_trade_is_noted_but_no_event() -> None:
    said = open_wire().decode(_frame(type="block"))
    assert (said.events, said.rejected) == ([], ())
    assert "off the book" in said.notes[0]


def test_the_snapshot_is_history() -> None:
    said = open_wire().decode(FRAMES[2])
    assert (said.events, said.control) == ([], "snapshot")
    assert "history" in said.notes[0]


@pytest.mark.parametrize(
    ("frame", "control"), list(zip(FRAMES[3:], ("subscribed", "heartbeat"), strict=True))
)
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(feed="ticker"), "unknown feed 'ticker'"),
        (_frame(type="gift"), "unknown trade type 'gift'"),
        (_frame(event="party"), "unknown event 'party'"),
        (_frame(time=1_760_130_903), "Expected `int` >="),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
