"""Reverse stress and comparisons as a picture to share."""

from typing import TYPE_CHECKING, Final

from airpocket.app.ladder_words import layer_words, seen_words
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
from airpocket.cascade.stress import Grows
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

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
    """Draw the smallest shock over the share of the depth, a line a law."""
    coin = edges.ladder.symbol.partition("/")[0]
    _head(made, f"{coin}: {goal_words(edges)}", [whose_words(edges.ladder)])
    axes = made.add_axes((0.155, 0.225, 0.80, 0.66))
    sign = 1 if edges.side is Side.SHORT else -1
    scale = 100.0 if edges.grows is Grows.MOVE else 1.0
    for number, one in enumerate(edges.laws):
        colour = _LAWS[number % len(_LAWS)]
        does = sorted((f.depth_factor, f.shock) for f in one.found if f.shock is not None)
        axes.plot(
            [100 * factor for factor, _ in does],
            [sign * scale * shock for _, shock in does],
            "o-", color=colour, linewidth=2.6, markersize=9, label=shown(one.law),
        )  # fmt: skip
        for factor, shock in does:
            axes.annotate(
                size_words(shock, edges.grows, edges.side), (100 * factor, sign * scale * shock),
                xytext=(0, 9), textcoords="offset points", color=colour, fontsize=9, ha="center",
            )  # fmt: skip
        spared = [100 * f.depth_factor for f in one.found if f.shock is None]
        axes.plot(
            spared, [sign * scale * edges.most] * len(spared), "x", color=colour, markersize=10,
            label=shown(f"{one.law}: none up to here") if spared else None,
        )  # fmt: skip
    _frame(axes, edges)
    told = [layer_words(layer) for layer in edges.ladder.layers]
    if edges.depth is not None:
        told.append(f"{seen_words(edges.depth)}; from {edges.depth.source}")
    if any(f.book_ends_at is not None for one in edges.laws for f in one.found):
        told.append("where the book in sight is empty first, it may come about earlier")
    _foot(made, [*told, *(f"assumed: {said}" for said in edges.assumed)])


def _frame(axes: "Axes", edges: "Edges") -> None:
    from matplotlib.ticker import FuncFormatter

    by_move = edges.grows is Grows.MOVE
    axes.set_xlabel("share of the depth that is there, %", fontsize=11, color=INK)
    axes.set_title(
        "smallest move" if by_move else "smallest market order", fontsize=11, color=DIM, loc="left"
    )
    axes.yaxis.set_major_formatter(
        FuncFormatter(
            lambda value, _: f"{value:+.3g} %".replace("-", "−") if by_move else say_usd(abs(value))
        )
    )
    factors = [f.depth_factor for one in edges.laws for f in one.found]
    axes.set_xlim(0, 110 * max(factors))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0) * 1.06, max(high, 0) * 1.06)
    axes.grid(color=DIM, alpha=0.13, linewidth=0.8)
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    axes.legend(
        frameon=False, fontsize=10, labelcolor=DIM,
        loc="lower left" if edges.side is Side.LONG else "upper left",
    )  # fmt: skip


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
            f"A {found.first.name}: {set_words(found.first)}",
            f"B {found.second.name}: {set_words(found.second)}",
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
