"""C. Order, gaps, duplicates: books, F17 to F19."""

import asyncio
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from airpocket.live import book_repair
from airpocket.live.book_repair import BookRepair
from airpocket.live.session import Session as AirpocketSession
from airpocket.market.events import Depth, GapCause
from airpocket.market.instrument import Kind
from airpocket.market.sequence import SequenceRule
from airpocket.venues import register
from tests.faults.case import Case, case
from tests.faults.looking import holes, seconds
from tests.live.fake_venue import FakeVenue, Session
from tests.live.market import Market
from tests.live.rig import SYMBOLS
from tests.live.virtual import START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

Levels = tuple[tuple[float, float], ...]

_ASKED_MS: Final = re.compile(rb'"E":(\d+)')
_WHOLE: Final = {
    "hyperliquid": "each of its frames is a whole book without a number: none can be missed"
}


def _note_books(whole: Watch, venue: FakeVenue) -> None:
    """Note from now on how each book really is after each change."""
    books: dict[tuple[str, int], tuple[Levels, Levels]] = {}
    whole.notes["books"] = books

    def watch(market: Market) -> None:
        change = market.book_change

        def noted(at_ns: int) -> object:
            said = change(at_ns)
            place = market.instrument.raw_symbol, at_ns
            books[place] = tuple(market.bids.items()), tuple(market.asks.items())
            return said

        market.book_change = noted  # type: ignore[method-assign, assignment]

    for market in whole.rig.world.of_venue(venue.name):
        watch(market)


def _is_same(said: Levels, truth: Levels) -> bool:
    """Compare levels; contracts times their size are not exact."""
    pairs = list(zip(said, sorted(truth), strict=False))
    return len(said) == len(truth) and all(
        price == real and math.isclose(size, held) for (price, size), (real, held) in pairs
    )


def _books_are_true(whole: Watch, venue: FakeVenue) -> None:
    """Hold every sample against the book that there was at that moment."""
    books = whole.notes["books"]
    samples = [one for one in whole.final.events if isinstance(one, Depth)]
    checked = 0
    for sample in samples:
        truth = books.get((sample.raw_symbol, sample.venue_ns))
        if truth is not None:  # a snapshot between two changes has a time of its own
            checked += 1
            is_true = _is_same(sample.bids[::-1], truth[0]) and _is_same(sample.asks, truth[1])
            assert is_true, f"a book of {sample.raw_symbol} that never was"
    assert checked > 0.7 * len(samples), f"of {len(samples)} only {checked} could be compared"


# -- F17 -----------------------------------------------------------------------------------------


async def _skip_one(whole: Watch, venue: FakeVenue) -> None:
    _note_books(whole, venue)
    await asyncio.sleep(20)
    whole.notes["skipped_ns"] = whole.bench.clock.wall_ns()
    whole.notes["sessions"] = len(venue.sessions)
    whole.notes["symbol"] = venue.world.of_venue(venue.name)[0].instrument.raw_symbol
    venue.faults.skip_update(whole.notes["symbol"])
    await asyncio.sleep(40)


def _resynced(whole: Watch, venue: FakeVenue) -> None:
    late = [
        gap
        for gap in holes(whole, venue.name, "depth")
        if gap.from_ns >= whole.notes["skipped_ns"] - 1e9
    ]
    assert [gap.raw_symbol for gap in late] == [whole.notes["symbol"]], f"holes: {late}"
    assert late[0].cause is GapCause.SEQUENCE
    assert "does not follow" in late[0].proven_by
    assert late[0].to_ns is not None
    assert seconds(late[0].to_ns - late[0].from_ns) <= 30
    assert len(venue.sessions) == whole.notes["sessions"], "the connection was replaced for it"
    _books_are_true(whole, venue)


def _believes_every_number(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SequenceRule, "joins", lambda *_, **__: True)


case(
    Case(
        number="F17",
        title="a book lacks an update",
        script=_skip_one,
        expect=_resynced,
        plant=_believes_every_number,
        not_for=_WHOLE,
        options={"depth": True, "rest": True, "rates": Rates(trades_per_s=0.5)},
    )
)


# -- F18 -----------------------------------------------------------------------------------------


def _fifty(venue: str) -> Mapping[str, Any]:
    """Follow fifty books, or as many as are listed: twelve gaps a second, all books together."""
    rows = [
        row.raw_symbol
        for row in register.catalogue_of(venue)
        if row.kind is Kind.LINEAR and row.holds_at(START_NS) and row.settle == "USDT"
    ]
    names = tuple(dict.fromkeys((*SYMBOLS[venue], *rows)))[:50]
    rates = Rates(
        trades_per_s=None, mark_every_s=5.0, open_interest_every_s=None, funding_every_s=None,
        book_every_s=len(names) / 25, liquidations_per_h=None,
    )  # fmt: skip
    return {"symbols": {venue: names}, "depth": True, "rest": True, "rates": rates}


