"""HTX: the direction is that of the closing order, the volume in contracts."""

import gzip

import msgspec
import pytest

from airpocket.market.events import Liquidation, Side
from airpocket.venues.htx.wire import open_wire

_ROW = {
    "symbol": "BTC",
    "contract_code": "BTC-USDT",
    "direction": "sell",
    "offset": "close",
    "volume": 500,
    "price": 112_000.0,
    "created_at": 1_760_130_903_127,
    "amount": 0.5,
    "trade_turnover": 56_000.0,
}


def _frame(*rows: object, topic: str = "public.BTC-USDT.liquidation_orders") -> bytes:
    return msgspec.json.encode({"op": "notify", "topic": topic, "ts": 1, "data": rows})


FRAMES = (
    _frame(_ROW, {**_ROW, "direction": "buy", "contract_code": "ETH-USD"}),
    gzip.compress(_frame(_ROW), mtime=0),
    b'{"op":"sub","cid":"14","topic":"public.BTC-USD.liquidation_orders","ts":1,"err-code":0}',
    b'{"op":"ping","ts":"1760130903127"}',
)


def _only(frame: bytes) -> Liquidation:
    (event,) = open_wire().decode(frame).events
    assert isinstance(event, Liquidation)
    return event


@pytest.mark.parametrize("offset", ["close", "both"])
@pytest.mark.parametrize(("direction", "side"), [("sell", Side.LONG), ("buy", Side.SHORT)])
def test_the_direction_is_that_of_the_closing_order(
    direction: str, side: Side, offset: str
) -> None:
    event = _only(_frame({**_ROW, "direction": direction, "offset": offset}))
    assert event.liquidated is side
    assert (event.bankruptcy_price, event.fill_price) == (112_000.0, None)


@pytest.mark.parametrize(
    ("contract", "volume", "price", "qty_base", "notional_usd"),
    [
        ("BTC-USDT", 500, 112_000.0, 0.5, 56_000.0),
        ("ETH-USDT", 500, 4_000.0, 5.0, 20_000.0),
        ("BTC-USD", 173, 17_102.9, 1.0115243613656164, 17_300.0),  # example of the API page
        ("ETH-USD", 231, 229.95, 2_310 / 229.95, 2_310.0),
    ],
)
def test_contracts_become_coins_and_dollars(
    contract: str, volume: int, price: float, qty_base: float, notional_usd: float
) -> None:
    event = _only(_frame({**_ROW, "contract_code": contract, "volume": volume, "price": price}))
    assert event.qty_raw == volume
    assert event.qty_base == pytest.approx(qty_base, rel=1e-14)
    assert event.notional_usd == pytest.approx(notional_usd, rel=1e-14)


def test_a_dated_contract_holds_only_until_it_was_delivered() -> None:
    row = {**_ROW, "contract_code": "BTC200703", "price": 9_000.0}
    assert _only(_frame({**row, "created_at": 1_593_600_000_000})).symbol == "BTC/USD:BTC-200703"
    assert _only(_frame(row)).symbol is None


def test_gzip_off_the_socket_reads_like_the_plain_frame() -> None:
    assert open_wire().decode(FRAMES[1]) == open_wire().decode(_frame(_ROW))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (gzip.compress(b" " * (2 << 20), mtime=0), "more than 1 MiB"),
        (gzip.compress(_frame(_ROW), mtime=0)[:-9], "cut short"),
        (b"\x1f\x8bno gzip", "broken gzip"),
    ],
)
def test_a_bomb_and_a_broken_stream_are_refused(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert said.events == []
    assert reason in said.rejected[0]


@pytest.mark.parametrize(("frame", "control"), list(zip(FRAMES[2:], ("sub", "ping"), strict=True)))
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_ROW, topic="public.BTC-USDT.funding_rate"), "unknown topic"),
        (_frame({**_ROW, "offset": "open"}), "part 0: Invalid enum value 'open'"),
        (b'{"op":"sing"}', "unknown op 'sing'"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
