"""E. Payload: F28 to F32, frames that are broken, strange, hostile, crowded or too large."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from math import isfinite
from statistics import median
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from airpocket.live.reading import Reader
from airpocket.live.receiver import Reading
from airpocket.live.session import Session, Why
from airpocket.live.transport import Connection
from airpocket.market.events import Funding, Mark, Trade
from airpocket.market.wire import Frame
from airpocket.venues.register import open_streams
from tests.faults.case import Case, Script, case
from tests.faults.looking import TOPICS, holes, lines_of, main_channel, notices
from tests.faults.oracle import Leave, seen_keys
from tests.live import spoiling
from tests.live.fake_transport import FakeTransport
from tests.live.fake_venue import FakeVenue
from tests.live.fake_venue import Session as VenueSession
from tests.live.ledger import Delivery
from tests.live.rig import SYMBOLS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_DECODE_S: Final = 0.001
_CALM: Final = Rates(
    trades_per_s=4.0, mark_every_s=1.0, open_interest_every_s=5.0, liquidations_per_h=60.0
)


def _kept_up(whole: Watch, venue: FakeVenue) -> None:
    """Demand that no connection was lost and nobody was told of anything."""
    assert len(venue.sessions) == len(lines_of(whole, venue)), "a connection was replaced"
    assert not whole.alerts, whole.alerts[0]


def _altered(venue: FakeVenue) -> list[Delivery]:
    return [
        one
        for session in venue.sessions
        for one in session.delivered
        if one.altered and one.read_s is not None
    ]


def _unreadable(venue: FakeVenue, frames: list[bytes]) -> list[bytes]:
    """Choose the frames of which something is rejected."""
    return [data for data, said in zip(frames, venue.read(frames), strict=True) if said.rejected]


def _rejections(whole: Watch, venue: FakeVenue) -> int:
    return whole.watcher.pipeline.tally[venue.name].rejected


# -- F28: bytes that are no frame ----------------------------------------------------------------


async def _bad_frames(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    fault = venue.faults.corrupt(12, instead=False)
    await asyncio.sleep(150)
    fault.end()
    await asyncio.sleep(20)


def _set_aside(whole: Watch, venue: FakeVenue) -> None:
    _kept_up(whole, venue)
    bad = _unreadable(venue, [one.data for one in _altered(venue)])
    assert len(bad) >= len(spoiling.DAMAGES), f"only {len(bad)} bad frames"
    assert len(whole.quarantined) >= len(bad), f"{len(whole.quarantined)} of {len(bad)} set aside"
    assert _rejections(whole, venue) == len(whole.quarantined)
    _raw_is_kept(whole, venue, bad)


def _raw_is_kept(whole: Watch, venue: FakeVenue, frames: Iterable[bytes]) -> None:
    assert whole.frames is not None
    kept = Counter(frame.data for frame in whole.frames if frame.venue == venue.name)
    for data, count in Counter(frames).items():
        assert kept[data] >= count, f"bytes are not on the tape: {data[:80]!r}"


def _keeps_frames(script: Script) -> Script:
    """Ask for the frames of the tape beside what a script does."""

    async def keeping(whole: Watch, venue: FakeVenue) -> None:
        whole.frames = []
        await script(whole, venue)

    return keeping


def _hangs_up(patch: pytest.MonkeyPatch) -> None:
    """What cannot be read ends the connection."""
    hear = Session._hear

    def hears(self: Session, reading: Reading, data: bytes) -> None:
        hear(self, reading, data)
        if reading.said.rejected:
            self._finish(Why.CLOSED, "a bad frame")

    patch.setattr(Session, "_hear", hears)


case(
    Case(
        number="F28",
        title="truncated JSON, bad UTF-8, a BOM, nothing, an HTML page",
        script=_keeps_frames(_bad_frames),
        expect=_set_aside,
        plant=_hangs_up,
        leave=Leave(may_alter=True),  # a flipped byte in a text still makes an event
        options={"rates": _CALM},
    )
)


# -- F29: a kind that nobody knows, a field that is gone or null ---------------------------------

# A field without which the rest of its frame can be used, the topics that have it, and what is
# known all the same.
_OPTIONAL: Final = {
    "binance": ("r", "*@markPrice*", Mark),
    "bybit": ("fundingRate", "tickers.*", Mark),
    "okx": ("nextFundingTime", '{"channel":"funding-rate"*', Funding),
    "hyperliquid": ("funding", '{"type":"activeAssetCtx"*', Mark),
}


async def _new_words(whole: Watch, venue: FakeVenue) -> None:
    field, topics, _ = _OPTIONAL[venue.name]
    await asyncio.sleep(20)
    strange = venue.faults.unknown_type(10)
    await asyncio.sleep(60)
    strange.end()
    gone = venue.faults.withdraw(field, pattern=topics)
    whole.note("gone")
    await asyncio.sleep(60)
    gone.end()
    written = re.compile(rb'"' + field.encode() + rb'":(?:"[^"]*"|[^,}]*)')
    spell = partial(written.sub, b'"' + field.encode() + b'":null')
    empty = venue.faults.rewrite(spell, pattern=topics)
    whole.note("null")
    await asyncio.sleep(60)
    empty.end()
    whole.note("back")
    await asyncio.sleep(40)


def _known_part_used(whole: Watch, venue: FakeVenue) -> None:
    _kept_up(whole, venue)
    assert not holes(whole, venue.name), holes(whole, venue.name)[0]
    strange = [one.data for one in _altered(venue) if b"brand" in one.data]
    assert len(strange) >= 5
    assert _rejections(whole, venue) >= len(strange), "not counted"
    assert sum("unknown" in reason for reason in whole.quarantined) == len(strange)
    _raw_is_kept(whole, venue, strange)
    _, _, kind = _OPTIONAL[venue.name]
    times = [one.local_ns or 0 for one in whole.final.events if type(one) is kind]
    for begin, end in (("gone", "null"), ("null", "back")):
        told = [one for one in times if whole.at_ns[begin] < one < whole.at_ns[end]]
        assert told, f"nothing is known while a field is {begin}"


def _trips(patch: pytest.MonkeyPatch) -> None:
    """A word that nobody knows is a fault of our own."""
    hear = Session._hear

    def hears(self: Session, reading: Reading, data: bytes) -> None:
        hear(self, reading, data)
        if any("unknown" in reason for reason in reading.said.rejected):
            raise KeyError("brandNew")

    patch.setattr(Session, "_hear", hears)


case(
    Case(
        number="F29",
        title="a new kind of message, a field that is gone, a field that is null",
        script=_keeps_frames(_new_words),
        expect=_known_part_used,
        plant=_trips,
        options={"rates": _CALM},
    )
)


# -- F30: hostile numbers ------------------------------------------------------------------------

_LARGE: Final = {  # what each venue's ids can be at most: a signed integer, or any text
    "binance": "9223372036854775807",
    "bybit": "18446744073709551616",
    "okx": "18446744073709551616",
    "hyperliquid": "9223372036854775807",
}


async def _numbers(whole: Watch, venue: FakeVenue) -> None:
    world = whole.rig.world
    await asyncio.sleep(20)
    fault = venue.faults.hostile_numbers(3)
    await asyncio.sleep(100)
    fault.end()
    market = world.of_venue(venue.name)[0]
    for last in (-1, 0):  # two ids that no float tells apart
        await asyncio.sleep(1)
        name = str(int(_LARGE[venue.name]) + last)
        world.tell([replace(market.trade(world.now_ns()), trade_id=name)])
    await asyncio.sleep(20)


def _refused_at_once(whole: Watch, venue: FakeVenue) -> None:
    _kept_up(whole, venue)
    assert not holes(whole, venue.name), holes(whole, venue.name)[0]
    bad = [one.data for one in _altered(venue)]
    rejected = _unreadable(venue, bad)
    assert len(rejected) >= 50, f"only {len(rejected)} hostile frames"
    assert _rejections(whole, venue) >= len(rejected)
    _raw_is_kept(whole, venue, bad)
    took = sorted(_decode_s(venue, data) for data in bad)
    assert median(took) < _DECODE_S, f"{median(took):.4f} s for one frame"
    assert took[-1] < 20 * _DECODE_S, f"{took[-1]:.4f} s for one frame"  # a machine may be busy
    ids = {one.trade_id for one in whole.final.events if isinstance(one, Trade)}
    assert {str(int(_LARGE[venue.name]) - 1), _LARGE[venue.name]} <= ids, "an id was rounded"
    for one in whole.final.events:
        for value in msgspec.structs.asdict(one).values():
            assert not isinstance(value, float) or isfinite(value), f"not a number: {one}"


def _decode_s(venue: FakeVenue, data: bytes) -> float:
    """Measure the time that a frame takes: the best of three, the machine has other work too."""
    took = []
    for _ in range(3):
        begun_s = time.perf_counter()
        venue.wire.decode(data)
        took.append(time.perf_counter() - begun_s)
    return min(took)


def _takes_floats(patch: pytest.MonkeyPatch) -> None:
    """Ids are read as numbers like any other, as parsers do that know no large integers."""
    read = Reader.read

    def reads(self: Reader, frame: Frame) -> Reading:
        reading = read(self, frame)
        events = tuple(
            replace(one, trade_id=f"{float(one.trade_id or 0):.0f}")
            if isinstance(one, Trade) and (one.trade_id or "").isdigit()
            else one
            for one in reading.events
        )
        return replace(reading, events=events)

    patch.setattr(Reader, "read", reads)


case(
    Case(
        number="F30",
        title="NaN, 1e400, 1e1000000, negative sizes, a price of 0, ids of 64 bits",
        script=_keeps_frames(_numbers),
        expect=_refused_at_once,
        plant=_takes_floats,
        leave=Leave(may_alter=True),  # a number may be wrong and look right
        options={"rates": _CALM},
    )
)


# -- F31: many events in one frame ---------------------------------------------------------------


async def _crowds(whole: Watch, venue: FakeVenue) -> None:
    world, names = whole.rig.world, SYMBOLS[venue.name]
    await asyncio.sleep(20)
    pattern = TOPICS[venue.name]["trades"]
    faults = [venue.faults.batch(500, pattern=pattern, wait_s=0.9)]
    if venue.name != "hyperliquid":
        pattern = TOPICS[venue.name]["liquidations"]
        faults.append(venue.faults.batch(500, pattern=pattern, wait_s=4.0))
    for name in names:
        world.flood(venue.name, name, 1000.0, 2.0)
        for at in range(40):
            world.after(0.1 * at, partial(world.liquidate, venue.name, name, usd=2_000.0))
    await asyncio.sleep(10)
    for fault in faults:
        fault.end()
    await asyncio.sleep(10)


def _all_of_them(whole: Watch, venue: FakeVenue) -> None:
    _kept_up(whole, venue)
    assert not holes(whole, venue.name), holes(whole, venue.name)[0]
    frames = [one for session in venue.sessions for one in session.delivered]
    assert max(len(one.events) for one in frames) == 500, "no frame held 500 events"
    for frame in frames:
        if len(frame.events) > 100:
            stored = seen_keys(whole, venue.name)
            lost = [sent for sent in frame.events if not stored[sent.key]]
            assert not lost, f"{len(lost)} of {len(frame.events)} are lost"


def _first_only(patch: pytest.MonkeyPatch) -> None:
    """Only the first event of a frame is used."""
    read = Reader.read

    def reads(self: Reader, frame: Frame) -> Reading:
        reading = read(self, frame)
        return replace(reading, events=reading.events[:1])

    patch.setattr(Reader, "read", reads)


case(
    Case(
        number="F31",
        title="five hundred events in one frame",
        script=_crowds,
        expect=_all_of_them,
        plant=_first_only,
        leave=Leave(market_alerts=True),  # eighty longs are closed by force
        options={"rates": _CALM},
    )
)


# -- F32: a frame above every limit --------------------------------------------------------------


async def _too_large(whole: Watch, venue: FakeVenue) -> None:
    limit = open_streams(venue.name).limits.frame_bytes_most
    await asyncio.sleep(30)
    venue.faults.oversize(limit)
    await asyncio.sleep(5)
    whole.notes["before"] = len(venue.sessions)
    met: set[int] = set()
    for _ in range(120):  # whoever comes back is sent it again
        fresh = {one.number for one in venue.live if one.topics} - met
        if fresh:
            met |= fresh
            venue.faults.oversize(20 << 20, where=partial(_is_one_of, fresh))
        await asyncio.sleep(2)
    whole.notes["after"] = len(venue.sessions)
    await asyncio.sleep(150)


def _is_one_of(numbers: set[int], session: VenueSession) -> bool:
    return session.number in numbers


def _closed_not_looped(whole: Watch, venue: FakeVenue) -> None:
    lines = len(lines_of(whole, venue))
    before, after = whole.notes["before"], whole.notes["after"]
    assert before == lines, "a frame within the limit ended a connection"
    assert whole.quarantined, "a frame within the limit was not looked at"
    closed = [one for one in venue.sessions if one.close_code == 1009]
    assert len(closed) >= 2 * lines, "the limit does not hold"
    assert after - before <= lines * 9, f"{after - before} connections in four minutes"
    assert len(notices(whole)) == 1, f"{len(notices(whole))} notices"
    found = holes(whole, venue.name, main_channel(venue.name))
    assert found
    for gap in found:
        assert "larger" in gap.proven_by, gap


def _no_limit(patch: pytest.MonkeyPatch) -> None:
    """Frames may be of any size, as in libraries that are told ``max_size=None``."""
    connect = FakeTransport.connect

    async def connects(self: FakeTransport, url: str, *, frame_bytes_most: int) -> Connection:
        return await connect(self, url, frame_bytes_most=1000 * frame_bytes_most)

    patch.setattr(FakeTransport, "connect", connects)


case(
    Case(
        number="F32",
        title="a frame of 20 MB, again and again",
        script=_too_large,
        expect=_closed_not_looped,
        plant=_no_limit,
        options={"rates": _CALM},
    )
)
