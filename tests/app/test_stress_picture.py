from pathlib import Path

import pytest

from airpocket.app.stress_picture import draw_stress
from airpocket.app.stressing import Edges, SideBySide
from airpocket.cascade.goals import EmptiesFund, ReachesPrice
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.app.test_stress_drawing import edges, side_by_side


@pytest.mark.parametrize(
    "found",
    [
        edges(ReachesPrice(90.0)),
        edges(EmptiesFund(1e9), Side.SHORT),  # no shock does: only outlines
        side_by_side(),
    ],
    ids=["reaches", "none", "sets"],
)
def test_the_same_answer_is_the_same_picture(tmp_path: Path, found: Edges | SideBySide) -> None:
    for ending in (".png", ".svg"):
        paths = [tmp_path / f"{name}{ending}" for name in ("one", "two")]
        for path in paths:
            draw_stress(found, path)
        first, second = (path.read_bytes() for path in paths)
        assert first == second
        assert len(first) > 10_000
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text.count("<path") > 50
    with pytest.raises(InputError):
        draw_stress(found, tmp_path / "one.png")
