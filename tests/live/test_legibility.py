"""Rejected frames in a row, topic by topic."""

import pytest

from airpocket.live.legibility import Legibility
from airpocket.market.instrument import Instrument
from airpocket.market.stream import Channel, Subscription
from airpocket.venues.register import LIVE, catalogue_of, open_streams
from tests.live import virtual
from tests.live.rig import SYMBOLS, Rig

TRADES = Subscription((Channel.TRADES,), "BTCUSDT", "btcusdt@aggTrade")
FORCED = Subscription((Channel.LIQUIDATIONS,), "*", "!forceOrder@arr")


def _legibility(*topics: Subscription) -> Legibility:
    legibility = Legibility()
    legibility.begin(topics)
    return legibility


def test_the_third_in_a_row_tells_once_and_since_when() -> None:
    topics = _legibility(TRADES)
    told = [topics.reject(TRADES.topic, wall_ns, "why") for wall_ns in (7, 8, 9, 10)]
    assert told == [None, None, (7, "unreadable: btcusdt@aggTrade: why"), None]


def test_what_was_hidden_is_told_when_it_can_be_read_again() -> None:
    topics = _legibility(TRADES, FORCED)
    for _ in range(3):
        topics.reject(TRADES.topic, 1, "why")
    assert topics.hidden == {TRADES.topic}
    assert topics.read([FORCED.topic]) == set()
    assert topics.read([TRADES.topic]) == {TRADES.topic}
    assert topics.hidden == set()


def test_one_that_can_be_read_begins_the_row_anew() -> None:
    topics = _legibility(TRADES)
    for wall_ns in range(20):
        assert topics.reject(TRADES.topic, wall_ns, "why") is None
        assert topics.reject(TRADES.topic, wall_ns, "why") is None
        topics.read([TRADES.topic])


def test_of_what_says_little_two_are_enough() -> None:
    topics = _legibility(FORCED)
    assert topics.reject(FORCED.topic, None, "why") is None
    assert topics.reject(FORCED.topic, None, "why") is not None


def test_what_is_no_longer_asked_for_is_named_no_more() -> None:
    topics = _legibility(TRADES)
    frame = b'{"stream":"btcusdt@aggTrade","data":{}}'
    assert topics.named_in(frame) == [TRADES.topic]
    topics.end([TRADES])
    assert topics.named_in(frame) == []
    assert topics.reject(TRADES.topic, 1, "why") is None


@pytest.mark.parametrize("venue", LIVE)
def test_every_frame_of_a_venue_names_its_topic_and_no_other(venue: str) -> None:
    rules = open_streams(venue)

    async def main(bench: virtual.Bench) -> int:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, depth=True)
        rows: list[Instrument] = [
            row for row in catalogue_of(venue) if row.raw_symbol in SYMBOLS[venue]
        ]
        checked = 0
        for line in rules.lines(rows, bench.clock.wall_ns(), depth=True):
            topics = _legibility(*line.subscriptions)
            connection = await rig.transport.connect(line.url, frame_bytes_most=1 << 24)
            for request in rules.subscribe(line.subscriptions, 1):
                await connection.send(request)
            while rig.bench.elapsed_s() < 20 * (1 + checked // 100):
                await connection.receive()
            session = rig[venue].sessions[-1]
            for frame in session.delivered:
                if frame.topic:
                    assert topics.named_in(frame.data) == [frame.topic], frame.data[:200]
                    checked += 1
            await connection.close()
        return checked

    assert virtual.run(main) > 50
