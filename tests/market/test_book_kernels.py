"""The kernel alone; that it is the book, change by change, stands in test_levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market import book_kernels


@given(st.sets(st.integers(0, 20_000), max_size=40), st.integers(0, 20_000))
def test_the_next_best_rank_is_the_highest_that_is_held(ranks: set[int], from_rank: int) -> None:
    below = [rank for rank in ranks if rank < from_rank]
    held = np.zeros(5 * 4096)
    held[below] = 1.0
    blocks, groups = np.zeros(5 * 64, np.int32), np.zeros(5, np.int32)
    for rank in below:
        blocks[rank >> 6] += 1
        groups[rank >> 12] += 1
    found = book_kernels._next_best(held, blocks, groups, from_rank, 0)
    assert found == max(below, default=-1)
    if from_rank >= 4096:  # of a side that begins with group 1
        found = book_kernels._next_best(held, blocks, groups, from_rank, 1)
        assert found == max((rank for rank in below if rank >= 4096), default=-1)


@pytest.mark.parametrize("rule", [book_kernels.LINKED, book_kernels.COUNTED])
def test_an_update_that_does_not_follow_ends_the_quotes(rule: int) -> None:
    missing = book_kernels._MISSING
    quotes, _, told = book_kernels.replay_changes(
        np.array([0, 2, 3, 4]), np.array([1, 3, 4]),
        np.array([0, 0, 1, 0], np.int32), np.array([1.0, 1.0, 1.0, 5.0]), np.array([1.0, 2.0, 3.0]),
        np.array([True, False, False]),
        np.array([[missing, 7, missing], [8, 8, 7], [10, 10, 9]]), np.array([1, 2, 3]),
        rule, 10, 10, False,
    )  # fmt: skip
    np.testing.assert_array_equal(quotes[0], [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(quotes[1], [3.0, 3.0, np.nan])
    np.testing.assert_array_equal(told, [False, False, True])
