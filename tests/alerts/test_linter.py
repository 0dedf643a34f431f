import dataclasses
import json
import time
from enum import Enum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.linter import Violation, require_facts_only, violations
from airpocket.errors import FactsOnlyError
from tests.alerts.made import ADVICE, FACTS, UNHURRIED, disguised

PLAIN = ["entry", "stop", "target", "buy", "sell", "should", "leverage", "profit", "expect"]


@pytest.mark.parametrize("text", ADVICE)
def test_advice_is_refused(text: str) -> None:
    assert violations(text)
    assert violations(text.encode())
    assert violations({"a": [{"b": (text,)}]})
    assert violations({text: 1})
    assert violations(json.dumps({"a": [text]}))
    with pytest.raises(FactsOnlyError):
        require_facts_only([text])


@pytest.mark.parametrize("text", FACTS)
def test_facts_pass(text: str) -> None:
    assert violations(text) == ()
    assert violations({"value": text, "facts": [text.encode()]}) == ()


@UNHURRIED
@given(text=disguised(st.sampled_from(["entry", "stop", "target", "sell", "should", "profit"])))
def test_no_disguise_helps(text: str) -> None:
    assert violations(text)


@UNHURRIED
@given(
    st.recursive(
        st.text() | st.binary() | st.integers() | st.floats() | st.none(),
        lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    )
)
def test_anything_can_be_read(rendered: object) -> None:
    assert isinstance(violations(rendered), tuple)


@UNHURRIED
@given(text=st.text(), word=st.sampled_from(PLAIN), path=st.lists(st.booleans(), max_size=8))
def test_advice_is_found_at_any_depth(text: str, word: str, path: list[bool]) -> None:
    rendered: object = f"{word} {text}"
    for is_list in path:
        rendered = [rendered] if is_list else {"x": rendered}
    assert violations(rendered)


@pytest.mark.parametrize(
    "key",
    [
        "entry",
        "stopLoss",
        "stop_loss",
        "TP1",
        "takeProfit",
        "size",
        "position_size",
        "side_qty",
        "leverage",
        "direction",
        "tradeDirection",
        "target",
        "action",
        "plan",
        "rr",
        "order",
    ],
)
def test_keys_of_a_plan_are_refused(key: str) -> None:
    assert violations({"facts": [{key: None}]})


def test_attributes_of_records_are_keys() -> None:
    class Bad(msgspec.Struct, rename={"fine": "target"}):
        fine: int = 1

    @dataclasses.dataclass
    class Worse:
        leverage: int = 1

    class Word(Enum):
        FINE = "buy now"

    assert violations(Bad())
    assert violations(Worse())
    assert violations([Word.FINE])


def test_what_cannot_be_read_is_refused() -> None:
    class Sly(str):
        __slots__ = ()

    class Odd(dict):  # type: ignore[type-arg]
        pass

    cycle: list[object] = []
    cycle += [cycle, cycle]
    for unreadable in (
        object(),
        Sly("fine"),
        Odd(),
        b"\xff\xfe",
        cycle,
        "[" * 100_000,
        "a" * 200_001,
        iter("a"),
        lambda: 0,
        Exception("fine"),
    ):
        assert violations(unreadable)


def test_a_violation_leads_to_its_place() -> None:
    found = violations({"facts": [{"name": "fine"}, {"name": "tp1"}], "entry": 1})
    assert found == (
        Violation("facts[1].name", "target", "tp1"),
        Violation("{entry}", "entry", "entry"),
    )


def test_the_error_shows_hostile_text_on_one_line() -> None:
    with pytest.raises(FactsOnlyError) as caught:
        require_facts_only("buy\n\x1b[2J now")
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "worst",
    [
        "a",
        " ",
        "long ",
        "a ",
        "1",
        "<",
        "&#98;",
        "forced ",
        "\\u0062",
        "-a",
        "risk to ",
        "size ",
        "%",
        "5a",
        "%25",
        "&amp;",
        "e n ",
        "1.",
        "if it ",
        "[[",
        "_A",
        "\\",
    ],
)
def test_reading_takes_linear_time(worst: str) -> None:
    text = (worst * 50_000)[:50_000]
    begin = time.process_time()
    violations(text)
    assert time.process_time() - begin < 5.0  # a backtracking pattern takes hours
