from pathlib import Path

import numpy as np
import pytest

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_buckets import LadderMap, buckets_of
from airpocket.app.ladder_picture import draw_map
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.outcome import AirPocket
from airpocket.errors import InputError
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side
from tests.app.made_ladders import both_sides, ladder, layer

SEEN = SeenDepth(venue="okx", symbol="BTC/USDT:USDT", source="$book$ 行", at_ns=None, mid=100.0)
SIDE = Curve(np.array([1e6, 4e6, 90e6]), np.array([0.005, 0.02, 0.04]))


def _full() -> LadderMap:
    pockets = {
        Side.LONG: (AirPocket(97.0, 95.0, 0.03, 0.05, 3.0),),
        Side.SHORT: (AirPocket(103.0, 150.0, 0.03, 0.5, float("inf")),),
    }
    return buckets_of(both_sides(), seen=SEEN, walk=BookWalk(SIDE, SIDE), air_pockets=pockets)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_map_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    draw_map(_full(), tmp_path / f"a.{ending}")
    draw_map(_full(), tmp_path / f"b.{ending}")
    one, other = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert one == other
    assert len(one) > 20_000


def test_another_map_gives_another_picture(tmp_path: Path) -> None:
    draw_map(_full(), tmp_path / "a.png")
    draw_map(buckets_of(both_sides()), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "drawn",
    [
        buckets_of(ladder(layer([(97.0, 5e6)]))),
        buckets_of(ladder(layer((), [(103.0, 5e6)]))),
        buckets_of(ladder(layer([(97.0, 5e6)], known=Provenance.ESTIMATED), mark=97.5)),
        buckets_of(ladder(layer([(97e-6, 5.0)], [(2e-4, 0.5)]), mark=1e-4)),
        buckets_of(both_sides(), seen=SEEN, walk=BookWalk(SIDE, None)),
    ],
    ids=["longs", "shorts", "estimated", "tiny", "one side of the book"],
)
def test_whatever_there_is_can_be_drawn(tmp_path: Path, drawn: LadderMap) -> None:
    draw_map(drawn, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 20_000


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("mine")
    with pytest.raises(InputError, match="nothing is ever overwritten"):
        draw_map(_full(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "mine"
