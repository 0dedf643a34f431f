import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.linter import violations
from airpocket.alerts.names import (
    CHANNELS,
    alias_of,
    base_of,
    instrument_label,
    is_instrument,
    is_source,
    is_venue,
    source_of,
)
from airpocket.errors import InputError
from tests.alerts.made import ADVICE, SYMBOLS, UNHURRIED


@pytest.mark.parametrize(
    "base", ["BUY", "SELL", "LONG", "Short", "STOP", "ENTRY", "TARGET", "TP", "做多", "L0NG"]
)
def test_a_coin_named_like_an_order_gets_an_alias(base: str) -> None:
    symbol = f"{base}/USDT:USDT"
    assert not is_instrument(symbol)
    assert instrument_label(symbol) == alias_of(symbol)
    assert instrument_label(alias_of(symbol)) == alias_of(symbol)


@UNHURRIED
@given(SYMBOLS)
def test_ordinary_names_stay(symbol: str) -> None:
    assert instrument_label(symbol) == symbol


@UNHURRIED
@given(
    st.text()
    | st.sampled_from(ADVICE)
    | st.from_regex(r"[A-Z]{1,9}/[A-Z]{1,5}(:[A-Z]{1,5})?", fullmatch=True)
)
def test_every_label_is_a_harmless_name(symbol: str) -> None:
    label = instrument_label(symbol)
    assert label == "*" or is_instrument(label)
    assert violations(label) == ()
    assert violations(base_of(label)) == ()


@pytest.mark.parametrize(
    "text", [*ADVICE, "@everyone", "<a>", "`x`", "BTC/USDT\n", "btc\x1b[2J", "", "/", "A/", "*"]
)
def test_free_text_names_nothing(text: str) -> None:
    assert not is_instrument(text)
    assert not is_source(text)
    assert not is_source(f"{text}:trades")
    assert not is_source(f"binance:{text}")
    assert text == "*" or not is_venue(text)


def test_no_symbol_speaks_for_everything() -> None:
    assert instrument_label(None) == instrument_label("*") == "*"


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_every_channel_is_a_clean_source(channel: str) -> None:
    assert violations(source_of(channel, "binance", "kraken-futures")) == ()


def test_a_source_names_venues_once() -> None:
    assert source_of("trades", "okx", "okx") == "okx:trades"
    for channel, venues in (
        ("rumours", ["okx"]),
        ("trades", []),
        ("trades", ["Buy"]),
        ("trades", ["x"] * 0),
    ):
        with pytest.raises(InputError):
            source_of(channel, *venues)
    with pytest.raises(InputError):
        source_of("trades", *(f"v{number}" for number in range(25)))
