"""Reverse stress and comparisons as a picture to share."""

from typing import TYPE_CHECKING, Final

from airpocket.app.ladder_words import layer_words, say_share, seen_words
from airpocket.app.picture_style import (
    BOOK,
    DIM,
    GUESS,
    INK,
    LONG,
    POCKET,
    SHORT,
    figure,
    save,
    shown,
    wrapped,
)
from airpocket.app.stress_drawing import (
    ROWS,
    figure_words,
    goal_words,
    set_words,
    size_words,
    whose_words,
)
from airpocket.cascade.comparison import Comparison
from airpocket.cascade.stress import Grows, SmallestShock
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from airpocket.app.stressing import Edges, SideBySide

__all__ = ["draw_stress"]

_LEFT: Final = 0.045
_LINE: Final = 100
_LINES: Final = 6
_SET: Final = 88
_LAWS: Final = (BOOK, POCKET, GUESS)
_BARS: Final = ("forced_usd", "loss_usd", "fund_paid_usd", "adl_notional_usd", "bad_debt_usd")


def draw_stress(found: "Edges | SideBySide", out: "Path") -> None:
    """Draw either answer into a file.

    Parameters
    ----------
    found
        What came of it.
    out
        Ends in ``.png`` or ``.svg``; never overwritten. The same answer gives the same bytes.
    """
    from airpocket.app.stressing import Edges

    with figure() as made:
        if isinstance(found, Edges):
            _edges(made, found)
        else:
            _side_by_side(made, found)
        save(made, out)


def _head(made: "Figure", title: str, below: "Sequence[str]") -> None:
    made.text(_LEFT, 0.962, shown(title), size=18, weight="bold")
    for number, said in enumerate(below):
        made.text(_LEFT, 0.934 - 0.022 * number, shown(said), size=10.5, color=DIM)


def _foot(made: "Figure", told: "Sequence[str]") -> None:
    lines = [line for said in told for line in wrapped(shown(said), _LINE, 2)][:_LINES]
    made.text(_LEFT, 0.148, "\n".join(lines), size=8.6, color=DIM, va="top", linespacing=1.45)
    made.text(0.955, 0.012, "airpocket", size=10, color=DIM, ha="right", weight="bold")


def _edges(made: "Figure", edges: "Edges") -> None:
    """Draw the smallest shock for each share of the depth, a bar a law."""
    coin = edges.ladder.symbol.partition("/")[0]
    what = "smallest move" if edges.grows is Grows.MOVE else "smallest market order"
    _head(
        made,
        f"{coin}: {goal_words(edges)}",
        [whose_words(edges.ladder), f"{what} that does it, by the share of the depth there is"],
    )
    for number, one in enumerate(edges.laws):
        colour = _LAWS[number % len(_LAWS)]
        made.text(
            _LEFT + 0.31 * number, 0.873, shown(one.law), size=11, color=colour, weight="bold"
        )
    _shocks(made.add_axes((0.16, 0.19, 0.80, 0.665)), edges)
    told = [
        layer_words(layer) for layer in edges.ladder.layers if layer.provenance is edges.provenance
    ]
    if edges.depth is not None:
        told.append(f"{seen_words(edges.depth)}; from {edges.depth.source}")
    if any(found.book_ends_at is not None for one in edges.laws for found in one.found):
        told.append("* the book in sight is empty before: it may come about earlier")
    _foot(made, [*told, *(f"assumed: {said}" for said in edges.assumed)])


def _shocks(axes: "Axes", edges: "Edges") -> None:
    factors = [found.depth_factor for found in edges.laws[0].found]
    height = 0.8 / len(edges.laws)
    sizes = [found.shock for one in edges.laws for found in one.found if found.shock is not None]
    widest = max(sizes, default=edges.most)
    for number, one in enumerate(edges.laws):
        colour = _LAWS[number % len(_LAWS)]
        for place, found in enumerate(one.found):
            at = place - 0.4 + height * (number + 0.5)
            none = found.shock is None
            size = widest if found.shock is None else found.shock
            axes.barh(
                at, size, height=0.86 * height, color="none" if none else colour,
                edgecolor=colour, linestyle="--" if none else "-",
            )  # fmt: skip
            axes.text(
                size + 0.012 * widest, at, _shock_words(found, edges.side), va="center",
                fontsize=10, color=INK,
            )  # fmt: skip
    axes.set_yticks(range(len(factors)), [say_share(factor, 0) for factor in factors])
    axes.set_ylim(len(factors) - 0.5, -0.5)
    axes.set_xlim(0, 1.65 * widest)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _shock_words(found: SmallestShock, side: Side) -> str:
    mark = "" if found.book_ends_at is None else " *"
    if found.shock is None:
        return f"none up to {size_words(found.most, found.grows, side)}{mark}"
    return f"{size_words(found.shock, found.grows, side)}{mark}"


def _side_by_side(made: "Figure", found: "SideBySide") -> None:
    """Draw dollars under both sets as pairs of bars, a panel a law."""
    coin, shock = found.ladder.symbol.partition("/")[0], found.shock
    size = shock.fall if shock.order_usd is None else shock.order_usd
    grows = Grows.MOVE if shock.order_usd is None else Grows.ORDER
    _head(
        made,
        f"{coin} under two sets: {size_words(size, grows, shock.side)}",
        [
            whose_words(found.ladder),
            *wrapped(f"A {found.first.name}: {set_words(found.first)}", _SET, 1),
            *wrapped(f"B {found.second.name}: {set_words(found.second)}", _SET, 1),
        ],
    )
    height = 0.66 / len(found.laws)
    for number, (name, both) in enumerate(found.laws):
        bottom = 0.86 - height * (number + 1)
        axes = made.add_axes((0.30, bottom + 0.06, 0.62, height - 0.10))
        _bars(axes, name, both)
    known = Provenance.MEASURED if found.ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
    told = [layer_words(layer) for layer in found.ladder.layers if layer.provenance is known]
    _foot(made, [*told, *(f"assumed: {said}" for said in found.assumed)])


def _bars(axes: "Axes", name: str, both: Comparison) -> None:
    rows = {row.key: row for row in both.rows}
    first = both.first.cascade
    ends = [figure_words("fall", rows["fall"].first, first)]
    ends.append(figure_words("fall", rows["fall"].second, first))
    axes.set_title(
        shown(f"{name}: price at rest A {ends[0]}, B {ends[1]}"), fontsize=11, color=INK, loc="left"
    )
    keys = [key for key in _BARS if key == "forced_usd" or rows[key].first or rows[key].second]
    widest = max(*(max(rows[key].first or 0, rows[key].second or 0) for key in keys), 1.0)
    for place, key in enumerate(keys):
        for shift, value, colour, letter in (
            (-0.2, rows[key].first, BOOK, "A"),
            (0.2, rows[key].second, LONG if first.side is Side.LONG else SHORT, "B"),
        ):
            axes.barh(place + shift, value or 0.0, height=0.36, color=colour)
            axes.text(
                (value or 0.0) + 0.01 * widest, place + shift,
                f"{letter} {figure_words(key, value, first)}", va="center", fontsize=9, color=INK,
            )  # fmt: skip
    axes.set_yticks(range(len(keys)), [ROWS[key] for key in keys], fontsize=9)
    axes.set_ylim(len(keys) - 0.5, -0.5)
    axes.set_xlim(0, 1.25 * widest)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
