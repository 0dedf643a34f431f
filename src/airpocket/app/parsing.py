"""``airpocket parse``: raw frames in, events out, rejected frames named."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from airpocket.app.printing import complain, json_line
from airpocket.app.say import event_json
from airpocket.market.events import RawRef
from airpocket.market.wire import Decoded, Wire, refuse
from airpocket.store import files
from airpocket.venues import register

__all__ = ["LINE_MOST", "decoded", "numbered", "run"]

LINE_MOST: Final = 32 << 20
"""Bytes of the longest line that is decoded; a longer one is passed over, not kept in memory."""

_BOM: Final = b"\xef\xbb\xbf"
_NOTES_MOST: Final = 1_000


def run(venue: str, file: Path | None) -> None:
    """Print the events of a file of frames, or of standard input.

    Raises
    ------
    InputError
        If the venue is not known, or the file cannot be read.
    """
    wire = register.open_wire(venue)
    if file is not None:
        with files.open_binary(file) as stream:
            _print(wire, stream, file.name, is_live=False)
        return
    if sys.stdin.isatty():
        complain("reading frames from the terminal, one a line; Ctrl-D ends")
    _print(wire, sys.stdin.buffer, "stdin", is_live=True)


def _print(wire: Wire, stream: BinaryIO, name: str, *, is_live: bool) -> None:
    unused = 0
    noted: set[str] = set()
    try:
        for line, said in decoded(wire, numbered(stream), name):
            for event in said.events:
                json_line(event_json(event))
            if is_live and said.events:
                sys.stdout.flush()  # who pipes a feed through wants each event now
            for reason in said.rejected:
                unused += 1
                complain(f"{name}, line {line}: not used: {reason}")
            for note in said.notes:
                if note not in noted and len(noted) < _NOTES_MOST:
                    noted.add(note)
                    complain(f"{name}, line {line}: note: {note}")
    finally:
        if unused:
            frames = "frame or part was" if unused == 1 else "frames or parts were"
            complain(f"{name}: {unused:,} {frames} not used")


def decoded(
    wire: Wire, lines: Iterator[tuple[int, bytes | None]], name: str
) -> Iterator[tuple[int, Decoded]]:
    """Decode the lines of one connection; empty lines are passed over.

    Parameters
    ----------
    wire
        Memory of the connection.
    lines
        Of :func:`numbered`.
    name
        What the ``raw_ref`` of each event names, beside the line.
    """
    for number, line in lines:
        if line is None:
            yield number, refuse(f"longer than {LINE_MOST:,} bytes")
        elif frame := line.strip():
            yield number, wire.decode(frame, raw_ref=RawRef(name, number))


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    r"""Give the lines of a stream numbers from 1; ``None`` is one too long to be a frame.

    A byte order mark before the first line is left out.

    Raises
    ------
    SourceError
        If the stream breaks off; the part of a line before that is not given.

    Examples
    --------
    >>> from io import BytesIO
    >>> list(numbered(BytesIO(b"\xef\xbb\xbf{}\r\n[]")))
    [(1, b'{}\r\n'), (2, b'[]')]
    """
    number = 0
    while line := stream.readline(LINE_MOST + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) <= LINE_MOST:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LINE_MOST)
        yield number, None
