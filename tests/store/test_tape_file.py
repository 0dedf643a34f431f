"""A tape is opened by one writer, durably, or not at all; every refusal says what to do."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError, SourceError, TapeError
from airpocket.store.tape import TapeReader, TapeWriter
from airpocket.store.tape_file import in_words, open_to_write, rows, transaction


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Path of a closed tape of five chunks of 100 frames of 400 bytes that do not shrink."""
    path = tmp_path / "five.tape"
    with TapeWriter(path, "five") as writer:
        for chunk in range(5):
            for _ in range(100):
                writer.append("okx", "a", 1_000 + chunk, os.urandom(400))
            writer.commit()
    return path


def change(path: Path, statement: str, *values: object) -> None:
    """Do to the file what only a bug, a bad disk or a stranger would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_the_log_is_synced_at_every_commit(tmp_path: Path) -> None:
    connection = open_to_write(tmp_path / "a.tape", "a")
    asked = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync")
    ]
    connection.close()
    assert asked == ["wal", 2, 1, 1]


def test_a_second_writer_is_refused_in_the_same_process(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a") as first:
        alias = tmp_path / "alias.tape"
        alias.symlink_to(path)
        for name in (path, alias):
            with pytest.raises(TapeError, match=r"a\.tape is being written by another program"):
                TapeWriter(name, "a")
        assert first.append("okx", "a", None, b"") == 0
    with TapeWriter(path) as second:
        assert second.next_ordinal == 1


def test_a_second_writer_is_refused_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    code = "import sys; from airpocket.store.tape import TapeWriter; TapeWriter(sys.argv[1], 'a')"
    with TapeWriter(path, "a"):
        refused = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
        )
    assert refused.returncode != 0
    assert "is being written by another program" in refused.stderr


def test_a_refused_second_writer_leaves_the_lock_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a"):
        for _ in range(3):
            with pytest.raises(TapeError, match="another program"):
                TapeWriter(path)


def test_nothing_is_appended_to_the_log_of_an_earlier_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    killed = TapeWriter(path, "a")
    with TapeReader(path):  # keeps the log from being folded in when the writer is abandoned
        killed.append("okx", "a", None, b"0")
        killed.commit()
        killed.abandon()
        log = tmp_path / "a.tape-wal"
        assert log.stat().st_size > 0
        stranger = sqlite3.connect(path)
        unread = stranger.execute("SELECT * FROM sqlite_master")
        with pytest.raises(TapeError, match="held by a reader"):
            open_to_write(path, "a", patience_s=0)
        unread.close()
        stranger.close()
        connection = open_to_write(path, "a")
        assert log.stat().st_size == 0
        connection.close()


def test_readers_come_and_go_while_a_writer_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a") as writer:
        for ordinal in range(5):
            writer.append("okx", "a", None, str(ordinal).encode())
            writer.commit()
            with TapeReader(path) as reader:
                assert [frame.data for frame in reader.frames()][-1] == str(ordinal).encode()


def test_a_closed_tape_is_one_file_and_its_empty_lock(tape: Path) -> None:
    with TapeReader(tape) as reader:
        reader.check()
    sizes = {path.name: path.stat().st_size for path in tape.parent.iterdir()}
    assert sizes.pop("five.tape-lock") == 0
    assert list(sizes) == ["five.tape"]


def test_a_tape_on_a_medium_that_cannot_be_written_is_read(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def refuse_all_but_immutable(address: str, **options: Any) -> sqlite3.Connection:
        if "immutable" in address:
            return connect(address, **options)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(sqlite3, "connect", refuse_all_but_immutable)
    with TapeReader(tape) as reader:
        assert reader.about().frames == 500
    tape.with_name("five.tape-wal").write_bytes(b"x")  # frames that only a recovery would show
    with pytest.raises(TapeError, match="check that its folder exists and may be written"):
        TapeReader(tape)


def test_a_new_tape_needs_a_name_and_leaves_nothing_without(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with pytest.raises(InputError, match=r"a\.tape is a new tape: it needs a tape_id"):
        TapeWriter(path)
    assert not path.exists()


def test_a_tape_is_not_appended_to_under_another_name(tape: Path) -> None:
    with pytest.raises(TapeError, match="is tape 'five', not 'six'"):
        TapeWriter(tape, "six")
    with TapeWriter(tape) as writer:  # and the refusal let go of the lock
        assert writer.tape_id == "five"


def test_a_crash_between_creation_and_first_commit_leaves_a_tape_to_start(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    for refused in (TapeReader, TapeWriter):
        with pytest.raises(TapeError, match="is empty"):
            refused(path)
    with TapeWriter(path, "a") as writer:
        assert writer.append("okx", "a", None, b"x") == 0


def test_there_is_no_tape_where_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no tape at"):
        TapeReader(tmp_path / "none.tape")
    with pytest.raises(SourceError, match="there is no tape at"):
        TapeReader(tmp_path)
    with pytest.raises(TapeError, match="check that its folder exists"):
        TapeWriter(tmp_path / "none" / "a.tape", "a")
    assert not (tmp_path / "none").exists()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "a.csv"
    text.write_text("venue,price\n" * 1000)
    other = tmp_path / "other.sqlite"
    change(other, "CREATE TABLE precious (value)")
    before = text.read_bytes(), other.read_bytes()
    for path, said in ((text, "is not a tape"), (other, "a database of another program")):
        with pytest.raises(TapeError, match=said):
            TapeWriter(path, "a")
        with pytest.raises(TapeError, match=said):
            TapeReader(path)
    assert (text.read_bytes(), other.read_bytes()) == before


@pytest.mark.parametrize("opener", [TapeWriter, TapeReader])
def test_a_newer_schema_is_refused(tape: Path, opener: Callable[[Path], object]) -> None:
    change(tape, "PRAGMA user_version=2")
    with pytest.raises(TapeError, match="schema version 2, this airpocket reads up to 1: update"):
        opener(tape)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON chunk BEGIN DELETE FROM chunk; END",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE gap",
        "ALTER TABLE chunk ADD COLUMN more",
        "PRAGMA user_version=0",
        "DELETE FROM tape",
        "UPDATE tape SET is_closed = 'yes'",
    ],
)
@pytest.mark.parametrize("opener", [TapeWriter, lambda path: TapeReader(path).about()])
def test_a_file_that_only_looks_like_a_tape_is_refused(
    tape: Path, statement: str, opener: Callable[[Path], object]
) -> None:
    change(tape, statement)
    with pytest.raises(TapeError, match=r"five\.tape is damaged"):
        opener(tape)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chunk SET body = zeroblob(100) WHERE first_ordinal = 400",
        "UPDATE chunk SET frames = 'many' WHERE first_ordinal = 400",
        "DELETE FROM chunk WHERE first_ordinal = 400",
        "UPDATE stream SET frames = frames + 1",
        "UPDATE stream SET code = 3",
        "UPDATE stream SET venue = x'ff'",
    ],
)
def test_nothing_is_appended_to_a_damaged_end(tape: Path, statement: str) -> None:
    change(tape, statement)
    with pytest.raises(TapeError, match=r"five\.tape is damaged.*start a new tape"):
        TapeWriter(tape)


def flips(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield copies of a file, each with one byte changed, all over the file."""
    whole = path.read_bytes()
    for at in [*range(120), *range(120, len(whole), 1499)]:
        yield at, whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :]


