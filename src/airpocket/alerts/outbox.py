"""The outbox: every alert that was filed reaches each of its channels, under one id, in order.

What it promises
    An alert, its episode and what has to be sent of it are filed in one transaction; filing it
    again adds nothing. What is due is offered until it was delivered or refused for good, always
    under the same message id: at least once, never under a second id. A channel gets its alerts in
    the order they were filed in; a channel that fails holds up no other.

What it does not
    It sends nothing, has no clock and no thread. A receiver that cannot tell that it has seen a
    message id before may be told twice.
"""

from collections.abc import Sequence
from typing import Any, Final, final

import msgspec
from msgspec import Struct
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.engine import Connection

from airpocket.alerts.alert import InformationalAlert, Signal, rechecked
from airpocket.alerts.filed import (
    Told,
    Waiting,
    channels_of,
    forget,
    heads,
    history,
    last_of_open,
    open_alerts,
    read,
    waiting,
)
from airpocket.alerts.message import NAME_MOST, as_kept, message_id, require_channel
from airpocket.alerts.open_alert import OpenAlert
from airpocket.errors import AirpocketError, InputError
from airpocket.store.state import State
from airpocket.store.state_tables import (
    ALERT,
    DELIVERED,
    OUTBOX,
    REFUSED,
    SUSPENDED,
    WAITING,
    EpisodeRow,
)
from airpocket.units import DAY_NS, HOUR_NS, is_plausible_ns

__all__ = ["KEEP_LEAST_NS", "KEEP_NS", "Due", "Outbox", "Told", "Waiting"]

KEEP_LEAST_NS: Final = 72 * HOUR_NS
"""What is not delivered is kept so long at least."""
KEEP_NS: Final = 30 * DAY_NS
"""What is done is kept so long, for the history."""


@final
class Due(Struct, frozen=True):
    """One alert to be sent to one channel now.

    ``message_id`` is the same for every attempt; ``attempts`` counts those that failed before;
    ``first_ns`` is when it was filed.
    """

    row: int
    channel: str
    alert: InformationalAlert
    message_id: str
    attempts: int
    first_ns: int


