"""What a book held at a time: from recorded frames, a tape, or published sums of depth."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, final

from msgspec import Struct
from msgspec.structs import replace

from airpocket.app.printing import complain
from airpocket.errors import InputError
from airpocket.market.book import Book
from airpocket.market.events import BookChange, Depth, DepthBands, Gap, event_ns
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Recording
from airpocket.units import SECOND_NS, iso, say_duration
from airpocket.venues import register
from airpocket.venues.books import BOOK_RULES, open_book

if TYPE_CHECKING:
    from airpocket.venues.hearing import Hearing
    from airpocket.venues.tape.archive import TapeRecording

__all__ = ["AGE_MOST_NS", "SeenDepth", "coin_of", "laid_at", "read_depth"]

AGE_MOST_NS: Final = 60 * SECOND_NS
"""A book that last spoke longer before the time asked for is not the book of that time."""

_BESIDE_MOST: Final = 0.01
_NAMED: Final = 12

_Said: TypeAlias = BookChange | Depth | DepthBands


class SeenDepth(Struct, frozen=True, kw_only=True):
    """Depth of one instrument at one time, and where it was read.

    Parameters
    ----------
    depth, instrument
        A book and what a contract is worth; ``None`` where only sums were published.
    bands
        Sums of depth; ``None`` where there is a book.
    venue, symbol, source
        Whose it is; the file it was read from.
    at_ns
        When it stood so.
    mid
        Between best bid and ask; for sums between the averages of their nearest bands, and
        ``None`` if those are not said.
    assumed
        What had to be assumed, a sentence each.

    Examples
    --------
    >>> from airpocket.market.events import DepthBand
    >>> bands = DepthBands(venue="binance", symbol="BTC/USDT:USDT", raw_symbol="BTCUSDT",
    ...     bands=(DepthBand(-1.0, 10.0, 6e5, 60_000.0), DepthBand(1.0, 10.0, 6e5, 60_600.0)))
    >>> SeenDepth(bands=bands, venue="binance", symbol="BTC/USDT:USDT", source="x.csv",
    ...     at_ns=0, mid=60_300.0).symbol
    'BTC/USDT:USDT'
    """

    depth: Depth | None = None
    instrument: Instrument | None = None
    bands: DepthBands | None = None
    venue: str
    symbol: str
    source: str
    at_ns: int | None
    mid: float | None
    assumed: tuple[str, ...] = ()


def read_depth(
    path: Path, *, symbol: str | None = None, venue: str | None = None, at_ns: int | None = None
) -> SeenDepth:
    """Read the depth of one instrument at a time, or the last there is.

    Parameters
    ----------
    path
        Recorded frames, a tape, a folder of tapes, or a file of summed depth.
    symbol
        Unified symbol, the venue's name of it, or a coin, with ``venue:`` before it where several
        venues are in the source. May be left out where it holds one instrument. Another contract
        on the same coin stands in where the source does not hold this one.
    venue
        Preferred where several venues have the symbol.
    at_ns
        When; the last that the source holds if left out.

    Raises
    ------
    SourceError
        If the file is no recording.
    InputError
        If it holds no depth, none of that coin, several to choose from, or no whole book at that
        time. The message says what it holds.
    """
    from airpocket.app.sources import gather

    recordings, left_out = gather([path])
    for note in left_out:
        complain(note)
    tapes = _tapes(recordings)
    if tapes is not None:
        from airpocket.venues.hearing import Hearing

        hearing = Hearing()
        heard = _of_tapes(hearing, [tape.path for tape in tapes], at_ns)
        followed = _follow(heard, at_ns)
        catalogue_of = hearing.catalogue
    else:
        followed = _follow(_of_recordings(recordings, at_ns), at_ns)
        catalogue_of = register.catalogue_of
    if not followed:
        when = "" if at_ns is None else f" up to {iso(at_ns)}"
        raise InputError(f"{path}: no order book and no depth of any instrument is in it{when}")
    chosen = _chosen(followed, symbol, venue, path)
    return _seen(chosen, path, at_ns, catalogue_of)


def _tapes(recordings: "list[Recording]") -> "list[TapeRecording] | None":
    """Tell whether all are tapes of one recording; what plays them loads only then."""
    if not recordings[0].label.kind.endswith(" tape"):
        return None
    from airpocket.app.tape_replay import tapes_of

    return tapes_of(recordings)


@final
class _Followed:
    """One instrument on one connection: its book, or depth that the source says in one piece."""

    def __init__(self, venue: str, raw_symbol: str) -> None:
        self.venue = venue
        self.raw_symbol = raw_symbol
        self.symbol: str | None = None
        self.book: Book | None = None
        self.said: Depth | DepthBands | None = None
        self.last_ns = 0
        self.spacing_ns = 0

    @property
    def name(self) -> str:
        """What people call it."""
        return self.symbol or self.raw_symbol

    @property
    def tells(self) -> bool:
        """Whether it has a book or sums; best quotes alone are no depth."""
        return self.book is not None or self.said is not None

    def take(self, said: _Said) -> None:
        """Take what was said of it."""
        self.symbol = said.symbol or self.symbol
        if isinstance(said, BookChange):
            if self.book is None:
                self.book = open_book(self.venue)
            self.book.apply(said)
        elif isinstance(said, DepthBands) or len(said.bids) > 1 or len(said.asks) > 1:
            self.said = said
        else:
            return
        now_ns = event_ns(said) or 0
        self.spacing_ns = now_ns - self.last_ns if self.last_ns else 0
        self.last_ns = now_ns

    def now(self) -> Depth | DepthBands | None:
        """Give the depth as it stands; ``None`` while it is not known."""
        return self.said if self.book is None else self.book.depth()

    def why_not(self) -> str:
        """Say why nothing is known now."""
        gap = None if self.book is None else self.book.gap
        return "a side of its book is empty" if gap is None else gap.proven_by


def _of_recordings(
    recordings: Iterable[Recording], at_ns: int | None
) -> Iterator[tuple[str, _Said]]:
    """Give what files say of books, up to a while after the time."""
    for recording in recordings:
        for item in recording.read():
            if isinstance(item, BookChange | Depth | DepthBands):
                yield "", item
                if at_ns is not None and (event_ns(item) or 0) > at_ns + AGE_MOST_NS:
                    break
            elif isinstance(item, Finding) and item.code in _TOLD:
                complain(f"{recording.label.name}: {item.said}")


def _of_tapes(
    hearing: "Hearing", paths: list[Path], at_ns: int | None
) -> Iterator[tuple[str, _Said]]:
    """Give what tapes say of books, by the connection that it came over."""
    from airpocket.store.tape_folder import read_tapes

    for frame in read_tapes(paths):
        if isinstance(frame, Gap):
            continue
        if at_ns is not None and (frame.local_ns or 0) > at_ns + AGE_MOST_NS:
            return
        for event in hearing.hear(frame).fresh:
            if isinstance(event, BookChange | Depth | DepthBands):
                yield frame.stream, event


def _follow(heard: Iterable[tuple[str, _Said]], at_ns: int | None) -> list[_Followed]:
    """Follow all books up to a time."""
    followed: dict[tuple[str, str, str], _Followed] = {}
    for stream, said in heard:
        if at_ns is not None and (event_ns(said) or 0) > at_ns:
            continue
        if isinstance(said, BookChange) and said.venue not in BOOK_RULES:
            continue
        key = (said.venue, stream, said.raw_symbol)
        if key not in followed:
            followed[key] = _Followed(said.venue, said.raw_symbol)
        followed[key].take(said)
    return [one for one in followed.values() if one.tells]


def _chosen(
    followed: list[_Followed], symbol: str | None, venue: str | None, path: Path
) -> _Followed:
    """Find the one that is meant; of several connections the one that spoke last."""
    meant = followed if symbol is None else _meant(followed, symbol)
    listed = sorted({f"{one.venue}:{one.name}" for one in followed})
    holds = ", ".join(listed[:_NAMED]) + (", …" if len(listed) > _NAMED else "")
    if not meant:
        raise InputError(f"{path}: no depth of {symbol} is in it; it holds {holds}")
    own = [one for one in meant if one.venue == venue]
    meant = own or meant
    places = {(one.venue, one.raw_symbol) for one in meant}
    if len(places) > 1:
        asked = "several books" if symbol is None else f"several books of {symbol}"
        raise InputError(f"{path} holds {asked}: name one with --depth-symbol, of {holds}")
    whole = [one for one in meant if one.now() is not None]
    return max(whole or meant, key=lambda one: one.last_ns)


def _meant(followed: list[_Followed], word: str) -> list[_Followed]:
    """Find a symbol by its unified name, else by the venue's name or the coin."""
    venue, parted, rest = word.strip().partition(":")
    among = [one for one in followed if parted and one.venue == venue.casefold()]
    name = rest if among else word.strip()
    among = among or followed
    exact = [one for one in among if one.name.casefold() == name.casefold()]
    return exact or [
        one
        for one in among
        if one.raw_symbol.casefold() == name.casefold() or coin_of(one.name) == coin_of(name)
    ]


