"""What a market order would pay in a given book: the price of forced size."""

from airpocket.errors import InputError
from airpocket.market.events import Depth, Taker
from airpocket.market.instrument import Instrument, Kind

__all__ = ["buy_cost_bps", "sell_cost_bps"]


def sell_cost_bps(depth: Depth, usd: float, instrument: Instrument) -> float | None:
    """Tell how far below the mid a market order sells on average.

    The order takes bids until they have paid ``usd``; its average price is dollars received by
    coins sold. Nobody refills the book meanwhile.

    Parameters
    ----------
    depth
        The book; quantities in base coins, of inverse contracts in contracts.
    usd
        Dollars to sell for, above 0.
    instrument
        What a contract is worth.

    Returns
    -------
    float | None
        Basis points of the mid; ``None`` if the bids in the book do not hold that much, or are
        not priced in dollars.

    Raises
    ------
    InputError
        If ``usd`` is not above 0.

    Examples
    --------
    >>> perp = Instrument(venue="x", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR,
    ...     base="X", quote="USDT", settle="USDT")
    >>> book = Depth(venue="x", symbol=None, raw_symbol="X",
    ...     bids=((99.0, 1.0), (98.0, 5.0)), asks=((101.0, 1.0),))
    >>> round(sell_cost_bps(book, 197.0, perp), 1), sell_cost_bps(book, 1_000.0, perp)
    (150.0, None)
    """
    return _cost_bps(depth, usd, instrument, Taker.SELL)


def buy_cost_bps(depth: Depth, usd: float, instrument: Instrument) -> float | None:
    """Tell how far above the mid a market order buys on average; see :func:`sell_cost_bps`."""
    return _cost_bps(depth, usd, instrument, Taker.BUY)


def _cost_bps(depth: Depth, usd: float, instrument: Instrument, taker: Taker) -> float | None:
    if not 0 < usd < float("inf"):
        raise InputError(f"a market order of {usd} dollars: give an amount above 0")
    inverse = instrument.kind is Kind.INVERSE
    if instrument.notional_usd(1.0, 1.0) is None:
        return None
    left, coins = usd, 0.0
    for price, qty in depth.bids if taker is Taker.SELL else depth.asks:
        held = qty * instrument.contract_value if inverse else qty * price
        taken = min(held, left)
        coins += taken / price
        left -= taken
        if left <= 0:
            mid = (depth.bids[0][0] + depth.asks[0][0]) / 2
            cost = 1 - usd / coins / mid
            return 1e4 * (cost if taker is Taker.SELL else -cost)
    return None
