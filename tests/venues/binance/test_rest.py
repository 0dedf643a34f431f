"""Books, open interest and past trades of Binance, asked and read."""

import msgspec
import pytest

from airpocket.errors import InputError
from airpocket.market.events import BookChange, OpenInterest, Taker, Trade
from airpocket.market.rest_rules import TradeSpan
from airpocket.venues.binance.rest import PAGE_ROWS, open_rest
from airpocket.venues.binance.wire import open_wire

AT_MS = 1_793_534_400_000
RULES = open_rest()


def _edge(serial: int, at_ms: int) -> Trade:
    return Trade(
        venue="binance", symbol=None, raw_symbol="BTCUSDT", venue_ns=at_ms * 10**6, price=1.0,
        qty_raw=1.0, taker=Taker.BUY, trade_id=str(serial),
    )  # fmt: skip


def _rows(first: int, count: int, step_ms: int = 10) -> bytes:
    return msgspec.json.encode(
        [
            {"a": first + i, "p": "82000.1", "q": "0.5", "f": 1, "l": 2,
             "T": AT_MS + (first + i) * step_ms, "m": i % 2 == 0}
            for i in range(count)
        ]
    )  # fmt: skip


def test_a_usd_m_snapshot_gets_the_symbol_that_it_lacks() -> None:
    body = b'{"lastUpdateId":7,"E":1793534400001,"T":1793534400000,"bids":[["1.5","2"]],"asks":[]}'
    for raw_symbol in ("BTCUSDT", "币安人生USDT", '"X'):
        frame = RULES.depth_frame(raw_symbol, body)
        assert body in frame
        wire = open_wire()
        (change,) = wire.decode(frame).events
        assert isinstance(change, BookChange)
        assert (change.raw_symbol, change.is_snapshot, change.last_update_id) == (
            raw_symbol, True, 7,
        )  # fmt: skip


def test_a_coin_m_snapshot_is_asked_for_at_its_own_door() -> None:
    call = RULES.depth("BTCUSD_PERP")
    assert (call.endpoint, call.params["limit"], call.weight) == ("dapiPublicGetDepth", 1000, 20.0)
    body = b'{"lastUpdateId":7,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["1","2"]],"asks":[]}'
    (change,) = open_wire().decode(RULES.depth_frame("BTCUSD_PERP", body)).events
    assert change.symbol == "BTC/USD:BTC"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code":-1121,"msg":"Invalid symbol."}', b"[1"])
def test_a_bad_snapshot_is_refused_by_the_wire(body: bytes) -> None:
    decoded = open_wire().decode(RULES.depth_frame("BTCUSDT", body))
    assert decoded.events == []
    assert decoded.rejected


def test_open_interest_is_a_frame_already() -> None:
    assert RULES.open_interest("BTCUSDT").endpoint == "fapiPublicGetOpenInterest"
    body = b'{"symbol":"BTCUSDT","openInterest":"10659.509","time":1793534400000}'
    (said,) = open_wire().decode(body).events
    assert isinstance(said, OpenInterest)
    assert said.qty_base == 10659.509


def test_pages_go_forward_by_id_until_the_trade_after_the_gap() -> None:
    span = TradeSpan("BTCUSDT", AT_MS * 10**6, (AT_MS + 10**6) * 10**6, _edge(99, AT_MS),
                     _edge(2101, AT_MS + 10**6))  # fmt: skip
    call = RULES.trades(span, None)
    assert call is not None
    assert call.params == {"symbol": "BTCUSDT", "limit": PAGE_ROWS, "fromId": 100}
    pages = []
    for first, expected in ((100, 1100), (1100, 2100), (2100, None)):
        page = RULES.read_trades(span, _rows(first, PAGE_ROWS))
        pages.append(page)
        following = RULES.trades(span, page)
        assert (None if following is None else following.params["fromId"]) == expected
    assert RULES.covered(span, pages[:2]) == (span.from_ns, (AT_MS + 20990) * 10**6)
    assert RULES.covered(span, pages) == (span.from_ns, span.to_ns)
    wanted = RULES.wanted(span, [one for page in pages for one in page.trades])
    assert [int(one.trade_id or 0) for one in wanted] == list(range(100, 2101))


def test_without_ids_time_bounds_it() -> None:
    span = TradeSpan("BTCUSDT", (AT_MS + 50) * 10**6, (AT_MS + 90) * 10**6)
    call = RULES.trades(span, None)
    assert call is not None
    assert call.params["startTime"] == AT_MS + 50
    assert "fromId" not in call.params
    page = RULES.read_trades(span, _rows(0, 20))
    assert RULES.trades(span, page) is None  # a page that is not full ends at the present
    assert [one.trade_id for one in RULES.wanted(span, page.trades)] == list("56789")


def test_frames_of_trades_are_those_of_the_stream() -> None:
    span = TradeSpan("BTCUSDT", 0, 2**62)
    page = RULES.read_trades(span, _rows(5, 3))
    decoded = [open_wire().decode(frame) for frame in RULES.trade_frames(page.trades)]
    said = [one for part in decoded for one in part.events if isinstance(one, Trade)]
    assert [(one.trade_id, one.price, one.qty_base) for one in said] == [
        ("5", 82000.1, 0.5), ("6", 82000.1, 0.5), ("7", 82000.1, 0.5),
    ]  # fmt: skip
    assert [one.taker for one in said] == [one.taker for one in page.trades]


def test_one_bad_row_does_not_spoil_its_neighbours() -> None:
    body = (
        b'[{"a":1,"p":"1","q":"1","T":1793534400000,"m":true},{"a":2,"p":"NaN","q":"1",'
        b'"T":1793534400000,"m":true},{"a":3,"p":"1e400","q":"1","T":1793534400000,"m":true},'
        b'{"a":4,"p":"1","q":"-1","T":1793534400000,"m":true},7,{"a":18446744073709551616,"p":"1",'
        b'"q":"1","T":1793534400000,"m":true},{"a":5,"p":"1","q":"1","T":1793534400,"m":false},'
        b'{"a":6,"p":"1","q":"1","T":1793534400001,"m":false}]'
    )
    page = RULES.read_trades(TradeSpan("BTCUSDT", 0, 2**62), body)
    assert [one.trade_id for one in page.trades] == ["1", "6"]
    assert len(page.rejected) == 6


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(InputError, match="binance"):
        RULES.read_trades(TradeSpan("BTCUSDT", 0, 1), body)
    with pytest.raises(InputError, match="no server time"):
        RULES.read_server_time(body)


def test_the_server_time_is_a_time() -> None:
    assert RULES.read_server_time(b'{"serverTime":1793534400123}') == 1793534400123000000
    with pytest.raises(InputError):
        RULES.read_server_time(b'{"serverTime":1793534400}')
