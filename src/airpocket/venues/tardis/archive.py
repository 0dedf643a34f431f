"""Tardis.dev CSV files: trades, liquidations and derivative tickers of many venues.

=================  ==========================  ===================================================
file               yields                      meaning
=================  ==========================  ===================================================
trades             ``Columns[Trade]``          ``side`` is the taker's; ``amount`` in the venue's
                                               own unit (contracts of Binance COIN-M)
liquidations       ``Columns[Liquidation]``    ``side`` "sell": a long was liquidated, "buy": a
                                               short; what ``price`` means is the venue's affair
derivative_ticker  ``Columns[Mark]`` and, when  open interest in the venue's own unit; funding as
                   they change,                a fraction
                   ``[OpenInterest]``,
                   ``[Funding]``
=================  ==========================  ===================================================

Times are microseconds since 1970: ``timestamp`` the venue's, ``local_timestamp`` of the recorder
(docs.tardis.dev, downloadable CSV files, data types; read 2026-11). A row repeated within one
file (same id, time, price and amount) is left out and counted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market.checks import plausible_times
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import (
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.market.quality import Finding
from airpocket.market.source import Archive, Item, Label, Progress
from airpocket.store.files import csv_blocks, head
from airpocket.venues.history import FileRecording
from airpocket.venues.tardis.rows import (
    MICROSECOND_NS,
    TICK_COLUMNS,
    TICKER_COLUMNS,
    Rows,
    Ticks,
    times_ns,
)
from airpocket.venues.valuation import ruled, valued, worth

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ARCHIVES", "TardisCsv"]

# Tardis names venues by API. A spot market must not find its instruments in a futures catalogue.
_VENUES: Final = {
    "binance": "binance-spot",
    "binance-futures": "binance",
    "binance-delivery": "binance",
    "bitfinex-derivatives": "bitfinex",
    "bitget-futures": "bitget",
    "bybit-spot": "bybit-spot",
    "cryptofacilities": "kraken-futures",
    "dydx-v4": "dydx",
    "huobi-dm": "htx",
    "huobi-dm-linear-swap": "htx",
    "huobi-dm-swap": "htx",
    "okex": "okx-spot",
    "okex-futures": "okx",
    "okex-swap": "okx",
}
_RULE_CHANNELS: Final = {"binance": "forceOrder"}
# Which price of a forced order Tardis passes on: the limit of the order (Binance `p`, BitMEX),
# the bankruptcy price (Bybit, OKX `bkPx`), or the trade's own.
_PRICE_FIELDS: Final = {
    "binance": "order_price",
    "bitmex": "order_price",
    "bybit": "bankruptcy_price",
    "okx": "bankruptcy_price",
}
_METHODS: Final = {"binance": Method.BOOK}  # forceOrder tells of filled orders only
_CHANNELS: Final = {
    "trades": ("trades",),
    "liquidations": ("liquidations",),
    "derivative_ticker": ("marks", "open_interest", "funding"),
}

_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": tuple(TICK_COLUMNS),
    "liquidations": tuple(TICK_COLUMNS),
    "derivative_ticker": tuple(TICKER_COLUMNS),
}
_Reader: TypeAlias = Callable[["_Source", Progress | None], Iterator[Item]]


class _Source:
    """One opened file: whose, and what its venue's catalogue and rules say."""

    def __init__(self, path: Path, exchange: str) -> None:
        self.path = path
        self.exchange = exchange
        self.venue = _VENUES.get(exchange, exchange)
        folder = self.venue.replace("-", "_")
        toml = Path(__file__).parent.parent / folder / "venue.toml"
        # The name stands in the file, so it may be anything: only that of a venue is a path.
        is_known = re.fullmatch(r"[a-z0-9_]{1,32}", folder) is not None and toml.is_file()
        self.catalogue = Catalogue.load(toml) if is_known else Catalogue()
        self.rules = FeedRules.load(toml) if is_known else FeedRules(())


@final
class TardisCsv:
    """One kind of Tardis file (an :class:`~airpocket.market.source.Archive`).

    Parameters
    ----------
    data_type
        "trades", "liquidations" or "derivative_ticker". Trades and liquidations have the same
        columns, so the name of the file tells them apart.
    """

    def __init__(self, data_type: str) -> None:
        self._data_type = data_type
        self._read = _READERS[data_type]

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the header is that of this kind, and the name does not say otherwise."""
        first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
        if tuple(first.strip().split(",")) != _HEADERS[self._data_type]:
            return False
        if self._data_type == "derivative_ticker":
            return True
        is_liquidations = "liquidations" in path.name or "liquidations" in path.parts
        return is_liquidations == (self._data_type == "liquidations")

    def open(self, path: Path) -> FileRecording:
        """Open one file; its first row says whose it is.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        lines = head(path).decode("utf-8", "replace").splitlines()
        exchange = lines[1].partition(",")[0] if len(lines) > 1 else "unknown"
        source = _Source(path, exchange)
        label = Label(
            name=path.name,
            kind=f"tardis {self._data_type}",
            venue=source.venue,
            channels=_CHANNELS[self._data_type],
            covers_all=self._data_type == "trades",
            note="" if len(source.catalogue) else f"no instruments of {source.venue}: no notional",
        )
        return FileRecording(label, path, partial(self._read, source))


