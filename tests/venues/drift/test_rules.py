"""Drift v2: what its own tests state."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.venues.drift import rules


def answer(vector: dict[str, Any]) -> float:
    inputs = vector["inputs"]
    if vector["kind"] == "base_to_cover_shortage":
        return rules.base_to_cover(
            inputs["shortage"], inputs["price"], inputs["mr"], inputs["liq_fee"],
            inputs["if_fee"], inputs["quote_px"],
        )  # fmt: skip
    if vector["kind"] == "insurance_fee":
        return rules.insurance_fee(
            inputs["shortage"], inputs["base"], inputs["price"], inputs["mr"], inputs["liq_fee"],
            inputs["max_fee"],
        )  # fmt: skip
    assert vector["kind"] == "socialised_loss_per_base"
    return rules.socialised_loss(inputs["loss"], inputs["longs"], inputs["shorts"])


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "drift"]
    assert len(ours) == 7
    for vector in ours:
        limit = vector["tolerance"]["abs"]
        assert answer(vector) == pytest.approx(vector["expected"], rel=0, abs=limit), vector["id"]


def test_the_cases_without_the_file() -> None:
    assert rules.base_to_cover(10.0, 100.0, 0.1) == pytest.approx(1.0)
    assert rules.base_to_cover(10.0, 100.0, 0.1, 0.01) == pytest.approx(1.1111111111)
    assert rules.base_to_cover(10.0, 100.0, 0.1, 0.01, 0.01) == pytest.approx(1.25)
    assert rules.base_to_cover(10.0, 100.0, 0.1, quote_price=0.99) == pytest.approx(1.01010101)
    assert rules.insurance_fee(1.0, 10.0, 100.0, 0.05, 0.01, 0.05) == pytest.approx(0.03705)
    assert rules.insurance_fee(1.0, 10.0, 100.0, 0.05, 0.01, 0.02) == 0.02
    assert rules.insurance_fee(1_000.0, 10.0, 100.0, 0.05, 0.01, 0.05) == 0.0
    assert rules.socialised_loss(100.0, 7.0, -4.0) == pytest.approx(100 / 11)


def test_covering_with_that_base_frees_the_shortage() -> None:
    base = rules.base_to_cover(250.0, 80.0, 0.12, 0.02, 0.01)
    assert base * 80.0 * (0.12 - 0.02 - 0.01) == pytest.approx(250.0)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="no size covers"):
        rules.base_to_cover(10.0, 100.0, 0.02, 0.01, 0.01)
    with pytest.raises(InputError, match="price is nan"):
        rules.base_to_cover(10.0, math.nan, 0.1)
    with pytest.raises(InputError, match="no position"):
        rules.insurance_fee(1.0, 0.0, 100.0, 0.05, 0.01, 0.05)
    with pytest.raises(InputError, match="nobody"):
        rules.socialised_loss(1.0, 0.0, 0.0)
