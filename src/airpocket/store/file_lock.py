"""One holder of a file at a time, by a lock that ends with its process however that dies."""

import sqlite3
from pathlib import Path

__all__ = ["hold", "lock_path"]


def lock_path(path: Path) -> Path:
    """Path of the lock of a file: an empty file beside it."""
    return path.with_name(path.name + "-lock")


def hold(path: Path) -> sqlite3.Connection | None:
    """Become the only holder of a file until the connection returned is closed.

    The lock is SQLite's own, on an empty file beside (:func:`lock_path`): it works on every
    platform and leaves readers alone. The file stays: to remove it would let two holders lock two
    files of one name.

    Returns
    -------
    sqlite3.Connection or None
        ``None`` if another has it.

    Raises
    ------
    sqlite3.Error
        If the lock cannot be made there.
    """
    holder = sqlite3.connect(
        lock_path(path), timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        holder.execute("PRAGMA journal_mode=MEMORY")
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        holder.close()
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return None
        raise
    return holder
