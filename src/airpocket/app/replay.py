"""Play recordings through the detector and the alert desk: what could have been said, and when."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.names import EVERYTHING
from airpocket.alerts.saying import Said, told
from airpocket.app.sources import (
    Group,
    ProgressOf,
    groups_of,
    observations,
    require_one_extract,
)
from airpocket.app.tape_replay import replay_tapes, tapes_of
from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector
from airpocket.errors import AirpocketError
from airpocket.market.events import Gap
from airpocket.market.quality import Finding
from airpocket.market.source import Recording

__all__ = ["Saying", "replay", "replay_group"]

Saying: TypeAlias = Finding | Said
"""What a replay says: a defect of the data, a step of a scope, an alert, a finished episode."""


def replay(
    recordings: Sequence[Recording],
    *,
    symbols: frozenset[str] | None = None,
    progress_of: ProgressOf | None = None,
) -> Iterator[Saying]:
    """Play recordings in the order of their events, a group of equal bins after the other.

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
    InputError
        Before anything is said: if two recordings are extracts of the same events.
    AirpocketError
        If recordings break off, for the first of them: what they and all others led to has been
        said.

    Yields
    ------
    Saying
        In order of time within each group of recordings.
    """
    require_one_extract(recordings)
    known: set[Finding] = set()
    broken: AirpocketError | None = None
    for group in groups_of(recordings):
        playing = replay_group(group, symbols=symbols, progress_of=progress_of)
        try:
            for saying in playing:
                if isinstance(saying, Finding):
                    if saying in known:
                        continue  # context goes with every group
                    known.add(saying)
                yield saying
        except AirpocketError as error:
            broken = broken or error
    if broken is not None:
        raise broken


def replay_group(
    group: Group,
    *,
    symbols: frozenset[str] | None = None,
    progress_of: ProgressOf | None = None,
    seen: set[str] | None = None,
) -> Iterator[Saying]:
    """Play one group of recordings.

    Tapes that follow each other are played as a live watcher would have followed them
    (:func:`~airpocket.app.tape_replay.replay_tapes`).

    Parameters
    ----------
    group
        Recordings whose bins have one width.
    symbols, progress_of
        As for :func:`replay`.
    seen
        Filled with the symbols that could have been followed; ``"*"`` for those without a name.

    Raises
    ------
    AirpocketError
        If a recording breaks off: after everything has been said.
    """
    tapes = tapes_of(group.recordings)
    if tapes is not None:
        yield from replay_tapes(tapes, symbols=symbols, progress_of=progress_of, seen=seen)
        return
    detector = Detector(DetectorConfig.for_width(group.width_ns), symbols=symbols)
    desk = AlertDesk()
    broken: AirpocketError | None = None
    merged = observations(group, progress_of)
    while True:
        try:
            item = next(merged)
        except StopIteration:
            break
        except AirpocketError as error:
            broken = error
            break
        if isinstance(item, Finding):
            yield item
            continue
        if seen is not None and not isinstance(item, Gap):
            seen.add(item.symbol or EVERYTHING)
        yield from told(desk, detector.update(item))
    yield from told(desk, detector.finish())
    if broken is not None:
        raise broken
