"""Tests of airpocket.store.inflate: pieces, and what is counted while they are read."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import LimitError, SourceError
from airpocket.store.inflate import Inflated, gzip_pieces, zip_pieces


def drained(packed: bytes) -> bytes:
    pieces = gzip_pieces(io.BytesIO(packed))
    return b"".join(iter(pieces, b""))


@given(
    parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4),
    level=st.integers(0, 9),
    padding=st.integers(0, 20),
)
def test_members_in_a_row_are_one_stream(parts: list[bytes], level: int, padding: int) -> None:
    packed = b"".join(gzip.compress(part, level) + bytes(padding) for part in parts)
    assert drained(packed) == b"".join(parts)


@given(part=st.binary(min_size=1, max_size=300), cut=st.integers(1, 20))
def test_a_cut_stream_never_looks_whole(part: bytes, cut: int) -> None:
    with pytest.raises((EOFError, zlib.error)):
        drained(gzip.compress(part)[:-cut])


def test_pieces_of_a_bomb_stay_small() -> None:
    pieces = gzip_pieces(io.BytesIO(gzip.compress(bytes(8 << 20))))
    sizes = [len(piece) for piece in iter(pieces, b"")]
    assert sum(sizes) == 8 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("garbage", [b"x" * 10, gzip.compress(b"y", mtime=0)[:9]])
def test_garbage_after_a_member_is_not_passed_over(garbage: bytes) -> None:
    with pytest.raises((EOFError, zlib.error)):
        drained(gzip.compress(b"x" * 100) + garbage)


def test_zip_files_lead_to_their_one_member() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"1,2\n")
    size = len(held.getvalue())
    assert b"".join(iter(zip_pieces(Path("x"), held, size), b"")) == b"1,2\n"
    with pytest.raises(SourceError, match="end is missing"):
        zip_pieces(Path("x"), io.BytesIO(held.getvalue()[:-5]), size - 5)


def inflated(packed: bytes, *, limit_bytes: int = 1 << 40) -> tuple[Inflated, list[int]]:
    file, seen = io.BytesIO(packed), list[int]()
    raw = Inflated(
        Path("x"),
        file,
        len(packed),
        gzip_pieces(file),
        limit_bytes=limit_bytes,
        ratio_limit=10,
        progress=lambda read, _: seen.append(read),
    )
    return raw, seen


def test_what_is_read_is_counted_and_told() -> None:
    packed = gzip.compress(bytes(3 << 20))
    raw, seen = inflated(packed)
    assert len(raw.readall()) == 3 << 20  # far above 10:1, but too little to be judged
    assert seen[-1] == len(packed)
    raw, _ = inflated(packed, limit_bytes=2 << 20)
    with pytest.raises(LimitError, match="more than 2,097,152 bytes"):
        raw.readall()


def test_a_failure_stays_a_failure_and_closing_closes_the_file() -> None:
    raw, _ = inflated(gzip.compress(bytes(5000))[:-3])
    assert raw.read(10) == bytes(10)
    for _ in range(2):
        with pytest.raises(SourceError, match="after 5,000 inflated bytes"):
            raw.readall()
    raw.close()
    assert raw.closed
