"""What a chunk says is what went in, or it is refused."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.store.tape_format import (
    MAX_CHUNK_BYTES,
    Chunk,
    DamagedChunkError,
    Held,
    _crc,
    count,
    cut,
    pack,
    unpack,
)

HELD = st.tuples(
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    st.binary(max_size=50),
)


@given(st.integers(0, 2**62), st.lists(HELD, min_size=1, max_size=20))
def test_unpack_undoes_pack(first_ordinal: int, held: list[Held]) -> None:
    chunk = pack(first_ordinal, held)
    assert unpack(chunk) == held
    assert (chunk.first_ordinal, chunk.frames) == (first_ordinal, len(held))


@given(st.lists(HELD, min_size=1, max_size=5), st.data())
def test_any_flipped_bit_is_found(held: list[Held], data: st.DataObject) -> None:
    chunk = pack(7, held)
    body = bytearray(chunk.body)
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedChunkError):
        unpack(chunk._replace(body=bytes(body)))


@pytest.mark.parametrize("field", ["first_ordinal", "frames", "raw_bytes", "crc"])
def test_any_changed_number_is_found(field: str) -> None:
    chunk = pack(7, [(0, None, b"abc"), (0, 5, b"")])
    with pytest.raises(DamagedChunkError):
        unpack(chunk._replace(**{field: getattr(chunk, field) + 1}))


def forged(frames: int, raw_bytes: int, raw: bytes) -> Chunk:
    """Make a chunk as a stranger would, with a checksum that fits."""
    body = zlib.compress(raw)
    return Chunk(0, frames, raw_bytes, _crc(0, frames, raw_bytes, body), body)


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (forged(1, 16, bytes(16 << 20)), "size it states"),  # a bomb
        (forged(1, MAX_CHUNK_BYTES + 1, b""), "cannot be"),
        (forged(2**40, 1 << 20, b""), "cannot be"),
        (forged(0, 0, b""), "cannot be"),
        (forged(-1, -1, b""), "cannot be"),
        (forged(1, 20, b"\0" * 12 + b"\3" + b"\0" * 7), "do not add up"),
        (Chunk(0, 1, 16, _crc(0, 1, 16, b"no zlib"), b"no zlib"), "incorrect header"),
    ],
)
def test_a_forged_chunk_is_refused_before_it_costs_memory(chunk: Chunk, said: str) -> None:
    with pytest.raises(DamagedChunkError, match=said):
        unpack(chunk)


@given(st.lists(HELD, max_size=30), st.integers(1, 40), st.integers(1, 5))
def test_cut_keeps_all_frames_in_order(
    held: list[Held], chunk_bytes: int, chunk_frames: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airpocket.store.tape_format._CHUNK_BYTES", chunk_bytes)
        patch.setattr("airpocket.store.tape_format._CHUNK_FRAMES", chunk_frames)
        parts = list(cut(100, held))
    joined: list[Held] = []
    for first, part in parts:
        assert first == 100 + len(joined)
        assert 0 < len(part) <= chunk_frames
        assert len(part) == 1 or sum(len(data) for _, _, data in part) <= chunk_bytes
        joined.extend(part)
    assert joined == held


def test_count_sums_by_stream() -> None:
    held: list[Held] = [(1, 5, b"ab"), (0, None, b"c"), (1, 3, b""), (1, None, b"d")]
    names = [(0, "okx", "a"), (1, "okx", "b"), (2, "okx", "unheard")]
    assert count(held, names) == [
        (0, "okx", "a", 1, 1, None, None),
        (1, "okx", "b", 3, 3, 3, 5),
    ]
