import os
from pathlib import Path

import pytest

from airpocket.errors import InputError
from airpocket.store.aside import aside, require_free, sync


def test_a_file_takes_its_name_when_it_is_whole_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.json"
    seen = []
    real = os.fsync

    def noted(handle: int) -> None:
        seen.append(out.exists())
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    with aside(out) as path:
        path.write_text("whole")
        assert not out.exists()
    assert out.read_text() == "whole"
    assert seen == [False, True]
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]


def test_nothing_is_left_of_what_was_interrupted(tmp_path: Path) -> None:
    def broken() -> None:
        with aside(tmp_path / "out.json") as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_refused_before_and_after(tmp_path: Path) -> None:
    out = tmp_path / "out.json"

    def write() -> None:
        with aside(out) as path:
            path.write_text("ours")
            out.write_text("theirs")

    for _ in ("taken meanwhile", "taken before"):
        with pytest.raises(InputError, match="nothing is ever overwritten"):
            write()
        assert out.read_text() == "theirs"
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]


def test_a_dangling_link_is_a_taken_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists"):
        require_free(tmp_path / "link")


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        require_free(tmp_path / "none" / "out.json")


def test_a_folder_is_written_whole_too(tmp_path: Path) -> None:
    with aside(tmp_path / "out") as folder:
        folder.mkdir()
        (folder / "one").write_text("1")
        sync(folder / "one")
    assert (tmp_path / "out" / "one").read_text() == "1"
