"""Shapes of OKX's messages."""

import pytest
from msgspec import Raw

from airpocket.venues.okx.messages import read_books, read_details, read_held


def test_rows_are_read_one_by_one_when_one_is_bad() -> None:
    good = b'{"sz":"1","ts":"1692266434010","bkPx":"2"}'
    rows, bad = read_details(Raw(b"[" + good + b',{"sz":"1"},' + good + b"]"))
    assert [row.bk_px for row in rows] == [2.0, 2.0]
    assert len(bad) == 1


@pytest.mark.parametrize("data", [b"null", b'"x"', b"3", b"", b"[", b"{"])
def test_data_that_is_no_rows_says_why(data: bytes) -> None:
    rows, bad = read_details(Raw(data))
    assert not rows
    assert len(bad) == 1


def test_an_empty_text_is_not_zero() -> None:
    (row,), _ = read_held(Raw(b'[{"instId":"X","ts":"1692266434010","oi":""}]'))
    assert (row.oi, row.oi_ccy) == ("", "")


def test_levels_may_be_longer_but_not_shorter() -> None:
    stem = b'[{"asks":[],"ts":"1692266434010","bids":['
    (book,), _ = read_books(Raw(stem + b'["1","2"],["1","2","0","4","x"]]}]'))
    assert [level.qty for level in book.bids] == [2.0, 2.0]
    assert not read_books(Raw(stem + b'["1"]]}]'))[0]
