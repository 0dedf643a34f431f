"""D. Time: F25 to F27."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

import pytest

from airpocket.live.feed import VenueFeed
from airpocket.live.legibility import Legibility
from airpocket.live.reading import SKEW_NS, Reader
from airpocket.market.dedup import Dedup
from airpocket.market.events import Event, GapCause, HealthState, Liquidation, Trade
from airpocket.units import HOUR_NS, SECOND_NS
from tests.faults.case import Case, case
from tests.faults.looking import healths, holes, notices, seconds
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.ledger import Delivery
from tests.live.virtual import START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_SPARSE: Final = Rates(
    trades_per_s=0.5, mark_every_s=3.0, open_interest_every_s=15.0, liquidations_per_h=120.0
)


def _read(venue: FakeVenue) -> list[Delivery]:
    """List the altered frames that were read."""
    frames = [one for session in venue.sessions for one in session.delivered]
    return [one for one in frames if one.altered and one.read_s is not None]


def _lines(whole: Watch, venue: FakeVenue) -> int:
    return len(whole.watcher.feeds[venue.name].statuses)


# -- F25: the venue's clock ----------------------------------------------------------------------


async def _ahead(whole: Watch, venue: FakeVenue) -> None:
    whole.frames = []
    for ahead_ns in (5 * SECOND_NS, HOUR_NS):
        await asyncio.sleep(40)
        venue.faults.shift_time(ahead_ns, for_s=200.0)
        await asyncio.sleep(200)
    await asyncio.sleep(40)


def _stored_and_flagged(whole: Watch, venue: FakeVenue) -> None:
    assert len(venue.sessions) == _lines(whole, venue), "a connection was replaced"
    assert not whole.alerts
    assert not holes(whole, venue.name)
    said = [
        sent.event
        for sent in whole.rig.world.sent
        if any(one.read_s is not None for one in sent.deliveries)
    ]
    lost = _names(said) - _names(whole.final.events)
    assert not lost, f"{sum(lost.values())} events are not stored"
    ahead_s = {round(seconds(offset.ahead_ns)) for _, offset in whole.offsets}
    assert {0, 5, 3600} <= ahead_s, f"the metric of the skew says {ahead_s}"
    assert whole.watcher.follower.clock_faults()[venue.name] > 50
    reader, flagged = Reader(), 0
    for frame in whole.frames or ():
        reading = reader.read(frame)
        is_off = any(
            abs((event.venue_ns or reading.local_ns) - reading.local_ns) > SKEW_NS
            for event in reading.events
        )
        notes = [note for note in reading.said.notes if "apart" in note]
        assert bool(notes) is is_off
        flagged += is_off
    assert flagged > 50, f"only {flagged} frames are an hour ahead"


def _names(events: Iterable[Event]) -> Counter[tuple[object, ...]]:
    """Name trades and forced closes by what a clock does not change."""
    return Counter(
        (event.raw_symbol, event.trade_id) if isinstance(event, Trade)
        else (event.raw_symbol, event.qty_raw, event.liquidated)
        for event in events
        if isinstance(event, Trade | Liquidation)
    )  # fmt: skip


def _drops_the_future(patch: pytest.MonkeyPatch) -> None:
    is_new = Dedup.is_new

    def past_only(self: Dedup, stream: str, event: Event) -> bool:
        ahead_ns = (event.venue_ns or 0) - (event.local_ns or 0)
        return ahead_ns <= SECOND_NS and is_new(self, stream, event)

    patch.setattr(Dedup, "is_new", past_only)


case(
    Case(
        number="F25",
        title="the venue's clock is ahead, 5 s and 1 h",
        script=_ahead,
        expect=_stored_and_flagged,
        plant=_drops_the_future,
        leave=Leave(may_alter=True),
        options={"rest": True, "rates": _SPARSE},
    )
)


# -- F26: another unit ---------------------------------------------------------------------------


async def _other_unit(whole: Watch, venue: FakeVenue) -> None:
    for factor in (1_000.0, 0.001):
        await asyncio.sleep(30)
        whole.at_ns[f"{factor:g}"] = whole.bench.clock.wall_ns()
        venue.faults.scale_time(factor, for_s=60.0)
        await asyncio.sleep(60)
    await asyncio.sleep(30)


def _refused_from_the_first(whole: Watch, venue: FakeVenue) -> None:
    altered = _read(venue)
    assert len(whole.quarantined) >= len(altered) > 100
    odd = [
        one
        for one in whole.final.events
        if one.venue_ns is not None and abs(one.venue_ns - START_NS) > HOUR_NS
    ]
    assert not odd, f"stored at {odd[0].venue_ns}"
    for begun_ns in whole.at_ns.values():
        said = [
            one
            for one in healths(whole, venue.name, "trades")
            if one.state is HealthState.SUSPECT and begun_ns <= (one.local_ns or 0)
        ]
        assert said, "the trades were never said to be unreadable"
        assert said[0].reason.startswith("unreadable"), said[0].reason
        after_s = seconds((said[0].local_ns or 0) - begun_ns)
        assert after_s <= 20, f"said after {after_s:.0f} s"
    unreadable = [gap for gap in holes(whole, venue.name) if gap.cause is GapCause.UNREADABLE]
    assert {"trades"} <= {gap.channel for gap in unreadable}
    assert notices(whole), "nobody was told"
    assert len(venue.sessions) == _lines(whole, venue), "a connection was replaced for it"


def _counts_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Legibility, "reject", lambda *_: None)


case(
    Case(
        number="F26",
        title="times in another unit, a thousandfold or a thousandth",
        script=_other_unit,
        expect=_refused_from_the_first,
        plant=_counts_nothing,
        leave=Leave(may_alter=True),
        options={"rates": Rates(trades_per_s=1.0)},
    )
)


# -- F27: our own clock --------------------------------------------------------------------------


async def _stepped(whole: Watch, venue: FakeVenue) -> None:
    clock = whole.bench.clock
    await asyncio.sleep(30)
    for step_ns in (-30 * SECOND_NS, 30 * SECOND_NS, HOUR_NS, -HOUR_NS):
        clock.step(step_ns)
        await asyncio.sleep(45)
    whole.notes["sessions"] = len(venue.sessions)
    await asyncio.sleep(45)
    whole.at_ns["asleep"] = clock.wall_ns()
    whole.bench.loop.suspend(600.0)
    whole.at_ns["awake"] = clock.wall_ns()
    await asyncio.sleep(90)


def _no_storm(whole: Watch, venue: FakeVenue) -> None:
    assert whole.notes["sessions"] == _lines(whole, venue), "a clock that is set ends connections"
    begun_s, ended_s = (seconds(whole.at_ns[name] - START_NS) for name in ("asleep", "awake"))
    for channel in whole.watcher.feeds[venue.name].channels:
        rows = [
            gap
            for gap in holes(whole, venue.name, channel)
            if gap.cause is GapCause.SUSPEND
            and abs(seconds(gap.from_ns - START_NS) - begun_s) <= 2
            and abs(seconds((gap.to_ns or 0) - START_NS) - ended_s) <= 2
        ]
        assert rows, f"the sleep is no hole of {channel}: {holes(whole, venue.name, channel)}"
    knocks = [at_s for at_s, _, _ in venue.knocks if at_s > 1_000 + ended_s]
    assert len(knocks) <= 3 * _lines(whole, venue), f"{len(knocks)} connections after the sleep"


def _sleeps_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VenueFeed, "_note_pause", lambda *_: None)


case(
    Case(
        number="F27",
        title="our clock is set, or this machine sleeps",
        script=_stepped,
        expect=_no_storm,
        plant=_sleeps_unseen,
        options={"rates": _SPARSE},
    )
)
