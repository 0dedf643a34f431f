"""Listings find the catalogue's rows by symbol, date and product."""

import pytest

from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.venues.binance.listing import COIN_M, USD_M, Listing, Listings, pair_of, product_of


def row(raw_symbol: str, kind: Kind = Kind.LINEAR, **more: object) -> Instrument:
    fields: dict[str, object] = {
        "venue": "binance",
        "raw_symbol": raw_symbol,
        "symbol": "A/USDT:USDT",
        "kind": kind,
        "base": "A",
        "quote": "USDT",
        "settle": "USDT",
    }
    return Instrument(**(fields | more))  # type: ignore[arg-type]


def test_the_form_of_a_symbol_says_its_product() -> None:
    assert product_of("ETHUSD_PERP") == product_of("ETHUSD_260925") == COIN_M
    assert product_of("ETHUSDT") == product_of("ETHUSDT_260925") == product_of("PERPUSDT") == USD_M
    assert pair_of("ETHUSD_PERP") == "ETHUSD"


@pytest.mark.parametrize(
    "instrument",
    [
        row("AUSDT"),
        row("AUSDT", contract_value=7.0),
        row("ABTC", quote="BTC"),
        row("AUSD_PERP", Kind.INVERSE, contract_value=10.0, quote="USD"),
        row("A", Kind.QUANTO),
        row("A", Kind.SPOT),
    ],
)
def test_sizes_are_those_of_the_instrument(instrument: Instrument) -> None:
    listing = Listing(instrument)
    for qty, price in ((3.0, 7.1), (0.1, 9e9), (1e-9, 0.3)):
        expected = (instrument.qty_base(qty, price), instrument.notional_usd(qty, price))
        assert listing.sized(qty, price) == expected


def test_a_product_that_is_not_said_agrees_with_any_listing() -> None:
    assert Listing(row("A")).products == (None, USD_M)
    assert Listing(row("A", Kind.INVERSE)).products == (None, COIN_M)


def test_dated_rows_are_found_by_time() -> None:
    first = row("A", contract_value=1.0, valid_to_ns=10)
    second = row("A", contract_value=2.0, valid_from_ns=10)
    listings = Listings(Catalogue([first, second]))
    assert listings.steady == {}
    for at_ns, instrument in ((9, first), (10, second), (None, second)):
        listing = listings.find("A", at_ns)
        assert listing is not None
        assert listing.instrument is instrument
    assert listings.find("B", 9) is None


def test_a_row_without_dates_beside_dated_ones_is_refused() -> None:
    with pytest.raises(InputError, match="A is listed with and without dates"):
        Listings(Catalogue([row("A"), row("A", valid_to_ns=10)]))


def test_two_rows_without_dates_are_refused() -> None:
    with pytest.raises(InputError, match="A is listed twice"):
        Listings(Catalogue([row("A"), row("A")]))
