import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app.amounts import dollars_of, number_of, share_of, time_of
from airpocket.errors import InputError


@pytest.mark.parametrize(
    ("word", "usd"),
    [
        ("50e6", 50e6), ("50M", 50e6), ("50 000".replace(" ", "_"), 5e4), ("2.5bn", 2.5e9),
        ("$921.4", 921.4), ("1,000,000", 1e6), ("3k", 3e3), ("+7mn", 7e6), ("2b", 2e9),
    ],
)  # fmt: skip
def test_dollars(word: str, usd: float) -> None:
    assert dollars_of("sell", word) == pytest.approx(usd)


@pytest.mark.parametrize(
    "word", ["-5", "0", "nan", "inf", "1e400", "", "50x", "M", "five", "--", "5 5", "1e18", "٣"]
)
def test_what_is_no_amount_names_the_option(word: str) -> None:
    with pytest.raises(InputError, match="--sell is "):
        dollars_of("sell", word)


def test_what_was_left_out_stays_out() -> None:
    assert (dollars_of("x", None), number_of("x", None), share_of("x", None)) == (None, None, 0.0)


@given(st.floats(1e-3, 1e17))
def test_dollars_as_python_writes_them(usd: float) -> None:
    assert dollars_of("sell", repr(usd)) == pytest.approx(usd)


@pytest.mark.parametrize("word", ["-1", "0", "nan", "inf", "x", "", "1e30"])
def test_numbers(word: str) -> None:
    assert number_of("price", "70,328.5") == 70_328.5
    with pytest.raises(InputError, match=r"--price is .*above 0"):
        number_of("price", word)


def test_shares() -> None:
    assert share_of("fee", "0.5%") == pytest.approx(0.005)
    assert share_of("absorbed", "0.6") == 0.6
    for word in ("-1%", "100%", "1", "nan"):
        with pytest.raises(InputError, match="--absorbed"):
            share_of("absorbed", word)


def test_only_orders_have_a_side_to_say() -> None:
    with pytest.raises(InputError, match=r"the option says the side$"):
        dollars_of("sell", "-5M")
    with pytest.raises(InputError, match=r"--fund is '-5': give dollars above 0$"):
        dollars_of("fund", "-5")
    with pytest.raises(InputError, match=r"above 0 and below 1e18$"):
        dollars_of("fund", "1e19")


def test_a_time_that_is_none_names_the_option() -> None:
    assert time_of("at", None) is None
    with pytest.raises(InputError, match=r"^--at: '05/02/2026' is not an ISO 8601 time, such as "):
        time_of("at", "05/02/2026")
