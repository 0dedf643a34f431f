"""The state: what must outlive the process besides the tape, in one small database.

What it promises
    What a transaction wrote survives ``kill -9`` and power loss once the ``with`` block is left
    (SQLite, write-ahead log, ``synchronous=FULL``), all of it or none of it. There is one owner:
    a second process is refused. A file of an older version is brought up to date, step by step; a
    newer one is refused.

What it does not
    It has no clock and no thread. It holds no secrets: channels are names here, what they mean
    stands in the configuration.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, final

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.engine import Connection

from airpocket.errors import StateError
from airpocket.store.state_file import (
    damaged,
    engine_of,
    in_words,
    lock,
    open_to_read,
    open_to_write,
    path_of,
)
from airpocket.store.state_tables import EPISODE, HEALTH, EpisodeRow, HealthRow

__all__ = ["State"]

_Row = TypeVar("_Row")


@final
class State:
    """One open state.

    Parameters
    ----------
    where
        Path of its file, or ``sqlite:///PATH``. The file is created if missing; its folder is not.
    read_only
        Open it to look only: without the lock, also while its owner is at work.

    Raises
    ------
    InputError
        If ``where`` names no file, or, to look only, there is none.
    StateError
        If another process has it, the file is no state, a newer or a damaged one, or cannot be
        made durable.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with State(f"{folder.name}/state.db") as state:
    ...     state.keep_episode(EpisodeRow("BTC:1", 1_760_130_903_000_000_000, "{}"))
    >>> with State(f"{folder.name}/state.db", read_only=True) as state:
    ...     [row.episode_key for row in state.episodes()]
    ['BTC:1']
    >>> folder.cleanup()
    """

    def __init__(self, where: Path | str, *, read_only: bool = False) -> None:
        self.path = path_of(where)
        self._turn = threading.RLock()
        self._present: Connection | None = None
        self._lock: sqlite3.Connection | None = None if read_only else lock(self.path)
        try:
            opened = open_to_read if read_only else open_to_write
            self._connection = opened(self.path)
        except BaseException:
            self._unlock()
            raise
        self._engine = engine_of(self._connection, writes=not read_only)
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing: what was written is safe when the block is left without an error.

        Threads wait for each other. A transaction inside another of the same thread joins it, so
        that several steps can be made one.

        Raises
        ------
        StateError
            If the disk is full or fails, or the file is damaged: nothing of it was written.

        Yields
        ------
        sqlalchemy.engine.Connection
            To run SQLAlchemy Core statements with.
        """
        with self._turn:
            if self._present is not None:
                yield self._present
                return
            if not self._is_open:
                raise StateError(f"{self.path} is closed")
            with in_words(self.path):
                if self._connection.in_transaction:  # a rollback failed with the disk
                    self._connection.execute("ROLLBACK")
                with self._engine.begin() as connection:
                    self._present = connection
                    try:
                        yield connection
                    finally:
                        self._present = None

    def rows(self, shape: type[_Row], query: Select[Any]) -> list[_Row]:
        """Read rows into structs, and make sure that they are what the tables should hold.

        Raises
        ------
        StateError
            If they are not, or cannot be read.
        """
        with self.transaction() as connection:
            found = [
                {str(name): value for name, value in row.items()}
                for row in connection.execute(query).mappings()
            ]
        try:
            return msgspec.convert(found, list[shape])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            raise damaged(self.path, f"a row holds what it cannot ({error})") from error

    def keep_episode(self, row: EpisodeRow) -> None:
        """Write down an episode as it stands now, in place of what was known of it."""
        body = {"changed_ns": row.changed_ns, "body": row.body}
        with self.transaction() as connection:
            same = EPISODE.c.episode_key == row.episode_key
            if not connection.execute(EPISODE.update().where(same).values(body)).rowcount:
                new = {"episode_key": row.episode_key, **body}
                connection.execute(EPISODE.insert().values(new))

    def episodes(self, most: int = 1_000) -> list[EpisodeRow]:
        """Episodes, the one that changed last first."""
        newest = select(EPISODE).order_by(EPISODE.c.changed_ns.desc(), EPISODE.c.episode_key)
        return self.rows(EpisodeRow, newest.limit(most))

    def keep_health(self, row: HealthRow) -> None:
        """Write down the present condition of a channel, in place of its last one."""
        about = {"state": row.state, "reason": row.reason, "since_ns": row.since_ns}
        with self.transaction() as connection:
            same = (
                (HEALTH.c.venue == row.venue)
                & (HEALTH.c.channel == row.channel)
                & (HEALTH.c.symbol == row.symbol)
            )
            if not connection.execute(HEALTH.update().where(same).values(about)).rowcount:
                which = {"venue": row.venue, "channel": row.channel, "symbol": row.symbol}
                connection.execute(HEALTH.insert().values({**which, **about}))

    def health(self) -> list[HealthRow]:
        """Last known condition of every channel."""
        order = (HEALTH.c.venue, HEALTH.c.channel, HEALTH.c.symbol)
        return self.rows(HealthRow, select(HEALTH).order_by(*order))

    def close(self) -> None:
        """Release the file; closing again does nothing."""
        with self._turn:
            if not self._is_open:
                return
            self._is_open = False
            self._engine.dispose()
            self._connection.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
