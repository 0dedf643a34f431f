"""Whether the books of a venue are right: every lot has its other side, every micro-dollar a place.

Whole numbers, so there is no tolerance. The numbers of the invariants are those of the tests.
"""

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from airpocket.cascade.ledger import FUND, Ledger, exact_sum

__all__ = ["Audit", "audit"]


@final
class Audit(Struct, frozen=True, kw_only=True):
    """All there is, in micro-dollars, at one mark of each instrument.

    ``deposited = cash + realised + unrealised + fees + fund + rounding + venue``; the fund with
    its inventory is in ``fund`` as far as it is money, and in ``unrealised`` with all others.

    Parameters
    ----------
    deposited
        Put in, less taken out, with what the fund had at first.
    cash, realised, unrealised
        Of the accounts; the fund's inventory is in ``unrealised``.
    fees, fund, rounding
        What the venue got as fees; the fund's money; what rounding left.
    venue
        The venue's own profit apart from fees: bad debt that it bears is below 0.
    fund_realised
        Profit that the fund made by selling inventory, which is part of ``fund``.
    deficits, fund_paid, winners_paid, bad_debt, owed
        Losses beyond margin, who bore them, and what nobody bore yet.
    long_lots, short_lots
        Open interest of each instrument, of longs and of shorts.
    faults
        What does not hold, a sentence each; none if all is well.
    """

    deposited: int
    cash: int
    realised: int
    unrealised: int
    fees: int
    fund: int
    rounding: int
    venue: int
    fund_realised: int
    deficits: int
    fund_paid: int
    winners_paid: int
    bad_debt: int
    owed: int
    long_lots: tuple[int, ...]
    short_lots: tuple[int, ...]
    faults: tuple[str, ...] = ()


def audit(ledger: Ledger, mark_ticks: Sequence[int]) -> Audit:
    """Add everything up.

    Parameters
    ----------
    ledger
        The books.
    mark_ticks
        A mark for each instrument; which ones makes no difference to what must hold.

    Examples
    --------
    >>> from airpocket.cascade.insurance import InsuranceFund
    >>> books = Ledger(2, InsuranceFund(0, (1_000,)))
    >>> books.trade(0, 0, 1, 5, 100)
    >>> audit(books, [90]).faults
    ()
    """
    fund = ledger.fund
    every = [np.append(lots, own) for lots, own in zip(ledger.lots, fund.lots, strict=True)]
    paid = [np.append(cost, own) for cost, own in zip(ledger.cost, fund.cost, strict=True)]
    rows = zip(every, paid, fund.units, mark_ticks, strict=True)
    said = Audit(
        deposited=ledger.deposited_micro,
        cash=exact_sum(ledger.cash),
        realised=exact_sum(ledger.realised),
        unrealised=sum(exact_sum(a) * unit * mark - exact_sum(b) for a, b, unit, mark in rows),
        fees=ledger.fees_micro,
        fund=fund.balance_micro,
        rounding=ledger.rounding_micro,
        venue=ledger.venue_micro,
        fund_realised=exact_sum(fund.realised),
        deficits=ledger.deficits_micro,
        fund_paid=ledger.fund_paid_micro,
        winners_paid=ledger.winners_paid_micro,
        bad_debt=ledger.bad_debt_micro,
        owed=sum(ledger.owed_micro.values()),
        long_lots=tuple(exact_sum(np.maximum(lots, 0)) for lots in every),
        short_lots=tuple(-exact_sum(np.minimum(lots, 0)) for lots in every),
    )
    return replace(said, faults=tuple(_faults(ledger, said)))


def _faults(ledger: Ledger, said: Audit) -> Iterator[str]:
    for i, (longs, shorts) in enumerate(zip(said.long_lots, said.short_lots, strict=True)):
        if longs != shorts:
            yield f"I01 instrument {i}: {longs} lots long, {shorts} short"
    held = said.cash + said.realised + said.unrealised + said.fees + said.fund
    if missing := said.deposited - held - said.rounding - said.venue:
        yield f"I02 {missing} micro-dollars are missing"
    if both := said.realised + said.fund_realised + said.unrealised:
        yield f"I03 profits, real and not, are {both} together, not 0"
    if (ledger.cost[ledger.lots == 0] != 0).any():
        yield "I09 a position is closed, and its cost is not"
    yield from _unsaid(ledger, said)


def _unsaid(ledger: Ledger, said: Audit) -> Iterator[str]:
    """Name losses beyond margin (I06) that nobody bore and nobody was asked for."""
    borne = said.fund_paid + said.winners_paid + said.bad_debt + said.owed
    if said.deficits != borne:
        yield f"I06 of {said.deficits} lost beyond margin {borne} are accounted for"
    owed, short = ledger.owed_micro, ledger.fund.shortfall_micro
    if short > owed.get(FUND, 0):
        yield f"I06 the fund is short of {short} and has not said so"
    unsaid = np.where(ledger.lots.any(axis=0), 0, -(ledger.cash + ledger.realised))
    for row, micro in owed.items():
        if row != FUND:
            unsaid[row] -= micro
    if (rows := np.flatnonzero(unsaid > 0)).size:
        yield (
            f"I06 {rows.size} accounts owe {exact_sum(unsaid[rows])} and nobody was asked: the "
            f"first is account {rows[0]} with {unsaid[rows[0]]}"
        )
