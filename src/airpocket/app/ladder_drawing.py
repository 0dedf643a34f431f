"""The map in a terminal: shorts above the price, longs below it, the book beside them."""

from collections.abc import Iterator
from typing import Final, final

from airpocket.alerts.render import escape_terminal
from airpocket.app.ladder_buckets import Bucket, LadderMap, MapSide, is_in_pocket, say_price
from airpocket.app.ladder_words import (
    POCKETS_TOLD,
    beyond_words,
    book_words,
    coverage_words,
    no_pocket_words,
    pocket_words,
    say_move,
    title_words,
)
from airpocket.leverage.ladder import Forced, Provenance
from airpocket.market.events import Side
from airpocket.units import say_usd

__all__ = ["bar", "lines_of"]

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_COLOURS: Final = {Side.LONG: "red", Side.SHORT: "green"}
_USD_WIDTH: Final = 8
_AWAY_WIDTH: Final = 8
_SUM_WIDTH: Final = 11
_BAR_LEAST: Final = 10
_BAR_WITH_SUMS: Final = 16
_POCKET: Final = "[bold yellow]┃[/]"


def lines_of(drawn: LadderMap, width: int = 110) -> Iterator[str]:
    """Draw a map as lines of rich markup, the highest price first.

    Parameters
    ----------
    drawn
        What is drawn.
    width
        Columns that may be used.
    """
    yield f"[bold]{escape_terminal(title_words(drawn))}[/]"
    for line in coverage_words(drawn):
        yield escape_terminal(line)
    if drawn.depth is not None:
        yield escape_terminal(book_words(drawn))
    yield ""
    yield from _Axis(drawn, width).lines()
    yield ""
    yield from _pocket_lines(drawn)
    for said in drawn.assumed:
        yield f"[dim]assumed: {escape_terminal(said)}[/]"


def _pocket_lines(drawn: LadderMap) -> Iterator[str]:
    if drawn.depth is None:
        yield "[dim]no book beside it (--depth SOURCE): where air-pockets lie is not known[/]"
        return
    for side, pocket in drawn.pockets[:POCKETS_TOLD]:
        told = escape_terminal(pocket_words(pocket, side, drawn.step))
        yield f"{_POCKET} [yellow]air-pocket[/] {told}"
    if len(drawn.pockets) > POCKETS_TOLD:
        yield f"and {len(drawn.pockets) - POCKETS_TOLD} more air-pockets, listed by --json"
    if not drawn.pockets:
        yield escape_terminal(no_pocket_words(drawn))


