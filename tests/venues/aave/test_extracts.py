"""Reading the extracts row by row, apart from how they are recognised."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from airpocket.errors import SourceError
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRule
from airpocket.market.quality import FindingCode
from airpocket.venues.aave.extracts import (
    collateral_calls,
    read_calls,
    read_daily_prices,
    revenue_calls,
)

DAY = dt.date(2025, 3, 1)


def test_sizes_follow_from_the_raw_amount_and_the_decimals(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pl.DataFrame(
        {
            "id": ["a"],
            "timestamp": [1_700_000_000],
            "liquidatee": ["0x1"],
            "collateral_asset_symbol": ["cbBTC"],
            "collateral_amount_raw": ["18"],
            "collateral_amount_usd": [0.01],
        }
    ).write_parquet(path)
    calls, found = collateral_calls(path, None)
    assert calls.select("collateral_raw", "collateral_qty").row(0) == (18.0, 1.8e-7)
    assert [f.code for f in found] == [FindingCode.ASSUMPTION]


def test_equal_rows_without_a_hash_are_kept_and_said(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pl.DataFrame(
        {
            "timestamp": [1_700_000_000] * 2,
            "asset_symbol": ["wBTC"] * 2,
            "amount_btc": [0.1] * 2,
            "amount_usd": [4_000.0] * 2,
            "profit_usd": [-1e23] * 2,
        }
    ).write_parquet(path)
    calls, found = revenue_calls(path, None)
    assert calls.height == 2
    assert {f.code: f.count for f in found}[FindingCode.DUPLICATED_ROWS] == 1


@pytest.mark.parametrize(("date", "said"), [("x", "date is not a time"), (DAY, "no price")])
def test_no_prices_no_recording(tmp_path: Path, date: object, said: str) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"date": [date], "symbol": ["WBTC"], "price_usd": ["y"]}).write_parquet(path)
    with pytest.raises(SourceError, match=said):
        list(read_daily_prices(path))


def test_columns_of_another_type_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    table = {"timestamp": [[1]], "asset_symbol": ["wBTC"], "amount_btc": [1.0], "amount_usd": [1.0]}
    pl.DataFrame(table).write_parquet(path)
    rule = FeedRule(rule_id="r", channel="liquidations", coverage=Coverage.CENSUS, said="")
    with pytest.raises(SourceError, match="unexpected type"):
        list(read_calls(path, revenue_calls, rule))
