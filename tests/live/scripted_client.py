"""A client that answers from a script, notes what it is asked, and fails on command."""

import asyncio
from collections.abc import Callable
from typing import Any

from airpocket.live.rest_client import RestError, RestFault
from airpocket.market.rest_rules import Call

__all__ = ["ScriptedClient", "limited"]


def limited(status: int = 429, retry_after_s: float | None = None) -> RestError:
    return RestError(
        RestFault.LIMITED, f"HTTP {status}", status=status, retry_after_s=retry_after_s
    )


class ScriptedClient:
    """``answer`` gives a body or raises; ``asked`` holds (loop time, call) of each request."""

    def __init__(self, answer: Callable[[Call], bytes]) -> None:
        self.answer = answer
        self.asked: list[tuple[float, Call]] = []
        self.listing: Callable[[], tuple[list[Any], list[str]]] = lambda: ([], [])
        self.rates: list[Any] = []
        self.ladder: list[Any] = []
        self.is_closed = False

    async def get(self, call: Call) -> bytes:
        self.asked.append((asyncio.get_running_loop().time(), call))
        await asyncio.sleep(0.05)
        return self.answer(call)

    async def markets(self) -> tuple[list[Any], list[str]]:
        self.asked.append((asyncio.get_running_loop().time(), Call("markets")))
        return self.listing()

    async def funding(self) -> list[Any]:
        return self.rates

    async def tiers(self, symbol: str) -> list[Any]:
        return self.ladder

    async def close(self) -> None:
        self.is_closed = True
