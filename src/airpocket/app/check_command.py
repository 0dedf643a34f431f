"""The words of ``airpocket check``. What it does is imported when it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from airpocket.app.ladder_commands import DepthOptions

__all__ = ["Asked", "check"]

_Share: TypeAlias = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked:
    """One position and what is asked of it; ``None`` was left out.

    Parameters
    ----------
    venue
        binance, bybit, okx, hyperliquid, dydx or gmx.
    symbol
        A coin (BTC), a pair (BTC/USDT), a contract (BTC/USDT:USDT) or the venue's name (BTCUSDT).
    side
        long or short.
    size
        In coins.
    contracts
        Size in the venue's own unit instead (contracts; US dollars for Bybit's inverse ones).
    entry
        Price it was opened at; the mark if left out.
    mark
        Mark price now; the entry (or the mark of --positions) if left out.
    leverage
        As set at the venue.
    margin_mode
        isolated or cross.
    margin
        Margin behind an isolated position, if it is not value over leverage.
    wallet
        Balance behind a cross position, which is taken to be the only one.
    survive
        A move against the position, such as -8%: which leverage and which margin hold.
    positions
        Where others are forced to close: positions, clusters, or a ladder written by map.
    at
        Time (ISO 8601, UTC) at which positions and book are looked at; the last if left out.
    absorbed
        Share of forced orders that never reaches the book, such as 0.6.
    daily_volatility
        Of the coin, such as 3%: distances in sigmas, and the square-root law.
    daily_volume
        Traded in a day, in US dollars (20bn): the square-root law.
    funding_rate
        Of one interval, such as 0.01%.
    funding_hours
        Hours between payments, where they are not the venue's usual.
    tiers
        TOML with [[tiers]] (and [[instruments]]) that are not shipped, as in a venue.toml.
    rules_of
        A day: the rules and tiers of then; today's if left out.
    """

    venue: str
    symbol: str
    side: str | None = None
    size: float | None = None
    contracts: float | None = None
    entry: float | None = None
    mark: float | None = None
    leverage: float | None = None
    margin_mode: str = "isolated"
    margin: float | None = None
    wallet: float | None = None
    survive: _Share = None
    positions: Path | None = None
    at: str | None = None
    absorbed: _Share = None
    daily_volatility: _Share = None
    daily_volume: _Share = None
    funding_rate: _Share = None
    funding_hours: float | None = None
    tiers: Path | None = None
    rules_of: str | None = None


_NO_DEPTH = DepthOptions()


def check(
    asked: Asked,
    *,
    book: DepthOptions = _NO_DEPTH,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say where one position stands: liquidation, margin, funding, what would reach it. Facts only.

    Parameters
    ----------
    json
        Print one JSON object and nothing else; shares are fractions.
    """
    from airpocket.app import checking

    checking.run(asked, book, as_json=json)
