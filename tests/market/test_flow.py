"""Ticks into bins: one by one and in bulk, late ones, and what a bin says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market import flow
from airpocket.market.columns import Columns
from airpocket.market.events import (
    Bar,
    Coverage,
    ForcedFlow,
    Liquidation,
    Method,
    Side,
    Taker,
    Trade,
)
from airpocket.market.flow import FlowBinner

WIDTH = 100


def trade(at: int | None, price: float = 2.0, **more: Any) -> Trade:
    given_fields: dict[str, Any] = {
        "venue": "okx", "symbol": "X/USDT:USDT", "raw_symbol": "X", "venue_ns": at,
        "price": price, "qty_raw": 1.0, "notional_usd": price,
    }  # fmt: skip
    return Trade(**given_fields | more)


def forced(at: int | None, usd: float | None = 5.0, **more: Any) -> Liquidation:
    given_fields: dict[str, Any] = {
        "venue": "okx", "symbol": "X/USDT:USDT", "raw_symbol": "X", "venue_ns": at,
        "liquidated": Side.LONG, "fill_price": 2.0, "qty_raw": 1.0, "notional_usd": usd,
        "method": Method.BOOK, "coverage": Coverage.CENSUS, "rule_id": "rule",
    }  # fmt: skip
    return Liquidation(**given_fields | more)


def binned(*ticks: Trade | Liquidation) -> list[Bar | ForcedFlow]:
    binner = FlowBinner(WIDTH)
    for tick in ticks:
        binner.add(tick)
    return list(binner.finish())


def test_a_bar_says_prices_counts_and_dollars_of_its_bin() -> None:
    bars = binned(
        trade(110, 3.0),
        trade(150, 5.0, taker=Taker.SELL),
        trade(120, 1.0, notional_usd=None),
        trade(190, 4.0),
        trade(200, 9.0),
    )
    first, second = bars
    assert isinstance(first, Bar)
    assert (first.venue_ns, first.width_ns) == (100, WIDTH)
    assert (first.open, first.high, first.low, first.close) == (3.0, 5.0, 1.0, 4.0)
    assert (first.high_ns, first.low_ns) == (150, 120)
    assert (first.trades, first.usd, first.usd_squared, first.sell_usd) == (4, 12.0, 50.0, 5.0)
    assert second.venue_ns == 200


def test_forced_flow_is_kept_apart_by_side_and_method() -> None:
    flows = binned(
        forced(130),
        forced(110, 7.0),
        forced(140, liquidated=Side.SHORT),
        forced(150, method=Method.ADL),
        forced(160, None, liquidated=None),
    )
    told = {
        (flow.side, flow.method): (flow.count, flow.usd, flow.usd_squared, flow.first_ns)
        for flow in flows
        if isinstance(flow, ForcedFlow)
    }
    assert told == {
        (Side.LONG, Method.BOOK): (2, 12.0, 74.0, 110),
        (Side.SHORT, Method.BOOK): (1, 5.0, 25.0, 140),
        (Side.LONG, Method.ADL): (1, 5.0, 25.0, 150),
        (None, Method.BOOK): (1, None, None, 160),
    }


def test_dollars_that_nobody_knows_are_not_zero() -> None:
    (bar,) = binned(trade(110, notional_usd=None))
    assert isinstance(bar, Bar)
    assert (bar.usd, bar.usd_squared, bar.sell_usd) == (None, None, None)


@pytest.mark.parametrize("how", ["one by one", "in bulk"])
def test_what_comes_after_its_bin_was_taken_is_counted_as_late(how: str) -> None:
    binner = FlowBinner(WIDTH)

    def add(*ticks: Trade) -> None:
        if how == "in bulk":
            binner.add_columns(Columns.gather(ticks))
        else:
            for tick in ticks:
                binner.add(tick)

    add(trade(110), trade(250))
    assert [bin_.venue_ns for bin_ in binner.take()] == [100]
    add(trade(199), trade(None), trade(None, local_ns=210), trade(300))
    assert binner.late == 2
    last = list(binner.finish())
    assert [(bar.venue_ns, bar.trades) for bar in last if isinstance(bar, Bar)] == [
        (200, 2),
        (300, 1),
    ]


def test_bins_stay_open_for_what_is_reordered() -> None:
    binner = FlowBinner(WIDTH, reorder_ns=30)
    binner.add(trade(229))
    assert list(binner.take()) == []
    binner.add(trade(199))
    binner.add(trade(230))
    assert [bin_.venue_ns for bin_ in binner.take()] == [100]
    assert binner.late == 0


@pytest.mark.parametrize(("width", "reorder"), [(0, 0), (-1, 0), (1, -1)])
def test_impossible_widths_are_refused(width: int, reorder: int) -> None:
    with pytest.raises(InputError, match="bin width"):
        FlowBinner(width, reorder_ns=reorder)


_AT = st.one_of(st.none(), st.integers(0, 900))
_USD = st.one_of(st.none(), st.integers(1, 9).map(float))
_NAME = st.sampled_from(["A", "B", "C"])
TRADES = st.builds(
    lambda at, price, name, known, taker, usd: trade(
        at, price, raw_symbol=name, symbol=f"{name}/USDT:USDT" if known else None,
        taker=taker, notional_usd=usd,
    ),
    _AT, st.integers(1, 9).map(float), _NAME, st.booleans(),
    st.sampled_from([None, *Taker]), _USD,
)  # fmt: skip
FORCED = st.builds(
    lambda at, usd, name, side, method, fill: forced(
        at, usd, raw_symbol=name, liquidated=side, method=method, fill_price=fill
    ),
    _AT, _USD, _NAME, st.sampled_from([None, *Side]), st.sampled_from(Method), _USD,
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.lists(TRADES, min_size=1), st.lists(FORCED, min_size=1)), max_size=4),
    st.integers(1, 7),
)
def test_bulk_and_one_by_one_give_the_same_bins(batches: list[list[Any]], block: int) -> None:
    single, bulk = FlowBinner(WIDTH), FlowBinner(WIDTH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "_BLOCK", block)
        for batch in batches:
            bulk.add_columns(Columns.gather(batch))
            for tick in batch:
                single.add(tick)
            assert list(bulk.take()) == list(single.take())
        assert list(bulk.finish()) == list(single.finish())
    assert bulk.late == single.late


def test_bulk_with_more_names_than_a_table_has_room_for() -> None:
    ticks = [
        trade(100 + number, raw_symbol=f"X{number}", symbol=f"X{number}/USDT:USDT")
        for number in range(300)
    ]
    binner = FlowBinner(1_000)
    binner.add_columns(Columns.gather(ticks))
    bars = list(binner.finish())
    assert sorted(bar.raw_symbol for bar in bars) == sorted(tick.raw_symbol for tick in ticks)
    assert all(isinstance(bar, Bar) and bar.trades == 1 for bar in bars)
