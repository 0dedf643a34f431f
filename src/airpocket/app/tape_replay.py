"""Tapes played as a live watcher would have followed them, to the same words."""

from collections.abc import Iterator, Sequence
from typing import final

from msgspec.structs import replace

from airpocket.alerts.saying import Said
from airpocket.app.sources import ProgressOf
from airpocket.errors import AirpocketError
from airpocket.live.following import REORDER_NS, Follower
from airpocket.live.reading import Reader
from airpocket.market.events import Gap, GapCause
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Progress, Recording
from airpocket.market.wire import Frame
from airpocket.store.tape_folder import read_tapes
from airpocket.units import SECOND_NS
from airpocket.venues.tape.archive import Rejections, TapeRecording

__all__ = ["replay_tapes", "tapes_of"]


def tapes_of(recordings: Sequence[Recording]) -> list[TapeRecording] | None:
    """Find out whether recordings are one recording on consecutive tapes.

    Parameters
    ----------
    recordings
        In any order.

    Returns
    -------
    list of TapeRecording or None
        In the order in which they were recorded; ``None`` if there is none, if one is no tape or
        has no time, or if two overlap: those are merged by their events like any others.
    """
    tapes: list[TapeRecording] = []
    for recording in recordings:
        if not isinstance(recording, TapeRecording):
            return None
        if recording.frames:
            tapes.append(recording)
    spans = [(one.first_ns, one.last_ns) for one in tapes]
    if len(tapes) > 1:
        if any(first_ns is None for first_ns, _ in spans):
            return None
        tapes.sort(key=lambda one: one.first_ns or 0)
        until_ns = 0
        for one in tapes:
            if (one.first_ns or 0) < until_ns:
                return None
            until_ns = one.last_ns or 0
    return tapes or None


def replay_tapes(
    tapes: Sequence[TapeRecording],
    *,
    symbols: frozenset[str] | None = None,
    progress_of: ProgressOf | None = None,
    seen: set[str] | None = None,
) -> Iterator[Said | Finding]:
    """Play consecutive tapes through what a live watcher follows a market with.

    Parameters
    ----------
    tapes
        In the order in which they were recorded (:func:`tapes_of`).
    symbols, progress_of
        As for :func:`airpocket.app.replay.replay`.
    seen
        Filled as it goes with the symbols that could have been followed; ``"*"`` for those
        without a name.

    Raises
    ------
    AirpocketError
        For the first tape that is damaged: after everything has been said.
    """
    playing = _Playing(symbols)
    broken: AirpocketError | None = None
    for tape in tapes:
        progress = None if progress_of is None else progress_of(tape.label)
        try:
            for said in playing.play(tape, progress):
                if seen is not None:
                    seen |= playing.follower.seen
                yield said
        except AirpocketError as error:
            broken = broken or error
            yield from playing.lose(tape, error)
        yield from playing.findings()
    yield from playing.finish()
    if seen is not None:
        seen |= playing.follower.seen
    if broken is not None:
        raise broken


@final
class _Playing:
    """One pass over consecutive tapes."""

    def __init__(self, symbols: frozenset[str] | None) -> None:
        self.follower = Follower(symbols=symbols)
        self._reader = Reader()
        self._rejected = Rejections("")
        self._heard_ns: dict[str, int] = {}
        self._unread: dict[str, Gap] = {}  # venues whose tape broke off, until they are heard again
        self._ends = (GapCause.END_OF_RECORDING, "")
        self._name = ""

    def play(self, tape: TapeRecording, progress: Progress | None) -> Iterator[Said]:
        """Play one tape."""
        self._name = tape.label.name
        self._rejected = Rejections(self._name)
        self._ends = (GapCause.END_OF_RECORDING, f"end of {self._name}")
        frames = 0
        for item in read_tapes([tape.path]):
            if isinstance(item, Gap):
                yield from self.follower.take_gap(item)
                continue
            yield from self._take(item)
            frames += 1
            if progress is not None:
                progress(frames, tape.frames)

    def lose(self, tape: TapeRecording, error: AirpocketError) -> Iterator[Said]:
        """Say that a tape is unreadable from here on; the next one may go on."""
        self._ends = (GapCause.UNREADABLE, str(error))
        self._name = tape.label.name
        for venue, at_ns in sorted(self._heard_ns.items()):
            gap = self._unread[venue] = Gap(
                venue=venue, symbol="*", raw_symbol="*", local_ns=at_ns, channel="*",
                from_ns=at_ns, to_ns=None, cause=GapCause.UNREADABLE, proven_by=str(error),
            )  # fmt: skip
            yield from self.follower.take_gap(gap)

    def findings(self) -> Iterator[Finding]:
        """Say which frames of a tape could not be used."""
        yield from self._rejected.findings()

    def finish(self) -> Iterator[Said | Finding]:
        """Say what was too late, and what was left open."""
        count = sum(self.follower.late.values())
        if count:
            events = "event was" if count == 1 else "events were"
            span = REORDER_NS // SECOND_NS
            yield Finding(
                code=FindingCode.REJECTED_ROWS, where=self._name, count=count,
                said=f"{count:,} {events} received more than {span} s late: in no bin",
            )  # fmt: skip
        yield from self.follower.finish(*self._ends)

    def _take(self, frame: Frame) -> Iterator[Said]:
        reading = self._reader.read(frame)
        if frame.venue in self._unread:
            over = replace(self._unread.pop(frame.venue), to_ns=reading.local_ns)
            yield from self.follower.take_gap(over)
        self._heard_ns[frame.venue] = reading.local_ns
        if reading.said.rejected:
            self._rejected.note(frame.venue, reading.said.rejected)
        yield from self.follower.take(reading)
