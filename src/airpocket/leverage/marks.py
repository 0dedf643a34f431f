"""Mark price and funding as several venues compute them: a median of three, a clamped premium.

Binance and Bybit take the median of the index with funding, the index with its mean basis, and the
last trade; they differ in how long the basis is averaged. Binance, Bybit and OKX clamp the premium
around the interest rate.
"""

from collections.abc import Sequence

from msgspec import Struct

from airpocket.errors import InputError

__all__ = [
    "FundingInput",
    "MarkInput",
    "funding_rate",
    "impact_notional",
    "index_and_basis",
    "median_mark",
    "premium_of",
    "weighted_premium",
]


class MarkInput(Struct, frozen=True, kw_only=True):
    """What a mark price is made of.

    Parameters
    ----------
    index
        Index price.
    funding_rate
        The last one.
    hours_to_funding
        Hours to the next payment.
    basis_mean
        Mean of the book's mid less the index over the venue's window.
    last
        Price of the last trade.
    """

    index: float
    funding_rate: float
    hours_to_funding: float
    basis_mean: float
    last: float


class FundingInput(Struct, frozen=True, kw_only=True):
    """What a funding rate is made of.

    Parameters
    ----------
    mean_premium
        Weighted mean of the premium over the interval, as a fraction.
    interval_h
        Hours between payments.
    cap
        Highest rate; ``floor`` the lowest, ``-cap`` if not given.
    interest_rate
        For eight hours.
    band
        How far the interest rate may pull the premium.
    """

    mean_premium: float
    cap: float
    interval_h: float = 8.0
    floor: float | None = None
    interest_rate: float = 0.0001
    band: float = 0.0005


def median_mark(given: MarkInput) -> float:
    """Compute ``median(index (1 + funding h / 8), index + basis, last)``.

    Examples
    --------
    >>> median_mark(MarkInput(index=100_000.0, funding_rate=0.0001, hours_to_funding=4.0,
    ...     basis_mean=-50.0, last=99_700.0))
    99950.0
    """
    with_funding = given.index * (1 + given.funding_rate * given.hours_to_funding / 8)
    return sorted((with_funding, given.index + given.basis_mean, given.last))[1]


def index_and_basis(given: MarkInput) -> float:
    """Compute ``index + basis``: OKX, and what Binance takes for delivery contracts."""
    return given.index + given.basis_mean


def premium_of(impact_bid: float, impact_ask: float, index: float) -> float:
    """Compute one premium: ``(max(0, bid - index) - max(0, index - ask)) / index``."""
    return (max(0.0, impact_bid - index) - max(0.0, index - impact_ask)) / index


def weighted_premium(premiums: Sequence[float]) -> float:
    """Average premiums with linearly rising weights, the latest the heaviest.

    Raises
    ------
    InputError
        If there are none.

    Examples
    --------
    >>> weighted_premium([0.0, 0.003])
    0.002
    """
    if not premiums:
        raise InputError("funding: no premium was seen, so its mean is not known")
    weights = range(1, len(premiums) + 1)
    weighed = sum(weight * premium for weight, premium in zip(weights, premiums, strict=True))
    return weighed / sum(weights)


def impact_notional(leverage_most: float) -> float:
    """Compute the notional that impact prices are read at: 200 USDT times the highest leverage."""
    return 200.0 * leverage_most


def funding_rate(given: FundingInput, *, by_interval: bool = True) -> float:
    """Compute ``(P + clamp(I - P, ±band)) / (8 / N)``, then clamp it to floor and cap.

    Parameters
    ----------
    given
        Premium, interval and bounds.
    by_interval
        Whether the rate is divided by ``8 / N``; the rules of Binance before 2025-09-18 do not.

    Raises
    ------
    InputError
        If the interval is not between 0 and 8 hours.

    Examples
    --------
    >>> funding_rate(FundingInput(mean_premium=0.0, cap=0.003))
    0.0001
    """
    if not 0 < given.interval_h <= 8:
        raise InputError(f"funding: an interval of {given.interval_h:g} h is not within 0 to 8 h")
    premium = given.mean_premium
    pulled = premium + min(max(given.interest_rate - premium, -given.band), given.band)
    rate = pulled * given.interval_h / 8 if by_interval else pulled
    return min(max(rate, -given.cap if given.floor is None else given.floor), given.cap)
