"""dYdX v4's funding: the premium of impact prices, clamped by the margin of the market.

Source: dydxprotocol/v4-chain ``x/clob/keeper/get_price_premium.go``,
``x/perpetuals/types/liquidity_tier.go`` (clamp), ``x/perpetuals/funding/funding.go`` (payment),
``testing/genesis.sh`` (clamp factor 6, default funding 0), read 2026-11. There is no interest. The
mark price is the oracle price: the chain's own book has no part in it.
"""

import math
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.marks import premium_of

__all__ = [
    "CLAMP_FACTOR",
    "IMPACT_MARGIN_USDC",
    "FundingTerms",
    "funding_payment",
    "funding_rate",
    "impact_notional",
    "premium_of",
]

CLAMP_FACTOR: Final = 6.0
"""The rate of eight hours is at most this times (initial less maintenance margin)."""

IMPACT_MARGIN_USDC: Final = 500.0
"""Impact prices trade what this margin opens."""


class FundingTerms(Struct, frozen=True, kw_only=True):
    """A market's terms: its margins (fractions) and the rate added to every premium."""

    initial_rate: float
    maintenance_rate: float
    default_8h: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.maintenance_rate <= self.initial_rate <= 1:
            raise InputError(
                f"funding: margins {self.initial_rate!r} and {self.maintenance_rate!r} are not"
                " fractions with the maintenance margin below the initial one"
            )


def impact_notional(terms: FundingTerms) -> float:
    """Compute the notional that impact prices trade, in USDC."""
    return IMPACT_MARGIN_USDC / terms.initial_rate


def funding_rate(mean_premium: float, terms: FundingTerms) -> float:
    """Compute the rate of eight hours from the mean premium of the hour.

    Examples
    --------
    >>> funding_rate(0.1, FundingTerms(initial_rate=0.02, maintenance_rate=0.012))
    0.048
    """
    if not math.isfinite(mean_premium):
        raise InputError(f"funding: a premium of {mean_premium!r} is no number")
    most = CLAMP_FACTOR * (terms.initial_rate - terms.maintenance_rate)
    return min(max(mean_premium + terms.default_8h, -most), most)


def funding_payment(signed_size: float, oracle: float, rate_8h: float, elapsed_s: float) -> float:
    """Compute what a position (negative size: short) pays for ``elapsed_s``, in USDC.

    The rate is of eight hours and accrues with time; the chain books it every hour.
    """
    return signed_size * oracle * rate_8h * elapsed_s / 28_800
