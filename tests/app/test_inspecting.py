from pathlib import Path
from typing import Any

import msgspec
import pytest

from airpocket.app.inspecting import contents_of
from airpocket.errors import SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import Gap, GapCause
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item
from airpocket.units import EARLIEST_NS, SECOND_NS
from airpocket.venues import register
from tests.app.console import Console
from tests.app.made import liquidations, trades
from tests.app.test_sources import START_NS, Made, gap, mark, trade

LIQUIDATIONS = "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz"
TRADES = "binance-futures_trades_2026-03-02_BTCUSDT.csv.gz"


def _of(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["type"] == kind]


class TestContents:
    def test_events_and_columns_are_counted_alike(self) -> None:
        ticks = [trade(START_NS + n * SECOND_NS, symbol="A/USD") for n in range(5)]
        one = contents_of(Made([*ticks]))
        bulk = contents_of(Made([Columns.gather(ticks)]))
        assert one.held == bulk.held
        (place,) = one.held.values()
        assert (place.count, place.first_ns, place.last_ns) == (
            5, START_NS, START_NS + 4 * SECOND_NS,
        )  # fmt: skip

    def test_kinds_and_symbols_stand_apart(self) -> None:
        holding = contents_of(Made([trade(START_NS), mark(START_NS), mark(None)]))
        assert [(p.kind, p.count) for p in holding.held.values()] == [("Trade", 1), ("Mark", 2)]
        assert holding.held["Mark", "okx", "A"].first_ns == START_NS

    def test_gaps_and_findings_are_kept(self) -> None:
        finding = Finding(code=FindingCode.BOTH_LEGS, where="x", said="twice")
        holding = contents_of(Made([gap(START_NS), finding]))
        assert (len(holding.gaps), holding.findings, holding.held) == (1, [finding], {})

    def test_what_was_read_before_a_break_is_kept(self) -> None:
        error = SourceError("it breaks off")
        holding = contents_of(Made([trade(START_NS)], error=error))
        assert len(holding.held) == 1
        assert holding.broken is error

    def test_times_that_are_missing_stay_missing(self) -> None:
        (place,) = contents_of(Made([mark(None)])).held.values()
        assert (place.first_ns, place.last_ns) == (None, None)


def test_json_says_everything(airpocket: Console, tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS)
    said = airpocket("inspect", "--json", path)
    assert (said.code, said.err) == (0, "")
    (recording,), (contents,) = _of(said.rows, "recording"), _of(said.rows, "contents")
    assert recording == {
        "type": "recording", "name": LIQUIDATIONS, "kind": "tardis liquidations",
        "venue": "binance", "channels": ["liquidations"], "note": recording["note"],
        "broken": None,
    }  # fmt: skip
    assert (contents["symbol"], contents["raw_symbol"]) == ("BTC/USDT:USDT", "BTCUSDT")
    assert (contents["kind"], contents["count"]) == ("Liquidation", 89)
    assert contents["from"] < contents["to"]
    (end,) = _of(said.rows, "gap")
    assert (end["from"], end["to"], end["cause"]) == (contents["to"], None, "end_of_recording")


def test_text_says_the_same_in_few_lines(airpocket: Console, tmp_path: Path) -> None:
    liquidations(tmp_path / LIQUIDATIONS)
    trades(tmp_path / TRADES, seconds=60)
    said = airpocket("inspect", tmp_path)
    assert (said.code, said.err) == (0, "")
    assert "89 Liquidation  BTC/USDT:USDT    2026-03-02 09:00:13 – 10:04:57 UTC" in said.out
    assert "60 Trade        BTC/USDT:USDT    2026-03-02 09:00:00 – 09:00:59 UTC" in said.out
    assert "2 recordings: 149 events of 1 symbols on binance" in said.out
    assert len(said.out.splitlines()) <= 8
    assert all(len(line) <= 110 for line in said.out.splitlines())


