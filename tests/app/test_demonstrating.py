import tempfile
from pathlib import Path

import pytest

from airpocket.alerts.linter import violations
from airpocket.app import demonstrating
from airpocket.app.demo_market import STREAMS
from airpocket.app.demonstrating import make_tape
from airpocket.errors import InputError
from airpocket.store.tape import TapeReader
from tests.app.console import Console, Said
from tests.app.test_replaying import require_contract, require_order


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.tape"
    make_tape(path)
    return path


@pytest.fixture
def said(airpocket: Console, tape: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """The demo as it is, on a tape that was made before."""
    monkeypatch.setattr(demonstrating, "make_tape", lambda path: _copied(tape, path))
    return airpocket("demo")


def _copied(tape: Path, path: Path) -> int:
    path.write_bytes(tape.read_bytes())
    return 46_146


def test_the_tape_holds_frames_of_three_venues(tape: Path) -> None:
    with TapeReader(tape) as reader:
        about = reader.about()
        first = next(iter(reader.frames()))
    assert about.venues == tuple(sorted(STREAMS))
    assert about.frames > 40_000
    assert about.is_closed
    assert first.data.startswith(b"{")


def test_it_shows_every_phase_in_facts_of_a_made_up_market(said: Said) -> None:
    assert (said.code, said.err) == (0, "")
    for coin in ("BTC", "ETH"):
        steps = [line for line in said.out.splitlines() if f" {coin}/USDT:USDT longs: " in line]
        assert [line.split(": ")[1].split()[0] for line in steps] == [
            "cascade", "exhausted", "cascade", "exhausted", "snapback", "settled",
        ]  # fmt: skip
        words = " ".join(said.out.split())
        assert f"Real liquidations: {coin} longs, at least $" in words
        assert f"Cascade goes on: {coin} longs" in words
        assert f"All clear: {coin} longs" in words
    assert violations(said.out) == ()
    assert "made up" in said.out
    rows = said.out.splitlines()
    assert all(len(row) <= 110 for row in rows)
    assert len(rows) < 130


def test_json_keeps_the_contract_and_repeats_itself(
    airpocket: Console, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstrating, "make_tape", lambda path: _copied(tape, path))
    demo = airpocket("demo", "--json")
    require_contract(demo.rows)
    require_order(demo.rows)
    assert demo.out == airpocket("replay", "--json", tape).out
    ids = [row["id"] for row in demo.rows if row["type"] == "alert" and row["stage"] == "open"]
    assert len(ids) == len(set(ids)) == 2


def test_the_tape_is_the_same_every_time(tape: Path, tmp_path: Path) -> None:
    make_tape(tmp_path / "again.tape")
    with TapeReader(tape) as one, TapeReader(tmp_path / "again.tape") as other:
        assert one.about() == other.about()
        assert all(a == b for a, b in zip(one.frames(), other.frames(), strict=True))


def test_it_can_be_kept_and_nothing_is_overwritten(
    airpocket: Console, tape: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demonstrating, "make_tape", lambda path: _copied(tape, path))
    monkeypatch.setattr(demonstrating, "play", lambda *_, **__: None)
    assert airpocket("demo", tmp_path / "kept.tape").code == 0
    assert (tmp_path / "kept.tape").exists()
    monkeypatch.undo()
    with pytest.raises(InputError, match="exists"):
        make_tape(tmp_path / "kept.tape")


def test_nothing_is_left_of_it(
    airpocket: Console, tape: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demonstrating, "make_tape", lambda path: _copied(tape, path))
    played: list[Path] = []
    monkeypatch.setattr(demonstrating, "play", lambda *_, **__: played.extend(tmp_path.iterdir()))
    assert airpocket("demo", "--json").code == 0
    assert len(played) == 1
    assert list(tmp_path.iterdir()) == []
