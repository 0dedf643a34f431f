"""A settled shock as a picture to share: the price against what was forced on the way."""

from typing import TYPE_CHECKING, Final

import numpy as np

from airpocket.app.ladder_words import layer_words, say_move, say_time, seen_words
from airpocket.app.picture_style import (
    BACKGROUND,
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
    tag,
    under_tag,
    wrapped,
)
from airpocket.app.shock_drawing import is_beyond, shock_words, stop_words
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from airpocket.app.shocking import Settled

__all__ = ["draw_shock"]

_LEFT: Final = 0.045
_LINE: Final = 100
_LINES: Final = 7
_NOTES: Final = 3
_LAWS: Final = (BOOK, POCKET, GUESS)
_ROW: Final = 0.047
_ROOM: Final = 1.25
_REACH_MOST: Final = 0.35


def draw_shock(settled: "Settled", out: "Path") -> None:
    """Draw a settled shock into a file.

    Parameters
    ----------
    settled
        What came of it.
    out
        Ends in ``.png`` or ``.svg``; never overwritten. The same outcome gives the same bytes.
    """
    with figure() as made:
        _head(made, settled)
        _chains(made, settled)
        _foot(made, settled)
        save(made, out)


def _head(made: "Figure", settled: "Settled") -> None:
    ladder = settled.ladder
    coin = ladder.symbol.partition("/")[0]
    made.text(_LEFT, 0.962, shown(f"{coin}: {shock_words(settled)}"), size=21, weight="bold")
    whose = ladder.symbol if ladder.venue == "*" else f"{ladder.symbol} on {ladder.venue}"
    told = f"what it would set off: {whose} at {ladder.mark_price:,.8g}, {say_time(ladder.at_ns)}"
    made.text(_LEFT, 0.936, shown(told), size=10.5, color=DIM)
    for number, (name, one) in enumerate(settled.cascades):
        height = 0.9 - _ROW * number
        colour = _LAWS[number % len(_LAWS)]
        sign = 1 if one.side is Side.SHORT else -1
        beyond = is_beyond(one)
        least = "at least" if settled.provenance is Provenance.MEASURED or beyond else "about"
        ends = "beyond the book" if beyond else say_move(sign * one.fall, 2)
        made.text(_LEFT, height, ends, size=16, weight="bold", color=colour)
        made.text(
            0.4, height, f"{least} {say_usd(one.forced_usd)} forced", size=13, color=colour,
            weight="bold",
        )  # fmt: skip
        made.text(_LEFT, height - 0.018, f"{name}: {stop_words(one)}", size=9.5, color=DIM)


def _chains(made: "Figure", settled: "Settled") -> None:
    """Draw each chain: down by a wave's move, right by what it forced."""
    top = 0.86 - _ROW * (len(settled.cascades) - 1)
    axes = made.add_axes((0.155, 0.225, 0.815, top - 0.245))
    side, first = settled.shock.side, settled.ladder.mark_price
    lowest, widest = _span(settled)
    _ladder(axes, settled, lowest)
    for number, (_, one) in enumerate(settled.cascades):
        colour = _LAWS[number % len(_LAWS)]
        forced, price = [0.0], [first]
        for wave in one.waves:
            price += [wave.to_price, wave.to_price]
            forced += [forced[-1], forced[-1] + wave.notional_usd]
        forced.append(one.forced_usd)
        price.append(one.last_price)
        axes.plot(forced, price, color=colour, linewidth=2.6, zorder=5 + number)
        if not is_beyond(one):
            axes.plot([one.forced_usd], [one.last_price], "o", color=colour, markersize=9,
                zorder=9, clip_on=False)  # fmt: skip
    tag(axes, first)
    axes.set_xlim(0.0, widest)
    margin = 0.05 * abs(first - lowest)
    low, high = sorted((first, lowest))
    axes.set_ylim(low - margin, high + margin)
    _frame(axes, side, first)


def _span(settled: "Settled") -> tuple[float, float]:
    """Find how far the picture goes in price and in dollars."""
    first = settled.ladder.mark_price
    levels = settled.ladder.side(settled.shock.side, settled.provenance)
    falls = [one.fall for _, one in settled.cascades if not is_beyond(one)]
    if len(falls) < len(settled.cascades):  # a chain leaves the picture: show what it met
        falls.append(min(abs(float(levels.price[-1]) / first - 1), _REACH_MOST))
    sign = 1 if settled.shock.side is Side.SHORT else -1
    most = max(*falls, 0.005) * _ROOM
    lowest = first * (1 + sign * min(most, 0.999 if sign < 0 else most))
    return lowest, 1.15 * max(*(one.forced_usd for _, one in settled.cascades), 1.0)


def _ladder(axes: "Axes", settled: "Settled", lowest: float) -> None:
    """Draw all that waits, as a line behind the chains: dollars up to a price."""
    levels = settled.ladder.side(settled.shock.side, settled.provenance)
    colour = SHORT if settled.shock.side is Side.SHORT else LONG
    inside = (levels.price - lowest) * (settled.ladder.mark_price - lowest) >= 0
    price, usd = levels.price[inside], np.cumsum(levels.notional_usd[inside])
    if not price.size:
        return
    end = float(usd[-1])
    axes.step(
        np.concatenate([[0.0], usd, [end]]),
        np.concatenate([price[:1], price, [lowest]]),
        where="pre", color=colour, linewidth=1.3, alpha=0.8, zorder=3,
        label="all that waits up to a price",
    )  # fmt: skip


def _frame(axes: "Axes", side: Side, first: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    low, high = axes.get_ylim()

    def said(price: float, _: int | None = None) -> str:
        return "" if under_tag(price, first, (low, high)) else f"{price:,.6g}"

    axes.yaxis.set_major_formatter(FuncFormatter(said))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: say_usd(usd) if usd else "0"))
    axes.tick_params(axis="y", labelsize=12, length=0, pad=6)
    axes.tick_params(axis="x", labelsize=10, length=3)
    axes.grid(color=DIM, alpha=0.13, linewidth=0.8)
    for name in ("top", "right", "left"):
        axes.spines[name].set_visible(False)
    what = "sells" if side is Side.LONG else "buys"
    axes.set_xlabel(f"forced {what} on the way", fontsize=11, color=INK)
    if not axes.get_legend_handles_labels()[0]:
        return  # nothing waits as far as is shown
    axes.legend(
        loc="lower left" if side is Side.LONG else "upper left", frameon=True, fontsize=10,
        labelcolor=DIM, facecolor=BACKGROUND, edgecolor="none",
    )  # fmt: skip


def _foot(made: "Figure", settled: "Settled") -> None:
    told = [
        layer_words(layer)
        for layer in settled.ladder.layers
        if layer.provenance is settled.provenance
    ]
    if settled.depth is not None:
        told.append(f"{seen_words(settled.depth)}; from {settled.depth.source}")
    if len(settled.cascades) > 1:
        told.append("the laws give a range, no bound: the truth may lie outside")
    told += [f"assumed: {said}" for said in settled.assumed[:_NOTES]]
    lines = [line for said in told for line in wrapped(shown(said), _LINE, 2)][:_LINES]
    made.text(_LEFT, 0.163, "\n".join(lines), size=8.6, color=DIM, va="top", linespacing=1.45)
    made.text(0.955, 0.012, "airpocket", size=10, color=DIM, ha="right", weight="bold")
