import subprocess
import sys
from pathlib import Path

import pytest

from airpocket.errors import InputError, SourceError
from airpocket.market.wire import Wire
from airpocket.units import ns_from_iso
from airpocket.venues import register
from airpocket.venues.register import (
    LENDING,
    MARGINED,
    VENUES,
    archives,
    catalogue_of,
    open_lending_rules,
    open_recording,
    open_rules,
    open_wire,
    recordings_in,
    rules_for,
    tiers_of,
)
from tests.app.made import liquidations, trades

LIQUIDATIONS = "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz"
TRADES = "binance-futures_trades_2026-03-02_BTCUSDT.csv.gz"


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_a_wire_is_new_each_time_and_knows_its_venue(venue: str) -> None:
    first, second = open_wire(venue), open_wire(venue)
    assert first is not second
    assert first.venue == venue


def test_every_folder_with_a_wire_is_registered() -> None:
    folder = Path(register.__file__).parent
    wires = {path.parent.name for path in folder.glob("*/wire.py")}
    assert wires == set(VENUES.values())
    assert list(VENUES) == sorted(VENUES)


def test_every_folder_with_an_archive_is_registered() -> None:
    folder = Path(register.__file__).parent
    assert {path.parent.name for path in folder.glob("*/archive.py")} == set(register._ARCHIVES)


@pytest.mark.parametrize("venue", ["ftx", "", "OKX", "../okx", "okx.wire"])
def test_an_unknown_venue_names_the_known_ones(venue: str) -> None:
    with pytest.raises(InputError) as caught:
        open_wire(venue)
    assert all(known in str(caught.value) for known in VENUES)
    assert repr(venue) in str(caught.value)


def test_archives_claim_without_a_file_being_there(tmp_path: Path) -> None:
    for archive in archives():
        assert archive.claims(tmp_path / "nothing.txt", b"") is False
        assert archive.claims(tmp_path / "nothing.txt", b"\x00\xff" * 2_000) is False


def test_no_file_is_claimed_by_two_archives(tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS, seconds=100)
    head = b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    assert sum(archive.claims(path, head) for archive in archives()) == 1


def test_a_file_is_one_recording(tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS)
    recordings, left_out = recordings_in(path)
    assert [recording.label.kind for recording in recordings] == ["tardis liquidations"]
    assert left_out == []


def test_a_folder_gives_what_can_be_read_and_names_the_rest(tmp_path: Path) -> None:
    liquidations(tmp_path / LIQUIDATIONS)
    trades(tmp_path / TRADES, seconds=60)
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + b"x" * 50)
    (tmp_path / "broken.tape").write_bytes(b"SQLite format 3\x00" + b"\xff" * 200)
    (tmp_path / ".hidden").write_text("not looked at")
    (tmp_path / "inner").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "no such file")
    (tmp_path / "x.tape-lock").write_bytes(b"")
    recordings, left_out = recordings_in(tmp_path)
    assert [recording.label.name for recording in recordings] == [LIQUIDATIONS, TRADES]
    named = {
        name
        for name in ("notes.txt", "empty", "broken.zip", "broken.tape", "inner", "dangling")
        if sum(name in sentence for sentence in left_out) == 1
    }
    assert len(left_out) == len(named) == 6
    assert all(sentence.startswith("left out: ") for sentence in left_out)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no recording"):
        recordings_in(tmp_path)


def test_what_is_not_there_or_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        open_recording(tmp_path / "nowhere")
    strange = tmp_path / "strange.txt"
    strange.write_text("what is this\n")
    assert open_recording(strange) is None
    with pytest.raises(SourceError, match="no archive knows this format"):
        recordings_in(strange)


def test_asking_for_one_venue_loads_no_other() -> None:
    code = (
        "import sys; from airpocket.venues.register import open_wire; open_wire('okx')\n"
        "print([name for name in sys.modules if name.startswith('airpocket.venues.b')])\n"
    )
    done = subprocess.run(  # noqa: S603 — our own code
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"[]"


def test_wires_keep_the_protocol() -> None:
    wire: Wire = open_wire("bybit")
    assert wire.decode(b"").events == []


@pytest.mark.data
def test_the_recordings_of_a_day(data_dir: Path) -> None:
    recordings, left_out = recordings_in(data_dir / "oct10_market")
    assert (len(recordings), left_out) == (16, [])
    (whole,), _ = recordings_in(data_dir / "hl_oct10_adl")
    assert whole.label.venue == "hyperliquid"
    for source in ("binance_force_orders", "coinglass_4h", "coinglass_daily"):
        recordings, left_out = recordings_in(data_dir / source)
        assert len(recordings) + len(left_out) == len(list((data_dir / source).iterdir()))
        assert recordings


@pytest.mark.parametrize(
    ("venue", "symbol", "rule_id"),
    [
        ("binance", "BTC/USDT:USDT", "binance-usdm-2025-09"),
        ("binance", "BTC/USD:BTC", "binance-coinm-2025-09"),
        ("bybit", "BTC/USDT:USDT", "bybit-linear-2026-05"),
        ("okx", "ETH/USDT:USDT", "okx-linear"),
        ("hyperliquid", "BTC/USDC:USDC", "hyperliquid-perp-2026-08"),
        ("hyperliquid", "XYZ-SILVER/USDC:USDC", "hyperliquid-hip3-2026-08"),
        ("dydx", "BTC/USD:USDC", "dydx-v4-genesis"),
    ],
)
def test_the_rules_of_a_symbol_are_those_of_its_product(
    venue: str, symbol: str, rule_id: str
) -> None:
    instrument = catalogue_of(venue).find_symbol(symbol)
    assert instrument is not None
    assert open_rules(venue, symbol).rule_id == rules_for(instrument).rule_id == rule_id


def test_rules_are_those_of_the_time() -> None:
    day_ns = ns_from_iso("2025-01-01")
    assert open_rules("binance", "usdm", day_ns).rule_id == "binance-usdm-to-2025-09"
    assert open_rules("bybit", "BTC/USDT:USDT", day_ns).rule_id == "bybit-linear-to-2025-12"
    with pytest.raises(InputError, match="no rules are known for 2023-01-01"):
        open_rules("dydx", "perp", ns_from_iso("2023-01-01"))


@pytest.mark.parametrize(
    ("venue", "product", "said"),
    [
        ("ftx", "linear", "'ftx' is not a venue"),
        ("deribit", "linear", "2022-01-11"),
        ("bitmex", "inverse", "2026-09-23"),
        ("kraken-futures", "linear", "no margin rules are known"),
        ("binance", "spot", "there are coinm, usdm"),
        ("binance", "NOPE/USDT:USDT", "not among the instruments"),
        ("gmx", "ETH/USD:USDC", "not among the instruments"),
    ],
)
def test_rules_that_are_not_known_are_refused(venue: str, product: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        open_rules(venue, product)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_loans_and_positions_have_different_books() -> None:
    assert set(LENDING).isdisjoint(MARGINED)
    with pytest.raises(InputError, match="no lending rules"):
        open_lending_rules("binance")
    with pytest.raises(InputError, match="not a venue"):
        open_lending_rules("ftx")


def test_tiers_are_those_of_the_venue_s_own_file() -> None:
    assert tiers_of("binance").find("BTC/USDT:USDT").tiers[-1].leverage_most == 1.0
    assert list(tiers_of("gmx")) == []
    with pytest.raises(InputError, match="its tiers are not known"):
        tiers_of("gmx").find("ETH/USD:USDC")
    with pytest.raises(InputError, match="'ftx' is not a venue"):
        tiers_of("ftx")