def coin_of(symbol: str) -> str:
    """Name the coin of a unified symbol, or of a coin.

    Examples
    --------
    >>> coin_of("BTC/USDT:USDT"), coin_of("btc")
    ('BTC', 'BTC')
    """
    return symbol.partition("/")[0].strip().upper()


def _seen(
    one: _Followed,
    path: Path,
    at_ns: int | None,
    catalogue_of: Callable[[str], Catalogue],
) -> SeenDepth:
    """Put the depth together with what it is worth and what has to be said of it."""
    now = one.now()
    if now is None:
        when = "at the end" if at_ns is None else f"at {iso(at_ns)}"
        raise InputError(
            f"{path}: no whole book of {one.name} {when} ({one.why_not()}); name another --at TIME"
        )
    seen_ns = event_ns(now)
    age_most_ns = max(AGE_MOST_NS, 2 * one.spacing_ns)
    if at_ns is not None and seen_ns is not None and at_ns - seen_ns > age_most_ns:
        age = say_duration(at_ns - seen_ns)
        raise InputError(
            f"{path}: the last depth of {one.name} before {iso(at_ns)} is of {iso(seen_ns)}, "
            f"{age} earlier: name a time that the file covers"
        )
    told = SeenDepth(venue=one.venue, symbol=one.name, source=path.name, at_ns=seen_ns, mid=None)
    if isinstance(now, DepthBands):
        return _with_bands(told, now)
    instrument = catalogue_of(one.venue).find(one.raw_symbol, seen_ns)
    if instrument is None or instrument.notional_usd(1.0, 1.0) is None:
        raise InputError(
            f"{path}: what a contract of {one.venue} {one.raw_symbol} is worth in dollars is not "
            "known, so its book cannot be counted: name another with --depth-symbol"
        )
    mid = (now.bids[0][0] + now.asks[0][0]) / 2
    return replace(told, depth=now, instrument=instrument, mid=mid)


