"""A file has one holder; the lock ends with its process."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from airpocket.store.file_lock import hold, lock_path

_HOLD_FOR_EVER = """
import sys, time
from pathlib import Path
from airpocket.store.file_lock import hold
assert hold(Path(sys.argv[1])) is not None
print("held", flush=True)
time.sleep(600)
"""


def test_there_is_one_holder_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    first = hold(path)
    assert first is not None
    assert hold(path) is None
    assert hold(tmp_path / "b.db") is not None
    first.close()
    second = hold(path)
    assert second is not None
    second.close()
    assert lock_path(path).stat().st_size == 0


def test_a_killed_holder_has_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _HOLD_FOR_EVER, str(path)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert hold(path) is None
        other.kill()
    holder = hold(path)
    assert holder is not None
    holder.close()


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        hold(tmp_path / "missing" / "a.db")
