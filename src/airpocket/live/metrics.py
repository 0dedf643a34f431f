"""What a watcher counts, for Prometheus, in a registry of its own.

Labels come from closed sets: venues and delivery channels as configured, channels of streams,
causes and outcomes from lists. Anything else is counted as ``other``, so no symbol, address or
stranger's text becomes a label and the number of series is bounded.
"""

import platform
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

from airpocket import __version__
from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.feed_cause import channel_word
from airpocket.alerts.names import is_venue
from airpocket.market.events import Gap, Health, HealthState
from airpocket.units import SECOND_NS

__all__ = ["CONTENT_TYPE", "OTHER", "Metrics", "Reconnect", "Sent"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
OTHER: Final = "other"

_OPEN_GAPS_MOST: Final = 20_000
_NAME_MOST: Final = 32
_COMMIT_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


class Reconnect(StrEnum):
    """Why a connection had to be made again."""

    CLOSED = "closed"
    SILENT = "silent"
    TOO_LARGE = "too_large"
    ENDED = "ended"  # by us: replaced before its lifetime was over
    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    STATUS = "status"
    ADDRESS = "address"
    OTHER = "other"


class Sent(StrEnum):
    """What became of one try to deliver a message."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    GONE = "gone"  # the receiver wants nothing more
    GIVEN_UP = "given_up"
    OTHER = "other"


@final
class Metrics:
    """Counters, gauges and a histogram; :meth:`rendered` is the page that Prometheus reads.

    Parameters
    ----------
    venues
        Venues that are followed.
    sinks
        Delivery channels as configured: their names, never their addresses.

    Examples
    --------
    >>> metrics = Metrics(venues=["okx"])
    >>> metrics.received("okx", "trades", events=3, size_bytes=120)
    >>> b'airpocket_events_total{channel="trades",venue="okx"} 3.0' in metrics.rendered()
    True
    """

    def __init__(self, venues: Iterable[str] = (), sinks: Iterable[str] = ()) -> None:
        self._venues = frozenset(venue for venue in venues if is_venue(venue))
        self._sinks = frozenset(sink for sink in sinks if _is_name(sink))
        self._registry = CollectorRegistry()
        # Gaps are told when they open and again when they close.
        self._gaps: dict[tuple[str, str, str], int] = {}
        self._streams: dict[tuple[str, str], tuple[Counter, Counter, Counter]] = {}
        self._make_feed_series()
        self._make_tape_series()
        self._make_alert_series()
        build = Info("airpocket_build", "Version of the program.", registry=self._registry)
        build.info({"version": __version__, "python": platform.python_version()})

    def _make_feed_series(self) -> None:
        stream = ("venue", "channel")
        self._frames = self._counter("frames", "Frames received.", *stream)
        self._events = self._counter("events", "Events read from frames.", *stream)
        self._bytes = self._counter("received_bytes", "Bytes of frames received.", *stream)
        self._reconnects = self._counter("reconnects", "Connections lost.", "venue", "reason")
        self._gaps_total = self._counter("gaps", "Gaps opened.", *stream)
        self._gap_seconds = self._counter("gap_seconds", "Length of gaps that are over.", *stream)
        self._gaps_open = self._gauge("gaps_open", "Gaps that are open.", *stream)
        self._health = self._gauge("health", "1 for the state it is in.", *stream, "state")
        self._rejects = self._counter("decode_rejects", "Records that could not be used.", "venue")
        self._quarantined = self._counter("quarantined", "Frames put aside unread.", "venue")
        self._repeats = self._counter("repeats", "Events that had been seen.", *stream)
        self._late = self._counter("late_events", "Events too late for their window.", "venue")
        self._off = self._counter("clock_faults", "Events over a minute off our clock.", "venue")
        self._skew = self._gauge("clock_skew_seconds", "Venue's clock less ours.", "venue")

    def _make_tape_series(self) -> None:
        self._commits = Histogram(
            "airpocket_tape_commit_seconds", "From the first frame of a commit to its fsync.",
            buckets=_COMMIT_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._pending_bytes = self._gauge("tape_pending_bytes", "Received, not yet durable.")
        self._tape_up = self._gauge("tape_up", "1 while the tape takes frames.")
        self._lag = self._gauge("follower_lag_seconds", "Received, not yet looked at: its age.")

    def _make_alert_series(self) -> None:
        self._filed = self._counter("alerts_filed", "Alerts filed.", "signal", "stage")
        self._outbox = self._gauge("outbox_pending", "Messages that wait.", "sink")
        self._oldest = self._gauge("outbox_oldest_seconds", "Age of the oldest that waits.")
        self._deliveries = self._counter("deliveries", "Tries to deliver.", "sink", "outcome")

    # -- feeds ---------------------------------------------------------------------------------

    def received(
        self, venue: str, channel: str, *, frames: int = 1, events: int = 0, size_bytes: int = 0
    ) -> None:
        """Count frames of one channel, the events in them and their bytes."""
        key = (venue, channel)
        counters = self._streams.get(key)
        if counters is None:
            labels = self._stream(venue, channel)
            counters = (
                self._frames.labels(*labels),
                self._events.labels(*labels),
                self._bytes.labels(*labels),
            )
            if OTHER not in labels:  # or strangers would fill the memory
                self._streams[key] = counters
        counters[0].inc(frames)
        counters[1].inc(events)
        counters[2].inc(size_bytes)

    def reconnected(self, venue: str, reason: str) -> None:
        """Count a connection that was lost or could not be made, by :class:`Reconnect`."""
        self._reconnects.labels(self._venue(venue), _word(Reconnect, reason)).inc()

    def gap(self, gap: Gap) -> None:
        """Count a gap when it opens, and its length when it is told again with its end."""
        labels = self._stream(gap.venue, gap.channel)
        key = (gap.venue, gap.channel, gap.raw_symbol)
        started_ns = self._gaps.get(key)
        if started_ns is None:
            self._gaps_total.labels(*labels).inc()
            if gap.to_ns is None and len(self._gaps) < _OPEN_GAPS_MOST:
                self._gaps[key] = gap.from_ns
                self._gaps_open.labels(*labels).inc()
        elif gap.to_ns is not None:
            del self._gaps[key]
            self._gaps_open.labels(*labels).dec()
        if gap.to_ns is not None:
            self._gap_seconds.labels(*labels).inc(max(gap.to_ns - gap.from_ns, 0) / SECOND_NS)

    @property
    def gaps_open(self) -> int:
        """How many gaps are open."""
        return len(self._gaps)

    def health(self, health: Health) -> None:
        """Note the state of a channel."""
        labels = self._stream(health.venue, health.channel)
        for state in HealthState:
            self._health.labels(*labels, state.value).set(state is health.state)

    def rejected(self, venue: str, *, records: int = 0, frames: int = 0) -> None:
        """Count what could not be used: records within frames, and whole frames put aside."""
        if records:
            self._rejects.labels(self._venue(venue)).inc(records)
        if frames:
            self._quarantined.labels(self._venue(venue)).inc(frames)

    def repeated(self, venue: str, channel: str, events: int = 1) -> None:
        """Count events that were dropped because they had been seen."""
        self._repeats.labels(*self._stream(venue, channel)).inc(events)

    def late(self, venue: str, events: int = 1) -> None:
        """Count events that came after their window was closed."""
        self._late.labels(self._venue(venue)).inc(events)

    def clock_faults(self, venue: str, events: int) -> None:
        """Count events whose time is more than a minute off ours: placed by their receipt."""
        self._off.labels(self._venue(venue)).inc(events)

    def clock_skew(self, venue: str, seconds: float) -> None:
        """Note how far a venue's clock is ahead of ours."""
        self._skew.labels(self._venue(venue)).set(seconds)

    # -- tape and detector ---------------------------------------------------------------------

    def committed(self, latency_s: float) -> None:
        """Note how long the oldest frame of a commit waited until it was durable."""
        self._commits.observe(latency_s)

    def tape(self, *, pending_bytes: int, is_up: bool = True) -> None:
        """Note what the tape has yet to write, and whether it takes frames."""
        self._pending_bytes.set(pending_bytes)
        self._tape_up.set(is_up)

    def follower_lag(self, seconds: float) -> None:
        """Note how far the detector is behind what was received."""
        self._lag.set(seconds)

    # -- alerts --------------------------------------------------------------------------------

    def filed(self, alert: InformationalAlert) -> None:
        """Count an alert that was filed."""
        self._filed.labels(alert.signal.value, alert.stage.value).inc()

    def outbox(self, pending: dict[str, int], *, oldest_s: float = 0.0) -> None:
        """Note how many messages wait, by delivery channel, and how old the oldest is."""
        waiting = dict.fromkeys(self._sinks, 0)
        for sink, count in pending.items():
            name = self._sink(sink)
            waiting[name] = waiting.get(name, 0) + count
        for name, count in waiting.items():
            self._outbox.labels(name).set(count)
        self._oldest.set(oldest_s)

    def delivery(self, sink: str, outcome: str) -> None:
        """Count a try to deliver over a channel, by :class:`Sent`."""
        self._deliveries.labels(self._sink(sink), _word(Sent, outcome)).inc()

    # ------------------------------------------------------------------------------------------

    def rendered(self) -> bytes:
        """Give all of it in the text format of Prometheus (:data:`CONTENT_TYPE`)."""
        return generate_latest(_Timeless(self._registry))

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"airpocket_{name}", said, labels, registry=self._registry)

    def _gauge(self, name: str, said: str, *labels: str) -> Gauge:
        return Gauge(f"airpocket_{name}", said, labels, registry=self._registry)

    def _venue(self, venue: str) -> str:
        return venue if venue in self._venues else OTHER

    def _sink(self, sink: str) -> str:
        return sink if sink in self._sinks else OTHER

    def _stream(self, venue: str, channel: str) -> tuple[str, str]:
        return self._venue(venue), channel_word(channel)


@final
class _Timeless:
    """A registry without the birthday of every series, which nobody reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


def _word(words: type[StrEnum], said: str) -> str:
    return said if said in {one.value for one in words} else OTHER


def _is_name(text: str) -> bool:
    return (
        0 < len(text) <= _NAME_MOST
        and text.isascii()
        and text.replace("_", "").replace("-", "").isalnum()
    )