def _with_bands(told: SeenDepth, bands: DepthBands) -> SeenDepth:
    near: dict[bool, float | None] = {}
    for band in sorted(bands.bands, key=lambda one: abs(one.percent)):
        near.setdefault(band.percent < 0, band.average_price)
    bid, ask = near.get(True), near.get(False)
    assumed = list(told.assumed)
    if bid is None or ask is None:
        mid = None
    elif bid >= ask:
        raise InputError(
            f"{told.source}: at {iso(told.at_ns or 0)} the bids of {told.symbol} stand at {bid:g}, "
            f"above the asks at {ask:g}: a crossed book is none, name another --at TIME"
        )
    else:
        mid = (bid + ask) / 2
        assumed.append("the mid is taken between the average prices of the nearest bands")
    for is_bid, name in ((True, "bid"), (False, "ask")):
        if is_bid not in near:
            assumed.append(f"the {name} side is not in the source: no depth is known there")
    return replace(told, bands=bands, mid=mid, assumed=tuple(assumed))


def laid_at(seen: SeenDepth, price: float, *, by_shape: bool = False) -> SeenDepth:
    """Lay depth around a price: as it stands if it was seen there, by its shape if asked to.

    Parameters
    ----------
    seen
        Of :func:`read_depth`.
    price
        Mark price of the ladder.
    by_shape
        Keep the dollars at each distance in percent from the mid, and move the mid to the price.

    Raises
    ------
    InputError
        If the mid is more than 1 % from the price and the shape was not asked for.
    """
    mid = seen.mid
    if mid is None:
        said = "where the book stood is not said: its dollars by distance are laid around "
        said += f"{price:,.6g}"
        return replace(seen, mid=price, assumed=(*seen.assumed, said))
    if mid == price:
        return seen
    beside = mid / price - 1
    if not by_shape:
        if abs(beside) <= _BESIDE_MOST:
            return seen
        when = "" if seen.at_ns is None else f" of {iso(seen.at_ns)}"
        raise InputError(
            f"{seen.source}: the book{when} stands at {mid:,.6g}, {abs(beside):.1%} from the "
            f"ladder's price {price:,.6g}: give one of the same time, or --depth-shape to lay its "
            "shape around that price"
        )
    said = f"the book stood at {mid:,.6g}: its dollars by distance are laid around {price:,.6g}"
    assumed = (*seen.assumed, said)
    if seen.depth is None or seen.instrument is None:
        return replace(seen, mid=price, assumed=assumed)
    ratio = price / mid
    coins = 1.0 if seen.instrument.kind is Kind.INVERSE else 1 / ratio  # contracts are dollars
    depth = replace(
        seen.depth,
        bids=tuple((level * ratio, qty * coins) for level, qty in seen.depth.bids),
        asks=tuple((level * ratio, qty * coins) for level, qty in seen.depth.asks),
    )
    return replace(seen, depth=depth, mid=price, assumed=assumed)


_TOLD: Final = frozenset({FindingCode.FROZEN_SIDE, FindingCode.CROSSED_BOOK})
