"""What every venue's margin rules answer: how much is required, when it is taken, and by whom.

A rule book is dated: a liquidation price under last year's rules is wrong. It is pure arithmetic
over a position, a mark price and a table of tiers; ``venues/<venue>/rules.py`` holds one for each
product and period.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.position import Account, Position
from airpocket.leverage.tiers import TierTable
from airpocket.units import iso

__all__ = [
    "Closing",
    "ClosingStep",
    "Dated",
    "LiquidationPrice",
    "MarginRules",
    "Requirement",
    "Taker",
    "rules_among",
]


class Requirement(Struct, frozen=True):
    """A margin requirement: ``amount`` in ``coin``, by tier ``tier`` (from 0) at ``rate``."""

    amount: float
    coin: str
    rate: float
    tier: int


class LiquidationPrice(Struct, frozen=True):
    """Mark price at which a position is taken, or why there is none.

    ``price`` is ``None`` if no price of this instrument alone liquidates it (``reason`` says so);
    ``tier`` is that of the position's value at that price.
    """

    price: float | None
    tier: int | None
    reason: str = ""


class Taker(StrEnum):
    """Who takes a forced close."""

    BOOK = "book"  # an order that hits the market
    FUND = "fund"  # insurance fund, vault or pool: off the book, unwound later
    COUNTERPARTY = "counterparty"  # auto-deleveraging
    LIQUIDATOR = "liquidator"  # whoever repays the debt (lending)


class ClosingStep(Struct, frozen=True):
    """One step of a liquidation.

    ``share`` of the position (1 is all of it) goes to ``taker`` at ``price`` (``None``: whatever
    the book gives, down to ``limit_price`` where there is one); ``fee`` in the settle coin
    (``None``: there is one, its rate is not known); ``then_wait_s`` before the next look.
    """

    taker: Taker
    share: float
    price: float | None = None
    limit_price: float | None = None
    fee: float | None = 0.0
    then_wait_s: float = 0.0
    said: str = ""


class Closing(Struct, frozen=True):
    """What the venue does with a position at a mark price, step by step; empty: nothing.

    Steps are tried in order, each on what the ones before it left, until the rest is compliant.
    """

    steps: tuple[ClosingStep, ...]
    is_liquidatable: bool
    is_bankrupt: bool


class MarginRules(Protocol):
    """The margin rules of one product of one venue between two dates."""

    @property
    def venue(self) -> str:
        """Venue id."""
        ...

    @property
    def rule_id(self) -> str:
        """Name of the rule book, such as ``"binance-usdm-2025-09"``."""
        ...

    @property
    def valid_from_ns(self) -> int | None:
        """Since when it holds."""
        ...

    @property
    def source(self) -> str:
        """Page with its date."""
        ...

    def initial_margin(self, position: Position, tiers: TierTable) -> Requirement:
        """Compute what opening needs at the position's leverage; refuses one above the cap."""
        ...

    def maintenance_margin(
        self, position: Position, mark_price: float, tiers: TierTable
    ) -> Requirement:
        """Compute what holding needs at a mark price."""
        ...

    def liquidation_price(
        self, position: Position, tiers: TierTable, account: Account | None = None
    ) -> LiquidationPrice:
        """Find the mark price at which equity meets the requirement (``account`` for cross)."""
        ...

    def bankruptcy_price(self, position: Position) -> float | None:
        """Find the price at which the position's margin is used up; ``None`` if there is none."""
        ...

    def closing(
        self,
        position: Position,
        mark_price: float,
        tiers: TierTable,
        account: Account | None = None,
        *,
        since_partial_s: float | None = None,
    ) -> Closing:
        """Say what the venue does at a mark price; ``since_partial_s`` after a partial close."""
        ...

    def adl_score(self, position: Position, mark_price: float, account: Account | None) -> float:
        """Rank for auto-deleveraging: the higher, the earlier."""
        ...


class Dated(Protocol):
    """What picks a rule book: its product and its dates (half-open, ``None`` is open)."""

    @property
    def venue(self) -> str:
        """Venue id."""
        ...

    @property
    def product(self) -> str:
        """Product, such as ``"usdm"``."""
        ...

    @property
    def valid_from_ns(self) -> int | None:
        """Since when it holds."""
        ...

    @property
    def valid_to_ns(self) -> int | None:
        """Until when."""
        ...


_Rules = TypeVar("_Rules", bound=Dated)


def rules_among(books: Iterable[_Rules], product: str, at_ns: int | None = None) -> _Rules:
    """Pick the rule book of a product that holds at a time (``None``: today's).

    Raises
    ------
    InputError
        If there is no such product, or no book for that time.
    """
    listed = tuple(books)
    ours = [book for book in listed if book.product == product]
    if not ours:
        there = ", ".join(sorted({book.product for book in listed}))
        raise InputError(f"{product!r} has no margin rules here: there are {there}")
    for book in ours:
        if at_ns is None:
            if book.valid_to_ns is None:
                return book
        elif (book.valid_from_ns is None or book.valid_from_ns <= at_ns) and (
            book.valid_to_ns is None or at_ns < book.valid_to_ns
        ):
            return book
    when = "today" if at_ns is None else iso(at_ns)
    raise InputError(f"{ours[0].venue} {product}: no rules are known for {when}")
