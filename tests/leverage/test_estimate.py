"""The estimate keeps its books, stays on its side of the mark, and is a band."""

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.estimate import Band, Estimate, Removal, estimate
from airpocket.leverage.interest import InterestBars
from airpocket.leverage.ladder import Forced, Ladder, Provenance
from airpocket.leverage.leverage_shares import KERNELS, RETAIL_LIKE, LeverageKernel
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.market.events import Side
from airpocket.market.instrument import Kind
from airpocket.units import SECOND_NS
from airpocket.venues.register import catalogue_of, tiers_of
from tests.leverage.contracts import contract, flat

BTC = contract("binance")
FLAT = flat(0.005)
NO_MARGIN = TierTable("BTC/USDT:USDT", TierUnit.NOTIONAL, (Tier(0, 1e17, 0.0, 0, 125),), "made up")
REMOVALS = st.sampled_from(Removal)


def _bars(interest: Any, close: Any, **more: Any) -> InterestBars:
    price = np.asarray(close, dtype=np.float64)
    before = np.concatenate([price[:1], price[:-1]])
    columns: dict[str, Any] = {
        "high": np.maximum(price, before), "low": np.minimum(price, before), "close": price,
        "at_ns": np.arange(1, price.size + 1) * 300 * SECOND_NS, "source": "made up",
    }  # fmt: skip
    return InterestBars(open_interest=np.asarray(interest, np.float64), **(columns | more))


@st.composite
def paths(draw: st.DrawFn) -> InterestBars:
    n = draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    interest = 1_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.05, n)))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    return _bars(interest, close, taker_buy_share=rng.random(n))


def _held(ladder: Ladder, side: Side) -> float:
    return float(ladder.side(side, Provenance.ESTIMATED).qty_base.sum())


@settings(max_examples=30)
@given(bars=paths(), removal=REMOVALS, switches=st.tuples(st.booleans(), st.booleans()))
def test_what_was_added_was_removed_swept_aged_or_is_left(
    bars: InterestBars, removal: Removal, switches: tuple[bool, bool]
) -> None:
    reopens, ages = switches
    half_life_s = 3_600.0 if ages else None
    found = estimate(bars, BTC, FLAT, removal=removal, reopens=reopens, half_life_s=half_life_s)
    for name, sides in found.balances.items():
        for side, one in zip(Side, sides, strict=True):
            gone = one.swept + one.removed + one.faded
            assert one.placed == pytest.approx(gone + one.left, rel=1e-9, abs=1e-6)
            assert _held(found.ladder(name), side) == pytest.approx(one.left, abs=1e-3)
            interest = float(bars.open_interest[-1])
            if reopens:
                assert one.left + one.unplaced == pytest.approx(interest, rel=1e-9)
            else:
                assert one.left + one.unplaced <= interest * (1 + 1e-9)
            assert (one.faded > 0) <= ages


@settings(max_examples=30)
@given(bars=paths(), removal=REMOVALS, tilt=st.floats(0.0, 1.0))
def test_no_level_is_on_the_wrong_side_of_the_mark(
    bars: InterestBars, removal: Removal, tilt: float
) -> None:
    found = estimate(bars, BTC, FLAT, removal=removal, tilt=tilt)
    for layer in found.layers.values():
        assert (layer.longs.price < found.mark_price).all()
        assert (layer.shorts.price > found.mark_price).all()
        assert (np.diff(layer.longs.price) < 0).all()
        assert (np.diff(layer.shorts.price) > 0).all()
        assert layer.provenance is Provenance.ESTIMATED
        assert layer.forced is Forced.LIQUIDATION
    assert (found.longs.price < found.mark_price).all()
    assert (found.shorts.price > found.mark_price).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), removal=REMOVALS)
def test_mirrored_prices_mirror_longs_into_shorts(seed: int, removal: Removal) -> None:
    """Exact where the requirement does not move with the price (DESIGN §4): entries at 100."""
    rng = np.random.default_rng(seed)
    n = 30
    interest = 1_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.05, n)))
    low, high = 100.0 - rng.exponential(5.0, n).clip(0, 60), 100.0 + rng.exponential(5.0, n)
    share, flat_price = rng.random(n), np.full(n, 100.0)
    one = _bars(interest, flat_price, low=low, high=high, taker_buy_share=share)
    two = _bars(interest, flat_price, low=200.0 - high, high=200.0 - low, taker_buy_share=1 - share)
    # A width that no level and no price is a multiple of: rounding picks no side.
    first, second = (
        estimate(bars, BTC, NO_MARGIN, removal=removal, step=100.0 / 1_024.5) for bars in (one, two)
    )
    for name in first.layers:
        longs, shorts = first.layers[name].longs, second.layers[name].shorts
        assert shorts.price == pytest.approx(200.0 - longs.price, rel=1e-9)
        assert shorts.qty_base == pytest.approx(longs.qty_base, rel=1e-9)


