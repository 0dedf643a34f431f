"""What a liquidated loan closes: the coin behind a token, and the side of the pair.

A lending protocol liquidates a loan by letting anybody repay its debt for its collateral plus a
bonus. Seen as a position: long the collateral, short the debt. What was closed follows from which
of the two is a US dollar coin:

==================  ==================  ===========  ==========  ==============================
collateral          debt                symbol       closed      measured by
==================  ==================  ===========  ==========  ==============================
WBTC                USDC, or not said   BTC/USD      a long      collateral taken
USDC                YFI                 YFI/USD      a short     debt repaid
WETH                WBTC                ETH/BTC      a long      collateral taken
USDC                DAI                 USDC/USD     neither     collateral taken
WETH                ETH, or WETH        ETH/USD      neither     collateral taken
==================  ==================  ===========  ==========  ==============================

Tokens that are redeemed one for one count as their coin; interest-bearing or pooled ones (XSUSHI,
wstETH, pool shares) do not. Coins that aim at something other than one dollar (AMPL, RAI, EURS)
are no dollars.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from airpocket.market.events import Side

__all__ = ["DECIMALS", "Closed", "closed_by", "coin_of", "is_dollar"]

_COINS: Final[Mapping[str, str]] = {
    "WBTC": "BTC", "CBBTC": "BTC", "AMMWBTC": "BTC",
    "WETH": "ETH", "AMMWETH": "ETH",
    "AMMDAI": "DAI", "AMMUSDC": "USDC", "AMMUSDT": "USDT",
}  # fmt: skip

_DOLLARS: Final = frozenset({
    "BUSD", "CRVUSD", "DAI", "FDUSD", "FEI", "FRAX", "GHO", "GUSD", "LUSD", "PAX", "PYUSD",
    "SUSD", "TUSD", "USDC", "USDE", "USDP", "USDS", "USDT", "UST",
})  # fmt: skip

DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        (
            "AAVE", "AMMBPTBALWETH", "AMMDAI", "AMMUNIWBTCWETH", "AMMWETH", "BAL", "BAT", "BUSD",
            "COMP", "CRV", "DAI", "DPI", "ENJ", "FEI", "FRAX", "KNC", "LINK", "MANA", "MKR", "PAX",
            "RAI", "REN", "SNX", "SUSD", "TUSD", "UNI", "WETH", "WSTETH", "XSUSHI", "YFI", "ZRX",
        ),
        18,
    ),
    **dict.fromkeys(("WBTC", "CBBTC", "AMMWBTC"), 8),
    **dict.fromkeys(("USDC", "USDT", "UST", "AMMUSDC", "AMMUSDT"), 6),
    "AMPL": 9,
    "GUSD": 2,
}  # fmt: skip
"""Decimals of ERC-20 tokens by upper-case symbol, as their contracts state them.

Checked against the raw rows of the Aave v2 extract: with them, collateral is worth 1.05 to 1.15
debts (the liquidation bonus) in the median of every token with steady prices.
"""


class Closed(Struct, frozen=True):
    """What a liquidation call closed.

    ``raw_symbol`` is the token closed, or both of a pair of volatile coins; ``by_debt`` tells
    that the repaid debt, not the collateral, is the size of the closed position.
    """

    symbol: str
    raw_symbol: str
    side: Side | None
    by_debt: bool = False


def coin_of(token: str) -> str:
    """Name the coin that a token stands for.

    Examples
    --------
    >>> coin_of("cbBTC"), coin_of("wBTC"), coin_of("AmmWETH"), coin_of("wstETH")
    ('BTC', 'BTC', 'ETH', 'wstETH')
    """
    return _COINS.get(token.upper(), token)


def is_dollar(token: str) -> bool:
    """Tell whether a token aims at one US dollar.

    Examples
    --------
    >>> is_dollar("USDC"), is_dollar("AmmDAI"), is_dollar("RAI")
    (True, True, False)
    """
    return coin_of(token).upper() in _DOLLARS


def closed_by(collateral: str, debt: str | None) -> Closed:
    """Tell what taking ``collateral`` for ``debt`` closes (``None``: debt not said).

    Examples
    --------
    >>> closed_by("WBTC", "USDC")
    Closed(symbol='BTC/USD', raw_symbol='WBTC', side=<Side.LONG: 'long'>, by_debt=False)
    >>> closed_by("USDC", "YFI").side, closed_by("WETH", "WBTC").symbol
    (<Side.SHORT: 'short'>, 'ETH/BTC')
    """
    held = coin_of(collateral)
    if debt is None or is_dollar(debt):
        side = None if is_dollar(collateral) else Side.LONG
        return Closed(f"{held}/USD", collateral, side)
    owed = coin_of(debt)
    if is_dollar(collateral):
        return Closed(f"{owed}/USD", debt, Side.SHORT, by_debt=True)
    if held == owed:
        return Closed(f"{held}/USD", collateral, None)
    return Closed(f"{held}/{owed}", f"{collateral}/{debt}", Side.LONG)
