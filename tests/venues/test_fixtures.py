"""Every captured frame and every worked example comes out as stated, venue by venue.

Three sources: 48 frames from tardis-node's tests with what its mappers make of them, 12 captured
frames with their meaning, and the ``feed_parse`` vectors. Where we say something else than tardis,
the frame is listed below with the reason, and with what we say instead.
"""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from airpocket.market.events import Liquidation, Method
from airpocket.market.wire import Decoded, Wire
from airpocket.units import ns_from_iso

pytestmark = pytest.mark.data

LEFT_OUT: Final[dict[str, str]] = {
    "ftx": "closed in November 2022; no recordings of it are to be had",
    "ftx-us": "closed in November 2022; no recordings of it are to be had",
    "dydx": "dYdX v3 closed in October 2024; its markets frame held no single liquidations",
}
"""Exchanges of the fixtures that airpocket does not read, and why."""

_FOLDERS: Final[dict[str, str]] = {
    "aster-futures": "aster",
    "binance-delivery": "binance",
    "binance-futures": "binance",
    "bitfinex-derivatives": "bitfinex",
    "bitget-futures": "bitget",
    "bitmex": "bitmex",
    "bybit": "bybit",
    "cryptofacilities": "kraken_futures",
    "deribit": "deribit",
    "dydx-v4": "dydx",
    "huobi-dm": "htx",
    "huobi-dm-linear-swap": "htx",
    "huobi-dm-swap": "htx",
    "lighter": "lighter",
    "okex-futures": "okx",
    "okex-swap": "okx",
}

# The field in which a venue's price stands, by what its documents say that price is.
_PRICES: Final[dict[str, str]] = {
    "aster": "order_price",  # p; ap, the average fill, is fill_price
    # tardis reports index 6, which docs.bitfinex.com calls the price the position was entered at;
    # where it closed (index 11, fill_price) is what values it.
    "bitfinex": "entry_price",
    "binance": "order_price",
    "bitget": "order_price",
    "bitmex": "order_price",
    "bybit": "bankruptcy_price",
    "htx": "bankruptcy_price",
    "okx": "bankruptcy_price",
}
_FILL: Final = "fill_price"

# Names that tardis gives to what the venue calls otherwise.
_RAW_SYMBOLS: Final[dict[str, str]] = {
    "BTC_CQ": "BTC200925",
    "BTC_CW": "BTC200703",
    "BTCF0:USTF0": "tBTCF0:USTF0",
    "ETHF0:USTF0": "tETHF0:USTF0",
}

_Row = tuple[str, str, float | None, float, int | None]  # symbol, side, price, size, time

# Number of the fixture -> why it differs from tardis, and what is said instead.
DIFFERENCES: Final[dict[int, tuple[str, list[_Row]]]] = {
    2: (
        "BitMEX writes no time; tardis fills in when it received the frame",
        [("XBTUSD", "short", 10_106.0, 9_214.0, None)],
    ),
    8: (
        "tardis drops the first push of any connection; here no subscription was acknowledged",
        [("XRP-USD-230929", "short", 0.55205, 39.0, 1_680_173_247_614_000_000)],
    ),
    26: (
        "tardis drops it only because it has not yet seen which alias the contract goes by",
        [("BTC200703", "long", 9_062.71, 1_450.0, 1_593_561_769_833_000_000)],
    ),
    40: (
        "tardis reads allLiquidation only from the day it recorded it; the frame is a real one",
        [("PIPPINUSDT", "short", 0.02456, 2_846.0, 1_740_480_207_110_000_000)],
    ),
}


def _open(folder: str) -> Wire:
    wire: Wire = importlib.import_module(f"airpocket.venues.{folder}.wire").open_wire()
    return wire


def _fixtures(data_dir: Path) -> list[dict[str, Any]]:
    text = (data_dir / "frames" / "tardis_liquidation_fixtures.json").read_text(encoding="utf-8")
    fixtures: list[dict[str, Any]] = json.loads(text)["fixtures"]
    return fixtures


def _vectors(data_dir: Path) -> Iterator[dict[str, Any]]:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    rows = vectors if isinstance(vectors, list) else vectors["vectors"]
    return (row for row in rows if row["kind"] == "feed_parse")


def _bytes(frame: object) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


def _rows(said: Decoded, price: str) -> list[_Row]:
    return [
        (
            event.raw_symbol,
            str(event.liquidated),
            getattr(event, price),
            event.qty_raw,
            event.venue_ns,
        )
        for event in said.events
        if isinstance(event, Liquidation)
    ]


def _expected(fixture: dict[str, Any]) -> list[_Row]:
    """What tardis says, in our words: it prints the side of the ORDER, so a sell closed a long."""
    return [
        (
            _RAW_SYMBOLS.get(row["symbol"], row["symbol"]),
            {"sell": "long", "buy": "short"}[row["side"]],
            row["price"],
            row["amount"],
            ns_from_iso(row["timestamp"]),
        )
        for row in fixture["expected_liquidations"]
    ]


def test_every_exchange_of_the_fixtures_is_read_or_listed_as_left_out(data_dir: Path) -> None:
    exchanges = {fixture["exchange"] for fixture in _fixtures(data_dir)}
    assert exchanges == _FOLDERS.keys() | LEFT_OUT.keys()
    assert not _FOLDERS.keys() & LEFT_OUT.keys()


