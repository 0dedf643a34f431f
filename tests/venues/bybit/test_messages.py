"""Shapes of Bybit's frames."""

import pytest
from msgspec import Raw

from airpocket.venues.bybit.messages import AdlRow, adl_state, read_closed, read_ticker


def row(balance: float, drawdown: float) -> AdlRow:
    return AdlRow("USDT", "X", balance, drawdown, i_pr=-0.3, adl_tt=10_000.0, adl_sr=-0.25)


@pytest.mark.parametrize(
    ("balance", "drawdown", "state"),
    [
        # The worked examples of docs/v5/market/adl-alert: 350 k lost of a pool of 1 M.
        (1_000_000.0, -0.35, "drawdown_adl"),
        (1_000_000.0, -0.3, "between_thresholds"),
        (1_000_000.0, -0.24, "stopped"),
        (9_999.0, -0.35, "between_thresholds"),  # too small a pool for the drawdown rule
        (0.0, 0.0, "equity_adl"),
    ],
)
def test_adl_state(balance: float, drawdown: float, state: str) -> None:
    assert adl_state(row(balance, drawdown)) == state


def test_rows_are_read_one_by_one_when_one_is_bad() -> None:
    good = b'{"T":1739502302929,"s":"X","S":"Buy","v":"1","p":"2"}'
    rows, bad = read_closed(Raw(b"[" + good + b',{"T":1},' + good + b"]"))
    assert [one.v for one in rows] == [1.0, 1.0]
    assert len(bad) == 1


@pytest.mark.parametrize("data", [b"null", b'"x"', b"3", b"", b"[", b"{"])
def test_data_that_is_no_rows_says_why(data: bytes) -> None:
    rows, bad = read_closed(Raw(data))
    assert not rows
    assert len(bad) == 1


def test_a_ticker_without_symbol_is_none() -> None:
    assert read_ticker(Raw(b'{"markPrice":"1"}'))[0] is None
