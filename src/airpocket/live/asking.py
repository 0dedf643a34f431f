"""The requests of one connection: each topic is asked for until it is answered."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple, final

from airpocket.live.pacing import Pace
from airpocket.market.stream import Answer, StreamRules, Subscription

__all__ = ["ACK_S", "Asking", "Settled"]

ACK_S: Final = 8.0
"""How long a request may wait for its answer before it is made again."""

_FEW: Final = 10
_REFUSED_FIRST_S: Final = 8.0  # a refusal may be a passing fault
_REFUSED_CAP_S: Final = 300.0  # or the topic may be listed later


class Settled(NamedTuple):
    """What an answer settles."""

    acknowledged: list[Subscription]
    refused: list[Subscription]
    reason: str


class _Request(NamedTuple):
    asked_s: float
    topics: list[Subscription]
    is_subscribe: bool


@final
class Asking:
    """Writes requests in their pace and remembers which are not answered.

    Parameters
    ----------
    rules
        How the venue is talked to.
    pace
        How often it may be.
    send
        Sends one frame.
    """

    def __init__(
        self, rules: StreamRules, pace: Pace, send: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._rules = rules
        self._pace = pace
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, _Request] = {}
        self._queue: deque[tuple[bool, list[Subscription]]] = deque()
        self._queued = asyncio.Event()
        self._next_id = 1
        self._ended: set[str] = set()
        self.refused: dict[str, tuple[float, float]] = {}  # topic -> (asked again at, pause after)

    def begin(self, topics: Iterable[Subscription]) -> None:
        """Ask for topics."""
        self._add(is_subscribe=True, topics=list(topics))

    def end(self, topics: Iterable[Subscription]) -> None:
        """Ask that topics end."""
        ended = list(topics)
        for one in ended:
            self.refused.pop(one.topic, None)
        self._add(is_subscribe=False, topics=ended)

    def _add(self, *, is_subscribe: bool, topics: list[Subscription]) -> None:
        if topics:
            self._queue.append((is_subscribe, topics))
            self._queued.set()

    async def run(self) -> None:
        """Send what is asked, for ever."""
        while True:
            while self._queue:
                is_subscribe, topics = self._queue.popleft()
                await self._request(topics, is_subscribe=is_subscribe)
            self._queued.clear()
            await self._queued.wait()

    async def ping(self) -> None:
        """Send the venue's own kind of ping, if it has one; it does not wait behind requests."""
        data = self._rules.ping()
        if data is not None:
            await self._pace.hurry()
            await self._send(data)

    async def _request(self, topics: list[Subscription], *, is_subscribe: bool) -> None:
        write = self._rules.subscribe if is_subscribe else self._rules.unsubscribe
        requests = write(topics, self._next_id)
        if len(requests) > 1:  # in halves, until we know which topics a request holds
            half = len(topics) // 2
            await self._request(topics[:half], is_subscribe=is_subscribe)
            await self._request(topics[half:], is_subscribe=is_subscribe)
            return
        for request in requests:
            await self._pace.turn()
            self._open[self._next_id] = _Request(self._loop.time(), topics, is_subscribe)
            self._next_id += 1
            await self._send(request)

    def settle(self, answer: Answer, wanted: dict[str, Subscription]) -> Settled:
        """Find what an answer speaks of.

        Parameters
        ----------
        answer
            Read by :meth:`~airpocket.market.stream.StreamRules.answer`.
        wanted
            What is subscribed, by topic.
        """
        topics = [wanted[topic] for topic in answer.topics if topic in wanted]
        request_id = answer.request_id
        if request_id is None:
            named = {one.topic for one in topics}
            request_id = next(
                (
                    number
                    for number, request in self._open.items()
                    if not named or named & {one.topic for one in request.topics}
                ),
                None,
            )
        request = None if request_id is None else self._open.pop(request_id, None)
        if request is not None and request_id is not None:
            named = {one.topic for one in topics}
            left = [one for one in request.topics if one.topic not in named]
            if named and left:  # the venue answers topic by topic
                self._open = {request_id: request._replace(topics=left)} | self._open
            topics = topics or request.topics
            if not request.is_subscribe:
                return Settled([], [], "")
        if answer.reason is None:
            for one in topics:
                self.refused.pop(one.topic, None)
            return Settled(topics, [], "")
        if len(topics) > 1:  # one bad name spoils a batch: ask for each by itself
            for one in topics:
                self._add(is_subscribe=True, topics=[one])
            return Settled([], [], "")
        fresh = [one for one in topics if one.topic not in self.refused]
        for one in fresh:
            self.refused[one.topic] = self._loop.time() + _REFUSED_FIRST_S, 2.0 * _REFUSED_FIRST_S
        return Settled([], fresh, answer.reason)

    def look(self, unproven: dict[str, Subscription]) -> None:
        """Ask again for what was not answered in time, and for what was refused long ago."""
        now_s = self._loop.time()
        for number, request in list(self._open.items()):
            if now_s - request.asked_s > ACK_S:
                del self._open[number]
                if request.is_subscribe:
                    lost = [one for one in request.topics if one.topic in unproven]
                    # Each by itself, if they are few: where only the answer was lost, a venue may
                    # refuse the whole request because of the first topic that it has already.
                    size = 1 if len(lost) <= _FEW else len(lost)
                    for start in range(0, len(lost), size):
                        self._add(is_subscribe=True, topics=lost[start : start + size])
        for topic, (due_s, pause_s) in list(self.refused.items()):
            if now_s >= due_s and topic in unproven:
                self.refused[topic] = now_s + pause_s, min(2.0 * pause_s, _REFUSED_CAP_S)
                self._add(is_subscribe=True, topics=[unproven[topic]])
