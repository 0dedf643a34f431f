"""Play recordings through the detector and the alert desk: what could have been said, and when."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.desk import AlertDesk
from airpocket.app.sources import ProgressOf, groups_of, observations
from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector
from airpocket.detection.episode import Ending, Episode, Transition
from airpocket.errors import SourceError
from airpocket.market.quality import Finding
from airpocket.market.source import Recording

__all__ = ["Saying", "replay"]

Saying: TypeAlias = Finding | Transition | InformationalAlert | Episode
"""What a replay says: a defect of the data, a step of a scope, an alert, a finished episode."""


def replay(
    recordings: Sequence[Recording],
    *,
    symbols: frozenset[str] | None = None,
    progress_of: ProgressOf | None = None,
) -> Iterator[Saying]:
    """Play recordings in the order of their events.

    Parameters
    ----------
    recordings
        What to play; sources with bins of different width are followed by a detector each.
    symbols
        Scopes to follow beside the market; ``None``: all.
    progress_of
        Progress of each recording.

    Raises
    ------
    SourceError
        If a recording breaks off; what it led to until then has been said.

    Yields
    ------
    Saying
        In order of time within each group of recordings.
    """
    known: set[Finding] = set()
    for group in groups_of(recordings):
        detector = Detector(DetectorConfig.for_width(group.width_ns), symbols=symbols)
        desk = AlertDesk()
        broken: SourceError | None = None
        merged = observations(group, progress_of)
        while True:
            try:
                item = next(merged)
            except StopIteration:
                break
            except SourceError as error:
                broken = error
                break
            if isinstance(item, Finding):
                if item not in known:
                    known.add(item)
                    yield item
                continue
            yield from _told(desk, detector.update(item))
        yield from _told(desk, detector.finish())
        if broken is not None:
            raise broken


def _told(desk: AlertDesk, transitions: Sequence[Transition]) -> Iterator[Saying]:
    for transition in transitions:
        yield transition
        yield from desk.take((transition,))
        episode = transition.episode
        if episode is not None and episode.ending is not Ending.OPEN:
            yield episode
