"""Hyperliquid serves its clock and no past trades."""

import pytest

from airpocket.errors import InputError
from airpocket.market.rest_rules import RestRules, TradePage, TradeSpan
from airpocket.venues.hyperliquid.rest import open_rest

RULES: RestRules = open_rest()
SPAN = TradeSpan("BTC", 5, 9)


def test_the_clock_is_that_of_the_exchanges_state() -> None:
    assert RULES.server_time().params == {"type": "exchangeStatus"}
    body = b'{"specialStatuses":null,"time":1793534400123}'
    assert RULES.read_server_time(body) == 1793534400123000000


@pytest.mark.parametrize("body", [b"", b"[]", b'{"time":5}', b'{"time":null}'])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(InputError, match="hyperliquid"):
        RULES.read_server_time(body)


def test_a_gap_of_its_trades_stays_one() -> None:
    assert RULES.trades(SPAN, None) is None
    assert RULES.covered(SPAN, [TradePage(())]) is None
    assert RULES.wanted(SPAN, []) == []
    for refuse in (
        lambda: RULES.read_trades(SPAN, b"[]"),
        lambda: RULES.trade_frames([]),
        lambda: RULES.depth_frame("BTC", b"{}"),
    ):
        with pytest.raises(InputError, match="hyperliquid"):
            refuse()


def test_the_rest_comes_over_the_stream() -> None:
    assert RULES.depth("BTC") is None
    assert RULES.open_interest("BTC") is None
