import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_buckets import LadderMap, buckets_of
from airpocket.app.ladder_drawing import bar, lines_of
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.outcome import AirPocket
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side
from tests.app.made_ladders import both_sides, ladder, layer

SEEN = SeenDepth(
    venue="okx", symbol="BTC/USDT:USDT", source="[b]book", at_ns=None, mid=100.0,
    assumed=("a [red]book[/] of its own",),
)  # fmt: skip
SIDE = Curve(np.array([1e6, 4e6, 90e6]), np.array([0.005, 0.02, 0.04]))
POCKETS = {Side.LONG: (AirPocket(97.0, 95.0, 0.03, 0.05, 3.0),)}


def _drawn(drawn: LadderMap, width: int = 110) -> list[str]:
    return [Text.from_markup(line).plain for line in lines_of(drawn, width)]


def _full(width: int = 110) -> list[str]:
    walk = BookWalk(SIDE, SIDE)
    return _drawn(buckets_of(both_sides(), seen=SEEN, walk=walk, air_pockets=POCKETS), width)


def test_shorts_stand_above_the_mark_and_longs_below_it() -> None:
    lines = _drawn(buckets_of(ladder(layer([(97.0, 5e6)], [(104.0, 2e6)]))))
    mark = next(at for at, line in enumerate(lines) if " mark " in line)
    short = next(at for at, line in enumerate(lines) if "$2.0M" in line and "█" in line)
    long = next(at for at, line in enumerate(lines) if "$5.0M" in line and "█" in line)
    assert short < mark < long
    prices = [line.split("–")[0].strip() for line in lines if "–" in line and "%" in line]
    assert [float(one) for one in prices] == sorted((float(one) for one in prices), reverse=True)


def test_what_is_said_beside_the_bars() -> None:
    told = "\n".join(_full())
    assert "estimated, apart" in told
    assert "book in sight, same scale" in told
    assert "█ liquidations  ▒ stop orders" in told
    assert "┃ air-pocket 97 to 95 (−3.0 % to −5.0 %)" in told
    assert "assumed: a [red]book[/] of its own" in told, "markup from outside is text"
    assert "not in sight" in told


def test_the_pocket_marks_its_rows() -> None:
    rows = [line for line in _full() if "–" in line and "┃" in line]
    assert [row.split()[0] for row in rows] == ["96–97", "95–96"]


def test_a_row_adds_nothing_estimated_to_what_is_measured() -> None:
    both = layer([(97.0, 2e6)]), layer([(97.0, 50e6)], known=Provenance.ESTIMATED)
    line = next(one for one in _drawn(buckets_of(ladder(*both))) if "$50.0M" in one and "–" in one)
    assert "$2.0M" in line
    assert "$52.0M" not in line
    assert "░" in line


@settings(max_examples=30)
@given(st.integers(60, 160))
def test_rows_keep_their_columns(width: int) -> None:
    rows = [line for line in _full(width) if "│" in line]
    assert len({row.index("│") for row in rows}) == 1
    if width >= 90:
        assert max(len(row) for row in rows) <= width


def test_what_is_not_given_is_said() -> None:
    told = "\n".join(_drawn(buckets_of(ladder(layer([(97.0, 5e6)])))))
    assert "no book beside it (--depth SOURCE): where air-pockets lie is not known" in told
    assert "nothing above it is known" in told
    told = "\n".join(_drawn(buckets_of(ladder(layer((), [(103.0, 5e6)])))))
    assert "nothing below it is known" in told


def test_no_air_pocket_is_said_too() -> None:
    walk = BookWalk(SIDE, SIDE)
    assert "no air-pocket: " in "\n".join(_drawn(buckets_of(both_sides(), seen=SEEN, walk=walk)))


@pytest.mark.parametrize(
    ("value", "drawn"), [(10.0, "████"), (12.0, "████"), (0.0, ""), (-1.0, ""), (1e-9, "▏")]
)
def test_bars(value: float, drawn: str) -> None:
    assert bar(value, 10.0, 4) == drawn


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_a_longer_bar_is_never_drawn_shorter(one: float, other: float) -> None:
    def length(value: float) -> float:
        text = bar(value, 10.0, 20)
        return sum(" ▏▎▍▌▋▊▉█".index(mark) for mark in text)

    if one <= other:
        assert length(one) <= length(other)
