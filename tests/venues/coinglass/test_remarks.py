"""What a reader is told about a CoinGlass file."""

from pathlib import Path

import pytest

from airpocket.market.events import (
    Coverage,
    DepthBands,
    ForcedFlow,
    Funding,
    Gap,
    GapCause,
    OpenInterest,
)
from airpocket.market.quality import FindingCode
from airpocket.units import HOUR_NS, ns_from_iso
from tests.venues.coinglass.reading import contents, only

MERGED = "feb2026/coinglass_BTC_1h_liq_oi_funding_price_20251204_20260602.csv.gz"


@pytest.mark.data
def test_the_daily_series_breaks_at_the_throttle(data_dir: Path) -> None:
    events, findings = contents(
        data_dir / "coinglass_daily/liquidation_aggregated_coin_history_BTC.csv.gz"
    )
    (found,) = [f for f in findings if f.code is FindingCode.REGIME_BREAK]
    edge = ns_from_iso("2021-04-27")
    assert found.from_ns == edge
    # 125 days before are all there are. From 2021-01-01 on their mean is 193 M, as published.
    assert "$185.9M in the 125 before, $31.1M in the 125 after" in found.said
    flows = only(events, ForcedFlow)
    year = [f for f in flows if ns_from_iso("2021-01-01") <= (f.venue_ns or 0) < edge]
    assert round(sum(f.usd or 0.0 for f in year) / (len(year) / 2) / 1e6) == 193
    assert {f.coverage for f in flows if (f.venue_ns or 0) < edge} == {Coverage.SAMPLED}
    assert {f.coverage for f in flows if (f.venue_ns or 0) >= edge} == {Coverage.THROTTLED}


@pytest.mark.data
def test_open_interest_that_stands_still_is_not_believed(data_dir: Path) -> None:
    events, findings = contents(
        data_dir / "coinglass_daily/openInterest_ohlc_aggregated_stablecoin_BTC.csv.gz"
    )
    (found,) = [f for f in findings if f.code is FindingCode.EXCLUDED_COLUMN]
    assert found.count == 517
    assert found.from_ns == ns_from_iso("2023-12-12")
    holes = [g for g in only(events, Gap) if g.cause is GapCause.SILENCE]
    assert [(g.from_ns, g.to_ns) for g in holes] == [
        (ns_from_iso("2023-12-12"), ns_from_iso("2025-05-12"))
    ]
    assert all(oi.notional_usd is None for oi in only(events, OpenInterest))  # coins


@pytest.mark.data
def test_plain_rates_are_those_of_an_hour(data_dir: Path) -> None:
    """Eight of them are the 8-hour per cents of the merged file, within a tenth of the base rate."""
    plain, findings = contents(data_dir / "feb2026/BTC_funding_8h_20251201_20260531.csv")
    merged, _ = contents(data_dir / MERGED)
    eight = {f.venue_ns: f.rate for f in only(merged, Funding)}
    seen = 0
    for funding in only(plain, Funding):
        assert funding.interval_ns == HOUR_NS
        hour = round((funding.venue_ns or 0) / HOUR_NS) * HOUR_NS
        if hour in eight:
            assert abs(8 * funding.rate - eight[hour]) < 1e-5
            seen += 1
    assert seen == 536
    assert any("rate of one hour" in f.said for f in findings)


@pytest.mark.data
def test_depth_is_named_as_assumed_to_be_one_per_cent(data_dir: Path) -> None:
    events, findings = contents(data_dir / "coinglass_daily/orderbook_ask_bids_history.csv.gz")
    first = only(events, DepthBands)[0]
    assert [band.percent for band in first.bands] == [-1.0, 1.0]
    assert first.symbol == "BTC"
    said = " ".join(f.said for f in findings if f.code is FindingCode.ASSUMPTION)
    assert "±1 %" in said
    assert "beside it say BTC" in said
