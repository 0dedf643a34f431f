"""The kernel of liquidation prices against a plain twin, written out loop by loop."""

import math

import numpy as np
import pytest

from airpocket.leverage.kernels import liquidation_prices

_UP_TO, _RATE, _CUM = [300.0, 800.0, 3000.0], [0.01, 0.02, 0.1], [0.0, 3.0, 67.0]


def _twin(size: float, long: bool, entry: float, margin: float, inverse: bool) -> float:  # noqa: FBT001
    """Try every tier, keep the one whose answer lies in it."""
    sign = (1 if long else -1) * (-1 if inverse else 1)
    entry_x = 1 / entry if inverse else entry
    above = 0.0
    for up_to, rate, cum in zip(_UP_TO, _RATE, _CUM, strict=True):
        x = (sign * size * entry_x - margin - cum) / (size * (sign - rate))
        if above < size * x <= up_to:
            return 1 / x if inverse else x
        above = up_to
    return math.nan


@pytest.mark.parametrize("inverse", [False, True])
def test_the_kernel_is_its_plain_twin(inverse: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(7)
    count = 5000
    entry = rng.uniform(0.5, 50.0, count)
    value = rng.uniform(1.0, 3500.0, count)
    size = value * entry if inverse else value / entry
    margin = value * rng.uniform(0.02, 1.1, count)
    is_long = rng.random(count) < 0.5
    price, tier = np.empty(count), np.empty(count, dtype=np.int64)
    liquidation_prices(
        size, is_long, entry, margin, size, inverse, np.array(_UP_TO), np.array(_RATE),
        np.array(_CUM), False, price, tier,
    )  # fmt: skip
    plain = [
        _twin(*row, inverse)
        for row in zip(
            size.tolist(), is_long.tolist(), entry.tolist(), margin.tolist(), strict=True
        )
    ]
    np.testing.assert_allclose(price, plain, rtol=1e-12)
    assert set(tier.tolist()) == {-1, 0, 1, 2}
    assert np.isnan(price).sum() == (tier == -1).sum()


def test_contracts_beyond_the_tiers_have_none() -> None:
    price, tier = np.empty(3), np.empty(3, dtype=np.int64)
    liquidation_prices(
        np.ones(3), np.ones(3, dtype=np.bool_), np.full(3, 100.0), np.full(3, 10.0),
        np.array([300.0, 301.0, 3001.0]), False, np.array(_UP_TO), np.array(_RATE), np.zeros(3),
        True, price, tier,
    )  # fmt: skip
    assert tier.tolist() == [0, 1, -1]
    assert price[:2].tolist() == pytest.approx([90 / 0.99, 90 / 0.98])
    assert math.isnan(price[2])
