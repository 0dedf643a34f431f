"""The book of one venue in plain Python: two dictionaries of levels, no window, no stacks."""

import math

import numpy as np

from airpocket.cascade.density_kernels import (
    ASK,
    BEST,
    BID,
    BOOK,
    CANCELLED,
    FAR,
    FAR_MAKERS,
    JOINED,
    LOW,
    MAKERS_FILLED,
    NO_ASK,
    NO_BID,
    OTHERS_FILLED,
    QUOTED,
    RESTING,
    STACKED,
    WITHDRAWN,
    Book,
)

Level = list[int]  # makers' lots, others' lots, makers' lots ahead of the others


def empty_book(width: int, capacity: int, low: int) -> Book:
    book = Book(
        np.zeros((width, 3), dtype=np.int64),
        np.zeros((2, capacity, 4), dtype=np.int64),
        np.zeros((3, 11), dtype=np.int64),
    )
    book.figures[ASK, BEST], book.figures[BOOK, LOW] = NO_ASK, low
    return book


def held(book: Book) -> list[dict[int, Level]]:
    """Read a book from its arrays, by nothing but their description."""
    sides: list[dict[int, Level]] = [{}, {}]
    width, low = book.levels.shape[0], int(book.figures[BOOK, LOW])
    for tick in range(low, low + width):
        level = [int(lots) for lots in book.levels[tick % width]]
        if level[0] + level[1] > 0:
            is_bid = tick <= book.figures[BID, BEST]
            assert is_bid or tick >= book.figures[ASK, BEST]
            sides[BID if is_bid else ASK][tick] = level
        else:
            assert level == [0, 0, 0]
    for side in (BID, ASK):
        for row in book.stacks[side, : book.figures[side, STACKED]]:
            assert int(row[3]) not in sides[side]
            sides[side][int(row[3])] = [int(lots) for lots in row[:3]]
    return sides


def check(book: Book) -> None:
    """Hold what is true of every book after every event."""
    sides, width, low = held(book), book.levels.shape[0], int(book.figures[BOOK, LOW])
    bids, asks = sides
    assert book.figures[BID, BEST] == max(bids, default=NO_BID)
    assert book.figures[ASK, BEST] == min(asks, default=NO_ASK)
    assert book.figures[BID, BEST] < book.figures[ASK, BEST]
    for side, levels in enumerate(sides):
        for makers, others, ahead in levels.values():
            assert min(makers, others) >= 0
            assert makers + others > 0
            assert 0 <= ahead <= makers
            assert others > 0 or ahead == 0
        stacked = book.figures[side, STACKED]
        far = book.stacks[side, :stacked]
        assert not book.stacks[side, stacked:].any()
        ticks = far[:, 3] if side == BID else -far[:, 3]
        assert np.all(np.diff(ticks) > 0)
        assert np.all(far[:, 3] < low) if side == BID else np.all(far[:, 3] >= low + width)
        assert book.figures[side, FAR_MAKERS] == far[:, 0].sum()
        assert book.figures[side, FAR] == far[:, :2].sum()
        ledger = book.figures[side]
        makers = sum(level[0] for level in levels.values())
        others = sum(level[1] for level in levels.values())
        assert makers == ledger[QUOTED] - ledger[WITHDRAWN] - ledger[MAKERS_FILLED]
        assert others == ledger[JOINED] - ledger[CANCELLED] - ledger[OTHERS_FILLED]
        assert book.figures[side, RESTING] == makers + others


class PlainBook:
    def __init__(self) -> None:
        self.sides: list[dict[int, Level]] = [{}, {}]
        self.inventory = self.cash = 0

    def best(self, side: int) -> int:
        levels = self.sides[side]
        return max(levels, default=NO_BID) if side == BID else min(levels, default=NO_ASK)

    def _change(self, side: int, tick: int, makers: int, others: int) -> None:
        level = self.sides[side].setdefault(tick, [0, 0, 0])
        if others > 0 and level[1] == 0:
            level[2] = level[0]
        level[0] += makers
        level[1] += others
        level[2] = min(level[2], level[0]) if level[1] else 0
        if level[0] + level[1] == 0:
            del self.sides[side][tick]

    def join(self, is_bid: bool, tick: int, lots: int) -> bool:  # noqa: FBT001
        crosses = tick >= self.best(ASK) if is_bid else tick <= self.best(BID)
        if crosses or tick < 1 or lots < 1:
            return False
        self._change(BID if is_bid else ASK, tick, 0, lots)
        return True

    def cancel(self, is_bid: bool, tick: int, lots: int) -> int:  # noqa: FBT001
        side = BID if is_bid else ASK
        gone = max(min(lots, self.sides[side].get(tick, [0, 0, 0])[1]), 0)
        if gone:
            self._change(side, tick, 0, -gone)
        return gone

    def take(self, is_buy: bool, lots: int, limit: int) -> list[tuple[int, int, int]]:  # noqa: FBT001
        """Serve lot by lot: makers ahead, the others, the makers behind them."""
        side, sign = (ASK, 1) if is_buy else (BID, -1)
        fills: list[tuple[int, int, int]] = []
        while lots > 0 and self.sides[side]:
            tick = self.best(side)
            if sign * tick > sign * limit:
                break
            level, of_makers, of_others = self.sides[side][tick], 0, 0
            while lots > 0 and level[0] + level[1] > 0:
                lots -= 1
                if level[2] > 0 or level[1] == 0:
                    of_makers += 1
                    level[0] -= 1
                    level[2] = max(level[2] - 1, 0)
                else:
                    of_others += 1
                    level[1] -= 1
                level[2] = level[2] if level[1] else 0
            if level[0] + level[1] == 0:
                del self.sides[side][tick]
            fills.append((tick, of_makers, of_others))
            self.inventory -= sign * of_makers
            self.cash += sign * of_makers * tick
        return fills

    def refill(
        self,
        goals: np.ndarray,
        reference: int,
        phi: float,
        gains: tuple[float, float, float, float],
        offset: float,
        kept: range,
        span: range,
    ) -> None:
        """Requote within the span; makers pull what was not within ``kept``."""
        share, quick, slow, withdrawn = gains
        for side, levels in enumerate(self.sides):
            for tick in list(levels):
                wrong = tick > reference if side == BID else tick <= reference
                if wrong or tick not in kept:
                    self._change(side, tick, -levels[tick][0], 0)
        for side in (BID, ASK):
            reach = goals.shape[1] - 1
            due, moved = 0.0, 0
            for distance in range(
                1, len(span) + max(abs(reference - tick) for tick in (span[0], span[-1]))
            ):
                tick = reference + 1 - distance if side == BID else reference + distance
                crosses = tick >= self.best(ASK) if side == BID else tick <= self.best(BID)
                if crosses or tick < 1 or tick not in span:
                    continue
                last, until = (
                    math.floor(phi * goals[side, min(d, reach)] + 0.5)
                    for d in (distance - 1, distance)
                )
                here, goal = self.sides[side].get(tick, [0, 0, 0])[0], until - last
                if here > goal:
                    due -= withdrawn * (here - goal)
                elif here < goal:
                    due += quick * max(share * goal - here, 0.0)
                    due += slow * (goal - max(share * goal, float(here)))
                else:
                    continue
                change = max(math.floor(due + offset) - moved, -here)
                moved += change
                if change:
                    self._change(side, tick, change, 0)
