"""Assumptions about leverage add up, and are what their sources say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.leverage_shares import (
    BITMEX_LIKE,
    HYPERLIQUID_LIKE,
    KERNELS,
    RETAIL_LIKE,
    LeverageKernel,
)


def _share(kernel: LeverageKernel, low: float, high: float) -> float:
    leverage, weight = kernel.points(1e4)
    return float(weight[(leverage >= low) & (leverage < high)].sum())


def test_there_are_three_of_different_names_with_sources() -> None:
    assert len({kernel.name for kernel in KERNELS}) == 3
    assert all(len(kernel.source) > 20 for kernel in KERNELS)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@given(most=st.floats(1.0, 200.0))
def test_points_carry_everything_and_stay_below_the_cap(
    kernel: LeverageKernel, most: float
) -> None:
    leverage, weight = kernel.points(most)
    assert weight.sum() == pytest.approx(1.0)
    assert (weight > 0).all()
    assert (leverage >= 1).all()
    assert (leverage <= most).all()


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_points_keep_the_mean(kernel: LeverageKernel) -> None:
    leverage, weight = kernel.points(1e4)
    assert float(leverage @ weight) == pytest.approx(kernel.mean, rel=0.02)


def test_shares_are_those_of_the_sources() -> None:
    # Hyperliquid: 36 % of notional to 3x, 48.5 % to 7x (rounded up to 49 %).
    assert _share(HYPERLIQUID_LIKE, 1, 3) == pytest.approx(0.36)
    assert _share(HYPERLIQUID_LIKE, 3, 7) == pytest.approx(0.49)
    assert _share(RETAIL_LIKE, 25, 26) == pytest.approx(0.25)
    # BitMEX: 80 % up to about 50x; means of 22x (longs) and 30x (shorts).
    assert _share(BITMEX_LIKE, 1, 50) == pytest.approx(0.80)
    assert 22 < BITMEX_LIKE.mean < 30


def test_within_a_range_it_is_log_uniform() -> None:
    leverage, weight = HYPERLIQUID_LIKE.points(1e4)
    inside = (leverage > 3) & (leverage < 7)
    below = inside & (leverage < np.sqrt(21))
    assert float(weight[below].sum()) == pytest.approx(0.49 / 2, rel=0.05)


@pytest.mark.parametrize(
    "ranges",
    [
        ((5, 5, 0.5),),
        ((0.5, 5, 1.0),),
        ((5, 3, 1.0),),
        ((5, 10, -0.5), (10, 20, 1.5)),
        ((5, float("nan"), 1.0),),
        ((5, 10, float("nan")),),
    ],
)
def test_what_is_no_distribution_is_refused(ranges: tuple[tuple[float, float, float], ...]) -> None:
    with pytest.raises(InputError, match="made up"):
        LeverageKernel(name="made up", ranges=ranges, source="nowhere")
