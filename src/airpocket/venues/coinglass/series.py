"""Reading CoinGlass series. Imports polars: import it when a file is read, not before."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from airpocket.market.columns import Columns
from airpocket.market.events import (
    Bar,
    DepthBand,
    DepthBands,
    Event,
    ForcedFlow,
    Funding,
    Gap,
    GapCause,
    OpenInterest,
    RawRef,
    Side,
)
from airpocket.market.source import Item, Progress
from airpocket.units import HOUR_NS
from airpocket.venues.coinglass.remarks import rate_interval_ns, remarks
from airpocket.venues.coinglass.rows import VENUE, Source, load, without_frozen

__all__ = ["read"]


def read(source: Source, progress: Progress | None = None) -> Iterator[Item]:
    """Yield findings, the series in order of time, a gap for each hole, and the end.

    Raises
    ------
    SourceError
        If the file holds no usable row.
    """
    rows, findings = load(source, progress)
    yield from findings
    yield from remarks(rows, source)
    rows = without_frozen(rows, source).with_columns(
        is_last=pl.col("time_ns") == pl.col("time_ns").max()
    )
    for stretch, hole in _stretches(rows, source.width_ns):
        series = _series(stretch, source)
        if len(series) == 1 and isinstance(series[0], Columns):
            yield series[0]
        else:
            yield from sorted(_events(series), key=lambda event: event.venue_ns or 0)
        for channel in source.layout.channels:
            yield _gap(source, channel, *hole)


def _stretches(
    rows: pl.DataFrame, width_ns: int
) -> Iterator[tuple[pl.DataFrame, tuple[int, int | None]]]:
    """Split at holes of the bar grid; with each stretch comes the hole that follows it."""
    times = rows["time_ns"].to_numpy()
    cuts = np.flatnonzero(np.diff(times) > 1.5 * width_ns) + 1
    edges = [0, *cuts.tolist(), rows.height]
    for start, stop in pairwise(edges):
        ends_ns = int(times[stop - 1]) + width_ns
        next_ns = int(times[stop]) if stop < rows.height else None
        yield rows[start:stop], (ends_ns, next_ns)


def _gap(source: Source, channel: str, from_ns: int, to_ns: int | None) -> Gap:
    is_end = to_ns is None
    return Gap(
        venue=VENUE,
        symbol=source.coin,
        raw_symbol=source.raw_symbol,
        venue_ns=from_ns,
        channel=channel,
        from_ns=from_ns,
        to_ns=to_ns,
        cause=GapCause.END_OF_RECORDING if is_end else GapCause.SILENCE,
        proven_by="end of file" if is_end else "bar grid",
    )


def _events(series: list[Any]) -> Iterator[Event]:
    for part in series:
        if isinstance(part, Columns):
            yield from part.events()
        else:
            yield part


def _series(rows: pl.DataFrame, source: Source) -> list[Any]:
    kind = source.layout.kind
    if kind == "coinglass merged bars":
        return [
            _bars(rows, source),
            _flows(rows, source),
            _open_interest(rows, source, "oi_open", "oi_close"),
            _funding(rows, source, "funding_open", "funding_close"),
        ]
    if kind == "coinglass depth":
        return list(_depth(rows, source))
    one = {
        "coinglass liquidations": _flows,
        "coinglass prices": _bars,
        "coinglass funding": _funding,
        "coinglass open interest": _open_interest,
        "open interest samples": _samples,
        "funding rates": _rates,
    }[kind]
    return [one(rows, source)]


def _columns(
    kind: type[Any], source: Source, rows: pl.DataFrame, given: dict[str, Any]
) -> Columns[Any]:
    size = len(given["venue_ns"])
    lines = rows["line"].to_numpy()
    whole = {"venue": VENUE, "symbol": source.coin, "raw_symbol": source.raw_symbol, **given}
    repeats = np.repeat(lines, 2) if size == 2 * len(lines) and kind is ForcedFlow else lines
    ordinals = np.append(repeats, repeats[-1:])[:size]
    return Columns(kind, size, whole, tape=source.path.name, ordinals=ordinals)


def _flows(rows: pl.DataFrame, source: Source) -> Columns[Any]:
    times = rows["time_ns"].to_numpy()
    coverages = [str(source.rules.at("liquidations", int(t)).coverage) for t in times]
    words = tuple(sorted(set(coverages)))
    codes = np.array([words.index(c) for c in coverages], dtype=np.int32)
    usd = rows.select("long_usd", "short_usd").to_numpy().reshape(-1)
    return _columns(
        ForcedFlow,
        source,
        rows,
        {
            "venue_ns": np.repeat(times, 2),
            "width_ns": source.width_ns,
            "side": (np.tile(np.array([0, 1], np.int32), len(times)), (Side.LONG, Side.SHORT)),
            "usd": usd,
            "coverage": (np.repeat(codes, 2), words),
        },
    )


def _bars(rows: pl.DataFrame, source: Source) -> Columns[Any]:
    given = {name: rows[name].to_numpy() for name in ("open", "high", "low", "close")}
    if "volume_usd" in rows.columns:
        given["usd"] = rows["volume_usd"].to_numpy()
    times = rows["time_ns"].to_numpy()
    return _columns(Bar, source, rows, given | {"venue_ns": times, "width_ns": source.width_ns})


def _opens(
    rows: pl.DataFrame, source: Source, opening: str, closing: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Value at each bar's start, and before a hole that at its end: none before its time.

    The last bar of a file may be in progress: the time of its close is not known.
    """
    times, values = rows["time_ns"].to_numpy(), rows[opening].to_numpy()
    if rows["is_last"][-1]:
        return times, values
    ends_ns = times[-1] + source.width_ns
    return np.append(times, ends_ns), np.append(values, rows[closing][-1])


