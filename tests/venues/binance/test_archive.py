"""Tests of airpocket.venues.binance.archive: each file is one format's, and raw frames decode."""

from pathlib import Path

import pytest

from airpocket.market.events import BookChange, Depth, Gap, Trade
from airpocket.market.quality import Finding, FindingCode
from airpocket.store.files import head
from airpocket.venues.binance.archive import ARCHIVES


def test_frames_of_other_venues_are_not_claimed() -> None:
    for frame in (b'{"channel":"l2Book"}', b'{"topic":"x"}', b'{"arg":{}}'):
        first = b"1723161255030314667 " + frame + b"\n"
        assert not any(archive.claims(Path("x"), first) for archive in ARCHIVES)


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
