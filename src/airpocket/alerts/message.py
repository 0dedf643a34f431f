"""What a message to a channel is known by, and text that may lie on disk."""

import hashlib
import itertools
from typing import Final

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.linter import violations
from airpocket.errors import InputError

__all__ = ["NAME_MOST", "as_kept", "message_id", "require_channel"]

NAME_MOST: Final = 200


def message_id(alert: InformationalAlert, channel: str) -> str:
    """Make the id under which an alert is sent over a channel, every time it is tried.

    Returns
    -------
    str
        The alert's id, its sequence, and 8 hexadecimal digits for the channel: it fits a header,
        and names nothing.

    Examples
    --------
    >>> from airpocket.alerts.alert import InformationalAlert, Signal, Stage, alert_id
    >>> onset_ns = 1_760_130_903_000_000_000
    >>> one = InformationalAlert(
    ...     alert_id=alert_id(Signal.SHOCK, "*", onset_ns), signal=Signal.SHOCK, stage=Stage.OPEN,
    ...     phase="cascade", scope="*", side=None, time_ns=onset_ns, onset_ns=onset_ns,
    ...     sequence=0, facts=())
    >>> message_id(one, "telegram").removeprefix(one.alert_id)
    '-0-3f404629'
    """
    stem = f"{alert.alert_id}-{alert.sequence}"
    # As in an alert's id, digits that spell what no alert may say are passed over.
    turns = (f"{stem}-{_digest(channel, turn)}" for turn in itertools.count())
    return next(name for name in turns if not violations(name))


def require_channel(name: str) -> str:
    """Give the name of a channel back if it can be one.

    Raises
    ------
    InputError
        If it is not 1 to 200 printable characters.
    """
    if not (0 < len(name) <= NAME_MOST and name.isprintable()):
        raise InputError(
            f"{name!a:.60} is not the name of a channel: 1 to {NAME_MOST} printable characters"
        )
    return name


def as_kept(text: str, most: int = 300) -> str:
    r"""Give a text as it may lie on disk: what UTF-8 cannot hold is escaped, and it is short.

    Examples
    --------
    >>> as_kept("gone \ud800", 8)
    'gone \\ud'
    """
    return text.encode("utf-8", "backslashreplace").decode()[:most]


def _digest(channel: str, turn: int) -> str:
    text = channel if turn == 0 else f"{turn} {channel}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
