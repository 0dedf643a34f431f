"""Which tapes lie in a folder, in which order they are read, and which are old."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from airpocket.errors import AirpocketError, TapeError
from airpocket.market.events import Gap, GapCause
from airpocket.market.wire import Frame
from airpocket.store.file_lock import hold, lock_path
from airpocket.store.tape_reader import TapeReader
from airpocket.units import DAY_NS

__all__ = [
    "TapeName",
    "delete_tape",
    "is_own_end",
    "read_tapes",
    "tapes_in",
    "tapes_to_drop",
]

_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([1-9][0-9]{0,3}))?\.tape")
_DAY_S: Final = DAY_NS // 1_000_000_000


class TapeName(NamedTuple):
    """One tape of a day: days since 1970, and a number where there are several.

    Examples
    --------
    >>> TapeName(20_371, 1).tape_id, TapeName(20_371, 2).tape_id
    ('2025-10-10', '2025-10-10.2')
    """

    day: int
    number: int

    @property
    def tape_id(self) -> str:
        """Name that ``raw_ref`` carries; the file is called the same."""
        day = datetime.fromtimestamp(self.day * _DAY_S, UTC).strftime("%Y-%m-%d")
        return day if self.number == 1 else f"{day}.{self.number}"

    def path(self, folder: Path) -> Path:
        """Give its place in a folder."""
        return folder / f"{self.tape_id}.tape"


def tapes_in(folder: Path) -> list[TapeName]:
    """Find the daily tapes of a folder, oldest first; other files are none of our business.

    Raises
    ------
    TapeError
        If the folder cannot be listed.
    """
    try:
        matches = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
    except OSError as error:
        raise TapeError(f"{folder}: cannot be listed ({error.strerror})") from error
    found = []
    for match in matches:
        if match is not None:
            with suppress(ValueError):  # 2026-02-31 is no day, and not ours
                day = datetime.strptime(match[1], "%Y-%m-%d").replace(tzinfo=UTC)
                found.append(TapeName(int(day.timestamp()) // _DAY_S, int(match[2] or 1)))
    return sorted(found)


def tapes_to_drop(
    folder: Path, *, keep_days: int | None = None, keep_bytes: int | None = None
) -> list[Path]:
    """List the tapes beyond what is to be kept, oldest first; never the last one.

    Parameters
    ----------
    folder
        Of daily tapes.
    keep_days
        How many days on which something was recorded; ``None``: all.
    keep_bytes
        How much all tapes may take together; ``None``: no limit.
    """
    names = tapes_in(folder)
    days = sorted({name.day for name in names})
    first_day = days[-keep_days] if keep_days is not None and keep_days < len(days) else None
    sizes = [_size(name.path(folder)) for name in names]
    whole = sum(sizes)
    dropped = []
    for name, size in zip(names[:-1], sizes, strict=False):
        is_old = first_day is not None and name.day < first_day
        if not is_old and (keep_bytes is None or whole <= keep_bytes):
            break
        dropped.append(name.path(folder))
        whole -= size
    return dropped


def delete_tape(path: Path) -> bool:
    """Delete a tape and what lies beside it, unless someone writes to it.

    Returns
    -------
    bool
        Whether it is gone.
    """
    try:
        holder = hold(path)
        if holder is None:
            return False
        holder.close()
        for one in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            one.unlink(missing_ok=True)
        lock_path(path).unlink(missing_ok=True)
    except Exception:  # noqa: BLE001 - an old tape that cannot go now goes another time
        return False
    return True


def read_tapes(
    paths: Sequence[Path],
    *,
    since_ns: int | None = None,
    until: Mapping[Path, int] | None = None,
    on_damage: Callable[[AirpocketError], None] | None = None,
) -> Iterator[Frame | Gap]:
    """Read tapes one after the other as one recording: frames, and gaps where they lie.

    That a tape was closed is left out: the recording goes on in the next one, or is over.

    Parameters
    ----------
    paths
        In the order in which they were recorded.
    since_ns
        Begin at the first frame with this ``local_ns`` or a later one; holes that are open by then
        come first. ``None``: from the beginning.
    until
        Frame before which to stop, for tapes that grow; others are read to their end.
    on_damage
        Told what is wrong with a tape that cannot be read (on), which is then left; ``None``: it
        is raised.

    Raises
    ------
    AirpocketError
        If a tape cannot be read: after what is whole of it.
    """
    start = _Start(since_ns)
    for path in paths:
        try:
            with TapeReader(path) as tape:
                yield from _read_one(tape, start, None if until is None else until.get(path))
        except AirpocketError as error:
            if on_damage is None:
                raise
            on_damage(error)
    yield from start.open_holes()


def is_own_end(gap: Gap) -> bool:
    """Tell whether a gap only says that a tape was closed: the recording may go on in another."""
    whole = gap.channel == "*" and gap.raw_symbol == "*"
    return whole and gap.to_ns is None and gap.cause is GapCause.END_OF_RECORDING


class _Start:
    """Where reading begins, and the holes that are open by then."""

    def __init__(self, since_ns: int | None) -> None:
        self.since_ns = since_ns  # None once it has begun
        self._holes: dict[tuple[str, str, str, int], Gap] = {}
        self._begins_ns = since_ns or 0

    def pass_by(self, gap: Gap) -> None:
        """Take a hole that lies before the beginning; taken again, it has got its end."""
        self._holes[gap.venue, gap.channel, gap.raw_symbol, gap.from_ns] = gap

    def open_holes(self) -> Iterator[Gap]:
        """Begin, with the holes that reach into what is read; nothing when it has begun."""
        for gap in self._holes.values():
            if gap.to_ns is None or gap.to_ns > self._begins_ns:
                yield gap
        self._holes.clear()
        self.since_ns = None


def _read_one(tape: TapeReader, start: _Start, until: int | None) -> Iterator[Frame | Gap]:
    """Read one tape, from where reading begins if it begins here."""
    about = tape.about()
    end = about.frames if until is None else min(until, about.frames)
    holes = [hole for hole in tape.gaps() if hole.before_ordinal <= end]
    holes = [hole for hole in holes if not is_own_end(hole.gap)]
    first = 0
    if start.since_ns is not None:
        is_later = about.last_ns is None or about.last_ns < start.since_ns
        first = end if is_later else _first_since(tape, end, start.since_ns)
        while holes and holes[0].before_ordinal <= first:
            start.pass_by(holes.pop(0).gap)
        if is_later:
            return
        yield from start.open_holes()
    for ordinal, frame in enumerate(tape.frames(first, end), first):
        while holes and holes[0].before_ordinal <= ordinal:
            yield holes.pop(0).gap
        yield frame
    for hole in holes:
        yield hole.gap


def _first_since(tape: TapeReader, frames: int, since_ns: int) -> int:
    """Find the first frame received at or after a time; receipt times go up with the ordinals."""
    low, high = 0, frames
    while low < high:
        middle = (low + high) // 2
        local_ns = tape.frame(middle).local_ns
        if local_ns is None:
            return low  # no order can be relied upon
        if local_ns < since_ns:
            low = middle + 1
        else:
            high = middle
    return low


def _size(path: Path) -> int:
    size = 0
    for one in (path, path.with_name(path.name + "-wal")):
        with suppress(OSError):
            size += one.stat().st_size
    return size
