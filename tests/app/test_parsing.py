import gzip
import json
import os
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airpocket.app import parsing
from airpocket.app.parsing import decoded, numbered
from airpocket.app.printing import json_line
from airpocket.market.events import Mark
from airpocket.market.wire import Decoded, Wire
from airpocket.venues import register
from tests.app.console import Console

FORCED = (
    '{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1791565603055,"o":{"s":"%s",'
    '"S":"SELL","o":"LIMIT","f":"IOC","q":"0.190","p":"82338.30","ap":"82651.90","X":"FILLED",'
    '"l":"0.155","z":"0.190","T":1791565602120,"ps":"%s","st":1}}}'
)
FRAME = (FORCED % ("BTCUSDT", "BTCUSDT")).encode()
UNKNOWN = (FORCED % ("NOPEUSDT", "NOPEUSDT")).encode()
KEYS = {
    "type", "venue", "symbol", "raw_symbol", "liquidated", "order_price", "fill_price",
    "bankruptcy_price", "qty_base", "notional_usd", "method", "coverage", "venue_time",
}  # fmt: skip


def test_an_event_has_the_keys_that_are_promised(airpocket: Console) -> None:
    said = airpocket("parse", "binance", stdin=FRAME + b"\n")
    (row,) = said.rows
    assert row.keys() >= KEYS
    assert list(row)[:5] == ["type", "venue", "symbol", "raw_symbol", "liquidated"]
    assert {name: row[name] for name in KEYS} == {
        "type": "liquidation",
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "raw_symbol": "BTCUSDT",
        "liquidated": "long",
        "order_price": 82338.3,
        "fill_price": 82651.9,
        "bankruptcy_price": 82338.3,
        "qty_base": 0.19,
        "notional_usd": pytest.approx(0.19 * 82651.9),
        "method": "book",
        "coverage": "throttled",
        "venue_time": "2026-10-09T17:06:42.120Z",
    }
    assert row["raw_ref"] == "stdin#1"
    assert (said.code, said.err) == (0, "")


def test_rejected_frames_are_named_and_their_neighbours_get_through(airpocket: Console) -> None:
    said = airpocket("parse", "binance", stdin=b"\n".join([FRAME, b"{", b"\xff\xfe", b"", FRAME]))
    assert [row["raw_ref"] for row in said.rows] == ["stdin#1", "stdin#5"]
    second, third, total = said.err.splitlines()
    assert second.startswith("stdin, line 2: not used: ")
    assert third.startswith("stdin, line 3: not used: ")
    assert total == "stdin: 2 frames or parts were not used"
    assert said.code == 0


def test_one_rejection_is_counted_as_one(airpocket: Console) -> None:
    assert airpocket("parse", "okx", stdin=b"x").err.splitlines()[-1] == (
        "stdin: 1 frame or part was not used"
    )


def test_an_unknown_instrument_is_said_once_and_has_no_value(airpocket: Console) -> None:
    said = airpocket("parse", "binance", stdin=b"\n".join([UNKNOWN] * 3))
    assert [(row["symbol"], row["notional_usd"], row["qty_base"]) for row in said.rows] == [
        (None, None, None)
    ] * 3
    assert said.err == "stdin, line 1: note: unknown instrument NOPEUSDT: no notional\n"


