"""Hyperliquid's oracle and mark price.

Source: docs, ``trading/robust-price-indices`` and ``hypercore/oracle``, mirror
dzmbs/hyperliquid-docs @14ba3d49 (2026-08-22). The mark price imports the perpetual mid prices of
five other exchanges: a fall there moves liquidations here, by rule.
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError

__all__ = [
    "BASIS_TAU_S",
    "OWN_TAU_S",
    "PERP_WEIGHTS",
    "SPOT_WEIGHTS",
    "Ema",
    "MarkInputs",
    "mark_price",
    "oracle_price",
    "own_price",
    "validator_price",
    "weighted_median",
]

PERP_WEIGHTS: Final = MappingProxyType(
    {"binance": 3.0, "okx": 2.0, "bybit": 2.0, "gate": 1.0, "mexc": 1.0}
)
"""Weight of each exchange's perpetual mid in the third input of the mark price."""

SPOT_WEIGHTS: Final = MappingProxyType(
    {
        "binance": 3.0, "okx": 2.0, "bybit": 2.0, "kraken": 1.0, "kucoin": 1.0, "gate": 1.0,
        "mexc": 1.0, "hyperliquid": 1.0,
    }
)  # fmt: skip
"""Weight of each spot market in one validator's price."""

BASIS_TAU_S: Final = 150.0
"""Time constant of the average of mid less oracle."""

OWN_TAU_S: Final = 30.0
"""Time constant of the average of the own book, used when exactly two inputs exist."""


class Ema(Struct, frozen=True):
    """An exponential average of samples that come at uneven times.

    ``numerator -> numerator exp(-t / tau) + sample t``, ``denominator`` likewise with 1 for the
    sample; its value is their ratio (``robust-price-indices``, which prints it for tau = 2.5
    minutes).

    Examples
    --------
    >>> Ema(150.0).fed(10.0, 3.0).fed(10.0, 3.0).value
    10.0
    """

    tau_s: float
    numerator: float = 0.0
    denominator: float = 0.0

    @property
    def value(self) -> float | None:
        """Average so far; ``None`` before the first sample."""
        return self.numerator / self.denominator if self.denominator > 0 else None

    def fed(self, sample: float, elapsed_s: float) -> "Ema":
        """Take in a sample, ``elapsed_s`` after the one before.

        Raises
        ------
        InputError
            If the sample is not finite or time does not move forward.
        """
        if not math.isfinite(sample) or not 0 < elapsed_s < math.inf:
            raise InputError(
                f"average: sample {sample!r} after {elapsed_s!r} s: it wants a finite"
                " sample and a time above 0"
            )
        kept = math.exp(-elapsed_s / self.tau_s)
        return Ema(
            self.tau_s,
            self.numerator * kept + sample * elapsed_s,
            self.denominator * kept + elapsed_s,
        )


class MarkInputs(Struct, frozen=True, kw_only=True):
    """What a mark price is made of; ``None`` or absent is "does not exist now".

    Parameters
    ----------
    oracle
        Oracle price.
    basis
        150 s average (:class:`Ema`) of the own mid less the oracle.
    bid, ask, last
        Own book and last trade.
    perp_mids
        Mid price of each exchange of :data:`PERP_WEIGHTS`.
    own_average
        30 s average of the median of bid, ask and last.
    """

    oracle: float | None = None
    basis: float | None = None
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    perp_mids: tuple[tuple[str, float], ...] = ()
    own_average: float | None = None

    def __post_init__(self) -> None:
        for name in ("oracle", "bid", "ask", "last", "own_average"):
            _checked(name, getattr(self, name))
        if self.basis is not None and not math.isfinite(self.basis):
            raise InputError(f"mark price: basis is {self.basis!r}, not a number")
        for venue, mid in self.perp_mids:
            _checked(f"mid of {venue}", mid)


def _checked(name: str, price: float | None) -> None:
    if price is not None and not 0 < price < math.inf:
        raise InputError(f"mark price: {name} is {price!r}, not a price above 0")


def weighted_median(weighted: Iterable[tuple[float, float]]) -> float | None:
    """Find the median of ``(value, weight)``; ``None`` of nothing.

    Where the weight below equals the weight above, it is the middle between the two values.

    Examples
    --------
    >>> weighted_median([(100.0, 3.0), (101.0, 2.0), (102.0, 2.0), (103.0, 1.0), (104.0, 1.0)])
    101.0
    """
    rows = sorted(row for row in weighted if row[1] > 0)
    half = sum(weight for _, weight in rows) / 2
    below = 0.0
    for index, (value, weight) in enumerate(rows):
        below += weight
        if below > half:
            return value
        if below == half:
            return (value + rows[index + 1][0]) / 2
    return None


def _by_weight(
    prices: Iterable[tuple[str, float]], weights: Mapping[str, float], what: str
) -> float | None:
    rows = []
    for venue, price in prices:
        if venue not in weights:
            raise InputError(f"{what}: {venue!r} has no weight in it, only {', '.join(weights)}")
        rows.append((price, weights[venue]))
    return weighted_median(rows)


def validator_price(spots: Iterable[tuple[str, float]]) -> float | None:
    """Compute one validator's price of spot prices by exchange (``hypercore/oracle``)."""
    return _by_weight(spots, SPOT_WEIGHTS, "oracle")


def oracle_price(votes: Iterable[tuple[float, float]]) -> float | None:
    """Compute the oracle price of ``(validator's price, its stake)``."""
    return weighted_median(votes)


def own_price(inputs: MarkInputs) -> float | None:
    """Compute the median of best bid, best ask and last trade; ``None`` unless all exist."""
    if inputs.bid is None or inputs.ask is None or inputs.last is None:
        return None
    return sorted((inputs.bid, inputs.ask, inputs.last))[1]


def mark_price(inputs: MarkInputs) -> float:
    """Compute the mark price.

    The median of oracle plus average basis, own price, and weighted median of other exchanges'
    perpetual mids; if exactly two of them exist, the 30 s average of the own price joins.

    Raises
    ------
    InputError
        If none of its inputs exists.

    Examples
    --------
    >>> mark_price(MarkInputs(oracle=100.0, basis=-0.5, bid=97.0, ask=97.2, last=97.1,
    ...     perp_mids=(("binance", 98.0), ("okx", 99.0))))
    98.0
    """
    found = []
    if inputs.oracle is not None and inputs.basis is not None:
        found.append(inputs.oracle + inputs.basis)
    own = own_price(inputs)
    if own is not None:
        found.append(own)
    abroad = _by_weight(inputs.perp_mids, PERP_WEIGHTS, "mark price")
    if abroad is not None:
        found.append(abroad)
    if len(found) == 2 and inputs.own_average is not None:
        found.append(inputs.own_average)
    mark = weighted_median((price, 1.0) for price in found)
    if mark is None:
        raise InputError(
            "mark price: none of its inputs exists (oracle with basis, bid with ask and last,"
            " other exchanges' mids)"
        )
    return mark
