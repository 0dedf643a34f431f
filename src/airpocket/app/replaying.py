"""``airpocket replay``: recordings through the detector, told as they would have been."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, final

from airpocket.alerts.render import escape_terminal
from airpocket.app.printing import Bars, complain, console, json_line, show
from airpocket.app.replay import Saying, replay_group
from airpocket.app.say import saying_json
from airpocket.app.sources import Group, gather, groups_of, require_one_extract
from airpocket.app.timeline import Timeline
from airpocket.detection.episode import Transition
from airpocket.errors import AirpocketError, InputError
from airpocket.market.quality import Finding
from airpocket.market.source import Recording
from airpocket.units import say_duration

__all__ = ["play", "run"]


def run(
    sources: Sequence[Path], *, symbols: Sequence[str], as_json: bool, verbose: bool = False
) -> None:
    """Play sources and print what is said.

    Raises
    ------
    InputError
        If no source is given, or one cannot be read.
    """
    if not sources:
        raise InputError("replay needs at least one SOURCE: a recording, or a folder of them")
    recordings, left_out = gather(sources)
    for note in left_out:
        complain(note)
    play(recordings, symbols=symbols, as_json=as_json, verbose=verbose)


def play(
    recordings: Sequence[Recording], *, symbols: Sequence[str] = (), as_json: bool, verbose: bool
) -> None:
    """Print what a replay of opened recordings says; a broken one is told after the rest.

    Raises
    ------
    InputError
        If two recordings are extracts of the same events, or none holds a symbol asked for.
    AirpocketError
        If a recording breaks off.
    """
    followed = frozenset(symbols) or None
    require_one_extract(recordings)
    groups = groups_of(recordings)
    printed = _Held(_Json() if as_json else _Text(verbose=verbose), symbols)
    broken: list[AirpocketError] = []
    seen: set[str] = set()
    with Bars() as bars:
        for group in groups:
            heard: set[str] = set()
            with bars.hidden():
                printed.begin(group, heading=len(groups) > 1)
            try:
                for saying in replay_group(
                    group, symbols=followed, progress_of=bars.of, seen=heard
                ):
                    with bars.hidden():
                        printed.release(heard)
                        printed.say(saying)
            except AirpocketError as error:
                broken.append(error)
            seen |= heard
            with bars.hidden():
                printed.release(heard)
                printed.end(is_blind=not heard)
    _require_seen(symbols, seen, broken)
    if broken:
        for another in broken[1:]:
            complain(f"airpocket: {another}")
        raise broken[0]


def _require_seen(symbols: Sequence[str], seen: set[str], broken: list[AirpocketError]) -> None:
    missing = [symbol for symbol in symbols if symbol not in seen]
    names = ", ".join(sorted(seen - {"*"})[:_NAMED]) or "none that it can name"
    if missing and len(missing) == len(symbols):
        for error in broken:  # what could not be read may hold them
            complain(f"airpocket: {error}")
        raise InputError(f"{', '.join(missing)}: not in the source, which holds {names}")
    for symbol in missing:
        complain(f"{symbol}: not in the source, which holds {names}")


class _Printed(Protocol):
    def begin(self, group: Group, *, heading: bool) -> None: ...

    def say(self, saying: Saying) -> None: ...

    def end(self, *, is_blind: bool) -> None: ...


@final
class _Held:
    """Keeps all back until one of the symbols that were asked for has been seen.

    If none ever is, the refusal is all that is printed.
    """

    def __init__(self, printed: _Printed, symbols: Sequence[str]) -> None:
        self._printed = printed
        self._asked = frozenset(symbols)
        self._waiting: list[Callable[[], None]] = []

    def begin(self, group: Group, *, heading: bool) -> None:
        self._do(partial(self._printed.begin, group, heading=heading))

    def say(self, saying: Saying) -> None:
        self._do(partial(self._printed.say, saying))

    def end(self, *, is_blind: bool) -> None:
        self._do(partial(self._printed.end, is_blind=is_blind))

    def release(self, seen: set[str]) -> None:
        """Print what has waited if one of the symbols is among those seen."""
        if self._asked and not self._asked.isdisjoint(seen):
            self._asked = frozenset()
            for act in self._waiting:
                act()
            self._waiting.clear()

    def _do(self, act: Callable[[], None]) -> None:
        if self._asked:
            self._waiting.append(act)
        else:
            act()


@final
class _Json:
    """One object a line; an episode carries the time of the step that ended it."""

    def __init__(self) -> None:
        self._known: set[Finding] = set()
        self._said_ns: int | None = None

    def begin(self, _: Group, *, heading: bool) -> None:  # noqa: ARG002 — JSON has no headings
        self._said_ns = None

    def say(self, saying: Saying) -> None:
        if isinstance(saying, Transition):
            self._said_ns = saying.said_ns
        elif isinstance(saying, Finding):
            if saying in self._known:
                return
            self._known.add(saying)
        json_line(saying_json(saying, known_ns=self._said_ns))

    def end(self, *, is_blind: bool) -> None:
        sys.stdout.flush()
        if is_blind:
            complain("nothing was seen: there is no event in these sources, at most gaps")


@final
class _Text:
    """A timeline for each group of recordings."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._known: set[Finding] = set()
        self._timeline = Timeline(0)
        self._out = console()

    def begin(self, group: Group, *, heading: bool) -> None:
        self._timeline = Timeline(group.width_ns, verbose=self._verbose)
        if heading:
            names = ", ".join(recording.label.name for recording in group.recordings)
            width = say_duration(group.width_ns)
            show(self._out, f"[bold]In bins of {width}[/]: {escape_terminal(names)}", hang=2)

    def say(self, saying: Saying) -> None:
        if isinstance(saying, Finding):
            if saying in self._known:
                return
            self._known.add(saying)
        for line in self._timeline.lines(saying):
            show(self._out, line.markup, hang=line.hang)

    def end(self, *, is_blind: bool) -> None:
        for line in self._timeline.closing(is_blind=is_blind):
            show(self._out, line.markup, hang=line.hang)
        self._out.print()


_NAMED = 12
