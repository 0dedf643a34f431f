"""Tables of the state: their present form, the steps that lead to it, and rows in plain structs.

Rows know no alert and no episode: what they carry of those is JSON text, which whoever reads it
checks. Every table is reached through SQLAlchemy Core, so values are always bound, never written
into a statement.
"""

from typing import Final, final

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "ALERT",
    "APPLICATION_ID",
    "DELIVERED",
    "EPISODE",
    "HEALTH",
    "META",
    "OUTBOX",
    "REFUSED",
    "SCHEMA_VERSION",
    "STEPS",
    "SUBSCRIPTION",
    "SUSPENDED",
    "TABLES",
    "WAITING",
    "AlertRow",
    "EpisodeRow",
    "HealthRow",
    "SubscriptionRow",
]

APPLICATION_ID: Final = 0x41505354  # "APST"
SCHEMA_VERSION: Final = 2

# Where a row of the outbox stands.
WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
REFUSED: Final = "refused"

TABLES: Final = MetaData()
META: Final = Table(
    "meta",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
EPISODE: Final = Table(
    "episode",
    TABLES,
    Column("episode_key", Text, primary_key=True),
    Column("changed_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
ALERT: Final = Table(
    "alert",
    TABLES,
    Column("place", Integer, primary_key=True),
    Column("alert_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("signal", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("filed_ns", BigInteger, nullable=False),
    Column("episode_key", Text, ForeignKey("episode.episode_key")),
    Column("body", Text, nullable=False),
    UniqueConstraint("alert_id", "sequence"),
    sqlite_autoincrement=True,  # a place is never used twice
)
OUTBOX: Final = Table(
    "outbox",
    TABLES,
    Column("place", Integer, primary_key=True),
    Column("alert", Integer, ForeignKey("alert.place"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("filed_ns", BigInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("done_ns", BigInteger),
    Column("reason", Text),
    UniqueConstraint("alert", "channel"),
    sqlite_autoincrement=True,
)
Index("outbox_standing", OUTBOX.c.standing, OUTBOX.c.channel, OUTBOX.c.place)
SUSPENDED: Final = Table(
    "suspended",
    TABLES,
    Column("channel", Text, primary_key=True),
    Column("reason", Text, nullable=False),
)
SUBSCRIPTION: Final = Table(
    "subscription",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("changed_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
HEALTH: Final = Table(
    "health",
    TABLES,
    Column("venue", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)

# What leads from a version to the next. Never edited: they tell what files of that version were.
STEPS: Final[dict[int, tuple[str, ...]]] = {
    # Version 1 could not hold a channel back: one that was gone was asked again and again.
    1: (
        """
        CREATE TABLE suspended (channel TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (channel))
        """,
    ),
}


@final
class EpisodeRow(Struct, frozen=True):
    """An episode as it stood at ``changed_ns``; ``body`` is its JSON."""

    episode_key: str
    changed_ns: int
    body: str


@final
class AlertRow(Struct, frozen=True):
    """An alert as it was filed; ``body`` is its JSON, ``place`` counts up."""

    place: int
    alert_id: str
    sequence: int
    signal: str
    stage: str
    scope: str
    filed_ns: int
    episode_key: str | None
    body: str


@final
class SubscriptionRow(Struct, frozen=True):
    """A subscription; ``body`` is its JSON."""

    name: str
    changed_ns: int
    body: str


@final
class HealthRow(Struct, frozen=True):
    """Present condition of one channel of a venue; ``symbol`` is ``"*"`` for all of it."""

    venue: str
    channel: str
    symbol: str
    state: str
    reason: str
    since_ns: int
