"""When the names of all venues are lost at once, the fault is here: one notice, not one a venue."""

from collections.abc import Iterable
from typing import Final

from airpocket.alerts.feed_cause import cause_of
from airpocket.alerts.feed_wording import NETWORK, OURSELVES
from airpocket.alerts.outages import ChannelWatch
from airpocket.market.events import Health, HealthState

__all__ = ["is_out", "record_of"]

_VENUES_LEAST: Final = 2  # of one venue alone nobody can tell whose fault it is


def is_out(venues: Iterable[Iterable[ChannelWatch]]) -> bool:
    """Tell whether every channel of every venue is out because its name is not found.

    Parameters
    ----------
    venues
        Channels of each venue that has any.

    Examples
    --------
    >>> is_out([[ChannelWatch()], [ChannelWatch()]])
    False
    """
    count = 0
    for channels in venues:
        count += 1
        if not all(one.is_down and _is_lost(one) for one in channels):
            return False
    return count >= _VENUES_LEAST


def record_of(at_ns: int, *, out: bool) -> Health:
    """Make the record that says how our own network is."""
    return Health(
        venue=OURSELVES, symbol="*", raw_symbol="*", local_ns=at_ns, channel=NETWORK,
        state=HealthState.DEAD if out else HealthState.LIVE, reason="no_names" if out else "",
    )  # fmt: skip


def _is_lost(channel: ChannelWatch) -> bool:
    outage = channel.outage
    return outage is not None and cause_of(outage.reason) == "name_unknown"
