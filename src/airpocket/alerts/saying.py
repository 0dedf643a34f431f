"""What is said of the steps of a detector: the step, the alert it gives rise to, the episode."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.feeds import Feeds
from airpocket.detection.episode import Ending, Episode, Transition

__all__ = ["Said", "told"]

Said: TypeAlias = Transition | InformationalAlert | Episode
"""A step of a scope, an alert, or an episode that is over."""


def told(
    desk: AlertDesk, transitions: Sequence[Transition], feeds: Feeds | None = None
) -> Iterator[Said]:
    """Say what some steps give rise to, in order.

    Parameters
    ----------
    desk
        Decides which of them are news.
    transitions
        Steps, and news within a cascade (which are no step, and only told as an alert).
    feeds
        Which venues are heard, where that is known.
    """
    for transition in transitions:
        if transition.before is not transition.after:
            yield transition
        yield from desk.take((transition,), feeds)
        episode = transition.episode
        if episode is not None and episode.ending is not Ending.OPEN:
            yield episode
