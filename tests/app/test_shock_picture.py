from pathlib import Path

import pytest

from airpocket.app.shock_picture import draw_shock
from airpocket.app.shocking import Settled
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Provenance
from tests.app.made_ladders import DENSE, ladder, layer
from tests.app.test_shock_drawing import settled

BOTH = ladder(layer(DENSE, [(101.0, 1e6)]))


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_outcome_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    for name in "ab":
        draw_shock(settled(Shock.by_move(-0.015)), tmp_path / f"{name}.{ending}")
    one, other = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert one == other


@pytest.mark.parametrize(
    "one",
    [
        settled(Shock.by_move(0.02), made=BOTH),
        settled(Shock.by_sale(5e7), count=300),
        settled(Shock.by_sale(1.0), roots=False),
        settled(Shock.by_move(-0.9999)),
        settled(Shock.by_move(5.0), made=BOTH),
        settled(Shock.by_move(-0.02), made=ladder(layer(DENSE, known=Provenance.ESTIMATED))),
    ],
    ids=["shorts", "book empty", "tiny", "all of it", "fivefold", "estimated"],
)
def test_whatever_comes_of_it_can_be_drawn(tmp_path: Path, one: Settled) -> None:
    draw_shock(one, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 20_000


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("mine")
    with pytest.raises(InputError, match="nothing is ever overwritten"):
        draw_shock(settled(Shock.by_move(-0.015)), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "mine"
