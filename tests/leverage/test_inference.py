"""A largest leverage is what positions were computed with; half of them tells the other half's."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.inference import implied_rates, inferred_tiers, largest_leverages
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_prices import prices_of
from airpocket.leverage.tiers import table_of
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.hyperliquid.positions import read_table
from tests.leverage.contracts import contract
from tests.leverage.frames import BTC, INVERSE

TABLE = Path("hl_positions") / "basedapp_positions_detail_hypercore_20251208.csv.gz"


def _book(leverages: list[int], most: list[int], instrument: Instrument = BTC) -> PositionBook:
    """Longs and shorts in turn whose prices are found under a largest leverage each."""
    count = len(leverages)
    unknown = np.full(count, np.nan)
    size = np.arange(1.0, count + 1, dtype=np.float64)
    entry = np.arange(100.0, 100.0 + count)
    is_long = np.arange(count) % 2 == 0
    value = size * instrument.contract_value
    if instrument.kind is Kind.INVERSE:
        value /= entry
    else:
        value *= entry
    alone = PositionBook(
        (instrument,), np.zeros(count, dtype=np.int32), is_long, size, entry,
        value / np.array(leverages), unknown, np.zeros(count, dtype=np.bool_), unknown, "made up",
    )  # fmt: skip
    prices = [
        prices_of(
            alone.rows(slice(at, at + 1)),
            tiers=table_of("x", [(0, 1e12, 0.5 / one, 0, one)], "made up"),
        ).price[0]
        for at, one in enumerate(most)
    ]
    args = {name: getattr(alone, name) for name in alone.__struct_fields__}
    return PositionBook(**{**args, "liquidation_price": np.array(prices)})


@given(st.sampled_from([3, 5, 10, 20, 25, 40]), st.integers(1, 12), st.sampled_from([BTC, INVERSE]))
def test_the_leverage_that_prices_were_made_with(
    most: int, count: int, instrument: Instrument
) -> None:
    book = _book([2 + at % (most - 1) for at in range(count)], [most] * count, instrument)
    found = largest_leverages(book)[instrument.symbol]
    assert (found.leverage, found.rows, found.exceptions.size) == (most, count, 0)
    assert found.rate == pytest.approx(0.5 / most)
    assert found.worst < 1e-9


def test_the_one_that_says_otherwise_is_listed() -> None:
    found = largest_leverages(_book([2] * 5, [10, 10, 3, 10, 10]))[BTC.symbol]
    assert (found.leverage, found.exceptions.tolist()) == (10, [2])
    table = inferred_tiers(found, "a table")
    assert table.source == (
        "inferred from 5 isolated positions of a table, of which 1 say otherwise"
    )
    assert (table.tiers[0].rate, table.tiers[0].leverage_most) == (0.05, 10.0)


def test_what_says_nothing_is_passed_over() -> None:
    book = _book([2, 2, 2], [10, 10, 10])
    args = {name: getattr(book, name) for name in book.__struct_fields__}
    rates = implied_rates(
        PositionBook(
            **{
                **args,
                "is_cross": np.array([True, False, False]),
                "liquidation_price": np.array([60.0, np.inf, book.liquidation_price[2]]),
            }
        )
    )
    np.testing.assert_allclose(rates, [np.nan, np.nan, 0.05])
    unknown = PositionBook(**{**args, "margin": np.full(3, np.nan)})
    assert largest_leverages(unknown) == {}


def test_what_is_refused() -> None:
    book = _book([2], [10])
    with pytest.raises(InputError, match="maintenance share 0"):
        largest_leverages(book, maintenance_share=0.0)
    args = {name: getattr(book, name) for name in book.__struct_fields__}
    quanto = (contract("x", "ETH/USD:BTC", Kind.QUANTO),)
    with pytest.raises(InputError, match="neither linear nor inverse"):
        implied_rates(PositionBook(**{**args, "instruments": quanto}))


@pytest.mark.data
def test_half_of_a_coins_positions_tell_the_prices_of_the_others(data_dir: Path) -> None:
    book = read_table(data_dir / TABLE)
    told = np.flatnonzero(~np.isnan(implied_rates(book)))
    assert told.size == 2_727
    order = told[np.argsort(book.instrument[told], kind="stable")]
    is_first = np.zeros(book.size, dtype=np.bool_)
    for rows in np.split(order, np.flatnonzero(np.diff(book.instrument[order])) + 1):
        is_first[rows[::2]] = True
    halves = largest_leverages(book.rows(is_first))
    others = np.setdiff1d(told, np.flatnonzero(is_first))
    assert others.size == 1_323
    assert {found.leverage for found in halves.values()} == {3, 5, 10, 20, 25, 40}

    wrong: dict[str, int] = {}
    worst = 0.0
    for place, rows in zip(*_by_instrument(book.instrument[others], others), strict=True):
        symbol = book.instruments[place].symbol
        half = book.rows(rows).of(symbol)
        args = {name: getattr(half, name) for name in half.__struct_fields__}
        unsaid = PositionBook(**{**args, "liquidation_price": np.full(half.size, np.nan)})
        found = prices_of(unsaid, tiers=inferred_tiers(halves[symbol], book.source)).price
        off = np.abs(found / half.liquidation_price - 1)
        worst = max(worst, float(off[off < 1e-3].max(initial=0.0)))
        if not (off < 1e-3).all():
            wrong[symbol] = int((off >= 1e-3).sum())
    assert wrong == {"MELANIA/USDC:USDC": 2, "PNUT/USDC:USDC": 1}
    assert worst < 1e-4


def _by_instrument(instrument: np.ndarray, rows: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    order = np.argsort(instrument, kind="stable")
    places, starts = np.unique(instrument[order], return_index=True)
    return places.tolist(), np.split(rows[order], starts[1:])


@pytest.mark.data
def test_the_coins_whose_positions_disagree(data_dir: Path) -> None:
    found = largest_leverages(read_table(data_dir / TABLE))
    assert len(found) == 135
    assert sum(one.rows for one in found.values()) == 2_727
    assert {
        symbol: one.exceptions.size for symbol, one in found.items() if one.exceptions.size
    } == {
        "MELANIA/USDC:USDC": 3,
        "PNUT/USDC:USDC": 1,
    }
    assert max(one.worst for one in found.values()) < 2e-4
