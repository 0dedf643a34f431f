"""What market orders pay."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.book import Book
from airpocket.market.events import Depth
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.liquidity import buy_cost_bps, sell_cost_bps
from airpocket.market.sequence import SequenceRule
from airpocket.venues.binance.wire import open_wire
from tests.market.books import recorded


def _instrument(kind: Kind, quote: str = "USDT", contract_value: float = 1.0) -> Instrument:
    return Instrument(
        venue="x", raw_symbol="X", symbol="X", kind=kind, base="X", quote=quote, settle=quote,
        contract_value=contract_value,
    )  # fmt: skip


_LINEAR = _instrument(Kind.LINEAR, contract_value=0.01)  # the book is in coins, not in contracts
_INVERSE = _instrument(Kind.INVERSE, "USD", 100.0)


def _depth(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Depth:
    return Depth(venue="x", symbol=None, raw_symbol="X", bids=tuple(bids), asks=tuple(asks))


def test_by_hand() -> None:
    book = _depth([(99.0, 1.0), (90.0, 10.0)], [(101.0, 1.0), (110.0, 10.0)])
    assert sell_cost_bps(book, 99.0, _LINEAR) == pytest.approx(100.0)
    assert sell_cost_bps(book, 99.0 + 90.0, _LINEAR) == pytest.approx(550.0)
    assert buy_cost_bps(book, 101.0 + 110.0, _LINEAR) == pytest.approx(550.0)
    contracts = _depth([(50.0, 1.0), (25.0, 4.0)], [(150.0, 1.0)])
    # 100 dollars at 50 are 2 coins, 100 dollars at 25 are 4: 200 dollars for 6 coins, mid 100
    assert sell_cost_bps(contracts, 200.0, _INVERSE) == pytest.approx(1e4 * (1 - 200 / 6 / 100))


def test_what_the_book_does_not_hold_or_does_not_price_in_dollars_has_no_cost() -> None:
    book = _depth([(99.0, 1.0)], [(101.0, 1.0)])
    assert sell_cost_bps(book, 99.01, _LINEAR) is None
    assert buy_cost_bps(book, 101.01, _LINEAR) is None
    assert sell_cost_bps(book, 1.0, _instrument(Kind.QUANTO)) is None
    assert sell_cost_bps(book, 1.0, _instrument(Kind.LINEAR, "EUR")) is None


@pytest.mark.parametrize("usd", [0.0, -1.0, float("nan"), float("inf")])
def test_an_order_has_a_size(usd: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        sell_cost_bps(_depth([(99.0, 1.0)], [(101.0, 1.0)]), usd, _LINEAR)


_QTYS = st.lists(st.floats(0.1, 50.0), min_size=1, max_size=8)


@given(_QTYS, st.floats(1.0, 500.0), st.floats(1.0, 2.0))
def test_more_costs_more_and_never_less_than_half_the_spread(
    qtys: list[float], usd: float, more: float
) -> None:
    bids = [(100.0 - i, qty) for i, qty in enumerate(qtys)]
    asks = [(101.0 + i, qty) for i, qty in enumerate(qtys)]
    book = _depth(bids, asks)
    for cost in (sell_cost_bps, buy_cost_bps):
        less, dearer = cost(book, usd, _LINEAR), cost(book, usd * more, _LINEAR)
        if dearer is not None:
            assert less is not None
            assert 1e4 * 0.5 / 100.5 - 1e-6 <= less <= dearer + 1e-6


@pytest.mark.data
def test_selling_into_the_recorded_book_costs_what_the_readme_says(data_dir: Path) -> None:
    path = next((data_dir / "l2_book").glob("binance_um_*.raw.gz"))
    book = Book(SequenceRule.LINKED)
    for change in recorded(path, open_wire()):
        book.apply(change)
    depth = book.depth()
    assert depth is not None
    linear = _instrument(Kind.LINEAR)
    costs = [sell_cost_bps(depth, usd * 1e6, linear) for usd in (1, 5, 10, 50)]
    assert costs == pytest.approx([0.76, 4.97, 8.10, 26.79], abs=0.005)