async def _storm(whole: Watch, venue: FakeVenue) -> None:
    _note_books(whole, venue)
    await asyncio.sleep(10)
    names = [market.instrument.raw_symbol for market in venue.world.of_venue(venue.name)]
    faults = [venue.faults.skip_update(name, count=1 << 30, every=2) for name in names]
    await asyncio.sleep(40)
    for fault in faults:
        fault.end()
    whole.at_ns["over"] = whole.bench.clock.wall_ns()
    await asyncio.sleep(80 if venue.name == "binance" else 40)


def _no_storm_of_ours(whole: Watch, venue: FakeVenue) -> None:
    """Few requests; whole again in half a minute, over REST as soon as the weight allows.

    Fifty snapshots of Binance weigh 1,000, and a minute's share of one address is 960.
    """
    asked = _asked_for_books(whole, venue)
    most = 60 if venue.name == "binance" else 26 * len(whole.watcher.feeds[venue.name].statuses)
    for start in asked:
        assert sum(start <= other < start + 60.0 for other in asked) <= most, "a storm of requests"
    rows = holes(whole, venue.name, "depth")
    names = {gap.raw_symbol for gap in rows}
    followed = len(whole.rig.world.of_venue(venue.name))
    assert len(names) == followed > 15, f"only {len(names)} books broke"
    healed_s = max(seconds((gap.to_ns or 0) - whole.at_ns["over"]) for gap in rows)
    assert healed_s <= (70 if venue.name == "binance" else 30), f"whole after {healed_s:.0f} s"
    assert len(venue.sessions) == len(whole.watcher.feeds[venue.name].statuses), "reconnected"
    _books_are_true(whole, venue)


def _asked_for_books(whole: Watch, venue: FakeVenue) -> list[float]:
    """List when a book was asked for after the beginning, over REST or the stream."""
    if venue.name == "binance":
        return [at_s for at_s, call in whole.clients["binance"].asked if "Depth" in call.endpoint]
    sent = [one for session in venue.sessions for one in session.received]
    return sorted(at_s for at_s, data in sent if b"book" in data)


def _asks_at_once(patch: pytest.MonkeyPatch) -> None:
    """Ask whenever a book is broken, as who forgets the pause does."""
    patch.setattr(BookRepair, "_has_room", lambda *_: True)
    patch.setattr(book_repair, "_FIRST_S", 0.0)
    patch.setattr(book_repair, "_CAP_S", 0.0)


case(
    Case(
        number="F18",
        title="a storm of gaps in all books",
        script=_storm,
        expect=_no_storm_of_ours,
        plant=_asks_at_once,
        not_for=_WHOLE,
        options=_fifty,
    )
)


# -- F19 -----------------------------------------------------------------------------------------


async def _late_snapshots(whole: Watch, venue: FakeVenue) -> None:
    """A book breaks, its snapshot is asked for, and before it comes the connection is another."""
    _note_books(whole, venue)
    whole.frames = []
    await asyncio.sleep(20)
    name = venue.world.of_venue(venue.name)[0].instrument.raw_symbol
    if venue.name == "binance":
        venue.faults.delay_snapshot(7.0, for_s=30)
    else:
        venue.faults.delay_first(7.0, pattern="*book*", for_s=30)
    venue.faults.skip_update(name)
    whole.at_ns["broken"] = whole.bench.clock.wall_ns()
    await asyncio.sleep(2)
    whole.at_ns["replaced"] = whole.bench.clock.wall_ns()
    venue.faults.reset(where=_has_books)
    await asyncio.sleep(70)


def _has_books(session: Session) -> bool:
    return any("book" in topic or "depth" in topic for topic in session.topics)


def _discarded(whole: Watch, venue: FakeVenue) -> None:
    """Nothing of before the reconnect is used; what came behind its updates makes a book whole."""
    kept = [one for one in whole.frames or () if b"depthSnapshot" in one.data]
    if venue.name == "binance":
        asked_ms = [int(found[1]) for one in kept if (found := _ASKED_MS.search(one.data))]
        stale = [
            one
            for one in asked_ms
            if whole.at_ns["broken"] <= one * 1_000_000 <= whole.at_ns["replaced"] + 5e8
        ]
        assert not stale, "a snapshot of the connection before is kept"
        assert len(_asked_for_books(whole, venue)) > len(kept) == len(asked_ms)
    healed_s = max(
        seconds((gap.to_ns or 0) - whole.at_ns["replaced"])
        for gap in holes(whole, venue.name, "depth")
    )
    assert 7 < healed_s < 30, f"whole after {healed_s:.0f} s"
    _books_are_true(whole, venue)


def _hears_what_is_over(patch: pytest.MonkeyPatch) -> None:
    def hear(self: AirpocketSession, data: bytes) -> None:
        self._hear(self._receiver.receive(self._rules.venue, self.stream, data), data)

    patch.setattr(AirpocketSession, "hear_reply", hear)


case(
    Case(
        number="F19",
        title="a snapshot older than its connection, or than the first updates",
        script=_late_snapshots,
        expect=_discarded,
        plant=_hears_what_is_over,
        not_for=_WHOLE,
        options={"depth": True, "rest": True, "rates": Rates(trades_per_s=0.5)},
    )
)
