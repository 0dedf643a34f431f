"""What a watcher looks like at one moment, for the screen, the health page and the figures."""

from collections import deque
from collections.abc import Mapping
from typing import Final, final

from airpocket import __version__
from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.render import headline
from airpocket.alerts.saying import Said
from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Transition
from airpocket.detection.panel import coin_of
from airpocket.live.clock import Clock
from airpocket.live.delivery import ChannelCounts
from airpocket.live.following import WIDTH_NS
from airpocket.live.metrics import Metrics
from airpocket.live.pipeline import Tally
from airpocket.live.rest_readings import Offset
from airpocket.live.view import (
    AlertView,
    ChannelView,
    EpisodeView,
    OutboxView,
    ScopeView,
    TapeView,
    VenueView,
    WatchView,
)
from airpocket.live.watcher import Watcher
from airpocket.market.events import Coverage, Gap, Health, HealthState, Side
from airpocket.units import SECOND_NS

__all__ = ["Picture"]

_SHOWN: Final = 20
_WORDS: Final = {Side.LONG: "longs", Side.SHORT: "shorts", None: None}
_RATE_NS: Final = 5 * SECOND_NS


@final
class Picture:
    """Remembers what is worth showing, and draws the view of a watcher.

    Parameters
    ----------
    clock
        The wall clock.
    metrics
        Figures that are brought up to date with every view.
    tape
        Path of the tapes, as it is shown.
    coverage
        How much of the truth the liquidation feed of each venue shows.
    """

    def __init__(
        self, clock: Clock, metrics: Metrics, tape: str, coverage: Mapping[str, Coverage]
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._tape = tape
        self._coverage = dict(coverage)
        self._started_ns = clock.wall_ns()
        self._alerts: deque[AlertView] = deque(maxlen=_SHOWN)
        self._episodes: dict[tuple[str, Kind, Side | None, int], EpisodeView] = {}
        self._healths: dict[tuple[str, str], Health] = {}
        self._gaps: dict[tuple[str, str, str], Gap] = {}
        self._offsets: dict[str, float] = {}
        self._counted: dict[str, Tally] = {}
        self._rates: dict[str, tuple[int, int, float | None]] = {}
        self._late: dict[str, int] = {}
        self._clock_faults: dict[str, int] = {}
        self._tape_fault: str | None = None
        self._committed_ns: int | None = None
        self.notes: list[str] = []

    # -- what is noted -------------------------------------------------------------------------

    def note_said(self, said: Said) -> None:
        """Note a step or an episode that is over."""
        if isinstance(said, Transition):
            if said.episode is not None:
                self._note_episode(said.episode)
        elif isinstance(said, Episode):
            self._note_episode(said)

    def _note_episode(self, episode: Episode) -> None:
        key = (episode.scope, episode.kind, episode.side, episode.onset_ns)
        self._episodes[key] = _episode_view(episode)
        while len(self._episodes) > _SHOWN:
            del self._episodes[next(iter(self._episodes))]

    def note_alert(self, alert: InformationalAlert) -> None:
        """Note an alert."""
        self._metrics.filed(alert)
        self._alerts.appendleft(
            AlertView(
                time_ns=alert.time_ns, signal=alert.signal.value, stage=alert.stage.value,
                headline=headline(alert),
            )
        )  # fmt: skip

    def note_health(self, health: Health) -> None:
        """Note how a channel is."""
        self._metrics.health(health)
        self._healths[health.venue, health.channel] = health
        if health.channel == "tape":
            self._tape_fault = None if health.state is HealthState.LIVE else health.reason

    def note_gap(self, gap: Gap) -> None:
        """Note a hole, opened or ended."""
        self._metrics.gap(gap)
        key = (gap.venue, gap.channel, gap.raw_symbol)
        if gap.to_ns is None:
            self._gaps[key] = gap
        else:
            self._gaps.pop(key, None)

    def note_offset(self, venue: str, offset: Offset) -> None:
        """Note how far a venue's clock is ahead of ours."""
        self._offsets[venue] = offset.ahead_ns / SECOND_NS
        self._metrics.clock_skew(venue, offset.ahead_ns / SECOND_NS)

    # -- what is shown -------------------------------------------------------------------------

    def view(
        self,
        watcher: Watcher,
        *,
        pending_bytes: int = 0,
        size_bytes: int | None = None,
        outbox: Mapping[str, int] | None = None,
        sent: Mapping[str, ChannelCounts] | None = None,
    ) -> WatchView:
        """Draw the view.

        Parameters
        ----------
        watcher
            What is shown.
        pending_bytes, size_bytes
            Of the tapes: not yet durable; on the disk.
        outbox
            Messages that wait, by delivery channel.
        sent
            What each delivery channel did.
        """
        now_ns = self._clock.wall_ns()
        self._count(watcher)
        self._metrics.tape(pending_bytes=pending_bytes, is_up=self._tape_fault is None)
        self._metrics.outbox(dict(outbox or {}))
        lag_s = None
        if watcher.pipeline.waiting and watcher.follower.now_ns:
            lag_s = max(0.0, (now_ns - watcher.follower.now_ns) / SECOND_NS)
        self._metrics.follower_lag(lag_s or 0.0)
        return WatchView(
            now_ns=now_ns, started_ns=self._started_ns, version=__version__,
            venues=tuple(self._venue(watcher, name, now_ns) for name in watcher.feeds),
            scopes=self._scopes(watcher),
            episodes=self._shown_episodes(),
            alerts=tuple(self._alerts),
            tape=TapeView(
                path=self._tape, size_bytes=size_bytes, pending_bytes=pending_bytes,
                committed_ns=watcher.follower.now_ns or None, fault=self._tape_fault,
            ),
            outbox=_outbox_view(outbox or {}, sent or {}),
            history_needed_ns=DetectorConfig.for_width(WIDTH_NS).provisional_ns,
            lag_s=lag_s, notes=tuple(self.notes),
        )  # fmt: skip

    def _shown_episodes(self) -> tuple[EpisodeView, ...]:
        """Give the latest first; a price shock says nothing beside an open cascade of its coin."""
        found = sorted(self._episodes.values(), key=lambda one: one.onset_ns, reverse=True)
        busy = {
            coin_of(one.symbol)
            for one in found
            if one.ending == Ending.OPEN and one.kind == Kind.CASCADE
        }
        return tuple(
            one for one in found if one.kind == Kind.CASCADE or coin_of(one.symbol) not in busy
        )

    def _count(self, watcher: Watcher) -> None:
        """Bring the counters up to what the pipeline has counted."""
        for venue, tally in watcher.pipeline.tally.items():
            before = self._counted.get(venue, Tally())
            self._metrics.received(
                venue, "*", frames=tally.frames - before.frames,
                events=tally.events - before.events,
                size_bytes=tally.size_bytes - before.size_bytes,
            )  # fmt: skip
            self._metrics.rejected(venue, records=tally.rejected - before.rejected)
            self._metrics.repeated(venue, "*", tally.repeats - before.repeats)
            self._counted[venue] = Tally(
                tally.frames, tally.events, tally.size_bytes, tally.rejected, tally.repeats,
                tally.refused,
            )  # fmt: skip
        for venue, late in watcher.follower.late.items():
            self._metrics.late(venue, late - self._late.get(venue, 0))
            self._late[venue] = late
        for venue, faults in watcher.follower.clock_faults().items():
            self._metrics.clock_faults(venue, faults - self._clock_faults.get(venue, 0))
            self._clock_faults[venue] = faults
        self._metrics.committed(watcher.pipeline.commit_took_s)

    def _venue(self, watcher: Watcher, venue: str, now_ns: int) -> VenueView:
        feed = watcher.feeds[venue]
        states = feed.health()
        channels = tuple(
            ChannelView(
                channel=channel, state=state, reason=reason,
                since_ns=self._since_ns(venue, channel),
                coverage=self._coverage.get(venue) if channel == "liquidations" else None,
                gaps_open=sum(key[:2] == (venue, channel) for key in self._gaps),
            )
            for channel, (state, reason) in states.items()
        )  # fmt: skip
        return VenueView(
            venue=venue, channels=channels,
            frames_per_s=self._rate(venue, watcher.pipeline.tally.get(venue, Tally()), now_ns),
            last_frame_ns=watcher.heard_ns.get(venue),
            gaps_open=sum(key[0] == venue for key in self._gaps),
            reconnects=sum(max(0, status.sessions - 1) for _, status in feed.statuses),
            skew_s=self._offsets.get(venue),
        )  # fmt: skip

    def _since_ns(self, venue: str, channel: str) -> int | None:
        found = self._healths.get((venue, channel))
        return None if found is None else found.local_ns

    def _rate(self, venue: str, tally: Tally, now_ns: int) -> float | None:
        since_ns, frames, rate = self._rates.get(venue, (now_ns, tally.frames, None))
        if now_ns - since_ns >= _RATE_NS:
            rate = (tally.frames - frames) * SECOND_NS / (now_ns - since_ns)
            since_ns, frames = now_ns, tally.frames
        self._rates[venue] = (since_ns, frames, rate)
        return rate

    def _scopes(self, watcher: Watcher) -> tuple[ScopeView, ...]:
        """Show each coin once, as the loudest of its contracts stands."""
        standing = {(one.scope, one.kind): one for one in watcher.follower.open_episodes()}
        loudest: dict[str, ScopeView] = {}
        for (scope, kind), phase in sorted(watcher.follower.phases().items()):
            shown = _scope_view(scope, kind, phase, standing.get((scope, kind)))
            known = loudest.get(coin_of(scope))
            if known is None or _loudness(shown) > _loudness(known):
                loudest[coin_of(scope)] = shown
        for episode in standing.values():
            self._note_episode(episode)
        return tuple(loudest.values())


_RANKS: Final = (
    "calm", "settled", "building", "unknown", "snapback", "exhausted", "cascade",
)  # fmt: skip


def _loudness(scope: ScopeView) -> tuple[bool, int, float]:
    """Order what is shown: forced flow that is open, then phases, then dollars."""
    rank = _RANKS.index(scope.phase)
    return scope.kind == Kind.CASCADE and rank > 2, rank, scope.usd or 0.0


def _scope_view(scope: str, kind: Kind, phase: Phase, episode: Episode | None) -> ScopeView:
    if episode is None:
        return ScopeView(symbol=scope, phase=phase.value, kind=kind.value)
    return ScopeView(
        symbol=scope, phase=phase.value, kind=kind.value, side=_WORDS[episode.side],
        since_ns=episode.onset_ns, usd=episode.usd, at_least=_is_least(episode),
        multiple=episode.multiple, move=episode.leg, waves=len(episode.waves),
        history_ns=episode.history_ns,
    )  # fmt: skip


def _episode_view(episode: Episode) -> EpisodeView:
    return EpisodeView(
        symbol=episode.scope, onset_ns=episode.onset_ns, ending=episode.ending.value,
        kind=episode.kind.value, side=_WORDS[episode.side],
        end_ns=None if episode.ending is Ending.OPEN else episode.end_ns, usd=episode.usd,
        at_least=_is_least(episode), multiple=episode.multiple, move=episode.leg,
        waves=len(episode.waves),
    )  # fmt: skip


def _is_least(episode: Episode) -> bool:
    return any(coverage is not Coverage.CENSUS for _, coverage in episode.venues)


def _outbox_view(waiting: Mapping[str, int], sent: Mapping[str, ChannelCounts]) -> OutboxView:
    failing = tuple(
        (name, counts.last_reason) for name, counts in sent.items() if counts.last_reason
    )
    return OutboxView(
        pending=sum(waiting.values()),
        delivered=sum(counts.delivered for counts in sent.values()),
        failing=failing,
    )
