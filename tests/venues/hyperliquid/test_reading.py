"""Good parts are saved from bad frames, and each bad part has its reason."""

import msgspec
import pytest

from airpocket.venues.hyperliquid.messages import (
    Ack,
    NodeBlock,
    Trades,
    UserEvents,
    UserFills,
)
from airpocket.venues.hyperliquid.reading import read, salvage

GOOD = b'{"coin":"BTC","side":"A","px":"64159.0","sz":"0.1","time":1787047504010,"tid":5}'
BAD = b'{"coin":"BTC","side":"A","px":"0","sz":"0.1","time":1787047504010,"tid":6}'


def test_reads_whole_frames_by_kind() -> None:
    assert isinstance(read(b'{"channel":"trades","data":[' + GOOD + b"]}"), Trades)
    assert isinstance(read(b'["0xab",' + GOOD + b"]"), NodeBlock)
    assert isinstance(read(b'{"block_number":1,"events":[["0xab",' + GOOD + b"]]}"), NodeBlock)
    assert isinstance(read(GOOD), UserFills)
    assert isinstance(read(b'{"channel":"user","data":{"fills":[' + GOOD + b"]}}"), UserEvents)


@pytest.mark.parametrize("frame", [b"", b"[]", b"null", b'{"channel":"x"}', b"[" * 100_000, BAD])
def test_read_raises_for_what_is_not_whole(frame: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        read(frame)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (b'{"channel":"trades","data":[', b"]}", Trades),
        (b'{"channel":"userFills","data":{"user":"0xab","fills":[', b"]}}", UserFills),
        (b'{"channel":"user","data":{"fills":[', b"]}}", UserFills),
        (b"[", b"]", UserFills),
    ],
)
def test_good_neighbours_of_a_bad_part_get_through(
    before: bytes, after: bytes, kind: type[Trades | UserFills]
) -> None:
    said, rejected = salvage(before + GOOD + b"," + BAD + b",null," + GOOD + after, "x")
    assert isinstance(said, kind)
    parts = said.data if isinstance(said, Trades) else said.data.fills
    assert len(parts) == 2
    assert [text.partition(":")[0] for text in rejected] == ["part 1", "part 2"]


def test_good_fills_of_a_block_get_through() -> None:
    pair = b'["0xab",' + GOOD + b"]"
    frame = b'{"block_time":5,"events":[' + pair + b',["0xab"],' + pair + b"]}"
    said, rejected = salvage(frame, "x")
    assert isinstance(said, NodeBlock)
    assert (len(said.events), said.block_time, len(rejected)) == (2, None, 1)


def test_a_good_frame_whose_channel_stands_last_is_read_whole() -> None:
    said, rejected = salvage(b'{"data":[' + GOOD + b'],"channel":"trades"}', "x")
    assert isinstance(said, Trades)
    assert not rejected
    assert salvage(b' {"data":{},"channel":"subscriptionResponse"}', "x") == (Ack(), ())


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'{"channel":"candle","data":[]}', "unknown channel 'candle'"),
        (b'{"channel":7}', "Expected `str | null`, got `int` - at `$.channel`"),
        (b'{"e":"trade"}', "unknown message: no channel, no block of fills, no fill"),
        (b"[]", "unknown message: an empty list"),
        (b'["0xab",{}]', "not a usable fill of a node: why not"),
        (b'{"channel":"l2Book","data":{"coin":"BTC"}}', "Object missing required field `time`"),
        (b"[" * 100_000, "nested too deeply"),
        (BAD, "Expected `float` >= 1e-12 - at `$.px`"),
    ],
)
def test_says_why_nothing_could_be_read(frame: bytes, reason: str) -> None:
    said, rejected = salvage(frame, "why not")
    assert said is None
    assert len(rejected) == 1
    assert rejected[0].startswith(reason)
