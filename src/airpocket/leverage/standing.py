"""Where a position stands at a mark price: equity against requirement, alone or in an account."""

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.solving import Leg, leg_of
from airpocket.leverage.tiers import TierTable, TierUnit
from airpocket.leverage.values import margin_of, profit_at, value_at

__all__ = ["Standing", "behind_of", "legs_of", "maintenance_at", "stand", "tier_at"]


class Standing(Struct, frozen=True):
    """Equity and maintenance at a mark price, in the settle coin.

    ``spare`` is the equity less what *other* positions must hold.
    """

    equity: float
    maintenance: float
    spare: float

    @property
    def ratio(self) -> float:
        """Maintenance over equity: liquidated at 1; infinite without equity."""
        return self.maintenance / self.equity if self.equity > 0 else float("inf")

    @property
    def is_liquidatable(self) -> bool:
        """Whether the equity has fallen to the maintenance."""
        return self.equity <= self.maintenance

    @property
    def is_bankrupt(self) -> bool:
        """Whether nothing is left."""
        return self.equity <= 0


def tier_at(position: Position, price: float, table: TierTable) -> int:
    """Find the tier of a position at a price, by its contracts or its value.

    Raises
    ------
    InputError
        If the position lies beyond the last tier.
    """
    by_size = table.unit is TierUnit.CONTRACTS
    return table.index_at(position.qty_raw if by_size else value_at(position, price))


def maintenance_at(
    position: Position, price: float, table: TierTable, fee_rate: float = 0.0
) -> tuple[float, int]:
    """Compute what a position must hold at a price, and the tier that says so.

    Raises
    ------
    InputError
        If the position lies beyond the last tier.
    """
    value = value_at(position, price)
    index = tier_at(position, price, table)
    tier = table.tiers[index]
    return value * (tier.rate + fee_rate) - tier.deduction, index


def _shared(position: Position, account: Account | None) -> Account:
    if account is None:
        raise InputError(
            f"{position.instrument.symbol}: a cross position needs the account that stands behind"
            " it, with its wallet and its other positions"
        )
    return account


def _sharing(position: Position, account: Account) -> list[tuple[Position, float]]:
    """Cross positions of other symbols, checked to be of one coin."""
    found = []
    for other, price in account.positions:
        if other.mode is not MarginMode.CROSS or other.instrument.symbol == _symbol(position):
            continue
        if other.instrument.settle != position.instrument.settle:
            raise InputError(
                f"{other.instrument.symbol}: settles in {other.instrument.settle}, not in"
                f" {position.instrument.settle} as {_symbol(position)} does: they share no margin"
            )
        found.append((other, price))
    return found


def _symbol(position: Position) -> str:
    return position.instrument.symbol


def _same_symbol(position: Position, account: Account) -> tuple[Position, ...]:
    """Give the position and, in hedge mode, the other leg of its contract."""
    legs = [position]
    for other, _ in account.positions:
        if other.mode is MarginMode.CROSS and other.instrument.symbol == _symbol(position):
            if other.side is not position.side:
                legs.append(other)
            elif other != position:
                raise InputError(
                    f"{_symbol(position)}: the account holds another {other.side.value} of it;"
                    " one side of a contract is one position"
                )
    return tuple(legs)


def legs_of(
    position: Position, table: TierTable, account: Account | None = None, fee_rate: float = 0.0
) -> tuple[Leg, ...]:
    """Lay out what shares the position's price: itself, or both legs of a cross hedge."""
    if position.mode is MarginMode.ISOLATED:
        return (leg_of(position, table, fee_rate),)
    legs = _same_symbol(position, _shared(position, account))
    return tuple(leg_of(leg, table, fee_rate) for leg in legs)


def behind_of(position: Position, account: Account | None = None, fee_rate: float = 0.0) -> float:
    """Compute what stands behind a position apart from the profit of its own contract.

    Isolated: its margin. Cross: the wallet, plus the profit of the other contracts at their marks,
    less what they must hold (``WB - TMM1 + UPNL1`` in Binance's words).

    Raises
    ------
    InputError
        If a cross position comes without account, or another one without tiers.
    """
    if position.mode is MarginMode.ISOLATED:
        return margin_of(position)
    shared = _shared(position, account)
    behind = shared.wallet
    for other, price in _sharing(position, shared):
        held, _ = maintenance_at(other, price, shared.table_of(other), fee_rate)
        behind += profit_at(other, price) - held
    return behind


def stand(
    position: Position,
    mark_price: float,
    table: TierTable,
    account: Account | None = None,
    fee_rate: float = 0.0,
) -> Standing:
    """Compute equity and maintenance at a mark price (cross: of the whole account)."""
    own, _ = maintenance_at(position, mark_price, table, fee_rate)
    if position.mode is MarginMode.ISOLATED:
        equity = margin_of(position) + profit_at(position, mark_price)
        return Standing(equity, own, equity)
    shared = _shared(position, account)
    equity = shared.wallet + profit_at(position, mark_price)
    others = 0.0
    for leg in _same_symbol(position, shared)[1:]:
        equity += profit_at(leg, mark_price)
        others += maintenance_at(leg, mark_price, table, fee_rate)[0]
    for other, price in _sharing(position, shared):
        equity += profit_at(other, price)
        others += maintenance_at(other, price, shared.table_of(other), fee_rate)[0]
    return Standing(equity, own + others, equity - others)
