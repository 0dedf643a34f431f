"""The pass rule of every fault.

O1 complete · O2 once · O3 gaps marked · O4 no false market alert · O5 recovers · O6 bounded ·
O7 nothing thrown away unseen · and the tape says, byte for byte, what the watcher said.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from airpocket.alerts.alert import Signal
from airpocket.live.pipeline import Tally
from airpocket.market.events import Event, Gap, HealthState, Liquidation, Trade
from airpocket.units import SECOND_NS
from tests.live.ledger import EventKey, Sent, event_key
from tests.live.virtual import BEGIN_S, START_NS
from tests.live.watch_rig import Watch

__all__ = ["Leave", "inside", "judge", "missed", "seen_keys"]

_ON_ITS_WAY_S: dict[type[Event], float] = {Liquidation: 1.1, Trade: 0.1}  # some are gathered
_EDGE_NS = 2 * SECOND_NS  # a canary interval, and the way of a frame
_CHANNELS: dict[type[Event], str] = {Liquidation: "liquidations", Trade: "trades"}
_UP = {HealthState.LIVE, HealthState.THROTTLED}


class Leave(Struct, frozen=True):
    """What a fault is allowed to leave behind; each needs a reason in its docstring.

    ``may_stay_down`` the fault lasts, so the feed is not back; ``may_alter`` it changes bytes, so
    what is stored may be what was never said; ``market_alerts`` a real cascade was played;
    ``may_overflow`` more came than the tape takes: what was read and not kept lies in a gap;
    ``settle_s`` how long after the first subscription a loss counts.
    """

    may_stay_down: bool = False
    may_alter: bool = False
    market_alerts: bool = False
    may_overflow: bool = False
    lines: int = 4
    settle_s: float = 10.0


def judge(whole: Watch, venue: str, leave: Leave | None = None) -> None:
    """Hold a run against O1 to O7; raises ``AssertionError`` naming the rule."""
    leave = Leave() if leave is None else leave
    _complete(whole, venue, leave)
    _once(whole, venue, leave)
    _gaps_marked(whole, venue, leave)
    _no_false_alert(whole, leave)
    _recovered(whole, venue, leave)
    _bounded(whole, leave)
    _nothing_unseen(whole, venue)
    _replays(whole)


def seen_keys(whole: Watch, venue: str) -> Counter[EventKey]:
    """Count what is stored, by the name of the event."""
    return Counter(event_key(one) for one in whole.final.events if one.venue == venue)


def missed(whole: Watch, venue: str, settle_s: float = 10.0) -> list[Sent]:
    """List trades and forced closes that happened and are not stored.

    What was still on its way when the watcher was stopped is none of them.
    """
    stored = seen_keys(whole, venue)
    ended_s = BEGIN_S + whole.bench.elapsed_s()
    lost = []
    for sent in whole.rig.world.happened:
        if sent.venue != venue or type(sent.event) not in _CHANNELS:
            continue
        ends_s = ended_s - _ON_ITS_WAY_S[type(sent.event)]
        key = sent.key
        if stored[key]:
            stored[key] -= 1
        elif BEGIN_S + settle_s < sent.at_s < ends_s:
            lost.append(sent)
    return lost


def inside(sent: Sent, gaps: Iterable[Gap]) -> bool:
    """Tell whether a gap row covers an event that was lost."""
    at_ns = START_NS + round((sent.at_s - BEGIN_S) * SECOND_NS)
    channel, name = _CHANNELS[type(sent.event)], sent.event.raw_symbol
    for gap in gaps:
        if gap.venue == sent.venue and gap.channel in {channel, "*"}:
            is_its = gap.raw_symbol in {"*", name}
            ends_ns = gap.to_ns if gap.to_ns is not None else at_ns
            if is_its and gap.from_ns - _EDGE_NS <= at_ns <= ends_ns + _EDGE_NS:
                return True
    return False


def _complete(whole: Watch, venue: str, leave: Leave) -> None:
    stored = seen_keys(whole, venue)
    for sent in whole.rig.world.sent:
        if sent.venue == venue and sent.was_read and not leave.may_overflow:
            assert stored[sent.key], f"O1: {sent} was read and is not stored"
    gaps = whole.final.gaps
    otherwise = _told_otherwise(whole, venue) if leave.may_alter else set()
    lost = [
        sent
        for sent in missed(whole, venue, leave.settle_s)
        if not inside(sent, gaps)
        and not _is_throttled(whole, sent)
        and sent.serial not in otherwise
    ]
    assert not lost, f"O1: {len(lost)} lost outside every gap, the first {lost[0]}"


def _told_otherwise(whole: Watch, venue: str) -> set[int]:
    """Find what an altered frame says in other words; a frame that says nothing is none."""
    frames = [one for session in whole.rig[venue].sessions for one in session.delivered]
    altered = [one for one in frames if one.altered and one.read_s is not None]
    said = whole.rig[venue].read(one.data for one in altered)
    return {
        sent.serial
        for frame, one in zip(altered, said, strict=True)
        if len(one.events) >= len(frame.events)
        for sent in frame.events
    }


def _is_throttled(whole: Watch, sent: Sent) -> bool:
    """Tell whether the venue shows another forced close of that symbol and second instead."""
    if not isinstance(sent.event, Liquidation) or sent.deliveries:
        return False
    return sent.venue in {"binance", "okx", "hyperliquid"}


def _once(whole: Watch, venue: str, leave: Leave) -> None:
    happened = _told_at_most(whole, venue, leave)
    for key, count in seen_keys(whole, venue).items():
        if key[1] not in {"Trade", "Liquidation"} or (leave.may_alter and not happened[key]):
            continue
        assert count <= happened[key], f"O2: {key} is stored {count} times, not {happened[key]}"
    told = Counter((one.alert_id, one.sequence) for one in whole.alerts)
    assert not told or max(told.values()) == 1, "O2: an alert was said twice"


def _told_at_most(whole: Watch, venue: str, leave: Leave) -> Counter[EventKey]:
    """Count how often each event may be stored."""
    happened = Counter(one.key for one in whole.rig.world.happened if one.venue == venue)
    earlier = set()  # what a venue says of the time before us, over its streams or over REST
    for session in whole.rig[venue].sessions:
        earlier |= {sent.key for one in session.delivered if one.replayed for sent in one.events}
    for event in whole.final.events:
        if event.venue == venue and event.venue_ns is not None and event.venue_ns < START_NS:
            earlier.add(event_key(event))
    for market in whole.rig.world.markets.values():  # and before the listing of an instrument
        past = (*market.trades, *market.forced)
        earlier |= {sent.key for sent in past if sent.serial == 0 and sent.venue == venue}
    for key in earlier:
        happened[key] = max(1, happened[key])
    if leave.may_alter:  # what an altered frame says was said, true or not
        frames = [one for session in whole.rig[venue].sessions for one in session.delivered]
        for said in whole.rig[venue].read(one.data for one in frames if one.altered):
            happened.update(map(event_key, said.events))
    return happened


def _gaps_marked(whole: Watch, venue: str, leave: Leave) -> None:
    for gap in whole.final.gaps:
        assert gap.proven_by, f"O3: {gap} does not say how it is known"
        assert gap.to_ns is None or gap.to_ns >= gap.from_ns, f"O3: {gap} ends before it begins"
    if leave.may_stay_down:
        return
    last = {(g.venue, g.channel, g.raw_symbol): g for g in whole.final.gaps if g.venue == venue}
    still = [gap for gap in last.values() if gap.to_ns is None]
    assert not still, f"O3: still open: {still[0]}"


def _no_false_alert(whole: Watch, leave: Leave) -> None:
    if not leave.market_alerts:
        wrong = [one for one in whole.alerts if one.signal is not Signal.FEED_HEALTH]
        assert not wrong, f"O4: a market alert that no market made: {wrong[0].alert_id}"


def _recovered(whole: Watch, venue: str, leave: Leave) -> None:
    if leave.may_stay_down:
        return
    for channel, (state, reason) in whole.last_health[venue].items():
        assert state in _UP, f"O5: {venue} {channel} is {state}: {reason}"


def _bounded(whole: Watch, leave: Leave) -> None:
    assert whole.open_sockets <= leave.lines, f"O6: {whole.open_sockets} sockets are open"
    assert whole.tasks <= whole.tasks_most, f"O6: {whole.tasks} tasks, not {whole.tasks_most}"
    assert len(asyncio.all_tasks(whole.bench.loop)) <= 3, "O6: tasks outlive the watcher"
    assert not whole.rig.transport.live, "O6: sockets outlive the watcher"


def _nothing_unseen(whole: Watch, venue: str) -> None:
    tally = whole.watcher.pipeline.tally.get(venue, Tally())
    assert whole.frames_kept[venue] == tally.frames - tally.refused, "O7: a frame is not on tape"
    assert len(whole.quarantined) >= min(1, tally.rejected), "O7: a rejection has no reason"


def _replays(whole: Watch) -> None:
    """Hold what was said live against what the tape says: the same bytes."""
    live = [msgspec.json.encode(one) for one in whole.said]
    again = [msgspec.json.encode(one) for one in whole.final.said]
    assert live == again, "the tape says something else than the watcher did"
