"""``airpocket convert``: a recording as a tape (frames) or as Parquet (columns)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airpocket.app.printing import Bars, console
from airpocket.app.sources import gather
from airpocket.errors import InputError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Event, Gap, event_ns
from airpocket.market.quality import Finding
from airpocket.market.source import Item, Recording
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
    if out.exists():
        raise InputError(f"{out} exists: name another OUT, nothing is ever overwritten")
    if out.suffix not in {".tape", ".parquet", ""}:
        raise InputError(f"{out}: OUT ends in .tape, in .parquet, or is a folder for Parquet files")
    recordings, _ = gather([source])
    write = to_tape if out.suffix == ".tape" else to_parquet
    for name, count in write(recordings, out).items():
        console().print(f"{name}: {count:,} written", markup=False)


def to_tape(recordings: list[Recording], out: Path) -> Counter[str]:
    """Encode events in their venue's wire format onto a new tape.

    Returns
    -------
    Counter
        Frames by venue.

    Raises
    ------
    InputError
        If a venue's wire cannot say an event; the tape is then not left behind.
    """
    written: Counter[str] = Counter()
    wires: dict[str, Any] = {}
    try:
        with TapeWriter(out, out.stem) as tape, Bars() as bars:
            for recording in recordings:
                for event in _events(recording.read(bars.of(recording.label))):
                    if isinstance(event, Gap):
                        tape.record_gap(event)
                        continue
                    wire = wires.setdefault(event.venue, None) or register.open_wire(event.venue)
                    wires[event.venue] = wire
                    for frame in wire.encode([event]):
                        tape.append(event.venue, "converted", event_ns(event), frame)
                        written[event.venue] += 1
                    if sum(written.values()) % _CHUNK == 0:
                        tape.commit()
            tape.commit()
    except InputError:
        for path in out.parent.glob(f"{out.name}*"):
            path.unlink()
        raise
    return written


def _events(items: Iterator[Item]) -> Iterator[Event]:
    for item in items:
        if isinstance(item, Columns):
            yield from item.events()
        elif not isinstance(item, Finding):
            yield item


def to_parquet(recordings: list[Recording], out: Path) -> Counter[str]:
    """Write columns, one Parquet file a kind of event.

    A name that ends in ``.parquet`` takes one kind only; otherwise OUT is a folder of files named
    by kind. Files are written aside, synced and renamed: a half-written one is never seen.

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
    if not tables:
        raise InputError("the source holds no events that have columns")
    if out.suffix == ".parquet" and len(tables) > 1:
        kinds = ", ".join(sorted(tables))
        raise InputError(f"the source holds {kinds}: name a folder as OUT, one file a kind")
    written: Counter[str] = Counter()
    for kind, frames in sorted(tables.items()):
        path = out if out.suffix == ".parquet" else out / f"{kind}.parquet"
        table = pl.concat(frames)
        _write_parquet(table, path)
        written[str(path)] = table.height
    return written


def _write_parquet(table: "pl.DataFrame", path: Path) -> None:
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        table.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def _frames(items: Iterator[Item]) -> Iterator[tuple[str, "pl.DataFrame"]]:
    held: dict[str, list[Any]] = {}
    for item in items:
        if isinstance(item, Columns):
            yield item.kind.__name__.lower(), _frame(item)
        elif not isinstance(item, Finding | Gap):
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
    return pl.DataFrame(series)
