"""The words of ``airpocket stress``. What it does is imported when it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

from cyclopts import Parameter

from airpocket.app.ladder_commands import DepthOptions, LadderOptions, ShockOptions

__all__ = ["StressOptions", "stress"]

_Signed = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
_Flag = Annotated[bool, Parameter(negative="")]


@final
@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class StressOptions:
    """What is asked; one of the first three.

    Parameters
    ----------
    empties_fund
        Which shock empties an insurance fund of so many dollars (5e6, 5M)?
    reaches
        Which shock brings the price to this one: below the mark by longs, above it by shorts?
    compare
        Two TOML files: what one shock (move, sell or buy) sets off under each set of parameters.
    rising
        Look at rises, which threaten shorts, for the fund.
    by_order
        Search for a market order instead of a move.
    up_to
        Largest that is tried: 50% for moves, 10bn for orders, if left out.
    frontier
        Shares of the depth that the smallest shock is found for: 1,0.5,0.25,0.1 if left out.
    """

    empties_fund: _Signed = None
    reaches: _Signed = None
    compare: tuple[Path, Path] | None = None
    rising: _Flag = False
    by_order: _Flag = False
    up_to: _Signed = None
    frontier: tuple[str, ...] = ()


_NO_STRESS = StressOptions()
_NO_SHOCK = ShockOptions()
_NO_LADDER = LadderOptions()
_NO_DEPTH = DepthOptions()


def stress(
    *sources: Path,
    asked: StressOptions = _NO_STRESS,
    shock: ShockOptions = _NO_SHOCK,
    ladder: LadderOptions = _NO_LADDER,
    book: DepthOptions = _NO_DEPTH,
    out: Path | None = None,
    json: _Flag = False,
) -> None:
    """Turn a shock round: what empties a fund or reaches a price; or compare two rule sets.

    A book (depth) gives the book walk, daily volume and volatility the square root law: at least
    one is needed. With a move, sale or purchase beside a fund or a price, also the largest share
    of the depth with which that shock does it. The files of compare hold tiers or
    maintenance_factor, partial, fee_rate, fund_usd, fee_to_fund, absorbed and depth_factor.

    Parameters
    ----------
    sources
        As for map; other tiers and partial liquidation need positions.
    out
        Write a picture (.png, .svg) or the outcome (.json). Never overwritten.
    json
        Print one JSON object and nothing else.
    """
    from airpocket.app import stressing

    stressing.run(sources, asked, shock, ladder, book, out=out, as_json=json)
