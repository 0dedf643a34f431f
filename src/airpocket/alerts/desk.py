"""From what the detector says to what people are told: one id an episode, and not too often.

An episode is opened once, updated at most five times, and ended once: by an all-clear if its end
was seen, by "feed ended" if it was not. The desk decides that something is news; it has no
clock and sends nothing.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias, final

from msgspec.structs import replace

from airpocket.alerts.alert import InformationalAlert, Signal, Stage, alert_id
from airpocket.alerts.episode_facts import facts_of, figure, told_side
from airpocket.alerts.fact import FactName
from airpocket.alerts.feeds import Feeds
from airpocket.alerts.names import instrument_label, source_of
from airpocket.alerts.open_alert import OpenAlert
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Transition
from airpocket.market.events import GapCause, Side
from airpocket.units import HOUR_NS, MINUTE_NS

__all__ = ["ADOPTED_NS", "LONE_SHOCKS", "UPDATES_MOST", "AlertDesk", "is_lone"]

UPDATES_MOST: Final = 5
LONE_SHOCKS: Final = 5
ADOPTED_NS: Final = HOUR_NS
"""An alert of before a restart that no episode takes up for so long is over, its end unseen."""

_SIGNALS: Final = {Kind.CASCADE: Signal.LIQUIDATION_CASCADE, Kind.SHOCK: Signal.SHOCK}
_PHASES: Final = {Stage.ALL_CLEAR: "settled", Stage.FEED_ENDED: "unknown"}
_N = FactName


class _Told:
    """What has been said of one open episode."""

    __slots__ = ("alert_id", "name", "onset_ns", "opened", "sequence", "time_ns", "updates")

    def __init__(self, alert_id: str, onset_ns: int, name: "_Name") -> None:
        self.alert_id = alert_id
        self.onset_ns = onset_ns
        self.name = name
        self.sequence = -1
        self.updates = 0
        self.time_ns = 0
        self.opened: InformationalAlert | None = None

    def go_on(self, known: OpenAlert) -> None:
        """Take over the id and the count of an alert that was told before a restart."""
        self.alert_id, self.onset_ns = known.alert_id, known.onset_ns
        self.sequence, self.updates = known.sequence, known.updates
        self.time_ns = known.time_ns

    def open_alert(self) -> OpenAlert:
        """Say what is needed to go on with it."""
        signal, scope, side = self.name
        return OpenAlert(
            alert_id=self.alert_id, signal=signal, scope=scope, side=side,
            onset_ns=self.onset_ns, time_ns=self.time_ns, sequence=self.sequence,
            updates=self.updates,
        )  # fmt: skip


_Key: TypeAlias = tuple[str, Kind, Side | None]
_Name: TypeAlias = tuple[Signal, str, str | None]  # what a reader sees of it: signal, scope, side


@final
class AlertDesk:
    """Turn transitions into alerts.

    Parameters
    ----------
    salt
        Tells apart two runs that see the same cascade and must not share its id (a tape's id);
        none by default, so that a replay repeats the ids of what it replays.
    lone_shocks
        From so many watched price streams on, a shock of one symbol alone is written down as an
        episode but not alerted: the market has its own.
    pause_ns
        Two updates of one episode are at least so far apart (the opening and the end are not
        held back).

    Examples
    --------
    >>> AlertDesk().take(())
    []
    """

    def __init__(
        self, *, salt: str = "", lone_shocks: int = LONE_SHOCKS, pause_ns: int = MINUTE_NS
    ) -> None:
        self._salt = (salt,) if salt else ()
        self._lone_shocks = lone_shocks
        self._pause_ns = pause_ns
        self._open: dict[_Key, _Told] = {}
        self._ended: dict[_Name, InformationalAlert] = {}  # last end of each, for a restart
        self._adopted: dict[_Name, list[OpenAlert]] = {}

    def take(
        self,
        transitions: tuple[Transition, ...] | list[Transition],
        feeds: Feeds | None = None,
    ) -> list[InformationalAlert]:
        """Alerts that some transitions give rise to, in order.

        Parameters
        ----------
        transitions
            Of the detector.
        feeds
            Which venues are heard, where that is known: every alert says it.
        """
        said = []
        for transition in transitions:
            stage = self._stage(transition)
            if stage is not None and transition.episode is not None:
                label = instrument_label(transition.scope)
                if stage is Stage.OPEN and self._adopted:
                    stage = self._adopt(transition, transition.episode, label)
                if stage is not None:
                    said.append(self._tell(transition, transition.episode, stage, feeds))
        return said

    def open_alerts(self) -> tuple[OpenAlert, ...]:
        """Alerts that were opened and have not ended, also those of before a restart."""
        waiting = [known for several in self._adopted.values() for known in several]
        return (*(told.open_alert() for told in self._open.values()), *waiting)

    def resume(self, open_alerts: Iterable[OpenAlert]) -> list[InformationalAlert]:
        """Go on where another desk was stopped, after this one has seen the last hours again.

        What this desk holds open as well goes on under the id it was told by. What it saw end is
        ended under that id. What it knows nothing of is taken up by the next episode of the same
        scope and side, or ended when nothing was heard of it for an hour (:meth:`end_adopted`).

        Parameters
        ----------
        open_alerts
            What was told and not ended.

        Returns
        -------
        list of InformationalAlert
            What is to be told now: ends of those, and openings that nobody was told.
        """
        said: list[InformationalAlert] = []
        untold = {told.name: told for told in self._open.values()}
        for known in open_alerts:
            name = (known.signal, known.scope, known.side)
            told = untold.pop(name, None)
            ended = self._ended.pop(name, None)
            if told is not None:
                told.go_on(known)
            elif ended is not None and ended.time_ns >= known.time_ns:
                said.append(replace(ended, alert_id=known.alert_id, sequence=known.sequence + 1))
            else:
                self._adopted.setdefault(name, []).append(known)
        for told in untold.values():
            if told.opened is not None:
                said.append(told.opened)
                told.sequence, told.updates, told.time_ns = 0, 0, told.opened.time_ns
        self._ended.clear()
        return said

    def end_adopted(self, now_ns: int) -> list[InformationalAlert]:
        """End alerts of before a restart that no episode has taken up for an hour.

        Parameters
        ----------
        now_ns
            Time up to which everything was seen.
        """
        if not self._adopted:
            return []
        known = [one for several in self._adopted.values() for one in several]
        over = [one for one in known if now_ns - one.time_ns > ADOPTED_NS]
        for one in over:
            name = (one.signal, one.scope, one.side)
            self._adopted[name].remove(one)
            if not self._adopted[name]:
                del self._adopted[name]
        return [_unseen_end(one, now_ns) for one in over]

    def _adopt(self, news: Transition, episode: Episode, label: str) -> Stage | None:
        """Take up an alert of before a restart; ``None`` if that has had its updates."""
        name = (_SIGNALS[news.kind], label, told_side(episode))
        several = self._adopted.get(name)
        if not several:
            return Stage.OPEN
        known = several.pop(0)
        if not several:
            del self._adopted[name]
        told = self._open[news.scope, news.kind, news.side] = _Told(
            known.alert_id, known.onset_ns, name
        )
        told.go_on(known)
        return Stage.UPDATE if known.updates < UPDATES_MOST else None

    def _stage(self, news: Transition) -> Stage | None:
        """Why a transition is news, or ``None`` if it is not."""
        key = (news.scope, news.kind, news.side)
        episode = news.episode
        if episode is None:
            return None
        if key not in self._open:
            return (
                Stage.OPEN
                if news.after is Phase.CASCADE and not is_lone(news, self._lone_shocks)
                else None
            )
        if episode.ending is Ending.SETTLED:
            return Stage.ALL_CLEAR
        if episode.ending is Ending.FEED_ENDED:
            return Stage.FEED_ENDED
        told = self._open[key]
        if told.updates >= UPDATES_MOST or news.said_ns - told.time_ns < self._pause_ns:
            return None
        return Stage.UPDATE

    def _tell(
        self, news: Transition, episode: Episode, stage: Stage, feeds: Feeds | None
    ) -> InformationalAlert:
        key, signal = (news.scope, news.kind, news.side), _SIGNALS[news.kind]
        label, side = instrument_label(news.scope), told_side(episode)
        told = self._open.get(key)
        if told is None:
            onset = episode.onset_ns
            sides = (news.side.value,) if news.side is not None else ()
            known_by = alert_id(signal, news.scope, onset, *sides, *self._salt)
            told = self._open[key] = _Told(known_by, onset, (signal, label, side))
        told.sequence += 1
        told.time_ns = news.said_ns
        told.updates += stage is Stage.UPDATE
        state = None
        if feeds is not None:
            state = feeds.state(news.scope, news.kind, episode.onset_ns, news.at_ns)
        alert = InformationalAlert(
            alert_id=told.alert_id, signal=signal, stage=stage,
            phase=_PHASES.get(stage, news.after.value), scope=label, side=side,
            time_ns=max(news.said_ns, episode.onset_ns), onset_ns=episode.onset_ns,
            sequence=told.sequence, facts=facts_of(news, episode, state),
        )  # fmt: skip
        if stage is Stage.OPEN:
            told.opened = alert
        if stage in {Stage.ALL_CLEAR, Stage.FEED_ENDED}:
            del self._open[key]
            self._ended[told.name] = alert
        return alert


def _unseen_end(known: OpenAlert, now_ns: int) -> InformationalAlert:
    """End an alert of which nothing more was seen: never an all-clear."""
    source = source_of("detector", "airpocket")
    return InformationalAlert(
        alert_id=known.alert_id, signal=known.signal, stage=Stage.FEED_ENDED,
        phase=_PHASES[Stage.FEED_ENDED], scope=known.scope, side=known.side,
        time_ns=max(now_ns, known.time_ns), onset_ns=known.onset_ns, sequence=known.sequence + 1,
        facts=(
            figure(_N.FEED_GAP, GapCause.DISCONNECT.value, source=source),
            figure(_N.FEED_GAP_FROM, known.time_ns, source=source),
        ),
    )  # fmt: skip


def is_lone(news: Transition, least: int = LONE_SHOCKS) -> bool:
    """Tell whether a shock is that of one symbol among many: the market's own speaks for all.

    Parameters
    ----------
    news
        The transition that opens it.
    least
        Watched symbols from which on the market has a shock of its own.
    """
    watched = news.reading.watched or 0
    return news.kind is Kind.SHOCK and news.scope != "*" and watched >= least
