"""The wall clock."""

import time

from airpocket.live.clock import SystemClock


def test_it_is_the_time_of_day() -> None:
    before = time.time_ns()
    assert before <= SystemClock().wall_ns() <= time.time_ns()
