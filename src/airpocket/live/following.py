"""From readings to what is said: the part of a watcher that a tape repeats to the byte.

There is no clock and no socket here. Time passes when frames come: *now* is the latest ``local_ns``
so far. Events are sorted by when they happened and kept for two seconds before a bin is closed, so
that the order in which connections deliver them does not matter. What comes later than that is
counted (:attr:`Follower.late`) and stays out of the bins: a backlog that is flushed at once must
not look like a burst.

An event is placed by the clock of its venue, corrected where that clock is off
(:class:`~airpocket.live.venue_clock.VenueClock`); our own clock may be set back, *now* is not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final, final

from msgspec.structs import replace

from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.feeds import Feeds
from airpocket.alerts.names import EVERYTHING
from airpocket.alerts.open_alert import OpenAlert
from airpocket.alerts.saying import Said, told
from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector
from airpocket.detection.episode import Episode, Kind, Phase, Transition
from airpocket.live.receiver import Reading
from airpocket.live.venue_clock import VenueClock
from airpocket.market.events import (
    Depth,
    DepthBands,
    Event,
    ForcedFlow,
    Funding,
    Gap,
    GapCause,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.flow import FlowBinner
from airpocket.market.stream import Channel
from airpocket.units import SECOND_NS

__all__ = ["REORDER_NS", "WIDTH_NS", "Follower"]

WIDTH_NS: Final = SECOND_NS
"""Width of the bins."""

REORDER_NS: Final = 2 * SECOND_NS
"""How long a bin waits, by our clock, for what other connections deliver later."""

_SET_BACK_NS: Final = SECOND_NS  # our own clock was set back if it goes back by more


@final
class _Bin:
    """What happened within one second: ticks, states of the market, and holes that begin in it."""

    __slots__ = ("gaps", "states", "ticks")

    def __init__(self) -> None:
        self.ticks: list[tuple[int, Trade | Liquidation]] = []
        self.states: list[tuple[int, Any]] = []
        self.gaps: list[Gap] = []


@final
class Follower:
    """Follows the market from readings, and says what there is to be said.

    Parameters
    ----------
    symbols
        Scopes to follow beside the market; ``None``: all.
    salt
        As for :class:`~airpocket.alerts.desk.AlertDesk`.

    Examples
    --------
    >>> follower = Follower()
    >>> follower.finish()
    []
    """

    def __init__(self, *, symbols: frozenset[str] | None = None, salt: str = "") -> None:
        self.late: Final[Counter[str]] = Counter()
        """Events of each venue that came too late for their bin."""
        self.seen: Final[set[str]] = set()
        """Unified symbols that something was said of; ``"*"`` for those that have no name."""
        self.feeds: Final = Feeds()
        self._detector = Detector(DetectorConfig.for_width(WIDTH_NS), symbols=symbols)
        self._desk = AlertDesk(salt=salt)
        self._binner = FlowBinner(WIDTH_NS)
        self._clocks: defaultdict[str, VenueClock] = defaultdict(VenueClock)
        self._heard_ns: dict[str, int] = {}
        self._bins: dict[int, _Bin] = {}
        self._closed = 0  # bins before this one are closed
        self._now_ns = 0
        self._set_back_ns = 0
        self._close_at_ns = 0  # when the next bin can be closed

    @property
    def now_ns(self) -> int:
        """The latest time that frames have shown."""
        return self._now_ns

    @property
    def closed_ns(self) -> int:
        """Time up to which everything was told to the detector."""
        return self._closed * WIDTH_NS

    def clock_faults(self) -> dict[str, int]:
        """Events of each venue whose time could not be used, where there are any."""
        return {name: clock.faults for name, clock in self._clocks.items() if clock.faults}

    def clock_offsets_ns(self) -> dict[str, int]:
        """By how much each venue's clock is behind ours (negative: ahead), where it is off."""
        return {name: clock.offset_ns for name, clock in self._clocks.items() if clock.offset_ns}

    def phases(self) -> dict[tuple[str, Kind], Phase]:
        """Present phase of every scope."""
        return self._detector.phases()

    def take(self, reading: Reading) -> list[Said]:
        """Take one reading in; readings come in the order of their frames.

        Returns
        -------
        list
            What could be said because time moved on, in order.
        """
        now_ns = self._pass_to(reading.local_ns)
        if reading.kept:
            for event in reading.said.events:
                self._hear(event.venue, now_ns)
                break
            for event in reading.events:
                self._place(event, now_ns)
        if now_ns < self._close_at_ns:
            return []
        step = (now_ns - REORDER_NS) // WIDTH_NS
        said = self._close_before(step)
        self._close_at_ns = (step + 1) * WIDTH_NS + REORDER_NS
        return said

    def take_gap(self, gap: Gap) -> list[Said]:
        """Take a hole in when it is known; it is told behind the bin in which it begins.

        One that begins where all is told already, as holes mostly do, is told at once.
        """
        self.feeds.take_gap(gap)
        step = gap.from_ns // WIDTH_NS
        if self._now_ns:
            step = min(step, self._now_ns // WIDTH_NS)
        if step >= self._closed:
            self._bin(step).gaps.append(gap)
            return []
        return self._say(self._detector.update(gap))

    def finish(
        self,
        cause: GapCause = GapCause.END_OF_RECORDING,
        proven_by: str = "end of the recording",
    ) -> list[Said]:
        """End of everything: close all bins and say what was left open.

        Parameters
        ----------
        cause, proven_by
            Why no venue is heard any more.
        """
        for venue, at_ns in sorted(self._heard_ns.items()):
            end = Gap(
                venue=venue, symbol="*", raw_symbol="*", venue_ns=at_ns, channel="*",
                from_ns=at_ns, to_ns=None, cause=cause, proven_by=proven_by,
            )  # fmt: skip
            self._bin(max(at_ns // WIDTH_NS, self._closed)).gaps.append(end)
        said = []
        for step in sorted(self._bins):
            said += self._close(step)
        said += self._say(self._detector.finish())
        return said

    def open_episodes(self) -> tuple[Episode, ...]:
        """Every episode that is open, as it stands now."""
        return self._detector.open_episodes()

    def open_alerts(self) -> tuple[OpenAlert, ...]:
        """Alerts that were opened and have not ended."""
        return self._desk.open_alerts()

    def resume(self, open_alerts: Iterable[OpenAlert]) -> list[Said]:
        """Go on with the alerts of before a restart, after the tapes of the last hours were taken.

        Parameters
        ----------
        open_alerts
            What was told and has not ended.

        Returns
        -------
        list
            What is to be told now (:meth:`airpocket.alerts.desk.AlertDesk.resume`).
        """
        return list(self._desk.resume(open_alerts))

    # -- what comes in -------------------------------------------------------------------------

    def _pass_to(self, local_ns: int) -> int:
        """Let time pass to a receipt, by a clock that may be set back and stays so."""
        ours_ns = local_ns + self._set_back_ns
        if ours_ns >= self._now_ns:
            self._now_ns = ours_ns
        elif self._now_ns - ours_ns > _SET_BACK_NS:
            self._set_back_ns = self._now_ns - local_ns
        return self._now_ns

    def _hear(self, venue: str, now_ns: int) -> None:
        self._heard_ns[venue] = now_ns
        self.feeds.hear(venue, now_ns)

    def _place(self, event: Event, now_ns: int) -> None:
        """Keep an event with those of its second."""
        is_tick = isinstance(event, Trade | Liquidation)
        if not is_tick and not isinstance(event, _STATES):
            return
        at_ns = now_ns
        if event.venue_ns is not None:
            at_ns = self._clocks[event.venue].place(event.venue_ns, now_ns)
        step = at_ns // WIDTH_NS
        if step < self._closed:
            if not isinstance(event, OpenInterest | Funding):
                self._note_late(event, step)
                return
            step = self._closed  # a state that was asked for: it holds until the next one
        kept = self._bins.get(step) or self._bin(step)
        if is_tick:
            kept.ticks.append((at_ns, event))  # type: ignore[arg-type]
        else:
            kept.states.append((at_ns, event))

    def _note_late(self, event: Event, step: int) -> None:
        """Count what is in no bin; a sum that lacks a liquidation is no census."""
        self.late[event.venue] += 1
        if isinstance(event, Liquidation):
            from_ns = step * WIDTH_NS
            lost = Gap(
                venue=event.venue, symbol=event.symbol, raw_symbol=event.raw_symbol,
                channel=Channel.LIQUIDATIONS.value, from_ns=from_ns, to_ns=from_ns + WIDTH_NS,
                cause=GapCause.SILENCE, proven_by="received too late",
            )  # fmt: skip
            self.feeds.take_gap(lost)

    def _bin(self, step: int) -> _Bin:
        found = self._bins.get(step)
        if found is None:
            found = self._bins[step] = _Bin()
        return found

    # -- what goes on --------------------------------------------------------------------------

    def _close_before(self, step: int) -> list[Said]:
        """Close the bins before one, and let the time pass in which nothing happened."""
        if step <= self._closed:
            return []
        said = []
        for one in sorted(one for one in self._bins if one < step):
            said += self._close(one)
        self._closed = step
        said += self._say(self._detector.advance(step * WIDTH_NS))
        said += self._desk.end_adopted(step * WIDTH_NS)
        return said

    def _close(self, step: int) -> list[Said]:
        """Tell the detector what happened in one second: states, then the bins, then the holes."""
        kept = self._bins.pop(step)
        self._closed = max(self._closed, step + 1)
        said: list[Said] = []
        for state in _in_order(kept.states):
            said += self._tell(state)
        kept.ticks.sort(key=_tick_order)
        for at_ns, tick in kept.ticks:
            self._binner.add(tick if tick.venue_ns == at_ns else replace(tick, venue_ns=at_ns))
        for record in self._binner.take((step + 1) * WIDTH_NS):
            if isinstance(record, ForcedFlow):
                self.feeds.note_coverage(record.venue, record.coverage)
            said += self._tell(record)
        for gap in kept.gaps:
            if gap.cause is GapCause.END_OF_RECORDING:
                self.feeds.take_gap(gap)  # silent only from here on
            said += self._say(self._detector.update(gap))
        return said

    def _tell(self, record: Any) -> list[Said]:
        self.seen.add(record.symbol or EVERYTHING)
        return self._say(self._detector.update(record))

    def _say(self, transitions: list[Transition]) -> list[Said]:
        return list(told(self._desk, transitions, self.feeds)) if transitions else []


_STATES: Final = (Mark, OpenInterest, Funding, Depth, DepthBands)


def _in_order(states: list[tuple[int, Any]]) -> Iterable[Any]:
    """States of one second by when they held; of a book only the last one."""
    states.sort(key=_state_order)
    last: dict[tuple[str, str], int] = {}
    for place, (_, state) in enumerate(states):
        if isinstance(state, Depth | DepthBands):
            last[state.venue, state.raw_symbol] = place
    for place, (at_ns, state) in enumerate(states):
        if isinstance(state, Depth | DepthBands) and last[state.venue, state.raw_symbol] != place:
            continue
        yield state if state.venue_ns == at_ns else replace(state, venue_ns=at_ns)


# The order of arrival is no part of these: bins are sums of floats, and their closes are last ones.
def _tick_order(placed: tuple[int, Any]) -> tuple[Any, ...]:
    at_ns, tick = placed
    usd = tick.notional_usd or 0.0
    if isinstance(tick, Trade):
        name = tick.trade_id or ""
        # Ids that count up are in order by length, then by text.
        return (
            at_ns, tick.venue, tick.raw_symbol, 0, len(name), name, tick.price, tick.qty_raw, usd,
            tick.taker or "",
        )  # fmt: skip
    name = tick.event_id or ""
    price = tick.fill_price or 0.0
    return (
        at_ns, tick.venue, tick.raw_symbol, 1, len(name), name, price, tick.qty_raw, usd,
        tick.liquidated or "",
    )  # fmt: skip


def _state_order(placed: tuple[int, Any]) -> tuple[Any, ...]:
    at_ns, state = placed
    kind = type(state).__name__
    if isinstance(state, Mark):
        return at_ns, kind, state.venue, state.raw_symbol, state.mark_price
    if isinstance(state, Funding):
        return at_ns, kind, state.venue, state.raw_symbol, state.rate
    if isinstance(state, OpenInterest):
        return at_ns, kind, state.venue, state.raw_symbol, state.qty_base or 0.0
    return at_ns, kind, state.venue, state.raw_symbol, 0.0
