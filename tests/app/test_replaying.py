import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from airpocket.alerts.linter import violations
from airpocket.store.tape import TapeWriter
from airpocket.venues import register
from tests.app.console import Console, process
from tests.app.made import ONSET_S, liquidations, trades
from tests.app.test_sources import START_NS, Made, flow, trade
from tests.live.recorded import gap

LIQUIDATIONS = "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz"
TRADES = "binance-futures_trades_2026-03-02_BTCUSDT.csv.gz"
ETHER = "binance-futures_liquidations_2026-03-02_ETHUSDT.csv.gz"

Row = dict[str, Any]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    liquidations(folder / LIQUIDATIONS)
    trades(folder / TRADES)
    return folder


def without_findings(text: str) -> str:
    """Leave out what is said of files: their columns have names of their own."""
    return re.sub(r"(?m)^data .*\n(?:     \S.*\n)*", "", text)


def require_contract(rows: list[Row]) -> None:
    """What every replay keeps: the shape of each line, and the life of each id."""
    assert {row["type"] for row in rows} <= {"alert", "phase", "quality", "episode"}
    alerts = [row for row in rows if row["type"] == "alert"]
    for row in alerts:
        assert {
            "id", "signal", "stage", "phase", "symbol", "side", "time", "onset", "facts",
        } <= row.keys()  # fmt: skip
        assert row["stage"] in {"open", "update", "all_clear", "feed_ended"}
        assert row["side"] in {"longs", "shorts", None}
        assert row["signal"] in {"LIQUIDATION_CASCADE", "SHOCK"}
        assert row["onset"] <= row["time"]
        assert row["facts"]
        assert violations(row) == ()
    for row in rows:
        if row["type"] == "phase":
            assert {"signal", "symbol", "phase", "before", "time", "side", "reading"} <= row.keys()
        elif row["type"] == "episode":
            assert row["stage"] in {"all_clear", "feed_ended"}
            assert row["onset"] <= row["time"] <= row["known"]
    for _, life in itertools.groupby(sorted(alerts, key=lambda r: r["id"]), lambda r: r["id"]):
        told = sorted(life, key=lambda row: row["sequence"])
        stages = [row["stage"] for row in told]
        assert [row["sequence"] for row in told] == list(range(len(told)))
        assert stages[0] == "open"
        assert stages[-1] in {"all_clear", "feed_ended"}
        assert set(stages[1:-1]) <= {"update"}
        assert stages.count("update") <= 5


def require_order(rows: list[Row]) -> None:
    times = [row["time"] for row in rows if row["type"] in {"alert", "phase"}]
    assert times == sorted(times)


def test_json_keeps_the_contract(airpocket: Console, recorded: Path) -> None:
    said = airpocket("replay", "--json", recorded)
    assert (said.code, said.err) == (0, "")
    require_contract(said.rows)
    require_order(said.rows)
    alerts = [row for row in said.rows if row["type"] == "alert"]
    assert [row["stage"] for row in alerts] == ["open", "update", "all_clear"]
    assert {(row["symbol"], row["side"]) for row in alerts} == {("BTC/USDT:USDT", "longs")}
    (whole,) = [row for row in said.rows if row["type"] == "episode"]
    last = next(row for row in reversed(said.rows) if row["type"] == "alert")
    assert whole["known"] == last["time"]


def test_the_same_bytes_twice(airpocket: Console, recorded: Path) -> None:
    first = airpocket("replay", "--json", recorded).out
    other = process(["replay", "--json", recorded], env={"PYTHONHASHSEED": "77"})
    assert other.stdout.decode() == first


def test_files_may_be_named_in_any_order(airpocket: Console, recorded: Path) -> None:
    one = airpocket("replay", "--json", recorded / TRADES, recorded / LIQUIDATIONS).rows
    two = airpocket("replay", "--json", recorded / LIQUIDATIONS, recorded / TRADES).rows
    for rows in (one, two):
        require_contract(rows)
    assert [r["id"] for r in one if r["type"] == "alert"] == [
        r["id"] for r in two if r["type"] == "alert"
    ]


def test_text_is_lean_and_states_facts(airpocket: Console, recorded: Path) -> None:
    said = airpocket("replay", recorded)
    assert (said.code, said.err) == (0, "")
    assert violations(said.out) == ()
    rows = said.out.splitlines()
    assert all(len(row) <= 110 for row in rows)
    assert len(rows) < 60
    assert rows[0] == "2026-03-02 (UTC)"
    assert said.out.count("Facts only.") == 1
    assert "Real liquidations: BTC longs" in said.out
    words = " ".join(said.out.split())
    assert "All clear: BTC longs, cascade of 09:35 UTC over" in words
    assert "From liquidations (binance)" in words


