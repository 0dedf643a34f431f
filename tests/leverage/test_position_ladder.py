"""A ladder holds every dollar that was measured, once, and says what it leaves out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.ladder import Forced, Provenance
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_ladder import ladder_of
from airpocket.leverage.position_prices import WithoutAccount
from airpocket.leverage.tiers import table_of
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from tests.leverage.contracts import contract
from tests.leverage.frames import BTC, ETH, INVERSE, catalogue_of, frame

NAN = float("nan")
TIERS = table_of(BTC.symbol, [(0, 1e9, 0.005, 0, 50)], "made up")

Row = tuple[bool, float, float, float]


def _said(rows: list[Row], at: Instrument = BTC, **more: Any) -> PositionBook:
    """Long, size, entry and the price that is said."""
    is_long, size, entry, price = (np.array(column) for column in zip(*rows, strict=True))
    unknown = np.full(len(rows), np.nan)
    columns: dict[str, Any] = {
        "margin": unknown,
        "leverage": np.full(len(rows), 10.0),
        "is_cross": np.zeros(len(rows), dtype=np.bool_),
        **more,
    }
    return PositionBook(
        (at,), np.zeros(len(rows), dtype=np.int32), is_long, size.astype(float),
        entry.astype(float), columns["margin"], columns["leverage"], columns["is_cross"],
        price.astype(float), "made up", at_ns=columns.get("at_ns"),
    )  # fmt: skip


def test_levels_of_both_sides_nearest_first() -> None:
    book = _said([
        (True, 1.0, 100.0, 80.0), (True, 2.0, 100.0, 90.0), (False, 3.0, 100.0, 120.0),
        (False, 4.0, 100.0, 110.0), (True, 5.0, 100.0, 100.0), (False, 6.0, 100.0, 99.0),
        (True, 7.0, 100.0, float("inf")),
    ], at_ns=5)  # fmt: skip
    found = ladder_of(book, "BTC/USDT:USDT", 100.0)
    layer = found.layers[0]
    assert (found.venue, found.symbol, found.mark_price, found.at_ns) == (
        "x", "BTC/USDT:USDT", 100.0, 5,
    )  # fmt: skip
    assert (layer.forced, layer.provenance) == (Forced.LIQUIDATION, Provenance.MEASURED)
    assert layer.longs.price.tolist() == [90.0, 80.0]
    assert layer.longs.notional_usd.tolist() == [180.0, 80.0]
    assert layer.longs.qty_base.tolist() == [2.0, 1.0]
    assert layer.shorts.price.tolist() == [110.0, 120.0]
    assert layer.shorts.notional_usd.tolist() == [440.0, 360.0]
    assert layer.shorts.count is not None
    assert layer.shorts.count.tolist() == [1, 1]
    assert layer.longs.bankruptcy_price is not None
    assert layer.longs.bankruptcy_price.tolist() == [90.0, 90.0]
    assert layer.share_of_oi is None
    assert "7 of 7 liquidation prices are as the source says" in layer.assumed
    past = "2 positions of $1,100 at the mark: past their liquidation price at the mark: left out"
    assert past in layer.assumed


def test_inverse_contracts_are_dollars() -> None:
    book = _said([(True, 3.0, 100.0, 80.0), (False, 2.0, 100.0, 125.0)], INVERSE)
    layer = ladder_of(book, "BTC/USD:BTC", 100.0, open_interest_usd=500.0).layers[0]
    assert layer.longs.notional_usd.tolist() == [300.0]
    assert layer.longs.qty_base.tolist() == [300.0 / 80.0]
    assert layer.shorts.notional_usd.tolist() == [200.0]
    assert layer.shorts.qty_base.tolist() == [200.0 / 125.0]
    assert layer.share_of_oi == 0.5


def test_cross_positions_without_an_account() -> None:
    rows: list[Row] = [(True, 1.0, 100.0, 80.0), (True, 10.0, 100.0, NAN)]
    cross = np.array([False, True])
    book = _said(rows, is_cross=cross)
    out = ladder_of(book, "BTC/USDT:USDT", 100.0, open_interest_usd=1e4).layers[0]
    assert out.longs.size == 1
    assert out.share_of_oi == 0.005  # what is left out was not measured
    said = "1 positions of $1,000 at the mark: cross, with neither a liquidation price nor an"
    assert any(one.startswith(said) for one in out.assumed)
    kept = ladder_of(
        book, "BTC/USDT:USDT", 100.0, tiers=TIERS, open_interest_usd=1e4,
        without_account=WithoutAccount.AS_ISOLATED,
    ).layers[0]  # fmt: skip
    np.testing.assert_allclose(kept.longs.price, [90 / 0.995, 80.0])
    assert kept.share_of_oi == pytest.approx(0.055)
    assert any("isolated-margin approximation" in one for one in kept.assumed)
    # Isolated positions are the same in both.
    assert not any("isolated-margin approximation" in one for one in out.assumed)


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0.01, 100), st.floats(50, 150), st.floats(20, 300)),
        min_size=1,
        max_size=50,
    ),
    st.sampled_from([None, 0.5, 7.0]),
    st.sampled_from([BTC, INVERSE]),
)
def test_every_dollar_is_in_one_level_or_said_to_be_past(
    rows: list[Row], tick: float | None, instrument: Instrument
) -> None:
    mark = 100.0
    book = _said(rows, instrument, is_cross=np.ones(len(rows), dtype=np.bool_))
    layer = ladder_of(book, instrument.symbol, mark, tick=tick).layers[0]
    for side in Side:
        levels = layer.side(side)
        is_long = side is Side.LONG
        ours = [row for row in rows if row[0] is is_long]
        kept = [row for row in ours if (row[3] < mark if is_long else row[3] > mark)]
        usd = [instrument.notional_usd(row[1], row[3]) or 0.0 for row in kept]
        coins = [instrument.qty_base(row[1], row[3]) or 0.0 for row in kept]
        assert levels.total_usd == pytest.approx(sum(usd))
        assert float(levels.qty_base.sum()) == pytest.approx(sum(coins))
        assert levels.count is not None
        assert int(levels.count.sum()) == len(kept)
        away = (mark - levels.price) * (1 if is_long else -1)
        assert (np.diff(away) >= 0).all()
        if tick is None:
            assert sorted(levels.price) == sorted(row[3] for row in kept)
        else:
            np.testing.assert_allclose(np.rint(levels.price / tick), levels.price / tick)


def test_one_instrument_of_many() -> None:
    book = PositionBook.from_frame(frame(), catalogue_of=catalogue_of, venue="x")
    tiers = table_of(ETH.symbol, [(0, 1e9, 0.01, 0, 20)], "made up")
    found = ladder_of(book, "ETH/USDT:USDT", 2_950.0, tiers=tiers)
    assert found.layers[0].longs.size == 0
    assert found.layers[0].shorts.price[0] == pytest.approx(3_000 * 1.2 / 1.01)
    assert found.layers[0].assumed[0].startswith("all positions are isolated")


def test_what_is_refused() -> None:
    book = PositionBook.from_frame(
        frame(leverage=[10.0, 60.0]), catalogue_of=catalogue_of, venue="x"
    )
    tiers = table_of(ETH.symbol, [(0, 1e9, 0.01, 0, 20)], "made up")
    with pytest.raises(InputError, match=r"frame: position 2 \(ETH/USDT:USDT\): leverage 60 is"):
        ladder_of(book, "ETH/USDT:USDT", 3_000.0, tiers=tiers)
    with pytest.raises(InputError, match="holds no position of SOL"):
        ladder_of(book, "SOL", 100.0)
    with pytest.raises(InputError, match="give its tiers"):
        ladder_of(book, "ETH/USDT:USDT", 3_000.0)
    swapped = _said([(True, 100.0, 0.5, NAN)])
    with pytest.raises(InputError, match="size and entry_price look swapped"):
        ladder_of(swapped, "BTC/USDT:USDT", 101.0, tiers=TIERS)
    quanto = contract("x", "ETH/USD:BTC", Kind.QUANTO)
    with pytest.raises(InputError, match="no value in US dollars"):
        ladder_of(_said([(True, 1.0, 100.0, 90.0)], quanto), "ETH/USD:BTC", 100.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, NAN, float("inf")])
def test_figures_that_are_none(bad: float) -> None:
    book = _said([(True, 1.0, 100.0, 90.0)])
    with pytest.raises(InputError, match="mark price"):
        ladder_of(book, "BTC/USDT:USDT", bad)
    with pytest.raises(InputError, match="open interest"):
        ladder_of(book, "BTC/USDT:USDT", 100.0, open_interest_usd=bad)
    with pytest.raises(InputError, match="tick"):
        ladder_of(book, "BTC/USDT:USDT", 100.0, tick=bad)


def test_open_interest_must_hold_the_positions() -> None:
    book = _said([(True, 10.0, 100.0, 90.0), (False, 10.0, 100.0, 110.0)])
    whole = ladder_of(book, "BTC/USDT:USDT", 100.0, open_interest_usd=1_000.0)
    assert whole.layers[0].share_of_oi == 1.0
    with pytest.raises(InputError, match=r"2\.00 times the open interest of \$500"):
        ladder_of(book, "BTC/USDT:USDT", 100.0, open_interest_usd=500.0)
