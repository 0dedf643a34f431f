"""Tests of airpocket.venues.binance.klines."""

import zipfile
from pathlib import Path

import pytest

from airpocket.market.columns import Columns
from airpocket.market.events import Bar, Gap, Mark
from airpocket.market.quality import Finding, FindingCode
from airpocket.store.files import head
from airpocket.units import MINUTE_NS, iso
from airpocket.venues.binance.klines import Klines

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore\n"
)
AT_MS = 1_760_054_400_000


def row(minute: int, *, volume: float = 10, close: float = 101, unit: int = 1) -> str:
    begin = (AT_MS + minute * 60_000) * unit
    end = (AT_MS + (minute + 1) * 60_000) * unit - 1
    return f"{begin},100,{max(100, close)},99,{close},{volume},{end},{volume * 100},7,4,400,0\n"


def read(path: Path) -> tuple[list[Columns[Bar]], list[Columns[Mark]], list[Finding]]:
    archive = Klines()
    assert archive.claims(path, head(path))
    items = list(archive.open(path).read())
    bulk = [item for item in items if isinstance(item, Columns)]
    assert isinstance(items[-1], Gap) or not bulk
    return (
        [columns for columns in bulk if columns.kind is Bar],
        [columns for columns in bulk if columns.kind is Mark],
        [item for item in items if isinstance(item, Finding)],
    )


@pytest.mark.parametrize("header", ["", HEADER])
def test_bars_of_linear_contracts_are_valued_by_the_quote_volume(
    tmp_path: Path, header: str
) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(header + row(0) + row(1))
    (columns,), _, findings = read(path)
    assert findings == []
    first, second = columns.events()
    assert (first.symbol, first.width_ns, first.trades) == ("BTC/USDT:USDT", MINUTE_NS, 7)
    assert (first.usd, first.sell_usd) == (1000, 600)
    assert (first.open, first.high, first.low, first.close) == (100, 101, 99, 101)
    assert iso(first.venue_ns or 0) == "2025-10-10T00:00:00Z"
    assert (second.venue_ns or 0) - (first.venue_ns or 0) == MINUTE_NS
    assert Klines().open(path).label.width_ns == MINUTE_NS


def test_bars_of_inverse_contracts_are_valued_by_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-1m-2025-10-10.csv"
    path.write_text(HEADER + row(0))
    (columns,), _, _ = read(path)
    (bar,) = columns.events()
    assert (bar.symbol, bar.usd, bar.sell_usd) == ("BTC/USD:BTC", 1000, 600)  # of 100 USD


def test_microseconds_mean_spot(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(row(0, unit=1000))
    (columns,), _, _ = read(path)
    (bar,) = columns.events()
    assert (bar.venue, bar.symbol, bar.usd) == ("binance-spot", None, None)
    assert (iso(bar.venue_ns or 0), bar.width_ns) == ("2025-10-10T00:00:00Z", MINUTE_NS)


def test_a_change_of_unit_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(row(0) + row(1, unit=1000) + row(2))
    (columns,), _, findings = read(path)
    assert len(columns) == 2
    assert [f.code for f in findings] == [FindingCode.TIME_UNIT_CHANGED, FindingCode.REJECTED_ROWS]
    assert "line 2" in findings[0].said


def test_bars_without_trades_come_out_as_marks(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-1m-2025-10-10.csv"
    path.write_text(HEADER + row(0, volume=0) + row(1, volume=0, close=100.5))
    bars, (columns,), (finding,) = read(path)
    assert bars == []
    assert (finding.code, finding.count) == (FindingCode.BARS_WITHOUT_TRADES, 2)
    first, second = columns.events()
    assert (first.mark_price, second.mark_price) == (101, 100.5)
    assert iso(first.venue_ns or 0) == "2025-10-10T00:01:00Z"  # known when the minute is over


def test_a_quiet_contract_is_not_a_mark_series(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(row(0, volume=0) + row(1, volume=0) + row(2, volume=0))
    (columns,), marks, findings = read(path)
    assert (len(columns), marks, findings) == (3, [], [])


@pytest.mark.parametrize(
    "bad",
    [
        f"{AT_MS + 60_000},100,99,98,100,1,{AT_MS + 119_999},1,1,1,1,0\n",  # high below open
        f"{AT_MS + 60_000},100,101,0,100,1,{AT_MS + 119_999},1,1,1,1,0\n",
        f"{AT_MS + 60_000},100,101,99,100,nan,{AT_MS + 119_999},1,1,1,1,0\n",
        f"{AT_MS + 60_000},100,inf,99,100,1,{AT_MS + 119_999},1,1,1,1,0\n",
        f"{AT_MS + 60_000},100,101,99,100,1,{AT_MS},1,1,1,1,0\n",
        "text\n",
    ],
)
def test_what_makes_no_bar_is_left_out_and_told(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(row(0) + bad + row(2))
    (columns,), _, findings = read(path)
    assert len(columns) == 2
    assert [(f.code, f.count) for f in findings] == [(FindingCode.REJECTED_ROWS, 1)]


def test_repeated_bars_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10-10.csv"
    path.write_text(row(0) + row(1) + row(1))
    (columns,), _, findings = read(path)
    assert len(columns) == 2
    assert [(f.code, f.count) for f in findings] == [(FindingCode.DUPLICATED_ROWS, 1)]


def test_other_files_are_not_claimed() -> None:
    for first in (b"a,b\n", b"1,2,3,4,5,6,7,8,9,10,11,12\n", b"", HEADER.encode()[:40]):
        assert not Klines().claims(Path("x"), first)


@pytest.mark.data
@pytest.mark.parametrize("day", ["09", "10"])
def test_the_klines_of_october_10_are_no_klines(data_dir: Path, day: str) -> None:
    path = data_dir / "oct10_market" / f"BTCUSD_PERP-1m-2025-10-{day}.zip"
    assert zipfile.is_zipfile(path)
    bars, (columns,), (finding,) = read(path)
    assert bars == []
    assert len(columns) == 1440
    assert (finding.code, finding.count) == (FindingCode.BARS_WITHOUT_TRADES, 1440)
    assert finding.symbol == "BTC/USD:BTC"
