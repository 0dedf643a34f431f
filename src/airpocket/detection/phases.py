"""The phases of one scope as a state machine: conditions in, next phase out."""

from typing import final

from msgspec import Struct

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Phase

__all__ = ["Condition", "PhaseMachine"]


class Condition(Struct, frozen=True, kw_only=True):
    """What the gauges say about one scope at the end of one bin.

    ``opens``: flow and price pass every threshold of an onset. ``readiness``: score over the
    score needed. ``quiet``: recent flow is back at its baseline, or nothing beside the episode's
    peak. ``flow_back``: so is its mean over the whole settling time, ``settled_multiple`` of the
    baseline. Without a baseline neither can be said. ``rekindles``: a next wave has the size of
    one. ``regained``: part of the price leg taken back. ``price_calm``, ``depth_back``: back in
    the normal band (``None``: not observed, so it cannot object). ``blind``: nothing is observed.
    """

    end_ns: int
    opens: bool
    readiness: float
    quiet: bool = False
    flow_back: bool = False
    settled_multiple: float | None = None
    rekindles: bool = False
    regained: float | None = None
    price_calm: bool | None = None
    depth_back: bool | None = None
    blind: bool = False


@final
class PhaseMachine:
    """Follow one scope through the phases of DESIGN §6.

    Parameters
    ----------
    config
        Thresholds and waiting times.

    Examples
    --------
    >>> machine = PhaseMachine(DetectorConfig.for_width(1_000_000_000))
    >>> machine.step(Condition(end_ns=1, opens=True, readiness=1.5))
    <Phase.CASCADE: 'cascade'>
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.phase = Phase.CALM
        self._config = config
        self._in_episode = False
        self._quiet_since_ns: int | None = None

    @property
    def in_episode(self) -> bool:
        """Whether an episode is open (also while blind)."""
        return self._in_episode

    def step(self, now: Condition) -> Phase | None:
        """Move on by one bin; the new phase if it changed.

        Parameters
        ----------
        now
            Conditions at the end of the bin.
        """
        after = self._next(now)
        if after is self.phase:
            return None
        self.phase = after
        if after is Phase.CASCADE:
            self._in_episode = True
            self._quiet_since_ns = None
        elif after is Phase.SETTLED:
            self._in_episode = False
        return after

    def close(self) -> None:
        """End the episode without an all-clear: what feeds it has ended for good."""
        self.phase = Phase.UNKNOWN
        self._in_episode = False

    def _next(self, now: Condition) -> Phase:
        if now.blind:
            self._quiet_since_ns = None  # quiet must be seen, a hole is not quiet
            return Phase.UNKNOWN
        if self._in_episode:
            return self._next_in_episode(now)
        if now.opens:
            return Phase.CASCADE
        share = self._config.building_share
        if now.readiness >= share:
            return Phase.BUILDING
        if self.phase is Phase.BUILDING and now.readiness >= share / 2.0:
            return Phase.BUILDING
        return Phase.CALM

    def _next_in_episode(self, now: Condition) -> Phase:
        quiet_ns = self._quiet_for(now)
        if self.phase is Phase.UNKNOWN:
            return Phase.EXHAUSTED if quiet_ns > 0 else Phase.CASCADE
        if self.phase is Phase.CASCADE:
            return Phase.EXHAUSTED if quiet_ns >= self._config.exhausted_ns else Phase.CASCADE
        if now.rekindles:
            return Phase.CASCADE
        if (
            quiet_ns >= self._config.settled_ns
            and now.flow_back
            and now.price_calm is not False
            and now.depth_back is not False
        ):
            return Phase.SETTLED
        regained = now.regained is not None and now.regained >= self._config.snapback_share
        return Phase.SNAPBACK if regained or self.phase is Phase.SNAPBACK else Phase.EXHAUSTED

    def _quiet_for(self, now: Condition) -> int:
        """How long the flow has been back at its baseline, this bin included."""
        if not now.quiet:
            self._quiet_since_ns = None
            return 0
        if self._quiet_since_ns is None:
            self._quiet_since_ns = now.end_ns - self._config.bin_ns
        return now.end_ns - self._quiet_since_ns
