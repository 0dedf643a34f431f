"""Which shock reaches one position: alone, and through the chain of others that it sets off."""

from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

from airpocket.app.amounts import share_of, time_of
from airpocket.app.check_command import Asked
from airpocket.app.check_facts import Facts
from airpocket.app.check_words import Market
from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_commands import DepthOptions, ShockOptions
from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.app.mapping import beside_of, book_of, walk_of
from airpocket.app.shocking import laws_of
from airpocket.cascade.impact import Impact, SquareRoot
from airpocket.cascade.outcome import StopReason
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance

if TYPE_CHECKING:
    from airpocket.cascade.prepared import PreparedLadder

__all__ = ["Chain", "Reach", "Surroundings", "chain_json", "chain_of", "surroundings_of"]

_JUST_OVER: Final = 1 + 1e-9
_MOST: Final = 1 - 1e-12  # of a fall: not all of the price


@final
class Surroundings(Struct, frozen=True, kw_only=True, eq=False):
    """What lies around a position: others' forced orders, a book, impact laws by name."""

    ladder: Ladder
    seen: SeenDepth | None
    laws: tuple[tuple[str, Impact], ...]
    absorbed: float


@final
class Reach(Struct, frozen=True, kw_only=True):
    """What reaches the position under one law.

    Parameters
    ----------
    law, name
        Of the law.
    move
        Smallest move of the price that reaches it through the chain, a fraction above 0.
    order_alone_usd, order_usd
        Smallest market order that reaches it by itself, and through the chain; ``None``: the law
        does not say (the book in sight ends before, or it is more than a day's volume).
    waves, forced_usd
        Of the chain after that move: waves, and what is forced on the way and there.
    is_at_most
        Whether the book in sight ends on the way: a smaller move may do it too.
    """

    law: str
    name: str
    move: float
    order_alone_usd: float | None
    order_usd: float | None
    waves: int
    forced_usd: float
    is_at_most: bool


@final
class Chain(Struct, frozen=True, kw_only=True, eq=False):
    """What is known of a position among others.

    Parameters
    ----------
    around
        The ladder, book and laws.
    provenance
        Of the levels that were settled: measured, or estimated where none was measured.
    move_alone
        Move of the price that reaches it without a chain, a fraction above 0.
    ahead_usd, ahead_count
        What is forced nearer to the price, on the same side; the count if it is known.
    reaches
        One a law; none where neither a book nor volume and volatility were given.
    """

    around: Surroundings
    provenance: Provenance
    move_alone: float
    ahead_usd: float
    ahead_count: int | None
    reaches: tuple[Reach, ...]

    @property
    def assumed(self) -> tuple[str, ...]:
        """What had to be assumed, a sentence each."""
        layers = [
            layer for layer in self.around.ladder.layers if layer.provenance is self.provenance
        ]
        said = [sentence for layer in layers for sentence in layer.assumed]
        said += [] if self.around.seen is None else self.around.seen.assumed
        said.append("the ladder does not hold this position itself")
        return tuple(dict.fromkeys(said))


def surroundings_of(asked: Asked, book: DepthOptions, market: Market) -> Surroundings | None:
    """Read the ladder, the book and the laws that were named; ``None`` without a ladder.

    Raises
    ------
    InputError
        If a source cannot be used, or an option is given that needs another.
    """
    beside, absorbed = beside_of(book), share_of("absorbed", asked.absorbed)
    if asked.positions is None:
        given = {
            "--depth": beside.path,
            "--daily-volume": asked.daily_volume,
            "--absorbed": asked.absorbed,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name} is of a chain: give --positions SOURCE with it")
        return None
    instrument = market.instrument
    at_ns = time_of("at", asked.at)
    wanted = Wanted(symbol=instrument.base, venue=instrument.venue, price=asked.mark, at_ns=at_ns)
    ladder = read_ladders([asked.positions], wanted)
    seen = book_of(ladder, beside, at_ns)
    laws: list[tuple[str, Impact]] = []
    if seen is not None:
        laws.append(("book walk", walk_of(seen, beside.factor)))
    if asked.daily_volume is not None:
        root = ShockOptions(
            daily_volume=asked.daily_volume, daily_volatility=asked.daily_volatility
        )
        laws += laws_of(root)
    return Surroundings(ladder=ladder, seen=seen, laws=tuple(laws), absorbed=absorbed)


