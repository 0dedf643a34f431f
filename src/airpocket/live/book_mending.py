"""The broken books of one venue: which connection they belong to, and how they become whole again.

A snapshot counts for the connection on whose behalf it was asked for and for no other one: what an
earlier connection asked for is older than what the next one said first, and is thrown away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, final

from airpocket.live.book_repair import BookRepair
from airpocket.live.session import Session
from airpocket.market.stream import Limits

__all__ = ["BookMending", "Snapshot"]

Snapshot: TypeAlias = Callable[[str], Awaitable[bytes | None]]
"""Fetches a book over REST as a frame of the venue's wire; ``None`` if it cannot be had now."""

_Windows: TypeAlias = tuple[tuple[int, float], ...]
_BY_REST: Final[_Windows] = ((60, 60.0),)  # the weight of each is within the venue's budget besides
_BY_STREAM: Final[_Windows] = ((12, 60.0),)  # requests, each for many books
_TOGETHER: Final = 50
_SHARE_OF_HOUR: Final = 6  # a third of a connection's requests in an hour, two for each repair


@final
class BookMending:
    """Has broken books asked for anew, over REST or by subscribing again.

    Parameters
    ----------
    snapshot
        ``None`` if the venue's stream begins each book with a snapshot.
    limits
        What the venue bears.
    """

    def __init__(self, snapshot: Snapshot | None, limits: Limits) -> None:
        self._snapshot = snapshot
        self._books: dict[str, Session] = {}  # whose book of a symbol is broken
        self._fetching: dict[tuple[str, str], asyncio.Task[None]] = {}
        windows, together = (_BY_STREAM, _TOGETHER) if snapshot is None else (_BY_REST, 1)
        if snapshot is None and limits.requests_per_hour is not None:
            windows = (*windows, (max(1, limits.requests_per_hour // _SHARE_OF_HOUR), 3600.0))
        self._repair = BookRepair(self._mend, windows, together=together)

    def note_broken(self, session: Session, raw_symbol: str) -> None:
        """Note that a session's book of an instrument is no longer whole."""
        self._books[raw_symbol] = session
        self._repair.note_broken(raw_symbol)

    async def step(self) -> None:
        """Ask for what is due; what was asked for and did not come is due again, later."""
        for raw_symbol, session in list(self._books.items()):
            if session.is_over or not session.is_broken(raw_symbol):
                del self._books[raw_symbol]
            elif (session.stream, raw_symbol) not in self._fetching:
                self._repair.note_broken(raw_symbol)
        await self._repair.step()

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _mend(self, raw_symbols: Sequence[str]) -> None:
        by_session: dict[Session, list[str]] = {}
        for raw_symbol in raw_symbols:
            session = self._books.get(raw_symbol)
            if session is not None and not session.is_over:
                by_session.setdefault(session, []).append(raw_symbol)
        for session, names in by_session.items():
            if self._snapshot is None:
                session.ask_again(one for name in names for one in session.book_topics(name))
            else:
                for name in names:
                    self._fetch(session, name, self._snapshot)

    def _fetch(self, session: Session, raw_symbol: str, snapshot: Snapshot) -> None:
        key = session.stream, raw_symbol
        if key in self._fetching:
            return
        task = asyncio.create_task(_fetched(session, raw_symbol, snapshot))
        self._fetching[key] = task
        task.add_done_callback(lambda _: self._fetching.pop(key, None))


async def _fetched(session: Session, raw_symbol: str, snapshot: Snapshot) -> None:
    """Hand a snapshot to the session that lacks it; if that is over meanwhile, to nobody."""
    data = await snapshot(raw_symbol)
    if data is not None:
        session.hear_reply(data)
