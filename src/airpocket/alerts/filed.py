"""What was filed: its history, what is open, what waits, and what may be forgotten."""

from typing import Any, Final, final

import msgspec
from msgspec import Struct
from sqlalchemy import Select, case, delete, exists, func, or_, select
from sqlalchemy.engine import Connection

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.names import instrument_label
from airpocket.alerts.open_alert import OpenAlert
from airpocket.errors import AirpocketError
from airpocket.store.state import State
from airpocket.store.state_tables import (
    ALERT,
    DELIVERED,
    EPISODE,
    OUTBOX,
    REFUSED,
    SUSPENDED,
    WAITING,
)

__all__ = [
    "Told",
    "Waiting",
    "channels_of",
    "forget",
    "heads",
    "history",
    "last_of_open",
    "open_alerts",
    "read",
    "waiting",
]

_ENDS: Final = (Stage.ALL_CLEAR.value, Stage.FEED_ENDED.value)
_DECODER: Final = msgspec.json.Decoder(InformationalAlert)


@final
class Told(Struct, frozen=True):
    """A filed alert, and how far it got: channels that have it, wait for it, or never get it."""

    alert: InformationalAlert
    filed_ns: int
    delivered: tuple[str, ...]
    waiting: tuple[str, ...]
    refused: tuple[str, ...]


@final
class Waiting(Struct, frozen=True):
    """What one channel waits for.

    ``oldest_ns`` is when the first of them was filed, ``attempts`` how often that was tried and
    ``reason`` why it did not arrive; ``is_suspended`` whether nothing is tried any more.
    """

    channel: str
    count: int
    oldest_ns: int
    attempts: int
    reason: str | None
    is_suspended: bool


def read(body: str) -> InformationalAlert:
    """Read a stored alert, checked as if it were made now.

    Raises
    ------
    msgspec.DecodeError, AirpocketError
        If it is none: its row was changed, or what an alert may say has.
    """
    return _DECODER.decode(body)


def history(
    state: State, most: int = 50, *, signal: Signal | None = None, symbol: str | None = None
) -> list[Told]:
    """Recent alerts, as :meth:`airpocket.alerts.outbox.Outbox.history` gives them."""
    query = select(ALERT.c.place, ALERT.c.filed_ns, ALERT.c.body)
    if signal is not None:
        query = query.where(ALERT.c.signal == signal.value)
    if symbol is not None:
        text = symbol.encode("utf-8", "backslashreplace").decode()
        of_coin = func.substr(ALERT.c.scope, 1, len(text) + 1) == f"{text}/"
        query = query.where(or_(ALERT.c.scope == instrument_label(symbol), of_coin))
    told = []
    with state.transaction() as connection:
        newest = query.order_by(ALERT.c.place.desc()).limit(most)
        for row in connection.execute(newest).all():
            alert = _readable(row.body)
            if alert is not None:
                told.append(Told(alert, row.filed_ns, *_standings(connection, row.place)))
    return told


def open_alerts(state: State) -> list[OpenAlert]:
    """Ids that were opened and have not ended, the oldest first.

    One whose row can no longer be read is left out: whoever goes on with it opens another.
    """
    with state.transaction() as connection:
        rows = connection.execute(_open_ids()).all()
    found = []
    for row in rows:
        first, last = _readable(row.opening), _readable(row.body)
        if first is None or last is None:
            continue
        found.append(
            OpenAlert(
                alert_id=last.alert_id, signal=last.signal, scope=last.scope, side=last.side,
                onset_ns=first.onset_ns, time_ns=last.time_ns, sequence=last.sequence,
                updates=row.updates, episode_key=row.episode_key,
            )
        )  # fmt: skip
    return found


def last_of_open(state: State) -> list[InformationalAlert]:
    """Last alert of each id that has not ended, the oldest id first."""
    with state.transaction() as connection:
        rows = connection.execute(_open_ids()).all()
    return [alert for row in rows if (alert := _readable(row.body)) is not None]


def channels_of(state: State, alert_id: str) -> tuple[str, ...]:
    """Channels that anything was filed for under an id, in order."""
    found = (
        select(OUTBOX.c.channel)
        .join(ALERT, ALERT.c.place == OUTBOX.c.alert)
        .where(ALERT.c.alert_id == alert_id)
        .order_by(OUTBOX.c.place)
    )
    with state.transaction() as connection:
        return tuple(dict.fromkeys(connection.execute(found).scalars()))