def _trades(source: _Source, progress: Progress | None) -> Iterator[Item]:
    for block in _blocks(source, progress):
        if not isinstance(block, Ticks):
            yield block
            continue
        columns = {
            **_shared(source, block),
            "price": block.price,
            "taker": (block.sides, (Taker.BUY.value, Taker.SELL.value)),
            "trade_id": block.id_words(),
        }
        yield _columns(Trade, source, block, columns)


def _liquidations(source: _Source, progress: Progress | None) -> Iterator[Item]:
    for block in _blocks(source, progress):
        if not isinstance(block, Ticks):
            yield block
            continue
        columns = {
            **_shared(source, block),
            _PRICE_FIELDS.get(source.venue, "fill_price"): block.price,
            "liquidated": (block.sides, (Side.SHORT.value, Side.LONG.value)),
            "method": _METHODS.get(source.venue, Method.UNKNOWN).value,
            **ruled(source.rules, _RULE_CHANNELS.get(source.venue, "liquidations"), block.venue_ns),
            "event_id": block.id_words(),
        }
        yield _columns(Liquidation, source, block, columns)


def _blocks(source: _Source, progress: Progress | None) -> "Iterator[Ticks | Finding]":
    rows = Rows(source.path.name, source.venue, source.exchange)
    frames = csv_blocks(
        source.path,
        TICK_COLUMNS,
        optional=("id", "side"),
        rejected=rows.rejects.add,
        progress=progress,
    )
    for frame in frames:
        block = rows.ticks(frame)
        if len(block.venue_ns):
            yield block
    yield from rows.findings()


def _shared(source: _Source, block: Ticks) -> dict[str, Any]:
    value = valued(
        source.catalogue, block.symbols, block.words, block.venue_ns, block.amount, block.price
    )
    return {
        "venue": source.venue,
        "venue_ns": block.venue_ns,
        "local_ns": block.local_ns,
        "qty_raw": block.amount,
        **value,
    }


def _columns(
    kind: type[Any], source: _Source, block: Ticks, columns: Mapping[str, Any]
) -> Columns[Any]:
    tape = source.path.name
    return Columns(kind, len(block.venue_ns), columns, tape=tape, ordinals=block.lines)


def _tickers(source: _Source, progress: Progress | None) -> Iterator[Item]:
    rows = Rows(source.path.name, source.venue, source.exchange)
    frames = csv_blocks(
        source.path,
        TICKER_COLUMNS,
        optional=tuple(TICKER_COLUMNS)[4:],
        rejected=rows.rejects.add,
        progress=progress,
    )
    for frame in frames:
        usable = rows.usable(frame)
        for _, part in usable.group_by("symbol", maintain_order=True):
            yield from _ticker_columns(source, part)
    yield from rows.findings()


def _ticker_columns(source: _Source, frame: "pl.DataFrame") -> Iterator[Columns[Any]]:
    """Yield marks of one instrument, and its open interest and funding where they change."""
    raw_symbol = str(frame["symbol"][0])
    venue_ns = times_ns(frame, "timestamp")
    instrument = source.catalogue.find(raw_symbol, int(venue_ns[0]))
    common = {
        "venue": source.venue,
        "raw_symbol": raw_symbol,
        "symbol": None if instrument is None else instrument.symbol,
        "venue_ns": venue_ns,
        "local_ns": times_ns(frame, "local_timestamp"),
    }
    number = {name: frame[name].cast(float).to_numpy() for name in tuple(TICKER_COLUMNS)[4:]}
    lines, tape = frame["line"].to_numpy(), source.path.name
    marks = {"mark_price": number["mark_price"], "index_price": number["index_price"]}
    told = Columns(Mark, len(lines), {**common, **marks}, tape=tape, ordinals=lines)
    yield told.take(number["mark_price"] > 0)
    open_interest = number["open_interest"]
    if instrument is not None:
        price = np.where(number["mark_price"] > 0, number["mark_price"], number["last_price"])
        coins, dollars = worth(instrument, open_interest, price)
        value = {"qty_base": coins, "notional_usd": dollars}
        interest = Columns(OpenInterest, len(lines), {**common, **value}, tape=tape, ordinals=lines)
        yield interest.take((open_interest >= 0) & _changes(open_interest))
    rate = number["funding_rate"]
    due = frame["funding_timestamp"].fill_null(0).to_numpy()
    is_date = plausible_times(due, MICROSECOND_NS)
    due_ns = np.where(is_date, due, 0) * MICROSECOND_NS
    funding = {"rate": rate, "due_ns": np.where(is_date, due_ns, MISSING_INT)}
    paid = Columns(Funding, len(lines), {**common, **funding}, tape=tape, ordinals=lines)
    yield paid.take((np.abs(rate) < 10) & (_changes(rate) | _changes(due_ns.astype(float))))


def _changes(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the first value and each that differs from the one before."""
    is_new = np.ones(len(values), dtype=np.bool_)
    is_new[1:] = values[1:] != values[:-1]
    return is_new


_READERS: Final[Mapping[str, _Reader]] = {
    "trades": _trades,
    "liquidations": _liquidations,
    "derivative_ticker": _tickers,
}

ARCHIVES: tuple[Archive, ...] = tuple(TardisCsv(data_type) for data_type in _READERS)
