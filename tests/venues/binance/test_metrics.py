"""Tests of airpocket.venues.binance.metrics."""

from pathlib import Path

from airpocket.market.columns import Columns
from airpocket.market.events import Gap, OpenInterest
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import iso
from airpocket.venues.binance.metrics import Metrics

HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)


def read(path: Path, rows: str) -> tuple[list[OpenInterest], list[Finding]]:
    path.write_text(HEADER + rows)
    assert Metrics().claims(path, path.read_bytes())
    items = list(Metrics().open(path).read())
    events = [e for item in items if isinstance(item, Columns) for e in item.events()]
    assert isinstance(items[-1], Gap)
    return events, [item for item in items if isinstance(item, Finding)]


def test_linear_open_interest_is_in_coins_and_dollars(tmp_path: Path) -> None:
    (event,), findings = read(
        tmp_path / "BTCUSDT-metrics-2025-06-05.csv",
        "2025-06-05 00:05:00,BTCUSDT,80793.343,8458277452.57,1,1,1,1\n",
    )
    assert findings == []
    assert (event.symbol, event.qty_base) == ("BTC/USDT:USDT", 80793.343)
    assert event.notional_usd == 8458277452.57
    assert iso(event.venue_ns or 0) == "2025-06-05T00:05:00Z"


def test_inverse_open_interest_is_in_contracts_and_coins(tmp_path: Path) -> None:
    (event,), _ = read(
        tmp_path / "BTCUSD_PERP-metrics-2023-06-25.csv",
        '2023-06-25 00:00:00,BTCUSD_PERP,5578700,18265.00911826,"","","",0.00855776\n',
    )
    assert (event.qty_base, event.notional_usd) == (18265.00911826, 557_870_000)


def test_zeros_are_holes_and_strangers_are_left_out(tmp_path: Path) -> None:
    events, findings = read(
        tmp_path / "BTCUSDT-metrics-2025-06-05.csv",
        "2025-06-05 00:05:00,BTCUSDT,0,0,1,1,1,1\n"
        "2025-06-05 00:10:00,BTCUSDT,5,10,1,1,1,1\n"
        "2025-06-05 00:15:00,ETHUSDT,5,10,1,1,1,1\n"
        "noon,BTCUSDT,5,10,1,1,1,1\n"
        "2025-06-05 00:20:00,BTCUSDT,nan,10,1,1,1,1\n",
    )
    assert [event.qty_base for event in events] == [5]
    assert [(f.code, f.count) for f in findings] == [(FindingCode.REJECTED_ROWS, 4)]


def test_an_unknown_instrument_has_no_value(tmp_path: Path) -> None:
    (event,), _ = read(
        tmp_path / "NEWUSDT-metrics-2025-06-05.csv", "2025-06-05 00:05:00,NEWUSDT,5,10,1,1,1,1\n"
    )
    assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
