"""How much of a venue's allowance we spend: a bucket that refills, first come, first served."""

import asyncio
from typing import Final, final

from airpocket.market.rest_rules import Allowance

__all__ = ["Budget"]

_SHARE: Final = 0.8  # the rest is for whatever else runs behind the same address


@final
class Budget:
    """Lets requests through by weight, never more than a share of what the venue documents.

    Half of the share may be spent at once, the other half flows back over the window: in no window
    more than the share is spent, wherever it begins.

    Parameters
    ----------
    allowance
        What one address may spend.
    share
        Part of it that is ours.

    Examples
    --------
    >>> async def three() -> float:
    ...     budget = Budget(Allowance(4.0, 0.02), share=1.0)
    ...     for _ in range(3):
    ...         await budget.spend(1.0)
    ...     return budget.spent
    >>> asyncio.run(three())
    3.0
    """

    def __init__(self, allowance: Allowance, *, share: float = _SHARE) -> None:
        self._most = allowance.weight * share / 2
        self._per_s = self._most / allowance.within_s
        self._left = self._most
        self._at_s: float | None = None
        self._queue = asyncio.Lock()
        self.spent = 0.0
        """Weight let through so far."""

    async def spend(self, weight: float) -> None:
        """Wait until so much may be spent, in the order of asking, and count it."""
        weight = min(weight, self._most)  # heavier than the bucket: wait until it is full
        async with self._queue:
            self._refill()
            if self._left < weight:
                await asyncio.sleep((weight - self._left) / self._per_s)
                self._refill()
            self._left -= weight
            self.spent += weight

    def _refill(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._at_s is not None:
            gained = (now_s - self._at_s) * self._per_s
            self._left = min(self._most, self._left + gained)
        self._at_s = now_s
