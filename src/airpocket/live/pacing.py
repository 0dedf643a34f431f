"""How fast we may ask, and how long we wait before we ask again."""

import asyncio
import math
import random
from collections import deque
from typing import Final, final

__all__ = ["Backoff", "Pace"]

_STATUS_FIRST_S: Final = 5.0
_BANNED_S: Final = 120.0
_SHORT_S: Final = 60.0
_ONE_AT_A_TIME_S: Final = 15.0


@final
class Pace:
    """Lets callers through at most so often; who comes too early waits, in order.

    A server that refuses because we come too often (:meth:`rest`) is left alone by all of them,
    and then tried by one at a time, until it takes one (:meth:`go_on`).

    Parameters
    ----------
    windows
        Pairs of (at most so many, within so many seconds); all hold at once.

    Examples
    --------
    >>> asyncio.run(Pace((2, 1.0)).turn())
    """

    def __init__(self, *windows: tuple[int, float]) -> None:
        self._windows = tuple((most, within_s) for most, within_s in windows if most > 0)
        self._passed: deque[float] = deque(maxlen=max((most for most, _ in windows), default=1))
        self._turn = asyncio.Lock()
        self._rests_until_s: float | None = None

    def rest(self, pause_s: float) -> None:
        """Let nobody through for a while."""
        until_s = asyncio.get_running_loop().time() + pause_s
        self._rests_until_s = max(until_s, self._rests_until_s or until_s)

    def go_on(self) -> None:
        """End the rest: one was taken."""
        self._rests_until_s = None

    async def turn(self) -> None:
        """Wait until one more is allowed, and count it."""
        if not self._windows and self._rests_until_s is None:
            return
        async with self._turn:
            loop = asyncio.get_running_loop()
            pause_s = self._pause_s(loop.time())
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            while (left_s := (self._rests_until_s or 0.0) - loop.time()) > 0:  # noqa: ASYNC110 - grows
                await asyncio.sleep(left_s)
            self._passed.append(loop.time())
            if self._rests_until_s is not None:
                self._rests_until_s = loop.time() + _ONE_AT_A_TIME_S

    async def hurry(self) -> None:
        """Wait for the short windows only, before others: what must not wait for an hour's."""
        loop = asyncio.get_running_loop()
        pause_s = self._pause_s(loop.time(), _SHORT_S)
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        if any(within_s <= _SHORT_S for _, within_s in self._windows):
            self._passed.append(loop.time())

    def _pause_s(self, now_s: float, longest_s: float = math.inf) -> float:
        pause_s = 0.0
        for most, within_s in self._windows:
            if within_s <= longest_s and len(self._passed) >= most:
                # A hair more than the window: the other side's clock rounds its own way.
                pause_s = max(pause_s, self._passed[-most] + within_s * 1.02 - now_s)
        return pause_s


@final
class Backoff:
    """Pauses between attempts: growing, capped, jittered, for ever.

    A server that says when to come back is obeyed; one that bans (418) is left alone for two
    minutes at least; one that answers at all, but not with what we want, is asked less often than
    one that cannot be reached.

    Parameters
    ----------
    rng
        Source of the jitter.
    first_s, cap_s
        First pause and longest one.

    Examples
    --------
    >>> pauses = Backoff(random.Random(1))
    >>> [round(pauses.next_s(), 1) for _ in range(3)]
    [0.6, 1.8, 3.5]
    """

    def __init__(self, rng: random.Random, *, first_s: float = 1.0, cap_s: float = 60.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._cap_s = cap_s
        self._failures = 0

    def reset(self) -> None:
        """Start again from the first pause: what was asked for has been proven to work."""
        self._failures = 0

    def next_s(self, *, status: int | None = None, retry_after_s: float | None = None) -> float:
        """Give the next pause in seconds.

        Parameters
        ----------
        status
            HTTP status of the refusal, if there was one.
        retry_after_s
            What the server asked for; obeyed up to a day.
        """
        first_s = self._first_s if status is None else max(self._first_s, _STATUS_FIRST_S)
        grown_s = min(self._cap_s, first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        pause_s = grown_s * self._rng.uniform(0.5, 1.0)
        if status == 418:
            pause_s = max(pause_s, _BANNED_S)
        if retry_after_s is not None:
            pause_s = max(pause_s, min(retry_after_s, 86_400.0) * self._rng.uniform(1.0, 1.1))
        return pause_s
