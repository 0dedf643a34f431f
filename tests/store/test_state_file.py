"""A state is opened by one owner, durably, in its present version, or not at all."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpocket.errors import AirpocketError, InputError, StateError
from airpocket.store.file_lock import hold
from airpocket.store.state import State
from airpocket.store.state_file import in_words, open_to_write, path_of
from airpocket.store.state_tables import APPLICATION_ID, SCHEMA_VERSION, EpisodeRow
from airpocket.units import ns_from_iso
from tests.store.test_state_tables import VERSION_1

NOW_NS = ns_from_iso("2026-02-05T20:00:00Z")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Path of a state with some episodes."""
    path = tmp_path / "state.db"
    with State(path) as state:
        for count in range(300):
            state.keep_episode(EpisodeRow(f"BTC:{count}", NOW_NS + count, '{"usd": 1}' * 40))
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Path of a state of version 1 with an alert that waits."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute("INSERT INTO episode VALUES ('k', 1, '{}')")
    connection.execute(
        "INSERT INTO alert VALUES (1, 'lc-1', 0, 'SHOCK', 'open', '*', 1, 'k', '{}')"
    )
    connection.execute("INSERT INTO outbox VALUES (1, 1, 'log', 'waiting', 0, 1, 1, NULL, NULL)")
    connection.commit()
    connection.close()
    return path


