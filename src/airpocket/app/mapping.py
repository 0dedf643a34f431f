"""``airpocket map``: where forced orders wait, against the book, on one price axis."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from airpocket.alerts.render import escape_terminal
from airpocket.app.amounts import dollars_of, number_of, time_of
from airpocket.app.check_words import fraction_of
from airpocket.app.depth_sources import SeenDepth, laid_at, read_depth
from airpocket.app.ladder_buckets import LadderMap, MapSide, buckets_of
from airpocket.app.ladder_commands import DepthOptions, LadderOptions
from airpocket.app.ladder_drawing import lines_of
from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.app.printing import console, json_line, show
from airpocket.cascade.impact import BookWalk
from airpocket.cascade.outcome import AirPocket
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Layer, Levels, Provenance
from airpocket.market.events import Side
from airpocket.store.aside import require_free
from airpocket.units import iso

__all__ = [
    "Book",
    "air_pockets_of",
    "beside_of",
    "bin_bps_of",
    "book_of",
    "depth_json",
    "m_words",
    "map_of",
    "pocket_json",
    "require_writable",
    "run",
    "walk_of",
    "wanted_of",
]

_PICTURES: Final = (".png", ".svg")
_TABLES: Final = (".parquet", ".json")
_FARTHEST: Final = 1.0  # of the mark: how far air-pockets are looked for
_BPS_LEAST: Final = 10.0
_BPS_MOST: Final = 200.0
_LEVELS_LEAST: Final = 4
_NEAR: Final = 0.02  # of the mid: where the usual gap of a book is looked at
_GAPS: Final = 10
_WIDTH_MOST: Final = 120
_WIDTH_PIPED: Final = 110


class Book(Struct, frozen=True, kw_only=True):
    """Which depth is to be laid beside a ladder, and how.

    Parameters
    ----------
    path
        Where it is read; ``None``: nowhere.
    symbol
        Which book of several; the ladder's own if left out.
    factor
        Share of it that is there when it is needed.
    by_shape
        Whether a book seen at another price may be laid around the ladder's.
    at_ns
        When it is to be read, where that is another time.
    """

    path: Path | None = None
    symbol: str | None = None
    factor: float = 1.0
    by_shape: bool = False
    at_ns: int | None = None


def wanted_of(options: LadderOptions) -> Wanted:
    """Read what is wanted of the sources.

    Raises
    ------
    InputError
        If a figure or the time is none.
    """
    return Wanted(
        symbol=options.symbol,
        venue=options.venue,
        price=number_of("price", options.price),
        at_ns=time_of("at", options.at),
        open_interest_usd=dollars_of("open-interest", options.open_interest),
        is_cross_isolated=options.cross_as_isolated,
    )


def beside_of(options: DepthOptions) -> Book:
    """Read which book is laid beside the ladder.

    Raises
    ------
    InputError
        If the factor is none, or an option is given without a book.
    """
    factor = number_of("depth-factor", options.depth_factor)
    if options.depth is None:
        given = {
            "--depth-symbol": options.depth_symbol,
            "--depth-at": options.depth_at,
            "--depth-factor": factor,
            "--depth-shape": options.depth_shape or None,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name} says something of a book: give it with --depth SOURCE")
    return Book(
        path=options.depth,
        symbol=options.depth_symbol,
        factor=1.0 if factor is None else factor,
        by_shape=options.depth_shape,
        at_ns=time_of("depth-at", options.depth_at),
    )


def run(
    sources: Sequence[Path],
    ladder: LadderOptions,
    book: DepthOptions,
    *,
    within: str | None = None,
    out: Path | None = None,
    as_json: bool = False,
) -> None:
    """Read sources, lay the ladder against the book, and print, draw or write it.

    Raises
    ------
    InputError
        If a source cannot be used, or OUT cannot be written; nothing is written then.
    """
    wanted, beside, reach = wanted_of(ladder), beside_of(book), fraction_of("within", within)
    if out is not None:
        require_writable(out, (*_PICTURES, *_TABLES))
    drawn = map_of(sources, wanted, beside, within=reach)
    if out is not None:
        _write(drawn, out)
    if as_json:
        json_line(_map_json(drawn))
        return
    printed = console()
    width = min(printed.width, _WIDTH_MOST) if printed.is_terminal else _WIDTH_PIPED
    for line in lines_of(drawn, width):
        show(printed, line, hang=2)
    if out is not None:
        show(printed, f"written: {escape_terminal(str(out))}")


def require_writable(out: Path, endings: Sequence[str]) -> None:
    """Refuse a name that could not be written, before anything is worked out.

    Raises
    ------
    InputError
        If its ending is none of those, or it is taken.
    """
    if out.suffix not in endings:
        raise InputError(f"{out}: OUT ends in one of {', '.join(endings)}")
    require_free(out)


def map_of(
    sources: Sequence[Path], wanted: Wanted, book: Book, *, within: float | None = None
) -> LadderMap:
    """Read a ladder and the book beside it, and lay them on one axis.

    Parameters
    ----------
    sources, wanted
        As for :func:`~airpocket.app.ladder_sources.read_ladders`.
    book
        What is laid beside it.
    within
        Fraction of the mark that is shown to both sides.

    Raises
    ------
    InputError
        If a source cannot be used, or does not go with the others.
    """
    ladder = read_ladders(sources, wanted)
    seen = book_of(ladder, book, wanted.at_ns)
    if seen is None:
        return buckets_of(ladder, within=within)
    walk = walk_of(seen, book.factor)
    return buckets_of(
        ladder,
        seen=replace(seen, assumed=(*seen.assumed, m_words(ladder, walk))),
        walk=walk,
        air_pockets=air_pockets_of(ladder, walk),
        within=within,
    )


def book_of(ladder: Ladder, book: Book, at_ns: int | None) -> SeenDepth | None:
    """Read the book beside a ladder, and say what of it is assumed; ``None`` if none is given.

    Parameters
    ----------
    ladder
        What it is laid beside.
    book
        Which book. One that is laid by its shape is the last unless its time is named.
    at_ns
        Time of ladder and book; the last there is if ``None``.

    Raises
    ------
    InputError
        If it holds no such book at that time, or one that stands at another price.
    """
    if book.path is None:
        return None
    if book.at_ns is not None or book.by_shape:
        at_ns = book.at_ns
    seen = read_depth(
        book.path, symbol=book.symbol or ladder.symbol, venue=ladder.venue, at_ns=at_ns
    )
    seen = laid_at(seen, ladder.mark_price, by_shape=book.by_shape)
    assumed = list(seen.assumed)
    if (seen.venue, seen.symbol) != (ladder.venue, ladder.symbol):
        whose = ladder.symbol if ladder.venue == "*" else f"{ladder.venue} {ladder.symbol}"
        assumed.append(f"the book of {seen.venue} {seen.symbol} stands for that of {whose}")
    if book.factor != 1.0:
        assumed.append(f"the book holds {book.factor:g} times what is in sight")
    return replace(seen, assumed=tuple(assumed))


def walk_of(seen: SeenDepth, factor: float = 1.0) -> BookWalk:
    """Turn what was read into the impact law of walking it."""
    if seen.bands is not None:
        return BookWalk.of_bands(seen.bands, factor)
    if seen.depth is None or seen.instrument is None:
        raise InputError(f"{seen.source}: holds neither a book nor sums of depth")
    return BookWalk.of(seen.depth, seen.instrument, factor)


def air_pockets_of(ladder: Ladder, walk: BookWalk) -> dict[Side, tuple[AirPocket, ...]]:
    """Find the stretches of each side on which forced orders outrun the book.

    They are of the levels themselves, not of one shock: m is looked at from the mark as far as the
    outermost level. Measured levels are looked at, or estimated ones where none is measured.

    Parameters
    ----------
    ladder
        What waits.
    walk
        The book.
    """
    from airpocket.cascade.path import air_pockets
    from airpocket.cascade.prepared import prepare

    measured = ladder.has(Provenance.MEASURED)
    known = Provenance.MEASURED if measured else Provenance.ESTIMATED
    width = bin_bps_of(ladder, walk)
    found: dict[Side, tuple[AirPocket, ...]] = {}
    for side, curve in ((Side.LONG, walk.bids), (Side.SHORT, walk.asks)):
        levels = ladder.side(side, known)
        if curve is None or not levels.size:
            continue
        farthest = abs(float(levels.price[-1]) / ladder.mark_price - 1)
        reach = min(farthest * (1 + 1e-9), _FARTHEST)
        found[side] = air_pockets(prepare(ladder, side, known), walk, reach, width)
    return found


def m_words(ladder: Ladder, walk: BookWalk | None = None) -> str:
    """Say over which stretches m is counted."""
    width = bin_bps_of(ladder, walk) / 100
    return f"m is counted over stretches of {width:.3g} % of the price, as fine as the levels lie"


def bin_bps_of(ladder: Ladder, walk: BookWalk | None = None) -> float:
    """Tell how wide the bins are in which m is counted: as fine as ladder and book themselves are.

    Levels of a published map are middles of bins; counted in narrower ones, all that lies spread
    over a bin would be met at once, and each would look like an air-pocket. In a book with wide
    gaps any dollar moves the price by a gap; ten of them make a bin, or each would, too.

    Returns
    -------
    float
        Basis points of the mark, from 10 to 200: the least distance between two levels of a side
        of the ladder, or ten times the usual one in the book.
    """
    known = Provenance.MEASURED if ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
    sides = [ladder.side(side, known).price for side in Side]
    apart = np.concatenate([np.abs(np.diff(price)) for price in sides]) / ladder.mark_price
    apart = apart[apart > 0]
    is_told = sum(price.size for price in sides) >= _LEVELS_LEAST  # a few lie apart by chance
    least = float(apart.min()) if apart.size and is_told else 0.0
    for curve in () if walk is None else (walk.bids, walk.asks):
        if curve is not None and not curve.is_interpolated:
            near = curve.fall[curve.fall <= max(_NEAR, float(curve.fall[0]))]
            least = max(least, _GAPS * float(np.median(np.diff(near, prepend=0.0))))
    return round(min(max(1e4 * least, _BPS_LEAST), _BPS_MOST), 6)


def _write(drawn: LadderMap, out: Path) -> None:
    if out.suffix in _PICTURES:
        from airpocket.app.ladder_picture import draw_map

        draw_map(drawn, out)
        return
    from airpocket.leverage.ladder_file import write_ladder

    write_ladder(drawn.ladder, out)


def _map_json(drawn: LadderMap) -> dict[str, Any]:
    ladder = drawn.ladder
    return {
        "type": "map", "venue": ladder.venue, "symbol": ladder.symbol,
        "mark_price": ladder.mark_price, "at": _time(ladder.at_ns), "step": drawn.step,
        "layers": [_layer_json(layer) for layer in ladder.layers],
        "depth": None if drawn.depth is None else depth_json(drawn.depth),
        "longs": _side_json(drawn.longs), "shorts": _side_json(drawn.shorts),
        "assumed": list(drawn.assumed),
    }  # fmt: skip


def depth_json(seen: SeenDepth) -> dict[str, Any]:
    """Say which book it is."""
    return {
        "venue": seen.venue, "symbol": seen.symbol, "source": seen.source, "at": _time(seen.at_ns),
        "mid_price": seen.mid, "is_book": seen.depth is not None,
    }  # fmt: skip


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "forced": layer.forced.value, "provenance": layer.provenance.value,
        "source": layer.source, "share_of_oi": layer.share_of_oi,
        "at_least": layer.provenance is Provenance.MEASURED,
        "longs": _levels_json(layer.longs), "shorts": _levels_json(layer.shorts),
        "assumed": list(layer.assumed),
    }  # fmt: skip


def _levels_json(levels: Levels) -> dict[str, Any]:
    count = None if levels.count is None else int(levels.count.sum())
    return {"levels": levels.size, "notional_usd": levels.total_usd, "count": count}


def _side_json(side: MapSide) -> dict[str, Any]:
    return {
        "measured_usd": side.measured_usd, "estimated_usd": side.estimated_usd,
        "beyond_usd": side.beyond_usd, "beyond_estimated_usd": side.beyond_estimated_usd,
        "book_ends": side.book_ends,
        "buckets": [
            {
                "low": one.low, "high": one.high, "liquidations_usd": one.liquidations_usd,
                "stops_usd": one.stops_usd, "estimated_usd": one.estimated_usd,
                "count": one.count, "depth_usd": one.depth_usd,
            }
            for one in side.buckets
        ],
        "air_pockets": [pocket_json(one) for one in side.air_pockets],
    }  # fmt: skip


def pocket_json(pocket: AirPocket) -> dict[str, Any]:
    """Say where an air-pocket lies; m is null where the book in sight ends."""
    return {
        "trigger_price": pocket.trigger_price, "exhaustion_price": pocket.exhaustion_price,
        "trigger": pocket.trigger, "exhaustion": pocket.exhaustion, "m_most": pocket.m_most,
    }  # fmt: skip


def _time(at_ns: int | None) -> str | None:
    return None if at_ns is None else iso(at_ns)
