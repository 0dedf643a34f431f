"""Books that lack an update are asked for anew: one symbol at a time, and never in a storm."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, final

__all__ = ["BookRepair"]

_FIRST_S: Final = 5.0
_CAP_S: Final = 300.0
_CALM_S: Final = 600.0  # a book that was whole for so long begins with the shortest pause again


@final
class BookRepair:
    """Decides when a broken book is repaired.

    Parameters
    ----------
    repair
        Asks for a fresh snapshot of one raw symbol (by the stream or by REST).
    per_minute
        How many such requests a venue bears in a minute.

    Examples
    --------
    >>> asked = []
    >>> async def ask(raw_symbol: str) -> None:
    ...     asked.append(raw_symbol)
    >>> async def main() -> None:
    ...     repair = BookRepair(ask, per_minute=10)
    ...     repair.note_broken("BTCUSDT")
    ...     repair.note_broken("BTCUSDT")
    ...     await repair.step()
    >>> asyncio.run(main())
    >>> asked
    ['BTCUSDT']
    """

    def __init__(self, repair: Callable[[str], Awaitable[None]], *, per_minute: int) -> None:
        self._repair = repair
        self._per_minute = per_minute
        self._broken: dict[str, float] = {}  # raw symbol -> not before (loop time)
        self._pauses: dict[str, tuple[float, float]] = {}  # -> (last asked, next pause)
        self._asked_s: list[float] = []

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
        self._asked_s = [asked_s for asked_s in self._asked_s if now_s - asked_s < 60.0]
        due = sorted((at_s, name) for name, at_s in self._broken.items() if at_s <= now_s)
        for _, raw_symbol in due[: max(0, self._per_minute - len(self._asked_s))]:
            del self._broken[raw_symbol]
            _, pause_s = self._pauses.get(raw_symbol, (0.0, 0.0))
            self._pauses[raw_symbol] = (now_s, min(_CAP_S, max(_FIRST_S, 2.0 * pause_s)))
            self._asked_s.append(now_s)
            await self._repair(raw_symbol)
        return len(self._broken)
