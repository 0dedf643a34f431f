"""``airpocket stress``: which shock does it, or one shock under two sets of parameters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import msgspec
from msgspec import Struct

from airpocket.alerts.render import escape_terminal
from airpocket.app.amounts import dollars_of, number_of, share_of
from airpocket.app.check_words import fraction_of
from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_commands import DepthOptions, LadderOptions, ShockOptions
from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.app.mapping import (
    beside_of,
    book_of,
    depth_json,
    require_writable,
    walk_of,
    wanted_of,
)
from airpocket.app.position_sources import held_in
from airpocket.app.printing import console, json_line, show
from airpocket.app.shocking import laws_of, shock_of
from airpocket.app.stress_command import StressOptions
from airpocket.cascade.comparison import Comparison, Held, compare
from airpocket.cascade.goals import EmptiesFund, Goal, ReachesPrice
from airpocket.cascade.impact import Impact
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.parameters import ParameterSet, read_parameters
from airpocket.cascade.prepared import prepare
from airpocket.cascade.shock import Shock
from airpocket.cascade.stress import (
    Grows,
    LargestFactor,
    SmallestShock,
    Stress,
    frontier,
    largest_depth_factor,
)
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.market.events import Side
from airpocket.store.aside import aside
from airpocket.units import iso

__all__ = ["Edge", "Edges", "SideBySide", "compared_json", "edges_json", "run"]

_ENDINGS: Final = (".png", ".svg", ".json")
_FACTORS: Final = (1.0, 0.5, 0.25, 0.1)
_FACTORS_MOST: Final = 50
_MOVE_MOST: Final = 0.5
_ORDER_MOST: Final = 1e10
_LENDING: Final = frozenset({"aave", "compound"})


@final
class Edge(Struct, frozen=True, kw_only=True, eq=False):
    """What one impact law says: smallest shocks, and the largest depth factor if asked for."""

    law: str
    found: tuple[SmallestShock, ...]
    factor: LargestFactor | None


@final
class Edges(Struct, frozen=True, kw_only=True, eq=False):
    """Which shock does it, under all laws that were asked for.

    Parameters
    ----------
    ladder, side, provenance
        What waited, whose positions, and which of its levels were settled.
    goal
        What was to come about.
    grows, most
        What was searched for, and the largest that was tried.
    laws
        What each law says, in order.
    depth
        The book that was walked, if one was.
    assumed
        A sentence each.
    """

    ladder: Ladder
    side: Side
    provenance: Provenance
    goal: Goal
    grows: Grows
    most: float
    laws: tuple[Edge, ...]
    depth: SeenDepth | None
    assumed: tuple[str, ...]


@final
class SideBySide(Struct, frozen=True, kw_only=True, eq=False):
    """One shock under two sets of parameters, under all laws that were asked for."""

    ladder: Ladder
    shock: Shock
    first: ParameterSet
    second: ParameterSet
    laws: tuple[tuple[str, Comparison], ...]
    depth: SeenDepth | None
    assumed: tuple[str, ...]


def run(
    sources: Sequence[Path],
    asked: StressOptions,
    shock: ShockOptions,
    ladder: LadderOptions,
    book: DepthOptions,
    *,
    out: Path | None = None,
    as_json: bool = False,
) -> None:
    """Turn a shock round, or compare two sets of parameters; print, draw or write it.

    Raises
    ------
    InputError
        If what is asked, a law, a file or a source cannot be used; nothing is written then.
    """
    if out is not None:
        require_writable(out, _ENDINGS)
    given = [name for name in _QUESTIONS if getattr(asked, name) is not None]
    if len(given) != 1:
        said = " and ".join(_flag(name) for name in given) if given else "none"
        raise InputError(f"one of {', '.join(map(_flag, _QUESTIONS))} is asked; {said} given")
    wanted, beside, roots = wanted_of(ladder), beside_of(book), laws_of(shock)
    if beside.path is None and not roots:
        raise InputError(
            "no impact law can be followed: give a book (--depth SOURCE), or --daily-volume and "
            "--daily-volatility"
        )
    question = (_Comparing if asked.compare else _Reversing)(asked, shock)
    waits = read_ladders(sources, wanted)
    seen = book_of(waits, beside, wanted.at_ns)
    laws: list[tuple[str, Impact]] = []
    if seen is not None:
        laws.append(("book walk", walk_of(seen, beside.factor)))
    found = question.answer(sources, waits, wanted, seen, [*laws, *roots])
    told = edges_json(found) if isinstance(found, Edges) else compared_json(found)
    if out is not None:
        _write(found, told, out)
    if as_json:
        json_line(told)
        return
    from airpocket.app.stress_drawing import lines_of

    printed = console()
    for line in lines_of(found):
        show(printed, line, hang=2)
    if out is not None:
        show(printed, f"written: {escape_terminal(str(out))}")


_QUESTIONS: Final = ("empties_fund", "reaches", "compare")
_OF_THE_SEARCH: Final = ("rising", "by_order", "up_to", "frontier")
_OF_THE_SETS: Final = ("absorbed", "fund", "fee", "margin_to_fund")
_SHOCKS: Final = ("move", "sell", "buy")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@final
class _Comparing:
    """One shock on the same book under two sets."""

    def __init__(self, asked: StressOptions, shock: ShockOptions) -> None:
        for name in _OF_THE_SEARCH:
            if getattr(asked, name):
                raise InputError(f"{_flag(name)} is of a search, which --compare does not make")
        for name in _OF_THE_SETS:
            if getattr(shock, name):
                raise InputError(f"{_flag(name)} is set in the files of --compare, not beside them")
        self._shock = shock_of(shock)
        files = asked.compare or ()
        self._first, self._second = (read_parameters(path) for path in files)

    def answer(
        self,
        sources: Sequence[Path],
        ladder: Ladder,
        wanted: Wanted,
        seen: SeenDepth | None,
        laws: Sequence[tuple[str, Impact]],
    ) -> SideBySide:
        """Settle it under both, law by law."""
        held: Held | Ladder | None = None
        if self._first.changes_positions or self._second.changes_positions:
            held = held_in(sources, ladder, wanted)
        found = tuple(
            (
                name,
                compare(
                    held or ladder, law, self._shock, self._first, self._second,
                    has_adl=ladder.venue not in _LENDING,
                ),
            )
            for name, law in laws
        )  # fmt: skip
        assumed = dict.fromkeys(found[0][1].assumed)
        if seen is not None:
            assumed |= dict.fromkeys(seen.assumed)
        return SideBySide(
            ladder=ladder, shock=self._shock, first=self._first, second=self._second, laws=found,
            depth=seen, assumed=tuple(assumed),
        )  # fmt: skip


@final
class _Reversing:
    """The smallest shock, and the largest depth factor for one that is named."""

    def __init__(self, asked: StressOptions, shock: ShockOptions) -> None:
        if asked.empties_fund is not None and (shock.fund or shock.margin_to_fund):
            name = "--fund" if shock.fund else "--margin-to-fund"
            raise InputError(f"{name}: the fund is that of --empties-fund, and it only pays")
        if asked.reaches is not None and asked.rising:
            raise InputError("--rising is of --empties-fund: the price of --reaches says the side")
        named = [name for name in _SHOCKS if getattr(shock, name) is not None]
        self._named = shock_of(shock) if named else None
        self._absorbed = share_of("absorbed", shock.absorbed)
        self._goal = _goal_of(asked)
        self._factors = _factors_of(asked.frontier)
        by_order = asked.by_order or bool({"sell", "buy"} & set(named))
        if asked.by_order and named == ["move"]:
            raise InputError("--by-order searches for an order, and --move names a move")
        self._grows = Grows.ORDER if by_order else Grows.MOVE
        self._most = _most_of(asked.up_to, self._grows)
        if self._named is not None and asked.up_to is None:
            self._most = max(self._most, _size(self._named, self._grows))
        self._rising = asked.rising
        self._fee_rate = share_of("fee", shock.fee)
        self._fund_usd = dollars_of("fund", shock.fund)

    def answer(
        self,
        sources: Sequence[Path],
        ladder: Ladder,
        wanted: Wanted,
        seen: SeenDepth | None,
        laws: Sequence[tuple[str, Impact]],
    ) -> Edges:
        """Search under each law."""
        del sources, wanted
        side = self._side(ladder)
        known = Provenance.MEASURED if ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
        ready = prepare(ladder, side, known)
        payers = Payers(
            fee_rate=self._fee_rate, fund_usd=self._fund_usd, has_adl=ladder.venue not in _LENDING
        )
        found = []
        for name, law in laws:
            stress = Stress(
                ready=ready, impact=law, goal=self._goal, grows=self._grows, most=self._most,
                absorbed=self._absorbed, payers=payers,
            )  # fmt: skip
            factor = None
            if self._named is not None:
                factor = largest_depth_factor(stress, _size(self._named, self._grows))
            found.append(Edge(law=name, found=frontier(stress, self._factors), factor=factor))
        assumed = [
            said for layer in ladder.layers if layer.provenance is known for said in layer.assumed
        ]
        assumed += [] if seen is None else seen.assumed
        return Edges(
            ladder=ladder, side=side, provenance=known, goal=self._goal, grows=self._grows,
            most=self._most, laws=tuple(found), depth=seen,
            assumed=tuple(dict.fromkeys(assumed)),
        )  # fmt: skip

    def _side(self, ladder: Ladder) -> Side:
        if isinstance(self._goal, ReachesPrice):
            side = Side.LONG if self._goal.price < ladder.mark_price else Side.SHORT
        elif self._named is not None and not self._rising:
            side = self._named.side
        else:
            side = Side.SHORT if self._rising else Side.LONG
        if self._named is not None and self._named.side is not side:
            raise InputError(
                f"the shock that is named threatens {self._named.side.value}s, what is asked needs"
                f" {side.value}s to be closed: give one of the other sign"
            )
        return side


def _size(shock: Shock, grows: Grows) -> float:
    return (shock.order_usd or 0.0) if grows is Grows.ORDER else shock.fall


def _goal_of(asked: StressOptions) -> Goal:
    if asked.reaches is not None:
        return ReachesPrice(number_of("reaches", asked.reaches) or 0.0)
    return EmptiesFund(dollars_of("empties-fund", asked.empties_fund) or 0.0)


def _factors_of(words: tuple[str, ...]) -> tuple[float, ...]:
    parted = [part for word in words for part in word.split(",") if part.strip()]
    if not parted:
        return _FACTORS
    if len(parted) > _FACTORS_MOST:
        raise InputError(f"--frontier has {len(parted)} shares: give at most {_FACTORS_MOST}")
    return tuple(number_of("frontier", part.strip()) or 0.0 for part in parted)


def _most_of(word: str | None, grows: Grows) -> float:
    if grows is Grows.ORDER:
        return dollars_of("up-to", word) or _ORDER_MOST
    found = fraction_of("up-to", word)
    return _MOVE_MOST if found is None else abs(found)


def _write(found: Edges | SideBySide, told: dict[str, Any], out: Path) -> None:
    if out.suffix != ".json":
        from airpocket.app.stress_picture import draw_stress

        draw_stress(found, out)
        return
    encoded = msgspec.json.encode(told)  # what is not finite becomes null
    with aside(out) as path:
        path.write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")


def edges_json(edges: Edges) -> dict[str, Any]:
    """Say a reverse stress as one JSON object; a shock of null is: none up to ``most`` does."""
    goal = edges.goal
    return {
        "type": "reverse_stress", **_of_ladder(edges.ladder), "side": edges.side.value,
        "empties_fund_usd": goal.fund_usd if isinstance(goal, EmptiesFund) else None,
        "reaches_price": goal.price if isinstance(goal, ReachesPrice) else None,
        "grows": edges.grows.value, "most": edges.most,
        "provenance": edges.provenance.value,
        "depth": None if edges.depth is None else depth_json(edges.depth),
        "laws": [
            {
                "law": one.law,
                "frontier": [_smallest_json(found) for found in one.found],
                "largest_depth_factor": None if one.factor is None else _factor_json(one.factor),
            }
            for one in edges.laws
        ],
        "assumed": list(edges.assumed),
    }  # fmt: skip


def _of_ladder(ladder: Ladder) -> dict[str, Any]:
    at = None if ladder.at_ns is None else iso(ladder.at_ns)
    return {
        "venue": ladder.venue, "symbol": ladder.symbol, "first_price": ladder.mark_price, "at": at,
    }  # fmt: skip


def _smallest_json(found: SmallestShock) -> dict[str, Any]:
    return {
        "depth_factor": found.depth_factor, "shock": found.shock, "within": found.within,
        "book_ends_at": found.book_ends_at, "settled": found.tried,
        **_outcome_json(found.cascade),
    }  # fmt: skip


def _factor_json(found: LargestFactor) -> dict[str, Any]:
    return {
        "shock": found.shock, "depth_factor": found.depth_factor, "least": found.least,
        "most": found.most, **_outcome_json(found.cascade),
    }  # fmt: skip


def _outcome_json(one: Cascade) -> dict[str, Any]:
    paid = one.waterfall
    return {
        "last_price": one.last_price, "fall": one.fall, "forced_usd": one.forced_usd,
        "waves": one.waves_count, "stop": one.stop.value, "fund_paid_usd": paid.fund_paid_usd,
        "adl_usd": paid.adl_usd, "bad_debt_usd": paid.bad_debt_usd,
        "unknown_usd": paid.unknown_usd,
    }  # fmt: skip


def compared_json(found: SideBySide) -> dict[str, Any]:
    """Say a comparison as one JSON object: each figure under both sets and the difference."""
    return {
        "type": "comparison", **_of_ladder(found.ladder), "side": found.shock.side.value,
        "move": found.shock.move, "order_usd": found.shock.order_usd,
        "first": _set_json(found.first), "second": _set_json(found.second),
        "depth": None if found.depth is None else depth_json(found.depth),
        "laws": [
            {
                "law": name,
                "stop": [one.first.cascade.stop.value, one.second.cascade.stop.value],
                "figures": {
                    row.key: {
                        "first": row.first, "second": row.second, "difference": row.difference,
                    }
                    for row in one.rows
                },
            }
            for name, one in found.laws
        ],
        "assumed": list(found.assumed),
    }  # fmt: skip


def _set_json(one: ParameterSet) -> dict[str, Any]:
    return {
        "name": one.name, "maintenance_factor": one.maintenance_factor,
        "tiers": None if one.tiers is None else [
            [tier.above, tier.up_to, tier.rate, tier.deduction, tier.leverage_most]
            for tier in one.tiers.tiers
        ],
        "partial": {
            "share": one.partial.share, "above_usd": one.partial.above_usd,
            "tiers_down": one.partial.tiers_down,
        },
        "fee_rate": one.fee_rate, "fund_usd": one.fund_usd, "fee_to_fund": one.fee_to_fund,
        "absorbed": one.absorbed, "depth_factor": one.depth_factor,
    }  # fmt: skip