@pytest.mark.parametrize("number", range(48))
def test_a_frame_of_the_fixtures(number: int, data_dir: Path) -> None:
    fixture = _fixtures(data_dir)[number]
    if fixture["exchange"] in LEFT_OUT:
        assert number not in DIFFERENCES
        return
    folder = _FOLDERS[fixture["exchange"]]
    said = _open(folder).decode(_bytes(fixture["frame"]))
    assert said.rejected == ()
    theirs = _expected(fixture)
    ours = _rows(said, _PRICES.get(folder, _FILL))
    if number in DIFFERENCES:
        assert ours != theirs, "no difference: take it off the list"
        assert ours == DIFFERENCES[number][1]
    else:
        assert ours == theirs


def test_the_fixtures_are_the_ones_that_the_list_of_differences_was_made_for(
    data_dir: Path,
) -> None:
    fixtures = _fixtures(data_dir)
    assert len(fixtures) == 48
    assert sum(len(fixture["expected_liquidations"]) for fixture in fixtures) == 38


def test_okx_repeats_the_past_in_its_first_push_after_subscribing(data_dir: Path) -> None:
    """Fixtures 8 and 9 are one frame, twice on one connection: only the second is news."""
    wire = _open("okx")
    first, second = (_bytes(fixture["frame"]) for fixture in _fixtures(data_dir)[8:10])
    wire.decode(
        b'{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"FUTURES"}}'
    )
    assert _rows(wire.decode(first), "bankruptcy_price") == []
    assert _rows(wire.decode(second), "bankruptcy_price") == DIFFERENCES[8][1]


_CAPTURED: Final = {
    "binance-usdm": "binance",
    "bybit-linear": "bybit",
    "hyperliquid": "hyperliquid",
    "okx": "okx",
}


@pytest.mark.parametrize("number", range(12))
def test_a_captured_frame_means_what_is_stated(number: int, data_dir: Path) -> None:
    text = (data_dir / "frames" / "captured_frames.jsonl").read_text(encoding="utf-8")
    captured = json.loads(text.splitlines()[number])
    meaning = captured["meaning"]
    said = _open(_CAPTURED[captured["exchange"]]).decode(_bytes(captured["frame"]))
    liquidations = [event for event in said.events if isinstance(event, Liquidation)]
    if meaning["liquidated"] is None:
        assert liquidations == []
        return
    assert {str(event.liquidated) for event in liquidations} == {meaning["liquidated"]}
    assert len(liquidations) == _parts(captured["frame"])
    if "price" in meaning:
        assert [event.fill_price for event in liquidations] == [meaning["price"]]
        assert [event.qty_base for event in liquidations] == [meaning["qty"]]


def _parts(frame: dict[str, Any]) -> int:
    """How many liquidations a captured frame lists."""
    data = frame.get("data")
    if not isinstance(data, list):
        return 1
    return sum(len(row.get("details", [row])) for row in data)


def test_the_captured_okx_contracts_are_hundredths_of_a_bitcoin(data_dir: Path) -> None:
    text = (data_dir / "frames" / "captured_frames.jsonl").read_text(encoding="utf-8")
    captured = json.loads(text.splitlines()[2])
    (event,) = _open("okx").decode(_bytes(captured["frame"])).events
    assert isinstance(event, Liquidation)
    assert event.qty_base == pytest.approx(0.0855)
    assert event.notional_usd == pytest.approx(7_067, abs=0.5)


_VECTOR_FOLDERS: Final = {
    "binance_coinm": "binance",
    "binance_usdm": "binance",
    "dydx_v4": "dydx",
}
_OFF_BOOK: Final = {
    "insurance_fund_trade": Method.BACKSTOP,
    "adl_trade": Method.ADL,
}


def _vector_ids() -> list[str]:
    return [
        "feed-binance-trade-if", "feed-binance-trade-adl", "feed-binance-doc",
        "feed-binance-coinm", "feed-bybit-old", "feed-bybit-all", "feed-okx", "feed-bitget",
        "feed-deribit-M", "feed-deribit-T", "feed-kraken", "feed-bitmex", "feed-htx",
        "feed-bitfinex", "feed-dydx", "feed-lighter", "feed-aster",
    ]  # fmt: skip


def test_every_feed_vector_is_tried(data_dir: Path) -> None:
    assert [vector["id"] for vector in _vectors(data_dir)] == _vector_ids()


@pytest.mark.parametrize("name", _vector_ids())
def test_a_feed_vector(name: str, data_dir: Path) -> None:
    (vector,) = (vector for vector in _vectors(data_dir) if vector["id"] == name)
    folder = _VECTOR_FOLDERS.get(vector["venue"], vector["venue"])
    said = _open(folder).decode(_bytes(vector["inputs"]["message"]))
    assert said.rejected == ()
    events = [event for event in said.events if isinstance(event, Liquidation)]
    assert len(events) == len(vector["expected"])
    for event, row in zip(events, vector["expected"], strict=True):
        _check_vector(event, row, folder)


def _check_vector(event: Liquidation, row: dict[str, Any], folder: str) -> None:
    assert (event.raw_symbol, event.qty_raw) == (row["symbol"], row["qty"])
    assert event.venue_ns == (None if row["ts_ms"] is None else row["ts_ms"] * 1_000_000)
    if "event" in row:  # an off-book print says neither whose side was closed nor at what order
        assert (event.method, event.liquidated) == (_OFF_BOOK[row["event"]], None)
        assert event.fill_price == row["price"]
        return
    assert event.liquidated is not None
    assert event.liquidated.value == row["liquidated"]
    price = getattr(event, _PRICES.get(folder, _FILL))
    assert price == row["price"]
    if "avg_price" in row:
        assert event.fill_price == row["avg_price"]
