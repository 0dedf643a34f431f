"""Fills of Hyperliquid: what one leg of a trade says, and how two legs become one forced close.

A trade is printed twice, once for each account. A forced one carries a ``liquidation`` object on
*both* legs, and only one leg belongs to the liquidated account, so three things follow:

- it is counted once, by ``(coin, tid, time)`` ("for a globally unique trade id, use (block_time,
  coin, tid)": docs, websocket/subscriptions, mirror of 2026-08-22);
- its side is that of the liquidated account's position, whichever leg is read
  (:func:`liquidated_side`);
- an auto-deleveraging trade says ``method: backstop`` like a takeover by the vault; only the
  counterparty's ``dir`` "Auto-Deleveraging" tells them apart (node fills of 2025-10-10
  21:16:04.831874), so the two legs are read together (:func:`complete`).
"""

from typing import Final, Literal, TypeAlias, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from airpocket.market.events import Liquidation, Method, Side
from airpocket.market.fields import Label, Price, Qty, Serial, TimeMs

__all__ = [
    "ADL_DIR",
    "Fill",
    "ForcedMark",
    "Recent",
    "TradeKey",
    "complete",
    "is_forced",
    "liquidated_side",
    "method_of",
    "trade_key",
]

ADL_DIR: Final = "Auto-Deleveraging"

# What the venue writes into `dir` of both legs of a takeover, and of the loser's leg of an ADL.
_NAMED: Final = {
    "Liquidated Cross Long": Side.LONG,
    "Liquidated Cross Short": Side.SHORT,
    "Liquidated Isolated Long": Side.LONG,
    "Liquidated Isolated Short": Side.SHORT,
}

_METHODS: Final = {"market": Method.BOOK, "backstop": Method.BACKSTOP}

# Members by name cost 0.3 us each on Python 3.11: they are reached once.
_ADL, _BOOK, _UNKNOWN = Method.ADL, Method.BOOK, Method.UNKNOWN
_LONG, _SHORT = Side.LONG, Side.SHORT

TradeKey: TypeAlias = tuple[str, int, int]
"""Coin, trade id and milliseconds: what both legs of one trade share."""


class ForcedMark(Struct, frozen=True, gc=False, rename="camel"):
    """The ``liquidation`` object of a fill."""

    liquidated_user: str | None = None
    mark_px: Price | None = None
    method: str | None = None


class Fill(Struct, frozen=True, gc=False):
    """One leg of one trade, with the fields that are read (the same in node files and API).

    ``side`` is "B" if this account bought, "A" if it sold; ``crossed`` if its order took.
    """

    coin: Label
    px: Price
    sz: Qty
    side: Literal["A", "B"]
    time: TimeMs
    dir: str | None = None
    crossed: bool | None = None
    tid: Serial | None = None
    liquidation: ForcedMark | None = None
    users: Raw = Raw()  # only in rows of ``trades``: there ``side`` is the taker's


def is_forced(fill: Fill) -> bool:
    """Tell whether a fill closed a position by force.

    Examples
    --------
    >>> is_forced(Fill("BTC", 1.0, 1.0, "A", 1_760_130_964_831, dir="Close Long"))
    False
    """
    if fill.liquidation is not None:
        return True
    return fill.dir is not None and (fill.dir in _NAMED or fill.dir == ADL_DIR)


def method_of(fill: Fill) -> Method:
    """How the position was closed, as far as this one leg tells."""
    if fill.dir == ADL_DIR:
        return _ADL
    if fill.liquidation is None or fill.liquidation.method is None:
        return _UNKNOWN
    return _METHODS.get(fill.liquidation.method, _UNKNOWN)


def liquidated_side(fill: Fill, user: str | None) -> Side | None:
    """Side of the liquidated account's position.

    Parameters
    ----------
    fill
        One leg of a forced trade.
    user
        Account that the leg belongs to, ``None`` if the source does not say.

    Returns
    -------
    Side or None
        In this order: ``dir`` names it ("Liquidated Cross Long"); the leg belongs to the
        liquidated account, which then sold a long or bought back a short; the leg belongs to its
        counterparty, then the other way round. Whose leg it is follows from ``user``; without it
        from "Auto-Deleveraging" (always the counterparty's) or, for orders that met the book, from
        ``crossed`` (the forced order is always the taker). ``None`` if nothing tells.

    Examples
    --------
    >>> maker = Fill("SOL", 72.153, 0.58, "A", 1_782_636_233_257, "Open Short", False, 1,
    ...              ForcedMark("0x5ef8", 72.149, "market"))
    >>> liquidated_side(maker, "0xa775")
    <Side.SHORT: 'short'>
    """
    if fill.dir in _NAMED:
        return _NAMED[fill.dir]
    is_own = _is_own_leg(fill, user)
    if is_own is None:
        return None
    return _LONG if (fill.side == "A") is is_own else _SHORT


def _is_own_leg(fill: Fill, user: str | None) -> bool | None:
    mark = fill.liquidation
    if user is not None and mark is not None and mark.liquidated_user is not None:
        return user.lower() == mark.liquidated_user.lower()
    if fill.dir == ADL_DIR:
        return False
    if method_of(fill) is _BOOK:
        return fill.crossed
    return None


def trade_key(fill: Fill) -> TradeKey | None:
    """Name the trade as both legs do; ``None`` if the trade id was left out."""
    return None if fill.tid is None else (fill.coin, fill.tid, fill.time)


def complete(first: Liquidation, fill: Fill, user: str | None) -> Liquidation:
    """Add what the second leg of a forced trade knows and the first did not.

    That is: whether it was an auto-deleveraging; and side, mark and account where the first leg
    left them open.
    """
    method = first.method
    if fill.dir == ADL_DIR:
        method = _ADL
    elif method is _UNKNOWN:
        method = method_of(fill)
    elif first.liquidated is not None and first.account is not None and first.mark_price:
        return first  # the common case: both legs say the same
    mark = fill.liquidation or ForcedMark()
    return replace(
        first,
        liquidated=first.liquidated or liquidated_side(fill, user),
        method=method,
        mark_price=first.mark_price or mark.mark_px,
        account=first.account or mark.liquidated_user,
    )


@final
class Recent:
    """Bounded memory of trades: two generations, the older one forgotten whole.

    Remembers at least the last ``size`` keys and at most twice as many.

    Examples
    --------
    >>> seen = Recent(2)
    >>> [seen.is_new(("BTC", tid, 0)) for tid in (1, 1, 2, 3, 4, 5, 1)]
    [True, False, True, True, True, True, True]
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[TradeKey] = set()
        self._old: set[TradeKey] = set()

    def is_new(self, key: TradeKey) -> bool:
        """Tell whether a key was not seen lately, and remember it."""
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self._size:
            self._old = self._young
            self._young = set()
        self._young.add(key)
        return True

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