def test_a_changed_byte_is_found_or_changes_nothing(tape: Path, tmp_path: Path) -> None:
    with TapeReader(tape) as reader:
        written = list(reader.frames()), reader.about()
    copy = tmp_path / "copy.tape"
    found = []
    for at, content in flips(tape):
        copy.write_bytes(content)
        try:
            with TapeReader(copy) as reader:
                reader.check()
                assert (list(reader.frames()), reader.about()) == written, f"byte {at}"
        except TapeError as error:
            found.append(str(error))
    assert len(found) > 100
    assert all("copy.tape" in said for said in found)


@pytest.mark.parametrize("kept", [0, 50, 4096, 9000, 100_000])
def test_a_file_cut_short_is_refused(tape: Path, kept: int) -> None:
    tape.write_bytes(tape.read_bytes()[:kept])
    with pytest.raises(TapeError, match=r"five\.tape"), TapeReader(tape) as reader:
        reader.check()
    with pytest.raises(TapeError, match=r"five\.tape"):
        TapeWriter(tape)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")

    def write_and_stop() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    connection.execute("BEGIN")  # as after a rollback that the disk refused
    connection.execute("INSERT INTO t VALUES (2)")
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (3)")
    assert rows(tmp_path, connection, tuple[int], "SELECT x FROM t") == [(3,)]
    connection.close()


def test_an_unforeseen_error_names_the_file_too(tmp_path: Path) -> None:
    said = r"x\.tape: it cannot be used as a tape \(no \\x1b code\)"
    with pytest.raises(TapeError, match=said), in_words(tmp_path / "x.tape"):
        raise sqlite3.InterfaceError("no \x1b code")
