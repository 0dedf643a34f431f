"""One feed-health notice from its opening to its all-clear, and the facts that it states."""

from collections.abc import Iterable, Mapping
from typing import Final, final

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.fact import Fact, FactName, fact
from airpocket.alerts.feed_cause import cause_of
from airpocket.alerts.feed_wording import OURSELVES
from airpocket.alerts.names import EVERYTHING, instrument_label, source_of
from airpocket.alerts.outages import ChannelWatch, Outage, worse
from airpocket.market.events import GapCause, HealthState

__all__ = ["Notice", "coverage_facts", "end_facts", "open_facts", "resumed"]

_SYMBOLS_MOST: Final = 500
_SOURCE: Final = source_of("health", OURSELVES)
_GAPS: Final = {
    "suspended": GapCause.SUSPEND,
    "unreadable": GapCause.UNREADABLE,
    "silent": GapCause.SILENCE,
}
_DOUBTED: Final = "implausible"
_N = FactName


@final
class Notice:
    """What is being told of one outage of a venue.

    ``channels``
        All that it was ever about; ``out`` those still out, ``back`` those that came back.
    ``ended_ns``
        When the last of them came back.
    ``is_doubted``
        Whether it flows and is not believed, so that there is no gap.
    ``changed_ns``
        Since when there is something to tell; ``None``: nothing.
    """

    __slots__ = (
        "alert_id", "back", "changed_ns", "channels", "drops_of", "drops_said", "ended_ns",
        "is_doubted", "onset_ns", "out", "sequence", "updates", "venue",
    )  # fmt: skip

    def __init__(self, venue: str, name: str, onset_ns: int) -> None:
        self.venue = venue
        self.alert_id = name
        self.onset_ns = self.ended_ns = onset_ns
        self.out: dict[str, None] = {}
        self.channels: dict[str, None] = {}
        self.back: dict[str, None] = {}
        self.changed_ns: int | None = None
        self.is_doubted = False
        self.drops_of: dict[str, int] = {}
        self.drops_said = 0
        self.sequence = self.updates = 0

    def join(self, fresh: Mapping[str, Outage]) -> None:
        """Take further channels into it."""
        for name, outage in fresh.items():
            self.out[name] = self.channels[name] = None
            self.back.pop(name, None)
            self.drop(name, outage.drops)

    @property
    def drops(self) -> int:
        """How often it was interrupted: what went out together is one interruption."""
        return max(self.drops_of.values(), default=0)

    def drop(self, channel: str, times: int) -> None:
        """Count drops of a channel."""
        self.drops_of[channel] = self.drops_of.get(channel, 0) + times

    def change(self, at_ns: int) -> None:
        """Remember that there is something to tell."""
        if self.changed_ns is None:
            self.changed_ns = at_ns

    def say(self, stage: Stage, at_ns: int, facts: Iterable[Fact]) -> InformationalAlert:
        """Make its next alert."""
        alert = InformationalAlert(
            alert_id=self.alert_id, signal=Signal.FEED_HEALTH, stage=stage,
            phase="settled" if stage is Stage.ALL_CLEAR else "unknown", scope=EVERYTHING,
            side=None, time_ns=max(at_ns, self.onset_ns), onset_ns=self.onset_ns,
            sequence=self.sequence, facts=tuple(facts),
        )  # fmt: skip
        self.sequence += 1
        self.updates += stage is Stage.UPDATE
        self.changed_ns, self.drops_said = None, self.drops
        return alert