def change(path: Path, statement: str, *values: object) -> None:
    """Do to the file what only a bug, a bad disk or a stranger would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_the_log_is_synced_at_every_commit(tmp_path: Path) -> None:
    connection = open_to_write(tmp_path / "a.db")
    names = (
        "journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys",
        "trusted_schema",
    )  # fmt: skip
    asked = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    connection.close()
    assert asked == ["wal", 2, 1, 1, 1, 0]


def test_a_second_owner_is_refused_in_the_same_process(made: Path) -> None:
    alias = made.with_name("alias.db")
    alias.symlink_to(made)
    with State(made):
        for name in (made, alias, f"sqlite:///{made}"):
            with pytest.raises(StateError, match=r"state\.db is in use by another airpocket"):
                State(name)
    State(made).close()


def test_a_second_owner_is_refused_in_another_process(made: Path) -> None:
    code = "import sys; from airpocket.store.state import State; State(sys.argv[1])"
    with State(made):
        refused = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, str(made)], capture_output=True, text=True, check=False
        )
    assert refused.returncode != 0
    assert (
        "in use by another airpocket: stop that one, or choose another [store] folder"
        in refused.stderr
    )


def test_a_look_needs_no_lock(made: Path) -> None:
    with State(made) as owner, State(made, read_only=True) as looker:
        owner.keep_episode(EpisodeRow("new", NOW_NS * 2, "{}"))
        assert looker.episodes(1)[0].episode_key == "new"
        with pytest.raises(StateError, match="may not be written"):
            looker.keep_episode(EpisodeRow("mine", NOW_NS, "{}"))
    with State(made, read_only=True) as looker:
        assert len(looker.episodes()) == 301


def test_an_older_version_is_brought_up_to_date(old: Path) -> None:
    with pytest.raises(StateError, match="schema version 1, from an older airpocket: open it once"):
        State(old, read_only=True)
    for _ in range(2):
        with State(old) as state, state.transaction() as connection:
            version = connection.exec_driver_sql("SELECT value FROM meta").scalar_one()
            waits = connection.exec_driver_sql("SELECT channel FROM outbox").scalars().all()
            held = connection.exec_driver_sql("SELECT count(*) FROM suspended").scalar_one()
        assert (version, waits, held) == (str(SCHEMA_VERSION), ["log"], 0)


def test_a_step_that_fails_changes_nothing(old: Path) -> None:
    change(old, "CREATE TABLE suspended (mine TEXT)")  # the step's statement cannot be done
    with pytest.raises(StateError, match="cannot be used as a state"):
        State(old)
    change(old, "DROP TABLE suspended")
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT value FROM meta").fetchone() == ("1",)
    connection.close()
    State(old).close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE meta SET value = '99'", "schema version 99, this airpocket knows up to"),
        ("UPDATE meta SET value = '0'", "there never was a schema version 0"),
        ("UPDATE meta SET value = 'new'", "it does not say its version"),
        ("DELETE FROM meta", "it does not say its version"),
        ("DROP TABLE meta", "it does not say its version"),
        ("DROP TABLE suspended", "its tables are not those of"),
        ("CREATE TABLE more (a)", "its tables are not those of"),
        ("ALTER TABLE health ADD COLUMN more", "its table health is not that of"),
        ("CREATE VIEW v AS SELECT 1", "views or triggers"),
        (
            "CREATE TRIGGER t AFTER INSERT ON outbox BEGIN DELETE FROM alert; END",
            "views or triggers",
        ),
        ("PRAGMA application_id=7", "a database of another program"),
    ],
)
def test_what_is_no_state_is_refused_and_left_alone(made: Path, statement: str, said: str) -> None:
    change(made, statement)
    before = made.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StateError, match=said) as raised:
            State(made, read_only=read_only)
        assert "\n" not in str(raised.value)
    if "application_id" in statement:
        assert made.read_bytes() == before
    holder = hold(made)  # and the refusals let go of the lock
    assert holder is not None
    holder.close()


def test_another_programs_database_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    change(path, "CREATE TABLE mine (a)")
    before = path.read_bytes()
    with pytest.raises(StateError, match="another program, not an airpocket state"):
        State(path)
    assert path.read_bytes() == before


def wrecks(content: bytes) -> Iterator[tuple[str, bytes]]:
    yield "text", b"[watch]\nsymbols = ['BTC']\n" * 300
    yield "zeros", bytes(len(content))
    yield "header", b"X" * 20 + content[20:]
    yield "middle", content[:4096] + b"\xff" * (len(content) - 4096)
    yield "half", content[: len(content) // 2]


def test_a_damaged_file_is_said_to_be_so(made: Path) -> None:
    content = made.read_bytes()
    for name, wreck in wrecks(content):
        made.write_bytes(wreck)
        with pytest.raises(StateError) as raised:
            use(made)
        assert str(made) in str(raised.value), name
        assert "\n" not in str(raised.value), name


def use(path: Path) -> None:
    with State(path) as state:
        state.episodes()
        state.health()


def test_an_empty_file_becomes_a_state(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(StateError, match="is empty"):
        State(path, read_only=True)
    use(path)


def test_where_nothing_can_be_made_a_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="check that its folder exists and may be written"):
        State(tmp_path / "missing" / "state.db")
    with pytest.raises(StateError, match="cannot be opened"):
        State(tmp_path)  # a folder
    (tmp_path / "file").touch()
    with pytest.raises(AirpocketError, match="cannot be"):
        State(tmp_path / "file" / "state.db")
    with pytest.raises(InputError, match="there is no state at"):
        State(tmp_path / "none.db", read_only=True)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("postgresql://user:hunter2@host/db", "a state in 'postgresql' is not supported"),
        ("sqlite://", "a plain file"),
        ("sqlite:///:memory:", "a plain file"),
        ("sqlite:///file:a?mode=memory&uri=true", "a plain file"),
        ("sqlite:///a.db?hunter2=1", "a plain file"),
        ("://hunter2", "cannot be read"),
        (":memory:", "is not the path of a state"),
        ("", "is not the path of a state"),
        ("a\0b", "is not the path of a state"),
    ],
)
def test_what_names_no_file_is_refused_and_not_repeated(where: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        path_of(where)
    assert "hunter2" not in str(raised.value)


def test_a_path_and_its_url_are_one_file(tmp_path: Path) -> None:
    plain = path_of(tmp_path / "a b.db")
    assert plain == path_of(str(plain)) == path_of(f"sqlite:///{plain}")


def test_the_words_hold_no_values(tmp_path: Path) -> None:
    with State(tmp_path / "a.db") as state:
        for _ in range(2):
            state.keep_episode(EpisodeRow("k", NOW_NS, "secret text"))
        with pytest.raises(StateError) as raised, state.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO episode VALUES ('k', 1, 'secret text')")
    assert "secret text" not in str(raised.value)


def test_control_characters_in_what_sqlite_quotes_are_escaped(tmp_path: Path) -> None:
    with pytest.raises(StateError) as raised, in_words(tmp_path / "a"):
        raise sqlite3.DatabaseError("malformed \x1b[2J\n here")
    assert "\x1b" not in str(raised.value)
    assert "\n" not in str(raised.value)
