import subprocess
import sys
from pathlib import Path

import pytest

from airpocket.errors import InputError, SourceError
from airpocket.market.wire import Wire
from airpocket.venues import register
from airpocket.venues.register import (
    VENUES,
    archives,
    open_recording,
    open_wire,
    recordings_in,
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
