"""Tests of airpocket.venues.binance.book_depth."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from airpocket.market.events import DepthBands, Gap
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import iso, ns_from_iso
from airpocket.venues.binance.book_depth import BookDepth

HEADER = "timestamp,percentage,depth,notional,weighted_avg_price\n"


def rows(count: int, *, ghost_from: int | None = None) -> str:
    """Two bands a side, every 30 s, moving prices; from ``ghost_from`` on the bids stand still."""
    rng = np.random.default_rng(5)
    start = datetime(2025, 10, 10, tzinfo=UTC)
    lines: list[str] = []
    for i in range(count):
        time = (start + timedelta(seconds=30 * i)).strftime("%Y-%m-%d %H:%M:%S")
        mid = 100 + rng.normal(0, 0.1) - 0.05 * i
        for percent in (-2, -1, 1, 2):
            average = mid * (1 + percent / 200)
            depth = 10 * abs(percent)
            if ghost_from is not None and i >= ghost_from and percent < 0:
                average, depth = 121.36, 17
            lines.append(f"{time},{percent},{depth},{average * depth},{average}\n")
    return "".join(lines)


def read(path: Path) -> tuple[list[Finding], list[DepthBands]]:
    archive = BookDepth()
    assert archive.claims(path, path.read_bytes()[:4096])
    items = list(archive.open(path).read())
    assert isinstance(items[-1], Gap)
    findings = [item for item in items if isinstance(item, Finding)]
    return findings, [item for item in items if isinstance(item, DepthBands)]


def test_sound_files_are_read_without_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-bookDepth-2025-10-10.csv"
    path.write_text(HEADER + rows(50))
    findings, snapshots = read(path)
    assert findings == []
    assert len(snapshots) == 50
    first = snapshots[0]
    assert (first.symbol, str(first.raw_ref)) == ("BTC/USDT:USDT", f"{path.name}#2")
    assert [band.percent for band in first.bands] == [-2, -1, 1, 2]
    assert [band.qty_base for band in first.bands] == [20, 10, 10, 20]


def test_a_ghost_side_is_told_first_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-bookDepth-2025-10-10.csv"
    path.write_text(HEADER + rows(50, ghost_from=20))
    findings, snapshots = read(path)
    assert [finding.code for finding in findings] == [
        FindingCode.FROZEN_SIDE,
        FindingCode.CROSSED_BOOK,
    ]
    assert findings[0].from_ns == ns_from_iso("2025-10-10T00:10:00")
    assert findings[0].count == 30
    assert all(len(snapshot.bands) == 4 for snapshot in snapshots[:20])
    assert all([band.percent for band in s.bands] == [1, 2] for s in snapshots[20:])


def test_editions_without_average_prices_get_them_from_the_notional(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-bookDepth-2023-01-01.csv"
    path.write_text("timestamp,percentage,depth,notional\n2023-01-01 00:00:08,-1,2,50\n")
    _, (snapshot,) = read(path)
    assert snapshot.bands[0].average_price == 25


@pytest.mark.parametrize(
    "bad", ["noon,1,1,1,1", "2025-10-10 00:00:00,0,1,1,1", "2025-10-10 00:00:00,1,-1,1,1",
            "2025-10-10 00:00:00,1,nan,1,1", "x"],
)  # fmt: skip
def test_bad_rows_are_left_out_and_told(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "BTCUSDT-bookDepth-2025-10-10.csv"
    path.write_text(HEADER + bad + "\n" + rows(2))
    findings, snapshots = read(path)
    assert [(f.code, f.count) for f in findings] == [(FindingCode.REJECTED_ROWS, 1)]
    assert len(snapshots) == 2


def test_coin_margined_units_are_an_assumption_and_said(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-bookDepth-2025-10-10.csv"
    path.write_text(HEADER + rows(3))
    findings, _ = read(path)
    assert [finding.code for finding in findings] == [FindingCode.ASSUMPTION]


@pytest.mark.data
def test_october_10_has_a_ghost_bid_side_and_thin_asks(data_dir: Path) -> None:
    path = data_dir / "oct10_market" / "BTCUSDT-bookDepth-2025-10-10.csv.gz"
    items = list(BookDepth().open(path).read())
    findings = {item.code: item for item in items if isinstance(item, Finding)}
    assert set(findings) == {FindingCode.FROZEN_SIDE, FindingCode.CROSSED_BOOK}
    for finding in findings.values():
        assert finding.from_ns == ns_from_iso("2025-10-10T15:30:42")
        assert finding.to_ns == ns_from_iso("2025-10-10T23:59:30")
    assert findings[FindingCode.FROZEN_SIDE].count == 944
    assert findings[FindingCode.CROSSED_BOOK].count == 969
    snapshots = [item for item in items if isinstance(item, DepthBands)]
    assert len(snapshots) == 2879  # 28,790 rows, one of them with a space before its time
    asks = {
        iso(snapshot.venue_ns or 0): band.notional_usd
        for snapshot in snapshots
        for band in snapshot.bands
        if band.percent == 1
    }
    assert asks["2025-10-10T21:22:31Z"] == pytest.approx(56.8e6, rel=0.002)
    calm = [usd for time, usd in asks.items() if "T19:" in time or "T20:" in time]
    assert np.median(calm) == pytest.approx(352e6, rel=0.01)
    ghost_ns = ns_from_iso("2025-10-10T15:30:42")
    assert not any(
        band.percent < 0 for s in snapshots if (s.venue_ns or 0) >= ghost_ns for band in s.bands
    )
