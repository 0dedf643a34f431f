"""Deribit's maintenance by size."""

from pathlib import Path

import pytest

from airpocket.errors import InputError
from airpocket.venues.deribit.rules import size_rule
from tests.venues.vectors import near, vectors_of


def test_the_vector_is_met(data_dir: Path) -> None:
    (vector,) = vectors_of(data_dir, "deribit").values()
    found = []
    for coin in ("btc", "eth"):
        rule = size_rule(coin.upper())
        for size, base, slope in vector["inputs"][coin]:
            assert (rule.base, rule.slope) == (base, slope)
            found.append(rule.maintenance_fraction(size))
    assert found == near(vector)


def test_the_page_in_words() -> None:
    # 1 % and half a hundredth of a point for each BTC; 0.4 thousandths of a point for each ETH.
    assert size_rule("BTC").maintenance_fraction(0.0) == 0.01
    assert size_rule("BTC").maintenance_fraction(100.0) == pytest.approx(0.015)
    assert size_rule("ETH").maintenance_fraction(1000.0) == pytest.approx(0.014)
    assert size_rule("ETH").liquidation_fee == 0.009


def test_what_the_page_does_not_say_is_refused_with_its_date() -> None:
    with pytest.raises(InputError, match=r"SOL.*11 January 2022"):
        size_rule("SOL")
    for size in (-1.0, float("nan"), 1e6):
        with pytest.raises(InputError, match=r"out of range.*11 January 2022"):
            size_rule("BTC").maintenance_fraction(size)
