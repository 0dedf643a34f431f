"""Reverse stress and comparisons in a terminal: one table a law."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from airpocket.alerts.render import escape_terminal
from airpocket.app.ladder_buckets import say_price
from airpocket.app.ladder_words import layer_words, say_move, say_share, say_time, seen_words
from airpocket.app.shock_drawing import axis_step, is_beyond, stop_words
from airpocket.cascade.goals import EmptiesFund
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.parameters import ParameterSet
from airpocket.cascade.stress import Grows, LargestFactor, SmallestShock
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

if TYPE_CHECKING:
    from airpocket.app.stressing import Edges, SideBySide

__all__ = [
    "ROWS",
    "figure_words",
    "goal_words",
    "lines_of",
    "set_words",
    "size_words",
    "whose_words",
]

ROWS: Final = {
    "at_once_usd": "taken by the change",
    "forced_usd": "forced to close",
    "absorbed_usd": "taken by a backstop",
    "loss_usd": "lost in closing",
    "margin_lost_usd": "lost by their margin",
    "fee_usd": "liquidation fees",
    "fund_paid_usd": "paid by the fund",
    "fund_after_usd": "left in the fund",
    "adl_usd": "borne by winners (ADL)",
    "adl_notional_usd": "closed against winners",
    "bad_debt_usd": "borne by nobody",
    "unknown_usd": "loss not known, of",
    "last_price": "price at rest",
    "fall": "away from the mark",
    "waves": "waves after the shock",
}
"""Figures of a comparison and what they are called."""

_ALWAYS: Final = frozenset({"forced_usd", "bad_debt_usd", "adl_notional_usd", "last_price", "fall"})
_FUND: Final = "fund_after_usd"  # shown where a fund is known, also if nothing is left of it
_CELL: Final = 24
_LABEL: Final = 26


def lines_of(found: "Edges | SideBySide") -> Iterator[str]:
    """Say either answer as lines of rich markup."""
    from airpocket.app.stressing import Edges

    lines = _edges(found) if isinstance(found, Edges) else _side_by_side(found)
    yield from lines
    yield ""
    for said in found.assumed:
        yield f"[dim]assumed: {escape_terminal(said)}[/]"


def whose_words(ladder: Ladder) -> str:
    """Say whose ladder it is, around which price, and when."""
    whose = ladder.symbol if ladder.venue == "*" else f"{ladder.symbol} on {ladder.venue}"
    when = "" if ladder.at_ns is None else f", {say_time(ladder.at_ns)}"
    return f"{whose} at {ladder.mark_price:,.8g}{when}"


def goal_words(edges: "Edges") -> str:
    """Say what was asked for."""
    if isinstance(edges.goal, EmptiesFund):
        return f"what empties a fund of {say_usd(edges.goal.fund_usd)}"
    price = getattr(edges.goal, "price", 0.0)
    return f"what brings the price to {say_price(price, axis_step(edges.ladder.mark_price))}"


def size_words(size: float, grows: Grows, side: Side) -> str:
    """Say a shock: a move with its sign, or a market order.

    Examples
    --------
    >>> size_words(0.0312, Grows.MOVE, Side.LONG), size_words(5e7, Grows.ORDER, Side.LONG)
    ('−3.12 %', 'a sale of $50.0M')
    """
    if grows is Grows.MOVE:
        return _move(size, side)
    return f"a {'sale' if side is Side.LONG else 'purchase'} of {say_usd(size)}"


def _move(distance: float, side: Side) -> str:
    return say_move(distance if side is Side.SHORT else -distance, 2)


def _head(ladder: Ladder, known: Provenance, title: str) -> Iterator[str]:
    yield f"[bold]{escape_terminal(title)}: {escape_terminal(whose_words(ladder))}[/]"
    for layer in ladder.layers:
        if layer.provenance is known:
            yield escape_terminal(layer_words(layer))


def _edges(edges: "Edges") -> Iterator[str]:
    yield from _head(edges.ladder, edges.provenance, goal_words(edges))
    if edges.depth is not None:
        yield escape_terminal(f"{seen_words(edges.depth)}; from {edges.depth.source}")
    least = "at least " if edges.provenance is Provenance.MEASURED else "about "
    for one in edges.laws:
        yield ""
        yield f"[bold]{escape_terminal(one.law)}[/]"
        yield f"[dim]{'depth':>8}  {'smallest shock':<24}{'price at rest':<28}forced to close[/]"
        for found in one.found:
            yield escape_terminal(_edge(found, edges.side, least))
            if found.book_ends_at is not None:
                ends = size_words(found.book_ends_at, edges.grows, edges.side)
                yield escape_terminal(
                    f"{'':>10}the book in sight is empty from {ends} on: it may come about earlier"
                )
        if one.factor is not None:
            yield escape_terminal(_factor(one.factor, edges.side))


def _edge(found: SmallestShock, side: Side, least: str) -> str:
    depth = f"{say_share(found.depth_factor, 0):>8}"
    if found.shock is None:
        return f"{depth}  none up to {size_words(found.most, found.grows, side)} does"
    one = found.cascade
    return (
        f"{depth}  {size_words(found.shock, found.grows, side):<24}{_end(one):<28}"
        f"{least}{say_usd(one.forced_usd)}"
    )


def _end(one: Cascade) -> str:
    if is_beyond(one):
        return "beyond the book in sight"
    return f"{say_price(one.last_price, axis_step(one.first_price))}  {_move(one.fall, one.side)}"


def _factor(found: LargestFactor, side: Side) -> str:
    shock = size_words(found.shock, found.grows, side)
    if found.depth_factor is None:
        return f"{shock} does not do it, even with {say_share(found.least, 1)} of the depth"
    if found.depth_factor == found.most:
        return f"{shock} does it with {say_share(found.most, 0)} of the depth"
    return f"{shock} does it with up to {say_share(found.depth_factor, 2)} of the depth"


def set_words(one: ParameterSet) -> str:
    """Say what a set of parameters holds.

    Examples
    --------
    >>> set_words(ParameterSet(name="now"))
    'present tiers, closed whole'
    """
    told = ["present tiers" if one.tiers is None else "tiers of its own"]
    if one.maintenance_factor != 1:
        told[0] += f" times {one.maintenance_factor:g}"
    partial = one.partial
    if partial.is_whole:
        told.append("closed whole")
    elif partial.tiers_down:
        tiers = "a tier" if partial.tiers_down == 1 else f"{partial.tiers_down} tiers"
        told.append(f"closed {tiers} at a time")
    else:
        told.append(
            f"closed {say_share(partial.share, 0)} first above {say_usd(partial.above_usd)}"
            if partial.above_usd
            else f"closed {say_share(partial.share, 0)} first"
        )
    if one.fee_rate:
        told.append(f"fee {say_share(one.fee_rate, 2)}" + (" to the fund" * one.fee_to_fund))
    if one.fund_usd is not None:
        told.append(f"fund {say_usd(one.fund_usd)}")
    if one.absorbed:
        told.append(f"{say_share(one.absorbed, 0)} to a backstop")
    if one.depth_factor != 1:
        told.append(f"{say_share(one.depth_factor, 0)} of the depth")
    return ", ".join(told)


def _side_by_side(found: "SideBySide") -> Iterator[str]:
    shock, ladder = found.shock, found.ladder
    size = shock.fall if shock.order_usd is None else shock.order_usd
    grows = Grows.MOVE if shock.order_usd is None else Grows.ORDER
    known = Provenance.MEASURED if ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
    title = f"two sets of parameters under {size_words(size, grows, shock.side)}"
    yield from _head(ladder, known, title)
    if found.depth is not None:
        yield escape_terminal(f"{seen_words(found.depth)}; from {found.depth.source}")
    for letter, one in (("A", found.first), ("B", found.second)):
        yield escape_terminal(f"{letter} {one.name}: {set_words(one)}")
    for name, both in found.laws:
        yield ""
        yield f"[bold]{escape_terminal(name)}[/]"
        first, second = both.first.cascade, both.second.cascade
        yield _row("", ["A", "B", "B less A"], dim=True)
        for row in both.rows:
            values = (row.first, row.second)
            if row.key in _ALWAYS or any(values) or (row.key == _FUND and values != (None, None)):
                told = [figure_words(row.key, value, first) for value in values]
                told.append(_difference(row.key, row.difference, first))
                yield _row(ROWS[row.key], told)
        yield _row("it ended", [stop_words(first), stop_words(second)])


def _row(label: str, cells: Sequence[str], *, dim: bool = False) -> str:
    text = f"{label:<{_LABEL}}" + "".join(f"{cell:<{_CELL}}" for cell in cells)
    told = escape_terminal(text.rstrip())
    return f"[dim]{told}[/]" if dim else told


def figure_words(key: str, value: float | None, one: Cascade) -> str:
    """Say one figure of a comparison; ``one`` says the side and the first price."""
    if value is None:
        return "not known"
    if key == "last_price":
        return say_price(value, axis_step(one.first_price))
    if key == "fall":
        return _move(value, one.side)
    if key == "waves":
        return f"{int(value) - 1:,}"
    return say_usd(value) if value or key == _FUND else "–"


def _difference(key: str, value: float | None, one: Cascade) -> str:
    if value is None:
        return "not known"
    if value == 0:
        return "–"
    sign = "+" if value > 0 else "−"
    if key == "last_price":
        return f"{sign}{say_price(abs(value), axis_step(one.first_price))}"
    if key == "fall":
        return _move(value, one.side)
    if key == "waves":
        return f"{sign}{abs(int(value)):,}"
    return f"{sign}{say_usd(abs(value))}"
