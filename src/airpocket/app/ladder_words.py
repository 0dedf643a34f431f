"""What a map says in words: whose ladder, how much of it is known, what the book beside it is."""

import math
from typing import Final

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_buckets import LadderMap, MapSide, say_price
from airpocket.cascade.outcome import AirPocket
from airpocket.leverage.ladder import Forced, Layer, Provenance
from airpocket.market.events import Side
from airpocket.units import SECOND_NS, iso, say_usd

__all__ = [
    "POCKETS_TOLD",
    "beyond_words",
    "book_words",
    "coverage_words",
    "layer_words",
    "no_pocket_words",
    "pocket_words",
    "say_move",
    "say_share",
    "say_time",
    "seen_words",
    "title_words",
    "total_words",
]

POCKETS_TOLD: Final = 5
"""Air-pockets that are told in words; the rest is counted."""

_ALL: Final = 0.995
_STRAY: Final = 0.5
_WAITS: Final = {Forced.LIQUIDATION: "liquidations", Forced.STOP: "stop orders"}


def say_time(at_ns: int | None) -> str:
    """Say a time to the second.

    Examples
    --------
    >>> say_time(1_770_302_112_000_000_000), say_time(None)
    ('2026-02-05 14:35:12 UTC', 'time not said')
    """
    if at_ns is None:
        return "time not said"
    return iso(at_ns - at_ns % SECOND_NS).replace("T", " ").replace("Z", " UTC")


def say_move(fraction: float, decimals: int = 1) -> str:
    """Say a move of the price in percent, always with its sign.

    Examples
    --------
    >>> say_move(-0.0213), say_move(0.12, 0), say_move(-0.0001)
    ('−2.1 %', '+12 %', '0.0 %')
    """
    percent = round(100 * fraction, decimals)
    told = f"{percent:+.{decimals}f}" if percent else f"{0:.{decimals}f}"
    return f"{told} %".replace("-", "−")


def say_share(fraction: float, decimals: int = 1) -> str:
    """Say a share in percent.

    Examples
    --------
    >>> say_share(0.1204), say_share(0.12, 0)
    ('12.0 %', '12 %')
    """
    return f"{100 * fraction:.{decimals}f} %"


def title_words(drawn: LadderMap) -> str:
    """Say whose ladder it is, around which price, and when."""
    ladder = drawn.ladder
    whose = ladder.symbol if ladder.venue == "*" else f"{ladder.symbol} on {ladder.venue}"
    price = f"{ladder.mark_price:,.8g}" if ladder.mark_price < 1e8 else f"{ladder.mark_price:,.0f}"
    return f"{whose} at {price}, {say_time(ladder.at_ns)}"


def coverage_words(drawn: LadderMap) -> list[str]:
    """Say of each layer what it holds, and what share of the whole it stands for."""
    return [layer_words(layer) for layer in drawn.ladder.layers]


def layer_words(layer: Layer) -> str:
    """Say what a layer holds, and what share of the whole it stands for."""
    what = f"{layer.provenance.value} {_WAITS[layer.forced]}"
    share = layer.share_of_oi
    if layer.provenance is Provenance.ESTIMATED:
        least = "about "
        of = "" if share is None else f" of {say_share(share, 0)} of open interest"
        known = f"an estimate{of}, never added to what is measured"
    elif share is None:
        least, known = "at least ", "share of open interest not known"
    elif share >= _ALL:
        least, known = "", "measured on all of open interest"
    else:
        least, known = "at least ", f"measured on {say_share(share, 1)} of open interest"
    sides = ", ".join(
        f"{least}{say_usd(levels.total_usd)} of {name}" if levels.size else f"no {name}"
        for levels, name in ((layer.longs, "longs below"), (layer.shorts, "shorts above"))
    )
    return f"{what}: {sides}; {known}; from {layer.source}"


def total_words(drawn: LadderMap, side: MapSide) -> str:
    """Say in short how many dollars wait on one side, measured or else estimated."""
    ladder = drawn.ladder
    if not side.buckets:
        return "none known"
    if ladder.has(Provenance.MEASURED):
        shares = [
            layer.share_of_oi for layer in ladder.layers if layer.provenance is Provenance.MEASURED
        ]
        is_all = all(share is not None and share >= _ALL for share in shares)
        return f"{'' if is_all else 'at least '}{say_usd(side.measured_usd)}"
    return f"about {say_usd(side.estimated_usd)} (estimated)"


def book_words(drawn: LadderMap) -> str:
    """Say which book stands beside the ladder, and how far it can be seen."""
    seen, mark = drawn.depth, drawn.ladder.mark_price
    if seen is None:
        return "no book beside it"
    ends = [side.book_ends for side in (drawn.longs, drawn.shorts)]
    moves = [say_move(end / mark - 1) if end is not None else "an unknown price" for end in ends]
    reach = f"; seen from {moves[0]} to {moves[1]}"
    if all(end is not None and abs(end / mark - 1) > _STRAY for end in ends):
        reach = ""  # a few stray orders that far out say nothing of the book
    return f"{seen_words(seen)}{reach}; from {seen.source}"


def seen_words(seen: SeenDepth) -> str:
    """Say which book it is, and when it stood so."""
    what = "book in sight" if seen.depth is not None else "summed depth"
    return f"{what}: {seen.venue} {seen.symbol}, {say_time(seen.at_ns)}"


def pocket_words(pocket: AirPocket, side: Side, step: float) -> str:
    """Say where an air-pocket begins and ends, or from where on the book does not suffice."""
    begin = say_price(pocket.trigger_price, step)
    end = say_price(pocket.exhaustion_price, step)
    sign = -1 if side is Side.LONG else 1
    begins, ends = (say_move(sign * one) for one in (pocket.trigger, pocket.exhaustion))
    if pocket.m_most == math.inf:
        beyond, done = ("below", "sold") if side is Side.LONG else ("above", "bought")
        return f"{beyond} {begin} ({begins}): the book in sight does not hold what would be {done}"
    return (
        f"{begin} to {end} ({begins} to {ends}): each forced dollar moves the book in sight to "
        f"where more than one waits, m up to {pocket.m_most:.3g}"
    )


def no_pocket_words(drawn: LadderMap) -> str:
    """Say that no air-pocket was found, and where none could be."""
    sides = ((drawn.longs, "below"), (drawn.shorts, "above"))
    unseen = [where for side, where in sides if side.buckets and side.book_ends is None]
    if not unseen:
        return "no air-pocket: the book in sight holds what each stretch would force"
    if len(unseen) == sum(bool(side.buckets) for side, _ in sides):
        return f"air-pockets not known: the source has no book {' or '.join(unseen)} the price"
    return f"no air-pocket that is known: the source has no book {unseen[0]} the price"


def beyond_words(drawn: LadderMap, side: MapSide) -> str | None:
    """Say what waits farther out than is shown; ``None`` if nothing does."""
    if not side.buckets or max(side.beyond_usd, side.beyond_estimated_usd) < 1:
        return None
    last = side.buckets[-1]
    where = f"below {say_price(last.low, drawn.step)}"
    if side.side is Side.SHORT:
        where = f"above {say_price(last.high, drawn.step)}"
    parts = []
    if side.beyond_usd >= 1:
        parts.append(f"at least {say_usd(side.beyond_usd)} more")
    if side.beyond_estimated_usd >= 1:
        parts.append(f"about {say_usd(side.beyond_estimated_usd)} estimated")
    return f"{where}: {', '.join(parts)}"
