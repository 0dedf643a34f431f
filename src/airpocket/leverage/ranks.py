"""Who is deleveraged first: leveraged returns, the queue, and the lights that venues show.

BitMEX documented rank, percentiles and allocation (pages on auto-deleveraging, archived; the venue
closed on 2026-09-23). Other venues rank by the same idea and say so in words.
"""

import math
from collections.abc import Mapping

from airpocket.errors import InputError

__all__ = ["allocate", "leveraged_return", "percentiles"]


def leveraged_return(profit: float, entry_value: float, mark_value: float, equity: float) -> float:
    """Compute profit over entry value, times effective leverage if won and over it if lost.

    Effective leverage is ``mark_value / equity``, because mark value less bankrupt value is what
    is left of the margin. Without equity there is nothing to win: last of all.

    Examples
    --------
    >>> leveraged_return(10.0, 100.0, 110.0, 22.0)
    0.5
    """
    if equity <= 0:
        return -math.inf
    gained, leverage = profit / entry_value, mark_value / equity
    return gained * leverage if gained > 0 else gained / leverage


def percentiles(accounts: Mapping[str, tuple[float, float]], light: int = 20) -> dict[str, int]:
    """Compute each account's place in the queue: cumulative size from the top, in steps.

    Parameters
    ----------
    accounts
        Size and rank by account; the higher the rank, the earlier.
    light
        Step in percent: five lights of 20 %.

    Returns
    -------
    dict
        Percent from the top, rounded up to a step.

    Raises
    ------
    InputError
        If nothing is held.
    """
    total = sum(size for size, _ in accounts.values())
    if not total > 0:
        raise InputError("deleveraging: nobody holds the other side")
    found, passed = {}, 0.0
    for account in sorted(accounts, key=lambda name: -accounts[name][1]):
        passed += accounts[account][0]
        # Sums of sizes round: a light begins strictly above its step.
        found[account] = light * math.ceil(round(100 * passed / total / light, 9))
    return found


def allocate(accounts: Mapping[str, tuple[float, float]], size: float) -> dict[str, float]:
    """Walk the queue from the highest rank until ``size`` is matched; the rest is not.

    Examples
    --------
    >>> allocate({"a": (10.0, 1.0), "b": (10.0, 3.0), "c": (20.0, 2.0)}, 15.0)
    {'b': 10.0, 'c': 5.0}
    """
    closed: dict[str, float] = {}
    for account in sorted(accounts, key=lambda name: -accounts[name][1]):
        part = min(size, accounts[account][0])
        if part <= 0:
            break
        closed[account] = part
        size -= part
    return closed
