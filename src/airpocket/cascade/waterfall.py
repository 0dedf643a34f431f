"""Who pays for forced orders: margin, fund, winners, or nobody."""

from typing import final

from msgspec import Struct

from airpocket.cascade.impact import Curve
from airpocket.cascade.outcome import Waterfall
from airpocket.cascade.prepared import PreparedLadder
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError

__all__ = ["Payers", "pour"]


@final
class Payers(Struct, frozen=True, kw_only=True):
    """Who stands behind a liquidated position, in the order of a venue's rules.

    Parameters
    ----------
    fund_usd
        What the insurance fund holds; ``None``: there is none, or it is not known.
    fee_rate
        Liquidation fee, a share of the closed notional, as far as margin is left for it.
    margin_left_to_fund
        Whether the fund gets the margin that is left after closing; else its owner does.
    has_adl
        Whether winners bear what the fund cannot; else it is bad debt.
    """

    fund_usd: float | None = None
    fee_rate: float = 0.0
    margin_left_to_fund: bool = False
    has_adl: bool = False

    def __post_init__(self) -> None:
        if self.fund_usd is not None and not 0 <= self.fund_usd < 1e18:
            raise InputError(f"insurance fund of {self.fund_usd!r} dollars: give 0 or more")
        if not 0 <= self.fee_rate < 1:
            raise InputError(f"liquidation fee {self.fee_rate!r}: give a share below 1")


def pour(
    ready: PreparedLadder,
    passed: int,
    curve: Curve,
    shock: Shock,
    payers: Payers | None,
    end: float,
) -> Waterfall:
    """Work out who pays for the first ``passed`` levels."""
    forced = float(ready.cumulative_usd[passed])
    return Waterfall(forced_usd=forced, absorbed_usd=shock.absorbed * forced, unknown_usd=forced)
