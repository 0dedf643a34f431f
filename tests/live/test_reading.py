from airpocket.live.reading import Reader
from airpocket.market.events import BookChange, Depth, GapCause, Liquidation, Mark, RawRef
from airpocket.market.stream import Channel
from airpocket.market.wire import Frame
from airpocket.units import HOUR_NS, SECOND_NS, ns_from_iso
from airpocket.venues.register import open_wire
from tests.venues.test_hearing import AT_MS, forced

AT_NS = AT_MS * 1_000_000


def change(
    number: int, bid: float, *, whole: bool = False, symbol: str = "BTCUSDT", second: float = 0.0
) -> BookChange:
    return BookChange(
        venue="bybit", symbol=None, raw_symbol=symbol, venue_ns=AT_NS + int(second * SECOND_NS),
        bids=[(bid, 1.0)], asks=[(bid + 1.0, 2.0)] if whole else [], is_snapshot=whole,
        first_update_id=None, last_update_id=number,
    )  # fmt: skip


def framed(event: BookChange | Mark, *, stream: str = "public#1", second: float = 0.0) -> Frame:
    (data,) = open_wire("bybit").encode([event])
    return Frame("bybit", stream, AT_NS + int(second * SECOND_NS), data, RawRef("t", 0))


def test_what_a_frame_says_carries_where_it_lies_and_when_it_came() -> None:
    reading = Reader().read(Frame("bybit", "public#1", AT_NS + 7, forced(0), RawRef("t", 3)))
    (event,) = reading.events
    assert isinstance(event, Liquidation)
    assert (event.local_ns, str(event.raw_ref)) == (AT_NS + 7, "t#3")
    assert (reading.local_ns, reading.kept, reading.broken) == (AT_NS + 7, True, ())


def test_a_repeat_is_said_and_not_counted_again() -> None:
    reader = Reader()
    assert reader.read(Frame("bybit", "one", AT_NS, forced(0))).events
    again = reader.read(Frame("bybit", "two", AT_NS, forced(0)))
    assert (len(again.said.events), again.events) == (1, ())


def test_a_whole_book_is_sampled_once_a_second() -> None:
    reader = Reader()
    kinds = []
    for number in range(8):
        second = number * 0.3
        event = change(number + 1, 100.0 + number / 100, whole=number == 0, second=second)
        reading = reader.read(framed(event, second=second))
        kinds.append([type(one).__name__ for one in reading.events])
    sampled = [number for number, names in enumerate(kinds) if "Depth" in names]
    assert sampled == [0, 4, 7], "the first of each second, behind its change"
    assert all(names[0] == "BookChange" for names in kinds)
    depth = reader.depth("bybit", "BTCUSDT")
    assert isinstance(depth, Depth)
    assert depth.bids[0] == (100.07, 1.0)
    assert reader.depth("bybit", "BTCUSDT", 1).bids == depth.bids[:1]  # type: ignore[union-attr]


def test_a_connection_that_is_silent_for_long_is_forgotten_a_quiet_book_is_not() -> None:
    reader = Reader()
    reader.read(framed(change(1, 100.0, whole=True), stream="old"))
    reader.read(framed(change(1, 100.0, whole=True), stream="alive"))
    for second in range(0, 3600, 30):
        reader.read(Frame("bybit", "alive", AT_NS + second * SECOND_NS, b'{"op":"pong"}'))
    assert {stream for _, stream, _ in reader._books} == {"alive"}
    assert reader.read(framed(change(2, 100.5), stream="alive")).broken == ()


def test_a_hole_in_a_book_is_told_once_and_no_depth_comes_of_it() -> None:
    """F17: the gap is told by the very frame that proves it."""
    reader = Reader()
    reader.read(framed(change(1, 100.0, whole=True)))
    broken = reader.read(framed(change(3, 100.5, second=1.0), second=1.0))
    (gap,) = broken.broken
    assert (gap.channel, gap.cause, gap.raw_symbol) == (
        Channel.DEPTH, GapCause.SEQUENCE, "BTCUSDT",
    )  # fmt: skip
    assert [type(one) for one in broken.events] == [BookChange]
    after = reader.read(framed(change(4, 100.5, second=2.0), second=2.0))
    assert after.broken == ()
    assert reader.depth("bybit", "BTCUSDT") is None
    healed = reader.read(framed(change(9, 101.0, whole=True, second=3.0), second=3.0))
    assert [type(one) for one in healed.events] == [BookChange, Depth]


def test_each_connection_has_books_of_its_own() -> None:
    """F19: what a connection before said is no part of the book of this one."""
    reader = Reader()
    reader.read(framed(change(1, 100.0, whole=True), stream="one"))
    other = reader.read(framed(change(2, 100.5), stream="two"))
    assert len(other.broken) == 1, "no snapshot came over it"
    assert reader.depth("bybit", "BTCUSDT") is not None, "the first one is whole"
    reader.close_stream("bybit", "one")
    assert reader.depth("bybit", "BTCUSDT") is None
    assert reader.depth("okx", "BTCUSDT") is None


def test_clocks_far_apart_are_noted() -> None:
    """F25: noted, counted by whoever follows, and never thrown away."""
    reader = Reader()
    mark = Mark(venue="bybit", symbol=None, raw_symbol="BTCUSDT", venue_ns=AT_NS, mark_price=5.0)
    near = reader.read(framed(mark, second=59.0))
    assert (near.said.notes, len(near.events)) == ((), 1)
    for stream, second in (("a", 61.0), ("b", -61.0), ("c", 3600.0)):
        odd = Mark(
            venue="bybit", symbol=None, raw_symbol="BTCUSDT", venue_ns=AT_NS, mark_price=second + 99
        )
        far = reader.read(framed(odd, stream=stream, second=second))
        assert len(far.events) == 1
        assert "clock" in far.said.notes[0]


def test_frames_without_a_receipt_time_follow_the_events() -> None:
    reader = Reader()
    first = reader.read(Frame("bybit", "file", None, forced(5)))
    older = reader.read(Frame("bybit", "file", None, forced(2)))
    silent = reader.read(Frame("bybit", "file", None, b"{"))
    assert first.local_ns == older.local_ns == silent.local_ns == AT_NS + 5 * SECOND_NS
    assert Reader().read(Frame("bybit", "file", None, b"{")).local_ns == 0


def test_a_wrong_unit_of_time_is_refused_by_the_wire() -> None:
    """F26: nothing of the year 50,000 is read."""
    for factor in (1000, 0.001):
        at_ms = int(AT_MS * factor)
        data = forced(0).replace(str(AT_MS).encode(), str(at_ms).encode())
        reading = Reader().read(Frame("bybit", "one", AT_NS, data))
        assert reading.events == ()
        assert reading.said.rejected


def test_the_same_frames_give_the_same_readings() -> None:
    frames = [Frame("bybit", f"s{n % 3}", AT_NS + n * SECOND_NS, forced(n // 2)) for n in range(60)]
    frames += [framed(change(n + 1, 100.0 + n, whole=n % 7 == 0), second=60 + n) for n in range(30)]
    frames += [Frame("bybit", "s1", AT_NS + HOUR_NS, junk) for junk in (b"", b"{", b"\xff", b"[]")]
    one, other = Reader(), Reader()
    assert [one.read(frame) for frame in frames] == [other.read(frame) for frame in frames]


def test_strangers_are_refused() -> None:
    reading = Reader().read(Frame("ftx", "public", ns_from_iso("2026-01-01"), b"{}"))
    assert reading.said.rejected == ("no venue that airpocket reads",)
