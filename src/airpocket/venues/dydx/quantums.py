"""dYdX v4's liquidation arithmetic in quantums: whole numbers, rounded as the chain rounds.

A quote quantum is 10⁻⁶ USDC, a base quantum 10^(atomic resolution) coins. Source:
dydxprotocol/v4-chain ``protocol/x/clob/keeper/liquidations.go`` @84d4664b (2026-03), limits of
``protocol/testing/mainnet/genesis.json`` (what governance changed since 2023-10-26 is not known).
Letters are the chain's own: TNC total net collateral, TMMR total maintenance margin requirement,
PNNV position net notional value, D… change of it by the close, PS position size.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError

__all__ = [
    "MAINNET_GENESIS",
    "LiquidationLimits",
    "LiquidationOrder",
    "bankruptcy_quote",
    "fillable_price",
    "insurance_delta",
    "is_liquidatable",
    "notional_bounds",
    "order_size",
    "sorted_orders",
]

_MILLION: Final = 1_000_000


class LiquidationLimits(Struct, frozen=True, kw_only=True):
    """The chain's ``liquidations_config``.

    Parameters
    ----------
    fee_most_ppm
        Largest share of the fill that goes to the insurance fund.
    position_portion_ppm
        Largest share of a position in one block.
    position_notional_least
        Quote quantums of a position that one block may always close.
    subaccount_notional_most, subaccount_insurance_most
        Quote quantums of a subaccount in one block: closed, and paid by the insurance fund.
    bankruptcy_adjustment_ppm
        BA: how fast the price offered falls as TNC falls.
    spread_to_maintenance_ppm
        SMMR: largest distance of the offered price from the oracle, in maintenance margins.
    """

    fee_most_ppm: int = 15_000
    position_portion_ppm: int = 100_000
    position_notional_least: int = 1_000 * _MILLION
    subaccount_notional_most: int = 100_000 * _MILLION
    subaccount_insurance_most: int = 1_000_000 * _MILLION
    bankruptcy_adjustment_ppm: int = 1_000_000
    spread_to_maintenance_ppm: int = 1_500_000
    source: str = "v4-chain protocol/testing/mainnet/genesis.json (2023-10-26)"


MAINNET_GENESIS: Final = LiquidationLimits()
"""Limits at the chain's first block."""


class LiquidationOrder(Struct, frozen=True):
    """An order of the chain's liquidation queue.

    ``price`` in quote per base, ``oracle`` likewise; ``order_hash`` settles what is equal.
    """

    is_buy: bool
    size: Fraction | int
    price: Fraction | int
    oracle: Fraction | int
    order_hash: bytes = b""


def is_liquidatable(tnc: int, tmmr: int) -> bool:
    """Tell whether a subaccount may be liquidated: it holds something and ``TNC < TMMR``."""
    return tmmr > 0 and tnc < tmmr


def bankruptcy_quote(tnc: int, tmmr: int, dnnv: int, dmmr_abs: int) -> int:
    """Compute the quote quantums for which a close leaves its share of TNC at nothing.

    ``-DNNV - floor(TNC * |DMMR| / TMMR)``: rounded up, so that closing there costs the insurance
    fund nothing (``GetBankruptcyPriceInQuoteQuantums``).

    Raises
    ------
    InputError
        If the subaccount holds nothing.

    Examples
    --------
    >>> bankruptcy_quote(49_987_000_000, 5_000_000_000, -10_673_500, 1_067_350)
    2776
    """
    if tmmr <= 0 or dmmr_abs < 0:
        raise InputError(
            f"bankruptcy price: TMMR {tmmr} and |DMMR| {dmmr_abs} quantums are of no position"
        )
    return -dnnv - tnc * dmmr_abs // tmmr


def fillable_price(
    pnnv: Fraction | int,
    pmmr: Fraction | int,
    size: Fraction | int,
    tnc: Fraction | int,
    tmmr: Fraction | int,
    limits: LiquidationLimits = MAINNET_GENESIS,
) -> Fraction:
    """Compute the worst price at which the chain closes a position.

    ``(PNNV - ABR * SMMR * PMMR) / PS`` with ``ABR = clamp(BA * (1 - TNC / TMMR), 0, 1)``; exact,
    because the chain counts it so (``GetFillablePrice``). PNNV and PS are negative for a short.

    Raises
    ------
    InputError
        If there is no position.

    Examples
    --------
    >>> fillable_price(50_000, 600, 1, 0, 600)
    Fraction(49100, 1)
    """
    if size == 0 or tmmr <= 0:
        raise InputError(f"fillable price: size {size} and TMMR {tmmr} are of no position")
    adjustment = Fraction(limits.bankruptcy_adjustment_ppm, _MILLION)
    rating = min(max(adjustment * (1 - Fraction(tnc) / Fraction(tmmr)), Fraction(0)), Fraction(1))
    spread = rating * Fraction(limits.spread_to_maintenance_ppm, _MILLION) * pmmr
    return (pnnv - spread) / Fraction(size)


def insurance_delta(fill_quote: int, bankruptcy: int, fee_most_ppm: int) -> int:
    """Compute what the insurance fund gains (or pays, negative) at a fill.

    What is above the bankruptcy price, up to the largest fee on the fill, rounded down; all of what
    is below it (``GetLiquidationInsuranceFundDelta``). A buy that closes a short has negative quote
    quantums on both sides.

    Examples
    --------
    >>> insurance_delta(5_610_000_000, 5_100_000_000, 5_000)
    28050000
    """
    return min(abs(fill_quote) * fee_most_ppm // _MILLION, fill_quote - bankruptcy)


def notional_bounds(notional: int, limits: LiquidationLimits = MAINNET_GENESIS) -> tuple[int, int]:
    """Compute the least and the most of a position, in quote quantums, that one block may close."""
    least = min(limits.position_notional_least, abs(notional))
    return least, max(least, abs(notional) * limits.position_portion_ppm // _MILLION)


def order_size(
    size: int,
    notional: int,
    step: int,
    limits: LiquidationLimits = MAINNET_GENESIS,
    already_closed: int = 0,
) -> int:
    """Compute the base quantums of one block's liquidation order.

    As ``GetLiquidatablePositionSizeDelta`` does.

    Parameters
    ----------
    size, notional
        Of the position, in base and quote quantums; signs do not matter.
    step
        The market's step of size.
    already_closed
        Quote quantums of the subaccount closed in this block.

    Returns
    -------
    int
        All of it where the limits allow it (no rounding), else rounded down to the step and at
        least one step.
    """
    size, notional = abs(size), abs(notional)
    most = min(
        notional_bounds(notional, limits)[1], limits.subaccount_notional_most - already_closed
    )
    if notional <= most:
        return size
    wanted = size * max(most, 0) // notional
    return min(max(wanted // step * step, step), size)


def sorted_orders(orders: Iterable[LiquidationOrder]) -> tuple[LiquidationOrder, ...]:
    """Sort a block's liquidations as the chain does.

    By distance of the price from the oracle (relative), then by value at the oracle, both the
    largest first, then by hash (``SortLiquidationOrders``).
    """

    def rank(order: LiquidationOrder) -> tuple[Fraction, Fraction, bytes]:
        oracle = Fraction(order.oracle)
        return (-abs(order.price - oracle) / oracle, -(order.size * oracle), order.order_hash)

    return tuple(sorted(orders, key=rank))
