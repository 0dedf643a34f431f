"""What a shock may be asked to bring about: a fund that is empty, a price that is reached."""

from typing import Final, Protocol, final

from msgspec import Struct
from msgspec.structs import replace

from airpocket.cascade.outcome import Cascade
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.market.events import Side

__all__ = ["EmptiesFund", "Goal", "ReachesPrice"]

_ALL: Final = 1 - 1e-9  # of a fund: all of it, but for rounding


class Goal(Protocol):
    """What a shock is to bring about."""

    def met(self, cascade: Cascade) -> bool:
        """Tell whether it did."""
        ...

    def payers(self, payers: Payers) -> Payers:
        """Put what the goal is about among those who pay."""
        ...


@final
class EmptiesFund(Struct, frozen=True):
    """Losses beyond margin take all of an insurance fund of ``fund_usd``."""

    fund_usd: float

    def __post_init__(self) -> None:
        if not 0 < self.fund_usd < 1e18:
            raise InputError(f"a fund of {self.fund_usd!r} dollars: give a number above 0")

    def met(self, cascade: Cascade) -> bool:
        """Tell whether nothing is left of it."""
        return cascade.waterfall.fund_paid_usd >= _ALL * self.fund_usd

    def payers(self, payers: Payers) -> Payers:
        """Let there be this fund."""
        return replace(payers, fund_usd=self.fund_usd)


@final
class ReachesPrice(Struct, frozen=True):
    """The price comes to ``price``, or beyond."""

    price: float

    def __post_init__(self) -> None:
        if not 0 < self.price < 1e18:
            raise InputError(f"a price of {self.price!r}: give a number above 0")

    def met(self, cascade: Cascade) -> bool:
        """Tell whether it came there."""
        if cascade.side is Side.LONG:
            return cascade.last_price <= self.price
        return cascade.last_price >= self.price

    def payers(self, payers: Payers) -> Payers:
        """Leave who pays as it is."""
        return payers
