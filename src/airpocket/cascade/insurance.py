"""The fund that stands between losses and winners: its money, what it took over, when it refuses.

A position that is taken over is not gone. It is inventory, in lots, with what it cost, and is sold
later by a rule: that selling is the second leg of a fall as much as any liquidation.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.units import HOUR_NS, SECOND_NS

__all__ = ["FundRule", "InsuranceFund", "Payment"]

_MILLION: Final = 1_000_000


@final
class FundRule(Struct, frozen=True, kw_only=True):
    """When a fund pays, what it takes, and how it sells.

    Parameters
    ----------
    drawdown_ppm
        Parts per million of its highest balance in the window that it may lose before winners pay
        the rest; ``None``: all that it has. Bybit and OKX: 300,000 in 8 hours.
    recovered_ppm
        Once winners pay, it pays again when it is below the peak by less than this (Bybit:
        250,000); ``None``: the same as ``drawdown_ppm``.
    window_ns
        Window of the peak.
    inventory_most_lots
        Largest position it takes of one instrument, long or short; ``None``: any.
    unwind_ppm
        Share of the inventory that it offers at each step, rounded up.
    unwind_least_lots, unwind_most_lots
        Bounds of a step; ``None``: no upper one.
    unwind_every_ns
        Time from one step to the next, and from the first takeover to the first.

    Raises
    ------
    InputError
        If a figure is out of its range; the message says which.
    """

    drawdown_ppm: int | None = None
    recovered_ppm: int | None = None
    window_ns: int = 8 * HOUR_NS
    inventory_most_lots: int | None = None
    unwind_ppm: int = 100_000
    unwind_least_lots: int = 1
    unwind_most_lots: int | None = None
    unwind_every_ns: int = SECOND_NS

    def __post_init__(self) -> None:
        whole = self.drawdown_ppm if self.drawdown_ppm is not None else _MILLION
        back = self.recovered_ppm if self.recovered_ppm is not None else whole
        most = self.unwind_most_lots
        for name, value, low, high in (
            ("drawdown_ppm", whole, 1, _MILLION),
            ("recovered_ppm", back, 0, whole),
            ("window_ns", self.window_ns, 1, None),
            ("inventory_most_lots", self.inventory_most_lots or 0, 0, None),
            ("unwind_ppm", self.unwind_ppm, 0, _MILLION),
            ("unwind_least_lots", self.unwind_least_lots, 1, None),
            ("unwind_most_lots", self.unwind_least_lots if most is None else most,
             self.unwind_least_lots, None),
            ("unwind_every_ns", self.unwind_every_ns, 0, None),
        ):  # fmt: skip
            if value < low or (high is not None and value > high):
                until = "or more" if high is None else f"to {high}"
                raise InputError(f"fund rule: {name} {value}: give {low} {until}")


class Payment(Struct, frozen=True):
    """What the fund paid of a deficit, and what it left to others, in micro-dollars."""

    paid_micro: int
    uncovered_micro: int


@final
class InsuranceFund:
    """An insurance fund, or a backstop vault, of one venue.

    Parameters
    ----------
    balance_micro
        What it holds at first, in micro-dollars, 0 or more.
    micro_per_tick_lot
        For each instrument, the micro-dollars of one lot at a price of one tick.
    rule
        When it pays, what it takes, how it sells.
    time_ns
        When that is so.

    Attributes
    ----------
    lots, cost
        Inventory by instrument, shorts below 0, and what it cost, in micro-dollars.
    cash_micro, realised
        Money apart from trading, and profit made by selling inventory, by instrument.
    refused_micro
        Deficits that were left to others, so far.

    Examples
    --------
    A pool of a million may lose 30 % of its peak; 350,000 are lost, winners bear 50,000:

    >>> pool = InsuranceFund(1_000_000_000_000, (1,), FundRule(drawdown_ppm=300_000))
    >>> pool.pay(350_000_000_000, 1).uncovered_micro
    50000000000
    """

    def __init__(
        self,
        balance_micro: int,
        micro_per_tick_lot: Sequence[int],
        rule: FundRule | None = None,
        time_ns: int = 0,
    ) -> None:
        if balance_micro < 0:
            raise InputError(f"insurance fund of {balance_micro} micro-dollars: give 0 or more")
        if not micro_per_tick_lot or min(micro_per_tick_lot) < 1:
            raise InputError(
                "insurance fund: each instrument needs micro_per_tick_lot of 1 or more"
            )
        count = len(micro_per_tick_lot)
        self.rule = rule or FundRule()
        self.units = tuple(micro_per_tick_lot)
        self.lots: NDArray[np.int64] = np.zeros(count, np.int64)
        self.cost: NDArray[np.int64] = np.zeros(count, np.int64)
        self.realised: NDArray[np.int64] = np.zeros(count, np.int64)
        self.cash_micro = balance_micro
        self.refused_micro = 0
        self._is_spent = False
        self._time_ns = time_ns
        self._peaks: deque[tuple[int, int]] = deque([(time_ns, balance_micro)])
        self._next_ns: list[int | None] = [None] * count

    @property
    def balance_micro(self) -> int:
        """Money, with what selling inventory made. Below 0: it owes that to somebody."""
        return self.cash_micro + int(sum(self.realised.tolist()))

    @property
    def shortfall_micro(self) -> int:
        """What it owes beyond all it has (inventory sold at a loss); 0 as long as it is sound."""
        return max(-self.balance_micro, 0)

    def unrealised_micro(self, mark_ticks: Sequence[int]) -> int:
        """Compute what the inventory would make at the marks of all instruments."""
        rows = zip(self.lots.tolist(), self.cost.tolist(), self.units, mark_ticks, strict=True)
        return sum(lots * unit * mark - cost for lots, cost, unit, mark in rows)

    def peak_micro(self, time_ns: int) -> int:
        """Tell the highest balance that held at any time in the window that ends now."""
        self._note(time_ns)
        return self._peaks[0][1]

    def payable_micro(self, time_ns: int) -> int:
        """Tell what the rule lets it pay now; 0 means that winners are next."""
        peak, balance = self.peak_micro(time_ns), self.balance_micro
        share = self.rule.drawdown_ppm
        if share is None:
            return max(balance, 0)
        back = share if self.rule.recovered_ppm is None else self.rule.recovered_ppm
        if self._is_spent and (peak - balance) * _MILLION > peak * back:
            return 0
        self._is_spent = False
        return max(balance - (peak - peak * share // _MILLION), 0)

    def pay(self, deficit_micro: int, time_ns: int) -> Payment:
        """Pay a deficit as far as the rule allows; the rest is said, never borrowed.

        Raises
        ------
        InputError
            If the deficit is below 0, or time runs back.
        """
        if deficit_micro < 0:
            raise InputError(f"a deficit of {deficit_micro} micro-dollars: give 0 or more")
        paid = min(self.payable_micro(time_ns), deficit_micro)
        self.cash_micro -= paid
        self.refused_micro += deficit_micro - paid
        if deficit_micro > paid:
            self._is_spent = True
        self._note(time_ns)
        return Payment(paid, deficit_micro - paid)

    def receive(self, amount_micro: int, time_ns: int) -> None:
        """Take in fees, margin that is left, or what covers its shortfall (0 or more)."""
        if amount_micro < 0:
            raise InputError(f"the fund gets {amount_micro} micro-dollars: give 0 or more")
        self.cash_micro += amount_micro
        self._note(time_ns)

    def book_funding(self, paid_micro: int, time_ns: int) -> None:
        """Book funding on its inventory: what it paid, or got (below 0)."""
        self.cash_micro -= paid_micro
        self._note(time_ns)

    def room_lots(self, instrument: int, lots: int) -> int:
        """Tell how many of so many lots (shorts below 0) it takes over; never more than asked."""
        most = self.rule.inventory_most_lots
        if most is None or lots == 0:
            return lots
        sign = 1 if lots > 0 else -1
        return sign * min(abs(lots), max(most - sign * int(self.lots[instrument]), 0))

    def take_over(self, instrument: int, lots: int, price_ticks: int, time_ns: int) -> None:
        """Take lots (a short's below 0) at a price, as a rule that of the owner's bankruptcy.

        Raises
        ------
        InputError
            If there is no room for all of them, or they do not fit 61 bits.
        """
        if self.room_lots(instrument, lots) != lots:
            raise InputError(
                f"the fund has room for {self.room_lots(instrument, lots)} of {lots} lots of "
                f"instrument {instrument}: hand it those, and deleverage the rest"
            )
        if lots and not self.lots[instrument]:
            self._next_ns[instrument] = time_ns + self.rule.unwind_every_ns
        self._book(instrument, lots, price_ticks, time_ns)

    def due_lots(self, instrument: int, time_ns: int) -> int:
        """Tell which order is due now: below 0 sells inventory, 0 is none."""
        held, due_ns = int(self.lots[instrument]), self._next_ns[instrument]
        if held == 0 or due_ns is None or time_ns < due_ns:
            return 0
        rule, size = self.rule, abs(held)
        wanted = max(-(-size * rule.unwind_ppm // _MILLION), rule.unwind_least_lots)
        if rule.unwind_most_lots is not None:
            wanted = min(wanted, rule.unwind_most_lots)
        return (-1 if held > 0 else 1) * min(wanted, size)

    def unwind(self, instrument: int, lots: int, price_ticks: int, time_ns: int) -> int:
        """Book a sale (below 0) or purchase of inventory, which it never turns over.

        An order that is filled at several prices is booked by as many calls; the next one is due
        after the rule's time.

        Returns
        -------
        int
            Its shortfall after that, in micro-dollars.

        Raises
        ------
        InputError
            If it does not make the inventory smaller.
        """
        self.close(instrument, lots, price_ticks, time_ns)
        self._next_ns[instrument] = time_ns + self.rule.unwind_every_ns
        return self.shortfall_micro

    def close(self, instrument: int, lots: int, price_ticks: int, time_ns: int) -> None:
        """Book inventory that is closed otherwise (against winners); as :meth:`unwind`."""
        held = int(self.lots[instrument])
        if lots and (held * lots >= 0 or abs(lots) > abs(held)):
            raise InputError(f"the fund holds {held} lots: {lots} do not make them fewer")
        self._book(instrument, lots, price_ticks, time_ns)

    def _book(self, instrument: int, lots: int, price_ticks: int, time_ns: int) -> None:
        from airpocket.cascade.paying_kernels import book_sides  # noqa: PLC0415 — loads numba

        if price_ticks < 0:
            raise InputError(f"a price of {price_ticks} ticks: give 0 or more")
        row, change, price = np.array([[instrument], [lots], [price_ticks]], np.int64)
        held, unit = (self.lots, self.cost, self.realised), self.units[instrument]
        if lots and not book_sides(*held, row, change, price, unit):
            raise InputError(f"{lots} lots at {price_ticks} ticks do not fit 61 bits of the fund")
        self._note(time_ns)

    def _note(self, time_ns: int) -> None:
        """Keep what the peak needs: balances that no later one has passed, oldest first."""
        if time_ns < self._time_ns:
            raise InputError(f"the fund is at {self._time_ns} ns: {time_ns} lies before that")
        self._time_ns, peaks, balance = time_ns, self._peaks, self.balance_micro
        if peaks[-1][1] != balance:
            # A balance holds until the next one: the one before counts up to now.
            peaks[-1] = (time_ns, peaks[-1][1])
            while peaks and peaks[-1][1] <= balance:
                peaks.pop()
            peaks.append((time_ns, balance))
        else:
            peaks[-1] = (time_ns, balance)
        while peaks[0][0] <= time_ns - self.rule.window_ns:
            peaks.popleft()
