"""What a position is worth, has gained, and loses last: linear and inverse contracts.

Along ``x`` (the price of a linear contract, the inverse of the price of an inverse one) every
contract is a straight line, so that one piece of arithmetic serves both (science.md §1.1).
"""

from airpocket.errors import InputError
from airpocket.leverage.position import Position
from airpocket.market.instrument import Kind

__all__ = [
    "bankruptcy_price_of",
    "margin_of",
    "price_at",
    "profit_at",
    "sign_along",
    "size_of",
    "value_at",
    "x_of",
]


def size_of(position: Position) -> float:
    """Size in base coins (linear) or US dollars (inverse).

    Raises
    ------
    InputError
        If the contract is neither: its value needs a price that a position does not carry.
    """
    instrument = position.instrument
    if instrument.kind not in {Kind.LINEAR, Kind.INVERSE}:
        raise InputError(
            f"{instrument.venue} {instrument.symbol}: margin of a {instrument.kind.value} contract"
            " is not computed, only of linear and inverse ones"
        )
    return position.qty_raw * instrument.contract_value


def sign_along(position: Position) -> int:
    """+1 if the position gains as ``x`` rises: a linear long, an inverse short."""
    return -position.sign if position.instrument.kind is Kind.INVERSE else position.sign


def x_of(position: Position, price: float) -> float:
    """Turn a price into the ``x`` that the position is straight in.

    Raises
    ------
    InputError
        If the price is not a number above 0.
    """
    if not 0 < price < 1e18:
        raise InputError(f"{position.instrument.symbol}: a price of {price!r} is none")
    return 1 / price if position.instrument.kind is Kind.INVERSE else price


def price_at(position: Position, x: float) -> float:
    """Turn ``x`` back into a price."""
    return 1 / x if position.instrument.kind is Kind.INVERSE else x


def value_at(position: Position, price: float) -> float:
    """Compute the position's value at a price, in the coin that margin is counted in."""
    return size_of(position) * x_of(position, price)


def profit_at(position: Position, price: float) -> float:
    """Compute the unrealised profit at a price, in the settle coin.

    Linear: ``sign * size * (price - entry)``; inverse: ``sign * size * (1/entry - 1/price)``.
    """
    moved = x_of(position, price) - x_of(position, position.entry_price)
    return sign_along(position) * size_of(position) * moved


def margin_of(position: Position) -> float:
    """Margin behind an isolated position: as given, else value at entry over leverage.

    Raises
    ------
    InputError
        If there is neither.
    """
    if position.margin is not None:
        return position.margin
    if position.leverage is None:
        raise InputError(f"{position.instrument.symbol}: neither margin nor leverage is known")
    return value_at(position, position.entry_price) / position.leverage


def bankruptcy_price_of(position: Position, behind: float) -> float | None:
    """Find the price at which a loss has used up ``behind`` (settle coin).

    ``None`` if no price above 0 does.
    """
    at = x_of(position, position.entry_price) - sign_along(position) * behind / size_of(position)
    return price_at(position, at) if at > 0 else None
