"""``airpocket shock``: what a move or an order sets off, how far it runs, and who pays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from airpocket.alerts.render import escape_terminal
from airpocket.app.amounts import dollars_of, number_of, share_of
from airpocket.app.check_words import fraction_of
from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_commands import DepthOptions, LadderOptions, ShockOptions
from airpocket.app.ladder_sources import read_ladders
from airpocket.app.mapping import (
    beside_of,
    bin_bps_of,
    book_of,
    depth_json,
    m_words,
    pocket_json,
    require_writable,
    walk_of,
    wanted_of,
)
from airpocket.app.printing import console, json_line, show
from airpocket.cascade.impact import BookWalk, Impact, SquareRoot
from airpocket.cascade.outcome import Cascade, Waterfall
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.market.events import Side
from airpocket.store.aside import aside
from airpocket.units import iso

__all__ = ["Settled", "laws_of", "payers_of", "run", "settled_json", "settled_of", "shock_of"]

_ENDINGS: Final = (".png", ".svg", ".json")
_LENDING: Final = "aave"
_Y_ENDS: Final = (0.5, 1.0)


@final
class Settled(Struct, frozen=True, kw_only=True):
    """One shock on one ladder under all laws that were asked for.

    Parameters
    ----------
    ladder
        What waited.
    shock
        What happened.
    cascades
        Name of the law and its outcome, in order.
    depth
        The book that was walked, if one was.
    provenance
        Of the levels that were settled: measured, or estimated where none was measured.
    assumed
        A sentence each.
    """

    ladder: Ladder
    shock: Shock
    cascades: tuple[tuple[str, Cascade], ...]
    depth: SeenDepth | None
    provenance: Provenance
    assumed: tuple[str, ...]

    @property
    def falls(self) -> tuple[float, float]:
        """Smallest and largest fall (for shorts: rise) among the laws."""
        falls = [one.fall for _, one in self.cascades]
        return min(falls), max(falls)


def run(
    sources: Sequence[Path],
    asked: ShockOptions,
    ladder: LadderOptions,
    book: DepthOptions,
    *,
    out: Path | None = None,
    as_json: bool = False,
) -> None:
    """Settle a shock and print, draw or write what came of it.

    Raises
    ------
    InputError
        If the shock, a law or a source cannot be used, or OUT cannot be written; nothing is then.
    """
    if out is not None:
        require_writable(out, _ENDINGS)
    shock, payers = shock_of(asked), payers_of(asked)
    wanted, beside = wanted_of(ladder), beside_of(book)
    roots = laws_of(asked)
    if beside.path is None and not roots:
        raise InputError(
            "no impact law can be followed: give a book (--depth SOURCE), or --daily-volume and "
            "--daily-volatility"
        )
    waits = read_ladders(sources, wanted)
    seen = book_of(waits, beside, wanted.at_ns)
    laws: list[tuple[str, Impact]] = []
    if seen is not None:
        laws.append(("book walk", walk_of(seen, beside.factor)))
    settled = settled_of(waits, seen, shock, [*laws, *roots], payers)
    if out is not None:
        _write(settled, out)
    if as_json:
        json_line(settled_json(settled))
        return
    from airpocket.app.shock_drawing import lines_of

    printed = console()
    for line in lines_of(settled):
        show(printed, line, hang=2)
    if out is not None:
        show(printed, f"written: {escape_terminal(str(out))}")


def shock_of(asked: ShockOptions) -> Shock:
    """Read what happens first.

    Raises
    ------
    InputError
        If none or several of move, sale and purchase are given, or a figure is none.
    """
    given = [name for name in ("move", "sell", "buy") if getattr(asked, name) is not None]
    if len(given) != 1:
        named = "none" if not given else " and ".join(f"--{name}" for name in given)
        raise InputError(f"one of --move, --sell and --buy starts the chain; {named} given")
    absorbed = share_of("absorbed", asked.absorbed)
    if asked.move is not None:
        move = fraction_of("move", asked.move) or 0.0
        return Shock.by_move(move, absorbed=absorbed)
    sale, purchase = dollars_of("sell", asked.sell), dollars_of("buy", asked.buy)
    if sale is not None:
        return Shock.by_sale(sale, absorbed=absorbed)
    return Shock.by_purchase(purchase or 0.0, absorbed=absorbed)


def payers_of(asked: ShockOptions, *, has_adl: bool = True) -> Payers:
    """Read who stands behind the positions; on a derivatives venue winners are the last."""
    return Payers(
        fund_usd=dollars_of("fund", asked.fund),
        fee_rate=share_of("fee", asked.fee),
        margin_left_to_fund=asked.margin_to_fund,
        has_adl=has_adl,
    )


def laws_of(asked: ShockOptions) -> list[tuple[str, Impact]]:
    """Give the square root law, at both ends of its constant unless one is named.

    Raises
    ------
    InputError
        If volume or volatility is given without the other, or a figure is none.
    """
    volume = dollars_of("daily-volume", asked.daily_volume)
    volatility = fraction_of("daily-volatility", asked.daily_volatility)
    named = number_of("y", asked.y)
    if volume is None or volatility is None:
        for name, value, other in (
            ("--daily-volume", volume, "--daily-volatility"),
            ("--daily-volatility", volatility, "--daily-volume"),
            ("--y", named, "--daily-volume and --daily-volatility"),
        ):
            if value is not None:
                raise InputError(f"{name} is of the square root law: give {other} too")
        return []
    return [
        (
            f"square root, Y {y:g}",
            SquareRoot(daily_volatility=volatility, daily_volume_usd=volume, y=y),
        )
        for y in ((named,) if named is not None else _Y_ENDS)
    ]


def settled_of(
    ladder: Ladder,
    seen: SeenDepth | None,
    shock: Shock,
    laws: Sequence[tuple[str, Impact]],
    payers: Payers,
) -> Settled:
    """Settle a shock under all laws.

    Parameters
    ----------
    ladder
        What waits: what was measured is settled, or what was estimated if nothing was.
    seen
        The book that one of the laws walks.
    shock, laws
        What happens, and under which laws.
    payers
        Who stands behind the positions; lending has no winners that could be deleveraged.

    Raises
    ------
    InputError
        If nothing is known to wait on the side that is threatened.
    """
    from airpocket.cascade.prepared import prepare
    from airpocket.cascade.settle import settle

    known = Provenance.MEASURED if ladder.has(Provenance.MEASURED) else Provenance.ESTIMATED
    ready = prepare(ladder, shock.side, known)
    if not ready.levels.size:
        where = "below" if shock.side is Side.LONG else "above"
        raise InputError(
            f"no {shock.side.value}s of {ladder.symbol} are known to wait {where} "
            f"{ladder.mark_price:,.8g}: this shock sets off nothing that the source holds"
        )
    walk = next((law for _, law in laws if isinstance(law, BookWalk)), None)
    width = bin_bps_of(ladder, walk)
    paying = replace(payers, has_adl=payers.has_adl and ladder.venue != _LENDING)
    assumed = [] if seen is None else [*seen.assumed]
    for layer in ladder.layers:
        assumed += layer.assumed if layer.provenance is known else ()
    if any(layer.provenance is not known for layer in ladder.layers):
        assumed.append("what is estimated is not settled together with what was measured")
    assumed.append(m_words(ladder, walk))
    assumed.append(_WALKED if seen is not None else _ROOT)
    if seen is not None and len(laws) > 1:
        assumed.append(_ROOT)
    return Settled(
        ladder=ladder,
        shock=shock,
        cascades=tuple(
            (name, settle(ready, law, shock, payers=paying, bin_bps=width)) for name, law in laws
        ),
        depth=seen,
        provenance=known,
        assumed=tuple(dict.fromkeys(assumed)),
    )


_WALKED: Final = "book walk: nobody puts new orders into the book in sight while the chain runs"
_ROOT: Final = "square root: a market that refills as it does on average, impact Y·σ·√(Q/V)"


def _write(settled: Settled, out: Path) -> None:
    if out.suffix != ".json":
        from airpocket.app.shock_picture import draw_shock

        draw_shock(settled, out)
        return
    told = msgspec.json.encode(settled_json(settled))  # what is not finite becomes null
    with aside(out) as path:
        path.write_bytes(msgspec.json.format(told, indent=1) + b"\n")


def settled_json(settled: Settled) -> dict[str, Any]:
    """Say all of it as one JSON object; falls are fractions in the losing direction."""
    ladder, shock = settled.ladder, settled.shock
    least, most = settled.falls
    return {
        "type": "shock", "venue": ladder.venue, "symbol": ladder.symbol,
        "side": shock.side.value, "first_price": ladder.mark_price,
        "at": None if ladder.at_ns is None else iso(ladder.at_ns),
        "move": shock.move, "order_usd": shock.order_usd, "absorbed": shock.absorbed,
        "provenance": settled.provenance.value,
        "at_least": settled.provenance is Provenance.MEASURED,
        "depth": None if settled.depth is None else depth_json(settled.depth),
        "fall_least": least, "fall_most": most,
        "laws": [_law_json(name, one) for name, one in settled.cascades],
        "assumed": list(settled.assumed),
    }  # fmt: skip


def _law_json(name: str, one: Cascade) -> dict[str, Any]:
    return {
        "law": one.law, "name": name, "shocked_price": one.shocked_price,
        "last_price": one.last_price, "shock": one.shock, "fall": one.fall,
        "amplification": one.amplification, "forced_usd": one.forced_usd,
        "forced_qty_base": one.forced_qty_base, "forced_count": one.forced_count,
        "stop": one.stop.value, "critical_shock": one.critical_shock,
        "critical_order_usd": one.critical_order_usd, "waves_count": one.waves_count,
        "waves": [
            {
                "number": wave.number, "from_price": wave.from_price, "to_price": wave.to_price,
                "fall": wave.fall, "notional_usd": wave.notional_usd, "count": wave.count,
            }
            for wave in one.waves
        ],
        "folds": [
            {"shock": fold.shock, "before": fold.before, "beyond": fold.beyond}
            for fold in one.folds
        ],
        "air_pockets": [pocket_json(pocket) for pocket in one.air_pockets],
        "waterfall": _waterfall_json(one.waterfall),
    }  # fmt: skip


def _waterfall_json(paid: Waterfall) -> dict[str, Any]:
    return {name: getattr(paid, name) for name in paid.__struct_fields__}
