"""Where every micro-dollar is: accounts, fund, fees, rounding, and what nobody could pay.

Nothing is made and nothing is lost: each booking has two sides, what rounding leaves lies in an
account of its own, and ``cascade.audit`` adds it all up in whole numbers, with no tolerance.

One side of a trade may make its profit real while the other only opens. So what is constant is
cash and realised profit *with* the unrealised one, at any one mark: both profits together are zero
over all accounts and the fund.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from airpocket.cascade.insurance import InsuranceFund, Payment
from airpocket.errors import InputError

__all__ = ["FUND", "Ledger", "exact_sum"]

FUND: Final = -1  # the row of the insurance fund, where a row is asked for
_Column: TypeAlias = NDArray[np.int64]
_Before: TypeAlias = list[tuple[_Column, _Column, _Column]]  # column, rows, what was there


def exact_sum(column: _Column) -> int:
    """Add up 64-bit integers whose sum may need more: both halves apart, which cannot."""
    high, low = column >> 32, column & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())


@final
class Ledger:
    """The books of one venue: accounts, instruments, a fund.

    An account is whatever a margin stands behind alone: a cross account, or one isolated position.

    Parameters
    ----------
    accounts
        How many.
    fund
        The insurance fund; its instruments are those of the ledger.

    Attributes
    ----------
    cash, realised
        Money of each account and the profit it made by closing, shape (accounts,).
    lots, cost
        Positions (shorts below 0) and what they cost, shape (instruments, accounts).
    deposited_micro
        Put in, less taken out, with what the fund had at first.
    fees_micro, rounding_micro, venue_micro
        What belongs to no account: fees; what rounding left; the venue's other profit, below 0 by
        the bad debt that it bears.
    deficits_micro, fund_paid_micro, winners_paid_micro, bad_debt_micro
        Losses beyond margin, and who bore them.

    Examples
    --------
    >>> books = Ledger(2, InsuranceFund(0, (1_000,)))
    >>> books.deposit(0, 500_000)
    >>> books.deposit(1, 500_000)
    >>> books.trade(0, 0, 1, 5, 100)
    >>> books.wealth_micro(0, [90]), books.wealth_micro(1, [90])
    (450000, 550000)
    """

    def __init__(self, accounts: int, fund: InsuranceFund) -> None:
        if accounts < 1:
            raise InputError(f"a ledger of {accounts} accounts: give 1 or more")
        if fund.lots.any():
            raise InputError("a fund that holds inventory already: nobody holds the other side")
        shape = (len(fund.units), accounts)
        self.fund = fund
        self.cash: _Column = np.zeros(accounts, np.int64)
        self.realised: _Column = np.zeros(accounts, np.int64)
        self.lots: _Column = np.zeros(shape, np.int64)
        self.cost: _Column = np.zeros(shape, np.int64)
        self.fees_micro, self.rounding_micro, self.venue_micro = 0, 0, 0
        self.deposited_micro = fund.balance_micro
        self._owed: dict[int, int] = {}  # what the fund left to others, by row
        self.deficits_micro, self.fund_paid_micro = 0, 0
        self.winners_paid_micro, self.bad_debt_micro = 0, 0

    def deposit(self, row: int, micro: int) -> None:
        """Put money into an account, or take it out (below 0)."""
        self._check(row)
        self.cash[row] = int(self.cash[row]) + micro
        self.deposited_micro += micro

    @property
    def owed_micro(self) -> dict[int, int]:
        """What the fund left to others and nobody bore yet, by row (``FUND``: its own)."""
        return dict(self._owed)

    def wealth_micro(self, row: int, mark_ticks: Sequence[int] | None = None) -> int:
        """Tell what an account is worth, with its positions at the marks of all instruments."""
        self._check(row)
        worth = int(self.cash[row]) + int(self.realised[row])
        for i, mark in enumerate(mark_ticks or ()):
            held, cost = int(self.lots[i, row]), int(self.cost[i, row])
            worth += held * self.fund.units[i] * mark - cost
        return worth

    def trade(
        self,
        instrument: int,
        buyers: ArrayLike,
        sellers: ArrayLike,
        lots: ArrayLike,
        price_ticks: ArrayLike,
    ) -> None:
        """Book trades between accounts, in their order: one of each, or columns of one length.

        Raises
        ------
        InputError
            If lots are not above 0, a price is below 0, a row is not an account, or what is held
            would not fit 61 bits; nothing is booked then.
        """
        columns = [np.atleast_1d(np.asarray(one)) for one in (buyers, sellers, lots, price_ticks)]
        if any(one.dtype.kind not in "iu" for one in columns):
            raise InputError("trades: rows, lots and prices must be whole numbers")
        buyer, seller, size, price = (one.astype(np.int64) for one in np.broadcast_arrays(*columns))
        if size.size and int(size.min()) < 1:
            raise InputError(f"a trade of {int(size.min())} lots: give 1 or more")
        rows = np.stack([buyer, seller], axis=1).ravel()
        self._book(instrument, rows, np.stack([size, -size], axis=1).ravel(), np.repeat(price, 2))

    def charge(
        self, rows: ArrayLike, fees_micro: ArrayLike, *, time_ns: int = 0, to_fund: bool = False
    ) -> None:
        """Take fees from accounts (a rebate is below 0) for the venue, or for the fund."""
        owners, fees = np.atleast_1d(rows), np.atleast_1d(fees_micro).astype(np.int64)
        if owners.size:
            self._check(int(owners.min()), int(owners.max()))
        total = exact_sum(np.broadcast_to(fees, owners.shape))
        if to_fund:
            self.fund.receive(total, time_ns)
        else:
            self.fees_micro += total
        np.subtract.at(self.cash, owners, fees)

    def pay_funding(
        self, instrument: int, mark_ticks: int, rate_billionths: int, time_ns: int = 0
    ) -> int:
        """Let longs pay shorts at a rate above 0; what rounding leaves goes to its account.

        Returns
        -------
        int
            What rounding left, below one micro-dollar for each position.

        Raises
        ------
        InputError
            If the rate is a whole or more, or a position does not fit 61 bits.
        """
        from airpocket.cascade.paying_kernels import pay_funding  # noqa: PLC0415 — loads numba

        lots, unit = self.lots[instrument], self.fund.units[instrument] * mark_ticks
        held = int(self.fund.lots[instrument])
        most = max(int(np.abs(lots).max()), abs(held))
        if abs(rate_billionths) >= 10**9 or most * unit > 1 << 61:
            raise InputError(
                f"funding of {rate_billionths} billionths on up to {most} lots: give less than one "
                "and positions that fit 61 bits of micro-dollars"
            )
        left = int(pay_funding(self.cash, lots, unit, rate_billionths))
        by_fund = -(-held * unit * rate_billionths // 10**9)
        self.fund.book_funding(by_fund, time_ns)
        self.rounding_micro += left + by_fund
        return left + by_fund

    def liquidate(
        self, instrument: int, row: int, taker: int, lots: int, price_ticks: int, time_ns: int = 0
    ) -> None:
        """Close lots (above 0) of an account by force, against another, or against the fund.

        Raises
        ------
        InputError
            If it would turn the position over, or the fund has no room for it.
        """
        change = self._closing(instrument, row, lots)
        if taker == FUND:
            self._with_fund(instrument, row, change, price_ticks, self.fund.take_over, time_ns)
            return
        buyer, seller = (row, taker) if change > 0 else (taker, row)
        self.trade(instrument, buyer, seller, lots, price_ticks)

    def unwind(self, instrument: int, row: int, lots: int, price_ticks: int, time_ns: int) -> int:
        """Book inventory that the fund sells (below 0) or buys back; tell its shortfall."""
        self._with_fund(instrument, row, -lots, price_ticks, self.fund.unwind, time_ns)
        return self.fund.shortfall_micro

    def hand_over(self, row: int, time_ns: int) -> int:
        """Give what is left of an account without positions to the fund; tell how much it was."""
        left = self._left(row)
        if left > 0:
            self.fund.receive(left, time_ns)
            self.cash[row] -= left
        return max(left, 0)

    def settle_loss(self, row: int, time_ns: int) -> Payment:
        """Let the fund pay what an account without positions owes; it says what it leaves.

        For ``FUND`` itself, its shortfall is what is left to others.
        """
        if row == FUND:
            payment = Payment(0, self.fund.shortfall_micro)
        else:
            payment = self.fund.pay(max(-self._left(row), 0), time_ns)
            self.cash[row] += payment.paid_micro
        # What is owed already was counted when it arose.
        known = self._owed.get(row, 0)
        self.deficits_micro += payment.paid_micro + payment.uncovered_micro - known
        self.fund_paid_micro += payment.paid_micro
        self._owe(row, payment.uncovered_micro)
        return payment

    def haircut(
        self, instrument: int, taken_micro: _Column, to: int, mark_ticks: int, time_ns: int
    ) -> int:
        """Take unrealised profit of winners for a loss that the fund left to others.

        Parameters
        ----------
        taken_micro
            What each account loses, shape (accounts,).
        to
            Whose loss it is: a row, or ``FUND``. What is taken beyond it goes to the fund.
        mark_ticks
            The mark at which profit counts.

        Returns
        -------
        int
            What the loss still is.

        Raises
        ------
        InputError
            If the fund was not asked before, or an account has less profit than is taken.
        """
        owed = self._still_owed(to)
        if not owed:
            raise InputError(f"winners are to pay for row {to}, which owes nothing beyond the fund")
        over = (taken_micro < 0) | (
            taken_micro > np.maximum(self._profit(instrument, mark_ticks), 0)
        )
        if over.any():
            row = int(np.argmax(over))
            raise InputError(
                f"{taken_micro[row]} micro-dollars are to be taken of row {row}, whose unrealised "
                f"profit is {self._profit(instrument, mark_ticks)[row]}: principal is not touched"
            )
        total = exact_sum(taken_micro)
        paid = min(total, owed)
        # The profit is made real and handed over, so that it cannot be taken twice.
        self.cost[instrument] += taken_micro
        self.realised += taken_micro
        self.cash -= taken_micro
        self._cover(to, paid, time_ns)
        if total > paid:
            self.fund.receive(total - paid, time_ns)
        self.winners_paid_micro += paid
        return owed - paid

    def deleverage(
        self,
        instrument: int,
        loser: int,
        closed_lots: _Column,
        price_ticks: int,
        time_ns: int,
        *,
        is_by_rule: bool = False,
    ) -> None:
        """Close positions of winners against a loser (a row or ``FUND``) at one price.

        Parameters
        ----------
        closed_lots
            Lots closed of each account, 0 or more, shape (accounts,).
        is_by_rule
            The venue's rule says so although the fund has money left, or has no room.

        Raises
        ------
        InputError
            If the fund could still pay, a position would be turned over, a winner is on the
            loser's side, or would close at a loss.
        """
        if not is_by_rule and self.fund.payable_micro(time_ns) > 0:
            raise InputError(
                f"winners are to be closed while the fund can pay "
                f"{self.fund.payable_micro(time_ns)} micro-dollars: that needs a rule"
            )
        rows, total = np.flatnonzero(closed_lots), exact_sum(closed_lots)
        held = int(self.fund.lots[instrument] if loser == FUND else self.lots[instrument, loser])
        sign = 1 if held > 0 else -1  # winners of a long loser are short, and buy
        room = np.maximum(-sign * self.lots[instrument], 0)
        if (closed_lots < 0).any() or (closed_lots > room).any() or total > abs(held):
            raise InputError(
                f"deleveraging of {total} lots against {held} of row {loser}: positions are closed "
                "on opposite sides only, and never turned over"
            )
        gain = self._profit(instrument, price_ticks)[rows]
        if (gain < 0).any():
            row = int(rows[np.argmin(gain)])
            raise InputError(
                f"deleveraging at {price_ticks} ticks: row {row} would close at a loss"
            )
        changes, price = sign * closed_lots[rows], np.full(rows.size + 1, price_ticks, np.int64)
        if loser == FUND:
            before = self._book(instrument, rows, changes, price[1:])
            self._or_undo(before, lambda: self.fund.close(
                instrument, -sign * total, price_ticks, time_ns,
            ))  # fmt: skip
        elif total:
            both = np.append(rows, loser), np.append(changes, -sign * total)
            self._book(instrument, *both, price)

    def write_off(self, row: int, time_ns: int) -> int:
        """Let the venue bear what neither fund nor winners did (row, or ``FUND``); tell it."""
        owed = self._still_owed(row)
        self.venue_micro -= owed
        self.bad_debt_micro += owed
        self._cover(row, owed, time_ns)
        return owed

    def _check(self, *rows: int) -> None:
        for row in rows:
            if not 0 <= row < self.cash.size:
                raise InputError(f"account {row}: give 0 to {self.cash.size - 1}")

    def _left(self, row: int) -> int:
        self._check(row)
        if self.lots[:, row].any():
            raise InputError(f"account {row} holds positions: close them first")
        return self.wealth_micro(row)

    def _owe(self, row: int, micro: int) -> None:
        if micro:
            self._owed[row] = micro
        else:
            self._owed.pop(row, None)

    def _still_owed(self, row: int) -> int:
        """Tell what is owed of what the fund left: less, if money came in since."""
        known = self._owed.get(row, 0)
        owed = self.fund.shortfall_micro if row == FUND else max(-self._left(row), 0)
        if owed < known:
            self.deficits_micro -= known - owed
            self._owe(row, owed)
        return min(owed, known)

    def _cover(self, row: int, micro: int, time_ns: int) -> None:
        if row == FUND:
            self.fund.receive(micro, time_ns)
        else:
            self.cash[row] += micro
        self._owe(row, self._owed.get(row, 0) - micro)

    def _profit(self, instrument: int, mark_ticks: int) -> _Column:
        """Count unrealised profit of all accounts, losses below 0."""
        lots, unit = self.lots[instrument], self.fund.units[instrument] * mark_ticks
        if int(np.abs(lots).max()) * unit > 1 << 61:
            raise InputError(f"positions at {mark_ticks} ticks do not fit 61 bits")
        profit: _Column = lots * unit - self.cost[instrument]
        return profit

    def _closing(self, instrument: int, row: int, lots: int) -> int:
        self._check(row)
        held = int(self.lots[instrument, row])
        if not 0 < lots <= abs(held):
            raise InputError(
                f"{lots} lots of account {row} are to be closed, which holds {held}: a liquidation "
                "never turns a position over"
            )
        return -lots if held > 0 else lots

    def _with_fund(
        self,
        instrument: int,
        row: int,
        change: int,
        price_ticks: int,
        book: Callable[[int, int, int, int], object],
        time_ns: int,
    ) -> None:
        """Book an account's side, and the other one with the fund, or neither."""
        sides = [np.array([one], np.int64) for one in (row, change, price_ticks)]
        before = self._book(instrument, *sides)
        self._or_undo(before, lambda: book(instrument, -change, price_ticks, time_ns))

    def _book(self, instrument: int, rows: _Column, change: _Column, price: _Column) -> _Before:
        """Book sides, or none of them; tell what was there before."""
        from airpocket.cascade.paying_kernels import book_sides  # noqa: PLC0415 — loads numba

        if rows.size:
            self._check(int(rows.min()), int(rows.max()))
        if price.size and int(price.min()) < 0:
            raise InputError(f"a price of {price.min()} ticks: give 0 or more")
        own = self.lots[instrument], self.cost[instrument], self.realised
        before = [(column, rows, column[rows]) for column in own]
        if book_sides(*own, rows, change, price, self.fund.units[instrument]) < rows.size:
            _undo(before)
            raise InputError(
                f"{rows.size} sides of instrument {instrument}: positions, their cost or their "
                "profit do not fit 61 bits; make a lot larger"
            )
        return before

    @staticmethod
    def _or_undo(before: _Before, book: Callable[[], object]) -> None:
        try:
            book()
        except InputError:
            _undo(before)
            raise


def _undo(before: _Before) -> None:
    for column, rows, values in before:
        column[rows] = values
