"""Compound's events on rows made by hand: no recording of it was at hand."""

from pathlib import Path

import polars as pl
import pytest

from airpocket.errors import SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import Gap, GapCause, Liquidation, Method, Side
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import ns_from_iso
from airpocket.venues.compound.archive import ABSORB, LIQUIDATE
from airpocket.venues.compound.calls import read_events

USDC_MARKET = "0xc3d688B66703497DAA19211EEdff47f25384cdc3"
WETH_MARKET = "0xA17581A9E3356d9A858b789D68B4d866e593aE94"
WBTC = "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599"
WSTETH = "0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0"
CDAI = "0x5d3a536E4D6DbD6114cc1Ead35777bAB948E3643"
CETH = "0x4Ddc2D193948926D02f9B1fE9e1daa0718270ED5"
CWBTC = "0xccF4429DB6322D5C611ee964527D42E5d685DD6a"


def absorbed(time: str, market: str, asset: str, amount: str, usd: str, index: int = 1) -> str:
    return f"{time},0xhash,{index},{market},0xowner,{asset},{amount},{usd}"


def seized(market: str, repaid: str, collateral: str, tokens: str, index: int = 1) -> str:
    return f"2022-06-13 04:00:00,0xhash,{index},{market},0xowner,{repaid},{collateral},{tokens}"


def read(
    path: Path, columns: tuple[str, ...], *rows: str
) -> tuple[list[Liquidation], dict[FindingCode, Finding]]:
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")
    items = list(read_events(path, columns))
    end = items[-1]
    assert isinstance(end, Gap)
    assert end.cause is GapCause.END_OF_RECORDING
    (bulk,) = [item for item in items if isinstance(item, Columns)]
    return list(bulk.events()), {f.code: f for f in items if isinstance(f, Finding)}


def test_an_absorbed_account_was_long_of_its_collateral(tmp_path: Path) -> None:
    row = absorbed("2025-10-10 21:15:11.000 UTC", USDC_MARKET, WBTC, "150000000", "16500000000000")
    (event,), found = read(tmp_path / "a.csv", ABSORB, row)
    assert (event.symbol, event.raw_symbol, event.liquidated) == ("BTC/USD", "WBTC", Side.LONG)
    assert (event.qty_raw, event.qty_base, event.notional_usd) == (1.5e8, 1.5, 165_000.0)
    assert (event.mark_price, event.method) == (110_000.0, Method.BACKSTOP)
    assert event.venue_ns == ns_from_iso("2025-10-10T21:15:11")
    assert (event.account, event.event_id) == ("0xowner", "0xhash#1")
    assert (event.venue, event.rule_id) == ("compound", "compound-events")
    assert not found


def test_a_market_that_counts_in_ether_has_no_dollars(tmp_path: Path) -> None:
    row = absorbed("2025-10-10T21:15:11Z", WETH_MARKET, WSTETH, str(10**18), "121000000")
    (event,), found = read(tmp_path / "a.csv", ABSORB, row)
    assert (event.symbol, event.qty_base, event.notional_usd) == ("wstETH/ETH", 1.0, None)
    assert found[FindingCode.ASSUMPTION].count == 1


def test_an_unknown_token_has_neither_coin_nor_quantity(tmp_path: Path) -> None:
    row = absorbed("2025-10-10T21:15:11Z", USDC_MARKET, "0xodd", "7", "100000000")
    (event,), _ = read(tmp_path / "a.csv", ABSORB, row)
    assert (event.raw_symbol, event.qty_raw, event.qty_base) == ("0xodd", 7.0, None)
    assert event.notional_usd == 1.0


def test_v2_is_worth_the_debt_repaid_if_that_is_a_dollar(tmp_path: Path) -> None:
    events, found = read(
        tmp_path / "l.csv",
        LIQUIDATE,
        seized(CDAI, str(5 * 10**20), CETH, "2100000000"),
        seized(CETH, str(10**18), CDAI, "5000000000", 2),
        seized(CETH, str(10**18), CWBTC, "300", 3),
    )
    long, short, pair = events
    assert (long.symbol, long.liquidated, long.notional_usd) == ("ETH/USD", Side.LONG, 500.0)
    assert (long.qty_raw, long.qty_base) == (2.1e9, None)  # receipt tokens
    assert (short.symbol, short.liquidated, short.qty_base) == ("ETH/USD", Side.SHORT, 1.0)
    assert short.notional_usd is None
    assert (pair.symbol, pair.notional_usd) == ("BTC/ETH", None)
    assert "8 %" in found[FindingCode.ASSUMPTION].said


def test_order_repeats_and_bad_rows(tmp_path: Path) -> None:
    late = absorbed("2025-10-11 00:00:00", USDC_MARKET, WBTC, "1", "1", 1)
    soon = absorbed("2025-10-10 00:00:00", USDC_MARKET, WBTC, "2", "1", 2)
    bad = [
        absorbed("yesterday", USDC_MARKET, WBTC, "3", "1", 3),
        absorbed("2025-10-10 00:00:00", USDC_MARKET, WBTC, "-3", "1", 4),
        absorbed("2025-10-10 00:00:00", USDC_MARKET, WBTC, "much", "1", 5),
        "1,2",
    ]
    events, found = read(tmp_path / "a.csv", ABSORB, late, soon, late, *bad)
    assert [event.qty_raw for event in events] == [2.0, 1.0]
    assert found[FindingCode.DUPLICATED_ROWS].count == 1
    assert FindingCode.REJECTED_ROWS in found


def test_parquet_reads_alike(tmp_path: Path) -> None:
    row = absorbed("2025-10-10 21:15:11", USDC_MARKET, WBTC, "150000000", "16500000000000")
    (told,), _ = read(tmp_path / "a.csv", ABSORB, row)
    path = tmp_path / "a.parquet"
    pl.DataFrame([dict(zip(ABSORB, row.split(","), strict=True))]).write_parquet(path)
    (bulk,) = [item for item in read_events(path, ABSORB) if isinstance(item, Columns)]
    (event,) = bulk.events()
    assert (event.notional_usd, event.venue_ns) == (told.notional_usd, told.venue_ns)


def test_an_export_of_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(ABSORB) + "\n")
    with pytest.raises(SourceError, match="no liquidation"):
        list(read_events(path, ABSORB))
