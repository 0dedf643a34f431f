"""``airpocket replay``: recordings through the detector, told as they would have been."""

import sys
from collections.abc import Sequence
from pathlib import Path

from airpocket.app.printing import Bars, console, json_line
from airpocket.app.replay import replay
from airpocket.app.say import saying_json, saying_lines
from airpocket.app.sources import gather
from airpocket.errors import InputError, SourceError
from airpocket.market.source import Recording

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
        print(note, file=sys.stderr)
    play(recordings, symbols=symbols, as_json=as_json, verbose=verbose)


def play(
    recordings: Sequence[Recording], *, symbols: Sequence[str] = (), as_json: bool, verbose: bool
) -> None:
    """Print what a replay of opened recordings says; a broken one is told after the rest."""
    followed = frozenset(symbols) or None
    broken: SourceError | None = None
    out = console()
    with Bars() as bars:
        sayings = replay(recordings, symbols=followed, progress_of=bars.of)
        try:
            for saying in sayings:
                if as_json:
                    json_line(saying_json(saying))
                else:
                    for line in saying_lines(saying, verbose=verbose):
                        out.print(line)
        except SourceError as error:
            broken = error
    if broken is not None:
        raise broken
