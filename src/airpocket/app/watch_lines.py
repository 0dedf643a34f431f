"""What a watcher says where there is no screen: a line for each change, and one now and then.

For a pipe, a file or a service's journal. A line that says "still here" every ten minutes tells a
quiet market from a watcher that has died.
"""

from collections.abc import Iterator
from typing import Final, final

from airpocket.app.watch_banners import calm_line, outages_of
from airpocket.app.watch_words import count, figures, name_of, short, since
from airpocket.live.view import WatchView, overall
from airpocket.market.events import HealthState
from airpocket.units import MINUTE_NS, iso

__all__ = ["WatchLines"]

_STILL_NS: Final = 10 * MINUTE_NS
_UP: Final = frozenset({HealthState.LIVE, HealthState.THROTTLED})
_LOUD: Final = frozenset({"cascade", "exhausted", "snapback", "settled", "unknown"})


@final
class WatchLines:
    """Tell what changed from one view to the next.

    Examples
    --------
    >>> WatchLines().changes(WatchView(now_ns=10**18, started_ns=10**18))
    ['2001-09-09 01:46:40Z still here: feeds starting · 0 frames/s · connected: no symbol seen yet']
    """

    def __init__(self) -> None:
        self._before: WatchView | None = None
        self._said_ns = 0
        self._alerts: set[tuple[int, str]] = set()

    def changes(self, view: WatchView) -> list[str]:
        """Give the lines for a view: plain text, each with its time in UTC."""
        before, self._before = self._before, view
        told = [*self._news(before, view), *self._fresh_alerts(view)]
        if before is None or abs(view.now_ns - self._said_ns) >= _STILL_NS:
            told.append(_still(view))
        if told:
            self._said_ns = view.now_ns
        stamp = _stamp(view.now_ns)
        return [f"{stamp} {line}" for line in told]

    def _news(self, before: WatchView | None, view: WatchView) -> Iterator[str]:
        yield from _feeds(before, view)
        yield from _phases(before, view)
        was = None if before is None else before.tape.fault
        if view.tape.fault != was:
            fault = view.tape.fault
            yield "tape: writing again" if fault is None else f"tape: NOT KEPT, {short(fault)}"
        failed = {} if before is None else dict(before.outbox.failing)
        fails = dict(view.outbox.failing)
        for name, reason in fails.items():
            if name not in failed:
                yield f"outbox: {short(name, 32)} fails: {short(reason)}"
        for name in failed:
            if name not in fails:
                yield f"outbox: {short(name, 32)} delivers again"

    def _fresh_alerts(self, view: WatchView) -> Iterator[str]:
        shown = {(one.time_ns, one.headline) for one in view.alerts}
        for one in reversed(view.alerts):
            if (one.time_ns, one.headline) not in self._alerts:
                yield f"alert: {short(one.headline, 400)}"
        self._alerts = shown  # what has left the view does not come back


def _feeds(before: WatchView | None, view: WatchView) -> Iterator[str]:
    known = {} if before is None else {venue.venue: venue for venue in before.venues}
    for venue in view.venues:
        old = known.get(venue.venue)
        was = {} if old is None else {one.channel: one.state for one in old.channels}
        gone = [one for one in outages_of(venue) if any(was.get(name) != one[0] for name in one[3])]
        for state, reason, since_ns, names in gone:
            what = ", ".join(short(name, 24) for name in names).replace("_", " ")
            why = f": {short(reason)}" if reason else ""
            yield f"feed: {short(venue.venue, 24)} {what} {state.value}{since(since_ns)}{why}"
        back = [
            short(one.channel, 24).replace("_", " ")
            for one in venue.channels
            if one.state in _UP and was.get(one.channel) not in _UP
        ]
        if back:
            yield f"feed: {short(venue.venue, 24)} {', '.join(back)} live"


def _phases(before: WatchView | None, view: WatchView) -> Iterator[str]:
    was = {}
    if before is not None:
        was = {(one.symbol, one.kind, one.side): one.phase for one in before.scopes}
    for one in view.scopes:
        old = was.get((one.symbol, one.kind, one.side), "calm")
        if one.phase == old or not {one.phase, old} & _LOUD:
            continue
        side = f" {short(one.side, 12)}" if one.side else ""
        kind = " (shock)" if one.kind == "shock" else ""
        told = figures(view, one) if one.phase in _LOUD else ""
        said = f"{name_of(one.symbol)}{side}{kind}: {short(one.phase, 16)} (was {short(old, 16)})"
        yield f"{said} {told}".strip()


def _still(view: WatchView) -> str:
    frames = sum(
        venue.frames_per_s
        for venue in view.venues
        if venue.frames_per_s is not None and venue.frames_per_s > 0
    )
    states = f"feeds {overall(view).value}"
    traffic = f"{frames:,.0f} frames/s" if frames < 1e12 else ""
    waiting = f"{count(view.outbox.pending, 'message')} waiting" if view.outbox.pending > 0 else ""
    parts = (states, traffic, waiting, calm_line(view))
    return "still here: " + " · ".join(part for part in parts if part)


def _stamp(at_ns: int) -> str:
    try:
        return f"{iso(at_ns)[:10]} {iso(at_ns)[11:19]}Z"
    except (OverflowError, ValueError, OSError):
        return "–"
