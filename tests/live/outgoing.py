"""Messages to be sent, made by hand."""

from typing import Any

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.message import message_id
from airpocket.alerts.outbox import Due
from airpocket.units import SECOND_NS
from tests.alerts.made import HOUR, alert, full
from tests.live.virtual import START_NS


def numbered(number: int, **parts: Any) -> InformationalAlert:
    """An alert with an id of its own."""
    onset_ns = HOUR[0] + number * SECOND_NS
    return alert(*full()[:1], onset_ns=onset_ns, time_ns=onset_ns + 60 * SECOND_NS, **parts)


def due(
    one: InformationalAlert | None = None, channel: str = "hook", *, row: int = 1, attempts: int = 0
) -> Due:
    told = one or alert(*full())
    return Due(row, channel, told, message_id(told, channel), attempts, START_NS)
