import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airpocket.app.converting import to_parquet, to_tape
from airpocket.app.sources import gather
from airpocket.errors import InputError
from airpocket.market.columns import Columns
from airpocket.market.events import BookChange, Gap, Liquidation, Trade
from airpocket.market.source import Item, Progress
from airpocket.store.tape import TapeReader
from airpocket.venues import register
from tests.app.console import Console
from tests.app.made import liquidations, trades
from tests.app.test_sources import START_NS, Made, gap, mark, trade

LIQUIDATIONS = "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz"
TRADES = "binance-futures_trades_2026-03-02_BTCUSDT.csv.gz"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    liquidations(folder / LIQUIDATIONS)
    trades(folder / TRADES)
    return folder


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _alerts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["type"] in {"alert", "episode"}]


def test_a_tape_gives_the_alerts_of_its_source(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    """Two files become one tape, in order of time: each frame through ``wire.encode``."""
    tape = tmp_path / "out.tape"
    said = airpocket("convert", recorded, tape)
    assert (said.code, said.err) == (0, "")
    assert said.out == "binance: 3,989 written\n"
    of_source = _alerts(airpocket("replay", "--json", recorded).rows)
    of_tape = _alerts(airpocket("replay", "--json", tape).rows)
    assert [row["stage"] for row in of_source] == ["open", "update", "all_clear", "all_clear"]
    for one, other in zip(of_source, of_tape, strict=True):
        # Within a second, which record proves that it is over depends on how many files there are.
        assert one.pop("time")[:18] == other.pop("time")[:18]
        assert one == other
    assert _left(tmp_path) == {"in", "out.tape"}


def test_a_tape_of_liquidations_gives_the_very_lines_of_its_source(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    source, tape = recorded / LIQUIDATIONS, tmp_path / "out.tape"
    assert airpocket("convert", source, tape).code == 0
    of_source, of_tape = (airpocket("replay", "--json", path).rows for path in (source, tape))
    assert [row["type"] for row in of_source].count("alert") == 3
    for one, other in zip(of_source, of_tape, strict=True):
        # A tape is followed by our clock: what was heard proves the end of a second, not only the
        # next liquidation.
        for name in ("time", "known"):
            assert (one.pop(name, None) or "")[:18] == (other.pop(name, None) or "")[:18]
        assert one == other


def test_frames_lie_on_the_tape_in_order_of_time(recorded: Path, tmp_path: Path) -> None:
    recordings, _ = gather([recorded])
    assert to_tape(recordings, tmp_path / "out.tape") == {"binance": 3_989}
    with TapeReader(tmp_path / "out.tape") as tape:
        times = [frame.local_ns or 0 for frame in tape.frames()]
        assert tape.about().is_closed
    assert times == sorted(times)


def test_one_kind_becomes_one_parquet_file(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "forced.parquet"
    said = airpocket("convert", recorded / LIQUIDATIONS, out)
    assert (said.code, said.out) == (0, f"{out}: 89 written\n")
    table = pl.read_parquet(out)
    (columns, *_) = register.recordings_in(recorded / LIQUIDATIONS)[0][0].read()
    assert isinstance(columns, Columns)
    assert set(table.columns) == {*columns.names(), "raw_tape", "raw_ordinal"}
    for row, event in zip(table.iter_rows(named=True), columns.events(), strict=True):
        assert {name: getattr(event, name) for name in columns.names()} == {
            name: row[name] for name in columns.names()
        }
        assert f"{row['raw_tape']}#{row['raw_ordinal']}" == str(event.raw_ref)


def test_missing_stays_missing(tmp_path: Path) -> None:
    events = [
        trade(START_NS),
        Trade(venue="okx", symbol=None, raw_symbol="B", price=2.0, qty_raw=3.0),
    ]
    to_parquet([Made(events)], tmp_path / "out.parquet")
    first, second = pl.read_parquet(tmp_path / "out.parquet").iter_rows(named=True)
    assert (first["symbol"], first["venue_ns"], first["notional_usd"]) == ("A/USD", START_NS, 100.0)
    assert (second["symbol"], second["venue_ns"], second["notional_usd"]) == (None, None, None)
    assert (second["taker"], second["raw_tape"], second["raw_ordinal"]) == (None, None, None)


def test_several_kinds_become_a_folder_with_its_gaps(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert airpocket("convert", recorded, out).code == 0
    assert _left(out) == {"gap.parquet", "liquidation.parquet", "trade.parquet"}
    gaps = pl.read_parquet(out / "gap.parquet")
    assert gaps["cause"].to_list() == ["end_of_recording"] * 2
    assert gaps["to_ns"].to_list() == [None, None]
    assert pl.read_parquet(out / "trade.parquet").height == 3_900


def test_several_kinds_do_not_go_into_one_file(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    sentence = airpocket("convert", recorded, tmp_path / "out.parquet").sentence
    assert "liquidation, trade" in sentence
    assert "folder" in sentence
    assert _left(tmp_path) == {"in"}


@pytest.mark.parametrize("name", ["out.tape", "out.parquet", "out"])
def test_nothing_is_ever_overwritten(
    airpocket: Console, recorded: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    out.write_bytes(b"precious")
    assert str(out) in airpocket("convert", recorded / LIQUIDATIONS, out).sentence
    assert out.read_bytes() == b"precious"
    out.unlink()
    out.symlink_to(tmp_path / "elsewhere")
    assert "exists" in airpocket("convert", recorded / LIQUIDATIONS, out).sentence


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx", "out.tape.gz"])
def test_other_formats_are_refused(
    airpocket: Console, recorded: Path, tmp_path: Path, name: str
) -> None:
    assert ".parquet" in airpocket("convert", recorded, tmp_path / name).sentence


def test_a_folder_that_is_not_there_is_not_made(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    sentence = airpocket("convert", recorded, tmp_path / "no" / "out.tape").sentence
    assert "no such folder" in sentence


@pytest.mark.parametrize("exchange", ["deribit", "coinbase"])
def test_a_venue_that_has_no_frames_to_write_leaves_nothing_behind(
    airpocket: Console, tmp_path: Path, exchange: str
) -> None:
    """Deribit is only decoded, of Coinbase there is no wire at all."""
    source = tmp_path / f"{exchange}_trades_2026-03-02_BTC.csv.gz"
    trades(source, exchange=exchange, symbol="BTC-PERPETUAL", seconds=100)
    precious = tmp_path / "out.tape.bak"
    precious.write_bytes(b"not ours")
    sentence = airpocket("convert", source, tmp_path / "out.tape").sentence
    assert exchange in sentence.lower()
    assert _left(tmp_path) == {source.name, "out.tape.bak"}


class _Interrupted(Made):
    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        yield from super().read(progress)
        raise KeyboardInterrupt


@pytest.mark.parametrize("write", [to_tape, to_parquet])
@pytest.mark.parametrize("name", ["out.tape", "out [1]*.tape", "-out"])
def test_what_was_interrupted_leaves_nothing_behind(tmp_path: Path, name: str, write: Any) -> None:
    made = _Interrupted([mark(START_NS)])
    with pytest.raises(KeyboardInterrupt):
        write([made], tmp_path / name)
    assert _left(tmp_path) == set()


def test_a_full_disk_leaves_nothing_behind(
    airpocket: Console, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("out.parquet", "out.tape", "out"):
        said = airpocket("convert", recorded / LIQUIDATIONS, tmp_path / name)
        assert said.sentence == "No space left on device"
        assert _left(tmp_path) == {"in"}


def test_a_name_taken_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.parquet"
    monkeypatch.setattr(os, "fsync", lambda _: out.write_bytes(b"somebody else's"))
    with pytest.raises(InputError, match="exists"):
        to_parquet([Made([trade(START_NS)])], out)
    assert out.read_bytes() == b"somebody else's"


def test_a_half_written_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.parquet"
    seen = []
    real = os.fsync

    def noted(handle: int) -> None:
        seen.append(out.exists())
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    to_parquet([Made([trade(START_NS)])], out)
    assert seen == [False, True], "synced before it has its name, and the folder after"


def test_a_source_without_columns_is_refused(tmp_path: Path) -> None:
    book = BookChange(venue="okx", symbol=None, raw_symbol="X", bids=[], asks=[], is_snapshot=True)
    for items in ([], [book], [gap(START_NS)]):
        with pytest.raises(InputError, match="no events"):
            to_parquet([Made(items)], tmp_path / "out")
        assert _left(tmp_path) == set()


def test_an_empty_tape_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no event"):
        to_tape([Made([])], tmp_path / "out.tape")
    assert _left(tmp_path) == set()


def test_a_source_that_breaks_off_is_not_converted(
    airpocket: Console, recorded: Path, tmp_path: Path
) -> None:
    path = recorded / LIQUIDATIONS
    path.write_bytes(path.read_bytes()[:-30])
    for name in ("out.tape", "out.parquet"):
        assert LIQUIDATIONS in airpocket("convert", path, tmp_path / name).sentence
    assert _left(tmp_path) == {"in"}


def test_formulas_are_only_text(tmp_path: Path) -> None:
    """What a spreadsheet would run stays a value of a column: no CSV is ever written."""
    evil = "=cmd|' /C calc'!A0"
    to_parquet([Made([trade(START_NS, symbol=evil)])], tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet")["symbol"].to_list() == [evil]


def test_gaps_go_onto_the_tape(tmp_path: Path) -> None:
    forced = [
        item
        for item in register.recordings_in(liquidations(tmp_path / LIQUIDATIONS))[0][0].read()
        if isinstance(item, Columns)
    ]
    events = [event for columns in forced for event in columns.events()]
    assert isinstance(events[0], Liquidation)
    hole = gap((events[3].venue_ns or 0) + 1)
    to_tape([Made([*events[:4], hole, *events[4:]])], tmp_path / "out.tape")
    items = list(register.recordings_in(tmp_path / "out.tape")[0][0].read())
    assert next(number for number, item in enumerate(items) if isinstance(item, Gap)) == 4
    assert items[4] == hole


@pytest.mark.data
def test_two_extracts_are_not_written_together(
    airpocket: Console, data_dir: Path, tmp_path: Path
) -> None:
    said = airpocket("convert", data_dir / "aave_wbtc_liquidations", tmp_path / "out")
    assert said.code == 2
    assert "two extracts" in said.err.splitlines()[-1]
    assert _left(tmp_path) == set()


@pytest.mark.data
def test_a_real_day_in_parquet(airpocket: Console, data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "day"
    assert airpocket("convert", data_dir / "oct10_market", out).code == 0
    table = pl.read_parquet(out / "trade.parquet")
    assert table.height == 363_399
    avax = table.filter(pl.col("symbol") == "AVAX/USD:AVAX")["price"]
    assert avax.min() == 6.02