def test_a_price_that_only_moves_opens_nothing() -> None:
    """Coins do not move with the price; dollars would be taken for positions."""
    close = 100.0 * np.exp(np.linspace(0.0, 0.2, 50))
    coins = estimate(_bars(np.full(50, 1_000.0), close), BTC, FLAT)
    assert all(side.placed == 0 for sides in coins.balances.values() for side in sides)
    assert coins.longs.price.size == 0
    assert coins.layers["retail"].share_of_oi == 0.0
    dollars = estimate(_bars(1_000.0 * close, close), BTC, FLAT)
    assert all(side.placed > 0 for sides in dollars.balances.values() for side in sides)


def test_levels_are_the_liquidation_prices_of_the_tiers() -> None:
    """100 coins opened at 100 with 5x to 100x; 0.5 % must be held: long (P - P/L) / (1 - 0.005)."""
    found = estimate(_bars([100.0, 200.0], [100.0, 100.0]), BTC, FLAT, step=0.001)
    layer = found.layers["retail"]
    expected = {level: (100 - 100 / level) / 0.995 for level in (100, 50, 25, 10, 5)}
    assert layer.longs.price == pytest.approx(list(expected.values()), abs=0.001)
    assert layer.longs.qty_base == pytest.approx([10.0, 20.0, 25.0, 30.0, 15.0])
    assert layer.longs.notional_usd == pytest.approx(layer.longs.price * layer.longs.qty_base)
    above = [(100 + 100 / level) / 1.005 for level in (100, 50, 25, 10, 5)]
    assert layer.shorts.price == pytest.approx(above, abs=0.001)
    assert layer.share_of_oi == pytest.approx(0.5)


def test_what_the_range_of_a_bar_passes_is_swept() -> None:
    bars = _bars([100.0, 200.0, 200.0], [100.0, 100.0, 100.0], low=np.array([100.0, 100.0, 95.0]))
    found = estimate(bars, BTC, FLAT, reopens=False)
    long, short = found.balances["retail"]
    assert [long.swept, long.left] == pytest.approx([55.0, 45.0])
    assert [short.swept, short.left] == pytest.approx([0.0, 100.0])
    assert found.layers["retail"].longs.price.max() < 95.0
    again = estimate(bars, BTC, FLAT)
    assert again.balances["retail"][0].placed == pytest.approx(155.0)


def test_takers_tilt_which_side_is_levered() -> None:
    share = np.array([0.5, 0.9])
    bars = _bars([100.0, 200.0], [100.0, 100.0], taker_buy_share=share)

    def left(tilt: float) -> tuple[float, float]:
        long, short = estimate(bars, BTC, FLAT, tilt=tilt).balances["retail"]
        return long.left, short.left

    assert left(0.0) == pytest.approx((100.0, 100.0))
    assert left(0.5) == pytest.approx((100.0, 60.0))
    assert left(1.0) == pytest.approx((100.0, 20.0))  # takers buy: shorts are makers, in part


def test_age_takes_half_in_a_half_life() -> None:
    interest, close = np.full(13, 200.0), np.full(13, 100.0)
    interest[0] = 100.0
    found = estimate(_bars(interest, close), BTC, FLAT, half_life_s=11 * 300.0)
    assert found.balances["retail"][0].left == pytest.approx(50.0)
    assert found.balances["retail"][0].faded == pytest.approx(50.0)


def test_leverage_above_the_cap_counts_at_the_cap() -> None:
    table = TierTable("BTC/USDT:USDT", TierUnit.NOTIONAL, (Tier(0, 1e17, 0.005, 0, 25),), "page")
    found = estimate(_bars([100.0, 200.0], [100.0, 100.0]), BTC, table, step=0.001)
    longs = found.layers["retail"].longs
    assert longs.qty_base == pytest.approx([55.0, 30.0, 15.0])
    assert longs.price[0] == pytest.approx(96 / 0.995, abs=0.001)


def test_the_size_of_a_position_decides_its_tier() -> None:
    tiers = tiers_of("binance").find("BTC/USDT:USDT")
    bars = _bars([100.0, 200.0], [100_000.0, 100_000.0])
    small = estimate(bars, BTC, tiers, position_usd=1e4).layers["retail"].longs
    large = estimate(bars, BTC, tiers, position_usd=2e7).layers["retail"].longs
    assert large.price.min() > small.price.min()  # 2 % must be held instead of 0.4 %


