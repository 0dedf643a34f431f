import gc

import pytest

from airpocket.live.collecting import THRESHOLDS, rare_collections


def test_what_is_loaded_is_passed_over_and_the_rest_looked_through_rarely() -> None:
    before = gc.get_threshold()
    frozen = gc.get_freeze_count()
    with rare_collections():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen + 10_000
    assert gc.get_threshold() == before


def test_it_is_as_before_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), rare_collections():
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_are_still_freed() -> None:
    class Node:
        alive = 0

        def __init__(self) -> None:
            self.itself = self
            Node.alive += 1

        def __del__(self) -> None:
            Node.alive -= 1

    with rare_collections():
        most = 0
        for _ in range(3 * THRESHOLDS[0]):
            Node()
            most = max(most, Node.alive)
    assert most <= 2 * THRESHOLDS[0]