def _open_interest(
    rows: pl.DataFrame, source: Source, opening: str = "open", closing: str = "close"
) -> Columns[Any]:
    times, values = _opens(rows, source, opening, closing)
    in_coins = "stablecoin" in source.path.name.lower()
    field = "qty_base" if in_coins else "notional_usd"
    return _columns(OpenInterest, source, rows, {"venue_ns": times, field: values})


def _funding(
    rows: pl.DataFrame, source: Source, opening: str = "open", closing: str = "close"
) -> Columns[Any]:
    times, percent = _opens(rows, source, opening, closing)
    given: dict[str, Any] = {"venue_ns": times, "rate": percent / 100}
    if opening == "funding_open":  # one venue's pair, not a mean over venues of all intervals
        given["interval_ns"] = 8 * HOUR_NS
    return _columns(Funding, source, rows, given)


def _samples(rows: pl.DataFrame, source: Source) -> Columns[Any]:
    given = {
        "venue_ns": rows["time_ns"].to_numpy(),
        "qty_base": rows["oi_coins"].to_numpy(),
        "notional_usd": rows["oi_usd"].to_numpy(),
    }
    return _columns(OpenInterest, source, rows, given)


def _rates(rows: pl.DataFrame, source: Source) -> Columns[Any]:
    times, rates = rows["time_ns"].to_numpy(), rows["rate"].to_numpy()
    given = {"venue_ns": times, "rate": rates, "interval_ns": rate_interval_ns(rows)}
    return _columns(Funding, source, rows, given)


def _depth(rows: pl.DataFrame, source: Source) -> Iterator[DepthBands]:
    names = ("line", "time_ns", "bids_qty", "bids_usd", "asks_qty", "asks_usd")
    for line, time_ns, bid_qty, bid_usd, ask_qty, ask_usd in rows.select(names).iter_rows():
        yield DepthBands(
            venue=VENUE,
            symbol=source.coin,
            raw_symbol=source.raw_symbol,
            raw_ref=RawRef(source.path.name, line),
            venue_ns=time_ns,
            bands=(
                DepthBand(-1.0, bid_qty, bid_usd, bid_usd / bid_qty),
                DepthBand(1.0, ask_qty, ask_usd, ask_usd / ask_qty),
            ),
        )