def test_a_folder_is_read_and_what_is_left_out_is_named(airpocket: Console, tmp_path: Path) -> None:
    liquidations(tmp_path / LIQUIDATIONS)
    (tmp_path / "notes\x1b[2J.txt").write_text("x")
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b\x08\x00junk")
    said = airpocket("inspect", "--json", tmp_path)
    assert said.code == 0
    assert len(_of(said.rows, "recording")) == 1
    assert len(said.err.splitlines()) == 2
    assert "notes\\x1b[2J.txt" in said.err
    assert "bad.gz" in said.err


def test_a_file_that_breaks_off_is_told_after_what_it_held(
    airpocket: Console, tmp_path: Path
) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    trades(tmp_path / TRADES, seconds=60)
    said = airpocket("inspect", "--json", tmp_path)
    assert said.code == 2
    broken, fine = _of(said.rows, "recording")
    assert LIQUIDATIONS in broken["broken"]
    assert fine["broken"] is None
    assert {row["count"] for row in _of(said.rows, "contents")} > {60}
    assert "truncated" in {row["code"] for row in _of(said.rows, "quality")}
    assert said.err.startswith("airpocket: ")
    text = airpocket("inspect", tmp_path)
    assert text.code == 2
    assert "breaks off" in text.out
    assert "unreadable" in text.out


def test_several_broken_files_are_all_named(airpocket: Console, tmp_path: Path) -> None:
    for name in (LIQUIDATIONS, TRADES):
        path = liquidations(tmp_path / name)
        path.write_bytes(path.read_bytes()[:-30])
    said = airpocket("inspect", tmp_path)
    assert said.code == 2
    assert [name in said.err for name in (LIQUIDATIONS, TRADES)] == [True, True]
    assert len(said.err.splitlines()) == 2


def test_nothing_to_read_is_one_sentence(airpocket: Console, tmp_path: Path) -> None:
    assert "no recording" in airpocket("inspect", tmp_path).sentence
    (tmp_path / "x.txt").write_text("what")
    assert "no archive knows" in airpocket("inspect", tmp_path / "x.txt").sentence


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_hostile_names_stay_on_their_line(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch, flag: list[str]
) -> None:
    hostile = "a[red]\n\x1b[2J\u202eb"
    items: list[Item] = [
        trade(START_NS, symbol=hostile),
        Gap(
            venue=hostile, symbol=hostile, raw_symbol=hostile, channel=hostile, from_ns=START_NS,
            to_ns=START_NS + 1, cause=GapCause.SILENCE, proven_by=hostile,
        ),
        Finding(code=FindingCode.BOTH_LEGS, where=hostile, said=hostile),
    ]  # fmt: skip
    made = Made(items, name=hostile, note=hostile, kind=hostile, venue=hostile)
    monkeypatch.setattr(register, "recordings_in", lambda _: ([made, made], []))
    said = airpocket("inspect", *flag, "x")
    assert said.code == 0
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    if flag:
        assert _of(said.rows, "recording")[0]["name"] == hostile
    else:
        assert "a[red]" in said.out


