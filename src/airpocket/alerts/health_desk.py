"""From the health of feeds to notices: one when we go blind, one when we see again, few between.

A feed that is out says so once, however long it lasts and however often it is tried again; channels
of a venue that go out together are one notice, and venues that all lose their names at once are one
notice about our own network (:mod:`airpocket.alerts.own_network`). What heals within seconds is not
news. The desk has no clock: time comes with the records and with :meth:`HealthDesk.advance`. What
it says depends on the records alone, not on how often it is asked.
"""

from collections.abc import Iterable, Iterator
from typing import Final, final

from airpocket.alerts.alert import InformationalAlert, Signal, Stage, alert_id
from airpocket.alerts.desk import UPDATES_MOST
from airpocket.alerts.fact import FactName
from airpocket.alerts.feed_cause import channel_word
from airpocket.alerts.feed_notice import Notice, coverage_facts, end_facts, open_facts, resumed
from airpocket.alerts.feed_wording import NETWORK, OURSELVES
from airpocket.alerts.names import EVERYTHING, is_venue
from airpocket.alerts.outages import DOWN, FLAPS, ChannelWatch
from airpocket.alerts.own_network import is_out, record_of
from airpocket.errors import InputError
from airpocket.market.events import Health, HealthState
from airpocket.units import MINUTE_NS, SECOND_NS, is_plausible_ns

__all__ = ["HOLD_NS", "HealthDesk"]

HOLD_NS: Final = 10 * SECOND_NS
"""A feed must be out for so long before that is news."""

_STEADY_NS: Final = 30 * SECOND_NS
_TOGETHER_NS: Final = MINUTE_NS
_N = FactName


class _Venue:
    """Channels of one venue, and the notices that are open about them."""

    __slots__ = ("channels", "notices")

    def __init__(self) -> None:
        self.channels: dict[str, ChannelWatch] = {}
        self.notices: list[Notice] = []

    def notice_of(self, channel: str) -> Notice | None:
        return next((one for one in self.notices if channel in one.out), None)

    def untold_ns(self) -> int | None:
        """Give when the first of the channels went out that no notice is about."""
        untold = (
            watch.outage.down_ns
            for name, watch in self.channels.items()
            if watch.outage is not None and self.notice_of(name) is None
        )
        return min(untold, default=None)


