"""The same book under two parameter sets: what each would set off, side by side.

Tiers move the price at which a position is taken, partial liquidation cuts it into parts, and fee,
fund, backstop and depth decide what a shock makes of it. The ladder is therefore made anew of the
positions for each set. At the price at which a position is taken today its equity is what its
present tier requires, so that its price under other tiers follows from size, side and that price.
"""

from typing import Final, final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from airpocket.cascade.impact import Impact
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.parameters import ParameterSet
from airpocket.cascade.partial import closed_in_parts, levels_of_parts, prices_under
from airpocket.cascade.prepared import prepare
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_prices import WithoutAccount, prices_of
from airpocket.leverage.tiers import TierTable
from airpocket.market.events import Side
from airpocket.units import say_usd

__all__ = ["Compared", "Comparison", "Held", "Laid", "Row", "compare", "laid_out"]


@final
class Held(Struct, frozen=True, kw_only=True, eq=False):
    """Positions of one instrument and the rules they are held under today.

    Parameters
    ----------
    book
        Positions of one instrument (:meth:`~airpocket.leverage.position_book.PositionBook.of`).
    mark_price
        At which they are looked at.
    tiers
        Present maintenance tiers.
    rules
        The venue's, for prices that the source does not say; ``None``: in bulk, by the tiers.
    without_account
        What becomes of cross positions whose price the source does not say.
    """

    book: PositionBook
    mark_price: float
    tiers: TierTable
    rules: MarginRules | None = None
    without_account: WithoutAccount = WithoutAccount.LEFT_OUT


@final
class Laid(Struct, frozen=True, kw_only=True, eq=False):
    """A ladder under one parameter set.

    Parameters
    ----------
    ladder
        What waits.
    at_once_usd
        Dollars of positions that do not meet the set's requirement at the mark: they would be
        closed by the change itself, and are not in the ladder.
    """

    ladder: Ladder
    at_once_usd: float


@final
class Compared(Struct, frozen=True, kw_only=True, eq=False):
    """What a shock sets off under one parameter set; ``at_once_usd`` as of :class:`Laid`."""

    parameters: ParameterSet
    cascade: Cascade
    at_once_usd: float


class Row(Struct, frozen=True):
    """One figure under both sets and the difference; ``None`` where it is not known."""

    key: str
    first: float | None
    second: float | None

    @property
    def difference(self) -> float | None:
        """Second less first."""
        if self.first is None or self.second is None:
            return None
        return self.second - self.first


