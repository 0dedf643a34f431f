"""What waits is bounded, and refused before it can spoil a commit."""

import threading
from typing import Any

import pytest

from airpocket.errors import InputError, LimitError, TapeError
from airpocket.market.events import Gap, GapCause
from airpocket.store.tape_buffer import OVERHEAD_BYTES, Batch, TapeBuffer


def empty(limit_bytes: int = 10_000) -> TapeBuffer:
    return TapeBuffer(limit_bytes, 0, 0, {}, {})


def hole(channel: str = "trades") -> Gap:
    return Gap(
        venue="okx",
        symbol="*",
        raw_symbol="*",
        channel=channel,
        from_ns=1,
        to_ns=2,
        cause=GapCause.DISCONNECT,
        proven_by="a close frame",
    )


def test_beyond_the_limit_frames_are_refused_and_a_gap_can_still_say_so() -> None:
    buffer = empty()
    taken = 10_000 // OVERHEAD_BYTES
    for _ in range(taken):
        buffer.take_frame("okx", "a", None, b"")
    with pytest.raises(TapeError, match="not taken"):
        buffer.take_frame("okx", "never heard", None, b"")
    assert [stream for _, _, stream in buffer.names()] == ["a"]  # no code without a frame
    assert (buffer.next_ordinal, buffer.pending_bytes) == (taken, taken * OVERHEAD_BYTES)
    buffer.take_gap(hole())
    buffer.take_rejection(0, "not JSON")


def test_the_reserve_for_gaps_has_an_end() -> None:
    buffer = empty()

    def record_for_ever() -> None:
        while True:
            buffer.take_gap(hole("c" * 10_000))

    with pytest.raises(TapeError, match="not taken"):
        record_for_ever()
    assert 1 << 20 < buffer.pending_bytes < 10_000 + (1 << 20)


def test_what_is_let_go_makes_room() -> None:
    buffer = empty()
    for _ in range(20):
        buffer.take_frame("okx", "a", 5, b"x" * 100)
    buffer.take_gap(hole())
    buffer.take_rejection(3, "bad")
    batch = buffer.batch()
    ordinal = buffer.take_frame("okx", "a", 5, b"later")
    buffer.let_go(batch)
    assert (ordinal, buffer.first_ordinal, buffer.next_ordinal) == (20, 20, 21)
    assert buffer.batch() == Batch([(0, 5, b"later")], [], [])
    assert buffer.pending_bytes == len(b"later") + OVERHEAD_BYTES


def test_a_frame_that_could_never_be_kept_is_refused() -> None:
    with pytest.raises(LimitError, match="a frame of 10000 bytes from 'okx'"):
        empty().take_frame("okx", "a", None, bytes(10_000))


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (("okx", "a", None, "text"), TypeError),
        (("okx", "a", None, 5), TypeError),
        (("okx", "a", 1.5, b""), TypeError),
        (("okx", "a", 2**63, b""), InputError),
        (("okx", "a", -(2**63), b""), InputError),
        (("okx", "\ud800", None, b""), InputError),
        ((None, "a", None, b""), TypeError),
    ],
)
def test_what_would_fail_every_commit_is_refused_at_once(
    frame: tuple[Any, ...], error: type[Exception]
) -> None:
    buffer = empty()
    with pytest.raises(error):
        buffer.take_frame(*frame)
    assert (buffer.next_ordinal, buffer.pending_bytes) == (0, 0)
    assert buffer.batch() == Batch([], [], [])
    assert buffer.names() == []


def test_bytes_that_change_later_are_copied() -> None:
    buffer = empty()
    data = bytearray(b"first")
    buffer.take_frame("okx", "a", None, data)  # type: ignore[arg-type]
    data[:] = b"later"
    assert buffer.batch().frames[0][2] == b"first"


def test_gaps_and_reasons_may_quote_what_is_not_unicode() -> None:
    buffer = empty()
    with pytest.raises(InputError, match="not Unicode text"):
        buffer.take_gap(hole("\ud800"))
    buffer.take_frame("okx", "a", None, b"")
    buffer.take_rejection(0, "symbol \ud800 is unknown")
    assert buffer.batch().rejected == [(0, "symbol \\ud800 is unknown")]


@pytest.mark.parametrize("ordinal", [-1, 0, 7])
def test_only_frames_of_the_tape_can_be_rejected(ordinal: int) -> None:
    with pytest.raises(InputError, match="there is no frame"):
        empty().take_rejection(ordinal, "not JSON")


@pytest.mark.parametrize("limit", [0, OVERHEAD_BYTES, 1 << 40])
def test_the_limit_has_limits(limit: int) -> None:
    with pytest.raises(InputError, match="max_pending_bytes"):
        empty(limit)


def test_the_first_frame_after_a_restart_closes_the_hole_once() -> None:
    buffer = TapeBuffer(10_000, 5, 2, {("okx", "a"): 0}, {"okx": 100, "bybit": 400})
    buffer.take_frame("okx", "a", None, b"")  # without a time it proves nothing
    buffer.take_frame("okx", "b", 130, b"")
    buffer.take_frame("okx", "a", 140, b"")
    buffer.take_frame("bybit", "a", 300, b"")  # the clock was set back
    gaps = buffer.batch().gaps
    assert [(number, before) for number, before, _ in gaps] == [(2, 6), (3, 8)]
    assert b'"from_ns":100,"to_ns":130' in gaps[0][2]
    assert b'"from_ns":400,"to_ns":400' in gaps[1][2]


def test_frames_are_neither_lost_nor_doubled_while_another_thread_commits() -> None:
    buffer = empty(1 << 20)
    kept: list[bytes] = []
    done = threading.Event()

    def commit_until_done() -> None:
        while not done.is_set() or any(buffer.batch()):
            batch = buffer.batch()
            kept.extend(data for _, _, data in batch.frames)
            buffer.let_go(batch)

    committer = threading.Thread(target=commit_until_done)
    committer.start()
    sent = []
    try:
        for number in range(20_000):
            data = str(number).encode()
            try:
                buffer.take_frame("okx", "a", number, data)
            except TapeError:
                continue
            sent.append(data)
    finally:
        done.set()
        committer.join()
    assert kept == sent
    assert (buffer.pending_bytes, buffer.first_ordinal) == (0, len(sent))