def test_verbose_shows_more(airpocket: Console, recorded: Path) -> None:
    lean, full = airpocket("replay", recorded).out, airpocket("replay", "--verbose", recorded).out
    assert "building (was calm)" not in lean
    assert "building (was calm)" in full
    assert full.count("Signal ") == 3
    assert lean.count("Signal ") == 1


def test_only_some_symbols(airpocket: Console, recorded: Path) -> None:
    liquidations(recorded / ETHER, symbol="ETHUSDT", seed=5)
    both = airpocket("replay", "--json", recorded).rows
    assert {row["symbol"] for row in both} >= {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    said = airpocket("replay", recorded, "--json", "--symbol", "ETH/USDT:USDT")
    assert said.code == 0
    assert {row["symbol"] for row in said.rows} <= {"ETH/USDT:USDT", "*"}
    require_contract(said.rows)
    two = ["--symbol", "ETH/USDT:USDT", "--symbol", "BTC/USDT:USDT"]
    assert {row["symbol"] for row in airpocket("replay", recorded, "--json", *two).rows} == {
        row["symbol"] for row in both
    }


def test_a_symbol_that_is_not_there(airpocket: Console, recorded: Path) -> None:
    said = airpocket("replay", "--json", recorded, "--symbol", "XRP/USDT:USDT")
    assert said.code == 2
    assert "XRP/USDT:USDT: not in the source, which holds BTC/USDT:USDT" in said.err
    one = ["--symbol", "XRP/USDT:USDT", "--symbol", "BTC/USDT:USDT"]
    said = airpocket("replay", "--json", recorded, *one)
    assert said.code == 0
    assert said.err.startswith("XRP/USDT:USDT: not in the source")


@pytest.mark.parametrize("kind", ["files", "tape"])
@pytest.mark.parametrize("flag", [["--json"], []])
def test_a_symbol_that_is_nowhere_is_refused_and_nothing_else_is_said(
    airpocket: Console, recorded: Path, tmp_path: Path, flag: list[str], kind: str
) -> None:
    source = recorded
    if kind == "tape":
        source = tmp_path / "a.tape"
        assert airpocket("convert", recorded, source).code == 0
    whole = airpocket("replay", *flag, source)
    assert whole.out
    sentence = airpocket("replay", *flag, source, "--symbol", "NOSUCH").sentence
    assert sentence == "NOSUCH: not in the source, which holds BTC/USDT:USDT"
    asked = ["--symbol", "NOSUCH", "--symbol", "BTC/USDT:USDT"]
    assert airpocket("replay", *flag, source, *asked).out == whole.out


def test_what_could_not_be_read_may_hold_the_symbol(airpocket: Console, tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS)
    path.write_bytes(path.read_bytes()[:-40])
    said = airpocket("replay", path, "--symbol", "NOSUCH")
    assert (said.code, said.out) == (2, "")
    broken, refused = said.err.splitlines()
    assert LIQUIDATIONS in broken
    assert "NOSUCH: not in the source" in refused


@pytest.mark.parametrize("content", ["nothing", "a gap", "heartbeats"])
def test_a_tape_that_shows_nothing_is_not_called_quiet(
    airpocket: Console, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a") as tape:
        if content == "a gap":
            tape.record_gap(gap("okx", 10, 20))
        elif content == "heartbeats":
            tape.append("bybit", "public#1", START_NS, b'{"op":"pong"}')
    said = airpocket("replay", path)
    assert said.code == 0
    assert " ".join(said.out.split()) == (
        "Nothing was seen: there is no event in these sources, at most gaps. What happened"
        " meanwhile is not known."
    )
    as_json = airpocket("replay", "--json", path)
    assert (as_json.code, as_json.out) == (0, "")
    assert as_json.err.startswith("nothing was seen")


@pytest.mark.parametrize("flag", [["--json"], []])
def test_a_broken_off_file_is_told_after_what_it_led_to(
    airpocket: Console, tmp_path: Path, flag: list[str]
) -> None:
    path = tmp_path / LIQUIDATIONS
    liquidations(path, seconds=ONSET_S + 50)
    path.write_bytes(path.read_bytes()[:-60])
    said = airpocket("replay", *flag, path)
    assert said.code == 2
    assert LIQUIDATIONS in said.err.splitlines()[-1]
    assert len(said.err.splitlines()) == 1
    if flag:
        require_contract(said.rows)
        stages = [row["stage"] for row in said.rows if row["type"] == "alert"]
        assert stages == ["open", "feed_ended"]
        assert "truncated" in {row.get("code") for row in said.rows}
    else:
        words = " ".join(said.out.split())
        assert "Feed ended, outcome unknown" in words
        assert "This is not an all-clear" in words


def test_two_broken_files_are_both_named(airpocket: Console, tmp_path: Path) -> None:
    for name in "ab":
        path = tmp_path / name
        path.mkdir()
        liquidations(path / LIQUIDATIONS).write_bytes((path / LIQUIDATIONS).read_bytes()[:-40])
    said = airpocket("replay", "--json", tmp_path / "a", tmp_path / "b")
    assert said.code == 2
    assert LIQUIDATIONS in said.err


def test_a_folder_names_what_it_leaves_out(airpocket: Console, recorded: Path) -> None:
    (recorded / "notes.txt").write_text("x")
    said = airpocket("replay", "--json", recorded)
    assert said.code == 0
    assert said.err == f"left out: {recorded}/notes.txt: no archive knows this format\n"
    require_contract(said.rows)


def test_groups_of_bins_are_headed(airpocket: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = 3_600_000_000_000
    made = [
        Made([trade(START_NS)], name="ticks[red]"),
        Made([flow(START_NS, hour)], name="sums", channels=("forced_flow",), width_ns=hour),
    ]
    monkeypatch.setattr(register, "recordings_in", lambda _: (made, []))
    out = airpocket("replay", "x").out
    assert out.splitlines()[0] == "In bins of 1 s: ticks[red]"
    assert "In bins of 60 min: sums" in out
    assert (
        out.count("No cascade and no shock was seen; what these sources do not show is not known.")
        == 2
    )
    assert airpocket("replay", "--json", "x").out == ""


def test_quiet_is_said(airpocket: Console, tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS, cascade=False)
    said = airpocket("replay", path)
    assert (
        said.out
        == "No cascade and no shock was seen; what these sources do not show is not known.\n\n"
    )


@pytest.mark.data
class TestRealRecordings:
    def test_october(self, airpocket: Console, data_dir: Path) -> None:
        sources = [data_dir / "oct10_market", data_dir / "hl_oct10_adl"]
        said = airpocket("replay", *sources)
        assert (said.code, said.err) == (0, "")
        assert violations(without_findings(said.out)) == ()
        rows = said.out.splitlines()
        assert all(len(row) <= 110 for row in rows)
        assert len(rows) < 180, "a night is read, not searched"
        words = " ".join(said.out.split())
        assert "Price shock: " in words
        assert "since 20:50:02 UTC" in words
        assert "This is not an all-clear" in words
        assert "single symbols are not shown" in words

    def test_the_contract_holds_on_real_ticks(self, airpocket: Console, data_dir: Path) -> None:
        folder = data_dir / "oct10_market"
        perps = sorted(folder.glob("binance-delivery_trades_*"))
        assert len(perps) == 5
        said = airpocket("replay", "--json", *perps)
        assert said.code == 0
        require_contract(said.rows)
        require_order(said.rows)
        assert {row["type"] for row in said.rows} == {"alert", "phase", "episode"}

    def test_two_extracts_are_refused(self, airpocket: Console, data_dir: Path) -> None:
        said = airpocket("replay", "--json", data_dir / "aave_wbtc_liquidations")
        assert (said.code, said.out) == (2, "")
        last = said.err.splitlines()[-1]
        assert "btc_liquidations.parquet" in last
        assert "revenue_liquidations_2020_2026.parquet" in last
        assert "name only one of them" in last

    def test_two_exports_of_the_same_sums_are_refused(
        self, airpocket: Console, data_dir: Path
    ) -> None:
        """Played together they would double every hour: 218 M for the 109 M of 2026-01-13 22:00."""
        said = airpocket("replay", "--json", data_dir / "feb2026")
        assert (said.code, said.out) == (2, "")
        last = said.err.splitlines()[-1]
        assert "coinglass_BTC_1h_liq_oi_funding_price_20251204_20260602.csv.gz" in last
        assert "coinglass_BTC_liquidation_1h_20251123_20260522.csv.gz" in last
        assert "CoinGlass's liquidations of BTC in bins of 60 min" in last

    @pytest.mark.parametrize("folder", ["coinglass_4h", "coinglass_daily"])
    def test_other_folders(self, airpocket: Console, data_dir: Path, folder: str) -> None:
        said = airpocket("replay", "--json", data_dir / folder)
        assert said.code == 0
        require_contract(said.rows)
        text = airpocket("replay", data_dir / folder)
        assert text.code == 0
        assert violations(without_findings(text.out)) == ()
        assert len(text.out.splitlines()) < 700


def test_lines_are_json_to_other_readers(airpocket: Console, recorded: Path) -> None:
    for line in airpocket("replay", "--json", recorded).out.splitlines():
        assert isinstance(json.loads(line)["type"], str)
