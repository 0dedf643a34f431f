"""The Aave v2 extract: two schemas of amounts in one file."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from airpocket.market.columns import Columns
from airpocket.market.events import Side
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import ns_from_iso
from airpocket.venues.aave.archive import ARCHIVES
from airpocket.venues.aave.pools import pool_calls

HEADER = (
    "collateralAmount,collateralReserve,pool,principalAmount,principalReserve,timestamp,user,type,"
    "priceUSDTCollateral,reservePriceUSDPrincipal,reservePriceUSDCollateral,amountUSDPrincipal"
)
RAW = (
    "50000000,WBTC,0xb5,20000000000,USDC,1619145033,0x1,liquidation,400000000000000.0,1.0,42000.0,"
)
RAW_ETHER = "2000000000000000000,WETH,0xb5,4600000000,USDT,1619145034,0x2,liquidation,400000000000000.0,1.0,,"
DECIMAL = "0.5,WBTC,0xb5,20000.0,USDC,1640000000,0x3,liquidation,,1.0,42000.0,20000.0"
SHORT = "11000.0,USDC,0xb5,0.25,WBTC,1640000001,0x4,liquidation,,40000.0,1.0,10000.0"


def written(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_amounts_are_read_by_the_schema_of_their_row(tmp_path: Path) -> None:
    calls, _ = pool_calls(written(tmp_path / "v2.csv", RAW, DECIMAL), None)
    assert calls["collateral_qty"].to_list() == [0.5, 0.5]
    assert calls["collateral_usd"].to_list() == [21_000.0, 21_000.0]
    assert calls["debt_usd"].to_list() == [20_000.0, 20_000.0]
    assert calls["collateral_raw"].to_list() == [5e7, 0.5]


def test_ether_is_priced_by_the_price_of_usdt_in_ether(tmp_path: Path) -> None:
    calls, _ = pool_calls(written(tmp_path / "v2.csv", RAW_ETHER), None)
    assert calls["collateral_usd"].to_list() == [5_000.0]  # 2 ETH, 0.0004 ETH a dollar


def test_a_short_is_measured_by_its_debt(tmp_path: Path) -> None:
    path = written(tmp_path / "v2.csv", SHORT)
    recording = next(a for a in ARCHIVES if a.claims(path, path.read_bytes())).open(path)
    (columns,) = [item for item in recording.read() if isinstance(item, Columns)]
    (event,) = columns.events()
    assert (event.liquidated, event.symbol, event.raw_symbol) == (Side.SHORT, "BTC/USD", "WBTC")
    assert (event.qty_base, event.notional_usd, event.mark_price) == (0.25, 1e4, 4e4)


@pytest.mark.parametrize(
    "row",
    [
        RAW.replace("50000000,", "0.5,"),  # a decimal among raw columns
        DECIMAL.replace("20000.0,USDC", "20000,USDC"),  # a raw debt beside a decimal collateral
        DECIMAL.removesuffix("20000.0"),  # decimals without the columns that came with them
        RAW.replace("50000000,", "-50000000,"),
        RAW.replace("50000000,", "lots,"),
        RAW.replace("1619145033", "yesterday"),
        "1,2,3",
    ],
)
def test_rows_of_neither_schema_are_left_out_and_said(tmp_path: Path, row: str) -> None:
    calls, found = pool_calls(written(tmp_path / "v2.csv", row, DECIMAL), None)
    assert calls["account"].to_list() == ["0x3"]
    assert {f.code: f.count for f in found}[FindingCode.REJECTED_ROWS] == 1


def test_unknown_decimals_give_no_notional(tmp_path: Path) -> None:
    odd = RAW.replace("WBTC", "ODD")
    calls, found = pool_calls(written(tmp_path / "v2.csv", odd), None)
    assert calls["collateral_usd"].to_list() == [None]
    assert any("unknown decimals" in f.said for f in found)
    assert calls["collateral_raw"].to_list() == [5e7]


@pytest.mark.data
def test_the_real_extract(data_dir: Path) -> None:
    path = data_dir / "aave_v2_liquidations/aave_v2_v3_liquidations_to_2022-04.csv.gz"
    first = gzip.decompress(path.read_bytes())[:4096]
    (archive,) = [a for a in ARCHIVES if a.claims(path, first)]
    items = list(archive.open(path).read())
    found = {f.code: f for f in items if isinstance(f, Finding)}
    assert found[FindingCode.DUPLICATED_ROWS].count == 7
    schemas = found[FindingCode.TWO_AMOUNT_SCHEMAS]
    assert schemas.count == 6_225
    assert schemas.from_ns == ns_from_iso("2021-07-27T05:38:58")
    assert schemas.to_ns == ns_from_iso("2021-07-28T23:25:09")
    (columns,) = [item for item in items if isinstance(item, Columns)]
    assert len(columns) == 11_490
    assert not np.isnan(columns["notional_usd"]).any()
    # In the wrong schema one row alone would be worth more than 10^12 dollars.
    assert columns["notional_usd"].max() < 1e7
    assert round(columns["notional_usd"].sum() / 1e6, 1) == 794.5


@pytest.mark.data
def test_decimals_agree_with_the_liquidation_bonus(data_dir: Path) -> None:
    """A wrong power of ten in ``DECIMALS`` would put collateral 10 times above or below debt."""
    path = data_dir / "aave_v2_liquidations/aave_v2_v3_liquidations_to_2022-04.csv.gz"
    calls, _ = pool_calls(path, None)
    raw = calls.filter(calls["collateral_raw"] != calls["collateral_qty"])
    for side in ("collateral", "debt"):
        for (token,), rows in raw.group_by(side):
            if rows.height < 10:
                continue
            ratio = (rows["collateral_usd"] / rows["debt_usd"]).median()
            assert isinstance(ratio, float)
            assert 0.4 < ratio < 2.5, token
