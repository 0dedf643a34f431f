"""What a watcher shows of itself: one frozen picture, for the terminal and for ``/health``.

Whoever runs the feeds fills it in; nothing here has a clock, a socket or a screen. ``None`` is "not
known". Names of symbols and reasons may hold what strangers wrote: whoever shows them escapes them.
"""

from enum import StrEnum

from msgspec import Struct

from airpocket.market.events import Coverage, HealthState

__all__ = [
    "AlertView",
    "ChannelView",
    "EpisodeView",
    "OutboxView",
    "Overall",
    "ScopeView",
    "TapeView",
    "VenueView",
    "WatchView",
    "overall",
    "venue_state",
]

_RANKS = {
    HealthState.LIVE: 0,
    HealthState.THROTTLED: 1,
    HealthState.SUSPECT: 2,
    HealthState.DEAD: 3,
    HealthState.BLOCKED: 4,
}
_DOWN = frozenset({HealthState.SUSPECT, HealthState.DEAD, HealthState.BLOCKED})


class Overall(StrEnum):
    """How much of what was asked for is seen."""

    STARTING = "starting"  # nothing has come yet, and nothing is known to be wrong
    OK = "ok"
    DEGRADED = "degraded"  # a part is not seen, not kept, or not delivered
    BLIND = "blind"  # no venue shows anything, or nothing is kept


class ChannelView(Struct, frozen=True, kw_only=True):
    """One channel of one venue.

    ``state`` is ``None`` until it is known; ``since_ns`` when it began. ``coverage`` says how much
    of the truth a liquidation feed shows.
    """

    channel: str
    state: HealthState | None = None
    reason: str = ""
    since_ns: int | None = None
    coverage: Coverage | None = None
    events_per_s: float | None = None
    last_event_ns: int | None = None
    gaps_open: int = 0


class VenueView(Struct, frozen=True, kw_only=True):
    """One venue with its channels."""

    venue: str
    channels: tuple[ChannelView, ...] = ()
    frames_per_s: float | None = None
    last_frame_ns: int | None = None
    gaps_open: int = 0
    reconnects: int = 0
    skew_s: float | None = None


class ScopeView(Struct, frozen=True, kw_only=True):
    """Where a symbol (``"*"``: the market) stands.

    ``kind`` is ``"cascade"`` or ``"shock"``, ``side`` whose positions are closed (``"longs"``,
    ``"shorts"``). ``since_ns`` is the onset of its episode (``None`` while calm), ``usd`` what was
    seen since then, a lower bound if ``at_least``.
    ``history_ns`` is how long its normal was learnt; ``seen`` whether a live feed shows it now.
    """

    symbol: str
    phase: str
    kind: str = "cascade"
    side: str | None = None
    since_ns: int | None = None
    usd: float | None = None
    at_least: bool = True
    multiple: float | None = None
    move: float | None = None
    waves: int | None = None
    history_ns: int | None = None
    seen: bool = True


class EpisodeView(Struct, frozen=True, kw_only=True):
    """One past or open cascade or shock; ``ending`` is open, settled or feed_ended."""

    symbol: str
    onset_ns: int
    ending: str
    kind: str = "cascade"
    side: str | None = None
    end_ns: int | None = None
    usd: float | None = None
    at_least: bool = True
    multiple: float | None = None
    move: float | None = None
    waves: int | None = None


class AlertView(Struct, frozen=True, kw_only=True):
    """One alert as it was filed: its headline ends with its id."""

    time_ns: int
    signal: str
    stage: str
    headline: str


class TapeView(Struct, frozen=True, kw_only=True):
    """What is kept. ``fault`` says why nothing is, if so."""

    path: str = ""
    size_bytes: int | None = None
    pending_bytes: int = 0
    committed_ns: int | None = None
    fault: str | None = None


class OutboxView(Struct, frozen=True, kw_only=True):
    """What is on its way: messages that wait, and delivery channels that fail, with the reason."""

    pending: int = 0
    delivered: int = 0
    oldest_ns: int | None = None
    failing: tuple[tuple[str, str], ...] = ()
    fault: str | None = None


class WatchView(Struct, frozen=True, kw_only=True):
    """Everything that a screen or a health page shows, at one moment.

    ``now_ns``, ``started_ns``
        The time of the picture, and of the start.
    ``history_needed_ns``
        How much history makes a normal that is not provisional.
    ``episodes``, ``alerts``
        The latest first.
    ``lag_s``
        How far the detector is behind what was received.
    ``notes``
        What else a person needs to know, one short sentence each.
    """

    now_ns: int
    started_ns: int
    version: str = ""
    venues: tuple[VenueView, ...] = ()
    scopes: tuple[ScopeView, ...] = ()
    episodes: tuple[EpisodeView, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    tape: TapeView = TapeView()
    outbox: OutboxView = OutboxView()
    history_needed_ns: int | None = None
    lag_s: float | None = None
    notes: tuple[str, ...] = ()


def venue_state(venue: VenueView) -> HealthState | None:
    """Give the state of a venue's worst channel; ``None`` if none is known.

    Examples
    --------
    >>> live = ChannelView(channel="trades", state=HealthState.LIVE)
    >>> venue_state(VenueView(venue="okx", channels=(live,)))
    <HealthState.LIVE: 'live'>
    """
    states = [one.state for one in venue.channels if one.state is not None]
    return max(states, key=_RANKS.__getitem__, default=None)


def overall(view: WatchView) -> Overall:
    """Say in one word how much of what was asked for is seen, kept and delivered."""
    states = [one.state for venue in view.venues for one in venue.channels]
    if view.tape.fault is not None:
        return Overall.BLIND
    known = [state for state in states if state is not None]
    down = [state for state in known if state in _DOWN]
    if known and len(down) == len(known) == len(states):
        return Overall.BLIND
    if down or view.outbox.fault is not None or view.outbox.failing:
        return Overall.DEGRADED
    if not states or len(known) < len(states):
        return Overall.STARTING
    return Overall.OK
