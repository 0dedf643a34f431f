"""The price at which what stands behind positions meets what they must hold, under tiers.

Along ``x`` (see :mod:`airpocket.leverage.values`) equity is a straight line and the requirement one
of pieces, so the price is found exactly, piece by piece, in the tier that holds *there*. Nothing
is iterated and nothing has to converge.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from airpocket.leverage.margin import LiquidationPrice
from airpocket.leverage.position import Position
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.leverage.values import price_at, sign_along, size_of, x_of

__all__ = ["Leg", "kept_share", "leg_of", "solve_price"]


class Leg(Struct, frozen=True):
    """One position along ``x``.

    ``size`` units of margin coin per unit of ``x``; ``sign`` +1 if it gains as ``x`` rises;
    ``fee_rate`` is what the requirement holds besides the tier's rate (a closing fee).
    """

    size: float
    sign: int
    entry_x: float
    tiers: tuple[Tier, ...]
    fee_rate: float = 0.0

    def tier_at(self, x: float) -> int:
        """Find the tier of the leg's value at ``x`` (the last one beyond the table)."""
        value = self.size * x
        found = (index for index, tier in enumerate(self.tiers) if value <= tier.up_to)
        return next(found, len(self.tiers) - 1)


def leg_of(position: Position, table: TierTable, fee_rate: float = 0.0) -> Leg:
    """Lay a position along ``x``.

    Where the bounds of tiers count contracts the tier does not depend on the price, and the leg
    has that tier alone.

    Raises
    ------
    InputError
        If the position is larger than the last tier of contracts.
    """
    tiers = table.tiers
    if table.unit is TierUnit.CONTRACTS:
        own = tiers[table.index_at(position.qty_raw)]
        tiers = (Tier(0.0, float("inf"), own.rate, own.deduction, own.leverage_most),)
    entry_x = x_of(position, position.entry_price)
    return Leg(size_of(position), sign_along(position), entry_x, tiers, fee_rate)


def _pieces(behind: float, legs: Sequence[Leg]) -> Iterator[tuple[float, float, float, float]]:
    """Go through (from, to, constant, slope) of equity less requirement, from x = 0 upward."""
    end = min(leg.tiers[-1].up_to / leg.size for leg in legs)
    bounds = sorted({tier.up_to / leg.size for leg in legs for tier in leg.tiers} | {end})
    low, at = 0.0, [0] * len(legs)
    for high in bounds:
        if high > end or high <= low:
            continue
        # A point well inside the piece names its tiers: at a bound rounding could name either.
        inside = low + (high - low) / 2 if high < float("inf") else low + 1.0
        constant, slope = behind, 0.0
        for number, leg in enumerate(legs):
            while (
                at[number] + 1 < len(leg.tiers) and leg.size * inside > leg.tiers[at[number]].up_to
            ):
                at[number] += 1
            tier = leg.tiers[at[number]]
            constant += tier.deduction - leg.sign * leg.size * leg.entry_x
            slope += leg.size * (leg.sign - tier.rate - leg.fee_rate)
        yield low, high, constant, slope
        low = high


def _crossings(behind: float, legs: Sequence[Leg]) -> tuple[list[tuple[float, bool]], bool]:
    """Find where the sign changes, as (x, rising), and whether all is well at x = 0."""
    found: list[tuple[float, bool]] = []
    first: bool | None = None
    was = False
    for low, high, constant, slope in _pieces(behind, legs):
        left = constant + slope * low > 0
        if first is None:
            first = left
        elif left != was:
            found.append((low, left))  # a step between tiers
        was = left
        # Without end the slope decides, and without slope the constant does.
        right = (constant + slope * high if slope else constant) > 0
        if right != left:
            found.append((-constant / slope, right))
            was = right
    return found, bool(first)


def solve_price(position: Position, behind: float, legs: Sequence[Leg]) -> LiquidationPrice:
    """Find the price of an instrument at which its legs are liquidated.

    Parameters
    ----------
    position
        Any of the legs: it says how ``x`` becomes a price.
    behind
        What stands behind the legs apart from their own profit: the isolated margin, or the wallet
        plus the profit of other contracts less their maintenance.
    legs
        One, or in hedge mode the long and the short: they share one price.

    Returns
    -------
    LiquidationPrice
        For a net long the price below which it is taken, for a net short the one above which it
        is. A hedged pair may have both, because maintenance grows with the price on either leg;
        the one in the direction of the net position is given.
    """
    found, at_zero = _crossings(behind, legs)
    gains_up = sum(leg.sign * leg.size for leg in legs) > 0
    own = [x for x, rising in found if rising is gains_up] or [x for x, _ in found]
    own = [x for x in own if x > 0]
    if own:
        x = own[-1] if gains_up else own[0]
        return LiquidationPrice(price_at(position, x), legs[0].tier_at(x))
    # A long that is paid in full meets its requirement at 0 and is above it at every price.
    if not at_zero and not any(x == 0 and rising for x, rising in found):
        return LiquidationPrice(None, None, "it is below its requirement at every price")
    end = min(leg.tiers[-1].up_to / leg.size for leg in legs)
    if gains_up or end == float("inf"):
        return LiquidationPrice(None, None, "what stands behind it covers every price")
    reason = f"it is covered up to {price_at(position, end):g}, where its tiers end"
    return LiquidationPrice(None, None, reason)


def kept_share(value: float, spare: float, tiers: Sequence[Tier], fee_rate: float) -> float:
    """Find how much of a position can stay if the rest is closed at the mark.

    The largest kept value ``y`` with ``spare - fee_rate (value - y) >= y rate - deduction``.

    Parameters
    ----------
    value
        Of the position at the mark.
    spare
        Equity less what other positions must hold.
    tiers
        Of notional.
    fee_rate
        Charged on what is closed.

    Returns
    -------
    float
        From 0 (all is closed) to 1.
    """
    for tier in reversed(tiers):
        if tier.above >= value:
            continue
        constant, slope = spare - fee_rate * value + tier.deduction, fee_rate - tier.rate
        high = min(tier.up_to, value)
        if constant + slope * high >= 0:
            return high / value
        if constant + slope * tier.above > 0:
            return -constant / slope / value
    return 0.0
