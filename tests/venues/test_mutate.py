"""The mutator damages, repeats itself for a seed, and knows every kind of damage."""

import json
from typing import Any

from tests.venues.mutate import HOSTILE_FRAMES, mutations

FRAMES = [
    b'{"e":"trade","p":"1.5","q":2,"a":[1,{"b":null}]}',
    b"not json",
    b'[{"e":"trade","p":"1.5"},{"e":"trade","p":"2"}]',
]


def test_the_same_seed_gives_the_same_frames() -> None:
    assert list(mutations(FRAMES, 500, 7)) == list(mutations(FRAMES, 500, 7))
    assert list(mutations(FRAMES, 500, 7)) != list(mutations(FRAMES, 500, 8))


def test_gives_as_many_as_asked() -> None:
    for count in (0, 3, len(HOSTILE_FRAMES), 200):
        assert len(list(mutations(FRAMES, count, 1))) == count


def test_most_frames_are_damaged_and_many_are_still_json() -> None:
    def is_json(frame: bytes) -> bool:
        try:
            json.loads(frame)
        except (ValueError, RecursionError):
            return False
        return True

    frames = list(mutations(FRAMES, 2_000, 3))
    assert sum(frame in FRAMES for frame in frames) < 200
    assert 0.3 < sum(map(is_json, frames)) / len(frames) < 0.9


def test_deletes_every_key_and_replaces_every_value() -> None:
    def holes(tree: Any) -> set[str]:
        return {"e", "p", "q", "a"} - set(tree) if isinstance(tree, dict) else set()

    missing: set[str] = set()
    for frame in mutations(FRAMES[:1], 2_000, 5):
        try:
            missing |= holes(json.loads(frame))
        except (ValueError, RecursionError):
            continue
    assert missing == {"e", "p", "q", "a"}
