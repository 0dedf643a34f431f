"""Aave's extracts are known by their columns; what holds no events is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from airpocket.errors import SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import Bar, Gap, Liquidation
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Recording
from airpocket.store.files import head
from airpocket.units import DAY_NS, MINUTE_NS, ns_from_iso
from airpocket.venues.aave.archive import ARCHIVES

WBTC = "aave_wbtc_liquidations/wbtc_liquidations.parquet"
# Top days of WBTC collateral as the data folder's README lists them: calls, millions of dollars.
TOP_DAYS = {
    "2026-01-31": (211, 46.2),
    "2025-11-04": (89, 37.5),
    "2026-02-05": (467, 37.3),
    "2025-10-10": (50, 28.5),
    "2025-11-21": (118, 26.4),
    "2025-02-03": (71, 26.1),
    "2024-08-05": (260, 23.7),
}


def opened(path: Path) -> Recording:
    first = head(path)
    claimed = [archive for archive in ARCHIVES if archive.claims(path, first)]
    assert len(claimed) == 1, f"{path.name} is claimed {len(claimed)} times"
    return claimed[0].open(path)


def parts(path: Path) -> tuple[dict[FindingCode, Finding], Columns[Any], Gap]:
    items = list(opened(path).read())
    assert isinstance(items[-1], Gap)
    columns = [item for item in items if isinstance(item, Columns)]
    assert len(columns) == 1
    return {f.code: f for f in items if isinstance(f, Finding)}, columns[0], items[-1]


def days(columns: Columns[Liquidation]) -> dict[str, tuple[int, float]]:
    table: dict[str, tuple[int, float]] = {}
    for time_ns, usd in zip(columns["venue_ns"], columns["notional_usd"], strict=True):
        day = datetime.fromtimestamp(time_ns / 1e9, tz=UTC).strftime("%Y-%m-%d")
        count, total = table.get(day, (0, 0.0))
        table[day] = (count + 1, total + usd)
    return table


def between(columns: Columns[Liquidation], since: str, until: str) -> int:
    times = columns["venue_ns"]
    return int(((times >= ns_from_iso(since)) & (times < ns_from_iso(until))).sum())


@pytest.mark.data
def test_top_days_of_the_wbtc_extract(data_dir: Path) -> None:
    found, columns, end = parts(data_dir / WBTC)
    assert len(columns) == 4_619
    table = days(columns)
    ranked = sorted(table, key=lambda day: -table[day][1])[:7]
    assert ranked == list(TOP_DAYS)
    said = {day: (table[day][0], round(table[day][1] / 1e6, 1)) for day in ranked}
    assert said == TOP_DAYS
    assert between(columns, "2025-10-10T21:10:00", "2025-10-10T21:25:00") == 41
    assert between(columns, "2024-08-05T01:00:00", "2024-08-05T02:00:00") == 54
    assert between(columns, "2024-08-05T06:00:00", "2024-08-05T07:00:00") == 79
    assert columns["venue_ns"][0] >= ns_from_iso("2022-02-12")
    assert np.all(np.diff(columns["venue_ns"]) >= 0)
    assert columns.words("symbol") == ("BTC/USD",)
    assert end.from_ns == columns["venue_ns"][-1]
    # The extract stops in the middle of the crash of 2026-02-05.
    assert found[FindingCode.TRUNCATED].from_ns == ns_from_iso("2026-02-05T20:37:35")


@pytest.mark.data
def test_the_cbbtc_extract_is_the_same_format(data_dir: Path) -> None:
    _, columns, _ = parts(data_dir / "aave_wbtc_liquidations/cbbtc_liquidations.parquet")
    assert len(columns) == 219
    assert days(columns)["2025-10-10"][0] == 22


@pytest.mark.data
def test_the_revenue_extract_has_other_totals_and_says_so(data_dir: Path) -> None:
    path = data_dir / "aave_wbtc_liquidations/revenue_liquidations_2020_2026.parquet"
    found, columns, _ = parts(path)
    assert "profit_usd" in found[FindingCode.EXCLUDED_COLUMN].where
    assert "never their sum" in found[FindingCode.ASSUMPTION].said
    assert found[FindingCode.DUPLICATED_ROWS].count == 9
    assert found[FindingCode.REJECTED_ROWS].count == 1  # a call for nothing
    assert len(columns) == 6_274
    assert days(columns)["2026-01-31"][0] == 232  # 211 + 21 of the extracts by collateral
    assert columns.words("rule_id") == ("aave-revenue-extract",)


@pytest.mark.data
@pytest.mark.parametrize("name", ["open_positions", "collateral_accounts"])
def test_files_without_events_are_refused(data_dir: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no events"):
        opened(data_dir / f"aave_wbtc_liquidations/{name}.parquet")


@pytest.mark.data
def test_daily_prices_are_flat_bars(data_dir: Path) -> None:
    found, bars, end = parts(data_dir / "aave_wbtc_liquidations/price_history_daily.parquet")
    assert bars.kind is Bar
    assert len(bars) == 10_220
    assert found[FindingCode.ASSUMPTION].count == 10_220
    assert end.from_ns == ns_from_iso("2026-02-25")
    by_symbol = {bar.symbol: bar.raw_symbol for bar in bars.events()}
    assert len(by_symbol) == 28  # one token a symbol: two tokens of a coin are not mixed
    assert (by_symbol["BTC/USD"], by_symbol["ETH/USD"]) == ("WBTC", "ETH")
    assert {by_symbol["cbBTC/USD"], by_symbol["WETH/USD"]} == {"cbBTC", "WETH"}


def collateral_file(path: Path, **columns: list[object]) -> Path:
    whole: dict[str, list[object]] = {
        "id": ["b", "a"],
        "timestamp": [1_700_003_600, 1_700_000_000],
        "liquidatee": ["0x2", "0x1"],
        "collateral_asset_symbol": ["WBTC", "ODD"],
        "collateral_amount_raw": ["150000000", "7"],
        "collateral_amount_usd": [60_000.0, 5.0],
    }
    pl.DataFrame(whole | columns).write_parquet(path)
    return path


def test_calls_come_in_order_with_the_row_they_stood_in(tmp_path: Path) -> None:
    recording = opened(collateral_file(tmp_path / "x.parquet"))
    assert (recording.label.width_ns, recording.label.channels) == (
        10 * MINUTE_NS,
        ("liquidations",),
    )
    _, columns, _ = parts(tmp_path / "x.parquet")
    first, second = columns.events()
    assert (first.raw_symbol, first.qty_base, first.notional_usd) == ("ODD", None, 5.0)
    assert (second.symbol, second.qty_base, second.mark_price) == ("BTC/USD", 1.5, 40_000.0)
    assert [str(e.raw_ref) for e in (first, second)] == ["x.parquet#1", "x.parquet#0"]


def test_a_call_listed_twice_counts_once(tmp_path: Path) -> None:
    path = collateral_file(tmp_path / "x.parquet", id=["a", "a"])
    found, columns, _ = parts(path)
    assert (len(columns), found[FindingCode.DUPLICATED_ROWS].count) == (1, 1)


def test_an_extract_without_a_usable_call_is_refused(tmp_path: Path) -> None:
    path = collateral_file(tmp_path / "x.parquet", collateral_amount_raw=["0", "-3"])
    with pytest.raises(SourceError, match="no liquidation call"):
        list(opened(path).read())


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = collateral_file(tmp_path / "x.parquet")
    list(opened(path).read(lambda done, whole: seen.append((done, whole))))
    assert seen
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 not parquet PAR1", b"a,b\n1,2\n"])
def test_other_files_are_not_claimed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert not any(archive.claims(path, content) for archive in ARCHIVES)


def test_a_daily_price_of_a_day(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    day = datetime(2025, 3, 1, tzinfo=UTC).replace(tzinfo=None)
    table = {"date": [day, day], "symbol": ["WBTC", "cbBTC"], "price_usd": [80_000.0, -1.0]}
    pl.DataFrame(table).write_parquet(path)
    _, bars, _ = parts(path)
    (bar,) = bars.events()
    assert (bar.symbol, bar.high, bar.low, bar.width_ns) == ("BTC/USD", 8e4, 8e4, DAY_NS)
