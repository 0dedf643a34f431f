"""Tests of airpocket.venues.binance.archive: each file is one format's, and raw frames decode."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airpocket.errors import AirpocketError
from airpocket.market.columns import Columns
from airpocket.market.events import BookChange, Depth, Gap, Trade
from airpocket.market.quality import Finding, FindingCode
from airpocket.store.files import head
from airpocket.venues.binance.archive import ARCHIVES
from tests.venues.damaged_rows import damaged


def test_frames_of_other_venues_are_not_claimed() -> None:
    for frame in (b'{"channel":"l2Book"}', b'{"topic":"x"}', b'{"arg":{}}'):
        first = b"1723161255030314667 " + frame + b"\n"
        assert not any(archive.claims(Path("x"), first) for archive in ARCHIVES)


AT_MS = 1_760_054_400_000
DAMAGED = {
    "BTCUSDT-bookDepth-2025-10-10.csv": b"timestamp,percentage,depth,notional\n"
    + b"".join(b"2025-10-10 00:00:0%d,%d,2,50\n" % (i, p) for i in range(5) for p in (-1, 1)),
    "BTCUSDT-1m-2025-10-10.csv": b"".join(
        b"%d,2,3,1,2,5,%d,9,4,3,2,0\n" % (AT_MS + i * 60_000, AT_MS + i * 60_000 + 59_999)
        for i in range(6)
    ),
    "BTCUSDT-metrics-2025-10-10.csv": b"create_time,symbol,sum_open_interest,"
    b"sum_open_interest_value\n" + b"2025-10-10 00:05:00,BTCUSDT,5,9\n" * 5,
    "BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv": b"time,side,order_type,time_in_force,"
    b"original_quantity,price,average_price,order_status,last_fill_quantity,"
    b"accumulated_fill_quantity\n" + b"%d,BUY,LIMIT,IOC,7,30.3,30.6,FILLED,6,7\n" % AT_MS * 6,
    "recorded.csv": b"BTC,SELL,LIMIT,IOC,2,10,None,FILLED,1,2,1750714069271,20\n" * 6,
    "frames.raw": b'1723161255030314667 {"e":"trade","E":1,"s":"BTCUSDT","p":"1","q":"2"}\n' * 6,
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(sorted(DAMAGED)), seed=st.integers(0, 2**32))
def test_no_damage_raises_anything_but_our_own_errors(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(DAMAGED[name], seed))
    for archive in ARCHIVES:
        if not archive.claims(path, head(path)):
            continue
        with suppress(AirpocketError):
            for item in archive.open(path).read():
                if isinstance(item, Columns):
                    assert len(list(item.events())) == len(item)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("oct10_market/BTCUSDT-bookDepth-2025-10-10.csv.gz", "binance bookDepth"),
        ("oct10_market/BTCUSD_PERP-1m-2025-10-10.zip", "binance klines"),
        ("binance_force_orders/neoparth_binance_bigliqs.csv.gz", "binance forceOrder recording"),
        (
            "binance_force_orders/neoparth_datastreams_bigliqs.csv.gz",
            "binance forceOrder recording",
        ),
        ("l2_book/binance_um_btcusdt_20240808_2354-2400.raw.gz", "binance frames"),
    ],
)
def test_each_file_is_claimed_by_one_format(data_dir: Path, name: str, kind: str) -> None:
    path = data_dir / name
    (archive,) = [a for a in ARCHIVES if a.claims(path, head(path))]
    assert archive.open(path).label.kind == kind


@pytest.mark.data
def test_other_recordings_are_left_to_others(data_dir: Path) -> None:
    others = [
        *(data_dir / "oct10_market").glob("*trades*"),
        *(data_dir / "coinglass_4h").iterdir(),
        *(data_dir / "feb2026").iterdir(),
        *(data_dir / "hl_oct10_adl").iterdir(),
        data_dir / "l2_book" / "hyperliquid_btc_l2book_20250126.raw.gz",
    ]
    for path in others:
        first = head(path)
        assert not any(archive.claims(path, first) for archive in ARCHIVES), path.name


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "updates", "trades", "best"),
    [
        ("binance_um_btcusdt_20240808_2354-2400", 6552, 21_313, 66_089),
        ("binance_cm_btcusd_perp_20240808_2354-2400", 26_848, 2_286, 19_136),
    ],
)
def test_raw_frames_decode_and_the_clock_is_late(
    data_dir: Path, name: str, updates: int, trades: int, best: int
) -> None:
    path = data_dir / "l2_book" / f"{name}.raw.gz"
    (archive,) = [a for a in ARCHIVES if a.claims(path, head(path))]
    items = list(archive.open(path).read())
    findings = {item.code: item for item in items if isinstance(item, Finding)}
    assert "-1.2" in findings[FindingCode.CLOCK_SKEW].said
    assert FindingCode.REJECTED_ROWS not in findings
    assert sum(isinstance(item, BookChange) for item in items) == updates
    assert sum(isinstance(item, Trade) for item in items) == trades
    assert sum(isinstance(item, Depth) for item in items) == best
    assert sum(isinstance(item, Gap) for item in items) == 3
