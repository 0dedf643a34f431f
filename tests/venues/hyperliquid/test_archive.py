"""History files of Hyperliquid are known by their content and read line by line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import SourceError
from airpocket.market.events import (
    BookChange,
    Gap,
    GapCause,
    Liquidation,
    Method,
    RawRef,
    Side,
    Trade,
)
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item
from airpocket.store.files import head
from airpocket.units import MILLISECOND_NS
from airpocket.venues.hyperliquid.archive import ARCHIVES, CountsFolder, FrameLines
from tests.venues.hyperliquid.publication import publish

VICTIM, OTHER = "0x5ef8", "0xa775"


def _leg(tid: int, side: str, direction: str, **fields: Any) -> dict[str, Any]:
    mark = {"liquidatedUser": VICTIM, "markPx": "72.1", "method": "backstop"}
    leg = {"coin": "SOL", "px": "72.0", "sz": "2.0", "side": side, "time": 1782636233257,
           "dir": direction, "crossed": True, "tid": tid, "liquidation": mark, **fields}  # fmt: skip
    return {name: value for name, value in leg.items() if value is not ...}


def _adl(tid: int) -> list[list[Any]]:
    return [
        [VICTIM, _leg(tid, "A", "Liquidated Cross Long")],
        [OTHER, _leg(tid, "B", "Auto-Deleveraging")],
    ]


def _block(*legs: list[Any]) -> dict[str, Any]:
    return {"local_time": "2026-06-28T08:43:53.687645997", "block_time": "2026-06-28T08:43:53.257028820",
            "block_number": 1052527672, "events": list(legs)}  # fmt: skip


def _write(path: Path, lines: list[Any]) -> Path:
    text = "".join(
        (line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))) + "\n"
        for line in lines
    )
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def _claimed(path: Path) -> list[type]:
    first = b"" if path.is_dir() else head(path)
    return [type(archive) for archive in ARCHIVES if archive.claims(path, first)]


def _read(path: Path) -> list[Item]:
    return list(FrameLines().open(path).read())


@pytest.mark.parametrize("name", ["fills.jsonl", "fills.gz"])
def test_node_blocks(tmp_path: Path, name: str) -> None:
    plain = [[OTHER, _leg(3, "A", "Open Short", liquidation=...)]]
    path = _write(tmp_path / name, [_block(*_adl(1), *_adl(2), *plain), _block(*plain)])
    assert _claimed(path) == [FrameLines]
    recording = FrameLines().open(path)
    assert recording.label.kind == "hyperliquid node fills"
    assert recording.label.covers_all
    items = list(recording.read())
    closes = [item for item in items if isinstance(item, Liquidation)]
    assert [(c.event_id, c.method, c.liquidated) for c in closes] == [
        ("1", Method.ADL, Side.LONG),
        ("2", Method.ADL, Side.LONG),
    ]
    assert closes[0].raw_ref == RawRef(name, 1)
    assert [t.raw_ref for t in items if isinstance(t, Trade)] == [RawRef(name, 1)]  # once
    gaps = [item for item in items if isinstance(item, Gap)]
    assert {(g.channel, g.raw_symbol) for g in gaps} == {("liquidations", "SOL"), ("trades", "SOL")}
    assert {g.cause for g in gaps} == {GapCause.END_OF_RECORDING}
    assert isinstance(items[-1], Gap)


def test_a_block_longer_than_the_head_is_still_claimed(tmp_path: Path) -> None:
    path = _write(tmp_path / "x", [_block(*(leg for tid in range(40) for leg in _adl(tid)))])
    assert path.stat().st_size > 8_000
    assert _claimed(path) == [FrameLines]
    assert sum(isinstance(item, Liquidation) for item in _read(path)) == 40


def test_node_fills_one_a_line_and_fills_of_an_account(tmp_path: Path) -> None:
    own, other = _adl(1)
    node = _write(tmp_path / "node", [other, own, *_adl(2)])
    assert _claimed(node) == [FrameLines]
    items = _read(node)
    methods = [item.method for item in items if isinstance(item, Liquidation)]
    assert methods == [Method.ADL, Method.BACKSTOP]  # of the second its own leg came first …
    (said,) = [item for item in items if isinstance(item, Finding)]
    assert said.said.startswith("trade # was an auto-deleveraging")  # … and that is said
    account = _write(tmp_path / "account", [own[1]])
    assert _claimed(account) == [FrameLines]
    assert FrameLines().open(account).label.covers_all is False


def test_recorded_frames_carry_the_recorders_clock(tmp_path: Path) -> None:
    book = {"channel": "l2Book", "data": {"coin": "BTC", "time": 1737918843542, "levels": [[], []]}}
    ack = {"channel": "subscriptionResponse", "data": {}}
    text = json.dumps(book, separators=(",", ":"))
    lines = [
        f"1737918843400000000 {json.dumps(ack, separators=(',', ':'))}",
        f"1737918843893903000 {text}",
        "",
        f"1737918843893903000 {text[:-9]}",
        f"9999999999999999999 {text}",
        f"1737918843500000000 {text}",  # received before it happened
    ]
    path = _write(tmp_path / "hyperliquid.raw.gz", lines)
    assert _claimed(path) == [FrameLines]
    assert FrameLines().open(path).label.channels == ("book",)
    items = _read(path)
    books = [item for item in items if isinstance(item, BookChange)]
    assert [(b.local_ns, b.raw_ref and b.raw_ref.ordinal) for b in books] == [
        (1737918843893903000, 2),
        (1737918843500000000, 6),
    ]
    findings = {item.code: item for item in items if isinstance(item, Finding)}
    assert findings[FindingCode.REJECTED_ROWS].count == 2
    assert "no date in nanoseconds" in findings[FindingCode.REJECTED_ROWS].said
    assert findings[FindingCode.CLOCK_SKEW].count == 1


def test_unknown_coins_are_said_once_with_their_count(tmp_path: Path) -> None:
    row = _leg(1, "A", "Liquidated Cross Long", coin="flx:NEW")
    path = _write(tmp_path / "x", [row, {**row, "tid": 2}])
    (said,) = [item for item in _read(path) if isinstance(item, Finding)]
    assert (said.said, said.count) == ("unknown instrument flx:NEW: no notional", 2)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "coin,px,sz",
        '{"channel":"pong"}',
        '{"channel":"trades","data":[{"symbol":"BTC"}]}',  # another venue's
        '{"e":"trade","s":"BTCUSDT"}',
        '1737918843893903000 {"stream":"btcusdt@trade","data":{}}',
        '{"exchange":"hyperliquid","frame":{"coin":"SOL"}}',
        "[]",
        "null",
        "[" * 100_000,
    ],
)
def test_what_is_not_hyperliquids_is_not_claimed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x"
    path.write_text(content)
    assert _claimed(path) == []
    with pytest.raises(SourceError, match="the first line is no frame"):
        FrameLines().open(path)


def test_a_broken_file_gives_what_it_holds_then_says_so(tmp_path: Path) -> None:
    lines = [_leg(tid, "A", "Liquidated Cross Long", cloid=f"{tid**9:x}") for tid in range(2_000)]
    path = _write(tmp_path / "x.gz", lines)
    path.write_bytes(path.read_bytes()[:-20])
    items: list[Item] = []
    with pytest.raises(SourceError):
        _drain(path, items)
    assert sum(isinstance(item, Liquidation) for item in items) > 1_000
    assert isinstance(items[-1], Gap)
    assert items[-1].cause is GapCause.UNREADABLE


def _drain(path: Path, into: list[Item]) -> None:
    for item in FrameLines().open(path).read():
        into.append(item)  # noqa: PERF402 - what came before the error must be kept


def test_the_folder_of_counts_is_opened_by_its_name_or_its_timeline(tmp_path: Path) -> None:
    folder = publish(tmp_path / "event")
    for path in (folder, folder / "cascade_timing_results.json"):
        assert _claimed(path) == [CountsFolder]
        assert CountsFolder().open(path).label.name == "event"
    part = folder / "adl_by_coin_REALTIME.csv"
    assert _claimed(part) == [CountsFolder]
    with pytest.raises(SourceError, match="no events by itself; open the folder"):
        CountsFolder().open(part)
    stranger = folder / "trades.csv"
    stranger.write_text("a,b\n")
    assert _claimed(stranger) == []
    assert _claimed(tmp_path) == []


@pytest.mark.data
def test_claims_nothing_but_its_own_among_the_recordings(data_dir: Path) -> None:
    claimed = {
        str(path.relative_to(data_dir))
        for path in (*data_dir.iterdir(), *data_dir.glob("*/*"))
        if _claimed(path)
    }
    of_counts = {name for name in claimed if name.startswith("hl_oct10_adl")}
    assert claimed - of_counts == {"l2_book/hyperliquid_btc_l2book_20250126.raw.gz"}
    assert len(of_counts) == 22  # the folder and its files but for the licence
    for name in ("feb2026", "hl_positions"):
        assert not any(_claimed(path) for path in (data_dir / name).iterdir())


@pytest.mark.data
def test_the_recorded_book(data_dir: Path) -> None:
    path = data_dir / "l2_book" / "hyperliquid_btc_l2book_20250126.raw.gz"
    items = _read(path)
    books = [item for item in items if isinstance(item, BookChange)]
    trades = [item for item in items if isinstance(item, Trade)]
    assert not [i for i in items if isinstance(i, Finding) and i.code is FindingCode.REJECTED_ROWS]
    assert FrameLines().open(path).label.channels == ("book", "trades")
    assert all(len(book.bids) == len(book.asks) == 20 for book in books)
    assert all(book.bids[0][0] < book.asks[0][0] for book in books)
    assert (books[0].venue_ns, books[0].local_ns) == (
        1737918843542 * MILLISECOND_NS,
        1737918843893903000,
    )
    assert len({t.trade_id for t in trades}) == len(trades) > 0
