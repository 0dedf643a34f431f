"""Positions by tick: nothing is lost, the mark reaches each where it should, no order matters."""

from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage import binning
from airpocket.leverage.binning import levels_from_prices
from airpocket.leverage.ladder import Levels
from airpocket.market.events import Side

TICKS = ("0.1", "0.01", "0.5", "1", "2.5", "100", "0.00001")
SIDES = (Side.LONG, Side.SHORT)


def _twin(
    side: Side, rows: list[tuple[Decimal, float, float, float]], tick: Decimal, mark: Decimal
) -> list[tuple[float, float, float, int, float]]:
    """Round each price outward in decimals and add up in a dictionary."""
    rounding = ROUND_FLOOR if side is Side.LONG else ROUND_CEILING
    bound = max(int((mark / tick).to_integral_value(rounding)), 1)
    found: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0, 0.0])
    for price, usd, qty, lost in rows:
        index = max(int((price / tick).to_integral_value(rounding)), 1)
        index = min(index, bound) if side is Side.LONG else max(index, bound)
        level = found[index]
        level[0] += usd
        level[1] += qty
        level[2] += 1
        level[3] += qty * lost
    ordered = sorted(found, reverse=side is Side.LONG)
    return [
        (float(index * tick), found[index][0], found[index][1], int(found[index][2]),
         found[index][3] / found[index][1])
        for index in ordered
    ]  # fmt: skip


def _listed(levels: Levels) -> list[tuple[float, float, float, int, float]]:
    assert levels.count is not None
    assert levels.bankruptcy_price is not None
    return list(
        zip(
            levels.price.tolist(), levels.notional_usd.tolist(), levels.qty_base.tolist(),
            levels.count.tolist(), levels.bankruptcy_price.tolist(), strict=True,
        )
    )  # fmt: skip


