"""Hyperliquid's funding: an eight-hour formula, paid by the hour, on oracle notional.

Source: docs, ``trading/funding`` and ``trading/contract-specifications``, mirror
dzmbs/hyperliquid-docs @14ba3d49 (2026-08-22).
"""

import math
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.marks import premium_of

__all__ = [
    "CAP_PER_HOUR",
    "CLAMP",
    "INTEREST_8H",
    "SAMPLE_EVERY_S",
    "FundingRate",
    "ImpactPrices",
    "funding_payment",
    "funding_rate",
    "impact_notional",
    "premium",
]

INTEREST_8H: Final = 0.0001
"""Interest of eight hours; a HIP-3 deployer may set another."""

CLAMP: Final = 0.0005
"""Bound of interest less premium."""

CAP_PER_HOUR: Final = 0.04
"""Largest rate of one hour, either way."""

SAMPLE_EVERY_S: Final = 5
"""The premium is sampled this often and averaged over the hour."""


class ImpactPrices(Struct, frozen=True, kw_only=True):
    """Average prices of trading the impact notional on either side, and the oracle."""

    impact_bid: float
    impact_ask: float
    oracle: float
    is_hip3: bool = False

    def __post_init__(self) -> None:
        for name in ("impact_bid", "impact_ask", "oracle"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"funding: {name} is {value!r}, not a price above 0")
        if self.impact_bid > self.impact_ask:
            raise InputError(
                f"funding: impact bid {self.impact_bid!r} is above impact ask"
                f" {self.impact_ask!r}: sides swapped?"
            )


class FundingRate(Struct, frozen=True):
    """Rate of eight hours as the formula gives it, and what one hour pays of it."""

    rate_8h: float
    hourly: float


def impact_notional(coin: str) -> float:
    """US dollars that the impact prices trade."""
    return 20_000.0 if coin in {"BTC", "ETH"} else 6_000.0


def premium(prices: ImpactPrices) -> float:
    """Compute one sample of the premium.

    ``(max(impact_bid - oracle, 0) - max(oracle - impact_ask, 0)) / oracle``; of HIP-3 markets the
    middle of the impact prices over the oracle, less 1.
    """
    oracle = prices.oracle
    if prices.is_hip3:
        return 0.5 * (prices.impact_bid + prices.impact_ask) / oracle - 1
    return premium_of(prices.impact_bid, prices.impact_ask, oracle)


def funding_rate(mean_premium: float, interest_8h: float = INTEREST_8H) -> FundingRate:
    """Compute the rate of an hour from the mean of its premium samples.

    ``F = P + clamp(interest - P, ±0.05 %)`` is of eight hours; an eighth is paid each hour, at most
    4 %.

    Raises
    ------
    InputError
        If a figure is not finite.

    Examples
    --------
    >>> rate = funding_rate(0.01)
    >>> round(rate.rate_8h, 10), round(rate.hourly, 10)
    (0.0095, 0.0011875)
    """
    if not math.isfinite(mean_premium) or not math.isfinite(interest_8h):
        raise InputError(f"funding: premium {mean_premium!r}, interest {interest_8h!r}: no numbers")
    rate = mean_premium + min(max(interest_8h - mean_premium, -CLAMP), CLAMP)
    return FundingRate(rate, min(max(rate / 8, -CAP_PER_HOUR), CAP_PER_HOUR))


def funding_payment(signed_size: float, oracle: float, hourly: float) -> float:
    """Compute what a position (negative size: short) pays for an hour, in USDC.

    On the *oracle* price, not on the mark (``trading/funding``).
    """
    return signed_size * oracle * hourly
