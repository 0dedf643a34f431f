"""CoinGlass exports: one file a series, or several series side by side, as comma-separated text.

================  =================================  =====================  ======================
columns           becomes                            unit                   covers
================  =================================  =====================  ======================
long/short        :class:`ForcedFlow`, one a side    US dollars             a lower bound: sums of
liquidation usd   (side = the closed position)                              throttled feeds (rules)
price OHLC        :class:`Bar`                       US dollars             the bar
open interest     :class:`OpenInterest`              US dollars; coins in   every bar's open, and
                                                     the 5-minute and the   the close at a hole
                                                     "stablecoin" files
funding OHLC      :class:`Funding`                   per cent, made a       every bar's open, and
                                                     fraction here          the close at a hole
``ts,rate``       :class:`Funding`                   a fraction             each payment
bids/asks sums    :class:`DepthBands` at ±1 %        coins, US dollars      a sample a bar
================  =================================  =====================  ======================

The symbol is the coin alone (``"BTC"``): liquidations and open interest are sums over all its
contracts (of Binance, or of the venues asked for), and the price beside them is that of one, so
that the three can be told as one story. Times are milliseconds, a bar's being its start.

Units: the base funding rate of Binance, 0.01 % for 8 hours, appears as ``0.01``, so OHLC files are
per cent. CoinGlass API v4 documentation (read 2026-05): depth files default to ``range=1``, one
per cent around the price; the bar in progress is part of an answer, so the last one may be
incomplete.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from airpocket.errors import SourceError
from airpocket.market.feed_rule import FeedRules
from airpocket.market.source import Archive, Item, Label, Progress, Recording
from airpocket.store.files import head as head_of
from airpocket.units import MILLISECOND_NS, MINUTE_NS, say_duration

__all__ = ["ARCHIVES", "Layout", "coin_named"]


class Layout(Struct, frozen=True):
    """One arrangement of columns.

    ``columns`` maps the file's names to ours (``time_ms`` for the time); ``named`` is a part of
    the file's name that it must have, for columns that could mean anything; ``optional`` are
    read if they are there.
    """

    kind: str
    channels: tuple[str, ...]
    columns: Mapping[str, str]
    named: str = ""
    optional: tuple[str, ...] = ()


_OHLC: Final = {name: name for name in ("open", "high", "low", "close")}
_LONG_SHORT: Final = {
    "aggregated_long_liquidation_usd": "long_usd",
    "aggregated_short_liquidation_usd": "short_usd",
}
_HOURLY: Final = {
    "timestamp": "time_ms",
    "price_open": "open",
    "price_high": "high",
    "price_low": "low",
    "price_close": "close",
    "liquidation_long_usd": "long_usd",
    "liquidation_short_usd": "short_usd",
    "funding_open": "funding_open",
    "funding_close": "funding_close",
    "oi_open": "oi_open",
    "oi_close": "oi_close",
}
_CVD: Final = ("cvd_open", "cvd_high", "cvd_low", "cvd_close")
_FLOW: Final = ("liquidations",)
_DEPTH: Final = {
    f"{side}_{unit}": f"{side}_{short}"
    for side in ("bids", "asks")
    for unit, short in (("usd", "usd"), ("quantity", "qty"))
}


def _timed(
    kind: str, channels: tuple[str, ...], columns: Mapping[str, str], named: str = ""
) -> tuple[Layout, ...]:
    """Two layouts that differ in the name of the time column only."""
    return tuple(
        Layout(kind, channels, {time: "time_ms", **columns}, named) for time in ("time_ms", "time")
    )


LAYOUTS: Final = (
    Layout(
        "coinglass merged bars",
        ("liquidations", "bars", "open_interest", "funding"),
        _HOURLY | {name: name for name in _CVD},
        optional=_CVD,
    ),
    *_timed("coinglass liquidations", _FLOW, _LONG_SHORT),
    Layout(
        "coinglass liquidations",
        _FLOW,
        {"timestamp": "time_ms", "longUsd": "long_usd", "shortUsd": "short_usd"},
    ),
    *_timed("coinglass prices", ("bars",), _OHLC | {"volume_usd": "volume_usd"}),
    *_timed("coinglass funding", ("funding",), _OHLC, "fundingrate"),
    *_timed("coinglass open interest", ("open_interest",), _OHLC, "openinterest"),
    *_timed("coinglass depth", ("depth",), _DEPTH),
    *_timed("coinglass depth", ("depth",), {f"aggregated_{n}": ours for n, ours in _DEPTH.items()}),
    Layout(
        "open interest samples",
        ("open_interest",),
        {"t": "time_ms", "oi": "oi_coins", "oi_usd": "oi_usd"},
    ),
    Layout("funding rates", ("funding",), {"ts": "time_ms", "rate": "rate"}),
)
"""Every arrangement that is read."""


@final
class _CoinGlass:
    """CoinGlass exports, known by their columns (and their name where those say nothing)."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the file has a known arrangement of columns."""
        return _layout(path, head) is not None

    def open(self, path: Path) -> Recording:
        """Open it for reading."""
        head = head_of(path)
        layout = _layout(path, head)
        if layout is None:
            raise SourceError(f"{path}: its first line is not that of a CoinGlass export")
        width_ns = _width_ns(layout, head)
        if width_ns is None:
            raise SourceError(f"{path}: no two first rows with times in ms, so no width of a bar")
        return _Opened(path, layout, width_ns)


