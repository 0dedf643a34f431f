"""Any frame is found again by its ordinal, alone, in replay, and beside a damaged stretch."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError, TapeError
from airpocket.market.events import RawRef
from airpocket.market.wire import Frame, FrameStream
from airpocket.store.tape import TapeReader, TapeWriter

CHUNKS, SIZE = 6, 5


def content(ordinal: int) -> Frame:
    """Return the frame that the fixture holds at an ordinal."""
    venue = ("okx", "bybit")[ordinal % 2]
    data = f"frame {ordinal}".encode()
    return Frame(venue, "abc"[ordinal % 3], 1_000 + ordinal, data, RawRef("t", ordinal))


ALL = [content(ordinal) for ordinal in range(CHUNKS * SIZE)]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a tape of six chunks of five frames."""
    path = tmp_path_factory.mktemp("tape") / "t.tape"
    with TapeWriter(path, "t") as writer:
        for frame in ALL:
            ordinal = writer.append(frame.venue, frame.stream, frame.local_ns, frame.data)
            if ordinal % SIZE == SIZE - 1:
                writer.commit()
    return path


@pytest.fixture
def reader(tape: Path) -> TapeReader:
    return TapeReader(tape)


async def gathered(stream: FrameStream) -> list[Frame]:
    """Read a stream as a consumer of live feeds would."""
    return [frame async for frame in stream]


def test_replay_gives_every_frame_in_order(reader: TapeReader) -> None:
    assert list(reader.frames()) == ALL


def test_asynchronous_replay_equals_the_synchronous_one(reader: TapeReader) -> None:
    assert asyncio.run(gathered(reader)) == ALL
    part = reader.replay(3, 17, venues=["okx"])
    assert asyncio.run(gathered(part)) == list(reader.frames(3, 17, venues=["okx"]))


def test_replay_lets_other_tasks_run(reader: TapeReader) -> None:
    async def count_turns() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await gathered(reader)
        task.cancel()
        return turns

    assert asyncio.run(count_turns()) >= CHUNKS - 1


@given(first=st.integers(0, 40), last=st.none() | st.integers(0, 40))
def test_a_stretch_is_a_slice(tape: Path, first: int, last: int | None) -> None:
    with TapeReader(tape) as reader:
        assert list(reader.frames(first, last)) == ALL[first:last]


def test_venues_and_streams_are_chosen(reader: TapeReader) -> None:
    chosen = list(reader.frames(venues={"okx"}, streams={"a", "c"}))
    assert chosen == [f for f in ALL if f.venue == "okx" and f.stream in "ac"]
    assert list(reader.frames(venues=[])) == []


@given(st.permutations(range(CHUNKS * SIZE)))
def test_raw_ref_leads_to_the_bytes_in_any_order(tape: Path, order: list[int]) -> None:
    with TapeReader(tape) as reader:
        for ordinal in order:
            assert reader.bytes_of(RawRef("t", ordinal)) == ALL[ordinal].data


def test_references_that_lead_elsewhere_are_refused(reader: TapeReader) -> None:
    with pytest.raises(InputError, match=r"other#3 is not on .*t\.tape, which is tape t"):
        reader.bytes_of(RawRef("other", 3))
    with pytest.raises(InputError, match="has no frame 30: it ends before 30"):
        reader.frame(30)
    with pytest.raises(InputError, match="ordinals begin at 0, not at -1"):
        reader.frame(-1)


def test_about_says_what_the_tape_holds(reader: TapeReader) -> None:
    about = reader.about()
    assert (about.tape_id, about.schema_version, about.frames) == ("t", 1, 30)
    assert (about.first_ns, about.last_ns) == (1_000, 1_029)
    assert about.bytes == sum(len(frame.data) for frame in ALL)
    assert about.venues == ("bybit", "okx")
    assert about.is_closed
    for said in about.streams:
        of_it = [f for f in ALL if (f.venue, f.stream) == (said.venue, said.stream)]
        assert said.frames == len(of_it)
        assert (said.first_ns, said.last_ns) == (of_it[0].local_ns, of_it[-1].local_ns)


def test_a_reader_sees_frames_and_streams_that_join_later(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a") as writer:
        writer.append("okx", "a", None, b"0")
        writer.commit()
        with TapeReader(path) as reader:
            growing = reader.frames()
            assert next(growing).data == b"0"
            writer.append("bybit", "b", None, b"1")
            writer.commit()
            assert [(frame.venue, frame.data) for frame in growing] == [("bybit", b"1")]


def test_a_slow_replay_does_not_keep_the_log_from_being_folded_in(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "a") as writer:
        writer.append("okx", "a", None, b"0")
        writer.commit()
        with TapeReader(path) as reader:
            slow = reader.frames()
            next(slow)
            connection = sqlite3.connect(path)
            busy, logged, folded = connection.execute("PRAGMA wal_checkpoint").fetchone()
            connection.close()
            assert (busy, logged) == (0, folded)
            slow.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE chunk SET body = zeroblob(50) WHERE first_ordinal = 10", "checksum"),
        ("UPDATE chunk SET body = 'a text' WHERE first_ordinal = 10", "a row holds"),
        ("UPDATE chunk SET crc = 'x' WHERE first_ordinal = 10", "a row holds"),
        ("UPDATE chunk SET frames = 4 WHERE first_ordinal = 10", "checksum"),
        ("UPDATE chunk SET first_ordinal = 11 WHERE first_ordinal = 10", "read on from 11"),
        ("DELETE FROM chunk WHERE first_ordinal = 10", "10 to 14 are missing .read on from 15"),
        ("DELETE FROM stream WHERE stream = 'b'", "does not say what stream"),
    ],
)
def test_damage_is_said_and_the_rest_can_be_read(
    tape: Path, tmp_path: Path, statement: str, said: str
) -> None:
    copy = tmp_path / "copy.tape"
    copy.write_bytes(tape.read_bytes())
    connection = sqlite3.connect(copy)
    with connection:
        connection.execute(statement)
    connection.close()
    with TapeReader(copy) as reader:
        with pytest.raises(TapeError, match=rf"copy\.tape is damaged: .*{said}"):
            reader.check()
        with pytest.raises(TapeError, match=rf"copy\.tape is damaged: .*{said}"):
            list(reader.frames())
        if "stream" not in statement:
            assert list(reader.frames(0, 10)) == ALL[:10]
            assert list(reader.frames(15)) == ALL[15:]


@pytest.mark.parametrize(
    "said",
    [b"", b"{}", b'{"type":"trade"}', b"[" * 100_000, b'{"type":"gap","venue":1}', "text", 5, None],
)
def test_a_gap_that_cannot_be_read_is_damage(tape: Path, tmp_path: Path, said: object) -> None:
    copy = tmp_path / "copy.tape"
    copy.write_bytes(tape.read_bytes())
    connection = sqlite3.connect(copy)
    with connection:
        if said is not None:
            connection.execute("INSERT INTO gap VALUES (99, 0, ?)", (said,))
        else:
            connection.execute("UPDATE gap SET before_ordinal = 'x'")
    connection.close()
    with TapeReader(copy) as reader, pytest.raises(TapeError, match="damaged"):
        reader.gaps()


def test_a_closed_reader_says_so(tape: Path) -> None:
    with TapeReader(tape) as reader:
        pass
    with pytest.raises(TapeError, match="closed"):
        reader.frame(0)
