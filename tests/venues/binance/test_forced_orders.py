"""Tests of airpocket.venues.binance.forced_orders."""

from collections import Counter
from pathlib import Path

import pytest

from airpocket.market.columns import Columns
from airpocket.market.events import Gap, Liquidation
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Archive
from airpocket.store.files import head
from airpocket.venues.binance.forced_orders import LiquidationSnapshot, RecordedForceOrders

HEADER = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
    "last_fill_quantity,accumulated_fill_quantity\n"
)
BUY = "1687656471926,BUY,LIMIT,IOC,7,30741.3,30631.6,FILLED,6,7\n"
SELL = "1687656473356,SELL,LIMIT,IOC,43,30556.6,30631.6,FILLED,1,40\n"


def read(archive: Archive, path: Path) -> tuple[list[Liquidation], dict[FindingCode, Finding]]:
    assert archive.claims(path, head(path))
    items = list(archive.open(path).read())
    events = [e for item in items if isinstance(item, Columns) for e in item.events()]
    assert isinstance(items[-1], Gap) or not events
    return events, {item.code: item for item in items if isinstance(item, Finding)}


def test_snapshot_rows_are_forced_closes_of_positions(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv"
    path.write_text(HEADER + BUY + SELL)
    (short, long), findings = read(LiquidationSnapshot(), path)
    assert findings == {}
    assert (short.liquidated, long.liquidated) == ("short", "long")
    assert (long.order_price, long.fill_price, long.qty_raw) == (30556.6, 30631.6, 40)
    assert long.notional_usd == 4000  # 40 contracts of 100 USD were filled, not 43
    assert long.qty_base == pytest.approx(4000 / 30631.6)
    assert (long.symbol, long.coverage) == ("BTC/USD:BTC", "throttled")
    assert str(long.raw_ref) == f"{path.name}#3"


def test_a_file_that_says_all_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv"
    path.write_text(HEADER + BUY + BUY + SELL * 4)
    events, findings = read(LiquidationSnapshot(), path)
    assert Counter(event.qty_raw for event in events) == {7: 1, 40: 2}
    assert findings[FindingCode.DUPLICATED_ROWS].count == 3
    assert "twice" in findings[FindingCode.DUPLICATED_ROWS].said


def test_rows_that_only_look_alike_are_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv"
    path.write_text(HEADER + BUY + BUY + SELL)
    events, findings = read(LiquidationSnapshot(), path)
    assert len(events) == 3
    assert findings[FindingCode.DUPLICATED_ROWS].count == 1


def test_snapshots_with_a_symbol_column_use_it(tmp_path: Path) -> None:
    path = tmp_path / "all-liquidationSnapshot-2023-06-25.csv"
    header = HEADER.replace("time,side", "time,symbol,side")
    path.write_text(header + BUY.replace("BUY", "AVAXUSD_PERP,BUY"))
    (event,), _ = read(LiquidationSnapshot(), path)
    assert (event.raw_symbol, event.notional_usd) == ("AVAXUSD_PERP", 70)


@pytest.mark.parametrize(
    "bad",
    [
        BUY.replace("BUY", "HOLD"),
        BUY.replace("30741.3", "0"),
        BUY.replace("FILLED,6,7", "NEW,0,0"),
        BUY.replace("1687656471926", "1687656471"),
        BUY.replace("1687656471926", "x"),
    ],
)
def test_bad_snapshot_rows_are_left_out_and_told(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv"
    path.write_text(HEADER + bad + SELL)
    events, findings = read(LiquidationSnapshot(), path)
    assert len(events) == 1
    assert findings[FindingCode.REJECTED_ROWS].count == 1


def test_recorded_orders_keep_the_coin_they_name_and_say_what_is_assumed(tmp_path: Path) -> None:
    path = tmp_path / "recorded.csv"
    path.write_text(
        "BTC,SELL,LIMIT,IOC,2,100000,None,FILLED,1,2,1750714069271,0.2\n"
        "ETHUSDC,BUY,LIMIT,IOC,1,2000,1990,FILLED,1,1,1750714069272,2000\n"
        "ETH_250627,BUY,LIMIT,IOC,1,2000,None,FILLED,1,1,1750714069273,2000\n"
    )
    (btc, usdc, dated), findings = read(RecordedForceOrders(), path)
    assert (btc.raw_symbol, btc.symbol, btc.liquidated) == ("BTC", "BTC/USDT:USDT", "long")
    assert (btc.notional_usd, btc.order_price, btc.fill_price) == (200_000, 100_000, None)
    assert (usdc.symbol, usdc.notional_usd, usdc.fill_price) == ("ETH/USDC:USDC", 1990, 1990)
    assert dated.symbol == "ETH/USDT:USDT-250627"
    assert findings[FindingCode.ASSUMPTION].count == 2
    assert findings[FindingCode.TWO_AMOUNT_SCHEMAS].count == 1
    assert set(findings) == {FindingCode.ASSUMPTION, FindingCode.TWO_AMOUNT_SCHEMAS}


def test_dollars_that_do_not_add_up_and_text_in_a_row_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "recorded.csv"
    path.write_text(
        "Hello Arbitrage Trading BotIP,SELL,LIMIT,IOC,150,3,None,FILLED,9,150,1750234363411,450\n"
        "BTC,SELL,LIMIT,IOC,2,100000,None,FILLED,1,2,1750714069271,7\n"
        "SEI,SELL,LIMIT,IOC,2,10,None,FILLED,1,2,1750714069271,20\n"
    )
    (event,), findings = read(RecordedForceOrders(), path)
    assert event.raw_symbol == "SEI"
    assert findings[FindingCode.REJECTED_ROWS].count == 2
    assert "line 1: the symbol is no symbol" in findings[FindingCode.REJECTED_ROWS].said


def test_other_files_are_not_claimed() -> None:
    for first in (b"", b"a,b\n", HEADER.encode(), b"{}\n", b"\xff\xfe"):
        assert not RecordedForceOrders().claims(Path("x"), first)
    assert not LiquidationSnapshot().claims(Path("x"), b"time,price\n")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "in_millions", "rejected"),
    [("neoparth_binance_bigliqs", 702, 2, 0), ("neoparth_datastreams_bigliqs", 453, 6, 1)],
)
def test_the_recorded_orders_of_june_2025(
    data_dir: Path, name: str, count: int, in_millions: int, rejected: int
) -> None:
    path = data_dir / "binance_force_orders" / f"{name}.csv.gz"
    events, findings = read(RecordedForceOrders(), path)
    assert len(events) == count
    assert findings[FindingCode.TWO_AMOUNT_SCHEMAS].count == in_millions
    if rejected:
        assert findings[FindingCode.REJECTED_ROWS].count == rejected
        assert "line 1:" in findings[FindingCode.REJECTED_ROWS].said
    assert (FindingCode.REJECTED_ROWS in findings) is bool(rejected)
    assert all(event.symbol and event.notional_usd for event in events)
    assert {event.rule_id for event in events} == {"binance-forceorder-latest-1-per-s"}
    a_second = Counter((event.raw_symbol, (event.venue_ns or 0) // 10**9) for event in events)
    assert max(a_second.values()) == 1
