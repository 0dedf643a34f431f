"""A settled shock in a terminal: the laws side by side, then each chain wave by wave."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from airpocket.alerts.render import escape_terminal
from airpocket.app.ladder_buckets import say_price
from airpocket.app.ladder_words import (
    POCKETS_TOLD,
    layer_words,
    pocket_words,
    say_move,
    say_time,
    seen_words,
)
from airpocket.cascade.outcome import Cascade, StopReason, Wave
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

if TYPE_CHECKING:
    from airpocket.app.shocking import Settled

__all__ = ["axis_step", "is_beyond", "lines_of", "shock_words", "stop_words", "title_words"]

_LABEL: Final = 24
_ALL: Final = 0.999  # a price does not fall further: the book has no end there
_REST: Final = "price at rest"
_WAVES: Final = 12
_STOPS: Final = {
    StopReason.SETTLED: "no more was met",
    StopReason.BUYERS_ABSORBED: "others took it all",
    StopReason.LADDER_EXHAUSTED: "no more is known",
    StopReason.BOOK_EMPTY: "book in sight empty",
    StopReason.ROUNDS_MAX: "not yet at rest",
}


def lines_of(settled: "Settled") -> Iterator[str]:
    """Say a settled shock as lines of rich markup."""
    yield f"[bold]{escape_terminal(title_words(settled))}[/]"
    for layer in settled.ladder.layers:
        if layer.provenance is settled.provenance:
            yield escape_terminal(layer_words(layer))
    if settled.depth is not None:
        yield escape_terminal(f"{seen_words(settled.depth)}; from {settled.depth.source}")
    yield ""
    yield from _table(settled)
    yield ""
    yield _range(settled)
    for name, one in settled.cascades:
        yield ""
        yield from _chain(settled, name, one)
    yield ""
    for said in settled.assumed:
        yield f"[dim]assumed: {escape_terminal(said)}[/]"


def title_words(settled: "Settled") -> str:
    """Say what happens, to what, and when."""
    ladder = settled.ladder
    whose = ladder.symbol if ladder.venue == "*" else f"{ladder.symbol} on {ladder.venue}"
    when = "" if ladder.at_ns is None else f", {say_time(ladder.at_ns)}"
    return f"{shock_words(settled)}: {whose} at {ladder.mark_price:,.8g}{when}"


def shock_words(settled: "Settled") -> str:
    """Say the shock itself.

    Examples
    --------
    ``a fall of 3.0 %``, ``a market sale of $50.0M``.
    """
    shock = settled.shock
    if shock.move is not None:
        way = "fall" if shock.move < 0 else "rise"
        return f"a {way} of {100 * abs(shock.move):.3g} %"
    what = "sale" if shock.side is Side.LONG else "purchase"
    return f"a market {what} of {say_usd(shock.order_usd or 0.0)}"


def stop_words(one: Cascade) -> str:
    """Say why a chain ended."""
    return _STOPS[one.stop]


def is_beyond(one: Cascade) -> bool:
    """Tell whether more was to be taken than the book in sight holds: where it ends is unknown."""
    return one.stop is StopReason.BOOK_EMPTY


def axis_step(price: float) -> float:
    """Give a step fine enough to tell prices of that size apart, for saying them."""
    step = 1.0
    while step > price / 20_000:
        step /= 10
    return step


def _least(settled: "Settled", one: Cascade) -> str:
    """Say "at least" where what is known is a part, or the book in sight did not suffice."""
    part = settled.provenance is Provenance.MEASURED or is_beyond(one)
    return "at least " if part else "about "


def _signed(one: Cascade, distance: float) -> str:
    return say_move(distance if one.side is Side.SHORT else -distance, 2)


def _table(settled: "Settled") -> Iterator[str]:
    """Lay the laws out side by side."""
    step = axis_step(settled.ladder.mark_price)
    rows: list[tuple[str, Callable[[Cascade], str]]] = [
        (
            "the shock alone",
            lambda one: (
                "empties the book in sight"
                if is_beyond(one) and one.waves_count == 1
                else f"{say_price(one.shocked_price, step)}  {_signed(one, one.shock)}"
            ),
        ),
        (
            _REST,
            lambda one: (
                "beyond the book in sight"
                if is_beyond(one)
                else f"{say_price(one.last_price, step)}  {_signed(one, one.fall)}"
            ),
        ),
        ("forced to close", lambda one: f"{_least(settled, one)}{say_usd(one.forced_usd)}"),
        ("positions, orders", lambda one: _count(one.forced_count)),
        ("waves after the shock", lambda one: f"{one.waves_count - 1:,}"),
        ("it ended", stop_words),
        ("shock where it jumps", _critical),
        *_paid(settled),
    ]
    cells = [("", [name for name, _ in settled.cascades])]
    cells += [(label, [said(one) for _, one in settled.cascades]) for label, said in rows]
    wide = max(len(cell) for _, row in cells for cell in row) + 2
    for label, row in cells:
        text = f"{label:<{_LABEL}}" + "".join(f"{cell:<{wide}}" for cell in row)
        style = "bold" if label in {_REST, "forced to close"} else "dim" if not label else ""
        told = escape_terminal(text.rstrip())
        yield f"[{style}]{told}[/]" if style else told


def _count(count: int | None) -> str:
    return "not known" if count is None else f"{count:,}"


def _critical(one: Cascade) -> str:
    if not one.folds:
        return "none up to the last level"
    first = one.folds[0]
    ends_in_sight = first.beyond < (_ALL if one.side is Side.LONG else math.inf)
    beyond = _signed(one, first.beyond) if ends_in_sight else "past the book"
    jump = f"{_signed(one, first.before)} → {beyond}"
    if one.critical_order_usd is not None:
        return f"{say_usd(one.critical_order_usd)}: {jump}"
    return f"{_signed(one, first.shock)}: {jump}"


def _paid(settled: "Settled") -> Iterator[tuple[str, Callable[[Cascade], str]]]:
    """Say who pays, leaving out what is nothing under every law."""
    for field, label in _PAYING:
        if any(getattr(one.waterfall, field) for _, one in settled.cascades):
            yield label, partial(_amount, field)


_PAYING: Final = (
    ("absorbed_usd", "taken by a backstop"),
    ("margin_lost_usd", "lost by their margin"),
    ("margin_left_usd", "margin left after it"),
    ("fee_usd", "liquidation fees"),
    ("fund_paid_usd", "paid by the fund"),
    ("adl_usd", "borne by winners (ADL)"),
    ("adl_notional_usd", "closed against winners"),
    ("bad_debt_usd", "borne by nobody"),
    ("unknown_usd", "loss not known, of"),
)


def _amount(field: str, one: Cascade) -> str:
    paid = one.waterfall
    usd = getattr(paid, field)
    said = say_usd(usd) if usd else "–"
    if field == "fund_paid_usd" and paid.fund_before_usd is not None:
        return f"{said} of {say_usd(paid.fund_before_usd)}"
    return said


def _range(settled: "Settled") -> str:
    one = settled.cascades[0][1]
    least, most = settled.falls
    ends = [_signed(one, least), _signed(one, most)]
    if any(is_beyond(other) for _, other in settled.cascades):
        ends[1] = "beyond the book in sight"
    if len(settled.cascades) == 1:
        other = "--depth SOURCE gives"
        if settled.depth is not None:
            other = "--daily-volume and --daily-volatility give"
        return f"one law only: [bold]{ends[1]}[/]; {other} the other"
    return (
        f"range of the laws: [bold]{ends[0]} to {ends[1]}[/]; neither is a bound, the truth may "
        "lie outside"
    )


def _chain(settled: "Settled", name: str, one: Cascade) -> Iterator[str]:
    """Say one chain wave by wave, and its air-pockets."""
    step = axis_step(settled.ladder.mark_price)
    yield f"[bold]{escape_terminal(name)}[/]"
    yield f"[dim]{'wave':>6}  {'price':>24}  {'away':>9}  {'forced':>9}  {'positions':>10}[/]"
    shown = one.waves[:_WAVES]
    for wave in shown:
        yield _wave(one, wave, step)
    left = one.waves_count - len(shown)
    if left > 0:
        more = say_usd(max(one.forced_usd - sum(wave.notional_usd for wave in shown), 0.0))
        end = f"{say_price(one.last_price, step)} ({_signed(one, one.fall)})"
        if is_beyond(one):
            end = "the end of the book in sight"
        yield f"{'…':>6}  {left:,} more waves force {more} and end at {end}"
    for pocket in one.air_pockets[:POCKETS_TOLD]:
        told = escape_terminal(pocket_words(pocket, one.side, step))
        yield f"  [yellow]air-pocket[/] {told}"
    if len(one.air_pockets) > POCKETS_TOLD:
        yield f"  and {len(one.air_pockets) - POCKETS_TOLD} more air-pockets, listed by --json"


def _wave(one: Cascade, wave: Wave, step: float) -> str:
    number = "shock" if wave.number == 0 else str(wave.number)
    path = f"{say_price(wave.from_price, step)} → {say_price(wave.to_price, step)}"
    if is_beyond(one) and wave.number == one.waves_count - 1:
        path = f"{say_price(wave.from_price, step)} → past the book"
    forced = say_usd(wave.notional_usd) if wave.notional_usd else "–"
    count = f"{wave.count:,}" if wave.count else ""
    away = _signed(one, wave.fall)
    return f"{number:>6}  {path:>24}  {away:>9}  {forced:>9}  {count:>10}".rstrip()
