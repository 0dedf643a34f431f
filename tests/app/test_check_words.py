"""What was typed is understood, or refused in one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from airpocket.app.check_command import Asked
from airpocket.app.check_words import (
    fraction_of,
    market_of,
    mode_of,
    move_of,
    refuse_leverage,
    side_of,
    sized,
    tier_words,
)
from airpocket.errors import InputError
from airpocket.leverage.position import MarginMode
from airpocket.market.events import Side
from tests.leverage.contracts import held

BINANCE = Asked(venue="binance", symbol="BTC")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("-8%", -0.08), ("8%", 0.08), ("+8 %", 0.08), ("−8%", -0.08), ("-0.08", -0.08),
        ("0.0001", 0.0001), ("150%", 1.5), ("1e-4", 1e-4), ("0", 0.0),
    ],
)  # fmt: skip
def test_a_share_is_read(word: str, value: float) -> None:
    assert fraction_of("survive", word) == pytest.approx(value)


@pytest.mark.parametrize("word", ["", "%", "eight", "8%%", "nan", "inf%", "8", "-1", "1.0", "nan%"])
def test_a_share_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="--survive is"):
        fraction_of("survive", word)
    assert fraction_of("survive", None) is None


@pytest.mark.parametrize(
    ("word", "side"), [("-8%", Side.LONG), ("+8%", Side.SHORT), ("150%", Side.SHORT)]
)
def test_a_move_against_the_position_is_taken(word: str, side: Side) -> None:
    assert move_of(word, side) is not None


@pytest.mark.parametrize(
    ("word", "side", "said"),
    [
        ("+8%", Side.LONG, "a fall, such as -8%"),
        ("-8%", Side.SHORT, "a rise, such as +8%"),
        ("0%", Side.LONG, "a fall"),
        ("-100%", Side.LONG, "less than 100 %"),
        ("-250%", Side.LONG, "less than 100 %"),
    ],
)
def test_a_move_of_the_wrong_sign_is_refused(word: str, side: Side, said: str) -> None:
    with pytest.raises(InputError) as caught:
        move_of(word, side)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e19])
def test_a_figure_out_of_bounds_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="--size is"):
        sized("size", value)
    assert sized("size", None) is None
    assert sized("size", 1.5) == 1.5


def test_a_figure_too_large_is_not_called_too_small() -> None:
    with pytest.raises(InputError, match=r"above 0 and below 1e18$"):
        sized("size", 1e19)
    with pytest.raises(InputError, match=r"above 0$"):
        sized("size", -1.0)


def test_sides_and_modes() -> None:
    assert side_of(" Long ") is Side.LONG
    assert mode_of("CROSS") is MarginMode.CROSS
    for word in (None, "buy", ""):
        with pytest.raises(InputError, match="long or short"):
            side_of(word)
    with pytest.raises(InputError, match="isolated or cross"):
        mode_of("portfolio")


@pytest.mark.parametrize(
    ("venue", "word", "symbol"),
    [
        ("binance", "BTC", "BTC/USDT:USDT"),
        ("binance", "btc/usdt", "BTC/USDT:USDT"),
        ("binance", "BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("binance", "btcusdt", "BTC/USDT:USDT"),
        ("Binance ", " BTCUSDT ", "BTC/USDT:USDT"),
        ("okx", "ETH-USDT-SWAP", "ETH/USDT:USDT"),
        ("okx", "ethusdt", "ETH/USDT:USDT"),
        ("hyperliquid", "BTCUSDC", "BTC/USDC:USDC"),
        ("hyperliquid", "BTC", "BTC/USDC:USDC"),
        ("hyperliquid", "kPEPE", "KPEPE/USDC:USDC"),
        ("dydx", "BTC", "BTC/USD:USDC"),
        ("dydx", "BTC-USD", "BTC/USD:USDC"),
        ("bybit", "BTC", "BTC/USDT:USDT"),
    ],
)
def test_an_instrument_is_found_by_all_its_names(venue: str, word: str, symbol: str) -> None:
    found = market_of(Asked(venue=venue, symbol=word))
    assert found.instrument.symbol == symbol
    assert found.tiers.symbol == symbol
    assert found.rules.venue == found.instrument.venue


def test_a_coin_of_several_contracts_says_which_was_taken() -> None:
    (said,) = market_of(BINANCE).assumed
    assert said == "BTC is taken for BTC/USDT:USDT (there are also BTC/USDC:USDC, BTC/USD:BTC)"
    assert market_of(replace(BINANCE, symbol="BTCUSDT")).assumed == ()


@pytest.mark.parametrize(
    ("venue", "symbol", "said"),
    [
        ("ftx", "BTC", "'ftx' is not a venue"),
        ("aave", "BTC", "aave lends"),
        ("deribit", "BTC", "2022-01-11"),
        ("binance", "NOPECOIN", "not listed on binance"),
        ("binance", "", "not listed on binance"),
        ("hyperliquid", "BTCUSDT", "did you mean"),
        ("okx", "BTC", "its tiers are not known"),
        ("binance", "BTC/USD:BTC", "its tiers are not known"),
        ("gmx", "ETH", "none of its markets is shipped"),
    ],
)
def test_what_is_not_known_is_refused(venue: str, symbol: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        market_of(Asked(venue=venue, symbol=symbol))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


GMX = """
venue = "gmx"
[[instruments]]
raw_symbol = "ETH/USD"
symbol = "ETH/USD:USDC"
kind = "linear"
[[tiers]]
symbol = "ETH/USD:USDC"
rows = [[0, inf, 0.01, 0, 100]]
source = "market page of 2026-10-01"
"""


def test_a_market_and_its_tiers_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "gmx.toml"
    path.write_text(GMX, encoding="utf-8")
    found = market_of(Asked(venue="gmx", symbol="ETH", tiers=path))
    assert (found.instrument.symbol, found.rules.rule_id) == ("ETH/USD:USDC", "gmx-v2")
    assert found.tiers.source == "market page of 2026-10-01"
    with pytest.raises(InputError, match="its instruments are of gmx, not of binance"):
        market_of(Asked(venue="binance", symbol="ETH", tiers=path))


def test_given_tiers_come_before_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    rows = '[[tiers]]\nsymbol = "BTC/USDT:USDT"\nrows = [[0, 1e9, 0.02, 0, 20]]\nsource = "mine"\n'
    path.write_text('venue = "binance"\n' + rows, encoding="utf-8")
    assert market_of(replace(BINANCE, tiers=path)).tiers.source == "mine"
    path.write_text("venue = ", encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.toml"):
        market_of(replace(BINANCE, tiers=path))
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        market_of(replace(BINANCE, tiers=tmp_path / "nowhere.toml"))


def test_rules_and_tiers_are_those_of_the_day() -> None:
    dydx = Asked(venue="dydx", symbol="BTC", rules_of="2024-01-01")
    assert market_of(dydx).rules.rule_id == "dydx-v4-genesis"
    with pytest.raises(InputError, match="no rules are known for 2023-01-01"):
        market_of(replace(dydx, rules_of="2023-01-01"))
    with pytest.raises(InputError, match="its tiers are not known for 2025-10-10"):
        market_of(replace(BINANCE, rules_of="2025-10-10"))
    with pytest.raises(InputError, match="--rules-of is 'yesterday'"):
        market_of(replace(BINANCE, rules_of="yesterday"))


def test_a_leverage_above_the_cap_names_tier_rule_and_dates() -> None:
    market = market_of(BINANCE)
    with pytest.raises(InputError) as caught:
        refuse_leverage(held(market.instrument, 1, 5.0, 100_000.0, leverage=125), market)
    said = str(caught.value)
    assert "from 1 to 100 is allowed in tier 2 of 12 (up to 800,000 USDT)" in said
    assert "binance-usdm-2025-09 of 2025-09-18" in said
    assert "freqtrade 2026.9" in said
    refuse_leverage(held(market.instrument, 1, 5.0, 100_000.0, leverage=100), market)
    with pytest.raises(InputError, match=r"--leverage is 0\.5"):
        refuse_leverage(held(market.instrument, 1, 5.0, 100_000.0, leverage=0.5), market)


def test_tiers_are_named_by_their_bounds() -> None:
    hyperliquid = market_of(Asked(venue="hyperliquid", symbol="BTC"))
    assert tier_words(hyperliquid, 1) == "tier 2 of 2 (above 150,000,000 USDC)"
    dydx = market_of(Asked(venue="dydx", symbol="BTC"))
    assert tier_words(dydx, 0) == "tier 1 of 1 (without end)"
    okx = market_of(Asked(venue="okx", symbol="ETH"))
    assert tier_words(okx, 0) == "tier 1 of 3 (up to 3,000 contracts)"
