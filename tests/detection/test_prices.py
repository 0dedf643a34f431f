"""Prices of the recent past: references, extremes, moves and their spread."""

import numpy as np
import pytest
from numpy.typing import NDArray

from airpocket.detection.config import DetectorConfig
from airpocket.detection.prices import PriceBank
from airpocket.units import SECOND_NS

CONFIG = DetectorConfig.for_width(SECOND_NS)
STREAMS, HOURS = 16, 2
BINS = HOURS * 3600

Floats = NDArray[np.float64]


def price_bank(horizon: int = 60, reference: int = 300) -> PriceBank:
    return PriceBank(
        horizon_bins=horizon, reference_bins=reference, guard_bins=130, half_life_bins=1800,
        reach_bins=316,
    )  # fmt: skip


def put_all(bank: PriceBank, row: int, closes: list[float]) -> None:
    for close in closes:
        bank.put(row, close, close, close)
        bank.step()


def test_sigma_of_a_random_walk_is_its_sigma() -> None:
    """The mean absolute move is scaled to a normal law's spread; a horizon is sqrt(bins) steps."""
    rng = np.random.default_rng(31)
    bank = price_bank()
    rows = [bank.row(number) for number in range(20)]
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, (20, 4000)), axis=1))
    for at in range(4000):
        for row in rows:
            bank.put(row, closes[row, at], closes[row, at], closes[row, at])
        bank.step()
    sigmas = [bank.sigma(row) for row in rows]
    assert np.median(sigmas) == pytest.approx(1e-4 * 60**0.5, rel=0.1)


def test_a_move_counts_wicks_over_the_horizon_only() -> None:
    bank = price_bank()
    row = bank.row("X")
    assert bank.move(row) is None
    put_all(bank, row, [100.0] * 200)
    bank.put(row, 90.0, 101.0, 100.0)
    bank.step()
    move = bank.move(row)
    assert move is not None
    assert move.fall == pytest.approx(-0.1)
    assert move.rise == pytest.approx(0.01)
    put_all(bank, row, [100.0] * 60)
    move = bank.move(row)
    assert move is not None
    assert (move.fall, move.rise) == (0.0, 0.0)


def test_a_price_that_is_not_seen_stays_and_a_lost_one_is_unknown() -> None:
    bank = price_bank()
    row = bank.row("X")
    assert bank.last(row) is None
    put_all(bank, row, [100.0] * 100)
    for _ in range(50):
        bank.step()
    assert bank.last(row) == 100.0
    move = bank.move(row)
    assert move is not None
    assert move.fall == 0.0
    bank.drop(row)
    assert bank.last(row) is None
    assert bank.span(row, 10) is None


@pytest.mark.parametrize("missed", [10, 100, 100_000])
def test_a_price_before_a_hole_is_as_long_ago_as_it_was(missed: int) -> None:
    bank = price_bank()
    row, kept = bank.row("lost"), bank.row("kept")
    for _ in range(200):
        bank.put(row, 100.0, 100.0, 100.0)
        bank.put(kept, 100.0, 100.0, 100.0)
        bank.step()
    bank.drop(row)
    bank.skip(missed)
    bank.put(row, 90.0, 90.0, 90.0)
    bank.put(kept, 90.0, 90.0, 90.0)
    bank.step()
    found, believed = bank.move(row), bank.move(kept)
    assert (found is not None) == (missed < 60)
    assert believed is not None
    assert believed.fall == pytest.approx(-0.1)


def test_the_reference_is_the_median_before_the_onset() -> None:
    bank = price_bank(reference=10)
    row = bank.row("X")
    put_all(bank, row, [50.0] * 20 + [100.0] * 9 + [400.0] + [80.0] * 5)
    assert bank.reference(row, 5) == 100.0
    assert bank.reference(bank.row("never seen"), 5) is None


def test_a_price_without_a_past_is_its_own_reference() -> None:
    bank = price_bank()
    row = bank.row("X")
    for _ in range(20):
        bank.step()
    put_all(bank, row, [70.0, 60.0])
    assert bank.reference(row, 10) == 70.0


def test_extremes_say_how_long_ago() -> None:
    bank = price_bank()
    row = bank.row("X")
    assert bank.extremes(row, 5) is None
    put_all(bank, row, [100.0, 90.0, 120.0, 100.0])
    assert bank.extremes(row, 4) == (90.0, 3, 120.0, 2)
    assert bank.extremes(row, 1) == (100.0, 1, 100.0, 1)
    assert bank.span(row, 4) == pytest.approx(0.3)


def test_a_price_bank_grows_and_keeps_what_it_knows() -> None:
    bank = price_bank()
    row = bank.row("X")
    put_all(bank, row, [100.0] * 100 + [99.0])
    before = bank.move(row), bank.sigma(row)
    for number in range(40):
        bank.row(number)
    assert len(bank) == 41
    assert bank.keys()[:2] == ["X", 0]
    assert (bank.move(row), bank.sigma(row)) == before


# -- depth and open interest -------------------------------------------------------------------