@final
class HealthDesk:
    """Turn changes of health into feed-health alerts.

    Parameters
    ----------
    hold_ns
        An outage that heals within this time is not told (but counted, :attr:`held_down`), unless
        it keeps coming back.
    steady_ns
        A feed must be back for so long before the all-clear: twice as long for each further drop
        within an hour, ten minutes at most. Drops meanwhile belong to the open notice.
    pause_ns
        An update waits so long for others to join it. There are at most five.
    salt
        Tells apart two runs that must not share ids; none by default.

    Examples
    --------
    >>> from airpocket.units import ns_from_iso
    >>> desk, start = HealthDesk(), ns_from_iso("2026-02-05T20:00:00Z")
    >>> dead = Health(
    ...     venue="okx", symbol="*", raw_symbol="*", local_ns=start, channel="trades",
    ...     state=HealthState.DEAD, reason="closed with 1006",
    ... )
    >>> desk.take(dead)
    []
    >>> [one.stage.value for one in desk.advance(start + 3600 * SECOND_NS)]
    ['open']
    """

    def __init__(
        self,
        *,
        hold_ns: int = HOLD_NS,
        steady_ns: int = _STEADY_NS,
        pause_ns: int = MINUTE_NS,
        salt: str = "",
    ) -> None:
        self._hold_ns = hold_ns
        self._steady_ns = steady_ns
        self._pause_ns = pause_ns
        self._salt = (salt,) if salt else ()
        self._venues: dict[str, _Venue] = {OURSELVES: _Venue()}
        self._venues[OURSELVES].channels[NETWORK] = ChannelWatch()
        self._network_up_ns = 0
        self._now_ns = 0
        self.held_down = 0

    @property
    def open_ids(self) -> tuple[str, ...]:
        """Ids of the notices that await their all-clear."""
        return tuple(one.alert_id for venue in self._venues.values() for one in venue.notices)

    def take(self, health: Health) -> list[InformationalAlert]:
        """Take one record of a channel's condition; alerts that are due by then, in order.

        Parameters
        ----------
        health
            ``local_ns`` (else ``venue_ns``) is its time; one that lies before what was said
            earlier counts as now, because clocks step. The reason is read, never repeated.

        Raises
        ------
        InputError
            If the record has no usable time, or a venue that no alert may name.
        """
        at_ns = health.local_ns if health.local_ns is not None else health.venue_ns
        if at_ns is None or not is_plausible_ns(at_ns):
            raise InputError(f"health of {health.venue!a}: {at_ns!r} is not a time in nanoseconds")
        if not is_venue(health.venue):
            raise InputError(f"health: {health.venue!a} is not the id of a venue")
        said = self.advance(at_ns)
        self._note(health, self._now_ns)
        self._judge_network()
        return said + self.advance(self._now_ns)

    def advance(self, now_ns: int) -> list[InformationalAlert]:
        """Let time pass; alerts that became due, in order, each with the time at which it did."""
        if not is_plausible_ns(now_ns):
            raise InputError(f"health: {now_ns!r} is not a time in nanoseconds")
        self._now_ns = max(self._now_ns, now_ns)
        said: list[InformationalAlert] = []
        while True:
            due = min(self._due(), default=None)
            if due is None or due[0] > self._now_ns:
                return said
            said += self._act(*due)

    def resume(
        self, alerts: Iterable[InformationalAlert], *, venues: Iterable[str], now_ns: int
    ) -> list[InformationalAlert]:
        """Take up the notices that an earlier run left open, under their ids.

        Parameters
        ----------
        alerts
            Last feed-health alert of each id. Those that are over are passed by.
        venues
            Venues that are followed from now on. Notices about others are ended.
        now_ns
            Nanoseconds since 1970.

        Returns
        -------
        list of InformationalAlert
            "Feed ended" for what is no longer followed.
        """
        followed, ended = {*venues, OURSELVES}, []
        for alert in alerts:
            notice = resumed(alert)
            if notice is None:
                continue
            if notice.venue not in followed:
                at_ns = max(now_ns, alert.time_ns)
                ended.append(notice.say(Stage.FEED_ENDED, at_ns, end_facts(notice, cut_off=True)))
                continue
            venue = self._venues.setdefault(notice.venue, _Venue())
            venue.notices.append(notice)
            state = HealthState(str(alert.value(_N.FEED_STATE) or HealthState.SUSPECT.value))
            for name in notice.out:
                watch = venue.channels.setdefault(name, ChannelWatch())
                record = Health(
                    venue=notice.venue, symbol="*", raw_symbol="*", local_ns=notice.onset_ns,
                    channel=name, state=state if state in DOWN else HealthState.SUSPECT,
                    reason=str(alert.value(_N.FEED_CAUSE) or ""),
                )  # fmt: skip
                watch.note(record, notice.onset_ns)
            self._now_ns = max(self._now_ns, alert.time_ns)
        return ended

    def _note(self, health: Health, at_ns: int) -> None:
        venue = self._venues.setdefault(health.venue, _Venue())
        name = channel_word(health.channel)
        watch = venue.channels.setdefault(name, ChannelWatch())
        before = watch.outage.drops if watch.outage else 0
        if watch.note(health, at_ns):
            self._tell_later(venue, name, watch, before)

    def _judge_network(self) -> None:
        """Hold venues responsible for their outages, or ourselves for all of them."""
        network = self._venues[OURSELVES].channels[NETWORK]
        followed = [
            venue for name, venue in self._venues.items() if name != OURSELVES and venue.channels
        ]
        watches = [venue.channels.values() for venue in followed]
        if network.is_down:
            if any(not one.is_down for held in watches for one in held):
                self._network_up_ns = self._now_ns
                self._note(record_of(self._now_ns, out=False), self._now_ns)
            return
        if not is_out(watches):
            return
        untold = [began for venue in followed if (began := venue.untold_ns()) is not None]
        if len(untold) > 1:  # else there is nothing to fold
            at_ns = max(min(untold), self._now_ns - self._hold_ns, self._network_up_ns)
            self._note(record_of(at_ns, out=True), at_ns)

    def _tell_later(self, venue: _Venue, name: str, watch: ChannelWatch, drops: int) -> None:
        """Note in the open notice that a channel dropped again, or is now blocked."""
        notice, outage = venue.notice_of(name), watch.outage
        if notice is None or outage is None:
            return
        notice.drop(name, outage.drops - drops)
        if outage.state is HealthState.BLOCKED and outage.drops == drops:
            notice.change(self._now_ns)
        if notice.drops >= max(FLAPS, 2 * notice.drops_said):
            notice.change(self._now_ns)

    def _due(self) -> Iterator[tuple[int, str, str, str]]:
        """Give what can come next: its time, the venue, what to do, with which channel or id."""
        network_is_out = self._venues[OURSELVES].channels[NETWORK].is_down
        for venue_id, venue in self._venues.items():
            is_held = network_is_out and venue_id != OURSELVES
            known_ns = 0 if venue_id == OURSELVES else self._network_up_ns
            for name, watch in venue.channels.items():
                outage = watch.outage
                if outage is None:
                    continue
                if outage.up_ns is not None:
                    yield outage.up_ns + watch.steady_ns(self._steady_ns), venue_id, "back", name
                elif venue.notice_of(name) is None and not is_held:
                    down_ns = max(outage.down_ns, known_ns)  # it had to find its name again first
                    flaps = outage.drops >= FLAPS
                    yield down_ns + (0 if flaps else self._hold_ns), venue_id, "open", name
            for notice in venue.notices:
                if notice.changed_ns is not None and notice.updates < UPDATES_MOST:
                    yield notice.changed_ns + self._pause_ns, venue_id, "tell", notice.alert_id

    def _act(self, at_ns: int, venue_id: str, what: str, name: str) -> list[InformationalAlert]:
        venue = self._venues[venue_id]
        if what == "open":
            return self._open(venue_id, venue, at_ns)
        if what == "back":
            return self._back(venue, name, at_ns)
        notice = next(one for one in venue.notices if one.alert_id == name)
        return [self._told(notice, Stage.UPDATE, at_ns)]

    def _open(self, venue_id: str, venue: _Venue, at_ns: int) -> list[InformationalAlert]:
        """Tell of every channel that is out and not yet told of, in one notice."""
        fresh = {
            name: watch.outage
            for name, watch in sorted(venue.channels.items())
            if watch.is_down and watch.outage is not None and venue.notice_of(name) is None
        }
        onset_ns = min(one.onset_ns for one in fresh.values())
        for notice in venue.notices:
            if onset_ns - notice.onset_ns <= _TOGETHER_NS and notice.updates < UPDATES_MOST:
                notice.join(fresh)
                notice.change(at_ns)
                return []
        salt = (venue_id, *fresh, *self._salt)
        name = alert_id(Signal.FEED_HEALTH, EVERYTHING, onset_ns, *salt)
        notice = Notice(venue_id, name, onset_ns)
        notice.join(fresh)
        venue.notices.append(notice)
        return [self._told(notice, Stage.OPEN, at_ns)]

    def _back(self, venue: _Venue, name: str, at_ns: int) -> list[InformationalAlert]:
        """Believe that a channel is back; tell so if it had been told to be out."""
        watch, notice = venue.channels[name], venue.notice_of(name)
        up_ns = watch.outage.up_ns if watch.outage is not None else None
        watch.outage = None
        if notice is None:
            self.held_down += 1
            return []
        del notice.out[name]
        notice.back[name] = None
        notice.ended_ns = max(notice.ended_ns, up_ns or at_ns)
        if notice.out:
            notice.change(at_ns)
            return []
        venue.notices.remove(notice)
        return [self._told(notice, Stage.ALL_CLEAR, at_ns)]

    def _told(self, notice: Notice, stage: Stage, at_ns: int) -> InformationalAlert:
        held = {venue: one.channels for venue, one in self._venues.items()}
        watches = held[notice.venue]
        facts = end_facts(notice) if stage is Stage.ALL_CLEAR else open_facts(notice, watches)
        return notice.say(stage, at_ns, (*facts, *coverage_facts(held)))
