"""Replay in bulk is the book, change by change."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market import book as book_module
from airpocket.market import levels as module
from airpocket.market.book import Book
from airpocket.market.columns import MISSING_INT
from airpocket.market.events import BookChange
from airpocket.market.levels import LevelColumns, replay
from airpocket.market.sequence import SequenceRule
from airpocket.venues.binance.wire import open_wire
from tests.market.books import change, recorded, streams, whole

_NAN = (float("nan"), float("nan"))


def _same(changes: list[BookChange], rule: SequenceRule) -> None:
    """Assert that both ways give the same quotes and the same gaps after every change."""
    levels = LevelColumns.gather(changes)
    quotes = replay(levels, rule, each_level=True)
    book, best, told = Book(rule), [], []
    for one in changes:
        told.append(book.apply(one) is not None)
        best.append(book.best() or _NAN)
    expected = np.array(best).reshape(-1, 2)
    np.testing.assert_array_equal(quotes.told, told)
    np.testing.assert_array_equal(quotes.bids, expected[:, 0])
    np.testing.assert_array_equal(quotes.asks, expected[:, 1])
    unread = replay(levels, rule)
    np.testing.assert_array_equal(unread.bids, quotes.bids)
    assert len(unread.level_bids) == 0
    for index in range(len(changes)):  # the last level of a change shows what the change shows
        end = levels.begins[index + 1]
        if end > levels.begins[index] and not np.isnan(quotes.bids[index]):
            assert quotes.level_bids[end - 1] == quotes.bids[index]
            assert quotes.level_asks[end - 1] == quotes.asks[index]


@given(streams(), st.sampled_from(list(SequenceRule)))
def test_bulk_is_the_book_whatever_comes(changes: list[BookChange], rule: SequenceRule) -> None:
    _same(changes, rule)


@given(streams(), st.sampled_from(list(SequenceRule)), st.integers(1, 6))
def test_bulk_has_the_bounds_of_the_book(
    changes: list[BookChange], rule: SequenceRule, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for place in (book_module, module):
            patch.setattr(place, "LEVELS_MAX", most)
            patch.setattr(place, "WAITING_LEVELS_MAX", 2 * most)
        _same(changes, rule)


@given(st.lists(st.tuples(st.integers(0, 9_999), st.booleans(), st.booleans()), max_size=60))
def test_the_next_best_price_is_found_however_far_away(
    moves: list[tuple[int, bool, bool]],
) -> None:
    far = [(1.0 + price, 1.0) for price in range(10_000)]
    changes = [whole(None, far[:1], [(20_001.0 + far[-1][0], 1.0)])]
    changes.append(change(None, far))  # makes 10,000 ranks
    changes.append(change(None, [(price, 0.0) for price, _ in far[1:]]))
    for place, is_bid, is_there in moves:
        level = [(far[place][0] + (0 if is_bid else 20_000), float(is_there))]
        changes.append(change(None, level if is_bid else [], [] if is_bid else level))
    _same(changes, SequenceRule.UNNUMBERED)


def test_quotes_after_each_level() -> None:
    changes = [
        whole(None, [(9.0, 1.0), (8.0, 1.0)], [(11.0, 1.0)]),
        change(None, [(9.0, 0.0), (7.0, 1.0), (10.0, 2.0)], [(11.0, 0.0), (12.0, 1.0)]),
        change(None),
    ]
    quotes = replay(LevelColumns.gather(changes), SequenceRule.UNNUMBERED, each_level=True)
    nan = float("nan")
    np.testing.assert_array_equal(quotes.level_bids, [nan, nan, 9.0, 8.0, 8.0, 10.0, 10.0, 10.0])
    np.testing.assert_array_equal(quotes.level_asks, [nan, nan, 11.0, 11.0, 11.0, 11.0, nan, 12.0])
    np.testing.assert_array_equal(quotes.bids, [9.0, 10.0, 10.0])
    np.testing.assert_array_equal(quotes.asks, [11.0, 12.0, 12.0])


def test_what_was_waiting_leaves_no_quotes_behind() -> None:
    changes = [
        change(11, [(9.5, 1.0)], previous=10, at=1),
        whole(10, [(9.0, 1.0)], [(11.0, 1.0)], 0),
        change(13, [(20.0, 1.0)], previous=11, at=2),
    ]
    quotes = replay(LevelColumns.gather(changes), SequenceRule.LINKED, each_level=True)
    nan = float("nan")
    np.testing.assert_array_equal(quotes.level_bids, [nan, nan, 9.5, nan])
    np.testing.assert_array_equal(quotes.level_asks, [nan, nan, 11.0, nan])
    np.testing.assert_array_equal(quotes.told, [True, False, True])


def test_hostile_prices_cost_no_more_memory_than_others() -> None:
    prices = [1e-300, 1.0, 1e300]
    changes = [whole(None, [(prices[0], 1.0)], [(prices[2], 1.0)]), change(None, [(1.0, 1.0)])]
    levels = LevelColumns.gather(changes)
    assert len(levels.prices) == len(prices)
    quotes = replay(levels, SequenceRule.UNNUMBERED)
    np.testing.assert_array_equal(quotes.bids, prices[:2])


def test_no_changes_are_no_quotes() -> None:
    levels = LevelColumns.gather([])
    assert len(levels) == 0
    assert len(replay(levels, SequenceRule.LINKED, each_level=True).bids) == 0


@pytest.mark.parametrize(
    "level", [(0.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (1.0, float("nan")), (1.0, np.inf)]
)
def test_a_level_that_cannot_be_one_is_refused(level: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="level 1 is"):
        LevelColumns.gather([whole(None, [(5.0, 1.0)], [level])])


def test_columns_are_of_one_instrument_and_fit_together() -> None:
    one = whole(None, [(5.0, 1.0)], [])
    with pytest.raises(InputError, match="changes of 2 instruments"):
        LevelColumns.gather([one, msgspec.structs.replace(one, raw_symbol="Y")])
    with pytest.raises(InputError, match="do not fit 1 levels"):
        LevelColumns(
            prices=np.ones(1),
            qtys=np.ones(1),
            begins=np.array([0, 2]),
            middles=np.array([1]),
            snapshots=np.array([True]),
            ids=np.full((1, 3), MISSING_INT),
            venue_ns=np.array([1]),
        )


@pytest.mark.data
@pytest.mark.parametrize("product", ["um", "cm"])
def test_bulk_is_the_book_on_the_recordings(data_dir: Path, product: str) -> None:
    path = next((data_dir / "l2_book").glob(f"binance_{product}_*.raw.gz"))
    _same(recorded(path, open_wire()), SequenceRule.LINKED)
