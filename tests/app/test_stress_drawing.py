import numpy as np
import pytest

from airpocket.app.stress_drawing import figure_words, lines_of, set_words, size_words
from airpocket.app.stressing import Edge, Edges, SideBySide
from airpocket.cascade.comparison import compare
from airpocket.cascade.goals import EmptiesFund, Goal, ReachesPrice
from airpocket.cascade.impact import BookWalk, Curve, SquareRoot
from airpocket.cascade.parameters import ParameterSet
from airpocket.cascade.partial import Partial
from airpocket.cascade.prepared import prepare
from airpocket.cascade.shock import Shock
from airpocket.cascade.stress import Grows, Stress, frontier, largest_depth_factor
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.leverage.tiers import table_of
from airpocket.market.events import Side
from tests.cascade.laws import ladder_at

LAW = SquareRoot(daily_volatility=0.05, daily_volume_usd=5e7)
STEP = Curve(np.array([2e6, 4e6]), np.array([0.02, 0.04]))


def made(side: Side = Side.LONG) -> Ladder:
    return ladder_at([0.02, 0.05], [1e6, 8e6], side, [0.03, 0.06])


def edges(goal: Goal, side: Side = Side.LONG, shock: float | None = 0.03) -> Edges:
    """Both laws, with a name that would be markup."""
    found = []
    for name, law in (("root [bold]", LAW), ("book walk", BookWalk(STEP, STEP))):
        asked = Stress(ready=prepare(made(side), side), impact=law, goal=goal, most=0.5)
        factor = None if shock is None else largest_depth_factor(asked, shock)
        found.append(Edge(law=name, found=frontier(asked, [1.0, 0.5]), factor=factor))
    return Edges(
        ladder=made(side), side=side, provenance=Provenance.MEASURED, goal=goal,
        grows=Grows.MOVE, most=0.5, laws=tuple(found), depth=None, assumed=("made [red] up",),
    )  # fmt: skip


def side_by_side() -> SideBySide:
    sets = ParameterSet(name="a [x]"), ParameterSet(name="b", fund_usd=1e5, depth_factor=0.5)
    shock = Shock.by_move(-0.03)
    both = compare(made(), LAW, shock, *sets)
    return SideBySide(
        ladder=made(), shock=shock, first=sets[0], second=sets[1], laws=(("root", both),),
        depth=None, assumed=(),
    )  # fmt: skip


def test_a_search_in_words() -> None:
    text = "\n".join(lines_of(edges(ReachesPrice(90.0))))
    assert "what brings the price to 90.000: X/USDT:USDT on x at 100" in text
    assert r"root \[bold]" in text
    assert r"made \[red] up" in text
    assert "at least $9.0M" in text
    assert "book in sight is empty from −3.00 % on: it may come about earlier" in text
    assert "of the depth" in text
    up = "\n".join(lines_of(edges(EmptiesFund(1e9), Side.SHORT)))
    assert "what empties a fund of $1.00bn" in up
    assert up.count("none up to +50.00 % does") == 4
    assert "does not do it, even with 0.1 % of the depth" in up


def test_a_comparison_in_words() -> None:
    lines = list(lines_of(side_by_side()))
    text = "\n".join(lines)
    assert r"A a \[x]: present tiers, closed whole" in text
    assert "B b: present tiers, closed whole, fund $100k, 50 % of the depth" in text
    fund = next(line for line in lines if line.startswith("left in the fund"))
    assert fund.split()[4:6] == ["not", "known"]
    assert "not known" in fund[50:]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (
            ParameterSet(name="a", maintenance_factor=2.0, fee_rate=0.01, fund_usd=1e6,
                fee_to_fund=True, absorbed=0.25),
            (
                "present tiers times 2, closed whole, fee 1.00 % to the fund, fund $1.0M,"
                " 25 % to a backstop"
            ),
        ),
        (
            ParameterSet(name="a", tiers=table_of("X", [(0, 1, 0.1, 0, 1)], "-"),
                partial=Partial(tiers_down=1)),
            "tiers of its own, closed a tier at a time",
        ),
        (
            ParameterSet(name="a", partial=Partial(tiers_down=2)),
            "present tiers, closed 2 tiers at a time",
        ),
        (
            ParameterSet(name="a", partial=Partial(share=0.2)),
            "present tiers, closed 20 % first",
        ),
    ],
)  # fmt: skip
def test_a_set_in_words(parameters: ParameterSet, told: str) -> None:
    assert set_words(parameters) == told


def test_figures_in_words() -> None:
    cascade = side_by_side().laws[0][1].first.cascade
    assert figure_words("last_price", 97.0, cascade) == "97.000"
    assert figure_words("fall", 0.03, cascade) == "−3.00 %"
    assert figure_words("waves", 3.0, cascade) == "2"
    assert figure_words("adl_usd", 0.0, cascade) == "–"
    assert figure_words("fund_after_usd", 0.0, cascade) == "$0"
    assert figure_words("adl_usd", None, cascade) == "not known"
    assert size_words(2e6, Grows.ORDER, Side.SHORT) == "a purchase of $2.0M"