def open_facts(notice: Notice, watches: Mapping[str, ChannelWatch]) -> list[Fact]:
    """Facts of a notice whose channels are still out.

    Parameters
    ----------
    notice
        The notice.
    watches
        Channels of its venue.
    """
    held = [watches[name] for name in notice.out]
    outages = [one.outage for one in held if one.outage is not None]
    state = HealthState.SUSPECT
    for one in outages:
        state = worse(state, one.state)
    causes = (cause_of(one.reason) for one in outages if one.state is state)
    cause = next((word for word in causes if word is not None), None)
    notice.is_doubted = cause == _DOUBTED
    facts = [
        *_named(notice, notice.out),
        fact(_N.FEED_STATE, state.value, source=_SOURCE),
        fact(_N.FEED_CAUSE, cause, source=_SOURCE),
        fact(_N.FEED_DROPS, notice.drops, source=_SOURCE),
        fact(_N.FEED_GAP_FROM, notice.onset_ns, source=_SOURCE),
    ]
    if notice.venue != OURSELVES and not notice.is_doubted:
        usual = GapCause.SILENCE if state is HealthState.SUSPECT else GapCause.DISCONNECT
        facts.append(fact(_N.FEED_GAP, _GAPS.get(cause or "", usual).value, source=_SOURCE))
    if notice.back:
        facts.append(fact(_N.FEED_CHANNELS_BACK, tuple(sorted(notice.back)), source=_SOURCE))
    if held and all(one.instruments for one in held):
        names = {instrument_label(each) for one in held for each in one.instruments}
        told = tuple(sorted(names - {EVERYTHING}))[:_SYMBOLS_MOST]
        facts.append(fact(_N.FEED_SYMBOLS, told, source=_SOURCE))
    return facts


def end_facts(notice: Notice, *, cut_off: bool = False) -> list[Fact]:
    """Facts of a notice that is over.

    Parameters
    ----------
    notice
        The notice.
    cut_off
        Its feed is no longer followed, so its end is not known.
    """
    facts = [
        *_named(notice, notice.channels),
        fact(_N.FEED_DROPS, notice.drops, source=_SOURCE),
        fact(_N.FEED_GAP_FROM, notice.onset_ns, source=_SOURCE),
    ]
    if notice.is_doubted:
        facts.append(fact(_N.FEED_CAUSE, _DOUBTED, source=_SOURCE))
    if cut_off:
        return [*facts, fact(_N.FEED_GAP, GapCause.END_OF_RECORDING.value, source=_SOURCE)]
    return [*facts, fact(_N.FEED_GAP_TO, notice.ended_ns, source=_SOURCE)]


def coverage_facts(venues: Mapping[str, Mapping[str, ChannelWatch]]) -> list[Fact]:
    """Say which venues are live, which show a part only, and which show nothing at all."""
    followed = {venue: held.values() for venue, held in venues.items() if venue != OURSELVES}
    silent = {venue for venue, held in followed.items() if all(one.is_down for one in held)}
    throttled = {
        venue
        for venue, held in followed.items()
        if any(one.state is HealthState.THROTTLED for one in held)
    }
    named = (
        (_N.VENUES_LIVE, followed.keys() - silent - throttled),
        (_N.VENUES_THROTTLED, throttled - silent),
        (_N.VENUES_SILENT, silent),
    )
    return [fact(name, tuple(sorted(venues)), source=_SOURCE) for name, venues in named]


def resumed(alert: InformationalAlert) -> Notice | None:
    """Make the notice that an alert of an earlier run left open; ``None`` if it left none."""
    is_over = alert.stage in {Stage.ALL_CLEAR, Stage.FEED_ENDED}
    venues, channels = alert.value(_N.FEED_VENUES), alert.value(_N.FEED_CHANNELS)
    single = alert.value(_N.FEED_CHANNEL)
    out = (single,) if isinstance(single, str) else channels
    if alert.signal is not Signal.FEED_HEALTH or is_over:
        return None
    if not (isinstance(venues, tuple) and venues and isinstance(out, tuple)):
        return None
    back, drops = alert.value(_N.FEED_CHANNELS_BACK), alert.value(_N.FEED_DROPS)
    notice = Notice(venues[0], alert.alert_id, alert.onset_ns)
    notice.out = dict.fromkeys(out)
    notice.back = dict.fromkeys(back if isinstance(back, tuple) else ())
    notice.channels = notice.out | notice.back
    notice.drops_said = drops if isinstance(drops, int) else 0
    notice.drops_of = dict.fromkeys(out, notice.drops_said)
    notice.is_doubted = alert.value(_N.FEED_CAUSE) == _DOUBTED
    notice.sequence = alert.sequence + 1
    notice.updates = alert.sequence
    return notice


def _named(notice: Notice, channels: Iterable[str]) -> list[Fact]:
    names = tuple(sorted(channels))
    venue = fact(_N.FEED_VENUES, (notice.venue,), source=_SOURCE)
    if len(names) == 1:
        return [venue, fact(_N.FEED_CHANNEL, names[0], source=_SOURCE)]
    return [venue, fact(_N.FEED_CHANNELS, names, source=_SOURCE)]