def waiting(state: State) -> list[Waiting]:
    """List what each channel waits for, by name; nothing for one that waits for nothing."""
    counted = (
        select(
            OUTBOX.c.channel,
            func.count().label("count"),
            func.min(OUTBOX.c.filed_ns).label("oldest_ns"),
            func.min(OUTBOX.c.place).label("place"),
        )
        .where(OUTBOX.c.standing == WAITING)
        .group_by(OUTBOX.c.channel)
        .subquery()
    )
    query = (
        select(
            counted.c.channel,
            counted.c.count,
            counted.c.oldest_ns,
            OUTBOX.c.attempts,
            func.coalesce(SUSPENDED.c.reason, OUTBOX.c.reason).label("reason"),
            SUSPENDED.c.channel.is_not(None).label("is_suspended"),
        )
        .select_from(counted)
        .join(OUTBOX, OUTBOX.c.place == counted.c.place)
        .outerjoin(SUSPENDED, SUSPENDED.c.channel == counted.c.channel)
        .order_by(counted.c.channel)
    )
    return state.rows(Waiting, query)


def forget(state: State, before_ns: int) -> int:
    """Remove ids whose last alert was filed before a time, that wait for nothing and have ended.

    Returns
    -------
    int
        How many ids were removed.
    """
    old = (
        select(ALERT.c.alert_id)
        .group_by(ALERT.c.alert_id)
        .having(func.max(ALERT.c.filed_ns) < before_ns)
    )
    waiting = (
        select(ALERT.c.alert_id)
        .join(OUTBOX, OUTBOX.c.alert == ALERT.c.place)
        .where(OUTBOX.c.standing == WAITING)
    )
    with state.transaction() as connection:
        gone = set(connection.execute(old).scalars())
        gone -= set(connection.execute(waiting).scalars())
        gone -= {row.alert_id for row in connection.execute(_open_ids())}
        for alert_id in gone:
            places = select(ALERT.c.place).where(ALERT.c.alert_id == alert_id)
            connection.execute(delete(OUTBOX).where(OUTBOX.c.alert.in_(places)))
            connection.execute(delete(ALERT).where(ALERT.c.alert_id == alert_id))
        told_of = select(ALERT.c.episode_key).where(ALERT.c.episode_key.is_not(None))
        aged = EPISODE.c.changed_ns < before_ns
        connection.execute(delete(EPISODE).where(aged, EPISODE.c.episode_key.not_in(told_of)))
    return len(gone)


def heads() -> Select[Any]:
    """Select of each channel that is not held back, the oldest that waits.

    From each channel to the next by the index: it takes as long for a row as for a million.
    """
    waits = OUTBOX.c.standing == WAITING
    first = select(func.min(OUTBOX.c.channel).label("name")).where(waits)
    seen = first.cte("channels", recursive=True)
    later = select(func.min(OUTBOX.c.channel)).where(waits, OUTBOX.c.channel > seen.c.name)
    channels = seen.union_all(select(later.scalar_subquery()).where(seen.c.name.is_not(None)))
    older = OUTBOX.alias("older")
    oldest = (
        select(func.min(older.c.place))
        .where(older.c.standing == WAITING, older.c.channel == channels.c.name)
        .scalar_subquery()
    )
    held = exists().where(SUSPENDED.c.channel == channels.c.name)
    return (
        select(OUTBOX.c.place, OUTBOX.c.channel, ALERT.c.body, OUTBOX.c.attempts, OUTBOX.c.filed_ns)
        .select_from(channels)
        .join(OUTBOX, OUTBOX.c.place == oldest)
        .join(ALERT, ALERT.c.place == OUTBOX.c.alert)
        .where(~held)
    )


def _readable(body: str) -> InformationalAlert | None:
    try:
        return read(body)
    except (msgspec.DecodeError, AirpocketError):
        return None


def _standings(connection: Connection, place: int) -> tuple[tuple[str, ...], ...]:
    query = select(OUTBOX.c.channel, OUTBOX.c.standing).where(OUTBOX.c.alert == place)
    rows = connection.execute(query.order_by(OUTBOX.c.place)).all()
    return tuple(
        tuple(row.channel for row in rows if row.standing == standing)
        for standing in (DELIVERED, WAITING, REFUSED)
    )


def _open_ids() -> Select[Any]:
    """Of each id without an end: its first and its last alert, and how many updates it had."""
    ended = func.max(case((ALERT.c.stage.in_(_ENDS), 1), else_=0))
    updated = func.sum(case((ALERT.c.stage == Stage.UPDATE.value, 1), else_=0))
    ids = (
        select(
            ALERT.c.alert_id,
            func.min(ALERT.c.sequence).label("first"),
            func.max(ALERT.c.sequence).label("last"),
            updated.label("updates"),
        )
        .group_by(ALERT.c.alert_id)
        .having(ended == 0)
        .subquery()
    )
    first, last = ALERT.alias("first_alert"), ALERT.alias("last_alert")
    return (
        select(
            ids.c.alert_id,
            ids.c.updates,
            first.c.body.label("opening"),
            last.c.body.label("body"),
            last.c.episode_key,
        )
        .select_from(ids)
        .join(first, (first.c.alert_id == ids.c.alert_id) & (first.c.sequence == ids.c.first))
        .join(last, (last.c.alert_id == ids.c.alert_id) & (last.c.sequence == ids.c.last))
        .order_by(first.c.place)
    )
