"""``airpocket parse``: raw frames in, events out, rejected frames named."""

import sys
from collections.abc import Iterator
from pathlib import Path

from airpocket.app.printing import json_line
from airpocket.app.say import event_json
from airpocket.market.events import RawRef
from airpocket.market.wire import Decoded
from airpocket.store import files
from airpocket.venues import register

__all__ = ["decoded", "run"]


def run(venue: str, file: Path | None) -> None:
    """Print the events of a file of frames, or of standard input.

    Raises
    ------
    InputError
        If the venue is not known, or the file cannot be read.
    """
    name = "stdin" if file is None else file.name
    rejected = 0
    noted: set[str] = set()
    for line, said in decoded(venue, _lines(file), name):
        for event in said.events:
            json_line(event_json(event))
        for reason in said.rejected:
            rejected += 1
            print(f"{name}, line {line}: not used: {reason}", file=sys.stderr)
        for note in said.notes:
            if note not in noted:
                noted.add(note)
                print(f"{name}, line {line}: note: {note}", file=sys.stderr)
    if rejected:
        print(f"{name}: {rejected} frames or parts were not used", file=sys.stderr)


def decoded(venue: str, lines: Iterator[bytes], name: str) -> Iterator[tuple[int, Decoded]]:
    """Decode the lines of one connection, numbered from 1; empty lines are passed over."""
    wire = register.open_wire(venue)
    for number, line in enumerate(lines, start=1):
        frame = line.strip()
        if frame:
            yield number, wire.decode(frame, raw_ref=RawRef(name, number))


def _lines(file: Path | None) -> Iterator[bytes]:
    if file is not None:
        return files.read_lines(file)
    return iter(sys.stdin.buffer)
