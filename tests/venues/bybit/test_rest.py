"""The last trades of Bybit: what is older than its 1,000 rows stays a gap."""

import msgspec
import pytest

from airpocket.errors import InputError
from airpocket.market.events import Taker, Trade
from airpocket.market.rest_rules import RestRules, TradeSpan
from airpocket.venues.bybit.rest import PAGE_ROWS, open_rest
from airpocket.venues.bybit.wire import open_wire

AT_MS = 1_793_534_400_000
RULES: RestRules = open_rest()


def _edge(number: int) -> Trade:
    return Trade(
        venue="bybit", symbol=None, raw_symbol="BTCUSDT", venue_ns=(AT_MS + number) * 10**6,
        price=1.0, qty_raw=1.0, taker=Taker.BUY, trade_id=f"id-{number}",
    )  # fmt: skip


def _body(first: int, count: int, symbol: str = "BTCUSDT") -> bytes:
    rows = [
        {"execId": f"id-{number}", "symbol": symbol, "price": "82000.5", "size": "0.015",
         "side": "Sell" if number % 2 else "Buy", "time": str(AT_MS + number),
         "isBlockTrade": False, "isRPITrade": False, "seq": "12345"}
        for number in reversed(range(first, first + count))
    ]  # fmt: skip
    result = {"category": "linear", "list": rows}
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result, "time": AT_MS})


def _span(last: int, first: int) -> TradeSpan:
    return TradeSpan("BTCUSDT", (AT_MS + last) * 10**6, (AT_MS + first) * 10**6, _edge(last),
                     _edge(first))  # fmt: skip


def test_it_is_asked_once() -> None:
    span = _span(10, 500)
    call = RULES.trades(span, None)
    assert call is not None
    assert call.params == {"category": "linear", "symbol": "BTCUSDT", "limit": PAGE_ROWS}
    assert RULES.trades(span, RULES.read_trades(span, _body(0, PAGE_ROWS))) is None
    inverse = RULES.trades(TradeSpan("BTCUSD", 0, 1), None)
    assert inverse is not None
    assert inverse.params["category"] == "inverse"


def test_rows_that_reach_the_trade_before_the_gap_fill_it() -> None:
    span = _span(10, 500)
    page = RULES.read_trades(span, _body(5, PAGE_ROWS))
    assert page.is_full
    assert RULES.covered(span, [page]) == (span.from_ns, span.to_ns)
    wanted = RULES.wanted(span, page.trades)
    assert [one.trade_id for one in wanted] == [f"id-{number}" for number in range(11, 500)]


def test_rows_that_do_not_reach_it_leave_the_older_part() -> None:
    span = _span(10, 2000)
    page = RULES.read_trades(span, _body(1100, PAGE_ROWS))
    assert RULES.covered(span, [page]) == ((AT_MS + 1101) * 10**6, span.to_ns)
    late = RULES.read_trades(span, _body(3000, PAGE_ROWS))
    assert RULES.covered(span, [late]) is None
    assert RULES.wanted(span, late.trades) == []


def test_frames_are_those_of_the_stream() -> None:
    span = _span(10, 20)
    trades = RULES.wanted(span, RULES.read_trades(span, _body(5, 30)).trades)
    (frame,) = RULES.trade_frames(trades)
    said = open_wire().decode(frame).events
    streamed = open_wire().decode(
        b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1793534400011,"data":[{"T":'
        b'1793534400011,"s":"BTCUSDT","S":"Sell","v":"0.015","p":"82000.5","i":"id-11"}]}'
    )
    assert said[0] == streamed.events[0]
    assert len(said) == 9


def test_rows_of_another_symbol_are_not_taken() -> None:
    page = RULES.read_trades(_span(1, 9), _body(0, 10, symbol="ETHUSDT"))
    assert page.trades == ()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"result":{"list":7}}', b"<html>"])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(InputError, match="bybit"):
        RULES.read_trades(_span(1, 2), body)
    with pytest.raises(InputError, match="no server time"):
        RULES.read_server_time(body)


def test_bad_rows_are_said() -> None:
    body = _body(0, 2).replace(b'"82000.5"', b'"-1"', 1)
    page = RULES.read_trades(_span(0, 5), body)
    assert (len(page.trades), len(page.rejected)) == (1, 1)


def test_the_rest_comes_over_the_stream() -> None:
    assert RULES.depth("BTCUSDT") is None
    assert RULES.open_interest("BTCUSDT") is None
    with pytest.raises(InputError, match="stream"):
        RULES.depth_frame("BTCUSDT", b"{}")
