"""The book against a plain twin, what holds of every book, and faults that are noticed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from airpocket.cascade.density_kernels import (
    ASK,
    BEST,
    BID,
    BOOK,
    CANCELLED,
    CASH,
    INVENTORY,
    JOINED,
    LOW,
    MAKERS_FILLED,
    NO_ASK,
    NO_BID,
    OTHERS_FILLED,
    QUOTED,
    RESTING,
    STACKED,
    Book,
    cancel,
    join,
    recentre,
    refill,
    take,
)
from tests.cascade.plain_book import PlainBook, check, empty_book, held

WIDTH, MIDDLE = 16, 100
_Event = tuple[Any, ...]
_NONE = np.empty((0, 3), dtype=np.int64)
_ALL = (1.0, 1.0, 1.0, 1.0)
_TICKS = st.integers(MIDDLE - 24, MIDDLE + 24)
_GAINS = st.tuples(*(st.sampled_from([0.0, 0.1, 0.37, 0.5, 1.0]) for _ in range(4)))
_GOALS = st.lists(
    st.tuples(st.floats(0.0, 9.0), st.floats(0.0, 9.0)), min_size=WIDTH // 2, max_size=WIDTH // 2
)
_EVENT = st.one_of(
    st.tuples(st.just("join"), st.booleans(), _TICKS, st.integers(1, 9)),
    st.tuples(st.just("cancel"), st.booleans(), _TICKS, st.integers(1, 9)),
    st.tuples(st.just("take"), st.booleans(), st.integers(1, 60), st.one_of(st.none(), _TICKS)),
    st.tuples(st.just("window"), st.just(False), _TICKS, st.just(0)),
    st.tuples(
        st.just("refill"), st.floats(0.0, 1.0), _TICKS, st.tuples(_GAINS, st.floats(0.0, 0.999))
    ),
)


def _columns(goals: list[tuple[float, float]]) -> np.ndarray:
    return np.vstack((np.zeros(2), np.cumsum(np.array(goals), axis=0))).T.copy()


def _same(book: Book, plain: PlainBook) -> None:
    check(book)
    assert held(book) == plain.sides
    assert (book.figures[BOOK, INVENTORY], book.figures[BOOK, CASH]) == (
        plain.inventory,
        plain.cash,
    )


def _play(book: Book, event: _Event, goals: np.ndarray, plain: PlainBook | None = None) -> None:
    """Do one event to a book, and to the twin, and compare what they answer."""
    kind, flag, figure, more = event
    if kind == "join":
        done = join(book, flag, figure, more)
        assert plain is None or done == plain.join(flag, figure, more)
    elif kind == "cancel":
        gone = cancel(book, flag, figure, more)
        assert plain is None or gone == plain.cancel(flag, figure, more)
    elif kind == "take":
        limit = more if more is not None else NO_ASK if flag else NO_BID
        fills = np.zeros((80, 3), dtype=np.int64)
        filled = take(book, flag, figure, limit, fills)
        rows = [tuple(int(x) for x in row) for row in fills[: filled.rows]]
        assert plain is None or rows == plain.take(flag, figure, limit)
        assert filled.lots == sum(m + o for _, m, o in rows)
        assert filled.tick_lots == sum(t * (m + o) for t, m, o in rows)
        assert filled.makers_lots == sum(m for _, m, _ in rows)
        assert filled.makers_tick_lots == sum(t * m for t, m, _ in rows)
        assert filled.last_tick == (rows[-1][0] if rows else 0)
    elif kind == "window":
        before = held(book)
        assert recentre(book, figure - WIDTH // 2)
        assert held(book) == before
    else:
        gains, offset = more
        before_low = int(book.figures[BOOK, LOW])
        assert refill(book, goals, figure, flag, gains, offset)
        if plain is not None:
            low = int(book.figures[BOOK, LOW])
            # What the window left behind before is pulled, even if the window comes back to it.
            kept = range(max(low, before_low), min(low, before_low) + WIDTH)
            plain.refill(goals, figure, flag, gains, offset, kept, range(low, low + WIDTH))


@settings(max_examples=60, database=None, deadline=None, phases=[Phase.generate])
@given(st.lists(_EVENT, max_size=25), _GOALS)
def test_it_is_the_plain_book(events: list[_Event], goals: list[tuple[float, float]]) -> None:
    book, plain, table = empty_book(WIDTH, 64, MIDDLE - WIDTH // 2), PlainBook(), _columns(goals)
    for event in events:
        _play(book, event, table, plain)
        _same(book, plain)


@settings(max_examples=30, database=None, deadline=None)
@given(st.lists(_EVENT, max_size=12), st.lists(_EVENT, max_size=12), _GOALS)
def test_a_copy_goes_on_as_the_book_does(
    before: list[_Event], after: list[_Event], goals: list[tuple[float, float]]
) -> None:
    book, table = empty_book(WIDTH, 64, MIDDLE), _columns(goals)
    for event in before:
        _play(book, event, table)
    kept = Book(*(column.copy() for column in book))
    for event in after:
        _play(book, event, table)
    again = Book(*(column.copy() for column in kept))
    for event in after:
        _play(again, event, table)
    assert [column.tobytes() for column in book] == [column.tobytes() for column in again]


@settings(max_examples=30, database=None, deadline=None)
@given(st.lists(_EVENT, max_size=12), _GOALS, st.booleans(), _TICKS, st.integers(1, 9))
def test_joined_and_cancelled_leaves_equal_bytes(
    events: list[_Event],
    goals: list[tuple[float, float]],
    is_bid: bool,  # noqa: FBT001 — drawn
    tick: int,
    lots: int,
) -> None:
    book, table = empty_book(WIDTH, 64, MIDDLE - WIDTH // 2), _columns(goals)
    for event in events:
        _play(book, event, table)
    # Where the order itself must draw the window after it, that stays moved.
    low = int(book.figures[BOOK, LOW])
    if (tick >= low + WIDTH) if is_bid else (tick < low):
        return
    before = Book(*(column.copy() for column in book))
    if join(book, is_bid, tick, lots):
        assert cancel(book, is_bid, tick, lots) == lots
    # All but the ledger, which keeps what came and went.
    for one in (book, before):
        one.figures[:BOOK, JOINED] = one.figures[:BOOK, CANCELLED] = 0
    assert [column.tobytes() for column in book] == [column.tobytes() for column in before]


@settings(max_examples=30, database=None, deadline=None)
@given(_GOALS, st.booleans(), st.integers(1, 90))
def test_one_order_on_a_given_book_is_the_walk(
    goals: list[tuple[float, float]],
    is_buy: bool,  # noqa: FBT001 — drawn
    lots: int,
) -> None:
    book = empty_book(WIDTH, 64, MIDDLE)
    refill(book, _columns(goals), MIDDLE, 1.0, _ALL, 0.5)
    levels = held(book)[ASK if is_buy else BID]
    order: list[int] = sorted(levels, reverse=not is_buy)
    ticks = np.array(order, dtype=np.int64)
    there = np.array([levels[tick][0] for tick in order], dtype=np.int64)
    until: np.ndarray = np.cumsum(there)
    filled = take(book, is_buy, lots, NO_ASK if is_buy else NO_BID, _NONE)
    each = np.clip(lots - (until - there), 0, there)
    assert filled.lots == min(lots, int(there.sum()))
    assert filled.tick_lots == int(each @ ticks)
    if filled.lots:
        assert filled.last_tick == order[min(int(np.searchsorted(until, lots)), len(order) - 1)]


def test_a_refill_deals_out_whole_lots_that_sum_to_what_is_due() -> None:
    goals = _columns([(0.3, 0.7)] * (WIDTH // 2))
    sums = np.zeros(2)
    for i in range(1000):
        book = empty_book(WIDTH, 8, MIDDLE)
        refill(book, goals, MIDDLE, 1.0, (1.0, 0.25, 0.25, 1.0), (i + 0.5) / 1000)
        quoted = book.figures[:BOOK, QUOTED]
        # The goals themselves are whole lots, half a lot from their sums at most.
        due = 0.25 * np.floor(goals[:, -1] + 0.5)
        assert np.all(np.abs(quoted - due) < 1.0)
        sums += quoted - due
    assert np.abs(sums / 1000).max() < 1e-3


def test_a_book_at_its_goals_is_left_alone() -> None:
    goals = _columns([(3.4, 2.7)] * (WIDTH // 2))
    book = empty_book(WIDTH, 8, MIDDLE)
    refill(book, goals, MIDDLE, 1.0, _ALL, 0.5)
    before = [column.tobytes() for column in book]
    for offset in (0.0, 0.4, 0.99):
        refill(book, goals, MIDDLE, 1.0, (0.5, 0.3, 0.1, 0.9), offset)
    assert [column.tobytes() for column in book] == before


@pytest.mark.parametrize("phi", [1.0, 0.37, 0.02])
def test_refills_end_at_the_goal(phi: float) -> None:
    goals = _columns([(40.0, 35.5)] * (WIDTH // 2))
    book = empty_book(WIDTH, 8, MIDDLE)
    refill(book, goals, MIDDLE, 0.5, _ALL, 0.5)
    for i in range(400):
        refill(book, goals, MIDDLE, phi, (0.5, 0.3, 0.1, 0.4), (i * 0.618) % 1.0)
    assert book.figures[:BOOK, RESTING].tolist() == np.floor(phi * goals[:, -1] + 0.5).tolist()


def test_the_quick_part_comes_back_first() -> None:
    goals = _columns([(1000.0, 1000.0)] * (WIDTH // 2))
    book = empty_book(WIDTH, 8, MIDDLE)
    halves = []
    for _ in range(40):
        refill(book, goals, MIDDLE, 1.0, (0.6, 0.5, 0.01, 1.0), 0.5)
        halves.append(int(book.figures[BID, RESTING]) / 8000)
    # Quick: 0.6 * (1 - 2^-n); slow: 0.4 a hundredth at a time.
    assert halves[0] == pytest.approx(0.6 * 0.5 + 0.4 * 0.01, abs=1e-3)
    assert 0.6 <= halves[9] < 0.66
    assert halves[39] < 0.75


def test_the_mirror_of_a_book_is_the_book_of_the_mirror() -> None:
    """Price p against 2 * MIDDLE + 1 - p, bids against asks, with the same draws."""
    goals = _columns([(5.3, 4.1), (2.2, 7.7)] * (WIDTH // 4))
    book, mirror = empty_book(WIDTH, 64, MIDDLE - 7), empty_book(WIDTH, 64, MIDDLE - 7)
    for step in range(40):
        lots, move, offset = 1 + (step * 7) % 23, (step * 5) % 9 - 4, (step * 0.37) % 1.0
        for one, turned in ((book, False), (mirror, True)):
            is_buy = (step % 3 == 0) != turned
            reference = MIDDLE - move if turned else MIDDLE + move
            table = goals[::-1].copy() if turned else goals
            refill(one, table, reference, 0.8, (0.5, 0.4, 0.1, 0.6), offset)
            take(one, is_buy, lots, NO_ASK if is_buy else NO_BID, _NONE)
            check(one)
        turned_bids = {2 * MIDDLE + 1 - t: level for t, level in held(mirror)[ASK].items()}
        # The window is even, so its two halves differ by no tick: all levels agree.
        assert turned_bids == held(book)[BID]


def test_sizes_and_depth_times_c_give_the_same_prices() -> None:
    one, many = empty_book(WIDTH, 8, MIDDLE), empty_book(WIDTH, 8, MIDDLE)
    goals = _columns([(5.0, 4.0), (2.0, 7.0)] * (WIDTH // 4))
    refill(one, goals, MIDDLE, 1.0, _ALL, 0.5)
    refill(many, goals * 1000, MIDDLE, 1.0, _ALL, 0.5)
    for lots in (3, 9, 14):
        a = take(one, False, lots, NO_BID, _NONE)
        b = take(many, False, lots * 1000, NO_BID, _NONE)
        assert (b.lots, b.tick_lots, b.last_tick) == (
            1000 * a.lots,
            1000 * a.tick_lots,
            a.last_tick,
        )


def test_a_walk_without_room_left_stops_and_can_go_on() -> None:
    book = empty_book(WIDTH, 8, MIDDLE - 8)
    for i in range(5):
        assert join(book, True, MIDDLE - i, 2)
    fills = np.zeros((2, 3), dtype=np.int64)
    first = take(book, False, 7, NO_BID, fills)
    assert (first.lots, first.rows, first.last_tick) == (4, 2, MIDDLE - 1)
    second = take(book, False, 3, NO_BID, fills)
    assert (second.lots, second.rows, second.last_tick) == (3, 2, MIDDLE - 3)
    check(book)


def test_a_walk_goes_on_beyond_the_window() -> None:
    book = empty_book(WIDTH, 8, MIDDLE)
    for tick in (MIDDLE + 3, MIDDLE - 40, 5):
        assert join(book, True, tick, 5)
    assert book.figures[BID, STACKED] == 2
    filled = take(book, False, 12, NO_BID, _NONE)
    assert (filled.lots, filled.last_tick) == (12, 5)
    check(book)
    assert take(book, False, 99, 10, _NONE).lots == 0
    assert take(book, False, 99, NO_BID, _NONE).lots == 3
    assert book.figures[BID, BEST] == NO_BID


def test_others_are_served_after_those_before_them_and_before_those_behind() -> None:
    book, goals = empty_book(WIDTH, 8, MIDDLE - 8), _columns([(4.0, 4.0)] * (WIDTH // 2))
    refill(book, goals, MIDDLE, 1.0, _ALL, 0.5)
    join(book, True, MIDDLE, 3)
    refill(book, goals, MIDDLE, 1.0, _ALL, 0.5)
    take(book, False, 2, NO_BID, _NONE)
    refill(book, goals, MIDDLE, 1.0, _ALL, 0.5)  # two lots come behind
    fills = np.zeros((4, 3), dtype=np.int64)
    take(book, False, 6, NO_BID, fills)
    assert fills[0].tolist() == [MIDDLE, 3, 3]
    assert held(book)[BID][MIDDLE] == [1, 0, 0]


def test_no_room_refuses_and_changes_nothing() -> None:
    book = empty_book(WIDTH, 2, MIDDLE)
    for tick in (MIDDLE + 1, MIDDLE + 2, MIDDLE + 3):
        assert join(book, True, tick, 1)
    before = [column.tobytes() for column in book]
    assert not recentre(book, MIDDLE + 10)
    assert [column.tobytes() for column in book] == before
    assert join(book, True, MIDDLE - 50, 1)
    assert join(book, True, MIDDLE - 51, 1)
    before = [column.tobytes() for column in book]
    assert not join(book, True, MIDDLE - 52, 1)
    assert join(book, True, MIDDLE - 50, 1)
    assert cancel(book, True, MIDDLE - 50, 1) == 1
    assert not join(book, True, 0, 1)
    assert not join(book, True, MIDDLE, 0)
    assert [column.tobytes() for column in book[:2]] == before[:2]


def _lost_on_the_way(book: Book) -> None:
    book.stacks[BID, 0, 0] -= 1


def _crossed(book: Book) -> None:
    book.figures[BID, BEST] = book.figures[ASK, BEST]


def _not_booked(book: Book) -> None:
    book.figures[ASK, MAKERS_FILLED] -= 1


def _wrong_owner(book: Book) -> None:
    book.figures[ASK, MAKERS_FILLED] += 1
    book.figures[ASK, OTHERS_FILLED] -= 1


def _made_from_nothing(book: Book) -> None:
    book.levels[int(book.figures[ASK, BEST]) % WIDTH, 0] += 1


def _best_left_behind(book: Book) -> None:
    book.figures[ASK, BEST] -= 1


@pytest.mark.parametrize(
    "fault",
    [_lost_on_the_way, _crossed, _not_booked, _wrong_owner, _made_from_nothing, _best_left_behind],
)
def test_planted_faults_are_noticed(fault: Callable[[Book], None]) -> None:
    book, goals = empty_book(WIDTH, 64, MIDDLE), _columns([(4.0, 4.0)] * (WIDTH // 2))
    refill(book, goals, MIDDLE, 1.0, _ALL, 0.5)
    join(book, True, MIDDLE - 30, 3)
    take(book, True, 6, NO_ASK, _NONE)
    recentre(book, MIDDLE)
    check(book)
    fault(book)
    with pytest.raises(AssertionError):
        check(book)


class _OthersFirst(PlainBook):
    def take(self, is_buy: bool, lots: int, limit: int) -> list[tuple[int, int, int]]:  # noqa: FBT001
        for levels in self.sides:
            for level in levels.values():
                level[2] = 0
        return super().take(is_buy, lots, limit)


class _LimitIgnored(PlainBook):
    def take(self, is_buy: bool, lots: int, limit: int) -> list[tuple[int, int, int]]:  # noqa: FBT001
        return super().take(is_buy, lots, NO_ASK if is_buy else NO_BID)


class _RoundedEach(PlainBook):
    def refill(self, goals, reference, phi, gains, offset, kept, span) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        super().refill(goals, reference, phi, gains, 0.0, kept, span)


@pytest.mark.parametrize("twin", [_OthersFirst, _LimitIgnored, _RoundedEach])
def test_a_twin_with_a_fault_differs(twin: type[PlainBook]) -> None:
    events: list[_Event] = [
        ("refill", 1.0, MIDDLE, (_ALL, 0.5)),
        ("join", True, MIDDLE, 3),
        ("take", False, 2, None),
        ("take", False, 12, MIDDLE - 1),
        ("refill", 1.0, MIDDLE, ((0.5, 0.3, 0.3, 1.0), 0.95)),
    ]
    goals = _columns([(4.0, 4.0)] * (WIDTH // 2))
    for plain, differs in ((PlainBook(), False), (twin(), True)):
        book = empty_book(WIDTH, 64, MIDDLE)
        try:
            for event in events:
                _play(book, event, goals, plain)
                _same(book, plain)
        except AssertionError:
            assert differs
        else:
            assert not differs
