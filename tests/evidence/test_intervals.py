"""Intervals against published tables, against their own definition, and under days that differ."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.evidence.intervals import bootstrap_by_day, poisson_interval, share_interval


# Garwood's table (Biometrika 28, 1936), as printed in every handbook: 95 % and 99 %.
@pytest.mark.parametrize(
    ("count", "level", "low", "high"),
    [
        (0, 0.95, 0.0, 3.689), (1, 0.95, 0.0253, 5.572), (2, 0.95, 0.242, 7.225),
        (5, 0.95, 1.623, 11.668), (10, 0.95, 4.795, 18.390), (30, 0.95, 20.241, 42.827),
        (100, 0.95, 81.364, 121.627), (0, 0.99, 0.0, 5.298), (3, 0.99, 0.338, 10.977),
        (10, 0.99, 3.717, 21.398),
    ],
)  # fmt: skip
def test_poisson_as_published(count: int, level: float, low: float, high: float) -> None:
    found = poisson_interval(count, level=level)
    assert found.low == pytest.approx(low, abs=6e-4)
    assert found.high == pytest.approx(high, abs=6e-4)
    assert found.level == level


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129),
        (8, 10, 0.4439, 0.9748), (10, 10, 0.6915, 1.0), (15, 20, 0.5090, 0.9134),
        (0, 0, 0.0, 1.0),
    ],
)  # fmt: skip
def test_share_as_published(hits: int, of: int, low: float, high: float) -> None:
    found = share_interval(hits, of)
    assert found.low == pytest.approx(low, abs=6e-5)
    assert found.high == pytest.approx(high, abs=6e-5)


def poisson_at_most(count: int, mean: float) -> float:
    return math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1)
    )


def binomial_at_most(hits: int, of: int, share: float) -> float:
    return math.fsum(
        math.comb(of, k) * share**k * (1.0 - share) ** (of - k) for k in range(hits + 1)
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1000), st.sampled_from([0.8, 0.95, 0.99]))
def test_poisson_by_its_definition(count: int, level: float) -> None:
    found, tail = poisson_interval(count, level=level), (1 - level) / 2
    assert poisson_at_most(count, found.high) == pytest.approx(tail, rel=1e-7)
    if count:
        assert 1 - poisson_at_most(count - 1, found.low) == pytest.approx(tail, rel=1e-7)
    wider, more = poisson_interval(count, level=0.999), poisson_interval(count + 1, level=level)
    assert wider.low <= found.low <= count <= found.high < wider.high
    assert found.low < more.low
    assert found.high < more.high


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 120), st.integers(0, 120), st.sampled_from([0.8, 0.95, 0.99]))
def test_share_by_its_definition(of: int, hits: int, level: float) -> None:
    hits = min(hits, of)
    found, tail = share_interval(hits, of, level), (1 - level) / 2
    if hits < of:
        assert binomial_at_most(hits, of, found.high) == pytest.approx(tail, rel=1e-8)
    if hits:
        assert 1 - binomial_at_most(hits - 1, of, found.low) == pytest.approx(tail, rel=1e-8)
    other = share_interval(of - hits, of, level)
    assert other.low == pytest.approx(1 - found.high, abs=1e-12)
    assert 0 <= found.low <= hits / of <= found.high <= 1


def test_the_normal_approximation_would_be_noticed() -> None:
    # What a shorter implementation would do: at no false alarm it knows the rate to be zero.
    for count in (0, 1, 5):
        high = count + 1.96 * math.sqrt(count)
        assert poisson_at_most(count, max(high, 1e-9)) != pytest.approx(0.025, rel=0.2)


def test_large_counts_and_exposures() -> None:
    found = poisson_interval(1_000_000, 1000.0)
    # Wilson and Hilferty: shape + z·sqrt(shape) + (z² − 1)/3, of shapes n and n + 1.
    assert found.low == pytest.approx((1_000_000 - 1959.96 + 0.947) / 1000, rel=1e-7)
    assert found.high == pytest.approx((1_000_001 + 1959.97 + 0.947) / 1000, rel=1e-7)
    share = share_interval(500_000, 1_000_000)
    assert share.low == pytest.approx(0.5 - 0.00098, abs=2e-6)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: poisson_interval(-1), lambda: poisson_interval(1, 0.0),
        lambda: poisson_interval(1, math.nan), lambda: poisson_interval(1, math.inf),
        lambda: poisson_interval(1, level=1.0), lambda: poisson_interval(1, level=math.nan),
        lambda: share_interval(3, 2), lambda: share_interval(-1, 2),
        lambda: share_interval(1, 2, 0.0), lambda: bootstrap_by_day(3, lambda _: 1.0, draws=0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(ask: Any) -> None:
    with pytest.raises(InputError):
        ask()


# -- days drawn again --------------------------------------------------------------------------


def _mean_of(values: NDArray[np.float64]) -> Any:
    return lambda drawn: float(drawn @ values) / float(drawn.sum())


def test_days_drawn_again_spread_as_a_mean_does() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(10.0, 2.0, 400)
    found = bootstrap_by_day(400, _mean_of(values), draws=4000, seed=1)
    assert found is not None
    half = 1.96 * float(values.std()) / 20.0
    assert found.low == pytest.approx(float(values.mean()) - half, abs=0.15 * half)
    assert found.high == pytest.approx(float(values.mean()) + half, abs=0.15 * half)
    assert bootstrap_by_day(400, _mean_of(values), draws=4000, seed=1) == found
    assert bootstrap_by_day(400, _mean_of(values), draws=4000, seed=2) != found


def test_symbols_that_fall_together_are_one_piece_of_evidence() -> None:
    # 30 days, 10 symbols that all hit or all miss: drawn singly they would look like 300 events.
    rng = np.random.default_rng(5)
    hit = (rng.random(30) < 0.5).astype(np.float64)
    days = bootstrap_by_day(30, _mean_of(hit), seed=1)
    singly = bootstrap_by_day(300, _mean_of(np.repeat(hit, 10)), seed=1)
    assert days is not None
    assert singly is not None
    assert (days.high - days.low) > 2.5 * (singly.high - singly.low)


def test_too_few_days_tell_nothing() -> None:
    assert bootstrap_by_day(0, lambda _: 1.0) is None
    assert bootstrap_by_day(1, lambda _: 1.0) is None
    assert bootstrap_by_day(9, lambda _: None) is None
    assert bootstrap_by_day(9, lambda _: math.nan) is None
    endless = bootstrap_by_day(2, lambda drawn: math.inf if drawn[0] else 1.0)
    assert endless is not None
    assert endless.high == math.inf