@final
class _Axis:
    """The rows of the drawing, all of one shape."""

    def __init__(self, drawn: LadderMap, width: int) -> None:
        self._drawn = drawn
        self._most = drawn.most_usd
        ladder = drawn.ladder
        self._has_book = drawn.depth is not None
        self._has_measured = ladder.has(Provenance.MEASURED)
        self._has_guess = ladder.has(Provenance.ESTIMATED)
        self._has_stops = any(layer.forced is Forced.STOP for layer in ladder.layers)
        buckets = (*drawn.shorts.buckets, *drawn.longs.buckets)
        self._label = max(len(self._range(one)) for one in buckets)
        self._apart = self._has_measured and self._has_guess
        bars = 1 + self._apart + self._has_book  # of one width: they are on one scale
        taken = self._label + _AWAY_WIDTH + 4 + bars * (_USD_WIDTH + 1) + 3 * self._has_book
        left = width - taken - self._apart
        self._sums = _SUM_WIDTH if left - _SUM_WIDTH >= bars * _BAR_WITH_SUMS else 0
        self._bar = max((left - self._sums) // bars, _BAR_LEAST)

    def lines(self) -> Iterator[str]:
        """Draw from the top down."""
        drawn = self._drawn
        if self._has_stops:
            yield "[dim]█ liquidations  ▒ stop orders[/]"
        yield self._heading()
        if not drawn.shorts.buckets:
            yield "[dim]nothing above it is known[/]"
        yield from self._beyond(drawn.shorts)
        yield from reversed(list(self._rows(drawn.shorts)))
        yield self._mark()
        if not drawn.longs.buckets:
            yield "[dim]nothing below it is known[/]"
        yield from self._rows(drawn.longs)
        yield from self._beyond(drawn.longs)

    def _heading(self) -> str:
        told = f"{'price':>{self._label}} {'away':>{_AWAY_WIDTH}}  "
        first = "forced to close" if self._has_measured else "forced to close, estimated"
        told += f"{first:<{self._bar + _USD_WIDTH + 1}}"
        if self._sums:
            told += f"{'up to here':>{self._sums}}"
        if self._apart:
            told += f" {'estimated, apart':<{self._bar + _USD_WIDTH + 1}}"
        if self._has_book:
            long = "book in sight, same scale"
            told += f" │ {long if len(long) <= self._bar + _USD_WIDTH + 1 else 'book, same scale'}"
        return f"[dim]{told.rstrip()}[/]"

    def _beyond(self, side: MapSide) -> Iterator[str]:
        told = beyond_words(self._drawn, side)
        if told is not None:
            yield f"[dim]{'':>{self._label}} {'':>{_AWAY_WIDTH}}  {escape_terminal(told)}[/]"

    def _mark(self) -> str:
        told = f"{self._drawn.ladder.mark_price:,.8g}"
        line = "─" * (self._bar + _USD_WIDTH + 1 + self._sums)
        return f"[bold]{told:>{self._label}} {'mark':>{_AWAY_WIDTH}}  {line}[/]"

    def _range(self, bucket: Bucket) -> str:
        step = self._drawn.step
        return f"{say_price(bucket.low, step)}–{say_price(bucket.high, step)}"

    def _rows(self, side: MapSide) -> Iterator[str]:
        """Draw the buckets of a side from the mark outward."""
        so_far = 0.0
        for bucket in side.buckets:
            far = bucket.low if side.side is Side.LONG else bucket.high
            away = say_move(far / self._drawn.ladder.mark_price - 1)
            edge = _POCKET if is_in_pocket(bucket, side) else " "
            told = f"{self._range(bucket):>{self._label}} [dim]{away:>{_AWAY_WIDTH}}[/] {edge}"
            so_far += bucket.measured_usd if self._has_measured else bucket.estimated_usd
            if self._has_measured:
                told += self._forced(bucket, _COLOURS[side.side])
            else:
                told += self._guessed(bucket)
            if self._sums:
                sums = say_usd(so_far) if so_far else ""
                told += f"[dim]{sums:>{self._sums}}[/]"
            if self._apart:
                told += f" {self._guessed(bucket)}"
            if self._has_book:
                told += f" [dim]│[/] {self._book(bucket)}"
            yield told.rstrip()

    def _forced(self, bucket: Bucket, colour: str) -> str:
        """Draw liquidations and behind them stop orders: they are of one provenance."""
        whole = bar(bucket.measured_usd, self._most, self._bar)
        first = whole
        if bucket.stops_usd:
            first = bar(bucket.liquidations_usd, self._most, self._bar)
            first = first if first.endswith("█") or not first else first[:-1]
        rest = "▒" * (len(whole) - len(first))
        usd = say_usd(bucket.measured_usd) if bucket.measured_usd else ""
        return f"[{colour}]{first}[/][{colour} dim]{rest}[/]" + self._filled(whole, usd)

    def _guessed(self, bucket: Bucket) -> str:
        drawn = "░" * len(bar(bucket.estimated_usd, self._most, self._bar))
        usd = say_usd(bucket.estimated_usd) if bucket.estimated_usd else ""
        return f"[cyan]{drawn}[/]{self._filled(drawn, usd)}"

    def _filled(self, drawn: str, usd: str) -> str:
        """Set the dollars behind a bar and fill up to the next column."""
        told = f" {usd}" if drawn else usd
        return f"{told:<{self._bar + _USD_WIDTH + 1 - len(drawn)}}"

    def _book(self, bucket: Bucket) -> str:
        if bucket.depth_usd is None:
            return "[dim]not in sight[/]"
        if bucket.depth_usd < 1:
            return "[dim]nothing[/]"
        drawn = bar(bucket.depth_usd, self._most, self._bar)
        if bucket.depth_usd > self._most:
            drawn = f"{drawn[:-1]}▸"
        return f"[blue]{drawn}[/] {say_usd(bucket.depth_usd)}"


def bar(value: float, most: float, width: int) -> str:
    """Draw a bar to an eighth of a column; what is above 0 is never nothing.

    Examples
    --------
    >>> bar(5.0, 10.0, 4), bar(0.001, 10.0, 4), bar(0.0, 10.0, 4)
    ('██', '▏', '')
    """
    if value <= 0 or most <= 0:
        return ""
    eighths = max(round(8 * width * min(value / most, 1.0)), 1)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
