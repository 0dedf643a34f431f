"""What opening a position needs, and whose rules it may be asked of."""

from airpocket.errors import InputError
from airpocket.leverage.margin import Requirement
from airpocket.leverage.position import Position
from airpocket.leverage.standing import tier_at
from airpocket.leverage.tiers import TierTable
from airpocket.leverage.values import value_at
from airpocket.market.instrument import Kind

__all__ = ["initial_margin_of", "refuse_others"]


def initial_margin_of(position: Position, tiers: TierTable, rule_id: str) -> Requirement:
    """Compute value at entry over leverage.

    Raises
    ------
    InputError
        If the leverage is unknown or above what the tier of that size allows.
    """
    value = value_at(position, position.entry_price)
    index = tier_at(position, position.entry_price, tiers)
    most = tiers.tiers[index].leverage_most
    if position.leverage is None or not 1 <= position.leverage <= most:
        raise InputError(
            f"{rule_id}: a leverage of {position.leverage} is not within 1 to {most:g} for a value"
            f" of {value:g} {position.instrument.settle} in {position.instrument.symbol}"
            f" ({tiers.source})"
        )
    rate = 1 / position.leverage
    return Requirement(value * rate, position.instrument.settle, rate, index)


def refuse_others(position: Position, venue: str, kind: Kind, rule_id: str, source: str) -> None:
    """Refuse a position of another venue or kind than the rules are for.

    Raises
    ------
    InputError
        Naming the rule book and its source.
    """
    instrument = position.instrument
    if instrument.venue != venue or instrument.kind is not kind:
        raise InputError(
            f"{rule_id}: {instrument.venue} {instrument.symbol} is {instrument.kind.value}; these"
            f" are the rules of {venue} for {kind.value} contracts ({source})"
        )
