"""Which leverage, and which margin, holds a position through a move: asked of the rules.

Nothing is solved here: a venue's own rules are asked again and again, on the grid of figures that
can be given, so that the figure found holds and the next one does not.
"""

from collections.abc import Callable
from typing import Final, final

from msgspec import Struct, structs

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.standing import tier_at
from airpocket.leverage.tiers import TierTable

__all__ = ["Survival", "holds_at", "survival"]

_LEVERAGE_PARTS: Final = 100  # leverage is looked for in hundredths
_MARGIN_MOST: Final = 1e17


@final
class Survival(Struct, frozen=True, kw_only=True):
    """What holds a position at a price.

    Parameters
    ----------
    price
        The price it is to be held at.
    holds
        Whether it is held as it was given.
    leverage_most
        Largest leverage from 1 to the tier's cap, in hundredths, at which its margin holds it;
        ``None`` if not even 1 does, and for cross, where the wallet decides.
    whole_leverage_most
        The same in whole numbers.
    leverage_cap
        The most that the tier of its value at entry allows.
    margin_least
        Smallest margin (isolated) or wallet (cross) that holds it, in the settle coin, rounded up.
    """

    price: float
    holds: bool
    leverage_most: float | None
    whole_leverage_most: int | None
    leverage_cap: float
    margin_least: float


def holds_at(
    rules: MarginRules,
    position: Position,
    tiers: TierTable,
    price: float,
    account: Account | None = None,
) -> bool:
    """Tell whether a position is still held at a price and all the way to it.

    Neither may the venue act at the price, nor may its liquidation price lie before or on it.
    """
    if rules.closing(position, price, tiers, account).is_liquidatable:
        return False
    found = rules.liquidation_price(position, tiers, account)
    return found.price is None or position.sign * (price - found.price) > 0


def survival(
    rules: MarginRules,
    position: Position,
    tiers: TierTable,
    price: float,
    account: Account | None = None,
    *,
    margin_step: float = 0.01,
) -> Survival:
    """Find the largest leverage and the smallest margin that hold a position at a price.

    Parameters
    ----------
    rules, tiers
        Of its venue.
    position
        As it is; its leverage and margin are varied, one at a time.
    price
        Mark price to be reached.
    account
        Of a cross position: its wallet is varied.
    margin_step
        What margins are rounded up to, in the settle coin.

    Raises
    ------
    InputError
        If the price or the step is not above 0, or the rules refuse the position there.

    Examples
    --------
    >>> from airpocket.leverage.tiers import table_of
    >>> from airpocket.market.events import Side
    >>> from airpocket.venues.register import catalogue_of, open_rules
    >>> perp = catalogue_of("binance").find("BTCUSDT")
    >>> one = Position(instrument=perp, side=Side.LONG, qty_raw=1.0, entry_price=100_000.0,
    ...     leverage=20)
    >>> rate = table_of("BTC/USDT:USDT", [(0, 1e9, 0.005, 0, 125)], "made up")
    >>> found = survival(open_rules("binance", "usdm"), one, rate, 92_000.0)
    >>> found.holds, found.leverage_most, found.margin_least
    (False, 11.82, 8460.01)
    """
    if not 0 < price < 1e18:
        raise InputError(f"{tiers.symbol}: a price of {price!r} is none")
    if not 0 < margin_step < 1e18:
        raise InputError(f"{tiers.symbol}: margins in steps of {margin_step!r} are none")
    cap = tiers.tiers[tier_at(position, position.entry_price, tiers)].leverage_most

    def at_leverage(parts: int, of: int) -> bool:
        changed = structs.replace(position, leverage=parts / of, margin=None)
        return holds_at(rules, changed, tiers, price)

    def at_margin(steps: int) -> bool:
        margin = _margin(steps, margin_step)
        if position.mode is MarginMode.CROSS and account is not None:
            wallet = structs.replace(account, wallet=margin)
            return holds_at(rules, position, tiers, price, wallet)
        changed = structs.replace(position, margin=margin)
        return holds_at(rules, changed, tiers, price)

    parts = whole = None
    if position.mode is MarginMode.ISOLATED:
        most = int(cap * _LEVERAGE_PARTS)
        parts = _last(lambda n: at_leverage(n, _LEVERAGE_PARTS), _LEVERAGE_PARTS, most)
        whole = _last(lambda n: at_leverage(n, 1), 1, int(cap))
    least = _first(at_margin, int(_MARGIN_MOST / margin_step))
    if least is None:
        raise InputError(f"{tiers.symbol}: no margin holds it at {price:g} under {rules.rule_id}")
    return Survival(
        price=price,
        holds=holds_at(rules, position, tiers, price, account),
        leverage_most=None if parts is None else parts / _LEVERAGE_PARTS,
        whole_leverage_most=whole,
        leverage_cap=cap,
        margin_least=_margin(least, margin_step),
    )


def _margin(steps: int, step: float) -> float:
    """Multiply without the dust of a binary fraction."""
    return round(steps * step, 12)


def _last(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Find the last of ``low..high`` that holds, where all before one that holds do."""
    if high < low or not holds(low):
        return None
    if holds(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def _first(holds: Callable[[int], bool], most: int) -> int | None:
    """Find the first from 0 to ``most`` that holds, where all after one that holds do."""
    if holds(0):
        return 0
    low, high = 0, 1
    while not holds(high):
        low, high = high, high * 2
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
