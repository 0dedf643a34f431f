"""Tiers: continuous where the venue's are, a step where they are not."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, deductions, table_of


@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 0.05)), min_size=1, max_size=12),
    st.floats(0, 1),
)
def test_a_table_with_deductions_has_no_step(parts: list[tuple[float, float]], at: float) -> None:
    floors, rates = [0.0], [0.001]
    for width, more in parts:
        floors.append(floors[-1] + width)
        rates.append(min(1.0, rates[-1] + more))
    cums = deductions(floors, rates)
    bounds = [*floors[1:], floors[-1] * 2 + 1]
    rows = [(floors[i], bounds[i], rates[i], cums[i], 10.0) for i in range(len(floors))]
    table = table_of("X", rows, "made up")
    for floor in floors[1:]:
        below, above = table.maintenance(floor), table.maintenance(floor * (1 + 1e-12) + 1e-9)
        assert above == pytest.approx(below, rel=1e-6, abs=1e-6)
    size = at * bounds[-1]
    assert table.maintenance(size) >= -1e-6


def test_steps_are_the_whole_position_at_its_tiers_rate() -> None:
    tiers = (Tier(0, 3000, 0.004, 0, 125), Tier(3000, 6000, 0.005, 0, 100))
    table = TierTable("ETH", TierUnit.CONTRACTS, tiers, "OKX notice of 2021-06")
    assert table.maintenance(3000, 600_000) == 2400.0
    assert table.maintenance(3001, 600_200) == pytest.approx(3001.0)


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (Tier(1, 2, 0.01, 0, 10),),
        (Tier(0, 2, 0.01, 0, 10), Tier(3, 4, 0.02, 0, 5)),
        (Tier(0, 2, 0.02, 0, 10), Tier(2, 4, 0.01, 0, 5)),
        (Tier(0, 0, 0.02, 0, 10),),
        (Tier(0, 2, 1.5, 0, 10),),
        (Tier(0, 2, 0.1, -1, 10),),
        (Tier(0, 2, 0.1, 0, 0.5),),
    ],
)
def test_a_table_that_is_none_is_refused(tiers: tuple[Tier, ...]) -> None:
    with pytest.raises(InputError):
        TierTable("X", TierUnit.NOTIONAL, tiers, "made up")


def test_a_size_beyond_the_table_is_refused_with_its_source() -> None:
    table = table_of("BTC", [(0, 10, 0.01, 0, 10)], "page of 2026-01-01")
    with pytest.raises(InputError, match="page of 2026-01-01"):
        table.maintenance(11)


def test_captured_tiers_follow_the_recursion(data_dir: Path) -> None:
    captured = json.loads((data_dir / "venue_tiers.json").read_text())["binance_usdm"]["tiers"]
    for symbol, rows in captured.items():
        floors, rates = [row[0] for row in rows], [row[2] for row in rows]
        assert deductions(floors, rates) == pytest.approx([row[3] for row in rows]), symbol
