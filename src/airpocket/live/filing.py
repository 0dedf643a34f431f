"""From alerts to the outbox: in order, in a thread, again and again until the disk has them."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, final

import msgspec
from msgspec import Struct

from airpocket.alerts.alert import InformationalAlert
from airpocket.detection.episode import Episode
from airpocket.errors import AirpocketError
from airpocket.live.clock import Clock

__all__ = ["FilesAlerts", "Filing"]

_RETRY_S: Final = 1.0


class FilesAlerts(Protocol):
    """What is needed of :class:`airpocket.alerts.outbox.Outbox`."""

    def file(  # noqa: D102
        self,
        alert: InformationalAlert,
        channels: tuple[str, ...],
        *,
        at_ns: int,
        episode: bytes | None = None,
        episode_key: str | None = None,
    ) -> bool: ...


class _Paper(Struct, frozen=True):
    alert: InformationalAlert
    episode: Episode | None


@final
class Filing:
    """Files what is to be told.

    Parameters
    ----------
    outbox
        Where it is filed.
    route
        Channels that get an alert; asked in the thread, at the time of filing.
    clock
        The wall clock.
    filed
        Told each alert that was filed, with its channels, in the loop.
    trouble
        Told a sentence when filing fails, ``None`` when it works again.
    transaction
        Makes routing and filing one step: what is subscribed cannot change in between.
    executor
        Where the disk is waited for; ``None``: the loop's own threads.
    """

    def __init__(
        self,
        outbox: FilesAlerts,
        route: Callable[[InformationalAlert], tuple[str, ...]],
        clock: Clock,
        *,
        filed: Callable[[InformationalAlert, tuple[str, ...]], None],
        trouble: Callable[[str | None], None],
        transaction: Callable[[], AbstractContextManager[object]] = nullcontext,
        executor: Executor | None = None,
    ) -> None:
        self._outbox = outbox
        self._route = route
        self._clock = clock
        self._filed = filed
        self._trouble = trouble
        self._transaction = transaction
        self._executor = executor
        self._papers: deque[_Paper] = deque()
        self._work = asyncio.Event()
        self._is_troubled = False

    def add(self, alert: InformationalAlert, episode: Episode | None = None) -> None:
        """Take an alert, and its episode as it stands; returns at once."""
        self._papers.append(_Paper(alert, episode))
        self._work.set()

    @property
    def waiting(self) -> int:
        """Alerts that are not filed yet."""
        return len(self._papers)

    async def run(self) -> None:
        """File until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._papers:
                if not await self.step():
                    await asyncio.sleep(_RETRY_S)

    async def step(self) -> bool:
        """File the oldest; false if the disk did not take it: then it stays the oldest."""
        paper = self._papers[0]
        loop = asyncio.get_running_loop()
        try:
            channels = await loop.run_in_executor(self._executor, self._file, paper)
        except (AirpocketError, OSError) as error:
            if not self._is_troubled:
                self._is_troubled = True
                self._trouble(str(error))
            return False
        if self._is_troubled:
            self._is_troubled = False
            self._trouble(None)
        self._papers.popleft()
        if channels is not None:
            self._filed(paper.alert, channels)
        return True

    async def finish(self) -> bool:
        """File what waits, at the end; false if the disk did not take it."""
        while self._papers:
            if not await self.step():
                return False
        return True

    def _file(self, paper: _Paper) -> tuple[str, ...] | None:
        body = None if paper.episode is None else msgspec.json.encode(paper.episode)
        with self._transaction():
            channels = self._route(paper.alert)
            fresh = self._outbox.file(
                paper.alert, channels, at_ns=self._clock.wall_ns(), episode=body
            )
        return channels if fresh else None
