"""The queue of deleveraging."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.ranks import allocate, leveraged_return, percentiles

# BitMEX, page on auto-deleveraging.
ACCOUNTS = {
    "1": (10.0, 3.0), "2": (10.0, 6.0), "3": (20.0, 1.0), "4": (30.0, 4.0), "5": (20.0, 5.0),
    "6": (10.0, 2.0),
}  # fmt: skip


def test_the_queue_of_the_page() -> None:
    assert percentiles(ACCOUNTS) == {"1": 80, "2": 20, "3": 100, "4": 60, "5": 40, "6": 80}
    assert allocate(ACCOUNTS, 20.0) == {"2": 10.0, "5": 10.0}


@given(
    st.dictionaries(
        st.text(max_size=3), st.tuples(st.floats(0.1, 1e6), st.floats(-1e3, 1e3)), min_size=1
    ),
    st.floats(0.0, 1e7),
)
def test_the_queue_closes_what_there_is_from_the_top(
    accounts: dict[str, tuple[float, float]], size: float
) -> None:
    closed = allocate(accounts, size)
    total = sum(held for held, _ in accounts.values())
    assert sum(closed.values()) == pytest.approx(min(size, total), rel=1e-9)
    assert all(0 < part <= accounts[name][0] for name, part in closed.items())
    # Nobody is closed in part while one of lower rank is closed at all.
    lowest = min((accounts[name][1] for name in closed), default=math.inf)
    for name, (held, rank) in accounts.items():
        if rank > lowest:
            assert closed[name] == held
    lights = percentiles(accounts)
    assert max(lights.values()) == 100
    assert min(lights.values()) >= 20


def test_returns_count_more_the_less_is_left_behind_them() -> None:
    assert leveraged_return(10.0, 100.0, 110.0, 11.0) == pytest.approx(1.0)
    assert leveraged_return(-10.0, 100.0, 90.0, 45.0) == pytest.approx(-0.05)
    assert leveraged_return(-10.0, 100.0, 90.0, 0.0) == -math.inf


def test_an_empty_queue_is_refused() -> None:
    with pytest.raises(InputError, match="nobody"):
        percentiles({})
    assert allocate({}, 3.0) == {}
