"""Broken books: asked for on behalf of one connection, again if nothing came, for nobody else."""

import asyncio
from typing import Any, cast

import pytest

from airpocket.live.book_mending import BookMending, Snapshot
from airpocket.market.stream import Limits
from tests.live import virtual


class _Session:
    """What mending needs of a session."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.is_over = False
        self.broken = {"BTCUSDT", "ETHUSDT"}
        self.heard: list[tuple[float, bytes]] = []
        self.asked: list[tuple[float, list[str]]] = []

    def is_broken(self, raw_symbol: str) -> bool:
        return raw_symbol in self.broken

    def book_topics(self, raw_symbol: str) -> list[str]:
        return [f"books.{raw_symbol}"]

    def ask_again(self, topics: Any) -> None:
        self.asked.append((asyncio.get_running_loop().time() - virtual.BEGIN_S, list(topics)))

    def hear_reply(self, data: bytes) -> None:
        if not self.is_over:
            self.heard.append((asyncio.get_running_loop().time() - virtual.BEGIN_S, data))


def _mending(snapshot: Snapshot | None, limits: Limits | None = None) -> BookMending:
    return BookMending(snapshot, Limits() if limits is None else limits)


async def _seconds(mending: BookMending, count: int) -> None:
    for _ in range(count):
        await mending.step()
        await asyncio.sleep(1.0)


def _note(mending: BookMending, session: _Session) -> None:
    for raw_symbol in sorted(session.broken):
        mending.note_broken(cast("Any", session), raw_symbol)


def test_a_stream_is_asked_for_all_broken_books_at_once_and_again_until_they_are_whole() -> None:
    async def main(_: virtual.Bench) -> _Session:
        mending, session = _mending(None), _Session("a")
        _note(mending, session)
        await _seconds(mending, 8)
        session.broken.clear()
        await _seconds(mending, 60)
        return session

    both = ["books.BTCUSDT", "books.ETHUSDT"]
    assert virtual.run(main).asked == [(0.0, both), (5.0, both)]


def test_a_snapshot_that_comes_after_its_connection_is_over_is_for_nobody() -> None:
    asked: list[str] = []

    async def late(raw_symbol: str) -> bytes:
        asked.append(raw_symbol)
        await asyncio.sleep(5.0)
        return raw_symbol.encode()

    async def main(_: virtual.Bench) -> tuple[_Session, _Session]:
        mending, old, new = _mending(late), _Session("old"), _Session("new")
        _note(mending, old)
        await _seconds(mending, 2)
        old.is_over = True
        _note(mending, new)
        await _seconds(mending, 20)
        await mending.close()
        return old, new

    old, new = virtual.run(main)
    assert old.heard == []
    assert {data for _, data in new.heard[:2]} == {b"BTCUSDT", b"ETHUSDT"}
    assert new.heard[0][0] >= 7.0  # not the answer that came at 5 s
    assert asked[:4] == ["BTCUSDT", "ETHUSDT"] * 2


@pytest.mark.parametrize("answer", [None, b"too old"])
def test_what_did_not_help_is_asked_for_again_later(answer: bytes | None) -> None:
    asked: list[float] = []

    async def useless(raw_symbol: str) -> bytes | None:
        del raw_symbol
        asked.append(asyncio.get_running_loop().time() - virtual.BEGIN_S)
        await asyncio.sleep(0.1)
        return answer

    async def main(_: virtual.Bench) -> None:
        mending, session = _mending(useless), _Session("a")
        session.broken = {"BTCUSDT"}
        _note(mending, session)
        await _seconds(mending, 100)

    virtual.run(main)
    assert asked == [0.0, 5.0, 15.0, 35.0, 65.0, 95.0]


def test_an_hours_allowance_is_not_spent_on_books() -> None:
    async def main(_: virtual.Bench) -> _Session:
        mending, session = _mending(None, Limits(requests_per_hour=480)), _Session("a")
        for _turn in range(3_600):
            session.broken = {f"S{_turn % 7}"}
            _note(mending, session)
            await _seconds(mending, 1)
        return session

    assert len(virtual.run(main).asked) <= 80  # each costs two requests
