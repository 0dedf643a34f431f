"""Reasons are short lines; ids are ours or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.replies import REASON_MOST, reason, request_id_of


@given(st.lists(st.none() | st.integers() | st.text(max_size=2000), max_size=4))
def test_a_reason_is_one_short_printable_line(parts: list[object]) -> None:
    said = reason(*parts)
    assert said
    assert len(said) <= REASON_MOST
    assert said.isprintable()
    assert said == said.strip()


def test_reasons() -> None:
    assert reason(60012, "Invalid request") == "60012: Invalid request"
    assert reason("", "Invalid request") == "Invalid request"
    assert reason(0, "Unknown property") == "0: Unknown property"
    assert reason(None, None) == reason("\x00\n") == "no reason given"
    assert reason("a" * 500) == "a" * 199 + "…"
    assert reason("\x1b[31mred\u202e") == "[31mred"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7), ("7", 7), ("007", 7), (-1, -1), (None, None), ("", None), ("-1", None),
        ("seven", None), ("\u0667", None), ("1" * 19, None), ("1.0", None), (" 7", None),
    ],
)  # fmt: skip
def test_ids(value: int | str | None, number: int | None) -> None:
    assert request_id_of(value) == number
