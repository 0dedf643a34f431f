"""What Bybit's frames say beside liquidations."""

import pytest

from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Funding,
    InsuranceFund,
    Mark,
    OpenInterest,
    Taker,
    Trade,
)
from airpocket.venues.bybit.wire import open_wire
from tests.venues.bybit import samples
from tests.venues.bybit.samples import written


def test_trade() -> None:
    (event,) = open_wire().decode(written(samples.TRADE)).events
    assert event == Trade(
        venue="bybit",
        symbol="BTC/USDT:USDT",
        raw_symbol="BTCUSDT",
        venue_ns=1672304486865 * 10**6,
        price=16578.5,
        qty_raw=0.001,
        qty_base=0.001,
        notional_usd=0.001 * 16578.5,
        taker=Taker.BUY,
        trade_id="20f43950-d8dd-5b31-9112-a178eb6023af",
    )


def test_ticker_snapshot() -> None:
    mark, funding, held = open_wire().decode(written(samples.TICKER), local_ns=5).events
    assert isinstance(mark, Mark)
    assert (mark.mark_price, mark.index_price, mark.local_ns) == (17217.33, 17227.36, 5)
    assert isinstance(funding, Funding)
    assert (funding.rate, funding.due_ns) == (-0.000212, 1673280000000 * 10**6)
    assert isinstance(held, OpenInterest)
    assert (held.qty_base, held.notional_usd) == (68744.761, 1183601235.91)


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"markPrice": "2"}, [Mark]),
        ({"indexPrice": "2"}, []),
        ({"nextFundingTime": "1673280000000"}, []),
        ({"fundingRate": "0.0001"}, [Funding]),
        ({"openInterest": "3"}, [OpenInterest]),
        ({"lastPrice": "2", "bid1Price": "2"}, []),
        ({"fundingRate": "", "nextFundingTime": "0", "markPrice": "2"}, [Mark]),  # dated future
    ],
)
def test_ticker_delta_says_only_what_is_there(changed: dict[str, str], kinds: list[type]) -> None:
    data = {"symbol": "BTCUSDT", **changed}
    frame = {"topic": "tickers.BTCUSDT", "type": "delta", "data": data, "ts": 1673272861686}
    said = open_wire().decode(written(frame))
    assert not said.rejected
    assert [type(event) for event in said.events] == kinds


def test_a_bad_figure_does_not_spoil_a_ticker() -> None:
    frame = written(samples.TICKER).replace(b'"17217.33"', b'"-1"')
    said = open_wire().decode(frame)
    assert [type(event) for event in said.events] == [Funding, OpenInterest]
    assert said.rejected[0].startswith("markPrice: ")


def test_open_interest_of_inverse_contracts_is_swapped() -> None:
    data = {"symbol": "BTCUSD", "openInterest": "373504107", "openInterestValue": "22505.67"}
    frame = {"topic": "tickers.BTCUSD", "type": "delta", "data": data, "ts": 1673272861686}
    (event,) = open_wire().decode(written(frame)).events
    assert isinstance(event, OpenInterest)
    assert (event.qty_base, event.notional_usd) == (22505.67, 373504107.0)


def test_open_interest_of_an_unknown_instrument_is_not_guessed() -> None:
    data = {"symbol": "NEWUSDT", "openInterest": "3", "markPrice": "2"}
    frame = {"topic": "tickers.NEWUSDT", "type": "delta", "data": data, "ts": 1673272861686}
    said = open_wire().decode(written(frame))
    assert [type(event) for event in said.events] == [Mark]
    assert said.notes == ("unknown instrument NEWUSDT: open interest has no unit",)


def test_book() -> None:
    (event,) = open_wire().decode(written(samples.BOOK)).events
    assert isinstance(event, BookChange)
    assert event.bids == [(16493.5, 0.006), (16493.0, 0.1)]
    assert event.asks[-1] == (16612.0, 0.213)
    assert event.is_snapshot
    assert (event.last_update_id, event.previous_update_id) == (18521288, None)


@pytest.mark.parametrize(("u", "snapshot"), [(1, True), (2, False)])
def test_update_1_is_a_snapshot(u: int, snapshot: bool) -> None:  # noqa: FBT001 - parametrised
    data = {"s": "BTCUSDT", "b": [["1", "0"]], "a": [], "u": u, "seq": 9}
    frame = {"topic": "orderbook.50.BTCUSDT", "type": "delta", "ts": 1672304484978, "data": data}
    (event,) = open_wire().decode(written(frame)).events
    assert isinstance(event, BookChange)
    assert (event.is_snapshot, event.bids) == (snapshot, [(1.0, 0.0)])


def test_half_a_book_is_no_book() -> None:
    said = open_wire().decode(written(samples.BOOK).replace(b'"0.213"', b'"-0.213"'))
    assert not said.events
    assert said.rejected[0].startswith("order book: ")


def test_adl_alert() -> None:
    empty, falling = open_wire().decode(written(samples.ADL_ALERT)).events
    assert isinstance(empty, AdlWarning)
    assert isinstance(falling, AdlWarning)
    assert (empty.state, empty.balance, empty.drawdown) == ("equity_adl", -5421.29889888, 0.0)
    assert (empty.symbol, empty.raw_symbol) == (None, "FWOGUSDT")
    assert (falling.state, falling.drawdown, falling.peak_balance) == ("drawdown_adl", 0.35, None)
    assert (falling.symbol, falling.coin) == ("XRP/USDT:USDT", "USDT")


def test_insurance() -> None:
    one, shared = open_wire().decode(written(samples.INSURANCE)).events
    assert isinstance(one, InsuranceFund)
    assert isinstance(shared, InsuranceFund)
    assert (one.raw_symbol, one.notional_usd) == ("GRIFFAINUSDT", 25614.92972633)
    assert (shared.symbol, shared.notional_usd) == ("*", None)
    assert shared.symbols == ("BTCUSD", "BTCUSDH25")
