"""Opening the SQLite file of the state: durability, versions, and errors in words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from airpocket.errors import InputError, StateError
from airpocket.store.file_lock import hold, lock_path
from airpocket.store.state_tables import APPLICATION_ID, META, SCHEMA_VERSION, STEPS, TABLES

__all__ = ["damaged", "engine_of", "in_words", "lock", "open_to_read", "open_to_write", "path_of"]

_WORDS: Final = {
    sqlite3.SQLITE_FULL: "there is no space left: free some, then it goes on; what was filed before"
    " is safe",
    sqlite3.SQLITE_IOERR: "the disk failed; what was filed before is safe as far as the disk keeps"
    " it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: keep it, and start with a new one or a copy",
    sqlite3.SQLITE_NOTADB: "the file is not an airpocket state, or its header is damaged: choose"
    " another path or restore a copy",
    sqlite3.SQLITE_BUSY: "another program holds it: wait for it or stop it",
    sqlite3.SQLITE_READONLY: "the file may not be written: check its permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check that its folder exists and may be"
    " written",
}


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what the database raises into a ``StateError`` that names the file and the way out."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        said = _WORDS.get(code, "it cannot be used as a state")
        # Never the statement's values: they may be what a stranger wrote.
        raise StateError(f"{path}: {said} ({ascii(str(cause))[1:-1]:.200})") from error


def damaged(path: Path, what: str) -> StateError:
    """Say that a state cannot be trusted, and what can be done."""
    return StateError(
        f"{path} is damaged: {what}; keep the file, and start with a new one or a copy"
    )


def path_of(where: Path | str) -> Path:
    """Give the file of a state by its path or SQLite URL.

    Raises
    ------
    InputError
        If it is a URL of anything but a SQLite file.

    Examples
    --------
    >>> path_of("sqlite:////var/lib/airpocket/state.db").as_posix()
    '/var/lib/airpocket/state.db'
    """
    if isinstance(where, Path) or "://" not in where:
        path = Path(where)
    else:
        try:
            url = make_url(where)
        except (ArgumentError, ValueError):
            raise InputError("the state's URL cannot be read: use sqlite:///PATH") from None
        # The URL itself is not repeated: it may hold a password.
        if url.get_backend_name() != "sqlite":
            raise InputError(
                f"a state in {url.get_backend_name()!a:.40} is not supported: use a path or"
                " sqlite:///PATH"
            )
        if url.query or not url.database or url.database.startswith(("file:", ":memory:")):
            raise InputError("a state lies in a plain file: use a path or sqlite:///PATH")
        path = Path(url.database)
    if str(path) in {"", ".", ":memory:"} or "\0" in str(path):
        raise InputError(f"{str(path)!a} is not the path of a state: name a file")
    return path.resolve()  # one file has one lock, by whatever name it is reached


def lock(path: Path) -> sqlite3.Connection:
    """Become the only process that uses a state, until the connection returned is closed.

    Raises
    ------
    StateError
        If another has it.
    """
    with in_words(lock_path(path)):
        holder = hold(path)
    if holder is None:
        raise StateError(
            f"{path} is in use by another airpocket: stop that one, or choose another"
            " [store] folder"
        )
    return holder


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open or create a state; the caller holds its lock.

    Raises
    ------
    StateError
        If the file is no state, of a newer version, damaged, or not durable here.
    """
    with in_words(path):
        # The caller serialises the threads that use it.
        connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        with in_words(path):
            _distrust(connection)
            is_new = _is_empty(connection)
            if not is_new:
                _require_ours(connection, path)
            _make_durable(connection, path)
            if is_new:
                _create(connection)
            else:
                _migrate(connection, path)
                _require_shape(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a state without writing to it, also while its owner is at work.

    Raises
    ------
    InputError
        If there is no such file.
    StateError
        If the file is no state, of another version, or damaged.
    """
    if not path.is_file():
        raise InputError(f"there is no state at {path}")
    with in_words(path):
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro",
            uri=True,
            timeout=5,
            isolation_level=None,
            check_same_thread=False,
        )
    try:
        with in_words(path):
            _distrust(connection)
            _require_ours(connection, path)
            _require_present(connection, path)
            _require_shape(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def engine_of(connection: sqlite3.Connection, *, writes: bool) -> Engine:
    """Make an engine over one open connection, whose transactions begin with the right to write."""
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
    )

    def begin(one: Connection) -> None:
        one.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "begin", begin)
    return engine


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _distrust(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return tables == 0 and _pragma(connection, "application_id") == 0


def _require_ours(connection: sqlite3.Connection, path: Path) -> None:
    if _is_empty(connection):
        raise StateError(f"{path} is empty: it becomes a state when it is opened to write")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StateError(
            f"{path} is a database of another program, not an airpocket state: choose another path"
        )
    # A view or trigger in the file would run with our queries.
    query = "SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')"
    if connection.execute(query).fetchone() != (0,):
        raise damaged(path, "it holds views or triggers, which no state has")


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "journal_mode=WAL") != "wal":
        raise StateError(f"{path}: this file system offers no write-ahead log: use a local disk")
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL loses filed alerts with the power
    connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone stops at the drive's cache
    connection.execute("PRAGMA checkpoint_fullfsync=ON")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_size_limit=67108864")
    # After a failed fsync the kernel still shows what it could not write: the log of an earlier
    # owner is folded into the file, and synced, before anything is built on it.
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StateError(f"{path} is held by a reader in the middle of a query: stop it first")


def _create(connection: sqlite3.Connection) -> None:
    engine = engine_of(connection, writes=True)
    with engine.begin() as one:
        TABLES.create_all(one)
        one.execute(META.insert().values(name="version", value=str(SCHEMA_VERSION)))
        one.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    try:
        found = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        version = int(found[0])
    except (sqlite3.OperationalError, TypeError, ValueError):
        raise damaged(path, "it does not say its version") from None
    if version > SCHEMA_VERSION:
        raise StateError(
            f"{path} has schema version {version}, this airpocket knows up to {SCHEMA_VERSION}:"
            " update airpocket"
        )
    if version < min(STEPS):
        raise damaged(path, f"there never was a schema version {version}")
    return version


def _require_present(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version < SCHEMA_VERSION:
        raise StateError(
            f"{path} has schema version {version}, from an older airpocket: open it once to write"
            " (airpocket watch), which brings it up to date"
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Take the steps from the file's version to ours: all of them, or none."""
    version = _version(connection, path)
    if version == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, SCHEMA_VERSION):
            for statement in STEPS[step]:
                connection.execute(statement)
        changed = "UPDATE meta SET value = ? WHERE name = 'version'"
        connection.execute(changed, (str(SCHEMA_VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _require_shape(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose tables are not those of its version."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
    names = {name for (name,) in connection.execute(query)}
    wanted = {
        table.name: [column.name for column in table.columns] for table in TABLES.sorted_tables
    }
    if names != set(wanted):
        raise damaged(path, f"its tables are not those of schema version {SCHEMA_VERSION}")
    for name, columns in wanted.items():
        listed = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
        if [column for (column,) in connection.execute(listed, (name,))] != columns:
            raise damaged(path, f"its table {name} is not that of schema version {SCHEMA_VERSION}")