def test_notes_do_not_grow_without_end(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_NOTES_MOST", 3)
    frames = [(FORCED % (f"N{n}USDT", "X")).encode() for n in range(9)]
    said = airpocket("parse", "binance", stdin=b"\n".join(frames))
    assert len(said.rows) == 9
    assert len(said.err.splitlines()) == 3


@pytest.mark.parametrize("venue", sorted(register.VENUES))
def test_every_venue_opens(airpocket: Console, venue: str) -> None:
    said = airpocket("parse", venue, stdin=b'{"nobody": "says this"}\n')
    assert said.rows == []
    assert said.code == 0
    assert said.err.startswith("stdin, line 1: ")


def test_the_venues_are_those_of_the_contract() -> None:
    assert sorted(register.VENUES) == [
        "aster",
        "binance",
        "bitfinex",
        "bitget",
        "bitmex",
        "bybit",
        "deribit",
        "dydx",
        "htx",
        "hyperliquid",
        "kraken-futures",
        "lighter",
        "okx",
    ]


@pytest.mark.parametrize("venue", ["ftx", "Binance", "", "../binance", "kraken_futures", "a\nb"])
def test_an_unknown_venue_is_refused_with_the_known_ones(airpocket: Console, venue: str) -> None:
    sentence = airpocket("parse", venue, stdin=FRAME).sentence
    assert all(name in sentence for name in register.VENUES)


@pytest.mark.parametrize("stdin", [b"", b"\n\n\r\n", b"   "])
def test_nothing_gives_nothing(airpocket: Console, stdin: bytes) -> None:
    said = airpocket("parse", "okx", stdin=stdin)
    assert said == (0, "", "")


def test_a_byte_order_mark_is_passed_over(airpocket: Console) -> None:
    assert len(airpocket("parse", "binance", stdin=b"\xef\xbb\xbf" + FRAME + b"\r\n").rows) == 1


def test_a_file_is_read_plain_or_compressed(airpocket: Console, tmp_path: Path) -> None:
    plain, packed = tmp_path / "a b.jsonl", tmp_path / "c.gz"
    plain.write_bytes(FRAME + b"\n" + FRAME)
    packed.write_bytes(gzip.compress(FRAME))
    rows = airpocket("parse", "binance", plain).rows
    assert [row["raw_ref"] for row in rows] == ["a b.jsonl#1", "a b.jsonl#2"]
    assert len(airpocket("parse", "binance", packed).rows) == 1


def test_a_file_that_breaks_off_gives_what_was_whole(airpocket: Console, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    whole = gzip.compress(b"\n".join([FRAME] * 20_000))
    broken.write_bytes(whole[: len(whole) // 2])
    said = airpocket("parse", "binance", broken)
    assert said.code == 2
    assert 0 < len(said.rows) < 20_000
    assert str(broken) in said.err.splitlines()[-1]


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file_is_refused(airpocket: Console, tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert str(path) in airpocket("parse", "okx", path).sentence


def test_a_huge_line_is_passed_over_and_its_neighbours_get_through(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "LINE_MOST", 1_000)
    said = airpocket("parse", "binance", stdin=b"\n".join([FRAME, b"7" * 9_000, FRAME]))
    assert [row["raw_ref"] for row in said.rows] == ["stdin#1", "stdin#3"]
    assert said.err.startswith("stdin, line 2: not used: longer than 1,000 bytes\n")


def test_hostile_text_stays_on_its_line(airpocket: Console) -> None:
    name = "X\\u001b[2J\\u2028\\u0085\\n\\u202e[red]\\ud800"
    said = airpocket("parse", "binance", stdin=(FORCED % (name, "X")).encode())
    assert "\x1b" not in said.out + said.err
    for row in said.rows:
        assert row["raw_symbol"].startswith("X\x1b[2J\u2028\x85\n\u202e[red]")
    assert all(line.isprintable() for line in said.err.splitlines())


_FOLDED: Final = st.lists(st.binary(max_size=60) | st.just(FRAME) | st.just(UNKNOWN), max_size=12)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=_FOLDED, venue=st.sampled_from(sorted(register.VENUES)))
def test_any_bytes_give_json_or_a_reason(
    airpocket: Console, lines: list[bytes], venue: str
) -> None:
    said = airpocket("parse", venue, stdin=b"\n".join(lines))
    assert said.code == 0
    assert len(said.rows) <= 12
    assert "Traceback" not in said.err


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_lines_are_numbered_as_an_editor_numbers_them(pieces: list[bytes], most: int) -> None:
    text = b"\n".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "LINE_MOST", most)
        told = dict(numbered(BytesIO(text)))
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert set(told) - {len(lines)} == set(range(1, len(lines)))
    for number, line in told.items():
        if line is not None:
            assert line.rstrip(b"\n") == lines[number - 1]
        else:
            assert len(lines[number - 1]) >= most - 3


def test_each_event_of_a_live_feed_is_given_at_once(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []
    real = json_line

    def noted(told: dict[str, Any]) -> None:
        real(told)
        monkeypatch.setattr(sys.stdout, "flush", lambda: flushed.append(told))

    monkeypatch.setattr(parsing, "json_line", noted)
    airpocket("parse", "binance", stdin=FRAME)
    assert flushed


class _Odd:
    """A wire whose events hold what JSON does not know."""

    venue = "odd"

    def decode(self, data: bytes, **_: object) -> Decoded:
        price = float(data)
        return Decoded([Mark(venue="odd", symbol=None, raw_symbol="X", mark_price=price)])


def test_no_number_is_null(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "open_wire", lambda _: _Odd())
    rows = airpocket("parse", "odd", stdin=b"nan\ninf\n2.5").rows
    assert [row["mark_price"] for row in rows] == [None, None, 2.5]


def test_decoding_needs_no_files() -> None:
    wire: Wire = register.open_wire("binance")
    ((number, said),) = decoded(wire, iter([(7, FRAME), (8, b"  ")]), "x")
    assert (number, len(said.events)) == (7, 1)
    assert str(said.events[0].raw_ref) == "x#7"


_CAPTURED: Final = {
    "binance-usdm": "binance",
    "bybit-linear": "bybit",
    "hyperliquid": "hyperliquid",
    "okx": "okx",
}


@pytest.mark.data
@pytest.mark.parametrize("number", range(12))
def test_a_captured_frame(airpocket: Console, data_dir: Path, number: int) -> None:
    lines = (data_dir / "frames" / "captured_frames.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 12
    captured = json.loads(lines[number])
    meaning = captured["meaning"]
    frame = json.dumps(captured["frame"]).encode()
    said = airpocket("parse", _CAPTURED[captured["exchange"]], stdin=frame)
    forced = [row for row in said.rows if row["type"] == "liquidation"]
    assert "not used" not in said.err
    assert {row["liquidated"] for row in forced} == (
        {meaning["liquidated"]} if meaning["liquidated"] else set()
    )
    if "price" in meaning:
        assert [(row["fill_price"], row["qty_base"]) for row in forced] == [
            (meaning["price"], meaning["qty"])
        ]
    assert all(row["notional_usd"] is None or row["notional_usd"] > 0 for row in forced)


_EXCHANGES: Final = {
    "aster-futures": "aster", "binance-delivery": "binance", "binance-futures": "binance",
    "bitfinex-derivatives": "bitfinex", "bitget-futures": "bitget", "bitmex": "bitmex",
    "bybit": "bybit", "cryptofacilities": "kraken-futures", "deribit": "deribit",
    "dydx-v4": "dydx", "huobi-dm": "htx", "huobi-dm-linear-swap": "htx", "huobi-dm-swap": "htx",
    "lighter": "lighter", "okex-futures": "okx", "okex-swap": "okx",
}  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("exchange", sorted(_EXCHANGES))
def test_the_frames_of_an_exchange(airpocket: Console, data_dir: Path, exchange: str) -> None:
    """Sides and sizes are in ``tests/venues/test_fixtures.py``; here, that the command tells them."""
    text = (data_dir / "frames" / "tardis_liquidation_fixtures.json").read_text(encoding="utf-8")
    fixtures = [f for f in json.loads(text)["fixtures"] if f["exchange"] == exchange]
    for fixture in fixtures:
        said = airpocket("parse", _EXCHANGES[exchange], stdin=json.dumps(fixture["frame"]).encode())
        forced = [row for row in said.rows if row["type"] == "liquidation"]
        assert "not used" not in said.err
        assert len(forced) >= len(fixture["expected_liquidations"])
        if len(forced) == len(fixture["expected_liquidations"]):
            sides = {"sell": "long", "buy": "short"}
            assert [row["liquidated"] for row in forced] == [
                sides[row["side"]] for row in fixture["expected_liquidations"]
            ]
        for row in forced:
            names = ("order_price", "fill_price", "bankruptcy_price", "entry_price")
            prices = [row[name] for name in names]
            assert any(price is not None and price > 0 for price in prices)