@final
class Comparison(Struct, frozen=True, kw_only=True, eq=False):
    """Two parameter sets side by side, under one impact law.

    Parameters
    ----------
    first, second
        What comes of the shock under each.
    assumed
        A sentence each.
    """

    first: Compared
    second: Compared
    assumed: tuple[str, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All figures: what is forced, who pays, how far and in how many waves."""
        pair = [_figures(one) for one in (self.first, self.second)]
        return tuple(Row(key, pair[0][key], pair[1][key]) for key in pair[0])


def laid_out(held: Held, parameters: ParameterSet) -> Laid:
    """Lay positions out as a ladder under a parameter set.

    Parameters
    ----------
    held
        Positions and today's rules.
    parameters
        What is otherwise.

    Returns
    -------
    Laid
        Positions whose price is not known, or is never reached, are not in it. What was assumed
        stands in its layer.

    Raises
    ------
    InputError
        If a price must be computed and cannot be, or a position is beyond the last tier.
    """
    book, mark = held.book, held.mark_price
    if not 0 < mark < 1e18:
        raise InputError(f"mark price {mark!r} is not a number above 0")
    instrument = book.instruments[0]
    if instrument.notional_usd(1.0, mark) is None:
        raise InputError(f"{instrument.symbol}: its contracts have no value in US dollars")
    present = prices_of(
        book, tiers=held.tiers, rules=held.rules, without_account=held.without_account
    )
    standing = _standing(book.is_long, present.price, mark)
    tiers = parameters.tiers_from(held.tiers)
    price = np.where(standing, present.price, np.nan)
    if tiers is not held.tiers:
        price = prices_under(instrument, held.tiers, tiers, book.is_long, book.qty_raw, price)
    at_once = standing & ~np.isnan(price) & ~_standing(book.is_long, price, mark)
    parts = closed_in_parts(
        instrument, tiers, book.is_long, book.qty_raw, np.where(at_once, np.nan, price),
        parameters.partial, fee_rate=parameters.fee_rate,
    )  # fmt: skip
    worth = instrument.notional_usd(1.0, mark) or 0.0
    past = ~standing & ~np.isnan(present.price)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=levels_of_parts(instrument, parts, book.is_long, Side.LONG),
        shorts=levels_of_parts(instrument, parts, book.is_long, Side.SHORT),
        source=book.source,
        assumed=(
            *book.assumed,
            *present.assumed,
            *_left_out(present.is_left_out, book.qty_raw * worth, _UNKNOWN),
            *_left_out(past, book.qty_raw * worth, _PAST),
            _STANDS_BEHIND,
            *(() if parameters.partial.is_whole else (_IN_PARTS,)),
        ),
    )
    ladder = Ladder(
        venue=instrument.venue, symbol=instrument.symbol, mark_price=mark, layers=(layer,),
        at_ns=book.at_ns,
    )  # fmt: skip
    return Laid(ladder=ladder, at_once_usd=float(book.qty_raw[at_once].sum() * worth))


def compare(
    waits: Held | Ladder,
    impact: Impact,
    shock: Shock,
    first: ParameterSet,
    second: ParameterSet,
    *,
    has_adl: bool = True,
) -> Comparison:
    """Settle one shock on the same book under two parameter sets.

    Parameters
    ----------
    waits
        Positions; or a ladder, where neither set changes tiers or parts.
    impact
        The law; each set's depth factor thins it.
    shock
        Move or order; the absorbed share is that of each set.
    first, second
        The sets.
    has_adl
        Whether winners bear what the fund cannot (else it is bad debt).

    Raises
    ------
    InputError
        If a ladder is given and a set changes tiers or parts, or positions cannot be laid out.
    """
    pair = []
    assumed: list[str] = []
    for one in (first, second):
        laid = laid_out(waits, one) if isinstance(waits, Held) else _as_it_is(waits, one)
        measured = laid.ladder.has(Provenance.MEASURED)
        known = Provenance.MEASURED if measured else Provenance.ESTIMATED
        assumed += [
            said
            for layer in laid.ladder.layers
            if layer.provenance is known
            for said in layer.assumed
        ]
        cascade = settle(
            prepare(laid.ladder, shock.side, known),
            impact if one.depth_factor == 1 else impact.thinned(one.depth_factor),
            replace(shock, absorbed=one.absorbed),
            payers=Payers(
                fund_usd=one.fund_usd,
                fee_rate=one.fee_rate,
                fee_to_fund=one.fee_to_fund,
                has_adl=has_adl,
            ),
        )
        pair.append(Compared(parameters=one, cascade=cascade, at_once_usd=laid.at_once_usd))
    return Comparison(first=pair[0], second=pair[1], assumed=tuple(dict.fromkeys(assumed)))


_UNKNOWN: Final = "cross, with neither a liquidation price nor an account: left out"
_PAST: Final = "past their liquidation price at the mark: left out"
_STANDS_BEHIND: Final = (
    "where a position is taken, what stands behind it is what its tier requires; the rest of a"
    " cross account is held"
)
_IN_PARTS: Final = (
    "parts: each is closed at the mark that sets it off and leaves all margin but the fee to the"
    " rest, which goes at its own price; closed lower, the rest would be nearer"
)


def _standing(
    is_long: NDArray[np.bool_], price: NDArray[np.float64], mark: float
) -> NDArray[np.bool_]:
    """Tell which positions have a price that the mark has not passed."""
    ahead: NDArray[np.bool_] = np.where(is_long, price < mark, price > mark)
    return ahead


def _left_out(rows: NDArray[np.bool_], dollars: NDArray[np.float64], why: str) -> tuple[str, ...]:
    many = int(rows.sum())
    if not many:
        return ()
    return (f"{many:,} positions of {say_usd(float(dollars[rows].sum()))} at the mark: {why}",)


def _as_it_is(ladder: Ladder, parameters: ParameterSet) -> Laid:
    if parameters.changes_positions:
        raise InputError(
            f"{parameters.name}: other tiers and parts need positions, not a ladder's levels: give"
            " the positions as SOURCE"
        )
    return Laid(ladder=ladder, at_once_usd=0.0)


def _figures(one: Compared) -> dict[str, float | None]:
    cascade, paid = one.cascade, one.cascade.waterfall
    return {
        "at_once_usd": one.at_once_usd,
        "forced_usd": paid.forced_usd,
        "absorbed_usd": paid.absorbed_usd,
        "loss_usd": paid.loss_usd,
        "margin_lost_usd": paid.margin_lost_usd,
        "fee_usd": paid.fee_usd,
        "fund_paid_usd": paid.fund_paid_usd,
        "fund_after_usd": paid.fund_after_usd,
        "adl_usd": paid.adl_usd,
        "adl_notional_usd": paid.adl_notional_usd,
        "bad_debt_usd": paid.bad_debt_usd,
        "unknown_usd": paid.unknown_usd,
        "last_price": cascade.last_price,
        "fall": cascade.fall,
        "waves": float(cascade.waves_count),
    }
