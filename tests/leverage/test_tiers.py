"""Tiers: continuous where the venue's are, a step where they are not."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.tiers import (
    Tier,
    TierTable,
    TierTables,
    TierUnit,
    deductions,
    table_of,
)
from airpocket.units import ns_from_iso


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


_TOML = """
venue = "okx"
[[tiers]]
symbol = "ETH/USDT:USDT"
unit = "contracts"
valid_to = "2023-01-01"
source = "notice of 2021"
rows = [[0, 3000, 0.004, 0, 125], [3000, inf, 0.005, 0, 100]]
[[tiers]]
symbol = "ETH/USDT:USDT"
valid_from = "2023-01-01"
source = "notice of 2023"
rows = [[0, 10, 0.01, 0, 50]]
"""


def test_dated_tables_are_read_and_found_by_day(tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(_TOML)
    tables = TierTables.load(path)
    assert len(list(tables)) == 2
    old = tables.find("ETH/USDT:USDT", ns_from_iso("2022-12-31T23:59:59Z"))
    assert (old.unit, old.source) == (TierUnit.CONTRACTS, "notice of 2021")
    assert old.index_at(1e9) == 1
    assert tables.find("ETH/USDT:USDT", ns_from_iso("2023-01-01")).source == "notice of 2023"
    assert tables.find("ETH/USDT:USDT").source == "notice of 2023"


def test_a_symbol_without_tiers_is_refused_by_name() -> None:
    table = TierTable("A/USDT:USDT", TierUnit.NOTIONAL, (Tier(0, 1, 0.1, 0, 10),), "x", 10**18)
    tables = TierTables("okx", [table])
    with pytest.raises(InputError, match="okx BTC/USDT:USDT: its tiers are not known"):
        tables.find("BTC/USDT:USDT")
    with pytest.raises(InputError, match="A/USDT:USDT: its tiers are not known for 2001"):
        tables.find("A/USDT:USDT", 10**18 - 1)


@pytest.mark.parametrize(
    "toml",
    [
        "tiers",
        '[[tiers]]\nsymbol = "A"\nsource = "x"\n',
        '[[tiers]]\nsymbol = "A"\nsource = "x"\nrows = [[0, 1, 0.1]]\n',
        '[[tiers]]\nsymbol = "A"\nsource = "x"\nrows = [[1, 2, 0.1, 0, 10]]\n',
        '[[tiers]]\nsymbol = "A"\nsource = "x"\nunit = "bytes"\nrows = [[0, 1, 0.1, 0, 10]]\n',
    ],
)
def test_a_file_with_bad_tiers_is_refused(tmp_path: Path, toml: str) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(toml)
    with pytest.raises(InputError, match=r"venue\.toml"):
        TierTables.load(path)
