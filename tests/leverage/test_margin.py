"""The shapes of what margin rules answer."""

import pytest
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.margin import ClosingStep, LiquidationPrice, Taker, rules_among


def test_a_step_says_who_takes_how_much() -> None:
    step = ClosingStep(Taker.BOOK, 0.2, then_wait_s=30.0)
    assert (step.price, step.limit_price, step.fee) == (None, None, 0.0)


def test_no_liquidation_price_has_a_reason() -> None:
    assert LiquidationPrice(None, None, "no debt").reason == "no debt"


class _Book(Struct, frozen=True):
    product: str
    valid_from_ns: int | None
    valid_to_ns: int | None
    venue: str = "okx"


def test_a_rule_book_is_picked_by_product_and_day() -> None:
    books = (_Book("swap", 10, 20), _Book("swap", 20, None), _Book("spot", None, 5))
    assert rules_among(books, "swap", 19) is books[0]
    assert rules_among(books, "swap", 20) is books[1]
    assert rules_among(books, "swap") is books[1]
    for product, at_ns, said in (
        ("options", None, "there are spot, swap"),
        ("spot", None, "no rules are known for today"),
        ("swap", 9, "no rules are known for 1970"),
    ):
        with pytest.raises(InputError, match=said):
            rules_among(books, product, at_ns)
