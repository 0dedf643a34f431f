"""The map as a picture to share: dark, readable at the size of a phone, facts and their source."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airpocket.app.ladder_buckets import Bucket, LadderMap, MapSide, decimals_of
from airpocket.app.ladder_words import (
    beyond_words,
    book_words,
    coverage_words,
    no_pocket_words,
    say_move,
    say_time,
    total_words,
)
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
from airpocket.cascade.outcome import AirPocket
from airpocket.leverage.ladder import Forced, Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_map"]

_COLOURS: Final = {Side.LONG: LONG, Side.SHORT: SHORT}
_NAMED: Final = 4  # bars of a side that have their dollars written at them
_NAMED_LEAST: Final = 0.06
_BOOK_SHARE: Final = 0.62  # of the longest bar: room for the book to the left
_TEXT_LEAST: Final = 0.7  # of a whole bucket: a lower one has no room for text
_LEFT: Final = 0.045
_LINE: Final = 100
_LINES: Final = 7
_POCKETS: Final = 2
_NOTES: Final = 4


def draw_map(drawn: LadderMap, out: Path) -> None:
    """Draw a map into a file.

    Parameters
    ----------
    drawn
        What is drawn.
    out
        Ends in ``.png`` or ``.svg``; never overwritten. The same map gives the same bytes.
    """
    with figure() as made:
        _head(made, drawn)
        _bars(made, drawn)
        _foot(made, drawn)
        save(made, out)


def _head(made: "Figure", drawn: LadderMap) -> None:
    ladder = drawn.ladder
    coin = ladder.symbol.partition("/")[0]
    made.text(_LEFT, 0.962, shown(f"{coin}: where forced orders wait"), size=21, weight="bold")
    whose = ladder.symbol if ladder.venue == "*" else f"{ladder.symbol} on {ladder.venue}"
    told = f"{whose}, {say_time(ladder.at_ns)}"
    made.text(_LEFT, 0.936, shown(told), size=11.5, color=DIM)
    for side, left, name in (
        (drawn.shorts, _LEFT, "▲ shorts above"),
        (drawn.longs, 0.52, "▼ longs below"),
    ):
        colour = _COLOURS[side.side]
        made.text(left, 0.904, name, size=11.5, color=colour)
        made.text(left, 0.875, total_words(drawn, side), size=16, color=colour, weight="bold")
    made.text(_LEFT, 0.848, shown(_pocket_words(drawn)), size=11, color=POCKET)


def _pocket_words(drawn: LadderMap) -> str:
    """Name the air-pockets in a line: two of them, and how many more."""
    if drawn.depth is None:
        return "air-pockets not known: no book is beside the ladder"
    found = [(-1 if side is Side.LONG else 1, pocket) for side, pocket in drawn.pockets]
    if not found:
        return no_pocket_words(drawn)
    told = ", ".join(
        f"{say_move(sign * one.trigger)} {_end(sign, one)}" for sign, one in found[:_POCKETS]
    )
    more = f" and {len(found) - _POCKETS} more" if len(found) > _POCKETS else ""
    return f"■ air-pocket{'s' if len(found) > 1 else ''} {told}{more}"


def _end(sign: int, pocket: AirPocket) -> str:
    if pocket.m_most == math.inf:
        return "and beyond"
    return f"to {say_move(sign * pocket.exhaustion)}"


def _bars(made: "Figure", drawn: LadderMap) -> None:
    axes = made.add_axes((0.155, 0.215, 0.815, 0.59))
    has_book = drawn.depth is not None
    most = drawn.most_usd
    axes.set_xlim(-_BOOK_SHARE * most if has_book else 0.0, 1.3 * most)
    axes.set_ylim(*_range(drawn))
    for side in (drawn.shorts, drawn.longs):
        _pockets(axes, side, drawn)
        for bucket in side.buckets:
            _forced(axes, bucket, _COLOURS[side.side], drawn)
            if has_book:
                _book(axes, bucket, most, drawn.step)
        _labels(axes, side, drawn)
    tag(axes, drawn.ladder.mark_price)
    _frame(axes, drawn)


def _range(drawn: LadderMap) -> tuple[float, float]:
    mark = drawn.ladder.mark_price
    low = min((b.low for b in drawn.longs.buckets), default=mark - drawn.step)
    high = max((b.high for b in drawn.shorts.buckets), default=mark + drawn.step)
    return low, high


def _forced(axes: "Axes", bucket: Bucket, colour: str, drawn: LadderMap) -> None:
    """Draw what waits in a bucket: liquidations, stop orders behind them, an estimate around."""
    middle, height = (bucket.low + bucket.high) / 2, 0.86 * (bucket.high - bucket.low)
    axes.barh(middle, bucket.liquidations_usd, height, color=colour, linewidth=0, zorder=3)
    if bucket.stops_usd:
        axes.barh(
            middle, bucket.stops_usd, height, left=bucket.liquidations_usd, color=colour,
            alpha=0.45, hatch="////", edgecolor=BACKGROUND, linewidth=0, zorder=3,
        )  # fmt: skip
    if bucket.estimated_usd and drawn.ladder.has(Provenance.ESTIMATED):
        axes.barh(
            middle, bucket.estimated_usd, height, fill=False, edgecolor=GUESS, linewidth=1.3,
            linestyle=(0, (3, 2)), zorder=4,
        )  # fmt: skip


def _book(axes: "Axes", bucket: Bucket, most: float, step: float) -> None:
    if not bucket.depth_usd:
        return
    middle, height = (bucket.low + bucket.high) / 2, 0.86 * (bucket.high - bucket.low)
    held = min(bucket.depth_usd, _BOOK_SHARE * most)
    axes.barh(middle, -held, height, color=BOOK, linewidth=0, zorder=3)
    if bucket.depth_usd > held and bucket.high - bucket.low > _TEXT_LEAST * step:
        axes.text(
            -0.97 * held, middle, f"◂ {say_usd(bucket.depth_usd)}", va="center", ha="left", size=9,
            color=INK, zorder=5,
        )  # fmt: skip


def _labels(axes: "Axes", side: MapSide, drawn: LadderMap) -> None:
    """Write dollars at the longest bars."""
    most = drawn.most_usd
    has_measured = drawn.ladder.has(Provenance.MEASURED)
    sizes = [(b.measured_usd if has_measured else b.estimated_usd, b) for b in side.buckets]
    for usd, bucket in sorted(sizes, key=lambda row: -row[0])[:_NAMED]:
        if usd >= _NAMED_LEAST * most:
            middle = (bucket.low + bucket.high) / 2
            axes.text(
                usd + 0.015 * most, middle, say_usd(usd), va="center", size=12, weight="bold",
                zorder=6,
            )  # fmt: skip


def _pockets(axes: "Axes", side: MapSide, drawn: LadderMap) -> None:
    low_most, high_most = _range(drawn)
    for pocket in side.air_pockets:
        low = max(min(pocket.trigger_price, pocket.exhaustion_price), low_most)
        high = min(max(pocket.trigger_price, pocket.exhaustion_price), high_most)
        if low >= high:
            continue
        axes.axhspan(low, high, color=POCKET, alpha=0.16, linewidth=0, zorder=1)
        for edge in (low, high):
            axes.axhline(edge, color=POCKET, linewidth=0.9, alpha=0.75, zorder=2)


def _frame(axes: "Axes", drawn: LadderMap) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    decimals, mark = decimals_of(drawn.step), drawn.ladder.mark_price
    limits = _range(drawn)

    def said(price: float, _: int | None = None) -> str:
        return "" if under_tag(price, mark, limits) else f"{price:,.{decimals}f}"

    axes.yaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(said))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: say_usd(abs(usd)) if usd else "0"))
    axes.tick_params(axis="y", labelsize=12, length=0, pad=6)
    axes.tick_params(axis="x", labelsize=10, length=3)
    axes.grid(axis="y", color=DIM, alpha=0.13, linewidth=0.8)
    for name in ("top", "right", "left"):
        axes.spines[name].set_visible(False)
    if drawn.depth is not None:
        axes.axvline(0, color=DIM, linewidth=0.9, zorder=5)
    left, right = axes.get_xlim()
    zero = -left / (right - left)
    above = 1.012
    if drawn.depth is not None:
        axes.text(zero - 0.012, above, "book in sight", transform=axes.transAxes, ha="right",
            size=11, color=BOOK, weight="bold")  # fmt: skip
    told = "forced to close" if drawn.ladder.has(Provenance.MEASURED) else "estimated to be forced"
    axes.text(zero + 0.012, above, told, transform=axes.transAxes, ha="left", size=11,
        color=INK, weight="bold")  # fmt: skip
    _legend(axes, drawn)


def _legend(axes: "Axes", drawn: LadderMap) -> None:
    from matplotlib.patches import Patch

    kinds = {(layer.forced, layer.provenance) for layer in drawn.ladder.layers}
    handles = []
    if (Forced.STOP, Provenance.MEASURED) in kinds:
        handles.append(
            Patch(facecolor=DIM, alpha=0.5, hatch="////", edgecolor=BACKGROUND, label="stop orders")
        )
    if any(known is Provenance.ESTIMATED for _, known in kinds) and len(kinds) > 1:
        handles.append(
            Patch(fill=False, edgecolor=GUESS, linestyle="--", label="estimated, never added")
        )
    if handles:
        axes.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.045), ncols=len(handles),
            frameon=False, fontsize=9.5, labelcolor=DIM, handlelength=1.4, borderaxespad=0.2,
        )  # fmt: skip


def _foot(made: "Figure", drawn: LadderMap) -> None:
    told = [*coverage_words(drawn)]
    if drawn.depth is not None:
        told.append(book_words(drawn))
    beyond = [beyond_words(drawn, side) for side in (drawn.shorts, drawn.longs)]
    told += [f"not shown: {said}" for said in beyond if said is not None]
    told += [f"assumed: {said}" for said in drawn.assumed[:_NOTES]]
    if len(drawn.assumed) > _NOTES:
        told.append(f"and {len(drawn.assumed) - _NOTES} more assumptions, listed by --json")
    lines = [line for said in told for line in wrapped(shown(said), _LINE, 2)][:_LINES]
    made.text(_LEFT, 0.168, "\n".join(lines), size=8.6, color=DIM, va="top", linespacing=1.45)
    made.text(0.955, 0.012, "airpocket", size=10, color=DIM, ha="right", weight="bold")