def test_inverse_contracts_are_counted_in_dollars() -> None:
    coin = contract("binance", "BTC/USD:BTC", Kind.INVERSE, 100.0)
    table = flat(0.005, symbol="BTC/USD:BTC")
    found = estimate(_bars([1e6, 3e6], [100.0, 100.0]), coin, table, step=0.001)
    longs = found.layers["retail"].longs
    assert longs.notional_usd.sum() == pytest.approx(2e6)
    assert longs.qty_base == pytest.approx(longs.notional_usd / longs.price)
    # N (1 + mmr) / (N/P + N/(P L)), science.md §1.1.
    expected = [100.0 * 1.005 / (1 + 1 / level) for level in (100, 50, 25, 10, 5)]
    assert longs.price == pytest.approx(expected, abs=0.001)


def _by_price(band: Band, price: NDArray[np.float64], usd: NDArray[np.float64]) -> Any:
    at = {round(float(key), 6): value for key, value in zip(price, usd, strict=True)}
    return np.array([at.get(round(float(key), 6), 0.0) for key in band.price])


@settings(max_examples=20)
@given(bars=paths())
def test_the_band_spans_the_kernels(bars: InterestBars) -> None:
    found: Estimate = estimate(bars, BTC, FLAT)
    for side, band in ((Side.LONG, found.longs), (Side.SHORT, found.shorts)):
        assert (band.low_usd <= band.mid_usd).all()
        assert (band.mid_usd <= band.high_usd).all()
        assert (band.high_usd > 0).all()
        rows = [
            _by_price(band, layer.side(side).price, layer.side(side).notional_usd)
            for layer in found.layers.values()
        ]
        assert band.low_usd == pytest.approx(np.min(rows, axis=0))
        assert band.mid_usd == pytest.approx(np.median(rows, axis=0))
        assert band.high_usd == pytest.approx(np.max(rows, axis=0))


def test_each_kernel_gives_a_ladder_of_its_own() -> None:
    found = estimate(_bars([100.0, 200.0], [100.0, 100.0]), BTC, FLAT)
    assert list(found.layers) == [kernel.name for kernel in KERNELS]
    ladder = found.ladder("bitmex")
    assert (ladder.venue, ladder.symbol, ladder.mark_price) == ("binance", "BTC/USDT:USDT", 100.0)
    assert len(ladder.layers) == 1
    assert any("BitMEX" in said for said in ladder.layers[0].assumed)
    with pytest.raises(InputError, match="hyperliquid, retail, bitmex"):
        found.ladder("coinglass")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kernels": KERNELS[:2]}, "needs three"),
        ({"kernels": (RETAIL_LIKE,) * 3}, "needs three"),
        ({"tilt": 1.5}, "tilt"),
        ({"tilt": float("nan")}, "tilt"),
        ({"half_life_s": 0.0}, "half-life"),
        ({"position_usd": -1.0}, "position"),
        ({"fee_rate": float("nan")}, "fee"),
        ({"step": 0.0}, "levels of 0.0"),
        ({"step": float("nan")}, "levels of nan"),
        ({"step": 1e-6}, "too many"),
    ],
)
def test_parameters_out_of_bounds_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        estimate(_bars([100.0, 200.0], [100.0, 100.0]), BTC, FLAT, **changed)


def test_another_kernel_widens_the_band() -> None:
    calm = LeverageKernel(name="calm", ranges=((1, 2, 1.0),), source="made up for this test")
    bars = _bars([100.0, 200.0], [100.0, 100.0])
    three, four = estimate(bars, BTC, FLAT), estimate(bars, BTC, FLAT, kernels=(*KERNELS, calm))
    assert list(four.layers)[-1] == "calm"
    assert four.longs.low_usd.sum() <= three.longs.low_usd.sum()
    assert four.longs.price.size >= three.longs.price.size


@pytest.mark.data
def test_the_crash_of_february_keeps_its_books(data_dir: Path) -> None:
    """Eleven days of five minutes: 101,896 BTC of interest at first, 80,526 at the end."""
    path = data_dir / "feb2026" / "BTC_oi_5m_20260128_20260208.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    coins = np.array([float(row["oi"]) for row in rows])
    close = np.array([float(row["oi_usd"]) for row in rows]) / coins
    at_ns = np.array([int(row["t"]) for row in rows]) * 1_000_000
    bars = _bars(coins, close, at_ns=at_ns, source=path.name)
    perp = catalogue_of("binance").find("BTCUSDT")
    assert perp is not None
    found = estimate(bars, perp, tiers_of("binance").find("BTC/USDT:USDT"))
    for long, short in found.balances.values():
        for one in (long, short):
            assert one.left + one.unplaced == pytest.approx(80_526.195)
            assert one.placed == pytest.approx(one.swept + one.removed + one.left)
        assert long.swept > short.swept  # a crash sweeps longs
    # What was opened above 70,000 with 100x is long gone; the band keeps clear of the mark.
    assert found.longs.price.max() < found.mark_price < found.shorts.price.min()
    share = found.layers["hyperliquid"].share_of_oi
    assert share is not None
    assert 0.6 < share < 0.8
