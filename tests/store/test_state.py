"""What a transaction wrote is there, all of it or none; rows come back as they went in."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from airpocket.errors import StateError
from airpocket.store.state import State
from airpocket.store.state_tables import EPISODE, HEALTH, EpisodeRow, HealthRow
from airpocket.units import ns_from_iso

NOW_NS = ns_from_iso("2026-02-05T20:00:00Z")


def fill_the_disk(state: State, *, is_full: bool) -> None:
    """Let SQLite find no more room, as it would on a full disk."""
    connection = state._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages if is_full else 1 << 30}")


def break_off(state: State) -> None:
    with state.transaction():
        state.keep_episode(EpisodeRow("a", NOW_NS, "{}"))
        state.keep_health(HealthRow("okx", "trades", "*", "live", "", NOW_NS))
        raise RuntimeError("in the middle")


def test_an_episode_is_kept_as_it_stands(tmp_path: Path) -> None:
    first, second = EpisodeRow("a", NOW_NS, "{}"), EpisodeRow("b", NOW_NS + 1, '{"usd":1.5}')
    with State(tmp_path / "s.db") as state:
        state.keep_episode(first)
        state.keep_episode(second)
        assert state.episodes() == [second, first]
        grown = EpisodeRow("a", NOW_NS + 2, '{"usd":2.5}')
        state.keep_episode(grown)
    with State(tmp_path / "s.db") as state:
        assert state.episodes() == [grown, second]
        assert state.episodes(1) == [grown]


def test_health_is_one_row_a_channel(tmp_path: Path) -> None:
    live = HealthRow("okx", "trades", "*", "live", "", NOW_NS)
    dead = HealthRow("okx", "trades", "*", "dead", "no ping", NOW_NS + 5)
    other = HealthRow("okx", "trades", "BTC/USDT:USDT", "suspect", "silent", NOW_NS)
    with State(tmp_path / "s.db") as state:
        for row in (live, other, dead):
            state.keep_health(row)
        assert state.health() == [dead, other]


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with State(tmp_path / "s.db") as state:
        with pytest.raises(RuntimeError, match="in the middle"):
            break_off(state)
        assert (state.episodes(), state.health()) == ([], [])
        with state.transaction():
            state.keep_episode(EpisodeRow("a", NOW_NS, "{}"))
            with state.transaction() as inner:  # joins: it is not committed on its own
                inner.execute(HEALTH.delete())
            with State(state.path, read_only=True) as looker:
                assert looker.episodes() == []
        assert len(state.episodes()) == 1


def test_threads_take_turns(tmp_path: Path) -> None:
    with State(tmp_path / "s.db") as state:
        state.keep_episode(EpisodeRow("count", 0, "{}"))

        def count_up() -> None:
            for _ in range(50):
                with state.transaction() as connection:
                    (found,) = connection.execute(select(EPISODE.c.changed_ns)).scalars()
                    connection.execute(EPISODE.update().values(changed_ns=found + 1))

        threads = [threading.Thread(target=count_up) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state.episodes()[0].changed_ns == 200


def test_a_full_disk_is_said_and_left_behind(tmp_path: Path) -> None:
    with State(tmp_path / "s.db") as state:
        state.keep_episode(EpisodeRow("safe", NOW_NS, "{}"))
        fill_the_disk(state, is_full=True)
        for _ in range(3):
            with pytest.raises(StateError, match="no space left: free some, then it goes on"):
                state.keep_episode(EpisodeRow("large", NOW_NS, "x" * 200_000))
        assert [row.episode_key for row in state.episodes()] == ["safe"]
        fill_the_disk(state, is_full=False)
        state.keep_episode(EpisodeRow("large", NOW_NS, "x" * 200_000))
        assert len(state.episodes()) == 2


def test_a_row_that_holds_what_it_cannot_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with State(path) as state:
        state.keep_episode(EpisodeRow("a", NOW_NS, "{}"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE episode SET changed_ns = 'soon'")
    connection.commit()
    connection.close()
    with State(path) as state, pytest.raises(StateError, match="is damaged: a row holds"):
        state.episodes()


def test_a_closed_state_says_so(tmp_path: Path) -> None:
    state = State(tmp_path / "s.db")
    state.close()
    state.close()
    with pytest.raises(StateError, match=r"s\.db is closed"):
        state.episodes()


def test_a_hundred_thousand_rows_open_within_five_seconds_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    state = State(path)
    body = '{"usd": 123456.789}' * 40
    state._connection.execute("PRAGMA wal_autocheckpoint=0")  # all of it still in the log
    with state.transaction() as connection:
        rows = [
            {"episode_key": f"k{count}", "changed_ns": NOW_NS, "body": body}
            for count in range(100_000)
        ]
        connection.execute(EPISODE.insert(), rows)
    copy = tmp_path / "crashed.db"  # as a killed process leaves it
    copy.write_bytes(path.read_bytes())
    log = path.with_name("s.db-wal").read_bytes()
    copy.with_name("crashed.db-wal").write_bytes(log)
    state.close()
    assert len(log) > 70_000_000
    start = time.perf_counter()
    with State(copy) as reopened:
        assert time.perf_counter() - start < 5
        assert len(reopened.episodes(200_000)) == 100_000
