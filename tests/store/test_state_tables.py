"""The steps from version to version lead to the tables there are."""

import sqlite3
from typing import Any

from msgspec import Struct
from sqlalchemy import Table, create_engine

from airpocket.store import state_tables
from airpocket.store.state_tables import (
    ALERT,
    EPISODE,
    HEALTH,
    SCHEMA_VERSION,
    STEPS,
    SUBSCRIPTION,
    TABLES,
)

# The tables of version 1, as they were.
VERSION_1 = """
CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE episode (
    episode_key TEXT NOT NULL, changed_ns BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (episode_key)
);
CREATE TABLE alert (
    place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, signal TEXT NOT NULL, stage TEXT NOT NULL, scope TEXT NOT NULL,
    filed_ns BIGINT NOT NULL, episode_key TEXT, body TEXT NOT NULL,
    UNIQUE (alert_id, sequence), FOREIGN KEY(episode_key) REFERENCES episode (episode_key)
);
CREATE TABLE outbox (
    place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL,
    channel TEXT NOT NULL, standing TEXT NOT NULL, attempts INTEGER NOT NULL,
    filed_ns BIGINT NOT NULL, due_ns BIGINT NOT NULL, done_ns BIGINT, reason TEXT,
    UNIQUE (alert, channel), FOREIGN KEY(alert) REFERENCES alert (place)
);
CREATE INDEX outbox_standing ON outbox (standing, channel, place);
CREATE TABLE subscription (
    name TEXT NOT NULL, changed_ns BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (name)
);
CREATE TABLE health (
    venue TEXT NOT NULL, channel TEXT NOT NULL, symbol TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, since_ns BIGINT NOT NULL, PRIMARY KEY (venue, channel, symbol)
);
INSERT INTO meta VALUES ('version', '1');
"""


def described(connection: sqlite3.Connection) -> dict[str, Any]:
    """What a database holds: columns, keys and indices of every table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
    names = [name for (name,) in connection.execute(query)]
    found = {}
    for name in names:
        columns = connection.execute("SELECT * FROM pragma_table_info(?)", (name,)).fetchall()
        keys = connection.execute("SELECT * FROM pragma_foreign_key_list(?)", (name,)).fetchall()
        listed = 'SELECT name, "unique", origin FROM pragma_index_list(?)'
        indices = {
            (row, tuple(connection.execute("SELECT name FROM pragma_index_info(?)", row[:1])))
            for row in connection.execute(listed, (name,)).fetchall()
        }
        found[name] = (columns, keys, indices)
    return found


def test_the_steps_from_version_1_lead_to_the_present_tables() -> None:
    assert sorted(STEPS) == list(range(1, SCHEMA_VERSION))
    stepped = sqlite3.connect(":memory:")
    stepped.executescript(VERSION_1)
    for version in sorted(STEPS):
        for statement in STEPS[version]:
            stepped.execute(statement)
    made = sqlite3.connect(":memory:")
    engine = create_engine("sqlite://", creator=lambda: made)
    TABLES.create_all(engine)
    assert described(stepped) == described(made)
    made.close()
    stepped.close()


def test_rows_are_the_columns_of_their_tables() -> None:
    shapes: dict[Table, type[Struct]] = {
        ALERT: state_tables.AlertRow,
        EPISODE: state_tables.EpisodeRow,
        HEALTH: state_tables.HealthRow,
        SUBSCRIPTION: state_tables.SubscriptionRow,
    }
    for table, shape in shapes.items():
        assert tuple(str(column.name) for column in table.columns) == shape.__struct_fields__
