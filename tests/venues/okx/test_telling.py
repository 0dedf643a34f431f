"""What OKX's frames say beside liquidations."""

from typing import Any

import pytest

from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Event,
    Funding,
    InsuranceFund,
    Mark,
    OpenInterest,
    Taker,
    Trade,
)
from airpocket.market.wire import Decoded
from airpocket.venues.okx.wire import open_wire
from tests.venues.okx import samples
from tests.venues.okx.samples import written


def said(frame: Any, **changed: Any) -> Decoded:
    (row,) = frame["data"]
    return open_wire().decode(written({**frame, "data": [{**row, **changed}]}))


def only(told: Decoded) -> Event:
    assert not told.rejected
    (event,) = told.events
    return event


def test_trade() -> None:
    event = only(said(samples.TRADE))
    assert isinstance(event, Trade)
    assert (event.taker, event.price, event.trade_id) == (Taker.BUY, 42219.9, "130639474")
    assert (event.qty_raw, event.qty_base) == (12.0, 0.12)
    assert event.notional_usd == pytest.approx(5066.388)
    assert event.symbol == "BTC/USDT:USDT"


def test_mark() -> None:
    event = only(said(samples.MARK))
    assert isinstance(event, Mark)
    assert (event.mark_price, event.index_price) == (42310.6, None)


def test_funding() -> None:
    event = only(said(samples.FUNDING))
    assert isinstance(event, Funding)
    assert (event.rate, event.interval_ns) == (0.0001875391284828, 8 * 3600 * 10**9)
    assert event.due_ns == 1700726400000 * 10**6
    assert event.venue_ns == 1700724675402 * 10**6


@pytest.mark.parametrize(
    "changed", [{"nextFundingTime": ""}, {"nextFundingTime": "1700726400000"}, {"fundingTime": ""}]
)
def test_funding_interval_is_not_guessed(changed: dict[str, str]) -> None:
    event = only(said(samples.FUNDING, **changed))
    assert isinstance(event, Funding)
    assert event.interval_ns is None


def test_open_interest() -> None:
    event = only(said(samples.INTEREST))
    assert isinstance(event, OpenInterest)
    assert event.qty_base == pytest.approx(22161.1301)
    assert event.notional_usd == pytest.approx(1939251795.5477)


def test_open_interest_of_older_frames_follows_from_contracts() -> None:
    linear = only(said(samples.INTEREST, oiCcy="", oiUsd=""))
    assert isinstance(linear, OpenInterest)
    assert linear.qty_base == pytest.approx(22161.1301)
    assert linear.notional_usd is None
    inverse = only(said(samples.INTEREST, oi="5", oiCcy="", oiUsd="", instId="BTC-USD-SWAP"))
    assert isinstance(inverse, OpenInterest)
    assert (inverse.qty_base, inverse.notional_usd) == (None, 500.0)


def test_open_interest_without_unit_is_not_guessed() -> None:
    told = said(samples.INTEREST, oiCcy="", oiUsd="", instId="NEW-USDT-SWAP")
    assert not told.events
    assert told.notes == ("unknown instrument NEW-USDT-SWAP: open interest has no unit",)


def test_book_sizes_become_coins() -> None:
    event = only(said(samples.BOOK))
    assert isinstance(event, BookChange)
    assert event.asks == [(8476.98, 415 * 0.01), (8477.0, 0.0)]
    assert event.bids == [(8476.97, 256 * 0.01)]
    assert not event.is_snapshot
    assert (event.last_update_id, event.previous_update_id) == (123457, 123456)


def test_book_sizes_of_inverse_contracts_stay_contracts() -> None:
    frame = {**samples.BOOK, "arg": {"channel": "books", "instId": "BTC-USD-SWAP"}}
    event = only(said(frame))
    assert isinstance(event, BookChange)
    assert event.bids == [(8476.97, 256.0)]


def test_book_sizes_of_unknown_instruments_are_said_to_be_contracts() -> None:
    told = said({**samples.BOOK, "arg": {"channel": "books", "instId": "NEW-USDT-SWAP"}})
    event = only(told)
    assert isinstance(event, BookChange)
    assert event.bids == [(8476.97, 256.0)]
    assert told.notes == ("unknown instrument NEW-USDT-SWAP: sizes in contracts",)


def test_a_snapshot_follows_nothing() -> None:
    event = only(said({**samples.BOOK, "action": "snapshot"}, prevSeqId=-1))
    assert isinstance(event, BookChange)
    assert event.is_snapshot
    assert event.previous_update_id is None


def test_books5_pushes_are_whole_books() -> None:
    frame = {**samples.BOOK, "arg": {"channel": "books5", "instId": "BTC-USDT-SWAP"}}
    frame.pop("action")
    event = only(said(frame))
    assert isinstance(event, BookChange)
    assert event.is_snapshot
    assert event.previous_update_id is None


@pytest.mark.parametrize("changed", [{"checksum": None}, {"checksum": 0}, {"checksum": -855196043}])
def test_the_withdrawn_checksum_is_not_needed(changed: dict[str, Any]) -> None:
    assert isinstance(only(said(samples.BOOK, **changed)), BookChange)


def test_half_a_book_is_no_book() -> None:
    told = said(samples.BOOK, asks=[["8476.98", "-1", "0", "1"]])
    assert not told.events
    assert len(told.rejected) == 1


@pytest.mark.parametrize("action", ["partial", None])
def test_an_unknown_action_is_refused(action: str | None) -> None:
    told = said({**samples.BOOK, "action": action})
    assert told.rejected[0].startswith("unknown action of order book ")


def test_adl_warning_of_2026_does_not_say_the_coin() -> None:
    told = said(samples.ADL)
    event = only(told)
    assert isinstance(event, AdlWarning)
    assert (event.state, event.balance, event.coin) == ("warning", 280784384.9564228, None)
    assert (event.raw_symbol, event.symbol, event.drawdown) == ("BTC-USDT", None, None)
    assert told.notes == ("BTC-USDT: the coin of the fund is not said",)


def test_older_adl_warnings_say_the_fund() -> None:
    warning, fund = said(samples.OLD_ADL).events
    assert isinstance(warning, AdlWarning)
    assert isinstance(fund, InsuranceFund)
    assert (warning.drawdown, warning.peak_balance) == (0.31, 406933891.2)
    assert warning.symbol == "BTC/USDT:USDT"
    assert (fund.coin, fund.balance) == ("USDT", 280784384.95642283)
    assert fund.notional_usd == fund.balance
