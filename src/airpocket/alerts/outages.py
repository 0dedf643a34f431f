"""One channel of one venue over time: when it is out, and when it can be called back.

A feed that comes and goes would send a notice each time. So it has to be out for a while before
that is news, and back for a while before that is; the longer, the more often it dropped of late.
"""

from collections import deque
from typing import Final, final

from airpocket.market.events import Health, HealthState
from airpocket.units import HOUR_NS, MINUTE_NS

__all__ = ["DOWN", "FLAPS", "ChannelWatch", "Outage", "worse"]

DOWN: Final = frozenset({HealthState.SUSPECT, HealthState.DEAD, HealthState.BLOCKED})
"""States in which a channel shows nothing. A throttled one shows some: that is its nature."""

FLAPS: Final = 3
"""So many drops of one outage are news, however short each was."""

_RANKS: Final = {
    HealthState.LIVE: 0,
    HealthState.THROTTLED: 1,
    HealthState.SUSPECT: 2,
    HealthState.DEAD: 3,
    HealthState.BLOCKED: 4,
}
_MEMORY_NS: Final = HOUR_NS
_STEADY_MOST_NS: Final = 10 * MINUTE_NS
_MEMBERS_MOST: Final = 5_000  # instruments of one channel


def worse(one: HealthState, other: HealthState) -> HealthState:
    """Give the worse of two states."""
    return max(one, other, key=_RANKS.__getitem__)


@final
class Outage:
    """A stretch in which a channel is out, short returns included.

    ``onset_ns``
        Its first drop.
    ``down_ns``, ``up_ns``
        The last drop, and the return since then (``None`` while it is out).
    ``drops``
        How often it dropped.
    ``state``, ``reason``
        Of the last drop: the worst that was said.
    """

    __slots__ = ("down_ns", "drops", "onset_ns", "reason", "state", "up_ns")

    def __init__(self, at_ns: int, state: HealthState, reason: str) -> None:
        self.onset_ns = self.down_ns = at_ns
        self.up_ns: int | None = None
        self.drops = 1
        self.state = state
        self.reason = reason

    def drop(self, at_ns: int, state: HealthState, reason: str) -> None:
        """Go out again."""
        self.down_ns, self.up_ns = at_ns, None
        self.drops += 1
        self.state, self.reason = state, reason


@final
class ChannelWatch:
    """What is known of one channel.

    A record about ``"*"`` speaks for the whole channel and replaces what was said of single
    instruments.

    Examples
    --------
    >>> watch = ChannelWatch()
    >>> watch.is_down
    False
    """

    __slots__ = ("_drops_ns", "_members", "outage", "state")

    def __init__(self) -> None:
        self.state = HealthState.LIVE
        self.outage: Outage | None = None
        self._members: dict[str, Health] = {}
        self._drops_ns: deque[int] = deque(maxlen=32)

    @property
    def is_down(self) -> bool:
        """Whether anything of it is out now."""
        return bool(self._members)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instruments that are out one by one; empty if the whole channel is out, or nothing."""
        if "*" in self._members:
            return ()
        return tuple(one.symbol or one.raw_symbol for one in self._members.values())

    def note(self, health: Health, at_ns: int) -> bool:
        """Take a record; whether the channel dropped or became worse by it."""
        was_down = self.is_down
        if health.raw_symbol == "*":
            self._members.clear()
            self.state = health.state
        if health.state in DOWN:
            if len(self._members) < _MEMBERS_MOST or health.raw_symbol in self._members:
                self._members[health.raw_symbol] = health
        else:
            self._members.pop(health.raw_symbol, None)
        if not self.is_down:
            if was_down and self.outage is not None:
                self.outage.up_ns = at_ns
            return False
        worst = max(self._members.values(), key=lambda one: _RANKS[one.state])
        return self._drop(worst, at_ns, was_down=was_down)

    def _drop(self, worst: Health, at_ns: int, *, was_down: bool) -> bool:
        outage = self.outage
        if not was_down:
            while self._drops_ns and at_ns - self._drops_ns[0] > _MEMORY_NS:
                self._drops_ns.popleft()
            self._drops_ns.append(at_ns)
        if outage is None:
            self.outage = Outage(at_ns, worst.state, worst.reason)
            return True
        if not was_down:
            outage.drop(at_ns, worst.state, worst.reason)
            return True
        rise = _RANKS[worst.state] - _RANKS[outage.state]
        if rise >= 0:  # what is said later of the same state is said with more knowledge
            outage.state, outage.reason = worst.state, worst.reason
        return rise > 0

    def steady_ns(self, base_ns: int) -> int:
        """How long it must be back before that is believed: doubled by each drop of an hour."""
        doublings = min(max(len(self._drops_ns) - 1, 0), 10)
        return max(min(base_ns << doublings, _STEADY_MOST_NS), base_ns)
