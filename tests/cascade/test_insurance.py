"""The insurance fund: what it pays, takes over and sells, and that it says what it cannot."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.insurance import FundRule, InsuranceFund
from airpocket.errors import InputError
from airpocket.units import HOUR_NS, SECOND_NS

_DOLLAR = 1_000_000
_BYBIT = FundRule(drawdown_ppm=300_000, recovered_ppm=250_000)


def test_a_fund_pays_all_it_has_and_says_the_rest() -> None:
    fund = InsuranceFund(100, (1,))
    first, second = fund.pay(70, 1), fund.pay(70, 2)
    assert (first.paid_micro, first.uncovered_micro) == (70, 0)
    assert (second.paid_micro, second.uncovered_micro) == (30, 40)
    assert (fund.balance_micro, fund.refused_micro) == (0, 40)


def test_the_venues_example_of_a_drawdown() -> None:
    """Bybit: a loss of 350k on a pool of a million is 35 %, winners bear the 50k beyond 30 %."""
    pool = InsuranceFund(1_000_000 * _DOLLAR, (1,), _BYBIT)
    assert pool.pay(350_000 * _DOLLAR, SECOND_NS).uncovered_micro == 50_000 * _DOLLAR
    assert pool.balance_micro == 700_000 * _DOLLAR  # there is money left, and winners are next
    assert pool.payable_micro(2 * SECOND_NS) == 0
    pool.receive(49_000 * _DOLLAR, 3 * SECOND_NS)
    assert pool.payable_micro(4 * SECOND_NS) == 0  # 25.1 % below the peak: not yet recovered
    pool.receive(2_000 * _DOLLAR, 5 * SECOND_NS)
    assert pool.payable_micro(6 * SECOND_NS) == 51_000 * _DOLLAR


def test_the_peak_falls_out_of_the_window() -> None:
    pool = InsuranceFund(1_000, (1,), _BYBIT)
    pool.pay(300, HOUR_NS)
    assert pool.payable_micro(8 * HOUR_NS) == 0
    # 1,000 was held until hour 1, so until hour 9 it is in the window.
    assert pool.peak_micro(9 * HOUR_NS - 1) == 1_000
    assert pool.payable_micro(9 * HOUR_NS) == 210


@settings(max_examples=50, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 50)), max_size=30))
def test_the_peak_is_its_twin(steps: list[tuple[int, int]]) -> None:
    rule = FundRule(drawdown_ppm=1_000_000, window_ns=7)
    fund, now, held = InsuranceFund(100, (1,), rule), 0, [(0, 100)]
    for wait, change in steps:
        now += wait
        if change >= 0:
            fund.receive(change, now)
        else:
            fund.pay(-change, now)
        held.append((now, fund.balance_micro))
        # A balance holds until the next change, and counts if it held within the window.
        ends = [time for time, _ in held[1:]] + [now]
        twin = max(
            balance
            for (_, balance), end in zip(held, ends, strict=True)
            if end > now - 7 or (end == now)
        )
        assert fund.peak_micro(now) == twin


def test_inventory_is_sold_later_and_what_is_lost_is_said() -> None:
    fund = InsuranceFund(1_000, (10,), FundRule(unwind_ppm=300_000, unwind_most_lots=20))
    assert fund.due_lots(0, 0) == 0
    fund.take_over(0, 100, 50, 0)
    assert (fund.lots.tolist(), fund.cost.tolist()) == ([100], [50_000])
    assert fund.unrealised_micro([49]) == -1_000
    assert fund.due_lots(0, SECOND_NS - 1) == 0
    assert fund.due_lots(0, SECOND_NS) == -20
    assert fund.unwind(0, -20, 45, SECOND_NS) == 0
    assert (fund.balance_micro, fund.cost.tolist()) == (0, [40_000])
    assert fund.due_lots(0, SECOND_NS) == 0
    assert fund.unwind(0, -20, 45, 2 * SECOND_NS) == 1_000
    assert (fund.balance_micro, fund.shortfall_micro) == (-1_000, 1_000)
    assert fund.payable_micro(2 * SECOND_NS) == 0
    fund.receive(1_000, 2 * SECOND_NS)  # somebody else bore it
    assert fund.shortfall_micro == 0


@settings(max_examples=40, deadline=None, database=None)
@given(st.integers(-500, 500).filter(bool), st.integers(1, 1_000_000), st.integers(1, 9))
def test_unwinding_ends_at_nothing_and_never_turns_over(lots: int, ppm: int, least: int) -> None:
    fund = InsuranceFund(0, (1,), FundRule(unwind_ppm=ppm, unwind_least_lots=least))
    fund.take_over(0, lots, 1, 0)
    now, held = 0, abs(lots)
    while held:
        now += SECOND_NS
        order = fund.due_lots(0, now)
        assert order * lots < 0
        fund.unwind(0, order, 1, now)
        assert int(fund.lots[0]) * lots >= 0
        assert abs(int(fund.lots[0])) == held - abs(order)
        held -= abs(order)
    assert (fund.cost.tolist(), fund.due_lots(0, now + SECOND_NS)) == ([0], 0)


def test_a_full_fund_takes_what_it_has_room_for() -> None:
    fund = InsuranceFund(0, (1, 1), FundRule(inventory_most_lots=10))
    fund.take_over(0, -7, 5, 0)
    assert (fund.room_lots(0, -9), fund.room_lots(0, 30), fund.room_lots(1, 4)) == (-3, 17, 4)
    with pytest.raises(InputError, match="room for -3 of -9 lots"):
        fund.take_over(0, -9, 5, 0)
    assert fund.lots.tolist() == [-7, 0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: InsuranceFund(-1, (1,)), "of -1 micro-dollars"),
        (lambda: InsuranceFund(1, ()), "micro_per_tick_lot"),
        (lambda: InsuranceFund(1, (0,)), "micro_per_tick_lot"),
        (lambda: InsuranceFund(1, (1,)).pay(-1, 0), "deficit of -1"),
        (lambda: InsuranceFund(1, (1,)).receive(-1, 0), "gets -1"),
        (lambda: InsuranceFund(1, (1,), time_ns=5).pay(1, 4), "4 lies before"),
        (lambda: InsuranceFund(1, (1,)).unwind(0, 1, 1, 0), "holds 0 lots"),
        (lambda: InsuranceFund(1, (1,)).take_over(0, 1, -1, 0), "price of -1"),
        (lambda: InsuranceFund(1, (1 << 40,)).take_over(0, 1 << 30, 1, 0), "61 bits"),
        (lambda: FundRule(drawdown_ppm=0), "drawdown_ppm 0: give 1 to 1000000"),
        (lambda: FundRule(drawdown_ppm=3, recovered_ppm=4), "recovered_ppm 4: give 0 to 3"),
        (lambda: FundRule(unwind_most_lots=0), "unwind_most_lots 0: give 1 or more"),
        (lambda: FundRule(unwind_every_ns=-1), "unwind_every_ns -1"),
        (lambda: FundRule(inventory_most_lots=-1), "inventory_most_lots -1"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        wrong()
