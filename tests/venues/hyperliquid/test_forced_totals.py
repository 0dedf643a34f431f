"""Published results are summed once a trade, and contradictions in them are not summed at all."""

from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import LimitError, SourceError
from airpocket.units import ns_from_iso
from airpocket.venues.hyperliquid.forced_totals import MEMBERS, read_timing, totals
from tests.venues.hyperliquid.publication import TABLE, TIMING, publish


def test_each_trade_counts_once(tmp_path: Path) -> None:
    said = totals(publish(tmp_path))
    assert (said.printed, said.unique_trades) == (16, 8)
    assert (said.adl_trades, said.backstop_trades) == (4, 4)
    assert (said.adl_usd, said.backstop_usd, said.usd) == (300.0, 325.0, 625.0)
    assert (said.coins, said.adl_coins) == (2, 1)


def _timing(**fields: Any) -> dict[str, Any]:
    return {**TIMING, **fields}


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ("", "not the published results"),
        ("[1]", "not the published results"),
        ("[" * 50_000, "not the published results"),
        (_timing(timeline=[]), "the timeline is empty"),
        (_timing(event_start="soon"), "'soon' is not an ISO 8601 time"),
        (_timing(first_adl="0001-01-01T00:00:00Z"), "is no date of an exchange"),
        (_timing(timeline=[{"second": 0, "liquidations": 3, "adls": 0}]), "second 0 has 3"),
        (_timing(timeline=[{"second": 0, "liquidations": 2, "adls": 4}]), "even and not negative"),
        (_timing(timeline=[{"second": 0, "liquidations": -2, "adls": 0}]), "not the published"),
        (_timing(timeline=[TIMING["timeline"][1], TIMING["timeline"][0]]), "second 0 does not"),
        (_timing(timeline=TIMING["timeline"][:2]), "they are not of one event"),
    ],
)
def test_what_contradicts_itself_is_not_summed(tmp_path: Path, timing: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        totals(publish(tmp_path, timing=timing))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "counts 12 and 4 rows"),
        ("ticker,liq_notional\nBTC,5\n", "not the table by coin"),
        (TABLE.replace("900.0", "NaN"), "not the table by coin"),
        (TABLE.replace("900.0", "-1"), "not the table by coin"),
        (TABLE.replace("8,4", "9,4"), "'BTC' does not print each trade once a side"),
        (TABLE.replace("8,4", "10,4"), "counts 12 and 4 rows, combined_impact_by_ticker.csv 14"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        totals(publish(tmp_path, table=table))


def test_a_third_file_must_agree_if_it_is_there(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    impact = '{"liquidations":{"events":12,"notional":950.4},"adl":{"events":4,"notional":300.0}}'
    (folder / "total_impact_results.json").write_text(impact)
    assert totals(folder).usd == 625.0
    (folder / "total_impact_results.json").write_text(impact.replace("950.4", "960"))
    with pytest.raises(SourceError, match="differ by more than a dollar"):
        totals(folder)


def test_a_missing_or_enormous_file_is_an_error_of_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        totals(tmp_path)
    folder = publish(tmp_path)
    (folder / "cascade_timing_results.json").write_bytes(b" " * ((64 << 20) + 1))
    with pytest.raises(LimitError):
        totals(folder)


@pytest.mark.data
def test_the_published_event(data_dir: Path) -> None:
    folder = data_dir / "hl_oct10_adl"
    said = totals(folder)
    assert (said.printed, said.unique_trades) == (98_620, 49_310)
    assert (said.adl_trades, said.backstop_trades) == (34_983, 14_327)
    assert round(said.adl_usd) == 2_103_111_431
    assert round(said.usd / 1e9, 3) == 3.807
    assert said.usd == pytest.approx(said.adl_usd + said.backstop_usd)
    assert (said.coins, said.adl_coins) == (171, 162)
    assert said.first_forced_ns == ns_from_iso("2025-10-10T21:15:03.127372")
    assert said.first_adl_ns is not None
    assert said.first_adl_ns - said.first_forced_ns == 61_704_502_000
    assert {p.name for p in folder.iterdir()} - MEMBERS == {"LICENSE.pluriholonomic-MIT.txt"}
    assert len(read_timing(folder)[1].timeline) == 186
