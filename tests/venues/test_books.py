"""Books from the frames of each venue, kept by its own rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.market.book import Book
from airpocket.market.events import BookChange, Gap
from airpocket.venues import register
from airpocket.venues.books import BOOK_RULES, open_book

_MS = 1_760_130_903_127
_BIDS, _ASKS = [["99.5", "1"], ["99", "2"]], [["100", "3"]]


def _bybit(number: int, kind: str, later_ms: int = 0) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": _BIDS, "a": _ASKS, "u": number, "seq": 10 * number}
    return {"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": _MS + later_ms, "data": data}


def _okx(number: int, previous: int, kind: str) -> dict[str, Any]:
    row = {
        "bids": [[*level, "0", "1"] for level in _BIDS],
        "asks": [[*level, "0", "1"] for level in _ASKS],
        "ts": str(_MS + number), "checksum": 0, "seqId": number, "prevSeqId": previous,
    }  # fmt: skip
    arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
    return {"arg": arg, "action": kind, "data": [row]}


def _binance(first: int, last: int, previous: int) -> dict[str, Any]:
    data = {
        "e": "depthUpdate", "E": _MS + last, "T": _MS + last, "s": "BTCUSDT",
        "U": first, "u": last, "pu": previous, "b": _BIDS, "a": _ASKS,
    }  # fmt: skip
    return {"stream": "btcusdt@depth@100ms", "data": data}


def _snapshot(last: int) -> dict[str, Any]:
    data = {"lastUpdateId": last, "E": _MS + last, "T": _MS + last, "bids": _BIDS, "asks": _ASKS}
    return {"stream": "btcusdt@depthSnapshot", "data": data}


_WHOLE = {
    "aster": [_binance(5, 9, 4), _snapshot(7), _binance(11, 12, 9)],
    "binance": [_binance(5, 9, 4), _snapshot(7), _binance(11, 12, 9)],
    "bybit": [_bybit(5, "snapshot"), _bybit(6, "delta"), _bybit(1, "snapshot", 1),
              _bybit(2, "delta", 2)],
    "okx": [_okx(9, -1, "snapshot"), _okx(9, 9, "update"), _okx(16, 9, "update"),
            _okx(3, 16, "update"), _okx(5, 3, "update")],
}  # fmt: skip
_TORN = {
    "aster": _binance(15, 16, 14),
    "binance": _binance(15, 16, 14),
    "bybit": _bybit(4, "delta", 3),
    "okx": _okx(20, 19, "update"),
}


def _play(venue: str, frames: list[dict[str, Any]], book: Book) -> list[Gap | None]:
    wire, said = register.open_wire(venue), []
    for frame in frames:
        decoded = wire.decode(json.dumps(frame).encode())
        assert decoded.rejected == ()
        (change,) = (event for event in decoded.events if isinstance(event, BookChange))
        said.append(book.apply(change))
    return said


@pytest.mark.parametrize("venue", _WHOLE)
def test_what_a_venue_sends_in_order_is_whole_and_one_missing_frame_is_found(venue: str) -> None:
    book = open_book(venue)
    said = _play(venue, _WHOLE[venue], book)
    assert said[1:] == [None] * (len(said) - 1)
    assert (said[0] is not None) is (venue in {"aster", "binance"})  # no snapshot came before
    depth = book.depth()
    assert depth is not None
    assert [price for price, _ in depth.bids] == [99.5, 99.0]
    (gap,) = _play(venue, [_TORN[venue]], book)
    assert gap is not None
    assert "does not follow" in gap.proven_by
    assert book.depth() is None


@pytest.mark.parametrize("channel", ["books5", "books"])
def test_whole_books_of_okx_and_hyperliquid_follow_nothing(channel: str) -> None:
    level = [{"px": "99", "sz": "1", "n": 1}], [{"px": "100", "sz": "1", "n": 1}]
    whole = {"coin": "BTC", "time": _MS, "levels": level}
    frames = [{"channel": "l2Book", "data": whole | {"time": _MS + i}} for i in (0, 500, 9_000)]
    book = open_book("hyperliquid")
    assert _play("hyperliquid", frames, book) == [None] * 3
    assert book.is_valid
    rows = [_okx(number, -1, "snapshot") for number in (3, 50, 90)]
    for row in rows:
        row["arg"]["channel"] = channel
    book = open_book("okx")
    assert _play("okx", rows, book) == [None] * 3
    assert book.is_valid


def test_venues_whose_wires_read_books_have_a_rule_and_others_are_refused() -> None:
    folder = Path(register.__file__).parent
    reading = {
        venue
        for venue, name in register.VENUES.items()
        if any("BookChange(" in path.read_text() for path in (folder / name).glob("*.py"))
    }
    assert reading | {"aster"} == set(BOOK_RULES)
    with pytest.raises(InputError, match="no order book of 'bitmex' is read: aster, binance"):
        open_book("bitmex")