def test_gaps_are_told_apart_from_ends(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Gap(
        venue="okx", symbol="*", raw_symbol="*", channel="trades", from_ns=EARLIEST_NS,
        to_ns=START_NS, cause=GapCause.END_OF_RECORDING, proven_by="it begins with the event",
    )  # fmt: skip
    holes = [gap(START_NS + n * SECOND_NS, GapCause.DISCONNECT) for n in range(14)]
    made = Made([trade(START_NS), before, *holes, gap(START_NS)])
    monkeypatch.setattr(register, "recordings_in", lambda _: ([made], []))
    out = airpocket("inspect", "x").out
    assert "gap okx trades (all): ever before 2026-03-02 09:00:00, end of recording, it begins" in (
        " ".join(out.split())
    )
    assert "2009" not in out
    assert out.count("disconnect") == 5
    assert "… 9 more of 15 gaps …" in out
    told = " ".join(out.split())
    shown = [second for second in range(14) if f"09:00:{second:02} – the end" in told]
    assert shown == [0, 1, 11, 12, 13]
    rows = airpocket("inspect", "--json", "x").rows
    assert _of(rows, "gap")[0]["from"] is None
    assert len(_of(rows, "gap")) == 16


def test_only_gaps_is_nothing_seen(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    for items, told in (
        ([gap(START_NS, GapCause.DISCONNECT)], "nothing was seen: only gaps"),
        ([gap(START_NS)], "nothing was seen: no event"),
    ):
        monkeypatch.setattr(register, "recordings_in", lambda _, items=items: ([Made(items)], []))
        assert told in airpocket("inspect", "x").out


def test_many_symbols_are_summed_up(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        Gap(
            venue="okx", symbol=None, raw_symbol=f"S{n}", channel="x", from_ns=START_NS,
            to_ns=None, cause=GapCause.END_OF_RECORDING, proven_by="x",
        )
        for n in range(3)
    ]  # fmt: skip
    ticks = [trade(START_NS, symbol=None) for _ in range(3)]
    many = [msgspec.structs.replace(ticks[0], raw_symbol=f"S{n:02}") for n in range(30)]
    monkeypatch.setattr(register, "recordings_in", lambda _: ([Made([*many, *items])], []))
    out = airpocket("inspect", "x").out
    assert "10 more, of 10 symbols and kinds" in out
    assert "S00 (unknown instrument)" in out


@pytest.mark.data
class TestRealRecordings:
    def test_the_market_of_october(self, airpocket: Console, data_dir: Path) -> None:
        said = airpocket("inspect", "--json", data_dir / "oct10_market")
        assert said.code == 0
        contents = _of(said.rows, "contents")
        counts = {(row["venue"], row["symbol"], row["kind"]): row["count"] for row in contents}
        assert counts["binance", "AVAX/USD:AVAX", "Trade"] == 52_359
        assert counts["coinbase", "AAVE/USD", "Trade"] == 25_726
        assert {row["venue"] for row in contents} == {"binance", "coinbase", "gemini"}
        assert {row["code"] for row in _of(said.rows, "quality")} == {
            "frozen_side", "crossed_book", "bars_without_trades", "clock_skew",
        }  # fmt: skip
        avax = next(row for row in contents if row["symbol"] == "AVAX/USD:AVAX")
        assert avax["from"].startswith("2025-10-10T20:45:01.202")

    def test_the_counts_of_hyperliquid(self, airpocket: Console, data_dir: Path) -> None:
        said = airpocket("inspect", data_dir / "hl_oct10_adl")
        assert said.code == 0
        words = " ".join(said.out.split())
        assert "ever before 2025-10-10 21:15:03" in words
        assert "98,620 printed rows are 49,310 trades" in words

    @pytest.mark.parametrize(
        ("folder", "kinds"),
        [
            ("binance_force_orders", {"Liquidation"}),
            ("coinglass_4h", {"ForcedFlow", "Bar", "OpenInterest", "Funding", "DepthBands"}),
            ("coinglass_daily", {"ForcedFlow", "Bar", "OpenInterest", "Funding", "DepthBands"}),
            ("feb2026", {"ForcedFlow", "Bar", "OpenInterest", "Funding"}),
        ],
    )
    def test_other_folders(
        self, airpocket: Console, data_dir: Path, folder: str, kinds: set[str]
    ) -> None:
        said = airpocket("inspect", "--json", data_dir / folder)
        assert said.code == 0
        contents = _of(said.rows, "contents")
        assert {row["kind"] for row in contents} == kinds
        assert all(row["count"] > 0 and row["from"] <= row["to"] for row in contents)
        assert airpocket("inspect", data_dir / folder).code == 0
