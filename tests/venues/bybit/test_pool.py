"""Bybit's insurance pools, against the two examples of its page."""

from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.venues.bybit.pool import Pool
from tests.venues.vectors import vectors_of


def _pool(**changed: Any) -> Pool:
    figures = {
        "balance": 1e6, "balance_most": 1e6, "profit": -350_000.0, "profit_most": 0.0,
    }  # fmt: skip
    return Pool(**figures | changed)


def test_both_vectors_are_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "bybit")
    for name in ("bybit-adl-1", "bybit-adl-2"):
        given, expected = found[name]["inputs"], found[name]["expected"]
        pool = _pool(
            profit=given["pnl_now"], profit_most=given["pnl_max_8h"],
            balance_most=given["pool_max_8h"],
        )  # fmt: skip
        assert pool.drawdown == pytest.approx(expected["ratio"], abs=1e-9)
        assert pool.deleverages() is expected["adl"]
        if "deleveraged_loss" in expected:
            assert pool.loss_of_winners == pytest.approx(expected["deleveraged_loss"], abs=1e-6)


def test_the_first_example_of_the_page() -> None:
    assert _pool().drawdown == pytest.approx(-0.35)
    assert _pool().loss_of_winners == pytest.approx(50_000)


def test_it_starts_at_30_and_ends_at_25_percent() -> None:
    assert not _pool(profit=-299_999.0).deleverages()
    assert _pool(profit=-300_000.0).deleverages()
    assert _pool(profit=-260_000.0).deleverages(is_on=True)
    assert not _pool(profit=-249_999.0).deleverages(is_on=True)


def test_before_december_2025_only_an_empty_pool_did() -> None:
    assert not _pool().deleverages(by_drawdown=False)
    assert _pool(balance=0.0).deleverages(by_drawdown=False)
    assert _pool(balance=-5421.0, balance_most=-5421.0, profit=0.0).deleverages()


def test_below_the_threshold_the_drawdown_does_not_count() -> None:
    assert not _pool(threshold=2e6).deleverages()


def test_a_maximum_below_the_present_is_refused() -> None:
    with pytest.raises(InputError, match="below what is there now"):
        _pool(balance_most=1.0)
    with pytest.raises(InputError, match="below what is there now"):
        _pool(profit_most=-400_000.0)
    with pytest.raises(InputError, match="held nothing"):
        assert _pool(balance=-1.0, balance_most=0.0).drawdown
