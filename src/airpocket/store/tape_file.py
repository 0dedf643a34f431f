"""Opening the SQLite file of a tape: durability, one writer, and errors in words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from airpocket.errors import InputError, SourceError, TapeError
from airpocket.store.file_lock import hold, lock_path
from airpocket.store.tape_format import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

__all__ = ["damaged", "in_words", "lock", "open_to_read", "open_to_write", "rows", "transaction"]

_Row = TypeVar("_Row")

# The order matters: the reader of the message is told what to do, not only what happened.
_WORDS: Final = {
    sqlite3.SQLITE_FULL: "there is no space left; nothing more is acknowledged until some is"
    " freed and commit is called again; what was acknowledged is safe",
    sqlite3.SQLITE_IOERR: "the disk failed; nothing more is acknowledged until commit succeeds"
    " again; what was acknowledged is safe as far as the disk keeps it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; keep it, start a new tape, and read what is"
    " whole with TapeReader.frames(from_ordinal=...)",
    sqlite3.SQLITE_NOTADB: "the file is not a tape, or its header is damaged; choose another path"
    " or restore a copy",
    sqlite3.SQLITE_BUSY: "another program holds it; wait for it or stop it",
    sqlite3.SQLITE_READONLY: "the file may not be written; check its permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that its folder exists and may be"
    " written (a tape whose writer was killed is repaired when it is opened)",
}


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a ``TapeError`` that names the file and the way out."""
    try:
        yield
    except sqlite3.Error as error:
        said = _WORDS.get(_code(error), "it cannot be used as a tape")
        # SQLite quotes what it could not read: control characters of a stranger, escaped here.
        raise TapeError(f"{path}: {said} ({ascii(str(error))[1:-1]:.200})") from error


def damaged(path: Path, what: str) -> TapeError:
    """Say that a tape cannot be trusted, and what can be done."""
    return TapeError(
        f"{path} is damaged: {what}; keep the file, start a new tape, and read what is whole with"
        " TapeReader.frames(from_ordinal=...)"
    )


def rows(
    path: Path, connection: sqlite3.Connection, shape: type[_Row], query: str, *values: int
) -> list[_Row]:
    """Read rows and make sure that they are what the tables should hold."""
    with in_words(path):
        found = connection.execute(query, values).fetchall()
    try:
        return msgspec.convert(found, list[shape])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise damaged(path, f"a row holds what it cannot ({error})") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing: COMMIT has returned when the block is left without an error."""
    if connection.in_transaction:  # a rollback failed with the disk; try again before anything
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def lock(path: Path) -> sqlite3.Connection:
    """Become the only writer of a tape until the connection returned is closed.

    Raises
    ------
    TapeError
        If another writer has it.
    """
    with in_words(lock_path(path)):
        holder = hold(path)
    if holder is None:
        raise TapeError(
            f"{path} is being written by another program: stop it, or write another tape"
        )
    return holder


def open_to_write(path: Path, tape_id: str | None, *, patience_s: float = 5) -> sqlite3.Connection:
    """Open or create a tape; the caller holds its lock. Readers are waited for, ``patience_s``.

    Raises
    ------
    InputError
        If it is new and has no ``tape_id``.
    TapeError
        If the file is no tape, another tape, too new, damaged, or not durable here.
    """
    if tape_id is None and not path.exists():
        raise InputError(f"{path} is a new tape: it needs a tape_id, by which events name it")
    with in_words(path):
        # Another thread may commit than the one that opened; the writer serialises them.
        connection = sqlite3.connect(
            path, timeout=patience_s, isolation_level=None, check_same_thread=False
        )
    try:
        with in_words(path):
            is_new = _is_empty(connection) and tape_id is not None
            if not is_new:
                _verify(connection, path)
            _make_durable(connection, path)
            _start_afresh(connection, path)
            if is_new:
                _create(connection, tape_id)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a tape without writing to it, also while a writer appends.

    Raises
    ------
    SourceError
        If there is no such file.
    TapeError
        If the file is no tape, too new or damaged.
    """
    if not path.is_file():
        raise SourceError(f"there is no tape at {path}")
    try:
        return _connect(path, "mode=ro")
    except TapeError as error:
        code = _code(error.__cause__)
        has_log = path.with_name(path.name + "-wal").exists()
        if code == sqlite3.SQLITE_CANTOPEN and not has_log:
            # A closed tape on a medium that cannot be written has no log and needs none.
            return _connect(path, "mode=ro&immutable=1")
        if code != sqlite3.SQLITE_READONLY:
            raise
    # Its writer was killed while it created or closed the file: SQLite takes that back first.
    _connect(path, "mode=rw").close()
    return _connect(path, "mode=ro")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.resolve().as_uri()}?{mode}"
    with in_words(path):
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        with in_words(path):
            _verify(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary error code, 0 if there is none."""
    extended: int = getattr(error, "sqlite_errorcode", 0)
    return extended & 0xFF


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return tables == 0 and _pragma(connection, "application_id") == 0


def _verify(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not exactly a tape: a view or trigger in the file would run our queries."""
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    if _is_empty(connection):
        raise TapeError(f"{path} is empty: to start a tape in it, give its writer a tape_id")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise TapeError(f"{path} is a database of another program, not a tape: choose another path")
    version = _pragma(connection, "user_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise TapeError(
            f"{path} has schema version {version}, this airpocket reads up to {SCHEMA_VERSION}:"
            " update airpocket"
        )
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    if version != SCHEMA_VERSION or {sql for (sql,) in found} != set(SCHEMA):
        raise damaged(path, f"its tables are not those of schema version {version}")
    if connection.execute("SELECT count(*) FROM tape").fetchone() != (1,):
        raise damaged(path, "it does not say which tape it is")


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "journal_mode=WAL") != "wal":
        raise TapeError(f"{path}: this file system offers no write-ahead log: use a local disk")
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL loses acknowledged frames with power
    connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone stops at the drive's cache
    connection.execute("PRAGMA checkpoint_fullfsync=ON")
    connection.execute("PRAGMA journal_size_limit=67108864")


def _start_afresh(connection: sqlite3.Connection, path: Path) -> None:
    """Fold the log of an earlier writer into the file, and sync it, before anything is appended.

    After a failed fsync the kernel still shows what it could not write: SQLite would take it for
    committed, append behind it, and lose all of that with the next power failure.
    """
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise TapeError(f"{path} is held by a reader in the middle of a query: stop it first")


def _create(connection: sqlite3.Connection, tape_id: str | None) -> None:
    with transaction(connection):
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO tape VALUES (?, 0)", (tape_id,))
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
