"""What the rows of CoinGlass files become, and the figures of the real ones."""

from pathlib import Path

import pytest

from airpocket.market.events import (
    Bar,
    ForcedFlow,
    Funding,
    Gap,
    GapCause,
    OpenInterest,
    Side,
)
from airpocket.market.quality import FindingCode
from airpocket.units import DAY_NS, HOUR_NS, ns_from_iso
from tests.venues.coinglass.reading import at, contents, only, opened, written

MERGED = "feb2026/coinglass_BTC_1h_liq_oi_funding_price_20251204_20260602.csv.gz"
T0 = ns_from_iso("2025-10-10T20:00:00")


@pytest.mark.data
def test_top_hours_of_the_half_year(data_dir: Path) -> None:
    events, findings = contents(data_dir / MERGED)
    flows = only(events, ForcedFlow)
    for side, top, millions in (
        (Side.LONG, "2026-02-05T20:00:00", 134.3),
        (Side.SHORT, "2026-01-13T22:00:00", 109.0),
    ):
        largest = max((f for f in flows if f.side is side), key=lambda f: f.usd or 0.0)
        assert (largest.venue_ns, round((largest.usd or 0.0) / 1e6, 1)) == (
            ns_from_iso(top),
            millions,
        )
    holes = [gap for gap in only(events, Gap) if gap.cause is GapCause.SILENCE]
    assert len(holes) == 8 * 4  # eight missing hours, in each of the four series
    assert {gap.proven_by for gap in holes} == {"bar grid"}
    assert len(only(events, Bar)) == 4_312
    assert len(flows) == 2 * 4_312
    excluded = [f for f in findings if f.code is FindingCode.EXCLUDED_COLUMN]
    assert ["cvd" in f.said for f in excluded] == [True]


@pytest.mark.data
def test_open_interest_fell_in_dollars_but_hardly_in_coins(data_dir: Path) -> None:
    events, _ = contents(data_dir / "feb2026/BTC_oi_5m_20260128_20260208.csv.gz")
    open_interest = {oi.venue_ns: oi for oi in only(events, OpenInterest)}
    before = open_interest[ns_from_iso("2026-02-05T12:00:00")]
    low = open_interest[ns_from_iso("2026-02-06T00:20:00")]
    assert before.notional_usd is not None
    assert low.notional_usd is not None
    assert before.qty_base is not None
    assert low.qty_base is not None
    assert round(100 * (low.notional_usd / before.notional_usd - 1), 1) == -17.2
    assert round(100 * (low.qty_base / before.qty_base - 1), 1) == -3.1
    assert min(open_interest.values(), key=lambda oi: oi.notional_usd or 0.0) is low
    assert len(only(events, Gap)) == 1  # two samples a second off the grid are no hole


@pytest.mark.data
def test_the_four_hours_of_2025_10_10(data_dir: Path) -> None:
    flows, _ = contents(data_dir / "coinglass_4h/liquidation_aggregated_coin_history_BTC.csv.gz")
    bars = {(f.venue_ns, f.side): f.usd or 0.0 for f in only(flows, ForcedFlow)}
    assert round(bars[T0, Side.LONG] / 1e6, 1) == 235.6
    assert round(bars[T0, Side.SHORT] / 1e6, 1) == 107.5
    assert max(bars, key=lambda key: bars[key]) == (T0, Side.LONG)
    changes, _ = contents(data_dir / "coinglass_4h/openInterest_ohlc_aggregated_history_BTC.csv.gz")
    interest = {oi.venue_ns: oi.notional_usd or 0.0 for oi in only(changes, OpenInterest)}
    assert round(100 * (interest[T0 + 4 * HOUR_NS] / interest[T0] - 1), 1) == -17.8


def test_sides_and_coverage_of_sums(tmp_path: Path) -> None:
    path = written(
        tmp_path / "liquidation_ETH.csv",
        "time,aggregated_long_liquidation_usd,aggregated_short_liquidation_usd",
        f"{at('2025-01-01')},5.5,0",
        f"{at('2025-01-02')},7,2",
    )
    assert opened(path).label.width_ns == DAY_NS
    events, _ = contents(path)
    flows = only(events, ForcedFlow)
    assert [(f.side, f.usd, f.count) for f in flows] == [
        (Side.LONG, 5.5, None),
        (Side.SHORT, 0.0, None),
        (Side.LONG, 7.0, None),
        (Side.SHORT, 2.0, None),
    ]
    assert {f.symbol for f in flows} == {"ETH"}
    assert [str(f.raw_ref) for f in flows[1:3]] == [f"{path.name}#2", f"{path.name}#3"]


def test_a_hole_in_the_grid_is_a_gap(tmp_path: Path) -> None:
    path = written(
        tmp_path / "fundingRate_BTC.csv",
        "time_ms,open,high,low,close",
        *(f"{at('2025-01-01', hour * 3_600_000)},0.01,0.02,0.01,0.02" for hour in (0, 1, 3, 4)),
    )
    events, _ = contents(path)
    start = ns_from_iso("2025-01-01")
    hole = only(events, Gap)[0]
    assert (hole.from_ns, hole.to_ns) == (start + 2 * HOUR_NS, start + 3 * HOUR_NS)
    rates = [(f.venue_ns, f.rate) for f in only(events, Funding)]
    # The close is told before the hole, not at the end: that bar may be in progress.
    assert rates == [
        (start, 1e-4),
        (start + HOUR_NS, 1e-4),
        (start + 2 * HOUR_NS, 2e-4),
        (start + 3 * HOUR_NS, 1e-4),
        (start + 4 * HOUR_NS, 1e-4),
    ]
