"""Who pays for forced orders: margin, fund, winners, or nobody.

Profit is counted in dollars by base coin, which is exact for linear contracts. For inverse ones a
loss differs by the distance between the prices of trigger and bankruptcy.
"""

from typing import final

import numpy as np
from msgspec import Struct

from airpocket.cascade.impact import Curve
from airpocket.cascade.outcome import Waterfall
from airpocket.cascade.prepared import PreparedLadder, waiting_of
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["Payers", "pour_losses"]


@final
class Payers(Struct, frozen=True, kw_only=True):
    """Who stands behind a liquidated position, in the order of a venue's rules.

    Parameters
    ----------
    fund_usd
        What the insurance fund holds; ``None``: there is none, or it is not known.
    fee_rate
        Liquidation fee, a share of the closed notional, as far as margin is left for it.
    margin_left_to_fund, fee_to_fund
        Whether the fund gets the margin that is left after closing (else its owner does), and the
        fee (else the venue does).
    has_adl
        Whether winners bear what the fund cannot; else it is bad debt.

    Raises
    ------
    InputError
        If a figure is not of its kind, or something goes to a fund that is not there.
    """

    fund_usd: float | None = None
    fee_rate: float = 0.0
    margin_left_to_fund: bool = False
    fee_to_fund: bool = False
    has_adl: bool = False

    def __post_init__(self) -> None:
        if self.fund_usd is not None and not 0 <= self.fund_usd < 1e18:
            raise InputError(f"insurance fund of {self.fund_usd!r} dollars: give 0 or more")
        if not 0 <= self.fee_rate < 1:
            raise InputError(f"liquidation fee {self.fee_rate!r}: give 0 or more and below 1")
        if self.fund_usd is None and (self.margin_left_to_fund or self.fee_to_fund):
            raise InputError(
                "margin or fee goes to a fund of which nothing is known: give fund_usd"
            )


def pour_losses(
    ready: PreparedLadder,
    passed: int,
    curve: Curve,
    shock: Shock,
    payers: Payers | None,
    end: float,
) -> Waterfall:
    """Work out who pays for the first levels of a ladder.

    What reaches the book is sold along the impact curve in the order of the levels, so a level
    gets the mean price of its stretch. What a backstop absorbs takes its margin along and is closed
    at no price here. What is left of margin pays the fee; what is missing is paid by the fund,
    level by level, then by winners at the bankruptcy price, or by nobody.

    Parameters
    ----------
    ready, passed
        What was forced: the first ``passed`` levels.
    curve, shock, end
        What moved the price, and where it came to rest.
    payers
        Who stands behind; ``None``: losses are not worked out, all of it is unknown.
    """
    levels, forced = ready.levels, float(ready.cumulative_usd[passed])
    absorbed = shock.absorbed * forced
    if payers is None or levels.bankruptcy_price is None:
        fund = None if payers is None else payers.fund_usd
        return Waterfall(
            forced_usd=forced,
            absorbed_usd=absorbed,
            unknown_usd=forced,
            fund_before_usd=fund,
            fund_after_usd=fund,
        )
    from airpocket.cascade.waterfall_kernels import Forced, pour  # noqa: PLC0415 — loads numba

    waiting = waiting_of(ready, shock)
    borne = pour(
        Forced(
            ready.distance[:passed],
            np.require(levels.notional_usd[:passed], np.float64, ["C", "W"]),
            np.require(levels.qty_base[:passed], np.float64, ["C", "W"]),
            np.require(levels.bankruptcy_price[:passed], np.float64, ["C", "W"]),
        ),
        waiting.buy_fall,
        waiting.buy_usd,
        curve.usd,
        curve.fall,
        curve.law,
        shock.fall,
        float(shock.order_usd or 0.0),
        waiting.kept,
        end,
        ready.first_price,
        1.0 if ready.side is Side.LONG else -1.0,
        float(payers.fee_rate),
        float(payers.fund_usd or 0.0),
        payers.margin_left_to_fund,
        payers.fee_to_fund,
        payers.has_adl,
    )
    return Waterfall(
        forced_usd=forced,
        absorbed_usd=absorbed,
        margin_before_usd=borne.margin_before,
        margin_handed_usd=borne.margin_handed,
        margin_left_usd=borne.margin_left,
        margin_lost_usd=borne.margin_lost,
        fee_usd=borne.fee,
        fund_before_usd=payers.fund_usd,
        fund_after_usd=None if payers.fund_usd is None else borne.fund,
        fund_paid_usd=borne.fund_paid,
        adl_usd=borne.adl,
        adl_notional_usd=borne.adl_notional,
        bad_debt_usd=borne.bad_debt,
        loss_usd=borne.loss,
        unknown_usd=borne.unknown,
    )
