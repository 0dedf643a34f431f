"""Open loans against BTC on Aave as a lending ladder.

A level is one liquidation call, at the price of BTC at which the health factor is 1: the debt that
the close factor allows, and the collateral taken for it with the bonus. What is left of the loan
waits again, lower. What the extract of loans does not have is assumed as :mod:`.open_loans` says.
"""

from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.leverage.ladder import (
    Forced,
    Ladder,
    Layer,
    Levels,
    Provenance,
    levels_of,
    merged,
)
from airpocket.leverage.lending import LendingRules, Loan
from airpocket.market.events import Side
from airpocket.units import say_usd
from airpocket.venues.aave.open_loans import BTC, Loans
from airpocket.venues.aave.rules import rules_at

__all__ = ["lending_ladder"]

_FARTHEST: Final = 0.1  # of the price: what waits lower is not looked for
_PAST_EDGE: Final = 1 - 1e-9  # a health factor must be below 1, not at it


def lending_ladder(
    loans: Loans,
    btc_price: float,
    *,
    rules: LendingRules | None = None,
    at_ns: int | None = None,
) -> Ladder:
    """Lay loans out by the price of BTC at which each may be liquidated.

    Parameters
    ----------
    loans
        Of :func:`read_loans`, at the same price.
    btc_price
        US dollars.
    rules
        The protocol's; ``None``: Aave v3.7.
    at_ns
        When it was so.

    Returns
    -------
    Ladder
        One measured layer; ``longs`` holds liquidation calls, dollars and coins are what is taken
        of the collateral. Nobody is short, so ``shorts`` is empty.
    """
    book = rules_at(at_ns=at_ns) if rules is None else rules
    calls: list[tuple[float, float, float]] = []
    past: list[float] = []
    stuck = 0
    for loan in loans.loans:
        if book.is_liquidatable(loan):
            past.append(loan.collateral_value)
            continue
        found, is_stuck = _calls(loan, btc_price, book)
        calls += found
        stuck += is_stuck
    rows = np.array(calls).reshape(-1, 3)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=_levels(rows),
        shorts=merged([], Side.SHORT),
        source=loans.source,
        assumed=(
            *loans.assumed,
            *_PLAIN,
            f"{len(past):,} loans on {say_usd(sum(past))} of BTC left out: {_PAST}",
            *((f"{stuck:,} loans end where no call may leave what it would",) if stuck else ()),
            f"liquidations by {book.rule_id} ({book.source})",
        ),
    )
    return Ladder(
        venue="aave", symbol="BTC/USD", mark_price=btc_price, layers=(layer,), at_ns=at_ns
    )


_PAST: Final = "with BTC alone they would be past liquidation, so other collateral is behind them"
_PLAIN: Final = (
    "other collateral is not in the extract: none is counted, each price is the highest possible",
    "eMode is not in the extract: none is counted",
    "debts keep their amounts and, other than in BTC, their prices while BTC falls",
    "the largest debt is repaid at the health factor 1, and all that is taken counts as sold",
)


def _calls(
    loan: Loan, btc_price: float, rules: LendingRules
) -> tuple[list[tuple[float, float, float]], bool]:
    """Follow a loan down: price, dollars and coins of each call, and whether it got stuck."""
    found: list[tuple[float, float, float]] = []
    while loan.debt_value > 0 and loan.collateral[0].amount > 0:
        edge = rules.liquidation_price(loan, BTC).price
        if edge is None or edge < _FARTHEST * btc_price:
            return found, False
        loan = _at(loan, edge * _PAST_EDGE)
        largest = max(loan.debts, key=lambda row: row.value)
        try:
            call = rules.seizure(loan, largest.asset, BTC)
        except InputError:
            return found, True
        taken, repaid = call.seized[0][1], call.repaid[0][1]
        found.append((edge, taken * edge, taken))
        loan = _after(loan, largest.asset, repaid, taken)
    return found, False


def _at(loan: Loan, btc_price: float) -> Loan:
    """Give the loan at another price of BTC."""
    behind = structs.replace(loan.collateral[0], price=btc_price)
    debts = (
        structs.replace(row, price=btc_price) if row.asset == BTC else row for row in loan.debts
    )
    return Loan(collateral=(behind,), debts=tuple(debts))


def _after(loan: Loan, debt: str, repaid: float, taken: float) -> Loan:
    """Give what a call leaves of a loan."""
    behind = loan.collateral[0]
    left = structs.replace(behind, amount=_rest(behind.amount, taken))
    debts = (
        structs.replace(row, amount=_rest(row.amount, repaid)) if row.asset == debt else row
        for row in loan.debts
    )
    return Loan(collateral=(left,), debts=tuple(debts))


def _rest(amount: float, gone: float) -> float:
    rest = amount - gone
    return rest if rest > amount * 1e-12 else 0.0


def _levels(rows: NDArray[np.float64]) -> Levels:
    return levels_of(
        Side.LONG,
        rows[:, 0].copy(),
        rows[:, 1].copy(),
        rows[:, 2].copy(),
        np.ones(len(rows), dtype=np.int64),
    )
