"""How far the clock of a venue is from ours, told from the events themselves.

The delay of an event is our time of receipt less the venue's time. It is the offset of the two
clocks plus the way, and the way takes longer when something holds it up: the least of many delays
is nearest to the offset. A venue that is *ahead* is recognised at once, because nothing arrives
before it happened. One that is *behind* looks like one that is slow, so it is believed only when a
minute of events has shown nothing faster.
"""

from collections import deque
from typing import Final, final

from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["FAULT_NS", "STEADY_NS", "VenueClock"]

FAULT_NS: Final = MINUTE_NS
"""Of a clock that is further off than this receipt counts instead; what comes much later than the
rest still is as old as that."""

STEADY_NS: Final = SECOND_NS
"""An offset up to this counts as none: the way of an event takes as long."""

_BUCKET_NS: Final = 5 * SECOND_NS
_BUCKETS: Final = 12  # a minute of events; hours may pass between two of them
_DELAYS_MOST: Final = 4096  # of a bucket
_DENSE: Final = 10  # events that a bucket needs to count


@final
class VenueClock:
    """Places the events of one venue in our time.

    ``faults`` counts events whose time could not be used.

    Examples
    --------
    >>> clock = VenueClock()
    >>> clock.place(venue_ns=1_000, now_ns=2_000)
    1000
    >>> clock.place(venue_ns=3_600_000_000_000, now_ns=2_000), clock.faults
    (2000, 1)
    """

    __slots__ = ("_begin_ns", "_delays", "_lows", "faults", "offset_ns")

    def __init__(self) -> None:
        self.faults = 0
        self.offset_ns = 0
        self._begin_ns = 0
        self._delays: list[int] = []
        self._lows: deque[int] = deque(maxlen=_BUCKETS)

    def place(self, venue_ns: int, now_ns: int) -> int:
        """Say when an event happened, by our clock.

        Parameters
        ----------
        venue_ns
            When the venue says it happened.
        now_ns
            When it was received.
        """
        if now_ns - self._begin_ns >= _BUCKET_NS:
            self._close(now_ns)
        delay_ns = now_ns - venue_ns
        if len(self._delays) < _DELAYS_MOST:
            self._delays.append(delay_ns)
        offset_ns = self.offset_ns
        if delay_ns < offset_ns - STEADY_NS:
            # Nothing arrives before it happened: the offset is another by now. What was slow is so
            # no more, or its clock was set.
            if offset_ns > 0:
                self.offset_ns = offset_ns = 0
                self._lows.clear()
            if delay_ns < -FAULT_NS:
                self.faults += 1
            return venue_ns if delay_ns >= -STEADY_NS else now_ns
        if -FAULT_NS <= offset_ns <= FAULT_NS:
            return venue_ns + offset_ns
        self.faults += 1
        held_up_ns = delay_ns - offset_ns  # as after a sleep of this machine, all in one moment
        return now_ns - held_up_ns if held_up_ns > STEADY_NS else now_ns

    def _close(self, now_ns: int) -> None:
        delays = self._delays
        if len(delays) >= _DENSE:
            delays.sort()
            self._lows.append(delays[len(delays) // 4])
            low_ns = min(self._lows)
            behind = low_ns > STEADY_NS and len(self._lows) == _BUCKETS
            self.offset_ns = low_ns if behind or low_ns < -STEADY_NS else 0
        self._delays = []
        self._begin_ns = now_ns
