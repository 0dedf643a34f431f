"""The commands that look at a ladder: ``map`` and ``shock``, and the options that they share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

from cyclopts import Parameter

__all__ = ["DepthOptions", "LadderOptions", "ShockOptions", "map_forced", "shock"]

_Signed = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
_Flag = Annotated[bool, Parameter(negative="")]


@final
@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class LadderOptions:
    """Which ladder is read out of the sources.

    Parameters
    ----------
    symbol
        Coin or contract (BTC, BTC/USDT:USDT); needed where a source holds several.
    venue
        Venue of the positions, where the file does not say it.
    price
        Mark price; the source's own if left out.
    at
        Time (ISO 8601, UTC) of what is looked at, clusters and book; the last if left out.
    open_interest
        Of the venue, in dollars (2.5bn): gives the share that the positions stand for.
    cross_as_isolated
        Take cross positions of which nothing more is known as if they were isolated.
    """

    symbol: str | None = None
    venue: str | None = None
    price: _Signed = None
    at: str | None = None
    open_interest: _Signed = None
    cross_as_isolated: _Flag = False


@final
@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class DepthOptions:
    """Which book is laid beside it.

    Parameters
    ----------
    depth
        Recorded frames, a tape or a folder of tapes, or Binance bookDepth.
    depth_symbol
        Which book of several, as in binance:BTC/USDT:USDT; the ladder's own if left out.
    depth_shape
        Lay a book that was seen at another price or time around this one, by distance in percent.
    depth_at
        Time of the book; that of --at if left out, or with --depth-shape the last.
    depth_factor
        Share of the book that is there when it is needed, such as 0.5.
    """

    depth: Path | None = None
    depth_symbol: str | None = None
    depth_shape: _Flag = False
    depth_at: str | None = None
    depth_factor: _Signed = None


@final
@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ShockOptions:
    """What happens first, under which laws, and who stands behind it.

    Parameters
    ----------
    move
        Move of the price: -3% or -0.03 threatens longs, 3% shorts.
    sell
        Market order that sells, in dollars (50e6, 50M): threatens longs.
    buy
        Market order that buys, in dollars: threatens shorts.
    absorbed
        Share of what is forced that a backstop takes off the book, such as 0.6.
    daily_volume
        Dollars traded a day on all venues that arbitrage the price (20e9, 20bn).
    daily_volatility
        Standard deviation of a day's return, such as 3%.
    y
        Constant of the square root law, 0.5 to 1; both ends if left out.
    fund
        What the insurance fund holds, in dollars.
    fee
        Liquidation fee, a share of what is closed, such as 0.5%.
    margin_to_fund
        The fund gets the margin that is left after closing; its owner does if left out.
    """

    move: _Signed = None
    sell: _Signed = None
    buy: _Signed = None
    absorbed: _Signed = None
    daily_volume: _Signed = None
    daily_volatility: _Signed = None
    y: _Signed = None
    fund: _Signed = None
    fee: _Signed = None
    margin_to_fund: _Flag = False


_NO_LADDER = LadderOptions()
_NO_DEPTH = DepthOptions()
_NO_SHOCK = ShockOptions()


def map_forced(
    *sources: Path,
    ladder: LadderOptions = _NO_LADDER,
    book: DepthOptions = _NO_DEPTH,
    within: _Signed = None,
    out: Path | None = None,
    json: _Flag = False,
) -> None:
    """Draw where forced orders wait, both sides, against the book on one price axis.

    Parameters
    ----------
    sources
        Positions (CSV or Parquet), Hyperliquid clearinghouse states, tables of its positions or
        clusters, open loans on Aave, ladders that were written. Several are laid over each other.
    within
        How far from the price is shown, such as 10%.
    out
        Write the map as .png or .svg, or the ladder as .parquet or .json. Never overwritten.
    json
        Print one JSON object and nothing else.
    """
    from airpocket.app import mapping

    mapping.run(sources, ladder, book, within=within, out=out, as_json=json)


def shock(
    *sources: Path,
    shock: ShockOptions = _NO_SHOCK,
    ladder: LadderOptions = _NO_LADDER,
    book: DepthOptions = _NO_DEPTH,
    out: Path | None = None,
    json: _Flag = False,
) -> None:
    """Settle a shock: the chain wave by wave, how far it runs under each law, and who pays.

    A book (depth) gives the book walk, daily volume and volatility the square root law: at least
    one is needed. Give one of move, sell and buy.

    Parameters
    ----------
    sources
        As for map.
    out
        Write a picture (.png, .svg) or the outcome (.json). Never overwritten.
    json
        Print one JSON object and nothing else.
    """
    from airpocket.app import shocking

    shocking.run(sources, shock, ladder, book, out=out, as_json=json)