@final
class Outbox:
    """What was filed, and what of it still has to be sent.

    Parameters
    ----------
    state
        Where it is kept. Methods may be called from any thread; all raise ``StateError`` if the
        disk is full or fails, and have changed nothing then.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with State(f"{folder.name}/state.db") as state:
    ...     Outbox(state).due(1_760_130_903_000_000_000)
    []
    >>> folder.cleanup()
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def file(
        self,
        alert: InformationalAlert,
        channels: Sequence[str],
        *,
        at_ns: int,
        episode: bytes | None = None,
        episode_key: str | None = None,
    ) -> bool:
        """File an alert: its episode, itself and a row for each channel, in one transaction.

        Parameters
        ----------
        alert
            What to tell.
        channels
            Names of the channels that get it; none is fine: it is in the history all the same.
        at_ns
            Now.
        episode
            JSON of the episode as it stands; kept in place of what was kept of it before.
        episode_key
            What the episode is kept under; the alert's id if left out.

        Returns
        -------
        bool
            False if this sequence of this id was filed before: then nothing was changed.

        Raises
        ------
        InputError
            If a channel's name, the time or the episode cannot be used.
        StateError
            If the disk is full or fails: nothing was filed.
        """
        _require_time("at_ns", at_ns)
        names = [require_channel(name) for name in dict.fromkeys(channels)]
        body = msgspec.json.encode(rechecked(alert)).decode()
        kept = None if episode is None else _episode(episode, episode_key or alert.alert_id, at_ns)
        with self._state.transaction() as connection:
            if _is_filed(connection, alert):
                return False
            if kept is not None:
                self._state.keep_episode(kept)
            filed = ALERT.insert().values(
                alert_id=alert.alert_id,
                sequence=alert.sequence,
                signal=alert.signal.value,
                stage=alert.stage.value,
                scope=alert.scope,
                filed_ns=at_ns,
                episode_key=kept and kept.episode_key,
                body=body,
            )
            place = connection.execute(filed.returning(ALERT.c.place)).scalar_one()
            if names:
                rows = [_waiting(place, name, at_ns) for name in names]
                connection.execute(OUTBOX.insert(), rows)
        return True

    def due(self, now_ns: int, most: int = 100) -> list[Due]:
        """Give what to send now: of each channel the oldest that waits, if its time has come.

        An alert that can no longer be read or told (its row was changed) is refused here, so that
        it holds up nothing.

        Parameters
        ----------
        now_ns
            Now.
        most
            How many at most; the oldest first.
        """
        ready = heads().where(OUTBOX.c.due_ns <= now_ns).order_by(OUTBOX.c.place).limit(most)
        found: list[Due] = []
        with self._state.transaction() as connection:
            while not found and (rows := connection.execute(ready).all()):
                for row in rows:
                    try:
                        found.append(_due(row))
                    except (msgspec.DecodeError, AirpocketError) as error:
                        reason = f"the stored alert cannot be told: {error}"
                        self._settle(row.place, REFUSED, now_ns, reason)
        return found

    def delivered(self, due: Due, at_ns: int) -> None:
        """Note that a channel has taken it; the channel's next one becomes due."""
        self._settle(due.row, DELIVERED, at_ns, None)

    def failed(self, due: Due, at_ns: int, *, retry_ns: int, reason: str) -> None:
        """Note that a channel did not take it this time.

        Parameters
        ----------
        due
            What was tried.
        at_ns
            Now.
        retry_ns
            Moment (not a delay) from which it is due again.
        reason
            Why, for people; cut to 300 characters. It is kept on disk: no secrets.

        Raises
        ------
        InputError
            If ``retry_ns`` lies before ``at_ns``.
        """
        _require_time("at_ns", at_ns)
        _require_time("retry_ns", retry_ns)
        if retry_ns < at_ns:
            raise InputError(f"retry_ns ({retry_ns}) is a moment, not before at_ns ({at_ns})")
        changed = (
            update(OUTBOX)
            .where(OUTBOX.c.place == due.row, OUTBOX.c.standing == WAITING)
            .values(attempts=OUTBOX.c.attempts + 1, due_ns=retry_ns, reason=as_kept(reason))
        )
        with self._state.transaction() as connection:
            connection.execute(changed)

    def refused(self, due: Due, at_ns: int, reason: str) -> None:
        """Note that a channel will never take it; the channel's next one becomes due.

        Parameters
        ----------
        due
            What was tried.
        at_ns
            Now.
        reason
            Why, for people; cut to 300 characters. It is kept on disk: no secrets.
        """
        self._settle(due.row, REFUSED, at_ns, reason)

    def suspend(self, channel: str, reason: str) -> None:
        """Hold a channel back (its address is gone): what it waits for is kept, not due."""
        name = require_channel(channel)
        with self._state.transaction() as connection:
            connection.execute(delete(SUSPENDED).where(SUSPENDED.c.channel == name))
            connection.execute(SUSPENDED.insert().values(channel=name, reason=as_kept(reason)))

    def resume(self, channel: str) -> None:
        """Let a channel go on, with the oldest that waits."""
        with self._state.transaction() as connection:
            connection.execute(
                delete(SUSPENDED).where(SUSPENDED.c.channel == require_channel(channel))
            )

    def suspended(self) -> dict[str, str]:
        """Channels that are held back, and why."""
        with self._state.transaction() as connection:
            return {row.channel: row.reason for row in connection.execute(select(SUSPENDED))}

    def next_due_ns(self) -> int | None:
        """When the next attempt is due, be it past; ``None`` if nothing waits."""
        soonest = heads().with_only_columns(func.min(OUTBOX.c.due_ns))
        with self._state.transaction() as connection:
            return connection.execute(soonest).scalar()

    def pending(self) -> dict[str, int]:
        """How many alerts each channel waits for, those that are held back included."""
        return {one.channel: one.count for one in waiting(self._state)}

    def waiting(self) -> list[Waiting]:
        """List what each channel waits for, since when, and why."""
        return waiting(self._state)

    def channels_of(self, alert_id: str) -> tuple[str, ...]:
        """Channels that anything was filed for under an id, in order."""
        return channels_of(self._state, alert_id)

    def history(
        self, most: int = 50, *, signal: Signal | None = None, symbol: str | None = None
    ) -> list[Told]:
        """Recent alerts, the last filed first; what can no longer be read is left out.

        Parameters
        ----------
        most
            How many at most.
        signal
            Only this one.
        symbol
            Only this unified symbol, ``"*"`` for those of the whole market, or all of this coin.
        """
        return history(self._state, most, signal=signal, symbol=symbol)

    def open_alerts(self, signal: Signal | None = None) -> list[OpenAlert]:
        """Ids that were opened and have not ended, the oldest first.

        Parameters
        ----------
        signal
            Only this one; ``None``: cascades and shocks, which the alert desk goes on with.
        """
        wanted = {Signal.LIQUIDATION_CASCADE, Signal.SHOCK} if signal is None else {signal}
        return [one for one in open_alerts(self._state) if one.signal in wanted]

    def last_of_open(self, signal: Signal) -> list[InformationalAlert]:
        """Last alert of each open id of a signal, the oldest id first (for the health desk)."""
        return [one for one in last_of_open(self._state) if one.signal is signal]

    def give_up(self, now_ns: int, *, after_ns: int = KEEP_LEAST_NS) -> int:
        """Refuse what has waited too long, channels that are held back included.

        Parameters
        ----------
        now_ns
            Now.
        after_ns
            How long is too long; 72 hours at least.

        Returns
        -------
        int
            How many were refused: to be told, never passed over.

        Raises
        ------
        InputError
            If ``after_ns`` is less than 72 hours.
        """
        _require_time("now_ns", now_ns)
        _require_kept("after_ns", after_ns)
        reason = f"not delivered within {after_ns // HOUR_NS} hours"
        changed = (
            update(OUTBOX)
            .where(OUTBOX.c.standing == WAITING, OUTBOX.c.filed_ns < now_ns - after_ns)
            .values(standing=REFUSED, done_ns=now_ns, reason=reason)
        )
        with self._state.transaction() as connection:
            return connection.execute(changed).rowcount

    def prune(self, now_ns: int, *, keep_ns: int = KEEP_NS) -> int:
        """Forget alerts that are long done; never one that waits, or whose id is still open.

        Parameters
        ----------
        now_ns
            Now.
        keep_ns
            How long they are kept after the last of their id; 72 hours at least.

        Returns
        -------
        int
            How many ids were forgotten.

        Raises
        ------
        InputError
            If ``keep_ns`` is less than 72 hours.
        """
        _require_time("now_ns", now_ns)
        _require_kept("keep_ns", keep_ns)
        return forget(self._state, now_ns - keep_ns)

    def _settle(self, row: int, standing: str, at_ns: int, reason: str | None) -> None:
        _require_time("at_ns", at_ns)
        changed = (
            update(OUTBOX)
            .where(OUTBOX.c.place == row, OUTBOX.c.standing == WAITING)
            .values(
                standing=standing,
                done_ns=at_ns,
                attempts=OUTBOX.c.attempts + 1,
                reason=None if reason is None else as_kept(reason),
            )
        )
        with self._state.transaction() as connection:
            connection.execute(changed)