@pytest.fixture(params=[1, 2, 700])
def _sorts_far_ones(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table hold one tick, two, or some of those that are needed."""
    monkeypatch.setattr(binning, "_TABLE_MOST", request.param)


def _check(
    side: Side, rows: list[tuple[int, float, float, float]], tick: Decimal, mark: int
) -> None:
    """``rows`` hold prices in tenths of a tick, so that many lie on one and many beside."""
    exact = [(tick * price / 10, usd, qty, lost) for price, usd, qty, lost in rows]
    price, usd, qty, lost = (
        np.array(list(column), dtype=float) for column in zip(*exact, strict=True)
    )
    found = levels_from_prices(
        side, price, usd, qty, tick=float(tick), mark_price=float(tick * mark / 10),
        bankruptcy_price=lost,
    )  # fmt: skip
    assert _listed(found) == _twin(side, exact, tick, tick * mark / 10)


_SIZE = st.floats(1e-6, 1e9)
_ROWS = st.lists(st.tuples(st.integers(1, 20_000), _SIZE, _SIZE, _SIZE), min_size=1, max_size=40)


@given(st.sampled_from(SIDES), _ROWS, st.sampled_from(TICKS).map(Decimal), st.integers(1, 20_000))
def test_levels_are_those_of_the_plain_twin(
    side: Side, rows: list[tuple[int, float, float, float]], tick: Decimal, mark: int
) -> None:
    _check(side, rows, tick, mark)


@pytest.mark.usefixtures("_sorts_far_ones")
@pytest.mark.parametrize("side", SIDES)
def test_sorted_levels_are_those_of_the_plain_twin(side: Side) -> None:
    draws = np.random.default_rng(5)
    for tick in TICKS:
        rows = [
            (int(draws.integers(1, 20_000)), *draws.exponential(1e4, 3).tolist())
            for _ in range(300)
        ]
        _check(side, rows, Decimal(tick), 15_000)


@pytest.mark.parametrize("side", SIDES)
def test_counting_and_sorting_find_the_same(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(3)
    price = draws.uniform(50.0, 150.0, 30_000)
    usd, qty = draws.exponential(1e4, 30_000), draws.exponential(10.0, 30_000)

    def listed() -> list[tuple[float, float, float, int, float]]:
        return _listed(
            levels_from_prices(
                side, price, usd, qty, tick=0.01, mark_price=100.0, bankruptcy_price=price
            )
        )

    counted = listed()
    for most in (1, 2_000):
        monkeypatch.setattr(binning, "_TABLE_MOST", most)
        assert listed() == counted


@settings(max_examples=50)
@given(
    st.sampled_from(SIDES),
    st.lists(st.tuples(st.floats(1e-3, 1e6), _SIZE, _SIZE), min_size=1, max_size=60),
    st.sampled_from([1e-4, 0.1, 7.0]),
)
def test_dollars_coins_and_positions_are_conserved(
    side: Side, rows: list[tuple[float, float, float]], tick: float
) -> None:
    price, usd, qty = (np.array(column) for column in zip(*rows, strict=True))
    found = levels_from_prices(side, price, usd, qty, tick=tick, mark_price=1_000.0)
    assert found.total_usd == pytest.approx(usd.sum(), rel=1e-12)
    assert found.qty_base.sum() == pytest.approx(qty.sum(), rel=1e-12)
    assert found.count is not None
    assert found.count.sum() == len(rows)
    assert found.bankruptcy_price is None
    steps = np.diff(found.price)
    assert bool(np.all(steps < 0 if side is Side.LONG else steps > 0))


@given(_ROWS)
def test_shorts_mirror_longs(rows: list[tuple[int, float, float, float]]) -> None:
    """What lies below a mark, laid above it at the same distance, gives the same levels there."""
    ticks, usd, qty, _ = (np.array(list(column), dtype=float) for column in zip(*rows, strict=True))
    distance = ticks / 10  # in ticks of 1
    longs = levels_from_prices(
        Side.LONG, 30_000 - distance, usd, qty, tick=1.0, mark_price=30_000.0
    )
    shorts = levels_from_prices(
        Side.SHORT, 30_000 + distance, usd, qty, tick=1.0, mark_price=30_000.0
    )
    assert (30_000 - longs.price).tolist() == (shorts.price - 30_000).tolist()
    assert longs.notional_usd.tolist() == shorts.notional_usd.tolist()
    assert longs.qty_base.tolist() == shorts.qty_base.tolist()


def test_a_long_is_set_off_below_its_price_and_a_short_above() -> None:
    one = np.ones(1)
    long = levels_from_prices(Side.LONG, np.array([90.07]), one, one, tick=0.1, mark_price=100.0)
    short = levels_from_prices(Side.SHORT, np.array([110.02]), one, one, tick=0.1, mark_price=100.0)
    assert (long.price.tolist(), short.price.tolist()) == ([90.0], [110.1])


@pytest.mark.parametrize("price", [0.3, 0.1 + 0.2, 0.7, 1.1, 2.3, 4.35])
def test_a_price_within_rounding_of_a_tick_is_on_it(price: float) -> None:
    one = np.ones(1)
    for side in SIDES:
        mark = 10.0 if side is Side.LONG else 0.05
        found = levels_from_prices(side, np.array([price]), one, one, tick=0.05, mark_price=mark)
        assert found.price.tolist() == pytest.approx([price], rel=1e-15)


def test_what_the_mark_has_passed_waits_at_the_mark() -> None:
    price, one = np.array([105.0, 99.0, 130.0]), np.ones(3)
    longs = levels_from_prices(Side.LONG, price, one, one, tick=0.1, mark_price=100.0)
    assert longs.price.tolist() == [100.0, 99.0]
    assert longs.notional_usd.tolist() == [2.0, 1.0]
    shorts = levels_from_prices(Side.SHORT, price, one, one, tick=0.1, mark_price=100.0)
    assert shorts.price.tolist() == [100.0, 105.0, 130.0]


def test_a_range_of_ticks_that_is_too_wide_is_sorted() -> None:
    price = np.array([1e-6, 3.0, 9e4])
    found = levels_from_prices(Side.LONG, price, np.ones(3), np.ones(3), tick=1e-8, mark_price=1e5)
    assert found.price.tolist() == pytest.approx([9e4, 3.0, 1e-6])


def test_one_unknown_bankruptcy_price_leaves_that_of_its_level_unknown() -> None:
    found = levels_from_prices(
        Side.LONG, np.array([90.0, 90.0, 80.0]), np.ones(3), np.array([1.0, 3.0, 1.0]), tick=1.0,
        mark_price=100.0, bankruptcy_price=np.array([np.nan, 88.0, 79.0]),
    )  # fmt: skip
    assert found.bankruptcy_price is not None
    assert np.array_equal(found.bankruptcy_price, [np.nan, 79.0], equal_nan=True)


def test_no_positions_make_no_levels() -> None:
    none = np.empty(0)
    assert levels_from_prices(Side.LONG, none, none, none, tick=1.0, mark_price=1.0).size == 0


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_figure_that_is_none_is_refused_with_its_row(bad: float, column: int) -> None:
    columns = [np.full(5, 2.0) for _ in range(3)]
    columns[column][3] = bad
    name = ("price", "notional_usd", "qty_base")[column]
    with pytest.raises(InputError, match=f"{name} {bad!r} of position 3 is no number above 0"):
        levels_from_prices(Side.LONG, *columns, tick=0.1, mark_price=5.0)


def test_an_infinite_bankruptcy_price_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(InputError, match="bankruptcy_price of position 0 is infinite"):
        levels_from_prices(
            Side.LONG, one, one, one, tick=1.0, mark_price=1.0, bankruptcy_price=np.array([-np.inf])
        )


def test_columns_of_different_lengths_are_refused() -> None:
    one, two = np.ones(1), np.ones(2)
    for columns in ((one, two, one), (one, one, two), (two, one, one)):
        with pytest.raises(InputError, match="differ in length"):
            levels_from_prices(Side.LONG, *columns, tick=1.0, mark_price=1.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_tick_or_mark_that_is_none_is_refused(bad: float) -> None:
    one = np.ones(1)
    with pytest.raises(InputError, match="tick"):
        levels_from_prices(Side.LONG, one, one, one, tick=bad, mark_price=1.0)
    with pytest.raises(InputError, match="mark_price"):
        levels_from_prices(Side.LONG, one, one, one, tick=1.0, mark_price=bad)


def test_a_tick_that_is_too_fine_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(InputError, match="too fine"):
        levels_from_prices(Side.LONG, 1e9 * one, one, one, tick=1e-8, mark_price=1e9)
