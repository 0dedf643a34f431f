"""G. Load and disk: F40 to F43. Kills, restarts and delivery are in :mod:`tests.faults.delivery`."""

import asyncio
import gc
from typing import Any

import pytest

from airpocket.alerts.feed_wording import OURSELVES
from airpocket.errors import TapeError
from airpocket.live.line_keeper import LineKeeper
from airpocket.live.pipeline import Pipeline
from airpocket.live.receiver import Reading
from airpocket.live.session import Session
from airpocket.market.events import GapCause, Trade
from tests.faults.case import Case, case
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_SLOW = Rates(trades_per_s=0.2, liquidations_per_h=4.0)
_BURST = 2_000


def _first(venue: FakeVenue) -> str:
    return venue.world.of_venue(venue.name)[0].instrument.raw_symbol


class _Stall:
    """Tapes whose disk takes nothing for a while."""

    def __init__(self, whole: Watch, said: str) -> None:
        self._tapes = whole.tapes
        self._commit = whole.tapes.commit
        self._said = said

    def begin(self) -> None:
        def refuse() -> Any:
            raise TapeError(self._said)

        self._tapes.commit = refuse  # type: ignore[method-assign]

    def end(self) -> None:
        self._tapes.commit = self._commit  # type: ignore[method-assign]


async def _overrun(whole: Watch, venue: FakeVenue) -> None:
    """Let 2,000 trades come while the writer stalls for ten seconds and may hold 100 kB."""
    await asyncio.sleep(30)
    whole.tapes._writer._buffer._limit_bytes = 100_000
    stall = _Stall(whole, "the disk is busy")
    stall.begin()
    venue.world.flood(venue.name, _first(venue), _BURST / 5, 5.0)
    await asyncio.sleep(10)
    stall.end()
    await asyncio.sleep(30)


def _overrun_is_marked(whole: Watch, venue: FakeVenue) -> None:
    tally = whole.watcher.pipeline.tally[venue.name]
    assert tally.refused > 100, "the queue was never full"
    gaps = [gap for gap in whole.final.gaps if gap.cause is GapCause.OVERFLOW]
    assert [gap.to_ns is None for gap in gaps[:2]] == [True, False]
    lines = sum(len(feed.statuses) for feed in whole.watcher.feeds.values())
    assert len(venue.sessions) == lines, "a connection was given up"


def _forgets_what_it_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pipeline, "_note_full", lambda *_: None)


case(
    Case(
        number="F40",
        title="slow writer, buffers fill",
        script=_overrun,
        expect=_overrun_is_marked,
        plant=_forgets_what_it_refused,
        leave=Leave(may_overflow=True),
    )
)


async def _leak(whole: Watch, venue: FakeVenue) -> None:
    """Close every connection once a minute, fifteen times."""
    for _ in range(15):
        await asyncio.sleep(60)
        for session in venue.live:
            session.close(1006, "told to close")
    await asyncio.sleep(70)
    for one in whole.rig.transport.connections:  # the fake's own memory is no leak of ours
        if one._ending is not None:
            one._ending[1].with_traceback(None)


def _nothing_leaks(whole: Watch, venue: FakeVenue) -> None:
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, Session)]
    lines = sum(len(feed.statuses) for feed in whole.watcher.feeds.values())
    assert len(alive) <= 3 * lines + 3, f"{len(alive)} sessions are kept in memory"
    assert len(venue.sessions) >= 15


def _keeps_every_session(patch: pytest.MonkeyPatch) -> None:
    kept: list[Session] = []
    connect = LineKeeper._connect

    async def keeping(self: LineKeeper) -> Session:
        session = await connect(self)
        kept.append(session)
        return session

    patch.setattr(LineKeeper, "_connect", keeping)


case(
    Case(
        number="F41",
        title="a reconnect a minute, nothing leaks",
        script=_leak,
        expect=_nothing_leaks,
        plant=_keeps_every_session,
        options={"rates": _SLOW, "commit_s": 10.0},
    )
)


async def _burst(whole: Watch, venue: FakeVenue) -> None:
    for _ in range(3):
        await asyncio.sleep(20)
        venue.world.flood(venue.name, _first(venue), 1_000.0, 1.0)
    await asyncio.sleep(20)


def _all_in_order(whole: Watch, venue: FakeVenue) -> None:
    name = _first(venue)
    ids = [
        (len(one.trade_id), one.trade_id) if venue.name != "bybit" else (0, str(one.venue_ns))
        for one in whole.final.events
        if isinstance(one, Trade) and one.raw_symbol == name and one.trade_id is not None
    ]
    assert len(ids) >= 3_000
    assert ids == sorted(ids), "trades are not in the order of their numbers"


def _drops_one_in_fifty(patch: pytest.MonkeyPatch) -> None:
    receive, count = Pipeline.receive, iter(range(10**9))

    def dropping(self: Pipeline, venue: str, stream: str, data: bytes) -> Reading:
        if next(count) % 50 == 49:
            data = b"{}"
        return receive(self, venue, stream, data)

    patch.setattr(Pipeline, "receive", dropping)


case(
    Case(
        number="F42",
        title="numbered frames in bursts, all kept in order",
        script=_burst,
        expect=_all_in_order,
        plant=_drops_one_in_fifty,
    )
)


async def _full_disk(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(30)
    stall = _Stall(whole, "no space left on device")
    stall.begin()
    await asyncio.sleep(40)
    whole.notes["followed_ns"] = whole.watcher.follower.now_ns
    whole.notes["wall_ns"] = whole.bench.clock.wall_ns()
    stall.end()
    await asyncio.sleep(60)


def _told_and_resumed(whole: Watch, venue: FakeVenue) -> None:
    states = whole.states(OURSELVES, "tape")
    assert states == ["dead", "live"], states
    behind_s = (whole.notes["wall_ns"] - whole.notes["followed_ns"]) / 1e9
    assert behind_s >= 35, "it followed what the disk did not have"
    assert whole.notices(), "no notice of the disk"


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pipeline, "_tell_trouble", lambda *_: None)


case(
    Case(
        number="F43",
        title="disk full: acknowledges nothing, says so, goes on when there is room",
        script=_full_disk,
        expect=_told_and_resumed,
        plant=_says_nothing,
    )
)
