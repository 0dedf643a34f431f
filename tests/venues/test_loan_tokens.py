"""Which coin a liquidated loan was long or short of."""

import pytest

from airpocket.market.events import Side
from airpocket.venues.loan_tokens import DECIMALS, closed_by, coin_of, is_dollar


@pytest.mark.parametrize(
    ("collateral", "debt", "symbol", "side", "by_debt"),
    [
        ("WBTC", "USDC", "BTC/USD", Side.LONG, False),
        ("WBTC", None, "BTC/USD", Side.LONG, False),
        ("cbBTC", "AmmDAI", "BTC/USD", Side.LONG, False),
        ("USDC", "YFI", "YFI/USD", Side.SHORT, True),
        ("AmmDAI", "WETH", "ETH/USD", Side.SHORT, True),
        ("WETH", "WBTC", "ETH/BTC", Side.LONG, False),
        ("WETH", "RAI", "ETH/RAI", Side.LONG, False),
        ("WBTC", "WBTC", "BTC/USD", None, False),
        ("USDC", "DAI", "USDC/USD", None, False),
        ("USDC", None, "USDC/USD", None, False),
        ("XSUSHI", "USDT", "XSUSHI/USD", Side.LONG, False),
    ],
)
def test_the_pair_tells_what_was_closed(
    collateral: str, debt: str | None, symbol: str, side: Side | None, by_debt: object
) -> None:
    closed = closed_by(collateral, debt)
    assert (closed.symbol, closed.side, closed.by_debt) == (symbol, side, by_debt)


def test_only_tokens_redeemed_one_for_one_count_as_their_coin() -> None:
    assert [coin_of(token) for token in ("WETH", "wstETH", "tBTC")] == ["ETH", "wstETH", "tBTC"]
    assert not any(is_dollar(token) for token in ("AMPL", "RAI", "EURS", "WBTC"))


def test_decimals_are_known_by_upper_case_symbol() -> None:
    assert all(name == name.upper() and 2 <= places <= 18 for name, places in DECIMALS.items())
