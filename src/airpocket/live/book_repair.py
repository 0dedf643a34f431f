"""Books that lack an update are asked for anew: soon, and never in a storm."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, final

__all__ = ["BookRepair"]

_FIRST_S: Final = 5.0
_CAP_S: Final = 30.0  # a book is whole again within half a minute of the end of its trouble
_CALM_S: Final = 60.0  # a book that was not asked for so long begins with no pause again


@final
class BookRepair:
    """Decides when broken books are repaired.

    Parameters
    ----------
    repair
        Asks for fresh snapshots of some raw symbols (by the stream or by REST), in one request.
    windows
        Requests that a venue bears: pairs of (at most so many, within so many seconds).
    together
        Books that one request may ask for: 1 over REST, many over a stream.

    Examples
    --------
    >>> asked = []
    >>> async def ask(raw_symbols: Sequence[str]) -> None:
    ...     asked.extend(raw_symbols)
    >>> async def main() -> None:
    ...     repair = BookRepair(ask, ((10, 60.0),))
    ...     repair.note_broken("BTCUSDT")
    ...     repair.note_broken("BTCUSDT")
    ...     await repair.step()
    >>> asyncio.run(main())
    >>> asked
    ['BTCUSDT']
    """

    def __init__(
        self,
        repair: Callable[[Sequence[str]], Awaitable[None]],
        windows: Sequence[tuple[int, float]],
        *,
        together: int = 1,
    ) -> None:
        self._repair = repair
        self._windows = tuple(windows)
        self._together = together
        self._broken: dict[str, float] = {}  # raw symbol -> not before (loop time)
        self._pauses: dict[str, tuple[float, float]] = {}  # -> (last asked, next pause)
        self._asked_s: deque[float] = deque(maxlen=max(most for most, _ in windows))

    def note_broken(self, raw_symbol: str) -> None:
        """Note that a book is no longer whole."""
        if raw_symbol in self._broken:
            return
        now_s = asyncio.get_running_loop().time()
        last_s, pause_s = self._pauses.get(raw_symbol, (now_s - _CALM_S, 0.0))
        if now_s - last_s >= _CALM_S:
            pause_s = 0.0
        self._broken[raw_symbol] = max(now_s, last_s + pause_s)

    async def step(self) -> int:
        """Ask for what is due and within the budget; return how many still wait."""
        now_s = asyncio.get_running_loop().time()
        due = [name for at_s, name in sorted((at, one) for one, at in self._broken.items())
               if at_s <= now_s]  # fmt: skip
        for start in range(0, len(due), self._together):
            if not self._has_room(now_s):
                break
            self._asked_s.append(now_s)
            chosen = due[start : start + self._together]
            for raw_symbol in chosen:
                del self._broken[raw_symbol]
                _, pause_s = self._pauses.get(raw_symbol, (0.0, 0.0))
                self._pauses[raw_symbol] = (now_s, min(_CAP_S, max(_FIRST_S, 2.0 * pause_s)))
            await self._repair(chosen)
        return len(self._broken)

    def _has_room(self, now_s: float) -> bool:
        return all(
            len(self._asked_s) < most or now_s - self._asked_s[-most] >= within_s
            for most, within_s in self._windows
        )
