import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.folding import foldings, is_allowed, set_apart, strangers, words_of_key
from tests.alerts.made import UNHURRIED


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "ｓｔｏｐ",
        "5t0p",
        "s-t.op",
        "st<b>op</b>",
        "&#115;top",
        "%73top",
        "\\u0073top",
        "st\\op",
        "&amp;#115;top",
        "𝐬𝐭𝐨𝐩",
        "sTOP",
        "s_t_op".replace("_", "*"),
        "57op",
    ],
)
def test_one_word_is_found_behind_many(text: str) -> None:
    assert "stop" in foldings(text)


def test_camel_case_is_split() -> None:
    assert any("take profit 1" in view for view in foldings("takeProfit1"))


def test_numbers_are_no_words() -> None:
    assert not any("sell" in view for view in foldings("5e11"))


@UNHURRIED
@given(
    st.sampled_from(["entry", "stop", "sell"]), st.sampled_from([" ", ".", "-", " . ", "*", " _ "])
)
def test_letters_set_apart_are_joined(word: str, between: str) -> None:
    assert word in list(set_apart(f"({between.join(word)})"))


@UNHURRIED
@given(st.text())
def test_any_text_folds(text: str) -> None:
    assert all(view == view.lower() for view in foldings(text.lower()) if view.isascii())
    list(set_apart(text))
    words_of_key(text)


@UNHURRIED
@given(st.text())
def test_strangers_are_what_is_not_allowed(text: str) -> None:
    assert (strangers(text) == "") == all(is_allowed(mark) for mark in text)
    assert strangers(text).isascii()


@pytest.mark.parametrize("mark", "оеа\u200b\u202e\x1b\t\r→↑🚀📈ÿｂ①ﬁ∞√")
def test_look_alikes_and_signs_are_strangers(mark: str) -> None:
    assert not is_allowed(mark)
