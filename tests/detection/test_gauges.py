"""The gauges: false alarms and delays on simulated flow, effective prints, prices, depth."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.detection.config import DetectorConfig
from airpocket.detection.gauges import DepthGauge, FlowBank, InterestGauge
from airpocket.market.events import Depth, DepthBand, DepthBands, OpenInterest
from airpocket.units import SECOND_NS

CONFIG = DetectorConfig.for_width(SECOND_NS)
STREAMS, HOURS = 16, 2
BINS = HOURS * 3600

Floats = NDArray[np.float64]


def flow_bank(spread_half_life_bins: float | None = None) -> FlowBank:
    return FlowBank(
        CONFIG.windows,
        recent_bins=CONFIG.bins(CONFIG.recent_ns),
        guard_bins=CONFIG.bins(CONFIG.guard_ns),
        mean_half_life_bins=CONFIG.bins(CONFIG.mean_half_life_ns),
        spread_half_life_bins=spread_half_life_bins or CONFIG.bins(CONFIG.spread_half_life_ns),
    )


def scores_of(sums: Floats, squares: Floats, bank: FlowBank | None = None) -> Floats:
    """Scores of each stream after each bin, shape (streams, bins)."""
    bank = flow_bank() if bank is None else bank
    rows = [bank.row(number) for number in range(len(sums))]
    scores = np.empty_like(sums)
    for at in range(sums.shape[1]):
        for row in rows:
            bank.put(row, float(sums[row, at]), float(squares[row, at]))
        bank.step()
        scores[:, at] = bank.scores()
    return scores


def alarms(scores: Floats, threshold: float) -> int:
    """Times that the score rose to the threshold, in all streams."""
    over = scores >= threshold
    return int(over[:, 0].sum() + (over[:, 1:] & ~over[:, :-1]).sum())


def prints(counts: Floats) -> tuple[Floats, Floats]:
    """Flow counted in prints of size one."""
    return counts, counts


def poisson(rate: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(11)
    return prints(rng.poisson(rate, (STREAMS, BINS)).astype(float))


def negative_binomial(rate: float, size: float) -> tuple[Floats, Floats]:
    """Variance over mean is 1 + rate / size."""
    rng = np.random.default_rng(12)
    counts = rng.negative_binomial(size, size / (size + rate), (STREAMS, BINS))
    return prints(counts.astype(float))


def clustered(rate: float) -> tuple[Floats, Floats]:
    """Parents at a rate, each with four prints on average, spread over seconds."""
    rng = np.random.default_rng(13)
    counts = np.zeros((STREAMS, BINS))
    for stream in counts:
        for parent in rng.uniform(0, BINS, rng.poisson(rate * BINS)):
            times = (parent + rng.exponential(5.0, rng.geometric(0.25))).astype(int)
            np.add.at(stream, times[times < BINS], 1.0)
    return prints(counts)


def lognormal_dollars(rate: float) -> tuple[Floats, Floats]:
    """Sizes over five orders of magnitude, as on any venue (science.md §3.8)."""
    rng = np.random.default_rng(14)
    sums, squares = np.zeros((STREAMS, BINS)), np.zeros((STREAMS, BINS))
    counts = rng.poisson(rate, (STREAMS, BINS))
    for stream, at in zip(*np.nonzero(counts), strict=True):
        sizes = rng.lognormal(8.0, 2.0, counts[stream, at])
        sums[stream, at], squares[stream, at] = sizes.sum(), (sizes**2).sum()
    return sums, squares


# Alarms in 32 stream-hours of stationary flow, without any price to confirm them: the bounds hold
# for the flow score alone, and are two to three times what was measured (right of each).
QUIET: dict[str, tuple[Callable[[], tuple[Floats, Floats]], int, int]] = {
    "poisson, one in 100 s": (lambda: poisson(0.01), 3, 0),  # 0, 0
    "poisson, one a second": (lambda: poisson(1.0), 3, 0),  # 0, 0
    "negative binomial, four times the variance": (lambda: negative_binomial(1.0, 0.3), 70, 2),
    "clusters of four": (lambda: clustered(0.05), 90, 4),  # 43, 1; the one above: 31, 0
    "lognormal dollars": (lambda: lognormal_dollars(0.1), 3, 0),  # 0, 0
}


@pytest.mark.parametrize("law", QUIET)
def test_false_alarms_of_quiet_flow(law: str) -> None:
    flow, alone, unconfirmed = QUIET[law]
    scores = scores_of(*flow())
    assert np.isfinite(scores).all()
    assert alarms(scores, CONFIG.score_alone) <= alone
    assert alarms(scores, CONFIG.score_unconfirmed) <= unconfirmed


def test_a_bank_without_the_spread_would_fail_there() -> None:
    """Planted bug: a spread that forgets at once never corrects anything."""
    blind = flow_bank(spread_half_life_bins=1e-3)
    scores = scores_of(*clustered(0.05), bank=blind)
    _, alone, unconfirmed = QUIET["clusters of four"]
    assert alarms(scores, CONFIG.score_alone) > alone
    assert alarms(scores, CONFIG.score_unconfirmed) > unconfirmed


@pytest.mark.parametrize(("rate", "half_s", "all_s"), [(0.1, 15, 30), (1.0, 3, 6), (5.0, 2, 2)])
def test_a_tenfold_rate_is_caught_within_seconds(rate: float, half_s: int, all_s: int) -> None:
    """Half of the streams within ``half_s``, every one within ``all_s``, after an hour of quiet."""
    rng = np.random.default_rng(21)
    counts = rng.poisson(rate, (30, 3600 + 60)).astype(float)
    counts[:, 3600:] = rng.poisson(10.0 * rate, (30, 60))
    over = scores_of(counts, counts)[:, 3600:] >= CONFIG.score_alone
    delays = np.where(over.any(axis=1), over.argmax(axis=1) + 1, 999)
    assert np.median(delays) <= half_s
    assert delays.max() <= all_s


def warm_bank(value: float = 1000.0, bins: int = 1800) -> tuple[FlowBank, int]:
    """One stream with a print of a thousand dollars each ten seconds."""
    bank = flow_bank()
    row = bank.row("X")
    for at in range(bins):
        if at % 10 == 0:
            bank.put(row, value, value * value)
        bank.step()
    return bank, row


def step_with(bank: FlowBank, row: int, sizes: list[float]) -> float:
    bank.put(row, sum(sizes), sum(size * size for size in sizes))
    bank.step()
    return bank.read(row).score


def test_one_huge_print_is_one_event() -> None:
    """Its score is only the logarithm of its size over the baseline, here of $100 a second."""
    for usd in (1e5, 1e6, 1e7):
        bank, row = warm_bank()
        score = step_with(bank, row, [usd])
        assert score == pytest.approx(math.log(usd / 100.0) - 1.0, abs=0.5)
        assert score < CONFIG.score_alone
    bank, row = warm_bank()
    assert step_with(bank, row, [100_000.0] * 500) > CONFIG.score_unconfirmed


def test_prints_of_unknown_size_are_measured_by_their_spread() -> None:
    bank, row = warm_bank()
    bank.put(row, 50_000_000.0, None)
    bank.step()
    assert bank.read(row).score > CONFIG.score_unconfirmed
    assert math.isfinite(bank.read(row).score)


def test_windows_reach_as_far_as_the_burst() -> None:
    bank, row = warm_bank()
    for _ in range(64):
        score = step_with(bank, row, [1000.0, 1000.0])
    told = bank.read(row)
    assert score > CONFIG.score_alone
    assert told.window_bins == 64
    assert told.total == pytest.approx(128_000.0)
    assert told.recent == pytest.approx(120_000.0)


def test_a_frozen_baseline_stays_and_a_thawed_one_learns() -> None:
    frozen, row = warm_bank()
    frozen.set_frozen(row, frozen=True)
    thawed, same_row = warm_bank()
    before = frozen.read(row).baseline
    for _ in range(600):
        step_with(frozen, row, [1000.0] * 20)
        step_with(thawed, same_row, [1000.0] * 20)
    # The bins since before the freezing that still waited behind the guard are quiet ones.
    assert frozen.read(row).baseline == pytest.approx(before, rel=0.05)
    assert thawed.read(same_row).baseline > 10.0 * before


def test_an_unobserved_bin_is_not_a_zero() -> None:
    bank, row = warm_bank()
    before = bank.read(row)
    bank.set_live(row, live=False)
    for _ in range(5000):
        bank.step()
    assert not bank.any_live()
    assert bank.read(row).baseline == before.baseline
    assert bank.read(row).history_bins == before.history_bins


@pytest.mark.parametrize("missed", [1, 30, 100, 257, 100_000])
def test_a_hole_is_as_long_as_it_was(missed: int) -> None:
    """Windows that reach over a hole find nothing in it; what was before it is as far as it is."""
    bank, row = warm_bank()
    for _ in range(4):
        step_with(bank, row, [1000.0] * 6)
    bank.set_live(row, live=False)
    bank.skip(missed)
    score = step_with(bank, row, [1000.0] * 6)
    told = bank.read(row)
    seen = [6000.0] + [0.0] * missed + [6000.0] * 4 + [1000.0 * (n % 10 == 0) for n in range(60)]
    assert told.recent == pytest.approx(sum(seen[:60]), abs=1000.0)
    alone, other = warm_bank()
    if missed >= 257:
        assert score == pytest.approx(step_with(alone, other, [1000.0] * 6), rel=0.1)


def test_a_lost_stream_has_no_score_and_its_hole_is_not_learnt() -> None:
    bank, row = warm_bank()
    step_with(bank, row, [1000.0] * 50)
    assert bank.scores()[row] > CONFIG.score_alone
    before = bank.read(row)
    bank.set_live(row, live=False)
    assert bank.scores()[row] == 0.0
    bank.skip(3600)
    for _ in range(200):
        step_with(bank, row, [])
    # The last bins before the hole and the hole itself are lost; only what came after is learnt.
    assert bank.read(row).history_bins <= before.history_bins + 200 - CONFIG.bins(CONFIG.guard_ns)
    assert bank.read(row).baseline == pytest.approx(before.baseline, rel=0.1)


def test_a_bank_grows_and_keeps_what_it_knows() -> None:
    bank, row = warm_bank()
    before = bank.read(row)
    rows = [bank.row(number) for number in range(100)]
    assert len(bank) == 101
    assert len(set(rows)) == 100
    assert bank.row("X") == row
    assert bank.read(row) == before
    assert bank.scores().shape == (101,)
    assert not bank.is_live(rows[-1])


@given(st.permutations(range(6)))
@settings(max_examples=10, deadline=None)
def test_rows_do_not_touch_each_other(order: list[int]) -> None:
    rng = np.random.default_rng(5)
    counts = rng.poisson(0.7, (6, 120)).astype(float)
    told = scores_of(counts, counts)
    again = scores_of(counts[order], counts[order])
    assert np.array_equal(again, told[order])


# -- prices ------------------------------------------------------------------------------------


def book(bid_qty: float, ask_qty: float) -> Depth:
    """Quantities of a coin at 99.5 and 100.5, and far more than 1 % away."""
    return Depth(
        venue="binance", symbol="X", raw_symbol="X",
        bids=((99.5, bid_qty), (90.0, 1e9)), asks=((100.5, ask_qty), (110.0, 1e9)),
    )  # fmt: skip


def bands(bid_usd: float, ask_usd: float) -> DepthBands:
    made = [(-5.0, 1e9), (-1.0, bid_usd), (-0.2, 1.0), (0.2, 1.0), (1.0, ask_usd), (5.0, 1e9)]
    return DepthBands(
        venue="binance", symbol="X", raw_symbol="X",
        bands=tuple(DepthBand(percent, usd / 100.0, usd) for percent, usd in made),
    )  # fmt: skip


@pytest.mark.parametrize("made", [book, bands])
def test_depth_is_the_thinner_side_against_its_own_normal(
    made: Callable[[float, float], Depth | DepthBands],
) -> None:
    gauge = DepthGauge()
    assert gauge.share() is None
    for number in range(100):
        gauge.update(made(10.0 + number % 2, 40.0 + number % 3), frozen=False)
    gauge.update(made(2.1, 41.0), frozen=True)
    assert gauge.share() == pytest.approx(0.2, rel=0.05)
    gauge.update(made(10.5, 4.1), frozen=True)
    assert gauge.share() == pytest.approx(0.1, rel=0.05)


def test_frozen_depth_stays_out_of_the_normal() -> None:
    kept, learnt = DepthGauge(half_life_updates=10.0), DepthGauge(half_life_updates=10.0)
    for number in range(60):
        for gauge in (kept, learnt):
            gauge.update(book(100.0 + number % 2, 100.0 + number % 2), frozen=False)
    for number in range(60):
        kept.update(book(20.0 + number % 2, 20.0 + number % 2), frozen=True)
        learnt.update(book(20.0 + number % 2, 20.0 + number % 2), frozen=False)
    kept_share, learnt_share = kept.share(), learnt.share()
    assert kept_share is not None
    assert learnt_share is not None
    assert kept_share == pytest.approx(0.2, rel=0.05)
    assert learnt_share > 0.8


def test_a_ghost_side_is_not_believed() -> None:
    """A bid side that repeats one value while the asks move (Binance, 2025-10-10)."""
    gauge = DepthGauge()
    for number in range(50):
        gauge.update(bands(1000.0 + number % 2, 1000.0 + number % 2), frozen=False)
    for number in range(20):
        gauge.update(bands(10.0, 900.0 + number % 2), frozen=True)
    assert gauge.share() == pytest.approx(0.9, rel=0.01)
    gauge.update(bands(11.0, 900.0), frozen=True)
    assert gauge.share() == pytest.approx(0.011, rel=0.01)


def test_a_missing_band_is_unknown_not_zero() -> None:
    gauge = DepthGauge()
    empty = DepthBands(venue="binance", symbol="X", raw_symbol="X", bands=())
    for number in range(20):
        gauge.update(bands(100.0 + number % 2, 100.0 + number % 2), frozen=False)
    before = gauge.share()
    gauge.update(empty, frozen=False)
    assert gauge.share() == before
    never = DepthGauge()
    never.update(empty, frozen=False)
    assert never.share() is None


def test_open_interest_keeps_the_last_of_each_unit() -> None:
    gauge = InterestGauge()
    assert (gauge.coins, gauge.usd) == (None, None)
    for coins, usd in ((5.0, None), (None, 300.0), (4.0, None)):
        gauge.update(
            OpenInterest(venue="okx", symbol="X", raw_symbol="X", qty_base=coins, notional_usd=usd)
        )
    assert (gauge.coins, gauge.usd) == (4.0, 300.0)