def chain_of(facts: Facts, around: Surroundings) -> Chain | None:
    """Find what reaches a position; ``None`` if no price does, or the mark has passed it.

    Parameters
    ----------
    facts
        Of the position.
    around
        What lies around it.
    """
    found, side = facts.liquidation.price, facts.position.side
    ladder = around.ladder
    if found is None:
        return None
    away = facts.position.sign * (ladder.mark_price - found) / ladder.mark_price
    if away <= 0:
        return None
    from airpocket.cascade.prepared import prepare

    known = Provenance.MEASURED if ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
    ready = prepare(ladder, side, known)
    nearer = int(ready.distance.searchsorted(away, side="left"))
    counts = ready.cumulative_count
    return Chain(
        around=around,
        provenance=known,
        move_alone=away,
        ahead_usd=float(ready.cumulative_usd[nearer]),
        ahead_count=None if counts is None else int(counts[nearer]),
        reaches=tuple(_reach(facts, around, ready, named, away) for named in around.laws),
    )


def _reach(
    facts: Facts,
    around: Surroundings,
    ready: "PreparedLadder",
    named: tuple[str, Impact],
    away: float,
) -> Reach:
    from airpocket.cascade.goals import ReachesPrice
    from airpocket.cascade.stress import Grows, Stress, smallest_shock

    name, law = named
    side, first = ready.side, ready.first_price
    goal = ReachesPrice(ready.price_at(away))
    by_move = Stress(
        ready=ready, impact=law, goal=goal, most=_most(away, facts), absorbed=around.absorbed
    )
    moved = smallest_shock(by_move)
    alone = law.curve(side, first).room(away)
    most = law.daily_volume_usd if isinstance(law, SquareRoot) else 1e17
    in_sight = alone < most and law.fall(alone * _JUST_OVER, side, first) < float("inf")
    sold = None
    if in_sight and alone > 0:
        by_order = Stress(
            ready=ready, impact=law, goal=goal, grows=Grows.ORDER, most=alone * (1 + 1e-6),
            absorbed=around.absorbed,
        )  # fmt: skip
        sold = smallest_shock(by_order).shock
    return Reach(
        law=law.law,
        name=name,
        move=away if moved.shock is None else min(moved.shock, away),
        order_alone_usd=alone if in_sight else None,
        order_usd=sold,
        waves=moved.cascade.waves_count - 1,
        forced_usd=moved.cascade.forced_usd,
        is_at_most=moved.cascade.stop is StopReason.BOOK_EMPTY,
    )


def _most(away: float, facts: Facts) -> float:
    """Largest move to try: one that reaches it by itself."""
    most = away * _JUST_OVER
    return min(most, _MOST) if facts.position.sign > 0 else most


def chain_json(chain: Chain) -> dict[str, Any]:
    """Say all of it as one JSON object; moves are fractions in the losing direction."""
    ladder = chain.around.ladder
    return {
        "venue": ladder.venue,
        "symbol": ladder.symbol,
        "first_price": ladder.mark_price,
        "provenance": chain.provenance.value,
        "sources": [
            {"source": layer.source, "forced": layer.forced.value, "share_of_oi": layer.share_of_oi}
            for layer in ladder.layers
            if layer.provenance is chain.provenance
        ],
        "absorbed": chain.around.absorbed,
        "ahead_usd": chain.ahead_usd,
        "ahead_count": chain.ahead_count,
        "move_alone": chain.move_alone,
        "laws": [
            {
                "law": one.law, "name": one.name, "move": one.move, "move_bps": one.move * 1e4,
                "is_at_most": one.is_at_most, "waves": one.waves, "forced_usd": one.forced_usd,
                "order_alone_usd": one.order_alone_usd, "order_usd": one.order_usd,
            }
            for one in chain.reaches
        ],
        "assumed": list(chain.assumed),
    }  # fmt: skip
