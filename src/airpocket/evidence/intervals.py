"""Intervals: exact ones for counts and shares, and what days that differ make of a figure."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["Interval", "bootstrap_by_day", "poisson_interval", "share_interval"]

_ROUNDS: Final = 100_000  # terms of a series; large counts need about the square root of them
_TINY: Final = 1e-300


class Interval(Struct, frozen=True):
    """Where a figure lies, with the probability ``level`` that the interval holds it."""

    low: float
    high: float
    level: float


def poisson_interval(count: int, exposure: float = 1.0, level: float = 0.95) -> Interval:
    """Exact interval (Garwood 1936) of a rate, from a count over an exposure.

    Parameters
    ----------
    count
        What was counted, such as false alarms.
    exposure
        Over how much, such as symbol-days; the rate is per unit of it.
    level
        Probability that the interval holds the rate, at least.

    Raises
    ------
    InputError
        If the count is negative, the exposure not positive, or the level not between 0 and 1.

    Examples
    --------
    >>> found = poisson_interval(0, 10.0)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0, 0.3689)
    """
    tail = _tail(level)
    if count < 0:
        raise InputError(f"a count of {count}: it cannot be negative")
    if not 0 < exposure < math.inf:
        raise InputError(f"a count over {exposure!r}: the exposure must be positive")
    low = 0.0 if count == 0 else _gamma_quantile(float(count), tail)
    high = _gamma_quantile(count + 1.0, 1.0 - tail)
    return Interval(low / exposure, high / exposure, level)


def share_interval(hits: int, of: int, level: float = 0.95) -> Interval:
    """Exact interval (Clopper and Pearson 1934) of a share, such as recall.

    Parameters
    ----------
    hits, of
        How many of how many; of none, nothing is known: 0 to 1.
    level
        Probability that the interval holds the share, at least.

    Raises
    ------
    InputError
        If there are more hits than trials, a number is negative, or the level is none.

    Examples
    --------
    >>> found = share_interval(5, 10)
    >>> round(found.low, 4), round(found.high, 4)
    (0.1871, 0.8129)
    """
    tail = _tail(level)
    if not 0 <= hits <= of:
        raise InputError(f"{hits} hits of {of}: give 0 or more hits, and no more than trials")
    low = 0.0 if hits == 0 else _beta_quantile(float(hits), of - hits + 1.0, tail)
    high = 1.0 if hits == of else _beta_quantile(hits + 1.0, float(of - hits), 1.0 - tail)
    return Interval(low, high, level)


def bootstrap_by_day(
    days: int,
    statistic: Callable[[NDArray[np.int64]], float | None],
    *,
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Interval of a figure when whole days are drawn again, with replacement.

    What happens within a day hangs together: ten symbols that fall at once are one piece of
    evidence, not ten. So days are drawn, never single events.

    Parameters
    ----------
    days
        Days there are.
    statistic
        The figure, given how often each day was drawn, shape (days,); ``None`` or NaN where a draw
        does not tell it (no event in it): such draws are left out.
    seed, draws
        Of the random numbers, and how many times days are drawn.
    level
        Share of the draws that lie within the interval.

    Returns
    -------
    Interval or None
        ``None`` for fewer than two days, which cannot tell how days differ, and where less than
        half of the draws told the figure.

    Examples
    --------
    >>> false_alarms = np.array([0, 2, 1])
    >>> bootstrap_by_day(3, lambda drawn: float(drawn @ false_alarms) / 3.0)
    Interval(low=0.0, high=2.0, level=0.95)
    """
    tail = _tail(level)
    if draws < 1:
        raise InputError(f"{draws} draws of days: give at least 1")
    if days < 2:
        return None
    rng = np.random.default_rng(seed)
    told = []
    for drawn in rng.multinomial(days, np.full(days, 1.0 / days), size=draws):
        value = statistic(drawn)
        if value is not None and not math.isnan(value):
            told.append(value)
    if 2 * len(told) < draws:
        return None
    told.sort()  # an order statistic, so that figures without end (a delay beyond D) are one, too
    last = len(told) - 1
    return Interval(told[math.floor(tail * last)], told[math.ceil((1.0 - tail) * last)], level)


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"an interval of level {level!r}: give a share between 0 and 1, as 0.95")
    return (1.0 - level) / 2.0


def _gamma_quantile(shape: float, share: float) -> float:
    """Where the gamma distribution of scale 1 passes a share."""
    high = shape + 1.0
    while _gamma_share(shape, high) < share:
        high *= 2.0
    return _bisect(lambda x: _gamma_share(shape, x), share, high)


def _beta_quantile(a: float, b: float, share: float) -> float:
    """Where the beta distribution passes a share."""
    return _bisect(lambda x: _beta_share(a, b, x), share, 1.0)


def _bisect(share_of: Callable[[float], float], share: float, high: float) -> float:
    low = 0.0
    while True:
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            return middle  # no float lies between
        if share_of(middle) < share:
            low = middle
        else:
            high = middle


def _gamma_share(a: float, x: float) -> float:
    """Regularised incomplete gamma function P(a, x) (DLMF 8.11.4 and 8.9.2)."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        for n in range(1, _ROUNDS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-17:
                break
        return front * total
    return 1.0 - front * _fraction(x + 1.0 - a, lambda n: (n * (a - n), x + 2.0 * n + 1.0 - a))


def _beta_share(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b) (DLMF 8.17.22)."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1.0) / (a + b + 2.0):  # the fraction is quick on one side only
        return 1.0 - _beta_share(b, a, 1.0 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )

    def step(n: int) -> tuple[float, float]:
        m, odd = divmod(n, 2)
        if odd:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    return front / a * _fraction(1.0, step)


def _fraction(first: float, step: Callable[[int], tuple[float, float]]) -> float:
    """One over the continued fraction ``first + a1/(b1 + a2/(b2 + …))`` (Lentz, modified)."""
    b = first or _TINY
    c, d = b, 1.0 / b
    value = d
    c = 1.0 / _TINY
    for n in range(1, _ROUNDS):
        numerator, b = step(n)
        d = b + numerator * d
        d = 1.0 / (d or _TINY)
        c = b + numerator / c
        c = c or _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return value
