"""Many topics over few connections and requests."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.sharing import Room, argument, batches, contracts, in_order, share_out
from airpocket.market.stream import Channel, Subscription

CANARY = Subscription((Channel.MARK,), "BTC", "mark.BTC", 20.0)
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@st.composite
def _groups(draw: st.DrawFn) -> list[list[Subscription]]:
    sizes = draw(st.lists(st.integers(1, 6), max_size=30))
    groups = []
    for index, size in enumerate(sizes):
        name = f"{index}{draw(_NAMES)}"
        silent = draw(st.sampled_from([None, None, 20.0, 30.0, 31.0]))
        channel = draw(st.sampled_from([Channel.TRADES, Channel.LIQUIDATIONS]))
        group = [Subscription((channel,), name, f"{name}.{number}") for number in range(size - 1)]
        groups.append([*group, Subscription((Channel.MARK,), name, f"{name}.m", silent)])
    return groups


@given(_groups(), st.none() | st.integers(2, 12), st.none() | st.integers(60, 400))
def test_every_topic_once_a_canary_each_and_room_kept(
    groups: list[list[Subscription]], topics: int | None, args_bytes: int | None
) -> None:
    room = Room(topics=topics, args_bytes=args_bytes)
    wanted = [one for group in groups for one in group]
    longest = max((room.bytes_of(one) for one in wanted), default=0)
    if not room.holds(2, longest + room.bytes_of(CANARY)):
        with pytest.raises(InputError, match="larger than a connection"):
            share_out(groups, CANARY, room)
        return
    lines = share_out(groups, CANARY, room)
    shared = [one for line in lines for one in line if one != CANARY]
    assert sorted(one.topic for one in shared) == sorted(one.topic for one in wanted)
    for line in lines:
        assert any((one.silent_after_s or 99) <= 30 for one in line)
        assert topics is None or len(line) <= topics
        written = json.dumps([one.topic for one in line], separators=(",", ":"), ensure_ascii=False)
        assert args_bytes is None or len(written.encode()) <= args_bytes
        proven = [one for one in line if one != CANARY and (one.silent_after_s or 99) <= 30]
        assert (CANARY in line) is not bool(proven), "a canary only where there is none"


@given(_groups(), st.integers(3, 12))
def test_a_group_that_fits_stays_together(groups: list[list[Subscription]], topics: int) -> None:
    lines = share_out(groups, CANARY, Room(topics=topics))
    for group in groups:
        if len(group) < topics:
            assert sum(bool({*group} & {*line}) for line in lines) == 1


def test_a_topic_that_fits_nowhere_is_named() -> None:
    long = Subscription((), "X", "x" * 90)
    with pytest.raises(InputError, match=r"topic 'xxx.*larger than a connection"):
        share_out([[long]], CANARY, Room(args_bytes=100))
    with pytest.raises(InputError, match=r"topic 'xxx.*larger than a request"):
        list(batches([long], frame_bytes=20, bytes_most=100))
    assert len(share_out([[long]], CANARY, Room(args_bytes=120))[0]) == 2
    assert share_out([], CANARY, Room()) == []


@given(st.lists(_NAMES, max_size=40), st.integers(1, 9), st.integers(80, 200), st.integers(0, 30))
def test_requests_hold_each_topic_once_in_order_within_limits(
    names: list[str], topics_most: int, bytes_most: int, frame_bytes: int
) -> None:
    topics = [Subscription((), name, name) for name in names]
    lists = list(
        batches(topics, frame_bytes=frame_bytes, topics_most=topics_most, bytes_most=bytes_most)
    )
    assert [name for part in lists for name in json.loads(b"[%b]" % part)] == names
    for part in lists:
        assert 1 <= len(json.loads(b"[%b]" % part)) <= topics_most
        assert len(part) + frame_bytes <= bytes_most
    if names and len(set(lists)) == 1 == len(lists):
        assert len(names) <= topics_most
    for before, after in pairwise(lists):  # no request without need
        full = len(json.loads(b"[%b]" % before)) == topics_most
        first = argument(json.loads(b"[%b]" % after)[0], is_json=False)
        assert full or len(before) + 1 + len(first) + frame_bytes > bytes_most


def test_without_limits_one_request_takes_all() -> None:
    topics = [Subscription((), "*", f'{{"n":{number}}}') for number in range(1000)]
    (whole,) = batches(topics, frame_bytes=80, is_json=True)
    assert [row["n"] for row in json.loads(b"[%b]" % whole)] == list(range(1000))


def test_order() -> None:
    forced = Subscription((Channel.LIQUIDATIONS,), "X", "forced")
    trades = Subscription((Channel.TRADES,), "X", "trades")
    slow = Subscription((Channel.FUNDING,), "X", "slow", 120.0)
    assert in_order([trades, slow, forced, CANARY]) == (CANARY, forced, trades, slow)


def test_contracts_are_named_once() -> None:
    def row(name: str, kind: Kind = Kind.LINEAR) -> Instrument:
        return Instrument(
            venue="okx", raw_symbol=name, symbol="X", kind=kind, base="A", quote="B", settle="B"
        )

    rows = [row("A"), row("B"), row("A", Kind.INVERSE)]
    assert contracts(rows, "okx") == (rows[0], rows[1])
    with pytest.raises(InputError, match="'A' is of okx, not of bybit"):
        contracts(rows, "bybit")
    with pytest.raises(InputError, match="'C' is spot"):
        contracts([row("C", Kind.SPOT)], "okx")
