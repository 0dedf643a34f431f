"""What a replay says, as a timeline that a person can read at night.

By default one line a phase and one lean message an alert. The facts behind an alert are shown when
it ends (in a replay of months not even then); all others stand behind ``--verbose`` and in the
JSON. Shocks of single coins during a market's shock are kept for the table at the end: the market
has its own line.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, final

from airpocket.alerts import render
from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.desk import is_lone
from airpocket.alerts.names import EVERYTHING, instrument_label
from airpocket.alerts.wording import NO_PLAN
from airpocket.app.replay import Saying
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Transition
from airpocket.market.events import Coverage
from airpocket.market.quality import Finding
from airpocket.units import MINUTE_NS, iso, say_duration, say_usd

__all__ = ["Line", "Timeline"]

_STYLES: Final = {
    Phase.CASCADE: "bold red",
    Phase.EXHAUSTED: "yellow",
    Phase.SNAPBACK: "cyan",
    Phase.SETTLED: "green",
    Phase.UNKNOWN: "magenta",
    Phase.BUILDING: "dim",
    Phase.CALM: "dim",
}
_PLAN: Final = render.escape_terminal(NO_PLAN)  # said once, at the end
_QUIET: Final = frozenset({Phase.BUILDING, Phase.CALM})
_ENDED: Final = frozenset({Stage.ALL_CLEAR, Stage.FEED_ENDED})
_HEADS: Final = (
    "Onset (UTC)", "Lasted", "Kind", "Symbol", "Flow", "Waves", "Price", "Severity", "End",
)  # fmt: skip
_FIGURES: Final = frozenset({1, 4, 5, 6, 7})  # columns that are set flush right


class Line(NamedTuple):
    """A line of rich markup, and by how much its further rows are set in."""

    markup: str
    hang: int = 0


_NOTHING: Final = "No cascade and no shock was seen; what these sources do not show is not known."
_BLIND: Final = (
    "[yellow]Nothing was seen:[/] there is no event in these sources, at most gaps. What happened "
    "meanwhile is not known."
)


@final
class Timeline:
    """Write sayings as lines; it remembers what was said, to say it once.

    Parameters
    ----------
    width_ns
        Bins of the replay: of a minute and more, times carry their date.
    verbose
        Show every step and all facts of every alert.

    Examples
    --------
    >>> len(Timeline(1_000_000_000).closing())
    1
    """

    def __init__(self, width_ns: int, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._dated = width_ns >= MINUTE_NS
        self._day = ""
        self._told: set[tuple[str, Kind]] = set()
        self._episodes: list[Episode] = []
        self._hidden: dict[str, int] = {}

    def lines(self, saying: Saying) -> list[Line]:
        """Write one saying; nothing for what is kept for the end."""
        if isinstance(saying, Finding):
            said = render.escape_terminal(saying.said)
            where = render.escape_terminal(saying.where)
            return [Line(f"[yellow]data[/] {saying.code.value}, {where}: {said}", 5)]
        if isinstance(saying, Episode):
            self._episodes.append(saying)
            return []
        if isinstance(saying, Transition):
            return self._phase(saying)
        return self._alert(saying)

    def closing(self, *, is_blind: bool = False) -> list[Line]:
        """Write the table of episodes, and what was kept back.

        Parameters
        ----------
        is_blind
            Whether the sources showed no event at all: then nothing is called quiet.
        """
        if is_blind and not self._episodes:
            return [Line(_BLIND)]
        if not self._episodes:
            return [Line(_NOTHING)]
        told = [Line(""), *_table(self._episodes)]
        if self._hidden:
            steps = sum(self._hidden.values())
            told.append(
                Line(
                    f"[dim]{steps:,} steps of {len(self._hidden)} single symbols are not shown: "
                    "the market was told as a whole (--verbose shows them)[/]"
                )
            )
        told.append(Line(f"[dim]{_PLAN}[/]"))
        return told

    def _phase(self, step: Transition) -> list[Line]:
        if not self._is_shown(step):
            return []
        kind = " shock" if step.kind is Kind.SHOCK else ""
        moved = f"[{_STYLES[step.after]}]{step.after.value}[/] (was {step.before.value})"
        numbers = render.escape_terminal(" · ".join(_numbers(step)))
        side = f" {step.side.value}s" if step.side is not None else ""
        told = f"{self._clock(step.said_ns)}  {_name(step.scope)}{side}{kind}: {moved}"
        hang = 18 if self._dated else 10
        return [*self._date(step.said_ns), Line(f"{told}  [dim]{numbers}[/]", hang)]

    def _is_shown(self, step: Transition) -> bool:
        if self._verbose:
            return True
        if step.after in _QUIET:
            return False
        key = (step.scope, step.kind)
        if step.after is Phase.CASCADE and not is_lone(step):
            self._told.add(key)
        if key in self._told or step.kind is Kind.CASCADE:
            return True
        if step.episode is not None:
            self._hidden[step.scope] = self._hidden.get(step.scope, 0) + 1
        return False

    def _alert(self, alert: InformationalAlert) -> list[Line]:
        first, *rest = render.as_text(alert)
        told = [*self._date(alert.time_ns), Line(f"{' ' * 10}[bold]{first}[/]", 10)]
        if self._verbose or (alert.stage in _ENDED and not self._dated):
            told += [
                Line(f"{' ' * 10}{line}", 10 + _indent(line)) for line in rest if line != _PLAN
            ]
        return [*told, Line("")]

    def _date(self, at_ns: int) -> Iterator[Line]:
        day = iso(at_ns)[:10]
        if not self._dated and day != self._day:
            self._day = day
            yield Line(f"[bold]{day}[/] (UTC)")

    def _clock(self, at_ns: int) -> str:
        stamp = iso(at_ns)
        return f"{stamp[:10]} {stamp[11:16]}" if self._dated else stamp[11:19]


def _numbers(step: Transition) -> Iterator[str]:
    """Give the figures behind a step; those it was held against where it opens something."""
    reading, opens = step.reading, step.after in {Phase.CASCADE, Phase.BUILDING}
    again = step.before in {Phase.EXHAUSTED, Phase.SNAPBACK} and step.after is Phase.CASCADE
    if again:
        yield "the flow is back"  # a next wave is asked for flow, not for a new onset
        opens = False
    if opens:
        yield f"score {_short(reading.score)} (needs {reading.threshold:g})"
    if reading.multiple is not None:
        yield f"flow {_short(reading.multiple)} × normal"
    if reading.move is not None and reading.move_threshold is not None:
        needs = f" (needs {reading.move_threshold * 100:.2f} %)" if opens else ""
        yield f"price {_percent(reading.move, 2)}{needs}"
    if reading.coincident is not None and reading.watched is not None:
        yield f"{reading.coincident} of {reading.watched} symbols"
    elif reading.coincident is not None:
        yield f"{reading.coincident} symbols together"
    if step.gap is not None:
        yield f"not seen: {step.gap.venue}, {step.gap.cause.value.replace('_', ' ')}"


def _table(episodes: Sequence[Episode]) -> Iterator[Line]:
    """Write the episodes under each other, the most severe of each kind first."""
    ranked = sorted(
        episodes, key=lambda one: (one.kind.value, -(one.severity or 0.0), one.onset_ns)
    )
    rows = [_HEADS, *map(_row, ranked)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for number, row in enumerate(rows):
        cells = (
            cell.rjust(wide[column]) if column in _FIGURES else cell.ljust(wide[column])
            for column, cell in enumerate(row)
        )
        line = render.escape_terminal("  ".join(cells).rstrip())
        yield Line(f"[bold]{line}[/]" if number == 0 else line, 4)


def _row(episode: Episode) -> tuple[str, ...]:
    flow = say_usd(episode.usd) if episode.usd is not None else f"{episode.count or 0:,} prints"
    throttled = any(coverage is not Coverage.CENSUS for _, coverage in episode.venues)
    if throttled and episode.kind is Kind.CASCADE:
        flow = f"at least {flow}"
    end = {Ending.SETTLED: "settled", Ending.FEED_ENDED: "feed ended", Ending.OPEN: "open"}
    lasted = None if episode.end_ns is None else say_duration(episode.end_ns - episode.onset_ns)
    onset, name = iso(episode.onset_ns), _plain_name(episode.scope)
    return (
        f"{onset[:10]} {onset[11:19]}", lasted or "–", episode.kind.value, name,
        flow, str(len(episode.waves)), "–" if episode.leg is None else _percent(episode.leg, 1),
        "–" if episode.severity is None else f"{episode.severity:,.1f}", end[episode.ending],
    )  # fmt: skip


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.1f}"


def _percent(fraction: float, digits: int) -> str:
    said = f"{abs(fraction) * 100:,.{digits}f}"
    sign = "" if not float(said.replace(",", "")) else "−" if fraction < 0 else "+"
    return f"{sign}{said} %"


def _plain_name(scope: str) -> str:
    return "market" if scope == EVERYTHING else instrument_label(scope)


def _name(scope: str) -> str:
    return render.escape_terminal(_plain_name(scope))


def _indent(line: str) -> int:
    """Column in which the value of a line of facts begins."""
    found = re.match(r" +\S.*? {2,}| +", line)
    return 2 if found is None else len(found[0])
