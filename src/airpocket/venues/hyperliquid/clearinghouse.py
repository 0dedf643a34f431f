"""Hyperliquid's answer about an account's positions (``clearinghouseState``), as a book.

A state is the answer of ``POST /info {"type": "clearinghouseState", "user": …}``: ``time`` in
milliseconds, ``marginSummary`` and ``assetPositions``, each with a ``position`` of

=================  ==============================================================================
``coin``           venue's name of the market
``szi``            size in coins, negative for a short
``entryPx``        average entry
``leverage``       ``type`` (isolated or cross), ``value``, and ``rawUsd`` for isolated ones
``positionValue``  US dollars at the mark, so the mark is ``positionValue / |szi|``
``unrealizedPnl``  at the mark
``marginUsed``     of an isolated position its margin with its unrealised profit
``liquidationPx``  ``null`` where no price of this coin alone takes the position
=================  ==============================================================================

The margin behind an isolated position at its entry is ``rawUsd + szi * entryPx``; ``rawUsd`` holds
what funding and added margin did. Source: docs ``info-endpoint/perpetuals`` ("Retrieve user's
perpetuals account summary"), and captured answers (``reference`` of the price in
:func:`airpocket.venues.hyperliquid.rules.price_from_raw`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct

from airpocket.errors import InputError, SourceError
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_columns import median_marks
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.store import files
from airpocket.units import MILLISECOND_NS, is_plausible_ns, iso

__all__ = ["State", "book_of", "claims", "read_state", "read_states"]


class _Leverage(Struct, frozen=True, rename="camel"):
    type: Literal["isolated", "cross"]
    value: float
    raw_usd: float | None = None


class _Position(Struct, frozen=True, rename="camel"):
    coin: str
    szi: float
    entry_px: float
    leverage: _Leverage
    position_value: float
    margin_used: float
    liquidation_px: float | None = None


class _Held(Struct, frozen=True):
    position: _Position


class State(Struct, frozen=True, rename="camel"):
    """What an account holds at a time; decoded by :func:`read_state`."""

    asset_positions: tuple[_Held, ...]
    time: int


class _Wrapped(Struct, frozen=True, rename="camel"):
    """A state as ``webData2`` and collectors keep it: inside an object."""

    clearinghouse_state: State


_STATE: Final = msgspec.json.Decoder(State, strict=False)
_WRAPPED: Final = msgspec.json.Decoder(_Wrapped, strict=False)
_SEVERAL: Final = msgspec.json.Decoder(list[msgspec.Raw])
_WRAPPER: Final = b'"clearinghouseState"'
_MARK: Final = b'"assetPositions"'


def claims(head: bytes) -> bool:
    """Tell by the first bytes of a file whether it holds states.

    Examples
    --------
    >>> claims(b'{"assetPositions":[],"time":1760130900000}')
    True
    """
    return head.lstrip()[:1] in {b"{", b"["} and _MARK in head


def read_state(text: bytes) -> State:
    """Decode one answer, bare or as ``{"clearinghouseState": …}``.

    Raises
    ------
    InputError
        If it is none; the message names the field.

    Examples
    --------
    >>> read_state(b'{"assetPositions":[],"time":1760130900000}').time
    1760130900000
    """
    try:
        if _WRAPPER in text:
            state = _WRAPPED.decode(text).clearinghouse_state
        else:
            state = _STATE.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not a clearinghouseState ({error})") from error
    if not is_plausible_ns(state.time * MILLISECOND_NS):
        raise InputError(f"not a clearinghouseState (time {state.time} is no milliseconds)")
    return state


def read_states(path: Path, *, catalogue: Catalogue | None = None) -> PositionBook:
    """Read a file of answers: one, a JSON list of them, or one a line.

    Parameters
    ----------
    path
        Plain, gzip or zip.
    catalogue
        Instruments instead of the shipped ones.

    Raises
    ------
    InputError
        If an answer or a position of it is bad; the message names file, answer and field.
    """
    states = []
    for number, text in enumerate(_texts(path), start=1):
        try:
            states.append(read_state(text))
        except InputError as error:
            raise SourceError(f"{path}: answer {number:,}: {error}") from error
    return book_of(states, source=str(path), catalogue=catalogue)


def book_of(
    states: Iterable[State], *, source: str, catalogue: Catalogue | None = None
) -> PositionBook:
    """Lay the positions of accounts out as columns.

    The price of a cross position is the venue's own: it moves with the rest of its account, and
    ``assumed`` says how many there are.

    Raises
    ------
    InputError
        If there is no position, a coin is not in the catalogue, or a figure is not above 0; the
        message names the answer (from 1) and the coin.
    """
    shipped = Path(__file__).with_name("venue.toml")
    known = Catalogue.load(shipped) if catalogue is None else catalogue
    times: list[int] = []
    places: dict[Instrument, int] = {}
    rows: list[tuple[float, ...]] = []
    for number, state in enumerate(states, start=1):
        times.append(state.time * MILLISECOND_NS)
        for held in state.asset_positions:
            place = f"{source}: answer {number:,}: {held.position.coin}"
            instrument = known.find(held.position.coin, times[-1])
            if instrument is None:
                raise InputError(f"{place}: no instrument of hyperliquid that airpocket knows")
            rows.append((places.setdefault(instrument, len(places)), *_row(held.position, place)))
    if not rows:
        raise InputError(f"{source}: holds no position")
    columns = np.array(rows).T.copy()
    instrument_at, is_cross = columns[0].astype(np.int32), columns[6] > 0
    return PositionBook(
        instruments=tuple(places),
        instrument=instrument_at,
        is_long=columns[1] > 0,
        qty_raw=np.abs(columns[1]),
        entry_price=columns[2],
        margin=columns[3],
        leverage=columns[4],
        is_cross=is_cross,
        liquidation_price=columns[5],
        source=source,
        assumed=_assumed(times, int(is_cross.sum())),
        at_ns=max(times),
        marks=median_marks(columns[7], instrument_at, len(places)),
    )


def _row(position: _Position, place: str) -> tuple[float, ...]:
    """Give size, entry, margin, leverage, price, mode and mark of a position."""
    size, entry, leverage = position.szi, position.entry_px, position.leverage
    price = np.inf if position.liquidation_px is None else position.liquidation_px
    for name, value in (
        ("szi", abs(size)),
        ("entryPx", entry),
        ("leverage", leverage.value),
        ("positionValue", position.position_value),
    ):
        if not 0 < value < 1e18:
            raise InputError(f"{place}: {name} {value!r} is not a number above 0")
    if not price > 0:
        raise InputError(f"{place}: liquidationPx {price!r} is not a number above 0")
    mark_price = position.position_value / abs(size)
    is_cross = leverage.type == "cross"
    margin = np.nan
    if not is_cross:
        raw = leverage.raw_usd
        margin = position.margin_used - size * mark_price if raw is None else raw
        margin += size * entry
        if not np.isfinite(margin):
            raise InputError(f"{place}: its margin {margin!r} is not a number")
    return (size, entry, margin, leverage.value, price, float(is_cross), mark_price)


def _assumed(times: list[int], cross: int) -> tuple[str, ...]:
    said = []
    if max(times) > min(times):
        said.append(
            f"accounts were asked from {iso(min(times))} to {iso(max(times))}: taken as one time"
        )
    if cross:
        said.append(
            f"{cross:,} cross positions by the venue's own price, which moves with what else their"
            " accounts hold"
        )
    return tuple(said)


def _texts(path: Path) -> Iterator[bytes]:
    with files.open_binary(path) as stream:
        text = stream.read().strip()
    if text.startswith(b"["):
        try:
            yield from map(bytes, _SEVERAL.decode(text))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise SourceError(f"{path}: not a JSON list of answers ({error})") from error
    elif text.count(b"\n") and _is_json(text.partition(b"\n")[0]):
        yield from (line for line in text.split(b"\n") if line.strip())
    elif text:
        yield text


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
