"""A ladder as a file that strangers can read: a Parquet table or JSON, told by its ending.

The table has a row for each level (:mod:`.ladder_table`); what belongs to the whole (layers without
levels, assumptions) stands in the file's metadata under ``airpocket.ladder``. JSON uses the same
words, levels within their layer. Unknown is null. Both carry a SHA-256 of what they say, so that a
damaged file is refused and never half believed; JSON written by hand may leave it out.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace

from airpocket.errors import InputError, SourceError
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance, levels_of
from airpocket.leverage.ladder_table import COLUMNS, table_levels, table_of, table_schema
from airpocket.market.events import Side
from airpocket.market.fields import BAD_FRAME, why
from airpocket.store.aside import aside
from airpocket.store.files import open_binary, parquet_batches
from airpocket.units import iso, ns_from_iso

__all__ = ["is_ladder_file", "read_ladder", "write_ladder"]

_KEY: Final = "airpocket.ladder"
_BEGINS: Final = re.compile(rb'\s*\{\s*"airpocket"\s*:\s*"ladder"')
_JSON_LIMIT: Final = 1 << 30
_Number = Annotated[int, Meta(ge=0, le=2**53)]


class _Row(Struct, frozen=True, gc=False):
    """One level."""

    price: float
    notional_usd: float
    qty_base: float
    count: _Number | None = None
    bankruptcy_price: float | None = None


class _About(Struct, frozen=True, kw_only=True):
    """What is said of a layer beside its levels."""

    forced: Forced
    provenance: Provenance
    source: str
    share_of_oi: float | None = None
    assumed: tuple[str, ...] = ()


class _Counted(_About, frozen=True, kw_only=True):
    """A layer whose levels are rows of a table: how many, longs before shorts."""

    longs: _Number
    shorts: _Number


class _Listed(_About, frozen=True, kw_only=True):
    """A layer with its levels."""

    longs: tuple[_Row, ...]
    shorts: tuple[_Row, ...]


class _Whole(Struct, frozen=True, kw_only=True):
    airpocket: Literal["ladder"] = "ladder"
    version: Literal[1] = 1
    venue: str
    symbol: str
    mark_price: float
    at: str | None = None
    sha256: str | None = None


class _Head(_Whole, frozen=True, kw_only=True):
    """Metadata of a table."""

    layers: tuple[_Counted, ...]


class _Document(_Whole, frozen=True, kw_only=True):
    """A file of JSON."""

    layers: tuple[_Listed, ...]


def write_ladder(ladder: Ladder, out: Path) -> None:
    """Write a ladder, whole or not at all.

    Parameters
    ----------
    ladder
        What to write; levels are put in order, the nearest first.
    out
        A new file, ``.parquet`` or ``.json``.

    Raises
    ------
    InputError
        If the file exists, has another ending or no folder, or a level is none.
    """
    if out.suffix not in {".parquet", ".json"}:
        raise InputError(f"{out}: a ladder is written as .parquet or .json")
    ladder = replace(ladder, layers=tuple(_ordered(layer) for layer in ladder.layers))
    with aside(out) as path:
        if out.suffix == ".json":
            listed = [
                _about(layer) | {"longs": _rows(layer.longs), "shorts": _rows(layer.shorts)}
                for layer in ladder.layers
            ]
            path.write_bytes(msgspec.json.encode(_whole(ladder, listed)) + b"\n")
        else:
            counted = [
                _about(layer) | {"longs": layer.longs.size, "shorts": layer.shorts.size}
                for layer in ladder.layers
            ]
            head = msgspec.json.encode(_whole(ladder, counted)).decode()
            table_of(ladder).write_parquet(path, metadata={_KEY: head})


def read_ladder(path: Path) -> Ladder:
    """Read a ladder that :func:`write_ladder` wrote.

    Counts are ``None`` for a side where one is not known, bankruptcy prices where all are unknown.

    Raises
    ------
    SourceError
        If it is no such file, or is damaged.
    LimitError
        If it holds more than a gigabyte of JSON, or claims more rows than can be.
    """
    with open_binary(path, limit_bytes=_JSON_LIMIT) as stream:
        is_table = stream.peek(4)[:4] == b"PAR1"
        text = b"" if is_table else stream.read()
    try:
        return _from_table(path) if is_table else _from_document(text)
    except SourceError:
        raise
    except (*BAD_FRAME, InputError) as error:
        raise SourceError(f"{path}: damaged, or not a ladder ({why(error)})") from error


def is_ladder_file(path: Path, head: bytes) -> bool:
    """Tell by a file's first bytes, or a table's metadata, whether a ladder was written there."""
    if not head.startswith(b"PAR1"):
        return _BEGINS.match(head) is not None
    try:
        return _KEY in _metadata(path)
    except SourceError:
        return False


def _ordered(layer: Layer) -> Layer:
    """Check and order levels, and leave out columns in which nothing is known."""
    sides = {}
    for side in Side:
        levels = layer.side(side)
        count, lost = levels.count, levels.bankruptcy_price
        sides[side] = levels_of(
            side,
            levels.price,
            levels.notional_usd,
            levels.qty_base,
            None if count is None or not count.size else count,
            None if lost is None or bool(np.isnan(lost).all()) else lost,
        )
    return replace(layer, longs=sides[Side.LONG], shorts=sides[Side.SHORT])


def _whole(ladder: Ladder, layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "airpocket": "ladder",
        "version": 1,
        "venue": ladder.venue,
        "symbol": ladder.symbol,
        "mark_price": ladder.mark_price,
        "at": None if ladder.at_ns is None else iso(ladder.at_ns),
        "layers": layers,
        "sha256": _digest(ladder),
    }


def _about(layer: Layer) -> dict[str, Any]:
    return {
        "forced": layer.forced,
        "provenance": layer.provenance,
        "source": layer.source,
        "share_of_oi": layer.share_of_oi,
        "assumed": layer.assumed,
    }


def _rows(levels: Levels) -> list[_Row]:
    count: Sequence[int | None] = [None] * levels.size
    lost: Sequence[float | None] = count
    if levels.count is not None:
        count = levels.count.tolist()
    if levels.bankruptcy_price is not None:
        lost = [None if one != one else one for one in levels.bankruptcy_price.tolist()]  # noqa: PLR0124 - NaN
    columns = (levels.price.tolist(), levels.notional_usd.tolist(), levels.qty_base.tolist())
    return [_Row(*row) for row in zip(*columns, count, lost, strict=True)]


def _digest(ladder: Ladder) -> str:
    """Give the SHA-256 of everything that a file says of a ladder."""
    mark, at_ns = ladder.mark_price, ladder.at_ns
    said = [ladder.venue, ladder.symbol, float(mark), at_ns, [_about(la) for la in ladder.layers]]
    digest = hashlib.sha256(msgspec.json.encode(said))
    for layer in ladder.layers:
        for side in Side:
            levels = layer.side(side)
            columns = (
                levels.price, levels.notional_usd, levels.qty_base, levels.count,
                levels.bankruptcy_price,
            )  # fmt: skip
            for column in columns:
                known = np.empty(0) if column is None else column.astype("<f8")
                known[np.isnan(known)] = np.nan  # one NaN of many
                digest.update(b"%d:" % known.size + known.tobytes())
    return digest.hexdigest()


def _proven(said: _Whole, layers: tuple[Layer, ...]) -> Ladder:
    """Put a ladder together, and refuse one that is not what was written."""
    ladder = Ladder(
        venue=said.venue,
        symbol=said.symbol,
        mark_price=said.mark_price,
        layers=layers,
        at_ns=None if said.at is None else ns_from_iso(said.at),
    )
    if said.sha256 is not None and said.sha256 != _digest(ladder):
        raise InputError("its figures are not those that its SHA-256 was made of")
    return ladder


def _layer(about: _About, longs: Levels, shorts: Levels) -> Layer:
    return Layer(
        forced=about.forced,
        provenance=about.provenance,
        longs=longs,
        shorts=shorts,
        source=about.source,
        share_of_oi=about.share_of_oi,
        assumed=about.assumed,
    )


def _from_document(text: bytes) -> Ladder:
    said = msgspec.json.decode(text, type=_Document)
    layers = [
        _layer(about, _listed(Side.LONG, about.longs), _listed(Side.SHORT, about.shorts))
        for about in said.layers
    ]
    return _proven(said, tuple(layers))


def _listed(side: Side, rows: Sequence[_Row]) -> Levels:
    counts = [row.count for row in rows if row.count is not None]
    lost = [np.nan if row.bankruptcy_price is None else row.bankruptcy_price for row in rows]
    return levels_of(
        side,
        np.array([row.price for row in rows], dtype=float),
        np.array([row.notional_usd for row in rows], dtype=float),
        np.array([row.qty_base for row in rows], dtype=float),
        np.array(counts, dtype=np.int64) if rows and len(counts) == len(rows) else None,
        None if bool(np.isnan(lost).all()) else np.array(lost),
    )


def _from_table(path: Path) -> Ladder:
    import polars as pl  # noqa: PLC0415

    said = msgspec.json.decode(_metadata(path).get(_KEY, ""), type=_Head)
    blocks = list(parquet_batches(path, COLUMNS))
    frame = pl.concat([pl.DataFrame(schema=table_schema()), *blocks])
    layers, begin = [], 0
    for about in said.layers:
        sides = {}
        for side, size in ((Side.LONG, about.longs), (Side.SHORT, about.shorts)):
            sides[side] = table_levels(side, frame.slice(begin, size))
            begin += size
        layers.append(_layer(about, sides[Side.LONG], sides[Side.SHORT]))
    ladder = _proven(said, tuple(layers))
    if not table_of(ladder).equals(frame):
        raise InputError("its rows are not those that its metadata tells of")
    return ladder


def _metadata(path: Path) -> dict[str, str]:
    import polars as pl  # noqa: PLC0415

    try:
        return pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise SourceError(f"{path}: not a readable parquet file ({why(error)})") from error
