"""What a ladder and its levels promise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from airpocket.errors import InputError
from airpocket.leverage.ladder import (
    Forced,
    Ladder,
    Layer,
    Levels,
    Provenance,
    levels_of,
    merged,
)
from airpocket.market.events import Side
from tests.leverage.ladders import Row, ladder, levels, rows_between


def _layer(provenance: Provenance, forced: Forced, usd: float, **more: Any) -> Layer:
    return Layer(
        forced=forced,
        provenance=provenance,
        longs=levels(Side.LONG, [(90.0, usd, usd / 90)]),
        shorts=levels(Side.SHORT, []),
        source="made up",
        **more,
    )


@given(rows_between(1.0, 1e5))
def test_the_nearest_level_comes_first(rows: list[Row]) -> None:
    longs, shorts = levels(Side.LONG, rows), levels(Side.SHORT, rows)
    assert longs.price.tolist() == sorted((row[0] for row in rows), reverse=True)
    assert shorts.price.tolist() == sorted(row[0] for row in rows)
    assert longs.total_usd == pytest.approx(sum(row[1] for row in rows))


def test_rows_stay_whole_when_they_are_ordered() -> None:
    found = levels(
        Side.LONG,
        [(90.0, 1.0, 0.1), (95.0, 2.0, 0.2)],
        count=np.array([3, 4]),
        bankruptcy_price=np.array([89.0, 94.0]),
    )
    assert found.count is not None
    assert found.bankruptcy_price is not None
    rows = zip(
        found.price, found.notional_usd, found.qty_base, found.count, found.bankruptcy_price,
        strict=True,
    )  # fmt: skip
    assert list(rows) == [(95.0, 2.0, 0.2, 4, 94.0), (90.0, 1.0, 0.1, 3, 89.0)]


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, 1e18])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_figure_that_is_none_is_refused(bad: float, column: int) -> None:
    columns = [np.array([1.0, 2.0]) for _ in range(3)]
    columns[column][1] = bad
    name = ("price", "notional_usd", "qty_base")[column]
    with pytest.raises(InputError, match=f"^levels: {name} holds what is no number above 0$"):
        levels_of(Side.LONG, *columns)


@pytest.mark.parametrize("short", range(5))
def test_columns_of_different_lengths_are_refused(short: int) -> None:
    columns: list[Any] = [np.ones(2), np.ones(2), np.ones(2), np.ones(2, dtype=int), np.ones(2)]
    columns[short] = columns[short][:1]
    with pytest.raises(InputError, match="differ in length"):
        levels_of(Side.LONG, *columns)


def test_a_level_of_no_position_is_refused() -> None:
    with pytest.raises(InputError, match="count holds what is below 1"):
        levels(Side.LONG, [(1.0, 1.0, 1.0)], count=np.array([0]))


def test_an_infinite_bankruptcy_price_is_refused_and_an_unknown_one_is_not() -> None:
    with pytest.raises(InputError, match="infinite"):
        levels(Side.LONG, [(1.0, 1.0, 1.0)], bankruptcy_price=np.array([np.inf]))
    levels(Side.LONG, [(1.0, 1.0, 1.0)], bankruptcy_price=np.array([np.nan]))


def test_layers_of_one_provenance_are_merged_and_others_never_added() -> None:
    whole = Ladder(
        venue="okx",
        symbol="BTC/USDT:USDT",
        mark_price=100.0,
        layers=(
            _layer(Provenance.MEASURED, Forced.LIQUIDATION, 5.0),
            _layer(Provenance.MEASURED, Forced.STOP, 7.0),
            _layer(Provenance.ESTIMATED, Forced.LIQUIDATION, 100.0),
        ),
    )
    assert whole.side(Side.LONG).total_usd == 12.0
    assert whole.side(Side.LONG, Provenance.ESTIMATED).total_usd == 100.0
    assert whole.side(Side.SHORT).size == 0
    assert whole.has(Provenance.ESTIMATED)
    assert not ladder([(90.0, 1.0, 1.0)]).has(Provenance.ESTIMATED)


def test_two_layers_of_one_kind_and_provenance_are_refused() -> None:
    one = _layer(Provenance.MEASURED, Forced.STOP, 1.0)
    with pytest.raises(InputError, match="two layers of one kind and provenance"):
        Ladder(venue="okx", symbol="X", mark_price=1.0, layers=(one, one))


@pytest.mark.parametrize("mark", [0.0, -1.0, np.nan, np.inf])
def test_a_mark_price_that_is_none_is_refused(mark: float) -> None:
    with pytest.raises(InputError, match="mark price"):
        Ladder(venue="okx", symbol="X", mark_price=mark, layers=())


@pytest.mark.parametrize("share", [-0.1, 1.01, np.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="not within 0 and 1"):
        _layer(Provenance.MEASURED, Forced.STOP, 1.0, share_of_oi=share)
    assert _layer(Provenance.MEASURED, Forced.STOP, 1.0, share_of_oi=1.0).share_of_oi == 1.0


@given(rows_between(1.0, 100.0), rows_between(1.0, 100.0))
def test_merging_conserves_what_waits(first: list[Row], second: list[Row]) -> None:
    whole = merged([levels(Side.SHORT, first), levels(Side.SHORT, second)], Side.SHORT)
    rows = zip(whole.price.tolist(), whole.notional_usd.tolist(), whole.qty_base, strict=True)
    assert sorted(rows) == sorted(first + second)
    assert bool(np.all(np.diff(whole.price) >= 0))


def test_merging_keeps_counts_only_if_all_are_known_and_marks_unknown_losses() -> None:
    known = levels(
        Side.LONG, [(90.0, 1.0, 1.0)], count=np.array([2]), bankruptcy_price=np.array([80.0])
    )
    unknown = levels(Side.LONG, [(95.0, 1.0, 1.0)])
    both = merged([known, known], Side.LONG)
    assert both.count is not None
    assert both.count.tolist() == [2, 2]
    mixed = merged([known, unknown], Side.LONG)
    assert mixed.count is None
    assert mixed.bankruptcy_price is not None
    assert np.array_equal(mixed.bankruptcy_price, [np.nan, 80.0], equal_nan=True)
    assert merged([unknown, unknown], Side.LONG).bankruptcy_price is None
    assert merged([], Side.LONG).size == 0


def test_some_rows_of_levels() -> None:
    known = levels(Side.LONG, [(90.0, 1.0, 1.0), (80.0, 2.0, 1.0)], count=np.array([2, 3]))
    some = known.rows(slice(1, None))
    assert isinstance(some, Levels)
    assert some.price.tolist() == [80.0]
    assert some.count is not None
    assert some.count.tolist() == [3]
