"""History files of Hyperliquid: node fills, recorded stream frames, the counts of 2025-10-10.

=====================  =====================================  ======================================
file                   line                                   yields
=====================  =====================================  ======================================
``node_fills_by_block``  ``{"block_time", "events": [[account,  each forced trade once, other trades
                       fill], …]}``                           once; census
``node_fills``         ``[account, fill]``                    the same; an ADL whose loser's leg
                                                              comes first is said as a takeover
fills of an account    a fill, as the API gives it            the same; sampled
recorded frames        ``<local ns> {"channel": …}``, or the  what the wire makes of each frame
                       frame alone
folder of counts       see :mod:`.forced_counts`              bins of forced flow
=====================  =====================================  ======================================

Files may be plain, gzip or zip (the venue's own are LZ4: ``unlz4`` them first). ``raw_ref`` is the
file's name and the line, from 1.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, final

import numpy as np

from airpocket.errors import SourceError
from airpocket.market.events import RawRef
from airpocket.market.fields import BAD_FRAME
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Archive, Item, Label, Progress
from airpocket.store.files import head, read_lines
from airpocket.units import is_plausible_ns
from airpocket.venues.history import FileRecording, Rejects, SkewMeter
from airpocket.venues.hyperliquid import messages as msg
from airpocket.venues.hyperliquid.forced_counts import ForcedCounts
from airpocket.venues.hyperliquid.forced_totals import MEMBERS, TIMING
from airpocket.venues.hyperliquid.reading import read
from airpocket.venues.hyperliquid.receipt import VENUE
from airpocket.venues.hyperliquid.wire import open_wire

__all__ = ["ARCHIVES", "CountsFolder", "FrameLines"]

_STAMPED: Final = re.compile(rb"(\d{19}) (?=[\[{])")
_LONG_BLOCK: Final = re.compile(rb'\s*\{.{0,200}"block_number".{0,60}"events"', re.DOTALL)
_BLOCK_ROWS: Final = 1 << 16
_LOOK: Final = 1 << 16


@final
class CountsFolder:
    """The published folder of 2025-10-10 (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - names tell it
        """Tell whether it is the folder, or a file of it."""
        if path.is_dir():
            return (path / TIMING).is_file()
        return path.name in MEMBERS and (path.parent / TIMING).is_file()

    def open(self, path: Path) -> ForcedCounts:
        """Open the folder, by its own name or that of its timeline.

        Raises
        ------
        SourceError
            If another file of it was named, or the timeline cannot be read.
        """
        if path.is_dir():
            return ForcedCounts(path)
        if path.name == TIMING:
            return ForcedCounts(path.parent)
        raise SourceError(
            f"{path}: part of the recording {path.parent.name!r}, no events by itself; "
            f"open the folder {path.parent}"
        )


@final
class FrameLines:
    """Files with one frame or one fill a line (an :class:`~airpocket.market.source.Archive`)."""

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content tells it
        """Tell whether the first line is a frame, a block or a fill of Hyperliquid."""
        return _first_said(head) is not None

    def open(self, path: Path) -> FileRecording:
        """Open one file; its first line says what it holds.

        Raises
        ------
        SourceError
            If it cannot be read, or its first line is nothing that Hyperliquid writes.
        """
        first = head(path, _LOOK)
        kind = _first_said(first)
        if kind is None:
            raise SourceError(f"{path}: the first line is no frame, block or fill of Hyperliquid")
        is_node = kind is msg.NodeBlock
        label = Label(
            name=path.name,
            kind="hyperliquid node fills" if is_node else "hyperliquid frames",
            venue=VENUE,
            channels=_channels(first),
            covers_all=is_node,
            note="" if is_node else "frames carry no sequence number: a hole cannot be proven",
        )
        return FileRecording(label, path, partial(_items, path))


_CHANNELS: Final[dict[type, tuple[str, ...]]] = {
    msg.AssetContext: ("marks", "funding", "open_interest"),
    msg.Book: ("book",),
    msg.NodeBlock: ("liquidations", "trades"),
    msg.Trades: ("trades",),
    msg.UserEvents: ("liquidations", "trades"),
    msg.UserFills: ("liquidations", "trades"),
}
_TELLING: Final = (*_CHANNELS, msg.Ack)


def _first_said(head: bytes) -> type | None:
    """Kind of the first line, ``None`` if it is none of Hyperliquid's."""
    first, end, _ = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    stamp = _STAMPED.match(first)
    frame = first[stamp.end() :] if stamp else first
    try:
        said = read(frame)
    except BAD_FRAME:
        is_long = not end and _LONG_BLOCK.match(frame) is not None
        return msg.NodeBlock if is_long else None
    return type(said) if isinstance(said, _TELLING) else None


def _channels(head: bytes) -> tuple[str, ...]:
    """Channels that the first lines tell of, in order."""
    told: dict[str, None] = {}
    for line in head.splitlines(keepends=True):
        kind = _first_said(line)
        if kind is not None:
            told.update(dict.fromkeys(_CHANNELS.get(kind, ())))
    return tuple(told)


def _items(path: Path, progress: Progress | None) -> Iterator[Item]:
    wire, rejects = open_wire(), Rejects(path.name, VENUE)
    clocks, notes = _Clocks(), dict[str, int]()
    for number, line in enumerate(read_lines(path, progress=progress), 1):
        frame, local_ns = line.strip(), None
        if not frame:
            continue
        stamp = _STAMPED.match(frame)
        if stamp is not None:
            frame, local_ns = frame[stamp.end() :], int(stamp[1])
            if not is_plausible_ns(local_ns):
                rejects.add(number, "the time before the frame is no date in nanoseconds")
                continue
        said = wire.decode(frame, local_ns=local_ns, raw_ref=RawRef(path.name, number))
        for event in said.events:
            clocks.add(event.venue_ns, event.local_ns)
            yield event
        for reason in said.rejected:
            rejects.add(number, reason)
        for note in said.notes:
            told = note if note.startswith("unknown instrument") else _plain(note)
            notes[told] = notes.get(told, 0) + 1
    yield from rejects.findings()
    yield from clocks.findings(path.name)
    for note, count in notes.items():
        yield Finding(
            code=FindingCode.ASSUMPTION, where=path.name, venue=VENUE, said=note, count=count
        )


def _plain(note: str) -> str:
    """Leave figures out, so that the same note of many lines is one."""
    return re.sub(r"\b\d+\b", "#", note)


@final
class _Clocks:
    """Gathers the two clocks of events for a :class:`~airpocket.venues.history.SkewMeter`."""

    def __init__(self) -> None:
        self._meter = SkewMeter()
        self._venue: list[int] = []
        self._local: list[int] = []

    def add(self, venue_ns: int | None, local_ns: int | None) -> None:
        if venue_ns is None or local_ns is None:
            return
        self._venue.append(venue_ns)
        self._local.append(local_ns)
        if len(self._venue) >= _BLOCK_ROWS:
            self._pass_on()

    def findings(self, where: str) -> Iterator[Finding]:
        if self._venue:
            self._pass_on()
        yield from self._meter.findings(where, VENUE)

    def _pass_on(self) -> None:
        self._meter.add(np.array(self._venue), np.array(self._local))
        self._venue.clear()
        self._local.clear()


ARCHIVES: tuple[Archive, ...] = (CountsFolder(), FrameLines())
