"""Messages check their fields while they are read."""

import msgspec
import pytest

from airpocket.venues.binance.messages import (
    KINDS,
    LEAST_PRICE,
    Message,
    read_bare,
    read_combined,
    read_rate,
)

AGG = b'{"e":"aggTrade","s":"X","a":1,"p":"%b","q":"1","T":1600000000000,"m":true}'


def test_kinds_are_the_tags_of_the_messages() -> None:
    tags = {kind.__struct_config__.tag for kind in Message.__args__}
    assert tags == KINDS


def test_the_kind_need_not_stand_first() -> None:
    moved = AGG.replace(b'"e":"aggTrade",', b"").replace(b"}", b',"e":"aggTrade"}') % b"1.5"
    assert read_bare(moved) == read_bare(AGG % b"1.5")
    assert read_combined(b'{"data":%b}' % moved).data == read_bare(moved)


@pytest.mark.parametrize("price", [b"0", b"-1", b"nan", b"inf", b"1e15", b"1e-13", b"1e400", b""])
def test_hostile_prices_are_refused(price: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_bare(AGG % price)


def test_the_least_price_is_a_price() -> None:
    (price,) = [getattr(read_bare(AGG % str(LEAST_PRICE).encode()), "price", None)]
    assert price == LEAST_PRICE


def test_a_rate_is_a_bounded_number() -> None:
    assert read_rate("-0.00038167") == -0.00038167
    for text in ("nan", "10", "-11", "x", ""):
        with pytest.raises(msgspec.ValidationError):
            read_rate(text)