@final
class _Opened:
    """A CoinGlass export opened for reading."""

    def __init__(self, path: Path, layout: Layout, width_ns: int) -> None:
        self._path = path
        self._layout = layout
        self._width_ns = width_ns
        self._label = Label(
            name=path.name,
            kind=layout.kind,
            venue="coinglass",
            channels=layout.channels,
            width_ns=width_ns,
            note="sums over all contracts of a coin as CoinGlass publishes them",
            extract_of=_told_twice(path, width_ns) if "liquidations" in layout.channels else None,
        )

    @property
    def label(self) -> Label:
        """What it is."""
        return self._label

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield findings, the series in order of time with their holes, and the end."""
        from airpocket.venues.coinglass import rows, series  # noqa: PLC0415 - polars when needed

        rules = FeedRules.load(Path(__file__).with_name("venue.toml"))
        coin, raw_symbol, is_guess = coin_named(self._path)
        source = rows.Source(
            path=self._path,
            layout=self._layout,
            width_ns=self._width_ns,
            coin=coin,
            raw_symbol=raw_symbol,
            is_guess=is_guess,
            rules=rules,
        )
        yield from series.read(source, progress)


def _told_twice(path: Path, width_ns: int) -> str:
    """Name what an export of liquidations shares with one that merges them with other series."""
    _, coin, _ = coin_named(path)
    return f"CoinGlass's liquidations of {coin} in bins of {say_duration(width_ns)}"


def coin_named(path: Path) -> tuple[str | None, str, bool]:
    """Find the coin in a file's name, else in the names of its neighbours if they agree.

    Returns
    -------
    tuple
        Coin or ``None``, the name as written (``"?"`` if none), and whether neighbours said it.

    Examples
    --------
    >>> coin_named(Path("price_binance_BTCUSDT_4h.csv.gz"))
    ('BTC', 'BTCUSDT', False)
    """
    written = _coin_word(path.name)
    if written is not None:
        return written.removesuffix("USDT") or written, written, False
    nearby = {
        word for other in path.parent.glob("*.csv*") if (word := _coin_word(other.name)) is not None
    }
    if len(nearby) == 1:
        word = nearby.pop()
        return word.removesuffix("USDT") or word, word, True
    return None, "?", False


def _coin_word(name: str) -> str | None:
    words = re.split(r"[_.\-]", name)
    return next((word for word in words if re.fullmatch(r"[A-Z][A-Z0-9]{1,11}", word)), None)


def _layout(path: Path, head: bytes) -> Layout | None:
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    names = set(first.decode("utf-8", "replace").strip().split(","))
    for layout in LAYOUTS:
        needed = set(layout.columns) - set(layout.optional)
        if needed <= names and layout.named in path.name.lower():
            return layout
    return None


def _width_ns(layout: Layout, head: bytes) -> int | None:
    """Smallest step between the first rows, to the minute: the width of a bar."""
    lines = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines()
    ours = {ours: name for name, ours in layout.columns.items()}
    names = lines[0].strip().split(",")
    column = names.index(ours["time_ms"])
    times = []
    for line in lines[1:]:
        fields = line.split(",")
        if len(fields) == len(names) and re.fullmatch("[0-9]{13}", fields[column].strip()):
            times.append(int(fields[column]) * MILLISECOND_NS)
    steps = [later - sooner for sooner, later in pairwise(times)]
    widths = [round(step / MINUTE_NS) * MINUTE_NS for step in steps if step > 0]
    return min((width for width in widths if width > 0), default=None)


ARCHIVES: Final[tuple[Archive, ...]] = (_CoinGlass(),)
"""All CoinGlass exports are one archive: the columns tell which series it is."""
