"""Positions and the accounts that hold them, as a venue's margin rules see them."""

from enum import StrEnum

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.tiers import TierTable
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument

__all__ = ["Account", "MarginMode", "Position"]


class MarginMode(StrEnum):
    """What stands behind a position."""

    ISOLATED = "isolated"  # its own margin
    CROSS = "cross"  # the whole account


class Position(Struct, frozen=True, kw_only=True):
    """One open position.

    ``qty_raw`` is its size in the venue's own unit (coins, contracts, US dollars for Bybit's
    inverse ones), always positive; ``margin`` what stands behind it alone, in the settle coin
    (isolated; ``None`` for cross); ``leverage`` as set at the venue, ``None`` if unknown.

    Raises
    ------
    InputError
        If a figure is not finite and above 0, or an isolated position has neither margin nor
        leverage.
    """

    instrument: Instrument
    side: Side
    qty_raw: float
    entry_price: float
    mode: MarginMode = MarginMode.ISOLATED
    margin: float | None = None
    leverage: float | None = None

    def __post_init__(self) -> None:
        for name in ("qty_raw", "entry_price", "leverage"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e18:
                raise InputError(f"position: {name} is {value!r}, not a number above 0")
        if self.margin is not None and not -1e18 < self.margin < 1e18:
            raise InputError(f"position: margin is {self.margin!r}, not a number")
        if self.mode is MarginMode.ISOLATED and self.margin is None and self.leverage is None:
            raise InputError("position: an isolated one needs its margin or its leverage")

    @property
    def sign(self) -> int:
        """+1 for a long, −1 for a short."""
        return 1 if self.side is Side.LONG else -1


class Account(Struct, frozen=True, kw_only=True):
    """What stands behind cross positions.

    ``wallet`` is the balance in the settle coin, without unrealised profit; ``positions`` all that
    share it, with the mark price of each beside it (the one asked about may have any; isolated ones
    share nothing and are passed over); ``tables`` the tiers of what it holds.
    """

    wallet: float
    positions: tuple[tuple[Position, float], ...] = ()
    tables: tuple[TierTable, ...] = ()

    def __post_init__(self) -> None:
        if not -1e18 < self.wallet < 1e18:
            raise InputError(f"account: wallet is {self.wallet!r}, not a number")

    def table_of(self, position: Position) -> TierTable:
        """Find the tiers of a position it holds.

        Raises
        ------
        InputError
            If they are not among its tables.
        """
        symbol = position.instrument.symbol
        for table in self.tables:
            if table.symbol == symbol:
                return table
        raise InputError(f"account: no tiers of {symbol} are given, so what it holds is not known")
