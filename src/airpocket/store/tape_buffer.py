"""What waits for a commit: bounded, and filled from one thread while another commits."""

import operator
import threading
from typing import Final, NamedTuple, final

import msgspec

from airpocket.errors import InputError, LimitError, TapeError
from airpocket.market.events import Gap, GapCause
from airpocket.store.tape_format import MAX_CHUNK_BYTES, Held

__all__ = ["OVERHEAD_BYTES", "Batch", "TapeBuffer", "open_end"]

OVERHEAD_BYTES: Final = 128  # of each thing that waits, in Python's memory: empty frames count
_GAP_RESERVE_BYTES: Final = 1 << 20  # so that a full buffer can still say that it was full
_TIMES_NS: Final = range(-(2**63) + 1, 2**63)


class Batch(NamedTuple):
    """What one commit writes."""

    frames: list[Held]
    gaps: list[tuple[int, int, bytes]]  # number, before_ordinal, JSON
    rejected: list[tuple[int, str]]


def open_end(venue: str, from_ns: int, to_ns: int | None, proven_by: str) -> bytes:
    """Write the gap that follows the last frame of a venue, as the tape keeps it."""
    gap = Gap(
        venue=venue,
        symbol="*",
        raw_symbol="*",
        local_ns=from_ns if to_ns is None else to_ns,
        channel="*",
        from_ns=from_ns,
        to_ns=to_ns,
        cause=GapCause.END_OF_RECORDING,
        proven_by=proven_by,
    )
    return msgspec.json.encode(gap)


@final
class TapeBuffer:
    """Frames, gaps and rejections on their way to a tape.

    Parameters
    ----------
    limit_bytes
        Hard limit of the memory they may take.
    first_ordinal, gap_count
        Where the tape goes on.
    codes
        Its streams: (venue, stream) to code.
    silent_since
        Last ``local_ns`` of each venue on the tape: its first new frame closes that hole.
    """

    def __init__(
        self,
        limit_bytes: int,
        first_ordinal: int,
        gap_count: int,
        codes: dict[tuple[str, str], int],
        silent_since: dict[str, int],
    ) -> None:
        if not OVERHEAD_BYTES < limit_bytes <= MAX_CHUNK_BYTES // 2:
            raise InputError(
                f"max_pending_bytes is {limit_bytes}; it must be above {OVERHEAD_BYTES} and at"
                f" most {MAX_CHUNK_BYTES // 2}"
            )
        self._limit_bytes = limit_bytes
        self.pending_bytes = 0
        self._gap_count = gap_count
        self._codes = codes
        self._silent_since = silent_since
        # The first waiting ordinal and what waits change together, in one assignment: an interrupt
        # (Ctrl-C) may fall anywhere, and ordinals must still belong to their frames.
        self._state = (first_ordinal, Batch([], [], []))
        self._guard = threading.Lock()  # held for microseconds, never while the disk works

    @property
    def first_ordinal(self) -> int:
        """Ordinal of the first frame that waits, or that will."""
        return self._state[0]

    @property
    def next_ordinal(self) -> int:
        """Ordinal that the next frame will get."""
        first_ordinal, waiting = self._state
        return first_ordinal + len(waiting.frames)

    def names(self) -> list[tuple[int, str, str]]:
        """Return (code, venue, stream) of all streams, by code."""
        with self._guard:
            return [(code, *name) for name, code in self._codes.items()]

    def take_frame(self, venue: str, stream: str, local_ns: int | None, data: bytes) -> int:
        """Take a frame and return its ordinal; see :meth:`TapeWriter.append`."""
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # a bytearray could change while it waits
        # What cannot be written must be refused here: one bad frame would fail every commit.
        if local_ns is not None and operator.index(local_ns) not in _TIMES_NS:
            raise InputError(f"local_ns {local_ns} is not nanoseconds since 1970")
        if len(data) + OVERHEAD_BYTES > self._limit_bytes:
            raise LimitError(
                f"a frame of {len(data)} bytes from {venue!r} is larger than max_pending_bytes"
                f" ({self._limit_bytes})"
            )
        with self._guard:
            code = self._codes.get((venue, stream))
            if code is None:
                _require_unicode(venue + stream)
            self._take_room(len(data), self._limit_bytes)
            if code is None:  # last, so that a stream has a code only if it has a frame
                code = self._codes[venue, stream] = len(self._codes)
            if local_ns is not None and venue in self._silent_since:
                self._resume(venue, local_ns)
            first_ordinal, waiting = self._state
            waiting.frames.append((code, local_ns, data))
            return first_ordinal + len(waiting.frames) - 1

    def take_gap(self, gap: Gap) -> None:
        """Take a gap, placed before the next frame."""
        _require_unicode(
            gap.venue + gap.channel + gap.raw_symbol + (gap.symbol or "") + gap.proven_by
        )
        said = msgspec.json.encode(gap)
        with self._guard:
            self._take_room(len(said), self._limit_bytes + _GAP_RESERVE_BYTES)
            self._place(said)

    def take_rejection(self, ordinal: int, reason: str) -> None:
        """Take the reason for which a frame was rejected."""
        said = reason.encode("utf-8", "backslashreplace").decode()  # it may quote the frame
        with self._guard:
            if not 0 <= ordinal < self.next_ordinal:
                raise InputError(
                    f"there is no frame {ordinal} to reject: the tape has {self.next_ordinal}"
                )
            self._take_room(len(said), self._limit_bytes + _GAP_RESERVE_BYTES)
            self._state[1].rejected.append((ordinal, said))

    def batch(self) -> Batch:
        """Return what waits now; it goes on waiting until :meth:`let_go`."""
        with self._guard:
            frames, gaps, rejected = self._state[1]
            return Batch(frames[:], gaps[:], rejected[:])

    def let_go(self, batch: Batch) -> None:
        """Forget what is safe."""
        with self._guard:
            first_ordinal, (frames, gaps, rejected) = self._state
            left = Batch(
                frames[len(batch.frames) :],
                gaps[len(batch.gaps) :],
                rejected[len(batch.rejected) :],
            )
            self._state = first_ordinal + len(batch.frames), left
            self.pending_bytes = _size(left)

    def _take_room(self, size: int, limit: int) -> None:
        after = self.pending_bytes + size + OVERHEAD_BYTES
        if after > limit:
            raise TapeError(
                f"{self.pending_bytes} bytes wait for a commit and the limit is"
                f" {self._limit_bytes}: this was not taken; commit, or record a gap"
            )
        self.pending_bytes = after

    def _resume(self, venue: str, local_ns: int) -> None:
        since_ns = self._silent_since.pop(venue)
        until_ns = max(since_ns, int(local_ns))  # the clock may have been set back
        said = open_end(venue, since_ns, until_ns, "the tape was opened again")
        self.pending_bytes += len(said) + OVERHEAD_BYTES  # once a venue: needs no limit
        self._place(said)

    def _place(self, said: bytes) -> None:
        self._gap_count += 1  # first: a number may stay unused, never be used twice
        self._state[1].gaps.append((self._gap_count - 1, self.next_ordinal, said))


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{text!r:.200} is not Unicode text: a tape cannot keep it") from error


def _size(batch: Batch) -> int:
    size = OVERHEAD_BYTES * sum(len(part) for part in batch)
    size += sum(len(data) for _, _, data in batch.frames)
    size += sum(len(said) for _, _, said in batch.gaps)
    return size + sum(len(said) for _, said in batch.rejected)
