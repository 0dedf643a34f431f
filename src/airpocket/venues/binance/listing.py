"""The catalogue as the Binance wire needs it: by symbol, in one lookup, with the product."""

import re
from typing import Final, final

from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind

__all__ = ["COIN_M", "USD_M", "Listing", "Listings", "pair_of", "product_of"]

USD_M: Final = 1
"""``st`` of a USD-M contract in the merged stream."""
COIN_M: Final = 2
"""``st`` of a COIN-M contract."""

_COIN_M_SYMBOL: Final = re.compile(r"USD_(PERP|\d{6})$")


def product_of(raw_symbol: str) -> int:
    """Tell the product of a symbol from its form, where ``st`` does not say it.

    Examples
    --------
    >>> [product_of(s) for s in ("BTCUSDT", "BTCUSD_PERP", "BTCUSD_200925", "BTCUSDT_250627")]
    [1, 2, 2, 1]
    """
    return COIN_M if _COIN_M_SYMBOL.search(raw_symbol) else USD_M


def pair_of(raw_symbol: str) -> str:
    """Name the pair (``ps``) of a symbol: what stands before the contract.

    Examples
    --------
    >>> pair_of("BTCUSD_200925"), pair_of("BTCUSDT")
    ('BTCUSD', 'BTCUSDT')
    """
    return raw_symbol.partition("_")[0]


@final
class Listing:
    """One instrument, with what the hot path asks of it worked out beforehand.

    ``products`` are the values of ``st`` that agree with the catalogue; ``None`` (not said) is
    among them.
    """

    __slots__ = ("contract_value", "instrument", "is_inverse", "is_plain", "products", "symbol")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.contract_value = instrument.contract_value
        self.is_inverse = instrument.kind is Kind.INVERSE
        self.is_plain = (
            instrument.kind is Kind.LINEAR and instrument.notional_usd(1.0, 1.0) is not None
        )
        self.products = (None, COIN_M if self.is_inverse else USD_M)

    def sized(self, qty_raw: float, price: float) -> tuple[float | None, float | None]:
        """Size in base coins and in US dollars, as ``Instrument`` computes them."""
        if self.is_plain:
            qty_base = qty_raw * self.contract_value
            return qty_base, qty_base * price
        return (
            self.instrument.qty_base(qty_raw, price),
            self.instrument.notional_usd(qty_raw, price),
        )


@final
class Listings:
    """The listings of one venue; ``steady`` holds those that never changed, by raw symbol."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.steady: dict[str, Listing] = {}
        dated: set[str] = set()
        for row in catalogue:
            if row.valid_from_ns is None and row.valid_to_ns is None:
                if row.raw_symbol in self.steady:
                    raise InputError(f"{row.raw_symbol} is listed twice without dates")
                self.steady[row.raw_symbol] = Listing(row)
            else:
                dated.add(row.raw_symbol)
        for raw_symbol in dated & set(self.steady):
            raise InputError(
                f"{raw_symbol} is listed with and without dates: give each of its rows a range"
            )

    def find(self, raw_symbol: str, at_ns: int | None) -> Listing | None:
        """Find a listing at a time; ``None``: an unknown instrument."""
        listing = self.steady.get(raw_symbol)
        if listing is None:
            row = self._catalogue.find(raw_symbol, at_ns)
            listing = None if row is None else Listing(row)
        return listing
