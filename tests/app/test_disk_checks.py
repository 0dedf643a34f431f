"""What is said of the folder, the room, the speed of the disk and the state."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from airpocket.app import disk_checks
from airpocket.app.config import Settings
from airpocket.app.disk_checks import check_disk, check_state
from airpocket.app.settings import StoreSettings
from airpocket.live.probes import Check, Verdict
from airpocket.store.file_lock import hold
from airpocket.store.state import State
from airpocket.store.tapes import Tapes


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def at(folder: Path, gb: float = 20.0) -> Settings:
    return Settings(store=StoreSettings(folder=folder, retention_gb=gb))


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_good_disk_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    checks = by_name(check_disk(at(folder, 0.1)))
    assert set(checks) == {"folder", "room", "sync"}
    assert checks["folder"].verdict is checks["room"].verdict is Verdict.OK
    assert "is safe on the disk after" in checks["sync"].said
    assert not folder.exists()
    folder.mkdir()
    check_disk(at(folder))
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (check,) = check_disk(at(tmp_path / "file" / "data"))
    assert check.verdict is Verdict.FAIL
    assert "cannot be written (Not a directory)" in check.said


def test_a_state_in_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (check,) = check_state(at(tmp_path / "file" / "data"))
    assert check.verdict is Verdict.FAIL
    assert f"{tmp_path}/file/data cannot be made ({tmp_path}/file is a file)" in check.said
    (check,) = check_state(at(tmp_path / "not" / "yet"))
    assert "none yet" in check.said


def test_a_state_in_a_folder_that_may_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    (check,) = check_state(at(tmp_path / "data"))
    assert check.verdict is Verdict.FAIL
    assert f"cannot be made ({tmp_path} may not be written)" in check.said
    (check,) = check_state(at(tmp_path))
    assert "none yet" in check.said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (check,) = check_disk(at(tmp_path))
    assert "cannot be written (Permission denied)" in check.said


@pytest.mark.parametrize(
    ("free_gb", "verdict", "told"),
    [(0.1, Verdict.FAIL, "free some"), (5.0, Verdict.WARN, "lower it"), (30.0, Verdict.OK, "GB")],
)
def test_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, verdict: Verdict, told: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, int(free_gb * 1e9)))
    room = by_name(check_disk(at(tmp_path)))["room"]
    assert room.verdict is verdict
    assert told in room.said


def test_a_slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_checks, "_syncs_ms", lambda _: [100.0] * 20)
    sync = by_name(check_disk(at(tmp_path)))["sync"]
    assert sync.verdict is Verdict.WARN
    assert "100.0 ms" in sync.said


def test_a_disk_that_fails_while_it_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    (check,) = check_disk(at(tmp_path))
    assert "No space left on device" in check.said
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_opens_is_free_or_in_use(tmp_path: Path) -> None:
    settings = at(tmp_path)
    (none,) = check_state(settings)
    assert none.verdict is Verdict.OK
    assert "none yet" in none.said
    with State(settings.state_file):
        used = by_name(check_state(settings))
        assert "opens: 0 episodes" in used["state"].said
        assert "in use by a running airpocket" in used["state lock"].said
    free = by_name(check_state(settings))["state lock"]
    assert free.said == "free: nothing else uses the store"
    lock = hold(settings.state_file)
    assert lock is not None, "the check left its lock"
    lock.close()


def test_a_state_that_does_not_open(tmp_path: Path) -> None:
    settings = at(tmp_path)
    settings.state_file.write_bytes(b"no database" * 100)
    (check,) = check_state(settings)
    assert check.verdict is Verdict.FAIL
    assert str(settings.state_file) in check.said


def test_a_lock_that_cannot_be_used(tmp_path: Path) -> None:
    settings = at(tmp_path)
    with State(settings.state_file):
        pass
    lock = settings.state_file.with_name(settings.state_file.name + "-lock")
    lock.unlink()
    lock.mkdir()
    checks = by_name(check_state(settings))
    assert checks["state"].verdict is Verdict.OK
    assert checks["state lock"].verdict is Verdict.FAIL


def test_a_folder_that_is_recorded_into(tmp_path: Path) -> None:
    tapes = Tapes(at(tmp_path).tapes_folder, now_ns=1_795_000_000_000_000_000)
    try:
        used = by_name(check_state(at(tmp_path)))["tapes lock"]
        assert "in use by a running airpocket" in used.said
    finally:
        tapes.close()
    assert "free" in by_name(check_state(at(tmp_path)))["tapes lock"].said
