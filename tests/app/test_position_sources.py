from pathlib import Path

import numpy as np
import pytest

from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.app.position_sources import held_in
from airpocket.cascade.comparison import laid_out
from airpocket.cascade.parameters import ParameterSet
from airpocket.errors import InputError
from airpocket.leverage.ladder_file import write_ladder
from airpocket.leverage.position_prices import WithoutAccount
from airpocket.market.events import Side
from tests.app.console import ROOT
from tests.app.made_ladders import TWO_SIDES, both_sides, clusters_file, positions_file

POSITIONS = ROOT / "examples" / "positions.csv"


def test_positions_are_those_behind_the_ladder() -> None:
    wanted = Wanted(is_cross_isolated=True)
    ladder = read_ladders([POSITIONS], wanted)
    held = held_in([POSITIONS], ladder, wanted)
    assert held is not None
    assert held.mark_price == ladder.mark_price == 60_000
    assert held.tiers.symbol == "BTC/USDC:USDC"
    assert held.without_account is WithoutAccount.AS_ISOLATED
    laid = laid_out(held, ParameterSet(name="now")).ladder
    for side in Side:
        assert laid.side(side).price == pytest.approx(ladder.side(side).price)
        assert laid.side(side).total_usd == pytest.approx(ladder.side(side).total_usd)


def test_levels_are_no_positions(tmp_path: Path) -> None:
    wanted = Wanted(symbol="BTC")
    clusters = clusters_file(tmp_path / "c.jsonl", 0)
    assert held_in([clusters], read_ladders([clusters], wanted), wanted) is None
    written = tmp_path / "ladder.json"
    write_ladder(both_sides(), written)
    assert held_in([written], read_ladders([written], wanted), wanted) is None
    ladder = read_ladders([POSITIONS], wanted)
    assert held_in([POSITIONS, clusters], ladder, wanted) is None


def test_tiers_that_are_not_known_are_asked_for(tmp_path: Path) -> None:
    rows = [("ZORA", *row[1:]) for row in TWO_SIDES]
    source = positions_file(tmp_path / "p.csv", rows)
    wanted = Wanted()
    with pytest.raises(InputError, match="tiers are not known"):
        held_in([source], read_ladders([source], wanted), wanted)


@pytest.mark.data
def test_a_real_coin_without_a_table_has_the_tiers_that_its_positions_imply(
    data_dir: Path,
) -> None:
    (source,) = (data_dir / "hl_positions").glob("*.csv.gz")
    wanted = Wanted(symbol="MON")
    held = held_in([source], read_ladders([source], wanted), wanted)
    assert held is not None
    assert "inferred from" in held.tiers.source
    assert np.isfinite(held.tiers.tiers[0].rate)
