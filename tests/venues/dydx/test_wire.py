"""dYdX v4: the type of a trade says whether it was forced, its taker whose position closed."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Method, Side, Taker, Trade
from airpocket.units import ns_from_iso
from airpocket.venues.dydx.wire import open_wire

_TIME = "2025-10-10T21:16:04.812Z"


def _row(kind: str, side: str = "SELL", **changes: object) -> dict[str, object]:
    row = {"id": "01f0", "side": side, "size": "0.5", "price": "111000", "createdAt": _TIME}
    return {**row, "type": kind, **changes}


def _frame(*rows: object, market: str = "BTC-USD") -> bytes:
    return msgspec.json.encode(
        {
            "type": "channel_data",
            "id": market,
            "channel": "v4_trades",
            "version": "2.1.0",
            "contents": {"trades": rows},
        }
    )


def _batch(*contents: object) -> bytes:
    frame = {"type": "channel_batch_data", "id": "BTC-USD", "channel": "v4_trades"}
    return msgspec.json.encode({**frame, "contents": contents})


FRAMES = (
    _frame(_row("LIMIT", "BUY"), _row("LIQUIDATED"), _row("DELEVERAGED", "BUY")),
    _batch({"trades": [_row("LIQUIDATED")]}, {"trades": [_row("LIMIT")]}),
    b'{"type":"connected","connection_id":"x","message_id":0}',
    b'{"type":"subscribed","id":"BTC-USD","channel":"v4_trades","contents":{"trades":[]}}',
)


@pytest.mark.parametrize(
    ("kind", "side", "liquidated", "method"),
    [
        ("LIQUIDATED", "SELL", Side.LONG, Method.BOOK),
        ("LIQUIDATED", "BUY", Side.SHORT, Method.BOOK),
        ("DELEVERAGED", "SELL", Side.LONG, Method.ADL),
        ("DELEVERAGED", "BUY", Side.SHORT, Method.ADL),
    ],
)
def test_forced_trades(kind: str, side: str, liquidated: Side, method: Method) -> None:
    (event,) = open_wire().decode(_frame(_row(kind, side))).events
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.method) == (liquidated, method)
    assert (event.fill_price, event.qty_base, event.notional_usd) == (111_000.0, 0.5, 55_500.0)
    assert (event.venue_ns, event.event_id) == (ns_from_iso(_TIME), "01f0")


@pytest.mark.parametrize("kind", ["LIMIT", "TWAP_SUBORDER"])
def test_an_ordinary_trade(kind: str) -> None:
    (event,) = open_wire().decode(_frame(_row(kind, "BUY"))).events
    assert isinstance(event, Trade)
    assert (event.taker, event.symbol, event.trade_id) == (Taker.BUY, "BTC/USD:USDC", "01f0")


def test_a_batch_keeps_every_message_and_rejects_only_what_is_bad() -> None:
    said = open_wire().decode(
        _batch(
            {"trades": [_row("LIMIT")]},
            {"trade": []},
            {"trades": [_row("LIQUIDATED", size="-1"), _row("LIQUIDATED")]},
        )
    )
    assert [type(event) for event in said.events] == [Trade, Liquidation]
    assert len(said.rejected) == 2


def test_the_snapshot_of_a_subscription_is_history() -> None:
    frame = FRAMES[3].replace(b"[]", msgspec.json.encode([_row("LIQUIDATED")]))
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], "subscribed")
    assert "history" in said.notes[0]


@pytest.mark.parametrize(
    "time", ["", "yesterday", "1970-01-21T00:00:00Z", "2025-10-10", "9" * 50, "2150-01-01T00:00Z"]
)
def test_a_time_that_cannot_be_meant_is_rejected(time: str) -> None:
    said = open_wire().decode(_frame(_row("LIQUIDATED", createdAt=time), _row("LIMIT")))
    if time == "2025-10-10":  # a date is a time
        assert len(said.events) == 2
    else:
        assert ([type(event) for event in said.events], len(said.rejected)) == ([Trade], 1)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_row("SETTLED")), "unknown trade type 'SETTLED'"),
        (_frame(_row("LIMIT"), market=""), "without a market id"),
        (FRAMES[0].replace(b"v4_trades", b"v4_markets"), "unknown channel 'v4_markets'"),
        (FRAMES[0].replace(b"channel_data", b"channel_news"), "unknown message type"),
        (FRAMES[0].replace(b'"trades":[', b'"trade":['), "trades"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
