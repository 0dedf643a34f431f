"""``airpocket convert``: a recording as a tape (frames) or as Parquet (columns)."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airpocket.app.printing import Bars, complain, console, plain
from airpocket.app.sources import gather, require_one_extract
from airpocket.errors import InputError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Event, Gap, event_ns
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Recording
from airpocket.market.wire import Wire
from airpocket.store.aside import aside, require_free, sync
from airpocket.store.tape import TapeWriter
from airpocket.venues import register

if TYPE_CHECKING:
    import polars as pl

__all__ = ["run", "to_parquet", "to_tape"]

_CHUNK = 1000


def run(source: Path, out: Path) -> None:
    """Convert a source and say what was written.

    Raises
    ------
    InputError
        If the source cannot be read, OUT is not a name this command writes, or it exists.
    """
    if out.suffix not in {".tape", ".parquet", ""}:
        raise InputError(f"{out}: OUT ends in .tape, in .parquet, or is a folder for Parquet files")
    require_free(out)
    recordings, left_out = gather([source])
    for note in left_out:
        complain(note)
    require_one_extract(recordings)
    write = to_tape if out.suffix == ".tape" else to_parquet
    for name, count in write(recordings, out).items():
        console().print(f"{plain(name)}: {count:,} written", markup=False)


def to_tape(recordings: Sequence[Recording], out: Path) -> Counter[str]:
    """Encode events, in order of time, in their venue's wire format onto a new tape.

    Returns
    -------
    Counter
        Frames by venue.

    Raises
    ------
    InputError
        If a venue's wire cannot say an event. Nothing is left behind.
    """
    written: Counter[str] = Counter()
    wires: dict[str, Wire] = {}
    with aside(out) as path, Bars() as bars:
        streams = [_timed(recording.read(bars.of(recording.label))) for recording in recordings]
        with TapeWriter(path, _tape_id(out)) as tape:
            for at_ns, event in heapq.merge(*streams, key=lambda timed: timed[0]):
                if isinstance(event, Gap):
                    tape.record_gap(event)
                    continue
                if event.venue not in wires:
                    wires[event.venue] = _wire(event.venue)
                for frame in wires[event.venue].encode([event]):
                    tape.append(event.venue, "converted", at_ns or None, frame)
                    written[event.venue] += 1
                if sum(written.values()) % _CHUNK == 0:
                    tape.commit()
            tape.commit()
        if not written:
            raise InputError("the source holds no event that a tape could keep")
    return written


def _tape_id(out: Path) -> str:
    return plain(out.stem)[:120] or "converted"


def _wire(venue: str) -> Wire:
    try:
        return register.open_wire(venue)
    except InputError as error:
        raise InputError(
            f"a tape keeps frames, and of {venue} airpocket knows none: convert to Parquet"
        ) from error


def _timed(items: Iterator[Item]) -> Iterator[tuple[int, Event]]:
    """Give events the time they are ordered by, never one before its predecessor's."""
    newest_ns = 0
    for item in items:
        if isinstance(item, Finding):
            continue
        for event in item.events() if isinstance(item, Columns) else (item,):
            at_ns = event.from_ns if isinstance(event, Gap) else event_ns(event)
            newest_ns = max(newest_ns, at_ns or 0)
            yield newest_ns, event


def to_parquet(recordings: Sequence[Recording], out: Path) -> Counter[str]:
    """Write columns, one Parquet file a kind of event.

    A name that ends in ``.parquet`` takes one kind only (its gaps go unsaid); otherwise OUT is a
    folder of files named by kind. Everything is written aside, synced and renamed: a half-written
    file or folder is never seen. The columns ``raw_tape`` and ``raw_ordinal`` lead back to the row.

    Raises
    ------
    InputError
        If several kinds would go into one file, or there is nothing to write.
    """
    import polars as pl

    tables: dict[str, list[pl.DataFrame]] = {}
    with Bars() as bars:
        for recording in recordings:
            for kind, frame in _frames(recording.read(bars.of(recording.label))):
                tables.setdefault(kind, []).append(frame)
    kinds = sorted(kind for kind in tables if kind != "gap")
    if not kinds:
        raise InputError("the source holds no events that have columns")
    if out.suffix == ".parquet":
        if len(kinds) > 1:
            named = ", ".join(kinds)
            raise InputError(f"the source holds {named}: name a folder as OUT, one file a kind")
        table = pl.concat(tables[kinds[0]])
        with aside(out) as path:
            table.write_parquet(path)
        return Counter({str(out): table.height})
    written: Counter[str] = Counter()
    with aside(out) as folder:
        folder.mkdir()
        for kind, frames in sorted(tables.items()):
            table = pl.concat(frames)
            table.write_parquet(folder / f"{kind}.parquet")
            sync(folder / f"{kind}.parquet")
            written[str(out / f"{kind}.parquet")] = table.height
    return written


def _frames(items: Iterator[Item]) -> Iterator[tuple[str, "pl.DataFrame"]]:
    held: dict[str, list[Any]] = {}
    for item in items:
        if isinstance(item, Columns):
            yield item.kind.__name__.lower(), _frame(item)
        elif not isinstance(item, Finding):
            held.setdefault(type(item).__name__.lower(), []).append(item)
    for kind, events in held.items():
        try:
            yield kind, _frame(Columns.gather(events))
        except InputError:
            continue  # books nest their levels: they have no columns


def _frame(columns: Columns[Any]) -> "pl.DataFrame":
    import polars as pl

    series = []
    for name in columns.names():
        values = columns[name]
        if name in columns.worded():
            words = pl.Series(columns.words(name), dtype=pl.String)
            codes = pl.Series(values).cast(pl.Int64)
            picked = words.gather(codes.clip(lower_bound=0)) if len(words) else None
            text = pl.Series(name, [None] * columns.size, dtype=pl.String)
            if picked is not None:
                text = pl.select(pl.when(codes >= 0).then(picked).otherwise(None)).to_series()
            series.append(text.alias(name))
        elif values.dtype.kind == "i":
            whole = pl.Series(name, values)
            series.append(whole.set(whole == MISSING_INT, None))
        else:
            series.append(pl.Series(name, values).fill_nan(None))
    tapes = pl.Series("raw_tape", [columns.tape] * columns.size, dtype=pl.String)
    ordinals = pl.Series("raw_ordinal", columns.ordinals, dtype=pl.Int64)
    if columns.ordinals is None:
        ordinals = pl.Series("raw_ordinal", [None] * columns.size, dtype=pl.Int64)
    return pl.DataFrame([*series, tapes, ordinals])