def _is_filed(connection: Connection, alert: InformationalAlert) -> bool:
    same = (ALERT.c.alert_id == alert.alert_id) & (ALERT.c.sequence == alert.sequence)
    return connection.execute(select(ALERT.c.place).where(same)).first() is not None


def _waiting(alert: int, channel: str, at_ns: int) -> dict[str, Any]:
    return {
        "alert": alert,
        "channel": channel,
        "standing": WAITING,
        "attempts": 0,
        "filed_ns": at_ns,
        "due_ns": at_ns,
    }


def _due(row: Row[Any]) -> Due:
    alert = read(row.body)
    sent_as = message_id(alert, row.channel)
    return Due(row.place, row.channel, alert, sent_as, row.attempts, row.filed_ns)


def _episode(body: bytes, key: str, at_ns: int) -> EpisodeRow:
    try:
        msgspec.json.decode(body)
        text = body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError("an episode is filed as JSON") from None
    if not 0 < len(key) <= NAME_MOST:
        raise InputError(f"the key of an episode is {len(key)} characters long: 1 to {NAME_MOST}")
    return EpisodeRow(as_kept(key, NAME_MOST), at_ns, text)


def _require_time(name: str, time_ns: int) -> None:
    if type(time_ns) is not int or not is_plausible_ns(time_ns):
        raise InputError(f"{name} is {time_ns!r}, not nanoseconds since 1970")


def _require_kept(name: str, kept_ns: int) -> None:
    if kept_ns < KEEP_LEAST_NS:
        raise InputError(f"{name} is {kept_ns}: at least 72 hours ({KEEP_LEAST_NS} ns) are kept")
