"""Past trades of OKX: single matches, although its stream says orders and prices."""

import msgspec
import pytest

from airpocket.errors import InputError
from airpocket.market.events import Taker, Trade
from airpocket.market.rest_rules import TradePage, TradeSpan
from airpocket.venues.okx.rest import PAGE_ROWS, open_rest
from airpocket.venues.okx.wire import open_wire

AT_MS = 1_793_534_400_000
RULES = open_rest()


def _edge(number: int, price: float = 82000.5) -> Trade:
    return Trade(
        venue="okx", symbol=None, raw_symbol="BTC-USDT-SWAP", venue_ns=(AT_MS + number) * 10**6,
        price=price, qty_raw=1.0, taker=Taker.SELL if number % 2 else Taker.BUY,
        trade_id=str(number),
    )  # fmt: skip


def _row(number: int, **other: str) -> dict[str, str]:
    return {
        "instId": "BTC-USDT-SWAP", "tradeId": str(number), "px": "82000.5", "sz": "1.5",
        "side": "sell" if number % 2 else "buy", "ts": str(AT_MS + number), "source": "0",
    } | other  # fmt: skip


def _body(rows: list[dict[str, str]]) -> bytes:
    return msgspec.json.encode({"code": "0", "msg": "", "data": rows[::-1]})


def _span(last: int, first: int) -> TradeSpan:
    return TradeSpan("BTC-USDT-SWAP", (AT_MS + last) * 10**6, (AT_MS + first) * 10**6,
                     _edge(last), _edge(first))  # fmt: skip


def test_without_both_edges_nothing_is_asked() -> None:
    """Its matches could not be told from those inside an aggregated message."""
    for last, first in ((None, None), (_edge(1), None), (None, _edge(9))):
        span = TradeSpan("BTC-USDT-SWAP", 0, 1, last, first)
        assert RULES.trades(span, None) is None
        assert RULES.covered(span, []) is None
        assert RULES.wanted(span, [_edge(5)]) == []


def test_edges_that_follow_each_other_enclose_nothing() -> None:
    span = _span(7, 8)
    assert RULES.trades(span, None) is None
    assert RULES.covered(span, []) == (span.from_ns, span.to_ns)


def test_pages_go_back_by_id() -> None:
    span = _span(50, 301)
    page: TradePage | None = None
    pages: list[TradePage] = []
    for after, expected in ((301, range(201, 301)), (201, range(101, 201)), (101, range(1, 101))):
        call = RULES.trades(span, page)
        assert call is not None
        assert call.params["after"] == str(after)
        page = RULES.read_trades(span, _body([_row(number) for number in expected]))
        pages.append(page)
    assert RULES.trades(span, page) is None
    assert RULES.covered(span, pages[:1]) == ((AT_MS + 202) * 10**6, span.to_ns)
    assert RULES.covered(span, pages) == (span.from_ns, span.to_ns)
    wanted = RULES.wanted(span, [one for one_page in pages for one in one_page.trades])
    # Not 300: it is another side than 301, so it is a message of its own.
    assert [int(one.trade_id or 0) for one in wanted] == list(range(51, 301))


def test_matches_inside_the_message_after_the_gap_are_left_out() -> None:
    """The stream said 105 with count 3: 103, 104 and 105 at one time, side and price."""
    first = {"ts": str(AT_MS + 105), "side": "sell"}
    rows = [_row(101), _row(102, **first, px="82000.4"), _row(103, **first), _row(104, **first)]
    span = _span(100, 105)
    page = RULES.read_trades(span, _body(rows))
    assert [one.trade_id for one in RULES.wanted(span, page.trades)] == ["101", "102"]


def test_a_full_page_of_nothing_new_ends_it() -> None:
    span = _span(50, 301)
    page = RULES.read_trades(span, _body([_row(number) for number in range(1, 20)]))
    assert not page.is_full
    assert RULES.trades(span, page) is None


def test_frames_are_those_of_the_stream() -> None:
    span = _span(10, 14)
    page = RULES.read_trades(span, _body([_row(number) for number in range(9, 15)]))
    (frame,) = RULES.trade_frames(RULES.wanted(span, page.trades))
    said = open_wire().decode(frame).events
    streamed = open_wire().decode(
        msgspec.json.encode(
            {"arg": {"channel": "trades", "instId": "BTC-USDT-SWAP"},
             "data": [_row(11) | {"count": "1"}]}
        )
    )  # fmt: skip
    assert said[0] == streamed.events[0]
    assert [one.trade_id for one in said if isinstance(one, Trade)] == ["11", "12", "13"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data":{}}', b'{"data":[]}', b"<html>"])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    if body != b'{"data":[]}':
        with pytest.raises(InputError, match="okx"):
            RULES.read_trades(_span(1, 2), body)
    with pytest.raises(InputError, match="no server time"):
        RULES.read_server_time(body)


def test_bad_rows_are_said_and_others_symbols_not_taken() -> None:
    rows = [_row(11), _row(12, px="0"), _row(13, tradeId="x"), _row(14, instId="ETH-USDT-SWAP")]
    page = RULES.read_trades(_span(10, 20), _body(rows))
    assert [one.trade_id for one in page.trades] == ["11"]
    assert len(page.rejected) == 2
    assert len(page.trades) < PAGE_ROWS
